//! The VPC that every account is born with in every region: 172.31.0.0/16 with a subnet in each zone,
//! an internet gateway that its main route table leads to, and a default security group (VPC guide,
//! "Default VPCs"). It counts against the quotas, and is nobody's but the account's.

use std::time::Duration;

use ipnet::Ipv4Net;

use super::internet_gateway::InternetGateway;
use super::route::{Route, Target};
use super::subnet::Subnet;
use super::table::{Entry, Kind};
use super::vpc::Vpc;
use super::{route_table, security_group, zone};
use crate::fields::Tags;
use crate::world::World;

/// Its range.
const RANGE: [u8; 4] = [172, 31, 0, 0];
/// The prefix length of its subnets.
const SUBNETS: u8 = 20;

/// The region's default VPC, as long as nobody has deleted it.
pub fn of_region(world: &World) -> Option<&Entry<Vpc>> {
    world.ec2().vpcs.all().find(|vpc| vpc.it.default)
}

/// Makes the default VPC of a region that nobody has been in. Its ids depend on nothing else.
pub fn make(world: &mut World) {
    let Ok(range) = Ipv4Net::new(RANGE.into(), 16) else { return };
    let id = put::<Vpc>(world, "default", |world, name| Vpc::default(world, name, range));
    let gateway = InternetGateway { vpc: Some(id.clone()) };
    let gateway = put::<InternetGateway>(world, "default", |_, _| gateway);
    let out = Route { destination: Ipv4Net::default(), target: Target::Internet(gateway) };
    let association = world.id_of("rtbassoc", "default");
    put(world, "default", |_, _| route_table::main(&id, range, association, vec![out]));
    let group = put(world, "default", |_, _| security_group::default_of(&id));
    let [within, out] = security_group::default_rules(&group);
    put(world, "default within", |_, _| within);
    put(world, "default out", |_, _| out);
    let zones = zone::names(&world.region);
    let cidrs = range.subnets(SUBNETS).into_iter().flatten();
    for (zone, cidr) in zones.into_iter().zip(cidrs) {
        put(world, &zone.clone(), |_, _| Subnet::default(&id, &zone, cidr));
    }
}

/// Puts one thing there, which was always there.
fn put<K: Kind>(world: &mut World, name: &str, it: impl FnOnce(&mut World, &str) -> K) -> String {
    let id = world.id_of(K::PREFIX, name);
    let it = it(world, name);
    put_as(world, &id, it);
    id
}

/// The same, by its id.
pub(super) fn put_as<K: Kind>(world: &mut World, id: &str, it: K) {
    let (made, visible) = (Duration::ZERO, Duration::ZERO);
    let entry = Entry { id: id.to_owned(), tags: Tags::new(), made, visible, it };
    K::table_mut(world.ec2_mut()).put(entry);
}
