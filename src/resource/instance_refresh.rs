//! Rolls the instances that began with what the launch template said before it was changed: Auto Scaling
//! launches a new one, drains an old one and goes on, while ECS keeps as many tasks running as their services
//! want.
//!
//! It is an action on the group, whose instances tell by their template's version what they began with. A refresh
//! that runs already, be it of an interrupted deploy or of somebody else, is joined: Auto Scaling runs one at
//! a time. It goes on when nobody waits for it any more.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_autoscaling::types::{
    InstanceRefresh as Refresh, InstanceRefreshStatus as Status, RefreshPreferences,
    RefreshStrategy, ScaleInProtectedInstances,
};

use super::auto_scaling_group::{AutoScalingGroup, BUSY, Member};
use super::{Acted, Action, Difference, Kind, auto_scaling_group};
use crate::aws::{Aws, Cx, Doing, Error, Meanings, Result, missing};
use crate::names::NodeName;

/// No fewer than all are in service, so new ones come first ...
const MIN_HEALTHY: i32 = 100;
/// ... a fifth of the group at a time, and one at least.
const MAX_HEALTHY: i32 = 120;
/// Seconds in which the agent of a new instance registers, before an old one is drained.
const WARMUP: i32 = 90;
/// How long Auto Scaling waits for an instance before it gives up by itself (guide, "Instance refresh").
const GIVES_UP: Duration = Duration::from_hours(1);
/// How long each instance may take besides.
const EACH: Duration = Duration::from_mins(10);

/// The instances that are to be replaced.
#[derive(Debug)]
pub struct InstanceRefresh {
    /// Their ids.
    pub instances: BTreeSet<String>,
    /// How they differ from what the template says now.
    pub differs: String,
    /// The refresh that this run has begun or joined.
    joined: RefCell<Option<String>>,
}

impl InstanceRefresh {
    /// A refresh of instances that differ from the template in this.
    pub fn new(instances: BTreeSet<String>, differs: String) -> Self {
        Self { instances, differs, joined: RefCell::default() }
    }

    /// Those of them that are there still.
    fn there<'a>(&self, it: &'a auto_scaling_group::Output) -> impl Iterator<Item = &'a Member> {
        it.members.iter().filter(|it| self.instances.contains(&it.id))
    }

    fn left(&self, it: &auto_scaling_group::Output) -> usize {
        self.there(it).count()
    }
}

impl Action for InstanceRefresh {
    type Target = AutoScalingGroup;
    type Needs = ();
    const KIND: Kind = Kind::InstanceRefresh;

    fn due(&self, it: &auto_scaling_group::Output) -> Option<Difference> {
        let left = match self.left(it) {
            0 => return None,
            1 => "1 instance".to_owned(),
            left => format!("{left} instances"),
        };
        let field = format!("rolls {left}:");
        Some(Difference::update((), &field, &self.differs, "replaced, new ones first"))
    }

    fn takes(&self) -> Duration {
        let count = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        GIVES_UP.saturating_add(EACH.saturating_mul(count))
    }

    async fn act(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &auto_scaling_group::Output,
        (): &(),
    ) -> Result<Acted> {
        const DOING: &str = "replace the instances";
        if let Some(refresh) = newest(&cx.aws, &it.name).await? {
            let id = refresh.instance_refresh_id.clone();
            if is_active(&refresh) {
                self.joined.replace(id);
                auto_scaling_group::release_terminated(&cx.aws, it).await?;
                return Ok(Acted::Going(self.progress(&refresh, it)));
            }
            // One of an earlier run says nothing of this one.
            let is_ours = id.is_some() && self.joined.take() == id;
            match refresh.status {
                // The group may not show it yet; what is left then takes another one.
                Some(Status::Successful) if is_ours => {
                    return Ok(Acted::Going("the group to show its new instances".to_owned()));
                }
                _ if is_ours => return Err(Error::other(DOING, ended(&refresh, self.left(it)))),
                _ => {}
            }
        }
        if self.there(it).all(|it| it.is_leaving) {
            return Ok(Acted::Going("the last of the former instances to terminate".to_owned()));
        }
        let preferences = RefreshPreferences::builder()
            .min_healthy_percentage(MIN_HEALTHY)
            .max_healthy_percentage(MAX_HEALTHY)
            .instance_warmup(WARMUP)
            // ECS protects what tasks run on. Auto Scaling would wait for the end of that.
            .scale_in_protected_instances(ScaleInProtectedInstances::Refresh)
            .skip_matching(true)
            .build();
        let start = cx.aws.autoscaling.start_instance_refresh().auto_scaling_group_name(&it.name);
        let start = start.strategy(RefreshStrategy::Rolling).preferences(preferences).send().await;
        let started = start.doing(DOING).wait_on(BUSY).wait_on(&["InstanceRefreshInProgress"])?;
        let id =
            started.instance_refresh_id().ok_or_else(|| missing(DOING, "InstanceRefreshId"))?;
        self.joined.replace(Some(id.to_owned()));
        Ok(Acted::Going("the instance refresh to begin".to_owned()))
    }
}

impl InstanceRefresh {
    /// How far it is.
    fn progress(&self, refresh: &Refresh, it: &auto_scaling_group::Output) -> String {
        let percent = refresh.percentage_complete().unwrap_or(0);
        let reason = refresh.status_reason().map(|it| format!("; {it}")).unwrap_or_default();
        let left = self.left(it);
        format!("the instance refresh ({percent} %, {left} old instances left{reason})")
    }
}

/// Whether instances of a group are being replaced.
pub async fn is_under_way(aws: &Aws, group: &str) -> Result<bool> {
    Ok(newest(aws, group).await?.as_ref().is_some_and(is_active))
}

fn is_active(refresh: &Refresh) -> bool {
    matches!(
        refresh.status,
        Some(
            Status::Pending
                | Status::InProgress
                | Status::Cancelling
                | Status::Baking
                | Status::RollbackInProgress
        )
    )
}

/// How a refresh has ended that has not replaced everything.
fn ended(refresh: &Refresh, left: usize) -> String {
    let id = refresh.instance_refresh_id().unwrap_or_default();
    let status = refresh.status().map_or("in no known state", Status::as_str);
    let reason = refresh.status_reason().unwrap_or("AWS does not say why");
    let reason = reason.trim_end_matches('.');
    format!(
        "the instance refresh {id} ended as {status}, with {left} old instances left: {reason}; the same \
         `ecsup deploy` goes on with them"
    )
}

/// The newest refresh of a group, of which AWS lists the newest first.
async fn newest(aws: &Aws, group: &str) -> Result<Option<Refresh>> {
    let refreshes = aws.autoscaling.describe_instance_refreshes().auto_scaling_group_name(group);
    let refreshes = refreshes.max_records(1).send().await.doing("look at the instance refresh")?;
    Ok(refreshes.instance_refreshes.unwrap_or_default().into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::super::auto_scaling_group::Output;
    use super::*;

    fn group(ids: &[&str]) -> Output {
        let member = |id: &&str| Member { id: (*id).to_owned(), ..Member::default() };
        Output { members: ids.iter().map(member).collect(), ..Output::default() }
    }

    #[test]
    fn it_is_due_until_the_last_of_them_is_gone() {
        let ids = BTreeSet::from(["i-1".to_owned(), "i-2".to_owned()]);
        let refresh = InstanceRefresh::new(ids, "InstanceType c5.large".into());
        let due = |ids: &[&str]| refresh.due(&group(ids)).map(|it| it.field);
        assert_eq!(due(&["i-1", "i-2", "i-3"]).as_deref(), Some("rolls 2 instances:"));
        assert_eq!(due(&["i-2", "i-3"]).as_deref(), Some("rolls 1 instance:"));
        assert_eq!(due(&["i-3"]), None);
    }

    #[test]
    fn the_end_of_a_refresh_is_told_with_its_reason() {
        let refresh = Refresh::builder()
            .instance_refresh_id("1-2")
            .status(Status::Cancelled)
            .status_reason("Cancelled due to user request.");
        insta::assert_snapshot!(ended(&refresh.build(), 2), @"the instance refresh 1-2 ended as Cancelled, with 2 old instances left: Cancelled due to user request; the same `ecsup deploy` goes on with them");
    }
}
