//! Registering task definitions: what ECS checks before it says yes, and what it adds.

use serde_json::{Value, json};

use super::task_definition::{Revision, describe, units};
use super::{client, container_health, dependencies, is_name, lacks, wanted_tags};
use crate::fields::{Fields, ecs_tag_list};
use crate::iam;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Brings the variables of each container into the order in which ECS tells them of this revision: one that
/// stays, and that nobody has asked for (`docs/aws-facts.md`, "Creating").
fn mix_environments(world: &World, content: &mut Value, arn: &str) {
    let containers = content["containerDefinitions"].as_array_mut().into_iter().flatten();
    for variables in containers.filter_map(|it| it.get_mut("environment")?.as_array_mut()) {
        let place =
            |it: &Value| world.dice.digest("environment", &format!("{arn} {}", it.text("name")));
        variables.sort_by_cached_key(place);
    }
}

/// `RegisterTaskDefinition`.
pub(super) fn register_task_definition(world: &mut World, input: &Value) -> Answer {
    let lacking = ["inferenceAccelerators", "proxyConfiguration", "placementConstraints"];
    lacks(input, "RegisterTaskDefinition", &lacking)?;
    let family = input.text("family").to_owned();
    if !is_name(&family) {
        return Err(client(
            "Invalid family. Up to 255 letters (uppercase and lowercase), numbers, underscores, \
             and hyphens are allowed.",
        ));
    }
    let tags = wanted_tags(input)?;
    check_containers(input)?;
    let fits_fargate = fargate(input);
    if input.texts("requiresCompatibilities").iter().any(|it| it == "FARGATE") {
        fits_fargate.clone()?;
    }
    check_size(input)?;
    check_length(input)?;
    let mut content = input.clone();
    for role in ["executionRoleArn", "taskRoleArn"] {
        let Some(given) = input.some_text(role).filter(|given| !given.is_empty()) else { continue };
        // The short name will do (ECS guide, "Task definition parameters").
        let arn = iam::arn_of_role(world, given);
        if !iam::is_assumable(world, &arn, "ecs-tasks.amazonaws.com") {
            return Err(client("Role is not valid"));
        }
        content[role] = arn.into();
    }
    let number = world.ecs().families.get(&family).map_or(1, |it| it.last + 1);
    let arn = world.arn("ecs", &format!("task-definition/{family}:{number}"));
    if let Some(content) = content.as_object_mut() {
        content.remove("tags");
    }
    mix_environments(world, &mut content, &arn);
    content["taskDefinitionArn"] = arn.as_str().into();
    content["revision"] = number.into();
    content["registeredAt"] = world.timestamp().into();
    content["registeredBy"] = world.caller().into();
    let compatibilities: &[&str] =
        if fits_fargate.is_ok() { &["EC2", "FARGATE"] } else { &["EC2"] };
    content["compatibilities"] = json!(compatibilities);
    for list in ["volumes", "placementConstraints", "requiresAttributes"] {
        default(&mut content, list, json!([]));
    }
    for (name, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(size) = content.some_text(name).and_then(|text| units(text, unit)) {
            content[name] = size.to_string().into();
        }
    }
    let shares_ports = ["awsvpc", "host"].contains(&content.text("networkMode"));
    if let Some(containers) = content["containerDefinitions"].as_array_mut() {
        for container in containers {
            default(container, "cpu", json!(0));
            default(container, "essential", json!(true));
            let lists =
                ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"];
            lists.iter().for_each(|list| default(container, list, json!([])));
            for port in container["portMappings"].as_array_mut().into_iter().flatten() {
                let own = port["containerPort"].clone();
                let host = if shares_ports { own } else { json!(0) };
                default(port, "hostPort", host);
                default(port, "protocol", json!("tcp"));
            }
        }
    }
    let revision = Revision {
        arn,
        status: "ACTIVE",
        content,
        tags: tags.clone(),
        deregistered: None,
        deleted: None,
    };
    let answer = describe(world, &revision);
    let family = world.ecs_mut().families.entry(family).or_default();
    family.last = number;
    family.revisions.insert(number, revision);
    Ok(json!({ "taskDefinition": answer, "tags": ecs_tag_list(&tags) }))
}

fn default(of: &mut Value, name: &str, value: Value) {
    if of.get(name).is_none_or(Value::is_null) {
        of[name] = value;
    }
}

fn check_containers(input: &Value) -> Result<(), Refusal> {
    let containers = input.list("containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    if containers.len() > MOST {
        return Err(client(format!("Too many containers. At most {MOST} are allowed.")));
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    let on_fargate = input.texts("requiresCompatibilities").iter().any(|it| it == "FARGATE");
    for container in containers {
        let name = container.text("name");
        if container.text("image").is_empty() {
            return Err(client("Container.image should not be null or empty."));
        }
        if name.is_empty() {
            return Err(client("Container.name should not be null or empty."));
        }
        if names.contains(&name) {
            return Err(client("Container.name contains duplicate entries."));
        }
        names.push(name);
        let has_memory =
            ["memory", "memoryReservation"].iter().any(|it| container.number(it).is_some());
        if !has_memory && input.some_text("memory").is_none() {
            return Err(client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or \
                 'memoryReservation' must be specified."
            )));
        }
        for port in container.list("portMappings") {
            let (host, own) = (port.number("hostPort"), port.number("containerPort"));
            let fixed = host.filter(|host| *host != 0);
            let awsvpc = input.text("networkMode") == "awsvpc";
            if awsvpc && fixed.is_some() && host != own {
                return Err(client(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings \
                     must match.",
                ));
            }
            // The containers of a task with an interface of its own, or the host's, share one set of
            // ports (amazon-ecs-agent#1220).
            let shares = ["awsvpc", "host"].contains(&input.text("networkMode"));
            let taken = if shares { own } else { fixed };
            let taken = taken.map(|taken| (taken, port.some_text("protocol").unwrap_or("tcp")));
            if taken.is_some() && ports.contains(&taken) {
                let (port, protocol) = taken.unwrap_or_default();
                let protocol = protocol.to_ascii_uppercase();
                return Err(client(format!(
                    "{protocol} host port '{port}' is mapped multiple times in task."
                )));
            }
            ports.push(taken);
        }
        check_logging(container.part("logConfiguration"), on_fargate)?;
        container_health::check_container(container, on_fargate)?;
        check_secrets(input, container)?;
    }
    dependencies::check(containers)?;
    if !containers.iter().any(|it| it.flag("essential").unwrap_or(true)) {
        return Err(client("Task definition does not have essential container."));
    }
    Ok(())
}

/// Checks secrets as far as ECS does, which looks none of them up. That it refuses these two is in its guide
/// ("Pass sensitive data to an Amazon ECS container"); its words are to be verified.
fn check_secrets(input: &Value, container: &Value) -> Result<(), Refusal> {
    let secrets = container.list("secrets");
    if !secrets.is_empty() && input.text("executionRoleArn").is_empty() {
        return Err(client(
            "When you are specifying container secrets, you must also specify a value for \
             'executionRoleArn'.",
        ));
    }
    let mut names: Vec<_> =
        container.list("environment").iter().map(|it| it.text("name")).collect();
    for name in secrets.iter().map(|it| it.text("name")) {
        if names.contains(&name) {
            return Err(client(format!(
                "The secret name must be unique and not shared with any new or existing environment \
                 variables set on the container, such as '{name}'."
            )));
        }
        names.push(name);
    }
    Ok(())
}

/// Checks that the log driver `awslogs` has the options that it does not work without (ECS guide, "Send
/// Amazon ECS logs to CloudWatch"): on Fargate also a prefix. The words are those of
/// terraform-aws-ecs#206, for an option that is empty.
fn check_logging(logging: &Value, on_fargate: bool) -> Result<(), Refusal> {
    if logging.text("logDriver") != "awslogs" {
        return Ok(());
    }
    let prefix = on_fargate.then_some("awslogs-stream-prefix");
    let mut required = ["awslogs-group", "awslogs-region"].into_iter().chain(prefix);
    let options = logging.part("options");
    match required.find(|name| options.text(name).is_empty()) {
        None => Ok(()),
        Some(name) => {
            Err(client(format!("Log driver awslogs option '{name}' should not be null or empty.")))
        }
    }
}

/// Most containers of a task (ECS quotas, "Containers per task definition"; the words are to be verified).
const MOST: usize = 10;
/// Longest task definition, in bytes of its JSON without blanks (ECS quotas, "Task definition size";
/// the words are those of amazon-ecs-developer-guide#149).
const LONGEST: usize = 65_536;

/// Checks how long a definition is when it is written down. Tags are no part of it.
fn check_length(input: &Value) -> Result<(), Refusal> {
    let mut definition = input.clone();
    if let Some(definition) = definition.as_object_mut() {
        definition.remove("tags");
    }
    match definition.to_string().len() {
        length if length > LONGEST => Err(client(format!(
            "Actual length: '{length}'. Max allowed length is '{LONGEST}' bytes."
        ))),
        _ => Ok(()),
    }
}

/// Checks sizes that hold wherever tasks run.
fn check_size(input: &Value) -> Result<(), Refusal> {
    let sum = |name: &str| -> u64 {
        let of = |it: &Value| it.number(name).and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
        input.list("containerDefinitions").iter().map(of).sum()
    };
    for (name, unit, words) in [("cpu", "vcpu", "cpu"), ("memory", "gb", "memory")] {
        let Some(text) = input.some_text(name) else { continue };
        let size = units(text, unit)
            .ok_or_else(|| client(format!("Invalid '{words}' setting for task.")))?;
        if name == "cpu" && !(128..=196_608).contains(&size) {
            return Err(client("Invalid 'cpu' setting for task. Specify from 128 to 196608."));
        }
        // All containers together (ECS guide, "Task definition parameters", `cpu` and `memory`).
        if sum(name) > size {
            return Err(client(format!(
                "Invalid setting for container. The '{words}' of the containers must not be \
                 greater than that of the task."
            )));
        }
    }
    Ok(())
}

/// Whether Fargate would run it, or why not.
fn fargate(input: &Value) -> Result<(), Refusal> {
    if input.text("networkMode") != "awsvpc" {
        return Err(client("Fargate only supports network mode 'awsvpc'."));
    }
    let of = |name: &str, unit| {
        let missing =
            || client(format!("Fargate requires that '{name}' be defined at the task level."));
        input.some_text(name).and_then(|text| units(text, unit)).ok_or_else(missing)
    };
    let (cpu, memory) = (of("cpu", "vcpu")?, of("memory", "gb")?);
    let gib = |gib: u64| gib * 1024;
    let (least, most, step) = match cpu {
        256 if memory == 512 => (512, 512, 512),
        256 => (gib(1), gib(2), gib(1)),
        512 => (gib(1), gib(4), gib(1)),
        1024 => (gib(2), gib(8), gib(1)),
        2048 => (gib(4), gib(16), gib(1)),
        4096 => (gib(8), gib(30), gib(1)),
        8192 => (gib(16), gib(60), gib(4)),
        16_384 => (gib(32), gib(120), gib(8)),
        32_768 => (gib(60), gib(244), gib(4)),
        _ => (1, 0, 1),
    };
    if !(least..=most).contains(&memory) || !(memory - least).is_multiple_of(step) {
        return Err(client(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See \
             the Amazon ECS documentation for the valid values."
        )));
    }
    let logs = |it: &Value| it.part("logConfiguration").text("logDriver") == "awslogs";
    let mut containers = input.list("containerDefinitions").iter();
    if containers.any(logs) && input.text("executionRoleArn").is_empty() {
        return Err(client(
            "Fargate requires task definition to have execution role ARN to support log driver \
             awslogs.",
        ));
    }
    Ok(())
}
