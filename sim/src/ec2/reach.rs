//! Who gets out to the internet, who reaches services of AWS, and who reaches whom.

use super::nat_gateway::State;
use super::route::Target;
use super::route_table::{default_route, of_subnet};
use super::security_group_rule::lets_through;
use super::vpc::block_mode;
use super::vpc_endpoint::{leads_to, resolved_to};
use crate::world::World;

/// The port of AWS's services.
const HTTPS: u16 = 443;

/// Where somebody stands who asks for something.
#[derive(Debug, Clone, Copy)]
pub struct Standpoint<'a> {
    /// The subnet.
    pub subnet: &'a str,
    /// The security groups.
    pub groups: &'a [String],
    /// Whether there is a public address.
    pub public_address: bool,
}

/// Whether somebody can talk to a service of AWS now. Where the resolver of the VPC leads to an endpoint,
/// that is the only way, and its groups have to let it in; else a route to a gateway endpoint is one, and
/// one out to the internet.
pub fn reaches(world: &World, from: &Standpoint<'_>, service: &str) -> bool {
    let Some(subnet) = world.ec2().subnets.get(from.subnet) else { return false };
    if let Some(groups) = resolved_to(world, &subnet.it.vpc, service) {
        return may_reach(world, from.groups, groups, HTTPS);
    }
    if !lets_through(world, from.groups, true, HTTPS, &[], None) {
        return false;
    }
    let table = of_subnet(world, subnet);
    table.is_some_and(|table| leads_to(world, &table.id, service))
        || way_out(world, from.subnet, from.public_address)
}

/// Whether something in a subnet gets out to the internet now: by its own public address through an
/// internet gateway, or through a NAT gateway that works and itself gets out. VPC Block Public Access
/// may keep both from it, or the first.
pub fn way_out(world: &World, subnet: &str, public_address: bool) -> bool {
    let Some(subnet) = world.ec2().subnets.get(subnet) else { return false };
    let blocked = block_mode(world);
    match default_route(world, subnet) {
        Some(Target::Internet(_)) => public_address && blocked == "off",
        Some(Target::Nat(_)) if blocked == "block-bidirectional" => false,
        Some(Target::Nat(id)) => {
            let gateway = world.ec2().nat_gateways.get(id);
            let gateway = gateway.filter(|gateway| gateway.it.state == State::Available);
            let stands = gateway.and_then(|gateway| world.ec2().subnets.get(&gateway.it.subnet));
            let out = stands.and_then(|subnet| default_route(world, subnet));
            matches!(out, Some(Target::Internet(_)))
        }
        Some(Target::Local) | None => false,
    }
}

/// Whether the rules of the one let out, and the rules of the other let in. A rule for a range
/// counts when the whole VPC is in it: which address of the VPC somebody has is not asked.
pub fn may_reach(world: &World, from: &[String], to: &[String], port: u16) -> bool {
    let range_of = |groups: &[String]| {
        let group = groups.first().and_then(|id| world.ec2().groups.get(id))?;
        world.ec2().vpcs.get(&group.it.vpc).map(|vpc| vpc.it.cidr)
    };
    lets_through(world, from, true, port, to, range_of(to))
        && lets_through(world, to, false, port, from, range_of(from))
}
