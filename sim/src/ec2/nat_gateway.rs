//! NAT gateways: minutes to come and to go (`docs/aws-facts.md`, "States and durations").
//!
//! What is wrong with a request shows only later: the create is answered well, and the gateway then
//! fails, for good. A deleted or failed one stays in the listing for an hour.

use std::time::Duration;

use serde_json::{Value, json};

use super::address::Address;
use super::interface;
use super::query::{lacks, missing};
use super::subnet::Subnet;
use super::table::{Entry, Kind, Listing, Table, find, find_mut, make};
use super::{
    DELETING_NAT, Ec2, FAILING_NAT, LEARNING_NAT, NewInterface, PENDING_NAT, REMEMBERED, tag, vpc,
    zone,
};
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::{World, key};

/// A NAT gateway.
#[derive(Debug, Clone)]
pub struct NatGateway {
    /// Its VPC.
    pub vpc: String,
    /// The subnet that it stands in.
    pub subnet: String,
    /// Its elastic IP address.
    allocation: String,
    /// How it is.
    pub state: State,
    /// Its interface, as long as it has one.
    interface: Option<String>,
    /// Code and message of a failure.
    failure: Option<(&'static str, String)>,
    /// When its deletion was asked for.
    deleted: Option<Duration>,
}

/// How a NAT gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being made.
    Pending,
    /// It never heals.
    Failed,
    /// It works.
    Available,
    /// It goes.
    Deleting,
    /// It is only remembered.
    Deleted,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

impl NatGateway {
    /// One that somebody has made long ago.
    pub fn of_somebody(vpc: &str, subnet: &str, allocation: &str) -> Self {
        Self {
            vpc: vpc.to_owned(),
            subnet: subnet.to_owned(),
            allocation: allocation.to_owned(),
            state: State::Available,
            interface: None,
            failure: None,
            deleted: None,
        }
    }

    /// Whether it still takes a place, in its subnet and in the zone's quota.
    pub fn holds(&self) -> bool {
        matches!(self.state, State::Pending | State::Available | State::Deleting)
    }

    /// Whether routes to it are routes, and no blackholes.
    pub fn is_target(&self) -> bool {
        matches!(self.state, State::Pending | State::Available)
    }
}

impl Kind for NatGateway {
    const TYPE: &'static str = "natgateway";
    const PREFIX: &'static str = "nat";
    const LISTING: Listing =
        Listing { operation: "DescribeNatGateways", ids: "NatGatewayIds", list: "NatGateways" };
    const FILTERS: &'static [&'static str] =
        &["nat-gateway-id", "state", "subnet-id", "tag:", "tag-key", "vpc-id"];

    fn unknown(id: &str) -> Refusal {
        Refusal::new("NatGatewayNotFound", format!("NatGateway {id} was not found"))
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.nat_gateways
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.nat_gateways
    }

    fn field(_world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        vec![match filter {
            "nat-gateway-id" => entry.id.clone(),
            "state" => entry.it.state.name().to_owned(),
            "subnet-id" => entry.it.subnet.clone(),
            "vpc-id" => entry.it.vpc.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let gateway = &entry.it;
        let mut address = json!({ "AllocationId": gateway.allocation, "IsPrimary": true });
        address["Status"] = json!(match gateway.state {
            State::Pending => "associating",
            State::Failed => "failed",
            State::Available => "succeeded",
            State::Deleting | State::Deleted => "disassociating",
        });
        let interface = gateway.interface.as_ref();
        if let Some(interface) = interface.and_then(|id| world.ec2().interfaces.get(id)) {
            address["NetworkInterfaceId"] = json!(interface.id);
            address["PrivateIp"] = json!(interface.it.address);
            if let Some(public) = &interface.it.public {
                address["PublicIp"] = json!(public);
            }
        }
        let mut value = json!({
            "NatGatewayId": entry.id,
            "State": gateway.state.name(),
            "SubnetId": gateway.subnet,
            "VpcId": gateway.vpc,
            "CreateTime": world.timestamp_at(entry.made),
            "ConnectivityType": "public",
            "NatGatewayAddresses": [address],
            "Tags": tag_list(&entry.tags),
        });
        if let (State::Failed, Some((code, message))) = (gateway.state, &gateway.failure) {
            value["FailureCode"] = json!(code);
            value["FailureMessage"] = json!(message);
        }
        if let Some(deleted) = gateway.deleted {
            value["DeleteTime"] = json!(world.timestamp_at(deleted));
        }
        value
    }

    fn lives(entry: &Entry<Self>) -> bool {
        entry.it.state != State::Deleted
    }
}

/// `CreateNatGateway`. Whether the VPC has a gateway attached and the address is free decides the
/// fate, and is not refused.
pub fn create(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "VpcId",
        "AvailabilityZoneAddresses",
        "PrivateIpAddress",
        "SecondaryAllocationIds",
        "SecondaryPrivateIpAddresses",
        "SecondaryPrivateIpAddressCount",
    ];
    lacks("CreateNatGateway", input, LACKED)?;
    for (member, usual) in [("ConnectivityType", "public"), ("AvailabilityMode", "zonal")] {
        if input.some_text(member).is_some_and(|value| value != usual) {
            lacks("CreateNatGateway", input, &[member])?;
        }
    }
    let tags = tag::at_birth(input, NatGateway::TYPE)?;
    let subnet = input.some_text("SubnetId").ok_or_else(|| missing("SubnetId"))?;
    let subnet = place(world, subnet)?.clone();
    let allocation = input.some_text("AllocationId").ok_or_else(|| missing("AllocationId"))?;
    let allocation = address(world, allocation)?.clone();
    if zone::lacks(world, &subnet.it.zone, zone::NAT_GATEWAYS) {
        let message = "Nat Gateway is not available in this availability zone";
        return Err(Refusal::new("NotAvailableInZone", message));
    }
    let in_zone = world.ec2().nat_gateways.all().filter(|gateway| {
        let place = world.ec2().subnets.get(&gateway.it.subnet);
        gateway.it.holds() && place.is_some_and(|place| place.it.zone == subnet.it.zone)
    });
    if in_zone.count() >= world.scenario.quota("nat-gateways-per-zone", 5) {
        let message = "The maximum number of NAT Gateways has been reached.";
        return Err(Refusal::new("NatGatewayLimitExceeded", message));
    }
    let (vpc, place) = (subnet.it.vpc.clone(), subnet.id.clone());
    let failure = if vpc::internet_gateway(world.ec2(), &vpc).is_none() {
        let message = format!("Network {vpc} has no Internet gateway attached");
        Some(("Gateway.NotAttached", message))
    } else if allocation.it.bound.is_some() {
        let message = format!("Elastic IP address [{}] is already associated", allocation.id);
        Some(("Resource.AlreadyAssociated", message))
    } else if super::subnet::free(world, &place) == 0 {
        let message =
            format!("Subnet {place} has insufficient free addresses to create this NAT gateway");
        Some(("InsufficientFreeAddressesInSubnet", message))
    } else {
        None
    };
    let fails = failure.is_some();
    let gateway = NatGateway {
        vpc,
        subnet: place,
        allocation: allocation.id,
        state: State::Pending,
        interface: None,
        failure,
        deleted: None,
    };
    let id = make(world, tags.clone(), gateway);
    let name = key(&tags, &id);
    if fails {
        let later = world.dice.delay(FAILING_NAT, &name, 5.0..=30.0);
        let failing = id.clone();
        world.after(later, move |world| fail(world, failing));
    } else {
        bind(world, &id);
        let later = world.dice.delay(PENDING_NAT, &name, 60.0..=150.0);
        let coming = id.clone();
        world.after(later, move |world| change(world, &coming, State::Pending, State::Available));
    }
    let made = world.ec2().nat_gateways.get(&id).map(|entry| NatGateway::write(world, entry));
    let mut answer = json!({ "NatGateway": made.unwrap_or_default() });
    if let Some(token) = input.some_text("ClientToken") {
        answer["ClientToken"] = json!(token);
    }
    Ok(answer)
}

/// The subnet that a gateway is to stand in. This call alone says `InvalidSubnet` of one that it does
/// not know yet or that is pending, also when the listing shows it (hypershift#711, #1034, #1328;
/// terraform#16768).
fn place<'a>(world: &'a World, id: &str) -> Result<&'a Entry<Subnet>, Refusal> {
    let refused = |why: &str| Refusal::new("InvalidSubnet", format!("Subnet {id} {why}"));
    let subnet = find::<Subnet>(world, id).ok().filter(|it| is_learnt(world, it));
    let subnet = subnet.ok_or_else(|| refused("was not found"))?;
    match super::subnet::is_available(world, &subnet.it) {
        true => Ok(subnet),
        false => Err(refused("is not available")),
    }
}

/// The address of a gateway. This call alone has a code of its own for one that it does not know yet
/// (terraform-provider-aws#27087, ansible-collections/amazon.aws#1872).
fn address<'a>(world: &'a World, id: &str) -> Result<&'a Entry<Address>, Refusal> {
    let address = find::<Address>(world, id).ok().filter(|it| is_learnt(world, it));
    address.ok_or_else(|| {
        let message = format!("The elasticIp ID '{id}' does not exist");
        Refusal::new("InvalidElasticIpID.NotFound", message)
    })
}

/// Whether NAT gateways know a thing, which may be later than others do.
fn is_learnt<K>(world: &World, entry: &Entry<K>) -> bool {
    let later = world.dice.delay(LEARNING_NAT, &key(&entry.tags, &entry.id), 0.0..=4.0);
    entry.visible + later <= world.now
}

/// Gives the gateway its interface, which has the elastic address.
pub(super) fn bind(world: &mut World, id: &str) {
    let Some(gateway) = world.ec2().nat_gateways.get(id).cloned() else { return };
    let Some(address) = world.ec2().addresses.get(&gateway.it.allocation) else { return };
    let address = address.it.address.clone();
    let interface = interface::put(
        world,
        NewInterface {
            subnet: gateway.it.subnet.clone(),
            description: format!("Interface for NAT Gateway {id}"),
            requester: Some("amazon-aws".to_owned()),
            kind: "nat_gateway".to_owned(),
            ..NewInterface::default()
        },
    );
    // Whether there is an address was seen before.
    let Some(interface) = interface else { return };
    if let Some(entry) = world.ec2_mut().interfaces.get_mut(&interface) {
        entry.it.public = Some(address);
    }
    let association = world.id_of("eipassoc", id);
    if let Some(address) = world.ec2_mut().addresses.get_mut(&gateway.it.allocation) {
        address.it.bound = Some((interface.clone(), association));
    }
    if let Some(gateway) = world.ec2_mut().nat_gateways.get_mut(id) {
        gateway.it.interface = Some(interface);
    }
}

fn change(world: &mut World, id: &str, from: State, to: State) {
    let gateway = world.ec2_mut().nat_gateways.get_mut(id);
    if let Some(gateway) = gateway.filter(|gateway| gateway.it.state == from) {
        gateway.it.state = to;
    }
}

fn fail(world: &mut World, id: String) {
    change(world, &id, State::Pending, State::Failed);
    world.after(REMEMBERED, move |world| {
        let gateway = world.ec2().nat_gateways.get(&id);
        // One whose deletion was asked for meanwhile goes its own way.
        if gateway.is_some_and(|gateway| gateway.it.state == State::Failed) {
            world.ec2_mut().nat_gateways.remove(&id);
        }
    });
}

/// `DeleteNatGateway`: the address stays bound until the gateway is gone, routes to it stay.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let gateway = find::<NatGateway>(world, input.text("NatGatewayId"))?;
    let id = gateway.id.clone();
    let name = key(&gateway.tags, &id);
    match gateway.it.state {
        State::Deleted => return Err(NatGateway::unknown(&id)),
        State::Deleting => return Ok(json!({ "NatGatewayId": id })),
        State::Pending | State::Available | State::Failed => {}
    }
    let now = world.now;
    let gateway = find_mut::<NatGateway>(world, &id)?;
    gateway.it.state = State::Deleting;
    gateway.it.deleted = Some(now);
    let later = world.dice.delay(DELETING_NAT, &name, 45.0..=120.0);
    let going = id.clone();
    world.after(later, move |world| gone(world, going));
    Ok(json!({ "NatGatewayId": id }))
}

fn gone(world: &mut World, id: String) {
    change(world, &id, State::Deleting, State::Deleted);
    let interface = world.ec2_mut().nat_gateways.get_mut(&id).and_then(|it| it.it.interface.take());
    if let Some(interface) = interface {
        super::remove_interface(world, &interface);
    }
    world.after(REMEMBERED, move |world| {
        world.ec2_mut().nat_gateways.remove(&id);
    });
}
