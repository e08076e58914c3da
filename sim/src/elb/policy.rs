//! Calls of load balancing. What some of them look up in the caller's name is in the Elastic Load
//! Balancing guide, "Elastic Load Balancing API permissions".

use crate::fields::Fields;
use crate::iam::policy::make_missing;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// The actions of EC2 that calls are checked for besides, each for everything.
const LOOKED_UP: &[(&str, &[&str])] = &[
    (
        "CreateLoadBalancer",
        &[
            "DescribeAccountAttributes",
            "DescribeAddresses",
            "DescribeInternetGateways",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcs",
        ],
    ),
    ("CreateTargetGroup", &["DescribeInternetGateways", "DescribeVpcs"]),
    (
        "RegisterTargets",
        &["DescribeInstances", "DescribeInternetGateways", "DescribeSubnets", "DescribeVpcs"],
    ),
    ("SetSubnets", &["DescribeSubnets"]),
];

/// Calls with which Elastic Load Balancing makes its own role, when there is none yet.
const MAKE_THE_ROLE: [&str; 2] = ["CreateLoadBalancer", "CreateTargetGroup"];

/// What a call of load balancing takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let looked_up = LOOKED_UP.iter().find(|(operation, _)| *operation == call.operation);
    let looked_up = looked_up.into_iter().flat_map(|(_, actions)| *actions);
    let looked_up = looked_up.map(|it| Required::new(format!("ec2:{it}"), [Target::any()]));
    let makes_role = MAKE_THE_ROLE.contains(&call.operation);
    let role = make_missing(call.view, &super::LINKED).filter(|_| makes_role);
    own_actions(call).into_iter().chain(looked_up).chain(role).collect()
}

/// The actions of load balancing itself.
fn own_actions(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let tags = input.tags("Tags");
    let add_tags = |arn: String| {
        let made = vec![Target::new(arn, tags.clone())];
        Required::tagging("elasticloadbalancing:AddTags", call.operation, made)
    };
    let create = |resource: String| {
        let arn = call.arn(&resource);
        let made = call.own([Target::new(arn.clone(), tags.clone())]);
        [made].into_iter().chain(add_tags(arn)).collect()
    };
    // What is made in something is checked for that, and its tags for what is made.
    let create_in = |arn: &str, is: &str, makes: &str| {
        let made = arn.replacen(&format!(":{is}/"), &format!(":{makes}/"), 1);
        let own = call.own([call.existing_arn(arn).tagged(tags.clone())]);
        [own].into_iter().chain(add_tags(format!("{made}/*"))).collect()
    };
    match call.operation {
        _ if call.looks() => vec![call.own([Target::any()])],
        "CreateLoadBalancer" => {
            let kind = if input.text("Type") == "network" { "net" } else { "app" };
            create(format!("loadbalancer/{kind}/{}/*", input.text("Name")))
        }
        "CreateTargetGroup" => create(format!("targetgroup/{}/*", input.text("Name"))),
        "CreateListener" => create_in(input.text("LoadBalancerArn"), "loadbalancer", "listener"),
        "CreateRule" => create_in(input.text("ListenerArn"), "listener", "listener-rule"),
        "AddTags" | "RemoveTags" => {
            let all = input.texts("ResourceArns");
            vec![call.own(all.iter().map(|arn| call.existing_arn(arn).tagged(tags.clone())))]
        }
        "SetRulePriorities" => {
            let rules = input.list("RulePriorities").iter();
            vec![call.own(rules.map(|rule| call.existing_arn(rule.text("RuleArn"))))]
        }
        _ => {
            let members = ["RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
            let arn = members.iter().find_map(|member| input.some_text(member));
            vec![call.own([arn.map_or_else(Target::any, |arn| call.existing_arn(arn))])]
        }
    }
}
