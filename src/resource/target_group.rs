//! TargetGroup: the tasks that a listener forwards to; its attributes are drift and update.

use super::id::TargetGroupArn;
use super::{Kind, Made, Owned, Resource, vpc};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::{NodeName, ServiceName};

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: TargetGroupArn,
    /// Path of the health check.
    pub health_path: Option<String>,
    /// Interval, timeout, healthy and unhealthy threshold of the health check.
    pub health_check: Option<[i32; 4]>,
    /// Deregistration delay in seconds, as AWS writes it. `None` when not read.
    pub deregistration_delay: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct TargetGroup {
    /// The service.
    pub service: ServiceName,
    /// The port it is made with; immutable, and not compared: ECS registers each task with its own.
    pub port: u16,
    /// Path of the health check.
    pub health_path: String,
}

impl Resource for TargetGroup {
    type Needs = vpc::Output;
    type Output = Output;
    const KIND: Kind = Kind::TargetGroup;

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
