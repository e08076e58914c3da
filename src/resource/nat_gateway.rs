//! NatGateway: the way out of a private subnet.

use super::id::{NatGatewayId, SubnetId};
use super::{Kind, Made, Owned, Resource, elastic_ip, subnet};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: NatGatewayId,
    /// The subnet that it stands in.
    pub subnet: Option<SubnetId>,
}

/// What is wanted.
#[derive(Debug)]
pub struct NatGateway;

impl Resource for NatGateway {
    type Needs = (elastic_ip::Output, subnet::Output);
    type Output = Output;
    const KIND: Kind = Kind::NatGateway;
    const REMADE_WHEN_BROKEN: bool = true;

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
