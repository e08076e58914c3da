//! The VPC: a network of the stack's own, with DNS names inside.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, BlockPublicAccessMode, BlockPublicAccessStates, ResourceType,
    VpcAttributeName, VpcState,
};
use futures::future::try_join_all;
use ipnet::Ipv4Net;

use super::id::VpcId;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, compare,
    gateway_endpoint, guard_duty_group, network_interface, security_group, vpc_endpoint,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Owner, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A VPC as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: VpcId,
    /// Its first range.
    pub cidr: Option<String>,
    /// Whether the VPC's resolver answers. `None` when not read.
    pub dns_support: Option<bool>,
    /// Whether instances get names. `None` when not read.
    pub dns_hostnames: Option<bool>,
    /// What VPC Block Public Access keeps from it. `None` when not read.
    pub blocks: Option<BlockMode>,
}

impl Output {
    /// A VPC of which nothing but its id is known.
    pub fn known(id: impl Into<VpcId>) -> Self {
        Self { id: id.into(), cidr: None, dns_support: None, dns_hostnames: None, blocks: None }
    }
}

/// What VPC Block Public Access keeps from a VPC: an account's own setting for a region, which may
/// leave out a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockMode {
    /// Nothing.
    Off,
    /// What comes in. What goes out may do so only through NAT gateways.
    Ingress,
    /// Everything between the VPC and the internet.
    Bidirectional,
}

impl BlockMode {
    /// Reads it as AWS writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "block-ingress" => Some(Self::Ingress),
            "block-bidirectional" => Some(Self::Bidirectional),
            _ => None,
        }
    }
}

/// The VPC that is wanted.
#[derive(Debug)]
pub struct Vpc {
    /// Its range.
    pub cidr: Ipv4Net,
}

/// What can be changed of a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its resolver answers.
    DnsSupport,
    /// Instances get names.
    DnsHostnames,
}

/// What EC2 answers as long as it does not know a VPC that was just made.
pub const UNKNOWN: &str = "InvalidVpcID.NotFound";

impl Resource for Vpc {
    type Output = Output;
    const KIND: Kind = Kind::Vpc;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let vpcs = describe(aws, scope).await?;
        let ours = vpcs.iter().filter_map(|vpc| Some((scope.owner(vpc.tags())?, vpc)));
        let read = ours.map(async |(owner, vpc)| {
            let id = VpcId::from(vpc.vpc_id().unwrap_or_default());
            // The attributes are no part of the description: one call each.
            let (dns_support, dns_hostnames) = futures::try_join!(
                attribute(aws, &id, VpcAttributeName::EnableDnsSupport),
                attribute(aws, &id, VpcAttributeName::EnableDnsHostnames),
            )?;
            let cidr = vpc.cidr_block().map(str::to_owned);
            let phase = match vpc.state() {
                Some(VpcState::Pending) => Phase::Coming("the VPC to become available".into()),
                _ => Phase::Ready,
            };
            let blocks = vpc.block_public_access_states();
            let blocks = blocks.and_then(BlockPublicAccessStates::internet_gateway_block_mode);
            let blocks = blocks.map(BlockPublicAccessMode::as_str).and_then(BlockMode::parse);
            let it = Output { id: id.clone(), cidr, dns_support, dns_hostnames, blocks };
            Ok(Owned { owner, id: id.into(), seen: Seen::Present(it, phase) })
        });
        try_join_all(read).await
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_vpc().vpc_id(it.id.as_str()).send().await;
        delete
            .doing("delete the VPC")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }

    async fn clear_way(aws: &Aws, scope: &Scope) -> Result<()> {
        guard_duty_group::remove_new(aws, scope).await?;
        gateway_endpoint::remove_hidden(aws, scope).await
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let (interfaces, endpoints, groups) = futures::try_join!(
            network_interface::holding(aws, "vpc-id", it.id.as_str()),
            vpc_endpoint::holding(aws, &it.id, |_| true),
            security_group::within(aws, &it.id),
        )?;
        Ok([endpoints, interfaces, groups].concat())
    }
}

impl Wanted for Vpc {
    type Needs = ();
    type Change = Change;

    async fn create(&self, cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        const DOING: &str = "create the VPC";
        let created = cx
            .aws
            .ec2_once
            .create_vpc()
            .cidr_block(self.cidr.to_string())
            .tag_specifications(cx.ec2_tags(node, ResourceType::Vpc))
            .send()
            .await
            .doing(DOING)?;
        let vpc = created.vpc().ok_or_else(|| missing(DOING, "vpc"))?;
        let id = vpc.vpc_id().ok_or_else(|| missing(DOING, "vpcId"))?;
        Ok(Made::Ready(Output {
            id: VpcId::from(id),
            cidr: Some(self.cidr.to_string()),
            // What a VPC made by API is born with.
            dns_support: Some(true),
            dns_hostnames: Some(false),
            blocks: None,
        }))
    }

    fn drift(&self, it: &Output, (): &()) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if let Some(cidr) = it.cidr.as_ref().filter(|cidr| **cidr != self.cidr.to_string()) {
            let why = "a VPC keeps its range for life: destroy the stack, or deploy another one";
            differences.push(Difference::replacement("CidrBlock", cidr, self.cidr, why));
        }
        let (support, hostnames) = (it.dns_support.as_ref(), it.dns_hostnames.as_ref());
        compare(&mut differences, Change::DnsSupport, "EnableDnsSupport", support, &true);
        compare(&mut differences, Change::DnsHostnames, "EnableDnsHostnames", hostnames, &true);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (): &(),
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let on = || AttributeBooleanValue::builder().value(true).build();
        let mut it = it.clone();
        for change in changes {
            // One attribute per call, says ModifyVpcAttribute.
            let modify = cx.aws.ec2.modify_vpc_attribute().vpc_id(it.id.as_str());
            let (modify, doing, set) = match change {
                Change::DnsSupport => {
                    let modify = modify.enable_dns_support(on());
                    (modify, "set EnableDnsSupport on the VPC", &mut it.dns_support)
                }
                Change::DnsHostnames => {
                    let modify = modify.enable_dns_hostnames(on());
                    (modify, "set EnableDnsHostnames on the VPC", &mut it.dns_hostnames)
                }
            };
            modify.send().await.doing(doing).wait_on(&[UNKNOWN])?;
            *set = Some(true);
        }
        Ok(Made::Ready(it))
    }
}

/// The VPCs within a scope, without their attributes.
pub async fn ours(aws: &Aws, scope: &Scope) -> Result<Vec<(Owner, VpcId)>> {
    let vpcs = describe(aws, scope).await?;
    let ours = |vpc: &aws_sdk_ec2::types::Vpc| {
        Some((scope.owner(vpc.tags())?, VpcId::from(vpc.vpc_id()?)))
    };
    Ok(vpcs.iter().filter_map(ours).collect())
}

/// The same, out of the listing that others make.
pub async fn ours_among(others: &impl Others) -> Result<Vec<(Owner, VpcId)>> {
    let vpcs = others.listing::<Vpc>().await?;
    Ok(vpcs.iter().map(|vpc| (vpc.owner.clone(), vpc.it().id.clone())).collect())
}

async fn describe(aws: &Aws, scope: &Scope) -> Result<Vec<aws_sdk_ec2::types::Vpc>> {
    let vpcs = aws.ec2.describe_vpcs().set_filters(Some(scope.ec2_filters()));
    let vpcs = vpcs.into_paginator().items().send().all().await;
    vpcs.doing("list the VPCs")
}

async fn attribute(aws: &Aws, id: &VpcId, name: VpcAttributeName) -> Result<Option<bool>> {
    let read = aws.ec2.describe_vpc_attribute().vpc_id(id.as_str()).attribute(name).send().await;
    // A VPC that goes between two looks has no attributes.
    let read = read.doing("read the VPC's attributes").gone_is_fine(&[UNKNOWN])?;
    let value = read.and_then(|read| read.enable_dns_support.or(read.enable_dns_hostnames));
    Ok(value.and_then(|value| value.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_is_switched_on_and_the_range_is_for_life() {
        let wanted = Vpc { cidr: "10.0.0.0/16".parse().unwrap() };
        let it = |cidr: &str, dns_hostnames| Output {
            id: VpcId::from("vpc-1"),
            cidr: Some(cidr.into()),
            dns_support: None,
            dns_hostnames,
            blocks: None,
        };
        assert_eq!(wanted.drift(&it("10.0.0.0/16", Some(true)), &()), []);
        let differences = wanted.drift(&it("10.1.0.0/16", Some(false)), &());
        let fields: Vec<_> = differences.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(fields, ["CidrBlock", "EnableDnsHostnames"]);
        assert!(matches!(differences[0].remedy, super::super::Remedy::Replacement(_)));
    }
}
