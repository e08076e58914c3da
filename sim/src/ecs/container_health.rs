//! Health checks of containers: commands that agents run in them (ECS guide, "Determine Amazon ECS task
//! health using container health checks").
//!
//! A task is as healthy as its essential containers that have a check; without any, its health is
//! unknown, and its service takes it for healthy once it runs.

use std::time::Duration;

use serde_json::Value;

use super::task::{Status, Task};
use super::{client, scheduler, task_definition};
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::world::World;

/// How healthy the checks of its containers find a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// No container is checked, or no check has decided.
    #[default]
    Unknown,
    /// All are well.
    Healthy,
    /// One has failed as often as it takes.
    Unhealthy,
}

impl Health {
    /// As ECS writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// The checks of the essential containers of a task.
fn checks(world: &World, task: &Task) -> Vec<Value> {
    let containers = task_definition::containers(world, &task.definition).iter();
    let essential = containers.filter(|it| it.flag("essential") != Some(false));
    let checks = essential.filter_map(|it| it.get("healthCheck")).filter(|it| !it.is_null());
    checks.cloned().collect()
}

/// Whether a task that runs counts as healthy for its service.
pub(super) fn is_well(world: &World, task: &Task) -> bool {
    task.health == Health::Healthy || checks(world, task).is_empty()
}

/// A task runs: its checks decide some time from now.
pub(super) fn begin(world: &mut World, task: &Task) {
    let checks = checks(world, task);
    let is_sick = world.scenario.sick_containers;
    let decides = checks.iter().map(|check| {
        let number = |name: &str, usual: u64| {
            check.number(name).and_then(|it| u64::try_from(it).ok()).unwrap_or(usual)
        };
        let interval = number("interval", 30);
        match is_sick {
            true => number("startPeriod", 0) + interval * number("retries", 3),
            false => interval,
        }
    });
    // All have to be well; the first that is not will do.
    let (seconds, health) = match is_sick {
        true => (decides.min(), Health::Unhealthy),
        false => (decides.max(), Health::Healthy),
    };
    let Some(seconds) = seconds else { return };
    let id = task.id.clone();
    world.after(Duration::from_secs(seconds), move |world| {
        let tasks = &mut world.ecs_mut().tasks;
        let task = tasks.get_mut(&id).filter(|it| it.status == Status::Running && !it.going);
        let Some(task) = task else { return };
        task.health = health;
        let (cluster, service) = (task.cluster.clone(), task.service.clone());
        scheduler::wake(world, &cluster, &service);
    });
}

/// Checks what a container is registered with (ECS API Reference, `HealthCheck` and `ContainerDefinition`;
/// in which words it is refused is not documented).
pub(super) fn check_container(container: &Value, on_fargate: bool) -> Result<(), Refusal> {
    let name = container.text("name");
    let stop = container.number("stopTimeout");
    if stop.is_some_and(|seconds| seconds < 0 || on_fargate && seconds > 120) {
        return Err(client(format!("Invalid 'stopTimeout' setting for container '{name}'.")));
    }
    let Some(check) = container.get("healthCheck").filter(|it| !it.is_null()) else {
        return Ok(());
    };
    let command = check.texts("command");
    let runs = match command.split_first() {
        Some((first, rest)) => match first.as_str() {
            "CMD" | "CMD-SHELL" => !rest.is_empty(),
            first => first == "NONE",
        },
        None => false,
    };
    let ranges =
        [("interval", 5..=300), ("timeout", 2..=60), ("retries", 1..=10), ("startPeriod", 0..=300)];
    let outside = |(name, range): &(&str, std::ops::RangeInclusive<i64>)| {
        check.number(name).is_some_and(|number| !range.contains(&number))
    };
    match ranges.iter().find(|it| outside(it)) {
        Some((setting, _)) => Err(client(format!(
            "Invalid '{setting}' setting in the health check of container '{name}'."
        ))),
        None if !runs => {
            Err(client(format!("Invalid 'command' in the health check of container '{name}'.")))
        }
        None => Ok(()),
    }
}
