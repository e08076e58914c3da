//! Where tasks go. On instances CPU, memory, network interfaces and the zone decide; with `awsvpc`
//! each task takes an interface of its instance, and one is the instance's own
//! (`docs/aws-facts.md`, "Creating").

use std::collections::BTreeMap;

use serde_json::Value;

use super::container_instance::{self, ContainerInstance};
use super::task::{Status, Task};
use super::{agent, task_definition};
use crate::ec2;
use crate::fields::Fields;
use crate::world::World;

/// What a container instance has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Free {
    /// CPU units.
    pub(super) cpu: u64,
    /// MiB of memory.
    pub(super) memory: u64,
    /// Network interfaces.
    pub(super) interfaces: u64,
}

impl Free {
    /// Takes a task's share, if it fits.
    pub(super) fn take(self, task: &Task) -> Option<Self> {
        let interface = u64::from(task.network.is_some());
        Some(Self {
            cpu: self.cpu.checked_sub(task.cpu)?,
            memory: self.memory.checked_sub(task.memory)?,
            interfaces: self.interfaces.checked_sub(interface)?,
        })
    }
}

/// What a container instance has left.
pub(super) fn free(world: &World, instance: &ContainerInstance) -> Free {
    let whole =
        Free { cpu: instance.cpu, memory: instance.memory, interfaces: instance.interfaces };
    let tasks = world.ecs().tasks.values();
    let tasks = tasks.filter(|it| it.status != Status::Stopped);
    let tasks = tasks.filter(|it| it.instance.as_deref() == Some(&instance.id));
    tasks.fold(whole, |free, task| Free {
        cpu: free.cpu.saturating_sub(task.cpu),
        memory: free.memory.saturating_sub(task.memory),
        interfaces: free.interfaces.saturating_sub(u64::from(task.network.is_some())),
    })
}

/// Why a task has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The cluster has no container instances.
    NoInstances,
    /// None of them is of the task's capacity provider, in its zones and connected.
    NoneFits,
    /// The closest lacks this.
    Lacks(String, &'static str),
}

/// The container instance for a task, and the subnet for its interface.
pub(super) fn choose(
    world: &World,
    task: &Task,
    strategies: &[Value],
) -> Result<(String, Option<String>), Misfit> {
    let mut misfit = Misfit::NoInstances;
    let mut best: Option<(Vec<u64>, &ContainerInstance, Option<String>)> = None;
    let mut instances: Vec<_> = container_instance::registered(world, &task.cluster).collect();
    instances.sort_by_key(|it| (it.registered, it.key.clone()));
    for instance in instances {
        if misfit == Misfit::NoInstances {
            misfit = Misfit::NoneFits;
        }
        let subnet = subnet(world, task, &instance.zone);
        let of_provider = task.provider.is_none() || task.provider == instance.provider;
        let reachable = || agent::is_reachable(world, instance);
        let zone_fits = task.network.is_none() || subnet.is_some();
        let can = instance.status == "ACTIVE" && of_provider && zone_fits;
        if !can || !architecture_fits(world, task, instance) || !reachable() {
            continue;
        }
        let free = free(world, instance);
        let lacks = [
            (free.cpu < task.cpu, "insufficient CPU units available"),
            (free.memory < task.memory, "insufficient memory available"),
            (task.network.is_some() && free.interfaces == 0, "encountered error \"RESOURCE:ENI\""),
        ];
        if let Some((_, what)) = lacks.into_iter().find(|(lacks, _)| *lacks) {
            misfit = Misfit::Lacks(instance.id.clone(), what);
            continue;
        }
        let rank = rank(world, task, strategies, instance, free);
        if best.as_ref().is_none_or(|(before, ..)| rank < *before) {
            best = Some((rank, instance, subnet));
        }
    }
    best.map(|(_, instance, subnet)| (instance.id.clone(), subnet)).ok_or(misfit)
}

/// How well an instance suits, strategy by strategy: the lowest is taken.
fn rank(
    world: &World,
    task: &Task,
    strategies: &[Value],
    instance: &ContainerInstance,
    free: Free,
) -> Vec<u64> {
    let siblings = |same: &dyn Fn(&Task) -> bool| {
        let tasks = world.ecs().tasks.values().filter(|it| !it.going && it.service == task.service);
        tasks.filter(|it| it.cluster == task.cluster && same(it)).count() as u64
    };
    let in_zone =
        || siblings(&|it| it.place.as_ref().is_some_and(|(zone, _)| *zone == instance.zone));
    let on_instance = || siblings(&|it| it.instance.as_deref() == Some(&instance.id));
    if strategies.is_empty() {
        // ECS spreads over the zones by itself.
        return vec![in_zone(), on_instance()];
    }
    let one = |strategy: &Value| {
        let field = strategy.text("field").to_ascii_lowercase();
        match (strategy.text("type"), field.as_str()) {
            ("spread", "attribute:ecs.availability-zone") => in_zone(),
            ("spread", _) => on_instance(),
            ("binpack", "cpu") => free.cpu,
            ("binpack", _) => free.memory,
            _ => 0,
        }
    };
    strategies.iter().map(one).collect()
}

/// A subnet of the task in a zone: its interface has to be in its instance's zone.
fn subnet(world: &World, task: &Task, zone: &str) -> Option<String> {
    let network = task.network.as_ref()?;
    let in_zone = |id: &&String| ec2::subnet(world, id).is_ok_and(|subnet| subnet.zone == zone);
    network.subnets.iter().find(in_zone).cloned()
}

/// Whether the task's processor is the instance's, where its definition names one.
fn architecture_fits(world: &World, task: &Task, instance: &ContainerInstance) -> bool {
    let definition = task_definition::get(world, &task.definition);
    let wanted = definition.and_then(|it| {
        it.content.part("runtimePlatform").some_text("cpuArchitecture").map(str::to_lowercase)
    });
    wanted.is_none_or(|wanted| wanted == instance.architecture)
}

/// How many tasks of a service there are in each subnet.
pub(super) type Spread = BTreeMap<String, usize>;

/// Counts the tasks of a service. Whoever places many tasks counts once.
pub(super) fn spread(world: &World, service: &str) -> Spread {
    let tasks = world.ecs().tasks.values().filter(|it| !it.going && it.service == service);
    let mut spread = Spread::new();
    for (_, subnet) in tasks.filter_map(|it| it.place.as_ref()) {
        *spread.entry(subnet.clone()).or_default() += 1;
    }
    spread
}

/// The subnet in which Fargate puts a task: the one with the fewest of its service.
pub(super) fn on_fargate(world: &World, task: &Task, spread: &Spread) -> Option<(String, String)> {
    let network = task.network.as_ref()?;
    let subnets = network.subnets.iter();
    let found = subnets.filter_map(|id| Some((ec2::subnet(world, id).ok()?.zone, id.clone())));
    found.min_by_key(|(_, id)| spread.get(id).copied().unwrap_or_default())
}

/// A misfit as an event of the service says it.
pub(super) fn words(misfit: &Misfit) -> String {
    const UNABLE: &str =
        "was unable to place a task because no container instance met all of its requirements.";
    const MORE: &str =
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    match misfit {
        Misfit::NoInstances => {
            format!("{UNABLE} Reason: No Container Instances were found in your cluster. {MORE}")
        }
        Misfit::NoneFits => format!("{UNABLE} {MORE}"),
        Misfit::Lacks(instance, what) => {
            let closest = format!("The closest matching (container-instance {instance})");
            let has = if what.starts_with("encountered") { "" } else { "has " };
            format!("{UNABLE} {closest} {has}{what}. {MORE}")
        }
    }
}
