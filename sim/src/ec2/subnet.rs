//! Subnets: parts of a VPC's range, each in one zone. One goes only when no interface is in it, and
//! the interfaces of what shuts down are the last to leave.

use std::time::Duration;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::query::{invalid, lacks, missing};
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make};
use super::vpc::{Vpc, block_mode, range};
use super::{Ec2, PENDING_SUBNET, tag, zone};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::{World, key};

/// A subnet.
#[derive(Debug, Clone)]
pub struct Subnet {
    /// The VPC that it is part of.
    pub vpc: String,
    /// Its zone, by name.
    pub zone: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// When it becomes available.
    available: Duration,
    /// Whether what starts in it gets a public address.
    pub public_addresses: bool,
    /// How many addresses were given out so far, so that none is soon used again.
    given: usize,
    /// Whether it is its zone's of the default VPC.
    default: bool,
}

impl Subnet {
    /// A zone's subnet of the default VPC.
    pub fn default(vpc: &str, zone: &str, cidr: Ipv4Net) -> Self {
        Self {
            vpc: vpc.to_owned(),
            zone: zone.to_owned(),
            cidr,
            available: Duration::ZERO,
            public_addresses: true,
            given: 0,
            default: true,
        }
    }

    /// One that somebody has made long ago.
    pub fn of_somebody(vpc: &str, zone: &str, cidr: Ipv4Net) -> Self {
        Self { public_addresses: false, default: false, ..Self::default(vpc, zone, cidr) }
    }
}

impl Kind for Subnet {
    const TYPE: &'static str = "subnet";
    const PREFIX: &'static str = "subnet";
    const LISTING: Listing =
        Listing { operation: "DescribeSubnets", ids: "SubnetIds", list: "Subnets" };
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "availability-zone-id",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "default-for-az",
        "map-public-ip-on-launch",
        "owner-id",
        "state",
        "subnet-arn",
        "subnet-id",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        Refusal::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.subnets
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.subnets
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let subnet = &entry.it;
        vec![match filter {
            "availability-zone" => subnet.zone.clone(),
            "availability-zone-id" => zone::id_of(&subnet.zone),
            "available-ip-address-count" => free(world, &entry.id).to_string(),
            "cidr" | "cidr-block" | "cidrBlock" => subnet.cidr.to_string(),
            "default-for-az" => subnet.default.to_string(),
            "map-public-ip-on-launch" => subnet.public_addresses.to_string(),
            "owner-id" => ACCOUNT.to_owned(),
            "state" => state(world, subnet).to_owned(),
            "subnet-arn" => world.arn("ec2", &format!("subnet/{}", entry.id)),
            "subnet-id" => entry.id.clone(),
            "vpc-id" => subnet.vpc.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let subnet = &entry.it;
        json!({
            "SubnetId": entry.id,
            "SubnetArn": world.arn("ec2", &format!("subnet/{}", entry.id)),
            "State": state(world, subnet),
            "VpcId": subnet.vpc,
            "CidrBlock": subnet.cidr.to_string(),
            "AvailabilityZone": subnet.zone,
            "AvailabilityZoneId": zone::id_of(&subnet.zone),
            "AvailableIpAddressCount": free(world, &entry.id),
            "MapPublicIpOnLaunch": subnet.public_addresses,
            "DefaultForAz": subnet.default,
            "AssignIpv6AddressOnCreation": false,
            "Ipv6CidrBlockAssociationSet": [],
            "Ipv6Native": false,
            "EnableDns64": false,
            "MapCustomerOwnedIpOnLaunch": false,
            "OwnerId": ACCOUNT,
            "BlockPublicAccessStates": { "InternetGatewayBlockMode": block_mode(world) },
            "Tags": tag_list(&entry.tags),
        })
    }
}

/// Whether a subnet is available.
pub fn is_available(world: &World, subnet: &Subnet) -> bool {
    subnet.available <= world.now
}

fn state(world: &World, subnet: &Subnet) -> &'static str {
    if is_available(world, subnet) { "available" } else { "pending" }
}

/// AWS keeps the first four addresses and the last.
fn usable(cidr: Ipv4Net) -> usize {
    (1_usize << (32 - cidr.prefix_len())).saturating_sub(5)
}

/// How many addresses are left in a subnet.
pub fn free(world: &World, id: &str) -> usize {
    let Some(subnet) = world.ec2().subnets.get(id) else { return 0 };
    let taken = world.ec2().interfaces.all().filter(|interface| interface.it.subnet == id).count();
    usable(subnet.it.cidr).saturating_sub(taken)
}

/// Gives out an address, `None` when there is none left. One that came back waits for its turn.
pub fn take_address(world: &mut World, id: &str) -> Option<String> {
    if free(world, id) == 0 {
        return None;
    }
    let ec2 = world.ec2_mut();
    let subnet = &mut ec2.subnets.get_mut(id)?.it;
    let all = usable(subnet.cidr);
    for _ in 0..all {
        let index = u32::try_from(4 + subnet.given % all).unwrap_or(4);
        let is_new = subnet.given < all;
        subnet.given += 1;
        let address = u32::from(subnet.cidr.network()).saturating_add(index);
        let address = std::net::Ipv4Addr::from(address).to_string();
        let mut interfaces = ec2.interfaces.all();
        // Until each has been given out once, nobody has to look which are taken.
        if is_new || !interfaces.any(|it| it.it.subnet == id && it.it.address == address) {
            return Some(address);
        }
    }
    None
}

/// `CreateSubnet`: it has no client token, but a second one of the same range is refused.
pub fn create(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "Ipv6CidrBlock",
        "OutpostArn",
        "Ipv6Native",
        "Ipv4IpamPoolId",
        "Ipv4NetmaskLength",
        "Ipv6IpamPoolId",
        "Ipv6NetmaskLength",
    ];
    lacks("CreateSubnet", input, LACKED)?;
    let tags = tag::at_birth(input, Subnet::TYPE)?;
    let vpc = find::<Vpc>(world, input.text("VpcId"))?;
    let cidr = input.some_text("CidrBlock").ok_or_else(|| missing("cidrBlock"))?;
    let cidr = range(cidr, "cidrBlock")?;
    if !(16..=28).contains(&cidr.prefix_len()) || !vpc.it.cidr.contains(&cidr) {
        let message = format!("The CIDR '{cidr}' is invalid.");
        return Err(Refusal::new("InvalidSubnet.Range", message));
    }
    let overlaps = |other: Ipv4Net| other.contains(&cidr) || cidr.contains(&other);
    let others = world.ec2().subnets.all().filter(|subnet| subnet.it.vpc == vpc.id);
    let others: Vec<_> = others.map(|subnet| subnet.it.cidr).collect();
    if others.iter().any(|other| overlaps(*other)) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(Refusal::new("InvalidSubnet.Conflict", message));
    }
    if others.len() >= world.scenario.quota("subnets", 200) {
        let message = "The maximum number of subnets has been reached.";
        return Err(Refusal::new("SubnetLimitExceeded", message));
    }
    let subnet = Subnet {
        vpc: vpc.id.clone(),
        zone: wanted_zone(world, input)?,
        cidr,
        available: world.now,
        public_addresses: false,
        given: 0,
        default: false,
    };
    let id = make(world, tags.clone(), subnet);
    let pending = world.dice.delay(PENDING_SUBNET, &key(&tags, &id), 0.0..=2.0);
    let available = world.now + pending;
    let made = world.ec2_mut().subnets.get_mut(&id).map(|entry| {
        entry.it.available = available;
        entry.clone()
    });
    // It was put there a moment ago.
    let entry = made.ok_or_else(|| Subnet::unknown(&id))?;
    Ok(json!({ "Subnet": Subnet::write(world, &entry) }))
}

/// The zone that a request names, by name or by id; AWS chooses when it names none.
fn wanted_zone(world: &World, input: &Value) -> Result<String, Refusal> {
    let zones = zone::names(&world.region);
    let (given, parameter) = match (
        input.some_text("AvailabilityZone"),
        input.some_text("AvailabilityZoneId"),
    ) {
        (Some(_), Some(_)) => {
            let message =
                "The parameters availabilityZone and availabilityZoneId cannot be used together";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        (Some(name), None) => (name, "availabilityZone"),
        (None, Some(id)) => (id, "availabilityZoneId"),
        (None, None) => return Ok(format!("{}a", world.region)),
    };
    let found = zones.iter().find(|zone| *zone == given || zone::id_of(zone) == given);
    found.cloned().ok_or_else(|| {
        let message = format!("Value ({given}) for parameter {parameter} is invalid.");
        let open = zones.join(", ");
        invalid(format!(
            "{message} Subnets can currently only be created in the following availability zones: {open}."
        ))
    })
}

/// `DeleteSubnet`: refused as long as anything has an interface in it.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let id = find::<Subnet>(world, input.text("SubnetId"))?.id.clone();
    let ec2 = world.ec2_mut();
    let held = ec2.interfaces.all().any(|interface| interface.it.subnet == id)
        || ec2.nat_gateways.all().any(|gateway| gateway.it.subnet == id && gateway.it.holds());
    if held {
        let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::new("DependencyViolation", message));
    }
    table::delete::<Subnet>(world, &id);
    for table in world.ec2_mut().tables.all_mut() {
        table.it.associations.retain(|one| one.subnet.as_deref() != Some(&id));
    }
    Ok(json!({}))
}

/// `ModifySubnetAttribute`: one attribute in a call.
pub fn modify_attribute(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "AssignIpv6AddressOnCreation",
        "MapCustomerOwnedIpOnLaunch",
        "CustomerOwnedIpv4Pool",
        "EnableDns64",
        "PrivateDnsHostnameTypeOnLaunch",
        "EnableResourceNameDnsARecordOnLaunch",
        "EnableResourceNameDnsAAAARecordOnLaunch",
        "EnableLniAtDeviceIndex",
        "DisableLniAtDeviceIndex",
    ];
    lacks("ModifySubnetAttribute", input, LACKED)?;
    let value = input.part("MapPublicIpOnLaunch").flag("Value");
    let subnet = find_mut::<Subnet>(world, input.text("SubnetId"))?;
    subnet.it.public_addresses = value.ok_or_else(|| missing("mapPublicIpOnLaunch"))?;
    Ok(json!({}))
}

/// A subnet as other services see it.
#[derive(Debug, Clone, Default)]
pub struct SubnetView {
    /// Its VPC.
    pub vpc: String,
    /// Its zone, by name.
    pub zone: String,
}

/// Shows a subnet to other services.
pub fn view(entry: &Entry<Subnet>) -> SubnetView {
    SubnetView { vpc: entry.it.vpc.clone(), zone: entry.it.zone.clone() }
}
