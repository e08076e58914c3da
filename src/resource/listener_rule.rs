//! A rule of a listener: which hosts and paths lead to a service.
//!
//! Rules are tried in the order of their priorities, of which no two of a listener may be equal.
//! [`priority`] chooses one, which stays as long as the rule is as specific as it was. Rules that somebody
//! made by hand are left alone, and counted with. Creating a rule is not idempotent.
//! Rules cannot be listed but through their listener, with which they go. A look at everything asks only
//! listeners to whose load balancer a target group is attached that the listener itself does not forward
//! to: a rule that leads nowhere else is not seen, and nobody misses it.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, PathPatternConditionConfig, Rule as Description, RuleCondition,
    RulePriorityPair,
};
use futures::future::try_join_all;

use super::id::{ListenerArn, ListenerRuleArn, TargetGroupArn};
use super::listener::{self, Does, Listener, forward_to};
use super::load_balancer::{tags, tags_of};
use super::target_group::TargetGroup;
use super::{Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, target_group};
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

pub mod priority;

use priority::{Neighbour, Rank};

/// A rule as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: ListenerRuleArn,
    /// Its listener.
    pub listener: ListenerArn,
    /// Its priority. `None` when not read.
    pub priority: Option<u32>,
    /// What it matches. `None` when not read.
    pub matches: Option<Matches>,
    /// What it does. `None` when not read.
    pub does: Option<Does>,
}

/// What a rule matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// One of these hosts, unless there are none.
    pub hosts: BTreeSet<String>,
    /// One of these paths, unless there are none.
    pub paths: BTreeSet<String>,
    /// Fields of conditions that ecsup never asks for.
    pub others: BTreeSet<String>,
}

/// The rule that is wanted.
#[derive(Debug)]
pub struct ListenerRule {
    /// The hosts, in lower case.
    pub hosts: Vec<String>,
    /// The paths.
    pub paths: Vec<String>,
}

/// What can be changed of a rule: what it matches and where requests go with one call, its place with
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// What it matches.
    Conditions,
    /// Where requests go.
    Actions,
    /// Its place among the others: it is more specific than it was, or less.
    Priority,
}

/// What ELB answers about a rule that is not there.
pub const UNKNOWN: &str = "RuleNotFound";

impl Resource for ListenerRule {
    type Output = Output;
    const KIND: Kind = Kind::ListenerRule;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        of(aws, scope, &Listener::list(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let targets = others.listing::<TargetGroup>();
        let (listeners, targets) = futures::try_join!(others.listing::<Listener>(), targets)?;
        let targets: Vec<_> = targets.iter().map(Owned::it).collect();
        let listeners = listeners.iter().filter(|it| may_have_rules(it.it(), &targets));
        of(others.aws(), others.scope(), &listeners.cloned().collect::<Vec<_>>()).await
    }

    fn uses(it: &Output) -> Vec<String> {
        let groups = it.does.iter().flat_map(Does::target_groups).map(ToString::to_string);
        std::iter::once(it.listener.to_string()).chain(groups).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::LoadBalancing(it.arn.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.elb.delete_rule().rule_arn(it.arn.as_str()).send().await;
        let delete = delete.doing("delete the listener rule");
        delete.gone_is_fine(&[UNKNOWN, listener::UNKNOWN]).map(drop)
    }
}

impl Wanted for ListenerRule {
    type Needs = (listener::Output, target_group::Output);
    type Change = Change;

    /// Looks at the rules first, to choose a place among them. When somebody takes that meanwhile, the
    /// next attempt looks again.
    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (listener, target_group): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the listener rule";
        let priority = self.free_priority(cx, node, &listener.arn, None, DOING).await?;
        let create = cx
            .aws
            .elb
            .create_rule()
            .listener_arn(listener.arn.as_str())
            .priority(priority)
            .set_conditions(Some(self.conditions()))
            .actions(forward_to(&target_group.arn))
            .set_tags(Some(tags(cx, node)));
        let created = create
            .send()
            .await
            .doing(DOING)
            .wait_on(&[listener::UNKNOWN, target_group::UNKNOWN])
            // By another one, or by this very one when the answer was lost and the SDK asked again.
            .taken_on(&["PriorityInUse"])?;
        let described = created.rules().first().ok_or_else(|| missing(DOING, "member"))?;
        described.rule_arn().ok_or_else(|| missing(DOING, "RuleArn"))?;
        Ok(Made::Ready(Output::of(&listener.arn, described)))
    }

    fn drift(
        &self,
        it: &Output,
        (listener, target_group): &Self::Needs,
    ) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if it.listener != listener.arn {
            differences.push(Difference::remake("ListenerArn", &it.listener, &listener.arn));
        }
        let wanted = self.matches();
        if let Some(is) = it.matches.as_ref().filter(|is| **is != wanted) {
            let rank = self.rank();
            let moves =
                it.priority.filter(|at| is.rank() != Some(rank) && !priority::may_stay(&rank, *at));
            differences.extend(moves.map(|at| {
                Difference::update(
                    Change::Priority,
                    "Priority",
                    at,
                    "where what it matches belongs",
                )
            }));
            let (is, wanted) = (words(is), words(&wanted));
            differences.push(Difference::update(Change::Conditions, "Conditions", is, wanted));
        }
        let wanted = leads_to(&target_group.arn);
        if let Some(is) = it.does.as_ref().filter(|is| **is != wanted) {
            differences.push(Difference::update(Change::Actions, "TargetGroups", is, wanted));
        }
        differences
    }

    fn as_before(&self, before: &Output) -> Option<Self> {
        let Matches { hosts, paths, .. } = before.matches.clone()?;
        Some(Self { hosts: hosts.into_iter().collect(), paths: paths.into_iter().collect() })
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &Output,
        (listener, target_group): &Self::Needs,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut it = it.clone();
        let mut modify = cx.aws.elb.modify_rule().rule_arn(it.arn.as_str());
        for change in changes {
            match change {
                Change::Conditions => {
                    modify = modify.set_conditions(Some(self.conditions()));
                    it.matches = Some(self.matches());
                }
                Change::Actions => {
                    modify = modify.actions(forward_to(&target_group.arn));
                    it.does = Some(leads_to(&target_group.arn));
                }
                // First, so that whoever goes on after a crash still sees what it matched.
                Change::Priority => {
                    const DOING: &str = "move the listener rule to its place";
                    let to =
                        self.free_priority(cx, node, &listener.arn, Some(&it.arn), DOING).await?;
                    let pair = RulePriorityPair::builder().rule_arn(it.arn.as_str()).priority(to);
                    let set = cx.aws.elb.set_rule_priorities().rule_priorities(pair.build());
                    set.send().await.doing(DOING).wait_on(&[UNKNOWN, "PriorityInUse"])?;
                    it.priority = u32::try_from(to).ok();
                }
            }
        }
        let modified = modify.send().await.doing("change the listener rule");
        modified.wait_on(&[UNKNOWN, target_group::UNKNOWN])?;
        Ok(Made::Ready(it))
    }
}

impl ListenerRule {
    /// A free priority for it among the rules that are there, but for this one.
    async fn free_priority(
        &self,
        cx: &Cx,
        node: &NodeName,
        listener: &ListenerArn,
        own: Option<&ListenerRuleArn>,
        doing: &str,
    ) -> Result<i32> {
        let there = rules(&cx.aws, listener).await.wait_on(&[listener::UNKNOWN])?;
        let others = there.iter().filter(|it| it.rule_arn() != own.map(ListenerRuleArn::as_str));
        let others: Vec<_> = others.filter_map(neighbour).collect();
        let priority = priority::choose(&self.rank(), node.as_str(), &others);
        let full = || Error::other(doing, "its listener has no priority left for it");
        i32::try_from(priority.ok_or_else(full)?).map_err(|_| full())
    }

    fn rank(&self) -> Rank {
        Rank::of(self.hosts.iter().map(String::as_str), self.paths.iter().map(String::as_str))
    }

    fn matches(&self) -> Matches {
        Matches {
            hosts: self.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            paths: self.paths.iter().cloned().collect(),
            others: BTreeSet::new(),
        }
    }

    fn conditions(&self) -> Vec<RuleCondition> {
        let mut conditions = Vec::new();
        if !self.hosts.is_empty() {
            let hosts = HostHeaderConditionConfig::builder();
            let hosts = hosts.set_values(Some(self.hosts.clone())).build();
            let condition = RuleCondition::builder().field(HOST).host_header_config(hosts);
            conditions.push(condition.build());
        }
        if !self.paths.is_empty() {
            let paths = PathPatternConditionConfig::builder();
            let paths = paths.set_values(Some(self.paths.clone())).build();
            let condition = RuleCondition::builder().field(PATH).path_pattern_config(paths);
            conditions.push(condition.build());
        }
        conditions
    }
}

const HOST: &str = "host-header";
const PATH: &str = "path-pattern";

fn leads_to(target_group: &TargetGroupArn) -> Does {
    Does::Forward(vec![target_group.clone()])
}

fn words(it: &Matches) -> String {
    let parts = it.hosts.iter().chain(&it.paths).chain(&it.others);
    let parts: Vec<_> = parts.map(String::as_str).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

impl Matches {
    /// How specific that is; unknown when it is about something else than hosts and paths.
    fn rank(&self) -> Option<Rank> {
        let rank =
            Rank::of(self.hosts.iter().map(String::as_str), self.paths.iter().map(String::as_str));
        self.others.is_empty().then_some(rank)
    }

    fn of(described: &Description) -> Self {
        let mut all = Self::default();
        for condition in described.conditions() {
            // AWS answers in the old form, in the new one, or in both.
            let old = condition.values().iter();
            match condition.field().unwrap_or_default() {
                HOST => {
                    let new = condition.host_header_config();
                    let new = new.map(HostHeaderConditionConfig::values).unwrap_or_default();
                    all.hosts.extend(new.iter().chain(old).map(|host| host.to_ascii_lowercase()));
                }
                PATH => {
                    let new = condition.path_pattern_config();
                    let new = new.map(PathPatternConditionConfig::values).unwrap_or_default();
                    all.paths.extend(new.iter().chain(old).cloned());
                }
                other => all.others.extend([other.to_owned()]),
            }
        }
        all
    }
}

impl Output {
    fn of(listener: &ListenerArn, described: &Description) -> Self {
        Self {
            arn: ListenerRuleArn::from(described.rule_arn().unwrap_or_default()),
            listener: listener.clone(),
            priority: described.priority().and_then(|it| it.parse().ok()),
            matches: described.conditions.is_some().then(|| Matches::of(described)),
            does: described.actions.as_deref().map(Does::of),
        }
    }
}

/// Whether rules of a listener may lead to these target groups. One that leads nowhere by itself is there
/// for its rules, whatever its target groups say of load balancers.
fn may_have_rules(listener: &listener::Output, targets: &[&target_group::Output]) -> bool {
    let by_itself = listener.does.as_ref().map(Does::target_groups).unwrap_or_default();
    by_itself.is_empty()
        || targets.iter().filter(|group| !by_itself.contains(&group.arn)).any(|group| {
            let of = group.load_balancers.as_ref().zip(listener.load_balancer.as_ref());
            of.is_none_or(|(all, one)| all.contains(one))
        })
}

/// What a rule is to the one that is looking for its place; the listener's own default is nothing.
fn neighbour(described: &Description) -> Option<Neighbour> {
    let priority = described.priority()?.parse().ok()?;
    Some(Neighbour { priority, rank: Matches::of(described).rank() })
}

/// The rules of a listener, whosever they are, and its default.
async fn rules(aws: &Aws, listener: &ListenerArn) -> Result<Vec<Description>> {
    let listed = aws.elb.describe_rules().listener_arn(listener.as_str()).into_paginator();
    listed.items().send().all().await.doing("list the listener rules")
}

/// Our rules of these listeners.
async fn of(
    aws: &Aws,
    scope: &Scope,
    listeners: &[Owned<listener::Output>],
) -> Result<Vec<Owned<Output>>> {
    let all = try_join_all(listeners.iter().map(async |listener| {
        let arn = &listener.it().arn;
        // Gone between two looks.
        let listed = rules(aws, arn).await.gone_is_fine(&[listener::UNKNOWN])?;
        let listed = listed.unwrap_or_default().into_iter();
        Ok(listed.filter(|it| it.is_default() != Some(true)).map(|it| (arn.clone(), it)).collect())
    }));
    let all: Vec<(ListenerArn, Description)> =
        all.await?.into_iter().flat_map(Vec::into_iter).collect();
    let arns: Vec<_> = all.iter().filter_map(|(_, described)| described.rule_arn()).collect();
    let tags = tags_of(aws, &arns).await?;
    let read = |(listener, described): &(ListenerArn, Description)| {
        let output = Output::of(listener, described);
        let owner = scope.owner(tags.get(output.arn.as_str())?)?;
        let id = output.arn.to_string();
        Some(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) })
    };
    Ok(all.iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> ListenerRule {
        ListenerRule { hosts: vec!["api.example.com".into()], paths: vec!["/v1/*".into()] }
    }

    #[test]
    fn conditions_are_read_in_whichever_form_they_come() {
        let new = Description::builder().set_conditions(Some(wanted().conditions())).build();
        let old = RuleCondition::builder().field(HOST).values("API.example.com").build();
        let paths = RuleCondition::builder().field(PATH).values("/v1/*").build();
        let old = Description::builder().conditions(paths).conditions(old).build();
        assert_eq!(Matches::of(&new), wanted().matches());
        assert_eq!(Matches::of(&old), wanted().matches());
        let by_method = RuleCondition::builder().field("http-request-method").build();
        let by_method = Description::builder().priority("7").conditions(by_method).build();
        assert_eq!(neighbour(&by_method), Some(Neighbour { priority: 7, rank: None }));
        let default = Description::builder().priority("default").is_default(true).build();
        assert_eq!(neighbour(&default), None);
    }

    fn group() -> target_group::Output {
        target_group::Output {
            arn: TargetGroupArn::from("tg"),
            vpc: None,
            load_balancers: None,
            health: None,
            deregistration_delay: None,
        }
    }

    #[test]
    fn a_listener_is_asked_for_its_rules_unless_it_leads_to_all_there_is() {
        let asked = |does: Does| {
            let listener = listener::Output {
                arn: ListenerArn::from("listener"),
                load_balancer: Some("lb".into()),
                port: None,
                does: Some(does),
                protocol: None,
                tls: None,
            };
            // It says of no load balancer that it leads here.
            let group = target_group::Output { load_balancers: Some(Vec::new()), ..group() };
            may_have_rules(&listener, &[&group])
        };
        assert!(asked(Does::Forward(Vec::new())));
        assert!(!asked(Does::Forward(vec![group().arn])));
    }

    #[test]
    fn only_what_is_known_and_different_is_drift() {
        let listener = |arn: &str| listener::Output {
            arn: ListenerArn::from(arn),
            load_balancer: None,
            port: None,
            does: None,
            protocol: None,
            tls: None,
        };
        let unknown = Output {
            arn: ListenerRuleArn::from("rule"),
            listener: ListenerArn::from("listener"),
            priority: None,
            matches: None,
            does: None,
        };
        let fields = |it: &Output, listener_arn: &str| {
            let drift = wanted().drift(it, &(listener(listener_arn), group()));
            drift.into_iter().map(|it| it.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(&unknown, "listener"), [""; 0]);
        let other = Output {
            matches: Some(Matches::default()),
            does: Some(Does::Forward(Vec::new())),
            priority: Some(1),
            ..unknown.clone()
        };
        assert_eq!(fields(&other, "listener"), ["Priority", "Conditions", "TargetGroups"]);
        assert_eq!(fields(&unknown, "another"), ["ListenerArn"]);
    }
}
