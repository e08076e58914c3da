//! What a walk would do with one node, without changing anything.

use std::cmp::Reverse;

use super::Run;
use super::converge::{State, rank};
use super::doubt::Doubtful;
use super::edge::Edge;
use super::inventory::Users;
use crate::aws::Result;
use crate::names::NodeName;
use crate::resource::difference::{FOLLOWS, describe, has_to_be_remade};
use crate::resource::{Action, Difference, Kind, Owned, Phase, Remedy, Seen, TargetOf, Wanted};

/// What a walk would do with one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not there and will be made.
    Create,
    /// It is as it should be.
    Keep,
    /// It is left as it is, whatever that is.
    Aside,
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
    pub(super) id: String,
    /// Whether its dependents will get another output than the one that is there now.
    pub(super) new_output: bool,
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

    /// What it takes over from them.
    fn follow(&self) -> impl Iterator<Item = Difference> {
        self.follows().map(|it| Difference::update((), FOLLOWS, &it.name, ""))
    }

    /// Why something of this kind, which uses these ids, cannot stay while others are made anew.
    fn remade_with(&self, kind: Kind, uses: &[String]) -> Option<String> {
        let kept = self.follows().find(|it| kind.about().keeps_for_life.contains(&it.kind));
        let kept =
            kept.map(|it| format!("it keeps its {} for life, which is made anew", it.kind.words()));
        kept.or_else(|| {
            let holds = |it: &&Planned| {
                let waits = it.kind.goes_after(kind);
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
    state.saw(own);
    let drift = match needs {
        Some(needs) => resource.drift(it, needs),
        None => resource.immutable_drift(it).into_iter().collect(),
    };
    if has_to_be_remade(&drift) {
        return Ok(Verdict::Remake(describe(&drift)));
    }
    if let Some(why) = among.remade_with(R::KIND, &R::uses(it)) {
        return Ok(Verdict::Remake(why));
    }
    let mut differences: Vec<_> = drift.iter().map(Difference::in_words).collect();
    if differences.is_empty() {
        differences.extend(among.follow());
    }
    differences.extend(state.tags_to_put::<R>(run).1);
    Ok(match phase {
        _ if !differences.is_empty() => Verdict::Change(differences),
        Phase::Ready => Verdict::Keep,
        Phase::Coming(why) => Verdict::Wait(why.clone()),
        Phase::Broken(why) => Verdict::Broken(why.clone()),
    })
}

/// The verdict on an action; `target` is what it is done to, as far as that is there.
pub(super) fn verdict_on_action<A: Action>(
    action: &A,
    target: Option<&TargetOf<A>>,
    among: &Among<'_>,
) -> Verdict {
    let Some(target) = target else { return Verdict::Create };
    let mut differences: Vec<_> = action.due(target).into_iter().collect();
    if differences.is_empty() {
        differences.extend(among.follow());
    }
    match differences.is_empty() {
        true => Verdict::Keep,
        false => Verdict::Change(differences),
    }
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
    let is_misfit = |difference: &Difference<R::Change>| {
        matches!(difference.remedy, Remedy::Remake | Remedy::Replacement(_))
    };
    seen.iter().filter(|own| own.owner.node == *node).min_by_key(|own| {
        let differences = needs.map(|needs| resource.drift(own.it(), needs)).unwrap_or_default();
        let misfit = differences.iter().any(is_misfit);
        let weight = Reverse(users.weight(&own.id));
        (rank(&own.seen), misfit, weight, differences.len(), &own.id)
    })
}
