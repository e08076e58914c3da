//! Services: what they are, how they are answered, and their end. [`super::service_request`] makes and
//! changes them, [`super::scheduler`] runs their tasks.
//!
//! A deleted service is `DRAINING` until all its tasks are at least `STOPPING`, and not listed; then it
//! is `INACTIVE`, and its name is free (`docs/aws-facts.md`, "States and durations").

use std::time::Duration;

use serde_json::{Value, json};

use super::rollout::{Breaker, Deployment};
use super::service_revision::{Setup, Target};
use super::short;
use super::task::{Network, Status};
use super::{
    PAGER, cluster, failure, includes, invalid, lacks, lifecycle, scheduler, service_event,
};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The cluster and the name of a service.
pub(super) type Key = (String, String);

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// Its cluster.
    pub(super) cluster: String,
    /// Its name.
    pub(super) name: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Tells it from another one that had the same name.
    pub(super) serial: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub(super) status: &'static str,
    /// How many tasks it wants.
    pub(super) desired: usize,
    /// What its tasks are like.
    pub(super) setup: Setup,
    /// For how long after a task's start its health checks do not count.
    pub(super) grace: Option<Duration>,
    /// Fewest healthy tasks during a deployment, in percent.
    pub(super) least: usize,
    /// Most tasks during a deployment, in percent.
    pub(super) most: usize,
    /// The circuit breaker.
    pub(super) breaker: Breaker,
    /// Its placement strategies.
    pub(super) placement: Vec<Value>,
    /// Its tags.
    pub(super) tags: Tags,
    /// Whether tasks get ECS's own tags.
    pub(super) managed_tags: bool,
    /// Whether commands can be run in the tasks that it starts.
    pub(super) runs_commands: bool,
    /// Whose tags its tasks get.
    pub(super) propagate: Option<String>,
    /// `availabilityZoneRebalancing`.
    pub(super) rebalancing: String,
    /// Its deployments, the primary one first.
    pub(super) deployments: Vec<Deployment>,
    /// Deployments that others have taken the place of.
    pub(super) past: Vec<Deployment>,
    /// Its events, oldest first.
    pub(super) events: Vec<Event>,
    /// How many tasks it has started.
    pub(super) launched: u64,
    /// When the scheduler looks at it next.
    pub(super) next: Option<Duration>,
    /// Whether it said that it is steady since the last change.
    pub(super) steady: bool,
    /// When it was made.
    pub(super) created: Duration,
    /// The request that made it.
    pub(super) request: Value,
}

/// Something that a service tells.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its id.
    pub(super) id: String,
    /// When.
    pub(super) at: Duration,
    /// What.
    pub(super) message: String,
}

impl Service {
    /// What its delays are drawn by.
    pub(super) fn dice(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    /// How many tasks it may have at most.
    pub(super) fn most_tasks(&self) -> usize {
        self.desired * self.most / 100
    }

    /// The deployment that it works towards.
    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|it| it.status == "PRIMARY")
    }

    /// The deployment that it works towards.
    pub(super) fn primary_mut(&mut self) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|it| it.status == "PRIMARY")
    }
}

/// What ECS answers about a service that it does not know.
pub(super) fn not_found() -> Refusal {
    Refusal::new("ServiceNotFoundException", "Service not found.")
}

/// `DescribeServices`: deleted ones too.
pub(super) fn describe_services(world: &World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let names = input.texts("services");
    if names.is_empty() || names.len() > 10 {
        return Err(invalid("Services must have from 1 to 10 elements."));
    }
    let tags = includes(input, "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for service in names.iter().map(|it| short(it)) {
        match world.ecs().services.get(&(name.clone(), service.to_owned())) {
            Some(it) => found.push(describe(world, it, tags)),
            None => {
                let arn = world.arn("ecs", &format!("service/{name}/{service}"));
                failures.push(failure(arn, "MISSING"));
            }
        }
    }
    Ok(json!({ "services": found, "failures": failures }))
}

/// `ListServices`: those on their way out are not listed.
pub(super) fn list_services(world: &World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    if input.some_text("schedulingStrategy") == Some("DAEMON") {
        return PAGER.page(world, input, "serviceArns", 10, Vec::new());
    }
    let launch = input.some_text("launchType");
    let services = world.ecs().services.values().filter(|it| {
        it.cluster == name
            && it.status == "ACTIVE"
            && launch.is_none_or(|launch| it.setup.launch_type.as_deref() == Some(launch))
    });
    let arns = services.map(|it| it.arn.clone().into()).collect();
    PAGER.page(world, input, "serviceArns", 10, arns)
}

/// `DeleteService`.
pub(super) fn delete_service(world: &mut World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let key = (name, short(input.text("service")).to_owned());
    let there = world.ecs().services.get(&key).filter(|it| it.status != "INACTIVE");
    let there = there.ok_or_else(not_found)?;
    if there.status == "ACTIVE" {
        let force = input.flag("force").unwrap_or(false);
        if !force && there.desired > 0 {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        let moving = there.deployments.iter().any(|it| it.status != "PRIMARY")
            || there.primary().is_some_and(|it| it.state == "IN_PROGRESS");
        if !force && moving {
            return Err(invalid("The service cannot be stopped while deployments are active."));
        }
        if let Some(service) = world.ecs_mut().services.get_mut(&key) {
            service.status = "DRAINING";
            service.desired = 0;
        }
        let tasks = world.ecs().tasks.values().filter(|it| !it.going);
        let tasks = tasks.filter(|it| it.cluster == key.0 && it.service == key.1);
        let tasks: Vec<_> = tasks.map(|it| it.id.clone()).collect();
        let deployment =
            world.ecs().services.get(&key).and_then(|it| Some(it.primary()?.id.clone()));
        let why = format!("Scaling activity initiated by ({})", deployment.unwrap_or_default());
        for task in &tasks {
            lifecycle::stop(world, task, "ServiceSchedulerInitiated", &why);
        }
        service_event::tell_stopped(world, &key, &tasks);
        let mut left = world.ecs().tasks.values();
        let ours = |it: &super::task::Task| it.cluster == key.0 && it.service == key.1;
        if left.any(|it| ours(it) && it.status != Status::Stopped) {
            scheduler::wake(world, &key.0, &key.1);
        } else {
            settle(world, &key);
        }
    }
    let answer = world.ecs().services.get(&key).map(|it| describe(world, it, false));
    Ok(json!({ "service": answer }))
}

/// A draining service is `INACTIVE` once every task of it is at least `STOPPING`.
pub(super) fn settle(world: &mut World, key: &Key) {
    let ours = |it: &&super::task::Task| it.cluster == key.0 && it.service == key.1;
    let left = world.ecs().tasks.values().filter(ours).any(|it| it.status < Status::Stopping);
    let service =
        world.ecs_mut().services.get_mut(key).filter(|it| it.status == "DRAINING" && !left);
    let Some(service) = service else { return };
    service.status = "INACTIVE";
    service.deployments.clear();
    service.next = None;
    super::task_definition::sweep(world);
}

/// A service as it is answered.
pub(super) fn describe(world: &World, service: &Service, tags: bool) -> Value {
    let setup = &service.setup;
    let count = |wanted: fn(Status) -> bool, deployment: Option<&str>| {
        let of = |it: &&super::task::Task| {
            it.cluster == service.cluster
                && it.service == service.name
                && deployment.is_none_or(|id| it.deployment == id)
        };
        world.ecs().tasks.values().filter(of).filter(|it| wanted(it.status)).count()
    };
    let pending = |status: Status| status.is_pending();
    let counts = !world.scenario.doubts(Doubt::FailedTasksUncounted);
    let deployments = service.deployments.iter().map(|it| {
        let own = world.ecs().tasks.values().filter(|task| task.deployment == it.id && !task.going);
        let desired = if it.status == "PRIMARY" { service.desired } else { own.count() };
        let mut answer = json!({
            "id": it.id,
            "status": it.status,
            "taskDefinition": it.setup.definition_arn,
            "desiredCount": desired,
            "runningCount": count(Status::is_running, Some(&it.id)),
            "pendingCount": count(pending, Some(&it.id)),
            "failedTasks": if counts { it.failed } else { 0 },
            "createdAt": world.timestamp_at(it.created),
            "updatedAt": world.timestamp_at(it.updated),
            "rolloutState": it.state,
            "rolloutStateReason": it.reason,
        });
        where_it_runs(world, &mut answer, &it.setup);
        answer
    });
    let mut deployments: Vec<_> = deployments.collect();
    deployments.sort_by_key(|it| it["status"] != "PRIMARY");
    let event = |it: &Event| json!({ "id": it.id, "createdAt": world.timestamp_at(it.at), "message": it.message });
    let events = service.events.iter().filter(|_| counts);
    let events: Vec<_> = events.rev().take(100).map(event).collect();
    let target = |it: &Target| {
        json!({
            "targetGroupArn": it.group,
            "containerName": it.container,
            "containerPort": it.port,
        })
    };
    let targets: Vec<_> = setup.targets.iter().map(target).collect();
    let registry = |arn: &String| json!({ "registryArn": arn });
    let registries: Vec<_> = setup.registries.iter().map(registry).collect();
    let mut answer = json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": world.arn("ecs", &format!("cluster/{}", service.cluster)),
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": count(Status::is_running, None),
        "pendingCount": count(pending, None),
        "taskDefinition": setup.definition_arn,
        "loadBalancers": targets,
        "serviceRegistries": registries,
        "deploymentConfiguration": {
            "maximumPercent": service.most,
            "minimumHealthyPercent": service.least,
            "deploymentCircuitBreaker": service.breaker.describe(),
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        },
        "deployments": deployments,
        "events": events,
        "createdAt": world.timestamp_at(service.created),
        "placementConstraints": [],
        "placementStrategy": service.placement,
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "enableECSManagedTags": service.managed_tags,
        "propagateTags": service.propagate.as_deref().unwrap_or("NONE"),
        "enableExecuteCommand": service.runs_commands,
        "availabilityZoneRebalancing": service.rebalancing,
        "tags": [],
    });
    where_it_runs(world, &mut answer, setup);
    if setup.network.is_some() {
        answer["roleArn"] = linked_role_arn(world).into();
    }
    if let Some(grace) = service.grace {
        answer["healthCheckGracePeriodSeconds"] = grace.as_secs().into();
    }
    if tags {
        answer["tags"] = ecs_tag_list(&service.tags);
    }
    answer
}

fn linked_role_arn(world: &World) -> String {
    world.iam_arn("role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
}

fn where_it_runs(world: &World, answer: &mut Value, setup: &Setup) {
    let beside = world.scenario.doubts(Doubt::LaunchTypeBesideStrategy).then_some("FARGATE");
    if let Some(launch) = setup.launch_type.as_deref().or(beside) {
        answer["launchType"] = launch.into();
    }
    if !setup.strategy.is_empty() {
        answer["capacityProviderStrategy"] = setup.strategy.clone().into();
    }
    if setup.is_fargate() {
        answer["platformVersion"] = "1.4.0".into();
        answer["platformFamily"] = "Linux".into();
    }
    if let Some(Network { subnets, groups, public }) = &setup.network {
        let public = if *public == Some(true) { "ENABLED" } else { "DISABLED" };
        answer["networkConfiguration"] = json!({
            "awsvpcConfiguration": {
                "subnets": subnets,
                "securityGroups": groups,
                "assignPublicIp": public,
            },
        });
    }
}

/// What the simulator does not do with services.
pub(super) fn check_simulated(input: &Value, operation: &str) -> Result<(), Refusal> {
    lacks(
        input,
        operation,
        &[
            "serviceConnectConfiguration",
            "volumeConfigurations",
            "vpcLatticeConfigurations",
            "gatewayConnectors",
            "placementConstraints",
            "role",
            "monitoring",
        ],
    )?;
    let rolling = input.part("deploymentConfiguration").some_text("strategy");
    let controller = input.part("deploymentController").some_text("type");
    let daemon = input.some_text("schedulingStrategy") == Some("DAEMON");
    let rolling = rolling.is_none_or(|it| it == "ROLLING");
    if daemon || !rolling || controller.is_some_and(|it| it != "ECS") {
        let what = "another way of scheduling or deployment";
        return Err(Refusal::new("SimulatorLacks", format!("{operation} with {what}")));
    }
    lacks(
        input.part("deploymentConfiguration"),
        operation,
        &["alarms", "lifecycleHooks", "linearConfiguration", "canaryConfiguration"],
    )
}
