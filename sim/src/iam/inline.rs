//! Inline policies of roles.

use serde_json::{Value, json};

use super::named::shown;
use super::role::Role;
use super::{document, role};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How many characters all inline policies of a role may have, white space apart.
const MOST: usize = 10_240;

fn unknown(policy: &str) -> Refusal {
    super::no_such_entity(format!("The role policy with name {policy} cannot be found."))
}

pub(super) fn put_role_policy(world: &mut World, input: &Value) -> Answer {
    let (policy, document) = (input.text("PolicyName"), input.text("PolicyDocument"));
    let role = role::find_mut(world, input.text("RoleName"))?;
    document::check_permissions(document)?;
    let others = role.inline.iter().filter(|(name, _)| *name != policy);
    let size: usize = others.map(|(_, document)| document::size(document)).sum();
    if size + document::size(document) > MOST {
        let message =
            format!("Maximum policy size of {MOST} bytes exceeded for role {}", role.name);
        return Err(Refusal::new("LimitExceeded", message).with_status(409));
    }
    role.inline.insert(policy.to_owned(), document.to_owned());
    Ok(json!({}))
}

pub(super) fn get_role_policy(world: &World, input: &Value) -> Answer {
    let policy = input.text("PolicyName");
    let role = shown::<Role>(world, input.text("RoleName"))?;
    let document = role.inline.get(policy).ok_or_else(|| unknown(policy))?;
    Ok(json!({
        "RoleName": role.name,
        "PolicyName": policy,
        "PolicyDocument": document::encoded(document),
    }))
}

pub(super) fn list_role_policies(world: &World, input: &Value) -> Answer {
    let role = shown::<Role>(world, input.text("RoleName"))?;
    let names = role.inline.keys().map(|name| json!(name)).collect();
    super::page(world, input, "PolicyNames", names)
}

pub(super) fn delete_role_policy(world: &mut World, input: &Value) -> Answer {
    let policy = input.text("PolicyName");
    let role = role::find_mut(world, input.text("RoleName"))?;
    role.inline.remove(policy).map(|_| json!({})).ok_or_else(|| unknown(policy))
}
