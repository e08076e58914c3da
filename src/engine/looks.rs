//! Looking at AWS, shared between nodes: one listing per kind serves everyone who waits for it.
//!
//! The rule that keeps this sound: a node may join only a listing that *started* after the node's
//! own last change ended. An older one shows a world without what was just made, and a node that
//! believes it makes a duplicate. In the same way it may join only a poll that started after it
//! began to wait: an earlier one does not ask for its thing.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures::future::{FutureExt, LocalBoxFuture, Shared};
use tokio::time::Instant;

use crate::aws::{Aws, Result, Scope};
use crate::resource::{Kind, Others, Owned, Resource, task_definition};

/// How old a listing may be to serve as a node's first look. It spares a deploy the listings that
/// its plan has just made: the lock keeps other runs from changing anything since.
pub(super) const FRESH: Duration = Duration::from_mins(1);

/// A point in the order of things that happened; two never coincide.
pub type Moment = u64;

/// What everyone sees of one kind.
pub type Seen<T> = Rc<Vec<Owned<T>>>;

/// All listings of a run. A clone shares them.
#[derive(Clone)]
pub struct Looks {
    aws: Aws,
    scope: Scope,
    moment: Rc<Cell<Moment>>,
    /// Listings that started earlier show what was there before this run removed something.
    fresh_from: Rc<Cell<Moment>>,
    /// What this run knows to be gone, whatever AWS still shows.
    gone: Rc<RefCell<BTreeSet<(Kind, String)>>>,
    /// The kinds of which a listing still showed something that is gone.
    lagging: Rc<RefCell<BTreeSet<Kind>>>,
    kinds: Rc<RefCell<BTreeMap<Kind, Rc<dyn Any>>>>,
    families: Rc<RefCell<Option<Flight<Vec<String>>>>>,
}

/// The listings of a look at everything, which nothing has changed yet: kinds take part in each
/// other's.
struct Together(Looks);

impl Others for Together {
    fn aws(&self) -> &Aws {
        &self.0.aws
    }

    fn scope(&self) -> &Scope {
        &self.0.scope
    }

    async fn listing<R: Resource>(&self) -> Result<Seen<R::Output>> {
        self.0.list::<R>(None).boxed_local().await
    }

    async fn families(&self) -> Result<Vec<String>> {
        let Self(looks) = self;
        let running = looks.families.borrow().clone().filter(|flight| looks.is_fresh(flight));
        let flight = running.unwrap_or_else(|| {
            let (aws, scope) = (looks.aws.clone(), looks.scope.clone());
            let flight = looks.fly(async move { task_definition::families(&aws, &scope).await });
            *looks.families.borrow_mut() = Some(flight.clone());
            flight
        });
        flight.answer.await
    }
}

struct OfKind<T> {
    listing: RefCell<Option<Flight<Seen<T>>>>,
    poll: RefCell<Option<Flight<Seen<T>>>>,
    waiting: RefCell<BTreeMap<Moment, Owned<T>>>,
}

/// A thing that is waited for: as long as this is kept, others' polls take it along.
pub struct Waiting<T> {
    of: Rc<OfKind<T>>,
    since: Moment,
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.of.waiting.borrow_mut().remove(&self.since);
    }
}

#[derive(Clone)]
struct Flight<T> {
    started: Moment,
    at: Instant,
    answer: Shared<LocalBoxFuture<'static, Result<T>>>,
}

impl<T: Clone> Flight<T> {
    fn is_over(&self) -> bool {
        self.answer.peek().is_some()
    }

    fn failed(&self) -> bool {
        self.answer.peek().is_some_and(Result::is_err)
    }
}

impl Looks {
    /// Looks at one scope.
    pub fn new(aws: Aws, scope: Scope) -> Self {
        Self {
            aws,
            scope,
            moment: Rc::default(),
            fresh_from: Rc::default(),
            gone: Rc::default(),
            lagging: Rc::default(),
            kinds: Rc::default(),
            families: Rc::default(),
        }
    }

    /// Looks that have seen nothing yet, and know what is gone.
    #[must_use]
    pub fn anew(&self) -> Self {
        let gone = Rc::clone(&self.gone);
        Self { gone, ..Self::new(self.aws.clone(), self.scope.clone()) }
    }

    /// What is looked at.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The clients.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// A new moment, later than all before: taken when a change ended and when a listing starts.
    pub fn now(&self) -> Moment {
        self.moment.set(self.moment.get() + 1);
        self.moment.get()
    }

    /// Says that something was removed, and with it perhaps what belonged to it: whoever has not looked
    /// yet looks anew.
    pub fn forget(&self) {
        self.fresh_from.set(self.now());
    }

    /// Remembers that AWS has removed a thing. Its listings may still show that one for some seconds; they
    /// are not believed where an id serves once. A name may be somebody's again.
    pub fn note_gone(&self, kind: Kind, id: &str) {
        if kind.about().may_be_twice {
            self.gone.borrow_mut().insert((kind, id.to_owned()));
        }
    }

    /// Believes AWS again where it shows something that this run has removed: it does so for too long.
    pub fn forget_gone(&self) {
        self.gone.borrow_mut().clear();
    }

    /// The kinds of which something is still shown although it is gone.
    pub fn lagging(&self) -> BTreeSet<Kind> {
        self.lagging.borrow().clone()
    }

    fn of<R: Resource>(&self) -> Rc<OfKind<R::Output>> {
        let mut kinds = self.kinds.borrow_mut();
        let kind = kinds.entry(R::KIND).or_insert_with(|| {
            Rc::new(OfKind::<R::Output> {
                listing: RefCell::default(),
                poll: RefCell::default(),
                waiting: RefCell::default(),
            })
        });
        Rc::clone(kind).downcast().expect("a kind has one output type")
    }

    /// Whether a look serves whoever never changed anything of what it is at.
    fn is_fresh<T: Clone>(&self, flight: &Flight<T>) -> bool {
        let is_fresh = flight.started > self.fresh_from.get() && flight.at.elapsed() < FRESH;
        is_fresh && !flight.failed()
    }

    fn fly<T: Clone>(&self, answer: impl Future<Output = Result<T>> + 'static) -> Flight<T> {
        let answer = answer.boxed_local().shared();
        Flight { started: self.now(), at: Instant::now(), answer }
    }

    /// Sets out to look at a kind, without what is known to be gone.
    fn fly_over<T: 'static>(
        &self,
        kind: Kind,
        answer: impl Future<Output = Result<Vec<Owned<T>>>> + 'static,
    ) -> Flight<Seen<T>> {
        let (gone, lagging) = (Rc::clone(&self.gone), Rc::clone(&self.lagging));
        self.fly(async move {
            let mut seen = answer.await?;
            let (all, gone) = (seen.len(), gone.borrow());
            seen.retain(|owned| !gone.contains(&(kind, owned.id.clone())));
            if seen.len() < all {
                lagging.borrow_mut().insert(kind);
            }
            Ok(Rc::new(seen))
        })
    }

    /// Lists a kind. `after` is the moment when the caller last changed something of it, `None`
    /// when it never did: then a recent listing will do.
    pub async fn list<R: Resource>(&self, after: Option<Moment>) -> Result<Seen<R::Output>> {
        let of = self.of::<R>();
        let usable = |flight: &Flight<Seen<R::Output>>| match after {
            None => self.is_fresh(flight),
            Some(after) => flight.started > after && !flight.is_over(),
        };
        let running = of.listing.borrow().as_ref().filter(|flight| usable(flight)).cloned();
        let flight = running.unwrap_or_else(|| {
            let looks = self.clone();
            tracing::debug!("list: {}", R::KIND.words());
            let flight = self.fly_over(R::KIND, async move {
                match after {
                    None => R::list_with(&Together(looks)).await,
                    Some(_) => R::list(&looks.aws, &looks.scope).await,
                }
            });
            *of.listing.borrow_mut() = Some(flight.clone());
            flight
        });
        flight.answer.await
    }

    /// Says that a thing is waited for, from now on and as long as the answer is kept.
    pub fn waits<R: Resource>(&self, it: Owned<R::Output>) -> Waiting<R::Output> {
        let (of, since) = (self.of::<R>(), self.now());
        of.waiting.borrow_mut().insert(since, it);
        Waiting { of, since }
    }

    /// Looks again at one thing that is coming or leaving, together with all others of its kind
    /// that are waited for.
    pub async fn poll<R: Resource>(&self, waiting: &Waiting<R::Output>) -> Result<Seen<R::Output>> {
        let of = &waiting.of;
        let usable =
            |flight: &Flight<Seen<R::Output>>| flight.started > waiting.since && !flight.is_over();
        let running = of.poll.borrow().as_ref().filter(|flight| usable(flight)).cloned();
        let flight = running.unwrap_or_else(|| {
            let (aws, scope) = (self.aws.clone(), self.scope.clone());
            let these: Vec<_> = of.waiting.borrow().values().cloned().collect();
            tracing::debug!("look again at {} of: {}", these.len(), R::KIND.words());
            let poll = async move { R::poll(&aws, &scope, &these).await };
            let flight = self.fly_over(R::KIND, poll);
            *of.poll.borrow_mut() = Some(flight.clone());
            flight
        });
        flight.answer.await
    }
}
