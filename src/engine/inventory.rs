//! Everything of ours that is there, with its types erased: what a destroy removes, what an audit
//! counts, and what a deploy finds that is not asked for any more.

use std::marker::PhantomData;

use futures::future::{FutureExt, LocalBoxFuture, join_all};

use super::converge;
use super::graph::{Edge, Graph};
use super::looks::Looks;
use super::walk::{Place, Work};
use super::{Outcome, Run};
use crate::aws::{Aws, Owner, Result};
use crate::names::NodeName;
use crate::resource::{self, Kind, Owned, Phase, Resource, Seen};

/// One thing of ours, removable without a spec.
pub trait Thing: Work {
    /// The kind.
    fn kind(&self) -> Kind;
    /// Whether it is removed on its own.
    fn is_removed(&self) -> bool;
    /// Whose it is.
    fn owner(&self) -> &Owner;
    /// AWS's id or name.
    fn id(&self) -> &str;
    /// Whether it is on its way out already.
    fn is_leaving(&self) -> bool;
    /// Whether it is there and usable.
    fn is_ready(&self) -> bool;
    /// Says what keeps it from being removed.
    fn blockers<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<Vec<String>>>;
    /// Says beforehand what shortens the removal of others.
    fn prepare<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<()>>;
    /// Says what has to happen to others before this one is removed.
    fn wait_for(&mut self, edges: Vec<Edge>);
}

struct Found<R: Resource> {
    owned: Owned<R::Output>,
    edges: Vec<Edge>,
}

impl<R: Resource> Work for Found<R> {
    fn name(&self) -> &NodeName {
        &self.owned.owner.node
    }

    fn edges(&self) -> Vec<Edge> {
        self.edges.clone()
    }

    fn first<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        converge::ask_to_go::<R>(run, place, &self.owned).boxed_local()
    }

    fn second<'a>(&'a self, run: &'a Run, place: &'a Place) -> LocalBoxFuture<'a, Outcome> {
        converge::until_gone::<R>(run, place, &self.owned).boxed_local()
    }
}

impl<R: Resource> Thing for Found<R> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn is_removed(&self) -> bool {
        R::GOES_WITH.is_none()
    }

    fn owner(&self) -> &Owner {
        &self.owned.owner
    }

    fn id(&self) -> &str {
        &self.owned.id
    }

    fn is_leaving(&self) -> bool {
        matches!(self.owned.seen, Seen::Leaving(..))
    }

    fn is_ready(&self) -> bool {
        matches!(self.owned.seen, Seen::Present(_, Phase::Ready))
    }

    fn blockers<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<Vec<String>>> {
        R::blockers(aws, self.owned.it()).boxed_local()
    }

    fn prepare<'a>(&'a self, aws: &'a Aws) -> LocalBoxFuture<'a, Result<()>> {
        R::prepare_removal(aws, self.owned.it()).boxed_local()
    }

    fn wait_for(&mut self, edges: Vec<Edge>) {
        self.edges = edges;
    }
}

/// A kind with its types erased.
pub(super) trait AnyKind {
    /// The kind.
    fn kind(&self) -> Kind;
    /// Whether it is removed on its own.
    fn is_removed(&self) -> bool;
    /// Lists it.
    fn things<'a>(&'a self, looks: &'a Looks) -> LocalBoxFuture<'a, Result<Vec<Box<dyn Thing>>>>;
}

struct Of<R>(PhantomData<fn() -> R>);

/// A kind with its type erased.
pub(super) fn kind<R: Resource>() -> Box<dyn AnyKind> {
    Box::new(Of::<R>(PhantomData))
}

impl<R: Resource> AnyKind for Of<R> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn is_removed(&self) -> bool {
        R::GOES_WITH.is_none()
    }

    fn things<'a>(&'a self, looks: &'a Looks) -> LocalBoxFuture<'a, Result<Vec<Box<dyn Thing>>>> {
        async move {
            let seen = looks.list::<R>(None).await?;
            let thing = |owned: &Owned<R::Output>| {
                Box::new(Found::<R> { owned: owned.clone(), edges: Vec::new() }) as Box<dyn Thing>
            };
            Ok(seen.iter().map(thing).collect())
        }
        .boxed_local()
    }
}

/// Every kind that is removed on its own: what a destroy and its audit look at.
pub(super) fn kinds() -> Vec<Box<dyn AnyKind>> {
    all_kinds().into_iter().filter(|kind| kind.is_removed()).collect()
}

/// What nobody asks for: instances come and go with their group, and GuardDuty plants the others.
const NEVER_IN_A_GRAPH: [Kind; 3] = [Kind::Instance, Kind::GuardDutyEndpoint, Kind::GuardDutyGroup];

/// Every kind that a graph can hold.
pub(super) fn graph_kinds() -> Vec<Box<dyn AnyKind>> {
    let in_graph = |kind: &Box<dyn AnyKind>| !NEVER_IN_A_GRAPH.contains(&kind.kind());
    all_kinds().into_iter().filter(in_graph).collect()
}

/// Every kind there is.
pub(super) fn all_kinds() -> Vec<Box<dyn AnyKind>> {
    vec![
        kind::<resource::vpc::Vpc>(),
        kind::<resource::internet_gateway::InternetGateway>(),
        kind::<resource::subnet::Subnet>(),
        kind::<resource::elastic_ip::ElasticIp>(),
        kind::<resource::nat_gateway::NatGateway>(),
        kind::<resource::route_table::RouteTable>(),
        kind::<resource::security_group::SecurityGroup>(),
        kind::<resource::security_group_rule::SecurityGroupRule>(),
        kind::<resource::role::Role>(),
        kind::<resource::instance_profile::InstanceProfile>(),
        kind::<resource::log_group::LogGroup>(),
        kind::<resource::cluster::Cluster>(),
        kind::<resource::launch_template::LaunchTemplate>(),
        kind::<resource::auto_scaling_group::AutoScalingGroup>(),
        kind::<resource::instance::Instance>(),
        kind::<resource::capacity_provider::CapacityProvider>(),
        kind::<resource::capacity_provider_association::CapacityProviderAssociation>(),
        kind::<resource::warm_start::WarmStart>(),
        kind::<resource::task_definition::TaskDefinition>(),
        kind::<resource::load_balancer::LoadBalancer>(),
        kind::<resource::target_group::TargetGroup>(),
        kind::<resource::listener::Listener>(),
        kind::<resource::hosted_zone::HostedZone>(),
        kind::<resource::record::Record>(),
        kind::<resource::service::Service>(),
        kind::<resource::guard_duty_endpoint::GuardDutyEndpoint>(),
        kind::<resource::guard_duty_group::GuardDutyGroup>(),
    ]
}

/// How many kinds an inventory looks at.
pub fn kinds_checked() -> usize {
    kinds().len()
}

/// Lists all kinds that a graph can hold at once.
pub async fn of_graph(looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    of(&graph_kinds(), looks).await
}

/// Lists all kinds that are removed on their own at once.
pub async fn inventory(looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    of(&kinds(), looks).await
}

/// Lists these kinds at once.
pub(super) async fn of(kinds: &[Box<dyn AnyKind>], looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    let all = join_all(kinds.iter().map(|kind| kind.things(looks))).await;
    Ok(all.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What is there and is not asked for: its node is not in the graph.
pub fn surplus(things: Vec<Box<dyn Thing>>, graph: &Graph) -> Vec<Box<dyn Thing>> {
    let wanted = |thing: &Box<dyn Thing>| {
        !thing.is_removed()
            || thing.is_leaving()
            || graph.nodes().iter().any(|node| node.name() == thing.name())
    };
    things.into_iter().filter(|thing| !wanted(thing)).collect()
}
