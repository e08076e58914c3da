//! Tags of what exists, and the account's settings.

use serde_json::{Value, json};

use super::{TAGS, cluster, invalid, wanted_tags};
use crate::arn;
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// `TagResource`.
pub(super) fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let wanted = wanted_tags(input)?;
    let tags = tags_mut(world, input.text("resourceArn"))?;
    TAGS.put(tags, wanted)?;
    Ok(json!({}))
}

/// `UntagResource`.
pub(super) fn untag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = tags_mut(world, input.text("resourceArn"))?;
    TAGS.remove(tags, &input.texts("tagKeys"));
    Ok(json!({}))
}

/// `ListTagsForResource`.
pub(super) fn list_tags_for_resource(world: &World, input: &Value) -> Answer {
    let tags = tags(world, input.text("resourceArn"))?;
    Ok(json!({ "tags": ecs_tag_list(tags) }))
}

/// What an ARN of ECS names: the kind of it, and its one or two names.
fn named(arn: &str) -> (&str, &str, &str) {
    let mut parts = arn::resource(arn).splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// Family and number of a revision.
fn revision(name: &str) -> Option<(&str, u64)> {
    let (family, number) = name.rsplit_once(':')?;
    Some((family, number.parse().ok()?))
}

fn unknown(kind: &str) -> Refusal {
    let words = kind.replace('-', " ");
    invalid(format!(
        "The specified {words} is inactive or does not exist. Specify a valid {words} and try again."
    ))
}

/// The tags of a thing that is there.
fn tags<'a>(world: &'a World, arn: &str) -> Result<&'a Tags, Refusal> {
    let (kind, first, second) = named(arn);
    let ecs = world.ecs();
    let found = match kind {
        "cluster" => {
            let there = ecs.clusters.get(first).ok_or_else(cluster::not_found)?;
            (there.status != "INACTIVE").then_some(&there.tags)
        }
        "service" => {
            let there = ecs.services.get(&(first.to_owned(), second.to_owned()));
            there.filter(|it| it.status != "INACTIVE").map(|it| &it.tags)
        }
        "task-definition" => {
            let there = revision(first)
                .and_then(|(family, number)| ecs.families.get(family)?.revisions.get(&number));
            there.map(|it| &it.tags)
        }
        "capacity-provider" => {
            let there = ecs.providers.get(first).filter(|it| it.status != "INACTIVE");
            there.map(|it| &it.tags)
        }
        "task" => ecs.tasks.get(second).map(|it| &it.tags),
        "container-instance" => {
            let there = ecs.instances.get(second).filter(|it| it.status != "INACTIVE");
            there.map(|it| &it.tags)
        }
        _ => None,
    };
    found.ok_or_else(|| unknown(kind))
}

/// The same, to be changed.
fn tags_mut<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    tags(world, arn)?;
    let (kind, first, second) = named(arn);
    let ecs = world.ecs_mut();
    let found = match kind {
        "cluster" => ecs.clusters.get_mut(first).map(|it| &mut it.tags),
        "service" => {
            let key = (first.to_owned(), second.to_owned());
            ecs.services.get_mut(&key).map(|it| &mut it.tags)
        }
        "task-definition" => {
            let there = revision(first).and_then(|(family, number)| {
                ecs.families.get_mut(family)?.revisions.get_mut(&number)
            });
            there.map(|it| &mut it.tags)
        }
        "capacity-provider" => ecs.providers.get_mut(first).map(|it| &mut it.tags),
        "task" => ecs.tasks.get_mut(second).map(|it| &mut it.tags),
        "container-instance" => ecs.instances.get_mut(second).map(|it| &mut it.tags),
        _ => None,
    };
    found.ok_or_else(|| unknown(kind))
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
