//! What befalls whoever slips: a name left out or misspelt, another run at work.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time, sdk_config};
use ecsup::engine::event::What;
use tokio::time::sleep;

use crate::stage::{done, stage};

const DEPLOY: &[&str] = &["deploy", "--yes", "--pattern", "fargate-api", "--stack", "prod"];

/// A stage on which `prod` stands.
async fn with_prod(seed: u64) -> Stage {
    let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
    let deployed = stage.play(DEPLOY).await;
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.said());
    stage
}

#[track_caller]
fn is_unharmed(stage: &Stage, played: &Played) {
    assert_eq!(played.changes(), [""; 0], "{}", played.said());
    let is_there = stage.cloud.world(World::tagged).iter().any(|(kind, ..)| kind == "service");
    assert!(is_there, "{}", played.said());
}

#[test]
fn destroy_picks_no_stack_by_itself() {
    in_virtual_time(1, async || {
        let stage = with_prod(1).await;
        let alone = stage.play(&["destroy", "--yes"]).await;
        insta::assert_snapshot!(alone.said(), @r"
        error: destroy picks no stack by itself, and there is no terminal to ask on
        hint: nothing was changed; name the stack: `ecsup destroy STACK --yes`; `ecsup list` names those there are
        ");
        assert_eq!((alone.exit, alone.calls.len()), (Exit::Refused, 0));
        // At a terminal it is offered; --yes was not said of it.
        for line in [&["destroy"][..], &["destroy", "--yes"]] {
            let offered = stage.play_answering(line, &["yes"]).await;
            assert_eq!(offered.exit, Exit::Refused, "{}", offered.said());
            assert!(offered.said().contains("Type the stack's name, prod,"), "{}", offered.said());
            is_unharmed(&stage, &offered);
        }
        let meant = stage.play_answering(&["destroy"], &["prod"]).await;
        assert_eq!(meant.exit, Exit::Done, "{}", meant.said());
        assert!(meant.recording.out.last().unwrap().contains("0 left"), "{}", meant.said());
    });
}

#[test]
fn a_name_that_finds_nothing_is_told_what_there_is() {
    in_virtual_time(2, async || {
        let stage = with_prod(2).await;
        let other = stage.play(&["destroy", "staging", "--yes"]).await;
        assert_eq!(other.exit, Exit::Done, "teardown can be repeated");
        let none = "there is no stack `staging` in us-east-1, only `prod`";
        assert!(other.said().contains(none), "{}", other.said());
        is_unharmed(&stage, &other);
        for verb in ["destroy", "unlock"] {
            let slip = stage.play(&[verb, "prdo", "--yes"]).await;
            assert_eq!(slip.exit, Exit::Refused, "{}", slip.said());
            let near = "there is no stack `prdo` in us-east-1, but there is `prod`";
            assert!(slip.said().contains(near), "{}", slip.said());
            is_unharmed(&stage, &slip);
        }
        let elsewhere = stage.play(&["destroy", "prod", "--yes", "--region", "eu-west-1"]).await;
        assert_eq!(elsewhere.exit, Exit::Done);
        let none = "there is no stack `prod` in eu-west-1, nor any other";
        assert!(elsewhere.said().contains(none), "{}", elsewhere.said());
    });
}

/// Everything is there, and a destroy has just begun: a deploy with nothing to do does not say `ready`.
#[test]
fn ready_is_not_said_of_what_is_about_to_go() {
    in_virtual_time(3, async || {
        let stage = with_prod(3).await;
        let later = async |line: &[&str]| {
            sleep(Duration::from_secs(4)).await;
            stage.play(line).await
        };
        let waits = [DEPLOY, &["--wait-for-lock"]].concat();
        let (destroyed, planned, refused, waited) = tokio::join!(
            stage.play(&["destroy", "prod", "--yes"]),
            later(&["plan", "--pattern", "fargate-api", "--stack", "prod"]),
            later(DEPLOY),
            later(&waits),
        );
        assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.said());
        assert!(planned.said().contains("the stack is locked by"), "{}", planned.said());
        assert_eq!(refused.exit, Exit::Refused, "{}", refused.said());
        assert!(refused.said().contains("`prod` is locked by"), "{}", refused.said());
        assert!(!refused.said().contains("ready"), "{}", refused.said());
        let is_lock_ready = |event: &ecsup::engine::event::Event| event.what == What::Ready;
        assert!(!refused.recording.events.iter().any(is_lock_ready), "it never had the lock");
        assert_eq!(waited.exit, Exit::Done, "{}", waited.said());
        is_unharmed(&stage, &stage.play(DEPLOY).await);
    });
}

/// Who deploys without --yes was asked nothing while there was nothing to do. Meanwhile something goes.
#[test]
fn what_was_not_asked_about_is_not_done_after_a_wait() {
    in_virtual_time(4, async || {
        let stage = with_prod(4).await;
        let config = sdk_config(&stage.cloud, "us-east-1");
        let parameter = aws_sdk_ssm::Client::new(&config).put_parameter();
        let parameter = parameter.name("/ecsup/prod/lock/2").value("somebody's");
        parameter.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
        sleep(Duration::from_secs(5)).await;
        let line = ["deploy", "--pattern", "fargate-api", "--stack", "prod", "--wait-for-lock"];
        let removed = async {
            sleep(Duration::from_secs(10)).await;
            let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
            logs.delete_log_group().log_group_name("/ecsup/prod/web").send().await.unwrap();
        };
        let (waited, ()) = tokio::join!(stage.play_answering(&line, &["y"]), removed);
        assert_eq!(waited.exit, Exit::Refused, "{}", waited.said());
        assert!(waited.said().contains("was not asked about"), "{}", waited.said());
        let group = |(kind, id, _): &(String, String, _)| kind == "log-group" && id.contains("web");
        assert!(!stage.cloud.world(World::tagged).iter().any(group), "{}", waited.said());
    });
}

/// When the lock tells that nothing can be hidden, the last look comes at once.
#[test]
fn a_stack_at_rest_goes_without_a_wait_at_the_end() {
    in_virtual_time(5, async || {
        let stage = with_prod(5).await;
        sleep(Duration::from_mins(5)).await;
        let destroyed = stage.play(&["destroy", "prod", "--yes"]).await;
        assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.said());
        let events = &destroyed.recording.events;
        let audit = events.iter().find(|event| event.node.as_str() == "audit").unwrap();
        assert_eq!(audit.what, What::Waiting("a last look".to_owned()));
        let (_, looks) = destroyed.phases().into_iter().find(|(name, _)| *name == "audit").unwrap();
        assert!(looks > 15, "it looks at everything again: {looks}");
    });
}

#[test]
fn a_list_says_how_each_stack_is() {
    in_virtual_time(6, async || {
        let stage = with_prod(6).await;
        let worker = ["deploy", "--yes", "--pattern", "internal-worker"];
        let cli = ecsup::cli::Cli::read([&["ecsup"], &worker[..]].concat()).unwrap();
        stage.run_until_crash(cli, 90).await;
        let busy = async {
            sleep(Duration::from_secs(20)).await;
            stage.play(&["list"]).await
        };
        let public = ["deploy", "--yes", "--pattern", "public-api", "--nat", "none"];
        let (_, listed) = tokio::join!(stage.play(&public), busy);
        let out = &listed.recording.out;
        let line = |name: &str, words: &[&str]| {
            let line = out.iter().find(|line| line.starts_with(&format!("{name} ")));
            let line = line.unwrap_or_else(|| panic!("{name}: {out:#?}"));
            assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
        };
        let image = "public.ecr.aws/docker/library/nginx:latest";
        let serves = [" fargate-api ", " ready ", " 26 resources ", " deployed ", " ago ", image];
        line("prod", &[&serves[..], &[" http://lb-prod-"]].concat());
        let by = "\n  worked on by arn:aws:iam::123456789012:user/rehearsal";
        let free = "or 25s after its last sign of life (2026-01-01T00:0";
        let works = [" in work ", " not deployed ", by, "(deploy since 2026-01-01T00:0", free];
        line("internal-worker", &[&works[..], &[" no image"]].concat());
        line("public-api", &[&works[..], &[image]].concat());
    });
}

/// Plan, deploy and list count the same things, and so do a destroy and its dry run.
#[test]
fn counts_agree() {
    in_virtual_time(7, async || {
        let stage = Stage { cloud: Cloud::new(7, Scenario::default()) };
        let flags = ["--pattern", "internal-worker"];
        let planned = stage.play(&[&["plan"], &flags[..]].concat()).await;
        let number = |text: &str, before: &str| {
            let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before}: {text}"));
            rest.trim_start().split(' ').next().unwrap().parse::<usize>().unwrap()
        };
        let out = |played: &Played| played.recording.out.join("\n");
        let counts = planned.recording.out.iter().find(|line| line.contains(" to create")).unwrap();
        let count = number(counts, "");
        let deployed = stage.play(&[&["deploy", "--yes"], &flags[..]].concat()).await;
        assert_eq!(number(&out(&deployed), "resources "), count);
        let listed = out(&stage.play(&["list"]).await);
        assert!(listed.contains(&format!(" {count} resources ")), "{count}: {listed}");
        let tried = stage.play(&["destroy", flags[1], "--dry-run"]).await;
        let would = tried.recording.lines.last().unwrap().clone();
        let destroyed = stage.play(&["destroy", flags[1], "--yes"]).await;
        let receipt = destroyed.recording.out.last().unwrap();
        assert_eq!(number(&would, ""), number(receipt, ": "), "{would}; {receipt}");
    });
}

#[test]
fn a_scenario_that_shows_nothing_says_so() {
    in_virtual_time(8, async || {
        let stage = Stage { cloud: Cloud::new(8, Scenario::default()) };
        let of_instances =
            ["no-capacity", "unsupported-type", "forbidden-launch", "customer-key", "free-plan"];
        let why = "is about EC2 instances, and fargate-api has none";
        let of_instances = of_instances.map(|scenario| (scenario, "per-zone", why));
        let why = "is about NAT gateways, and with --nat none there is none";
        let of_gateways = ["slow-nat", "zone-without-nat"].map(|scenario| (scenario, "none", why));
        for (scenario, nat, why) in of_instances.into_iter().chain(of_gateways) {
            let line = ["--pattern", "fargate-api", "--nat", nat, "--scenario", scenario];
            let played = stage.play(&[&["rehearse"], &line[..]].concat()).await;
            assert_eq!(played.exit, Exit::Refused, "{scenario}");
            let why = format!("--scenario `{scenario}`: {why}");
            assert!(played.said().contains(&why), "{}", played.said());
        }
    });
}

/// Whoever may only look is told nothing that they cannot help.
#[test]
fn a_plan_needs_no_more_than_to_look() {
    in_virtual_time(11, async || {
        let stage = Stage { cloud: Cloud::new(11, Scenario::default()) };
        let policy = stage.play(&["permissions", "--part", "read"]).await.recording.out.join("\n");
        stage.cloud.set_policy(aws_sim::policy::Policy::parse(&policy).unwrap());
        for line in [&["plan", "--pattern", "public-api"][..], &["list"]] {
            let played = stage.play(line).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            assert!(!played.said().contains("warning:"), "{}", played.said());
        }
    });
}

/// The deadline holds for the looking before the work, too.
#[test]
fn time_is_up_before_anything_was_changed() {
    in_virtual_time(9, async || {
        let stage = with_prod(9).await;
        for line in [&["list"][..], &["destroy", "prod", "--yes"], DEPLOY] {
            let silent = aws_sim::faults::Faults { silent: 1.0, ..Default::default() };
            stage.cloud.set_faults(silent);
            let played = stage.play(&[line, &["--timeout", "10s"]].concat()).await;
            stage.cloud.set_faults(aws_sim::faults::Faults::default());
            assert_eq!(played.exit, Exit::Failed, "{}", played.said());
            assert_eq!(played.took.as_secs(), 10, "{}", played.said());
            assert!(played.said().contains("waiting for simulated to answer"), "{}", played.said());
            assert!(played.said().contains("its time was up"), "{}", played.said());
        }
    });
}

/// And for calls that are never answered, once work has begun.
#[test]
fn time_is_up_while_nothing_answers() {
    in_virtual_time(10, async || {
        let stage = with_prod(10).await;
        let silence = async {
            sleep(Duration::from_secs(20)).await;
            let silent = aws_sim::faults::Faults { silent: 1.0, ..Default::default() };
            stage.cloud.set_faults(silent);
        };
        let line = ["destroy", "prod", "--yes", "--timeout", "60s"];
        let (played, ()) = tokio::join!(stage.play(&line), silence);
        assert!(played.exit != Exit::Done, "{}", played.said());
        assert!(played.took < Duration::from_secs(90), "{:?}: {}", played.took, played.said());
    });
}

/// People know their accounts by their aliases, where they have one and may know it.
#[test]
fn who_is_asked_is_told_the_name_of_the_account() {
    let scenario = Scenario { account_alias: Some("acme-staging".into()), ..Scenario::default() };
    stage(scenario, async |stage| {
        let account = "account 123456789012 (acme-staging), region";
        let deploy = ["deploy", "--pattern", "fargate-api"];
        let declined = stage.play_answering(&deploy, &["n"]).await;
        assert!(declined.said().contains(account), "{}", declined.said());
        done(stage, &[&deploy[..], &["--yes"]].concat()).await;
        let declined = stage.play_answering(&["destroy", "fargate-api"], &["n"]).await;
        assert!(declined.said().contains(account), "{}", declined.said());
    });
}

/// An environment that nothing is known of must not end in another stack.
#[test]
fn an_environment_without_a_manifest_is_refused() {
    stage(Scenario::default(), async |stage| {
        let words = ["destroy", "--no-file", "--yes", "--environment", "staging"];
        let refused = stage.play(&words).await;
        assert_eq!((refused.exit, refused.calls.len()), (Exit::Refused, 0));
        assert!(refused.said().contains("--environment `staging`: "), "{}", refused.said());
    });
}
