//! `IpPermissions`: rules as requests say them and groups show them, several in one.

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

use super::query::{invalid, lacks, missing};
use super::security_group_rule::{Peer, Rule};
use super::table::Entry;
use crate::arn::ACCOUNT;
use crate::fields::Fields;
use crate::refusal::Refusal;

/// Rules as groups show them: those with the same protocol and ports together.
pub fn permissions<'a>(rules: impl Iterator<Item = &'a Entry<Rule>>) -> Value {
    let mut together: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
    for rule in rules.map(|rule| &rule.it) {
        together.entry((&rule.protocol, rule.from, rule.to)).or_default().push(rule);
    }
    let permission = |((protocol, from, to), rules): ((&String, _, _), Vec<&Rule>)| {
        let mut value = json!({ "IpProtocol": protocol });
        let (mut ranges, mut ranges6, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        if protocol != "-1" {
            value["FromPort"] = json!(from);
            value["ToPort"] = json!(to);
        }
        for rule in rules {
            let (list, mut peer) = match &rule.peer {
                Peer::Range(range) => (&mut ranges, json!({ "CidrIp": range.to_string() })),
                Peer::Range6(range) => (&mut ranges6, json!({ "CidrIpv6": range.to_string() })),
                Peer::Group(id) => (&mut groups, json!({ "GroupId": id, "UserId": ACCOUNT })),
            };
            if let Some(description) = &rule.description {
                peer["Description"] = json!(description);
            }
            list.push(peer);
        }
        value["IpRanges"] = Value::Array(ranges);
        value["Ipv6Ranges"] = Value::Array(ranges6);
        value["UserIdGroupPairs"] = Value::Array(groups);
        value["PrefixListIds"] = json!([]);
        value
    };
    together.into_iter().map(permission).collect()
}

/// The rules that a request says, by `IpPermissions` or by members of its own.
pub fn wanted(input: &Value, group: &str, egress: bool) -> Result<Vec<Rule>, Refusal> {
    lacks(
        "AuthorizeSecurityGroup",
        input,
        &["GroupName", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId"],
    )?;
    let listed = input.list("IpPermissions");
    let flat = input.some_text("IpProtocol").is_some() || input.some_text("CidrIp").is_some();
    if flat && !listed.is_empty() {
        let message = "The parameter ipPermissions cannot be used with the parameter ipProtocol";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let mut one = Vec::new();
    if flat {
        one.push(json!({
            "IpProtocol": input.part("IpProtocol"),
            "FromPort": input.part("FromPort"),
            "ToPort": input.part("ToPort"),
            "IpRanges": [{ "CidrIp": input.part("CidrIp") }],
        }));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for permission in listed.iter().chain(&one) {
        for rule in read(permission, group, egress)? {
            if rules.iter().any(|other| other.is_like(&rule)) {
                return Err(invalid("The same permission must not appear multiple times"));
            }
            rules.push(rule);
        }
    }
    match rules.is_empty() {
        true => Err(missing("ipPermissions")),
        false => Ok(rules),
    }
}

fn read(permission: &Value, group: &str, egress: bool) -> Result<Vec<Rule>, Refusal> {
    lacks("IpPermission", permission, &["PrefixListIds"])?;
    let protocol = match permission.text("IpProtocol").to_ascii_lowercase().as_str() {
        "" => return Err(missing("ipProtocol")),
        "6" | "tcp" => "tcp".to_owned(),
        "17" | "udp" => "udp".to_owned(),
        "1" | "icmp" => "icmp".to_owned(),
        "58" | "icmpv6" => "icmpv6".to_owned(),
        "-1" | "all" => "-1".to_owned(),
        other if other.parse::<u8>().is_ok() => other.to_owned(),
        other => {
            return Err(invalid(format!(
                "Invalid value '{other}' for IP protocol. Unknown protocol."
            )));
        }
    };
    let (from, to) = (permission.number("FromPort"), permission.number("ToPort"));
    let (from, to) = match protocol.as_str() {
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(invalid(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
                ));
            };
            if !(0..=65_535).contains(&from) || !(0..=65_535).contains(&to) || from > to {
                let name = protocol.to_uppercase();
                return Err(invalid(format!("Invalid {name} port range ({from}:{to})")));
            }
            (Some(from), Some(to))
        }
        "icmp" | "icmpv6" => (Some(from.unwrap_or(-1)), Some(to.unwrap_or(-1))),
        // All protocols have all ports.
        _ => (None, None),
    };
    let mut peers = Vec::new();
    for range in permission.list("IpRanges") {
        let text = range.text("CidrIp");
        let parsed = text.parse::<Ipv4Net>().map_err(|_| malformed(text))?;
        peers.push((Peer::Range(parsed.trunc()), range));
    }
    for range in permission.list("Ipv6Ranges") {
        let text = range.text("CidrIpv6");
        let parsed = text.parse::<Ipv6Net>().map_err(|_| malformed(text))?;
        peers.push((Peer::Range6(parsed.trunc()), range));
    }
    for pair in permission.list("UserIdGroupPairs") {
        let lacked = ["GroupName", "PeeringStatus", "VpcPeeringConnectionId"];
        lacks("UserIdGroupPair", pair, &lacked)?;
        let id = pair.some_text("GroupId").ok_or_else(|| missing("groupId"))?;
        peers.push((Peer::Group(id.to_owned()), pair));
    }
    let rule = |(peer, of): (Peer, &Value)| Rule {
        group: group.to_owned(),
        egress,
        protocol: protocol.clone(),
        from,
        to,
        peer,
        description: of.some_text("Description").map(str::to_owned),
    };
    Ok(peers.into_iter().map(rule).collect())
}

fn malformed(range: &str) -> Refusal {
    invalid(format!("CIDR block {range} is malformed"))
}
