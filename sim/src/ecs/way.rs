//! What a task has to reach at its start, and does not: the registry of its image, its secrets, its log.
//!
//! On Fargate the task's own interface has to reach it, on an instance the instance's. The words are those of
//! the ECS guide ("Stopped tasks error messages", "`ResourceInitializationError` errors"), of
//! aws/containers-roadmap#1870 and of the agent.

use super::task::Task;
use super::{agent, image, task_definition};
use crate::arn::Arn;
use crate::ec2;
use crate::fields::Fields;
use crate::world::World;

/// The port of registries.
const HTTPS: u16 = 443;

/// Why a task waits in vain for its secrets or its image; nothing when there is a way to all of it.
pub(super) fn obstacle(world: &World, task: &Task) -> Option<String> {
    let content = &task_definition::get(world, &task.definition)?.content;
    let containers = content.list("containerDefinitions");
    let secrets = containers.iter().flat_map(|it| it.list("secrets"));
    let mut services = secrets.map(|secret| {
        let arn = Arn::parse(secret.text("valueFrom"));
        let is_secret = arn.is_some_and(|arn| arn.service == "secretsmanager");
        if is_secret { ("secretsmanager", "secret from asm") } else { ("ssm", "secrets from ssm") }
    });
    let unreached = services.find(|(service, _)| !reaches(world, task, service));
    if let Some((service, what)) = unreached {
        return Some(no_secret(world, task, service, what));
    }
    containers.iter().find_map(|it| no_image(world, task, it.text("image")))
}

/// Why a container's log cannot be written to, behind what says that it cannot.
pub(super) fn no_log(world: &World, task: &Task) -> Option<String> {
    (!reaches(world, task, "logs")).then(|| timed_out(world, "logs", "Post"))
}

/// Whether a task, or on an instance that, can talk to a service of AWS now.
fn reaches(world: &World, task: &Task, service: &str) -> bool {
    match host(world, task) {
        Some(host) => agent::reaches(world, &host, &[service]),
        None => standpoint(task).is_some_and(|from| ec2::reaches(world, &from, service)),
    }
}

/// Whether a task can talk to a service of AWS now, through its own interface, wherever it runs.
pub(super) fn task_reaches(world: &World, task: &Task, service: &str) -> bool {
    standpoint(task).is_some_and(|from| ec2::reaches(world, &from, service))
}

fn host(world: &World, task: &Task) -> Option<ec2::InstanceView> {
    let instance = world.ecs().instances.get(task.instance.as_ref()?)?;
    ec2::instance(world, &instance.ec2)
}

/// Where a task stands in the network, through its own interface.
pub(super) fn standpoint(task: &Task) -> Option<ec2::Standpoint<'_>> {
    let (network, (_, subnet)) = (task.network.as_ref()?, task.place.as_ref()?);
    let public_address = network.public == Some(true);
    Some(ec2::Standpoint { subnet, groups: &network.groups, public_address })
}

/// Whether there is a way to the internet.
fn gets_out(world: &World, task: &Task) -> bool {
    if let Some(host) = host(world, task) {
        return ec2::way_out(world, &host.subnet, ec2::has_public_address(world, &host.id));
    }
    standpoint(task).is_some_and(|from| {
        ec2::way_out(world, from.subnet, from.public_address)
            && ec2::lets_out(world, from.groups, HTTPS)
    })
}

fn timed_out(world: &World, host: &str, method: &str) -> String {
    let url = format!("https://{host}.{}.amazonaws.com/", world.region);
    format!(
        "RequestError: send request failed caused by: {method} \"{url}\": dial tcp 198.51.100.7:443: \
         i/o timeout"
    )
}

fn no_secret(world: &World, task: &Task, service: &str, what: &str) -> String {
    let why = timed_out(world, service, "Post");
    if task.fargate {
        return format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
             retrieval failed: unable to retrieve {what}: service call has been retried 5 time(s): {why}"
        );
    }
    let store =
        if service == "ssm" { "SSM Parameter Store in" } else { "AWS Secrets Manager in region" };
    format!(
        "ResourceInitializationError: fetching secret data from {store} {}: {why}",
        world.region
    )
}

fn no_image(world: &World, task: &Task, image: &str) -> Option<String> {
    let host = image::registry(image);
    let own = format!(".dkr.ecr.{}.amazonaws.com", world.region);
    let pull = |why: &str| Some(format!("CannotPullContainerError: {why}"));
    let no_answer = || match task.fargate {
        true => pull(&format!(
            "pull image manifest has been retried 5 time(s): failed to resolve ref {image}: failed to do \
             request: dial tcp: i/o timeout"
        )),
        false => pull(&format!(
            "Error response from daemon: Get \"https://{host}/v2/\": net/http: request canceled while \
             waiting for connection"
        )),
    };
    if !host.ends_with(&own) {
        return if gets_out(world, task) { None } else { no_answer() };
    }
    if !reaches(world, task, "ecr.api") {
        let why = timed_out(world, "api.ecr", "Post");
        return match task.fargate {
            true => Some(format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot \
                 pull registry auth from Amazon ECR: There is a connection issue between the task and \
                 Amazon ECR. Check your task network configuration. {why}"
            )),
            false => pull(&format!("ECR: failed to get registry auth: {why}")),
        };
    }
    if !reaches(world, task, "ecr.dkr") {
        return no_answer();
    }
    if reaches(world, task, "s3") {
        return None;
    }
    let bucket = format!("prod-{}-starport-layer-bucket.s3", world.region);
    let why = format!(
        "Get \"https://{bucket}.{}.amazonaws.com/\": dial tcp 198.51.100.7:443: i/o timeout",
        world.region
    );
    pull(&format!("failed to copy: httpReadSeeker: failed open: failed to do request: {why}"))
}
