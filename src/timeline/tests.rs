//! Timelines of deploys and teardowns, played and made up.

use std::time::Duration;

use serde_json::json;

use super::draw::NARROWEST;
use super::*;
use crate::engine::edge::{Grade, Link};
use crate::engine::event::{LEAVING, What};

fn event(seconds: f64, node: &str, what: What) -> Event {
    Event { at: Duration::from_secs_f64(seconds), node: node.into(), what }
}

fn waiting(why: &str) -> What {
    What::Waiting(why.into())
}

/// Links from lines such as `nat <- vpc (made), address`.
fn links(lines: &str) -> Links {
    let link = |text: &str| {
        let made = text.strip_suffix(" (made)");
        let grade = if made.is_some() { Grade::Made } else { Grade::Ready };
        Link { to: made.unwrap_or(text).into(), grade, after: Duration::ZERO }
    };
    let line = |line: &str| {
        let (node, needs) = line.trim().split_once(" <-").unwrap();
        let needs = needs.trim().split(", ").filter(|it| !it.is_empty());
        (NodeName::from(node), needs.map(link).collect())
    };
    lines.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn deploy() -> Timeline {
    let events = [
        event(0.1, "cluster", What::Found { id: "demo".into() }),
        event(0.2, "vpc", What::Creating),
        event(0.4, "vpc", What::Created),
        event(0.4, "vpc", waiting("the VPC to become available")),
        event(0.5, "internet-gateway", What::Creating),
        event(0.6, "internet-gateway", waiting("the vpc-1 is not known yet")),
        event(1.5, "vpc", What::Ready),
        event(2.8, "internet-gateway", What::Created),
        event(2.8, "internet-gateway", What::Changing(vec!["attachments".into()])),
        event(3.0, "internet-gateway", What::Changed),
        event(3.0, "internet-gateway", What::Ready),
        event(3.0, "load-balancer", What::Creating),
        event(3.1, "nat/1", What::Creating),
        event(3.3, "nat/1", What::Created),
        event(3.3, "nat/1", waiting("the NAT gateway is pending")),
        event(4.0, "load-balancer", What::Created),
        event(4.0, "load-balancer", waiting("AWS to provision the load balancer")),
        event(20.0, "service/worker", What::Creating),
        event(20.2, "service/worker", What::Created),
        event(20.2, "service/worker", waiting("0 of 2 tasks are running")),
        event(125.0, "nat/1", What::Ready),
        event(142.0, "load-balancer", What::Ready),
        event(150.0, "service/worker", waiting("2 tasks are running, 1 is healthy")),
        event(165.4, "service/worker", What::Ready),
    ];
    let links = links(
        "
        cluster <-
        vpc <-
        internet-gateway <- vpc (made)
        nat/1 <- internet-gateway
        load-balancer <- internet-gateway, cluster
        service/worker <- cluster, load-balancer, nat/1, vpc
        ",
    );
    Timeline::new(&events, &links, seconds(166))
}

#[test]
fn a_deploy() {
    insta::assert_snapshot!(deploy().to_text(80, &|_| None), @r"
                       0:00        1:00        2:00
    * vpc              █                                      1s
    * internet-gateway █                                      2s
    * load-balancer    █░░░░░░░░░░░░░░░░░░░░░░░░░░░░       2m19s
      nat/1            █░░░░░░░░░░░░░░░░░░░░░░░░           2m01s
    * service/worker       █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2m25s

    took 2m46s
    found as they were: 1
    critical path: vpc → internet-gateway → load-balancer → service/worker
    longest waits:
       2m18s  load-balancer     AWS to provision the load balancer
       2m09s  service/worker    0 of 2 tasks are running
       2m01s  nat/1             the NAT gateway is pending
         15s  service/worker    2 tasks are running, 1 is healthy
          2s  internet-gateway  the vpc-1 is not known yet
    ");
    insta::assert_snapshot!(deploy().to_text(100, &|_| None), @r"
                       0:00      0:30      1:00      1:30      2:00      2:30
    * vpc              █                                                            1s
    * internet-gateway █                                                            2s
    * load-balancer     █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░          2m19s
      nat/1             █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░                2m01s
    * service/worker         █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2m25s

    took 2m46s
    found as they were: 1
    critical path: vpc → internet-gateway → load-balancer → service/worker
    longest waits:
       2m18s  load-balancer     AWS to provision the load balancer
       2m09s  service/worker    0 of 2 tasks are running
       2m01s  nat/1             the NAT gateway is pending
         15s  service/worker    2 tasks are running, 1 is healthy
          2s  internet-gateway  the vpc-1 is not known yet
    ");
}

#[test]
fn a_deploy_as_data() {
    let mut data = deploy().to_json();
    assert_eq!(data["took"], 166.0);
    let path = ["vpc", "internet-gateway", "load-balancer", "service/worker"];
    assert_eq!(data["critical_path"], json!(path));
    assert_eq!(data["rows"].as_array().unwrap().len(), 6);
    let row = data["rows"][2].take();
    let waits = json!([{ "from": 0.6, "to": 2.8, "why": "the vpc-1 is not known yet" }]);
    let expected = json!({
        "node": "internet-gateway", "start": 0.5, "made": 2.8, "end": 3.0, "ending": "ready",
        "why": null, "waits": waits, "critical": true,
    });
    assert_eq!(row, expected);
    assert_eq!(data["rows"][0]["ending"], "found");
}

#[test]
fn what_takes_longest_afterwards_held_a_node_up() {
    let events = [
        event(0.0, "warm", What::Creating),
        event(1.0, "warm", What::Created),
        event(1.0, "warm", What::Ready),
        event(0.0, "nat", What::Creating),
        event(60.0, "nat", What::Ready),
        event(2.0, "service", What::Creating),
        event(120.0, "service", What::Ready),
    ];
    let link = |to: &str, after| Link { to: to.into(), grade: Grade::Ready, after };
    let service = vec![link("nat", seconds(40)), link("warm", seconds(110))];
    let none = |node: &str| (NodeName::from(node), Vec::new());
    let links = [none("warm"), none("nat"), ("service".into(), service)];
    let timeline = Timeline::new(&events, &links.into(), Duration::ZERO);
    assert_eq!(timeline.critical_path, ["warm".into(), "service".into()]);
}

#[test]
fn what_is_over_at_once_was_not_held_up_by_what_takes_long() {
    let events = [
        event(2.0, "profile", What::Creating),
        event(6.0, "profile", What::Ready),
        event(2.0, "cluster", What::Creating),
        event(15.0, "cluster", What::Ready),
        event(15.0, "group", What::Creating),
        event(16.3, "group", What::Ready),
    ];
    let mut links = links("group <- cluster, profile");
    // Others know a profile after 15 seconds typically; this time they did sooner.
    links.get_mut(&NodeName::from("group")).unwrap()[1].after = seconds(15);
    let timeline = Timeline::new(&events, &links, seconds(17));
    assert_eq!(path(&timeline), "cluster group");
}

#[test]
fn a_teardown() {
    let hook = "held by instance i-1, which is protected from scale-in, and by another one that is draining";
    let events = [
        event(0.0, "service/worker", What::Removing),
        event(0.0, "load-balancer", What::Removing),
        event(0.1, "service/worker", waiting(LEAVING)),
        event(0.1, "load-balancer", waiting(LEAVING)),
        event(2.0, "load-balancer", What::Removed),
        event(2.1, "service/worker", waiting("2 tasks to stop")),
        event(30.0, "service/worker", What::Removed),
        event(30.0, "capacity-provider-association", What::Removing),
        event(30.0, "nat/1", What::Removing),
        event(30.1, "nat/1", waiting(LEAVING)),
        event(30.1, "capacity-provider-association", waiting(LEAVING)),
        event(30.1, "auto-scaling-group", What::Removing),
        event(30.2, "auto-scaling-group", waiting("ScalingActivityInProgress")),
        event(33.1, "capacity-provider-association", What::Removed),
        event(60.0, "auto-scaling-group", waiting(hook)),
        event(90.0, "nat/1", What::Removed),
        event(140.0, "auto-scaling-group", waiting(LEAVING)),
        event(150.0, "auto-scaling-group", What::Removed),
        event(150.0, "vpc", What::Removing),
        event(150.3, "vpc", What::Removed),
        event(150.3, "audit", waiting("15s until AWS cannot hide anything any longer")),
    ];
    let links = links(
        "
        service/worker <-
        load-balancer <-
        capacity-provider-association <- service/worker
        nat/1 <- service/worker
        auto-scaling-group <- service/worker, capacity-provider-association (made)
        vpc <- auto-scaling-group, nat/1, load-balancer
        ",
    );
    let timeline = Timeline::new(&events, &links, seconds(166));
    insta::assert_snapshot!(timeline.to_text(80, &|_| None), @r"
                                    0:00        1:00        2:00
    * service/worker                █░░░░░                                30s
      load-balancer                 █                                      2s
    * capacity-provider-association       █                                3s
      nat/1                               █░░░░░░░░░░░                  1m00s
    * auto-scaling-group                  █░░░░░░░░░░░░░░░░░░░░░░░      1m59s
    * vpc                                                         █        0s
    * audit                                                       ░░░░    15s

    took 2m46s
    critical path: service/worker → capacity-provider-association →
        auto-scaling-group → vpc → audit
    longest waits:
       1m20s  auto-scaling-group  held by instance i-1, which is protected from sca…
         59s  nat/1               AWS to remove it
         29s  auto-scaling-group  ScalingActivityInProgress
         27s  service/worker      2 tasks to stop
         15s  audit               15s until AWS cannot hide anything any longer
    ");
}

#[test]
fn a_failure_and_what_it_took_along() {
    let long = "rule/load-balancer-80-from-2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128";
    let events = [
        event(0.0, "nat/1", What::Creating),
        event(0.2, "nat/1", What::Created),
        event(0.2, "nat/1", waiting("the NAT gateway is pending")),
        event(1.0, long, What::Creating),
        event(1.2, long, What::Created),
        event(1.2, long, What::Ready),
        event(2.0, "service/worker", What::Creating),
        event(2.2, "service/worker", waiting("0 of 2\ntasks are running")),
        event(50.0, "nat/1", What::Failed("Gateway.NotAttached: no gateway".into())),
        event(50.0, "service/worker", What::NotStarted("not started, since nat/1 failed".into())),
        event(50.0, "record/worker", What::NotStarted("not started, since nat/1 failed".into())),
    ];
    let links = links("nat/1 <-\nservice/worker <- nat/1");
    let timeline = Timeline::new(&events, &links, seconds(50));
    insta::assert_snapshot!(timeline.to_text(60, &|_| None), @r"
                               0:00           0:30
    * nat/1                    █░░░░░░░░░░░░░░░░░░░░░░░✗    50s
      rule/load-ba…ee:ffff/128 █                             0s
      service/worker            █░░░░░░░░░░░░░░░░░░░░░░░    48s

    took 50s
    critical path: nat/1
    ✗ nat/1: Gateway.NotAttached: no gateway
    not started, since nat/1 failed: service/worker,
        record/worker
    longest waits:
         49s  nat/1           the NAT gateway is pending
         47s  service/worker  0 of 2 tasks are running
    ");
}

#[test]
fn nothing_to_do() {
    let events = [event(0.3, "vpc", What::Found { id: "vpc-1".into() })];
    let timeline = Timeline::new(&events, &links("vpc <-"), Duration::from_millis(400));
    insta::assert_snapshot!(timeline.to_text(80, &|_| None), @r"
    took 0s
    found as they were: 1
    ");
    assert_eq!(Timeline::new(&[], &Links::new(), Duration::ZERO).to_text(80, &|_| None), "took 0s");
}

#[test]
fn no_line_is_too_long() {
    let name = "x".repeat(90);
    for took in [0, 1, 59, 60, 600, 5000, 100_000, 300_000] {
        let events = [
            event(0.0, "a", What::Creating),
            event(0.0, &name, waiting(&"why ".repeat(60))),
            event(0.0, "b", What::NotStarted(format!("not started, since {name} failed"))),
            event(f64::from(took), "a", What::Failed(name.clone())),
        ];
        let timeline = Timeline::new(&events, &Links::new(), Duration::ZERO);
        for width in [0, 40, 41, 56, 77, 100, 240] {
            for line in timeline.to_text(width, &|_| None).lines() {
                assert!(line.chars().count() <= width.max(NARROWEST), "{took}: {line}");
            }
        }
    }
}

/// A service on instances as it was played: every gateway is a link, be it in need of it or not.
/// `gateway` and `balancer` are when the slower gateway and the load balancer were ready.
fn service(gateway: f64, balancer: f64, service: &[(f64, What)]) -> Timeline {
    let mut events = vec![
        event(0.5, "subnet", What::Creating),
        event(3.0, "subnet", What::Ready),
        event(3.0, "balancer", What::Creating),
        event(5.4, "nat/1", What::Creating),
        event(5.5, "nat/2", What::Creating),
        event(16.6, "warm", What::Creating),
        event(16.8, "warm", What::Created),
        event(16.8, "warm", What::Ready),
        event(75.1, "nat/2", What::Ready),
        event(balancer, "balancer", What::Ready),
        event(gateway, "nat/1", What::Ready),
        event(25.1, "service", What::Creating),
        event(25.2, "service", What::Created),
    ];
    events.extend(service.iter().map(|(at, what)| event(*at, "service", what.clone())));
    let link = |to: &str, after| Link { to: to.into(), grade: Grade::Ready, after };
    let needs = |node: &str, links: &[(&str, u64)]| {
        let links = links.iter().map(|(to, after)| link(to, seconds(*after)));
        (NodeName::from(node), links.collect())
    };
    let links = [
        needs("subnet", &[]),
        needs("warm", &[]),
        needs("nat/1", &[("subnet", 120)]),
        needs("nat/2", &[("subnet", 120)]),
        needs("balancer", &[("subnet", 150)]),
        needs("service", &[("warm", 117), ("nat/1", 45), ("nat/2", 45), ("balancer", 12)]),
    ];
    Timeline::new(&events, &links.into(), Duration::ZERO)
}

fn path(timeline: &Timeline) -> String {
    let path: Vec<_> = timeline.critical_path.iter().map(NodeName::as_str).collect();
    path.join(" ")
}

#[test]
fn what_came_after_all_tasks_ran_held_nobody_up() {
    let events = |running, ready| {
        [
            (25.2, waiting("0 of 2 tasks running")),
            (running, waiting("2 of 2 tasks running: ECS checks that they stay healthy")),
            (ready, What::Ready),
        ]
    };
    // The gateway was there after the tasks ran, and 15 s before the service was healthy.
    let timeline = service(150.2, 145.1, &events(135.1, 165.2));
    assert_eq!(path(&timeline), "subnet balancer service");
    // Nor did the tasks start within two seconds.
    let timeline = service(133.0, 30.0, &events(135.1, 165.2));
    assert_eq!(path(&timeline), "warm service");
    // Here they waited for it.
    let timeline = service(150.2, 145.1, &events(180.3, 195.4));
    assert_eq!(path(&timeline), "subnet nat/1 service");
    // And here for the faster one of two, by far.
    let timeline = service(194.0, 30.0, &events(108.0, 195.4));
    assert_eq!(path(&timeline), "warm service");
}

#[test]
fn what_does_not_count_has_its_time_all_the_same() {
    let events = |ready| [(25.2, waiting("tasks to run")), (ready, What::Ready)];
    assert_eq!(path(&service(150.2, 145.1, &events(165.2))), "subnet balancer service");
    assert_eq!(path(&service(150.2, 145.1, &events(180.2))), "subnet nat/1 service");
}

#[test]
fn what_failed_on_its_own_blames_nobody() {
    let gave_up = What::Failed("gave up after 30m05s: 0 of 2 tasks running".into());
    for (at, end) in [(56.2, gave_up.clone()), (135.5, gave_up)] {
        let events = [
            (25.2, waiting("0 of 2 tasks running")),
            (at, waiting("0 of 2 tasks running; no instance could be started")),
            (1830.2, end),
        ];
        assert_eq!(path(&service(150.2, 145.1, &events)), "warm service");
    }
}

#[test]
fn reasons_are_told_to_their_ends() {
    let request = "(request 00000000-0000-4000-8000-000000000075)";
    let long = format!("{} the cause", "no such thing ".repeat(20));
    let not_started = |why: &str| What::NotStarted(why.into());
    let mut events = vec![
        event(0.0, "vpc", waiting(&format!("Missing: not there {request}, yet"))),
        event(9.0, "vpc", What::Failed(format!("Missing: {long} {request}"))),
        event(9.0, "lock", not_started("stopped")),
    ];
    for subnet in 1..=20 {
        let node = format!("subnet/{subnet}");
        events.push(event(9.0, &node, not_started("not started, since vpc failed")));
    }
    let timeline = Timeline::new(&events, &Links::new(), Duration::ZERO);
    let text = timeline.to_text(80, &|_| None);
    assert!(!text.contains("request"), "{text}");
    assert!(text.contains("  vpc  Missing: not there, yet\n") || text.ends_with("yet"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    let failure = &lines[at("✗ vpc: Missing: no such")..at("stopped: lock")];
    assert!(
        failure.len() > 2 && failure[1..].iter().all(|line| line.starts_with("    ")),
        "{text}"
    );
    assert!(failure.last().unwrap().ends_with("the cause"), "{text}");
    let group = &lines[at("not started, since vpc failed: subnet/1, ")..at("longest waits:")];
    assert!(group.len() < 5 && group.last().unwrap().ends_with("subnet/20"), "{text}");
    assert!(timeline.to_json().to_string().contains(request));
}
