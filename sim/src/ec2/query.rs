//! Listings: ids, filters and pages, which are alike in all of EC2.

use serde_json::Value;

use super::table::{self, Entry, Kind};
use crate::fields::{Fields, Tags};
use crate::page::Pager;
use crate::refusal::{Answer, Refusal};
use crate::wildcard::is_like;
use crate::world::World;

/// Answers a listing of one kind.
pub fn describe<K: Kind>(world: &World, input: &Value) -> Answer {
    let found = select::<K>(world, input)?;
    let found: Vec<Value> = found.into_iter().map(|entry| K::write(world, entry)).collect();
    page(world, input, K::LISTING.ids, K::LISTING.list, found)
}

/// The things that a listing is about: named by id, which then have to be known, and filtered.
pub fn select<'a, K: Kind>(world: &'a World, input: &Value) -> Result<Vec<&'a Entry<K>>, Refusal> {
    let filters = Filters::read(K::LISTING.operation, input, K::FILTERS)?;
    let wanted = input.texts(K::LISTING.ids);
    let found: Vec<&Entry<K>> = if wanted.is_empty() {
        K::table(world.ec2()).all_shown(world.now).collect()
    } else {
        wanted.iter().map(|id| table::shown::<K>(world, id)).collect::<Result<_, _>>()?
    };
    let fits =
        |entry: &&Entry<K>| filters.fit(&entry.tags, |filter| K::field(world, entry, filter));
    Ok(found.into_iter().filter(fits).collect())
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "MaxResults",
    most: 1000,
    bad_size: None,
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |token| {
        Refusal::new("InvalidNextToken", format!("The token '{token}' is not valid"))
    },
};

/// Cuts one page out of a listing. Ids and a page size exclude each other.
pub fn page(world: &World, input: &Value, ids: &str, list: &str, all: Vec<Value>) -> Answer {
    if !input.list(ids).is_empty() && input.number("MaxResults").is_some() {
        let message = format!("The parameter {ids} cannot be used with the parameter MaxResults");
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    PAGER.page(world, input, list, PAGER.most, all)
}

/// The filters of a request.
#[derive(Debug)]
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads them, and refuses those that the listing does not have; loudly, when AWS has them.
    pub fn read(operation: &str, input: &Value, known: &[&str]) -> Result<Self, Refusal> {
        // The listing of NAT gateways alone calls them `Filter`.
        let given = input.list("Filters").iter().chain(input.list("Filter"));
        let mut filters = Vec::new();
        for filter in given {
            let name = filter.text("Name");
            let general = if name.starts_with("tag:") { "tag:" } else { name };
            if !known.contains(&general) && is_documented(operation, general) {
                return Err(Refusal::lacked(&format!("the filter '{name}' of {operation}")));
            }
            if !known.contains(&general) {
                let message = format!("The filter '{name}' is invalid");
                return Err(Refusal::new("InvalidParameterValue", message));
            }
            filters.push((name.to_owned(), filter.texts("Values")));
        }
        Ok(Self(filters))
    }

    /// Whether a thing fits all of them. `field` gives what a filter is compared with.
    pub fn fit(&self, tags: &Tags, field: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let values = match (name.strip_prefix("tag:"), name.as_str()) {
                (Some(key), _) => tags.get(key).cloned().into_iter().collect(),
                (None, "tag-key") => tags.keys().cloned().collect(),
                (None, name) => field(name),
            };
            values.iter().any(|value| wanted.iter().any(|pattern| is_like(pattern, value)))
        })
    }
}

/// Whether AWS documents a filter of a listing.
fn is_documented(operation: &str, filter: &str) -> bool {
    let operation = super::SERVICE.model.operations.get(operation);
    operation.is_some_and(|operation| operation.filters.iter().any(|it| it == filter))
}

/// Refuses loudly what is not simulated and would change what happens.
pub fn lacks(operation: &str, input: &Value, members: &[&str]) -> Result<(), Refusal> {
    let is_said = |member: &&&str| match input.part(member) {
        Value::Null | Value::Bool(false) => false,
        Value::Array(all) => !all.is_empty(),
        _ => true,
    };
    match members.iter().find(is_said) {
        Some(member) => Err(Refusal::new("SimulatorLacks", format!("{operation}.{member}"))),
        None => Ok(()),
    }
}

/// What EC2 answers when a member is missing.
pub fn missing(member: &str) -> Refusal {
    let message = format!("The request must contain the parameter {member}");
    Refusal::new("MissingParameter", message)
}

/// What EC2 answers to a value that makes no sense.
pub fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}
