//! Answers in XML, for the query protocols and for REST XML.

use std::fmt::Write as _;

use quick_xml::escape::escape;
use serde_json::Value;

use super::{Response, check, iso8601};
use crate::model::{Kind, Member, Model, Protocol, Shape};
use crate::refusal::Refusal;

/// Writes an answer.
pub(super) fn write(
    model: &Model,
    operation: &str,
    value: &Value,
    request_id: &str,
    misfits: &mut Vec<String>,
) -> Response {
    let it = &model.operations[operation];
    let mut headers = vec![("content-type", "text/xml".to_owned())];
    let mut inside = String::new();
    if let Some(shape) = it.output.as_ref().map(|name| model.shape(name)) {
        check::answer(model, shape, value, operation, misfits);
        for (name, member) in &shape.members {
            match (member.at.as_deref(), value.get(name)) {
                (Some("header"), Some(Value::String(text))) => {
                    headers.push(("location", text.clone()));
                }
                (None, Some(value)) => {
                    put(model, &mut inside, &wire_name(name, member), member, value);
                }
                _ => {}
            }
        }
    }
    let id = format!("<RequestId>{request_id}</RequestId>");
    let namespace = &model.namespace;
    let body = match model.protocol {
        Protocol::Ec2 => {
            let namespace = format!("http://ec2.amazonaws.com/doc/{}/", model.version);
            format!(
                "<{operation}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>{inside}</{operation}Response>"
            )
        }
        Protocol::RestXml => {
            let root = it.output.as_deref().unwrap_or("Response");
            format!("<{root} xmlns=\"{namespace}\">{inside}</{root}>")
        }
        _ => {
            let wrapped = match &it.wrapper {
                Some(wrapper) => format!("<{wrapper}>{inside}</{wrapper}>"),
                None => inside,
            };
            format!(
                "<{operation}Response xmlns=\"{namespace}\">{wrapped}<ResponseMetadata>{id}</ResponseMetadata></{operation}Response>"
            )
        }
    };
    Response { status: 200, headers, body }
}

/// Writes a refusal.
pub(super) fn refuse(model: &Model, refusal: &Refusal, request_id: &str) -> Response {
    if model.protocol != Protocol::Ec2 {
        return refuse_wrapped(&model.namespace, refusal, request_id);
    }
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    refused(
        refusal,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
        ),
    )
}

/// Writes a refusal as all but EC2 and S3 do.
pub(super) fn refuse_wrapped(namespace: &str, refusal: &Refusal, request_id: &str) -> Response {
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    refused(
        refusal,
        format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        ),
    )
}

/// Writes a refusal as S3 does.
pub(super) fn refuse_bare(refusal: &Refusal, request_id: &str) -> Response {
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    refused(
        refusal,
        format!(
            "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
        ),
    )
}

fn refused(refusal: &Refusal, body: String) -> Response {
    let headers = vec![("content-type", "text/xml".to_owned())];
    Response { status: refusal.status, headers, body }
}

fn wire_name(name: &str, member: &Member) -> String {
    member.wire.clone().unwrap_or_else(|| name.to_owned())
}

/// Writes one member: `<name>…</name>`, or several of those for a list without an element of its own.
fn put(model: &Model, out: &mut String, name: &str, member: &Member, value: &Value) {
    let shape = model.shape(&member.shape);
    if shape.kind == Kind::List && (shape.flat || member.flat) {
        let item = shape.member.as_ref().expect("a list says what it holds");
        let name = item.wire.as_deref().unwrap_or(name);
        for value in value.as_array().into_iter().flatten() {
            element(model, out, name, item, value);
        }
    } else {
        element(model, out, name, member, value);
    }
}

fn element(model: &Model, out: &mut String, name: &str, member: &Member, value: &Value) {
    let shape = model.shape(&member.shape);
    let _infallible = write!(out, "<{name}>");
    content(model, out, shape, value);
    let _infallible = write!(out, "</{name}>");
}

fn content(model: &Model, out: &mut String, shape: &Shape, value: &Value) {
    match shape.kind {
        Kind::Structure => {
            for (name, member) in &shape.members {
                if let Some(value) = value.get(name) {
                    put(model, out, &wire_name(name, member), member, value);
                }
            }
        }
        Kind::List => {
            let item = shape.member.as_ref().expect("a list says what it holds");
            let usual = if model.protocol == Protocol::Ec2 { "item" } else { "member" };
            for value in value.as_array().into_iter().flatten() {
                element(model, out, item.wire.as_deref().unwrap_or(usual), item, value);
            }
        }
        Kind::Map => {
            let (key, of) = (shape.key.as_ref(), shape.value.as_ref());
            let (key, of) = (key.expect("a map has keys"), of.expect("a map has values"));
            for (text, value) in value.as_object().into_iter().flatten() {
                out.push_str("<entry>");
                let text = Value::from(text.as_str());
                element(model, out, key.wire.as_deref().unwrap_or("key"), key, &text);
                element(model, out, of.wire.as_deref().unwrap_or("value"), of, value);
                out.push_str("</entry>");
            }
        }
        Kind::Timestamp => out.push_str(&iso8601(value.as_f64().unwrap_or_default())),
        _ => match value {
            Value::String(text) => out.push_str(&escape(text.as_str())),
            other => {
                let _infallible = write!(out, "{other}");
            }
        },
    }
}
