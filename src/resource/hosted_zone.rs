//! HostedZone: a private hosted zone on the VPC.

use super::id::{HostedZoneId, VpcId};
use super::{Kind, Made, Owned, Resource, vpc};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: HostedZoneId,
    /// Its name, without a final dot.
    pub name: String,
    /// The VPCs that it answers in. `None` when not read.
    pub vpcs: Option<Vec<VpcId>>,
}

/// What is wanted.
#[derive(Debug)]
pub struct HostedZone {
    /// Its name, without a final dot.
    pub name: String,
}

impl Resource for HostedZone {
    type Needs = vpc::Output;
    type Output = Output;
    const KIND: Kind = Kind::HostedZone;

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
pub const NODE: &str = "hosted-zone";
