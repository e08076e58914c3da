//! A stack that runs is changed: a new image, another count, another port.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, SecurityGroup};
use aws_sdk_ecs::types::{DeploymentRolloutState, NetworkConfiguration, Service};

use crate::emulator::Kind;
use crate::inventory::Clients;
use crate::recorder::Call;
use crate::world::{Pattern, REGION, World, matrix, names};

const STACK: &str = "demo";

matrix!(new_image);

fn new_image(kind: Kind, pattern: Pattern) {
    let image = "public.ecr.aws/docker/library/httpd:2.4";
    let world = World::start(kind);
    let before = world.ids();
    let clients = world.clients(REGION);
    world.deploy(pattern, STACK, &[]);
    let first = world.block_on(service(&clients, pattern));

    let calls = world.deploy(pattern, STACK, &["--image", image]);
    assert_eq!(count(&calls, "RegisterTaskDefinition"), 1);
    assert_eq!(count(&calls, "UpdateService"), 1);

    let second = world.block_on(service(&clients, pattern));
    let wanted = second.task_definition().expect("a task definition");
    assert_ne!(Some(wanted), first.task_definition());
    let described = clients.ecs.describe_task_definition().task_definition(wanted);
    let described = world.block_on(described.send()).expect("the new revision");
    let containers = described.task_definition().expect("the new revision").container_definitions();
    assert_eq!(containers[0].image(), Some(image));

    if kind.completes_rollouts() {
        let primary = second.deployments().iter().find(|it| it.status() == Some("PRIMARY"));
        let primary = primary.expect("a primary deployment");
        assert_eq!(primary.task_definition(), Some(wanted));
        assert_eq!(primary.rollout_state(), Some(&DeploymentRolloutState::Completed));
    }
    assert_gone(&world, &before);
}

matrix! {
    new_count:
    moto_internal_worker_count = Moto, InternalWorker;
    ministack_internal_worker_count = Ministack, InternalWorker;
    ministack_fargate_api_count = Ministack, FargateApi;
}

fn new_count(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    let before = world.ids();
    let clients = world.clients(REGION);
    world.deploy(pattern, STACK, &[]);
    let calls = world.deploy(pattern, STACK, &["--count", "3"]);
    assert_eq!(
        count(&calls, "RegisterTaskDefinition"),
        0,
        "a count is not part of a task definition"
    );
    assert_eq!(count(&calls, "UpdateService"), 1);
    assert_eq!(world.block_on(service(&clients, pattern)).desired_count(), 3);
    assert_gone(&world, &before);
}

matrix! {
    new_port:
    moto_internal_worker_port = Moto, InternalWorker;
    ministack_internal_worker_port = Ministack, InternalWorker;
    ministack_fargate_api_port = Ministack, FargateApi;
}

/// Old and new tasks run side by side during the rollout: both ports are open until it has ended.
fn new_port(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    let before = world.ids();
    let clients = world.clients(REGION);
    world.deploy(pattern, STACK, &["--port", "8080"]);
    assert_eq!(world.block_on(open_ports(&clients, pattern)), BTreeSet::from([8080]));

    let calls = world.deploy(pattern, STACK, &["--port", "9090"]);
    let position = |operation| calls.iter().position(|it: &Call| it.operation == operation);
    let opened = position("AuthorizeSecurityGroupIngress").expect("the new port is opened");
    let updated = position("UpdateService").expect("the service is changed");
    assert!(opened < updated, "new tasks start behind a closed port");

    if kind.completes_rollouts() {
        let closed = position("RevokeSecurityGroupIngress").expect("the old port is closed");
        assert!(closed > updated, "old tasks run behind a closed port");
        assert_eq!(world.block_on(open_ports(&clients, pattern)), BTreeSet::from([9090]));
    } else {
        // Without waiting nobody knows that the old tasks are gone, so the old port may stay open.
        assert!(world.block_on(open_ports(&clients, pattern)).contains(&9090));
    }
    assert_gone(&world, &before);
}

/// Each revision and each rule of the rollout goes with the stack.
#[track_caller]
fn assert_gone(world: &World, before: &BTreeSet<String>) {
    world.destroy(STACK);
    assert_eq!(&world.ids(), before, "left after the destroy, or taken by it");
}

async fn service(clients: &Clients, pattern: Pattern) -> Service {
    let described = clients
        .ecs
        .describe_services()
        .cluster(names::cluster(STACK))
        .services(pattern.service())
        .send()
        .await;
    let services = described.expect("services").services.unwrap_or_default();
    services.into_iter().next().expect("our service under its promised name")
}

/// The ports that the service's own security groups admit.
async fn open_ports(clients: &Clients, pattern: Pattern) -> BTreeSet<i32> {
    let service = service(clients, pattern).await;
    let network =
        service.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
    let groups = network.expect("an awsvpc service").security_groups().to_vec();
    let described = clients.ec2.describe_security_groups().set_group_ids(Some(groups)).send().await;
    let described = described.expect("the service's groups");
    let rules = described.security_groups().iter().flat_map(SecurityGroup::ip_permissions);
    rules.filter_map(IpPermission::from_port).collect()
}

fn count(calls: &[Call], operation: &str) -> usize {
    calls.iter().filter(|it| it.operation == operation).count()
}
