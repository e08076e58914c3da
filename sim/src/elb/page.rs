//! Listings in pages: a marker is where the next page begins.

use serde_json::{Value, json};

use super::invalid;
use crate::fields::Fields;
use crate::refusal::Answer;

/// As many as a page holds when the request does not say.
const USUAL: usize = 400;

/// One page of `all` as the member `name`, with `NextMarker` when more follow.
pub(super) fn page(input: &Value, name: &str, all: Vec<Value>) -> Answer {
    let size = input.number("PageSize").and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(USUAL).max(1);
    let start = match input.some_text("Marker") {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| invalid("The marker is invalid"))?,
    };
    let total = all.len();
    let page: Vec<_> = all.into_iter().skip(start).take(size).collect();
    let mut answer = json!({ name: page });
    let next = start.saturating_add(size);
    if next < total {
        answer["NextMarker"] = next.to_string().into();
    }
    Ok(answer)
}
