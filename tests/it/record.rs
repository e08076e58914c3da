//! `--record`: each call to AWS is a line of a file, and nothing that somebody keeps to himself is in it.

use std::fs::{self, read_to_string};
use std::path::Path;

use aws_sim::cloud::Record;
use aws_sim::faults::Faults;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::Played;
use serde_json::Value;
use tempfile::TempDir;

use crate::manifest::written;
use crate::stage::{FARGATE, end, stage};

/// Stands in all that is somebody's own.
const OWN: &str = "swordfish";

const MANIFEST: &str = "
stack = 'shop'
tags = { owner = 'swordfish-1' }
[service.web]
run_on = 'fargate'
ingress = 'internal'
image = 'web:1'
env = { NAME = 'swordfish-2', family = 'swordfish-3' }
secrets.TOKEN = '/shop/token'
command = ['serve', 'swordfish-4']
permissions = [{ actions = ['s3:GetObject'], resources = ['arn:aws:s3:::swordfish-5/*'] }]
";

fn lines(path: &Path) -> Vec<Value> {
    let text = read_to_string(path).expect("the record");
    assert!(!text.contains(OWN), "{:?}", text.lines().find(|it| it.contains(OWN)));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Each call that reached the simulated AWS stands in the record once, with its outcome.
fn are_all_of(lines: &[Value], played: &[&Played]) {
    let mut noted: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().expect(name).to_owned();
            assert!(line["took_ms"].is_u64() && line["attempt"].is_u64(), "{line}");
            assert!(line["parameters"].is_object(), "{line}");
            assert!(text("time").ends_with('Z'), "{line}");
            let is_fine = line["status"].as_u64().is_some_and(|it| (200..300).contains(&it));
            let answered = is_fine && line["error"].is_null();
            (text("service"), text("operation"), answered)
        })
        .collect();
    let calls = played.iter().flat_map(|played| &played.calls);
    let mut made: Vec<_> = calls
        .map(|call| (call.service.to_owned(), call.operation.clone(), call.answer.is_some()))
        .collect();
    noted.sort();
    made.sort();
    assert_eq!(noted, made);
}

#[test]
fn each_call_is_a_line_and_nothing_secret_is_in_it() {
    stage(Scenario::default(), async |stage| {
        let folder = TempDir::new().expect("a folder");
        let record = folder.path().join("calls.jsonl");
        let (_folder, path) = written(MANIFEST);
        stage.cloud.world(|world| {
            world.enter("us-east-1");
            aws_sim::ssm::add(world, "/shop/token", "swordfish-6").expect("a parameter");
        });
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let record_flag = ["--record", record.to_str().expect("a path")];
        let play = async |words: &[&str]| {
            let played = stage.play(&[words, &record_flag].concat()).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            played
        };
        let deployed = play(&["deploy", "--yes", "--file", &path]).await;
        are_all_of(&lines(&record), &[&deployed]);
        let line = |operation: &str| {
            lines(&record).into_iter().find(|it| it["operation"] == operation).expect(operation)
        };
        let cluster = line("CreateCluster");
        assert_eq!(cluster["parameters"]["clusterName"], "cluster-shop");
        assert_eq!(cluster["parameters"]["tags"][1]["ecsup:stack"], "shop");
        assert_eq!((&cluster["region"], &cluster["attempt"]), (&"us-east-1".into(), &1.into()));
        assert!(cluster["request_id"].is_string(), "{cluster}");
        let definition = &line("RegisterTaskDefinition")["parameters"]["containerDefinitions"][0];
        assert_eq!(definition["image"], "web:1");
        assert_eq!(definition["environment"][0]["name"], "NAME");
        assert_eq!(definition["environment"][0]["value"], "<11 characters>");
        assert_eq!(line("CreateVpc")["parameters"]["CidrBlock"], "10.0.0.0/16");
        // Another command adds its own.
        let destroyed = play(&["destroy", "shop", "--yes"]).await;
        are_all_of(&lines(&record), &[&deployed, &destroyed]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&record).expect("the record").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    });
}

#[test]
fn what_went_wrong_on_the_way_is_in_it_too() {
    stage(Scenario::default(), async |stage| {
        stage.cloud.set_faults(Faults::rough());
        let folder = TempDir::new().expect("a folder");
        let record = folder.path().join("calls.jsonl");
        let record_flag = ["--record", record.to_str().expect("a path")];
        let played = stage.play(&[&FARGATE[..], &record_flag].concat()).await;
        let lines = lines(&record);
        are_all_of(&lines, &[&played]);
        let is_lost = |line: &&Value| line["status"].is_null() && line["error"].is_string();
        assert!(lines.iter().any(|line| is_lost(&line)));
        assert!(lines.iter().any(|line| line["attempt"] == 2));
    });
}

/// A run that dies has written down what it asked, the last call included.
#[test]
fn a_run_that_is_stopped_has_written_down_its_last_call() {
    stage(Scenario::default(), async |stage| {
        let folder = TempDir::new().expect("a folder");
        let record = folder.path().join("calls.jsonl");
        let words = ["ecsup", "--record", record.to_str().expect("a path")];
        let cli =
            ecsup::cli::Cli::read([&words[..], &FARGATE[..]].concat()).expect("a command line");
        let (played, died) = stage.run_until_crash(cli, 60).await;
        assert!(died);
        let lines = lines(&record);
        // What was on its way to AWS then is written down, too, and has never arrived.
        let (left, over): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line["error"] == "nobody waited for its answer");
        assert!(!left.is_empty());
        let is_missing = |call: &&Record| {
            let is_it = |line: &&&Value| line["operation"] == call.operation.as_str();
            over.iter().find(is_it).or_else(|| left.iter().find(is_it)).is_none()
        };
        let missing: Vec<_> = played.calls.iter().filter(is_missing).collect();
        assert!(missing.is_empty() && lines.len() >= played.calls.len(), "{missing:#?}");
    });
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_the_first_call() {
    stage(Scenario::default(), async |stage| {
        let folder = TempDir::new().expect("a folder");
        let folder = folder.path().to_str().expect("a path");
        let played = stage.play(&["list", "--record", folder]).await;
        assert_eq!((played.exit, played.calls.len()), (Exit::Refused, 0));
        let said = end(&played).replace(folder, "FOLDER");
        insta::assert_snapshot!(said);
        // Who asks no AWS has nothing to write down.
        let refused = stage.play(&["schema", "--record", folder]).await;
        assert!(refused.said().contains("--record means nothing to `ecsup schema`"));
    });
}

/// A disk that is full keeps no deploy from its work.
#[cfg(target_os = "linux")]
#[test]
fn a_record_that_cannot_go_on_is_only_warned_of() {
    stage(Scenario::default(), async |stage| {
        let played = stage.play(&["list", "--record", "/dev/full"]).await;
        assert_eq!(played.exit, Exit::Done);
        assert!(played.said().contains("--record: /dev/full ends too early"), "{}", played.said());
    });
}
