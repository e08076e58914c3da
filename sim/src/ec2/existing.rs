//! A network that somebody has made long before: a VPC with public and private subnets over several zones,
//! an internet gateway that the main route table leads to, and a NAT gateway for the private subnets.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::address::{self, Address};
use super::default_vpc::put_as;
use super::internet_gateway::InternetGateway;
use super::nat_gateway::{self, NatGateway};
use super::route::{Route, Target};
use super::subnet::Subnet;
use super::table::Kind;
use super::vpc::Vpc;
use super::{route_table, security_group, zone};
use crate::world::World;

/// Its range, /16: none that a stack would have.
const RANGE: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 0);
/// The prefix length of its subnets.
const SUBNETS: u8 = 24;

/// What somebody has made, by its ids.
#[derive(Debug, Clone, Default)]
pub struct NetworkOfSomebody {
    /// The VPC.
    pub vpc: String,
    /// Subnets without a table of their own, each in the next zone: they use the main one, which leads to the
    /// internet gateway.
    pub public: Vec<String>,
    /// Subnets each of which has a table of its own, which leads to the NAT gateway.
    pub private: Vec<String>,
}

/// Puts it there, unless it is there already. Nothing of it has tags.
pub fn add(world: &mut World, network: &NetworkOfSomebody) {
    let Ok(range) = Ipv4Net::new(RANGE, 16) else { return };
    let NetworkOfSomebody { vpc, public, private } = network;
    if world.ec2().vpcs.get(vpc).is_some() {
        return;
    }
    let it = Vpc::of_somebody(world, vpc, range);
    put_as(world, vpc, it);
    let gateway = world.id_of(InternetGateway::PREFIX, vpc);
    put_as(world, &gateway, InternetGateway { vpc: Some(vpc.clone()) });
    let out = |target| Route { destination: Ipv4Net::default(), target };
    let main = out(Target::Internet(gateway));
    let association = world.id_of("rtbassoc", vpc);
    let table = world.id_of("rtb", vpc);
    put_as(world, &table, route_table::main(vpc, range, association, vec![main]));
    let group = world.id_of("sg", vpc);
    put_as(world, &group, security_group::default_of(vpc));
    for (rule, name) in security_group::default_rules(&group).into_iter().zip(["within", "out"]) {
        let id = world.id_of("sgr", &format!("{vpc} {name}"));
        put_as(world, &id, rule);
    }
    let zones = zone::names(&world.region);
    let mut cidrs = range.subnets(SUBNETS).into_iter().flatten();
    let mut add_subnet = |world: &mut World, id: &str, zone: &str| {
        if let Some(cidr) = cidrs.next() {
            put_as(world, id, Subnet::of_somebody(vpc, zone, cidr));
        }
    };
    for (id, zone) in public.iter().zip(zones.iter().cycle()) {
        add_subnet(world, id, zone);
    }
    let (Some(first), Some(zone)) = (private.first(), zones.first()) else { return };
    // The NAT gateway stands in a public subnet, of which nobody has to know.
    let place = world.id_of("subnet", first);
    add_subnet(world, &place, zone);
    let allocation = world.id_of("eipalloc", vpc);
    let address = address::next_public(world);
    put_as(world, &allocation, Address { address, bound: None });
    let nat = world.id_of("nat", vpc);
    put_as(world, &nat, NatGateway::of_somebody(vpc, &place, &allocation));
    nat_gateway::bind(world, &nat);
    for (id, zone) in private.iter().zip(zones.iter().cycle()) {
        add_subnet(world, id, zone);
        let association = world.id_of("rtbassoc", id);
        let table = world.id_of("rtb", id);
        let route = out(Target::Nat(nat.clone()));
        put_as(world, &table, route_table::of_somebody(vpc, range, (association, id), route));
    }
}
