//! Who gets out to the internet, and who reaches whom.

use super::nat_gateway::State;
use super::route::Target;
use super::route_table::default_route;
use super::security_group_rule::lets_through;
use super::vpc::block_mode;
use crate::world::World;

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
