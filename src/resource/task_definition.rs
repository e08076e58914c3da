//! TaskDefinition: what a task runs; a change is a new revision.

use std::collections::BTreeMap;

use super::id::TaskDefinitionArn;
use super::{Kind, Made, Owned, Resource, log_group, role};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::{NodeName, ServiceName};

/// What a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Our own instances.
    Ec2,
    /// Fargate.
    Fargate,
}

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: TaskDefinitionArn,
    /// Hash of its content, from a tag. `None` when not read.
    pub hash: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct TaskDefinition {
    /// The service, which is also the container's name.
    pub service: ServiceName,
    /// Image.
    pub image: String,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The container's port.
    pub port: u16,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// What it runs on.
    pub compatibility: Compatibility,
    /// The region that its logs go to.
    pub region: String,
}

impl Resource for TaskDefinition {
    type Needs = (role::Output, log_group::Output);
    type Output = Output;
    const KIND: Kind = Kind::TaskDefinition;
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
