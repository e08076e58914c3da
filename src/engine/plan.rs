//! What a walk would do: a verdict per node, without changing anything.

use futures::future::join_all;

use super::Run;
use super::converge::{self, State, pick, refusal};
use super::graph::{Edge, Graph};
use super::inventory::{self, AnyKind};
use crate::aws::Result;
use crate::names::NodeName;
use crate::resource::{Difference, Kind, Owned, Phase, Resource, Seen};

/// What a walk would do with one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not there and will be made.
    Create,
    /// It is as it should be.
    Keep,
    /// It differs and will be changed, or the change is refused.
    Change(Vec<Difference>),
    /// It is on its way; says what it waits for.
    Wait(String),
    /// It failed; says why.
    Broken(String),
    /// Something that is not ours has its name.
    Foreign(String),
}

/// One node and what a walk would do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The node.
    pub name: NodeName,
    /// The kind of its resource.
    pub kind: Kind,
    /// What would be done.
    pub verdict: Verdict,
    /// Whether its dependents will get another output than the one that is there now.
    new_output: bool,
}

/// What a walk would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// A verdict per node, in the order of the graph.
    pub nodes: Vec<Planned>,
    /// What is there, is ours, and is not asked for any more: node, kind and AWS's id.
    pub removals: Vec<(NodeName, Kind, String)>,
}

impl Plan {
    /// Whether a deploy has anything to do.
    pub fn is_settled(&self) -> bool {
        self.removals.is_empty() && self.count(|verdict| *verdict != Verdict::Keep) == 0
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
    let mut nodes: Vec<Planned> = Vec::new();
    for node in graph.nodes() {
        let verdict = node.plan(run, &nodes).await?;
        let new_output = match &verdict {
            Verdict::Create => true,
            Verdict::Change(differences) => {
                node.update_replaces() || converge::has_to_be_remade(differences)
            }
            Verdict::Broken(_) => node.remade_when_broken(),
            _ => false,
        };
        nodes.push(Planned { name: node.name().clone(), kind: node.kind(), verdict, new_output });
    }
    let removals = inventory::surplus(things?, graph)
        .iter()
        .map(|thing| (thing.name().clone(), thing.kind(), thing.id().to_owned()))
        .collect();
    Ok(Plan { nodes, removals })
}

/// The nodes before this one whose output is going to change.
pub(super) fn follows(edges: &[Edge], before: &[Planned]) -> Vec<NodeName> {
    let changes = |edge: &&Edge| edge.carries && before[edge.to].new_output;
    edges.iter().filter(changes).map(|edge| before[edge.to].name.clone()).collect()
}

/// The verdict on one node.
pub(super) async fn verdict<R: Resource>(
    run: &Run,
    node: &NodeName,
    resource: &R,
    needs: Option<&R::Needs>,
    follows: Vec<NodeName>,
    state: &State<R::Output>,
) -> Result<Verdict> {
    let seen = run.looks.list::<R>(None).await?;
    let Some(Owned { id, seen: Seen::Present(it, phase), .. }) = pick(&seen, node) else {
        let holder = match resource.holder(&run.cx, node).await {
            Err(error) if error.is_denied() => None,
            holder => holder?,
        };
        if holder.is_none() {
            state.saw_free();
        }
        return Ok(holder.map_or(Verdict::Create, Verdict::Foreign));
    };
    state.saw(id, it.clone(), phase.clone());
    let mut differences = needs.map(|needs| resource.drift(it, needs)).unwrap_or_default();
    if differences.is_empty() {
        let follow = |other: &NodeName| Difference::update("follows", other, "its new output");
        differences.extend(follows.iter().map(follow));
    }
    Ok(match phase {
        _ if !differences.is_empty() => Verdict::Change(differences),
        Phase::Ready => Verdict::Keep,
        Phase::Coming(why) => Verdict::Wait(why.clone()),
        Phase::Broken(why) => Verdict::Broken(why.clone()),
    })
}

/// A change in words: the fields, what is there and what is wanted.
pub fn change(differences: &[Difference]) -> String {
    converge::describe(differences)
}
