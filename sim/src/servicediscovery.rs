//! AWS Cloud Map: private DNS namespaces, their services, and the instances that are registered there.
//!
//! A namespace comes and goes in an operation of its own ([`operation`]), which makes and removes a hosted
//! zone that nobody else can change. The zone has an address record for each service that has instances.
//! The rules are those of `docs/aws-facts.md`, "Cloud Map".
//!
//! Durations, in seconds, by the label under which a scenario can replace them:
//!
//! | Label | Range | What it is |
//! |---|---|---|
//! | `namespace.create` | 20–60 | until its creation is over; half of it, until its zone is there |
//! | `namespace.delete` | 20–60 | until it and its zone are gone |
//! | `instance.register` | 1–5 | until an instance is registered, and answered |
//! | `instance.deregister` | 2–10 | until it is not any more |
//!
//! Not simulated are public DNS and HTTP namespaces, records other than A, health checks of Route 53, updates
//! of namespaces and services, `DiscoverInstances`, and the limit of eight addresses in an answer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde_json::Value;

use crate::buckets::{Limits, Shared};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{Scope, State, Tagged, World};

mod filter;
mod instance;
mod namespace;
mod operation;
mod policy;
mod registry;
mod tag;
#[cfg(test)]
mod tests;

pub use instance::{deregister, register};
pub use registry::{has_dns, is_there};

use namespace::Namespace;
use operation::Operation;
use registry::Registry;

/// A label of the dice, and the seconds that it usually takes.
type Delay = (&'static str, RangeInclusive<f64>);

/// The name by which a zone says who made it.
const PRINCIPAL: &str = "servicediscovery.amazonaws.com";

/// Pages of everything.
const PAGER: Pager = Pager {
    size: "MaxResults",
    most: 100,
    bad_size: None,
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |_| invalid("The next token is invalid."),
};

/// What tags may be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => {
            let message = "A resource cannot have more than 50 tags.";
            Refusal::new("TooManyTagsException", message)
        }
        _ => invalid("A tag is not valid."),
    },
};

/// The service. How many calls it takes is not published.
pub static SERVICE: Service = Service {
    name: "servicediscovery",
    model: LazyLock::new(|| Model::read(include_str!("servicediscovery/model.json"))),
    operations: &[
        ("CreatePrivateDnsNamespace", Changes(namespace::create)),
        ("GetNamespace", Looks(namespace::get)),
        ("ListNamespaces", Looks(namespace::list)),
        ("DeleteNamespace", Changes(namespace::delete)),
        ("GetOperation", Looks(operation::get)),
        ("ListOperations", Looks(operation::list)),
        ("CreateService", Changes(registry::create)),
        ("ListServices", Looks(registry::list)),
        ("DeleteService", Changes(registry::delete)),
        ("RegisterInstance", Changes(instance::register_instance)),
        ("ListInstances", Looks(instance::list)),
        ("DeregisterInstance", Changes(instance::deregister_instance)),
        ("TagResource", Changes(tag::tag_resource)),
        ("UntagResource", Changes(tag::untag_resource)),
        ("ListTagsForResource", Looks(tag::list_tags_for_resource)),
    ],
    limits: Limits { shared: Shared::ByKind, looks: (50.0, 20.0), changes: (10.0, 5.0) },
    refusals: Refusals {
        missing: "InvalidInput",
        malformed: "InvalidInput",
        throttled: || Refusal::new("RequestLimitExceeded", "Rate exceeded").with_status(429),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: ServiceDiscovery::SCOPE,
    begin: World::begin::<ServiceDiscovery>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of Cloud Map in a region.
#[derive(Debug, Default)]
pub struct ServiceDiscovery {
    /// By id.
    namespaces: BTreeMap<String, Namespace>,
    /// Cloud Map's services, by id.
    registries: BTreeMap<String, Registry>,
    /// By id.
    operations: BTreeMap<String, Operation>,
}

impl State for ServiceDiscovery {
    const SCOPE: Scope = Scope::Region;

    fn new(_: &World) -> Self {
        Self::default()
    }
}

impl World {
    /// What Cloud Map keeps here.
    pub fn servicediscovery(&self) -> &ServiceDiscovery {
        self.state()
    }

    /// The same, to be changed.
    pub fn servicediscovery_mut(&mut self) -> &mut ServiceDiscovery {
        self.state_mut()
    }
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// Namespaces, also those that are still coming, services, and instances as `SERVICE/INSTANCE`.
fn ids(world: &World) -> Vec<String> {
    let state = world.servicediscovery();
    let mut all: Vec<_> = state.namespaces.keys().cloned().collect();
    for (id, registry) in &state.registries {
        all.push(id.clone());
        all.extend(registry.instances.keys().map(|instance| format!("{id}/{instance}")));
    }
    all
}

/// Kind, id and tags of what there is.
fn tagged(world: &World) -> Vec<Tagged> {
    let state = world.servicediscovery();
    let namespaces = state.namespaces.iter().map(|(id, it)| ("namespace", id, &it.tags));
    let registries = state.registries.iter().map(|(id, it)| ("discovery-service", id, &it.tags));
    let all = namespaces.chain(registries);
    all.map(|(kind, id, tags)| (kind.to_owned(), id.clone(), tags.clone())).collect()
}

/// A refusal with the code `InvalidInput`.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInput", message)
}

/// The id that an id or an ARN names.
fn bare(id: &str) -> &str {
    crate::arn::short(id)
}
