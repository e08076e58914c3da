//! SecurityGroup: what may reach whom: its rules are resources of their own.

use super::id::{SecurityGroupId, VpcId};
use super::{Kind, Made, Owned, Resource, vpc};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: SecurityGroupId,
    /// The VPC.
    pub vpc: VpcId,
}

/// What is wanted.
#[derive(Debug)]
pub struct SecurityGroup {
    /// What it is for: `load-balancer`, `service` or `instance`.
    pub which: &'static str,
    /// Its description; for life.
    pub description: String,
}

impl Resource for SecurityGroup {
    type Needs = vpc::Output;
    type Output = Output;
    const KIND: Kind = Kind::SecurityGroup;

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
