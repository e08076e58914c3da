//! Patterns: functions from a spec and facts to a graph.
//!
//! The three patterns differ in two choices, what the tasks run on and who can reach the load
//! balancer; they are presets of these choices for each service. [`network`], [`capacity`], [`ingress`]
//! and [`service`] are the building blocks, [`naming`] says what is called what.
//!
//! ```text
//! vpc ─┬─ internet-gateway ── nat/N ── route-table/private-N ────────────────┐
//!      ├─ subnet/… ───────────────────────┐                                  │
//!      └─ security-group/… ── rule/… ───┐ │  (endpoint/… after both)         │
//! role/instance ── instance-profile ── launch-template ── auto-scaling-group │
//! cluster ─┬─────────────────────────────── capacity-provider ┘              │
//!          └─ capacity-provider-association ── capacity/warm                 │
//! target-group/… ─┬─ listener/… ── listener-rule/… ── service/… ◄───────────┘
//! load-balancer ──┴─ record/… ── hosted-zone     └── task-definition/… ── role/execution, log-group/…
//!
//! service/… ── scalable-target/… ── scaling-policy/…
//!     └── discovery/… ── namespace ── vpc, cluster
//! ```

use std::collections::BTreeSet;

use crate::engine::graph::{Graph, Handle};
use crate::facts::Facts;
use crate::names::{Names, NodeName};
use crate::resource::{Kind, load_balancer, record};
use crate::spec::{self, Scheme, Spec, Unknown};

pub mod capacity;
pub mod discovery;
pub mod ingress;
pub mod naming;
pub mod network;
pub mod scaling;
pub mod service;
#[cfg(test)]
mod tests;

use naming::Naming;
use service::{Blocks, WayIn};

/// A stack as it should be.
pub struct Stack {
    /// Its graph.
    pub graph: Graph,
    /// Its load balancers, whose names are what a user needs next.
    pub load_balancers: Vec<(Scheme, Handle<load_balancer::Output>)>,
}

impl Stack {
    /// Leaves everything as it is but a service and what it needs.
    pub fn keep_only(&mut self, service: &spec::Service) {
        let routes = Scheme::ALL.into_iter().filter_map(|scheme| service.route(scheme));
        let mut asked: BTreeSet<_> =
            routes.flat_map(|route| &route.names).map(|host| record::node(host)).collect();
        asked.insert(NodeName::from(format!("service/{}", service.name)));
        asked.extend(scaling::nodes(service));
        let is_of_a_service = |kind| matches!(kind, Kind::Service | Kind::Record);
        self.graph.keep_only(&asked, is_of_a_service);
    }
}

/// Whether a node belongs to the revision of a service as its task definition does: what checks its tasks, and
/// what leads to them.
pub fn goes_with(node: &NodeName, service: &spec::Service) -> bool {
    let mut parts = node.as_str().split('/');
    match parts.next() {
        Some("target-group") => parts.next() == Some(service.name.as_str()),
        Some("listener-rule") => parts.next_back() == Some(service.name.as_str()),
        _ => false,
    }
}

/// Draws the graph of a spec: the network, the cluster, the instances if some service runs on them, the
/// load balancers that services use, and each service.
pub fn stack(spec: &Spec, names: &Names, facts: &Facts) -> Stack {
    let mut graph = Graph::default();
    let naming = Naming::new(spec, names, &facts.there);
    let network = network::network(&mut graph, spec, facts, names);
    let cluster = capacity::cluster(&mut graph, spec, names);
    let pool = spec.instances.as_ref().map(|wanted| {
        capacity::instances(&mut graph, spec, wanted, &network, &cluster, names, facts)
    });
    let balancers: Vec<_> = spec
        .ingresses()
        .map(|wanted| ingress::load_balancer(&mut graph, wanted, &network, &naming))
        .collect();
    let blocks = Blocks {
        spec,
        facts,
        names,
        naming: &naming,
        network: &network,
        cluster: &cluster,
        pool: pool.as_ref(),
    };
    let targets: Vec<_> = spec
        .services
        .iter()
        .map(|wanted| service::target_groups(&mut graph, wanted, &blocks))
        .collect();
    let listeners: Vec<_> = balancers
        .iter()
        .map(|balancer| {
            let unknown = spec.services.iter().zip(&targets).find_map(|(service, targets)| {
                let is_it = balancer.wanted.unknown == Unknown::Service(service.name.clone());
                targets.get(&balancer.scheme).filter(|_| is_it)
            });
            balancer.listeners(&mut graph, &naming, unknown)
        })
        .collect();
    let zones: Vec<_> =
        balancers.iter().map(|it| it.zone(&mut graph, &network, &naming, facts)).collect();
    let mut drafts = Vec::new();
    for (wanted, targets) in spec.services.iter().zip(&targets) {
        let ways_in = balancers.iter().zip(&listeners).zip(&zones);
        let ways_in = ways_in.filter_map(|((balancer, listeners), zone)| {
            let target_group = targets.get(&balancer.scheme)?;
            Some(WayIn { balancer, listeners, zone: zone.as_ref(), target_group })
        });
        let ways_in: Vec<_> = ways_in.collect();
        let tasks = service::tasks(&mut graph, wanted, &blocks);
        drafts.push((wanted, ways_in, tasks));
    }
    let groups = drafts.iter().map(|(wanted, _, tasks)| (&wanted.name, &tasks.group)).collect();
    let names = discovery::discovery(&mut graph, &groups, &blocks);
    // One after another, and all of them before any service.
    let mut releases = Vec::new();
    for (wanted, _, tasks) in &drafts {
        releases.extend(service::release(&mut graph, wanted, tasks, &releases, &blocks));
    }
    let mut rules = Vec::new();
    for (wanted, ways_in, tasks) in drafts {
        let order = (&names, releases.as_slice());
        let its = service::service(&mut graph, wanted, tasks, &ways_in, order, &blocks);
        rules.extend(its);
    }
    for (balancer, serving) in balancers.iter().zip(&listeners) {
        let its = rules.iter().filter(|(scheme, _)| *scheme == balancer.scheme);
        let its = its.map(|(_, rule)| rule.clone()).collect();
        balancer.redirect(&mut graph, &naming, serving, its);
    }
    let load_balancers = balancers.into_iter().map(|it| (it.scheme, it.load_balancer)).collect();
    Stack { graph, load_balancers }
}
