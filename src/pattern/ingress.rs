//! The ways in: load balancers, what may reach them, and what they do with what no rule matches.

use super::naming::{Named, Naming};
use super::network::Network;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::facts::Facts;
use crate::resource::hosted_zone::{self, HostedZone};
use crate::resource::id::HostedZoneId;
use crate::resource::listener::{self, Answer, Listener};
use crate::resource::load_balancer::{self, LoadBalancer};
use crate::resource::record::{self, Record};
use crate::resource::security_group::{self, SecurityGroup};
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::target_group;
use crate::spec::{self, Scheme, Unknown};

/// The port that load balancers listen on.
pub const LISTENER_PORT: u16 = 80;

/// A load balancer, as services take from it.
pub struct Balancer<'a> {
    /// Where it can be reached from.
    pub scheme: Scheme,
    /// What was asked for.
    pub wanted: &'a spec::Ingress,
    /// The load balancer.
    pub load_balancer: Handle<load_balancer::Output>,
    /// Its security group.
    pub group: Handle<security_group::Output>,
}

/// A zone that knows names.
pub enum Zone {
    /// The stack's own.
    Own(Handle<hosted_zone::Output>),
    /// One that somebody else made.
    Existing(HostedZoneId),
}

/// Adds a load balancer, its security group and the group's rules.
pub fn load_balancer<'a>(
    graph: &mut Graph,
    (scheme, wanted): (Scheme, &'a spec::Ingress),
    network: &Network,
    naming: &Naming<'_>,
) -> Balancer<'a> {
    let Named { node, name } = naming.balancer_group(scheme);
    let group =
        SecurityGroup { name, description: format!("Access to the {scheme} load balancer") };
    let group = graph.add(node, group, network.vpc.clone());
    for range in &wanted.allow {
        let rule =
            SecurityGroupRule { port: LISTENER_PORT, description: format!("HTTP from {range}") };
        let source = Source::Range(range.to_string());
        let needs = (group.made(), ().map(move |()| source.clone()));
        let node = naming.balancer_rule(scheme, LISTENER_PORT, &range.to_string());
        graph.add(node, rule, needs);
    }

    let subnets = match scheme {
        Scheme::Internal => &network.private,
        Scheme::InternetFacing => &network.public,
    };
    let subnets: Vec<_> = subnets.iter().map(Handle::made).collect();
    let Named { node, name } = naming.load_balancer(scheme);
    let balancer = LoadBalancer {
        name,
        idle_timeout: wanted.idle_timeout,
        internal: scheme == Scheme::Internal,
    };
    let needs = (subnets, group.made());
    let zones_hold = network.zones_hold();
    let load_balancer = match scheme {
        Scheme::Internal => graph.add_after(node, balancer, needs, &zones_hold),
        // AWS wants to see the way to the internet first.
        Scheme::InternetFacing => {
            let after = (network.internet_gateway.clone(), zones_hold);
            graph.add_after(node, balancer, needs, &after)
        }
    };
    Balancer { scheme, wanted, load_balancer, group }
}

impl Balancer<'_> {
    /// Adds the listener. `unknown` is the target group of the service that gets what no rule matches.
    pub fn listener(
        &self,
        graph: &mut Graph,
        naming: &Naming<'_>,
        unknown: Option<&Handle<target_group::Output>>,
    ) -> Handle<listener::Output> {
        let answer = match &self.wanted.unknown {
            Unknown::Answer { status, text } => {
                Some(Answer { status: *status, text: text.clone() })
            }
            Unknown::Service(_) => None,
        };
        let listener = Listener { port: LISTENER_PORT, answer };
        // A load balancer takes listeners while it is still provisioning.
        let needs = (self.load_balancer.made(), unknown.map(Handle::made));
        graph.add(naming.listener(self.scheme, LISTENER_PORT), listener, needs)
    }

    /// The zone that knows names, if there is to be one; adds it, unless somebody else made it.
    pub fn zone(
        &self,
        graph: &mut Graph,
        network: &Network,
        naming: &Naming<'_>,
        facts: &Facts,
    ) -> Option<Zone> {
        if let Some(zone) = facts.existing_zones.get(&self.scheme) {
            return Some(Zone::Existing(zone.id.clone()));
        }
        let name = self.wanted.zone.clone()?;
        let which = naming.zone(self.scheme);
        let zone = HostedZone { which, name };
        Some(Zone::Own(graph.add(hosted_zone::node(which), zone, network.vpc.clone())))
    }

    /// Adds a name in the zone.
    pub fn record(&self, graph: &mut Graph, zone: &Zone, host: &str) {
        let (host, node) = (host.to_owned(), record::node(host));
        // The load balancer's own name is known from the start.
        let load_balancer = self.load_balancer.made();
        match zone {
            Zone::Own(zone) => {
                let needs = (zone.clone(), load_balancer).map(|(zone, load_balancer)| {
                    record::Needs { zone: zone.id, load_balancer, notes: None }
                });
                graph.add(node, Record { host, existing_zone: None }, needs);
            }
            Zone::Existing(zone) => {
                let record = Record { host, existing_zone: Some(zone.clone()) };
                let zone = zone.clone();
                let needs = (load_balancer, self.group.made());
                let needs = needs.map(move |(load_balancer, group)| record::Needs {
                    zone: zone.clone(),
                    load_balancer,
                    notes: Some(group),
                });
                graph.add(node, record, needs);
            }
        }
    }
}
