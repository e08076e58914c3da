//! An endpoint that is not there: asking again does not help.

use std::error::Error;
use std::io;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

/// Ends the attempts at a call when no connection comes about. Whatever happens on a connection that
/// is there keeps its attempts.
#[derive(Debug)]
pub(super) struct Unreachable;

impl ClassifyRetry for Unreachable {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.output_or_error().and_then(Result::err);
        match failed.and_then(|error| error.as_connector_error()) {
            Some(error) if is_no_connection(error) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "unreachable"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether no connection came about: it was refused, took too long, or was to a name that nobody knows.
fn is_no_connection(error: &ConnectorError) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let connect = cause.downcast_ref::<hyper_util::client::legacy::Error>();
        if io == Some(io::ErrorKind::ConnectionRefused)
            || connect.is_some_and(hyper_util::client::legacy::Error::is_connect)
            // The type is private.
            || cause.to_string().starts_with("HTTP connect timeout")
        {
            return true;
        }
        next = cause.source();
    }
    false
}
