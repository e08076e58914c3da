//! A security group: what may reach its members. What it lets in are resources of their own
//! ([`super::security_group_rule`]); what goes out is EC2's default, everything.
//!
//! Its name is unique in its VPC. Where the VPC is the stack's own, nobody is looked up beforehand as the
//! name's holder. Where it is somebody else's, the group says so by a tag: things of a stack that stand in
//! a VPC without its tags would else speak for a VPC that has lost them. EC2 refuses to delete a group as
//! long as an interface uses it or a rule of another group names it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag};

use super::id::{HostedZoneId, SecurityGroupId, VpcId};
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, network_interface, vpc,
    vpc_endpoint,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A security group as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: SecurityGroupId,
    /// The VPC.
    pub vpc: VpcId,
    /// Whether it says that the VPC is somebody else's.
    pub is_among_others: bool,
    /// Of a load balancer's group: the zones of others in which records of the stack may stand, by id, and
    /// the DNS names that they may point at. See [`note_record`].
    pub records: BTreeMap<HostedZoneId, Vec<String>>,
}

impl Output {
    /// A group that notes nothing.
    pub(super) fn new(id: &str, vpc: &VpcId) -> Self {
        Self {
            id: SecurityGroupId::from(id),
            vpc: vpc.clone(),
            is_among_others: false,
            records: BTreeMap::new(),
        }
    }
}

/// The security group that is wanted.
#[derive(Debug)]
pub struct SecurityGroup {
    /// Its name.
    pub name: String,
    /// Its description. A group keeps it for life, so another one is no difference.
    pub description: String,
    /// The VPC that it is to stand in, where that is somebody else's.
    pub existing_vpc: Option<VpcId>,
}

/// What EC2 answers as long as it does not know a group that was just made, in all spellings.
pub const UNKNOWN: &[&str] =
    &["InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound", "InvalidGroupId.NotFound"];

impl Resource for SecurityGroup {
    type Output = Output;
    const KIND: Kind = Kind::SecurityGroup;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let groups = read(aws, scope.ec2_filters()).await?;
        let read = |group: &aws_sdk_ec2::types::SecurityGroup| {
            let owner = scope.owner(group.tags())?;
            let id = SecurityGroupId::from(group.group_id()?);
            let vpc = VpcId::from(group.vpc_id().unwrap_or_default());
            let records = noted(group.tags());
            let is_among_others = group.tags().iter().any(|tag| tag.key() == Some(TAG_NETWORK));
            let it = Output { id: id.clone(), vpc, is_among_others, records };
            let seen = Seen::Present(it, Phase::Ready);
            Some(Owned { owner, id: id.into(), seen })
        };
        Ok(groups.iter().filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        if it.is_among_others { Vec::new() } else { vec![it.vpc.to_string()] }
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_security_group().group_id(it.id.as_str()).send().await;
        delete
            .doing("delete the security group")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(UNKNOWN)
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        holding(aws, it).await
    }
}

impl Wanted for SecurityGroup {
    type Needs = vpc::Output;
    type Change = Infallible;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let Some(vpc) = &self.existing_vpc else { return Ok(None) };
        let name = Filter::builder().name("group-name").values(&self.name).build();
        let mut groups = read(&cx.aws, vec![of_vpc(vpc), name]).await?;
        let scope = Scope::Stack(cx.names.clone());
        groups.retain(|it| {
            it.vpc_id() == Some(vpc.as_str())
                && it.group_name() == Some(&self.name)
                && scope.owner(it.tags()).is_none()
        });
        Ok(groups.first().map(words))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, vpc: &vpc::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the security group";
        let mut tags = cx.ec2_tags(node, ResourceType::SecurityGroup);
        if self.existing_vpc.is_some() {
            let tag = Tag::builder().key(TAG_NETWORK).value(EXISTING).build();
            tags.tags.get_or_insert_default().push(tag);
        }
        let created = cx
            .aws
            .ec2_once
            .create_security_group()
            .group_name(&self.name)
            .description(&self.description)
            .vpc_id(vpc.id.as_str())
            .tag_specifications(tags)
            .send()
            .await
            .doing(DOING)
            .wait_on(&[vpc::UNKNOWN])
            .taken_on(&["InvalidGroup.Duplicate"])?;
        let id = created.group_id().ok_or_else(|| missing(DOING, "groupId"))?;
        let is_among_others = self.existing_vpc.is_some();
        Ok(Made::Ready(Output { is_among_others, ..Output::new(id, &vpc.id) }))
    }

    fn drift(&self, it: &Output, vpc: &vpc::Output) -> Vec<Difference<Infallible>> {
        // A security group keeps its VPC for life.
        let other = (it.vpc != vpc.id).then(|| Difference::remake("VpcId", &it.vpc, &vpc.id));
        other.into_iter().collect()
    }

    /// Nothing of it can be changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _vpc: &vpc::Output,
        _: &[Infallible],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }
}

/// The tag of a group that stands in a VPC of somebody else, and its value.
const TAG_NETWORK: &str = "ecsup-network";
const EXISTING: &str = "existing";
/// With what a tag begins that names a zone of somebody else in which the stack has records; its value is
/// what they point at.
const TAG_RECORDS: &str = "ecsup-records/";
/// Longest value of a tag, in characters (EC2 `Tag`).
const TAG_LIMIT: usize = 256;

/// The zones of others and what records of the stack in them point at, as the group's tags say.
fn noted(tags: &[Tag]) -> BTreeMap<HostedZoneId, Vec<String>> {
    let one = |tag: &Tag| {
        let zone = tag.key()?.strip_prefix(TAG_RECORDS)?;
        let targets = tag.value().unwrap_or_default().split_whitespace().map(str::to_owned);
        Some((HostedZoneId::from(zone), targets.collect()))
    };
    tags.iter().filter_map(one).collect()
}

/// Notes that a record of the stack in a zone of somebody else may point at this DNS name: neither a record
/// nor that zone can carry a tag of ours, and the group of the load balancer outlives both its load balancer
/// and the records. What was noted before stays, the newest first, as far as there is room.
pub async fn note_record(aws: &Aws, it: &Output, zone: &HostedZoneId, target: &str) -> Result<()> {
    let before = it.records.get(zone).map(Vec::as_slice).unwrap_or_default();
    if before.iter().any(|noted| noted == target) {
        return Ok(());
    }
    let mut value = target.to_owned();
    for noted in before {
        if value.len() + 1 + noted.len() <= TAG_LIMIT {
            value = format!("{value} {noted}");
        }
    }
    let tag = (format!("{TAG_RECORDS}{zone}"), value);
    Tagging::Ec2(it.id.to_string()).put(aws, &[tag]).await.wait_on(UNKNOWN)
}

/// What holds a group: interfaces and endpoints that use it, and rules of others that name it.
pub(super) async fn holding(aws: &Aws, it: &Output) -> Result<Vec<String>> {
    let id = it.id.as_str();
    let (interfaces, endpoints, groups) = futures::try_join!(
        network_interface::holding(aws, "group-id", id),
        vpc_endpoint::holding(aws, &it.vpc, |endpoint| {
            endpoint.groups().iter().any(|group| group.group_id() == Some(id))
        }),
        read(aws, vec![of_vpc(&it.vpc)]),
    )?;
    let others = groups.iter().filter(|group| names(group, &it.id));
    let rules = others.map(|group| format!("a rule of {}", words(group))).collect();
    Ok([endpoints, interfaces, rules].concat())
}

/// The groups of a VPC in words, but the one that goes with it.
pub(super) async fn within(aws: &Aws, vpc: &VpcId) -> Result<Vec<String>> {
    let mut groups = read(aws, vec![of_vpc(vpc)]).await?;
    groups.retain(|it| it.vpc_id() == Some(vpc.as_str()) && it.group_name() != Some("default"));
    Ok(groups.iter().map(words).collect())
}

fn of_vpc(vpc: &VpcId) -> Filter {
    Filter::builder().name("vpc-id").values(vpc.as_str()).build()
}

fn words(group: &aws_sdk_ec2::types::SecurityGroup) -> String {
    let (name, id) = (group.group_name().unwrap_or_default(), group.group_id().unwrap_or_default());
    format!("the security group `{name}` ({id})")
}

pub(super) async fn read(
    aws: &Aws,
    filters: Vec<Filter>,
) -> Result<Vec<aws_sdk_ec2::types::SecurityGroup>> {
    let groups = aws.ec2.describe_security_groups().set_filters(Some(filters));
    let groups = groups.into_paginator().items().send().all().await;
    groups.doing("list the security groups")
}

/// Whether a rule of another group names this one.
fn names(other: &aws_sdk_ec2::types::SecurityGroup, id: &SecurityGroupId) -> bool {
    let rules = other.ip_permissions().iter().chain(other.ip_permissions_egress());
    let mut named = rules.flat_map(aws_sdk_ec2::types::IpPermission::user_id_group_pairs);
    other.group_id() != Some(id.as_str()) && named.any(|pair| pair.group_id() == Some(id.as_str()))
}
