//! Region, credentials and endpoint: everything that `aws-config` honours, and clear words when
//! something is missing or wrong.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::{self, credentials::ImdsCredentialsProvider, region::ImdsRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::error::chain;
use super::settings::{self, BadSetting, NoProfile, Profile};

/// What the command line says about where to go. Everything else comes from the environment and the
/// shared configuration, in the order that the AWS CLI uses.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The region.
    pub region: Option<String>,
    /// The profile in the shared configuration.
    pub profile: Option<String>,
    /// An endpoint in place of AWS's.
    pub endpoint_url: Option<String>,
}

/// Why no AWS can be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDestination {
    /// No region is configured.
    #[error("no region is configured")]
    NoRegion,
    /// A flag, a variable or a profile says something that cannot be.
    #[error("{0}")]
    Bad(#[from] BadSetting),
    /// There is no such profile.
    #[error("{0}")]
    NoProfile(#[from] NoProfile),
    /// No credentials were found, or they could not be had.
    #[error("no usable AWS credentials: {why}")]
    NoCredentials {
        /// What went wrong.
        why: String,
        /// What to do about it.
        hint: String,
    },
}

impl NoDestination {
    /// What to do about it, unless it says so itself.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NoRegion => {
                Some("name one with --region, AWS_REGION, or `region` in your AWS profile")
            }
            Self::NoCredentials { hint, .. } => Some(hint),
            Self::NoProfile(NoProfile::Unknown { .. }) => {
                Some("name another one with --profile or AWS_PROFILE")
            }
            Self::NoProfile(NoProfile::Unreadable(_)) => Some("mend that line of the file"),
            Self::Bad(_) => None,
        }
    }

    /// Whether what was asked for is wrong, rather than what it met.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Bad(_) | Self::NoProfile(_))
    }
}

/// An instance's metadata service answers within milliseconds or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Loads the configuration and makes sure that there are a region and credentials, so that a missing
/// one is said at once and not after the retries of a first call.
pub async fn load(to: &Destination) -> Result<SdkConfig, NoDestination> {
    if let Some((url, rule)) =
        to.endpoint_url.as_ref().and_then(|url| Some((url, settings::why_no_url(url)?)))
    {
        return Err(BadSetting::flag("--endpoint-url", url, rule).into());
    }
    let profile = Profile::load(to.profile.as_deref()).await?;
    let given: &[&str] = if to.endpoint_url.is_some() { &["AWS_ENDPOINT_URL"] } else { &[] };
    settings::check(&profile, given)?;
    let metadata = imds::Client::builder()
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(1)
        .build();
    let region = region(to, &profile, &metadata).await?;
    let credentials = match &to.profile {
        Some(_) => of_profile(&profile, &region, metadata),
        None => of_chain(&profile, &region, metadata).await,
    };
    match credentials.provide_credentials().await {
        Err(error) => return Err(no_credentials(&error, &profile)),
        Ok(keys) => {
            let parts = [keys.access_key_id(), keys.session_token().unwrap_or_default()];
            if !parts.into_iter().all(settings::is_printable) {
                let why = "they hold a character that no key has, such as a line break".to_owned();
                let hint = "copy them anew, without anything before or behind them".to_owned();
                return Err(NoDestination::NoCredentials { why, hint });
            }
        }
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .profile_name(&profile.name)
        .region(region)
        .credentials_provider(credentials)
        // Every client has its own: what the environment says of retries is not asked for.
        .retry_config(RetryConfig::standard());
    if let Some(url) = &to.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Ok(settings::with_endpoints_of_services(loader.load().await, &profile)?)
}

/// The region: of the flag, the environment, the profile, or the instance that this runs on.
async fn region(
    to: &Destination,
    profile: &Profile,
    metadata: &imds::Client,
) -> Result<Region, NoDestination> {
    if let Some(name) = &to.region {
        let bad = |rule| BadSetting::flag("--region", name, rule).into();
        return settings::why_no_region(name)
            .map_or_else(|| Ok(Region::new(name.clone())), |rule| Err(bad(rule)));
    }
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        let Some(name) = settings::variable(variable) else { continue };
        return match settings::why_no_region(&name) {
            None => Ok(Region::new(name)),
            Some(rule) => Err(BadSetting::variable(variable, &name, rule).into()),
        };
    }
    let of_profile = ProfileFileRegionProvider::builder().profile_name(&profile.name).build();
    let found = of_profile.region().await.filter(|region| !region.as_ref().is_empty());
    if let Some(region) = found {
        return match settings::why_no_region(region.as_ref()) {
            None => Ok(region),
            Some(rule) => Err(profile.bad("region", region.as_ref(), rule).into()),
        };
    }
    let of_instance = ImdsRegionProvider::builder().imds_client(metadata.clone()).build();
    of_instance.region().await.ok_or(NoDestination::NoRegion)
}

/// The credentials of a profile that was named by its flag: keys in the environment, which may be of
/// another account, do not come before it. The AWS CLI does the same.
fn of_profile(
    profile: &Profile,
    region: &Region,
    metadata: imds::Client,
) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region().with_region(Some(region.clone()));
    let named = ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_name(&profile.name)
        .build();
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let instance = ImdsCredentialsProvider::builder().imds_client(metadata).build();
    let chain = CredentialsProviderChain::first_try("Profile", named)
        .or_else("Container", container)
        .or_else("Instance", instance);
    SharedCredentialsProvider::new(chain)
}

/// The credentials of the environment, the profile, a web identity, a container or an instance.
async fn of_chain(
    profile: &Profile,
    region: &Region,
    metadata: imds::Client,
) -> SharedCredentialsProvider {
    let chain = aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
        .imds_client(metadata)
        .profile_name(&profile.name)
        .region(region.clone());
    SharedCredentialsProvider::new(chain.build().await)
}

/// Says why there are no credentials, and what to do about it where they should come from.
fn no_credentials(error: &CredentialsError, profile: &Profile) -> NoDestination {
    const NOWHERE: &str = "none found in the environment, the profile, a container or an instance";
    const SIGN_IN: &str = "sign in with `aws login` or `aws sso login`, set AWS_PROFILE, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let name = &profile.name;
    let has = |keys: &[&str]| keys.iter().any(|key| profile.get(key).is_some());
    let no_source = profile.get("source_profile").filter(|source| !profile.knows(source));
    let (of, hint) = if let Some(source) = no_source {
        let why =
            format!("profile `{name}`: its `source_profile` is `{source}`, which is not there");
        return NoDestination::NoCredentials { why, hint: "name one that is there".to_owned() };
    } else if has(&["sso_session", "sso_start_url"]) {
        ("profile", format!("sign in with `aws sso login --profile {name}`"))
    } else if has(&["login_session"]) {
        ("profile", format!("sign in with `aws login --profile {name}`"))
    } else if has(&["credential_process"]) {
        (
            "credential_process of profile",
            "run that command by hand to see what it lacks".to_owned(),
        )
    } else if has(&["role_arn"]) {
        ("profile", "check `role_arn`, and that its source may assume the role".to_owned())
    } else {
        let why = chain(error);
        // The instance's metadata service is asked last, so that not reaching it only means that there
        // were none anywhere else.
        let nowhere = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        let why = if nowhere || why.contains("IMDS") { NOWHERE.to_owned() } else { why };
        return NoDestination::NoCredentials { why, hint: SIGN_IN.to_owned() };
    };
    NoDestination::NoCredentials { why: format!("{of} `{name}`: {}", chain(error)), hint }
}
