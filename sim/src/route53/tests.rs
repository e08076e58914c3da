//! The rules that matter.

use std::time::Duration;

use serde_json::{Value, json};

use super::{answer, name};
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::refusal::Answer;
use crate::scenario::Scenario;
use crate::world::World;
use crate::{ec2, elb};

fn world() -> World {
    World::new(7, Scenario::default())
}

fn wait(world: &mut World, seconds: f64) {
    world.advance(world.now + Duration::from_secs_f64(seconds));
}

fn code(answer: Answer) -> String {
    answer.map_or_else(|refusal| refusal.code, |answer| format!("no refusal: {answer}"))
}

fn vpc(world: &mut World) -> String {
    let vpc = ec2::answer(world, "CreateVpc", &json!({ "CidrBlock": "10.0.0.0/16" })).unwrap();
    wait(world, 10.0);
    vpc.part("Vpc").text("VpcId").to_owned()
}

fn zone(reference: &str, vpc: &str) -> Value {
    json!({
        "Name": "Demo.internal",
        "CallerReference": reference,
        "VPC": { "VPCRegion": "us-east-1", "VPCId": vpc },
        "HostedZoneConfig": { "PrivateZone": true, "Comment": "names" },
    })
}

fn made(world: &mut World, input: &Value) -> String {
    let answer = answer(world, "CreateHostedZone", input).unwrap();
    answer.part("HostedZone").text("Id").to_owned()
}

fn change(zone: &str, action: &str, set: &Value) -> Value {
    let changes = json!([{ "Action": action, "ResourceRecordSet": set }]);
    json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } })
}

fn values(name: &str, kind: &str, values: &[&str]) -> Value {
    let values: Value = values.iter().map(|value| json!({ "Value": value })).collect();
    json!({ "Name": name, "Type": kind, "TTL": 60, "ResourceRecords": values })
}

fn alias(name: &str, target: &str, zone: &str) -> Value {
    let target = json!({ "HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": false });
    json!({ "Name": name, "Type": "A", "AliasTarget": target })
}

/// Asks after any write before it is over.
fn ask(world: &mut World, operation: &str, input: &Value) -> Answer {
    wait(world, 2.0);
    answer(world, operation, input)
}

#[test]
fn a_reference_serves_once_and_a_name_once_in_a_vpc() {
    let world = &mut world();
    let vpc = vpc(world);
    let unknown = zone("one", "vpc-0123");
    assert_eq!(code(answer(world, "CreateHostedZone", &unknown)), "InvalidVPCId");
    let id = made(world, &zone("one", &vpc));
    assert!(id.starts_with("/hostedzone/Z") && id.len() <= 32, "{id}");
    let again = answer(world, "CreateHostedZone", &zone("one", &vpc)).unwrap_err();
    assert_eq!((again.code.as_str(), again.status), ("HostedZoneAlreadyExists", 409));
    let conflict = answer(world, "CreateHostedZone", &zone("two", &vpc));
    assert_eq!(code(conflict), "ConflictingDomainExists");
    let bare = id.trim_start_matches("/hostedzone/").to_owned();
    let in_vpc = json!({ "VPCRegion": "us-east-1", "VPCId": vpc });
    let listed = answer(world, "ListHostedZonesByVPC", &in_vpc).unwrap();
    let listed = listed.list("HostedZoneSummaries").iter();
    assert_eq!(listed.map(|zone| zone.text("HostedZoneId")).collect::<Vec<_>>(), [&bare]);
    answer(world, "DeleteHostedZone", &json!({ "Id": bare })).unwrap();
    let gone = answer(world, "GetHostedZone", &json!({ "Id": id })).unwrap_err();
    assert_eq!((gone.code.as_str(), gone.status), ("NoSuchHostedZone", 404));
    assert_eq!(
        code(answer(world, "CreateHostedZone", &zone("one", &vpc))),
        "HostedZoneAlreadyExists"
    );
    made(world, &zone("three", &vpc));
}

#[test]
fn a_batch_happens_wholly_or_not_at_all() {
    let world = &mut world();
    let vpc = vpc(world);
    let id = made(world, &zone("one", &vpc));
    let set = values("Web.demo.internal", "A", &["10.0.0.1", "10.0.0.2"]);
    let both = json!({ "HostedZoneId": id, "ChangeBatch": { "Changes": [
        { "Action": "CREATE", "ResourceRecordSet": set },
        { "Action": "CREATE", "ResourceRecordSet": values("web.demo.example", "A", &["10.0.0.1"]) },
    ] } });
    assert_eq!(code(ask(world, "ChangeResourceRecordSets", &both)), "InvalidChangeBatch");
    let records = json!({ "HostedZoneId": id });
    let listed = answer(world, "ListResourceRecordSets", &records).unwrap();
    assert_eq!(listed.list("ResourceRecordSets").len(), 2);
    ask(world, "ChangeResourceRecordSets", &change(&id, "CREATE", &set)).unwrap();
    let twice = ask(world, "ChangeResourceRecordSets", &change(&id, "CREATE", &set)).unwrap_err();
    assert!(twice.message.contains("already exists"), "{twice}");
    let other = values("web.demo.internal", "A", &["10.0.0.1"]);
    let other = ask(world, "ChangeResourceRecordSets", &change(&id, "DELETE", &other));
    assert!(other.unwrap_err().message.contains("do not match the current values"));
    let delete = json!({ "Id": id });
    assert_eq!(code(ask(world, "DeleteHostedZone", &delete)), "HostedZoneNotEmpty");
    let same = values("web.demo.internal.", "A", &["10.0.0.2", "10.0.0.1"]);
    let same = change(&id, "DELETE", &same);
    ask(world, "ChangeResourceRecordSets", &same).unwrap();
    let gone = ask(world, "ChangeResourceRecordSets", &same).unwrap_err();
    assert!(gone.message.contains("it was not found"), "{gone}");
    let soa = json!({
        "Name": "demo.internal.", "Type": "SOA", "TTL": 900,
        "ResourceRecords": listed.list("ResourceRecordSets")[1]["ResourceRecords"],
    });
    let soa = ask(world, "ChangeResourceRecordSets", &change(&id, "DELETE", &soa));
    assert!(soa.unwrap_err().message.contains("exactly one SOA record"));
    ask(world, "DeleteHostedZone", &delete).unwrap();
    assert_eq!(super::ids(world), Vec::<String>::new());
}

#[test]
fn writes_to_a_zone_wait_for_each_other() {
    let world = &mut world();
    let vpc = vpc(world);
    let id = made(world, &zone("one", &vpc));
    let tag = |n: usize| {
        let tags: Value = (0..n).map(|n| json!({ "Key": format!("k{n}"), "Value": "" })).collect();
        json!({ "ResourceType": "hostedzone", "ResourceId": id, "AddTags": tags })
    };
    answer(world, "ChangeTagsForResource", &tag(10)).unwrap();
    wait(world, 0.1);
    let set = values("web.demo.internal", "A", &["10.0.0.1"]);
    let create = change(&id, "CREATE", &set);
    let busy = answer(world, "ChangeResourceRecordSets", &create);
    assert_eq!(code(busy), "PriorRequestNotComplete");
    wait(world, 1.0);
    let changed = answer(world, "ChangeResourceRecordSets", &create).unwrap();
    assert_eq!(code(ask(world, "ChangeTagsForResource", &tag(11))), "InvalidInput");
    let status = |world: &mut World| {
        let id = json!({ "Id": changed.part("ChangeInfo").text("Id") });
        let change = answer(world, "GetChange", &id).unwrap();
        change.part("ChangeInfo").text("Status").to_owned()
    };
    wait(world, 27.9);
    assert_eq!(status(world), "PENDING");
    wait(world, 30.1);
    assert_eq!(status(world), "INSYNC");
}

#[test]
fn listings_have_pages() {
    let world = &mut world();
    let vpc = vpc(world);
    let first = made(world, &zone("one", &vpc));
    made(world, &json!({ "Name": "example.com", "CallerReference": "two" }));
    let page = answer(world, "ListHostedZones", &json!({ "MaxItems": "1" })).unwrap();
    assert_eq!(page.flag("IsTruncated"), Some(true));
    let next = json!({ "MaxItems": "1", "Marker": page.text("NextMarker") });
    let next = answer(world, "ListHostedZones", &next).unwrap();
    assert_eq!(next.flag("IsTruncated"), Some(false));
    let names = [&page, &next].map(|page| page.list("HostedZones")[0].text("Name").to_owned());
    assert!(names.contains(&"demo.internal.".to_owned()) && names.contains(&"example.com.".into()));

    // By name, from the last part to the first: `com` before `internal`.
    let page = answer(world, "ListHostedZonesByName", &json!({ "MaxItems": "1" })).unwrap();
    assert_eq!(page.list("HostedZones")[0].text("Name"), "example.com.");
    assert_eq!(page.text("NextDNSName"), "demo.internal.");
    let next = json!({ "DNSName": "demo.internal", "HostedZoneId": page.text("NextHostedZoneId") });
    let next = answer(world, "ListHostedZonesByName", &next).unwrap();
    assert_eq!(next.list("HostedZones").len(), 1);
    assert_eq!(next.list("HostedZones")[0].text("Name"), "demo.internal.");

    for host in ["b", "*"] {
        let set = values(&format!("{host}.demo.internal"), "A", &["10.0.0.1"]);
        ask(world, "ChangeResourceRecordSets", &change(&first, "CREATE", &set)).unwrap();
    }
    let from = |name: &str, kind: &str| {
        let mut input = json!({ "HostedZoneId": first, "StartRecordName": name, "MaxItems": "1" });
        if !kind.is_empty() {
            input["StartRecordType"] = kind.into();
        }
        input
    };
    let page = answer(world, "ListResourceRecordSets", &from("demo.internal", "SOA")).unwrap();
    assert_eq!(page.text("NextRecordName"), r"\052.demo.internal.");
    let next = from(page.text("NextRecordName"), page.text("NextRecordType"));
    let page = answer(world, "ListResourceRecordSets", &next).unwrap();
    assert_eq!(page.list("ResourceRecordSets")[0].text("Name"), r"\052.demo.internal.");
    let page = answer(world, "ListResourceRecordSets", &from("c.demo.internal", "")).unwrap();
    assert_eq!(page.list("ResourceRecordSets").len(), 0);
}

#[test]
fn an_alias_points_at_a_load_balancer_that_exists() {
    for doubts in [Vec::new(), [Doubt::AliasTargetUnseen].into()] {
        let delays = [("elb.alias-visible".to_owned(), 8.0..=8.0)].into();
        let in_doubt = !doubts.is_empty();
        let world = &mut World::new(7, Scenario { delays, doubts, ..Scenario::default() });
        let vpc = vpc(world);
        let id = made(world, &zone("one", &vpc));
        let (dns, canonical) = load_balancer(world, &vpc);
        let create =
            |dns: &str, zone: &str| change(&id, "UPSERT", &alias("demo.internal", dns, zone));
        let early = answer(world, "ChangeResourceRecordSets", &create(&dns, &canonical));
        assert_eq!(early.is_err(), in_doubt);
        wait(world, 8.0);
        answer(world, "ChangeResourceRecordSets", &create(&dns, &canonical)).unwrap();
        let wrong = ask(world, "ChangeResourceRecordSets", &create(&dns, "Z0")).unwrap_err();
        assert!(wrong.message.contains("does not lie within"), "{wrong}");
        let other = dns.replacen("lb-Demo-", "lb-Demo-9", 1);
        let other = ask(world, "ChangeResourceRecordSets", &create(&other, &canonical));
        assert!(other.unwrap_err().message.contains("that target was not found"));
        let from = json!({ "HostedZoneId": id, "MaxItems": "1" });
        let listed = answer(world, "ListResourceRecordSets", &from).unwrap();
        let target = listed.list("ResourceRecordSets")[0].part("AliasTarget");
        assert_eq!(target.text("DNSName"), format!("{}.", dns.to_lowercase()));
        world.enter("eu-west-1");
        answer(world, "ChangeResourceRecordSets", &create(&dns, &canonical)).unwrap();
        assert_eq!(world.region, "eu-west-1");
    }
}

fn load_balancer(world: &mut World, vpc: &str) -> (String, String) {
    let subnets = [("a", 0), ("b", 1)].map(|(zone, net)| {
        let input = json!({
            "VpcId": vpc,
            "CidrBlock": format!("10.0.{net}.0/24"),
            "AvailabilityZone": format!("us-east-1{zone}"),
        });
        let subnet = ec2::answer(world, "CreateSubnet", &input).unwrap();
        subnet.part("Subnet").text("SubnetId").to_owned()
    });
    let group = json!({ "VpcId": vpc, "GroupName": "lb", "Description": "lb" });
    let group = ec2::answer(world, "CreateSecurityGroup", &group).unwrap();
    wait(world, 10.0);
    let input = json!({
        "Name": "lb-Demo",
        "Scheme": "internal",
        "Subnets": subnets,
        "SecurityGroups": [group.text("GroupId")],
    });
    let made = elb::answer(world, "CreateLoadBalancer", &input).unwrap();
    let made = &made.list("LoadBalancers")[0];
    (made.text("DNSName").to_owned(), made.text("CanonicalHostedZoneId").to_owned())
}

#[test]
fn names_are_written_in_one_form() {
    assert_eq!(name::normal("*.Demo.internal"), Ok(r"\052.demo.internal.".to_owned()));
    assert_eq!(name::normal(r"\052.demo.internal."), Ok(r"\052.demo.internal.".to_owned()));
    assert!(name::normal("a..b").is_err() && name::normal("").is_err());
    assert!(name::normal(&"x".repeat(64)).is_err());
    assert!(name::is_within("a.b.c.", "b.c.") && name::is_within("b.c.", "b.c."));
    assert!(!name::is_within("ab.c.", "b.c."));
}
