//! What a call said, without anything that may be secret.
//!
//! What is shown is listed: ids, ARNs, names, numbers, and a few words of AWS's own. Everything else, such as
//! what variables, commands, secrets and documents say, is told by its length. Whatever AWS adds is not shown
//! until it is listed.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::names;

/// Fields whose names end like this name something.
const NAMING: [&str; 8] = ["Id", "Ids", "Arn", "Arns", "ARN", "ARNs", "Name", "Names"];

/// Other fields whose values are shown. No other letter case is meant.
const SHOWN: [&str; 62] = [
    "Action",
    "AllocationStrategy",
    "Attribute",
    "AvailabilityZone",
    "CidrBlock",
    "CidrIp",
    "DesiredCapacity",
    "DestinationCidrBlock",
    "DryRun",
    "Force",
    "ForceDelete",
    "FromPort",
    "InstanceType",
    "IpProtocol",
    "MaxItems",
    "MaxRecords",
    "MaxResults",
    "MaxSize",
    "MinSize",
    "Overwrite",
    "PolicyType",
    "Port",
    "Priority",
    "Protocol",
    "QuotaCode",
    "ResourceType",
    "ScalableDimension",
    "Scheme",
    "ServiceCode",
    "ServiceNamespace",
    "TTL",
    "TargetType",
    "ToPort",
    "Type",
    "arn",
    "arns",
    "capacityProvider",
    "capacityProviders",
    "cluster",
    "clusters",
    "condition",
    "containerInstances",
    "desiredStatus",
    "family",
    "familyPrefix",
    "id",
    "image",
    "imageDigest",
    "imageTag",
    "include",
    "launchType",
    "name",
    "names",
    "networkMode",
    "protocol",
    "schedulingStrategy",
    "securityGroups",
    "service",
    "services",
    "status",
    "subnets",
    "taskDefinition",
];

/// What identifies one try and nothing else, and is of no use to a reader.
const TOKENS: [&str; 1] = ["CreatorRequestId"];

/// Fields in which the names are somebody's own, so that they say nothing of what the values are.
const OF_SOMEBODY: [&str; 4] = ["dockerLabels", "options", "tags", "Tags"];

/// What the request says of what it asks for, whatever its protocol.
pub(super) fn parameters(uri: &str, body: Option<&[u8]>) -> Value {
    let Some(body) = body else { return Value::from("unread") };
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // An absolute URI has a scheme and a host before.
    let path = path
        .split_once("://")
        .map_or(path, |(_, rest)| rest.find('/').map_or("/", |from| &rest[from..]));
    let mut all = Map::new();
    if path != "/" && !path.is_empty() {
        // Of REST: what is named stands in the path.
        all.insert("path".to_owned(), path.into());
    }
    insert(&mut all, of_query(query));
    let Ok(text) = std::str::from_utf8(body) else {
        all.insert("body".to_owned(), format!("<{} bytes>", body.len()).into());
        return Value::Object(all);
    };
    let read = match text.trim_start().as_bytes().first() {
        None => return Value::Object(all),
        Some(b'{') => serde_json::from_str(text).ok(),
        Some(b'<') => of_xml(text),
        Some(_) => Some(of_query(text)),
    };
    match read {
        Some(read) => insert(&mut all, read),
        None => drop(all.insert("body".to_owned(), hidden(text))),
    }
    Value::Object(all)
}

/// Adds what was read, redacted.
fn insert(all: &mut Map<String, Value>, read: Value) {
    if let Value::Object(redacted) = redacted("", &read) {
        all.extend(redacted);
    }
}

/// A value of a field, as far as it may be shown.
fn redacted(field: &str, value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) if is_shown(field) => text.as_str().into(),
        Value::String(text) => hidden(text),
        Value::Array(all) => all.iter().map(|one| redacted(field, one)).collect(),
        Value::Object(all) => match tag(all) {
            Some(tag) => tag,
            None => {
                let inner = |(name, value): (&String, &Value)| {
                    let value = match OF_SOMEBODY.contains(&field) && !is_place(name) {
                        true => redacted_of_somebody(name, value),
                        // The parts of a list are what the list is.
                        false if is_place(name) => redacted(field, value),
                        false => redacted(name, value),
                    };
                    (name.clone(), value)
                };
                all.iter().map(inner).collect()
            }
        },
    }
}

/// A value that has a name of somebody's own. What ecsup's own tags say is shown.
fn redacted_of_somebody(name: &str, value: &Value) -> Value {
    match value {
        Value::String(_) if name.starts_with(names::TAGS) => value.clone(),
        Value::String(text) => hidden(text),
        _ => hidden(&value.to_string()),
    }
}

/// A tag, as most services write it: a key and a value. The same is an attribute of a load balancer.
fn tag(all: &Map<String, Value>) -> Option<Value> {
    let field = |upper: &str, lower: &str| all.get(upper).or_else(|| all.get(lower))?.as_str();
    let (key, value) = (field("Key", "key")?, field("Value", "value")?);
    let mut shown = Map::new();
    shown.insert(key.to_owned(), redacted_of_somebody(key, &value.into()));
    Some(Value::Object(shown))
}

fn is_shown(field: &str) -> bool {
    let names = NAMING.iter().any(|end| field.ends_with(end));
    !TOKENS.contains(&field) && (names || SHOWN.contains(&field))
}

/// Whether this is no field but a place in a list: its number, or what the protocols call its items.
fn is_place(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_digit()) || matches!(name, "member" | "item" | "entry")
}

fn hidden(text: &str) -> Value {
    format!("<{} characters>", text.chars().count()).into()
}

/// The fields of a form, in which `A.1.B=C` is a field in a list in a field. What is called and its version are
/// told elsewhere.
fn of_query(text: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        if matches!(name, "Action" | "Version") {
            continue;
        }
        let decoded = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let mut at = &mut root;
        for part in decoded(name).split('.') {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Value::Object(fields) = at else { break };
            at = fields.entry(part.to_owned()).or_insert(Value::Null);
        }
        *at = decoded(value).into();
    }
    root
}

/// The elements of an XML document, as far as it is one without attributes of interest.
fn of_xml(text: &str) -> Option<Value> {
    let mut open: Vec<(String, Map<String, Value>)> = vec![(String::new(), Map::new())];
    let mut pieces = text.split('<');
    pieces.next()?;
    let mut content = "";
    for piece in pieces {
        let (tag, text) = piece.split_once('>')?;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        let closed = if let Some(name) = tag.strip_prefix('/') {
            let (opened, fields) = open.pop()?;
            if opened != name {
                return None;
            }
            let is_text = fields.is_empty();
            Some((opened, if is_text { content.into() } else { Value::Object(fields) }))
        } else if let Some(name) = tag.strip_suffix('/') {
            Some((name.split_whitespace().next()?.to_owned(), "".into()))
        } else {
            open.push((tag.split_whitespace().next()?.to_owned(), Map::new()));
            None
        };
        content = text;
        if let Some((name, value)) = closed {
            let (_, fields) = open.last_mut()?;
            match fields.get_mut(&name) {
                None => drop(fields.insert(name, value)),
                Some(Value::Array(all)) => all.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
    }
    let (_, root) = open.pop()?;
    // The outermost element is the operation.
    let content = root.into_iter().next().map(|(_, content)| content)?;
    (open.is_empty() && content.is_object()).then_some(content)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &str) -> Value {
        parameters("https://ecs.eu-west-1.amazonaws.com/", Some(body.as_bytes()))
    }

    #[test]
    fn json_is_shown_by_its_names() {
        let body = json!({
            "family": "td-shop_web",
            "cpu": "256",
            "containerDefinitions": [{
                "name": "web",
                "image": "nginx:1",
                "essential": true,
                "portMappings": [{ "containerPort": 80 }],
                "command": ["sh", "-c", "echo swordfish"],
                "environment": [{ "name": "PASSWORD", "value": "swordfish" }],
                "dockerLabels": { "name": "swordfish", "Id": "swordfish" },
                "logConfiguration": { "options": { "name": "swordfish" } },
            }],
            "tags": [{ "key": "ecsup:stack", "value": "shop" }, { "key": "name", "value": "swordfish" }],
            "clientToken": "swordfish",
        });
        let shown = of(&body.to_string());
        assert!(!shown.to_string().contains("swordfish"), "{shown}");
        let container = json!({
            "name": "web",
            "image": "nginx:1",
            "essential": true,
            "portMappings": [{ "containerPort": 80 }],
            "command": ["<2 characters>", "<2 characters>", "<14 characters>"],
            "environment": [{ "name": "PASSWORD", "value": "<9 characters>" }],
            "dockerLabels": { "name": "<9 characters>", "Id": "<9 characters>" },
            "logConfiguration": { "options": { "name": "<9 characters>" } },
        });
        assert_eq!(shown["containerDefinitions"][0], container);
        assert_eq!(shown["tags"], json!([{ "ecsup:stack": "shop" }, { "name": "<9 characters>" }]));
        assert_eq!(shown["family"], "td-shop_web");
    }

    #[test]
    fn forms_are_shown_by_their_names() {
        let body = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&UserData=swordfish\
            &TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=ecsup%3Anode\
            &TagSpecification.1.Tag.1.Value=vpc&TagSpecification.1.Tag.2.Key=name\
            &TagSpecification.1.Tag.2.Value=sword+fish&SubnetId.1=subnet-1&A=1&A.B=2&=3";
        let shown = of(body);
        assert!(!shown.to_string().contains("sword"), "{shown}");
        let tags = json!({ "1": { "ecsup:node": "vpc" }, "2": { "name": "<10 characters>" } });
        assert_eq!(shown["TagSpecification"]["1"]["Tag"], tags);
        assert_eq!(shown["TagSpecification"]["1"]["ResourceType"], "vpc");
        assert_eq!(
            (&shown["CidrBlock"], &shown["SubnetId"]["1"]),
            (&json!("10.0.0.0/16"), &json!("subnet-1"))
        );
    }

    #[test]
    fn xml_is_shown_by_its_names() {
        let body = "<?xml version=\"1.0\"?><CreateHostedZoneRequest xmlns=\"https://x\">\
            <Name>shop.internal</Name>\
            <VPC><VPCId>vpc-1</VPCId></VPC><HostedZoneConfig><Comment>swordfish</Comment></HostedZoneConfig>\
            <Empty/><CallerReference>swordfish</CallerReference></CreateHostedZoneRequest>";
        let read =
            parameters("/2013-04-01/hostedzone?marker=swordfish&maxitems=1", Some(body.as_bytes()));
        let shown = json!({
            "path": "/2013-04-01/hostedzone",
            "marker": "<9 characters>",
            "maxitems": "<1 characters>",
            "Name": "shop.internal",
            "VPC": { "VPCId": "vpc-1" },
            "HostedZoneConfig": { "Comment": "<9 characters>" },
            "Empty": "<0 characters>",
            "CallerReference": "<9 characters>",
        });
        assert_eq!(read, shown);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_length() {
        assert_eq!(of("{swordfish"), json!({ "body": "<10 characters>" }));
        assert_eq!(of("<a><b>swordfish</a>"), json!({ "body": "<19 characters>" }));
        assert_eq!(of("<swordfish"), json!({ "body": "<10 characters>" }));
        assert_eq!(parameters("/", Some(&[0xff, 0xfe])), json!({ "body": "<2 bytes>" }));
        assert_eq!(of(""), json!({}));
        assert_eq!(of("swordfish"), json!({}));
    }
}
