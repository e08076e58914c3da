//! What happens by itself: each minute it looks at a target's service.
//!
//! A service that is deleted takes its target along. Load is not simulated, but it can be said
//! ([`set_load`]): a service of fewer tasks than its load needs gets them after three minutes, and one
//! of more loses them after fifteen, within its bounds. While a deployment goes on, it loses none.

use std::time::Duration;

use serde_json::Value;

use super::scaling_policy::Policy;
use super::{Delay, service, target, want, wanted};
use crate::cloudwatch::{self, AlarmState};
use crate::fields::Fields;
use crate::world::World;

/// From its registration to the first look at a target.
const PHASE: Delay = ("scalable-target.phase", 30.0..=60.0);
/// Between two looks: metrics come each minute.
const MINUTE: Duration = Duration::from_mins(1);

/// On which side of what its policies want a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breach {
    /// It has too few tasks.
    High,
    /// It has too many tasks.
    Low,
}

impl Breach {
    /// For how long that has to be so before something is done.
    fn lasts(self) -> Duration {
        match self {
            Self::High => Duration::from_mins(3),
            Self::Low => Duration::from_mins(15),
        }
    }
}

/// From now on, the load of a service of ECS is what so many tasks bear as its policies want it. Without
/// a load the number of its tasks does not move.
pub fn set_load(world: &mut World, cluster: &str, service: &str, tasks: Option<usize>) {
    let id = format!("service/{cluster}/{service}");
    let loads = &mut world.application_autoscaling_mut().loads;
    match tasks {
        Some(tasks) => loads.insert(id, tasks),
        None => loads.remove(&id),
    };
}

/// Begins to look at a new target.
pub(super) fn begin(world: &mut World, id: &str, arn: String) {
    let (label, range) = PHASE;
    let first = world.dice.delay(label, id, range);
    schedule(world, first, id.to_owned(), arn);
}

fn schedule(world: &mut World, after: Duration, id: String, arn: String) {
    world.after(after, move |world| {
        let target = world.application_autoscaling().targets.get(&id);
        if target.is_some_and(|target| target.arn == arn) && look(world, &id) {
            schedule(world, MINUTE, id, arn);
        }
    });
}

/// Forgets the target of a service whose name another service has now.
pub(super) fn forget_replaced(world: &mut World, id: &str, service: &Value) {
    let target = world.application_autoscaling().targets.get(id);
    if target.is_some_and(|target| target.service != service["createdAt"]) {
        target::remove(world, id);
    }
}

/// Looks at a target. Says whether it is still there.
fn look(world: &mut World, id: &str) -> bool {
    match service(world, id) {
        Some(service) => {
            forget_replaced(world, id, &service);
            scale(world, id, &service);
        }
        None => target::remove(world, id),
    }
    world.application_autoscaling().targets.contains_key(id)
}

fn scale(world: &mut World, id: &str, service: &Value) {
    let now = world.now;
    let state = world.application_autoscaling_mut();
    let load = state.loads.get(id).copied();
    let Some(target) = state.targets.get_mut(id).filter(|it| !it.policies.is_empty()) else {
        return;
    };
    let has = wanted(service);
    let breach = match load {
        Some(load) if load > has => Some(Breach::High),
        Some(load) if load < has => Some(Breach::Low),
        _ => None,
    };
    let since =
        target.seen.filter(|(seen, _)| Some(*seen) == breach).map_or(now, |(_, since)| since);
    target.seen = breach.map(|breach| (breach, since));
    let acts = breach.filter(|breach| now.saturating_sub(since) >= breach.lasts());
    let wants = load.unwrap_or(has).clamp(target.min, target.max);
    let may = acts.is_some_and(|breach| !target.is_suspended(breach));
    let only_out = target.policies.values().all(Policy::only_scales_out);
    let alarms = target.policies.values().map(|policy| policy.alarms.clone());
    for [high, low] in alarms.collect::<Vec<_>>() {
        for (alarm, breach) in [(high, Breach::High), (low, Breach::Low)] {
            let state = match (load, acts) {
                (None, _) => AlarmState::Unknown,
                (_, Some(acts)) if acts == breach => AlarmState::Alarm,
                _ => AlarmState::Ok,
            };
            cloudwatch::set_state(world, &alarm, state);
        }
    }
    let keeps = acts == Some(Breach::Low) && (only_out || is_deploying(service));
    if may && !keeps && wants != has {
        // ECS refuses what is too much for it, and the next look comes in a minute.
        drop(want(world, id, wants));
    }
}

fn is_deploying(service: &Value) -> bool {
    let deployments = service.list("deployments");
    deployments.len() > 1 || deployments.iter().any(|it| it.text("rolloutState") == "IN_PROGRESS")
}
