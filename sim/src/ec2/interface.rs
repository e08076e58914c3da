//! Network interfaces: what holds subnets, security groups and internet gateways.
//!
//! Most belong to services of AWS, which put them there and take them away in their own time; users
//! can only look at those.

use std::time::Duration;

use serde_json::{Value, json};

use super::query::invalid;
use super::subnet::take_address;
use super::table::{Entry, Kind, Listing, Table, make_named};
use super::{Ec2, address};
use crate::arn::ACCOUNT;
use crate::fields::{Tags, tag_list};
use crate::refusal::Refusal;
use crate::world::World;

/// A network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its VPC.
    pub vpc: String,
    /// Its subnet.
    pub subnet: String,
    /// The zone of its subnet.
    zone: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// What it says it is.
    pub description: String,
    /// The service of AWS that manages it.
    pub requester: Option<String>,
    /// Its type, such as `interface` or `nat_gateway`.
    pub kind: String,
    /// The instance that it is attached to.
    pub instance: Option<String>,
    /// Its place at the instance.
    pub index: usize,
    /// Id of its attachment.
    pub attachment: String,
    /// Whether it goes with its instance.
    pub goes_with_instance: bool,
    /// Its private address.
    pub address: String,
    /// Its public address.
    pub public: Option<String>,
    /// Its hardware address.
    pub mac: String,
}

/// A network interface that a service of AWS wants in somebody's subnet.
#[derive(Debug, Clone, Default)]
pub struct NewInterface {
    /// The subnet.
    pub subnet: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// What it says it is, such as `ELB app/lb-demo/0123`.
    pub description: String,
    /// Who asked for it, such as `amazon-elb`; AWS's own accounts manage those.
    pub requester: Option<String>,
    /// The interface type: `interface`, `nat_gateway`, `load_balancer`.
    pub kind: String,
    /// The instance that it is attached to, if it is.
    pub instance: Option<String>,
    /// Whether it has a public address.
    pub public: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Interface {
    /// Whether it is attached to something.
    fn in_use(&self) -> bool {
        self.instance.is_some() || self.requester.is_some()
    }

    /// The name that the VPC's resolver gives to its address.
    pub fn private_name(&self, region: &str) -> String {
        let name = self.address.replace('.', "-");
        match region {
            "us-east-1" => format!("ip-{name}.ec2.internal"),
            region => format!("ip-{name}.{region}.compute.internal"),
        }
    }
}

impl Kind for Interface {
    const TYPE: &'static str = "network-interface";
    const PREFIX: &'static str = "eni";
    const LISTING: Listing = Listing {
        operation: "DescribeNetworkInterfaces",
        ids: "NetworkInterfaceIds",
        list: "NetworkInterfaces",
    };
    const FILTERS: &'static [&'static str] = &[
        "addresses.association.public-ip",
        "addresses.private-ip-address",
        "association.allocation-id",
        "association.association-id",
        "association.public-ip",
        "attachment.attachment-id",
        "attachment.delete-on-termination",
        "attachment.device-index",
        "attachment.instance-id",
        "attachment.status",
        "availability-zone",
        "description",
        "group-id",
        "group-name",
        "interface-type",
        "mac-address",
        "network-interface-id",
        "owner-id",
        "private-dns-name",
        "private-ip-address",
        "requester-id",
        "requester-managed",
        "status",
        "subnet-id",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The networkInterface ID '{id}' does not exist");
        Refusal::new("InvalidNetworkInterfaceID.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.interfaces
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.interfaces
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let it = &entry.it;
        let elastic = elastic(world, &entry.id);
        let attached = it.in_use();
        let value = match filter {
            "addresses.association.public-ip" | "association.public-ip" => it.public.clone(),
            "addresses.private-ip-address" | "private-ip-address" => Some(it.address.clone()),
            "association.allocation-id" => elastic.map(|(allocation, _)| allocation),
            "association.association-id" => elastic.map(|(_, association)| association),
            "attachment.attachment-id" => attached.then(|| it.attachment.clone()),
            "attachment.delete-on-termination" => {
                attached.then(|| it.goes_with_instance.to_string())
            }
            "attachment.device-index" => attached.then(|| it.index.to_string()),
            "attachment.instance-id" => it.instance.clone(),
            "attachment.status" => attached.then(|| "attached".to_owned()),
            "availability-zone" => Some(it.zone.clone()),
            "description" => Some(it.description.clone()),
            "group-id" => return it.groups.clone(),
            "group-name" => return it.groups.iter().map(|id| group_name(world, id)).collect(),
            "interface-type" => Some(it.kind.clone()),
            "mac-address" => Some(it.mac.clone()),
            "network-interface-id" => Some(entry.id.clone()),
            "owner-id" => Some(ACCOUNT.to_owned()),
            "private-dns-name" => Some(it.private_name(&world.region)),
            "requester-id" => it.requester.clone(),
            "requester-managed" => Some(it.requester.is_some().to_string()),
            "status" => Some(status(it).to_owned()),
            "subnet-id" => Some(it.subnet.clone()),
            "vpc-id" => Some(it.vpc.clone()),
            _ => None,
        };
        value.into_iter().collect()
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let it = &entry.it;
        let name = it.private_name(&world.region);
        let mut address =
            json!({ "Primary": true, "PrivateIpAddress": it.address, "PrivateDnsName": name });
        let mut value = json!({
            "NetworkInterfaceId": entry.id,
            "VpcId": it.vpc,
            "SubnetId": it.subnet,
            "AvailabilityZone": it.zone,
            "Description": it.description,
            "Groups": groups(world, &it.groups),
            "InterfaceType": it.kind,
            "Ipv6Addresses": [],
            "MacAddress": it.mac,
            "OwnerId": ACCOUNT,
            "PrivateDnsName": name,
            "PrivateIpAddress": it.address,
            "RequesterManaged": it.requester.is_some(),
            "SourceDestCheck": it.kind != "nat_gateway",
            "Status": status(it),
            "TagSet": tag_list(&entry.tags),
        });
        if let Some(public) = &it.public {
            let mut association = json!({ "PublicIp": public, "IpOwnerId": "amazon" });
            if let Some((allocation, id)) = elastic(world, &entry.id) {
                association["AllocationId"] = json!(allocation);
                association["AssociationId"] = json!(id);
                association["IpOwnerId"] = json!(ACCOUNT);
            }
            address["Association"] = association.clone();
            value["Association"] = association;
        }
        value["PrivateIpAddresses"] = json!([address]);
        if let Some(requester) = &it.requester {
            value["RequesterId"] = json!(requester);
        }
        if it.in_use() {
            let mut attachment = json!({
                "AttachmentId": it.attachment,
                "DeleteOnTermination": it.goes_with_instance,
                "DeviceIndex": it.index,
                "Status": "attached",
            });
            match &it.instance {
                Some(instance) => {
                    attachment["InstanceId"] = json!(instance);
                    attachment["InstanceOwnerId"] = json!(ACCOUNT);
                    attachment["AttachTime"] = json!(world.timestamp_at(entry.made));
                }
                // What AWS's own machines have attached does not say to which.
                None => attachment["InstanceOwnerId"] = json!("amazon-aws"),
            }
            value["Attachment"] = attachment;
        }
        value
    }
}

fn status(it: &Interface) -> &'static str {
    if it.in_use() { "in-use" } else { "available" }
}

/// The elastic address of an interface: its allocation and the id of the association.
fn elastic(world: &World, id: &str) -> Option<(String, String)> {
    world.ec2().addresses.all().find_map(|address| {
        let (interface, association) = address.it.bound.as_ref()?;
        (interface == id).then(|| (address.id.clone(), association.clone()))
    })
}

fn group_name(world: &World, id: &str) -> String {
    world.ec2().groups.get(id).map(|group| group.it.name.clone()).unwrap_or_default()
}

/// Security groups as descriptions list them.
pub fn groups(world: &World, ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "GroupId": id, "GroupName": group_name(world, id) })).collect()
}

/// Puts an interface into a subnet, where it is seen at once. `None` when the subnet has no address
/// left for it, or is not there.
pub fn put(world: &mut World, new: NewInterface) -> Option<String> {
    let subnet = &world.ec2().subnets.get(&new.subnet)?.it;
    let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
    let private = take_address(world, &new.subnet)?;
    let public = new.public.then(|| address::next_public(world));
    let index = new.instance.as_deref().map_or(1, |id| super::interfaces_of(world, id));
    let name = format!(
        "{} {} {}",
        new.subnet,
        new.description,
        new.instance.as_deref().unwrap_or_default()
    );
    let attachment = world.id_of("eni-attach", &name);
    let hex = world.digits_of(10, &format!("mac {name}"));
    let pairs: Vec<_> = (0..5).filter_map(|pair| hex.get(pair * 2..pair * 2 + 2)).collect();
    let interface = Interface {
        vpc,
        subnet: new.subnet,
        zone,
        groups: new.groups,
        description: new.description,
        requester: new.requester,
        kind: if new.kind.is_empty() { "interface".to_owned() } else { new.kind },
        goes_with_instance: new.instance.is_some(),
        instance: new.instance,
        index,
        attachment,
        address: private,
        public,
        mac: format!("02:{}", pairs.join(":")),
    };
    Some(make_named(world, &name, Duration::ZERO, new.tags, interface))
}

/// Takes an interface away, and its elastic address with it.
pub fn remove(world: &mut World, id: &str) {
    world.ec2_mut().interfaces.remove(id);
    for address in world.ec2_mut().addresses.all_mut() {
        let bound = address.it.bound.take();
        address.it.bound = bound.filter(|(interface, _)| interface != id);
    }
}

/// Refuses what has no room left in a subnet.
pub fn needs_room(world: &World, subnet: &str) -> Result<(), Refusal> {
    if super::subnet::free(world, subnet) > 0 {
        return Ok(());
    }
    let message = format!(
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number \
         of instances."
    );
    Err(Refusal { code: "InsufficientFreeAddressesInSubnet".to_owned(), ..invalid(message) })
}
