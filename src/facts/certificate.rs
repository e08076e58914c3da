//! The certificates that load balancers are to be secured with: whether they can be used, and whether they
//! cover the hosts.
//!
//! Elastic Load Balancing refuses one that is not issued in words that do not say so, and one of another
//! region as if it were only not there yet.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_acm::types::CertificateStatus;
use futures::stream::{self, StreamExt as _};

use super::{Problem, unknown};
use crate::aws::{Aws, Doing, Meanings, Result};
use crate::engine::looks::Looks;
use crate::spec::{Scheme, Spec, SpecError, certificate_elsewhere};

/// How many certificates are described at once: there is no batch of them.
const AT_ONCE: usize = 8;

/// A certificate that is there.
struct Certificate {
    /// The names that it is for.
    names: Vec<String>,
    /// Its state, where AWS says it.
    status: Option<CertificateStatus>,
}

/// Checks the certificates of all load balancers. Returns warnings of what could not be looked up.
pub(super) async fn check(looks: &Looks, spec: &Spec) -> Result<Vec<String>, Problem> {
    let region = looks.scope().region();
    let all = spec.ingresses().filter_map(|(_, it)| it.tls.as_ref());
    let all: BTreeSet<_> = all.flat_map(|tls| &tls.certificates).collect();
    let here = all.into_iter().filter(|arn| certificate_elsewhere(arn, region).is_none());
    let found = stream::iter(here).map(async |arn| (arn, describe(looks.aws(), arn).await));
    let found: BTreeMap<_, _> = found.buffered(AT_ONCE).collect().await;
    let (mut warnings, mut refused) = (BTreeSet::new(), Vec::new());
    for (scheme, ingress) in spec.ingresses() {
        let Some(tls) = &ingress.tls else { continue };
        let field = format!("ingress.{}.certificates", scheme.word());
        let mut names: Option<Vec<String>> = Some(Vec::new());
        for arn in &tls.certificates {
            let refuse = |rule: String| SpecError::new(field.clone(), arn.clone(), rule);
            match found.get(arn) {
                None => refused.extend(certificate_elsewhere(arn, region).map(refuse)),
                Some(Ok(None)) => {
                    refused.push(refuse("is no certificate of this account".to_owned()));
                }
                Some(Ok(Some(it))) => {
                    refused.extend(not_issued(it.status.as_ref()).map(refuse));
                    if let Some(names) = &mut names {
                        names.extend(it.names.iter().cloned());
                    }
                }
                Some(Err(error)) if error.is_not_offered() => {
                    warnings.insert(unknown("look up a certificate", error));
                    names = None;
                }
                Some(Err(error)) => return Err(error.clone().into()),
            }
        }
        if let Some(names) = names.filter(|_| refused.is_empty()) {
            refused.extend(uncovered(spec, scheme, &names));
        }
    }
    if refused.is_empty() {
        Ok(warnings.into_iter().collect())
    } else {
        Err(Problem::Refused(refused))
    }
}

/// Why a certificate in this state does not serve.
fn not_issued(status: Option<&CertificateStatus>) -> Option<String> {
    let Some(status) = status else {
        return Some("is in a state that AWS does not say".to_owned());
    };
    let do_this = match status {
        CertificateStatus::Issued => return None,
        CertificateStatus::PendingValidation => {
            "prove to ACM that its names are yours, by the records that it shows, and try again"
        }
        CertificateStatus::Expired => "renew it",
        _ => "ask ACM for another one",
    };
    let is = status.as_str();
    Some(format!("is {is}, and a load balancer takes only what is ISSUED: {do_this}"))
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
        status: it.status,
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
