//! Tasks that no service looks after: each is started once and lives until its command ends (API `RunTask`).
//!
//! Who started one is said by `startedBy`, as the only thing that can be asked for (API `ListTasks`). Ours
//! begin with [`STARTER`], so that the removal of a stack finds and stops them.

use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{Failure, Task};

use crate::aws::{AllPages, Aws, Doing, Error, Meanings, Result, missing};
use crate::diagnosis::StoppedTask;

/// What the starter of every task of ours begins with.
pub const STARTER: &str = "ecsup-";

/// What the start of a task waits for.
const NOT_YET: &[&str] = &[
    // A role or a subnet was just made.
    "ClientException: ECS was unable to assume the role",
    "InvalidParameterException: (ErrorCode: InvalidSubnetID.NotFound)",
    "InvalidParameterException: (ErrorCode: InvalidGroup.NotFound)",
    "InvalidParameterException: The specified capacity provider",
    "InvalidParameterException: not associated with the cluster",
];

/// Why `RunTask` starts nothing although it answers with 200, where that may pass.
const PASSING: &[&str] = &["RESOURCE:", "AGENT", "Capacity is unavailable"];

/// Starts one task, and tells its ARN.
pub async fn start(run: RunTaskFluentBuilder, doing: &str) -> Result<String> {
    let ran = run.count(1).send().await.doing(doing).wait_on(NOT_YET)?;
    if let Some(task) = ran.tasks().first().and_then(Task::task_arn) {
        return Ok(task.to_owned());
    }
    let failure = ran.failures().first().ok_or_else(|| missing(doing, "task"))?;
    Err(refused(doing, failure))
}

/// Why nothing was started, which `RunTask` says in an answer of 200 (ECS guide, "API failure reasons").
fn refused(doing: &str, failure: &Failure) -> Error {
    let reason = failure.reason().unwrap_or("ECS does not say why");
    let detail = failure.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let error = Error::other(doing, format!("{reason}{detail}"));
    match PASSING.iter().any(|it| reason.contains(it)) {
        true => error.not_yet(),
        false => error,
    }
}

/// The ARNs of the tasks of one starter that are to run. ECS takes no other filter beside this one.
pub async fn started_by(aws: &Aws, cluster: &str, starter: &str) -> Result<Vec<String>> {
    list(aws, cluster, Some(starter)).await
}

async fn list(aws: &Aws, cluster: &str, starter: Option<&str>) -> Result<Vec<String>> {
    let tasks = aws.ecs.list_tasks().cluster(cluster).set_started_by(starter.map(str::to_owned));
    tasks.into_paginator().items().send().all().await.doing("list the one-off tasks")
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// ECS does not show it, as for some seconds after its start.
    Unseen,
    /// It has yet to start: `PROVISIONING`, `PENDING`, `ACTIVATING`.
    Coming(String),
    /// Its containers run.
    Running,
    /// They have ended, or are about to: `DEACTIVATING`, `STOPPING`, `DEPROVISIONING`.
    Ending,
    /// It has ended.
    Stopped(StoppedTask),
}

/// How far a task is.
pub async fn look(aws: &Aws, cluster: &str, task: &str) -> Result<State> {
    let seen = described(aws, cluster, vec![task.to_owned()]).await?.pop();
    Ok(match seen.as_ref().and_then(|it| Some((it, it.last_status()?))) {
        None => State::Unseen,
        Some((it, "STOPPED")) => State::Stopped(StoppedTask::from(it)),
        Some((_, "RUNNING")) => State::Running,
        Some((_, "DEACTIVATING" | "STOPPING" | "DEPROVISIONING")) => State::Ending,
        Some((_, other)) => State::Coming(other.to_owned()),
    })
}

async fn described(aws: &Aws, cluster: &str, tasks: Vec<String>) -> Result<Vec<Task>> {
    let described = aws.ecs.describe_tasks().cluster(cluster).set_tasks(Some(tasks)).send().await;
    Ok(described.doing("look at the one-off task")?.tasks.unwrap_or_default())
}

/// Asks a task to stop; one that has ended already is fine.
pub async fn stop(aws: &Aws, cluster: &str, task: &str, why: &str) -> Result<()> {
    let stop = aws.ecs.stop_task().cluster(cluster).task(task).reason(why).send().await;
    let stop = stop.doing("stop the one-off task");
    stop.gone_is_fine(&["InvalidParameterException: not found"]).map(drop)
}

/// Stops all tasks of ours in a cluster that no service looks after, when that goes.
pub(super) async fn stop_all(aws: &Aws, cluster: &str) -> Result<()> {
    let tasks = list(aws, cluster, None).await?;
    // As many as one question takes.
    for batch in tasks.chunks(100) {
        let is_ours = |task: &Task| task.started_by().is_some_and(|it| it.starts_with(STARTER));
        let ours = described(aws, cluster, batch.to_vec()).await?.into_iter().filter(is_ours);
        for task in ours.filter_map(|task| task.task_arn) {
            stop(aws, cluster, &task, "The stack is removed").await?;
        }
    }
    Ok(())
}
