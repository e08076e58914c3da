//! A stack comes, stays as it is, and goes without a trace.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{HostHeaderConditionConfig, Rule, RuleCondition};
use serde_json::{Value, json};

use crate::emulator::Kind;
use crate::recorder::Call;
use crate::world::{Pattern, REGION, World, exit, matrix, mutations};

/// What a deploy that has nothing to do may ask, so that it stays cheap to repeat.
const CALLS_OF_A_SILENT_DEPLOY: usize = 45;
/// What it may ask besides for each service after the first.
const CALLS_OF_A_FURTHER_SERVICE: usize = 5;
/// What it may ask besides where rules tell services apart: the rules, and their tags.
const CALLS_OF_RULES: usize = 2;

matrix!(comes_and_goes);

fn comes_and_goes(kind: Kind, pattern: Pattern) {
    lifecycle(&World::start(kind), pattern, "demo");
}

/// The whole story of one stack of a pattern. Leaves the world as it was.
pub fn lifecycle(world: &World, pattern: Pattern, stack: &str) {
    let wanted = world.spec_flags(pattern, stack);
    let check = || looks_change_nothing(world, stack, &[pattern.service()]);
    story(world, stack, &wanted, CALLS_OF_A_SILENT_DEPLOY, check);
}

#[test]
fn moto_services_told_apart_by_host() {
    services_told_apart_by_host(Kind::Moto);
}

#[test]
fn ministack_services_told_apart_by_host() {
    services_told_apart_by_host(Kind::Ministack);
}

fn services_told_apart_by_host(kind: Kind) {
    let world = World::start(kind);
    let manifest = world.example("hosts.toml");
    let most = CALLS_OF_A_SILENT_DEPLOY + CALLS_OF_A_FURTHER_SERVICE + CALLS_OF_RULES;
    story(&world, "main", &["--file", &manifest], most, || {
        hosts_lead_to_their_services(&world);
        looks_change_nothing(&world, "main", &["service-a", "service-b"]);
    });
}

/// What only looks: it names each service, finds nothing wrong, and changes nothing.
fn looks_change_nothing(world: &World, stack: &str, services: &[&str]) {
    let (there, from) = (world.ids(), world.recorder.calls().len());
    let mut wanted: Vec<_> = services.iter().map(|name| json!([name, "steady"])).collect();
    wanted.sort_by_key(Value::to_string);
    for command in ["status", "explain"] {
        let told = world.run(&[command, stack]).expect_code(exit::DONE);
        for service in services {
            let is_line = |line: &str| line.contains(service) && line.contains(" steady");
            assert!(told.stdout.lines().any(is_line), "{}", told.report());
        }
        let told = world.run(&[command, stack, "--output", "json"]).expect_code(exit::DONE);
        let read: Value = serde_json::from_str(&told.stdout).expect("one object");
        assert_eq!(read["stack"], stack, "{}", told.report());
        let named = read["services"].as_array().expect("services").iter();
        let mut named: Vec<_> = named.map(|it| json!([it["name"], it["state"]])).collect();
        named.sort_by_key(Value::to_string);
        assert_eq!(named, wanted, "{}", told.report());
    }
    world.run(&["explain", stack]).says_one_of(&["nothing is wrong"]);
    let logs = world.run(&["logs", "--stack", stack]).expect_code(exit::DONE);
    logs.says_one_of(&[&format!("read the logs of stack {stack}")]);
    world.run(&["destroy", stack, "--dry-run"]).expect_code(exit::DONE);

    let calls = world.recorder.calls().split_off(from);
    assert_eq!(mutations(&calls), 0, "{}", listed(&calls));
    assert_eq!(world.ids(), there, "a look changed something");
}

/// Each host resolves to the one load balancer, which leads it to its service and no other one anywhere.
fn hosts_lead_to_their_services(world: &World) {
    let clients = world.clients(REGION);
    let (elbv2, route53) = (&clients.elbv2, &clients.route53);
    world.block_on(async {
        let balancers = elbv2.describe_load_balancers().send().await.expect("load balancers");
        let [balancer] = balancers.load_balancers() else { panic!("{balancers:?}") };
        let listeners =
            elbv2.describe_listeners().set_load_balancer_arn(balancer.load_balancer_arn.clone());
        let listeners = listeners.send().await.expect("listeners");
        let [listener] = listeners.listeners() else { panic!("{listeners:?}") };
        let rules = elbv2.describe_rules().set_listener_arn(listener.listener_arn.clone());
        let rules = rules.send().await.expect("rules");
        let (last, rules): (Vec<_>, Vec<_>) =
            rules.rules().iter().partition(|rule| rule.is_default() == Some(true));
        let answers = |rule: &Rule| {
            let answer = rule.actions().first()?.fixed_response_config()?;
            Some((answer.status_code()?.to_owned(), answer.message_body()?.to_owned()))
        };
        let unknown = ("503".to_owned(), "no such host".to_owned());
        assert_eq!(last.into_iter().map(answers).collect::<Vec<_>>(), [Some(unknown)]);
        let led: BTreeMap<_, _> = rules.into_iter().filter_map(leads).collect();

        let mut wanted = BTreeMap::new();
        for name in ["service-a", "service-b"] {
            let described = clients.ecs.describe_services().cluster("cluster-main").services(name);
            let described = described.send().await.expect("services");
            let [service] = described.services() else { panic!("{described:?}") };
            let [target] = service.load_balancers() else { panic!("{service:?}") };
            let group = target.target_group_arn().expect("a target group").to_owned();
            wanted.insert(format!("{name}.in.example.com"), group);
        }
        assert_eq!(led, wanted);

        let zones = route53.list_hosted_zones().send().await.expect("zones");
        let [zone] = zones.hosted_zones() else { panic!("{zones:?}") };
        let records = route53.list_resource_record_sets().hosted_zone_id(zone.id()).send().await;
        let records = records.expect("records");
        let target = balancer.dns_name().expect("a name").to_lowercase();
        let records = records.resource_record_sets().iter();
        let aliases = records.filter_map(|record| Some((record.name(), record.alias_target()?)));
        let led_there: Vec<_> = aliases
            .filter(|(_, alias)| alias.dns_name().trim_end_matches('.').ends_with(&target))
            .map(|(name, _)| name.trim_end_matches('.').to_owned())
            .collect();
        assert_eq!(led_there, wanted.into_keys().collect::<Vec<_>>());
    });
}

/// The host and the target group of a rule that tells by nothing else.
fn leads(rule: &Rule) -> Option<(String, String)> {
    let [condition] = rule.conditions() else { return None };
    let hosts = condition.host_header_config().map(HostHeaderConditionConfig::values);
    let [host] = hosts.unwrap_or(RuleCondition::values(condition)) else { return None };
    Some((host.clone(), rule.actions().first()?.target_group_arn()?.to_owned()))
}

/// A stack comes, is what it should be, stays as it is at no more than `most` calls, and goes.
fn story(world: &World, stack: &str, wanted: &[&str], most: usize, check: impl Fn()) {
    let before = world.ids();
    let plan = [&["plan", "--exit-code"], wanted].concat();

    world.run(&plan).expect_code(exit::CHANGES_PENDING);
    assert_eq!(world.ids(), before, "a plan made something");

    world.deploy_of(wanted);
    let deployed = world.ids();
    assert!(deployed.is_superset(&before) && deployed != before, "the deploy made nothing");
    world.run(&["list"]).expect_code(exit::DONE).says_one_of(&[stack]);
    check();

    assert_silent(&world.deploy_of(wanted), most);
    assert_eq!(world.ids(), deployed, "the second deploy changed something");
    world.run(&plan).expect_code(exit::DONE);

    world.destroy(stack);
    assert_eq!(world.ids(), before, "the destroy left or took something");

    let from = world.recorder.calls().len();
    world.destroy(stack).says_one_of(&["nothing to do"]);
    let again = world.recorder.calls().split_off(from);
    assert_eq!(mutations(&again), 0, "{}", listed(&again));
}

fn assert_silent(calls: &[Call], most: usize) {
    assert_eq!(
        mutations(calls),
        0,
        "a deploy with nothing to do changes something:\n{}",
        listed(calls)
    );
    // It reads the lock, since everything is there and ready only when nobody is at work.
    let of_lock = calls.iter().filter(|it| it.operation == "GetParametersByPath").count();
    assert_eq!(of_lock, 1, "a deploy with nothing to do reads the lock once");
    let count = calls.len();
    assert!(count > 0, "a deploy without a single look");
    assert!(count <= most, "{count} calls with nothing to do:\n{}", listed(calls));
}

fn listed(calls: &[Call]) -> String {
    calls.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn moto_destroy_of_what_was_not_named() {
    destroy_of_what_was_not_named(Kind::Moto);
}

#[test]
fn ministack_destroy_of_what_was_not_named() {
    destroy_of_what_was_not_named(Kind::Ministack);
}

fn destroy_of_what_was_not_named(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let nothing = world.run(&["destroy", "first", "--yes"]).expect_code(exit::DONE);
    nothing.says_one_of(&["there is no stack `first` in us-east-1, nor any other"]);

    world.deploy(Pattern::FargateApi, "first", &[]);
    let there = world.ids();
    world.run(&["destroy", "--yes"]).expect_code(exit::USAGE).says_one_of(&["name the stack"]);
    let other = world.run(&["destroy", "second", "--yes"]).expect_code(exit::DONE);
    other.says_one_of(&["there is no stack `second` in us-east-1, only `first`"]);
    let slip = world.run(&["destroy", "frist", "--yes"]).expect_code(exit::USAGE);
    slip.says_one_of(&["but there is `first`"]);
    assert_eq!(world.ids(), there, "something was removed that nobody has named");

    world.destroy("first");
    assert_eq!(world.ids(), before);
}

#[test]
fn moto_one_thing_of_a_service_is_changed() {
    one_thing_of_a_service_is_changed(Kind::Moto);
}

#[test]
fn ministack_one_thing_of_a_service_is_changed() {
    one_thing_of_a_service_is_changed(Kind::Ministack);
}

/// What runs of a stack's service `web`: its revision, and how many tasks it wants.
fn runs(world: &World, stack: &str) -> (String, i32) {
    let cluster = crate::world::names::cluster(stack);
    let clients = world.clients(REGION);
    let described = clients.ecs.describe_services().cluster(cluster).services("web").send();
    let described = world.block_on(described).expect("services");
    let [service] = described.services() else { panic!("{described:?}") };
    let revision = service.task_definition().and_then(|arn| arn.rsplit('/').next());
    (revision.expect("a revision").to_owned(), service.desired_count())
}

fn one_thing_of_a_service_is_changed(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    world.deploy(Pattern::FargateApi, "demo", &["--image", "nginx:1"]);
    world.deploy(Pattern::FargateApi, "demo", &["--image", "nginx:2"]);
    let (second, _) = runs(&world, "demo");
    for words in [
        &["scale", "web", "3"][..],
        &["restart", "web"],
        &["rollback", "web", "--yes"],
        &["wait"],
        &["doctor", "--pattern", "fargate-api", "--stack", "demo", "--image", "nginx:1"],
    ] {
        world.run(words).expect_code(exit::DONE);
    }
    let (first, count) = runs(&world, "demo");
    assert_eq!(count, 3);
    assert_ne!(first, second);
    world.destroy("demo");
    assert_eq!(world.ids(), before);
}

#[test]
fn moto_what_has_expired_goes() {
    what_has_expired_goes(Kind::Moto);
}

#[test]
fn ministack_what_has_expired_goes() {
    what_has_expired_goes(Kind::Ministack);
}

/// Nobody here waits for a time to come: what the lock says is put back instead.
fn what_has_expired_goes(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    world.deploy(Pattern::FargateApi, "demo", &["--ttl", "4h"]);
    let there = world.ids();
    world.run(&["list"]).expect_code(exit::DONE).says_one_of(&["expires in 3h59m"]);
    world.run(&["gc", "--yes"]).expect_code(exit::DONE).says_one_of(&["1 stack expires later"]);
    assert_eq!(world.ids(), there);
    let ssm = world.clients(REGION).ssm;
    let name = "/ecsup/demo/lock/1";
    let lock = world.block_on(ssm.get_parameter().name(name).send()).expect("the lock");
    let said = lock.parameter().and_then(|it| it.value()).expect("a value");
    let mut said: serde_json::Value = serde_json::from_str(said).expect("JSON");
    said["expires"] = 1_000_000_000.into();
    let put = ssm.put_parameter().name(name).value(said.to_string()).overwrite(true);
    let put = put.r#type(aws_sdk_ssm::types::ParameterType::String);
    world.block_on(put.send()).expect("it is put");
    world.run(&["gc", "--dry-run"]).expect_code(exit::DONE).says_one_of(&["1 stack would be"]);
    world.run(&["gc", "--yes"]).expect_code(exit::DONE).says_one_of(&["0 left, lock removed"]);
    assert_eq!(world.ids(), before);
}
