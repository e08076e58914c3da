//! What is known before a deploy: `ecsup doctor`, and what `plan` and `deploy` refuse or say because of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use ecsup::cli::rehearse::{Played, Stage};
use ecsup::cli::{Cli, Exit};
use ecsup::registry::{Login, Platform, Registry, Unread};
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use crate::diagnosis::without;
use crate::manifest::written;
use crate::proofs::ids;
use crate::stage::{FARGATE, INTERNAL, deploy, done, end, stage};

/// Registries in which the test has put images.
#[derive(Debug, Default)]
struct Known {
    answers: Vec<(&'static str, Result<Vec<Platform>, Unread>)>,
    asked: RefCell<Vec<(String, Option<String>)>>,
}

impl Registry for Known {
    fn platforms<'a>(
        &'a self,
        image: &'a str,
        login: Option<Login>,
    ) -> LocalBoxFuture<'a, Result<Vec<Platform>, Unread>> {
        self.asked.borrow_mut().push((image.to_owned(), login.map(|it| it.user)));
        let answer = self.answers.iter().find(|(name, _)| image.contains(name));
        let answer = answer.map_or_else(|| Ok(linux(&["amd64", "arm64"])), |(_, it)| it.clone());
        Box::pin(async { answer })
    }
}

fn linux(architectures: &[&str]) -> Vec<Platform> {
    let platform = |it: &&str| Platform { os: "linux".into(), architecture: (*it).into() };
    architectures.iter().map(platform).collect()
}

fn registries() -> Rc<Known> {
    let missing = "ManifestUnknown: manifest unknown".to_owned();
    let answers = vec![
        ("web:gone", Err(Unread::Missing(missing))),
        ("web:arm", Ok(linux(&["arm64"]))),
        ("private", Err(Unread::Denied("Not authorized".to_owned()))),
        ("silent", Err(Unread::NoAnswer("no answer in 10 s".to_owned()))),
    ];
    Rc::new(Known { answers, asked: RefCell::default() })
}

async fn with(stage: &Stage, registries: &Rc<Known>, words: &[&str]) -> Played {
    let mut cli = Cli::read([&["ecsup"], words].concat()).expect("it is right");
    let registries: Rc<dyn Registry> = Rc::<Known>::clone(registries);
    cli.global.instead_of_registries = Some(registries);
    stage.run(cli).await
}

/// A scenario with these quotas.
fn quotas(all: &[(&str, usize)]) -> Scenario {
    let quotas = all.iter().map(|(name, most)| ((*name).to_owned(), *most)).collect();
    Scenario { quotas, ..Scenario::default() }
}

#[test]
fn a_stack_is_judged_before_it_is_made() {
    let said = stage(Scenario::default(), async |stage| {
        let words = ["doctor", "--pattern", "internal-worker", "--image", "ghcr.io/acme/web:1"];
        let played = with(stage, &registries(), &words).await;
        assert_eq!((played.exit, played.changes().len()), (Exit::Done, 0));
        told(&played)
    });
    insta::assert_snapshot!(said);
    // For programs, the same.
    stage(quotas(&[("vpcs", 1)]), async |stage| {
        let words = ["doctor", "--pattern", "fargate-api", "--output", "json"];
        let played = done_wrong(stage, &words).await;
        let report: Value = serde_json::from_str(&played.recording.out.concat()).expect("JSON");
        let first = &report["findings"][0];
        assert_eq!((&first["about"], &first["state"]), (&json!("quotas"), &json!("wrong")));
        assert_eq!(first["what"], "VPCs: this takes 1, and 0 of 1 are free here");
    });
}

/// All that doctor tells: what is found, and how much of it.
fn told(played: &Played) -> String {
    let found = played.recording.out.iter();
    found.chain(&played.recording.lines).map(|line| format!("{line}\n")).collect()
}

async fn done_wrong(stage: &Stage, words: &[&str]) -> Played {
    let played = stage.play(words).await;
    assert_eq!(played.exit, Exit::ChangesPending, "{}", played.said());
    played
}

#[test]
fn what_there_is_no_room_for_is_refused_before_anything_is_made() {
    let short = [
        ("vpcs", 1, &FARGATE, "VPCs: this takes 1, and 0 of 1 are free here"),
        ("gateways", 1, &FARGATE, "internet gateways: this takes 1, and 0 of 1 are free here"),
        ("addresses", 1, &FARGATE, "Elastic IPs: this takes 2, and 1 of 1 are free here"),
        ("nat-gateways-per-zone", 0, &INTERNAL, "NAT gateways in us-east-1a: this takes 1"),
        ("load-balancers", 0, &INTERNAL, "Application Load Balancers: this takes 1"),
    ];
    for (name, most, flags, said) in short {
        stage(quotas(&[(name, most)]), async |stage| {
            let before = ids(&stage.cloud);
            let refused = deploy(stage, flags, &[]).await;
            assert_eq!(refused.exit, Exit::Refused, "{name}: {}", refused.said());
            assert!(refused.said().contains(said), "{name}: {}", refused.said());
            assert!(refused.said().contains("nothing was changed"), "{}", refused.said());
            assert_eq!(ids(&stage.cloud), before, "{name}");
            // Whoever knows better goes on, and meets AWS's own refusal.
            let went_on = deploy(stage, flags, &["--skip-preflight", "--timeout", "15m"]).await;
            assert_eq!(went_on.exit, Exit::DeployIncomplete, "{name}: {}", went_on.said());
        });
    }
    // A plan is told all the same.
    let refused = stage(quotas(&[("vpcs", 1), ("gateways", 1)]), async |stage| {
        let refused = stage.play(&["plan", "--pattern", "fargate-api"]).await;
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.recording.out.iter().any(|line| line.contains("create")));
        end(&refused)
    });
    insta::assert_snapshot!(refused);
}

/// Instances that are stopping, and tasks that somebody else runs, are not known: this is said, and no more.
#[test]
fn room_for_processors_is_only_doubted() {
    for (scenario, flags) in
        [(quotas(&[("vcpus", 4)]), INTERNAL), (quotas(&[("fargate-vcpus", 0)]), FARGATE)]
    {
        stage(scenario, async |stage| {
            let played = deploy(stage, &flags, &["--timeout", "15m"]).await;
            assert_eq!(played.exit, Exit::DeployIncomplete);
            assert!(played.said().contains("warning: vCPUs of "), "{}", played.said());
        });
    }
    // Half of what there is may be in use: that of others does not count as ours.
    stage(quotas(&[("fargate-vcpus", 1)]), async |stage| {
        let played = done(stage, &FARGATE).await;
        assert!(!played.said().contains("vCPUs of"), "{}", played.said());
    });
}

#[test]
fn what_exists_already_is_not_counted_again() {
    stage(quotas(&[("vpcs", 2), ("addresses", 2), ("gateways", 2)]), async |stage| {
        done(stage, &FARGATE).await;
        let changed = done(stage, &[&FARGATE[..], &["--image", "nginx:2"]].concat()).await;
        let calls: BTreeSet<_> = changed.calls.iter().map(|call| call.service).collect();
        assert!(!calls.contains("servicequotas"), "{calls:?}");
        assert!(!changed.calls.iter().any(|call| call.operation == "SimulatePrincipalPolicy"));
    });
}

/// The policy that is printed for a pattern, without some actions.
fn printed_without(actions: &[&str]) -> Policy {
    use clap::ValueEnum as _;
    use ecsup::permissions::{Bounds, Part, policy};
    let bounds = Bounds::new(Some("us-east-1"), Some("123456789012"), None);
    let patterns = ecsup::spec::Pattern::value_variants();
    without(&policy(patterns, &Part::WHOLE, &bounds).to_json(), actions)
}

#[test]
fn what_the_caller_may_not_do_is_doubted_and_never_in_the_way() {
    let doctor = ["doctor", "--pattern", "public-api"];
    stage(Scenario::default(), async |stage| {
        stage.cloud.set_policy(printed_without(&[]));
        let fine = told(&done(stage, &doctor).await);
        assert!(fine.contains("the caller may do all "), "{fine}");
        stage.cloud.set_policy(printed_without(&[
            "ec2:CreateNatGateway",
            "elasticloadbalancing:CreateRule",
        ]));
        let doubted = told(&done(stage, &doctor).await);
        let line = doubted.lines().find(|line| line.contains("may be denied")).expect("it is said");
        assert!(line.contains("2 of "), "{line}");
        assert!(line.contains("ec2:CreateNatGateway, elasticloadbalancing:CreateRule"), "{line}");
        let deployed = stage.play(&["deploy", "--yes", "--pattern", "public-api"]).await;
        assert_eq!(deployed.exit, Exit::DeployIncomplete);
        assert!(deployed.said().contains("warning: 2 of "), "{}", deployed.said());
    });
    // Who may not even ask is told what is not known, and deploys.
    stage(Scenario::default(), async |stage| {
        let looks = [
            "iam:SimulatePrincipalPolicy",
            "servicequotas:GetServiceQuota",
            "servicequotas:GetAWSDefaultServiceQuota",
        ];
        stage.cloud.set_policy(printed_without(&looks));
        let unknown = told(&done(stage, &doctor).await);
        insta::assert_snapshot!(unknown);
        let deployed = done(stage, &["deploy", "--yes", "--pattern", "public-api"]).await.said();
        let line = deployed.lines().find(|line| line.contains("not known: ")).expect("it is said");
        assert!(line.contains("`ecsup doctor` says why"), "{line}");
    });
}

#[test]
fn images_are_looked_up_where_they_are() {
    stage(Scenario::default(), async |stage| {
        let known = registries();
        let fargate = |image: &'static str| [&FARGATE[..], &["--image", image]].concat();
        let before = ids(&stage.cloud);
        let gone = with(stage, &known, &fargate("ghcr.io/acme/web:gone")).await;
        assert_eq!((gone.exit, ids(&stage.cloud)), (Exit::Refused, before.clone()));
        insta::assert_snapshot!(end(&gone), @r"
        error: service.web: image ghcr.io/acme/web:gone is not there (ManifestUnknown: manifest unknown)
        hint: nothing was changed; push it, or name one that is there (the tag may be wrong)
        hint: --skip-preflight goes ahead all the same
        ");
        let arm = with(stage, &known, &fargate("ghcr.io/acme/web:arm")).await;
        assert_eq!((arm.exit, ids(&stage.cloud)), (Exit::Refused, before));
        insta::assert_snapshot!(end(&arm), @r"
        error: service.web: image ghcr.io/acme/web:arm is for linux/arm64, and its tasks run on linux/amd64 (its registry: linux/arm64)
        hint: nothing was changed; build it for that (docker buildx build --platform linux/amd64), or run the service on such processors
        hint: --skip-preflight goes ahead all the same
        ");
        // What may be there for others, or nobody knows, stops nobody.
        let hidden = with(stage, &known, &fargate("ghcr.io/acme/private:1")).await;
        assert_eq!(hidden.exit, Exit::Done, "{}", hidden.said());
        assert!(hidden.said().contains("warning: service.web: image ghcr.io/acme/private:1"));
        let silent = with(stage, &known, &fargate("silent.example.com/web:1")).await;
        assert_eq!(silent.exit, Exit::Done, "{}", silent.said());
        let note = "not known: service.web: whether image silent.example.com/web:1 is there";
        assert!(silent.said().contains(note), "{}", silent.said());
        // Where nothing changes, nobody is asked.
        let asked = known.asked.borrow().len();
        let again = with(stage, &known, &fargate("silent.example.com/web:1")).await;
        assert_eq!((again.exit, known.asked.borrow().len()), (Exit::Done, asked));
    });
}

/// Of two services and a sidecar only that is looked up which will start.
#[test]
fn only_images_of_new_tasks_are_looked_up() {
    stage(Scenario::default(), async |stage| {
        let manifest = |tag: &str| {
            format!(
                "stack = 'demo'\npattern = 'fargate-api'\n[service.api]\nimage = 'acme/api:{tag}'\nhosts = ['a.b']\n\
                 [service.web]\nimage = 'acme/web:1'\nhosts = ['c.d']\n[service.web.sidecar.log]\nimage = 'acme/log:1'\n"
            )
        };
        let known = registries();
        let (_folder, path) = written(&manifest("1"));
        let words = ["deploy", "--yes", "--file", &path];
        assert_eq!(with(stage, &known, &words).await.exit, Exit::Done);
        let asked: BTreeSet<_> = known.asked.borrow_mut().drain(..).map(|it| it.0).collect();
        assert_eq!(
            asked,
            BTreeSet::from(["acme/api:1", "acme/log:1", "acme/web:1"].map(String::from))
        );
        let (_folder, path) = written(&manifest("2"));
        let words = ["deploy", "--yes", "--file", &path];
        assert_eq!(with(stage, &known, &words).await.exit, Exit::Done);
        assert_eq!(*known.asked.borrow(), [("acme/api:2".to_owned(), None)]);
    });
}

/// ECR says itself whether an image is there, and lets the caller ask its registry for which platforms.
#[test]
fn images_in_ecr_are_asked_of_its_api() {
    let missing_images = vec!["web:gone".to_owned()];
    stage(Scenario { missing_images, ..Scenario::default() }, async |stage| {
        let known = registries();
        let of = |tag: &str| format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/web:{tag}");
        let image = of("gone");
        let gone = with(stage, &known, &[&FARGATE[..], &["--image", &image]].concat()).await;
        assert_eq!(gone.exit, Exit::Refused);
        assert!(gone.said().contains("ImageNotFoundException"), "{}", gone.said());
        assert_eq!(known.asked.borrow().len(), 0);
        let image = of("arm");
        let arm = with(stage, &known, &[&FARGATE[..], &["--image", &image]].concat()).await;
        assert!(end(&arm).contains("is for linux/arm64"), "{}", arm.said());
        assert_eq!(*known.asked.borrow(), [(image, Some("AWS".to_owned()))]);
        // Whoever may not sign in learns only that it is there.
        stage.cloud.set_policy(printed_without(&[]));
        let deployed = with(stage, &known, &[&FARGATE[..], &["--image", &of("1")]].concat()).await;
        assert_eq!(deployed.exit, Exit::Done, "{}", deployed.said());
    });
}

/// What a deploy is refused for before there is a plan is told as findings.
#[test]
fn what_is_refused_anyway_is_told_by_doctor_too() {
    stage(Scenario::default(), async |stage| {
        let words = ["doctor", "--pattern", "internal-worker", "--instance-type", "z9.huge"];
        let played = done_wrong(stage, &words).await;
        let told = told(&played);
        assert!(told.contains("z9.huge") && told.contains("1 wrong"), "{told}");
    });
}
