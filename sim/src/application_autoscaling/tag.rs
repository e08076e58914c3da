//! Tags of targets, the only things that have any.

use serde_json::{Value, json};

use super::TAGS;
use super::target::Target;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

fn gone(arn: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("The resource does not exist: {arn}"))
}

fn find_mut<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Target, Refusal> {
    let mut targets = world.application_autoscaling_mut().targets.values_mut();
    targets.find(|target| target.arn == arn).ok_or_else(|| gone(arn))
}

pub(super) fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = TAGS.given_by_key(input.tags("Tags"))?;
    let target = find_mut(world, input.text("ResourceARN"))?;
    TAGS.put(&mut target.tags, tags)?;
    Ok(json!({}))
}

pub(super) fn untag_resource(world: &mut World, input: &Value) -> Answer {
    let target = find_mut(world, input.text("ResourceARN"))?;
    TAGS.remove(&mut target.tags, &input.texts("TagKeys"));
    Ok(json!({}))
}

pub(super) fn list_tags_for_resource(world: &World, input: &Value) -> Answer {
    let arn = input.text("ResourceARN");
    let mut targets = world.application_autoscaling().targets.values();
    let target = targets.find(|target| target.arn == arn).ok_or_else(|| gone(arn))?;
    Ok(json!({ "Tags": target.tags }))
}
