//! The order in which the containers of a task start (ECS guide, "Container dependency").
//!
//! A container that others wait for with `SUCCESS` or `COMPLETE` does its work and ends, with the code that
//! the scenario names. What never comes to be is given up after three minutes, unless the container says
//! how long (agent, `ECS_CONTAINER_START_TIMEOUT`); the words are those of its `dependencygraph`.

use std::time::Duration;

use serde_json::Value;

use super::client;
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::world::World;

/// How long a container waits for another one unless it says so.
const START_TIMEOUT: i64 = 180;
/// How long a container works that is waited for until it has ended.
const WORK: Duration = Duration::from_secs(4);

/// Checks what containers say of each other. That one may not wait for the end of an essential container is
/// told in these words (boto3#2436); those of the others are to be verified.
pub(super) fn check(containers: &[Value]) -> Result<(), Refusal> {
    let find = |name: &str| containers.iter().find(|it| it.text("name") == name);
    for container in containers {
        for dependency in container.list("dependsOn") {
            let name = dependency.text("containerName");
            let Some(on) = find(name) else {
                return Err(client(format!(
                    "Container '{}' depends on container '{name}', which is not in the task definition.",
                    container.text("name")
                )));
            };
            match dependency.text("condition") {
                "START" => {}
                "HEALTHY" if on.get("healthCheck").is_none_or(Value::is_null) => {
                    return Err(client(format!(
                        "A dependency container with HEALTHY condition must have a health check: '{name}'."
                    )));
                }
                "HEALTHY" => {}
                "SUCCESS" | "COMPLETE" if on.flag("essential").unwrap_or(true) => {
                    return Err(client(
                        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential \
                         container",
                    ));
                }
                "SUCCESS" | "COMPLETE" => {}
                other => {
                    return Err(client(format!("Invalid condition '{other}' in dependsOn.")));
                }
            }
        }
    }
    let mut free: Vec<&str> = Vec::new();
    while free.len() < containers.len() {
        let is_next = |it: &&Value| {
            let mut on = it.list("dependsOn").iter().map(|it| it.text("containerName"));
            !free.contains(&it.text("name")) && on.all(|name| free.contains(&name))
        };
        match containers.iter().find(is_next) {
            Some(next) => free.push(next.text("name")),
            None => return Err(client("Container dependencies form a cycle.")),
        }
    }
    Ok(())
}

/// Whether a container is one that ends before others start.
pub(super) fn ends_first(containers: &[Value], name: &str) -> bool {
    let mut all = containers.iter().flat_map(|it| it.list("dependsOn"));
    all.any(|it| {
        it.text("containerName") == name && ["SUCCESS", "COMPLETE"].contains(&it.text("condition"))
    })
}

/// How long it takes until all containers of a task have started; or how long until one is given up, and why.
pub(super) fn start(world: &World, containers: &[Value]) -> Result<Duration, (Duration, String)> {
    let mut last = Duration::ZERO;
    for container in containers {
        last = last.max(starts(world, containers, container)?);
    }
    Ok(last)
}

fn starts(
    world: &World,
    containers: &[Value],
    container: &Value,
) -> Result<Duration, (Duration, String)> {
    let target = container.text("name");
    let seconds = |it: Option<i64>, usual: i64| {
        Duration::from_secs(u64::try_from(it.unwrap_or(usual)).unwrap_or_default())
    };
    let mut begins = Duration::ZERO;
    for dependency in container.list("dependsOn") {
        let name = dependency.text("containerName");
        let Some(on) = containers.iter().find(|it| it.text("name") == name) else { continue };
        let begun = starts(world, containers, on)?;
        let timeout = begun + seconds(on.number("startTimeout"), START_TIMEOUT);
        let check = on.part("healthCheck");
        let healthy = begun + seconds(check.number("interval"), 30);
        let is = match dependency.text("condition") {
            "HEALTHY" if world.scenario.sick_containers || healthy > timeout => {
                let why = format!(
                    "ContainerOrderingError: dependency graph: container ordering dependency [{name}] for \
                     target [{target}] has timed out."
                );
                return Err((timeout, why));
            }
            "HEALTHY" => healthy,
            "SUCCESS" if world.scenario.first_container_fails.is_some() => {
                let why = format!(
                    "ContainerOrderingError: dependency graph: failed to resolve container ordering \
                     dependency [{name}] for target [{target}] as dependency did not exit successfully."
                );
                return Err((begun + WORK, why));
            }
            "SUCCESS" | "COMPLETE" => begun + WORK,
            _ => begun,
        };
        begins = begins.max(is);
    }
    Ok(begins)
}
