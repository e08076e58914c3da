//! Service-linked roles: AWS's own roles in the account, one for each service.
//!
//! AWS makes one at a service's first use, too late for that very use (`docs/aws-facts.md`,
//! "Service-linked roles"). Users can make one beforehand, but neither change nor, here, remove it.

use std::time::Duration;

use serde_json::{Value, json};

use super::role::Role;
use super::{LINKED, VISIBLE};
use crate::arn::Arn;
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::{EPOCH, World};

/// A service-linked role: one that AWS makes in an account for a service of its own.
#[derive(Debug)]
pub struct ServiceRole {
    /// Who assumes it, such as `ecs.amazonaws.com`.
    pub principal: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The name of the policy that says what it allows.
    pub policy: &'static str,
}

const DAY: Duration = Duration::from_hours(24);

/// The path that a service's role stands under.
pub(super) fn path(service: &str) -> String {
    format!("/aws-service-role/{service}/")
}

/// The role of a service such as `ecs.amazonaws.com`.
pub(super) fn of(world: &World, service: &str) -> Option<&'static ServiceRole> {
    world.iam().service_roles.iter().find(|role| role.principal == service).copied()
}

/// A service has this role. An account that is not fresh has used it long since.
pub(super) fn introduce(world: &mut World, linked: &'static ServiceRole) {
    if of(world, linked.principal).is_some() {
        return;
    }
    let id = format!("AROA0000000000000000{}", world.iam().service_roles.len());
    let created = Duration::from_secs(EPOCH).saturating_sub(DAY).as_secs_f64();
    let role = role(world.partition(), linked, id, created);
    let is_fresh = world.scenario.fresh_account;
    let iam = world.iam_mut();
    iam.service_roles.push(linked);
    if !is_fresh {
        iam.roles.all.insert(linked.name.to_ascii_lowercase(), role);
    }
}

/// Makes the role of a service that has none.
pub(super) fn make(world: &mut World, linked: &ServiceRole, description: Option<String>) {
    let id = format!("AROA{}", world.hex(17).to_uppercase());
    let role = Role {
        description,
        counts_at: super::until(world, LINKED, linked.name),
        visible_at: super::until(world, VISIBLE, linked.name),
        ..role(world.partition(), linked, id, world.timestamp())
    };
    world.iam_mut().roles.all.insert(linked.name.to_ascii_lowercase(), role);
}

pub(super) fn create_service_linked_role(world: &mut World, input: &Value) -> Answer {
    let service = input.text("AWSServiceName");
    let Some(linked) = of(world, service) else {
        let message = format!("Service {service} is not simulated");
        return Err(Refusal::new("SimulatorLacks", message));
    };
    if input.some_text("CustomSuffix").is_some() {
        let message = format!("Custom suffix is not allowed for {service}");
        return Err(Refusal::new("InvalidInput", message));
    }
    let name = linked.name;
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
    make(world, linked, input.some_text("Description").map(str::to_owned));
    let role = world.iam().roles.all.get(&key).map(Role::view);
    Ok(json!({ "Role": role }))
}

fn role(partition: &'static str, linked: &ServiceRole, id: String, created: f64) -> Role {
    let ServiceRole { principal: service, name, policy } = *linked;
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
