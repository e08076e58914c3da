//! A listener: a port of the load balancer, forwarding to a target group.
//!
//! AWS accepts it while the load balancer is still being provisioned, and removes what is left of them
//! together with the load balancer. Listeners cannot be listed but through their load balancer.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, Listener as Description, ProtocolEnum,
    TargetGroupTuple,
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
    /// The target groups that it forwards to.
    pub forwards_to: Option<Vec<TargetGroupArn>>,
}

/// The listener that is wanted.
#[derive(Debug)]
pub struct Listener {
    /// Its port.
    pub port: u16,
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
        let groups = it.forwards_to.iter().flatten().map(ToString::to_string);
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
    type Needs = (load_balancer::Output, target_group::Output);
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
            .default_actions(forward_to(&target_group.arn))
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
        let wanted = std::slice::from_ref(&target_group.arn);
        if let Some(is) = it.forwards_to.as_deref().filter(|is| *is != wanted) {
            let is: Vec<_> = is.iter().map(TargetGroupArn::as_str).collect();
            let is = if is.is_empty() { "none".to_owned() } else { is.join(", ") };
            differences.push(Difference::update(Whole, "TargetGroups", is, &target_group.arn));
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
        let modify = modify.default_actions(forward_to(&target_group.arn)).send().await;
        modify.doing("change the listener").wait_on(&[UNKNOWN, target_group::UNKNOWN])?;
        let forwards_to = Some(vec![target_group.arn.clone()]);
        Ok(Made::Ready(Output { port: Some(self.port), forwards_to, ..it.clone() }))
    }
}

/// Names the target group twice, in the old form and in the weighted one: AWS accepts both when they
/// agree, and whoever understands only one of them forwards all the same.
fn forward_to(target_group: &TargetGroupArn) -> Action {
    let group = TargetGroupTuple::builder().target_group_arn(target_group.as_str()).weight(100);
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(target_group.as_str())
        .forward_config(ForwardActionConfig::builder().target_groups(group.build()).build())
        .build()
}

impl From<&Description> for Output {
    fn from(described: &Description) -> Self {
        let actions = described.default_actions.as_ref();
        Self {
            arn: ListenerArn::from(described.listener_arn().unwrap_or_default()),
            load_balancer: described.load_balancer_arn().map(LoadBalancerArn::from),
            port: described.port().and_then(|port| u16::try_from(port).ok()),
            forwards_to: actions.map(|actions| actions.iter().flat_map(targets).collect()),
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
}
