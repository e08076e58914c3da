//! Record sets: what they are told apart by, what they hold, and their listing.

use std::time::Duration;

use serde_json::{Value, json};

use super::{invalid_input, name, page_size, zone};
use crate::fields::Fields;
use crate::page;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// As many as one page holds.
const PAGE: usize = 300;

/// What record sets are told apart by, in the order that they are listed in: the labels of the name
/// from the last to the first, the type, the set identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    labels: Vec<String>,
    pub(super) kind: String,
    pub(super) set: Option<String>,
}

impl At {
    /// Of a normal name.
    pub(super) fn new(name: &str, kind: &str, set: Option<&str>) -> Self {
        let labels = name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect();
        Self { labels, kind: kind.to_owned(), set: set.map(str::to_owned) }
    }

    /// The normal name.
    pub(super) fn name(&self) -> String {
        self.labels.iter().rev().map(|label| format!("{label}.")).collect()
    }

    /// Whether it has this one's name and type.
    pub(super) fn is_of(&self, other: &At) -> bool {
        self.labels == other.labels && self.kind == other.kind
    }

    /// Whether it has this one's name.
    pub(super) fn is_named_like(&self, other: &At) -> bool {
        self.labels == other.labels
    }
}

/// What a record set holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) weight: Option<i64>,
    pub(super) holds: Holds,
}

/// Values, or what else answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// Values, and how long they may be kept.
    Values { ttl: i64, values: Vec<String> },
    /// An alias.
    Alias { zone: String, name: String, evaluates: bool },
}

impl Record {
    /// Plain values.
    pub(super) fn values(ttl: Duration, values: &[&str]) -> Self {
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { weight: None, holds: Holds::Values { ttl, values } }
    }

    /// Whether a deletion that repeats `other` means this one: values in whatever order.
    pub(super) fn is_repeated_by(&self, other: &Self) -> bool {
        let sorted = |record: &Self| {
            let mut record = record.clone();
            if let Holds::Values { values, .. } = &mut record.holds {
                values.sort();
            }
            record
        };
        sorted(self) == sorted(other)
    }

    fn described(&self, at: &At) -> Value {
        let mut described = json!({ "Name": at.name(), "Type": at.kind });
        if let Some(set) = &at.set {
            described["SetIdentifier"] = set.clone().into();
        }
        if let Some(weight) = self.weight {
            described["Weight"] = weight.into();
        }
        match &self.holds {
            Holds::Values { ttl, values } => {
                described["TTL"] = (*ttl).into();
                described["ResourceRecords"] =
                    values.iter().map(|value| json!({ "Value": value })).collect();
            }
            Holds::Alias { zone, name, evaluates } => {
                described["AliasTarget"] = json!({
                    "HostedZoneId": zone,
                    "DNSName": name,
                    "EvaluateTargetHealth": evaluates,
                });
            }
        }
        described
    }
}

/// `ListResourceRecordSets`: from a name, type and identifier on, in order.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let zone = zone::find(world, input.text("HostedZoneId"))?;
    let size = page_size(world, input, PAGE)?;
    let start = start(input)?;
    let rest = zone.records.iter().filter(|(at, _)| start.as_ref().is_none_or(|it| *at >= it));
    let (page, next) = page::cut(rest, size);
    let next = next.map(|(at, _)| at);
    let described: Value = page.into_iter().map(|(at, record)| record.described(at)).collect();
    let mut answer = json!({
        "ResourceRecordSets": described,
        "IsTruncated": next.is_some(),
        "MaxItems": size.to_string(),
    });
    if let Some(next) = next {
        answer["NextRecordName"] = next.name().into();
        answer["NextRecordType"] = next.kind.clone().into();
        if let Some(set) = &next.set {
            answer["NextRecordIdentifier"] = set.clone().into();
        }
    }
    Ok(answer)
}

fn start(input: &Value) -> Result<Option<At>, Refusal> {
    let kind = input.some_text("StartRecordType");
    let set = input.some_text("StartRecordIdentifier");
    match (input.some_text("StartRecordName"), kind, set) {
        (None, None, None) => Ok(None),
        (None, _, _) => Err(invalid_input("A start type takes a start name")),
        (Some(_), None, Some(_)) => Err(invalid_input("A start identifier takes a start type")),
        (Some(name), kind, set) => {
            let name = name::normal(name).map_err(invalid_input)?;
            Ok(Some(At::new(&name, kind.unwrap_or_default(), set)))
        }
    }
}
