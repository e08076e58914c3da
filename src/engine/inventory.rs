//! Everything of ours that is there, with its types erased: what a destroy removes, what an audit
//! counts, and what a deploy finds that is not asked for any more.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use futures::future::{FutureExt, LocalBoxFuture, join_all};

use super::converge;
use super::edge::Edge;
use super::looks::Looks;
use super::walk::{Place, Work};
use super::{Outcome, Removal, Run};
use crate::aws::{Aws, Owner, Result, Tagging};
use crate::names::NodeName;
use crate::resource::kind::{ForEachKind, for_each_kind};
use crate::resource::{Kind, Owned, Phase, Resource, Seen};

/// One thing of ours, removable without a spec.
pub trait Thing: Work {
    /// The kind.
    fn kind(&self) -> Kind;
    /// Whose it is.
    fn owner(&self) -> &Owner;
    /// AWS's id or name.
    fn id(&self) -> &str;
    /// Ids of others that it stands in, hangs on or leads to.
    fn uses(&self) -> Vec<String>;
    /// What it is named by to be tagged.
    fn tagging(&self) -> Option<Tagging>;
    /// Whether it is on its way out already.
    fn is_leaving(&self) -> bool;
    /// Whether it is there and usable.
    fn is_ready(&self) -> bool {
        self.waits_for().is_none()
    }
    /// What it waits for, or what is wrong with it, when it is not usable.
    fn waits_for(&self) -> Option<&str>;
    /// Says what keeps it from being removed.
    fn blockers<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<Vec<String>>>;
    /// Says beforehand what shortens the removal of others.
    fn prepare<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<()>>;
    /// Says why it is removed, and what has to happen to others before.
    fn goes(&mut self, why: Removal, edges: Vec<Edge>);
}

struct Found<R: Resource> {
    owned: Owned<R::Output>,
    why: Removal,
    edges: Vec<Edge>,
}

impl<R: Resource> Work for Found<R> {
    fn name(&self) -> &NodeName {
        &self.owned.owner.node
    }

    fn edges(&self) -> Vec<Edge> {
        self.edges.clone()
    }

    fn first<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        converge::ask_to_go::<R>(run, place, &self.owned, self.why).boxed_local()
    }

    fn second<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        converge::until_gone::<R>(run, place, &self.owned, self.why).boxed_local()
    }
}

impl<R: Resource> Thing for Found<R> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn owner(&self) -> &Owner {
        &self.owned.owner
    }

    fn id(&self) -> &str {
        &self.owned.id
    }

    fn uses(&self) -> Vec<String> {
        R::uses(self.owned.it())
    }

    fn tagging(&self) -> Option<Tagging> {
        R::tagging(self.owned.it())
    }

    fn is_leaving(&self) -> bool {
        matches!(self.owned.seen, Seen::Leaving(..))
    }

    fn waits_for(&self) -> Option<&str> {
        match &self.owned.seen {
            Seen::Present(_, Phase::Ready) => None,
            Seen::Present(_, Phase::Coming(why) | Phase::Broken(why)) | Seen::Leaving(_, why) => {
                Some(why)
            }
        }
    }

    fn blockers<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<Vec<String>>> {
        R::blockers(aws, self.owned.it()).boxed_local()
    }

    fn prepare<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<()>> {
        R::prepare_removal(aws, self.owned.it()).boxed_local()
    }

    fn goes(&mut self, why: Removal, edges: Vec<Edge>) {
        self.why = why;
        self.edges = edges;
    }
}

/// A kind with its types erased.
pub(super) trait AnyKind {
    /// The kind.
    fn kind(&self) -> Kind;
    /// Lists it.
    fn things<'a>(&'a self, looks: &'a Looks) -> LocalBoxFuture<'a, Result<Vec<Box<dyn Thing>>>>;
}

struct Of<R>(PhantomData<fn() -> R>);

/// A kind with its type erased.
pub(super) fn kind<R: Resource>() -> Box<dyn AnyKind> {
    Box::new(Of::<R>(PhantomData))
}

impl<R: Resource> AnyKind for Of<R> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn things<'a>(&'a self, looks: &'a Looks) -> LocalBoxFuture<'a, Result<Vec<Box<dyn Thing>>>> {
        async move {
            let seen = looks.list::<R>(None).await?;
            let thing = |owned: &Owned<R::Output>| {
                let (owned, why) = (owned.clone(), Removal::OnlyThis);
                Box::new(Found::<R> { owned, why, edges: Vec::new() }) as Box<dyn Thing>
            };
            Ok(seen.iter().map(thing).collect())
        }
        .boxed_local()
    }
}

/// Every kind that a graph can hold.
pub(super) fn graph_kinds() -> Vec<Box<dyn AnyKind>> {
    kinds().into_iter().filter(|kind| kind.kind().is_asked_for()).collect()
}

/// Every kind of which there are things: what a destroy and its audit look at.
pub(super) fn kinds() -> Vec<Box<dyn AnyKind>> {
    struct All(Vec<Box<dyn AnyKind>>);
    impl ForEachKind for All {
        fn visit<R: Resource>(&mut self) {
            self.0.push(kind::<R>());
        }
    }
    let mut all = All(Vec::new());
    for_each_kind(&mut all);
    all.0
}

/// How many kinds an inventory looks at.
pub fn kinds_checked() -> usize {
    kinds().len()
}

/// Lists all kinds that a graph can hold at once.
pub async fn of_graph(looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    of(&graph_kinds(), looks).await
}

/// Lists all kinds at once.
pub async fn inventory(looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    of(&kinds(), looks).await
}

/// Lists these kinds at once.
pub(super) async fn of(kinds: &[Box<dyn AnyKind>], looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    of_such(kinds, looks, |_| true).await
}

/// Lists some of these kinds at once.
pub(super) async fn of_such(
    kinds: &[Box<dyn AnyKind>],
    looks: &Looks,
    such: impl Fn(Kind) -> bool,
) -> Result<Vec<Box<dyn Thing>>> {
    let such = kinds.iter().filter(|kind| such(kind.kind()));
    let all = join_all(such.map(|kind| kind.things(looks))).await;
    Ok(all.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Who uses what, by ids, among everything that is there and does not leave.
#[derive(Debug, Default)]
pub struct Users(BTreeMap<String, BTreeSet<String>>);

impl Users {
    /// Asks every thing what it uses.
    pub fn of(things: &[Box<dyn Thing>]) -> Self {
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for thing in things.iter().filter(|thing| !thing.is_leaving()) {
            for used in thing.uses() {
                users.entry(used).or_default().insert(thing.id().to_owned());
            }
        }
        Self(users)
    }

    /// How much stands on a thing: what uses it, what uses that, and so on.
    pub fn weight(&self, id: &str) -> usize {
        let (mut found, mut next) = (BTreeSet::new(), vec![id]);
        while let Some(users) = next.pop().map(|id| self.0.get(id)) {
            for user in users.into_iter().flatten() {
                if found.insert(user) {
                    next.push(user);
                }
            }
        }
        found.len()
    }
}
