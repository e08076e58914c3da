//! CapacityProvider: what lets ECS scale the group.

use super::{Kind, Made, Owned, Resource, auto_scaling_group};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// ARN of its group.
    pub group: Option<String>,
    /// Target capacity in percent.
    pub target_capacity: Option<i32>,
    /// Whether ECS protects instances with tasks.
    pub termination_protection: Option<String>,
    /// Whether ECS drains instances.
    pub draining: Option<String>,
    /// Whether ECS scales the group.
    pub scaling: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct CapacityProvider;

impl Resource for CapacityProvider {
    type Needs = auto_scaling_group::Output;
    type Output = Output;
    const KIND: Kind = Kind::CapacityProvider;

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
