//! Actions of listeners and rules: where requests go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{invalid, lacks, listener, load_balancer, target_group};
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::world::World;

/// Target groups that an action can weigh.
const WEIGHED: usize = 5;

/// Reads the actions of a request for a listener of this load balancer, with this protocol and port, and
/// writes them as AWS
/// answers them: a forward names its target group in both forms.
pub(super) fn read(
    world: &World,
    load_balancer: &str,
    at: (&str, u16),
    actions: &[Value],
) -> Result<Vec<Value>, Refusal> {
    let [action] = actions else {
        return match actions.first().map(|first| first.text("Type")) {
            Some(kind) if kind.starts_with("authenticate") => Err(lacks("an action", kind)),
            _ => {
                let message = "Exactly one action of the types forward, redirect and \
                               fixed-response must be specified";
                Err(Refusal::new("InvalidLoadBalancerAction", message))
            }
        };
    };
    let kind = action.text("Type");
    let (config, others) = match kind {
        "forward" => ("ForwardConfig", ["RedirectConfig", "FixedResponseConfig"]),
        "redirect" => ("RedirectConfig", ["ForwardConfig", "FixedResponseConfig"]),
        "fixed-response" => ("FixedResponseConfig", ["ForwardConfig", "RedirectConfig"]),
        _ => return Err(lacks("an action", kind)),
    };
    let foreign = others.iter().find(|other| action.part(other).is_object());
    if let Some(foreign) = foreign {
        let message = format!("An action of the type '{kind}' cannot have a '{foreign}'");
        return Err(Refusal::new("InvalidLoadBalancerAction", message));
    }
    if kind == "forward" {
        return Ok(vec![forward(world, load_balancer, action)?]);
    }
    if action.some_text("TargetGroupArn").is_some() || !action.part(config).is_object() {
        let message = format!("An action of the type '{kind}' takes a '{config}' and nothing else");
        return Err(Refusal::new("InvalidLoadBalancerAction", message));
    }
    let mut said = action.part(config).clone();
    if kind == "redirect" {
        said = redirect(&said, at)?;
    }
    Ok(vec![ordered(action, json!({ "Type": kind, config: said }))])
}

/// A redirect with what it does not say: it leads somewhere else, and never from HTTPS to HTTP (Elastic
/// Load Balancing guide, "Redirect actions").
fn redirect(said: &Value, (protocol, port): (&str, u16)) -> Result<Value, Refusal> {
    let refused = |message: &str| Refusal::new("InvalidLoadBalancerAction", message);
    let or = |name: &str, usual: &str| said.some_text(name).unwrap_or(usual).to_owned();
    let to = or("Protocol", "#{protocol}");
    if !["HTTP", "HTTPS", "#{protocol}"].contains(&to.as_str()) {
        return Err(refused("A redirect action leads to HTTP or HTTPS"));
    }
    if protocol == "HTTPS" && to == "HTTP" {
        return Err(refused("A redirect action cannot lead from HTTPS to HTTP"));
    }
    let parts = [
        ("Host", "#{host}", None),
        ("Path", "/#{path}", None),
        ("Port", "#{port}", Some(port.to_string())),
        ("Protocol", "#{protocol}", Some(protocol.to_owned())),
    ];
    let stays = |(name, usual, here): &(&str, &str, Option<String>)| {
        let to = or(name, usual);
        to == *usual || here.as_ref() == Some(&to)
    };
    if parts.iter().all(stays) {
        return Err(refused("A redirect action cannot lead to where it comes from"));
    }
    Ok(json!({
        "Protocol": to,
        "Port": or("Port", "#{port}"),
        "Host": or("Host", "#{host}"),
        "Path": or("Path", "/#{path}"),
        "Query": or("Query", "#{query}"),
        "StatusCode": said.text("StatusCode"),
    }))
}

/// The same place among actions as in the request.
fn ordered(action: &Value, mut read: Value) -> Value {
    if let Some(order) = action.number("Order") {
        read["Order"] = order.into();
    }
    read
}

fn forward(world: &World, load_balancer: &str, action: &Value) -> Result<Value, Refusal> {
    let config = action.part("ForwardConfig");
    let plain = action.some_text("TargetGroupArn");
    let mut weighed: Vec<(String, i64)> = Vec::new();
    for group in config.list("TargetGroups") {
        let weight = group.number("Weight").unwrap_or(1);
        if !(0..=999).contains(&weight) {
            return Err(invalid(format!(
                "Target group weight '{weight}' must be between 0 and 999"
            )));
        }
        weighed.push((group.text("TargetGroupArn").to_owned(), weight));
    }
    match (plain, weighed.as_slice()) {
        (None, []) => {
            let message = "A target group ARN or a forward configuration must be specified";
            return Err(invalid(message));
        }
        (Some(plain), []) => weighed.push((plain.to_owned(), 1)),
        (Some(plain), [(one, _)]) if one == plain => {}
        (Some(_), _) => {
            let message = "You cannot specify both a target group ARN and a forward configuration \
                           that does not have exactly this target group";
            return Err(invalid(message));
        }
        (None, _) => {}
    }
    let arns: BTreeSet<_> = weighed.iter().map(|(arn, _)| arn).collect();
    if weighed.len() > WEIGHED || arns.len() < weighed.len() {
        let message = format!("An action can have at most {WEIGHED} different target groups");
        return Err(invalid(message));
    }
    for arn in arns {
        check(world, load_balancer, arn)?;
    }
    let stickiness = match config.part("TargetGroupStickinessConfig") {
        Value::Null => json!({ "Enabled": false }),
        given => given.clone(),
    };
    let groups: Value = weighed
        .iter()
        .map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }))
        .collect();
    let mut read = json!({
        "Type": "forward",
        "ForwardConfig": { "TargetGroups": groups, "TargetGroupStickinessConfig": stickiness },
    });
    if let [(arn, _)] = weighed.as_slice() {
        read["TargetGroupArn"] = arn.clone().into();
    }
    Ok(ordered(action, read))
}

/// A target group is known, of the load balancer's VPC, and not led to from another load balancer.
fn check(world: &World, load_balancer: &str, arn: &str) -> Result<(), Refusal> {
    let group = target_group::visible(world, arn)?;
    let vpc = &load_balancer::visible(world, load_balancer)?.vpc;
    if group.vpc != *vpc {
        let message =
            format!("Target group '{arn}' is not in the VPC '{vpc}' of the load balancer");
        return Err(Refusal::new("InvalidConfigurationRequest", message));
    }
    match listener::leads_to(world, arn, |_| true) {
        Some(other) if other != load_balancer => {
            let message = format!(
                "The following target groups cannot be associated with more than one load \
                 balancer: {arn}"
            );
            Err(Refusal::new("TargetGroupAssociationLimit", message))
        }
        _ => Ok(()),
    }
}

/// Whether one of these actions, as [`read`] wrote them, leads to a target group.
pub(super) fn lead_to(actions: &[Value], target_group: &str) -> bool {
    actions.iter().any(|action| {
        let groups = action.part("ForwardConfig").list("TargetGroups");
        groups.iter().any(|group| group.text("TargetGroupArn") == target_group)
    })
}
