//! Attributes of the account: what EC2 says of its limits.

use serde_json::{Value, json};

use crate::fields::Fields;
use crate::refusal::Answer;
use crate::world::World;

/// `DescribeAccountAttributes`.
pub fn describe(world: &World, input: &Value) -> Answer {
    let addresses = world.scenario.quota("addresses", 5).to_string();
    let default = super::default_vpc::of_region(world).map(|vpc| vpc.id.clone());
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        ("default-vpc", default.unwrap_or_else(|| "none".to_owned())),
        ("max-instances", "20".to_owned()),
        ("vpc-max-security-groups-per-interface", "5".to_owned()),
        ("max-elastic-ips", addresses.clone()),
        ("vpc-max-elastic-ips", addresses),
    ];
    let wanted = input.texts("AttributeNames");
    let shown = all.into_iter();
    let shown = shown.filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == name));
    let shown = shown.map(|(name, value)| {
        json!({ "AttributeName": name, "AttributeValues": [{ "AttributeValue": value }] })
    });
    Ok(json!({ "AccountAttributes": shown.collect::<Value>() }))
}
