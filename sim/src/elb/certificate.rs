//! What an HTTPS listener is secured with: a default certificate, others by the name that a client asks
//! for, and a policy.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{invalid, listener, page};
use crate::acm;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Certificates that a listener has room for besides its default one.
const QUOTA: usize = 25;
/// The policy of a listener that is made without one (Elastic Load Balancing guide, "Security policies").
const USUAL_POLICY: &str = "ELBSecurityPolicy-2016-08";
/// Security policies that there are, of many.
const POLICIES: [&str; 8] = [
    USUAL_POLICY,
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
];

/// What a listener is secured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    /// ARN of the default certificate.
    pub(super) default: String,
    /// ARNs of the others.
    pub(super) others: BTreeSet<String>,
    /// The security policy.
    pub(super) policy: String,
}

impl Tls {
    /// Members of a listener's description.
    pub(super) fn describe(&self, answer: &mut Value) {
        answer["SslPolicy"] = self.policy.as_str().into();
        answer["Certificates"] = json!([{ "CertificateArn": self.default }]);
    }
}

/// Reads what a request says for a listener of a protocol, where it was secured with this before.
pub(super) fn read(
    world: &World,
    input: &Value,
    protocol: &str,
    before: Option<&Tls>,
) -> Result<Option<Tls>, Refusal> {
    let (given, policy) = (input.list("Certificates"), input.some_text("SslPolicy"));
    if protocol != "HTTPS" {
        return match given.is_empty() && policy.is_none() {
            true => Ok(None),
            false => {
                Err(invalid("A certificate and a security policy are only for HTTPS listeners"))
            }
        };
    }
    let default = match given {
        [] => match before {
            Some(before) => before.default.clone(),
            None => return Err(invalid("A certificate must be specified for HTTPS listeners")),
        },
        [one] => checked(world, one)?,
        _ => return Err(invalid("Up to '1' certificates can be specified")),
    };
    let policy = policy.or(before.map(|it| it.policy.as_str())).unwrap_or(USUAL_POLICY);
    if !POLICIES.contains(&policy) {
        let message = format!("SSL policy '{policy}' not found");
        return Err(Refusal::new("SSLPolicyNotFound", message));
    }
    let others = before.map(|it| it.others.clone()).unwrap_or_default();
    Ok(Some(Tls { default, others, policy: policy.to_owned() }))
}

/// The ARN of a certificate that can be used. One that is not issued is refused in words that do not say
/// so (azul-terraform#8321, terraform-provider-aws#41789).
fn checked(world: &World, certificate: &Value) -> Result<String, Refusal> {
    let arn = certificate.text("CertificateArn");
    if certificate.flag("IsDefault").is_some() {
        return Err(invalid("You cannot set the isDefault parameter for a certificate"));
    }
    match acm::status(world, arn) {
        Some("ISSUED") => Ok(arn.to_owned()),
        Some(_) => {
            let message = format!(
                "The certificate '{arn}' must have a fully-qualified domain name, a supported \
                 signature, and a supported key size."
            );
            Err(Refusal::new("UnsupportedCertificate", message))
        }
        None => {
            let message = format!("Certificate '{arn}' not found");
            Err(Refusal::new("CertificateNotFound", message))
        }
    }
}

fn secured<'a>(world: &'a World, arn: &str) -> Result<&'a Tls, Refusal> {
    let it = listener::visible(world, arn)?;
    it.tls.as_ref().ok_or_else(|| invalid("The listener is no HTTPS listener"))
}

/// `AddListenerCertificates`: one at a time; one that is there already stays.
pub(super) fn add(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("ListenerArn");
    let [certificate] = input.list("Certificates") else {
        return Err(invalid("Up to '1' certificates can be specified"));
    };
    let added = checked(world, certificate)?;
    let there = secured(world, arn)?;
    if !there.others.contains(&added) && there.others.len() >= QUOTA {
        let message = "You've reached the limit on the number of certificates per load balancer";
        return Err(Refusal::new("TooManyCertificates", message));
    }
    if let Some(tls) = world.elb_mut().listeners.get_mut(arn).and_then(|it| it.tls.as_mut()) {
        tls.others.insert(added.clone());
    }
    Ok(json!({ "Certificates": [{ "CertificateArn": added, "IsDefault": false }] }))
}

/// `RemoveListenerCertificates`: the default one stays.
pub(super) fn remove(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("ListenerArn");
    let there = secured(world, arn)?;
    let certificates = input.list("Certificates").iter();
    let all: Vec<_> = certificates.map(|it| it.text("CertificateArn").to_owned()).collect();
    if all.contains(&there.default) && !there.others.contains(&there.default) {
        let message = "Default certificates cannot be removed from a listener";
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    if let Some(tls) = world.elb_mut().listeners.get_mut(arn).and_then(|it| it.tls.as_mut()) {
        tls.others.retain(|it| !all.contains(it));
    }
    Ok(json!({}))
}

/// `DescribeListenerCertificates`: the default one is among them.
pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let tls = secured(world, input.text("ListenerArn"))?;
    let default = json!({ "CertificateArn": tls.default, "IsDefault": true });
    let others = tls.others.iter().map(|it| json!({ "CertificateArn": it, "IsDefault": false }));
    page(world, input, "Certificates", [default].into_iter().chain(others).collect())
}
