//! RouteTable: routes of some subnets: default route and associations are drift and update.

use super::id::{InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcId};
use super::{Kind, Made, Owned, Resource, subnet, vpc};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// Where the default route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// Nowhere: the subnets have no way out.
    Nowhere,
}

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: RouteTableId,
    /// The VPC.
    pub vpc: VpcId,
    /// Where 0.0.0.0/0 goes, and whether AWS calls that route a blackhole.
    pub default_route: Option<Target>,
    /// Subnet and id of each association.
    pub associations: Vec<(SubnetId, String)>,
}

/// What is wanted.
#[derive(Debug)]
pub struct RouteTable;

impl Resource for RouteTable {
    type Needs = (vpc::Output, Target, Vec<subnet::Output>);
    type Output = Output;
    const KIND: Kind = Kind::RouteTable;

    async fn list(_aws: &Aws, _scope: &Scope) -> Result<Vec<Owned<Output>>> {
        todo!()
    }

    async fn create(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        _needs: &Self::Needs,
    ) -> Result<Made<Output>> {
        todo!()
    }

    async fn delete(_aws: &Aws, _it: &Output) -> Result<()> {
        todo!()
    }
}
