//! Inline policies of roles. As with all of IAM, what was just put counts a while later, and what was
//! there before counts until then.

use std::time::Duration;

use serde_json::{Value, json};

use super::named::shown;
use super::role::Role;
use super::{POLICY, document, role};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An inline policy.
#[derive(Debug, Clone)]
pub(super) struct Inline {
    /// What it says.
    pub(super) document: String,
    /// When that counts with other services.
    counts_at: Duration,
    /// What counts until then.
    former: Option<String>,
}

impl Inline {
    /// What other services go by.
    pub(super) fn document_at(&self, now: Duration) -> Option<&str> {
        if self.counts_at <= now { Some(&self.document) } else { self.former.as_deref() }
    }
}

/// How many characters all inline policies of a role may have, white space apart.
const MOST: usize = 10_240;

fn unknown(policy: &str) -> Refusal {
    super::no_such_entity(format!("The role policy with name {policy} cannot be found."))
}

pub(super) fn put_role_policy(world: &mut World, input: &Value) -> Answer {
    let (policy, document) = (input.text("PolicyName"), input.text("PolicyDocument"));
    let name = input.text("RoleName");
    let (now, counts_at) = (world.now, super::until(world, POLICY, &format!("{name}/{policy}")));
    let role = role::find_mut(world, name)?;
    document::check_permissions(document)?;
    let others = role.inline.iter().filter(|(name, _)| *name != policy);
    let size: usize = others.map(|(_, it)| document::size(&it.document)).sum();
    if size + document::size(document) > MOST {
        let message =
            format!("Maximum policy size of {MOST} bytes exceeded for role {}", role.name);
        return Err(Refusal::new("LimitExceeded", message).with_status(409));
    }
    let before = role.inline.get(policy).and_then(|it| it.document_at(now));
    let former = before.map(str::to_owned);
    let inline = Inline { document: document.to_owned(), counts_at, former };
    role.inline.insert(policy.to_owned(), inline);
    Ok(json!({}))
}

pub(super) fn get_role_policy(world: &World, input: &Value) -> Answer {
    let policy = input.text("PolicyName");
    let role = shown::<Role>(world, input.text("RoleName"))?;
    let document = &role.inline.get(policy).ok_or_else(|| unknown(policy))?.document;
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
