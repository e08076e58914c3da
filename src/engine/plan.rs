//! What a walk would do: a verdict per node, without changing anything.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use futures::future::join_all;

use super::Run;
use super::converge::{self, State, refusal};
use super::doubt::{self, Doubtful};
use super::graph::{Edge, Graph, Node};
use super::inventory::{self, AnyKind, Thing, Users};
use super::teardown;
use crate::aws::Result;
use crate::names::NodeName;
use crate::resource::{Difference, Kind, Owned, Phase, Remedy, Seen, Wanted};

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
    /// It is removed and made again, before anything else is done; says why.
    Remake(String),
    /// Something that is not ours has its name.
    Foreign(String),
    /// Something may be it, and does not say whose it is.
    Unsure(Doubtful),
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
    /// AWS's id or name of what is there; empty when nothing is.
    id: String,
    /// Whether its dependents will get another output than the one that is there now.
    new_output: bool,
}

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
    let surplus = inventory::surplus(things, graph);
    let removals = surplus.iter().map(|thing| {
        let (name, kind, id) = (thing.name().clone(), thing.kind(), thing.id().to_owned());
        let beside = nodes.iter().find(|planned| planned.name == name);
        Surplus { name, kind, id, beside: beside.map(|planned| planned.id.clone()) }
    });
    let removals = removals.collect();
    Ok(Plan { nodes, removals })
}

/// Whether nothing of a node is there.
fn is_absent(node: &Box<dyn Node>, things: &[Box<dyn Thing>]) -> bool {
    !things.iter().any(|thing| thing.name() == node.name())
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

/// Where a node stands among the others of a plan.
pub(super) struct Among<'a> {
    /// What would be done with the nodes before.
    pub(super) before: &'a [Planned],
    /// What the node waits for.
    pub(super) edges: &'a [Edge],
    /// Who uses what.
    pub(super) users: &'a Users,
}

impl Among<'_> {
    /// The nodes that this one takes something from which is going to change.
    fn follows(&self) -> impl Iterator<Item = &Planned> {
        let carrying = self.edges.iter().filter(|edge| edge.carries);
        carrying.map(|edge| &self.before[edge.to]).filter(|planned| planned.new_output)
    }

    /// Why something of this kind, which uses these ids, cannot stay while others are made anew.
    fn remade_with(&self, kind: Kind, uses: &[String]) -> Option<String> {
        let kept = self.follows().find(|it| kind.about().keeps_for_life.contains(&it.kind));
        let kept =
            kept.map(|it| format!("it keeps its {} for life, which is made anew", it.kind.words()));
        kept.or_else(|| {
            let holds = |it: &&Planned| {
                let waits = teardown::waits_for(it.kind).any(|(other, _)| other == kind);
                matches!(it.verdict, Verdict::Remake(_)) && waits && uses.contains(&it.id)
            };
            let held = self.before.iter().find(holds)?;
            Some(format!("it holds {}, which is made anew", held.name))
        })
    }
}

/// The verdict on one node.
pub(super) async fn verdict<R: Wanted>(
    run: &Run,
    node: &NodeName,
    resource: &R,
    needs: Option<&R::Needs>,
    among: &Among<'_>,
    state: &State<R::Output>,
) -> Result<Verdict> {
    let seen = run.looks.list::<R>(None).await?;
    let own = choose(&seen, node, resource, needs, among.users);
    let Some((own, Seen::Present(it, phase))) = own.map(|own| (own, &own.seen)) else {
        let holder = match resource.holder(&run.cx, node).await {
            Err(error) if error.is_denied() => None,
            holder => holder?,
        };
        if holder.is_none() {
            state.saw_free();
        }
        return Ok(holder.map_or(Verdict::Create, Verdict::Foreign));
    };
    state.saw(own, it, phase);
    let mut differences = needs.map(|needs| resource.drift(it, needs)).unwrap_or_default();
    if converge::has_to_be_remade(&differences) {
        return Ok(Verdict::Remake(change(&differences)));
    }
    if let Some(why) = among.remade_with(R::KIND, &R::uses(it)) {
        return Ok(Verdict::Remake(why));
    }
    if differences.is_empty() {
        let follow = |other: &Planned| Difference::update("follows", &other.name, "its new output");
        differences.extend(among.follows().map(follow));
    }
    differences.extend(state.tags_to_put::<R>(run).1);
    Ok(match phase {
        _ if !differences.is_empty() => Verdict::Change(differences),
        Phase::Ready => Verdict::Keep,
        Phase::Coming(why) => Verdict::Wait(why.clone()),
        Phase::Broken(why) => Verdict::Broken(why.clone()),
    })
}

/// Chooses a node's own among everything listed. Where it is there twice, the one that serves: first that
/// is not on its way out, then that can be what is wanted, then that more stands on.
fn choose<'a, R: Wanted>(
    seen: &'a [Owned<R::Output>],
    node: &NodeName,
    resource: &R,
    needs: Option<&R::Needs>,
    users: &Users,
) -> Option<&'a Owned<R::Output>> {
    let is_misfit = |difference: &Difference| {
        matches!(difference.remedy, Remedy::Remake | Remedy::Replacement(_))
    };
    seen.iter().filter(|own| own.owner.node == *node).min_by_key(|own| {
        let differences = needs.map(|needs| resource.drift(own.it(), needs)).unwrap_or_default();
        let misfit = differences.iter().any(is_misfit);
        let weight = Reverse(users.weight(&own.id));
        (converge::rank(&own.seen), misfit, weight, differences.len(), &own.id)
    })
}

/// A change in words: the fields, what is there and what is wanted.
pub fn change(differences: &[Difference]) -> String {
    converge::describe(differences)
}
