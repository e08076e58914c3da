//! Listeners: a port of a load balancer. They are made while it is still being provisioned, and go
//! with it.

use std::time::Duration;

use serde_json::{Value, json};

use super::certificate::{self, Tls};
use super::page;
use super::{action, invalid, load_balancer, tags, target, without};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Listeners that a load balancer has room for.
const QUOTA: usize = 50;

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    /// ARN of its load balancer.
    pub(super) load_balancer: String,
    pub(super) protocol: String,
    pub(super) port: u16,
    /// What it is secured with, if its protocol is HTTPS.
    pub(super) tls: Option<Tls>,
    /// As [`action::read`] writes them.
    pub(super) actions: Vec<Value>,
    pub(super) tags: Tags,
    pub(super) visible: Duration,
}

/// What is said about a listener that is not there.
pub(super) fn not_found() -> Refusal {
    Refusal::new("ListenerNotFound", "One or more listeners not found")
}

/// A listener that other calls know already.
pub(super) fn visible<'a>(world: &'a World, arn: &str) -> Result<&'a Listener, Refusal> {
    let found = world.elb().listeners.get(arn).filter(|it| it.visible <= world.now);
    found.ok_or_else(not_found)
}

/// The load balancer that leads to a target group by a listener that counts, or by a rule of one.
pub(super) fn leads_to(
    world: &World,
    target_group: &str,
    counts: impl Fn(&Listener) -> bool,
) -> Option<String> {
    let by_rule = |arn: &str| {
        let mut rules = world.elb().rules.values();
        rules.any(|rule| rule.listener == arn && action::lead_to(&rule.actions, target_group))
    };
    let mut listeners = world.elb().listeners.iter().filter(|(_, listener)| counts(listener));
    let found = listeners
        .find(|(arn, listener)| action::lead_to(&listener.actions, target_group) || by_rule(arn));
    found.map(|(_, listener)| listener.load_balancer.clone())
}

fn check_protocol(protocol: &str) -> Result<(), Refusal> {
    match protocol {
        "HTTP" | "HTTPS" => Ok(()),
        "" => Err(invalid("A listener protocol must be specified")),
        _ => {
            let message = format!(
                "Listener protocol '{protocol}' is not supported with a load balancer of type \
                 'application'"
            );
            Err(invalid(message))
        }
    }
}

fn port_of(input: &Value) -> Option<u16> {
    input.number("Port").and_then(|port| u16::try_from(port).ok())
}

fn duplicate(load_balancer: &str) -> Refusal {
    let message =
        format!("A listener already exists on this port for this load balancer '{load_balancer}'");
    Refusal::new("DuplicateListener", message)
}

/// `CreateListener`.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "CreateListener";
    without(OPERATION, input, &["AlpnPolicy", "MutualAuthentication"])?;
    let load_balancer = input.text("LoadBalancerArn").to_owned();
    let balancer = load_balancer::visible(world, &load_balancer)?;
    let (name, path) = (balancer.name.clone(), balancer.path.clone());
    let protocol = input.some_text("Protocol").unwrap_or_default().to_owned();
    check_protocol(&protocol)?;
    let tls = certificate::read(world, input, &protocol, None)?;
    let port = port_of(input).ok_or_else(|| invalid("A listener port must be specified"))?;
    let tags = tags::of(input)?;
    let at = (protocol.as_str(), port);
    let actions = action::read(world, &load_balancer, at, input.list("DefaultActions"))?;
    let all = || world.elb().listeners.iter().filter(|(_, it)| it.load_balancer == load_balancer);
    if let Some((arn, it)) = all().find(|(_, it)| it.port == port) {
        // Whoever made it, and whatever its tags are.
        if it.protocol == protocol && it.tls == tls && it.actions == actions {
            return Ok(json!({ "Listeners": [described(arn, it)] }));
        }
        return Err(duplicate(&load_balancer));
    }
    if all().count() >= QUOTA {
        let message = "The maximum number of listeners has been reached on this load balancer";
        return Err(Refusal::new("TooManyListeners", message));
    }
    let arn =
        format!("listener/{path}/{}", world.digits_of(16, &format!("listener {path}:{port}")));
    let arn = world.arn("elasticloadbalancing", &arn);
    let visible = world.now + world.dice.delay("elb.visible", &format!("{name}:{port}"), 0.0..=3.0);
    let it = Listener { load_balancer, protocol, port, tls, actions, tags, visible };
    let answer = json!({ "Listeners": [described(&arn, &it)] });
    world.elb_mut().listeners.insert(arn, it);
    target::refresh(world);
    Ok(answer)
}

/// `DescribeListeners`: of a load balancer, or by their ARNs.
pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let (arns, of) = (input.texts("ListenerArns"), input.some_text("LoadBalancerArn"));
    match of {
        None if arns.is_empty() => {
            return Err(invalid("You must specify either listener ARNs or a load balancer ARN"));
        }
        Some(_) if !arns.is_empty() => {
            let message = "Listener ARNs and a load balancer ARN cannot both be specified";
            return Err(invalid(message));
        }
        _ => {}
    }
    of.map(|of| load_balancer::visible(world, of)).transpose()?;
    for arn in &arns {
        visible(world, arn)?;
    }
    let wanted = world.elb().listeners.iter().filter(|(arn, it)| {
        it.visible <= world.now
            && of.is_none_or(|of| it.load_balancer == of)
            && (arns.is_empty() || arns.contains(arn))
    });
    page(world, input, "Listeners", wanted.map(|(arn, it)| described(arn, it)).collect())
}

fn described(arn: &str, it: &Listener) -> Value {
    let mut answer = json!({
        "ListenerArn": arn,
        "LoadBalancerArn": it.load_balancer,
        "Port": it.port,
        "Protocol": it.protocol,
        "DefaultActions": it.actions,
    });
    if let Some(tls) = &it.tls {
        tls.describe(&mut answer);
    }
    answer
}

/// `ModifyListener`: what is not said stays.
pub(super) fn modify(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "ModifyListener";
    without(OPERATION, input, &["AlpnPolicy", "MutualAuthentication"])?;
    let arn = input.text("ListenerArn");
    let before = visible(world, arn)?;
    let protocol = input.some_text("Protocol").unwrap_or(&before.protocol).to_owned();
    check_protocol(&protocol)?;
    let tls = certificate::read(world, input, &protocol, before.tls.as_ref())?;
    let port = port_of(input).unwrap_or(before.port);
    let load_balancer = &before.load_balancer;
    let mut others = world.elb().listeners.iter().filter(|(other, _)| *other != arn);
    if others.any(|(_, it)| it.load_balancer == *load_balancer && it.port == port) {
        return Err(duplicate(load_balancer));
    }
    let actions = match input.list("DefaultActions") {
        [] => before.actions.clone(),
        actions => action::read(world, load_balancer, (&protocol, port), actions)?,
    };
    let Some(it) = world.elb_mut().listeners.get_mut(arn) else { return Err(not_found()) };
    (it.protocol, it.port, it.tls, it.actions) = (protocol, port, tls, actions);
    let answer = json!({ "Listeners": [described(arn, it)] });
    target::refresh(world);
    Ok(answer)
}

/// `DeleteListener`: its rules go with it.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("ListenerArn");
    if world.elb_mut().listeners.remove(arn).is_none() {
        return Err(not_found());
    }
    world.elb_mut().rules.retain(|_, rule| rule.listener != arn);
    target::refresh(world);
    Ok(json!({}))
}
