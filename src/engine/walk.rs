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
    let places = places(works, &edges);
    let mut progress = vec![Progress::Idle; works.len()];
    let mut running = FuturesUnordered::new();
    let mut report = Report::default();

    let places = &places;
    let step = |index: usize, grade: Grade| async move {
        let (work, place) = (&works[index], &places[index]);
        let outcome = match grade {
            Grade::Made => work.first(run, place).await,
            Grade::Ready => work.second(run, place).await,
        };
        (index, grade, outcome)
    };

    loop {
        for index in 0..works.len() {
            let reached = |edge: &Edge| match edge.grade {
                Grade::Made => matches!(progress[edge.to], Progress::Made | Progress::Ready),
                Grade::Ready => progress[edge.to] == Progress::Ready,
            };
            if progress[index] == Progress::Idle && edges[index].iter().all(reached) {
                progress[index] = Progress::First;
                running.push(step(index, Grade::Made));
            }
        }
        let Some((index, grade, outcome)) = running.next().await else { break };
        let name = works[index].name();
        match (outcome, grade) {
            (Ok(()), Grade::Made) => {
                progress[index] = Progress::Made;
                running.push(step(index, Grade::Ready));
            }
            (Ok(()), Grade::Ready) => {
                progress[index] = Progress::Ready;
                run.arrived(name);
                if works[index].was_remade() {
                    // Dependents that were done with the old one look again.
                    for other in 0..works.len() {
                        let depends =
                            edges[other].iter().any(|edge| edge.to == index && edge.carries);
                        if depends && progress[other] == Progress::Ready {
                            progress[other] = Progress::Made;
                            running.push(step(other, Grade::Ready));
                        }
                    }
                }
            }
            (Err(failure), _) => {
                progress[index] = Progress::Ended;
                match failure {
                    Failure::Stopped
                    | Failure::StoppedWaiting { .. }
                    | Failure::DependencyFailed(_) => {
                        run.tell(name, What::NotStarted(failure.to_string()));
                        report.not_started.push((name.clone(), failure));
                    }
                    failure => {
                        run.tell(name, What::Failed(failure.to_string()));
                        run.fail(name);
                        report.failed.push((name.clone(), failure));
                    }
                }
            }
        }
    }
    for (index, work) in works.iter().enumerate() {
        if progress[index] == Progress::Idle {
            let failure = run
                .first_failed(&places[index].upstream)
                .map_or(Failure::Stopped, Failure::DependencyFailed);
            run.tell(work.name(), What::NotStarted(failure.to_string()));
            report.not_started.push((work.name().clone(), failure));
        }
    }
    report
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
