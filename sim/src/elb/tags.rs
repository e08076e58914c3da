//! Tags: at birth, and by `DescribeTags`, `AddTags` and `RemoveTags`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{invalid, listener, load_balancer, rule, target_group};
use crate::arn;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

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

/// The kind of what an ARN names.
fn kind(arn: &str) -> &str {
    arn::resource(arn).split('/').next().unwrap_or_default()
}

fn unknown(arn: &str) -> Refusal {
    match kind(arn) {
        "loadbalancer" => load_balancer::not_found(),
        "targetgroup" => target_group::not_found(),
        "listener" => listener::not_found(),
        "listener-rule" => rule::not_found(),
        _ => invalid(format!("'{arn}' is not a valid resource ARN")),
    }
}

/// The tags of something by its ARN; whatever is not there, or not yet visible, is refused with the
/// code of its kind.
fn find<'a>(world: &'a World, arn: &str) -> Result<&'a Tags, Refusal> {
    let found = match kind(arn) {
        "loadbalancer" => Some(&load_balancer::visible(world, arn)?.tags),
        "targetgroup" => Some(&target_group::visible(world, arn)?.tags),
        "listener" => Some(&listener::visible(world, arn)?.tags),
        "listener-rule" => world.elb().rules.get(arn).map(|it| &it.tags),
        _ => None,
    };
    found.ok_or_else(|| unknown(arn))
}

/// The same, to be changed.
fn find_mut<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    find(world, arn)?;
    let elb = world.elb_mut();
    let found = match kind(arn) {
        "loadbalancer" => elb.load_balancers.get_mut(arn).map(|it| &mut it.tags),
        "targetgroup" => elb.target_groups.get_mut(arn).map(|it| &mut it.tags),
        "listener" => elb.listeners.get_mut(arn).map(|it| &mut it.tags),
        _ => elb.rules.get_mut(arn).map(|it| &mut it.tags),
    };
    found.ok_or_else(|| unknown(arn))
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
pub(super) fn describe(world: &World, input: &Value) -> Answer {
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
        find_mut(world, arn)?.extend(new.clone());
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
        find_mut(world, arn)?.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}
