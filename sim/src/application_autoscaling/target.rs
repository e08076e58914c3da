//! Targets: services of ECS with the bounds that their number of tasks moves in.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scaling_policy::{self, Policy};
use super::{
    DIMENSION, Delay, LINKED, PAGER, TAGS, invalid, not_found, resource, scaler, service, want,
    wanted,
};
use crate::fields::{Fields, Tags};
use crate::iam;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Until a new service of ECS can be registered (spinnaker#4371).
const SERVICE_VISIBLE: Delay = ("scalable-target.service-visible", 0.0..=5.0);
/// Until other calls find a new target (API `RegisterScalableTarget`).
const VISIBLE: Delay = ("scalable-target.visible", 0.0..=3.0);

/// Targets that an account has room for in a region.
const QUOTA: usize = 3000;

/// What can be suspended.
const SUSPENDED: [&str; 3] =
    ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) arn: String,
    /// When the service was made that was registered, which tells it from another one of its name.
    pub(super) service: Value,
    pub(super) min: usize,
    pub(super) max: usize,
    suspended: BTreeMap<&'static str, bool>,
    pub(super) tags: Tags,
    created: Duration,
    visible: Duration,
    /// By name.
    pub(super) policies: BTreeMap<String, Policy>,
    /// What its alarms see, and since when.
    pub(super) seen: Option<(scaler::Breach, Duration)>,
}

impl Target {
    /// Whether scaling in this direction is suspended.
    pub(super) fn is_suspended(&self, breach: scaler::Breach) -> bool {
        let name = match breach {
            scaler::Breach::Low => "DynamicScalingInSuspended",
            scaler::Breach::High => "DynamicScalingOutSuspended",
        };
        self.suspended.get(name) == Some(&true)
    }
}

/// A target that other calls know already.
pub(super) fn find<'a>(world: &'a World, id: &str) -> Option<&'a Target> {
    let target = world.application_autoscaling().targets.get(id);
    target.filter(|target| target.visible <= world.now)
}

/// The same, to be changed.
pub(super) fn find_mut<'a>(world: &'a mut World, id: &str) -> Option<&'a mut Target> {
    let now = world.now;
    let target = world.application_autoscaling_mut().targets.get_mut(id);
    target.filter(|target| target.visible <= now)
}

/// The bounds of a request.
fn bounds(input: &Value) -> Result<(Option<usize>, Option<usize>), Refusal> {
    let bound = |name: &str| {
        let read = |number| {
            usize::try_from(number)
                .map_err(|_| invalid(format!("{name} must be greater than or equal to 0.")))
        };
        input.number(name).map(read).transpose()
    };
    Ok((bound("MinCapacity")?, bound("MaxCapacity")?))
}

/// `RegisterScalableTarget`: makes a target, or changes what the request says of the one that is there.
pub(super) fn register_scalable_target(world: &mut World, input: &Value) -> Answer {
    let id = resource("RegisterScalableTarget", input)?;
    let (min, max) = bounds(input)?;
    let given = TAGS.given_by_key(input.tags("Tags"))?;
    check_role(world)?;
    let service = service(world, &id).filter(|service| is_seen(world, &id, service));
    let service = service.ok_or_else(|| invalid(format!("ECS service doesn't exist: {id}")))?;
    scaler::forget_replaced(world, &id, &service);
    let there = world.application_autoscaling().targets.get(&id);
    if there.is_some() && !given.is_empty() {
        return Err(invalid(
            "The scalable target that you tried to tag already exists. To update tags on an \
             existing scalable target, use the TagResource API.",
        ));
    }
    let (Some(min), Some(max)) = (min.or(there.map(|it| it.min)), max.or(there.map(|it| it.max)))
    else {
        return Err(invalid("MinCapacity and MaxCapacity are required for a new scalable target."));
    };
    if min > max {
        return Err(invalid("MaxCapacity must be greater than or equal to MinCapacity."));
    }
    let full = world.application_autoscaling().targets.len();
    if there.is_none() && full >= world.scenario.quota("scalable-targets", QUOTA) {
        let message = "The number of scalable targets exceeds the limit.";
        return Err(Refusal::new("LimitExceededException", message));
    }
    let within = wanted(&service).clamp(min, max);
    if within != wanted(&service) {
        want(world, &id, within).map_err(|refusal| invalid(refusal.message))?;
    }
    if !world.application_autoscaling().targets.contains_key(&id) {
        make(world, &id, service["createdAt"].clone(), given);
    }
    let target = world.application_autoscaling_mut().targets.get_mut(&id);
    let arn = target.map(|target| {
        (target.min, target.max) = (min, max);
        let state = input.part("SuspendedState");
        let said = SUSPENDED.iter().filter_map(|name| Some((*name, state.flag(name)?)));
        target.suspended.extend(said);
        target.arn.clone()
    });
    Ok(json!({ "ScalableTargetARN": arn }))
}

/// It acts through a role of its own, which it makes at the first registration, and can use later.
fn check_role(world: &mut World) -> Result<(), Refusal> {
    match iam::linked_role(world, LINKED.principal) {
        iam::LinkedRole::Usable => return Ok(()),
        iam::LinkedRole::Missing => iam::make_linked_role(world, LINKED.principal),
        iam::LinkedRole::Fresh => {}
    }
    Err(invalid(format!("Unable to assume IAM role: {}", role_arn(world))))
}

fn role_arn(world: &World) -> String {
    world.iam_arn(&format!("role/aws-service-role/{}/{}", LINKED.principal, LINKED.name))
}

/// Whether a service was made long enough ago.
fn is_seen(world: &World, id: &str, service: &Value) -> bool {
    let (label, range) = SERVICE_VISIBLE;
    let hidden = world.dice.delay(label, id, range).as_secs_f64();
    service["createdAt"].as_f64().is_some_and(|created| created + hidden <= world.timestamp())
}

fn make(world: &mut World, id: &str, service: Value, tags: Tags) {
    let (label, range) = VISIBLE;
    let visible = world.now + world.dice.delay(label, id, range);
    let digits = world.digits_of(32, &format!("scalable-target {id}"));
    let target = Target {
        // All that have been seen begin so.
        arn: world.arn("application-autoscaling", &format!("scalable-target/0ec5{digits}")),
        service,
        min: 0,
        max: 0,
        suspended: SUSPENDED.map(|name| (name, false)).into(),
        tags,
        created: world.now,
        visible,
        policies: BTreeMap::new(),
        seen: None,
    };
    let arn = target.arn.clone();
    world.application_autoscaling_mut().targets.insert(id.to_owned(), target);
    scaler::begin(world, id, arn);
}

/// `DescribeScalableTargets`.
pub(super) fn describe_scalable_targets(world: &World, input: &Value) -> Answer {
    let (ids, dimension) = (input.texts("ResourceIds"), input.some_text("ScalableDimension"));
    if dimension.is_some() && ids.is_empty() {
        return Err(invalid("A scalable dimension needs a resource ID."));
    }
    let is_ours =
        input.text("ServiceNamespace") == "ecs" && dimension.is_none_or(|it| it == DIMENSION);
    let fits = |(id, target): &(&String, &Target)| {
        is_ours && target.visible <= world.now && (ids.is_empty() || ids.contains(id))
    };
    let view = |(id, target): (&String, &Target)| {
        json!({
            "ServiceNamespace": "ecs",
            "ResourceId": id,
            "ScalableDimension": DIMENSION,
            "MinCapacity": target.min,
            "MaxCapacity": target.max,
            "RoleARN": role_arn(world),
            "CreationTime": world.timestamp_at(target.created),
            "SuspendedState": target.suspended,
            "ScalableTargetARN": target.arn,
        })
    };
    let targets = world.application_autoscaling().targets.iter().filter(fits);
    PAGER.page(world, input, "ScalableTargets", PAGER.most, targets.map(view).collect())
}

/// `DeregisterScalableTarget`: the policies go with it.
pub(super) fn deregister_scalable_target(world: &mut World, input: &Value) -> Answer {
    let id = resource("DeregisterScalableTarget", input)?;
    find(world, &id).ok_or_else(|| not_found("scalable target found", &id))?;
    remove(world, &id);
    Ok(json!({}))
}

/// Removes a target, its policies and their alarms.
pub(super) fn remove(world: &mut World, id: &str) {
    let Some(target) = world.application_autoscaling_mut().targets.remove(id) else { return };
    for policy in target.policies.values() {
        scaling_policy::remove_alarms(world, policy);
    }
}
