//! Service Quotas: how much of each thing the account may have here.
//!
//! The numbers are those by which the services refuse ([`Scenario::quotas`](crate::scenario::Scenario)). One
//! that was never changed has no value of its own, and is only known by AWS's default (Service Quotas API,
//! `GetServiceQuota`).

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::fields::Fields;
use crate::model::Model;
use crate::policy::required::Target;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Looks};
use crate::service::Service;
use crate::world::{Scope, World};

#[cfg(test)]
mod tests;

/// The service.
pub static SERVICE: Service = Service {
    name: "servicequotas",
    model: LazyLock::new(|| Model::read(include_str!("service_quotas/model.json"))),
    operations: OPERATIONS,
    // Service Quotas guide, "Service quotas for Service Quotas": 5 a second, and 5 more in one burst.
    limits: Limits { shared: Shared::ByOperation, looks: (10.0, 5.0), changes: (5.0, 5.0) },
    refusals: Refusals {
        missing: "IllegalArgumentException",
        malformed: "IllegalArgumentException",
        throttled: || Refusal::new("TooManyRequestsException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Scope::Region,
    begin: |_| (),
    hear: None,
    ids: |_| Vec::new(),
    tagged: |_| Vec::new(),
    required: |call| vec![call.own([Target::any()])],
    tell: |_, _| (),
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] =
    &[("GetServiceQuota", Looks(applied)), ("GetAWSDefaultServiceQuota", Looks(default))];

/// A quota that is known.
struct Quota {
    service: &'static str,
    code: &'static str,
    name: &'static str,
    /// What the scenario calls it.
    scenario: &'static str,
    /// AWS's default.
    usual: usize,
    /// What an account has that the scenario says nothing of, where that is not AWS's default.
    applied: Option<usize>,
}

/// Codes and defaults as Service Quotas lists them.
const QUOTAS: &[Quota] = &[
    of("vpc", "L-F678F1CE", "VPCs per Region", "vpcs", 5),
    of("vpc", "L-A4707A72", "Internet gateways per Region", "gateways", 5),
    of("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", "nat-gateways-per-zone", 5),
    of("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", "addresses", 5),
    of(
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
        "load-balancers",
        50,
    ),
    Quota {
        applied: Some(32),
        ..of(
            "ec2",
            "L-1216C47A",
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            "vcpus",
            5,
        )
    },
    Quota {
        applied: Some(4000),
        ..of("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", "fargate-vcpus", 6)
    },
];

const fn of(
    service: &'static str,
    code: &'static str,
    name: &'static str,
    scenario: &'static str,
    usual: usize,
) -> Quota {
    Quota { service, code, name, scenario, usual, applied: None }
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// `GetServiceQuota`: what counts in this account, where that was ever set.
fn applied(world: &World, input: &Value) -> Answer {
    let quota = find(input)?;
    let said = world.scenario.quotas.get(quota.scenario).copied().or(quota.applied);
    said.map(|value| shown(quota, value)).ok_or_else(missing)
}

/// `GetAWSDefaultServiceQuota`.
fn default(_: &World, input: &Value) -> Answer {
    let quota = find(input)?;
    Ok(shown(quota, quota.usual))
}

fn find(input: &Value) -> Result<&'static Quota, Refusal> {
    let (service, code) = (input.text("ServiceCode"), input.text("QuotaCode"));
    QUOTAS.iter().find(|it| it.service == service && it.code == code).ok_or_else(missing)
}

fn missing() -> Refusal {
    let message = "The request failed because the specified service does not exist.";
    Refusal::new("NoSuchResourceException", message)
}

fn shown(quota: &Quota, value: usize) -> Value {
    json!({ "Quota": {
        "ServiceCode": quota.service,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    }})
}
