//! Commands in the tasks of a service: where a manifest says so, and nowhere else.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Crash, Faults};
use aws_sim::iam;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::{Value, json};

use crate::goal::exec::tasks;
use crate::manifest::written;
use crate::proofs::{ids, nothing_left};
use crate::stage::{done, usual};

/// A service on Fargate that nobody reaches, with what else is said of it.
fn worker(more: &str) -> String {
    format!(
        "stack = 'shop'\n[service.web]\nrun_on = 'fargate'\ningress = 'none'\ncount = 1\nimage = 'web:1'\n{more}\n"
    )
}

async fn deploy(stage: &Stage, manifest: &str) -> String {
    let (_folder, path) = written(manifest);
    let played = done(stage, &["deploy", "--yes", "--file", &path]).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let silent = done(stage, &["deploy", "--yes", "--file", &path]).await;
    assert_eq!(silent.changes(), [""; 0], "{}", silent.said());
    played.said()
}

/// The one task, and how its agent is.
fn task(cloud: &Cloud) -> (Value, String) {
    let all = cloud.world(|world| {
        world.enter("us-east-1");
        tasks(world, "shop", "web")
    });
    let [task] = &all[..] else { panic!("one task: {all:?}") };
    let agent = &task["containers"][0]["managedAgents"][0]["lastStatus"];
    (task["taskArn"].clone(), agent.as_str().unwrap_or_default().to_owned())
}

#[test]
fn commands_are_run_in_tasks_that_start_with_it_alone() {
    in_virtual_time(5, async || {
        let stage = usual(5);
        let cloud = &stage.cloud;
        let before = ids(cloud);
        deploy(&stage, &worker("")).await;
        let (without, agent) = task(cloud);
        assert_eq!(agent, "");
        let said = deploy(&stage, &worker("exec = true")).await;
        assert!(said.contains("enableExecuteCommand false → true, in new tasks"), "{said}");
        let (with, agent) = task(cloud);
        assert_eq!((with == without, agent.as_str()), (false, "RUNNING"));

        // What runs is written as a manifest that changes nothing, and not lost by flags.
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", "shop", "--file", &other]).await;
        let text = std::fs::read_to_string(&other).unwrap();
        assert!(text.contains("exec = true") && !text.contains("permissions"), "{text}");
        let same = done(&stage, &["plan", "--exit-code", "--file", &other]).await;
        assert_eq!(same.exit, Exit::Done, "{}", same.said());
        let flags = ["deploy", "--yes", "--pattern", "fargate-api", "--stack", "shop"];
        let refused = stage.play(&flags).await;
        assert!(refused.said().contains("exec true → false"), "{}", refused.said());

        // Off again, no task is left in which one could be run, nor a role for that.
        deploy(&stage, &worker("")).await;
        let (after, agent) = task(cloud);
        assert_eq!((after == with, agent.as_str()), (false, ""));
        let roles = cloud.world(|world| iam::answer(world, "ListRoles", &json!({})));
        assert!(!roles.unwrap().to_string().contains("task-"), "the role is gone");
        done(&stage, &["destroy", "--yes", "shop"]).await;
        nothing_left(cloud, &before).unwrap();
    });
}

#[test]
fn a_role_of_somebody_else_is_used_as_it_is() {
    in_virtual_time(6, async || {
        let stage = usual(6);
        let trust = json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let create = json!({ "RoleName": "theirs", "AssumeRolePolicyDocument": trust.to_string() });
        stage.cloud.world(|world| iam::answer(world, "CreateRole", &create)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let role = "arn:aws:iam::123456789012:role/theirs";
        let said = deploy(&stage, &worker(&format!("exec = true\ntask_role = '{role}'"))).await;
        assert!(said.contains("theirs is used as it is, and has to allow ssmmessages:"), "{said}");
        let (_, agent) = task(&stage.cloud);
        assert_eq!(agent, "STOPPED");
    });
}

#[test]
fn whoever_dies_while_it_is_turned_on_or_off_can_begin_again() {
    let pairs = [(worker(""), worker("exec = true")), (worker("exec = true"), worker(""))];
    for (from, to) in &pairs {
        // Each of their calls would take minutes: every sixth one, before its effect and after it in turn.
        for at in (0..200).step_by(6) {
            let over = in_virtual_time(9, async || {
                let stage = usual(9);
                deploy(&stage, from).await;
                let (_folder, path) = written(to);
                let words = ["deploy", "--yes", "--file", &path];
                let crash = Some(Crash { at, after: at % 12 == 0 });
                stage.cloud.set_faults(Faults { crash, ..Faults::default() });
                let died = tokio::select! {
                    _ = stage.play(&words) => false,
                    () = stage.cloud.crashed() => true,
                };
                stage.cloud.set_faults(Faults::default());
                tokio::time::sleep(Duration::from_secs(20)).await;
                deploy(&stage, to).await;
                let (_, agent) = task(&stage.cloud);
                let wanted = if to.contains("exec") { "RUNNING" } else { "" };
                assert_eq!(agent, wanted, "{at}");
                !died
            });
            if over {
                break;
            }
        }
    }
}
