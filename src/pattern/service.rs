//! A service: what its tasks run, who may reach them, its names, and the service itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::capacity::Pool;
use super::discovery::Discovered;
use super::ingress::{Balancer, Serving, Zone};
use super::naming::{Named, Naming};
use super::network::Network;
use super::scaling;
use crate::engine::graph::{Graph, Handle, MadeHandle, Needs};
use crate::facts::{self, Caller, Facts};
use crate::names::{Names, NodeName, ServiceName};
use crate::resource::listener_rule::{self, ListenerRule};
use crate::resource::log_group::{self, LogGroup};
use crate::resource::release::{self, Release};
use crate::resource::role::{self, Role};
use crate::resource::role_policy::{self, EXEC, RolePolicy};
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::service::{self, Service, Tasks};
use crate::resource::target_group::{self, TargetGroup};
use crate::resource::task_definition::{self, Compatibility, Container, TaskDefinition, Variable};
use crate::resource::{cluster, security_group, signed, subnet};
use crate::spec::{self, Arch, RunOn, Scheme, Spec, TaskRole, Until};

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
        let (_, port) = wanted.target();
        let target_group = TargetGroup { name, port, health, drain };
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

/// The service's own container.
fn own_container(wanted: &spec::Service, is_reached: bool, facts: &Facts) -> Container {
    let (cpu, memory) = wanted.own_size();
    Container {
        image: wanted.image.to_string(),
        cpu: signed(cpu),
        memory: Some(signed(memory)),
        essential: true,
        port: is_reached.then_some(wanted.port.into()),
        environment: variables(&wanted.env),
        secrets: secrets(wanted, &wanted.name, facts),
        entrypoint: wanted.entrypoint.clone(),
        command: wanted.command.clone(),
        stop_timeout: wanted.stop_timeout.map(signed),
        health: wanted.container_health.as_ref().map(container_health),
        depends_on: starts_after(&wanted.depends_on),
    }
}

fn sidecar(wanted: &spec::Service, it: &spec::Sidecar, facts: &Facts) -> Container {
    Container {
        image: it.image.to_string(),
        cpu: signed(it.cpu),
        memory: it.memory.map(signed),
        essential: it.essential,
        port: it.port.map(i32::from),
        environment: variables(&it.env),
        secrets: secrets(wanted, &it.name, facts),
        entrypoint: it.entrypoint.clone(),
        command: it.command.clone(),
        stop_timeout: None,
        health: it.container_health.as_ref().map(container_health),
        depends_on: starts_after(&it.depends_on),
    }
}

fn variables(env: &BTreeMap<String, spec::EnvValue>) -> BTreeMap<String, Variable> {
    env.iter().map(|(key, value)| (key.clone(), Variable::from(value.as_str()))).collect()
}

/// What the secrets of a container are read from.
fn secrets(
    wanted: &spec::Service,
    container: &ServiceName,
    facts: &Facts,
) -> BTreeMap<String, String> {
    let secrets = facts.secrets.get(&wanted.name).and_then(|it| it.get(container));
    secrets.into_iter().flatten().map(|(key, it)| (key.clone(), it.value_from.clone())).collect()
}

fn container_health(wanted: &spec::ContainerHealth) -> task_definition::HealthCheck {
    task_definition::HealthCheck {
        command: wanted.command.clone(),
        interval: signed(wanted.interval),
        timeout: signed(wanted.timeout),
        retries: signed(wanted.retries),
        start_period: signed(wanted.start_period),
    }
}

/// In ECS's words.
fn starts_after(wanted: &BTreeMap<ServiceName, Until>) -> BTreeMap<String, String> {
    let condition = |until: Until| match until {
        Until::Started => "START",
        Until::Healthy => "HEALTHY",
        Until::Success => "SUCCESS",
    };
    wanted.iter().map(|(name, until)| (name.to_string(), condition(*until).to_owned())).collect()
}

/// How much longer than usual the tasks of a service may take: until they are healthy, and until those
/// before them have gone, of which there may be two rounds.
fn takes_longer(wanted: &spec::Service) -> Duration {
    let spec::HealthCheck { interval, healthy, .. } = wanted.health;
    let checks = wanted.sidecars.iter().map(|it| &it.container_health);
    let checks = checks.chain([&wanted.container_health]).flatten();
    let start = checks.map(|it| it.start_period).max().unwrap_or_default();
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

    let secrets = facts.secrets.get(&wanted.name).into_iter().flat_map(BTreeMap::values);
    let secrets = facts::secrets_policy(secrets.flat_map(BTreeMap::values));
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
    if wanted.exec {
        let document = spec::exec::policy();
        allow(graph, (&node, &tasks), RolePolicy::inline(EXEC, document));
    }
    Roles { execution, tasks: Some(tasks), policies }
}

/// What the tasks of a service are, before there are any.
pub struct TaskSetup {
    /// The security group that they have.
    pub group: Handle<security_group::Output>,
    task_definition: Handle<task_definition::Output>,
    log_group: Handle<log_group::Output>,
    /// What they may do has to be allowed before they start.
    policies: Vec<Handle<role_policy::Output>>,
}

/// Adds what the tasks of a service are.
pub fn tasks(graph: &mut Graph, wanted: &spec::Service, blocks: &Blocks<'_>) -> TaskSetup {
    let Blocks { spec, facts, names, naming, network, .. } = blocks;
    let Roles { execution: role, tasks: task_role, policies } = roles(graph, wanted, blocks);
    let retention_days = signed(spec.retention_days);
    let logs = LogGroup { name: names.log_group(&wanted.name), retention_days };
    let logs = graph.add(format!("log-group/{}", wanted.name), logs, ());
    // Nobody reaches it where all lead to a sidecar, or nobody has a way to it.
    let is_reached = wanted.is_reached() && wanted.target.is_none();
    let sidecars = wanted.sidecars.iter();
    let task_definition = TaskDefinition {
        service: wanted.name.clone(),
        cpu: wanted.cpu,
        memory: wanted.memory,
        own: own_container(wanted, is_reached, facts),
        sidecars: sidecars.map(|it| (it.name.to_string(), sidecar(wanted, it, facts))).collect(),
        task_role: match &wanted.task_role {
            TaskRole::Existing(arn) => Some(arn.clone()),
            TaskRole::None | TaskRole::Own { .. } => None,
        },
        compatibility: match wanted.run_on {
            RunOn::Instances => Compatibility::Ec2,
            RunOn::Fargate if wanted.arch == Arch::Arm64 => Compatibility::FargateOnArm,
            RunOn::Fargate => Compatibility::Fargate,
        },
        region: facts.region.clone(),
    };
    let node = format!("task-definition/{}", wanted.name);
    let needs = (role, logs.made(), task_role)
        .map(|(role, log_group, task_role)| task_definition::Needs { role, log_group, task_role });
    let task_definition = graph.add(node, task_definition, needs);

    let Named { node, name } = naming.service_group(&wanted.name);
    let group = network.security_group(name, "Security group for service");
    let group = graph.add(node, group, network.vpc.clone());
    TaskSetup { task_definition, log_group: logs, group, policies }
}

/// The subnets of a service's tasks.
fn subnets(wanted: &spec::Service, blocks: &Blocks<'_>) -> Vec<Handle<subnet::Output>> {
    match wanted.run_on {
        RunOn::Fargate => blocks.network.with_way_out().to_vec(),
        RunOn::Instances => blocks.network.private.clone(),
    }
}

/// Whether they get public addresses.
fn has_public_address(wanted: &spec::Service, spec: &Spec) -> bool {
    wanted.run_on == RunOn::Fargate && spec.network.is_outside()
}

/// What the tasks of a service wait for to reach AWS and registries: on instances, which have found their own
/// way out before a task starts, only the routes. On Fargate nothing else holds tasks back, and an image
/// pulled too early is a failed task.
fn way_out(wanted: &spec::Service, blocks: &Blocks<'_>) -> impl Needs + use<> {
    let routes = &blocks.network.ways_out;
    let ways = match wanted.run_on {
        RunOn::Fargate => (Vec::new(), routes.clone(), blocks.network.nat_gateways.clone()),
        RunOn::Instances => (routes.iter().map(Handle::made).collect(), Vec::new(), Vec::new()),
    };
    // What is reached by endpoints alone has to be reached by then.
    (ways, blocks.network.endpoints.clone())
}

/// Adds the release command of a service, if it has one. It waits for those before it.
pub fn release(
    graph: &mut Graph,
    wanted: &spec::Service,
    tasks: &TaskSetup,
    before: &[MadeHandle<()>],
    blocks: &Blocks<'_>,
) -> Option<MadeHandle<()>> {
    let Blocks { spec, facts, cluster, pool, .. } = blocks;
    let pool = pool.filter(|_| wanted.run_on == RunOn::Instances);
    let release = wanted.release.as_ref()?;
    let action = Release {
        service: wanted.name.clone(),
        command: release.command.clone(),
        timeout: Duration::from_secs(release.timeout.into()),
        runs: facts.revisions.get(wanted.name.as_str()).cloned(),
        public_address: has_public_address(wanted, spec),
        more_groups: wanted.security_groups.clone(),
        begun: RefCell::default(),
    };
    let place = (subnets(wanted, blocks), tasks.group.made());
    let provider = pool.map(|pool| pool.provider.clone());
    let needs = ((*cluster).clone(), place, provider, tasks.log_group.made());
    let needs = needs.map(|(cluster, (subnets, group), provider, log_group)| release::Needs {
        cluster,
        subnets,
        group,
        provider,
        log_group,
    });
    let association = pool.map(|pool| pool.association.clone());
    let order = (before.to_vec(), tasks.policies.clone(), association, way_out(wanted, blocks));
    let name = format!("release/{}", wanted.name);
    Some(graph.act(name, action, (tasks.task_definition.clone(), needs), &order).made())
}

/// Adds the service, after all release commands. Returns its rules, by the load balancer that they are on.
pub fn service(
    graph: &mut Graph,
    wanted: &spec::Service,
    tasks: TaskSetup,
    ways_in: &[WayIn<'_>],
    (names, releases): (&Discovered, &[MadeHandle<()>]),
    blocks: &Blocks<'_>,
) -> Vec<(Scheme, Handle<listener_rule::Output>)> {
    let Blocks { spec, facts, naming, cluster, pool, .. } = blocks;
    let pool = pool.filter(|_| wanted.run_on == RunOn::Instances);
    let TaskSetup { task_definition, group, policies, .. } = tasks;
    let (mut let_in, mut rules) = (Vec::new(), Vec::new());
    for WayIn { balancer, listeners, zone, target_group } in ways_in {
        let scheme = balancer.scheme;
        // One node per port: after a change of port the old rule stays until the new tasks serve.
        let (_, port) = wanted.target();
        for port in BTreeSet::from([port, wanted.health.port.unwrap_or(port)]) {
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

    let (target, port) = wanted.target();
    let service = Service {
        name: wanted.name.clone(),
        tasks: match wanted.scaling {
            Some(_) => Tasks::ByLoad(wanted.count),
            None => Tasks::Fixed(wanted.count),
        },
        target: (target.to_string(), port),
        more_groups: wanted.security_groups.clone(),
        on_fargate: wanted.run_on == RunOn::Fargate,
        spot: wanted.spot.map(|it| it.on_demand_base),
        public_address: has_public_address(wanted, spec),
        grace: wanted.grace,
        percents: [wanted.deployments.min_percent, wanted.deployments.max_percent],
        circuit_breaker: [wanted.deployments.circuit_breaker, wanted.deployments.rollback],
        exec: wanted.exec,
        drain: wanted.deployments.drain,
        takes_longer: takes_longer(wanted),
        superseded: facts.superseded.get(wanted.name.as_str()).cloned(),
        says_what_runs: spec.services.len() > service::MANY,
    };
    let place = (subnets(wanted, blocks), group.made());
    let provider = pool.map(|pool| pool.provider.clone());
    // Its tags say what delay they have, which has to be true by then.
    let target_groups: Vec<_> = ways_in.iter().map(|it| it.target_group.clone()).collect();
    let registry = names.registry(wanted);
    let needs = ((*cluster).clone(), task_definition, target_groups, place, (provider, registry));
    let needs =
        needs.map(|(cluster, task_definition, target_groups, place, (provider, registry))| {
            let (subnets, group) = place;
            service::Needs {
                cluster,
                task_definition,
                target_groups,
                subnets,
                group,
                provider,
                registry,
            }
        });
    let name = format!("service/{}", wanted.name);
    // CreateService refuses a target group to which no listener leads, and a provider that the cluster
    // does not know.
    let association = pool.map(|pool| pool.association.clone());
    let listeners = ways_in.iter().flat_map(|it| it.listeners);
    let listeners: Vec<_> = listeners.map(|(_, listener)| listener.clone()).collect();
    let its_rules: Vec<_> = rules.iter().map(|(_, rule)| rule.clone()).collect();
    // What tasks take is allowed before they start.
    let let_in = (let_in, names.rules(&wanted.name));
    let order = (listeners, let_in, (its_rules, policies, releases.to_vec()), association);
    let service = graph.add_after(name, service, needs, &(order, way_out(wanted, blocks)));
    scaling::scaling(graph, wanted, &service, ways_in);
    rules
}
