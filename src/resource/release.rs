//! The release command of a service: a one-off task of a new revision, which runs to its end before any
//! service is updated.
//!
//! It is an action on the revision, which notes in a tag that its command has ended well: so a deploy that
//! died afterwards does not run it again, and one that died meanwhile finds the task that runs. What the
//! command has done, nobody undoes: it has to bear repetition.

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_ecs::types::{ContainerOverride, KeyValuePair, LaunchType, Tag, TaskOverride};
use tokio::time::Instant;

use super::one_off::State;
use super::service::{Network, strategy};
use super::task_definition::{self, TaskDefinition};
use super::{
    Acted, Action, Difference, Kind, capacity_provider, cluster, log_group, one_off,
    security_group, subnet,
};
use crate::arn::last_part;
use crate::aws::{Aws, Cx, Doing, Error, Result};
use crate::logs;
use crate::names::{NodeName, ServiceName};

/// The tag of a revision whose release command has ended well.
pub const TAG_RELEASED: &str = "ecsup-released";
/// The variable that a release command is run with, as on Fly.
const VARIABLE: (&str, &str) = ("RELEASE_COMMAND", "1");
/// What is attempted.
const DOING: &str = "start the release command";
/// How many of its last lines are told when it fails.
const LINES: usize = 12;

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
        let id = last_part(&task);
        let words = self.command.join(" ");
        let ended = match one_off::look(aws, cluster, &task).await? {
            State::Stopped(ended) => ended,
            State::Unseen => return Ok(Acted::Going("ECS to show its task".to_owned())),
            state if since.elapsed() < self.timeout => {
                return Ok(Acted::Going(match state {
                    State::Coming(_) => format!("its task to start (task {id})"),
                    _ => format!("`{words}` to end (task {id})"),
                }));
            }
            _ => {
                one_off::stop(aws, cluster, &task, "Its release command took too long").await?;
                let limit = self.timeout.as_secs();
                let why =
                    format!("it had not ended after {limit} s, and its task {id} was stopped");
                return Err(self.failed(aws, &needs.log_group, id, &why).await);
            }
        };
        let why = match ended.code_of(self.service.as_str()) {
            Some(0) => {
                self.note(aws, it).await?;
                return Ok(Acted::Done);
            }
            Some(code) => format!("it ended with {code} (task {id})"),
            None => format!("its task {id} did not start: {}", ended.reason),
        };
        Err(self.failed(aws, &needs.log_group, id, &why).await)
    }
}

impl Release {
    /// What `startedBy` says of its tasks.
    fn starter(&self, it: &task_definition::Output) -> String {
        let revision = it.arn.as_str().rsplit(':').next().unwrap_or_default();
        format!("{}release/{}/{revision}", one_off::STARTER, self.service)
    }

    /// The task of an interrupted run that still runs the command of this revision.
    async fn running(
        &self,
        aws: &Aws,
        cluster: &str,
        it: &task_definition::Output,
    ) -> Result<Option<String>> {
        let tasks = one_off::started_by(aws, cluster, &self.starter(it)).await?;
        Ok(tasks.into_iter().next())
    }

    async fn run(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &task_definition::Output,
        needs: &Needs,
    ) -> Result<String> {
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
            .started_by(self.starter(it))
            .network_configuration(network.configuration(DOING)?)
            .overrides(TaskOverride::builder().container_overrides(own).build())
            .set_tags(Some(cx.ecs_tags(node)));
        let run = match provider {
            Some(provider) => run.capacity_provider_strategy(strategy(provider, DOING)?),
            None => run.launch_type(LaunchType::Fargate),
        };
        one_off::start(run, DOING).await
    }

    /// Notes that the command has ended well, for later runs.
    async fn note(&self, aws: &Aws, it: &task_definition::Output) -> Result<()> {
        let tag = Tag::builder().key(TAG_RELEASED).value("yes").build();
        let tag = aws.ecs.tag_resource().resource_arn(it.arn.as_str()).tags(tag);
        tag.send().await.doing("note that the release command has ended").map(drop)
    }

    /// That it failed, with its last lines where they may be read.
    async fn failed(&self, aws: &Aws, group: &log_group::Output, id: &str, why: &str) -> Error {
        let stream = logs::stream(self.service.as_str(), self.service.as_str(), id);
        let lines = match logs::last_lines(aws, &group.name, &stream, LINES).await {
            Ok(lines) => lines.iter().fold(String::new(), |all, line| format!("{all}\n  {line}")),
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
