//! The network: a VPC over two zones, a public and a private subnet in each.

use crate::engine::graph::{Graph, Handle, MadeHandle, Needs};
use crate::facts::Facts;
use crate::resource::elastic_ip::ElasticIp;
use crate::resource::gateway_endpoint::GatewayEndpoint;
use crate::resource::internet_gateway::InternetGateway;
use crate::resource::nat_gateway::NatGateway;
use crate::resource::route_table::{RouteTable, Target};
use crate::resource::subnet::Subnet;
use crate::resource::vpc::Vpc;
use crate::resource::{internet_gateway, nat_gateway, route_table, subnet, vpc};
use crate::spec::{Nat, Spec};

/// What others take from the network.
pub struct Network {
    /// The VPC.
    pub vpc: Handle<vpc::Output>,
    /// The internet gateway; ready when it is attached.
    pub internet_gateway: Handle<internet_gateway::Output>,
    /// The public subnets.
    pub public: Vec<Handle<subnet::Output>>,
    /// The private subnets.
    pub private: Vec<Handle<subnet::Output>>,
    /// The ways out of the subnets [`with_way_out`](Self::with_way_out); ready when their routes are
    /// there.
    pub ways_out: Vec<Handle<route_table::Output>>,
    /// The gateways at the end of the ways out.
    pub nat_gateways: Vec<Handle<nat_gateway::Output>>,
}

impl Network {
    /// What shows that both zones have NAT gateways, where there are to be any. Some zones have none,
    /// and a zone can be left only as long as nothing stands in it: so what cannot move waits for this.
    pub fn zones_hold(&self) -> Vec<MadeHandle<nat_gateway::Output>> {
        self.nat_gateways.iter().map(Handle::made).collect()
    }

    /// The subnets for what needs a way out of its own: private ones behind a NAT gateway, public
    /// ones where there is none.
    pub fn with_way_out(&self, nat: Nat) -> &[Handle<subnet::Output>] {
        match nat {
            Nat::PerZone | Nat::Single => &self.private,
            Nat::None => &self.public,
        }
    }
}

/// Adds the network.
pub fn network(graph: &mut Graph, spec: &Spec, facts: &Facts) -> Network {
    let wanted = &spec.network;
    let vpc = graph.add("vpc", Vpc { cidr: wanted.vpc_cidr }, ());
    let internet_gateway = graph.add("internet-gateway", InternetGateway, vpc.made());

    // What goes into the VPC waits until it is ready, so that only one node asks until AWS shows it.
    let mut subnets = |name: &str, cidrs: &[ipnet::Ipv4Net; 2], public_addresses: bool| {
        let zones = facts.zones.iter().zip(cidrs).enumerate();
        let subnet = |(index, (zone, cidr)): (usize, (&String, &ipnet::Ipv4Net))| {
            let subnet = Subnet { zone: zone.clone(), cidr: *cidr, public_addresses };
            graph.add(format!("subnet/{name}-{}", index + 1), subnet, vpc.clone())
        };
        zones.map(subnet).collect::<Vec<_>>()
    };
    let public = subnets("public", &wanted.public, true);
    let private = subnets("private", &wanted.private, false);

    let to_internet = internet_gateway.clone().map(|gateway| Target::InternetGateway(gateway.id));
    let needs = needs_of_table(&vpc, to_internet, &public);
    let to_internet = graph.add("route-table/public", RouteTable, needs);

    let gateways = match wanted.nat {
        Nat::PerZone => 2,
        Nat::Single => 1,
        Nat::None => 0,
    };
    let nat_gateways: Vec<_> = (0..gateways)
        .map(|index| {
            let address = graph.add(format!("elastic-ip/{}", index + 1), ElasticIp, ());
            let needs = (address, public[index].made());
            // Before the gateway is attached, a NAT gateway is made and then fails.
            graph.add_after(format!("nat/{}", index + 1), NatGateway, needs, &internet_gateway)
        })
        .collect();
    let private_tables: Vec<_> = (0..private.len())
        .map(|index| {
            let name = format!("route-table/private-{}", index + 1);
            let subnets = &private[index..=index];
            // A route may lead to a gateway that is still pending.
            if let Some(nat) = nat_gateways.get(index).or(nat_gateways.first()) {
                let target = nat.made().map(|nat| Target::NatGateway(nat.id));
                graph.add(name, RouteTable, needs_of_table(&vpc, target, subnets))
            } else {
                let nowhere = ().map(|()| Target::Nowhere);
                graph.add(name, RouteTable, needs_of_table(&vpc, nowhere, subnets))
            }
        })
        .collect();
    let ways_out = match wanted.nat {
        Nat::PerZone | Nat::Single => private_tables,
        Nat::None => vec![to_internet],
    };
    for endpoint in &wanted.endpoints {
        let service = format!("com.amazonaws.{}.{endpoint}", facts.region);
        let tables: Vec<_> = ways_out.iter().map(Handle::made).collect();
        let needs = (vpc.made(), tables);
        graph.add(format!("endpoint/{endpoint}"), GatewayEndpoint { service }, needs);
    }
    Network { vpc, internet_gateway, public, private, ways_out, nat_gateways }
}

/// What a route table takes from others: the VPC and the subnets as soon as they are made.
fn needs_of_table(
    vpc: &Handle<vpc::Output>,
    target: impl Needs<Values = Target>,
    subnets: &[Handle<subnet::Output>],
) -> impl Needs<Values = route_table::Needs> {
    let subnets: Vec<_> = subnets.iter().map(Handle::made).collect();
    (vpc.made(), target, subnets).map(|(vpc, target, subnets)| route_table::Needs {
        vpc,
        target,
        subnets,
    })
}
