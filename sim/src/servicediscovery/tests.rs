//! The rules that matter.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer;
use crate::doubt::Doubt;
use crate::ec2;
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::route53;
use crate::scenario::Scenario;
use crate::world::World;

const NAME: &str = "svc.demo.internal";

fn world() -> World {
    let delays = [
        ("namespace.create", 40.0),
        ("namespace.delete", 40.0),
        ("instance.register", 2.0),
        ("instance.deregister", 5.0),
    ];
    let delays = delays.map(|(label, seconds)| (label.to_owned(), seconds..=seconds)).into();
    World::new(7, Scenario { delays, ..Scenario::default() })
}

fn wait(world: &mut World, seconds: u64) {
    let until = world.now + Duration::from_secs(seconds);
    world.advance(until);
}

fn ok(world: &mut World, operation: &str, input: Value) -> Value {
    answer(world, operation, &input).unwrap_or_else(|why| panic!("{operation} {input}: {why}"))
}

fn code(world: &mut World, operation: &str, input: Value) -> String {
    answer(world, operation, &input).map_or_else(|it| it.code, |it| format!("no refusal: {it}"))
}

fn vpc(world: &mut World) -> String {
    let vpc = ec2::answer(world, "CreateVpc", &json!({ "CidrBlock": "10.0.0.0/16" })).unwrap();
    wait(world, 10);
    vpc.part("Vpc").text("VpcId").to_owned()
}

fn namespace(vpc: &str) -> Value {
    json!({ "Name": NAME, "Vpc": vpc, "Tags": [{ "Key": "a", "Value": "b" }] })
}

fn operation(world: &mut World, begun: &Value) -> Value {
    let input = json!({ "OperationId": begun.text("OperationId") });
    ok(world, "GetOperation", input)["Operation"].clone()
}

/// A namespace that is there.
fn made(world: &mut World, vpc: &str) -> String {
    let begun = ok(world, "CreatePrivateDnsNamespace", namespace(vpc));
    wait(world, 41);
    operation(world, &begun)["Targets"].text("NAMESPACE").to_owned()
}

fn service(namespace: &str, name: &str) -> Value {
    json!({
        "Name": name,
        "NamespaceId": namespace,
        "DnsConfig": { "RoutingPolicy": "MULTIVALUE", "DnsRecords": [{ "Type": "A", "TTL": 10 }] },
        "HealthCheckCustomConfig": {},
    })
}

fn zones(world: &mut World) -> Vec<String> {
    let zones = route53::answer(world, "ListHostedZones", &json!({})).unwrap();
    zones.list("HostedZones").iter().map(|it| it.text("Name").to_owned()).collect()
}

#[test]
fn a_namespace_comes_and_goes_in_operations_and_its_zone_with_it() {
    let mut world = world();
    let vpc = vpc(&mut world);
    let begun = ok(&mut world, "CreatePrivateDnsNamespace", namespace(&vpc));
    assert_eq!(operation(&mut world, &begun).text("Status"), "SUBMITTED");
    assert_eq!(code(&mut world, "CreatePrivateDnsNamespace", namespace(&vpc)), "DuplicateRequest");
    wait(&mut world, 21);
    // The zone is there, the namespace is not yet.
    assert_eq!(operation(&mut world, &begun).text("Status"), "PENDING");
    assert_eq!(zones(&mut world), ["svc.demo.internal."]);
    assert_eq!(ok(&mut world, "ListNamespaces", json!({}))["Namespaces"], json!([]));
    let pending = json!({ "Filters": [
        { "Name": "TYPE", "Values": ["CREATE_NAMESPACE"], "Condition": "EQ" },
        { "Name": "STATUS", "Values": ["SUBMITTED", "PENDING"], "Condition": "IN" },
    ] });
    assert_eq!(ok(&mut world, "ListOperations", pending.clone()).list("Operations").len(), 1);
    wait(&mut world, 20);
    assert_eq!(ok(&mut world, "ListOperations", pending).list("Operations").len(), 0);
    let it = operation(&mut world, &begun);
    assert_eq!((it.text("Status"), it.text("Type")), ("SUCCESS", "CREATE_NAMESPACE"));
    let id = it["Targets"].text("NAMESPACE").to_owned();
    let there = ok(&mut world, "ListNamespaces", json!({}))["Namespaces"][0].clone();
    assert_eq!((there.text("Id"), there.text("Name")), (id.as_str(), NAME));
    let tags = json!({ "ResourceARN": there["Arn"] });
    let tags = ok(&mut world, "ListTagsForResource", tags);
    assert_eq!(tags["Tags"], json!([{ "Key": "a", "Value": "b" }]));
    let again = code(&mut world, "CreatePrivateDnsNamespace", namespace(&vpc));
    assert_eq!(again, "NamespaceAlreadyExists");

    let registry = ok(&mut world, "CreateService", service(&id, "db"))["Service"].clone();
    let of = json!({ "Id": id });
    assert_eq!(code(&mut world, "DeleteNamespace", of.clone()), "ResourceInUse");
    ok(&mut world, "DeleteService", json!({ "Id": registry["Id"] }));
    let begun = ok(&mut world, "DeleteNamespace", of.clone());
    assert_eq!(code(&mut world, "DeleteNamespace", of.clone()), "DuplicateRequest");
    assert_eq!(code(&mut world, "CreateService", service(&id, "db")), "NamespaceNotFound");
    wait(&mut world, 41);
    assert_eq!(operation(&mut world, &begun).text("Status"), "SUCCESS");
    assert_eq!(code(&mut world, "GetNamespace", of), "NamespaceNotFound");
    assert_eq!(zones(&mut world), [""; 0]);
}

#[test]
fn a_zone_of_the_same_name_in_the_vpc_fails_the_operation() {
    let mut world = world();
    let vpc = vpc(&mut world);
    let zone = json!({
        "Name": NAME, "CallerReference": "1", "VPC": { "VPCRegion": "us-east-1", "VPCId": vpc },
    });
    route53::answer(&mut world, "CreateHostedZone", &zone).unwrap();
    let begun = ok(&mut world, "CreatePrivateDnsNamespace", namespace(&vpc));
    wait(&mut world, 41);
    let it = operation(&mut world, &begun);
    let said = (it.text("Status"), it.text("ErrorCode"));
    assert_eq!(said, ("FAIL", "CANNOT_CREATE_HOSTED_ZONE"));
    assert!(it.text("ErrorMessage").contains("ConflictingDomainExists"), "{it}");
    assert_eq!(ok(&mut world, "ListNamespaces", json!({}))["Namespaces"], json!([]));
    // In another VPC it can be had.
    let other = self::vpc(&mut world);
    made(&mut world, &other);
    assert_eq!(zones(&mut world).len(), 2);
}

#[test]
fn a_name_answers_with_the_addresses_of_its_instances_and_is_held_by_them() {
    let mut world = world();
    let vpc = vpc(&mut world);
    let id = made(&mut world, &vpc);
    let registry = ok(&mut world, "CreateService", service(&id, "db"))["Service"].clone();
    assert_eq!(code(&mut world, "CreateService", service(&id, "DB")), "ServiceAlreadyExists");
    let name = format!("db.{NAME}");
    assert_eq!(route53::resolve(&world, &vpc, &name), [""; 0]);
    for (instance, address) in [("one", "10.0.0.5"), ("two", "10.0.0.6")] {
        ok(
            &mut world,
            "RegisterInstance",
            json!({
                "ServiceId": registry["Id"],
                "InstanceId": instance,
                "Attributes": { "AWS_INSTANCE_IPV4": address },
            }),
        );
    }
    wait(&mut world, 3);
    assert_eq!(route53::resolve(&world, &vpc, &name), ["10.0.0.5", "10.0.0.6"]);
    assert_eq!(route53::resolve(&world, "vpc-other", &name), [""; 0]);
    let listed = ok(&mut world, "ListServices", json!({}))["Services"][0].clone();
    assert_eq!((listed.text("Id"), &listed["InstanceCount"]), (registry.text("Id"), &json!(2)));
    let of = json!({ "Id": registry["Id"] });
    assert_eq!(code(&mut world, "DeleteService", of.clone()), "ResourceInUse");
    for instance in ["one", "two"] {
        let one = json!({ "ServiceId": registry["Id"], "InstanceId": instance });
        ok(&mut world, "DeregisterInstance", one);
    }
    assert_eq!(code(&mut world, "DeleteService", of.clone()), "ResourceInUse");
    wait(&mut world, 6);
    assert_eq!(route53::resolve(&world, &vpc, &name), [""; 0]);
    ok(&mut world, "DeleteService", of);
    let again = ok(&mut world, "CreateService", service(&id, "db"))["Service"].clone();
    assert_eq!(again["Id"], registry["Id"], "a name has one id in its namespace");
}

#[test]
fn pages_are_filtered_after_they_were_cut() {
    let mut world = world();
    let (one, other) = (vpc(&mut world), vpc(&mut world));
    for vpc in [&one, &other] {
        made(&mut world, vpc);
    }
    let filters = json!([{ "Name": "NAME", "Values": ["other"], "Condition": "EQ" }]);
    let page = ok(&mut world, "ListNamespaces", json!({ "MaxResults": 1, "Filters": filters }));
    assert_eq!(page["Namespaces"], json!([]));
    assert!(page.some_text("NextToken").is_some(), "{page}");
}

#[test]
fn a_zone_may_go_after_its_namespace_and_nobody_else_may_remove_it() {
    let mut world = world();
    world.scenario.doubts.push(Doubt::ZoneOutlivesNamespace);
    let vpc = vpc(&mut world);
    let id = made(&mut world, &vpc);
    ok(&mut world, "DeleteNamespace", json!({ "Id": id }));
    wait(&mut world, 41);
    assert_eq!(ok(&mut world, "ListNamespaces", json!({}))["Namespaces"], json!([]));
    let zone = route53::answer(&mut world, "ListHostedZones", &json!({})).unwrap();
    let zone = zone["HostedZones"][0].clone();
    assert_eq!(zone["LinkedService"]["ServicePrincipal"], "servicediscovery.amazonaws.com");
    let refused: Result<_, Refusal> =
        route53::answer(&mut world, "DeleteHostedZone", &json!({ "Id": zone["Id"] }));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    wait(&mut world, 100);
    assert_eq!(zones(&mut world), [""; 0]);
}
