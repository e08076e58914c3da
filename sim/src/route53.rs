//! Route 53: hosted zones of the account, their records and their VPCs.
//!
//! A zone is global; the VPCs that a private one answers in are of regions, and so are the load
//! balancers that alias records point at. A caller reference serves once, even after its zone is gone
//! ("Names" in `docs/aws-facts.md`). What is changed is there for every later call at once; `INSYNC`
//! says that the name servers know it.
//!
//! Delays, in seconds; from "States and durations" and "What is refused for a while" in
//! `docs/aws-facts.md`:
//!
//! | Label | Range | Key | What |
//! |---|---|---|---|
//! | `route53.change` | 30 to 60 | zone name | `PENDING` to `INSYNC` |
//! | `route53.busy` | 0.2 to 1 | zone name | `PriorRequestNotComplete` after a write to the same zone |
//!
//! Creating a zone does not make it busy. How soon a new load balancer can be pointed at is
//! [`crate::elb::dns_names`]'s doubt `alias-target-unseen`. Not simulated are delegation sets, health
//! checks, routing policies but weighted ones, and aliases to anything but load balancers and records
//! of the same zone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::model::Model;
use crate::page;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, World};

mod alias;
mod batch;
pub mod name;
mod policy;
pub mod record;
mod tags;
#[cfg(test)]
mod tests;
pub mod zone;

use zone::Zone;

/// The service.
pub static SERVICE: Service = Service {
    name: "route53",
    model: LazyLock::new(|| Model::read(include_str!("route53/model.json"))),
    operations: OPERATIONS,
    // Five requests a second for a whole account are a fact.
    limits: Limits { shared: Shared::ByAll, looks: (5.0, 5.0), changes: (5.0, 5.0) },
    refusals: Refusals {
        missing: "InvalidInput",
        malformed: "InvalidInput",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: Route53::SCOPE,
    begin: World::begin::<Route53>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of Route 53 in the account.
#[derive(Debug, Default)]
pub struct Route53 {
    /// By id, without `/hostedzone/`.
    zones: BTreeMap<String, Zone>,
    /// Caller references that have served.
    references: BTreeSet<String>,
    /// By id, without `/change/`.
    changes: BTreeMap<String, Change>,
}

impl State for Route53 {
    const SCOPE: Scope = Scope::Partition;
}

impl World {
    /// What Route 53 keeps here.
    pub fn route53(&self) -> &Route53 {
        self.state()
    }

    /// The same, to be changed.
    pub fn route53_mut(&mut self) -> &mut Route53 {
        self.state_mut()
    }
}

/// A change on its way to the name servers.
#[derive(Debug)]
struct Change {
    submitted: Duration,
    in_sync: Duration,
    comment: Option<String>,
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateHostedZone", Changes(zone::create)),
    ("ListHostedZones", Looks(zone::list)),
    ("ListHostedZonesByName", Looks(zone::list_by_name)),
    ("ListHostedZonesByVPC", Looks(zone::list_by_vpc)),
    ("GetHostedZone", Looks(zone::get)),
    ("DeleteHostedZone", Changes(zone::delete)),
    ("AssociateVPCWithHostedZone", Changes(zone::associate)),
    ("DisassociateVPCFromHostedZone", Changes(zone::disassociate)),
    ("ChangeTagsForResource", Changes(tags::change)),
    ("ListTagsForResource", Looks(tags::list_one)),
    ("ListTagsForResources", Looks(tags::list)),
    ("ChangeResourceRecordSets", Changes(batch::change)),
    ("ListResourceRecordSets", Looks(record::list)),
    ("GetChange", Looks(get_change)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// Makes a public zone that is there before anybody calls, with this id or one of its own, and returns the
/// id; `None` when the name is none.
pub fn add_zone(world: &mut World, name: &str, id: Option<&str>) -> Option<String> {
    zone::add(world, name, id)
}

/// Makes a zone one that a service of AWS made for itself, which nobody else can change.
pub fn link_zone(world: &mut World, id: &str, service: &str) {
    zone::link(world, id, service);
}

/// Makes a private zone for a service of AWS, which nobody else can change.
pub fn make_linked_zone(
    world: &mut World,
    name: &str,
    vpc: &str,
    service: &str,
) -> Result<String, Refusal> {
    zone::make_linked(world, name, vpc, service)
}

/// Removes a zone that a service of AWS made for itself, with its records.
pub fn remove_linked_zone(world: &mut World, id: &str) {
    world.route53_mut().zones.remove(id);
}

/// Lets a zone answer with these addresses for a name; with none it does not know it.
pub fn set_addresses(
    world: &mut World,
    zone: &str,
    name: &str,
    ttl: Duration,
    addresses: &[String],
) {
    let Ok(name) = name::normal(name) else { return };
    let Ok(zone) = zone::find_mut(world, zone) else { return };
    let at = record::At::new(&name, "A", None);
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    match addresses.is_empty() {
        true => zone.records.remove(&at),
        false => zone.records.insert(at, record::Record::values(ttl, &addresses)),
    };
}

/// The addresses that a name stands for in a VPC of this region: of the private zones that answer there, the
/// one with the longest name counts.
pub fn resolve(world: &World, vpc: &str, name: &str) -> Vec<String> {
    match in_vpc(world, vpc, name) {
        Some(record::Holds::Values { values, .. }) => values.clone(),
        Some(record::Holds::Alias { .. }) | None => Vec::new(),
    }
}

/// The DNS name of the load balancer that a name stands for in a VPC of this region.
pub fn alias(world: &World, vpc: &str, name: &str) -> Option<String> {
    match in_vpc(world, vpc, name) {
        Some(record::Holds::Alias { name, .. }) => {
            let name = name.trim_end_matches('.');
            Some(name.strip_prefix("dualstack.").unwrap_or(name).to_owned())
        }
        Some(record::Holds::Values { .. }) | None => None,
    }
}

fn in_vpc<'a>(world: &'a World, vpc: &str, name: &str) -> Option<&'a record::Holds> {
    let name = name::normal(name).ok()?;
    let answers = (world.region.clone(), vpc.to_owned());
    let zones = world.route53().zones.values().filter(|zone| zone.vpcs.contains(&answers));
    let zones = zones.filter(|zone| name::is_within(&name, &zone.name));
    let zone = zones.max_by_key(|zone| zone.name.len())?;
    zone.records.get(&record::At::new(&name, "A", None)).map(|record| &record.holds)
}

/// Zones by their ids, and records as `ZONE/NAME/TYPE`, without those that zones are born with.
pub fn ids(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for (id, zone) in &world.route53().zones {
        all.push(id.clone());
        let own = zone.records.iter().filter(|(at, _)| !zone.is_born_with(at));
        all.extend(own.map(|(at, _)| format!("{id}/{}/{}", at.name(), at.kind)));
    }
    all
}

/// Whether a private zone that answers in a VPC of this region hides the names of the outside: a name
/// that lies in it and that it has no record of does not exist there.
pub fn hides(world: &World, vpc: &str, name: &str) -> bool {
    let name = format!(".{}.", name.to_ascii_lowercase());
    let answers = (world.region.clone(), vpc.to_owned());
    let mut zones = world.route53().zones.values().filter(|zone| zone.vpcs.contains(&answers));
    zones.any(|zone| {
        let knows = zone.records.keys().any(|at| format!(".{}", at.name()) == name);
        name.ends_with(&format!(".{}", zone.name)) && !knows
    })
}

/// Kind, id and tags of every zone; records have none.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let one =
        |(id, zone): (&String, &Zone)| ("hosted-zone".to_owned(), id.clone(), zone.tags.clone());
    world.route53().zones.iter().map(one).collect()
}

/// A change begins, of a zone of this name.
fn begin_change(world: &mut World, zone: &str, comment: Option<&str>) -> Value {
    let id = format!("C{}", world.hex(19).to_ascii_uppercase());
    let in_sync = world.now + world.dice.delay("route53.change", zone, 30.0..=60.0);
    let comment = comment.map(str::to_owned);
    let change = Change { submitted: world.now, in_sync, comment };
    let described = change_described(world, &id, &change);
    world.route53_mut().changes.insert(id, change);
    described
}

fn change_described(world: &World, id: &str, change: &Change) -> Value {
    let mut described = json!({
        "Id": format!("/change/{id}"),
        "Status": if world.now < change.in_sync { "PENDING" } else { "INSYNC" },
        "SubmittedAt": world.timestamp_at(change.submitted),
    });
    if let Some(comment) = &change.comment {
        described["Comment"] = comment.clone().into();
    }
    described
}

/// `GetChange`.
fn get_change(world: &World, input: &Value) -> Answer {
    let id = input.text("Id").trim_start_matches("/change/");
    let Some(change) = world.route53().changes.get(id) else {
        let message = format!("Could not find resource with ID: {id}");
        return Err(Refusal::new("NoSuchChange", message).with_status(404));
    };
    Ok(json!({ "ChangeInfo": change_described(world, id, change) }))
}

/// What a request with a bad parameter is answered.
fn invalid_input(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInput", message)
}

/// How many items a page holds: what the request says, as text or number, and at most `most`.
fn page_size(world: &World, input: &Value, most: usize) -> Result<usize, Refusal> {
    let said = match input.get("MaxItems") {
        _ if page::is_small(world, input) => Some(1),
        None | Some(Value::Null) => return Ok(most),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    let size = said.filter(|size| *size > 0);
    let size = size.ok_or_else(|| invalid_input("MaxItems must be a positive integer"))?;
    Ok(size.min(most))
}
