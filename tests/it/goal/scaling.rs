//! Whether services scale as they were asked to, and nothing else of the stack does: targets, policies, alarms
//! and the number of tasks, as AWS would answer about them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::fields::Fields as _;
use aws_sim::services;
use aws_sim::world::World;
use ecsup::spec::{Scheme, Service, Spec};
use serde_json::{Value, json};

/// What moves the tasks of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scaled {
    /// Fewest and most tasks.
    pub bounds: [i64; 2],
    /// By the name of the policy: its metric, the label of that, the value, and both cooldowns.
    pub policies: BTreeMap<String, String>,
}

pub fn ask(world: &mut World, service: &str, operation: &str, input: Value) -> Value {
    services::answer(world, service, operation, &input)
        .unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal:?}"))
}

/// How many tasks a service wants.
pub fn desired(world: &mut World, stack: &str, service: &str) -> i64 {
    described(world, stack, service).number("desiredCount").expect("a number")
}

pub fn described(world: &mut World, stack: &str, service: &str) -> Value {
    let input = json!({ "cluster": format!("cluster-{stack}"), "services": [service] });
    ask(world, "ecs", "DescribeServices", input)
        .list("services")
        .first()
        .cloned()
        .unwrap_or_default()
}

/// What scales in the cluster of a stack, by service.
pub fn scaled(world: &mut World, stack: &str) -> BTreeMap<String, Scaled> {
    let all = json!({ "ServiceNamespace": "ecs" });
    let targets = ask(world, "application-autoscaling", "DescribeScalableTargets", all);
    let prefix = format!("service/cluster-{stack}/");
    let mut found = BTreeMap::new();
    for target in targets.list("ScalableTargets") {
        let id = target.text("ResourceId");
        let Some(service) = id.strip_prefix(&prefix) else { continue };
        let of = json!({ "ServiceNamespace": "ecs", "ResourceId": id });
        let policies = ask(world, "application-autoscaling", "DescribeScalingPolicies", of);
        let one = |policy: &Value| {
            let how = policy.part("TargetTrackingScalingPolicyConfiguration");
            let metric = how.part("PredefinedMetricSpecification");
            let seconds = |name: &str| how.number(name).unwrap_or(-1);
            let does = format!(
                "{} of {:?} at {}, {} s in and {} s out",
                metric.text("PredefinedMetricType"),
                metric.some_text("ResourceLabel").unwrap_or_default(),
                how["TargetValue"],
                seconds("ScaleInCooldown"),
                seconds("ScaleOutCooldown"),
            );
            (policy.text("PolicyName").to_owned(), does)
        };
        let policies = policies.list("ScalingPolicies").iter().map(one).collect();
        let bounds = ["MinCapacity", "MaxCapacity"].map(|it| target.number(it).expect("a bound"));
        found.insert(service.to_owned(), Scaled { bounds, policies });
    }
    found
}

/// The alarms of a stack's services.
pub fn alarms(world: &mut World, stack: &str) -> BTreeSet<String> {
    let prefix = format!("TargetTracking-service/cluster-{stack}/");
    let all = ask(world, "monitoring", "DescribeAlarms", json!({ "MaxRecords": 100 }));
    let names = all.list("MetricAlarms").iter().map(|it| it.text("AlarmName").to_owned());
    names.filter(|name| name.starts_with(&prefix)).collect()
}

/// What the requests of a service from a load balancer are called.
fn label(world: &mut World, stack: &str, service: &str, scheme: Scheme) -> String {
    let all = ask(world, "elasticloadbalancing", "DescribeLoadBalancers", json!({}));
    let behind = described(world, stack, service);
    let groups: Vec<_> =
        behind.list("loadBalancers").iter().map(|it| it.text("targetGroupArn")).collect();
    let groups = ask(
        world,
        "elasticloadbalancing",
        "DescribeTargetGroups",
        json!({ "TargetGroupArns": groups }),
    );
    let resource = |arn: &str| arn.splitn(6, ':').last().unwrap_or_default().to_owned();
    for group in groups.list("TargetGroups") {
        for balancer in group.texts("LoadBalancerArns") {
            let is_it = |it: &&Value| {
                it.text("LoadBalancerArn") == balancer && it.text("Scheme") == scheme.to_string()
            };
            if all.list("LoadBalancers").iter().any(|it| is_it(&it)) {
                let front = resource(&balancer).replacen("loadbalancer/", "", 1);
                return format!("{front}/{}", resource(group.text("TargetGroupArn")));
            }
        }
    }
    "nothing".to_owned()
}

/// What a service asks for.
fn wanted(world: &mut World, stack: &str, service: &Service) -> Option<Scaled> {
    let scaling = service.scaling.as_ref()?;
    let [cooldown_in, cooldown_out] =
        [scaling.cooldown_in, scaling.cooldown_out].map(|it| it.as_secs());
    let does = |metric: &str, label: &str, value: u32| {
        let value = f64::from(value);
        format!("{metric} of {label:?} at {value:?}, {cooldown_in} s in and {cooldown_out} s out")
    };
    let mut policies = BTreeMap::new();
    if let Some(value) = scaling.cpu_percent {
        let does = does("ECSServiceAverageCPUUtilization", "", value);
        policies.insert("ecsup-cpu".to_owned(), does);
    }
    if let Some(value) = scaling.memory_percent {
        let does = does("ECSServiceAverageMemoryUtilization", "", value);
        policies.insert("ecsup-memory".to_owned(), does);
    }
    let schemes = Scheme::ALL.into_iter().filter(|scheme| service.route(*scheme).is_some());
    for (scheme, value) in schemes.zip(std::iter::repeat(scaling.requests)) {
        let Some(value) = value else { continue };
        let label = label(world, stack, service.name.as_str(), scheme);
        let does = does("ALBRequestCountPerTarget", &label, value);
        policies.insert(format!("ecsup-requests-{}", scheme.word()), does);
    }
    Some(Scaled { bounds: [scaling.min.into(), scaling.max.into()], policies })
}

/// What is wrong with how the services of a spec scale; nothing when all is as asked for.
pub fn unscaled(world: &mut World, spec: &Spec) -> Vec<String> {
    let stack = spec.stack.as_str();
    let mut faults = Vec::new();
    let is = scaled(world, stack);
    let mut all = BTreeMap::new();
    for service in &spec.services {
        let name = service.name.to_string();
        let tasks = desired(world, stack, &name);
        let bounds = match &service.scaling {
            Some(scaling) => i64::from(scaling.min)..=i64::from(scaling.max),
            None => i64::from(service.count)..=i64::from(service.count),
        };
        if !bounds.contains(&tasks) {
            faults.push(format!("{name} wants {tasks} tasks, not {bounds:?}"));
        }
        if let Some(wanted) = wanted(world, stack, service) {
            all.insert(name, wanted);
        }
    }
    if is != all {
        faults.push(format!("scaling is {is:#?}, not {all:#?}"));
    }
    let alarms = alarms(world, stack).len();
    let wanted = 2 * all.values().map(|it| it.policies.len()).sum::<usize>();
    if alarms != wanted {
        faults.push(format!("{alarms} alarms, not {wanted}"));
    }
    faults
}
