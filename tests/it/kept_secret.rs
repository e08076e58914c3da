//! What somebody keeps to himself is in nothing that a command prints.

use std::fs;

use aws_sim::scenario::{Command, Ending, Scenario};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage};

use crate::manifest::written;
use crate::stage::stage;

/// Stands in each value of a variable.
const OWN: &str = "swordfish";

fn manifest(image: &str, value: u8) -> String {
    format!(
        "stack = 'shop'\npattern = 'fargate-api'\n[service.web]\nimage = '{image}'\n\
         env = {{ PASSWORD = '{OWN}-{value}', OTHER = '{OWN}' }}\nrelease.command = ['migrate']\n\
         [service.web.sidecar.proxy]\nimage = 'envoy:1'\nessential = false\nenv.KEY = '{OWN}-proxy'\n"
    )
}

/// Checks all that a command has printed, and that it ended as it should.
fn says_nothing_of_it(words: &[&str], played: &Played, exit: Exit) {
    assert_eq!(played.exit, exit, "{words:?}: {}", played.said());
    let printed = played.recording.lines.iter().chain(&played.recording.out);
    let told: Vec<_> = printed.filter(|line| line.contains(OWN)).collect();
    assert!(told.is_empty(), "{words:?} prints {told:?}");
}

async fn play(stage: &Stage, words: &[&str], exit: Exit) {
    says_nothing_of_it(words, &stage.play(words).await, exit);
}

#[test]
fn no_command_prints_the_value_of_a_variable() {
    let commands = Command { code: 0, lines: &["done"], hangs: false };
    stage(Scenario { commands, ..Scenario::default() }, async |stage| {
        let (_folder, path) = written(&manifest("web:1", 1));
        let file = ["--file", &path];
        let with = |words: &[&'static str]| {
            let mut all: Vec<&str> = words.to_vec();
            all.extend(file);
            all
        };
        play(stage, &with(&["doctor"]), Exit::Done).await;
        play(stage, &with(&["plan"]), Exit::Done).await;
        play(stage, &with(&["deploy", "--yes"]), Exit::Done).await;
        // All of them have changed, and a new revision is there to go back from.
        fs::write(&path, manifest("web:2", 2)).unwrap();
        play(stage, &with(&["plan", "--exit-code"]), Exit::ChangesPending).await;
        play(stage, &with(&["config"]), Exit::Done).await;
        play(stage, &with(&["status", "shop"]), Exit::Done).await;
        play(stage, &with(&["status", "shop", "--output", "json"]), Exit::Done).await;
        play(stage, &with(&["deploy", "--yes"]), Exit::Done).await;
        for words in [
            &["list", "--output", "json"][..],
            &["explain", "shop", "--output", "json"],
            &["verify", "shop", "--output", "json"],
            &["scale", "web", "3", "--stack", "shop"],
            &["restart", "web", "--stack", "shop"],
            &["run", "web", "--stack", "shop", "--", "bin/report"],
            &["rollback", "web", "--stack", "shop", "--yes"],
            &["wait", "--stack", "shop"],
            &["logs", "web", "--stack", "shop"],
        ] {
            play(stage, words, Exit::Done).await;
        }
        // By flags alone they would go.
        let flags = ["deploy", "--yes", "--no-file", "--pattern", "fargate-api", "--stack", "shop"];
        play(stage, &flags, Exit::Refused).await;
        play(stage, &["destroy", "shop", "--dry-run"], Exit::Done).await;
        play(stage, &["destroy", "shop", "--yes"], Exit::Done).await;
    });
}

#[test]
fn nor_does_one_that_says_why_nothing_comes_up() {
    let ending = Some(Ending::exits(1, 5.0, &["cannot connect"]));
    stage(Scenario { ending, ..Scenario::default() }, async |stage| {
        let text = manifest("web:1", 1).replace("release.command = ['migrate']\n", "");
        let (_folder, path) = written(&text);
        play(stage, &["deploy", "--yes", "--file", &path], Exit::DeployIncomplete).await;
        play(stage, &["explain", "shop"], Exit::ChangesPending).await;
        play(stage, &["status", "shop"], Exit::Done).await;
    });
}
