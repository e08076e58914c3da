//! Secrets and what tasks may do: each service may read what is its own and nothing else, before it needs it
//! and not longer, and nobody here ever sees what a secret is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::faults::{Crash, Faults};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::policy::condition::Context;
use aws_sim::world::World;
use aws_sim::{ecs, iam, secretsmanager, ssm};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use ecsup::spec::{SecretSource, Service, Spec};
use ecsup::wish::{FileFlags, ServiceFlags, Wish};
use serde_json::{Value, json};

use crate::goal::roles::{Roles, of_role, roles};
use crate::manifest::written;
use crate::proofs::{ids, no_defects, nothing_left};
use crate::stage::{done, usual};

const VALUE: &str = "swordfish";
const AT: &str = "us-east-1:123456789012";

/// A service on Fargate that nobody reaches, with what else is said of it.
fn worker(more: &str) -> String {
    format!(
        "stack = \"shop\"\n[service.web]\nrun_on = \"fargate\"\ningress = \"none\"\ncount = 1\nimage = \"web:1\"\n{more}\n"
    )
}

fn put(cloud: &Cloud, name: &str, key: Option<&str>) {
    let mut parameter = json!({ "Name": name, "Value": VALUE, "Type": "SecureString" });
    if let Some(key) = key {
        parameter["KeyId"] = json!(key);
    }
    cloud.world(|world| ssm::answer(world, "PutParameter", &parameter)).expect("it is put");
}

/// Makes a secret, and returns its ARN.
fn create(cloud: &Cloud, name: &str, key: Option<&str>) -> String {
    let value = json!({ "password": VALUE }).to_string();
    let mut secret = json!({ "Name": name, "SecretString": value });
    if let Some(key) = key {
        secret["KmsKeyId"] = json!(key);
    }
    let made = cloud.world(|world| secretsmanager::answer(world, "CreateSecret", &secret));
    made.expect("it is made").text("ARN").to_owned()
}

/// A world with some secrets, which listings show.
async fn with_secrets(seed: u64) -> (Stage, String) {
    let stage = usual(seed);
    stage.cloud.world(|world| world.enter("us-east-1"));
    for name in ["/shop/DB", "/shop/KEY", "/shop/other"] {
        put(&stage.cloud, name, None);
    }
    let arn = create(&stage.cloud, "shop/api", None);
    tokio::time::sleep(Duration::from_secs(5)).await;
    (stage, arn)
}

/// Makes the secrets that a spec takes for granted.
pub async fn make_for(cloud: &Cloud, spec: &Spec) {
    let of_containers = spec.services.iter().flat_map(Service::secrets_of_containers);
    for source in of_containers.flat_map(|(_, secrets)| secrets.values()) {
        match source {
            SecretSource::Parameter(name) => put(cloud, name, None),
            SecretSource::Secret { id, .. } => drop(create(cloud, id, None)),
        }
    }
    // A listing is behind for a moment.
    tokio::time::sleep(Duration::from_secs(5)).await;
}

fn parameter(name: &str) -> String {
    format!("arn:aws:ssm:{AT}:parameter{name}")
}

fn pairs(all: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// What a service is that reads these parameters and nothing else.
fn reading(all: &[(&str, &str)]) -> Roles {
    Roles {
        secrets: all.iter().map(|(name, from)| ((*name).to_owned(), parameter(from))).collect(),
        reads: all
            .iter()
            .map(|(_, from)| ("ssm:GetParameters".to_owned(), parameter(from)))
            .collect(),
        ..Roles::default()
    }
}

fn of_web(cloud: &Cloud) -> Roles {
    cloud.world(|world| roles(world, "shop", "web"))
}

/// Why tasks did not start, of all that have stopped.
fn failed(cloud: &Cloud) -> Vec<String> {
    cloud.world(|world| {
        let stopped = json!({ "cluster": "cluster-shop", "desiredStatus": "STOPPED" });
        let stopped = ecs::answer(world, "ListTasks", &stopped).unwrap_or_default();
        let input = json!({ "cluster": "cluster-shop", "tasks": stopped.texts("taskArns") });
        let tasks = ecs::answer(world, "DescribeTasks", &input).unwrap_or_default();
        let failed =
            tasks.list("tasks").iter().filter(|it| it.text("stopCode") == "TaskFailedToStart");
        failed.map(|it| it.text("stoppedReason").to_owned()).collect()
    })
}

/// Nothing that was asked, answered or said holds a secret, and nothing asked for one.
fn keeps_secrets(calls: &[Record], said: &str) {
    for call in calls {
        let Record { operation, input, answer, .. } = call;
        let shown = format!("{input} {answer:?}");
        assert!(!shown.contains(VALUE), "{operation}: {shown}");
        assert_ne!(operation, "GetSecretValue");
        assert_ne!(input["WithDecryption"], true, "{operation}");
    }
    assert!(!said.contains(VALUE), "{said}");
}

/// Deploys a manifest, and fails the test unless that worked, without a task that could not start, and unless
/// the next deploy is silent.
async fn deploy(stage: &Stage, manifest: &str) -> String {
    let (_folder, path) = written(manifest);
    let words = ["deploy", "--yes", "--file", &path];
    let played = done(stage, &words).await;
    keeps_secrets(&played.calls, &played.said());
    // IAM shows for a moment what was removed.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let again = done(stage, &words).await;
    assert_eq!(again.changes(), [""; 0], "{}", again.said());
    assert_eq!(failed(&stage.cloud), [""; 0]);
    played.said()
}

async fn refused(stage: &Stage, manifest: &str) -> String {
    let (_folder, path) = written(manifest);
    let before = ids(&stage.cloud);
    let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
    assert_eq!(played.exit, Exit::Refused, "{}", played.said());
    assert!(!played.calls.iter().any(Record::changes), "nothing is changed before a refusal");
    assert_eq!(ids(&stage.cloud), before);
    keeps_secrets(&played.calls, &played.said());
    played.said()
}

#[test]
fn secrets_come_change_their_source_and_go() {
    in_virtual_time(1, async || {
        let (stage, secret) = with_secrets(1).await;
        let cloud = &stage.cloud;
        let before = ids(cloud);
        deploy(&stage, &worker("")).await;
        assert_eq!(of_web(cloud), Roles::default());
        deploy(&stage, &worker("secrets = [\"DB\", \"KEY\"]")).await;
        assert_eq!(of_web(cloud), reading(&[("DB", "/shop/DB"), ("KEY", "/shop/KEY")]));
        // Another source for one, and none for the other.
        deploy(&stage, &worker("secrets.DB = \"/shop/other\"")).await;
        assert_eq!(of_web(cloud), reading(&[("DB", "/shop/other")]));
        deploy(&stage, &worker("secrets.DB = \"secretsmanager:shop/api#password\"")).await;
        let from_secret = Roles {
            secrets: BTreeMap::from([("DB".to_owned(), format!("{secret}:password::"))]),
            reads: pairs(&[("secretsmanager:GetSecretValue", &secret)]),
            ..Roles::default()
        };
        assert_eq!(of_web(cloud), from_secret);
        // By its ARN it is the same.
        let (_folder, path) = written(&worker(&format!("secrets.DB = \"{secret}:password::\"")));
        let same = done(&stage, &["deploy", "--yes", "--file", &path]).await;
        assert_eq!(same.changes(), [""; 0], "{}", same.said());
        deploy(&stage, &worker("")).await;
        assert_eq!(of_web(cloud), Roles::default());
        done(&stage, &["destroy", "--yes", "shop"]).await;
        no_defects(cloud).unwrap();
        nothing_left(cloud, &before).unwrap();
    });
}

/// A changed value restarts nothing: tasks have the one that they were started with.
#[test]
fn a_changed_value_is_no_change() {
    in_virtual_time(2, async || {
        let (stage, _) = with_secrets(2).await;
        deploy(&stage, &worker("secrets = [\"DB\"]")).await;
        let change = json!({ "Name": "/shop/DB", "Value": "other", "Overwrite": true });
        stage.cloud.world(|world| ssm::answer(world, "PutParameter", &change)).unwrap();
        let (_folder, path) = written(&worker("secrets = [\"DB\"]"));
        let silent = done(&stage, &["deploy", "--yes", "--file", &path]).await;
        assert_eq!(silent.changes(), [""; 0]);
        let forced = done(&stage, &["deploy", "--yes", "--force", "--file", &path]).await;
        let changes: Vec<_> = forced.changes();
        assert!(changes.contains(&"UpdateService"), "{changes:?}");
    });
}

#[test]
fn what_is_not_there_is_refused_with_how_to_make_it_before_anything_is_made() {
    in_virtual_time(3, async || {
        let (stage, secret) = with_secrets(3).await;
        let gone = json!({ "SecretId": "shop/api", "RecoveryWindowInDays": 7 });
        stage.cloud.world(|world| secretsmanager::answer(world, "DeleteSecret", &gone)).unwrap();
        let said = refused(
            &stage,
            &worker(
                "secrets = { A = \"A\", B = \"/shop/DB\", C = \"secretsmanager:c\", D = \"secretsmanager:shop/api\" }",
            ),
        )
        .await;
        insta::assert_snapshot!(said, @r"
        error: service.web.secrets.A `/shop/A`: is no parameter of us-east-1: make it with `aws ssm put-parameter --region us-east-1 --name /shop/A --type SecureString --value …`
        error: service.web.secrets.C `secretsmanager:c`: is no secret of us-east-1: make it with `aws secretsmanager create-secret --region us-east-1 --name c --secret-string …`
        error: service.web.secrets.D `secretsmanager:shop/api`: is scheduled to be deleted: `aws secretsmanager restore-secret --region us-east-1 --secret-id shop/api` takes that back
        hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
        ");
        let elsewhere = secret.replace("api", "none");
        let said = refused(&stage, &worker(&format!("secrets.A = \"{elsewhere}\""))).await;
        assert!(said.contains("is no secret of us-east-1"), "{said}");
    });
}

/// Whoever may not look is told so, and everything goes on.
#[test]
fn where_nobody_may_look_it_is_said_and_gone_on() {
    in_virtual_time(4, async || {
        let (stage, secret) = with_secrets(4).await;
        let statement = |effect: &str, actions: Value| json!({ "Effect": effect, "Action": actions, "Resource": "*" });
        let denied = json!(["ssm:DescribeParameters", "secretsmanager:DescribeSecret"]);
        let statements = [statement("Allow", json!("*")), statement("Deny", denied)];
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        stage.cloud.set_policy(Policy::parse(&policy.to_string()).unwrap());
        let manifest = worker("secrets = { DB = \"DB\", API = \"secretsmanager:shop/api\" }");
        let said = deploy(&stage, &manifest).await;
        for what in ["look up the parameters of `secrets`", "look up the secrets of `secrets`"] {
            assert!(said.contains(&format!("could not {what}")), "{said}");
        }
        let without_end = &secret[..secret.len() - 7];
        let wanted = Roles {
            secrets: BTreeMap::from([
                ("DB".to_owned(), parameter("/shop/DB")),
                ("API".to_owned(), without_end.to_owned()),
            ]),
            reads: pairs(&[
                ("ssm:GetParameters", &parameter("/shop/DB")),
                ("secretsmanager:GetSecretValue", &format!("{without_end}-??????")),
            ]),
            ..Roles::default()
        };
        assert_eq!(of_web(&stage.cloud), wanted);
    });
}

#[test]
fn each_service_reads_its_own_and_keys_of_the_customers_own_decrypt() {
    in_virtual_time(5, async || {
        let (stage, secret) = with_secrets(5).await;
        let cloud = &stage.cloud;
        put(cloud, "/shop/sealed", Some("alias/shop"));
        let sealed = create(cloud, "sealed", Some("0b1c2d3e-0000-4000-8000-000000000000"));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let api = "[service.api]\nrun_on = \"fargate\"\ningress = \"none\"\ncount = 1\nimage = \"api:1\"\n\
                   secrets = { A = \"/shop/sealed\", B = \"secretsmanager:sealed#password\" }\n";
        let manifest = worker(&format!(
            "secrets = {{ DB = \"DB\", API = \"secretsmanager:shop/api\" }}\n{api}"
        ));
        deploy(&stage, &manifest).await;
        let execution = |service: &str| {
            cloud.world(|world| {
                let input = json!({ "cluster": "cluster-shop", "services": [service] });
                let described = ecs::answer(world, "DescribeServices", &input).unwrap();
                let definition = described["services"][0].text("taskDefinition").to_owned();
                let input = json!({ "taskDefinition": definition });
                let described = ecs::answer(world, "DescribeTaskDefinition", &input).unwrap();
                described["taskDefinition"].text("executionRoleArn").to_owned()
            })
        };
        let (web, api) = (execution("web"), execution("api"));
        let may = |role: &str, action: &str, arn: &str| {
            let arn = arn.to_owned();
            cloud.world(|world: &mut World| {
                iam::allows(world, role, action, &arn, &Context::default())
            })
        };
        let db = parameter("/shop/DB");
        assert!(may(&web, "ssm:GetParameters", &db) && !may(&api, "ssm:GetParameters", &db));
        let read = "secretsmanager:GetSecretValue";
        assert!(may(&web, read, &secret) && !may(&api, read, &secret));
        assert!(may(&api, read, &sealed) && !may(&web, read, &sealed));
        assert!(!may(&web, "ssm:GetParameters", &parameter("/shop/other")));
        assert!(!may(&web, "ssm:GetParametersByPath", &db) && !may(&web, "ssm:PutParameter", &db));
        let key = format!("arn:aws:kms:{AT}:key/0b1c2d3e-0000-4000-8000-000000000000");
        assert!(may(&api, "kms:Decrypt", &key) && !may(&web, "kms:Decrypt", &key));
        // The other key only by its alias.
        let other = format!("arn:aws:kms:{AT}:key/1");
        assert!(!may(&api, "kms:Decrypt", &other));
    });
}

/// What somebody has done to a policy by hand makes new tasks fail, is seen, and is mended.
#[test]
fn a_policy_that_was_changed_by_hand_is_mended() {
    in_virtual_time(6, async || {
        let (stage, _) = with_secrets(6).await;
        let cloud = &stage.cloud;
        let manifest = worker("secrets = [\"DB\"]");
        deploy(&stage, &manifest).await;
        let (_folder, path) = written(&manifest);
        let name = role_of_web(cloud);
        let policy = cloud.world(|world| {
            let listed =
                iam::answer(world, "ListRolePolicies", &json!({ "RoleName": name })).unwrap();
            listed.texts("PolicyNames").remove(0)
        });
        let none = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "ssm:GetParameters", "Resource": parameter("/shop/KEY") },
        ] });
        let input =
            json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": none.to_string() });
        cloud.world(|world| iam::answer(world, "PutRolePolicy", &input)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let forced =
            stage.play(&["deploy", "--yes", "--force", "--no-wait", "--file", &path]).await;
        assert_eq!(forced.exit, Exit::Done, "{}", forced.said());
        assert_eq!(of_web(cloud), reading(&[("DB", "/shop/DB")]), "the drift is mended");

        // And when it is taken away altogether.
        cloud
            .world(|world| {
                iam::answer(
                    world,
                    "DeleteRolePolicy",
                    &json!({ "RoleName": name, "PolicyName": policy }),
                )
            })
            .unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let input =
            json!({ "cluster": "cluster-shop", "service": "web", "forceNewDeployment": true });
        cloud.world(|world| ecs::answer(world, "UpdateService", &input)).unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
        let why = failed(cloud);
        assert!(why.iter().any(|why| why.contains("not authorized")), "{why:?}");
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        assert_eq!(of_web(cloud), reading(&[("DB", "/shop/DB")]));
        let silent = done(&stage, &["plan", "--exit-code", "--file", &path]).await;
        assert_eq!(silent.exit, Exit::Done);
    });
}

fn role_of_web(cloud: &Cloud) -> String {
    cloud.world(|world| {
        let listed = iam::answer(world, "ListRoles", &json!({ "PathPrefix": "/ecsup/" }));
        let listed = listed.expect("a listing");
        let mut roles = listed.list("Roles").iter().map(|it| it.text("RoleName").to_owned());
        roles.find(|name| name.contains("execution")).expect("it has one")
    })
}

/// Brings a stack from one manifest to the other, which dies at a call, if at any. Whatever task ECS starts
/// then may read what it takes: what was taken out of a policy too early, or came too late, would make it fail.
/// Returns the numbers of the calls that change something.
fn changed(from: &str, to: &str, wanted: &Roles, dies: Option<Crash>) -> Vec<usize> {
    in_virtual_time(12, async || {
        let (stage, _) = with_secrets(12).await;
        let cloud = &stage.cloud;
        let (_folder, path) = written(from);
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let (_folder, path) = written(to);
        let words = ["deploy", "--yes", "--file", &path];
        let when = format!("{dies:?}");
        cloud.set_faults(Faults { crash: dies, ..Faults::default() });
        let begun = cloud.count();
        tokio::select! {
            played = stage.play(&words) => assert_eq!(played.exit, Exit::Done, "{}", played.said()),
            () = cloud.crashed() => {}
        }
        let calls = cloud.calls_since(begun);
        cloud.set_faults(Faults::default());
        tokio::time::sleep(Duration::from_secs(20)).await;
        let again =
            json!({ "cluster": "cluster-shop", "service": "web", "forceNewDeployment": true });
        cloud.world(|world| ecs::answer(world, "UpdateService", &again)).expect("a service");
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(failed(cloud), [""; 0], "{when}");
        done(&stage, &words).await;
        assert_eq!(&of_web(cloud), wanted, "{when}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let silent = done(&stage, &words).await;
        assert_eq!(silent.changes(), [""; 0], "{when}");
        (0..).zip(&calls).filter(|(_, call)| call.changes()).map(|(at, _)| at).collect()
    })
}

/// A command dies at each call of a change that changes something, before or after its effect.
fn dies_at_each(from: &str, to: &str, wanted: &Roles) {
    let calls = changed(from, to, wanted, None);
    assert!(calls.len() > 5, "calls {calls:?}");
    for at in calls {
        for after in [false, true] {
            changed(from, to, wanted, Some(Crash { at, after }));
        }
    }
}

#[test]
fn a_command_may_die_at_any_call_that_adds_a_secret() {
    dies_at_each(&worker(""), &worker("secrets = [\"DB\"]"), &reading(&[("DB", "/shop/DB")]));
}

#[test]
fn a_command_may_die_at_any_call_that_removes_a_secret() {
    dies_at_each(&worker("secrets = [\"DB\"]"), &worker(""), &Roles::default());
}

#[test]
fn tasks_have_a_role_of_their_own_or_one_of_somebody() {
    in_virtual_time(7, async || {
        let (stage, _) = with_secrets(7).await;
        let cloud = &stage.cloud;
        let before = ids(cloud);
        let policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        let own = worker(&format!(
            "policies = [\"{policy}\"]\n[[service.web.permissions]]\nactions = [\"sqs:*\"]\n\
             resources = [\"arn:aws:sqs:${{region}}:${{account}}:jobs-*\"]\n\
             condition = {{ StringEquals = {{ \"aws:ResourceTag/team\" = \"a\" }} }}"
        ));
        let said = deploy(&stage, &own).await;
        assert!(!said.contains("${"), "{said}");
        let found = of_web(cloud);
        assert_eq!(found.policies, [policy.to_owned()].into());
        let jobs = format!("arn:aws:sqs:{AT}:jobs-*");
        assert_eq!(found.may, pairs(&[("sqs:*", &jobs)]));
        let role = found.task_role.clone().expect("a role");
        assert!(role.contains(":role/ecsup/us-east-1/shop/"), "{role}");

        // What runs is written as a manifest that changes nothing.
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", "shop", "--file", &other]).await;
        let same = done(&stage, &["plan", "--exit-code", "--file", &other]).await;
        assert_eq!(
            same.exit,
            Exit::Done,
            "{}\n{}",
            same.said(),
            std::fs::read_to_string(&other).unwrap()
        );

        // What somebody has attached to it is not what the file says.
        let attach = json!({
            "RoleName": role.rsplit('/').next(), "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        });
        cloud.world(|world| iam::answer(world, "AttachRolePolicy", &attach)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        deploy(&stage, &own).await;
        assert_eq!(of_web(cloud), found);

        // Fewer, and in the end none.
        let fewer = worker(&format!("policies = [\"{policy}\"]"));
        deploy(&stage, &fewer).await;
        assert_eq!(of_web(cloud).may, pairs(&[]));
        let trust = json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let create = json!({ "RoleName": "theirs", "AssumeRolePolicyDocument": trust.to_string() });
        cloud.world(|world| iam::answer(world, "CreateRole", &create)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let theirs = "arn:aws:iam::123456789012:role/theirs";
        deploy(&stage, &worker(&format!("task_role = \"{theirs}\""))).await;
        assert_eq!(of_web(cloud).task_role.as_deref(), Some(theirs));
        let left = cloud.world(|world| of_role(world, theirs));
        assert_eq!(left, Default::default());
        let gone = refused(&stage, &worker(&format!("task_role = \"{theirs}-not\""))).await;
        assert!(gone.contains("is no role of this account"), "{gone}");
        let policy = "arn:aws:iam::aws:policy/NoSuchPolicy";
        let gone = refused(&stage, &worker(&format!("policies = [\"{policy}\"]"))).await;
        assert!(gone.contains("is no managed policy"), "{gone}");
        deploy(&stage, &worker("")).await;
        assert_eq!(of_web(cloud), Roles::default());
        done(&stage, &["destroy", "--yes", "shop"]).await;
        let delete = json!({ "RoleName": "theirs" });
        cloud.world(|world| iam::answer(world, "DeleteRole", &delete)).unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        nothing_left(cloud, &before).unwrap();
    });
}

#[test]
fn what_runs_is_not_lost_by_flags_and_is_written_as_a_manifest() {
    in_virtual_time(8, async || {
        let (stage, _) = with_secrets(8).await;
        let manifest = "stack = \"shop\"\npattern = \"fargate-api\"\n[service.web]\nimage = \"web:1\"\n\
                        secrets = { DB = \"DB\", API = \"secretsmanager:shop/api#password\" }\n\
                        permissions = [{ actions = [\"sqs:*\"], resources = [\"*\"] }]\n";
        deploy(&stage, manifest).await;
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", "shop", "--file", &other]).await;
        let text = std::fs::read_to_string(&other).unwrap();
        assert!(text.contains("secrets.API") && text.contains("permissions = "), "{text}");
        let same = done(&stage, &["plan", "--exit-code", "--file", &other]).await;
        assert_eq!(same.exit, Exit::Done, "{}", same.said());
        let flags = ["deploy", "--yes", "--pattern", "fargate-api", "--stack", "shop"];
        let refused = stage.play(&flags).await;
        assert_eq!(refused.exit, Exit::Refused);
        let said = refused.said();
        for lost in
            ["secrets API (removed)", "secrets DB (removed)", "permissions 1 of them (removed)"]
        {
            assert!(said.contains(lost), "{said}");
        }
    });
}

/// `${ssm:NAME}`: a plain parameter, read before everything else.
#[test]
fn a_plain_parameter_stands_in_the_manifest() {
    in_virtual_time(9, async || {
        let (stage, _) = with_secrets(9).await;
        let plain = json!({ "Name": "/shop/level", "Value": "debug", "Type": "String" });
        stage.cloud.world(|world| ssm::answer(world, "PutParameter", &plain)).unwrap();
        let manifest = worker("env.LEVEL = \"${ssm:/shop/level}-${account}\"");
        deploy(&stage, &manifest).await;
        let env = stage.cloud.world(|world| {
            let input = json!({ "taskDefinition": "td-shop_web" });
            let described = ecs::answer(world, "DescribeTaskDefinition", &input).unwrap();
            described["taskDefinition"]["containerDefinitions"][0]["environment"].clone()
        });
        assert_eq!(env, json!([{ "name": "LEVEL", "value": "debug-123456789012" }]));
        let said = refused(
            &stage,
            &worker("env = { A = \"${ssm:/shop/DB}\", B = \"${ssm:/shop/none}\" }"),
        )
        .await;
        assert!(said.contains("${ssm:/shop/DB}: is encrypted"), "{said}");
        assert!(said.contains("${ssm:/shop/none}: there is no such parameter"), "{said}");
        let (_folder, path) = written(&manifest);
        let checked = done(&stage, &["config", "--check", "--file", &path]).await;
        assert_eq!(checked.calls.len(), 0);
        assert!(checked.said().contains("${ssm:/shop/level}"), "{}", checked.said());
    });
}

/// A stack of many services reads none of their roles, and still knows what is surplus.
#[test]
fn policies_of_many_services_are_known_by_their_names() {
    in_virtual_time(10, async || {
        let (stage, _) = with_secrets(10).await;
        let services = |secrets: &str| -> String {
            let one = |number: usize| {
                format!(
                    "[service.s{number}]\nrun_on = \"fargate\"\ningress = \"none\"\ncount = 1\nimage = \"web:1\"\n{}\n",
                    if number < 2 { secrets } else { "" }
                )
            };
            "stack = \"shop\"\n".to_owned() + &(0..10).map(one).collect::<String>()
        };
        deploy(&stage, &services("secrets = [\"DB\"]")).await;
        deploy(&stage, &services("secrets = [\"KEY\"]")).await;
        let found = stage.cloud.world(|world| roles(world, "shop", "s1"));
        assert_eq!(found, reading(&[("KEY", "/shop/KEY")]));
        deploy(&stage, &services("")).await;
        assert_eq!(stage.cloud.world(|world| roles(world, "shop", "s1")), Roles::default());
    });
}

/// What the page about secrets shows works as it stands there.
#[test]
fn the_manifests_of_the_page_are_played() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/secrets.md")).unwrap();
    let blocks: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|it| it.split_once("```")).collect();
    assert_eq!(blocks.len(), 3);
    for (seed, (manifest, _)) in (20..).zip(blocks) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let (_folder, path) = written(manifest);
            let file = Some(path.clone().into());
            let said = ServiceFlags {
                manifest: FileFlags { file, ..FileFlags::default() },
                ..ServiceFlags::default()
            };
            let spec = Wish::read(&said, Path::new(""), &|_| None).check().unwrap();
            make_for(&stage.cloud, &spec).await;
            deploy(&stage, manifest).await;
            // A rehearsal makes the secrets itself.
            let rehearsed = usual(seed).play(&["rehearse", "--file", &path]).await;
            assert_eq!(rehearsed.exit, Exit::Done, "{}", rehearsed.said());
        });
    }
}

/// The printed policy with the part for secrets is enough, and everything in that part is taken.
#[test]
fn the_printed_policy_is_enough() {
    in_virtual_time(11, async || {
        let (stage, _) = with_secrets(11).await;
        let mut all = Vec::new();
        let mut actions = BTreeSet::new();
        for part in ["read", "foundation", "service", "secrets"] {
            let words = ["permissions", "--region", "us-east-1", "--part", part];
            let printed = stage.play(&words).await.recording.out.join("\n");
            let document: Value = serde_json::from_str(&printed).unwrap();
            if part == "secrets" {
                let statements = document.list("Statement").iter();
                actions = statements
                    .flat_map(|it| match it.some_text("Action") {
                        Some(one) => vec![one.to_owned()],
                        None => it.texts("Action"),
                    })
                    .collect();
            }
            all.push(Policy::parse(&printed).unwrap());
        }
        stage.cloud.set_policy(Policy::all(all));
        let plain = json!({ "Name": "/ecsup/shop/level", "Value": "debug", "Type": "String" });
        stage.cloud.world(|world| ssm::answer(world, "PutParameter", &plain)).unwrap();
        deploy(&stage, &worker("")).await;
        let more = "secrets = { DB = \"DB\", API = \"secretsmanager:shop/api\" }\nenv.LEVEL = \"${ssm:/ecsup/shop/level}\"\n\
                    policies = [\"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess\"]\n\
                    permissions = [{ actions = [\"sqs:*\"], resources = [\"*\"] }]";
        deploy(&stage, &worker(more)).await;
        deploy(&stage, &worker("secrets = [\"DB\"]")).await;
        done(&stage, &["destroy", "--yes", "shop"]).await;
        crate::proofs::nothing_denied(&stage.cloud).unwrap();
        let taken = stage.cloud.actions();
        let never: Vec<_> = actions.difference(&taken).collect();
        assert_eq!(never, [""; 0]);
    });
}
