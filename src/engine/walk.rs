//! The walk: runs every node as soon as what it waits for is there, on one thread.
//!
//! Deploy and destroy walk the same way. Each piece of work has two steps: `first` (made, or asked to
//! go) and `second` (ready, or gone); an edge waits for one of the two. No task is spawned and
//! nothing is locked: dropping the walk cancels it.

use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use super::edge::{Edge, Grade};
use super::event::What;
use super::{Failure, Outcome, Run};
use crate::names::NodeName;

/// A piece of work with two steps.
pub trait Work {
    /// The node that is worked on.
    fn name(&self) -> &NodeName;
    /// What it waits for.
    fn edges(&self) -> Vec<Edge>;
    /// Until it is made, or asked to go.
    fn first<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome>;
    /// Until it is ready, or gone.
    fn second<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome>;
    /// Whether a step has replaced the thing, so that dependents have to look again.
    fn was_remade(&self) -> bool {
        false
    }
}

/// Where a piece of work stands among the others.
#[derive(Debug, Default)]
pub struct Place {
    /// All that it waits for, directly and indirectly: when one of them fails, its own waits end.
    pub upstream: Vec<NodeName>,
    /// All that waits for it, directly and indirectly.
    pub downstream: Vec<NodeName>,
    /// Whether something waits for it to be ready.
    pub awaited: bool,
}

/// How a walk ended.
#[derive(Debug, Default)]
pub struct Report {
    /// What failed, in the order in which it did.
    pub failed: Vec<(NodeName, Failure)>,
    /// What was not started, or given up, because something else failed or the user stopped it.
    pub not_started: Vec<(NodeName, Failure)>,
}

impl Report {
    /// Whether everything got where it should be.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.not_started.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Idle,
    First,
    Made,
    Ready,
    Ended,
}

/// Walks everything. What runs when something fails finishes; what depends on the failure is
/// reported as not started; the rest goes on.
pub async fn walk<W: Work + ?Sized>(run: &Run, works: &[Box<W>]) -> Report {
    let edges: Vec<Vec<Edge>> = works.iter().map(|work| work.edges()).collect();
    let places = &places(works, &edges);
    let step = |(index, grade): Step| async move {
        let (work, place) = (&works[index], &places[index]);
        let outcome = match grade {
            Grade::Made => work.first(run, place).await,
            Grade::Ready => work.second(run, place).await,
        };
        (index, grade, outcome)
    };
    let progress = vec![Progress::Idle; works.len()];
    let mut walk = Walk { run, works, edges, progress, report: Report::default() };
    let mut running = FuturesUnordered::new();
    loop {
        running.extend(walk.start().into_iter().map(&step));
        let Some((index, grade, outcome)) = running.next().await else { break };
        match outcome {
            Ok(()) => running.extend(walk.went_on(index, grade).into_iter().map(&step)),
            Err(failure) => walk.ended(index, failure),
        }
    }
    walk.give_up(places);
    walk.report
}

/// A step of a piece of work, by its index: the first one until it is made, the second one until it is
/// ready.
type Step = (usize, Grade);

/// How far a walk is.
struct Walk<'a, W: ?Sized> {
    run: &'a Run,
    works: &'a [Box<W>],
    edges: Vec<Vec<Edge>>,
    progress: Vec<Progress>,
    report: Report,
}

impl<W: Work + ?Sized> Walk<'_, W> {
    fn has_reached(&self, edge: &Edge) -> bool {
        match edge.grade {
            Grade::Made => matches!(self.progress[edge.to], Progress::Made | Progress::Ready),
            Grade::Ready => self.progress[edge.to] == Progress::Ready,
        }
    }

    /// Starts all whose edges are satisfied.
    fn start(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for index in 0..self.works.len() {
            let may_start = self.edges[index].iter().all(|edge| self.has_reached(edge));
            if self.progress[index] == Progress::Idle && may_start {
                self.progress[index] = Progress::First;
                steps.push((index, Grade::Made));
            }
        }
        steps
    }

    /// A step went well: says which ones it is followed by.
    fn went_on(&mut self, index: usize, grade: Grade) -> Vec<Step> {
        match grade {
            Grade::Made => {
                self.progress[index] = Progress::Made;
                vec![(index, Grade::Ready)]
            }
            Grade::Ready => {
                self.progress[index] = Progress::Ready;
                self.run.arrived(self.works[index].name());
                match self.works[index].was_remade() {
                    true => self.look_again_after(index),
                    false => Vec::new(),
                }
            }
        }
    }

    /// Dependents that were done with the former one look again.
    fn look_again_after(&mut self, index: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for other in 0..self.works.len() {
            let depends = self.edges[other].iter().any(|edge| edge.to == index && edge.carries);
            if depends && self.progress[other] == Progress::Ready {
                self.progress[other] = Progress::Made;
                steps.push((other, Grade::Ready));
            }
        }
        steps
    }

    fn ended(&mut self, index: usize, failure: Failure) {
        self.progress[index] = Progress::Ended;
        match failure.end() {
            Failure::Stopped | Failure::StoppedWaiting { .. } | Failure::DependencyFailed(_) => {
                self.not_started(index, failure);
            }
            _ => {
                let name = self.works[index].name();
                self.run.tell(name, What::Failed(failure.to_string()));
                self.run.fail(name);
                self.report.failed.push((name.clone(), failure));
            }
        }
    }

    /// What is left was not started, since something that it waits for failed, or the run was stopped.
    fn give_up(&mut self, places: &[Place]) {
        for (index, place) in places.iter().enumerate() {
            if self.progress[index] == Progress::Idle {
                let failed = self.run.first_failed(&place.upstream);
                let failure = failed.map_or(Failure::Stopped, Failure::DependencyFailed);
                self.not_started(index, failure);
            }
        }
    }

    fn not_started(&mut self, index: usize, failure: Failure) {
        let name = self.works[index].name();
        self.run.tell(name, What::NotStarted(failure.to_string()));
        self.report.not_started.push((name.clone(), failure));
    }
}

fn places<W: Work + ?Sized>(works: &[Box<W>], edges: &[Vec<Edge>]) -> Vec<Place> {
    // Teardown edges may point forwards, so the closure is searched rather than accumulated.
    let reach = |from: usize| {
        let (mut found, mut next) = (Vec::new(), vec![from]);
        while let Some(at) = next.pop() {
            for edge in &edges[at] {
                if !found.contains(&edge.to) {
                    found.push(edge.to);
                    next.push(edge.to);
                }
            }
        }
        found
    };
    let upstream: Vec<_> = (0..works.len()).map(reach).collect();
    let names =
        |of: &mut dyn Iterator<Item = usize>| of.map(|at| works[at].name().clone()).collect();
    let place = |index: usize| Place {
        upstream: names(&mut upstream[index].iter().copied()),
        downstream: names(&mut (0..works.len()).filter(|other| upstream[*other].contains(&index))),
        awaited: edges.iter().flatten().any(|e| e.to == index && e.grade == Grade::Ready),
    };
    (0..works.len()).map(place).collect()
}
