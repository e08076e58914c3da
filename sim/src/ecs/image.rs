//! Whether a task's image can be pulled, in the words of Fargate and of an instance's agent.
//!
//! An image is a name here. That it is missing, or made for another processor, the scenario says; that
//! a private zone hides its registry follows from what is there (`docs/aws-facts.md`, "Creating").

use super::task::Task;
use super::task_definition;
use crate::fields::Fields;
use crate::world::World;
use crate::{ec2, route53};

/// Where an image without a registry in its name comes from.
const USUAL_REGISTRY: &str = "registry-1.docker.io";

/// Why an image cannot be pulled for a task.
pub(super) fn obstacle(world: &World, task: &Task, image: &str) -> Option<String> {
    let is_among = |images: &[String]| images.iter().any(|it| image.contains(it.as_str()));
    let (fargate, instance) = if is_an_id(image) {
        let why = format!(
            "invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
        );
        (why.clone(), format!("Error response from daemon: {why}"))
    } else if hides_registry(world, task, image) {
        let host = registry(image);
        (
            format!(
                "pull image manifest has been retried 5 time(s): failed to resolve ref {image}: \
                 failed to do request: dial tcp: lookup {host}: no such host"
            ),
            format!(
                "Error response from daemon: Get \"https://{host}/v2/\": dial tcp: lookup {host}: \
                 no such host"
            ),
        )
    } else if is_among(&world.scenario.missing_images) {
        (
            format!(
                "pull image manifest has been retried 1 time(s): failed to resolve ref {image}: \
                 {image}: not found"
            ),
            format!(
                "Error response from daemon: pull access denied for {image}, repository does not \
                 exist or may require 'docker login': denied: requested access to the resource is \
                 denied"
            ),
        )
    } else if is_among(&world.scenario.arm_images) && platform(world, task) != "arm64" {
        let platform = format!("linux/{}", platform(world, task));
        (
            format!(
                "pull image manifest has been retried 7 time(s): image Manifest does not contain \
                 descriptor matching platform '{platform}'"
            ),
            format!(
                "Error response from daemon: no matching manifest for {platform} in the manifest \
                 list entries"
            ),
        )
    } else {
        return None;
    };
    let why = if task.fargate { fargate } else { instance };
    Some(format!("CannotPullContainerError: {why}"))
}

/// Whether a name is what Docker takes for the id of an image.
fn is_an_id(image: &str) -> bool {
    image.len() == 64 && image.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// The host that an image comes from.
pub(super) fn registry(image: &str) -> &str {
    let host = image.split_once('/').map(|(first, _)| first);
    let host = host.filter(|it| it.contains(['.', ':']) || *it == "localhost");
    host.map_or(USUAL_REGISTRY, |host| host.split(':').next().unwrap_or(host))
}

/// Whether a private zone of the task's VPC answers for the registry's name, and does not know it.
fn hides_registry(world: &World, task: &Task, image: &str) -> bool {
    let subnet = task.place.as_ref().and_then(|(_, subnet)| ec2::subnet(world, subnet).ok());
    subnet.is_some_and(|subnet| route53::hides(world, &subnet.vpc, registry(image)))
}

/// The processor that a task runs on, as images name it.
fn platform(world: &World, task: &Task) -> &'static str {
    let host = task.instance.as_ref().and_then(|id| world.ecs().instances.get(id));
    let definition = task_definition::get(world, &task.definition);
    let asked = definition.map(|it| it.content.part("runtimePlatform").text("cpuArchitecture"));
    let arm = host.map_or(asked == Some("ARM64"), |host| host.architecture == "arm64");
    if arm { "arm64" } else { "amd64" }
}
