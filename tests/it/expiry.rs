//! Stacks that expire: `deploy --ttl` says when, `list` and `status` tell it, and `gc` removes what has expired
//! and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use aws_sim::ssm;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::cli::{Cli, Exit};
use ecsup::permissions::{Bounds, Part, policy};
use ecsup::spec::Pattern;
use futures::future::join;
use serde_json::{Value, json};

use crate::proofs::{ids, no_defects, nothing_denied, nothing_left, on_all_processors};
use crate::stage::{FARGATE, done, end, stage, usual};

/// A small stack: no load balancer, no NAT gateway.
fn small(stack: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    let own = ["deploy", "--yes", "--pattern", "fargate-api", "--stack", stack, "--nat", "none"];
    [&own[..], more].concat()
}

/// When a stack expires, as its lock says in the world.
fn expires(cloud: &Cloud, stack: &str) -> Option<i64> {
    let path = json!({ "Path": format!("/ecsup/{stack}/lock") });
    let answer = cloud.world(|world| {
        world.enter("us-east-1");
        let listed = |world: &mut _| ssm::answer(world, "GetParametersByPath", &path);
        world.once_caught_up(listed).expect("the lock")
    });
    let epoch = |it: &&Value| {
        let name = it["Name"].as_str().expect("a name");
        name.rsplit('/').next().and_then(|epoch| epoch.parse::<u64>().ok())
    };
    let newest = answer["Parameters"].as_array()?.iter().max_by_key(epoch)?;
    let claim: Value = serde_json::from_str(newest["Value"].as_str()?).expect("a claim");
    claim["expires"].as_i64()
}

fn now(cloud: &Cloud) -> i64 {
    i64::try_from(cloud.date()).expect("a date")
}

async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_mins(minutes)).await;
}

fn out(played: &Played) -> String {
    played.recording.out.join("\n")
}

#[test]
fn a_stack_expires_when_its_last_ttl_said() {
    stage(Scenario::default(), async |stage| {
        let before = ids(&stage.cloud);
        let began = now(&stage.cloud);
        let made = done(stage, &small("demo", &["--ttl", "4h"])).await;
        assert!(made.said().contains("stack demo expires in 4h00m, at "), "{}", made.said());
        let first = expires(&stage.cloud, "demo").expect("it expires");
        assert!((0..60).contains(&(first - began - 4 * 3600)), "{}", first - began);
        // Whatever does not say another one leaves it, and a deploy without a change asks for none.
        let same = done(stage, &small("demo", &[])).await;
        assert_eq!(same.changes(), [""; 0]);
        assert!(same.said().contains("stack demo expires in 3h"), "{}", same.said());
        done(stage, &small("demo", &["--count", "3"])).await;
        done(stage, &["restart", "web", "--stack", "demo"]).await;
        assert_eq!(expires(&stage.cloud, "demo"), Some(first));
        // Where nothing else changes, only the lock is written to.
        let later = done(stage, &small("demo", &["--count", "3", "--ttl", "2d"])).await;
        assert!(later.changes().iter().all(|it| *it == "PutParameter"), "{:?}", later.changes());
        assert!(later.said().contains("nothing to change"), "{}", later.said());
        let second = expires(&stage.cloud, "demo").expect("it expires");
        assert!(second - first > 40 * 3600, "{}", second - first);
        let planned = done(
            stage,
            &[
                "plan",
                "--pattern",
                "fargate-api",
                "--stack",
                "demo",
                "--nat",
                "none",
                "--count",
                "3",
            ],
        )
        .await;
        assert!(planned.said().contains("expires in 47h"), "{}", planned.said());
        done(stage, &small("demo", &["--count", "3", "--ttl", "none"])).await;
        assert_eq!(expires(&stage.cloud, "demo"), None);
        done(stage, &["destroy", "demo", "--yes"]).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

#[test]
fn what_cannot_be_is_refused_before_the_first_call() {
    stage(Scenario::default(), async |stage| {
        for (said, why) in [("4", "say how long"), ("1m", "5m at least"), ("2y", "say how long")] {
            let refused = stage.play(&small("demo", &["--ttl", said])).await;
            assert_eq!((refused.exit, refused.calls.len()), (Exit::Refused, 0), "{said}");
            assert!(refused.said().contains(why), "{}", refused.said());
        }
        let asked = stage.play(&["gc"]).await;
        assert_eq!((asked.exit, asked.calls.len()), (Exit::Refused, 0));
        insta::assert_snapshot!(end(&asked), @r"
        error: gc asks before it removes something, and there is no terminal to ask on
        hint: nothing was changed; say --yes to go ahead without being asked, or --dry-run to see what it would remove
        ");
    });
}

#[test]
fn only_what_has_expired_goes() {
    stage(Scenario::default(), async |stage| {
        let before = ids(&stage.cloud);
        done(stage, &small("stays", &[])).await;
        done(stage, &small("later", &["--ttl", "1d"])).await;
        let others = ids(&stage.cloud);
        let nothing = done(stage, &["gc", "--yes"]).await;
        assert!(nothing.said().contains("1 stack expires later"), "{}", nothing.said());
        assert_eq!(nothing.changes(), [""; 0]);
        done(stage, &small("one", &["--ttl", "5m"])).await;
        done(stage, &small("two", &["--ttl", "5m"])).await;
        minutes(10).await;
        let all = ids(&stage.cloud);
        let tried = done(stage, &["gc", "--dry-run"]).await;
        let names = |played: &Played| -> Vec<String> {
            out(played).lines().filter_map(|it| it.split(' ').next()).map(str::to_owned).collect()
        };
        assert_eq!((names(&tried), tried.changes()), (vec!["one".into(), "two".into()], vec![]));
        let no = stage.play_answering(&["gc"], &["1"]).await;
        assert_eq!((no.exit, ids(&stage.cloud)), (Exit::Refused, all));
        let gone = stage.play_answering(&["gc"], &["2"]).await;
        assert_eq!(gone.exit, Exit::Done, "{}", gone.said());
        assert!(out(&gone).contains("stack `one`: "), "{}", out(&gone));
        let steady = |all: BTreeSet<String>| -> BTreeSet<String> {
            all.into_iter().filter(|it| !it.contains("log-stream")).collect()
        };
        assert_eq!(steady(ids(&stage.cloud)), steady(others));
        for stack in ["stays", "later"] {
            done(stage, &["destroy", stack, "--yes"]).await;
        }
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

#[test]
fn what_is_locked_or_prolonged_meanwhile_is_left() {
    stage(Scenario::default(), async |stage| {
        done(stage, &small("one", &["--ttl", "5m"])).await;
        done(stage, &small("two", &["--ttl", "5m"])).await;
        minutes(10).await;
        let prolong = small("one", &["--count", "3", "--ttl", "2d"]);
        let prolonged = stage.play(&prolong);
        let collected = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            stage.play(&["gc", "--yes"]).await
        };
        let (prolonged, collected) = join(prolonged, collected).await;
        assert_eq!(prolonged.exit, Exit::Done, "{}", prolonged.said());
        let is_locked = collected.said().contains("stack `one` is locked by ");
        assert!(is_locked || !collected.said().contains("`one`"), "{}", collected.said());
        assert!(expires(&stage.cloud, "one").is_some_and(|at| at > now(&stage.cloud)));
        assert_eq!(expires(&stage.cloud, "two"), None, "{}", collected.said());
        // One that waits finds out what was said meanwhile.
        done(stage, &small("one", &["--count", "3", "--ttl", "5m"])).await;
        minutes(10).await;
        let prolong = small("one", &["--count", "2", "--ttl", "2d"]);
        let prolonged = stage.play(&prolong);
        let collected = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            stage.play(&["gc", "--yes", "--wait-for-lock"]).await
        };
        let (prolonged, collected) = join(prolonged, collected).await;
        assert_eq!((prolonged.exit, collected.exit), (Exit::Done, Exit::Done));
        let said = collected.said();
        assert!(
            said.contains("stack one does not expire yet, or not any more: it stays"),
            "{said}"
        );
        done(stage, &["status", "one"]).await;
    });
}

/// Wherever a deploy with a time to live dies, nothing of it stays for ever.
#[test]
fn what_a_dead_deploy_has_made_expires_too() {
    let play = |number: u64| {
        in_virtual_time(number, async || {
            let stage = usual(number);
            let before = ids(&stage.cloud);
            let words = [&["ecsup"][..], &small("demo", &["--ttl", "5m"])].concat();
            let at = usize::try_from(number * 8).expect("a small number");
            let cli = Cli::read(words).expect("it is right");
            stage.run_until_crash(cli, at).await;
            collect(&stage, &before).await
        })
    };
    let failed = on_all_processors(24, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Wherever a `gc` dies, the next one goes on.
#[test]
fn a_dead_gc_is_gone_on_with() {
    let play = |number: u64| {
        in_virtual_time(number, async || {
            let stage = usual(number);
            let before = ids(&stage.cloud);
            done(&stage, &small("one", &["--ttl", "5m"])).await;
            done(&stage, &small("two", &["--ttl", "5m"])).await;
            minutes(10).await;
            let at = usize::try_from(number * 13).expect("a small number");
            let cli = Cli::read(["ecsup", "gc", "--yes"]).expect("it is right");
            stage.run_until_crash(cli, at).await;
            collect(&stage, &before).await
        })
    };
    let failed = on_all_processors(24, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Lets everything expire, removes it, and looks whether anything is left.
async fn collect(stage: &Stage, before: &BTreeSet<String>) -> Result<(), String> {
    minutes(10).await;
    let collected = stage.play(&["gc", "--yes"]).await;
    if collected.exit != Exit::Done {
        return Err(format!("{:?}: {}", collected.exit, collected.said()));
    }
    no_defects(&stage.cloud)?;
    nothing_left(&stage.cloud, before)
}

#[test]
fn they_take_no_more_than_what_is_printed() {
    stage(Scenario::default(), async |stage| {
        let before = ids(&stage.cloud);
        let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), None);
        let text = policy(&[Pattern::FargateApi], &Part::WHOLE, &bounds).to_json();
        stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
        done(stage, &small("demo", &["--ttl", "5m"])).await;
        minutes(10).await;
        done(stage, &["gc", "--yes"]).await;
        nothing_denied(&stage.cloud).unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
        let text = policy(&[Pattern::FargateApi], &[Part::Read], &bounds).to_json();
        stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
        done(stage, &["list"]).await;
        done(stage, &["gc", "--dry-run"]).await;
        nothing_denied(&stage.cloud).unwrap();
    });
}

/// The sum is made by hand, from AWS's prices and from what stands in the world.
#[test]
fn a_list_tells_age_cost_and_expiry() {
    stage(Scenario::default(), async |stage| {
        done(stage, &[&FARGATE[..], &["--ttl", "2d"]].concat()).await;
        minutes(60).await;
        let listed = out(&done(stage, &["list"]).await);
        let about = listed.lines().nth(1).expect("a second line").trim();
        // A load balancer 16.43, two NAT gateways 65.70, four addresses 14.60, two tasks 18.02.
        assert!(about.starts_with("made 1h0"), "{about}");
        assert!(about.contains(" ago, about $115 a month, expires in 46h"), "{about}");
        let listed = done(stage, &["list", "--output", "json"]).await;
        let listed: Value = serde_json::from_str(&out(&listed)).expect("JSON");
        let stack = &listed["stacks"][0];
        assert_eq!(stack["stack"], "fargate-api");
        assert_eq!((&stack["resources"], &stack["state"]), (&json!(26), &json!("ready")));
        assert_eq!(stack["dollars_a_month"], json!(114.75));
        assert_eq!((&stack["has_expired"], &stack["lock"]), (&json!(false), &Value::Null));
        let expires = expires(&stage.cloud, "fargate-api").expect("it expires");
        let expires = jiff::Timestamp::from_second(expires).expect("a time").to_string();
        assert_eq!(stack["expires"], json!(expires));
        let status = done(stage, &["status", "fargate-api", "--output", "json"]).await;
        let status: Value = serde_json::from_str(&out(&status)).expect("JSON");
        assert_eq!(status["expires"], json!(expires));
        // What instances of a type cost whose price nobody has written down is no guess.
        let own =
            ["deploy", "--yes", "--pattern", "internal-worker", "--instance-type", "m5.2xlarge"];
        done(stage, &own).await;
        let listed = out(&done(stage, &["list"]).await);
        assert!(listed.contains(" a month and what m5.2xlarge costs"), "{listed}");
        done(stage, &[&FARGATE[..], &["--region", "eu-west-3"]].concat()).await;
        let listed = out(&done(stage, &["list", "--region", "eu-west-3"]).await);
        assert!(listed.contains("— a month: no prices of eu-west-3 are known"), "{listed}");
    });
}
