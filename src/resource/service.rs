//! Service: the ECS service; success is its rollout.

use super::{
    Kind, Made, Owned, Resource, capacity_provider, cluster, security_group, subnet, target_group,
    task_definition,
};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::{NodeName, ServiceName};

/// What a service takes from others.
pub type Needs = (
    cluster::Output,
    task_definition::Output,
    target_group::Output,
    (Vec<subnet::Output>, security_group::Output),
    // Without one it runs on Fargate.
    Option<capacity_provider::Output>,
);

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its cluster.
    pub cluster: String,
}

/// What is wanted.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// How many tasks.
    pub count: u32,
    /// The container's port.
    pub port: u16,
    /// Whether tasks get a public address: Fargate in a public subnet without a NAT gateway.
    pub public_address: bool,
}

impl Resource for Service {
    type Needs = Needs;
    type Output = Output;
    const KIND: Kind = Kind::Service;

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
