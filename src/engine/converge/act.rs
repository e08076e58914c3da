//! Until an action is done: it is looked whether anything is due, and AWS is asked to do it.

use std::cell::{Cell, RefCell};

use super::wait::Wait;
use crate::aws::Meaning;
use crate::engine::event::What;
use crate::engine::walk::Place;
use crate::engine::{Outcome, Run};
use crate::names::NodeName;
use crate::resource::kind::Patience;
use crate::resource::{Acted, Action, Difference, Owned, Resource, TargetOf};

/// What is known of an action during a run.
#[derive(Default)]
pub(in crate::engine) struct Done {
    /// Whether a plan saw what it is done to, so that it is a change of that.
    was_there: Cell<bool>,
    /// Whether it was just looked whether anything is due.
    looked: Cell<bool>,
    /// What has to be told in the end.
    end: RefCell<Option<What>>,
}

impl Done {
    /// Remembers whether what it is done to is there.
    pub(in crate::engine) fn saw(&self, is_there: bool) {
        self.was_there.set(is_there);
    }
}

/// An action on its way, and what its steps work with.
pub(in crate::engine) struct Deed<'a, A: Action> {
    pub(in crate::engine) run: &'a Run,
    pub(in crate::engine) place: &'a Place,
    pub(in crate::engine) node: &'a NodeName,
    pub(in crate::engine) action: &'a A,
    pub(in crate::engine) target: TargetOf<A>,
    pub(in crate::engine) needs: A::Needs,
    pub(in crate::engine) done: &'a Done,
}

impl<A: Action> Deed<'_, A> {
    /// Until nothing is due.
    pub(in crate::engine) async fn act(&self) -> Outcome {
        let mut calls = Wait::for_calls(self.run, self.place, self.node, A::KIND);
        let mut goes = Wait::new(self.run, self.place, self.node, A::KIND, self.patience());
        let (mut look_after, mut told) = (None, false);
        loop {
            self.run.go_on()?;
            let seen = calls.list::<A::Target>(look_after).await?;
            let own = self.own(&seen);
            let it = own.map_or(&self.target, Owned::it);
            let Some(due) = self.action.due(it) else {
                self.finish(told, own);
                return Ok(());
            };
            if !std::mem::replace(&mut told, true) {
                self.begin(due);
            }
            let answer = self.action.act(&self.run.cx, self.node, it, &self.needs).await;
            self.run.changed_something();
            let error = match answer {
                Ok(Acted::Done) => {
                    self.finish(told, own);
                    return Ok(());
                }
                Ok(Acted::Going(why)) => {
                    let waited = goes.until_next_look(&why, goes.patience.every).await;
                    waited.map_err(|failure| failure.while_waiting_for(why))?;
                    continue;
                }
                Err(error) => error,
            };
            // It may have happened.
            let lost = (error.meaning == Meaning::Lost).then(|| self.run.looks.now());
            calls.after(error).await?;
            look_after = lost.or(look_after);
        }
    }

    /// How long it may go on.
    fn patience(&self) -> Patience {
        let usual = A::KIND.about().comes;
        Patience { deadline: usual.deadline + self.action.takes(), ..usual }
    }

    /// Once more, when what it was done to was replaced since; then tells how it ended.
    pub(in crate::engine) async fn arrive(&self) -> Outcome {
        if !self.done.looked.take() {
            self.act().await?;
            self.done.looked.set(false);
        }
        if let Some(end) = self.done.end.take() {
            self.run.tell(self.node, end);
        }
        Ok(())
    }

    /// What it is done to, as a listing shows it.
    fn own<'s>(&self, seen: &'s [Owned<TargetOf<A>>]) -> Option<&'s Owned<TargetOf<A>>> {
        let target = A::Target::tagging(&self.target)?;
        seen.iter().find(|own| A::Target::tagging(own.it()).as_ref() == Some(&target))
    }

    fn begin(&self, due: Difference) {
        let beginning = match self.done.was_there.get() {
            true => What::Changing(vec![due.field]),
            false => What::Creating,
        };
        self.run.tell(self.node, beginning);
    }

    fn finish(&self, told: bool, own: Option<&Owned<TargetOf<A>>>) {
        self.done.looked.set(true);
        let end = if told {
            let was_there = self.done.was_there.get();
            self.run.tell(self.node, if was_there { What::Changed } else { What::Created });
            What::Ready
        } else {
            What::Found { id: own.map(|own| own.id.clone()).unwrap_or_default() }
        };
        *self.done.end.borrow_mut() = Some(end);
    }
}
