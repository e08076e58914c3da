//! Takes down what is there. The nodes come from the inventory, the order from one table of kinds.
//!
//! Ordinary edges are not reversed: they would serialise what AWS lets go at once.

use futures::future::join_all;

use super::event::{What, duration};
use super::graph::{Edge, Grade};
use super::inventory::{self, AnyKind, Thing};
use super::looks::Looks;
use super::walk::{Report, walk};
use super::{Failure, Run, patience};
use crate::aws::{Result, Scope};
use crate::names::NodeName;
use crate::resource::Kind;

/// [`Grade::Made`] here means that AWS was asked to remove it, [`Grade::Ready`] that it is gone.
const ASKED: Grade = Grade::Made;
const GONE: Grade = Grade::Ready;

/// How often the audit may find something that surfaced late, before it is reported as left.
const AUDITS: usize = 3;

/// What has to happen to others before a kind is removed. Read downwards, it tells the story; the
/// facts behind it are in `docs/aws-facts.md`.
fn waits_for(kind: Kind) -> &'static [(Kind, Grade)] {
    match kind {
        // At once: without a listener the targets deregister without draining.
        Kind::Service | Kind::LoadBalancer | Kind::Record => &[],
        Kind::TargetGroup => &[(Kind::LoadBalancer, GONE), (Kind::Service, GONE)],
        Kind::HostedZone => &[(Kind::Record, GONE)],
        // ECS refuses to detach a provider in use. It must still find the group when it takes its
        // policy, alarms and hook off it, so the group is deleted after the request to detach.
        Kind::CapacityProviderAssociation => &[(Kind::Service, GONE)],
        Kind::AutoScalingGroup => {
            &[(Kind::Service, GONE), (Kind::CapacityProviderAssociation, ASKED)]
        }
        Kind::CapacityProvider => &[(Kind::CapacityProviderAssociation, GONE)],
        Kind::Instance => &[(Kind::AutoScalingGroup, GONE)],
        Kind::LaunchTemplate => &[(Kind::AutoScalingGroup, GONE)],
        Kind::Cluster => {
            &[(Kind::Service, GONE), (Kind::Instance, GONE), (Kind::CapacityProvider, GONE)]
        }
        Kind::TaskDefinition => &[(Kind::Service, GONE)],
        // Failures stay readable until the end. Container Insights writes into its group as long
        // as the cluster is there.
        Kind::LogGroup => &[(Kind::Service, GONE), (Kind::Cluster, GONE)],
        // An instance that loses its credentials while it drains never reports that its tasks
        // have stopped; the same goes for its way out through the NAT gateway.
        Kind::InstanceProfile => &[(Kind::Instance, GONE), (Kind::AutoScalingGroup, GONE)],
        Kind::Role => &[(Kind::InstanceProfile, GONE), (Kind::Service, GONE)],
        Kind::NatGateway => &[(Kind::Service, GONE)],
        Kind::RouteTable => &[(Kind::Service, GONE), (Kind::NatGateway, ASKED)],
        Kind::ElasticIp => &[(Kind::NatGateway, GONE)],
        // These are held by network interfaces of all of the above.
        Kind::SecurityGroupRule => &[(Kind::Service, GONE)],
        Kind::SecurityGroup => &[
            (Kind::SecurityGroupRule, GONE),
            (Kind::LoadBalancer, GONE),
            (Kind::Service, GONE),
            (Kind::Instance, GONE),
            (Kind::LaunchTemplate, GONE),
        ],
        Kind::Subnet => &[
            (Kind::NatGateway, GONE),
            (Kind::LoadBalancer, GONE),
            (Kind::Service, GONE),
            (Kind::Instance, GONE),
            (Kind::AutoScalingGroup, GONE),
        ],
        Kind::InternetGateway => {
            &[(Kind::ElasticIp, GONE), (Kind::LoadBalancer, GONE), (Kind::Instance, GONE)]
        }
        Kind::Vpc => &[
            (Kind::Subnet, GONE),
            (Kind::RouteTable, GONE),
            (Kind::SecurityGroup, GONE),
            (Kind::InternetGateway, GONE),
            (Kind::HostedZone, GONE),
        ],
        Kind::Listener | Kind::WarmStart => &[],
    }
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
    /// How many kinds were looked at.
    pub kinds_checked: usize,
    /// Whether the look came later than AWS may hide what was just made.
    pub audited: bool,
}

/// Removes these things in the order that AWS allows.
pub async fn remove(run: &Run, mut things: Vec<Box<dyn Thing>>) -> Report {
    let kinds: Vec<Kind> = things.iter().map(|thing| thing.kind()).collect();
    for thing in &mut things {
        let edges = waits_for(thing.kind()).iter().flat_map(|(kind, grade)| {
            let of_kind = kinds.iter().enumerate().filter(move |(_, other)| *other == kind);
            of_kind.map(move |(to, _)| Edge { to, grade: *grade, carries: false })
        });
        let edges = edges.collect();
        thing.wait_for(edges);
    }
    let prepared = join_all(things.iter().map(|thing| thing.prepare(&run.cx.aws))).await;
    for error in prepared.into_iter().filter_map(Result::err) {
        // It only makes the removal faster.
        tracing::warn!(%error);
    }
    walk(run, &things).await
}

/// Removes everything of the stack, looks once more when AWS cannot hide anything any longer, and
/// removes what surfaced.
pub async fn teardown(run: &Run) -> Result<(Receipt, Report)> {
    teardown_among(run, &inventory::kinds()).await
}

/// Removes everything of the stack in a world of these kinds.
pub(super) async fn teardown_among(
    run: &Run,
    kinds: &[Box<dyn AnyKind>],
) -> Result<(Receipt, Report)> {
    let mut receipt = Receipt { kinds_checked: kinds.len(), ..Receipt::default() };
    let mut seen: Vec<Item> = Vec::new();
    let mut report = Report::default();
    for round in 0..=AUDITS {
        let looks = Looks::new(run.cx.aws.clone(), Scope::Stack(run.cx.names.clone()));
        let things = inventory::of(kinds, &looks).await?;
        for item in things.iter().map(item) {
            if !seen.contains(&item) {
                seen.push(item);
            }
        }
        if things.is_empty() {
            // Nothing was there to begin with, so nothing was hidden by removing it.
            receipt.audited |= round == 0 && run.go_on().is_ok();
            receipt.removed = seen;
            return Ok((receipt, report));
        }
        if round == AUDITS || (round > 0 && !report.is_complete()) || run.go_on().is_err() {
            let mut left = Vec::new();
            for thing in &things {
                left.push((item(thing), why_left(run, thing, &report).await));
            }
            receipt.removed = seen
                .into_iter()
                .filter(|item| !left.iter().any(|(other, _)| other == item))
                .collect();
            receipt.left = left;
            return Ok((receipt, report));
        }
        report = remove(run, things).await;
        let audit = NodeName::from("audit");
        let why = format!(
            "{} until AWS cannot hide anything any longer, then a last look",
            duration(patience::PROPAGATION)
        );
        run.tell(&audit, What::Waiting(why));
        let until = tokio::time::Instant::now() + patience::PROPAGATION;
        receipt.audited = run.sleep_until(until, &[]).await.is_ok();
    }
    unreachable!("the last audit returns")
}

fn item(thing: &Box<dyn Thing>) -> Item {
    Item { name: thing.name().clone(), kind: thing.kind(), id: thing.id().to_owned() }
}

/// Why a thing is still there: what holds it, else how its removal ended.
async fn why_left(run: &Run, thing: &Box<dyn Thing>, report: &Report) -> String {
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
