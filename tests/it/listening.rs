//! Simulated AWS over a socket: another client's idea of the protocols, against ours.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use ecsup::sim::cloud::Cloud;
use ecsup::sim::listen::listen;
use ecsup::sim::scenario::Scenario;
use ecsup::sim::world::World;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::emulator;

#[test]
fn boto3_describes_everything_that_a_deploy_made() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/describe.py");
    let python = emulator::python();
    let (there, printed) = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let played = stage.play(&["deploy", "--yes", "--pattern", "internal-worker"]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        let there = stage.cloud.world(World::tagged);

        tokio::time::resume();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (done, ended) = oneshot::channel();
        let client = std::thread::spawn(move || {
            let _gone = done.send(Command::new(python).arg(script).arg(url).output().unwrap());
        });
        let output = tokio::select! {
            output = ended => output.unwrap(),
            error = listen(&stage.cloud, &listener) => panic!("{error}"),
        };
        client.join().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(stage.cloud.defects(), [""; 0]);
        (there, String::from_utf8(output.stdout).unwrap())
    });
    // Route 53 writes `/hostedzone/Z…`.
    let printed: BTreeSet<&str> =
        printed.lines().map(|line| line.trim_start_matches("/hostedzone/")).collect();
    let missing: Vec<_> = there
        .iter()
        .filter(|(kind, id, _)| kind != "network-interface" && !printed.contains(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "boto3 does not see {missing:#?}");
    assert!(there.len() > 25, "{there:#?}");
}

/// A stack that could not be deployed is what one wants to look at. Whoever runs the command in a script
/// ends it with SIGTERM.
#[test]
fn a_rehearsal_serves_what_came_of_it_until_it_is_told_to_end() {
    let words = ["rehearse", "--pattern", "fargate-api", "--scenario", "bad-image"];
    let mut served = Command::new(env!("CARGO_BIN_EXE_ecsup"))
        .args(words)
        .args(["--listen", "localhost:0"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(served.stdout.take().unwrap()).lines().map(Result::unwrap);
    let exports: Vec<String> = lines.take(3).collect();
    let words = exports.iter().flat_map(|line| line.split_whitespace());
    let environment = words.filter_map(|word| word.split_once('='));
    let listed = Command::new(env!("CARGO_BIN_EXE_ecsup"))
        .arg("list")
        .env_clear()
        .envs(environment)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).starts_with("fargate-api"), "{listed:?}");

    let told = Command::new("kill").args(["-TERM", &served.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = served.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("the deploy is incomplete, after "), "{said}");
    assert_eq!(ended.status.code(), Some(0), "{said}");
}
