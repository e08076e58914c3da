//! VPC endpoints: ways from a VPC to a service of AWS.
//!
//! Gateway endpoints are routes in tables of the VPC, and come and go at once. Interface endpoints are
//! interfaces in its subnets, to which the VPC's resolver leads whoever asks for the service. One is minutes
//! in coming and in going, and its interfaces hold subnets and group until they are gone, which may be after
//! it is (`docs/aws-facts.md`, "Removing"). AWS itself makes some, too ([`super::guard_duty`]).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::interface::{self, groups};
use super::query::{Filters, lacks, missing, page};
use super::route_table::{RouteTable, networks};
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make, make_named};
use super::vpc::Vpc;
use super::{
    DELETING_ENDPOINT, Ec2, LINGERING_ENDPOINT, NewInterface, PENDING_ENDPOINT, guard_duty, route,
    tag, zone,
};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The services that have gateways, and their prefix lists. AWS has others in other regions.
const GATEWAYS: [(&str, &str); 2] = [("s3", "pl-63a5400a"), ("dynamodb", "pl-02cd2c6b")];
/// Services that have interfaces, of some three hundred (VPC guide, "AWS services that integrate with AWS
/// `PrivateLink`"). S3 and `DynamoDB` have both.
const INTERFACES: [&str; 25] = [
    "autoscaling",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "kinesis-streams",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
];

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
    /// Whether the VPC's resolver leads to it whoever asks for the service.
    private_dns: bool,
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
            "PrivateDnsEnabled": it.private_dns,
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

/// Makes an endpoint as AWS itself does, with its interfaces.
pub fn put(world: &mut World, new: New<'_>) {
    let endpoint = VpcEndpoint {
        vpc: new.vpc.to_owned(),
        service: new.service,
        prefix_list: None,
        tables: BTreeSet::new(),
        subnets: new.subnets,
        groups: vec![new.group],
        interfaces: Vec::new(),
        private_dns: true,
        state: "pending",
    };
    let now = world.now;
    let id = make_named(world, new.vpc, now, new.tags, endpoint);
    begin(world, &id, new.vpc);
}

/// Gives an endpoint its interfaces. It takes a while to be available.
fn begin(world: &mut World, id: &str, key: &str) {
    let Some(endpoint) = world.ec2().endpoints.get(id).map(|entry| entry.it.clone()) else {
        return;
    };
    let interfaces = add_interfaces(world, id, &endpoint.groups, endpoint.subnets);
    let pending = world.dice.delay(PENDING_ENDPOINT, key, 60.0..=180.0);
    if let Some(entry) = world.ec2_mut().endpoints.get_mut(id) {
        entry.it.interfaces = interfaces;
    }
    let id = id.to_owned();
    world.after(pending, move |world| {
        let entry = world.ec2_mut().endpoints.get_mut(&id);
        if let Some(entry) = entry.filter(|entry| entry.it.state == "pending") {
            entry.it.state = "available";
        }
    });
}

fn add_interfaces(
    world: &mut World,
    id: &str,
    groups: &[String],
    subnets: Vec<String>,
) -> Vec<String> {
    // AWS makes none where no address is left.
    let interfaces = subnets.into_iter().filter_map(|subnet| {
        let interface = NewInterface {
            subnet,
            groups: groups.to_vec(),
            description: format!("VPC Endpoint Interface {id}"),
            requester: Some("amazon-vpce".to_owned()),
            kind: "vpc_endpoint".to_owned(),
            ..NewInterface::default()
        };
        interface::put(world, interface)
    });
    interfaces.collect()
}

/// The security groups of the interfaces to which the resolver of a VPC leads whoever asks for a service,
/// by the name that endpoints call it, such as `ecr.api`; `None` when it leads to the service itself.
pub fn resolved_to<'a>(world: &'a World, vpc: &str, service: &str) -> Option<&'a [String]> {
    let name = named(world, service);
    let mut all = world.ec2().endpoints.all().map(|entry| &entry.it);
    let found = all.find(|it| {
        it.vpc == vpc && it.service == name && it.private_dns && it.state == "available"
    });
    found.map(|it| it.groups.as_slice())
}

/// Whether a route table has a route to the gateway endpoint of a service.
pub fn leads_to(world: &World, table: &str, service: &str) -> bool {
    let name = named(world, service);
    let mut all = world.ec2().endpoints.all().map(|entry| &entry.it);
    all.any(|it| it.prefix_list.is_some() && it.service == name && it.tables.contains(table))
}

fn named(world: &World, service: &str) -> String {
    format!("com.amazonaws.{}.{service}", world.region)
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

/// `CreateVpcEndpoint`.
pub fn create(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "PolicyDocument",
        "IpAddressType",
        "DnsOptions",
        "SubnetConfigurations",
        "ServiceNetworkArn",
        "ResourceConfigurationArn",
        "ServiceRegion",
    ];
    lacks("CreateVpcEndpoint", input, LACKED)?;
    let tags = tag::at_birth(input, VpcEndpoint::TYPE)?;
    let vpc = input.text("VpcId");
    let vpc = find::<Vpc>(world, vpc)
        .map_err(|refusal| Refusal::new("InvalidVpcId.NotFound", refusal.message))?;
    let vpc = vpc.id.clone();
    let service = input.some_text("ServiceName").ok_or_else(|| missing("serviceName"))?.to_owned();
    let prefix = named(world, "");
    let short = service.strip_prefix(&prefix).unwrap_or_default();
    let unknown = || {
        let message = format!("The Vpc Endpoint Service '{service}' does not exist");
        Refusal::new("InvalidServiceName", message)
    };
    let id = match input.some_text("VpcEndpointType").unwrap_or("Gateway") {
        "Gateway" => {
            let gateway = GATEWAYS.iter().find(|(name, _)| *name == short);
            let (_, prefix_list) = gateway.ok_or_else(unknown)?;
            let gateway = gateway_of(world, &vpc, &service, prefix_list, input)?;
            make(world, tags, gateway)
        }
        "Interface" => {
            if !INTERFACES.contains(&short) {
                return Err(unknown());
            }
            let interface = interface_of(world, &vpc, &service, input)?;
            let id = make(world, tags, interface);
            begin(world, &id, &id);
            id
        }
        _ => return Err(Refusal::lacked("the VpcEndpointType of CreateVpcEndpoint")),
    };
    let made = world.ec2().endpoints.get(&id).map(|entry| VpcEndpoint::write(world, entry));
    let mut answer = json!({ "VpcEndpoint": made.unwrap_or_default() });
    if let Some(token) = input.some_text("ClientToken") {
        answer["ClientToken"] = json!(token);
    }
    Ok(answer)
}

/// A gateway as it is asked for.
fn gateway_of(
    world: &World,
    vpc: &str,
    service: &str,
    prefix_list: &'static str,
    input: &Value,
) -> Result<VpcEndpoint, Refusal> {
    for member in ["SubnetIds", "SecurityGroupIds"] {
        if !input.list(member).is_empty() {
            let message = format!("{member} are only supported for Interface type VPC Endpoint.");
            return Err(parameter(message));
        }
    }
    if input.flag("PrivateDnsEnabled") == Some(true) {
        let message = "Private DNS can't be enabled because the service com.amazonaws does not \
                       provide a private DNS name for gateway endpoints.";
        return Err(parameter(message));
    }
    let of_kind = world.ec2().endpoints.all().filter(|it| it.it.prefix_list.is_some());
    limited(of_kind.count(), world.scenario.quota("gateway-endpoints", 20))?;
    let tables = free_tables(world, vpc, prefix_list, "", &input.texts("RouteTableIds"))?;
    Ok(VpcEndpoint {
        vpc: vpc.to_owned(),
        service: service.to_owned(),
        prefix_list: Some(prefix_list),
        tables,
        subnets: Vec::new(),
        groups: Vec::new(),
        interfaces: Vec::new(),
        private_dns: false,
        state: "available",
    })
}

/// An interface endpoint as it is asked for.
fn interface_of(
    world: &World,
    vpc: &str,
    service: &str,
    input: &Value,
) -> Result<VpcEndpoint, Refusal> {
    if !input.list("RouteTableIds").is_empty() {
        return Err(parameter("Route table IDs are only supported for Gateway type VPC Endpoint."));
    }
    let of_vpc = world.ec2().endpoints.all().map(|it| &it.it);
    let of_vpc = of_vpc.filter(|it| it.vpc == vpc && it.prefix_list.is_none());
    limited(of_vpc.count(), world.scenario.quota("interface-endpoints", 50))?;
    let subnets = input.texts("SubnetIds");
    one_of_each_zone(world, vpc, &subnets)?;
    let mut groups = input.texts("SecurityGroupIds");
    groups_of(world, vpc, &groups)?;
    if groups.is_empty() {
        groups.extend(super::default_security_group(world, vpc));
    }
    let private_dns = input.flag("PrivateDnsEnabled").unwrap_or(true);
    if private_dns {
        may_be_resolved_to(world, vpc, service, "")?;
    }
    Ok(VpcEndpoint {
        vpc: vpc.to_owned(),
        service: service.to_owned(),
        prefix_list: None,
        tables: BTreeSet::new(),
        subnets,
        groups,
        interfaces: Vec::new(),
        private_dns,
        state: "pending",
    })
}

fn parameter(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameter", message)
}

fn limited(count: usize, most: usize) -> Result<(), Refusal> {
    if count < most {
        return Ok(());
    }
    let message = "The maximum number of VPC endpoints has been reached.";
    Err(Refusal::new("VpcEndpointLimitExceeded", message))
}

/// An endpoint has at most one interface in each zone, all in its VPC.
fn one_of_each_zone(world: &World, vpc: &str, subnets: &[String]) -> Result<(), Refusal> {
    let mut zones = BTreeSet::new();
    for id in subnets {
        let subnet = find::<Subnet>(world, id)
            .map_err(|refusal| Refusal::new("InvalidSubnetId.NotFound", refusal.message))?;
        if subnet.it.vpc != vpc {
            let message = format!("The subnet ID '{id}' is not in the VPC {vpc}");
            return Err(parameter(message));
        }
        if !zones.insert(subnet.it.zone.clone()) {
            let message =
                "Found another VPC endpoint subnet in the availability zone of the subnet";
            return Err(Refusal::new("DuplicateSubnetsInSameZone", format!("{message} {id}")));
        }
    }
    Ok(())
}

fn groups_of(world: &World, vpc: &str, groups: &[String]) -> Result<(), Refusal> {
    for id in groups {
        if find::<SecurityGroup>(world, id)?.it.vpc != vpc {
            let message = format!("security group {id} and {vpc} belong to different networks");
            return Err(parameter(message));
        }
    }
    Ok(())
}

/// A VPC's resolver leads to one endpoint of a service, and only where it answers and gives names.
fn may_be_resolved_to(
    world: &World,
    vpc: &str,
    service: &str,
    endpoint: &str,
) -> Result<(), Refusal> {
    let answers =
        world.ec2().vpcs.get(vpc).is_some_and(|it| it.it.dns_support && it.it.dns_hostnames);
    if !answers {
        return Err(parameter(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC \
             attributes set to true for {vpc}"
        )));
    }
    let has_it = |other: &Entry<VpcEndpoint>| {
        let it = &other.it;
        other.id != endpoint && it.vpc == vpc && it.service == service && it.private_dns
    };
    if world.ec2().endpoints.all().any(has_it) {
        return Err(parameter(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain \
             for {service} in the VPC {vpc}"
        )));
    }
    Ok(())
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

/// `ModifyVpcEndpoint`: the tables of a gateway; subnets, groups and names of an interface endpoint.
pub fn modify(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] =
        &["ResetPolicy", "PolicyDocument", "IpAddressType", "DnsOptions", "SubnetConfigurations"];
    lacks("ModifyVpcEndpoint", input, LACKED)?;
    let entry = find::<VpcEndpoint>(world, input.text("VpcEndpointId"))?;
    let (id, it) = (entry.id.clone(), entry.it.clone());
    let given = |members: &[&str]| members.iter().any(|it| !input.list(it).is_empty());
    if let Some(prefix_list) = it.prefix_list {
        let members =
            ["AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"];
        if given(&members) || input.get("PrivateDnsEnabled").is_some() {
            let message = "Subnets, security groups and private DNS are only supported for \
                           Interface type VPC Endpoint.";
            return Err(parameter(message));
        }
        let new = free_tables(world, &it.vpc, prefix_list, &id, &input.texts("AddRouteTableIds"))?;
        let old = input.texts("RemoveRouteTableIds");
        let tables = &mut find_mut::<VpcEndpoint>(world, &id)?.it.tables;
        tables.retain(|table| !old.contains(table));
        tables.extend(new);
        return Ok(json!({ "Return": true }));
    }
    if given(&["AddRouteTableIds", "RemoveRouteTableIds"]) {
        return Err(parameter("Route table IDs are only supported for Gateway type VPC Endpoint."));
    }
    let changed = |of: &[String], add: &str, remove: &str| {
        let removed = input.texts(remove);
        let mut now: Vec<_> = of.iter().filter(|it| !removed.contains(it)).cloned().collect();
        let added = input.texts(add).into_iter().filter(|it| !of.contains(it));
        now.extend(added);
        now
    };
    let subnets = changed(&it.subnets, "AddSubnetIds", "RemoveSubnetIds");
    one_of_each_zone(world, &it.vpc, &subnets)?;
    let groups = changed(&it.groups, "AddSecurityGroupIds", "RemoveSecurityGroupIds");
    groups_of(world, &it.vpc, &groups)?;
    if groups.is_empty() {
        return Err(parameter("A VPC endpoint must have at least one security group."));
    }
    let private_dns = input.flag("PrivateDnsEnabled").unwrap_or(it.private_dns);
    if private_dns && !it.private_dns {
        may_be_resolved_to(world, &it.vpc, &it.service, &id)?;
    }
    let stands = |world: &World, interface: &String| {
        let it = world.ec2().interfaces.get(interface);
        it.is_some_and(|it| subnets.contains(&it.it.subnet))
    };
    let (mut kept, left): (Vec<_>, Vec<_>) =
        it.interfaces.iter().cloned().partition(|interface| stands(world, interface));
    left.iter().for_each(|interface| super::remove_interface(world, interface));
    for interface in &kept {
        if let Some(interface) = world.ec2_mut().interfaces.get_mut(interface) {
            interface.it.groups.clone_from(&groups);
        }
    }
    let new = subnets.iter().filter(|subnet| !it.subnets.contains(subnet)).cloned().collect();
    kept.extend(add_interfaces(world, &id, &groups, new));
    let now = &mut find_mut::<VpcEndpoint>(world, &id)?.it;
    *now = VpcEndpoint { subnets, groups, private_dns, interfaces: kept, ..it };
    Ok(json!({ "Return": true }))
}

/// `DescribeVpcEndpointServices`: what endpoints may lead to.
pub fn describe_services(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &["owner", "service-name", "service-type"];
    let filters = Filters::read("DescribeVpcEndpointServices", input, FILTERS)?;
    let gateways = GATEWAYS.iter().map(|(name, _)| (*name, "Gateway"));
    let all = gateways.chain(INTERFACES.iter().map(|name| (*name, "Interface")));
    let mut all: Vec<_> = all.map(|(name, kind)| (named(world, name), name, kind)).collect();
    all.sort();
    let wanted = input.texts("ServiceNames");
    if let Some(unknown) = wanted.iter().find(|it| !all.iter().any(|(name, ..)| name == *it)) {
        let message = format!("The Vpc Endpoint Service '{unknown}' does not exist");
        return Err(Refusal::new("InvalidServiceName", message));
    }
    let fits = |(name, _, kind): &&(String, &str, &str)| {
        let field = |filter: &str| {
            vec![match filter {
                "owner" => "amazon".to_owned(),
                "service-name" => name.clone(),
                "service-type" => (*kind).to_owned(),
                _ => return Vec::new(),
            }]
        };
        (wanted.is_empty() || wanted.contains(name)) && filters.fit(&Tags::new(), field)
    };
    let details = all.iter().filter(fits).map(|(name, short, kind)| {
        // A zone may lack a service.
        let zones = zone::names(&world.region);
        let zones: Vec<_> = zones.into_iter().filter(|it| !zone::lacks(world, it, short)).collect();
        let mut details = json!({
            "ServiceName": name,
            "ServiceType": [{ "ServiceType": kind }],
            "AvailabilityZones": zones,
            "Owner": "amazon",
            "AcceptanceRequired": false,
            "ManagesVpcEndpoints": false,
            "VpcEndpointPolicySupported": true,
            "Tags": [],
        });
        if *kind == "Interface" {
            let domain = format!("{}.{}.amazonaws.com", short.replace('.', "-"), world.region);
            details["PrivateDnsName"] = json!(domain);
        }
        details
    });
    let details = details.collect();
    let mut answer = page(world, input, "ServiceNames", "ServiceDetails", details)?;
    let names = answer.list("ServiceDetails").iter().map(|it| it["ServiceName"].clone());
    answer["ServiceNames"] = names.collect();
    Ok(answer)
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
        if gone.as_ref().is_some_and(|entry| guard_duty::is_its_own(&entry.it.service)) {
            guard_duty::misses(world, &vpc);
        }
        world.after(lingers, move |world| {
            for interface in gone.into_iter().flat_map(|entry| entry.it.interfaces) {
                super::remove_interface(world, &interface);
            }
        });
    });
}
