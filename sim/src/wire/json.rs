//! The JSON protocol: members go by their own names, so there is next to nothing to do.

use serde_json::{Map, Value, json};

use super::{Request, Response, check};
use crate::model::{Kind, Model};
use crate::refusal::Refusal;

/// Reads the operation out of its header, and the members out of the body.
pub(super) fn read(model: &Model, request: &Request) -> (String, Result<Value, Refusal>) {
    let target = request.headers.get("x-amz-target").map(String::as_str).unwrap_or_default();
    let operation = target.strip_prefix(&format!("{}.", model.target)).unwrap_or(target).to_owned();
    let input = match request.body.is_empty() {
        true => Ok(Value::Object(Map::new())),
        false => serde_json::from_str(&request.body)
            .map_err(|error| Refusal::new("SerializationException", error.to_string())),
    };
    (operation, input)
}

/// Writes an answer.
pub(super) fn write(
    model: &Model,
    operation: &str,
    value: &Value,
    misfits: &mut Vec<String>,
) -> Response {
    let output = model.operations[operation].output.as_ref();
    let body = match output.map(|name| model.shape(name)) {
        Some(shape) if shape.kind == Kind::Structure => {
            check::answer(model, shape, value, operation, misfits);
            value.to_string()
        }
        _ => "{}".to_owned(),
    };
    Response { status: 200, headers: vec![TYPE()], body }
}

/// Writes a refusal.
pub(super) fn refuse(refusal: &Refusal) -> Response {
    let body = json!({ "__type": refusal.code, "message": refusal.message }).to_string();
    let code = ("x-amzn-errortype", refusal.code.clone());
    Response { status: refusal.status, headers: vec![TYPE(), code], body }
}

const TYPE: fn() -> (&'static str, String) =
    || ("content-type", "application/x-amz-json-1.1".to_owned());
