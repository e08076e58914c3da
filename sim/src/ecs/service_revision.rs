//! Service revisions: what the tasks of a deployment are like, as a request says and ECS checks.
//!
//! The target group has to be linked to a load balancer, the provider to be attached to the cluster,
//! subnets and groups to be visible in one VPC.

use serde_json::{Value, json};

use super::task::Network;
use super::task_definition::{self, Key, Revision};
use super::{association, client, cluster, invalid, short};
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::world::World;
use crate::{ec2, elb, servicediscovery};

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
    /// ARNs of the services of Cloud Map that they register with.
    pub(super) registries: Vec<String>,
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

/// What the tasks of a service are to be like, as a request says; what it does not say stays.
pub(super) fn setup(
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
        registries: Vec::new(),
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
    setup.registries = match before.filter(|_| input["serviceRegistries"].is_null()) {
        Some(before) => before.registries.clone(),
        None => registries(world, input.list("serviceRegistries"), revision)?,
    };
    Ok(setup)
}

/// One at most, which has to be there. With addresses for records it takes neither a port nor a container.
fn registries(world: &World, input: &[Value], revision: &Revision) -> Result<Vec<String>, Refusal> {
    if input.len() > 1 {
        return Err(invalid("Only one service registry is supported."));
    }
    let mut registries = Vec::new();
    for item in input {
        let arn = item.text("registryArn");
        if !servicediscovery::is_there(world, arn) {
            return Err(invalid(format!("The service registry {arn} does not exist.")));
        }
        let says = |member: &&str| item.get(*member).is_some_and(|it| !it.is_null());
        let more = ["port", "containerName", "containerPort"].iter().any(says);
        if more && !servicediscovery::has_dns(world, arn, "SRV") {
            return Err(invalid(
                "When specifying 'port', 'containerName' or 'containerPort', the service registry must \
                 have SRV records.",
            ));
        }
        if !revision.has_interfaces() {
            return Err(invalid(
                "A records are supported only for tasks with the awsvpc network mode.",
            ));
        }
        registries.push(arn.to_owned());
    }
    Ok(registries)
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
    let Some(there) = world.ecs().clusters.get(cluster) else { return Err(cluster::not_found()) };
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
        let kind = elb::target_type(world, group).unwrap_or_default();
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
