//! What is changed together with a revision is put back together with it: when ECS goes back to the former
//! revision, its tasks are checked and reached as before.

use std::time::Duration;

use aws_sim::fields::Fields as _;
use aws_sim::scenario::{Answers, Scenario};
use aws_sim::{ecs, elb, world::World};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::Stage;
use serde_json::{Value, json};

use crate::goal::requests;
use crate::manifest::{spec, written};
use crate::stage::{done, stage};

fn manifest(image: &str, path: &str, host: &str) -> String {
    format!(
        "stack = 'demo'\npattern = 'internal-worker'\ndefaults.run_on = 'fargate'
ingress.internal = {{ zone = 'in.example.com', unknown = 404 }}
[service.web]
image = '{image}'
hosts = ['{host}.in.example.com']
health.path = '{path}'
deploy.drain = '10s'
"
    )
}

/// The checked paths of target groups, and how many of their targets are healthy.
fn groups(world: &mut World) -> Vec<(String, usize)> {
    let mut ask =
        |operation: &str, input: Value| elb::answer(world, operation, &input).unwrap_or_default();
    let groups = ask("DescribeTargetGroups", json!({}));
    let each = groups.list("TargetGroups").iter().map(|group| {
        let input = json!({ "TargetGroupArn": group.text("TargetGroupArn") });
        let health = ask("DescribeTargetHealth", input);
        let targets = health.list("TargetHealthDescriptions").iter();
        let healthy = targets.filter(|it| it.part("TargetHealth").text("State") == "healthy");
        (group.text("HealthCheckPath").to_owned(), healthy.count())
    });
    each.collect()
}

fn image(world: &mut World) -> String {
    let input = json!({ "cluster": "cluster-demo", "services": ["web"] });
    let service = ecs::answer(world, "DescribeServices", &input).unwrap_or_default();
    let input = json!({ "taskDefinition": service["services"][0].text("taskDefinition") });
    let revision = ecs::answer(world, "DescribeTaskDefinition", &input).unwrap_or_default();
    revision["taskDefinition"]["containerDefinitions"][0].text("image").to_owned()
}

async fn deploy(stage: &Stage, manifest: &str) -> (Exit, String) {
    let (_folder, path) = written(manifest);
    let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
    (played.exit, played.said())
}

/// The new image answers neither path; the old one only its own.
#[test]
fn a_failed_rollout_takes_its_health_check_and_its_hosts_along() {
    let answers = vec![("app:1", Answers::Only("/old")), ("app:2", Answers::Code(500))];
    stage(Scenario { answers, ..Scenario::default() }, async |stage| {
        stage.cloud.world(|world| world.enter("us-east-1"));
        let first = manifest("app:1", "/old", "a");
        assert_eq!(deploy(stage, &first).await.0, Exit::Done);
        let (exit, said) = deploy(stage, &manifest("app:2", "/new", "b")).await;
        assert_eq!(exit, Exit::DeployIncomplete, "{said}");
        let told = said.lines().find(|line| line.contains("put back")).unwrap_or_default();
        insta::assert_snapshot!(told.trim());
        tokio::time::sleep(Duration::from_mins(10)).await;
        let (is, image) = stage.cloud.world(|world| (groups(world), image(world)));
        assert_eq!((is, image.as_str()), (vec![("/old".to_owned(), 2)], "app:1"));
        // It serves as it did.
        let (_folder, path) = written(&first);
        let spec = spec(&path);
        let unlike =
            stage.cloud.world(|world| world.once_caught_up(|world| requests::unlike(world, &spec)));
        assert_eq!(unlike, [""; 0]);
        // And what works is rolled out, with the same changes.
        let (_, said) = deploy(stage, &first).await;
        assert!(!said.contains("put back"), "{said}");
        done(stage, &["destroy", "--yes", "demo"]).await;
    });
}

/// Without a rollback the new revision stays, and so does what belongs to it.
#[test]
fn what_stays_keeps_what_belongs_to_it() {
    let answers = vec![("app:1", Answers::Only("/old")), ("app:2", Answers::Code(500))];
    stage(Scenario { answers, ..Scenario::default() }, async |stage| {
        stage.cloud.world(|world| world.enter("us-east-1"));
        assert_eq!(deploy(stage, &manifest("app:1", "/old", "a")).await.0, Exit::Done);
        let stays = manifest("app:2", "/new", "a") + "deploy.rollback = false\n";
        let (exit, said) = deploy(stage, &stays).await;
        assert_eq!(exit, Exit::DeployIncomplete, "{said}");
        assert!(!said.contains("put back"), "{said}");
        assert_eq!(stage.cloud.world(groups)[0].0, "/new");
        done(stage, &["destroy", "--yes", "demo"]).await;
    });
}
