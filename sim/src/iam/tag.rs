//! Tags of roles and instance profiles. Their keys differ by more than their case.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{profile, role};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How many tags a thing may have.
const MOST: usize = 50;

/// The tags of a request.
pub(super) fn checked(input: &Value) -> Result<Tags, Refusal> {
    let tags = input.list("Tags");
    let keys = tags.iter().map(|tag| tag.text("Key").to_lowercase());
    let keys: BTreeSet<_> = keys.collect();
    if keys.len() < tags.len() {
        let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(Refusal::new("InvalidInput", message));
    }
    if keys.iter().any(|key| key.starts_with("aws:")) {
        let message = "System tags cannot be added/updated by requester: aws: is reserved";
        return Err(Refusal::new("InvalidInput", message));
    }
    if keys.len() > MOST {
        return Err(too_many());
    }
    Ok(input.tags("Tags"))
}

fn too_many() -> Refusal {
    let message = "The number of tags has reached the maximum limit.";
    Refusal::new("LimitExceeded", message).with_status(409)
}

/// Puts tags on: a key that differs only in case is the same.
fn add(tags: &mut Tags, new: Tags) -> Answer {
    let mut all = tags.clone();
    for (key, value) in new {
        all.retain(|old, _| old.to_lowercase() != key.to_lowercase());
        all.insert(key, value);
    }
    if all.len() > MOST {
        return Err(too_many());
    }
    *tags = all;
    Ok(json!({}))
}

/// Takes tags off.
fn remove(tags: &mut Tags, input: &Value) -> Value {
    let keys: Vec<_> = input.texts("TagKeys").iter().map(|key| key.to_lowercase()).collect();
    tags.retain(|key, _| !keys.contains(&key.to_lowercase()));
    json!({})
}

fn list(world: &World, tags: &Tags, input: &Value) -> Answer {
    let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
    super::page(world, input, "Tags", tags.collect())
}

pub(super) fn tag_role(world: &mut World, input: &Value) -> Answer {
    let tags = checked(input)?;
    add(&mut role::find_mut(world, input.text("RoleName"))?.tags, tags)
}

pub(super) fn untag_role(world: &mut World, input: &Value) -> Answer {
    Ok(remove(&mut role::find_mut(world, input.text("RoleName"))?.tags, input))
}

pub(super) fn list_role_tags(world: &World, input: &Value) -> Answer {
    list(world, &role::shown(world, input.text("RoleName"))?.tags, input)
}

pub(super) fn tag_instance_profile(world: &mut World, input: &Value) -> Answer {
    let tags = checked(input)?;
    add(&mut profile::find_mut(world, input.text("InstanceProfileName"))?.tags, tags)
}

pub(super) fn untag_instance_profile(world: &mut World, input: &Value) -> Answer {
    let profile = profile::find_mut(world, input.text("InstanceProfileName"))?;
    Ok(remove(&mut profile.tags, input))
}

pub(super) fn list_instance_profile_tags(world: &World, input: &Value) -> Answer {
    list(world, &profile::shown(world, input.text("InstanceProfileName"))?.tags, input)
}
