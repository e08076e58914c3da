//! A listener: a port of the load balancer, and what is done with what no rule matches.
//!
//! AWS accepts it while the load balancer is still being provisioned, and removes what is left of them
//! together with the load balancer. Listeners cannot be listed but through their load balancer.

use std::fmt;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig,
    Listener as Description, ProtocolEnum, TargetGroupTuple,
};
use futures::future::try_join_all;

use super::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use super::load_balancer::{LoadBalancer, tags, tags_of};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, compare,
    load_balancer, target_group,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A listener as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: ListenerArn,
    /// Its load balancer. `None` when not read.
    pub load_balancer: Option<LoadBalancerArn>,
    /// Its port.
    pub port: Option<u16>,
    /// What it does with what no rule matches.
    pub does: Option<Does>,
}

/// The listener that is wanted.
#[derive(Debug)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    /// What it answers itself to what no rule matches, when that does not go to a target group.
    pub answer: Option<Answer>,
}

/// An answer of the load balancer's own, in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// It goes to target groups.
    Forward(Vec<TargetGroupArn>),
    /// The load balancer answers.
    Answer(Answer),
    /// Something that ecsup never asks for, in AWS's words.
    Else(String),
}

impl fmt::Display for Does {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(groups) if groups.is_empty() => f.write_str("none"),
            Self::Forward(groups) => {
                let groups: Vec<_> = groups.iter().map(TargetGroupArn::as_str).collect();
                f.write_str(&groups.join(", "))
            }
            Self::Answer(Answer { status, text }) => write!(f, "{status} {text:?}"),
            Self::Else(what) => f.write_str(what),
        }
    }
}

/// The listeners of these load balancers.
async fn of(aws: &Aws, scope: &Scope, load_balancers: &[&str]) -> Result<Vec<Owned<Output>>> {
    let listeners = try_join_all(load_balancers.iter().map(async |arn| {
        let listed = aws.elb.describe_listeners().load_balancer_arn(*arn).into_paginator();
        let listed = listed.items().send().all().await;
        // Gone between two looks.
        listed.doing("list the listeners").gone_is_fine(&[load_balancer::UNKNOWN])
    }));
    let listeners: Vec<_> = listeners.await?.into_iter().flatten().flatten().collect();
    let arns: Vec<_> = listeners.iter().filter_map(Description::listener_arn).collect();
    let tags = tags_of(aws, &arns).await?;
    let read = |described: &Description| {
        let output = Output::from(described);
        let owner = scope.owner(tags.get(output.arn.as_str())?)?;
        let id = output.arn.to_string();
        Some(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) })
    };
    Ok(listeners.iter().filter_map(read).collect())
}

/// What ELB answers about a listener that is not there.
pub const UNKNOWN: &str = "ListenerNotFound";

impl Resource for Listener {
    type Output = Output;
    const KIND: Kind = Kind::Listener;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        // A listener's own tags say whose it is, so its load balancer's are not asked for.
        let load_balancers = load_balancer::named_like_ours(aws, scope).await?;
        let arns =
            load_balancers.iter().filter_map(|it| it.load_balancer_arn()).collect::<Vec<_>>();
        of(aws, scope, &arns).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let load_balancers = others.listing::<LoadBalancer>().await?;
        let arns = load_balancers.iter().map(|it| it.it().arn.as_str()).collect::<Vec<_>>();
        of(others.aws(), others.scope(), &arns).await
    }

    fn uses(it: &Output) -> Vec<String> {
        let groups = it.does.iter().flat_map(Does::target_groups).map(ToString::to_string);
        it.load_balancer.iter().map(ToString::to_string).chain(groups).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::LoadBalancing(it.arn.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.elb.delete_listener().listener_arn(it.arn.as_str()).send().await;
        let delete = delete.doing("delete the listener");
        delete.gone_is_fine(&[UNKNOWN, load_balancer::UNKNOWN]).map(drop)
    }
}

impl Wanted for Listener {
    /// The load balancer, and the target group for what no rule matches unless the listener answers that.
    type Needs = (load_balancer::Output, Option<target_group::Output>);
    type Change = Whole;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (load_balancer, target_group): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the listener";
        let created = cx
            .aws
            .elb
            .create_listener()
            .load_balancer_arn(load_balancer.arn.as_str())
            .protocol(ProtocolEnum::Http)
            .port(i32::from(self.port))
            .default_actions(self.does(target_group.as_ref()).action())
            .set_tags(Some(tags(cx, node)))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[target_group::UNKNOWN, load_balancer::UNKNOWN])
            .taken_on(&["DuplicateListener"])?;
        let described = created.listeners().first().ok_or_else(|| missing(DOING, "member"))?;
        described.listener_arn().ok_or_else(|| missing(DOING, "ListenerArn"))?;
        Ok(Made::Ready(Output::from(described)))
    }

    fn drift(
        &self,
        it: &Output,
        (load_balancer, target_group): &Self::Needs,
    ) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        if let Some(is) = it.load_balancer.as_ref().filter(|is| **is != load_balancer.arn) {
            differences.push(Difference::remake("LoadBalancerArn", is, &load_balancer.arn));
        }
        compare(&mut differences, Whole, "Port", it.port.as_ref(), &self.port);
        let wanted = self.does(target_group.as_ref());
        if let Some(is) = it.does.as_ref().filter(|is| **is != wanted) {
            let both_forward = matches!((is, &wanted), (Does::Forward(_), Does::Forward(_)));
            let field = if both_forward { "TargetGroups" } else { "DefaultActions" };
            differences.push(Difference::update(Whole, field, is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (_, target_group): &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let modify = cx.aws.elb.modify_listener().listener_arn(it.arn.as_str());
        let modify = modify.port(i32::from(self.port));
        let modify = modify.default_actions(self.does(target_group.as_ref()).action()).send().await;
        modify.doing("change the listener").wait_on(&[UNKNOWN, target_group::UNKNOWN])?;
        let does = Some(self.does(target_group.as_ref()));
        Ok(Made::Ready(Output { port: Some(self.port), does, ..it.clone() }))
    }
}

impl Listener {
    fn does(&self, target_group: Option<&target_group::Output>) -> Does {
        match &self.answer {
            Some(answer) => Does::Answer(answer.clone()),
            None => Does::Forward(target_group.iter().map(|group| group.arn.clone()).collect()),
        }
    }
}

impl Does {
    /// The target groups that requests go to.
    pub(super) fn target_groups(&self) -> &[TargetGroupArn] {
        match self {
            Self::Forward(groups) => groups,
            Self::Answer(_) | Self::Else(_) => &[],
        }
    }

    fn action(&self) -> Action {
        match self {
            Self::Answer(Answer { status, text }) => {
                let answer = FixedResponseActionConfig::builder().status_code(status.to_string());
                let answer = answer.content_type("text/plain").message_body(text).build();
                let action = Action::builder().r#type(ActionTypeEnum::FixedResponse);
                action.fixed_response_config(answer).build()
            }
            Self::Forward(_) | Self::Else(_) => {
                let groups = self.target_groups().iter();
                groups.map(forward_to).next().unwrap_or_else(|| Action::builder().build())
            }
        }
    }

    /// What the actions of a listener or a rule do.
    pub(super) fn of(actions: &[Action]) -> Self {
        let kind =
            |it: &Action| it.r#type().map(ActionTypeEnum::as_str).unwrap_or_default().to_owned();
        let [action] = actions else {
            let groups: Vec<_> = actions.iter().flat_map(targets).collect();
            let kinds = || actions.iter().map(kind).collect::<Vec<_>>().join(", ");
            return match groups.is_empty() && !actions.is_empty() {
                true => Self::Else(kinds()),
                false => Self::Forward(groups),
            };
        };
        let groups = targets(action);
        match action.fixed_response_config().filter(|_| groups.is_empty()) {
            Some(answer) => Self::Answer(Answer {
                status: answer.status_code().and_then(|it| it.parse().ok()).unwrap_or_default(),
                text: answer.message_body().unwrap_or_default().to_owned(),
            }),
            None if groups.is_empty() => Self::Else(kind(action)),
            None => Self::Forward(groups),
        }
    }
}

/// Names the target group twice, in the old form and in the weighted one: AWS accepts both when they
/// agree, and whoever understands only one of them forwards all the same.
pub(super) fn forward_to(target_group: &TargetGroupArn) -> Action {
    let group = TargetGroupTuple::builder().target_group_arn(target_group.as_str()).weight(100);
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(target_group.as_str())
        .forward_config(ForwardActionConfig::builder().target_groups(group.build()).build())
        .build()
}

impl From<&Description> for Output {
    fn from(described: &Description) -> Self {
        Self {
            arn: ListenerArn::from(described.listener_arn().unwrap_or_default()),
            load_balancer: described.load_balancer_arn().map(LoadBalancerArn::from),
            port: described.port().and_then(|port| u16::try_from(port).ok()),
            does: described.default_actions.as_deref().map(Does::of),
        }
    }
}

/// The target groups of an action, in whichever form they come.
fn targets(action: &Action) -> Vec<TargetGroupArn> {
    let weighted = action
        .forward_config()
        .map(aws_sdk_elasticloadbalancingv2::types::ForwardActionConfig::target_groups)
        .unwrap_or_default();
    let weighted: Vec<_> = weighted.iter().filter_map(|group| group.target_group_arn()).collect();
    let all =
        if weighted.is_empty() { Vec::from_iter(action.target_group_arn()) } else { weighted };
    all.into_iter().map(TargetGroupArn::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_group_counts_once_in_whichever_form_it_comes() {
        let arn = TargetGroupArn::from("arn:1");
        let both = forward_to(&arn);
        let plain = Action::builder().target_group_arn("arn:1").build();
        assert_eq!(targets(&both), std::slice::from_ref(&arn));
        assert_eq!(targets(&plain), [arn]);
        assert_eq!(targets(&Action::builder().r#type(ActionTypeEnum::FixedResponse).build()), []);
    }

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let answer = Answer { status: 503, text: "no such host".into() };
        for does in [Does::Forward(vec![TargetGroupArn::from("arn:1")]), Does::Answer(answer)] {
            assert_eq!(Does::of(&[does.action()]), does);
        }
        let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).build();
        assert_eq!(Does::of(&[redirect]), Does::Else("redirect".into()));
        assert_eq!(Does::of(&[]), Does::Forward(Vec::new()));
    }
}
