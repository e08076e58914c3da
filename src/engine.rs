//! The engine: decides what runs when, and is the only place that waits.
//!
//! [`graph`] holds typed nodes and edges, [`walk`] runs them, [`converge`] brings one node to where
//! it should be, [`looks`] shares listings between nodes, [`patience`] says how long to wait for
//! what, [`plan`] says what a walk would do and [`forecast`] how long it should take, [`teardown`]
//! removes a stack from what is there, [`doubt`] finds what may be the stack's and does not say so.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::aws::{Cx, Error, Scope};
use crate::diagnosis::Finding;
use crate::names::NodeName;
pub use crate::resource::Removal;

pub mod converge;
pub mod doubt;
pub mod edge;
pub mod event;
pub mod forecast;
pub mod graph;
pub mod inventory;
pub mod looks;
pub mod patience;
pub mod plan;
pub mod teardown;
pub mod verdict;
pub mod walk;

#[cfg(test)]
mod tests;

use event::{Event, What};
use looks::Looks;

/// Why a node did not get where it should be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// An attempt failed and waiting does not help.
    #[error("failed to {0}")]
    Failed(#[from] Error),
    /// It took longer than the kind's patience.
    #[error("gave up after {} waiting for it: {last}", event::duration(*after))]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
        /// What was last seen.
        last: String,
    },
    /// Something else has our name.
    #[error("{0} exists but was not made by ecsup for this stack, so it is left alone")]
    Foreign(String),
    /// The change takes a replacement.
    #[error("{0}")]
    Refused(String),
    /// It is broken and does not heal.
    #[error("{0}")]
    Broken(String),
    /// Something that it depends on failed.
    #[error("not started, since {0} failed")]
    DependencyFailed(NodeName),
    /// The user asked to stop, or the time is up.
    #[error("stopped")]
    Stopped,
    /// The same, while it was waited for.
    #[error("not ready yet: {last}")]
    StoppedWaiting {
        /// What was last seen.
        last: String,
    },
    /// One of these, and what was found out of why.
    #[error("{failure}")]
    Explained {
        /// How it ended.
        failure: Box<Failure>,
        /// What is wrong.
        findings: Vec<Finding>,
    },
}

impl Failure {
    /// What was found out of why.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Explained { findings, .. } => findings,
            _ => &[],
        }
    }

    /// The same, where this was waited for.
    fn while_waiting_for(self, last: String) -> Self {
        match self {
            Self::Stopped => Self::StoppedWaiting { last },
            other => other,
        }
    }

    /// How it ended, whatever was found out of why.
    pub fn end(&self) -> &Self {
        match self {
            Self::Explained { failure, .. } => failure,
            end => end,
        }
    }
}

/// How one node ended.
pub type Outcome = Result<(), Failure>;

/// One run of the engine: what nodes share while they converge.
pub struct Run {
    /// What resources act with.
    pub cx: Rc<Cx>,
    /// What has been seen, shared between nodes.
    pub looks: Looks,
    /// Whether the run ends when everything is ready, or already when everything is made.
    pub wait_for_ready: bool,
    listener: Box<dyn Fn(&Event)>,
    started: Instant,
    stop: Rc<Stop>,
    failed: RefCell<BTreeSet<NodeName>>,
    ready: RefCell<BTreeSet<NodeName>>,
    changed: Notify,
    last_change: Cell<Option<Instant>>,
}

/// A wish to stop, shared between the run and whoever listens for Ctrl-C or the time limit.
#[derive(Debug, Default)]
pub struct Stop {
    asked: Cell<bool>,
    notify: Notify,
}

impl Stop {
    /// Asks the run to start nothing new and to end its waits.
    pub fn ask(&self) {
        self.asked.set(true);
        self.notify.notify_waiters();
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.asked.get()
    }

    /// Sleeps, unless somebody asks to stop, or has asked.
    pub async fn sleep(&self, time: Duration) {
        let asked = self.notify.notified();
        tokio::pin!(asked);
        asked.as_mut().enable();
        if !self.is_asked() {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = asked => {}
            }
        }
    }
}

impl Run {
    /// Starts a run.
    pub fn new(
        cx: Rc<Cx>,
        looks: Looks,
        wait_for_ready: bool,
        stop: Rc<Stop>,
        listener: impl Fn(&Event) + 'static,
    ) -> Self {
        Self {
            cx,
            looks,
            wait_for_ready,
            listener: Box::new(listener),
            started: Instant::now(),
            stop,
            failed: RefCell::default(),
            ready: RefCell::default(),
            changed: Notify::new(),
            last_change: Cell::default(),
        }
    }

    /// Starts a run over a scope with nothing seen yet.
    pub fn fresh(cx: Rc<Cx>, stop: Rc<Stop>, listener: impl Fn(&Event) + 'static) -> Self {
        let looks = Looks::new(cx.aws.clone(), Scope::Stack(cx.names.clone()));
        Self::new(cx, looks, true, stop, listener)
    }

    /// Starts the clock anew: what was asked of a person before does not count.
    pub fn restart_clock(&mut self) {
        self.started = Instant::now();
    }

    /// When the run began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Counts from an earlier moment: this run goes on with what another one began.
    pub fn count_from(&mut self, started: Instant) {
        self.started = started;
    }

    /// How long the run has been going.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells whoever listens.
    pub fn tell(&self, node: &NodeName, what: What) {
        tracing::info!("{node}: {what}");
        (self.listener)(&Event { at: self.elapsed(), node: node.clone(), what });
    }

    /// Refuses to go on when somebody asked to stop.
    pub fn go_on(&self) -> Outcome {
        if self.stop.is_asked() { Err(Failure::Stopped) } else { Ok(()) }
    }

    /// Remembers that AWS was just asked to make, change or remove something.
    fn changed_something(&self) {
        self.last_change.set(Some(Instant::now()));
    }

    /// For how long AWS may still hide something that this run made.
    pub fn hides(&self) -> Duration {
        let last = self.last_change.get();
        last.map_or(Duration::ZERO, |last| patience::PROPAGATION.saturating_sub(last.elapsed()))
    }

    /// Remembers that a node failed, and wakes those that wait for it.
    fn fail(&self, node: &NodeName) {
        self.failed.borrow_mut().insert(node.clone());
        self.changed.notify_waiters();
    }

    /// Remembers that a node is ready, or gone.
    fn arrived(&self, node: &NodeName) {
        self.ready.borrow_mut().insert(node.clone());
    }

    /// Whether all of these nodes have got where they should be.
    fn all_arrived(&self, nodes: &[NodeName]) -> bool {
        let ready = self.ready.borrow();
        nodes.iter().all(|node| ready.contains(node))
    }

    /// The first of these nodes that has failed.
    fn first_failed(&self, of: &[NodeName]) -> Option<NodeName> {
        let failed = self.failed.borrow();
        of.iter().find(|node| failed.contains(*node)).cloned()
    }

    /// Sleeps until a moment, unless somebody asks to stop or one of `upstream` fails meanwhile.
    async fn sleep_until(&self, until: Instant, upstream: &[NodeName]) -> Outcome {
        let sleep = tokio::time::sleep_until(until);
        tokio::pin!(sleep);
        loop {
            let (stopped, changed) = (self.stop.notify.notified(), self.changed.notified());
            tokio::pin!(stopped, changed);
            stopped.as_mut().enable();
            changed.as_mut().enable();
            self.go_on()?;
            if let Some(node) = self.first_failed(upstream) {
                return Err(Failure::DependencyFailed(node));
            }
            tokio::select! {
                () = &mut sleep => return Ok(()),
                () = &mut stopped => {}
                () = &mut changed => {}
            }
        }
    }
}
