//! How policies are read and what they decide, rule by rule.

use serde_json::json;

use super::super::fields::Tags;
use super::super::scenario::Scenario;
use super::view::Thing;
use super::*;

/// A policy of one statement that allows `ec2:*` everywhere under a condition.
fn under(condition: &Value) -> Policy {
    let statement = json!({
        "Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition,
    });
    parse(&json!([statement])).unwrap()
}

fn parse(statements: &Value) -> Result<Policy, String> {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::parse(&document.to_string())
}

/// Whether a condition lets a request with these keys pass.
fn passes(condition: &Value, keys: &[(&str, &[&str])]) -> bool {
    let mut context = Context::default();
    for (key, values) in keys {
        context.set(key, values.iter().map(ToString::to_string));
    }
    under(condition).verdict("ec2:CreateVpc", "*", &context) == Verdict::Allowed
}

#[test]
fn texts_are_compared_by_their_operator() {
    let name = |operator: &str, value: &str| json!({ operator: { "aws:RequestTag/name": value } });
    let is: &[(&str, &[&str])] = &[("aws:requesttag/Name", &["web-1"])];
    assert!(passes(&name("StringEquals", "web-1"), is));
    assert!(!passes(&name("StringEquals", "web-*"), is));
    assert!(!passes(&name("StringEquals", "Web-1"), is));
    assert!(passes(&name("StringEqualsIgnoreCase", "Web-1"), is));
    assert!(passes(&name("StringLike", "web-?"), is));
    assert!(passes(&name("StringLike", "*"), is));
    assert!(!passes(&name("StringLike", "db-*"), is));
    assert!(!passes(&name("StringNotEquals", "web-1"), is));
    assert!(passes(&name("StringNotLike", "db-*"), is));
    assert!(passes(
        &json!({ "Bool": { "aws:SecureTransport": true } }),
        &[("aws:SecureTransport", &["true"])]
    ));
}

#[test]
fn a_missing_key_fails_unless_the_operator_says_otherwise() {
    let on = |operator: &str| json!({ operator: { "aws:RequestTag/name": "web" } });
    assert!(!passes(&on("StringEquals"), &[]));
    assert!(!passes(&on("StringLike"), &[]));
    assert!(passes(&on("StringEqualsIfExists"), &[]));
    assert!(!passes(&on("StringEqualsIfExists"), &[("aws:RequestTag/name", &["db"])]));
    assert!(passes(&on("StringNotEquals"), &[]));
    let absent = |value: &str| json!({ "Null": { "aws:RequestTag/name": value } });
    assert!(passes(&absent("true"), &[]));
    assert!(!passes(&absent("false"), &[]));
    assert!(passes(&absent("false"), &[("aws:RequestTag/name", &[""])]));
}

#[test]
fn sets_are_compared_by_their_quantifier() {
    let all = json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["a", "b"] } });
    let any = json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["a", "b"] } });
    assert!(passes(&all, &[("aws:TagKeys", &["a"])]));
    assert!(!passes(&all, &[("aws:TagKeys", &["a", "c"])]));
    assert!(passes(&all, &[]));
    assert!(passes(&any, &[("aws:TagKeys", &["c", "b"])]));
    assert!(!passes(&any, &[("aws:TagKeys", &["c"])]));
    assert!(!passes(&any, &[]));
}

#[test]
fn all_lines_of_a_condition_have_to_hold() {
    let both = json!({
        "StringEquals": { "ec2:CreateAction": ["CreateVpc", "CreateSubnet"] },
        "Null": { "aws:RequestTag/a": "false" },
    });
    assert!(passes(&both, &[("ec2:CreateAction", &["CreateVpc"]), ("aws:RequestTag/a", &["b"])]));
    assert!(!passes(&both, &[("ec2:CreateAction", &["CreateVpc"])]));
    assert!(!passes(
        &both,
        &[("ec2:CreateAction", &["RunInstances"]), ("aws:RequestTag/a", &["b"])]
    ));
}

#[test]
fn stars_in_arns_stay_within_their_part() {
    let arn = "arn:aws:ecs:us-east-1:123456789012:cluster/demo";
    assert!(is_arn_like("*", arn));
    assert!(is_arn_like("arn:aws:ecs:*:*:cluster/*", arn));
    assert!(!is_arn_like("arn:aws:ecs:*:cluster/*", arn));
    assert!(!is_arn_like("arn:aws:ecs:eu-*:*:*", arn));
    let group = "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:0f:autoScalingGroupName/asg-demo";
    assert!(is_arn_like(
        "arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/asg-*",
        group
    ));
    assert!(is_like("a*b*c", "a-b-b-c"));
    assert!(!is_like("a*b", "a-b-c"));
    assert!(is_like("*", ""));
    assert!(!is_like("?", ""));
}

#[test]
fn a_denial_wins_and_actions_ignore_case() {
    let policy = parse(&json!([
        { "Effect": "Allow", "Action": ["EC2:create*"], "Resource": "*" },
        { "Effect": "Deny", "Action": "ec2:CreateVpc", "Resource": "*" },
    ]));
    let policy = policy.unwrap();
    let verdict = |action| policy.verdict(action, "*", &Context::default());
    assert_eq!(verdict("ec2:CreateSubnet"), Verdict::Allowed);
    assert_eq!(verdict("ec2:CreateVpc"), Verdict::Denied);
    assert_eq!(verdict("ec2:DeleteVpc"), Verdict::Unmentioned);
}

#[test]
fn what_is_not_understood_is_an_error() {
    let with = |key: &str, value: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "a:B", "Resource": "*" });
        statement[key] = value;
        parse(&statement).unwrap_err()
    };
    assert!(with("NotAction", json!("a:B")).contains("NotAction"));
    assert!(with("Condition", json!({ "IpAddress": { "k": "v" } })).contains("IpAddress"));
    assert!(with("Effect", json!("Maybe")).contains("Effect"));
    assert!(Policy::parse("{}").is_err());
    assert!(Policy::parse("").is_err());
}

#[test]
fn a_call_is_refused_in_the_words_of_its_service() {
    let world = World::new(1, Scenario::default());
    let none = Policy::default();
    let refusal = |service, operation, input: Value| {
        authorize(&world, &none, service, operation, &input).unwrap_err()
    };
    let ec2 = refusal("ec2", "CreateVpc", json!({}));
    assert_eq!((ec2.code.as_str(), ec2.status), ("UnauthorizedOperation", 403));
    assert_eq!(
        ec2.message,
        "You are not authorized to perform this operation. User: \
         arn:aws:iam::123456789012:user/rehearsal is not authorized to perform: ec2:CreateVpc on \
         resource: arn:aws:ec2:us-east-1:123456789012:vpc/* because no identity-based policy allows \
         the ec2:CreateVpc action"
    );
    let role = refusal("iam", "GetRole", json!({ "RoleName": "web" }));
    assert_eq!((role.code.as_str(), role.status), ("AccessDenied", 403));
    assert!(role.message.contains("iam:GetRole on resource: role web because"), "{role}");
    let ecs = refusal("ecs", "ListClusters", json!({}));
    assert_eq!((ecs.code.as_str(), ecs.status), ("AccessDeniedException", 400));
    assert_eq!(authorize(&world, &none, "sts", "GetCallerIdentity", &json!({})), Ok(()));
}

/// The actions of a call, each with its resources.
fn of(view: &View<'_>, service: &str, operation: &str, input: &Value) -> Vec<String> {
    let all = call::actions(view, service, operation, input);
    let line = |it: &Required| {
        let resources = it.targets.iter().map(|target| target.arn.rsplit(':').next().unwrap_or(""));
        format!("{} {}", it.action, resources.collect::<Vec<_>>().join(" "))
    };
    all.iter().map(line).collect()
}

#[test]
fn a_call_takes_what_it_does_besides() {
    let view = View::unknown("us-east-1");
    let tags = json!([{ "Key": "a", "Value": "b" }]);
    let born = json!([{ "ResourceType": "subnet", "Tags": tags }]);
    let subnet = json!({ "VpcId": "vpc-1", "TagSpecifications": born });
    assert_eq!(
        of(&view, "ec2", "CreateSubnet", &subnet),
        ["ec2:CreateSubnet subnet/* vpc/vpc-1", "ec2:CreateTags subnet/*"]
    );
    assert_eq!(
        of(&view, "ec2", "CreateSubnet", &json!({ "VpcId": "vpc-1" })),
        ["ec2:CreateSubnet subnet/* vpc/vpc-1"]
    );
    let service = json!({
        "cluster": "arn:aws:ecs:us-east-1:1:cluster/one", "serviceName": "web", "tags": [{ "key": "a" }],
    });
    assert_eq!(
        of(&view, "ecs", "CreateService", &service),
        ["ecs:CreateService service/one/web", "ecs:TagResource service/one/web"]
    );
    let family = json!({ "family": "web", "taskRoleArn": "arn:aws:iam::1:role/x/task" });
    assert_eq!(
        of(&view, "ecs", "RegisterTaskDefinition", &family),
        ["ecs:RegisterTaskDefinition *", "iam:PassRole role/x/task"]
    );
    let zone = json!({ "VPC": { "VPCId": "vpc-1" } });
    assert_eq!(
        of(&view, "route53", "CreateHostedZone", &zone),
        ["route53:CreateHostedZone *", "ec2:DescribeVpcs *"]
    );
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/lb/1";
    assert_eq!(
        of(
            &view,
            "elasticloadbalancing",
            "CreateListener",
            &json!({
                "LoadBalancerArn": balancer, "Tags": tags,
            })
        ),
        [
            "elasticloadbalancing:CreateListener loadbalancer/app/lb/1",
            "elasticloadbalancing:AddTags listener/app/lb/1/*",
        ]
    );
}

#[test]
fn a_group_takes_what_its_template_launches() {
    let born = json!([{ "ResourceType": "instance", "Tags": [{ "Key": "a", "Value": "b" }] }]);
    let data = json!({
        "ImageId": "ami-1",
        "SecurityGroupIds": ["sg-1"],
        "IamInstanceProfile": { "Name": "profile" },
        "TagSpecifications": born,
    });
    let view = View {
        template: Box::new(move |id, version| {
            (id == "lt-1" && version == "2").then(|| data.clone())
        }),
        role_of_profile: Box::new(|_| Some("arn:aws:iam::1:role/instance".to_owned())),
        scaling_lacks_role: true,
        ..View::unknown("us-east-1")
    };
    let group = json!({
        "AutoScalingGroupName": "asg",
        "VPCZoneIdentifier": "subnet-1, subnet-2",
        "LaunchTemplate": { "LaunchTemplateId": "lt-1", "Version": "2" },
    });
    assert_eq!(
        of(&view, "autoscaling", "CreateAutoScalingGroup", &group),
        [
            "autoscaling:CreateAutoScalingGroup autoScalingGroupName/asg",
            "iam:CreateServiceLinkedRole \
             role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            "ec2:RunInstances subnet/subnet-1 subnet/subnet-2 launch-template/lt-1 \
             security-group/sg-1 image/ami-1 instance/* volume/* network-interface/*",
            "ec2:CreateTags instance/*",
            "iam:PassRole role/instance",
        ]
    );
}

#[test]
fn tags_of_what_is_there_count_and_of_what_is_gone_only_in_doubt() {
    let condition = json!({ "StringEquals": { "aws:ResourceTag/ecsup:stack": "demo" } });
    let policy = under(&condition);
    let view = |stack: &str| {
        let tags = Tags::from([("ecsup:stack".to_owned(), stack.to_owned())]);
        let things = vec![Thing { service: "ec2", id: "vpc-1".to_owned(), tags }];
        View { things, ..View::unknown("us-east-1") }
    };
    let refused = |view: &View<'_>, id: &str, strict| {
        let required = call::actions(view, "ec2", "DeleteVpc", &json!({ "VpcId": id }));
        super::refused(&policy, &required, strict).is_some()
    };
    assert!(!refused(&view("demo"), "vpc-1", true));
    assert!(refused(&view("other"), "vpc-1", false));
    assert!(!refused(&view("demo"), "vpc-2", false));
    assert!(refused(&view("demo"), "vpc-2", true));
}

#[test]
fn a_role_that_is_there_is_checked_with_its_path() {
    let arn = "arn:aws:iam::123456789012:role/ecsup/us-east-1/demo/web";
    let things = vec![Thing { service: "iam", id: arn.to_owned(), tags: Tags::new() }];
    let view = View { things, ..View::unknown("us-east-1") };
    let target = |name: &str| {
        let input = json!({ "RoleName": name });
        call::actions(&view, "iam", "GetRole", &input)[0].targets[0].arn.clone()
    };
    assert_eq!(target("web"), arn);
    assert_eq!(target("other"), "arn:aws:iam::123456789012:role/other");
}
