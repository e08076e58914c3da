//! A log group. Its retention is a second call, so it is drift and update.
//!
//! The tags are no part of a description: one call for each group. The group that Container
//! Insights writes is ours as well: it would otherwise make one itself, without our tags. That happens all
//! the same, when somebody deletes ours or the last metrics of a former cluster come late. Such a one is
//! known by its cluster, also by one that is deleted, which ECS shows with its tags for a while. That of a
//! cluster of ours is adopted by a deploy and a destroy, that of no cluster by a deploy.

use std::collections::BTreeMap;

use futures::future::try_join_all;

use super::cluster::{self, Cluster};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, compare, service,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meaning, Meanings, Owner, Result, Scope, Tagging};
use crate::names::{self, NodeName};

/// A log group as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN. `None` when not read.
    pub arn: Option<String>,
    /// Retention in days; 0 means for ever. `None` when not read.
    pub retention_days: Option<i32>,
    /// The tags that make it ours, when it has none: Container Insights has made it.
    pub adoption: Option<BTreeMap<String, String>>,
}

/// The log group that is wanted.
#[derive(Debug)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// How long events are kept, in days.
    pub retention_days: i32,
}

/// What can be changed of a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// How long events are kept.
    Retention,
    /// It is adopted: it carries this stack's tags.
    Tags,
}

const UNKNOWN: &str = "ResourceNotFoundException";
/// What `CloudWatch` Logs answers while another change of the same group is under way.
const BUSY: &str = "OperationAbortedException";

/// What the group of any cluster's Container Insights begins and ends with.
const INSIGHTS: (&str, &str) = ("/aws/ecs/containerinsights/", "/performance");

/// How many groups' tags are read at a time: `CloudWatch` Logs admits about ten calls a second.
const TAGS_AT_A_TIME: usize = 8;

impl Resource for LogGroup {
    type Output = Output;
    const KIND: Kind = Kind::LogGroup;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, scope, &named_like_ours(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let mut groups = named_like_ours(aws, scope).await?;
        let Some(names) = scope.names().filter(|_| groups.len() > service::MANY) else {
            return read(aws, scope, &groups).await;
        };
        let mut known = Vec::new();
        for (name, owner) in service::steady_of_many(others).await? {
            let of_it = format!("{}{name}", names.log_group_prefix());
            let at = groups.iter().position(|group| group.log_group_name() == Some(&of_it));
            let Some(group) = at.map(|at| groups.swap_remove(at)) else { continue };
            let (node, it) = (format!("log-group/{name}"), Output::from(&group));
            known.push(service::belonging(&owner, node, of_it, it));
        }
        known.extend(read(aws, scope, &groups).await?);
        Ok(known)
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        it.arn.clone().map(Tagging::LogGroup)
    }

    async fn prepare_removal(aws: &Aws, it: &Output) -> Result<()> {
        // It goes after its cluster, without which nobody could tell any more whose it is.
        match (&it.adoption, &it.arn) {
            (Some(tags), Some(arn)) => adopt(aws, arn, tags.clone()).await,
            _ => Ok(()),
        }
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.logs.delete_log_group().log_group_name(&it.name).send().await;
        delete.doing("delete the log group").wait_on(&[BUSY]).gone_is_fine(&[UNKNOWN]).map(drop)
    }
}

impl Wanted for LogGroup {
    type Needs = ();
    type Change = Change;

    async fn holder(&self, cx: &Cx, node: &NodeName) -> Result<Option<String>> {
        let Some((_, tags)) = self.look_up(cx).await? else { return Ok(None) };
        let ours = Scope::Stack(cx.names.clone()).owner(&tags).is_some();
        if ours || self.is_left_behind(cx, node, &tags).await? {
            return Ok(None);
        }
        let by_insights = if self.name == cx.names.insights_log_group() {
            format!(
                " (written by Container Insights; if nobody needs it: aws logs delete-log-group --log-group-name {})",
                self.name
            )
        } else {
            String::new()
        };
        Ok(Some(format!("the log group `{}`{by_insights}", self.name)))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        let create = cx.aws.logs.create_log_group().log_group_name(&self.name);
        let create = create.set_tags(Some(cx.tags(node).into_iter().collect())).send().await;
        let created = create
            .doing("create the log group")
            .wait_on(&[BUSY])
            .taken_on(&["ResourceAlreadyExistsException"]);
        match created {
            // A group is born to keep its events for ever.
            Ok(_) => {
                let name = self.name.clone();
                let retention_days = Some(0);
                Ok(Made::Ready(Output { name, arn: None, retention_days, adoption: None }))
            }
            Err(error) if error.meaning == Meaning::Taken => match self.look_up(cx).await? {
                Some((arn, tags)) if self.is_left_behind(cx, node, &tags).await? => {
                    adopt(&cx.aws, &arn, cx.tags(node).into_iter().collect()).await?;
                    Ok(Made::Asked("the log group to show its tags".into()))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn drift(&self, it: &Output, (): &()) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        let days = it.retention_days.as_ref();
        compare(&mut differences, Change::Retention, "RetentionInDays", days, &self.retention_days);
        if it.adoption.is_some() {
            let wanted = "those of this stack";
            differences.push(Difference::update(Change::Tags, "Tags", "none", wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &Output,
        (): &(),
        changes: &[Change],
    ) -> Result<Made<Output>> {
        const DOING: &str = "set the retention of the log group";
        // CloudWatch Logs may not know yet what it has just made.
        const NOT_YET: &[&str] = &[UNKNOWN, BUSY];
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::Retention => {
                    let put = cx.aws.logs.put_retention_policy().log_group_name(&it.name);
                    let put = put.retention_in_days(self.retention_days).send().await;
                    put.doing(DOING).wait_on(NOT_YET)?;
                    it.retention_days = Some(self.retention_days);
                }
                Change::Tags => {
                    if let Some(arn) = &it.arn {
                        adopt(&cx.aws, arn, cx.tags(node).into_iter().collect()).await?;
                    }
                    it.adoption = None;
                }
            }
        }
        Ok(Made::Ready(it))
    }
}

impl LogGroup {
    /// The ARN and the tags of the group that has our name.
    async fn look_up(&self, cx: &Cx) -> Result<Option<(String, Vec<(String, String)>)>> {
        let groups = beginning(&cx.aws, &self.name).await?;
        let same = groups.iter().find(|group| group.log_group_name() == Some(&self.name));
        let Some(group) = same else { return Ok(None) };
        Ok(Some((arn(group).to_owned(), tags(&cx.aws, group).await?)))
    }

    /// Whether the group of our name is what Container Insights made for a former cluster: late metrics
    /// make it once more, without tags. While somebody else's cluster of that name lives, it is theirs.
    async fn is_left_behind(
        &self,
        cx: &Cx,
        node: &NodeName,
        tags: &[(String, String)],
    ) -> Result<bool> {
        let untagged = self.name == cx.names.insights_log_group() && tags.is_empty();
        Ok(untagged && Cluster::default().holder(cx, node).await?.is_none())
    }
}

/// Makes a group ours that has no tags.
async fn adopt(aws: &Aws, arn: &str, tags: BTreeMap<String, String>) -> Result<()> {
    let tags = tags.into_iter().collect();
    let tag = aws.logs.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await;
    // One that goes meanwhile is made after all.
    tag.doing("tag the log group of Container Insights").wait_on(&[UNKNOWN, BUSY]).map(drop)
}

/// The groups whose names are like those of ours.
async fn named_like_ours(
    aws: &Aws,
    scope: &Scope,
) -> Result<Vec<aws_sdk_cloudwatchlogs::types::LogGroup>> {
    let (prefix, insights) = match scope {
        Scope::Stack(names) | Scope::Like(names) => {
            (names.log_group_prefix(), names.insights_log_group())
        }
        Scope::Region(_) => ("/ecsup/".to_owned(), INSIGHTS.0.to_owned()),
    };
    let (own, mut others) = futures::try_join!(beginning(aws, &prefix), beginning(aws, &insights))?;
    others.retain(|group| {
        let name = group.log_group_name().unwrap_or_default();
        name == insights || scope.names().is_none() && name.ends_with(INSIGHTS.1)
    });
    Ok([own, others].concat())
}

/// Of these groups those that are ours.
async fn read(
    aws: &Aws,
    scope: &Scope,
    groups: &[aws_sdk_cloudwatchlogs::types::LogGroup],
) -> Result<Vec<Owned<Output>>> {
    let mut ours = Vec::new();
    let mut untagged = Vec::new();
    for some in groups.chunks(TAGS_AT_A_TIME) {
        let read = some.iter().map(async |group| Ok((group, tags(aws, group).await?)));
        for (group, tags) in try_join_all(read).await? {
            match scope.owner(&tags) {
                Some(owner) => ours.push(owned(owner, Output::from(group))),
                None if tags.is_empty() => untagged.push(Output::from(group)),
                None => {}
            }
        }
    }
    ours.extend(by_cluster(aws, scope, untagged).await?);
    Ok(ours)
}

/// Those of these groups without tags that Container Insights has made for a cluster of ours, with the tags
/// that they should have.
async fn by_cluster(aws: &Aws, scope: &Scope, untagged: Vec<Output>) -> Result<Vec<Owned<Output>>> {
    let of_clusters = untagged.into_iter().filter_map(|it| {
        let (beginning, end) = INSIGHTS;
        let cluster = it.name.strip_prefix(beginning)?.strip_suffix(end)?.to_owned();
        Some((cluster, it))
    });
    let of_clusters: BTreeMap<_, _> = of_clusters.collect();
    // What lacks a part of its identity is looked for by its own tags.
    if of_clusters.is_empty() || matches!(scope, Scope::Like(_)) {
        return Ok(Vec::new());
    }
    let owners = cluster::owners(aws, scope, of_clusters.keys().cloned().collect()).await?;
    let adopted = owners.into_iter().filter_map(|(cluster, owner)| {
        let it = of_clusters.get(&cluster)?.clone();
        let node = NodeName::from(format!("{}/log-group", owner.node));
        let mut tags = owner.tags?;
        tags.insert(names::TAG_NODE.to_owned(), node.to_string());
        tags.insert(names::TAG_NAME.to_owned(), format!("{}/{node}", owner.stack));
        let owner = Owner { node, tags: Some(tags.clone()), ..owner };
        Some(owned(owner, Output { adoption: Some(tags), ..it }))
    });
    Ok(adopted.collect())
}

fn owned(owner: Owner, it: Output) -> Owned<Output> {
    Owned { owner, id: it.name.clone(), seen: Seen::Present(it, Phase::Ready) }
}

impl From<&aws_sdk_cloudwatchlogs::types::LogGroup> for Output {
    fn from(group: &aws_sdk_cloudwatchlogs::types::LogGroup) -> Self {
        Self {
            name: group.log_group_name().unwrap_or_default().to_owned(),
            arn: Some(arn(group).to_owned()).filter(|arn| !arn.is_empty()),
            // The one absent field that says something: without it events are kept for ever.
            retention_days: Some(group.retention_in_days().unwrap_or(0)),
            adoption: None,
        }
    }
}

/// The groups whose names begin with this.
async fn beginning(
    aws: &Aws,
    prefix: &str,
) -> Result<Vec<aws_sdk_cloudwatchlogs::types::LogGroup>> {
    let groups = aws.logs.describe_log_groups().log_group_name_prefix(prefix);
    let groups = groups.into_paginator().items().send().all().await;
    let mut groups = groups.doing("list the log groups")?;
    groups.retain(|group| group.log_group_name().is_some_and(|name| name.starts_with(prefix)));
    Ok(groups)
}

/// The tags of a group; none when it went between two looks.
async fn tags(
    aws: &Aws,
    group: &aws_sdk_cloudwatchlogs::types::LogGroup,
) -> Result<Vec<(String, String)>> {
    let tags = aws.logs.list_tags_for_resource().resource_arn(arn(group)).send().await;
    let tags = tags.doing("read the tags of the log group").gone_is_fine(&[UNKNOWN])?;
    Ok(tags.and_then(|answer| answer.tags).into_iter().flatten().collect())
}

/// The ARN of a group. Descriptions end it with `:*`, which calls about tags refuse.
fn arn(group: &aws_sdk_cloudwatchlogs::types::LogGroup) -> &str {
    group.arn().or(group.log_group_arn()).unwrap_or_default().trim_end_matches(":*")
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::types;

    use super::*;

    #[test]
    fn a_group_without_retention_keeps_its_events_for_ever() {
        let wanted = LogGroup { name: "/ecsup/demo/web".into(), retention_days: 30 };
        let it = |days| {
            let group = types::LogGroup::builder().log_group_name("/ecsup/demo/web");
            Output::from(&group.set_retention_in_days(days).build())
        };
        assert_eq!(wanted.drift(&it(Some(30)), &()), []);
        assert_eq!(
            wanted.drift(&it(None), &()),
            [Difference::update(Change::Retention, "RetentionInDays", 0, 30)]
        );
    }
}
