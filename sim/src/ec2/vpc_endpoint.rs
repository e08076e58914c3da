//! VPC endpoints: ways from a VPC to a service of AWS.
//!
//! Gateway endpoints are routes in tables of the VPC, and come and go at once. Interface endpoints are
//! interfaces in its subnets; here only AWS itself makes some ([`super::guard_duty`]). One is minutes in
//! coming and in going, and its interfaces hold subnets and group until they are gone, which may be after
//! it is (`docs/aws-facts.md`, "Removing").

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::interface::{self, groups};
use super::query::{invalid, lacks, missing};
use super::route_table::{RouteTable, networks};
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make, make_named};
use super::vpc::Vpc;
use super::{
    DELETING_ENDPOINT, Ec2, LINGERING_ENDPOINT, NewInterface, PENDING_ENDPOINT, guard_duty, route,
    tag,
};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The services that have gateways, and their prefix lists. AWS has others in other regions.
const GATEWAYS: [(&str, &str); 2] = [("s3", "pl-63a5400a"), ("dynamodb", "pl-02cd2c6b")];

/// A VPC endpoint.
#[derive(Debug, Clone)]
pub struct VpcEndpoint {
    /// Its VPC.
    pub vpc: String,
    /// The service that it leads to, such as `com.amazonaws.us-east-1.guardduty-data`.
    pub service: String,
    /// The prefix list that its routes are for: it is a gateway. Interfaces have none.
    prefix_list: Option<&'static str>,
    /// The tables that it has a route in.
    pub tables: BTreeSet<String>,
    /// The subnets that it has an interface in.
    subnets: Vec<String>,
    /// Its security groups.
    groups: Vec<String>,
    /// Its interfaces.
    interfaces: Vec<String>,
    /// How it is.
    state: &'static str,
}

impl VpcEndpoint {
    fn kind(&self) -> &'static str {
        if self.prefix_list.is_some() { "Gateway" } else { "Interface" }
    }
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
            "vpc-endpoint-type" => entry.it.kind().to_owned(),
            "vpc-id" => entry.it.vpc.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let it = &entry.it;
        json!({
            "VpcEndpointId": entry.id,
            "VpcEndpointType": it.kind(),
            "VpcId": it.vpc,
            "ServiceName": it.service,
            "State": it.state,
            "RouteTableIds": it.tables,
            "SubnetIds": it.subnets,
            "Groups": groups(world, &it.groups),
            "NetworkInterfaceIds": it.interfaces,
            "PrivateDnsEnabled": it.prefix_list.is_none(),
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
        prefix_list: None,
        tables: BTreeSet::new(),
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

/// The endpoints that show a route in a table.
pub fn with_table<'a>(
    world: &'a World,
    table: &str,
) -> impl Iterator<Item = &'a Entry<VpcEndpoint>> {
    let all = world.ec2().endpoints.all_shown(world.now);
    all.filter(move |entry| entry.it.tables.contains(table))
}

/// The route to a gateway endpoint, as its tables show it.
pub fn route(entry: &Entry<VpcEndpoint>) -> Value {
    json!({
        "DestinationPrefixListId": entry.it.prefix_list,
        "GatewayId": entry.id,
        "Origin": "CreateRoute",
        "State": route::ACTIVE,
    })
}

/// `CreateVpcEndpoint`, for gateways.
pub fn create(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "PolicyDocument",
        "SubnetIds",
        "SecurityGroupIds",
        "IpAddressType",
        "DnsOptions",
        "PrivateDnsEnabled",
        "SubnetConfigurations",
        "ServiceNetworkArn",
        "ResourceConfigurationArn",
        "ServiceRegion",
    ];
    lacks("CreateVpcEndpoint", input, LACKED)?;
    if input.some_text("VpcEndpointType").is_some_and(|it| it != "Gateway") {
        lacks("CreateVpcEndpoint", input, &["VpcEndpointType"])?;
    }
    let tags = tag::at_birth(input, VpcEndpoint::TYPE)?;
    let vpc = input.text("VpcId");
    let vpc = find::<Vpc>(world, vpc)
        .map_err(|refusal| Refusal::new("InvalidVpcId.NotFound", refusal.message))?;
    let vpc = vpc.id.clone();
    let service = input.some_text("ServiceName").ok_or_else(|| missing("serviceName"))?.to_owned();
    let short = service.strip_prefix(&format!("com.amazonaws.{}.", world.region));
    let gateway = GATEWAYS.iter().find(|(name, _)| Some(*name) == short);
    let (_, prefix_list) = gateway.ok_or_else(|| {
        let message = format!("The Vpc Endpoint Service '{service}' does not exist");
        Refusal::new("InvalidServiceName", message)
    })?;
    let of_kind = world.ec2().endpoints.all().filter(|it| it.it.prefix_list.is_some());
    if of_kind.count() >= world.scenario.quota("gateway-endpoints", 20) {
        let message = "The maximum number of VPC endpoints has been reached.";
        return Err(Refusal::new("VpcEndpointLimitExceeded", message));
    }
    let tables = free_tables(world, &vpc, prefix_list, "", &input.texts("RouteTableIds"))?;
    let endpoint = VpcEndpoint {
        vpc,
        service,
        prefix_list: Some(prefix_list),
        tables,
        subnets: Vec::new(),
        groups: Vec::new(),
        interfaces: Vec::new(),
        state: "available",
    };
    let id = make(world, tags, endpoint);
    let made = world.ec2().endpoints.get(&id).map(|entry| VpcEndpoint::write(world, entry));
    let mut answer = json!({ "VpcEndpoint": made.unwrap_or_default() });
    if let Some(token) = input.some_text("ClientToken") {
        answer["ClientToken"] = json!(token);
    }
    Ok(answer)
}

/// Tables that may get a route to an endpoint: they are of its VPC, and have none to the same service.
fn free_tables(
    world: &World,
    vpc: &str,
    prefix_list: &str,
    endpoint: &str,
    ids: &[String],
) -> Result<BTreeSet<String>, Refusal> {
    for id in ids {
        let table = find::<RouteTable>(world, id)
            .map_err(|refusal| Refusal::new("InvalidRouteTableId.NotFound", refusal.message))?;
        if table.it.vpc != vpc {
            return Err(networks(id, &format!("VPC endpoint in {vpc}")));
        }
        let has_it = |other: &&Entry<VpcEndpoint>| {
            other.id != endpoint
                && other.it.prefix_list == Some(prefix_list)
                && other.it.tables.contains(id)
        };
        if world.ec2().endpoints.all().any(|other| has_it(&other)) {
            let message = format!(
                "route table {id} already has a route with destination-prefix-list-id {prefix_list}"
            );
            return Err(Refusal::new("RouteAlreadyExists", message));
        }
    }
    Ok(ids.iter().cloned().collect())
}

/// `ModifyVpcEndpoint`: the tables of a gateway.
pub fn modify(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "ResetPolicy",
        "PolicyDocument",
        "AddSubnetIds",
        "RemoveSubnetIds",
        "AddSecurityGroupIds",
        "RemoveSecurityGroupIds",
        "IpAddressType",
        "DnsOptions",
        "PrivateDnsEnabled",
        "SubnetConfigurations",
    ];
    lacks("ModifyVpcEndpoint", input, LACKED)?;
    let entry = find::<VpcEndpoint>(world, input.text("VpcEndpointId"))?;
    let Some(prefix_list) = entry.it.prefix_list else {
        return Err(invalid("Route table IDs are only supported for Gateway type VPC Endpoint."));
    };
    let (id, vpc) = (entry.id.clone(), entry.it.vpc.clone());
    let new = free_tables(world, &vpc, prefix_list, &id, &input.texts("AddRouteTableIds"))?;
    let old = input.texts("RemoveRouteTableIds");
    let tables = &mut find_mut::<VpcEndpoint>(world, &id)?.it.tables;
    tables.retain(|table| !old.contains(table));
    tables.extend(new);
    Ok(json!({ "Return": true }))
}

/// `DeleteVpcEndpoints`: answered with 200, whatever could not be done of it.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let mut unsuccessful = Vec::new();
    for id in input.texts("VpcEndpointIds") {
        match find::<VpcEndpoint>(world, &id).map(|entry| entry.it.clone()) {
            Ok(endpoint) if endpoint.prefix_list.is_some() => {
                table::delete::<VpcEndpoint>(world, &id);
            }
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
