//! Target groups: a VPC, a port, and how health is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::page;
use super::target::{self, At, Target};
use super::{attributes, check_name, invalid, lacks, listener, load_balancer, tags, without};
use crate::ec2;
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Target groups that an account has room for in a region.
const QUOTA: usize = 3000;

/// A target group.
#[derive(Debug)]
pub(super) struct TargetGroup {
    pub(super) name: String,
    pub(super) vpc: String,
    pub(super) protocol: String,
    pub(super) version: String,
    pub(super) port: u16,
    pub(super) target_type: String,
    pub(super) check: HealthCheck,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: Tags,
    pub(super) targets: BTreeMap<At, Target>,
    pub(super) visible: Duration,
    /// The load balancer that leads to it, as of the last change of any listener.
    pub(super) served_by: Option<String>,
    /// Until when it counts as in use although nothing leads to it any more.
    pub(super) released: Duration,
}

impl TargetGroup {
    /// Seconds that a deregistered target drains for.
    pub(super) fn deregistration_delay(&self) -> Duration {
        let seconds = self.attributes.get(attributes::DEREGISTRATION_DELAY);
        let seconds = seconds.and_then(|value| value.parse().ok()).unwrap_or(300);
        Duration::from_secs(seconds)
    }
}

/// How targets are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthCheck {
    pub(super) protocol: String,
    /// `traffic-port`, or a number.
    pub(super) port: String,
    pub(super) path: String,
    /// Seconds between two checks.
    pub(super) interval: u32,
    /// Seconds until a check has failed.
    pub(super) timeout: u32,
    /// How many in a row make a target healthy.
    pub(super) healthy: u32,
    /// How many in a row make a target unhealthy.
    pub(super) unhealthy: u32,
    /// HTTP codes of a healthy target.
    pub(super) matcher: String,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: "HTTP".to_owned(),
            port: "traffic-port".to_owned(),
            path: "/".to_owned(),
            interval: 30,
            timeout: 5,
            healthy: 5,
            unhealthy: 2,
            matcher: "200".to_owned(),
        }
    }
}

impl HealthCheck {
    /// The same with what a request says.
    fn with(mut self, operation: &str, input: &Value) -> Result<Self, Refusal> {
        if input.flag("HealthCheckEnabled") == Some(false) {
            return Err(invalid("Health checks cannot be disabled for this target type"));
        }
        let text = |of: &mut String, name: &str| {
            if let Some(text) = input.some_text(name) {
                text.clone_into(of);
            }
        };
        let number = |of: &mut u32, name: &str| {
            *of = input.number(name).and_then(|it| u32::try_from(it).ok()).unwrap_or(*of);
        };
        text(&mut self.protocol, "HealthCheckProtocol");
        text(&mut self.port, "HealthCheckPort");
        text(&mut self.path, "HealthCheckPath");
        number(&mut self.interval, "HealthCheckIntervalSeconds");
        number(&mut self.timeout, "HealthCheckTimeoutSeconds");
        number(&mut self.healthy, "HealthyThresholdCount");
        number(&mut self.unhealthy, "UnhealthyThresholdCount");
        if let Some(codes) = input.part("Matcher").some_text("HttpCode") {
            codes.clone_into(&mut self.matcher);
        }
        without(operation, input.part("Matcher"), &["GrpcCode"])?;
        self.check()?;
        Ok(self)
    }

    /// Whether a code is one of a healthy target.
    pub(super) fn takes(&self, code: u16) -> bool {
        self.matcher.split(',').any(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            from.parse().is_ok_and(|from: u16| from <= code)
                && to.parse().is_ok_and(|to: u16| code <= to)
        })
    }

    fn check(&self) -> Result<(), Refusal> {
        if !matches!(self.protocol.as_str(), "HTTP" | "HTTPS") {
            let message = format!("Health check protocol '{}' is not supported", self.protocol);
            return Err(invalid(message));
        }
        let is_port = self.port.parse().is_ok_and(|port: u16| port > 0);
        if self.port != "traffic-port" && !is_port {
            return Err(invalid(format!("Health check port '{}' is not valid", self.port)));
        }
        if !self.path.starts_with('/') {
            let message =
                format!("Health check path '{}' must begin with a '/' character", self.path);
            return Err(invalid(message));
        }
        if self.timeout >= self.interval {
            return Err(invalid("Health check interval must be greater than the timeout."));
        }
        let is_code = |code: &str| code.parse().is_ok_and(|code: u16| (200..=499).contains(&code));
        let is_range = |part: &str| match part.split_once('-') {
            Some((from, to)) => is_code(from) && is_code(to) && from <= to,
            None => is_code(part),
        };
        if !self.matcher.split(',').all(is_range) {
            let message = format!("Health check matcher HTTP code '{}' is not valid", self.matcher);
            return Err(invalid(message));
        }
        Ok(())
    }
}

/// What is said about a target group that is not there.
pub(super) fn not_found() -> Refusal {
    Refusal::new("TargetGroupNotFound", "One or more target groups not found")
}

/// A target group that other calls know already.
pub(super) fn visible<'a>(world: &'a World, arn: &str) -> Result<&'a TargetGroup, Refusal> {
    let found = world.elb().target_groups.get(arn).filter(|it| it.visible <= world.now);
    found.ok_or_else(not_found)
}

/// `CreateTargetGroup`.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "CreateTargetGroup";
    without(OPERATION, input, &["TargetControlPort"])?;
    let name = input.text("Name").to_owned();
    check_name("target group", &name)?;
    let target_type = input.some_text("TargetType").unwrap_or("instance").to_owned();
    let protocol = input.some_text("Protocol").unwrap_or_default().to_owned();
    let version = input.some_text("ProtocolVersion").unwrap_or("HTTP1").to_owned();
    if !matches!(target_type.as_str(), "instance" | "ip") {
        return Err(lacks(OPERATION, &target_type));
    }
    match protocol.as_str() {
        "HTTP" | "HTTPS" => {}
        "" => return Err(invalid("A protocol must be specified")),
        _ => return Err(lacks(OPERATION, &protocol)),
    }
    if !matches!(version.as_str(), "HTTP1" | "HTTP2") {
        return Err(lacks(OPERATION, &version));
    }
    if let Some(other) = input.some_text("IpAddressType").filter(|it| *it != "ipv4") {
        return Err(lacks(OPERATION, other));
    }
    let port = input.number("Port").and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| invalid("A port must be specified"))?;
    let vpc = input.some_text("VpcId").ok_or_else(|| invalid("A VPC ID must be specified"))?;
    let check = HealthCheck::default().with(OPERATION, input)?;
    let tags = tags::of(input)?;
    let new = TargetGroup {
        vpc: vpc.to_owned(),
        protocol,
        version,
        port,
        target_type,
        check,
        attributes: attributes::at_birth_of_target_group(),
        tags,
        targets: BTreeMap::new(),
        visible: world.now + world.dice.delay("elb.visible", &name, 0.0..=3.0),
        served_by: None,
        released: Duration::ZERO,
        name,
    };
    let same_name = world.elb().target_groups.iter().find(|(_, it)| it.name == new.name);
    if let Some((arn, it)) = same_name {
        let settings = |it: &TargetGroup| {
            let (protocol, version) = (it.protocol.clone(), it.version.clone());
            let (vpc, check) = (it.vpc.clone(), it.check.clone());
            (vpc, protocol, version, it.port, it.target_type.clone(), check)
        };
        // Whoever made it, and whatever its tags are.
        if settings(it) == settings(&new) {
            return Ok(json!({ "TargetGroups": [described(arn, it)] }));
        }
        let name = &new.name;
        let message = format!(
            "A target group with the same name '{name}' exists, but with different settings"
        );
        return Err(Refusal::new("DuplicateTargetGroupName", message));
    }
    ec2::vpc(world, vpc).map_err(|_| invalid(format!("The VPC ID '{vpc}' is not found")))?;
    if world.elb().target_groups.len() >= world.scenario.quota("target-groups", QUOTA) {
        let message = "The maximum number of target groups has been reached on your account";
        return Err(Refusal::new("TooManyTargetGroups", message));
    }
    let id = world.digits_of(16, &format!("target group {}", new.name));
    let arn = world.arn("elasticloadbalancing", &format!("targetgroup/{}/{id}", new.name));
    let answer = json!({ "TargetGroups": [described(&arn, &new)] });
    world.elb_mut().target_groups.insert(arn, new);
    Ok(answer)
}

/// `DescribeTargetGroups`.
pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let (arns, names) = (input.texts("TargetGroupArns"), input.texts("Names"));
    let of = input.some_text("LoadBalancerArn");
    let ways = [!arns.is_empty(), !names.is_empty(), of.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        let message = "Target group names, target group ARNs and a load balancer ARN cannot be \
                       specified together";
        return Err(invalid(message));
    }
    if let Some(of) = of {
        load_balancer::visible(world, of)?;
    }
    let known = || world.elb().target_groups.iter().filter(|(_, it)| it.visible <= world.now);
    for arn in &arns {
        visible(world, arn)?;
    }
    if names.iter().any(|name| !known().any(|(_, it)| it.name == *name)) {
        return Err(not_found());
    }
    let wanted = known().filter(|(arn, it)| {
        (arns.is_empty() || arns.contains(arn))
            && (names.is_empty() || names.contains(&it.name))
            && (of.is_none() || it.served_by.as_deref() == of)
    });
    page(world, input, "TargetGroups", wanted.map(|(arn, it)| described(arn, it)).collect())
}

fn described(arn: &str, it: &TargetGroup) -> Value {
    json!({
        "TargetGroupArn": arn,
        "TargetGroupName": it.name,
        "Protocol": it.protocol,
        "Port": it.port,
        "VpcId": it.vpc,
        "HealthCheckProtocol": it.check.protocol,
        "HealthCheckPort": it.check.port,
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": it.check.interval,
        "HealthCheckTimeoutSeconds": it.check.timeout,
        "HealthyThresholdCount": it.check.healthy,
        "UnhealthyThresholdCount": it.check.unhealthy,
        "HealthCheckPath": it.check.path,
        "Matcher": { "HttpCode": it.check.matcher },
        "LoadBalancerArns": Vec::from_iter(&it.served_by),
        "TargetType": it.target_type,
        "ProtocolVersion": it.version,
        "IpAddressType": "ipv4",
    })
}

/// `ModifyTargetGroup`: its health check.
pub(super) fn modify(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn");
    let check = visible(world, arn)?.check.clone().with("ModifyTargetGroup", input)?;
    let Some(it) = world.elb_mut().target_groups.get_mut(arn) else { return Err(not_found()) };
    it.check = check;
    Ok(json!({ "TargetGroups": [described(arn, it)] }))
}

/// `DeleteTargetGroup`: refused while anything leads to it, and for a moment longer. One that is not
/// there is deleted.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn");
    let Some(it) = world.elb().target_groups.get(arn) else { return Ok(json!({})) };
    if listener::leads_to(world, arn, |_| true).is_some() || world.now < it.released {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(Refusal::new("ResourceInUse", message));
    }
    world.elb_mut().target_groups.remove(arn);
    target::refresh(world);
    Ok(json!({}))
}
