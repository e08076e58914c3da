//! EC2 and VPC: networks, addresses, instances and what they start from.
//!
//! What is made is seen by other calls only after some seconds, and much of it takes its time to
//! come and to go. What holds what is as in AWS: interfaces hold subnets, groups and gateways, rules
//! hold groups, everything holds its VPC. The facts are in `docs/aws-facts.md`.
//!
//! Delays, in seconds; a scenario can set others by these labels:
//!
//! | Label | Range | Fact |
//! |---|---|---|
//! | `ec2.visible`, `ec2.lagging` | 0 to 5 | "What just made is not visible yet" |
//! | `vpc.pending`, `subnet.pending` | 0 to 2 | "States and durations" |
//! | `nat-gateway.pending` | 60 to 150 | "States and durations" |
//! | `nat-gateway.learning` | 0 to 4 | "What just made is not visible yet" |
//! | `nat-gateway.failing` | 5 to 30 | "Creating": accepted, and then fails |
//! | `nat-gateway.deleting` | 45 to 120 | "States and durations" |
//! | `vpc-endpoint.pending`, `vpc-endpoint.deleting` | 60 to 180 | "Removing": GuardDuty |
//! | `vpc-endpoint.interfaces` | 0 to 30 | "Removing": GuardDuty |
//! | `guard-duty.planting` | 5 to 60 | "Removing": GuardDuty |
//! | `guard-duty.planting-again` | 20 to 240 | "Removing": GuardDuty |
//! | `instance.pending` | 20 to 40 | "States and durations" |
//! | `account.verifying` | 120 to 600 | "Accounts" |
//! | `instance.failing` | 2 to 6 | "Accounts": a key that may not be used |
//! | `instance.shutting-down` | 30 to 120 | "States and durations" |

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::buckets::{Limits, Shared};
use crate::fields::Tags;
use crate::model::Model;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, World};

pub mod account_attribute;
pub mod address;
pub mod default_vpc;
pub mod existing;
pub mod guard_duty;
pub mod image;
pub mod instance;
pub mod instance_type;
pub mod interface;
pub mod internet_gateway;
pub mod ip_permission;
pub mod launch;
pub mod launch_template;
pub mod launch_template_data;
pub mod nat_gateway;
pub(crate) mod policy;
pub mod query;
pub mod reach;
pub mod region;
pub mod route;
pub mod route_table;
pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
pub mod table;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod volume;
pub mod vpc;
pub mod vpc_endpoint;
pub mod zone;

pub use existing::NetworkOfSomebody;
pub use instance::InstanceView;
pub use instance_type::Shape;
pub use interface::NewInterface;
pub use launch_template_data::Otherwise;
use query::describe;
pub use reach::Standpoint;
pub use subnet::SubnetView;
use table::{Table, find};

/// Until other calls know what was made.
const VISIBLE: &str = "ec2.visible";
/// Until listings show that something was changed or deleted.
const LAGGING: &str = "ec2.lagging";
/// Until AWS has verified the account, since the world began.
const VERIFYING: &str = "account.verifying";
/// Until a VPC is available.
const PENDING_VPC: &str = "vpc.pending";
/// Until a subnet is available.
const PENDING_SUBNET: &str = "subnet.pending";
/// Until a NAT gateway is available.
const PENDING_NAT: &str = "nat-gateway.pending";
/// Until `CreateNatGateway` knows what other calls know.
const LEARNING_NAT: &str = "nat-gateway.learning";
/// Until a NAT gateway that cannot work says so.
const FAILING_NAT: &str = "nat-gateway.failing";
/// Until a NAT gateway is deleted and lets its address go.
const DELETING_NAT: &str = "nat-gateway.deleting";
/// Until a VPC endpoint is available.
const PENDING_ENDPOINT: &str = "vpc-endpoint.pending";
/// Until a VPC endpoint is deleted.
const DELETING_ENDPOINT: &str = "vpc-endpoint.deleting";
/// How long the interfaces of a VPC endpoint outlive it.
const LINGERING_ENDPOINT: &str = "vpc-endpoint.interfaces";
/// Until GuardDuty has planted what it needs.
const PLANTING: &str = "guard-duty.planting";
/// Until GuardDuty has planted again what somebody took away.
const PLANTING_AGAIN: &str = "guard-duty.planting-again";
/// Until an instance runs.
const PENDING_INSTANCE: &str = "instance.pending";
/// Until an instance that cannot start goes.
const FAILING_INSTANCE: &str = "instance.failing";
/// Until an instance is terminated and its interfaces go.
const SHUTTING_DOWN: &str = "instance.shutting-down";
/// How long the listings show what is deleted, terminated or failed.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The service.
pub static SERVICE: Service = Service {
    name: "ec2",
    model: LazyLock::new(|| Model::read(include_str!("ec2/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByOperation, looks: (100.0, 20.0), changes: (50.0, 5.0) },
    refusals: Refusals {
        missing: "MissingParameter",
        malformed: "InvalidParameterValue",
        throttled: || {
            Refusal::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
        },
        denied: |why| {
            let message = format!("You are not authorized to perform this operation. {why}");
            Refusal::new("UnauthorizedOperation", message).with_status(403)
        },
        dry_run: Some(|| {
            let message = "Request would have succeeded, but DryRun flag is set.";
            Refusal::new("DryRunOperation", message).with_status(412)
        }),
    },
    scope: Ec2::SCOPE,
    begin,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: policy::tell,
};

/// Every region has a default VPC, which nobody but EC2 makes.
fn begin(world: &mut World) {
    world.begin::<Ec2>();
    default_vpc::make(world);
}

/// Everything of EC2 in a region.
#[derive(Debug, Default)]
pub struct Ec2 {
    vpcs: Table<vpc::Vpc>,
    subnets: Table<subnet::Subnet>,
    internet_gateways: Table<internet_gateway::InternetGateway>,
    addresses: Table<address::Address>,
    nat_gateways: Table<nat_gateway::NatGateway>,
    tables: Table<route_table::RouteTable>,
    groups: Table<security_group::SecurityGroup>,
    rules: Table<security_group_rule::Rule>,
    templates: Table<launch_template::LaunchTemplate>,
    instances: Table<instance::Instance>,
    volumes: Table<volume::Volume>,
    interfaces: Table<interface::Interface>,
    endpoints: Table<vpc_endpoint::VpcEndpoint>,
    /// The VPCs in which GuardDuty has seen something run.
    watched: BTreeMap<String, guard_duty::Watched>,
    /// How many public addresses were given out.
    given_public: usize,
    /// How many instances of each name were launched.
    launched: BTreeMap<String, usize>,
}

impl State for Ec2 {
    const SCOPE: Scope = Scope::Region;
}

impl World {
    /// What EC2 keeps here.
    pub fn ec2(&self) -> &Ec2 {
        self.state()
    }

    /// The same, to be changed.
    pub fn ec2_mut(&mut self) -> &mut Ec2 {
        self.state_mut()
    }
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateVpc", Changes(vpc::create)),
    ("DeleteVpc", Changes(vpc::delete)),
    ("ModifyVpcAttribute", Changes(vpc::modify_attribute)),
    ("CreateSubnet", Changes(subnet::create)),
    ("DeleteSubnet", Changes(subnet::delete)),
    ("ModifySubnetAttribute", Changes(subnet::modify_attribute)),
    ("CreateInternetGateway", Changes(internet_gateway::create)),
    ("AttachInternetGateway", Changes(internet_gateway::attach)),
    ("DetachInternetGateway", Changes(internet_gateway::detach)),
    ("DeleteInternetGateway", Changes(internet_gateway::delete)),
    ("AllocateAddress", Changes(address::allocate)),
    ("ReleaseAddress", Changes(address::release)),
    ("CreateNatGateway", Changes(nat_gateway::create)),
    ("DeleteNatGateway", Changes(nat_gateway::delete)),
    ("CreateRouteTable", Changes(route_table::create)),
    ("DeleteRouteTable", Changes(route_table::delete)),
    ("AssociateRouteTable", Changes(route_table::associate)),
    ("DisassociateRouteTable", Changes(route_table::disassociate)),
    ("ReplaceRouteTableAssociation", Changes(route_table::replace)),
    ("CreateRoute", Changes(route::create)),
    ("ReplaceRoute", Changes(route::replace)),
    ("DeleteRoute", Changes(route::delete)),
    ("CreateSecurityGroup", Changes(security_group::create)),
    ("DeleteSecurityGroup", Changes(security_group::delete)),
    ("AuthorizeSecurityGroupIngress", Changes(security_group_rule::authorize_ingress)),
    ("AuthorizeSecurityGroupEgress", Changes(security_group_rule::authorize_egress)),
    ("RevokeSecurityGroupIngress", Changes(security_group_rule::revoke_ingress)),
    ("RevokeSecurityGroupEgress", Changes(security_group_rule::revoke_egress)),
    ("CreateVpcEndpoint", Changes(vpc_endpoint::create)),
    ("ModifyVpcEndpoint", Changes(vpc_endpoint::modify)),
    ("DeleteVpcEndpoints", Changes(vpc_endpoint::delete)),
    ("CreateLaunchTemplate", Changes(launch_template::create)),
    ("CreateLaunchTemplateVersion", Changes(launch_template::create_version)),
    ("DeleteLaunchTemplate", Changes(launch_template::delete)),
    ("ModifyLaunchTemplate", Changes(launch_template::modify)),
    ("TerminateInstances", Changes(instance::terminate)),
    ("CreateTags", Changes(tag::create_tags)),
    ("DeleteTags", Changes(tag::delete_tags)),
    ("DescribeVpcs", Looks(describe::<vpc::Vpc>)),
    ("DescribeVpcAttribute", Looks(vpc::describe_attribute)),
    ("DescribeVpcBlockPublicAccessOptions", Looks(vpc::describe_block_public_access)),
    ("DescribeVpcEndpointServices", Looks(vpc_endpoint::describe_services)),
    ("DescribeVpcEndpoints", Looks(describe::<vpc_endpoint::VpcEndpoint>)),
    ("DescribeSubnets", Looks(describe::<subnet::Subnet>)),
    ("DescribeInternetGateways", Looks(describe::<internet_gateway::InternetGateway>)),
    ("DescribeAddresses", Looks(address::describe)),
    ("DescribeNatGateways", Looks(describe::<nat_gateway::NatGateway>)),
    ("DescribeRouteTables", Looks(describe::<route_table::RouteTable>)),
    ("DescribeSecurityGroups", Looks(security_group::describe)),
    ("DescribeSecurityGroupRules", Looks(describe::<security_group_rule::Rule>)),
    ("DescribeLaunchTemplates", Looks(launch_template::describe)),
    ("DescribeLaunchTemplateVersions", Looks(launch_template::describe_versions)),
    ("DescribeInstances", Looks(instance::describe)),
    ("DescribeInstanceStatus", Looks(instance::describe_status)),
    ("DescribeNetworkInterfaces", Looks(describe::<interface::Interface>)),
    ("DescribeInstanceTypes", Looks(instance_type::describe)),
    ("DescribeInstanceTypeOfferings", Looks(instance_type::describe_offerings)),
    ("DescribeAvailabilityZones", Looks(zone::describe)),
    ("DescribeRegions", Looks(region::describe)),
    ("DescribeTags", Looks(tag::describe)),
    ("DescribeImages", Looks(image::describe)),
    ("DescribeAccountAttributes", Looks(account_attribute::describe)),
];

/// Makes a network, as somebody would have made it long before.
pub fn add_network(world: &mut World, network: &NetworkOfSomebody) {
    existing::add(world, network);
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// The zone and VPC of a subnet; `InvalidSubnetID.NotFound` when it is unknown or not yet visible.
pub fn subnet(world: &World, id: &str) -> Result<SubnetView, Refusal> {
    find::<subnet::Subnet>(world, id).map(subnet::view)
}

/// The VPC of a security group; `InvalidGroup.NotFound` when it is unknown or not yet visible.
pub fn security_group_vpc(world: &World, id: &str) -> Result<String, Refusal> {
    find::<security_group::SecurityGroup>(world, id).map(|group| group.it.vpc.clone())
}

/// The default security group of a VPC, which an interface gets when nobody names any.
pub fn default_security_group(world: &World, vpc: &str) -> Option<String> {
    let mut groups = world.ec2().groups.all();
    groups.find(|group| group.it.default && group.it.vpc == vpc).map(|group| group.id.clone())
}

/// Whether a VPC is there and visible; else `InvalidVpcID.NotFound`.
pub fn vpc(world: &World, id: &str) -> Result<(), Refusal> {
    find::<vpc::Vpc>(world, id).map(drop)
}

/// Whether an internet gateway is attached to a VPC.
pub fn has_internet_gateway(world: &World, vpc: &str) -> bool {
    vpc::internet_gateway(world.ec2(), vpc).is_some()
}

/// Puts an interface into a subnet, visible at once. Returns its id; `None` when the subnet has no
/// address left.
pub fn attach_interface(world: &mut World, new: NewInterface) -> Option<String> {
    interface::put(world, new)
}

/// How many addresses are left in a subnet.
pub fn free_addresses(world: &World, subnet: &str) -> usize {
    subnet::free(world, subnet)
}

/// A task runs with this interface.
pub fn runs_with(world: &mut World, interface: &str) {
    let interface = world.ec2().interfaces.get(interface).map(|interface| interface.it.clone());
    if let Some(interface) = interface {
        guard_duty::notices(world, &interface.vpc, &interface.subnet);
    }
}

/// Takes an interface away.
pub fn remove_interface(world: &mut World, id: &str) {
    interface::remove(world, id);
}

/// The private address of an interface.
pub fn interface_address(world: &World, id: &str) -> Option<String> {
    world.ec2().interfaces.get(id).map(|interface| interface.it.address.clone())
}

/// How many interfaces are attached to an instance, its first included.
pub fn interfaces_of(world: &World, instance: &str) -> usize {
    let interfaces = world.ec2().interfaces.all();
    interfaces.filter(|interface| interface.it.instance.as_deref() == Some(instance)).count()
}

/// Whether the first interface of an instance has a public address.
pub fn has_public_address(world: &World, instance: &str) -> bool {
    world.ec2().interfaces.all().any(|interface| {
        let it = &interface.it;
        it.instance.as_deref() == Some(instance) && it.index == 0 && it.public.is_some()
    })
}

/// Whether something in this subnet gets out to the internet now: through an internet gateway with a
/// public address, or through a NAT gateway that is available.
pub fn way_out(world: &World, subnet: &str, public_address: bool) -> bool {
    reach::way_out(world, subnet, public_address)
}

/// Whether somebody can talk to a service of AWS now, by the name that endpoints call it, such as `ecr.api`:
/// through an endpoint or out to the internet.
pub fn reaches(world: &World, from: &Standpoint<'_>, service: &str) -> bool {
    reach::reaches(world, from, service)
}

/// Whether the resolver leads whoever asks for a service in a subnet to an endpoint of the VPC.
pub fn has_endpoint(world: &World, subnet: &str, service: &str) -> bool {
    let subnet = world.ec2().subnets.get(subnet);
    subnet.is_some_and(|it| vpc_endpoint::resolved_to(world, &it.it.vpc, service).is_some())
}

/// Whether the rules of security groups let TCP to a port out to anywhere.
pub fn lets_out(world: &World, groups: &[String], port: u16) -> bool {
    security_group_rule::lets_through(world, groups, true, port, &[], None)
}

/// Whether the rules of security groups let TCP to a port in from anywhere.
pub fn lets_anybody_in(world: &World, groups: &[String], port: u16) -> bool {
    security_group_rule::lets_through(world, groups, false, port, &[], None)
}

/// Whether the rules let somebody with the groups `from` reach `port` of somebody with the groups
/// `to`: egress of the one, ingress of the other.
pub fn may_reach(world: &World, from: &[String], to: &[String], port: u16) -> bool {
    reach::may_reach(world, from, to, port)
}

/// Checks what `CreateAutoScalingGroup` dry-runs of a launch template and a subnet, as Auto Scaling
/// words it (`ValidationError`). `version` is a number, `$Latest` or `$Default`.
pub fn check_template(
    world: &World,
    template: &str,
    version: &str,
    subnets: &[String],
    types: &[String],
) -> Result<(), Refusal> {
    launch::check(world, template, version, subnets, types)
}

/// Starts an instance for a group: `pending`, then `running` after a while, when it boots and
/// others are told. `template` is an id or a name, from which it may differ. The refusal's message is
/// what a scaling activity shows.
pub fn run_instance(
    world: &mut World,
    template: &str,
    version: &str,
    subnet: &str,
    tags: Tags,
    otherwise: &Otherwise,
) -> Result<String, Refusal> {
    launch::run(world, template, version, subnet, tags, otherwise)
}

/// Takes a Spot instance back, two minutes after it was told.
pub fn interrupt(world: &mut World, id: &str) {
    instance::interrupt(world, id);
}

/// Terminates an instance: `shutting-down`, then `terminated`, when its interfaces go.
/// Others are told at once.
pub fn terminate_instance(world: &mut World, id: &str) {
    instance::shut_down(world, id);
}

/// An instance, in whatever state.
pub fn instance(world: &World, id: &str) -> Option<InstanceView> {
    world.ec2().instances.get(id).map(instance::view)
}

/// What an instance type has; `None` when there is no such type.
pub fn shape(instance_type: &str) -> Option<Shape> {
    instance_type::named(instance_type).map(instance_type::InstanceType::shape)
}

/// Everything that exists in the region, known to callers or not, with its resource type and tags.
/// What is only remembered as deleted or terminated does not exist.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    tag::tagged(world)
}

/// The data of a launch template, by id or name and version, as `CreateLaunchTemplate` takes it.
pub fn template(world: &World, id_or_name: &str, version: &str) -> Option<Value> {
    let template = launch_template::named(world, id_or_name).ok()?;
    template.it.version(world.now, version).map(|version| version.data.clone())
}

/// Every association of a route table with a subnet, and the table.
pub fn associations(world: &World) -> Vec<(String, String)> {
    let tables = world.ec2().tables.all();
    let of_table = tables
        .flat_map(|table| table.it.associations.iter().map(|it| (it.id.clone(), table.id.clone())));
    of_table.collect()
}

/// The ids of everything that exists in the region, in order: what [`tagged`] lists, and what has no
/// tags. The default things of a VPC are among them and go with it.
pub fn ids(world: &World) -> Vec<String> {
    let mut ids: Vec<_> = tagged(world).into_iter().map(|(_, id, _)| id).collect();
    ids.extend(world.ec2().vpcs.all().map(|vpc| vpc.it.acl.clone()));
    let tables = world.ec2().tables.all();
    let associations = tables.flat_map(|table| &table.it.associations);
    ids.extend(associations.map(|association| association.id.clone()));
    ids.sort();
    ids
}
