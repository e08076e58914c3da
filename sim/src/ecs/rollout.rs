//! Deployments of a service: when one is done, when one has failed, and what the circuit breaker does.
//!
//! What decides is `rolloutState` of the primary deployment (`docs/aws-facts.md`, "Creating"). A
//! breaker that trips rolls back to the last completed deployment, if there is one.

use std::time::Duration;

use serde_json::{Value, json};

use super::scheduler::Seen;
use super::service::Key;
use super::service_event;
use super::service_revision::Setup;
use super::task::Status;
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::world::World;

/// One deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    /// Its id.
    pub(super) id: String,
    /// `PRIMARY` or `ACTIVE`.
    pub(super) status: &'static str,
    /// What its tasks are like.
    pub(super) setup: Setup,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub(super) state: &'static str,
    /// Why, in words.
    pub(super) reason: String,
    /// How many tasks failed.
    pub(super) failed: usize,
    /// Whether a task of it ever ran: failures before count no more.
    pub(super) ran: bool,
    /// Whether it is what a failed one was rolled back to.
    pub(super) rolls_back: bool,
    /// No task is started before: tasks that fail again and again are started ever later.
    pub(super) not_before: Duration,
    /// When it was made.
    pub(super) created: Duration,
    /// When it last changed.
    pub(super) updated: Duration,
    /// When it was completed.
    pub(super) completed: Option<Duration>,
}

/// The circuit breaker of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    /// Whether it is on.
    enabled: bool,
    /// Whether it rolls back.
    rolls_back: bool,
    /// Type and value of its own threshold.
    threshold: Option<(String, usize)>,
}

impl Breaker {
    /// Reads it from a request.
    pub(super) fn read(input: &Value) -> Self {
        let threshold = input.part("thresholdConfiguration");
        let value = threshold.number("value").and_then(|it| usize::try_from(it).ok());
        Self {
            enabled: input.flag("enable").unwrap_or(false),
            rolls_back: input.flag("rollback").unwrap_or(false),
            threshold: value.map(|value| (threshold.text("type").to_owned(), value)),
        }
    }

    /// As it is answered.
    pub(super) fn describe(&self) -> Value {
        let mut answer = json!({ "enable": self.enabled, "rollback": self.rolls_back });
        if let Some((kind, value)) = &self.threshold {
            answer["thresholdConfiguration"] = json!({ "type": kind, "value": value });
        }
        answer
    }

    /// How many failures it takes for so many wanted tasks.
    fn threshold(&self, desired: usize) -> usize {
        let percent = |percent: usize| (desired * percent).div_ceil(100);
        match &self.threshold {
            None => percent(50).clamp(3, 200),
            Some((kind, value)) if kind == "COUNT" => *value,
            Some((kind, value)) if kind == "BOUNDED_PERCENT" => percent(*value).clamp(3, 200),
            Some((_, value)) => percent(*value),
        }
        .max(1)
    }
}

/// A new primary deployment.
pub(super) fn deployment(world: &mut World, setup: &Setup) -> Deployment {
    let digits = world.digits_of(32, &format!("deployment {}", setup.definition_arn));
    let digits = u128::from_str_radix(&digits, 16).unwrap_or_default();
    let id = format!("ecs-svc/{:019}", digits % 10_u128.pow(19));
    Deployment {
        reason: format!("ECS deployment {id} in progress."),
        id,
        status: "PRIMARY",
        setup: setup.clone(),
        state: "IN_PROGRESS",
        failed: 0,
        ran: false,
        rolls_back: false,
        not_before: world.now,
        created: world.now,
        updated: world.now,
        completed: None,
    }
}

/// The circuit breaker looks at the failures of the primary deployment; says whether it tripped.
pub(super) fn judge(world: &mut World, key: &Key) -> bool {
    let (now, counts) = (world.now, !world.scenario.doubts(Doubt::FailedTasksUncounted));
    let Some(service) = world.ecs_mut().services.get_mut(key) else { return false };
    let (breaker, threshold) =
        (service.breaker.clone(), service.breaker.threshold(service.desired));
    let Some(primary) = service.primary_mut() else { return false };
    let trips = breaker.enabled
        && counts
        && primary.state == "IN_PROGRESS"
        && !primary.rolls_back
        && primary.failed >= threshold;
    if !trips {
        return false;
    }
    primary.state = "FAILED";
    "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut primary.reason);
    primary.updated = now;
    let failed = primary.id.clone();
    let done = service.deployments.iter().filter(|it| it.id != failed && it.completed.is_some());
    let back = done.max_by_key(|it| it.completed).map(|it| it.id.clone());
    let back = back.filter(|_| breaker.rolls_back);
    for deployment in &mut service.deployments {
        match &back {
            Some(back) if *back == deployment.id => {
                deployment.status = "PRIMARY";
                deployment.state = "IN_PROGRESS";
                deployment.reason =
                    format!("ECS deployment circuit breaker: rolling back to deploymentId {back}.");
                deployment.rolls_back = true;
                deployment.updated = now;
                deployment.completed = None;
                service.setup = deployment.setup.clone();
            }
            Some(_) => deployment.status = "ACTIVE",
            None => {}
        }
    }
    let message = format!("(deployment {failed}) deployment failed: tasks failed to start.");
    service_event::tell(world, &key.0, &key.1, &message);
    if let Some(back) = back {
        let message = format!("rolling back to deployment {back}.");
        service_event::tell(world, &key.0, &key.1, &message);
    }
    true
}

/// Completes the primary deployment when all its tasks are healthy and no other's are left.
pub(super) fn complete(world: &mut World, key: &Key, seen: &[Seen]) {
    let now = world.now;
    let others = world.ecs().tasks.values().filter(|it| it.cluster == key.0 && it.service == key.1);
    let Some(service) = world.ecs().services.get(key) else { return };
    let Some(primary) = service.primary() else { return };
    let left = others.filter(|it| it.deployment != primary.id && it.status < Status::Stopping);
    let left = left.count();
    let ours = seen.iter().filter(|it| it.deployment == primary.id && !it.leaves);
    let all_healthy = ours.filter(|it| it.healthy).count() >= service.desired;
    let exactly = seen.len() == service.desired;
    let Some(service) = world.ecs_mut().services.get_mut(key) else { return };
    let Some(primary) = service.primary_mut() else { return };
    if !all_healthy || left > 0 || !exactly || primary.state == "FAILED" {
        return;
    }
    let id = primary.id.clone();
    let completes = primary.state == "IN_PROGRESS";
    if completes {
        primary.state = "COMPLETED";
        primary.reason = format!("ECS deployment {id} completed.");
        primary.completed = Some(now);
        primary.updated = now;
        primary.rolls_back = false;
        primary.failed = 0;
        let is_past = |it: &mut Deployment| it.id != id;
        service.past.extend(service.deployments.extract_if(.., is_past));
    }
    let steady = std::mem::replace(&mut service.steady, true);
    if completes {
        let message = format!("(deployment {id}) deployment completed.");
        service_event::tell(world, &key.0, &key.1, &message);
    }
    if completes || !steady {
        service_event::tell(world, &key.0, &key.1, "has reached a steady state.");
    }
}
