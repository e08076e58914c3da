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
use crate::resource::{self, Kind, Owned, Resource, Seen};

/// One thing of ours, removable without a spec.
pub trait Thing: Work {
    /// The kind.
    fn kind(&self) -> Kind;
    /// Whose it is.
    fn owner(&self) -> &Owner;
    /// AWS's id or name.
    fn id(&self) -> &str;
    /// Whether it is on its way out already.
    fn is_leaving(&self) -> bool;
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

    fn owner(&self) -> &Owner {
        &self.owned.owner
    }

    fn id(&self) -> &str {
        &self.owned.id
    }

    fn is_leaving(&self) -> bool {
        matches!(self.owned.seen, Seen::Leaving(..))
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
trait AnyKind {
    fn things<'a>(&'a self, looks: &'a Looks) -> LocalBoxFuture<'a, Result<Vec<Box<dyn Thing>>>>;
}

struct Of<R>(PhantomData<fn() -> R>);

impl<R: Resource> AnyKind for Of<R> {
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

/// Every kind that is removed on its own. A listener goes with its load balancer, and the first
/// instances with their group.
fn kinds() -> Vec<Box<dyn AnyKind>> {
    fn of<R: Resource>() -> Box<dyn AnyKind> {
        Box::new(Of::<R>(PhantomData))
    }
    vec![
        of::<resource::vpc::Vpc>(),
        of::<resource::internet_gateway::InternetGateway>(),
        of::<resource::subnet::Subnet>(),
        of::<resource::elastic_ip::ElasticIp>(),
        of::<resource::nat_gateway::NatGateway>(),
        of::<resource::route_table::RouteTable>(),
        of::<resource::security_group::SecurityGroup>(),
        of::<resource::security_group_rule::SecurityGroupRule>(),
        of::<resource::role::Role>(),
        of::<resource::instance_profile::InstanceProfile>(),
        of::<resource::log_group::LogGroup>(),
        of::<resource::cluster::Cluster>(),
        of::<resource::launch_template::LaunchTemplate>(),
        of::<resource::auto_scaling_group::AutoScalingGroup>(),
        of::<resource::instance::Instance>(),
        of::<resource::capacity_provider::CapacityProvider>(),
        of::<resource::capacity_provider_association::CapacityProviderAssociation>(),
        of::<resource::task_definition::TaskDefinition>(),
        of::<resource::load_balancer::LoadBalancer>(),
        of::<resource::target_group::TargetGroup>(),
        of::<resource::hosted_zone::HostedZone>(),
        of::<resource::record::Record>(),
        of::<resource::service::Service>(),
    ]
}

/// How many kinds an inventory looks at.
pub fn kinds_checked() -> usize {
    kinds().len()
}

/// Lists all kinds at once.
pub async fn inventory(looks: &Looks) -> Result<Vec<Box<dyn Thing>>> {
    let kinds = kinds();
    let all = join_all(kinds.iter().map(|kind| kind.things(looks))).await;
    Ok(all.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What is there and is not asked for: its node is not in the graph. Instances come and go with
/// their group, and a task definition's old revisions with the newest.
pub fn surplus(things: Vec<Box<dyn Thing>>, graph: &Graph) -> Vec<Box<dyn Thing>> {
    let wanted = |thing: &Box<dyn Thing>| {
        thing.kind() == Kind::Instance
            || thing.is_leaving()
            || graph.nodes().iter().any(|node| node.name() == thing.name())
    };
    things.into_iter().filter(|thing| !wanted(thing)).collect()
}
