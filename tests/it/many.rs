//! Stacks of several services: who answers which request, and that each has what is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::elb;
use aws_sim::faults::{Crash, Faults};
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::aws::Aws;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time, sdk_config};
use ecsup::deploy::{Extent, Prepared, carry_out, context, prepare};
use ecsup::engine::{Run, Stop};
use ecsup::facts::Problem;
use ecsup::spec::{Http, Image, Ingress, Pattern, Route, RunOn, Service, Spec, Unknown};
use ecsup::wish::{ServiceFlags, spec_of_flags};
use serde_json::json;

use crate::goal::requests::{answer, leads_to, services, unlike};
use crate::manifest::written;
use crate::proofs::{expect, ids, no_defects, nothing_in_vain_of, nothing_left};
use crate::stage::{done, usual};

const REGION: &str = "us-east-1";

/// What a preset makes of a stack of this name.
pub fn preset(pattern: Pattern, stack: &str) -> Spec {
    let stack = Some(stack.to_owned());
    spec_of_flags(&ServiceFlags { pattern: Some(pattern), stack, ..ServiceFlags::default() })
        .expect("the flags are right")
}

fn refuses(status: u16, text: &str) -> Unknown {
    Unknown::Answer { status, text: text.to_owned() }
}

/// A rule for one host, which is also a name in the zone.
pub fn host(name: &str) -> Route {
    let names = vec![name.to_owned()];
    Route { hosts: names.clone(), paths: Vec::new(), names }
}

pub fn named(service: &Service, name: &str) -> Service {
    Service { name: name.parse().expect("a name"), ..service.clone() }
}

/// Two services behind one internal load balancer, each with a host; others are told that there is none.
pub fn article() -> Spec {
    let mut spec = preset(Pattern::InternalWorker, "main");
    let internal = spec.internal.as_mut().expect("it is internal");
    internal.zone = Some("in.example.com".to_owned());
    internal.unknown = refuses(503, "no such host");
    let service = |name: &str| Service {
        port: 8080,
        internal: Some(host(&format!("{name}.in.example.com"))),
        ..named(&spec.services[0], name)
    };
    spec.services = vec![service("service-a"), service("service-b")];
    spec
}

/// A service on the internet, and two that only the VPC reaches, all on Fargate.
pub fn shop() -> Spec {
    let mut spec = preset(Pattern::FargateApi, "shop");
    spec.internal = Some(Ingress {
        allow: spec.network.own().map(|it| it.vpc_cidr).into_iter().collect(),
        zone: Some("shop.internal".to_owned()),
        existing_zone: None,
        unknown: refuses(404, "not found"),
        idle_timeout: 30,
        tls: None,
        http: Http::Serve,
    });
    let service = |name: &str| Service {
        internal: Some(host(&format!("{name}.shop.internal"))),
        public: None,
        ..named(&spec.services[0], name)
    };
    spec.services.extend([service("users"), service("orders")]);
    spec
}

/// One on instances that the internet reaches, beside one on Fargate that nobody reaches.
pub fn jobs() -> Spec {
    let mut spec = preset(Pattern::PublicApi, "jobs");
    let mails = named(&spec.services[0], "mails");
    spec.services.push(Service { run_on: RunOn::Fargate, public: None, ..mails });
    spec.pattern = None;
    spec
}

/// So many services with a host each, with one task.
fn many(count: usize) -> Spec {
    let mut spec = preset(Pattern::InternalWorker, "many");
    let internal = spec.internal.as_mut().expect("it is internal");
    internal.unknown = refuses(404, "not found");
    let zone = internal.zone.clone().expect("it has a zone");
    let service = |number: usize| {
        let name = format!("service-{number}");
        let internal = Some(host(&format!("{name}.{zone}")));
        Service { run_on: RunOn::Fargate, count: 1, internal, ..named(&spec.services[0], &name) }
    };
    spec.services = (0..count).map(service).collect();
    spec.instances = None;
    spec.pattern = None;
    spec
}

/// What a deploy would do.
pub async fn prepared(cloud: &Cloud, spec: &Spec) -> Result<Prepared, Problem> {
    let aws = Aws::new(&sdk_config(cloud, REGION), None);
    let cx = context(&aws, REGION, spec);
    let run = Run::fresh(cx, Rc::new(Stop::default()), |_| ());
    prepare(spec.clone(), run, Extent::default()).await
}

/// Deploys, and fails the test unless that worked. Returns the calls that it made.
pub async fn deploy(cloud: &Cloud, spec: &Spec) -> Vec<Record> {
    let from = cloud.count();
    let prepared = prepared(cloud, spec).await.expect("a graph");
    assert_eq!(prepared.refusals, []);
    if !prepared.is_settled() {
        let report = carry_out(&prepared, |_| ()).await.expect("a report");
        assert!(report.is_complete(), "{:#?}", report.failed);
    }
    no_defects(cloud).expect("no defects");
    cloud.calls_since(from)
}

/// What was changed, by operation; what AWS had to be asked for twice counts once.
fn changes(calls: &[Record]) -> BTreeMap<&str, usize> {
    let mut changes = BTreeMap::new();
    for call in calls.iter().filter(|call| call.changes() && call.answer.is_some()) {
        *changes.entry(call.operation.as_str()).or_default() += 1;
    }
    changes
}

async fn destroy(stage: &Stage, spec: &Spec, before: &BTreeSet<String>) {
    let destroyed = stage.play(&["destroy", "--yes", spec.stack.as_str()]).await;
    expect(&destroyed, Exit::Done, "destroy").expect("it is done");
    no_defects(&stage.cloud).expect("no defects");
    nothing_left(&stage.cloud, before).expect("nothing left");
}

/// Checks that every name and every rule of a spec leads to its service, and everything else to what was
/// asked for.
pub fn check_requests(cloud: &Cloud, spec: &Spec) {
    check_requests_in(cloud, spec, REGION);
}

/// The same in another region.
pub fn check_requests_in(cloud: &Cloud, spec: &Spec, region: &str) {
    cloud.world(|world| {
        world.enter(region);
        world.once_caught_up(|world| {
            let cluster = format!("cluster-{}", spec.stack);
            let there: BTreeSet<_> = services(world, &cluster).into_iter().collect();
            let wanted = spec.services.iter().map(|it| it.name.to_string()).collect();
            assert_eq!(there, wanted);
            assert_eq!(unlike(world, spec), [""; 0]);
        });
    });
}

fn life(seed: u64, spec: &Spec) {
    in_virtual_time(seed, async || {
        let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
        let before = ids(&stage.cloud);
        let first = deploy(&stage.cloud, spec).await;
        nothing_in_vain_of(&stage.cloud, &first).expect("nothing in vain");
        check_requests(&stage.cloud, spec);
        let second = deploy(&stage.cloud, spec).await;
        assert_eq!(changes(&second), BTreeMap::new());
        destroy(&stage, spec, &before).await;
    });
}

#[test]
fn services_share_a_load_balancer_by_their_hosts() {
    life(1, &article());
}

#[test]
fn public_and_internal_services_have_a_load_balancer_each() {
    life(2, &shop());
}

#[test]
fn a_service_that_nobody_reaches_stands_beside_one_on_other_capacity() {
    life(3, &jobs());
}

#[test]
fn a_stack_of_workers_has_no_load_balancer() {
    let mut spec = jobs();
    spec.services.remove(0);
    (spec.public, spec.instances) = (None, None);
    life(4, &spec);
}

/// The ids of everything with tags, by node.
pub fn nodes(cloud: &Cloud) -> BTreeMap<String, BTreeSet<String>> {
    let mut nodes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (kind, id, tags) in cloud.world(World::tagged) {
        let inherits = crate::goal::INHERITING.contains(&kind.as_str());
        if let Some(node) = tags.get("ecsup:node").filter(|_| !inherits) {
            nodes.entry(node.clone()).or_default().insert(id);
        }
    }
    nodes
}

/// Whether a node is a service's own.
fn is_of(node: &str, service: &str) -> bool {
    node.split('/').any(|part| part == service)
}

#[test]
fn a_service_comes_and_goes_without_the_others() {
    in_virtual_time(5, async || {
        let stage = Stage { cloud: Cloud::new(5, Scenario::default()) };
        let cloud = &stage.cloud;
        let before = ids(cloud);
        let with = article();
        let mut without = with.clone();
        without.services.truncate(1);
        deploy(cloud, &without).await;
        check_requests(cloud, &without);
        let alone = nodes(cloud);
        // The first has the short names, and keeps them.
        assert!(alone.contains_key("security-group/service"));

        let added = deploy(cloud, &with).await;
        check_requests(cloud, &with);
        let both = nodes(cloud);
        assert!(both.contains_key("security-group/service/service-b"));
        let common: BTreeMap<_, _> =
            both.clone().into_iter().filter(|(node, _)| !is_of(node, "service-b")).collect();
        assert_eq!(common, alone);
        let only = [
            "CreateLogGroup",
            "PutRetentionPolicy",
            "CreateRole",
            "AttachRolePolicy",
            "RegisterTaskDefinition",
            "CreateSecurityGroup",
            "AuthorizeSecurityGroupIngress",
            "CreateTargetGroup",
            "ModifyTargetGroupAttributes",
            "CreateRule",
            "ChangeResourceRecordSets",
            "CreateService",
        ];
        let only: BTreeMap<_, _> = only.map(|operation| (operation, 1)).into();
        assert_eq!(changes(&added), only);

        let mut other = with.clone();
        other.services.remove(0);
        deploy(cloud, &other).await;
        check_requests(cloud, &other);
        let own: BTreeMap<_, _> =
            both.into_iter().filter(|(node, _)| is_of(node, "service-b")).collect();
        let rest = nodes(cloud);
        for (node, ids) in &own {
            assert_eq!(rest.get(node), Some(ids), "{node}");
        }
        assert_eq!(changes(&deploy(cloud, &other).await), BTreeMap::new());
        destroy(&stage, &other, &before).await;
    });
}

/// Brings one service up to date by the command line, with what a manifest says of several.
#[test]
fn only_one_service_is_brought_up_to_date() {
    const MANIFEST: &str = "stack = \"main\"
pattern = \"internal-worker\"
ingress.internal.zone = \"in.example.com\"
defaults.run_on = \"fargate\"

[service.service-a]
image = \"nginx:1\"

[service.service-b]
image = \"nginx:1\"
";
    in_virtual_time(11, async || {
        let stage = usual(11);
        let before = ids(&stage.cloud);
        let (_folder, path) = written(MANIFEST);
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &[&deploy[..], &["--only", "service-b"]].concat()).await;
        let alone = nodes(&stage.cloud);
        assert!(alone.contains_key("service/service-b"));
        assert!(!alone.keys().any(|node| is_of(node, "service-a")), "{alone:#?}");
        let leads = |name: &str| stage.cloud.world(|world| leads_to(world, "main", name));
        assert_eq!(leads("service-b.in.example.com"), Some("internal"));
        assert_eq!(leads("service-a.in.example.com"), None);
        let silent = done(&stage, &[&deploy[..], &["--only", "service-b"]].concat()).await;
        assert_eq!(silent.changes(), [""; 0]);

        done(&stage, &deploy).await;
        // Both have changed in the file, and a third would go.
        let third = "[service.service-c]\nimage = \"nginx:1\"\n";
        let (_folder, with_third) = written(&format!("{MANIFEST}{third}"));
        done(&stage, &["deploy", "--yes", "--file", &with_third]).await;
        let (_folder, path) = written(&MANIFEST.replace("nginx:1", "nginx:2"));
        let only = ["--file", &path, "--only", "service-a"];
        let planned = stage.play(&[&["plan", "--exit-code"], &only[..]].concat()).await;
        assert_eq!(planned.exit, Exit::ChangesPending);
        let lines =
            planned.recording.out.iter().map(|line| anstream::adapter::strip_str(line).to_string());
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
          change  task-definition/service-a            task definition: image nginx:1 → nginx:2
          change  service/service-a                    ECS service: follows task-definition/service-a
        0 to create, 2 to change, 27 to keep, 9 of other services not looked at
        should take about 1m00s: task-definition/service-a → service/service-a (typical AWS durations, see docs/aws-facts.md; `ecsup rehearse` plays it)
        ");
        let changed = done(&stage, &[&["deploy", "--yes"], &only[..]].concat()).await;
        let of_the_lock = ["PutParameter", "DeleteParameters"];
        let mut changes = changed.changes();
        changes.retain(|operation| !of_the_lock.contains(operation));
        assert_eq!(changes, ["RegisterTaskDefinition", "UpdateService"]);
        let services = stage.cloud.world(|world| services(world, "cluster-main"));
        assert_eq!(services, ["service-a", "service-b", "service-c"]);

        let slip = stage.play(&["plan", "--file", &path, "--only", "service-d"]).await;
        assert_eq!((slip.exit, slip.calls.len()), (Exit::Refused, 0));
        insta::assert_snapshot!(slip.said(), @r"
        error: --only `service-d`: is none of the services (service-a, service-b); did you mean `service-a`?
        hint: `ecsup plan --help` lists what each flag takes
        ");
        done(&stage, &["destroy", "--yes", "main"]).await;
        nothing_left(&stage.cloud, &before).expect("nothing left");
    });
}

/// What a deploy that has nothing to do may ask, however many services there are.
const CALLS_OF_A_SILENT_DEPLOY: usize = 60;

#[test]
fn fifty_services_are_deployed_and_looked_at_in_few_calls() {
    let mut spec = many(50);
    in_virtual_time(6, async || {
        let stage = Stage { cloud: Cloud::new(6, Scenario::default()) };
        let cloud = &stage.cloud;
        let before = ids(cloud);
        deploy(cloud, &spec).await;
        check_requests(cloud, &spec);
        let silent = deploy(cloud, &spec).await;
        assert_eq!(changes(&silent), BTreeMap::new());
        assert!(silent.len() <= CALLS_OF_A_SILENT_DEPLOY, "{} calls", silent.len());

        spec.services[7].image = Image::parse("nginx:2").expect("an image");
        let changed = deploy(cloud, &spec).await;
        let own = ["RegisterTaskDefinition", "UpdateService", "TagResource"];
        assert_eq!(changes(&changed), own.map(|operation| (operation, 1)).into());
        let silent = deploy(cloud, &spec).await;
        assert_eq!(changes(&silent), BTreeMap::new());
        assert!(silent.len() <= CALLS_OF_A_SILENT_DEPLOY, "{} calls", silent.len());
        destroy(&stage, &spec, &before).await;
    });
}

#[test]
fn more_services_than_a_load_balancer_has_room_for_are_refused() {
    assert_eq!(many(100).check_limits(), Ok(()));
    let refused = many(101).check_limits().unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"services `101`: are reached through the internal load balancer, which has room for 100 target groups: move some to another stack");
}

/// The instances of a group that is warmed up for two services, of which each alone would fit on fewer.
#[test]
fn instances_are_counted_for_all_services() {
    in_virtual_time(8, async || {
        let stage = Stage { cloud: Cloud::new(8, Scenario::default()) };
        let mut spec = article();
        spec.services.iter_mut().for_each(|service| service.count = 5);
        // Three tasks find a place on a `c5.xlarge`, so ten take four.
        let first = deploy(&stage.cloud, &spec).await;
        let raised = first.iter().filter(|call| call.operation == "SetDesiredCapacity");
        let raised: Vec<_> = raised.map(|call| call.input["DesiredCapacity"].clone()).collect();
        assert_eq!(raised, [4]);
        check_requests(&stage.cloud, &spec);
    });
}

/// Rules come, somebody changes one and makes another, and one goes with its service.
pub async fn rules_come_and_go(stage: &Stage) {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    let mut spec = article();
    deploy(cloud, &spec).await;
    let rule = nodes(cloud).remove("listener-rule/internal-80/service-a").expect("a rule");
    let rule = rule.into_iter().next().expect("an ARN");
    let listener = nodes(cloud).remove("listener/80").expect("a listener");
    let of_host =
        |host: &str| json!([{ "Field": "host-header", "HostHeaderConfig": { "Values": [host] } }]);
    let text =
        json!({ "StatusCode": "418", "ContentType": "text/plain", "MessageBody": "by hand" });
    let by_hand = json!({
        "ListenerArn": listener.first(),
        "Priority": 17,
        "Conditions": of_host("by-hand.example.com"),
        "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": text }],
    });
    cloud.world(|world| {
        world.enter(REGION);
        let changed = json!({ "RuleArn": rule, "Conditions": of_host("other.example.com") });
        elb::answer(world, "ModifyRule", &changed).expect("it is changed");
        elb::answer(world, "CreateRule", &by_hand).expect("it is made");
    });
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mended = deploy(cloud, &spec).await;
    assert_eq!(changes(&mended), [("ModifyRule", 1)].into());
    check_requests(cloud, &spec);
    // One of two for a host becomes the more specific one.
    let shared = vec!["service-a.in.example.com".to_owned()];
    for (service, paths) in spec.services.iter_mut().zip([vec!["/v1/*".to_owned()], Vec::new()]) {
        let route = service.internal.as_mut().expect("it is internal");
        (route.hosts, route.paths) = (shared.clone(), paths);
    }
    let moved = deploy(cloud, &spec).await;
    assert_eq!(changes(&moved), [("ModifyRule", 2), ("SetRulePriorities", 1)].into());
    check_requests(cloud, &spec);
    spec.services.pop();
    let removed = deploy(cloud, &spec).await;
    assert_eq!(changes(&removed).get("DeleteRule"), Some(&1));
    check_requests(cloud, &spec);
    let theirs =
        cloud.world(|world| answer(world, "main", ("internal", 80), ("by-hand.example.com", "/")));
    assert_eq!(theirs, "418 by hand");
    assert_eq!(changes(&deploy(cloud, &spec).await), BTreeMap::new());
    destroy(stage, &spec, &before).await;
}

#[test]
fn a_rule_is_changed_back_and_that_of_somebody_is_left_alone() {
    in_virtual_time(9, async || {
        let stage = Stage { cloud: Cloud::new(9, Scenario::default()) };
        rules_come_and_go(&stage).await;
    });
}

/// Whenever a deploy dies, the next one has every name and every rule once, and a destroy leaves nothing.
#[test]
fn a_deploy_that_died_is_gone_on_with() {
    for (seed, at) in (0..).zip((20..260).step_by(16)) {
        let mut spec = shop();
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            let cloud = &stage.cloud;
            let before = ids(cloud);
            // A service first, so that there are short names to keep.
            let all = spec.services.split_off(1);
            let internal = spec.internal.take();
            deploy(cloud, &spec).await;
            (spec.services, spec.internal) = ([spec.services, all].concat(), internal);
            let crash = Some(Crash { at, after: seed % 2 == 0 });
            cloud.set_faults(Faults { crash, ..Faults::default() });
            tokio::select! {
                _ = deploy(cloud, &spec) => {}
                () = cloud.crashed() => {}
            }
            cloud.set_faults(Faults::default());
            tokio::time::sleep(Duration::from_secs(30)).await;
            deploy(cloud, &spec).await;
            check_requests(cloud, &spec);
            assert!(nodes(cloud).values().all(|ids| ids.len() == 1), "{:#?}", nodes(cloud));
            assert_eq!(changes(&deploy(cloud, &spec).await), BTreeMap::new(), "crash at {at}");
            destroy(&stage, &spec, &before).await;
        });
    }
}

/// Logs are data also when the service that wrote them was deleted by hand: they go by its name alone.
#[test]
fn logs_of_a_service_that_somebody_has_deleted_go_only_by_its_name() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let manifest = |services: &[&str]| {
            let services = services.iter().map(|name| {
                format!(
                    "[service.{name}]\nimage = 'acme/{name}:1'\nhosts = ['{name}.example.com']\n"
                )
            });
            format!("stack = 'main'\npattern = 'fargate-api'\n{}", services.collect::<String>())
        };
        let (_folder, both) = written(&manifest(&["a", "b"]));
        done(&stage, &["deploy", "--yes", "--file", &both]).await;
        stage.cloud.world(|world| {
            world.enter(REGION);
            let delete = json!({ "cluster": "cluster-main", "service": "b", "force": true });
            aws_sim::ecs::answer(world, "DeleteService", &delete).expect("it goes");
        });
        tokio::time::sleep(Duration::from_mins(5)).await;
        let (_folder, one) = written(&manifest(&["a"]));
        let refused = stage.play(&["deploy", "--yes", "--file", &one]).await;
        assert_eq!(refused.exit, Exit::Refused, "{}", refused.said());
        assert!(
            refused.said().contains("the service `b` is not asked for any more"),
            "{}",
            refused.said()
        );
        done(&stage, &["deploy", "--yes", "--remove", "b", "--file", &one]).await;
    });
}
