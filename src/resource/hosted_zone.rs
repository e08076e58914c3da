//! The private hosted zone: names of the stack's own, answered inside the VPC.
//!
//! A zone cannot be tagged when it is made, so its identity is the beginning of its caller
//! reference, which stays readable for life. A reference serves once, even after the zone is gone:
//! each attempt appends a nonce. The tags, which follow as drift and update, are for people. Route 53
//! takes five requests a second of a whole account, hence one call after the other.

use aws_sdk_route53::types::{
    HostedZone as Description, HostedZoneConfig, RrType, Tag, TagResourceType, Vpc, VpcRegion,
};

use super::id::{HostedZoneId, VpcId};
use super::record_set::{self, UNKNOWN_ZONE};
use super::{Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, vpc};
use crate::aws::tags::all;
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Owner, Result, Scope, Tagging, missing};
use crate::names::{Names, NodeName};

/// The node of the zone without a mark.
pub const NODE: &str = "hosted-zone";

/// The marks with which the nonces in caller references begin, and what they say. A reference has no room
/// for more than a letter.
const MARKS: [(&str, &str); 2] = [("i-", "internal"), ("p-", "public")];

/// A hosted zone as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: HostedZoneId,
    /// Its name, without a final dot.
    pub name: String,
    /// The VPCs that it answers in. `None` when not read.
    pub vpcs: Option<Vec<VpcId>>,
    /// Whether it carries the stack's tags. `None` when not read.
    pub tagged: Option<bool>,
}

/// The hosted zone that is wanted.
#[derive(Debug)]
pub struct HostedZone {
    /// Which one it is, where a stack may have several: `internal` or `public`.
    pub which: Option<&'static str>,
    /// Its name, without a final dot.
    pub name: String,
}

/// What can be changed of a hosted zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It answers in the VPC as well.
    Vpc,
    /// It carries the stack's tags.
    Tags,
}

impl Resource for HostedZone {
    type Output = Output;
    const KIND: Kind = Kind::HostedZone;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let mut found = Vec::new();
        for (names, described) in ours(aws, scope).await? {
            let mut output = Output::from(&described);
            let (stack, node) = (names.stack().to_string(), node_of(described.caller_reference()));
            let mut owner = Owner { stack, node, pattern: None, tags: None };
            // An overview of all stacks does without what takes calls for each zone.
            if scope.names().is_some() {
                let (tags, vpcs) =
                    futures::try_join!(tags(aws, &output.id), vpcs(aws, &output.id))?;
                let tagged = tags.as_deref().map(|tags| scope.owner(tags));
                output.tagged = tagged.as_ref().map(Option::is_some);
                owner.pattern = tagged.flatten().and_then(|owner| owner.pattern);
                owner.tags = tags.as_deref().map(all);
                output.vpcs = vpcs;
            }
            let id = output.id.to_string();
            found.push(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) });
        }
        Ok(found)
    }

    fn uses(it: &Output) -> Vec<String> {
        it.vpcs.iter().flatten().map(ToString::to_string).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::HostedZone(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.route53.delete_hosted_zone().id(it.id.as_str()).send().await;
        delete
            .doing("delete the private hosted zone")
            .wait_on(&["HostedZoneNotEmpty"])
            .gone_is_fine(&[UNKNOWN_ZONE])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let records = record_set::all(aws, &it.id).await?;
        let held = records.iter().filter_map(|record| {
            let name = record_set::plain(record.name());
            // A zone is born with these two, and they go with it.
            let own = matches!(record.r#type(), RrType::Ns | RrType::Soa) && name == it.name;
            (!own).then(|| format!("the record `{name}` ({})", record.r#type().as_str()))
        });
        Ok(held.collect())
    }
}

impl Wanted for HostedZone {
    type Needs = vpc::Output;
    type Change = Change;

    async fn create(&self, cx: &Cx, _node: &NodeName, vpc: &vpc::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the private hosted zone";
        let mark = MARKS.iter().find(|(_, which)| self.which == Some(which));
        let mark = mark.map_or("", |(mark, _)| mark);
        let prefix = cx.names.zone_reference_prefix();
        let reference = format!("{prefix}{mark}{:016x}", fastrand::u64(..));
        let config = HostedZoneConfig::builder()
            .private_zone(true)
            .comment(format!("Names of the stack {}, made by ecsup", cx.names.stack()));
        let created = cx
            .aws
            .route53
            .create_hosted_zone()
            .name(&self.name)
            .caller_reference(reference)
            .vpc(in_region(cx, &vpc.id))
            .hosted_zone_config(config.build())
            .send()
            .await
            .doing(DOING)
            .wait_on(&["InvalidVPCId"])
            // The second comes when an answer was lost and the SDK asked again, the first when a
            // zone of this name, perhaps our own, answers in the VPC already.
            .taken_on(&["ConflictingDomainExists", "HostedZoneAlreadyExists"])?;
        let described = created.hosted_zone().ok_or_else(|| missing(DOING, "HostedZone"))?;
        Ok(Made::Ready(Output {
            vpcs: Some(vec![vpc.id.clone()]),
            tagged: Some(false),
            ..Output::from(described)
        }))
    }

    fn drift(&self, it: &Output, vpc: &vpc::Output) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if !it.name.eq_ignore_ascii_case(&self.name) {
            let why = "a hosted zone keeps its name for life: destroy the stack, or deploy \
                       another one";
            differences.push(Difference::replacement("Name", &it.name, &self.name, why));
        }
        if let Some(vpcs) = it.vpcs.as_ref().filter(|vpcs| !vpcs.contains(&vpc.id)) {
            let is: Vec<_> = vpcs.iter().map(VpcId::as_str).collect();
            differences.push(Difference::update(Change::Vpc, "VPCs", is.join(", "), &vpc.id));
        }
        if it.tagged == Some(false) {
            differences.push(Difference::update(Change::Tags, "Tags", "incomplete", "the stack's"));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &Output,
        vpc: &vpc::Output,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::Vpc => {
                    let associate = cx.aws.route53.associate_vpc_with_hosted_zone();
                    let associate = associate.hosted_zone_id(it.id.as_str());
                    let associate = associate.vpc(in_region(cx, &vpc.id)).send().await;
                    associate
                        .doing("associate the VPC with the private hosted zone")
                        .wait_on(&["InvalidVPCId", UNKNOWN_ZONE])?;
                    it.vpcs.get_or_insert_default().push(vpc.id.clone());
                }
                Change::Tags => {
                    let zone = Tagging::HostedZone(it.id.to_string());
                    let tags: Vec<_> = cx.tags(node).into_iter().take(zone.room()).collect();
                    zone.put(&cx.aws, &tags).await.wait_on(&[UNKNOWN_ZONE])?;
                    it.tagged = Some(true);
                }
            }
        }
        Ok(Made::Ready(it))
    }
}

impl From<&Description> for Output {
    fn from(described: &Description) -> Self {
        Self {
            id: id(described),
            name: record_set::plain(described.name()),
            vpcs: None,
            tagged: None,
        }
    }
}

/// The zone's id, which Route 53 returns as a path.
pub fn id(described: &Description) -> HostedZoneId {
    HostedZoneId::from(described.id().trim_start_matches("/hostedzone/"))
}

/// Lists the zones within the scope with the names of their stacks, without what takes a call for
/// each.
pub(super) async fn ours(aws: &Aws, scope: &Scope) -> Result<Vec<(Names, Description)>> {
    let own = |zone: Description| Some((stack_of(zone.caller_reference(), scope)?, zone));
    Ok(all_zones(aws).await?.into_iter().filter_map(own).collect())
}

/// Lists all zones of the account.
pub async fn all_zones(aws: &Aws) -> Result<Vec<Description>> {
    let zones = aws.route53.list_hosted_zones().into_paginator().items().send();
    zones.all().await.doing("list the hosted zones")
}

/// The node of a zone.
pub fn node(which: Option<&str>) -> NodeName {
    which.map_or_else(|| NodeName::from(NODE), |which| NodeName::from(format!("{NODE}/{which}")))
}

/// The node that a caller reference says. It is kept for life, so nothing else need say it.
fn node_of(reference: &str) -> NodeName {
    let nonce = reference.rsplit('/').next().unwrap_or_default();
    node(MARKS.iter().find(|(mark, _)| nonce.starts_with(mark)).map(|(_, which)| *which))
}

/// The stack that a caller reference belongs to, when it is one of ours and within the scope.
fn stack_of(reference: &str, scope: &Scope) -> Option<Names> {
    let (prefix, _nonce) = reference.rsplit_once('/')?;
    let (_, stack) = prefix.rsplit_once('/')?;
    let names = Names::new(stack.parse().ok()?, scope.region());
    let ours = reference.starts_with(&names.zone_reference_prefix())
        && scope.names().is_none_or(|wanted| *wanted == names);
    ours.then_some(names)
}

fn in_region(cx: &Cx, vpc: &VpcId) -> Vpc {
    Vpc::builder().vpc_region(VpcRegion::from(cx.names.region())).vpc_id(vpc.as_str()).build()
}

async fn tags(aws: &Aws, id: &HostedZoneId) -> Result<Option<Vec<Tag>>> {
    let read = aws.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone);
    let read = read.resource_id(id.as_str()).send().await;
    // A zone that goes between two looks has no tags.
    let read = read.doing("read the hosted zone's tags").gone_is_fine(&[UNKNOWN_ZONE])?;
    Ok(read.and_then(|read| read.resource_tag_set).map(|set| set.tags.unwrap_or_default()))
}

async fn vpcs(aws: &Aws, id: &HostedZoneId) -> Result<Option<Vec<VpcId>>> {
    let read = aws.route53.get_hosted_zone().id(id.as_str()).send().await;
    let read = read.doing("read the hosted zone").gone_is_fine(&[UNKNOWN_ZONE])?;
    let vpcs = read.and_then(|read| read.vpcs);
    Ok(vpcs.map(|vpcs| vpcs.iter().filter_map(Vpc::vpc_id).map(VpcId::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_reference_tells_whose_the_zone_is() {
        let region = Scope::Region("eu-west-1".into());
        let demo = Names::new("demo".parse().unwrap(), "eu-west-1");
        let stack = Scope::Stack(demo.clone());
        assert_eq!(node_of("ecsup/eu-west-1/demo/00ff").as_str(), "hosted-zone");
        assert_eq!(node_of("ecsup/eu-west-1/demo/p-00ff").as_str(), "hosted-zone/public");
        assert_eq!(stack_of("ecsup/eu-west-1/demo/00ff", &region), Some(demo.clone()));
        assert_eq!(stack_of("ecsup/eu-west-1/demo/00ff", &stack), Some(demo));
        assert_eq!(stack_of("ecsup/eu-west-1/demo-2/00ff", &stack), None);
        for foreign in
            ["ecsup/us-east-1/demo/1", "x/ecsup/eu-west-1/demo/1", "ecsup/eu-west-1/1", ""]
        {
            assert_eq!(stack_of(foreign, &region), None, "{foreign}");
        }
    }
}
