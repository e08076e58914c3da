//! Raises a new group to the instances that the service needs, once. From then on the number of
//! instances belongs to ECS's scaler.
//!
//! The scaler itself would start from its metrics, minutes later. It is an action on the group, and
//! nothing that AWS knows.

use super::auto_scaling_group::{AutoScalingGroup, BUSY};
use super::{Acted, Action, Difference, Kind, auto_scaling_group, signed};
use crate::aws::{Cx, Doing, Meanings, Result};
use crate::names::NodeName;

/// What the group should want at first.
#[derive(Debug)]
pub struct WarmStart {
    /// How many instances the service needs at first; 0 when it wants no tasks.
    pub instances: u32,
}

impl Action for WarmStart {
    type Target = AutoScalingGroup;
    type Needs = ();
    const KIND: Kind = Kind::WarmStart;

    fn due(&self, group: &auto_scaling_group::Output) -> Option<Difference> {
        let is_due = group.desired == Some(0) && self.instances > 0;
        is_due.then(|| Difference::update((), "DesiredCapacity", 0, self.instances))
    }

    async fn act(
        &self,
        cx: &Cx,
        _node: &NodeName,
        group: &auto_scaling_group::Output,
        (): &(),
    ) -> Result<Acted> {
        let desired = signed(self.instances);
        let set = cx.aws.autoscaling.set_desired_capacity().auto_scaling_group_name(&group.name);
        let set = set.desired_capacity(desired).honor_cooldown(false).send().await;
        set.doing("start the first instances").wait_on(BUSY)?;
        Ok(Acted::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_group_of_a_service_with_tasks_is_raised() {
        let is_due = |instances, desired| {
            let group =
                auto_scaling_group::Output { desired, ..auto_scaling_group::Output::default() };
            WarmStart { instances }.due(&group).is_some()
        };
        assert!(is_due(2, Some(0)));
        assert!(!is_due(2, Some(1)), "the scaler's own number");
        assert!(!is_due(2, None));
        assert!(!is_due(0, Some(0)));
    }
}
