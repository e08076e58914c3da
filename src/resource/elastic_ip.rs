//! ElasticIp: a fixed public address for a NAT gateway.

use super::id::AllocationId;
use super::{Kind, Made, Owned, Resource};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: AllocationId,
    /// The address.
    pub address: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct ElasticIp;

impl Resource for ElasticIp {
    type Needs = ();
    type Output = Output;
    const KIND: Kind = Kind::ElasticIp;

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
