//! Capacity providers of Auto Scaling groups.
//!
//! A name belongs to the account and region, a group has one provider for life, and nearly every
//! refusal is a `ClientException`. A delete that ECS refuses answers 200, with the refusal in
//! `updateStatus` (`docs/aws-facts.md`, "Creating" and "Removing").

use std::time::Duration;

use serde_json::{Value, json};

use super::association::{self, FARGATE};
use super::{LINKED, PAGER, client, failure, includes, is_name, lacks, scaler, short};
use super::{need_linked_role, wanted_tags};
use crate::autoscaling;
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::iam;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A capacity provider.
#[derive(Debug, Clone)]
pub(super) struct Provider {
    /// Its name.
    pub(super) name: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Tells it from another one that had the same name.
    serial: String,
    /// ARN of its group.
    pub(super) group: String,
    /// How ECS scales the group.
    pub(super) scaling: Scaling,
    /// Whether ECS protects instances with tasks from scale-in.
    pub(super) protection: bool,
    /// Whether ECS drains instances that go.
    pub(super) draining: bool,
    /// Its tags.
    pub(super) tags: Tags,
    /// `ACTIVE`, `DEPROVISIONING` or `INACTIVE`.
    pub(super) status: &'static str,
    update: Option<&'static str>,
    reason: Option<String>,
    /// When it became `INACTIVE`.
    gone: Option<Duration>,
    /// What the scaler remembers.
    pub(super) memory: scaler::Memory,
}

/// Managed scaling.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    /// Whether it is on.
    pub(super) enabled: bool,
    /// Wanted use of the instances, in percent.
    pub(super) target: i64,
    /// Fewest instances that are added at once.
    pub(super) least: i64,
    /// Most instances that are added at once.
    pub(super) most: i64,
    /// Seconds until a new instance counts.
    pub(super) warmup: i64,
}

impl Scaling {
    fn read(input: &Value, before: Option<&Self>) -> Self {
        let number = |name: &str, before: Option<i64>, usual: i64| {
            input.number(name).or(before).unwrap_or(usual)
        };
        let enabled = match input.some_text("status") {
            Some(status) => status == "ENABLED",
            None => before.map_or(input.is_object(), |it| it.enabled),
        };
        Self {
            enabled,
            target: number("targetCapacity", before.map(|it| it.target), 100),
            least: number("minimumScalingStepSize", before.map(|it| it.least), 1),
            most: number("maximumScalingStepSize", before.map(|it| it.most), 10_000),
            warmup: number("instanceWarmupPeriod", before.map(|it| it.warmup), 300),
        }
    }
}

/// `CreateCapacityProvider`.
pub(super) fn create_capacity_provider(world: &mut World, input: &Value) -> Answer {
    lacks(input, "CreateCapacityProvider", &["cluster", "managedInstancesProvider"])?;
    let name = input.text("name").to_owned();
    let lower = name.to_ascii_lowercase();
    let barred = ["aws", "ecs", "fargate"].iter().any(|prefix| lower.starts_with(prefix));
    if barred || !is_name(&name) {
        return Err(client(
            "The specified capacity provider name is invalid. Up to 255 characters are allowed, \
             including letters (upper and lowercase), numbers, underscores, and hyphens. The name \
             cannot be prefixed with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and \
             try again.",
        ));
    }
    let tags = wanted_tags(input)?;
    match iam::linked_role(world, LINKED.principal) {
        iam::LinkedRole::Missing => {
            return Err(client(
                "ECS Service Linked Role does not exist. Please create a Service linked role for \
                 ECS and try again.",
            ));
        }
        _ => need_linked_role(world)?,
    }
    if let Some(there) = world.ecs().providers.get(&name) {
        let doubt = world.scenario.doubts(Doubt::ProviderNameStaysTaken);
        let recent =
            there.gone.is_some_and(|gone| world.now.saturating_sub(gone) < Duration::from_mins(3));
        if there.status == "DEPROVISIONING" {
            return Err(Refusal::new(
                "UpdateInProgressException",
                "The specified capacity provider is being deleted. Wait and try again.",
            ));
        }
        if there.status == "ACTIVE" || (doubt && recent) {
            return Err(client(
                "The specified capacity provider already exists. To change the configuration of \
                 an existing capacity provider, update the capacity provider.",
            ));
        }
    }
    let wanted = input.part("autoScalingGroupProvider");
    if wanted.is_null() {
        return Err(client("An Auto Scaling group provider must be specified."));
    }
    let group = autoscaling::group(world, wanted.text("autoScalingGroupArn"));
    let group = group.filter(|group| !group.deleting).ok_or_else(|| {
        client(
            "The specified Auto Scaling group does not exist. Specify a valid Auto Scaling group \
             and try again.",
        )
    })?;
    let mut others = world.ecs().providers.values().filter(|it| it.status != "INACTIVE");
    if others.any(|it| it.group == group.arn) {
        return Err(client(
            "The specified Auto Scaling group ARN is already being used by another capacity \
             provider. Specify a unique Auto Scaling group ARN and try again.",
        ));
    }
    let scaling = Scaling::read(wanted.part("managedScaling"), None);
    let protection = wanted.text("managedTerminationProtection") == "ENABLED";
    check_protection(protection, &scaling, group.protects_new)?;
    let provider = Provider {
        arn: world.arn("ecs", &format!("capacity-provider/{name}")),
        serial: world.uuid(),
        name: name.clone(),
        group: group.arn,
        scaling,
        protection,
        // On unless somebody turns it off.
        draining: wanted.text("managedDraining") != "DISABLED",
        tags,
        status: "ACTIVE",
        update: None,
        reason: None,
        gone: None,
        memory: scaler::Memory::default(),
    };
    let answer = describe(&provider, true);
    world.ecs_mut().providers.insert(name, provider);
    Ok(json!({ "capacityProvider": answer }))
}

fn check_protection(wanted: bool, scaling: &Scaling, protects_new: bool) -> Result<(), Refusal> {
    const INVALID: &str =
        "The managed termination protection setting for the capacity provider is invalid.";
    if wanted && !scaling.enabled {
        return Err(client(format!(
            "{INVALID} To enable managed termination protection for a capacity provider, managed \
             scaling must be enabled."
        )));
    }
    if wanted && !protects_new {
        return Err(client(format!(
            "{INVALID} To enable managed termination protection for a capacity provider, the Auto \
             Scaling group must have instance protection from scale in enabled."
        )));
    }
    Ok(())
}

/// `UpdateCapacityProvider`: everything but the group.
pub(super) fn update_capacity_provider(world: &mut World, input: &Value) -> Answer {
    lacks(input, "UpdateCapacityProvider", &["cluster", "managedInstancesProvider"])?;
    let name = short(input.text("name")).to_owned();
    let there = world.ecs().providers.get(&name).filter(|it| it.status == "ACTIVE");
    let mut provider = there.cloned().ok_or_else(unknown)?;
    let wanted = input.part("autoScalingGroupProvider");
    provider.scaling = Scaling::read(wanted.part("managedScaling"), Some(&provider.scaling));
    if let Some(status) = wanted.some_text("managedTerminationProtection") {
        provider.protection = status == "ENABLED";
    }
    if let Some(status) = wanted.some_text("managedDraining") {
        provider.draining = status == "ENABLED";
    }
    let group = autoscaling::group(world, &provider.group);
    let protects_new = group.as_ref().is_some_and(|group| group.protects_new);
    check_protection(provider.protection, &provider.scaling, protects_new)?;
    provider.update = Some("UPDATE_IN_PROGRESS");
    provider.reason = None;
    let clusters = association::clusters_of(world, &name);
    if let Some(group) = group.filter(|_| !clusters.is_empty()) {
        autoscaling::set_draining_hook(world, &group.name, provider.draining);
        if provider.scaling.enabled {
            autoscaling::manage(world, &group.name);
        }
    }
    let answer = describe(&provider, true);
    let serial = provider.serial.clone();
    world.ecs_mut().providers.insert(name.clone(), provider);
    for cluster in clusters {
        scaler::wake(world, &cluster);
    }
    let after = world.dice.delay("capacity-provider.update", &name, 2.0..=8.0);
    world.after(after, move |world| {
        let provider = world.ecs_mut().providers.get_mut(&name).filter(|it| it.serial == serial);
        if let Some(it) = provider.filter(|it| it.update == Some("UPDATE_IN_PROGRESS")) {
            it.update = Some("UPDATE_COMPLETE");
        }
    });
    Ok(json!({ "capacityProvider": answer }))
}

/// `DescribeCapacityProviders`: deleted ones only by name.
pub(super) fn describe_capacity_providers(world: &World, input: &Value) -> Answer {
    lacks(input, "DescribeCapacityProviders", &["cluster"])?;
    let tags = includes(input, "TAGS");
    let fargate = |name: &str| {
        json!({
            "name": name,
            "capacityProviderArn": world.arn("ecs", &format!("capacity-provider/{name}")),
            "status": "ACTIVE",
            "tags": [],
            "type": name,
        })
    };
    let names = input.texts("capacityProviders");
    if names.is_empty() {
        let living = world.ecs().providers.values().filter(|it| it.status != "INACTIVE");
        let all = FARGATE.iter().map(|name| fargate(name));
        let all = all.chain(living.map(|it| describe(it, tags))).collect();
        return PAGER.page(world, input, "capacityProviders", PAGE, all);
    }
    if names.len() > 100 {
        return Err(super::invalid("Capacity providers cannot have more than 100 elements."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names.iter().map(|name| short(name)) {
        match world.ecs().providers.get(name) {
            Some(provider) => found.push(describe(provider, tags)),
            None if FARGATE.contains(&name) => found.push(fargate(name)),
            None => {
                let arn = world.arn("ecs", &format!("capacity-provider/{name}"));
                failures.push(failure(arn, "MISSING"));
            }
        }
    }
    let mut answer = PAGER.page(world, input, "capacityProviders", PAGE, found)?;
    answer["failures"] = failures.into();
    Ok(answer)
}

/// How many providers an answer has at most, also when more are named (API).
const PAGE: usize = 10;

/// `DeleteCapacityProvider`: answers 200 also when ECS refuses.
pub(super) fn delete_capacity_provider(world: &mut World, input: &Value) -> Answer {
    lacks(input, "DeleteCapacityProvider", &["cluster"])?;
    let name = short(input.text("capacityProvider")).to_owned();
    if FARGATE.contains(&name.as_str()) {
        return Err(client("The specified capacity provider is reserved and cannot be deleted."));
    }
    let clusters = association::clusters_of(world, &name);
    let provider = world.ecs_mut().providers.get_mut(&name).filter(|it| it.status != "INACTIVE");
    let provider = provider.ok_or_else(unknown)?;
    if let Some(cluster) = clusters.first() {
        provider.update = Some("DELETE_FAILED");
        provider.reason = Some(format!(
            "The capacity provider cannot be deleted because it is associated with cluster: \
             {cluster}. Remove the capacity provider from the cluster and try again."
        ));
        return Ok(json!({ "capacityProvider": describe(provider, true) }));
    }
    if provider.status == "ACTIVE" {
        provider.status = "DEPROVISIONING";
        provider.update = Some("DELETE_IN_PROGRESS");
        provider.reason = None;
        let (key, serial) = (name.clone(), provider.serial.clone());
        let after = world.dice.delay("capacity-provider.delete", &name, 5.0..=20.0);
        world.after(after, move |world| {
            let now = world.now;
            let provider = world.ecs_mut().providers.get_mut(&key).filter(|it| it.serial == serial);
            if let Some(it) = provider {
                it.status = "INACTIVE";
                it.update = Some("DELETE_COMPLETE");
                it.gone = Some(now);
            }
        });
    }
    let provider = world.ecs().providers.get(&name).ok_or_else(unknown)?;
    Ok(json!({ "capacityProvider": describe(provider, true) }))
}

fn unknown() -> Refusal {
    client(
        "The specified capacity provider does not exist. Specify a valid name or ARN and try \
         again.",
    )
}

fn describe(provider: &Provider, tags: bool) -> Value {
    let on = |on: bool| if on { "ENABLED" } else { "DISABLED" };
    let scaling = &provider.scaling;
    let mut answer = json!({
        "capacityProviderArn": provider.arn,
        "name": provider.name,
        "status": provider.status,
        "type": "EC2_AUTOSCALING",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": provider.group,
            "managedScaling": {
                "status": on(scaling.enabled),
                "targetCapacity": scaling.target,
                "minimumScalingStepSize": scaling.least,
                "maximumScalingStepSize": scaling.most,
                "instanceWarmupPeriod": scaling.warmup,
            },
            "managedTerminationProtection": on(provider.protection),
            "managedDraining": on(provider.draining),
        },
        "tags": [],
    });
    if tags {
        answer["tags"] = ecs_tag_list(&provider.tags);
    }
    if let Some(update) = provider.update {
        answer["updateStatus"] = update.into();
    }
    if let Some(reason) = &provider.reason {
        answer["updateStatusReason"] = reason.as_str().into();
    }
    answer
}

/// A provider of a group that does not exist.
#[cfg(test)]
pub(super) fn insert_for_test(world: &mut World, name: &str) {
    let provider = Provider {
        arn: world.arn("ecs", &format!("capacity-provider/{name}")),
        serial: world.uuid(),
        name: name.to_owned(),
        group: "arn:aws:autoscaling:none".to_owned(),
        scaling: Scaling::read(&json!({ "status": "ENABLED" }), None),
        protection: false,
        draining: true,
        tags: Tags::new(),
        status: "ACTIVE",
        update: None,
        reason: None,
        gone: None,
        memory: scaler::Memory::default(),
    };
    world.ecs_mut().providers.insert(name.to_owned(), provider);
}
