//! Answers that AWS gives now and then, and what it does by itself: ecsup lives with all of it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::doubt::Doubt;
use aws_sim::ec2::vpc_endpoint::{self, New};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::{Fields as _, Tags};
use aws_sim::policy::Policy;
use aws_sim::scenario::{self, Scenario};
use aws_sim::world::World;
use aws_sim::{autoscaling, ecs, iam, logs};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time, sdk_config};
use serde_json::json;

use crate::proofs::{
    STACKS, deploy, destroy, expect, holds, ids, lifecycle_on, nothing_in_vain, nothing_left,
    play_until_crash, printed_policy,
};

fn slow(delays: &[(&str, RangeInclusive<f64>)]) -> Scenario {
    let delays = delays.iter().map(|(label, range)| ((*label).to_owned(), range.clone()));
    Scenario { delays: delays.collect(), ..Scenario::default() }
}

/// The codes with which an operation was refused.
fn refusals(played: &Played, operation: &str) -> BTreeSet<String> {
    let calls = played.calls.iter().filter(|call| call.operation == operation);
    calls.filter_map(|call| call.refused.clone()).collect()
}

/// Who is calling is asked first, and as patiently as anything else.
#[test]
fn a_command_does_not_end_because_its_first_call_goes_wrong() {
    let mut again = 0;
    for seed in 0..20 {
        let listed = in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            stage.cloud.set_faults(Faults {
                throttle: 0.1,
                server_error: 0.15,
                reset: 0.05,
                ..Faults::default()
            });
            stage.play(&["list"]).await
        });
        expect(&listed, Exit::Done, "list").unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let asked = listed.calls.iter().filter(|call| call.operation == "GetCallerIdentity");
        again = again.max(asked.count());
    }
    assert!(again > 2, "nothing went wrong twice, so nothing was shown");
}

#[test]
fn a_nat_gateway_waits_for_what_only_it_does_not_know_yet() {
    let mut codes = BTreeSet::new();
    for seed in 0..8 {
        let hidden = slow(&[("ec2.visible", 0.0..=20.0), ("nat-gateway.learning", 0.0..=20.0)]);
        let deployed = in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, hidden) };
            stage.play(&deploy(STACKS[0])).await
        });
        expect(&deployed, Exit::Done, "deploy").unwrap();
        codes.extend(refusals(&deployed, "CreateNatGateway"));
    }
    let codes: Vec<_> = codes.iter().map(String::as_str).collect();
    assert_eq!(codes, ["InvalidElasticIpID.NotFound", "InvalidSubnet"]);
}

/// Every call that names something new of EC2, whoever's call it is.
#[test]
fn what_ec2_hides_for_long_is_waited_for() {
    for (seed, flags) in (0..).zip(STACKS.iter().cycle().take(2 * STACKS.len())) {
        let hidden = slow(&[("ec2.visible", 0.0..=25.0)]);
        let ended = in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, hidden) };
            let deployed = stage.play(&deploy(flags)).await;
            expect(&deployed, Exit::Done, "deploy")?;
            nothing_in_vain(&stage.cloud, &deployed)
        });
        ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));
    }
}

#[test]
fn a_subnet_is_ready_when_it_is_available() {
    let pending = slow(&[("subnet.pending", 30.0..=30.0), ("ec2.visible", 0.0..=0.0)]);
    let deployed = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, pending) };
        stage.play(&deploy(STACKS[0])).await
    });
    expect(&deployed, Exit::Done, "deploy").unwrap();
    let at = |operation: &str| {
        deployed.calls.iter().find(|call| call.operation == operation).map(|call| call.at)
    };
    let (subnet, group) = (at("CreateSubnet").unwrap(), at("CreateAutoScalingGroup").unwrap());
    assert!(group >= subnet + Duration::from_secs(30), "{subnet:?}, {group:?}");
}

#[test]
fn a_profile_may_be_seen_before_its_role() {
    let late = slow(&[("iam.profile", 0.0..=0.0), ("iam.profile-role", 60.0..=60.0)]);
    let deployed = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, late) };
        stage.play(&deploy(STACKS[0])).await
    });
    expect(&deployed, Exit::Done, "deploy").unwrap();
    let codes = refusals(&deployed, "CreateAutoScalingGroup");
    assert_eq!(codes, BTreeSet::from(["ValidationError".to_owned()]));
}

/// How many instances the group of a stack has, and how many serve its cluster.
fn instances(cloud: &Cloud, stack: &str) -> [usize; 2] {
    cloud.world(|world| {
        let group = json!({ "AutoScalingGroupNames": [format!("asg-{stack}")] });
        let group = autoscaling::answer(world, "DescribeAutoScalingGroups", &group);
        let cluster = json!({ "cluster": format!("cluster-{stack}") });
        let serving = ecs::answer(world, "ListContainerInstances", &cluster);
        let [group, serving] = [group, serving].map(|answer| answer.expect("it is told"));
        let group = &group.list("AutoScalingGroups")[0];
        [group.list("Instances").len(), serving.list("containerInstanceArns").len()]
    })
}

/// An agent that does not find its cluster gives up for good.
#[test]
fn no_instance_starts_before_its_cluster_is_active() {
    in_virtual_time(1, async || {
        let late = slow(&[("cluster.provision", 150.0..=150.0)]);
        let stage = Stage { cloud: Cloud::new(1, late) };
        let flags = [STACKS[0], &["--min-size", "2"]].concat();
        let deployed = stage.play(&deploy(&flags)).await;
        expect(&deployed, Exit::Done, "deploy").unwrap();
        nothing_in_vain(&stage.cloud, &deployed).unwrap();
        assert_eq!(instances(&stage.cloud, STACKS[0][1]), [2, 2]);
    });
}

/// The first instances start while ECS still gives the group its tag.
#[test]
fn instances_that_nobody_needs_any_more_go() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let [many, few] = ["8", "1"].map(|count| [STACKS[0], &["--count", count]].concat());
        expect(&stage.play(&deploy(&many)).await, Exit::Done, "deploy").unwrap();
        assert_eq!(instances(&stage.cloud, STACKS[0][1]), [3, 3]);
        expect(&stage.play(&deploy(&few)).await, Exit::Done, "the change").unwrap();
        tokio::time::sleep(Duration::from_mins(45)).await;
        assert_eq!(instances(&stage.cloud, STACKS[0][1]), [1, 1]);
        holds(&stage.cloud, &few).await.unwrap();
    });
}

/// Somebody else has just made the roles, and IAM does not list them yet.
#[test]
fn a_service_role_that_is_there_is_fine_in_every_wording() {
    let otherwise = (vec![Doubt::LinkedRoleTakenOtherwise], "EntityAlreadyExists");
    for (doubts, code) in [(vec![], "InvalidInput"), otherwise] {
        let delays = slow(&[("iam.visible", 20.0..=20.0)]).delays;
        let scenario = Scenario { fresh_account: true, delays, doubts, ..Scenario::default() };
        let deployed = in_virtual_time(1, async || {
            let stage = Stage { cloud: Cloud::new(1, scenario) };
            for service in ["ecs", "autoscaling", "elasticloadbalancing"] {
                let service = format!("{service}.amazonaws.com");
                stage.cloud.world(|world| iam::make_linked_role(world, &service));
            }
            stage.play(&deploy(STACKS[0])).await
        });
        expect(&deployed, Exit::Done, "deploy").unwrap();
        let codes = refusals(&deployed, "CreateServiceLinkedRole");
        assert_eq!(codes, BTreeSet::from([code.to_owned()]));
    }
}

#[test]
fn interfaces_of_a_load_balancer_may_linger_for_twenty_minutes() {
    for flags in [STACKS[1], STACKS[2]] {
        let linger = slow(&[("load-balancer.interfaces", 1200.0..=1200.0)]);
        let ended = in_virtual_time(1, async || {
            lifecycle_on(&Stage { cloud: Cloud::new(1, linger) }, flags).await
        });
        ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));
    }
}

// ---- the log group of Container Insights

/// Long enough that whatever was made is seen.
const SEEN: Duration = Duration::from_secs(10);

const INSIGHTS: &str = "/aws/ecs/containerinsights/cluster-internal-worker/performance";

#[test]
fn the_rest_of_a_former_cluster_is_adopted() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let before = ids(&stage.cloud);
        stage.cloud.world(|world| logs::write(world, INSIGHTS));
        tokio::time::sleep(SEEN).await;
        expect(&stage.play(&deploy(STACKS[0])).await, Exit::Done, "deploy").unwrap();
        let tagged = stage.cloud.world(World::tagged);
        let tags = tagged.iter().find(|(_, id, _)| id == INSIGHTS).map(|(.., tags)| tags);
        let stack = tags.and_then(|tags| tags.get("ecsup:stack"));
        assert_eq!(stack.map(String::as_str), Some("internal-worker"));
        let again = stage.play(&deploy(STACKS[0])).await;
        assert_eq!(again.changes(), [""; 0]);
        expect(&stage.play(&destroy(STACKS[0])).await, Exit::Done, "destroy").unwrap();
        assert_eq!(ids(&stage.cloud), before);
    });
}

#[test]
fn the_group_of_a_living_cluster_is_left_alone() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let ecs = aws_sdk_ecs::Client::new(&sdk_config(&stage.cloud, "us-east-1"));
        ecs.create_cluster().cluster_name("cluster-internal-worker").send().await.unwrap();
        stage.cloud.world(|world| logs::write(world, INSIGHTS));
        tokio::time::sleep(SEEN).await;
        let theirs = stage.cloud.world(World::tagged);
        let deployed = stage.play(&deploy(STACKS[0])).await;
        expect(&deployed, Exit::Refused, "deploy").unwrap();
        assert!(deployed.said().contains(INSIGHTS), "{}", deployed.said());
        assert_eq!(stage.cloud.world(World::tagged), theirs);
    });
}

/// Its last metrics come when the cluster is gone: into a group that AWS makes for them, without tags.
fn late_metrics(after: f64) -> Scenario {
    Scenario {
        doubts: vec![Doubt::InsightsWritesAfterCluster],
        ..slow(&[("insights.flush", after..=after)])
    }
}

/// A deleted cluster is still described with its tags, and so says whose the group is.
#[test]
fn a_destroy_takes_what_comes_late_of_its_cluster() {
    let group = json!({ "logGroupName": INSIGHTS });
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, late_metrics(20.0)) };
        let before = ids(&stage.cloud);
        expect(&stage.play(&deploy(STACKS[0])).await, Exit::Done, "deploy").unwrap();
        // Nothing is there that the metrics could be written into.
        stage.cloud.world(|world| logs::answer(world, "DeleteLogGroup", &group)).unwrap();
        expect(&stage.play(&destroy(STACKS[0])).await, Exit::Done, "destroy").unwrap();
        assert_eq!(ids(&stage.cloud), before);
    });
}

/// What comes when no command runs any more is found by the next one, and nothing of others is.
#[test]
fn the_rest_of_a_destroyed_stack_can_be_removed_later() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, late_metrics(500.0)) };
        let cloud = &stage.cloud;
        let before = ids(cloud);
        expect(&stage.play(&deploy(STACKS[0])).await, Exit::Done, "deploy").unwrap();
        expect(&stage.play(&destroy(STACKS[0])).await, Exit::Done, "destroy").unwrap();
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert!(nothing_left(cloud, &before).is_err(), "nothing has come");
        let listed = stage.play(&["list"]).await;
        let listed = listed.recording.out.join("\n");
        assert!(listed.contains("internal-worker"), "{listed}");
        expect(&stage.play(&destroy(STACKS[0])).await, Exit::Done, "again").unwrap();
        nothing_left(cloud, &before).unwrap();

        let theirs = json!({ "clusterName": "cluster-internal-worker" });
        cloud.world(|world| ecs::answer(world, "CreateCluster", &theirs)).unwrap();
        cloud.world(|world| logs::write(world, INSIGHTS));
        let theirs = json!({ "cluster": "cluster-internal-worker" });
        cloud.world(|world| ecs::answer(world, "DeleteCluster", &theirs)).unwrap();
        tokio::time::sleep(SEEN).await;
        let last = stage.play(&destroy(STACKS[0])).await;
        assert_eq!(last.changes(), [""; 0], "{}", last.said());
        assert!(ids(cloud).iter().any(|id| id.ends_with(INSIGHTS)), "it was theirs");
    });
}

/// A destroy dies when it has removed the group, and it comes again while nobody looks.
#[test]
fn another_destroy_takes_what_came_late_as_well() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, late_metrics(500.0)) };
        let cloud = &stage.cloud;
        let before = ids(cloud);
        expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
        let (operation, about) = ("DeleteLogGroup".to_owned(), "performance".to_owned());
        let only = Some(Only { operation, about, fault: Fault::CrashAfter });
        cloud.set_faults(Faults { only, ..Faults::default() });
        assert!(play_until_crash(&stage, &destroy(STACKS[2])).await.is_none(), "it dies");
        cloud.set_faults(Faults::default());
        tokio::time::sleep(Duration::from_mins(10)).await;
        expect(&stage.play(&destroy(STACKS[2])).await, Exit::Done, "destroy").unwrap();
        nothing_left(cloud, &before).unwrap();
    });
}

// ---- GuardDuty

fn guarded(delays: &[(&str, RangeInclusive<f64>)]) -> Scenario {
    let world = scenario::named("guardduty").expect("a world with GuardDuty").scenario();
    Scenario { delays: slow(delays).delays, ..world }
}

#[test]
fn what_guard_duty_plants_goes_with_the_vpc() {
    for (seed, flags) in (0..).zip(STACKS) {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, guarded(&[])) };
            let policy = printed_policy(&stage, flags).await;
            stage.cloud.set_policy(Policy::parse(&policy).unwrap());
            let ended = lifecycle_on(&stage, flags).await;
            ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));
            let actions = stage.cloud.actions();
            assert!(actions.contains("ec2:DeleteVpcEndpoints"), "{flags:?}: nothing was planted");
        });
    }
}

/// It is often planted again while the interfaces of the one before still hold the subnets.
#[test]
fn what_guard_duty_plants_again_goes_too() {
    let mut removed = Vec::new();
    for seed in 0..4 {
        let again = guarded(&[
            ("guard-duty.planting-again", 5.0..=60.0),
            ("vpc-endpoint.interfaces", 40.0..=40.0),
        ]);
        removed.push(in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, again) };
            let before = ids(&stage.cloud);
            expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
            let destroyed = stage.play(&destroy(STACKS[2])).await;
            expect(&destroyed, Exit::Done, "destroy").unwrap();
            assert_eq!(ids(&stage.cloud), before);
            let calls = destroyed.calls.iter().filter(|it| it.operation == "DeleteVpcEndpoints");
            let ids = calls.map(|call| call.input["VpcEndpointIds"].to_string());
            ids.collect::<BTreeSet<_>>().len()
        }));
    }
    assert!(removed.iter().any(|endpoints| *endpoints > 1), "none was planted again: {removed:?}");
}

#[test]
fn what_guard_duty_plants_elsewhere_stays() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, guarded(&[])) };
        let other = [&deploy(STACKS[2])[..], &["--stack", "other"]].concat();
        expect(&stage.play(&other).await, Exit::Done, "the other's deploy").unwrap();
        tokio::time::sleep(Duration::from_mins(5)).await;
        let theirs = ids(&stage.cloud);
        assert!(theirs.iter().any(|id| id.contains("vpce-")), "nothing was planted");
        expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
        expect(&stage.play(&destroy(STACKS[2])).await, Exit::Done, "destroy").unwrap();
        let now = ids(&stage.cloud);
        let changed: Vec<_> = theirs.symmetric_difference(&now).collect();
        assert!(changed.is_empty(), "{changed:#?}");
    });
}

/// An endpoint in our VPC that is not GuardDuty's is not ours to remove: it is named.
#[test]
fn a_strange_endpoint_stays_and_is_named() {
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
        let of = |world: &mut World, kind: &str, node: &str| {
            let all = world.tagged();
            let mut all = all.into_iter().filter(|(is, ..)| is == kind);
            let found = all.find(|(.., tags)| tags.get("ecsup:node").is_some_and(|it| it == node));
            found.map(|(_, id, _)| id).expect("it was deployed")
        };
        stage.cloud.world(|world| {
            let vpc = of(world, "vpc", "vpc");
            let subnet = of(world, "subnet", "subnet/private-1");
            let group = of(world, "security-group", "security-group/service");
            let service = "com.amazonaws.us-east-1.guardduty".to_owned();
            let tags = Tags::from([("GuardDutyManaged".to_owned(), "true".to_owned())]);
            let subnets = vec![subnet];
            vpc_endpoint::put(world, New { vpc: &vpc, service, subnets, group, tags });
        });
        let destroyed = stage.play(&destroy(STACKS[2])).await;
        expect(&destroyed, Exit::DestroyIncomplete, "destroy").unwrap();
        let said = destroyed.said();
        for held in ["subnet/private-1", "security-group/service", "vpc"] {
            let line = said.lines().find(|line| line.contains(&format!("{held} (")));
            let line = line.unwrap_or_else(|| panic!("{held} is not left:\n{said}"));
            assert!(line.contains("com.amazonaws.us-east-1.guardduty"), "{line}");
        }
        assert!(!destroyed.changes().contains(&"DeleteVpcEndpoints"));
    });
}
