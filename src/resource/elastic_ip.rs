//! An elastic IP address: the fixed public address of a NAT gateway.
//!
//! Five per region are all that an account has at first, so a lost answer must not leak one: it is
//! tagged from birth and found again by its tags.

use std::convert::Infallible;

use aws_sdk_ec2::types::{DomainType, Filter, ResourceType};

use super::id::AllocationId;
use super::{Kind, Made, Owned, Phase, Resource, Seen, Wanted, network_interface};
use crate::aws::{Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// An address as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its allocation id.
    pub id: AllocationId,
    /// The address.
    pub address: Option<String>,
}

/// The address that is wanted.
#[derive(Debug)]
pub struct ElasticIp;

/// What EC2 answers as long as it does not know an address that was just allocated.
pub const UNKNOWN: &str = "InvalidAllocationID.NotFound";

impl Resource for ElasticIp {
    type Output = Output;
    const KIND: Kind = Kind::ElasticIp;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        // The one listing of EC2 that has no pages.
        let addresses = aws.ec2.describe_addresses().set_filters(Some(scope.ec2_filters()));
        let addresses = addresses.send().await.doing("list the elastic IP addresses")?;
        let read = |address: &aws_sdk_ec2::types::Address| {
            let owner = scope.owner(address.tags())?;
            let id = AllocationId::from(address.allocation_id()?);
            let output = Output { id, address: address.public_ip().map(str::to_owned) };
            let seen = Seen::Present(output.clone(), Phase::Ready);
            Some(Owned { owner, id: output.id.into(), seen })
        };
        Ok(addresses.addresses().iter().filter_map(read).collect())
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let release = aws.ec2.release_address().allocation_id(it.id.as_str()).send().await;
        release
            .doing("release the elastic IP address")
            // An association with a NAT gateway belongs to AWS, hence `AuthFailure`. It ends when
            // the gateway is gone, and must not be ended before.
            .wait_on(&["AuthFailure", "InvalidIPAddress.InUse"])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        // By filter: a look by id is an error when the address is gone.
        let filter = Filter::builder().name("allocation-id").values(it.id.as_str()).build();
        let addresses = aws.ec2.describe_addresses().filters(filter).send().await;
        let addresses = addresses.doing("look up the elastic IP address")?;
        let mut addresses = addresses.addresses().iter();
        let address = addresses.find(|address| address.allocation_id() == Some(it.id.as_str()));
        match address.and_then(|address| address.network_interface_id()) {
            Some(id) => network_interface::holding(aws, "network-interface-id", id).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Wanted for ElasticIp {
    type Needs = ();
    type Change = Infallible;

    async fn create(&self, cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        const DOING: &str = "allocate the elastic IP address";
        let allocated = cx
            .aws
            .ec2_once
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(cx.ec2_tags(node, ResourceType::ElasticIp))
            .send()
            .await
            .doing(DOING)?;
        let id = allocated.allocation_id().ok_or_else(|| missing(DOING, "allocationId"))?;
        let address = allocated.public_ip().map(str::to_owned);
        Ok(Made::Ready(Output { id: AllocationId::from(id), address }))
    }

    /// Nothing of it can be changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (): &(),
        _: &[Infallible],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }
}
