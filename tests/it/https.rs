//! HTTPS: certificates of somebody else on port 443, and what becomes of port 80.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Crash, Faults};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::world::World;
use aws_sim::{acm, elb};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use futures::future::{self, Either};
use serde_json::json;

use crate::goal::requests::answer;
use crate::manifest::written;
use crate::proofs::{expect, ids, nothing_denied};
use crate::stage::{done, usual};

/// A manifest with these certificates, by their number, and more of its load balancer.
fn manifest(certificates: &[u8], more: &str) -> String {
    let arns: Vec<_> = certificates.iter().map(|at| format!("'{}'", arn(*at))).collect();
    format!(
        "stack = 'demo'\npattern = 'fargate-api'\n[ingress.public]\ncertificates = [{}]\n{more}\n\
         [service.web]\nimage = 'nginx:1'\nhosts = ['www.example.com', 'example.com']\n",
        arns.join(", ")
    )
}

fn arn(at: u8) -> String {
    format!("arn:aws:acm:us-east-1:123456789012:certificate/{at}")
}

/// Certificates: for both hosts, for all below one of them, and for that alone, which is not issued.
fn add_certificates(cloud: &Cloud) {
    cloud.world(|world| {
        let both: &[&str] = &["example.com", "*.example.com"];
        acm::add_as(world, &arn(0), both, "ISSUED");
        acm::add_as(world, &arn(1), &both[1..], "ISSUED");
        acm::add_as(world, &arn(2), &both[..1], "ISSUED");
        acm::add_as(world, &arn(3), both, "PENDING_VALIDATION");
    });
}

/// What answers at a port.
fn at(cloud: &Cloud, port: u16) -> String {
    let ask = ("internet-facing", port);
    cloud.world(|world| answer(world, "demo", ask, ("www.example.com", "/")))
}

/// The listener of port 443.
fn listener(cloud: &Cloud) -> String {
    let own = cloud.world(World::tagged);
    let is_it = |tags: &aws_sim::fields::Tags| {
        tags.get("ecsup:node").is_some_and(|node| node == "listener/443")
    };
    own.into_iter().find(|it| is_it(&it.2)).expect("it is there").1
}

#[test]
fn port_443_serves_and_port_80_leads_there() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let cloud = &stage.cloud;
        add_certificates(cloud);
        let before = ids(cloud);
        let (_folder, path) = written(&manifest(&[0], ""));
        let deploy = ["deploy", "--yes", "--file", &path];
        let deployed = done(&stage, &deploy).await;
        assert!(deployed.recording.out.join("\n").contains("load balancer  https://"));
        assert_eq!((at(cloud, 443), at(cloud, 80)), ("web".into(), "redirect to HTTPS:443".into()));
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(done(&stage, &deploy).await.changes(), [""; 0]);
        // A policy that somebody has weakened by hand is mended.
        let weaker =
            json!({ "ListenerArn": listener(cloud), "SslPolicy": "ELBSecurityPolicy-2016-08" });
        cloud.world(|world| elb::answer(world, "ModifyListener", &weaker)).expect("it is changed");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(done(&stage, &deploy).await.changes().contains(&"ModifyListener"));
        for (text, plain) in [("http = 'off'", "nobody listens"), ("http = 'serve'", "web")] {
            fs::write(&path, manifest(&[0], text)).unwrap();
            done(&stage, &deploy).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!((at(cloud, 443), at(cloud, 80)), ("web".into(), plain.into()), "{text}");
        }
        done(&stage, &["destroy", "--yes", "demo"]).await;
        assert_eq!(ids(cloud), before);
    });
}

/// Asks once a second, for ever, whoever may come by port 80: it serves, or leads to what serves.
async fn somebody_asks(cloud: &Cloud, failed: &mut BTreeSet<String>) -> Infallible {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match at(cloud, 80).as_str() {
            "web" => {}
            "redirect to HTTPS:443" if at(cloud, 443) == "web" => {}
            other => drop(failed.insert(other.to_owned())),
        }
    }
}

#[test]
fn a_stack_goes_on_serving_while_it_is_secured() {
    in_virtual_time(2, async || {
        let stage = usual(2);
        let cloud = &stage.cloud;
        add_certificates(cloud);
        let (_folder, path) = written(&manifest(&[], ""));
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &deploy).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        fs::write(&path, manifest(&[0], "")).unwrap();
        let mut failed = BTreeSet::new();
        let asks = Box::pin(somebody_asks(cloud, &mut failed));
        match future::select(Box::pin(stage.play(&deploy)), asks).await {
            Either::Left((played, _)) => expect(&played, Exit::Done, "deploy").unwrap(),
        }
        assert_eq!(failed, BTreeSet::new());
        assert_eq!(at(cloud, 80), "redirect to HTTPS:443");
    });
}

#[test]
fn certificates_come_and_go_and_one_is_the_default() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let cloud = &stage.cloud;
        add_certificates(cloud);
        let (_folder, path) = written(&manifest(&[0], ""));
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &deploy).await;
        for certificates in [&[0, 1, 2][..], &[2, 1], &[1, 2], &[0]] {
            fs::write(&path, manifest(certificates, "")).unwrap();
            tokio::time::sleep(Duration::from_secs(30)).await;
            done(&stage, &deploy).await;
            let input = json!({ "ListenerArn": listener(cloud) });
            let all =
                cloud.world(|world| elb::answer(world, "DescribeListenerCertificates", &input));
            let all = all.expect("it is told");
            let is_default = |it: &&serde_json::Value| it.flag("IsDefault") == Some(true);
            let arns = |all: Vec<&serde_json::Value>| -> BTreeSet<String> {
                all.into_iter().map(|it| it.text("CertificateArn").to_owned()).collect()
            };
            let (default, others) = all.list("Certificates").iter().partition(is_default);
            let wanted: Vec<_> = certificates.iter().map(|at| arn(*at)).collect();
            assert_eq!(arns(default), BTreeSet::from([wanted[0].clone()]));
            assert_eq!(arns(others), wanted[1..].iter().cloned().collect());
            assert_eq!(done(&stage, &deploy).await.changes(), [""; 0], "{certificates:?}");
        }
    });
}

#[test]
fn a_certificate_that_cannot_serve_is_refused_before_anything_is_made() {
    let refused = |text: String| {
        in_virtual_time(4, async || {
            let stage = usual(4);
            add_certificates(&stage.cloud);
            let (_folder, path) = written(&text);
            let played = stage.play(&["deploy", "--yes", "--file", &path]).await;
            assert_eq!(
                (played.exit, played.changes().len()),
                (Exit::Refused, 0),
                "{}",
                played.said()
            );
            let said = played.said().replace(&path, "ecsup.toml");
            said.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n")
        })
    };
    let elsewhere = manifest(&[0], "").replace("us-east-1", "eu-west-1");
    let all =
        [manifest(&[3], ""), manifest(&[9], ""), manifest(&[1], ""), manifest(&[2], ""), elsewhere];
    insta::assert_snapshot!(all.map(refused).join("\n"));
}

#[test]
fn certificates_that_may_not_be_looked_at_are_left_to_aws() {
    in_virtual_time(5, async || {
        let stage = usual(5);
        add_certificates(&stage.cloud);
        let (_folder, path) = written(&manifest(&[0], ""));
        let words = ["permissions", "--region", "us-east-1", "--pattern", "fargate-api"];
        let print = async |part: &[&str]| {
            let printed = done(&stage, &[&words[..], part].concat()).await;
            printed.recording.out.join("\n")
        };
        let whole = print(&[]).await;
        let part = print(&["--part", "https"]).await;
        let without_look = part.replace("acm:DescribeCertificate", "acm:ListCertificates");
        for (policy, warns) in [(&part, false), (&without_look, true)] {
            let both =
                [&whole, policy].map(|it| serde_json::from_str::<serde_json::Value>(it).unwrap());
            let statements =
                both.iter().flat_map(|it| it["Statement"].as_array().unwrap()).cloned();
            let policy =
                json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() });
            stage.cloud.set_policy(Policy::parse(&policy.to_string()).unwrap());
            let deployed = done(&stage, &["deploy", "--yes", "--file", &path]).await;
            let warned = deployed.said().contains("could not look up a certificate");
            assert_eq!(warned, warns, "{}", deployed.said());
            if !warns {
                for certificates in [&[0, 1][..], &[0]] {
                    fs::write(&path, manifest(certificates, "")).unwrap();
                    done(&stage, &["deploy", "--yes", "--file", &path]).await;
                }
                nothing_denied(&stage.cloud).unwrap();
            }
        }
    });
}

#[test]
fn whoever_is_secured_stays_so_by_flags_alone() {
    in_virtual_time(6, async || {
        let stage = usual(6);
        add_certificates(&stage.cloud);
        let more = "http = 'serve'\ntls_policy = 'ELBSecurityPolicy-TLS13-1-3-2021-06'";
        let (folder, path) = written(&manifest(&[0, 1], more));
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let flags = ["deploy", "--yes", "--pattern", "fargate-api", "--stack", "demo", "--no-file"];
        let refused = stage.play(&flags).await;
        assert_eq!((refused.exit, refused.changes().len()), (Exit::Refused, 0));
        let lost = format!("certificates {}, {} (removed)", arn(0), arn(1));
        assert!(refused.said().contains(&lost), "{}", refused.said());
        let again = folder.path().join("again.toml");
        let again = again.to_str().unwrap();
        done(&stage, &["init", "--from", "demo", "--file", again]).await;
        let planned = stage.play(&["plan", "--exit-code", "--file", again]).await;
        assert_eq!(planned.exit, Exit::Done, "{}", planned.said());
        let status = done(&stage, &["status", "demo"]).await.recording.out.join("\n");
        assert!(status.contains("address   https://"), "{status}");
    });
}

#[test]
fn a_crash_while_a_stack_is_secured_is_gone_on_with() {
    for (seed, call) in (0..).zip((60..110).step_by(5)) {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, aws_sim::scenario::Scenario::default()) };
            let cloud = &stage.cloud;
            add_certificates(cloud);
            let before = ids(cloud);
            let (_folder, path) = written(&manifest(&[], ""));
            let deploy = ["deploy", "--yes", "--file", &path];
            done(&stage, &deploy).await;
            fs::write(&path, manifest(&[0, 1], "")).unwrap();
            let crash = Some(Crash { at: call, after: seed % 2 == 0 });
            cloud.set_faults(Faults { crash, ..Faults::default() });
            tokio::select! {
                _ = stage.play(&deploy) => {}
                () = cloud.crashed() => {}
            }
            cloud.set_faults(Faults::default());
            tokio::time::sleep(Duration::from_mins(2)).await;
            done(&stage, &deploy).await;
            assert_eq!(
                (at(cloud, 443), at(cloud, 80)),
                ("web".into(), "redirect to HTTPS:443".into())
            );
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!(done(&stage, &deploy).await.changes(), [""; 0], "{call}");
            done(&stage, &["destroy", "--yes", "demo"]).await;
            assert_eq!(ids(cloud), before);
        });
    }
}
