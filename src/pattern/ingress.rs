//! The ways in: load balancers, what may reach them, and what they do with what no rule matches.

use super::naming::{Named, Naming};
use super::network::Network;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::facts::Facts;
use crate::resource::hosted_zone::{self, HostedZone};
use crate::resource::id::HostedZoneId;
use crate::resource::listener::{self, Answer, Does, Listener};
use crate::resource::listener_rule;
use crate::resource::load_balancer::{self, LoadBalancer};
use crate::resource::record::{self, Record};
use crate::resource::security_group;
use crate::resource::security_group_rule::{self, SecurityGroupRule, Source};
use crate::resource::target_group;
use crate::spec::{self, Http, Scheme, Unknown};

/// The port of plain HTTP, and that of HTTPS.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

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
    /// What lets somebody reach its ports.
    let_in: Vec<Handle<security_group_rule::Output>>,
}

/// A listener that leads to services, and its port.
pub type Serving = (u16, Handle<listener::Output>);

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
    let group = network.security_group(name, format!("Access to the {scheme} load balancer"));
    let group = graph.add(node, group, network.vpc.clone());
    let redirects = (wanted.http == Http::Redirect).then_some(HTTP);
    let mut let_in = Vec::new();
    let allow = if wanted.allow.is_empty() { &network.ranges } else { &wanted.allow };
    for port in wanted.ports().into_iter().chain(redirects) {
        let protocol = if port == HTTPS { "HTTPS" } else { "HTTP" };
        for range in allow {
            let rule = SecurityGroupRule { port, description: format!("{protocol} from {range}") };
            let source = Source::Range(range.to_string());
            let needs = (group.made(), ().map(move |()| source.clone()));
            let node = naming.balancer_rule(scheme, port, &range.to_string());
            let_in.push(graph.add(node, rule, needs));
        }
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
    Balancer { scheme, wanted, load_balancer, group, let_in }
}

/// What a listener is secured with.
fn tls(wanted: &spec::Tls) -> Option<listener::Tls> {
    let (certificate, others) = wanted.certificates.split_first()?;
    Some(listener::Tls {
        certificate: certificate.clone(),
        others: Some(others.iter().cloned().collect()),
        policy: wanted.policy.clone(),
    })
}

impl Balancer<'_> {
    /// Adds the listeners that lead to services. `unknown` is the target group of the service that gets
    /// what no rule matches.
    pub fn listeners(
        &self,
        graph: &mut Graph,
        naming: &Naming<'_>,
        unknown: Option<&Handle<target_group::Output>>,
    ) -> Vec<Serving> {
        let mut add = |port: u16| {
            let by_itself = match &self.wanted.unknown {
                Unknown::Answer { status, text } => {
                    Some(Does::Answer(Answer { status: *status, text: text.clone() }))
                }
                Unknown::Service(_) => None,
            };
            let tls = self.wanted.tls.as_ref().filter(|_| port == HTTPS).and_then(tls);
            let listener = Listener { port, tls, by_itself };
            // A load balancer takes listeners while it is still provisioning.
            let needs = (self.load_balancer.made(), unknown.map(Handle::made));
            (port, graph.add(naming.listener(self.scheme, port), listener, needs))
        };
        self.wanted.ports().into_iter().map(&mut add).collect()
    }

    /// Adds the listener that sends whoever asks to port 443, if there is to be one. A listener that has
    /// served so far goes on until that port leads to each service and may be reached.
    pub fn redirect(
        &self,
        graph: &mut Graph,
        naming: &Naming<'_>,
        serving: &[Serving],
        rules: Vec<Handle<listener_rule::Output>>,
    ) {
        if self.wanted.http != Http::Redirect {
            return;
        }
        let listener = Listener { port: HTTP, tls: None, by_itself: Some(Does::Redirect) };
        let needs = (self.load_balancer.made(), None::<Handle<target_group::Output>>);
        let serving: Vec<_> = serving.iter().map(|(_, listener)| listener.clone()).collect();
        let after = (serving, rules, self.let_in.clone());
        graph.add_after(naming.listener(self.scheme, HTTP), listener, needs, &after);
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
