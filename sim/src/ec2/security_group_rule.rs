//! Rules of security groups. Each has an id and tags of its own; a second one like it is refused,
//! whoever made the first.

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

use super::Ec2;
use super::ip_permission::wanted;
use super::query::{invalid, missing};
use super::security_group::{SecurityGroup, is_plain, rules_of};
use super::table::{self, Entry, Kind, Listing, Table, find, make};
use super::tag;
use crate::arn::ACCOUNT;
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A rule of a security group.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The group that it belongs to.
    pub group: String,
    /// Whether it is about what goes out.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port, or the ICMP type.
    pub from: Option<i64>,
    /// The last port, or the ICMP code.
    pub to: Option<i64>,
    /// Whom it is about.
    pub peer: Peer,
    /// Why it is there.
    pub description: Option<String>,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// IPv4 addresses.
    Range(Ipv4Net),
    /// IPv6 addresses.
    Range6(Ipv6Net),
    /// The members of a group.
    Group(String),
}

impl Rule {
    /// The rule that a group is born with.
    pub fn everything_out(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            egress: true,
            protocol: "-1".to_owned(),
            from: None,
            to: None,
            peer: Peer::Range(Ipv4Net::default()),
            description: None,
        }
    }

    /// The group that it names as its peer.
    pub fn group_named(&self) -> Option<&str> {
        match &self.peer {
            Peer::Group(group) => Some(group),
            Peer::Range(_) | Peer::Range6(_) => None,
        }
    }

    /// Whether another one says the same, whatever its description.
    pub fn is_like(&self, other: &Self) -> bool {
        self.group == other.group
            && self.egress == other.egress
            && self.protocol == other.protocol
            && self.from == other.from
            && self.to == other.to
            && self.peer == other.peer
    }

    /// The members that all ways to show a rule have.
    fn members(&self, id: &str) -> Value {
        let mut value = json!({
            "SecurityGroupRuleId": id,
            "GroupId": self.group,
            "IsEgress": self.egress,
            "IpProtocol": self.protocol,
            "FromPort": self.from.unwrap_or(-1),
            "ToPort": self.to.unwrap_or(-1),
        });
        match &self.peer {
            Peer::Range(range) => value["CidrIpv4"] = json!(range.to_string()),
            Peer::Range6(range) => value["CidrIpv6"] = json!(range.to_string()),
            Peer::Group(_) => {}
        }
        if let Some(description) = &self.description {
            value["Description"] = json!(description);
        }
        value
    }
}

impl Kind for Rule {
    const TYPE: &'static str = "security-group-rule";
    const PREFIX: &'static str = "sgr";
    const LISTING: Listing = Listing {
        operation: "DescribeSecurityGroupRules",
        ids: "SecurityGroupRuleIds",
        list: "SecurityGroupRules",
    };
    // This listing alone has no `tag-key`.
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id", "tag:"];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The security group rule ID '{id}' does not exist");
        Refusal::new("InvalidSecurityGroupRuleId.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.rules
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.rules
    }

    fn field(_world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        vec![match filter {
            "group-id" => entry.it.group.clone(),
            "security-group-rule-id" => entry.id.clone(),
            _ => return Vec::new(),
        }]
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let mut value = entry.it.members(&entry.id);
        value["GroupOwnerId"] = json!(ACCOUNT);
        value["SecurityGroupRuleArn"] =
            json!(world.arn("ec2", &format!("security-group-rule/{}", entry.id)));
        value["Tags"] = tag_list(&entry.tags);
        if let Some(group) = entry.it.group_named() {
            value["ReferencedGroupInfo"] = json!({ "GroupId": group, "UserId": ACCOUNT });
        }
        value
    }
}

/// `AuthorizeSecurityGroupIngress`.
pub fn authorize_ingress(world: &mut World, input: &Value) -> Answer {
    authorize(world, input, false)
}

/// `AuthorizeSecurityGroupEgress`.
pub fn authorize_egress(world: &mut World, input: &Value) -> Answer {
    authorize(world, input, true)
}

/// `RevokeSecurityGroupIngress`.
pub fn revoke_ingress(world: &mut World, input: &Value) -> Answer {
    revoke(world, input, false)
}

/// `RevokeSecurityGroupEgress`.
pub fn revoke_egress(world: &mut World, input: &Value) -> Answer {
    revoke(world, input, true)
}

/// All of the rules or none.
fn authorize(world: &mut World, input: &Value, egress: bool) -> Answer {
    let tags = tag::at_birth(input, Rule::TYPE)?;
    let id = input.some_text("GroupId").ok_or_else(|| missing("groupId"))?;
    let group = find::<SecurityGroup>(world, id)?;
    let rules = wanted(input, &group.id, egress)?;
    for rule in &rules {
        if rule.description.as_deref().is_some_and(|text| !is_plain(text)) {
            return Err(invalid(
                "Invalid rule description. Valid descriptions are strings less than 256 characters \
                 from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
            ));
        }
        if let Some(other) = rule.group_named() {
            let other = find::<SecurityGroup>(world, other)?;
            if other.it.vpc != group.it.vpc {
                let message = "You have specified two resources that belong to different networks.";
                return Err(Refusal::new("InvalidGroup.NotFound", message));
            }
        }
        if rules_of(world, &group.id, egress).any(|other| other.it.is_like(rule)) {
            let message = format!("the specified rule \"{}\" already exists", words(rule));
            return Err(Refusal::new("InvalidPermission.Duplicate", message));
        }
    }
    let now = rules_of(world, &group.id, egress).count();
    if now + rules.len() > world.scenario.quota("rules-per-security-group", 60) {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(Refusal::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    let ids: Vec<_> = rules.into_iter().map(|rule| make(world, tags.clone(), rule)).collect();
    let made = ids.iter().filter_map(|id| world.ec2().rules.get(id));
    let made: Value = made.map(|rule| Rule::write(world, rule)).collect();
    Ok(json!({ "Return": true, "SecurityGroupRules": made }))
}

/// A rule as EC2 quotes it in a refusal.
fn words(rule: &Rule) -> String {
    let peer = match &rule.peer {
        Peer::Range(range) => range.to_string(),
        Peer::Range6(range) => range.to_string(),
        Peer::Group(group) => group.clone(),
    };
    match (rule.protocol.as_str(), rule.from, rule.to) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            let protocol = rule.protocol.to_uppercase();
            format!("peer: {peer}, {protocol}, from port: {from}, to port: {to}, ALLOW")
        }
        ("-1", ..) => format!("peer: {peer}, ALL, ALLOW"),
        (protocol, ..) => format!("peer: {peer}, {}, ALLOW", protocol.to_uppercase()),
    }
}

/// By ids or by what the rules say, all of them or none.
fn revoke(world: &mut World, input: &Value, egress: bool) -> Answer {
    let id = input.some_text("GroupId").ok_or_else(|| missing("groupId"))?;
    let group = find::<SecurityGroup>(world, id)?.id.clone();
    let ids = input.texts("SecurityGroupRuleIds");
    let mut gone: BTreeMap<String, Rule> = BTreeMap::new();
    if ids.is_empty() {
        for rule in wanted(input, &group, egress)? {
            let found = rules_of(world, &group, egress).find(|other| other.it.is_like(&rule));
            let found = found.ok_or_else(|| {
                let message = "The specified rule does not exist in this security group.";
                Refusal::new("InvalidPermission.NotFound", message)
            })?;
            gone.insert(found.id.clone(), found.it.clone());
        }
    } else {
        if !input.list("IpPermissions").is_empty() {
            let message = "The parameter securityGroupRuleIds cannot be used with ipPermissions";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        for id in ids {
            let rule = find::<Rule>(world, &id)?;
            if rule.it.group != group || rule.it.egress != egress {
                return Err(Rule::unknown(&id));
            }
            gone.insert(id, rule.it.clone());
        }
    }
    for id in gone.keys() {
        table::delete::<Rule>(world, id);
    }
    let revoked = gone.iter().map(|(id, rule)| {
        let mut value = rule.members(id);
        if let Some(group) = rule.group_named() {
            value["ReferencedGroupId"] = json!(group);
        }
        value
    });
    Ok(json!({ "Return": true, "RevokedSecurityGroupRules": revoked.collect::<Value>() }))
}

/// Whether a rule of one of these groups lets TCP to a port through, between them and somebody with
/// the groups `peers` whose addresses are all in `addresses`.
pub fn lets_through(
    world: &World,
    groups: &[String],
    egress: bool,
    port: u16,
    peers: &[String],
    addresses: Option<Ipv4Net>,
) -> bool {
    let port = i64::from(port);
    let fits = |rule: &Entry<Rule>| {
        let rule = &rule.it;
        let protocol = match rule.protocol.as_str() {
            "-1" => true,
            "tcp" => rule.from.unwrap_or(0) <= port && port <= rule.to.unwrap_or(65_535),
            _ => false,
        };
        protocol
            && match &rule.peer {
                Peer::Group(group) => peers.contains(group),
                Peer::Range(range) => {
                    range.prefix_len() == 0 || addresses.is_some_and(|all| range.contains(&all))
                }
                Peer::Range6(_) => false,
            }
    };
    groups.iter().any(|group| rules_of(world, group, egress).any(fits))
}
