//! Accounts as they are: settings of an organisation, plans, quotas, zones and thin answers, and what
//! a person reads when one of them is in the way.

use std::collections::BTreeSet;

use aws_sim::cloud::Cloud;
use aws_sim::scenario::{BOUNDARY, Scenario, named};
use aws_sim::world::World;
use aws_sim::{ec2, iam};
use clap::Parser as _;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::cli::{Cli, Exit};
use serde_json::json;

use crate::proofs::holds;

const WORKER: &[&str] = &["--pattern", "internal-worker"];
const API: &[&str] = &["--pattern", "public-api"];
const FARGATE: &[&str] = &["--pattern", "fargate-api"];

fn stage(scenario: &str) -> Stage {
    let named = named(scenario).expect("a scenario of this name");
    stage_of(named.scenario())
}

fn stage_of(scenario: Scenario) -> Stage {
    Stage { cloud: Cloud::new(1, scenario) }
}

async fn deploy(stage: &Stage, flags: &[&str], more: &[&str]) -> Played {
    stage.play(&[&["deploy", "--yes"], flags, more].concat()).await
}

/// Deploys, and fails the test unless that works and the world then has what was asked for.
async fn deploy_well(stage: &Stage, flags: &[&str], more: &[&str]) -> Played {
    let played = deploy(stage, flags, more).await;
    assert_eq!(played.exit, Exit::Done, "{flags:?} {more:?}: {}", played.said());
    let holds = holds(&stage.cloud, &[flags, more].concat()).await;
    holds.unwrap_or_else(|why| panic!("{flags:?} {more:?}: {why}"));
    assert_eq!(stage.cloud.defects(), [""; 0]);
    played
}

/// What is told besides plan and progress: warnings, the reasons of refusals, and what to do about
/// failures whose cause is known.
fn told(played: &Played) -> String {
    let always = ["deploy of `", "fix the cause", "or run `ecsup destroy", "nothing was changed"];
    let lines = played.recording.lines.iter().filter(|line| {
        let text = ["error: ", "warning: ", "hint: "].iter().find_map(|it| line.strip_prefix(it));
        text.is_some_and(|text| !always.iter().any(|it| text.starts_with(it)))
    });
    lines.cloned().collect::<Vec<_>>().join("\n")
}

/// Fails the test unless the deploy was refused before it changed anything. Returns what was told.
async fn refused(stage: &Stage, flags: &[&str], more: &[&str]) -> String {
    let played = deploy(stage, flags, more).await;
    assert_eq!(played.exit, Exit::Refused, "{flags:?} {more:?}: {}", played.said());
    assert_eq!(played.changes(), [""; 0]);
    told(&played)
}

/// Fails the test unless the deploy remained incomplete. Returns what was told.
async fn incomplete(stage: &Stage, flags: &[&str]) -> String {
    let played = deploy(stage, flags, &[]).await;
    assert_eq!(played.exit, Exit::DeployIncomplete, "{flags:?}: {}", played.said());
    told(&played)
}

/// Asks for subnets that are not of the default VPC.
fn own_subnets() -> serde_json::Value {
    json!({ "Filters": [{ "Name": "default-for-az", "Values": ["false"] }] })
}

/// The zones that there are subnets in.
fn zones(stage: &Stage) -> Vec<String> {
    let answer = stage.cloud.world(|world| ec2::answer(world, "DescribeSubnets", &own_subnets()));
    let answer = answer.expect("the subnets");
    let subnets = answer["Subnets"].as_array().into_iter().flatten();
    let zones: BTreeSet<_> = subnets.filter_map(|it| it["AvailabilityZone"].as_str()).collect();
    zones.into_iter().map(str::to_owned).collect()
}

#[test]
fn an_account_that_blocks_the_internet_is_told_before_anything_is_made() {
    in_virtual_time(1, async || {
        let stage = stage("no-internet");
        insta::assert_snapshot!(refused(&stage, API, &[]).await, @"error: --region `us-east-1`: VPC Block Public Access is `block-bidirectional` in this account, so NAT gateways and the internet-facing load balancer do not work: have it set to `block-ingress` or `off` there, or take another region");
        insta::assert_snapshot!(refused(&stage, WORKER, &[]).await, @"error: --region `us-east-1`: VPC Block Public Access is `block-bidirectional` in this account, so NAT gateways do not work, and no image can be pulled: have it set to `block-ingress` or `off` there, or take another region");
        insta::assert_snapshot!(refused(&stage, WORKER, &["--nat", "none"]).await, @"error: --region `us-east-1`: VPC Block Public Access is `block-bidirectional` in this account, so no instance or task reaches AWS, and no image can be pulled: have it set to `block-ingress` or `off` there, or take another region");
    });
}

#[test]
fn an_account_that_lets_nothing_in_is_warned_of() {
    in_virtual_time(1, async || {
        let stage = stage("no-ingress");
        let played = deploy_well(&stage, FARGATE, &[]).await;
        insta::assert_snapshot!(told(&played), @"warning: VPC Block Public Access is `block-ingress` in this account: nobody on the internet reaches the load balancer until the VPC is excluded from it");
        insta::assert_snapshot!(told(&deploy_well(&stage, WORKER, &[]).await), @"");
        insta::assert_snapshot!(refused(&stage, API, &["--nat", "none"]).await, @"error: --nat `none`: VPC Block Public Access is `block-ingress` in this account, and lets traffic out only through NAT gateways: say --nat single");
    });
}

#[test]
fn a_vpc_that_is_there_says_itself_what_is_blocked() {
    in_virtual_time(1, async || {
        let stage = stage("usual");
        deploy_well(&stage, FARGATE, &[]).await;
        let mode = Some("block-bidirectional".to_owned());
        stage.cloud.world(|world| world.scenario.block_public_access = mode);
        let plan = stage.play(&[&["plan"], FARGATE].concat()).await;
        assert_eq!(plan.exit, Exit::Refused);
        assert!(!plan.operations().contains_key("ec2:DescribeVpcBlockPublicAccessOptions"));
    });
}

#[test]
fn a_key_that_auto_scaling_may_not_use_is_explained() {
    in_virtual_time(1, async || {
        insta::assert_snapshot!(incomplete(&stage("customer-key"), API).await, @"hint: Auto Scaling may not use the key that encrypts the instances' volumes, which is the account's own default key: let the key's policy allow the role `AWSServiceRoleForAutoScaling` kms:CreateGrant, kms:Decrypt, kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt*");
    });
}

#[test]
fn the_free_plan_is_explained_and_what_it_offers_works() {
    in_virtual_time(1, async || {
        insta::assert_snapshot!(incomplete(&stage("free-plan"), API).await, @"hint: the account is on AWS's Free plan, which starts only some instance types: take one of them, such as `--instance-type t3.small`, or upgrade the account to the Paid plan");
        deploy_well(&stage("free-plan"), API, &["--instance-type", "t3.small"]).await;
    });
}

#[test]
fn a_quota_that_is_too_small_is_explained_with_what_the_stack_needs() {
    in_virtual_time(1, async || {
        insta::assert_snapshot!(incomplete(&stage("vcpu-quota"), API).await, @r"
        warning: vCPUs of On-Demand instances of the standard families: this takes 8, and 2 of 2 are free here (Service Quotas ec2/L-1216C47A: 2; in use: 0); ask AWS for more (aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-1216C47A --desired-value 8), or take a smaller --instance-type
        hint: this stack needs 8 vCPUs for 2 instances of `c5.xlarge`, and a quota of the account leaves less: ask for more of `Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances` (L-1216C47A) in Service Quotas, or for less with `--instance-type` or `--count`
        ");
        insta::assert_snapshot!(incomplete(&stage("vcpu-quota"), FARGATE).await, @r"
        warning: vCPUs of Fargate On-Demand: this takes 1, and 0 of 0 are free here (Service Quotas fargate/L-3032A538: 0; in use: 0); ask AWS for more (aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value 1)
        hint: this stack needs 0.5 vCPUs for 2 tasks, and a quota of the account leaves less: ask for more of `Fargate On-Demand vCPU resource count` (L-3032A538) in Service Quotas, or for less with `--cpu` or `--count`
        ");
    });
}

#[test]
fn zones_that_cannot_hold_a_stack_are_passed_over() {
    in_virtual_time(1, async || {
        for flags in [API, WORKER, FARGATE, &["--pattern", "fargate-api", "--nat", "none"]] {
            let stage = stage("usual");
            deploy_well(&stage, flags, &["--region", "ap-northeast-1"]).await;
            let zones = stage.cloud.world(|world| {
                world.enter("ap-northeast-1");
                ec2::answer(world, "DescribeSubnets", &own_subnets()).expect("the subnets")
            });
            let in_zone = |id: &str| zones.to_string().contains(id);
            assert!(!in_zone("apne1-az3") && in_zone("apne1-az1") && in_zone("apne1-az2"));
        }
        // Who names one gets it, with a warning.
        let zones = ["--region", "ap-northeast-1", "--zones", "apne1-az3,apne1-az1"];
        let played = deploy(&stage("usual"), FARGATE, &zones).await;
        assert_eq!(played.exit, Exit::DeployIncomplete);
        insta::assert_snapshot!(told(&played), @r"
        warning: --zones: ap-northeast-1a is known to lack NAT gateways, load balancers, Fargate or the instance types of today
        hint: a zone of the stack (ap-northeast-1a or ap-northeast-1c) cannot hold it: choose two others with `--zones`, by name or id
        ");
    });
}

#[test]
fn a_zone_that_refuses_is_left_for_another_as_long_as_nothing_stands_in_it() {
    in_virtual_time(1, async || {
        for flags in [API, WORKER, FARGATE] {
            let stage = stage("zone-without-nat");
            let before = stage.cloud.world(World::ids);
            let hint = incomplete(&stage, flags).await;
            assert_eq!(
                hint,
                "hint: a zone of the stack (us-east-1a or us-east-1b) cannot hold it: choose two others with `--zones`, by name or id"
            );
            assert_eq!(zones(&stage), ["us-east-1a", "us-east-1b"]);
            let more = ["--zones", "us-east-1b,use1-az4"];
            deploy_well(&stage, flags, &more).await;
            assert_eq!(zones(&stage), ["us-east-1b", "us-east-1d"]);
            // From then on they are the stack's.
            assert_eq!(deploy_well(&stage, flags, &[]).await.changes(), [""; 0]);
            let said = refused(&stage, flags, &["--zones", "us-east-1a,us-east-1b"]).await;
            assert_eq!(
                said,
                "error: --zones `us-east-1a,us-east-1b`: the stack stands in us-east-1d, and what is there cannot move: leave --zones out, or destroy the stack first"
            );
            let destroyed = stage.play(&["destroy", "--yes", flags[1]]).await;
            assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.said());
            let mut left = stage.cloud.world(World::ids);
            left.retain(|id| !before.contains(id) && !id.contains("/aws-service-role/"));
            assert_eq!(left, BTreeSet::new());
        }
    });
}

#[test]
fn a_deploy_that_dies_while_it_leaves_a_zone_is_continued() {
    in_virtual_time(1, async || {
        let more = ["--zones", "us-east-1b,us-east-1d"];
        let words = [&["ecsup", "deploy", "--yes"], FARGATE, &more].concat();
        // From before the subnets go until after the others are there.
        for at in (44..80).step_by(4) {
            let stage = stage("zone-without-nat");
            incomplete(&stage, FARGATE).await;
            let cli = Cli::try_parse_from(&words).expect("a command line");
            let (_, died) = stage.run_until_crash(cli, at).await;
            assert!(died, "call {at} was never made");
            deploy_well(&stage, FARGATE, &more).await;
            assert_eq!(zones(&stage), ["us-east-1b", "us-east-1d"], "after call {at}");
            assert_eq!(deploy_well(&stage, FARGATE, &[]).await.changes(), [""; 0]);
        }
    });
}

#[test]
fn a_load_balancer_that_a_zone_refuses_is_explained() {
    in_virtual_time(1, async || {
        let lacks = [("use1-az1".to_owned(), vec!["load-balancers".to_owned()])];
        let scenario = Scenario { zones_without: lacks.into(), ..Scenario::default() };
        insta::assert_snapshot!(incomplete(&stage_of(scenario), FARGATE).await, @"hint: a zone of the stack (us-east-1a or us-east-1b) cannot hold it: choose two others with `--zones`, by name or id");
    });
}

#[test]
fn zones_that_are_not_there_are_refused() {
    in_virtual_time(1, async || {
        insta::assert_snapshot!(refused(&stage("usual"), FARGATE, &["--zones", "us-east-1a,us-east-1z"]).await, @"error: --zones `us-east-1z`: is no zone of us-east-1 that is open to this account: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f");
        insta::assert_snapshot!(refused(&stage("usual"), API, &["--zones", "us-east-1a,use1-az3"]).await, @"error: --instance-type `c5.xlarge`: is not offered in us-east-1c, which --zones names");
        // Before the first call.
        let played = deploy(&stage("usual"), API, &["--zones", "us-east-1a"]).await;
        assert_eq!((played.exit, played.calls.len()), (Exit::Refused, 0));
    });
}

/// The permissions boundary of a stack's roles.
fn boundaries(stage: &Stage, stack: &str, roles: &[&str]) -> Vec<Option<String>> {
    let boundary = |which: &&str| {
        let name = json!({ "RoleName": format!("role-us-east-1-{stack}-{which}") });
        let look = |world: &mut World| iam::answer(world, "GetRole", &name);
        let role = stage.cloud.world(|world| world.once_caught_up(look));
        let role = role.expect("the role");
        let boundary = &role["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"];
        boundary.as_str().map(str::to_owned)
    };
    roles.iter().map(boundary).collect()
}

#[test]
fn a_permissions_boundary_is_given_to_every_role_and_never_taken_away() {
    in_virtual_time(1, async || {
        let demanding = stage("demanded-boundary");
        insta::assert_snapshot!(incomplete(&demanding, API).await, @"hint: no role can be made like this: where the organisation demands a permissions boundary, name it with `--permissions-boundary`; else `ecsup permissions` prints the policy that the caller needs");
        let bounded = ["--permissions-boundary", BOUNDARY];
        deploy_well(&demanding, API, &bounded).await;
        let roles = ["instance", "execution"];
        let all = vec![Some(BOUNDARY.to_owned()); 2];
        assert_eq!(boundaries(&demanding, "public-api", &roles), all);
        // Left out, it stays as it is.
        assert_eq!(deploy_well(&demanding, API, &[]).await.changes(), [""; 0]);
        assert_eq!(deploy_well(&demanding, API, &bounded).await.changes(), [""; 0]);

        // A stack that was there before the organisation demanded it.
        let stage = stage("usual");
        deploy_well(&stage, API, &[]).await;
        stage.cloud.world(|world| world.scenario.boundary = Some(BOUNDARY.to_owned()));
        assert_eq!(boundaries(&stage, "public-api", &roles), [None, None]);
        let changes = deploy_well(&stage, API, &bounded).await;
        let puts =
            changes.changes().iter().filter(|it| **it == "PutRolePermissionsBoundary").count();
        assert_eq!(puts, 2);
        assert_eq!(boundaries(&stage, "public-api", &roles), all);
    });
}

#[test]
fn a_boundary_that_is_not_there_or_somebody_elses_is_refused() {
    in_virtual_time(1, async || {
        let other = ["--permissions-boundary", "arn:aws:iam::210987654321:policy/boundary"];
        insta::assert_snapshot!(refused(&stage("usual"), FARGATE, &other).await, @"error: --permissions-boundary `arn:aws:iam::210987654321:policy/boundary`: is of account 210987654321, and this one is 123456789012");
        let absent = ["--permissions-boundary", "arn:aws:iam::123456789012:policy/absent"];
        let played = deploy(&stage("usual"), FARGATE, &absent).await;
        assert_eq!(played.exit, Exit::DeployIncomplete);
        insta::assert_snapshot!(told(&played), @"hint: there is no policy with the ARN of `--permissions-boundary` that a role can be bound by");
    });
}

#[test]
fn capacity_that_can_never_hold_the_tasks_is_refused() {
    in_virtual_time(1, async || {
        let usual = stage("usual");
        insta::assert_snapshot!(refused(&usual, API, &["--count", "4", "--max-size", "1"]).await, @"error: --max-size `1`: 1 instance of `c5.xlarge` has room for 3 tasks at most (network interfaces), and --count says 4: say --max-size 2");
        insta::assert_snapshot!(refused(&usual, API, &["--memory", "7987"]).await, @"error: --instance-type `c5.xlarge`: `c5.xlarge` has 7952 MiB of memory for tasks, and one task needs 7987: say --memory 7553 or less, or take a larger --instance-type");
        let played = stage("usual").play(&[&["plan"], API, &["--memory", "7700"]].concat()).await;
        insta::assert_snapshot!(told(&played), @"warning: --memory 7700: `c5.xlarge` has 8192 MiB, of which an instance registers between 7553 and 7952 for tasks: more than 7553 may never find a place");
        deploy_well(&stage("usual"), API, &["--memory", "7553", "--count", "1"]).await;
    });
}

#[test]
fn capacity_in_which_tasks_can_never_be_replaced_is_warned_of_and_the_number_helps() {
    in_virtual_time(1, async || {
        let stage = stage("usual");
        let tight = ["--count", "3", "--max-size", "1"];
        let played = deploy_well(&stage, API, &tight).await;
        insta::assert_snapshot!(told(&played), @"warning: --max-size 1: 1 instance of `c5.xlarge` has room for 3 tasks (network interfaces), and a deployment keeps 3 of --count 3 running (75 %): it finds no place for a new task, and never ends; say --max-size 2");
        let change = [&tight[..], &["--env", "CHANGED=1"]].concat();
        let stuck = deploy(&stage, API, &change).await;
        assert_eq!(stuck.exit, Exit::DeployIncomplete);
        let change = ["--count", "3", "--max-size", "2", "--env", "CHANGED=1"];
        deploy_well(&stage, API, &change).await;
    });
}

#[test]
fn a_look_up_that_is_answered_thinly_warns_and_refuses_nothing() {
    in_virtual_time(1, async || {
        let thin =
            |look: &str| stage_of(Scenario { thin: vec![look.to_owned()], ..Scenario::default() });
        let image = ["--ami", "ami-0ec5000000000a001"];
        let played = deploy_well(&thin("instance-types"), API, &image).await;
        insta::assert_snapshot!(told(&played), @"warning: AWS says nothing of the instance type `c5.xlarge`");
        let played = deploy_well(&thin("network-info"), API, &[]).await;
        insta::assert_snapshot!(told(&played), @"warning: AWS does not say how many network interfaces `c5.xlarge` has: whether the tasks fit is unknown");
        let played = deploy_well(&thin("offerings"), API, &[]).await;
        insta::assert_snapshot!(told(&played), @"warning: AWS names no zone that offers the instance type: whether these do is unknown");
        // What AWS knows not to be there is refused all the same.
        let absent = ["--instance-type", "c9.enormous"];
        insta::assert_snapshot!(refused(&thin("offerings"), API, &absent).await, @"error: --instance-type `c9.enormous`: is not an instance type of this region");
    });
}

/// The default VPC, and all that an account is born with in it.
fn default_vpc(stage: &Stage) -> Vec<serde_json::Value> {
    stage.cloud.world(|world| {
        let default = json!({ "Filters": [{ "Name": "is-default", "Values": ["true"] }] });
        let vpcs = ec2::answer(world, "DescribeVpcs", &default).expect("the VPCs");
        let id = vpcs["Vpcs"][0]["VpcId"].clone();
        let of = |filter: &str| json!({ "Filters": [{ "Name": filter, "Values": [id] }] });
        let mut all = vec![vpcs];
        for (operation, filter) in [
            ("DescribeSubnets", "vpc-id"),
            ("DescribeRouteTables", "vpc-id"),
            ("DescribeSecurityGroups", "vpc-id"),
            ("DescribeInternetGateways", "attachment.vpc-id"),
        ] {
            all.push(ec2::answer(world, operation, &of(filter)).expect(operation));
        }
        all
    })
}

/// Of the five VPCs that a region has room for, the account's own is one.
#[test]
fn four_stacks_fit_beside_the_default_vpc_which_nobody_touches() {
    in_virtual_time(1, async || {
        let stage = stage("usual");
        let before = default_vpc(&stage);
        let flags = |name: &'static str| ["--nat", "none", "--stack", name];
        for name in ["a", "b", "c", "d"] {
            deploy_well(&stage, FARGATE, &flags(name)).await;
        }
        let fifth = [&flags("e")[..], &["--skip-preflight"]].concat();
        let fifth = deploy(&stage, FARGATE, &fifth).await;
        assert_eq!(fifth.exit, Exit::DeployIncomplete, "{}", fifth.said());
        assert!(fifth.said().contains("VpcLimitExceeded"), "{}", fifth.said());
        for name in ["a", "b", "c", "d", "e"] {
            let destroyed = stage.play(&["destroy", "--yes", name]).await;
            assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.said());
        }
        assert_eq!(default_vpc(&stage), before);
    });
}

#[test]
fn an_account_that_is_being_verified_is_waited_for() {
    in_virtual_time(1, async || {
        deploy_well(&stage("pending-verification"), API, &[]).await;
        let never = [("account.verifying".to_owned(), 14400.0..=14400.0)];
        let never =
            Scenario { pending_verification: true, delays: never.into(), ..Scenario::default() };
        insta::assert_snapshot!(incomplete(&stage_of(never), API).await, @"hint: that mostly takes minutes and at times hours: run the same command again later, or take another `--region`");
    });
}

#[test]
fn a_fresh_account_has_few_vcpus_and_takes_a_stack_that_needs_fewer() {
    in_virtual_time(1, async || {
        let small = ["--instance-type", "c5.large"];
        deploy_well(&stage("fresh-account"), API, &small).await;
        let large = ["--count", "7", "--cpu", "1024", "--memory", "2048"];
        let played = deploy(&stage("fresh-account"), FARGATE, &large).await;
        assert_eq!(played.exit, Exit::DeployIncomplete);
        insta::assert_snapshot!(told(&played), @r"
        warning: vCPUs of Fargate On-Demand: this takes 7, and 6 of 6 are free here (Service Quotas fargate/L-3032A538: 6; in use: 0); ask AWS for more (aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value 7)
        hint: this stack needs 7 vCPUs for 7 tasks, and a quota of the account leaves less: ask for more of `Fargate On-Demand vCPU resource count` (L-3032A538) in Service Quotas, or for less with `--cpu` or `--count`
        ");
    });
}
