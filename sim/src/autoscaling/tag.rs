//! Tags of groups, each of which may go to the instances at their launch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Group, PAGER, invalid};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::tags::{Fault, Rules};
use crate::world::World;

/// What Auto Scaling lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => Refusal::new("LimitExceeded", "A group can have at most 50 tags."),
        Fault::Twice(_) => invalid("Duplicate tag keys are not allowed."),
        Fault::Reserved(key) => {
            let message = format!("The tag key {key} begins with aws:, which is reserved for AWS.");
            invalid(message)
        }
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) => invalid("A tag is too long."),
    },
};

fn check(tag: &Value) -> Result<(), Refusal> {
    TAGS.given(std::slice::from_ref(tag))?;
    if tag.some_text("ResourceType").is_some_and(|kind| kind != "auto-scaling-group") {
        return Err(invalid("The only supported resource type is auto-scaling-group."));
    }
    Ok(())
}

fn pair(tag: &Value) -> (String, (String, bool)) {
    let propagates = tag.flag("PropagateAtLaunch") == Some(true);
    (tag.text("Key").to_owned(), (tag.text("Value").to_owned(), propagates))
}

/// The tags with which a group is made.
pub(super) fn of_new_group(
    input: &Value,
    name: &str,
) -> Result<BTreeMap<String, (String, bool)>, Refusal> {
    let given = input.list("Tags");
    for tag in given {
        check(tag)?;
        if tag.some_text("ResourceId").is_some_and(|id| id != name) {
            return Err(invalid("The ResourceId of a tag must be the name of the group."));
        }
    }
    TAGS.given(given)?;
    Ok(given.iter().map(pair).collect())
}

/// The tags of a group, wherever they go.
pub(super) fn of(group: &Group) -> Tags {
    let tags = group.tags.iter();
    tags.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
}

/// The tags with which a group launches an instance: AWS adds the group's name.
pub(super) fn at_launch(group: &Group) -> Tags {
    let propagated = group.tags.iter().filter(|(_, (_, propagates))| *propagates);
    let mut tags: Tags = propagated.map(|(key, (value, _))| (key.clone(), value.clone())).collect();
    tags.insert("aws:autoscaling:groupName".to_owned(), group.name.clone());
    tags
}

/// The tags of a group as answers show them.
pub(super) fn views(group: &Group) -> Vec<Value> {
    let tags = group.tags.iter();
    tags.map(|(key, (value, propagates))| {
        json!({
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagates,
        })
    })
    .collect()
}

pub(super) fn create_or_update_tags(world: &mut World, input: &Value) -> Answer {
    let given = input.list("Tags");
    // All or none.
    for tag in given {
        check(tag)?;
        super::named(world, tag.text("ResourceId"))?;
    }
    for tag in given {
        let Some(group) = super::find_mut(world, tag.text("ResourceId")) else { continue };
        let (key, value) = pair(tag);
        TAGS.put(&mut of(group), Tags::from([(key.clone(), value.0.clone())]))?;
        group.tags.insert(key, value);
    }
    Ok(json!({}))
}

pub(super) fn delete_tags(world: &mut World, input: &Value) -> Answer {
    let given = input.list("Tags");
    for tag in given {
        super::named(world, tag.text("ResourceId"))?;
    }
    for tag in given {
        let Some(group) = super::find_mut(world, tag.text("ResourceId")) else { continue };
        let value = tag.some_text("Value");
        let is_it = |old: &(String, bool)| value.is_none_or(|value| value == old.0);
        if group.tags.get(tag.text("Key")).is_some_and(is_it) {
            group.tags.remove(tag.text("Key"));
        }
    }
    Ok(json!({}))
}

pub(super) fn describe_tags(world: &World, input: &Value) -> Answer {
    let mut views: Vec<_> = world.autoscaling().groups.values().flat_map(views).collect();
    for filter in input.list("Filters") {
        let values = filter.texts("Values");
        let has = |text: &str| values.iter().any(|value| value == text);
        match filter.text("Name") {
            "auto-scaling-group" => views.retain(|tag| has(tag.text("ResourceId"))),
            "key" => views.retain(|tag| has(tag.text("Key"))),
            "value" => views.retain(|tag| has(tag.text("Value"))),
            "propagate-at-launch" => views.retain(|tag| {
                has(if tag.flag("PropagateAtLaunch") == Some(true) { "true" } else { "false" })
            }),
            name => return Err(invalid(format!("Filter type {name} is not correct."))),
        }
    }
    PAGER.page(world, input, "Tags", 50, views)
}
