//! What Application Auto Scaling knows of a service: between which bounds it moves the number of its tasks.
//!
//! A target has no name. It is known by its service, each of which has one at most, and it goes when that is
//! gone. Registering it once more changes it, and each time moves the service into its bounds at once. Tags can
//! be said at the first registration only, and no listing shows them. A look at everything asks only for
//! services whose own tag says that they scale, and for those that are gone while their task definitions
//! are there: a target may outlive its service for a while. Where many services scale ([`service::MANY`]), a
//! target is taken to have the tags of its service, which it was born with.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget as Described, ServiceNamespace,
};
use futures::future::try_join_all;

use super::service::{self, Service};
use super::task_definition::{self, TaskDefinition};
use super::{Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, compare};
use crate::aws::{
    AllPages, Aws, Cx, Doing, Meaning, Meanings, Owner, Result, Scope, Tagging, missing,
};
use crate::names::{Names, NodeName, ServiceName};

/// A target as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// What its service is called here: `service/CLUSTER/SERVICE`.
    pub id: String,
    /// Its ARN, by which it is tagged.
    pub arn: String,
    /// Fewest and most tasks.
    pub bounds: Bounds,
    /// How many tasks its service wanted when both were looked at. `None` when that was not read.
    pub desired: Option<i32>,
}

/// Fewest and most tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Fewest.
    pub min: i32,
    /// Most; never fewer than `min`.
    pub max: i32,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

impl Output {
    /// The name of its service.
    pub fn service(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

/// The target that is wanted.
#[derive(Debug)]
pub struct ScalableTarget {
    /// The service.
    pub service: ServiceName,
    /// Between which bounds the number of its tasks moves.
    pub bounds: Bounds,
}

/// What AWS answers about a target that is not there, or that not every call knows yet.
pub const UNKNOWN: &str = "ObjectNotFoundException";
/// Another change of the same target is under way.
pub const BUSY: &str = "ConcurrentUpdateException";
/// As many targets as a listing can ask for by id.
const IDS: usize = 50;

impl Resource for ScalableTarget {
    type Output = Output;
    const KIND: Kind = Kind::ScalableTarget;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let families = task_definition::families(aws, scope);
        let names = service::names(aws, scope, families).await?;
        let ids = names
            .iter()
            .flat_map(|(cluster, names)| names.iter().map(move |service| id_of(cluster, service)));
        of(aws, scope, ids.collect(), &[]).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let services = others.listing::<Service>();
        let definitions = others.listing::<TaskDefinition>();
        let (services, definitions) = futures::try_join!(services, definitions)?;
        let (aws, scope) = (others.aws(), others.scope());
        let scale = services.iter().filter(|it| service::scales(it));
        let scale = scale.map(|it| id_of(&it.it().cluster, &it.it().name)).collect();
        let there: BTreeSet<_> = services.iter().map(|it| (&*it.owner.stack, &*it.id)).collect();
        let families = definitions.iter().filter_map(|it| task_definition::parts(&it.id));
        let gone = families.filter(|family| !there.contains(family)).filter_map(|family| {
            let names = Names::new(family.0.parse().ok()?, scope.region());
            Some(id_of(&names.cluster(), family.1))
        });
        let (scale, gone) =
            futures::join!(of(aws, scope, scale, &services), of(aws, scope, gone.collect(), &[]));
        // AWS drops a target with its service by itself, and most services had none: whoever may not
        // ask, or cannot here, does without.
        let gone = match gone {
            Err(error) if error.meaning == Meaning::Fatal => {
                tracing::debug!("targets whose services are gone are not looked for: {error}");
                Vec::new()
            }
            gone => gone?,
        };
        Ok([scale?, gone].concat())
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.service().to_owned()]
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::ApplicationAutoScaling(it.arn.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        deregister(aws, &it.id).await
    }
}

impl Wanted for ScalableTarget {
    type Needs = service::Output;
    type Change = Whole;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let scope = Scope::Stack(cx.names.clone());
        let id = id_of(&cx.names.cluster(), self.service.as_str());
        for target in described(&cx.aws, &[id]).await? {
            if owner(&cx.aws, &scope, &target).await?.is_none() {
                return Ok(Some(format!("the scalable target of `{}`", target.resource_id())));
            }
        }
        Ok(None)
    }

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        service: &service::Output,
    ) -> Result<Made<Output>> {
        // First, so that whoever goes on after a crash asks for it.
        service::say_that_it_scales(&cx.aws, service).await?;
        let id = id_of(&service.cluster, &service.name);
        self.register(cx, id, Some(cx.tags(node))).await
    }

    fn drift(&self, it: &Output, _: &service::Output) -> Vec<Difference<Whole>> {
        let Bounds { min, max } = self.bounds;
        let mut differences = Vec::new();
        compare(&mut differences, Whole, "MinCapacity", Some(&it.bounds.min), &min);
        compare(&mut differences, Whole, "MaxCapacity", Some(&it.bounds.max), &max);
        // Set by hand, it would wait for an alarm.
        if let Some(is) =
            it.desired.filter(|is| differences.is_empty() && !(min..=max).contains(is))
        {
            let field = "desiredCount of its service";
            differences.push(Difference::update(Whole, field, is, self.bounds));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _: &service::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        self.register(cx, it.id.clone(), None).await
    }
}

impl ScalableTarget {
    /// Registers it. Tags are refused for a target that is there.
    async fn register(
        &self,
        cx: &Cx,
        id: String,
        tags: Option<Vec<(String, String)>>,
    ) -> Result<Made<Output>> {
        const DOING: &str = "register the scalable target";
        let register = cx.aws.application_autoscaling.register_scalable_target();
        let register = register
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&id)
            .scalable_dimension(DIMENSION)
            .min_capacity(self.bounds.min)
            .max_capacity(self.bounds.max)
            .set_tags(tags.map(|tags| tags.into_iter().collect()));
        let registered = register
            .send()
            .await
            .doing(DOING)
            .wait_on(&[
                BUSY,
                // The service was just made.
                "ValidationException: ECS service doesn't exist",
                // The role through which the service is scaled was just made.
                "ValidationException: Unable to assume IAM role",
            ])
            // By this very one when the answer was lost and the SDK asked again, or by somebody.
            .taken_on(&["ValidationException: already exists"])?;
        let arn = registered.scalable_target_arn();
        let arn = arn.ok_or_else(|| missing(DOING, "ScalableTargetARN"))?.to_owned();
        Ok(Made::Ready(Output { id, arn, bounds: self.bounds, desired: None }))
    }
}

/// The node of the target of a service.
pub fn node(service: &str) -> NodeName {
    NodeName::from(format!("scalable-target/{service}"))
}

/// What of a service is scaled.
pub(super) const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;

/// What a service is called here.
pub(super) fn id_of(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}

/// Takes a target away, with its policies and their alarms. The number of tasks stays as it is.
pub(super) async fn deregister(aws: &Aws, id: &str) -> Result<()> {
    let deregister = aws.application_autoscaling.deregister_scalable_target();
    let deregister = deregister.service_namespace(ServiceNamespace::Ecs).resource_id(id);
    let deregister = deregister.scalable_dimension(DIMENSION).send().await;
    let deregister = deregister.doing("deregister the scalable target").wait_on(&[BUSY]);
    deregister.gone_is_fine(&[UNKNOWN]).map(drop)
}

/// Whether there is a target, whosever it is.
pub(super) async fn is_there(aws: &Aws, id: String) -> Result<bool> {
    Ok(!described(aws, &[id]).await?.is_empty())
}

/// Targets by id; a call takes fifty. Those that are not there are left out.
async fn described(aws: &Aws, ids: &[String]) -> Result<Vec<Described>> {
    let batches = ids.chunks(IDS).map(async |ids| {
        let describe = aws.application_autoscaling.describe_scalable_targets();
        let describe = describe
            .service_namespace(ServiceNamespace::Ecs)
            .set_resource_ids(Some(ids.to_vec()))
            .scalable_dimension(DIMENSION);
        let described = describe.into_paginator().items().send().all().await;
        described.doing("list the scalable targets")
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

/// Whose a target is, as its tags say.
async fn owner(aws: &Aws, scope: &Scope, it: &Described) -> Result<Option<Owner>> {
    let Some(arn) = it.scalable_target_arn() else { return Ok(None) };
    let list = aws.application_autoscaling.list_tags_for_resource().resource_arn(arn);
    let listed = list.send().await.doing("list the tags of the scalable target");
    // Gone between two looks.
    let listed = listed.gone_is_fine(&["ResourceNotFoundException"])?;
    let tags: Vec<_> = listed.and_then(|it| it.tags).into_iter().flatten().collect();
    Ok(scope.owner(&tags))
}

/// Our targets of these services, which were looked at, too, as far as they are given.
async fn of(
    aws: &Aws,
    scope: &Scope,
    ids: BTreeSet<String>,
    services: &[Owned<service::Output>],
) -> Result<Vec<Owned<Output>>> {
    let ids: Vec<_> = ids.into_iter().collect();
    let targets = described(aws, &ids).await?;
    let are_many = targets.len() > service::MANY;
    let all = targets.iter().map(async |target| {
        let id = target.resource_id().to_owned();
        let of = services.iter().find(|it| id_of(&it.it().cluster, &it.it().name) == id);
        let owner = match of.filter(|of| are_many && service::scales(of)) {
            Some(of) => Some(Owner { node: node(&of.it().name), ..of.owner.clone() }),
            None => owner(aws, scope, target).await?,
        };
        let output = Output {
            arn: target.scalable_target_arn().unwrap_or_default().to_owned(),
            bounds: Bounds { min: target.min_capacity(), max: target.max_capacity() },
            desired: of.and_then(|of| of.it().desired_count),
            id: id.clone(),
        };
        let seen = Seen::Present(output, Phase::Ready);
        Ok(owner.map(|owner| Owned { owner, id, seen }))
    });
    Ok(try_join_all(all).await?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_tasks_within_the_bounds_is_the_scalers_own() {
        let wanted =
            ScalableTarget { service: "web".parse().unwrap(), bounds: Bounds { min: 2, max: 10 } };
        let service = aws_sdk_ecs::types::Service::builder().build();
        let service = service::Output::from(&service);
        let fields = |min: i32, max: i32, desired: Option<i32>| {
            let (id, arn) = ("service/c/web".to_owned(), String::new());
            let it = Output { id, arn, bounds: Bounds { min, max }, desired };
            let drift = wanted.drift(&it, &service).into_iter();
            drift.map(|it| format!("{} {} → {}", it.field, it.is, it.wanted)).collect::<Vec<_>>()
        };
        assert_eq!(fields(2, 10, None), [""; 0]);
        assert_eq!(fields(2, 10, Some(2)), [""; 0]);
        assert_eq!(fields(2, 10, Some(10)), [""; 0]);
        assert_eq!(fields(2, 10, Some(11)), ["desiredCount of its service 11 → 2 to 10"]);
        assert_eq!(fields(1, 9, Some(1)), ["MinCapacity 1 → 2", "MaxCapacity 9 → 10"]);
    }
}
