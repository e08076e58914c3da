//! Tags of roles and instance profiles. Their keys differ by more than their case.

use serde_json::{Value, json};

use super::named::{find_mut, shown};
use super::profile::Profile;
use super::role;
use super::role::Role;
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::tags::{Fault, Rules};
use crate::world::World;

/// What IAM lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: true,
    refuse: |fault| match fault {
        Fault::TooMany => {
            let message = "The number of tags has reached the maximum limit.";
            Refusal::new("LimitExceeded", message).with_status(409)
        }
        Fault::Twice(_) => {
            invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        }
        Fault::Reserved(_) => {
            invalid("System tags cannot be added/updated by requester: aws: is reserved")
        }
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) => invalid("A tag is too long."),
    },
};

fn invalid(message: &str) -> Refusal {
    Refusal::new("InvalidInput", message)
}

/// The tags of a request.
pub(super) fn checked(input: &Value) -> Result<Tags, Refusal> {
    TAGS.given(input.list("Tags"))
}

fn add(tags: &mut Tags, new: Tags) -> Answer {
    TAGS.put(tags, new)?;
    Ok(json!({}))
}

fn remove(tags: &mut Tags, input: &Value) -> Value {
    TAGS.remove(tags, &input.texts("TagKeys"));
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
    list(world, &shown::<Role>(world, input.text("RoleName"))?.tags, input)
}

pub(super) fn tag_instance_profile(world: &mut World, input: &Value) -> Answer {
    let tags = checked(input)?;
    add(&mut find_mut::<Profile>(world, input.text("InstanceProfileName"))?.tags, tags)
}

pub(super) fn untag_instance_profile(world: &mut World, input: &Value) -> Answer {
    let profile = find_mut::<Profile>(world, input.text("InstanceProfileName"))?;
    Ok(remove(&mut profile.tags, input))
}

pub(super) fn list_instance_profile_tags(world: &World, input: &Value) -> Answer {
    list(world, &shown::<Profile>(world, input.text("InstanceProfileName"))?.tags, input)
}
