//! The policies word for word, and what IAM would say about their form.

use std::collections::BTreeSet;

use super::*;
use crate::names::StackName;

const PARTS: [Part; 3] = Part::WHOLE;
const ALL: [Pattern; 3] = [Pattern::InternalWorker, Pattern::PublicApi, Pattern::FargateApi];

fn actions(document: &Document) -> BTreeSet<&'static str> {
    document.statement.iter().flat_map(|statement| statement.action.iter().copied()).collect()
}

fn stack(name: &str) -> StackName {
    name.parse().unwrap()
}

#[test]
fn what_certificates_take_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    insta::assert_snapshot!(policy(&ALL, &[Part::Https], &bounds).to_json());
    let whole = actions(&policy(&ALL, &PARTS, &bounds));
    assert!(actions(&policy(&ALL, &[Part::Https], &bounds)).is_disjoint(&whole));
}

#[test]
fn internal_worker() {
    let bounds = Bounds::new(None, None, None);
    insta::assert_snapshot!(policy(&[Pattern::InternalWorker], &PARTS, &bounds).to_json());
}

#[test]
fn public_api() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), None);
    insta::assert_snapshot!(policy(&[Pattern::PublicApi], &PARTS, &bounds).to_json());
}

#[test]
fn fargate_api() {
    let bounds = Bounds::new(Some("eu-west-1"), None, Some(stack("demo")));
    insta::assert_snapshot!(policy(&[Pattern::FargateApi], &PARTS, &bounds).to_json());
}

#[test]
fn each_part_is_short_enough_for_a_managed_policy() {
    // The longest that partitions, regions and stack names are.
    let bounds =
        Bounds::new(Some("us-gov-west-1"), Some("123456789012"), Some(stack(&"x".repeat(64))));
    for part in Part::value_variants().iter().copied() {
        let characters = policy(&ALL, &[part], &bounds).characters();
        assert!(characters <= MANAGED_POLICY_LIMIT, "{part:?} has {characters} characters");
    }
}

/// As many subnets as tasks may be in, and nothing of a network but what is put into it.
#[test]
fn what_an_existing_network_takes_is_a_part_of_its_own() {
    let network = crate::spec::ExistingNetwork {
        vpc: "vpc-0a1b2c3d4e5f60718".to_owned(),
        public: BTreeSet::new(),
        private: (0..16).map(|at| format!("subnet-{at:017x}")).collect(),
    };
    let bounds =
        Bounds::new(Some("us-gov-west-1"), Some("123456789012"), Some(stack(&"x".repeat(64))));
    let bounds = bounds.with_existing_network(network);
    let part = policy(&ALL, &[Part::ExistingNetwork], &bounds);
    assert!(part.characters() <= MANAGED_POLICY_LIMIT, "{} characters", part.characters());
    assert_eq!(actions(&part), BTreeSet::from(["ec2:CreateSecurityGroup", "ec2:RunInstances"]));
    let own = actions(&policy(&ALL, &PARTS, &Bounds::new(None, None, None)));
    let among_others = actions(&policy(&ALL, &PARTS, &bounds));
    assert!(among_others.is_subset(&own));
    let gone: Vec<_> = own.difference(&among_others).copied().collect();
    insta::assert_snapshot!(gone.join(" "), @"ec2:AllocateAddress ec2:AssociateRouteTable ec2:AttachInternetGateway ec2:CreateInternetGateway ec2:CreateNatGateway ec2:CreateRoute ec2:CreateRouteTable ec2:CreateSubnet ec2:CreateVpc ec2:CreateVpcEndpoint ec2:DeleteInternetGateway ec2:DeleteNatGateway ec2:DeleteRoute ec2:DeleteRouteTable ec2:DeleteSubnet ec2:DeleteVpc ec2:DeleteVpcEndpoints ec2:DetachInternetGateway ec2:DisassociateRouteTable ec2:ModifySubnetAttribute ec2:ModifyVpcAttribute ec2:ModifyVpcEndpoint ec2:ReleaseAddress ec2:ReplaceRoute ec2:ReplaceRouteTableAssociation");
}

#[test]
fn the_whole_is_short_enough_for_a_role() {
    for region in [None, Some("ap-northeast-3"), Some("us-gov-west-1")] {
        let bounds = Bounds::new(region, None, None);
        let characters = policy(&ALL, &PARTS, &bounds).characters();
        assert!(characters <= ROLE_POLICIES_LIMIT, "{region:?} takes {characters} characters");
    }
}

#[test]
fn the_parts_make_the_whole() {
    let bounds = Bounds::new(None, None, None);
    let parts = PARTS.map(|part| policy(&ALL, &[part], &bounds));
    let parts: BTreeSet<_> = parts.iter().flat_map(actions).collect();
    assert_eq!(parts, actions(&policy(&ALL, &PARTS, &bounds)));
}

/// Most stacks have none, and the whole has no room for it.
#[test]
fn what_endpoints_take_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    let part = policy(&ALL, &[Part::Endpoints], &bounds);
    assert_eq!(actions(&part), ["ec2:DescribeVpcEndpointServices"].into());
    assert!(actions(&part).is_disjoint(&actions(&policy(&ALL, &PARTS, &bounds))));
}

/// Of what containers write the policy of a deployer says nothing.
#[test]
fn what_containers_write_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    insta::assert_snapshot!(policy(&ALL, &[Part::Logs], &bounds).to_json());
    let whole = actions(&policy(&ALL, &PARTS, &bounds));
    assert!(actions(&policy(&ALL, &[Part::Logs], &bounds)).is_disjoint(&whole));
}

/// Whoever may run a command in a task may do whatever its program may.
#[test]
fn what_commands_in_tasks_take_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    insta::assert_snapshot!(policy(&ALL, &[Part::Exec], &bounds).to_json());
    let whole = actions(&policy(&ALL, &PARTS, &bounds));
    assert!(actions(&policy(&ALL, &[Part::Exec], &bounds)).is_disjoint(&whole));
}

/// Whoever may register a revision and run it may run anything with the roles of the stack.
#[test]
fn what_a_probe_takes_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    insta::assert_snapshot!(policy(&ALL, &[Part::Verify], &bounds).to_json());
}

/// Whoever may say what a role may do can let it do anything.
#[test]
fn what_secrets_and_task_roles_take_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    let bounds = bounds.with_boundary("arn:aws:iam::123456789012:policy/boundary".to_owned());
    insta::assert_snapshot!(policy(&ALL, &[Part::Secrets], &bounds).to_json());
    let whole = actions(&policy(&ALL, &PARTS, &bounds));
    let both: Vec<_> =
        whole.intersection(&actions(&policy(&ALL, &[Part::Secrets], &bounds))).copied().collect();
    // Within bounds that are their own.
    assert_eq!(both, ["iam:AttachRolePolicy", "ssm:GetParameters"]);
}

/// Where nothing scales, nobody needs it.
#[test]
fn what_scaling_takes_is_a_part_of_its_own() {
    let bounds = Bounds::new(Some("eu-west-1"), Some("123456789012"), Some(stack("demo")));
    insta::assert_snapshot!(policy(&ALL, &[Part::Scaling], &bounds).to_json());
    let whole = actions(&policy(&ALL, &PARTS, &bounds));
    let common: Vec<_> =
        actions(&policy(&ALL, &[Part::Scaling], &bounds)).intersection(&whole).copied().collect();
    assert_eq!(common, ["iam:CreateServiceLinkedRole"]);
}

#[test]
fn fargate_needs_less_than_instances() {
    let bounds = Bounds::new(None, None, None);
    let all = actions(&policy(&[Pattern::PublicApi], &PARTS, &bounds));
    let fewer = actions(&policy(&[Pattern::FargateApi], &PARTS, &bounds));
    assert!(fewer.is_subset(&all));
    for action in ["ec2:RunInstances", "autoscaling:CreateAutoScalingGroup"] {
        assert!(all.contains(action) && !fewer.contains(action), "{action}");
    }
    assert_eq!(all, actions(&policy(&ALL, &PARTS, &bounds)));
}

#[test]
fn only_what_aws_cannot_narrow_is_for_everything() {
    for statement in policy(&ALL, &PARTS, &Bounds::new(None, None, None)).statement {
        assert!(statement.action.iter().all(|action| !action.contains('*')));
        let of_stack = format!("{:?}", statement.condition).contains("aws:ResourceTag");
        if statement.resource == ["*"] && !of_stack {
            for action in statement.action {
                let (_, name) = action.split_once(':').unwrap();
                let looks = ["Describe", "Get", "List", "Simulate"]
                    .iter()
                    .any(|verb| name.starts_with(verb));
                let known = [
                    "ecs:DeregisterTaskDefinition",
                    "ecs:RegisterTaskDefinition",
                    "ecs:TagResource",
                    "route53:CreateHostedZone",
                ];
                assert!(looks || known.contains(&action), "{action}");
            }
        }
    }
}

#[test]
fn looking_changes_nothing() {
    for permission in permissions(&ALL, &[Part::Read, Part::Logs]) {
        let uses_it = permission.with.is_some() || permission.uses == [Use::Read];
        assert!(uses_it, "{}", permission.action);
        let (_, name) = permission.action.split_once(':').unwrap();
        let verbs = ["Describe", "List", "Get", "Filter", "Simulate"];
        let looks = verbs.iter().any(|verb| name.starts_with(verb));
        assert!(looks, "{}", permission.action);
    }
}

#[test]
fn names_are_bounded_as_they_begin() {
    use crate::names::Names;
    let names = Names::new("Demo".parse().unwrap(), "eu-west-1");
    let text = policy(&ALL, &PARTS, &Bounds::new(Some("eu-west-1"), None, None)).to_json();
    let service = "web".parse().unwrap();
    for (kind, name) in [
        ("cluster/", names.cluster()),
        ("capacity-provider/", names.capacity_provider()),
        ("autoScalingGroupName/", names.auto_scaling_group()),
        ("loadbalancer/app/", names.load_balancer()),
        ("targetgroup/", names.target_group(&service)),
    ] {
        let (beginning, _) = name.split_once('-').unwrap();
        assert!(text.contains(&format!("{kind}{beginning}-*")), "{name}");
    }
    assert!(names.role("instance").starts_with("role-eu-west-1-"));
    assert!(names.instance_profile().starts_with("profile-eu-west-1-"));
    assert!(text.contains("role/role-eu-west-1-*"));
    assert!(text.contains("instance-profile/profile-eu-west-1-*"));
}
