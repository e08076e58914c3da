//! Role: an IAM role: its managed policy is drift and update.

use super::id::RoleArn;
use super::{Kind, Made, Owned, Resource};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: RoleArn,
    /// ARNs of the attached managed policies. `None` when not read.
    pub policies: Option<Vec<String>>,
    /// The trust policy, decoded. `None` when not read.
    pub trust: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct Role {
    /// What it is for: `instance` or `execution`.
    pub which: &'static str,
    /// The trust policy, as JSON.
    pub trust: String,
    /// ARN of the managed policy that it gets.
    pub policy: String,
}

impl Resource for Role {
    type Needs = ();
    type Output = Output;
    const KIND: Kind = Kind::Role;

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

pub fn instance_trust() -> String {
    todo!()
}
pub fn instance_policy(_partition: &str) -> String {
    todo!()
}
pub fn execution_trust(_partition: &str, _region: &str, _account: &str) -> String {
    todo!()
}
pub fn execution_policy(_partition: &str) -> String {
    todo!()
}
