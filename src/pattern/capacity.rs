//! What tasks run on: a cluster, and on EC2 a group of instances that ECS scales.

use super::network::Network;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::facts::{Facts, Outdated};
use crate::names::Names;
use crate::resource::auto_scaling_group::{AutoScalingGroup, Mix};
use crate::resource::capacity_provider;
use crate::resource::capacity_provider::CapacityProvider;
use crate::resource::capacity_provider_association::{self, CapacityProviderAssociation};
use crate::resource::cluster::{self, Cluster};
use crate::resource::instance_profile::InstanceProfile;
use crate::resource::instance_refresh::InstanceRefresh;
use crate::resource::launch_template::{self, LaunchTemplate};
use crate::resource::log_group::LogGroup;
use crate::resource::role::{self, Role};
use crate::resource::warm_start::WarmStart;
use crate::spec::{Ami, Instances, Spec};

/// Container Insights keeps its events only for a short time: they cost, and go with the cluster.
const INSIGHTS_RETENTION_DAYS: i32 = 1;

/// Instances that ECS places tasks on.
pub struct Pool {
    /// The capacity provider.
    pub provider: Handle<capacity_provider::Output>,
    /// Ready when the cluster knows the provider.
    pub association: Handle<capacity_provider_association::Output>,
}

/// Adds the cluster.
pub fn cluster(graph: &mut Graph, spec: &Spec, names: &Names) -> Handle<cluster::Output> {
    // Container Insights would make this group itself, without tags and for ever. `log-group/…`
    // belongs to services, and one of them may be called `insights`.
    let insights =
        LogGroup { name: names.insights_log_group(), retention_days: INSIGHTS_RETENTION_DAYS };
    let insights = graph.add("cluster/log-group", insights, ());
    let on_spot = spec.services.iter().any(|it| it.spot.is_some());
    graph.add_after("cluster", Cluster { on_spot }, (), &insights.made())
}

/// Adds a group of instances and its capacity provider.
pub fn instances(
    graph: &mut Graph,
    spec: &Spec,
    wanted: &Instances,
    network: &Network,
    cluster: &Handle<cluster::Output>,
    names: &Names,
    facts: &Facts,
) -> Pool {
    let role = Role {
        name: names.role("instance"),
        trust: role::instance_trust(&facts.caller.partition),
        policy: Some(role::instance_policy(&facts.caller.partition)),
        has_policies: false,
        boundary: spec.permissions_boundary.clone(),
    };
    let role = graph.add("role/instance", role, ());
    let profile = graph.add("instance-profile", InstanceProfile, role.made());
    let name = names.security_group("instance");
    let group = network.security_group(name, "Access to the EC2 hosts that run containers");
    let group = graph.add("security-group/instance", group, network.vpc.clone());

    let template = LaunchTemplate {
        instance_type: wanted.first_type().to_owned(),
        volume_gib: wanted.volume_gib,
        spot: wanted.spot.is_some(),
        image: facts.image.clone(),
        replace_image: !matches!(wanted.ami, Ami::Latest { refresh: false }),
        public_address: spec.network.is_outside(),
        tags: spec.tags.clone(),
    };
    let needs = (profile, group, cluster.made());
    let needs =
        needs.map(|(profile, group, cluster)| launch_template::Needs { profile, group, cluster });
    let template = graph.add("launch-template", template, needs);
    let subnets = network.with_way_out().to_vec();
    let group = AutoScalingGroup {
        min_size: wanted.min_size,
        max_size: wanted.max_size,
        mix: Mix::of(&wanted.instance_types, wanted.spot.map(|it| it.on_demand_base)),
    };
    // An agent that starts before its cluster is there exits for good, and a group with a minimum
    // size starts instances at once.
    // Agents wait for a NAT gateway or endpoints. Else the way out is a route that is there in seconds.
    let ways_out = if spec.network.is_outside() { network.ways_out.clone() } else { Vec::new() };
    let after = (cluster.clone(), ways_out, network.zones_hold());
    let group = graph.add_after("auto-scaling-group", group, (template, subnets), &after);
    let provider = graph.add("capacity-provider", CapacityProvider, group.clone());
    let association = graph.add(
        capacity_provider_association::NODE,
        CapacityProviderAssociation,
        (cluster.clone(), provider.clone()),
    );
    // The instances start when ECS has been told whose they are, not when it is done with it: the
    // association takes seconds and an instance a minute.
    let warm = WarmStart { instances: facts.first_instances };
    let on_group = group.clone().map(|group| (group, ()));
    graph.act("capacity/warm", warm, on_group, &association.made());
    // By itself, beside the services: a new revision may need the new instances, and the new instances a new
    // revision. The draining hook, which keeps the tasks that are there running, comes with the association.
    if let Some(Outdated { instances, differs }) = facts.outdated.clone() {
        let refresh = InstanceRefresh::new(instances, differs);
        graph.act("capacity/refresh", refresh, group.map(|group| (group, ())), &association);
    }
    Pool { provider, association }
}
