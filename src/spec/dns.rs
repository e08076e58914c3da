//! Checks of DNS names, and the choice of a zone and a host.

use super::Image;
use super::error::Problems;
use super::image::DOCKER_HUB;
use crate::names::{ServiceName, StackName, default_host, default_zone};

/// Longest DNS name as text, without the closing dot (RFC 1035: 255 octets on the wire).
const LIMIT: usize = 253;
/// Longest label (RFC 1035).
const LABEL_LIMIT: usize = 63;
/// A private zone of one of these names, or above or below it, would hide what AWS serves there: its
/// endpoints and, under the last two, the images of Amazon ECR Public and what they consist of.
const OF_AWS: [&str; 6] =
    ["amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws", "public.ecr.aws", "cloudfront.net"];
/// Docker Hub's registry and what its images consist of are served under these names.
const OF_DOCKER_HUB: [&str; 2] = [DOCKER_HUB, "docker.com"];

/// What was said of a zone and a name in it, by flags.
pub(crate) struct Said<'a> {
    /// The zone, if one was.
    pub(crate) zone: Option<&'a str>,
    /// The service's name, if one was.
    pub(crate) host: Option<&'a str>,
    /// Whether it was said that there is to be none.
    pub(crate) none: bool,
    /// Whether there is to be one if nothing is said.
    pub(crate) is_usual: bool,
}

/// Chooses the zone and the service's name in it, and checks what was typed. Both are in lower case and
/// without a closing dot.
pub(crate) fn choose(
    said: &Said<'_>,
    stack: &StackName,
    service: &ServiceName,
    image: Option<&Image>,
    problems: &mut Problems,
) -> Option<(String, String)> {
    if said.none {
        for (field, typed) in [("--zone", said.zone), ("--host", said.host)] {
            if let Some(typed) = typed {
                problems.add(field, typed, "cannot be combined with --no-dns");
            }
        }
        return None;
    }
    let typed_zone = check_typed(problems, "--zone", said.zone);
    let typed_host = check_typed(problems, "--host", said.host);
    if typed_zone.is_none() && typed_host.is_none() && !said.is_usual {
        return None;
    }
    let zone = typed_zone.clone().unwrap_or_else(|| match &typed_host {
        Some(host) => zone_of(host, &default_zone(stack)),
        None => default_zone(stack),
    });
    let images: Vec<_> = image.into_iter().collect();
    if let Err(rule) = check_hides(&zone, &images) {
        match (&typed_zone, &typed_host) {
            (None, Some(host)) => problems.add("--host", host, format!("its zone `{zone}` {rule}")),
            _ => problems.add("--zone", &zone, rule),
        }
        return None;
    }
    let host = match typed_host {
        Some(host) if lies_in(&host, &zone) => host,
        Some(host) => {
            problems.add("--host", host, format!("must be the zone `{zone}` or a name in it"));
            return None;
        }
        None => default_host(service, &zone),
    };
    if host.len() > LIMIT {
        problems.add(
            "--zone",
            &zone,
            format!("leaves no room for `{service}.` in front: {LIMIT} characters"),
        );
        return None;
    }
    Some((zone, host))
}

/// Checks that a private zone of this name hides nothing that these images need.
pub(crate) fn check_hides(zone: &str, images: &[&Image]) -> Result<(), String> {
    if let Some(hidden) = OF_AWS.into_iter().find(|it| lies_in(it, zone) || lies_in(zone, it)) {
        return Err(format!("would hide AWS's own names, under {hidden}, from the VPC"));
    }
    match images.iter().find_map(|image| hidden_registry(image, zone)) {
        Some(host) => {
            Err(format!("would hide {host} from the VPC, so that no task could pull its image"))
        }
        None => Ok(()),
    }
}

/// The host that an image comes from, when a private zone answers for its name and does not know it.
fn hidden_registry(image: &Image, zone: &str) -> Option<String> {
    let host = image.registry_host()?;
    let hidden = |host: &&str| lies_in(host, zone);
    let of_hub = OF_DOCKER_HUB.iter().copied().filter(|_| host == DOCKER_HUB).find(hidden);
    of_hub.or_else(|| Some(host.as_str()).filter(hidden)).map(str::to_owned)
}

/// Checks a name that was typed. A wrong one is reported and then treated as not typed.
fn check_typed(
    problems: &mut Problems,
    field: &'static str,
    typed: Option<&str>,
) -> Option<String> {
    typed.and_then(|typed| problems.keep(field, typed, check_name(typed)))
}

/// Checks a DNS name, and returns it in lower case and without the closing dot.
pub(crate) fn check_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label_fits = |label: &str| {
        (1..=LABEL_LIMIT).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if name.len() <= LIMIT && name.split('.').all(label_fits) {
        return Ok(name);
    }
    Err(format!(
        "must be a DNS name of at most {LIMIT} characters: labels of 1 to {LABEL_LIMIT} letters, \
         digits and inner hyphens, with dots between them"
    ))
}

/// Returns the zone of a host whose zone was not typed: the stack's own if the host is in it,
/// otherwise the host less its first label, unless that would leave a single label.
fn zone_of(host: &str, own: &str) -> String {
    if lies_in(host, own) {
        return own.to_owned();
    }
    match host.split_once('.') {
        Some((_, parent)) if parent.contains('.') => parent.to_owned(),
        _ => host.to_owned(),
    }
}

/// Whether a name is a zone's apex or a name in it.
pub(crate) fn lies_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_normalised() {
        assert_eq!(check_name("API.Example.com."), Ok("api.example.com".into()));
        for name in ["", ".", "a..b", "-a.b", "a-.b", "a_b", "a b", "ä.example", "*.a.b", "a.b.."]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"x".repeat(63)).is_ok());
        assert!(check_name(&"x".repeat(64)).is_err());
        assert!(check_name(&["x"; 127].join(".")).is_ok());
        assert!(check_name(&["x"; 128].join(".")).is_err());
    }

    #[test]
    fn a_host_without_a_zone_is_given_a_sensible_one() {
        let own = "demo.internal";
        assert_eq!(zone_of("web.demo.internal", own), own);
        assert_eq!(zone_of("demo.internal", own), own);
        assert_eq!(zone_of("service-a.in.example.com", own), "in.example.com");
        assert_eq!(zone_of("example.com", own), "example.com");
        assert_eq!(zone_of("api", own), "api");
    }

    #[test]
    fn a_name_lies_in_a_zone_only_at_a_dot() {
        assert!(lies_in("a.b.c", "b.c") && lies_in("b.c", "b.c"));
        assert!(!lies_in("ab.c", "b.c") && !lies_in("c", "b.c"));
    }
}
