//! What AWS has of its own: its managed policies, and the services that can be principals.
//!
//! Both are data, which `scripts/service_models.py` makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
struct Managed {
    /// Paths and names: `service-role/AmazonECSTaskExecutionRolePolicy`.
    policies: BTreeSet<String>,
    /// `ecs-tasks.amazonaws.com`.
    services: BTreeSet<String>,
    /// What some of the policies say, by path and name.
    documents: BTreeMap<String, Value>,
}

static MANAGED: LazyLock<Managed> = LazyLock::new(|| {
    let text = include_str!("managed_policies.json");
    serde_json::from_str(text).expect("the script writes what is read here")
});

/// Services that no managed policy passes a role to or makes one for (IAM guide, "AWS services that work
/// with IAM", and the guides of each).
const MORE: &[&str] = &[
    "codedeploy.amazonaws.com",
    "delivery.logs.amazonaws.com",
    "edgelambda.amazonaws.com",
    "export.rds.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "ops.apigateway.amazonaws.com",
    "replicator.lambda.amazonaws.com",
    "sns.amazonaws.com",
    "sqs.amazonaws.com",
    "streams.metrics.cloudwatch.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
];

/// Whether AWS has a managed policy of this path and name.
pub(super) fn has_policy(policy: &str) -> bool {
    MANAGED.policies.contains(policy)
}

/// What a managed policy of this path and name says, where that is known.
pub(super) fn document(policy: &str) -> Option<String> {
    MANAGED.documents.get(policy).map(Value::to_string)
}

/// Whether IAM knows a service by this name.
pub(super) fn has_service(name: &str) -> bool {
    let knows = |name: &str| MANAGED.services.contains(name) || MORE.contains(&name);
    let name = name.strip_suffix(".cn").unwrap_or(name);
    // Some services have principals of their regions: `logs.eu-central-1.amazonaws.com`.
    let parts: Vec<_> = name.split('.').collect();
    let of_region = |rest: &[&str]| match rest {
        [service @ .., region, amazonaws, com] if region.matches('-').count() >= 2 => {
            knows(&[service.join("."), (*amazonaws).to_owned(), (*com).to_owned()].join("."))
        }
        _ => false,
    };
    knows(name) || of_region(&parts)
}
