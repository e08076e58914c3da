//! Tags: at birth, and by `DescribeTags`, `AddTags` and `RemoveTags`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::fields::{Fields, Tags, tag_list};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::{invalid, listener, load_balancer, rule, target_group};

/// As many tags as a resource can have.
const MOST: usize = 50;
/// As many resources as one call is about.
const RESOURCES: usize = 20;

/// The tags of a request, checked.
pub(super) fn of(input: &Value) -> Result<Tags, Refusal> {
    let mut keys = BTreeSet::new();
    for tag in input.list("Tags") {
        let key = tag.text("Key");
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("'aws:' prefixed tag key names are not allowed for external use."));
        }
        if !keys.insert(key) {
            let message = format!("Tag key '{key}' was specified more than once");
            return Err(Refusal::new("DuplicateTagKeys", message));
        }
    }
    if keys.len() > MOST {
        return Err(too_many());
    }
    Ok(input.tags("Tags"))
}

fn too_many() -> Refusal {
    Refusal::new("TooManyTags", format!("A resource can have at most '{MOST}' tags"))
}

/// The tags of something by its ARN; whatever is not there, or not yet visible, is refused with the
/// code of its kind.
fn find<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let kind = resource.split('/').next().unwrap_or_default();
    match kind {
        "loadbalancer" => {
            load_balancer::visible(world, arn)?;
            let it = world.elb_mut().load_balancers.get_mut(arn).map(|it| &mut it.tags);
            it.ok_or_else(load_balancer::not_found)
        }
        "targetgroup" => {
            target_group::visible(world, arn)?;
            let it = world.elb_mut().target_groups.get_mut(arn).map(|it| &mut it.tags);
            it.ok_or_else(target_group::not_found)
        }
        "listener" => {
            listener::visible(world, arn)?;
            let it = world.elb_mut().listeners.get_mut(arn).map(|it| &mut it.tags);
            it.ok_or_else(listener::not_found)
        }
        "listener-rule" => {
            world.elb_mut().rules.get_mut(arn).map(|it| &mut it.tags).ok_or_else(rule::not_found)
        }
        _ => Err(invalid(format!("'{arn}' is not a valid resource ARN"))),
    }
}

fn arns(input: &Value) -> Result<Vec<String>, Refusal> {
    let arns = input.texts("ResourceArns");
    match arns.len() {
        0 => Err(invalid("A resource ARN must be specified")),
        1..=RESOURCES => Ok(arns),
        _ => Err(invalid(format!("Cannot have more than {RESOURCES} resources in one call"))),
    }
}

/// `DescribeTags`: one that is not there fails the call for all.
pub(super) fn describe(world: &mut World, input: &Value) -> Answer {
    let mut described = Vec::new();
    for arn in arns(input)? {
        let tags = tag_list(find(world, &arn)?);
        described.push(json!({ "ResourceArn": arn, "Tags": tags }));
    }
    Ok(json!({ "TagDescriptions": described }))
}

/// `AddTags`.
pub(super) fn add(world: &mut World, input: &Value) -> Answer {
    let (arns, new) = (arns(input)?, of(input)?);
    for arn in &arns {
        let tags = find(world, arn)?;
        let more = new.keys().filter(|key| !tags.contains_key(*key)).count();
        if tags.len() + more > MOST {
            return Err(too_many());
        }
    }
    for arn in &arns {
        find(world, arn)?.extend(new.clone());
    }
    Ok(json!({}))
}

/// `RemoveTags`.
pub(super) fn remove(world: &mut World, input: &Value) -> Answer {
    let arns = arns(input)?;
    for arn in &arns {
        find(world, arn)?;
    }
    let keys = input.texts("TagKeys");
    for arn in &arns {
        find(world, arn)?.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}
