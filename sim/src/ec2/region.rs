//! Regions: those that every account may use, and those that an account has to ask for first.

use serde_json::{Value, json};

use super::query::{Filters, invalid};
use crate::fields::{Fields, Tags};
use crate::partition;
use crate::refusal::Answer;
use crate::world::World;

/// Regions that are open to every account of their partition (Account Management guide, "Enable or
/// disable AWS Regions in your account").
const OPEN: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Regions that this account has not asked for (the same).
const CLOSED: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// `DescribeRegions`: without `AllRegions` those that the account may use.
pub fn describe(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &["endpoint", "opt-in-status", "region-name"];
    let filters = Filters::read("DescribeRegions", input, FILTERS)?;
    let named = input.texts("RegionNames");
    let ours = |region: &&&str| partition::of(region) == world.partition();
    let open = OPEN.iter().filter(ours).map(|region| (*region, "opt-in-not-required"));
    let closed = CLOSED.iter().filter(ours).map(|region| (*region, "not-opted-in"));
    let mut all: Vec<_> = open.chain(closed).collect();
    all.sort_unstable();
    if let Some(unknown) = named.iter().find(|name| !all.iter().any(|(region, _)| region == name)) {
        return Err(invalid(format!("Invalid region name: {unknown}")));
    }
    let with_closed = input.flag("AllRegions") == Some(true) || !named.is_empty();
    let endpoint = |region: &str| format!("ec2.{region}.{}", partition::domain(region));
    let fits = |(region, status): &(&str, &str)| {
        let field = |filter: &str| {
            vec![match filter {
                "endpoint" => endpoint(region),
                "opt-in-status" => (*status).to_owned(),
                _ => (*region).to_owned(),
            }]
        };
        (with_closed || *status != "not-opted-in")
            && (named.is_empty() || named.iter().any(|name| name == region))
            && filters.fit(&Tags::new(), field)
    };
    let row = |(region, status)| json!({ "RegionName": region, "Endpoint": endpoint(region), "OptInStatus": status });
    Ok(json!({ "Regions": all.into_iter().filter(fits).map(row).collect::<Value>() }))
}
