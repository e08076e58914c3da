//! Cluster auto scaling: ECS counts each minute how many instances the tasks need, and a target
//! tracking policy follows (`docs/aws-facts.md`, "States and durations").
//!
//! From no instances the metric is pinned, and two are started even for one task. More come when the
//! first ones have had their warm-up; fewer only after fifteen minutes. A task that is larger than an
//! instance counts for nothing. An instance without ECS's tag makes the metric wrong, and its group never
//! becomes smaller.

use std::time::Duration;

use super::container_instance;
use super::placement::{self, Free};
use super::task::Task;
use super::{association, capacity_provider};
use crate::world::World;
use crate::{autoscaling, ec2};

const EACH: Duration = Duration::from_mins(1);
/// How many metrics in a row make an alarm that adds instances: one, and a minute until it acts.
const HIGH: u32 = 2;
/// How many make the alarm that takes them away.
const LOW: u32 = 15;
/// What is started when there is none.
const FROM_ZERO: usize = 2;

/// What the scaler remembers of a capacity provider.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    high: u32,
    low: u32,
    grown: Option<Duration>,
}

/// The providers of a cluster changed.
pub(super) fn wake(world: &mut World, cluster: &str) {
    if world.ecs().scaling || managed(world).is_empty() {
        return;
    }
    world.ecs_mut().scaling = true;
    let after = world.dice.delay("scaler.phase", cluster, 30.0..=60.0);
    world.after(after, minute);
}

/// Clusters and their providers whose groups ECS scales.
fn managed(world: &World) -> Vec<(String, String)> {
    let clusters = world.ecs().clusters.values().filter(|it| it.status == "ACTIVE");
    let pairs = clusters.flat_map(|cluster| {
        let usable = cluster.providers.iter().filter(|it| association::is_usable(cluster, it));
        usable.map(|provider| (cluster.name.clone(), provider.clone()))
    });
    let scaled = |name: &str| world.ecs().providers.get(name).is_some_and(|it| it.scaling.enabled);
    pairs.filter(|(_, provider)| scaled(provider)).collect()
}

fn minute(world: &mut World) {
    let pairs = managed(world);
    world.ecs_mut().scaling = !pairs.is_empty();
    for (cluster, provider) in &pairs {
        look(world, cluster, provider);
    }
    if !pairs.is_empty() {
        world.after(EACH, minute);
    }
}

fn look(world: &mut World, cluster: &str, name: &str) {
    let Some(provider) = world.ecs().providers.get(name).cloned() else { return };
    let group = autoscaling::group(world, &provider.group).filter(|group| !group.deleting);
    let Some(group) = group else { return };
    protect(world, &provider, &group);
    let needed = needed(world, cluster, name, &group);
    let target = usize::try_from(provider.scaling.target.clamp(1, 100)).unwrap_or(100);
    let wanted = (needed * 100).div_ceil(target);
    let mut memory = provider.memory.clone();
    memory.high = if wanted > group.desired { memory.high + 1 } else { 0 };
    memory.low = if wanted < group.desired { memory.low + 1 } else { 0 };
    let warmup = Duration::from_secs(u64::try_from(provider.scaling.warmup).unwrap_or(0));
    let warm = memory.grown.is_none_or(|grown| grown + warmup <= world.now);
    if memory.high >= HIGH && warm {
        let steps = |steps: i64| usize::try_from(steps).unwrap_or(1).max(1);
        let (least, most) = (steps(provider.scaling.least), steps(provider.scaling.most));
        let step = (wanted - group.desired).max(least).min(most.max(least));
        memory.high = 0;
        memory.grown = Some(world.now);
        let desired = (group.desired + step).min(group.max);
        if desired > group.desired {
            autoscaling::set_desired(world, &group.name, desired);
        }
    } else if memory.low >= LOW && group.instances.iter().all(|it| is_managed(world, it)) {
        // Only what is empty may go, and only now does it lose its protection.
        for member in group.instances.iter().filter(|it| it.protected && provider.protection) {
            if !is_used(world, &member.id) {
                autoscaling::set_protection(world, &group.name, &member.id, false);
            }
        }
        let desired = wanted.max(group.min);
        if desired < group.desired {
            autoscaling::set_desired(world, &group.name, desired);
        }
    }
    if let Some(provider) = world.ecs_mut().providers.get_mut(name) {
        provider.memory = memory;
    }
}

/// Protects the instances that tasks are on.
fn protect(
    world: &mut World,
    provider: &capacity_provider::Provider,
    group: &autoscaling::GroupView,
) {
    if !provider.protection {
        return;
    }
    for member in group.instances.iter().filter(|it| !it.protected && is_staying(it)) {
        if is_used(world, &member.id) {
            autoscaling::set_protection(world, &group.name, &member.id, true);
        }
    }
}

fn is_staying(member: &autoscaling::MemberView) -> bool {
    !member.lifecycle.starts_with("Terminat")
}

/// Whether an instance was launched when its group had the tag `AmazonECSManaged`
/// (`docs/aws-facts.md`, "Creating").
fn is_managed(world: &World, member: &autoscaling::MemberView) -> bool {
    let instance = ec2::instance(world, &member.id);
    instance.is_none_or(|it| it.tags.contains_key(autoscaling::MANAGED))
}

/// Whether tasks are on an instance.
fn is_used(world: &World, ec2: &str) -> bool {
    let mut instances = world.ecs().instances.values();
    let found = instances.find(|it| it.ec2 == ec2 && it.status != "INACTIVE");
    found.is_some_and(|it| container_instance::tasks(world, &it.id).next().is_some())
}

/// How many instances the tasks on a provider need.
fn needed(world: &World, cluster: &str, name: &str, group: &autoscaling::GroupView) -> usize {
    let waiting = world.ecs().tasks.values().filter(|it| {
        it.cluster == cluster && it.provider.as_deref() == Some(name) && it.place.is_none()
    });
    let waiting: Vec<&Task> = waiting.filter(|it| !it.going).collect();
    let members: Vec<_> = group.instances.iter().filter(|it| is_staying(it)).collect();
    let kind =
        members.iter().find_map(|it| ec2::instance(world, &it.id)).map(|it| it.instance_type);
    // Of several types it reckons with the smallest (ECS guide, "Cluster auto scaling").
    let types = if kind.is_some() { group.types.iter() } else { [].iter() };
    let smallest = types.filter_map(|it| ec2::shape(it)).min_by_key(|it| (it.vcpus, it.registers));
    let Some(shape) = smallest.or_else(|| ec2::shape(&kind?)) else {
        return if waiting.is_empty() { 0 } else { FROM_ZERO };
    };
    let (cpu, memory, interfaces) = container_instance::resources(&shape);
    let empty = Free { cpu, memory, interfaces };
    // What is used stays; what waits is put where there is room, and into new ones after that.
    let mut bins: Vec<(Free, bool)> = Vec::new();
    for member in &members {
        let mut instances = world.ecs().instances.values();
        let found = instances.find(|it| it.ec2 == member.id && it.status == "ACTIVE");
        let free = found.map_or(empty, |it| placement::free(world, it));
        bins.push((free, is_used(world, &member.id)));
    }
    for task in waiting {
        if empty.take(task).is_none() {
            continue;
        }
        match bins.iter_mut().find_map(|bin| Some((bin.0.take(task)?, bin))) {
            Some((free, bin)) => *bin = (free, true),
            None => bins.extend(empty.take(task).map(|free| (free, true))),
        }
    }
    bins.iter().filter(|(_, used)| *used).count()
}
