//! Endpoints: they come and go with their flag, and none is left behind or taken for ours.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ec2;
use aws_sim::fields::Fields as _;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::{Value, json};

use crate::proofs::{
    CLOSED, IN_ECR, STACKS, WITH_ENDPOINT, deploy, destroy, expect, holds, ids, lifecycle_on,
    no_defects, nothing_denied, nothing_left, obey_the_printed_policy,
};
use crate::stage::usual;

/// Until AWS shows what was changed by hand.
const SHOWN: Duration = Duration::from_secs(30);

/// What somebody does with a console.
fn by_hand(stage: &Stage, operation: &str, input: &Value) -> Value {
    let answer = stage.cloud.world(|world| ec2::answer(world, operation, input));
    answer.unwrap_or_else(|refusal| panic!("{operation} by hand: {refusal:?}"))
}

/// The endpoints that are there: their ids and tables.
fn endpoints(stage: &Stage) -> Vec<(String, Vec<String>)> {
    let shown = by_hand(stage, "DescribeVpcEndpoints", &json!({}));
    let endpoints = shown.list("VpcEndpoints").iter();
    endpoints.map(|it| (it.text("VpcEndpointId").to_owned(), it.texts("RouteTableIds"))).collect()
}

#[test]
fn a_stack_with_an_endpoint_comes_and_goes() {
    for (seed, guard_duty) in [(0, false), (1, true)] {
        in_virtual_time(seed, async || {
            let scenario = Scenario { guard_duty, ..Scenario::default() };
            let stage = Stage { cloud: Cloud::new(seed, scenario) };
            obey_the_printed_policy(&stage, WITH_ENDPOINT).await;
            lifecycle_on(&stage, WITH_ENDPOINT).await.unwrap();
            nothing_denied(&stage.cloud).unwrap();
        });
    }
}

#[test]
fn endpoints_go_when_they_are_asked_for_no_more() {
    for (seed, flags) in (0..).zip([STACKS[0], STACKS[2], STACKS[5]]) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let before = ids(&stage.cloud);
            obey_the_printed_policy(&stage, flags).await;
            let with = |list| [flags, &["--endpoints", list]].concat();
            // From both to one, from one to the other, and to none.
            for flags in [with("s3,dynamodb"), with("s3"), with("dynamodb"), flags.to_vec()] {
                let words = [&deploy(&flags)[..], &["--accept-defaults"]].concat();
                expect(&stage.play(&words).await, Exit::Done, "deploy").unwrap();
                holds(&stage.cloud, &flags).await.unwrap();
                let again = stage.play(&deploy(&flags)).await;
                expect(&again, Exit::Done, "the second deploy").unwrap();
                assert!(again.changes().is_empty(), "{flags:?}: {:?}", again.changes());
            }
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy").unwrap();
            no_defects(&stage.cloud).unwrap();
            nothing_denied(&stage.cloud).unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

/// Where tasks move behind NAT gateways, their endpoint moves with them.
#[test]
fn an_endpoint_follows_the_tasks_into_other_subnets() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let flags = [STACKS[5], &["--endpoints", "s3"]].concat();
        expect(&stage.play(&deploy(&flags)).await, Exit::Done, "deploy").unwrap();
        holds(&stage.cloud, &flags).await.unwrap();
        let first = endpoints(&stage);
        let words = [&deploy(WITH_ENDPOINT)[..], &["--accept-defaults"]].concat();
        expect(&stage.play(&words).await, Exit::Done, "the change").unwrap();
        holds(&stage.cloud, WITH_ENDPOINT).await.unwrap();
        let then = endpoints(&stage);
        assert_eq!((&first[0].0, first[0].1.len(), then[0].1.len()), (&then[0].0, 1, 2));
    });
}

/// One that somebody has taken out of all tables holds the VPC, and no table tells of it.
#[test]
fn one_that_no_table_shows_goes_too() {
    for repaired in [false, true] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let before = ids(&stage.cloud);
            expect(&stage.play(&deploy(WITH_ENDPOINT)).await, Exit::Done, "deploy").unwrap();
            let (id, tables) = endpoints(&stage).remove(0);
            let input = json!({ "VpcEndpointId": id, "RemoveRouteTableIds": tables });
            by_hand(&stage, "ModifyVpcEndpoint", &input);
            if repaired {
                // The first makes another one, by whose routes the second finds both.
                for _ in 0..2 {
                    tokio::time::sleep(SHOWN).await;
                    let deployed = stage.play(&deploy(WITH_ENDPOINT)).await;
                    expect(&deployed, Exit::Done, "a deploy that repairs").unwrap();
                }
                holds(&stage.cloud, WITH_ENDPOINT).await.unwrap();
            }
            let destroyed = stage.play(&destroy(WITH_ENDPOINT)).await;
            expect(&destroyed, Exit::Done, "destroy").unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

/// A table has one route to a service: where a stranger's endpoint has it, ours is not made, and theirs is
/// neither taken over nor removed.
#[test]
fn a_strangers_endpoint_in_our_tables_is_told_and_stays() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let before = ids(&stage.cloud);
        expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
        holds(&stage.cloud, STACKS[2]).await.unwrap();
        let tables = by_hand(&stage, "DescribeRouteTables", &json!({}));
        let mut tables = tables.list("RouteTables").iter();
        let is_private = |table: &&Value| {
            table.tags("Tags").get("ecsup:node").is_some_and(|it| it == "route-table/private-1")
        };
        let table = tables.find(is_private).expect("it was deployed");
        let input = json!({
            "VpcId": table.text("VpcId"),
            "VpcEndpointType": "Gateway",
            "ServiceName": "com.amazonaws.us-east-1.s3",
            "RouteTableIds": [table.text("RouteTableId")],
        });
        let theirs = by_hand(&stage, "CreateVpcEndpoint", &input);
        let theirs = theirs.part("VpcEndpoint").text("VpcEndpointId").to_owned();
        let silent = stage.play(&deploy(STACKS[2])).await;
        expect(&silent, Exit::Done, "a deploy without the flag").unwrap();
        assert!(silent.changes().is_empty(), "{:?}", silent.changes());

        let refused = stage.play(&deploy(WITH_ENDPOINT)).await;
        expect(&refused, Exit::DeployIncomplete, "a deploy with the flag").unwrap();
        assert!(refused.said().contains("RouteAlreadyExists"), "{}", refused.said());
        assert_eq!(endpoints(&stage).iter().map(|it| &it.0).collect::<Vec<_>>(), [&theirs]);

        let destroyed = stage.play(&destroy(WITH_ENDPOINT)).await;
        expect(&destroyed, Exit::DestroyIncomplete, "destroy").unwrap();
        let said = destroyed.said();
        for held in ["route-table/private-1", "vpc"] {
            let line = said.lines().find(|line| line.contains(&format!("{held} (")));
            let line = line.unwrap_or_else(|| panic!("{held} is not left:\n{said}"));
            assert!(line.contains(&theirs), "{line}");
        }
        by_hand(&stage, "DeleteVpcEndpoints", &json!({ "VpcEndpointIds": [theirs] }));
        expect(&stage.play(&destroy(WITH_ENDPOINT)).await, Exit::Done, "destroy").unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// A stack of which nothing leads out but endpoints, in subnets without a route.
#[test]
fn a_stack_without_a_way_out_but_endpoints_comes_and_goes() {
    let cases = CLOSED.into_iter().flat_map(|flags| [false, true].map(|other| (flags, other)));
    for (seed, (flags, other)) in (0..).zip(cases) {
        in_virtual_time(seed, async || {
            let scenario =
                Scenario { guard_duty: other, pages_of_one: other, ..Scenario::default() };
            let stage = Stage { cloud: Cloud::new(seed, scenario) };
            obey_the_printed_policy(&stage, flags).await;
            lifecycle_on(&stage, flags).await.unwrap();
            nothing_denied(&stage.cloud).unwrap();
            let operations = stage.cloud.calls().into_iter().map(|call| call.operation);
            assert!(!operations.into_iter().any(|it| it == "CreateNatGateway"));
        });
    }
}

/// What AWS does not have, and what no endpoint leads to, is refused before anything is made.
#[test]
fn what_no_endpoint_can_lead_to_is_refused_at_once() {
    let closed = |more: &[&'static str]| {
        let flags = ["--pattern", "fargate-api", "--nat", "none", "--endpoints"];
        [&flags, more].concat()
    };
    let without = [("use1-az1".to_owned(), vec!["logs".to_owned()])].into();
    let lacking = Scenario { zones_without: without, ..Scenario::default() };
    for (scenario, flags, told) in [
        (Scenario::default(), closed(&["required"]), "is not in ECR of us-east-1"),
        (
            Scenario::default(),
            closed(&["required", "--image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1"]),
            "is not in ECR of us-east-1",
        ),
        (
            Scenario::default(),
            closed(&["ecr.ap"]),
            "`ecr.ap`: is no service of us-east-1 that has endpoints; did you mean `ecr.api`?",
        ),
        (
            lacking,
            closed(&["required", "--image", IN_ECR]),
            "`logs`: has no endpoints in us-east-1a: take other zones with --zones",
        ),
    ] {
        in_virtual_time(1, async || {
            let stage = Stage { cloud: Cloud::new(1, scenario) };
            let refused = stage.play(&deploy(&flags)).await;
            expect(&refused, Exit::Refused, told).unwrap();
            let said = refused.said().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(told), "{told}\n{}", refused.said());
            assert!(refused.changes().is_empty(), "{:?}", refused.changes());
        });
    }
}

/// Whoever may not ask which services there are is told so, and AWS decides.
#[test]
fn a_look_at_services_that_is_denied_stops_nobody() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let deny = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "ec2:DescribeVpcEndpointServices", "Resource": "*" },
        ] });
        let policy = aws_sim::policy::Policy::parse(&deny.to_string()).unwrap();
        stage.cloud.set_policy(policy);
        let deployed = stage.play(&deploy(CLOSED[0])).await;
        expect(&deployed, Exit::Done, "deploy").unwrap();
        let warned = "could not look up the services that have endpoints";
        assert!(deployed.said().contains(warned), "{}", deployed.said());
        holds(&stage.cloud, CLOSED[0]).await.unwrap();
    });
}

/// An endpoint answers for its service in the whole VPC: a second deploy makes no call for it but its listing.
#[test]
fn a_silent_deploy_asks_nothing_more_than_what_is_there() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        expect(&stage.play(&deploy(CLOSED[0])).await, Exit::Done, "deploy").unwrap();
        tokio::time::sleep(SHOWN).await;
        let again = stage.play(&deploy(CLOSED[0])).await;
        expect(&again, Exit::Done, "the second deploy").unwrap();
        let of =
            |operation: &str| again.calls.iter().filter(|call| call.operation == operation).count();
        // One for each kind of endpoint.
        assert_eq!((of("DescribeVpcEndpointServices"), of("DescribeVpcEndpoints")), (0, 2));
    });
}

/// A service has one endpoint with names in a VPC: where a stranger's is it, ours is not made, and theirs is
/// neither taken over nor removed.
#[test]
fn a_strangers_interface_endpoint_for_the_same_service_is_told_and_stays() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let before = ids(&stage.cloud);
        expect(&stage.play(&deploy(STACKS[2])).await, Exit::Done, "deploy").unwrap();
        let subnets = by_hand(&stage, "DescribeSubnets", &json!({}));
        let mut subnets = subnets.list("Subnets").iter();
        let is_private = |it: &&Value| {
            it.tags("Tags").get("ecsup:node").is_some_and(|it| it == "subnet/private-1")
        };
        let subnet = subnets.find(is_private).expect("it was deployed");
        let input = json!({
            "VpcId": subnet.text("VpcId"),
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.sqs",
            "SubnetIds": [subnet.text("SubnetId")],
            "PrivateDnsEnabled": true,
        });
        let theirs = by_hand(&stage, "CreateVpcEndpoint", &input);
        let theirs = theirs.part("VpcEndpoint").text("VpcEndpointId").to_owned();
        let flags = [STACKS[2], &["--endpoints", "sqs"]].concat();
        let refused = stage.play(&deploy(&flags)).await;
        expect(&refused, Exit::DeployIncomplete, "a deploy with the same service").unwrap();
        assert!(refused.said().contains("conflicting DNS domain"), "{}", refused.said());
        let destroyed = stage.play(&destroy(&flags)).await;
        expect(&destroyed, Exit::DestroyIncomplete, "destroy").unwrap();
        assert!(destroyed.said().contains(&theirs), "{}", destroyed.said());
        by_hand(&stage, "DeleteVpcEndpoints", &json!({ "VpcEndpointIds": [theirs] }));
        expect(&stage.play(&destroy(&flags)).await, Exit::Done, "destroy").unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// What the refusal says can be done: without instances, endpoints take the place of the gateways.
#[test]
fn when_the_instances_are_gone_endpoints_take_the_place_of_the_gateways() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let open = ["--pattern", "public-api", "--image", IN_ECR];
        let play = async |flags: &[&str], exit: Exit| {
            let words = [&deploy(flags)[..], &["--accept-defaults"]].concat();
            let played = stage.play(&words).await;
            expect(&played, exit, "deploy").unwrap();
            played.said()
        };
        play(&open, Exit::Done).await;
        let said = play(CLOSED[1], Exit::Refused).await;
        assert!(said.contains("with a count of 0 for the services on them"), "{said}");
        play(&[&open[..], &["--count", "0"]].concat(), Exit::Done).await;
        // Their group lets them go when they have been idle for a quarter of an hour.
        tokio::time::sleep(Duration::from_hours(1)).await;
        play(&[CLOSED[1], &["--count", "0"]].concat(), Exit::Done).await;
        play(CLOSED[1], Exit::Done).await;
        holds(&stage.cloud, CLOSED[1]).await.unwrap();
        no_defects(&stage.cloud).unwrap();
    });
}
