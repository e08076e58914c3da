//! Tags of namespaces and services.

use serde_json::{Value, json};

use super::{TAGS, bare};
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

fn gone(arn: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("Resource not found: {arn}"))
}

fn find_mut<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let state = world.servicediscovery_mut();
    let namespace = state.namespaces.get_mut(bare(arn)).map(|it| &mut it.tags);
    let registry = state.registries.get_mut(bare(arn)).map(|it| &mut it.tags);
    namespace.or(registry).ok_or_else(|| gone(arn))
}

pub(super) fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = TAGS.given(input.list("Tags"))?;
    TAGS.put(find_mut(world, input.text("ResourceARN"))?, tags)?;
    Ok(json!({}))
}

pub(super) fn untag_resource(world: &mut World, input: &Value) -> Answer {
    let keys = input.texts("TagKeys");
    TAGS.remove(find_mut(world, input.text("ResourceARN"))?, &keys);
    Ok(json!({}))
}

pub(super) fn list_tags_for_resource(world: &World, input: &Value) -> Answer {
    let arn = input.text("ResourceARN");
    let state = world.servicediscovery();
    let namespace = state.namespaces.get(bare(arn)).map(|it| &it.tags);
    let registry = state.registries.get(bare(arn)).map(|it| &it.tags);
    let tags = namespace.or(registry).ok_or_else(|| gone(arn))?;
    Ok(json!({ "Tags": tag_list(tags) }))
}
