//! Facts that only AWS can confirm (`docs/aws-facts.md`): ecsup works whichever way each falls.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::doubt::Doubt;
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use aws_sim::{autoscaling, ec2, ecs, iam};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::{Value, json};

use crate::proofs::{
    STACKS, deploy, destroy, expect, holds, ids, lifecycle, lifecycle_on, nothing_in_vain,
    nothing_left, on_all_processors, play_until_crash, printed_policy,
};

/// Doubts that take more than a few lifecycles to show: each has a test of its own, which sees it matter.
const SHOWN_ELSEWHERE: [Doubt; 9] = [
    // `a_cluster_that_appears_meanwhile_is_not_taken_over`
    Doubt::CreateClusterComparesTags,
    // `the_last_metrics_may_come_after_their_cluster`: a destroy is long enough to meet them.
    Doubt::InsightsWritesAfterCluster,
    // `answers::a_service_role_that_is_there_is_fine_in_every_wording`
    Doubt::LinkedRoleTakenOtherwise,
    // `lock::tests::no_two_work_at_once_whatever_listings_show`
    Doubt::ListingShowsEarlierVersions,
    // `an_instance_that_registered_early_does_not_lock_out`
    Doubt::RegisteredBeforeAssociation,
    // `a_registration_may_be_checked_for_no_resource`
    Doubt::RegistrationNamesNoResource,
    // `discovery::what_outlives_a_service_or_a_namespace_is_waited_for`
    Doubt::ServiceLeavesInstances,
    // `what_is_gone_may_be_denied`
    Doubt::WhatIsGoneIsDenied,
    // `discovery::what_outlives_a_service_or_a_namespace_is_waited_for`
    Doubt::ZoneOutlivesNamespace,
];

fn world_of_doubt(doubts: Vec<Doubt>) -> Scenario {
    Scenario { doubts, fresh_account: true, ..Scenario::default() }
}

/// What brings out the doubts about instances. Right after a destroy comes another deploy; then somebody
/// ends all instances, the network loses its way out, and the group is deleted by hand while a hook holds
/// its instances. All this a destroy has to clear up.
pub async fn a_bad_day(stage: &Stage, flags: &[&str]) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy at once")?;
    holds(cloud, flags).await?;
    cloud.world(end_instances);
    tokio::time::sleep(Duration::from_secs(5)).await;
    cloud.world(lose_the_way_out);
    cloud.world(delete_the_group);
    expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy")?;
    nothing_left(cloud, &before)
}

/// The one Auto Scaling group.
fn group(world: &mut World) -> Value {
    let groups =
        autoscaling::answer(world, "DescribeAutoScalingGroups", &json!({})).expect("it is told");
    groups.list("AutoScalingGroups")[0].clone()
}

fn delete_the_group(world: &mut World) {
    let name = group(world)["AutoScalingGroupName"].clone();
    let delete = json!({ "AutoScalingGroupName": name, "ForceDelete": true });
    autoscaling::answer(world, "DeleteAutoScalingGroup", &delete).expect("it is deleted");
}

fn scale(world: &mut World, instances: usize) {
    let name = group(world)["AutoScalingGroupName"].clone();
    let scale = json!({ "AutoScalingGroupName": name, "DesiredCapacity": instances });
    autoscaling::answer(world, "SetDesiredCapacity", &scale).expect("it scales");
}

fn end_instances(world: &mut World) {
    for instance in group(world).list("Instances") {
        let end = json!({
            "InstanceId": instance.text("InstanceId"),
            "ShouldDecrementDesiredCapacity": true,
        });
        autoscaling::answer(world, "TerminateInstanceInAutoScalingGroup", &end).expect("it ends");
    }
}

/// Takes the routes through NAT gateways out of their tables.
pub fn lose_the_way_out(world: &mut World) {
    let tables = ec2::answer(world, "DescribeRouteTables", &json!({})).expect("it is told");
    for table in tables.list("RouteTables") {
        let leads = |route: &Value| !route.text("NatGatewayId").is_empty();
        if table.list("Routes").iter().any(leads) {
            let route = json!({
                "RouteTableId": table.text("RouteTableId"),
                "DestinationCidrBlock": "0.0.0.0/0",
            });
            ec2::answer(world, "DeleteRoute", &route).expect("a route can be deleted");
        }
    }
}

/// A deploy dies when it has a provider, and somebody scales the group before the next one associates it.
/// It may be that ECS never counts such an instance: then nothing but its end helps, and the deploy
/// brings it about.
#[test]
fn an_instance_that_registered_early_does_not_lock_out() {
    for doubts in [vec![], vec![Doubt::RegisteredBeforeAssociation]] {
        let never = !doubts.is_empty();
        in_virtual_time(4, async || {
            let stage = Stage { cloud: Cloud::new(4, Scenario { doubts, ..Scenario::default() }) };
            let (cloud, flags) = (&stage.cloud, STACKS[0]);
            let before = ids(cloud);
            let only = Only {
                operation: "PutClusterCapacityProviders".to_owned(),
                about: String::new(),
                fault: Fault::CrashBefore,
            };
            cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            assert!(play_until_crash(&stage, &deploy(flags)).await.is_none(), "it dies");
            cloud.set_faults(Faults::default());
            cloud.world(|world| scale(world, 1));
            tokio::time::sleep(Duration::from_mins(15)).await;
            let again = stage.play(&deploy(flags)).await;
            expect(&again, Exit::Done, "deploy").unwrap();
            let ended = again.calls.iter().any(|call| call.operation == "TerminateInstances");
            assert_eq!(ended, never, "an instance is ended only when ECS never counts it");
            holds(cloud, flags).await.unwrap();
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy").unwrap();
            assert_eq!(ids(cloud), before);
        });
    }
}

/// Where ECS has not been used yet, it may take no provider for minutes. When an instance that registers
/// meanwhile is never counted, the first ones have to start when ECS knows whose they are.
#[test]
fn the_first_instances_wait_for_the_association() {
    in_virtual_time(4, async || {
        let scenario = Scenario {
            delays: [("iam.linked-role".to_owned(), 180.0..=180.0)].into(),
            ..world_of_doubt(vec![Doubt::RegisteredBeforeAssociation])
        };
        let stage = Stage { cloud: Cloud::new(4, scenario) };
        for service in ["autoscaling", "elasticloadbalancing"] {
            let service = format!("{service}.amazonaws.com");
            stage.cloud.world(|world| iam::make_linked_role(world, &service));
        }
        tokio::time::sleep(Duration::from_mins(5)).await;
        let deployed = stage.play(&deploy(STACKS[0])).await;
        expect(&deployed, Exit::Done, "deploy").unwrap();
        nothing_in_vain(&stage.cloud, &deployed).unwrap();
        holds(&stage.cloud, STACKS[0]).await.unwrap();
    });
}

/// A client that deletes cluster and log group at once leaves a group behind. A destroy switches the
/// metrics off first.
#[test]
fn the_last_metrics_may_come_after_their_cluster() {
    for doubts in [vec![], vec![Doubt::InsightsWritesAfterCluster]] {
        let left_behind = !doubts.is_empty();
        in_virtual_time(5, async || {
            let cloud = Cloud::new(5, Scenario { doubts, ..Scenario::default() });
            let before = ids(&cloud);
            let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
            let create = json!({ "clusterName": "demo", "settings": insights });
            cloud.world(|world| ecs::answer(world, "CreateCluster", &create)).expect("made");
            tokio::time::sleep(Duration::from_mins(2)).await;
            let delete = json!({ "cluster": "demo" });
            cloud.world(|world| ecs::answer(world, "DeleteCluster", &delete)).expect("deleted");
            tokio::time::sleep(Duration::from_mins(2)).await;
            let left: Vec<_> = ids(&cloud).difference(&before).cloned().collect();
            assert_eq!(!left.is_empty(), left_behind, "{left:?}");
        });
    }
    for flags in [STACKS[0], STACKS[2], STACKS[5]] {
        in_virtual_time(5, async || {
            let scenario = world_of_doubt(vec![Doubt::InsightsWritesAfterCluster]);
            let ended = lifecycle(5, flags, scenario).await;
            ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));
        });
    }
}

/// Somebody makes a cluster of the stack's name after the deploy has looked.
#[test]
fn a_cluster_that_appears_meanwhile_is_not_taken_over() {
    let mut codes = BTreeSet::new();
    for doubts in [vec![], vec![Doubt::CreateClusterComparesTags]] {
        in_virtual_time(3, async || {
            let stage = Stage { cloud: Cloud::new(3, Scenario { doubts, ..Scenario::default() }) };
            let cloud = &stage.cloud;
            let before = ids(cloud);
            let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
            let name = json!({ "clusterName": "cluster-internal-worker", "settings": insights });
            let appear = async {
                while !cloud.calls().iter().any(|call| call.operation == "CreateVpc") {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                cloud.world(|world| ecs::answer(world, "CreateCluster", &name).expect("made"));
            };
            let words = deploy(STACKS[0]);
            let (deployed, ()) = tokio::join!(stage.play(&words), appear);
            assert_eq!(deployed.exit, Exit::DeployIncomplete, "{}", deployed.said());
            let said = deployed.said();
            let why = "`cluster-internal-worker` exists but was not made by ecsup for this stack";
            assert!(said.contains(why), "{said}");
            expect(&stage.play(&destroy(STACKS[0])).await, Exit::Done, "destroy").unwrap();
            let theirs: Vec<_> = ids(cloud).difference(&before).cloned().collect();
            assert!(
                theirs.len() == 1 && theirs[0].ends_with("cluster-internal-worker"),
                "{theirs:?}"
            );
            let create = deployed.calls.iter().find(|it| it.operation == "CreateCluster").unwrap();
            codes.insert(create.refused.clone());
        });
    }
    assert_eq!(codes.len(), 2, "the doubt changes nothing");
}

/// Facts that only AWS can confirm: each holds whichever way it falls (`docs/aws-facts.md`), and each
/// makes a difference to some stack; otherwise nothing is shown.
#[test]
fn facts_in_doubt_may_fall_either_way() {
    let play = |seed: u64, flags, doubts| {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, world_of_doubt(doubts)) };
            lifecycle_on(&stage, flags).await?;
            if flags == STACKS[0] {
                a_bad_day(&stage, flags).await?;
            }
            Ok::<_, String>(stage.cloud.calls())
        })
    };
    let matter = Mutex::new(BTreeSet::new());
    let failed = on_all_processors(STACKS.len() as u64, |seed| {
        let flags = STACKS[usize::try_from(seed).unwrap()];
        let usual = play(seed, flags, Vec::new())?;
        for doubt in Doubt::ALL {
            let calls = play(seed, flags, vec![*doubt])
                .map_err(|why| format!("{doubt:?}, {flags:?}: {why}"))?;
            if calls != usual {
                matter.lock().unwrap().insert(*doubt);
            }
        }
        Ok(())
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    let matter = matter.into_inner().unwrap();
    let never: Vec<_> = Doubt::ALL.iter().filter(|doubt| !matter.contains(doubt)).collect();
    assert_eq!(never, SHOWN_ELSEWHERE.iter().collect::<Vec<_>>(), "doubts that change nothing");
}

#[test]
fn every_doubt_is_told_in_the_docs() {
    let facts = include_str!("../../docs/aws-facts.md");
    let (_, table) = facts.split_once("## Facts in doubt").expect("the chapter is there");
    let (table, _) = table.split_once("\n## ").expect("and another one follows");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let names = Doubt::ALL.iter().map(|doubt| doubt.name());
    assert_eq!(rows.collect::<BTreeSet<_>>(), names.collect());
}

/// The resource for which a registration is checked shows only under a policy: there, a statement
/// that names task definitions is not enough.
#[test]
fn a_registration_may_be_checked_for_no_resource() {
    for (seed, flags) in (0..).zip(STACKS) {
        in_virtual_time(seed, async || {
            let scenario = world_of_doubt(vec![Doubt::RegistrationNamesNoResource]);
            let stage = Stage { cloud: Cloud::new(seed, scenario) };
            let policy = printed_policy(&stage, flags).await;
            stage.cloud.set_policy(Policy::parse(&policy).unwrap());
            let ended = lifecycle_on(&stage, flags).await;
            ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));

            let mut narrow: Value = serde_json::from_str(&policy).unwrap();
            for statement in narrow["Statement"].as_array_mut().unwrap() {
                if statement.to_string().contains("ecs:RegisterTaskDefinition") {
                    statement["Resource"] = "arn:aws:ecs:*:*:task-definition/*".into();
                }
            }
            stage.cloud.set_policy(Policy::parse(&narrow.to_string()).unwrap());
            let denied = stage.play(&deploy(flags)).await;
            assert!(denied.said().contains("ecs:RegisterTaskDefinition"), "{}", denied.said());
        });
    }
}

#[test]
fn what_is_gone_may_be_denied() {
    let mut denied = 0;
    for (seed, flags) in (0..).zip(STACKS.iter().cycle().take(3 * STACKS.len())) {
        denied += in_virtual_time(seed, async || {
            let stage =
                Stage { cloud: Cloud::new(seed, world_of_doubt(vec![Doubt::WhatIsGoneIsDenied])) };
            let cloud = &stage.cloud;
            let before = ids(cloud);
            let policy = printed_policy(&stage, flags).await;
            cloud.set_policy(Policy::parse(&policy).unwrap());
            expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy").unwrap();
            holds(cloud, flags).await.unwrap();
            cloud.set_faults(Faults::rough());
            let destroyed = stage.play(&destroy(flags)).await;
            expect(&destroyed, Exit::Done, "destroy").unwrap();
            let left: Vec<_> = ids(cloud).difference(&before).cloned().collect();
            assert!(left.is_empty(), "{flags:?}, seed {seed}: {left:#?}");
            let codes = destroyed.calls.iter().filter_map(|call| call.refused.as_deref());
            codes.filter(|code| ["AccessDenied", "UnauthorizedOperation"].contains(code)).count()
        });
    }
    assert!(denied > 0, "nothing was denied, so nothing was shown");
}
