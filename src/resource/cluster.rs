//! Cluster: the ECS cluster.

use super::{Kind, Made, Owned, Resource};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The setting `containerInsights`.
    pub insights: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct Cluster;

impl Resource for Cluster {
    type Needs = ();
    type Output = Output;
    const KIND: Kind = Kind::Cluster;

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
