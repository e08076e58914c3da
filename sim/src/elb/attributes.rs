//! Attributes of load balancers and target groups: known keys with defaults, known values.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{invalid, load_balancer, target, target_group};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Seconds that a deregistered target drains for.
pub(super) const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

/// Which values an attribute takes.
enum Takes {
    /// `true` or `false`.
    Flag,
    /// A number in a range.
    Number(u32, u32),
    /// A number in a range, or a word.
    NumberOr(u32, u32, &'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Anything.
    Text,
}

use Takes::{Flag, Number, NumberOr, Text, Word};

type Row = (&'static str, &'static str, Takes);

/// Attributes of application load balancers, and what they are born with.
const LOAD_BALANCER: &[Row] = &[
    ("access_logs.s3.bucket", "", Text),
    ("access_logs.s3.enabled", "false", Flag),
    ("access_logs.s3.prefix", "", Text),
    ("client_keep_alive.seconds", "3600", Number(60, 604_800)),
    ("connection_logs.s3.bucket", "", Text),
    ("connection_logs.s3.enabled", "false", Flag),
    ("connection_logs.s3.prefix", "", Text),
    ("deletion_protection.enabled", "false", Flag),
    ("health_check_logs.s3.bucket", "", Text),
    ("health_check_logs.s3.enabled", "false", Flag),
    ("health_check_logs.s3.prefix", "", Text),
    ("idle_timeout.timeout_seconds", "60", Number(1, 4000)),
    (IPV6_DENY, "false", Flag),
    ("load_balancing.cross_zone.enabled", "true", Word(&["true"])),
    (
        "routing.http.desync_mitigation_mode",
        "defensive",
        Word(&["monitor", "defensive", "strictest"]),
    ),
    ("routing.http.drop_invalid_header_fields.enabled", "false", Flag),
    ("routing.http.preserve_host_header.enabled", "false", Flag),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", Flag),
    ("routing.http.xff_client_port.enabled", "false", Flag),
    ("routing.http.xff_header_processing.mode", "append", Word(&["append", "preserve", "remove"])),
    ("routing.http2.enabled", "true", Flag),
    ("waf.fail_open.enabled", "false", Flag),
    ("zonal_shift.config.enabled", "false", Flag),
];

const IPV6_DENY: &str = "ipv6.deny_all_igw_traffic";

/// Attributes of target groups of instances and addresses behind application load balancers.
const TARGET_GROUP: &[Row] = &[
    (DEREGISTRATION_DELAY, "300", Number(0, 3600)),
    ("load_balancing.algorithm.anomaly_mitigation", "off", Word(&["on", "off"])),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Word(&["round_robin", "least_outstanding_requests", "weighted_random"]),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Word(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("slow_start.duration_seconds", "0", NumberOr(30, 900, "0")),
    ("stickiness.app_cookie.cookie_name", "", Text),
    ("stickiness.app_cookie.duration_seconds", "86400", Number(1, 604_800)),
    ("stickiness.enabled", "false", Flag),
    ("stickiness.lb_cookie.duration_seconds", "86400", Number(1, 604_800)),
    ("stickiness.type", "lb_cookie", Word(&["lb_cookie", "app_cookie"])),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        NumberOr(1, 1000, "off"),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        NumberOr(1, 100, "off"),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Number(1, 1000),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        NumberOr(1, 100, "off"),
    ),
];

impl Takes {
    fn accepts(&self, value: &str) -> bool {
        let within = |from: u32, to: u32| {
            value.parse().is_ok_and(|number: u32| (from..=to).contains(&number))
        };
        match self {
            Flag => matches!(value, "true" | "false"),
            Number(from, to) => within(*from, *to),
            NumberOr(from, to, word) => value == *word || within(*from, *to),
            Word(words) => words.contains(&value),
            Text => true,
        }
    }
}

fn born(rows: &[Row]) -> BTreeMap<String, String> {
    rows.iter().map(|(key, value, _)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What a load balancer of this scheme is born with.
pub(super) fn at_birth_of_load_balancer(scheme: &str) -> BTreeMap<String, String> {
    let mut attributes = born(LOAD_BALANCER);
    attributes.insert(IPV6_DENY.to_owned(), (scheme == "internal").to_string());
    attributes
}

/// What a target group is born with.
pub(super) fn at_birth_of_target_group() -> BTreeMap<String, String> {
    born(TARGET_GROUP)
}

/// Whether an attribute is `true`.
pub(super) fn is_on(attributes: &BTreeMap<String, String>, key: &str) -> bool {
    attributes.get(key).is_some_and(|value| value == "true")
}

/// Reads the attributes of a request; one that is unknown refuses all.
fn read(what: &str, rows: &[Row], input: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let attributes = input.list("Attributes");
    if attributes.is_empty() {
        return Err(invalid(format!("At least one {what} attribute must be specified")));
    }
    let mut read: Vec<(String, String)> = Vec::new();
    for attribute in attributes {
        let (key, value) = (attribute.text("Key"), attribute.text("Value"));
        let Some((_, _, takes)) = rows.iter().find(|(known, ..)| *known == key) else {
            return Err(invalid(format!("{what} attribute key '{key}' is not recognized")));
        };
        if read.iter().any(|(before, _)| before == key) {
            return Err(invalid(format!("{what} attribute key '{key}' is specified twice")));
        }
        if !takes.accepts(value) {
            let message = format!("'{value}' is not a valid value of the attribute '{key}'");
            return Err(invalid(message));
        }
        read.push((key.to_owned(), value.to_owned()));
    }
    Ok(read)
}

fn listed(attributes: &BTreeMap<String, String>) -> Value {
    let list: Value =
        attributes.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({ "Attributes": list })
}

/// `ModifyLoadBalancerAttributes`, accepted while it is being provisioned.
pub(super) fn modify_of_load_balancer(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("LoadBalancerArn");
    load_balancer::visible(world, arn)?;
    let new = read("Load balancer", LOAD_BALANCER, input)?;
    if let Some((key, _)) =
        new.iter().find(|(key, value)| key.contains("_logs.") && value != "false")
    {
        return Err(super::lacks("ModifyLoadBalancerAttributes", key));
    }
    let Some(it) = world.elb_mut().load_balancers.get_mut(arn) else {
        return Err(load_balancer::not_found());
    };
    it.attributes.extend(new);
    Ok(listed(&it.attributes))
}

/// `DescribeLoadBalancerAttributes`.
pub(super) fn describe_of_load_balancer(world: &World, input: &Value) -> Answer {
    Ok(listed(&load_balancer::visible(world, input.text("LoadBalancerArn"))?.attributes))
}

/// `ModifyTargetGroupAttributes`: a shorter deregistration delay ends what drains sooner.
pub(super) fn modify_of_target_group(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn");
    target_group::visible(world, arn)?;
    let new = read("Target group", TARGET_GROUP, input)?;
    let Some(it) = world.elb_mut().target_groups.get_mut(arn) else {
        return Err(target_group::not_found());
    };
    it.attributes.extend(new);
    let answer = listed(&it.attributes);
    target::shorten_draining(world, arn);
    Ok(answer)
}

/// `DescribeTargetGroupAttributes`.
pub(super) fn describe_of_target_group(world: &World, input: &Value) -> Answer {
    Ok(listed(&target_group::visible(world, input.text("TargetGroupArn"))?.attributes))
}
