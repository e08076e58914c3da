//! A record of what a run asked of AWS: a line of JSON for each call, written as it ends.
//!
//! It says when, which operation, where, for how long, how it ended and with which request id, so that it can
//! be laid beside `CloudTrail`, or given to AWS's support. What a call said is in it without anything that may
//! be secret: see [`redact`]. What the SDK itself asks in order to sign in is not in it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::clock::Clock;

mod redact;

/// A file that calls are written to. Clones write to the same one.
#[derive(Debug, Clone)]
pub struct Recorder {
    file: Arc<File>,
    is_broken: Arc<AtomicBool>,
}

impl Recorder {
    /// Opens a file to add lines to it. One that is not there is made for its owner alone: it names what there
    /// is in an account.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Arc::new(options.open(path)?);
        Ok(Self { file, is_broken: Arc::default() })
    }

    /// Whether a line could not be written. None is written after that.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    fn write(&self, line: Map<String, Value>) {
        if self.is_broken() {
            return;
        }
        // In one piece, so that the lines of two runs do not mix.
        let line = format!("{}\n", Value::Object(line));
        if self.file.as_ref().write_all(line.as_bytes()).is_err() {
            self.is_broken.store(true, Ordering::Relaxed);
        }
    }
}

/// Writes down the calls of the clients that it is put into.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    pub(super) clock: Clock,
}

/// A call on its way. One that nobody waits for any more, since the run was stopped, is written down, too.
#[derive(Debug)]
struct Pending {
    call: Map<String, Value>,
    began: Instant,
    time: Option<SharedTimeSource>,
    recording: Recording,
    is_written: AtomicBool,
}

impl Storable for Pending {
    type Storer = StoreReplace<Self>;
}

impl Pending {
    fn end(&self, how: &[(&str, Value)]) {
        if self.is_written.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut line = self.call.clone();
        let took = self.began.elapsed();
        line.insert("time".to_owned(), self.began_at(took).into());
        line.insert("took_ms".to_owned(), u64::try_from(took.as_millis()).unwrap_or(0).into());
        let how = how.iter().filter(|(_, value)| !value.is_null());
        line.extend(how.map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.recording.recorder.write(line);
    }

    /// When it was sent, by AWS's clock as far as that is known.
    fn began_at(&self, took: Duration) -> Option<String> {
        let now = self.time.as_ref()?.now().duration_since(UNIX_EPOCH).ok()?;
        let began = i64::try_from(now.saturating_sub(took).as_millis()).ok()?;
        let began = began.saturating_add(self.recording.clock.ahead().saturating_mul(1000));
        jiff::Timestamp::from_millisecond(began).ok().map(|it| format!("{it:.3}"))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end(&[("error", json!("nobody waited for its answer"))]);
    }
}

impl Intercept for Recording {
    fn name(&self) -> &'static str {
        "record"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        runtime: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = call(context.request(), config);
        config.interceptor_state().store_put(Pending {
            call,
            began: Instant::now(),
            time: runtime.time_source(),
            recording: self.clone(),
            is_written: AtomicBool::new(false),
        });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _runtime: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(pending) = config.load::<Pending>() else { return Ok(()) };
        let response = context.response();
        let failed = context.output_or_error().and_then(Result::err);
        let code = response.and_then(code);
        let error = failed.map(|error| match (code, error.as_connector_error()) {
            (Some(code), _) => code,
            (None, Some(error)) if error.is_timeout() => "no connection in time".to_owned(),
            (None, Some(_)) => "the connection failed".to_owned(),
            (None, None) if error.is_timeout_error() => "no answer in time".to_owned(),
            (None, None) => "its answer cannot be read".to_owned(),
        });
        pending.end(&[
            ("status", json!(response.map(|it| it.status().as_u16()))),
            ("request_id", json!(response.and_then(request_id))),
            ("error", json!(error)),
        ]);
        Ok(())
    }
}

/// What is known of a call before it is sent.
fn call(request: &HttpRequest, config: &ConfigBag) -> Map<String, Value> {
    let operation = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
    let attempt = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request: what AWS itself goes by.
    let signed = request.headers().get("authorization").unwrap_or_default();
    let scope = signed.split_once("Credential=").map_or("", |(_, scope)| scope);
    let mut scope = scope.split('/').skip(2);
    let (region, service) = (scope.next().unwrap_or("?"), scope.next().unwrap_or("?"));
    let call = [
        ("region", json!(region)),
        ("service", json!(service)),
        ("operation", json!(operation)),
        ("attempt", json!(attempt)),
        ("parameters", redact::parameters(request.uri(), request.body().bytes())),
    ];
    call.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// AWS's code for a refusal: in a header or the body, by protocol.
fn code(response: &HttpResponse) -> Option<String> {
    if response.status().is_success() {
        return None;
    }
    let body = text(response);
    let said = response.headers().get("x-amzn-errortype").map(str::to_owned);
    let in_json = || {
        let body: Value = serde_json::from_str(body).ok()?;
        Some(body.get("__type").or_else(|| body.get("code"))?.as_str()?.to_owned())
    };
    let code = said.or_else(in_json).or_else(|| element(body, &["Code"]))?;
    // `namespace#Code:details`
    let code = code.split(':').next()?.rsplit('#').next()?;
    Some(code.to_owned())
}

fn request_id(response: &HttpResponse) -> Option<String> {
    let header = |name| response.headers().get(name).map(str::to_owned);
    header("x-amzn-requestid")
        .or_else(|| header("x-amz-request-id"))
        .or_else(|| element(text(response), &["requestId", "RequestId", "RequestID"]))
}

/// The first element of one of these names that holds a text.
fn element(body: &str, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    })
}

fn text(response: &HttpResponse) -> &str {
    let body = response.body().bytes().unwrap_or_default();
    std::str::from_utf8(body).unwrap_or_default()
}
