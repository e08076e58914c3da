//! How AWS says no.

/// The code of what the simulator lacks.
const LACKS: &str = "SimulatorLacks";

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// AWS's code as it goes over the wire, such as `DependencyViolation`.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

/// How a service says no before an operation looks at a request: each has its own codes for that.
#[derive(Debug)]
pub struct Refusals {
    /// The code when a member is missing.
    pub missing: &'static str,
    /// The code when a member is not as the model says.
    pub malformed: &'static str,
    /// Asks to slow down.
    pub throttled: fn() -> Refusal,
    /// The caller may not do that; the message says why.
    pub denied: fn(String) -> Refusal,
    /// The answer to who only asks whether a call would succeed, where one may.
    pub dry_run: Option<fn() -> Refusal>,
}

/// What an operation answers: its output shape, or a refusal.
pub type Answer = Result<serde_json::Value, Refusal>;

impl Refusal {
    /// Makes a refusal with status 400, which nearly all have.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }

    /// What the simulator does not have: no code of AWS, and none that a client tries again.
    pub fn lacked(what: &str) -> Self {
        Self::new(LACKS, format!("the simulator does not have {what}"))
    }

    /// Whether it is one that AWS would not give.
    pub fn is_lack(&self) -> bool {
        self.code == LACKS
    }

    /// The same with another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
