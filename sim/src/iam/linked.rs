//! Service-linked roles: AWS's own roles in the account, one for each service.
//!
//! AWS makes one at a service's first use, too late for that very use (`docs/aws-facts.md`,
//! "Service-linked roles"). Users can make one beforehand, but neither change nor, here, remove it.

use std::time::Duration;

use serde_json::{Value, json};

use super::role::Role;
use super::{Iam, LINKED, VISIBLE};
use crate::arn::Arn;
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::{EPOCH, World};

/// Services, their roles, and the roles' policies.
const SERVICES: &[(&str, &str, &str)] = &[
    ("ecs.amazonaws.com", "AWSServiceRoleForECS", "AmazonECSServiceRolePolicy"),
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy"),
    (
        "elasticloadbalancing.amazonaws.com",
        "AWSServiceRoleForElasticLoadBalancing",
        "AWSElasticLoadBalancingServiceRolePolicy",
    ),
];

const DAY: Duration = Duration::from_hours(24);

/// The path that a service's role stands under.
pub(super) fn path(service: &str) -> String {
    format!("/aws-service-role/{service}/")
}

/// The services that have such roles.
pub(super) fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(service, ..)| *service)
}

/// The name of a service's role.
pub(super) fn name(service: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(it, ..)| *it == service).map(|(_, name, _)| *name)
}

/// An account that has used all services long since.
pub(super) fn used_account(partition: &'static str) -> Iam {
    let mut iam = Iam::default();
    for (number, (service, name, policy)) in SERVICES.iter().enumerate() {
        let id = format!("AROA0000000000000000{number}");
        let role = role(
            partition,
            service,
            name,
            policy,
            id,
            Duration::from_secs(EPOCH).saturating_sub(DAY).as_secs_f64(),
        );
        iam.roles.all.insert(name.to_ascii_lowercase(), role);
    }
    iam
}

/// Makes the role of a service that has none.
pub(super) fn make(world: &mut World, service: &str, description: Option<String>) {
    let Some((_, name, policy)) = SERVICES.iter().find(|(it, ..)| *it == service) else { return };
    let id = format!("AROA{}", world.hex(17).to_uppercase());
    let role = Role {
        description,
        counts_at: super::until(world, LINKED, name),
        visible_at: super::until(world, VISIBLE, name),
        ..role(world.partition(), service, name, policy, id, world.timestamp())
    };
    world.iam_mut().roles.all.insert(name.to_ascii_lowercase(), role);
}

pub(super) fn create_service_linked_role(world: &mut World, input: &Value) -> Answer {
    let service = input.text("AWSServiceName");
    let Some((_, name, _)) = SERVICES.iter().find(|(it, ..)| *it == service) else {
        let message = format!("Service {service} is not simulated");
        return Err(Refusal::new("SimulatorLacks", message));
    };
    if input.some_text("CustomSuffix").is_some() {
        let message = format!("Custom suffix is not allowed for {service}");
        return Err(Refusal::new("InvalidInput", message));
    }
    let key = name.to_ascii_lowercase();
    if world.iam().roles.all.contains_key(&key) {
        if world.scenario.doubts(Doubt::LinkedRoleTakenOtherwise) {
            let message = format!("Role with name {name} already exists.");
            return Err(super::already_exists(message));
        }
        let message = format!(
            "Service role name {name} has been taken in this account, please try a different \
             suffix."
        );
        return Err(Refusal::new("InvalidInput", message));
    }
    make(world, service, input.some_text("Description").map(str::to_owned));
    let role = world.iam().roles.all.get(&key).map(Role::view);
    Ok(json!({ "Role": role }))
}

fn role(
    partition: &'static str,
    service: &str,
    name: &str,
    policy: &str,
    id: String,
    created: f64,
) -> Role {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": [service] },
            "Action": ["sts:AssumeRole"],
        }],
    });
    let policy = format!("policy/aws-service-role/{policy}");
    let policy = Arn { account: "aws", ..Arn::of_iam(partition, &policy) }.to_string();
    Role {
        partition,
        name: name.to_owned(),
        path: path(service),
        id,
        created,
        trust: trust.to_string(),
        attached: [(policy, Duration::ZERO)].into(),
        ..Role::default()
    }
}
