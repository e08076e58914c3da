//! InstanceProfile: what hands the role to an instance: its role is drift and update.

use super::{Kind, Made, Owned, Resource, role};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Names of its roles; at most one.
    pub roles: Vec<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct InstanceProfile;

impl Resource for InstanceProfile {
    type Needs = role::Output;
    type Output = Output;
    const KIND: Kind = Kind::InstanceProfile;

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
