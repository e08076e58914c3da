//! Tags of what exists, and the account's settings.

use serde_json::{Value, json};

use super::super::fields::{Fields, Tags, ecs_tag_list};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::{cluster, invalid, wanted_tags};

/// `TagResource`.
pub(super) fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let wanted = wanted_tags(input)?;
    let tags = tags(world, input.text("resourceArn"))?;
    let mut all = tags.clone();
    all.extend(wanted);
    if all.len() > 50 {
        return Err(invalid("The number of tags exceeds the limit of 50."));
    }
    *tags = all;
    Ok(json!({}))
}

/// `UntagResource`.
pub(super) fn untag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = tags(world, input.text("resourceArn"))?;
    for key in input.texts("tagKeys") {
        tags.remove(&key);
    }
    Ok(json!({}))
}

/// `ListTagsForResource`.
pub(super) fn list_tags_for_resource(world: &mut World, input: &Value) -> Answer {
    let tags = tags(world, input.text("resourceArn"))?;
    Ok(json!({ "tags": ecs_tag_list(tags) }))
}

/// The tags of a thing that is there.
fn tags<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let mut parts = resource.splitn(3, '/');
    let kind = parts.next().unwrap_or_default();
    let first = parts.next().unwrap_or_default();
    let second = parts.next().unwrap_or_default();
    let ecs = world.ecs_mut();
    let found = match kind {
        "cluster" => {
            let there = ecs.clusters.get_mut(first).ok_or_else(cluster::not_found)?;
            (there.status != "INACTIVE").then_some(&mut there.tags)
        }
        "service" => {
            let key = (first.to_owned(), second.to_owned());
            let there = ecs.services.get_mut(&key).filter(|it| it.status != "INACTIVE");
            there.map(|it| &mut it.tags)
        }
        "task-definition" => {
            let (family, number) = first.rsplit_once(':').unwrap_or_default();
            let family = ecs.families.get_mut(family);
            let revisions = family.zip(number.parse().ok());
            revisions
                .and_then(|(family, number)| family.revisions.get_mut(&number))
                .map(|it| &mut it.tags)
        }
        "capacity-provider" => {
            let there = ecs.providers.get_mut(first).filter(|it| it.status != "INACTIVE");
            there.map(|it| &mut it.tags)
        }
        "task" => ecs.tasks.get_mut(second).map(|it| &mut it.tags),
        "container-instance" => {
            let there = ecs.instances.get_mut(second).filter(|it| it.status != "INACTIVE");
            there.map(|it| &mut it.tags)
        }
        _ => None,
    };
    let words = kind.replace('-', " ");
    found.ok_or_else(|| {
        invalid(format!(
            "The specified {words} is inactive or does not exist. Specify a valid {words} and try \
             again."
        ))
    })
}

/// `ListAccountSettings`: nothing was ever changed; effective settings are AWS's own.
pub(super) fn list_account_settings(world: &World, input: &Value) -> Value {
    const EFFECTIVE: &[(&str, &str)] = &[
        ("awsvpcTrunking", "disabled"),
        ("containerInsights", "disabled"),
        ("containerInstanceLongArnFormat", "enabled"),
        ("defaultLogDriverMode", "non-blocking"),
        ("fargateFIPSMode", "disabled"),
        ("fargateTaskRetirementWaitPeriod", "7"),
        ("guardDutyActivate", "off"),
        ("serviceLongArnFormat", "enabled"),
        ("tagResourceAuthorization", "on"),
        ("taskLongArnFormat", "enabled"),
    ];
    let (name, value) = (input.some_text("name"), input.some_text("value"));
    let effective = input.flag("effectiveSettings").unwrap_or(false);
    let settings = EFFECTIVE.iter().filter(|it| {
        effective && name.is_none_or(|name| name == it.0) && value.is_none_or(|value| value == it.1)
    });
    let principal = world.caller();
    let setting = |it: &(&str, &str)| json!({ "name": it.0, "value": it.1, "principalArn": principal, "type": "user" });
    json!({ "settings": settings.map(setting).collect::<Vec<_>>() })
}
