//! LoadBalancer: the application load balancer; its attributes are drift and update.

use super::id::LoadBalancerArn;
use super::{Kind, Made, Owned, Resource, security_group, subnet};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: LoadBalancerArn,
    /// Its DNS name.
    pub dns_name: String,
    /// The hosted zone that aliases to it name.
    pub zone_id: String,
    /// `internal` or `internet-facing`.
    pub scheme: Option<String>,
    /// Its subnets. `None` when not read.
    pub subnets: Option<Vec<String>>,
    /// Its security groups. `None` when not read.
    pub security_groups: Option<Vec<String>>,
    /// Idle timeout in seconds, as AWS writes it. `None` when not read.
    pub idle_timeout: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct LoadBalancer {
    /// Whether it is internal.
    pub internal: bool,
}

impl Resource for LoadBalancer {
    type Needs = (Vec<subnet::Output>, security_group::Output);
    type Output = Output;
    const KIND: Kind = Kind::LoadBalancer;
    const REMADE_WHEN_BROKEN: bool = true;

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
