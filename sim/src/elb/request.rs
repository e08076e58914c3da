//! What becomes of a request that somebody sends to a load balancer, or to a target past it.

use serde_json::Value;

use super::Health;
use super::listener::Listener;
use super::load_balancer::LoadBalancer;
use super::rule::Rule;
use super::target::{self, At};
use super::target_group::TargetGroup;
use crate::ec2::{self, Standpoint};
use crate::fields::Fields;
use crate::scenario::Answers;
use crate::wildcard::is_like;
use crate::world::World;

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub enum Sender<'a> {
    /// Somebody in a VPC.
    Vpc(&'a Standpoint<'a>),
    /// Somebody in the internet.
    Internet,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whether over TLS.
    pub tls: bool,
    /// The port.
    pub port: u16,
    /// The host.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// An answer: its status and its body.
    Answer(u16, String),
    /// Nobody listens.
    Refused,
    /// Nothing.
    Silence,
}

/// Sends a request to the load balancer of a DNS name; nothing when there is no such name.
pub fn request(
    world: &World,
    from: Sender<'_>,
    dns_name: &str,
    request: &Request<'_>,
) -> Option<Response> {
    let is_it = |it: &LoadBalancer| it.dns_name.eq_ignore_ascii_case(dns_name) && it.is_active();
    let (arn, it) = world.elb().load_balancers.iter().find(|(_, it)| is_it(it))?;
    if !lets_in(world, from, it, request.port) {
        return Some(Response::Silence);
    }
    let listeners = &world.elb().listeners;
    let is_of = |it: &Listener| it.load_balancer == *arn && it.port == request.port;
    let Some((listener, of)) = listeners.iter().find(|(_, it)| is_of(it)) else {
        return Some(Response::Refused);
    };
    if (of.protocol == "HTTPS") != request.tls {
        let said = "The plain HTTP request was sent to HTTPS port";
        return Some(if request.tls { Response::Refused } else { answer(400, said) });
    }
    let rules = world.elb().rules.values();
    let rule = rules.filter(|rule| rule.listener == *listener && matches(rule, request));
    let actions = match rule.min_by_key(|rule| rule.priority) {
        Some(rule) => &rule.actions,
        None => &of.actions,
    };
    Some(acts(world, it, actions.first()?, request))
}

fn answer(code: u16, body: &str) -> Response {
    Response::Answer(code, body.to_owned())
}

/// Whether a load balancer can be reached from there.
fn lets_in(world: &World, from: Sender<'_>, it: &LoadBalancer, port: u16) -> bool {
    let groups: Vec<_> = it.groups.iter().cloned().collect();
    match from {
        Sender::Vpc(from) if it.is_internal() => {
            let vpc = ec2::subnet(world, from.subnet).map(|subnet| subnet.vpc);
            vpc.is_ok_and(|vpc| vpc == it.vpc) && ec2::may_reach(world, from.groups, &groups, port)
        }
        // It has public addresses alone, which are out in the internet for everybody.
        Sender::Vpc(from) => {
            ec2::way_out(world, from.subnet, from.public_address)
                && ec2::lets_out(world, from.groups, port)
                && ec2::lets_anybody_in(world, &groups, port)
        }
        Sender::Internet => !it.is_internal() && ec2::lets_anybody_in(world, &groups, port),
    }
}

fn matches(rule: &Rule, request: &Request<'_>) -> bool {
    rule.conditions.iter().all(|condition| {
        let (config, text) = match condition.text("Field") {
            "host-header" => ("HostHeaderConfig", request.host.to_ascii_lowercase()),
            "path-pattern" => ("PathPatternConfig", request.path.to_owned()),
            // What else a request is like is not said.
            _ => return false,
        };
        let values = [condition.texts("Values"), condition.part(config).texts("Values")].concat();
        values.iter().any(|value| match config {
            // Hosts are alike in any case, paths are not.
            "HostHeaderConfig" => is_like(&value.to_ascii_lowercase(), &text),
            _ => is_like(value, &text),
        })
    })
}

fn acts(world: &World, it: &LoadBalancer, action: &Value, request: &Request<'_>) -> Response {
    if let Some(fixed) = action.get("FixedResponseConfig") {
        let code = fixed.text("StatusCode").parse().unwrap_or(503);
        return answer(code, fixed.text("MessageBody"));
    }
    if let Some(to) = action.get("RedirectConfig") {
        return answer(if to.text("StatusCode") == "HTTP_301" { 301 } else { 302 }, "");
    }
    let groups = action.part("ForwardConfig").list("TargetGroups").iter();
    let weighed = groups.max_by_key(|group| group.number("Weight").unwrap_or(1));
    let arn = weighed.map(|group| group.text("TargetGroupArn")).unwrap_or_default();
    let Some(group) = world.elb().target_groups.get(arn) else { return answer(503, "") };
    // Where none is healthy, all are asked (Elastic Load Balancing guide, "Health checks").
    let health = |at: &At| target::health(world, arn, at);
    let asked = group.targets.keys().map(|at| (health(at), at));
    let asked = asked.filter(|(health, _)| *health >= Health::Unhealthy);
    match asked.max_by_key(|(health, _)| *health) {
        Some((_, at)) => from_target(world, it, group, at, request.path),
        None => answer(503, "<html>503 Service Temporarily Unavailable</html>"),
    }
}

fn from_target(
    world: &World,
    it: &LoadBalancer,
    group: &TargetGroup,
    at: &At,
    path: &str,
) -> Response {
    let Some(target) = group.targets.get(at) else { return answer(503, "") };
    let from: Vec<_> = it.groups.iter().cloned().collect();
    if !ec2::may_reach(world, &from, &target.groups, at.1) {
        return answer(504, "<html>504 Gateway Time-out</html>");
    }
    match target.answers {
        Answers::Refused => answer(502, "<html>502 Bad Gateway</html>"),
        Answers::Never => answer(504, "<html>504 Gateway Time-out</html>"),
        other => said_by(other, &format!("{}:{}", at.0, at.1), path),
    }
}

/// What a container answers itself to a request that reaches it.
pub fn said_by(answers: Answers, at: &str, path: &str) -> Response {
    match answers {
        Answers::Well => Response::Answer(200, format!("Hello from {at}")),
        Answers::Only(only) if only == path => Response::Answer(200, format!("Hello from {at}")),
        Answers::Only(_) => answer(404, "not found"),
        Answers::Code(code) => Response::Answer(code, format!("{code}")),
        Answers::Refused => Response::Refused,
        Answers::Never => Response::Silence,
    }
}
