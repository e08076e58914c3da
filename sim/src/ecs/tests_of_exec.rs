//! Commands in tasks: what a service, its tasks and their role need for that.

use serde_json::{Value, json};

use super::tests::{cluster, definition, network, no, ok, wait, world};
use crate::fields::Fields;
use crate::world::World;
use crate::{iam, ssm};

/// A role that tasks may have.
fn role(world: &mut World) {
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let create = json!({ "RoleName": "tasks", "AssumeRolePolicyDocument": trust.to_string() });
    iam::answer(world, "CreateRole", &create).unwrap();
    wait(world, 15);
}

fn allow(world: &mut World, action: &str) {
    let statement = json!([{ "Effect": "Allow", "Action": action, "Resource": "*" }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let put = json!({ "RoleName": "tasks", "PolicyName": "p", "PolicyDocument": document });
    iam::answer(world, "PutRolePolicy", &put).unwrap();
    wait(world, 15);
}

/// Registers a revision, with the role or without.
fn revision(world: &mut World, has_role: bool) {
    let mut wanted = definition("nginx", "256", "512");
    if has_role {
        wanted["taskRoleArn"] = json!("tasks");
    }
    ok(world, "RegisterTaskDefinition", wanted);
}

fn service(world: &mut World, exec: bool) -> Value {
    json!({
        "cluster": "c", "serviceName": "web", "taskDefinition": "td", "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": network(world),
        "enableExecuteCommand": exec,
    })
}

/// The only task.
fn task(world: &mut World) -> Value {
    let all = json!({ "cluster": "c", "serviceName": "web" });
    let arns = ok(world, "ListTasks", all).texts("taskArns");
    ok(world, "DescribeTasks", json!({ "cluster": "c", "tasks": arns }))["tasks"][0].clone()
}

fn agent(task: &Value) -> &str {
    task["containers"][0]["managedAgents"][0].text("lastStatus")
}

fn execute(task: &Value) -> Value {
    json!({ "cluster": "c", "task": task["taskArn"], "command": "sh", "interactive": true })
}

#[test]
fn only_tasks_that_start_with_it_run_commands() {
    let mut world = world();
    cluster(&mut world);
    role(&mut world);
    allow(&mut world, "ssmmessages:*");
    revision(&mut world, false);
    let wanted = service(&mut world, true);
    let why = no(&mut world, "CreateService", wanted.clone());
    assert!(
        why.contains("couldn't be created because a valid taskRoleArn is not being used"),
        "{why}"
    );
    revision(&mut world, true);
    let mut plain = wanted;
    plain["enableExecuteCommand"] = json!(false);
    ok(&mut world, "CreateService", plain);
    wait(&mut world, 120);
    let before = task(&mut world);
    assert_eq!((before["enableExecuteCommand"].clone(), agent(&before)), (json!(false), ""));
    let why = no(&mut world, "ExecuteCommand", execute(&before));
    assert!(why.contains("was not enabled when the task was run"), "{why}");
    // Turned on, the service starts no deployment.
    let on = json!({ "cluster": "c", "service": "web", "enableExecuteCommand": true });
    let answer = ok(&mut world, "UpdateService", on.clone());
    assert_eq!(answer["service"]["deployments"].as_array().map(Vec::len), Some(1));
    wait(&mut world, 120);
    assert_eq!(task(&mut world)["taskArn"], before["taskArn"]);
    let mut forced = on;
    forced["forceNewDeployment"] = json!(true);
    ok(&mut world, "UpdateService", forced);
    wait(&mut world, 240);
    let after = task(&mut world);
    assert_eq!((after["enableExecuteCommand"].clone(), agent(&after)), (json!(true), "RUNNING"));
    let session = ok(&mut world, "ExecuteCommand", execute(&after))["session"].clone();
    assert!(
        session.text("streamUrl").starts_with("wss://") && !session.text("tokenValue").is_empty()
    );
    let mut other = execute(&after);
    other["container"] = json!("other");
    assert!(no(&mut world, "ExecuteCommand", other).contains("container was not found"));
}

#[test]
fn an_agent_needs_the_role_of_the_task() {
    let mut world = world();
    cluster(&mut world);
    role(&mut world);
    allow(&mut world, "ssmmessages:CreateControlChannel");
    revision(&mut world, true);
    let wanted = service(&mut world, true);
    ok(&mut world, "CreateService", wanted);
    wait(&mut world, 120);
    let task = task(&mut world);
    assert_eq!(agent(&task), "STOPPED");
    assert!(no(&mut world, "ExecuteCommand", execute(&task)).contains("agent isn't running"));
}

#[test]
fn a_port_is_reached_through_a_container_that_is_connected() {
    let mut world = world();
    cluster(&mut world);
    role(&mut world);
    allow(&mut world, "ssmmessages:*");
    revision(&mut world, true);
    let wanted = service(&mut world, true);
    ok(&mut world, "CreateService", wanted);
    wait(&mut world, 120);
    let task = task(&mut world);
    let id = task.text("taskArn").rsplit('/').next().unwrap().to_owned();
    let target = format!("ecs:c_{id}_{}", task["containers"][0].text("runtimeId"));
    let start = |target: &str, parameters: Value| {
        let document = "AWS-StartPortForwardingSessionToRemoteHost";
        json!({ "Target": target, "DocumentName": document, "Parameters": parameters })
    };
    let good =
        json!({ "host": ["db.internal"], "portNumber": ["5432"], "localPortNumber": ["5432"] });
    let session = ssm::answer(&mut world, "StartSession", &start(&target, good.clone())).unwrap();
    let end = json!({ "SessionId": session["SessionId"] });
    ssm::answer(&mut world, "TerminateSession", &end).unwrap();
    assert!(ssm::answer(&mut world, "TerminateSession", &end).is_err(), "it is over");
    for bad in [
        json!({ "portNumber": ["5432"], "localPortNumber": ["5432"] }),
        json!({ "host": ["db"], "portNumber": ["0"], "localPortNumber": ["5432"] }),
        json!({ "host": ["db"], "portNumber": ["1"], "localPort": ["1"] }),
    ] {
        let why = ssm::answer(&mut world, "StartSession", &start(&target, bad)).unwrap_err();
        assert_eq!(why.code, "InvalidParameters");
    }
    let why = ssm::answer(&mut world, "StartSession", &start(&format!("{target}1"), good.clone()));
    assert_eq!(why.unwrap_err().code, "TargetNotConnected");
    // What the role may no longer do counts at once, whatever the agent's state says.
    let delete = json!({ "RoleName": "tasks", "PolicyName": "p" });
    iam::answer(&mut world, "DeleteRolePolicy", &delete).unwrap();
    wait(&mut world, 15);
    let why = ssm::answer(&mut world, "StartSession", &start(&target, good)).unwrap_err();
    assert_eq!(why.code, "TargetNotConnected");
    let why = no(&mut world, "ExecuteCommand", execute(&task));
    assert!(why.contains("TargetNotConnectedException"), "{why}");
}
