//! A VPC that somebody else made: stacks come, change and go in it, and it stays as it was to the last byte.
//! Where one cannot stand in it, that is said before anything is made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::ec2::{self, NetworkOfSomebody, NewInterface};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::spec::Spec;
use ecsup::wish::{FileFlags, ServiceFlags, Wish};
use serde_json::{Value, json};

use crate::command_line::{AT_ONCE, run};
use crate::goal::existing_network::misplaced;
use crate::manifest::written;
use crate::many::check_requests;
use crate::proofs::{ids, no_defects};
use crate::stage::{done, usual};

const VPC: &str = "vpc-0a1b2c3d4e5f60718";
/// The third one is in a zone without the usual instance type.
const PRIVATE: [&str; 4] = [
    "subnet-0aaaaaaaaaaaaaaaa",
    "subnet-0bbbbbbbbbbbbbbbb",
    "subnet-0ffffffffffffffff",
    "subnet-0eeeeeeeeeeeeeeee",
];
const PUBLIC: [&str; 2] = ["subnet-0cccccccccccccccc", "subnet-0dddddddddddddddd"];

/// On instances, behind a load balancer and a zone of its own.
const LEDGER: &str = "stack = 'ledger'
pattern = 'internal-worker'
[network.existing]
vpc = 'vpc-0a1b2c3d4e5f60718'
private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', 'subnet-0bbbbbbbbbbbbbbbb']
[service.ledger]
image = 'nginx:1'
";

/// On Fargate, one service on the internet and one inside.
const SHOP: &str = "stack = 'shop'
pattern = 'fargate-api'
[network.existing]
vpc = 'vpc-0a1b2c3d4e5f60718'
public_subnets = ['subnet-0dddddddddddddddd', 'subnet-0cccccccccccccccc']
private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', 'subnet-0bbbbbbbbbbbbbbbb']
[ingress.internal]
zone = false
[service.web]
image = 'nginx:1'
[service.users]
image = 'nginx:1'
ingress = 'internal'
";

/// On Fargate, where there are public subnets alone.
const OUTSIDE: &str = "stack = 'outside'
pattern = 'fargate-api'
[network.existing]
vpc = 'vpc-0a1b2c3d4e5f60718'
public_subnets = ['subnet-0cccccccccccccccc', 'subnet-0dddddddddddddddd']
[service.web]
image = 'nginx:1'
";

fn spec(path: &str) -> Spec {
    let manifest = FileFlags { file: Some(path.into()), ..FileFlags::default() };
    let flags = ServiceFlags { manifest, ..ServiceFlags::default() };
    Wish::read(&flags, Path::new(""), &|_| None).check().expect("it is right")
}

fn add_network(cloud: &Cloud) {
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let network =
        NetworkOfSomebody { vpc: VPC.to_owned(), public: texts(&PUBLIC), private: texts(&PRIVATE) };
    cloud.world(|world| ec2::add_network(world, &network));
}

/// A world with the network, in which everything is right.
fn with_network(seed: u64) -> Stage {
    let stage = usual(seed);
    add_network(&stage.cloud);
    stage
}

fn call(world: &mut World, operation: &str, input: Value) -> Value {
    ec2::answer(world, operation, &input)
        .unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal:?}"))
}

/// All that can be seen of the network, but what a stack has in it.
fn state(cloud: &Cloud) -> Vec<Value> {
    cloud.world(|world| {
        let of_vpc =
            |member: &str, name: &str| json!({ member: [{ "Name": name, "Values": [VPC] }] });
        let mut all = Vec::new();
        for attribute in ["enableDnsSupport", "enableDnsHostnames"] {
            let input = json!({ "VpcId": VPC, "Attribute": attribute });
            all.push(call(world, "DescribeVpcAttribute", input));
        }
        for (operation, list, input) in [
            ("DescribeVpcs", "Vpcs", of_vpc("Filters", "vpc-id")),
            ("DescribeSubnets", "Subnets", of_vpc("Filters", "vpc-id")),
            ("DescribeRouteTables", "RouteTables", of_vpc("Filters", "vpc-id")),
            (
                "DescribeInternetGateways",
                "InternetGateways",
                of_vpc("Filters", "attachment.vpc-id"),
            ),
            ("DescribeNatGateways", "NatGateways", of_vpc("Filter", "vpc-id")),
            ("DescribeVpcEndpoints", "VpcEndpoints", of_vpc("Filters", "vpc-id")),
            ("DescribeAddresses", "Addresses", json!({})),
            ("DescribeSecurityGroups", "SecurityGroups", of_vpc("Filters", "vpc-id")),
        ] {
            let answer = call(world, operation, input);
            let mut found = answer.list(list).to_vec();
            // Groups of a stack name it, and what stands in a subnet takes addresses.
            found.retain(|it| it.list("Tags").is_empty());
            for it in &mut found {
                it.as_object_mut().expect("a thing").remove("AvailableIpAddressCount");
            }
            assert!(!found.is_empty() || list == "VpcEndpoints", "{list}");
            all.extend(found);
        }
        all
    })
}

fn free_addresses(cloud: &Cloud) -> Vec<usize> {
    let all = PRIVATE.into_iter().chain(PUBLIC);
    cloud.world(|world| all.map(|id| ec2::free_addresses(world, id)).collect())
}

/// Deploys a manifest, and checks that it stands where it should, serves, and has changed nothing of others.
async fn deployed(stage: &Stage, path: &str) -> Played {
    let before = state(&stage.cloud);
    let played = done(stage, &["deploy", "--yes", "--file", path]).await;
    let spec = spec(path);
    tokio::time::sleep(Duration::from_secs(30)).await;
    check_requests(&stage.cloud, &spec);
    let misplaced =
        stage.cloud.world(|world| world.once_caught_up(|world| misplaced(world, &spec)));
    assert_eq!(misplaced, [""; 0]);
    assert_eq!(state(&stage.cloud), before);
    played
}

/// A silent deploy of a stack with a network of its own may take so many calls, too.
const CALLS_OF_A_SILENT_DEPLOY: usize = 52;

#[test]
fn stacks_come_change_and_go_and_the_network_stays_as_it_was() {
    for (seed, text) in (0..).zip([LEDGER, SHOP, OUTSIDE]) {
        in_virtual_time(seed, async || {
            let stage = with_network(seed);
            let cloud = &stage.cloud;
            let before = (ids(cloud), state(cloud), free_addresses(cloud));
            let (_folder, path) = written(text);
            let first = deployed(&stage, &path).await;
            let of_network = ["Vpc", "Subnet", "Route", "Gateway", "Address", "Endpoint"];
            let touches = |call: &&Record| {
                call.service == "ec2" && of_network.iter().any(|it| call.operation.contains(it))
            };
            let touched: Vec<_> =
                first.calls.iter().filter(|it| it.changes()).filter(touches).collect();
            assert!(touched.is_empty(), "{touched:?}");
            let again = deployed(&stage, &path).await;
            assert_eq!(again.changes(), [""; 0]);
            assert!(again.calls.len() <= CALLS_OF_A_SILENT_DEPLOY, "{} calls", again.calls.len());
            fs::write(&path, text.replace("nginx:1", "nginx:2")).unwrap();
            let changed = deployed(&stage, &path).await;
            assert!(changed.changes().contains(&"UpdateService"));
            let stack = spec(&path).stack.to_string();
            let listed = done(&stage, &["list"]).await;
            assert!(!listed.said().contains(VPC) && !listed.recording.out.join("").contains(VPC));
            let destroyed = done(&stage, &["destroy", "--yes", &stack]).await;
            assert!(!destroyed.said().contains(VPC), "{}", destroyed.said());
            no_defects(cloud).unwrap();
            assert_eq!((ids(cloud), state(cloud), free_addresses(cloud)), before, "{stack}");
        });
    }
}

#[test]
fn two_stacks_share_a_network_and_leave_each_other_alone() {
    in_virtual_time(1, async || {
        let stage = with_network(1);
        let before = ids(&stage.cloud);
        let (_one, one) = written(LEDGER);
        let (_other, other) = written(&LEDGER.replace("'ledger'", "'ledger-2'"));
        deployed(&stage, &one).await;
        deployed(&stage, &other).await;
        done(&stage, &["destroy", "--yes", "ledger"]).await;
        let again = deployed(&stage, &other).await;
        assert_eq!(again.changes(), [""; 0]);
        done(&stage, &["destroy", "--yes", "ledger-2"]).await;
        assert_eq!(ids(&stage.cloud), before);
    });
}

/// Within the VPC subnets come and go in place.
#[test]
fn subnets_of_the_same_vpc_are_changed_in_place() {
    in_virtual_time(2, async || {
        let stage = with_network(2);
        let (_folder, path) = written(LEDGER);
        deployed(&stage, &path).await;
        let third = "'subnet-0bbbbbbbbbbbbbbbb', 'subnet-0eeeeeeeeeeeeeeee'";
        fs::write(&path, LEDGER.replace("'subnet-0bbbbbbbbbbbbbbbb'", third)).unwrap();
        let wider = deployed(&stage, &path).await;
        let mut changes = wider.changes();
        changes.retain(|it| !["PutParameter", "DeleteParameters"].contains(it));
        changes.sort_unstable();
        assert_eq!(changes, ["SetSubnets", "UpdateAutoScalingGroup", "UpdateService"]);
        fs::write(&path, LEDGER).unwrap();
        deployed(&stage, &path).await;
        let again = deployed(&stage, &path).await;
        assert_eq!(again.changes(), [""; 0]);
    });
}

/// What a deploy is refused with, or a plan; nothing may have been changed then.
async fn refused(stage: &Stage, text: &str) -> String {
    let (_folder, path) = written(text);
    let before = ids(&stage.cloud);
    let mut said = Vec::new();
    for command in [&["plan", "--file", &path][..], &["deploy", "--yes", "--file", &path]] {
        let refused = stage.play(command).await;
        assert_eq!(refused.exit, Exit::Refused, "{}", refused.said());
        assert_eq!(refused.changes(), [""; 0]);
        let lines = refused.recording.lines.iter();
        let lines =
            lines.filter(|line| line.starts_with("error: ") || line.starts_with("warning: "));
        said.push(lines.cloned().collect::<Vec<_>>().join("\n").replace(&path, "ecsup.toml"));
    }
    assert_eq!(ids(&stage.cloud), before);
    assert_eq!(said[0], said[1]);
    said.remove(0)
}

/// What only AWS calls by their ids.
fn without_ids(said: &str) -> String {
    let mut words = Vec::new();
    for word in said.split(' ') {
        let known = PRIVATE.iter().chain(&PUBLIC).chain(&[VPC]).any(|id| word.contains(id));
        let kinds = ["rtb-", "igw-", "nat-", "vpc-", "subnet-", "vpce-"];
        let kind = kinds.iter().find(|kind| !known && word.contains(&format!("{kind}0")));
        words.push(match kind {
            Some(kind) => {
                let (before, rest) = word.split_once(kind).expect("it is there");
                let rest = rest.trim_start_matches(|it: char| it.is_ascii_hexdigit());
                format!("{before}{kind}…{rest}")
            }
            None => word.to_owned(),
        });
    }
    words.join(" ")
}

#[test]
fn what_is_not_there_or_in_the_wrong_place_is_refused() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        insta::assert_snapshot!(refused(&stage, LEDGER).await, @r"
        error: network.existing.vpc `vpc-0a1b2c3d4e5f60718`: is no VPC of this account in us-east-1
        ");
        add_network(&stage.cloud);
        // One that is not there, one of another VPC, both in one zone, and two in a zone.
        let elsewhere = stage.cloud.world(|world| {
            let all = call(world, "DescribeSubnets", json!({}));
            let of_default =
                all.list("Subnets").iter().find(|it| it.flag("DefaultForAz") == Some(true));
            of_default.expect("a default VPC").text("SubnetId").to_owned()
        });
        let other = LEDGER
            .replace("subnet-0aaaaaaaaaaaaaaaa", "subnet-00000000000000000")
            .replace("subnet-0bbbbbbbbbbbbbbbb", &elsewhere);
        insta::assert_snapshot!(without_ids(&refused(&stage, &other).await), @r"
        error: network.existing.private_subnets `subnet-…`: is no subnet of this account in us-east-1
        error: network.existing.private_subnets `subnet-…`: is in vpc-…, and not in vpc-0a1b2c3d4e5f60718
        ");
        let second = stage.cloud.world(|world| {
            let input = json!({
                "VpcId": VPC,
                "CidrBlock": "10.20.200.0/24",
                "AvailabilityZone": "us-east-1a",
            });
            let made = call(world, "CreateSubnet", input);
            made.part("Subnet").text("SubnetId").to_owned()
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        let one_zone = LEDGER.replace("subnet-0bbbbbbbbbbbbbbbb", &second);
        insta::assert_snapshot!(without_ids(&refused(&stage, &one_zone).await), @r"
        error: network.existing.private_subnets `subnet-…`: is a public subnet: the route of 0.0.0.0/0 in rtb-… goes to igw-…, by which only what has a public address gets out, and what stands in private subnets has none; name one whose route goes to a NAT gateway
        error: network.existing.private_subnets: subnet-0aaaaaaaaaaaaaaaa and subnet-… are all in us-east-1a, and a stack takes two zones, so that it outlives one: name a subnet of another zone
        ");
        let twice = LEDGER.replace("'subnet-0bbb", &format!("'{second}', 'subnet-0bbb"));
        insta::assert_snapshot!(without_ids(&refused(&stage, &twice).await), @r"
        error: network.existing.private_subnets `subnet-…`: is a public subnet: the route of 0.0.0.0/0 in rtb-… goes to igw-…, by which only what has a public address gets out, and what stands in private subnets has none; name one whose route goes to a NAT gateway
        error: network.existing.private_subnets: subnet-0aaaaaaaaaaaaaaaa and subnet-… are both in us-east-1a, and a load balancer takes one subnet of a zone: leave one out
        ");
        let elsewhere = LEDGER.replace("subnet-0bbbbbbbbbbbbbbbb", PRIVATE[2]);
        insta::assert_snapshot!(without_ids(&refused(&stage, &elsewhere).await), @"error: network.existing.private_subnets `subnet-0ffffffffffffffff`: is in us-east-1c, where c5.xlarge is not offered: name a subnet of another zone, or another `instance_type`");
        // What is public is called private, and the other way round.
        let swapped = SHOP
            .replace("public_subnets", "x")
            .replace("private_subnets", "public_subnets")
            .replace("\nx =", "\nprivate_subnets =");
        insta::assert_snapshot!(without_ids(&refused(&stage, &swapped).await), @r"
        error: network.existing.public_subnets `subnet-0aaaaaaaaaaaaaaaa`: is no public subnet: the route of 0.0.0.0/0 in rtb-… goes to nat-…, and not to an internet gateway
        error: network.existing.public_subnets `subnet-0bbbbbbbbbbbbbbbb`: is no public subnet: the route of 0.0.0.0/0 in rtb-… goes to nat-…, and not to an internet gateway
        error: network.existing.private_subnets `subnet-0cccccccccccccccc`: is a public subnet: the route of 0.0.0.0/0 in rtb-… goes to igw-…, by which only what has a public address gets out, and what stands in private subnets has none; name one whose route goes to a NAT gateway
        error: network.existing.private_subnets `subnet-0dddddddddddddddd`: is a public subnet: the route of 0.0.0.0/0 in rtb-… goes to igw-…, by which only what has a public address gets out, and what stands in private subnets has none; name one whose route goes to a NAT gateway
        ");
    });
}

#[test]
fn a_network_that_leads_nowhere_is_refused() {
    in_virtual_time(4, async || {
        let stage = with_network(4);
        let cloud = &stage.cloud;
        // Names do not resolve in it, there is hardly an address, and one NAT gateway is gone.
        cloud.world(|world| {
            let off = json!({ "VpcId": VPC, "EnableDnsHostnames": { "Value": false } });
            call(world, "ModifyVpcAttribute", off);
            let full = |at: usize| NewInterface {
                subnet: PRIVATE[1].to_owned(),
                description: format!("somebody's {at}"),
                ..NewInterface::default()
            };
            for at in 0..244 {
                ec2::attach_interface(world, full(at)).expect("an address");
            }
            let filter = json!({ "Name": "association.subnet-id", "Values": [PRIVATE[0]] });
            let tables = call(world, "DescribeRouteTables", json!({ "Filters": [filter] }));
            let mut routes = tables.list("RouteTables")[0].list("Routes").iter();
            let gateway = routes.find_map(|it| it.some_text("NatGatewayId"));
            let gateway = gateway.expect("it leads to one").to_owned();
            call(world, "DeleteNatGateway", json!({ "NatGatewayId": gateway }));
        });
        tokio::time::sleep(Duration::from_mins(3)).await;
        insta::assert_snapshot!(without_ids(&refused(&stage, LEDGER).await), @r"
        error: network.existing.private_subnets `subnet-0aaaaaaaaaaaaaaaa`: leads nowhere: the route of 0.0.0.0/0 in rtb-… goes to nat-…, which is gone (`blackhole`); mend that route
        error: network.existing.private_subnets `subnet-0bbbbbbbbbbbbbbbb`: has 7 free addresses, and a load balancer wants 8 in each of its subnets: name another subnet of us-east-1b, or free some
        error: network.existing.private_subnets `subnet-0bbbbbbbbbbbbbbbb`: leads nowhere: the route of 0.0.0.0/0 in rtb-… goes to nat-…, which is gone (`blackhole`); mend that route
        error: network.existing.vpc `vpc-0a1b2c3d4e5f60718`: has EnableDnsHostnames off, and without both attributes the private zone ledger.internal does not answer in it: switch on what is off, or say ingress.internal.zone = false
        ");
        // Without any route, endpoints would have to lead to AWS.
        cloud.world(|world| {
            let tables = call(world, "DescribeRouteTables", json!({}));
            let of_private = tables.list("RouteTables").iter().filter(|it| {
                it.list("Associations").iter().any(|it| PRIVATE.contains(&it.text("SubnetId")))
            });
            let of_private: Vec<_> =
                of_private.map(|it| it.text("RouteTableId").to_owned()).collect();
            for table in of_private {
                let out = json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0" });
                call(world, "DeleteRoute", out);
            }
            let on = json!({ "VpcId": VPC, "EnableDnsHostnames": { "Value": true } });
            call(world, "ModifyVpcAttribute", on);
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        insta::assert_snapshot!(without_ids(&refused(&stage, LEDGER).await), @r"
        error: network.existing.private_subnets `subnet-0bbbbbbbbbbbbbbbb`: has 7 free addresses, and a load balancer wants 8 in each of its subnets: name another subnet of us-east-1b, or free some
        error: service.ledger.image `nginx:1`: comes from docker.io, and no route leads out of subnet-0aaaaaaaaaaaaaaaa, subnet-0bbbbbbbbbbbbbbbb: through endpoints only ECR of us-east-1 is reached, so copy it there, or give the subnets a way out
        error: network.existing.vpc `vpc-0a1b2c3d4e5f60718`: no route leads out of subnet-0aaaaaaaaaaaaaaaa, subnet-0bbbbbbbbbbbbbbbb, and the VPC lacks endpoints: ecr.api for the sign-in to ECR; ecr.dkr for images in ECR; ecs for the agents on instances; ecs-agent for the agents on instances; ecs-telemetry for the agents on instances; logs for the logs of containers; s3 for the layers of images in ECR; make them, or a route of 0.0.0.0/0 to a NAT gateway: ecsup makes neither in a VPC that is not the stack's own
        ");
        let secrets = "image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/ledger:7'";
        let from_ecr = LEDGER.replace("image = 'nginx:1'", secrets);
        insta::assert_snapshot!(without_ids(&refused(&stage, &from_ecr).await), @r"
        error: network.existing.private_subnets `subnet-0bbbbbbbbbbbbbbbb`: has 7 free addresses, and a load balancer wants 8 in each of its subnets: name another subnet of us-east-1b, or free some
        error: network.existing.vpc `vpc-0a1b2c3d4e5f60718`: no route leads out of subnet-0aaaaaaaaaaaaaaaa, subnet-0bbbbbbbbbbbbbbbb, and the VPC lacks endpoints: ecr.api for the sign-in to ECR; ecr.dkr for images in ECR; ecs for the agents on instances; ecs-agent for the agents on instances; ecs-telemetry for the agents on instances; logs for the logs of containers; s3 for the layers of images in ECR; make them, or a route of 0.0.0.0/0 to a NAT gateway: ecsup makes neither in a VPC that is not the stack's own
        ");
    });
}

#[test]
fn what_the_account_blocks_is_told_of_each_subnet() {
    let mut told = Vec::new();
    for mode in ["block-bidirectional", "block-ingress"] {
        let scenario =
            Scenario { block_public_access: Some(mode.to_owned()), ..Scenario::default() };
        in_virtual_time(5, async || {
            let stage = Stage { cloud: Cloud::new(5, scenario) };
            add_network(&stage.cloud);
            told.push(refused(&stage, SHOP).await);
        });
    }
    insta::assert_snapshot!(told.join("\n\n"), @r"
    error: network.existing.public_subnets `subnet-0cccccccccccccccc`: is kept from the internet by VPC Block Public Access (`block-bidirectional`), so nothing gets in or out: have the subnet or the VPC excluded from it
    error: network.existing.public_subnets `subnet-0dddddddddddddddd`: is kept from the internet by VPC Block Public Access (`block-bidirectional`), so nothing gets in or out: have the subnet or the VPC excluded from it
    error: network.existing.private_subnets `subnet-0aaaaaaaaaaaaaaaa`: is kept from the internet by VPC Block Public Access (`block-bidirectional`), so NAT gateways do not work: have the subnet or the VPC excluded from it
    error: network.existing.private_subnets `subnet-0bbbbbbbbbbbbbbbb`: is kept from the internet by VPC Block Public Access (`block-bidirectional`), so NAT gateways do not work: have the subnet or the VPC excluded from it

    error: network.existing.public_subnets `subnet-0cccccccccccccccc`: is kept from the internet by VPC Block Public Access (`block-ingress`), so nobody on the internet reaches the load balancer: have the subnet or the VPC excluded from it
    error: network.existing.public_subnets `subnet-0dddddddddddddddd`: is kept from the internet by VPC Block Public Access (`block-ingress`), so nobody on the internet reaches the load balancer: have the subnet or the VPC excluded from it
    ");
}

/// Who may not look is told so, and may deploy all the same.
#[test]
fn what_may_not_be_looked_up_is_no_finding() {
    in_virtual_time(6, async || {
        let stage = with_network(6);
        let (_folder, path) = written(LEDGER);
        let denies = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "ec2:DescribeVpcAttribute", "Resource": "*" },
        ] });
        stage.cloud.set_policy(Policy::parse(&denies.to_string()).unwrap());
        let deployed = done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let warnings: Vec<_> =
            deployed.recording.lines.iter().filter(|line| line.starts_with("warning: ")).collect();
        let [dns, also_dns, denied] = warnings[..] else { panic!("{warnings:?}") };
        for warning in [dns, also_dns] {
            assert!(warning.contains("could not read the attribute enableDns"), "{warning}");
        }
        assert!(denied.contains("may be denied: ec2:DescribeVpcAttribute"), "{denied}");
    });
}

/// What is there keeps its VPC for life.
#[test]
fn a_stack_does_not_move_between_networks() {
    in_virtual_time(7, async || {
        let stage = with_network(7);
        let own: String = LEDGER
            .lines()
            .filter(|line| !is_of_network(line))
            .map(|it| format!("{it}\n"))
            .collect();
        let (_own, own_path) = written(&own);
        let before = ids(&stage.cloud);
        let mut told = Vec::new();
        done(&stage, &["deploy", "--yes", "--file", &own_path]).await;
        told.push(refused(&stage, LEDGER).await);
        done(&stage, &["destroy", "--yes", "ledger"]).await;
        let (_folder, path) = written(LEDGER);
        deployed(&stage, &path).await;
        told.push(refused(&stage, &own).await);
        let default = stage.cloud.world(|world| {
            let vpcs = call(world, "DescribeVpcs", json!({}));
            let default = vpcs.list("Vpcs").iter().find(|it| it.flag("IsDefault") == Some(true));
            default.expect("there is one").text("VpcId").to_owned()
        });
        let said = refused(&stage, &LEDGER.replace(VPC, &default)).await;
        told.push(said.lines().next().unwrap_or_default().to_owned());
        done(&stage, &["destroy", "--yes", "ledger"]).await;
        assert_eq!(ids(&stage.cloud), before);
        insta::assert_snapshot!(without_ids(&told.join("\n")), @r"
        error: network.existing.vpc `vpc-0a1b2c3d4e5f60718`: the stack stands in a VPC of its own, vpc-…, and what is there cannot move to another VPC: leave `network.existing` out, or destroy the stack first
        error: network.existing.vpc: the stack stands in vpc-0a1b2c3d4e5f60718, which is not its own, and what is there cannot move to another VPC: say that one, or destroy the stack first
        error: network.existing.vpc `vpc-…`: the stack stands in vpc-0a1b2c3d4e5f60718, which is not its own, and what is there cannot move to another VPC: say that one, or destroy the stack first
        ");
    });
}

fn is_of_network(line: &str) -> bool {
    ["[network", "vpc", "private", "public"].iter().any(|it| line.starts_with(it))
}

/// Its groups say by a tag that the VPC is not theirs. Without that, it might be one that has lost its tags.
#[test]
fn a_group_that_has_lost_its_mark_is_still_in_its_place() {
    in_virtual_time(8, async || {
        let stage = with_network(8);
        let (_folder, path) = written(LEDGER);
        deployed(&stage, &path).await;
        stage.cloud.world(|world| {
            let groups = call(world, "DescribeSecurityGroups", json!({}));
            let groups = groups.list("SecurityGroups").iter();
            let own: Vec<_> = groups
                .filter(|it| !it.list("Tags").is_empty())
                .map(|it| it.text("GroupId").to_owned())
                .collect();
            assert_eq!(own.len(), 3);
            let tag = json!([{ "Key": "ecsup-network" }]);
            call(world, "DeleteTags", json!({ "Resources": own, "Tags": tag }));
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        let again = deployed(&stage, &path).await;
        assert_eq!(again.changes(), [""; 0]);
    });
}

/// Somebody's group has the name of one of the stack's.
#[test]
fn a_group_of_somebody_is_left_alone() {
    in_virtual_time(9, async || {
        let stage = with_network(9);
        let (_folder, path) = written(LEDGER);
        deployed(&stage, &path).await;
        let name = stage.cloud.world(|world| {
            let groups = call(world, "DescribeSecurityGroups", json!({}));
            let mut groups = groups.list("SecurityGroups").iter();
            let node = |it: &Value| {
                it.list("Tags").iter().any(|tag| tag.text("Value") == "security-group/service")
            };
            groups.find(|it| node(it)).expect("it is there").text("GroupName").to_owned()
        });
        done(&stage, &["destroy", "--yes", "ledger"]).await;
        stage.cloud.world(|world| {
            let input = json!({ "GroupName": name, "Description": "theirs", "VpcId": VPC });
            call(world, "CreateSecurityGroup", input);
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        let before = ids(&stage.cloud);
        let refused = stage.play(&["deploy", "--yes", "--file", &path]).await;
        assert_eq!(
            (refused.exit, refused.changes().len()),
            (Exit::Refused, 0),
            "{}",
            refused.said()
        );
        assert!(refused.said().contains("was not made by ecsup"), "{}", refused.said());
        assert_eq!(ids(&stage.cloud), before);
    });
}

/// What runs says the network, and flags, which cannot, do not let it go unseen.
#[test]
fn the_network_is_not_left_by_oversight() {
    for (seed, text) in (0..).zip([LEDGER, SHOP, OUTSIDE]) {
        in_virtual_time(seed, async || {
            let stage = with_network(seed);
            let (folder, path) = written(text);
            deployed(&stage, &path).await;
            let stack = spec(&path).stack.to_string();
            let other = folder.path().join("other.toml").display().to_string();
            done(&stage, &["init", "--from", &stack, "--file", &other]).await;
            let planned = stage.play(&["plan", "--exit-code", "--file", &other]).await;
            let text = fs::read_to_string(&other).unwrap();
            assert_eq!(planned.exit, Exit::Done, "{text}\n{:?}", planned.recording.out);
            assert!(text.contains(VPC), "{text}");
            done(&stage, &["status", &stack]).await;
            let effective = done(&stage, &["config", "--file", &other]).await;
            let effective = effective.recording.out.join("\n");
            assert!(effective.contains("existing.vpc"), "{effective}");
            assert!(
                !effective.contains("nat = ") && !effective.contains("vpc_cidr"),
                "{effective}"
            );
            if stack != "ledger" {
                return;
            }
            let flags =
                ["--pattern", "internal-worker", "--stack", "ledger", "--service", "ledger"];
            let refused = stage.play(&[&["deploy", "--yes"], &flags[..]].concat()).await;
            assert_eq!(refused.exit, Exit::Refused);
            let told = format!("network.existing {VPC} (removed)");
            assert!(refused.said().contains(&told), "{}", refused.said());
            // Whoever answers No keeps it.
            let kept = stage.play_answering(&[&["deploy"], &flags[..]].concat(), &["n", "n"]).await;
            assert_eq!(kept.exit, Exit::Done, "{}", kept.said());
            assert_eq!(kept.changes(), [""; 0], "{}", kept.said());
        });
    }
}

/// Whoever deploys into it need not be able to change any network.
#[test]
fn the_policy_for_it_makes_and_removes_nothing_of_a_network() {
    in_virtual_time(10, async || {
        let stage = usual(10);
        let (_folder, path) = written(LEDGER);
        let print = ["permissions", "--region", "us-east-1", "--file", &path];
        let whole = done(&stage, &print).await.recording.out.join("\n");
        let table = done(&stage, &[&print[..], &["--output", "table"]].concat()).await;
        let of_network = ["Vpc", "Subnet", "Gateway", "Route", "Address"];
        let changes: BTreeSet<_> = whole
            .split('"')
            .chain(table.recording.out.iter().filter_map(|line| line.split(' ').next()))
            .filter(|it| it.starts_with("ec2:") && !it.starts_with("ec2:Describe"))
            .filter(|it| of_network.iter().any(|of| it.contains(of)))
            .collect();
        assert_eq!(changes, BTreeSet::new());
        let part = done(&stage, &[&print[..], &["--part", "existing-network"]].concat()).await;
        insta::assert_snapshot!(part.recording.out.join("\n"), @r#"
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Sid": "ExistingNetwork",
              "Effect": "Allow",
              "Action": [
                "ec2:CreateSecurityGroup",
                "ec2:RunInstances"
              ],
              "Resource": [
                "arn:aws:ec2:us-east-1:*:vpc/vpc-0a1b2c3d4e5f60718",
                "arn:aws:ec2:us-east-1:*:subnet/subnet-0aaaaaaaaaaaaaaaa",
                "arn:aws:ec2:us-east-1:*:subnet/subnet-0bbbbbbbbbbbbbbbb"
              ]
            }
          ]
        }
        "#);
    });
}

#[test]
fn a_rehearsal_has_the_network() {
    let (_folder, path) = written(LEDGER);
    let outcome = run(&["rehearse", "--file", &path], |_| {}, AT_ONCE * 6);
    let end = "the stack came, stayed, changed and went, and nothing is left";
    assert!(outcome.stdout.contains(end), "{}", outcome.report());
    for scenario in ["slow-nat", "guardduty", "quota"] {
        let words = ["rehearse", "--file", &path, "--scenario", scenario];
        let refused = run(&words, |_| {}, AT_ONCE);
        assert!(refused.stderr.contains("this one is somebody else's"), "{}", refused.report());
    }
}
