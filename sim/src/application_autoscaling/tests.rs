use std::time::Duration;

use super::*;
use crate::fields::Tags;
use crate::policy::required::Required;
use crate::scenario::Scenario;
use crate::wire::{self, Request};
use crate::{cloudwatch, ec2, elb, services};

const ID: &str = "service/c/web";

fn scenario() -> Scenario {
    let delays = [
        ("scalable-target.service-visible", 4.0),
        ("scalable-target.visible", 2.0),
        ("scalable-target.phase", 60.0),
    ];
    let delays = delays.map(|(label, seconds)| (label.to_owned(), seconds..=seconds));
    let missing_images = vec!["nothing".to_owned()];
    Scenario { delays: delays.into(), missing_images, ..Scenario::default() }
}

fn wait(world: &mut World, seconds: u64) {
    let until = world.now + Duration::from_secs(seconds);
    world.advance(until);
}

/// Sends a request as a client does, about the service where it says nothing else. What is answered is
/// checked against the model.
fn send(world: &mut World, operation: &str, more: &Value) -> Result<Value, String> {
    let mut input = match operation.ends_with("Resource") {
        true => json!({}),
        false => json!({ "ServiceNamespace": "ecs" }),
    };
    if !operation.starts_with("Describe") && !operation.ends_with("Resource") {
        input["ResourceId"] = json!(ID);
        input["ScalableDimension"] = json!(DIMENSION);
    }
    for (member, value) in more.as_object().into_iter().flatten() {
        input[member] = value.clone();
    }
    let scope = "AWS4-HMAC-SHA256 Credential=K/1/us-east-1/application-autoscaling/aws4_request";
    let target = format!("AnyScaleFrontendService.{operation}");
    let headers = [("authorization", scope.to_owned()), ("x-amz-target", target)];
    let request = Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: input.to_string(),
    };
    let to = wire::addressee(&request, services::ALL).unwrap();
    let (operation, input) = wire::read(&to, &request);
    let answer = input.and_then(|input| to.service.answer(world, &operation, &input));
    let (response, misfits) = wire::write(&to, &operation, &answer, "1");
    assert_eq!(misfits, [""; 0]);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    match response.status {
        200 => Ok(body),
        _ => Err(format!("{}: {}", body.text("__type"), body.text("message"))),
    }
}

#[track_caller]
fn ok(world: &mut World, operation: &str, more: Value) -> Value {
    send(world, operation, &more).unwrap_or_else(|why| panic!("{operation}: {why}"))
}

#[track_caller]
fn no(world: &mut World, operation: &str, more: Value) -> String {
    send(world, operation, &more).expect_err(operation)
}

fn ask_ecs(world: &mut World, operation: &str, input: Value) -> Value {
    ecs::answer(world, operation, &input).unwrap_or_else(|why| panic!("{operation}: {why}"))
}

fn definition(image: &str) -> Value {
    json!({
        "family": "td",
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{
            "name": "web",
            "image": image,
            "portMappings": [{ "containerPort": 80 }],
        }],
    })
}

fn deploy(world: &mut World, definition: &str) {
    let input = json!({ "cluster": "c", "service": "web", "taskDefinition": definition });
    ask_ecs(world, "UpdateService", input);
}

/// Two subnets of the VPC that every account has.
fn subnets(world: &mut World) -> Vec<String> {
    let subnets = ec2::answer(world, "DescribeSubnets", &json!({})).unwrap();
    let subnets = subnets.list("Subnets").iter().take(2);
    subnets.map(|it| it.text("SubnetId").to_owned()).collect()
}

/// A service of one task that is just asked for, behind these target groups.
fn make_service(world: &mut World, groups: &[String]) {
    let targets = groups.iter().map(
        |group| json!({ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }),
    );
    let service = json!({
        "cluster": "c",
        "serviceName": "web",
        "taskDefinition": "td",
        "desiredCount": 1,
        "launchType": "FARGATE",
        "loadBalancers": targets.collect::<Vec<_>>(),
        "networkConfiguration": {
            "awsvpcConfiguration": { "subnets": subnets(world), "assignPublicIp": "ENABLED" },
        },
    });
    ask_ecs(world, "CreateService", service);
}

/// The same, in a cluster of its own.
fn begin(scenario: Scenario, groups: impl FnOnce(&mut World) -> Vec<String>) -> World {
    let mut world = World::new(7, scenario);
    ask_ecs(&mut world, "CreateCluster", json!({ "clusterName": "c" }));
    ask_ecs(&mut world, "RegisterTaskDefinition", definition("nginx"));
    let groups = groups(&mut world);
    wait(&mut world, 5);
    make_service(&mut world, &groups);
    world
}

/// A service that runs, with bounds.
fn registered(min: usize, max: usize) -> World {
    let mut world = begin(scenario(), |_| Vec::new());
    wait(&mut world, 300);
    ok(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": min, "MaxCapacity": max }));
    wait(&mut world, 2);
    world
}

fn look(world: &mut World) -> (i64, i64) {
    let input = json!({ "cluster": "c", "services": ["web"] });
    let answer = ask_ecs(world, "DescribeServices", input);
    let count = |name: &str| answer["services"][0].number(name).unwrap();
    (count("desiredCount"), count("runningCount"))
}

fn tracking(metric: &str, value: f64) -> Value {
    json!({
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value,
            "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
        },
    })
}

fn cpu() -> Value {
    tracking("ECSServiceAverageCPUUtilization", 60.0)
}

fn alarms(world: &mut World) -> Vec<Value> {
    let answer = cloudwatch::answer(world, "DescribeAlarms", &json!({})).unwrap();
    answer.list("MetricAlarms").to_vec()
}

/// What there is of this service and of `CloudWatch`.
fn left(world: &mut World) -> Vec<String> {
    let ours = |id: &String| {
        [":application-autoscaling:", ":scalingPolicy:", ":alarm:"].iter().any(|it| id.contains(it))
    };
    world.ids().into_iter().filter(ours).collect()
}

#[test]
fn a_new_service_is_seen_later_and_then_moved_into_its_bounds_at_once() {
    let mut world = begin(scenario(), |_| Vec::new());
    let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 4, "Tags": { "a": "b" } });
    let why = no(&mut world, "RegisterScalableTarget", bounds.clone());
    assert_eq!(why, format!("ValidationException: ECS service doesn't exist: {ID}"));
    wait(&mut world, 4);
    let made = ok(&mut world, "RegisterScalableTarget", bounds.clone());
    let arn = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0ec5";
    assert!(made.text("ScalableTargetARN").starts_with(arn), "{made}");
    assert_eq!(look(&mut world).0, 2);
    wait(&mut world, 120);
    assert_eq!(look(&mut world), (2, 2));

    // What is left out stays, and what was changed by hand is moved back.
    let by_hand = json!({ "cluster": "c", "service": "web", "desiredCount": 9 });
    ask_ecs(&mut world, "UpdateService", by_hand);
    assert!(no(&mut world, "RegisterScalableTarget", bounds).contains("use the TagResource API"));
    let suspended = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
    assert_eq!(ok(&mut world, "RegisterScalableTarget", suspended), made);
    assert_eq!(look(&mut world).0, 4);
    ok(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": 0, "MaxCapacity": 3 }));
    assert_eq!(look(&mut world).0, 3);
    let targets =
        ok(&mut world, "DescribeScalableTargets", json!({ "ResourceIds": [ID, "other"] }));
    let target = &targets["ScalableTargets"][0];
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(0), &json!(3)));
    assert_eq!(target["SuspendedState"]["DynamicScalingInSuspended"], true);
    assert_eq!(target["ScalableTargetARN"], made["ScalableTargetARN"]);
    assert!(target.text("RoleARN").ends_with("AutoScaling_ECSService"), "{target}");
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let mut world = begin(scenario(), |_| Vec::new());
    wait(&mut world, 4);
    for (input, why) in [
        (json!({ "MinCapacity": 1 }), "MinCapacity and MaxCapacity are required"),
        (json!({ "MinCapacity": -1, "MaxCapacity": 1 }), "MinCapacity must be"),
        (json!({ "MinCapacity": 3, "MaxCapacity": 2 }), "MaxCapacity must be"),
        (json!({ "ResourceId": "service/web" }), "Unsupported"),
        (json!({ "ResourceId": "service/c/other" }), "ECS service doesn't exist: service/c/other"),
        (json!({ "ScalableDimension": "rds:cluster:ReadReplicaCount" }), "Unsupported"),
        (json!({ "Tags": { "aws:a": "b" } }), "reserved"),
    ] {
        let refusal = no(&mut world, "RegisterScalableTarget", input);
        assert!(refusal.starts_with("ValidationException") && refusal.contains(why), "{refusal}");
    }
    let other = json!({ "ServiceNamespace": "dynamodb" });
    assert!(no(&mut world, "RegisterScalableTarget", other.clone()).starts_with("SimulatorLacks"));
    let others = ok(&mut world, "DescribeScalableTargets", other);
    assert_eq!(others, json!({ "ScalableTargets": [] }));
    world.scenario.quotas.insert("scalable-targets".to_owned(), 0);
    let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    assert!(no(&mut world, "RegisterScalableTarget", bounds).starts_with("LimitExceeded"));
    assert_eq!(left(&mut world), [""; 0]);
}

#[test]
fn a_policy_needs_its_target_and_its_alarms_go_with_it() {
    let mut world = begin(scenario(), |_| Vec::new());
    wait(&mut world, 4);
    let missing = format!(
        "ObjectNotFoundException: No scalable target registered for service namespace: ecs, \
         resource ID: {ID}, scalable dimension: {DIMENSION}"
    );
    assert_eq!(no(&mut world, "PutScalingPolicy", cpu()), missing);
    ok(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    assert_eq!(no(&mut world, "PutScalingPolicy", cpu()), missing, "it is not visible yet");
    wait(&mut world, 2);
    let put = ok(&mut world, "PutScalingPolicy", cpu());
    assert!(put.text("PolicyARN").ends_with(":resource/ecs/service/c/web:policyName/cpu"), "{put}");
    let there = alarms(&mut world);
    assert_eq!(there.len(), 2);
    let names = there.iter().map(|it| it.text("AlarmName"));
    let begins =
        ["TargetTracking-service/c/web-AlarmHigh-", "TargetTracking-service/c/web-AlarmLow-"];
    assert!(names.zip(begins).all(|(name, begin)| name.starts_with(begin)), "{there:?}");
    assert_eq!(there[0]["AlarmArn"], put["Alarms"][0]["AlarmARN"]);
    assert_eq!(there[0]["AlarmActions"], json!([put["PolicyARN"]]));
    assert_eq!((&there[0]["Threshold"], &there[1]["Threshold"]), (&json!(60.0), &json!(54.0)));

    let mut second = cpu();
    second["PolicyName"] = json!("second");
    let why = no(&mut world, "PutScalingPolicy", second);
    assert!(why.contains("Only one TargetTrackingScaling policy for a given metric"), "{why}");
    let mut changed = tracking("ECSServiceAverageCPUUtilization", 50.0);
    changed.as_object_mut().unwrap().remove("PolicyType");
    assert_eq!(ok(&mut world, "PutScalingPolicy", changed), put, "it is the same one, changed");
    assert_eq!(alarms(&mut world)[0]["Threshold"], json!(50.0));
    let mut memory = tracking("ECSServiceAverageMemoryUtilization", 70.0);
    memory["PolicyName"] = json!("memory");
    ok(&mut world, "PutScalingPolicy", memory);
    let policies = ok(&mut world, "DescribeScalingPolicies", json!({ "ResourceId": ID }));
    assert_eq!(policies.list("ScalingPolicies").len(), 2);
    assert_eq!(left(&mut world).len(), 1 + 2 + 4);

    ok(&mut world, "DeleteScalingPolicy", json!({ "PolicyName": "cpu" }));
    assert_eq!(left(&mut world).len(), 1 + 1 + 2);
    let why = no(&mut world, "DeleteScalingPolicy", json!({ "PolicyName": "cpu" }));
    assert!(why.starts_with("ObjectNotFoundException: No scaling policy found"), "{why}");
    ok(&mut world, "DeregisterScalableTarget", json!({}));
    assert_eq!(left(&mut world), [""; 0]);
    let why = no(&mut world, "DeregisterScalableTarget", json!({}));
    assert!(why.starts_with("ObjectNotFoundException: No scalable target found"), "{why}");
}

/// A load balancer whose listener leads to the first of two target groups.
fn balanced(world: &mut World) -> (String, Vec<String>) {
    let subnets = subnets(world);
    let vpcs = ec2::answer(world, "DescribeVpcs", &json!({})).unwrap();
    let vpc = vpcs["Vpcs"][0].text("VpcId").to_owned();
    let mut ask = |operation: &str, input: Value| {
        let made = elb::answer(world, operation, &input).expect(operation);
        wait(world, 5);
        made
    };
    let balancer = json!({ "Name": "lb", "Subnets": subnets });
    let balancer = ask("CreateLoadBalancer", balancer)["LoadBalancers"][0].clone();
    let balancer = balancer.text("LoadBalancerArn").to_owned();
    let groups = ["one", "two"].map(|name| {
        let group = json!({
            "Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip",
        });
        let group = ask("CreateTargetGroup", group);
        group["TargetGroups"][0].text("TargetGroupArn").to_owned()
    });
    for (group, port) in groups.iter().zip([80, 81]) {
        let action = json!({ "Type": "forward", "TargetGroupArn": group });
        ask(
            "CreateListener",
            json!({
                "LoadBalancerArn": balancer,
                "Protocol": "HTTP",
                "Port": port,
                "DefaultActions": [action],
            }),
        );
    }
    (balancer, groups.into())
}

#[test]
fn requests_are_those_of_a_target_group_of_the_service() {
    let (mut balancer, mut groups) = (String::new(), Vec::new());
    let mut world = begin(scenario(), |world| {
        (balancer, groups) = balanced(world);
        vec![groups[0].clone()]
    });
    wait(&mut world, 4);
    ok(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    wait(&mut world, 2);
    let balancer = balancer.split(":loadbalancer/").nth(1).unwrap();
    let groups: Vec<_> = groups.iter().map(|arn| arn.rsplit(':').next().unwrap()).collect();
    let requests = |label: Option<&str>| {
        let mut input = tracking("ALBRequestCountPerTarget", 1000.0);
        let configuration = &mut input["TargetTrackingScalingPolicyConfiguration"];
        configuration["PredefinedMetricSpecification"]["ResourceLabel"] = json!(label);
        if label.is_none() {
            input = tracking("ALBRequestCountPerTarget", 1000.0);
        }
        input
    };
    for (label, why) in [
        (None, "needs a resource label"),
        (Some("app/lb/1".to_owned()), "it has to be"),
        (Some(format!("{balancer}/targetgroup/one/0")), "does not exist"),
        (Some(format!("app/lb/0/{}", groups[0])), "does not lead"),
        (Some(format!("{balancer}/{}", groups[1])), "is not attached"),
    ] {
        let refusal = no(&mut world, "PutScalingPolicy", requests(label.as_deref()));
        assert!(refusal.starts_with("ValidationException") && refusal.contains(why), "{refusal}");
    }
    let mut labelled = cpu();
    let configuration = &mut labelled["TargetTrackingScalingPolicyConfiguration"];
    configuration["PredefinedMetricSpecification"]["ResourceLabel"] = json!(groups[0]);
    assert!(no(&mut world, "PutScalingPolicy", labelled).contains("takes no resource label"));
    assert_eq!(alarms(&mut world).len(), 0);
    let right = format!("{balancer}/{}", groups[0]);
    ok(&mut world, "PutScalingPolicy", requests(Some(&right)));
    let dimensions = &alarms(&mut world)[0]["Dimensions"];
    assert_eq!(dimensions[0], json!({ "Name": "LoadBalancer", "Value": balancer }));
    assert_eq!(dimensions[1], json!({ "Name": "TargetGroup", "Value": groups[0] }));
}

#[test]
fn a_target_goes_with_its_service() {
    let mut world = registered(1, 2);
    ok(&mut world, "PutScalingPolicy", cpu());
    let delete = json!({ "cluster": "c", "service": "web", "force": true });
    ask_ecs(&mut world, "DeleteService", delete.clone());
    assert_eq!(left(&mut world).len(), 4, "not at once");
    wait(&mut world, 60);
    assert_eq!(left(&mut world), [""; 0]);
    let why = no(&mut world, "DeregisterScalableTarget", json!({}));
    assert!(why.starts_with("ObjectNotFoundException"), "{why}");

    // The next service of the name has nothing of the former one.
    make_service(&mut world, &[]);
    wait(&mut world, 60);
    ok(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
    wait(&mut world, 5);
    ok(&mut world, "PutScalingPolicy", cpu());
    ask_ecs(&mut world, "DeleteService", delete);
    wait(&mut world, 40);
    make_service(&mut world, &[]);
    wait(&mut world, 4);
    let why = no(&mut world, "RegisterScalableTarget", json!({ "MinCapacity": 0 }));
    assert!(why.contains("are required"), "{why}");
    assert_eq!(left(&mut world), [""; 0]);
}

#[test]
fn a_load_moves_the_number_of_tasks_within_the_bounds() {
    let mut world = registered(1, 3);
    set_load(&mut world, "c", "web", Some(9));
    wait(&mut world, 300);
    assert_eq!(look(&mut world), (1, 1), "nothing scales without a policy");
    ok(&mut world, "PutScalingPolicy", cpu());
    wait(&mut world, 170);
    assert_eq!(look(&mut world).0, 1);
    wait(&mut world, 130);
    assert_eq!(look(&mut world), (3, 3));
    assert_eq!(alarms(&mut world)[0]["StateValue"], "ALARM");

    // It loses none while a deployment goes on, which this one does for ever.
    ask_ecs(&mut world, "RegisterTaskDefinition", definition("nothing"));
    deploy(&mut world, "td:2");
    set_load(&mut world, "c", "web", Some(0));
    wait(&mut world, 14 * 60);
    assert_eq!(alarms(&mut world)[1]["StateValue"], "OK");
    wait(&mut world, 14 * 60);
    assert_eq!(alarms(&mut world)[1]["StateValue"], "ALARM");
    assert_eq!(look(&mut world), (3, 3));
    deploy(&mut world, "td:1");
    wait(&mut world, 300);
    assert_eq!(look(&mut world), (1, 1));

    // Suspended, nothing moves, nor does it once nothing is known of the load.
    let suspended = json!({ "SuspendedState": { "DynamicScalingOutSuspended": true } });
    ok(&mut world, "RegisterScalableTarget", suspended);
    set_load(&mut world, "c", "web", Some(2));
    wait(&mut world, 600);
    assert_eq!((look(&mut world), &alarms(&mut world)[0]["StateValue"]), ((1, 1), &json!("ALARM")));
    set_load(&mut world, "c", "web", None);
    wait(&mut world, 60);
    assert_eq!(alarms(&mut world)[0]["StateValue"], "INSUFFICIENT_DATA");
}

#[test]
fn only_targets_have_tags() {
    let mut world = registered(1, 2);
    let targets = ok(&mut world, "DescribeScalableTargets", json!({}));
    let arn = targets["ScalableTargets"][0]["ScalableTargetARN"].clone();
    let tag = |key: &str| json!({ "ResourceARN": arn, "Tags": { key: "demo" } });
    ok(&mut world, "TagResource", tag("stack"));
    ok(&mut world, "TagResource", tag("other"));
    ok(&mut world, "UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["other", "gone"] }));
    let listed = ok(&mut world, "ListTagsForResource", json!({ "ResourceARN": arn }));
    assert_eq!(listed, json!({ "Tags": { "stack": "demo" } }));
    let kinds: Vec<_> = tagged(&world).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["scalable-target"]);
    assert!(no(&mut world, "TagResource", tag("aws:x")).starts_with("ValidationException"));
    let many: Tags = (0..50).map(|it| (it.to_string(), String::new())).collect();
    let many = json!({ "ResourceARN": arn, "Tags": many });
    assert!(no(&mut world, "TagResource", many).starts_with("TooManyTagsException"));
    ok(&mut world, "DeregisterScalableTarget", json!({}));
    let why = no(&mut world, "ListTagsForResource", json!({ "ResourceARN": arn }));
    assert!(why.starts_with("ResourceNotFoundException"), "{why}");
}

#[test]
fn a_first_registration_makes_the_role_and_cannot_use_it_yet() {
    let mut world = begin(scenario(), |_| Vec::new());
    wait(&mut world, 4);
    let role = LINKED.name.to_ascii_lowercase();
    let has_role =
        |world: &mut World| world.ids().iter().any(|id| id.to_ascii_lowercase().ends_with(&role));
    assert!(has_role(&mut world));
    let mut fresh = World::new(7, Scenario { fresh_account: true, ..scenario() });
    assert!(!has_role(&mut fresh));
    let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let why = no(&mut fresh, "RegisterScalableTarget", bounds.clone());
    assert!(
        why.starts_with("ValidationException: Unable to assume IAM role: arn:aws:iam::"),
        "{why}"
    );
    assert!(has_role(&mut fresh));
    wait(&mut fresh, 20);
    let why = no(&mut fresh, "RegisterScalableTarget", bounds);
    assert!(why.contains("ECS service doesn't exist"), "{why}");
}

#[test]
fn a_call_takes_what_it_does_besides() {
    let mut world = registered(1, 2);
    let targets = ok(&mut world, "DescribeScalableTargets", json!({}));
    let arn = targets["ScalableTargets"][0]["ScalableTargetARN"].clone();
    ok(&mut world, "TagResource", json!({ "ResourceARN": arn, "Tags": { "stack": "demo" } }));
    let of = |world: &World, operation: &str, tags: Value| {
        let input = json!({
            "ServiceNamespace": "ecs",
            "ResourceId": ID,
            "ScalableDimension": DIMENSION,
            "Tags": tags,
        });
        let view = View::of(world);
        services::required(&view, SERVICE.name, operation, &input)
    };
    let actions = |all: &[Required]| all.iter().map(|it| it.action.clone()).collect::<Vec<_>>();
    let register = of(&world, "RegisterScalableTarget", json!({ "stack": "demo" }));
    assert_eq!(
        actions(&register),
        [
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:TagResource",
            "ecs:DescribeServices",
            "ecs:UpdateService",
        ]
    );
    let delete = of(&world, "DeregisterScalableTarget", json!({}));
    assert_eq!(actions(&delete)[1..], ["cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"]);

    let allows = |condition: Value| {
        let statement = json!({
            "Effect": "Allow",
            "Action": "application-autoscaling:*",
            "Resource": "arn:aws:application-autoscaling:*:*:scalable-target/*",
            "Condition": { "StringEquals": condition },
        });
        let document = json!({ "Version": "2012-10-17", "Statement": statement });
        let policy = crate::policy::Policy::parse(&document.to_string()).unwrap();
        crate::policy::refused(&policy, &delete[..1], true).is_none()
    };
    assert!(allows(json!({
        "application-autoscaling:service-namespace": "ecs",
        "application-autoscaling:scalable-dimension": DIMENSION,
        "aws:ResourceTag/stack": "demo",
    })));
    assert!(!allows(json!({ "application-autoscaling:service-namespace": "rds" })));
    assert!(!allows(json!({ "aws:ResourceTag/stack": "other" })));
}
