//! A task finds no place: no instance has room, or none is there.
//!
//! ECS guide, "service event messages" and "API failures" (`RESOURCE:…`, `AGENT`, `ATTRIBUTE`).

use super::Waiting::{Helps, Hopeless, MayHelp};
use super::evidence::Agent;
use super::table::{self, Cause, cause, named};
use super::{Evidence, Family, Finding, SERVICES};

/// What events and stopped tasks tell.
pub(super) const CAUSES: &[Cause] = &[
    cause(
        "zone-without-fargate",
        Hopeless,
        &[&["fargate is not supported in the requested availability zone"]],
        "a zone of the stack has no Fargate",
        "deploy another stack in two other `--zones`",
    ),
    cause(
        "fargate-full",
        MayHelp,
        &[&["capacity is unavailable at this time"]],
        "Fargate has no room for the tasks in the stack's zones now",
        "wait, or take smaller tasks with `--cpu` and `--memory`; of a service with `spot`, `on_demand_base` \
         starts some on demand",
    ),
    cause(
        "no-instances",
        MayHelp,
        &[
            &["no container instances were found"],
            &["no active instances"],
            &["empty capacity provider"],
        ],
        "the cluster has no instance yet",
        "",
    )
    .sign_of(&[Family::Launch, Family::Network, Family::Access, Family::Placement]),
    cause(
        "agent-silent",
        MayHelp,
        &[&["\"agent\""], &["taskfailedtostart: agent"]],
        "the agent of an instance is not connected to ECS",
        "an agent connects again by itself within minutes; when it does not, its instance has no way out or \
         lost its role: end it, and its group starts another one",
    )
    .sign_of(&[Family::Network, Family::Access]),
    cause(
        "interfaces-short",
        MayHelp,
        &[&["resource:eni"]],
        "no instance has a slot left for another task's network interface",
        "take a larger `--instance-type`{type}, or let the group grow with `--max-size`: each task takes a slot of its \
         instance, and one is the instance's own",
    ),
    cause(
        "memory-short",
        MayHelp,
        &[&["insufficient memory"], &["resource:memory"]],
        "no instance has the memory for another task{memory}",
        "take a larger `--instance-type`{type}, smaller tasks with `--memory`, or let the group grow with `--max-size`",
    ),
    cause(
        "cpu-short",
        MayHelp,
        &[&["insufficient cpu"], &["resource:cpu"]],
        "no instance has the CPU units for another task",
        "take a larger `--instance-type`{type}, smaller tasks with `--cpu`, or let the group grow with `--max-size`",
    ),
    cause(
        "gpu-short",
        MayHelp,
        &[&["resource:gpu"]],
        "no instance has a GPU for another task",
        "let the group grow with `--max-size`, or take an `--instance-type` with more of them",
    ),
    cause(
        "port-taken",
        MayHelp,
        &[&["already using a port"], &["port required"], &["resource:ports"]],
        "the tasks' port{port} is taken on each instance",
        "name another `--port`, or let the group grow with `--max-size`",
    ),
    cause(
        "attribute-missing",
        MayHelp,
        &[
            &["missing an attribute"],
            &["memberof placement constraint unsatisfied"],
            &["taskfailedtostart: attribute"],
        ],
        "no instance has what the task demands: its processor, its zone or a feature of its agent",
        "take an `--instance-type` with the image's processor, and the newest agent with `--refresh-ami`",
    ),
    cause(
        "host-gone",
        MayHelp,
        &[&["host ec2 (instance"]],
        "the instance that the task ran on is gone",
        "its group starts another one; the activities of the group say why it went",
    ),
    cause(
        "spot-interrupted",
        Helps,
        &[&["your spot task was interrupted"]],
        "Fargate Spot took the task's place back",
        "",
    ),
    cause(
        "no-place",
        MayHelp,
        &[&["unable to place a task"]],
        "no instance takes another task",
        "its subnets, its processor and its capacity provider have to be those of the instances",
    )
    .sign_of(&[Family::Launch, Family::Network, Family::Access, Family::Placement]),
];

/// Causes that the instances themselves show.
const OF_INSTANCES: &[Cause] = &[
    cause(
        "agents-unregistered",
        MayHelp,
        &[],
        "instances run, and their agents have not registered with the cluster",
        "an agent needs a way out, the role of its instance, and the name of its cluster in the user data: \
         end the instance when it has run for five minutes, and its group starts another one",
    )
    .sign_of(&[Family::Network, Family::Access]),
    cause(
        "agents-disconnected",
        MayHelp,
        &[],
        "no agent of the cluster's instances is connected to ECS",
        "they connect again by themselves within minutes; when they do not, the instances have no way out or \
         lost their role",
    )
    .sign_of(&[Family::Network, Family::Access]),
    cause(
        "group-full",
        MayHelp,
        &[],
        "the group has as many instances as it may have, and none has room for another task",
        "let it grow with `--max-size`, take a larger `--instance-type`{type}, or a smaller `--count`",
    )
    .sign_of(&[Family::Placement]),
];

/// What events tell, as far as it is still so, and what instances do.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    let rollout = &evidence.rollout;
    let is_short = rollout.running < evidence.wanted.count;
    let mut found = Vec::new();
    if is_short {
        found.extend(told(evidence));
        found.extend(of_instances(evidence));
    }
    found
}

/// What ECS said when it last found no place; nothing when all tasks have found one since.
fn told(evidence: &Evidence) -> Option<Finding> {
    let rollout = &evidence.rollout;
    let is_placed = rollout.running + rollout.pending >= evidence.wanted.count;
    let event = evidence.events.iter().find(|it| it.contains("unable to place"))?;
    if is_placed && evidence.wanted.on_fargate {
        return None;
    }
    // A task on instances counts as pending while it waits for one.
    let is_placed = is_placed && evidence.launches.is_empty() && evidence.agents.is_none();
    let tables = [(Family::Deployment, super::deployment::CAUSES), (Family::Placement, CAUSES)];
    let found = table::among(&tables, event, evidence)?;
    (!is_placed).then(|| found.resting_on(SERVICES, event))
}

fn of_instances(evidence: &Evidence) -> Option<Finding> {
    let (agents, group) = (evidence.agents.as_ref()?, evidence.group.as_ref()?);
    let (name, text) = match agents.as_slice() {
        [] if group.in_service > 0 => {
            let text = format!("{} in service, none registered", group.in_service);
            ("agents-unregistered", text)
        }
        [_, ..] if agents.iter().all(|it| !it.is_connected) => {
            let list: Vec<_> = agents.iter().map(|it| it.instance.as_str()).collect();
            ("agents-disconnected", format!("not connected: {}", list.join(", ")))
        }
        [_, ..]
            if group.desired >= group.most && !agents.iter().any(|it| has_room(it, evidence)) =>
        {
            ("group-full", format!("{} of {} instances", group.desired, group.most))
        }
        _ => return None,
    };
    let cause = named(OF_INSTANCES, name)?.finding(Family::Placement, evidence);
    Some(cause.resting_on("ecs:DescribeContainerInstances", text))
}

/// Whether an instance has room for another task, as far as that can be told.
fn has_room(agent: &Agent, evidence: &Evidence) -> bool {
    let wanted = &evidence.wanted;
    let slots = wanted.shape.as_ref().and_then(|it| it.interfaces);
    agent.is_connected
        && wanted.cpu.is_none_or(|it| agent.cpu >= it)
        && wanted.memory.is_none_or(|it| agent.memory >= it)
        && slots.is_none_or(|slots| agent.tasks + 1 < slots)
}

#[cfg(test)]
pub(super) const ALL: &[&[Cause]] = &[CAUSES, OF_INSTANCES];
