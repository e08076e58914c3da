//! What the containers of a task write into their log streams.

use super::task::{EXITED, Task};
use super::{curl, task_definition};
use crate::fields::Fields;
use crate::logs::{self, Chatter};
use crate::scenario::Answers;
use crate::world::World;

/// Each container whose lines go to `CloudWatch` Logs, with its group and its stream (ECS guide, "Send Amazon
/// ECS logs to `CloudWatch`").
fn streams(world: &World, task: &Task) -> Vec<(String, String, String)> {
    let containers = task_definition::containers(world, &task.definition).iter();
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
        let name = container.text("name").to_owned();
        (logging.text("logDriver") == "awslogs").then_some((name, group, stream))
    });
    writes.collect()
}

/// The containers run, and tell how they do.
pub(super) fn begin(world: &mut World, task: &Task) {
    let serves = !task.targets.is_empty();
    let status = match world.scenario.health {
        Answers::Code(code) => code,
        Answers::Well | Answers::Only(_) | Answers::Never | Answers::Refused => 200,
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
    for (name, group, stream) in streams(world, task) {
        // One that was told to do something else says what that is.
        let is_told = task.overrides.iter().any(|it| it.text("name") == name)
            || task_definition::containers(world, &task.definition)
                .iter()
                .any(|it| it.text("name") == name && curl::is_curl(it));
        let chatter = if is_told { Chatter::default() } else { chatter.clone() };
        logs::open(world, &group, &stream, chatter);
    }
}

/// The container of a name writes these lines; without a name, the first one.
pub(super) fn say(world: &mut World, task: &Task, name: &str, lines: &[impl AsRef<str>]) {
    let containers = task_definition::containers(world, &task.definition).to_vec();
    for (container, group, stream) in streams(world, task) {
        if !task_definition::is_it(&containers, &container, name) {
            continue;
        }
        logs::put(world, &group, &stream, lines);
    }
}

/// The containers have ended. One that was asked to, and could end by itself, says so.
pub(super) fn end(world: &mut World, id: &str) {
    let Some(task) = world.ecs().tasks.get(id).cloned() else { return };
    if task.exit == Some(0) && task.code != Some(EXITED) {
        for (container, ..) in streams(world, &task) {
            say(world, &task, &container, &["asked to stop", "stopped"]);
        }
    }
    for (_, group, stream) in streams(world, &task) {
        logs::close(world, &group, &stream);
    }
}
