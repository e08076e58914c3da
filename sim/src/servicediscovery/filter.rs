//! Filters of listings. Cloud Map filters what a page holds, so that pages may be empty and more follow.

use serde_json::Value;

use super::invalid;
use crate::fields::Fields;
use crate::refusal::Refusal;

/// Keeps of a page in an answer what all filters let through: `value` is what a thing has for the name of one.
pub(super) fn keep(
    answer: &mut Value,
    list: &str,
    input: &Value,
    value: impl Fn(&Value, &str) -> Result<String, Refusal>,
) -> Result<(), Refusal> {
    for filter in input.list("Filters") {
        let (name, wanted) = (filter.text("Name"), filter.texts("Values"));
        let condition = filter.some_text("Condition").unwrap_or("EQ");
        if condition == "EQ" && wanted.len() != 1 {
            return Err(invalid(format!("Filter {name} with EQ takes one value.")));
        }
        let mut kept = Vec::new();
        for thing in answer.list(list) {
            let is = value(thing, name)?;
            let fits = match condition {
                "EQ" | "IN" => wanted.contains(&is),
                "BEGINS_WITH" => wanted.iter().any(|beginning| is.starts_with(beginning)),
                other => {
                    return Err(Refusal::lacked(&format!("the condition {other} of a filter")));
                }
            };
            if fits {
                kept.push(thing.clone());
            }
        }
        answer[list] = kept.into();
    }
    Ok(())
}
