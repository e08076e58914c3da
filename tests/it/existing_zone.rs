//! Names in zones that somebody else made: the stack's records come and go, and everybody else's stay.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Crash, Faults};
use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{elb, route53};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::in_virtual_time;
use ecsup::spec::{ExistingZone, Pattern, Route, Spec};
use serde_json::json;

use crate::manifest::written;
use crate::many::{check_requests, deploy, host, prepared, preset};
use crate::proofs::{expect, ids};
use crate::stage::{done, usual};

const REGION: &str = "us-east-1";

/// A service on the internet, known by names in a zone of somebody.
fn api(zone: ExistingZone, names: &[&str]) -> Spec {
    let mut spec = preset(Pattern::FargateApi, "api");
    spec.public.as_mut().expect("it is public").existing_zone = Some(zone);
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    spec.services[0].public = Some(Route { hosts: Vec::new(), paths: Vec::new(), names });
    spec
}

fn named(zone: &str) -> ExistingZone {
    ExistingZone::Named(zone.to_owned())
}

/// Makes a record by hand.
fn add(cloud: &Cloud, zone: &str, name: &str, kind: &str, value: &str) {
    let records = json!([{ "Value": value }]);
    let set = json!({ "Name": name, "Type": kind, "TTL": 300, "ResourceRecords": records });
    let change = json!({ "Action": "CREATE", "ResourceRecordSet": set });
    let batch = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": [change] } });
    let change = |world: &mut World| route53::answer(world, "ChangeResourceRecordSets", &batch);
    cloud.world(change).expect("it is made");
}

/// A zone that has a record already.
async fn zone(cloud: &Cloud, name: &str) -> String {
    let zone = cloud.world(|world| route53::add_zone(world, name, None)).expect("a name");
    add(cloud, &zone, name, "TXT", "\"x\"");
    // The zone is busy for a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    zone
}

/// The records of a zone that are none of those that it is born with.
fn records(cloud: &Cloud, zone: &str) -> BTreeSet<String> {
    let of_zone = |id: &String| id.strip_prefix(zone)?.strip_prefix('/').map(str::to_owned);
    ids(cloud).iter().filter_map(of_zone).collect()
}

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|it| (*it).to_owned()).collect()
}

/// Why a deploy is refused; nothing may have been changed then.
async fn refused(cloud: &Cloud, spec: &Spec) -> String {
    let before = ids(cloud);
    let why = match prepared(cloud, spec).await {
        Err(problem) => problem.to_string(),
        Ok(prepared) => format!("{:?}", prepared.refusals),
    };
    assert_eq!(ids(cloud), before);
    why
}

#[test]
fn records_come_and_go_in_a_zone_of_somebody() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let cloud = &stage.cloud;
        let zone = zone(cloud, "example.com").await;
        let before = ids(cloud);
        let mut spec = api(named("example.com"), &["api.example.com", "example.com"]);
        deploy(cloud, &spec).await;
        check_requests(cloud, &spec);
        let ours = ["example.com./TXT", "api.example.com./A", "example.com./A"];
        assert_eq!(records(cloud, &zone), set(&ours));
        let silent = deploy(cloud, &spec).await;
        assert!(!silent.iter().any(aws_sim::cloud::Record::changes));

        spec.services[0].public.as_mut().expect("it is public").names.pop();
        deploy(cloud, &spec).await;
        check_requests(cloud, &spec);
        assert_eq!(records(cloud, &zone), set(&ours[..2]));
        done(&stage, &["destroy", "--yes", "api"]).await;
        assert_eq!(ids(cloud), before);
    });
}

/// A stack of the same name, whose load balancer is called the same, has names in the same zone.
#[test]
fn the_names_of_a_like_stack_are_somebody_elses() {
    in_virtual_time(7, async || {
        let stage = usual(7);
        let cloud = &stage.cloud;
        let zone = zone(cloud, "example.com").await;
        let (_folder, path) = written(BLOG);
        let (_other_folder, other) = written(&BLOG.replace("blog.example", "eu.example"));
        let in_europe = ["--region", "eu-west-1"];
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let ours = records(cloud, &zone);
        let taken =
            stage.play(&[&in_europe[..], &["deploy", "--yes", "--file", &path]].concat()).await;
        assert_eq!(taken.exit, Exit::Refused, "{}", taken.said());
        done(&stage, &[&in_europe[..], &["deploy", "--yes", "--file", &other]].concat()).await;
        let again = done(&stage, &["deploy", "--yes", "--file", &path]).await;
        assert_eq!(again.changes(), [""; 0]);
        done(&stage, &[&in_europe[..], &["destroy", "--yes", "blog"]].concat()).await;
        assert_eq!(records(cloud, &zone), ours);
        done(&stage, &["destroy", "--yes", "blog"]).await;
        assert_eq!(records(cloud, &zone), set(&["example.com./TXT"]));
    });
}

#[test]
fn names_move_from_zone_to_zone() {
    in_virtual_time(2, async || {
        let stage = usual(2);
        let cloud = &stage.cloud;
        let (first, second) = (zone(cloud, "example.com").await, zone(cloud, "example.org").await);
        let before = ids(cloud);
        deploy(cloud, &api(named("example.com"), &["api.example.com"])).await;
        // By its id, and two names where there was one.
        let spec = api(ExistingZone::Id(second.clone()), &["api.example.org", "www.example.org"]);
        deploy(cloud, &spec).await;
        check_requests(cloud, &spec);
        assert_eq!(records(cloud, &first), set(&["example.com./TXT"]));
        let in_second = ["example.org./TXT", "api.example.org./A", "www.example.org./A"];
        assert_eq!(records(cloud, &second), set(&in_second));
        // Into a zone of the same name.
        let third = zone(cloud, "example.org").await;
        let spec = api(ExistingZone::Id(third.clone()), &["api.example.org", "www.example.org"]);
        deploy(cloud, &spec).await;
        assert_eq!(records(cloud, &second), set(&["example.org./TXT"]));
        assert_eq!(records(cloud, &third), set(&in_second));
        // EC2 shows a tag some seconds after it was put.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let silent = deploy(cloud, &spec).await;
        assert!(!silent.iter().any(aws_sim::cloud::Record::changes));
        done(&stage, &["destroy", "--yes", "api"]).await;
        let theirs = [third.clone(), format!("{third}/example.org./TXT")];
        assert_eq!(ids(cloud), before.into_iter().chain(theirs).collect());
    });
}

#[test]
fn a_name_of_somebody_is_never_taken() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let cloud = &stage.cloud;
        let id = zone(cloud, "example.com").await;
        add(cloud, &id, "api.example.com", "CNAME", "example.net");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let why = refused(cloud, &api(named("example.com"), &["api.example.com"])).await;
        let why = why.replace(&id, "ZONE");
        insta::assert_snapshot!(why, @r#"[(NodeName("record/api.example.com"), "the CNAME record of that name in zone ZONE exists but was not made by ecsup for this stack, so it is left alone")]"#);
        // Nor when it is made while the deploy is on its way.
        let spec = api(named("example.com"), &["www.example.com"]);
        let prepared = prepared(cloud, &spec).await.expect("a graph");
        assert_eq!(prepared.refusals, []);
        add(cloud, &id, "www.example.com", "A", "192.0.2.1");
        let report = ecsup::deploy::carry_out(&prepared, |_| ()).await.expect("a report");
        assert!(!report.is_complete());
        done(&stage, &["destroy", "--yes", "api"]).await;
        let theirs = ["example.com./TXT", "api.example.com./CNAME", "www.example.com./A"];
        assert_eq!(records(cloud, &id), set(&theirs));
    });
}

#[test]
fn a_zone_that_cannot_be_used_is_refused_before_anything_is_made() {
    in_virtual_time(4, async || {
        let stage = usual(4);
        let cloud = &stage.cloud;
        let spec = api(named("example.com"), &["api.example.com"]);
        let mut told = vec![refused(cloud, &spec).await];
        let first = zone(cloud, "example.com").await;
        let second = zone(cloud, "example.com").await;
        told.push(refused(cloud, &spec).await);
        let by_id = api(ExistingZone::Id(first.clone()), &["api.example.com", "example.com"]);
        cloud.world(|world| route53::link_zone(world, &first, "servicediscovery.amazonaws.com"));
        told.push(refused(cloud, &by_id).await);
        let mut outside = api(ExistingZone::Id(second.clone()), &[]);
        outside.services[0].public = Some(host("api.example.org"));
        told.push(refused(cloud, &outside).await);
        told.push(refused(cloud, &api(ExistingZone::Id("Z0NONE".into()), &[])).await);
        let mut ids = [(first, "FIRST"), (second, "SECOND")];
        ids.sort();
        let told = told.join("\n");
        let told = ids.iter().fold(told, |told, (id, name)| told.replace(id, name));
        insta::assert_snapshot!(told, @r"
        ingress.public.existing_zone `example.com`: is no zone of this account
        ingress.public.existing_zone `example.com`: are 2 zones: say which by its id, FIRST or SECOND
        ingress.public.existing_zone `FIRST`: belongs to servicediscovery.amazonaws.com, which lets nobody else change it
        service.web.hosts `api.example.org`: must be the zone `example.com` or a name in it
        ingress.public.existing_zone `Z0NONE`: is no zone of this account
        ");
    });
}

/// A load balancer that is gone by hand takes its DNS name along: the records still point at that.
#[test]
fn records_are_known_when_their_load_balancer_is_gone() {
    in_virtual_time(5, async || {
        let stage = usual(5);
        let cloud = &stage.cloud;
        let zone = zone(cloud, "example.com").await;
        let before = ids(cloud);
        let spec = api(named("example.com"), &["api.example.com"]);
        for destroys in [false, true] {
            deploy(cloud, &spec).await;
            cloud.world(|world| {
                world.enter(REGION);
                let all = elb::answer(world, "DescribeLoadBalancers", &json!({})).expect("them");
                let [balancer] = all.list("LoadBalancers") else { panic!("there is one") };
                let arn = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
                elb::answer(world, "DeleteLoadBalancer", &arn).expect("it goes");
            });
            tokio::time::sleep(Duration::from_mins(3)).await;
            if !destroys {
                deploy(cloud, &spec).await;
                // Its targets pass their health checks.
                tokio::time::sleep(Duration::from_mins(1)).await;
                check_requests(cloud, &spec);
            }
        }
        assert_eq!(records(cloud, &zone), set(&["example.com./TXT", "api.example.com./A"]));
        done(&stage, &["destroy", "--yes", "api"]).await;
        assert_eq!(ids(cloud), before);
    });
}

/// Whenever a deploy or a destroy dies, nothing of the stack stays in the zone in the end.
#[test]
fn nothing_stays_in_a_zone_of_somebody_when_a_command_dies() {
    for (seed, at) in (0..).zip((60..240).step_by(12)) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let cloud = &stage.cloud;
            zone(cloud, "example.com").await;
            let before = ids(cloud);
            let spec = api(named("example.com"), &["api.example.com", "www.example.com"]);
            let dies = |at| Faults {
                crash: Some(Crash { at, after: seed % 2 == 0 }),
                ..Faults::default()
            };
            cloud.set_faults(dies(at));
            tokio::select! {
                _ = deploy(cloud, &spec) => {}
                () = cloud.crashed() => {}
            }
            cloud.set_faults(Faults::default());
            tokio::time::sleep(Duration::from_secs(30)).await;
            if seed % 3 == 0 {
                deploy(cloud, &spec).await;
                check_requests(cloud, &spec);
            }
            cloud.set_faults(dies(at / 2));
            tokio::select! {
                _ = stage.play(&["destroy", "--yes", "api"]) => {}
                () = cloud.crashed() => {}
            }
            cloud.set_faults(Faults::default());
            tokio::time::sleep(Duration::from_secs(30)).await;
            let destroyed = stage.play(&["destroy", "--yes", "api"]).await;
            expect(&destroyed, Exit::Done, "destroy").expect("it is done");
            assert_eq!(ids(cloud), before, "seed {seed}, call {at}");
        });
    }
}

const BLOG: &str = "stack = \"blog\"
pattern = \"fargate-api\"

[ingress.public]
existing_zone = \"example.com\"
unknown = \"web\"

[service.web]
image = \"nginx:1\"
hosts = [\"blog.example.com\"]
";

/// What runs says the zone, and flags, which cannot, do not let it go unseen.
#[test]
fn a_zone_of_somebody_is_not_left_by_oversight() {
    in_virtual_time(6, async || {
        let stage = usual(6);
        let zone = zone(&stage.cloud, "example.com").await;
        let (folder, path) = written(BLOG);
        done(&stage, &["deploy", "--yes", "--file", &path]).await;
        let other = folder.path().join("other.toml").display().to_string();
        done(&stage, &["init", "--from", "blog", "--file", &other]).await;
        done(&stage, &["plan", "--exit-code", "--file", &other]).await;

        let flags = ["--pattern", "fargate-api", "--stack", "blog"];
        let refused = stage.play(&[&["deploy", "--yes"], &flags[..]].concat()).await;
        assert_eq!(refused.exit, Exit::Refused);
        let told = format!("existing_zone {zone} (removed), --host blog.example.com (removed)");
        assert!(refused.said().contains(&told), "{}", refused.said());
        // Whoever answers No keeps both.
        let kept = [&["deploy"], &flags[..]].concat();
        let kept = stage.play_answering(&kept, &["n", "n", "y"]).await;
        assert_eq!(kept.changes(), [""; 0], "{}", kept.said());
        assert_eq!(records(&stage.cloud, &zone), set(&["example.com./TXT", "blog.example.com./A"]));
    });
}
