//! Groups: made, changed, deleted.
//!
//! A create dry-runs the launch template, so whatever is not visible yet is refused here, as a
//! `ValidationError` with words (kOps commit 3a1120724e). It answers before any instance exists. A
//! group on its way out keeps its name.

use std::time::Duration;

use serde_json::{Value, json};

use super::lifecycle::{self, Hook};
use super::member::{self, Lifecycle};
use super::mixed::Mix;
use super::{DELETE, Group, LINKED, Template, invalid, scaling, tag};
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;
use crate::{ec2, iam};

/// What this simulator would have to ignore.
const LACKING: &[&str] = &[
    "LaunchConfigurationName",
    "InstanceId",
    "AvailabilityZoneIds",
    "AvailabilityZones",
    "LoadBalancerNames",
    "TargetGroupARNs",
    "TrafficSources",
    "PlacementGroup",
    "MaxInstanceLifetime",
    "Context",
    "DesiredCapacityType",
    "InstanceMaintenancePolicy",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "InstanceLifecyclePolicy",
    "ServiceLinkedRoleARN",
    "Operator",
];

fn check_simulated(input: &Value) -> Result<(), Refusal> {
    let lacks = |what: String| Err(Refusal::new("SimulatorLacks", what));
    if let Some(name) = LACKING.iter().find(|name| input.get(**name).is_some()) {
        return lacks(format!("an Auto Scaling group with {name}"));
    }
    if input.some_text("HealthCheckType").is_some_and(|it| it != "EC2") {
        return lacks("health checks of load balancers in Auto Scaling groups".into());
    }
    if input.texts("TerminationPolicies").iter().any(|it| it != "Default") {
        return lacks("termination policies other than Default".into());
    }
    if input.flag("CapacityRebalance") == Some(true) {
        return lacks("an Auto Scaling group with CapacityRebalance".into());
    }
    Ok(())
}

/// A size that is there.
fn size(input: &Value, name: &str) -> Result<Option<usize>, Refusal> {
    let negative = |_| invalid(format!("{name} must be greater than or equal to 0"));
    input.number(name).map(|it| usize::try_from(it).map_err(negative)).transpose()
}

fn check_bounds(min: usize, desired: usize, max: usize) -> Result<(), Refusal> {
    if min > max {
        let message =
            format!("Max bound, {max}, must be greater than or equal to min bound, {min}");
        return Err(invalid(message));
    }
    if desired < min || desired > max {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max \
             size:{max}"
        )));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.contains(':') || !name.bytes().all(|byte| (33..=126).contains(&byte)) {
        let message = format!("Group name '{name}' contains characters that are not allowed");
        return Err(invalid(message));
    }
    Ok(())
}

/// The template that a request names, if it does, and how instances may differ from it.
fn template(input: &Value) -> Result<Option<(Template, Option<Mix>)>, Refusal> {
    let (given, mix) = match (input.get("LaunchTemplate"), input.get("MixedInstancesPolicy")) {
        (None, None) => return Ok(None),
        (Some(given), None) => (given, None),
        (None, Some(policy)) => {
            let (mix, given) = Mix::read(policy)?;
            (given, Some(mix))
        }
        (Some(_), Some(_)) => {
            return Err(invalid(
                "Valid requests must contain either LaunchTemplate or MixedInstancesPolicy.",
            ));
        }
    };
    let template = Template {
        id: given.some_text("LaunchTemplateId").map(str::to_owned),
        name: given.some_text("LaunchTemplateName").map(str::to_owned),
        version: given.some_text("Version").unwrap_or("$Default").to_owned(),
    };
    if template.id.is_some() == template.name.is_some() {
        let message = "Valid requests must contain either launchTemplateId or LaunchTemplateName";
        return Err(invalid(message));
    }
    Ok(Some((template, mix)))
}

/// The template with both its id and its name, as descriptions show it.
fn complete(world: &mut World, template: Template) -> Template {
    let Some(found) = look_up(world, &template) else { return template };
    let text = |name: &str| found.some_text(name).map(str::to_owned);
    Template {
        id: text("LaunchTemplateId").or(template.id),
        name: text("LaunchTemplateName").or(template.name),
        version: template.version,
    }
}

/// The number of the version that a launch takes now.
pub(super) fn version_number(world: &mut World, template: &Template) -> String {
    let member = match template.version.as_str() {
        "$Latest" => "LatestVersionNumber",
        "$Default" => "DefaultVersionNumber",
        number => return number.to_owned(),
    };
    let found = look_up(world, template);
    let number = found.and_then(|found| found.number(member));
    number.map_or_else(|| template.version.clone(), |number| number.to_string())
}

fn look_up(world: &mut World, template: &Template) -> Option<Value> {
    let input = match (&template.id, &template.name) {
        (Some(id), _) => json!({ "LaunchTemplateIds": [id] }),
        (None, name) => json!({ "LaunchTemplateNames": [name] }),
    };
    let found = ec2::answer(world, "DescribeLaunchTemplates", &input).ok()?;
    found.list("LaunchTemplates").first().cloned()
}

/// The subnets that a request names, if it does.
fn subnets(input: &Value) -> Result<Option<Vec<String>>, Refusal> {
    let Some(text) = input.some_text("VPCZoneIdentifier") else { return Ok(None) };
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned);
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    }
    Ok(Some(ids))
}

fn zones(world: &World, subnets: &[String]) -> Result<Vec<String>, Refusal> {
    let mut zones = Vec::new();
    for id in subnets {
        let subnet = ec2::subnet(world, id).map_err(|refusal| invalid(refusal.message))?;
        if !zones.contains(&subnet.zone) {
            zones.push(subnet.zone);
        }
    }
    zones.sort();
    Ok(zones)
}

/// Auto Scaling acts through a role of its own, which it makes at its first use, too late for that.
fn check_service_role(world: &mut World) -> Result<(), Refusal> {
    match iam::linked_role(world, LINKED.principal) {
        iam::LinkedRole::Usable => return Ok(()),
        iam::LinkedRole::Missing => iam::make_linked_role(world, LINKED.principal),
        iam::LinkedRole::Fresh => {}
    }
    let message = "The service linked role AWSServiceRoleForAutoScaling is not yet ready for use.";
    Err(Refusal::new("ServiceLinkedRoleFailure", message).with_status(500))
}

/// A group wants this many instances, and this is why.
pub(super) fn want(group: &mut Group, desired: usize, reason: String) {
    group.desired = desired;
    group.reason = reason;
    group.has_said_protected = false;
}

pub(super) fn create_auto_scaling_group(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    check_simulated(input)?;
    check_name(name)?;
    let min = size(input, "MinSize")?.unwrap_or(0);
    let max = size(input, "MaxSize")?.unwrap_or(0);
    let desired = size(input, "DesiredCapacity")?.unwrap_or(min);
    check_bounds(min, desired, max)?;
    let Some((template, mix)) = template(input)? else {
        return Err(invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, \
             InstanceId or MixedInstancesPolicy parameter.",
        ));
    };
    let Some(subnets) = subnets(input)? else {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    };
    let tags = tag::of_new_group(input, name)?;
    if let Some(group) = world.autoscaling().groups.get(name) {
        let message = if group.is_deleting() {
            format!(
                "AutoScalingGroup by this name already exists and is pending delete - A group \
                 with the name {name} already exists and is pending delete"
            )
        } else {
            format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} \
                 already exists"
            )
        };
        return Err(Refusal::new("AlreadyExists", message));
    }
    check_service_role(world)?;
    let types = mix.as_ref().map(|mix| mix.types.as_slice()).unwrap_or_default();
    ec2::check_template(world, template.reference(), &template.version, &subnets, types)?;

    let uuid = world.uuid_of(&format!("group {name}"));
    let resource = format!("autoScalingGroup:{uuid}:autoScalingGroupName/{name}");
    let mut group = Group {
        name: name.to_owned(),
        arn: world.arn("autoscaling", &resource),
        created: world.timestamp(),
        min,
        max,
        zones: zones(world, &subnets)?,
        subnets,
        template: complete(world, template),
        mix,
        protects_new: input.flag("NewInstancesProtectedFromScaleIn") == Some(true),
        cooldown: input.number("DefaultCooldown").unwrap_or(300),
        grace: input.number("HealthCheckGracePeriod").unwrap_or(0),
        warmup: input.number("DefaultInstanceWarmup"),
        deletion_protection: input.some_text("DeletionProtection").map(str::to_owned),
        tags,
        ..Group::default()
    };
    for hook in input.list("LifecycleHookSpecificationList") {
        let given = Hook::new(hook, None)?;
        group.hooks.insert(hook.text("LifecycleHookName").to_owned(), given);
    }
    let reason = format!(
        "a user request created an AutoScalingGroup changing the desired capacity from 0 to \
         {desired}"
    );
    want(&mut group, desired, reason);
    world.autoscaling_mut().groups.insert(name.to_owned(), group);
    scaling::react(world, name);
    Ok(json!({}))
}

pub(super) fn update_auto_scaling_group(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    check_simulated(input)?;
    let group = super::named_mut(world, name)?;
    let min = size(input, "MinSize")?.unwrap_or(group.min);
    let max = size(input, "MaxSize")?.unwrap_or(group.max);
    // Bounds take the wanted number with them, unless it is given.
    let desired = match size(input, "DesiredCapacity")? {
        Some(desired) => desired,
        None => group.desired.min(max).max(min),
    };
    check_bounds(min, desired, max)?;
    let (former, old_template, old_subnets) =
        (group.desired, (group.template.clone(), group.mix.clone()), group.subnets.clone());
    check_service_role(world)?;
    let (template, subnets) = (template(input)?, subnets(input)?);
    if template.is_some() || subnets.is_some() {
        let (template, mix) = template.as_ref().unwrap_or(&old_template);
        let subnets = subnets.as_ref().unwrap_or(&old_subnets);
        let types = mix.as_ref().map(|mix| mix.types.as_slice()).unwrap_or_default();
        ec2::check_template(world, template.reference(), &template.version, subnets, types)?;
    }
    let template = template.map(|(template, mix)| (complete(world, template), mix));
    let zones = subnets.as_ref().map(|subnets| zones(world, subnets)).transpose()?;

    let group = super::named_mut(world, name)?;
    group.min = min;
    group.max = max;
    if let Some((template, mix)) = template {
        group.template = template;
        group.mix = mix;
    }
    if let (Some(subnets), Some(zones)) = (subnets, zones) {
        group.subnets = subnets;
        group.zones = zones;
    }
    if let Some(protects) = input.flag("NewInstancesProtectedFromScaleIn") {
        group.protects_new = protects;
    }
    if let Some(protection) = input.some_text("DeletionProtection") {
        group.deletion_protection = Some(protection.to_owned());
    }
    group.cooldown = input.number("DefaultCooldown").unwrap_or(group.cooldown);
    group.grace = input.number("HealthCheckGracePeriod").unwrap_or(group.grace);
    group.warmup = input.number("DefaultInstanceWarmup").or(group.warmup);
    if desired != former {
        let reason = format!(
            "a user request update of AutoScalingGroup constraints to min: {min}, max: {max}, \
             desired: {desired} changing the desired capacity from {former} to {desired}"
        );
        want(group, desired, reason);
    }
    scaling::react(world, name);
    Ok(json!({}))
}

pub(super) fn set_desired_capacity(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    let now = world.now;
    let group = super::named_mut(world, name)?;
    let desired = size(input, "DesiredCapacity")?.unwrap_or(group.desired);
    for (is_outside, word, bound, which) in [
        (desired > group.max, "above", group.max, "max"),
        (desired < group.min, "below", group.min, "min"),
    ] {
        if is_outside {
            return Err(invalid(format!(
                "New SetDesiredCapacity value {desired} is {word} {which} value {bound} for the \
                 AutoScalingGroup."
            )));
        }
    }
    let cooled = group.scaled_at.is_none_or(|at| {
        let cooldown = u64::try_from(group.cooldown).unwrap_or(0);
        now >= at + Duration::from_secs(cooldown)
    });
    if input.flag("HonorCooldown") == Some(true) && !cooled {
        let message = "A scaling activity is in progress and blocks this action";
        return Err(Refusal::new("ScalingActivityInProgress", message));
    }
    let from = group.desired;
    if desired != from {
        let reason = format!(
            "a user request explicitly set group desired capacity changing the desired capacity \
             from {from} to {desired}"
        );
        want(group, desired, reason);
    }
    scaling::react(world, name);
    Ok(json!({}))
}

pub(super) fn delete_auto_scaling_group(world: &mut World, input: &Value) -> Answer {
    let name = input.text("AutoScalingGroupName");
    let force = input.flag("ForceDelete") == Some(true);
    let group = super::named(world, name)?;
    if group.is_deleting() {
        return Ok(json!({}));
    }
    let protection = group.deletion_protection.as_deref().unwrap_or("none");
    if protection == "prevent-all-deletion" || (force && protection == "prevent-force-deletion") {
        let message = format!(
            "You cannot delete an AutoScalingGroup while its deletion protection is {protection}."
        );
        return Err(Refusal::new("ResourceInUse", message));
    }
    if !force {
        if member::is_under_way(group) {
            let message = "You cannot delete an AutoScalingGroup while there are scaling \
                           activities in progress for that group.";
            return Err(Refusal::new("ScalingActivityInProgress", message));
        }
        if !group.members.is_empty() {
            let message = "You cannot delete an AutoScalingGroup while there are instances or \
                           pending Spot instance request(s) still in the group.";
            return Err(Refusal::new("ResourceInUse", message));
        }
    }
    let delay = super::takes(world, DELETE, name);
    let gone_at = world.now + delay;
    let keeps_hooked = world.scenario.doubts(Doubt::ForceDeleteKeepsHookedInstances);
    let Some(group) = super::find_mut(world, name) else { return Ok(json!({})) };
    group.gone_at = Some(gone_at);
    group.desired = 0;
    group.surge = 0;
    group.hooks.clear();
    let members: Vec<_> = group.members.iter().map(|it| (it.id.clone(), it.lifecycle)).collect();
    for (instance, lifecycle) in members {
        if lifecycle == Lifecycle::TerminatingWait {
            if !keeps_hooked {
                lifecycle::release(world, name, &instance);
            }
        } else if !lifecycle.is_leaving() {
            let cause = "a user request force deleted AutoScalingGroup";
            scaling::retire(world, name, &instance, cause, true);
        }
    }
    let name = name.to_owned();
    world.after(delay, move |world| vanish(world, &name));
    Ok(json!({}))
}

/// A group on its way out is gone when its time has come and it is empty.
pub(super) fn vanish(world: &mut World, name: &str) {
    let now = world.now;
    let is_over = world.autoscaling().groups.get(name).is_some_and(|group| {
        group.members.is_empty() && group.gone_at.is_some_and(|gone_at| gone_at <= now)
    });
    if is_over {
        world.autoscaling_mut().groups.remove(name);
    }
}
