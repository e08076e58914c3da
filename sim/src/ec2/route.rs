//! Routes. What one leads to may go first: the route stays, as a blackhole, until somebody replaces
//! or deletes it (`docs/aws-facts.md`, "Removing").

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::internet_gateway::InternetGateway;
use super::nat_gateway::NatGateway;
use super::query::{invalid, lacks, missing};
use super::route_table::{RouteTable, networks};
use super::table::{Entry, find, find_mut};
use super::vpc::range;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A route.
#[derive(Debug, Clone)]
pub struct Route {
    /// What it is for.
    pub destination: Ipv4Net,
    /// Where it leads.
    pub target: Target,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To whom it concerns, in the VPC.
    Local,
    /// To an internet gateway.
    Internet(String),
    /// To a NAT gateway.
    Nat(String),
}

/// The state of a route that leads somewhere.
pub const ACTIVE: &str = "active";

impl Route {
    /// The gateway that it leads to, in the sense of `GatewayId`.
    pub fn gateway(&self) -> Option<&str> {
        match &self.target {
            Target::Local => Some("local"),
            Target::Internet(id) => Some(id),
            Target::Nat(_) => None,
        }
    }

    /// The NAT gateway that it leads to.
    pub fn nat_gateway(&self) -> Option<&str> {
        match &self.target {
            Target::Nat(id) => Some(id),
            Target::Local | Target::Internet(_) => None,
        }
    }

    /// Who made it.
    pub fn origin(&self) -> &'static str {
        if self.target == Target::Local { "CreateRouteTable" } else { "CreateRoute" }
    }

    /// Whether it still leads anywhere.
    pub fn state(&self, world: &World, vpc: &str) -> &'static str {
        let leads = match &self.target {
            Target::Local => true,
            Target::Internet(id) => {
                let gateway = world.ec2().internet_gateways.get(id);
                gateway.is_some_and(|gateway| gateway.it.vpc.as_deref() == Some(vpc))
            }
            Target::Nat(id) => {
                world.ec2().nat_gateways.get(id).is_some_and(|gateway| gateway.it.is_target())
            }
        };
        if leads { ACTIVE } else { "blackhole" }
    }

    /// How a table shows it.
    pub fn write(&self, world: &World, vpc: &str) -> Value {
        let mut value = json!({
            "DestinationCidrBlock": self.destination.to_string(),
            "Origin": self.origin(),
            "State": self.state(world, vpc),
        });
        if let Some(gateway) = self.gateway() {
            value["GatewayId"] = json!(gateway);
        }
        if let Some(gateway) = self.nat_gateway() {
            value["NatGatewayId"] = json!(gateway);
        }
        value
    }
}

/// What is not simulated of a route.
const LACKED: &[&str] = &[
    "DestinationPrefixListId",
    "DestinationIpv6CidrBlock",
    "VpcEndpointId",
    "TransitGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "EgressOnlyInternetGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "VpcPeeringConnectionId",
    "LocalTarget",
];

fn destination(input: &Value) -> Result<Ipv4Net, Refusal> {
    let text = input.some_text("DestinationCidrBlock");
    range(text.ok_or_else(|| missing("destinationCidrBlock"))?, "destinationCidrBlock")
}

/// The target that a request names. A gateway that is not there has another code here than
/// elsewhere, and so has a NAT gateway.
fn target(world: &World, input: &Value, table: &Entry<RouteTable>) -> Result<Target, Refusal> {
    match (input.some_text("GatewayId"), input.some_text("NatGatewayId")) {
        (Some(_), Some(_)) => {
            let message = "The request must contain exactly one of gatewayId, natGatewayId";
            Err(Refusal::new("InvalidParameterCombination", message))
        }
        (None, None) => Err(missing("gatewayId or natGatewayId")),
        (Some(id), None) => {
            if !id.starts_with("igw-") {
                return Err(Refusal::new("SimulatorLacks", format!("CreateRoute to {id}")));
            }
            let gateway = find::<InternetGateway>(world, id).map_err(|_| {
                let message = format!("The gateway ID '{id}' does not exist");
                Refusal::new("InvalidGatewayID.NotFound", message)
            })?;
            match gateway.it.vpc.as_ref() == Some(&table.it.vpc) {
                true => Ok(Target::Internet(id.to_owned())),
                false => Err(networks(&table.id, &format!("network gateway {id}"))),
            }
        }
        (None, Some(id)) => {
            let gateway = find::<NatGateway>(world, id).ok();
            let gateway = gateway.filter(|gateway| gateway.it.is_target()).ok_or_else(|| {
                let message = format!("The natGateway ID '{id}' does not exist");
                Refusal::new("InvalidNatGatewayID.NotFound", message)
            })?;
            match gateway.it.vpc == table.it.vpc {
                true => Ok(Target::Nat(id.to_owned())),
                false => Err(networks(&table.id, &format!("NAT gateway {id}"))),
            }
        }
    }
}

/// `CreateRoute`.
pub fn create(world: &mut World, input: &Value) -> Answer {
    lacks("CreateRoute", input, LACKED)?;
    let table = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let destination = destination(input)?;
    let target = target(world, input, table)?;
    if table.it.routes.iter().any(|route| route.destination == destination) {
        let message = format!("The route identified by {destination} already exists.");
        return Err(Refusal::new("RouteAlreadyExists", message));
    }
    let local = table.it.routes.iter().find(|route| route.target == Target::Local);
    if local.is_some_and(|local| local.destination.contains(&destination)) {
        return Err(invalid(format!(
            "The destination CIDR block {destination} is equal to or more specific than one of \
             this VPC's CIDR blocks. This route can target only an interface or an instance."
        )));
    }
    if table.it.routes.len() > world.scenario.quota("routes", 50) {
        let message = format!("The maximum number of routes in {} has been reached.", table.id);
        return Err(Refusal::new("RouteLimitExceeded", message));
    }
    let id = table.id.clone();
    find_mut::<RouteTable>(world, &id)?.it.routes.push(Route { destination, target });
    Ok(json!({ "Return": true }))
}

/// `ReplaceRoute`: only what is there can be replaced.
pub fn replace(world: &mut World, input: &Value) -> Answer {
    lacks("ReplaceRoute", input, LACKED)?;
    let table = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let destination = destination(input)?;
    let target = target(world, input, table)?;
    let id = table.id.clone();
    let table = find_mut::<RouteTable>(world, &id)?;
    let route = table.it.routes.iter_mut().find(|route| route.destination == destination);
    match route {
        None => Err(invalid(format!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute \
             instead."
        ))),
        Some(Route { target: Target::Local, .. }) => {
            Err(invalid(format!("cannot replace local route {destination} in route table {id}")))
        }
        Some(route) => {
            route.target = target;
            Ok(json!({}))
        }
    }
}

/// `DeleteRoute`.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    lacks("DeleteRoute", input, &["DestinationPrefixListId", "DestinationIpv6CidrBlock"])?;
    let table = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let destination = destination(input)?;
    let id = table.id.clone();
    let route = table.it.routes.iter().find(|route| route.destination == destination);
    match route.map(|route| &route.target) {
        None => {
            let message =
                format!("no route with destination-cidr-block {destination} in route table {id}");
            Err(Refusal::new("InvalidRoute.NotFound", message))
        }
        Some(Target::Local) => {
            Err(invalid(format!("cannot remove local route {destination} in route table {id}")))
        }
        Some(_) => {
            let table = find_mut::<RouteTable>(world, &id)?;
            table.it.routes.retain(|route| route.destination != destination);
            Ok(json!({}))
        }
    }
}
