//! The certificates that load balancers are to be secured with: whether they can be used, and whether they
//! cover the hosts.
//!
//! Elastic Load Balancing refuses one that is not issued in words that do not say so, and one of another
//! region as if it were only not there yet.

use std::collections::BTreeSet;

use aws_sdk_acm::types::CertificateStatus;

use super::{Problem, unknown};
use crate::arn::Arn;
use crate::aws::{Aws, Doing, Meanings, Result};
use crate::engine::looks::Looks;
use crate::spec::{Scheme, Spec, SpecError};

/// A certificate that is there.
struct Certificate {
    /// The names that it is for.
    names: Vec<String>,
    /// Its state.
    status: CertificateStatus,
}

/// Checks the certificates of all load balancers. Returns warnings of what could not be looked up.
pub(super) async fn check(looks: &Looks, spec: &Spec) -> Result<Vec<String>, Problem> {
    let (mut warnings, mut refused) = (Vec::new(), Vec::new());
    for (scheme, ingress) in spec.ingresses() {
        let Some(tls) = &ingress.tls else { continue };
        let field = format!("ingress.{}.certificates", scheme.word());
        let mut names: Option<Vec<String>> = Some(Vec::new());
        for arn in &tls.certificates {
            let refuse = |rule: String| SpecError::new(field.clone(), arn.clone(), rule);
            if let Some(rule) = elsewhere(looks, arn) {
                refused.push(refuse(rule));
                continue;
            }
            match describe(looks.aws(), arn).await {
                Ok(None) => refused.push(refuse("is no certificate of this account".to_owned())),
                Ok(Some(it)) if it.status != CertificateStatus::Issued => {
                    refused.push(refuse(not_issued(&it.status)));
                }
                Ok(Some(it)) => {
                    if let Some(names) = &mut names {
                        names.extend(it.names);
                    }
                }
                Err(error) if error.is_not_offered() => {
                    warnings.push(unknown("look up a certificate", &error));
                    names = None;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(names) = names.filter(|_| refused.is_empty()) {
            refused.extend(uncovered(spec, scheme, &names));
        }
    }
    if refused.is_empty() { Ok(warnings) } else { Err(Problem::Refused(refused)) }
}

/// Why a certificate cannot be of this region.
fn elsewhere(looks: &Looks, arn: &str) -> Option<String> {
    let region = looks.scope().region();
    let is = Arn::parse(arn)?.region.to_owned();
    (is != region).then(|| {
        format!("is of {is}: a load balancer of {region} takes certificates of {region} alone")
    })
}

fn not_issued(status: &CertificateStatus) -> String {
    let do_this = match status {
        CertificateStatus::PendingValidation => {
            "prove to ACM that its names are yours, by the records that it shows, and try again"
        }
        CertificateStatus::Expired => "renew it",
        _ => "ask ACM for another one",
    };
    format!("is {}, and a load balancer takes only what is ISSUED: {do_this}", status.as_str())
}

async fn describe(aws: &Aws, arn: &str) -> Result<Option<Certificate>> {
    let described = aws.acm.describe_certificate().certificate_arn(arn).send().await;
    let described = described.doing("look up the certificate");
    let described = described.gone_is_fine(&["ResourceNotFoundException"])?;
    Ok(described.and_then(|it| it.certificate).map(|it| Certificate {
        names: {
            let names = it.domain_name.into_iter();
            let names = names.chain(it.subject_alternative_names.into_iter().flatten());
            names.collect::<BTreeSet<_>>().into_iter().collect()
        },
        status: it.status.unwrap_or(CertificateStatus::Issued),
    }))
}

/// Hosts that none of these names covers. Those with wildcards are left to whoever writes them.
fn uncovered(spec: &Spec, scheme: Scheme, names: &[String]) -> Vec<SpecError> {
    let of = |service: &crate::spec::Service| {
        let route = service.route(scheme)?;
        let mut hosts = route.hosts.iter().chain(&route.names);
        let host = hosts.find(|host| {
            !host.contains(['*', '?']) && !names.iter().any(|name| covers(name, host))
        })?;
        let rule =
            format!("is covered by none of the certificates, which are for {}", names.join(", "));
        Some(SpecError::new(format!("service.{}.hosts", service.name), host.clone(), rule))
    };
    spec.services.iter().filter_map(of).collect()
}

/// Whether a certificate for a name is one for a host: `*` stands for one label, the first.
fn covers(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(covers("example.com", "Example.com") && covers("*.example.com", "a.example.com"));
        for host in ["example.com", "a.b.example.com", "aexample.com"] {
            assert!(!covers("*.example.com", host), "{host}");
        }
    }
}
