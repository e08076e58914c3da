//! A DNS record: a name that stands for the load balancer, as an alias, in the stack's private zone or in
//! one that somebody else made.
//!
//! A record cannot be tagged. In our zone it is ours when it points at our load balancer, by its name. In
//! somebody else's zone others may have records for load balancers of the same name, such as another
//! account's: there it is ours when it points exactly at what a tag of our load balancer's security group
//! notes, which is written before the first record is made.
//!
//! It is made with `CREATE`, which refuses where a record of somebody's stands, and changed with `UPSERT`.
//! Route 53 deletes only what is repeated to it exactly, so a record is read before.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType,
};
use aws_smithy_types::error::operation::BuildError;

use super::hosted_zone::{self, HostedZone};
use super::id::HostedZoneId;
use super::record_set::{UNKNOWN_ZONE, all, plain};
use super::security_group::SecurityGroup;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, load_balancer,
    security_group,
};
use crate::aws::{Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope};
use crate::names::{Names, NodeName};

/// So many records are read from a name on: there is one of each type and, with routing policies, more.
const FEW: i32 = 20;

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
    /// The zone, where somebody else made it: then the name may be somebody else's, too.
    pub existing_zone: Option<HostedZoneId>,
}

/// What a record takes from others.
#[derive(Debug)]
pub struct Needs {
    /// The zone that it stands in.
    pub zone: HostedZoneId,
    /// What it points at.
    pub load_balancer: load_balancer::Output,
    /// The load balancer's security group, when somebody else made the zone: it notes what the record
    /// points at.
    pub notes: Option<security_group::Output>,
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
        // An overview of all stacks does without the zones of others.
        if let Some(names) = scope.names() {
            let groups = SecurityGroup::list(aws, scope).await?;
            found.extend(in_zones_of_others(aws, names, &groups).await?);
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
        let groups = others.listing::<SecurityGroup>().await?;
        found.extend(in_zones_of_others(aws, names, &groups).await?);
        Ok(found)
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.zone.to_string()]
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        const DOING: &str = "delete the DNS record";
        let sets = from_name(aws, &it.zone, &it.host).await?;
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
    type Needs = Needs;
    type Change = Whole;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let Some(zone) = &self.existing_zone else { return Ok(None) };
        let sets = from_name(&cx.aws, zone, &self.host).await?;
        let held = sets.iter().filter(|set| plain(set.name()) == plain(&self.host)).find(|set| {
            // Beside other types than these an alias may stand.
            let is_in_the_way = matches!(set.r#type(), RrType::A | RrType::Cname);
            is_in_the_way && !may_be_ours(&cx.names, zone, set)
        });
        Ok(held
            .map(|set| format!("the {} record of that name in zone {zone}", set.r#type().as_str())))
    }

    async fn create(&self, cx: &Cx, _node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        let it = self.pointing_at(cx, needs).await?;
        let created = change(&cx.aws, ChangeAction::Create, &it, "create the DNS record").await;
        created.taken_on(&["InvalidChangeBatch: it already exists"])?;
        Ok(Made::Ready(it))
    }

    fn drift(&self, it: &Output, needs: &Needs) -> Vec<Difference<Whole>> {
        let Needs { zone, load_balancer, .. } = needs;
        let mut differences = Vec::new();
        if it.zone != *zone {
            differences.push(Difference::remake("HostedZoneId", &it.zone, zone));
        }
        let wanted = &load_balancer.dns_name;
        if let Some(is) = it.target.as_ref().filter(|_| !it.points_at(wanted)) {
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
        needs: &Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let it = self.pointing_at(cx, needs).await?;
        change(&cx.aws, ChangeAction::Upsert, &it, "change the DNS record").await?;
        Ok(Made::Ready(it))
    }
}

impl Record {
    /// What the record is to be; in somebody else's zone it is noted first that it may be there.
    async fn pointing_at(&self, cx: &Cx, needs: &Needs) -> Result<Output> {
        let Needs { zone, load_balancer: to, notes } = needs;
        if let Some(group) = notes {
            security_group::note_record(&cx.aws, group, zone, &to.dns_name).await?;
        }
        Ok(Output {
            zone: zone.clone(),
            host: self.host.clone(),
            target: Some(to.dns_name.clone()),
            target_zone: Some(to.zone_id.clone()),
        })
    }
}

/// The first records from a name on: those of the name, if there are some.
async fn from_name(aws: &Aws, zone: &HostedZoneId, host: &str) -> Result<Vec<ResourceRecordSet>> {
    let read = aws.route53.list_resource_record_sets().hosted_zone_id(zone.as_str());
    let read = read.start_record_name(host).max_items(FEW).send().await;
    let read = read.doing("read the DNS record").gone_is_fine(&[UNKNOWN_ZONE])?;
    Ok(read.map(|read| read.resource_record_sets).unwrap_or_default())
}

/// The records of a stack's zone that point at a load balancer of the stack.
async fn in_zone(aws: &Aws, names: &Names, zone: &HostedZoneId) -> Result<Vec<Owned<Output>>> {
    let targets = load_balancer::names(names);
    pointing(aws, names, zone, |name| targets.iter().any(|target| is_of(name, target))).await
}

/// Whether a record points at a load balancer in this region that is called as one of the stack's. It may
/// have been made by a run of a moment ago, whose note EC2 does not show yet; a later look tells.
fn may_be_ours(names: &Names, zone: &HostedZoneId, set: &ResourceRecordSet) -> bool {
    let Some(target) = Output::of(zone, set).and_then(|it| it.target) else { return false };
    let is_here = bare(&target).split('.').nth(1) == Some(names.region());
    is_here && load_balancer::names(names).iter().any(|name| is_of(&target, name))
}

/// The records in zones of others that point at what the stack's security groups note.
async fn in_zones_of_others(
    aws: &Aws,
    names: &Names,
    groups: &[Owned<security_group::Output>],
) -> Result<Vec<Owned<Output>>> {
    let mut noted: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (zone, targets) in groups.iter().flat_map(|group| &group.it().records) {
        noted.entry(zone).or_default().extend(targets.iter().map(|target| bare(target)));
    }
    let mut found = Vec::new();
    for (zone, targets) in noted {
        found.extend(pointing(aws, names, zone, |name| targets.contains(&bare(name))).await?);
    }
    Ok(found)
}

/// The records of a zone that point at what is the stack's.
async fn pointing(
    aws: &Aws,
    names: &Names,
    zone: &HostedZoneId,
    is_ours: impl Fn(&str) -> bool,
) -> Result<Vec<Owned<Output>>> {
    let read = |record: &ResourceRecordSet| {
        let it = Output::of(zone, record)?;
        it.target.as_deref().filter(|name| is_ours(name))?;
        let (stack, node) = (names.stack().to_string(), node(&it.host));
        let (owner, id) = (Owner { stack, node, pattern: None, tags: None }, it.host.clone());
        Some(Owned { owner, id, seen: Seen::Present(it, Phase::Ready) })
    };
    Ok(all(aws, zone).await?.iter().filter_map(read).collect())
}

impl Output {
    /// Whether this is what it points at, in whatever spelling.
    pub fn points_at(&self, target: &str) -> bool {
        self.target.as_deref().map(bare) == Some(bare(target))
    }

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
        let wanted = Record { host: "web.demo.internal".into(), existing_zone: None };
        let it = |target: &str| Output {
            zone: zone.clone(),
            host: "web.demo.internal".into(),
            target: Some(target.into()),
            target_zone: Some("Z2".into()),
        };
        let needs = Needs { zone: zone.clone(), load_balancer: to, notes: None };
        let same = it("dualstack.internal-lb-demo-1.eu-west-1.elb.amazonaws.com");
        assert_eq!(wanted.drift(&same, &needs), []);
        let other = it("internal-lb-demo-2.eu-west-1.elb.amazonaws.com");
        assert_eq!(wanted.drift(&other, &needs).len(), 1);
    }
}
