//! What time it is at AWS, by the `Date` of its answers (RFC 9110, section 6.6.1): how long ago something
//! was is reckoned from there, and not from a clock of this machine that may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// The clock of whoever answers. It reads the answers of the clients that it is put into.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// By how many seconds it is ahead of the clock of this machine.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// By how many seconds AWS's clock is ahead of the clock of this machine, as far as an answer has said
    /// so.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        runtime: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let said = context.response().headers().get("date");
        let said = said.and_then(|it| DateTime::from_str(it, Format::HttpDate).ok());
        let here = runtime.time_source().and_then(|it| it.now().duration_since(UNIX_EPOCH).ok());
        if let (Some(said), Some(here)) = (said, here) {
            let here = i64::try_from(here.as_secs()).unwrap_or_default();
            self.ahead.store(said.secs().saturating_sub(here), Ordering::Relaxed);
        }
        Ok(())
    }
}
