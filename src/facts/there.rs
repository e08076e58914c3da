//! Who has the short names: of what a stack may have several, the first goes without the name of what it
//! belongs to (`pattern::naming`). It is read out of listings that are made anyway.

use std::collections::{BTreeMap, BTreeSet};

use super::running::listed;
use crate::aws::Result;
use crate::engine::looks::Looks;
use crate::names::NodeName;
use crate::resource::hosted_zone::{self, HostedZone};
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::role::Role;
use crate::resource::security_group::SecurityGroup;
use crate::resource::service::Service;
use crate::resource::target_group::TargetGroup;
use crate::resource::{Owned, Resource};
use crate::spec::Scheme;

/// What is there of what a stack may have several of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct There {
    /// The nodes of load balancers, target groups, security groups, roles and zones.
    pub nodes: BTreeSet<NodeName>,
    /// The scheme of the load balancer with the short name.
    pub balancer: Option<Scheme>,
    /// The name of the zone with the short name.
    pub zone: Option<String>,
    /// The services whose tasks are in the security group with the short name.
    pub services: BTreeSet<String>,
    /// By service, the scheme of the load balancer that leads to its target group with the short name.
    pub targets: BTreeMap<String, Scheme>,
}

impl There {
    /// Looks, together with everybody who looks at the same.
    pub(super) async fn look(looks: &Looks) -> Result<Self> {
        let (balancers, groups, targets, services, zones, roles) = futures::try_join!(
            listed::<LoadBalancer>(looks),
            listed::<SecurityGroup>(looks),
            listed::<TargetGroup>(looks),
            listed::<Service>(looks),
            listed::<HostedZone>(looks),
            listed::<Role>(looks),
        )?;
        let mut there = Self::default();
        there.note::<LoadBalancer>(&balancers);
        there.note::<SecurityGroup>(&groups);
        there.note::<TargetGroup>(&targets);
        there.note::<HostedZone>(&zones);
        there.note::<Role>(&roles);

        let scheme = |it: &<LoadBalancer as Resource>::Output| {
            let mut all = Scheme::ALL.into_iter();
            all.find(|scheme| Some(scheme.to_string()) == it.scheme)
        };
        let balancer = of_node(&balancers, "load-balancer");
        there.balancer = balancer.and_then(|it| scheme(it.it()));
        there.zone = of_node(&zones, hosted_zone::NODE).map(|it| it.it().name.clone());
        if let Some(group) = of_node(&groups, "security-group/service") {
            let ours = services.iter().map(Owned::it).filter(|it| {
                it.network.as_ref().is_some_and(|network| network.groups.contains(&group.id))
            });
            there.services = ours.map(|it| it.name.clone()).collect();
        }
        for group in targets.iter() {
            let service = group.owner.node.as_str().strip_prefix("target-group/");
            let Some(service) = service.filter(|rest| !rest.contains('/')) else { continue };
            let from = group.it().load_balancers.iter().flatten();
            let mut from = from.filter_map(|arn| balancers.iter().find(|it| it.it().arn == *arn));
            if let Some(scheme) = from.find_map(|it| scheme(it.it())) {
                there.targets.insert(service.to_owned(), scheme);
            }
        }
        Ok(there)
    }

    /// Whether one of these nodes is there.
    pub fn has_any(&self, nodes: &[String]) -> bool {
        nodes.iter().any(|node| self.nodes.contains(&NodeName::from(node.as_str())))
    }

    fn note<R: Resource>(&mut self, all: &[Owned<R::Output>]) {
        self.nodes.extend(all.iter().map(|it| it.owner.node.clone()));
    }
}

/// The one of a node. There may be two; whichever is seen first stands for both.
fn of_node<'a, T>(all: &'a [Owned<T>], node: &str) -> Option<&'a Owned<T>> {
    all.iter().find(|it| it.owner.node.as_str() == node)
}
