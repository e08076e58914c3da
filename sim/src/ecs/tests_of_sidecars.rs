//! Several containers in a task: what they are registered with, in which order they start, whose end counts.

use serde_json::{Value, json};

use super::tests::{cluster, definition, network, no, ok, wait, world};
use crate::fields::Fields;
use crate::scenario::{Ending, Scenario};
use crate::world::World;

/// A definition with a sidecar beside `web`, changed.
fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut wanted = definition("nginx", "256", "512");
    let check = json!({ "command": ["CMD-SHELL", "true"], "interval": 10 });
    let sidecar = json!({ "name": "proxy", "image": "envoy", "healthCheck": check });
    wanted["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    change(&mut wanted);
    wanted
}

fn after(definition: &mut Value, on: &str, condition: &str) {
    definition["containerDefinitions"][0]["dependsOn"] =
        json!([{ "containerName": on, "condition": condition }]);
}

#[test]
fn containers_are_registered_with_what_ecs_takes() {
    let mut world = world();
    let mut refused =
        |change: fn(&mut Value)| no(&mut world, "RegisterTaskDefinition", with(change));
    let why = refused(|it| after(it, "proxy", "SUCCESS"));
    assert!(why.contains("cannot be an essential container"), "{why}");
    let why = refused(|it| after(it, "nobody", "START"));
    assert!(why.contains("not in the task definition"), "{why}");
    let why = refused(|it| {
        after(it, "proxy", "HEALTHY");
        it["containerDefinitions"][1]["healthCheck"] = Value::Null;
    });
    assert!(why.contains("must have a health check"), "{why}");
    let why = refused(|it| {
        after(it, "proxy", "START");
        it["containerDefinitions"][1]["dependsOn"] =
            json!([{ "containerName": "web", "condition": "START" }]);
    });
    assert!(why.contains("cycle"), "{why}");
    let why = refused(|it| {
        it["containerDefinitions"][0]["memory"] = json!(400);
        it["containerDefinitions"][1]["memory"] = json!(113);
    });
    assert!(why.contains("'memory' of the containers"), "{why}");
    let why = refused(|it| {
        let all = it["containerDefinitions"].as_array_mut().unwrap();
        all.extend((0..9).map(|n| json!({ "name": format!("more-{n}"), "image": "envoy" })));
    });
    assert!(why.contains("At most 10"), "{why}");
    ok(&mut world, "RegisterTaskDefinition", with(|it| after(it, "proxy", "HEALTHY")));
}

/// A task with this definition, two and a half minutes later.
fn run(scenario: Scenario, definition: Value) -> (World, Value) {
    let mut world = World::new(7, scenario);
    cluster(&mut world);
    let network = network(&mut world);
    ok(&mut world, "RegisterTaskDefinition", definition);
    let run = json!({
        "cluster": "c", "taskDefinition": "td", "launchType": "FARGATE",
        "networkConfiguration": network,
    });
    let arn = ok(&mut world, "RunTask", run)["tasks"][0].text("taskArn").to_owned();
    wait(&mut world, 150);
    let task = describe(&mut world, &arn);
    (world, task)
}

fn describe(world: &mut World, arn: &str) -> Value {
    ok(world, "DescribeTasks", json!({ "cluster": "c", "tasks": [arn] }))["tasks"][0].clone()
}

fn init(definition: &mut Value) {
    definition["containerDefinitions"][1]["essential"] = json!(false);
    after(definition, "proxy", "SUCCESS");
}

#[test]
fn a_container_starts_when_the_others_are_what_it_waits_for() {
    let (mut world, task) = run(Scenario::default(), with(|it| after(it, "proxy", "HEALTHY")));
    assert_eq!(task.text("lastStatus"), "RUNNING");
    let plain = run(Scenario::default(), with(|_| {})).1;
    let starts = |task: &Value| {
        task["startedAt"].as_f64().unwrap() - task["pullStoppedAt"].as_f64().unwrap()
    };
    assert!(starts(&task) > starts(&plain) + 9.0, "{task} {plain}");

    let (_, task) = run(Scenario::default(), with(init));
    let proxy = &task["containers"][1];
    assert_eq!((task.text("lastStatus"), proxy.text("lastStatus")), ("RUNNING", "STOPPED"));
    assert_eq!(proxy["exitCode"], 0);

    let sick = Scenario { sick_containers: true, ..Scenario::default() };
    let (mut late, task) = run(sick, with(|it| after(it, "proxy", "HEALTHY")));
    let arn = task.text("taskArn").to_owned();
    wait(&mut late, 240);
    let task = describe(&mut late, &arn);
    assert!(task.text("stoppedReason").contains("for target [web] has timed out"), "{task}");
    wait(&mut world, 1);
}

#[test]
fn who_waits_for_success_does_not_start_after_a_failure() {
    let fails = Scenario { first_container_fails: Some(3), ..Scenario::default() };
    let (_, task) = run(fails, with(init));
    assert_eq!(task.text("stopCode"), "TaskFailedToStart");
    assert!(task.text("stoppedReason").contains("did not exit successfully"), "{task}");
    assert_eq!(task["containers"][1]["exitCode"], 3);
    assert_eq!(task["containers"][0]["exitCode"], Value::Null);
}

#[test]
fn the_end_of_a_container_is_that_of_its_task_when_it_is_essential() {
    let ends = |container: &'static str| Scenario {
        ending: Some(Ending::exits(7, 20.0, &[]).of(container)),
        ..Scenario::default()
    };
    let (_, task) = run(ends("proxy"), with(|_| {}));
    assert_eq!(task.text("stopCode"), "EssentialContainerExited");
    assert_eq!(
        (&task["containers"][1]["exitCode"], &task["containers"][0]["exitCode"]),
        (&json!(7), &json!(0))
    );
    let extra = with(|it| it["containerDefinitions"][1]["essential"] = json!(false));
    let (_, task) = run(ends("proxy"), extra);
    assert_eq!(task.text("lastStatus"), "RUNNING");
}
