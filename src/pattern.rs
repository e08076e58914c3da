//! Patterns: functions from a spec and facts to a graph.
//!
//! The three patterns differ in two choices, what the tasks run on and who can reach the load
//! balancer. [`network`], [`capacity`], [`ingress`] and [`service`] are the building blocks.
//!
//! ```text
//! vpc ─┬─ internet-gateway ── nat/N ── route-table/private-N ────────────────┐
//!      ├─ subnet/… ───────────────────────┐                                  │
//!      └─ security-group/… ── rule/… ───┐ │                                  │
//! role/instance ── instance-profile ── launch-template ── auto-scaling-group │
//! cluster ─┬─────────────────────────────── capacity-provider ┘              │
//!          └─ capacity-provider-association ── capacity/warm                 │
//! target-group/… ─┬─ listener/80 ──────────── service/… ◄────────────────────┘
//! load-balancer ──┴─ record/… ── hosted-zone     └── task-definition/… ── role/execution, log-group/…
//! ```

use crate::engine::graph::{Graph, Handle};
use crate::facts::Facts;
use crate::names::Names;
use crate::resource::load_balancer;
use crate::spec::{RunOn, Scheme, Spec};

pub mod capacity;
pub mod ingress;
pub mod network;
pub mod service;
#[cfg(test)]
mod tests;

/// A stack as it should be.
pub struct Stack {
    /// Its graph.
    pub graph: Graph,
    /// Its load balancers, whose names are what a user needs next.
    pub load_balancers: Vec<(Scheme, Handle<load_balancer::Output>)>,
}

/// Draws the graph of a spec: `internal-worker` and `public-api` on instances of our own,
/// `fargate-api` on Fargate.
pub fn stack(spec: &Spec, names: &Names, facts: &Facts) -> Stack {
    let mut graph = Graph::default();
    let network = network::network(&mut graph, spec, facts);
    let cluster = capacity::cluster(&mut graph, names);
    let pool = spec
        .instances
        .as_ref()
        .map(|wanted| capacity::instances(&mut graph, spec, wanted, &network, &cluster, facts));
    let mut load_balancers = Vec::new();
    for service in &spec.services {
        for (scheme, wanted) in spec.ingresses() {
            let ingress = ingress::ingress(&mut graph, scheme, wanted, service, &network);
            let blocks = service::Blocks {
                network: &network,
                cluster: &cluster,
                pool: pool.as_ref().filter(|_| service.run_on == RunOn::Instances),
                ingress: &ingress,
            };
            service::service(&mut graph, spec, (scheme, service), names, &blocks, facts);
            load_balancers.push((scheme, ingress.load_balancer));
        }
    }
    Stack { graph, load_balancers }
}
