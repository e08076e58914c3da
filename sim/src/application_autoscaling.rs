//! Application Auto Scaling, of services of ECS: targets, and the policies that scale them.
//!
//! It does what its role lets it do, and no more: it asks ECS how a service is and how many tasks it
//! shall have ([`service`]), and puts alarms into `CloudWatch`. A registration moves the service into
//! its bounds at once ([`target`]); a policy has two alarms, which go with it ([`scaling_policy`]); and
//! each minute it looks whether the service is still there and under which load it is ([`scaler`]).
//! The rules are those of `docs/aws-facts.md`, "Application Auto Scaling".
//!
//! Durations, in seconds, by the label under which a scenario can replace them:
//!
//! | Label | Range | What it is |
//! |---|---|---|
//! | `scalable-target.service-visible` | 0–5 | until a new service of ECS can be registered |
//! | `scalable-target.visible` | 0–3 | until other calls find a new target |
//! | `scalable-target.phase` | 30–60 | from its registration to the first look; then one each minute |
//!
//! Not simulated are other services than ECS, step, scheduled and predictive scaling, metrics of one's
//! own and of high resolution, and the pauses between two activities.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::ecs;
use crate::fields::Fields;
use crate::iam::{self, ServiceRole};
use crate::model::Model;
use crate::page::Pager;
use crate::policy::view::{Thing, View};
use crate::refusal::{Refusal, Refusals};
use crate::service::Handler::{Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{Scope, State, Tagged, World};

mod policy;
mod scaler;
mod scaling_policy;
mod tag;
mod target;
#[cfg(test)]
mod tests;

pub use scaler::set_load;

use target::Target;

/// A label of the dice, and the seconds that it usually takes.
type Delay = (&'static str, RangeInclusive<f64>);

/// The service-linked role that it acts through.
static LINKED: ServiceRole = ServiceRole {
    principal: "ecs.application-autoscaling.amazonaws.com",
    name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
    policy: "AWSApplicationAutoscalingECSServicePolicy",
};
/// What of a service is scaled.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// Pages of targets. Those of policies are smaller ([`scaling_policy`]).
const PAGER: Pager = Pager {
    size: "MaxResults",
    most: 50,
    bad_size: Some(|size| invalid(format!("MaxResults cannot be {size}."))),
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |_| Refusal::new("InvalidNextTokenException", "The next token is invalid."),
};

/// What tags may be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => {
            let message = "A scalable target cannot have more than 50 tags.";
            Refusal::new("TooManyTagsException", message)
        }
        Fault::Reserved(key) => invalid(format!("Tag key {key} is reserved for AWS.")),
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) | Fault::Twice(_) => {
            invalid("A tag is not valid.")
        }
    },
};

/// The service.
pub static SERVICE: Service = Service {
    name: "application-autoscaling",
    model: LazyLock::new(|| Model::read(include_str!("application_autoscaling/model.json"))),
    operations: &[
        ("RegisterScalableTarget", Changes(target::register_scalable_target)),
        ("DescribeScalableTargets", Looks(target::describe_scalable_targets)),
        ("DeregisterScalableTarget", Changes(target::deregister_scalable_target)),
        ("PutScalingPolicy", Changes(scaling_policy::put_scaling_policy)),
        ("DescribeScalingPolicies", Looks(scaling_policy::describe_scaling_policies)),
        ("DeleteScalingPolicy", Changes(scaling_policy::delete_scaling_policy)),
        ("TagResource", Changes(tag::tag_resource)),
        ("UntagResource", Changes(tag::untag_resource)),
        ("ListTagsForResource", Looks(tag::list_tags_for_resource)),
    ],
    limits: Limits { shared: Shared::ByKind, looks: (20.0, 10.0), changes: (10.0, 5.0) },
    refusals: Refusals {
        missing: "ValidationException",
        malformed: "ValidationException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: ApplicationAutoScaling::SCOPE,
    begin,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell,
};

/// Everything of Application Auto Scaling in a region.
#[derive(Debug, Default)]
pub struct ApplicationAutoScaling {
    /// By the resource's id: `service/CLUSTER/SERVICE`.
    targets: BTreeMap<String, Target>,
    /// The load of a service, by the same id: how many tasks it keeps busy as its policies want it.
    loads: BTreeMap<String, usize>,
}

impl State for ApplicationAutoScaling {
    const SCOPE: Scope = Scope::Region;

    fn new(_: &World) -> Self {
        Self::default()
    }
}

fn begin(world: &mut World) {
    world.begin::<ApplicationAutoScaling>();
    iam::introduce(world, &LINKED);
}

impl World {
    /// What Application Auto Scaling keeps here.
    pub fn application_autoscaling(&self) -> &ApplicationAutoScaling {
        self.state()
    }

    /// The same, to be changed.
    pub fn application_autoscaling_mut(&mut self) -> &mut ApplicationAutoScaling {
        self.state_mut()
    }
}

/// ARNs of targets and policies.
fn ids(world: &World) -> Vec<String> {
    let targets = world.application_autoscaling().targets.values();
    let arns = |it: &Target| {
        let policies = it.policies.values().map(|policy| policy.arn.clone());
        [it.arn.clone()].into_iter().chain(policies).collect::<Vec<_>>()
    };
    targets.flat_map(arns).collect()
}

/// Kind, ARN and tags of targets; policies have no tags.
fn tagged(world: &World) -> Vec<Tagged> {
    let targets = world.application_autoscaling().targets.values();
    targets.map(|it| ("scalable-target".to_owned(), it.arn.clone(), it.tags.clone())).collect()
}

/// Tells of targets by the ids that calls name them by, which their ARNs do not show.
fn tell(world: &World, view: &mut View<'_>) {
    let targets = world.application_autoscaling().targets.iter();
    view.things.extend(targets.map(|(id, target)| Thing {
        service: SERVICE.name,
        id: id.clone(),
        tags: target.tags.clone(),
    }));
}

/// A refusal with the code `ValidationException`.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// A refusal with the code `ObjectNotFoundException`: there is no such thing of a resource.
fn not_found(what: &str, id: &str) -> Refusal {
    let message = format!(
        "No {what} for service namespace: ecs, resource ID: {id}, scalable dimension: {DIMENSION}"
    );
    Refusal::new("ObjectNotFoundException", message)
}

/// The id of the resource that a request is about: a service of ECS.
fn resource(operation: &str, input: &Value) -> Result<String, Refusal> {
    let (namespace, dimension) = (input.text("ServiceNamespace"), input.text("ScalableDimension"));
    if namespace != "ecs" {
        return Err(Refusal::lacked(&format!("{operation} for {namespace}")));
    }
    if dimension != DIMENSION {
        let message = format!("Unsupported service namespace and dimension: ecs, {dimension}");
        return Err(invalid(message));
    }
    let id = input.text("ResourceId");
    match in_parts(id) {
        Some(_) => Ok(id.to_owned()),
        None => Err(invalid(format!("Unsupported service namespace, resource type or ID: {id}"))),
    }
}

/// The cluster and the name of the service that an id names.
fn in_parts(id: &str) -> Option<(&str, &str)> {
    let (cluster, name) = id.strip_prefix("service/")?.split_once('/')?;
    let is_name = |name: &str| !name.is_empty() && !name.contains(['/', ':']);
    (is_name(cluster) && is_name(name)).then_some((cluster, name))
}

/// A service as ECS answers about it, while it is `ACTIVE`.
fn service(world: &mut World, id: &str) -> Option<Value> {
    let (cluster, name) = in_parts(id)?;
    let input = json!({ "cluster": cluster, "services": [name] });
    let mut answer = ecs::answer(world, "DescribeServices", &input).ok()?;
    let found = answer.get_mut("services")?.get_mut(0)?.take();
    (found["status"] == "ACTIVE").then_some(found)
}

/// Asks ECS for so many tasks.
fn want(world: &mut World, id: &str, tasks: usize) -> Result<(), Refusal> {
    let (cluster, name) = in_parts(id).unwrap_or_default();
    let input = json!({ "cluster": cluster, "service": name, "desiredCount": tasks });
    ecs::answer(world, "UpdateService", &input).map(drop)
}

/// How many tasks a service wants.
fn wanted(service: &Value) -> usize {
    service.number("desiredCount").and_then(|it| usize::try_from(it).ok()).unwrap_or_default()
}
