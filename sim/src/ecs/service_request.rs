//! Making and changing services: what ECS checks before it says yes.
//!
//! A name is taken while its service is `ACTIVE` or `DRAINING`. Which changes start a deployment is
//! said in the API reference of `UpdateService`.

use std::time::Duration;

use serde_json::{Value, json};

use super::rollout::{self, Breaker};
use super::service::{self, Service};
use super::service_revision::{Setup, setup};
use super::{client, cluster, execute_command, invalid, is_name, need_linked_role, scheduler};
use super::{short, wanted_tags};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// `CreateService`.
pub(super) fn create_service(world: &mut World, input: &Value) -> Answer {
    service::check_simulated(input, "CreateService")?;
    let cluster = short(input.some_text("cluster").unwrap_or("default")).to_owned();
    let there = world.ecs().clusters.get(&cluster).ok_or_else(cluster::not_found)?;
    match there.status {
        "ACTIVE" => {}
        "INACTIVE" | "DEPROVISIONING" => {
            return Err(client("The referenced cluster was inactive."));
        }
        _ => return Err(cluster::not_found()),
    }
    let name = input.text("serviceName").to_owned();
    if !is_name(&name) {
        return Err(invalid(
            "Invalid service name. Up to 255 letters (uppercase and lowercase), numbers, \
             underscores, and hyphens are allowed.",
        ));
    }
    let tags = wanted_tags(input)?;
    let mut request = input.clone();
    if let Some(request) = request.as_object_mut() {
        request.remove("clientToken");
    }
    let key = (cluster.clone(), name.clone());
    match world.ecs().services.get(&key) {
        Some(it) if it.status == "DRAINING" => {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        Some(it) if it.status == "ACTIVE" && it.request == request => {
            return Ok(json!({ "service": service::describe(world, it, true) }));
        }
        Some(it) if it.status == "ACTIVE" => {
            return Err(invalid("Creation of service was not idempotent."));
        }
        _ => {}
    }
    need_linked_role(world)?;
    let desired = desired(world, input)?.ok_or_else(|| invalid("Invalid desired count."))?;
    let setup = setup(world, &cluster, input, None)?;
    let (least, most, breaker) = limits(input, None)?;
    let runs_commands = input.flag("enableExecuteCommand").unwrap_or(false);
    execute_command::check(world, input, runs_commands, &setup.definition, "created")?;
    let rebalancing = match input.some_text("availabilityZoneRebalancing") {
        Some(wanted) => {
            check_rebalancing(wanted, most)?;
            wanted
        }
        // It is on by default where it can be.
        None if most <= 100 => "DISABLED",
        None => "ENABLED",
    };
    let grace = grace(input, &setup)?.or((!setup.targets.is_empty()).then_some(Duration::ZERO));
    let serial = world.uuid();
    let deployment = rollout::deployment(world, &setup);
    let service = Service {
        arn: world.arn("ecs", &format!("service/{cluster}/{name}")),
        serial,
        cluster,
        name,
        status: "ACTIVE",
        desired,
        setup,
        grace,
        least,
        most,
        breaker,
        placement: input.list("placementStrategy").to_vec(),
        tags,
        managed_tags: input.flag("enableECSManagedTags").unwrap_or(false),
        runs_commands,
        propagate: input.some_text("propagateTags").map(str::to_owned),
        rebalancing: rebalancing.to_owned(),
        deployments: vec![deployment],
        past: Vec::new(),
        events: Vec::new(),
        launched: 0,
        next: None,
        steady: false,
        created: world.now,
        request,
    };
    let answer = service::describe(world, &service, true);
    world.ecs_mut().services.insert(key.clone(), service);
    scheduler::wake(world, &key.0, &key.1);
    Ok(json!({ "service": answer }))
}

/// `UpdateService`.
pub(super) fn update_service(world: &mut World, input: &Value) -> Answer {
    service::check_simulated(input, "UpdateService")?;
    let cluster = cluster::of(world, input)?;
    let key = (cluster.clone(), short(input.text("service")).to_owned());
    let there = world.ecs().services.get(&key).cloned().ok_or_else(service::not_found)?;
    if there.status != "ACTIVE" {
        return Err(Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let desired = desired(world, input)?;
    let force = input.flag("forceNewDeployment").unwrap_or(false);
    let mut it = there;
    let strategy = input.list("capacityProviderStrategy");
    if !strategy.is_empty() && *strategy != it.setup.strategy && !force {
        return Err(invalid(
            "When switching from launch type to capacity provider strategy on an existing service, \
             or making a change to a capacity provider strategy on a service that is already using \
             one, you must force a new deployment.",
        ));
    }
    let setup = setup(world, &cluster, input, Some(&it.setup))?;
    (it.least, it.most, it.breaker) = limits(input, Some(&it))?;
    if let Some(grace) = grace(input, &setup)? {
        it.grace = Some(grace);
    }
    // ECS starts a deployment also for a network or a target group that is merely said again.
    let again = ["networkConfiguration", "loadBalancers", "platformVersion", "serviceRegistries"];
    let deploys = force || setup != it.setup || again.iter().any(|name| !input[*name].is_null());
    if let Some(desired) = desired {
        it.steady &= desired == it.desired;
        it.desired = desired;
    }
    if let Some(placement) = input.get("placementStrategy").and_then(Value::as_array) {
        // An empty structure takes all strategies away.
        it.placement = placement.iter().filter(|it| !it.text("type").is_empty()).cloned().collect();
    }
    if let Some(managed) = input.flag("enableECSManagedTags") {
        it.managed_tags = managed;
    }
    // It starts no deployment: tasks that run stay as they are.
    it.runs_commands = input.flag("enableExecuteCommand").unwrap_or(it.runs_commands);
    execute_command::check(world, input, it.runs_commands, &setup.definition, "updated")?;
    if let Some(propagate) = input.some_text("propagateTags") {
        it.propagate = Some(propagate.to_owned());
    }
    if let Some(rebalancing) = input.some_text("availabilityZoneRebalancing") {
        rebalancing.clone_into(&mut it.rebalancing);
    }
    check_rebalancing(&it.rebalancing, it.most)?;
    if deploys {
        need_linked_role(world)?;
        for deployment in &mut it.deployments {
            deployment.status = "ACTIVE";
        }
        it.deployments.insert(0, rollout::deployment(world, &setup));
        it.setup = setup;
        it.steady = false;
    }
    let answer = service::describe(world, &it, true);
    world.ecs_mut().services.insert(key.clone(), it);
    scheduler::wake(world, &key.0, &key.1);
    Ok(json!({ "service": answer }))
}

fn desired(world: &World, input: &Value) -> Result<Option<usize>, Refusal> {
    let most = world.scenario.quota("tasks-per-service", 5000);
    let read = |count| match usize::try_from(count) {
        Ok(count) if count > most => Err(invalid("Desired count exceeds limit.")),
        Ok(count) => Ok(count),
        Err(_) => Err(invalid("Invalid desired count.")),
    };
    input.number("desiredCount").map(read).transpose()
}

/// Zone rebalancing starts a task before it stops another (ECS guide, "Balancing an Amazon ECS service
/// across Availability Zones"); with which words it is refused otherwise is not documented.
fn check_rebalancing(rebalancing: &str, most: usize) -> Result<(), Refusal> {
    if rebalancing == "ENABLED" && most <= 100 {
        return Err(invalid(
            "Availability Zone rebalancing needs a maximumPercent that is greater than 100.",
        ));
    }
    Ok(())
}

fn grace(input: &Value, setup: &Setup) -> Result<Option<Duration>, Refusal> {
    let Some(seconds) = input.number("healthCheckGracePeriodSeconds") else { return Ok(None) };
    if setup.targets.is_empty() {
        return Err(invalid(
            "Health check grace period is only valid for services configured to use load \
             balancers.",
        ));
    }
    let seconds =
        u64::try_from(seconds).map_err(|_| invalid("Invalid health check grace period."))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// Least and most tasks in percent, and the circuit breaker.
fn limits(input: &Value, before: Option<&Service>) -> Result<(usize, usize, Breaker), Refusal> {
    let configuration = input.part("deploymentConfiguration");
    let percent = |name: &str, usual| {
        configuration.number(name).and_then(|it| usize::try_from(it).ok()).unwrap_or(usual)
    };
    let least = percent("minimumHealthyPercent", before.map_or(100, |it| it.least));
    let most = percent("maximumPercent", before.map_or(200, |it| it.most));
    if least >= 100 && most <= 100 {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block \
             deployments.",
        ));
    }
    if most < least || most == 0 {
        return Err(invalid("maximumPercent must not be smaller than minimumHealthyPercent."));
    }
    let breaker = match configuration.part("deploymentCircuitBreaker") {
        Value::Null => before.map(|it| it.breaker.clone()).unwrap_or_default(),
        breaker => Breaker::read(breaker),
    };
    Ok((least, most, breaker))
}
