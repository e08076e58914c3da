//! What is not ours, or ours but of another stack, is the same after a deploy and a destroy as before.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{DomainType, ResourceType, Tag, TagSpecification, Vpc};

use crate::emulator::Kind;
use crate::inventory::Clients;
use crate::world::{Pattern, REGION, World, exit, matrix, names};

matrix!(strangers_stay);

/// The second name begins with the first: a listing by prefix would take both.
const STACK: &str = "demo";
const NEIGHBOUR: &str = "demo-2";

fn strangers_stay(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    world.deploy(pattern, NEIGHBOUR, &[]);
    let clients = world.clients(REGION);
    world.block_on(make_look_alikes(&clients));
    let before = world.ids();
    let tags = world.block_on(tags(&clients));

    world.deploy(pattern, STACK, &[]);
    let with = world.ids();
    assert_ne!(with, before, "the deploy made nothing");
    assert!(
        with.is_superset(&before),
        "the deploy took something of others: {:?}",
        before.difference(&with)
    );

    world.destroy(STACK);
    assert_eq!(world.ids(), before, "the destroy took something of others, or left something");
    assert_eq!(world.block_on(self::tags(&clients)), tags, "somebody else's tags were changed");

    let plan = [vec!["plan", "--exit-code"], world.spec_flags(pattern, NEIGHBOUR)].concat();
    world.run(&plan).expect_code(exit::DONE);
}

/// Things that a person could have made by looking at ours: named alike, with no tags of ecsup's.
async fn make_look_alikes(clients: &Clients) {
    let vpcs = clients.ec2.describe_vpcs().send().await.expect("vpcs");
    let ours = vpcs.vpcs().iter().flat_map(Vpc::tags).filter(|it| it.key() == Some("Name"));
    let mut likened: Vec<String> =
        ours.filter_map(Tag::value).map(|it| it.replace(NEIGHBOUR, STACK)).collect();
    assert!(!likened.is_empty(), "our VPC has no name to imitate");
    likened.push(STACK.to_owned());
    for name in likened {
        let name = Tag::builder().key("Name").value(name).build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Vpc).tags(name).build();
        let made = clients
            .ec2
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .tag_specifications(tags)
            .send()
            .await;
        made.expect("a VPC by hand");
    }
    clients
        .ec2
        .allocate_address()
        .domain(DomainType::Vpc)
        .send()
        .await
        .expect("an address by hand");

    let path = names::role_path(REGION, NEIGHBOUR);
    let roles = clients.iam.list_roles().path_prefix(path).send().await.expect("roles");
    assert!(!roles.roles().is_empty(), "our roles are not under the path that is promised");
    for role in roles.roles() {
        let name = format!("{}-x", role.role_name().replace(NEIGHBOUR, STACK));
        let made = clients
            .iam
            .create_role()
            .role_name(name)
            .assume_role_policy_document(TRUST)
            .send()
            .await;
        made.expect("a role by hand");
    }
}

/// A trust document that any role may have.
pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// The tags of all VPCs and addresses.
async fn tags(clients: &Clients) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let shown = |tags: &[Tag]| {
        let mut tags: Vec<String> = tags.iter().map(|it| format!("{it:?}")).collect();
        tags.sort();
        tags
    };
    for it in clients.ec2.describe_vpcs().send().await.expect("vpcs").vpcs() {
        found.insert(it.vpc_id().expect("an id").to_owned(), shown(it.tags()));
    }
    for it in clients.ec2.describe_addresses().send().await.expect("addresses").addresses() {
        found.insert(it.allocation_id().expect("an id").to_owned(), shown(it.tags()));
    }
    found
}

matrix! {
    other_region_stays:
    moto_same_name_in_another_region = Moto, InternalWorker;
    ministack_same_name_in_another_region = Ministack, InternalWorker;
}

fn other_region_stays(kind: Kind, pattern: Pattern) {
    let other = "eu-west-1";
    let world = World::start(kind);
    let empty = world.ids();
    world.deploy(pattern, STACK, &[]);
    let before = world.ids();
    assert_ne!(before, empty, "the deploy made nothing");
    let before_there = world.ids_in(other);

    world.deploy_in(other, pattern, STACK, &[]);
    let there = world.ids_in(other);
    let vpcs = |ids: &BTreeSet<String>| ids.iter().filter(|it| it.starts_with("vpc ")).count();
    assert_eq!(vpcs(&there), vpcs(&before_there) + 1, "{other} has no network of its own");
    assert!(world.ids().is_superset(&before), "{other}'s deploy took something of {REGION}");
    world.destroy_in(other, STACK);
    assert_eq!(
        world.ids(),
        before,
        "{other}'s destroy reached {REGION}, or the roles that it uses"
    );
    assert_eq!(world.ids_in(other), before_there);

    world.destroy(STACK);
    assert_eq!(world.ids(), empty);
}
