//! Services on instances: agents, placement, scaling and draining, with all that belongs to it.

use serde_json::{Value, json};

use super::tests::{cluster, definition, described, look, network, no, ok, wait, world};
use crate::fields::Fields;
use crate::scenario::Scenario;
use crate::world::World;
use crate::{autoscaling, ec2, elb, iam};

const USER_DATA: &str = "IyEvYmluL2Jhc2gKZWNobyBFQ1NfQ0xVU1RFUj1jID4+IC9ldGMvZWNzL2Vjcy5jb25maWcK";

/// A group of small instances in a network with a way out; returns the network configuration.
fn group(world: &mut World, desired: u32) -> Value {
    let mut network = network(world);
    let trust = json!({ "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "ec2.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] });
    let steps = [
        ("CreateRole", json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust.to_string() })),
        (
            "AttachRolePolicy",
            json!({
                "RoleName": "r",
                "PolicyArn":
                    "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
            }),
        ),
        ("CreateInstanceProfile", json!({ "InstanceProfileName": "p" })),
        ("AddRoleToInstanceProfile", json!({ "InstanceProfileName": "p", "RoleName": "r" })),
    ];
    for (operation, input) in steps {
        iam::answer(world, operation, &input).expect(operation);
        wait(world, 30);
    }
    let configuration = &mut network["awsvpcConfiguration"];
    configuration["assignPublicIp"] = "DISABLED".into();
    let template = json!({
        "LaunchTemplateName": "lt",
        "LaunchTemplateData": {
            "ImageId": "ami-0ec5000000000a001",
            "InstanceType": "t3.small",
            "IamInstanceProfile": { "Name": "p" },
            "UserData": USER_DATA,
            "NetworkInterfaces": [{
                "DeviceIndex": 0,
                "AssociatePublicIpAddress": true,
                "Groups": configuration["securityGroups"],
            }],
        },
    });
    ec2::answer(world, "CreateLaunchTemplate", &template).expect("a template");
    wait(world, 10);
    let input = json!({
        "AutoScalingGroupName": "g",
        "MinSize": 0,
        "MaxSize": 10,
        "DesiredCapacity": desired,
        "NewInstancesProtectedFromScaleIn": true,
        "LaunchTemplate": { "LaunchTemplateName": "lt", "Version": "1" },
        "VPCZoneIdentifier": configuration["subnets"][0],
        "Tags": [{
            "Key": "AmazonECSManaged", "Value": "", "PropagateAtLaunch": true,
            "ResourceId": "g", "ResourceType": "auto-scaling-group",
        }],
    });
    autoscaling::answer(world, "CreateAutoScalingGroup", &input).expect("a group");
    network
}

/// A provider of the group, associated with the cluster.
fn provider(world: &mut World) {
    let arn = autoscaling::group(world, "g").expect("the group").arn;
    let input = json!({ "name": "cp", "autoScalingGroupProvider": {
        "autoScalingGroupArn": arn,
        "managedScaling": { "status": "ENABLED", "instanceWarmupPeriod": 60 },
        "managedTerminationProtection": "ENABLED",
        "managedDraining": "ENABLED",
    } });
    ok(world, "CreateCapacityProvider", input.clone());
    assert!(no(world, "CreateCapacityProvider", input.clone()).contains("already exists"));
    let other = {
        let mut it = input;
        it["name"] = "other".into();
        it
    };
    assert!(no(world, "CreateCapacityProvider", other).contains("already being used"));
    put(world, &["cp"]);
}

fn put(world: &mut World, names: &[&str]) {
    let strategy: Vec<_> =
        names.iter().map(|it| json!({ "capacityProvider": it, "weight": 1 })).collect();
    let input = json!({
        "cluster": "c", "capacityProviders": names, "defaultCapacityProviderStrategy": strategy,
    });
    ok(world, "PutClusterCapacityProviders", input);
}

fn request(network: &Value, count: u32) -> Value {
    json!({
        "cluster": "c",
        "serviceName": "web",
        "taskDefinition": "td",
        "desiredCount": count,
        "capacityProviderStrategy": [{ "capacityProvider": "cp", "weight": 1 }],
        "networkConfiguration": network,
        "placementStrategy": [{ "type": "binpack", "field": "cpu" }],
    })
}

fn register(world: &mut World) {
    let mut definition = definition("nginx", "256", "512");
    definition["requiresCompatibilities"] = json!(["EC2"]);
    ok(world, "RegisterTaskDefinition", definition);
}

fn instances(world: &mut World) -> Vec<Value> {
    let listed = ok(world, "ListContainerInstances", json!({ "cluster": "c" }));
    if listed.list("containerInstanceArns").is_empty() {
        return Vec::new();
    }
    let input = json!({ "cluster": "c", "containerInstances": listed["containerInstanceArns"] });
    ok(world, "DescribeContainerInstances", input).list("containerInstances").to_vec()
}

/// A service of two tasks that is steady, on instances that were started beforehand.
fn steady(world: &mut World, instances: u32) -> Value {
    cluster(world);
    let network = group(world, instances);
    provider(world);
    register(world);
    wait(world, 20);
    ok(world, "CreateService", request(&network, 2));
    wait(world, 150);
    let service = look(world);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED", "{service:#}");
    network
}

#[test]
fn a_provider_has_to_be_attached_before_a_service_uses_it() {
    let mut world = world();
    cluster(&mut world);
    let network = group(&mut world, 0);
    register(&mut world);
    let why = no(&mut world, "CreateService", request(&network, 2));
    assert!(why.contains("not associated with the cluster"), "{why}");
    provider(&mut world);
    let why = no(&mut world, "CreateService", request(&network, 2));
    assert!(why.contains("not associated with the cluster"), "{why}");
    wait(&mut world, 20);
    assert_eq!(described(&mut world)["attachmentsStatus"], "UPDATE_COMPLETE");
    let mut public = request(&network, 2);
    public["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED".into();
    assert!(no(&mut world, "CreateService", public).contains("Assign public IP is not supported"));
    let mut both = request(&network, 2);
    both["launchType"] = "EC2".into();
    assert!(no(&mut world, "CreateService", both).contains("Specifying both"));
}

#[test]
fn the_scaler_starts_two_instances_from_none_and_the_service_goes_completely() {
    // No agent connects anew just then.
    let delays = [("agent.reconnect".to_owned(), 800.0..=800.0)].into();
    let mut world = World::new(7, Scenario { delays, ..Scenario::default() });
    cluster(&mut world);
    let network = group(&mut world, 0);
    provider(&mut world);
    register(&mut world);
    wait(&mut world, 20);
    ok(&mut world, "CreateService", request(&network, 1));
    wait(&mut world, 50);
    assert_eq!(look(&mut world)["pendingCount"], 1);
    assert_eq!(autoscaling::group(&world, "g").expect("g").desired, 0);
    wait(&mut world, 80);
    assert_eq!(autoscaling::group(&world, "g").expect("g").desired, 2);
    assert_eq!(instances(&mut world).len(), 0, "an instance takes a minute to register");
    wait(&mut world, 150);
    let there = instances(&mut world);
    assert_eq!(there.len(), 2);
    assert!(
        there.iter().all(|it| it["capacityProviderName"] == "cp" && it["agentConnected"] == true)
    );
    assert_eq!(look(&mut world)["deployments"][0]["rolloutState"], "COMPLETED");

    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web", "force": true }));
    let none = json!({
        "cluster": "c", "capacityProviders": [], "defaultCapacityProviderStrategy": [],
    });
    let why = no(&mut world, "PutClusterCapacityProviders", none.clone());
    assert!(why.starts_with("ResourceInUseException"), "{why}");
    wait(&mut world, 20);
    assert_eq!(look(&mut world)["status"], "INACTIVE");
    ok(&mut world, "PutClusterCapacityProviders", none);
    wait(&mut world, 20);
    ok(&mut world, "DeleteCapacityProvider", json!({ "capacityProvider": "cp" }));
    let why = no(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    assert!(why.starts_with("ClusterContainsContainerInstancesException"), "{why}");
    let delete = json!({ "AutoScalingGroupName": "g", "ForceDelete": true });
    autoscaling::answer(&mut world, "DeleteAutoScalingGroup", &delete).expect("a delete");
    wait(&mut world, 60);
    ok(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    wait(&mut world, 60);
    assert_eq!(super::ids(&world).len(), 1, "the revision is left");
}

#[test]
fn a_group_with_instances_from_before_its_tag_never_becomes_smaller() {
    for from_before in [false, true] {
        let mut world = world();
        cluster(&mut world);
        let network = group(&mut world, 0);
        if from_before {
            let tag = json!([{
                "Key": "AmazonECSManaged",
                "ResourceId": "g",
                "ResourceType": "auto-scaling-group",
            }]);
            let tag = json!({ "Tags": tag });
            autoscaling::answer(&mut world, "DeleteTags", &tag).expect("a tag");
        }
        let scale = json!({ "AutoScalingGroupName": "g", "DesiredCapacity": 3 });
        autoscaling::answer(&mut world, "SetDesiredCapacity", &scale).expect("it scales");
        provider(&mut world);
        register(&mut world);
        wait(&mut world, 20);
        ok(&mut world, "CreateService", request(&network, 1));
        wait(&mut world, 45 * 60);
        let left = autoscaling::group(&world, "g").expect("g").desired;
        assert_eq!(left, if from_before { 3 } else { 1 });
    }
}

#[test]
fn an_agent_that_finds_no_cluster_never_joins() {
    let mut world = world();
    group(&mut world, 1);
    wait(&mut world, 120);
    cluster(&mut world);
    wait(&mut world, 600);
    assert_eq!(instances(&mut world).len(), 0);
}

#[test]
fn an_instance_that_is_drained_hands_its_tasks_over_and_goes() {
    let mut world = world();
    steady(&mut world, 2);
    let busy = instances(&mut world).into_iter().find(|it| it["runningTasksCount"] != 0);
    let busy = busy.expect("an instance with tasks").text("ec2InstanceId").to_owned();
    let terminate = json!({ "InstanceId": busy, "ShouldDecrementDesiredCapacity": true });
    autoscaling::answer(&mut world, "TerminateInstanceInAutoScalingGroup", &terminate)
        .expect("a termination");
    wait(&mut world, 15);
    let held = autoscaling::group(&world, "g").expect("g").instances;
    assert!(held.iter().any(|it| it.lifecycle == "Terminating:Wait"), "{held:?}");
    let draining = instances(&mut world);
    assert!(draining.iter().any(|it| it["status"] == "DRAINING"), "{draining:?}");
    for _ in 0..30 {
        wait(&mut world, 5);
        assert!(look(&mut world)["runningCount"].as_u64() >= Some(2));
    }
    let left = instances(&mut world);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["runningTasksCount"], 2);
}

#[test]
fn a_service_drains_for_ever_when_agents_have_no_way_out() {
    drains_for_ever_after(|world| {
        let tables = ec2::answer(world, "DescribeRouteTables", &json!({})).expect("tables");
        for table in tables.list("RouteTables") {
            let route = json!({
                "RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0",
            });
            drop(ec2::answer(world, "DeleteRoute", &route));
        }
    });
}

#[test]
fn a_service_drains_for_ever_when_agents_have_no_credentials() {
    drains_for_ever_after(|world| {
        let held = json!({ "InstanceProfileName": "p", "RoleName": "r" });
        iam::answer(world, "RemoveRoleFromInstanceProfile", &held).expect("it was in it");
    });
}

fn drains_for_ever_after(silences: fn(&mut World)) {
    let mut world = world();
    steady(&mut world, 2);
    silences(&mut world);
    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web", "force": true }));
    wait(&mut world, 600);
    assert_eq!(look(&mut world)["status"], "DRAINING");
    let lost = instances(&mut world);
    assert!(lost.iter().all(|it| it["agentConnected"] == false), "{lost:?}");
    let why = no(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    assert!(why.starts_with("ClusterContains"), "{why}");
    for instance in lost {
        let id = json!({
            "cluster": "c", "containerInstance": instance["containerInstanceArn"], "force": true,
        });
        ok(&mut world, "DeregisterContainerInstance", id.clone());
        assert!(no(&mut world, "DeregisterContainerInstance", id).contains("inactive"));
    }
    wait(&mut world, 15);
    assert_eq!(look(&mut world)["status"], "INACTIVE");
}

#[test]
fn instances_hold_as_many_tasks_as_they_have_interfaces() {
    let mut world = World::new(3, Scenario::default());
    cluster(&mut world);
    let network = group(&mut world, 1);
    provider(&mut world);
    register(&mut world);
    wait(&mut world, 150);
    ok(&mut world, "CreateService", request(&network, 5));
    wait(&mut world, 40);
    // A t3.small has three interfaces, and one is its own.
    let there = instances(&mut world);
    assert_eq!(there[0]["runningTasksCount"], 2, "{there:?}");
    wait(&mut world, 400);
    assert_eq!(look(&mut world)["runningCount"], 5);
    assert_eq!(instances(&mut world).len(), 3);
    // Fifteen minutes of less than that, and what is empty goes.
    ok(&mut world, "UpdateService", json!({ "cluster": "c", "service": "web", "desiredCount": 1 }));
    wait(&mut world, 14 * 60);
    assert_eq!(autoscaling::group(&world, "g").expect("g").desired, 3);
    wait(&mut world, 300);
    assert_eq!(autoscaling::group(&world, "g").expect("g").desired, 1);
    assert_eq!(look(&mut world)["runningCount"], 1);
}

/// A target group that a listener leads to; returns its ARN.
fn target_group(world: &mut World, network: &Value) -> String {
    let subnet =
        network["awsvpcConfiguration"]["subnets"][0].as_str().expect("a subnet").to_owned();
    let vpc = ec2::subnet(world, &subnet).expect("a subnet").vpc;
    let other = json!({
        "VpcId": vpc, "CidrBlock": "10.0.64.0/18", "AvailabilityZone": "us-east-1b",
    });
    let other = ec2::answer(world, "CreateSubnet", &other).expect("a subnet");
    let group = json!({ "GroupName": "lb", "Description": "lb", "VpcId": vpc });
    let group = ec2::answer(world, "CreateSecurityGroup", &group).expect("a group");
    wait(world, 10);
    let rule = json!({
        "GroupId": network["awsvpcConfiguration"]["securityGroups"][0],
        "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
            "UserIdGroupPairs": [{ "GroupId": group["GroupId"] }],
        }],
    });
    ec2::answer(world, "AuthorizeSecurityGroupIngress", &rule).expect("a rule");
    let target_group = json!({
        "Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip",
        "HealthCheckIntervalSeconds": 6, "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    let target_group = elb::answer(world, "CreateTargetGroup", &target_group).expect("a group");
    let arn = target_group["TargetGroups"][0].text("TargetGroupArn").to_owned();
    wait(world, 10);
    let mut service = request(network, 2);
    let targets = json!([{ "targetGroupArn": arn, "containerName": "web", "containerPort": 80 }]);
    service["loadBalancers"] = targets;
    let why = no(world, "CreateService", service);
    assert!(why.contains("does not have an associated load balancer"), "{why}");
    let balancer = json!({
        "Name": "lb", "Scheme": "internal", "SecurityGroups": [group["GroupId"]],
        "Subnets": [subnet, other["Subnet"]["SubnetId"]],
    });
    let balancer = elb::answer(world, "CreateLoadBalancer", &balancer).expect("a balancer");
    wait(world, 10);
    let listener = json!({
        "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
        "Protocol": "HTTP", "Port": 80,
        "DefaultActions": [{ "Type": "forward", "TargetGroupArn": arn }],
    });
    elb::answer(world, "CreateListener", &listener).expect("a listener");
    // A listener is not seen everywhere at once.
    wait(world, 10);
    arn
}

/// A service of two tasks behind a load balancer that was just asked for; returns what names its
/// target group.
fn behind_a_load_balancer(world: &mut World) -> Value {
    cluster(world);
    let network = group(world, 2);
    provider(world);
    register(world);
    wait(world, 120);
    let arn = target_group(world, &network);
    let mut service = request(&network, 2);
    service["loadBalancers"] =
        json!([{ "targetGroupArn": arn, "containerName": "web", "containerPort": 80 }]);
    service["healthCheckGracePeriodSeconds"] = 120.into();
    service["deploymentConfiguration"] = json!({
        "minimumHealthyPercent": 75,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
    });
    ok(world, "CreateService", service);
    json!({ "TargetGroupArn": arn })
}

#[test]
fn a_rollout_waits_for_the_load_balancer_and_an_end_for_its_requests() {
    let mut world = world();
    let group = behind_a_load_balancer(&mut world);
    wait(&mut world, 60);
    let early = look(&mut world);
    assert_eq!(early["runningCount"], 2);
    assert_eq!(early["deployments"][0]["rolloutState"], "IN_PROGRESS");
    for _ in 0..150 {
        let targets = elb::answer(&mut world, "DescribeTargetHealth", &group).expect("targets");
        let mut targets = targets.list("TargetHealthDescriptions").iter();
        if targets.all(|it| it["TargetHealth"]["State"] == "healthy") {
            break;
        }
        assert_eq!(look(&mut world)["deployments"][0]["rolloutState"], "IN_PROGRESS");
        wait(&mut world, 1);
    }
    wait(&mut world, 10);
    let service = look(&mut world);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED", "{service:#}");
    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web", "force": true }));
    wait(&mut world, 290);
    assert_eq!(look(&mut world)["status"], "DRAINING", "the deregistration delay is 300 s");
    wait(&mut world, 30);
    assert_eq!(look(&mut world)["status"], "INACTIVE");
}

#[test]
fn tasks_that_fail_their_health_checks_are_replaced_after_their_grace_until_the_breaker_trips() {
    let scenario = Scenario { health: crate::scenario::Answers::Code(503), ..Scenario::default() };
    let mut world = World::new(5, scenario);
    behind_a_load_balancer(&mut world);
    // Their grace of two minutes counts from when they run.
    wait(&mut world, 120);
    let early = look(&mut world);
    assert_eq!(early["deployments"][0]["failedTasks"], 0, "{early:#}");
    wait(&mut world, 1200);
    let failed = look(&mut world);
    assert_eq!(failed["deployments"][0]["rolloutState"], "FAILED", "{failed:#}");
    let mut events = failed.list("events").iter();
    assert!(events.any(|it| it.text("message").contains("is unhealthy in (target-group")));
}
