//! Commands that change one thing of a service that is there: `scale`, `restart`, `rollback`, and `wait`, which
//! changes nothing. What they did is asked of the simulated world.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ecs;
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use ecsup::cli::rehearse::in_virtual_time;
use ecsup::cli::{Cli, Exit};
use ecsup::permissions::{Bounds, Part, policy};
use ecsup::spec::Pattern;
use serde_json::json;

use crate::manifest::written;
use crate::proofs::{ids, nothing_denied};
use crate::stage::{FARGATE, done, end, stage, usual};

const CLUSTER: &str = "cluster-fargate-api";

/// What a cluster's service runs: its revision, its tasks, and the ids of these.
fn runs(cloud: &Cloud, service: &str) -> (String, usize, BTreeSet<String>) {
    cloud.world(|world| {
        world.enter("us-east-1");
        let ask = json!({ "cluster": CLUSTER, "services": [service] });
        let answer = ecs::answer(world, "DescribeServices", &ask).expect("the service");
        let it = &answer["services"][0];
        let revision = it.text("taskDefinition").rsplit('/').next().unwrap_or_default().to_owned();
        assert_eq!(it["deployments"].as_array().map(Vec::len), Some(1), "steady: {it}");
        let count =
            usize::try_from(it.number("runningCount").unwrap_or_default()).expect("a count");
        let ask = json!({ "cluster": CLUSTER, "serviceName": service });
        let tasks = ecs::answer(world, "ListTasks", &ask).expect("its tasks");
        (revision, count, tasks.texts("taskArns").into_iter().collect())
    })
}

fn image(tag: &str) -> Vec<String> {
    let image = format!("nginx:{tag}");
    FARGATE.iter().map(|it| (*it).to_owned()).chain(["--image".to_owned(), image]).collect()
}

#[test]
fn a_service_gets_another_number_of_tasks() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let scaled = done(stage, &["scale", "web", "4"]).await;
        assert!(scaled.said().contains("service web: count 2 → 4"), "{}", scaled.said());
        let (_, count, tasks) = runs(&stage.cloud, "web");
        assert_eq!((count, tasks.len()), (4, 4));
        assert_eq!(scaled.changes().iter().filter(|it| **it == "UpdateService").count(), 1);
        // Again, there is nothing to change.
        let again = done(stage, &["scale", "web", "4"]).await;
        assert!(!again.changes().contains(&"UpdateService"));
        done(stage, &["scale", "web", "0", "--no-wait"]).await;
        done(stage, &["wait"]).await;
        assert_eq!(runs(&stage.cloud, "web").1, 0);
    });
}

#[test]
fn what_cannot_be_is_refused() {
    stage(Scenario::default(), async |stage| {
        let refused = async |words: &[&str]| {
            let before = ids(&stage.cloud);
            let played = stage.play(words).await;
            assert_eq!((played.exit, ids(&stage.cloud)), (Exit::Refused, before), "{words:?}");
            assert!(!played.changes().contains(&"UpdateService"), "{words:?}");
            played.said()
        };
        let nothing = refused(&["restart", "web", "--stack", "fargate-api"]).await;
        assert!(nothing.contains("there is no stack `fargate-api`"), "{nothing}");
        done(stage, &FARGATE).await;
        let slip = refused(&["scale", "wbe", "3"]).await;
        assert!(slip.contains("has no service `wbe` (web)"), "{slip}");
        assert!(slip.contains("did you mean `web`?"), "{slip}");
        let many = refused(&["scale", "web", "5001"]).await;
        assert!(many.contains("5001 is not in 0..=5000"), "{many}");
        let negative = refused(&["scale", "web", "-1"]).await;
        assert!(negative.contains("-1"), "{negative}");
        let first = refused(&["rollback", "web", "--yes"]).await;
        assert!(first.contains("there is no revision before td-fargate-api_web:1"), "{first}");
        let unknown = refused(&["rollback", "web", "7", "--yes"]).await;
        assert!(unknown.contains("td-fargate-api_web:7 is no active revision"), "{unknown}");
        // Nobody is there to be asked.
        let asked = refused(&["rollback", "web"]).await;
        assert!(asked.contains("--yes"), "{asked}");
    });
}

#[test]
fn who_follows_the_load_is_not_scaled_by_hand() {
    stage(Scenario::default(), async |stage| {
        let manifest = "stack = 'fargate-api'\npattern = 'fargate-api'\n[service.web]\nimage = 'nginx:1'\n\
                        scaling = { min = 2, max = 4, cpu_percent = 60 }\n";
        let (_folder, path) = written(manifest);
        done(stage, &["deploy", "--yes", "--file", &path]).await;
        let refused = stage.play(&["scale", "web", "3", "--file", &path]).await;
        assert_eq!(refused.exit, Exit::Refused);
        insta::assert_snapshot!(end(&refused), @r"
        error: the number of tasks of service `web` follows its load: what is asked for here would be moved again
        hint: nothing was changed; change the bounds of `scaling` in the manifest, and deploy
        ");
    });
}

#[test]
fn tasks_are_replaced_by_others_of_the_same_revision() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let (revision, count, before) = runs(&stage.cloud, "web");
        done(stage, &["restart", "web"]).await;
        let (same, still, after) = runs(&stage.cloud, "web");
        assert_eq!((&same, still), (&revision, count));
        assert!(before.is_disjoint(&after));
        // A deploy afterwards has nothing to do.
        assert_eq!(done(stage, &FARGATE).await.changes(), [""; 0]);
    });
}

#[test]
fn a_former_revision_runs_again() {
    stage(Scenario::default(), async |stage| {
        done(stage, &image("1")).await;
        done(stage, &image("2")).await;
        let back = done(stage, &["rollback", "web", "--yes"]).await;
        insta::assert_snapshot!(back.said().lines().skip(3).take(3).collect::<Vec<_>>().join("\n"), @r"
        service web: revision td-fargate-api_web:2 → td-fargate-api_web:1
          image nginx:2 → nginx:1
        the next deploy brings back what its flags or its manifest say
        ");
        assert_eq!(runs(&stage.cloud, "web").0, "td-fargate-api_web:1");
        // Forward again, by its number.
        done(stage, &["rollback", "web", "2", "--yes"]).await;
        assert_eq!(runs(&stage.cloud, "web").0, "td-fargate-api_web:2");
        let current = done(stage, &["rollback", "web", "2", "--yes"]).await;
        assert!(!current.changes().contains(&"UpdateService"), "{}", current.said());
        // What a manifest says comes back, which is told.
        done(stage, &["rollback", "web", "--yes"]).await;
        done(stage, &image("2")).await;
        let (_folder, path) = written(
            "stack = 'fargate-api'\npattern = 'fargate-api'\n[service.web]\nimage = 'nginx:2'\n",
        );
        let told = done(stage, &["rollback", "web", "--yes", "--file", &path]).await.said();
        assert!(
            told.contains("the manifest says image nginx:2: the next deploy rolls that out again"),
            "{told}"
        );
        assert!(told.contains("--image web=nginx:1"), "{told}");
        done(stage, &["deploy", "--yes", "--file", &path]).await;
        let (revision, ..) = runs(&stage.cloud, "web");
        assert_ne!(revision, "td-fargate-api_web:1");
    });
}

#[test]
fn a_revision_that_nothing_leads_to_any_more_is_refused() {
    stage(Scenario::default(), async |stage| {
        done(stage, &image("1")).await;
        done(stage, &[image("2"), vec!["--port".to_owned(), "8080".to_owned()]].concat()).await;
        let refused = stage.play(&["rollback", "web", "--yes"]).await;
        assert_eq!(refused.exit, Exit::Refused);
        insta::assert_snapshot!(end(&refused), @r"
        error: load balancers lead to port 8080 of container `web`, which that revision does not have
        hint: nothing was changed; deploy what it held instead: a deploy changes what surrounds the tasks as well
        ");
    });
}

/// Images with this in their names cannot be pulled.
fn broken() -> Scenario {
    Scenario { missing_images: vec!["broken".to_owned()], ..Scenario::default() }
}

#[test]
fn the_wait_is_as_honest_as_that_of_a_deploy() {
    stage(broken(), async |stage| {
        done(stage, &image("1")).await;
        // Somebody began something, and went away.
        done(stage, &[image("2"), vec!["--no-wait".to_owned()]].concat()).await;
        let waited = done(stage, &["wait", "web"]).await;
        assert_eq!(waited.changes(), [""; 0]);
        assert!(waited.said().contains("steady in "), "{}", waited.said());
        assert_eq!(runs(&stage.cloud, "web").0, "td-fargate-api_web:2");
        done(stage, &[image("broken"), vec!["--no-wait".to_owned()]].concat()).await;
        let failed = stage.play(&["wait"]).await;
        assert_eq!(failed.exit, Exit::DeployIncomplete, "{}", failed.said());
        assert!(failed.said().contains("cause: "), "{}", failed.said());
        // In the middle of that, a former revision saves the day.
        let back = done(stage, &["rollback", "web", "1", "--yes"]).await;
        assert!(back.said().contains("steady in "), "{}", back.said());
        assert_eq!(runs(&stage.cloud, "web").0, "td-fargate-api_web:1");
    });
}

/// Wherever one of them dies, the same command ends with what was asked for, and nothing else is there.
#[test]
fn whoever_dies_can_begin_again() {
    let commands: [&[&str]; 3] =
        [&["scale", "web", "3"], &["restart", "web"], &["rollback", "web", "1", "--yes"]];
    for words in commands {
        for at in 0..40 {
            let over = in_virtual_time(at, async || {
                let stage = usual(at);
                done(&stage, &image("1")).await;
                done(&stage, &image("2")).await;
                tokio::time::sleep(Duration::from_mins(1)).await;
                let (before, things) = (runs(&stage.cloud, "web"), ids(&stage.cloud));
                let cli = Cli::read([&["ecsup"], words].concat()).expect("it is right");
                let number = usize::try_from(at).expect("a small number");
                let (_, died) = stage.run_until_crash(cli, number).await;
                tokio::time::sleep(Duration::from_mins(1)).await;
                done(&stage, words).await;
                let (revision, count, tasks) = runs(&stage.cloud, "web");
                match words[0] {
                    "scale" => assert_eq!(count, 3, "{at}"),
                    "restart" => assert!(before.2.is_disjoint(&tasks), "{at}"),
                    _ => assert_eq!(revision, "td-fargate-api_web:1", "{at}"),
                }
                assert_eq!(without_tasks(ids(&stage.cloud)), without_tasks(things), "{at}");
                !died
            });
            if over {
                break;
            }
        }
    }
}

/// What there is, but for what comes and goes with tasks and runs.
fn without_tasks(all: BTreeSet<String>) -> BTreeSet<String> {
    let comes_and_goes = |id: &String| {
        ["task/", "eni-", "/lock/", "log-stream"].iter().any(|part| id.contains(part))
            || id.starts_with(CLUSTER)
    };
    all.into_iter().filter(|id| !comes_and_goes(id)).collect()
}

#[test]
fn they_take_no_more_than_what_is_printed() {
    stage(Scenario::default(), async |stage| {
        done(stage, &image("1")).await;
        done(stage, &image("2")).await;
        let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), None);
        let text = policy(&[Pattern::FargateApi], &Part::WHOLE, &bounds).to_json();
        stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
        done(stage, &["scale", "web", "3"]).await;
        done(stage, &["restart", "web"]).await;
        done(stage, &["rollback", "web", "--yes"]).await;
        done(stage, &["wait"]).await;
        nothing_denied(&stage.cloud).unwrap();
    });
}
