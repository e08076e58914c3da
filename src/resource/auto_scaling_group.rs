//! The Auto Scaling group: the instances. How many there are is its scaler's affair, never drift.
//!
//! Its create names everything that a template only names, so whatever is not visible yet is
//! refused here, as a `ValidationError` with words. It answers with nothing: the next look supplies
//! the ARN. A delete is forced, which passes over the protection from scale-in that ECS leaves on
//! instances; what ECS's draining hook holds is released first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_autoscaling::types::{
    Activity, AutoScalingGroup as Group, DeletionProtection, Filter, Instance,
    InstancesDistribution, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification,
    LifecycleState, MixedInstancesPolicy, ScalingActivityStatusCode, Tag,
};
use aws_smithy_types::DateTime;

use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, compare, instance_profile,
    launch_template, signed, subnet,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, Scope, Tagging};
use crate::diagnosis::Launch;
use crate::names::{self, NodeName};

/// An Auto Scaling group as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Fewest instances.
    pub min_size: Option<i32>,
    /// Most instances.
    pub max_size: Option<i32>,
    /// The id of its launch template.
    pub template: Option<String>,
    /// The version of the launch template that it is pinned to.
    pub template_version: Option<String>,
    /// How its instances are chosen, where the template does not say it all.
    pub mix: Option<Mix>,
    /// Its subnets, in order.
    pub subnets: Option<Vec<String>>,
    /// Whether new instances are protected from scale-in.
    pub protected: Option<bool>,
    /// How many instances it wants.
    pub desired: Option<i32>,
    /// How many instances serve.
    pub in_service: i32,
    /// Its instances.
    pub members: Vec<Member>,
    /// Instances held by a hook while they terminate.
    pub held: Vec<String>,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its type.
    pub instance_type: Option<String>,
    /// The id of the launch template that it began with.
    pub template: Option<String>,
    /// The version of that.
    pub version: Option<String>,
    /// Whether it is on its way out.
    pub is_leaving: bool,
}

/// The Auto Scaling group that is wanted.
#[derive(Debug)]
pub struct AutoScalingGroup {
    /// Fewest instances.
    pub min_size: u32,
    /// Most instances.
    pub max_size: u32,
    /// How they are chosen, where they are of several types or Spot instances.
    pub mix: Option<Mix>,
}

/// How the instances of a group are chosen among several types, and between Spot and on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// The types, the preferred one first.
    pub types: Vec<String>,
    /// How many are on demand before there is a Spot instance.
    pub on_demand_base: i32,
    /// How many of a hundred are on demand beyond that.
    pub on_demand_percent: i32,
    /// How types are chosen on demand.
    pub on_demand: String,
    /// How types are chosen for Spot.
    pub spot: String,
}

/// The types are in the order in which they are preferred.
const PRIORITIZED: &str = "prioritized";
/// Where most of the cheap ones are left: what AWS recommends (API `InstancesDistribution`), since what is
/// scarce is soon taken back.
const PRICE_AND_CAPACITY: &str = "price-capacity-optimized";

impl Mix {
    /// How instances are chosen; `None` where the template's one type is all that is wanted, on demand. Where
    /// there are Spot instances, `spot` is how many are on demand before them.
    pub fn of(types: &[String], spot: Option<u32>) -> Option<Self> {
        (types.len() > 1 || spot.is_some()).then(|| Self {
            types: types.to_vec(),
            on_demand_base: signed(spot.unwrap_or_default()),
            on_demand_percent: if spot.is_some() { 0 } else { 100 },
            on_demand: PRIORITIZED.to_owned(),
            spot: PRICE_AND_CAPACITY.to_owned(),
        })
    }

    /// The base of instances on demand, if the others are Spot instances.
    pub fn base_beside_spot(&self) -> Option<i32> {
        (self.on_demand_percent < 100).then_some(self.on_demand_base)
    }

    /// The policy, with the template that it is about. It says everything, so that nothing is left of one from
    /// before.
    fn policy(&self, template: LaunchTemplateSpecification) -> MixedInstancesPolicy {
        let distribution = InstancesDistribution::builder()
            .on_demand_allocation_strategy(&self.on_demand)
            .on_demand_base_capacity(self.on_demand_base)
            .on_demand_percentage_above_base_capacity(self.on_demand_percent)
            .spot_allocation_strategy(&self.spot)
            .build();
        let one = |kind: &String| LaunchTemplateOverrides::builder().instance_type(kind).build();
        let template = LaunchTemplate::builder()
            .launch_template_specification(template)
            .set_overrides(Some(self.types.iter().map(one).collect()))
            .build();
        MixedInstancesPolicy::builder()
            .launch_template(template)
            .instances_distribution(distribution)
            .build()
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { types, on_demand_base, on_demand_percent, on_demand, spot } = self;
        write!(f, "{} ", types.join(", "))?;
        match on_demand_percent {
            100 => write!(f, "on demand ({on_demand})"),
            percent => write!(
                f,
                "with {on_demand_base} and {percent} % of the others on demand ({on_demand}, {spot})"
            ),
        }
    }
}

impl From<&MixedInstancesPolicy> for Mix {
    fn from(policy: &MixedInstancesPolicy) -> Self {
        let overrides = policy.launch_template().map(LaunchTemplate::overrides).unwrap_or_default();
        let distribution = policy.instances_distribution();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            types: overrides.iter().filter_map(|it| it.instance_type.clone()).collect(),
            on_demand_base: distribution.and_then(|it| it.on_demand_base_capacity).unwrap_or(0),
            on_demand_percent: distribution
                .and_then(|it| it.on_demand_percentage_above_base_capacity)
                .unwrap_or(100),
            on_demand: text(distribution.and_then(|it| it.on_demand_allocation_strategy())),
            spot: text(distribution.and_then(|it| it.spot_allocation_strategy())),
        }
    }
}

/// What Auto Scaling answers while another change of the same group is under way.
pub const BUSY: &[&str] = &["ResourceContention", "ScalingActivityInProgress"];

/// What Auto Scaling answers when it does not know a group; it has no code of its own for that.
const UNKNOWN: &str = "ValidationError: not found";

/// What means that something just made is not visible yet. An AMI that does not exist is refused
/// with almost the same words and never comes, hence the length.
const NOT_YET: &[&str] = &[
    "ValidationError: The specified launch template",
    "ValidationError: the specified version",
    "ValidationError: subnet ID",
    "ValidationError: security group",
    "ServiceLinkedRoleFailure",
    "ResourceContention",
    "ScalingActivityInProgress",
];

/// With this tag ECS's service-linked role may scale the group, and ECS counts the instances.
const MANAGED: &str = "AmazonECSManaged";
/// The hook with which ECS drains an instance before it goes.
const DRAINING_HOOK: &str = "ecs-managed-draining-termination-hook";
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

type Needs = (launch_template::Output, Vec<subnet::Output>);

impl Resource for AutoScalingGroup {
    type Output = Output;
    const KIND: Kind = Kind::AutoScalingGroup;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let filter = match scope {
            Scope::Stack(names) => Filter::builder()
                .name(format!("tag:{}", names::TAG_STACK))
                .values(names.stack().as_str()),
            // These filters know no wildcards, and a stack has one group.
            Scope::Like(names) => Filter::builder()
                .name(format!("tag:{}", names::TAG_NAME))
                .values(format!("{}/auto-scaling-group", names.stack())),
            Scope::Region(_) => Filter::builder().name("tag-key").values(names::TAG_STACK),
        };
        let groups = aws.autoscaling.describe_auto_scaling_groups().filters(filter.build());
        let groups = groups.into_paginator().items().send().all().await;
        let groups = groups.doing("list the Auto Scaling groups")?;
        let read = |group: &Group| {
            let owner = scope.owner(group.tags())?;
            let it = Output::from(group);
            let id = it.name.clone();
            let seen = if is_leaving(group) {
                Seen::Leaving(it, leaving(group))
            } else {
                Seen::Present(it, Phase::Ready)
            };
            Some(Owned { owner, id, seen })
        };
        Ok(groups.iter().filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        it.template.iter().chain(it.subnets.iter().flatten()).cloned().collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::AutoScaling(it.name.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        const DOING: &str = "delete the Auto Scaling group";
        // Who is held by a hook changes between two attempts.
        let Some(group) = describe(aws, &it.name).await? else { return Ok(()) };
        if let Some(why) = protection(&group) {
            return Err(Error::other(DOING, why));
        }
        release(aws, &it.name, &held(&group).into_iter().collect()).await?;
        if is_leaving(&group) {
            return Ok(());
        }
        let delete = aws.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(&it.name);
        let delete = delete.force_delete(true).send().await;
        delete
            .doing(DOING)
            .wait_on(BUSY)
            .wait_on(&["ResourceInUse"])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let group = describe(aws, &it.name).await?;
        let group = group.filter(|group| !group.instances().is_empty());
        Ok(group.iter().map(|group| format!("its instances ({})", states(group))).collect())
    }
}

impl Wanted for AutoScalingGroup {
    type Needs = Needs;
    type Change = Whole;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = cx.names.auto_scaling_group();
        let Some(group) = describe(&cx.aws, &name).await? else { return Ok(None) };
        let ours = Scope::Stack(cx.names.clone()).owner(group.tags()).is_some();
        // One that leaves gives its name back.
        let holds = !ours && !is_leaving(&group);
        Ok(holds.then(|| format!("the Auto Scaling group `{name}`")))
    }

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (template, subnets): &Needs,
    ) -> Result<Made<Output>> {
        let name = cx.names.auto_scaling_group();
        let create = cx.aws.autoscaling.create_auto_scaling_group();
        let create = create
            .auto_scaling_group_name(&name)
            .min_size(signed(self.min_size))
            .max_size(signed(self.max_size))
            // No more than that: the first instances are another node's affair.
            .desired_capacity(signed(self.min_size))
            .set_launch_template(self.mix.is_none().then(|| pinned(template)))
            .set_mixed_instances_policy(self.policy(template))
            .vpc_zone_identifier(zone_identifier(subnets).join(","))
            .new_instances_protected_from_scale_in(true)
            .set_tags(Some(tags(cx, node, &name)))
            .send()
            .await;
        create
            .doing("create the Auto Scaling group")
            .taken_on(&["AlreadyExists"])
            .wait_on(&["AlreadyExists: pending delete"])
            .wait_on(instance_profile::UNSEEN)
            .wait_on(NOT_YET)?;
        Ok(Made::Asked("the new Auto Scaling group to be listed".into()))
    }

    fn drift(&self, it: &Output, (template, subnets): &Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        let version = template.version.to_string();
        let all = &mut differences;
        compare(all, Whole, "MinSize", it.min_size.as_ref(), &signed(self.min_size));
        compare(all, Whole, "MaxSize", it.max_size.as_ref(), &signed(self.max_size));
        compare(all, Whole, "LaunchTemplateId", it.template.as_ref(), &template.id.to_string());
        compare(all, Whole, "LaunchTemplate.Version", it.template_version.as_ref(), &version);
        if it.template.is_some() && it.mix != self.mix {
            let words = |mix: &Option<Mix>| mix.as_ref().map_or("none".into(), ToString::to_string);
            let (is, wanted) = (words(&it.mix), words(&self.mix));
            all.push(Difference::update(Whole, "MixedInstancesPolicy", is, wanted));
        }
        compare(all, Whole, "VPCZoneIdentifier", it.subnets.as_ref(), &zone_identifier(subnets));
        compare(all, Whole, "NewInstancesProtectedFromScaleIn", it.protected.as_ref(), &true);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (template, subnets): &Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let subnets = zone_identifier(subnets);
        let update = cx.aws.autoscaling.update_auto_scaling_group();
        let update = update
            .auto_scaling_group_name(&it.name)
            .min_size(signed(self.min_size))
            .max_size(signed(self.max_size))
            .set_launch_template(self.mix.is_none().then(|| pinned(template)))
            .set_mixed_instances_policy(self.policy(template))
            .vpc_zone_identifier(subnets.join(","))
            .new_instances_protected_from_scale_in(true)
            .send()
            .await;
        update
            .doing("change the Auto Scaling group")
            .wait_on(instance_profile::UNSEEN)
            .wait_on(NOT_YET)?;
        Ok(Made::Ready(Output {
            min_size: Some(signed(self.min_size)),
            max_size: Some(signed(self.max_size)),
            template: Some(template.id.to_string()),
            template_version: Some(template.version.to_string()),
            mix: self.mix.clone(),
            subnets: Some(subnets),
            protected: Some(true),
            ..it.clone()
        }))
    }
}

impl AutoScalingGroup {
    fn policy(&self, template: &launch_template::Output) -> Option<MixedInstancesPolicy> {
        self.mix.as_ref().map(|mix| mix.policy(pinned(template)))
    }
}

/// The group's launches that have failed since the last one that went well, the newest first.
pub async fn failed_launches(aws: &Aws, group_name: &str) -> Result<Vec<Launch>> {
    let activities = aws.autoscaling.describe_scaling_activities();
    let activities = activities.auto_scaling_group_name(group_name).max_records(20).send().await;
    let activities = activities.doing("read the scaling activities").gone_is_fine(&[UNKNOWN])?;
    Ok(read_failures(&activities.and_then(|all| all.activities).unwrap_or_default()))
}

/// Reads them from a group's activities, of which AWS lists the newest first.
fn read_failures(activities: &[Activity]) -> Vec<Launch> {
    // What did not come into service is terminated, and that goes well.
    let launches = activities
        .iter()
        .filter(|it| it.description().is_none_or(|it| it.starts_with("Launching")))
        .filter(|it| {
            matches!(
                it.status_code(),
                Some(
                    ScalingActivityStatusCode::Successful
                        | ScalingActivityStatusCode::Failed
                        | ScalingActivityStatusCode::Cancelled
                )
            )
        });
    launches
        .take_while(|it| it.status_code() != Some(&ScalingActivityStatusCode::Successful))
        .map(|it| Launch {
            id: it.activity_id().unwrap_or_default().to_owned(),
            message: it.status_message().unwrap_or_default().to_owned(),
            at: it.start_time().map(DateTime::secs),
        })
        .collect()
}

/// The tags, for the group and for the instances that it launches. An instance's own name and node
/// come from the template, over which the group's tags would prevail.
fn tags(cx: &Cx, node: &NodeName, group: &str) -> Vec<Tag> {
    let own = [names::TAG_NAME, names::TAG_NODE];
    let tag = |(key, value): (String, String)| {
        Tag::builder()
            .resource_id(group)
            .resource_type("auto-scaling-group")
            .propagate_at_launch(!own.contains(&key.as_str()))
            .key(key)
            .value(value)
            .build()
    };
    let managed = (MANAGED.to_owned(), String::new());
    cx.tags(node).into_iter().chain([managed]).map(tag).collect()
}

/// The template by number: `$Latest` would launch what nobody has looked at.
fn pinned(template: &launch_template::Output) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .launch_template_id(template.id.as_str())
        .version(template.version.to_string())
        .build()
}

fn zone_identifier(subnets: &[subnet::Output]) -> Vec<String> {
    let mut ids: Vec<_> = subnets.iter().map(|subnet| subnet.id.to_string()).collect();
    ids.sort();
    ids
}

async fn describe(aws: &Aws, name: &str) -> Result<Option<Group>> {
    let found = aws.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
    let found = found.send().await.doing("look up the Auto Scaling group");
    let found = found.gone_is_fine(&[UNKNOWN])?;
    let mut groups = found.and_then(|found| found.auto_scaling_groups).into_iter().flatten();
    Ok(groups.find(|group| group.auto_scaling_group_name() == Some(name)))
}

/// Lets go what a hook holds although EC2 has terminated it: whose instance somebody terminates by hand, ECS
/// may not know any more, and then nobody completes the hook's action for up to an hour.
pub(super) async fn release_terminated(aws: &Aws, it: &Output) -> Result<()> {
    let gone = super::instance::gone(aws, it.held.iter().cloned().collect()).await?;
    release(aws, &it.name, &gone).await
}

/// Lets go what a hook holds, on the way out: otherwise an instance stays for up to an hour.
async fn release(aws: &Aws, group: &str, held: &BTreeSet<String>) -> Result<()> {
    const GONE: &[&str] = &[UNKNOWN, "ValidationError: No active Lifecycle Action"];
    if held.is_empty() {
        return Ok(());
    }
    let hooks = aws.autoscaling.describe_lifecycle_hooks().auto_scaling_group_name(group);
    let hooks = hooks.send().await.doing("list the hooks of the Auto Scaling group");
    let hooks = hooks.gone_is_fine(&[UNKNOWN])?;
    let hooks = hooks.and_then(|hooks| hooks.lifecycle_hooks).unwrap_or_default().into_iter();
    let hooks = hooks.filter(|hook| hook.lifecycle_transition() == Some(TERMINATING));
    let mut hooks: Vec<_> = hooks.filter_map(|hook| hook.lifecycle_hook_name).collect();
    if hooks.is_empty() {
        // A forced delete drops the hooks before the instances.
        hooks.push(DRAINING_HOOK.to_owned());
    }
    for instance in held {
        for hook in &hooks {
            let complete = aws.autoscaling.complete_lifecycle_action();
            let complete = complete.auto_scaling_group_name(group).lifecycle_hook_name(hook);
            let complete = complete.instance_id(instance).lifecycle_action_result("CONTINUE");
            let complete = complete.send().await.doing("release an instance from its hook");
            complete.wait_on(BUSY).gone_is_fine(GONE)?;
        }
    }
    Ok(())
}

fn held(group: &Group) -> Vec<String> {
    let held = group.instances().iter();
    let held = held.filter(|one| one.lifecycle_state() == Some(&LifecycleState::TerminatingWait));
    held.filter_map(|instance| instance.instance_id.clone()).collect()
}

/// How many of its instances serve.
fn in_service(group: &Group) -> i32 {
    let serves = |it: &&Instance| it.lifecycle_state() == Some(&LifecycleState::InService);
    i32::try_from(group.instances().iter().filter(serves).count()).unwrap_or(i32::MAX)
}

/// AWS gives a group a status only while it is being deleted.
fn is_leaving(group: &Group) -> bool {
    group.status().is_some_and(|status| status.to_ascii_lowercase().starts_with("delet"))
}

fn leaving(group: &Group) -> String {
    match group.instances() {
        [] => "the Auto Scaling group to be deleted".to_owned(),
        _ => format!("its instances to terminate ({})", states(group)),
    }
}

/// How many instances are in which state: `2 Terminating, 1 Terminating:Wait`.
fn states(group: &Group) -> String {
    let mut counts = BTreeMap::new();
    for instance in group.instances() {
        let state = instance.lifecycle_state().map_or("in no known state", LifecycleState::as_str);
        *counts.entry(state).or_insert(0_usize) += 1;
    }
    let words = counts.iter().map(|(state, count)| format!("{count} {state}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Why AWS would refuse to delete the group, when somebody has locked it on purpose.
fn protection(group: &Group) -> Option<String> {
    let on = group.deletion_protection().filter(|on| **on != DeletionProtection::None)?;
    let name = group.auto_scaling_group_name().unwrap_or_default();
    Some(format!(
        "somebody set its deletion protection to `{}`; to lift it, run `aws autoscaling \
         update-auto-scaling-group --auto-scaling-group-name {name} --deletion-protection none`",
        on.as_str()
    ))
}

impl From<&Group> for Output {
    fn from(group: &Group) -> Self {
        let policy = group.mixed_instances_policy();
        let mixed = policy.and_then(|it| it.launch_template()?.launch_template_specification());
        let template = group.launch_template().or(mixed);
        let subnets = group.vpc_zone_identifier().map(|ids| {
            let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
            let mut ids: Vec<_> = ids.map(str::to_owned).collect();
            ids.sort();
            ids
        });
        Self {
            name: group.auto_scaling_group_name().unwrap_or_default().to_owned(),
            arn: group.auto_scaling_group_arn().unwrap_or_default().to_owned(),
            min_size: group.min_size(),
            max_size: group.max_size(),
            template: template.and_then(|it| it.launch_template_id.clone()),
            template_version: template.and_then(|it| it.version.clone()),
            mix: policy.map(Mix::from),
            subnets,
            protected: group.new_instances_protected_from_scale_in(),
            desired: group.desired_capacity(),
            in_service: in_service(group),
            members: group.instances().iter().map(Member::from).collect(),
            held: held(group),
        }
    }
}

impl From<&Instance> for Member {
    fn from(it: &Instance) -> Self {
        let template = it.launch_template();
        let state = it.lifecycle_state().map(LifecycleState::as_str);
        Self {
            id: it.instance_id().unwrap_or_default().to_owned(),
            instance_type: it.instance_type.clone(),
            template: template.and_then(|it| it.launch_template_id.clone()),
            version: template.and_then(|it| it.version.clone()),
            is_leaving: state.is_some_and(|state| state.starts_with("Terminat")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::LaunchTemplateId;
    use super::*;

    fn needs(version: i64) -> Needs {
        let template = LaunchTemplateId::from("lt-1");
        let subnet = |id: &str| subnet::Output::known(id, "vpc-1");
        let template = launch_template::Output { id: template, version, data: None };
        (template, vec![subnet("subnet-b"), subnet("subnet-a")])
    }

    fn group() -> aws_sdk_autoscaling::types::builders::AutoScalingGroupBuilder {
        let template = LaunchTemplateSpecification::builder().launch_template_id("lt-1");
        Group::builder()
            .auto_scaling_group_name("asg-demo")
            .min_size(0)
            .max_size(100)
            .desired_capacity(7)
            .launch_template(template.version("1").build())
            .vpc_zone_identifier("subnet-a, subnet-b")
            .new_instances_protected_from_scale_in(true)
    }

    #[test]
    fn desired_is_the_scalers_and_a_new_version_is_taken_over() {
        let wanted = AutoScalingGroup { min_size: 0, max_size: 100, mix: None };
        let it = Output::from(&group().build());
        assert_eq!(wanted.drift(&it, &needs(1)), []);
        let differences = wanted.drift(&it, &needs(2));
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].field, "LaunchTemplate.Version");
        assert_eq!(wanted.drift(&Output::default(), &needs(1)), []);
    }

    #[test]
    fn a_policy_comes_changes_and_goes() {
        let types = ["c6i.xlarge".to_owned(), "c5.xlarge".to_owned()];
        let mix = |spot| Mix::of(&types, spot);
        assert_eq!(Mix::of(&types[..1], None), None);
        let wanted = |mix| AutoScalingGroup { min_size: 0, max_size: 100, mix };
        let spot = wanted(mix(Some(1)));
        let plain = Output::from(&group().build());
        let fields = |differences: Vec<Difference<Whole>>| {
            let words = |it: &Difference<Whole>| format!("{}: {} → {}", it.field, it.is, it.wanted);
            differences.iter().map(words).collect::<Vec<_>>().join("; ")
        };
        insta::assert_snapshot!(fields(spot.drift(&plain, &needs(1))), @"MixedInstancesPolicy: none → c6i.xlarge, c5.xlarge with 1 and 0 % of the others on demand (prioritized, price-capacity-optimized)");
        let policy = spot.policy(&needs(1).0).unwrap();
        let mixed = Output { mix: Some(Mix::from(&policy)), ..plain };
        assert_eq!(fields(spot.drift(&mixed, &needs(1))), "");
        insta::assert_snapshot!(fields(wanted(mix(None)).drift(&mixed, &needs(1))), @"MixedInstancesPolicy: c6i.xlarge, c5.xlarge with 1 and 0 % of the others on demand (prioritized, price-capacity-optimized) → c6i.xlarge, c5.xlarge on demand (prioritized)");
        insta::assert_snapshot!(fields(wanted(None).drift(&mixed, &needs(1))), @"MixedInstancesPolicy: c6i.xlarge, c5.xlarge with 1 and 0 % of the others on demand (prioritized, price-capacity-optimized) → none");
    }

    /// An instance that dies of a key that may not be used is terminated, which goes well.
    #[test]
    fn launches_that_failed_are_read_until_one_worked() {
        let one = |(id, description, status): &(&str, &str, &str)| {
            Activity::builder()
                .activity_id(*id)
                .description(*description)
                .status_code(ScalingActivityStatusCode::from(*status))
                .status_message("no")
                .build()
        };
        let activities = [
            ("1", "Terminating EC2 instance: i-1", "Successful"),
            ("2", "Launching a new EC2 instance: i-3", "InProgress"),
            ("3", "Launching a new EC2 instance: i-1", "Cancelled"),
            ("4", "Launching a new EC2 instance", "Failed"),
            ("5", "Launching a new EC2 instance: i-0", "Successful"),
            ("6", "Launching a new EC2 instance", "Failed"),
        ];
        let failed = read_failures(&activities.iter().map(one).collect::<Vec<_>>());
        let ids: Vec<_> = failed.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["3", "4"]);
    }

    #[test]
    fn a_group_on_its_way_out_says_what_it_waits_for() {
        let instance =
            |id: &str, state| Instance::builder().instance_id(id).lifecycle_state(state).build();
        let group = group()
            .status("Delete in progress")
            .instances(instance("i-1", LifecycleState::Terminating))
            .instances(instance("i-2", LifecycleState::TerminatingWait))
            .build();
        assert!(is_leaving(&group));
        assert_eq!(
            leaving(&group),
            "its instances to terminate (1 Terminating, 1 Terminating:Wait)"
        );
        assert_eq!(Output::from(&group).held, ["i-2"]);
    }

    #[test]
    fn a_locked_group_says_how_to_unlock_it() {
        assert_eq!(protection(&group().build()), None);
        assert_eq!(
            protection(&group().deletion_protection(DeletionProtection::None).build()),
            None
        );
        let locked = group().deletion_protection(DeletionProtection::PreventForceDeletion).build();
        assert!(protection(&locked).unwrap().contains("`prevent-force-deletion`"));
    }
}
