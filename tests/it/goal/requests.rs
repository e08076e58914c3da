//! What becomes of a request that somebody sends to a load balancer of a stack, asked of the simulated
//! world.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{ec2, ecs, elb, route53};
use ecsup::spec::{Http, Ingress, Scheme, Spec, Tls, Unknown};
use serde_json::{Value, json};

type Service = fn(&mut World, &str, &Value) -> aws_sim::refusal::Answer;

fn ask(world: &mut World, service: Service, operation: &str, input: Value) -> Value {
    service(world, operation, &input)
        .unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal:?}"))
}

/// Who answers a request for a host and a path at a port of the load balancer of a scheme: the name of a
/// service all of whose tasks are healthy and reached, or the status and the text of the load balancer's
/// own answer.
pub fn answer(
    world: &mut World,
    stack: &str,
    (scheme, port): (&str, u16),
    (host, path): (&str, &str),
) -> String {
    let Some(balancer) = balancer(world, stack, scheme) else { return "nobody".to_owned() };
    let input = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
    let listeners = ask(world, elb::answer, "DescribeListeners", input);
    let mut listeners = listeners.list("Listeners").iter();
    let listener = listeners.find(|it| it.number("Port") == Some(port.into()));
    let Some(listener) = listener else { return "nobody listens".to_owned() };
    if !is_open(world, &balancer, port) {
        return "nobody is let in".to_owned();
    }
    let input = json!({ "ListenerArn": listener.text("ListenerArn") });
    let rules = ask(world, elb::answer, "DescribeRules", input);
    let mut rules = rules.list("Rules").to_vec();
    rules.sort_by_key(|rule| rule.text("Priority").parse().unwrap_or(u32::MAX));
    let matches = |rule: &&Value| {
        rule.list("Conditions").iter().all(|condition| {
            let (config, text) = match condition.text("Field") {
                "host-header" => ("HostHeaderConfig", host.to_ascii_lowercase()),
                _ => ("PathPatternConfig", path.to_owned()),
            };
            let values = condition.part(config).texts("Values");
            values.iter().any(|value| is_like(value.as_bytes(), text.as_bytes()))
        })
    };
    let rule = rules.iter().find(matches).expect("the default rule matches everything");
    let [action] = rule.list("Actions") else { return "no single action".to_owned() };
    match action.some_text("TargetGroupArn") {
        Some(group) => behind(world, stack, &balancer, group),
        None if action.text("Type") == "redirect" => {
            let to = action.part("RedirectConfig");
            format!("redirect to {}:{}", to.text("Protocol"), to.text("Port"))
        }
        None => {
            let answer = action.part("FixedResponseConfig");
            format!("{} {}", answer.text("StatusCode"), answer.text("MessageBody"))
        }
    }
}

/// Where requests for the hosts, paths and names of a spec lead elsewhere than to their services, or those
/// for others elsewhere than was asked for.
pub fn unlike(world: &mut World, spec: &Spec) -> Vec<String> {
    Scheme::ALL.into_iter().flat_map(|scheme| unlike_at(world, spec, scheme)).collect()
}

/// The policy and the certificates of the listener of port 443, the default one first.
fn tls(world: &mut World, stack: &str, scheme: &str) -> Option<(String, Vec<String>)> {
    let balancer = balancer(world, stack, scheme)?;
    let input = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
    let listeners = ask(world, elb::answer, "DescribeListeners", input);
    let listener = listeners.list("Listeners").iter().find(|it| it.text("Protocol") == "HTTPS")?;
    let input = json!({ "ListenerArn": listener.text("ListenerArn") });
    let certificates = ask(world, elb::answer, "DescribeListenerCertificates", input);
    let mut certificates = certificates.list("Certificates").to_vec();
    certificates.sort_by_key(|it| it.flag("IsDefault") != Some(true));
    let arns = certificates.iter().map(|it| it.text("CertificateArn").to_owned()).collect();
    Some((listener.text("SslPolicy").to_owned(), arns))
}

/// The same, as a spec says it.
fn said(tls: &Tls) -> (String, Vec<String>) {
    let mut arns = tls.certificates.clone();
    arns[1..].sort();
    (tls.policy.clone(), arns)
}

fn unlike_at(world: &mut World, spec: &Spec, scheme: Scheme) -> Vec<String> {
    let (stack, word) = (spec.stack.as_str(), scheme.to_string());
    let unknown = match spec.ingress(scheme).map(|ingress| &ingress.unknown) {
        Some(Unknown::Service(service)) => service.to_string(),
        Some(Unknown::Answer { status, text }) => format!("{status} {text}"),
        None => "nobody".to_owned(),
    };
    let mut wanted = vec![("unknown.example.org".to_owned(), "/".to_owned(), unknown)];
    let mut unlike = Vec::new();
    for service in &spec.services {
        let Some(route) = service.route(scheme) else { continue };
        let example = |pattern: &String| pattern.replace('*', "x");
        let or = |all: &[String], one: &str| match all {
            [] => vec![one.to_owned()],
            all => all.iter().map(example).collect(),
        };
        for host in or(&route.hosts, "any.example.org") {
            for path in or(&route.paths, "/") {
                wanted.push((host.clone(), path, service.name.to_string()));
            }
        }
        for name in &route.names {
            let leads = leads_to(world, stack, name);
            if leads != Some(word.as_str()) {
                unlike.push(format!("{name} leads to {leads:?}, not to {word}"));
            }
        }
    }
    for (host, path, wanted) in wanted {
        for port in [80, 443] {
            let wanted = match (spec.ingress(scheme), port) {
                (Some(ingress), 443) if ingress.tls.is_none() => "nobody listens",
                (Some(Ingress { http: Http::Redirect, .. }), 80) => "redirect to HTTPS:443",
                (Some(Ingress { http: Http::Off, .. }), 80) => "nobody listens",
                _ => &wanted,
            };
            let answers = answer(world, stack, (&word, port), (&host, &path));
            if answers != wanted {
                unlike.push(format!("{word}:{port} {host}{path}: {answers} answers, not {wanted}"));
            }
        }
    }
    if let Some(ingress) = spec.ingress(scheme) {
        let (is, wanted) = (tls(world, stack, &word), ingress.tls.as_ref().map(said));
        if is != wanted {
            unlike.push(format!("{word}: secured with {is:?}, not {wanted:?}"));
        }
    }
    unlike
}

/// Whether the groups of a load balancer let somebody in on a port.
fn is_open(world: &mut World, balancer: &Value, port: u16) -> bool {
    let groups = balancer.texts("SecurityGroups");
    let input = json!({ "Filters": [{ "Name": "group-id", "Values": groups }] });
    let rules = ask(world, ec2::answer, "DescribeSecurityGroupRules", input);
    let lets_in = |rule: &Value| {
        rule.flag("IsEgress") == Some(false) && rule.number("FromPort") == Some(port.into())
    };
    rules.list("SecurityGroupRules").iter().any(lets_in)
}

fn balancer(world: &mut World, stack: &str, scheme: &str) -> Option<Value> {
    let own = |tags: &aws_sim::fields::Tags| tags.get("ecsup:stack").is_some_and(|it| it == stack);
    let own: BTreeSet<_> =
        world.tagged().into_iter().filter(|it| own(&it.2)).map(|(_, arn, _)| arn).collect();
    let all = ask(world, elb::answer, "DescribeLoadBalancers", json!({}));
    let mut all = all.list("LoadBalancers").iter();
    let is_it =
        |it: &&Value| own.contains(it.text("LoadBalancerArn")) && it.text("Scheme") == scheme;
    all.find(is_it).cloned()
}

/// The service that registers its tasks in a target group.
fn behind(world: &mut World, stack: &str, balancer: &Value, group: &str) -> String {
    let cluster = format!("cluster-{stack}");
    let input = json!({ "TargetGroupArn": group });
    let health = ask(world, elb::answer, "DescribeTargetHealth", input);
    let health = health.list("TargetHealthDescriptions").iter();
    let healthy = health.filter(|it| it.part("TargetHealth").text("State") == "healthy").count();
    for name in services(world, &cluster) {
        let input = json!({ "cluster": cluster, "services": [name] });
        let answer = ask(world, ecs::answer, "DescribeServices", input);
        let [service] = answer.list("services") else { continue };
        let of = service.list("loadBalancers").iter();
        let Some(of) = of.clone().find(|it| it.text("targetGroupArn") == group) else { continue };
        let port = of.number("containerPort").and_then(|port| u16::try_from(port).ok());
        let network = service.part("networkConfiguration").part("awsvpcConfiguration");
        let (from, to) = (balancer.texts("SecurityGroups"), network.texts("securityGroups"));
        let is_let_in = port.is_some_and(|port| ec2::may_reach(world, &from, &to, port));
        let wanted = service.number("desiredCount");
        if !is_let_in || wanted != i64::try_from(healthy).ok() {
            return format!("{name}, of which {healthy} of {wanted:?} answer");
        }
        return name;
    }
    "a target group of nobody".to_owned()
}

/// The services of a cluster.
pub fn services(world: &mut World, cluster: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut input = json!({ "cluster": cluster, "maxResults": 100 });
    loop {
        let answer = ask(world, ecs::answer, "ListServices", input.clone());
        let arns = answer.texts("serviceArns");
        names.extend(arns.iter().map(|arn| arn.rsplit('/').next().unwrap_or_default().to_owned()));
        match answer.some_text("nextToken") {
            Some(next) => input["nextToken"] = next.into(),
            None => return names,
        }
    }
}

/// The scheme of the load balancer that a name stands for in the zones of the stack's VPC.
pub fn leads_to(world: &mut World, stack: &str, name: &str) -> Option<&'static str> {
    let zones = ask(world, route53::answer, "ListHostedZones", json!({}));
    let schemes = ["internal", "internet-facing"];
    for zone in zones.list("HostedZones") {
        let id = zone.text("Id").trim_start_matches("/hostedzone/").to_owned();
        let input = json!({ "HostedZoneId": id });
        let records = ask(world, route53::answer, "ListResourceRecordSets", input);
        let mut records = records.list("ResourceRecordSets").iter();
        let record = records.find(|it| it.text("Name").trim_end_matches('.') == name);
        let Some(record) = record else { continue };
        let to = record.part("AliasTarget").text("DNSName").to_lowercase();
        let to = to.trim_start_matches("dualstack.").trim_end_matches('.').to_owned();
        return schemes.into_iter().find(|scheme| {
            let balancer = balancer(world, stack, scheme);
            balancer.is_some_and(|it| it.text("DNSName").to_lowercase() == to)
        });
    }
    None
}

/// Whether a text is like a pattern: `*` stands for any letters, `?` for one.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|from| is_like(rest, &text[from..])),
        ([b'?', rest @ ..], [_, text @ ..]) => is_like(rest, text),
        ([one, rest @ ..], [other, text @ ..]) => one == other && is_like(rest, text),
        _ => false,
    }
}
