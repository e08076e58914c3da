//! A service: what its tasks run, who may reach them, its names, and the service itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::capacity::Pool;
use super::ingress::{Balancer, Serving, Zone};
use super::naming::{Named, Naming};
use super::network::Network;
use super::scaling;
use crate::engine::graph::{Graph, Handle, Needs as _};
use crate::facts::{self, Caller, Facts};
use crate::names::{Names, NodeName};
use crate::resource::cluster;
use crate::resource::listener_rule::{self, ListenerRule};
use crate::resource::log_group::LogGroup;
use crate::resource::role::{self, Role};
use crate::resource::role_policy::{self, RolePolicy};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::service::{self, Service, Tasks};
use crate::resource::signed;
use crate::resource::target_group::{self, TargetGroup};
use crate::resource::task_definition::{self, Compatibility, Container, TaskDefinition};
use crate::spec::{self, Nat, RunOn, Scheme, Spec, TaskRole};

/// How long the logs of services are kept, in days.
const RETENTION_DAYS: i32 = 30;

/// What services take from the other blocks.
pub struct Blocks<'a> {
    /// What was asked for.
    pub spec: &'a Spec,
    /// What is known.
    pub facts: &'a Facts,
    /// The names in AWS of what there is one of.
    pub names: &'a Names,
    /// The names of what there may be several of.
    pub naming: &'a Naming<'a>,
    /// The network.
    pub network: &'a Network,
    /// The cluster.
    pub cluster: &'a Handle<cluster::Output>,
    /// The instances, if there are any.
    pub pool: Option<&'a Pool>,
}

/// A load balancer with its listener and its zone, and a service's targets behind it.
pub struct WayIn<'a> {
    /// The load balancer.
    pub balancer: &'a Balancer<'a>,
    /// Its listeners that lead to services.
    pub listeners: &'a [Serving],
    /// Its zone, if it has one.
    pub zone: Option<&'a Zone>,
    /// The targets.
    pub target_group: &'a Handle<target_group::Output>,
}

/// Adds the target groups of a service, one for each load balancer that reaches it.
pub fn target_groups(
    graph: &mut Graph,
    wanted: &spec::Service,
    blocks: &Blocks<'_>,
) -> BTreeMap<Scheme, Handle<target_group::Output>> {
    let schemes = Scheme::ALL.into_iter().filter(|scheme| wanted.route(*scheme).is_some());
    let mut add = |scheme: Scheme| {
        let Named { node, name } = blocks.naming.target_group(wanted, scheme);
        let health = health_check(&wanted.health);
        let drain = wanted.deployments.drain;
        let target_group = TargetGroup { name, port: wanted.port, health, drain };
        (scheme, graph.add(node, target_group, blocks.network.vpc.clone()))
    };
    schemes.map(&mut add).collect()
}

fn health_check(wanted: &spec::HealthCheck) -> target_group::HealthCheck {
    let spec::HealthCheck { path, port, status, .. } = wanted;
    target_group::HealthCheck {
        path: path.clone(),
        port: port.map_or_else(|| target_group::TRAFFIC_PORT.to_owned(), |port| port.to_string()),
        status: status.clone(),
        interval: signed(wanted.interval),
        timeout: signed(wanted.timeout),
        healthy: signed(wanted.healthy),
        unhealthy: signed(wanted.unhealthy),
    }
}

/// How the container is started, checked and ended.
fn container(wanted: &spec::Service) -> Container {
    Container {
        entrypoint: wanted.entrypoint.clone(),
        command: wanted.command.clone(),
        stop_timeout: wanted.stop_timeout.map(signed),
        health: wanted.container_health.as_ref().map(|it| task_definition::HealthCheck {
            command: it.command.clone(),
            interval: signed(it.interval),
            timeout: signed(it.timeout),
            retries: signed(it.retries),
            start_period: signed(it.start_period),
        }),
    }
}

/// How much longer than usual the tasks of a service may take: until they are healthy, and until those
/// before them have gone, of which there may be two rounds.
fn takes_longer(wanted: &spec::Service) -> Duration {
    let spec::HealthCheck { interval, healthy, .. } = wanted.health;
    let start = wanted.container_health.as_ref().map_or(0, |it| it.start_period);
    let stop = wanted.stop_timeout.unwrap_or_default();
    let goes = wanted.deployments.drain.saturating_add(stop);
    let seconds = [wanted.grace, start, interval.saturating_mul(healthy), goes, goes];
    Duration::from_secs(seconds.into_iter().map(u64::from).sum())
}

/// The roles of a service.
struct Roles {
    /// With which ECS pulls images, writes logs and reads secrets.
    execution: Handle<role::Output>,
    /// That of its tasks, where it is one of the stack's own.
    tasks: Option<Handle<role::Output>>,
    /// What they may do besides.
    policies: Vec<Handle<role_policy::Output>>,
}

/// Adds the roles of a service and their policies.
fn roles(graph: &mut Graph, wanted: &spec::Service, blocks: &Blocks<'_>) -> Roles {
    let Blocks { spec, facts, naming, .. } = blocks;
    let Caller { partition, account, .. } = &facts.caller;
    let trust = role::tasks_trust(partition, &facts.region, account);
    let boundary = spec.permissions_boundary.clone();
    let mut policies = Vec::new();
    let mut allow =
        |graph: &mut Graph, role: (&NodeName, &Handle<role::Output>), it: RolePolicy| {
            policies.push(graph.add(it.node(role.0), it, role.1.clone()));
        };

    let secrets = facts.secrets.get(&wanted.name).into_iter().flatten();
    let secrets = facts::secrets_policy(secrets.map(|(_, secret)| secret));
    let Named { node, name } = naming.execution_role(&wanted.name);
    let execution = Role {
        name,
        trust: trust.clone(),
        policy: Some(role::execution_policy(partition)),
        has_policies: secrets.is_some(),
        boundary: boundary.clone(),
    };
    let execution = graph.add(node.clone(), execution, ());
    if let Some(document) = secrets {
        allow(graph, (&node, &execution), RolePolicy::inline("secrets", document));
    }

    let TaskRole::Own { policies: managed, permissions } = &wanted.task_role else {
        return Roles { execution, tasks: None, policies };
    };
    let Named { node, name } = naming.task_role(&wanted.name);
    let tasks = Role { name, trust, policy: None, has_policies: true, boundary };
    let tasks = graph.add(node.clone(), tasks, ());
    for arn in managed {
        allow(graph, (&node, &tasks), RolePolicy::managed(arn.clone()));
    }
    if !permissions.is_empty() {
        let document = spec::permissions_document(permissions);
        allow(graph, (&node, &tasks), RolePolicy::inline("permissions", document));
    }
    Roles { execution, tasks: Some(tasks), policies }
}

/// Adds the service. Returns its rules, by the load balancer that they are on.
pub fn service(
    graph: &mut Graph,
    wanted: &spec::Service,
    ways_in: &[WayIn<'_>],
    blocks: &Blocks<'_>,
) -> Vec<(Scheme, Handle<listener_rule::Output>)> {
    let Blocks { spec, facts, names, naming, network, cluster, pool } = blocks;
    let pool = pool.filter(|_| wanted.run_on == RunOn::Instances);
    let Roles { execution: role, tasks: task_role, policies } = roles(graph, wanted, blocks);
    let secrets = facts.secrets.get(&wanted.name).into_iter().flatten();
    let logs = LogGroup { name: names.log_group(&wanted.name), retention_days: RETENTION_DAYS };
    let logs = graph.add(format!("log-group/{}", wanted.name), logs, ());
    let environment = wanted.env.iter();
    let task_definition = TaskDefinition {
        service: wanted.name.clone(),
        image: wanted.image.to_string(),
        cpu: wanted.cpu,
        memory: wanted.memory,
        port: (!ways_in.is_empty()).then_some(wanted.port),
        environment: environment.map(|(key, it)| (key.clone(), it.as_str().to_owned())).collect(),
        container: container(wanted),
        secrets: secrets.map(|(key, it)| (key.clone(), it.value_from.clone())).collect(),
        task_role: match &wanted.task_role {
            TaskRole::Existing(arn) => Some(arn.clone()),
            TaskRole::None | TaskRole::Own { .. } => None,
        },
        compatibility: match wanted.run_on {
            RunOn::Instances => Compatibility::Ec2,
            RunOn::Fargate => Compatibility::Fargate,
        },
        region: facts.region.clone(),
    };
    let node = format!("task-definition/{}", wanted.name);
    let needs = (role, logs.made(), task_role)
        .map(|(role, log_group, task_role)| task_definition::Needs { role, log_group, task_role });
    let task_definition = graph.add(node, task_definition, needs);

    let Named { node, name } = naming.service_group(&wanted.name);
    let group = SecurityGroup { name, description: "Security group for service".into() };
    let group = graph.add(node, group, network.vpc.clone());
    let (mut let_in, mut rules) = (Vec::new(), Vec::new());
    for WayIn { balancer, listeners, zone, target_group } in ways_in {
        let scheme = balancer.scheme;
        // One node per port: after a change of port the old rule stays until the new tasks serve.
        for port in BTreeSet::from([wanted.port, wanted.health.port.unwrap_or(wanted.port)]) {
            let description = format!("Ingress from the {scheme} load balancer");
            let rule = SecurityGroupRule { port, description };
            let from = balancer.group.made().map(|group| Source::Group(group.id));
            let node = naming.service_rule(&wanted.name, port, scheme);
            let_in.push(graph.add(node, rule, (group.made(), from)).made());
        }

        let Some(route) = wanted.route(scheme) else { continue };
        for (port, listener) in listeners.iter().filter(|_| route.has_rule()) {
            let rule = ListenerRule { hosts: route.hosts.clone(), paths: route.paths.clone() };
            let node = Naming::listener_rule(scheme, *port, &wanted.name);
            let rule = graph.add(node, rule, (listener.clone(), target_group.made()));
            rules.push((scheme, rule));
        }
        for host in &route.names {
            let Some(zone) = zone else { continue };
            balancer.record(graph, zone, host);
        }
    }

    let on_fargate = wanted.run_on == RunOn::Fargate;
    let service = Service {
        name: wanted.name.clone(),
        tasks: match wanted.scaling {
            Some(_) => Tasks::ByLoad(wanted.count),
            None => Tasks::Fixed(wanted.count),
        },
        port: wanted.port,
        on_fargate,
        public_address: on_fargate && spec.network.nat == Nat::None,
        grace: wanted.grace,
        percents: [wanted.deployments.min_percent, wanted.deployments.max_percent],
        circuit_breaker: [wanted.deployments.circuit_breaker, wanted.deployments.rollback],
        drain: wanted.deployments.drain,
        takes_longer: takes_longer(wanted),
        superseded: facts.superseded.get(wanted.name.as_str()).cloned(),
        says_what_runs: spec.services.len() > service::MANY,
    };
    let subnets =
        if on_fargate { network.with_way_out(spec.network.nat) } else { &network.private };
    let place = (subnets.to_vec(), group.made());
    let provider = pool.map(|pool| pool.provider.clone());
    // Its tags say what delay they have, which has to be true by then.
    let target_groups: Vec<_> = ways_in.iter().map(|it| it.target_group.clone()).collect();
    let needs = ((*cluster).clone(), task_definition, target_groups, place, provider);
    let needs = needs.map(|(cluster, task_definition, target_groups, place, provider)| {
        let (subnets, group) = place;
        service::Needs { cluster, task_definition, target_groups, subnets, group, provider }
    });
    let name = format!("service/{}", wanted.name);
    // CreateService refuses a target group to which no listener leads, and a provider that the cluster
    // does not know. Tasks on instances start when instances have found their way out; on Fargate
    // nothing else holds them back, and an image pulled too early is a failed task.
    let association = pool.map(|pool| pool.association.clone());
    let listeners = ways_in.iter().flat_map(|it| it.listeners);
    let listeners: Vec<_> = listeners.map(|(_, listener)| listener.clone()).collect();
    let its_rules: Vec<_> = rules.iter().map(|(_, rule)| rule.clone()).collect();
    // What tasks take is allowed before they start.
    let order = (listeners, let_in, (its_rules, policies), association);
    let service = if on_fargate {
        let ways_out = (network.ways_out.clone(), network.nat_gateways.clone());
        graph.add_after(name, service, needs, &(order, ways_out))
    } else {
        let ways_out: Vec<_> = network.ways_out.iter().map(Handle::made).collect();
        graph.add_after(name, service, needs, &(order, ways_out))
    };
    scaling::scaling(graph, wanted, &service, ways_in);
    rules
}
