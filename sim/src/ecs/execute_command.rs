//! Commands in tasks (ECS guide, "Monitor Amazon ECS containers with ECS Exec").
//!
//! A task that starts while its service has it turned on gets an agent beside each container. The agent talks
//! to Systems Manager with the task's role, through the network of the task itself, and is looked at once,
//! when it starts: one that cannot is `STOPPED` for ever (amazon-ssm-agent#540). Whether it is still connected
//! counts when somebody calls.

use serde_json::{Value, json};

use super::task::{Status, Task};
use super::{cluster, invalid, short, task_definition, way};
use crate::fields::Fields;
use crate::policy::condition::Context;
use crate::refusal::{Answer, Refusal};
use crate::world::World;
use crate::{iam, ssm};

/// What the agent does with the task's role.
const ACTIONS: [&str; 4] =
    ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"];

/// A service whose tasks have no role cannot have it (aws-toolkit-jetbrains#3649).
pub(super) fn check(
    world: &World,
    input: &Value,
    is_on: bool,
    definition: &task_definition::Key,
    done: &str,
) -> Result<(), Refusal> {
    let says =
        ["enableExecuteCommand", "taskDefinition"].iter().any(|name| !input[*name].is_null());
    if !is_on || !says || role(world, definition).is_some() {
        return Ok(());
    }
    Err(invalid(format!(
        "The service couldn't be {done} because a valid taskRoleArn is not being used. Specify a valid task \
         role in your task definition and try again."
    )))
}

/// The role of the tasks of a revision.
fn role<'a>(world: &'a World, definition: &task_definition::Key) -> Option<&'a str> {
    let content = &task_definition::get(world, definition)?.content;
    content.some_text("taskRoleArn").filter(|role| !role.is_empty())
}

/// Whether an agent in a task can talk to Systems Manager now.
fn is_connected(world: &World, task: &Task) -> bool {
    let Some(role) = role(world, &task.definition) else { return false };
    let may = |action: &&str| {
        let action = format!("ssmmessages:{action}");
        iam::allows(world, role, &action, "*", &Context::default())
    };
    ACTIONS.iter().all(may) && way::task_reaches(world, task, "ssmmessages")
}

/// The agents of a task have started, and are connected or are not.
pub(super) fn begin(world: &mut World, id: &str) {
    let Some(task) = world.ecs().tasks.get(id).filter(|it| it.has_agents).cloned() else { return };
    let connected = is_connected(world, &task);
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.agent = Some(connected);
    }
    for container in task_definition::containers(world, &task.definition).to_vec() {
        let runtime = runtime_id(world, &task, container.text("name"));
        let target = format!("ecs:{}_{id}_{runtime}", task.cluster);
        ssm::register(world, target, is_target);
    }
}

/// The agent beside a container, as it is described.
pub(super) fn described(world: &World, task: &Task) -> Option<Value> {
    let status = match task.agent {
        _ if !task.has_agents => return None,
        _ if task.status > Status::Running => "STOPPED",
        None => "PENDING",
        Some(true) => "RUNNING",
        Some(false) => "STOPPED",
    };
    let mut agent = json!({ "name": "ExecuteCommandAgent", "lastStatus": status });
    if status == "RUNNING"
        && let Some(started) = task.started
    {
        agent["lastStartedAt"] = world.timestamp_at(started).into();
    }
    Some(json!([agent]))
}

/// What the runtime calls a container: on Fargate after its task, on instances as Docker does.
pub(super) fn runtime_id(world: &World, task: &Task, container: &str) -> String {
    let digest = world.dice.digest("runtime", &format!("{} {container}", task.id));
    match task.fargate {
        true => format!("{}-{}", task.id, &digest[..10]),
        false => digest,
    }
}

/// Whether somebody can be connected with a container: `ecs:CLUSTER_TASK_RUNTIME`, as Systems Manager calls it.
fn is_target(world: &World, target: &str) -> bool {
    let Some(rest) = target.strip_prefix("ecs:") else { return false };
    let mut parts = rest.rsplitn(3, '_');
    let (Some(runtime), Some(id), Some(cluster)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some(task) = world.ecs().tasks.get(id).filter(|it| it.cluster == cluster) else {
        return false;
    };
    let containers = task_definition::containers(world, &task.definition).iter();
    let mut runtimes = containers.map(|it| runtime_id(world, task, it.text("name")));
    runs(task) && runtimes.any(|it| it == runtime) && is_connected(world, task)
}

fn runs(task: &Task) -> bool {
    task.status == Status::Running && task.agent == Some(true)
}

/// `ExecuteCommand`.
pub(super) fn execute_command(world: &mut World, input: &Value) -> Answer {
    let cluster = cluster::of(world, input)?;
    if input.flag("interactive") != Some(true) {
        return Err(invalid("Interactive is the only mode supported currently."));
    }
    let id = short(input.text("task"));
    let task = world.ecs().tasks.get(id).filter(|it| it.cluster == cluster);
    let task = task.ok_or_else(|| invalid("The referenced task was not found."))?.clone();
    let names: Vec<_> = task_definition::containers(world, &task.definition)
        .iter()
        .map(|it| it.text("name").to_owned())
        .collect();
    let container = match (input.some_text("container"), names.as_slice()) {
        (Some(name), _) if names.iter().any(|it| it == name) => name.to_owned(),
        (None, [only]) => only.clone(),
        (Some(_), _) => return Err(invalid("The referenced container was not found.")),
        (None, _) => {
            return Err(invalid("The container name is required for tasks of several containers."));
        }
    };
    if !task.has_agents || !runs(&task) {
        return Err(invalid(
            "The execute command failed because execute command was not enabled when the task was run or \
             the execute command agent isn't running. Wait and try again or run a new task with execute \
             command enabled and try again.",
        ));
    }
    if !is_connected(world, &task) {
        return Err(Refusal::new(
            "TargetNotConnectedException",
            "The execute command failed due to an internal error. Try again later.",
        ));
    }
    let session = format!("ecs-execute-command-{}", world.hex(26));
    let arn = world.arn("ecs", &format!("container/{cluster}/{}/{container}", task.id));
    Ok(json!({
        "clusterArn": world.arn("ecs", &format!("cluster/{cluster}")),
        "containerArn": arn,
        "containerName": container,
        "interactive": true,
        "taskArn": task.arn,
        "session": ssm::session(world, &session),
    }))
}
