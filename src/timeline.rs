//! What a walk did when, from its events: rows for a chart, and the chain of nodes that decided how
//! long it took.
//!
//! Deploys and teardowns read alike. A row begins with the first event of its node; its node is made,
//! or asked to go, in between; it ends ready, gone or failed.

mod draw;
mod fold;
mod json;
mod path;
mod read;
mod scale;

pub use draw::LEGEND;
pub use fold::Group;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::edge::Links;
use crate::engine::event::Event;
use crate::names::NodeName;

/// What happened when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// From the beginning to the end.
    pub took: Duration,
    /// A row for each node that something was told of, in the order in which they began.
    pub rows: Vec<Row>,
    /// The chain of nodes that decided how long it took, first one first.
    pub critical_path: Vec<NodeName>,
}

/// What happened to one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The node.
    pub node: NodeName,
    /// When it was first heard of.
    pub start: Duration,
    /// When its output was known, or AWS had agreed to remove it.
    pub made: Option<Duration>,
    /// When it was last heard of: ready, gone, failed or given up.
    pub end: Duration,
    /// How it ended.
    pub ending: Ending,
    /// When it waited, and for what.
    pub waits: Vec<Wait>,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// Whether anything was done or waited for.
    pub active: bool,
    /// The places of `made` and `end` among the events: what happens at the same time happens in order.
    places: (usize, usize),
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// There, right and usable, with or without a change.
    Ready,
    /// Gone.
    Gone,
    /// Failed; says why.
    Failed(String),
    /// Not started or given up; says why.
    NotStarted(String),
    /// Not over when the walk was: nobody waited for it, or it was cut off.
    Open,
}

/// A time in which a node could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// From then.
    pub from: Duration,
    /// Until then.
    pub to: Duration,
    /// What it waited for.
    pub why: String,
}

impl Timeline {
    /// Reads the events of a run, in their order. `links` says what each node waits for; a node that
    /// it does not mention came after everything before, as the audit does. `took` is when the run
    /// was over, which no event tells.
    pub fn new(events: &[Event], links: &Links, took: Duration) -> Self {
        let took = events.iter().map(|event| event.at).fold(took, Duration::max);
        let mut rows: BTreeMap<NodeName, Row> = BTreeMap::new();
        let mut begun: Vec<NodeName> = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let row = rows.entry(event.node.clone()).or_insert_with(|| {
                begun.push(event.node.clone());
                Row::begins(event)
            });
            row.goes_on(event, place);
        }
        for row in rows.values_mut().filter(|row| row.is_waiting()) {
            row.ends_waiting(took);
            (row.end, row.places.1) = (took, events.len());
        }
        let critical_path = path::critical_path(&rows, links);
        for node in &critical_path {
            if let Some(row) = rows.get_mut(node) {
                row.critical = true;
            }
        }
        let rows = begun.iter().filter_map(|node| rows.remove(node)).collect();
        Self { took, rows, critical_path }
    }
}

#[cfg(test)]
mod tests;
