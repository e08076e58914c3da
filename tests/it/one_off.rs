//! `ecsup run`: a task that has all that a service's tasks have, runs once, and is gone with its command.

use aws_sim::cloud::Cloud;
use aws_sim::ecs;
use aws_sim::faults::{Crash, Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::{Command, Scenario};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::permissions::{Bounds, Part, policy};
use ecsup::spec::Pattern;
use serde_json::{Value, json};

use crate::proofs::{
    ids, no_defects, nothing_denied, nothing_left, nothing_spare, on_all_processors,
    play_until_crash,
};
use crate::stage::{FARGATE, INTERNAL, done, end, stage};

fn commanded(code: i64, lines: &'static [&'static str], hangs: bool) -> Scenario {
    Scenario { commands: Command { code, lines, hangs }, ..Scenario::default() }
}

/// The tasks that no service looks after, ended ones too.
fn tasks(cloud: &Cloud, stack: &str) -> Vec<Value> {
    cloud.world(|world| {
        world.enter("us-east-1");
        let cluster = format!("cluster-{stack}");
        let listed = ["RUNNING", "STOPPED"].into_iter().flat_map(|status| {
            let input = json!({ "cluster": cluster, "desiredStatus": status });
            ecs::answer(world, "ListTasks", &input).unwrap_or_default().texts("taskArns")
        });
        let all: Vec<_> = listed.collect();
        if all.is_empty() {
            return Vec::new();
        }
        let input = json!({ "cluster": cluster, "tasks": all, "include": ["TAGS"] });
        let seen = ecs::answer(world, "DescribeTasks", &input).unwrap_or_default();
        let by_us = |it: &&Value| it.text("startedBy").starts_with("ecsup-");
        seen.list("tasks").iter().filter(by_us).cloned().collect()
    })
}

fn going(cloud: &Cloud, stack: &str) -> usize {
    let going = |it: &&Value| it.text("desiredStatus") == "RUNNING";
    tasks(cloud, stack).iter().filter(going).count()
}

/// Runs a command in the service of a pattern's stack.
async fn run(stage: &Stage, flags: &[&str], more: &[&str]) -> Played {
    let service = if flags == FARGATE { "web" } else { "worker" };
    let words = [&["run", service], more, &["--", "bin/report", "--all", "two words"]].concat();
    stage.play(&words).await
}

#[test]
fn a_command_runs_once_and_its_lines_and_its_code_are_the_commands() {
    for flags in [FARGATE, INTERNAL] {
        stage(commanded(3, &["first line", "second line"], false), async |stage| {
            let tagged = [&flags[..], &["--tag", "team=a"]].concat();
            done(stage, &tagged).await;
            let (before, stack) = (ids(&stage.cloud), flags[3]);
            let played = run(stage, &flags, &[]).await;
            assert_eq!(played.exit, Exit::Ended(3), "{}", played.said());
            assert_eq!(played.recording.out, ["first line", "second line"]);
            let [task] = &tasks(&stage.cloud, stack)[..] else { panic!("one task") };
            let tags = |it: &Value| it["tags"].as_array().cloned().unwrap_or_default();
            let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
            for tag in [tag("ecsup:stack", stack), tag("ecsup:pattern", stack), tag("team", "a")] {
                assert!(tags(task).contains(&tag), "{tag}: {task}");
            }
            let own = &task["overrides"]["containerOverrides"][0];
            assert_eq!(own["command"], json!(["bin/report", "--all", "two words"]));
            assert!(!task.text("group").starts_with("service:"), "{task}");
            assert_eq!((played.changes(), going(&stage.cloud, stack)), (vec!["RunTask"], 0));
            // A task that has ended is shown for an hour, and its log stream is the service's own.
            let made: Vec<_> = ids(&stage.cloud).difference(&before).cloned().collect();
            let of_the_task =
                |id: &String| ["task/", "eni-", "log-stream"].iter().any(|it| id.contains(it));
            assert!(made.iter().all(of_the_task), "{made:?}");
            assert_eq!(done(stage, &tagged).await.changes(), [""; 0], "a deploy has nothing to do");
        });
    }
}

#[test]
fn who_does_not_wait_leaves_it_and_a_destroy_stops_it() {
    stage(commanded(0, &[], true), async |stage| {
        let before = ids(&stage.cloud);
        done(stage, &FARGATE).await;
        let played = run(stage, &FARGATE, &["--detach"]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert_eq!(going(&stage.cloud, "fargate-api"), 1);
        done(stage, &["destroy", "--yes", "fargate-api"]).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

#[test]
fn a_command_that_takes_longer_than_it_may_is_stopped() {
    stage(commanded(0, &["and on"], true), async |stage| {
        done(stage, &FARGATE).await;
        let played = run(stage, &FARGATE, &["--timeout", "5m"]).await;
        assert_eq!(played.exit, Exit::Failed, "{}", played.said());
        assert!(end(&played).contains("the time was up, and task "), "{}", end(&played));
        assert_eq!(played.recording.out, ["and on"]);
        tokio::time::sleep(std::time::Duration::from_mins(2)).await;
        assert_eq!(going(&stage.cloud, "fargate-api"), 0);
    });
}

/// Nobody but the starter says so.
#[test]
fn a_lost_answer_starts_no_second_task() {
    stage(commanded(0, &["done"], false), async |stage| {
        done(stage, &FARGATE).await;
        let operation = "RunTask".to_owned();
        let lost = Only { operation, about: String::new(), fault: Fault::Lost };
        stage.cloud.set_faults(Faults { only: Some(lost), ..Faults::default() });
        let played = run(stage, &FARGATE, &[]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert_eq!(
            (tasks(&stage.cloud, "fargate-api").len(), &played.recording.out[..]),
            (1, &["done".to_owned()][..])
        );
    });
}

#[test]
fn what_cannot_be_run_is_refused() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let refused = async |words: &[&str]| {
            let played = stage.play(words).await;
            assert_eq!((played.exit, played.changes()), (Exit::Refused, vec![]), "{words:?}");
            played.said()
        };
        let slip = refused(&["run", "wbe", "--", "ls"]).await;
        assert!(slip.contains("did you mean `web`?"), "{slip}");
        let long = "x".repeat(8192);
        let long = refused(&["run", "web", "--", &long]).await;
        assert!(long.contains("ECS takes 8192"), "{long}");
        let none = refused(&["run", "web", "--", ""]).await;
        assert!(none.contains("no word"), "{none}");
        let bare = refused(&["run", "web"]).await;
        assert!(bare.contains("COMMAND"), "{bare}");
    });
}

/// Nothing else is allowed, and all of it is taken.
#[test]
fn the_printed_part_is_enough_and_no_more() {
    for (pattern, flags) in [(Pattern::FargateApi, FARGATE), (Pattern::InternalWorker, INTERNAL)] {
        stage(commanded(0, &["done"], true), async |stage| {
            done(stage, &flags).await;
            let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), None);
            let text = policy(&[pattern], &[Part::Read, Part::Run], &bounds).to_json();
            stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
            let played = run(stage, &flags, &["--timeout", "10m"]).await;
            assert_eq!(played.recording.out, ["done"], "{}", played.said());
            nothing_denied(&stage.cloud).unwrap();
            let part = policy(&[pattern], &[Part::Run], &bounds).to_json();
            nothing_spare(&stage.cloud, &part).unwrap();
        });
    }
}

#[test]
fn whoever_may_not_read_what_it_writes_is_told_how_it_ended() {
    stage(commanded(4, &["secret"], false), async |stage| {
        done(stage, &FARGATE).await;
        let printed = stage.play(&["permissions"]).await.recording.out.join("\n");
        stage.cloud.set_policy(Policy::parse(&printed).expect("a policy"));
        let denied = run(stage, &FARGATE, &[]).await;
        assert_eq!(denied.exit, Exit::Failed, "{}", denied.said());
        assert!(denied.said().contains("ecsup permissions --part run"), "{}", denied.said());
    });
}

#[test]
fn whoever_dies_leaves_nothing_that_stays() {
    let dies = |seed: u64| -> Result<(), String> {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, commanded(0, &["done"], false)) };
            let before = ids(&stage.cloud);
            done(&stage, &FARGATE).await;
            let at = stage.cloud.count() + usize::try_from(seed / 2).unwrap_or_default();
            let crash = Crash { at, after: seed.is_multiple_of(2) };
            stage.cloud.set_faults(Faults { crash: Some(crash), ..Faults::default() });
            let words = ["run", "web", "--", "bin/report"];
            drop(play_until_crash(&stage, &words).await);
            stage.cloud.set_faults(Faults::default());
            tokio::time::sleep(std::time::Duration::from_mins(5)).await;
            if going(&stage.cloud, "fargate-api") > 0 {
                return Err("a task runs on that has nothing to do".to_owned());
            }
            done(&stage, &["destroy", "--yes", "fargate-api"]).await;
            no_defects(&stage.cloud)?;
            nothing_left(&stage.cloud, &before)
        })
    };
    let failed = on_all_processors(60, dies);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
