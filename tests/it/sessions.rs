//! `ecsup exec` and `ecsup forward`: what they look at first, what they ask AWS for, and what they hand to the
//! Session Manager plugin. In its place stands a script that writes down what it was told.
//!
//! Ports here are below those that the system gives away: nobody else has one of them by chance.

use std::ffi::OsString;
use std::fs::{read_to_string, write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Crash, Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use aws_sim::{ecs, iam};
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::cli::{Cli, Exit};
use ecsup::permissions::{Bounds, Part, policy};
use ecsup::spec::Pattern;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::goal::exec::tasks;
use crate::manifest::written;
use crate::stage::{done, end, stage, usual};

const VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";

/// What stands in for the plugin, of a version. It ends with 7.
struct Plugin {
    folder: TempDir,
    program: OsString,
}

impl Plugin {
    fn of(version: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("told");
        let program = folder.path().join("plugin");
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo {version}; exit; }}\n\
             {{ printf '%s\\n' \"$@\"; echo \"${VARIABLE}\"; }} > {}\nexit 7\n",
            told.display()
        );
        write(&program, script).expect("a file");
        let mut rights = program.metadata().expect("a file").permissions();
        rights.set_mode(0o755);
        std::fs::set_permissions(&program, rights).expect("its rights");
        Self { folder, program: program.into() }
    }

    fn new() -> Self {
        Self::of("1.2.707.0")
    }

    /// The words that it was told, and the variable; nothing when it was not called.
    fn told(&self) -> Vec<String> {
        let told = read_to_string(self.folder.path().join("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }

    fn cli(&self, words: &[&str]) -> Cli {
        let mut cli = Cli::read([&["ecsup"], words].concat()).expect("it is right");
        cli.global.instead_of_plugin = Some(self.program.clone());
        cli
    }

    async fn play(&self, stage: &Stage, words: &[&str]) -> Played {
        let played = stage.run(self.cli(words)).await;
        // Whoever reads this takes part in the session.
        let shown = [played.recording.lines.clone(), played.recording.out.clone()].concat();
        assert!(!shown.iter().any(|line| line.contains("token-")), "{shown:?}");
        played
    }
}

/// What is deployed of a stack with these services.
async fn deploy(stage: &Stage, services: &str) {
    let (_folder, path) = written(&format!(
        "stack = 'shop'\ndefaults = {{ run_on = 'fargate', ingress = 'none', image = 'web:1', count = 1 }}\n{services}"
    ));
    done(stage, &["deploy", "--yes", "--file", &path]).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
}

const WEB: &str = "[service.web]\nexec = true\ncount = 2\nsidecar.proxy = { image = 'envoy:1' }";

/// The ids of the tasks of a service that run.
fn ids_of(cloud: &Cloud, service: &str) -> Vec<(String, Value)> {
    let all = cloud.world(|world| {
        world.enter("us-east-1");
        tasks(world, "shop", service)
    });
    let id = |task: &Value| task.text("taskArn").rsplit('/').next().unwrap_or_default().to_owned();
    all.iter().map(|task| (id(task), task.clone())).collect()
}

fn runtime(task: &Value, container: &str) -> String {
    let mut all = task.list("containers").iter();
    all.find(|it| it.text("name") == container).expect("it").text("runtimeId").to_owned()
}

#[test]
fn a_command_is_run_in_a_task_by_the_plugin() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, WEB).await;
        let plugin = Plugin::new();
        let played = plugin.play(stage, &["exec", "web", "--", "sh", "-c", "echo 'a b'"]).await;
        assert_eq!(played.exit, Exit::Ended(7), "{}", played.said());
        assert_eq!(played.changes(), ["ExecuteCommand"]);
        let call = played.calls.iter().find(|call| call.operation == "ExecuteCommand").unwrap();
        assert_eq!(call.input["command"], r"sh -c 'echo '\''a b'\'''");
        assert_eq!(
            (&call.input["container"], &call.input["interactive"]),
            (&json!("web"), &json!(true))
        );
        let told = plugin.told();
        let [response, region, what, profile, request, endpoint, variable] = &told[..] else {
            panic!("{told:?}")
        };
        let all = [response.as_str(), region, what, profile, endpoint];
        assert_eq!(all, [VARIABLE, "us-east-1", "StartSession", "", "simulated"]);
        let session: Value = serde_json::from_str(variable).unwrap();
        assert!(session.text("TokenValue").starts_with("token-"), "{session}");
        assert!(session.text("StreamUrl").starts_with("wss://"), "{session}");
        let id = call.input.text("task").to_owned();
        let all = ids_of(&stage.cloud, "web");
        let (_, task) = all.iter().find(|(of, _)| *of == id).expect("it runs");
        let target = format!("ecs:cluster-shop_{id}_{}", runtime(task, "web"));
        assert_eq!(*request, json!({ "Target": target }).to_string());

        // One of the tasks, and one of the containers.
        let (other, task) = all.iter().find(|(of, _)| *of != id).expect("two run");
        let words = ["exec", "web", "--task", &other[..8], "--container", "proxy"];
        assert_eq!(plugin.play(stage, &words).await.exit, Exit::Ended(7));
        let target = format!("ecs:cluster-shop_{other}_{}", runtime(task, "proxy"));
        assert!(plugin.told()[4].contains(&target), "{:?}", plugin.told());
    });
}

#[test]
fn an_old_plugin_is_told_otherwise_and_that_is_said() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, WEB).await;
        let plugin = Plugin::of("1.2.331.0");
        let played = plugin.play(stage, &["exec", "web"]).await;
        assert_eq!(played.exit, Exit::Ended(7));
        let said = played.said();
        assert!(
            said.contains("can read the session's token while the plugin 1.2.331 runs"),
            "{said}"
        );
        let session: Value = serde_json::from_str(&plugin.told()[0]).unwrap();
        assert!(session.text("TokenValue").starts_with("token-"), "{session}");
    });
}

#[test]
fn a_port_leads_through_a_task() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, WEB).await;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let local = free.local_addr().expect("an address").port();
        let plugin = Plugin::new();
        let way = format!("{local}:db.internal:5432");
        let taken = plugin.play(stage, &["forward", &way]).await;
        assert_eq!((taken.exit, taken.calls.len()), (Exit::Refused, 0));
        assert!(
            taken.said().contains(&format!("port {local} of this machine")),
            "{}",
            taken.said()
        );
        drop(free);
        let played = plugin.play(stage, &["forward", &way]).await;
        assert_eq!((played.exit, played.changes()), (Exit::Ended(7), vec!["StartSession"]));
        let told: Value = serde_json::from_str(&plugin.told()[4]).unwrap();
        assert_eq!(told["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
        let ways = json!({
            "host": ["db.internal"], "portNumber": ["5432"], "localPortNumber": [local.to_string()],
        });
        assert_eq!(told["Parameters"], ways);
        let call = played.calls.iter().find(|call| call.operation == "StartSession").unwrap();
        assert_eq!((&call.input["Parameters"], &call.input["Target"]), (&ways, &told["Target"]));
        let own =
            plugin.play(stage, &["forward", &format!("{local}:80"), "--service", "web"]).await;
        assert_eq!(own.exit, Exit::Ended(7));
        let told: Value = serde_json::from_str(&plugin.told()[4]).unwrap();
        assert_eq!(told["DocumentName"], "AWS-StartPortForwardingSession");
    });
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, "[service.web]\nexec = true\n[service.jobs]").await;
        let plugin = Plugin::new();
        let mut told = Vec::new();
        let (id, _) = ids_of(&stage.cloud, "web").remove(0);
        for words in [
            &["exec", "jobs"][..],
            &["exec", "wbe"],
            &["exec", "web", "--task", "0000ffff"],
            &["exec", "web", "--container", "wep"],
            &["exec", "web", "--", "a\nb"],
            &["forward", "1:2"],
        ] {
            let refused = plugin.play(stage, words).await;
            assert_eq!((refused.exit, refused.changes()), (Exit::Refused, vec![]), "{words:?}");
            told.push(format!("{}:\n{}", words.join(" "), end(&refused).replace(&id, "ID")));
        }
        // Turned on by hand, it counts for no task that runs.
        let on =
            json!({ "cluster": "cluster-shop", "service": "jobs", "enableExecuteCommand": true });
        let role = stage.cloud.world(|world| ecs::answer(world, "UpdateService", &on));
        assert!(role.unwrap_err().to_string().contains("taskRoleArn"));
        done(stage, &["scale", "web", "0"]).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        let refused = plugin.play(stage, &["exec", "web"]).await;
        told.push(format!("none runs:\n{}", end(&refused)));
        let mut nobody = plugin.cli(&["exec", "web"]);
        nobody.global.instead_of_plugin = Some("/nowhere/session-manager-plugin".into());
        let refused = stage.run(nobody).await;
        assert_eq!((refused.exit, refused.calls.len()), (Exit::Refused, 0));
        told.push(format!("no plugin:\n{}", end(&refused)));
        assert_eq!(plugin.told(), [""; 0], "nothing was run");
        insta::assert_snapshot!(told.join("\n\n"));
    });
}

/// The inline policies of the role of a service's tasks go.
fn take_away(cloud: &Cloud) {
    cloud.world(|world| {
        let listed = iam::answer(world, "ListRoles", &json!({})).expect("roles");
        let roles = listed.list("Roles").iter().map(|it| it.text("RoleName").to_owned());
        let role = roles.into_iter().find(|name| name.contains("task-web")).expect("its role");
        let names = iam::answer(world, "ListRolePolicies", &json!({ "RoleName": role }));
        for name in names.expect("policies").texts("PolicyNames") {
            let delete = json!({ "RoleName": role, "PolicyName": name });
            iam::answer(world, "DeleteRolePolicy", &delete).expect("it goes");
        }
    });
}

#[test]
fn why_an_agent_does_not_answer_is_looked_up() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, "[service.web]\nexec = true").await;
        let plugin = Plugin::new();
        take_away(&stage.cloud);
        tokio::time::sleep(Duration::from_secs(30)).await;
        // Its state still says that it runs.
        let deaf = plugin.play(stage, &["exec", "web"]).await;
        assert_eq!(deaf.exit, Exit::Refused);
        let (id, task) = ids_of(&stage.cloud, "web").remove(0);
        assert_eq!(task["containers"][0]["managedAgents"][0]["lastStatus"], "RUNNING");
        let mut told = vec![end(&deaf).replace(&id, "ID")];
        // New tasks have one that never comes up.
        done(stage, &["restart", "web"]).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (id, _) = ids_of(&stage.cloud, "web").remove(0);
        let forward = plugin.play(stage, &["forward", "15678:80"]).await;
        told.push(end(&forward).replace(&id, "ID"));
        insta::assert_snapshot!(told.join("\n\n"));
        assert_eq!(plugin.told(), [""; 0], "nothing was run");
    });
}

#[test]
fn whoever_runs_a_command_needs_two_parts_of_the_policy_and_no_more() {
    stage(Scenario::default(), async |stage| {
        deploy(stage, "[service.web]\nexec = true").await;
        let plugin = Plugin::new();
        let allow = |parts: &[Part]| {
            let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), "shop".parse().ok());
            let text = policy(&[Pattern::FargateApi], parts, &bounds).to_json();
            stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
        };
        allow(&[Part::Read]);
        let denied = plugin.play(stage, &["exec", "web", "--stack", "shop"]).await;
        assert_eq!(denied.exit, Exit::Failed);
        assert!(denied.said().contains("`ecsup permissions --part exec`"), "{}", denied.said());
        let begun = stage.cloud.count();
        allow(&[Part::Read, Part::Exec]);
        for words in [&["exec", "web"][..], &["forward", "15679:db:5432"]] {
            // Looking for the only stack there is takes as much as listing all.
            let words = &[words, &["--stack", "shop"]].concat();
            let played = plugin.play(stage, words).await;
            assert_eq!(played.exit, Exit::Ended(7), "{}", played.said());
        }
        let calls = stage.cloud.calls_since(begun).into_iter().filter_map(|call| call.refused);
        let denied: Vec<_> = calls.filter(|code| code.contains("AccessDenied")).collect();
        assert_eq!(denied, [""; 0]);
    });
}

/// Whatever befalls its calls, it is told, and the same command goes well when it is over.
#[test]
fn nothing_that_befalls_a_call_is_in_the_way_of_the_next_command() {
    let commands =
        [("exec", "web", "ExecuteCommand"), ("forward", "15680:db:5432", "StartSession")];
    for (at, (verb, of, operation)) in (0..).zip(commands) {
        in_virtual_time(at, async || {
            let stage = usual(at);
            deploy(&stage, "[service.web]\nexec = true").await;
            let plugin = Plugin::new();
            for fault in
                [Fault::Throttle, Fault::Reset, Fault::Lost, Fault::Silent, Fault::LateServerError]
            {
                let only = Only { operation: operation.to_owned(), about: String::new(), fault };
                stage.cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
                let played = plugin.play(&stage, &[verb, of]).await;
                assert_eq!(played.exit, Exit::Failed, "{fault:?}: {}", played.said());
                // Each call opens a session, and what was lost may have opened one.
                let count = played.changes().iter().filter(|it| **it == operation).count();
                assert!(count <= 1, "{fault:?}: {count}");
                stage.cloud.set_faults(Faults::default());
                assert_eq!(plugin.play(&stage, &[verb, of]).await.exit, Exit::Ended(7));
            }
            for seed in 0..10 {
                let rough = Faults { throttle: 0.1, lost: 0.05, reset: 0.05, ..Faults::rough() };
                stage.cloud.set_faults(rough);
                let played = plugin.play(&stage, &[verb, of]).await;
                let fits = [Exit::Ended(7), Exit::Failed].contains(&played.exit);
                assert!(fits, "{seed}: {}", played.said());
            }
            for number in 0..30 {
                let crash = Some(Crash { at: number, after: number % 2 == 0 });
                stage.cloud.set_faults(Faults { crash, ..Faults::default() });
                let cli = plugin.cli(&[verb, of]);
                let died = tokio::select! {
                    _ = stage.run(cli) => false,
                    () = stage.cloud.crashed() => true,
                };
                stage.cloud.set_faults(Faults::default());
                assert_eq!(plugin.play(&stage, &[verb, of]).await.exit, Exit::Ended(7), "{number}");
                if !died {
                    break;
                }
            }
        });
    }
}
