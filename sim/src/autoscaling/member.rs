//! The instances of groups: where each is in its life, and what is asked about one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::lifecycle::Action;
use super::{Group, Template, activity, invalid, scaling};
use crate::ec2;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How many instances one call may protect.
const MOST_PROTECTED: usize = 50;

/// An instance of a group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) subnet: String,
    pub(super) zone: String,
    pub(super) instance_type: String,
    pub(super) is_spot: bool,
    /// With the number of its version.
    pub(super) template: Template,
    pub(super) lifecycle: Lifecycle,
    pub(super) is_healthy: bool,
    pub(super) is_protected: bool,
    /// When it came into service.
    pub(super) in_service: Duration,
    /// What its delays are drawn by.
    pub(super) key: String,
    /// The activity that launches or terminates it.
    pub(super) activity: String,
    /// What it waits for, by hook.
    pub(super) actions: BTreeMap<String, Action>,
}

/// Where an instance of a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Pending,
    PendingWait,
    PendingProceed,
    InService,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
}

impl Lifecycle {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
        }
    }

    /// Whether it no longer counts for the group.
    pub(super) fn is_leaving(self) -> bool {
        matches!(self, Self::Terminating | Self::TerminatingWait | Self::TerminatingProceed)
    }

    pub(super) fn is_coming(self) -> bool {
        matches!(self, Self::Pending | Self::PendingWait | Self::PendingProceed)
    }
}

/// How an instance is for EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Running,
    Ending,
    Gone,
}

pub(super) fn state(world: &World, instance: &str) -> State {
    match ec2::instance(world, instance).as_ref().map(|it| it.state.as_str()) {
        Some("pending") => State::Pending,
        Some("running") => State::Running,
        Some("terminated") | None => State::Gone,
        Some(_) => State::Ending,
    }
}

/// How many instances a group has that do not leave.
pub(super) fn counted(group: &Group) -> usize {
    group.members.iter().filter(|it| !it.lifecycle.is_leaving()).count()
}

/// How many it shall have now.
pub(super) fn target(group: &Group) -> usize {
    group.desired + group.surge
}

/// Whether anything of the group starts or ends, or is about to.
pub(super) fn is_under_way(group: &Group) -> bool {
    counted(group) < target(group)
        || group.members.iter().any(|it| it.lifecycle != Lifecycle::InService)
}

pub(super) fn find<'a>(world: &'a World, group: &str, instance: &str) -> Option<&'a Member> {
    let group = world.autoscaling().groups.get(group)?;
    group.members.iter().find(|it| it.id == instance)
}

pub(super) fn find_mut<'a>(
    world: &'a mut World,
    group: &str,
    instance: &str,
) -> Option<&'a mut Member> {
    let group = world.autoscaling_mut().groups.get_mut(group)?;
    group.members.iter_mut().find(|it| it.id == instance)
}

pub(super) fn set_instance_protection(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    let ids: BTreeSet<_> = input.texts("InstanceIds").into_iter().collect();
    let protects = input.flag("ProtectedFromScaleIn") == Some(true);
    if ids.len() > MOST_PROTECTED {
        return Err(invalid(format!("At most {MOST_PROTECTED} instances can be given.")));
    }
    let group = super::named_mut(world, name)?;
    // All or none.
    for id in &ids {
        let Some(member) = group.members.iter().find(|it| it.id == *id) else {
            let message = format!("The instance {id} is not part of Auto Scaling group {name}.");
            return Err(invalid(message));
        };
        if member.lifecycle != Lifecycle::InService {
            return Err(invalid(format!(
                "The instance {id} is not in InService or EnteringStandby or Standby."
            )));
        }
    }
    for member in group.members.iter_mut().filter(|it| ids.contains(&it.id)) {
        member.is_protected = protects;
    }
    scaling::react(world, name);
    Ok(json!({}))
}

/// `TerminateInstanceInAutoScalingGroup`: protection does not hold it, hooks do.
pub(super) fn terminate_instance(world: &mut World, input: &Value) -> Answer {
    if input.get("InstanceIds").is_some() {
        let message = "TerminateInstanceInAutoScalingGroup with InstanceIds";
        return Err(Refusal::new("SimulatorLacks", message));
    }
    let id = input.text("InstanceId");
    let groups = world.autoscaling_mut().groups.values_mut();
    let mut groups = groups.filter(|group| group.members.iter().any(|it| it.id == id));
    let Some(group) = groups.next() else {
        let message =
            format!("Instance Id not found - No managed instance found for instance ID: {id}");
        return Err(invalid(message));
    };
    let name = group.name.clone();
    let leaving = group.members.iter().any(|it| it.id == id && it.lifecycle.is_leaving());
    if leaving || group.is_deleting() {
        let message = format!("The instance {id} is already being terminated.");
        return Err(Refusal::new("ScalingActivityInProgress", message));
    }
    if input.flag("ShouldDecrementDesiredCapacity") == Some(true) {
        if group.desired <= group.min {
            return Err(invalid(format!(
                "Currently, desiredSize equals minSize ({}). Terminating instance without \
                 replacement will violate group's min size constraint. Either set \
                 shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                group.min
            )));
        }
        group.desired -= 1;
    }
    scaling::retire(
        world,
        &name,
        id,
        "instance was taken out of service in response to a user request",
        false,
    );
    scaling::react(world, &name);
    let activity = find(world, &name, id).map(|it| it.activity.clone()).unwrap_or_default();
    Ok(json!({ "Activity": activity::view_of(world, &activity) }))
}
