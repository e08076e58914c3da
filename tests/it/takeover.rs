//! Stacks that earlier versions made are taken over as they are.
//!
//! A recording holds what a deploy of a version asked AWS to change, and what AWS answered. It is played
//! into a new world, in which nothing then tells that another version was at work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::scenario::Scenario;
use aws_sim::services;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use ecsup::spec::{Pattern, Route, Service, Unknown};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::many;
use crate::proofs::{deploy, destroy, expect, holds, ids, no_defects, nothing_left};

const SEED: u64 = 11;
const REGION: &str = "us-east-1";
const PATTERNS: [&str; 3] = ["internal-worker", "public-api", "fargate-api"];

/// A call that changed something.
#[derive(Debug, Serialize, Deserialize)]
struct Change {
    /// When it was sent, in milliseconds since the world began.
    at: u64,
    service: String,
    operation: String,
    input: Value,
    answer: Value,
}

impl Change {
    fn of(record: Record) -> Option<Self> {
        let answer = record.answer.clone().filter(|_| record.changes())?;
        let Record { at, service, operation, input, .. } = record;
        let at = u64::try_from(at.as_millis()).expect("not that long");
        Some(Self { at, service: service.to_owned(), operation, input, answer })
    }
}

fn path(version: &str, pattern: &str) -> PathBuf {
    let name = format!("{version}-{pattern}.json");
    [env!("CARGO_MANIFEST_DIR"), "tests/it/recordings", &name].iter().collect()
}

/// Makes the recordings of this version. Those that are there are never made anew: a later version would
/// write down itself.
#[test]
#[ignore = "writes files"]
fn record() {
    let version = std::env::var("ECSUP_RECORD_AS").expect("a version");
    for pattern in PATTERNS {
        let changes = in_virtual_time(SEED, async || {
            let stage = Stage { cloud: Cloud::new(SEED, Scenario::default()) };
            let deployed = stage.play(&deploy(&["--pattern", pattern])).await;
            expect(&deployed, Exit::Done, "deploy").unwrap();
            deployed.calls.into_iter().filter_map(Change::of).collect::<Vec<_>>()
        });
        let lines = changes.iter().map(|it| serde_json::to_string(it).expect("JSON"));
        let lines = format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"));
        std::fs::write(path(&version, pattern), lines).expect("a file");
    }
}

/// Plays a recording into a world. What AWS names otherwise this time is called so in later calls.
async fn replay(cloud: &Cloud, version: &str, pattern: &str) {
    let recorded = std::fs::read_to_string(path(version, pattern)).expect("a recording");
    let recorded: Vec<Change> = serde_json::from_str(&recorded).expect("a recording");
    let mut renamed = BTreeMap::new();
    for change in recorded {
        let at = Duration::from_millis(change.at);
        tokio::time::sleep(at.saturating_sub(cloud.now())).await;
        let input = rename(&change.input, &renamed);
        // What was sent before may have arrived a moment later.
        let answer = loop {
            let answer = cloud.world(|world| {
                world.enter(REGION);
                services::answer(world, &change.service, &change.operation, &input)
            });
            match answer {
                Ok(answer) => break answer,
                Err(refusal) if cloud.now() > at + Duration::from_secs(20) => {
                    panic!("{} {input}: {refusal:?}", change.operation)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        compare(&change.answer, &answer, &mut renamed);
    }
}

/// Finds the texts that differ in two answers of one form.
fn compare(recorded: &Value, now: &Value, renamed: &mut BTreeMap<String, String>) {
    match (recorded, now) {
        (Value::String(recorded), Value::String(now)) if recorded != now => {
            renamed.insert(recorded.clone(), now.clone());
        }
        (Value::Array(recorded), Value::Array(now)) => {
            recorded.iter().zip(now).for_each(|(recorded, now)| compare(recorded, now, renamed));
        }
        (Value::Object(recorded), Value::Object(now)) => {
            for (member, recorded) in recorded {
                now.get(member).into_iter().for_each(|now| compare(recorded, now, renamed));
            }
        }
        _ => {}
    }
}

fn rename(value: &Value, renamed: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => renamed.get(text).unwrap_or(text).as_str().into(),
        Value::Array(all) => all.iter().map(|it| rename(it, renamed)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, it)| (name.clone(), rename(it, renamed))).collect()
        }
        other => other.clone(),
    }
}

/// The version with one service and one load balancer, which named neither in what belongs to them.
const ONE_SERVICE: &str = "one-service";

#[test]
fn a_stack_of_one_service_is_taken_over_without_a_change() {
    for pattern in PATTERNS {
        let flags = ["--pattern", pattern];
        in_virtual_time(SEED, async || {
            let stage = Stage { cloud: Cloud::new(SEED, Scenario::default()) };
            let before = ids(&stage.cloud);
            replay(&stage.cloud, ONE_SERVICE, pattern).await;
            tokio::time::sleep(Duration::from_mins(10)).await;
            holds(&stage.cloud, &flags).await.unwrap();
            let there = ids(&stage.cloud);
            let again = stage.play(&deploy(&flags)).await;
            expect(&again, Exit::Done, "deploy").unwrap();
            assert_eq!(again.changes(), [""; 0], "{pattern}: {}", again.said());
            assert_eq!(ids(&stage.cloud), there);
            expect(&stage.play(&destroy(&flags)).await, Exit::Done, "destroy").unwrap();
            no_defects(&stage.cloud).unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

#[test]
fn a_second_service_beside_one_that_an_earlier_version_made_replaces_nothing() {
    for pattern in [Pattern::InternalWorker, Pattern::PublicApi, Pattern::FargateApi] {
        in_virtual_time(SEED, async || {
            let stage = Stage { cloud: Cloud::new(SEED, Scenario::default()) };
            let cloud = &stage.cloud;
            let before = ids(cloud);
            replay(cloud, ONE_SERVICE, pattern.name()).await;
            tokio::time::sleep(Duration::from_mins(10)).await;
            let there = many::nodes(cloud);

            let mut spec = many::preset(pattern, pattern.name());
            let second = many::named(&spec.services[0], "second");
            let route = Route { names: vec![], ..many::host("second.example.org") };
            let route = Some(route);
            let is_internal = second.internal.is_some();
            let internal = route.clone().filter(|_| is_internal);
            let public = route.filter(|_| !is_internal);
            spec.services.push(Service { internal, public, ..second });
            let changes = many::deploy(cloud, &spec).await;
            many::check_requests(cloud, &spec);
            let removals = ["Delete", "Update", "Modify", "Revoke", "Deregister"];
            let removals: Vec<_> = changes
                .iter()
                .map(|call| call.operation.as_str())
                .filter(|it| removals.iter().any(|verb| it.starts_with(verb)))
                .filter(|it| *it != "ModifyTargetGroupAttributes")
                .collect();
            assert_eq!(removals, [""; 0], "{pattern}");
            let both = many::nodes(cloud);
            assert!(there.iter().all(|(node, ids)| both.get(node) == Some(ids)), "{both:#?}");

            // And without the one that was first.
            let unknown = Unknown::Service(spec.services.remove(0).name);
            for ingress in [&mut spec.internal, &mut spec.public].into_iter().flatten() {
                assert_eq!(ingress.unknown, unknown);
                ingress.unknown = Unknown::Answer { status: 404, text: "not found".to_owned() };
            }
            many::deploy(cloud, &spec).await;
            many::check_requests(cloud, &spec);
            let rest = many::nodes(cloud);
            assert!(rest.iter().all(|(node, ids)| both.get(node) == Some(ids)), "{rest:#?}");
            expect(&stage.play(&["destroy", "--yes", pattern.name()]).await, Exit::Done, "destroy")
                .unwrap();
            nothing_left(cloud, &before).unwrap();
        });
    }
}
