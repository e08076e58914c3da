//! Several containers in a task, AWS Graviton on Fargate, and security groups of others: what is asked for is
//! what the simulated world has, through every change, and what goes wrong is told by the container's name.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ec2;
use aws_sim::fields::Fields as _;
use aws_sim::scenario::{Ending, Scenario};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::json;

use crate::goal::{containers, requests, settings};
use crate::manifest::{spec, written};
use crate::proofs::{ids, no_defects, nothing_left};
use crate::secrets::make_for;
use crate::stage::{done, stage, usual};

const TOP: &str = "stack = 'demo'\npattern = 'fargate-api'\n";

/// Deploys a manifest, and fails the test unless the world is what it says and the next deploy is silent.
async fn becomes(stage: &Stage, manifest: &str) {
    let (_folder, path) = written(manifest);
    let spec = spec(&path);
    done(stage, &["deploy", "--yes", "--file", &path]).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    let unlike = stage.cloud.world(|world| {
        world.once_caught_up(|world| {
            let mut unlike = containers::unlike(world, &spec);
            unlike.extend(settings::unlike(world, &spec));
            unlike.extend(requests::unlike(world, &spec));
            unlike
        })
    });
    assert_eq!(unlike, [""; 0], "{manifest}");
    let again = done(stage, &["deploy", "--yes", "--file", &path]).await;
    assert_eq!(again.changes(), [""; 0], "{}", again.said());
}

const OWN: &str = "[service.web]\nimage = 'web:1'\n";
const PROXY: &str = "[service.web]\nimage = 'web:1'\ntarget = 'proxy'\nstop_timeout = '60s'
depends_on = { proxy = 'healthy', first = 'success' }
[service.web.sidecar.proxy]
image = 'envoy:1'
port = 9000
cpu = 64
memory = 128
env.LEVEL = 'info'
container_health = { command = ['CMD', '/up'], interval = '5s' }
[service.web.sidecar.first]
image = 'web:1'
command = ['migrate']
essential = false
secrets = ['DB']
";

#[test]
fn containers_come_change_and_go() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        stage.cloud.world(|world| world.enter("us-east-1"));
        let (_folder, path) = written(&format!("{TOP}{PROXY}"));
        make_for(&stage.cloud, &spec(&path)).await;
        let before = ids(&stage.cloud);
        let changed = PROXY.replace("9000", "9001").replace("memory = 128", "essential = false");
        let other = PROXY.replace("'envoy:1'", "'envoy:2'").replace("depends_on = ", "# ");
        for manifest in [OWN, PROXY, &changed, &other, PROXY, OWN, PROXY] {
            becomes(&stage, &format!("{TOP}{manifest}")).await;
        }
        // What runs, written as a manifest, is the same; by flags alone it would be lost.
        let (folder, _) = written("");
        let again = folder.path().join("again.toml");
        let again = again.to_str().unwrap();
        done(&stage, &["init", "--from", "demo", "--file", again]).await;
        let planned = stage.play(&["plan", "--exit-code", "--file", again]).await;
        assert_eq!(planned.exit, Exit::Done, "{}", planned.said());
        let flags = ["deploy", "--yes", "--pattern", "fargate-api", "--stack", "demo", "--no-file"];
        let refused = stage.play(&flags).await;
        assert_eq!((refused.exit, refused.changes()), (Exit::Refused, Vec::new()));
        let said = refused.said();
        insta::assert_snapshot!(said.lines().find(|line| line.starts_with("error")).unwrap());
        done(&stage, &["destroy", "--yes", "demo"]).await;
        no_defects(&stage.cloud).unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// What a failing deploy says last of why.
async fn told(stage: &Stage, manifest: &str) -> String {
    let (_folder, path) = written(&format!("{TOP}{manifest}"));
    stage.cloud.world(|world| world.enter("us-east-1"));
    make_for(&stage.cloud, &spec(&path)).await;
    let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
    assert_ne!(played.exit, Exit::Done, "{}", played.said());
    let said = played.said();
    let begin = said.find("error").unwrap_or_default();
    said[begin..].to_owned()
}

#[test]
fn the_container_that_fails_is_named() {
    let lines = &["cannot bind to 0.0.0.0:9000"];
    let scenario = || Scenario::default();
    let crashes = Scenario { ending: Some(Ending::exits(1, 5.0, lines).of("proxy")), ..scenario() };
    let fails = Scenario { first_container_fails: Some(3), ..scenario() };
    let sick = Scenario { sick_containers: true, ..scenario() };
    let arm = Scenario { arm_images: vec!["web:1".to_owned()], ..scenario() };
    let mut all = String::new();
    for (what, scenario, manifest) in [
        ("crashes", crashes, PROXY),
        ("fails", fails, PROXY),
        ("sick", sick, PROXY),
        ("arm", arm, OWN),
    ] {
        let told = stage(scenario, async |stage| told(stage, manifest).await);
        all.extend(["== ", what, "\n", &told, "\n"]);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn an_image_for_graviton_runs_on_it() {
    let arm = Scenario { arm_images: vec!["web:1".to_owned()], ..Scenario::default() };
    stage(arm, async |stage| {
        let manifest = format!("{TOP}{OWN}arch = 'arm64'\n");
        becomes(stage, &manifest).await;
        done(stage, &["destroy", "--yes", "demo"]).await;
    });
    // And a stack goes to it and back.
    in_virtual_time(2, async || {
        let stage = usual(2);
        for arch in ["", "arch = 'arm64'\n", "arch = 'x86_64'\n"] {
            becomes(&stage, &format!("{TOP}{OWN}{arch}")).await;
        }
    });
}

/// The id of the stack's VPC.
fn vpc(cloud: &Cloud) -> String {
    cloud.world(|world| {
        let filter = json!([{ "Name": "tag:ecsup:stack", "Values": ["demo"] }]);
        let vpcs = ec2::answer(world, "DescribeVpcs", &json!({ "Filters": filter })).expect("VPCs");
        vpcs["Vpcs"][0].text("VpcId").to_owned()
    })
}

fn group_in(cloud: &Cloud, vpc: &str) -> String {
    let input = json!({ "GroupName": "database", "Description": "of others", "VpcId": vpc });
    let made = cloud.world(|world| ec2::answer(world, "CreateSecurityGroup", &input));
    let made = made.expect("a group");
    made.text("GroupId").to_owned()
}

#[test]
fn groups_of_others_are_looked_up_and_left_alone() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let cloud = &stage.cloud;
        cloud.world(|world| world.enter("us-east-1"));
        let other = cloud.world(|world| {
            let made = ec2::answer(world, "CreateVpc", &json!({ "CidrBlock": "10.9.0.0/16" }));
            made.unwrap()["Vpc"].text("VpcId").to_owned()
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        let elsewhere = group_in(cloud, &other);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let with = |groups: &str| format!("{TOP}{OWN}security_groups = [{groups}]\n");
        let refused = async |manifest: &str| {
            let (_folder, path) = written(manifest);
            let refused = stage.play(&["deploy", "--yes", "--file", &path]).await;
            assert_eq!((refused.exit, refused.changes()), (Exit::Refused, Vec::new()));
            refused.said().replace(&elsewhere, "sg-ELSEWHERE").replace(&other, "vpc-OTHER")
        };
        let mut all = refused(&with(&format!("'{elsewhere}'"))).await;
        becomes(&stage, &format!("{TOP}{OWN}")).await;
        let own = vpc(cloud);
        let told = refused(&with(&format!("'{elsewhere}', 'sg-0123456789abcdef0'"))).await;
        all += &told.replace(&own, "vpc-OWN");
        insta::assert_snapshot!(all);
        let group = group_in(cloud, &own);
        tokio::time::sleep(Duration::from_secs(10)).await;
        for groups in [format!("'{group}'"), String::new(), format!("'{group}'")] {
            becomes(&stage, &with(&groups)).await;
        }
        // It stands in the VPC, so somebody else's group keeps that from going, and is named.
        let destroyed = stage.play(&["destroy", "--yes", "demo"]).await;
        assert_ne!(destroyed.exit, Exit::Done, "{}", destroyed.said());
        assert!(destroyed.said().contains(&group), "{}", destroyed.said());
        let there = |world: &mut aws_sim::world::World| {
            let input = json!({ "GroupIds": [group.as_str()] });
            ec2::answer(world, "DescribeSecurityGroups", &input).is_ok()
        };
        assert!(cloud.world(there), "it is not ours");
        let delete = json!({ "GroupId": group.as_str() });
        cloud.world(|world| ec2::answer(world, "DeleteSecurityGroup", &delete)).unwrap();
        done(&stage, &["destroy", "--yes", "demo"]).await;
        no_defects(cloud).unwrap();
    });
}
