//! LogGroup: a log group: its retention is drift and update.

use super::{Kind, Made, Owned, Resource};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Retention in days; 0 means for ever. `None` when not read.
    pub retention_days: Option<i32>,
}

/// What is wanted.
#[derive(Debug)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// How long events are kept, in days.
    pub retention_days: i32,
}

impl Resource for LogGroup {
    type Needs = ();
    type Output = Output;
    const KIND: Kind = Kind::LogGroup;

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
