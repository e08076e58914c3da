//! The load balancer: an application load balancer in two or more subnets.
//!
//! ELB lists a whole account and knows no filters: ours are found by their name and told apart by
//! their tags, which take a call of their own. A create with the settings of an existing load
//! balancer answers with that one, whoever made it, so its holder is looked up first. What cannot be
//! said at birth, the idle timeout, is drift and update; AWS accepts that while it provisions.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Description, LoadBalancerAttribute, LoadBalancerSchemeEnum,
    LoadBalancerStateEnum, LoadBalancerTypeEnum, Tag,
};
use futures::future::try_join_all;

use super::id::LoadBalancerArn;
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, compare, security_group, subnet,
};
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope, Tagging, missing,
};
use crate::names::{Names, NodeName};

/// A load balancer as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: LoadBalancerArn,
    /// Its DNS name.
    pub dns_name: String,
    /// The hosted zone that aliases to it name.
    pub zone_id: String,
    /// Whether AWS still provisions it.
    pub provisioning: bool,
    /// `internal` or `internet-facing`.
    pub scheme: Option<String>,
    /// Its subnets, sorted. `None` when not read.
    pub subnets: Option<Vec<String>>,
    /// Its security groups, sorted. `None` when not read.
    pub security_groups: Option<Vec<String>>,
    /// Idle timeout in seconds, as AWS writes it. `None` when not read.
    pub idle_timeout: Option<String>,
}

/// The load balancer that is wanted.
#[derive(Debug)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// After how many seconds an idle connection ends.
    pub idle_timeout: u32,
    /// Whether it is internal.
    pub internal: bool,
}

/// What can be changed of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its subnets.
    Subnets,
    /// Its security groups.
    SecurityGroups,
    /// After how long an idle connection ends.
    IdleTimeout,
}

/// What ELB answers about a load balancer that is not there.
pub const UNKNOWN: &str = "LoadBalancerNotFound";

/// What all our load balancers' names begin with.
const PREFIX: &str = "lb-";
const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
/// What a load balancer is born with, in seconds.
const IDLE_TIMEOUT_AT_BIRTH: &str = "60";
/// What ELB answers as long as it does not know what was just made.
const NOT_YET: &[&str] =
    &["SubnetNotFound", "InvalidSecurityGroup", "InvalidSubnet: has no internet gateway"];
const PROVISIONING: &str = "AWS to provision the load balancer";

impl Resource for LoadBalancer {
    type Output = Output;
    const KIND: Kind = Kind::LoadBalancer;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let ours = ours(aws, scope).await?;
        let read = ours.into_iter().map(async |(owner, described)| {
            let output = Output::from(&described);
            let idle_timeout = idle_timeout(aws, &output.arn).await?;
            Ok(owned(owner, &described, Output { idle_timeout, ..output }))
        });
        try_join_all(read).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        let arns = these.iter().map(|one| one.it().arn.to_string()).collect();
        let found = aws.elb.describe_load_balancers().set_load_balancer_arns(Some(arns));
        let found = found.send().await.doing("look at the load balancer");
        let Some(found) = found.gone_is_fine(&[UNKNOWN])? else {
            // One of them is gone, and AWS does not say which.
            return Self::list(aws, scope).await;
        };
        let read = |described: &Description| {
            let output = Output::from(described);
            let owner = these.iter().find(|one| one.it().arn == output.arn)?.owner.clone();
            Some(owned(owner, described, output))
        };
        Ok(found.load_balancers().iter().filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        let (subnets, groups) = (it.subnets.iter().flatten(), it.security_groups.iter().flatten());
        subnets.chain(groups).cloned().collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::LoadBalancing(it.arn.to_string()))
    }

    /// What is left of its listeners goes with it.
    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.elb.delete_load_balancer().load_balancer_arn(it.arn.as_str()).send().await;
        let delete = delete.doing("delete the load balancer").gone_is_fine(&[UNKNOWN]);
        delete.map(drop).map_err(|error| match error.code() {
            Some("OperationNotPermitted") => {
                let attempt = "delete the load balancer, whose deletion protection is probably on: \
                               ecsup never switches it on, so it does not switch it off either";
                Error { attempt: attempt.into(), ..error }
            }
            _ => error,
        })
    }
}

impl Wanted for LoadBalancer {
    type Needs = (Vec<subnet::Output>, security_group::Output);
    type Change = Change;
    const REMADE_WHEN_BROKEN: bool = true;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = &self.name;
        let found = cx.aws.elb.describe_load_balancers().names(name).send().await;
        let found = found.doing("look for the load balancer by its name");
        let found = found.gone_is_fine(&[UNKNOWN])?;
        let Some(arn) =
            found.as_ref().and_then(|it| it.load_balancers().first()?.load_balancer_arn())
        else {
            return Ok(None);
        };
        let foreign = is_foreign(cx, arn).await?;
        Ok(foreign.then(|| format!("the load balancer `{name}`")))
    }

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (subnets, group): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the load balancer";
        let created = cx
            .aws
            .elb
            .create_load_balancer()
            .name(&self.name)
            .r#type(LoadBalancerTypeEnum::Application)
            .scheme(self.scheme())
            .set_subnets(Some(subnets.iter().map(|subnet| subnet.id.to_string()).collect()))
            .security_groups(group.id.as_str())
            .set_tags(Some(tags(cx, node)))
            .send()
            .await
            .doing(DOING)
            .wait_on(NOT_YET)
            .taken_on(&["DuplicateLoadBalancerName"])?;
        let described = created.load_balancers().first().ok_or_else(|| missing(DOING, "member"))?;
        described.load_balancer_arn().ok_or_else(|| missing(DOING, "LoadBalancerArn"))?;
        let idle_timeout = Some(IDLE_TIMEOUT_AT_BIRTH.into());
        Ok(Output { idle_timeout, ..Output::from(described) }.made())
    }

    fn drift(&self, it: &Output, (subnets, group): &Self::Needs) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        let scheme = self.scheme();
        if let Some(is) = it.scheme.as_deref().filter(|is| *is != scheme.as_str()) {
            let why = "a load balancer keeps its scheme for life: destroy the stack, or deploy \
                       another one";
            differences.push(Difference::replacement("Scheme", is, scheme.as_str(), why));
        }
        let subnets = sorted(subnets.iter().map(|subnet| subnet.id.to_string()));
        compare(&mut differences, Change::Subnets, "Subnets", it.subnets.as_ref(), &subnets);
        let groups = vec![group.id.to_string()];
        let is = it.security_groups.as_ref();
        compare(&mut differences, Change::SecurityGroups, "SecurityGroups", is, &groups);
        let (is, wanted) = (it.idle_timeout.as_ref(), self.idle_timeout.to_string());
        compare(&mut differences, Change::IdleTimeout, IDLE_TIMEOUT, is, &wanted);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (subnets, group): &Self::Needs,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let (elb, arn) = (&cx.aws.elb, it.arn.as_str());
        let mut updated = it.clone();
        for change in changes {
            match change {
                Change::Subnets => {
                    let subnets = sorted(subnets.iter().map(|subnet| subnet.id.to_string()));
                    let set = elb.set_subnets().load_balancer_arn(arn);
                    let set = set.set_subnets(Some(subnets.clone())).send().await;
                    let set = set.doing("set Subnets on the load balancer");
                    set.wait_on(NOT_YET).wait_on(&[UNKNOWN])?;
                    updated.subnets = Some(subnets);
                }
                Change::SecurityGroups => {
                    let set = elb.set_security_groups().load_balancer_arn(arn);
                    let set = set.security_groups(group.id.as_str()).send().await;
                    let set = set.doing("set SecurityGroups on the load balancer");
                    set.wait_on(NOT_YET).wait_on(&[UNKNOWN])?;
                    updated.security_groups = Some(vec![group.id.to_string()]);
                }
                Change::IdleTimeout => {
                    let timeout = LoadBalancerAttribute::builder().key(IDLE_TIMEOUT);
                    let timeout = timeout.value(self.idle_timeout.to_string()).build();
                    let set = elb.modify_load_balancer_attributes().load_balancer_arn(arn);
                    let set = set.attributes(timeout).send().await;
                    let set = set.doing(format!("set {IDLE_TIMEOUT} on the load balancer"));
                    set.wait_on(&[UNKNOWN])?;
                    updated.idle_timeout = Some(self.idle_timeout.to_string());
                }
            }
        }
        Ok(updated.made())
    }
}

impl LoadBalancer {
    fn scheme(&self) -> LoadBalancerSchemeEnum {
        match self.internal {
            true => LoadBalancerSchemeEnum::Internal,
            false => LoadBalancerSchemeEnum::InternetFacing,
        }
    }
}

impl Output {
    /// An update tells nothing of the state: what was being provisioned still is.
    fn made(self) -> Made<Self> {
        match self.provisioning {
            true => Made::Coming(self, PROVISIONING.into()),
            false => Made::Ready(self),
        }
    }
}

impl From<&Description> for Output {
    fn from(described: &Description) -> Self {
        let state = described.state().and_then(|state| state.code());
        let zones = described.availability_zones.as_ref();
        let subnet = |zone: &aws_sdk_elasticloadbalancingv2::types::AvailabilityZone| {
            zone.subnet_id().map(str::to_owned)
        };
        Self {
            arn: LoadBalancerArn::from(described.load_balancer_arn().unwrap_or_default()),
            dns_name: described.dns_name().unwrap_or_default().to_owned(),
            zone_id: described.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
            provisioning: state == Some(&LoadBalancerStateEnum::Provisioning),
            scheme: described.scheme().map(|scheme| scheme.as_str().to_owned()),
            subnets: zones.map(|zones| sorted(zones.iter().filter_map(subnet))),
            security_groups: described.security_groups.clone().map(sorted),
            idle_timeout: None,
        }
    }
}

fn owned(owner: Owner, described: &Description, output: Output) -> Owned<Output> {
    // Not by its name: an endpoint may have two of one name.
    let id = output.arn.to_string();
    Owned { owner, id, seen: Seen::Present(output, phase(described)) }
}

fn phase(described: &Description) -> Phase {
    let state = described.state();
    let said = state.and_then(|state| state.reason()).filter(|reason| !reason.is_empty());
    let said = said.map(|reason| format!(": {reason}")).unwrap_or_default();
    match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Provisioning) => Phase::Coming(format!("{PROVISIONING}{said}")),
        Some(LoadBalancerStateEnum::Failed) => {
            Phase::Broken(format!("AWS could not provision the load balancer{said}"))
        }
        // An impaired one forwards requests; it only lacks the addresses to grow.
        _ => Phase::Ready,
    }
}

fn sorted(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort();
    values
}

async fn idle_timeout(aws: &Aws, arn: &LoadBalancerArn) -> Result<Option<String>> {
    let read = aws.elb.describe_load_balancer_attributes().load_balancer_arn(arn.as_str());
    let read = read.send().await.doing("read the load balancer's attributes");
    // A load balancer that goes between two looks has no attributes.
    let read = read.gone_is_fine(&[UNKNOWN])?;
    let attributes = read.as_ref().map(aws_sdk_elasticloadbalancingv2::operation::describe_load_balancer_attributes::DescribeLoadBalancerAttributesOutput::attributes).unwrap_or_default();
    let timeout = attributes.iter().find(|attribute| attribute.key() == Some(IDLE_TIMEOUT));
    Ok(timeout.and_then(|attribute| attribute.value()).map(str::to_owned))
}

/// Lists the load balancers within the scope, without what takes a call for each.
async fn ours(aws: &Aws, scope: &Scope) -> Result<Vec<(Owner, Description)>> {
    let listed = named_like_ours(aws, scope).await?;
    let arns: Vec<_> = listed.iter().filter_map(Description::load_balancer_arn).collect();
    let tags = tags_of(aws, &arns).await?;
    let own = |one: Description| Some((scope.owner(tags.get(one.load_balancer_arn()?)?)?, one));
    Ok(listed.into_iter().filter_map(own).collect())
}

/// The load balancers that are named like ours, whosever they are.
pub(super) async fn named_like_ours(aws: &Aws, scope: &Scope) -> Result<Vec<Description>> {
    // Asked by names, AWS answers with an error when one of them is nobody's.
    let names = scope.names().map(names);
    let listed = aws.elb.describe_load_balancers().into_paginator().items();
    let listed = listed.send().all().await;
    let listed = listed.doing("list the load balancers").gone_is_fine(&[UNKNOWN])?;
    let mut listed = listed.unwrap_or_default();
    listed.retain(|one| {
        let name = one.load_balancer_name().unwrap_or_default();
        let is_own = |names: &[String; 3]| names.iter().any(|own| own == name);
        names.as_ref().map_or_else(|| name.starts_with(PREFIX), is_own)
    });
    Ok(listed)
}

/// The names that load balancers of a stack may have.
pub(super) fn names(names: &Names) -> [String; 3] {
    let [internal, public] = ["internal", "public"].map(|which| names.load_balancer_of(which));
    [names.load_balancer(), internal, public]
}

/// The tags of a node in the form that ELB takes.
pub(super) fn tags(cx: &Cx, node: &NodeName) -> Vec<Tag> {
    cx.tags(node).into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Whether a thing of ELB's does not carry this stack's tags.
pub(super) async fn is_foreign(cx: &Cx, arn: &str) -> Result<bool> {
    let scope = Scope::Stack(cx.names.clone());
    let tags = tags_of(&cx.aws, &[arn]).await?;
    Ok(tags.get(arn).is_some_and(|tags| scope.owner(tags).is_none()))
}

/// Reads the tags of load balancers, target groups, listeners or rules, by arn. What has gone meanwhile is
/// left out.
pub(super) async fn tags_of(aws: &Aws, arns: &[&str]) -> Result<BTreeMap<String, Vec<Tag>>> {
    /// As many as `DescribeTags` takes.
    const BATCH: usize = 20;
    let read = try_join_all(arns.chunks(BATCH).map(async |batch| {
        match describe_tags(aws, batch).await? {
            Some(read) => Ok(read),
            // One of them is gone, and the answer is about none of the others.
            None => {
                let alone = batch.chunks(1).map(|one| describe_tags(aws, one));
                Ok(try_join_all(alone).await?.into_iter().flatten().flatten().collect())
            }
        }
    }));
    Ok(read.await?.into_iter().flatten().collect())
}

async fn describe_tags(aws: &Aws, arns: &[&str]) -> Result<Option<Vec<(String, Vec<Tag>)>>> {
    let arns = arns.iter().map(|arn| (*arn).to_owned()).collect();
    let read = aws.elb.describe_tags().set_resource_arns(Some(arns)).send().await;
    let read = read
        .doing("read the tags of load balancers, target groups and listeners")
        .gone_is_fine(&[UNKNOWN, "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"])?;
    Ok(read.map(|read| {
        let described = read.tag_descriptions.unwrap_or_default().into_iter();
        described
            .filter_map(|one| Some((one.resource_arn?, one.tags.unwrap_or_default())))
            .collect()
    }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{AvailabilityZone, LoadBalancerState};

    use super::super::Remedy;
    use super::super::id::VpcId;
    use super::*;

    fn described(state: LoadBalancerStateEnum, reason: &str) -> Description {
        let zone = |subnet: &str| AvailabilityZone::builder().subnet_id(subnet).build();
        Description::builder()
            .load_balancer_arn("arn:1")
            .scheme(LoadBalancerSchemeEnum::Internal)
            .availability_zones(zone("subnet-2"))
            .availability_zones(zone("subnet-1"))
            .state(LoadBalancerState::builder().code(state).reason(reason).build())
            .build()
    }

    #[test]
    fn a_state_becomes_a_phase_with_its_reason() {
        let phase = |state, reason| phase(&described(state, reason));
        assert_eq!(phase(LoadBalancerStateEnum::ActiveImpaired, "few addresses"), Phase::Ready);
        assert_eq!(
            phase(LoadBalancerStateEnum::Provisioning, ""),
            Phase::Coming("AWS to provision the load balancer".into())
        );
        assert_eq!(
            phase(LoadBalancerStateEnum::Failed, "no capacity"),
            Phase::Broken("AWS could not provision the load balancer: no capacity".into())
        );
    }

    #[test]
    fn only_a_known_and_different_property_is_drift() {
        let subnet = |id: &str| subnet::Output::known(id, "vpc-1");
        let group = security_group::Output::new("sg-1", &VpcId::from("vpc-1"));
        let needs = (vec![subnet("subnet-1"), subnet("subnet-2")], group);
        let it = Output::from(&described(LoadBalancerStateEnum::Active, ""));
        let wanted = LoadBalancer { name: "lb-demo".into(), idle_timeout: 30, internal: true };
        assert_eq!(wanted.drift(&it, &needs), [], "in whatever order, and nothing read");
        let it = Output {
            subnets: Some(vec!["subnet-1".into()]),
            security_groups: Some(Vec::new()),
            idle_timeout: Some("60".into()),
            ..it
        };
        let differences =
            LoadBalancer { name: "lb-demo".into(), idle_timeout: 30, internal: false }
                .drift(&it, &needs);
        let fields: Vec<_> = differences.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["Scheme", "Subnets", "SecurityGroups", IDLE_TIMEOUT]);
        assert!(matches!(differences[0].remedy, Remedy::Replacement(_)));
    }
}
