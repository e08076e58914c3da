//! What describes groups and their instances.

use serde_json::{Value, json};

use super::member::Member;
use super::{Group, PAGER, Template, invalid, tag};
use crate::fields::Fields;
use crate::refusal::Answer;
use crate::world::World;

pub(super) fn describe_auto_scaling_groups(world: &World, input: &Value) -> Answer {
    let names = input.texts("AutoScalingGroupNames");
    let filters = input.list("Filters");
    for filter in filters {
        let name = filter.text("Name");
        if !["tag-key", "tag-value"].contains(&name) && !name.starts_with("tag:") {
            let message = format!(
                "Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, \
                 tag:<key>"
            );
            return Err(invalid(message));
        }
    }
    let fits = |group: &&Group| {
        (names.is_empty() || names.contains(&group.name))
            && filters.iter().all(|filter| has_tag(group, filter))
    };
    let with_instances = input.flag("IncludeInstances") != Some(false);
    let views = world.autoscaling().groups.values().filter(fits);
    let views = views.map(|group| view(world, group, with_instances)).collect();
    PAGER.page(world, input, "AutoScalingGroups", 50, views)
}

fn has_tag(group: &Group, filter: &Value) -> bool {
    let (name, values) = (filter.text("Name"), filter.texts("Values"));
    group.tags.iter().any(|(key, (value, _))| match name {
        "tag-key" => values.contains(key),
        "tag-value" => values.contains(value),
        _ => name.strip_prefix("tag:") == Some(key) && values.contains(value),
    })
}

fn view(world: &World, group: &Group, with_instances: bool) -> Value {
    let mut view = json!({
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": group.cooldown,
        "AvailabilityZones": group.zones,
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": group.grace,
        "CreatedTime": group.created,
        "SuspendedProcesses": [],
        "VPCZoneIdentifier": group.subnets.join(","),
        "EnabledMetrics": [],
        "Tags": tag::views(group),
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": group.protects_new,
        "ServiceLinkedRoleARN": world.iam_arn(
            "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        ),
        "TrafficSources": [],
        "DeletionProtection": group.deletion_protection.as_deref().unwrap_or("none"),
    });
    let launches = template(&group.template, &group.template.version);
    match &group.mix {
        Some(mix) => view["MixedInstancesPolicy"] = mix.view(launches),
        None => view["LaunchTemplate"] = launches,
    }
    if with_instances {
        view["Instances"] = group.members.iter().map(|it| member(it, "Healthy")).collect();
    }
    if group.is_deleting() {
        view["Status"] = json!("Delete in progress");
    }
    if let Some(warmup) = group.warmup {
        view["DefaultInstanceWarmup"] = json!(warmup);
    }
    view
}

fn template(template: &Template, version: &str) -> Value {
    let mut view = json!({ "Version": version });
    if let Some(id) = &template.id {
        view["LaunchTemplateId"] = json!(id);
    }
    if let Some(name) = &template.name {
        view["LaunchTemplateName"] = json!(name);
    }
    view
}

/// An instance. The two descriptions spell a healthy one differently.
fn member(it: &Member, healthy: &str) -> Value {
    let unhealthy = if healthy == "Healthy" { "Unhealthy" } else { "UNHEALTHY" };
    let mut view = json!({
        "InstanceId": it.id,
        "AvailabilityZone": it.zone,
        "LifecycleState": it.lifecycle.text(),
        "HealthStatus": if it.is_healthy { healthy } else { unhealthy },
        "LaunchTemplate": template(&it.template, &it.template.version),
        "ProtectedFromScaleIn": it.is_protected,
    });
    if !it.instance_type.is_empty() {
        view["InstanceType"] = json!(it.instance_type);
    }
    view
}

pub(super) fn describe_auto_scaling_instances(world: &World, input: &Value) -> Answer {
    let ids = input.texts("InstanceIds");
    let mut views = Vec::new();
    for group in world.autoscaling().groups.values() {
        let asked = group.members.iter().filter(|it| ids.is_empty() || ids.contains(&it.id));
        views.extend(asked.map(|it| {
            let mut view = member(it, "HEALTHY");
            view["AutoScalingGroupName"] = json!(group.name);
            view
        }));
    }
    PAGER.page(world, input, "AutoScalingInstances", 50, views)
}
