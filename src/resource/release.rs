//! The release command of a service: a one-off task of a new revision, which runs to its end before any
//! service is updated.
//!
//! It is an action on the revision, which notes in a tag that its command has ended well: so a deploy that
//! died afterwards does not run it again, and one that died meanwhile finds the task that runs. What the
//! command has done, nobody undoes: it has to bear repetition.

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_ecs::types::{
    ContainerOverride, Failure, KeyValuePair, LaunchType, Tag, Task, TaskOverride,
};
use tokio::time::Instant;

use super::service::{Network, strategy};
use super::task_definition::{self, TaskDefinition};
use super::{
    Acted, Action, Difference, Kind, capacity_provider, cluster, log_group, security_group, subnet,
};
use crate::arn::last_part;
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, missing};
use crate::names::{NodeName, ServiceName};

/// The tag of a revision whose release command has ended well.
pub const TAG_RELEASED: &str = "ecsup-released";
/// The variable that a release command is run with, as on Fly.
const VARIABLE: (&str, &str) = ("RELEASE_COMMAND", "1");
/// What the starter of release commands begins with.
const STARTER: &str = "ecsup-release/";
/// How many of its last lines are told when it fails.
const LINES: i32 = 12;

/// Why `RunTask` starts nothing although it answers with 200, where that may pass.
const PASSING: &[&str] = &["RESOURCE:", "AGENT", "Capacity is unavailable"];

/// The release command that is wanted.
#[derive(Debug)]
pub struct Release {
    /// The service, whose container runs it.
    pub service: ServiceName,
    /// Its words.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// ARN of the revision that the service runs so far.
    pub runs: Option<String>,
    /// Whether its task gets a public address, on Fargate.
    pub public_address: bool,
    /// Ids of the security groups of others that tasks have.
    pub more_groups: Vec<String>,
    /// The task that this run has begun, or has found begun, and when.
    pub begun: RefCell<Option<(String, Instant)>>,
}

/// What a release command takes from others, besides the revision.
#[derive(Debug)]
pub struct Needs {
    /// The cluster.
    pub cluster: cluster::Output,
    /// The subnets of tasks.
    pub subnets: Vec<subnet::Output>,
    /// The security group of tasks.
    pub group: security_group::Output,
    /// What tasks run on; Fargate without.
    pub provider: Option<capacity_provider::Output>,
    /// Where its output goes.
    pub log_group: log_group::Output,
}

impl Action for Release {
    type Target = TaskDefinition;
    type Needs = Needs;
    const KIND: Kind = Kind::Release;

    fn due(&self, it: &task_definition::Output) -> Option<Difference> {
        let is_new = self.runs.as_deref() != Some(it.arn.as_str());
        let is_due = is_new && it.released == Some(false);
        is_due.then(|| Difference::update((), "command", "not run", self.command.join(" ")))
    }

    fn takes(&self) -> Duration {
        self.timeout
    }

    async fn act(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &task_definition::Output,
        needs: &Needs,
    ) -> Result<Acted> {
        let aws = &cx.aws;
        let cluster = needs.cluster.name.as_str();
        let Some((task, since)) = self.begun.borrow().clone() else {
            let task = match self.running(aws, cluster, it).await? {
                Some(task) => task,
                None => self.run(cx, node, it, needs).await?,
            };
            self.begun.replace(Some((task, Instant::now())));
            return Ok(Acted::Going("its task to start".to_owned()));
        };
        let Some(seen) = describe(aws, cluster, vec![task.clone()]).await?.into_iter().next()
        else {
            // ECS may not show yet what it has just started.
            return Ok(Acted::Going("ECS to show its task".to_owned()));
        };
        let id = last_part(&task);
        if seen.last_status() != Some("STOPPED") {
            if since.elapsed() < self.timeout {
                return Ok(Acted::Going(match seen.last_status() {
                    Some("RUNNING") => format!("`{}` to end (task {id})", self.command.join(" ")),
                    _ => format!("its task to start (task {id})"),
                }));
            }
            stop(aws, cluster, &task, "Its release command took too long").await?;
            let limit = self.timeout.as_secs();
            let why = format!("it had not ended after {limit} s, and its task {id} was stopped");
            return Err(self.failed(aws, &needs.log_group, id, &why).await);
        }
        let own = seen.containers().iter().find(|it| it.name() == Some(self.service.as_str()));
        match own.and_then(aws_sdk_ecs::types::Container::exit_code) {
            Some(0) => {
                self.note(aws, it).await?;
                Ok(Acted::Done)
            }
            Some(code) => {
                let why = format!("it ended with {code} (task {id})");
                Err(self.failed(aws, &needs.log_group, id, &why).await)
            }
            None => {
                let reason = seen.stopped_reason().unwrap_or("ECS does not say why");
                let why = format!("its task {id} did not start: {reason}");
                Err(self.failed(aws, &needs.log_group, id, &why).await)
            }
        }
    }
}

impl Release {
    /// What `startedBy` says of its tasks.
    fn starter(&self, it: &task_definition::Output) -> String {
        let revision = it.arn.as_str().rsplit(':').next().unwrap_or_default();
        format!("{STARTER}{}/{revision}", self.service)
    }

    /// The task of an interrupted run that still runs the command of this revision.
    async fn running(
        &self,
        aws: &Aws,
        cluster: &str,
        it: &task_definition::Output,
    ) -> Result<Option<String>> {
        let tasks = started_by(aws, cluster, Some(&self.starter(it))).await?;
        Ok(tasks.into_iter().next())
    }

    async fn run(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &task_definition::Output,
        needs: &Needs,
    ) -> Result<String> {
        const DOING: &str = "start the release command";
        let Needs { cluster, subnets, group, provider, .. } = needs;
        let public = provider.is_none().then_some(self.public_address);
        let network = Network::of(subnets, group, &self.more_groups, public);
        let (name, value) = VARIABLE;
        let own = ContainerOverride::builder()
            .name(self.service.as_str())
            .set_command(Some(self.command.clone()))
            .environment(KeyValuePair::builder().name(name).value(value).build())
            .build();
        let run = cx
            .aws
            .ecs_once
            .run_task()
            .cluster(&cluster.name)
            .task_definition(it.arn.as_str())
            .count(1)
            .started_by(self.starter(it))
            .network_configuration(network.configuration(DOING)?)
            .overrides(TaskOverride::builder().container_overrides(own).build())
            .set_tags(Some(cx.ecs_tags(node)));
        let run = match provider {
            Some(provider) => run.capacity_provider_strategy(strategy(provider, DOING)?),
            None => run.launch_type(LaunchType::Fargate),
        };
        let ran = run.send().await.doing(DOING).wait_on(NOT_YET)?;
        if let Some(task) = ran.tasks().first().and_then(Task::task_arn) {
            return Ok(task.to_owned());
        }
        let failure = ran.failures().first().ok_or_else(|| missing(DOING, "task"))?;
        Err(refused(DOING, failure))
    }

    /// Notes that the command has ended well, for later runs.
    async fn note(&self, aws: &Aws, it: &task_definition::Output) -> Result<()> {
        let tag = Tag::builder().key(TAG_RELEASED).value("yes").build();
        let tag = aws.ecs.tag_resource().resource_arn(it.arn.as_str()).tags(tag);
        tag.send().await.doing("note that the release command has ended").map(drop)
    }

    /// That it failed, with its last lines where they may be read.
    async fn failed(&self, aws: &Aws, group: &log_group::Output, id: &str, why: &str) -> Error {
        let stream = format!("{0}/{0}/{id}", self.service);
        let read = aws.logs.get_log_events().log_group_name(&group.name).log_stream_name(stream);
        let read = read.limit(LINES).start_from_head(false).send().await;
        let lines = match read.doing("read what it wrote") {
            Ok(read) => {
                let events = read.events().iter().filter_map(|event| event.message());
                events.fold(String::new(), |all, line| format!("{all}\n  {}", line.trim_end()))
            }
            Err(error) if error.is_denied() => {
                "\n  what it wrote cannot be read: `ecsup permissions --part release` allows it"
                    .to_owned()
            }
            Err(_) => String::new(),
        };
        let command = self.command.join(" ");
        Error::other(format!("run the release command `{command}`"), format!("{why}{lines}"))
    }
}

/// What the start of a task waits for.
const NOT_YET: &[&str] = &[
    // A role or a subnet was just made.
    "ClientException: ECS was unable to assume the role",
    "InvalidParameterException: (ErrorCode: InvalidSubnetID.NotFound)",
    "InvalidParameterException: (ErrorCode: InvalidGroup.NotFound)",
    "InvalidParameterException: The specified capacity provider",
    "InvalidParameterException: not associated with the cluster",
];

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

/// The tasks of a cluster that run release commands: all, or those of one starter.
async fn started_by(aws: &Aws, cluster: &str, starter: Option<&str>) -> Result<Vec<String>> {
    const DOING: &str = "list the tasks of release commands";
    // It takes no other filter beside this one, and lists what is to run.
    let tasks = aws.ecs.list_tasks().cluster(cluster).set_started_by(starter.map(str::to_owned));
    let tasks = tasks.into_paginator().items().send().all().await.doing(DOING)?;
    if starter.is_some() || tasks.is_empty() {
        return Ok(tasks);
    }
    let mut ours = Vec::new();
    for batch in tasks.chunks(100) {
        let seen = describe(aws, cluster, batch.to_vec()).await?.into_iter();
        let is_ours = |task: &Task| task.started_by().is_some_and(|it| it.starts_with(STARTER));
        ours.extend(seen.filter(is_ours).filter_map(|task| task.task_arn));
    }
    Ok(ours)
}

async fn describe(aws: &Aws, cluster: &str, tasks: Vec<String>) -> Result<Vec<Task>> {
    let described = aws.ecs.describe_tasks().cluster(cluster).set_tasks(Some(tasks)).send().await;
    Ok(described.doing("look at the release command")?.tasks.unwrap_or_default())
}

async fn stop(aws: &Aws, cluster: &str, task: &str, why: &str) -> Result<()> {
    let stop = aws.ecs.stop_task().cluster(cluster).task(task).reason(why).send().await;
    let stop = stop.doing("stop the release command");
    stop.gone_is_fine(&["InvalidParameterException: not found"]).map(drop)
}

/// Stops all release commands of a cluster, when that goes.
pub(super) async fn stop_all(aws: &Aws, cluster: &str) -> Result<()> {
    for task in started_by(aws, cluster, None).await? {
        stop(aws, cluster, &task, "The stack is removed").await?;
    }
    Ok(())
}
