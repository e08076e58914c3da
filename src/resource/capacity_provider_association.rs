//! CapacityProviderAssociation: the cluster's list of capacity providers and its default strategy.

use super::{Kind, Made, Owned, Resource, capacity_provider, cluster};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its cluster.
    pub cluster: String,
    /// Names of the associated providers.
    pub providers: Vec<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct CapacityProviderAssociation;

impl Resource for CapacityProviderAssociation {
    type Needs = (cluster::Output, capacity_provider::Output);
    type Output = Output;
    const KIND: Kind = Kind::CapacityProviderAssociation;

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
pub const NODE: &str = "capacity-provider-association";
