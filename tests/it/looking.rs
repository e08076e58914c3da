//! `ecsup status` and `ecsup logs` in a simulated account. Neither changes anything. Of logs, what is shown is
//! what was written, no line twice and none lost.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_sim::ecs;
use aws_sim::faults::{Crash, Fault, Faults, Only};
use aws_sim::logs::{self, Written};
use aws_sim::policy::Policy;
use aws_sim::scenario::{Scenario, named};
use ecsup::cli::rehearse::{Played, Stage, sdk_config};
use ecsup::cli::{Cli, Exit, run_on_screen};
use ecsup::ui::Screen;
use serde_json::{Value, json};

use crate::listening::serving;
use crate::many;
use crate::proofs::{nothing_denied, play_until_crash};
use crate::stage::{FARGATE, INTERNAL, done, stage, usual};
use crate::world::bare_command;

const REGION: &str = "us-east-1";

/// A line as it is shown or as it was written: when, whose, in which task, what.
type Line = (String, String, String, String);

fn line(it: &Written) -> Line {
    let at = jiff::Timestamp::from_millisecond(it.at).expect("a moment");
    let mut parts = it.stream.split('/');
    let service = parts.next().expect("a service").to_owned();
    let task = parts.next_back().expect("a task").to_owned();
    (format!("{at:.3}"), service, task, it.text.clone())
}

/// What the containers have written between two moments, in milliseconds since 1970.
fn written(stage: &Stage, between: std::ops::Range<i64>) -> Vec<Line> {
    let all = stage.cloud.world(|world| logs::written(world));
    all.iter().filter(|it| between.contains(&it.at)).map(line).collect()
}

/// The lines that were printed as JSON.
fn shown(out: &[String]) -> Vec<Line> {
    let text = |value: &Value, name: &str| value[name].as_str().expect("a text").to_owned();
    let lines = out.iter().map(|line| serde_json::from_str(line).expect("an object"));
    let lines = lines.map(|it: Value| {
        assert_eq!(it["container"], it["service"]);
        (text(&it, "time"), text(&it, "service"), text(&it, "task"), text(&it, "message"))
    });
    lines.collect()
}

/// Now, in milliseconds since 1970.
fn now(stage: &Stage) -> i64 {
    let seconds = i64::try_from(stage.cloud.date()).expect("a date");
    seconds * 1000
}

async fn pause(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Only looks.
fn changes_nothing(played: &Played) {
    assert_eq!(played.changes(), [""; 0]);
}

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines
}

/// Follows the logs of a stack while something happens to it, and then ends. Returns the lines of stdout
/// and those for people.
async fn follow(stage: &Stage, words: &[&str], happens: impl Future<Output = ()>) -> Recorded {
    let mut cli = Cli::read([&["ecsup", "logs", "--follow", "--output", "json"], words].concat())
        .expect("it is right");
    cli.global.instead_of_aws = Some(sdk_config(&stage.cloud, REGION));
    let screen = Screen::recording();
    let exit = tokio::select! {
        exit = run_on_screen(&cli, &screen) => Some(exit),
        () = happens => None,
    };
    let recorded = screen.recorded();
    Recorded { exit, lines: shown(&recorded.out), said: recorded.lines }
}

struct Recorded {
    exit: Option<Exit>,
    lines: Vec<Line>,
    said: Vec<String>,
}

/// Ends a task of a service, which writes some last words.
fn kill(stage: &Stage, cluster: &str, service: &str) {
    stage.cloud.world(|world| {
        world.enter(REGION);
        let list = json!({ "cluster": cluster, "serviceName": service });
        let tasks = ecs::answer(world, "ListTasks", &list).expect("tasks");
        let arn = tasks["taskArns"][0].as_str().expect("a task").to_owned();
        let id = arn.rsplit('/').next().expect("an id");
        let (group, stream) = logs_of(cluster, service, id);
        logs::put(world, &group, &stream, &["fatal: no memory", "fatal: no memory", "bye"]);
        let stop = json!({ "cluster": cluster, "task": arn });
        ecs::answer(world, "StopTask", &stop).expect("it stops");
    });
}

fn logs_of(cluster: &str, service: &str, task: &str) -> (String, String) {
    let stack = cluster.trim_start_matches("cluster-");
    (format!("/ecsup/{stack}/{service}"), format!("{service}/{service}/{task}"))
}

#[test]
fn logs_of_all_services_are_one_in_their_order() {
    stage(Scenario::default(), async |stage| {
        many::deploy(&stage.cloud, &many::shop()).await;
        pause(60).await;
        kill(stage, "cluster-shop", "users");
        pause(120).await;
        let (since, until) = (now(stage) - 3600 * 1000, now(stage) - 6000);
        let words = ["logs", "--stack", "shop", "--since", "1h", "--output", "json"];
        let played = done(stage, &words).await;
        changes_nothing(&played);
        let lines = shown(&played.recording.out);
        let wanted = written(stage, since..until);
        let services: BTreeSet<_> = wanted.iter().map(|it| it.1.as_str()).collect();
        assert_eq!(services.len(), 3);
        assert!(wanted.iter().any(|it| it.3 == "bye"), "the task that has ended is there");
        assert!(lines.is_sorted_by_key(|it| &it.0), "in order of time");
        let (head, tail) = lines.split_at(wanted.len());
        assert_eq!(sorted(head.to_vec()), sorted(wanted.clone()));
        let newest = &wanted.last().expect("some").0;
        assert!(tail.iter().all(|it| it.0 >= *newest), "what came meanwhile");

        // One service, one task, some words.
        let task = wanted.iter().find(|it| it.3 == "bye").map(|it| it.2.clone()).expect("it");
        let words = ["logs", "users", "--stack", "shop", "--since", "1h", "--output", "json"];
        let of_task = [&words[..], &["--task", &task[..8]]].concat();
        let of_task = shown(&done(stage, &of_task).await.recording.out);
        let wanted = sorted(wanted.into_iter().filter(|it| it.2 == task).collect());
        assert_eq!(sorted(of_task), wanted);
        let fatal = [&words[..], &["--grep", "fatal"]].concat();
        let fatal = shown(&done(stage, &fatal).await.recording.out);
        let fatal: Vec<_> = fatal.into_iter().map(|it| it.3).collect();
        assert_eq!(
            fatal,
            ["fatal: no memory", "fatal: no memory"],
            "what is said twice is shown twice"
        );
        // As a person sees it.
        let words = ["logs", "users", "--stack", "shop", "--since", "1h", "--grep", "bye"];
        let played = done(stage, &words).await;
        assert_eq!(played.recording.out.len(), 1);
        let text = anstream::adapter::strip_str(&played.recording.out[0]).to_string();
        assert!(text.ends_with(&format!("users/{} bye", &task[..8])), "{text}");
        assert!(played.said().starts_with("read the logs of stack shop\n"), "{}", played.said());
    });
}

/// What is followed, while tasks end and others begin: all lines that were written, each once.
async fn followed(stage: &Stage, minutes: u64) -> Recorded {
    many::deploy(&stage.cloud, &many::shop()).await;
    pause(30).await;
    let since = now(stage) - 20_000;
    let start = jiff::Timestamp::from_millisecond(since).expect("a moment").to_string();
    let happens = async {
        for _ in 0..minutes {
            for service in ["users", "web", "orders"] {
                pause(20).await;
                kill(stage, "cluster-shop", service);
            }
        }
        // What was written last may take some rounds.
        pause(60).await;
    };
    let recorded = follow(stage, &["--stack", "shop", "--since", &start], happens).await;
    assert_eq!(recorded.exit, None, "{:?}", recorded.said);
    let until = now(stage) - 60_000;
    let wanted = sorted(written(stage, since..until));
    let last = jiff::Timestamp::from_millisecond(until).expect("a moment");
    let last = format!("{last:.3}");
    let lines: Vec<_> = recorded.lines.iter().filter(|it| it.0 < last).cloned().collect();
    assert!(wanted.len() > 50, "{}", wanted.len());
    assert!(wanted.iter().filter(|it| it.3 == "bye").count() > 5);
    let twice = lines.len() - lines.iter().collect::<BTreeSet<_>>().len();
    // A container may say the same twice.
    assert_eq!(twice, wanted.len() - wanted.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(sorted(lines), wanted);
    recorded
}

#[test]
fn who_follows_sees_each_line_once_and_in_its_order() {
    stage(Scenario::default(), async |stage| {
        let from = stage.cloud.count();
        let recorded = followed(stage, 4).await;
        assert!(recorded.lines.is_sorted_by_key(|it| &it.0), "in order of time");
        // No more than five requests in any second, whatever else there is.
        let calls = stage.cloud.calls_since(from);
        let reads = calls.iter().filter(|it| it.operation == "FilterLogEvents");
        let sent: Vec<_> = reads.map(|it| it.at).collect();
        assert!(sent.len() > 100, "{}", sent.len());
        let second = Duration::from_secs(1);
        assert!(sent.windows(6).all(|six| six[5].saturating_sub(six[0]) >= second));
    });
}

#[test]
fn no_line_is_lost_where_aws_takes_few_requests_and_shows_one_line_at_a_time() {
    let scenario = Scenario { throttle: 5, pages_of_one: true, ..Scenario::default() };
    stage(scenario, async |stage| {
        followed(stage, 3).await;
        let refused =
            stage.cloud.calls().into_iter().filter(|it| it.operation == "FilterLogEvents");
        assert!(refused.count() > 100);
    });
}

#[test]
fn no_line_is_lost_on_a_rough_day() {
    for seed in 0..4 {
        ecsup::cli::rehearse::in_virtual_time(seed, async || {
            let stage = usual(seed);
            many::deploy(&stage.cloud, &many::shop()).await;
            let faults = Faults { throttle: 0.2, server_error: 0.1, ..Faults::rough() };
            stage.cloud.set_faults(faults);
            let since = now(&stage) - 60_000;
            let happens = async {
                for service in ["users", "web", "orders"] {
                    pause(60).await;
                    kill(&stage, "cluster-shop", service);
                }
                pause(30).await;
                stage.cloud.set_faults(Faults::default());
                pause(120).await;
            };
            let recorded = follow(&stage, &["--stack", "shop", "--since", "1m"], happens).await;
            assert_eq!(recorded.exit, None, "{:?}", recorded.said);
            let until = now(&stage) - 60_000;
            // It began to look some seconds later than this did.
            let first = recorded.lines.first().expect("a line").0.clone();
            let mut wanted = written(&stage, since..until);
            wanted.retain(|it| it.0 >= first);
            let last = wanted.last().expect("a line").0.clone();
            let lines: Vec<_> = recorded.lines.into_iter().filter(|it| it.0 <= last).collect();
            assert_eq!(sorted(lines), sorted(wanted), "seed {seed}");
        });
    }
}

/// For three minutes AWS takes no request.
#[test]
fn a_failure_that_passes_is_told_once_and_nothing_is_lost() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        pause(60).await;
        let since = now(stage) - 50_000;
        let happens = async {
            pause(30).await;
            let operation = "FilterLogEvents".to_owned();
            let only = Only { operation, about: String::new(), fault: Fault::Throttle };
            stage.cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            pause(180).await;
            stage.cloud.set_faults(Faults::default());
            pause(180).await;
        };
        let recorded = follow(stage, &["--stack", "fargate-api", "--since", "40s"], happens).await;
        assert_eq!(recorded.exit, None, "{:?}", recorded.said);
        let told = recorded.said.iter().filter(|it| it.starts_with("warning: failed to read"));
        assert_eq!(told.count(), 1, "{:?}", recorded.said);
        let first = recorded.lines.first().expect("a line").0.clone();
        let mut wanted = written(stage, since..now(stage) - 60_000);
        wanted.retain(|it| it.0 >= first);
        let last = wanted.last().expect("a line").0.clone();
        let lines: Vec<_> = recorded.lines.into_iter().filter(|it| it.0 <= last).collect();
        assert!(lines.len() > 50, "{}", lines.len());
        assert_eq!(sorted(lines), sorted(wanted));
    });
}

#[test]
fn following_ends_when_the_last_group_is_gone() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let happens = async {
            pause(30).await;
            let group = json!({ "logGroupName": "/ecsup/fargate-api/web" });
            let gone = stage.cloud.world(|world| logs::answer(world, "DeleteLogGroup", &group));
            gone.expect("it goes");
            pause(600).await;
        };
        let recorded = follow(stage, &["--stack", "fargate-api"], happens).await;
        assert_eq!(recorded.exit, Some(Exit::Done));
        let said: Vec<_> = recorded.said.iter().skip(1).collect();
        assert_eq!(said, ["the log group of `web` is gone", "there is nothing left to follow"]);
        assert!(!recorded.lines.is_empty());
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_what_there_is() {
    stage(Scenario::default(), async |stage| {
        let refused = async |words: &[&str]| {
            let played = stage.play(words).await;
            assert_eq!(played.exit, Exit::Refused, "{}", played.said());
            changes_nothing(&played);
            let said = played.said();
            let from = said.find("error: ").expect("an error");
            (said[from..].to_owned(), played.calls.len())
        };
        // Before anybody is asked.
        for words in [
            ["logs", "--since", "soon"],
            ["logs", "--since", "0s"],
            ["logs", "--task", "../.."],
            ["logs", "--grep", ""],
            ["logs", "--output", "xml"],
            ["logs", "--stack", "a b"],
        ] {
            let (said, calls) = refused(&words).await;
            assert_eq!(calls, 0, "{said}");
            assert!(words[1] == "--stack" || said.contains(words[1]), "{said}");
        }
        done(stage, &FARGATE).await;
        let of = ["logs", "--stack", "fargate-api"];
        let (said, _) = refused(&["logs", "--stack", "fargate-app"]).await;
        insta::assert_snapshot!(said, @r"
        error: there is no stack `fargate-app` in us-east-1
        hint: there is `fargate-api`: if you mean that one, name it
        ");
        let (said, _) = refused(&[&of[..], &["wbe"]].concat()).await;
        insta::assert_snapshot!(said, @r"
        error: the stack `fargate-api` has no service `wbe`; did you mean `web`?
        hint: it has web
        ");
        let (said, _) = refused(&[&of[..], &["--task", "ffffffff"]].concat()).await;
        insta::assert_snapshot!(said, @r"
        error: --task ffffffff: no task whose id begins like this has written anything
        hint: each line of `ecsup logs` shows after its service how the id of its task begins; `--since 1d` shows older ones
        ");
        let group = json!({ "logGroupName": "/ecsup/fargate-api/web" });
        let gone = stage.cloud.world(|world| logs::answer(world, "DeleteLogGroup", &group));
        gone.expect("it goes");
        let (said, _) = refused(&[&of[..], &["web"]].concat()).await;
        insta::assert_snapshot!(said, @r"
        error: the log group `/ecsup/fargate-api/web` of `web` is not there
        hint: a deploy makes it again
        ");
    });
}

/// The parts that `docs/looking.md` names are enough, and the second is needed.
#[test]
fn logs_take_the_parts_read_and_logs() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        pause(60).await;
        let task = stage.cloud.world(|world| logs::written(world)).pop().expect("a line").stream;
        let task = task.rsplit('/').next().expect("an id").to_owned();
        let mut statements = Vec::new();
        for part in ["read", "logs"] {
            let words = ["permissions", "--part", part, "--stack", "fargate-api"];
            let printed = done(stage, &words).await.recording.out.join("\n");
            let printed: Value = serde_json::from_str(&printed).expect("a policy");
            statements.extend(printed["Statement"].as_array().expect("statements").clone());
            let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            stage.cloud.set_policy(Policy::parse(&policy).expect("a policy"));
            let words = ["logs", "--stack", "fargate-api", "--task", &task];
            let played = stage.play(&words).await;
            if part == "read" {
                assert_eq!(played.exit, Exit::Failed);
                let said = played.said();
                assert!(said.contains("logs:DescribeLogStreams"), "{said}");
                assert!(said.contains("--part logs"), "{said}");
            } else {
                assert_eq!(played.exit, Exit::Done, "{}", played.said());
                assert!(!played.recording.out.is_empty());
                assert!(nothing_denied(&stage.cloud).is_err(), "of the first attempt");
            }
        }
    });
}

/// What a command printed, as a person without colours sees it.
fn printed(played: &Played) -> String {
    let lines = played.recording.out.iter();
    let lines = lines.map(|it| anstream::adapter::strip_str(it).to_string());
    let lines: Vec<_> = lines.map(|it| without_process(&it)).collect();
    lines.join("\n")
}

/// A line without who holds the lock on which machine.
fn without_process(line: &str) -> String {
    match (line.find(" on "), line.find(" (deploy since")) {
        (Some(from), Some(to)) if line.starts_with("lock ") => {
            format!("{}{}", &line[..from], &line[to..])
        }
        _ => line.to_owned(),
    }
}

/// How a stack is, as JSON.
async fn status(stage: &Stage, stack: &str) -> Value {
    let played = done(stage, &["status", stack, "--output", "json"]).await;
    changes_nothing(&played);
    serde_json::from_str(&played.recording.out.join("\n")).expect("an object")
}

#[test]
fn a_stack_of_several_services_on_instances() {
    stage(Scenario::default(), async |stage| {
        many::deploy(&stage.cloud, &many::article()).await;
        pause(60).await;
        let played = done(stage, &["status", "main"]).await;
        changes_nothing(&played);
        // The page about it shows the same.
        let page = include_str!("../../docs/looking.md");
        assert!(page.contains(&printed(&played)), "{}", printed(&played));
        assert!((40..70).contains(&played.calls.len()), "{}", played.calls.len());
        let json = format!("{:#}", status(stage, "main").await);
        insta::assert_snapshot!("a_stack_as_json", json);
        // What is shown is what the world has.
        let free = stage.cloud.world(|world| {
            world.enter(REGION);
            let cluster = json!({ "cluster": "cluster-main" });
            let list = ecs::answer(world, "ListContainerInstances", &cluster).expect("instances");
            let all = json!({
                "cluster": "cluster-main", "containerInstances": list["containerInstanceArns"],
            });
            ecs::answer(world, "DescribeContainerInstances", &all).expect("instances")
        });
        let free = free["containerInstances"].as_array().expect("instances").iter();
        let free: BTreeSet<_> = free.map(|it| it["ec2InstanceId"].clone().to_string()).collect();
        let told = status(stage, "main").await;
        let told = told["instances"].as_array().expect("instances").iter();
        let told: BTreeSet<_> = told.map(|it| it["id"].clone().to_string()).collect();
        assert_eq!(told, free);
    });
}

/// The part `read` of the policy is enough.
#[test]
fn status_takes_the_part_read() {
    stage(Scenario::default(), async |stage| {
        many::deploy(&stage.cloud, &many::jobs()).await;
        let words = ["permissions", "--part", "read"];
        let policy = done(stage, &words).await.recording.out.join("\n");
        stage.cloud.set_policy(Policy::parse(&policy).expect("a policy"));
        let told = status(stage, "jobs").await;
        assert_eq!(told["services"].as_array().map(Vec::len), Some(2));
        nothing_denied(&stage.cloud).expect("nothing is denied");
    });
}

/// It is looked at twice in each minute while a deploy and a destroy go on.
#[test]
fn a_stack_that_comes_and_goes_is_told_as_it_is() {
    stage(Scenario::default(), async |stage| {
        let (mut seen, mut locked, mut waits) = (Vec::new(), 0, BTreeSet::new());
        let happens = async {
            done(stage, &INTERNAL).await;
            pause(60).await;
            done(stage, &["destroy", "--yes", "internal-worker"]).await;
        };
        let looks = async {
            loop {
                pause(15).await;
                let played = stage.play(&["status", "internal-worker", "--output", "json"]).await;
                if played.exit != Exit::Done {
                    assert!(played.said().contains("there is no stack `internal-worker`"));
                    break;
                }
                let told: Value = serde_json::from_str(&played.recording.out[0]).expect("it");
                locked += usize::from(!told["lock"].is_null());
                waits.extend(told["waits"].as_object().expect("an object").keys().cloned());
                let service = told["services"].as_array().expect("services").first().cloned();
                let state = service.map_or(json!("none"), |it| it["state"].clone());
                if seen.last() != Some(&state) {
                    seen.push(state);
                }
            }
        };
        futures::future::join(happens, looks).await;
        assert_eq!(seen, ["none", "deploying", "steady", "leaving", "none"]);
        assert!(locked > 5, "{locked}");
        assert!(waits.contains("load-balancer"), "{waits:?}");
    });
}

#[test]
fn a_stack_that_is_half_there_is_told_as_it_is() {
    stage(Scenario::default(), async |stage| {
        let crash = Some(Crash { at: 90, after: true });
        stage.cloud.set_faults(Faults { crash, ..Faults::default() });
        let deploy = [&FARGATE[..], &["--skip-preflight"]].concat();
        assert!(play_until_crash(stage, &deploy).await.is_none(), "it dies");
        stage.cloud.set_faults(Faults::default());
        pause(600).await;
        let played = done(stage, &["status", "fargate-api"]).await;
        changes_nothing(&played);
        insta::assert_snapshot!(printed(&played));
    });
}

#[test]
fn what_is_wrong_is_told_first() {
    let scenario = named("bad-image").expect("a scenario").scenario();
    stage(scenario, async |stage| {
        let deployed = stage.play(&FARGATE).await;
        assert_eq!(deployed.exit, Exit::DeployIncomplete);
        let played = done(stage, &["status", "fargate-api"]).await;
        insta::assert_snapshot!(printed(&played));
    });
}

#[test]
fn targets_that_do_not_answer_are_told() {
    let scenario = named("failing-health-check").expect("a scenario").scenario();
    stage(scenario, async |stage| {
        // The deploy dies, so that whatever is called is called by the status.
        tokio::select! {
            _ = stage.play(&FARGATE) => panic!("it takes longer"),
            () = pause(270) => {}
        }
        let told = status(stage, "fargate-api").await;
        assert_eq!(told["services"][0]["targets"]["healthy"], 0, "{told:#}");
        let problems = told["services"][0]["problems"].to_string();
        assert!(problems.contains("Health checks failed"), "{told:#}");
    });
}

#[test]
fn what_a_manifest_would_change_is_counted() {
    stage(Scenario::default(), async |stage| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ecsup.toml");
        let name = path.display().to_string();
        let write = |count: u32| {
            let text = format!(
                "stack = \"shop\"\npattern = \"fargate-api\"\n\n[service.web]\nimage = \"nginx\"\ncount = {count}\n"
            );
            std::fs::write(&path, text).expect("a file");
        };
        write(1);
        done(stage, &["deploy", "--yes", "--file", &name]).await;
        let manifest = async || {
            let played = done(stage, &["status", "--file", &name, "--output", "json"]).await;
            changes_nothing(&played);
            let told: Value = serde_json::from_str(&played.recording.out[0]).expect("it");
            told["manifest"].as_str().map(|it| it.replace(&name, "ecsup.toml"))
        };
        assert_eq!(manifest().await.as_deref(), Some("ecsup.toml: as it was asked for"));
        write(2);
        let told = manifest().await.expect("it is told");
        assert!(told.contains(" 1 to change"), "{told}");
        // A manifest of another stack says nothing about this one.
        let text = std::fs::read_to_string(&path).expect("a file").replace("shop", "other");
        std::fs::write(&path, text).expect("a file");
        let played = done(stage, &["status", "shop", "--file", &name]).await;
        assert!(!printed(&played).contains("manifest"), "{}", printed(&played));
    });
}

/// Without a terminal each change is printed once, and the end of the stack ends it.
#[test]
fn who_watches_sees_each_change() {
    stage(Scenario::default(), async |stage| {
        let deploys = async {
            done(stage, &FARGATE).await;
            pause(120).await;
            done(stage, &["destroy", "--yes", "fargate-api"]).await;
            pause(600).await;
        };
        let watches = async {
            pause(30).await;
            stage.play(&["status", "fargate-api", "--watch"]).await
        };
        let ((), played) = futures::future::join(deploys, watches).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert!(played.said().ends_with("the stack `fargate-api` is gone"), "{}", played.said());
        let text = printed(&played);
        let blocks: Vec<_> = text.split("2026-01-01T00:").skip(1).collect();
        assert!(blocks.len() > 5, "{text}");
        let without_times = |block: &&str| block.split_once('\n').map(|it| it.1.to_owned());
        let blocks: Vec<_> = blocks.iter().map(without_times).collect();
        assert!(blocks.windows(2).all(|two| two[0] != two[1]), "{text}");
        assert!(text.contains("deploying") && text.contains("steady"));
    });
}

#[test]
fn a_stack_that_is_not_there_is_refused() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        for command in [&["status", "fargat-api"][..], &["logs", "--stack", "fargat-api"]] {
            let played = stage.play(command).await;
            assert_eq!(played.exit, Exit::Refused);
            let said = played.said();
            assert!(said.contains("there is no stack `fargat-api` in us-east-1"), "{said}");
            assert!(said.contains("there is `fargate-api`"), "{said}");
        }
    });
}

/// Every command line of the page is one.
#[test]
fn the_page_shows_command_lines_that_are_right() {
    let page = include_str!("../../docs/looking.md");
    let lines = page.lines().filter_map(|line| {
        let line = line.trim_start_matches("$ ");
        line.starts_with("ecsup ").then(|| line.split(['#', '|']).next().unwrap_or_default())
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() >= 6, "{lines:?}");
    for line in lines {
        let read = Cli::read(line.split_whitespace());
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
}

/// Runs the command against a stack that has written for two hours, and hands it over as soon as it has printed
/// a line. Returns how it ended, and what it said for people.
fn run(
    more: &'static [&'static str],
    then: impl FnOnce(&mut std::process::Child) + Send + 'static,
) -> (Option<i32>, String) {
    ecsup::cli::rehearse::in_virtual_time(1, async || {
        let stage = usual(1);
        done(&stage, &FARGATE).await;
        pause(2 * 3600).await;
        tokio::time::resume();
        let run = move |address: std::net::SocketAddr| {
            let home = tempfile::tempdir().expect("a folder");
            let words = ["logs", "--stack", "fargate-api", "--since", "2026-01-01T00:00:00Z"];
            let mut command = bare_command(&home, &[&words[..], more].concat());
            command
                .env("AWS_ACCESS_KEY_ID", "simulated")
                .env("AWS_SECRET_ACCESS_KEY", "simulated")
                .env("AWS_REGION", REGION)
                .env("AWS_ENDPOINT_URL", format!("http://{address}"))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().expect("it runs");
            let mut line = [0];
            let stdout = child.stdout.as_mut().expect("it is piped");
            stdout.read_exact(&mut line).expect("it prints");
            then(&mut child);
            let output = child.wait_with_output().expect("it ends");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        serving(&stage.cloud, run).await
    })
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let (code, said) = run(&[], |child| drop(child.stdout.take()));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().all(|it| !it.contains("panicked") && !it.starts_with("error")), "{said}");
}

#[test]
fn ctrl_c_ends_following() {
    let (code, said) = run(&["--follow"], |child| {
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.expect("it is there").success());
    });
    assert_eq!(code, Some(130), "{said}");
    assert!(said.lines().all(|it| !it.contains("panicked") && !it.starts_with("error")), "{said}");
}
