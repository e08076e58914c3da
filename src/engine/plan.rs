//! What a walk would do: a verdict per node, and what is not asked for any more. Nothing is changed.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::Run;
use super::doubt::{self, Doubtful};
use super::graph::{Graph, Node};
use super::inventory::{self, AnyKind, Thing, Users};
use super::verdict::{Planned, Verdict};
use crate::aws::Result;
use crate::names::NodeName;
use crate::resource::difference::{describe, refusal};
use crate::resource::{Difference, Kind, Remedy};

/// What a walk would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// A verdict per node, in the order of the graph.
    pub nodes: Vec<Planned>,
    /// What is there, is ours, and is not asked for.
    pub removals: Vec<Surplus>,
}

/// What is there, is ours, and is not asked for any more, or stands beside the one that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surplus {
    /// The node.
    pub name: NodeName,
    /// The kind.
    pub kind: Kind,
    /// AWS's id or name.
    pub id: String,
    /// AWS's id of the one that is kept, when the node is there twice.
    pub beside: Option<String>,
}

impl Plan {
    /// Whether a deploy has anything to do.
    pub fn is_settled(&self) -> bool {
        self.removals.is_empty() && self.changes().next().is_none()
    }

    /// The nodes with which there is something to do.
    pub fn changes(&self) -> impl Iterator<Item = &Planned> {
        let stays = |planned: &&Planned| matches!(planned.verdict, Verdict::Keep | Verdict::Aside);
        self.nodes.iter().filter(move |planned| !stays(planned))
    }

    /// Counts the nodes with such a verdict.
    pub fn count(&self, such: impl Fn(&Verdict) -> bool) -> usize {
        self.nodes.iter().filter(|planned| such(&planned.verdict)).count()
    }

    /// Counts the resources with such a verdict, as every command counts them.
    pub fn count_resources(&self, such: impl Fn(&Verdict) -> bool) -> usize {
        let counts = |planned: &&Planned| planned.kind.is_counted() && such(&planned.verdict);
        self.nodes.iter().filter(counts).count()
    }

    /// Why a deploy is refused before it starts: replacements, and names that others hold.
    pub fn refusals(&self) -> Vec<(NodeName, String)> {
        let refused = |planned: &Planned| match &planned.verdict {
            Verdict::Change(differences) => refusal(differences),
            Verdict::Foreign(holder) => Some(super::Failure::Foreign(holder.clone()).to_string()),
            Verdict::Unsure(it) => Some(format!(
                "{} may be this stack's own, so no other one is made: {}; put its tags back or remove it",
                it.id, it.why
            )),
            _ => None,
        };
        self.nodes
            .iter()
            .filter_map(|planned| Some((planned.name.clone(), refused(planned)?)))
            .collect()
    }
}

/// Plans a whole graph. All kinds are listed at once; the verdicts then follow in order.
pub async fn plan(run: &Run, graph: &Graph) -> Result<Plan> {
    plan_among(run, graph, &inventory::graph_kinds()).await
}

/// Plans a whole graph in a world of these kinds.
pub(super) async fn plan_among(
    run: &Run,
    graph: &Graph,
    kinds: &[Box<dyn AnyKind>],
) -> Result<Plan> {
    let listings = graph.nodes().iter().map(|node| node.look(run));
    let (listings, things) = futures::join!(join_all(listings), inventory::of(kinds, &run.looks));
    listings.into_iter().collect::<Result<Vec<()>>>()?;
    let things = things?;
    let users = Users::of(&things);
    let mut doubtful = doubts(run, graph, kinds, &things).await?;
    let mut nodes: Vec<Planned> = Vec::new();
    for node in graph.nodes() {
        let may_be_it = |it: &Doubtful| {
            it.kind == node.kind() && it.node.as_ref().is_none_or(|name| name == node.name())
        };
        let doubt = doubtful.iter().position(may_be_it).filter(|_| is_absent(node, &things));
        let verdict = match doubt {
            Some(at) => Verdict::Unsure(doubtful.remove(at)),
            None => node.plan(run, &nodes, &users).await?,
        };
        let new_output = match &verdict {
            Verdict::Create | Verdict::Remake(_) => true,
            Verdict::Change(all) => {
                node.update_replaces() && all.iter().any(|one| one.remedy != Remedy::Tag)
            }
            Verdict::Broken(_) => node.remade_when_broken(),
            _ => false,
        };
        let (name, kind, id) = (node.name().clone(), node.kind(), node.id());
        nodes.push(Planned { name, kind, verdict, id, new_output });
    }
    let surplus = surplus(things, graph);
    let removals = surplus.iter().map(|thing| {
        let (name, kind, id) = (thing.name().clone(), thing.kind(), thing.id().to_owned());
        let beside = nodes.iter().find(|planned| planned.name == name);
        Surplus { name, kind, id, beside: beside.map(|planned| planned.id.clone()) }
    });
    let removals = removals.collect();
    Ok(Plan { nodes, removals })
}

/// What is there and is not asked for: its node is not in the graph, or another thing is the node's. One
/// that is leaving already still holds others, and is waited for; but what was the node's once is in
/// nobody's way.
pub fn surplus(things: Vec<Box<dyn Thing>>, graph: &Graph) -> Vec<Box<dyn Thing>> {
    let wanted = |thing: &Box<dyn Thing>| {
        let node = graph.nodes().iter().find(|node| node.name() == thing.name());
        node.is_some_and(|node| thing.is_leaving() || !is_second(thing, node))
    };
    things.into_iter().filter(|thing| !wanted(thing)).collect()
}

/// Whether a thing has a node's identity, and another one was picked.
fn is_second(thing: &Box<dyn Thing>, node: &Box<dyn Node>) -> bool {
    let picked = node.tagging().filter(|_| thing.kind().about().may_be_twice);
    node.kind() == thing.kind() && picked.is_some_and(|picked| thing.tagging() != Some(picked))
}

/// Whether nothing of a node is there, although there should be something.
fn is_absent(node: &Box<dyn Node>, things: &[Box<dyn Thing>]) -> bool {
    let is_looked_for = node.kind().is_asked_for() && !node.is_aside();
    is_looked_for && !things.iter().any(|thing| thing.name() == node.name())
}

/// What may be an absent node of a stack that is there.
async fn doubts(
    run: &Run,
    graph: &Graph,
    kinds: &[Box<dyn AnyKind>],
    things: &[Box<dyn Thing>],
) -> Result<Vec<Doubtful>> {
    let absent = graph.nodes().iter().filter(|node| is_absent(node, things));
    let absent: BTreeSet<Kind> = absent.map(|node| node.kind()).collect();
    // A new stack has nothing that could have lost its tags.
    if absent.is_empty() || things.is_empty() {
        return Ok(Vec::new());
    }
    let mut doubtful =
        doubt::look(&run.cx.aws, &run.cx.names, kinds, |kind| absent.contains(&kind)).await?;
    for parent in doubt::parents(things) {
        if !doubtful.iter().any(|it| it.id == parent.id) {
            doubtful.push(parent);
        }
    }
    Ok(doubtful)
}

/// A change in words: the fields, what is there and what is wanted.
pub fn change(differences: &[Difference]) -> String {
    describe(differences)
}
