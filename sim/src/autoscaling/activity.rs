//! Scaling activities: what a group did by itself, and why it could not.

use serde_json::{Value, json};

use super::{PAGER, invalid};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::{EPOCH, World};

/// How many activities are kept.
const KEPT: usize = 1000;

/// An activity.
#[derive(Debug)]
pub(super) struct Activity {
    id: String,
    group: String,
    description: String,
    cause: String,
    start: f64,
    end: Option<f64>,
    status: &'static str,
    message: Option<String>,
    details: Option<String>,
}

/// Where an instance is launched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) subnet: &'a str,
    pub(super) zone: &'a str,
}

/// Begins an activity. Returns its id.
pub(super) fn begin(
    world: &mut World,
    group: &str,
    description: String,
    cause: String,
    place: Option<Place<'_>>,
) -> String {
    let id = world.uuid_of(&format!("activity {group}"));
    let details = place.map(|place| {
        json!({ "Subnet ID": place.subnet, "Availability Zone": place.zone }).to_string()
    });
    let activity = Activity {
        id: id.clone(),
        group: group.to_owned(),
        description,
        cause,
        start: world.timestamp(),
        end: None,
        status: "InProgress",
        message: None,
        details,
    };
    let all = &mut world.autoscaling_mut().activities;
    if all.len() >= KEPT {
        all.remove(0);
    }
    all.push(activity);
    id
}

/// An activity is in another state that is not its end.
pub(super) fn goes_on(world: &mut World, id: &str, status: &'static str) {
    if let Some(it) = world.autoscaling_mut().activities.iter_mut().find(|it| it.id == id) {
        it.status = status;
    }
}

/// An activity ends: `Successful`, `Failed` or `Cancelled`.
pub(super) fn end(world: &mut World, id: &str, status: &'static str, message: Option<String>) {
    let now = world.timestamp();
    let activity = world.autoscaling_mut().activities.iter_mut().find(|it| it.id == id);
    if let Some(it) = activity.filter(|it| it.end.is_none()) {
        it.end = Some(now);
        it.status = status;
        if let Some(message) = message {
            if status == "Failed" {
                it.description = format!("{}.  Status Reason: {message}", it.description);
            }
            it.message = Some(message);
        }
    }
}

/// The time, as causes say it.
pub(super) fn clock(world: &World) -> String {
    let second = i64::try_from(EPOCH + world.now.as_secs()).unwrap_or_default();
    let second = jiff::Timestamp::from_second(second);
    second.map(|it| it.to_string()).unwrap_or_default()
}

pub(super) fn describe_scaling_activities(world: &World, input: &Value) -> Answer {
    let group = input.some_text("AutoScalingGroupName");
    let deleted_too = input.flag("IncludeDeletedGroups") == Some(true);
    if let Some(name) = group.filter(|_| !deleted_too) {
        super::named(world, name)?;
    }
    let ids = input.texts("ActivityIds");
    let mut statuses = None;
    for filter in input.list("Filters") {
        match filter.text("Name") {
            "Status" if group.is_some() => statuses = Some(filter.texts("Values")),
            "Status" => return Err(invalid("The filter Status needs AutoScalingGroupName")),
            name => {
                let message = format!("DescribeScalingActivities with the filter {name}");
                return Err(Refusal::new("SimulatorLacks", message));
            }
        }
    }
    let groups = &world.autoscaling().groups;
    let fits = |it: &&Activity| {
        let lives = groups.get(&it.group).is_some_and(|group| group.created <= it.start);
        (deleted_too || lives)
            && group.is_none_or(|group| it.group == group)
            && (ids.is_empty() || ids.contains(&it.id))
            && statuses.as_ref().is_none_or(|all| all.iter().any(|status| status == it.status))
    };
    // The newest comes first.
    let views = world.autoscaling().activities.iter().rev().filter(fits).map(view).collect();
    PAGER.page(world, input, "Activities", 100, views)
}

pub(super) fn view_of(world: &World, id: &str) -> Value {
    let activity = world.autoscaling().activities.iter().find(|it| it.id == id);
    activity.map(view).unwrap_or_default()
}

fn view(it: &Activity) -> Value {
    let mut view = json!({
        "ActivityId": it.id,
        "AutoScalingGroupName": it.group,
        "Description": it.description,
        "Cause": it.cause,
        "StartTime": it.start,
        "StatusCode": it.status,
        "Progress": if it.end.is_some() { 100 } else { 50 },
    });
    if let Some(end) = it.end {
        view["EndTime"] = json!(end);
    }
    if let Some(message) = &it.message {
        view["StatusMessage"] = json!(message);
    }
    if let Some(details) = &it.details {
        view["Details"] = json!(details);
    }
    view
}
