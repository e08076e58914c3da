//! The instances of a stack whose manifest says of which types they are, and which are Spot ones.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{autoscaling, ec2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ecsup::spec::{Instances, Spec};
use serde_json::{Value, json};

use super::texts;

/// The instances of a group that are no longer, or not yet, on their way.
pub fn staying(world: &mut World, stack: &str) -> Vec<Value> {
    let group = group(world, stack);
    let members = group.list("Instances").iter();
    let staying = members.filter(|it| it.text("LifecycleState") == "InService");
    let ids: Vec<_> = staying.map(|it| it.text("InstanceId").to_owned()).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let found = ec2::answer(world, "DescribeInstances", &json!({ "InstanceIds": ids }));
    let found = found.unwrap_or_default();
    found.list("Reservations").iter().flat_map(|it| it.list("Instances").to_vec()).collect()
}

pub fn is_spot(instance: &Value) -> bool {
    instance.some_text("InstanceLifecycle") == Some("spot")
}

fn group(world: &mut World, stack: &str) -> Value {
    let input = json!({ "AutoScalingGroupNames": [format!("asg-{stack}")] });
    let found = autoscaling::answer(world, "DescribeAutoScalingGroups", &input);
    found.unwrap_or_default().list("AutoScalingGroups").first().cloned().unwrap_or_default()
}

/// What is unlike what the manifest says of instances.
pub fn misfits(world: &mut World, spec: &Spec) -> Vec<String> {
    let Some(wanted) = &spec.instances else { return Vec::new() };
    let stack = spec.stack.to_string();
    let mut faults = Vec::new();
    let mut same = |what: &str, is: Value, wanted: Value| {
        if is != wanted {
            faults.push(format!("{what}: {is}, not {wanted}"));
        }
    };
    let group = group(world, &stack);
    let policy = group.part("MixedInstancesPolicy");
    let mixed = wanted.spot.is_some() || wanted.instance_types.len() > 1;
    let template = if mixed {
        let overrides = policy.part("LaunchTemplate").list("Overrides");
        same("types", json!(texts(overrides, "InstanceType")), json!(wanted.instance_types));
        let distribution = policy.part("InstancesDistribution");
        let above = if wanted.spot.is_some() { 0 } else { 100 };
        let base = wanted.spot.map_or(0, |spot| spot.on_demand_base);
        let numbers = ["OnDemandBaseCapacity", "OnDemandPercentageAboveBaseCapacity"];
        same("on demand", json!(numbers.map(|it| distribution.number(it))), json!([base, above]));
        let strategy = distribution.text("SpotAllocationStrategy");
        same("strategy", json!(strategy), json!("price-capacity-optimized"));
        policy.part("LaunchTemplate").part("LaunchTemplateSpecification").clone()
    } else {
        same("policy", policy.clone(), Value::Null);
        group.part("LaunchTemplate").clone()
    };
    let input = json!({
        "LaunchTemplateId": template.text("LaunchTemplateId"),
        "Versions": [template.text("Version")],
    });
    let found = ec2::answer(world, "DescribeLaunchTemplateVersions", &input).unwrap_or_default();
    let data = found.list("LaunchTemplateVersions").first().map(|it| it.part("LaunchTemplateData"));
    let data = data.cloned().unwrap_or_default();
    let volume =
        data.list("BlockDeviceMappings").first().map(|it| it.part("Ebs").number("VolumeSize"));
    same("GiB of the template's volume", json!(volume), json!(wanted.volume_gib));
    same("type of the template", json!(data.text("InstanceType")), json!(wanted.instance_types[0]));
    let script = STANDARD.decode(data.text("UserData")).unwrap_or_default();
    let script = String::from_utf8_lossy(&script).into_owned();
    let drains =
        script.contains("echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config");
    same("draining of Spot instances", json!(drains), json!(wanted.spot.is_some()));
    let there = staying(world, &stack);
    faults.extend(unlike(&there, wanted, data.text("ImageId")));
    faults
}

/// How the instances that are there differ from what was asked for.
fn unlike(there: &[Value], wanted: &Instances, image: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let types: BTreeSet<_> = there.iter().map(|it| it.text("InstanceType").to_owned()).collect();
    let others: Vec<_> = types.iter().filter(|it| !wanted.instance_types.contains(it)).collect();
    if !others.is_empty() {
        faults.push(format!("instances of {others:?}"));
    }
    if there.iter().any(|it| it.text("ImageId") != image) {
        faults.push(format!("instances of another image than {image}"));
    }
    if wanted.spot.is_none() && there.iter().any(is_spot) {
        faults.push("Spot instances".to_owned());
    }
    faults
}
