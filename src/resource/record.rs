//! A DNS record: a name in the private zone that stands for the load balancer, as an alias.
//!
//! A record cannot be tagged: it is ours when it is in our zone and points at our load balancer. It
//! is made with `CREATE`, which refuses where a record of somebody's stands, and changed with
//! `UPSERT`. Route 53 deletes only what is repeated to it exactly, so a record is read before.

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType,
};
use aws_smithy_types::error::operation::BuildError;

use super::hosted_zone::{self, HostedZone};
use super::id::HostedZoneId;
use super::record_set::{UNKNOWN_ZONE, all, plain};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, load_balancer,
};
use crate::aws::{Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope};
use crate::names::{Names, NodeName};

/// A record as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its zone.
    pub zone: HostedZoneId,
    /// The name, without a final dot.
    pub host: String,
    /// The DNS name that it points at, without a final dot.
    pub target: Option<String>,
    /// The hosted zone of what it points at.
    pub target_zone: Option<String>,
}

/// The record that is wanted.
#[derive(Debug)]
pub struct Record {
    /// The name, without a final dot.
    pub host: String,
}

/// The node of a name. A record carries no tags that could say it.
pub fn node(host: &str) -> NodeName {
    NodeName::from(format!("record/{}", host.to_ascii_lowercase()))
}

impl Resource for Record {
    type Output = Output;
    const KIND: Kind = Kind::Record;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let mut found = Vec::new();
        for (names, zone) in hosted_zone::ours(aws, scope).await? {
            found.extend(in_zone(aws, &names, &hosted_zone::id(&zone)).await?);
        }
        Ok(found)
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let Some(names) = scope.names() else { return Self::list(aws, scope).await };
        let mut found = Vec::new();
        for zone in others.listing::<HostedZone>().await?.iter() {
            found.extend(in_zone(aws, names, &zone.it().id).await?);
        }
        Ok(found)
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.zone.to_string()]
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        const DOING: &str = "delete the DNS record";
        let read = aws
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(it.zone.as_str())
            .start_record_name(&it.host)
            .start_record_type(RrType::A)
            .max_items(1)
            .send()
            .await
            .doing("read the DNS record")
            .gone_is_fine(&[UNKNOWN_ZONE])?;
        // Route 53 begins at the name or, when it is not there, behind it.
        let sets = read.map(|read| read.resource_record_sets).unwrap_or_default();
        let same = |read: &Output| {
            read.host == plain(&it.host)
                && read.target.as_deref().map(bare) == it.target.as_deref().map(bare)
        };
        let own = |set: &ResourceRecordSet| Output::of(&it.zone, set).as_ref().is_some_and(same);
        let Some(set) = sets.into_iter().find(own) else { return Ok(()) };
        let delete = ask(aws, &it.zone, ChangeAction::Delete, set, DOING).await;
        delete.gone_is_fine(&[UNKNOWN_ZONE, "InvalidChangeBatch: it was not found"]).map(drop)
    }
}

impl Wanted for Record {
    type Needs = (hosted_zone::Output, load_balancer::Output);
    type Change = Whole;

    async fn create(
        &self,
        cx: &Cx,
        _node: &NodeName,
        (zone, load_balancer): &Self::Needs,
    ) -> Result<Made<Output>> {
        let it = self.pointing_at(zone, load_balancer);
        let created = change(&cx.aws, ChangeAction::Create, &it, "create the DNS record").await;
        created.taken_on(&["InvalidChangeBatch: it already exists"])?;
        Ok(Made::Ready(it))
    }

    fn drift(&self, it: &Output, (_, load_balancer): &Self::Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        let wanted = &load_balancer.dns_name;
        if let Some(is) = it.target.as_ref().filter(|is| bare(is) != bare(wanted)) {
            differences.push(Difference::update(Whole, "AliasTarget.DNSName", is, wanted));
        }
        let wanted = &load_balancer.zone_id;
        if let Some(is) = it.target_zone.as_ref().filter(|is| *is != wanted) {
            differences.push(Difference::update(Whole, "AliasTarget.HostedZoneId", is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        _it: &Output,
        (zone, load_balancer): &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let it = self.pointing_at(zone, load_balancer);
        change(&cx.aws, ChangeAction::Upsert, &it, "change the DNS record").await?;
        Ok(Made::Ready(it))
    }
}

impl Record {
    fn pointing_at(&self, zone: &hosted_zone::Output, to: &load_balancer::Output) -> Output {
        Output {
            zone: zone.id.clone(),
            host: self.host.clone(),
            target: Some(to.dns_name.clone()),
            target_zone: Some(to.zone_id.clone()),
        }
    }
}

/// The records of a stack's zone that point at a load balancer of the stack.
async fn in_zone(aws: &Aws, names: &Names, zone: &HostedZoneId) -> Result<Vec<Owned<Output>>> {
    let targets = load_balancer::names(names);
    let read = |record: &ResourceRecordSet| {
        let it = Output::of(zone, record)?;
        it.target.as_deref().filter(|name| targets.iter().any(|target| is_of(name, target)))?;
        let (stack, node) = (names.stack().to_string(), node(&it.host));
        let (owner, id) = (Owner { stack, node, pattern: None, tags: None }, it.host.clone());
        Some(Owned { owner, id, seen: Seen::Present(it, Phase::Ready) })
    };
    Ok(all(aws, zone).await?.iter().filter_map(read).collect())
}

impl Output {
    /// Reads a plain alias of type A. Others, such as weighted ones, are never ours.
    fn of(zone: &HostedZoneId, set: &ResourceRecordSet) -> Option<Self> {
        let plain_alias = *set.r#type() == RrType::A && set.set_identifier().is_none();
        let alias = set.alias_target().filter(|_| plain_alias)?;
        Some(Self {
            zone: zone.clone(),
            host: plain(set.name()),
            target: Some(plain(alias.dns_name())),
            target_zone: Some(alias.hosted_zone_id().to_owned()),
        })
    }
}

/// Brings a record about.
async fn change(aws: &Aws, action: ChangeAction, it: &Output, doing: &str) -> Result<()> {
    let unsaid = |error: BuildError| Error::other(doing, error.to_string());
    let alias = AliasTarget::builder()
        .dns_name(it.target.as_deref().unwrap_or_default())
        .hosted_zone_id(it.target_zone.as_deref().unwrap_or_default())
        .evaluate_target_health(false)
        .build()
        .map_err(unsaid)?;
    let set = ResourceRecordSet::builder().name(&it.host).r#type(RrType::A).alias_target(alias);
    let set = set.build().map_err(unsaid)?;
    // Route 53 does not know a load balancer for the first minutes of its life, nor perhaps a zone.
    let codes = [UNKNOWN_ZONE, "InvalidChangeBatch: that target was not found"];
    ask(aws, &it.zone, action, set, doing).await.wait_on(&codes)
}

async fn ask(
    aws: &Aws,
    zone: &HostedZoneId,
    action: ChangeAction,
    set: ResourceRecordSet,
    doing: &str,
) -> Result<()> {
    let unsaid = |error: BuildError| Error::other(doing, error.to_string());
    let change = Change::builder().action(action).resource_record_set(set);
    let batch = ChangeBatch::builder().changes(change.build().map_err(unsaid)?);
    let batch = batch.build().map_err(unsaid)?;
    let ask = aws.route53.change_resource_record_sets().hosted_zone_id(zone.as_str());
    ask.change_batch(batch).send().await.doing(doing).map(drop)
}

/// A target in its one form: the console writes `dualstack.` before it.
fn bare(target: &str) -> String {
    let plain = plain(target);
    plain.strip_prefix("dualstack.").map(str::to_owned).unwrap_or(plain)
}

/// Whether a DNS name is one of a load balancer of this name: `lb-demo-1234.…`, with `internal-`
/// before it for an internal one.
fn is_of(dns_name: &str, load_balancer: &str) -> bool {
    let bare = bare(dns_name);
    let label = bare.split('.').next().unwrap_or_default();
    let label = label.strip_prefix("internal-").unwrap_or(label);
    let name = label.rsplit_once('-').map_or(label, |(name, _)| name);
    name.eq_ignore_ascii_case(load_balancer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_ours_when_it_points_at_our_load_balancer() {
        let ours = |name| is_of(name, "lb-demo");
        assert!(ours("internal-lb-demo-1234.eu-west-1.elb.amazonaws.com."));
        assert!(ours("dualstack.internal-LB-Demo-1234.eu-west-1.elb.amazonaws.com"));
        assert!(ours("lb-demo-1234.eu-west-1.elb.amazonaws.com"));
        assert!(!ours("lb-demo-2-1234.eu-west-1.elb.amazonaws.com"));
        assert!(!ours("my-lb-demo-1234.eu-west-1.elb.amazonaws.com"));
        assert!(!ours("lb-demo.example.com"));
    }

    #[test]
    fn another_target_is_drift_and_another_spelling_is_not() {
        let zone = HostedZoneId::from("Z1");
        let to = load_balancer::Output {
            arn: super::super::id::LoadBalancerArn::from("arn:1"),
            dns_name: "internal-lb-Demo-1.eu-west-1.elb.amazonaws.com".into(),
            zone_id: "Z2".into(),
            provisioning: false,
            scheme: None,
            subnets: None,
            security_groups: None,
            idle_timeout: None,
        };
        let in_zone = hosted_zone::Output {
            id: zone.clone(),
            name: "demo.internal".into(),
            vpcs: None,
            tagged: None,
        };
        let wanted = Record { host: "web.demo.internal".into() };
        let it = |target: &str| Output {
            zone: zone.clone(),
            host: "web.demo.internal".into(),
            target: Some(target.into()),
            target_zone: Some("Z2".into()),
        };
        let needs = (in_zone, to);
        let same = it("dualstack.internal-lb-demo-1.eu-west-1.elb.amazonaws.com");
        assert_eq!(wanted.drift(&same, &needs), []);
        let other = it("internal-lb-demo-2.eu-west-1.elb.amazonaws.com");
        assert_eq!(wanted.drift(&other, &needs).len(), 1);
    }
}
