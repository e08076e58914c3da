use super::*;
use crate::scenario::Scenario;

fn world() -> World {
    World::new(1, Scenario::default())
}

fn ok(world: &mut World, operation: &str, input: Value) -> Value {
    answer(world, operation, &input).unwrap_or_else(|why| panic!("{operation}: {why}"))
}

fn no(world: &mut World, operation: &str, input: Value) -> String {
    match answer(world, operation, &input) {
        Ok(answer) => panic!("{operation} should be refused: {answer}"),
        Err(why) => why.code,
    }
}

#[test]
fn a_secret_is_found_by_its_name_and_by_its_arn_with_or_without_its_end() {
    let mut world = world();
    let made = ok(&mut world, "CreateSecret", json!({ "Name": "shop/db", "SecretString": "s" }));
    let arn = made.text("ARN").to_owned();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-"));
    for id in ["shop/db", &arn, &arn[..arn.len() - 7]] {
        let described = ok(&mut world, "DescribeSecret", json!({ "SecretId": id }));
        assert_eq!(described.text("ARN"), arn, "{id}");
        assert!(described.get("SecretString").is_none() && described.get("KmsKeyId").is_none());
    }
    let unknown = json!({ "SecretId": "shop" });
    assert_eq!(no(&mut world, "DescribeSecret", unknown), "ResourceNotFoundException");
}

#[test]
fn one_that_is_going_can_be_described_and_not_read_and_its_name_is_taken() {
    let mut world = world();
    let create = json!({ "Name": "db", "SecretString": "s", "KmsKeyId": "alias/own" });
    ok(&mut world, "CreateSecret", create.clone());
    let id = json!({ "SecretId": "db" });
    assert_eq!(no(&mut world, "CreateSecret", create.clone()), "ResourceExistsException");
    ok(&mut world, "DeleteSecret", json!({ "SecretId": "db", "RecoveryWindowInDays": 7 }));
    let described = ok(&mut world, "DescribeSecret", id.clone());
    assert!(described.get("DeletedDate").is_some());
    assert_eq!(described.text("KmsKeyId"), "alias/own");
    assert_eq!(no(&mut world, "GetSecretValue", id.clone()), "InvalidRequestException");
    assert_eq!(no(&mut world, "CreateSecret", create), "InvalidRequestException");
    ok(&mut world, "RestoreSecret", id.clone());
    ok(&mut world, "PutSecretValue", json!({ "SecretId": "db", "SecretString": "t" }));
    assert_eq!(ok(&mut world, "GetSecretValue", id.clone()).text("SecretString"), "t");
    ok(&mut world, "DeleteSecret", json!({ "SecretId": "db", "ForceDeleteWithoutRecovery": true }));
    assert_eq!(no(&mut world, "DescribeSecret", id), "ResourceNotFoundException");
}
