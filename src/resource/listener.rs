//! A listener: a port of the load balancer, and what is done with what no rule matches.
//!
//! AWS accepts it while the load balancer is still being provisioned, and removes what is left of them
//! together with the load balancer. Listeners cannot be listed but through their load balancer.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, FixedResponseActionConfig, ForwardActionConfig,
    Listener as Description, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
    TargetGroupTuple,
};
use futures::future::try_join_all;

use super::id::{ListenerArn, LoadBalancerArn, TargetGroupArn};
use super::load_balancer::{LoadBalancer, tags, tags_of};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, compare, load_balancer,
    target_group,
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
    /// Its protocol. `None` when not read.
    pub protocol: Option<String>,
    /// What it is secured with, if it is.
    pub tls: Option<Tls>,
}

/// What a listener is secured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// ARN of the certificate for clients that ask for no name, or for none that another one has.
    pub certificate: String,
    /// ARNs of the others, of which clients get one by the name that they ask for. `None` when not read.
    pub others: Option<BTreeSet<String>>,
    /// The security policy.
    pub policy: String,
}

/// The listener that is wanted.
#[derive(Debug)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    /// What it is secured with. Without, it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// What it does itself with what no rule matches, when that does not go to a target group.
    pub by_itself: Option<Does>,
}

/// What can be changed of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Everything but the certificates besides the default one.
    Whole,
    /// These.
    Others,
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
    /// Whoever asks is sent to the same place on port 443, for good.
    Redirect,
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
            Self::Redirect => f.write_str("redirect to HTTPS"),
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
    let others = try_join_all(listeners.iter().map(async |it| others_of(aws, it).await)).await?;
    let read = |(described, others): (&Description, Option<BTreeSet<String>>)| {
        let output = Output::from(described);
        let tls = output.tls.map(|tls| Tls { others, ..tls });
        let output = Output { tls, ..output };
        let owner = scope.owner(tags.get(output.arn.as_str())?)?;
        let id = output.arn.to_string();
        Some(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) })
    };
    Ok(listeners.iter().zip(others).filter_map(read).collect())
}

/// The certificates of a listener besides its default one, if it speaks HTTPS and somebody may look.
async fn others_of(aws: &Aws, it: &Description) -> Result<Option<BTreeSet<String>>> {
    let Some(arn) = it.listener_arn().filter(|_| !it.certificates().is_empty()) else {
        return Ok(None);
    };
    let listed = aws.elb.describe_listener_certificates().listener_arn(arn);
    let listed = listed.into_paginator().items().send().all().await;
    let listed = listed.doing("list the certificates of the listener").gone_is_fine(&[UNKNOWN]);
    let listed = match listed {
        // Whoever only looks at a stack need not be able to know it.
        Err(error) if error.is_denied() => return Ok(None),
        listed => listed?,
    };
    // The default one is among them, and may be there twice.
    let others = listed.unwrap_or_default().into_iter().filter(|it| it.is_default() != Some(true));
    Ok(Some(others.filter_map(|it| it.certificate_arn).collect()))
}

/// The port that a redirect leads to.
const HTTPS: u16 = 443;

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
    type Change = Change;

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
            .protocol(self.protocol())
            .set_certificates(self.certificate())
            .set_ssl_policy(self.tls.as_ref().map(|tls| tls.policy.clone()))
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
    ) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if let Some(is) = it.load_balancer.as_ref().filter(|is| **is != load_balancer.arn) {
            differences.push(Difference::remake("LoadBalancerArn", is, &load_balancer.arn));
        }
        compare(&mut differences, Change::Whole, "Port", it.port.as_ref(), &self.port);
        let protocol = self.protocol().as_str().to_owned();
        if let Some(is) = it.protocol.as_ref().filter(|is| **is != protocol) {
            differences.push(Difference::update(Change::Whole, "Protocol", is, protocol));
        }
        if let (Some(is), Some(wanted)) = (&it.tls, &self.tls) {
            differences.extend(unlike(is, wanted));
        }
        let wanted = self.does(target_group.as_ref());
        if let Some(is) = it.does.as_ref().filter(|is| **is != wanted) {
            let both_forward = matches!((is, &wanted), (Does::Forward(_), Does::Forward(_)));
            let field = if both_forward { "TargetGroups" } else { "DefaultActions" };
            differences.push(Difference::update(Change::Whole, field, is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (_, target_group): &Self::Needs,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::Whole => {
                    let modify = cx.aws.elb.modify_listener().listener_arn(it.arn.as_str());
                    let does = self.does(target_group.as_ref());
                    let modify = modify
                        .port(i32::from(self.port))
                        .protocol(self.protocol())
                        .set_certificates(self.certificate())
                        .set_ssl_policy(self.tls.as_ref().map(|tls| tls.policy.clone()))
                        .default_actions(does.action());
                    let modified = modify.send().await.doing("change the listener");
                    modified.wait_on(&[UNKNOWN, target_group::UNKNOWN])?;
                    // A new one has none.
                    let others = it.tls.map_or_else(|| Some(BTreeSet::new()), |tls| tls.others);
                    it.tls = self.tls.clone().map(|tls| Tls { others, ..tls });
                    it.protocol = Some(self.protocol().as_str().to_owned());
                    (it.port, it.does) = (Some(self.port), Some(does));
                }
                Change::Others => self.set_others(cx, &it).await?,
            }
        }
        let tls = if changes.contains(&Change::Others) { self.tls.clone() } else { it.tls };
        Ok(Made::Ready(Output { tls, ..it }))
    }
}

/// `https`, or `http` where no listener of a load balancer speaks that.
pub fn url_scheme(listeners: &[Owned<Output>], load_balancer: &LoadBalancerArn) -> &'static str {
    let mut own = listeners.iter().map(Owned::it);
    let is_secured =
        own.any(|it| it.load_balancer.as_ref() == Some(load_balancer) && it.tls.is_some());
    if is_secured { "https" } else { "http" }
}

/// How what a listener is secured with differs.
fn unlike(is: &Tls, wanted: &Tls) -> Vec<Difference<Change>> {
    let words = |all: &BTreeSet<String>| match all.is_empty() {
        true => "none".to_owned(),
        false => all.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let others = is.others.as_ref().zip(wanted.others.as_ref());
    let others = others.map(|(is, wanted)| (words(is), words(wanted))).unwrap_or_default();
    let fields = [
        (Change::Whole, "Certificates", is.certificate.clone(), wanted.certificate.clone()),
        (Change::Whole, "SslPolicy", is.policy.clone(), wanted.policy.clone()),
        (Change::Others, "further certificates", others.0, others.1),
    ];
    let differ = fields.into_iter().filter(|(_, _, is, wanted)| is != wanted);
    differ
        .map(|(change, field, is, wanted)| Difference::update(change, field, is, wanted))
        .collect()
}

impl Listener {
    fn protocol(&self) -> ProtocolEnum {
        match self.tls {
            Some(_) => ProtocolEnum::Https,
            None => ProtocolEnum::Http,
        }
    }

    /// The default certificate, as requests name it.
    fn certificate(&self) -> Option<Vec<Certificate>> {
        self.tls.as_ref().map(|tls| vec![named(&tls.certificate)])
    }

    /// Adds the certificates that lack besides the default one, each in a call of its own, and then takes
    /// away those that are too many.
    async fn set_others(&self, cx: &Cx, it: &Output) -> Result<()> {
        let of = |tls: &Option<Tls>| tls.as_ref().and_then(|tls| tls.others.clone());
        let (Some(is), Some(wanted)) = (of(&it.tls), of(&self.tls)) else { return Ok(()) };
        for certificate in wanted.difference(&is) {
            let add = cx.aws.elb.add_listener_certificates().listener_arn(it.arn.as_str());
            let add = add.certificates(named(certificate)).send().await;
            add.doing("add a certificate to the listener").wait_on(&[UNKNOWN])?;
        }
        for certificate in is.difference(&wanted) {
            let remove = cx.aws.elb.remove_listener_certificates().listener_arn(it.arn.as_str());
            let remove = remove.certificates(named(certificate)).send().await;
            remove
                .doing("remove a certificate from the listener")
                // It has become the default one.
                .gone_is_fine(&["OperationNotPermitted"])?;
        }
        Ok(())
    }

    fn does(&self, target_group: Option<&target_group::Output>) -> Does {
        match &self.by_itself {
            Some(does) => does.clone(),
            None => Does::Forward(target_group.iter().map(|group| group.arn.clone()).collect()),
        }
    }
}

impl Does {
    /// The target groups that requests go to.
    pub(super) fn target_groups(&self) -> &[TargetGroupArn] {
        match self {
            Self::Forward(groups) => groups,
            Self::Answer(_) | Self::Redirect | Self::Else(_) => &[],
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
            Self::Redirect => {
                let to = RedirectActionConfig::builder()
                    .protocol(ProtocolEnum::Https.as_str())
                    .port(HTTPS.to_string())
                    .status_code(RedirectActionStatusCodeEnum::Http301)
                    .build();
                Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
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
        if action.redirect_config().is_some_and(is_to_https) {
            return Self::Redirect;
        }
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

/// Whether a redirect leads to the same place on port 443, for good. What is not said stays as it was.
fn is_to_https(to: &RedirectActionConfig) -> bool {
    let stays = |part: Option<&str>, usual: &str| part.is_none_or(|part| part == usual);
    to.protocol() == Some(ProtocolEnum::Https.as_str())
        && to.port() == Some(&HTTPS.to_string())
        && to.status_code() == Some(&RedirectActionStatusCodeEnum::Http301)
        && stays(to.host(), "#{host}")
        && stays(to.path(), "/#{path}")
        && stays(to.query(), "#{query}")
}

fn named(certificate: &str) -> Certificate {
    Certificate::builder().certificate_arn(certificate).build()
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
            protocol: described.protocol().map(|it| it.as_str().to_owned()),
            tls: described.certificates().first().and_then(Certificate::certificate_arn).map(
                |arn| {
                    let policy = described.ssl_policy().unwrap_or_default().to_owned();
                    Tls { certificate: arn.to_owned(), others: Some(BTreeSet::new()), policy }
                },
            ),
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
        let forward = Does::Forward(vec![TargetGroupArn::from("arn:1")]);
        for does in [forward, Does::Answer(answer), Does::Redirect] {
            assert_eq!(Does::of(&[does.action()]), does);
        }
        let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).build();
        assert_eq!(Does::of(&[redirect]), Does::Else("redirect".into()));
        assert_eq!(Does::of(&[]), Does::Forward(Vec::new()));
    }
}
