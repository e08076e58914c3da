//! Calls of EC2: what they make is checked with the tags that they give it, what they name with the
//! tags that it has, and the tags once more as `ec2:CreateTags`.

use serde_json::Value;

use crate::arn::Arn;
use crate::fields::{Fields, Tags};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};
use crate::policy::view::{Thing, View};
use crate::world::World;

/// What each call makes.
const MADE: &[(&str, &str)] = &[
    ("AllocateAddress", "elastic-ip"),
    ("AuthorizeSecurityGroupEgress", "security-group-rule"),
    ("AuthorizeSecurityGroupIngress", "security-group-rule"),
    ("CreateInternetGateway", "internet-gateway"),
    ("CreateLaunchTemplate", "launch-template"),
    ("CreateNatGateway", "natgateway"),
    ("CreateRouteTable", "route-table"),
    ("CreateSecurityGroup", "security-group"),
    ("CreateSubnet", "subnet"),
    ("CreateVpc", "vpc"),
    ("CreateVpcEndpoint", "vpc-endpoint"),
];

/// The members by which calls name what is there, and of what type that is.
const NAMED: &[(&str, &str)] = &[
    ("AllocationId", "elastic-ip"),
    ("GroupId", "security-group"),
    ("InternetGatewayId", "internet-gateway"),
    ("LaunchTemplateId", "launch-template"),
    ("NatGatewayId", "natgateway"),
    ("RouteTableId", "route-table"),
    ("SubnetId", "subnet"),
    ("VpcEndpointId", "vpc-endpoint"),
    ("VpcId", "vpc"),
];

/// The members that list ids of what is there.
const LISTS: [&str; 11] = [
    "InstanceIds",
    "VpcEndpointIds",
    "RouteTableIds",
    "AddRouteTableIds",
    "RemoveRouteTableIds",
    "SubnetIds",
    "AddSubnetIds",
    "RemoveSubnetIds",
    "SecurityGroupIds",
    "AddSecurityGroupIds",
    "RemoveSecurityGroupIds",
];

/// Calls about a route are checked for its table, not for where the route leads.
const OF_TABLE: &[&str] = &["CreateRoute", "ReplaceRoute", "DeleteRoute"];

/// What a call of EC2 takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    if call.looks() {
        return vec![call.own([Target::any()])];
    }
    if matches!(call.operation, "CreateTags" | "DeleteTags") {
        let tags = input.tags("Tags");
        let ids = input.texts("Resources");
        return vec![call.own(ids.iter().map(|id| by_id(call, id).tagged(tags.clone())))];
    }
    let tagged = tags_by_type(input.list("TagSpecifications"));
    let made = MADE.iter().find(|(operation, _)| *operation == call.operation);
    let made = made.map(|(_, kind)| {
        let tags = tagged.iter().find(|(of, _)| of == kind).map(|(_, tags)| tags.clone());
        Target::new(call.arn(&format!("{kind}/*")), tags.unwrap_or_default())
    });
    // A rule without tags is nothing of its own.
    let rule = call.operation.starts_with("AuthorizeSecurityGroup");
    let made = made.filter(|made| !rule || !made.request.is_empty());
    let named = NAMED
        .iter()
        .filter(|(_, kind)| !OF_TABLE.contains(&call.operation) || *kind == "route-table");
    let named = named.filter_map(|(member, kind)| {
        Some(call.existing(&format!("{kind}/{}", input.some_text(member)?)))
    });
    let mut targets: Vec<_> = made.iter().cloned().chain(named).collect();
    let named = LISTS.map(|list| input.texts(list)).concat();
    targets.extend(named.iter().map(|id| by_id(call, id)));
    // An association is its table's. Its own id is not part of any ARN.
    if let Some(association) = input.some_text("AssociationId") {
        let table = call.existing(&format!("route-table/{association}"));
        targets.push(Target { arn: call.arn("route-table/*"), ..table });
    }
    if targets.is_empty() {
        targets.push(Target::any());
    }
    let mut all = vec![call.own(targets)];
    all.extend(Required::tagging("ec2:CreateTags", call.operation, made.into_iter().collect()));
    // The names of a service are AWS's own zone, in which the VPC then looks.
    if call.operation == "CreateVpcEndpoint" && input.flag("PrivateDnsEnabled") == Some(true) {
        let (partition, resource) = (call.view.partition(), "hostedzone/AWS");
        let zone = Arn { partition, service: "route53", region: "", account: "", resource };
        let zone = Target::new(zone.to_string(), Tags::new());
        all.push(Required::new("route53:AssociateVPCWithHostedZone", [zone]));
    }
    let data = input.part("LaunchTemplateData");
    if data.text("ImageId").starts_with("resolve:ssm:") {
        all.push(Required::new("ssm:GetParameters", [Target::any()]));
    }
    all
}

/// Tells of associations of route tables, which have no tags but those of their table, and of what
/// launch templates say.
pub(super) fn tell<'a>(world: &'a World, view: &mut View<'a>) {
    for (association, table) in super::associations(world) {
        let tags = view.things.iter().find(|thing| thing.id == table);
        let tags = tags.map(|thing| thing.tags.clone()).unwrap_or_default();
        view.things.push(Thing { service: "ec2", id: association, tags });
    }
    view.template = Box::new(|id_or_name, version| super::template(world, id_or_name, version));
}

/// What `RunInstances` takes with a launch template.
pub(crate) fn launch<'a>(
    call: &Call<'_>,
    template: Option<&str>,
    subnets: impl Iterator<Item = &'a str>,
    data: Option<&Value>,
) -> Vec<Required> {
    let mut targets: Vec<_> =
        subnets.map(|subnet| call.existing(&format!("subnet/{subnet}"))).collect();
    // One that the call names has an id all the same, which is not known here.
    targets.extend(template.map(|id| call.existing(&format!("launch-template/{id}"))));
    let Some(data) = data else { return vec![call.own(targets)] };
    let interfaces = data.list("NetworkInterfaces").iter();
    let groups = interfaces.flat_map(|interface| interface.texts("Groups"));
    let groups = groups.chain(data.texts("SecurityGroupIds"));
    targets.extend(groups.map(|group| call.existing(&format!("security-group/{group}"))));
    let image = data.text("ImageId");
    let image = Arn::public(&call.view.region, "ec2", &format!("image/{image}")).to_string();
    targets.push(Target::new(image, Tags::new()));
    let tagged = tags_by_type(data.list("TagSpecifications"));
    let made: Vec<_> = ["instance", "volume", "network-interface"]
        .into_iter()
        .map(|kind| {
            let tags = tagged.iter().find(|(of, _)| of == kind).map(|(_, tags)| tags.clone());
            Target::new(call.arn(&format!("{kind}/*")), tags.unwrap_or_default())
        })
        .collect();
    targets.extend(made.iter().cloned());
    let mut all = vec![call.own(targets)];
    all.extend(Required::tagging("ec2:CreateTags", call.operation, made));
    all
}

fn tags_by_type(specifications: &[Value]) -> Vec<(String, Tags)> {
    let one = |it: &Value| (it.text("ResourceType").to_owned(), it.tags("Tags"));
    specifications.iter().map(one).collect()
}

/// Something by its id, whose beginning tells the type.
fn by_id(call: &Call<'_>, id: &str) -> Target {
    const TYPES: &[(&str, &str)] = &[
        ("eipalloc", "elastic-ip"),
        ("eni", "network-interface"),
        ("i", "instance"),
        ("igw", "internet-gateway"),
        ("lt", "launch-template"),
        ("nat", "natgateway"),
        ("rtb", "route-table"),
        ("sg", "security-group"),
        ("sgr", "security-group-rule"),
        ("subnet", "subnet"),
        ("vol", "volume"),
        ("vpc", "vpc"),
        ("vpce", "vpc-endpoint"),
    ];
    let beginning = id.split('-').next().unwrap_or_default();
    let kind = TYPES.iter().find(|(prefix, _)| *prefix == beginning).map_or("*", |(_, kind)| kind);
    call.existing(&format!("{kind}/{id}"))
}
