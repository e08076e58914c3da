//! The graphs of the three patterns, as text.

use proptest::prelude::*;

use super::*;
use crate::engine::forecast;
use crate::facts::{Caller, There};
use crate::spec::{Http, Ingress, Nat, Pattern, Route, RunOn, Service, Spec, Unknown};
use crate::wish::tests::sound_flags;
use crate::wish::{ServiceFlags, spec_of_flags};

/// What a look at a region would have found.
fn facts() -> Facts {
    Facts {
        caller: Caller {
            account: "123456789012".into(),
            alias: None,
            arn: "arn:aws:iam::123456789012:user/demo".into(),
            partition: "aws".into(),
        },
        region: "eu-west-1".into(),
        zones: vec!["eu-west-1a".into(), "eu-west-1b".into()],
        existing_network: None,
        image: "ami-0123456789abcdef0".into(),
        outdated: None,
        first_instances: 2,
        instance_type: None,
        superseded: [].into(),
        existing_zones: [].into(),
        secrets: crate::facts::Secrets::new(),
        revisions: std::collections::BTreeMap::new(),
        there: There::default(),
        warnings: Vec::new(),
    }
}

fn graph(flags: &ServiceFlags) -> Graph {
    let spec = spec_of_flags(flags).expect("the flags are right");
    stack(&spec, &Names::new(spec.stack.clone(), "eu-west-1"), &facts()).graph
}

fn flags(pattern: Pattern) -> ServiceFlags {
    ServiceFlags { pattern: Some(pattern), ..ServiceFlags::default() }
}

/// The lines in which the graph differs from the pattern's own, with the usual signs.
fn differences(pattern: Pattern, nat: Nat) -> String {
    let usual = graph(&flags(pattern)).to_text();
    let other = graph(&ServiceFlags { nat: Some(nat), ..flags(pattern) }).to_text();
    let without = |lines: &str, others: &str, sign: &str| {
        let only = lines.lines().filter(|line| !others.lines().any(|other| other == *line));
        only.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [without(&usual, &other, "-"), without(&other, &usual, "+")].concat().join("\n")
}

#[test]
fn internal_worker() {
    insta::assert_snapshot!(graph(&flags(Pattern::InternalWorker)).to_text());
}

#[test]
fn public_api() {
    insta::assert_snapshot!(graph(&flags(Pattern::PublicApi)).to_text());
}

#[test]
fn fargate_api() {
    insta::assert_snapshot!(graph(&flags(Pattern::FargateApi)).to_text());
}

fn preset(pattern: Pattern) -> Spec {
    spec_of_flags(&flags(pattern)).expect("the flags are right")
}

/// The nodes of a spec without those of the network, where these things are there already.
fn beside_the_network(spec: &Spec, there: There) -> String {
    let facts = Facts { there, ..facts() };
    let names = Names::new(spec.stack.clone(), "eu-west-1");
    let text = stack(spec, &names, &facts).graph.to_text();
    let of_network =
        ["vpc", "internet-gateway", "subnet/", "route-table/", "elastic-ip/", "nat/", "cluster"];
    let is_own = |line: &&str| !of_network.iter().any(|beginning| line.starts_with(beginning));
    text.lines().filter(is_own).collect::<Vec<_>>().join("\n")
}

fn service(of: &Spec, name: &str, route: Option<&str>) -> Service {
    let route = route.map(|host| Route {
        hosts: vec![host.into()],
        paths: Vec::new(),
        names: vec![host.into()],
    });
    let name = name.parse().expect("a name");
    Service { name, internal: route, public: None, ..of.services[0].clone() }
}

/// The article's stack: services behind one load balancer, told apart by their hosts.
fn article() -> Spec {
    let mut spec = preset(Pattern::InternalWorker);
    let internal = spec.internal.as_mut().expect("it is internal");
    internal.zone = Some("in.example.com".into());
    internal.unknown = Unknown::Answer { status: 503, text: "no such host".into() };
    spec.services = ["service-a", "service-b"]
        .map(|name| service(&spec, name, Some(&format!("{name}.in.example.com"))))
        .into();
    spec
}

#[test]
fn services_behind_one_load_balancer() {
    insta::assert_snapshot!(beside_the_network(&article(), There::default()));
}

#[test]
fn public_and_internal_services_on_fargate() {
    let mut spec = preset(Pattern::FargateApi);
    spec.internal = Some(Ingress {
        allow: spec.network.own().map(|it| it.vpc_cidr).into_iter().collect(),
        zone: Some("shop.internal".into()),
        existing_zone: None,
        unknown: Unknown::Answer { status: 404, text: "not found".into() },
        idle_timeout: 30,
        tls: None,
        http: Http::Serve,
    });
    let internal = ["users", "orders"]
        .map(|name| service(&spec, name, Some(&format!("{name}.shop.internal"))));
    spec.services.extend(internal);
    insta::assert_snapshot!(beside_the_network(&spec, There::default()));
}

#[test]
fn a_worker_that_nobody_reaches_beside_a_service_on_instances() {
    let mut spec = preset(Pattern::PublicApi);
    let mails = service(&spec, "mails", None);
    spec.services.push(Service { run_on: RunOn::Fargate, ..mails });
    insta::assert_snapshot!(beside_the_network(&spec, There::default()));
}

#[test]
fn what_is_there_keeps_its_name_when_others_come_and_go() {
    let names = |spec: &Spec, there: &There| {
        let lines = beside_the_network(spec, there.clone());
        let names = lines.lines().map(|line| line.split(" <- ").next().unwrap_or_default());
        names.map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    let both = article();
    let mut alone = both.clone();
    alone.services.truncate(1);
    let first = names(&alone, &There::default());
    let there = There {
        nodes: first.iter().map(|name| crate::names::NodeName::from(name.as_str())).collect(),
        balancer: Some(Scheme::Internal),
        zone: Some("in.example.com".into()),
        services: ["service-a".to_owned()].into(),
        targets: [("service-a".to_owned(), Scheme::Internal)].into(),
    };
    let later = names(&both, &there);
    assert!(later.is_superset(&first), "{later:#?}");
    assert!(later.contains("role/execution/service-b"));
    // The first goes, and the second stays what it is, though it is alone now.
    let nodes = later.iter().map(|name| crate::names::NodeName::from(name.as_str())).collect();
    let there = There { nodes, ..there };
    let mut second = both.clone();
    second.services.remove(0);
    assert!(names(&second, &there).is_subset(&later));
    let gone = There { services: std::collections::BTreeSet::new(), ..there.clone() };
    assert!(names(&second, &gone).is_subset(&later));
    // On the internet besides, everything that the internal load balancer has stays.
    let mut public = both.clone();
    public.public = Some(Ingress { zone: None, ..both.internal.clone().expect("it is internal") });
    public.services[0].public = public.services[0].internal.clone();
    let with_public = names(&public, &there);
    assert!(with_public.is_superset(&names(&both, &there)), "{with_public:#?}");
    assert!(with_public.contains("target-group/service-a/public"));
    assert!(with_public.contains("load-balancer/public"));
}

#[test]
fn one_nat_gateway_serves_both_zones() {
    insta::assert_snapshot!(differences(Pattern::InternalWorker, Nat::Single), @r"
    - elastic-ip/2
    - nat/2 <- internet-gateway, elastic-ip/2, subnet/public-2 (made)
    - route-table/private-2 <- vpc (made), nat/2 (made), subnet/private-2 (made)
    - auto-scaling-group <- cluster, nat/1 (made), nat/2 (made), launch-template, subnet/private-1, subnet/private-2
    - load-balancer <- nat/1 (made), nat/2 (made), subnet/private-1 (made), subnet/private-2 (made), security-group/load-balancer (made)
    + route-table/private-2 <- vpc (made), nat/1 (made), subnet/private-2 (made)
    + auto-scaling-group <- cluster, nat/1 (made), launch-template, subnet/private-1, subnet/private-2
    + load-balancer <- nat/1 (made), subnet/private-1 (made), subnet/private-2 (made), security-group/load-balancer (made)
    ");
    insta::assert_snapshot!(differences(Pattern::FargateApi, Nat::Single), @r"
    - elastic-ip/2
    - nat/2 <- internet-gateway, elastic-ip/2, subnet/public-2 (made)
    - route-table/private-2 <- vpc (made), nat/2 (made), subnet/private-2 (made)
    - load-balancer <- internet-gateway, nat/1 (made), nat/2 (made), subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    - service/web <- listener/80, rule/service-80 (made), route-table/private-1, route-table/private-2, nat/1, nat/2, cluster, task-definition/web, target-group/web, subnet/private-1, subnet/private-2, security-group/service (made)
    + route-table/private-2 <- vpc (made), nat/1 (made), subnet/private-2 (made)
    + load-balancer <- internet-gateway, nat/1 (made), subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    + service/web <- listener/80, rule/service-80 (made), route-table/private-1, route-table/private-2, nat/1, cluster, task-definition/web, target-group/web, subnet/private-1, subnet/private-2, security-group/service (made)
    ");
}

#[test]
fn without_nat_gateways_instances_live_in_the_public_subnets() {
    insta::assert_snapshot!(differences(Pattern::PublicApi, Nat::None), @r"
    - elastic-ip/1
    - nat/1 <- internet-gateway, elastic-ip/1, subnet/public-1 (made)
    - elastic-ip/2
    - nat/2 <- internet-gateway, elastic-ip/2, subnet/public-2 (made)
    - route-table/private-1 <- vpc (made), nat/1 (made), subnet/private-1 (made)
    - route-table/private-2 <- vpc (made), nat/2 (made), subnet/private-2 (made)
    - auto-scaling-group <- cluster, nat/1 (made), nat/2 (made), launch-template, subnet/private-1, subnet/private-2
    - load-balancer <- internet-gateway, nat/1 (made), nat/2 (made), subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    - service/web <- listener/80, rule/service-80 (made), capacity-provider-association, route-table/private-1 (made), route-table/private-2 (made), cluster, task-definition/web, target-group/web, subnet/private-1, subnet/private-2, security-group/service (made), capacity-provider
    + route-table/private-1 <- vpc (made), subnet/private-1 (made)
    + route-table/private-2 <- vpc (made), subnet/private-2 (made)
    + auto-scaling-group <- cluster, route-table/public, launch-template, subnet/public-1, subnet/public-2
    + load-balancer <- internet-gateway, subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    + service/web <- listener/80, rule/service-80 (made), capacity-provider-association, route-table/public (made), cluster, task-definition/web, target-group/web, subnet/private-1, subnet/private-2, security-group/service (made), capacity-provider
    ");
}

#[test]
fn without_nat_gateways_fargate_tasks_live_in_the_public_subnets() {
    insta::assert_snapshot!(differences(Pattern::FargateApi, Nat::None), @r"
    - elastic-ip/1
    - nat/1 <- internet-gateway, elastic-ip/1, subnet/public-1 (made)
    - elastic-ip/2
    - nat/2 <- internet-gateway, elastic-ip/2, subnet/public-2 (made)
    - route-table/private-1 <- vpc (made), nat/1 (made), subnet/private-1 (made)
    - route-table/private-2 <- vpc (made), nat/2 (made), subnet/private-2 (made)
    - load-balancer <- internet-gateway, nat/1 (made), nat/2 (made), subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    - service/web <- listener/80, rule/service-80 (made), route-table/private-1, route-table/private-2, nat/1, nat/2, cluster, task-definition/web, target-group/web, subnet/private-1, subnet/private-2, security-group/service (made)
    + route-table/private-1 <- vpc (made), subnet/private-1 (made)
    + route-table/private-2 <- vpc (made), subnet/private-2 (made)
    + load-balancer <- internet-gateway, subnet/public-1 (made), subnet/public-2 (made), security-group/load-balancer (made)
    + service/web <- listener/80, rule/service-80 (made), route-table/public, cluster, task-definition/web, target-group/web, subnet/public-1, subnet/public-2, security-group/service (made)
    ");
}

/// Each table waits for the endpoints before it loses its route, and the service for all of them.
#[test]
fn where_nothing_but_endpoints_leads_out_all_stands_in_the_private_subnets() {
    let closed = ServiceFlags {
        nat: Some(Nat::None),
        endpoints: vec!["required".to_owned()],
        ..flags(Pattern::PublicApi)
    };
    let text = graph(&closed).to_text();
    let concerned = ["endpoint", "route-table/private", "auto-scaling-group", "service/"];
    let lines = text.lines().filter(|line| concerned.iter().any(|it| line.contains(it)));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

/// Of a network that somebody else made nothing is a node, and nobody waits for it.
#[test]
fn an_existing_network_is_no_part_of_the_graph() {
    let ids = |all: [&str; 2]| all.map(|id| format!("subnet-{id}")).into();
    let mut spec = preset(Pattern::InternalWorker);
    spec.network = spec::Network::Existing(spec::ExistingNetwork {
        vpc: "vpc-1".into(),
        public: [].into(),
        private: ids(["a", "b"]),
    });
    let internal = spec.internal.as_mut().expect("it is internal");
    internal.allow = Vec::new();
    let ranges = vec!["10.20.0.0/16".parse().unwrap(), "10.30.0.0/16".parse().unwrap()];
    let found = crate::facts::FoundNetwork { ranges, ..crate::facts::FoundNetwork::default() };
    let facts = Facts { existing_network: Some(found), ..facts() };
    let names = Names::new(spec.stack.clone(), "eu-west-1");
    insta::assert_snapshot!(stack(&spec, &names, &facts).graph.to_text(), @r"
    cluster/log-group
    cluster <- cluster/log-group (made)
    role/instance
    instance-profile <- role/instance (made)
    security-group/instance
    launch-template <- instance-profile, security-group/instance, cluster (made)
    auto-scaling-group <- cluster, launch-template
    capacity-provider <- auto-scaling-group
    capacity-provider-association <- cluster, capacity-provider
    capacity/warm <- capacity-provider-association (made), auto-scaling-group
    security-group/load-balancer
    rule/load-balancer-80-from-10.20.0.0/16 <- security-group/load-balancer (made)
    rule/load-balancer-80-from-10.30.0.0/16 <- security-group/load-balancer (made)
    load-balancer <- security-group/load-balancer (made)
    target-group/worker
    listener/80 <- load-balancer (made), target-group/worker (made)
    hosted-zone
    role/execution
    log-group/worker
    task-definition/worker <- role/execution, log-group/worker (made)
    security-group/service
    rule/service-80 <- security-group/service (made), security-group/load-balancer (made)
    record/worker.internal-worker.internal <- hosted-zone, load-balancer (made)
    service/worker <- listener/80, rule/service-80 (made), capacity-provider-association, cluster, task-definition/worker, target-group/worker, security-group/service (made), capacity-provider
    ");
}

#[test]
fn how_long_a_first_deploy_should_take() {
    let line = |pattern, nat| {
        let graph = graph(&ServiceFlags { nat, ..flags(pattern) });
        forecast::from_nothing(&graph).line().expect("there is something to do")
    };
    let patterns = [Pattern::InternalWorker, Pattern::PublicApi, Pattern::FargateApi];
    let lines = patterns.map(|pattern| line(pattern, None));
    insta::assert_snapshot!(lines.join("\n"), @r"
    should take about 2m50s: vpc → subnet/public-1 → nat/1 → service/worker
    should take about 2m50s: vpc → subnet/public-1 → nat/1 → service/web
    should take about 3m05s: vpc → subnet/public-1 → nat/1 → service/web
    ");
    insta::assert_snapshot!(line(Pattern::PublicApi, Some(Nat::None)), @"should take about 2m50s: vpc → subnet/public-1 → load-balancer → service/web");
}

#[test]
fn links_hold_what_aws_waits_for_by_itself() {
    let links = forecast::links(&graph(&flags(Pattern::PublicApi)));
    let of = |node: &str| {
        let links = &links[&crate::names::NodeName::from(node)];
        links.iter().map(|link| link.to.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("service/web")[12..], ["capacity/warm", "nat/1", "nat/2", "load-balancer"]);
    assert_eq!(of("auto-scaling-group")[6..], ["instance-profile"]);
}

proptest! {
    #[test]
    fn every_node_has_its_own_name_and_waits_for_earlier_ones(flags in sound_flags()) {
        let graph = graph(&flags);
        for (index, node) in graph.nodes().iter().enumerate() {
            let same = graph.nodes().iter().filter(|other| other.name() == node.name()).count();
            prop_assert_eq!(same, 1, "{} is there {} times", node.name(), same);
            for edge in node.edges() {
                prop_assert!(edge.to < index, "{} waits for a later node", node.name());
            }
        }
    }
}
