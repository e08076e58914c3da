//! `ecsup verify`: who answers whom is asked of the simulated world, from inside and from outside.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::refusal::Answer;
use aws_sim::scenario::{Answers, Scenario};
use aws_sim::world::World;
use aws_sim::{ec2, faults};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::permissions::{Bounds, Part, policy};
use ecsup::spec::Pattern;
use serde_json::{Value, json};

use crate::manifest::written;
use crate::proofs::{
    CLOSED, IN_ECR, STACKS, deploy as as_deploy, ids, no_defects, nothing_denied, nothing_left,
    nothing_spare, on_all_processors, play_until_crash,
};
use crate::stage::{FARGATE, INTERNAL, deploy, done, stage, usual};

const VERIFY: [&str; 1] = ["verify"];

/// Services that share a load balancer, and one that others call by its own name.
const SEVERAL: &str = "stack = 'shop'
pattern = 'fargate-api'
[ingress.public]
unknown = { status = 404, text = 'no such host' }
[service.web]
image = 'nginx:1'
hosts = ['shop.example.com']
[service.api]
image = 'api:1'
hosts = ['*.api.example.com']
paths = ['/v1/*']
health.path = '/health'
[service.db]
image = 'redis:1'
ingress = 'none'
port = 6379
discovery = 'dns'
callers = ['web']
[service.worker]
image = 'worker:1'
ingress = 'none'
";

#[test]
fn several_services_are_asked_each_by_its_own_rule_or_name() {
    let (_folder, path) = written(SEVERAL);
    stage(Scenario::default(), async |stage| {
        done(stage, &["deploy", "--yes", "--file", &path]).await;
        let played = verify(stage, &["--file", &path]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        insta::assert_snapshot!(lines(&played).join("\n"));
        let tasks = played.calls.iter().filter(|it| it.operation == "RunTask").count();
        assert_eq!(tasks, 2, "one for each place");
    });
}

/// What is there beyond tasks that have ended, which ECS shows for an hour.
fn things(cloud: &Cloud) -> Vec<String> {
    let of_tasks = |id: &String| ["task/", "eni-"].iter().any(|it| id.contains(it));
    ids(cloud).into_iter().filter(|id| !of_tasks(id)).collect()
}

/// Verifies a stack, and asks that nothing of it has stayed.
async fn verify(stage: &Stage, more: &[&str]) -> Played {
    let before = things(&stage.cloud);
    let played = stage.play(&[&VERIFY, more].concat()).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(things(&stage.cloud), before, "{}", played.said());
    played
}

/// The lines of requests without how their answers begin.
fn lines(played: &Played) -> Vec<String> {
    let lines = played.recording.out.iter().map(|line| {
        let line = anstream::adapter::strip_str(line).to_string();
        let line = line.split("  Hello from").next().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    lines.collect()
}

#[test]
fn each_stack_answers_whom_it_should() {
    for words in STACKS {
        stage(Scenario::default(), async |stage| {
            done(stage, &as_deploy(words)).await;
            let played = verify(stage, &[]).await;
            assert_eq!(played.exit, Exit::Done, "{words:?}\n{}", played.said());
            let told = lines(&played);
            assert!(told.len() > 2 || told[0].starts_with('-'), "{words:?}: {told:?}");
            assert!(!told.iter().any(|line| line.starts_with("wrong")), "{told:?}");
        });
    }
}

#[test]
fn an_internal_service_is_asked_by_both_names_and_hidden_from_outside() {
    stage(Scenario::default(), async |stage| {
        done(stage, &[&INTERNAL[..], &["--zone", "demo.internal"]].concat()).await;
        insta::assert_snapshot!(lines(&verify(stage, &[]).await).join("\n"));
    });
}

#[test]
fn a_public_service_is_asked_from_both_sides() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let played = verify(stage, &[]).await;
        insta::assert_snapshot!(lines(&played).join("\n"));
        let json = verify(stage, &["--output", "json"]).await;
        let report: Value = serde_json::from_str(&json.recording.out.join("")).expect("JSON");
        assert_eq!(report["requests"][1]["from"], "here", "{report}");
        assert_eq!(report["requests"][1]["ok"], true, "{report}");
    });
}

type Service = fn(&mut World, &str, &Value) -> Answer;

fn ask(cloud: &Cloud, service: Service, operation: &str, input: Value) -> Value {
    cloud
        .world(|world| {
            world.enter("us-east-1");
            service(world, operation, &input)
        })
        .unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"))
}

/// A stack, what somebody does to it, and what is said then.
type Broken<'a> = (&'a [&'a str], fn(&Cloud), &'a str);

/// What a person may break with a console, and what each costs.
#[test]
fn what_is_broken_by_hand_is_told() {
    let broken: [Broken<'_>; 2] = [
        (&FARGATE, close_balancer, "no answer in time"),
        (
            &INTERNAL,
            close_tasks,
            "504, and the health check takes 200: the load balancer does not reach the service",
        ),
    ];
    for (flags, break_it, why) in broken {
        stage(Scenario::default(), async |stage| {
            done(stage, flags).await;
            break_it(&stage.cloud);
            tokio::time::sleep(Duration::from_mins(3)).await;
            let played = verify(stage, &[]).await;
            let told = lines(&played).join("\n");
            assert_eq!(played.exit, Exit::ChangesPending, "{told}");
            assert!(told.contains(why), "{why}: {told}");
        });
    }
}

/// Revokes what the first security group with such a name lets in.
fn close(cloud: &Cloud, name: &str) {
    let groups = ask(cloud, ec2::answer, "DescribeSecurityGroups", json!({}));
    let mut groups = groups.list("SecurityGroups").iter();
    let group = groups.find(|it| it.text("GroupName").contains(name)).expect("a group");
    let group = group.text("GroupId");
    let filter = json!({ "Filters": [{ "Name": "group-id", "Values": [group] }] });
    let rules = ask(cloud, ec2::answer, "DescribeSecurityGroupRules", filter);
    let rules = rules.list("SecurityGroupRules").iter();
    let into = rules.filter(|it| it.flag("IsEgress") == Some(false));
    let into: Vec<_> = into.map(|it| it.text("SecurityGroupRuleId")).collect();
    let input = json!({ "GroupId": group, "SecurityGroupRuleIds": into });
    ask(cloud, ec2::answer, "RevokeSecurityGroupIngress", input);
}

fn close_balancer(cloud: &Cloud) {
    close(cloud, "load-balancer");
}

fn close_tasks(cloud: &Cloud) {
    close(cloud, "service");
}

#[test]
fn a_service_that_does_not_work_is_told_with_its_status() {
    let scenario = Scenario { health: Answers::Code(500), ..Scenario::default() };
    stage(scenario, async |stage| {
        drop(deploy(stage, &FARGATE, &["--no-wait"]).await);
        tokio::time::sleep(Duration::from_mins(4)).await;
        let played = verify(stage, &[]).await;
        assert_eq!(played.exit, Exit::ChangesPending, "{}", played.said());
        assert!(
            lines(&played)[0].contains("500, and the health check takes 200"),
            "{}",
            played.said()
        );
    });
}

/// Nothing leads to the image that asks.
#[test]
fn without_a_way_out_it_says_what_to_do() {
    stage(Scenario::default(), async |stage| {
        let flags = [&INTERNAL[..], &CLOSED[0][2..]].concat();
        done(stage, &flags).await;
        let played = stage.play(&VERIFY).await;
        assert_eq!((played.exit, played.changes()), (Exit::Refused, vec![]), "{}", played.said());
        assert!(played.said().contains("--image"), "{}", played.said());
        let own = verify(stage, &["--image", IN_ECR]).await;
        assert_eq!(own.exit, Exit::Done, "{}", own.said());
    });
}

#[test]
fn an_image_that_cannot_be_pulled_is_told() {
    let missing = vec!["no-such".to_owned()];
    stage(Scenario { missing_images: missing, ..Scenario::default() }, async |stage| {
        done(stage, &FARGATE).await;
        let played = verify(stage, &["--image", "example.com/no-such:1"]).await;
        assert_eq!(played.exit, Exit::Failed, "{}", played.said());
        assert!(played.said().contains("CannotPullContainerError"), "{}", played.said());
        assert!(played.said().contains("any that has `curl`"), "{}", played.said());
    });
}

#[test]
fn what_cannot_be_verified_is_refused() {
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        for (words, why) in [
            (&["verify", "fargate-apy"][..], "there is `fargate-api`"),
            (&["verify", "--image", ""], "--image"),
            (&["verify", "--image", "no image"], "no image"),
        ] {
            let played = stage.play(words).await;
            assert_eq!((played.exit, played.changes()), (Exit::Refused, vec![]), "{words:?}");
            assert!(played.said().contains(why), "{why}: {}", played.said());
        }
    });
}

#[test]
fn from_inside_only_asks_nobody_from_here() {
    stage(Scenario::default(), async |stage| {
        done(stage, &INTERNAL).await;
        let played = verify(stage, &["--inside-only"]).await;
        let told = lines(&played);
        assert!(!told.iter().any(|line| line.starts_with("ok from here")), "{told:?}");
        assert!(told.contains(&"- anything from here: as was asked".to_owned()), "{told:?}");
    });
}

/// Nothing else is allowed, and all of it is taken.
#[test]
fn the_printed_part_is_enough_and_no_more() {
    for (pattern, flags) in [(Pattern::FargateApi, FARGATE), (Pattern::InternalWorker, INTERNAL)] {
        stage(Scenario::default(), async |stage| {
            done(stage, &flags).await;
            let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), None);
            let text = policy(&[pattern], &[Part::Read, Part::Verify], &bounds).to_json();
            stage.cloud.set_policy(Policy::parse(&text).expect("a policy"));
            let played = verify(stage, &[]).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            let late = stage.play(&["verify", "--timeout", "20s"]).await;
            assert_eq!(late.exit, Exit::Failed, "{}", late.said());
            nothing_denied(&stage.cloud).unwrap();
            let part = policy(&[pattern], &[Part::Verify], &bounds).to_json();
            nothing_spare(&stage.cloud, &part).unwrap();
        });
    }
    stage(Scenario::default(), async |stage| {
        done(stage, &FARGATE).await;
        let printed = stage.play(&["permissions", "--part", "read"]).await.recording.out.join("\n");
        stage.cloud.set_policy(Policy::parse(&printed).expect("a policy"));
        let denied = stage.play(&VERIFY).await;
        assert_eq!(denied.exit, Exit::Failed, "{}", denied.said());
        assert!(denied.said().contains("ecsup permissions --part verify"), "{}", denied.said());
    });
}

/// A run that died may leave a revision behind, which nothing runs: the next run of anything takes it away.
#[test]
fn whoever_dies_leaves_nothing_that_stays() {
    let dies = |seed: u64| -> Result<(), String> {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let before = ids(&stage.cloud);
            done(&stage, &FARGATE).await;
            let stood = things(&stage.cloud);
            let at = stage.cloud.count() + usize::try_from(seed / 2).unwrap_or_default();
            let crash = faults::Crash { at, after: seed.is_multiple_of(2) };
            stage
                .cloud
                .set_faults(faults::Faults { crash: Some(crash), ..faults::Faults::default() });
            drop(play_until_crash(&stage, &VERIFY).await);
            stage.cloud.set_faults(faults::Faults::default());
            tokio::time::sleep(Duration::from_mins(5)).await;
            match seed % 3 {
                0 => {
                    let again = stage.play(&VERIFY).await;
                    if again.exit != Exit::Done {
                        return Err(again.said());
                    }
                }
                1 => drop(done(&stage, &FARGATE).await),
                _ => {
                    done(&stage, &["destroy", "--yes", "fargate-api"]).await;
                    no_defects(&stage.cloud)?;
                    return nothing_left(&stage.cloud, &before);
                }
            }
            tokio::time::sleep(Duration::from_mins(5)).await;
            match things(&stage.cloud) == stood {
                true => no_defects(&stage.cloud),
                false => Err(format!("{:?}, and before {stood:?}", things(&stage.cloud))),
            }
        })
    };
    let failed = on_all_processors(160, dies);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
