//! Groups of several types, of Spot instances, and groups that replace their instances.

use serde_json::{Value, json};

use super::tests::{GROUP, done, instances, pass, real_group, refused, scenario};
use super::*;
use crate::ec2;
use crate::scenario::Scenario;

/// Quick health checks, so that what EC2 takes back is noticed.
fn world(more: Scenario) -> World {
    let mut scenario = Scenario { delays: scenario(&[]).delays, ..more };
    scenario.delays.insert("auto-scaling-group.health-check".to_owned(), 50.0..=50.0);
    scenario.delays.insert("instance-refresh.look".to_owned(), 10.0..=10.0);
    World::new(1, scenario)
}

/// The same group, of these types, with so many on demand before Spot.
fn mixed(plain: &Value, types: &[&str], base: Option<u32>) -> Value {
    let mut group = plain.clone();
    let template = group.as_object_mut().unwrap().remove("LaunchTemplate");
    let overrides: Vec<_> = types.iter().map(|it| json!({ "InstanceType": it })).collect();
    group["MixedInstancesPolicy"] = json!({
        "LaunchTemplate": { "LaunchTemplateSpecification": template, "Overrides": overrides },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": base.unwrap_or(0),
            "OnDemandPercentageAboveBaseCapacity": if base.is_some() { 0 } else { 100 },
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    });
    group
}

/// Types and whether they are Spot, of those that stay.
fn kinds(world: &World) -> Vec<(String, bool)> {
    let staying = instances(world).into_iter().filter(|it| !it.lifecycle.starts_with("Terminat"));
    let view = |it: MemberView| ec2::instance(world, &it.id).map(|it| (it.instance_type, it.spot));
    staying.filter_map(view).collect()
}

const TYPES: [&str; 2] = ["c6i.xlarge", "c5.xlarge"];

#[test]
fn a_policy_puts_the_base_on_demand_and_takes_what_there_is() {
    let mut world = world(Scenario { scarce_types: vec!["c6i.xlarge"], ..Scenario::default() });
    let plain = real_group(&mut world, 3);
    let both = json!({
        "MinSize": 0, "MaxSize": 1, "LaunchTemplate": plain["LaunchTemplate"],
        "MixedInstancesPolicy": mixed(&plain, &TYPES, Some(1))["MixedInstancesPolicy"],
    });
    assert_eq!(refused(&mut world, "CreateAutoScalingGroup", both).0, "ValidationError");
    let arm = mixed(&plain, &["c5.xlarge", "c6g.xlarge"], None);
    let (code, message) = refused(&mut world, "CreateAutoScalingGroup", arm);
    assert_eq!(code, "ValidationError");
    assert!(message.contains("does not match the architecture"), "{message}");
    done(&mut world, "CreateAutoScalingGroup", mixed(&plain, &TYPES, Some(1)));
    pass(&mut world, 120);
    let there = kinds(&world);
    assert!(there.iter().all(|(kind, _)| kind == "c5.xlarge"), "of the other there are none");
    assert_eq!(there.iter().filter(|(_, spot)| *spot).count(), 2, "one is the base");
    let group = done(&mut world, "DescribeAutoScalingGroups", json!({}));
    let group = &group["AutoScalingGroups"][0];
    assert!(group.get("LaunchTemplate").is_none());
    let distribution = &group["MixedInstancesPolicy"]["InstancesDistribution"];
    assert_eq!(distribution["OnDemandBaseCapacity"], 1);
    // And back: what runs stays.
    let mut back = plain.clone();
    back.as_object_mut().unwrap().remove("DesiredCapacity");
    done(&mut world, "UpdateAutoScalingGroup", back);
    let group = done(&mut world, "DescribeAutoScalingGroups", json!({}));
    assert!(group["AutoScalingGroups"][0].get("MixedInstancesPolicy").is_none());
    assert_eq!(kinds(&world).len(), 3);
}

#[test]
fn on_demand_the_first_type_is_preferred() {
    let mut world = world(Scenario::default());
    let plain = real_group(&mut world, 2);
    done(&mut world, "CreateAutoScalingGroup", mixed(&plain, &TYPES, None));
    pass(&mut world, 120);
    assert_eq!(kinds(&world), [("c6i.xlarge".to_owned(), false), ("c6i.xlarge".to_owned(), false)]);
}

#[test]
fn a_spot_instance_is_taken_back_after_two_minutes_and_replaced() {
    let mut world = world(Scenario::default());
    let plain = real_group(&mut world, 2);
    done(&mut world, "CreateAutoScalingGroup", mixed(&plain, &TYPES, Some(1)));
    pass(&mut world, 120);
    let there = instances(&world);
    let is_spot = |world: &World, id: &str| ec2::instance(world, id).is_some_and(|it| it.spot);
    let spot = there.iter().find(|it| is_spot(&world, &it.id)).unwrap().id.clone();
    for it in &there {
        ec2::interrupt(&mut world, &it.id);
    }
    pass(&mut world, 119);
    assert!(there.iter().all(|it| ec2::instance(&world, &it.id).unwrap().state == "running"));
    pass(&mut world, 200);
    let left: Vec<_> = instances(&world).into_iter().map(|it| it.id).collect();
    assert!(!left.contains(&spot), "and the one on demand is not touched");
    assert_eq!(kinds(&world).iter().filter(|(_, spot)| *spot).count(), 1, "another came");

    world.scenario.no_spot = true;
    let spot = left.iter().find(|id| is_spot(&world, id)).unwrap().clone();
    ec2::interrupt(&mut world, &spot);
    pass(&mut world, 400);
    assert_eq!(kinds(&world).len(), 1);
    let activities = done(&mut world, "DescribeScalingActivities", json!({}));
    let message = activities["Activities"][0]["StatusMessage"].as_str().unwrap();
    assert!(message.contains("no Spot capacity available that matches your request"), "{message}");
}

/// A group of two in service, whose template has another type since.
fn changed(world: &mut World) -> Vec<MemberView> {
    let plain = real_group(world, 2);
    done(world, "CreateAutoScalingGroup", plain.clone());
    pass(world, 120);
    let version = json!({
        "LaunchTemplateId": plain["LaunchTemplate"]["LaunchTemplateId"],
        "SourceVersion": "1",
        "LaunchTemplateData": { "InstanceType": "c5.2xlarge" },
    });
    ec2::answer(world, "CreateLaunchTemplateVersion", &version).unwrap();
    pass(world, 6);
    let template = json!({
        "LaunchTemplateId": plain["LaunchTemplate"]["LaunchTemplateId"], "Version": "2",
    });
    done(world, "UpdateAutoScalingGroup", json!({ "LaunchTemplate": template }));
    pass(world, 60);
    let there = instances(world);
    assert_eq!(there.len(), 2, "nothing is replaced by itself");
    there
}

fn start(protected: &str) -> Value {
    json!({ "Preferences": {
        "MinHealthyPercentage": 100, "MaxHealthyPercentage": 120, "InstanceWarmup": 30,
        "SkipMatching": true, "ScaleInProtectedInstances": protected,
    } })
}

fn newest(world: &mut World) -> (String, Value) {
    let listed = done(world, "DescribeInstanceRefreshes", json!({}));
    let newest = &listed["InstanceRefreshes"][0];
    (newest["Status"].as_str().unwrap_or_default().to_owned(), newest.clone())
}

fn serving(world: &World) -> usize {
    instances(world).iter().filter(|it| it.lifecycle == "InService").count()
}

#[test]
fn a_refresh_launches_first_and_replaces_one_after_another() {
    let mut world = world(Scenario::default());
    let old = changed(&mut world);
    done(&mut world, "StartInstanceRefresh", start("Refresh"));
    let (code, _) = refused(&mut world, "StartInstanceRefresh", start("Refresh"));
    assert_eq!(code, "InstanceRefreshInProgress");
    let mut most = 0;
    for _ in 0..900 {
        pass(&mut world, 1);
        let staying = kinds(&world).len();
        most = most.max(staying);
        assert!(serving(&world) >= 2, "never fewer than are wanted");
    }
    assert_eq!(most, 3);
    let (status, refresh) = newest(&mut world);
    assert_eq!(status, "Successful", "{refresh:#}");
    assert_eq!(refresh["PercentageComplete"], 100);
    let there = instances(&world);
    assert!(there.iter().all(|it| old.iter().all(|old| old.id != it.id)));
    assert!(kinds(&world).iter().all(|(kind, _)| kind == "c5.2xlarge"));
    // Nothing is left to be done for another one.
    done(&mut world, "StartInstanceRefresh", start("Wait"));
    pass(&mut world, 60);
    assert_eq!(newest(&mut world).0, "Successful");
    assert_eq!(instances(&world), there);
}

#[test]
fn protected_instances_are_waited_for_left_or_replaced() {
    let mut world = world(Scenario::default());
    let old = changed(&mut world);
    assert!(old.iter().all(|it| it.protected));
    done(&mut world, "StartInstanceRefresh", start("Wait"));
    pass(&mut world, 3000);
    let (status, refresh) = newest(&mut world);
    assert_eq!((status.as_str(), &refresh["PercentageComplete"]), ("InProgress", &json!(0)));
    pass(&mut world, 1500);
    let (status, refresh) = newest(&mut world);
    assert_eq!(status, "Failed");
    let reason = refresh["StatusReason"].as_str().unwrap();
    assert!(reason.contains("protected from scale-in"), "{reason}");
    let mut ignoring = start("Ignore");
    ignoring["Preferences"]["MaxHealthyPercentage"] = json!(100);
    done(&mut world, "StartInstanceRefresh", ignoring);
    pass(&mut world, 60);
    assert_eq!(newest(&mut world).0, "Successful");
    let ids = |all: &[MemberView]| all.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&instances(&world)), ids(&old));
}

#[test]
fn a_refresh_can_be_cancelled_and_goes_with_its_group() {
    let mut world = world(Scenario::default());
    let (code, _) = {
        changed(&mut world);
        refused(&mut world, "CancelInstanceRefresh", json!({}))
    };
    assert_eq!(code, "ActiveInstanceRefreshNotFound");
    done(&mut world, "StartInstanceRefresh", start("Refresh"));
    pass(&mut world, 5);
    done(&mut world, "CancelInstanceRefresh", json!({}));
    pass(&mut world, 30);
    let (status, refresh) = newest(&mut world);
    assert_eq!(status, "Cancelled");
    assert_eq!(refresh["StatusReason"], "Cancelled due to user request.");
    done(&mut world, "StartInstanceRefresh", start("Refresh"));
    pass(&mut world, 60);
    done(&mut world, "DeleteAutoScalingGroup", json!({ "ForceDelete": true }));
    pass(&mut world, 300);
    assert!(group(&world, GROUP).is_none());
    let wrong = json!({ "Preferences": { "MaxHealthyPercentage": 150 } });
    assert_eq!(refused(&mut world, "StartInstanceRefresh", wrong).0, "ValidationError");
}
