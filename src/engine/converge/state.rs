//! What is known of one node during a run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::time::Instant;

use crate::aws::Tagging;
use crate::engine::event::What;
use crate::engine::looks::{self, Moment};
use crate::engine::{Run, patience};
use crate::names::NodeName;
use crate::resource::{Difference, Made, Owned, Phase, Resource, Seen};

/// What is known of one node during a run.
pub(in crate::engine) struct State<T> {
    output: Rc<RefCell<Option<T>>>,
    id: RefCell<String>,
    phase: RefCell<Phase>,
    /// The tags that it was seen with. `None` when they are not known, or just as they should be.
    tags: RefCell<Option<BTreeMap<String, String>>>,
    /// When AWS was last asked to make or change it; `None` when this run never did.
    changed: Cell<Option<(Moment, Instant)>>,
    /// How it was seen before this run changed it. `None` when it was not there.
    before: RefCell<Option<T>>,
    /// How often this run made it.
    times_made: Cell<u32>,
    /// Whether dependents have yet to take over another output.
    remade: Cell<bool>,
    /// Whether it was told that it is ready.
    told: Cell<bool>,
    /// When a plan last saw that nobody holds its name.
    free: Cell<Option<Instant>>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            output: Rc::default(),
            id: RefCell::default(),
            phase: RefCell::new(Phase::Ready),
            tags: RefCell::default(),
            changed: Cell::new(None),
            before: RefCell::default(),
            times_made: Cell::new(0),
            remade: Cell::new(false),
            told: Cell::new(false),
            free: Cell::new(None),
        }
    }
}

impl<T: Clone> State<T> {
    /// The cell that handles read.
    pub(in crate::engine) fn output(&self) -> Rc<RefCell<Option<T>>> {
        Rc::clone(&self.output)
    }

    /// Whether the thing was replaced since this was last asked.
    pub(in crate::engine) fn take_remade(&self) -> bool {
        self.remade.take()
    }

    /// Remembers what was seen, if it is there.
    pub(in crate::engine) fn saw(&self, own: &Owned<T>) {
        let Seen::Present(it, phase) = &own.seen else { return };
        own.id.clone_into(&mut self.id.borrow_mut());
        if let Some(tags) = &own.owner.tags {
            *self.tags.borrow_mut() = Some(tags.clone());
        }
        if self.changed.get().is_none() {
            *self.before.borrow_mut() = Some(it.clone());
        }
        self.now_is(it.clone(), phase.clone());
    }

    /// How it was before this run changed it, if it was there and this run has.
    pub(in crate::engine) fn before(&self) -> Option<T> {
        self.changed.get().and_then(|_| self.before.borrow().clone())
    }

    /// AWS's id, as far as it was seen.
    pub(in crate::engine) fn id(&self) -> String {
        self.id.borrow().clone()
    }

    /// What the thing is named by to be tagged.
    pub(in crate::engine) fn tagging<R: Resource<Output = T>>(&self) -> Option<Tagging> {
        self.output.borrow().as_ref().and_then(R::tagging)
    }

    /// The user's tags that are not on the thing, or with another value; and what there is instead. Tags
    /// that are not asked for are somebody else's, for all that is known.
    pub(in crate::engine) fn tags_to_put<R: Resource<Output = T>>(
        &self,
        run: &Run,
    ) -> (Vec<(String, String)>, Vec<Difference>) {
        let (Some(tagging), Some(tags)) = (self.tagging::<R>(), self.tags.borrow().clone()) else {
            return (Vec::new(), Vec::new());
        };
        let user = run.cx.labels.user.clone().into_iter();
        let lacking = user.filter(|(key, value)| tags.get(key) != Some(value));
        // New ones only as long as there is room.
        let mut room = tagging.room().saturating_sub(tags.len());
        let lacking = lacking.filter(|(key, _)| {
            let fits = tags.contains_key(key) || room > 0;
            room -= usize::from(fits && !tags.contains_key(key));
            fits
        });
        let difference = |(key, value): (String, String)| {
            let is = tags.get(&key).map(String::as_str);
            let difference = Difference::tag(&key, is, &value);
            ((key, value), difference)
        };
        lacking.map(difference).unzip()
    }

    /// Remembers tags that were put on it.
    pub(super) fn tagged(&self, with: Vec<(String, String)>) {
        self.tags.borrow_mut().get_or_insert_default().extend(with);
    }

    /// Remembers that nobody holds its name.
    pub(in crate::engine) fn saw_free(&self) {
        self.free.set(Some(Instant::now()));
    }

    /// Whether a plan saw just now that nobody holds its name, and nothing was asked for since.
    pub(super) fn is_surely_free(&self) -> bool {
        let lately = self.free.get().is_some_and(|at| at.elapsed() < looks::FRESH);
        lately && self.changed.get().is_none()
    }

    fn now_is(&self, it: T, phase: Phase) {
        *self.output.borrow_mut() = Some(it);
        *self.phase.borrow_mut() = phase;
    }

    /// The thing as it was last seen or changed.
    pub(in crate::engine) fn it(&self) -> T {
        self.output.borrow().clone().expect("a node is settled after it was made")
    }

    /// How far it is.
    pub(super) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Remembers that AWS was just asked to make or to change it.
    pub(in crate::engine) fn changed_now(&self, run: &Run) {
        self.changed.set(Some((run.looks.now(), Instant::now())));
        run.changed_something();
        self.told.set(false);
    }

    /// From when on a look shows the last change.
    pub(super) fn changed_at(&self) -> Option<Moment> {
        self.changed.get().map(|(moment, _)| moment)
    }

    /// Tells that it is ready, once.
    pub(super) fn arrived(&self, run: &Run, node: &NodeName) {
        let what = match self.changed.get() {
            Some(_) => What::Ready,
            None => What::Found { id: self.id.borrow().clone() },
        };
        if !self.told.replace(true) {
            run.tell(node, what);
        }
    }

    /// Whether what was just made or changed may still be invisible.
    pub(super) fn may_be_hidden(&self) -> bool {
        self.changed.get().is_some_and(|(_, at)| at.elapsed() < patience::LOST)
    }

    /// Remembers that AWS has agreed to make it.
    pub(super) fn count_made(&self) {
        self.times_made.set(self.times_made.get() + 1);
    }

    /// Whether a broken one is removed and made again: what breaks each time does not heal that way.
    pub(super) fn may_be_remade(&self) -> bool {
        self.times_made.get() < 2
    }

    /// Remembers that dependents have to take over another output.
    pub(super) fn was_replaced(&self) {
        self.remade.set(true);
    }

    /// Remembers what a create or an update answered. When that was nothing usable, says what the next
    /// look waits for.
    pub(super) fn answered(&self, made: Made<T>) -> Option<String> {
        let (it, phase) = match made {
            Made::Ready(it) => (it, Phase::Ready),
            Made::Coming(it, why) => (it, Phase::Coming(why)),
            Made::Asked(why) => return Some(why),
        };
        *self.tags.borrow_mut() = None;
        self.now_is(it, phase);
        None
    }
}

/// Picks a node's own among everything listed. Of several that are there the one that it is already:
/// others stand on that.
pub(super) fn pick<'a, R: Resource>(
    seen: &'a [Owned<R::Output>],
    node: &NodeName,
    state: &State<R::Output>,
) -> Option<&'a Owned<R::Output>> {
    let picked = state.tagging::<R>();
    seen.iter().filter(|owned| owned.owner.node == *node).min_by_key(|owned| {
        let is_leaving = matches!(owned.seen, Seen::Leaving(..));
        let is_other = picked.is_none() || R::tagging(owned.it()) != picked;
        (is_leaving, is_other, rank(&owned.seen), &owned.id)
    })
}

/// How far a thing is from being of use.
pub(in crate::engine) fn rank<T>(seen: &Seen<T>) -> u8 {
    match seen {
        Seen::Present(_, Phase::Ready) => 0,
        Seen::Present(_, Phase::Coming(_)) => 1,
        Seen::Present(_, Phase::Broken(_)) => 2,
        Seen::Leaving(..) => 3,
    }
}
