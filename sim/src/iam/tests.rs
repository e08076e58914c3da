use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::scenario::Scenario;
use crate::world::World;

const TRUST_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY_ARN: &str = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";

fn world() -> World {
    let delays = [
        ("iam.visible", 3.0),
        ("iam.lagging", 2.0),
        ("iam.addable", 5.0),
        ("iam.profile-arn", 3.0),
        ("iam.role", 10.0),
        ("iam.trust", 10.0),
        ("iam.policy", 10.0),
        ("iam.profile", 12.0),
        ("iam.profile-role", 20.0),
        ("iam.linked-role", 15.0),
    ];
    let delays = delays.map(|(label, seconds)| (label.to_owned(), seconds..=seconds));
    World::new(1, Scenario { delays: delays.into(), ..Scenario::default() })
}

fn at(world: &mut World, seconds: u64) {
    world.advance(Duration::from_secs(seconds));
}

#[track_caller]
fn refused(world: &mut World, operation: &str, input: Value) -> (String, String, u16) {
    let refusal = answer(world, operation, &input).unwrap_err();
    (refusal.code, refusal.message, refusal.status)
}

#[track_caller]
fn done(world: &mut World, operation: &str, input: Value) -> Value {
    answer(world, operation, &input).unwrap()
}

fn role(world: &mut World) -> String {
    let made = done(
        world,
        "CreateRole",
        json!({
            "Path": "/ecsup/us-east-1/demo/",
            "RoleName": "role-demo",
            "AssumeRolePolicyDocument": TRUST_EC2,
            "Tags": [{ "Key": "Name", "Value": "role-demo" }],
        }),
    );
    made["Role"]["Arn"].as_str().unwrap().to_owned()
}

#[test]
fn a_role_is_found_seconds_later_and_assumable_later_still() {
    let mut world = world();
    let arn = role(&mut world);
    assert_eq!(arn, "arn:aws:iam::123456789012:role/ecsup/us-east-1/demo/role-demo");
    let name = json!({ "RoleName": "role-demo" });
    let unknown = refused(&mut world, "GetRole", name.clone());
    assert_eq!(unknown.0, "NoSuchEntity");
    assert_eq!(unknown.1, "The role with name role-demo cannot be found.");
    assert_eq!(unknown.2, 404);
    let again = json!({ "RoleName": "ROLE-demo", "AssumeRolePolicyDocument": TRUST_EC2 });
    assert_eq!(refused(&mut world, "CreateRole", again).2, 409, "case and path do not matter");

    at(&mut world, 3);
    let got = done(&mut world, "GetRole", name);
    let document = got["Role"]["AssumeRolePolicyDocument"].as_str().unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{document}");
    assert_eq!(got["Role"]["Tags"], json!([{ "Key": "Name", "Value": "role-demo" }]));
    let listed = done(&mut world, "ListRoles", json!({ "PathPrefix": "/ecsup/" }));
    assert_eq!(listed["Roles"].as_array().unwrap().len(), 1);
    assert_eq!(listed["Roles"][0].get("Tags"), None);

    assert!(!is_assumable(&world, &arn, "ec2.amazonaws.com"));
    at(&mut world, 10);
    assert!(is_assumable(&world, &arn, "ec2.amazonaws.com"));
    assert!(!is_assumable(&world, &arn, "ecs-tasks.amazonaws.com"));
    assert!(!is_assumable(&world, "arn:aws:iam::123456789012:role/role-demo", "ec2.amazonaws.com"));
}

#[test]
fn a_changed_trust_counts_later_and_the_former_one_until_then() {
    let mut world = world();
    let arn = role(&mut world);
    at(&mut world, 20);
    let trust = TRUST_EC2.replace("ec2.", "ecs-tasks.");
    let input = json!({ "RoleName": "role-demo", "PolicyDocument": trust });
    done(&mut world, "UpdateAssumeRolePolicy", input);
    assert!(is_assumable(&world, &arn, "ec2.amazonaws.com"));
    at(&mut world, 30);
    assert!(!is_assumable(&world, &arn, "ec2.amazonaws.com"));
    assert!(is_assumable(&world, &arn, "ecs-tasks.amazonaws.com"));
}

#[test]
fn a_trust_for_another_account_or_region_lets_nobody_in() {
    let trust = |account: &str, region: &str| {
        let arn = format!("arn:aws:ecs:{region}:{account}:*");
        json!({ "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": { "aws:SourceArn": arn },
            },
        }] })
        .to_string()
    };
    let trusts = |trust: String| document::trusts(&trust, "ecs-tasks.amazonaws.com", "us-east-1");
    assert!(trusts(trust("123456789012", "us-east-1")));
    assert!(!trusts(trust("123456789012", "eu-west-1")));
    assert!(!trusts(trust("999999999999", "us-east-1")));
}

#[test]
fn malformed_policies_are_refused() {
    let mut world = world();
    for (document, message) in [
        ("no json", "This policy contains invalid Json"),
        (r#"{"Version":"2012-10-17"}"#, "Syntax errors in policy."),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#,
            "Missing required field Principal",
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"tagging.amazonaws.com"}}]}"#,
            "Invalid principal in policy: \"SERVICE\":\"tagging.amazonaws.com\"",
        ),
    ] {
        let input = json!({ "RoleName": "r", "AssumeRolePolicyDocument": document });
        let refusal = refused(&mut world, "CreateRole", input);
        assert_eq!((refusal.0.as_str(), refusal.1.as_str()), ("MalformedPolicyDocument", message));
    }
}

#[test]
fn a_profile_counts_from_when_its_role_was_added() {
    let mut world = world();
    role(&mut world);
    let profile = json!({ "InstanceProfileName": "profile-demo", "Path": "/ecsup/" });
    done(&mut world, "CreateInstanceProfile", profile);
    at(&mut world, 4);
    let add = json!({ "InstanceProfileName": "profile-demo", "RoleName": "role-demo" });
    let refusal = refused(&mut world, "AddRoleToInstanceProfile", add.clone());
    assert!(refusal.0 == "NoSuchEntity" && refusal.1.starts_with("The role with name"));
    at(&mut world, 5);
    done(&mut world, "AddRoleToInstanceProfile", add.clone());
    let refusal = refused(&mut world, "AddRoleToInstanceProfile", add);
    assert_eq!((refusal.0.as_str(), refusal.2), ("LimitExceeded", 409));
    let arn = "arn:aws:iam::123456789012:instance-profile/ecsup/profile-demo";
    at(&mut world, 11);
    assert_eq!(seen_profile(&world, "profile-demo"), SeenProfile::Unknown);
    at(&mut world, 24);
    assert_eq!(seen_profile(&world, "profile-demo"), SeenProfile::WithoutRole(arn.to_owned()));
    at(&mut world, 25);
    assert_eq!(seen_profile(&world, "profile-demo"), SeenProfile::Whole);
    assert_eq!(seen_profile(&world, arn), SeenProfile::Whole);
    let without_path = "arn:aws:iam::123456789012:instance-profile/profile-demo";
    assert_eq!(seen_profile(&world, without_path), SeenProfile::Unknown);
    assert!(role_of_profile(&world, "profile-demo").unwrap().ends_with("/demo/role-demo"));
}

#[test]
fn an_attached_policy_counts_later_and_must_be_one_of_aws() {
    let mut world = world();
    let arn = role(&mut world);
    at(&mut world, 5);
    let policy = |arn: &str| json!({ "RoleName": "role-demo", "PolicyArn": arn });
    // Without its path, and one that sounds well.
    for wrong in ["AmazonEC2ContainerServiceforEC2Role", "AmazonEverythingFullAccess"] {
        let wrong = format!("arn:aws:iam::aws:policy/{wrong}");
        assert_eq!(refused(&mut world, "AttachRolePolicy", policy(&wrong)).0, "NoSuchEntity");
        assert_eq!(refused(&mut world, "GetPolicy", policy(&wrong)).0, "NoSuchEntity");
    }
    done(&mut world, "AttachRolePolicy", policy(POLICY_ARN));
    let known = done(&mut world, "GetPolicy", policy(POLICY_ARN))["Policy"].clone();
    assert_eq!((&known["Path"], &known["AttachmentCount"]), (&json!("/service-role/"), &json!(1)));
    assert!(!has_policy(&world, &arn, "AmazonEC2ContainerServiceforEC2Role"));
    at(&mut world, 15);
    assert!(has_policy(&world, &arn, "AmazonEC2ContainerServiceforEC2Role"));
    assert!(ids(&world).contains(&"role-demo/AmazonEC2ContainerServiceforEC2Role".to_owned()));
}

#[test]
fn things_go_in_the_right_order_only() {
    let mut world = world();
    role(&mut world);
    let profile = json!({ "InstanceProfileName": "profile-demo" });
    done(&mut world, "CreateInstanceProfile", profile.clone());
    at(&mut world, 5);
    let both = json!({ "InstanceProfileName": "profile-demo", "RoleName": "role-demo" });
    done(&mut world, "AddRoleToInstanceProfile", both.clone());
    let policy = json!({ "RoleName": "role-demo", "PolicyArn": POLICY_ARN });
    done(&mut world, "AttachRolePolicy", policy.clone());
    let document = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let inline = json!({ "RoleName": "role-demo", "PolicyName": "p", "PolicyDocument": document });
    done(&mut world, "PutRolePolicy", inline);

    let role = json!({ "RoleName": "role-demo" });
    let conflict = |world: &mut World, operation: &str, input: &Value| {
        let refusal = refused(world, operation, input.clone());
        assert_eq!((refusal.0.as_str(), refusal.2), ("DeleteConflict", 409));
        refusal.1
    };
    let first = conflict(&mut world, "DeleteInstanceProfile", &profile);
    assert_eq!(first, "Cannot delete entity, must remove roles from instance profile first.");
    assert_eq!(conflict(&mut world, "DeleteRole", &role), first);
    done(&mut world, "RemoveRoleFromInstanceProfile", both);
    assert!(conflict(&mut world, "DeleteRole", &role).contains("must detach all policies"));
    done(&mut world, "DetachRolePolicy", policy);
    assert!(conflict(&mut world, "DeleteRole", &role).contains("must delete policies"));
    let inline = json!({ "RoleName": "role-demo", "PolicyName": "p" });
    done(&mut world, "DeleteRolePolicy", inline);
    done(&mut world, "DeleteRole", role);
    done(&mut world, "DeleteInstanceProfile", profile);
    assert_eq!(ids(&world), ids(&self::world()), "the service-linked roles stay");
}

#[test]
fn a_fresh_account_gets_its_linked_roles_too_late() {
    let mut world = world();
    let service = "ecs.amazonaws.com";
    assert_eq!(linked_role(&world, service), LinkedRole::Usable);
    let create = json!({ "AWSServiceName": service });
    let refusal = refused(&mut world, "CreateServiceLinkedRole", create.clone());
    assert_eq!(refusal.0, "InvalidInput");
    assert!(refusal.1.contains("has been taken in this account"));

    let delays = [("iam.linked-role".to_owned(), 15.0..=15.0)].into();
    let scenario = Scenario { fresh_account: true, delays, ..Scenario::default() };
    let mut world = World::new(1, scenario);
    assert_eq!(linked_role(&world, service), LinkedRole::Missing);
    make_linked_role(&mut world, service);
    assert_eq!(linked_role(&world, service), LinkedRole::Fresh);
    at(&mut world, 15);
    assert_eq!(linked_role(&world, service), LinkedRole::Usable);
    let listed = done(&mut world, "ListRoles", json!({ "PathPrefix": "/aws-service-role/" }));
    assert_eq!(listed["Roles"][0]["Path"], "/aws-service-role/ecs.amazonaws.com/");
    let delete = json!({ "RoleName": "AWSServiceRoleForECS" });
    assert_eq!(refused(&mut world, "DeleteRole", delete).0, "UnmodifiableEntity");
}

#[test]
fn listings_come_in_pages() {
    let mut world = world();
    let all = done(&mut world, "ListRoles", json!({}))["Roles"].as_array().unwrap().len();
    let first = done(&mut world, "ListRoles", json!({ "MaxItems": all - 1 }));
    assert_eq!(first["IsTruncated"], true);
    let rest = json!({ "MaxItems": 2, "Marker": first["Marker"] });
    let rest = done(&mut world, "ListRoles", rest);
    assert_eq!(rest["Roles"].as_array().unwrap().len(), 1);
    assert_eq!(rest["IsTruncated"], false);
}

#[test]
fn a_change_and_an_end_are_seen_a_moment_later() {
    let mut world = world();
    role(&mut world);
    at(&mut world, 5);
    let name = json!({ "RoleName": "role-demo" });
    let tag = json!({ "RoleName": "role-demo", "Tags": [{ "Key": "a", "Value": "b" }] });
    done(&mut world, "TagRole", tag);
    let tags = |world: &mut World| {
        let shown = done(world, "ListRoleTags", json!({ "RoleName": "role-demo" }));
        shown["Tags"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(tags(&mut world), 1);
    at(&mut world, 7);
    assert_eq!(tags(&mut world), 2);
    let profile = json!({ "InstanceProfileName": "p", "RoleName": "role-demo" });
    done(&mut world, "CreateInstanceProfile", json!({ "InstanceProfileName": "p" }));
    at(&mut world, 12);
    done(&mut world, "AddRoleToInstanceProfile", profile.clone());
    let holds = |world: &mut World| {
        let shown = done(world, "GetInstanceProfile", json!({ "InstanceProfileName": "p" }));
        shown["InstanceProfile"]["Roles"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(holds(&mut world), 0);
    // It is in there all the same.
    let conflict = refused(&mut world, "AddRoleToInstanceProfile", profile.clone());
    assert_eq!(conflict.0, "LimitExceeded");
    at(&mut world, 14);
    assert_eq!(holds(&mut world), 1);
    done(&mut world, "RemoveRoleFromInstanceProfile", profile);
    at(&mut world, 20);
    done(&mut world, "DeleteRole", name.clone());
    assert_eq!(done(&mut world, "GetRole", name.clone())["Role"]["RoleName"], "role-demo");
    assert_eq!(refused(&mut world, "DeleteRole", name.clone()).0, "NoSuchEntity");
    at(&mut world, 22);
    assert_eq!(refused(&mut world, "GetRole", name).0, "NoSuchEntity");
}

#[test]
fn what_an_identity_may_do_can_be_simulated() {
    let mut world = World::new(1, Scenario::default());
    let caller = world.caller();
    let mut ask = |policy: Option<&str>, entries: Value| {
        world.policy = policy.map(|it| Policy::parse(it).unwrap());
        let input = json!({
            "PolicySourceArn": caller,
            "ActionNames": ["ec2:CreateVpc"],
            "ResourceArns": ["arn:aws:ec2:us-east-1:123456789012:vpc/*"],
            "ContextEntries": entries,
        });
        let answer = answer(&mut world, "SimulatePrincipalPolicy", &input).unwrap();
        let it = answer["EvaluationResults"][0]["ResourceSpecificResults"][0].clone();
        (it["EvalResourceDecision"].clone(), it["MissingContextValues"].clone())
    };
    assert_eq!(ask(None, json!([])), (json!("allowed"), json!([])));
    let policy = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "ec2:Create*",
        "Resource": "arn:aws:ec2:*:*:vpc/*",
        "Condition": { "StringEquals": { "aws:RequestTag/team": "a" } } } }"#;
    let lacking = json!(["aws:requesttag/team"]);
    assert_eq!(ask(Some(policy), json!([])), (json!("implicitDeny"), lacking));
    let entry = |value: &str| {
        json!([{ "ContextKeyName": "aws:RequestTag/team", "ContextKeyValues": [value],
            "ContextKeyType": "string" }])
    };
    assert_eq!(ask(Some(policy), entry("a")), (json!("allowed"), json!([])));
    assert_eq!(ask(Some(policy), entry("b")), (json!("implicitDeny"), json!([])));
    let deny = policy.replace("Allow", "Deny");
    assert_eq!(ask(Some(&deny), entry("a")).0, "explicitDeny");

    let session = json!({
        "PolicySourceArn": "arn:aws:sts::123456789012:assumed-role/dev/ann",
        "ActionNames": ["ec2:CreateVpc"],
    });
    let refused = answer(&mut world, "SimulatePrincipalPolicy", &session).unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
}
