//! Lifecycle hooks: what holds an instance while it comes or goes.
//!
//! A hook holds until somebody completes its action or its time is over, with its default result
//! then; heartbeats extend it, up to a hundred times or 48 hours (EC2 Auto Scaling guide, "Lifecycle
//! hooks"). An instance that terminates goes on whatever the result is.

use std::time::Duration;

use serde_json::{Value, json};

use super::member::{self, Lifecycle};
use super::{activity, invalid, scaling};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// How many seconds a hook holds an instance in all, however often it is extended.
const LONGEST: u64 = 48 * 3600;

/// A hook.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    transition: Transition,
    heartbeat: u64,
    result: Outcome,
    metadata: Option<String>,
}

/// What a hook holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    Launching,
    Terminating,
}

/// What becomes of an instance that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Continue,
    Abandon,
}

/// What an instance waits for.
#[derive(Debug, Clone)]
pub(super) struct Action {
    token: String,
    ends: Duration,
    /// It ends by then, however often it is extended.
    latest: Duration,
    heartbeat: Duration,
    result: Outcome,
}

impl Hook {
    /// The hook that a request describes; what it leaves out is as it was.
    pub(super) fn new(input: &Value, former: Option<&Self>) -> Result<Self, Refusal> {
        for lacking in ["NotificationTargetARN", "RoleARN"] {
            if input.some_text(lacking).is_some_and(|it| !it.is_empty()) {
                let message = format!("a lifecycle hook with {lacking}");
                return Err(Refusal::new("SimulatorLacks", message));
            }
        }
        let transition = match input.some_text("LifecycleTransition") {
            Some(LAUNCHING) => Transition::Launching,
            Some(TERMINATING) => Transition::Terminating,
            None => match former {
                Some(former) => former.transition,
                None => return Err(invalid("LifecycleTransition is required for a new hook.")),
            },
            Some(other) => {
                return Err(invalid(format!("Invalid lifecycle transition: {other}")));
            }
        };
        let result = match input.some_text("DefaultResult") {
            Some(text) => Outcome::parse(text)?,
            None => former.map_or(Outcome::Abandon, |former| former.result),
        };
        let heartbeat = match input.number("HeartbeatTimeout") {
            Some(seconds) => {
                let fits = u64::try_from(seconds).ok().filter(|it| (30..=7200).contains(it));
                fits.ok_or_else(|| {
                    invalid("The HeartbeatTimeout must be between 30 and 7200 seconds.")
                })?
            }
            None => former.map_or(3600, |former| former.heartbeat),
        };
        let metadata = input.some_text("NotificationMetadata").map(str::to_owned);
        let metadata = metadata.or_else(|| former.and_then(|former| former.metadata.clone()));
        Ok(Self { transition, heartbeat, result, metadata })
    }

    /// ECS's own.
    pub(super) fn draining() -> Self {
        Self {
            transition: Transition::Terminating,
            heartbeat: 3600,
            result: Outcome::Continue,
            metadata: None,
        }
    }

    fn longest(&self) -> u64 {
        LONGEST.min(self.heartbeat * 100)
    }
}

impl Outcome {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "CONTINUE" => Ok(Self::Continue),
            "ABANDON" => Ok(Self::Abandon),
            _ => Err(invalid(format!("Invalid lifecycle action result: {text}"))),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

/// An instance comes or goes: the group's hooks hold it. Without any, it goes on.
pub(super) fn hold(world: &mut World, group: &str, instance: &str, transition: Transition) {
    let hooks = world.autoscaling().groups.get(group).map(|group| group.hooks.clone());
    let hooks = hooks.unwrap_or_default().into_iter();
    let hooks: Vec<_> = hooks.filter(|(_, hook)| hook.transition == transition).collect();
    if hooks.is_empty() {
        proceed(world, group, instance, transition);
        return;
    }
    for (name, hook) in hooks {
        let heartbeat = Duration::from_secs(hook.heartbeat);
        let action = Action {
            token: world.uuid_of(&format!("token {instance} {name}")),
            ends: world.now + heartbeat,
            latest: world.now + Duration::from_secs(hook.longest()),
            heartbeat,
            result: hook.result,
        };
        watch(world, group.to_owned(), instance.to_owned(), action.token.clone(), heartbeat);
        if let Some(member) = member::find_mut(world, group, instance) {
            member.actions.insert(name, action);
            member.lifecycle = match transition {
                Transition::Launching => Lifecycle::PendingWait,
                Transition::Terminating => Lifecycle::TerminatingWait,
            };
        }
    }
    if let Some(activity) = member::find(world, group, instance).map(|it| it.activity.clone()) {
        activity::goes_on(world, &activity, "MidLifecycleAction");
    }
}

/// Ends an action when its time is over.
fn watch(world: &mut World, group: String, instance: String, token: String, delay: Duration) {
    world.after(delay, move |world| {
        let Some(member) = member::find(world, &group, &instance) else { return };
        let action = member.actions.iter().find(|(_, action)| action.token == token);
        let Some((hook, action)) = action else { return };
        let (hook, result) = (hook.clone(), action.result);
        if action.ends > world.now {
            let left = action.ends.saturating_sub(world.now);
            watch(world, group, instance, token, left);
        } else {
            complete(world, &group, &instance, &hook, result);
        }
    });
}

/// Completes one action. When it was the last, or gives the instance up, the instance goes on.
/// Returns whether there was one.
pub(super) fn complete(
    world: &mut World,
    group: &str,
    instance: &str,
    hook: &str,
    result: Outcome,
) -> bool {
    let Some(member) = member::find_mut(world, group, instance) else { return false };
    if member.actions.remove(hook).is_none() {
        return false;
    }
    if result == Outcome::Abandon {
        member.actions.clear();
    }
    if !member.actions.is_empty() {
        return true;
    }
    match (member.lifecycle, result) {
        (Lifecycle::PendingWait, Outcome::Continue) => {
            member.lifecycle = Lifecycle::PendingProceed;
            proceed(world, group, instance, Transition::Launching);
        }
        (Lifecycle::PendingWait, Outcome::Abandon) => {
            let message = "The lifecycle action was abandoned.";
            scaling::fail_start(world, group, instance, message);
        }
        _ => {
            member.lifecycle = Lifecycle::TerminatingProceed;
            proceed(world, group, instance, Transition::Terminating);
        }
    }
    true
}

fn proceed(world: &mut World, group: &str, instance: &str, transition: Transition) {
    match transition {
        Transition::Launching => scaling::proceed_to_service(world, group, instance),
        Transition::Terminating => scaling::kill(world, group, instance),
    }
}

/// A forced delete lets go an instance that hooks hold on its way out.
pub(super) fn release(world: &mut World, group: &str, instance: &str) {
    let Some(member) = member::find_mut(world, group, instance) else { return };
    member.actions.clear();
    member.lifecycle = Lifecycle::TerminatingProceed;
    scaling::kill(world, group, instance);
}

/// Takes a hook off. What it holds is completed first: those that come are given up.
pub(super) fn remove(world: &mut World, group: &str, hook: &str) -> bool {
    let Some(it) = world.autoscaling_mut().groups.get_mut(group) else { return false };
    if it.hooks.remove(hook).is_none() {
        return false;
    }
    let held = it.members.iter().filter(|member| member.actions.contains_key(hook));
    let held: Vec<_> = held.map(|member| (member.id.clone(), member.lifecycle)).collect();
    for (instance, lifecycle) in held {
        let result = match lifecycle {
            Lifecycle::PendingWait => Outcome::Abandon,
            _ => Outcome::Continue,
        };
        complete(world, group, &instance, hook, result);
    }
    true
}

pub(super) fn put_lifecycle_hook(world: &mut World, input: &Value) -> Answer {
    let group = super::named_mut(world, input.text("AutoScalingGroupName"))?;
    let name = input.text("LifecycleHookName");
    let hook = Hook::new(input, group.hooks.get(name))?;
    group.hooks.insert(name.to_owned(), hook);
    Ok(json!({}))
}

pub(super) fn describe_lifecycle_hooks(world: &World, input: &Value) -> Answer {
    let group = super::named(world, input.text("AutoScalingGroupName"))?;
    let names = input.texts("LifecycleHookNames");
    let asked = group.hooks.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let view = |(name, hook): (&String, &Hook)| {
        let mut view = json!({
            "LifecycleHookName": name,
            "AutoScalingGroupName": group.name,
            "LifecycleTransition": match hook.transition {
                Transition::Launching => LAUNCHING,
                Transition::Terminating => TERMINATING,
            },
            "HeartbeatTimeout": hook.heartbeat,
            "GlobalTimeout": hook.longest(),
            "DefaultResult": hook.result.text(),
        });
        if let Some(metadata) = &hook.metadata {
            view["NotificationMetadata"] = json!(metadata);
        }
        view
    };
    Ok(json!({ "LifecycleHooks": asked.map(view).collect::<Vec<_>>() }))
}

pub(super) fn delete_lifecycle_hook(world: &mut World, input: &Value) -> Answer {
    let (group, hook) = (input.text("AutoScalingGroupName"), input.text("LifecycleHookName"));
    super::named(world, group)?;
    if remove(world, group, hook) {
        return Ok(json!({}));
    }
    Err(invalid(format!("No Lifecycle Hook found with name {hook}")))
}

/// The instance and the hook of the action that a call is about.
fn action(world: &World, input: &Value) -> Result<(String, String, String), Refusal> {
    let group = super::named(world, input.text("AutoScalingGroupName"))?;
    let hook = input.text("LifecycleHookName");
    let (token, instance) =
        (input.some_text("LifecycleActionToken"), input.some_text("InstanceId"));
    if token.is_none() && instance.is_none() {
        return Err(invalid("Either LifecycleActionToken or InstanceId must be given."));
    }
    let found = group.members.iter().find(|member| {
        member.actions.get(hook).is_some_and(|action| {
            token.is_none_or(|token| token == action.token)
                && instance.is_none_or(|instance| instance == member.id)
        })
    });
    let unknown = || {
        let by = match (token, instance) {
            (Some(token), _) => format!("token {token}"),
            (None, instance) => format!("instance ID {}", instance.unwrap_or_default()),
        };
        invalid(format!("No active Lifecycle Action found with {by}"))
    };
    let member = found.ok_or_else(unknown)?;
    Ok((group.name.clone(), member.id.clone(), hook.to_owned()))
}

pub(super) fn complete_lifecycle_action(world: &mut World, input: &Value) -> Answer {
    let result = Outcome::parse(input.text("LifecycleActionResult"))?;
    let (group, instance, hook) = action(world, input)?;
    complete(world, &group, &instance, &hook, result);
    Ok(json!({}))
}

pub(super) fn record_heartbeat(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let (group, instance, hook) = action(world, input)?;
    let member = member::find_mut(world, &group, &instance);
    if let Some(action) = member.and_then(|member| member.actions.get_mut(&hook)) {
        action.ends = (now + action.heartbeat).min(action.latest);
    }
    Ok(json!({}))
}
