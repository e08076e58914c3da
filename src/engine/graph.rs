//! The graph of a stack: typed nodes, and edges that are the data flowing along them.
//!
//! `graph.add(name, resource, needs)` returns a [`Handle`] to what the resource will give. A handle
//! among another node's needs is the edge: a resource cannot read an output that it did not ask for,
//! and a wrong edge does not compile. Handles only point backwards, so there are no cycles.
//!
//! An edge has one of two grades. A plain handle waits until the resource is *ready*;
//! [`Handle::made`] only until its output is known, which is enough wherever AWS accepts a dependent
//! early: a route to a pending NAT gateway, a listener on a load balancer still provisioning.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use futures::future::{FutureExt, LocalBoxFuture};

use super::converge::{Deed, Done, State, Subject};
use super::edge::{Edge, Grade};
use super::inventory::Users;
use super::verdict::{Among, Planned, Verdict, verdict, verdict_on_action};
use super::walk::{Place, Work};
use super::{Outcome, Run};
use crate::aws::{Result, Tagging};
use crate::names::NodeName;
use crate::resource::difference::changes;
use crate::resource::{Action, Kind, TargetOf, Wanted};

/// A promise of what a node gives, kept once the node is ready.
pub struct Handle<T> {
    /// The node, unless it is known from the start.
    to: Option<usize>,
    output: Rc<RefCell<Option<T>>>,
}

/// A promise of what a node gives, kept as soon as it is known.
pub struct MadeHandle<T>(Handle<T>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { to: self.to, output: Rc::clone(&self.output) }
    }
}

impl<T> Clone for MadeHandle<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Handle<T> {
    /// What is there already and is no node: nobody waits for it.
    pub fn known(it: T) -> Self {
        Self { to: None, output: Rc::new(RefCell::new(Some(it))) }
    }

    /// The same promise, kept earlier.
    pub fn made(&self) -> MadeHandle<T> {
        MadeHandle(self.clone())
    }
}

/// What a node asks of others: handles, or tuples and lists of them.
pub trait Needs: 'static {
    /// What the resource receives.
    type Values;
    /// Adds the edges.
    fn edges(&self, into: &mut Vec<Edge>);
    /// The values, once all are known.
    fn values(&self) -> Option<Self::Values>;

    /// The same needs, handed over as something else.
    fn map<T, F: Fn(Self::Values) -> T + 'static>(self, with: F) -> Mapped<Self, F>
    where
        Self: Sized,
    {
        Mapped(self, with)
    }
}

/// Needs whose values are turned into something else.
pub struct Mapped<N, F>(N, F);

impl<N: Needs, T, F: Fn(N::Values) -> T + 'static> Needs for Mapped<N, F> {
    type Values = T;
    fn edges(&self, into: &mut Vec<Edge>) {
        self.0.edges(into);
    }
    fn values(&self) -> Option<T> {
        self.0.values().map(&self.1)
    }
}

impl<T: Clone + 'static> Needs for Handle<T> {
    type Values = T;
    fn edges(&self, into: &mut Vec<Edge>) {
        into.extend(self.to.map(|to| Edge { to, grade: Grade::Ready, carries: true }));
    }
    fn values(&self) -> Option<T> {
        self.output.borrow().clone()
    }
}

impl<T: Clone + 'static> Needs for MadeHandle<T> {
    type Values = T;
    fn edges(&self, into: &mut Vec<Edge>) {
        into.extend(self.0.to.map(|to| Edge { to, grade: Grade::Made, carries: true }));
    }
    fn values(&self) -> Option<T> {
        self.0.values()
    }
}

impl<N: Needs> Needs for Vec<N> {
    type Values = Vec<N::Values>;
    fn edges(&self, into: &mut Vec<Edge>) {
        self.iter().for_each(|needs| needs.edges(into));
    }
    fn values(&self) -> Option<Self::Values> {
        self.iter().map(Needs::values).collect()
    }
}

impl<N: Needs> Needs for Option<N> {
    type Values = Option<N::Values>;
    fn edges(&self, into: &mut Vec<Edge>) {
        self.iter().for_each(|needs| needs.edges(into));
    }
    fn values(&self) -> Option<Self::Values> {
        match self {
            Some(needs) => needs.values().map(Some),
            None => Some(None),
        }
    }
}

macro_rules! tuple_needs {
    ($($part:ident $index:tt),*) => {
        impl<$($part: Needs),*> Needs for ($($part,)*) {
            type Values = ($($part::Values,)*);
            fn edges(&self, _into: &mut Vec<Edge>) {
                $(self.$index.edges(_into);)*
            }
            fn values(&self) -> Option<Self::Values> {
                Some(($(self.$index.values()?,)*))
            }
        }
    };
}
tuple_needs!();
tuple_needs!(A 0, B 1);
tuple_needs!(A 0, B 1, C 2);
tuple_needs!(A 0, B 1, C 2, D 3);
tuple_needs!(A 0, B 1, C 2, D 3, E 4);

/// The same edges, along which no value flows.
fn order(after: &impl Needs) -> Vec<Edge> {
    let mut order = Vec::new();
    after.edges(&mut order);
    order.iter_mut().for_each(|edge| edge.carries = false);
    order
}

/// A node with its types erased.
pub trait Node: Work {
    /// The kind of its resource.
    fn kind(&self) -> Kind;
    /// Lists its kind; nothing, where that is another node's or nobody's to look at.
    fn look<'a>(&'a self, _run: &'a Run) -> LocalBoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed_local()
    }
    /// What a walk would do with it, given what it would do with the nodes before, and who uses what.
    fn plan<'a>(
        &'a self,
        run: &'a Run,
        before: &'a [Planned],
        users: &'a Users,
    ) -> LocalBoxFuture<'a, Result<Verdict>>;
    /// AWS's id of the thing that is the node's, as far as one was found.
    fn id(&self) -> String {
        String::new()
    }
    /// What the thing that is the node's is named by to be tagged, once there is one.
    fn tagging(&self) -> Option<Tagging> {
        None
    }
    /// Whether it is left as it is, whatever that is.
    fn is_aside(&self) -> bool {
        false
    }
    /// Whether its update gives dependents another output.
    fn update_replaces(&self) -> bool {
        false
    }
    /// Whether a broken one is made again, which gives dependents another output.
    fn remade_when_broken(&self) -> bool {
        false
    }
    /// Puts back what this run has changed of it and belongs to a revision that ECS has given up. Returns
    /// whether there was anything.
    fn put_back<'a>(&'a self, _run: &'a Run) -> LocalBoxFuture<'a, Result<bool>> {
        async { Ok(false) }.boxed_local()
    }
}

struct Typed<R: Wanted, N> {
    name: NodeName,
    resource: R,
    needs: N,
    order: Vec<Edge>,
    state: State<R::Output>,
}

/// What a node needs, once it is started.
fn known<N: Needs>(needs: &N) -> N::Values {
    needs.values().expect("the walk starts a node when its needs are known")
}

impl<R: Wanted, N> Typed<R, N> {
    fn subject<'a>(
        &'a self,
        run: &'a Run,
        place: &'a Place,
        needs: &'a dyn Fn() -> R::Needs,
    ) -> Subject<'a, R> {
        let Self { name: node, resource, state, .. } = self;
        Subject { run, place, node, resource, needs, state }
    }
}

impl<R: Wanted, N: Needs<Values = R::Needs>> Work for Typed<R, N> {
    fn name(&self) -> &NodeName {
        &self.name
    }

    fn edges(&self) -> Vec<Edge> {
        let mut edges = self.order.clone();
        self.needs.edges(&mut edges);
        edges
    }

    fn first<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async move { self.subject(run, place, &|| known(&self.needs)).make(None).await }
            .boxed_local()
    }

    fn second<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async move { self.subject(run, place, &|| known(&self.needs)).settle().await }.boxed_local()
    }

    fn was_remade(&self) -> bool {
        self.state.take_remade()
    }
}

impl<R: Wanted, N: Needs<Values = R::Needs>> Node for Typed<R, N> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn look<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Result<()>> {
        async move { run.looks.list::<R>(None).await.map(|_| ()) }.boxed_local()
    }

    fn plan<'a>(
        &'a self,
        run: &'a Run,
        before: &'a [Planned],
        users: &'a Users,
    ) -> LocalBoxFuture<'a, Result<Verdict>> {
        async move {
            let edges = self.edges();
            let among = Among { before, edges: &edges, users };
            let needs = self.needs.values();
            verdict(run, &self.name, &self.resource, needs.as_ref(), &among, &self.state).await
        }
        .boxed_local()
    }

    fn id(&self) -> String {
        self.state.id()
    }

    fn tagging(&self) -> Option<Tagging> {
        self.state.tagging::<R>()
    }

    fn update_replaces(&self) -> bool {
        R::UPDATE_REPLACES
    }

    fn remade_when_broken(&self) -> bool {
        R::REMADE_WHEN_BROKEN
    }

    fn put_back<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Result<bool>> {
        async move {
            let former = self.state.before().and_then(|before| self.resource.as_before(&before));
            let (Some(former), Some(needs)) = (former, self.needs.values()) else {
                return Ok(false);
            };
            let it = self.state.it();
            let changes = changes(&former.drift(&it, &needs));
            if changes.is_empty() {
                return Ok(false);
            }
            self.state.changed_now(run);
            former.update(&run.cx, &self.name, &it, &needs, &changes).await?;
            Ok(true)
        }
        .boxed_local()
    }
}

/// An action as a node.
struct Acting<A, N> {
    name: NodeName,
    action: A,
    needs: N,
    order: Vec<Edge>,
    done: Done,
    output: Rc<RefCell<Option<()>>>,
}

/// What an action takes from others: what it is done to, and what it needs for that.
type NeedsOf<A> = (TargetOf<A>, <A as Action>::Needs);

impl<A: Action, N: Needs<Values = NeedsOf<A>>> Acting<A, N> {
    fn deed<'a>(&'a self, run: &'a Run, place: &'a Place) -> Deed<'a, A> {
        let (node, action, done) = (&self.name, &self.action, &self.done);
        let (target, needs) = known(&self.needs);
        Deed { run, place, node, action, target, needs, done }
    }
}

impl<A: Action, N: Needs<Values = NeedsOf<A>>> Work for Acting<A, N> {
    fn name(&self) -> &NodeName {
        &self.name
    }

    fn edges(&self) -> Vec<Edge> {
        let mut edges = self.order.clone();
        self.needs.edges(&mut edges);
        edges
    }

    fn first<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async move {
            self.deed(run, place).act().await?;
            self.output.replace(Some(()));
            Ok(())
        }
        .boxed_local()
    }

    fn second<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async move { self.deed(run, place).arrive().await }.boxed_local()
    }
}

impl<A: Action, N: Needs<Values = NeedsOf<A>>> Node for Acting<A, N> {
    fn kind(&self) -> Kind {
        A::KIND
    }

    fn plan<'a>(
        &'a self,
        _run: &'a Run,
        before: &'a [Planned],
        users: &'a Users,
    ) -> LocalBoxFuture<'a, Result<Verdict>> {
        let target = self.needs.values().map(|(target, _)| target);
        self.done.saw(target.is_some());
        let edges = self.edges();
        let among = Among { before, edges: &edges, users };
        let verdict = verdict_on_action(&self.action, target.as_ref(), &among);
        async { Ok(verdict) }.boxed_local()
    }
}

/// A node that is left as it is, whatever that is. Nothing that is not may wait for it.
struct Aside(Box<dyn Node>);

impl Work for Aside {
    fn name(&self) -> &NodeName {
        self.0.name()
    }

    fn edges(&self) -> Vec<Edge> {
        Vec::new()
    }

    fn first<'a>(&'a self, _run: &'a Run, _place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async { Ok(()) }.boxed_local()
    }

    fn second<'a>(&'a self, _run: &'a Run, _place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        async { Ok(()) }.boxed_local()
    }
}

impl Node for Aside {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn plan<'a>(
        &'a self,
        _run: &'a Run,
        _before: &'a [Planned],
        _users: &'a Users,
    ) -> LocalBoxFuture<'a, Result<Verdict>> {
        async { Ok(Verdict::Aside) }.boxed_local()
    }

    fn is_aside(&self) -> bool {
        true
    }
}

/// The wanted stack.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<Box<dyn Node>>,
}

impl Graph {
    /// Adds a node, and returns the promise of what it gives.
    pub fn add<R: Wanted, N: Needs<Values = R::Needs>>(
        &mut self,
        name: impl Into<NodeName>,
        resource: R,
        needs: N,
    ) -> Handle<R::Output> {
        self.add_after(name, resource, needs, &())
    }

    /// Adds a node that also waits for others from which it takes no value.
    ///
    /// # Panics
    ///
    /// When a node of that name is there already. Its name is a thing's identity: two nodes would take
    /// each other's things for their own. So the pattern is wrong, whatever it was asked for.
    pub fn add_after<R: Wanted, N: Needs<Values = R::Needs>>(
        &mut self,
        name: impl Into<NodeName>,
        resource: R,
        needs: N,
        after: &impl Needs,
    ) -> Handle<R::Output> {
        let (name, order, state) = (self.new_name(name), order(after), State::default());
        let handle = Handle { to: Some(self.nodes.len()), output: state.output() };
        self.nodes.push(Box::new(Typed { name, resource, needs, order, state }));
        handle
    }

    /// Adds what is done once to a thing, and returns the promise that it is done. It also waits for others
    /// from which it takes no value.
    ///
    /// # Panics
    ///
    /// When a node of that name is there already, as [`add_after`](Self::add_after) does.
    pub fn act<A: Action, N: Needs<Values = (TargetOf<A>, A::Needs)>>(
        &mut self,
        name: impl Into<NodeName>,
        action: A,
        needs: N,
        after: &impl Needs,
    ) -> Handle<()> {
        let (name, order, done) = (self.new_name(name), order(after), Done::default());
        let output = Rc::default();
        let handle = Handle { to: Some(self.nodes.len()), output: Rc::clone(&output) };
        self.nodes.push(Box::new(Acting { name, action, needs, order, done, output }));
        handle
    }

    /// Puts back what this run has changed of some nodes and belongs to a revision that ECS has given up.
    /// Returns which that were.
    pub async fn put_back(
        &self,
        run: &Run,
        which: impl Fn(&NodeName) -> bool,
    ) -> Result<Vec<&NodeName>> {
        let mut put = Vec::new();
        for node in self.nodes.iter().filter(|node| which(node.name())) {
            if node.put_back(run).await? {
                put.push(node.name());
            }
        }
        Ok(put)
    }

    fn new_name(&self, name: impl Into<NodeName>) -> NodeName {
        let name = name.into();
        let taken = self.nodes.iter().any(|node| *node.name() == name);
        assert!(!taken, "two nodes of a graph are called {name}");
        name
    }

    /// Leaves everything as it is but these nodes, all that they wait for, and what hangs on that alone,
    /// such as the ranges that may reach their load balancer; unless that is one of several of its kind, of
    /// which only what was named is meant.
    pub fn keep_only(
        &mut self,
        asked: &BTreeSet<NodeName>,
        is_one_of_several: impl Fn(Kind) -> bool,
    ) {
        let edges: Vec<_> = self.nodes.iter().map(|node| node.edges()).collect();
        let mut stays: Vec<_> = self.nodes.iter().map(|node| asked.contains(node.name())).collect();
        // Every edge leads to an earlier node.
        for index in (0..self.nodes.len()).rev() {
            if stays[index] {
                edges[index].iter().for_each(|edge| stays[edge.to] = true);
            }
        }
        let is_awaited = |index| edges.iter().flatten().any(|edge| edge.to == index);
        for (index, node) in self.nodes.iter().enumerate() {
            let hangs_on = !edges[index].is_empty() && edges[index].iter().all(|it| stays[it.to]);
            stays[index] |= hangs_on && !is_awaited(index) && !is_one_of_several(node.kind());
        }
        let nodes = std::mem::take(&mut self.nodes).into_iter().zip(stays);
        let aside = |(node, stays): (Box<dyn Node>, bool)| match stays {
            true => node,
            false => Box::new(Aside(node)) as Box<dyn Node>,
        };
        self.nodes = nodes.map(aside).collect();
    }

    /// The nodes, in the order in which they were added: every edge points to an earlier one.
    pub fn nodes(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }

    /// The graph as text, one line per node with the nodes that it waits for.
    pub fn to_text(&self) -> String {
        let line = |node: &Box<dyn Node>| {
            let edges: Vec<String> = node
                .edges()
                .iter()
                .map(|edge| {
                    let grade = if edge.grade == Grade::Made { " (made)" } else { "" };
                    format!("{}{grade}", self.nodes[edge.to].name())
                })
                .collect();
            match edges.is_empty() {
                true => node.name().to_string(),
                false => format!("{} <- {}", node.name(), edges.join(", ")),
            }
        };
        self.nodes.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
