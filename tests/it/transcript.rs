//! The life of a stack that the README shows, played.

use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, in_virtual_time};

use crate::manifest::written;
use crate::stage::usual;

/// A command of the transcript, and what the README shows of what it says.
type Shown<'a> = (&'a str, Vec<&'a str>);

/// The manifest, and the commands with what is shown of each.
fn shown(readme: &str) -> (&str, Vec<Shown<'_>>) {
    let block = |from: &str| {
        let (_, rest) = readme.split_once(from)?;
        rest.split_once("\n```").map(|(block, _)| block)
    };
    let manifest = block("```toml\n").expect("a manifest");
    let mut commands: Vec<Shown<'_>> = Vec::new();
    for line in block("```text\n$ ecsup ").expect("a transcript").lines() {
        match (line.strip_prefix("$ ecsup "), commands.last_mut()) {
            (Some(words), _) => commands.push((words, Vec::new())),
            // The first one stands behind what the block was found by.
            (None, None) => commands.push((line, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
        }
    }
    (manifest, commands)
}

/// Everything that a command says, in lines as somebody sees them who has no terminal.
fn said(played: &Played) -> Vec<String> {
    let all = played.recording.lines.iter().chain(&played.recording.out);
    let all = all.flat_map(|it| it.lines().map(str::to_owned).collect::<Vec<_>>());
    all.map(|line| anstream::adapter::strip_str(&line).to_string()).collect()
}

/// What is shown is said, in this order, but for what `…` leaves out.
#[test]
fn the_life_that_the_readme_shows_goes_like_that() {
    let (manifest, commands) = shown(include_str!("../../README.md"));
    let (_folder, path) = written(manifest);
    let known: Vec<_> = commands.iter().map(|(words, _)| words.split(' ').next()).collect();
    let life = ["deploy", "verify", "deploy", "rollback", "destroy"].map(Some);
    assert_eq!(known, life, "the README shows another life");
    in_virtual_time(1, async || {
        let stage = usual(1);
        for (words, lines) in commands {
            let mut words: Vec<_> = words.split(' ').collect();
            if words[0] != "destroy" {
                words.extend(["--file", &path]);
            }
            let played = stage.play(&words).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            let said = said(&played);
            let mut left = said.iter();
            for line in lines.iter().filter(|line| !["", "…"].contains(&line.trim())) {
                let is_there = left.any(|said| said.trim_end() == line.trim_end());
                assert!(
                    is_there,
                    "the README shows `{line}`, which is not said:\n{}",
                    said.join("\n")
                );
            }
        }
        assert_eq!(stage.cloud.defects(), [""; 0]);
    });
}
