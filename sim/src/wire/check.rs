//! Whether a request is one that AWS would read on, and an answer one that it would give.

use serde_json::Value;

use super::Addressee;
use crate::model::{Kind, Model, Shape};
use crate::refusal::Refusal;

/// Refuses a request that lacks something, has something unknown, or breaks a constraint.
pub(crate) fn request(to: &Addressee, operation: &str, input: &Value) -> Result<(), Refusal> {
    match to.service.model.input(operation) {
        Some(shape) => value(to, shape, input, ""),
        None => Ok(()),
    }
}

/// How a service words a bad request.
fn refuse(to: &Addressee, missing: bool, message: String) -> Refusal {
    let refusals = &to.service.refusals;
    Refusal::new(if missing { refusals.missing } else { refusals.malformed }, message)
}

fn value(to: &Addressee, shape: &Shape, value: &Value, path: &str) -> Result<(), Refusal> {
    let refuse = |why: String| Err(refuse(to, false, format!("1 validation error: {why}")));
    let at = if path.is_empty() { "the request" } else { path };
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => structure(to, shape, members, path),
        (Kind::List, Value::Array(items)) => {
            if !within(shape, items.len()) {
                return refuse(format!("{at} has {} items", items.len()));
            }
            let member = shape.member.as_ref().expect("a list says what it holds");
            let inner = to.service.model.shape(&member.shape);
            items.iter().try_for_each(|item| self::value(to, inner, item, path))
        }
        (Kind::Map, Value::Object(entries)) => {
            let of = shape.value.as_ref().expect("a map has values");
            let inner = to.service.model.shape(&of.shape);
            entries.values().try_for_each(|entry| self::value(to, inner, entry, path))
        }
        (Kind::String, Value::String(text)) => {
            if !shape.values.is_empty() && !shape.values.contains(text) {
                let values = shape.values.join(", ");
                return refuse(format!("'{text}' at {at} must be one of {values}"));
            }
            if !within(shape, text.chars().count()) {
                return refuse(format!("'{text}' at {at} has {} characters", text.chars().count()));
            }
            if !shape.allows(text) {
                let pattern = shape.pattern().unwrap_or_default();
                return refuse(format!("'{text}' at {at} does not match {pattern}"));
            }
            Ok(())
        }
        (Kind::Integer | Kind::Long | Kind::Double | Kind::Float, Value::Number(number)) => {
            let is = number.as_f64().unwrap_or_default();
            match shape.min.is_none_or(|min| is >= min) && shape.max.is_none_or(|max| is <= max) {
                true => Ok(()),
                false => refuse(format!("{number} at {at} is out of range")),
            }
        }
        (Kind::Boolean, Value::Bool(_))
        | (Kind::Timestamp, Value::Number(_))
        | (Kind::Blob, Value::String(_)) => Ok(()),
        _ => refuse(format!("{at} has the wrong type")),
    }
}

fn structure(
    to: &Addressee,
    shape: &Shape,
    members: &serde_json::Map<String, Value>,
    path: &str,
) -> Result<(), Refusal> {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(missing) = shape.required.iter().find(|name| !members.contains_key(*name)) {
        let message = format!("The request must contain the parameter {}", below(missing));
        return Err(refuse(to, true, message));
    }
    for (name, inner) in members {
        let Some(member) = shape.members.get(name) else {
            let message = format!("The parameter {} is not recognized", below(name));
            return Err(refuse(to, false, message));
        };
        value(to, to.service.model.shape(&member.shape), inner, &below(name))?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "lengths are small")]
fn within(shape: &Shape, length: usize) -> bool {
    let length = length as f64;
    shape.min.is_none_or(|min| length >= min) && shape.max.is_none_or(|max| length <= max)
}

/// Says where an answer does not fit its shape: unknown members and wrong types.
pub(super) fn answer(
    model: &Model,
    shape: &Shape,
    value: &Value,
    path: &str,
    misfits: &mut Vec<String>,
) {
    let inner = |name: &str, value: &Value, path: &str, misfits: &mut Vec<String>| {
        answer(model, model.shape(name), value, path, misfits);
    };
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            for (name, value) in members {
                let below = format!("{path}.{name}");
                match shape.members.get(name) {
                    Some(member) => inner(&member.shape, value, &below, misfits),
                    None => misfits.push(format!("{below} is not in the model")),
                }
            }
        }
        (Kind::List, Value::Array(items)) => {
            let member = shape.member.as_ref().expect("a list says what it holds");
            items.iter().for_each(|item| inner(&member.shape, item, path, misfits));
        }
        (Kind::Map, Value::Object(entries)) => {
            let of = shape.value.as_ref().expect("a map has values");
            entries.values().for_each(|entry| inner(&of.shape, entry, path, misfits));
        }
        (Kind::String, Value::String(text)) => {
            if !shape.values.is_empty() && !shape.values.contains(text) {
                misfits.push(format!("{path} cannot be '{text}'"));
            }
        }
        (Kind::Integer | Kind::Long, Value::Number(number)) if number.as_i64().is_some() => {}
        (Kind::Double | Kind::Float | Kind::Timestamp, Value::Number(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Blob, Value::String(_)) => {}
        _ => misfits.push(format!("{path} has the wrong type: {value}")),
    }
}
