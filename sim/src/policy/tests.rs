//! How policies are read and what they decide, rule by rule.

use serde_json::json;

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
