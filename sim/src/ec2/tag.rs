//! Tags: at birth by `TagSpecifications`, later by `CreateTags` and `DeleteTags`.
//!
//! 50 on a thing at most, none with a key that begins `aws:` (`docs/aws-facts.md`, "Names").

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::address::Address;
use super::instance::Instance;
use super::interface::Interface;
use super::internet_gateway::InternetGateway;
use super::launch_template::LaunchTemplate;
use super::nat_gateway::NatGateway;
use super::query::{Filters, invalid, page};
use super::route_table::RouteTable;
use super::security_group::SecurityGroup;
use super::security_group_rule::Rule;
use super::subnet::Subnet;
use super::table::{Entry, Kind, find, find_mut};
use super::volume::Volume;
use super::vpc::Vpc;
use super::vpc_endpoint::VpcEndpoint;
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::tags::{Fault, Rules};
use crate::world::World;

/// What EC2 lets tags be.
pub const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::Blank => invalid("Tag key cannot be blank or empty."),
        Fault::Reserved(_) => {
            invalid("Tag keys starting with 'aws:' are reserved for internal use")
        }
        Fault::LongKey(key) => {
            invalid(format!("Tag key exceeds the maximum length of 128: '{key}'"))
        }
        Fault::LongValue(value) => {
            invalid(format!("Tag value exceeds the maximum length of 256: '{value}'"))
        }
        Fault::Twice(key) => invalid(format!("Duplicate tag key '{key}' specified.")),
        Fault::TooMany => {
            let message = "The maximum number of tags for a resource is 50.";
            Refusal::new("TagLimitExceeded", message)
        }
    },
};

/// The tags that a request gives to what it makes, which is of this type and no other.
pub fn at_birth(input: &Value, resource_type: &str) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    let mut types = BTreeSet::new();
    for specification in input.list("TagSpecifications") {
        let given = specification.text("ResourceType");
        if given != resource_type {
            let message =
                format!("'{given}' is not a valid taggable resource type for this operation.");
            return Err(invalid(message));
        }
        if !types.insert(given) {
            let message = format!("Duplicate resource type '{given}' found in tag specifications.");
            return Err(invalid(message));
        }
        tags = TAGS.given(specification.list("Tags"))?;
    }
    Ok(tags)
}

/// `CreateTags`: on all of the things or on none.
pub fn create_tags(world: &mut World, input: &Value) -> Answer {
    let new = TAGS.given(input.list("Tags"))?;
    let mut all = Vec::new();
    for id in input.texts("Resources") {
        let mut tags = tags_of(world, &id)?.clone();
        TAGS.put(&mut tags, new.clone())?;
        all.push((id, tags));
    }
    for (id, tags) in all {
        *tags_of_mut(world, &id)? = tags;
    }
    Ok(json!({}))
}

/// `DeleteTags`: those named, with that value if one is said; without names, all but AWS's own.
pub fn delete_tags(world: &mut World, input: &Value) -> Answer {
    let given = input.list("Tags");
    for id in input.texts("Resources") {
        tags_of(world, &id)?;
    }
    for id in input.texts("Resources") {
        tags_of_mut(world, &id)?.retain(|name, value| {
            let goes = given.is_empty()
                || given.iter().any(|tag| {
                    tag.text("Key") == name
                        && tag.some_text("Value").is_none_or(|wanted| wanted == value)
                });
            !goes || name.starts_with("aws:")
        });
    }
    Ok(json!({}))
}

/// `DescribeTags`.
pub fn describe(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "tag:", "value"];
    let filters = Filters::read("DescribeTags", input, FILTERS)?;
    let mut rows = Vec::new();
    for (kind, id, tags) in shown(world) {
        for (name, value) in tags {
            let own = Tags::from([(name.clone(), value.clone())]);
            let field = |filter: &str| {
                vec![match filter {
                    "key" => name.clone(),
                    "resource-id" => id.to_owned(),
                    "resource-type" => kind.to_owned(),
                    _ => value.clone(),
                }]
            };
            if filters.fit(&own, field) {
                rows.push(json!({
                    "Key": name,
                    "Value": value,
                    "ResourceId": id,
                    "ResourceType": kind,
                }));
            }
        }
    }
    page(world, input, "", "Tags", rows)
}

macro_rules! by_prefix {
    ($($kind:ty),* $(,)?) => {
        fn tags_of<'a>(world: &'a World, id: &str) -> Result<&'a Tags, Refusal> {
            let prefix = id.split('-').next().unwrap_or_default();
            $(if prefix == <$kind>::PREFIX {
                return Ok(&find::<$kind>(world, id)?.tags);
            })*
            Err(Refusal::new("InvalidID", format!("The ID '{id}' is not valid")))
        }

        fn tags_of_mut<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Tags, Refusal> {
            let prefix = id.split('-').next().unwrap_or_default();
            $(if prefix == <$kind>::PREFIX {
                return Ok(&mut find_mut::<$kind>(world, id)?.tags);
            })*
            Err(Refusal::new("InvalidID", format!("The ID '{id}' is not valid")))
        }

        /// Everything that answers show: its type, its id and its tags.
        fn shown(world: &World) -> Vec<(&str, &str, &Tags)> {
            let mut rows = Vec::new();
            $(rows.extend(
                <$kind>::table(world.ec2())
                    .all_shown(world.now)
                    .map(|entry| (<$kind>::TYPE, entry.id.as_str(), &entry.tags)),
            );)*
            rows
        }

        /// Everything that exists, known to callers or not: its type, its id and its tags.
        pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
            fn all<K: Kind>(world: &World) -> impl Iterator<Item = (String, String, Tags)> {
                let row = |entry: &Entry<K>| (K::TYPE.to_owned(), entry.id.clone(), entry.tags.clone());
                K::table(world.ec2()).all().filter(|entry| K::lives(entry)).map(row)
            }
            let mut rows = Vec::new();
            $(rows.extend(all::<$kind>(world));)*
            rows
        }
    };
}

by_prefix! {
    Vpc, Subnet, InternetGateway, Address, NatGateway, RouteTable, SecurityGroup, Rule,
    LaunchTemplate, Instance, Volume, Interface, VpcEndpoint,
}
