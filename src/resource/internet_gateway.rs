//! InternetGateway: the VPC's door to the internet; its attachment is drift and update.

use super::id::{InternetGatewayId, VpcId};
use super::{Kind, Made, Owned, Resource, vpc};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to.
    pub attached_to: Option<VpcId>,
}

/// What is wanted.
#[derive(Debug)]
pub struct InternetGateway;

impl Resource for InternetGateway {
    type Needs = vpc::Output;
    type Output = Output;
    const KIND: Kind = Kind::InternetGateway;

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
