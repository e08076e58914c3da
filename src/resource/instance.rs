//! Instance: an instance of our group: made by the group, waited for and, if need be, terminated by a destroy.

use super::{Kind, Made, Owned, Resource};
use crate::aws::{Aws, Cx, Result, Scope};
use crate::names::NodeName;

/// What AWS returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: String,
    /// Its state, such as `shutting-down`.
    pub state: String,
}

/// What is wanted.
#[derive(Debug)]
pub struct Instance;

impl Resource for Instance {
    type Needs = ();
    type Output = Output;
    const KIND: Kind = Kind::Instance;

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
