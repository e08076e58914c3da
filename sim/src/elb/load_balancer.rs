//! Application load balancers: a name, two subnets or more in different zones, security groups, and
//! an interface in each subnet ([`super::interface`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::page;
use super::{LINKED, attributes, check_name, interface, invalid, lacks, tags, target, without};
use crate::fields::{Fields, Tags};
use crate::partition;
use crate::refusal::{Answer, Refusal};
use crate::world::World;
use crate::{ec2, iam};

/// Load balancers that an account has room for in a region.
const QUOTA: usize = 50;
/// Addresses that have to be free in a subnet.
const FREE: usize = 8;
/// As many ARNs or names as one look takes.
const NAMED: usize = 20;

/// How a load balancer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Provisioning,
    Active,
    Failed,
}

/// A load balancer.
#[derive(Debug)]
pub(super) struct LoadBalancer {
    pub(super) name: String,
    /// The end of its ARN: `app/NAME/ID`.
    pub(super) path: String,
    pub(super) dns_name: String,
    pub(super) scheme: String,
    pub(super) vpc: String,
    /// Its subnets and their zones, in order.
    pub(super) zones: BTreeMap<String, String>,
    /// Its security groups, in order.
    pub(super) groups: BTreeSet<String>,
    pub(super) state: State,
    pub(super) created: Duration,
    pub(super) visible: Duration,
    /// By subnet.
    pub(super) interfaces: BTreeMap<String, String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: Tags,
}

impl LoadBalancer {
    /// Whether it has private addresses only.
    pub(super) fn is_internal(&self) -> bool {
        self.scheme == "internal"
    }

    /// Whether it is provisioned.
    pub(super) fn is_active(&self) -> bool {
        self.state == State::Active
    }
}

/// What is said about a load balancer that is not there.
pub(super) fn not_found() -> Refusal {
    Refusal::new("LoadBalancerNotFound", "One or more load balancers not found")
}

/// A load balancer that other calls know already.
pub(super) fn visible<'a>(world: &'a World, arn: &str) -> Result<&'a LoadBalancer, Refusal> {
    let found = world.elb().load_balancers.get(arn).filter(|it| it.visible <= world.now);
    found.ok_or_else(not_found)
}

/// The hosted zone that aliases to load balancers of a region name.
pub fn canonical_zone(region: &str) -> String {
    let known = match region {
        "us-east-1" => "Z35SXDOTRQ7X7K",
        "us-east-2" => "Z3AADJGX6KTTL2",
        "us-west-1" => "Z368ELLRRE2KJ0",
        "us-west-2" => "Z1H1FL5HABSF5",
        "ca-central-1" => "ZQSVJUPU6J1EY",
        "eu-central-1" => "Z215JYRZR1TBD5",
        "eu-north-1" => "Z23TAZ6LKFMNIO",
        "eu-west-1" => "Z32O12XQLNTSW2",
        "eu-west-2" => "ZHURV8PSTC4K8",
        "eu-west-3" => "Z3Q77PNBQS71R4",
        "ap-northeast-1" => "Z14GRHDCWA56QT",
        "ap-northeast-2" => "ZWKZPGTI48KDX",
        "ap-south-1" => "ZP97RAFLXTNZK",
        "ap-southeast-1" => "Z1LMS91P8CMLE5",
        "ap-southeast-2" => "Z1GM3OXH4ZPM65",
        "sa-east-1" => "Z2P70J7HTTTPLU",
        _ => return format!("ZELB{}", region.replace('-', "").to_ascii_uppercase()),
    };
    known.to_owned()
}

/// Where a load balancer is to be: its VPC, and its subnets with their zones.
struct Place {
    vpc: String,
    zones: BTreeMap<String, String>,
}

/// The subnets that a request names, in either of its two forms.
fn subnets_of(operation: &str, input: &Value) -> Result<BTreeSet<String>, Refusal> {
    let (plain, mappings) = (input.texts("Subnets"), input.list("SubnetMappings"));
    if !plain.is_empty() && !mappings.is_empty() {
        return Err(invalid("You can specify either subnets or subnet mappings, but not both"));
    }
    for mapping in mappings {
        let others = ["AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix"];
        without(operation, mapping, &others)?;
    }
    let mapped = mappings.iter().map(|mapping| mapping.text("SubnetId").to_owned());
    Ok(plain.into_iter().chain(mapped).collect())
}

/// Looks subnets up: two or more, of one VPC, each in a zone of its own.
fn place(world: &World, subnets: &BTreeSet<String>) -> Result<Place, Refusal> {
    if subnets.len() < 2 {
        let message = "At least two subnets in two different Availability Zones must be specified";
        return Err(invalid(message));
    }
    let mut zones = BTreeMap::new();
    let mut vpcs = BTreeSet::new();
    for id in subnets {
        let unknown =
            |_| Refusal::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        let subnet = ec2::subnet(world, id).map_err(unknown)?;
        vpcs.insert(subnet.vpc);
        if zones.values().any(|zone| *zone == subnet.zone) {
            let message = "A load balancer cannot be attached to multiple subnets in the same \
                           Availability Zone";
            return Err(Refusal::new("InvalidConfigurationRequest", message));
        }
        zones.insert(id.clone(), subnet.zone);
    }
    let refuses = |zone: &&String| ec2::zone::lacks(world, zone, ec2::zone::LOAD_BALANCERS);
    let refusing: Vec<_> = zones.values().filter(refuses).map(String::as_str).collect();
    if !refusing.is_empty() {
        return Err(invalid(format!(
            "The following Availability Zones {} cannot be associated with a load balancer. \
             Please try a different Availability Zone.",
            refusing.join(", ")
        )));
    }
    match (vpcs.pop_first(), vpcs.is_empty()) {
        (Some(vpc), true) => Ok(Place { vpc, zones }),
        _ => {
            let message = "All subnets must belong to the same VPC";
            Err(Refusal::new("InvalidConfigurationRequest", message))
        }
    }
}

/// A load balancer takes addresses that are free in each subnet that is new to it, so that it can
/// grow (Elastic Load Balancing guide, "Subnets for your load balancer"; atd-data-tech#10472).
fn check_addresses(world: &World, new: &[&String]) -> Result<(), Refusal> {
    match new.iter().find(|subnet| ec2::free_addresses(world, subnet) < FREE) {
        None => Ok(()),
        Some(subnet) => {
            let message = format!(
                "Not enough IP space available in {subnet}. ELB requires at least {FREE} free IP \
                 addresses in each subnet."
            );
            Err(Refusal::new("InvalidSubnet", message))
        }
    }
}

/// An internet-facing load balancer takes an attached internet gateway.
fn check_gateway(world: &World, vpc: &str, scheme: &str) -> Result<(), Refusal> {
    if scheme == "internal" || ec2::has_internet_gateway(world, vpc) {
        return Ok(());
    }
    Err(Refusal::new("InvalidSubnet", format!("VPC {vpc} has no internet gateway")))
}

/// Security groups are known, and of the load balancer's VPC.
fn check_groups(world: &World, groups: &BTreeSet<String>, vpc: &str) -> Result<(), Refusal> {
    let code = |code: &str| Refusal::new(code, "One or more security groups are invalid");
    for group in groups {
        let of = ec2::security_group_vpc(world, group).map_err(|_| code("InvalidSecurityGroup"))?;
        if of != vpc {
            return Err(code("InvalidConfigurationRequest"));
        }
    }
    Ok(())
}

/// `CreateLoadBalancer`.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "CreateLoadBalancer";
    without(OPERATION, input, &["CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat"])?;
    without(OPERATION, input, &["IpamPools"])?;
    for (member, usual) in [("Type", "application"), ("IpAddressType", "ipv4")] {
        if let Some(other) = input.some_text(member).filter(|it| *it != usual) {
            return Err(lacks(OPERATION, &format!("{member} {other}")));
        }
    }
    let name = input.text("Name").to_owned();
    check_name("load balancer", &name)?;
    if name.starts_with("internal-") {
        return Err(invalid("The load balancer name cannot begin with 'internal-'"));
    }
    let tags = tags::of(input)?;
    let scheme = input.some_text("Scheme").unwrap_or("internet-facing").to_owned();
    let subnets = subnets_of(OPERATION, input)?;
    let mut groups: BTreeSet<_> = input.texts("SecurityGroups").into_iter().collect();
    if groups.is_empty() {
        // The default one of its VPC (API `CreateLoadBalancer`).
        let first = subnets.iter().find_map(|id| ec2::subnet(world, id).ok());
        groups.extend(first.and_then(|it| ec2::default_security_group(world, &it.vpc)));
    }
    let same_name = world.elb().load_balancers.iter().find(|(_, it)| it.name == name);
    if let Some((arn, it)) = same_name {
        // Whoever made it, and whatever its tags are.
        if it.scheme == scheme && it.groups == groups && it.zones.keys().eq(&subnets) {
            return Ok(json!({ "LoadBalancers": [described(world, arn, it)] }));
        }
        let message = format!(
            "A load balancer with the same name '{name}' exists, but with different settings"
        );
        return Err(Refusal::new("DuplicateLoadBalancerName", message));
    }
    let Place { vpc, zones } = place(world, &subnets)?;
    check_groups(world, &groups, &vpc)?;
    check_gateway(world, &vpc, &scheme)?;
    check_addresses(world, &zones.keys().collect::<Vec<_>>())?;
    if world.elb().load_balancers.len() >= world.scenario.quota("load-balancers", QUOTA) {
        let message = "The maximum number of load balancers has been reached on your account";
        return Err(Refusal::new("TooManyLoadBalancers", message));
    }
    // Elastic Load Balancing makes its role itself, and does not wait for it.
    if iam::linked_role(world, LINKED.principal) == iam::LinkedRole::Missing {
        iam::make_linked_role(world, LINKED.principal);
    }
    let path = format!("app/{name}/{}", world.digits_of(16, &format!("load balancer {name}")));
    let arn = world.arn("elasticloadbalancing", &format!("loadbalancer/{path}"));
    let attributes = attributes::at_birth_of_load_balancer(&scheme);
    let it = LoadBalancer {
        dns_name: dns_name(world, &name, &scheme),
        path,
        scheme,
        vpc,
        zones,
        groups,
        state: State::Provisioning,
        created: world.now,
        visible: world.now + world.dice.delay("elb.visible", &name, 0.0..=3.0),
        interfaces: BTreeMap::new(),
        attributes,
        tags,
        name,
    };
    let name = it.name.clone();
    let answer = json!({ "LoadBalancers": [described(world, &arn, &it)] });
    world.elb_mut().load_balancers.insert(arn.clone(), it);
    interface::provision(world, &arn, &name);
    Ok(answer)
}

/// `NAME-1234567890.REGION.elb.amazonaws.com`, in China with `.cn` behind it, and with `internal-` before
/// an internal one.
fn dns_name(world: &mut World, name: &str, scheme: &str) -> String {
    let number =
        u64::from_str_radix(&world.digits_of(10, &format!("dns {name}")), 16).unwrap_or_default();
    let internal = if scheme == "internal" { "internal-" } else { "" };
    let region = world.region.as_str();
    format!("{internal}{name}-{number}.{region}.elb.{}", partition::domain(region))
}

/// `DescribeLoadBalancers`.
pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let (arns, names) = (input.texts("LoadBalancerArns"), input.texts("Names"));
    if !arns.is_empty() && !names.is_empty() {
        return Err(invalid("Load balancer names and load balancer ARNs cannot both be specified"));
    }
    if arns.len() > NAMED || names.len() > NAMED {
        return Err(invalid(format!("Cannot describe more than {NAMED} load balancers by name")));
    }
    let known = || world.elb().load_balancers.iter().filter(|(_, it)| it.visible <= world.now);
    for name in &names {
        if !known().any(|(_, it)| it.name == *name) {
            let message = format!("Load balancers '[{name}]' not found");
            return Err(Refusal::new("LoadBalancerNotFound", message));
        }
    }
    for arn in &arns {
        visible(world, arn)?;
    }
    let wanted = known().filter(|(arn, it)| {
        (arns.is_empty() || arns.contains(arn)) && (names.is_empty() || names.contains(&it.name))
    });
    page(world, input, "LoadBalancers", wanted.map(|(arn, it)| described(world, arn, it)).collect())
}

fn described(world: &World, arn: &str, it: &LoadBalancer) -> Value {
    let state = match it.state {
        State::Provisioning => json!({ "Code": "provisioning" }),
        State::Active => json!({ "Code": "active" }),
        State::Failed => json!({
            "Code": "failed",
            "Reason": "A subnet or security group of the load balancer no longer exists",
        }),
    };
    json!({
        "LoadBalancerArn": arn,
        "DNSName": it.dns_name,
        "CanonicalHostedZoneId": canonical_zone(&world.region),
        "CreatedTime": world.timestamp_at(it.created),
        "LoadBalancerName": it.name,
        "Scheme": it.scheme,
        "VpcId": it.vpc,
        "State": state,
        "Type": "application",
        "AvailabilityZones": zones_described(it),
        "SecurityGroups": it.groups,
        "IpAddressType": "ipv4",
    })
}

fn zones_described(it: &LoadBalancer) -> Value {
    let zone = |(subnet, zone): (&String, &String)| json!({ "ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": [] });
    it.zones.iter().map(zone).collect()
}

/// `DeleteLoadBalancer`: its listeners and rules go with it, its target groups stay.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("LoadBalancerArn");
    let Some(it) = world.elb().load_balancers.get(arn) else { return Ok(json!({})) };
    if attributes::is_on(&it.attributes, "deletion_protection.enabled") {
        let message = format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        );
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    let elb = world.elb_mut();
    let Some(it) = elb.load_balancers.remove(arn) else { return Ok(json!({})) };
    elb.listeners.retain(|_, listener| listener.load_balancer != arn);
    elb.rules.retain(|_, rule| elb.listeners.contains_key(&rule.listener));
    interface::release(world, &it.name, it.interfaces.into_values().collect());
    target::refresh(world);
    Ok(json!({}))
}

/// `SetSubnets`: new ones get an interface, those that are left keep theirs for a while.
pub(super) fn set_subnets(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "SetSubnets";
    without(OPERATION, input, &["EnablePrefixForIpv6SourceNat"])?;
    if let Some(other) = input.some_text("IpAddressType").filter(|it| *it != "ipv4") {
        return Err(lacks(OPERATION, other));
    }
    let arn = input.text("LoadBalancerArn");
    let before = visible(world, arn)?;
    let (vpc, scheme) = (before.vpc.clone(), before.scheme.clone());
    let place = place(world, &subnets_of(OPERATION, input)?)?;
    if place.vpc != vpc {
        let message = format!("All subnets must belong to the same VPC: '{vpc}'");
        return Err(Refusal::new("InvalidConfigurationRequest", message));
    }
    check_gateway(world, &vpc, &scheme)?;
    let new = place.zones.keys().filter(|subnet| !before.zones.contains_key(*subnet));
    check_addresses(world, &new.collect::<Vec<_>>())?;
    let Some(it) = world.elb_mut().load_balancers.get_mut(arn) else { return Err(not_found()) };
    it.zones = place.zones;
    let left: Vec<_> =
        it.interfaces.keys().filter(|subnet| !it.zones.contains_key(*subnet)).cloned().collect();
    let left = left.iter().filter_map(|subnet| it.interfaces.remove(subnet)).collect();
    let (name, zones) = (it.name.clone(), zones_described(it));
    interface::release(world, &name, left);
    interface::attach_later(world, arn, &name);
    Ok(json!({ "AvailabilityZones": zones, "IpAddressType": "ipv4" }))
}

/// `SetSecurityGroups`. The interfaces have the new groups at once.
pub(super) fn set_security_groups(world: &mut World, input: &Value) -> Answer {
    const OPERATION: &str = "SetSecurityGroups";
    without(OPERATION, input, &["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"])?;
    let arn = input.text("LoadBalancerArn");
    let vpc = visible(world, arn)?.vpc.clone();
    let groups: BTreeSet<_> = input.texts("SecurityGroups").into_iter().collect();
    if groups.is_empty() {
        return Err(invalid("At least one security group must be specified"));
    }
    check_groups(world, &groups, &vpc)?;
    let Some(it) = world.elb_mut().load_balancers.get_mut(arn) else { return Err(not_found()) };
    it.groups.clone_from(&groups);
    // EC2 here cannot change the groups of an interface: another one takes its place.
    let old = std::mem::take(&mut it.interfaces);
    let attached = !old.is_empty();
    for id in old.values() {
        ec2::remove_interface(world, id);
    }
    if attached {
        interface::attach(world, arn);
    }
    Ok(json!({ "SecurityGroupIds": groups }))
}
