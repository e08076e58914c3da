//! The security token service: who is asking. It has nothing of its own.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arn::ACCOUNT;
use crate::buckets::{Limits, Shared};
use crate::model::Model;
use crate::refusal::{Refusal, Refusals};
use crate::service::Handler::{self, Looks};
use crate::service::Service;
use crate::world::{Scope, World};

/// The service.
pub static SERVICE: Service = Service {
    name: "sts",
    model: LazyLock::new(|| Model::read(include_str!("sts/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (100.0, 100.0), changes: (100.0, 100.0) },
    refusals: Refusals {
        missing: "ValidationError",
        malformed: "ValidationError",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: Scope::Partition,
    begin: |_| (),
    hear: None,
    ids: |_| Vec::new(),
    tagged: |_| Vec::new(),
    required: |_| Vec::new(),
    tell: |_, _| (),
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] =
    &[("GetCallerIdentity", Looks(|world, _| Ok(caller_identity(world))))];

fn caller_identity(world: &World) -> Value {
    json!({ "Account": ACCOUNT, "Arn": world.caller(), "UserId": "AIDAREHEARSAL" })
}
