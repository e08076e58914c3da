//! A stack that is not as it was left: something surplus, something twice, something changed by hand.
//! Deploy makes it right without touching more than that, or says why it does not.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::{Fields as _, Tags};
use aws_sim::policy::Policy;
use aws_sim::refusal::Answer;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time, sdk_config};
use ecsup::engine::event::What;
use ecsup::resource::Kind;
use serde_json::{Value, json};

use crate::doubts::lose_the_way_out;
use crate::proofs::{deploy, destroy, expect, holds, ids, nothing_left, play_until_crash};
use crate::stage::{done, usual};

const WORKER: [&str; 4] = ["deploy", "--yes", "--pattern", "internal-worker"];
const FARGATE: [&str; 4] = ["deploy", "--yes", "--pattern", "fargate-api"];

/// What takes another service in the place of the usual one: its image has to be said, and the old one
/// goes by its name only.
const RENAMED: &[&str] = &[
    "--service",
    "renamed",
    "--image",
    "public.ecr.aws/docker/library/nginx:latest",
    "--remove",
    "worker",
];

/// Answers the calls of one service.
type Service = fn(&mut World, &str, &Value) -> Answer;

/// After this time AWS shows everywhere what was made, changed or deleted.
const SHOWN: Duration = Duration::from_secs(30);

/// All that a person sees of a command, without colours.
fn shown(played: &Played) -> String {
    let all = [played.said(), played.recording.out.join("\n")].join("\n");
    let mut parts = all.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let plain = parts.filter_map(|part| Some(part.split_once('m')?.1));
    plain.fold(first, |text, part| text + part)
}

#[test]
fn a_service_goes_without_harm_to_the_cluster_that_stays() {
    // Whenever it is looked, the agents are just connecting anew.
    let always = [("agent.reconnect", 0.0..=0.0), ("agent.reconnect.lasts", 900.0..=900.0)];
    let delays = always.map(|(label, range)| (label.to_owned(), range)).into();
    in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario { delays, ..Scenario::default() }) };
        done(&stage, &WORKER).await;
        let renamed = done(&stage, &[&WORKER[..], RENAMED].concat()).await;
        let changes = renamed.changes();
        assert!(changes.contains(&"DeleteService"), "{changes:?}");
        let harm = ["DeregisterContainerInstance", "ModifyTargetGroupAttributes"];
        let harmed: Vec<_> = changes.iter().filter(|it| harm.contains(it)).collect();
        // The new service's own target group gets its delay.
        assert_eq!(harmed, [&"ModifyTargetGroupAttributes"]);
        let destroyed = done(&stage, &["destroy", "--yes", "internal-worker"]).await;
        assert!(!destroyed.changes().contains(&"DeregisterContainerInstance"));
    });
}

/// Without a way out, no agent can tell that its tasks have stopped, also not when everything goes.
pub async fn silent_agents(stage: &Stage, flags: &[&str]) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy")?;
    cloud.world(lose_the_way_out);
    tokio::time::sleep(Duration::from_mins(10)).await;
    expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy")?;
    nothing_left(cloud, &before)
}

#[test]
fn agents_that_report_no_more_are_forgotten_when_everything_goes() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        silent_agents(&stage, &WORKER[2..]).await.unwrap();
        let forgets = |call: &Record| call.operation == "DeregisterContainerInstance";
        assert!(stage.cloud.calls().iter().any(forgets));
    });
}

/// How instances came to their end while their agents were out of reach, and what a deploy then removes.
#[derive(Debug, Clone, Copy)]
enum Silenced {
    /// They went with their group: everything that keeps it for life is made again.
    WithTheGroup,
    /// The same, and the first deploy dies when it has asked for the service's removal.
    WithTheGroupThenCrash,
    /// Somebody has deleted the service besides.
    WithTheService,
    /// Another service is wanted.
    BeforeARename,
    /// The same service is to run something else: former tasks have to stop on them.
    BeforeARollout,
}

/// ECS takes an instance that is terminated while its agent is silent for one that may come back, and
/// its tasks for running. Nobody but ecsup can tell that it is gone, also where the cluster stays.
#[test]
fn instances_that_ended_in_silence_hold_nothing_up() {
    use Silenced::{
        BeforeARename, BeforeARollout, WithTheGroup, WithTheGroupThenCrash, WithTheService,
    };
    let all = [WithTheGroup, WithTheGroupThenCrash, WithTheService, BeforeARename, BeforeARollout];
    for how in all {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let before = ids(&stage.cloud);
            done(&stage, &WORKER).await;
            let instances = of_kinds(&stage, "instance");
            stage.cloud.world(lose_the_way_out);
            tokio::time::sleep(Duration::from_mins(5)).await;
            let (service, operation, input) = match how {
                WithTheGroup | WithTheGroupThenCrash => {
                    let group = "asg-internal-worker";
                    let input = json!({ "AutoScalingGroupName": group, "ForceDelete": true });
                    (aws_sim::autoscaling::answer as Service, "DeleteAutoScalingGroup", input)
                }
                WithTheService | BeforeARename | BeforeARollout => {
                    let input = json!({ "InstanceIds": instances });
                    (aws_sim::ec2::answer as Service, "TerminateInstances", input)
                }
            };
            by_hand(&stage, service, operation, &input);
            tokio::time::sleep(Duration::from_mins(10)).await;
            let mut flags = WORKER.to_vec();
            match how {
                WithTheGroup => {}
                WithTheGroupThenCrash => dies_after(&stage, "DeleteService", &WORKER).await,
                WithTheService => {
                    let input = json!({
                        "cluster": "cluster-internal-worker", "service": "worker", "force": true,
                    });
                    by_hand(&stage, aws_sim::ecs::answer, "DeleteService", &input);
                }
                BeforeARename => flags.extend(RENAMED),
                BeforeARollout => flags.extend(["--env", "COLOUR=green"]),
            }
            let deployed = stage.play(&flags).await;
            assert_eq!(deployed.exit, Exit::Done, "{how:?}: {}", deployed.said());
            let forgotten = deployed.changes().into_iter();
            let forgotten = forgotten.filter(|it| *it == "DeregisterContainerInstance").count();
            assert_eq!(forgotten, instances.len(), "{how:?}");
            holds(&stage.cloud, &flags[2..]).await.unwrap_or_else(|why| panic!("{how:?}: {why}"));
            done(&stage, &["destroy", "--yes", "internal-worker"]).await;
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

/// Plays a command that dies when AWS has done an operation.
async fn dies_after(stage: &Stage, operation: &str, words: &[&str]) {
    let (operation, fault) = (operation.to_owned(), Fault::CrashAfter);
    let only = Some(Only { operation, about: String::new(), fault });
    stage.cloud.set_faults(Faults { only, ..Faults::default() });
    assert!(play_until_crash(stage, words).await.is_none(), "it dies");
    stage.cloud.set_faults(Faults::default());
}

/// What is not asked for any more may be on its way out already, such as a service whose removal an
/// earlier run has asked for. A deploy is not done before it is gone, and what it holds goes after it.
#[test]
fn what_was_leaving_already_is_gone_when_a_deploy_is_done() {
    in_virtual_time(1, async || {
        let deployed = deploy_beside_a_leaving_service(&[]).await;
        let removed = deployed.recording.events.iter().filter(|it| it.what == What::Removed);
        let removed: Vec<_> = removed.map(|it| it.node.to_string()).collect();
        let at = |node: &str| removed.iter().position(|it| it == node).expect("it is removed");
        assert!(at("service/worker") < at("task-definition/worker"), "{removed:?}");
    });
}

/// ECS lists no service that is draining, and once its task definition is deleted there is none to read
/// its name from either: only the family is left.
#[test]
fn a_leaving_service_is_seen_also_without_its_task_definition() {
    let definition = "td-internal-worker_worker:1";
    let deregister = json!({ "taskDefinition": definition });
    let delete = json!({ "taskDefinitions": [definition] });
    let gone = [("DeregisterTaskDefinition", deregister), ("DeleteTaskDefinitions", delete)];
    in_virtual_time(1, async || drop(deploy_beside_a_leaving_service(&gone).await));
}

/// Deploys another service in the place of one whose removal somebody has asked for, and then done more
/// to ECS by hand. Nothing of the old one is left.
async fn deploy_beside_a_leaving_service(more_by_hand: &[(&str, Value)]) -> Played {
    let stage = usual(1);
    done(&stage, &WORKER).await;
    let renamed = [&WORKER[..], RENAMED].concat();
    done(&stage, &[&renamed[..], &["--no-wait"]].concat()).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    // Until a deploy leads them out again, no agent can tell that its tasks have stopped.
    stage.cloud.world(lose_the_way_out);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let mut worker = json!({ "cluster": "cluster-internal-worker", "service": "worker" });
    worker["force"] = true.into();
    by_hand(&stage, aws_sim::ecs::answer, "DeleteService", &worker);
    for (operation, input) in more_by_hand {
        by_hand(&stage, aws_sim::ecs::answer, operation, input);
    }
    let deployed = done(&stage, &renamed).await;
    let worker = json!({ "cluster": "cluster-internal-worker", "services": ["worker"] });
    let worker = by_hand(&stage, aws_sim::ecs::answer, "DescribeServices", &worker);
    assert_eq!(worker["services"][0]["status"], "INACTIVE", "{}", deployed.said());
    let wanted = ["--service", "renamed"];
    holds(&stage.cloud, &[&WORKER[2..], &wanted].concat()).await.expect("it is as it should be");
    let again = done(&stage, &renamed).await;
    assert_eq!(again.changes(), [""; 0], "{}", again.said());
    deployed
}

/// The changes of EC2 that AWS accepted more than once.
fn done_twice(played: &Played) -> Vec<String> {
    let accepted = played.calls.iter().filter(|it| it.changes() && it.refused.is_none());
    let of_ec2 = accepted.filter(|it| it.service == "ec2" && it.answer.is_some());
    let mut seen = BTreeSet::new();
    let changes = of_ec2.map(|it| format!("{} {}", it.operation, it.input));
    changes.filter(|change| !seen.insert(change.clone())).collect()
}

/// What was changed or deleted is shown as it was, for as long as the simulator may.
#[test]
fn what_is_still_shown_is_not_changed_again_and_a_deploy_may_follow_a_destroy() {
    for flags in [WORKER, FARGATE] {
        let delays = [("ec2.lagging", 5.0..=5.0), ("iam.lagging", 3.0..=3.0)];
        let delays = delays.map(|(label, range)| (label.to_owned(), range)).into();
        in_virtual_time(1, async || {
            let stage = Stage { cloud: Cloud::new(1, Scenario { delays, ..Scenario::default() }) };
            let deployed = done(&stage, &flags).await;
            assert_eq!(done_twice(&deployed), [""; 0]);
            let destroyed = done(&stage, &["destroy", "--yes", flags[3]]).await;
            // What takes minutes to go is asked to now and then.
            let mut twice = done_twice(&destroyed);
            twice.retain(|change| !change.starts_with("DeleteNatGateway"));
            assert_eq!(twice, [""; 0]);
            let of_ec2 = destroyed.calls.iter().filter(|call| call.service == "ec2");
            let changes = of_ec2.filter(|call| call.changes());
            let codes = changes.filter_map(|call| call.refused.as_deref());
            let in_vain: Vec<_> = codes.filter(|code| code.ends_with("NotFound")).collect();
            assert_eq!(in_vain, [""; 0]);
            let again = done(&stage, &flags).await;
            assert!(again.changes().contains(&"CreateVpc"), "{}", again.said());
            crate::proofs::holds(&stage.cloud, &flags[2..]).await.unwrap();
        });
    }
}

#[test]
fn enhanced_container_insights_stay() {
    use aws_sdk_ecs::types::{ClusterSetting, ClusterSettingName};
    in_virtual_time(1, async || {
        let stage = usual(1);
        done(&stage, &FARGATE).await;
        let ecs = aws_sdk_ecs::Client::new(&sdk_config(&stage.cloud, "us-east-1"));
        let enhanced =
            ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value("enhanced");
        let update = ecs.update_cluster().cluster("cluster-fargate-api");
        update.settings(enhanced.build()).send().await.unwrap();
        let again = done(&stage, &FARGATE).await;
        assert_eq!(again.changes(), [""; 0], "{}", again.said());
    });
}

#[test]
fn providers_are_found_on_every_page() {
    use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
    use aws_sdk_ec2::types::RequestLaunchTemplateData;
    use aws_sdk_ecs::types::{AutoScalingGroupProvider, Tag};
    in_virtual_time(1, async || {
        let stage = usual(1);
        let config = sdk_config(&stage.cloud, "us-east-1");
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let scaling = aws_sdk_autoscaling::Client::new(&config);
        let ecs = aws_sdk_ecs::Client::new(&config);
        let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap();
        tokio::time::sleep(SHOWN).await;
        let subnet = ec2.create_subnet().vpc_id(vpc.vpc_id.unwrap()).cidr_block("10.9.0.0/24");
        let subnet = subnet.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
        tokio::time::sleep(SHOWN).await;
        let image = RequestLaunchTemplateData::builder().image_id("ami-0ec5000000000a001");
        let image = image.instance_type(aws_sdk_ec2::types::InstanceType::C5Xlarge).build();
        let template = ec2.create_launch_template().launch_template_name("by-hand");
        template.launch_template_data(image).send().await.unwrap();
        tokio::time::sleep(SHOWN).await;
        let template = LaunchTemplateSpecification::builder().launch_template_name("by-hand");
        for number in 10..21 {
            let group = format!("by-hand-{number}");
            let create = scaling.create_auto_scaling_group().auto_scaling_group_name(&group);
            let create = create.min_size(0).max_size(0).vpc_zone_identifier(&subnet);
            create.launch_template(template.clone().build()).send().await.unwrap();
            let groups = scaling.describe_auto_scaling_groups().auto_scaling_group_names(&group);
            let groups = groups.send().await.unwrap();
            let arn = groups.auto_scaling_groups()[0].auto_scaling_group_arn().unwrap();
            let stack = format!("s{number}");
            let tags = |node: &str| {
                let tags = [("stack", &*stack), ("node", node), ("region", "us-east-1")];
                let tag = |(key, value)| Tag::builder().key(format!("ecsup:{key}")).value(value);
                Some(tags.map(|it| tag(it).build()).to_vec())
            };
            let provider = AutoScalingGroupProvider::builder().auto_scaling_group_arn(arn).build();
            let create = ecs.create_capacity_provider().name(format!("cp-{stack}"));
            let create = create.auto_scaling_group_provider(provider.unwrap());
            create.set_tags(tags("capacity-provider")).send().await.unwrap();
            let create = ecs.create_cluster().cluster_name(format!("cluster-{stack}"));
            create.set_tags(tags("cluster")).send().await.unwrap();
        }
        let listed = shown(&done(&stage, &["list"]).await);
        let both = listed.lines().filter(|line| line.contains("2 resources"));
        assert_eq!(both.count(), 11, "{listed}");
    });
}

/// Registers the newest revision of the stack's task definition as often again, as so many deploys do.
fn register_often(stage: &Stage, times: usize) {
    let (arn, tags) = of_kind(stage, "task-definition");
    let tags: Vec<_> =
        tags.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    stage.cloud.world(|world| {
        let it = json!({ "taskDefinition": arn });
        let it = aws_sim::ecs::answer(world, "DescribeTaskDefinition", &it).expect("it is there");
        let it = &it["taskDefinition"];
        let mut register = json!({ "tags": tags });
        for member in [
            "family",
            "cpu",
            "memory",
            "networkMode",
            "requiresCompatibilities",
            "executionRoleArn",
            "containerDefinitions",
        ] {
            register[member] = it[member].clone();
        }
        for _ in 0..times {
            aws_sim::ecs::answer(world, "RegisterTaskDefinition", &register).expect("made");
        }
    });
}

/// The ids of all things of a kind in the stack.
fn of_kinds(stage: &Stage, kind: &str) -> Vec<String> {
    let all = stage.cloud.world(World::tagged).into_iter();
    let is_it = |(other, _, tags): &(String, String, Tags)| {
        other == kind && tags.contains_key("ecsup:stack")
    };
    all.filter(is_it).map(|(_, id, _)| id).collect()
}

/// Id and tags of the only thing of a kind.
fn of_kind(stage: &Stage, kind: &str) -> (String, Tags) {
    let mut all = stage.cloud.world(World::tagged).into_iter().filter(|(other, ..)| other == kind);
    let (_, id, tags) = all.next().expect("one is there");
    (id, tags)
}

/// A page of target groups has 400 of them, one of hosted zones or of revisions 100. Zones come in the
/// order of their ids, which are chance.
#[test]
fn what_is_there_is_found_on_every_page() {
    for seed in 0..3 {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let vpc =
                ec2(&stage).create_vpc().cidr_block("10.9.0.0/16").send().await.expect("by hand");
            let vpc = vpc.vpc.expect("by hand").vpc_id.expect("by hand");
            tokio::time::sleep(SHOWN).await;
            stage.cloud.world(|world| {
                for number in 0..400 {
                    let name = format!("a{number}");
                    let input =
                        json!({ "Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc });
                    aws_sim::elb::answer(world, "CreateTargetGroup", &input).expect("made by hand");
                }
                for number in 0..300 {
                    let name = format!("a{number}.example");
                    let input = json!({ "Name": name, "CallerReference": name });
                    aws_sim::route53::answer(world, "CreateHostedZone", &input).expect("by hand");
                }
            });
            let before = stage.cloud.world(World::ids);
            let flags = [&FARGATE[..], &["--zone", "shop.internal"]].concat();
            done(&stage, &flags).await;
            let again = done(&stage, &flags).await;
            assert_eq!(again.changes(), [""; 0], "{}", again.said());
            register_often(&stage, 110);
            done(&stage, &["destroy", "--yes", "fargate-api"]).await;
            let mut left = stage.cloud.world(World::ids);
            left.retain(|id| !before.contains(id) && !id.contains("/aws-service-role/"));
            assert_eq!(left, BTreeSet::new());
        });
    }
}

/// A removal reads every page of revisions: what it leaves for the last looks may be too much for them.
#[test]
fn every_revision_goes_however_short_the_pages_are() {
    in_virtual_time(1, async || {
        let scenario = Scenario { pages_of_one: true, ..Scenario::default() };
        let stage = Stage { cloud: Cloud::new(1, scenario) };
        let before = ids(&stage.cloud);
        done(&stage, &FARGATE).await;
        register_often(&stage, 5);
        done(&stage, &["destroy", "--yes", "fargate-api"]).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// A gateway that is going has its address still, and another one that is made with it fails, although
/// AWS takes the request.
#[test]
fn a_gateway_that_was_deleted_is_made_again_when_its_address_is_free() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        done(&stage, &FARGATE).await;
        let (gateway, _) = of_node(&stage, "natgateway", "nat/1");
        let delete = json!({ "NatGatewayId": gateway });
        by_hand(&stage, aws_sim::ec2::answer, "DeleteNatGateway", &delete);
        // Until then it may be listed as available.
        tokio::time::sleep(Duration::from_secs(10)).await;
        done(&stage, &FARGATE).await;
        let filter = json!([{ "Name": "tag:ecsup:node", "Values": ["nat/1"] }]);
        let filter = json!({ "Filter": filter });
        let made = by_hand(&stage, aws_sim::ec2::answer, "DescribeNatGateways", &filter);
        let states = made.list("NatGateways").iter().map(|it| it.text("State"));
        assert_eq!(states.collect::<BTreeSet<_>>(), BTreeSet::from(["available", "deleted"]));
        assert_eq!(made.list("NatGateways").len(), 2);
        holds(&stage.cloud, &FARGATE[2..]).await.unwrap();
    });
}

/// What inherits tags from a thing that has them, when it starts.
const INHERITING: [&str; 7] = [
    "container-instance",
    "instance",
    "network-interface",
    "parameter",
    "task",
    "task-definition",
    "volume",
];

/// Kind, id and tags of everything in the stack that has a node of its own.
fn nodes(stage: &Stage) -> Vec<(String, String, Tags)> {
    let all = stage.cloud.world(World::tagged).into_iter();
    all.filter(|(kind, _, tags)| {
        !INHERITING.contains(&kind.as_str()) && tags.contains_key("ecsup:node")
    })
    .collect()
}

/// Id and tags of the thing that is a node's.
fn of_node(stage: &Stage, kind: &str, node: &str) -> (String, Tags) {
    let is_it = |(other, _, tags): &(String, String, Tags)| {
        other == kind && tags.get("ecsup:node").is_some_and(|it| it == node)
    };
    let (_, id, tags) = nodes(stage).into_iter().find(is_it).expect("the node is there");
    (id, tags)
}

/// What has come and gone since, but locks.
fn changed_ids(stage: &Stage, before: &BTreeSet<String>) -> Vec<String> {
    let now = stage.cloud.world(World::ids);
    let changed = now.symmetric_difference(before).filter(|id| !id.contains("/lock/"));
    changed.cloned().collect()
}

fn ec2(stage: &Stage) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&sdk_config(&stage.cloud, "us-east-1"))
}

#[test]
fn a_changed_tag_is_a_change_on_everything_and_no_other_tag_is_touched() {
    for flags in [WORKER, FARGATE] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let policy = crate::proofs::printed_policy(&stage, &flags[2..]).await;
            stage.cloud.set_policy(Policy::parse(&policy).unwrap());
            done(&stage, &[&flags[..], &["--tag", "team=a", "--tag", "Stage=x"]].concat()).await;
            let (vpc, _) = of_node(&stage, "vpc", "vpc");
            let ours = nodes(&stage);
            let tag = aws_sdk_ec2::types::Tag::builder().key("owner").value("jane").build();
            stage.cloud.set_policy(Policy::parse(EVERYTHING).unwrap());
            ec2(&stage).create_tags().resources(&vpc).tags(tag).send().await.unwrap();
            stage.cloud.set_policy(Policy::parse(&policy).unwrap());

            let more = ["--tag", "team=b", "--tag", "a=1", "--tag", "b=2", "--tag", "c=3"];
            let changed = [&flags[..], &more].concat();
            let plan = [&["plan", "--exit-code"], &changed[2..]].concat();
            let planned = stage.play(&plan).await;
            assert_eq!(planned.exit, Exit::ChangesPending, "{}", planned.said());
            assert!(shown(&planned).contains("VPC: tag a none → 1"), "{}", shown(&planned));
            done(&stage, &changed).await;
            for (kind, id, before) in ours {
                let (_, now) = of_node(&stage, &kind, &before["ecsup:node"]);
                assert_eq!(now["team"], "b", "{kind} {id}");
                // A hosted zone takes ten tags, of which six are ours.
                assert_eq!(now.contains_key("c"), kind != "hosted-zone", "{kind} {id}: {now:?}");
                let is_new = |key: &str| ["team", "a", "b", "c", "owner"].contains(&key);
                let others = |tags: &Tags| -> Tags {
                    let all = tags.clone().into_iter();
                    all.filter(|(key, _)| !is_new(key) && key != "Stage").collect()
                };
                assert_eq!(others(&before), others(&now), "{kind} {id}");
            }
            assert_eq!(of_node(&stage, "vpc", "vpc").1["owner"], "jane");
            tokio::time::sleep(SHOWN).await;
            for same in [&changed, &flags.to_vec()] {
                let again = done(&stage, same).await;
                assert_eq!(again.changes(), [""; 0], "{}", again.said());
            }
        });
    }
}

const EVERYTHING: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

#[test]
fn a_task_definition_without_its_hash_is_compared_by_its_content() {
    for flags in [WORKER, FARGATE] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let with = [&flags[..], &["--env", "A=1", "--env", "B=x=y"]].concat();
            done(&stage, &with).await;
            let ecs = aws_sdk_ecs::Client::new(&sdk_config(&stage.cloud, "us-east-1"));
            let listed = ecs.list_task_definitions().send().await.unwrap();
            let untag = ecs.untag_resource().resource_arn(&listed.task_definition_arns()[0]);
            untag.tag_keys("ecsup:content").send().await.unwrap();
            let again = done(&stage, &with).await;
            assert_eq!(again.changes(), [""; 0], "{}", again.said());
            let other =
                done(&stage, &[&flags[..], &["--env", "A=2", "--accept-defaults"]].concat()).await;
            assert!(other.changes().contains(&"RegisterTaskDefinition"), "{}", other.said());
        });
    }
}

/// Makes a second one of each kind that AWS makes twice, with the whole identity of the first one.
async fn make_second_ones(stage: &Stage) {
    use aws_sdk_ec2::types::{DomainType, ResourceType, Tag, TagSpecification};
    let ec2 = ec2(stage);
    let (vpc, _) = of_node(stage, "vpc", "vpc");
    let (subnet, _) = of_node(stage, "subnet", "subnet/public-1");
    let like = |kind: ResourceType, node: &str| {
        let (_, tags) = of_node(stage, kind.as_str(), node);
        let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value));
        let tags = tags.map(aws_sdk_ec2::types::builders::TagBuilder::build).collect();
        TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
    };
    let second = ec2.create_vpc().cidr_block("10.0.0.0/16");
    let second = second
        .tag_specifications(like(ResourceType::Vpc, "vpc"))
        .send()
        .await
        .expect("made by hand");
    let second = second.vpc.expect("made by hand").vpc_id.expect("made by hand");
    tokio::time::sleep(SHOWN).await;
    let gateway = like(ResourceType::InternetGateway, "internet-gateway");
    ec2.create_internet_gateway().tag_specifications(gateway).send().await.expect("made by hand");
    for node in ["route-table/public", "route-table/private-1"] {
        let table = ec2.create_route_table().vpc_id(&vpc);
        let table = table.tag_specifications(like(ResourceType::RouteTable, node));
        table.send().await.expect("made by hand");
    }
    let range = ec2.create_subnet().vpc_id(second).cidr_block("10.0.250.0/24");
    let range = range.tag_specifications(like(ResourceType::Subnet, "subnet/private-1"));
    range.send().await.expect("made by hand");
    let group = like(ResourceType::SecurityGroup, "security-group/service");
    let second = ec2.create_security_group().group_name("second").description("second");
    second.vpc_id(&vpc).tag_specifications(group).send().await.expect("made by hand");
    let address = like(ResourceType::ElasticIp, "elastic-ip/1");
    let address = ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(address);
    let address = address.send().await.expect("made by hand").allocation_id.expect("made by hand");
    tokio::time::sleep(SHOWN).await;
    let gateway = ec2.create_nat_gateway().allocation_id(address).subnet_id(subnet);
    let gateway = gateway.tag_specifications(like(ResourceType::Natgateway, "nat/1"));
    gateway.send().await.expect("made by hand");
    // Until it is available.
    tokio::time::sleep(Duration::from_mins(5)).await;
}

#[test]
fn of_two_things_of_one_node_the_one_in_use_is_kept() {
    // Which id is the smaller one is chance.
    for seed in 0..6 {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            done(&stage, &WORKER).await;
            let before = stage.cloud.world(World::ids);
            make_second_ones(&stage).await;
            let second_ones = stage.cloud.world(World::ids).len() - before.len();

            let planned = stage.play(&[&["plan", "--exit-code"], &WORKER[2..]].concat()).await;
            assert_eq!(planned.exit, Exit::ChangesPending, "{}", planned.said());
            let said = shown(&planned);
            assert_eq!(said.matches(" is a second one: ").count(), 8, "{said}");
            let deployed = done(&stage, &WORKER).await;
            assert_eq!(changed_ids(&stage, &before), [""; 0], "of {second_ones}");
            let changes = deployed.changes().into_iter();
            let others: Vec<_> = changes.filter(|it| !OF_REMOVAL.contains(it)).collect();
            assert_eq!(others, [""; 0], "{}", deployed.said());
            // Asked once more, one may have gone just now.
            let is_wrong = |code: &&str| !code.ends_with("NotFound");
            let codes = deployed.calls.iter().filter_map(|call| call.refused.as_deref());
            assert_eq!(codes.filter(is_wrong).collect::<Vec<_>>(), [""; 0]);
            tokio::time::sleep(SHOWN).await;
            let again = done(&stage, &WORKER).await;
            assert_eq!(again.changes(), [""; 0], "{}", again.said());
        });
    }
}

const OF_REMOVAL: [&str; 10] = [
    "DeleteInternetGateway",
    "DeleteNatGateway",
    "DeleteParameters",
    "DeleteRouteTable",
    "DeleteSecurityGroup",
    "DeleteSubnet",
    "DeleteVpc",
    "DescribeNatGateways",
    "PutParameter",
    "ReleaseAddress",
];

#[test]
fn listeners_that_are_not_asked_for_go_and_a_receipt_names_them() {
    use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum, Tag};
    in_virtual_time(1, async || {
        let stage = usual(1);
        done(&stage, &FARGATE).await;
        let before = stage.cloud.world(World::ids);
        let elb =
            aws_sdk_elasticloadbalancingv2::Client::new(&sdk_config(&stage.cloud, "us-east-1"));
        let (balancer, _) = of_node(&stage, "load-balancer", "load-balancer");
        let (group, _) = of_node(&stage, "target-group", "target-group/web");
        let (_, tags) = of_node(&stage, "listener", "listener/80");
        for (port, node) in [(8080, "listener/80"), (8081, "listener/8081")] {
            let tags = tags.iter().map(|(key, value)| {
                let value = if key == "ecsup:node" { node } else { value };
                Tag::builder().key(key).value(value).build()
            });
            let to = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(&group);
            let create = elb.create_listener().load_balancer_arn(&balancer).port(port);
            let create = create.protocol(ProtocolEnum::Http).default_actions(to.build());
            create.set_tags(Some(tags.collect())).send().await.unwrap();
        }
        tokio::time::sleep(SHOWN).await;
        let deployed = done(&stage, &FARGATE).await;
        let changes = deployed.changes();
        assert_eq!(changes.iter().filter(|it| **it == "DeleteListener").count(), 2, "{changes:?}");
        assert_eq!(changed_ids(&stage, &before), [""; 0]);
        let destroyed = done(&stage, &["destroy", "--yes", "fargate-api"]).await;
        assert!(shown(&destroyed).contains("removed  listener/80 "), "{}", shown(&destroyed));
    });
}

#[test]
fn a_provider_whose_group_is_gone_is_made_again_with_what_holds_it() {
    for seed in 0..3 {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            done(&stage, &WORKER).await;
            let scaling = aws_sdk_autoscaling::Client::new(&sdk_config(&stage.cloud, "us-east-1"));
            let delete = scaling.delete_auto_scaling_group().force_delete(true);
            delete.auto_scaling_group_name("asg-internal-worker").send().await.unwrap();
            tokio::time::sleep(Duration::from_mins(6)).await;
            let planned = stage.play(&[&["plan", "--exit-code"], &WORKER[2..]].concat()).await;
            assert_eq!(planned.exit, Exit::ChangesPending, "{}", planned.said());
            let plan = shown(&planned);
            let lines = plan.lines().filter(|line| line.contains("  remake"));
            let remade: Vec<_> = lines.filter_map(|it| it.split_whitespace().nth(1)).collect();
            let chain = ["capacity-provider", "capacity-provider-association", "service/worker"];
            assert_eq!(remade, chain, "{plan}");
            let deployed = done(&stage, &WORKER).await;
            assert!(deployed.took < Duration::from_mins(6), "it took {:?}", deployed.took);
            let again = done(&stage, &WORKER).await;
            assert_eq!(again.changes(), [""; 0], "{}", again.said());
            done(&stage, &["destroy", "--yes", "internal-worker"]).await;
        });
    }
}

/// Things that can lose their tags: their kind in the simulated world, and their node.
const FORGETFUL: [(&str, &str); 9] = [
    ("vpc", "vpc"),
    ("internet-gateway", "internet-gateway"),
    ("subnet", "subnet/private-1"),
    ("security-group", "security-group/service"),
    ("elastic-ip", "elastic-ip/1"),
    ("cluster", "cluster"),
    ("load-balancer", "load-balancer"),
    ("target-group", "target-group/web"),
    ("role", "role/execution"),
];

/// Takes tags off a thing behind everybody's back.
fn take_off(stage: &Stage, kind: &str, id: &str, tags: &Tags) {
    let keys: Vec<_> = tags.keys().collect();
    let list: Vec<_> = keys.iter().map(|key| json!({ "Key": key })).collect();
    let cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/cluster-fargate-api";
    let role = id.rsplit('/').next();
    let answer = stage.cloud.world(|world| match kind {
        "cluster" => {
            let input = json!({ "resourceArn": cluster, "tagKeys": keys });
            aws_sim::ecs::answer(world, "UntagResource", &input)
        }
        "load-balancer" | "target-group" => {
            let input = json!({ "ResourceArns": [id], "TagKeys": keys });
            aws_sim::elb::answer(world, "RemoveTags", &input)
        }
        "role" => {
            let input = json!({ "RoleName": role, "TagKeys": keys });
            aws_sim::iam::answer(world, "UntagRole", &input)
        }
        _ => {
            let input = json!({ "Resources": [id], "Tags": list });
            aws_sim::ec2::answer(world, "DeleteTags", &input)
        }
    });
    answer.expect("made by hand");
}

#[test]
fn what_lost_a_part_of_its_identity_stops_a_deploy() {
    for (kind, node) in FORGETFUL {
        in_virtual_time(1, async || {
            let stage = usual(1);
            done(&stage, &FARGATE).await;
            let (id, mut lost) = of_node(&stage, kind, node);
            lost.retain(|key, _| ["ecsup:stack", "ecsup:node"].contains(&key.as_str()));
            take_off(&stage, kind, &id, &lost);
            tokio::time::sleep(SHOWN).await;

            let there = stage.cloud.world(World::ids);
            for verb in [&["plan"][..], &["deploy", "--yes"]] {
                let played = stage.play(&[verb, &FARGATE[2..]].concat()).await;
                assert_eq!(played.exit, Exit::Refused, "{node}: {}", shown(&played));
                assert!(
                    shown(&played).contains("may be this stack's own"),
                    "{node}: {}",
                    shown(&played)
                );
                assert_eq!(played.changes(), [""; 0], "{node}");
            }
            assert_eq!(stage.cloud.world(World::ids), there);
        });
    }
}

#[test]
fn a_vpc_without_our_tags_is_known_by_what_is_in_it_and_never_destroyed() {
    for all_of_them in [false, true] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let before = stage.cloud.world(World::ids);
            done(&stage, &FARGATE).await;
            let (vpc, mut tags) = of_node(&stage, "vpc", "vpc");
            tags.retain(|key, _| all_of_them || ["ecsup:stack", "ecsup:node"].contains(&&**key));
            take_off(&stage, "vpc", &vpc, &tags);
            tokio::time::sleep(SHOWN).await;
            let refused = stage.play(&FARGATE).await;
            assert_eq!(refused.exit, Exit::Refused, "{}", shown(&refused));
            assert!(shown(&refused).contains(&vpc), "{}", shown(&refused));

            let destroy = ["destroy", "--yes", "fargate-api"];
            let destroyed = stage.play(&destroy).await;
            assert_eq!(destroyed.exit, Exit::DestroyIncomplete, "{}", shown(&destroyed));
            assert!(shown(&destroyed).contains(&vpc), "{}", shown(&destroyed));
            assert!(!shown(&destroyed).contains("0 left"), "{}", shown(&destroyed));
            let mut left = stage.cloud.world(World::ids);
            left.retain(|id| !before.contains(id) && !id.contains("/aws-service-role/"));
            assert!(left.iter().any(|id| id.contains(&vpc)), "{left:?}");
            let named = stage.play(&destroy).await;
            // Without any tag and with nothing of ours in it, it is anybody's.
            let exit = if all_of_them { Exit::Done } else { Exit::DestroyIncomplete };
            assert_eq!(named.exit, exit, "{}", shown(&named));
        });
    }
}

#[test]
fn every_node_that_may_lose_its_tags_is_known_by_its_name() {
    for flags in [WORKER, FARGATE] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            done(&stage, &flags).await;
            for (kind, _, tags) in nodes(&stage) {
                let beginning = tags["ecsup:node"].split('/').next().unwrap_or_default();
                let goes_along = ["security-group-rule", "listener", "service", "hosted-zone"];
                let known = Kind::ALL.iter().any(|it| it.about().known_by == Some(beginning));
                assert!(known || goes_along.contains(&&*kind), "{kind} {beginning}");
            }
        });
    }
}

/// What somebody does with a console, whom AWS allows everything and refuses what it refuses to all.
fn by_hand(stage: &Stage, service: Service, operation: &str, input: &Value) -> Value {
    let answer = stage.cloud.world(|world| service(world, operation, input));
    answer.unwrap_or_else(|refusal| panic!("{operation} by hand: {refusal:?}"))
}

/// A gateway in the wrong tables; an endpoint with another group, which lets nobody in, and in one subnet only;
/// and one without names.
fn change_endpoints_by_hand(stage: &Stage, interfaces: bool) {
    let id = |kind: &str, node: &str| of_node(stage, kind, node).0;
    let change = |input: Value| by_hand(stage, aws_sim::ec2::answer, "ModifyVpcEndpoint", &input);
    change(json!({
        "VpcEndpointId": id("vpc-endpoint", "endpoint/s3"),
        "RemoveRouteTableIds": [id("route-table", "route-table/private-2")],
        "AddRouteTableIds": [id("route-table", "route-table/public")],
    }));
    if interfaces {
        change(json!({
            "VpcEndpointId": id("vpc-endpoint", "endpoint/ecr.api"),
            "RemoveSubnetIds": [id("subnet", "subnet/private-2")],
            "AddSecurityGroupIds": [id("security-group", "security-group/service")],
            "RemoveSecurityGroupIds": [id("security-group", "security-group/endpoints")],
        }));
        let nameless = id("vpc-endpoint", "endpoint/logs");
        change(json!({ "VpcEndpointId": nameless, "PrivateDnsEnabled": false }));
    }
}

/// Changes by hand what AWS lets one change of a stack in place.
async fn change_by_hand(stage: &Stage, flags: &[&str]) {
    use aws_sim::{autoscaling, ec2, ecs, elb, iam, route53};
    let stack = flags[1];
    let id = |kind: &str, node: &str| of_node(stage, kind, node).0;
    let at = |kind: &str, beginning: &str| {
        let is_it = |(other, _, tags): &(String, String, Tags)| {
            other == kind && tags["ecsup:node"].starts_with(beginning)
        };
        nodes(stage).into_iter().find(is_it).expect("the node is there").1
    };
    let change = |service: Service, operation: &str, input: Value| {
        by_hand(stage, service, operation, &input);
    };
    let anywhere = "0.0.0.0/0";

    // One private subnet gets the public table, the table of the other one leads to where nothing without
    // a public address gets out.
    let subnets = ["public-1", "public-2", "private-1", "private-2"];
    let subnets = subnets.map(|subnet| id("subnet", &format!("subnet/{subnet}")));
    let of_subnet = json!([{ "Name": "association.subnet-id", "Values": [subnets[2]] }]);
    let of_subnet = json!({ "Filters": of_subnet });
    let tables = by_hand(stage, ec2::answer, "DescribeRouteTables", &of_subnet);
    let mut associations = tables.list("RouteTables")[0].list("Associations").iter();
    let of_subnet =
        associations.find(|it| it.text("SubnetId") == subnets[2]).expect("there is one");
    let input = json!({
        "AssociationId": of_subnet.text("RouteTableAssociationId"),
        "RouteTableId": id("route-table", "route-table/public"),
    });
    change(ec2::answer, "ReplaceRouteTableAssociation", input);
    let leads = !flags.contains(&"none");
    let input = json!({
        "RouteTableId": id("route-table", "route-table/private-2"),
        "DestinationCidrBlock": anywhere,
        "GatewayId": id("internet-gateway", "internet-gateway"),
    });
    change(ec2::answer, if leads { "ReplaceRoute" } else { "CreateRoute" }, input);
    if flags.contains(&"--endpoints") {
        change_endpoints_by_hand(stage, flags.contains(&"required"));
    }
    let names = json!({ "VpcId": id("vpc", "vpc"), "EnableDnsHostnames": { "Value": false } });
    change(ec2::answer, "ModifyVpcAttribute", names);

    let balancer = id("load-balancer", "load-balancer");
    let groups = json!([id("security-group", "security-group/service")]);
    let input = json!({ "LoadBalancerArn": balancer, "SecurityGroups": groups });
    change(elb::answer, "SetSecurityGroups", input);
    let is_internal = stack == "internal-worker";
    let others = if is_internal { &subnets[..2] } else { &subnets[2..] };
    change(elb::answer, "SetSubnets", json!({ "LoadBalancerArn": balancer, "Subnets": others }));
    let refusal = json!({ "StatusCode": "503" });
    let refusal = json!([{ "Type": "fixed-response", "FixedResponseConfig": refusal }]);
    let input = json!({ "ListenerArn": id("listener", "listener/80"), "DefaultActions": refusal });
    change(elb::answer, "ModifyListener", input);
    let targets = at("target-group", "target-group/");
    let input = json!({ "TargetGroupArn": targets, "HealthCheckPath": "/by-hand" });
    change(elb::answer, "ModifyTargetGroup", input);

    let cluster = format!("cluster-{stack}");
    let off = json!([{ "name": "containerInsights", "value": "disabled" }]);
    change(ecs::answer, "UpdateCluster", json!({ "cluster": cluster, "settings": off }));
    let role = id("role", "role/execution");
    let role = role.rsplit('/').next().expect("a role has a name");
    let principal = json!({ "Service": "lambda.amazonaws.com" });
    let assume = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
    let trust = json!({ "Version": "2012-10-17", "Statement": [assume] }).to_string();
    let input = json!({ "RoleName": role, "PolicyDocument": trust });
    change(iam::answer, "UpdateAssumeRolePolicy", input);
    let input = json!({ "RoleName": role, "PolicyName": "by-hand", "PolicyDocument": EVERYTHING });
    change(iam::answer, "PutRolePolicy", input);

    if stack != "fargate-api" {
        let input = json!({ "AutoScalingGroupName": format!("asg-{stack}"), "MaxSize": 9 });
        change(autoscaling::answer, "UpdateAutoScalingGroup", input);
        let scaling = json!({ "managedScaling": { "targetCapacity": 50 } });
        let input = json!({ "name": format!("cp-{stack}"), "autoScalingGroupProvider": scaling });
        change(ecs::answer, "UpdateCapacityProvider", input);
    }
    if is_internal {
        let usual = json!({ "Filters": [{ "Name": "is-default", "Values": ["true"] }] });
        let vpcs = by_hand(stage, ec2::answer, "DescribeVpcs", &usual);
        let usual = vpcs.list("Vpcs")[0].text("VpcId").to_owned();
        let zone = id("hosted-zone", "hosted-zone");
        let with = |vpc: &str| {
            let vpc = json!({ "VPCRegion": "us-east-1", "VPCId": vpc });
            json!({ "HostedZoneId": zone, "VPC": vpc })
        };
        change(route53::answer, "AssociateVPCWithHostedZone", with(&usual));
        // Until the zone can be changed again.
        tokio::time::sleep(Duration::from_secs(2)).await;
        change(route53::answer, "DisassociateVPCFromHostedZone", with(&id("vpc", "vpc")));
    }
}

/// Changes by hand what can be changed; a deploy changes it back. Then somebody's own profile holds a role
/// that a destroy removes, for as long as it takes to look why.
pub async fn changed_by_hand(stage: &Stage, flags: &[&str]) -> Result<(), String> {
    use aws_sim::iam;
    let cloud = &stage.cloud;
    let before = ids(cloud);
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy")?;
    change_by_hand(stage, flags).await;
    tokio::time::sleep(SHOWN).await;
    let back = [&deploy(flags)[..], &["--accept-defaults"]].concat();
    expect(&stage.play(&back).await, Exit::Done, "the deploy that changes it back")?;
    holds(cloud, flags).await?;

    let (role, _) = of_node(stage, "role", "role/execution");
    let profile = json!({ "InstanceProfileName": "by-hand" });
    let mut member = profile.clone();
    member["RoleName"] = role.rsplit('/').next().into();
    by_hand(stage, iam::answer, "CreateInstanceProfile", &profile);
    tokio::time::sleep(SHOWN).await;
    by_hand(stage, iam::answer, "AddRoleToInstanceProfile", &member);
    let looks = |call: &Record| call.operation == "ListInstanceProfilesForRole";
    let release = async {
        while !cloud.calls().iter().any(looks) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        by_hand(stage, iam::answer, "RemoveRoleFromInstanceProfile", &member);
        by_hand(stage, iam::answer, "DeleteInstanceProfile", &profile);
    };
    let words = destroy(flags);
    let both = async { tokio::join!(stage.play(&words), release) };
    let ended = tokio::time::timeout(Duration::from_hours(1), both).await;
    let (destroyed, ()) = ended.map_err(|_| "nobody looks what holds a role")?;
    expect(&destroyed, Exit::Done, "destroy")?;
    nothing_left(cloud, &before)
}
