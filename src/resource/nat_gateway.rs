//! The NAT gateway: the way out of a private subnet.
//!
//! It takes minutes to come and to go. What is wrong with the request, such as an address in use or
//! a VPC without internet gateway, shows only later, in the state `failed`, which never heals. A
//! failed or deleted one stays in the listing for an hour.

use std::convert::Infallible;

use aws_sdk_ec2::types::{Filter, NatGatewayState, ResourceType};

use super::id::{NatGatewayId, SubnetId};
use super::{Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, elastic_ip, subnet};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A NAT gateway as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: NatGatewayId,
    /// The subnet that it stands in.
    pub subnet: Option<SubnetId>,
    /// Allocation ids of its addresses.
    pub addresses: Vec<String>,
}

/// The NAT gateway that is wanted.
#[derive(Debug)]
pub struct NatGateway;

/// What `CreateNatGateway` alone answers as long as it does not know the address or the subnet, or the
/// subnet is pending, although the listings show both (terraform-provider-aws#27087,
/// ansible-collections/amazon.aws#1872, hypershift#711, #1328).
const NOT_YET: &[&str] = &["InvalidElasticIpID.NotFound", "InvalidSubnet"];

/// What EC2 answers when it does not know a gateway. `CreateRoute` alone uses the first.
pub const UNKNOWN: &[&str] = &["InvalidNatGatewayID.NotFound", "NatGatewayNotFound"];

impl Resource for NatGateway {
    type Output = Output;
    const KIND: Kind = Kind::NatGateway;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, scope, scope.ec2_filters()).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        // By filter: a look by id is an error when one of them is not known yet, or not any more.
        let ids = these.iter().map(|owned| owned.it().id.to_string()).collect();
        let filter = Filter::builder().name("nat-gateway-id").set_values(Some(ids)).build();
        read(aws, scope, vec![filter]).await
    }

    fn uses(it: &Output) -> Vec<String> {
        it.subnet.iter().map(ToString::to_string).chain(it.addresses.clone()).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_nat_gateway().nat_gateway_id(it.id.as_str()).send().await;
        delete.doing("delete the NAT gateway").gone_is_fine(UNKNOWN).map(drop)
    }
}

impl Wanted for NatGateway {
    type Needs = (elastic_ip::Output, subnet::Output);
    type Change = Infallible;
    const REMADE_WHEN_BROKEN: bool = true;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (address, subnet): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the NAT gateway";
        let created = cx
            .aws
            // Retries are safe: the SDK sends a client token.
            .ec2
            .create_nat_gateway()
            .allocation_id(address.id.as_str())
            .subnet_id(subnet.id.as_str())
            .tag_specifications(cx.ec2_tags(node, ResourceType::Natgateway))
            .send()
            .await
            .doing(DOING)
            .wait_on(NOT_YET)
            .wait_on(subnet::UNKNOWN)
            .wait_on(&[elastic_ip::UNKNOWN])?;
        let gateway = created.nat_gateway().ok_or_else(|| missing(DOING, "natGateway"))?;
        gateway.nat_gateway_id().ok_or_else(|| missing(DOING, "natGatewayId"))?;
        Ok(match seen(gateway) {
            Some(Seen::Present(it, Phase::Ready)) => Made::Ready(it),
            _ => Made::Coming(Output::from(gateway), COMING.into()),
        })
    }

    fn drift(&self, it: &Output, (_, subnet): &Self::Needs) -> Vec<Difference<Infallible>> {
        // A NAT gateway keeps its subnet for life.
        let other = it.subnet.as_ref().filter(|is| **is != subnet.id);
        other.map(|is| Difference::remake("SubnetId", is, &subnet.id)).into_iter().collect()
    }

    /// Nothing of it can be changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _needs: &Self::Needs,
        _: &[Infallible],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }

    fn unhurried(_it: &Output, awaited: bool) -> bool {
        // The service that goes through it is ready later than it is.
        !awaited
    }
}

const COMING: &str = "the NAT gateway to become available";

async fn read(aws: &Aws, scope: &Scope, filters: Vec<Filter>) -> Result<Vec<Owned<Output>>> {
    let gateways = aws.ec2.describe_nat_gateways().set_filter(Some(filters));
    let gateways = gateways.into_paginator().items().send().all().await;
    let gateways = gateways.doing("list the NAT gateways")?;
    let read = |gateway: &aws_sdk_ec2::types::NatGateway| {
        let owner = scope.owner(gateway.tags())?;
        let seen = seen(gateway)?;
        Some(Owned { owner, id: gateway.nat_gateway_id()?.to_owned(), seen })
    };
    Ok(gateways.iter().filter_map(read).collect())
}

/// What the state means; `None` when the gateway is gone.
fn seen(gateway: &aws_sdk_ec2::types::NatGateway) -> Option<Seen<Output>> {
    let it = Output::from(gateway);
    Some(match gateway.state() {
        Some(NatGatewayState::Deleted) => return None,
        Some(NatGatewayState::Deleting) => {
            Seen::Leaving(it, "the NAT gateway is being deleted".into())
        }
        Some(NatGatewayState::Failed) => {
            let code = gateway.failure_code().unwrap_or("no failure code");
            let message = gateway.failure_message().unwrap_or("no failure message");
            let why = format!("the NAT gateway failed: {code}: {message}");
            Seen::Present(it, Phase::Broken(why))
        }
        Some(NatGatewayState::Pending) => Seen::Present(it, Phase::Coming(COMING.into())),
        _ => Seen::Present(it, Phase::Ready),
    })
}

impl From<&aws_sdk_ec2::types::NatGateway> for Output {
    fn from(gateway: &aws_sdk_ec2::types::NatGateway) -> Self {
        let addresses = gateway.nat_gateway_addresses().iter();
        Self {
            id: NatGatewayId::from(gateway.nat_gateway_id().unwrap_or_default()),
            subnet: gateway.subnet_id().map(SubnetId::from),
            addresses: addresses.filter_map(|it| it.allocation_id.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_words_of_aws_and_a_deleted_one_is_gone() {
        let gateway = |state| {
            aws_sdk_ec2::types::NatGateway::builder()
                .nat_gateway_id("nat-1")
                .state(state)
                .failure_code("Gateway.NotAttached")
                .failure_message("Network vpc-1 has no Internet gateway attached")
                .build()
        };
        let Some(Seen::Present(_, Phase::Broken(why))) = seen(&gateway(NatGatewayState::Failed))
        else {
            panic!("a failed one is broken")
        };
        assert!(
            why.ends_with("Gateway.NotAttached: Network vpc-1 has no Internet gateway attached")
        );
        assert!(seen(&gateway(NatGatewayState::Deleted)).is_none());
        assert!(matches!(seen(&gateway(NatGatewayState::Deleting)), Some(Seen::Leaving(..))));
    }
}
