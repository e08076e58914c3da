//! What the containers of a task write into their log streams.

use super::task::{EXITED, Task};
use super::task_definition;
use crate::fields::Fields;
use crate::logs::{self, Chatter};
use crate::scenario::Answers;
use crate::world::World;

/// The group and the stream of each container whose lines go to `CloudWatch` Logs (ECS guide, "Send Amazon
/// ECS logs to `CloudWatch`").
fn streams(world: &World, task: &Task) -> Vec<(String, String)> {
    let definition = task_definition::get(world, &task.definition);
    let containers = definition.map(|it| it.content.list("containerDefinitions"));
    let containers = containers.unwrap_or_default().iter();
    let writes = containers.filter_map(|container| {
        let logging = container.part("logConfiguration");
        let options = logging.part("options");
        let group = options.some_text("awslogs-group")?.to_owned();
        let stream = match options.some_text("awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{}/{}", container.text("name"), task.id),
            // Then the stream has the id that Docker gave the container.
            None => {
                world.dice.digest("container", &format!("{} {}", task.id, container.text("name")))
            }
        };
        (logging.text("logDriver") == "awslogs").then_some((group, stream))
    });
    writes.collect()
}

/// The containers run, and tell how they do.
pub(super) fn begin(world: &mut World, task: &Task) {
    let serves = !task.targets.is_empty();
    let status = match world.scenario.health {
        Answers::Code(code) => code,
        Answers::Well | Answers::Never | Answers::Refused => 200,
    };
    let each = if serves { format!("health check: {status}") } else { "job done".to_owned() };
    let chatter = Chatter {
        first: vec![
            format!("starting task {}", task.id),
            "configuration read".to_owned(),
            if serves { "listening" } else { "waiting for jobs" }.to_owned(),
        ],
        each: Some(each),
    };
    for (group, stream) in streams(world, task) {
        logs::open(world, &group, &stream, chatter.clone());
    }
}

/// The containers write these lines.
pub(super) fn say(world: &mut World, task: &Task, lines: &[&str]) {
    for (group, stream) in streams(world, task) {
        logs::put(world, &group, &stream, lines);
    }
}

/// The containers have ended. One that was asked to, and could end by itself, says so.
pub(super) fn end(world: &mut World, id: &str) {
    let Some(task) = world.ecs().tasks.get(id).cloned() else { return };
    if task.exit == Some(0) && task.code != Some(EXITED) {
        say(world, &task, &["asked to stop", "stopped"]);
    }
    for (group, stream) in streams(world, &task) {
        logs::close(world, &group, &stream);
    }
}
