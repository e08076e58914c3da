//! Deploys on a simulated account, for tests of what they say and how long they wait.

use aws_sim::cloud::Cloud;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};

pub const INTERNAL: [&str; 4] = ["deploy", "--yes", "--pattern", "internal-worker"];
pub const FARGATE: [&str; 4] = ["deploy", "--yes", "--pattern", "fargate-api"];

/// Plays in a world of its own.
pub fn stage<T>(scenario: Scenario, play: impl AsyncFnOnce(&Stage) -> T) -> T {
    in_virtual_time(7, async || {
        let stage = Stage { cloud: Cloud::new(7, scenario) };
        let played = play(&stage).await;
        assert_eq!(stage.cloud.defects(), [""; 0]);
        played
    })
}

/// The usual world of a seed.
pub fn usual(seed: u64) -> Stage {
    Stage { cloud: Cloud::new(seed, Scenario::default()) }
}

/// Plays a command that has to succeed, in a simulator without defects.
pub async fn done<W: AsRef<str>>(stage: &Stage, words: &[W]) -> Played {
    let played = stage.play(words).await;
    assert_eq!(played.exit, Exit::Done, "{}", played.said());
    assert_eq!(stage.cloud.defects(), [""; 0]);
    played
}

pub async fn deploy(stage: &Stage, flags: &[&str], more: &[&str]) -> Played {
    stage.play(&[flags, more].concat()).await
}

/// How a deploy ended: its last lines, from the one that says so.
pub fn end(played: &Played) -> String {
    let said = played.said();
    said.find("error: ").map_or(said.clone(), |from| said[from..].to_owned())
}
