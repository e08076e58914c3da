//! WarmStart: raises the new group to the instances that the service needs, once.

use super::{Kind, Made, Owned, Resource, auto_scaling_group};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its group.
    pub group: String,
    /// How many instances the group wants.
    pub desired: Option<i32>,
}

/// What is wanted.
#[derive(Debug)]
pub struct WarmStart {
    /// How many instances the service needs at first.
    pub instances: u32,
}

impl Resource for WarmStart {
    type Needs = auto_scaling_group::Output;
    type Output = Output;
    const KIND: Kind = Kind::WarmStart;

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
pub const NODE: &str = "capacity/warm";
