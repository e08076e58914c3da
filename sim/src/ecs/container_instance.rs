//! Container instances: EC2 instances whose agents registered with a cluster.
//!
//! One whose agent is connected leaves the cluster when it is terminated; one whose agent has lost its
//! connection stays until somebody deregisters it (`docs/aws-facts.md`, "Removing").

use std::time::Duration;

use serde_json::{Value, json};

use super::task::Status;
use super::{PAGER, agent, cluster, failure, invalid, lacks, lifecycle, placement, short};
use crate::ec2;
use crate::fields::{Fields, Tags};
use crate::refusal::Answer;
use crate::world::World;

/// A container instance.
#[derive(Debug, Clone)]
pub(super) struct ContainerInstance {
    /// Its id.
    pub(super) id: String,
    /// What its delays are drawn by: the instance's name and the how many-th of that name it is.
    pub(super) key: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Its cluster.
    pub(super) cluster: String,
    /// The EC2 instance.
    pub(super) ec2: String,
    /// The zone that it is in.
    pub(super) zone: String,
    /// Its type.
    pub(super) instance_type: String,
    /// Its processor's architecture.
    pub(super) architecture: &'static str,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub(super) status: &'static str,
    /// The capacity provider that it belongs to.
    pub(super) provider: Option<String>,
    /// CPU units.
    pub(super) cpu: u64,
    /// MiB of memory that the agent registered: the kernel and the hypervisor have the rest.
    pub(super) memory: u64,
    /// Network interfaces for tasks: one is the instance's own.
    pub(super) interfaces: u64,
    /// When it registered.
    pub(super) registered: Duration,
    /// When its agent was last heard of.
    pub(super) contact: Duration,
    /// Whether its agent talks to ECS past any endpoints, which were not there when it registered.
    pub(super) past_endpoints: bool,
    /// Its tags.
    pub(super) tags: Tags,
}

/// The container instances of a cluster that are not deregistered.
pub(super) fn registered<'a>(
    world: &'a World,
    cluster: &'a str,
) -> impl Iterator<Item = &'a ContainerInstance> {
    let all = world.ecs().instances.values();
    all.filter(move |it| it.cluster == cluster && it.status != "INACTIVE")
}

/// `ListContainerInstances`: deregistered ones are not listed.
pub(super) fn list_container_instances(world: &World, input: &Value) -> Answer {
    lacks(input, "ListContainerInstances", &["filter"])?;
    let name = cluster::of(world, input)?;
    let status = input.some_text("status");
    let all = registered(world, &name);
    let all = all.filter(|it| status.is_none_or(|status| it.status == status));
    let arns = all.map(|it| it.arn.clone().into()).collect();
    PAGER.page(world, input, "containerInstanceArns", 100, arns)
}

/// `DescribeContainerInstances`.
pub(super) fn describe_container_instances(world: &World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let ids = input.texts("containerInstances");
    if ids.is_empty() || ids.len() > 100 {
        return Err(invalid("Container instances must have from 1 to 100 elements."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in ids.iter().map(|id| short(id)) {
        match world.ecs().instances.get(id).filter(|it| it.cluster == name) {
            Some(instance) => found.push(describe(world, instance)),
            None => {
                let arn = world.arn("ecs", &format!("container-instance/{name}/{id}"));
                failures.push(failure(arn, "MISSING"));
            }
        }
    }
    Ok(json!({ "containerInstances": found, "failures": failures }))
}

/// `DeregisterContainerInstance`.
pub(super) fn deregister_container_instance(world: &mut World, input: &Value) -> Answer {
    let name = cluster::of(world, input)?;
    let id = short(input.text("containerInstance")).to_owned();
    let there = world.ecs().instances.get(&id).filter(|it| it.cluster == name);
    let there =
        there.ok_or_else(|| invalid(format!("Referenced container instance {id} not found.")))?;
    if there.status == "INACTIVE" {
        return Err(invalid(format!("Referenced container instance {id} is inactive.")));
    }
    let busy = tasks(world, &id).next().is_some();
    if busy && !input.flag("force").unwrap_or(false) {
        return Err(invalid("Found running tasks on the instance."));
    }
    leave(world, &id, "Container instance deregistration forced by user.");
    let answer = world.ecs().instances.get(&id).map(|it| describe(world, it));
    Ok(json!({ "containerInstance": answer }))
}

/// A container instance leaves its cluster, and its tasks are lost.
pub(super) fn leave(world: &mut World, id: &str, why: &str) {
    if let Some(instance) = world.ecs_mut().instances.get_mut(id) {
        instance.status = "INACTIVE";
    }
    let lost: Vec<_> = tasks(world, id).map(str::to_owned).collect();
    for task in lost {
        lifecycle::lose(world, &task, why);
    }
}

/// Ids of the tasks on a container instance that have not stopped.
pub(super) fn tasks<'a>(world: &'a World, id: &'a str) -> impl Iterator<Item = &'a str> {
    let tasks = world.ecs().tasks.values().filter(|it| it.status != Status::Stopped);
    tasks.filter(move |it| it.instance.as_deref() == Some(id)).map(|it| it.id.as_str())
}

fn describe(world: &World, it: &ContainerInstance) -> Value {
    let resource = |name: &str, value: u64| json!({ "name": name, "type": "INTEGER", "integerValue": value, "longValue": 0, "doubleValue": 0.0 });
    let ports = |name: &str, ports: &[&str]| json!({ "name": name, "type": "STRINGSET", "stringSetValue": ports });
    let resources = |cpu, memory| {
        json!([
            resource("CPU", cpu),
            resource("MEMORY", memory),
            ports("PORTS", &["22", "2376", "2375", "51678", "51679"]),
            ports("PORTS_UDP", &[]),
        ])
    };
    let free = placement::free(world, it);
    let of = || world.ecs().tasks.values().filter(|task| task.instance.as_deref() == Some(&it.id));
    let attributes = [
        ("ecs.availability-zone", it.zone.as_str()),
        ("ecs.instance-type", it.instance_type.as_str()),
        ("ecs.os-type", "linux"),
        ("ecs.cpu-architecture", it.architecture),
    ];
    let mut answer = json!({
        "containerInstanceArn": it.arn,
        "ec2InstanceId": it.ec2,
        "status": it.status,
        "agentConnected": it.status != "INACTIVE" && agent::is_connected(world, it),
        "runningTasksCount": of().filter(|task| task.status.is_running()).count(),
        "pendingTasksCount": of().filter(|task| task.status.is_pending()).count(),
        "registeredResources": resources(it.cpu, it.memory),
        "remainingResources": resources(free.cpu, free.memory),
        "registeredAt": world.timestamp_at(it.registered),
        "version": 1,
        "versionInfo": { "agentVersion": "1.108.2", "dockerVersion": "DockerVersion: 25.0.18" },
        "attributes": attributes.map(|(name, value)| json!({ "name": name, "value": value })),
        "attachments": [],
        "tags": crate::fields::ecs_tag_list(&it.tags),
    });
    if let Some(provider) = &it.provider {
        answer["capacityProviderName"] = provider.as_str().into();
    }
    answer
}

/// What an instance type gives its agent to register: CPU units, MiB, interfaces for tasks.
pub(super) fn resources(shape: &ec2::Shape) -> (u64, u64, u64) {
    let interfaces = u64::from(shape.interfaces.saturating_sub(1));
    (u64::from(shape.vcpus) * 1024, u64::from(shape.registers), interfaces)
}
