//! AutoScalingGroup: the instances.

use super::{Kind, Made, Owned, Resource, launch_template, subnet};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Fewest instances.
    pub min_size: Option<i32>,
    /// Most instances.
    pub max_size: Option<i32>,
    /// The version of the launch template that it is pinned to.
    pub template_version: Option<String>,
    /// Its subnets.
    pub subnets: Option<Vec<String>>,
    /// Whether new instances are protected from scale-in.
    pub protected: Option<bool>,
    /// How many instances it wants.
    pub desired: Option<i32>,
    /// Instances held by a hook while they terminate.
    pub held: Vec<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct AutoScalingGroup {
    /// Fewest instances.
    pub min_size: u32,
    /// Most instances.
    pub max_size: u32,
}

impl Resource for AutoScalingGroup {
    type Needs = (launch_template::Output, Vec<subnet::Output>);
    type Output = Output;
    const KIND: Kind = Kind::AutoScalingGroup;

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
