//! Task definitions: families of numbered revisions.
//!
//! Every registration makes a revision, and its number is never used again. A revision goes in two
//! steps: deregistered it is `INACTIVE`, deleted it is `DELETE_IN_PROGRESS` until nothing uses it
//! (`docs/aws-facts.md`, "Creating").

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::task::Status as TaskStatus;
use super::{PAGER, client, failure, includes, invalid, nth, short};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::refusal::Answer;
use crate::world::World;

/// A family of revisions.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    /// The number of the last revision ever.
    pub(super) last: u64,
    /// Its revisions by number.
    pub(super) revisions: BTreeMap<u64, Revision>,
}

/// One revision.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    /// Its ARN.
    pub(super) arn: String,
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`.
    pub(super) status: &'static str,
    /// What was registered, as it is answered.
    pub(super) content: Value,
    /// Its tags.
    pub(super) tags: Tags,
    /// When it was deregistered.
    pub(super) deregistered: Option<Duration>,
    /// When it was deleted.
    pub(super) deleted: Option<Duration>,
}

/// Which revision: family and number.
pub(super) type Key = (String, u64);

impl Revision {
    /// CPU units and MiB of memory of one task.
    pub(super) fn size(&self) -> (u64, u64) {
        let containers = self.content.list("containerDefinitions");
        let sum = |names: &[&str]| -> u64 {
            let of = |it: &Value| names.iter().find_map(|name| it.number(name)).unwrap_or(0);
            containers.iter().map(|it| u64::try_from(of(it)).unwrap_or(0)).sum()
        };
        let task = |name, unit| self.content.some_text(name).and_then(|text| units(text, unit));
        (
            task("cpu", "vcpu").unwrap_or_else(|| sum(&["cpu"])),
            task("memory", "gb").unwrap_or_else(|| sum(&["memoryReservation", "memory"])),
        )
    }

    /// Whether tasks have network interfaces of their own.
    pub(super) fn has_interfaces(&self) -> bool {
        self.content.text("networkMode") == "awsvpc"
    }

    /// Whether it can run on this, `EC2` or `FARGATE`.
    pub(super) fn runs_on(&self, launch: &str) -> bool {
        self.content.list("compatibilities").iter().any(|it| it == launch)
    }
}

/// A number of CPU units or MiB, which may be written as `.5 vCPU` or `1 GB`.
pub(super) fn units(text: &str, unit: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix(unit) {
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is between 0 and a billion"
            )]
            (0.0..1e9).contains(&number).then_some((number * 1024.0) as u64)
        }
        None => lower.parse().ok(),
    }
}

/// The revision that a family, `family:revision` or ARN names; of a family the newest `ACTIVE` one.
pub(super) fn find(world: &World, name: &str) -> Option<Key> {
    let name = short(name);
    match name.rsplit_once(':') {
        Some((family, number)) => {
            let key = (family.to_owned(), number.parse().ok()?);
            get(world, &key).map(|_| key)
        }
        None => {
            let family = world.ecs().families.get(name)?;
            let active = family.revisions.iter().rev().find(|(_, it)| it.status == "ACTIVE");
            active.map(|(number, _)| (name.to_owned(), *number))
        }
    }
}

/// A revision.
pub(super) fn get<'a>(world: &'a World, (family, number): &Key) -> Option<&'a Revision> {
    world.ecs().families.get(family)?.revisions.get(number)
}

fn get_mut<'a>(world: &'a mut World, (family, number): &Key) -> Option<&'a mut Revision> {
    world.ecs_mut().families.get_mut(family)?.revisions.get_mut(number)
}

/// The containers of a revision.
pub(super) fn containers<'a>(world: &'a World, key: &Key) -> &'a [Value] {
    get(world, key).map(|it| it.content.list("containerDefinitions")).unwrap_or_default()
}

/// Whether a container is the one of a name; without a name, the first one.
pub(super) fn is_it(containers: &[Value], container: &str, name: &str) -> bool {
    match name {
        "" => containers.first().is_some_and(|it| it.text("name") == container),
        name => container == name,
    }
}

/// Whether a task ends with its container of a name; without a name, with the first one.
pub(super) fn is_essential(world: &World, key: &Key, name: &str) -> bool {
    let containers = containers(world, key);
    let it = containers.iter().find(|it| is_it(containers, it.text("name"), name));
    it.is_some_and(|it| it.flag("essential").unwrap_or(true))
}

/// `DescribeTaskDefinition`.
pub(super) fn describe_task_definition(world: &World, input: &Value) -> Answer {
    let key = find(world, input.text("taskDefinition"));
    let revision = key.as_ref().and_then(|key| get(world, key));
    let revision = revision.ok_or_else(|| client("Unable to describe task definition."))?;
    let mut answer = json!({ "taskDefinition": describe(world, revision), "tags": [] });
    if includes(input, "TAGS") {
        answer["tags"] = ecs_tag_list(&revision.tags);
    }
    Ok(answer)
}

/// A revision as answers show it.
pub(super) fn describe(world: &World, revision: &Revision) -> Value {
    let mut answer = revision.content.clone();
    answer["status"] = revision.status.into();
    if let Some(at) = revision.deregistered {
        answer["deregisteredAt"] = world.timestamp_at(at).into();
    }
    if let Some(at) = revision.deleted {
        answer["deleteRequestedAt"] = world.timestamp_at(at).into();
    }
    answer
}

/// `ListTaskDefinitions`: the prefix is a whole family's name.
pub(super) fn list_task_definitions(world: &World, input: &Value) -> Answer {
    let status = input.some_text("status").unwrap_or("ACTIVE");
    let family = input.some_text("familyPrefix").filter(|it| !it.is_empty());
    let families =
        world.ecs().families.iter().filter(|(name, _)| family.is_none_or(|it| it == *name));
    let revisions = families.flat_map(|(_, family)| family.revisions.values());
    let revisions = revisions.filter(|it| it.status == status);
    let mut arns: Vec<_> = revisions.map(|it| it.arn.clone().into()).collect();
    if input.text("sort") == "DESC" {
        arns.reverse();
    }
    PAGER.page(world, input, "taskDefinitionArns", 100, arns)
}

/// `ListTaskDefinitionFamilies`: by default also those that have no `ACTIVE` revision left.
pub(super) fn list_families(world: &World, input: &Value) -> Answer {
    let prefix = input.text("familyPrefix");
    let status = input.some_text("status").unwrap_or("ALL");
    let wanted = |family: &Family| {
        let active = family.revisions.values().any(|it| it.status == "ACTIVE");
        match status {
            "ACTIVE" => active,
            "INACTIVE" => !active && !family.revisions.is_empty(),
            _ => !family.revisions.is_empty(),
        }
    };
    let families = world.ecs().families.iter();
    let families = families.filter(|(name, it)| name.starts_with(prefix) && wanted(it));
    let names = families.map(|(name, _)| name.as_str().into()).collect();
    PAGER.page(world, input, "families", 100, names)
}

/// `DeregisterTaskDefinition`.
pub(super) fn deregister_task_definition(world: &mut World, input: &Value) -> Answer {
    let name = input.text("taskDefinition");
    let key = find(world, name).filter(|_| short(name).contains(':'));
    let key = key.ok_or_else(|| {
        client(
            "The specified task definition does not exist. Specify a valid account, family, \
             revision and try again.",
        )
    })?;
    let now = world.now;
    let revision = get_mut(world, &key).filter(|it| it.status == "ACTIVE").ok_or_else(|| {
        invalid(
            "The specified task definition is inactive. You can only deregister active task \
             definitions.",
        )
    })?;
    revision.status = "INACTIVE";
    revision.deregistered = Some(now);
    let answer = get(world, &key).map(|it| describe(world, it));
    Ok(json!({ "taskDefinition": answer }))
}

/// `DeleteTaskDefinitions`: what cannot be deleted is told one by one, and is no error.
pub(super) fn delete_task_definitions(world: &mut World, input: &Value) -> Answer {
    let names = input.texts("taskDefinitions");
    if names.is_empty() || names.len() > 10 {
        return Err(invalid("Task definitions must have from 1 to 10 elements."));
    }
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    let now = world.now;
    let lag = match world.scenario.doubts(Doubt::DeregistrationLags) {
        true => Duration::from_secs(10),
        false => Duration::ZERO,
    };
    for name in &names {
        let key = find(world, name).filter(|_| short(name).contains(':'));
        let Some((key, revision)) = key.and_then(|key| {
            let revision = get_mut(world, &key)?;
            Some((key, revision))
        }) else {
            failures.push(failure(
                name,
                "The specified task definition was not found. Specify a valid account, family, \
                 revision and try again.",
            ));
            continue;
        };
        if revision.deregistered.is_none_or(|at| at + lag > now) {
            failures.push(failure(
                name,
                "The specified task definition is still in ACTIVE status. Please deregister the \
                 target and try again.",
            ));
            continue;
        }
        if revision.status == "INACTIVE" {
            revision.status = "DELETE_IN_PROGRESS";
            revision.deleted = Some(now);
            let after = nth(&key.0, key.1);
            let after = world.dice.delay("task-definition.delete", &after, 20.0..=120.0);
            world.after(after, sweep);
        }
        deleted.extend(get(world, &key).map(|it| describe(world, it)));
    }
    Ok(json!({ "taskDefinitions": deleted, "failures": failures }))
}

/// Forgets the deleted revisions that no task and no service uses any more.
pub(super) fn sweep(world: &mut World) {
    let (now, dice, ecs) = (world.now, &world.dice, world.ecs());
    let is_due = |name: &str, number: u64, revision: &Revision| {
        let takes = || dice.delay("task-definition.delete", &nth(name, number), 20.0..=120.0);
        revision.deleted.is_some_and(|deleted| deleted + takes() <= now)
    };
    let is_used = |key: &Key| {
        let mut tasks = ecs.tasks.values().filter(|it| it.status != TaskStatus::Stopped);
        let mut services = ecs.services.values().filter(|it| it.status != "INACTIVE");
        tasks.any(|it| it.definition == *key)
            || services.any(|it| {
                it.setup.definition == *key
                    || it.deployments.iter().any(|it| it.setup.definition == *key)
            })
    };
    let all = ecs.families.iter().flat_map(|(name, family)| {
        family.revisions.iter().map(move |(number, revision)| (name, *number, revision))
    });
    let due = all.filter(|(name, number, revision)| is_due(name, *number, revision));
    let due = due.map(|(name, number, _)| (name.clone(), number));
    let gone: Vec<Key> = due.filter(|key| !is_used(key)).collect();
    for key in gone {
        let ecs = world.ecs_mut();
        let family = ecs.families.get_mut(&key.0);
        let Some(revision) = family.and_then(|it| it.revisions.remove(&key.1)) else { continue };
        // What they were is known of tasks as long as these are.
        for task in ecs.tasks.values_mut().filter(|it| it.definition == key) {
            task.had = revision.content.list("containerDefinitions").to_vec();
        }
    }
}
