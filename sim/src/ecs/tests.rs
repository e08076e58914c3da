//! The rules that matter, driven through [`super::answer`].

use std::time::Duration;

use serde_json::{Value, json};

use super::answer;
use crate::fields::Fields;
use crate::scenario::Scenario;
use crate::world::World;
use crate::{ec2, iam};

pub(super) fn world() -> World {
    World::new(7, Scenario::default())
}

pub(super) fn wait(world: &mut World, seconds: u64) {
    let until = world.now + Duration::from_secs(seconds);
    world.advance(until);
}

pub(super) fn ok(world: &mut World, operation: &str, input: Value) -> Value {
    answer(world, operation, &input).unwrap_or_else(|why| panic!("{operation}: {why}"))
}

pub(super) fn no(world: &mut World, operation: &str, input: Value) -> String {
    match answer(world, operation, &input) {
        Ok(answer) => panic!("{operation} should be refused: {answer}"),
        Err(why) => why.to_string(),
    }
}

pub(super) fn cluster(world: &mut World) {
    ok(world, "CreateCluster", json!({ "clusterName": "c" }));
    wait(world, 5);
}

pub(super) fn described(world: &mut World) -> Value {
    let input = json!({ "clusters": ["c"], "include": ["ATTACHMENTS", "TAGS", "SETTINGS"] });
    ok(world, "DescribeClusters", input)["clusters"][0].clone()
}

pub(super) fn definition(image: &str, cpu: &str, memory: &str) -> Value {
    json!({
        "family": "td",
        "cpu": cpu,
        "memory": memory,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{
            "name": "web",
            "image": image,
            "portMappings": [{ "containerPort": 80, "hostPort": 80 }],
        }],
    })
}

/// A subnet with a way out for public addresses, and a security group.
pub(super) fn network(world: &mut World) -> Value {
    network_in(world, "10.0.0.0/18")
}

/// The same in a range.
fn network_in(world: &mut World, range: &str) -> Value {
    let mut ask = |operation: &str, input: Value| {
        let answer = ec2::answer(world, operation, &input).expect(operation);
        wait(world, 10);
        answer
    };
    let vpc = ask("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
    let vpc = vpc["Vpc"].text("VpcId").to_owned();
    let subnet = json!({
        "VpcId": vpc, "CidrBlock": range, "AvailabilityZone": "us-east-1a",
    });
    let subnet = ask("CreateSubnet", subnet)["Subnet"].text("SubnetId").to_owned();
    let gateway = ask("CreateInternetGateway", json!({}));
    let gateway = gateway["InternetGateway"].text("InternetGatewayId").to_owned();
    ask("AttachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": vpc }));
    let table = ask("CreateRouteTable", json!({ "VpcId": vpc }));
    let table = table["RouteTable"].text("RouteTableId").to_owned();
    ask("AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
    let route = json!({
        "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway,
    });
    ask("CreateRoute", route);
    let group = json!({ "GroupName": "g", "Description": "g", "VpcId": vpc });
    let group = ask("CreateSecurityGroup", group).text("GroupId").to_owned();
    json!({ "awsvpcConfiguration": {
        "subnets": [subnet], "securityGroups": [group], "assignPublicIp": "ENABLED",
    } })
}

/// A service of two tasks on Fargate, just asked for.
fn service(world: &mut World, image: &str) -> Value {
    service_in(world, image, "10.0.0.0/18")
}

/// The same with its tasks in a range.
fn service_in(world: &mut World, image: &str, range: &str) -> Value {
    cluster(world);
    ok(world, "RegisterTaskDefinition", definition(image, "256", "512"));
    let input = json!({
        "cluster": "c",
        "serviceName": "web",
        "taskDefinition": "td",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": network_in(world, range),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
    });
    ok(world, "CreateService", input.clone());
    input
}

/// A role that tasks are started with, without any policy.
pub(super) fn execution_role(world: &mut World) {
    let trust = json!({ "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "ecs-tasks.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] });
    let role = json!({ "RoleName": "execution", "AssumeRolePolicyDocument": trust.to_string() });
    iam::answer(world, "CreateRole", &role).unwrap();
    wait(world, 20);
}

/// The same with the policy that AWS manages for it: images may be pulled, and logs written.
pub(super) fn execution_role_with_policy(world: &mut World) {
    execution_role(world);
    let policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    let attach = json!({ "RoleName": "execution", "PolicyArn": policy });
    iam::answer(world, "AttachRolePolicy", &attach).unwrap();
    wait(world, 20);
}

/// Runs a task of this definition on Fargate: why it does not run after so many seconds; nothing when it does.
pub(super) fn why_not_running(
    world: &mut World,
    network: &Value,
    definition: Value,
    seconds: u64,
) -> String {
    ok(world, "RegisterTaskDefinition", definition);
    let run = json!({
        "cluster": "c", "taskDefinition": "td", "launchType": "FARGATE",
        "networkConfiguration": network,
    });
    let arn = ok(world, "RunTask", run)["tasks"][0].text("taskArn").to_owned();
    wait(world, seconds);
    let task = ok(world, "DescribeTasks", json!({ "cluster": "c", "tasks": [arn] }));
    let task = &task["tasks"][0];
    match task.text("lastStatus") {
        "RUNNING" => String::new(),
        _ => task.text("stoppedReason").to_owned(),
    }
}

pub(super) fn look(world: &mut World) -> Value {
    let input = json!({ "cluster": "c", "services": ["web"] });
    ok(world, "DescribeServices", input)["services"][0].clone()
}

#[test]
fn a_living_cluster_answers_for_its_name_and_a_deleted_one_frees_it() {
    let mut world = world();
    let made = ok(&mut world, "CreateCluster", json!({ "clusterName": "c" }));
    assert_eq!(made["cluster"]["status"], "PROVISIONING");
    wait(&mut world, 3);
    assert_eq!(described(&mut world)["status"], "ACTIVE");
    ok(&mut world, "CreateCluster", json!({ "clusterName": "c" }));
    let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
    let why = no(&mut world, "CreateCluster", json!({ "clusterName": "c", "settings": insights }));
    assert!(why.contains("Arguments on this idempotent request are inconsistent"), "{why}");
    ok(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    assert_eq!(described(&mut world)["status"], "DEPROVISIONING");
    wait(&mut world, 5);
    assert_eq!(described(&mut world)["status"], "INACTIVE");
    assert!(no(&mut world, "DeleteCluster", json!({ "cluster": "c" })).contains("inactive"));
    assert!(no(&mut world, "ListServices", json!({ "cluster": "c" })).contains("inactive"));
    let missing = no(&mut world, "ListServices", json!({ "cluster": "other" }));
    assert!(missing.starts_with("ClusterNotFoundException"), "{missing}");
    assert_eq!(super::ids(&world), [""; 0]);
    ok(&mut world, "CreateCluster", json!({ "clusterName": "c" }));
}

#[test]
fn a_provider_is_detached_before_it_is_deleted_and_one_change_at_a_time() {
    let mut world = world();
    cluster(&mut world);
    for name in ["ecs-demo", "AwsDemo", "fargate1"] {
        let input =
            json!({ "name": name, "autoScalingGroupProvider": { "autoScalingGroupArn": "a" } });
        assert!(no(&mut world, "CreateCapacityProvider", input).contains("cannot be prefixed"));
    }
    let put = |names: &[&str]| json!({ "cluster": "c", "capacityProviders": names, "defaultCapacityProviderStrategy": [] });
    let why = no(&mut world, "PutClusterCapacityProviders", put(&["cp"]));
    assert!(why.starts_with("InvalidParameterException") && why.contains("was not found"), "{why}");
    super::capacity_provider::insert_for_test(&mut world, "cp");
    ok(&mut world, "PutClusterCapacityProviders", put(&["cp"]));
    let why = no(&mut world, "PutClusterCapacityProviders", put(&[]));
    assert!(why.starts_with("UpdateInProgressException"), "{why}");
    assert!(no(&mut world, "DeleteCluster", json!({ "cluster": "c" })).starts_with("UpdateInP"));
    assert_eq!(described(&mut world)["attachmentsStatus"], "UPDATE_IN_PROGRESS");
    wait(&mut world, 20);
    // Its group does not exist.
    assert_eq!(described(&mut world)["attachmentsStatus"], "UPDATE_FAILED");
    let delete = json!({ "capacityProvider": "cp" });
    let refused = ok(&mut world, "DeleteCapacityProvider", delete.clone());
    assert_eq!(refused["capacityProvider"]["updateStatus"], "DELETE_FAILED");
    assert_eq!(refused["capacityProvider"]["status"], "ACTIVE");
    let why = no(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    assert!(why.starts_with("ClusterContainsCapacityProviderException"), "{why}");
    ok(&mut world, "PutClusterCapacityProviders", put(&[]));
    wait(&mut world, 20);
    assert_eq!(described(&mut world)["attachmentsStatus"], "UPDATE_COMPLETE");
    let going = ok(&mut world, "DeleteCapacityProvider", delete.clone());
    assert_eq!(going["capacityProvider"]["updateStatus"], "DELETE_IN_PROGRESS");
    wait(&mut world, 20);
    let look = json!({ "capacityProviders": ["cp", "other"] });
    let look = ok(&mut world, "DescribeCapacityProviders", look);
    assert_eq!(look["capacityProviders"][0]["status"], "INACTIVE");
    assert_eq!(look["failures"][0]["reason"], "MISSING");
    assert!(no(&mut world, "DeleteCapacityProvider", delete).contains("does not exist"));
}

#[test]
fn revisions_count_on_and_go_in_two_steps() {
    let mut world = world();
    for (cpu, memory) in [("256", "4096"), ("1024", "1024"), ("300", "512"), ("8192", "17408")] {
        let why = no(&mut world, "RegisterTaskDefinition", definition("nginx", cpu, memory));
        assert!(why.contains("No Fargate configuration exists for given values"), "{why}");
    }
    let mut other = definition("nginx", "256", "512");
    other["containerDefinitions"][0]["portMappings"][0]["hostPort"] = 81.into();
    assert!(no(&mut world, "RegisterTaskDefinition", other).contains("must match"));
    for number in 1..=2 {
        let made = ok(&mut world, "RegisterTaskDefinition", definition("nginx", "256", "512"));
        assert_eq!(made["taskDefinition"]["revision"], number);
    }
    let both = json!({ "taskDefinitions": ["td:1", "td:2"] });
    ok(&mut world, "DeregisterTaskDefinition", json!({ "taskDefinition": "td:1" }));
    let answer = ok(&mut world, "DeleteTaskDefinitions", both.clone());
    assert_eq!(answer.list("taskDefinitions").len(), 1);
    assert!(answer["failures"][0].text("reason").contains("still in ACTIVE status"));
    ok(&mut world, "DeregisterTaskDefinition", json!({ "taskDefinition": "td:2" }));
    ok(&mut world, "DeleteTaskDefinitions", both);
    assert_eq!(super::ids(&world), [""; 0]);
    assert_eq!(ok(&mut world, "ListTaskDefinitionFamilies", json!({})).texts("families"), ["td"]);
    wait(&mut world, 120);
    assert!(ok(&mut world, "ListTaskDefinitionFamilies", json!({})).list("families").is_empty());
    let why = no(&mut world, "DescribeTaskDefinition", json!({ "taskDefinition": "td" }));
    assert_eq!(why, "ClientException: Unable to describe task definition.");
    let made = ok(&mut world, "RegisterTaskDefinition", definition("nginx", "256", "512"));
    assert_eq!(made["taskDefinition"]["revision"], 3);
}

/// Whoever compares them as a list sees a change where there is none.
#[test]
fn variables_come_back_in_an_order_of_their_own_which_stays() {
    let mut world = world();
    let names = ["A", "B", "C", "D", "E", "F"];
    let variables = names.map(|name| json!({ "name": name, "value": "x" }));
    let mut wanted = definition("nginx", "256", "512");
    wanted["containerDefinitions"][0]["environment"] = json!(variables);
    let read = |answer: &Value| -> Vec<String> {
        let container = &answer["taskDefinition"]["containerDefinitions"][0];
        container.list("environment").iter().map(|it| it.text("name").to_owned()).collect()
    };
    let mut orders = std::collections::BTreeSet::new();
    for revision in 1..=5 {
        let registered = ok(&mut world, "RegisterTaskDefinition", wanted.clone());
        let which = json!({ "taskDefinition": format!("td:{revision}") });
        let described = ok(&mut world, "DescribeTaskDefinition", which);
        assert_eq!(read(&registered), read(&described));
        let mut sorted = read(&described);
        orders.insert(sorted.clone());
        sorted.sort();
        assert_eq!(sorted, names);
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[test]
fn a_definition_is_measured_as_it_is_written() {
    let mut world = world();
    let with = |length: usize| {
        let mut definition = definition("nginx", "256", "512");
        let variable = json!({ "name": "A", "value": "x".repeat(length) });
        definition["containerDefinitions"][0]["environment"] = json!([variable]);
        definition
    };
    let most = 65_536 - with(0).to_string().len();
    ok(&mut world, "RegisterTaskDefinition", with(most));
    insta::assert_snapshot!(no(&mut world, "RegisterTaskDefinition", with(most + 1)), @"ClientException: Actual length: '65537'. Max allowed length is '65536' bytes.");
}

#[test]
fn a_service_becomes_steady_and_goes_when_its_tasks_stop() {
    let mut world = world();
    let input = service(&mut world, "nginx");
    assert_eq!(look(&mut world)["deployments"][0]["rolloutState"], "IN_PROGRESS");
    ok(&mut world, "CreateService", input.clone());
    let other = {
        let mut it = input;
        it["desiredCount"] = 3.into();
        it
    };
    let why = no(&mut world, "CreateService", other.clone());
    assert!(why.contains("Creation of service was not idempotent"), "{why}");
    wait(&mut world, 25);
    assert_eq!(look(&mut world)["runningCount"], 0, "no task of Fargate runs that early");
    wait(&mut world, 45);
    let steady = look(&mut world);
    assert_eq!(steady["deployments"][0]["rolloutState"], "COMPLETED", "{steady:#}");
    assert_eq!(steady["events"][0]["message"], "(service web) has reached a steady state.");
    let tasks = ok(&mut world, "ListTasks", json!({ "cluster": "c" }))["taskArns"].clone();
    let tasks = ok(&mut world, "DescribeTasks", json!({ "cluster": "c", "tasks": tasks }));
    let completed = steady["events"][0]["createdAt"].as_f64();
    let mut tasks = tasks.list("tasks").iter().map(|it| it["startedAt"].as_f64());
    assert!(tasks.len() == 2 && tasks.all(|it| it.is_some() && it < completed));
    ok(&mut world, "UpdateService", json!({ "cluster": "c", "service": "web", "desiredCount": 1 }));
    assert_eq!(look(&mut world).list("deployments").len(), 1);
    let why = no(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web" }));
    assert!(why.contains("scaled above 0"), "{why}");
    let why = no(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    assert!(why.starts_with("ClusterContainsServicesException"), "{why}");
    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web", "force": true }));
    assert!(
        ok(&mut world, "ListServices", json!({ "cluster": "c" })).list("serviceArns").is_empty()
    );
    assert_eq!(look(&mut world)["status"], "DRAINING");
    assert!(no(&mut world, "CreateService", other).contains("still Draining"));
    wait(&mut world, 15);
    assert_eq!(look(&mut world)["status"], "INACTIVE");
    ok(&mut world, "DeleteCluster", json!({ "cluster": "c" }));
    let stopped = json!({ "cluster": "c", "desiredStatus": "STOPPED" });
    assert_eq!(ok(&mut world, "ListTasks", stopped).list("taskArns").len(), 2);
}

#[test]
fn tasks_that_never_run_trip_the_breaker_and_roll_back() {
    let scenario = Scenario { missing_images: vec!["nothing".into()], ..Scenario::default() };
    let mut world = World::new(7, scenario);
    service(&mut world, "nginx");
    wait(&mut world, 70);
    let before = look(&mut world);
    let id = before["deployments"][0].text("id").to_owned();
    ok(&mut world, "RegisterTaskDefinition", definition("nothing", "256", "512"));
    let update = json!({ "cluster": "c", "service": "web", "taskDefinition": "td" });
    ok(&mut world, "UpdateService", update);
    let mut failed = None;
    for _ in 0..300 {
        wait(&mut world, 1);
        let now = look(&mut world);
        assert_eq!(now["runningCount"], 2, "the former tasks go on");
        if now.list("deployments").iter().any(|it| it["rolloutState"] == "FAILED") {
            failed = Some(now);
            break;
        }
    }
    let failed = failed.expect("the breaker trips within minutes");
    assert_eq!(failed["deployments"][0]["id"], id.as_str());
    let reason = failed["deployments"][0].text("rolloutStateReason");
    assert!(reason.contains("rolling back to deploymentId"), "{reason}");
    assert!(failed["deployments"][1]["failedTasks"].as_u64() >= Some(3));
    let tasks = ok(&mut world, "ListTasks", json!({ "cluster": "c", "desiredStatus": "STOPPED" }));
    let tasks = json!({ "cluster": "c", "tasks": tasks["taskArns"] });
    let task = ok(&mut world, "DescribeTasks", tasks)["tasks"][0].clone();
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert!(task.text("stoppedReason").starts_with("CannotPullContainerError"), "{task}");
    wait(&mut world, 30);
    let after = look(&mut world);
    assert_eq!(after.list("deployments").len(), 1);
    assert_eq!(after["deployments"][0]["rolloutState"], "COMPLETED");
    assert!(after.text("taskDefinition").ends_with("td:1"));
}

#[test]
fn a_first_deployment_fails_where_it_stands_and_another_one_replaces_it() {
    let scenario = Scenario { missing_images: vec!["nothing".into()], ..Scenario::default() };
    let mut world = World::new(8, scenario);
    service(&mut world, "nothing");
    wait(&mut world, 300);
    let failed = look(&mut world);
    assert_eq!(failed["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(failed["deployments"][0]["status"], "PRIMARY");
    let started = failed.list("events").len();
    wait(&mut world, 600);
    assert_eq!(look(&mut world).list("events").len(), started, "nothing goes on");
    ok(&mut world, "RegisterTaskDefinition", definition("nginx", "256", "512"));
    let update = json!({ "cluster": "c", "service": "web", "taskDefinition": "td" });
    ok(&mut world, "UpdateService", update);
    wait(&mut world, 80);
    assert_eq!(look(&mut world)["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn a_rollout_replaces_tasks_without_falling_below_its_least() {
    let mut world = world();
    service(&mut world, "nginx");
    wait(&mut world, 70);
    let force = json!({ "cluster": "c", "service": "web", "forceNewDeployment": true });
    ok(&mut world, "UpdateService", force);
    for _ in 0..40 {
        wait(&mut world, 3);
        assert!(look(&mut world)["runningCount"].as_u64() >= Some(2));
    }
    let after = look(&mut world);
    assert_eq!(after.list("deployments").len(), 1);
    assert_eq!(after["deployments"][0]["rolloutState"], "COMPLETED");
}

/// What is done for each task must not look at all the others: this took minutes.
#[test]
fn a_service_may_want_five_thousand_tasks() {
    let mut world = world();
    let mut wanted = service(&mut world, "nginx");
    wanted["serviceName"] = "many".into();
    wanted["desiredCount"] = 5001.into();
    let why = no(&mut world, "CreateService", wanted.clone());
    assert_eq!(why, "InvalidParameterException: Desired count exceeds limit.");
    wanted["desiredCount"] = 5000.into();
    ok(&mut world, "CreateService", wanted);
    wait(&mut world, 120);
    let input = json!({ "cluster": "c", "services": ["many"] });
    let many = ok(&mut world, "DescribeServices", input)["services"][0].clone();
    assert_eq!(many["runningCount"], 5000, "{many:#}");
    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "many", "force": true }));
    wait(&mut world, 60);
}

#[test]
fn a_task_without_an_address_never_runs() {
    let mut world = world();
    let input = service_in(&mut world, "nginx", "10.0.0.0/28");
    let subnet = input["networkConfiguration"]["awsvpcConfiguration"]["subnets"][0].clone();
    let new = || ec2::NewInterface {
        subnet: subnet.as_str().unwrap().to_owned(),
        ..ec2::NewInterface::default()
    };
    while ec2::attach_interface(&mut world, new()).is_some() {}
    wait(&mut world, 120);
    assert_eq!(look(&mut world)["runningCount"], 0);
    let tasks = ok(&mut world, "ListTasks", json!({ "cluster": "c", "desiredStatus": "STOPPED" }));
    let tasks = json!({ "cluster": "c", "tasks": tasks["taskArns"] });
    let task = ok(&mut world, "DescribeTasks", tasks)["tasks"][0].clone();
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = task.text("stoppedReason").replace(subnet.as_str().unwrap(), "SUBNET");
    insta::assert_snapshot!(reason, @"Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'SUBNET': InsufficientFreeAddressesInSubnet");
    assert_eq!(look(&mut world)["deployments"][0]["rolloutState"], "FAILED");
}

#[test]
fn a_definition_is_checked_and_completed() {
    let mut world = world();
    let with = |change: fn(&mut Value)| {
        let mut wanted = definition("image", "0.25 vCPU", "1 GB");
        change(&mut wanted);
        wanted
    };
    let made = ok(
        &mut world,
        "RegisterTaskDefinition",
        with(|it| {
            it["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 80 }]);
        }),
    );
    let made = &made["taskDefinition"];
    assert_eq!((&made["cpu"], &made["memory"]), (&json!("256"), &json!("1024")));
    let port = json!({ "containerPort": 80, "hostPort": 80, "protocol": "tcp" });
    assert_eq!(made["containerDefinitions"][0]["portMappings"], json!([port]));

    let twice = with(|it| {
        let mut second = it["containerDefinitions"][0].clone();
        second["name"] = "second".into();
        it["containerDefinitions"].as_array_mut().unwrap().push(second);
    });
    let refused = no(&mut world, "RegisterTaskDefinition", twice);
    assert_eq!(refused, "ClientException: TCP host port '80' is mapped multiple times in task.");
    // The same port of another protocol is another port.
    ok(
        &mut world,
        "RegisterTaskDefinition",
        with(|it| {
            let udp = json!({ "containerPort": 80, "protocol": "udp" });
            it["containerDefinitions"][0]["portMappings"].as_array_mut().unwrap().push(udp);
        }),
    );
    let log = with(|it| {
        it["executionRoleArn"] = "execution".into();
        let options = json!({ "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web" });
        let logging = json!({ "logDriver": "awslogs", "options": options });
        it["containerDefinitions"][0]["logConfiguration"] = logging;
    });
    let refused = no(&mut world, "RegisterTaskDefinition", log);
    assert!(refused.starts_with("ClientException: Log driver awslogs option 'awslogs-group'"));
}

#[test]
fn a_role_may_be_named_by_its_short_name() {
    let mut world = world();
    let trust = json!({ "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": { "Service": "ecs-tasks.amazonaws.com" },
    }] });
    let role = json!({ "RoleName": "short", "AssumeRolePolicyDocument": trust.to_string() });
    iam::answer(&mut world, "CreateRole", &role).unwrap();
    let mut wanted = definition("image", "256", "512");
    wanted["taskRoleArn"] = "short".into();
    assert!(no(&mut world, "RegisterTaskDefinition", wanted.clone()).contains("Role is not valid"));
    wait(&mut world, 30);
    let made = ok(&mut world, "RegisterTaskDefinition", wanted);
    assert_eq!(made["taskDefinition"]["taskRoleArn"], "arn:aws:iam::123456789012:role/short");
}

#[test]
fn rebalancing_needs_room_for_a_task_more() {
    let mut world = world();
    let mut input = service(&mut world, "image");
    input["serviceName"] = "other".into();
    input["availabilityZoneRebalancing"] = "ENABLED".into();
    input["deploymentConfiguration"] = json!({ "maximumPercent": 100, "minimumHealthyPercent": 0 });
    let refused = no(&mut world, "CreateService", input.clone());
    assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    input.as_object_mut().unwrap().remove("availabilityZoneRebalancing");
    let made = ok(&mut world, "CreateService", input);
    assert_eq!(made["service"]["availabilityZoneRebalancing"], "DISABLED");
}

#[test]
fn a_task_that_somebody_runs_belongs_to_no_service_and_stays_stopped() {
    let mut world = world();
    let service = service(&mut world, "image");
    let run = json!({
        "cluster": "c",
        "taskDefinition": "td",
        "launchType": "FARGATE",
        "count": 2,
        "startedBy": "somebody",
        "networkConfiguration": service["networkConfiguration"],
    });
    let ran = ok(&mut world, "RunTask", run.clone());
    assert_eq!(ran["failures"], json!([]));
    assert_eq!(ran["tasks"][0]["group"], "family:td");
    wait(&mut world, 120);
    assert_eq!(look(&mut world)["runningCount"], 2);
    let listed = json!({ "cluster": "c", "startedBy": "somebody" });
    let listed = ok(&mut world, "ListTasks", listed)["taskArns"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let stop = json!({ "cluster": "c", "task": listed[0] });
    ok(&mut world, "StopTask", stop);
    wait(&mut world, 120);
    let tasks = json!({ "cluster": "c", "tasks": listed });
    let tasks = ok(&mut world, "DescribeTasks", tasks);
    let status = |at: usize| tasks["tasks"][at]["lastStatus"].clone();
    assert_eq!([status(0), status(1)].map(|it| it.to_string()).concat(), r#""STOPPED""RUNNING""#);
    // Many do not find a place on instances that are not there.
    let mut on_instances = definition("image", "256", "512");
    on_instances["family"] = "ec2".into();
    on_instances.as_object_mut().unwrap().remove("requiresCompatibilities");
    ok(&mut world, "RegisterTaskDefinition", on_instances);
    let mut run = run;
    run["taskDefinition"] = "ec2".into();
    run["launchType"] = "EC2".into();
    run["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "DISABLED".into();
    let ran = ok(&mut world, "RunTask", run);
    assert_eq!((&ran["tasks"], ran["failures"].as_array().map(Vec::len)), (&json!([]), Some(2)));
}

#[test]
fn deployments_of_a_service_are_remembered_with_what_became_of_them() {
    let mut world = world();
    service(&mut world, "image");
    let statuses = |world: &mut World| {
        let listed = json!({ "cluster": "c", "service": "web" });
        let listed = ok(world, "ListServiceDeployments", listed);
        let listed = listed["serviceDeployments"].as_array().cloned().unwrap_or_default();
        listed.iter().map(|it| it.text("status").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&mut world), ["IN_PROGRESS"]);
    wait(&mut world, 180);
    assert_eq!(statuses(&mut world), ["SUCCESSFUL"]);
    let again = json!({ "cluster": "c", "service": "web", "forceNewDeployment": true });
    ok(&mut world, "UpdateService", again);
    assert_eq!(statuses(&mut world), ["IN_PROGRESS", "SUCCESSFUL"]);
    wait(&mut world, 300);
    assert_eq!(statuses(&mut world), ["SUCCESSFUL", "SUCCESSFUL"]);
}

/// A stream for each container of a task, which has its last lines when it ends.
#[test]
fn a_task_writes_into_a_stream_of_its_own_until_it_ends() {
    let mut world = world();
    cluster(&mut world);
    execution_role_with_policy(&mut world);
    let group = json!({ "logGroupName": "logs" });
    crate::logs::answer(&mut world, "CreateLogGroup", &group).unwrap();
    wait(&mut world, 20);
    let mut it = definition("nginx", "256", "512");
    it["executionRoleArn"] = "execution".into();
    let options = json!({
        "awslogs-group": "logs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app",
    });
    it["containerDefinitions"][0]["logConfiguration"] =
        json!({ "logDriver": "awslogs", "options": options });
    ok(&mut world, "RegisterTaskDefinition", it);
    let network = network(&mut world);
    let run = json!({
        "cluster": "c", "taskDefinition": "td", "launchType": "FARGATE",
        "networkConfiguration": network,
    });
    let run = ok(&mut world, "RunTask", run);
    let arn = run["tasks"][0].text("taskArn").to_owned();
    let stream = format!("app/web/{}", super::short(&arn));
    assert_eq!(crate::logs::written(&world), []);
    wait(&mut world, 120);
    let before = crate::logs::written(&world);
    assert!(before.len() > 5 && before.iter().all(|it| it.stream == stream), "{before:?}");
    ok(&mut world, "StopTask", json!({ "cluster": "c", "task": arn }));
    wait(&mut world, 120);
    let after = crate::logs::written(&world);
    assert_eq!(after.last().map(|it| it.text.as_str()), Some("stopped"));
    // The task is forgotten, and what it has written is not.
    wait(&mut world, 24 * 3600);
    assert_eq!(crate::logs::written(&world), after);
    assert_eq!(
        ok(&mut world, "ListTasks", json!({ "cluster": "c", "desiredStatus": "STOPPED" }))["taskArns"],
        json!([])
    );
}
