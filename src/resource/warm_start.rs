//! Raises a new group to the instances that the service needs, once. From then on the number of
//! instances belongs to ECS's scaler.
//!
//! The scaler itself would start from its metrics, minutes later. It is nothing that AWS knows: it
//! is there when its group is, and it goes with it.

use super::auto_scaling_group::{AutoScalingGroup, BUSY};
use super::{
    Difference, Kind, Made, Others, Owned, Resource, Seen, Wanted, Whole, auto_scaling_group,
    goes_with,
};
use crate::aws::{Aws, Cx, Doing, Meanings, Owner, Result, Scope};
use crate::names::NodeName;

/// The group, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its group.
    pub group: String,
    /// How many instances the group wants.
    pub desired: Option<i32>,
}

/// What the group should want at first.
#[derive(Debug)]
pub struct WarmStart {
    /// How many instances the service needs at first; 0 when it wants no tasks.
    pub instances: u32,
}

/// The node's name. It has no tags of its own: a listing takes the group's owner under this name.
pub const NODE: &str = "capacity/warm";

impl Resource for WarmStart {
    type Output = Output;
    const KIND: Kind = Kind::WarmStart;
    const GOES_WITH: Option<Kind> = Some(Kind::AutoScalingGroup);

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        Ok(AutoScalingGroup::list(aws, scope).await?.iter().map(of_group).collect())
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        Ok(others.listing::<AutoScalingGroup>().await?.iter().map(of_group).collect())
    }

    async fn delete(_aws: &Aws, _it: &Output) -> Result<()> {
        Err(goes_with(Kind::WarmStart, Kind::AutoScalingGroup))
    }
}

impl Wanted for WarmStart {
    type Needs = auto_scaling_group::Output;
    type Change = Whole;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        group: &auto_scaling_group::Output,
    ) -> Result<Made<Output>> {
        let it = Output::from(group);
        match self.drift(&it, group).as_slice() {
            [] => Ok(Made::Ready(it)),
            _ => self.update(cx, node, &it, group, &[Whole]).await,
        }
    }

    fn drift(&self, it: &Output, _group: &auto_scaling_group::Output) -> Vec<Difference<Whole>> {
        match it.desired {
            Some(0) if self.instances > 0 => {
                vec![Difference::update(Whole, "DesiredCapacity", 0, self.instances)]
            }
            _ => Vec::new(),
        }
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _group: &auto_scaling_group::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let desired = i32::try_from(self.instances).unwrap_or(i32::MAX);
        let set = cx.aws.autoscaling.set_desired_capacity().auto_scaling_group_name(&it.group);
        let set = set.desired_capacity(desired).honor_cooldown(false).send().await;
        set.doing("start the first instances").wait_on(BUSY)?;
        Ok(Made::Ready(Output { desired: Some(desired), ..it.clone() }))
    }
}

fn of_group(group: &Owned<auto_scaling_group::Output>) -> Owned<Output> {
    let owner = Owner { node: NodeName::from(NODE), tags: None, ..group.owner.clone() };
    let seen = match &group.seen {
        Seen::Present(it, phase) => Seen::Present(Output::from(it), phase.clone()),
        Seen::Leaving(it, why) => Seen::Leaving(Output::from(it), why.clone()),
    };
    Owned { owner, id: group.id.clone(), seen }
}

impl From<&auto_scaling_group::Output> for Output {
    fn from(group: &auto_scaling_group::Output) -> Self {
        Self { group: group.name.clone(), desired: group.desired }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_group_of_a_service_with_tasks_is_raised() {
        let group = auto_scaling_group::Output::default();
        let drift = |instances, desired| {
            let it = Output { group: "asg-demo".into(), desired };
            WarmStart { instances }.drift(&it, &group).len()
        };
        assert_eq!(drift(2, Some(0)), 1);
        assert_eq!(drift(2, Some(1)), 0, "the scaler's own number");
        assert_eq!(drift(2, None), 0);
        assert_eq!(drift(0, Some(0)), 0);
    }
}
