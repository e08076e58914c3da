//! Services that scale: no deploy fights what their load moves, and nothing of it is left or taken for ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sim::application_autoscaling::set_load;
use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::spec::Spec;
use ecsup::wish::{FileFlags, ServiceFlags, Wish};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::goal::requests::unlike;
use crate::goal::scaling::{alarms, ask, desired, scaled, unscaled};
use crate::manifest::written;
use crate::proofs::{
    expect, ids, no_defects, nothing_denied, nothing_in_vain, nothing_left, nothing_spare,
    on_all_processors, play_until_crash,
};
use crate::stage::{done, usual};

const STACK: &str = "shop";

/// How all of them begin.
const TOP: &str = "stack = 'shop'
pattern = 'fargate-api'
network.nat = 'single'
[service.web]
image = 'nginx:1'
";

/// How the number of tasks is said, by a word.
const SCALINGS: &[(&str, &str)] = &[
    ("five tasks", "count = 5"),
    ("by CPU", "scaling = { min = 2, max = 6, cpu_percent = 60 }"),
    (
        "other bounds, value and pauses",
        "scaling = { min = 3, max = 4, cpu_percent = 50, cooldown_in = '10m', cooldown_out = '30s' }",
    ),
    (
        "by memory and requests",
        "scaling = { min = 1, max = 6, memory_percent = 70, requests = 1000 }",
    ),
    (
        "by requests of both load balancers",
        "ingress = 'both'\nscaling = { min = 2, max = 6, requests = 500 }",
    ),
];

/// A manifest in a folder, and what it asks for.
struct Manifest {
    folder: TempDir,
    path: String,
    spec: Spec,
}

impl Manifest {
    fn of(text: &str) -> Self {
        let (folder, path) = written(text);
        let manifest = FileFlags { file: Some(path.clone().into()), ..FileFlags::default() };
        let flags = ServiceFlags { manifest, ..ServiceFlags::default() };
        let spec = Wish::read(&flags, Path::new(""), &|_| None).check().expect("it is right");
        Self { folder, path, spec }
    }

    /// One that goes on with these lines of its service.
    fn with(more: &str) -> Self {
        Self::of(&format!("{TOP}{more}\n"))
    }

    fn deploy(&self) -> Vec<&str> {
        vec!["deploy", "--yes", "--file", &self.path, "--remove", "shop.internal"]
    }

    /// The same of one service alone.
    fn deploy_only<'a>(&'a self, service: &'a str) -> Vec<&'a str> {
        vec!["deploy", "--yes", "--file", &self.path, "--only", service]
    }

    /// What is not as asked for, once AWS hides nothing any longer and new tasks have started.
    async fn faults(&self, cloud: &Cloud) -> Vec<String> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        cloud.world(|world| {
            world.once_caught_up(|world| {
                [unlike(world, &self.spec), unscaled(world, &self.spec)].concat()
            })
        })
    }

    async fn holds(&self, cloud: &Cloud) -> Result<(), String> {
        match self.faults(cloud).await {
            faults if faults.is_empty() => Ok(()),
            faults => Err(format!("does not hold: {faults:#?}")),
        }
    }
}

fn destroy() -> [&'static str; 3] {
    ["destroy", "--yes", STACK]
}

/// The lines of a plan, without colours.
fn lines(played: &Played) -> String {
    let lines = played.recording.out.iter();
    let lines: Vec<_> = lines.map(|line| anstream::adapter::strip_str(line).to_string()).collect();
    lines.join("\n")
}

fn load(stage: &Stage, tasks: usize) {
    let cluster = format!("cluster-{STACK}");
    stage.cloud.world(|world| set_load(world, &cluster, "web", Some(tasks)));
}

fn wants(stage: &Stage) -> i64 {
    stage.cloud.world(|world| desired(world, STACK, "web"))
}

fn by_hand(stage: &Stage, service: &str, operation: &str, input: Value) -> Value {
    stage.cloud.world(|world| ask(world, service, operation, input))
}

/// A call about the service of the stack, by hand.
fn of_target(stage: &Stage, operation: &str, more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": format!("service/cluster-{STACK}/web"),
        "ScalableDimension": "ecs:service:DesiredCount",
    });
    input.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    by_hand(stage, "application-autoscaling", operation, input)
}

/// Whether a call asks ECS for a number of tasks, after the service was made.
fn asks_for_tasks(call: &Record) -> bool {
    call.operation == "UpdateService" && call.input.get("desiredCount").is_some()
}

async fn goes(stage: &Stage, from: &Manifest, to: &Manifest) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    let first = stage.play(&from.deploy()).await;
    expect(&first, Exit::Done, "deploy")?;
    nothing_in_vain(cloud, &first)?;
    from.holds(cloud).await?;
    let was = cloud.world(|world| desired(world, STACK, "web"));
    let changed = stage.play(&to.deploy()).await;
    expect(&changed, Exit::Done, "the change")?;
    to.holds(cloud).await?;
    if let Some(scaling) = &to.spec.services[0].scaling {
        let is = cloud.world(|world| desired(world, STACK, "web"));
        let wanted = was.clamp(scaling.min.into(), scaling.max.into());
        if is != wanted || changed.calls.iter().any(asks_for_tasks) {
            return Err(format!("from {was} tasks to {is}, not to {wanted}, or it was asked for"));
        }
    }
    let again = stage.play(&to.deploy()).await;
    expect(&again, Exit::Done, "the second deploy")?;
    if !again.changes().is_empty() {
        return Err(format!("the second deploy is not silent: {:?}", again.changes()));
    }
    expect(&stage.play(&destroy()).await, Exit::Done, "destroy")?;
    no_defects(cloud)?;
    nothing_left(cloud, &before)
}

#[test]
fn from_every_way_to_say_how_many_tasks_to_every_other() {
    let manifests: Vec<_> =
        SCALINGS.iter().map(|(name, more)| (*name, Manifest::with(more))).collect();
    let pairs = manifests.iter().flat_map(|from| manifests.iter().map(move |to| (from, to)));
    let pairs: Vec<_> = pairs.filter(|(from, to)| from.0 != to.0).collect();
    let play = |seed: u64| {
        let ((from_name, from), (to_name, to)) = pairs[usize::try_from(seed).expect("few pairs")];
        in_virtual_time(seed, async || goes(&usual(seed), from, to).await)
            .map_err(|why| format!("from {from_name} to {to_name}: {why}"))
    };
    let failed = on_all_processors(pairs.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// The scaler adds tasks under load, and whatever is deployed meanwhile leaves it at its work.
#[test]
fn a_service_follows_its_load_and_no_deploy_fights_it() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let before = ids(&stage.cloud);
        let scales = Manifest::with("scaling = { min = 2, max = 6, cpu_percent = 60 }");
        done(&stage, &scales.deploy()).await;
        assert_eq!(wants(&stage), 2);
        load(&stage, 5);
        tokio::time::sleep(Duration::from_mins(6)).await;
        assert_eq!(wants(&stage), 5);
        scales.holds(&stage.cloud).await.unwrap();
        let silent = done(&stage, &scales.deploy()).await;
        assert_eq!(silent.changes(), [""; 0]);

        // Another image while the load rises and falls.
        let next = Manifest::with(
            "cpu = 512\nmemory = 1024\nscaling = { min = 2, max = 6, cpu_percent = 60 }",
        );
        let rises = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            load(&stage, 9);
            std::future::pending::<()>().await;
        };
        let words = next.deploy();
        let changed = tokio::select! {
            played = done(&stage, &words) => played,
            () = rises => unreachable!(),
        };
        assert!(!changed.calls.iter().any(asks_for_tasks), "{:?}", changed.changes());
        tokio::time::sleep(Duration::from_mins(6)).await;
        assert_eq!(wants(&stage), 6, "no more than its bounds allow");
        load(&stage, 1);
        tokio::time::sleep(Duration::from_mins(20)).await;
        assert_eq!(wants(&stage), 2);
        next.holds(&stage.cloud).await.unwrap();

        // Where scaling ends, the number that was asked for holds, although the load is another.
        load(&stage, 6);
        tokio::time::sleep(Duration::from_mins(6)).await;
        let fixed = Manifest::with("cpu = 512\nmemory = 1024\ncount = 3");
        let planned = stage.play(&["plan", "--file", &fixed.path]).await;
        insta::assert_snapshot!(lines(&planned), @r"
          change  service/web                          ECS service: scaling on → off, desiredCount 6 (scaling) → 3
          remove  scalable-target/web                  scalable target: service/cluster-shop/web is not asked for any more
          remove  scaling-policy/web/cpu               scaling policy: ecsup-cpu is not asked for any more
        0 to create, 1 to change, 2 to remove, 23 to keep
        should take about 1m00s: service/web, and then 2 to remove (typical AWS durations, see docs/aws-facts.md; `ecsup rehearse` plays it)
        ");
        done(&stage, &fixed.deploy()).await;
        tokio::time::sleep(Duration::from_mins(10)).await;
        fixed.holds(&stage.cloud).await.unwrap();
        assert_eq!(stage.cloud.world(|world| alarms(world, STACK)), BTreeSet::new());
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// A rollout under way while the scaler asks for more and more is over when ECS says so.
#[test]
fn a_deploy_is_over_although_the_load_rises_beyond_what_there_is_room_for() {
    in_virtual_time(2, async || {
        let stage = usual(2);
        let small = |image: &str| {
            Manifest::of(&format!(
                "stack = 'shop'\npattern = 'public-api'\ncapacity.max_size = 3\n[service.web]\nimage = '{image}'\nscaling = {{ min = 2, max = 50, cpu_percent = 60 }}\n"
            ))
        };
        let first = small("nginx:1");
        let deployed = done(&stage, &first.deploy()).await;
        assert!(deployed.said().contains("say --max-size 17"), "{}", deployed.said());
        load(&stage, 40);
        tokio::time::sleep(Duration::from_mins(6)).await;
        assert_eq!(wants(&stage), 40);
        let silent = done(&stage, &first.deploy()).await;
        assert_eq!(silent.changes(), [""; 0]);
        assert!(silent.took < Duration::from_mins(1), "{:?}", silent.took);
    });
}

/// Wherever a command dies that makes, changes or ends scaling, before the effect of a call or after it,
/// the next ones have it as asked for, and a destroy leaves nothing.
#[test]
fn what_died_while_it_scaled_is_gone_on_with() {
    let [fixed, by_cpu, by_requests] =
        [SCALINGS[0], SCALINGS[1], SCALINGS[3]].map(|(_, more)| Manifest::with(more));
    let changes: [(&Manifest, Option<&Manifest>, &[&str]); 4] = [
        (
            &fixed,
            Some(&by_requests),
            &["TagResource", "RegisterScalableTarget", "PutScalingPolicy"],
        ),
        (&by_requests, Some(&fixed), &["DeregisterScalableTarget", "TagResource", "UpdateService"]),
        (
            &by_requests,
            Some(&by_cpu),
            &["RegisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"],
        ),
        (&by_requests, None, &["DeleteScalingPolicy", "DeregisterScalableTarget", "DeleteService"]),
    ];
    let lives = changes.iter().flat_map(|(from, to, operations)| {
        let faults = [Fault::CrashBefore, Fault::CrashAfter].into_iter();
        let deaths =
            operations.iter().flat_map(move |it| faults.clone().map(move |fault| (*it, fault)));
        let lives = deaths.flat_map(move |it| [true, false].map(|again| (*from, *to, it, again)));
        // A call that has had no effect leaves nothing new to be destroyed.
        lives.filter(|(_, _, (_, fault), again)| *again || matches!(fault, Fault::CrashAfter))
    });
    let lives: Vec<_> = lives.collect();
    let play = |number: u64| {
        let (from, to, (operation, fault), again) =
            lives[usize::try_from(number).expect("few lives")];
        in_virtual_time(number, async || {
            let stage = usual(number);
            let cloud = &stage.cloud;
            let before = ids(cloud);
            expect(&stage.play(&from.deploy()).await, Exit::Done, "deploy")?;
            let only = Only { operation: operation.to_owned(), about: String::new(), fault };
            cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            let words = to.map_or(destroy().to_vec(), Manifest::deploy);
            if play_until_crash(&stage, &words).await.is_some() {
                return Err("it did not die".to_owned());
            }
            cloud.set_faults(Faults::default());
            if again {
                let to = to.unwrap_or(from);
                expect(&stage.play(&to.deploy()).await, Exit::Done, "the next deploy")?;
                to.holds(cloud).await?;
                let again = stage.play(&to.deploy()).await;
                if !again.changes().is_empty() {
                    return Err(format!("then it is not silent: {:?}", again.changes()));
                }
            }
            expect(&stage.play(&destroy()).await, Exit::Done, "destroy")?;
            no_defects(cloud)?;
            nothing_left(cloud, &before)
        })
        .map_err(|why| format!("{operation}, {fault:?}, deployed again {again}: {why}"))
    };
    let failed = on_all_processors(lives.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Every answer to one operation is lost, after its effect.
#[test]
fn a_lost_answer_of_scaling_makes_nothing_twice() {
    let (fixed, scales) = (Manifest::with("count = 3"), Manifest::with(SCALINGS[3].1));
    let operations =
        ["RegisterScalableTarget", "PutScalingPolicy", "TagResource", "DeregisterScalableTarget"];
    for (seed, operation) in (0..).zip(operations) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let (operation, about) = (operation.to_owned(), String::new());
            let only = Some(Only { operation, about, fault: Fault::Lost });
            done(&stage, &fixed.deploy()).await;
            for to in [&scales, &fixed] {
                stage.cloud.set_faults(Faults { only: only.clone(), ..Faults::default() });
                done(&stage, &to.deploy()).await;
                stage.cloud.set_faults(Faults::default());
                to.holds(&stage.cloud).await.unwrap();
            }
        });
    }
}

/// What somebody does to it by hand is set right, and nobody's number of tasks within the bounds is touched.
#[test]
fn what_is_done_to_it_by_hand_is_set_right() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let before = ids(&stage.cloud);
        let scales =
            Manifest::with("scaling = { min = 2, max = 6, cpu_percent = 60, requests = 100 }");
        done(&stage, &scales.deploy()).await;
        let count = |tasks: i64| {
            let cluster = format!("cluster-{STACK}");
            let input = json!({ "cluster": cluster, "service": "web", "desiredCount": tasks });
            by_hand(&stage, "ecs", "UpdateService", input);
        };
        let mends = async |what: &str, operations: &[&str]| {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let mended = done(&stage, &scales.deploy()).await;
            let taken = mended.calls.iter().filter(|it| {
                it.changes() && it.service != "ssm" && it.answer.is_some() && it.refused.is_none()
            });
            let changes: Vec<_> = taken.map(|it| it.operation.as_str()).collect();
            assert_eq!(changes, operations, "{what}");
            scales.holds(&stage.cloud).await.unwrap_or_else(|why| panic!("{what}: {why}"));
        };
        count(4);
        mends("within the bounds", &[]).await;
        assert_eq!(wants(&stage), 4);
        count(9);
        mends("beyond the bounds", &["RegisterScalableTarget"]).await;
        assert_eq!(wants(&stage), 6);
        of_target(&stage, "RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 7 }));
        mends("the bounds", &["RegisterScalableTarget"]).await;
        of_target(&stage, "DeleteScalingPolicy", json!({ "PolicyName": "ecsup-cpu" }));
        mends("a policy that is gone", &["PutScalingPolicy"]).await;
        of_target(&stage, "DeregisterScalableTarget", json!({}));
        mends("no target", &["RegisterScalableTarget", "PutScalingPolicy", "PutScalingPolicy"])
            .await;
        let web = stage.cloud.world(|world| crate::goal::scaling::described(world, STACK, "web"));
        let arn = web["serviceArn"].clone();
        let tag = json!({ "key": "ecsup-scaling", "value": "off" });
        by_hand(&stage, "ecs", "TagResource", json!({ "resourceArn": arn, "tags": [tag] }));
        // The target is found when it cannot be made once more.
        let all = ["TagResource", "PutScalingPolicy", "PutScalingPolicy"];
        mends("the tag of the service", &all).await;
        // A policy of somebody stays until all of it goes.
        let metric = json!({ "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" });
        let how = json!({ "TargetValue": 80.0, "PredefinedMetricSpecification": metric });
        let policy = json!({
            "PolicyName": "theirs",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": how,
        });
        of_target(&stage, "PutScalingPolicy", policy);
        let silent = done(&stage, &scales.deploy()).await;
        assert_eq!(silent.changes(), [""; 0]);
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// A service that somebody deletes by hand leaves its target behind for a while.
#[test]
fn a_target_whose_service_is_gone_goes_or_serves_the_next_one() {
    for (seed, more) in (0..).zip(["", SCALINGS[1].1, "destroy"]) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let before = ids(&stage.cloud);
            let scales = Manifest::with(SCALINGS[1].1);
            done(&stage, &scales.deploy()).await;
            let cluster = format!("cluster-{STACK}");
            let service = json!({ "cluster": cluster, "service": "web", "force": true });
            by_hand(&stage, "ecs", "DeleteService", service);
            if more != "destroy" {
                let to = Manifest::with(more);
                done(&stage, &to.deploy()).await;
                to.holds(&stage.cloud).await.unwrap();
                let again = done(&stage, &to.deploy()).await;
                assert_eq!(again.changes(), [""; 0]);
            }
            done(&stage, &destroy()).await;
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

/// Targets of others: of a service of the same name in another cluster, and one that somebody registered for
/// ours, which is told before anything is made.
#[test]
fn targets_of_others_stay() {
    in_virtual_time(4, async || {
        let stage = usual(4);
        let neighbour = Manifest::of(&format!(
            "{}scaling = {{ min = 1, max = 3, cpu_percent = 50 }}\n",
            TOP.replace("'shop'", "'shop-2'")
        ));
        done(&stage, &["deploy", "--yes", "--file", &neighbour.path]).await;
        let theirs = stage.cloud.world(|world| (world.ids(), world.tagged()));
        let (fixed, scales) = (Manifest::with("count = 3"), Manifest::with(SCALINGS[1].1));
        done(&stage, &fixed.deploy()).await;
        let bounds = json!({ "MinCapacity": 3, "MaxCapacity": 8 });
        of_target(&stage, "RegisterScalableTarget", bounds);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let refused = stage.play(&scales.deploy()).await;
        assert_eq!((refused.exit, refused.changes().len()), (Exit::Refused, 0));
        let told = "scalable-target/web: the scalable target of `service/cluster-shop/web` exists but was not made by ecsup for this stack";
        assert!(refused.said().contains(told), "{}", refused.said());
        let silent = done(&stage, &fixed.deploy()).await;
        assert_eq!(silent.changes(), [""; 0], "it is theirs");
        of_target(&stage, "DeregisterScalableTarget", json!({}));
        done(&stage, &scales.deploy()).await;
        scales.holds(&stage.cloud).await.unwrap();
        done(&stage, &fixed.deploy()).await;
        done(&stage, &scales.deploy()).await;
        done(&stage, &destroy()).await;
        neighbour.holds(&stage.cloud).await.unwrap();
        assert_eq!(stage.cloud.world(|world| (world.ids(), world.tagged())), theirs);
    });
}

/// With the printed policy and its part for scaling everything passes, and there is nothing in that part that
/// nothing takes; a fresh account has no role for it.
#[test]
fn the_part_for_scaling_is_enough_and_no_more() {
    let tagged = |more: &str| Manifest::of(&format!("tags = {{ team = 'a' }}\n{TOP}{more}\n"));
    in_virtual_time(5, async || {
        let scenario = Scenario { fresh_account: true, ..Scenario::default() };
        let stage = Stage { cloud: Cloud::new(5, scenario) };
        let before = ids(&stage.cloud);
        let printed = async |more: &[&str]| {
            let words = [&["permissions", "--region", "us-east-1"], more].concat();
            stage.play(&words).await.recording.out.join("\n")
        };
        let (whole, part) = (printed(&[]).await, printed(&["--part", "scaling"]).await);
        let policies = [&whole, &part].map(|it| Policy::parse(it).expect("a policy"));
        stage.cloud.set_policy(Policy::all(policies));
        let fixed = Manifest::with("count = 3");
        for to in [
            &Manifest::with(SCALINGS[2].1),
            &Manifest::with(SCALINGS[3].1),
            &tagged(SCALINGS[3].1),
            &fixed,
            &Manifest::with(SCALINGS[1].1),
        ] {
            done(&stage, &to.deploy()).await;
            to.holds(&stage.cloud).await.unwrap();
            done(&stage, &["status", STACK]).await;
        }
        done(&stage, &destroy()).await;
        nothing_denied(&stage.cloud).unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
        nothing_spare(&stage.cloud, &part).unwrap();
    });
}

/// What a deploy that has nothing to do asks more where a service scales: for the targets, for the tags of each
/// and for the policies of each. Where none does, it asks nothing. A first deploy takes no longer.
#[test]
fn scaling_takes_three_calls_more_and_nothing_where_nothing_scales() {
    let calls = |more: &str| {
        in_virtual_time(6, async || {
            let stage = usual(6);
            let manifest = Manifest::with(more);
            let first = done(&stage, &manifest.deploy()).await;
            let silent = done(&stage, &manifest.deploy()).await;
            let destroyed = done(&stage, &destroy()).await;
            let scaling = [&first, &silent, &destroyed].map(|played| {
                let of = played.calls.iter().filter(|it| it.service == "application-autoscaling");
                of.count()
            });
            (silent.calls.len(), scaling, first.took)
        })
    };
    let (without, none, took) = calls("");
    let (with, some, takes) = calls(SCALINGS[1].1);
    assert_eq!(none, [0, 0, 0]);
    assert_eq!((with - without, some[1]), (3, 3));
    // Target and policy are made while the tasks start.
    assert!(takes.abs_diff(took) < Duration::from_secs(2), "{takes:?} instead of {took:?}");
}

/// What runs is written back, and by flags, which cannot say it, it does not go unseen.
#[test]
fn scaling_is_told_written_back_and_not_lost_by_oversight() {
    in_virtual_time(7, async || {
        let stage = usual(7);
        let scales = Manifest::with(SCALINGS[2].1);
        let planned = stage.play(&["plan", "--file", &scales.path]).await;
        let of_it: Vec<_> = lines(&planned)
            .lines()
            .filter(|it| it.contains("create  scal"))
            .map(|it| it.trim().to_owned())
            .collect();
        insta::assert_snapshot!(of_it.join("\n"), @r"
        create  scalable-target/web                  scalable target
        create  scaling-policy/web/cpu               scaling policy
        ");
        done(&stage, &scales.deploy()).await;
        load(&stage, 9);
        tokio::time::sleep(Duration::from_mins(8)).await;
        let other = scales.folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", STACK, "--file", &other]).await;
        let text = fs::read_to_string(&other).unwrap();
        let of_it: Vec<_> =
            text.lines().filter(|it| it.contains("scaling") || it.contains("count")).collect();
        insta::assert_snapshot!(of_it.join("\n"), @r#"
        scaling.min = 3
        scaling.max = 4
        scaling.cpu_percent = 50
        scaling.cooldown_in = "10m"
        scaling.cooldown_out = "30s"
        "#);
        done(&stage, &["plan", "--exit-code", "--file", &other]).await;
        let status = done(&stage, &["status", STACK]).await;
        let told = lines(&status);
        assert!(told.contains("  4/4 of 3-4  "), "{told}");

        let flags = ["--pattern", "fargate-api", "--stack", STACK, "--nat", "single"];
        let refused = stage.play(&[&["deploy", "--yes"], &flags[..]].concat()).await;
        assert_eq!(refused.exit, Exit::Refused);
        let told = "scaling 3 to 4 tasks (removed)";
        assert!(refused.said().contains(told), "{}", refused.said());
        let kept = stage.play_answering(&[&["deploy"], &flags[..]].concat(), &["n"]).await;
        assert_eq!(kept.changes(), [""; 0], "{}", kept.said());
        let counted = [&["deploy", "--yes"], &flags[..], &["--count", "4"]].concat();
        done(&stage, &counted).await;
        assert_eq!(stage.cloud.world(|world| scaled(world, STACK)), BTreeMap::new());
    });
}

/// What a deploy that has nothing to do may ask, however many services scale.
const CALLS_OF_A_SILENT_DEPLOY: usize = 70;

#[test]
fn many_services_scale_in_few_calls() {
    let all = |most: u32| {
        let service =
            |number: u32| format!("[service.s{number}]\nhosts = ['s{number}.example.com']\n");
        Manifest::of(&format!(
            "stack = 'shop'\npattern = 'fargate-api'\nnetwork.nat = 'single'\n[defaults]\nimage = 'nginx:1'\nscaling = {{ min = 1, max = {most}, cpu_percent = 50 }}\n{}",
            (0..30).map(service).collect::<String>()
        ))
    };
    in_virtual_time(10, async || {
        let stage = usual(10);
        let before = ids(&stage.cloud);
        for manifest in [all(3), all(4)] {
            done(&stage, &manifest.deploy()).await;
            manifest.holds(&stage.cloud).await.unwrap();
            let silent = done(&stage, &manifest.deploy()).await;
            assert_eq!(silent.changes(), [""; 0]);
            assert!(silent.calls.len() <= CALLS_OF_A_SILENT_DEPLOY, "{}", silent.calls.len());
        }
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// The manifest that the page shows.
#[test]
fn the_manifest_of_the_page_is_deployed_stays_and_goes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scaling.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, text) = page.split_once("```toml\n").expect("a manifest");
    let shown = Manifest::of(text.split_once("```").expect("it ends").0);
    in_virtual_time(11, async || {
        let stage = usual(11);
        let before = ids(&stage.cloud);
        done(&stage, &shown.deploy()).await;
        shown.holds(&stage.cloud).await.unwrap();
        let silent = done(&stage, &shown.deploy()).await;
        assert_eq!(silent.changes(), [""; 0]);
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// One of several services alone is brought up to date, with what scales it.
#[test]
fn only_the_scaling_of_one_service_is_brought_up_to_date() {
    in_virtual_time(8, async || {
        let stage = usual(8);
        let two = |max: u32| {
            Manifest::of(&format!(
                "stack = 'shop'\npattern = 'fargate-api'\nnetwork.nat = 'single'\ndefaults.scaling = {{ min = 1, max = {max}, requests = 100 }}\n[service.web]\nimage = 'nginx:1'\nhosts = ['web.example.com']\n[service.api]\nimage = 'nginx:1'\nhosts = ['api.example.com']\n"
            ))
        };
        done(&stage, &two(3).deploy()).await;
        let changed = two(5);
        done(&stage, &changed.deploy_only("api")).await;
        let most = |name: &str| {
            let all = stage.cloud.world(|world| world.once_caught_up(|world| scaled(world, STACK)));
            all[name].bounds[1]
        };
        assert_eq!((most("api"), most("web")), (5, 3));
        let fixed = Manifest::of(
            &fs::read_to_string(&changed.path)
                .unwrap()
                .replace("[service.api]", "[service.api]\ncount = 2"),
        );
        done(&stage, &fixed.deploy_only("api")).await;
        let left = stage.cloud.world(|world| scaled(world, STACK));
        assert_eq!(left.keys().collect::<Vec<_>>(), ["web"]);
        done(&stage, &fixed.deploy()).await;
        fixed.holds(&stage.cloud).await.unwrap();
    });
}

/// Two resources more, in a listing that needs no manifest.
#[test]
fn targets_are_listed_with_the_stacks_of_a_region() {
    in_virtual_time(9, async || {
        let stage = usual(9);
        let listed = async || {
            let listed = lines(&done(&stage, &["list"]).await);
            let mut words = listed.split_whitespace();
            words.find_map(|word| word.parse::<usize>().ok()).unwrap_or_else(|| panic!("{listed}"))
        };
        done(&stage, &Manifest::with(SCALINGS[1].1).deploy()).await;
        let with = listed().await;
        done(&stage, &Manifest::with("").deploy()).await;
        assert_eq!(with - listed().await, 2);
    });
}

/// A service that somebody has deleted may have had a target. Whoever has no right to ask for one, since
/// nothing of the stack scales, goes on without.
#[test]
fn where_nothing_scales_nobody_need_be_able_to_ask_for_targets() {
    in_virtual_time(12, async || {
        let stage = usual(12);
        let flags = ["--pattern", "fargate-api"];
        let policy = crate::proofs::printed_policy(&stage, &flags).await;
        stage.cloud.set_policy(Policy::parse(&policy).unwrap());
        let deploy = [&["deploy", "--yes"], &flags[..]].concat();
        done(&stage, &deploy).await;
        let service = json!({ "cluster": "cluster-fargate-api", "service": "web", "force": true });
        let deleted =
            stage.cloud.world(|world| aws_sim::ecs::answer(world, "DeleteService", &service));
        deleted.expect("it is deleted");
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert!(done(&stage, &deploy).await.changes().contains(&"CreateService"));
        done(&stage, &["destroy", "--yes", "fargate-api"]).await;
    });
}
