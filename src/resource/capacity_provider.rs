//! The capacity provider, through which ECS scales the group of instances to what tasks need.
//!
//! Its name is the account's in the region, not the cluster's. Almost every error is a
//! `ClientException`, told apart by its message. `DeleteCapacityProvider` answers 200 also when ECS
//! refuses: the refusal stands in `updateStatus`.

use aws_sdk_ecs::types::{
    AutoScalingGroupProvider, AutoScalingGroupProviderUpdate, CapacityProvider as Described,
    CapacityProviderField, CapacityProviderStatus as Status,
    CapacityProviderUpdateStatus as UpdateStatus, ManagedDraining, ManagedScaling,
    ManagedScalingStatus, ManagedTerminationProtection,
};
use futures::future::try_join_all;

use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, auto_scaling_group,
    cluster, compare,
};
use crate::aws::error::Cause;
use crate::aws::{Aws, Cx, Doing, Error, Meaning, Meanings, Result, Scope, Tagging, missing};
use crate::names::{Names, NodeName};

/// A capacity provider as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// ARN of its group.
    pub group: Option<String>,
    /// Target capacity in percent.
    pub target_capacity: Option<i32>,
    /// Whether ECS protects instances with tasks.
    pub termination_protection: Option<String>,
    /// Whether ECS drains instances.
    pub draining: Option<String>,
    /// Whether ECS scales the group.
    pub scaling: Option<String>,
    /// Seconds until a new instance counts.
    pub warmup: Option<i32>,
    /// Fewest and most instances that ECS adds at once.
    pub steps: Option<[i32; 2]>,
}

/// The capacity provider that is wanted.
#[derive(Debug)]
pub struct CapacityProvider;

const ENABLED: &str = "ENABLED";
const TARGET_CAPACITY: i32 = 100;
const WARMUP: i32 = 60;
const STEPS: [i32; 2] = [1, 100];

impl Resource for CapacityProvider {
    type Output = Output;
    const KIND: Kind = Kind::CapacityProvider;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let mut names = match scope {
            Scope::Stack(names) | Scope::Like(names) => vec![names.capacity_provider()],
            Scope::Region(region) => of_clusters(aws, scope, region).await?,
        };
        names.sort();
        names.dedup();
        let there = describe(aws, &names).await?;
        Ok(there.iter().filter_map(|provider| read(scope, provider)).collect())
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        let names: Vec<_> = these.iter().map(|it| it.it().name.clone()).collect();
        let there = describe(aws, &names).await?;
        let look = |provider| {
            let owned = read(scope, provider)?;
            // Only a removal that was asked for meets this: a create or an update replaces it.
            let refused = provider.update_status() == Some(&UpdateStatus::DeleteFailed);
            let seen = match owned.seen {
                Seen::Present(it, _) if refused => Seen::Leaving(it, reason(provider)),
                seen => seen,
            };
            Some(Owned { seen, ..owned })
        };
        Ok(there.iter().filter_map(look).collect())
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ecs(it.arn.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        const DOING: &str = "delete the capacity provider";
        let delete = aws.ecs.delete_capacity_provider().capacity_provider(&it.name).send().await;
        let deleted =
            delete.doing(DOING).wait_on(&["UpdateInProgressException"]).gone_is_fine(GONE)?;
        let Some(provider) = deleted.as_ref().and_then(|deleted| deleted.capacity_provider())
        else {
            return Ok(());
        };
        match provider.update_status() {
            // The answer is 200 all the same.
            Some(UpdateStatus::DeleteFailed) => Err(Error {
                attempt: DOING.into(),
                cause: Cause::Refused {
                    code: "DELETE_FAILED".into(),
                    message: reason(provider),
                    request_id: None,
                },
                meaning: Meaning::NotYet,
            }),
            _ => Ok(()),
        }
    }
}

impl Wanted for CapacityProvider {
    type Needs = auto_scaling_group::Output;
    type Change = Whole;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let scope = Scope::Stack(cx.names.clone());
        let name = cx.names.capacity_provider();
        let there = describe(&cx.aws, std::slice::from_ref(&name)).await?;
        let foreign = there.iter().any(|provider| {
            provider.status() != Some(&Status::Inactive) && scope.owner(provider.tags()).is_none()
        });
        Ok(foreign.then(|| format!("the capacity provider `{name}`")))
    }

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        group: &auto_scaling_group::Output,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the capacity provider";
        let provider = AutoScalingGroupProvider::builder()
            .auto_scaling_group_arn(&group.arn)
            .managed_scaling(scaling())
            .managed_termination_protection(ManagedTerminationProtection::Enabled)
            .managed_draining(ManagedDraining::Enabled)
            .build()
            .map_err(|error| Error::other(DOING, error.to_string()))?;
        let created = cx
            .aws
            .ecs_once
            .create_capacity_provider()
            .name(cx.names.capacity_provider())
            .auto_scaling_group_provider(provider)
            .set_tags(Some(cx.ecs_tags(node)))
            .send()
            .await
            .doing(DOING)
            .taken_on(&[
                "ClientException: already exists",
                "InvalidParameterException: already exists",
            ])
            .wait_on(&[
                "ClientException: Service Linked Role does not exist",
                cluster::NO_LINKED_ROLE,
                "UpdateInProgressException",
            ]);
        let created = match created {
            // It may be that one that is gone keeps its name for some minutes.
            Err(error) if error.meaning == Meaning::Taken && is_gone(cx).await? => {
                return Err(Error { meaning: Meaning::NotYet, ..error });
            }
            created => created?,
        };
        let provider = created.capacity_provider().ok_or_else(|| missing(DOING, "provider"))?;
        Ok(made(provider))
    }

    fn drift(&self, it: &Output, group: &auto_scaling_group::Output) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        // The group may also be read as a name, which says nothing about which group of that name.
        let is = it.group.as_ref().filter(|is| is.starts_with("arn:") && **is != group.arn);
        if let Some(is) = is {
            // A capacity provider keeps its group for life, and this one's group is gone.
            differences.push(Difference::remake("autoScalingGroupArn", is, &group.arn));
        }
        let enabled = ENABLED.to_owned();
        let mut on = |field, is: &Option<String>| {
            compare(&mut differences, Whole, field, is.as_ref(), &enabled);
        };
        on("managedScaling", &it.scaling);
        on("managedTerminationProtection", &it.termination_protection);
        on("managedDraining", &it.draining);
        let target = it.target_capacity.as_ref();
        compare(&mut differences, Whole, "targetCapacity", target, &TARGET_CAPACITY);
        compare(&mut differences, Whole, "instanceWarmupPeriod", it.warmup.as_ref(), &WARMUP);
        compare(&mut differences, Whole, "scalingStepSizes", it.steps.as_ref(), &STEPS);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _group: &auto_scaling_group::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        const DOING: &str = "change the capacity provider";
        let provider = AutoScalingGroupProviderUpdate::builder()
            .managed_scaling(scaling())
            .managed_termination_protection(ManagedTerminationProtection::Enabled)
            .managed_draining(ManagedDraining::Enabled)
            .build();
        let update = cx.aws.ecs.update_capacity_provider().name(&it.name);
        let updated = update.auto_scaling_group_provider(provider).send().await;
        let updated = updated.doing(DOING).wait_on(&["UpdateInProgressException"])?;
        let provider = updated.capacity_provider().ok_or_else(|| missing(DOING, "provider"))?;
        Ok(made(provider))
    }
}

const GONE: &[&str] = &[
    "ClientException: does not exist",
    "ClientException: not found",
    "InvalidParameterException: does not exist",
    "InvalidParameterException: not found",
];

impl From<&Described> for Output {
    fn from(provider: &Described) -> Self {
        let group = provider.auto_scaling_group_provider();
        let scaling = group.and_then(AutoScalingGroupProvider::managed_scaling);
        let protection = group.and_then(AutoScalingGroupProvider::managed_termination_protection);
        let steps = scaling.and_then(|it| {
            Some([it.minimum_scaling_step_size()?, it.maximum_scaling_step_size()?])
        });
        Self {
            name: provider.name().unwrap_or_default().to_owned(),
            arn: provider.capacity_provider_arn().unwrap_or_default().to_owned(),
            group: group.map(|it| it.auto_scaling_group_arn().to_owned()),
            target_capacity: scaling.and_then(ManagedScaling::target_capacity),
            termination_protection: protection.map(|it| it.as_str().to_owned()),
            draining: group
                .and_then(AutoScalingGroupProvider::managed_draining)
                .map(|it| it.as_str().to_owned()),
            scaling: scaling.and_then(ManagedScaling::status).map(|it| it.as_str().to_owned()),
            warmup: scaling.and_then(ManagedScaling::instance_warmup_period),
            steps,
        }
    }
}

/// The providers that our clusters name, and those that they should: one that was never
/// associated, or is no more, is named by nothing.
async fn of_clusters(aws: &Aws, scope: &Scope, region: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (owner, cluster) in cluster::ours(aws, scope).await? {
        names.extend(cluster.capacity_providers().iter().cloned());
        let stack = owner.stack.parse().ok();
        names.extend(stack.map(|stack| Names::new(stack, region).capacity_provider()));
    }
    Ok(names)
}

/// Providers by name, as far as there are any: unknown ones are left out, or are listed as failures.
/// Whether ECS still tells of a provider of our name, and it is gone.
async fn is_gone(cx: &Cx) -> Result<bool> {
    let there = describe(&cx.aws, &[cx.names.capacity_provider()]).await?;
    let gone = |provider: &Described| provider.status() == Some(&Status::Inactive);
    Ok(!there.is_empty() && there.iter().all(gone))
}

async fn describe(aws: &Aws, names: &[String]) -> Result<Vec<Described>> {
    let batches = names.chunks(100).map(async |batch| {
        let (mut found, mut next) = (Vec::new(), None);
        // A page has ten of them at most, whichever were named. The SDK has no paginator for it.
        loop {
            let describe = aws.ecs.describe_capacity_providers();
            let describe = describe.include(CapacityProviderField::Tags).set_next_token(next);
            let page = describe.set_capacity_providers(Some(batch.to_vec())).send().await;
            let page = page.doing("describe the capacity providers").gone_is_fine(GONE)?;
            let Some(page) = page else { return Ok(found) };
            found.extend(page.capacity_providers.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

fn read(scope: &Scope, provider: &Described) -> Option<Owned<Output>> {
    let owner = scope.owner(provider.tags())?;
    let output = Output::from(provider);
    let id = output.name.clone();
    let seen = match (provider.status(), provider.update_status()) {
        (Some(Status::Inactive), _) | (_, Some(UpdateStatus::DeleteComplete)) => return None,
        (Some(Status::Deprovisioning), _) | (_, Some(UpdateStatus::DeleteInProgress)) => {
            Seen::Leaving(output, "ECS takes its scaling policy and its hook off the group".into())
        }
        _ => Seen::Present(output, phase(provider)),
    };
    Some(Owned { owner, id, seen })
}

fn phase(provider: &Described) -> Phase {
    match (provider.status(), provider.update_status()) {
        (_, Some(UpdateStatus::CreateFailed)) => Phase::Broken(reason(provider)),
        (Some(Status::Provisioning), _) | (_, Some(UpdateStatus::CreateInProgress)) => {
            Phase::Coming("ECS to create the capacity provider".into())
        }
        (_, Some(UpdateStatus::UpdateInProgress)) => {
            Phase::Coming("ECS to change the capacity provider".into())
        }
        // One that ECS refused to delete works as before.
        _ => Phase::Ready,
    }
}

fn made(provider: &Described) -> Made<Output> {
    let output = Output::from(provider);
    match phase(provider) {
        Phase::Coming(why) => Made::Coming(output, why),
        // A failure that is read here is an earlier one: the next look tells.
        Phase::Broken(_) => Made::Coming(output, "ECS to create the capacity provider".into()),
        Phase::Ready => Made::Ready(output),
    }
}

fn reason(provider: &Described) -> String {
    provider.update_status_reason().unwrap_or("ECS gives no reason").to_owned()
}

fn scaling() -> ManagedScaling {
    ManagedScaling::builder()
        .status(ManagedScalingStatus::Enabled)
        .target_capacity(TARGET_CAPACITY)
        .instance_warmup_period(WARMUP)
        .minimum_scaling_step_size(STEPS[0])
        .maximum_scaling_step_size(STEPS[1])
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Remedy;

    fn group(arn: &str) -> auto_scaling_group::Output {
        auto_scaling_group::Output {
            name: "asg-demo".into(),
            arn: arn.into(),
            ..auto_scaling_group::Output::default()
        }
    }

    fn provider() -> Described {
        let group = AutoScalingGroupProvider::builder()
            .auto_scaling_group_arn("arn:aws:1")
            .managed_scaling(scaling())
            .managed_termination_protection(ManagedTerminationProtection::Enabled);
        Described::builder()
            .name("cp-demo")
            .auto_scaling_group_provider(group.build().unwrap())
            .build()
    }

    #[test]
    fn what_an_endpoint_leaves_out_is_no_difference() {
        let it = Output::from(&provider());
        assert_eq!((it.draining.as_deref(), it.warmup), (None, Some(60)));
        assert_eq!(CapacityProvider.drift(&it, &group("arn:aws:1")), []);
        let off = Output { scaling: Some("DISABLED".into()), ..it };
        assert_eq!(CapacityProvider.drift(&off, &group("arn:aws:1"))[0].field, "managedScaling");
    }

    #[test]
    fn the_group_is_for_life() {
        let differences = CapacityProvider.drift(&Output::from(&provider()), &group("arn:aws:2"));
        assert_eq!(differences[0].remedy, Remedy::Remake);
    }

    #[test]
    fn a_refused_delete_leaves_a_usable_provider() {
        let with = |status| Described::builder().update_status(status).build();
        let refused = with(UpdateStatus::DeleteFailed);
        assert_eq!(phase(&refused), Phase::Ready);
        let failed = with(UpdateStatus::CreateFailed);
        assert_eq!(phase(&failed), Phase::Broken("ECS gives no reason".into()));
    }
}
