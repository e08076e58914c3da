//! What registries say of container images, by the protocol that all of them speak (OCI distribution
//! specification): whether an image is there, and for which platforms.

use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Deserialize;
use tokio::time::timeout;

/// Who does not answer within this time is done without.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that is not there after this time never comes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest configuration of an image that is read, in bytes. The longest ones in use are some kilobytes.
const LONGEST_CONFIGURATION: i64 = 1 << 20;

/// Whoever knows images.
pub trait Registry: fmt::Debug {
    /// For which platforms an image is there. An image that is one of a list of images, and says nothing of
    /// its platform, has none.
    fn platforms<'a>(
        &'a self,
        image: &'a str,
        login: Option<Login>,
    ) -> LocalBoxFuture<'a, Result<Vec<Platform>, Unread>>;
}

/// Who asks, where a registry does not answer everybody.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// What proves it. It is never shown.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What an image runs on, in the words of the image specification: `linux` and `amd64` or `arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The processor.
    pub architecture: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// Why nothing is known of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The registry says that it is not there.
    #[error("{0}")]
    Missing(String),
    /// The registry tells this caller nothing: it is not there, or not for everybody.
    #[error("{0}")]
    Denied(String),
    /// There was no answer of use.
    #[error("{0}")]
    NoAnswer(String),
}

/// Registries that are asked over the network.
pub struct Distribution {
    protocol: ClientProtocol,
    /// Made when the first image is looked up: mostly there is none.
    client: OnceCell<Client>,
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").finish_non_exhaustive()
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self::with(ClientProtocol::Https)
    }
}

impl Distribution {
    /// The same without encryption, for a registry on this machine.
    pub fn unencrypted() -> Self {
        Self::with(ClientProtocol::Http)
    }

    fn with(protocol: ClientProtocol) -> Self {
        Self { protocol, client: OnceCell::new() }
    }

    fn client(&self) -> &Client {
        let config = || ClientConfig {
            protocol: self.protocol.clone(),
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(PATIENCE),
            user_agent: concat!("ecsup/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        self.client.get_or_init(|| Client::new(config()))
    }

    async fn ask(&self, image: &str, login: Option<Login>) -> Result<Vec<Platform>, Unread> {
        let reference: Reference = image.parse().map_err(no_answer)?;
        let auth = match login {
            Some(Login { user, password }) => RegistryAuth::Basic(user, password),
            None => RegistryAuth::Anonymous,
        };
        let (manifest, _) = self.client().pull_manifest(&reference, &auth).await.map_err(unread)?;
        match manifest {
            OciManifest::Image(image) => self.of_image(&reference, &image).await,
            OciManifest::ImageIndex(index) => {
                let platforms = index.manifests.into_iter().filter_map(|it| it.platform);
                let platforms = platforms.map(|it| Platform {
                    os: it.os.to_string(),
                    architecture: it.architecture.to_string(),
                });
                // What describes an image stands beside it under the platform `unknown` (BuildKit).
                Ok(platforms.filter(|it| it.os != "unknown").collect())
            }
        }
    }

    /// A single image says in its configuration what it runs on.
    async fn of_image(
        &self,
        reference: &Reference,
        image: &OciImageManifest,
    ) -> Result<Vec<Platform>, Unread> {
        let OciDescriptor { size, .. } = image.config;
        if size > LONGEST_CONFIGURATION {
            return Err(Unread::NoAnswer(format!("its configuration has {size} bytes")));
        }
        let mut configuration = Vec::new();
        let pulled = self.client().pull_blob(reference, &image.config, &mut configuration).await;
        pulled.map_err(unread)?;
        serde_json::from_slice(&configuration).map(|platform| vec![platform]).map_err(no_answer)
    }
}

impl Registry for Distribution {
    fn platforms<'a>(
        &'a self,
        image: &'a str,
        login: Option<Login>,
    ) -> LocalBoxFuture<'a, Result<Vec<Platform>, Unread>> {
        Box::pin(async move {
            let late = |_| Unread::NoAnswer(format!("no answer in {} s", PATIENCE.as_secs()));
            timeout(PATIENCE, self.ask(image, login)).await.map_err(late)?
        })
    }
}

fn no_answer(error: impl fmt::Display) -> Unread {
    Unread::NoAnswer(error.to_string())
}

/// What a registry's refusal means. Many answer who is not signed in alike, whether an image is missing or
/// private.
fn unread(error: OciDistributionError) -> Unread {
    match &error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => Unread::Missing(error.to_string()),
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401 | 403, .. } => {
            Unread::Denied(error.to_string())
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let said = envelope.errors.iter().map(|it| {
                let message = if it.message.is_empty() { "" } else { ": " };
                format!("{:?}{message}{}", it.code, it.message)
            });
            let said = said.collect::<Vec<_>>().join("; ");
            let is =
                |codes: &[OciErrorCode]| envelope.errors.iter().any(|it| codes.contains(&it.code));
            match () {
                () if is(&[OciErrorCode::Denied, OciErrorCode::Unauthorized]) => {
                    Unread::Denied(said)
                }
                () if is(&[
                    OciErrorCode::ManifestUnknown,
                    OciErrorCode::NameUnknown,
                    OciErrorCode::NotFound,
                ]) =>
                {
                    Unread::Missing(said)
                }
                () => Unread::NoAnswer(said),
            }
        }
        OciDistributionError::RequestError(request) => Unread::NoAnswer(chain(request)),
        _ => no_answer(error),
    }
}

/// An error with what caused it: by itself it only says that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<_> = causes.map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}
