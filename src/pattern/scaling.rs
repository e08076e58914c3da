//! What moves the number of tasks of a service by its load: a target, and a policy for each metric.

use std::time::Duration;

use super::service::WayIn;
use crate::engine::graph::{Graph, Handle};
use crate::names::{self, NodeName};
use crate::resource::scalable_target::{self, Bounds, ScalableTarget};
use crate::resource::scaling_policy::{self, Metric, ScalingPolicy};
use crate::resource::service;
use crate::resource::signed;
use crate::spec::{self, Scaling, Scheme};

/// A policy, apart from what it needs.
struct Policy {
    /// What tells it from the others of its service.
    which: String,
    metric: Metric,
    value: u32,
    /// The load balancer whose requests it counts.
    of: Option<Scheme>,
}

/// The policies of a service: each load balancer has requests of its own.
fn policies(wanted: &spec::Service, scaling: &Scaling) -> Vec<Policy> {
    let one = |which: &str, metric, value: Option<u32>| {
        value.map(|value| Policy { which: which.to_owned(), metric, value, of: None })
    };
    let requests = Scheme::ALL.into_iter().filter(|scheme| wanted.route(*scheme).is_some());
    let requests = requests.filter_map(|scheme| {
        let which = format!("requests-{}", scheme.word());
        let value = scaling.requests?;
        Some(Policy { which, metric: Metric::Requests, value, of: Some(scheme) })
    });
    let by_use = [
        one("cpu", Metric::Cpu, scaling.cpu_percent),
        one("memory", Metric::Memory, scaling.memory_percent),
    ];
    by_use.into_iter().flatten().chain(requests).collect()
}

/// The nodes that scale a service.
pub fn nodes(wanted: &spec::Service) -> Vec<NodeName> {
    let Some(scaling) = &wanted.scaling else { return Vec::new() };
    let policies = policies(wanted, scaling);
    let policies = policies.iter().map(|it| scaling_policy::node(wanted.name.as_str(), &it.which));
    [scalable_target::node(wanted.name.as_str())].into_iter().chain(policies).collect()
}

/// Adds what scales a service, if it is to scale.
pub fn scaling(
    graph: &mut Graph,
    wanted: &spec::Service,
    service: &Handle<service::Output>,
    ways_in: &[WayIn<'_>],
) {
    let Some(scaling) = &wanted.scaling else { return };
    let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
    let bounds = Bounds { min: signed(scaling.min), max: signed(scaling.max) };
    let resource = ScalableTarget { service: wanted.name.clone(), bounds };
    // It takes a service whose tasks have not started yet.
    let scalable = graph.add(scalable_target::node(wanted.name.as_str()), resource, service.made());
    for Policy { which, metric, value, of } in policies(wanted, scaling) {
        let node = scaling_policy::node(wanted.name.as_str(), &which);
        let policy = ScalingPolicy {
            name: format!("{}{which}", names::SCALING_POLICY),
            metric,
            value,
            cooldown_in: seconds(scaling.cooldown_in),
            cooldown_out: seconds(scaling.cooldown_out),
        };
        let front = of.and_then(|of| ways_in.iter().find(|it| it.balancer.scheme == of));
        let front = front.map(|it| (it.balancer.load_balancer.made(), it.target_group.made()));
        // The target group has to be one of the service's by then.
        let behind = front.as_ref().map(|_| service.clone());
        graph.add_after(node, policy, (scalable.clone(), front), &behind);
    }
}
