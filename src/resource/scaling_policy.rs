//! A policy of a scalable target: which metric of the service is kept at which value.
//!
//! A policy has no tags: it is ours where its target is and its name is one that ecsup gives. Putting it once
//! more changes it. Its two alarms come and go with it.

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalingPolicy as Described,
    ServiceNamespace, TargetTrackingScalingPolicyConfiguration as Configuration,
};
use futures::future::try_join_all;

use super::scalable_target::{self, BUSY, DIMENSION, ScalableTarget, UNKNOWN};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, compare,
    load_balancer, service, target_group,
};
use crate::arn::Arn;
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope};
use crate::names::{self, NodeName};

/// A policy as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its ARN.
    pub arn: String,
    /// Its target.
    pub target: String,
    /// Its name.
    pub name: String,
    /// What it does. `None` when it is of a kind that ecsup does not make.
    pub does: Option<Does>,
}

/// What a policy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Does {
    /// The metric, as AWS names it.
    pub metric: String,
    /// Whose requests it counts, where it counts requests.
    pub label: Option<String>,
    /// The value that the metric is kept at, as text.
    pub value: String,
    /// Seconds between two times that it takes tasks away, and that it adds some.
    pub cooldowns: [Option<i32>; 2],
    /// Whether it only ever adds tasks.
    pub only_adds: bool,
}

/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How much of their CPU the tasks use on average, in percent.
    Cpu,
    /// How much of their memory the tasks use on average, in percent.
    Memory,
    /// Requests from a load balancer for each of its targets, in a minute.
    Requests,
}

impl Metric {
    /// What AWS calls it.
    pub fn kind(self) -> MetricType {
        match self {
            Self::Cpu => MetricType::EcsServiceAverageCpuUtilization,
            Self::Memory => MetricType::EcsServiceAverageMemoryUtilization,
            Self::Requests => MetricType::AlbRequestCountPerTarget,
        }
    }
}

/// The policy that is wanted.
#[derive(Debug)]
pub struct ScalingPolicy {
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub metric: Metric,
    /// The value that it keeps that at.
    pub value: u32,
    /// Seconds between two times that it takes tasks away.
    pub cooldown_in: i32,
    /// Seconds between two times that it adds some.
    pub cooldown_out: i32,
}

/// The load balancer whose requests are counted, and the target group that it sends them to.
pub type Front = (load_balancer::Output, target_group::Output);

impl Resource for ScalingPolicy {
    type Output = Output;
    const KIND: Kind = Kind::ScalingPolicy;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        of(aws, &ScalableTarget::list(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        of(others.aws(), &others.listing::<ScalableTarget>().await?).await
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.target.clone()]
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.application_autoscaling.delete_scaling_policy().policy_name(&it.name);
        let delete = delete.service_namespace(ServiceNamespace::Ecs).resource_id(&it.target);
        let delete = delete.scalable_dimension(DIMENSION).send().await;
        let delete = delete.doing("delete the scaling policy").wait_on(&[BUSY]);
        delete.gone_is_fine(&[UNKNOWN]).map(drop)
    }
}

impl Wanted for ScalingPolicy {
    type Needs = (scalable_target::Output, Option<Front>);
    type Change = Whole;

    async fn create(&self, cx: &Cx, _: &NodeName, needs: &Self::Needs) -> Result<Made<Output>> {
        self.put(cx, needs).await
    }

    fn drift(&self, it: &Output, (_, front): &Self::Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        let wanted = self.does(front.as_ref());
        let Some(does) = &it.does else {
            let field = "PolicyType";
            return vec![Difference::update(Whole, field, "another", KIND.as_str())];
        };
        let Does { metric, label, value, cooldowns: [cooldown_in, cooldown_out], only_adds } = does;
        let all = &mut differences;
        compare(all, Whole, "PredefinedMetricType", Some(metric), &wanted.metric);
        if *label != wanted.label {
            let word = |label: &Option<String>| label.clone().unwrap_or_else(|| "none".to_owned());
            let (is, wanted) = (word(label), word(&wanted.label));
            all.push(Difference::update(Whole, "ResourceLabel", is, wanted));
        }
        if *value != wanted.value {
            all.push(Difference::update(Whole, "TargetValue", value, wanted.value));
        }
        compare(all, Whole, "ScaleInCooldown", cooldown_in.as_ref(), &self.cooldown_in);
        compare(all, Whole, "ScaleOutCooldown", cooldown_out.as_ref(), &self.cooldown_out);
        compare(all, Whole, "DisableScaleIn", Some(only_adds), &wanted.only_adds);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        _it: &Output,
        needs: &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        self.put(cx, needs).await
    }
}

const KIND: PolicyType = PolicyType::TargetTrackingScaling;

impl ScalingPolicy {
    fn does(&self, front: Option<&Front>) -> Does {
        Does {
            metric: self.metric.kind().as_str().to_owned(),
            label: front.map(|(balancer, group)| label(balancer.arn.as_str(), group.arn.as_str())),
            value: f64::from(self.value).to_string(),
            cooldowns: [Some(self.cooldown_in), Some(self.cooldown_out)],
            only_adds: false,
        }
    }

    /// Makes it, or says all of it again.
    async fn put(
        &self,
        cx: &Cx,
        (target, front): &<Self as Wanted>::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "put the scaling policy";
        let unsaid = |error: aws_smithy_types::error::operation::BuildError| {
            Error::other(DOING, error.to_string())
        };
        let does = self.does(front.as_ref());
        let metric = PredefinedMetricSpecification::builder()
            .predefined_metric_type(self.metric.kind())
            .set_resource_label(does.label.clone())
            .build()
            .map_err(unsaid)?;
        let configuration = Configuration::builder()
            .target_value(f64::from(self.value))
            .predefined_metric_specification(metric)
            .scale_in_cooldown(self.cooldown_in)
            .scale_out_cooldown(self.cooldown_out)
            .disable_scale_in(false)
            .build()
            .map_err(unsaid)?;
        let put = cx
            .aws
            .application_autoscaling
            .put_scaling_policy()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&target.id)
            .scalable_dimension(DIMENSION)
            .policy_name(&self.name)
            .policy_type(KIND)
            .target_tracking_scaling_policy_configuration(configuration);
        let put = put.send().await.doing(DOING).wait_on(&[
            BUSY,
            // Its target was just registered.
            UNKNOWN,
            // The role that reads the metrics was just made.
            "FailedResourceAccessException",
        ])?;
        let (target, name) = (target.id.clone(), self.name.clone());
        let arn = put.policy_arn().to_owned();
        Ok(Made::Ready(Output { arn, target, name, does: Some(does) }))
    }
}

/// Whose requests are counted: `app/LOAD-BALANCER/ID/targetgroup/TARGET-GROUP/ID`.
fn label(balancer: &str, group: &str) -> String {
    let [balancer, group] =
        [balancer, group].map(|arn| Arn::parse(arn).map_or(arn, |arn| arn.resource));
    format!("{}/{group}", balancer.strip_prefix("loadbalancer/").unwrap_or(balancer))
}

impl From<&Described> for Output {
    fn from(policy: &Described) -> Self {
        let configuration = policy.target_tracking_scaling_policy_configuration();
        let does = configuration.and_then(|it| {
            let metric = it.predefined_metric_specification()?;
            Some(Does {
                metric: metric.predefined_metric_type().as_str().to_owned(),
                label: metric.resource_label().map(str::to_owned),
                value: it.target_value().to_string(),
                cooldowns: [it.scale_in_cooldown(), it.scale_out_cooldown()],
                only_adds: it.disable_scale_in() == Some(true),
            })
        });
        Self {
            arn: policy.policy_arn().to_owned(),
            target: policy.resource_id().to_owned(),
            name: policy.policy_name().to_owned(),
            does,
        }
    }
}

/// Our policies of these targets. A call is about one target or about all of the account, so that is chosen
/// which is fewer.
async fn of(aws: &Aws, targets: &[Owned<scalable_target::Output>]) -> Result<Vec<Owned<Output>>> {
    let all = if targets.len() > service::MANY {
        described(aws, None).await?
    } else {
        let each = targets.iter().map(|target| described(aws, Some(&target.id)));
        try_join_all(each).await?.into_iter().flatten().collect()
    };
    let read = |policy: &Described| {
        let target = targets.iter().find(|target| target.id == policy.resource_id())?;
        read(target, policy)
    };
    Ok(all.iter().filter_map(read).collect())
}

async fn described(aws: &Aws, target: Option<&str>) -> Result<Vec<Described>> {
    let describe = aws.application_autoscaling.describe_scaling_policies();
    let describe = describe
        .service_namespace(ServiceNamespace::Ecs)
        .set_resource_id(target.map(str::to_owned))
        .set_scalable_dimension(target.map(|_| DIMENSION));
    let described = describe.into_paginator().items().send().all().await;
    described.doing("list the scaling policies")
}

fn read(target: &Owned<scalable_target::Output>, policy: &Described) -> Option<Owned<Output>> {
    let which = policy.policy_name().strip_prefix(names::SCALING_POLICY)?;
    let node = node(target.it().service(), which);
    let owner = Owner { node, tags: None, ..target.owner.clone() };
    let output = Output::from(policy);
    Some(Owned { owner, id: output.arn.clone(), seen: Seen::Present(output, Phase::Ready) })
}

/// The node of a policy: `which` tells those of a service apart.
pub fn node(service: &str, which: &str) -> NodeName {
    NodeName::from(format!("scaling-policy/{service}/{which}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_load_balancer_and_target_group_as_they_name_themselves() {
        let of = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
        let balancer = format!("{of}:loadbalancer/app/lb-a/50dc6c495c0c9188");
        let label = label(&balancer, &format!("{of}:targetgroup/tg-a-web/73e2d6bc24d8a067"));
        assert_eq!(label, "app/lb-a/50dc6c495c0c9188/targetgroup/tg-a-web/73e2d6bc24d8a067");
    }
}
