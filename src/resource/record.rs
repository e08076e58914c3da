//! Record: a name in the zone: an alias to the load balancer.

use super::id::HostedZoneId;
use super::{Kind, Made, Owned, Resource, hosted_zone, load_balancer};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its zone.
    pub zone: HostedZoneId,
    /// The name, without a final dot.
    pub host: String,
    /// The DNS name that it points at, without a final dot.
    pub target: Option<String>,
    /// The hosted zone of what it points at.
    pub target_zone: Option<String>,
}

/// What is wanted.
#[derive(Debug)]
pub struct Record {
    /// The name, without a final dot.
    pub host: String,
}

impl Resource for Record {
    type Needs = (hosted_zone::Output, load_balancer::Output);
    type Output = Output;
    const KIND: Kind = Kind::Record;

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
pub fn node(host: &str) -> NodeName {
    NodeName::from(format!("record/{host}"))
}
