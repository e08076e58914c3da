//! The way to AWS, or to what stands in for it, and how long a command waits for it.

use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use aws_types::region::Region;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::{CommandError, ErrorKind};
use super::{Global, hint};
use crate::aws::config::{self, Destination, NoDestination};
use crate::aws::{Aws, Error};
use crate::facts::{self, Caller};
use crate::ui::Screen;

/// A connection to AWS, or to what stands in for it.
pub(super) struct Connection {
    pub(super) aws: Aws,
    pub(super) region: String,
    endpoint: Option<String>,
    clock: SharedTimeSource,
}

/// Finds region and credentials, or says what is missing.
pub(super) async fn connect(global: &Global, screen: &Screen) -> Result<Connection, CommandError> {
    if let Some(config) = &global.instead_of_aws {
        let region = global.region.clone().map(Region::new);
        let region = region.or_else(|| config.region().cloned());
        let config = config.to_builder().region(region).build();
        return Ok(Connection::new(&config, Some("simulated".to_owned()), global));
    }
    let destination = Destination {
        region: global.region.clone(),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    let config = patiently(screen, "credentials", config::load(&destination)).await?;
    Ok(Connection::new(&config, config.endpoint_url().map(str::to_owned), global))
}

impl From<NoDestination> for CommandError {
    fn from(problem: NoDestination) -> Self {
        let kind = if problem.is_refusal() { ErrorKind::Refused } else { ErrorKind::Unexpected };
        let error = Self::new(kind).problem(&problem);
        let error = match problem.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        };
        error.caused_by(problem)
    }
}

impl Connection {
    fn new(config: &SdkConfig, endpoint: Option<String>, global: &Global) -> Self {
        Self {
            aws: Aws::new(config, global.recorder.clone()),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            endpoint,
            clock: config.time_source().unwrap_or_default(),
        }
    }

    /// Says whose account is about to be worked on, which is the expensive thing to get wrong.
    pub(super) fn header(&self, caller: &Caller) -> String {
        let Caller { account, arn, alias, .. } = caller;
        let alias = alias.as_ref().map(|alias| format!(" ({alias})")).unwrap_or_default();
        let endpoint = match &self.endpoint {
            Some(url) => format!("\nendpoint {url} (not AWS)"),
            None => String::new(),
        };
        format!("account {account}{alias}, region {}, as {arn}{endpoint}", self.region)
    }

    /// What time it is there, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let since_1970 = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let here: i64 = since_1970.as_secs().try_into().unwrap_or_default();
        here.saturating_add(self.aws.clock.ahead())
    }

    /// Where that is which stands for AWS.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.endpoint.clone()
    }

    /// Whether something else stands for AWS.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whom the calls go to.
    pub(super) fn whom(&self) -> String {
        match &self.endpoint {
            Some(url) => url.clone(),
            None => format!("AWS in {}", self.region),
        }
    }

    /// Asks who is calling: the first call of every command.
    pub(super) async fn caller(&self, screen: &Screen) -> Result<Caller, CommandError> {
        let whom = format!("{} to answer (who is calling)", self.whom());
        let caller = patiently(screen, &whom, facts::caller(&self.aws)).await;
        caller.map_err(|error| self.failed(error))
    }

    /// A call failed that a command cannot do without.
    pub(super) fn failed(&self, error: Error) -> CommandError {
        self.failed_in(ErrorKind::Unexpected, error)
    }

    /// A call failed, and that is how the command ends.
    pub(super) fn failed_in(&self, kind: ErrorKind, error: Error) -> CommandError {
        let told = CommandError::new(kind).problem(format!("failed to {error}"));
        let told = match hint::for_error(&error, &self.whom()) {
            Some(hint) => told.hint(hint),
            None => told,
        };
        told.caused_by(error)
    }
}

/// How long nothing may come back until it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// Waits for what somebody else has to answer, and says so when that takes a while.
pub(super) async fn patiently<T>(screen: &Screen, whom: &str, look: impl Future<Output = T>) -> T {
    let mut look = pin!(look);
    if let Ok(answer) = timeout(SILENCE, look.as_mut()).await {
        return answer;
    }
    screen.note(&format!("waiting for {whom}"));
    look.await
}

/// What comes before anything is changed: it is given up when the time is up.
pub(super) async fn in_time<T>(
    deadline: Instant,
    look: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    timeout_at(deadline, look).await.unwrap_or_else(|_| {
        Err(CommandError::new(ErrorKind::Unexpected)
            .problem("its time was up before anything was changed")
            .hint("run the same command again, with a longer --timeout if AWS is only slow"))
    })
}
