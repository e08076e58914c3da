//! Services whose tasks register with Cloud Map.

use serde_json::{Value, json};

use super::tests::{cluster, definition, network, no, ok, wait, world};
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::world::World;
use crate::{ec2, route53, servicediscovery};

/// A service of Cloud Map; its ARN and the VPC.
fn registry(world: &mut World, network: &Value) -> (String, String) {
    let subnet = network["awsvpcConfiguration"]["subnets"][0].clone();
    let subnets = ec2::answer(world, "DescribeSubnets", &json!({ "SubnetIds": [subnet] })).unwrap();
    let vpc = subnets["Subnets"][0].text("VpcId").to_owned();
    let mut ask = |operation: &str, input: Value| {
        let answer = servicediscovery::answer(world, operation, &input).expect(operation);
        wait(world, 61);
        answer
    };
    ask("CreatePrivateDnsNamespace", json!({ "Name": "svc.c.internal", "Vpc": vpc }));
    let namespaces = ask("ListNamespaces", json!({}));
    let service = json!({
        "Name": "web",
        "NamespaceId": namespaces["Namespaces"][0]["Id"],
        "DnsConfig": { "DnsRecords": [{ "Type": "A", "TTL": 10 }] },
        "HealthCheckCustomConfig": {},
    });
    let arn = ask("CreateService", service)["Service"].text("Arn").to_owned();
    (arn, vpc)
}

fn asked(network: &Value, registries: &Value) -> Value {
    json!({
        "cluster": "c",
        "serviceName": "web",
        "taskDefinition": "td",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "serviceRegistries": registries,
    })
}

fn addresses(world: &World, vpc: &str) -> usize {
    route53::resolve(world, vpc, "web.svc.c.internal").len()
}

#[test]
fn tasks_answer_to_their_name_while_they_run() {
    let mut world = world();
    let network = network(&mut world);
    let (arn, vpc) = registry(&mut world, &network);
    cluster(&mut world);
    ok(&mut world, "RegisterTaskDefinition", definition("nginx:1", "256", "512"));
    let unknown = json!([{ "registryArn": arn.replace("srv-", "srv-0") }]);
    let refused = no(&mut world, "CreateService", asked(&network, &unknown));
    assert!(refused.contains("does not exist"), "{refused}");
    let with_port = json!([{ "registryArn": arn, "port": 80 }]);
    let refused = no(&mut world, "CreateService", asked(&network, &with_port));
    assert!(refused.contains("must have SRV records"), "{refused}");
    let twice = json!([{ "registryArn": arn }, { "registryArn": arn }]);
    let refused = no(&mut world, "CreateService", asked(&network, &twice));
    assert!(refused.contains("Only one"), "{refused}");
    let made = ok(&mut world, "CreateService", asked(&network, &json!([{ "registryArn": arn }])));
    assert_eq!(made["service"]["serviceRegistries"], json!([{ "registryArn": arn }]));
    wait(&mut world, 120);
    assert_eq!(addresses(&world, &vpc), 2);

    // Another deployment takes the name away, and gives it back.
    let update = |registries: Value| json!({ "cluster": "c", "service": "web", "serviceRegistries": registries });
    let updated = ok(&mut world, "UpdateService", update(json!([])));
    assert_eq!(updated["service"]["deployments"].as_array().map(Vec::len), Some(2));
    wait(&mut world, 300);
    assert_eq!(addresses(&world, &vpc), 0);
    ok(&mut world, "UpdateService", update(json!([{ "registryArn": arn }])));
    wait(&mut world, 300);
    assert_eq!(addresses(&world, &vpc), 2);
    let gone = json!({ "cluster": "c", "service": "web", "force": true });
    ok(&mut world, "DeleteService", gone);
    wait(&mut world, 60);
    assert_eq!(addresses(&world, &vpc), 0);
}

#[test]
fn a_deleted_service_may_leave_its_instances_behind() {
    let mut world = world();
    world.scenario.doubts.push(Doubt::ServiceLeavesInstances);
    let network = network(&mut world);
    let (arn, vpc) = registry(&mut world, &network);
    cluster(&mut world);
    ok(&mut world, "RegisterTaskDefinition", definition("nginx:1", "256", "512"));
    ok(&mut world, "CreateService", asked(&network, &json!([{ "registryArn": arn }])));
    wait(&mut world, 120);
    ok(&mut world, "DeleteService", json!({ "cluster": "c", "service": "web", "force": true }));
    wait(&mut world, 300);
    assert_eq!(addresses(&world, &vpc), 2);
}
