//! VPC endpoints: interfaces in the user's subnets that lead to a service of AWS.
//!
//! Here only AWS itself makes some ([`super::guard_duty`]). One is minutes in coming and in going, and
//! its interfaces hold subnets and group until they are gone, which may be after it is
//! (`docs/aws-facts.md`, "Removing").

use serde_json::{Value, json};

use super::interface::{self, groups};
use super::table::{Entry, Kind, Listing, Table, find, make_named};
use super::{
    DELETING_ENDPOINT, Ec2, LINGERING_ENDPOINT, NewInterface, PENDING_ENDPOINT, guard_duty,
};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A VPC endpoint of the interface type.
#[derive(Debug, Clone)]
pub struct VpcEndpoint {
    /// Its VPC.
    pub vpc: String,
    /// The service that it leads to, such as `com.amazonaws.us-east-1.guardduty-data`.
    pub service: String,
    /// The subnets that it has an interface in.
    subnets: Vec<String>,
    /// Its security groups.
    groups: Vec<String>,
    /// Its interfaces.
    interfaces: Vec<String>,
    /// How it is.
    state: &'static str,
}

impl Kind for VpcEndpoint {
    const TYPE: &'static str = "vpc-endpoint";
    const PREFIX: &'static str = "vpce";
    const LISTING: Listing =
        Listing { operation: "DescribeVpcEndpoints", ids: "VpcEndpointIds", list: "VpcEndpoints" };
    const FILTERS: &'static [&'static str] = &[
        "service-name",
        "tag:",
        "tag-key",
        "vpc-endpoint-id",
        "vpc-endpoint-state",
        "vpc-endpoint-type",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The Vpc Endpoint Id '{id}' does not exist");
        Refusal::new("InvalidVpcEndpointId.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.endpoints
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.endpoints
    }

    fn field(_world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        vec![match filter {
            "service-name" => entry.it.service.clone(),
            "vpc-endpoint-id" => entry.id.clone(),
            "vpc-endpoint-state" => entry.it.state.to_owned(),
            "vpc-endpoint-type" => "Interface".to_owned(),
            "vpc-id" => entry.it.vpc.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let it = &entry.it;
        json!({
            "VpcEndpointId": entry.id,
            "VpcEndpointType": "Interface",
            "VpcId": it.vpc,
            "ServiceName": it.service,
            "State": it.state,
            "RouteTableIds": [],
            "SubnetIds": it.subnets,
            "Groups": groups(world, &it.groups),
            "NetworkInterfaceIds": it.interfaces,
            "PrivateDnsEnabled": true,
            // GuardDuty's are made with its service-linked role, not by AWS behind the caller's back.
            "RequesterManaged": false,
            "CreationTimestamp": world.timestamp_at(entry.made),
            "OwnerId": ACCOUNT,
            "Tags": tag_list(&entry.tags),
        })
    }
}

/// What AWS makes an endpoint with.
pub struct New<'a> {
    /// Its VPC.
    pub vpc: &'a str,
    /// The service that it leads to.
    pub service: String,
    /// Where it gets interfaces.
    pub subnets: Vec<String>,
    /// Its security group.
    pub group: String,
    /// Its tags.
    pub tags: Tags,
}

/// Makes an endpoint, with its interfaces.
pub fn put(world: &mut World, new: New<'_>) {
    let endpoint = VpcEndpoint {
        vpc: new.vpc.to_owned(),
        service: new.service,
        subnets: new.subnets.clone(),
        groups: vec![new.group.clone()],
        interfaces: Vec::new(),
        state: "pending",
    };
    let now = world.now;
    let id = make_named(world, new.vpc, now, new.tags, endpoint);
    // AWS makes none where no address is left.
    let interfaces = new.subnets.into_iter().filter_map(|subnet| {
        let interface = NewInterface {
            subnet,
            groups: vec![new.group.clone()],
            description: format!("VPC Endpoint Interface {id}"),
            requester: Some("amazon-vpce".to_owned()),
            kind: "vpc_endpoint".to_owned(),
            ..NewInterface::default()
        };
        interface::put(world, interface)
    });
    let interfaces = interfaces.collect();
    let pending = world.dice.delay(PENDING_ENDPOINT, new.vpc, 60.0..=180.0);
    if let Some(entry) = world.ec2_mut().endpoints.get_mut(&id) {
        entry.it.interfaces = interfaces;
    }
    world.after(pending, move |world| {
        let entry = world.ec2_mut().endpoints.get_mut(&id);
        if let Some(entry) = entry.filter(|entry| entry.it.state == "pending") {
            entry.it.state = "available";
        }
    });
}

/// `DeleteVpcEndpoints`: answered with 200, whatever could not be done of it.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let mut unsuccessful = Vec::new();
    for id in input.texts("VpcEndpointIds") {
        match find::<VpcEndpoint>(world, &id).map(|entry| entry.it.clone()) {
            Ok(endpoint) if endpoint.state != "deleting" => leave(world, &id, &endpoint.vpc),
            Ok(_) => {}
            Err(refusal) => unsuccessful.push(json!({
                "ResourceId": id,
                "Error": { "Code": refusal.code, "Message": refusal.message },
            })),
        }
    }
    Ok(json!({ "Unsuccessful": unsuccessful }))
}

fn leave(world: &mut World, id: &str, vpc: &str) {
    if let Some(entry) = world.ec2_mut().endpoints.get_mut(id) {
        entry.it.state = "deleting";
    }
    let gone = world.dice.delay(DELETING_ENDPOINT, id, 60.0..=180.0);
    let lingers = world.dice.delay(LINGERING_ENDPOINT, id, 0.0..=30.0);
    let (id, vpc) = (id.to_owned(), vpc.to_owned());
    world.after(gone, move |world| {
        let gone = world.ec2_mut().endpoints.remove(&id);
        guard_duty::misses(world, &vpc);
        world.after(lingers, move |world| {
            for interface in gone.into_iter().flat_map(|entry| entry.it.interfaces) {
                super::remove_interface(world, &interface);
            }
        });
    });
}
