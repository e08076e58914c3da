//! What a task's secrets take: each is there, and the execution role may read it.

use serde_json::{Value, json};

use super::tests::{
    cluster, definition, execution_role, network, no, wait, why_not_running, world,
};
use crate::fields::Fields;
use crate::policy::condition::Context;
use crate::world::World;
use crate::{iam, secretsmanager, ssm};

const PARAMETER: &str = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/db";

fn put(world: &mut World, name: &str, key: Option<&str>) {
    let mut parameter = json!({ "Name": name, "Value": "swordfish", "Type": "SecureString" });
    if let Some(key) = key {
        parameter["KeyId"] = json!(key);
    }
    ssm::answer(world, "PutParameter", &parameter).unwrap();
}

fn allow(world: &mut World, statements: &Value) {
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let policy = json!({ "RoleName": "execution", "PolicyName": "p", "PolicyDocument": document });
    iam::answer(world, "PutRolePolicy", &policy).unwrap();
}

fn statement(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

/// Why a task with this secret does not run; nothing when it does.
fn outcome(world: &mut World, network: &Value, from: &str) -> String {
    let mut wanted = definition("nginx", "256", "512");
    wanted["executionRoleArn"] = json!("execution");
    wanted["containerDefinitions"][0]["secrets"] = json!([{ "name": "DB", "valueFrom": from }]);
    why_not_running(world, network, wanted, 120)
}

#[test]
fn a_secret_is_there_and_the_execution_role_may_read_it() {
    let mut world = world();
    cluster(&mut world);
    execution_role(&mut world);
    let network = network(&mut world);
    let why = outcome(&mut world, &network, PARAMETER);
    assert!(why.contains("unable to retrieve secrets from ssm"), "{why}");
    assert!(why.contains("not authorized to perform: ssm:GetParameters on resource"), "{why}");
    allow(&mut world, &json!([statement("ssm:GetParameters", PARAMETER)]));
    let why = outcome(&mut world, &network, PARAMETER);
    assert!(why.contains("invalid parameters: db"), "{why}");
    put(&mut world, "/shop/db", None);
    assert_eq!(outcome(&mut world, &network, PARAMETER), "");
    assert_eq!(outcome(&mut world, &network, "/shop/db"), "", "by its name");
    // Another one is another matter.
    put(&mut world, "/shop/other", None);
    let why = outcome(&mut world, &network, "/shop/other");
    assert!(why.contains("not authorized"), "{why}");
    // A managed policy counts as well.
    let attach = json!({
        "RoleName": "execution", "PolicyArn": "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess",
    });
    iam::answer(&mut world, "AttachRolePolicy", &attach).unwrap();
    wait(&mut world, 20);
    assert_eq!(outcome(&mut world, &network, "/shop/other"), "");
}

#[test]
fn a_policy_counts_some_seconds_after_it_was_put() {
    let mut world = world();
    execution_role(&mut world);
    let may = |world: &World, resource: &str| {
        let role = "arn:aws:iam::123456789012:role/execution";
        iam::allows(world, role, "ssm:GetParameters", resource, &Context::default())
    };
    allow(&mut world, &json!([statement("ssm:GetParameters", "a")]));
    assert!(!may(&world, "a"));
    wait(&mut world, 15);
    assert!(may(&world, "a"));
    allow(&mut world, &json!([statement("ssm:GetParameters", "b")]));
    assert!(may(&world, "a") && !may(&world, "b"), "until then the former one counts");
    wait(&mut world, 15);
    assert!(!may(&world, "a") && may(&world, "b"));
}

#[test]
fn a_json_key_and_a_key_of_the_customers_own_are_asked_for() {
    let mut world = world();
    cluster(&mut world);
    execution_role(&mut world);
    let network = network(&mut world);
    let create = json!({ "Name": "db", "SecretString": "{\"password\":\"swordfish\"}", "KmsKeyId": "alias/own" });
    let made = secretsmanager::answer(&mut world, "CreateSecret", &create).unwrap();
    let arn = made.text("ARN").to_owned();
    let read = statement("secretsmanager:GetSecretValue", &arn);
    allow(&mut world, &json!([read]));
    let whole = format!("{arn}:password::");
    let why = outcome(&mut world, &network, &whole);
    assert!(why.contains("Access to KMS is not allowed"), "{why}");
    let mut decrypt = statement("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/*");
    decrypt["Condition"] =
        json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/own" } });
    allow(&mut world, &json!([read, decrypt]));
    assert_eq!(outcome(&mut world, &network, &whole), "");
    let why = outcome(&mut world, &network, &format!("{arn}:user::"));
    assert!(why.contains("did not contain json key user"), "{why}");
    let gone = json!({ "SecretId": "db", "RecoveryWindowInDays": 7 });
    secretsmanager::answer(&mut world, "DeleteSecret", &gone).unwrap();
    let why = outcome(&mut world, &network, &whole);
    assert!(why.contains("marked deleted"), "{why}");
}

#[test]
fn secrets_want_a_role_and_names_of_their_own() {
    let mut world = world();
    let mut wanted = definition("nginx", "256", "512");
    wanted["containerDefinitions"][0]["secrets"] = json!([{ "name": "DB", "valueFrom": "db" }]);
    let why = no(&mut world, "RegisterTaskDefinition", wanted.clone());
    assert!(why.contains("you must also specify a value for 'executionRoleArn'"), "{why}");
    execution_role(&mut world);
    wanted["executionRoleArn"] = json!("execution");
    wanted["containerDefinitions"][0]["environment"] = json!([{ "name": "DB", "value": "x" }]);
    let why = no(&mut world, "RegisterTaskDefinition", wanted);
    assert!(why.contains("The secret name must be unique"), "{why}");
}
