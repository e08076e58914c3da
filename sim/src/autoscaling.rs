//! Auto Scaling: groups of instances that keep themselves at a number.
//!
//! A call changes what a group wants, and returns. The group reacts seconds later, by activities of
//! its own: that is where launches fail, not in the call. Protection from scale-in and termination
//! hooks hold instances on an ordinary scale-in; a forced delete passes over both
//! (`docs/aws-facts.md`, "Removing").

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::buckets::{Limits, Shared};
use crate::fields::Tags;
use crate::iam::{self, ServiceRole};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, World};

mod activity;
mod describe;
mod group;
mod lifecycle;
mod member;
mod mixed;
mod policy;
mod refresh;
mod scaling;
mod tag;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_kinds;

use lifecycle::Hook;
use member::Member;
use mixed::Mix;

/// A label of the dice, and the seconds that it usually takes.
type Delay = (&'static str, RangeInclusive<f64>);

/// Until a group reacts to what it shall be ("launch within seconds").
const REACTS: Delay = ("auto-scaling-group.reacts", 2.0..=6.0);
/// Until a running instance is in service (seen).
const IN_SERVICE: Delay = ("auto-scaling-group.in-service", 2.0..=8.0);
/// Until a group launches again after a failure (seen).
const RETRY: Delay = ("auto-scaling-group.retry", 30.0..=60.0);
/// Between two looks at the health of the instances (API: status checks "within a minute").
const HEALTH_CHECK: Delay = ("auto-scaling-group.health-check", 30.0..=60.0);
/// How long a group takes to go at least; it waits for its instances (terraform#1353).
const DELETE: Delay = ("auto-scaling-group.delete", 30.0..=90.0);

/// The hook with which ECS drains an instance before it goes.
const DRAINING_HOOK: &str = "ecs-managed-draining-termination-hook";
/// With this tag ECS's service-linked role may scale the group.
pub(crate) const MANAGED: &str = "AmazonECSManaged";

/// The service.
pub static SERVICE: Service = Service {
    name: "autoscaling",
    model: LazyLock::new(|| Model::read(include_str!("autoscaling/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (40.0, 10.0), changes: (20.0, 5.0) },
    refusals: Refusals {
        missing: "ValidationError",
        malformed: "ValidationError",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: AutoScaling::SCOPE,
    begin,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of Auto Scaling in a region.
#[derive(Debug, Default)]
pub struct AutoScaling {
    groups: BTreeMap<String, Group>,
    /// Oldest first, those of groups that are gone included.
    activities: Vec<activity::Activity>,
}

impl State for AutoScaling {
    const SCOPE: Scope = Scope::Region;
}

fn begin(world: &mut World) {
    world.begin::<AutoScaling>();
    iam::introduce(world, &LINKED);
}

impl World {
    /// What Auto Scaling keeps here.
    pub fn autoscaling(&self) -> &AutoScaling {
        self.state()
    }

    /// The same, to be changed.
    pub fn autoscaling_mut(&mut self) -> &mut AutoScaling {
        self.state_mut()
    }
}

/// A group as ECS sees it.
#[derive(Debug, Clone, Default)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Fewest, wanted and most instances.
    pub min: usize,
    /// Wanted instances.
    pub desired: usize,
    /// Most instances.
    pub max: usize,
    /// Whether new instances are protected from scale-in.
    pub protects_new: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The types that its instances may have, where it says them itself.
    pub types: Vec<String>,
    /// Its instances, oldest first, those that leave included.
    pub instances: Vec<MemberView>,
}

/// An instance of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberView {
    /// The instance.
    pub id: String,
    /// `Pending`, `InService`, `Terminating:Wait`, ...
    pub lifecycle: String,
    /// Whether it is protected from scale-in.
    pub protected: bool,
}

/// A group.
#[derive(Debug, Default)]
struct Group {
    name: String,
    arn: String,
    created: f64,
    min: usize,
    max: usize,
    desired: usize,
    template: Template,
    /// How its instances differ from the template, where they may.
    mix: Option<Mix>,
    subnets: Vec<String>,
    zones: Vec<String>,
    protects_new: bool,
    cooldown: i64,
    grace: i64,
    warmup: Option<i64>,
    deletion_protection: Option<String>,
    /// By key: the value, and whether instances get it.
    tags: BTreeMap<String, (String, bool)>,
    hooks: BTreeMap<String, Hook>,
    /// Oldest first.
    members: Vec<Member>,

    /// When it goes at the earliest, when it is being deleted.
    gone_at: Option<Duration>,
    /// What made it want what it wants, for the causes of activities.
    reason: String,
    /// How many more than wanted it has for a while, since a refresh launches before it terminates.
    surge: usize,
    /// Its refreshes, oldest first.
    refreshes: Vec<refresh::Refresh>,
    /// What it is about to do already.
    chores: BTreeSet<Chore>,
    /// No launch before, since one failed.
    paused_until: Duration,
    /// Whether it has said that all that could go is protected.
    has_said_protected: bool,
    /// When it last scaled.
    scaled_at: Option<Duration>,
    /// How many launches it has tried.
    launches: u64,
}

/// What a group does after a while, and only once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chore {
    /// It reacts to a change.
    React,
    /// It launches again after a failure.
    Retry,
    /// It looks after the health of its instances.
    CheckHealth,
}

/// Which launch template a group launches from.
#[derive(Debug, Clone, Default)]
struct Template {
    id: Option<String>,
    name: Option<String>,
    /// A number, `$Latest` or `$Default`.
    version: String,
}

impl Template {
    /// Its id, or else its name.
    fn reference(&self) -> &str {
        self.id.as_deref().or(self.name.as_deref()).unwrap_or_default()
    }
}

impl Group {
    fn is_deleting(&self) -> bool {
        self.gone_at.is_some()
    }

    fn view(&self) -> GroupView {
        let instance = |it: &Member| MemberView {
            id: it.id.clone(),
            lifecycle: it.lifecycle.text().to_owned(),
            protected: it.is_protected,
        };
        GroupView {
            name: self.name.clone(),
            arn: self.arn.clone(),
            min: self.min,
            desired: self.desired,
            max: self.max,
            protects_new: self.protects_new,
            deleting: self.is_deleting(),
            types: self.mix.iter().flat_map(|mix| mix.types.clone()).collect(),
            instances: self.members.iter().map(instance).collect(),
        }
    }
}

/// The service-linked role that Auto Scaling acts through.
pub(crate) static LINKED: ServiceRole = ServiceRole {
    principal: "autoscaling.amazonaws.com",
    name: "AWSServiceRoleForAutoScaling",
    policy: "AutoScalingServiceRolePolicy",
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateAutoScalingGroup", Changes(group::create_auto_scaling_group)),
    ("UpdateAutoScalingGroup", Changes(group::update_auto_scaling_group)),
    ("DeleteAutoScalingGroup", Changes(group::delete_auto_scaling_group)),
    ("SetDesiredCapacity", Changes(group::set_desired_capacity)),
    ("DescribeAutoScalingGroups", Looks(describe::describe_auto_scaling_groups)),
    ("DescribeAutoScalingInstances", Looks(describe::describe_auto_scaling_instances)),
    ("StartInstanceRefresh", Changes(refresh::start)),
    ("CancelInstanceRefresh", Changes(refresh::cancel)),
    ("DescribeInstanceRefreshes", Looks(refresh::describe)),
    ("DescribeScalingActivities", Looks(activity::describe_scaling_activities)),
    ("SetInstanceProtection", Changes(member::set_instance_protection)),
    ("TerminateInstanceInAutoScalingGroup", Changes(member::terminate_instance)),
    ("PutLifecycleHook", Changes(lifecycle::put_lifecycle_hook)),
    ("DescribeLifecycleHooks", Looks(lifecycle::describe_lifecycle_hooks)),
    ("DeleteLifecycleHook", Changes(lifecycle::delete_lifecycle_hook)),
    ("CompleteLifecycleAction", Changes(lifecycle::complete_lifecycle_action)),
    ("RecordLifecycleActionHeartbeat", Changes(lifecycle::record_heartbeat)),
    ("CreateOrUpdateTags", Changes(tag::create_or_update_tags)),
    ("DeleteTags", Changes(tag::delete_tags)),
    ("DescribeTags", Looks(tag::describe_tags)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// A group by its name or ARN.
pub fn group(world: &World, name_or_arn: &str) -> Option<GroupView> {
    find(world, name_or_arn).map(Group::view)
}

/// ECS's scaler wants this many instances: bounded by the group's sizes, protection respected.
pub fn set_desired(world: &mut World, group: &str, desired: usize) {
    let Some(group) = find_mut(world, group).filter(|group| !group.is_deleting()) else { return };
    let desired = desired.min(group.max).max(group.min);
    if desired == group.desired {
        return;
    }
    let from = group.desired;
    group::want(
        group,
        desired,
        format!(
            "a monitor alarm of ECS's managed scaling triggered policy changing the desired \
             capacity from {from} to {desired}"
        ),
    );
    let name = group.name.clone();
    scaling::react(world, &name);
}

/// ECS protects an instance from scale-in, or stops doing so.
pub fn set_protection(world: &mut World, group: &str, instance: &str, protected: bool) {
    let Some(group) = find_mut(world, group) else { return };
    let Some(member) = group.members.iter_mut().find(|it| it.id == instance) else { return };
    member.is_protected = protected;
    let name = group.name.clone();
    scaling::react(world, &name);
}

/// ECS turns on the protection of new instances, and puts its tag on the group.
pub fn manage(world: &mut World, group: &str) {
    if let Some(group) = find_mut(world, group) {
        group.protects_new = true;
        group.tags.entry(MANAGED.to_owned()).or_insert_with(|| (String::new(), true));
    }
}

/// ECS installs its draining hook (heartbeat 3600 s, result CONTINUE), or takes it off.
pub fn set_draining_hook(world: &mut World, group: &str, on: bool) {
    let Some(group) = find_mut(world, group).filter(|group| !group.is_deleting()) else { return };
    if on {
        group.hooks.insert(DRAINING_HOOK.to_owned(), Hook::draining());
    } else {
        let name = group.name.clone();
        lifecycle::remove(world, &name, DRAINING_HOOK);
    }
}

/// Completes the waiting lifecycle action of an instance, as `CompleteLifecycleAction` does: that of
/// the draining hook.
pub fn complete_lifecycle(world: &mut World, group: &str, instance: &str) {
    let Some(name) = find(world, group).map(|group| group.name.clone()) else { return };
    lifecycle::complete(world, &name, instance, DRAINING_HOOK, lifecycle::Outcome::Continue);
}

/// All groups that exist, by name, those on their way out included.
pub fn ids(world: &World) -> Vec<String> {
    world.autoscaling().groups.keys().cloned().collect()
}

/// What has tags: its kind, its name and the tags.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let groups = world.autoscaling().groups.values();
    groups.map(|it| ("auto-scaling-group".to_owned(), it.name.clone(), tag::of(it))).collect()
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "MaxRecords",
    most: 100,
    bad_size: Some(|size| invalid(format!("MaxRecords {size} must be between 1 and 100"))),
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |_| Refusal::new("InvalidNextToken", "The NextToken value is not valid."),
};

/// The name in an ARN, or what is no ARN.
fn name_of(name_or_arn: &str) -> &str {
    name_or_arn.split_once(":autoScalingGroupName/").map_or(name_or_arn, |(_, name)| name)
}

fn find<'a>(world: &'a World, name_or_arn: &str) -> Option<&'a Group> {
    let group = world.autoscaling().groups.get(name_of(name_or_arn))?;
    // A former group of the same name had another ARN.
    (group.name == name_or_arn || group.arn == name_or_arn).then_some(group)
}

fn find_mut<'a>(world: &'a mut World, name_or_arn: &str) -> Option<&'a mut Group> {
    let group = world.autoscaling_mut().groups.get_mut(name_of(name_or_arn))?;
    (group.name == name_or_arn || group.arn == name_or_arn).then_some(group)
}

/// The group that a call names.
fn named<'a>(world: &'a World, name: &str) -> Result<&'a Group, Refusal> {
    find(world, name).ok_or_else(|| unknown(name))
}

/// The group that a call wants to change.
fn named_mut<'a>(world: &'a mut World, name: &str) -> Result<&'a mut Group, Refusal> {
    let group = find_mut(world, name).ok_or_else(|| unknown(name))?;
    if group.is_deleting() {
        let message = "The AutoScaling group may not be modified while it is pending delete";
        return Err(invalid(message));
    }
    Ok(group)
}

fn unknown(name: &str) -> Refusal {
    invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

/// How long something takes.
fn takes(world: &World, (label, range): Delay, key: &str) -> Duration {
    world.dice.delay(label, key, range)
}
