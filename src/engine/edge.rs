//! What one node waits for of another.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::names::NodeName;

/// How far the node at the other end of an edge has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Its output is known.
    Made,
    /// It is usable.
    Ready,
}

/// An edge to an earlier node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The index of the earlier node.
    pub to: usize,
    /// How far it has to be.
    pub grade: Grade,
    /// Whether a value flows along it, or only order.
    pub carries: bool,
}

/// Something that a node waits for, be it an edge of the graph or AWS's own doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other node.
    pub to: NodeName,
    /// How far that one has to be.
    pub grade: Grade,
    /// How long the node itself typically takes from then on. Of several things that a node waited
    /// for, the one that held it up is the one for which the sum is latest.
    pub after: Duration,
}

/// What each node waits for.
pub type Links = BTreeMap<NodeName, Vec<Link>>;
