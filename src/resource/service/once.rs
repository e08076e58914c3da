//! A task like those of a service, which the service does not look after: it starts where these do, and runs
//! another command or another revision.

use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, ContainerOverride, LaunchType, Tag, TaskOverride,
};

use super::{FARGATE, Output};
use crate::aws::{Aws, Error, Owner, Result};
use crate::resource::one_off;

/// What is attempted.
const DOING: &str = "start the task";

/// A task that is started once.
#[derive(Debug, Clone, Copy)]
pub struct Once<'a> {
    /// Where its service is.
    pub service: &'a Output,
    /// ARN of its revision.
    pub definition: &'a str,
    /// The command of the service's container, in place of the revision's.
    pub command: Option<&'a [String]>,
    /// Who starts it, in words that nobody else starts one with.
    pub starter: &'a str,
    /// Whose the service is: the task has its tags, as all its tasks do.
    pub owner: &'a Owner,
}

impl Once<'_> {
    /// Starts the task, and tells its ARN. Not repeated by itself: where the answer is lost, whoever asks
    /// looks for the starter.
    pub async fn start(&self, aws: &Aws) -> Result<String> {
        one_off::start(self.request(aws)?, DOING).await
    }

    fn request(&self, aws: &Aws) -> Result<RunTaskFluentBuilder> {
        let it = self.service;
        let run = aws.ecs_once.run_task().cluster(&it.cluster).task_definition(self.definition);
        let tags = self.owner.tags.iter().flatten().filter(|(key, _)| !key.starts_with("aws:"));
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let run = run.started_by(self.starter).set_tags(Some(tags.collect()));
        let network = it.network.clone().map(|it| it.configuration(DOING)).transpose()?;
        let run = run.set_network_configuration(network).set_overrides(self.command.map(|words| {
            let own = ContainerOverride::builder().name(&it.name).set_command(Some(words.to_vec()));
            TaskOverride::builder().container_overrides(own.build()).build()
        }));
        Ok(match it.providers.as_deref() {
            // What runs once is not to be taken away before it has ended: on Fargate it is on demand.
            Some(_) if it.is_on_fargate() => run.launch_type(LaunchType::Fargate),
            // Only so does ECS add an instance where none has room (API `RunTask`).
            Some(providers @ [_, ..]) => {
                let item = |name: &String| {
                    let item = CapacityProviderStrategyItem::builder().capacity_provider(name);
                    item.weight(1).build().map_err(|why| Error::other(DOING, why.to_string()))
                };
                let items = providers.iter().map(item).collect::<Result<_>>()?;
                run.set_capacity_provider_strategy(Some(items))
            }
            _ => run.launch_type(LaunchType::from(it.launch_type.as_deref().unwrap_or(FARGATE))),
        })
    }
}
