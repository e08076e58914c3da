//! The service: what its tasks run, who may reach them, its name in the VPC, and the service itself.

use super::capacity::Pool;
use super::ingress::Ingress;
use super::network::Network;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::facts::Facts;
use crate::names::Names;
use crate::resource::cluster;
use crate::resource::hosted_zone::{self, HostedZone};
use crate::resource::log_group::LogGroup;
use crate::resource::record::{self, Record};
use crate::resource::role::{self, Role};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::service::{self, Service};
use crate::resource::task_definition::{Compatibility, TaskDefinition};
use crate::spec::{self, Nat, Scheme, Spec};

/// How long the service's logs are kept, in days.
const RETENTION_DAYS: i32 = 30;

/// What a service takes from the other blocks.
pub struct Blocks<'a> {
    /// The network.
    pub network: &'a Network,
    /// The cluster.
    pub cluster: &'a Handle<cluster::Output>,
    /// The instances to run on; without them it is Fargate.
    pub pool: Option<&'a Pool>,
    /// The way in.
    pub ingress: &'a Ingress,
}

/// Adds the service, on instances when there is a pool of them, else on Fargate.
pub fn service(
    graph: &mut Graph,
    spec: &Spec,
    (scheme, wanted): (Scheme, &spec::Service),
    names: &Names,
    blocks: &Blocks<'_>,
    facts: &Facts,
) {
    let Blocks { network, cluster, pool, ingress } = blocks;
    let role = Role {
        which: "execution",
        trust: role::execution_trust(&facts.caller.partition, &facts.region, &facts.caller.account),
        policy: role::execution_policy(&facts.caller.partition),
        boundary: spec.permissions_boundary.clone(),
    };
    let role = graph.add("role/execution", role, ());
    let logs = LogGroup { name: names.log_group(&wanted.name), retention_days: RETENTION_DAYS };
    let logs = graph.add(format!("log-group/{}", wanted.name), logs, ());
    let task_definition = TaskDefinition {
        service: wanted.name.clone(),
        image: wanted.image.to_string(),
        cpu: wanted.cpu,
        memory: wanted.memory,
        port: wanted.port,
        environment: wanted
            .env
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().to_owned()))
            .collect(),
        compatibility: if pool.is_some() { Compatibility::Ec2 } else { Compatibility::Fargate },
        region: facts.region.clone(),
    };
    let task_definition =
        graph.add(format!("task-definition/{}", wanted.name), task_definition, (role, logs.made()));

    let group =
        SecurityGroup { which: "service", description: "Security group for service".into() };
    let group = graph.add("security-group/service", group, network.vpc.clone());
    // One node per port: after a change of port the old rule stays until the new tasks serve.
    let rule = SecurityGroupRule {
        port: wanted.port,
        description: format!("Ingress from the {} load balancer", scheme),
    };
    let from = ingress.group.made().map(|group| Source::Group(group.id));
    let rule = graph.add(format!("rule/service-{}", wanted.port), rule, (group.made(), from));

    if let Some(zone) = spec.ingress(scheme).and_then(|ingress| ingress.zone.clone()) {
        let zone = graph.add(hosted_zone::NODE, HostedZone { name: zone }, network.vpc.clone());
        for host in wanted.route(scheme).iter().flat_map(|route| &route.names) {
            // The load balancer's own name is known from the start.
            let needs = (zone.clone(), ingress.load_balancer.made());
            graph.add(record::node(host), Record { host: host.clone() }, needs);
        }
    }

    let on_fargate = pool.is_none();
    let service = Service {
        name: wanted.name.clone(),
        count: wanted.count,
        port: wanted.port,
        public_address: on_fargate && spec.network.nat == Nat::None,
        superseded: facts.superseded.clone(),
    };
    let subnets =
        if on_fargate { network.with_way_out(spec.network.nat) } else { &network.private };
    let place = (subnets.to_vec(), group.made());
    let provider = pool.map(|pool| pool.provider.clone());
    let needs = ((*cluster).clone(), task_definition, ingress.target_group.made(), place, provider);
    let needs = needs.map(|(cluster, task_definition, target_group, place, provider)| {
        let (subnets, group) = place;
        service::Needs { cluster, task_definition, target_group, subnets, group, provider }
    });
    let name = format!("service/{}", wanted.name);
    // CreateService refuses a target group without a listener and a provider that the cluster does
    // not know. Tasks on instances start when instances have found their way out; on Fargate
    // nothing else holds them back, and an image pulled too early is a failed task.
    let association = pool.map(|pool| pool.association.clone());
    let order = (ingress.listener.clone(), rule.made(), association);
    if on_fargate {
        let ways_out = (network.ways_out.clone(), network.nat_gateways.clone());
        graph.add_after(name, service, needs, &(order, ways_out));
    } else {
        let ways_out: Vec<_> = network.ways_out.iter().map(Handle::made).collect();
        graph.add_after(name, service, needs, &(order, ways_out));
    }
}
