//! How tasks are started, found healthy and replaced, as only a manifest says it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::scenario::{Answers, Scenario};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};

use crate::manifest::written;
use crate::stage::{done, usual};

const ALL: &str = "stack = 'demo'
pattern = 'fargate-api'

[ingress.public]
idle_timeout = '2m'

[service.web]
image = 'nginx:1'
entrypoint = ['/entry.sh']
command = ['serve', 'all']
stop_timeout = '60s'

[service.web.health]
path = '/up'
port = 8081
status = '200-399'
interval = '10s'
timeout = '4s'
healthy = 3
unhealthy = 4
grace = '5m'

[service.web.deploy]
min_percent = 50
max_percent = 150
rollback = false
drain = '20s'

[service.web.container_health]
command = ['CMD-SHELL', 'exit 0']
interval = '10s'
timeout = '4s'
retries = 2
start_period = '20s'
";

#[test]
fn what_only_a_manifest_says_is_not_lost_by_flags_alone() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let (folder, path) = written(ALL);
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let flags = ["deploy", "--pattern", "fargate-api", "--stack", "demo", "--no-file"];
        let refused = stage.play(&[&flags[..], &["--yes"]].concat()).await;
        assert_eq!((refused.exit, refused.changes()), (Exit::Refused, Vec::new()));
        let said = refused.said();
        insta::assert_snapshot!(said.lines().find(|line| line.starts_with("error")).unwrap());
        // What runs, written as a manifest, is the same.
        let again = folder.path().join("again.toml");
        let again = again.to_str().unwrap();
        done(&stage, &["init", "--from", "demo", "--file", again]).await;
        let planned = stage.play(&["plan", "--exit-code", "--file", again]).await;
        assert_eq!(planned.exit, Exit::Done, "{}", planned.said());
        done(&stage, &["destroy", "--yes", "demo"]).await;
    });
}

/// Of services of many, target groups are not asked how long they drain.
#[test]
fn how_long_tasks_drain_is_known_of_services_of_many() {
    let manifest = |drain: &str| {
        let mut text = "stack = 'demo'\npattern = 'fargate-api'\n[defaults]\nimage = 'nginx:1'\n\
                        [ingress.public]\nunknown = 404\n"
            .to_owned();
        for at in 0..9 {
            let _ = writeln!(text, "[service.s{at}]\nhosts = ['s{at}.example.com']");
        }
        text + &format!("[service.s3.deploy]\ndrain = '{drain}'\n")
    };
    in_virtual_time(1, async || {
        let stage = usual(1);
        let (_folder, path) = written(&manifest("0s"));
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &deploy).await;
        for drain in ["30s", "45s", "0s"] {
            fs::write(&path, manifest(drain)).unwrap();
            let changed = done(&stage, &deploy).await;
            let mut changes = changed.changes();
            // The lock is one.
            changes.retain(|operation| !operation.contains("Parameter"));
            assert_eq!(changes, ["ModifyTargetGroupAttributes", "TagResource"], "{drain}");
            assert_eq!(done(&stage, &deploy).await.changes(), [""; 0], "{drain}");
        }
    });
}

/// Deploys tasks that answer with a code, and says how that ended.
async fn deployed(scenario: Scenario, health: &str) -> (Exit, String, Duration) {
    let stage = Stage { cloud: Cloud::new(1, scenario) };
    let (_folder, path) = written(&format!(
        "stack = 'demo'\npattern = 'fargate-api'\n[service.web]\nimage = 'nginx:1'\n{health}"
    ));
    let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
    (played.exit, played.said(), played.took)
}

#[test]
fn a_load_balancer_takes_the_statuses_that_were_said() {
    let answering = |code| Scenario { health: Answers::Code(code), ..Scenario::default() };
    in_virtual_time(1, async || {
        let (exit, said, _) = deployed(answering(302), "health.status = '200,302'").await;
        assert_eq!(exit, Exit::Done, "{said}");
        let (exit, said, _) = deployed(answering(302), "health.status = '200,301'").await;
        assert_eq!(exit, Exit::DeployIncomplete, "{said}");
        assert!(said.contains("name one that answers with 200,301 itself"), "{said}");
    });
}

#[test]
fn a_container_that_finds_itself_ill_is_told_of() {
    let sick = Scenario { sick_containers: true, ..Scenario::default() };
    let check = "container_health.command = ['CMD-SHELL', 'curl -f localhost || exit 1']";
    in_virtual_time(1, async || {
        let (exit, said, _) = deployed(sick.clone(), check).await;
        assert_eq!(exit, Exit::DeployIncomplete, "{said}");
        assert!(said.contains("the tasks fail the health check of their container"), "{said}");
        // Without the check nobody asks the container.
        assert_eq!(deployed(sick, "").await.0, Exit::Done);
    });
}

/// A slow starter lives as long as it has grace, however long that is.
#[test]
fn grace_is_waited_for() {
    // Nothing answers, and with so much grace nothing is replaced either: the wait goes on with it.
    let silent = Scenario { health: Answers::Never, ..Scenario::default() };
    in_virtual_time(1, async || {
        let (exit, said, took) = deployed(silent, "health.grace = '50m'").await;
        assert_ne!(exit, Exit::Done, "{said}");
        assert!(took > Duration::from_mins(50), "{took:?}: {said}");
    });
}

/// Requests in flight have the time that was said.
#[test]
fn a_task_drains_before_it_goes() {
    let manifest = |image: &str| {
        format!(
            "stack = 'demo'\npattern = 'fargate-api'\n[service.web]\nimage = '{image}'\ndeploy.drain = '5m'"
        )
    };
    in_virtual_time(1, async || {
        let stage = usual(1);
        let (_folder, path) = written(&manifest("nginx:1"));
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &deploy).await;
        fs::write(&path, manifest("nginx:2")).unwrap();
        assert!(done(&stage, &deploy).await.took > Duration::from_mins(5));
        // A destroy waits for no request.
        let destroyed = done(&stage, &["destroy", "--yes", "demo"]).await;
        assert!(destroyed.took < Duration::from_mins(5), "{:?}", destroyed.took);
        let kinds: BTreeSet<_> =
            stage.cloud.world(|world| world.tagged().into_iter().map(|it| it.0).collect());
        assert!(!kinds.contains("target-group"), "{kinds:?}");
    });
}
