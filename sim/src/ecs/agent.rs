//! The ECS agent on an instance: registers, starts and stops tasks, reports.
//!
//! An agent needs a way to ECS, out to the internet or by its three endpoints, and the credentials of its
//! instance's role. Without either it is started again and again; but when ECS answers that there is no such
//! cluster, it exits for good, and the instance never joins (`docs/aws-facts.md`, "Creating"). One that
//! registered before there were endpoints goes on past them until it is started anew (ECS guide, "Amazon ECS
//! interface VPC endpoints").

use std::time::Duration;

use super::container_instance::{self, ContainerInstance};
use super::{association, nth, scheduler};
use crate::notice::Notice;
use crate::partition;
use crate::world::{self, World};
use crate::{autoscaling, ec2, iam};

/// How often an agent that cannot register is started again, at the least often.
const SLOWEST: Duration = Duration::from_secs(15);
/// How often it is looked whether an agent still gets out.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After how long of silence an agent counts as disconnected.
const SILENCE: Duration = Duration::from_mins(1);

/// What of others concerns the agents on instances.
pub(super) fn hear(world: &mut World, notice: Notice<'_>) {
    match notice {
        Notice::InstanceRuns(instance) => boots(world, instance),
        Notice::InstanceGoes(instance) => dies(world, instance),
        Notice::InstanceInterrupted(instance) => is_interrupted(world, instance),
        Notice::InstanceDrains { group, instance } => drains(world, group, instance),
    }
}

/// An instance has booted: its agent reads `/etc/ecs/ecs.config` out of the user data and goes on
/// from there.
fn boots(world: &mut World, instance: &str) {
    let Some(view) = ec2::instance(world, instance) else { return };
    let name = world::key(&view.tags, instance);
    let boots = world.ecs_mut().boots.entry(name.clone()).or_default();
    *boots += 1;
    let key = nth(&name, *boots);
    let after = world.dice.delay("agent.register", &key, 40.0..=60.0);
    let instance = instance.to_owned();
    let wait = Duration::from_millis(500);
    world.after(after, move |world| registers(world, &instance, key, wait));
}

/// The agent tries to register; `wait` is how long it waits before it tries again.
fn registers(world: &mut World, instance: &str, key: String, wait: Duration) {
    let Some(view) = ec2::instance(world, instance).filter(|it| it.state == "running") else {
        return;
    };
    let past_endpoints = !ec2::has_endpoint(world, &view.subnet, "ecs-agent");
    if !gets_out(world, &view, past_endpoints) || !has_credentials(world, &view) {
        let instance = instance.to_owned();
        let next = (wait * 2).min(SLOWEST);
        world.after(wait, move |world| registers(world, &instance, key, next));
        return;
    }
    let cluster = cluster_in(&view.user_data);
    let there = world.ecs().clusters.get(&cluster).is_some_and(|it| it.status == "ACTIVE");
    let Some(shape) = ec2::shape(&view.instance_type).filter(|_| there) else {
        // `Cluster not found.` is final: exit code 5, which its unit does not restart.
        return;
    };
    let id = world.digits_of(32, &format!("container instance {}", view.id));
    let (cpu, memory, interfaces) = container_instance::resources(&shape);
    let registered = ContainerInstance {
        arn: world.arn("ecs", &format!("container-instance/{cluster}/{id}")),
        id: id.clone(),
        key,
        ec2: view.id.clone(),
        zone: view.zone.clone(),
        instance_type: view.instance_type.clone(),
        architecture: shape.architecture,
        status: "ACTIVE",
        provider: provider_of(world, &cluster, instance),
        cpu,
        memory,
        interfaces,
        registered: world.now,
        contact: world.now,
        past_endpoints,
        tags: crate::fields::Tags::new(),
        cluster: cluster.clone(),
    };
    world.ecs_mut().instances.insert(id.clone(), registered);
    world.after(HEARTBEAT, move |world| heartbeat(world, &id));
    scheduler::wake_cluster(world, &cluster);
}

/// The cluster that the last line of the user data about it names.
fn cluster_in(user_data: &str) -> String {
    let mut named = user_data.lines().filter_map(|line| {
        let (_, rest) = line.split_once("ECS_CLUSTER=")?;
        let name = rest.split([' ', '\t', '>', ';', '\'', '"']).find(|part| !part.is_empty())?;
        Some(name.trim().to_owned())
    });
    named.next_back().unwrap_or_else(|| "default".to_owned())
}

/// The capacity provider of an instance's group, if the cluster has it in its list.
fn provider_of(world: &World, cluster: &str, instance: &str) -> Option<String> {
    let providers = world.ecs().clusters.get(cluster)?.providers.iter();
    let mut providers = providers.filter_map(|name| world.ecs().providers.get(name));
    let has = |group: autoscaling::GroupView| group.instances.iter().any(|it| it.id == instance);
    let found = providers.find(|it| autoscaling::group(world, &it.group).is_some_and(has));
    found.map(|it| it.name.clone())
}

fn has_credentials(world: &World, view: &ec2::InstanceView) -> bool {
    let role = view.profile.as_ref().and_then(|profile| iam::role_of_profile(world, profile));
    role.is_some_and(|role| {
        iam::is_assumable(world, &role, partition::ec2_service(world.partition()))
            && iam::has_policy(world, &role, "AmazonEC2ContainerServiceforEC2Role")
    })
}

fn gets_out(world: &World, view: &ec2::InstanceView, past_endpoints: bool) -> bool {
    if past_endpoints {
        return ec2::way_out(world, &view.subnet, ec2::has_public_address(world, &view.id));
    }
    reaches(world, view, &["ecs", "ecs-agent", "ecs-telemetry"])
}

/// Whether an instance can talk to all of these services.
pub(super) fn reaches(world: &World, view: &ec2::InstanceView, services: &[&str]) -> bool {
    let from = ec2::Standpoint {
        subnet: &view.subnet,
        groups: &view.groups,
        public_address: ec2::has_public_address(world, &view.id),
    };
    services.iter().all(|service| ec2::reaches(world, &from, service))
}

/// Whether ECS and the agent of a container instance can talk now.
pub(super) fn is_reachable(world: &World, instance: &ContainerInstance) -> bool {
    let view = ec2::instance(world, &instance.ec2);
    view.is_some_and(|view| {
        view.state == "running"
            && gets_out(world, &view, instance.past_endpoints)
            && has_credentials(world, &view)
    })
}

/// Whether ECS takes the agent of a container instance for connected: it takes silence of a minute
/// for it to be told.
pub(super) fn is_connected(world: &World, instance: &ContainerInstance) -> bool {
    let heard = world.now.saturating_sub(instance.contact) < SILENCE;
    (heard || is_reachable(world, instance)) && !connects_anew(world, instance)
}

/// Whether an agent connects anew just now, which it does several times an hour as part of its normal
/// operation (ECS guide, "Amazon ECS events"). Its tasks run on meanwhile, and it makes up for what it
/// has missed.
fn connects_anew(world: &World, instance: &ContainerInstance) -> bool {
    /// Seconds in which it happens once.
    const EVERY: u64 = 15 * 60;
    let age = world.now.saturating_sub(instance.registered).as_secs();
    let key = nth(&instance.key, age / EVERY);
    let since = world.dice.delay("agent.reconnect", &key, 30.0..=800.0).as_secs();
    let lasts = world.dice.delay("agent.reconnect.lasts", &key, 2.0..=30.0).as_secs();
    (since..since + lasts).contains(&(age % EVERY))
}

fn heartbeat(world: &mut World, id: &str) {
    let Some(instance) = world.ecs().instances.get(id).filter(|it| it.status != "INACTIVE") else {
        return;
    };
    if ec2::instance(world, &instance.ec2).is_none_or(|view| view.state != "running") {
        return;
    }
    let reachable = is_reachable(world, instance);
    let now = world.now;
    if let Some(instance) = world.ecs_mut().instances.get_mut(id).filter(|_| reachable) {
        instance.contact = now;
    }
    let id = id.to_owned();
    world.after(HEARTBEAT, move |world| heartbeat(world, &id));
}

/// The container instance of an EC2 instance, unless it is deregistered.
fn of(world: &World, instance: &str) -> Option<ContainerInstance> {
    let mut all = world.ecs().instances.values();
    all.find(|it| it.ec2 == instance && it.status != "INACTIVE").cloned()
}

/// An instance is being terminated. While its agent is connected ECS takes it out of its cluster;
/// otherwise nobody does.
fn dies(world: &mut World, instance: &str) {
    let Some(it) = of(world, instance) else { return };
    let view = ec2::instance(world, instance);
    let reachable = view.is_some_and(|view| {
        gets_out(world, &view, it.past_endpoints) && has_credentials(world, &view)
    });
    if !reachable && world.now.saturating_sub(it.contact) >= SILENCE {
        return;
    }
    let after = world.dice.delay("instance.deregister", &it.key, 5.0..=20.0);
    let (id, instance) = (it.id, instance.to_owned());
    world.after(after, move |world| {
        let still = world.ecs().instances.get(&id).is_some_and(|it| it.status != "INACTIVE");
        if still {
            let why = format!("Host EC2 (instance {instance}) terminated.");
            container_instance::leave(world, &id, &why);
        }
    });
}

/// EC2 is about to take a Spot instance back: an agent that was told to drains it, as the ECS guide says
/// ("Container instance draining" and the agent's `ECS_ENABLE_SPOT_INSTANCE_DRAINING`).
fn is_interrupted(world: &mut World, instance: &str) {
    let Some(it) = of(world, instance) else { return };
    let view = ec2::instance(world, instance).unwrap_or_default();
    let told =
        view.user_data.lines().any(|it| it.contains("ECS_ENABLE_SPOT_INSTANCE_DRAINING=true"));
    if !told || !is_connected(world, &it) {
        return;
    }
    // It looks at the instance's metadata every few seconds.
    let after = world.dice.delay("agent.sees-interruption", &it.key, 1.0..=10.0);
    let id = it.id;
    world.after(after, move |world| {
        let Some(it) = world.ecs_mut().instances.get_mut(&id).filter(|it| it.status == "ACTIVE")
        else {
            return;
        };
        it.status = "DRAINING";
        let cluster = it.cluster.clone();
        scheduler::wake_cluster(world, &cluster);
    });
}

/// A group wants to terminate an instance and its draining hook holds it: tasks are drained, and the
/// action is completed when none is left.
fn drains(world: &mut World, group: &str, instance: &str) {
    // Without its container instance ECS knows nothing to drain, and nobody completes the action.
    let Some(it) = of(world, instance) else { return };
    let after = world.dice.delay("instance.drain", &it.key, 1.0..=5.0);
    let (group, id) = (group.to_owned(), it.id);
    world.after(after, move |world| {
        let Some(it) = world.ecs_mut().instances.get_mut(&id).filter(|it| it.status != "INACTIVE")
        else {
            return;
        };
        it.status = "DRAINING";
        let cluster = it.cluster.clone();
        scheduler::wake_cluster(world, &cluster);
        drained(world, &group, &id);
    });
}

/// Completes the action of the draining hook once nothing runs on the instance.
fn drained(world: &mut World, group: &str, id: &str) {
    const AGAIN: Duration = Duration::from_secs(5);
    let Some(it) = world.ecs().instances.get(id).filter(|it| it.status == "DRAINING") else {
        return;
    };
    let attached = it.provider.as_ref().is_some_and(|provider| {
        let cluster = world.ecs().clusters.get(&it.cluster);
        cluster.is_some_and(|cluster| association::is_usable(cluster, provider))
    });
    if !attached {
        // ECS has let go of the group: the hook holds the instance until its heartbeat ends.
        return;
    }
    if container_instance::tasks(world, id).next().is_none() {
        let instance = it.ec2.clone();
        autoscaling::complete_lifecycle(world, group, &instance);
        return;
    }
    let (group, id) = (group.to_owned(), id.to_owned());
    world.after(AGAIN, move |world| drained(world, &group, &id));
}
