//! The way in: a load balancer, what may reach it, and the service's target group behind it.

use super::network::Network;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::resource::listener::{self, Listener};
use crate::resource::load_balancer::{self, LoadBalancer};
use crate::resource::security_group::{self, SecurityGroup};
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::target_group::{self, TargetGroup};
use crate::spec::{self, Scheme, Service};

/// The port that the load balancer listens on.
const LISTENER_PORT: u16 = 80;

/// What a service takes from the way in.
pub struct Ingress {
    /// The load balancer.
    pub load_balancer: Handle<load_balancer::Output>,
    /// The load balancer's security group.
    pub group: Handle<security_group::Output>,
    /// The service's targets.
    pub target_group: Handle<target_group::Output>,
    /// What makes the targets known to the load balancer.
    pub listener: Handle<listener::Output>,
}

/// Adds the load balancer, its security group and rules, the target group and the listener.
pub fn ingress(
    graph: &mut Graph,
    scheme: Scheme,
    wanted: &spec::Ingress,
    service: &Service,
    network: &Network,
) -> Ingress {
    let group = SecurityGroup {
        which: "load-balancer",
        description: format!("Access to the {scheme} load balancer"),
    };
    let group = graph.add("security-group/load-balancer", group, network.vpc.clone());
    for range in &wanted.allow {
        let rule =
            SecurityGroupRule { port: LISTENER_PORT, description: format!("HTTP from {range}") };
        let source = Source::Range(range.to_string());
        let needs = (group.made(), ().map(move |()| source.clone()));
        graph.add(format!("rule/load-balancer-{LISTENER_PORT}-from-{range}"), rule, needs);
    }

    let subnets = match scheme {
        Scheme::Internal => &network.private,
        Scheme::InternetFacing => &network.public,
    };
    let subnets: Vec<_> = subnets.iter().map(Handle::made).collect();
    let balancer = LoadBalancer { internal: scheme == Scheme::Internal };
    let needs = (subnets, group.made());
    let zones_hold = network.zones_hold();
    let load_balancer = match scheme {
        Scheme::Internal => graph.add_after("load-balancer", balancer, needs, &zones_hold),
        // AWS wants to see the way to the internet first.
        Scheme::InternetFacing => {
            let after = (network.internet_gateway.clone(), zones_hold);
            graph.add_after("load-balancer", balancer, needs, &after)
        }
    };
    let target_group = TargetGroup {
        service: service.name.clone(),
        port: service.port,
        health_path: service.health_path.clone(),
    };
    let name = format!("target-group/{}", service.name);
    let target_group = graph.add(name, target_group, network.vpc.clone());
    // A load balancer takes listeners while it is still provisioning.
    let listener = graph.add(
        format!("listener/{LISTENER_PORT}"),
        Listener { port: LISTENER_PORT },
        (load_balancer.made(), target_group.made()),
    );
    Ingress { load_balancer, group, target_group, listener }
}
