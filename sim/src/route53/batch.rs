//! `ChangeResourceRecordSets`: all changes of a batch happen, or none does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::{At, Holds, Record};
use super::{alias, begin_change, invalid_input, name, zone};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Changes that one batch takes.
const MOST: usize = 1000;

/// `ChangeResourceRecordSets`.
pub(super) fn change(world: &mut World, input: &Value) -> Answer {
    let id = zone::bare(input.text("HostedZoneId")).to_owned();
    zone::check_linked(world, &id)?;
    zone::check_idle(world, &id)?;
    let batch = input.part("ChangeBatch");
    let changes = batch.list("Changes");
    if changes.is_empty() || changes.len() > MOST {
        let message = format!("A batch must have between 1 and {MOST} changes");
        return Err(Refusal::new("InvalidChangeBatch", message));
    }
    let zone = zone::find(world, &id)?;
    let (zone_name, mut records) = (zone.name.clone(), zone.records.clone());
    let mut objections = Vec::new();
    for change in changes {
        let (action, set) = (change.text("Action"), change.part("ResourceRecordSet"));
        objections.extend(match read(action, set)? {
            Err(objection) => Some(objection),
            Ok((at, record)) => {
                let own = (id.as_str(), zone_name.as_str());
                apply(world, own, &mut records, action, (at, record))
            }
        });
    }
    let apex = |kind: &str| records.contains_key(&At::new(&zone_name, kind, None));
    if !apex("SOA") {
        objections.push("A HostedZone must contain exactly one SOA record.".to_owned());
    }
    if !apex("NS") {
        let objection = "A HostedZone must contain at least one NS record for the zone itself.";
        objections.push(objection.to_owned());
    }
    if !objections.is_empty() {
        let message = format!("[{}]", objections.join(", "));
        return Err(Refusal::new("InvalidChangeBatch", message));
    }
    zone::find_mut(world, &id)?.records = records;
    zone::occupy(world, &id);
    let info = begin_change(world, &zone_name, batch.some_text("Comment"));
    Ok(json!({ "ChangeInfo": info }))
}

/// Applies one change, or says what is wrong with it. `zone` is its id and name.
fn apply(
    world: &mut World,
    zone: (&str, &str),
    records: &mut BTreeMap<At, Record>,
    action: &str,
    (at, record): (At, Record),
) -> Option<String> {
    let (id, zone) = zone;
    let (name, kind) = (at.name(), at.kind.clone());
    if !name::is_within(&name, zone) {
        return Some(format!("RRSet with DNS name {name} is not permitted in zone {zone}"));
    }
    let which = match &at.set {
        Some(set) => format!("[name='{name}', type='{kind}', set-identifier='{set}']"),
        None => format!("[name='{name}', type='{kind}']"),
    };
    if action == "DELETE" {
        return match records.get(&at) {
            None => {
                Some(format!("Tried to delete resource record set {which} but it was not found"))
            }
            Some(held) if !held.is_repeated_by(&record) => Some(format!(
                "Tried to delete resource record set {which} but the values provided do not match \
                 the current values"
            )),
            Some(_) => {
                records.remove(&at);
                None
            }
        };
    }
    if action == "CREATE" && records.contains_key(&at) {
        return Some(format!("Tried to create resource record set {which} but it already exists"));
    }
    if kind == "CNAME" && name == zone {
        let objection =
            format!("RRSet of type CNAME with DNS name {name} is not permitted at apex");
        return Some(format!("{objection} in zone {zone}"));
    }
    let clashes = |other: &At| {
        let is_cname = |at: &At| at.kind == "CNAME";
        other.is_named_like(&at) && is_cname(other) != is_cname(&at)
    };
    if records.keys().any(clashes) {
        return Some(format!(
            "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet \
             with the same DNS name already exists in zone {zone}"
        ));
    }
    if records.keys().any(|other| other.is_of(&at) && other.set.is_some() != at.set.is_some()) {
        return Some(format!(
            "RRSet with DNS name {name}, type {kind}, SetIdentifier {} cannot be created because \
             other RRSets exist with the same name and type",
            at.set.as_deref().unwrap_or("null")
        ));
    }
    if let Holds::Alias { zone, name, .. } = &record.holds
        && let Some(objection) = alias::objection(world, id, records, &kind, (zone, name))
    {
        return Some(objection);
    }
    records.insert(at, record);
    None
}

/// Members of record sets that are not simulated.
const LACKING: [&str; 8] = [
    "Region",
    "GeoLocation",
    "Failover",
    "MultiValueAnswer",
    "HealthCheckId",
    "TrafficPolicyInstanceId",
    "CidrRoutingConfig",
    "GeoProximityLocation",
];

/// Reads a record set. The inner refusal is one of the batch's objections.
fn read(action: &str, set: &Value) -> Result<Result<(At, Record), String>, Refusal> {
    if let Some(member) = LACKING.iter().find(|member| !set.part(member).is_null()) {
        let message = format!("ChangeResourceRecordSets with {member}");
        return Err(Refusal::new("SimulatorLacks", message));
    }
    let (kind, identifier) = (set.text("Type"), set.some_text("SetIdentifier"));
    let weight = set.number("Weight");
    let change = format!(
        "[Action={action}, Name={}, Type={kind}, SetIdentifier={}]",
        set.text("Name"),
        identifier.unwrap_or("null")
    );
    if weight.is_some() != identifier.is_some() {
        let message = format!(
            "Invalid request: Expected both or none of [Weight, SetIdentifier] in Change with {change}"
        );
        return Err(invalid_input(message));
    }
    let alias = set.part("AliasTarget");
    let values: Vec<_> = set.list("ResourceRecords").iter().map(|it| it.text("Value")).collect();
    let holds = match (alias.is_object(), set.number("TTL"), values.is_empty()) {
        (true, None, true) => {
            let target = match name::normal(alias.text("DNSName")) {
                Ok(target) => target,
                Err(objection) => return Ok(Err(objection)),
            };
            Holds::Alias {
                zone: zone::bare(alias.text("HostedZoneId")).to_owned(),
                name: target,
                evaluates: alias.flag("EvaluateTargetHealth").unwrap_or(false),
            }
        }
        (false, Some(ttl), false) => {
            let values: Vec<_> = values.into_iter().map(str::to_owned).collect();
            if let Some(objection) = illegal(kind, &values) {
                return Ok(Err(objection));
            }
            Holds::Values { ttl, values }
        }
        (is_alias, ttl, empty) => {
            let found = if !is_alias && ttl.is_none() && empty { "none" } else { "more than one" };
            let message = format!(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and \
                 ResourceRecords], or TrafficPolicyInstanceId], but found {found} in Change with \
                 {change}"
            );
            return Err(invalid_input(message));
        }
    };
    let name = name::normal(set.text("Name"));
    Ok(name.map(|name| (At::new(&name, kind, identifier), Record { weight, holds })))
}

/// What is wrong with values of a type, of which only addresses are looked at.
fn illegal(kind: &str, values: &[String]) -> Option<String> {
    let is_legal = |value: &String| match kind {
        "A" => value.parse::<std::net::Ipv4Addr>().is_ok(),
        "AAAA" => value.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => !value.is_empty(),
    };
    let value = values.iter().find(|value| !is_legal(value))?;
    Some(format!(
        "Invalid Resource Record: 'FATAL problem: {kind}RRDATAIllegal (Value is not valid) \
         encountered with '{value}''"
    ))
}
