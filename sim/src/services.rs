//! The services that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::policy::call::Call;
use crate::policy::required::Required;
use crate::policy::view::{Thing, View};
use crate::refusal::{Answer, Refusal};
use crate::scenario::Scenario;
use crate::service::Service;
use crate::world::{Scope, Tagged, World};

#[cfg(test)]
mod tests;

/// Every service, each after those that it knows.
pub static ALL: &[&Service] = &[
    &crate::sts::SERVICE,
    &crate::iam::SERVICE,
    &crate::logs::SERVICE,
    &crate::cloudwatch::SERVICE,
    &crate::acm::SERVICE,
    &crate::ecr::SERVICE,
    &crate::service_quotas::SERVICE,
    &crate::ec2::SERVICE,
    &crate::ssm::SERVICE,
    &crate::secretsmanager::SERVICE,
    &crate::elb::SERVICE,
    &crate::route53::SERVICE,
    &crate::servicediscovery::SERVICE,
    &crate::autoscaling::SERVICE,
    &crate::ecs::SERVICE,
    &crate::application_autoscaling::SERVICE,
];

/// A service by the name that requests are signed for.
pub fn named(name: &str) -> Option<&'static Service> {
    ALL.iter().find(|service| service.name == name).copied()
}

/// Lets a service answer one call.
pub fn answer(world: &mut World, service: &str, operation: &str, input: &Value) -> Answer {
    let lacked = || Refusal::lacked(&format!("the service {service}"));
    named(service).ok_or_else(lacked)?.answer(world, operation, input)
}

/// What IAM has to allow for a call. Nothing for `GetCallerIdentity`, which everybody may make.
pub fn required(view: &View<'_>, service: &str, operation: &str, input: &Value) -> Vec<Required> {
    let call = Call { view, service, operation, input };
    named(service).map(|service| (service.required)(&call)).unwrap_or_default()
}

/// A world with all services in it.
impl World {
    /// Makes the world of a seed.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        let beginnings = ALL.iter().map(|service| service.begin).collect();
        let hearings = ALL.iter().filter_map(|service| service.hear).collect();
        Self::with(seed, scenario, beginnings, hearings)
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

impl<'a> View<'a> {
    /// All that is known of the region that a world is in.
    pub fn of(world: &'a World) -> Self {
        let mut view = View::unknown(&world.region);
        view.doubts.clone_from(&world.scenario.doubts);
        for service in ALL {
            let things = (service.tagged)(world).into_iter();
            view.things.extend(things.map(|(_, id, tags)| Thing {
                service: service.name,
                id,
                tags,
            }));
            (service.tell)(world, &mut view);
        }
        view
    }
}
