//! Making and changing services: what ECS checks before it says yes.
//!
//! The target group has to be linked to a load balancer, the provider to be attached to the cluster,
//! subnets and groups to be visible in one VPC. A name is taken while its service is `ACTIVE` or
//! `DRAINING`. Which changes start a deployment is said in the API reference of `UpdateService`.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::fields::Fields;
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::super::{ec2, elb};
use super::rollout::{self, Breaker};
use super::service::{self, Service};
use super::task::Network;
use super::task_definition::{self, Key, Revision};
use super::{association, client, cluster, invalid, is_name, need_linked_role, scheduler};
use super::{short, uuid, wanted_tags};

/// What the tasks of a deployment are like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setup {
    /// Their revision.
    pub(super) definition: Key,
    /// Its ARN.
    pub(super) definition_arn: String,
    /// `EC2` or `FARGATE`, without a strategy.
    pub(super) launch_type: Option<String>,
    /// The capacity provider strategy.
    pub(super) strategy: Vec<Value>,
    /// Where they are in the network, if they have interfaces of their own.
    pub(super) network: Option<Network>,
    /// Target groups that they register with.
    pub(super) targets: Vec<Target>,
}

/// A target group that tasks register with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its ARN.
    pub(super) group: String,
    /// The container.
    pub(super) container: String,
    /// The container's port.
    pub(super) port: u16,
}

impl Setup {
    /// Whether tasks run on Fargate.
    pub(super) fn is_fargate(&self) -> bool {
        let on = |it: &Value| association::FARGATE.contains(&it.text("capacityProvider"));
        self.launch_type.as_deref() == Some("FARGATE") || self.strategy.iter().any(on)
    }
}

/// `CreateService`.
pub(super) fn create_service(world: &mut World, input: &Value) -> Answer {
    service::check_simulated(input, "CreateService")?;
    let cluster = short(input.some_text("cluster").unwrap_or("default")).to_owned();
    let there = world.ecs.clusters.get(&cluster).ok_or_else(cluster::not_found)?;
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
    match world.ecs.services.get(&key) {
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
    let desired = desired(input)?.ok_or_else(|| invalid("Invalid desired count."))?;
    let setup = setup(world, &cluster, input, None)?;
    let (least, most, breaker) = limits(input, None)?;
    let grace = grace(input, &setup)?.or((!setup.targets.is_empty()).then_some(Duration::ZERO));
    let serial = uuid(world);
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
        propagate: input.some_text("propagateTags").map(str::to_owned),
        rebalancing: input.some_text("availabilityZoneRebalancing").unwrap_or("ENABLED").to_owned(),
        deployments: vec![deployment],
        events: Vec::new(),
        launched: 0,
        next: None,
        steady: false,
        created: world.now,
        request,
    };
    let answer = service::describe(world, &service, true);
    world.ecs.services.insert(key.clone(), service);
    scheduler::wake(world, &key.0, &key.1);
    Ok(json!({ "service": answer }))
}

/// `UpdateService`.
pub(super) fn update_service(world: &mut World, input: &Value) -> Answer {
    service::check_simulated(input, "UpdateService")?;
    let cluster = cluster::of(world, input)?;
    let key = (cluster.clone(), short(input.text("service")).to_owned());
    let there = world.ecs.services.get(&key).cloned().ok_or_else(service::not_found)?;
    if there.status != "ACTIVE" {
        return Err(Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let desired = desired(input)?;
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
    let again = ["networkConfiguration", "loadBalancers", "platformVersion"];
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
    if let Some(propagate) = input.some_text("propagateTags") {
        it.propagate = Some(propagate.to_owned());
    }
    if let Some(rebalancing) = input.some_text("availabilityZoneRebalancing") {
        rebalancing.clone_into(&mut it.rebalancing);
    }
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
    world.ecs.services.insert(key.clone(), it);
    scheduler::wake(world, &key.0, &key.1);
    Ok(json!({ "service": answer }))
}

fn desired(input: &Value) -> Result<Option<usize>, Refusal> {
    let read = |count| usize::try_from(count).map_err(|_| invalid("Invalid desired count."));
    input.number("desiredCount").map(read).transpose()
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

fn setup(
    world: &World,
    cluster: &str,
    input: &Value,
    before: Option<&Setup>,
) -> Result<Setup, Refusal> {
    let (key, revision) = match (input.some_text("taskDefinition"), before) {
        (None, Some(before)) => {
            let revision = task_definition::get(world, &before.definition);
            (before.definition.clone(), revision.ok_or_else(no_definition)?)
        }
        (name, _) => {
            let key = task_definition::find(world, name.unwrap_or_default());
            let key = key.ok_or_else(no_definition)?;
            let revision = task_definition::get(world, &key).ok_or_else(no_definition)?;
            // One that the service runs already stays usable after it was deregistered.
            let runs = before.is_some_and(|before| before.definition == key);
            if revision.status != "ACTIVE" && !runs {
                return Err(client("TaskDefinition is inactive"));
            }
            (key, revision)
        }
    };
    let (launch_type, strategy) = launch(world, cluster, input, before)?;
    let mut setup = Setup {
        definition: key,
        definition_arn: revision.arn.clone(),
        launch_type,
        strategy,
        network: None,
        targets: Vec::new(),
    };
    let launch = if setup.is_fargate() { "FARGATE" } else { "EC2" };
    if !revision.runs_on(launch) {
        return Err(invalid(format!("Task definition does not support launch_type {launch}.")));
    }
    let network = input.part("networkConfiguration").part("awsvpcConfiguration");
    setup.network = match before.filter(|_| network.is_null()) {
        Some(before) => before.network.clone(),
        None => self::network(world, network, revision, launch)?,
    };
    setup.targets = match before.filter(|_| input["loadBalancers"].is_null()) {
        Some(before) => before.targets.clone(),
        None => targets(world, input.list("loadBalancers"), revision)?,
    };
    Ok(setup)
}

fn no_definition() -> Refusal {
    client("TaskDefinition not found.")
}

/// The launch type or the strategy; without either the cluster's default strategy.
fn launch(
    world: &World,
    cluster: &str,
    input: &Value,
    before: Option<&Setup>,
) -> Result<(Option<String>, Vec<Value>), Refusal> {
    let strategy = input.list("capacityProviderStrategy").to_vec();
    let launch_type = input.some_text("launchType").map(str::to_owned);
    if launch_type.is_some() && !strategy.is_empty() {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove \
             one and try again.",
        ));
    }
    if let Some(other) = launch_type.as_deref().filter(|it| !["EC2", "FARGATE"].contains(it)) {
        return Err(Refusal::new("SimulatorLacks", format!("launch type {other}")));
    }
    let Some(there) = world.ecs.clusters.get(cluster) else { return Err(cluster::not_found()) };
    let strategy = match (strategy.is_empty(), before) {
        (false, _) => strategy,
        (true, Some(before)) => return Ok((before.launch_type.clone(), before.strategy.clone())),
        (true, None) if launch_type.is_some() => return Ok((launch_type, Vec::new())),
        (true, None) if there.strategy.is_empty() => {
            return Ok((Some("EC2".to_owned()), Vec::new()));
        }
        (true, None) => there.strategy.clone(),
    };
    association::check_strategy(&there.providers, &strategy)?;
    for item in &strategy {
        if !association::is_usable(there, short(item.text("capacityProvider"))) {
            return Err(association::not_associated());
        }
    }
    let whole = |item: &Value| {
        json!({
            "capacityProvider": short(item.text("capacityProvider")),
            "base": item.number("base").unwrap_or(0),
            "weight": item.number("weight").unwrap_or(0),
        })
    };
    Ok((None, strategy.iter().map(whole).collect()))
}

fn network(
    world: &World,
    input: &Value,
    revision: &Revision,
    launch: &str,
) -> Result<Option<Network>, Refusal> {
    if !revision.has_interfaces() {
        return match input {
            Value::Null => Ok(None),
            _ => Err(invalid(
                "Network Configuration is not valid for the given networkMode of this task \
                 definition.",
            )),
        };
    }
    if input.is_null() {
        return Err(invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ));
    }
    let (subnets, mut groups) = (input.texts("subnets"), input.texts("securityGroups"));
    if subnets.is_empty() || subnets.len() > 16 {
        return Err(invalid("subnets must have from 1 to 16 elements."));
    }
    if groups.len() > 5 {
        return Err(invalid("securityGroups can have at most 5 items."));
    }
    let public = input.some_text("assignPublicIp").map(|it| it == "ENABLED");
    if public == Some(true) && launch == "EC2" {
        return Err(invalid("Assign public IP is not supported for this launch type."));
    }
    let mut networks = Vec::new();
    let wrapped = |what: &str, id: &str, why: Refusal| {
        invalid(format!(
            "Error retrieving {what} information for [{id}]: {} (ErrorCode: {})",
            why.message, why.code
        ))
    };
    for id in &subnets {
        networks.push(ec2::subnet(world, id).map_err(|why| wrapped("subnet", id, why))?.vpc);
    }
    for id in &groups {
        let vpc = ec2::security_group_vpc(world, id);
        networks.push(vpc.map_err(|why| wrapped("security group", id, why))?);
    }
    if groups.is_empty() {
        // Without any, tasks get the default group of the VPC.
        groups.extend(networks.first().and_then(|vpc| ec2::default_security_group(world, vpc)));
    }
    networks.dedup();
    if networks.len() > 1 {
        return Err(invalid("Security groups and subnets must belong to the same VPC."));
    }
    Ok(Some(Network { subnets, groups, public }))
}

fn targets(world: &World, input: &[Value], revision: &Revision) -> Result<Vec<Target>, Refusal> {
    let mut targets = Vec::new();
    for item in input {
        let (group, container) = (item.text("targetGroupArn"), item.text("containerName"));
        if group.is_empty() {
            return Err(Refusal::new("SimulatorLacks", "classic load balancers"));
        }
        let definitions = revision.content.list("containerDefinitions");
        let definition = definitions.iter().find(|it| it.text("name") == container);
        let definition = definition.ok_or_else(|| {
            invalid(format!("The container {container} does not exist in the task definition."))
        })?;
        let wanted = item.number("containerPort");
        let mut ports = definition.list("portMappings").iter();
        let port = wanted
            .and_then(|port| u16::try_from(port).ok())
            .filter(|_| ports.any(|it| it.number("containerPort") == wanted));
        let port = port.ok_or_else(|| {
            invalid(format!(
                "The container {container} did not have a container port {} defined.",
                wanted.unwrap_or_default()
            ))
        })?;
        let linked = elb::is_linked(world, group).map_err(|_| {
            invalid(format!("The target group with targetGroupArn {group} does not exist."))
        })?;
        if !linked {
            return Err(invalid(format!(
                "The target group with targetGroupArn {group} does not have an associated load \
                 balancer."
            )));
        }
        let kind = elb::target_type(world, group).map(|(kind, _)| kind).unwrap_or_default();
        if revision.has_interfaces() && kind != "ip" {
            return Err(invalid(format!(
                "The provided target group {group} has target type {kind}, which is incompatible \
                 with the awsvpc network mode specified in the task definition."
            )));
        }
        if !revision.has_interfaces() {
            return Err(Refusal::new("SimulatorLacks", "targets without awsvpc"));
        }
        targets.push(Target { group: group.to_owned(), container: container.to_owned(), port });
    }
    Ok(targets)
}
