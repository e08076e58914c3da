//! The life of a task, from its place to its end. Each step is an event that finds the task again and
//! does nothing when it has been moved on meanwhile.
//!
//! A task on an instance needs an agent that ECS can reach for its start and for its stop: without a
//! way out it stays `STOPPING`, and its service `DRAINING` (`docs/aws-facts.md`, "Removing").

use std::time::Duration;

use super::cluster::REMEMBERED;
use super::task::{EXITED, Status, Task};
use super::{
    agent, container_health, curl, dependencies, execute_command, image, insights, output,
    scheduler, secrets, service_event, task_definition, way,
};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags};
use crate::scenario::Ending;
use crate::world::World;
use crate::{ec2, elb, iam, logs, servicediscovery};

/// How often ECS looks whether an agent is back.
const AGAIN: Duration = Duration::from_secs(5);
/// How often ECS looks whether a target has gone.
const DRAINING: Duration = Duration::from_secs(2);

/// A task that is where a step expects it.
fn at<'a>(world: &'a World, id: &str, status: Status) -> Option<&'a Task> {
    world.ecs().tasks.get(id).filter(|it| it.status == status)
}

fn set(world: &mut World, id: &str, status: Status) {
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.status = status;
    }
}

fn delay(world: &World, label: &str, id: &str, range: std::ops::RangeInclusive<f64>) -> Duration {
    let key = world.ecs().tasks.get(id).map_or("", |it| it.key.as_str());
    world.dice.delay(label, key, range)
}

fn later(world: &mut World, after: Duration, id: &str, step: fn(&mut World, &str)) {
    let id = id.to_owned();
    world.after(after, move |world| step(world, &id));
}

/// Gives a task its place: its network interface is made, and attached a while later.
pub(super) fn place(
    world: &mut World,
    id: &str,
    instance: Option<&str>,
    zone: &str,
    subnet: Option<&str>,
) {
    let Some(task) = at(world, id, Status::Provisioning).cloned() else { return };
    let host = instance.and_then(|id| world.ecs().instances.get(id)).map(|it| it.ec2.clone());
    let (mut interface, mut crowded) = (None, None);
    if let (Some(network), Some(subnet)) = (&task.network, subnet) {
        let public = network.public == Some(true);
        interface = ec2::attach_interface(
            world,
            ec2::NewInterface {
                subnet: subnet.to_owned(),
                groups: network.groups.clone(),
                description: task.attachment.clone(),
                requester: task.fargate.then(|| "amazon-ecs".to_owned()),
                kind: "interface".to_owned(),
                instance: host,
                public,
                tags: Tags::new(),
            },
        );
        if interface.is_none() {
            crowded = Some(no_address(subnet, public));
        }
    }
    if let Some(interface) = &interface {
        ec2::runs_with(world, interface);
    }
    let address = interface.as_ref().and_then(|id| ec2::interface_address(world, id));
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.instance = instance.map(str::to_owned);
        task.place = Some((zone.to_owned(), subnet.unwrap_or_default().to_owned()));
        task.address = address;
        task.interface = interface;
    }
    let after = match (task.fargate, &task.network) {
        (true, _) => delay(world, "fargate.attach", id, 8.0..=16.0),
        (false, Some(_)) => delay(world, "task.attach", id, 5.0..=10.0),
        (false, None) => Duration::from_secs(1),
    };
    if let Some(why) = crowded {
        let id = id.to_owned();
        return world.after(after, move |world| fail(world, &id, Status::Provisioning, &why));
    }
    later(world, after, id, |world, id| {
        if at(world, id, Status::Provisioning).is_some() {
            set(world, id, Status::Pending);
            pull(world, id);
        }
    });
}

/// How ECS tells of a subnet without a free address, which it notices only when a task has its place
/// there (ECS guide, "Troubleshooting Amazon ECS `TaskFailedToStart` errors"; nabu#1259).
fn no_address(subnet: &str, public: bool) -> String {
    let public = if public { "with public IP assignment enabled " } else { "" };
    format!(
        "Unexpected EC2 error while attempting to Create Network Interface {public}in subnet \
         '{subnet}': InsufficientFreeAddressesInSubnet"
    )
}

/// The image is pulled: by the instance, or by Fargate through the task's own interface.
fn pull(world: &mut World, id: &str) {
    let Some(task) = at(world, id, Status::Pending).cloned() else { return };
    let host = task.instance.as_ref().and_then(|id| world.ecs().instances.get(id));
    if !task.fargate && !host.is_some_and(|host| agent::is_reachable(world, host)) {
        return later(world, AGAIN, id, pull);
    }
    begin_pull(world, id);
    if let Some(why) = way::obstacle(world, &task) {
        let after = delay(world, "fargate.pull.timeout", id, 120.0..=240.0);
        let id = id.to_owned();
        return world.after(after, move |world| fail(world, &id, Status::Pending, &why));
    }
    if is_without_secrets(world, id) {
        return;
    }
    let after = match task.fargate {
        true => delay(world, "fargate.pull", id, 16.0..=32.0),
        false => delay(world, "task.pull", id, 5.0..=20.0),
    };
    later(world, after, id, pulled);
}

/// Whether a task failed because its secrets cannot be had, which is tried before the image is pulled.
fn is_without_secrets(world: &mut World, id: &str) -> bool {
    let Some(task) = at(world, id, Status::Pending) else { return false };
    let Some(why) = secrets::obstacle(world, task) else { return false };
    fail(world, id, Status::Pending, &why);
    true
}

fn begin_pull(world: &mut World, id: &str) {
    let now = world.now;
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.pulled.0 = Some(now);
    }
}

/// The image is there, or it never will be; then the containers start.
fn pulled(world: &mut World, id: &str) {
    let Some(task) = at(world, id, Status::Pending).cloned() else { return };
    if let Some(why) = obstacle(world, &task) {
        return fail(world, id, Status::Pending, &why);
    }
    let now = world.now;
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.pulled.1 = Some(now);
        task.status = Status::Activating;
    }
    let after = delay(world, "task.start", id, 1.0..=2.0);
    match dependencies::start(world, task_definition::containers(world, &task.definition)) {
        Ok(wait) => later(world, after + wait, id, runs),
        Err((wait, why)) => {
            let id = id.to_owned();
            world.after(after + wait, move |world| fail(world, &id, Status::Activating, &why));
        }
    }
}

/// What keeps a task's containers from starting, in ECS's words.
fn obstacle(world: &World, task: &Task) -> Option<String> {
    if let Some(Ending { after: None, reason, .. }) = world.scenario.ending {
        return Some(reason.to_owned());
    }
    let definition = task_definition::get(world, &task.definition)?;
    let role = definition.content.some_text("executionRoleArn").filter(|it| !it.is_empty());
    if let Some(role) = role.filter(|it| !iam::is_assumable(world, it, "ecs-tasks.amazonaws.com")) {
        return Some(format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: ECS was unable \
             to assume the role '{role}' that was provided for this task"
        ));
    }
    for container in definition.content.list("containerDefinitions") {
        if let Some(why) = image::obstacle(world, task, container.text("image")) {
            return Some(why);
        }
        let logging = container.part("logConfiguration");
        if logging.text("logDriver") != "awslogs" {
            continue;
        }
        let failed = if task.fargate {
            "ResourceInitializationError: failed to validate logger args: create stream has been \
             retried 1 times: failed to create Cloudwatch log stream"
        } else {
            "CannotStartContainerError: Error response from daemon: failed to initialize logging \
             driver: failed to create Cloudwatch log stream"
        };
        if let Some(why) = way::no_log(world, task) {
            return Some(format!("{failed}: {why}"));
        }
        let policy = "AmazonECSTaskExecutionRolePolicy";
        if role.is_some_and(|role| !iam::has_policy(world, role, policy)) {
            return Some(format!("{failed}: AccessDeniedException: not authorized"));
        }
        if !logs::has_group(world, logging.part("options").text("awslogs-group")) {
            return Some(format!(
                "{failed}: ResourceNotFoundException: The specified log group does not exist."
            ));
        }
    }
    None
}

/// The containers run, and the target groups learn of it.
fn runs(world: &mut World, id: &str) {
    let Some(task) = at(world, id, Status::Activating).cloned() else { return };
    let now = world.now;
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.status = Status::Running;
        task.started = Some(now);
    }
    output::begin(world, &task);
    container_health::begin(world, &task);
    if task.has_agents {
        let after = delay(world, "task.agent", id, 1.0..=5.0);
        later(world, after, id, execute_command::begin);
    }
    if let (Some(address), Some(network)) = (&task.address, &task.network) {
        let own = task_definition::containers(world, &task.definition).first();
        let image = own.map(|it| it.text("image")).unwrap_or_default();
        let of_image = world.scenario.answers.iter().find(|(text, _)| image.contains(text));
        let answers = of_image.map_or(world.scenario.health, |(_, answers)| *answers);
        for target in &task.targets {
            let (group, groups) = (&target.group, network.groups.clone());
            elb::register(world, group, address, target.port, groups, answers);
            let message = format!("registered 1 targets in (target-group {group})");
            service_event::tell(world, &task.cluster, &task.service, &message);
        }
    }
    if let Some(address) = &task.address {
        for registry in &task.registries {
            servicediscovery::register(world, registry, &task.id, address);
        }
    }
    if let Some(after) = world.scenario.ending.and_then(|it| it.after) {
        later(world, Duration::from_secs_f64(after), id, exits);
    }
    // What was told to do something else does it, and ends.
    let commanded = task.overrides.iter().find(|it| !it.texts("command").is_empty());
    if let Some(curl) = curl::run(world, &task) {
        output::say(world, &task, &curl.container, &curl.lines);
        completes_later(world, id, curl.takes, curl.code);
    } else if let Some(container) = commanded.map(|it| it.text("name").to_owned()) {
        let command = world.scenario.commands;
        output::say(world, &task, &container, command.lines);
        if !command.hangs {
            let after = delay(world, "task.command", id, 10.0..=30.0);
            completes_later(world, id, after, command.code);
        }
    }
    insights::wake(world, &task.cluster);
    scheduler::started(world, &task.cluster, &task.service, &task.deployment);
}

/// The command of a one-off task ends after a while with a code, and with it the task.
fn completes_later(world: &mut World, id: &str, after: Duration, code: i64) {
    let id = id.to_owned();
    world.after(after, move |world| completes(world, &id, code));
}

fn completes(world: &mut World, id: &str, code: i64) {
    let now = world.now;
    let Some(task) = world.ecs_mut().tasks.get_mut(id) else { return };
    if task.status != Status::Running || task.going {
        return;
    }
    task.going = true;
    task.code = Some(EXITED);
    task.reason = Some("Essential container in task exited".to_owned());
    task.exit = Some(code);
    task.stopping = Some(now);
    deprovision(world, id);
}

/// Its container ends by itself, and with it the task.
fn exits(world: &mut World, id: &str) {
    let now = world.now;
    let Some(ending) = world.scenario.ending else { return };
    let Some(task) = at(world, id, Status::Running).cloned() else { return };
    output::say(world, &task, ending.of, ending.lines);
    // What is not essential ends alone.
    if !task_definition::is_essential(world, &task.definition, ending.of) {
        return;
    }
    if let Some(task) = world.ecs_mut().tasks.get_mut(id) {
        task.going = true;
        task.code = Some(EXITED);
        task.reason = Some(ending.reason.to_owned());
        (task.exit, task.said) = (Some(ending.code), ending.container);
        task.stopping = Some(now);
    }
    deregister(world, &task);
    deprovision(world, id);
    scheduler::failed(world, &task.cluster, &task.service, &task.deployment);
}

/// The task never ran: this is what came of it while it had this status.
fn fail(world: &mut World, id: &str, status: Status, why: &str) {
    if at(world, id, status).is_none() {
        return;
    }
    let now = world.now;
    let Some(task) = world.ecs_mut().tasks.get_mut(id) else { return };
    // One that was told to stop before is no failure of its deployment.
    let failed = !task.going;
    task.going = true;
    task.code.get_or_insert("TaskFailedToStart");
    task.reason.get_or_insert_with(|| why.to_owned());
    task.stopping.get_or_insert(now);
    let (cluster, service, deployment) =
        (task.cluster.clone(), task.service.clone(), task.deployment.clone());
    deprovision(world, id);
    if failed {
        scheduler::failed(world, &cluster, &service, &deployment);
    }
}

/// Tells a task to stop.
pub(super) fn stop(world: &mut World, id: &str, code: &'static str, why: &str) {
    let now = world.now;
    let Some(task) = world.ecs_mut().tasks.get_mut(id).filter(|it| !it.going) else { return };
    task.going = true;
    task.code = Some(code);
    task.reason = Some(why.to_owned());
    task.stopping = Some(now);
    let task = task.clone();
    match task.status {
        Status::Provisioning if task.place.is_none() => stopped(world, id),
        Status::Running => {
            set(world, id, Status::Deactivating);
            deregister(world, &task);
            drained(world, id);
        }
        status if status < Status::Running => {
            set(world, id, Status::Deactivating);
            drained(world, id);
        }
        _ => {}
    }
    scheduler::wake(world, &task.cluster, &task.service);
}

/// Fargate takes the place of a task on Spot back: the task is told to stop, and has two minutes to (ECS guide,
/// "Amazon ECS clusters for Fargate", termination notices). Its service starts another one.
pub(super) fn interrupt(world: &mut World, id: &str) {
    stop(world, id, "SpotInterruption", "Your Spot Task was interrupted.");
}

fn deregister(world: &mut World, task: &Task) {
    let key = (task.cluster.clone(), task.service.clone());
    let is_deleted = world.ecs().services.get(&key).is_some_and(|it| it.status != "ACTIVE");
    if !(is_deleted && world.scenario.doubts(Doubt::ServiceLeavesInstances)) {
        for registry in &task.registries {
            servicediscovery::deregister(world, registry, &task.id);
        }
    }
    let Some(address) = &task.address else { return };
    for target in &task.targets {
        elb::deregister(world, &target.group, address);
        let message = format!("deregistered 1 targets in (target-group {})", target.group);
        service_event::tell(world, &task.cluster, &task.service, &message);
    }
}

/// Its containers are stopped once no target group sends requests any more, by an agent that ECS can
/// reach.
fn drained(world: &mut World, id: &str) {
    let Some(task) = at(world, id, Status::Deactivating).cloned() else { return };
    let address = task.address.as_deref().unwrap_or_default();
    let gone = |group: &str| elb::health(world, group, address) == elb::Health::Absent;
    if !task.targets.iter().all(|target| gone(&target.group)) {
        return later(world, DRAINING, id, drained);
    }
    if is_out_of_reach(world, &task) && !world.scenario.doubts(Doubt::DrainingNeedsNoAgent) {
        return later(world, AGAIN, id, drained);
    }
    set(world, id, Status::Stopping);
    let after = delay(world, "task.stop", id, 1.0..=3.0);
    later(world, after, id, ended);
    scheduler::wake(world, &task.cluster, &task.service);
}

/// Whether a task is on an instance of its cluster whose agent ECS cannot reach.
fn is_out_of_reach(world: &World, task: &Task) -> bool {
    let host = task.instance.as_ref().and_then(|id| world.ecs().instances.get(id));
    host.is_some_and(|host| host.status != "INACTIVE" && !agent::is_reachable(world, host))
}

/// Its containers have ended, which an agent has to report.
fn ended(world: &mut World, id: &str) {
    let Some(task) = at(world, id, Status::Stopping) else { return };
    if is_out_of_reach(world, task) {
        return later(world, AGAIN, id, ended);
    }
    if let Some(task) = world.ecs_mut().tasks.get_mut(id).filter(|it| it.started.is_some()) {
        task.exit = Some(0);
    }
    deprovision(world, id);
}

/// ECS has lost a task's instance, and with it the task.
pub(super) fn lose(world: &mut World, id: &str, why: &str) {
    let now = world.now;
    let Some(task) = world.ecs_mut().tasks.get_mut(id) else { return };
    if task.status >= Status::Deprovisioning {
        return;
    }
    let before = task.status;
    if !task.going {
        task.going = true;
        task.code = Some("TerminationNotice");
        task.reason = Some(why.to_owned());
        task.stopping = Some(now);
    }
    let task = task.clone();
    if before == Status::Running {
        deregister(world, &task);
    }
    deprovision(world, id);
}

fn deprovision(world: &mut World, id: &str) {
    output::end(world, id);
    set(world, id, Status::Deprovisioning);
    let after = delay(world, "task.deprovision", id, 2.0..=6.0);
    later(world, after, id, stopped);
    if let Some((cluster, service)) =
        world.ecs().tasks.get(id).map(|it| (it.cluster.clone(), it.service.clone()))
    {
        scheduler::wake(world, &cluster, &service);
    }
}

fn stopped(world: &mut World, id: &str) {
    let now = world.now;
    let Some(task) = world.ecs_mut().tasks.get_mut(id).filter(|it| it.status != Status::Stopped)
    else {
        return;
    };
    task.status = Status::Stopped;
    task.stopped = Some(now);
    let (cluster, service) = (task.cluster.clone(), task.service.clone());
    if let Some(interface) = task.interface.take() {
        ec2::remove_interface(world, &interface);
    }
    task_definition::sweep(world);
    scheduler::wake(world, &cluster, &service);
    let id = id.to_owned();
    world.after(REMEMBERED, move |world| {
        world.ecs_mut().tasks.remove(&id);
    });
}
