//! Listener: a listener that forwards to a target group.

use super::id::{ListenerArn, TargetGroupArn};
use super::{Kind, Made, Owned, Resource, load_balancer, target_group};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: ListenerArn,
    /// The target groups that it forwards to.
    pub forwards_to: Option<Vec<TargetGroupArn>>,
}

/// What is wanted.
#[derive(Debug)]
pub struct Listener {
    /// Its port.
    pub port: u16,
}

impl Resource for Listener {
    type Needs = (load_balancer::Output, target_group::Output);
    type Output = Output;
    const KIND: Kind = Kind::Listener;

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
