//! What went wrong with one call: what was attempted, what AWS said, and what that means for us.
//!
//! A resource names its attempt with [`Doing::doing`] and then says which of AWS's answers have a
//! meaning at this very call: [`Meanings::wait_on`] for "not yet", [`Meanings::gone_is_fine`] for
//! deletes, [`Meanings::taken_on`] for names that somebody holds. The engine reads [`Error::meaning`].

use aws_sdk_ec2::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::request_id::RequestId;

/// The result of anything that talks to AWS.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failed attempt. `Display` gives the whole sentence, as a fragment that fits after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attempt}: {cause}")]
pub struct Error {
    /// What was attempted, such as "create the load balancer".
    pub attempt: String,
    /// What came back.
    #[source]
    pub cause: Cause,
    /// What that means for whoever decides what to do next.
    pub meaning: Meaning,
}

/// What came back instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// AWS refused, in its own words.
    #[error("{code}: {message}{}", request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Refused {
        /// AWS's error code, such as `DependencyViolation`.
        code: String,
        /// AWS's message, verbatim.
        message: String,
        /// AWS's id of the request, which its support asks for.
        request_id: Option<String>,
    },
    /// No usable answer: a timeout, a broken connection or a server error.
    #[error("no answer from AWS: {0}")]
    NoAnswer(String),
    /// Anything else: no credentials, a request that could not be built, an answer that made no sense.
    #[error("{0}")]
    Other(String),
}

/// What an error means for the one who decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It will go through later: the engine waits and asks again.
    NotYet,
    /// Too many requests; nothing happened. The engine waits and asks again.
    Throttled,
    /// It may or may not have happened. The engine looks before it asks again.
    Lost,
    /// The name is taken, by ourselves or by somebody else. The engine looks who it is.
    Taken,
    /// Waiting does not help.
    Fatal,
}

/// Codes with which AWS asks a caller to slow down; the call had no effect.
const THROTTLING: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
];

/// Codes that mean "this endpoint does not offer that" or "you may not ask that".
const NOT_OFFERED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "UnsupportedOperation",
    "NotImplemented",
    "NotImplementedException",
    "InternalFailure",
    "InternalError",
];

impl Error {
    /// Makes an error of our own making, for which waiting does not help.
    pub fn other(attempt: impl Into<String>, why: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), cause: Cause::Other(why.into()), meaning: Meaning::Fatal }
    }

    /// The same error, which passes by itself.
    pub fn not_yet(self) -> Self {
        Self { meaning: Meaning::NotYet, ..self }
    }

    /// Whether asking again may help.
    pub fn is_passing(&self) -> bool {
        matches!(self.meaning, Meaning::NotYet | Meaning::Throttled | Meaning::Lost)
    }

    /// AWS's error code, when AWS answered.
    pub fn code(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether AWS answered with one of these codes. `Code: words` also asks for words in the message.
    fn is_any(&self, codes: &[&str]) -> bool {
        let Cause::Refused { code, message, .. } = &self.cause else { return false };
        codes.iter().any(|wanted| match wanted.split_once(": ") {
            Some((wanted, words)) => code == wanted && message.contains(words),
            None => code == wanted,
        })
    }

    /// Whether a look-up cannot be had here, for this caller or at all, so that it has to be done without.
    pub fn is_not_offered(&self) -> bool {
        self.is_any(NOT_OFFERED) && self.meaning != Meaning::Throttled
    }

    /// Whether the caller lacks the permission, so that a look-up can be done without.
    pub fn is_denied(&self) -> bool {
        self.is_any(&["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
    }
}

/// Names the attempt behind a call to AWS.
pub trait Doing<T> {
    /// Turns the SDK's error into ours. `attempt` reads well after "failed to".
    fn doing(self, attempt: impl Into<String>) -> Result<T>;
}

impl<T, E> Doing<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn doing(self, attempt: impl Into<String>) -> Result<T> {
        self.map_err(|error| {
            let (cause, meaning) = read(&error);
            Error { attempt: attempt.into(), cause, meaning }
        })
    }
}

/// Reads the SDK's error. A server error counts as no answer: the call may have had its effect.
fn read<E>(error: &SdkError<E, HttpResponse>) -> (Cause, Meaning)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().unwrap_or("Unknown").to_owned();
            let message = service.err().message().unwrap_or("no message").trim().to_owned();
            let meaning = match code.as_str() {
                code if THROTTLING.contains(&code) => Meaning::Throttled,
                _ if status >= 500 => Meaning::Lost,
                _ => Meaning::Fatal,
            };
            let request_id = error.request_id().map(str::to_owned);
            (Cause::Refused { code, message, request_id }, meaning)
        }
        SdkError::TimeoutError(_) => (Cause::NoAnswer("timed out".into()), Meaning::Lost),
        SdkError::ResponseError(_) => (Cause::NoAnswer(chain(error)), Meaning::Lost),
        // A peer that closes the connection after the request was sent is no error of input or output
        // to the HTTP client, but an "other" one.
        SdkError::DispatchFailure(dispatch)
            if dispatch.is_io() || dispatch.is_timeout() || dispatch.as_other().is_some() =>
        {
            (Cause::NoAnswer(chain(error)), Meaning::Lost)
        }
        _ => (Cause::Other(chain(error)), Meaning::Fatal),
    }
}

/// Words of the SDK that say nothing beside their source.
const NOISE: &[&str] = &[
    "an error occurred while loading credentials",
    "unexpected credentials error",
    "the credentials provider was not properly configured",
    "service error",
    "dispatch failure",
    "failed to construct request",
    "response error",
    "io error",
    "other",
    "timeout",
    "client error (Connect)",
];

/// The messages of an error and its sources, outermost first, each said once, on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // The SDK writes its metadata down as Rust does.
        let text = match error.downcast_ref::<ErrorMetadata>() {
            Some(it) => {
                in_words(&[it.code(), it.message()].map(Option::unwrap_or_default).join(": "))
            }
            None => in_words(&error.to_string()),
        };
        let is_noise = NOISE.contains(&text.as_str()) || text.starts_with("unhandled error");
        let is_said = parts.iter().any(|part| part.contains(&text));
        next = error.source();
        let says_more = !is_noise || next.is_none();
        if !is_said && says_more {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// A message of a library on one line, without what only its programmers read.
fn in_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.starts_with("minimum throughput was specified") {
        return "nothing came back for several seconds".to_owned();
    }
    match line.split_once("StatusCode(").map(|(before, rest)| (before, rest.split_once(')'))) {
        Some((before, Some((status, rest)))) => format!("{before}HTTP {status}{rest}"),
        _ => line,
    }
}

/// Gives a meaning to some of AWS's answers, at the call that can meet them.
pub trait Meanings<T>: Sized {
    /// These codes mean "not yet". `Code: words` matches only messages with these words.
    fn wait_on(self, codes: &[&str]) -> Result<T>;
    /// These codes mean that somebody, perhaps ourselves, holds the name.
    fn taken_on(self, codes: &[&str]) -> Result<T>;
    /// These codes mean that the thing is gone, which is what was asked for.
    fn gone_is_fine(self, codes: &[&str]) -> Result<Option<T>>;
}

impl<T> Meanings<T> for Result<T> {
    fn wait_on(self, codes: &[&str]) -> Result<T> {
        self.map_err(|error| match error.is_any(codes) {
            true => Error { meaning: Meaning::NotYet, ..error },
            false => error,
        })
    }

    fn taken_on(self, codes: &[&str]) -> Result<T> {
        self.map_err(|error| match error.is_any(codes) {
            true => Error { meaning: Meaning::Taken, ..error },
            false => error,
        })
    }

    fn gone_is_fine(self, codes: &[&str]) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_any(codes) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An answer of AWS that lacks a field it always has.
pub fn missing(attempt: &str, field: &str) -> Error {
    Error::other(attempt, format!("AWS's answer has no `{field}`"))
}

/// A refusal without what no two have in common: AWS's ids of requests, and what it encodes for
/// `DecodeAuthorizationMessage`.
pub fn without_requests(why: &str) -> String {
    let why = why.split(". Encoded authorization failure message:").next().unwrap_or_default();
    let mut parts = why.split(" (request ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, message: &str) -> Result<()> {
        Err(Error {
            attempt: "delete the subnet".into(),
            cause: Cause::Refused {
                code: code.into(),
                message: message.into(),
                request_id: Some("8a1c".into()),
            },
            meaning: Meaning::Fatal,
        })
    }

    #[test]
    fn codes_get_their_meaning_at_the_call() {
        let meaning = |result: Result<()>| result.unwrap_err().meaning;
        assert_eq!(meaning(refused("X", "y").wait_on(&["X"])), Meaning::NotYet);
        assert_eq!(
            meaning(refused("X", "a draining b").wait_on(&["X: draining"])),
            Meaning::NotYet
        );
        assert_eq!(meaning(refused("X", "other").wait_on(&["X: draining"])), Meaning::Fatal);
        assert_eq!(refused("X", "y").gone_is_fine(&["X"]), Ok(None));
    }

    #[test]
    fn a_chain_of_causes_reads_as_one_sentence() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Layer(&'static str, #[source] Option<Box<dyn std::error::Error>>);
        let metadata =
            ErrorMetadata::builder().code("ExpiredToken").message("it is\n over").build();
        let inner = Layer("unhandled error (ExpiredToken)", Some(Box::new(metadata)));
        let outer = Layer("service error", Some(Box::new(inner)));
        assert_eq!(chain(&outer), "ExpiredToken: it is over");
        let status = Layer("no success: StatusCode(403) at once", None);
        assert_eq!(chain(&status), "no success: HTTP 403 at once");
        assert_eq!(
            chain(&Layer("dispatch failure", None)),
            "dispatch failure",
            "it is all there is"
        );
    }

    #[test]
    fn an_error_says_what_was_attempted_and_what_aws_said() {
        let error = refused("DependencyViolation", "has dependencies").unwrap_err();
        assert_eq!(
            error.to_string(),
            "delete the subnet: DependencyViolation: has dependencies (request 8a1c)"
        );
    }
}
