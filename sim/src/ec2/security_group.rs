//! Security groups: names unique in their VPC whatever the case, born with a rule that lets
//! everything out, held by interfaces and by rules of other groups (`docs/aws-facts.md`, "Removing").

use std::time::Duration;

use serde_json::{Value, json};

use super::ip_permission::permissions;
use super::query::{self, invalid, lacks, missing, page};
use super::security_group_rule::{Peer, Rule};
use super::table::{self, Entry, Kind, Listing, Table, find, make, make_visible};
use super::vpc::Vpc;
use super::{Ec2, default_vpc, tag};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A security group. Its rules are things of their own.
#[derive(Debug, Clone)]
pub struct SecurityGroup {
    /// Its VPC.
    pub vpc: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    description: String,
    /// Whether it came with its VPC and goes with it.
    pub default: bool,
}

/// The name of the group that a VPC is born with.
const DEFAULT: &str = "default";

impl Kind for SecurityGroup {
    const TYPE: &'static str = "security-group";
    const PREFIX: &'static str = "sg";
    const LISTING: Listing =
        Listing { operation: "DescribeSecurityGroups", ids: "GroupIds", list: "SecurityGroups" };
    const FILTERS: &'static [&'static str] = &[
        "description",
        "egress.ip-permission.cidr",
        "egress.ip-permission.group-id",
        "egress.ip-permission.protocol",
        "group-id",
        "group-name",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.group-id",
        "ip-permission.protocol",
        "ip-permission.to-port",
        "owner-id",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The security group '{id}' does not exist");
        Refusal::new("InvalidGroup.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.groups
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.groups
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let egress = filter.starts_with("egress.");
        let rules = rules_of(world, &entry.id, egress).map(|rule| &rule.it);
        match filter.strip_prefix("egress.").unwrap_or(filter) {
            "description" => vec![entry.it.description.clone()],
            "group-id" => vec![entry.id.clone()],
            "group-name" => vec![entry.it.name.clone()],
            "ip-permission.cidr" => rules
                .filter_map(|rule| match &rule.peer {
                    Peer::Range(range) => Some(range.to_string()),
                    _ => None,
                })
                .collect(),
            "ip-permission.from-port" => {
                rules.filter_map(|rule| rule.from).map(|port| port.to_string()).collect()
            }
            "ip-permission.group-id" => {
                rules.filter_map(|rule| rule.group_named().map(str::to_owned)).collect()
            }
            "ip-permission.protocol" => rules.map(|rule| rule.protocol.clone()).collect(),
            "ip-permission.to-port" => {
                rules.filter_map(|rule| rule.to).map(|port| port.to_string()).collect()
            }
            "owner-id" => vec![ACCOUNT.to_owned()],
            "vpc-id" => vec![entry.it.vpc.clone()],
            _ => Vec::new(),
        }
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        json!({
            "GroupId": entry.id,
            "GroupName": entry.it.name,
            "Description": entry.it.description,
            "VpcId": entry.it.vpc,
            "OwnerId": ACCOUNT,
            "SecurityGroupArn": arn(world, &entry.id),
            "IpPermissions": permissions(rules_of(world, &entry.id, false)),
            "IpPermissionsEgress": permissions(rules_of(world, &entry.id, true)),
            "Tags": tag_list(&entry.tags),
        })
    }
}

fn arn(world: &World, id: &str) -> String {
    world.arn("ec2", &format!("security-group/{id}"))
}

/// The rules of a group, of one direction.
pub fn rules_of<'a>(
    world: &'a World,
    group: &str,
    egress: bool,
) -> impl Iterator<Item = &'a Entry<Rule>> {
    let group = group.to_owned();
    let rules = world.ec2().rules.all();
    rules.filter(move |rule| rule.it.group == group && rule.it.egress == egress)
}

/// Makes the default group of a VPC, known from when the VPC is.
pub fn make_default(world: &mut World, vpc: &str, visible: Duration) {
    let id = make_visible(world, visible, Tags::new(), default_of(vpc));
    for rule in default_rules(&id) {
        make_visible(world, visible, Tags::new(), rule);
    }
}

/// The default group of a VPC.
pub fn default_of(vpc: &str) -> SecurityGroup {
    SecurityGroup {
        vpc: vpc.to_owned(),
        name: DEFAULT.to_owned(),
        description: "default VPC security group".to_owned(),
        default: true,
    }
}

/// The rules that a default group has: all from each other, and all out.
pub fn default_rules(id: &str) -> [Rule; 2] {
    let within =
        Rule { egress: false, peer: Peer::Group(id.to_owned()), ..Rule::everything_out(id) };
    [within, Rule::everything_out(id)]
}

/// A group that AWS makes in somebody's VPC.
pub fn of_aws(vpc: &str, name: &str, description: &str) -> SecurityGroup {
    SecurityGroup {
        vpc: vpc.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        default: false,
    }
}

/// Whether a text has only characters that EC2 takes in names and descriptions of groups.
pub fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    text.len() <= 255 && text.chars().all(plain)
}

/// `CreateSecurityGroup`.
pub fn create(world: &mut World, input: &Value) -> Answer {
    let tags = tag::at_birth(input, SecurityGroup::TYPE)?;
    let (name, description) = (input.text("GroupName"), input.text("Description"));
    if name.is_empty() {
        return Err(missing("groupName"));
    }
    if description.is_empty() {
        return Err(missing("groupDescription"));
    }
    if name.starts_with("sg-") {
        let message = format!("Value ({name}) for parameter GroupName is invalid.");
        return Err(invalid(format!("{message} Group names may not be in the format sg-*.")));
    }
    for (value, parameter, noun) in
        [(name, "GroupName", "names"), (description, "GroupDescription", "descriptions")]
    {
        if !is_plain(value) {
            return Err(invalid(format!(
                "Value ({value}) for parameter {parameter} is invalid. Invalid security group \
                 {}. Valid {noun} are strings less than 256 characters from the following set:  \
                 a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*",
                noun.trim_end_matches('s')
            )));
        }
    }
    let vpc = match input.some_text("VpcId") {
        Some(vpc) => find::<Vpc>(world, vpc)?.id.clone(),
        None => default_vpc::of_region(world)
            .map(|vpc| vpc.id.clone())
            .ok_or_else(|| Refusal::new("VPCIdNotSpecified", "No default VPC for this user"))?,
    };
    if name.eq_ignore_ascii_case(DEFAULT) {
        let message = format!("The security group '{name}' is reserved");
        return Err(Refusal::new("InvalidGroup.Reserved", message));
    }
    let mut others = world.ec2().groups.all().filter(|group| group.it.vpc == vpc);
    if others.any(|group| group.it.name.eq_ignore_ascii_case(name)) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Refusal::new("InvalidGroup.Duplicate", message));
    }
    if world.ec2().groups.all().count() >= world.scenario.quota("security-groups", 2500) {
        let message = "The maximum number of security groups has been reached.";
        return Err(Refusal::new("SecurityGroupLimitExceeded", message));
    }
    let group = SecurityGroup {
        vpc,
        name: name.to_owned(),
        description: description.to_owned(),
        default: false,
    };
    let id = make(world, tags.clone(), group);
    let visible = world.ec2().groups.get(&id).map_or(world.now, |group| group.visible);
    make_visible(world, visible, Tags::new(), Rule::everything_out(&id));
    let arn = arn(world, &id);
    Ok(json!({ "GroupId": id, "SecurityGroupArn": arn, "Tags": tag_list(&tags) }))
}

/// `DeleteSecurityGroup`.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    lacks("DeleteSecurityGroup", input, &["GroupName"])?;
    let id = input.some_text("GroupId").ok_or_else(|| missing("groupId"))?;
    let group = find::<SecurityGroup>(world, id)?;
    let id = group.id.clone();
    if group.it.default {
        let message =
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Refusal::new("CannotDelete", message));
    }
    let ec2 = world.ec2_mut();
    let used = ec2.interfaces.all().any(|interface| interface.it.groups.contains(&id));
    let mut rules = ec2.rules.all().filter(|rule| rule.it.group != id);
    if used || rules.any(|rule| rule.it.group_named() == Some(&id)) {
        let message = format!("resource {id} has a dependent object");
        return Err(Refusal::new("DependencyViolation", message));
    }
    let rules = ec2.rules.all().filter(|rule| rule.it.group == id).map(|rule| rule.id.clone());
    for rule in rules.collect::<Vec<_>>() {
        table::delete::<Rule>(world, &rule);
    }
    table::delete::<SecurityGroup>(world, &id);
    Ok(json!({ "Return": true, "GroupId": id }))
}

/// `DescribeSecurityGroups`. Names find groups of the default VPC only.
pub fn describe(world: &World, input: &Value) -> Answer {
    let default = default_vpc::of_region(world).map(|vpc| vpc.id.as_str()).unwrap_or_default();
    let names = input.texts("GroupNames");
    let found = query::select::<SecurityGroup>(world, input)?;
    let named =
        |name: &String| found.iter().any(|group| group.it.vpc == default && group.it.name == *name);
    if let Some(name) = names.iter().find(|name| !named(name)) {
        let message =
            format!("The security group '{name}' does not exist in default VPC '{default}'");
        return Err(Refusal::new("InvalidGroup.NotFound", message));
    }
    let found = found.into_iter().filter(|group| {
        names.is_empty() || group.it.vpc == default && names.contains(&group.it.name)
    });
    let found = found.map(|entry| SecurityGroup::write(world, entry)).collect();
    page(world, input, "GroupIds", "SecurityGroups", found)
}
