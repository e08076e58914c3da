//! `deploy --force`: one new deployment of what is there, and no more than one.

use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::Faults;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};

use crate::stage::{FARGATE, deploy, stage};

/// Calls of `UpdateService`, and deployments that a service has had.
fn deployments(stage: &Stage, played: &Played) -> (usize, usize) {
    let updates = played.changes().iter().filter(|it| **it == "UpdateService").count();
    let events = stage.cloud.world(|world| {
        let input = serde_json::json!({ "cluster": "cluster-fargate-api", "services": ["web"] });
        aws_sim::ecs::answer(world, "DescribeServices", &input).expect("a service")
    });
    let events = events["services"][0]["events"].as_array().expect("events").clone();
    let done = |it: &&serde_json::Value| {
        it["message"].as_str().is_some_and(|it| it.contains("deployment completed"))
    };
    (updates, events.iter().filter(done).count())
}

#[test]
fn a_forced_deploy_starts_one_new_deployment() {
    stage(Scenario::default(), async |stage| {
        let first = deploy(stage, &FARGATE, &[]).await;
        assert_eq!(deployments(stage, &first), (0, 1));
        let again = deploy(stage, &FARGATE, &[]).await;
        assert!(again.said().contains("use `ecsup deploy --force`"), "{}", again.said());
        assert_eq!(again.changes(), [""; 0]);
        let forced = deploy(stage, &FARGATE, &["--force"]).await;
        assert_eq!(forced.exit, Exit::Done, "{}", forced.said());
        assert_eq!(deployments(stage, &forced), (1, 2));
        // What changes starts a deployment anyway.
        let pinned = format!("nginx@sha256:{}", "a".repeat(64));
        let changed = deploy(stage, &FARGATE, &["--force", "--image", &pinned]).await;
        assert_eq!(changed.exit, Exit::Done, "{}", changed.said());
        assert_eq!(deployments(stage, &changed), (1, 3));
        let pinned = deploy(stage, &FARGATE, &["--image", &pinned]).await;
        assert!(!pinned.said().contains("--force"), "a digest does not move: {}", pinned.said());
    });
}

#[test]
fn a_forced_deployment_whose_answer_is_lost_is_made_once() {
    let mut lost = 0;
    for seed in 0..12 {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            assert_eq!(deploy(&stage, &FARGATE, &[]).await.exit, Exit::Done);
            // From the moment on at which the lock is taken.
            let go_wrong = async {
                let before = stage.cloud.count();
                while !stage.cloud.calls_since(before).iter().any(Record::changes) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                let faults = Faults { lost: 0.1, late_server_error: 0.1, ..Faults::default() };
                stage.cloud.set_faults(faults);
            };
            let (forced, ()) = tokio::join!(deploy(&stage, &FARGATE, &["--force"]), go_wrong);
            assert_eq!(forced.exit, Exit::Done, "seed {seed}: {}", forced.said());
            assert_eq!(deployments(&stage, &forced).1, 2, "seed {seed}: {}", forced.said());
            let mut updates = forced.calls.iter().filter(|it| it.operation == "UpdateService");
            lost += usize::from(updates.any(|it| it.answer.is_none()));
        });
    }
    assert!(lost > 0, "no answer was lost, so nothing was shown");
}
