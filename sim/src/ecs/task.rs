//! Tasks: what they are, and the operations on them. [`super::lifecycle`] moves them.

use std::time::Duration;

use serde_json::{Value, json};

use super::container_health::Health;
use super::dependencies;
use super::service_revision::Target;
use super::task_definition::{self, Key};
use super::{PAGER, cluster, execute_command, failure, includes, invalid, lacks, lifecycle, short};
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Where a task is in its life. It only ever moves on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// Waits for a place, or for its network interface.
    #[default]
    Provisioning,
    /// Its image is pulled.
    Pending,
    /// Its containers start, and it registers with target groups.
    Activating,
    /// Runs.
    Running,
    /// Leaves its target groups.
    Deactivating,
    /// Its containers stop.
    Stopping,
    /// Its network interface goes.
    Deprovisioning,
    /// Has stopped.
    Stopped,
}

impl Status {
    /// As ECS writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether it counts as running.
    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Deactivating)
    }

    /// Whether it counts as pending.
    pub(super) fn is_pending(self) -> bool {
        self < Self::Running
    }
}

/// Where a task is in the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Network {
    /// Subnets that it may be in.
    pub(super) subnets: Vec<String>,
    /// Its security groups.
    pub(super) groups: Vec<String>,
    /// Whether it gets a public address.
    pub(super) public: Option<bool>,
}

/// A task. By default it waits for a place, and nothing has happened to it yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    /// Its id.
    pub(super) id: String,
    /// What its delays are drawn by: its service, and the how many-th task of it it is.
    pub(super) key: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Its cluster.
    pub(super) cluster: String,
    /// Its service; empty when somebody ran it.
    pub(super) service: String,
    /// The deployment that started it, or what `RunTask` was told.
    pub(super) deployment: String,
    /// Its revision.
    pub(super) definition: Key,
    /// Its containers, once the revision is gone that says them.
    pub(super) had: Vec<Value>,
    /// Whether it runs on Fargate.
    pub(super) fargate: bool,
    /// Its capacity provider.
    pub(super) provider: Option<String>,
    /// CPU units.
    pub(super) cpu: u64,
    /// MiB of memory.
    pub(super) memory: u64,
    /// Where it is in the network, if it has an interface of its own.
    pub(super) network: Option<Network>,
    /// Target groups that it registers with.
    pub(super) targets: Vec<Target>,
    /// ARNs of the services of Cloud Map that it registers with.
    pub(super) registries: Vec<String>,
    /// Its tags.
    pub(super) tags: Tags,
    /// What is overridden of its containers.
    pub(super) overrides: Vec<Value>,
    /// Its container instance, once it has a place on one.
    pub(super) instance: Option<String>,
    /// The zone and the subnet, once it has a place.
    pub(super) place: Option<(String, String)>,
    /// Its network interface.
    pub(super) interface: Option<String>,
    /// The address of its interface.
    pub(super) address: Option<String>,
    /// ARN of what attaches its interface.
    pub(super) attachment: String,
    /// Where it is in its life.
    pub(super) status: Status,
    /// Whether it is to stop.
    pub(super) going: bool,
    /// When it was made.
    pub(super) created: Duration,
    /// When its image pull began and ended.
    pub(super) pulled: (Option<Duration>, Option<Duration>),
    /// When it ran.
    pub(super) started: Option<Duration>,
    /// When it was told to stop.
    pub(super) stopping: Option<Duration>,
    /// When it had stopped.
    pub(super) stopped: Option<Duration>,
    /// Why, in ECS's codes.
    pub(super) code: Option<&'static str>,
    /// Why, in words.
    pub(super) reason: Option<String>,
    /// How healthy the checks of its containers find it.
    pub(super) health: Health,
    /// Whether commands can be run in it, which it was born with.
    pub(super) has_agents: bool,
    /// Whether the agents that run them were connected when they started.
    pub(super) agent: Option<bool>,
    /// What its containers ended with.
    pub(super) exit: Option<i64>,
    /// What the agent says of them.
    pub(super) said: &'static str,
}

/// ECS's code for a task whose container has ended by itself.
pub(super) const EXITED: &str = "EssentialContainerExited";

impl Task {
    /// What it is counted with.
    fn group(&self) -> String {
        match self.service.as_str() {
            "" => format!("family:{}", self.definition.0),
            service => format!("service:{service}"),
        }
    }
}

/// `ListTasks`: those that are to run, or those that are to stop and stopped within an hour.
pub(super) fn list_tasks(world: &World, input: &Value) -> Answer {
    lacks(input, "ListTasks", &["daemonName"])?;
    let name = cluster::of(world, input)?;
    let service = input.some_text("serviceName").map(short);
    if let Some(service) = service {
        let there = world.ecs().services.contains_key(&(name.clone(), service.to_owned()));
        if !there {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        }
    }
    let instance = input.some_text("containerInstance").map(short);
    let (family, by) = (input.some_text("family"), input.some_text("startedBy"));
    let launch = input.some_text("launchType");
    // In which words it refuses another filter is to be verified (API `ListTasks`).
    let others = ["serviceName", "containerInstance", "family", "launchType", "desiredStatus"];
    if by.is_some() && others.iter().any(|it| input.some_text(it).is_some()) {
        return Err(invalid("startedBy must be the only filter."));
    }
    let stopped = match input.some_text("desiredStatus") {
        Some("STOPPED") => Some(true),
        Some("PENDING") => None,
        _ => Some(false),
    };
    let tasks = world.ecs().tasks.values().filter(|it| {
        it.cluster == name
            && stopped == Some(it.going)
            && service.is_none_or(|service| it.service == service)
            && instance.is_none_or(|id| it.instance.as_deref() == Some(id))
            && family.is_none_or(|family| it.definition.0 == family)
            && by.is_none_or(|by| it.deployment == by)
            && launch.is_none_or(|launch| (launch == "FARGATE") == it.fargate)
    });
    let arns = tasks.map(|it| it.arn.clone().into()).collect();
    PAGER.page(world, input, "taskArns", 100, arns)
}

/// `DescribeTasks`.
pub(super) fn describe_tasks(world: &World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let ids = input.texts("tasks");
    if ids.is_empty() || ids.len() > 100 {
        return Err(invalid("Tasks must have from 1 to 100 elements."));
    }
    let tags = includes(input, "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in ids.iter().map(|id| short(id)) {
        match world.ecs().tasks.get(id).filter(|it| it.cluster == name) {
            Some(task) => found.push(describe(world, task, tags)),
            None => {
                failures.push(failure(world.arn("ecs", &format!("task/{name}/{id}")), "MISSING"));
            }
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

/// `StopTask`: its service starts another.
pub(super) fn stop_task(world: &mut World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let id = short(input.text("task")).to_owned();
    if world.ecs().tasks.get(&id).is_none_or(|it| it.cluster != name) {
        return Err(invalid("The referenced task was not found."));
    }
    let reason = input.some_text("reason").unwrap_or("Task stopped by user").to_owned();
    lifecycle::stop(world, &id, "UserInitiated", &reason);
    let task = world.ecs().tasks.get(&id).map(|it| describe(world, it, false));
    Ok(json!({ "task": task }))
}

/// A task as it is answered.
pub(super) fn describe(world: &World, task: &Task, tags: bool) -> Value {
    let definition_arn =
        world.arn("ecs", &format!("task-definition/{}:{}", task.definition.0, task.definition.1));
    let cluster = world.arn("ecs", &format!("cluster/{}", task.cluster));
    let mut answer = json!({
        "taskArn": task.arn,
        "clusterArn": cluster,
        "taskDefinitionArn": definition_arn,
        "group": task.group(),
        "launchType": if task.fargate { "FARGATE" } else { "EC2" },
        "lastStatus": task.status.name(),
        "desiredStatus": if task.going { "STOPPED" } else { "RUNNING" },
        "connectivity": "CONNECTED",
        "healthStatus": task.health.name(),
        "cpu": task.cpu.to_string(),
        "memory": task.memory.to_string(),
        "createdAt": world.timestamp_at(task.created),
        "enableExecuteCommand": task.has_agents,
        "overrides": { "containerOverrides": task.overrides, "inferenceAcceleratorOverrides": [] },
        "attachments": attachments(task),
        "attributes": [],
        "tags": [],
        "version": 1,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer[name] = value;
        }
    };
    let at = |at: Option<Duration>| at.map(|at| world.timestamp_at(at).into());
    set("startedBy", (!task.deployment.is_empty()).then(|| task.deployment.as_str().into()));
    set("pullStartedAt", at(task.pulled.0));
    set("pullStoppedAt", at(task.pulled.1));
    set("startedAt", at(task.started));
    set("stoppingAt", at(task.stopping));
    set("stoppedAt", at(task.stopped));
    set("stopCode", task.code.map(Value::from));
    set("stoppedReason", task.reason.as_deref().map(Value::from));
    set("capacityProviderName", task.provider.as_deref().map(Value::from));
    set("availabilityZone", task.place.as_ref().map(|(zone, _)| zone.as_str().into()));
    set("platformVersion", task.fargate.then(|| "1.4.0".into()));
    set("platformFamily", task.fargate.then(|| "Linux".into()));
    let instance = task.instance.as_ref().and_then(|id| world.ecs().instances.get(id));
    set("containerInstanceArn", instance.map(|it| it.arn.as_str().into()));
    set("tags", tags.then(|| ecs_tag_list(&task.tags)));
    let containers = containers(world, task).iter();
    set("containers", Some(containers.map(|it| container(world, task, it)).collect()));
    answer
}

fn containers<'a>(world: &'a World, task: &'a Task) -> &'a [Value] {
    match task_definition::containers(world, &task.definition) {
        [] => &task.had,
        all => all,
    }
}

fn container(world: &World, task: &Task, definition: &Value) -> Value {
    let name = definition.text("name");
    let all = containers(world, task);
    let ends_first = dependencies::ends_first(all, name) && task.pulled.1.is_some();
    let status = match task.status {
        _ if ends_first && task.status > Status::Activating => "STOPPED",
        Status::Provisioning | Status::Pending | Status::Activating => "PENDING",
        Status::Running | Status::Deactivating | Status::Stopping => "RUNNING",
        Status::Deprovisioning | Status::Stopped => "STOPPED",
    };
    let is_checked = definition.get("healthCheck").is_some_and(|it| !it.is_null());
    let health = if is_checked { task.health } else { Health::Unknown };
    let mut answer = json!({
        "containerArn": world.arn("ecs", &format!("container/{}/{}/{name}", task.cluster, task.id)),
        "taskArn": task.arn,
        "name": name,
        "image": definition.text("image"),
        "lastStatus": status,
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": health.name(),
        "cpu": definition.number("cpu").unwrap_or(0).to_string(),
    });
    if task.started.is_some() {
        answer["runtimeId"] = execute_command::runtime_id(world, task, name).into();
    }
    if let Some(agents) = execute_command::described(world, task) {
        answer["managedAgents"] = agents;
    }
    if let Some(memory) = definition.number("memory") {
        answer["memory"] = memory.to_string().into();
    }
    if let Some(address) = &task.address {
        let id = task.attachment.rsplit_once('/').map_or("", |(_, id)| id);
        answer["networkInterfaces"] =
            json!([{ "attachmentId": id, "privateIpv4Address": address }]);
    }
    // The others are told to stop then, and do.
    let of = world.scenario.ending.map_or("", |it| it.of);
    let is_culprit = task.code != Some(EXITED) || task_definition::is_it(all, name, of);
    let exit = match task.exit {
        _ if ends_first && status == "STOPPED" => {
            Some(world.scenario.first_container_fails.unwrap_or(0))
        }
        Some(_) if !is_culprit => Some(0),
        exit => exit,
    };
    if let Some(exit) = exit {
        answer["exitCode"] = exit.into();
    }
    let failed = task.reason.as_deref().filter(|_| task.code == Some("TaskFailedToStart"));
    let said = Some(task.said).filter(|said| !said.is_empty() && is_culprit);
    if let Some(reason) = failed.or(said) {
        answer["reason"] = reason.into();
    }
    answer
}

fn attachments(task: &Task) -> Value {
    if task.network.is_none() {
        return json!([]);
    }
    let status = match task.status {
        _ if task.place.is_none() => "PRECREATED",
        Status::Provisioning => "ATTACHING",
        Status::Deprovisioning => "DETACHING",
        Status::Stopped => "DELETED",
        _ => "ATTACHED",
    };
    let details = [
        ("subnetId", task.place.as_ref().map(|(_, subnet)| subnet)),
        ("networkInterfaceId", task.interface.as_ref()),
        ("privateIPv4Address", task.address.as_ref()),
    ];
    let details = details
        .into_iter()
        .filter_map(|(name, value)| Some(json!({ "name": name, "value": value? })));
    let id = task.attachment.rsplit_once('/').map_or("", |(_, id)| id);
    json!([{
        "id": id,
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": details.collect::<Vec<_>>(),
    }])
}
