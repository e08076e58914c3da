//! Elastic Load Balancing v2: application load balancers, target groups, listeners and rules.
//!
//! Creating something with the settings of what exists answers with that one, whoever made it, and
//! with other settings refuses ([`load_balancer`], [`target_group`], [`listener`]). A listener may be
//! made while its load balancer is still being provisioned; health checks begin when it is active
//! ([`target`]). What is deleted is gone at once from the listing, but its interfaces linger.
//!
//! Delays, in seconds; each is a row of "States and durations", "What is refused for a while" or
//! "Removing" in `docs/aws-facts.md`:
//!
//! | Label | Range | Key | What |
//! |---|---|---|---|
//! | `load-balancer.provisioning` | 120 to 180 | name | `provisioning` to `active` |
//! | `load-balancer.attached` | 1 to 10 | name | until its interfaces are in its subnets |
//! | `load-balancer.interfaces` | 30 to 180 | name | its interfaces outlive it, or leave a subnet |
//! | `elb.visible` | 0 to 3 | name; of a listener name and port | until other calls know it |
//! | `elb.alias-visible` | 0 to 10 | name | with the doubt `alias-target-unseen`: until Route 53 knows it |
//! | `target-group.released` | 0 to 5 | name | `ResourceInUse` after its last listener went |
//!
//! Health checks take no chance: interval times threshold. Not simulated are network and gateway load
//! balancers, authentication, zones of targets, and who answers at an address that was
//! registered by hand: nobody does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::buckets::{Limits, Shared};
use crate::doubt::Doubt;
use crate::fields::Tags;
use crate::iam::{self, ServiceRole};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::scenario::Answers;
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, World};

mod action;
pub mod attributes;
mod certificate;
mod interface;
pub mod listener;
pub mod load_balancer;
mod policy;
pub mod request;
pub mod rule;
mod tags;
pub mod target;
pub mod target_group;
#[cfg(test)]
mod tests;

pub use load_balancer::canonical_zone;
pub use target::Health;

use listener::Listener;
use load_balancer::LoadBalancer;
use rule::Rule;
use target_group::TargetGroup;

/// The service.
pub static SERVICE: Service = Service {
    name: "elasticloadbalancing",
    model: LazyLock::new(|| Model::read(include_str!("elb/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (40.0, 10.0), changes: (20.0, 3.0) },
    refusals: Refusals {
        missing: "ValidationError",
        malformed: "ValidationError",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: Elb::SCOPE,
    begin,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of load balancing in a region, by ARN.
#[derive(Debug, Default)]
pub struct Elb {
    load_balancers: BTreeMap<String, LoadBalancer>,
    target_groups: BTreeMap<String, TargetGroup>,
    listeners: BTreeMap<String, Listener>,
    rules: BTreeMap<String, Rule>,
    /// Counts the times that health checks of a target began.
    runs: u64,
}

impl State for Elb {
    const SCOPE: Scope = Scope::Region;
}

fn begin(world: &mut World) {
    world.begin::<Elb>();
    iam::introduce(world, &LINKED);
}

impl World {
    /// What load balancing keeps here.
    pub fn elb(&self) -> &Elb {
        self.state()
    }

    /// The same, to be changed.
    pub fn elb_mut(&mut self) -> &mut Elb {
        self.state_mut()
    }
}

/// The service-linked role that load balancing acts through.
static LINKED: ServiceRole = ServiceRole {
    principal: "elasticloadbalancing.amazonaws.com",
    name: "AWSServiceRoleForElasticLoadBalancing",
    policy: "AWSElasticLoadBalancingServiceRolePolicy",
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateLoadBalancer", Changes(load_balancer::create)),
    ("DescribeLoadBalancers", Looks(load_balancer::describe)),
    ("DeleteLoadBalancer", Changes(load_balancer::delete)),
    ("SetSubnets", Changes(load_balancer::set_subnets)),
    ("SetSecurityGroups", Changes(load_balancer::set_security_groups)),
    ("ModifyLoadBalancerAttributes", Changes(attributes::modify_of_load_balancer)),
    ("DescribeLoadBalancerAttributes", Looks(attributes::describe_of_load_balancer)),
    ("CreateTargetGroup", Changes(target_group::create)),
    ("DescribeTargetGroups", Looks(target_group::describe)),
    ("ModifyTargetGroup", Changes(target_group::modify)),
    ("DeleteTargetGroup", Changes(target_group::delete)),
    ("ModifyTargetGroupAttributes", Changes(attributes::modify_of_target_group)),
    ("DescribeTargetGroupAttributes", Looks(attributes::describe_of_target_group)),
    ("RegisterTargets", Changes(target::register_targets)),
    ("DeregisterTargets", Changes(target::deregister_targets)),
    ("DescribeTargetHealth", Looks(target::describe_health)),
    ("CreateListener", Changes(listener::create)),
    ("DescribeListeners", Looks(listener::describe)),
    ("ModifyListener", Changes(listener::modify)),
    ("DeleteListener", Changes(listener::delete)),
    ("CreateRule", Changes(rule::create)),
    ("DescribeRules", Looks(rule::describe)),
    ("ModifyRule", Changes(rule::modify)),
    ("SetRulePriorities", Changes(rule::set_priorities)),
    ("DeleteRule", Changes(rule::delete)),
    ("AddListenerCertificates", Changes(certificate::add)),
    ("RemoveListenerCertificates", Changes(certificate::remove)),
    ("DescribeListenerCertificates", Looks(certificate::describe)),
    ("DescribeTags", Looks(tags::describe)),
    ("AddTags", Changes(tags::add)),
    ("RemoveTags", Changes(tags::remove)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// Whether a listener or rule leads from a load balancer to the group; a refusal when there is no
/// such group (`TargetGroupNotFound`). A listener that is not yet visible does not count. Whether that
/// is enough while the load balancer is still being provisioned is in doubt: with the doubt
/// `service-needs-active-balancer` it is not.
pub fn is_linked(world: &World, target_group: &str) -> Result<bool, Refusal> {
    target_group::visible(world, target_group)?;
    let strict = world.scenario.doubts(Doubt::ServiceNeedsActiveBalancer);
    let counts = |listener: &Listener| {
        let balancer = world.elb().load_balancers.get(&listener.load_balancer);
        let is_active = balancer.is_some_and(LoadBalancer::is_active);
        listener.visible <= world.now && (is_active || !strict)
    };
    Ok(listener::leads_to(world, target_group, counts).is_some())
}

/// The target type of a group.
pub fn target_type(world: &World, target_group: &str) -> Option<String> {
    target_group::visible(world, target_group).ok().map(|group| group.target_type.clone())
}

/// Registers a target by address and port. `groups` are the security groups of its interface,
/// `answers` whether its container answers health checks well.
pub fn register(
    world: &mut World,
    target_group: &str,
    address: &str,
    port: u16,
    groups: Vec<String>,
    answers: Answers,
) {
    target::register(world, target_group, (address.to_owned(), port), groups, answers);
}

/// Deregisters a target: it drains for the group's deregistration delay while a listener leads to it.
pub fn deregister(world: &mut World, target_group: &str, address: &str) {
    for at in target::at(world, target_group, address) {
        target::deregister(world, target_group, &at);
    }
}

/// How a target is now.
pub fn health(world: &World, target_group: &str, address: &str) -> Health {
    let at = target::at(world, target_group, address);
    let all = at.iter().map(|at| target::health(world, target_group, at));
    // An address with several ports is as its port that is furthest.
    all.max().unwrap_or(Health::Absent)
}

/// Why an address is unhealthy, in words.
pub fn why_unhealthy(world: &World, target_group: &str, address: &str) -> String {
    let at = target::at(world, target_group, address);
    let unhealthy =
        |at: &&(String, u16)| target::health(world, target_group, at) == Health::Unhealthy;
    let at = at.iter().find(unhealthy);
    at.and_then(|at| target::reason(world, target_group, at)).unwrap_or_default()
}

/// DNS name and canonical hosted zone of every load balancer there is, for alias records; in all of
/// the current region. Whether a new one is known to Route 53 at once is in doubt: with the doubt
/// `alias-target-unseen` it takes a while.
pub fn dns_names(world: &World) -> Vec<(String, String)> {
    let known = |one: &&LoadBalancer| {
        let delay = world.dice.delay("elb.alias-visible", &one.name, 0.0..=10.0);
        !world.scenario.doubts(Doubt::AliasTargetUnseen) || one.created + delay <= world.now
    };
    let zone = load_balancer::canonical_zone(&world.region);
    let all = world.elb().load_balancers.values().filter(known);
    all.map(|one| (one.dns_name.clone(), zone.clone())).collect()
}

/// ARNs of everything there is in the current region, visible or not, without default rules.
pub fn ids(world: &World) -> Vec<String> {
    tagged(world).into_iter().map(|(_, arn, _)| arn).collect()
}

/// Kind, ARN and tags of everything there is in the current region.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let one = |kind: &str, arn: &String, tags: &Tags| (kind.to_owned(), arn.clone(), tags.clone());
    let elb = world.elb();
    let mut all = Vec::new();
    all.extend(elb.load_balancers.iter().map(|(arn, it)| one("load-balancer", arn, &it.tags)));
    all.extend(elb.target_groups.iter().map(|(arn, it)| one("target-group", arn, &it.tags)));
    all.extend(elb.listeners.iter().map(|(arn, it)| one("listener", arn, &it.tags)));
    all.extend(elb.rules.iter().map(|(arn, it)| one("rule", arn, &it.tags)));
    all
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "PageSize",
    most: 400,
    bad_size: None,
    from: "Marker",
    next: "NextMarker",
    says_truncated: false,
    bad_token: |_| invalid("The marker is invalid"),
};

/// One page of a listing.
fn page(world: &World, input: &Value, list: &str, all: Vec<Value>) -> Answer {
    PAGER.page(world, input, list, PAGER.most, all)
}

/// What the query service says about most bad parameters.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

/// A parameter that this simulator does not take.
fn lacks(operation: &str, what: &str) -> Refusal {
    Refusal::new("SimulatorLacks", format!("{operation} with {what}"))
}

/// Refuses members of a request that are not simulated.
fn without(operation: &str, input: &Value, members: &[&str]) -> Result<(), Refusal> {
    match members.iter().find(|member| input.get(**member).is_some_and(|it| !it.is_null())) {
        Some(member) => Err(lacks(operation, member)),
        None => Ok(()),
    }
}

/// Checks the name of a load balancer or target group: 32 letters, digits and hyphens, no hyphen at
/// an end ("Names" in `docs/aws-facts.md`).
fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(invalid(format!("The {what} name cannot be empty")));
    }
    if name.chars().count() > 32 {
        return Err(invalid(format!(
            "The {what} name '{name}' cannot be longer than '32' characters"
        )));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let message = format!(
            "The {what} name '{name}' can only contain characters that are alphanumeric characters \
             or hyphens(-)"
        );
        return Err(invalid(message));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("The {what} name '{name}' cannot begin or end with '-'")));
    }
    Ok(())
}
