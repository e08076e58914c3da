//! The services that there are.

use std::collections::BTreeSet;

use crate::scenario::Scenario;
use crate::service::Service;
use crate::world::{Scope, Tagged, World};
use crate::{autoscaling, ec2, ecs, elb, iam, logs, route53, ssm};

/// Every service, each after those that it knows.
pub static ALL: &[&Service] = &[
    &iam::SERVICE,
    &logs::SERVICE,
    &ec2::SERVICE,
    &ssm::SERVICE,
    &elb::SERVICE,
    &route53::SERVICE,
    &autoscaling::SERVICE,
    &ecs::SERVICE,
];

/// A world with all services in it.
impl World {
    /// Makes the world of a seed.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        Self::with(seed, scenario, ALL.iter().map(|service| service.begin).collect())
    }

    /// Every id, of all regions.
    pub fn ids(&mut self) -> BTreeSet<String> {
        self.in_all_regions(|world| {
            let ids =
                ALL.iter().flat_map(|it| (it.ids)(world).into_iter().map(|id| (it.scope, id)));
            let ids = ids.map(|(scope, id)| match scope {
                // Names are unique in a region only.
                Scope::Region => format!("{} {id}", world.region),
                Scope::Partition => id,
            });
            ids.collect()
        })
    }

    /// Everything that has tags, of all regions.
    pub fn tagged(&mut self) -> BTreeSet<Tagged> {
        self.in_all_regions(|world| ALL.iter().flat_map(|it| (it.tagged)(world)).collect())
    }
}
