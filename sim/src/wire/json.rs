//! The JSON protocols: members go by their own names, so there is next to nothing to do.
//!
//! JSON 1.0 differs from 1.1 in its name, and in the codes of errors: with their namespace in the body
//! (Smithy specification, "AWS JSON 1.0 protocol") and, of services that spoke the query protocol
//! before, as they were then in a header (the same, "AWS Query compatibility").

use serde_json::{Map, Value, json};

use super::{Request, Response, check};
use crate::model::{Kind, Model, Protocol};
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
    let version = if model.protocol == Protocol::Json10 { "1.0" } else { "1.1" };
    Response { status: 200, headers: vec![kind(version)], body }
}

/// Writes a refusal in JSON 1.1.
pub(super) fn refuse(refusal: &Refusal) -> Response {
    let body = json!({ "__type": refusal.code, "message": refusal.message }).to_string();
    let code = ("x-amzn-errortype", refusal.code.clone());
    Response { status: refusal.status, headers: vec![kind("1.1"), code], body }
}

/// Writes a refusal in JSON 1.0.
pub(super) fn refuse_in_namespace(model: &Model, refusal: &Refusal) -> Response {
    let Refusal { code, message, status } = refusal;
    let body = json!({ "__type": format!("{}#{code}", model.namespace), "message": message });
    let mut headers = vec![kind("1.0")];
    if model.spoke_query {
        let fault = if *status < 500 { "Sender" } else { "Receiver" };
        headers.push(("x-amzn-query-error", format!("{code};{fault}")));
    }
    Response { status: *status, headers, body: body.to_string() }
}

fn kind(version: &str) -> (&'static str, String) {
    ("content-type", format!("application/x-amz-json-{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_json_1_0_has_a_namespace_and_the_code_that_it_had_before() {
        let model = |spoke_query: bool| {
            let model = json!({
                "protocol": "json-1.0",
                "version": "1",
                "target": "Target",
                "namespace": "com.amazonaws.some",
                "spoke_query": spoke_query,
                "operations": {
                    "Look": { "method": "POST", "uri": "/", "output": "Seen" },
                },
                "shapes": { "Seen": { "type": "structure", "members": {} } },
            });
            Model::read(&model.to_string())
        };
        let refusal = Refusal::new("NotFound", "gone").with_status(404);
        let response = refuse_in_namespace(&model(true), &refusal);
        let kind = ("content-type", "application/x-amz-json-1.0".to_owned());
        let before = ("x-amzn-query-error", "NotFound;Sender".to_owned());
        assert_eq!(response.headers, [kind.clone(), before]);
        assert_eq!(response.status, 404);
        let body = r#"{"__type":"com.amazonaws.some#NotFound","message":"gone"}"#;
        assert_eq!(response.body, body);
        let headers = refuse_in_namespace(&model(false), &refusal).headers;
        assert_eq!(headers, std::slice::from_ref(&kind));
        let mut misfits = Vec::new();
        let seen = write(&model(true), "Look", &json!({}), &mut misfits);
        assert_eq!((seen.headers, seen.body.as_str(), misfits.len()), (vec![kind], "{}", 0));
    }
}
