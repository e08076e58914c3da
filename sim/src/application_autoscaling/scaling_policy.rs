//! Policies: which metric of a service is kept at which value.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DIMENSION, PAGER, in_parts, invalid, not_found, resource, service, target};
use crate::cloudwatch;
use crate::elb;
use crate::fields::Fields;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Policies that a target has room for.
const QUOTA: usize = 50;

const KIND: &str = "TargetTrackingScaling";
const REQUESTS: &str = "ALBRequestCountPerTarget";

/// Metrics of a service, with the names that `CloudWatch` has for them.
const METRICS: [(&str, &str, &str); 3] = [
    ("ECSServiceAverageCPUUtilization", "AWS/ECS", "CPUUtilization"),
    ("ECSServiceAverageMemoryUtilization", "AWS/ECS", "MemoryUtilization"),
    (REQUESTS, "AWS/ApplicationELB", "RequestCountPerTarget"),
];

/// A policy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) arn: String,
    /// `TargetTrackingScalingPolicyConfiguration`, as it was said.
    configuration: Value,
    created: Duration,
    /// The names of its alarms: the one that lets it scale out, and the one that lets it scale in.
    pub(super) alarms: [String; 2],
}

impl Policy {
    /// Whether it never scales in.
    pub(super) fn only_scales_out(&self) -> bool {
        self.configuration.flag("DisableScaleIn") == Some(true)
    }
}

/// Removes the alarms of a policy.
pub(super) fn remove_alarms(world: &mut World, policy: &Policy) {
    for alarm in &policy.alarms {
        cloudwatch::remove(world, alarm);
    }
}

/// `PutScalingPolicy`: makes a policy, or changes the one of that name.
pub(super) fn put_scaling_policy(world: &mut World, input: &Value) -> Answer {
    let id = resource("PutScalingPolicy", input)?;
    let target = target::find(world, &id);
    let target = target.ok_or_else(|| not_found("scalable target registered", &id))?;
    let name = input.text("PolicyName").to_owned();
    let is_new = !target.policies.contains_key(&name);
    let kind = match input.some_text("PolicyType") {
        Some(kind) => kind,
        None if is_new => return Err(invalid("PolicyType is required for a new scaling policy.")),
        None => KIND,
    };
    if kind != KIND {
        return Err(Refusal::lacked(&format!("PutScalingPolicy with {kind}")));
    }
    let configuration = input.part("TargetTrackingScalingPolicyConfiguration").clone();
    let metric = configuration.part("PredefinedMetricSpecification").clone();
    let same = |(other, policy): (&String, &Policy)| {
        *other != name && policy.configuration["PredefinedMetricSpecification"] == metric
    };
    if !metric.is_null() && target.policies.iter().any(same) {
        return Err(invalid(
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        ));
    }
    if is_new && target.policies.len() >= world.scenario.quota("scaling-policies", QUOTA) {
        let message = "The number of scaling policies exceeds the limit.";
        return Err(Refusal::new("LimitExceededException", message));
    }
    let settings = settings(world, &id, &configuration)?;
    let policy = match target::find_mut(world, &id).and_then(|it| it.policies.remove(&name)) {
        Some(policy) => Policy { configuration, ..policy },
        None => make(world, &id, &name, configuration),
    };
    for (alarm, mut settings) in policy.alarms.iter().zip(settings) {
        settings["AlarmActions"] = json!([policy.arn]);
        cloudwatch::put(world, alarm, settings);
    }
    let answer = json!({ "PolicyARN": policy.arn, "Alarms": alarms(world, &policy) });
    if let Some(target) = target::find_mut(world, &id) {
        target.policies.insert(name, policy);
    }
    Ok(answer)
}

fn make(world: &mut World, id: &str, name: &str, configuration: Value) -> Policy {
    let uuid = world.uuid_of(&format!("scaling-policy {id} {name}"));
    let alarm = |world: &mut World, which: &str| {
        let uuid = world.uuid_of(&format!("alarm {which} {id} {name}"));
        format!("TargetTracking-{id}-{which}-{uuid}")
    };
    let resource = format!("scalingPolicy:{uuid}:resource/ecs/{id}:policyName/{name}");
    Policy {
        // The ARNs of policies are those of Auto Scaling.
        arn: world.arn("autoscaling", &resource),
        configuration,
        created: world.now,
        alarms: ["AlarmHigh", "AlarmLow"].map(|which| alarm(world, which)),
    }
}

/// What the two alarms of a policy watch, once the policy is one that the service can have.
fn settings(world: &mut World, id: &str, configuration: &Value) -> Result<[Value; 2], Refusal> {
    if !configuration.part("CustomizedMetricSpecification").is_null() {
        return Err(Refusal::lacked("PutScalingPolicy with CustomizedMetricSpecification"));
    }
    let specification = configuration.part("PredefinedMetricSpecification");
    let kind = specification.some_text("PredefinedMetricType");
    let kind = kind.ok_or_else(|| invalid("A target tracking policy needs a metric."))?;
    if kind.starts_with("ECSService") && kind.ends_with("HighResolution") {
        return Err(Refusal::lacked(&format!("PutScalingPolicy with {kind}")));
    }
    let metric = METRICS.iter().find(|(it, ..)| *it == kind);
    let Some((_, namespace, name)) = metric else {
        let message = format!("The metric {kind} is not one of the service namespace ecs.");
        return Err(invalid(message));
    };
    let label = specification.some_text("ResourceLabel");
    let (dimensions, statistic) = match (kind, label) {
        (REQUESTS, Some(label)) => (of_requests(world, id, label)?, "Sum"),
        (REQUESTS, None) => return Err(invalid(format!("{kind} needs a resource label."))),
        (_, Some(_)) => return Err(invalid(format!("{kind} takes no resource label."))),
        (_, None) => {
            let (cluster, service) = in_parts(id).unwrap_or_default();
            ([("ClusterName", cluster.to_owned()), ("ServiceName", service.to_owned())], "Average")
        }
    };
    let dimensions = dimensions.map(|(name, value)| json!({ "Name": name, "Value": value }));
    let value = configuration["TargetValue"].as_f64().unwrap_or_default();
    let alarm = |comparison: &str, threshold: f64, minutes: u32| {
        json!({
            "AlarmDescription": "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy.",
            "ActionsEnabled": true,
            "OKActions": [],
            "InsufficientDataActions": [],
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": dimensions,
            "Statistic": statistic,
            "Period": 60,
            "EvaluationPeriods": minutes,
            "ComparisonOperator": comparison,
            "Threshold": threshold,
        })
    };
    // It scales in well below the value only, lest it scale out again.
    Ok([alarm("GreaterThanThreshold", value, 3), alarm("LessThanThreshold", value * 0.9, 15)])
}

/// The dimensions of the requests of a target group: the service's own, behind the load balancer that
/// leads to it.
fn of_requests(
    world: &mut World,
    id: &str,
    label: &str,
) -> Result<[(&'static str, String); 2], Refusal> {
    let wrong = |why: &str| invalid(format!("The resource label {label} is invalid: {why}"));
    let parts = label.split_once("/targetgroup/").filter(|(balancer, group)| {
        let count = |text: &str| text.split('/').filter(|part| !part.is_empty()).count();
        balancer.starts_with("app/") && (count(balancer), count(group)) == (3, 2)
    });
    let (balancer, group) = parts
        .ok_or_else(|| wrong("it has to be app/LOAD-BALANCER/ID/targetgroup/TARGET-GROUP/ID."))?;
    let group = format!("targetgroup/{group}");
    let arn = |resource: &str| Value::from(world.arn("elasticloadbalancing", resource));
    let (balancer_arn, group_arn) = (arn(&format!("loadbalancer/{balancer}")), arn(&group));
    let input = json!({ "TargetGroupArns": [group_arn] });
    let found = elb::answer(world, "DescribeTargetGroups", &input);
    let found = found.map_err(|_| wrong("the target group does not exist."))?;
    if !found["TargetGroups"][0].list("LoadBalancerArns").contains(&balancer_arn) {
        return Err(wrong("the load balancer does not lead to the target group."));
    }
    let service = service(world, id).unwrap_or_default();
    let mut attached = service.list("loadBalancers").iter();
    if !attached.any(|it| it["targetGroupArn"] == group_arn) {
        return Err(wrong("the target group is not attached to the service."));
    }
    Ok([("LoadBalancer", balancer.to_owned()), ("TargetGroup", group)])
}

/// The alarms of a policy that are there.
fn alarms(world: &World, policy: &Policy) -> Vec<Value> {
    let alarm = |name: &String| {
        let arn = cloudwatch::arn(world, name);
        json!({ "AlarmName": name, "AlarmARN": arn })
    };
    policy.alarms.iter().map(alarm).collect()
}

/// `DescribeScalingPolicies`.
pub(super) fn describe_scaling_policies(world: &World, input: &Value) -> Answer {
    const PAGES: Pager = Pager { most: 10, ..PAGER };
    let (names, resource) = (input.texts("PolicyNames"), input.some_text("ResourceId"));
    let dimension = input.some_text("ScalableDimension");
    if dimension.is_some() && resource.is_none() {
        return Err(invalid("A scalable dimension needs a resource ID."));
    }
    let is_ours =
        input.text("ServiceNamespace") == "ecs" && dimension.is_none_or(|it| it == DIMENSION);
    let targets = world.application_autoscaling().targets.iter();
    let targets = targets.filter(|(id, _)| is_ours && resource.is_none_or(|it| it == *id));
    let all = targets.flat_map(|(id, target)| target.policies.iter().map(move |it| (id, it)));
    let all = all.filter(|(_, (name, _))| names.is_empty() || names.contains(name));
    let view = |(id, (name, policy)): (&String, (&String, &Policy))| {
        json!({
            "PolicyARN": policy.arn,
            "PolicyName": name,
            "ServiceNamespace": "ecs",
            "ResourceId": id,
            "ScalableDimension": DIMENSION,
            "PolicyType": KIND,
            "TargetTrackingScalingPolicyConfiguration": policy.configuration,
            "Alarms": alarms(world, policy),
            "CreationTime": world.timestamp_at(policy.created),
        })
    };
    PAGES.page(world, input, "ScalingPolicies", PAGES.most, all.map(view).collect())
}

/// `DeleteScalingPolicy`: the alarms go with it.
pub(super) fn delete_scaling_policy(world: &mut World, input: &Value) -> Answer {
    let (id, name) = (resource("DeleteScalingPolicy", input)?, input.text("PolicyName"));
    let policy = target::find_mut(world, &id).and_then(|target| target.policies.remove(name));
    let policy = policy.ok_or_else(|| {
        let refusal = not_found("scaling policy found", &id);
        Refusal { message: format!("{}, policy name: {name}", refusal.message), ..refusal }
    })?;
    remove_alarms(world, &policy);
    Ok(json!({}))
}
