//! A run whose signs of life are not heard: whoever takes it for dead begins after it has stopped.

use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use tokio::time::{Instant, sleep};

use crate::proofs::holds;

// They begin to work within the two seconds that the other one waits.
const DEPLOY: &[&str] = &["deploy", "--yes", "--pattern", "internal-worker", "--skip-preflight"];
const WAITING: &[&str] = &["deploy", "--yes", "--pattern", "internal-worker", "--wait-for-lock"];

/// All writes to the first holder's parameter: its signs of life, and the mark of who takes over.
fn unheard(fault: Fault) -> Faults {
    let (operation, about) = ("PutParameter".to_owned(), "/lock/1\"".to_owned());
    Faults { only: Some(Only { operation, about, fault }), ..Faults::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// When a command told first of something but its lock.
fn began(played: &Played) -> Option<Instant> {
    let from = played.recording.counts_from?;
    let mut events = played.recording.events.iter();
    let first = events.find(|event| event.node.as_str() != "lock")?;
    Some(from + first.at)
}

/// What was changed, but for the lock, from the claim of the second epoch until a moment.
fn changed_meanwhile(stage: &Stage, until: Instant) -> Vec<String> {
    let until = stage.cloud.now().saturating_sub(until.elapsed());
    let calls = stage.cloud.calls();
    let is_claim = |call: &&Record| {
        call.operation == "PutParameter"
            && call.input["Name"].as_str().is_some_and(|it| it.ends_with("/lock/2"))
    };
    let claimed = calls.iter().find(is_claim).expect("somebody took over").at;
    let is_change = |call: &&Record| call.changes() && call.service != "ssm";
    let meanwhile = calls.iter().filter(|call| call.at > claimed && call.at < until);
    meanwhile.filter(is_change).map(|call| call.operation.clone()).collect()
}

/// A deploy whose signs of life go wrong from the third second on, for so long; and another one that
/// waits for its lock.
async fn two_deploys(stage: &Stage, fault: Fault, for_so_long: u64) -> (Played, Played) {
    let second = async {
        sleep(seconds(2)).await;
        stage.play(WAITING).await
    };
    let weather = async {
        sleep(seconds(3)).await;
        stage.cloud.set_faults(unheard(fault));
        sleep(seconds(for_so_long)).await;
        stage.cloud.set_faults(Faults::default());
    };
    let (first, second, ()) = tokio::join!(stage.play(DEPLOY), second, weather);
    (first, second)
}

#[test]
fn who_is_not_heard_has_stopped_before_another_begins() {
    // They never arrive; AWS answers with errors; they arrive and are never answered.
    for fault in [Fault::Reset, Fault::ServerError, Fault::Silent] {
        for seed in 0..6 {
            in_virtual_time(seed, async || {
                let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
                let (first, second) = two_deploys(&stage, fault, 26).await;
                let said =
                    format!("{fault:?}, seed {seed}: {}\n---\n{}", first.said(), second.said());
                assert_eq!(first.exit, Exit::DeployIncomplete, "{said}");
                // Where its signs arrive, it may learn of the other one first.
                let why = ["so it stopped", "so this run stopped"];
                assert!(why.iter().any(|why| first.said().contains(why)), "{said}");
                assert_eq!(second.exit, Exit::Done, "{said}");
                let began = began(&second).expect("it goes on");
                assert_eq!(changed_meanwhile(&stage, began), [""; 0], "two at work: {said}");
                holds(&stage.cloud, &DEPLOY[2..4]).await.unwrap();
            });
        }
    }
}

#[test]
fn who_cannot_tell_the_other_one_does_not_begin() {
    for seed in 0..6 {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            let before = stage.cloud.world(World::ids);
            let (first, second) = two_deploys(&stage, Fault::Reset, 120).await;
            assert_eq!(first.exit, Exit::DeployIncomplete, "{}", first.said());
            assert_eq!(second.exit, Exit::Failed, "{}", second.said());
            assert!(second.said().contains("failed to write to the lock"), "{}", second.said());
            assert_eq!(began(&second), None, "{}", second.said());
            assert_eq!(stage.play(WAITING).await.exit, Exit::Done);
            holds(&stage.cloud, &DEPLOY[2..4]).await.unwrap();
            let destroyed = stage.play(&["destroy", "--yes", "internal-worker"]).await;
            assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.said());
            let after = stage.cloud.world(World::ids);
            let left: Vec<_> =
                after.difference(&before).filter(|id| !id.contains("aws-service-role")).collect();
            assert!(left.is_empty(), "{left:?}");
        });
    }
}
