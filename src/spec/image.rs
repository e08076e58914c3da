//! The name of a container image, checked against the grammar that registries and ECS share.
//!
//! The grammar is that of the distribution project's `reference` package, which Docker and the ECS
//! agent parse with: `[registry[:port]/]path[:tag][@sha256:digest]`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest image name, in characters (ECS `RegisterTaskDefinition`, `image`).
const LIMIT: usize = 255;
/// Longest tag, in characters (distribution reference grammar).
const TAG_LIMIT: usize = 128;
/// Hexadecimal digits of a SHA-256 digest.
const DIGEST_DIGITS: usize = 64;
/// The registry of images that name none.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// A container image, as it was given: `public.ecr.aws/docker/library/nginx:latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(String);

impl Image {
    /// Checks an image's name, and answers the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the name of an image with another tag, without a digest.
    pub(crate) fn with_tag(image: &str, tag: &str) -> String {
        let name = image.split_once('@').map_or(image, |(name, _)| name);
        // The colon of a registry's port has a slash behind it.
        let repository = match name.rsplit_once(':') {
            Some((repository, old)) if !old.contains('/') => repository,
            _ => name,
        };
        format!("{repository}:{tag}")
    }

    /// Returns the name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the name can come to mean another image: all but a digest can.
    pub fn can_move(&self) -> bool {
        !self.0.contains('@')
    }

    /// Returns the host that the image is pulled from, in lower case and without its port; `None` when
    /// that is a number or the machine itself.
    pub(crate) fn registry_host(&self) -> Option<String> {
        let (Some(registry), _) = split_registry(&self.0) else { return Some(DOCKER_HUB.into()) };
        // What is in brackets is a number.
        let host = registry.split(':').next().unwrap_or(registry).to_ascii_lowercase();
        let named = host.parse::<Ipv4Addr>().is_err() && !registry.starts_with('[');
        (named && host != "localhost").then_some(host)
    }
}

/// An image in a private registry of ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateRegistry<'a> {
    /// The account whose registry it is.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// The tag; `latest` where none is said.
    pub tag: &'a str,
    /// The digest, which goes before the tag.
    pub digest: Option<&'a str>,
}

impl Image {
    /// Reads an image whose registry is one of ECR's, `ACCOUNT.dkr.ecr.REGION.amazonaws.com` (ECR guide,
    /// "Private registry concepts").
    pub fn private_registry(&self) -> Option<PrivateRegistry<'_>> {
        let (name, digest) = match self.0.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (self.0.as_str(), None),
        };
        let (host, path) = split_registry(name);
        let (account, rest) = host?.split_once(".dkr.ecr.")?;
        let region = rest.strip_suffix(".amazonaws.com.cn");
        let region = region.or_else(|| rest.strip_suffix(".amazonaws.com"))?;
        let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
        if !is_account || region.is_empty() || region.contains('.') {
            return None;
        }
        let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
        Some(PrivateRegistry { account, region, repository, tag, digest })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(
            "is empty; give an image such as `public.ecr.aws/docker/library/nginx:latest`".into()
        );
    }
    if text.contains("://") {
        return Err("an image has no scheme; leave out everything up to `://`".into());
    }
    if text.len() > LIMIT {
        return Err(format!("ECS takes image names of at most {LIMIT} characters"));
    }
    if is_hash(text) {
        return Err(format!(
            "{DIGEST_DIGITS} hexadecimal digits are an image's id, which no registry knows: name the \
             repository, as in `repository@sha256:…`"
        ));
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(format!(
            "what follows `@` must be `sha256:` and {DIGEST_DIGITS} lower-case hexadecimal digits"
        ));
    }
    let (registry, rest) = split_registry(name);
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Err(
            "the part before the first `/` must be a registry's host name, with or without a port"
                .into(),
        );
    }
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(format!(
            "a tag must be 1 to {TAG_LIMIT} letters, digits, `_`, `.` and `-`, and begin with a \
             letter, a digit or `_`"
        ));
    }
    if !path.split('/').all(is_component) {
        return Err(
            "the repository must be lower-case letters and digits, with `/`, `.`, `_`, `__` or \
                    hyphens between them"
                .into(),
        );
    }
    Ok(())
}

/// Splits off the registry: what precedes the first `/`, if it looks like a host rather than like a
/// part of the path. Docker's rule: it holds a `.` or a `:`, is `localhost`, or has a capital.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The last colon of `[::1]` is not a port's.
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let named = host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    let numbered = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0)
    });
    (named || numbered) && port_fits
}

/// Whether a text is one component of a path: runs of letters and digits, between them `.`, `_`,
/// `__` or any number of hyphens.
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges =
        bytes.first().is_some_and(|it| word(*it)) && bytes.last().is_some_and(|it| word(*it));
    edges
        && text.split(|it: char| it.is_ascii_lowercase() || it.is_ascii_digit()).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    (1..=TAG_LIMIT).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hash)
}

fn is_hash(text: &str) -> bool {
    text.len() == DIGEST_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn images_of_every_form_are_accepted() {
        let digest = "a".repeat(64);
        for image in [
            "nginx",
            "nginx:latest",
            "nginx:1.27-alpine_x",
            "library/nginx",
            "public.ecr.aws/docker/library/nginx:latest",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/app:v1",
            "localhost:5000/app",
            "localhost/app",
            "Registry/app",
            "10.0.0.1:5000/a/b/c",
            "[fd00::1]:5000/app:tag",
            "a__b/c--d.e_f",
            &format!("nginx@sha256:{digest}"),
            &format!("{digest}:v1"),
            &"0123456789abcdeg".repeat(4),
            &format!("ghcr.io/owner/app:v1@sha256:{digest}"),
        ] {
            assert_eq!(Image::parse(image).map(|it| it.to_string()), Ok(image.to_owned()));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for image in [
            "",
            " ",
            "Nginx",
            "nginx:",
            "nginx:la test",
            "nginx:-x",
            ":latest",
            "/nginx",
            "nginx/",
            "a//b",
            "a___b",
            "a..b",
            "-a",
            "https://nginx",
            "registry.example.com:port/app",
            "registry.example.com:0/app",
            "-.example.com/app",
            "nginx@sha256:abc",
            "nginx@",
            "nginx@sha512:abc",
            "nginx:tag:tag",
            "nginx\n",
            &"0123456789abcdef".repeat(4),
            &format!("a:{}", "x".repeat(129)),
            &"a".repeat(256),
        ] {
            assert!(Image::parse(image).is_err(), "{image}");
        }
    }

    #[test]
    fn an_image_knows_the_host_it_comes_from() {
        let host = |name: &str| Image::parse(name).unwrap().registry_host();
        assert_eq!(host("nginx").as_deref(), Some("docker.io"));
        assert_eq!(host("library/nginx").as_deref(), Some("docker.io"));
        assert_eq!(host("Registry.Example.com:5000/app").as_deref(), Some("registry.example.com"));
        for name in ["localhost:5000/app", "10.0.0.1/app", "[fd00::1]:5000/app"] {
            assert_eq!(host(name), None, "{name}");
        }
    }

    #[test]
    fn an_image_in_ecr_says_where_it_is() {
        let read = |name: &str| Image::parse(name).unwrap();
        let image = read("123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/app:v1");
        let it = image.private_registry().unwrap();
        assert_eq!((it.account, it.region), ("123456789012", "eu-central-1"));
        assert_eq!((it.repository, it.tag, it.digest), ("team/app", "v1", None));
        let image = read("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app");
        let it = image.private_registry().unwrap();
        assert_eq!((it.region, it.repository, it.tag), ("cn-north-1", "app", "latest"));
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = read(&format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1@{digest}"));
        assert_eq!(image.private_registry().unwrap().digest, Some(digest.as_str()));
        for name in ["nginx", "public.ecr.aws/nginx", "1.dkr.ecr.eu-west-1.amazonaws.com/app"] {
            assert_eq!(read(name).private_registry(), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".*", near in "[a-z.:@/\\[\\]_-]{0,40}") {
            let _ = Image::parse(&text);
            let _ = Image::parse(&near);
        }
    }
}
