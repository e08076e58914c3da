//! The network: a VPC over two zones, a public and a private subnet in each; or one that somebody else made,
//! which is known from the start and no part of the graph.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::engine::graph::{Graph, Handle, MadeHandle, Needs};
use crate::facts::Facts;
use crate::names::Names;
use crate::resource::elastic_ip::ElasticIp;
use crate::resource::gateway_endpoint::GatewayEndpoint;
use crate::resource::id::VpcId;
use crate::resource::interface_endpoint::{self, InterfaceEndpoint};
use crate::resource::internet_gateway::InternetGateway;
use crate::resource::nat_gateway::NatGateway;
use crate::resource::route_table::{RouteTable, Target};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::subnet::Subnet;
use crate::resource::vpc::Vpc;
use crate::resource::{gateway_endpoint, internet_gateway, nat_gateway, route_table, subnet, vpc};
use crate::spec::{self, ExistingNetwork, GATEWAYS, Nat, OwnNetwork, Spec};

/// What others take from the network.
pub struct Network {
    /// The VPC.
    pub vpc: Handle<vpc::Output>,
    /// Its id, where it is somebody else's.
    pub existing_vpc: Option<VpcId>,
    /// The VPC's ranges.
    pub ranges: Vec<Ipv4Net>,
    /// The internet gateway, if it is the stack's own; ready when it is attached.
    pub internet_gateway: Option<Handle<internet_gateway::Output>>,
    /// The public subnets.
    pub public: Vec<Handle<subnet::Output>>,
    /// The private subnets.
    pub private: Vec<Handle<subnet::Output>>,
    /// The ways out of the subnets [`with_way_out`](Self::with_way_out); ready when their routes are
    /// there.
    pub ways_out: Vec<Handle<route_table::Output>>,
    /// The gateways at the end of the ways out.
    pub nat_gateways: Vec<Handle<nat_gateway::Output>>,
    /// The endpoints without which nothing that starts there works; none where there are other ways.
    pub endpoints: Endpoints,
    /// Whether instances and tasks on Fargate are in the public subnets.
    is_outside: bool,
}

/// Endpoints of both kinds.
type Endpoints = (Vec<Handle<interface_endpoint::Output>>, Vec<Handle<gateway_endpoint::Output>>);

impl Network {
    /// What shows that both zones have NAT gateways, where there are to be any. Some zones have none,
    /// and a zone can be left only as long as nothing stands in it: so what cannot move waits for this.
    pub fn zones_hold(&self) -> Vec<MadeHandle<nat_gateway::Output>> {
        self.nat_gateways.iter().map(Handle::made).collect()
    }

    /// A security group in the VPC.
    pub fn security_group(&self, name: String, description: impl Into<String>) -> SecurityGroup {
        let (description, existing_vpc) = (description.into(), self.existing_vpc.clone());
        SecurityGroup { name, description, existing_vpc }
    }

    /// The subnets for what needs a way out of its own: private ones behind a NAT gateway or with
    /// endpoints, public ones where there is neither.
    pub fn with_way_out(&self) -> &[Handle<subnet::Output>] {
        if self.is_outside { &self.public } else { &self.private }
    }
}

/// Adds the network, unless somebody else made it.
pub fn network(graph: &mut Graph, spec: &Spec, facts: &Facts, names: &Names) -> Network {
    let is_outside = spec.network.is_outside();
    match &spec.network {
        spec::Network::Own(wanted) => {
            Network { is_outside, ..own(graph, spec, wanted, facts, names) }
        }
        spec::Network::Existing(wanted) => {
            let found = facts.existing_network.as_ref();
            let ranges = found.map(|found| found.ranges.clone()).unwrap_or_default();
            Network { is_outside, ..existing(wanted, ranges) }
        }
    }
}

/// What somebody else made.
fn existing(wanted: &ExistingNetwork, ranges: Vec<Ipv4Net>) -> Network {
    let id = VpcId::from(wanted.vpc.as_str());
    let vpc = vpc::Output::known(id.clone());
    let subnets = |ids: &BTreeSet<String>| {
        let subnet = |subnet: &String| subnet::Output::known(subnet.as_str(), id.clone());
        ids.iter().map(subnet).map(Handle::known).collect()
    };
    Network {
        vpc: Handle::known(vpc),
        existing_vpc: Some(id.clone()),
        ranges,
        internet_gateway: None,
        public: subnets(&wanted.public),
        private: subnets(&wanted.private),
        ways_out: Vec::new(),
        nat_gateways: Vec::new(),
        endpoints: Endpoints::default(),
        is_outside: false,
    }
}

/// Adds a network of the stack's own.
fn own(
    graph: &mut Graph,
    spec: &Spec,
    wanted: &OwnNetwork,
    facts: &Facts,
    names: &Names,
) -> Network {
    let vpc = graph.add("vpc", Vpc { cidr: wanted.vpc_cidr }, ());
    let internet_gateway = graph.add("internet-gateway", InternetGateway, vpc.made());

    // What goes into the VPC waits until it is ready, so that only one node asks until AWS shows it.
    let mut subnets = |name: &str, cidrs: &[Ipv4Net; 2], public_addresses: bool| {
        let zones = facts.zones.iter().zip(cidrs).enumerate();
        let subnet = |(index, (zone, cidr)): (usize, (&String, &Ipv4Net))| {
            let subnet = Subnet { zone: zone.clone(), cidr: *cidr, public_addresses };
            graph.add(format!("subnet/{name}-{}", index + 1), subnet, vpc.clone())
        };
        zones.map(subnet).collect::<Vec<_>>()
    };
    let public = subnets("public", &wanted.public, true);
    let private = subnets("private", &wanted.private, false);

    let to_internet = internet_gateway.clone().map(|gateway| Target::InternetGateway(gateway.id));
    let needs = needs_of_table(&vpc, to_internet, &public);
    let to_internet = graph.add("route-table/public", RouteTable::default(), needs);

    let named = spec.endpoints();
    let interfaces = named.iter().copied().filter(|name| !GATEWAYS.contains(name)).collect();
    let interfaces = interface_endpoints(graph, interfaces, (&vpc, &private), wanted, facts, names);

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
            let table = RouteTable { is_closed: wanted.is_closed() };
            // A route may lead to a gateway that is still pending.
            if let Some(nat) = nat_gateways.get(index).or(nat_gateways.first()) {
                let target = nat.made().map(|nat| Target::NatGateway(nat.id));
                graph.add(name, table, needs_of_table(&vpc, target, subnets))
            } else {
                // What runs there already goes out through its route until there are other ways.
                let before = if wanted.is_closed() { interfaces.clone() } else { Vec::new() };
                let nowhere = ().map(|()| Target::Nowhere);
                graph.add_after(name, table, needs_of_table(&vpc, nowhere, subnets), &before)
            }
        })
        .collect();
    let ways_out = if wanted.is_open() { vec![to_internet] } else { private_tables };
    let gateways: Vec<_> = named
        .iter()
        .filter(|name| GATEWAYS.contains(name))
        .map(|name| {
            let service = service_name(facts, name);
            let tables: Vec<_> = ways_out.iter().map(Handle::made).collect();
            let needs = (vpc.made(), tables);
            graph.add(format!("endpoint/{name}"), GatewayEndpoint { service }, needs)
        })
        .collect();
    let endpoints = if wanted.is_closed() { (interfaces, gateways) } else { Endpoints::default() };
    Network {
        vpc,
        existing_vpc: None,
        ranges: vec![wanted.vpc_cidr],
        internet_gateway: Some(internet_gateway),
        public,
        private,
        ways_out,
        nat_gateways,
        endpoints,
        is_outside: false,
    }
}

/// A service of AWS in the region, as endpoints name it.
fn service_name(facts: &Facts, name: &str) -> String {
    format!("com.amazonaws.{}.{name}", facts.region)
}

/// Adds the interface endpoints, with the group that they share. From their first moment on, nobody in the
/// VPC reaches their services otherwise, so the group lets in before there is one.
fn interface_endpoints(
    graph: &mut Graph,
    services: Vec<&str>,
    (vpc, subnets): (&Handle<vpc::Output>, &[Handle<subnet::Output>]),
    wanted: &OwnNetwork,
    facts: &Facts,
    names: &Names,
) -> Vec<Handle<interface_endpoint::Output>> {
    if services.is_empty() {
        return Vec::new();
    }
    let group = SecurityGroup {
        name: names.security_group("endpoints"),
        description: "Access to endpoints of AWS services".into(),
        existing_vpc: None,
    };
    let group = graph.add(interface_endpoint::GROUP, group, vpc.clone());
    let range = wanted.vpc_cidr.to_string();
    let rule = SecurityGroupRule { port: 443, description: "HTTPS from the VPC".into() };
    let from = ().map(move |()| Source::Range(range.clone()));
    let let_in = graph.add("rule/endpoints-443", rule, (group.made(), from));
    let mut add = |name: &str| {
        let subnets = subnets.to_vec();
        let needs = (vpc.clone(), subnets, group.made());
        let needs =
            needs.map(|(vpc, subnets, group)| interface_endpoint::Needs { vpc, subnets, group });
        let endpoint = InterfaceEndpoint { service: service_name(facts, name) };
        graph.add_after(format!("endpoint/{name}"), endpoint, needs, &let_in)
    };
    services.into_iter().map(&mut add).collect()
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
