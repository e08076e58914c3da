//! The rules that matter, in a world with a real VPC.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Health, answer};
use crate::ec2;
use crate::fields::Fields;
use crate::refusal::Answer;
use crate::scenario::{Answers, Scenario};
use crate::world::World;

/// A VPC with two subnets in two zones and a security group, all visible.
struct Network {
    vpc: String,
    subnets: [String; 2],
    group: String,
}

fn world() -> World {
    World::new(7, Scenario::default())
}

fn wait(world: &mut World, seconds: f64) {
    world.advance(world.now + Duration::from_secs_f64(seconds));
}

fn code(answer: Answer) -> String {
    answer.map_or_else(|refusal| refusal.code, |answer| format!("no refusal: {answer}"))
}

fn network(world: &mut World) -> Network {
    let vpc = ec2::answer(world, "CreateVpc", &json!({ "CidrBlock": "10.0.0.0/16" })).unwrap();
    let vpc = vpc.part("Vpc").text("VpcId").to_owned();
    wait(world, 10.0);
    let subnets = ["a", "b"].map(|zone| subnet(world, &vpc, zone, u8::from(zone == "b")));
    let group = group(world, &vpc, "sg-of-balancer");
    wait(world, 10.0);
    Network { vpc, subnets, group }
}

fn subnet(world: &mut World, vpc: &str, zone: &str, net: u8) -> String {
    let input = json!({
        "VpcId": vpc,
        "CidrBlock": format!("10.0.{net}.0/24"),
        "AvailabilityZone": format!("us-east-1{zone}"),
    });
    let subnet = ec2::answer(world, "CreateSubnet", &input).unwrap();
    subnet.part("Subnet").text("SubnetId").to_owned()
}

fn group(world: &mut World, vpc: &str, name: &str) -> String {
    let name = name.trim_start_matches("sg-");
    let input = json!({ "VpcId": vpc, "GroupName": name, "Description": name });
    let group = ec2::answer(world, "CreateSecurityGroup", &input).unwrap();
    group.text("GroupId").to_owned()
}

fn load_balancer(name: &str, network: &Network) -> Value {
    json!({
        "Name": name,
        "Scheme": "internal",
        "Subnets": network.subnets,
        "SecurityGroups": [network.group],
        "Tags": [{ "Key": "owner", "Value": "me" }],
    })
}

fn target_group(name: &str, network: &Network) -> Value {
    json!({
        "Name": name,
        "Protocol": "HTTP",
        "Port": 8080,
        "VpcId": network.vpc,
        "TargetType": "ip",
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 6,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 10,
    })
}

fn made(world: &mut World, operation: &str, input: &Value) -> String {
    let (list, arn) = match operation {
        "CreateLoadBalancer" => ("LoadBalancers", "LoadBalancerArn"),
        "CreateTargetGroup" => ("TargetGroups", "TargetGroupArn"),
        "CreateListener" => ("Listeners", "ListenerArn"),
        _ => ("Rules", "RuleArn"),
    };
    let answer = answer(world, operation, input).unwrap();
    answer.list(list)[0].text(arn).to_owned()
}

fn listener(load_balancer: &str, target_group: &str, port: u16) -> Value {
    let weighed = json!([{ "TargetGroupArn": target_group, "Weight": 100 }]);
    json!({
        "LoadBalancerArn": load_balancer,
        "Protocol": "HTTP",
        "Port": port,
        "DefaultActions": [{
            "Type": "forward",
            "TargetGroupArn": target_group,
            "ForwardConfig": { "TargetGroups": weighed },
        }],
    })
}

/// A load balancer and a target group, visible, and a listener between them.
fn linked(world: &mut World, network: &Network) -> (String, String, String) {
    let balancer = made(world, "CreateLoadBalancer", &load_balancer("lb-demo", network));
    let group = made(world, "CreateTargetGroup", &target_group("tg-demo-web", network));
    wait(world, 4.0);
    let listener = made(world, "CreateListener", &listener(&balancer, &group, 80));
    (balancer, group, listener)
}

/// A load balancer and a target group, both visible.
fn balancer_and_group(world: &mut World) -> (String, String) {
    let network = network(world);
    let balancer = made(world, "CreateLoadBalancer", &load_balancer("lb-a", &network));
    let group = made(world, "CreateTargetGroup", &target_group("tg-a", &network));
    wait(world, 5.0);
    (balancer, group)
}

/// Opens a port of a security group to another one.
fn open(world: &mut World, group: &str, to: &str, port: u16) {
    let input = json!({
        "GroupId": group,
        "IpPermissions": [{
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "UserIdGroupPairs": [{ "GroupId": to }],
        }],
    });
    ec2::answer(world, "AuthorizeSecurityGroupIngress", &input).unwrap();
}

fn state(world: &mut World, load_balancer: &str) -> String {
    let input = json!({ "LoadBalancerArns": [load_balancer] });
    let described = answer(world, "DescribeLoadBalancers", &input).unwrap();
    described.list("LoadBalancers")[0].part("State").text("Code").to_owned()
}

#[test]
fn a_name_is_held_by_whoever_came_first() {
    let world = &mut world();
    let network = network(world);
    let input = load_balancer("lb-demo", &network);
    let first = made(world, "CreateLoadBalancer", &input);
    let mut again = input.clone();
    again["Tags"] = json!([{ "Key": "owner", "Value": "you" }]);
    assert_eq!(made(world, "CreateLoadBalancer", &again), first);
    wait(world, 4.0);
    let tags = answer(world, "DescribeTags", &json!({ "ResourceArns": [first] })).unwrap();
    assert_eq!(tags.list("TagDescriptions")[0].tags("Tags")["owner"], "me");
    again["Scheme"] = "internet-facing".into();
    assert_eq!(code(answer(world, "CreateLoadBalancer", &again)), "DuplicateLoadBalancerName");

    let input = target_group("tg-demo", &network);
    let first = made(world, "CreateTargetGroup", &input);
    assert_eq!(made(world, "CreateTargetGroup", &input), first);
    let mut other = input;
    other["HealthCheckPath"] = "/".into();
    assert_eq!(code(answer(world, "CreateTargetGroup", &other)), "DuplicateTargetGroupName");
}

#[test]
fn names_are_checked() {
    let world = &mut world();
    let network = network(world);
    for name in ["-lb", "lb-", "a_b", "internal-lb", "", &"x".repeat(33)] {
        let input = load_balancer(name, &network);
        assert_eq!(code(answer(world, "CreateLoadBalancer", &input)), "ValidationError", "{name}");
    }
    // Only a load balancer must not begin so.
    made(world, "CreateTargetGroup", &target_group("internal-tg", &network));
}

#[test]
fn subnets_groups_and_gateway_are_checked() {
    let world = &mut world();
    let network = network(world);
    let refused = |world: &mut World, member: &str, value: Value| {
        let mut input = load_balancer("lb-demo", &network);
        input[member] = value;
        code(answer(world, "CreateLoadBalancer", &input))
    };
    let [a, b] = &network.subnets;
    assert_eq!(refused(world, "Subnets", json!([a])), "ValidationError");
    let same_zone = subnet(world, &network.vpc, "a", 7);
    wait(world, 10.0);
    let same_zone = json!([a, same_zone]);
    assert_eq!(refused(world, "Subnets", same_zone), "InvalidConfigurationRequest");
    assert_eq!(refused(world, "Subnets", json!([a, "subnet-0123"])), "SubnetNotFound");
    assert_eq!(refused(world, "SecurityGroups", json!(["sg-0123"])), "InvalidSecurityGroup");
    let mut public = load_balancer("lb-demo", &network);
    public["Scheme"] = "internet-facing".into();
    let refusal = answer(world, "CreateLoadBalancer", &public).unwrap_err();
    assert_eq!(refusal.code, "InvalidSubnet");
    assert!(refusal.message.contains("has no internet gateway"), "{refusal}");
    assert_eq!(b, &network.subnets[1]);
}

#[test]
fn a_load_balancer_takes_eight_free_addresses_in_each_subnet() {
    let mut world = world();
    let network = network(&mut world);
    let new =
        || ec2::NewInterface { subnet: network.subnets[1].clone(), ..ec2::NewInterface::default() };
    // A /24 has 251.
    let taken: Vec<_> = (0..244).filter_map(|_| ec2::attach_interface(&mut world, new())).collect();
    assert_eq!(taken.len(), 244);
    let wanted = load_balancer("lb", &network);
    let refusal = answer(&mut world, "CreateLoadBalancer", &wanted).unwrap_err();
    let message = refusal.message.replace(&network.subnets[1], "SUBNET");
    assert_eq!(refusal.code, "InvalidSubnet");
    insta::assert_snapshot!(message, @"Not enough IP space available in SUBNET. ELB requires at least 8 free IP addresses in each subnet.");
    ec2::remove_interface(&mut world, &taken[0]);
    let arn = made(&mut world, "CreateLoadBalancer", &wanted);
    wait(&mut world, 15.0);
    // What it has already need not be free once more.
    let same = json!({ "LoadBalancerArn": arn, "Subnets": network.subnets });
    answer(&mut world, "SetSubnets", &same).unwrap();
}

#[test]
fn what_was_just_made_is_unknown_for_a_moment() {
    let delays = [("elb.visible".to_owned(), 2.0..=2.0)].into();
    let world = &mut World::new(7, Scenario { delays, ..Scenario::default() });
    let network = network(world);
    let balancer = made(world, "CreateLoadBalancer", &load_balancer("lb-demo", &network));
    let listed = answer(world, "DescribeLoadBalancers", &json!({})).unwrap();
    assert_eq!(listed.list("LoadBalancers").len(), 0);
    let by_name = json!({ "Names": ["lb-demo"] });
    assert_eq!(code(answer(world, "DescribeLoadBalancers", &by_name)), "LoadBalancerNotFound");
    wait(world, 1.0);
    let group = made(world, "CreateTargetGroup", &target_group("tg-demo", &network));
    wait(world, 1.0);
    let input = listener(&balancer, &group, 80);
    assert_eq!(code(answer(world, "CreateListener", &input)), "TargetGroupNotFound");
    assert_eq!(code(super::is_linked(world, &group).map(Value::from)), "TargetGroupNotFound");
    wait(world, 1.0);
    let arn = made(world, "CreateListener", &input);
    assert_eq!(made(world, "CreateListener", &input), arn);
    let modify = json!({ "ListenerArn": arn, "Port": 81 });
    assert_eq!(code(answer(world, "ModifyListener", &modify)), "ListenerNotFound");
    assert_eq!(super::is_linked(world, &group), Ok(false));
    wait(world, 2.0);
    answer(world, "ModifyListener", &modify).unwrap();
    assert_eq!(super::is_linked(world, &group), Ok(true));
}

#[test]
fn targets_become_healthy_behind_an_active_load_balancer() {
    let delays = [("load-balancer.provisioning".to_owned(), 150.0..=150.0)].into();
    let world = &mut World::new(7, Scenario { delays, ..Scenario::default() });
    let network = network(world);
    let tasks = group(world, &network.vpc, "sg-of-tasks");
    wait(world, 10.0);
    open(world, &tasks, &network.group, 8080);
    let tg = made(world, "CreateTargetGroup", &target_group("tg-demo-web", &network));
    super::register(world, &tg, "10.0.0.9", 8080, vec![tasks.clone()], Answers::Well);
    super::register(world, &tg, "10.0.0.10", 8080, vec![tasks.clone()], Answers::Code(503));
    super::register(world, &tg, "10.0.0.11", 9999, vec![tasks.clone()], Answers::Well);
    let health = |world: &World, address: &str| super::health(world, &tg, address);
    assert_eq!(health(world, "10.0.0.9"), Health::Unused);
    let balancer = made(world, "CreateLoadBalancer", &load_balancer("lb-demo", &network));
    wait(world, 4.0);
    made(world, "CreateListener", &listener(&balancer, &tg, 80));
    assert_eq!(health(world, "10.0.0.9"), Health::Initial);
    wait(world, 145.9);
    assert_eq!(state(world, &balancer), "provisioning");
    assert_eq!(health(world, "10.0.0.9"), Health::Initial);
    wait(world, 0.1);
    assert_eq!(state(world, &balancer), "active");
    // Two checks, six seconds apart.
    wait(world, 11.9);
    assert_eq!(health(world, "10.0.0.9"), Health::Initial);
    wait(world, 0.1);
    assert_eq!(health(world, "10.0.0.9"), Health::Healthy);
    assert_eq!(health(world, "10.0.0.12"), Health::Absent);
    // Ten checks make the others unhealthy, for different reasons.
    wait(world, 47.9);
    assert_eq!(health(world, "10.0.0.10"), Health::Initial);
    wait(world, 0.1);
    let described =
        answer(world, "DescribeTargetHealth", &json!({ "TargetGroupArn": tg })).unwrap();
    let reasons: Vec<_> = described
        .list("TargetHealthDescriptions")
        .iter()
        .map(|one| (one.part("Target").text("Id"), one.part("TargetHealth").text("Reason")))
        .collect();
    let expected = [
        ("10.0.0.10", "Target.ResponseCodeMismatch"),
        ("10.0.0.11", "Target.Timeout"),
        ("10.0.0.9", ""),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_target_drains_while_a_listener_leads_to_it() {
    let world = &mut world();
    let network = network(world);
    let (balancer, tg, _) = linked(world, &network);
    let addresses = ["10.0.0.8", "10.0.0.9", "10.0.0.10"];
    for address in addresses {
        super::register(world, &tg, address, 8080, Vec::new(), Answers::Well);
    }
    let health = |world: &World, address: &str| super::health(world, &tg, address);
    super::deregister(world, &tg, "10.0.0.8");
    wait(world, 299.9);
    assert_eq!(health(world, "10.0.0.8"), Health::Draining);
    wait(world, 0.1);
    assert_eq!(health(world, "10.0.0.8"), Health::Absent);
    super::deregister(world, &tg, "10.0.0.9");
    wait(world, 10.0);
    let delay = |seconds: &str| {
        let key = "deregistration_delay.timeout_seconds";
        json!({ "TargetGroupArn": tg, "Attributes": [{ "Key": key, "Value": seconds }] })
    };
    answer(world, "ModifyTargetGroupAttributes", &delay("30")).unwrap();
    assert_eq!(health(world, "10.0.0.9"), Health::Draining);
    wait(world, 20.0);
    assert_eq!(health(world, "10.0.0.9"), Health::Absent);
    super::deregister(world, &tg, "10.0.0.10");
    assert_eq!(health(world, "10.0.0.10"), Health::Draining);
    // Without a listener nothing is in flight.
    answer(world, "DeleteLoadBalancer", &json!({ "LoadBalancerArn": balancer })).unwrap();
    assert_eq!(health(world, "10.0.0.10"), Health::Absent);
    assert_eq!(
        code(answer(world, "ModifyTargetGroupAttributes", &delay("3601"))),
        "ValidationError"
    );
}

#[test]
fn a_deleted_load_balancer_is_gone_at_once_and_its_interfaces_are_not() {
    let delays = [
        ("load-balancer.interfaces".to_owned(), 100.0..=100.0),
        ("target-group.released".to_owned(), 3.0..=3.0),
    ];
    let world = &mut World::new(7, Scenario { delays: delays.into(), ..Scenario::default() });
    let network = network(world);
    let (balancer, tg, _) = linked(world, &network);
    wait(world, 20.0);
    let interfaces = |world: &mut World| {
        let all = ec2::answer(world, "DescribeNetworkInterfaces", &json!({})).unwrap();
        let all = all.list("NetworkInterfaces");
        let ours = |one: &&Value| one.text("Description").starts_with("ELB app/lb-demo/");
        all.iter().filter(ours).count()
    };
    assert_eq!(interfaces(world), 2);
    let arn = json!({ "LoadBalancerArn": balancer });
    let group = json!({ "TargetGroupArn": tg });
    let protect = |on: &str| {
        let attribute = json!([{ "Key": "deletion_protection.enabled", "Value": on }]);
        json!({ "LoadBalancerArn": balancer, "Attributes": attribute })
    };
    answer(world, "ModifyLoadBalancerAttributes", &protect("true")).unwrap();
    assert_eq!(code(answer(world, "DeleteLoadBalancer", &arn)), "OperationNotPermitted");
    answer(world, "ModifyLoadBalancerAttributes", &protect("false")).unwrap();
    assert_eq!(code(answer(world, "DeleteTargetGroup", &group)), "ResourceInUse");
    answer(world, "DeleteLoadBalancer", &arn).unwrap();
    answer(world, "DeleteLoadBalancer", &arn).unwrap();
    let look = json!({ "Names": ["lb-demo"] });
    assert_eq!(code(answer(world, "DescribeLoadBalancers", &look)), "LoadBalancerNotFound");
    assert_eq!(code(answer(world, "DeleteTargetGroup", &group)), "ResourceInUse");
    wait(world, 3.0);
    answer(world, "DeleteTargetGroup", &group).unwrap();
    wait(world, 96.9);
    assert_eq!(interfaces(world), 2);
    wait(world, 0.1);
    assert_eq!(interfaces(world), 0);
    assert_eq!(super::ids(world), Vec::<String>::new());
}

#[test]
fn a_target_group_has_one_load_balancer_and_a_port_one_listener() {
    let world = &mut world();
    let network = network(world);
    let (balancer, tg, first) = linked(world, &network);
    let other = made(world, "CreateTargetGroup", &target_group("tg-other", &network));
    let second = made(world, "CreateLoadBalancer", &load_balancer("lb-other", &network));
    wait(world, 4.0);
    let input = listener(&second, &tg, 80);
    assert_eq!(code(answer(world, "CreateListener", &input)), "TargetGroupAssociationLimit");
    let input = listener(&balancer, &other, 80);
    assert_eq!(code(answer(world, "CreateListener", &input)), "DuplicateListener");
    let rule = json!({
        "ListenerArn": first,
        "Priority": 10,
        "Conditions": [{ "Field": "host-header", "HostHeaderConfig": { "Values": ["a.demo"] } }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": other }],
    });
    let arn = made(world, "CreateRule", &rule);
    assert_eq!(code(answer(world, "CreateRule", &rule)), "PriorityInUse");
    assert_eq!(super::is_linked(world, &other), Ok(true));
    let rules = answer(world, "DescribeRules", &json!({ "ListenerArn": first })).unwrap();
    let default = rules.list("Rules")[1].text("RuleArn").to_owned();
    let delete = |arn: &str| json!({ "RuleArn": arn });
    assert_eq!(code(answer(world, "DeleteRule", &delete(&default))), "OperationNotPermitted");
    answer(world, "DeleteRule", &delete(&arn)).unwrap();
    assert_eq!(super::is_linked(world, &other), Ok(false));
}

#[test]
fn listings_have_pages_and_tags_have_limits() {
    let world = &mut world();
    let network = network(world);
    let arns: Vec<_> = (0..21)
        .map(|n| made(world, "CreateTargetGroup", &target_group(&format!("tg-{n}"), &network)))
        .collect();
    wait(world, 4.0);
    let first = answer(world, "DescribeTargetGroups", &json!({ "PageSize": 20 })).unwrap();
    let next = json!({ "PageSize": 20, "Marker": first.text("NextMarker") });
    let second = answer(world, "DescribeTargetGroups", &next).unwrap();
    assert_eq!((first.list("TargetGroups").len(), second.list("TargetGroups").len()), (20, 1));
    assert_eq!(second.some_text("NextMarker"), None);
    let tags = |arns: &[String]| json!({ "ResourceArns": arns });
    assert_eq!(code(answer(world, "DescribeTags", &tags(&arns))), "ValidationError");
    answer(world, "DeleteTargetGroup", &json!({ "TargetGroupArn": arns[3] })).unwrap();
    assert_eq!(code(answer(world, "DescribeTags", &tags(&arns[..20]))), "TargetGroupNotFound");
    let key = json!([{ "Key": "no.such.key", "Value": "1" }]);
    let unknown = json!({ "TargetGroupArn": arns[0], "Attributes": key });
    assert_eq!(code(answer(world, "ModifyTargetGroupAttributes", &unknown)), "ValidationError");
}

#[test]
fn a_load_balancer_without_groups_gets_the_default_one_of_its_vpc() {
    let mut world = world();
    let network = network(&mut world);
    let gateway = json!({ "Scheme": "internal", "Name": "lb", "Subnets": network.subnets });
    let made = answer(&mut world, "CreateLoadBalancer", &gateway).unwrap();
    let default = ec2::default_security_group(&world, &network.vpc).unwrap();
    assert_eq!(made["LoadBalancers"][0]["SecurityGroups"], json!([default]));
}

#[test]
fn the_values_of_a_condition_are_said_once() {
    let mut world = world();
    let network = network(&mut world);
    let (_, target_group, listener) = linked(&mut world, &network);
    wait(&mut world, 10.0);
    let rule = |condition: Value| {
        json!({
            "ListenerArn": listener,
            "Priority": 1,
            "Conditions": [condition],
            "Actions": [{ "Type": "forward", "TargetGroupArn": target_group }],
        })
    };
    let values = json!(["a.example"]);
    let both = json!({
        "Field": "host-header", "Values": values, "HostHeaderConfig": { "Values": values },
    });
    let refused = answer(&mut world, "CreateRule", &rule(both)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ValidationError: You cannot provide both Values and 'HostHeaderConfig' for a condition of \
         type 'host-header'"
    );
    let one = json!({ "Field": "host-header", "HostHeaderConfig": { "Values": values } });
    answer(&mut world, "CreateRule", &rule(one)).unwrap();
}

#[test]
fn an_https_listener_takes_a_certificate_that_is_issued_and_others_besides() {
    let mut world = world();
    let [issued, other, pending] =
        [("a.org", "ISSUED"), ("b.org", "ISSUED"), ("c.org", "PENDING_VALIDATION")]
            .map(|(name, status)| crate::acm::add(&mut world, &[name], status));
    let (load_balancer, group) = balancer_and_group(&mut world);
    let listener = |certificates: &[&str], policy: Option<&str>| {
        let certificates: Vec<_> =
            certificates.iter().map(|arn| json!({ "CertificateArn": arn })).collect();
        let mut input = json!({
            "LoadBalancerArn": load_balancer,
            "Protocol": "HTTPS",
            "Port": 443,
            "Certificates": certificates,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        if let Some(policy) = policy {
            input["SslPolicy"] = policy.into();
        }
        input
    };
    let mut refused = |input: &Value| answer(&mut world, "CreateListener", input).unwrap_err().code;
    assert_eq!(refused(&listener(&[], None)), "ValidationError");
    assert_eq!(refused(&listener(&[&pending], None)), "UnsupportedCertificate");
    assert_eq!(refused(&listener(&["arn:aws:acm:x:1:certificate/2"], None)), "CertificateNotFound");
    assert_eq!(refused(&listener(&[&issued], Some("ELBSecurityPolicy-9"))), "SSLPolicyNotFound");
    let made = answer(&mut world, "CreateListener", &listener(&[&issued], None)).unwrap();
    let made = &made["Listeners"][0];
    assert_eq!(made["SslPolicy"], "ELBSecurityPolicy-2016-08");
    let arn = made["ListenerArn"].as_str().unwrap().to_owned();
    wait(&mut world, 5.0);
    let of = |certificate: &str| json!({ "ListenerArn": arn, "Certificates": [{ "CertificateArn": certificate }] });
    answer(&mut world, "AddListenerCertificates", &of(&other)).unwrap();
    let all = answer(&mut world, "DescribeListenerCertificates", &of(&other)).unwrap();
    assert_eq!(all["Certificates"].as_array().unwrap().len(), 2);
    let kept = answer(&mut world, "RemoveListenerCertificates", &of(&issued)).unwrap_err();
    assert_eq!(kept.code, "OperationNotPermitted");
    answer(&mut world, "RemoveListenerCertificates", &of(&other)).unwrap();
    let changed = json!({ "ListenerArn": arn, "Certificates": [{ "CertificateArn": other }] });
    let changed = answer(&mut world, "ModifyListener", &changed).unwrap();
    assert_eq!(changed["Listeners"][0]["Certificates"][0]["CertificateArn"], json!(other));
}

#[test]
fn a_redirect_leads_elsewhere_and_never_from_https_to_http() {
    let mut world = world();
    let (load_balancer, _) = balancer_and_group(&mut world);
    let mut redirect = |to: Value| {
        let action = json!({ "Type": "redirect", "RedirectConfig": to });
        let input = json!({
            "LoadBalancerArn": load_balancer,
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [action],
        });
        answer(&mut world, "CreateListener", &input)
    };
    let here = redirect(json!({ "StatusCode": "HTTP_301", "Port": "80" }));
    assert_eq!(here.unwrap_err().code, "InvalidLoadBalancerAction");
    let made = redirect(json!({ "StatusCode": "HTTP_301", "Port": "443", "Protocol": "HTTPS" }));
    let made = &made.unwrap()["Listeners"][0]["DefaultActions"][0]["RedirectConfig"];
    assert_eq!((&made["Host"], &made["Query"]), (&json!("#{host}"), &json!("#{query}")));
}
