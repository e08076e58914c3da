//! LaunchTemplate: how the instances start; a change is a new version.

use super::id::LaunchTemplateId;
use super::{Kind, Made, Owned, Resource, cluster, instance_profile, security_group};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What a version of the template says, as far as ecsup compares it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data {
    /// The AMI.
    pub image: Option<String>,
    /// The instance type.
    pub instance_type: Option<String>,
}

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: LaunchTemplateId,
    /// The newest version.
    pub version: i64,
    /// What the newest version says. `None` when not read.
    pub data: Option<Data>,
}

/// What is wanted.
#[derive(Debug)]
pub struct LaunchTemplate {
    /// The instance type.
    pub instance_type: String,
    /// The AMI that a new template gets.
    pub image: String,
    /// Whether an existing template's AMI is replaced by it.
    pub replace_image: bool,
    /// Whether instances get a public address: they stand in a public subnet without a NAT gateway.
    pub public_address: bool,
}

impl Resource for LaunchTemplate {
    type Needs = (instance_profile::Output, security_group::Output, cluster::Output);
    type Output = Output;
    const KIND: Kind = Kind::LaunchTemplate;
    const UPDATE_REPLACES: bool = true;

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
