//! What a group does by itself: it launches, retires and replaces instances.
//!
//! Protection begins when an instance is in service. It holds the instance on a scale-in, and
//! nothing else: not a termination by somebody, a replacement or a forced delete (EC2 Auto Scaling
//! guide, "Instance scale-in protection"). EC2 does not tell when an instance changes, so a group
//! looks each second while one starts or ends, and at its health check otherwise; a group without
//! instances does nothing at all.

use std::collections::BTreeMap;
use std::time::Duration;

use super::activity::{self, Place};
use super::lifecycle::{self, Transition};
use super::member::{self, Lifecycle, Member, State, counted, state, target};
use super::mixed;
use super::{Chore, DRAINING_HOOK, HEALTH_CHECK, IN_SERVICE, REACTS, RETRY, Template, group, tag};
use crate::ec2::{self, Otherwise};
use crate::fields::Tags;
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::world::World;

/// How often a group looks at an instance that starts or ends.
const LOOK: Duration = Duration::from_secs(1);

/// What an activity says when all that could go is protected.
const PROTECTED: &str = "Could not scale to desired capacity because all remaining instances are \
                         protected from scale-in.";

/// Refusals for which another zone or type may do better.
const OF_A_ZONE: &[&str] = &[
    "InsufficientInstanceCapacity",
    "Unsupported",
    "InsufficientFreeAddressesInSubnet",
    "UnfulfillableCapacity",
];

/// Something has changed: in some seconds, the group does what it takes.
pub(super) fn react(world: &mut World, name: &str) {
    let Some(group) = world.autoscaling().groups.get(name) else { return };
    if counted(group) != target(group) {
        let delay = super::takes(world, REACTS, name);
        later(world, name, Chore::React, delay, settle);
    }
}

/// The group does something after a while, unless it is about to already, or goes before.
fn later(world: &mut World, name: &str, chore: Chore, delay: Duration, then: fn(&mut World, &str)) {
    let Some(group) = world.autoscaling_mut().groups.get_mut(name) else { return };
    if group.is_deleting() || !group.chores.insert(chore) {
        return;
    }
    let arn = group.arn.clone();
    world.after(delay, move |world| {
        // By its ARN: a later group of this name is another one.
        let Some(group) = super::find_mut(world, &arn) else { return };
        group.chores.remove(&chore);
        let name = group.name.clone();
        then(world, &name);
    });
}

fn settle(world: &mut World, name: &str) {
    let now = world.now;
    let Some(group) = world.autoscaling().groups.get(name) else { return };
    if group.is_deleting() {
        return;
    }
    let (counted, desired) = (counted(group), target(group));
    let pause_left = group.paused_until.saturating_sub(now);
    if counted < desired && !pause_left.is_zero() {
        later(world, name, Chore::Retry, pause_left, settle);
        return;
    }
    for before in counted..desired {
        if !launch(world, name, before) {
            pause(world, name);
            settle(world, name);
            return;
        }
    }
    for before in (desired + 1..=counted).rev() {
        if !scale_in(world, name, before) {
            return;
        }
    }
}

/// No launch for a while.
fn pause(world: &mut World, name: &str) {
    let Some(launches) = world.autoscaling().groups.get(name).map(|group| group.launches) else {
        return;
    };
    let delay = super::takes(world, RETRY, &format!("{name}/{launches}"));
    // Never none at all, or the group would try for ever at one moment.
    let until = world.now + delay.max(LOOK);
    if let Some(group) = world.autoscaling_mut().groups.get_mut(name) {
        group.paused_until = until;
    }
}

/// Launches one instance, where the group has fewest. Returns whether that went well.
fn launch(world: &mut World, name: &str, before: usize) -> bool {
    let Some(group) = world.autoscaling_mut().groups.get_mut(name) else { return false };
    group.launches += 1;
    let key = format!("{name}/{}", group.launches);
    let (template, tags, reason) =
        (group.template.clone(), tag::at_launch(group), group.reason.clone());
    let places = places(world, name);
    let Some(group) = world.autoscaling().groups.get(name) else { return false };
    let ways = mixed::ways(world, group, &key);
    let number = group::version_number(world, &template);
    let cause = format!(
        "At {now} {reason}.  At {now} an instance was started in response to a difference between \
         desired and actual capacity, increasing the capacity from {before} to {}.",
        before + 1,
        now = activity::clock(world),
    );
    for (subnet, zone) in places {
        let description = "Launching a new EC2 instance".to_owned();
        let place = Some(Place { subnet: &subnet, zone: &zone });
        let template = Template { version: number.clone(), ..template.clone() };
        let made = first_way(world, &template, &subnet, &tags, &ways);
        let id = match made {
            Ok(id) => id,
            Err(Refusal { code, message, .. }) => {
                let activity = activity::begin(world, name, description, cause.clone(), place);
                activity::end(world, &activity, "Failed", Some(message));
                if OF_A_ZONE.contains(&code.as_str()) {
                    continue;
                }
                return false;
            }
        };
        let activity = activity::begin(world, name, format!("{description}: {id}"), cause, place);
        let instance = ec2::instance(world, &id).unwrap_or_default();
        let member = Member {
            id: id.clone(),
            subnet,
            zone,
            instance_type: instance.instance_type,
            is_spot: instance.spot,
            template,
            lifecycle: Lifecycle::Pending,
            is_healthy: true,
            is_protected: false,
            in_service: Duration::ZERO,
            key,
            activity,
            actions: BTreeMap::new(),
        };
        if let Some(group) = world.autoscaling_mut().groups.get_mut(name) {
            group.members.push(member);
        }
        watch_start(world, name.to_owned(), id);
        return true;
    }
    false
}

/// Launches an instance in a subnet, in the first way in which there is one.
fn first_way(
    world: &mut World,
    template: &Template,
    subnet: &str,
    tags: &Tags,
    ways: &[Otherwise],
) -> Result<String, Refusal> {
    let (reference, version) = (template.reference(), &template.version);
    let mut made = Err(Refusal::new("SimulatorLacks", "an instance in no way"));
    for way in ways {
        made = ec2::run_instance(world, reference, version, subnet, tags.clone(), way);
        let goes_on = made.as_ref().is_err_and(|it| OF_A_ZONE.contains(&it.code.as_str()));
        if !goes_on {
            break;
        }
    }
    made
}

/// The group's subnets and their zones: the emptiest zone first, and the emptiest subnet in it.
fn places(world: &World, name: &str) -> Vec<(String, String)> {
    let Some(group) = world.autoscaling().groups.get(name) else { return Vec::new() };
    let zone = |id: &String| ec2::subnet(world, id).map(|it| it.zone).unwrap_or_default();
    let mut places: Vec<_> = group.subnets.iter().map(|id| (id.clone(), zone(id))).collect();
    let staying = || group.members.iter().filter(|it| !it.lifecycle.is_leaving());
    places.sort_by_key(|(subnet, zone)| {
        let in_zone = staying().filter(|it| it.zone == *zone).count();
        (in_zone, staying().filter(|it| it.subnet == *subnet).count())
    });
    places
}

/// Looks at an instance until it runs.
fn watch_start(world: &mut World, name: String, id: String) {
    world.after(LOOK, move |world| {
        let pending =
            member::find(world, &name, &id).is_some_and(|it| it.lifecycle == Lifecycle::Pending);
        if !pending {
            return;
        }
        match state(world, &id) {
            State::Pending => watch_start(world, name, id),
            State::Running => lifecycle::hold(world, &name, &id, Transition::Launching),
            State::Ending | State::Gone => {
                let reason = ec2::instance(world, &id).map(|it| it.reason).unwrap_or_default();
                let message = format!(
                    "Instance became unhealthy while waiting for instance to be in InService \
                     state. Termination Reason: {reason}"
                );
                fail_start(world, &name, &id, &message);
            }
        }
    });
}

/// An instance never comes into service: it goes, and another one comes.
pub(super) fn fail_start(world: &mut World, name: &str, id: &str, message: &str) {
    let Some(activity) = member::find(world, name, id).map(|it| it.activity.clone()) else {
        return;
    };
    activity::end(world, &activity, "Failed", Some(message.to_owned()));
    retire(world, name, id, "an instance was taken out of service before it came into it", true);
    pause(world, name);
    react(world, name);
}

/// No hook holds a new instance any more: it comes into service.
pub(super) fn proceed_to_service(world: &mut World, name: &str, id: &str) {
    let Some(key) = member::find(world, name, id).map(|it| it.key.clone()) else { return };
    let delay = super::takes(world, IN_SERVICE, &key);
    let (name, id) = (name.to_owned(), id.to_owned());
    world.after(delay, move |world| {
        let now = world.now;
        let Some(group) = world.autoscaling_mut().groups.get_mut(&name) else { return };
        let protects = group.protects_new;
        let member = group.members.iter_mut().find(|it| it.id == id);
        let Some(member) = member.filter(|it| it.lifecycle.is_coming()) else { return };
        member.lifecycle = Lifecycle::InService;
        member.is_protected = protects;
        member.in_service = now;
        let activity = member.activity.clone();
        group.scaled_at = Some(now);
        activity::end(world, &activity, "Successful", None);
        watch_health(world, &name);
        react(world, &name);
    });
}

/// Retires one instance that is not protected. Returns whether there was one.
fn scale_in(world: &mut World, name: &str, before: usize) -> bool {
    let Some(group) = world.autoscaling_mut().groups.get_mut(name) else { return false };
    let now_in = |zone: &str| {
        group.members.iter().filter(|it| !it.lifecycle.is_leaving() && it.zone == zone).count()
    };
    let free = group.members.iter();
    let free: Vec<_> = free
        .filter(|it| it.lifecycle == Lifecycle::InService && !it.is_protected)
        .map(|it| (std::cmp::Reverse(now_in(&it.zone)), it.id.clone()))
        .collect();
    // The fullest zone first, and the oldest instance in it.
    let chosen = free.iter().min_by_key(|(fullest, _)| *fullest).map(|(_, id)| id.clone());
    let (reason, desired) = (group.reason.clone(), group.desired);
    if let Some(id) = chosen {
        let cause = format!(
            "{reason}.  At {} an instance was taken out of service in response to a difference \
             between desired and actual capacity, shrinking the capacity from {before} to {}",
            activity::clock(world),
            before - 1,
        );
        retire(world, name, &id, &cause, false);
        return true;
    }
    let is_coming = group.members.iter().any(|it| it.lifecycle.is_coming());
    if !is_coming && !group.has_said_protected {
        group.has_said_protected = true;
        let cause = format!(
            "At {now} {reason}.  At {now} group reached equilibrium with {before} of {desired} \
             instances.",
            now = activity::clock(world)
        );
        let description = PROTECTED.to_owned();
        let activity = activity::begin(world, name, description, cause, None);
        activity::end(world, &activity, "Cancelled", Some(PROTECTED.to_owned()));
    }
    false
}

/// An instance begins to leave its group. Hooks hold it, unless they are passed over.
pub(super) fn retire(world: &mut World, name: &str, id: &str, cause: &str, passes_hooks: bool) {
    let leaving = member::find(world, name, id).is_none_or(|it| it.lifecycle.is_leaving());
    if leaving {
        return;
    }
    let cause = format!("At {} {cause}.", activity::clock(world));
    let description = format!("Terminating EC2 instance: {id}");
    let activity = activity::begin(world, name, description, cause, None);
    let Some(member) = member::find_mut(world, name, id) else { return };
    let launching = std::mem::replace(&mut member.activity, activity);
    member.lifecycle = Lifecycle::Terminating;
    member.actions.clear();
    activity::end(world, &launching, "Cancelled", None);
    if passes_hooks {
        kill(world, name, id);
        return;
    }
    lifecycle::hold(world, name, id, Transition::Terminating);
    let drains = member_waits_for(world, name, id, DRAINING_HOOK);
    if drains {
        world.tell(Notice::InstanceDrains { group: name, instance: id });
    }
}

fn member_waits_for(world: &World, name: &str, id: &str, hook: &str) -> bool {
    member::find(world, name, id).is_some_and(|it| it.actions.contains_key(hook))
}

/// Nothing holds an instance any more: EC2 terminates it.
pub(super) fn kill(world: &mut World, name: &str, id: &str) {
    if let Some(activity) = member::find(world, name, id).map(|it| it.activity.clone()) {
        activity::goes_on(world, &activity, "InProgress");
    }
    ec2::terminate_instance(world, id);
    watch_end(world, name.to_owned(), id.to_owned());
}

/// Looks at an instance until it is terminated, and drops it then.
fn watch_end(world: &mut World, name: String, id: String) {
    world.after(LOOK, move |world| {
        if state(world, &id) != State::Gone {
            watch_end(world, name, id);
            return;
        }
        let now = world.now;
        let Some(group) = world.autoscaling_mut().groups.get_mut(&name) else { return };
        let Some(at) = group.members.iter().position(|it| it.id == id) else { return };
        let member = group.members.remove(at);
        group.scaled_at = Some(now);
        activity::end(world, &member.activity, "Successful", None);
        react(world, &name);
        group::vanish(world, &name);
    });
}

/// Looks after the health of the instances in service, as long as there are any.
fn watch_health(world: &mut World, name: &str) {
    let delay = super::takes(world, HEALTH_CHECK, name);
    later(world, name, Chore::CheckHealth, delay, check_health);
}

fn check_health(world: &mut World, name: &str) {
    let Some(group) = world.autoscaling().groups.get(name) else { return };
    let served = group.members.iter().filter(|it| it.lifecycle == Lifecycle::InService);
    let served: Vec<_> = served.map(|it| it.id.clone()).collect();
    if served.is_empty() || group.is_deleting() {
        return;
    }
    for id in served {
        if matches!(state(world, &id), State::Ending | State::Gone) {
            if let Some(member) = member::find_mut(world, name, &id) {
                member.is_healthy = false;
            }
            let cause = "an instance was taken out of service in response to an EC2 health check \
                         indicating it has been terminated or stopped";
            retire(world, name, &id, cause, false);
        }
    }
    react(world, name);
    watch_health(world, name);
}
