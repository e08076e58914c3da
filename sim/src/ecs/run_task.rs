//! `RunTask`: tasks that no service looks after. They find their places and live as others do, and when
//! one stops, nothing starts another.

use serde_json::{Value, json};

use super::service_revision::{Setup, setup};
use super::task::{self, Task};
use super::wanted_tags;
use super::{client, cluster, failure, invalid, lacks, launch, nth, placement, task_definition};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Tasks of one call (API `RunTask`).
const MOST: i64 = 10;

/// `RunTask`.
pub(super) fn run_task(world: &mut World, input: &Value) -> Answer {
    let lacking = ["placementConstraints", "group", "referenceId", "volumeConfigurations"];
    lacks(input, "RunTask", &lacking)?;
    if input.flag("enableExecuteCommand") == Some(true) {
        return Err(Refusal::new("SimulatorLacks", "RunTask with enableExecuteCommand"));
    }
    let cluster = cluster::of(world, input)?;
    let count = input.number("count").unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(invalid(format!("count must be between 1 and {MOST}.")));
    }
    let mut tags = wanted_tags(input)?;
    let setup = setup(world, &cluster, input, None)?;
    let overrides = overrides(world, input, &setup)?;
    if let Some(why) = launch::unassumable(world, &setup) {
        return Err(client(why));
    }
    if input.some_text("propagateTags") == Some("TASK_DEFINITION") {
        let revision = task_definition::get(world, &setup.definition);
        let inherited = revision.map(|it| it.tags.clone()).unwrap_or_default();
        // What is said of the task itself counts.
        tags = inherited.into_iter().chain(tags).collect();
    }
    if input.flag("enableECSManagedTags") == Some(true) {
        tags.insert("aws:ecs:clusterName".to_owned(), cluster.clone());
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for ordinal in 0..count {
        let task = provisioned(world, &cluster, &setup, &tags, input.text("startedBy"), ordinal);
        let task = Task { overrides: overrides.clone(), ..task };
        let id = task.id.clone();
        world.ecs_mut().tasks.insert(id.clone(), task.clone());
        match place(world, &task, input.list("placementStrategy")) {
            Ok(()) => {}
            Err(_) if launch::is_scaled(world, &task) => wait_for_place(world, id.clone()),
            Err(why) => {
                world.ecs_mut().tasks.remove(&id);
                failures.push(failure(task.arn, &why));
            }
        }
        tasks.extend(world.ecs().tasks.get(&id).map(|it| task::describe(world, it, true)));
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// Longest overrides, in characters of their JSON (API `RunTask`).
const LONGEST: usize = 8192;

/// What is overridden of containers, which have to be there: their command and their variables, as far as it is
/// simulated.
fn overrides(world: &World, input: &Value, setup: &Setup) -> Result<Vec<Value>, Refusal> {
    let Some(said) = input.get("overrides").filter(|it| !it.is_null()) else {
        return Ok(Vec::new());
    };
    let lacking = [
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "ephemeralStorage",
        "inferenceAcceleratorOverrides",
    ];
    lacks(said, "RunTask.overrides", &lacking)?;
    if said.to_string().len() > LONGEST {
        return Err(invalid("Container Overrides length must be at most 8192"));
    }
    let containers = task_definition::containers(world, &setup.definition);
    for container in said.list("containerOverrides") {
        let name = container.text("name");
        if !containers.iter().any(|it| it.text("name") == name) {
            return Err(invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
        lacks(
            container,
            "RunTask.overrides",
            &["cpu", "memory", "memoryReservation", "environmentFiles", "resourceRequirements"],
        )?;
    }
    Ok(said.list("containerOverrides").to_vec())
}

/// A task that has no place yet.
fn provisioned(
    world: &mut World,
    cluster: &str,
    setup: &Setup,
    tags: &Tags,
    started_by: &str,
    ordinal: i64,
) -> Task {
    let size = task_definition::get(world, &setup.definition).map(task_definition::Revision::size);
    let (cpu, memory) = size.unwrap_or_default();
    let id = world.hex(32);
    let attachment = world.uuid();
    Task {
        arn: world.arn("ecs", &format!("task/{cluster}/{id}")),
        id,
        key: nth(&format!("{cluster}/{} {started_by}", setup.definition.0), ordinal),
        cluster: cluster.to_owned(),
        deployment: started_by.to_owned(),
        definition: setup.definition.clone(),
        fargate: setup.is_fargate(),
        provider: launch::provider(world, &(cluster.to_owned(), String::new()), started_by, setup),
        cpu,
        memory,
        network: setup.network.clone(),
        tags: tags.clone(),
        attachment: world.arn("ecs", &format!("attachment/{attachment}")),
        created: world.now,
        ..Task::default()
    }
}

fn place(world: &mut World, task: &Task, strategies: &[Value]) -> Result<(), String> {
    let mut spread = placement::spread(world, &task.service);
    launch::find_place(world, task, strategies, &mut spread)
}

/// Tries again and again while ECS scales the group of the task's provider.
fn wait_for_place(world: &mut World, id: String) {
    world.after(launch::PLACE_AGAIN, move |world| {
        let waiting = world.ecs().tasks.get(&id).filter(|it| !it.going && it.place.is_none());
        let Some(task) = waiting.cloned() else { return };
        if place(world, &task, &[]).is_err() {
            wait_for_place(world, id);
        }
    });
}
