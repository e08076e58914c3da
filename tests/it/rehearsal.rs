//! What `ecsup rehearse` prints.

use serde_json::Value;

use crate::command_line::{AT_ONCE, run};
use crate::world::exit;

fn rehearse(more: &[&str]) -> crate::world::Outcome {
    let words = [&["rehearse", "--pattern", "internal-worker"], more].concat();
    run(&words, |_| {}, AT_ONCE * 6)
}

/// The README's first example is what is printed, but for what `…` leaves out.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = include_str!("../../README.md");
    let (_, sample) =
        readme.split_once("$ cargo run -- rehearse --pattern internal-worker\n").unwrap();
    let (sample, _) = sample.split_once("```").unwrap();
    let outcome = rehearse(&[]);
    let printed = format!("{}{}", outcome.stderr, outcome.stdout);
    let mut printed = printed.lines();
    for line in sample.lines().filter(|line| line.trim() != "…" && !line.trim().is_empty()) {
        let is_there = printed.by_ref().any(|other| other == line);
        assert!(is_there, "the README shows `{line}`, which is not printed:\n{}", outcome.report());
    }
}

#[test]
fn a_death_is_an_act_of_its_own() {
    let outcome = rehearse(&["--crash-at", "60", "--output", "json"]);
    let played: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let acts = played["commands"].as_array().unwrap();
    let read = |name: &str| acts.iter().map(|act| act[name].clone()).collect::<Vec<_>>();
    let titles = ["deploy", "deploy", "deploy again", "deploy with one more --env", "destroy"];
    assert_eq!(read("command"), titles);
    assert_eq!(read("outcome"), ["died", "done", "done", "done", "done"]);
    assert_eq!(acts[0]["died_at"]["call"], 60);
    // Others may be on their way at that very moment.
    assert!(acts[0]["calls"].as_u64() >= Some(60), "{}", acts[0]["calls"]);
    for act in acts {
        let phases = act["phases"].as_object().unwrap().values();
        let sum: u64 = phases.map(|calls| calls.as_u64().unwrap()).sum();
        assert_eq!(sum, act["calls"].as_u64().unwrap(), "{act}");
    }
    assert!(acts[4]["phases"]["audit"].as_u64() > Some(20), "{}", acts[4]["phases"]);
    assert_eq!(played["left"].as_array().unwrap().len(), 0);
}

#[test]
fn throttling_is_told() {
    let outcome = rehearse(&["--scenario", "throttled"]);
    assert!(outcome.stdout.contains(" throttled and repeated"), "{}", outcome.report());
}

/// To the last byte, whenever it is played.
#[test]
fn the_same_seed_plays_the_same() {
    for more in [&[][..], &["--crash-at", "60"], &["--faults", "rough", "--crash-at", "30"]] {
        let words = [&["--seed", "5", "--output", "json"], more].concat();
        let [one, other] = [rehearse(&words), rehearse(&words)];
        assert!(!one.stdout.is_empty(), "{}", one.report());
        assert!(one.stdout == other.stdout, "{more:?} differs");
    }
}

#[test]
fn faults_are_met_and_told() {
    let outcome = rehearse(&["--faults", "rough"]);
    assert!(outcome.stderr.contains("calls go wrong on their way"), "{}", outcome.report());
    assert!(outcome.stdout.contains(" throttled and repeated"), "{}", outcome.report());
}

/// With what `ecsup permissions` prints everything passes, and with the part for looking nothing is made.
#[test]
fn a_policy_is_what_the_caller_may_do() {
    let home = tempfile::TempDir::new().unwrap();
    let path = home.path().join("policy.json");
    let with = |policy: &str| {
        std::fs::write(&path, policy).unwrap();
        rehearse(&["--policy", path.to_str().unwrap(), "--output", "json"])
    };
    let printed = |more: &[&str]| run(&[&["permissions"], more].concat(), |_| {}, AT_ONCE).stdout;

    let played: Value = serde_json::from_str(&with(&printed(&[])).stdout).unwrap();
    assert_eq!(played["commands"][0]["outcome"], "done");
    let played: Value = serde_json::from_str(&with(&printed(&["--part", "read"])).stdout).unwrap();
    assert_ne!(played["commands"][0]["outcome"], "done");
    let said = played["commands"][0]["said"].to_string();
    assert!(said.contains("not authorized to perform"), "{said}");

    for (policy, why) in [
        ("{", "EOF while parsing"),
        (r#"{"Version":"2008-10-17","Statement":[]}"#, "Version"),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"*","Resource":"*"}}"#,
            "NotAction: nothing that the simulator knows",
        ),
    ] {
        let outcome = with(policy).expect_code(exit::USAGE);
        assert!(outcome.stderr.contains("--policy"), "{}", outcome.report());
        assert!(outcome.stderr.contains(why), "{}", outcome.report());
        assert_eq!(outcome.stdout, "");
    }
    let outcome = rehearse(&["--policy", "/nowhere/policy.json"]).expect_code(exit::USAGE);
    assert!(outcome.stderr.contains("cannot be read: "), "{}", outcome.report());
}

/// What a manifest takes for granted is there in a rehearsal, too: zones, secrets and certificates.
#[test]
fn what_somebody_else_has_to_make_is_there() {
    for example in ["own-domain", "secrets", "https", "discovery"] {
        let path = format!("{}/examples/{example}.toml", env!("CARGO_MANIFEST_DIR"));
        run(&["rehearse", "--file", &path], |_| {}, AT_ONCE * 6).expect_code(exit::DONE);
    }
}
