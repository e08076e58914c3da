//! Availability zones: every region has three, `a` to `c`, open to everybody.

use serde_json::{Value, json};

use super::query::{Filters, invalid};
use crate::sim::fields::{Fields, Tags};
use crate::sim::refusal::Answer;
use crate::sim::world::World;

const LETTERS: [char; 3] = ['a', 'b', 'c'];

/// The names of a region's zones.
pub fn names(region: &str) -> [String; 3] {
    LETTERS.map(|letter| format!("{region}{letter}"))
}

/// The id of a zone, which is the same for all accounts: `euw1-az2` for `eu-west-1b`.
pub fn id_of(zone: &str) -> String {
    let (region, letter) =
        zone.split_at(zone.len() - zone.chars().last().map_or(0, char::len_utf8));
    let number = LETTERS.iter().position(|it| letter.starts_with(*it)).map_or(0, |index| index + 1);
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
    let filters = Filters::read(input, FILTERS)?;
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
        assert_eq!(id_of(""), "-az0");
    }
}
