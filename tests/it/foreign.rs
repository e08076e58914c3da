//! Something has the name that ecsup needs and was not made by ecsup: deploy refuses and leaves it alone.
//!
//! Emulators let some of these creates through and replace what was there, so that only a look
//! before the create protects it.

use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};

use crate::emulator::Kind;
use crate::inventory::Clients;
use crate::neighbours::TRUST;
use crate::world::{Pattern, REGION, World, names};

const STACK: &str = "demo";
const PATTERN: Pattern = Pattern::InternalWorker;

/// What a person has made.
#[derive(Clone, Copy, Debug)]
enum Thing {
    Cluster,
    LoadBalancer,
    LogGroup,
    LaunchTemplate,
    AutoScalingGroup,
    Role,
}

macro_rules! things {
    ($($moto:ident, $ministack:ident = $thing:ident;)+) => {
        $(
            #[test]
            fn $moto() {
                refused(Kind::Moto, Thing::$thing);
            }

            #[test]
            fn $ministack() {
                refused(Kind::Ministack, Thing::$thing);
            }
        )+
    };
}

things! {
    moto_cluster, ministack_cluster = Cluster;
    moto_load_balancer, ministack_load_balancer = LoadBalancer;
    moto_log_group, ministack_log_group = LogGroup;
    moto_launch_template, ministack_launch_template = LaunchTemplate;
    moto_auto_scaling_group, ministack_auto_scaling_group = AutoScalingGroup;
    moto_role, ministack_role = Role;
}

fn refused(kind: Kind, thing: Thing) {
    let world = World::start(kind);
    let clients = world.clients(REGION);
    let name = match thing {
        Thing::Cluster => names::cluster(STACK),
        Thing::LoadBalancer => names::load_balancer(STACK),
        Thing::LogGroup => names::log_group(STACK, PATTERN),
        Thing::LaunchTemplate => names::launch_template(STACK),
        Thing::AutoScalingGroup => names::auto_scaling_group(STACK),
        // Their names have the region in them: learned from a stack that comes and goes.
        Thing::Role => learn_a_role(&world, &clients),
    };
    world.block_on(make(&clients, thing, &name));
    let before = world.ids();
    let looks = world.block_on(look(&clients, thing, &name));
    assert!(looks.contains(&name), "it was not made: {looks}");

    let refused = world.run(&world.deploy_line(PATTERN, STACK, &[])).expect_failure();
    refused.says_one_of(&["foreign", "not made by ecsup"]).says_one_of(&[&name]);
    assert_eq!(
        world.block_on(look(&clients, thing, &name)),
        looks,
        "the refused deploy changed it"
    );

    world.destroy(STACK);
    assert_eq!(world.block_on(look(&clients, thing, &name)), looks, "the destroy changed it");
    assert_eq!(world.ids(), before, "the destroy took somebody else's, or left something");
}

fn learn_a_role(world: &World, clients: &Clients) -> String {
    world.deploy(PATTERN, STACK, &[]);
    let path = names::role_path(REGION, STACK);
    let roles = world.block_on(clients.iam.list_roles().path_prefix(path).send()).expect("roles");
    let name = roles.roles().first().expect("a role under our path").role_name().to_owned();
    world.destroy(STACK);
    name
}

async fn make(clients: &Clients, thing: Thing, name: &str) {
    match thing {
        Thing::Cluster => {
            clients
                .ecs
                .create_cluster()
                .cluster_name(name)
                .send()
                .await
                .expect("a cluster by hand");
        }
        Thing::LoadBalancer => {
            let subnets = two_subnets(clients).await;
            let create = clients.elbv2.create_load_balancer().name(name).set_subnets(Some(subnets));
            create.send().await.expect("a load balancer by hand");
        }
        Thing::LogGroup => {
            clients
                .logs
                .create_log_group()
                .log_group_name(name)
                .send()
                .await
                .expect("a log group by hand");
        }
        Thing::LaunchTemplate => make_launch_template(clients, name).await,
        Thing::AutoScalingGroup => {
            let template = format!("of-{name}");
            make_launch_template(clients, &template).await;
            let subnets = two_subnets(clients).await.join(",");
            let template = aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder()
                .launch_template_name(template)
                .version("$Latest")
                .build();
            let create = clients.autoscaling.create_auto_scaling_group();
            let create = create.auto_scaling_group_name(name).launch_template(template);
            let create =
                create.vpc_zone_identifier(subnets).min_size(0).max_size(1).desired_capacity(0);
            create.send().await.expect("a group by hand");
        }
        Thing::Role => {
            // On the path that a person would use. A name is taken on all of them.
            let create =
                clients.iam.create_role().role_name(name).assume_role_policy_document(TRUST);
            create.send().await.expect("a role by hand");
        }
    }
}

/// An image that moto knows; ministack takes any.
const IMAGE: &str = "ami-03cf127a";

async fn make_launch_template(clients: &Clients, name: &str) {
    let data = RequestLaunchTemplateData::builder().image_id(IMAGE).build();
    let create =
        clients.ec2.create_launch_template().launch_template_name(name).launch_template_data(data);
    create.send().await.expect("a launch template by hand");
}

async fn two_subnets(clients: &Clients) -> Vec<String> {
    let name = Tag::builder().key("Name").value("by hand").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Vpc).tags(name).build();
    let vpc =
        clients.ec2.create_vpc().cidr_block("10.9.0.0/16").tag_specifications(tags).send().await;
    let vpc = vpc.expect("a VPC by hand").vpc.and_then(|it| it.vpc_id).expect("an id");
    let mut subnets = vec![];
    for (range, zone) in [("10.9.0.0/24", "us-east-1a"), ("10.9.1.0/24", "us-east-1b")] {
        let create =
            clients.ec2.create_subnet().vpc_id(&vpc).cidr_block(range).availability_zone(zone);
        let made = create.send().await.expect("a subnet by hand").subnet;
        subnets.push(made.and_then(|it| it.subnet_id).expect("an id"));
    }
    subnets
}

/// All that the endpoint says about it, tags included.
async fn look(clients: &Clients, thing: Thing, name: &str) -> String {
    match thing {
        Thing::Cluster => {
            use aws_sdk_ecs::types::ClusterField::{Settings, Tags};
            let describe =
                clients.ecs.describe_clusters().clusters(name).include(Tags).include(Settings);
            format!("{:?}", describe.send().await.expect("clusters").clusters())
        }
        Thing::LoadBalancer => {
            let described = clients.elbv2.describe_load_balancers().names(name).send().await;
            let described = described.expect("load balancers").load_balancers.unwrap_or_default();
            let arns = described.iter().filter_map(|it| it.load_balancer_arn.clone()).collect();
            let tags = clients
                .elbv2
                .describe_tags()
                .set_resource_arns(Some(arns))
                .send()
                .await
                .expect("tags");
            let listeners = clients.elbv2.describe_listeners();
            let first = described.first().and_then(|it| it.load_balancer_arn.clone());
            let listeners = listeners.set_load_balancer_arn(first).send().await.expect("listeners");
            format!("{described:?} {:?} {:?}", tags.tag_descriptions(), listeners.listeners())
        }
        Thing::LogGroup => {
            let described =
                clients.logs.describe_log_groups().log_group_name_prefix(name).send().await;
            let groups = described.expect("log groups").log_groups.unwrap_or_default();
            let arn =
                groups.first().and_then(LogGroup::arn).unwrap_or_default().trim_end_matches(":*");
            let tags =
                clients.logs.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
            format!("{groups:?} {:?}", tags.tags())
        }
        Thing::LaunchTemplate => {
            let described =
                clients.ec2.describe_launch_templates().launch_template_names(name).send().await;
            format!("{:?}", described.expect("launch templates").launch_templates())
        }
        Thing::AutoScalingGroup => {
            let describe =
                clients.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
            format!("{:?}", describe.send().await.expect("groups").auto_scaling_groups())
        }
        Thing::Role => {
            let role = clients.iam.get_role().role_name(name).send().await.expect("a role");
            let policies = clients.iam.list_attached_role_policies().role_name(name).send().await;
            format!("{:?} {:?}", role.role(), policies.expect("policies").attached_policies())
        }
    }
}

#[test]
fn moto_takes_what_is_made_by_hand() {
    can_be_made(Kind::Moto);
}

#[test]
fn ministack_takes_what_is_made_by_hand() {
    can_be_made(Kind::Ministack);
}

/// Tells a failure of the proofs above from one of their own preparations.
fn can_be_made(kind: Kind) {
    let world = World::start(kind);
    let clients = world.clients(REGION);
    for thing in [
        Thing::Cluster,
        Thing::LoadBalancer,
        Thing::LogGroup,
        Thing::LaunchTemplate,
        Thing::AutoScalingGroup,
        Thing::Role,
    ] {
        let name = format!("by-hand-{thing:?}").to_lowercase();
        world.block_on(make(&clients, thing, &name));
        let looks = world.block_on(look(&clients, thing, &name));
        assert!(looks.contains(&name), "{thing:?} was not made: {looks}");
        assert_eq!(
            world.block_on(look(&clients, thing, &name)),
            looks,
            "{thing:?} never looks the same twice"
        );
    }
}
