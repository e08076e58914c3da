//! One-off tasks that are told what to run.

use serde_json::{Value, json};

use super::tests::{cluster, definition, network, no, ok, wait, world};
use crate::fields::Fields;
use crate::scenario::{Command, Scenario};
use crate::world::World;

fn run(network: &Value, overrides: &Value) -> Value {
    json!({
        "cluster": "c", "taskDefinition": "td", "launchType": "FARGATE", "startedBy": "me/1",
        "networkConfiguration": network, "overrides": overrides,
    })
}

fn command() -> Value {
    json!({ "containerOverrides": [{
        "name": "web", "command": ["bin/migrate"], "environment": [{ "name": "A", "value": "1" }],
    }] })
}

fn task(world: &mut World, arn: &str) -> Value {
    ok(world, "DescribeTasks", json!({ "cluster": "c", "tasks": [arn] }))["tasks"][0].clone()
}

#[test]
fn a_command_runs_to_its_end_and_is_found_by_who_started_it() {
    let scenario =
        Scenario { commands: Command { code: 3, ..Command::default() }, ..Scenario::default() };
    let mut world = World::new(7, scenario);
    cluster(&mut world);
    let network = network(&mut world);
    ok(&mut world, "RegisterTaskDefinition", definition("nginx", "256", "512"));
    let started = ok(&mut world, "RunTask", run(&network, &command()));
    let arn = started["tasks"][0].text("taskArn").to_owned();
    let mine = json!({ "cluster": "c", "startedBy": "me/1" });
    assert_eq!(ok(&mut world, "ListTasks", mine.clone()).texts("taskArns"), [&*arn]);
    wait(&mut world, 180);
    let ended = task(&mut world, &arn);
    assert_eq!(ended.text("stopCode"), "EssentialContainerExited");
    assert_eq!(ended["containers"][0]["exitCode"], 3);
    assert!(ok(&mut world, "ListTasks", mine).texts("taskArns").is_empty(), "it does not run");
    let both = json!({ "cluster": "c", "startedBy": "me/1", "desiredStatus": "STOPPED" });
    assert!(no(&mut world, "ListTasks", both).contains("only filter"));
}

#[test]
fn only_what_is_there_is_overridden() {
    let mut world = world();
    cluster(&mut world);
    let network = network(&mut world);
    ok(&mut world, "RegisterTaskDefinition", definition("nginx", "256", "512"));
    let mut other = command();
    other["containerOverrides"][0]["name"] = json!("api");
    let why = no(&mut world, "RunTask", run(&network, &other));
    assert!(why.contains("container named api is not a container"), "{why}");
    let mut long = command();
    long["containerOverrides"][0]["command"] = json!(["x".repeat(8192)]);
    let why = no(&mut world, "RunTask", run(&network, &long));
    assert!(why.contains("at most 8192"), "{why}");
}

/// What a container that runs `curl` with these words ends with.
fn curl(words: &[&str]) -> i64 {
    let mut world = world();
    cluster(&mut world);
    let network = network(&mut world);
    let mut definition = definition("curl", "256", "512");
    let container = &mut definition["containerDefinitions"][0];
    container["entryPoint"] = json!(["curl"]);
    container["command"] = json!(words);
    ok(&mut world, "RegisterTaskDefinition", definition);
    let started = ok(&mut world, "RunTask", run(&network, &json!({})));
    let arn = started["tasks"][0].text("taskArn").to_owned();
    ok(&mut world, "DeregisterTaskDefinition", json!({ "taskDefinition": "td:1" }));
    ok(&mut world, "DeleteTaskDefinitions", json!({ "taskDefinitions": ["td:1"] }));
    wait(&mut world, 600);
    let ended = task(&mut world, &arn);
    ended["containers"][0]["exitCode"].as_i64().expect("it is known after its revision is gone")
}

#[test]
fn a_container_that_runs_curl_sends_its_requests() {
    assert_eq!(curl(&["--no-such-option"]), 2);
    assert_eq!(curl(&["--silent", "--url", "http://nobody.example.com/"]), 6);
    assert_eq!(curl(&["--max-time"]), 2);
}
