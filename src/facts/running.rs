//! What runs of a stack: read out of the listings that every deploy makes, so that what is not said again
//! does not go back to a default unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{FutureExt as _, LocalBoxFuture};

use crate::arn::Arn;
use crate::aws::Result;
use crate::engine::looks::{self, Looks};
use crate::names::{NodeName, default_host};
use crate::resource::auto_scaling_group::{AutoScalingGroup, Mix};
use crate::resource::elastic_ip::ElasticIp;
use crate::resource::gateway_endpoint::GatewayEndpoint;
use crate::resource::hosted_zone::HostedZone;
use crate::resource::id::HostedZoneId;
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::listener::{Does, Listener};
use crate::resource::listener_rule::ListenerRule;
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::log_group::LogGroup;
use crate::resource::record::Record;
use crate::resource::role::Role;
use crate::resource::role_policy::{EXEC, RolePolicy, Which};
use crate::resource::route_table::{self, RouteTable};
use crate::resource::scalable_target::ScalableTarget;
use crate::resource::scaling_policy::{self, ScalingPolicy};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{SecurityGroupRule, Source};
use crate::resource::service::Service;
use crate::resource::subnet::{self, Subnet};
use crate::resource::target_group::{HealthCheck, TargetGroup};
use crate::resource::task_definition::{self, Container, Content, TaskDefinition};
use crate::resource::vpc::Vpc;
use crate::resource::{Owned, Resource, Seen};
use crate::spec::{
    ExistingNetwork, Nat, REQUIRED, Scaling, Scheme, TaskRole, Uses, permissions_of,
};

/// What runs of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// The pattern that its things were made from.
    pub pattern: Option<String>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// The policy that bounds its roles.
    pub boundary: Option<String>,
    /// The VPC's range, where that is the stack's own.
    pub vpc_cidr: Option<String>,
    /// The network that somebody else made, if the stack stands in one.
    pub existing_network: Option<ExistingNetwork>,
    /// Whether there is one NAT gateway or none, as far as what is there shows it: what is missing shows
    /// nothing.
    pub nat: Option<Nat>,
    /// The services that have endpoints, such as `s3`; [`REQUIRED`] stands for those that the stack needs
    /// where nothing else leads out of it.
    pub endpoints: BTreeSet<String>,
    /// The instances, if there are some.
    pub instances: Option<RunningInstances>,
    /// The load balancers.
    pub balancers: Vec<RunningBalancer>,
    /// The private zones.
    pub zones: BTreeSet<String>,
    /// The services whose logs are there, also of those that are gone.
    pub logs: BTreeSet<String>,
    /// How many days these are kept, where that is the same of all.
    pub retention_days: Option<i32>,
    /// The services, by name.
    pub services: BTreeMap<String, RunningService>,
    /// The images of the newest revisions, by service, also where the service is not made yet.
    pub images: BTreeMap<String, String>,
}

/// The instances of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunningInstances {
    /// Their type, where it is one.
    pub instance_type: Option<String>,
    /// Their types, where these are several.
    pub instance_types: Vec<String>,
    /// How many of them are on demand, if the others are Spot instances.
    pub on_demand_base: Option<i32>,
    /// How large the volume of each is, in GiB.
    pub volume_gib: Option<i32>,
    /// Fewest and most of them.
    pub sizes: [Option<i32>; 2],
}

/// A load balancer of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningBalancer {
    /// Where it can be reached from.
    pub scheme: Scheme,
    /// The ranges that may reach it.
    pub allow: BTreeSet<String>,
    /// The id of the zone that somebody else made and that has names of it.
    pub existing_zone: Option<String>,
    /// Seconds after which a silent connection is closed.
    pub idle_timeout: Option<String>,
    /// ARNs of the certificates of its port 443, the default one first, if that is open.
    pub certificates: Vec<String>,
    /// The security policy of that port.
    pub tls_policy: Option<String>,
    /// What port 80 does, where there is port 443.
    pub http: Option<&'static str>,
    /// The service that its listener forwards to what no rule matches, if it does.
    pub unknown: Option<String>,
    /// What the load balancer itself answers to that, if it does: a status and a text.
    pub answer: Option<(u16, String)>,
}

/// A service of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunningService {
    /// CPU units of a task.
    pub cpu: Option<String>,
    /// Memory of a task, in MiB.
    pub memory: Option<String>,
    /// How many tasks there should be.
    pub count: Option<i32>,
    /// How that follows the load, if it does.
    pub scaling: Option<Scaling>,
    /// Whether its tasks run on Fargate.
    pub is_on_fargate: bool,
    /// The load balancers that lead to it.
    pub schemes: BTreeSet<Scheme>,
    /// What tells load balancers that its tasks are healthy.
    pub health: Option<HealthCheck>,
    /// Seconds that a task may finish its requests.
    pub drain: Option<String>,
    /// Seconds in which health checks do not count.
    pub grace: Option<i32>,
    /// Least and most tasks during a deployment, in percent.
    pub percents: Option<[i32; 2]>,
    /// Whether the circuit breaker is on, and whether it rolls back.
    pub circuit_breaker: Option<[bool; 2]>,
    /// Its own container.
    pub own: Container,
    /// Those beside it, by their names.
    pub sidecars: BTreeMap<String, Container>,
    /// The container that load balancers reach, where it is not its own.
    pub target: Option<String>,
    /// Whether its tasks ask for AWS Graviton.
    pub is_on_arm: bool,
    /// How many of its tasks on Fargate are on demand, if the others are on Spot.
    pub on_demand_base: Option<i32>,
    /// The security groups of others that its tasks have.
    pub security_groups: BTreeSet<String>,
    /// Whether others find it by a name of its own, and those that may open its port, where that is not all.
    pub callers: Option<Option<BTreeSet<String>>>,
    /// Its names in private zones.
    pub names: BTreeSet<String>,
    /// The role of its tasks.
    pub task_role: TaskRole,
    /// Whether commands may be run in its tasks.
    pub exec: bool,
    /// The hosts and the paths of its rules.
    pub rules: [BTreeSet<String>; 2],
}

impl Running {
    /// Looks, together with everybody who looks at the same. Of the services that are `unsaid` it has to be
    /// known what runs, which after a deployment that was rolled back is not the newest revision.
    pub async fn look(looks: &Looks, unsaid: impl Fn(&str) -> bool) -> Result<Self> {
        let (services, definitions, targets, balancers, records) = futures::try_join!(
            listed::<Service>(looks),
            listed::<TaskDefinition>(looks),
            listed::<TargetGroup>(looks),
            listed::<LoadBalancer>(looks),
            listed::<Record>(looks),
        )?;
        let (groups, templates, own_groups, rules, zones, forwards) = futures::try_join!(
            listed::<AutoScalingGroup>(looks),
            listed::<LaunchTemplate>(looks),
            listed::<SecurityGroup>(looks),
            listed::<SecurityGroupRule>(looks),
            listed::<HostedZone>(looks),
            listed::<ListenerRule>(looks),
        )?;
        let policies = listed::<RolePolicy>(looks);
        let (vpcs, subnets, tables, endpoints, roles, listeners, policies) = futures::try_join!(
            listed::<Vpc>(looks),
            listed::<Subnet>(looks),
            listed::<RouteTable>(looks),
            listed::<GatewayEndpoint>(looks),
            listed::<Role>(looks),
            listed::<Listener>(looks),
            policies,
        )?;
        let (scaled, scaling_policies, interfaces, addresses, logs) = futures::try_join!(
            listed::<ScalableTarget>(looks),
            listed::<ScalingPolicy>(looks),
            listed::<InterfaceEndpoint>(looks),
            listed::<ElasticIp>(looks),
            listed::<LogGroup>(looks),
        )?;
        let mut running = Self {
            boundary: roles.iter().find_map(|it| it.it().boundary.clone()),
            vpc_cidr: vpcs.iter().find_map(|it| it.it().cidr.clone()),
            existing_network: existing_network(&own_groups, &groups, &balancers, &services),
            nat: nat(&tables, &subnets, &placed(&groups, &services)),
            endpoints: {
                let interfaces = staying(&interfaces).map(|it| &it.owner.node);
                let all = staying(&endpoints).map(|it| &it.owner.node).chain(interfaces);
                all.map(|node| node.last_part().to_owned()).collect()
            },
            zones: staying(&zones).map(|it| it.it().name.clone()).collect(),
            logs: staying(&logs)
                .filter_map(|it| it.owner.node.as_str().strip_prefix("log-group/"))
                .map(str::to_owned)
                .collect(),
            retention_days: retention_days(&logs),
            instances: staying(&groups).next().map(|group| instances(group.it(), &templates)),
            balancers: balancers_of(&balancers, &rules, &listeners, &targets, |target| {
                let is_own = |id: &HostedZoneId| zones.iter().any(|zone| zone.it().id == *id);
                let others = staying(&records).map(Owned::it).filter(|it| !is_own(&it.zone));
                let mut others = others.filter(|it| it.points_at(target));
                others.next().map(|it| it.zone.to_string())
            }),
            images: images(&definitions),
            ..Self::default()
        };
        for owner in vpcs.iter().map(|it| &it.owner).chain(services.iter().map(|it| &it.owner)) {
            running.pattern = running.pattern.or_else(|| owner.pattern.clone());
            let tags = owner.tags.iter().flatten();
            running.tags.extend(tags.filter(|(key, _)| is_users(key)).map(own));
        }
        for service in staying(&services) {
            let newest = newest(service.it(), &definitions);
            let mut found = service_of(service.it(), newest.and_then(|it| it.content.as_ref()));
            let runs = service.it().task_definition.as_deref();
            let other = runs.filter(|arn| {
                newest.is_none_or(|it| it.content.is_none() || it.arn.as_str() != *arn)
            });
            if let Some(arn) = other.filter(|_| unsaid(&service.it().name)) {
                let content = task_definition::content_of(looks.aws(), looks.scope(), arn);
                let content = content.boxed_local().await?;
                if let Some(content) = content {
                    running.images.insert(service.it().name.clone(), content.own.image.clone());
                    found = service_of(service.it(), Some(&content));
                }
            }
            found.is_reached(&service.it().name, &targets, &balancers, &forwards);
            found.has_own_role(&service.it().name, &roles, &policies);
            found.has_groups(service.it(), &own_groups);
            found.scaling = scaling_of(&service.it().name, &scaled, &scaling_policies);
            running.services.insert(service.it().name.clone(), found);
        }
        running.note_callers(&services, &own_groups, &rules);
        // A gateway that is missing shows nothing; its address is made first and goes last.
        let no_gateways = staying(&addresses).next().is_none() && running.nat.is_none();
        if no_gateways && staying(&interfaces).next().is_some() {
            running.note_closed(&tables, &subnets, &placed(&groups, &services));
        }
        let mut all: BTreeSet<_> = staying(&records).map(|it| it.it().host.clone()).collect();
        // What another service has left behind is no name of the one that is there now.
        let others = services.iter().map(|it| &it.it().name).chain(running.images.keys());
        for other in others.filter(|name| !running.services.contains_key(*name)) {
            all.retain(|host| !running.is_usual_name(other, host));
        }
        running.name(&all);
        running.leave_out_what_is_born();
        Ok(running)
    }

    /// Notes which services are found by names, and whom the rules of their groups let in.
    fn note_callers(
        &mut self,
        services: &[Owned<Of<Service>>],
        own: &[Owned<Of<SecurityGroup>>],
        rules: &[Owned<Of<SecurityGroupRule>>],
    ) {
        let group_of = |it: &Of<Service>| {
            let groups = it.network.iter().flat_map(|it| &it.groups);
            let is_own = |id: &&String| own.iter().any(|own| own.it().id.as_str() == **id);
            groups.into_iter().find(is_own).cloned()
        };
        let groups: BTreeMap<_, _> = staying(services)
            .filter_map(|it| Some((group_of(it.it())?, it.it().name.clone())))
            .collect();
        let all: BTreeSet<_> = self.services.keys().cloned().collect();
        for it in staying(services).map(Owned::it) {
            if it.registries.as_ref().is_none_or(Vec::is_empty) {
                continue;
            }
            let group = group_of(it);
            let of_it = staying(rules).map(Owned::it);
            let of_it = of_it.filter(|rule| Some(rule.group.as_str()) == group.as_deref());
            let callers = of_it.filter_map(|rule| match &rule.source {
                Some(Source::Group(from)) => groups.get(from.as_str()).cloned(),
                _ => None,
            });
            let callers: BTreeSet<_> = callers.collect();
            if let Some(service) = self.services.get_mut(&it.name) {
                service.callers = Some((callers != all).then_some(callers));
            }
        }
    }

    /// Notes that endpoints alone lead out, where everything stands in private subnets without a route.
    fn note_closed(
        &mut self,
        tables: &[Owned<route_table::Output>],
        subnets: &[Owned<subnet::Output>],
        placed: &BTreeSet<&str>,
    ) {
        let is_private =
            |it: &&Owned<subnet::Output>| it.owner.node.as_str().starts_with("subnet/private");
        let private: BTreeSet<_> =
            subnets.iter().filter(is_private).map(|it| it.it().id.as_str()).collect();
        let mut of_private = tables.iter().filter(|it| is_table_of_private(&it.owner.node));
        let leads =
            of_private.any(|it| it.it().default_route != Some(route_table::Target::Nowhere));
        if placed.is_empty() || !placed.is_subset(&private) || leads {
            return;
        }
        let containers = || self.services.values().flat_map(RunningService::containers);
        let sources = || containers().flat_map(|it| it.secrets.values());
        let is_secret = |source: &&String| {
            Arn::parse(source).is_some_and(|arn| arn.service == "secretsmanager")
        };
        let uses = Uses {
            instances: self.instances.is_some(),
            parameters: sources().any(|source| !is_secret(&source)),
            secrets: sources().any(|source| is_secret(&source)),
            exec: self.services.values().any(|it| it.exec),
        };
        let required = uses.services();
        self.nat = Some(Nat::None);
        self.endpoints.retain(|name| !required.contains_key(name.as_str()));
        self.endpoints.insert(REQUIRED.to_owned());
    }

    /// Leaves out what a load balancer is born with, which nobody has said: one that leads to no service yet
    /// may be half made.
    fn leave_out_what_is_born(&mut self) {
        let reached: BTreeSet<_> =
            self.services.values().flat_map(|it| it.schemes.iter().copied()).collect();
        for balancer in self.balancers.iter_mut().filter(|it| !reached.contains(&it.scheme)) {
            balancer.idle_timeout = None;
        }
    }

    /// Whether a host is the one that a service has in a zone unless somebody says otherwise.
    pub fn is_usual_name(&self, service: &str, host: &str) -> bool {
        let Ok(service) = service.parse() else { return false };
        self.zones.iter().any(|zone| host == default_host(&service, zone))
    }

    /// Gives names in zones to the services that they are of: by the hosts of its rule, or to the only one.
    fn name(&mut self, hosts: &BTreeSet<String>) {
        let alone = self.services.len() == 1;
        for service in self.services.values_mut() {
            let is_its = |host: &&String| alone || service.rules[0].contains(*host);
            service.names = hosts.iter().filter(is_its).cloned().collect();
        }
    }
}

type Of<R> = <R as Resource>::Output;

/// A listing, on the heap: so many of them would take much of a thread's stack.
pub(super) fn listed<R: Resource>(
    looks: &Looks,
) -> LocalBoxFuture<'_, Result<looks::Seen<R::Output>>> {
    looks.list::<R>(None).boxed_local()
}

impl RunningService {
    /// All containers of its tasks.
    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.sidecars.values().chain([&self.own])
    }

    /// Notes the security groups of its tasks that are not the stack's own.
    fn has_groups(&mut self, it: &Of<Service>, own: &[Owned<Of<SecurityGroup>>]) {
        let all: BTreeSet<_> = it.network.iter().flat_map(|it| &it.groups).cloned().collect();
        let is_own = |id: &String| own.iter().any(|group| group.it().id.as_str() == *id);
        // Else its own one is not shown just now, or does not say any more whose it is.
        if all.iter().any(is_own) {
            self.security_groups = all.into_iter().filter(|id| !is_own(id)).collect();
        }
    }

    /// Notes what the tasks may do, where their role is one of the stack's own.
    fn has_own_role(
        &mut self,
        name: &str,
        roles: &[Owned<Of<Role>>],
        policies: &[Owned<Of<RolePolicy>>],
    ) {
        let TaskRole::Existing(arn) = &self.task_role else { return };
        let is_own = |it: &&Owned<Of<Role>>| {
            it.owner.node.as_str() == format!("role/task/{name}") && it.it().arn.as_str() == arn
        };
        let Some(role) = staying(roles).find(is_own) else { return };
        let (mut managed, mut permissions) = (Vec::new(), Vec::new());
        for it in staying(policies).map(Owned::it).filter(|it| it.role == role.it().name) {
            match &it.which {
                Which::Managed(arn) => managed.push(arn.clone()),
                // It belongs to `exec`, and is no permission that somebody has said.
                Which::Inline(_) if it.which.is_for(EXEC) => {}
                Which::Inline(_) => {
                    permissions
                        .extend(it.document.as_deref().map(permissions_of).into_iter().flatten());
                }
            }
        }
        self.task_role = TaskRole::Own { policies: managed, permissions };
    }

    /// Notes how a service is reached: through its target groups, and by its rules.
    fn is_reached(
        &mut self,
        name: &str,
        targets: &[Owned<Of<TargetGroup>>],
        balancers: &[Owned<Of<LoadBalancer>>],
        rules: &[Owned<Of<ListenerRule>>],
    ) {
        let prefix = format!("target-group/{name}");
        let is_its = |node: &NodeName| {
            let rest = node.as_str().strip_prefix(&prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for group in staying(targets).filter(|it| is_its(&it.owner.node)) {
            let (health, drain) = (&group.it().health, &group.it().deregistration_delay);
            self.health = self.health.take().or_else(|| health.clone());
            self.drain = self.drain.take().or_else(|| drain.clone());
            let of = group.it().load_balancers.iter().flatten();
            let of = of.filter_map(|arn| balancers.iter().find(|it| it.it().arn == *arn));
            self.schemes.extend(of.filter_map(|it| scheme_of(it.it())));
        }
        let of_it = |node: &NodeName| node.last_part() == name;
        for rule in staying(rules).filter(|rule| of_it(&rule.owner.node)) {
            let Some(matches) = &rule.it().matches else { continue };
            self.rules[0].extend(matches.hosts.iter().cloned());
            self.rules[1].extend(matches.paths.iter().cloned());
        }
    }
}

/// The newest revision of what a service runs.
fn newest<'a>(
    it: &Of<Service>,
    definitions: &'a [Owned<Of<TaskDefinition>>],
) -> Option<&'a Of<TaskDefinition>> {
    let node = NodeName::from(format!("task-definition/{}", it.name));
    definitions.iter().find(|it| it.owner.node == node).map(Owned::it)
}

/// What a service's tasks are, as far as the content of a revision says it.
fn service_of(it: &Of<Service>, content: Option<&Content>) -> RunningService {
    RunningService {
        cpu: content.map(|it| it.cpu.clone()),
        memory: content.map(|it| it.memory.clone()),
        own: content.map(|it| it.own.clone()).unwrap_or_default(),
        sidecars: content.map(|it| it.sidecars.clone()).unwrap_or_default(),
        is_on_arm: content.is_some_and(|it| it.architecture.is_some()),
        target: {
            let mut targets = it.targets.iter().flatten().map(|target| &target.container);
            targets.find(|container| **container != it.name).cloned()
        },
        task_role: match content.and_then(|it| it.task_role.clone()) {
            Some(arn) => TaskRole::Existing(arn),
            None => TaskRole::None,
        },
        count: it.desired_count,
        grace: it.grace_period,
        percents: it.percents,
        circuit_breaker: it.circuit_breaker,
        exec: it.exec,
        is_on_fargate: it.is_on_fargate(),
        on_demand_base: it.on_demand_base,
        ..RunningService::default()
    }
}

/// How the number of tasks of a service follows its load, as far as ecsup can say it.
fn scaling_of(
    service: &str,
    targets: &[Owned<Of<ScalableTarget>>],
    policies: &[Owned<Of<ScalingPolicy>>],
) -> Option<Scaling> {
    let target = staying(targets).map(Owned::it).find(|it| it.service() == service)?;
    let does = staying(policies).map(Owned::it).filter(|it| it.target == target.id);
    let does: Vec<_> = does.filter_map(|it| it.does.as_ref()).collect();
    let aim = |metric: scaling_policy::Metric| {
        let kind = metric.kind();
        does.iter().find(|it| it.metric == kind.as_str())?.value.parse().ok()
    };
    let cooldown = |at: usize| {
        let seconds = does.iter().find_map(|it| it.cooldowns[at]);
        Duration::from_secs(seconds.and_then(|it| u64::try_from(it).ok()).unwrap_or_default())
    };
    Some(Scaling {
        min: u32::try_from(target.bounds.min).ok()?,
        max: u32::try_from(target.bounds.max).ok()?,
        cpu_percent: aim(scaling_policy::Metric::Cpu),
        memory_percent: aim(scaling_policy::Metric::Memory),
        requests: aim(scaling_policy::Metric::Requests),
        cooldown_in: cooldown(0),
        cooldown_out: cooldown(1),
    })
}

/// How long the logs of services are kept, where that is the same of all and for a time.
fn retention_days(logs: &[Owned<Of<LogGroup>>]) -> Option<i32> {
    let of_services = staying(logs).filter(|it| it.owner.node.as_str().starts_with("log-group/"));
    let days: BTreeSet<_> = of_services.map(|it| it.it().retention_days).collect();
    match days.into_iter().collect::<Vec<_>>()[..] {
        [days] => days.filter(|days| *days > 0),
        _ => None,
    }
}

/// The images of the newest revisions, by service.
fn images(definitions: &[Owned<Of<TaskDefinition>>]) -> BTreeMap<String, String> {
    let image = |it: &Owned<Of<TaskDefinition>>| {
        let name = it.owner.node.as_str().strip_prefix("task-definition/")?;
        Some((name.to_owned(), it.it().content.as_ref()?.own.image.clone()))
    };
    staying(definitions).filter_map(image).collect()
}

fn instances(
    group: &Of<AutoScalingGroup>,
    templates: &[Owned<Of<LaunchTemplate>>],
) -> RunningInstances {
    let data = templates.iter().find_map(|it| it.it().data.as_ref());
    let types = group.mix.as_ref().map(|mix| mix.types.clone()).unwrap_or_default();
    let (one, several) = match types.as_slice() {
        [] => (data.and_then(|data| data.instance_type.clone()), Vec::new()),
        [one] => (Some(one.clone()), Vec::new()),
        _ => (None, types),
    };
    RunningInstances {
        instance_type: one,
        instance_types: several,
        on_demand_base: group.mix.as_ref().and_then(Mix::base_beside_spot),
        volume_gib: data.and_then(|data| data.volume_size),
        sizes: [group.min_size, group.max_size],
    }
}

/// The load balancers, and whom the rules of their security groups let in.
fn balancers_of(
    balancers: &[Owned<Of<LoadBalancer>>],
    rules: &[Owned<Of<SecurityGroupRule>>],
    listeners: &[Owned<Of<Listener>>],
    targets: &[Owned<Of<TargetGroup>>],
    existing_zone: impl Fn(&str) -> Option<String>,
) -> Vec<RunningBalancer> {
    let range = |rule: &Owned<Of<SecurityGroupRule>>| match &rule.it().source {
        Some(Source::Range(range)) => Some(range.clone()),
        _ => None,
    };
    let one = |balancer: &Owned<Of<LoadBalancer>>| {
        let groups = balancer.it().security_groups.iter().flatten();
        let groups: BTreeSet<_> = groups.map(String::as_str).collect();
        let of_it = staying(rules).filter(|it| groups.contains(it.it().group.as_str()));
        let allow = of_it.filter_map(range).collect();
        let arn = Some(&balancer.it().arn);
        let listeners = staying(listeners).map(Owned::it);
        let own = listeners.filter(|it| it.load_balancer.as_ref() == arn);
        let (plain, serving): (Vec<_>, Vec<_>) =
            own.partition(|it| it.does == Some(Does::Redirect));
        let tls = serving.iter().find_map(|it| it.tls.as_ref());
        let http = tls.map(|_| match plain.is_empty() {
            false => "redirect",
            true if serving.iter().any(|it| it.tls.is_none()) => "serve",
            true => "off",
        });
        let certificates = tls
            .into_iter()
            .flat_map(|it| [&it.certificate].into_iter().chain(it.others.iter().flatten()));
        let certificates = certificates.cloned().collect();
        let tls_policy = tls.map(|it| it.policy.clone());
        let unknown = match serving.first().and_then(|it| it.does.as_ref()) {
            Some(Does::Forward(to)) => staying(targets).find(|it| to.contains(&it.it().arn)),
            _ => None,
        };
        let unknown = unknown.and_then(|it| it.owner.node.as_str().split('/').nth(1));
        let unknown = unknown.map(str::to_owned);
        let answer = match serving.first().and_then(|it| it.does.as_ref()) {
            Some(Does::Answer(answer)) => Some((answer.status, answer.text.clone())),
            _ => None,
        };
        let existing_zone = existing_zone(&balancer.it().dns_name);
        let (scheme, idle_timeout) =
            (scheme_of(balancer.it())?, balancer.it().idle_timeout.clone());
        Some(RunningBalancer {
            scheme,
            allow,
            existing_zone,
            idle_timeout,
            certificates,
            tls_policy,
            http,
            unknown,
            answer,
        })
    };
    staying(balancers).filter_map(one).collect()
}

fn scheme_of(balancer: &Of<LoadBalancer>) -> Option<Scheme> {
    balancer.scheme.as_deref().and_then(Scheme::named)
}

/// The network of somebody else that a stack stands in, as its security groups say it: what stands in which
/// of its subnets shows which are which.
fn existing_network(
    security_groups: &[Owned<Of<SecurityGroup>>],
    groups: &[Owned<Of<AutoScalingGroup>>],
    balancers: &[Owned<Of<LoadBalancer>>],
    services: &[Owned<Of<Service>>],
) -> Option<ExistingNetwork> {
    let among_others = staying(security_groups).map(Owned::it).find(|it| it.is_among_others)?;
    let vpc = among_others.vpc.to_string();
    let of_balancers = staying(balancers).map(Owned::it).map(|it| {
        (scheme_of(it) == Some(Scheme::InternetFacing), it.subnets.iter().flatten().collect())
    });
    let networks = staying(services).filter_map(|it| it.it().network.as_ref());
    let of_services =
        networks.map(|it| (it.public == Some(true), it.subnets.iter().collect::<Vec<_>>()));
    let of_groups = staying(groups).map(|it| (false, it.it().subnets.iter().flatten().collect()));
    let [mut public, mut private] = [BTreeSet::new(), BTreeSet::new()];
    for (is_public, ids) in of_balancers.chain(of_services).chain(of_groups) {
        let of = if is_public { &mut public } else { &mut private };
        of.extend(ids.into_iter().cloned());
    }
    Some(ExistingNetwork { vpc, public, private })
}

/// The subnets that instances or Fargate tasks are in. Tasks on instances are in the private ones whatever
/// way out there is.
fn placed<'a>(
    groups: &'a [Owned<Of<AutoScalingGroup>>],
    services: &'a [Owned<Of<Service>>],
) -> BTreeSet<&'a str> {
    let of_groups = groups.iter().flat_map(|it| it.it().subnets.iter().flatten());
    let networks = services.iter().filter_map(|it| it.it().network.as_ref());
    let of_tasks = networks.flat_map(|it| &it.subnets).filter(|_| groups.is_empty());
    of_groups.chain(of_tasks).map(String::as_str).collect()
}

/// Whether a node is the route table of private subnets.
pub(super) fn is_table_of_private(node: &NodeName) -> bool {
    node.as_str().starts_with("route-table/private")
}

/// Whether there is one NAT gateway or none. One that is missing shows nothing: two private tables that lead
/// to the same one do, and so do instances or tasks in the public subnets.
fn nat(
    tables: &[Owned<route_table::Output>],
    subnets: &[Owned<subnet::Output>],
    placed: &BTreeSet<&str>,
) -> Option<Nat> {
    let leads_to = |it: &Owned<route_table::Output>| match &it.it().default_route {
        Some(route_table::Target::NatGateway(id)) => Some(id.clone()),
        _ => None,
    };
    let gateways: Vec<_> = staying(tables)
        .filter(|it| is_table_of_private(&it.owner.node))
        .filter_map(leads_to)
        .collect();
    if let [first, second] = &gateways[..] {
        return (first == second).then_some(Nat::Single);
    }
    let public = subnets.iter().filter(|it| it.owner.node.as_str().starts_with("subnet/public"));
    let public: BTreeSet<_> = public.map(|it| it.it().id.as_str()).collect();
    (gateways.is_empty() && !placed.is_empty() && placed.is_subset(&public)).then_some(Nat::None)
}

/// What is not on its way out.
fn staying<T>(all: &[Owned<T>]) -> impl Iterator<Item = &Owned<T>> {
    all.iter().filter(|it| matches!(it.seen, Seen::Present(..)))
}

/// Whether a tag is one that the user gave.
fn is_users(key: &str) -> bool {
    !["ecsup:", "ecsup-", "aws:"].iter().any(|prefix| key.starts_with(prefix))
        && key != "Name"
        && key != "AmazonECSManaged"
}

fn own((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}
