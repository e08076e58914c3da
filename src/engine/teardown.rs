//! Takes down what is there. The nodes come from the inventory, the order from the table of kinds.
//!
//! Ordinary edges are not reversed: they would serialise what AWS lets go at once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::doubt::{self, Doubtful};
use super::edge::{Edge, Grade, Link, Links};
use super::event::{What, duration};
use super::inventory::{self, AnyKind, Thing};
use super::walk::{Report, walk};
use super::{Failure, Removal, Run, patience};
use crate::aws::Result;
use crate::names::NodeName;
use crate::resource::Kind;
use crate::resource::kind::After;

/// [`Grade::Made`] here means that AWS was asked to remove it, [`Grade::Ready`] that it is gone.
const ASKED: Grade = Grade::Made;
const GONE: Grade = Grade::Ready;

/// How often the audit may find something that surfaced late, before it is reported as left.
const AUDITS: usize = 3;

/// What has to happen to others before a kind is removed.
pub(super) fn waits_for(kind: Kind) -> impl Iterator<Item = (Kind, Grade)> {
    kind.about().goes_after.iter().map(|after| match *after {
        After::Asked(kind) => (kind, ASKED),
        After::Gone(kind) => (kind, GONE),
    })
}

/// What each of these things waits for when they are removed together.
pub fn links(things: &[(NodeName, Kind)]) -> Links {
    let links = |(name, kind): &(NodeName, Kind)| {
        let waits = waits_for(*kind).flat_map(|(other, grade)| {
            let of_kind = things.iter().filter(move |(_, kind)| *kind == other);
            of_kind.map(move |(to, _)| Link { to: to.clone(), grade, after: Duration::ZERO })
        });
        (name.clone(), waits.collect())
    };
    things.iter().map(links).collect()
}

/// One thing in a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The node.
    pub name: NodeName,
    /// The kind.
    pub kind: Kind,
    /// AWS's id or name.
    pub id: String,
}

/// What a teardown can show for itself.
#[derive(Debug, Default)]
pub struct Receipt {
    /// What is gone.
    pub removed: Vec<Item>,
    /// What is still there, with what holds it.
    pub left: Vec<(Item, String)>,
    /// What may be the stack's and does not say so: it is left alone.
    pub unsure: Vec<Doubtful>,
    /// How many kinds were looked at.
    pub kinds_checked: usize,
    /// Whether the look came later than AWS may hide what was just made.
    pub audited: bool,
}

/// Removes these things in the order that AWS allows.
pub async fn remove(run: &Run, mut things: Vec<Box<dyn Thing>>, why: Removal) -> Report {
    let kinds: Vec<Kind> = things.iter().map(|thing| thing.kind()).collect();
    for thing in &mut things {
        let edges = waits_for(thing.kind()).flat_map(|(kind, grade)| {
            let of_kind = kinds.iter().enumerate().filter(move |(_, other)| **other == kind);
            of_kind.map(move |(to, _)| Edge { to, grade, carries: false })
        });
        let edges = edges.collect();
        thing.goes(why, edges);
    }
    if why == Removal::Everything {
        let prepared = join_all(things.iter().map(|thing| thing.prepare(&run.cx.aws))).await;
        for error in prepared.into_iter().filter_map(Result::err) {
            // It only makes the removal faster.
            tracing::warn!(%error);
        }
    }
    walk(run, &things).await
}

/// Removes everything of the stack, looks once more when AWS cannot hide anything any longer, and
/// removes what surfaced. `may_hide` says whether something may have been made so lately that the first
/// look did not show it: a removal itself makes nothing.
pub async fn teardown(run: &Run, may_hide: bool) -> Result<(Receipt, Report)> {
    teardown_among(run, &inventory::kinds(), may_hide).await
}

/// Removes everything of the stack in a world of these kinds.
pub(super) async fn teardown_among(
    run: &Run,
    kinds: &[Box<dyn AnyKind>],
    may_hide: bool,
) -> Result<(Receipt, Report)> {
    let receipt = Receipt { kinds_checked: kinds.len(), ..Receipt::default() };
    let (seen, report) = (Vec::new(), Report::default());
    let mut teardown = Teardown { run, kinds, seen, report, receipt };
    let mut things = teardown.look().await?;
    let parents = doubt::parents(&things);
    // Where nothing was to begin with, nothing was hidden by removing it.
    teardown.receipt.audited = things.is_empty() && run.go_on().is_ok();
    for round in 0.. {
        if things.is_empty() {
            return teardown.nothing_is_left(parents).await;
        }
        let in_vain = round == AUDITS || !teardown.report.is_complete();
        if in_vain || run.go_on().is_err() {
            break;
        }
        teardown.report = remove(run, things, Removal::Everything).await;
        // What the second look finds was hidden from the first one, or is shown although it is gone.
        let at_once = round == 0 && !may_hide;
        teardown.pause(if at_once { Duration::ZERO } else { patience::PROPAGATION }).await;
        things = teardown.look().await?;
    }
    Ok(teardown.these_are_left(&things).await)
}

/// A teardown under way.
struct Teardown<'a> {
    run: &'a Run,
    kinds: &'a [Box<dyn AnyKind>],
    /// All that any look has found.
    seen: Vec<Item>,
    /// How the last removal ended.
    report: Report,
    receipt: Receipt,
}

impl Teardown<'_> {
    /// Looks at everything anew. What is gone is waited for until AWS shows it no more.
    async fn look(&mut self) -> Result<Vec<Box<dyn Thing>>> {
        let (run, kinds) = (self.run, self.kinds);
        let looks = run.looks.anew();
        let mut things = inventory::of(kinds, &looks).await?;
        if things.is_empty() && !until_unseen(run, kinds, looks.lagging()).await? {
            run.looks.forget_gone();
            things = inventory::of(kinds, &run.looks.anew()).await?;
        }
        for item in things.iter().map(item) {
            if !self.seen.contains(&item) {
                self.seen.push(item);
            }
        }
        Ok(things)
    }

    /// Waits until AWS cannot hide anything any longer.
    async fn pause(&mut self, pause: Duration) {
        let why = match pause.is_zero() {
            true => "a last look".to_owned(),
            false => format!(
                "{} until AWS cannot hide anything any longer, then a last look",
                duration(pause)
            ),
        };
        self.run.tell(&NodeName::from("audit"), What::Waiting(why));
        let until = Instant::now() + pause;
        self.receipt.audited = self.run.sleep_until(until, &[]).await.is_ok();
    }

    /// The receipt when nothing is left, with what may be the stack's and does not say so.
    async fn nothing_is_left(self, mut parents: Vec<Doubtful>) -> Result<(Receipt, Report)> {
        let Self { run, kinds, seen: removed, report, receipt } = self;
        let mut unsure = doubt::look(&run.cx.aws, &run.cx.names, kinds, |_| true).await?;
        parents.retain(|parent| !unsure.iter().any(|it| it.id == parent.id));
        unsure.extend(parents);
        Ok((Receipt { removed, unsure, ..receipt }, report))
    }

    /// The receipt when these things are left, with what holds them.
    async fn these_are_left(self, things: &[Box<dyn Thing>]) -> (Receipt, Report) {
        let Self { run, seen: mut removed, report, receipt, .. } = self;
        let mut left = Vec::new();
        for thing in things {
            left.push((item(thing), why_left(run, thing, &report).await));
        }
        removed.retain(|item| !left.iter().any(|(other, _)| other == item));
        (Receipt { removed, left, ..receipt }, report)
    }
}

/// Waits until AWS shows no more what it has removed, else whoever looks next, such as a deploy of the
/// same stack, would build upon it. Says whether it came to that: what is shown for longer than AWS may
/// lag is there.
async fn until_unseen(
    run: &Run,
    kinds: &[Box<dyn AnyKind>],
    mut shown: BTreeSet<Kind>,
) -> Result<bool> {
    let since = Instant::now();
    while !shown.is_empty() && since.elapsed() < patience::PROPAGATION {
        let why = "AWS to show no more what it has removed".to_owned();
        run.tell(&NodeName::from("audit"), What::Waiting(why));
        if run.sleep_until(Instant::now() + patience::SHOWN_STILL, &[]).await.is_err() {
            break;
        }
        let looks = run.looks.anew();
        inventory::of_such(kinds, &looks, |kind| shown.contains(&kind)).await?;
        shown = looks.lagging();
    }
    Ok(shown.is_empty())
}

fn item(thing: &Box<dyn Thing>) -> Item {
    Item { name: thing.name().clone(), kind: thing.kind(), id: thing.id().to_owned() }
}

/// Why a thing is still there: that AWS refuses to remove it, else what holds it, else how its removal
/// ended.
async fn why_left(run: &Run, thing: &Box<dyn Thing>, report: &Report) -> String {
    let refused = report.failed.iter().find(|(name, _)| name == thing.name());
    if let Some((_, failure @ Failure::Failed(error))) = refused
        && !error.is_passing()
    {
        return failure.to_string();
    }
    match thing.blockers(&run.cx.aws).await {
        Ok(blockers) if !blockers.is_empty() => return format!("held by {}", blockers.join(", ")),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error),
    }
    let ended = report.failed.iter().chain(&report.not_started);
    ended
        .into_iter()
        .find(|(name, _)| name == thing.name())
        .map(|(_, failure)| failure)
        .or(run.go_on().err().as_ref())
        .map_or_else(|| "it appeared again".to_owned(), Failure::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is removed before a kind, directly or not.
    fn before(kind: Kind) -> BTreeSet<Kind> {
        let mut before = BTreeSet::new();
        let mut open = vec![kind];
        while let Some(kind) = open.pop() {
            let waits = waits_for(kind).map(|(kind, _)| kind);
            open.extend(waits.filter(|kind| before.insert(*kind)));
        }
        before
    }

    #[test]
    fn no_kind_waits_for_itself() {
        for kind in Kind::ALL.iter().copied() {
            assert!(!before(kind).contains(&kind), "{kind:?} waits for itself");
        }
        // The same, as the order in which it can be done.
        let mut left = Kind::ALL.to_vec();
        while !left.is_empty() {
            let (now, later): (Vec<_>, Vec<_>) = left
                .iter()
                .partition(|kind| waits_for(**kind).all(|(other, _)| !left.contains(&other)));
            assert!(!now.is_empty(), "nothing can be removed next of {later:?}");
            left = later;
        }
    }

    #[test]
    fn a_kind_waits_for_another_once_and_only_for_what_is_removed() {
        let removed: Vec<_> = inventory::kinds().iter().map(|kind| kind.kind()).collect();
        for kind in Kind::ALL.iter().copied() {
            let waits: Vec<_> = waits_for(kind).map(|(other, _)| other).collect();
            for other in &waits {
                assert!(
                    removed.contains(other),
                    "{kind:?} waits for {other:?}, which only goes along"
                );
            }
            assert_eq!(waits.iter().collect::<BTreeSet<_>>().len(), waits.len(), "{kind:?}");
            assert!(waits.is_empty() || removed.contains(&kind), "nobody removes {kind:?}");
        }
    }

    /// What AWS does not let go while something of the other kinds is there.
    #[test]
    fn whatever_holds_others_goes_after_them() {
        let holders: [(Kind, &[Kind]); 12] = [
            (Kind::Namespace, &[Kind::DiscoveryService, Kind::Service]),
            (Kind::DiscoveryService, &[Kind::Service]),
            // It would move the number of its tasks until the end, and outlive it.
            (Kind::Service, &[Kind::ScalableTarget, Kind::ScalingPolicy]),
            (
                Kind::Vpc,
                &[
                    Kind::InternetGateway,
                    Kind::Subnet,
                    Kind::ElasticIp,
                    Kind::NatGateway,
                    Kind::RouteTable,
                    Kind::GatewayEndpoint,
                    Kind::InterfaceEndpoint,
                    Kind::SecurityGroup,
                    Kind::SecurityGroupRule,
                    Kind::AutoScalingGroup,
                    Kind::Instance,
                    Kind::LoadBalancer,
                    Kind::HostedZone,
                    Kind::Record,
                    Kind::Namespace,
                    Kind::Service,
                    Kind::GuardDutyEndpoint,
                    Kind::GuardDutyGroup,
                ],
            ),
            (
                Kind::Subnet,
                &[
                    Kind::NatGateway,
                    Kind::LoadBalancer,
                    Kind::Instance,
                    Kind::Service,
                    Kind::InterfaceEndpoint,
                    Kind::GuardDutyEndpoint,
                ],
            ),
            (
                Kind::SecurityGroup,
                &[
                    Kind::LoadBalancer,
                    Kind::Instance,
                    Kind::Service,
                    Kind::InterfaceEndpoint,
                    Kind::LaunchTemplate,
                ],
            ),
            (Kind::InternetGateway, &[Kind::NatGateway, Kind::ElasticIp, Kind::LoadBalancer]),
            (Kind::Cluster, &[Kind::Service, Kind::Instance, Kind::CapacityProvider]),
            (Kind::CapacityProvider, &[Kind::CapacityProviderAssociation, Kind::Service]),
            (Kind::TargetGroup, &[Kind::LoadBalancer, Kind::ListenerRule, Kind::Service]),
            (Kind::HostedZone, &[Kind::Record]),
            (Kind::Role, &[Kind::InstanceProfile, Kind::Instance]),
        ];
        for (holder, held) in holders {
            let before = before(holder);
            for kind in held {
                assert!(before.contains(kind), "{holder:?} may go before {kind:?}");
            }
        }
    }
}
