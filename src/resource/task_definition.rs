//! What a task runs: a family of numbered revisions, of which the newest active one counts.
//!
//! Each registration makes a revision, also when nothing changed, so revisions carry a hash of their
//! content in a tag, and only the hash decides. Where the tag is gone, the content itself is hashed. Old revisions stay: a rollback needs them. Removal
//! takes two calls, deregistration and deletion, and a revision in use is deleted later by ECS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_ecs::types::{
    Compatibility as Requires, ContainerDefinition, HealthCheck as DescribedHealthCheck,
    KeyValuePair, LogConfiguration, LogDriver, NetworkMode, PortMapping, Secret as SecretOfTask,
    SortOrder, Tag, TaskDefinition as Described, TaskDefinitionField,
    TaskDefinitionStatus as Status, TransportProtocol,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::id::TaskDefinitionArn;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, log_group, role,
    service,
};
use crate::arn::Arn;
use crate::aws::tags::Tagged;
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, Scope, Tagging, missing};
use crate::names::{Names, NodeName, ServiceName};

/// The tag that holds the hash of a revision's content.
pub const TAG_CONTENT: &str = "ecsup:content";

/// How many descriptions are asked for at once: there is no batch of them.
const AT_ONCE: usize = 8;

/// What a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Our own instances.
    Ec2,
    /// Fargate.
    Fargate,
}

/// A revision as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its ARN.
    pub arn: TaskDefinitionArn,
    /// Hash of its content, from a tag. `None` when not read.
    pub hash: Option<String>,
    /// What people recognise in the content, to say what changes. `None` when not read.
    pub content: Option<Content>,
}

/// The parts of a revision's content that a change can be told by. The hash covers more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Image.
    pub image: String,
    /// CPU units.
    pub cpu: String,
    /// Memory in MiB.
    pub memory: String,
    /// The container's port.
    pub port: String,
    /// Its environment.
    pub environment: BTreeMap<String, Secret>,
    /// How the container is started, checked and ended.
    pub container: Container,
    /// Its secrets: what each is read from.
    pub secrets: BTreeMap<String, String>,
    /// ARN of the role of its tasks, if they have one.
    pub task_role: Option<String>,
}

/// How a container is started, checked and ended, where that is not the image's or ECS's affair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Words before the command; empty for those of the image.
    pub entrypoint: Vec<String>,
    /// Words that it is started with; empty for those of the image.
    pub command: Vec<String>,
    /// Seconds that it may take to end before it is killed.
    pub stop_timeout: Option<i32>,
    /// What tells ECS that it is healthy.
    pub health: Option<HealthCheck>,
}

/// A command that is run in a container and tells whether it is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `CMD` and its words, or `CMD-SHELL` and a line.
    pub command: Vec<String>,
    /// Seconds between two checks.
    pub interval: i32,
    /// Seconds until one has failed.
    pub timeout: i32,
    /// How many failures in a row make it unhealthy.
    pub retries: i32,
    /// Seconds after the start in which failures do not count.
    pub start_period: i32,
}

/// A value that is compared and never shown: many keep passwords in the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a task definition takes from others.
#[derive(Debug)]
pub struct Needs {
    /// The role with which ECS pulls its image, writes its logs and reads its secrets.
    pub role: role::Output,
    /// Where its logs go.
    pub log_group: log_group::Output,
    /// The role of its tasks, where that is one of the stack's own.
    pub task_role: Option<role::Output>,
}

/// The task definition that is wanted.
#[derive(Debug)]
pub struct TaskDefinition {
    /// The service, which is also the container's name.
    pub service: ServiceName,
    /// Image.
    pub image: String,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The container's port, if anybody reaches it.
    pub port: Option<u16>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// How the container is started, checked and ended.
    pub container: Container,
    /// Its secrets: what each is read from.
    pub secrets: BTreeMap<String, String>,
    /// ARN of a role of somebody else for its tasks, if they have one.
    pub task_role: Option<String>,
    /// What it runs on.
    pub compatibility: Compatibility,
    /// The region that its logs go to.
    pub region: String,
}

impl Resource for TaskDefinition {
    type Output = Output;
    const KIND: Kind = Kind::TaskDefinition;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        newest_of_all(aws, scope, families(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let mut families = families(aws, scope).await?;
        if families.len() <= service::MANY {
            return newest_of_all(aws, scope, families).await;
        }
        // Not by the listing of services, which is made of this one.
        let known = service::running(aws, scope, &families).await?;
        families.retain(|family| !known.contains_key(family));
        let mut all = newest_of_all(aws, scope, families).await?;
        all.extend(known.into_values());
        Ok(all)
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ecs(it.arn.as_str().to_owned()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let Some((scope, family)) = whose(&it.arn) else { return Ok(()) };
        let mut ours = Vec::new();
        for status in [Status::Active, Status::Inactive] {
            let active = status == Status::Active;
            for (owned, _) in revisions(aws, &scope, family, status).await? {
                if active {
                    deregister(aws, &owned.it().arn).await?;
                }
                ours.push(owned.it().arn.to_string());
            }
        }
        for batch in ours.chunks(10) {
            let delete = aws.ecs.delete_task_definitions();
            let delete = delete.set_task_definitions(Some(batch.to_vec())).send().await;
            let deleted = delete.doing("delete the task definition")?;
            // One that is not deregistered everywhere yet is found by the next look.
            for failure in deleted.failures() {
                let [arn, why] = [failure.arn(), failure.reason()].map(Option::unwrap_or_default);
                tracing::debug!("{arn} is not deleted: {why}");
            }
        }
        Ok(())
    }
}

impl Wanted for TaskDefinition {
    type Needs = Needs;
    type Change = Whole;
    const UPDATE_REPLACES: bool = true;

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Self::Needs) -> Result<Made<Output>> {
        const DOING: &str = "register the task definition";
        let Needs { role, log_group, .. } = needs;
        let hash = self.hash(needs);
        let container = self.container(&log_group.name);
        let register = cx
            .aws
            .ecs_once
            .register_task_definition()
            .family(cx.names.task_family(&self.service))
            .cpu(self.cpu.to_string())
            .memory(self.memory.to_string())
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(match self.compatibility {
                Compatibility::Ec2 => Requires::Ec2,
                Compatibility::Fargate => Requires::Fargate,
            })
            .execution_role_arn(role.arn.as_str())
            .set_task_role_arn(self.task_role_of(needs))
            .container_definitions(container.map_err(|why| Error::other(DOING, why))?)
            .set_tags(Some(cx.ecs_tags(node)))
            .tags(Tag::builder().key(TAG_CONTENT).value(&hash).build());
        let registered = register.send().await;
        let registered =
            registered.doing(DOING).wait_on(&["ClientException: Role is not valid"])?;
        let revision = registered.task_definition().and_then(Described::task_definition_arn);
        let arn = TaskDefinitionArn::from(revision.ok_or_else(|| missing(DOING, "ARN"))?);
        Ok(Made::Ready(Output { arn, hash: Some(hash), content: Some(self.content(needs)) }))
    }

    fn drift(&self, it: &Output, needs: &Self::Needs) -> Vec<Difference<Whole>> {
        let wanted = self.hash(needs);
        let Some(hash) = it.hash.as_ref().filter(|hash| **hash != wanted) else {
            return Vec::new();
        };
        let changes = it.content.as_ref().map(|is| changes(is, &self.content(needs)));
        match changes {
            Some(changes) if !changes.is_empty() => changes,
            _ => vec![Difference::update(Whole, "content", hash, wanted)],
        }
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        _it: &Output,
        needs: &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        self.create(cx, node, needs).await
    }
}

impl TaskDefinition {
    /// Where the container's output goes. In blocking mode a slow log service would stop the tasks.
    fn log_options<'a>(&'a self, log_group: &'a str) -> BTreeMap<&'static str, &'a str> {
        BTreeMap::from([
            ("awslogs-group", log_group),
            ("awslogs-region", &self.region),
            ("awslogs-stream-prefix", self.service.as_str()),
            ("max-buffer-size", "25m"),
            ("mode", "non-blocking"),
        ])
    }

    fn container(&self, log_group: &str) -> Result<ContainerDefinition, String> {
        // Each task has a network interface of its own, so the host's port is the container's.
        let port = |port: u16| {
            let port = i32::from(port);
            let mapping = PortMapping::builder().container_port(port).host_port(port);
            mapping.protocol(TransportProtocol::Tcp).build()
        };
        let variable = |(name, value)| KeyValuePair::builder().name(name).value(value).build();
        let secret = |(name, from)| SecretOfTask::builder().name(name).value_from(from).build();
        let secrets: Result<Vec<_>, _> = self.secrets.iter().map(secret).collect();
        let secrets = secrets.map_err(|error| error.to_string())?;
        let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let options = self.log_options(log_group).into_iter();
        let logs = options.fold(logs, |logs, (key, value)| logs.options(key, value)).build();
        Ok(ContainerDefinition::builder()
            .name(self.service.as_str())
            .image(&self.image)
            .cpu(i32::try_from(self.cpu).map_err(|error| error.to_string())?)
            .memory(i32::try_from(self.memory).map_err(|error| error.to_string())?)
            .essential(true)
            .set_port_mappings(Some(self.port.map(port).into_iter().collect()))
            .set_environment(Some(self.environment.iter().map(variable).collect()))
            .set_entry_point(given(&self.container.entrypoint))
            .set_command(given(&self.container.command))
            .set_stop_timeout(self.container.stop_timeout)
            .set_health_check(
                self.container.health.as_ref().map(HealthCheck::described).transpose()?,
            )
            .set_secrets((!secrets.is_empty()).then_some(secrets))
            .log_configuration(logs.map_err(|error| error.to_string())?)
            .build())
    }

    /// What is registered, as the API writes it: whatever is added to the request is added here.
    fn request(&self, needs: &Needs) -> Value {
        let Needs { role, log_group, .. } = needs;
        let port = |port| json!({ "containerPort": port, "hostPort": port, "protocol": "tcp" });
        let mut request = json!({
            "cpu": self.cpu.to_string(),
            "memory": self.memory.to_string(),
            "networkMode": "awsvpc",
            "requiresCompatibilities": [match self.compatibility {
                Compatibility::Ec2 => "EC2",
                Compatibility::Fargate => "FARGATE",
            }],
            "executionRoleArn": role.arn.as_str(),
            "containerDefinitions": [{
                "name": self.service.as_str(),
                "image": self.image,
                "cpu": self.cpu,
                "memory": self.memory,
                "essential": true,
                "portMappings": self.port.into_iter().map(port).collect::<Vec<_>>(),
                "environment": self.environment,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": self.log_options(&log_group.name),
                },
            }],
        });
        self.container.write(&mut request["containerDefinitions"][0]);
        say_secrets(&mut request["containerDefinitions"][0], &self.secrets);
        say_task_role(&mut request, self.task_role_of(needs).as_deref());
        request
    }

    /// The role of its tasks: one of the stack's own, or of somebody else.
    fn task_role_of(&self, needs: &Needs) -> Option<String> {
        let own = needs.task_role.as_ref().map(|role| role.arn.to_string());
        own.or_else(|| self.task_role.clone())
    }

    /// The hash of everything that is registered, the values of the environment among it.
    fn hash(&self, needs: &Needs) -> String {
        hash_of(&self.request(needs))
    }

    fn content(&self, needs: &Needs) -> Content {
        let variable = |(name, value): (&String, &String)| (name.clone(), Secret(value.clone()));
        Content {
            image: self.image.clone(),
            cpu: self.cpu.to_string(),
            memory: self.memory.to_string(),
            port: port(self.port),
            environment: self.environment.iter().map(variable).collect(),
            container: self.container.clone(),
            secrets: self.secrets.clone(),
            task_role: self.task_role_of(needs),
        }
    }
}

impl Container {
    /// Writes what is said, as the API does; what is not said is not there.
    fn write(&self, container: &mut Value) {
        let Self { entrypoint, command, stop_timeout, health } = self;
        if !entrypoint.is_empty() {
            container["entryPoint"] = json!(entrypoint);
        }
        if !command.is_empty() {
            container["command"] = json!(command);
        }
        if let Some(seconds) = stop_timeout {
            container["stopTimeout"] = json!(seconds);
        }
        if let Some(HealthCheck { command, interval, timeout, retries, start_period }) = health {
            container["healthCheck"] = json!({
                "command": command,
                "interval": interval,
                "timeout": timeout,
                "retries": retries,
                "startPeriod": start_period,
            });
        }
    }

    /// Reads it of a container that was registered.
    fn read(it: &ContainerDefinition) -> Self {
        Self {
            entrypoint: it.entry_point().to_vec(),
            command: it.command().to_vec(),
            stop_timeout: it.stop_timeout(),
            health: it.health_check().map(|it| HealthCheck {
                command: it.command().to_vec(),
                interval: it.interval().unwrap_or(30),
                timeout: it.timeout().unwrap_or(5),
                retries: it.retries().unwrap_or(3),
                start_period: it.start_period().unwrap_or(0),
            }),
        }
    }

    /// What of it can differ, by the names of the API and in words.
    fn words(&self) -> [(&'static str, String); 4] {
        let or_none = |words: &[String], none: &str| match words {
            [] => none.to_owned(),
            words => words.join(" "),
        };
        let health = self.health.as_ref().map(|it| {
            let HealthCheck { command, interval, timeout, retries, start_period } = it;
            format!(
                "{} every {interval}s within {timeout}s, {retries} times, after {start_period}s",
                command.join(" ")
            )
        });
        let stop = self.stop_timeout.map(|seconds| format!("{seconds}s"));
        [
            ("entryPoint", or_none(&self.entrypoint, "the image's")),
            ("command", or_none(&self.command, "the image's")),
            ("stopTimeout", stop.unwrap_or_else(|| "ECS's own".to_owned())),
            ("healthCheck", health.unwrap_or_else(|| "none".to_owned())),
        ]
    }
}

impl HealthCheck {
    fn described(&self) -> Result<DescribedHealthCheck, String> {
        DescribedHealthCheck::builder()
            .set_command(Some(self.command.clone()))
            .interval(self.interval)
            .timeout(self.timeout)
            .retries(self.retries)
            .start_period(self.start_period)
            .build()
            .map_err(|error| error.to_string())
    }
}

/// Words, if there are any.
fn given(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

/// Says a container's secrets, if there are some: who has none has the content that it had before there were
/// secrets.
fn say_secrets(container: &mut Value, secrets: &BTreeMap<String, String>) {
    if !secrets.is_empty() {
        container["secrets"] = json!(secrets);
    }
}

/// The ARN of the role of tasks; some endpoints say none as an empty text.
fn task_role_of(it: &Described) -> Option<&str> {
    it.task_role_arn().filter(|role| !role.is_empty())
}

/// Says the role of tasks, likewise.
fn say_task_role(request: &mut Value, role: Option<&str>) {
    if let Some(role) = role {
        request["taskRoleArn"] = json!(role);
    }
}

/// The secrets of a container, by variable.
fn secrets_of(container: &ContainerDefinition) -> BTreeMap<String, String> {
    let secrets = container.secrets().iter();
    secrets.map(|it| (it.name().to_owned(), it.value_from().to_owned())).collect()
}

/// A port in words.
fn port(port: Option<impl fmt::Display>) -> String {
    port.map_or_else(|| "none".to_owned(), |port| port.to_string())
}

fn hash_of(request: &Value) -> String {
    let digest = Sha256::digest(request.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What was registered, in the form of [`TaskDefinition::request`]. A definition that has another form
/// than ours comes out otherwise, and so counts as another one.
fn registered(it: &Described) -> Value {
    let container = |it: &ContainerDefinition| {
        let ports = it.port_mappings().iter().map(|port| {
            let protocol = port.protocol().map(TransportProtocol::as_str);
            json!({
                "containerPort": port.container_port(),
                "hostPort": port.host_port(),
                "protocol": protocol,
            })
        });
        let variables = it.environment().iter();
        let variables: BTreeMap<_, _> =
            variables.filter_map(|pair| Some((pair.name()?, pair.value()))).collect();
        let logs = it.log_configuration().map(|logs| {
            let options = logs.options().map(|options| options.iter().collect::<BTreeMap<_, _>>());
            json!({ "logDriver": logs.log_driver().as_str(), "options": options })
        });
        let mut container = json!({
            "name": it.name(),
            "image": it.image(),
            "cpu": it.cpu(),
            "memory": it.memory(),
            "essential": it.essential(),
            "portMappings": ports.collect::<Vec<_>>(),
            "environment": variables,
            "logConfiguration": logs,
        });
        Container::read(it).write(&mut container);
        say_secrets(&mut container, &secrets_of(it));
        container
    };
    let runs_on = it.requires_compatibilities().iter().map(Requires::as_str);
    let mut request = json!({
        "cpu": it.cpu(),
        "memory": it.memory(),
        "networkMode": it.network_mode().map(NetworkMode::as_str),
        "requiresCompatibilities": runs_on.collect::<Vec<_>>(),
        "executionRoleArn": it.execution_role_arn(),
        "containerDefinitions": it.container_definitions().iter().map(container).collect::<Vec<_>>(),
    });
    say_task_role(&mut request, task_role_of(it));
    request
}

/// What changes from one content to another, field by field; values of the environment stay unsaid.
fn changes(is: &Content, wanted: &Content) -> Vec<Difference<Whole>> {
    let mut changes = Vec::new();
    let fields = [
        ("image", &is.image, &wanted.image),
        ("cpu", &is.cpu, &wanted.cpu),
        ("memory", &is.memory, &wanted.memory),
        ("port", &is.port, &wanted.port),
    ];
    for (field, is, wanted) in fields {
        if is != wanted {
            changes.push(Difference::update(Whole, field, is, wanted));
        }
    }
    let both = is.container.words().into_iter().zip(wanted.container.words());
    let both = both.filter(|((_, is), (_, wanted))| is != wanted);
    changes.extend(
        both.map(|((field, is), (_, wanted))| Difference::update(Whole, field, is, wanted)),
    );
    let names: BTreeSet<_> = is.environment.keys().chain(wanted.environment.keys()).collect();
    for name in names {
        let (is, wanted) = (is.environment.get(name), wanted.environment.get(name));
        let words = match (is, wanted) {
            (Some(_), None) => ("set", "not set"),
            (None, _) => ("not set", "set"),
            (Some(is), Some(wanted)) if is != wanted => ("set", "set to another value"),
            _ => continue,
        };
        changes.push(Difference::update(Whole, &format!("environment {name}"), words.0, words.1));
    }
    // Where a secret is, is none.
    let names: BTreeSet<_> = is.secrets.keys().chain(wanted.secrets.keys()).collect();
    for name in names {
        let words = |of: &Content| of.secrets.get(name).map_or("none", String::as_str).to_owned();
        let (is, wanted) = (words(is), words(wanted));
        if is != wanted {
            changes.push(Difference::update(Whole, &format!("secret {name}"), is, wanted));
        }
    }
    if is.task_role != wanted.task_role {
        let words = |of: &Content| of.task_role.clone().unwrap_or_else(|| "none".to_owned());
        changes.push(Difference::update(Whole, "task role", words(is), words(wanted)));
    }
    changes
}

impl Content {
    /// The container's variables. Their values may be secrets: they are for comparing, not for showing.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.0.as_str()))
    }

    /// Reads the content of a revision, as far as it has the form that ours have.
    fn read(revision: &Described) -> Option<Self> {
        let [container] = revision.container_definitions() else { return None };
        let variable = |pair: &KeyValuePair| {
            Some((pair.name()?.to_owned(), Secret(pair.value().unwrap_or_default().to_owned())))
        };
        Some(Self {
            image: container.image()?.to_owned(),
            cpu: revision.cpu()?.to_owned(),
            memory: revision.memory()?.to_owned(),
            port: port(container.port_mappings().first().and_then(PortMapping::container_port)),
            environment: container.environment().iter().filter_map(variable).collect(),
            container: Container::read(container),
            secrets: secrets_of(container),
            task_role: task_role_of(revision).map(str::to_owned),
        })
    }
}

/// What the families of a scope begin with: `td-<stack>_`, or `td-` for any stack.
fn prefix(scope: &Scope) -> String {
    match scope.names() {
        Some(names) => format!("td-{}_", names.stack()),
        None => "td-".into(),
    }
}

/// The stack and the service of a family named `td-<stack>_<service>`.
pub fn parts(family: &str) -> Option<(&str, &str)> {
    family.strip_prefix("td-")?.split_once('_')
}

/// The families that are named like ours, also those without an active revision.
pub async fn families(aws: &Aws, scope: &Scope) -> Result<Vec<String>> {
    let all = aws.ecs.list_task_definition_families().family_prefix(prefix(scope));
    let all = all.into_paginator().items().send().all().await;
    let mut families = all.doing("list the families of task definitions")?;
    families.retain(|family| parts(family).is_some());
    Ok(families)
}

/// The newest active revisions of families that are ours.
async fn newest_of_all(
    aws: &Aws,
    scope: &Scope,
    families: Vec<String>,
) -> Result<Vec<Owned<Output>>> {
    let newest = stream::iter(families)
        .map(async |family: String| newest(aws, scope, &family).await)
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    Ok(newest.await?.into_iter().flatten().collect())
}

/// The newest active revision of a family that is ours.
async fn newest(aws: &Aws, scope: &Scope, family: &str) -> Result<Option<Owned<Output>>> {
    match describe(aws, scope, family).await? {
        Some((owned, true)) => return Ok(Some(owned)),
        // Among all stacks, only what is in use counts.
        _ if scope.names().is_none() => return Ok(None),
        _ => {}
    }
    // The newest is somebody else's, or a removal was interrupted after the deregistration.
    for status in [Status::Active, Status::Inactive] {
        if let Some((owned, _)) = revisions(aws, scope, family, status).await?.into_iter().next() {
            return Ok(Some(owned));
        }
    }
    Ok(None)
}

/// Our revisions of a family, newest first.
async fn revisions(
    aws: &Aws,
    scope: &Scope,
    family: &str,
    status: Status,
) -> Result<Vec<(Owned<Output>, bool)>> {
    // The prefix is a whole family's name here.
    let all = aws.ecs.list_task_definitions().family_prefix(family).status(status);
    let all = all.sort(SortOrder::Desc).into_paginator().items().send();
    let all = all.all().await;
    let all = all.doing("list the revisions of the task definition")?;
    let described = stream::iter(all)
        .map(async |revision: String| describe(aws, scope, &revision).await)
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    Ok(described.await?.into_iter().flatten().collect())
}

/// One revision, or the newest active one of a family, if it is ours, and whether it is active.
async fn describe(
    aws: &Aws,
    scope: &Scope,
    revision: &str,
) -> Result<Option<(Owned<Output>, bool)>> {
    let describe = aws.ecs.describe_task_definition().task_definition(revision);
    let described = describe.include(TaskDefinitionField::Tags).send().await;
    let described = described
        .doing("describe the task definition")
        .gone_is_fine(&["ClientException: Unable to describe task definition"])?;
    Ok(described.and_then(|described| read(scope, described.task_definition()?, described.tags())))
}

/// What people recognise in one revision, if it is ours, also when it was deregistered since: of the newest
/// active ones, listings have it.
pub async fn content_of(aws: &Aws, scope: &Scope, arn: &str) -> Result<Option<Content>> {
    let describe = aws.ecs.describe_task_definition().task_definition(arn);
    let described = describe.include(TaskDefinitionField::Tags).send().await;
    let described = described
        .doing("describe the task definition")
        .gone_is_fine(&["ClientException: Unable to describe task definition"])?;
    Ok(described.and_then(|described| {
        scope.owner(described.tags())?;
        Content::read(described.task_definition()?)
    }))
}

fn read(scope: &Scope, revision: &Described, tags: &[Tag]) -> Option<(Owned<Output>, bool)> {
    let owner = scope.owner(tags)?;
    let active = match revision.status() {
        Some(Status::Active) => true,
        Some(Status::Inactive) => false,
        _ => return None,
    };
    let hash = tags.iter().find(|tag| Tagged::key(*tag) == TAG_CONTENT).map(Tagged::value);
    let (hash, content) = if active {
        // Somebody took the tag off: what is registered says it as well.
        let hash = hash.map_or_else(|| hash_of(&registered(revision)), str::to_owned);
        (Some(hash), Content::read(revision))
    } else {
        // Nothing can run it any more, whatever is in it.
        (Some("deregistered".into()), None)
    };
    let arn = TaskDefinitionArn::from(revision.task_definition_arn()?);
    let id = revision.family()?.to_owned();
    let seen = Seen::Present(Output { arn, hash, content }, Phase::Ready);
    Some((Owned { owner, id, seen }, active))
}

/// The stack that a revision's name says it belongs to, and its family. Its tags still have to agree.
fn whose(arn: &TaskDefinitionArn) -> Option<(Scope, &str)> {
    let Arn { region, resource, .. } = Arn::parse(arn.as_str())?;
    let (_, name) = resource.split_once('/')?;
    let family = name.rsplit_once(':').map_or(name, |(family, _)| family);
    let (stack, _) = parts(family)?;
    Some((Scope::Stack(Names::new(stack.parse().ok()?, region)), family))
}

async fn deregister(aws: &Aws, arn: &TaskDefinitionArn) -> Result<()> {
    let deregister = aws.ecs.deregister_task_definition().task_definition(arn.as_str());
    deregister
        .send()
        .await
        .doing("deregister the task definition")
        .gone_is_fine(&[
            "ClientException: does not exist",
            "ClientException: not found",
            "ClientException: Unable to describe task definition",
            "InvalidParameterException: inactive",
        ])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> TaskDefinition {
        TaskDefinition {
            service: "web".parse().unwrap(),
            image: "nginx:2".into(),
            cpu: 256,
            memory: 512,
            port: Some(80),
            environment: [("PASSWORD".into(), "swordfish".into())].into(),
            container: Container::default(),
            secrets: [("DB".into(), "arn:aws:ssm:eu-west-1:1:parameter/demo/DB".into())].into(),
            task_role: None,
            compatibility: Compatibility::Ec2,
            region: "eu-west-1".into(),
        }
    }

    fn needs() -> Needs {
        Needs {
            role: role::tests::output(),
            log_group: log_group::Output {
                name: "/ecsup/demo/web".into(),
                arn: None,
                retention_days: None,
                adoption: None,
            },
            task_role: None,
        }
    }

    fn it(of: &TaskDefinition) -> Output {
        Output {
            arn: "arn:aws:ecs:eu-west-1:1:task-definition/td-demo_web:3".into(),
            hash: Some(of.hash(&needs())),
            content: Some(of.content(&needs())),
        }
    }

    #[test]
    fn the_hash_decides_and_the_fields_explain() {
        let before = TaskDefinition {
            image: "nginx:1".into(),
            secrets: [("OLD_KEY".into(), "arn:old".into())].into(),
            environment: [("PASSWORD".into(), "hunter2".into()), ("OLD".into(), "1".into())].into(),
            ..wanted()
        };
        assert_eq!(wanted().drift(&it(&wanted()), &needs()), []);
        let differences = wanted().drift(&it(&before), &needs());
        let fields: Vec<_> = differences.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            ["image", "environment OLD", "environment PASSWORD", "secret DB", "secret OLD_KEY"]
        );
        let shown = format!("{differences:?} {:?}", it(&before));
        assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
    }

    #[test]
    fn a_change_that_no_field_shows_is_told_by_the_hash() {
        let before = TaskDefinition { region: "us-east-1".into(), ..wanted() };
        let differences = wanted().drift(&it(&before), &needs());
        assert_eq!(differences[0].field, "content");
        assert_eq!(wanted().drift(&Output { hash: None, ..it(&before) }, &needs()), []);
    }

    #[test]
    fn the_request_and_what_is_hashed_say_the_same() {
        let container = wanted().container("/ecsup/demo/web").unwrap();
        let hashed = &wanted().request(&needs())["containerDefinitions"][0];
        assert_eq!(container.name(), hashed["name"].as_str());
        let secrets = hashed["secrets"].as_object().unwrap();
        let [secret] = container.secrets() else { panic!("one secret") };
        assert!(secrets.len() == 1 && secrets[secret.name()] == secret.value_from());
        assert_eq!(container.image(), hashed["image"].as_str());
        assert_eq!(i64::from(container.cpu()), hashed["cpu"]);
        assert_eq!(container.memory().map(i64::from), hashed["memory"].as_i64());
        let logs = container.log_configuration().and_then(LogConfiguration::options).unwrap();
        let options = hashed["logConfiguration"]["options"].as_object().unwrap();
        assert!(logs.len() == options.len() && options.iter().all(|(k, v)| logs[k] == *v));
    }

    #[test]
    fn a_family_names_its_stack_and_service() {
        let names = Names::new("demo".parse().unwrap(), "eu-west-1");
        let family = names.task_family(&"web-1".parse().unwrap());
        assert_eq!(parts(&family), Some(("demo", "web-1")));
        assert!(family.starts_with(&prefix(&Scope::Stack(names.clone()))));
        let arn = it(&wanted()).arn;
        let (scope, family) = whose(&arn).unwrap();
        assert_eq!((scope.names(), family), (Some(&names), "td-demo_web"));
    }
}
