//! Elastic IP addresses: five in a region at first. One that a NAT gateway has cannot be released
//! until the gateway is deleted, and the refusal looks like one of permissions
//! (`docs/aws-facts.md`, "Removing").

use serde_json::{Value, json};

use super::interface::Interface;
use super::query::{lacks, missing, select};
use super::table::{self, Entry, Kind, Listing, Table, find, make};
use super::{Ec2, tag};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An elastic IP address.
#[derive(Debug, Clone)]
pub struct Address {
    /// The address.
    pub address: String,
    /// The interface that it is bound to, and the id of that association.
    pub bound: Option<(String, String)>,
}

impl Kind for Address {
    const TYPE: &'static str = "elastic-ip";
    const PREFIX: &'static str = "eipalloc";
    const LISTING: Listing =
        Listing { operation: "DescribeAddresses", ids: "AllocationIds", list: "Addresses" };
    const FILTERS: &'static [&'static str] = &[
        "allocation-id",
        "association-id",
        "domain",
        "instance-id",
        "network-border-group",
        "network-interface-id",
        "network-interface-owner-id",
        "private-ip-address",
        "public-ip",
        "tag:",
        "tag-key",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The allocation ID '{id}' does not exist");
        Refusal::new("InvalidAllocationID.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.addresses
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.addresses
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let interface = interface(world, &entry.it).map(|interface| &interface.it);
        let value = match filter {
            "allocation-id" => Some(entry.id.clone()),
            "association-id" => entry.it.bound.as_ref().map(|(_, association)| association.clone()),
            "domain" => Some("vpc".to_owned()),
            "instance-id" => interface.and_then(|it| it.instance.clone()),
            "network-border-group" => Some(world.region.clone()),
            "network-interface-id" => entry.it.bound.as_ref().map(|(id, _)| id.clone()),
            "network-interface-owner-id" => interface.map(|_| ACCOUNT.to_owned()),
            "private-ip-address" => interface.map(|it| it.address.clone()),
            "public-ip" => Some(entry.it.address.clone()),
            _ => None,
        };
        value.into_iter().collect()
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let mut value = json!({
            "AllocationId": entry.id,
            "PublicIp": entry.it.address,
            "Domain": "vpc",
            "PublicIpv4Pool": "amazon",
            "NetworkBorderGroup": world.region,
            "Tags": tag_list(&entry.tags),
        });
        if let (Some((_, association)), Some(interface)) =
            (&entry.it.bound, interface(world, &entry.it))
        {
            value["AssociationId"] = json!(association);
            value["NetworkInterfaceId"] = json!(interface.id);
            value["NetworkInterfaceOwnerId"] = json!(ACCOUNT);
            value["PrivateIpAddress"] = json!(interface.it.address);
            if let Some(instance) = &interface.it.instance {
                value["InstanceId"] = json!(instance);
            }
        }
        value
    }
}

fn interface<'a>(world: &'a World, address: &Address) -> Option<&'a Entry<Interface>> {
    address.bound.as_ref().and_then(|(id, _)| world.ec2().interfaces.get(id))
}

/// A public address that nobody had before. All are out of the range for benchmarks of networks, so
/// that no sample shows a stranger's address.
pub fn next_public(world: &mut World) -> String {
    world.ec2_mut().given_public += 1;
    let number = u32::try_from(world.ec2().given_public % 0x1_FFFE).unwrap_or_default();
    let number = u32::from(std::net::Ipv4Addr::new(198, 18, 0, 0)) + number;
    std::net::Ipv4Addr::from(number).to_string()
}

/// `AllocateAddress`: it has no client token, so a repeated call allocates another one.
pub fn allocate(world: &mut World, input: &Value) -> Answer {
    let lacked = ["Address", "PublicIpv4Pool", "CustomerOwnedIpv4Pool", "IpamPoolId"];
    lacks("AllocateAddress", input, &lacked)?;
    let tags = tag::at_birth(input, Address::TYPE)?;
    if world.ec2().addresses.all().count() >= world.scenario.quota("addresses", 5) {
        let message = "The maximum number of addresses has been reached.";
        return Err(Refusal::new("AddressLimitExceeded", message));
    }
    let address = next_public(world);
    let id = make(world, tags, Address { address: address.clone(), bound: None });
    Ok(json!({
        "AllocationId": id,
        "PublicIp": address,
        "Domain": "vpc",
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": world.region,
    }))
}

/// `ReleaseAddress`.
pub fn release(world: &mut World, input: &Value) -> Answer {
    lacks("ReleaseAddress", input, &["PublicIp"])?;
    let id = input.some_text("AllocationId").ok_or_else(|| missing("AllocationId"))?;
    let address = find::<Address>(world, id)?;
    let id = address.id.clone();
    if let Some((interface, _)) = &address.it.bound {
        let interface = world.ec2().interfaces.get(interface);
        // An association that AWS itself made is not the caller's to end.
        return Err(match interface.is_some_and(|interface| interface.it.requester.is_some()) {
            true => {
                let message = "You do not have permission to access the specified resource.";
                Refusal::new("AuthFailure", message)
            }
            false => {
                let message = format!("Address {} is in use.", address.it.address);
                Refusal::new("InvalidIPAddress.InUse", message)
            }
        });
    }
    table::delete::<Address>(world, &id);
    Ok(json!({}))
}

/// `DescribeAddresses`, the one listing of EC2 that has no pages.
pub fn describe(world: &World, input: &Value) -> Answer {
    let ips = input.texts("PublicIps");
    for ip in &ips {
        let mut known = world.ec2().addresses.all_shown(world.now);
        if !known.any(|entry| entry.it.address == *ip) {
            let message = format!("Address '{ip}' not found.");
            return Err(Refusal::new("InvalidAddress.NotFound", message));
        }
    }
    let found = select::<Address>(world, input)?.into_iter();
    let found = found.filter(|entry| ips.is_empty() || ips.contains(&entry.it.address));
    Ok(json!({ "Addresses": found.map(|entry| Address::write(world, entry)).collect::<Value>() }))
}
