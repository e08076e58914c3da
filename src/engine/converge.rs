//! Brings one node to where it should be: the only place that waits and retries.
//!
//! Everything is level-triggered. Whatever happened, a lost answer, another run, a person in the
//! console, the next look decides. [`make`] finds a thing or makes it, [`settle`] removes what differs
//! and waits until it is usable, [`act`] does what is done once, [`remove`] takes a thing away. Each is
//! one loop over the same steps: look, decide, act, wait.

use super::looks::Moment;
use super::walk::Place;
use super::{Failure, Run};
use crate::aws::Owner;
use crate::names::NodeName;
use crate::resource::{Difference, Owned, Seen, Wanted};

mod act;
mod make;
mod remove;
mod settle;
mod state;
mod wait;

pub(super) use act::{Deed, Done};
pub(super) use remove::{ask_to_go, until_gone};
use state::pick;
pub(super) use state::{State, rank};
use wait::Wait;

/// A node that is to be made and kept, and what its steps work with.
pub(super) struct Subject<'a, R: Wanted> {
    pub(super) run: &'a Run,
    pub(super) place: &'a Place,
    pub(super) node: &'a NodeName,
    pub(super) resource: &'a R,
    pub(super) needs: &'a dyn Fn() -> R::Needs,
    pub(super) state: &'a State<R::Output>,
}

impl<'a, R: Wanted> Subject<'a, R> {
    /// For calls that are asked again after a refusal.
    fn calls(&self) -> Wait<'a> {
        Wait::for_calls(self.run, self.place, self.node, R::KIND)
    }

    /// How the thing differs from what is wanted of it now.
    fn drift(&self, it: &R::Output) -> Vec<Difference<R::Change>> {
        self.resource.drift(it, &(self.needs)())
    }

    /// The node's own, as a listing shows it.
    async fn look(
        &self,
        after: Option<Moment>,
        calls: &mut Wait<'_>,
    ) -> Result<Option<Owned<R::Output>>, Failure> {
        let seen = calls.list::<R>(after).await?;
        Ok(pick::<R>(&seen, self.node, self.state).cloned())
    }

    /// The thing of the node as others list it.
    fn owned(&self) -> Owned<R::Output> {
        let stack = self.run.cx.names.stack().to_string();
        let owner = Owner { stack, node: self.node.clone(), pattern: None, tags: None };
        let seen = Seen::Present(self.state.it(), self.state.phase());
        Owned { owner, id: self.state.id(), seen }
    }
}
