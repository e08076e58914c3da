//! Managed policies of roles. Only AWS's own exist here: there is no `CreatePolicy`.

use serde_json::{Value, json};

use super::named::shown;
use super::role::Role;
use super::{POLICY, managed, role};
use crate::arn::{Arn, short};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How many a role may have.
const MOST: usize = 10;

/// The name of a policy, which ends its ARN.
pub(super) fn name_of(arn: &str) -> &str {
    short(arn)
}

/// What a policy says, where that is known.
pub(super) fn document(arn: &str) -> Option<String> {
    managed::document(arn.split_once(":policy/")?.1)
}

/// Whether AWS has such a policy in this partition, under its own path.
pub(super) fn is_known(partition: &str, arn: &str) -> bool {
    let Some(Arn { resource, .. }) = Arn::parse(arn) else { return false };
    let is_own = Arn { account: "aws", ..Arn::of_iam(partition, resource) }.to_string() == arn;
    is_own && resource.strip_prefix("policy/").is_some_and(managed::has_policy)
}

fn check(arn: &str) -> Result<(), Refusal> {
    let invalid = || Refusal::new("InvalidInput", format!("ARN {arn} is not valid."));
    Arn::parse(arn).map(drop).ok_or_else(invalid)
}

pub(super) fn attach_role_policy(world: &mut World, input: &Value) -> Answer {
    let (name, arn) = (input.text("RoleName"), input.text("PolicyArn"));
    check(arn)?;
    let counts_at = super::until(world, POLICY, &format!("{name}/{}", name_of(arn)));
    let known = is_known(world.partition(), arn);
    let role = role::find_mut(world, name)?;
    if arn.contains(":policy/aws-service-role/") {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(Refusal::new("PolicyNotAttachable", message));
    }
    if !known {
        let message = format!("Policy {arn} does not exist or is not attachable.");
        return Err(super::no_such_entity(message));
    }
    // Once more is no change.
    if !role.attached.contains_key(arn) {
        if role.attached.len() >= MOST {
            return Err(super::limit_exceeded("PoliciesPerRole", MOST));
        }
        role.attached.insert(arn.to_owned(), counts_at);
    }
    Ok(json!({}))
}

pub(super) fn detach_role_policy(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("PolicyArn");
    check(arn)?;
    let role = role::find_mut(world, input.text("RoleName"))?;
    match role.attached.remove(arn) {
        Some(_) => Ok(json!({})),
        None => Err(super::no_such_entity(format!("Policy {arn} was not found."))),
    }
}

pub(super) fn list_attached_role_policies(world: &World, input: &Value) -> Answer {
    let role = shown::<Role>(world, input.text("RoleName"))?;
    let prefix = input.some_text("PathPrefix").unwrap_or("/");
    let is_below = |arn: &&String| {
        let path = arn.split_once(":policy").map_or("/", |(_, path)| path);
        path.starts_with(prefix)
    };
    let view = |arn: &String| json!({ "PolicyName": name_of(arn), "PolicyArn": arn });
    let policies = role.attached.keys().filter(is_below).map(view).collect();
    super::page(world, input, "AttachedPolicies", policies)
}

/// `GetPolicy`, of what the simulator knows of a policy.
pub(super) fn get_policy(world: &World, input: &Value) -> Answer {
    let arn = input.text("PolicyArn");
    check(arn)?;
    if !is_known(world.partition(), arn) && world.scenario.boundary.as_deref() != Some(arn) {
        return Err(super::no_such_entity(format!("Policy {arn} was not found.")));
    }
    let path = arn.split_once(":policy").map_or("/", |(_, path)| path);
    let path = path.rsplit_once('/').map_or("/", |(before, _)| before);
    let roles = world.iam().roles.all.values();
    Ok(json!({ "Policy": {
        "PolicyName": name_of(arn),
        "Arn": arn,
        "Path": format!("{path}/"),
        "AttachmentCount": roles.filter(|role| role.attached.contains_key(arn)).count(),
        "IsAttachable": path != "/aws-service-role",
    } }))
}
