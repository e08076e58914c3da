//! Tasks on Fargate Spot: beyond how many, in place of which, and what becomes of them.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ecs;
use aws_sim::faults::{Crash, Faults};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::{Command, Scenario};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::json;

use crate::goal::exec::tasks;
use crate::goal::spot::unlike;
use crate::manifest::{spec, written};
use crate::proofs::{ids, nothing_denied, nothing_left, on_all_processors};
use crate::stage::{done, stage, usual};
use crate::transitions::unanswered_while;

/// A service of three tasks, with what else is said of it.
fn web(more: &str) -> String {
    format!(
        "stack = 'shop'\npattern = 'fargate-api'\n[service.web]\nimage = 'web:1'\ncount = 3\n{more}\n"
    )
}

const SPOT: &str = "spot = true";
const WITH_BASE: &str = "spot = true\non_demand_base = 1";
/// The same in another revision: the next deployment has its own base.
const AGAIN: &str = "spot = true\non_demand_base = 1\nenv = { A = '1' }";

/// Deploys a manifest, checks that it holds and that another deploy has nothing to do, and tells for how many
/// seconds nobody answered meanwhile.
async fn deploy(stage: &Stage, manifest: &str) -> Result<(String, u32), String> {
    let (_folder, path) = written(manifest);
    let words = ["deploy", "--yes", "--file", &path];
    let (played, unanswered) = unanswered_while(&stage.cloud, "shop", stage.play(&words)).await;
    if played.exit != Exit::Done {
        return Err(played.said());
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    let spec = spec(&path);
    let faults = stage.cloud.world(|world| {
        world.enter("us-east-1");
        world.once_caught_up(|world| unlike(world, &spec))
    });
    let silent = stage.play(&words).await;
    match (faults.is_empty(), silent.changes().is_empty()) {
        (true, true) => Ok((played.said(), unanswered)),
        _ => Err(format!("{faults:?}\n{}\n{}", played.said(), silent.said())),
    }
}

#[test]
fn a_service_goes_to_spot_and_back_while_it_answers() {
    in_virtual_time(5, async || {
        let stage = usual(5);
        let before = ids(&stage.cloud);
        deploy(&stage, &web("")).await.unwrap();
        for (more, change) in [
            (WITH_BASE, "capacityProviderStrategy FARGATE → FARGATE_SPOT beyond 1 of FARGATE"),
            (AGAIN, "task definition: environment A"),
            (SPOT, "capacityProviderStrategy FARGATE_SPOT beyond 1 of FARGATE → FARGATE_SPOT"),
            ("", "capacityProviderStrategy FARGATE_SPOT → FARGATE"),
        ] {
            let (said, unanswered) = deploy(&stage, &web(more)).await.unwrap();
            assert!(said.contains(change), "{said}");
            assert_eq!(unanswered, 0, "{more}");
        }
        done(&stage, &["destroy", "--yes", "shop"]).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

#[test]
fn a_stack_is_born_on_spot_beside_instances_too() {
    let beside =
        "[service.jobs]\nimage = 'jobs:1'\nrun_on = 'instances'\ningress = 'none'\ncount = 1";
    for (seed, more) in [(1, WITH_BASE.to_owned()), (2, format!("{SPOT}\n{beside}"))] {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let before = ids(&stage.cloud);
            deploy(&stage, &web(&more)).await.unwrap();
            // Instances come or go, and those of Fargate stay.
            let other =
                if more.contains("jobs") { SPOT.to_owned() } else { format!("{SPOT}\n{beside}") };
            let (_folder, path) = written(&web(&other));
            let words = ["deploy", "--yes", "--file", &path, "--remove", "jobs"];
            let words = if more.contains("jobs") { &words[..] } else { &words[..4] };
            done(&stage, words).await;
            deploy(&stage, &web(&other)).await.unwrap();
            done(&stage, &["destroy", "--yes", "shop"]).await;
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

#[test]
fn what_aws_takes_back_is_replaced() {
    in_virtual_time(6, async || {
        let stage = usual(6);
        deploy(&stage, &web(WITH_BASE)).await.unwrap();
        let on_spot = |cloud: &Cloud| {
            cloud.world(|world| {
                world.enter("us-east-1");
                let all = tasks(world, "shop", "web");
                let spot =
                    all.iter().filter(|it| it.text("capacityProviderName") == "FARGATE_SPOT");
                spot.map(|it| it.text("taskArn").to_owned()).collect::<Vec<_>>()
            })
        };
        let [one, other] = &on_spot(&stage.cloud)[..] else { panic!("two tasks on Spot") };
        stage.cloud.world(|world| ecs::interrupt(world, one));
        tokio::time::sleep(Duration::from_mins(5)).await;
        let after = on_spot(&stage.cloud);
        assert!(after.len() == 2 && after.contains(other) && !after.contains(one), "{after:?}");
        assert_eq!(deploy(&stage, &web(WITH_BASE)).await.unwrap().1, 0);
    });
}

/// ECS starts nothing on demand in its place.
#[test]
fn a_lack_of_spot_capacity_is_told() {
    stage(Scenario { no_spot: true, ..Scenario::default() }, async |stage| {
        let (_folder, path) = written(&web(SPOT));
        let words = ["deploy", "--yes", "--file", &path, "--timeout", "20m"];
        let played = stage.play(&words).await;
        assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
        let said = played.said();
        let cause = said.lines().filter(|line| line.starts_with("cause:")).collect::<Vec<_>>();
        insta::assert_snapshot!(cause.join("\n"));
    });
}

/// What runs once would be lost with its place.
#[test]
fn what_runs_once_is_not_on_spot() {
    let commands = Command { code: 0, lines: &["done"], hangs: false };
    stage(Scenario { commands, ..Scenario::default() }, async |stage| {
        deploy(stage, &web("spot = true\nrelease.command = ['bin/migrate']")).await.unwrap();
        let played = stage.play(&["run", "web", "--stack", "shop", "--", "bin/report"]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        let once = stage.cloud.world(|world| {
            world.enter("us-east-1");
            let of = json!({ "cluster": "cluster-shop", "desiredStatus": "STOPPED" });
            let all = ecs::answer(world, "ListTasks", &of).unwrap_or_default().texts("taskArns");
            let of = json!({ "cluster": "cluster-shop", "tasks": all });
            ecs::answer(world, "DescribeTasks", &of).unwrap_or_default()
        });
        let once: Vec<_> = once
            .list("tasks")
            .iter()
            .filter(|it| it.text("startedBy").starts_with("ecsup-"))
            .collect();
        assert_eq!(once.len(), 2);
        assert!(once.iter().all(|it| it.text("capacityProviderName").is_empty()), "{once:?}");
    });
}

#[test]
fn it_is_written_back_and_not_lost_by_oversight() {
    in_virtual_time(7, async || {
        let stage = usual(7);
        deploy(&stage, &web(WITH_BASE)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", "shop", "--file", &other]).await;
        let text = std::fs::read_to_string(&other).unwrap();
        assert!(text.contains("spot = true\non_demand_base = 1"), "{text}");
        done(&stage, &["plan", "--exit-code", "--file", &other]).await;
        let flags =
            ["deploy", "--yes", "--pattern", "fargate-api", "--stack", "shop", "--count", "3"];
        let refused = stage.play(&flags).await;
        assert!(refused.said().contains("spot true → false"), "{}", refused.said());
        // Its price moves.
        let listed = done(&stage, &["list"]).await.recording.out.join("\n");
        assert!(listed.contains("tasks beside Fargate Spot"), "{listed}");
    });
}

/// A stack that was made without it, by whoever may do what is printed for its manifest.
#[test]
fn the_printed_policy_is_enough() {
    in_virtual_time(8, async || {
        let stage = usual(8);
        let (_folder, path) = written(&web(SPOT));
        let printed =
            done(&stage, &["permissions", "--file", &path]).await.recording.out.join("\n");
        stage.cloud.set_policy(Policy::parse(&printed).expect("a policy"));
        for more in ["", SPOT, ""] {
            deploy(&stage, &web(more)).await.unwrap();
        }
        done(&stage, &["destroy", "--yes", "shop"]).await;
        nothing_denied(&stage.cloud).unwrap();
    });
}

#[test]
fn whoever_dies_on_the_way_can_begin_again() {
    let ways = [("", WITH_BASE), (WITH_BASE, ""), (WITH_BASE, SPOT)];
    let dies = |number: u64| -> Result<(), String> {
        let (from, to) = ways[usize::try_from(number % 3).unwrap()];
        in_virtual_time(number, async || {
            let stage = usual(number);
            deploy(&stage, &web(from)).await?;
            let at = usize::try_from(number / 3).unwrap() * 3;
            let crash = Some(Crash { at, after: number.is_multiple_of(2) });
            let (_folder, path) = written(&web(to));
            let words = ["deploy", "--yes", "--file", &path];
            stage.cloud.set_faults(Faults { crash, ..Faults::default() });
            tokio::select! {
                _ = stage.play(&words) => {}
                () = stage.cloud.crashed() => {}
            }
            stage.cloud.set_faults(Faults::default());
            tokio::time::sleep(Duration::from_secs(30)).await;
            deploy(&stage, &web(to)).await.map(drop)
        })
        .map_err(|why| format!("{number}, `{from}` to `{to}`: {why}"))
    };
    let failed = on_all_processors(75, dies);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn what_cannot_be_is_refused() {
    in_virtual_time(9, async || {
        let stage = usual(9);
        for (more, why) in [
            ("run_on = 'instances'\nspot = true", "means nothing on instances"),
            ("on_demand_base = 2", "means nothing without `spot`"),
            ("spot = true\non_demand_base = -1", "on_demand_base"),
        ] {
            let (_folder, path) = written(&web(more));
            let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
            assert_eq!((played.exit, played.calls.len()), (Exit::Refused, 0), "{}", played.said());
            assert!(played.said().contains(why), "{why}: {}", played.said());
        }
    });
}
