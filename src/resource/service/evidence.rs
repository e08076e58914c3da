//! What is read of AWS about a service that does not come up. What a look reads anyway comes first, then
//! what is asked for while something lacks, and last what is asked for once, when a wait has ended in vain.
//!
//! What may not be read is left out, and said.

use std::cell::RefCell;

use aws_sdk_ec2::types::{Filter, IpPermission, SecurityGroup, VpcEndpoint};
use aws_sdk_ecs::types::{
    ContainerDefinition, Deployment, DeploymentRolloutState, DesiredStatus, Service as Described,
    Task,
};

use super::{Output, rollout, target_group};
use crate::arn::last_part;
use crate::aws::error::Cause;
use crate::aws::{Aws, Doing, Meanings, Result, Scope};
use crate::diagnosis::{
    Agent, End, Evidence, Gateway, Group, LINES, Log, Role, Rollout, Shape, StoppedTask, Subnet,
    Target, Wanted, WayOut, is_routine,
};
use crate::logs;
use crate::names::{Names, partition};
use crate::resource::auto_scaling_group::{self, AutoScalingGroup};
use crate::resource::cluster::{self, Registered};
use crate::resource::instance;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::nat_gateway::NatGateway;
use crate::resource::role;
use crate::resource::route_table::{self, RouteTable};
use crate::resource::target_group::HealthCheck;
use crate::resource::vpc::{BlockMode, Vpc};
use crate::resource::{Owned, Phase, Resource, Seen, security_group, vpc_endpoint};

/// How many logs are tried: what the newest task wrote cannot be read for some seconds.
const LOGS: usize = 3;

/// What every look at a service shows.
pub(super) fn seen(service: &Described, it: &Output) -> Evidence {
    let primary = rollout::primary(service);
    let count = primary.map_or(0, Deployment::desired_count).max(service.desired_count());
    let failed = primary.filter(|it| it.rollout_state() == Some(&DeploymentRolloutState::Failed));
    Evidence {
        wanted: Wanted {
            service: it.name.clone(),
            on_fargate: !rollout::runs_on_instances(service),
            count,
            port: it.targets.iter().flatten().map(|it| it.port).next(),
            ..Wanted::default()
        },
        rollout: Rollout {
            running: primary.map_or(0, Deployment::running_count),
            pending: primary.map_or(0, Deployment::pending_count),
            failed: failed.and_then(|it| it.rollout_state_reason()).map(str::to_owned),
        },
        events: rollout::news(service, it.deployment.as_ref()),
        ..Evidence::default()
    }
}

/// The newest tasks of a deployment that ended, the newest first.
pub(super) async fn stopped(aws: &Aws, it: &Output, deployment: &str) -> Result<Vec<StoppedTask>> {
    const DOING: &str = "look at the stopped tasks of the ECS service";
    let list = aws.ecs.list_tasks().cluster(&it.cluster).service_name(&it.name);
    let listed = list.desired_status(DesiredStatus::Stopped).send().await.doing(DOING)?;
    if listed.task_arns().is_empty() {
        return Ok(Vec::new());
    }
    let describe = aws.ecs.describe_tasks().cluster(&it.cluster);
    let described = describe.set_tasks(listed.task_arns).send().await.doing(DOING)?;
    let mut tasks: Vec<Task> = described.tasks.unwrap_or_default();
    tasks.retain(|task| task.started_by().is_none_or(|by| by == deployment));
    tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at().copied()));
    Ok(tasks.iter().map(StoppedTask::from).collect())
}

impl From<&Task> for StoppedTask {
    fn from(task: &Task) -> Self {
        let end = |it: &aws_sdk_ecs::types::Container| End {
            name: it.name().unwrap_or("a container").to_owned(),
            code: it.exit_code(),
            reason: it.reason().map(str::to_owned),
        };
        Self {
            id: task.task_arn().map(last_part).unwrap_or_default().to_owned(),
            reason: task.stopped_reason().unwrap_or("a task stopped").to_owned(),
            containers: task.containers().iter().map(end).collect(),
        }
    }
}

/// The targets of a service that are not healthy.
pub(super) async fn targets(aws: &Aws, it: &Output) -> Result<Vec<Target>> {
    let mut sick = Vec::new();
    for target in it.targets.iter().flatten() {
        let all = target_group::targets(aws, &target.group).await?;
        let read = all.iter().map(|it| Target {
            state: it.state().map_or("", |it| it.as_str()).to_owned(),
            reason: it.reason().map_or("", |it| it.as_str()).to_owned(),
            description: it.description().unwrap_or_default().to_owned(),
        });
        sick.extend(read.filter(|it| it.state != "healthy" && it.state != "draining"));
    }
    Ok(sick)
}

/// A reader of many things, of which some may be denied.
struct Reader<'a> {
    aws: &'a Aws,
    scope: &'a Scope,
    names: &'a Names,
    unread: RefCell<Vec<String>>,
}

impl Reader<'_> {
    /// What was read, or nothing, and why.
    fn of<T: Default>(&self, read: Result<T>) -> T {
        read.unwrap_or_else(|error| {
            let why = match &error.cause {
                Cause::Refused { code, .. } => code.clone(),
                Cause::NoAnswer(why) | Cause::Other(why) => why.clone(),
            };
            let told = format!("could not {}: {why}", error.attempt);
            let mut unread = self.unread.borrow_mut();
            if !unread.contains(&told) {
                unread.push(told);
            }
            T::default()
        })
    }

    async fn list<R: Resource>(&self) -> Vec<Owned<R::Output>> {
        self.of(R::list(self.aws, self.scope).await)
    }
}

/// Reads what a service stands on: its instances and their group, the way out, the roles.
pub(super) async fn around(aws: &Aws, scope: &Scope, it: &Output, evidence: &mut Evidence) {
    let Some(names) = scope.names() else { return };
    let reader = Reader { aws, scope, names, unread: RefCell::default() };
    if evidence.wanted.image.is_none() {
        let wanted = definition(aws, it, evidence.wanted.clone()).await.map(Some);
        evidence.wanted = reader.of(wanted).unwrap_or_else(|| evidence.wanted.clone());
    }
    let of_tasks = it.network.as_ref().map(|it| it.subnets.clone()).unwrap_or_default();
    // Who pulls the images and writes the logs has to get out.
    let subnets = match evidence.wanted.on_fargate {
        true => of_tasks,
        false => instances(&reader, it, evidence).await,
    };
    let (network, roles) = (network(&reader, it, evidence, &subnets), roles(&reader, evidence));
    let ((subnets, gateways, public_access, [lets_out, lets_in]), roles) =
        futures::join!(network, roles);
    (evidence.subnets, evidence.gateways, evidence.public_access) =
        (subnets, gateways, public_access);
    (evidence.lets_out, evidence.lets_in, evidence.roles) = (lets_out, lets_in, roles);
    evidence.unread.extend(reader.unread.into_inner());
}

/// Reads all there is to read, when nobody waits any longer.
pub(super) async fn in_full(
    aws: &Aws,
    scope: &Scope,
    service: &Described,
    it: &Output,
    before: Evidence,
) -> Evidence {
    let mut evidence = before.updated(seen(service, it));
    let Some(names) = scope.names() else { return evidence };
    let reader = Reader { aws, scope, names, unread: RefCell::default() };
    let health = async { reader.of(health_check(aws, it).await) };
    let stopped = async {
        match &it.deployment {
            Some(of) => reader.of(stopped(aws, it, &of.id).await),
            None => Vec::new(),
        }
    };
    let sick = async { reader.of(targets(aws, it).await) };
    let group = names.auto_scaling_group();
    let launches = async {
        match evidence.wanted.on_fargate {
            true => Vec::new(),
            false => reader.of(auto_scaling_group::failed_launches(aws, &group).await),
        }
    };
    // What is not read is as it was known before: a guess would name things that the stack never had.
    let wanted = async {
        let read = definition(aws, it, evidence.wanted.clone()).await.map(Some);
        reader.of(read).unwrap_or_else(|| evidence.wanted.clone())
    };
    let (wanted, health, stopped, sick, launches) =
        futures::join!(wanted, health, stopped, sick, launches);
    evidence.wanted = match health {
        None => wanted,
        Some(HealthCheck { path, status, timeout, .. }) => Wanted {
            health_path: Some(path),
            health_status: Some(status),
            health_timeout: Some(timeout),
            ..wanted
        },
    };
    // A target is gone with its task, and what it was like is remembered.
    if !sick.is_empty() {
        evidence.targets = sick;
    }
    if !stopped.is_empty() {
        evidence.tasks = stopped;
    }
    evidence.launches = launches;
    let crashed = evidence.tasks.iter().filter(|it| !is_routine(&it.reason));
    let crashed = crashed.filter_map(|it| Some((it.id.clone(), it.culprit()?.name.clone())));
    let crashed: Vec<_> = crashed.take(LOGS).collect();
    for (task, container) in crashed {
        let lines = reader.of(last_lines(aws, &evidence.wanted, &container, &task).await);
        if !lines.is_empty() {
            evidence.log = Some(Log { task, lines });
            break;
        }
    }
    evidence.unread = reader.unread.into_inner();
    around(aws, scope, it, &mut evidence).await;
    evidence
}

/// What is wanted, with what the task definition says of it.
async fn definition(aws: &Aws, it: &Output, wanted: Wanted) -> Result<Wanted> {
    let Some(arn) = &it.task_definition else { return Ok(wanted) };
    let described = aws.ecs.describe_task_definition().task_definition(arn).send().await;
    let described = described.doing("describe the task definition")?;
    let Some(revision) = described.task_definition() else { return Ok(wanted) };
    let mut containers = revision.container_definitions().iter();
    let container = containers.find(|container| container.name() == Some(&*wanted.service));
    let logging = container.and_then(ContainerDefinition::log_configuration);
    let option = |name: &str| logging?.options()?.get(name).cloned();
    let number = |text: Option<&str>| text.and_then(|it| it.parse().ok());
    Ok(Wanted {
        image: container.and_then(|it| it.image().map(str::to_owned)),
        cpu: number(revision.cpu()),
        memory: number(revision.memory()),
        execution_role: revision.execution_role_arn().map(|it| last_part(it).to_owned()),
        log_group: option("awslogs-group"),
        log_prefix: option("awslogs-stream-prefix"),
        ..wanted
    })
}

/// The last lines that a container of a task wrote.
async fn last_lines(
    aws: &Aws,
    wanted: &Wanted,
    container: &str,
    task: &str,
) -> Result<Vec<String>> {
    let (Some(group), Some(prefix)) = (&wanted.log_group, &wanted.log_prefix) else {
        return Ok(Vec::new());
    };
    logs::last_lines(aws, group, &logs::stream(prefix, container, task), LINES).await
}

async fn health_check(aws: &Aws, it: &Output) -> Result<Option<HealthCheck>> {
    let Some(target) = it.targets.iter().flatten().next() else { return Ok(None) };
    let described = aws.elb.describe_target_groups().target_group_arns(&target.group).send().await;
    let described = described.doing("read the target group");
    let described = described.gone_is_fine(&[target_group::UNKNOWN])?;
    let groups = described.and_then(|it| it.target_groups).unwrap_or_default();
    Ok(groups.first().and_then(HealthCheck::read))
}

/// Reads the instances of the cluster, their group and their type. Returns their subnets.
async fn instances(reader: &Reader<'_>, it: &Output, evidence: &mut Evidence) -> Vec<String> {
    let aws = reader.aws;
    let agents = async {
        let read = cluster::registered(aws, &it.cluster).await.map(Some);
        reader.of(read).map(|all| all.iter().map(agent).collect())
    };
    let template = async {
        let templates = reader.list::<LaunchTemplate>().await;
        let data = templates.first().and_then(|it| it.it().data.clone());
        let kind = data.and_then(|it| it.instance_type)?;
        let info = reader.of(instance::described_type(aws, &kind).await);
        let count = |number: Option<i32>| number.and_then(|it| u64::try_from(it).ok());
        Some(Shape {
            name: kind,
            vcpus: count(info.as_ref().and_then(|it| it.v_cpu_info()?.default_v_cpus())),
            interfaces: count(
                info.as_ref().and_then(|it| it.network_info()?.maximum_network_interfaces()),
            ),
        })
    };
    let group = reader.list::<AutoScalingGroup>();
    let (agents, shape, groups) = futures::join!(agents, template, group);
    (evidence.agents, evidence.wanted.shape) = (agents, shape);
    let group = groups.first().map(Owned::it);
    evidence.group = group.and_then(|it| {
        Some(Group { desired: it.desired?, most: it.max_size?, in_service: it.in_service })
    });
    group.and_then(|it| it.subnets.clone()).unwrap_or_default()
}

fn agent(it: &Registered) -> Agent {
    let count = |number: i32| u64::try_from(number).unwrap_or_default();
    Agent {
        instance: it.id.clone(),
        is_connected: it.is_connected,
        cpu: count(it.cpu[0]),
        memory: count(it.memory[0]),
        tasks: count(it.tasks),
    }
}

/// The ways out of the subnets, the NAT gateways, what is blocked, and whether the tasks' security groups
/// let out what is asked of registries and in what is asked of the tasks.
async fn network(
    reader: &Reader<'_>,
    it: &Output,
    evidence: &Evidence,
    subnets: &[String],
) -> (Vec<Subnet>, Vec<Gateway>, Option<String>, [Option<bool>; 2]) {
    let groups = it.network.as_ref().map(|it| it.groups.clone()).unwrap_or_default();
    let filter = Filter::builder().name("group-id").set_values(Some(groups)).build();
    let groups = async { reader.of(security_group::read(reader.aws, vec![filter]).await) };
    let (tables, gateways, vpcs, groups) = futures::join!(
        reader.list::<RouteTable>(),
        reader.list::<NatGateway>(),
        reader.list::<Vpc>(),
        groups
    );
    let network = it.network.as_ref();
    let is_public = network.and_then(|it| it.public) == Some(true);
    let is_closed = |it: &Owned<route_table::Output>| {
        it.it().default_route == Some(route_table::Target::Nowhere)
    };
    let endpoints = match tables.iter().any(is_closed) {
        true => {
            let vpcs: Vec<_> = vpcs.iter().map(|it| &it.it().id).collect();
            reader.of(vpc_endpoint::within(reader.aws, &vpcs).await)
        }
        false => Vec::new(),
    };
    let subnets = subnets.iter().filter_map(|id| {
        let leads = |table: &&Owned<route_table::Output>| {
            table.it().associations.iter().any(|(subnet, _)| subnet.as_str() == id)
        };
        let table = tables.iter().find(leads)?.it();
        Some(Subnet {
            id: id.clone(),
            table: table.id.to_string(),
            way_out: match way_out(table) {
                WayOut::Nowhere if !endpoints.is_empty() => {
                    WayOut::Endpoints(lacking(&endpoints, table, evidence.wanted.on_fargate))
                }
                way_out => way_out,
            },
            // What an instance has, its template says; its tasks have none, and need none.
            has_public_addresses: is_public || !evidence.wanted.on_fargate,
            free_addresses: None,
        })
    });
    let gateways = gateways.iter().map(|owned| {
        let (state, failure) = match &owned.seen {
            Seen::Present(_, Phase::Broken(why)) => ("failed", Some(why.clone())),
            Seen::Present(_, Phase::Coming(_)) => ("pending", None),
            Seen::Present(_, Phase::Ready) => ("available", None),
            Seen::Leaving(..) => ("deleting", None),
        };
        Gateway { id: owned.id.clone(), state: state.to_owned(), failure }
    });
    let blocked = vpcs.iter().any(|it| it.it().blocks == Some(BlockMode::Bidirectional));
    let covers = |rule: &IpPermission, port: i32| match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp") => rule.from_port() <= Some(port) && rule.to_port() >= Some(port),
        _ => false,
    };
    let known = !groups.is_empty();
    let lets_out =
        groups.iter().flat_map(SecurityGroup::ip_permissions_egress).any(|rule| covers(rule, 443));
    let lets_in = evidence.wanted.port.map(|port| {
        groups.iter().flat_map(SecurityGroup::ip_permissions).any(|rule| covers(rule, port))
    });
    // On instances, the instance pulls the image and writes the log.
    let lets_out = evidence.wanted.on_fargate.then_some(lets_out);
    (
        subnets.collect(),
        gateways.collect(),
        blocked.then(|| "block-bidirectional".to_owned()),
        [lets_out, lets_in].map(|it| it.filter(|_| known)),
    )
}

/// The endpoints that starting a task takes and that are not available, each with its state.
fn lacking(
    endpoints: &[VpcEndpoint],
    table: &route_table::Output,
    on_fargate: bool,
) -> Vec<(String, Option<String>)> {
    const AGENTS: &[&str] = &["ecs", "ecs-agent", "ecs-telemetry"];
    // Secrets that cannot be reached tell it themselves.
    let needed = ["ecr.api", "ecr.dkr", "logs", "s3"].into_iter();
    let needed = needed.chain((!on_fargate).then_some(AGENTS).into_iter().flatten().copied());
    let lacking = needed.filter_map(|service| {
        let ending = format!(".{service}");
        let leads_here = |it: &&VpcEndpoint| {
            let id = it.vpc_endpoint_id().unwrap_or_default();
            vpc_endpoint::is_interface(it) || table.endpoints.iter().any(|to| to.as_str() == id)
        };
        let named = |it: &&VpcEndpoint| it.service_name().is_some_and(|it| it.ends_with(&ending));
        let state = endpoints.iter().filter(named).find(leads_here).map(vpc_endpoint::state);
        (state.as_deref() != Some("available")).then(|| (service.to_owned(), state))
    });
    lacking.collect()
}

fn way_out(table: &route_table::Output) -> WayOut {
    use route_table::Target as To;
    match (&table.stray, &table.default_route) {
        (Some(stray), Some(to)) if stray == "blackhole" => WayOut::Blackhole(to.to_string()),
        (Some(stray), _) => WayOut::Other(stray.clone()),
        (None, Some(To::InternetGateway(_))) => WayOut::Internet,
        (None, Some(To::NatGateway(id))) => WayOut::Nat(id.to_string()),
        (None, Some(To::Nowhere)) => WayOut::Nowhere,
        (None, None) => WayOut::Other("something else".to_owned()),
    }
}

/// The role with which the tasks are started, and that of the instances.
async fn roles(reader: &Reader<'_>, evidence: &Evidence) -> Vec<Role> {
    let partition = partition::of(reader.names.region());
    let execution = evidence
        .wanted
        .execution_role
        .clone()
        .map(|name| (name, "ecs-tasks.amazonaws.com", role::execution_policy(partition)));
    let of_instances = (
        reader.names.role("instance"),
        partition::ec2_service(partition),
        role::instance_policy(partition),
    );
    let wanted = [execution, (!evidence.wanted.on_fargate).then_some(of_instances)];
    let read = role::Role::list(reader.aws, reader.scope).await.map(Some);
    let Some(there) = reader.of(read) else { return Vec::new() };
    let judge = |(name, service, policy): (String, &str, String)| {
        let is = there.iter().map(Owned::it).find(|it| it.name == name);
        let has = |it: &role::Output| it.policies.as_ref().is_none_or(|all| all.contains(&policy));
        Role {
            exists: is.is_some(),
            is_trusted: is
                .is_some_and(|it| it.trust.as_ref().is_none_or(|it| it.contains(service))),
            has_policy: is.is_some_and(has),
            service: service.to_owned(),
            policy: last_part(&policy).to_owned(),
            name,
        }
    };
    wanted.into_iter().flatten().map(judge).collect()
}
