//! Tags of hosted zones: at most ten, and none at birth.

use serde_json::{Value, json};

use super::{invalid_input, zone};
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// As many tags as a hosted zone can have.
const MOST: usize = 10;
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
    let (add, remove) = (input.tags("AddTags"), input.texts("RemoveTagKeys"));
    if add.is_empty() && remove.is_empty() {
        return Err(invalid_input("At least one tag must be added or removed"));
    }
    if add.len() < input.list("AddTags").len() {
        return Err(invalid_input("The same tag key was specified more than once"));
    }
    if let Some(key) = add.keys().find(|key| remove.contains(key)) {
        return Err(invalid_input(format!("The tag '{key}' cannot be both added and removed")));
    }
    if add.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid_input("Tag keys cannot begin with aws:"));
    }
    tags.retain(|key, _| !remove.contains(key));
    tags.extend(add);
    if tags.len() > MOST {
        return Err(invalid_input(format!("A resource can have at most {MOST} tags")));
    }
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
