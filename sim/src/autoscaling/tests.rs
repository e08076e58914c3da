use std::time::Duration;

use serde_json::{Value, json};

use super::member::Lifecycle;
use super::*;
use crate::doubt::Doubt;
use crate::scenario::Scenario;
use crate::world::World;

pub(super) const GROUP: &str = "asg-demo";

pub(super) fn scenario(doubts: &[Doubt]) -> Scenario {
    let delays = [
        ("auto-scaling-group.reacts", 3.0),
        // Nobody knows the instances of these tests but the group.
        ("auto-scaling-group.health-check", 1e6),
        ("auto-scaling-group.delete", 40.0),
    ];
    let delays = delays.map(|(label, seconds)| (label.to_owned(), seconds..=seconds));
    Scenario { delays: delays.into(), doubts: doubts.to_vec(), ..Scenario::default() }
}

/// A group with instances in service.
fn world(instances: &[&str], doubts: &[Doubt]) -> World {
    let mut world = World::new(1, scenario(doubts));
    let members = instances.iter().map(|id| Member {
        id: (*id).to_owned(),
        subnet: "subnet-1".to_owned(),
        zone: "us-east-1a".to_owned(),
        instance_type: "c5.xlarge".to_owned(),
        is_spot: false,
        template: Template::default(),
        lifecycle: Lifecycle::InService,
        is_healthy: true,
        is_protected: true,
        in_service: Duration::ZERO,
        key: (*id).to_owned(),
        activity: String::new(),
        actions: BTreeMap::new(),
    });
    let group = Group {
        name: GROUP.to_owned(),
        arn: format!(
            "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:1:autoScalingGroupName/{GROUP}"
        ),
        max: 10,
        desired: instances.len(),
        members: members.collect(),
        ..Group::default()
    };
    world.autoscaling_mut().groups.insert(GROUP.to_owned(), group);
    world
}

/// A hook like that of ECS, which nobody completes by himself.
fn hook(world: &mut World) {
    let hook = json!({
        "LifecycleHookName": "hold",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "DefaultResult": "CONTINUE",
    });
    done(world, "PutLifecycleHook", hook);
}

fn at(world: &mut World, seconds: u64) {
    world.advance(Duration::from_secs(seconds));
}

#[track_caller]
pub(super) fn done(world: &mut World, operation: &str, more: Value) -> Value {
    answer(world, operation, &input(more)).unwrap()
}

#[track_caller]
pub(super) fn refused(world: &mut World, operation: &str, more: Value) -> (String, String) {
    let refusal = answer(world, operation, &input(more)).unwrap_err();
    (refusal.code, refusal.message)
}

fn input(mut more: Value) -> Value {
    more["AutoScalingGroupName"] = json!(GROUP);
    more
}

fn states(world: &World) -> Vec<String> {
    let instances = group(world, GROUP).map(|it| it.instances).unwrap_or_default();
    instances.into_iter().map(|it| format!("{} {}", it.id, it.lifecycle)).collect()
}

fn last_activity(world: &mut World) -> Value {
    done(world, "DescribeScalingActivities", json!({}))["Activities"][0].clone()
}

#[test]
fn protected_instances_stay_and_free_ones_go() {
    let mut world = world(&["i-1", "i-2"], &[]);
    done(&mut world, "SetDesiredCapacity", json!({ "DesiredCapacity": 0 }));
    at(&mut world, 10);
    assert_eq!(states(&world), ["i-1 InService", "i-2 InService"]);
    let activity = last_activity(&mut world);
    assert_eq!(activity["StatusCode"], "Cancelled");
    let message = activity["StatusMessage"].as_str().unwrap();
    assert!(message.contains("all remaining instances are protected from scale-in"));

    let free = json!({ "InstanceIds": ["i-2"], "ProtectedFromScaleIn": false });
    done(&mut world, "SetInstanceProtection", free);
    at(&mut world, 13);
    assert_eq!(states(&world), ["i-1 InService", "i-2 Terminating"]);
    at(&mut world, 20);
    assert_eq!(states(&world), ["i-1 InService"]);
    let other = json!({ "InstanceIds": ["i-2"], "ProtectedFromScaleIn": false });
    let (code, message) = refused(&mut world, "SetInstanceProtection", other);
    assert_eq!(code, "ValidationError");
    assert!(message.contains("not part of Auto Scaling group"));
}

#[test]
fn a_hook_holds_an_instance_until_it_is_completed_or_its_time_is_over() {
    for completes in [true, false] {
        let mut world = world(&["i-1"], &[]);
        hook(&mut world);
        set_protection(&mut world, GROUP, "i-1", false);
        set_desired(&mut world, GROUP, 0);
        at(&mut world, 4);
        assert_eq!(states(&world), ["i-1 Terminating:Wait"]);
        let hooks = done(&mut world, "DescribeLifecycleHooks", json!({}));
        assert_eq!(hooks["LifecycleHooks"][0]["HeartbeatTimeout"], 3600);
        if completes {
            let complete = json!({
                "LifecycleHookName": "hold",
                "InstanceId": "i-1",
                "LifecycleActionResult": "CONTINUE",
            });
            done(&mut world, "CompleteLifecycleAction", complete.clone());
            assert_eq!(states(&world), ["i-1 Terminating:Proceed"]);
            let (_, message) = refused(&mut world, "CompleteLifecycleAction", complete);
            assert!(message.starts_with("No active Lifecycle Action found"));
        } else {
            at(&mut world, 3602);
            assert_eq!(states(&world), ["i-1 Terminating:Wait"]);
            at(&mut world, 3603);
            assert_eq!(states(&world), ["i-1 Terminating:Proceed"]);
        }
        at(&mut world, 3610);
        assert_eq!(states(&world), [""; 0]);
        assert_eq!(last_activity(&mut world)["StatusCode"], "Successful");
    }
}

#[test]
fn a_heartbeat_extends_and_a_removed_hook_releases() {
    let mut world = world(&["i-1"], &[]);
    hook(&mut world);
    set_protection(&mut world, GROUP, "i-1", false);
    set_desired(&mut world, GROUP, 0);
    at(&mut world, 1000);
    let held = json!({ "LifecycleHookName": "hold", "InstanceId": "i-1" });
    done(&mut world, "RecordLifecycleActionHeartbeat", held);
    at(&mut world, 4599);
    assert_eq!(states(&world), ["i-1 Terminating:Wait"]);
    done(&mut world, "DeleteLifecycleHook", json!({ "LifecycleHookName": "hold" }));
    assert_eq!(states(&world), ["i-1 Terminating:Proceed"]);
}

#[test]
fn a_delete_without_force_is_refused_and_one_with_force_keeps_the_name_for_a_while() {
    let mut world = world(&["i-1", "i-2"], &[]);
    hook(&mut world);
    set_protection(&mut world, GROUP, "i-1", false);
    let (code, message) = refused(&mut world, "DeleteAutoScalingGroup", json!({}));
    assert_eq!(code, "ResourceInUse");
    assert!(message.starts_with("You cannot delete an AutoScalingGroup while there are instances"));
    set_desired(&mut world, GROUP, 1);
    at(&mut world, 4);
    assert_eq!(states(&world), ["i-1 Terminating:Wait", "i-2 InService"]);
    let (code, _) = refused(&mut world, "DeleteAutoScalingGroup", json!({}));
    assert_eq!(code, "ScalingActivityInProgress");

    done(&mut world, "DeleteAutoScalingGroup", json!({ "ForceDelete": true }));
    assert_eq!(states(&world), ["i-1 Terminating:Proceed", "i-2 Terminating"]);
    let groups = done(&mut world, "DescribeAutoScalingGroups", json!({}));
    assert_eq!(groups["AutoScalingGroups"][0]["Status"], "Delete in progress");
    let (_, message) = refused(&mut world, "UpdateAutoScalingGroup", json!({ "MinSize": 0 }));
    assert!(message.contains("pending delete"));
    at(&mut world, 43);
    let create = json!({
        "MinSize": 0,
        "MaxSize": 1,
        "LaunchTemplate": { "LaunchTemplateId": "lt-1", "Version": "1" },
        "VPCZoneIdentifier": "subnet-1",
    });
    let (code, message) = refused(&mut world, "CreateAutoScalingGroup", create);
    assert_eq!(code, "AlreadyExists");
    assert!(message.contains("is pending delete"));
    at(&mut world, 44);
    assert_eq!(ids(&world), [""; 0]);
    let (code, message) = refused(&mut world, "DeleteAutoScalingGroup", json!({}));
    assert!(code == "ValidationError" && message.contains("not found"));
}

#[test]
fn in_doubt_a_forced_delete_leaves_what_a_hook_holds() {
    let mut world = world(&["i-1"], &[Doubt::ForceDeleteKeepsHookedInstances]);
    hook(&mut world);
    set_protection(&mut world, GROUP, "i-1", false);
    set_desired(&mut world, GROUP, 0);
    at(&mut world, 4);
    done(&mut world, "DeleteAutoScalingGroup", json!({ "ForceDelete": true }));
    at(&mut world, 500);
    assert_eq!(states(&world), ["i-1 Terminating:Wait"]);
    let complete = json!({
        "LifecycleHookName": "hold",
        "InstanceId": "i-1",
        "LifecycleActionResult": "CONTINUE",
    });
    done(&mut world, "CompleteLifecycleAction", complete);
    at(&mut world, 502);
    assert_eq!(ids(&world), [""; 0]);
}

#[test]
fn ecs_puts_its_hook_on_and_takes_it_off() {
    let mut world = world(&[], &[]);
    set_draining_hook(&mut world, GROUP, true);
    let hooks = done(&mut world, "DescribeLifecycleHooks", json!({}));
    let hook = &hooks["LifecycleHooks"][0];
    assert_eq!(hook["LifecycleHookName"], DRAINING_HOOK);
    assert_eq!(
        (hook["HeartbeatTimeout"].as_u64(), hook["GlobalTimeout"].as_u64()),
        (Some(3600), Some(172_800))
    );
    assert_eq!(hook["DefaultResult"], "CONTINUE");
    set_draining_hook(&mut world, GROUP, false);
    assert_eq!(done(&mut world, "DescribeLifecycleHooks", json!({}))["LifecycleHooks"], json!([]));
}

#[test]
fn sizes_bound_what_is_wanted() {
    let mut world = world(&[], &[]);
    let (code, message) =
        refused(&mut world, "SetDesiredCapacity", json!({ "DesiredCapacity": 11 }));
    assert_eq!(code, "ValidationError");
    assert!(message.contains("is above max value 10"));
    let (_, message) = refused(&mut world, "UpdateAutoScalingGroup", json!({ "MinSize": 11 }));
    assert!(message.contains("must be greater than or equal to min bound"));
    set_desired(&mut world, GROUP, 50);
    assert_eq!(group(&world, GROUP).unwrap().desired, 10);
    done(&mut world, "UpdateAutoScalingGroup", json!({ "MaxSize": 0 }));
    assert_eq!(group(&world, GROUP).unwrap().desired, 0);
    at(&mut world, 10);
    assert_eq!(states(&world), [""; 0]);
    done(&mut world, "DeleteAutoScalingGroup", json!({}));
    at(&mut world, 60);
    assert!(group(&world, GROUP).is_none());
}

#[test]
fn a_fresh_account_has_no_role_for_the_first_group() {
    let fresh = Scenario { fresh_account: true, ..scenario(&[]) };
    let mut world = World::new(1, fresh);
    let create = json!({
        "MinSize": 0,
        "MaxSize": 1,
        "LaunchTemplate": { "LaunchTemplateId": "lt-1", "Version": "1" },
        "VPCZoneIdentifier": "subnet-1",
    });
    for seconds in [0, 1] {
        at(&mut world, seconds);
        let (code, message) = refused(&mut world, "CreateAutoScalingGroup", create.clone());
        assert_eq!(code, "ServiceLinkedRoleFailure");
        assert!(message.contains("not yet ready for use"));
    }
    assert_eq!(refused(&mut world, "DeleteAutoScalingGroup", json!({})).0, "ValidationError");
}

#[test]
fn tags_are_filters_and_go_to_instances_only_when_they_shall() {
    let mut world = world(&[], &[]);
    let tag = |key: &str, propagates: bool| {
        json!({
            "ResourceId": GROUP,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": "demo",
            "PropagateAtLaunch": propagates,
        })
    };
    let tags = json!({ "Tags": [tag("ecsup:stack", true), tag("Name", false)] });
    answer(&mut world, "CreateOrUpdateTags", &tags).unwrap();
    manage(&mut world, GROUP);
    let group = &world.autoscaling().groups[GROUP];
    let launched: Vec<_> = super::tag::at_launch(group).into_keys().collect();
    assert_eq!(launched, ["AmazonECSManaged", "aws:autoscaling:groupName", "ecsup:stack"]);
    for (name, value, found) in [
        ("tag:ecsup:stack", "demo", 1),
        ("tag:ecsup:stack", "other", 0),
        ("tag-key", "AmazonECSManaged", 1),
    ] {
        let filter = json!({ "Filters": [{ "Name": name, "Values": [value] }] });
        let answer = answer(&mut world, "DescribeAutoScalingGroups", &filter).unwrap();
        assert_eq!(answer["AutoScalingGroups"].as_array().unwrap().len(), found, "{name}");
    }
    let filter = json!({ "Filters": [{ "Name": "vpc-id", "Values": ["x"] }] });
    assert!(answer(&mut world, "DescribeAutoScalingGroups", &filter).is_err());
}

/// A template in two subnets of two zones, and the group that is asked for.
pub(super) fn real_group(world: &mut World, desired: usize) -> Value {
    let make = |world: &mut World, operation: &str, input: Value| {
        let made = crate::ec2::answer(world, operation, &input).unwrap();
        let now = world.now;
        world.advance(now + Duration::from_secs(6));
        made
    };
    let vpc = make(world, "CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
    let subnets = ["us-east-1a", "us-east-1b"].map(|zone| {
        let cidr = if zone.ends_with('a') { "10.0.0.0/24" } else { "10.0.1.0/24" };
        let vpc = &vpc["Vpc"]["VpcId"];
        let subnet = json!({ "VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": zone });
        let subnet = make(world, "CreateSubnet", subnet);
        subnet["Subnet"]["SubnetId"].as_str().unwrap().to_owned()
    });
    let template = json!({
        "LaunchTemplateName": "lt-demo",
        "LaunchTemplateData": { "ImageId": "ami-0ec5000000000a001", "InstanceType": "c5.xlarge" },
    });
    let template = make(world, "CreateLaunchTemplate", template);
    let id = template["LaunchTemplate"]["LaunchTemplateId"].clone();
    json!({
        "MinSize": 0,
        "MaxSize": 4,
        "DesiredCapacity": desired,
        "LaunchTemplate": { "LaunchTemplateId": id, "Version": "1" },
        "VPCZoneIdentifier": subnets.join(","),
        "NewInstancesProtectedFromScaleIn": true,
    })
}

pub(super) fn pass(world: &mut World, seconds: u64) {
    let now = world.now;
    world.advance(now + Duration::from_secs(seconds));
}

pub(super) fn instances(world: &World) -> Vec<MemberView> {
    group(world, GROUP).map(|it| it.instances).unwrap_or_default()
}

#[test]
fn a_group_launches_later_over_its_zones_and_replaces_what_others_terminate() {
    let mut scenario = scenario(&[]);
    scenario.delays.insert("auto-scaling-group.health-check".to_owned(), 50.0..=50.0);
    let mut world = World::new(1, scenario);
    let create = real_group(&mut world, 2);
    done(&mut world, "CreateAutoScalingGroup", create);
    assert_eq!(instances(&world).len(), 0, "the call returns before any instance exists");
    pass(&mut world, 4);
    let pending = instances(&world);
    assert_eq!(pending.len(), 2);
    assert!(pending.iter().all(|it| it.lifecycle == "Pending" && !it.protected));
    pass(&mut world, 120);
    let serving = instances(&world);
    assert!(serving.iter().all(|it| it.lifecycle == "InService" && it.protected));
    let groups = done(&mut world, "DescribeAutoScalingGroups", json!({}));
    let described = &groups["AutoScalingGroups"][0];
    assert_eq!(described["LaunchTemplate"]["LaunchTemplateName"], "lt-demo");
    let zones = described["Instances"].as_array().unwrap().iter();
    let zones: Vec<_> = zones.map(|it| it["AvailabilityZone"].as_str().unwrap()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);

    crate::ec2::terminate_instance(&mut world, &serving[0].id);
    pass(&mut world, 300);
    let replaced = instances(&world);
    assert_eq!(replaced.len(), 2);
    assert_eq!(replaced[0].id, serving[1].id, "the other one stays");
    assert!(replaced.iter().all(|it| it.lifecycle == "InService"));

    done(&mut world, "DeleteAutoScalingGroup", json!({ "ForceDelete": true }));
    pass(&mut world, 5);
    assert!(instances(&world).iter().all(|it| it.lifecycle == "Terminating"));
    pass(&mut world, 300);
    assert_eq!(ids(&world), [""; 0]);
}

#[test]
fn a_launch_that_fails_is_an_activity_and_is_tried_again() {
    let mut world = World::new(1, Scenario { no_capacity: true, ..scenario(&[]) });
    let create = real_group(&mut world, 1);
    done(&mut world, "CreateAutoScalingGroup", create);
    pass(&mut world, 4);
    let failed = |world: &mut World| {
        let activities = done(world, "DescribeScalingActivities", json!({}));
        let activities = activities["Activities"].as_array().unwrap();
        activities.iter().filter(|it| it["StatusCode"] == "Failed").count()
    };
    assert_eq!(failed(&mut world), 2, "one for each zone");
    let message = last_activity(&mut world)["StatusMessage"].clone();
    assert!(message.as_str().unwrap().ends_with("Launching EC2 instance failed."), "{message}");
    pass(&mut world, 61);
    assert_eq!(failed(&mut world), 4);
    world.scenario.no_capacity = false;
    pass(&mut world, 200);
    assert_eq!(instances(&world)[0].lifecycle, "InService");
}
