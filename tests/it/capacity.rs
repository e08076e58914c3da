//! Instances of several types, Spot instances, and instances that are replaced: the service is served all the
//! while, nothing is replaced that nobody asked for, and nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Crash, Faults};
use aws_sim::fields::Fields as _;
use aws_sim::scenario::Scenario;
use aws_sim::{autoscaling, ec2};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use serde_json::{Value, json};

use crate::goal::instances::{is_spot, misfits, staying};
use crate::goal::requests::unlike;
use crate::manifest::{spec, written};
use crate::proofs::{
    expect, ids, no_defects, nothing_denied, nothing_left, obey_the_printed_policy,
    on_all_processors, play_until_crash,
};
use crate::stage::{INTERNAL, deploy, done, end, stage, usual};
use crate::transitions::unanswered_while;

const STACK: &str = "demo";

/// What a manifest says of capacity, by a word.
const CAPACITIES: &[(&str, &str)] = &[
    ("one type", ""),
    ("another type", "instance_type = 'c6i.xlarge'"),
    ("two types", "instance_types = ['c6i.xlarge', 'c5.xlarge']"),
    ("Spot", "spot = true"),
    (
        "two types and Spot",
        "instance_types = ['c5.xlarge', 'c6i.xlarge']\nspot = true\non_demand_base = 1",
    ),
];

fn manifest(capacity: &str) -> String {
    format!(
        "stack = '{STACK}'\npattern = 'internal-worker'\n[capacity]\n\
         {capacity}\n[service.web]\nimage = 'nginx:1'\ncount = 4\n"
    )
}

async fn play(stage: &Stage, capacity: &str, words: &[&str]) -> Played {
    let (_folder, path) = written(&manifest(capacity));
    let (command, more) = words.split_first().expect("a command");
    stage.play(&[&[*command, "--file", &path], more].concat()).await
}

async fn holds(cloud: &Cloud, capacity: &str) -> Result<(), String> {
    tokio::time::sleep(Duration::from_mins(2)).await;
    let (_folder, path) = written(&manifest(capacity));
    let spec = spec(&path);
    let faults = cloud.world(|world| {
        world.once_caught_up(|world| [misfits(world, &spec), unlike(world, &spec)].concat())
    });
    if faults.is_empty() { Ok(()) } else { Err(format!("does not hold: {faults:#?}")) }
}

fn there(cloud: &Cloud) -> Vec<Value> {
    cloud.world(|world| staying(world, STACK))
}

fn names(cloud: &Cloud) -> BTreeSet<String> {
    there(cloud).iter().map(|it| it.text("InstanceId").to_owned()).collect()
}

fn refreshes(played: &Played) -> usize {
    let begun = |it: &&aws_sim::cloud::Record| {
        it.operation == "StartInstanceRefresh" && it.refused.is_none()
    };
    played.calls.iter().filter(begun).count()
}

#[test]
fn from_every_capacity_to_every_other_nobody_is_left_without_an_answer() {
    let pairs = CAPACITIES.iter().flat_map(|from| CAPACITIES.iter().map(move |to| (*from, *to)));
    let pairs: Vec<_> = pairs.filter(|(from, to)| from.0 != to.0).collect();
    let play = |seed: u64| {
        let ((from_name, from), (to_name, to)) = pairs[usize::try_from(seed).expect("few")];
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let cloud = &stage.cloud;
            let before = ids(cloud);
            expect(&play(&stage, from, &["deploy", "--yes"]).await, Exit::Done, "deploy")?;
            holds(cloud, from).await?;
            let change = play(&stage, to, &["deploy", "--yes"]);
            let (changed, unanswered) = unanswered_while(cloud, STACK, change).await;
            expect(&changed, Exit::Done, "the change")?;
            if unanswered > 0 {
                return Err(format!("no answer for {unanswered} s:\n{}", changed.said()));
            }
            holds(cloud, to).await?;
            let again = play(&stage, to, &["deploy", "--yes"]).await;
            expect(&again, Exit::Done, "the second deploy")?;
            if !again.changes().is_empty() {
                return Err(format!("the second deploy is not silent: {:?}", again.changes()));
            }
            expect(&stage.play(&["destroy", "--yes", STACK]).await, Exit::Done, "destroy")?;
            no_defects(cloud)?;
            nothing_left(cloud, &before)
        })
        .map_err(|why| format!("from {from_name} to {to_name}: {why}"))
    };
    let failed = on_all_processors(pairs.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn spot_instances_that_are_taken_back_are_emptied_first_and_replaced() {
    let capacity = CAPACITIES[4].1;
    for seed in 1..6 {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let cloud = &stage.cloud;
            let deployed = play(&stage, capacity, &["deploy", "--yes"]).await;
            assert_eq!(deployed.exit, Exit::Done, "{}", deployed.said());
            let before = there(cloud);
            let (spot, base): (Vec<_>, Vec<_>) = before.iter().partition(|it| is_spot(it));
            assert_eq!((spot.len(), base.len()), (1, 1), "{before:#?}");
            let id = spot[0].text("InstanceId").to_owned();
            let passes = async {
                cloud.world(|world| ec2::interrupt(world, &id));
                tokio::time::sleep(Duration::from_mins(10)).await;
            };
            let ((), unanswered) = unanswered_while(cloud, STACK, passes).await;
            assert_eq!(unanswered, 0);
            assert!(!names(cloud).contains(&id));
            holds(cloud, capacity).await.unwrap();
            no_defects(cloud).unwrap();
        });
    }
}

#[test]
fn a_lack_of_spot_instances_is_told_as_such() {
    let none = Scenario { no_spot: true, ..Scenario::default() };
    let said =
        stage(none, async |stage| end(&play(stage, "spot = true", &["deploy", "--yes"]).await));
    assert!(said.contains("EC2 has no Spot instances of this type left"), "{said}");
    assert!(said.contains("or more of them in `instance_types`"), "{said}");
}

#[test]
fn types_that_do_not_fit_together_are_refused_before_anything_is_made() {
    let refused = |capacity: &str| {
        stage(Scenario::default(), async |stage| {
            let played = play(stage, capacity, &["deploy", "--yes"]).await;
            assert_eq!(played.exit, Exit::Refused, "{}", played.said());
            assert_eq!(played.changes(), [""; 0]);
            let said = end(&played);
            said.lines().next().unwrap_or_default().split_once("toml:").unwrap().1.to_owned()
        })
    };
    insta::assert_snapshot!(refused("instance_types = ['c5.xlarge', 'c6g.xlarge']"), @"4:18: capacity.instance_types `c6g.xlarge`: is arm64, and c5.xlarge is x86_64: all instances boot one machine image");
    insta::assert_snapshot!(refused("instance_types = ['c5.xlarge', 'c5.nowhere']"), @"4:18: capacity.instance_types `c5.nowhere`: is not an instance type of this region");
    insta::assert_snapshot!(refused("instance_types = ['c5.xlarge', 'g4dn.xlarge']"), @"4:18: capacity.instance_types `g4dn.xlarge`: is with a GPU, and c5.xlarge has none: all instances boot one machine image");
    // The smallest one counts.
    insta::assert_snapshot!(refused("instance_types = ['c5.xlarge', 't3.nano']"), @"4:18: capacity.instance_types `t3.nano`: `t3.nano` has 441 MiB of memory for tasks, and one task needs 512: say `memory` 416 or less, or take a larger --instance-type");
    insta::assert_snapshot!(refused("instance_types = ['c5.xlarge', 'c5.xlarge']"), @"4:32: capacity.instance_types `c5.xlarge`: is there twice");
    insta::assert_snapshot!(refused("instance_type = 'c5.large'\ninstance_types = ['c5.xlarge']"), @"4:17: capacity.instance_type `c5.large`: cannot stand beside instance_types (line 5), which are instead of it");
    insta::assert_snapshot!(refused("on_demand_base = 1"), @"4:18: capacity.on_demand_base `1`: means nothing without `spot`: all instances are on demand");
    insta::assert_snapshot!(refused("spot = true\non_demand_base = 3\nmax_size = 2"), @"5:18: capacity.on_demand_base `3`: must not be larger than max_size (line 6), which is 2");
}

#[test]
fn a_plan_announces_what_is_rolled_and_of_whom_init_writes_the_same() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let planned = async |capacity: &str| {
            let played = play(&stage, capacity, &["plan"]).await;
            let lines = played.recording.out.iter();
            let lines = lines.map(|line| anstream::adapter::strip_str(line).to_string());
            let of_capacity = |line: &String| {
                ["capacity/", "warning", "differ"].iter().any(|it| line.contains(it))
            };
            lines.filter(of_capacity).collect::<Vec<_>>().join("\n")
        };
        let capacity = "instance_types = ['c6i.xlarge', 'm6i.xlarge']\nspot = true";
        let first = play(&stage, "", &["deploy", "--yes"]).await;
        assert_eq!(first.exit, Exit::Done, "{}", first.said());
        insta::assert_snapshot!(planned(capacity).await, @r"
          change  capacity/refresh                     instance refresh: rolls 2 instances: another first script, type c5.xlarge → replaced, new ones first
        should take about 8m15s: launch-template → auto-scaling-group → capacity/refresh (typical AWS durations, see docs/aws-facts.md; `ecsup rehearse` plays it)
        ");
        let changed = play(&stage, capacity, &["deploy", "--yes"]).await;
        assert_eq!((changed.exit, refreshes(&changed)), (Exit::Done, 1), "{}", changed.said());
        let (folder, _) = written("");
        let path = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", STACK, "--file", &path]).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("instance_types = [\"c6i.xlarge\", \"m6i.xlarge\"]\n"), "{text}");
        assert!(text.contains("spot = true\n"), "{text}");
        let again = done(&stage, &["deploy", "--yes", "--file", &path]).await;
        assert_eq!(again.changes(), [""; 0]);
    });
}

#[test]
fn instances_are_replaced_only_for_what_makes_them_others() {
    const OTHER: &str = "ami-0ec5000000000a000";
    in_virtual_time(4, async || {
        let stage = usual(4);
        let cloud = &stage.cloud;
        let rolls = async |more: &[&str]| {
            let played = deploy(&stage, &INTERNAL, more).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            let of_stack = cloud.world(|world| staying(world, "internal-worker"));
            let now: BTreeSet<_> =
                of_stack.iter().map(|it| it.text("InstanceId").to_owned()).collect();
            (refreshes(&played), now)
        };
        let (first, born) = rolls(&["--ami", OTHER]).await;
        assert_eq!((first, born.len()), (0, 2));
        // There is a newer AMI, and other tags; nobody has asked to replace instances.
        let (silent, same) = rolls(&["--tag", "team=payments"]).await;
        assert_eq!((silent, &same), (0, &born));
        let (asked, newest) = rolls(&["--refresh-ami", "--tag", "team=payments"]).await;
        assert_eq!(asked, 1);
        assert!(newest.is_disjoint(&born), "{newest:?}");
        let (kept, same) = rolls(&["--tag", "team=payments"]).await;
        assert_eq!((kept, &same), (0, &newest));
        let (named, others) = rolls(&["--ami", OTHER, "--tag", "team=payments"]).await;
        assert_eq!(named, 1);
        assert!(others.is_disjoint(&newest));
        no_defects(cloud).unwrap();
    });
}

/// Answers a call of somebody else.
fn somebody(cloud: &Cloud, operation: &str) -> Value {
    let name = format!("asg-{STACK}");
    let input = json!({ "AutoScalingGroupName": name, "AutoScalingGroupNames": [name] });
    cloud.world(|world| autoscaling::answer(world, operation, &input)).expect(operation)
}

#[test]
fn a_refresh_that_somebody_cancels_is_told_and_the_next_deploy_goes_on() {
    in_virtual_time(5, async || {
        let stage = usual(5);
        let cloud = &stage.cloud;
        let (from, to) = (CAPACITIES[0].1, CAPACITIES[1].1);
        play(&stage, from, &["deploy", "--yes"]).await;
        let cancels = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            somebody(cloud, "CancelInstanceRefresh");
        };
        let (changed, ()) = tokio::join!(play(&stage, to, &["deploy", "--yes"]), cancels);
        assert_eq!(changed.exit, Exit::DeployIncomplete, "{}", changed.said());
        let said = end(&changed);
        assert!(said.contains("ended as Cancelled"), "{said}");
        assert!(said.contains("Cancelled due to user request"), "{said}");
        // One that runs already is joined, whoever has begun it.
        let input = json!({
            "AutoScalingGroupName": format!("asg-{STACK}"),
            "Preferences": { "ScaleInProtectedInstances": "Refresh", "SkipMatching": true },
        });
        let begun = |world: &mut _| autoscaling::answer(world, "StartInstanceRefresh", &input);
        cloud.world(begun).unwrap();
        let again = play(&stage, to, &["deploy", "--yes"]).await;
        assert_eq!((again.exit, refreshes(&again)), (Exit::Done, 0), "{}", again.said());
        holds(cloud, to).await.unwrap();
        no_defects(cloud).unwrap();
    });
}

/// The members of the group, each with its state.
fn members(cloud: &Cloud) -> BTreeMap<String, String> {
    let groups = somebody(cloud, "DescribeAutoScalingGroups");
    let group = groups.list("AutoScalingGroups").iter().flat_map(|it| it.list("Instances"));
    let text = |it: &Value, name: &str| it.text(name).to_owned();
    group.map(|it| (text(it, "InstanceId"), text(it, "LifecycleState"))).collect()
}

/// Deploys, changes the type, and lets something happen once the draining hook holds the last of the former
/// instances. Returns these and how the change went.
async fn at_the_last_one(
    stage: &Stage,
    more: &[&str],
    happens: impl FnOnce(&str),
) -> (BTreeSet<String>, Played) {
    let (from, to) = (CAPACITIES[0].1, CAPACITIES[1].1);
    let first = play(stage, from, &["deploy", "--yes"]).await;
    assert_eq!(first.exit, Exit::Done, "{}", first.said());
    let former = names(&stage.cloud);
    let happens = async {
        loop {
            let members = members(&stage.cloud);
            let left: Vec<_> = members.iter().filter(|(id, _)| former.contains(*id)).collect();
            if let [(last, state)] = left[..]
                && state == "Terminating:Wait"
            {
                return happens(last);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let change = [&["deploy", "--yes"], more].concat();
    let (changed, ()) = tokio::join!(play(stage, to, &change), happens);
    (former, changed)
}

#[test]
fn what_somebody_terminates_while_it_is_drained_holds_up_no_replacement() {
    in_virtual_time(7, async || {
        let stage = usual(7);
        let cloud = &stage.cloud;
        let terminates = |last: &str| {
            let input = json!({ "InstanceIds": [last] });
            cloud.world(|world| ec2::answer(world, "TerminateInstances", &input)).unwrap();
        };
        let (_, changed) = at_the_last_one(&stage, &[], terminates).await;
        assert_eq!(changed.exit, Exit::Done, "{}", changed.said());
        holds(cloud, CAPACITIES[1].1).await.unwrap();
    });
}

/// The last one waits for its tasks, which cannot start elsewhere.
#[test]
fn a_deploy_goes_on_with_the_last_one_that_another_was_replacing() {
    in_virtual_time(8, async || {
        let stage = usual(8);
        let cloud = &stage.cloud;
        let cuts_off = |_: &str| {
            cloud.world(|world| {
                let tables = ec2::answer(world, "DescribeRouteTables", &json!({})).unwrap();
                let leads_out = |it: &&Value| it.some_text("NatGatewayId").is_some();
                for table in tables.list("RouteTables") {
                    if table.list("Routes").iter().any(|it| leads_out(&it)) {
                        let id = table.text("RouteTableId");
                        let route =
                            json!({ "RouteTableId": id, "DestinationCidrBlock": "0.0.0.0/0" });
                        ec2::answer(world, "DeleteRoute", &route).unwrap();
                    }
                }
            });
        };
        let (former, changed) = at_the_last_one(&stage, &["--timeout", "40m"], cuts_off).await;
        assert_eq!(changed.exit, Exit::DeployIncomplete, "{}", changed.said());
        let said = end(&changed);
        let waits = "capacity/refresh: not ready yet: the instance refresh (";
        assert!(said.contains(waits) && said.contains("Waiting for terminating"), "{said}");
        let again = play(&stage, CAPACITIES[1].1, &["deploy", "--yes"]).await;
        assert_eq!((again.exit, refreshes(&again)), (Exit::Done, 0), "{}", again.said());
        let left: Vec<_> = members(cloud).into_keys().filter(|id| former.contains(id)).collect();
        assert_eq!(left, [""; 0], "{}", again.said());
        holds(cloud, CAPACITIES[1].1).await.unwrap();
    });
}

#[test]
fn a_deploy_that_dies_while_instances_are_replaced_is_taken_up_or_removed() {
    let dies = |at: u64| -> Result<(), String> {
        in_virtual_time(at, async || {
            let stage = usual(at);
            let cloud = &stage.cloud;
            let before = ids(cloud);
            let from = if at.is_multiple_of(2) { CAPACITIES[0].1 } else { CAPACITIES[3].1 };
            let to = CAPACITIES[1].1;
            expect(&play(&stage, from, &["deploy", "--yes"]).await, Exit::Done, "deploy")?;
            let (_folder, path) = written(&manifest(to));
            let words = ["deploy", "--yes", "--file", &path];
            let usual_calls = 45;
            let crash = Crash {
                at: cloud.count() + usual_calls + usize::try_from(at).unwrap_or_default(),
                after: at.is_multiple_of(3),
            };
            cloud.set_faults(Faults { crash: Some(crash), ..Faults::default() });
            drop(play_until_crash(&stage, &words).await);
            cloud.set_faults(Faults::default());
            if !at.is_multiple_of(4) {
                expect(&stage.play(&words).await, Exit::Done, "deploy again")?;
                holds(cloud, to).await?;
            }
            expect(&stage.play(&["destroy", "--yes", STACK]).await, Exit::Done, "destroy")?;
            no_defects(cloud)?;
            nothing_left(cloud, &before)
        })
    };
    let failed = on_all_processors(16, dies);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn the_printed_policy_is_enough_for_spot_and_for_what_is_replaced() {
    in_virtual_time(6, async || {
        let stage = usual(6);
        obey_the_printed_policy(&stage, &["--pattern", "internal-worker", "--stack", STACK]).await;
        for (_, capacity) in [CAPACITIES[4], CAPACITIES[2], CAPACITIES[0]] {
            let played = play(&stage, capacity, &["deploy", "--yes"]).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
        }
        done(&stage, &["destroy", "--yes", STACK]).await;
        nothing_denied(&stage.cloud).unwrap();
    });
}
