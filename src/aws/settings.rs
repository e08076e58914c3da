//! The settings that the SDK reads by itself, from the environment and from the profile.
//!
//! They are looked at before the SDK does: at a value that it does not know it panics, or it logs a
//! warning that nobody sees and goes on without (smithy-rs#741). An empty value counts as none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use aws_config::profile::{self, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use base64::Engine as _;

use super::error::chain;
use crate::names;

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// One of these words, in whichever case.
    Words(&'static [&'static str]),
    /// A whole number from here on.
    From(u32),
    /// An address.
    Url,
    /// What can be told to AWS in a header.
    Printable,
}

const SWITCH: Takes = Takes::Words(&["true", "false"]);
const CHECKSUMS: Takes = Takes::Words(&["when_supported", "when_required"]);

/// Every setting whose value the SDK interprets: the variable, the key in a profile, and what both
/// take, from the AWS SDKs and Tools Reference Guide. `legacy` is documented and unknown to this SDK;
/// ecsup has its own retries, so that it makes no difference.
const SETTINGS: &[(&str, &str, Takes)] = &[
    ("AWS_RETRY_MODE", "retry_mode", Takes::Words(&["standard", "adaptive", "legacy"])),
    ("AWS_MAX_ATTEMPTS", "max_attempts", Takes::From(1)),
    ("AWS_ENDPOINT_URL", "endpoint_url", Takes::Url),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", SWITCH),
    ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", SWITCH),
    ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", SWITCH),
    (
        "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "account_id_endpoint_mode",
        Takes::Words(&["preferred", "disabled", "required"]),
    ),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "request_checksum_calculation", CHECKSUMS),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "response_checksum_validation", CHECKSUMS),
    ("AWS_DISABLE_REQUEST_COMPRESSION", "disable_request_compression", SWITCH),
    (
        "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
        "request_min_compression_size_bytes",
        Takes::From(0),
    ),
    ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "disable_clock_skew_correction", SWITCH),
    ("AWS_AUTH_SCHEME_PREFERENCE", "auth_scheme_preference", Takes::Printable),
    ("AWS_SIGV4A_SIGNING_REGION_SET", "sigv4a_signing_region_set", Takes::Printable),
    ("AWS_SDK_UA_APP_ID", "sdk_ua_app_id", Takes::Printable),
    ("AWS_EXECUTION_ENV", "", Takes::Printable),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint", Takes::Url),
    (
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "ec2_metadata_service_endpoint_mode",
        Takes::Words(&["ipv4", "ipv6"]),
    ),
    ("AWS_ACCESS_KEY_ID", "aws_access_key_id", Takes::Printable),
    ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", Takes::Printable),
    ("AWS_SESSION_TOKEN", "aws_session_token", Takes::Printable),
];

/// The services that ecsup calls, as the SDK names them where each may have an endpoint of its own.
const SERVICES: [&str; 9] = [
    "Auto Scaling",
    "CloudWatch Logs",
    "EC2",
    "ECS",
    "Elastic Load Balancing v2",
    "IAM",
    "Route 53",
    "SSM",
    "STS",
];

/// Where the TLS library looks for certificates instead of where the machine keeps them.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// A setting with a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}{}, {place}: {rule}", if value.is_empty() { String::new() } else { format!(" `{value}`") })]
pub struct BadSetting {
    /// The variable, the key or the flag.
    name: String,
    /// Its value, unless that is secret.
    value: String,
    /// Where it was set.
    place: String,
    /// What it takes.
    rule: String,
}

impl BadSetting {
    /// A flag, or its variable of ours, with a value that it cannot have.
    pub(super) fn flag(name: &str, value: &str, rule: String) -> Self {
        let variable = name.trim_start_matches('-').to_ascii_uppercase().replace('-', "_");
        let place = format!("on the command line or as ECSUP_{variable}");
        Self { name: name.to_owned(), value: shown(name, value), place, rule }
    }

    /// A variable with a value that it cannot have.
    pub(super) fn variable(name: &str, value: &str, rule: impl Into<String>) -> Self {
        let place = "in the environment".to_owned();
        Self { name: name.to_owned(), value: shown(name, value), place, rule: rule.into() }
    }
}

impl Takes {
    /// Why it does not take a value, if it does not.
    fn refuses(self, value: &str) -> Option<String> {
        match self {
            Self::Words(words)
                if !words.iter().any(|word| word.eq_ignore_ascii_case(value.trim())) =>
            {
                Some(format!("must be one of {}", words.join(", ")))
            }
            Self::From(least) if value.trim().parse::<u32>().is_ok_and(|it| it >= least) => None,
            Self::From(least) => Some(format!("must be a whole number from {least}")),
            Self::Url => why_no_url(value),
            Self::Printable if !is_printable(value) => {
                Some("must be one line without control characters".to_owned())
            }
            Self::Words(_) | Self::Printable => None,
        }
    }
}

/// Whether a value can be sent in a header: AWS's keys and tokens can.
pub(super) fn is_printable(value: &str) -> bool {
    !value.chars().any(char::is_control)
}

/// Why this is no address that can be called.
pub(super) fn why_no_url(value: &str) -> Option<String> {
    let url: Option<http::Uri> = value.trim().parse().ok();
    let scheme = url.as_ref().and_then(|url| url.scheme_str());
    let host = url.as_ref().and_then(|url| url.host()).unwrap_or_default();
    match scheme {
        Some("http" | "https") if !host.is_empty() => None,
        _ => Some("must be an address with its scheme, such as `http://127.0.0.1:4566`".to_owned()),
    }
}

/// Why this is not the name of a region. Whether there is one of that name, only AWS knows.
pub(super) fn why_no_region(value: &str) -> Option<String> {
    let rule = "must be the name of a region, which has the form of `eu-west-1`";
    (!names::is_region(value)).then(|| rule.to_owned())
}

/// A value as it may be printed.
fn shown(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    let secret = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    if secret.contains(&name.as_str()) { String::new() } else { value.escape_debug().to_string() }
}

/// A variable of the environment; empty counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Refuses variables for AWS that are no text: the SDK takes them for unset.
fn check_text() -> Result<(), BadSetting> {
    let is_ours = |name: &OsString| name.to_str().is_some_and(|name| name.starts_with("AWS_"));
    let wrong = std::env::vars_os().find(|(name, value)| is_ours(name) && value.to_str().is_none());
    match wrong {
        Some((name, _)) => {
            let rule = "must be UTF-8 text";
            Err(BadSetting::variable(&name.to_string_lossy(), "", rule))
        }
        None => Ok(()),
    }
}

/// The profile that is used, and the files that it may be in.
#[derive(Debug)]
pub(super) struct Profile {
    /// Its name.
    pub(super) name: String,
    set: ProfileSet,
    /// The configuration and the credentials file.
    files: [PathBuf; 2],
}

/// Why there is no such profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoProfile {
    /// A file is not as such files are.
    #[error("{0}")]
    Unreadable(String),
    /// Nothing has this name.
    #[error("there is no profile `{name}` in {files}{}", match others.is_empty() {
        true => String::new(),
        false => format!("; there are: {}", others.join(", ")),
    })]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        files: String,
        /// The profiles that there are.
        others: Vec<String>,
    },
}

impl Profile {
    /// Reads the profile of this name, or the one that the environment names, or the default one.
    pub(super) async fn load(name: Option<&str>) -> Result<Self, NoProfile> {
        let name = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
        let name = name.unwrap_or_else(|| "default".to_owned());
        let home = std::env::home_dir().unwrap_or_default();
        let file = |over: &str, usual: &str| {
            let path = variable(over).map(PathBuf::from);
            path.unwrap_or_else(|| home.join(".aws").join(usual))
        };
        let files =
            [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        #[expect(
            clippy::default_trait_access,
            reason = "the type has a name in another crate only"
        )]
        let usual = Default::default();
        let set = profile::load(&Fs::real(), &Env::real(), &usual, Some(name.clone().into())).await;
        let set = set.map_err(|error| NoProfile::Unreadable(chain(&error)))?;
        let profile = Self { name, set, files };
        // Nobody has to have a default one.
        if profile.name == "default" || profile.set.get_profile(&profile.name).is_some() {
            return Ok(profile);
        }
        let mut others: Vec<_> = profile.set.profiles().map(str::to_owned).collect();
        others.sort_unstable();
        let files = profile.files.iter().map(|path| match path.is_file() {
            true => path.display().to_string(),
            false => format!("{} (no such file)", path.display()),
        });
        let files = files.collect::<Vec<_>>().join(" or ");
        Err(NoProfile::Unknown { name: profile.name, files, others })
    }

    /// Whether there is a profile of this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.set.get_profile(name).is_some()
    }

    /// What it says; empty counts as nothing.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.set.get(key).filter(|value| !value.is_empty())
    }

    /// A key of it with a value that it cannot have.
    pub(super) fn bad(&self, key: &str, value: &str, rule: String) -> BadSetting {
        BadSetting { name: key.to_owned(), value: shown(key, value), place: self.place(key), rule }
    }

    /// Which file says something of this key, as far as that can be told.
    fn place(&self, key: &str) -> String {
        let says = |path: &&PathBuf| {
            std::fs::read_to_string(path).is_ok_and(|text| text.to_ascii_lowercase().contains(key))
        };
        let files: Vec<_> =
            self.files.iter().filter(says).map(|it| it.display().to_string()).collect();
        format!("in profile `{}` of {}", self.name, files.join(" or "))
    }
}

/// Refuses a setting that the SDK would panic at, or go on without; `given` is said by a flag, and then
/// the setting does not count.
pub(super) fn check(profile: &Profile, given: &[&str]) -> Result<(), BadSetting> {
    check_text()?;
    for (name, key, takes) in SETTINGS.iter().filter(|(name, ..)| !given.contains(name)) {
        if let Some(value) = variable(name) {
            // What is in the environment counts, whatever the profile says.
            if let Some(rule) = takes.refuses(&value) {
                return Err(BadSetting::variable(name, &value, rule));
            }
        } else if let Some(value) = profile.get(key)
            && let Some(rule) = takes.refuses(value)
        {
            return Err(profile.bad(key, value, rule));
        }
    }
    CERTIFICATES.iter().try_for_each(|name| check_certificates(name))
}

/// Refuses certificates that are not there: the TLS library takes no others then.
fn check_certificates(name: &str) -> Result<(), BadSetting> {
    let Some(path) = std::env::var_os(name) else { return Ok(()) };
    let wrong = |rule: &str| Err(BadSetting::variable(name, &path.to_string_lossy(), rule));
    let mut paths = std::env::split_paths(&path).filter(|path| !path.as_os_str().is_empty());
    if path.is_empty() {
        return wrong("is empty, and then no certificate is trusted: unset it");
    }
    let is_there = match name {
        "SSL_CERT_DIR" => paths.any(|folder| {
            let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
            files.into_iter().any(|file| has_certificate(&file.path()))
        }),
        _ => has_certificate(Path::new(&path)),
    };
    match is_there {
        true => Ok(()),
        false => wrong("has no certificate in PEM form that can be read"),
    }
}

/// Whether the first certificate of a file is one, as far as that shows.
fn has_certificate(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let Some((_, rest)) = text.split_once("-----BEGIN CERTIFICATE-----") else { return false };
    let Some((body, _)) = rest.split_once("-----END CERTIFICATE-----") else { return false };
    let body: String = body.split_ascii_whitespace().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default();
    // A DER sequence.
    decoded.len() > 64 && decoded.first() == Some(&0x30)
}

/// The endpoints that single services have of their own, where an empty one counts as none.
#[derive(Debug)]
struct OfServices(SdkConfig);

impl LoadServiceConfig for OfServices {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.service_config()?.load_config(key).filter(|value| !value.is_empty())
    }
}

/// Lets an empty endpoint of a single service count as none, and refuses one that is no address.
pub(super) fn with_endpoints_of_services(
    config: SdkConfig,
    profile: &Profile,
) -> Result<SdkConfig, BadSetting> {
    let config = config.to_builder().service_config(OfServices(config.clone())).build();
    for service in SERVICES {
        let key = ServiceConfigKey::builder().service_id(service);
        let key = key.env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let value = key.ok().and_then(|key| config.service_config()?.load_config(key));
        let Some(value) = value else { continue };
        let Some(rule) = why_no_url(&value) else { continue };
        let name = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase().replace(' ', "_"));
        return Err(match variable(&name) {
            Some(_) => BadSetting::variable(&name, &value, rule),
            None => BadSetting {
                name: format!("endpoint_url of {service}"),
                value,
                place: profile.place("endpoint_url"),
                rule,
            },
        });
    }
    Ok(config)
}
