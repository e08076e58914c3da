//! Region, credentials and endpoint: everything that `aws-config` honours, and clear words when
//! something is missing.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

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
    /// No credentials were found, or they could not be read.
    #[error("no usable AWS credentials: {0}")]
    NoCredentials(String),
}

impl NoDestination {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRegion => "name one with --region, AWS_REGION, or `region` in your AWS profile",
            Self::NoCredentials(_) => {
                "sign in with `aws login` or `aws sso login`, set AWS_PROFILE, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
        }
    }
}

/// An instance's metadata service answers within milliseconds or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Loads the configuration and makes sure that there are a region and credentials, so that a missing
/// one is said at once and not after the retries of a first call.
pub async fn load(to: &Destination) -> Result<SdkConfig, NoDestination> {
    let metadata = aws_config::imds::Client::builder()
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(1)
        .build();
    let mut credentials =
        aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
            .imds_client(metadata);
    let mut region = aws_config::default_provider::region::DefaultRegionChain::builder();
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &to.profile {
        loader = loader.profile_name(profile);
        credentials = credentials.profile_name(profile);
        region = region.profile_name(profile);
    }
    let region = match &to.region {
        Some(name) => Some(Region::new(name.clone())),
        None => region.build().region().await,
    };
    let region =
        region.filter(|region| !region.as_ref().is_empty()).ok_or(NoDestination::NoRegion)?;
    if let Some(url) = &to.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let credentials = credentials.region(region.clone()).build().await;
    match credentials.provide_credentials().await {
        Ok(_) => Ok(loader.region(region).credentials_provider(credentials).load().await),
        Err(error) => Err(NoDestination::NoCredentials(why(&error))),
    }
}

/// Why there are no credentials. The instance's metadata service is asked last, so that not reaching
/// it only means that there were none anywhere else.
fn why(error: &CredentialsError) -> String {
    const NOWHERE: &str = "none found in the environment, the profile, a container or an instance";
    let why =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error {
        CredentialsError::CredentialsNotLoaded(_) => NOWHERE.to_owned(),
        _ if why.contains("IMDS") => NOWHERE.to_owned(),
        _ => why,
    }
}
