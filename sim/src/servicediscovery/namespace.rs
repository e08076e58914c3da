//! Private DNS namespaces. Cloud Map makes a hosted zone for each, and takes it along when it goes.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Delay, PAGER, PRINCIPAL, TAGS, bare, filter, invalid, operation};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::route53;
use crate::world::World;

/// Until the creation is over.
const CREATE: Delay = ("namespace.create", 20.0..=60.0);
/// Until it is gone.
const DELETE: Delay = ("namespace.delete", 20.0..=60.0);
/// Namespaces that an account has room for in a region (Cloud Map guide, "Quotas").
const QUOTA: usize = 50;

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Its creation is under way: nobody is shown it.
    Coming,
    There,
    /// Its removal is under way.
    Going,
}

/// A namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) arn: String,
    pub(super) name: String,
    vpc: String,
    /// The id of its zone, once that is there.
    pub(super) zone: Option<String>,
    pub(super) tags: Tags,
    life: Life,
    created: Duration,
    description: Option<String>,
}

fn not_found(id: &str) -> Refusal {
    Refusal::new("NamespaceNotFound", format!("Failed to find namespace. Namespace id: {id}"))
}

/// A namespace that callers know, by its id.
pub(super) fn find<'a>(world: &'a World, id: &str) -> Result<&'a Namespace, Refusal> {
    let namespace = world.servicediscovery().namespaces.get(bare(id));
    namespace.filter(|it| it.life != Life::Coming).ok_or_else(|| not_found(bare(id)))
}

/// One into which something can be put.
pub(super) fn check_stays(world: &World, id: &str) -> Result<(), Refusal> {
    match find(world, id)?.life {
        Life::Going => Err(not_found(bare(id))),
        Life::Coming | Life::There => Ok(()),
    }
}

/// `CreatePrivateDnsNamespace`. Whether its zone can be had, shows only later.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let (name, vpc) = (input.text("Name").to_ascii_lowercase(), input.text("Vpc").to_owned());
    let tags = TAGS.given(input.list("Tags"))?;
    if name.is_empty() || vpc.is_empty() {
        return Err(invalid("A private DNS namespace takes a name and a VPC."));
    }
    let all = &world.servicediscovery().namespaces;
    let same = all.values().find(|it| it.name == name && it.vpc == vpc);
    match same.map(|it| it.life) {
        Some(Life::Coming) => {
            let message = "Another operation of type CREATE_NAMESPACE is in progress.";
            return Err(Refusal::new("DuplicateRequest", message));
        }
        Some(Life::There | Life::Going) => {
            let message = format!("Namespace {name} already exists in VPC {vpc}.");
            return Err(Refusal::new("NamespaceAlreadyExists", message));
        }
        None => {}
    }
    if all.len() >= world.scenario.quota("namespaces", QUOTA) {
        let message = "The number of namespaces exceeds the limit.";
        return Err(Refusal::new("ResourceLimitExceeded", message));
    }
    let id = format!("ns-{}", world.digits_of(16, &format!("namespace {name}")));
    let namespace = Namespace {
        arn: world.arn("servicediscovery", &format!("namespace/{id}")),
        name: name.clone(),
        vpc,
        zone: None,
        tags,
        life: Life::Coming,
        created: world.now,
        description: input.some_text("Description").map(str::to_owned),
    };
    world.servicediscovery_mut().namespaces.insert(id.clone(), namespace);
    let begun = operation::begin(world, "CREATE_NAMESPACE", &[("NAMESPACE", &id)]);
    let (label, range) = CREATE;
    let takes = world.dice.delay(label, &name, range);
    let (of, which) = (begun.clone(), id.clone());
    world.after(takes / 2, move |world| make_zone(world, &of, &which));
    let of = begun.clone();
    world.after(takes, move |world| {
        if let Some(it) = world.servicediscovery_mut().namespaces.get_mut(&id) {
            it.life = Life::There;
            operation::end(world, &of, Ok(()));
        }
    });
    Ok(json!({ "OperationId": begun }))
}

/// Its zone is made, or the whole fails.
fn make_zone(world: &mut World, operation: &str, id: &str) {
    let Some(it) = world.servicediscovery().namespaces.get(id) else { return };
    let (name, vpc) = (it.name.clone(), it.vpc.clone());
    match route53::make_linked_zone(world, &name, &vpc, PRINCIPAL) {
        Ok(zone) => {
            if let Some(it) = world.servicediscovery_mut().namespaces.get_mut(id) {
                it.zone = Some(zone);
            }
        }
        Err(why) => {
            world.servicediscovery_mut().namespaces.remove(id);
            let message = format!(
                "The VPC that you chose, {vpc} in region {}, has an overlapping name space or cannot be \
                 used. (Service: AmazonRoute53; Error Code: {}): {}",
                world.region, why.code, why.message
            );
            operation::end(world, operation, Err(("CANNOT_CREATE_HOSTED_ZONE", message)));
        }
    }
}

fn described(world: &World, (id, it): (&String, &Namespace)) -> Value {
    let services = world.servicediscovery().registries.values();
    let mut described = json!({
        "Id": id,
        "Arn": it.arn,
        "Name": it.name,
        "Type": "DNS_PRIVATE",
        "ServiceCount": services.filter(|service| service.namespace == *id).count(),
        "Properties": {
            "DnsProperties": { "HostedZoneId": it.zone, "SOA": { "TTL": 15 } },
            "HttpProperties": { "HttpName": it.name },
        },
        "CreateDate": world.timestamp_at(it.created),
    });
    if let Some(description) = &it.description {
        described["Description"] = description.clone().into();
    }
    described
}

/// `GetNamespace`.
pub(super) fn get(world: &World, input: &Value) -> Answer {
    let id = bare(input.text("Id")).to_owned();
    let it = find(world, &id)?;
    Ok(json!({ "Namespace": described(world, (&id, it)) }))
}

/// `ListNamespaces`: those whose removal is under way are still shown.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let all = world.servicediscovery().namespaces.iter();
    let all = all.filter(|(_, it)| it.life != Life::Coming).map(|one| described(world, one));
    let mut answer = PAGER.page(world, input, "Namespaces", PAGER.most, all.collect())?;
    filter::keep(&mut answer, "Namespaces", input, |thing, name| match name {
        "TYPE" => Ok(thing.text("Type").to_owned()),
        "NAME" | "HTTP_NAME" => Ok(thing.text("Name").to_owned()),
        other => Err(invalid(format!("Filter {other} is not simulated."))),
    })?;
    Ok(answer)
}

/// `DeleteNamespace`: without services only.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("Id")).to_owned();
    let it = find(world, &id)?;
    if it.life == Life::Going {
        let message = "Another operation of type DELETE_NAMESPACE is in progress.";
        return Err(Refusal::new("DuplicateRequest", message));
    }
    let name = it.name.clone();
    if world.servicediscovery().registries.values().any(|service| service.namespace == id) {
        let message = format!("The namespace {id} has associated services.");
        return Err(Refusal::new("ResourceInUse", message));
    }
    if let Some(it) = world.servicediscovery_mut().namespaces.get_mut(&id) {
        it.life = Life::Going;
    }
    let begun = operation::begin(world, "DELETE_NAMESPACE", &[("NAMESPACE", &id)]);
    let (label, range) = DELETE;
    let takes = world.dice.delay(label, &name, range);
    let of = begun.clone();
    world.after(takes, move |world| {
        let gone = world.servicediscovery_mut().namespaces.remove(&id);
        if let Some(zone) = gone.and_then(|it| it.zone) {
            // Its zone has been seen to go a while after it.
            let later = world.scenario.doubts(Doubt::ZoneOutlivesNamespace);
            let after = if later { Duration::from_secs(90) } else { Duration::ZERO };
            world.after(after, move |world| route53::remove_linked_zone(world, &zone));
        }
        operation::end(world, &of, Ok(()));
    });
    Ok(json!({ "OperationId": begun }))
}
