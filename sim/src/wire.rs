//! Reads requests and writes answers, one codec for each protocol, all of them driven by the model.
//!
//! A request becomes a JSON object whose members have the model's names, whatever they are called on
//! the wire; an answer is the same thing in the other direction. What a request has and the model does
//! not know is refused, and so is what breaks a constraint: [`check`].

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Protocol;
use crate::refusal::{Answer, Refusal};
use crate::service::Service;

pub mod check;
mod form;
mod json;
mod rest;
mod xml;

/// How deep a request may be nested. No shape is half as deep; what reads requests goes down with them,
/// on a stack that ends.
const DEEPEST: usize = 32;

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

/// Whom a request is for, as its signature says.
#[derive(Debug, Clone)]
pub struct Addressee {
    /// The region.
    pub region: String,
    /// The service.
    pub service: &'static Service,
}

/// Reads for whom of these a request is: `Credential=KEY/20260101/us-east-1/ec2/aws4_request`.
pub fn addressee(request: &Request, services: &[&'static Service]) -> Result<Addressee, Refusal> {
    let unsigned = || {
        Refusal::new("MissingAuthenticationToken", "Request is missing Authentication Token")
            .with_status(403)
    };
    let signed = request.headers.get("authorization").ok_or_else(unsigned)?;
    let scope = signed.split("Credential=").nth(1).ok_or_else(unsigned)?;
    let mut parts = scope.split('/').skip(2);
    let region = parts.next().ok_or_else(unsigned)?.to_owned();
    let name = parts.next().ok_or_else(unsigned)?;
    let service = services.iter().find(|service| service.name == name);
    let service = service.ok_or_else(|| Refusal::lacked(&format!("the service {name}")))?;
    Ok(Addressee { region, service })
}

/// Reads a request: first the operation, so that a refusal can name it, then its members.
pub fn read(to: &Addressee, request: &Request) -> (String, Result<Value, Refusal>) {
    let model = &*to.service.model;
    let (operation, input) = match model.protocol {
        Protocol::Ec2 | Protocol::Query => form::read(model, &request.body),
        Protocol::Json | Protocol::Json10 => json::read(model, request),
        Protocol::RestXml => rest::read(model, request),
    };
    if !model.operations.contains_key(&operation) {
        let refusal = Refusal::lacked(&format!("the operation {}:{operation}", to.service.name));
        return (operation, Err(refusal));
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
    let (model, mut misfits) = (&*to.service.model, Vec::new());
    let mut response = match (model.protocol, answer) {
        (Protocol::Json | Protocol::Json10, Ok(value)) => {
            json::write(model, operation, value, &mut misfits)
        }
        (Protocol::Json, Err(refusal)) => json::refuse(refusal),
        (Protocol::Json10, Err(refusal)) => json::refuse_in_namespace(model, refusal),
        (_, Ok(value)) => xml::write(model, operation, value, request_id, &mut misfits),
        (_, Err(refusal)) => xml::refuse(model, refusal, request_id),
    };
    response.headers.push(("x-amzn-requestid", request_id.to_owned()));
    (response, misfits)
}

/// Writes a refusal of a request that was not read as far as its operation. It is in the protocol of its
/// service, or in that which it looks like: whatever is simulated or not, a client finds the code where
/// it looks for it.
pub fn refuse(
    to: Option<&Addressee>,
    request: &Request,
    refusal: &Refusal,
    request_id: &str,
) -> Response {
    if let Some(to) = to {
        return write(to, "", &Err(refusal.clone()), request_id).0;
    }
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    let (kind, service) = (header("content-type"), header("authorization").split('/').nth(3));
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let mut response = match service {
        Some("s3") => xml::refuse_bare(refusal, request_id),
        // These are all that speak XML beside those that take forms. Unsigned requests are anybody's.
        _ if header("x-amz-target").is_empty()
            && (is_form || matches!(service, None | Some("cloudfront"))) =>
        {
            xml::refuse_wrapped("", refusal, request_id)
        }
        _ => json::refuse(refusal),
    };
    response.headers.push(("x-amzn-requestid", request_id.to_owned()));
    response
}

/// Seconds since 1970 as ISO 8601 in UTC.
fn iso8601(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "moments are within a few centuries")]
    let moment = jiff::Timestamp::from_millisecond(millis as i64).unwrap_or_default();
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services;

    fn request(service: &str, target: &str, path: &str, body: &str) -> Request {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/{service}/aws4_request");
        let headers = [("authorization", scope), ("x-amz-target", target.to_owned())];
        Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.to_owned(),
        }
    }

    fn read_by(service: &str, target: &str, path: &str, body: &str) -> Result<Value, String> {
        let request = request(service, target, path, body);
        let to = addressee(&request, services::ALL).map_err(|refusal| refusal.code)?;
        read(&to, &request).1.map_err(|refusal| refusal.code)
    }

    #[test]
    fn every_protocol_reads_the_same_kind_of_thing() {
        let read = |body| read_by("ec2", "", "/", body);
        let body = "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&MaxResults=5";
        let filters = json!([{ "Name": "vpc-id", "Values": ["vpc-1"] }]);
        assert_eq!(read(body), Ok(json!({ "Filters": filters, "MaxResults": 5 })));

        let body = "Action=DeleteAutoScalingGroup&AutoScalingGroupName=asg-demo&ForceDelete=true";
        let group = json!({ "AutoScalingGroupName": "asg-demo", "ForceDelete": true });
        assert_eq!(read_by("autoscaling", "", "/", body), Ok(group));

        let target = "AmazonEC2ContainerServiceV20141113.DeleteCluster";
        let cluster = json!({ "cluster": "demo" });
        assert_eq!(read_by("ecs", target, "/", &cluster.to_string()), Ok(cluster));

        let body = "<ChangeTagsForResourceRequest><AddTags><Tag><Key>a</Key><Value>&lt;b</Value></Tag></AddTags></ChangeTagsForResourceRequest>";
        let path = "/2013-04-01/tags/hostedzone/Z1";
        let tags = json!({
            "ResourceType": "hostedzone",
            "ResourceId": "Z1",
            "AddTags": [{ "Key": "a", "Value": "<b" }],
        });
        assert_eq!(read_by("route53", "", path, body), Ok(tags));
    }

    #[test]
    fn what_breaks_the_model_is_refused_as_the_service_does() {
        let ec2 = |body| read_by("ec2", "", "/", body).unwrap_err();
        assert_eq!(ec2("Action=DeleteVpc"), "MissingParameter");
        assert_eq!(ec2("Action=DeleteVpc&VpcId=vpc-1&Colour=red"), "UnknownParameter");
        assert_eq!(ec2("Action=DescribeVpcs&MaxResults=many"), "InvalidParameterValue");
        assert_eq!(ec2("Action=DescribeVpcs&MaxResults=2"), "InvalidParameterValue");
        assert_eq!(ec2("Action=DescribeVpcs&Filter.one.Name=x"), "UnknownParameter");
        assert_eq!(ec2("Action=CreateFleet"), "SimulatorLacks");

        let elb = |body| read_by("elasticloadbalancing", "", "/", body).unwrap_err();
        assert_eq!(elb("Action=CreateLoadBalancer"), "ValidationError");
        assert_eq!(elb("Action=CreateLoadBalancer&Name=a&Scheme=secret"), "ValidationError");

        let target = "AmazonEC2ContainerServiceV20141113.CreateService";
        let ecs = |body: Value| read_by("ecs", target, "/", &body.to_string()).unwrap_err();
        assert_eq!(ecs(json!({})), "InvalidParameterException");
        assert_eq!(ecs(json!({ "serviceName": "a", "colour": 1 })), "InvalidParameterException");
        assert_eq!(ecs(json!({ "serviceName": 1 })), "InvalidParameterException");

        let role = "Action=GetRole&RoleName=a%20b";
        assert_eq!(read_by("iam", "", "/", role).unwrap_err(), "ValidationError");
        assert_eq!(read_by("s3", "", "/", "").unwrap_err(), "SimulatorLacks");
        assert_eq!(
            read_by("route53", "", "/2013-04-01/nothing", "").unwrap_err(),
            "SimulatorLacks"
        );
    }

    #[test]
    fn an_answer_that_does_not_fit_is_found() {
        let request = request("ec2", "", "/", "Action=DescribeVpcs");
        let to = addressee(&request, services::ALL).unwrap();
        let answer = Ok(json!({ "Vpcs": [{ "VpcId": 7, "Colour": "red", "State": "tired" }] }));
        let (_, misfits) = write(&to, "DescribeVpcs", &answer, "1");
        assert_eq!(misfits.len(), 3, "{misfits:?}");
    }
}
