//! `CloudWatch`: alarms.
//!
//! There are no metrics, so an alarm is in the state that whoever made it says. Other services make
//! alarms ([`put`]) and remove them; a client sees them, and can delete them behind their backs.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, Tagged, World};

mod policy;
#[cfg(test)]
mod tests;

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "MaxRecords",
    most: 100,
    bad_size: None,
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |_| Refusal::new("InvalidNextToken", "The next token specified is invalid."),
};

/// The service. Its limits are those of the `CloudWatch` guide, "Service quotas".
pub static SERVICE: Service = Service {
    name: "monitoring",
    model: LazyLock::new(|| Model::read(include_str!("cloudwatch/model.json"))),
    operations: &[
        ("DescribeAlarms", Looks(describe_alarms)),
        ("DeleteAlarms", Changes(|world, input| Ok(delete_alarms(world, input)))),
    ],
    limits: Limits { shared: Shared::ByOperation, looks: (9.0, 9.0), changes: (3.0, 3.0) },
    refusals: Refusals {
        missing: "ValidationError",
        malformed: "ValidationError",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: CloudWatch::SCOPE,
    begin: World::begin::<CloudWatch>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of `CloudWatch` in a region.
#[derive(Debug, Default)]
pub struct CloudWatch {
    /// By name.
    alarms: BTreeMap<String, Alarm>,
}

impl State for CloudWatch {
    const SCOPE: Scope = Scope::Region;

    fn new(_: &World) -> Self {
        Self::default()
    }
}

impl World {
    /// What `CloudWatch` keeps here.
    pub fn cloudwatch(&self) -> &CloudWatch {
        self.state()
    }

    /// The same, to be changed.
    pub fn cloudwatch_mut(&mut self) -> &mut CloudWatch {
        self.state_mut()
    }
}

#[derive(Debug)]
struct Alarm {
    /// What it watches and does, as the answer has it.
    settings: Value,
    /// When its settings were last said.
    said: Duration,
    state: AlarmState,
    /// Since when it is in its state.
    since: Duration,
}

/// How an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// It does not know yet.
    Unknown,
    /// All is well.
    Ok,
    /// Its threshold is breached.
    Alarm,
}

impl AlarmState {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// The ARN of an alarm.
pub fn arn(world: &World, name: &str) -> String {
    world.arn("cloudwatch", &format!("alarm:{name}"))
}

/// Makes an alarm, or changes what it watches and does: members as `PutMetricAlarm` has them.
pub fn put(world: &mut World, name: &str, settings: Value) {
    let now = world.now;
    let alarms = &mut world.cloudwatch_mut().alarms;
    let (state, since) =
        alarms.get(name).map_or((AlarmState::Unknown, now), |it| (it.state, it.since));
    alarms.insert(name.to_owned(), Alarm { settings, said: now, state, since });
}

/// An alarm is in a state from now on, if it is there.
pub fn set_state(world: &mut World, name: &str, state: AlarmState) {
    let now = world.now;
    let alarm = world.cloudwatch_mut().alarms.get_mut(name);
    if let Some(alarm) = alarm.filter(|alarm| alarm.state != state) {
        (alarm.state, alarm.since) = (state, now);
    }
}

/// Removes an alarm, if it is there.
pub fn remove(world: &mut World, name: &str) {
    world.cloudwatch_mut().alarms.remove(name);
}

/// ARNs of all alarms.
fn ids(world: &World) -> Vec<String> {
    world.cloudwatch().alarms.keys().map(|name| arn(world, name)).collect()
}

/// Kind, ARN and tags of all alarms. Those that services make have none.
fn tagged(world: &World) -> Vec<Tagged> {
    let arns = ids(world).into_iter();
    arns.map(|arn| ("alarm".to_owned(), arn, Tags::new())).collect()
}

fn describe_alarms(world: &World, input: &Value) -> Answer {
    for lacking in ["ChildrenOfAlarmName", "ParentsOfAlarmName"] {
        if input.some_text(lacking).is_some() {
            return Err(Refusal::lacked(&format!("DescribeAlarms with {lacking}")));
        }
    }
    let (names, prefix) = (input.texts("AlarmNames"), input.some_text("AlarmNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        let message = "AlarmNamePrefix and AlarmNames cannot be specified together.";
        return Err(Refusal::new("ValidationError", message));
    }
    let (kinds, state) = (input.texts("AlarmTypes"), input.some_text("StateValue"));
    let action = input.some_text("ActionPrefix");
    let acts = |alarm: &Alarm, prefix: &str| {
        let kinds = ["AlarmActions", "OKActions", "InsufficientDataActions"];
        let mut actions = kinds.iter().flat_map(|kind| alarm.settings.texts(kind));
        actions.any(|action| action.starts_with(prefix))
    };
    let fits = |(name, alarm): &(&String, &Alarm)| {
        (names.is_empty() || names.contains(name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && (kinds.is_empty() || kinds.iter().any(|kind| kind == "MetricAlarm"))
            && state.is_none_or(|state| state == alarm.state.name())
            && action.is_none_or(|prefix| acts(alarm, prefix))
    };
    let found = world.cloudwatch().alarms.iter().filter(fits);
    let views = found.map(|(name, alarm)| view(world, name, alarm)).collect();
    PAGER.page(world, input, "MetricAlarms", 50, views)
}

fn view(world: &World, name: &str, alarm: &Alarm) -> Value {
    let mut view = alarm.settings.clone();
    view["AlarmName"] = json!(name);
    view["AlarmArn"] = json!(arn(world, name));
    view["AlarmConfigurationUpdatedTimestamp"] = json!(world.timestamp_at(alarm.said));
    view["StateValue"] = json!(alarm.state.name());
    view["StateUpdatedTimestamp"] = json!(world.timestamp_at(alarm.since));
    view["StateTransitionedTimestamp"] = json!(world.timestamp_at(alarm.since));
    view
}

/// `DeleteAlarms`: names of alarms that are not there are passed over (`docs/aws-facts.md`, "Alarms").
fn delete_alarms(world: &mut World, input: &Value) -> Value {
    for name in input.texts("AlarmNames") {
        remove(world, &name);
    }
    json!({})
}
