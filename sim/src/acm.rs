//! AWS Certificate Manager: certificates, which somebody else has asked for.
//!
//! Nothing is issued or validated here: a certificate is in the state that whoever added it says
//! ([`add`]). Load balancers take only those that are issued, in their own region.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::model::Model;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::Looks;
use crate::service::Service;
use crate::world::{Scope, State, Tagged, World};

mod policy;
#[cfg(test)]
mod tests;

/// The service. Its limits are those of the ACM guide, "Quotas".
pub static SERVICE: Service = Service {
    name: "acm",
    model: LazyLock::new(|| Model::read(include_str!("acm/model.json"))),
    operations: &[("DescribeCertificate", Looks(describe_certificate))],
    limits: Limits { shared: Shared::ByOperation, looks: (10.0, 10.0), changes: (5.0, 5.0) },
    refusals: Refusals {
        missing: "ValidationException",
        malformed: "ValidationException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Acm::SCOPE,
    begin: World::begin::<Acm>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Every certificate of a region.
#[derive(Debug, Default)]
pub struct Acm {
    /// By ARN.
    certificates: BTreeMap<String, Certificate>,
}

impl State for Acm {
    const SCOPE: Scope = Scope::Region;

    fn new(_: &World) -> Self {
        Self::default()
    }
}

/// A certificate.
#[derive(Debug)]
struct Certificate {
    /// The names that it is for, the first one its own.
    names: Vec<String>,
    /// Such as `ISSUED` or `PENDING_VALIDATION`.
    status: String,
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// Adds a certificate to the region, in a state; returns its ARN.
pub fn add(world: &mut World, names: &[&str], status: &str) -> String {
    let id = world.uuid();
    let arn = world.arn("acm", &format!("certificate/{id}"));
    add_as(world, &arn, names, status);
    arn
}

/// Adds a certificate under an ARN, such as one that a manifest names.
pub fn add_as(world: &mut World, arn: &str, names: &[&str], status: &str) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = Certificate { names, status: status.to_owned() };
    world.state_mut::<Acm>().certificates.insert(arn.to_owned(), certificate);
}

/// The state of a certificate, if it is there.
pub fn status<'a>(world: &'a World, arn: &str) -> Option<&'a str> {
    world.state::<Acm>().certificates.get(arn).map(|it| it.status.as_str())
}

fn ids(world: &World) -> Vec<String> {
    world.state::<Acm>().certificates.keys().cloned().collect()
}

fn tagged(world: &World) -> Vec<Tagged> {
    let arns = ids(world).into_iter();
    arns.map(|arn| ("certificate".to_owned(), arn, Tags::new())).collect()
}

fn describe_certificate(world: &World, input: &Value) -> Answer {
    let arn = input.text("CertificateArn");
    let Some(it) = world.state::<Acm>().certificates.get(arn) else {
        let message = format!("Could not find certificate {arn}.");
        return Err(Refusal::new("ResourceNotFoundException", message));
    };
    Ok(json!({ "Certificate": {
        "CertificateArn": arn,
        "DomainName": it.names.first(),
        "SubjectAlternativeNames": it.names,
        "Status": it.status,
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "InUseBy": [],
    }}))
}
