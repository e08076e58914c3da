//! Tags: at birth, and by `DescribeTags`, `AddTags` and `RemoveTags`.

use serde_json::{Value, json};

use super::{invalid, listener, load_balancer, rule, target_group};
use crate::arn;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::tags::{Fault, Rules};
use crate::world::World;

/// As many resources as one call is about.
const RESOURCES: usize = 20;

/// What load balancing lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => Refusal::new("TooManyTags", "A resource can have at most '50' tags"),
        Fault::Twice(key) => {
            let message = format!("Tag key '{key}' was specified more than once");
            Refusal::new("DuplicateTagKeys", message)
        }
        Fault::Reserved(_) => {
            invalid("'aws:' prefixed tag key names are not allowed for external use.")
        }
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) => invalid("A tag is too long"),
    },
};

/// The tags of a request, checked.
pub(super) fn of(input: &Value) -> Result<Tags, Refusal> {
    TAGS.given(input.list("Tags"))
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
        TAGS.put(&mut find(world, arn)?.clone(), new.clone())?;
    }
    for arn in &arns {
        TAGS.put(find_mut(world, arn)?, new.clone())?;
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
        TAGS.remove(find_mut(world, arn)?, &keys);
    }
    Ok(json!({}))
}
