//! Tags of hosted zones: at most ten, and none at birth.

use serde_json::{Value, json};

use super::{invalid_input, zone};
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::tags::{Fault, Rules};
use crate::world::World;

/// What Route 53 lets tags of a hosted zone be.
const TAGS: Rules = Rules {
    most: 10,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => invalid_input("A resource can have at most 10 tags"),
        Fault::Twice(_) => invalid_input("The same tag key was specified more than once"),
        Fault::Reserved(_) => invalid_input("Tag keys cannot begin with aws:"),
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) => {
            invalid_input("A tag is empty or too long")
        }
    },
};
/// As many resources as one look takes.
const RESOURCES: usize = 10;

/// The id of a zone; health checks are not there.
fn zone_id<'a>(input: &'a Value, id: &'a str) -> Result<&'a str, Refusal> {
    match input.text("ResourceType") {
        "hostedzone" => Ok(zone::bare(id)),
        _ => {
            let message = format!("No health check found with ID: {id}");
            Err(Refusal::new("NoSuchHealthCheck", message).with_status(404))
        }
    }
}

/// `ChangeTagsForResource`.
pub(super) fn change(world: &mut World, input: &Value) -> Answer {
    let id = zone_id(input, input.text("ResourceId"))?;
    let mut tags = zone::find(world, id)?.tags.clone();
    zone::check_idle(world, id)?;
    let (add, remove) = (TAGS.given(input.list("AddTags"))?, input.texts("RemoveTagKeys"));
    if add.is_empty() && remove.is_empty() {
        return Err(invalid_input("At least one tag must be added or removed"));
    }
    if let Some(key) = add.keys().find(|key| remove.contains(key)) {
        return Err(invalid_input(format!("The tag '{key}' cannot be both added and removed")));
    }
    TAGS.remove(&mut tags, &remove);
    TAGS.put(&mut tags, add)?;
    zone::find_mut(world, id)?.tags = tags;
    zone::occupy(world, id);
    Ok(json!({}))
}

fn described(world: &World, id: &str) -> Answer {
    let tags = tag_list(&zone::find(world, id)?.tags);
    Ok(json!({ "ResourceType": "hostedzone", "ResourceId": id, "Tags": tags }))
}

/// `ListTagsForResource`.
pub(super) fn list_one(world: &World, input: &Value) -> Answer {
    let id = zone_id(input, input.text("ResourceId"))?;
    Ok(json!({ "ResourceTagSet": described(world, id)? }))
}

/// `ListTagsForResources`: one that is not there fails the call for all.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let ids = input.texts("ResourceIds");
    if ids.is_empty() || ids.len() > RESOURCES {
        return Err(invalid_input(format!("Between 1 and {RESOURCES} resources can be named")));
    }
    let one = |id: &String| described(world, zone_id(input, id)?);
    let all: Vec<_> = ids.iter().map(one).collect::<Result<_, Refusal>>()?;
    Ok(json!({ "ResourceTagSets": all }))
}
