//! SecurityGroupRule: one thing that a security group lets in.

use super::id::{SecurityGroupId, SecurityGroupRuleId};
use super::{Kind, Made, Owned, Resource, security_group};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A range of addresses.
    Range(String),
    /// Members of a security group.
    Group(SecurityGroupId),
}

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// The group that it belongs to.
    pub group: SecurityGroupId,
    /// The port.
    pub port: Option<u16>,
    /// Who is let in.
    pub source: Option<Source>,
}

/// What is wanted.
#[derive(Debug)]
pub struct SecurityGroupRule {
    /// The TCP port that is let in.
    pub port: u16,
    /// Says why.
    pub description: String,
}

impl Resource for SecurityGroupRule {
    type Needs = (security_group::Output, Source);
    type Output = Output;
    const KIND: Kind = Kind::SecurityGroupRule;

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
