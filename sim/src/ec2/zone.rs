//! Availability zones: they are open to everybody. Some cannot hold everything.

use serde_json::{Value, json};

use super::query::{Filters, invalid};
use crate::fields::{Fields, Tags};
use crate::refusal::Answer;
use crate::world::World;

/// The zones of regions that have others than `a`, `b` and `c` with the numbers 1, 2 and 3: letter and
/// number. In old regions each account has its own letters (AWS, "AZ IDs"); these are somebody's.
const OWN: &[(&str, &[(char, u8)])] = &[
    ("ap-northeast-1", &[('a', 3), ('c', 1), ('d', 2)]),
    ("ap-northeast-2", &[('a', 1), ('b', 2), ('c', 3), ('d', 4)]),
    ("ca-central-1", &[('a', 3), ('b', 1), ('d', 2)]),
    ("cn-north-1", &[('a', 1), ('b', 2), ('d', 4)]),
    ("us-east-1", &[('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5), ('f', 6)]),
    // Of its three zones an account sees two, and these are somebody's.
    ("us-west-1", &[('a', 3), ('c', 1)]),
    ("us-west-2", &[('a', 1), ('b', 2), ('c', 3), ('d', 4)]),
];

/// What a zone may lack.
pub const NAT_GATEWAYS: &str = "nat-gateways";
/// What a zone may lack.
pub const LOAD_BALANCERS: &str = "load-balancers";
/// What a zone may lack: instance types of the Nitro generation.
pub const INSTANCES: &str = "instances";
/// What a zone may lack.
pub const FARGATE: &str = "fargate";

/// What zones lack, by id (`docs/aws-facts.md`, "Zones").
const LACKS: &[(&str, &[&str])] = &[
    ("apne1-az3", &[NAT_GATEWAYS, LOAD_BALANCERS, INSTANCES, FARGATE]),
    ("cac1-az3", &[FARGATE]),
    ("cnn1-az4", &[FARGATE]),
    ("use1-az3", &[INSTANCES]),
    ("usw1-az2", &[LOAD_BALANCERS, FARGATE]),
];

/// Whether a zone, by its name, lacks something.
pub fn lacks(world: &World, zone: &str, what: &str) -> bool {
    let id = id_of(zone);
    let known = LACKS.iter().any(|(zone, lacks)| *zone == id && lacks.contains(&what));
    let told = world.scenario.zones_without.get(&id);
    known || told.is_some_and(|lacks| lacks.iter().any(|it| it == what))
}

/// Letter and number of a region's zones.
fn zones(region: &str) -> &'static [(char, u8)] {
    let own = OWN.iter().find(|(own, _)| *own == region);
    own.map_or(&[('a', 1), ('b', 2), ('c', 3)], |(_, zones)| zones)
}

/// The names of a region's zones.
pub fn names(region: &str) -> Vec<String> {
    zones(region).iter().map(|(letter, _)| format!("{region}{letter}")).collect()
}

/// The id of a zone, which is the same for all accounts: `euw1-az2` for `eu-west-1b`.
pub fn id_of(zone: &str) -> String {
    let (region, letter) =
        zone.split_at(zone.len() - zone.chars().last().map_or(0, char::len_utf8));
    let number = zones(region).iter().find(|(it, _)| letter.starts_with(*it));
    let number = number.map_or(0, |(_, number)| *number);
    let short: String = region.split('-').map(shortened).collect();
    format!("{short}-az{number}")
}

/// A part of a region's name as ids of zones have it.
fn shortened(part: &str) -> &str {
    match part {
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        "central" => "c",
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        "gov" => "g",
        other => other,
    }
}

/// `DescribeAvailabilityZones`.
pub fn describe(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &[
        "group-name",
        "opt-in-status",
        "region-name",
        "state",
        "zone-id",
        "zone-name",
        "zone-type",
    ];
    let filters = Filters::read("DescribeAvailabilityZones", input, FILTERS)?;
    let (named, ids) = (input.texts("ZoneNames"), input.texts("ZoneIds"));
    let zones = names(&world.region);
    if let Some(unknown) = named.iter().find(|name| !zones.contains(name)) {
        return Err(invalid(format!("Invalid availability zone: [{unknown}]")));
    }
    if let Some(unknown) = ids.iter().find(|id| !zones.iter().any(|zone| id_of(zone) == **id)) {
        return Err(invalid(format!("Invalid availability zone-id: [{unknown}]")));
    }
    let group = format!("{}-zg-1", world.region);
    let fits = |zone: &&String| {
        let field = |filter: &str| {
            vec![match filter {
                "group-name" => group.clone(),
                "opt-in-status" => "opt-in-not-required".to_owned(),
                "region-name" => world.region.clone(),
                "state" => "available".to_owned(),
                "zone-id" => id_of(zone),
                "zone-name" => (*zone).clone(),
                "zone-type" => "availability-zone".to_owned(),
                _ => return Vec::new(),
            }]
        };
        (named.is_empty() || named.contains(zone))
            && (ids.is_empty() || ids.contains(&id_of(zone)))
            && filters.fit(&Tags::new(), field)
    };
    let row = |zone: &String| {
        json!({
            "ZoneName": zone,
            "ZoneId": id_of(zone),
            "RegionName": world.region,
            "State": "available",
            "OptInStatus": "opt-in-not-required",
            "GroupName": group,
            "NetworkBorderGroup": world.region,
            "ZoneType": "availability-zone",
            "Messages": [],
        })
    };
    Ok(json!({ "AvailabilityZones": zones.iter().filter(fits).map(row).collect::<Value>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_ids() {
        assert_eq!(id_of("eu-west-1b"), "euw1-az2");
        assert_eq!(id_of("ap-southeast-2a"), "apse2-az1");
        assert_eq!(id_of("ap-northeast-1a"), "apne1-az3");
        assert_eq!(id_of(""), "-az0");
    }
}
