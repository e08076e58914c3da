//! Reads requests and writes answers, one codec for each protocol, all of them driven by the model.
//!
//! A request becomes a JSON object whose members have the model's names, whatever they are called on
//! the wire; an answer is the same thing in the other direction. What a request has and the model does
//! not know is refused, and so is what breaks a constraint: [`check`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{self, Model, Protocol};
use super::refusal::{Answer, Refusal};

pub mod check;
mod form;
mod json;
mod rest;
mod xml;

/// A request as it comes over the wire.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// An answer as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// A call that was understood.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service, by the name that it signs requests for.
    pub service: &'static str,
    /// The operation.
    pub operation: String,
    /// The region.
    pub region: String,
    /// The request, checked.
    pub input: Value,
}

/// Whom a request is for, as its signature says.
#[derive(Debug, Clone)]
pub struct Addressee {
    /// The region.
    pub region: String,
    /// The service.
    pub service: &'static str,
    /// Its model.
    pub model: &'static Model,
}

/// Reads whom a request is for: `Credential=KEY/20260101/us-east-1/ec2/aws4_request`.
pub fn addressee(request: &Request) -> Result<Addressee, Refusal> {
    let unsigned = || {
        Refusal::new("MissingAuthenticationToken", "Request is missing Authentication Token")
            .with_status(403)
    };
    let signed = request.headers.get("authorization").ok_or_else(unsigned)?;
    let scope = signed.split("Credential=").nth(1).ok_or_else(unsigned)?;
    let mut parts = scope.split('/').skip(2);
    let region = parts.next().ok_or_else(unsigned)?.to_owned();
    let name = parts.next().ok_or_else(unsigned)?;
    let (service, model) = model::service(name)
        .ok_or_else(|| Refusal::new("SimulatorLacks", format!("the service {name}")))?;
    Ok(Addressee { region, service, model })
}

/// Reads a request: first the operation, so that a refusal can name it, then its members.
pub fn read(to: &Addressee, request: &Request) -> (String, Result<Value, Refusal>) {
    let (operation, input) = match to.model.protocol {
        Protocol::Ec2 | Protocol::Query => form::read(to.model, &request.body),
        Protocol::Json => json::read(to.model, request),
        Protocol::RestXml => rest::read(to.model, request),
    };
    if !to.model.operations.contains_key(&operation) {
        let what = format!("{}:{operation}", to.service);
        return (operation, Err(Refusal::new("SimulatorLacks", what)));
    }
    let input = input.and_then(|input| {
        check::request(to, &operation, &input)?;
        Ok(input)
    });
    (operation, input)
}

/// Writes an answer. What does not fit the operation's output shape is a mistake of the simulator and
/// comes back as the second value.
pub fn write(
    to: &Addressee,
    operation: &str,
    answer: &Answer,
    request_id: &str,
) -> (Response, Vec<String>) {
    let mut misfits = Vec::new();
    let response = match (to.model.protocol, answer) {
        (Protocol::Json, Ok(value)) => json::write(to.model, operation, value, &mut misfits),
        (Protocol::Json, Err(refusal)) => json::refuse(refusal),
        (_, Ok(value)) => xml::write(to.model, operation, value, request_id, &mut misfits),
        (_, Err(refusal)) => xml::refuse(to.model, refusal, request_id),
    };
    let mut response = response;
    response.headers.push(("x-amzn-requestid", request_id.to_owned()));
    (response, misfits)
}

/// Seconds since 1970 as ISO 8601 in UTC.
fn iso8601(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "moments are within a few centuries")]
    let moment = jiff::Timestamp::from_millisecond(millis as i64).unwrap_or_default();
    format!("{moment:.3}")
}
