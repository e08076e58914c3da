//! Release commands: they run once for a revision, to their end, before any service is updated, and what fails
//! there rolls nothing out.

use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::scenario::{Command, Scenario};
use aws_sim::{ecs, world::World};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use serde_json::json;

use crate::manifest::written;
use crate::proofs::{ids, no_defects, nothing_left};
use crate::stage::{done, stage, usual};

/// Two services, of which each has a command.
fn manifest(run_on: &str, image: &str) -> String {
    format!(
        "stack = 'demo'\npattern = 'internal-worker'\ndefaults.run_on = '{run_on}'\ndefaults.image = '{image}'
ingress.internal.unknown = 404
[service.a]
release.command = ['bin/migrate', '--all']
[service.b]
release = {{ command = ['bin/seed'], timeout = '30m' }}
"
    )
}

/// What a run did with tasks and services, in order; of a task with what it was told.
fn order(calls: &[Record]) -> Vec<String> {
    let done = calls.iter().filter(|it| it.refused.is_none());
    done.filter_map(|it| match it.operation.as_str() {
        "RunTask" => {
            let told = &it.input["overrides"]["containerOverrides"][0];
            assert_eq!(told["environment"], json!([{ "name": "RELEASE_COMMAND", "value": "1" }]));
            Some(format!("run {} of {}", told.texts("command").join(" "), told.text("name")))
        }
        "CreateService" => Some(format!("make {}", it.input.text("serviceName"))),
        "UpdateService" => Some(format!("update {}", it.input.text("service"))),
        _ => None,
    })
    .collect()
}

/// Deploys and tells the order.
async fn deploy(stage: &Stage, manifest: &str, more: &[&str]) -> (Played, Vec<String>) {
    let (_folder, path) = written(manifest);
    let played = stage.play(&[&["deploy", "--yes", "--file", &path], more].concat()).await;
    let order = order(&played.calls);
    (played, order)
}

/// The tasks of release commands that are not over.
fn going(cloud: &Cloud) -> usize {
    cloud.world(|world: &mut World| {
        let all = ecs::answer(world, "ListTasks", &json!({ "cluster": "cluster-demo" }));
        let all = all.unwrap_or_default().texts("taskArns");
        if all.is_empty() {
            return 0;
        }
        let input = json!({ "cluster": "cluster-demo", "tasks": all });
        let tasks = ecs::answer(world, "DescribeTasks", &input).unwrap_or_default();
        let started = tasks.list("tasks").iter().map(|it| it.text("startedBy"));
        started.filter(|it| it.starts_with("ecsup-release/")).count()
    })
}

const RUNS: [&str; 2] = ["run bin/migrate --all of a", "run bin/seed of b"];

#[test]
fn commands_run_once_for_a_revision_before_any_service_changes() {
    for (seed, run_on) in [(1, "fargate"), (2, "instances")] {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            stage.cloud.world(|world| world.enter("us-east-1"));
            let before = ids(&stage.cloud);
            let (first, second) = (manifest(run_on, "app:1"), manifest(run_on, "app:2"));
            let (played, mut made) = deploy(&stage, &first, &[]).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            assert_eq!(made[..2], RUNS, "one after another, first of all");
            made[2..].sort();
            assert_eq!(made[2..], ["make a", "make b"]);
            let (_, silent) = deploy(&stage, &first, &[]).await;
            assert_eq!(silent, [""; 0]);
            // Another count is no other revision.
            let counted = first.replace("[service.a]", "[service.a]\ncount = 1");
            assert_eq!(deploy(&stage, &counted, &[]).await.1, ["update a"]);
            let (_, mut changed) = deploy(&stage, &second, &[]).await;
            assert_eq!(changed[..2], RUNS);
            changed[2..].sort();
            assert_eq!(changed[2..], ["update a", "update b"]);
            let (_, skipped) = deploy(&stage, &first, &["--skip-release"]).await;
            assert!(!skipped.iter().any(|it| it.starts_with("run")), "{skipped:?}");
            // A command that is new to a revision which runs already waits for the next one.
            let other = first.replace("bin/seed", "bin/other");
            assert_eq!(deploy(&stage, &other, &[]).await.1, [""; 0]);
            done(&stage, &["destroy", "--yes", "demo"]).await;
            no_defects(&stage.cloud).unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

#[test]
fn of_one_service_alone_only_its_own_command_runs() {
    in_virtual_time(4, async || {
        let stage = usual(4);
        stage.cloud.world(|world| world.enter("us-east-1"));
        assert_eq!(deploy(&stage, &manifest("fargate", "app:1"), &[]).await.0.exit, Exit::Done);
        let (played, order) = deploy(&stage, &manifest("fargate", "app:2"), &["--only", "b"]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert_eq!(order, [RUNS[1], "update b"]);
    });
}

#[test]
fn a_failed_command_rolls_nothing_out_and_is_told_with_its_last_lines() {
    let lines = &["applying 0042_add_index", "ERROR: relation \"orders\" does not exist"];
    let commands = Command { code: 1, lines, hangs: false };
    stage(Scenario { commands, ..Scenario::default() }, async |stage| {
        stage.cloud.world(|world| world.enter("us-east-1"));
        let first = manifest("fargate", "app:1");
        done_without_commands(stage, &first).await;
        let (played, order) = deploy(stage, &manifest("fargate", "app:2"), &[]).await;
        assert_eq!(played.exit, Exit::DeployIncomplete);
        assert_eq!(order, RUNS[..1]);
        let said = played.said();
        insta::assert_snapshot!(tail(&said));
        // It is tried again, as long as it has not ended well.
        let (_, order) = deploy(stage, &manifest("fargate", "app:2"), &[]).await;
        assert_eq!(order, RUNS[..1]);
        done(stage, &["destroy", "--yes", "demo"]).await;
    });
}

#[test]
fn a_command_that_goes_on_for_too_long_is_stopped() {
    let commands = Command { hangs: true, ..Command::default() };
    stage(Scenario { commands, ..Scenario::default() }, async |stage| {
        stage.cloud.world(|world| world.enter("us-east-1"));
        let (played, _) = deploy(stage, &manifest("fargate", "app:1"), &[]).await;
        assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
        insta::assert_snapshot!(tail(&played.said()));
        assert_eq!(going(&stage.cloud), 0);
        done(stage, &["destroy", "--yes", "demo"]).await;
    });
}

/// A run that dies while a command runs: the next one waits for it, or the end of the stack stops it.
#[test]
fn a_command_that_a_dead_run_has_left_is_taken_over_or_stopped() {
    let commands = Command { hangs: true, ..Command::default() };
    for goes_on in [true, false] {
        let scenario = Scenario { commands, ..Scenario::default() };
        stage(scenario, async |stage| {
            stage.cloud.world(|world| world.enter("us-east-1"));
            let before = ids(&stage.cloud);
            let (_folder, path) = written(&manifest("fargate", "app:1"));
            let only = Only {
                operation: "RunTask".to_owned(),
                about: String::new(),
                fault: Fault::CrashAfter,
            };
            stage.cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            let words = ["deploy", "--yes", "--file", &path];
            let died = crate::proofs::play_until_crash(stage, &words).await;
            assert!(died.is_none(), "it died");
            stage.cloud.set_faults(Faults::default());
            assert_eq!(going(&stage.cloud), 1);
            tokio::time::sleep(Duration::from_mins(5)).await;
            if goes_on {
                let played = stage.play(&words).await;
                assert_eq!(order(&played.calls), [""; 0], "no second one of it");
                assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
            }
            done(stage, &["destroy", "--yes", "demo"]).await;
            assert_eq!(going(&stage.cloud), 0);
            no_defects(&stage.cloud).unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

async fn done_without_commands(stage: &Stage, manifest: &str) {
    let (_folder, path) = written(manifest);
    done(stage, &["deploy", "--yes", "--skip-release", "--file", &path]).await;
}

/// What is said from the error on.
fn tail(said: &str) -> &str {
    &said[said.find("error").unwrap_or_default()..]
}
