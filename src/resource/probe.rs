//! A task that asks the services of a stack from inside its network: one-off, of a revision that is made for it
//! and is gone before it ends.
//!
//! It runs on Fargate, also beside instances, of which it takes no room. Its revision is of a family that no
//! service can have, and has the stack's tags: what a run leaves behind that has died, the next one, a deploy
//! or a destroy removes.

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, ContainerOverride, LaunchType, LogConfiguration, LogDriver,
    NetworkMode, TaskDefinition as Described, TaskOverride,
};

use super::id::{RoleArn, TaskDefinitionArn};
use super::service::Network;
use super::task_definition::{self, TaskDefinition};
use super::{Resource as _, one_off};
use crate::aws::{Aws, Cx, Doing, Error, Meanings as _, Result, missing};
use crate::logs;
use crate::names::NodeName;

/// What it is called in the place of a service: no service has an underscore in its name.
const NAME: &str = "_verify";
/// The name of its container.
pub const CONTAINER: &str = "probe";
/// The smallest task that Fargate has, in CPU units and MiB (ECS guide, "Fargate task sizes").
const SIZE: (&str, &str) = ("256", "512");

/// What a probe is made from.
#[derive(Debug)]
pub struct Probe<'a> {
    /// Its image.
    pub image: &'a str,
    /// Its entry point, whatever that of the image is.
    pub program: &'a str,
    /// The role with which ECS pulls its image and writes its log.
    pub role: &'a RoleArn,
    /// Where its output goes.
    pub log_group: &'a str,
}

impl Probe<'_> {
    /// Registers its revision. One more, after a lost answer, goes with it.
    pub async fn register(&self, cx: &Cx) -> Result<TaskDefinitionArn> {
        const DOING: &str = "register the task definition of the probe";
        let log = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let log = [
            ("awslogs-group", self.log_group),
            ("awslogs-region", cx.names.region()),
            ("awslogs-stream-prefix", NAME),
            // It has nothing else to do than to tell all of it.
            ("mode", "blocking"),
        ]
        .into_iter()
        .fold(log, |log, (key, value)| log.options(key, value))
        .build()
        .map_err(|why| Error::other(DOING, why.to_string()))?;
        let container = ContainerDefinition::builder()
            .name(CONTAINER)
            .image(self.image)
            .essential(true)
            .entry_point(self.program)
            .log_configuration(log)
            .build();
        let registered = cx
            .aws
            .ecs
            .register_task_definition()
            .family(family(cx))
            .cpu(SIZE.0)
            .memory(SIZE.1)
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(Compatibility::Fargate)
            .execution_role_arn(self.role.as_str())
            .container_definitions(container)
            .set_tags(Some(cx.ecs_tags(&node())))
            .send()
            .await
            .doing(DOING)?;
        let revision = registered.task_definition().and_then(Described::task_definition_arn);
        Ok(TaskDefinitionArn::from(revision.ok_or_else(|| missing(DOING, "ARN"))?))
    }
}

/// Starts a task of a revision with these arguments, and tells its ARN.
pub async fn start(
    cx: &Cx,
    cluster: &str,
    definition: &TaskDefinitionArn,
    network: Network,
    arguments: Vec<String>,
    starter: &str,
) -> Result<String> {
    const DOING: &str = "start the probe";
    let own = ContainerOverride::builder().name(CONTAINER).set_command(Some(arguments)).build();
    let run = cx
        .aws
        .ecs_once
        .run_task()
        .cluster(cluster)
        .task_definition(definition.as_str())
        .launch_type(LaunchType::Fargate)
        .started_by(starter)
        .network_configuration(network.configuration(DOING)?)
        .overrides(TaskOverride::builder().container_overrides(own).build())
        .set_tags(Some(cx.ecs_tags(&node())));
    one_off::start(run, DOING).await
}

/// Removes its revisions, those of runs that have died as well. Tasks that run go on.
pub async fn remove(aws: &Aws, definition: TaskDefinitionArn) -> Result<()> {
    let (hash, content, released) = (None, None, None);
    let it = task_definition::Output { arn: definition, hash, content, released };
    TaskDefinition::delete(aws, &it).await
}

/// Where a task writes.
pub fn stream(task: &str) -> String {
    logs::stream(NAME, CONTAINER, task)
}

/// Removes what a task has written.
pub async fn forget(aws: &Aws, group: &str, task: &str) -> Result<()> {
    let delete = aws.logs.delete_log_stream().log_group_name(group);
    let delete = delete.log_stream_name(stream(task)).send().await;
    let delete = delete.doing("delete the log stream of the probe");
    delete.gone_is_fine(&["ResourceNotFoundException"]).map(drop)
}

fn node() -> NodeName {
    NodeName::from(format!("task-definition/{NAME}"))
}

fn family(cx: &Cx) -> String {
    format!("td-{}_{NAME}", cx.names.stack())
}
