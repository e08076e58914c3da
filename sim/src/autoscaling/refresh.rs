//! Instance refresh: a group replaces its instances, some at a time (EC2 Auto Scaling guide, "How an instance
//! refresh works").
//!
//! What is to be replaced is settled when it begins. With more than 100 percent allowed it launches before
//! it terminates; hooks hold what is replaced as on any other way out. It gives up after an hour without
//! progress.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::member::{Lifecycle, Member};
use super::{Group, PAGER, group, invalid, mixed, scaling};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How often it looks.
const LOOK: super::Delay = ("instance-refresh.look", 5.0..=15.0);
/// How long it goes on without any progress.
const STALLS: Duration = Duration::from_hours(1);
/// How many are kept of each group.
const KEPT: usize = 20;

/// A refresh.
#[derive(Debug, Clone)]
pub(super) struct Refresh {
    id: String,
    status: &'static str,
    reason: Option<String>,
    started: f64,
    ended: Option<f64>,
    preferences: Preferences,
    /// The instances that it replaces.
    old: BTreeSet<String>,
    /// How many these were.
    count: usize,
    /// When it came further at last.
    progress: Duration,
}

#[derive(Debug, Clone)]
struct Preferences {
    min: usize,
    max: usize,
    warmup: Duration,
    protected: Protected,
    skip_matching: bool,
}

/// What becomes of instances that are protected from scale-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protected {
    Refresh,
    Ignore,
    Wait,
}

impl Protected {
    fn text(self) -> &'static str {
        match self {
            Self::Refresh => "Refresh",
            Self::Ignore => "Ignore",
            Self::Wait => "Wait",
        }
    }
}

impl Refresh {
    fn is_active(&self) -> bool {
        matches!(self.status, "Pending" | "InProgress" | "Cancelling")
    }

    fn percent(&self, group: Option<&Group>) -> usize {
        let left = group.map_or(0, |group| self.left(group));
        (self.count - left.min(self.count)) * 100 / self.count.max(1)
    }

    /// How many of the old ones are there still, those that leave included.
    fn left(&self, group: &Group) -> usize {
        group.members.iter().filter(|it| self.old.contains(&it.id)).count()
    }

    fn view(&self, group: &Group) -> Value {
        let it = &self.preferences;
        let mut view = json!({
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": group.name,
            "Status": self.status,
            "StartTime": self.started,
            "PercentageComplete": self.percent(Some(group)),
            "InstancesToUpdate": self.left(group),
            "Strategy": "Rolling",
            "Preferences": {
                "MinHealthyPercentage": it.min,
                "MaxHealthyPercentage": it.max,
                "InstanceWarmup": it.warmup.as_secs(),
                "SkipMatching": it.skip_matching,
                "ScaleInProtectedInstances": it.protected.text(),
                "StandbyInstances": "Wait",
                "AutoRollback": false,
            },
        });
        if let Some(reason) = &self.reason {
            view["StatusReason"] = json!(reason);
        }
        if let Some(ended) = self.ended {
            view["EndTime"] = json!(ended);
        }
        view
    }
}

fn preferences(input: &Value, group: &Group) -> Result<Preferences, Refusal> {
    const LACKING: &[&str] =
        &["AlarmSpecification", "BakeTime", "CheckpointDelay", "CheckpointPercentages"];
    let given = input.part("Preferences");
    let lacks = LACKING.iter().find(|name| given.get(**name).is_some());
    let says_else = |name: &str, usual: &str| given.some_text(name).is_some_and(|it| it != usual);
    if input.get("DesiredConfiguration").is_some()
        || says_else("StandbyInstances", "Wait")
        || given.flag("AutoRollback") == Some(true)
        || input.some_text("Strategy").is_some_and(|it| it != "Rolling")
        || lacks.is_some()
    {
        return Err(Refusal::new("SimulatorLacks", "such an instance refresh"));
    }
    let percent = |name: &str, usual: usize| match given.number(name) {
        Some(number) => usize::try_from(number).map_err(|_| invalid(format!("{name} < 0"))),
        None => Ok(usual),
    };
    let (min, max) = (percent("MinHealthyPercentage", 90)?, percent("MaxHealthyPercentage", 100)?);
    if given.get("MaxHealthyPercentage").is_some() && given.get("MinHealthyPercentage").is_none() {
        return Err(invalid(
            "You must specify MinHealthyPercentage when you specify MaxHealthyPercentage.",
        ));
    }
    if min > 100 || !(100..=200).contains(&max) || max - min > 100 {
        return Err(invalid(
            "MaxHealthyPercentage must be between 100 and 200, and at most 100 above \
             MinHealthyPercentage, which is at most 100.",
        ));
    }
    let warmup = given.number("InstanceWarmup").or(group.warmup).unwrap_or(group.grace);
    Ok(Preferences {
        min,
        max,
        warmup: Duration::from_secs(u64::try_from(warmup).unwrap_or_default()),
        protected: match given.some_text("ScaleInProtectedInstances").unwrap_or("Wait") {
            "Refresh" => Protected::Refresh,
            "Ignore" => Protected::Ignore,
            _ => Protected::Wait,
        },
        skip_matching: given.flag("SkipMatching") == Some(true),
    })
}

pub(super) fn start(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    let group = super::named_mut(world, name)?;
    let preferences = preferences(input, group)?;
    if group.refreshes.iter().any(Refresh::is_active) {
        let message = "An Instance Refresh is already in progress and blocks the execution of this \
                       Instance Refresh.";
        return Err(Refusal::new("InstanceRefreshInProgress", message));
    }
    let (template, arn) = (group.template.clone(), group.arn.clone());
    let number = group::version_number(world, &template);
    let id = world.uuid_of(&format!("refresh {name}"));
    let (now, started) = (world.now, world.timestamp());
    let group = super::named_mut(world, name)?;
    let skips = |it: &&Member| preferences.skip_matching && mixed::matches(group, it, &number);
    let staying = group.members.iter().filter(|it| !it.lifecycle.is_leaving());
    let old: BTreeSet<_> = staying.filter(|it| !skips(it)).map(|it| it.id.clone()).collect();
    let refresh = Refresh {
        id: id.clone(),
        status: "Pending",
        reason: None,
        started,
        ended: None,
        preferences,
        count: old.len(),
        old,
        progress: now,
    };
    group.refreshes.push(refresh);
    if group.refreshes.len() > KEPT {
        group.refreshes.remove(0);
    }
    again(world, arn, id.clone());
    Ok(json!({ "InstanceRefreshId": id }))
}

pub(super) fn cancel(world: &mut World, input: &Value) -> Answer {
    let group = super::named_mut(world, input.text("AutoScalingGroupName"))?;
    let active = group.refreshes.last_mut().filter(|it| it.is_active());
    let Some(refresh) = active else {
        let message = "No in progress or pending Instance Refresh found for Auto Scaling group.";
        return Err(Refusal::new("ActiveInstanceRefreshNotFound", message));
    };
    refresh.status = "Cancelling";
    refresh.reason = Some("Cancelled due to user request.".to_owned());
    Ok(json!({ "InstanceRefreshId": refresh.id }))
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let group = super::named(world, input.text("AutoScalingGroupName"))?;
    let ids = input.texts("InstanceRefreshIds");
    let asked = group.refreshes.iter().rev().filter(|it| ids.is_empty() || ids.contains(&it.id));
    let views = asked.map(|it| it.view(group)).collect();
    PAGER.page(world, input, "InstanceRefreshes", 50, views)
}

fn again(world: &mut World, arn: String, id: String) {
    let delay = super::takes(world, LOOK, &id);
    world.after(delay, move |world| look(world, &arn, id));
}

fn find_mut<'a>(world: &'a mut World, arn: &str, id: &str) -> Option<&'a mut Refresh> {
    super::find_mut(world, arn)?.refreshes.iter_mut().find(|it| it.id == id)
}

/// Goes on with a refresh.
fn look(world: &mut World, arn: &str, id: String) {
    let now = world.now;
    let Some(group) = super::find_mut(world, arn).filter(|it| !it.is_deleting()) else { return };
    let name = group.name.clone();
    let Some(refresh) = group.refreshes.iter().find(|it| it.id == id).cloned() else { return };
    if refresh.status == "Cancelling" {
        group.surge = 0;
        end(world, arn, &id, "Cancelled", None);
        scaling::react(world, &name);
        return;
    }
    let step = step(group, &refresh, now);
    match step {
        Step::Done => {
            group.surge = 0;
            end(world, arn, &id, "Successful", None);
            scaling::react(world, &name);
            return;
        }
        Step::Launch(more) => {
            group.surge += more;
            scaling::react(world, &name);
            progress(world, arn, &id, None);
        }
        Step::Replace(ids) => {
            group.surge = group.surge.saturating_sub(ids.len());
            for instance in &ids {
                let cause =
                    "an instance was taken out of service in response to an instance refresh";
                scaling::retire(world, &name, instance, cause, false);
            }
            scaling::react(world, &name);
            progress(world, arn, &id, None);
        }
        Step::Wait(why) if now.saturating_sub(refresh.progress) >= STALLS => {
            group.surge = 0;
            end(world, arn, &id, "Failed", Some(format!("Instance refresh has failed. {why}")));
            scaling::react(world, &name);
            return;
        }
        Step::Wait(why) => {
            if let Some(it) = find_mut(world, arn, &id) {
                it.status = "InProgress";
                it.reason = Some(why.to_owned());
            }
        }
    }
    again(world, arn.to_owned(), id);
}

/// What comes next.
enum Step {
    /// All are replaced.
    Done,
    /// So many are launched first.
    Launch(usize),
    /// These may go.
    Replace(Vec<String>),
    /// It waits; says for what.
    Wait(&'static str),
}

fn step(group: &Group, refresh: &Refresh, now: Duration) -> Step {
    let it = &refresh.preferences;
    let of_old = |member: &&Member| refresh.old.contains(&member.id);
    let old: Vec<_> = group.members.iter().filter(of_old).collect();
    let ignored = |member: &Member| it.protected == Protected::Ignore && member.is_protected;
    let to_go = old.iter().filter(|member| !member.lifecycle.is_leaving() && !ignored(member));
    let to_go: Vec<_> = to_go.collect();
    if old.iter().any(|member| member.lifecycle.is_leaving()) {
        return Step::Wait("Waiting for terminating instances.");
    }
    let serves = |member: &&Member| {
        let since = now.saturating_sub(member.in_service);
        member.lifecycle == Lifecycle::InService && (of_old(member) || since >= it.warmup)
    };
    let serving = group.members.iter().filter(serves).count();
    let staying = group.members.iter().filter(|member| !member.lifecycle.is_leaving()).count();
    if to_go.is_empty() {
        return match serving >= group.desired {
            true => Step::Done,
            false => Step::Wait("Waiting for remaining instances to be available."),
        };
    }
    let free =
        to_go.iter().filter(|member| it.protected == Protected::Refresh || !member.is_protected);
    let mut free: Vec<_> = free.map(|member| member.id.clone()).collect();
    if free.is_empty() {
        return Step::Wait("Waiting for instances that are protected from scale-in.");
    }
    // Never fewer than one at a time, or nothing would ever be replaced.
    let most = (group.desired * it.max / 100).max(group.desired + usize::from(it.max > 100));
    let least = (group.desired * it.min).div_ceil(100).min(group.desired);
    let least = if it.max > 100 { least } else { least.min(group.desired.saturating_sub(1)) };
    let may_launch = most.saturating_sub(staying.max(group.desired + group.surge));
    let may_launch = may_launch.min(to_go.len().saturating_sub(group.surge));
    if group.surge == 0 && may_launch > 0 {
        return Step::Launch(may_launch);
    }
    let may_go = serving.saturating_sub(least);
    if may_go == 0 {
        return Step::Wait("Waiting for remaining instances to be available.");
    }
    free.truncate(may_go);
    Step::Replace(free)
}

fn progress(world: &mut World, arn: &str, id: &str, reason: Option<String>) {
    let now = world.now;
    if let Some(it) = find_mut(world, arn, id) {
        it.status = "InProgress";
        it.reason = reason;
        it.progress = now;
    }
}

fn end(world: &mut World, arn: &str, id: &str, status: &'static str, reason: Option<String>) {
    let ended = world.timestamp();
    if let Some(it) = find_mut(world, arn, id) {
        it.status = status;
        it.reason = reason.or(it.reason.take()).filter(|_| status != "Successful");
        it.ended = Some(ended);
    }
}
