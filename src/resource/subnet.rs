//! A subnet: a part of the VPC's range in one zone.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, SubnetState};
use ipnet::Ipv4Net;

use super::id::{SubnetId, VpcId};
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, compare,
    guard_duty_endpoint, network_interface, vpc, vpc_endpoint,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A subnet as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: SubnetId,
    /// The VPC that it is part of.
    pub vpc: VpcId,
    /// Its zone.
    pub zone: Option<String>,
    /// The id of its zone, which means the same in every account.
    pub zone_id: Option<String>,
    /// Its range.
    pub cidr: Option<String>,
    /// Whether what starts in it gets a public address.
    pub public_addresses: Option<bool>,
    /// Whether nothing stands in it: all of its addresses are free.
    pub empty: Option<bool>,
    /// How far it is.
    pub state: Option<SubnetState>,
}

impl Output {
    /// A subnet of which nothing but its id and its VPC is known.
    pub fn known(id: impl Into<SubnetId>, vpc: impl Into<VpcId>) -> Self {
        Self {
            id: id.into(),
            vpc: vpc.into(),
            zone: None,
            zone_id: None,
            cidr: None,
            public_addresses: None,
            empty: None,
            state: None,
        }
    }
}

/// The subnet that is wanted.
#[derive(Debug)]
pub struct Subnet {
    /// The name of its zone, such as `eu-west-1a`.
    pub zone: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Whether what starts in it gets a public address.
    pub public_addresses: bool,
}

const ZONE: &str = "AvailabilityZone";

/// What EC2 answers as long as it does not know a subnet that was just made, in both spellings.
pub const UNKNOWN: &[&str] = &["InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound"];

impl Resource for Subnet {
    type Output = Output;
    const KIND: Kind = Kind::Subnet;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let subnets = aws.ec2.describe_subnets().set_filters(Some(scope.ec2_filters()));
        let subnets = subnets.into_paginator().items().send().all().await;
        let subnets = subnets.doing("list the subnets")?;
        let read = |subnet: &aws_sdk_ec2::types::Subnet| {
            let owner = scope.owner(subnet.tags())?;
            let output = Output::from(subnet);
            let phase = output.phase();
            Some(Owned { owner, id: output.id.to_string(), seen: Seen::Present(output, phase) })
        };
        Ok(subnets.iter().filter_map(read).collect())
    }

    async fn poll(aws: &Aws, scope: &Scope, _: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        let mut seen = Self::list(aws, scope).await?;
        // What was set while it was coming may be shown as it was before.
        for own in &mut seen {
            if let Seen::Present(it, _) = &mut own.seen {
                it.public_addresses = None;
            }
        }
        Ok(seen)
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.vpc.to_string()]
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_subnet().subnet_id(it.id.as_str()).send().await;
        delete
            .doing("delete the subnet")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(UNKNOWN)
            .map(drop)
    }

    async fn clear_way(aws: &Aws, scope: &Scope) -> Result<()> {
        guard_duty_endpoint::remove_new(aws, scope).await
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let id = it.id.as_str();
        let (interfaces, endpoints) = futures::try_join!(
            network_interface::holding(aws, "subnet-id", id),
            vpc_endpoint::holding(aws, &it.vpc, |endpoint| {
                endpoint.subnet_ids().iter().any(|subnet| subnet == id)
            }),
        )?;
        Ok([endpoints, interfaces].concat())
    }
}

impl Wanted for Subnet {
    type Needs = vpc::Output;
    type Change = Whole;

    async fn create(&self, cx: &Cx, node: &NodeName, vpc: &vpc::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the subnet";
        let created = cx
            .aws
            .ec2_once
            .create_subnet()
            .vpc_id(vpc.id.as_str())
            .availability_zone(&self.zone)
            .cidr_block(self.cidr.to_string())
            .tag_specifications(cx.ec2_tags(node, ResourceType::Subnet))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[vpc::UNKNOWN])?;
        let subnet = created.subnet().ok_or_else(|| missing(DOING, "subnet"))?;
        subnet.subnet_id().ok_or_else(|| missing(DOING, "subnetId"))?;
        // A subnet made by API is born without public addresses.
        Ok(Output { public_addresses: Some(false), ..Output::from(subnet) }.made())
    }

    fn drift(&self, it: &Output, vpc: &vpc::Output) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        if it.vpc != vpc.id {
            differences.push(Difference::remake("VpcId", &it.vpc, &vpc.id));
        }
        let why = "a subnet keeps its place for life: destroy the stack, or deploy another one";
        let mut fixed = |field: &str, is: Option<&str>, wanted: &str| {
            if let Some(is) = is.filter(|is| *is != wanted) {
                differences.push(Difference::replacement(field, is, wanted, why));
            }
        };
        fixed("CidrBlock", it.cidr.as_deref(), &self.cidr.to_string());
        match it.zone.as_deref().filter(|zone| *zone != self.zone) {
            // Another one takes its place, as long as nothing stands in it.
            Some(zone) if it.empty == Some(true) => {
                differences.push(Difference::remake(ZONE, zone, &self.zone));
            }
            Some(zone) => {
                differences.push(Difference::replacement(ZONE, zone, &self.zone, why));
            }
            None => {}
        }
        let public = it.public_addresses.as_ref();
        compare(&mut differences, Whole, "MapPublicIpOnLaunch", public, &self.public_addresses);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _vpc: &vpc::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let value = AttributeBooleanValue::builder().value(self.public_addresses).build();
        let modify = cx.aws.ec2.modify_subnet_attribute().subnet_id(it.id.as_str());
        let modify = modify.map_public_ip_on_launch(value).send().await;
        modify.doing("set MapPublicIpOnLaunch on the subnet").wait_on(UNKNOWN)?;
        Ok(Output { public_addresses: Some(self.public_addresses), ..it.clone() }.made())
    }
}

impl Output {
    /// A subnet is usable when EC2 says so, and not before: what is made in it sooner is refused.
    fn phase(&self) -> Phase {
        match &self.state {
            Some(SubnetState::Available) => Phase::Ready,
            Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
                Phase::Broken(format!("the subnet is `{}`", state.as_str()))
            }
            _ => Phase::Coming("the subnet to become available".into()),
        }
    }

    /// What a create or an update answers.
    fn made(self) -> Made<Self> {
        match self.phase() {
            Phase::Ready => Made::Ready(self),
            Phase::Coming(why) | Phase::Broken(why) => Made::Coming(self, why),
        }
    }
}

impl From<&aws_sdk_ec2::types::Subnet> for Output {
    fn from(subnet: &aws_sdk_ec2::types::Subnet) -> Self {
        Self {
            id: SubnetId::from(subnet.subnet_id().unwrap_or_default()),
            vpc: VpcId::from(subnet.vpc_id().unwrap_or_default()),
            zone: subnet.availability_zone().map(str::to_owned),
            zone_id: subnet.availability_zone_id().map(str::to_owned),
            cidr: subnet.cidr_block().map(str::to_owned),
            public_addresses: subnet.map_public_ip_on_launch(),
            empty: is_empty(subnet),
            state: subnet.state().cloned(),
        }
    }
}

/// Whether every address of a subnet is free that AWS gives out: all but five.
fn is_empty(subnet: &aws_sdk_ec2::types::Subnet) -> Option<bool> {
    let cidr: Ipv4Net = subnet.cidr_block()?.parse().ok()?;
    let all = 1_i64.checked_shl(32 - u32::from(cidr.prefix_len()))?;
    Some(i64::from(subnet.available_ip_address_count()?) >= all - 5)
}

#[cfg(test)]
mod tests {
    use super::super::Remedy;
    use super::*;

    #[test]
    fn an_empty_subnet_is_remade_in_another_zone_and_one_in_use_stays() {
        let wanted = Subnet {
            zone: "eu-west-1b".into(),
            cidr: "10.0.0.0/18".parse().unwrap(),
            public_addresses: true,
        };
        let drift = |free: Option<i32>| {
            let subnet = aws_sdk_ec2::types::Subnet::builder()
                .vpc_id("vpc-1")
                .availability_zone("eu-west-1a")
                .cidr_block("10.0.0.0/18")
                .map_public_ip_on_launch(true)
                .set_available_ip_address_count(free);
            let vpc = vpc::Output::known("vpc-1");
            let differences = wanted.drift(&Output::from(&subnet.build()), &vpc);
            assert_eq!(differences.len(), 1, "{differences:?}");
            differences[0].remedy.clone()
        };
        assert_eq!(drift(Some(16_379)), Remedy::Remake);
        assert!(matches!(drift(Some(16_378)), Remedy::Replacement(_)));
        assert!(matches!(drift(None), Remedy::Replacement(_)));
    }
}
