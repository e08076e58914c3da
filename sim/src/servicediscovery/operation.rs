//! Operations: what a call has begun, how far it is, and why it failed.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PAGER, filter, invalid};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// For how long one is `SUBMITTED`.
const SUBMITTED: Duration = Duration::from_secs(1);
/// For how long one is remembered (API `GetOperation` says nothing of that).
const REMEMBERED: Duration = Duration::from_hours(24);

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    kind: &'static str,
    /// `SUCCESS`, or `FAIL` with code and message; none while it goes on.
    ended: Option<Result<(), (String, String)>>,
    created: Duration,
    updated: Duration,
    /// What it is about: `NAMESPACE`, `SERVICE` or `INSTANCE`, and its id.
    targets: Vec<(&'static str, String)>,
}

impl Operation {
    fn status(&self, now: Duration) -> &'static str {
        match &self.ended {
            Some(Ok(())) => "SUCCESS",
            Some(Err(_)) => "FAIL",
            None if now < self.created + SUBMITTED => "SUBMITTED",
            None => "PENDING",
        }
    }
}

/// Begins one; returns its id.
pub(super) fn begin(
    world: &mut World,
    kind: &'static str,
    targets: &[(&'static str, &str)],
) -> String {
    let id = format!("{}-{}", world.digits_of(32, &format!("operation {kind}")), kind.len());
    let targets = targets.iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
    let (created, updated) = (world.now, world.now);
    let operation = Operation { kind, ended: None, created, updated, targets };
    world.servicediscovery_mut().operations.insert(id.clone(), operation);
    let over = id.clone();
    world.after(REMEMBERED, move |world| {
        world.servicediscovery_mut().operations.remove(&over);
    });
    id
}

/// Ends one: well, or with a code and a message.
pub(super) fn end(world: &mut World, id: &str, ended: Result<(), (&str, String)>) {
    let now = world.now;
    if let Some(operation) = world.servicediscovery_mut().operations.get_mut(id) {
        operation.ended = Some(ended.map_err(|(code, message)| (code.to_owned(), message)));
        operation.updated = now;
    }
}

/// `GetOperation`.
pub(super) fn get(world: &World, input: &Value) -> Answer {
    let id = input.text("OperationId");
    let Some(it) = world.servicediscovery().operations.get(id) else {
        let message = format!("No operation with id {id}");
        return Err(Refusal::new("OperationNotFound", message));
    };
    let targets: serde_json::Map<_, _> =
        it.targets.iter().map(|(kind, id)| ((*kind).to_owned(), id.clone().into())).collect();
    let mut operation = json!({
        "Id": id,
        "Type": it.kind,
        "Status": it.status(world.now),
        "CreateDate": world.timestamp_at(it.created),
        "UpdateDate": world.timestamp_at(it.updated),
        "Targets": targets,
    });
    if let Some(Err((code, message))) = &it.ended {
        operation["ErrorCode"] = code.clone().into();
        operation["ErrorMessage"] = message.clone().into();
    }
    Ok(json!({ "Operation": operation }))
}

/// `ListOperations`.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let all = world.servicediscovery().operations.iter();
    let one = |(id, it): (&String, &Operation)| json!({ "Id": id, "Status": it.status(world.now) });
    let mut answer = PAGER.page(world, input, "Operations", PAGER.most, all.map(one).collect())?;
    filter::keep(&mut answer, "Operations", input, |thing, name| {
        let operations = &world.servicediscovery().operations;
        let Some(it) = operations.get(thing.text("Id")) else { return Ok(String::new()) };
        let target = |kind: &str| {
            let target = it.targets.iter().find(|(is, _)| *is == kind);
            target.map(|(_, id)| id.clone()).unwrap_or_default()
        };
        match name {
            "STATUS" => Ok(it.status(world.now).to_owned()),
            "TYPE" => Ok(it.kind.to_owned()),
            "NAMESPACE_ID" => Ok(target("NAMESPACE")),
            "SERVICE_ID" => Ok(target("SERVICE")),
            other => Err(invalid(format!("Filter {other} is not simulated."))),
        }
    })?;
    Ok(answer)
}
