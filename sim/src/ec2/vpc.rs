//! VPCs: five in a region at first, born with a main route table, a default security group and a
//! default network ACL, deleted only when nothing else is in them.

use std::time::Duration;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::internet_gateway::InternetGateway;
use super::query::{invalid, lacks, missing};
use super::route_table::RouteTable;
use super::security_group::SecurityGroup;
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make};
use super::{Ec2, PENDING_VPC, security_group, tag};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::{World, key};

/// A VPC.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute that AWS has as one")]
pub struct Vpc {
    /// Its range.
    pub cidr: Ipv4Net,
    /// Id of the range's association, which is all that is ever done with it.
    cidr_association: String,
    /// When it becomes available.
    available: Duration,
    /// Whether its resolver answers.
    pub dns_support: bool,
    /// Whether what is in it gets names.
    pub dns_hostnames: bool,
    /// Whether network address usage metrics are on.
    metrics: bool,
    /// `default` or `dedicated`.
    tenancy: String,
    /// Its default network ACL, which lets everything through and goes with the VPC.
    pub acl: String,
    /// Whether the account was born with it.
    pub default: bool,
}

impl Vpc {
    /// The one that an account is born with.
    pub fn default(world: &mut World, name: &str, cidr: Ipv4Net) -> Self {
        Self {
            cidr,
            cidr_association: world.id_of("vpc-cidr-assoc", name),
            available: Duration::ZERO,
            dns_support: true,
            dns_hostnames: true,
            metrics: false,
            tenancy: "default".to_owned(),
            acl: world.id_of("acl", name),
            default: true,
        }
    }

    /// One that somebody has made long ago.
    pub fn of_somebody(world: &mut World, name: &str, cidr: Ipv4Net) -> Self {
        Self { default: false, ..Self::default(world, name, cidr) }
    }
}

impl Kind for Vpc {
    const TYPE: &'static str = "vpc";
    const PREFIX: &'static str = "vpc";
    const LISTING: Listing = Listing { operation: "DescribeVpcs", ids: "VpcIds", list: "Vpcs" };
    const FILTERS: &'static [&'static str] = &[
        "cidr",
        "cidr-block",
        "cidrBlock",
        "cidr-block-association.association-id",
        "cidr-block-association.cidr-block",
        "cidr-block-association.state",
        "dhcp-options-id",
        "is-default",
        "owner-id",
        "state",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        Refusal::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.vpcs
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.vpcs
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let vpc = &entry.it;
        vec![match filter {
            "cidr" | "cidr-block" | "cidrBlock" | "cidr-block-association.cidr-block" => {
                vpc.cidr.to_string()
            }
            "cidr-block-association.association-id" => vpc.cidr_association.clone(),
            "cidr-block-association.state" => "associated".to_owned(),
            "dhcp-options-id" => DHCP_OPTIONS.to_owned(),
            "is-default" => vpc.default.to_string(),
            "owner-id" => ACCOUNT.to_owned(),
            "state" => state(world, vpc).to_owned(),
            "vpc-id" => entry.id.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let vpc = &entry.it;
        json!({
            "VpcId": entry.id,
            "State": state(world, vpc),
            "CidrBlock": vpc.cidr.to_string(),
            "CidrBlockAssociationSet": [{
                "AssociationId": vpc.cidr_association,
                "CidrBlock": vpc.cidr.to_string(),
                "CidrBlockState": { "State": "associated" },
            }],
            "DhcpOptionsId": DHCP_OPTIONS,
            "InstanceTenancy": vpc.tenancy,
            "IsDefault": vpc.default,
            "OwnerId": ACCOUNT,
            "BlockPublicAccessStates": { "InternetGatewayBlockMode": block_mode(world) },
            "Tags": tag_list(&entry.tags),
        })
    }
}

/// What the region's VPC Block Public Access blocks: `off`, `block-ingress` or
/// `block-bidirectional`.
pub fn block_mode(world: &World) -> &str {
    world.scenario.block_public_access.as_deref().unwrap_or("off")
}

/// `DescribeVpcBlockPublicAccessOptions`.
pub fn describe_block_public_access(world: &World, _: &Value) -> Answer {
    let mode = block_mode(world);
    let state = if mode == "off" { "default-state" } else { "update-complete" };
    Ok(json!({
        "VpcBlockPublicAccessOptions": {
            "AwsAccountId": ACCOUNT,
            "AwsRegion": world.region,
            "State": state,
            "InternetGatewayBlockMode": mode,
            "ManagedBy": "account",
            "ExclusionsAllowed": "allowed",
        },
    }))
}

/// The region's DHCP options, which all VPCs have as long as nobody makes others.
const DHCP_OPTIONS: &str = "dopt-0ec50000000000001";

fn state(world: &World, vpc: &Vpc) -> &'static str {
    if world.now < vpc.available { "pending" } else { "available" }
}

/// A range that a caller gives, in canonical form: AWS cuts off the host's bits.
pub fn range(text: &str, parameter: &str) -> Result<Ipv4Net, Refusal> {
    let range = text.parse::<Ipv4Net>().map(|range| range.trunc());
    range.map_err(|_| {
        let message = format!("Value ({text}) for parameter {parameter} is invalid.");
        invalid(format!("{message} This is not a valid CIDR block."))
    })
}

/// `CreateVpc`: it has no client token, so a repeated call makes another one.
pub fn create(world: &mut World, input: &Value) -> Answer {
    const LACKED: &[&str] = &[
        "Ipv6Pool",
        "Ipv6CidrBlock",
        "Ipv4IpamPoolId",
        "Ipv4NetmaskLength",
        "Ipv6IpamPoolId",
        "Ipv6NetmaskLength",
        "Ipv6CidrBlockNetworkBorderGroup",
        "VpcEncryptionControl",
        "AmazonProvidedIpv6CidrBlock",
    ];
    lacks("CreateVpc", input, LACKED)?;
    let tags = tag::at_birth(input, Vpc::TYPE)?;
    let cidr = input.some_text("CidrBlock").ok_or_else(|| missing("cidrBlock"))?;
    let cidr = range(cidr, "cidrBlock")?;
    if !(16..=28).contains(&cidr.prefix_len()) {
        let message = format!("The CIDR '{cidr}' is invalid.");
        return Err(Refusal::new("InvalidVpc.Range", message));
    }
    if world.ec2().vpcs.all().count() >= world.scenario.quota("vpcs", 5) {
        let message = "The maximum number of VPCs has been reached.";
        return Err(Refusal::new("VpcLimitExceeded", message));
    }
    let cidr_association = world.id("vpc-cidr-assoc");
    let acl = world.id("acl");
    let vpc = Vpc {
        cidr,
        cidr_association,
        available: world.now,
        dns_support: true,
        dns_hostnames: false,
        metrics: false,
        tenancy: input.some_text("InstanceTenancy").unwrap_or("default").to_owned(),
        acl,
        default: false,
    };
    let id = make(world, tags.clone(), vpc);
    let pending = world.dice.delay(PENDING_VPC, &key(&tags, &id), 0.0..=2.0);
    let available = world.now + pending;
    let made = world.ec2_mut().vpcs.get_mut(&id).map(|entry| {
        entry.it.available = available;
        (entry.visible, entry.clone())
    });
    // It was put there a moment ago.
    let Some((visible, entry)) = made else { return Err(Vpc::unknown(&id)) };
    super::route_table::make_main(world, &id, cidr, visible);
    security_group::make_default(world, &id, visible);
    Ok(json!({ "Vpc": Vpc::write(world, &entry) }))
}

/// `DeleteVpc`: with its default things, and only when nothing else is left.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let id = find::<Vpc>(world, input.text("VpcId"))?.id.clone();
    let ec2 = world.ec2();
    let held = ec2.subnets.all().any(|subnet| subnet.it.vpc == id)
        || ec2.groups.all().any(|group| group.it.vpc == id && !group.it.default)
        || ec2.tables.all().any(|table| table.it.vpc == id && !table.it.is_main())
        || ec2.internet_gateways.all().any(|gateway| gateway.it.vpc.as_ref() == Some(&id))
        || ec2.nat_gateways.all().any(|gateway| gateway.it.vpc == id && gateway.it.holds())
        || ec2.endpoints.all().any(|endpoint| endpoint.it.vpc == id)
        || ec2.interfaces.all().any(|interface| interface.it.vpc == id);
    if held {
        let message = format!("The vpc '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::new("DependencyViolation", message));
    }
    let ec2 = world.ec2_mut();
    let groups: Vec<_> = ec2.groups.all().filter(|group| group.it.vpc == id).collect();
    let groups: Vec<_> = groups.into_iter().map(|group| group.id.clone()).collect();
    ec2.rules.retain(|rule| !groups.contains(&rule.it.group));
    SecurityGroup::table_mut(ec2).retain(|group| group.it.vpc != id);
    RouteTable::table_mut(ec2).retain(|table| table.it.vpc != id);
    table::delete::<Vpc>(world, &id);
    Ok(json!({}))
}

/// `DescribeVpcAttribute`: one attribute in a call.
pub fn describe_attribute(world: &World, input: &Value) -> Answer {
    let entry = table::shown::<Vpc>(world, input.text("VpcId"))?;
    let (name, value) = match input.text("Attribute") {
        "enableDnsSupport" => ("EnableDnsSupport", entry.it.dns_support),
        "enableDnsHostnames" => ("EnableDnsHostnames", entry.it.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => {
            ("EnableNetworkAddressUsageMetrics", entry.it.metrics)
        }
        other => {
            return Err(invalid(format!("Value ({other}) for parameter attribute is invalid.")));
        }
    };
    Ok(json!({ "VpcId": entry.id, name: { "Value": value } }))
}

/// `ModifyVpcAttribute`: one attribute in a call.
pub fn modify_attribute(world: &mut World, input: &Value) -> Answer {
    let attributes = ["EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics"];
    let given: Vec<_> = attributes
        .into_iter()
        .filter_map(|name| Some((name, input.part(name).flag("Value")?)))
        .collect();
    let vpc = &mut find_mut::<Vpc>(world, input.text("VpcId"))?.it;
    match given.as_slice() {
        [] => return Err(missing("enableDnsSupport or enableDnsHostnames")),
        [("EnableDnsSupport", value)] => vpc.dns_support = *value,
        [("EnableDnsHostnames", value)] => {
            if *value && !vpc.dns_support {
                return Err(invalid("DNS hostnames cannot be enabled without DNS support."));
            }
            vpc.dns_hostnames = *value;
        }
        [(_, value)] => vpc.metrics = *value,
        _ => {
            let message = "Fields for multiple attribute types specified";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
    }
    Ok(json!({}))
}

/// The internet gateway that is attached to a VPC.
pub fn internet_gateway<'a>(ec2: &'a Ec2, vpc: &str) -> Option<&'a Entry<InternetGateway>> {
    ec2.internet_gateways.all().find(|gateway| gateway.it.vpc.as_deref() == Some(vpc))
}
