//! The ECS service; its success is its rollout.
//!
//! How many tasks it has is either asked for, or moved by its [scalable target](super::scalable_target): then
//! it is said at its birth, and never again.
//!
//! A service that is being deleted is `DRAINING`, and ECS leaves it out of `ListServices`: its name is
//! then known from the family of its task definition, which outlives it, also where every revision is gone.
//! `CreateService` has no safe repetition, so a lost answer is looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecs::types::{
    AssignPublicIp, AvailabilityZoneRebalancing, AwsVpcConfiguration, CapacityProviderStrategyItem,
    DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, LoadBalancer,
    NetworkConfiguration, PlacementStrategy, PlacementStrategyType, PropagateTags,
    Service as Described, ServiceField, ServiceRegistry, Tag,
};
use aws_smithy_types::DateTime;
use futures::future::try_join_all;

use super::instance::Instance;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Removal, Resource, Seen, Wanted,
    capacity_provider, cluster, compare, discovery_service, security_group, signed, subnet,
    target_group, task_definition,
};
use crate::arn::last_part;
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope, Tagging, missing,
};
use crate::diagnosis::{self, Diagnosis, Finding};
use crate::names::{NodeName, ServiceName};

mod evidence;
mod once;
mod rollout;
mod scaled;
mod shortage;
mod standing;

pub use once::Once;
pub(super) use scaled::{say_that_it_scales, scales};
pub use standing::{Asked, StandingService};

use rollout::{Rollout, judge};
use shortage::Shortage;

/// What a service takes from others.
#[derive(Debug)]
pub struct Needs {
    /// The cluster that it belongs to.
    pub cluster: cluster::Output,
    /// What its tasks run.
    pub task_definition: task_definition::Output,
    /// Where its tasks register; nowhere, when nobody reaches them.
    pub target_groups: Vec<target_group::Output>,
    /// The subnets of its tasks.
    pub subnets: Vec<subnet::Output>,
    /// The security group of its tasks.
    pub group: security_group::Output,
    /// What starts its instances. Without one it runs on Fargate.
    pub provider: Option<capacity_provider::Output>,
    /// The name that its tasks answer to, if it has one.
    pub registry: Option<discovery_service::Output>,
}

/// The launch type of tasks that need no instances of ours, and the capacity provider of the same.
pub(super) const FARGATE: &str = "FARGATE";
/// The capacity provider of such tasks on capacity that AWS may take back two minutes later (ECS guide, "Amazon
/// ECS clusters for Fargate"). Launch types know no Spot.
pub(super) const FARGATE_SPOT: &str = "FARGATE_SPOT";

/// A service as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The name of its cluster.
    pub cluster: String,
    /// ARN of the revision that it runs, or was asked to run.
    pub task_definition: Option<String>,
    /// The deployment that brings it there.
    pub deployment: Option<Deployment>,
    /// Why its deployment had failed before this run did anything.
    pub failed: Option<String>,
    /// How many tasks it wants.
    pub desired_count: Option<i32>,
    /// How many tasks run.
    pub running: Option<i32>,
    /// Whether its tags say that its number of tasks is moved by load.
    pub scales: bool,
    /// The hash of what it runs, when its tags say it of the revision that it runs.
    pub runs: Option<String>,
    /// The deregistration delay of its target groups in seconds, when its tags say it, too.
    pub drains: Option<String>,
    /// What is missing for its newest deployment, as far as it was looked at.
    pub shortage: Shortage,
    /// `FARGATE` or `EC2`, when it has no capacity providers.
    pub launch_type: Option<String>,
    /// Names of the capacity providers that it runs on.
    pub providers: Option<Vec<String>>,
    /// How many of its tasks are on demand, if the others are on Fargate Spot.
    pub on_demand_base: Option<i32>,
    /// Fields and types of its placement strategies, in order.
    pub placement: Option<Vec<String>>,
    /// Where its tasks are in the network.
    pub network: Option<Network>,
    /// Where its tasks register.
    pub targets: Option<Vec<Target>>,
    /// ARNs of the names in Cloud Map that its tasks answer to.
    pub registries: Option<Vec<String>>,
    /// Seconds after a task's start in which health checks do not count.
    pub grace_period: Option<i32>,
    /// Least and most tasks during a deployment, in percent.
    pub percents: Option<[i32; 2]>,
    /// Whether the circuit breaker is on, and whether it rolls back.
    pub circuit_breaker: Option<[bool; 2]>,
    /// Whether commands may be run in the tasks that it starts from now on.
    pub exec: bool,
}

/// Where tasks register: a target group, and the container and the port that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// ARN of the target group.
    pub group: String,
    /// The container.
    pub container: String,
    /// Its port.
    pub port: i32,
}

/// Where tasks are in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Ids of the subnets, sorted.
    pub subnets: Vec<String>,
    /// Ids of the security groups, sorted.
    pub groups: Vec<String>,
    /// Whether tasks get public addresses.
    pub public: Option<bool>,
}

/// One deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// When it began.
    pub since: Option<DateTime>,
}

/// The service that is wanted.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is wanted or is not")]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// How many tasks.
    pub tasks: Tasks,
    /// The container that load balancers reach, and its port.
    pub target: (String, u16),
    /// Ids of the security groups of others that its tasks have, besides their own.
    pub more_groups: Vec<String>,
    /// Whether its tasks run on Fargate, and not on instances.
    pub on_fargate: bool,
    /// How many of its tasks on Fargate are on demand, if the others are on Spot.
    pub spot: Option<u32>,
    /// Whether tasks get a public address: Fargate in a public subnet without a NAT gateway.
    pub public_address: bool,
    /// Seconds after a task's start in which health checks do not count.
    pub grace: u32,
    /// Least and most tasks during a deployment, in percent of the count.
    pub percents: [u32; 2],
    /// Whether the circuit breaker is on, and whether it rolls back.
    pub circuit_breaker: [bool; 2],
    /// Whether commands may be run in its tasks.
    pub exec: bool,
    /// Seconds that a task may finish its requests, which its target groups know.
    pub drain: u32,
    /// How much longer than usual its tasks may take to be healthy, and the former ones to go.
    pub takes_longer: Duration,
    /// A deployment after which there has to be another, although nothing else differs.
    pub superseded: Option<String>,
    /// Whether its tags say what it runs, so that nobody need read that: see [`MANY`].
    pub says_what_runs: bool,
}

/// How many tasks a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    /// So many.
    Fixed(u32),
    /// As many as its load needs; it begins with so many.
    ByLoad(u32),
}

/// What can be changed of a service: mostly a part of one `UpdateService`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// What its tasks run.
    TaskDefinition,
    /// How many tasks.
    DesiredCount,
    /// Nothing moves the number of its tasks any more.
    StopScaling,
    /// Where its tasks register.
    LoadBalancers,
    /// The name that its tasks answer to.
    Registries,
    /// Where its tasks are in the network.
    Network,
    /// How long health checks do not count.
    GracePeriod,
    /// How a deployment goes, and what ends it.
    Deployments,
    /// Whether commands may be run in its tasks, which a task is born with.
    Exec,
    /// How tasks are spread over instances.
    Placement,
    /// What its tasks run on.
    Capacity,
    /// Another deployment, although nothing else need differ.
    NewDeployment,
    /// Other instances in the place of those that get no tasks.
    IdleInstances,
    /// Instances that are gone are registered no more, nor are tasks on them.
    LostInstances,
    /// What its tags say of what it runs.
    Runs,
}

/// How many services of a stack are looked into each by itself. Where there are more, what belongs to one
/// that runs as it was asked to is not read: its role, the tags of its log group, its task definition and
/// the attributes of its target groups would take five calls, and they work. What somebody does to them by
/// hand is not seen then.
pub const MANY: usize = 8;

/// The tag that holds the revision that a service of many runs, and the hash of its content. Its key is not
/// of those that make up an identity, which can be put on a thing only when that is made.
const TAG_RUNS: &str = "ecsup-runs";

/// First over the zones, then as few instances as their CPU allows.
const PLACEMENT: [(PlacementStrategyType, &str); 2] = [
    (PlacementStrategyType::Spread, "attribute:ecs.availability-zone"),
    (PlacementStrategyType::Binpack, "cpu"),
];
const STARTING: &str = "ECS to start the tasks";
const REPLACING: &str = "the group to replace instances that ECS gives no tasks, because they registered \
                         before their capacity provider was associated";
const FORGOTTEN: &str = "ECS to count the tasks as stopped whose instances are gone";
const UNSEEN: &str = "AWS to show the new deployment";

/// What the creation and the update of a service wait for.
const NOT_YET: &[&str] = &[
    cluster::NO_LINKED_ROLE,
    // Its listener was just made.
    "InvalidParameterException: does not have an associated load balancer",
    // Its provider was just associated.
    "InvalidParameterException: The specified capacity provider",
    "InvalidParameterException: not associated with the cluster",
    // A subnet or the group was just made: ECS quotes EC2.
    "InvalidParameterException: (ErrorCode: InvalidSubnetID.NotFound)",
    "InvalidParameterException: (ErrorCode: InvalidGroup.NotFound)",
];

impl Resource for Service {
    type Output = Output;
    const KIND: Kind = Kind::Service;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        list_by(aws, scope, task_definition::families(aws, scope)).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        list_by(others.aws(), others.scope(), others.families()).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        let mut clusters: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for it in these.iter().map(Owned::it) {
            clusters.entry(&it.cluster).or_default().push(it.name.clone());
        }
        let services =
            clusters.into_iter().map(async |(cluster, names)| describe(aws, cluster, names).await);
        let services = try_join_all(services).await?.into_iter().flatten();
        let looks = services.map(async |service| {
            let before =
                these.iter().map(Owned::it).find(|it| service.service_arn() == Some(&it.arn));
            let Some(owned) = read(scope, &service) else { return Ok(None) };
            let Seen::Present(it, _) = owned.seen else { return Ok(Some(owned)) };
            let asked = before.and_then(|before| before.deployment.as_ref());
            let shortage = Shortage::look(aws, scope, &service, &it, before).await;
            let it = Output { failed: None, ..it };
            let seen = match (judge(&service, asked), before) {
                // The next run finds what ECS went back to, and tries once more. This one must not.
                (Rollout::RolledBack(why), Some(before)) => {
                    let before = Output { shortage, ..before.clone() };
                    Seen::Present(before, Phase::Broken(why))
                }
                (Rollout::Unseen, Some(before)) => {
                    Seen::Present(before.clone(), Phase::Coming(UNSEEN.into()))
                }
                (Rollout::Going(why), _) => {
                    let phase = match shortage.in_vain() {
                        Some(in_vain) => Phase::Broken(format!("{why}, and {in_vain}")),
                        None => Phase::Coming(shortage.explained(&why)),
                    };
                    Seen::Present(Output { shortage, ..it }, phase)
                }
                (rollout, _) => Seen::Present(Output { shortage, ..it }, phase(rollout)),
            };
            Ok(Some(Owned { seen, ..owned }))
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        let mut uses = it.providers.clone().unwrap_or_default();
        uses.push(it.cluster.clone());
        uses.extend(it.targets.iter().flatten().map(|it| it.group.clone()));
        uses.extend(it.registries.iter().flatten().map(|arn| last_part(arn).to_owned()));
        uses.extend(
            it.network.iter().flat_map(|it| [it.subnets.clone(), it.groups.clone()].concat()),
        );
        uses
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ecs(it.arn.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        // Forced, it need not be scaled down first.
        let delete = aws.ecs.delete_service().cluster(&it.cluster).service(&it.name).force(true);
        delete
            .send()
            .await
            .doing("delete the ECS service")
            .wait_on(&["InvalidParameterException: deployments are active"])
            .gone_is_fine(&[
                "ServiceNotFoundException",
                "ServiceNotActiveException",
                "ClusterNotFoundException",
                "ClientException: inactive",
                "InvalidParameterException: inactive",
            ])
            .map(drop)
    }

    async fn forget_lost(aws: &Aws, it: &Output, why: Removal, waited: Duration) -> Result<()> {
        cluster::forget_lost(aws, &it.cluster, why, waited).await
    }
}

impl Wanted for Service {
    type Needs = Needs;
    type Change = Change;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let scope = Scope::Stack(cx.names.clone());
        let (cluster, name) = (cx.names.cluster(), self.name.to_string());
        let there = describe(&cx.aws, &cluster, vec![name.clone()]).await?;
        let foreign = there.iter().any(|service| {
            service.status() == Some("ACTIVE") && scope.owner(service.tags()).is_none()
        });
        Ok(foreign.then(|| format!("the service `{name}` of the ECS cluster `{cluster}`")))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        const DOING: &str = "create the ECS service";
        let Needs { cluster, task_definition, target_groups, provider, .. } = needs;
        if let Some(name) = &needs.registry {
            // A former service may have left some of its tasks there.
            discovery_service::clear(&cx.aws, name).await?;
        }
        let said = self.runs(task_definition).into_iter();
        let said = said.chain(self.scales().then(scaled::on));
        let said = said.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let create = cx
            .aws
            .ecs_once
            .create_service()
            .cluster(&cluster.name)
            .service_name(self.name.as_str())
            .task_definition(task_definition.arn.as_str())
            .desired_count(self.count())
            .network_configuration(self.network(needs).configuration(DOING)?)
            .set_load_balancers(Some(self.load_balancers(target_groups)))
            .set_service_registries(needs.registry.as_ref().map(|it| registries(Some(it))))
            .set_health_check_grace_period_seconds(self.grace(target_groups))
            .deployment_configuration(self.deployment_configuration())
            .set_availability_zone_rebalancing(self.rebalancing(None))
            .set_enable_execute_command(self.exec.then_some(true))
            .enable_ecs_managed_tags(true)
            .propagate_tags(PropagateTags::Service)
            .set_tags(Some([cx.ecs_tags(node), said].concat()));
        let create = match provider {
            Some(provider) => create
                .capacity_provider_strategy(strategy(provider, DOING)?)
                .set_placement_strategy(Some(placement())),
            None => match self.spot {
                Some(base) => create.set_capacity_provider_strategy(Some(on_spot(base, DOING)?)),
                None => create.launch_type(LaunchType::Fargate),
            },
        };
        let created = create
            .send()
            .await
            .doing(DOING)
            .wait_on(NOT_YET)
            .wait_on(&[
                "ClusterNotFoundException",
                "InvalidParameterException: \
                 verify that the ECS service role being passed has the proper permissions",
                "InvalidParameterException: Unable to Start a service that is still Draining",
            ])
            .taken_on(&[
                "InvalidParameterException: Creation of service was not idempotent",
                "ClientException: Creation of service was not idempotent",
            ])?;
        let made = made(created.service().ok_or_else(|| missing(DOING, "service"))?);
        Ok(with(made, |it| Output { scales: self.scales(), ..it }))
    }

    fn takes_longer(&self) -> Duration {
        self.takes_longer
    }

    fn immutable_drift(&self, it: &Output) -> Option<Difference<Change>> {
        moves(it, self.on_fargate)
    }

    fn drift(&self, it: &Output, needs: &Needs) -> Vec<Difference<Change>> {
        let Needs { task_definition, target_groups, provider, .. } = needs;
        let mut differences = Vec::new();
        let capacity = || capacity(it, provider.as_ref()).or_else(|| self.spot_differs(it));
        differences.extend(self.immutable_drift(it).or_else(capacity));
        let mut differs = |change: Change, field: &str, is: Option<String>, wanted: String| {
            if let Some(is) = is.filter(|is| *is != wanted) {
                differences.push(Difference::update(change, field, is, wanted));
            }
        };
        let revision = |arn: &str| last_part(arn).to_owned();
        let is = it.task_definition.as_deref().map(revision);
        let wanted = revision(task_definition.arn.as_str());
        differs(Change::TaskDefinition, "taskDefinition", is, wanted);
        let of_target = |target: &Target| target.in_words(&self.name);
        let targets = it.targets.as_ref();
        let targets = targets.map(|targets| in_words(targets.iter().map(of_target)));
        let wanted = in_words(self.targets(target_groups).iter().map(of_target));
        differs(Change::LoadBalancers, "loadBalancers", targets, wanted);
        let answers = |arns: Vec<&str>| match arns[..] {
            [] => "no name".to_owned(),
            _ => arns.iter().map(|arn| last_part(arn)).collect::<Vec<_>>().join(", "),
        };
        let is = it.registries.as_ref().map(|all| all.iter().map(String::as_str).collect());
        let wanted = needs.registry.iter().map(|it| it.arn.as_str()).collect();
        differs(Change::Registries, "serviceRegistries", is.map(answers), answers(wanted));
        let wanted = self.network(needs);
        // Where tasks cannot have public addresses, AWS may say so or say nothing.
        let network = it.network.clone().map(|it| match (it.public, wanted.public) {
            (Some(_), Some(_)) => it,
            _ => Network { public: wanted.public, ..it },
        });
        let is = network.as_ref().map(words);
        differs(Change::Network, "networkConfiguration", is, words(&wanted));
        if provider.is_some() {
            let placement = it.placement.as_ref().filter(|placement| !placement.is_empty());
            let is = placement.map(|placement| placement.join(", ").to_ascii_lowercase());
            let wanted = order(&self::placement()).join(", ");
            differs(Change::Placement, "placementStrategy", is, wanted);
        }
        let all = &mut differences;
        let grace = it.grace_period.as_ref();
        all.extend(self.count_differs(it));
        // Where nobody checks their health, it means nothing.
        if let Some(wanted) = self.grace(target_groups) {
            compare(all, Change::GracePeriod, "healthCheckGracePeriodSeconds", grace, &wanted);
        }
        let (percents, breaker) = (it.percents.as_ref(), it.circuit_breaker.as_ref());
        let wanted = self.percents.map(signed);
        compare(all, Change::Deployments, "deploymentConfiguration", percents, &wanted);
        let wanted = &self.circuit_breaker;
        compare(all, Change::Deployments, "deploymentCircuitBreaker", breaker, wanted);
        if it.exec != self.exec {
            let wanted = format!("{}, in new tasks", self.exec);
            all.push(Difference::update(Change::Exec, "enableExecuteCommand", it.exec, wanted));
        }
        // ECS counts an instance for the provider that the cluster had when it registered.
        if let (Some(provider), [_, ..]) = (provider, it.shortage.idle()) {
            let field = "capacityProviderName of idle instances";
            differences.push(Difference::update(
                Change::IdleInstances,
                field,
                "none",
                &provider.name,
            ));
        }
        if let lost @ [_, ..] = it.shortage.lost() {
            let (field, is) = ("registrations of instances that are gone", lost.len().to_string());
            differences.push(Difference::update(Change::LostInstances, field, is, "none"));
        }
        let runs = task_definition.hash.as_ref().filter(|_| self.says_what_runs);
        let is_said = |wanted: &&String| {
            it.runs.as_ref() == Some(*wanted) && it.drains == Some(self.drain.to_string())
        };
        if let Some(wanted) = runs.filter(|wanted| !is_said(wanted)) {
            let is = it.runs.as_deref().unwrap_or("none");
            differences.push(Difference::update(Change::Runs, TAG_RUNS, is, wanted));
        }
        // A forced deploy is over when another deployment has come after the one that was there.
        let forced = self.superseded.as_ref();
        if let Some(id) = it.deployment.as_ref().map(|it| &it.id).filter(|id| forced == Some(id)) {
            let wanted = "a new one, by --force";
            differences.push(Difference::update(Change::NewDeployment, "deployment", id, wanted));
        }
        // Tasks that run already do not register with a name that was made again.
        if let Some(registry) = needs.registry.as_ref().filter(|name| it.is_older_than(name)) {
            let (is, wanted) = (format!("older than the name {}", registry.name), "a new one");
            differences.push(Difference::update(Change::NewDeployment, "deployment", is, wanted));
        }
        // A deployment that failed stays as it is until somebody asks for another. Where something
        // else changes, that does.
        if let Some(why) = it.failed.as_ref().filter(|_| differences.is_empty()) {
            let is = format!("failed: {why}");
            let change = Change::NewDeployment;
            differences.push(Difference::update(change, "deployment", is, "a new one"));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        needs: &Needs,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        const DOING: &str = "update the ECS service";
        let Needs { task_definition, target_groups, provider, .. } = needs;
        // Each forced call starts a deployment: one whose answer is lost is looked up.
        let forced = changes.iter().any(|change| change.forces());
        let ecs = if forced { &cx.aws.ecs_once } else { &cx.aws.ecs };
        let mut update = ecs.update_service().cluster(&it.cluster).service(&it.name);
        // Only what differs: ECS may start a deployment for a field that is merely said again.
        for change in changes {
            update = match change {
                Change::TaskDefinition => update.task_definition(task_definition.arn.as_str()),
                Change::DesiredCount => update.desired_count(self.count()),
                // Before anything else, so that nobody moves what is asked for.
                Change::StopScaling => {
                    scaled::stop(&cx.aws, it).await?;
                    update
                }
                Change::LoadBalancers => {
                    let of = Some(self.load_balancers(target_groups));
                    let grace = self.grace(target_groups);
                    update.set_load_balancers(of).set_health_check_grace_period_seconds(grace)
                }
                Change::Registries => {
                    update.set_service_registries(Some(registries(needs.registry.as_ref())))
                }
                Change::Network => {
                    update.network_configuration(self.network(needs).configuration(DOING)?)
                }
                Change::GracePeriod => {
                    update.set_health_check_grace_period_seconds(self.grace(target_groups))
                }
                Change::Deployments => {
                    let before = it.percents.map(|[_, most]| most);
                    update
                        .deployment_configuration(self.deployment_configuration())
                        .set_availability_zone_rebalancing(self.rebalancing(before))
                }
                // Only tasks that start from now on have it (ECS guide, "Turning on ECS Exec"): the call
                // is forced, also to turn it off.
                Change::Exec => update.enable_execute_command(self.exec),
                Change::Placement => update.set_placement_strategy(Some(placement())),
                Change::Capacity => match (provider, self.spot) {
                    (Some(provider), _) => {
                        update.capacity_provider_strategy(strategy(provider, DOING)?)
                    }
                    (None, Some(base)) => {
                        update.set_capacity_provider_strategy(Some(on_spot(base, DOING)?))
                    }
                    // An empty strategy is the launch type again (API `UpdateService`), and nothing says of
                    // which it is then. The provider of the same is as good.
                    (None, None) => {
                        update.capacity_provider_strategy(strategy_item(FARGATE, [0, 1], DOING)?)
                    }
                },
                // The call is forced.
                Change::NewDeployment => update,
                // When the rest is done: until then it is not true.
                Change::Runs => update,
                // First of all, and the rest when they are gone: nothing was asked yet.
                Change::IdleInstances => return end_idle_instances(cx, it).await,
                Change::LostInstances => return forget_lost_instances(cx, it).await,
            };
        }
        if forced || it.failed.is_some() {
            update = update.force_new_deployment(true);
        }
        let changes = |such: fn(&Change) -> bool| changes.iter().any(such);
        let updated = match changes(|it| !matches!(it, Change::Runs | Change::StopScaling)) {
            false => None,
            true => {
                let updated = update.send().await.doing(DOING).wait_on(NOT_YET)?;
                Some(made(updated.service().ok_or_else(|| missing(DOING, "service"))?))
            }
        };
        let runs = self.runs(task_definition).filter(|_| changes(|it| *it == Change::Runs));
        if let Some(runs) = runs {
            Tagging::Ecs(it.arn.clone()).put(&cx.aws, &[runs]).await?;
        }
        let runs = task_definition.hash.clone().filter(|_| self.says_what_runs);
        let drains = runs.as_ref().map(|_| self.drain.to_string());
        let scales = it.scales && self.scales();
        let updated = updated.unwrap_or_else(|| Made::Ready(it.clone()));
        Ok(with(updated, |it| Output { scales, runs, drains, ..it }))
    }

    async fn diagnosis(aws: &Aws, scope: &Scope, it: &Output) -> Diagnosis {
        let described = describe(aws, &it.cluster, vec![it.name.clone()]).await;
        let Some(service) = described.unwrap_or_default().pop() else {
            return Diagnosis { state: None, findings: Self::known(it).to_vec() };
        };
        let before = it.shortage.evidence();
        let mut evidence = evidence::in_full(aws, scope, &service, it, before).await;
        let state = match judge(&service, it.deployment.as_ref()) {
            Rollout::Going(state) => Some(state),
            // What was wrong on the way is over.
            Rollout::Steady => {
                evidence = evidence.of_now();
                None
            }
            _ => None,
        };
        Diagnosis { state, findings: diagnosis::findings(&evidence) }
    }

    fn known(it: &Output) -> &[Finding] {
        it.shortage.findings()
    }

    fn unhurried(it: &Output, _awaited: bool) -> bool {
        // Health checks come after the start, and take as long as this spares. Where tasks fail, ECS may
        // give the deployment up any moment.
        let none_runs = it.running == Some(0) && it.desired_count.is_some_and(|wanted| wanted > 0);
        none_runs && !it.shortage.is_failing()
    }
}

impl Change {
    /// Whether ECS makes this change only with a deployment that is asked for besides.
    fn forces(self) -> bool {
        match self {
            Change::NewDeployment | Change::Capacity | Change::Exec => true,
            Change::TaskDefinition
            | Change::DesiredCount
            | Change::StopScaling
            | Change::LoadBalancers
            | Change::Registries
            | Change::Network
            | Change::GracePeriod
            | Change::Deployments
            | Change::Placement
            | Change::IdleInstances
            | Change::LostInstances
            | Change::Runs => false,
        }
    }
}

/// Ends the instances that get no tasks; their group starts others.
async fn end_idle_instances(cx: &Cx, it: &Output) -> Result<Made<Output>> {
    for instance in it.shortage.idle() {
        Instance::delete(&cx.aws, instance).await?;
    }
    let it = Output { shortage: it.shortage.clone().with_idle_ended(), ..it.clone() };
    Ok(Made::Coming(it, REPLACING.into()))
}

/// Tells ECS of the instances that are gone: nobody else would.
async fn forget_lost_instances(cx: &Cx, it: &Output) -> Result<Made<Output>> {
    cluster::deregister_all(&cx.aws, &it.cluster, it.shortage.lost()).await?;
    let it = Output { shortage: it.shortage.clone().without_lost(), ..it.clone() };
    Ok(Made::Coming(it, FORGOTTEN.into()))
}

impl Service {
    fn count(&self) -> i32 {
        let (Tasks::Fixed(count) | Tasks::ByLoad(count)) = self.tasks;
        signed(count)
    }

    /// What its tags say of what it runs.
    fn runs(&self, it: &task_definition::Output) -> Option<(String, String)> {
        let hash = it.hash.as_ref().filter(|_| self.says_what_runs)?;
        let drains = if self.drain == 0 { String::new() } else { format!(" {}", self.drain) };
        Some((TAG_RUNS.to_owned(), format!("{} {hash}{drains}", last_part(it.arn.as_str()))))
    }

    /// How long health checks do not count, where there are any.
    fn grace(&self, target_groups: &[target_group::Output]) -> Option<i32> {
        (!target_groups.is_empty()).then(|| signed(self.grace))
    }

    /// Whether ECS moves tasks to even out the zones, where it cannot be what it is: it starts a task before
    /// it stops another, so it needs room for more than the count (ECS guide, "Balancing an Amazon ECS
    /// service across Availability Zones"). `before` is the most percent that there were.
    fn rebalancing(&self, before: Option<i32>) -> Option<AvailabilityZoneRebalancing> {
        let [_, most] = self.percents;
        match most {
            ..=100 => Some(AvailabilityZoneRebalancing::Disabled),
            _ if before.is_some_and(|before| before <= 100) => {
                Some(AvailabilityZoneRebalancing::Enabled)
            }
            _ => None,
        }
    }

    /// How it differs whether its tasks on Fargate are on Spot, and how many of them are not.
    fn spot_differs(&self, it: &Output) -> Option<Difference<Change>> {
        let wanted = self.spot.map(signed);
        let words = |base: Option<i32>| match base {
            None => FARGATE.to_owned(),
            Some(0) => FARGATE_SPOT.to_owned(),
            Some(base) => format!("{FARGATE_SPOT} beyond {base} of {FARGATE}"),
        };
        let differs = self.on_fargate && it.on_demand_base != wanted;
        let (is, wanted) = (words(it.on_demand_base), words(wanted));
        let field = "capacityProviderStrategy";
        differs.then(|| Difference::update(Change::Capacity, field, is, wanted))
    }

    fn deployment_configuration(&self) -> DeploymentConfiguration {
        let [enable, rollback] = self.circuit_breaker;
        let breaker = DeploymentCircuitBreaker::builder().enable(enable).rollback(rollback).build();
        let [least, most] = self.percents.map(signed);
        DeploymentConfiguration::builder()
            .minimum_healthy_percent(least)
            .maximum_percent(most)
            .deployment_circuit_breaker(breaker)
            .build()
    }

    fn targets(&self, target_groups: &[target_group::Output]) -> Vec<Target> {
        let (container, port) = &self.target;
        let of = |target_group: &target_group::Output| Target {
            group: target_group.arn.to_string(),
            container: container.clone(),
            port: i32::from(*port),
        };
        target_groups.iter().map(of).collect()
    }

    fn load_balancers(&self, target_groups: &[target_group::Output]) -> Vec<LoadBalancer> {
        let of = |target: Target| {
            LoadBalancer::builder()
                .target_group_arn(target.group)
                .container_name(target.container)
                .container_port(target.port)
                .build()
        };
        self.targets(target_groups).into_iter().map(of).collect()
    }

    fn network(&self, Needs { subnets, group, provider, .. }: &Needs) -> Network {
        // Tasks on instances cannot have a public address, and ECS refuses to be asked for it.
        let public = provider.is_none().then_some(self.public_address);
        Network::of(subnets, group, &self.more_groups, public)
    }
}

impl Network {
    /// Where tasks are in these subnets, in these groups.
    pub(super) fn of(
        subnets: &[subnet::Output],
        group: &security_group::Output,
        more_groups: &[String],
        public: Option<bool>,
    ) -> Self {
        let mut subnets: Vec<_> = subnets.iter().map(|subnet| subnet.id.to_string()).collect();
        subnets.sort();
        let mut groups = more_groups.to_vec();
        groups.push(group.id.to_string());
        groups.sort();
        Self { subnets, groups, public }
    }

    /// The same, as it is asked for.
    pub(super) fn configuration(self, doing: &str) -> Result<NetworkConfiguration> {
        let assign =
            |public| if public { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let configuration = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets))
            .set_security_groups(Some(self.groups))
            .set_assign_public_ip(self.public.map(assign))
            .build()
            .map_err(|error| Error::other(doing, error.to_string()))?;
        Ok(NetworkConfiguration::builder().awsvpc_configuration(configuration).build())
    }
}

impl Output {
    /// Whether its tasks run on Fargate.
    pub fn is_on_fargate(&self) -> bool {
        let provider = self.providers.as_ref().and_then(|all| all.first());
        provider.or(self.launch_type.as_ref()).is_some_and(|it| it.starts_with(FARGATE))
    }

    /// Whether its tasks are to answer to a name that was made after they were asked for.
    fn is_older_than(&self, name: &discovery_service::Output) -> bool {
        let answers = self.registries.iter().flatten().any(|arn| *arn == name.arn);
        let since = self.deployment.as_ref().and_then(|it| it.since);
        answers && since.zip(name.created).is_some_and(|(since, made)| since < made)
    }
}

/// The names that tasks answer to, as they are asked for.
fn registries(name: Option<&discovery_service::Output>) -> Vec<ServiceRegistry> {
    let registry = |it: &discovery_service::Output| {
        // With addresses alone, neither a port nor a container is said.
        ServiceRegistry::builder().registry_arn(&it.arn).build()
    };
    name.map(registry).into_iter().collect()
}

impl From<&Described> for Output {
    fn from(service: &Described) -> Self {
        let network = service.network_configuration();
        let network = network.and_then(NetworkConfiguration::awsvpc_configuration);
        let network = network.map(|it| {
            let (mut subnets, mut groups) = (it.subnets().to_vec(), it.security_groups().to_vec());
            subnets.sort();
            groups.sort();
            let public = it.assign_public_ip().map(|it| *it == AssignPublicIp::Enabled);
            Network { subnets, groups, public }
        });
        let target = |it: &LoadBalancer| {
            Some(Target {
                group: it.target_group_arn()?.to_owned(),
                container: it.container_name()?.to_owned(),
                port: it.container_port()?,
            })
        };
        let targets = service.load_balancers.as_ref();
        let targets = targets.and_then(|targets| targets.iter().map(target).collect());
        let registry = |it: &ServiceRegistry| it.registry_arn().map(str::to_owned);
        let registries = service.service_registries.as_ref();
        let registries = registries.map(|all| all.iter().filter_map(registry).collect());
        let providers = service.capacity_provider_strategy.as_ref();
        let deployments = service.deployment_configuration();
        let percents =
            deployments.and_then(|it| Some([it.minimum_healthy_percent()?, it.maximum_percent()?]));
        let breaker = deployments.and_then(DeploymentConfiguration::deployment_circuit_breaker);
        let primary = rollout::primary(service);
        let runs = service.tags().iter().find(|tag| tag.key() == Some(TAG_RUNS));
        let runs = runs.and_then(|tag| tag.value()?.split_once(' '));
        let is_of = |revision: &str| service.task_definition().map(last_part) == Some(revision);
        let runs = runs.filter(|(revision, _)| is_of(revision)).map(|(_, rest)| rest);
        let (runs, drains) = runs.map(|rest| rest.split_once(' ').unwrap_or((rest, "0"))).unzip();
        Self {
            name: service.service_name().unwrap_or_default().to_owned(),
            arn: service.service_arn().unwrap_or_default().to_owned(),
            cluster: last_part(service.cluster_arn().unwrap_or_default()).to_owned(),
            task_definition: service.task_definition().map(str::to_owned),
            deployment: primary.and_then(|it| {
                Some(Deployment { id: it.id()?.to_owned(), since: it.created_at().copied() })
            }),
            failed: None,
            desired_count: Some(service.desired_count()),
            running: Some(service.running_count()),
            scales: scaled::is_said(service),
            runs: runs.map(str::to_owned),
            drains: drains.map(str::to_owned),
            shortage: Shortage::default(),
            launch_type: service.launch_type().map(|it| it.as_str().to_owned()),
            providers: providers
                .map(|all| all.iter().map(|it| it.capacity_provider().to_owned()).collect()),
            on_demand_base: on_demand_base(service.capacity_provider_strategy()),
            placement: service.placement_strategy.as_deref().map(order),
            network,
            targets,
            registries,
            grace_period: service.health_check_grace_period_seconds(),
            percents,
            circuit_breaker: breaker.map(|it| [it.enable(), it.rollback()]),
            exec: service.enable_execute_command(),
        }
    }
}

/// Services that run as they were asked to, by name, where there are many.
pub(super) async fn steady_of_many(
    others: &impl Others,
) -> Result<BTreeMap<String, Owned<Output>>> {
    let services = others.listing::<Service>().await?;
    if services.len() <= MANY || !matches!(others.scope(), Scope::Stack(_)) {
        return Ok(BTreeMap::new());
    }
    let steady = services.iter().filter(|it| matches!(it.seen, Seen::Present(_, Phase::Ready)));
    Ok(steady.map(|it| (it.it().name.clone(), it.clone())).collect())
}

/// What belongs to a service and was not read: it has the tags that the service has, and another node.
pub(super) fn belonging<T>(to: &Owned<Output>, node: String, id: String, it: T) -> Owned<T> {
    let node = NodeName::from(node);
    Owned { owner: Owner { node, ..to.owner.clone() }, id, seen: Seen::Present(it, Phase::Ready) }
}

/// What the steady services of many run, by family, as far as their tags say it.
pub(super) async fn running(
    others: &impl Others,
) -> Result<BTreeMap<String, Owned<task_definition::Output>>> {
    let Scope::Stack(names) = others.scope() else { return Ok(BTreeMap::new()) };
    let steady = steady_of_many(others).await?;
    let runs = steady.values().filter_map(|owned| {
        let it = owned.it();
        let family = names.task_family(&it.name.parse().ok()?);
        let (arn, hash) = (it.task_definition.as_deref()?.into(), it.runs.clone()?);
        let it_runs =
            task_definition::Output { arn, hash: Some(hash), content: None, released: None };
        let node = format!("task-definition/{}", it.name);
        Some((family.clone(), belonging(owned, node, family, it_runs)))
    });
    Ok(runs.collect())
}

/// All services of ours: those that their clusters list, and those that families are named after.
async fn list_by(
    aws: &Aws,
    scope: &Scope,
    families: impl Future<Output = Result<Vec<String>>>,
) -> Result<Vec<Owned<Output>>> {
    let names = names(aws, scope, families).await?.into_iter();
    let services = names.map(async |(cluster, names)| describe(aws, &cluster, names).await);
    let services = try_join_all(services).await?.into_iter().flatten();
    Ok(services.filter_map(|service| read(scope, &service)).collect())
}

/// The names of the services in each of our clusters, also of those that are on their way out, which only
/// the families of task definitions still say.
pub(super) async fn names(
    aws: &Aws,
    scope: &Scope,
    families: impl Future<Output = Result<Vec<String>>>,
) -> Result<Vec<(String, Vec<String>)>> {
    let listed = async {
        let clusters: Vec<_> = match scope {
            Scope::Stack(names) | Scope::Like(names) => {
                vec![(names.stack().to_string(), names.cluster())]
            }
            Scope::Region(_) => {
                let ours = cluster::ours(aws, scope).await?.into_iter();
                ours.map(|(owner, it)| (owner.stack, it.cluster_name.unwrap_or_default())).collect()
            }
        };
        let listed = clusters.into_iter().map(async |(stack, cluster)| {
            let names = listed(aws, &cluster).await?;
            Ok((stack, cluster, names))
        });
        try_join_all(listed).await
    };
    let (listed, families) = futures::try_join!(listed, families)?;
    let all = listed.into_iter().map(|(stack, cluster, mut names)| {
        names.extend(named_by(&families, &stack));
        (cluster, names)
    });
    Ok(all.collect())
}

/// The names of the services of a cluster that are not on their way out.
async fn listed(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let all = aws.ecs.list_services().cluster(cluster).into_paginator().items().send();
    let all = all.all().await;
    let all = all.doing("list the ECS services").gone_is_fine(cluster::GONE)?;
    Ok(all.unwrap_or_default().iter().map(|arn| last_part(arn).to_owned()).collect())
}

/// The services of a stack that families of task definitions are named after: `ListServices` does
/// not list one that is draining.
fn named_by(families: &[String], stack: &str) -> Vec<String> {
    let parts = families.iter().filter_map(|family| task_definition::parts(family));
    parts.filter(|(of, _)| *of == stack).map(|(_, name)| name.to_owned()).collect()
}

/// Services by name; a call takes ten. Unknown ones, and those of a cluster that is gone, are left out.
async fn describe(aws: &Aws, cluster: &str, names: Vec<String>) -> Result<Vec<Described>> {
    let names: Vec<_> = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let batches = names.chunks(10).map(async |batch| {
        let describe = aws.ecs.describe_services().cluster(cluster).include(ServiceField::Tags);
        let described = describe.set_services(Some(batch.to_vec())).send().await;
        let described = described.doing("describe the ECS services").gone_is_fine(cluster::GONE)?;
        Ok(described.and_then(|described| described.services).unwrap_or_default())
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

fn read(scope: &Scope, service: &Described) -> Option<Owned<Output>> {
    let owner = scope.owner(service.tags())?;
    let it = Output::from(service);
    let it = Output { shortage: Shortage::found(it.deployment.as_ref()), ..it };
    let id = it.name.clone();
    let seen = match service.status() {
        Some("INACTIVE") => return None,
        Some("DRAINING") => {
            let tasks = service.running_count() + service.pending_count();
            Seen::Leaving(it, format!("{tasks} of its tasks have not stopped yet"))
        }
        _ => match judge(service, None) {
            Rollout::Going(wait) => {
                let found = diagnosis::findings(&evidence::seen(service, &it));
                let wait = shortage::explained(&wait, &found);
                Seen::Present(it, Phase::Coming(wait))
            }
            Rollout::Failed(why) => {
                Seen::Present(Output { failed: Some(why.clone()), ..it }, Phase::Broken(why))
            }
            rollout => Seen::Present(it, phase(rollout)),
        },
    };
    Some(Owned { owner, id, seen })
}

fn phase(rollout: Rollout) -> Phase {
    match rollout {
        Rollout::Steady => Phase::Ready,
        Rollout::Going(why) => Phase::Coming(why),
        Rollout::Failed(why) | Rollout::RolledBack(why) => Phase::Broken(why),
        Rollout::Unseen => Phase::Coming(UNSEEN.into()),
    }
}

/// What a change answered. A failure that it shows is the one that was there before.
fn made(service: &Described) -> Made<Output> {
    match judge(service, None) {
        Rollout::Steady => Made::Ready(Output::from(service)),
        Rollout::Going(why) => Made::Coming(Output::from(service), why),
        _ => Made::Coming(Output::from(service), STARTING.into()),
    }
}

/// What a change answered, with what an answer does not tell.
fn with(made: Made<Output>, more: impl FnOnce(Output) -> Output) -> Made<Output> {
    match made {
        Made::Ready(it) => Made::Ready(more(it)),
        Made::Coming(it, why) => Made::Coming(more(it), why),
        Made::Asked(why) => Made::Asked(why),
    }
}

/// How what a service runs on differs. AWS has a launch type or a strategy. Some endpoints say both, and
/// then the strategy counts; an empty one says nothing, since some drop it.
fn capacity(
    it: &Output,
    provider: Option<&capacity_provider::Output>,
) -> Option<Difference<Change>> {
    let providers = it.providers.as_ref().filter(|providers| !providers.is_empty());
    let strategy = providers.map(|providers| providers.join(", "));
    let (provider, is) = (provider?, strategy?);
    let field = "capacityProviderStrategy";
    (is != provider.name).then(|| Difference::update(Change::Capacity, field, is, &provider.name))
}

/// Whether a service would have to move between instances and Fargate, which it cannot.
fn moves(it: &Output, to_fargate: bool) -> Option<Difference<Change>> {
    let strategy = it.providers.as_ref().and_then(|providers| providers.first());
    let is = strategy.or(it.launch_type.as_ref())?;
    let wanted = if to_fargate { FARGATE } else { "EC2" };
    let why = "a service does not move between instances and Fargate: give it another name, which makes a \
               new one, or destroy the stack first";
    (it.is_on_fargate() != to_fargate)
        .then(|| Difference::replacement("launchType", is, wanted, why))
}

pub(super) fn strategy(
    provider: &capacity_provider::Output,
    doing: &str,
) -> Result<CapacityProviderStrategyItem> {
    strategy_item(&provider.name, [0, 1], doing)
}

/// A provider in a strategy, with its base and its weight.
fn strategy_item(
    provider: &str,
    [base, weight]: [i32; 2],
    doing: &str,
) -> Result<CapacityProviderStrategyItem> {
    let item = CapacityProviderStrategyItem::builder().capacity_provider(provider);
    let item = item.base(base).weight(weight).build();
    item.map_err(|error| Error::other(doing, error.to_string()))
}

/// All tasks on Fargate Spot but for the first ones, which are on demand. ECS puts no task on demand because
/// there is no Spot capacity, whatever the weights are.
fn on_spot(on_demand_base: u32, doing: &str) -> Result<Vec<CapacityProviderStrategyItem>> {
    let mut items = vec![strategy_item(FARGATE_SPOT, [0, 1], doing)?];
    if on_demand_base > 0 {
        items.insert(0, strategy_item(FARGATE, [signed(on_demand_base), 0], doing)?);
    }
    Ok(items)
}

/// How many tasks are on demand by a strategy, if the others are on Fargate Spot. One in which others than the
/// first ones are on demand is somebody else's: it counts as one without Spot.
fn on_demand_base(strategy: &[CapacityProviderStrategyItem]) -> Option<i32> {
    let of = |name: &str| strategy.iter().find(|it| it.capacity_provider() == name);
    of(FARGATE_SPOT)?;
    match of(FARGATE) {
        None => Some(0),
        Some(on_demand) if on_demand.weight() == 0 => Some(on_demand.base()),
        Some(_) => None,
    }
}

fn placement() -> Vec<PlacementStrategy> {
    let strategy = |(kind, field): &(PlacementStrategyType, &str)| {
        PlacementStrategy::builder().r#type(kind.clone()).field(*field).build()
    };
    PLACEMENT.iter().map(strategy).collect()
}

/// Placement strategies in words, in their order.
fn order(strategies: &[PlacementStrategy]) -> Vec<String> {
    let one = |strategy: &PlacementStrategy| {
        let kind = strategy.r#type().map_or("", PlacementStrategyType::as_str);
        format!("{kind} {}", strategy.field().unwrap_or_default())
    };
    strategies.iter().map(one).collect()
}

/// Targets in words, in whichever order they are.
fn in_words(targets: impl Iterator<Item = String>) -> String {
    let targets: BTreeSet<_> = targets.collect();
    match targets.is_empty() {
        true => "none".to_owned(),
        false => Vec::from_iter(targets).join(", "),
    }
}

impl Target {
    /// What it is in words, beside those of a service.
    fn in_words(&self, service: &ServiceName) -> String {
        let Self { group, container, port } = self;
        match container.as_str() == service.as_str() {
            true => format!("port {port} in {group}"),
            false => format!("port {port} of {container} in {group}"),
        }
    }
}

fn words(network: &Network) -> String {
    let public = match network.public {
        Some(true) => ", public addresses",
        Some(false) => ", no public addresses",
        None => "",
    };
    format!("{}, {}{public}", network.subnets.join(", "), network.groups.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Remedy;

    const REVISION: &str = "arn:aws:ecs:eu-west-1:1:task-definition/td-demo_web:2";

    fn wanted(needs: &Needs) -> Service {
        Service {
            name: "web".parse().unwrap(),
            tasks: Tasks::Fixed(2),
            target: ("web".into(), 80),
            more_groups: Vec::new(),
            public_address: false,
            grace: 120,
            percents: [75, 200],
            circuit_breaker: [true, true],
            exec: false,
            drain: 0,
            takes_longer: Duration::ZERO,
            superseded: None,
            says_what_runs: false,
            on_fargate: needs.provider.is_none(),
            spot: None,
        }
    }

    fn needs(on_instances: bool) -> Needs {
        let cluster = cluster::Output { name: "cluster-demo".into(), ..cluster::Output::default() };
        let task_definition = task_definition::Output {
            arn: REVISION.into(),
            hash: None,
            content: None,
            released: None,
        };
        let target_group = target_group::Output {
            arn: "tg".into(),
            vpc: None,
            load_balancers: None,
            health: None,
            deregistration_delay: None,
        };
        let subnet = |id: &str| subnet::Output::known(id, "vpc-1");
        let group = security_group::Output::new("sg-1", &"vpc-1".into());
        let provider = capacity_provider::Output {
            name: "cp-demo".into(),
            arn: String::new(),
            group: None,
            target_capacity: None,
            termination_protection: None,
            draining: None,
            scaling: None,
            warmup: None,
            steps: None,
        };
        Needs {
            cluster,
            task_definition,
            target_groups: vec![target_group],
            subnets: vec![subnet("subnet-b"), subnet("subnet-a")],
            group,
            provider: on_instances.then_some(provider),
            registry: None,
        }
    }

    /// A service as AWS answers right after it was made.
    fn described(needs: &Needs) -> Described {
        let service = Described::builder()
            .task_definition(REVISION)
            .desired_count(2)
            .network_configuration(wanted(needs).network(needs).configuration("").unwrap())
            .set_load_balancers(Some(wanted(needs).load_balancers(&needs.target_groups)))
            .health_check_grace_period_seconds(120)
            .deployment_configuration(wanted(needs).deployment_configuration());
        match &needs.provider {
            Some(provider) => service
                .capacity_provider_strategy(strategy(provider, "").unwrap())
                .set_placement_strategy(Some(placement()))
                .build(),
            None => service.launch_type(LaunchType::Fargate).build(),
        }
    }

    fn fields(it: &Output, needs: &Needs) -> Vec<String> {
        wanted(needs).drift(it, needs).into_iter().map(|difference| difference.field).collect()
    }

    #[test]
    fn what_was_asked_for_is_no_difference() {
        for needs in [needs(true), needs(false)] {
            let it = Output::from(&described(&needs));
            assert_eq!(wanted(&needs).drift(&it, &needs), []);
            // AWS writes the field in upper case, and says what tasks on instances cannot have.
            let placement = it.placement.clone().map(|all| all.join(",").to_uppercase());
            let public = it.network.clone().map(|it| Network { public: Some(false), ..it });
            let mut it = Output { network: public, ..it };
            it.placement = placement.map(|all| all.split(',').map(str::to_owned).collect());
            assert_eq!(wanted(&needs).drift(&it, &needs), []);
        }
    }

    #[test]
    fn what_an_endpoint_drops_is_no_difference() {
        let it = Described::builder()
            .desired_count(2)
            .launch_type(LaunchType::Ec2)
            .set_capacity_provider_strategy(Some(Vec::new()))
            .set_placement_strategy(Some(Vec::new()))
            .build();
        assert_eq!(fields(&Output::from(&it), &needs(true)), [""; 0]);
    }

    #[test]
    fn changes_are_told_by_field() {
        let needs = needs(false);
        let it = Output::from(&described(&needs));
        let network =
            it.network.clone().map(|it| Network { subnets: vec!["subnet-a".into()], ..it });
        let it = Output {
            task_definition: Some(REVISION.replace(":2", ":1")),
            desired_count: Some(1),
            running: None,
            targets: Some(vec![Target { group: "tg".into(), container: "web".into(), port: 8080 }]),
            network,
            ..it
        };
        let all = ["taskDefinition", "loadBalancers", "networkConfiguration", "desiredCount"];
        assert_eq!(fields(&it, &needs), all);
    }

    #[test]
    fn a_service_does_not_move_between_instances_and_fargate() {
        for (on_instances, other) in [(true, needs(false)), (false, needs(true))] {
            let it = Output::from(&described(&other));
            let differences = wanted(&needs(on_instances)).drift(&it, &needs(on_instances));
            assert!(matches!(differences[0].remedy, Remedy::Replacement(_)));
        }
    }

    #[test]
    fn the_strategy_counts_where_an_endpoint_says_a_launch_type_besides() {
        let needs = needs(true);
        let both =
            Output { launch_type: Some("FARGATE".into()), ..Output::from(&described(&needs)) };
        assert_eq!(wanted(&needs).drift(&both, &needs), []);
        let fargate = self::needs(false);
        let both = Output {
            providers: Some(vec!["FARGATE".into()]),
            ..Output::from(&described(&fargate))
        };
        assert_eq!(wanted(&fargate).drift(&both, &fargate), []);
    }

    #[test]
    fn a_forced_deploy_differs_until_there_is_another_deployment() {
        let needs = needs(false);
        let deployment = |id: &str| {
            let deployment = Some(Deployment { id: id.into(), since: None });
            Output { deployment, ..Output::from(&described(&needs)) }
        };
        let forced = Service { superseded: Some("d1".into()), ..wanted(&needs) };
        assert_eq!(forced.drift(&deployment("d1"), &needs).len(), 1);
        assert_eq!(forced.drift(&deployment("d2"), &needs), []);
        assert_eq!(wanted(&needs).drift(&deployment("d1"), &needs), []);
    }

    #[test]
    fn another_run_tries_a_failed_deployment_again() {
        let needs = needs(false);
        let failed = Some("tasks failed to start".to_owned());
        let it = Output { failed, ..Output::from(&described(&needs)) };
        assert_eq!(fields(&it, &needs), ["deployment"]);
        let it = Output { desired_count: Some(1), ..it };
        assert_eq!(fields(&it, &needs), ["desiredCount"]);
    }
}
