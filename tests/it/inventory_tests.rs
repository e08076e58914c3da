//! The inventory is what the proofs stand on: each kind that can be made by hand in a few calls is seen
//! when it is there, and no longer when it is gone.

use aws_sdk_ec2::types::{DomainType, IpPermission};
use aws_sdk_ecs::types::{ContainerDefinition, NetworkMode};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_sdk_ssm::types::ParameterType;

use crate::emulator::Kind;
use crate::inventory::{Clients, counts};
use crate::neighbours::TRUST;
use crate::world::{REGION, World};

#[test]
fn moto_vpc_is_seen() {
    vpc_is_seen(Kind::Moto);
}

#[test]
fn ministack_vpc_is_seen() {
    vpc_is_seen(Kind::Ministack);
}

fn vpc_is_seen(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let clients = world.clients(REGION);
    let made =
        world.block_on(clients.ec2.create_vpc().cidr_block("10.0.0.0/16").send()).expect("a VPC");
    let id = made.vpc.and_then(|it| it.vpc_id).expect("an id");
    let with = world.ids();
    assert!(!before.contains(&format!("vpc {id}")));
    assert!(with.contains(&format!("vpc {id}")), "{with:?}");
    assert!(
        !world.ids_in("eu-west-1").contains(&format!("vpc {id}")),
        "regions are not told apart"
    );

    world.block_on(clients.ec2.delete_vpc().vpc_id(&id).send()).expect("no VPC");
    assert_eq!(world.ids(), before, "what AWS makes with a VPC goes with it");
}

#[test]
fn moto_other_kinds_are_seen() {
    other_kinds_are_seen(Kind::Moto);
}

#[test]
fn ministack_other_kinds_are_seen() {
    other_kinds_are_seen(Kind::Ministack);
}

fn other_kinds_are_seen(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let clients = world.clients(REGION);
    let vpc = world.block_on(make_some_of_each(&clients));
    let with = world.ids();
    let new = with.difference(&before).cloned().collect();
    let counts = counts(&new);
    for kind in [
        "subnet",
        "internet-gateway",
        "nat-gateway",
        "elastic-ip",
        "security-group",
        "security-group-rule",
        "role",
        "instance-profile",
        "cluster",
        "task-definition",
        "target-group",
        "log-group",
        "hosted-zone",
        "record",
        "parameter",
    ] {
        assert!(counts.contains_key(kind), "{kind} is not seen in {vpc}: {counts:?}");
    }
}

/// Makes one of each kind that takes a single call. Load balancers, launch templates and groups are
/// made in `foreign`, which looks at them more closely.
async fn make_some_of_each(clients: &Clients) -> String {
    let made = clients.ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.expect("a VPC");
    let vpc = made.vpc.and_then(|it| it.vpc_id).expect("an id");
    let made = clients
        .ec2
        .create_subnet()
        .vpc_id(&vpc)
        .cidr_block("10.0.0.0/24")
        .send()
        .await
        .expect("a subnet");
    let subnet = made.subnet.and_then(|it| it.subnet_id).expect("an id");
    clients.ec2.create_internet_gateway().send().await.expect("a gateway");
    let address =
        clients.ec2.allocate_address().domain(DomainType::Vpc).send().await.expect("an address");
    let nat =
        clients.ec2.create_nat_gateway().subnet_id(subnet).set_allocation_id(address.allocation_id);
    nat.send().await.expect("a NAT gateway");
    let group = clients
        .ec2
        .create_security_group()
        .group_name("by-hand")
        .description("by hand")
        .vpc_id(&vpc);
    let group = group.send().await.expect("a security group").group_id;
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(80).to_port(80);
    let source = aws_sdk_ec2::types::IpRange::builder().cidr_ip("10.0.0.0/16").build();
    let rule = clients
        .ec2
        .authorize_security_group_ingress()
        .ip_permissions(rule.ip_ranges(source).build());
    rule.set_group_id(group).send().await.expect("a rule");

    let role = clients.iam.create_role().role_name("by-hand").assume_role_policy_document(TRUST);
    role.send().await.expect("a role");
    clients
        .iam
        .create_instance_profile()
        .instance_profile_name("by-hand")
        .send()
        .await
        .expect("a profile");

    clients.ecs.create_cluster().cluster_name("by-hand").send().await.expect("a cluster");
    let container = ContainerDefinition::builder().name("web").image("nginx").memory(128).build();
    let register =
        clients.ecs.register_task_definition().family("by-hand").network_mode(NetworkMode::Awsvpc);
    register.container_definitions(container).send().await.expect("a task definition");

    let group = clients.elbv2.create_target_group().name("by-hand").vpc_id(&vpc).port(80);
    let group = group.protocol(aws_sdk_elasticloadbalancingv2::types::ProtocolEnum::Http);
    group.send().await.expect("a target group");

    clients.logs.create_log_group().log_group_name("/by/hand").send().await.expect("a log group");
    let parameter = clients.ssm.put_parameter().name("/ecsup/demo/lock/1").value("by hand");
    parameter.r#type(ParameterType::String).send().await.expect("a parameter");
    make_zone(clients).await;
    vpc
}

async fn make_zone(clients: &Clients) {
    let zone = clients.route53.create_hosted_zone().name("example.com").caller_reference("by-hand");
    let zone = zone.send().await.expect("a zone").hosted_zone.expect("a zone").id;
    let value = ResourceRecord::builder().value("192.0.2.1").build().expect("a value");
    let record = ResourceRecordSet::builder()
        .name("a.example.com")
        .r#type(RrType::A)
        .ttl(60)
        .resource_records(value);
    let change = Change::builder()
        .action(ChangeAction::Create)
        .resource_record_set(record.build().expect("a record"))
        .build()
        .expect("a change");
    let batch = ChangeBatch::builder().changes(change).build().expect("a batch");
    let change =
        clients.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    change.send().await.expect("a record");
}
