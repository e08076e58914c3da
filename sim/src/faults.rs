//! What goes wrong between a caller and AWS, as a layer over any world.

use std::time::Duration;

use serde_json::Value;

use crate::dice::Dice;

/// How often what goes wrong. Chances are per call, from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// AWS asks to slow down; nothing happened.
    pub throttle: f64,
    /// A server error; nothing happened.
    pub server_error: f64,
    /// A server error after the call had its effect.
    pub late_server_error: f64,
    /// The connection breaks before the call arrives.
    pub reset: f64,
    /// The call has its effect and its answer is lost.
    pub lost: f64,
    /// The call has its effect and no answer ever comes.
    pub silent: f64,
    /// The caller dies at a call.
    pub crash: Option<Crash>,
    /// What befalls certain calls, always.
    pub only: Option<Only>,
}

/// Calls that something always befalls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// The operation.
    pub operation: String,
    /// What it is about: words in its input.
    pub about: String,
    /// What befalls them.
    pub fault: Fault,
}

/// Where a caller dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At the call of this number, counted from when the faults were set.
    pub at: usize,
    /// Whether the call had its effect.
    pub after: bool,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// AWS asks to slow down.
    Throttle,
    /// A server error before the effect.
    ServerError,
    /// A server error after the effect.
    LateServerError,
    /// Never arrives.
    Reset,
    /// Arrives; the answer does not.
    Lost,
    /// Arrives; the connection stays open and nothing comes.
    Silent,
    /// The caller dies before the effect.
    CrashBefore,
    /// The caller dies after the effect.
    CrashAfter,
}

impl Faults {
    /// A rough day: everything goes wrong now and then.
    pub fn rough() -> Self {
        Self {
            throttle: 0.05,
            server_error: 0.02,
            late_server_error: 0.01,
            reset: 0.02,
            lost: 0.03,
            silent: 0.005,
            ..Self::default()
        }
    }

    /// What goes wrong with the call of this number.
    pub(super) fn at(
        &self,
        number: usize,
        dice: &Dice,
        operation: &str,
        input: &Value,
    ) -> Option<Fault> {
        match self.crash {
            Some(Crash { at, after: false }) if at == number => return Some(Fault::CrashBefore),
            Some(Crash { at, after: true }) if at == number => return Some(Fault::CrashAfter),
            _ => {}
        }
        let befalls =
            |only: &&Only| only.operation == operation && input.to_string().contains(&only.about);
        if let Some(only) = self.only.as_ref().filter(befalls) {
            return Some(only.fault);
        }
        let chances = [
            (self.throttle, Fault::Throttle),
            (self.server_error, Fault::ServerError),
            (self.late_server_error, Fault::LateServerError),
            (self.reset, Fault::Reset),
            (self.lost, Fault::Lost),
            (self.silent, Fault::Silent),
        ];
        let mut rolled = dice.roll("fault", &number.to_string());
        for (chance, fault) in chances {
            if rolled < chance {
                return Some(fault);
            }
            rolled -= chance;
        }
        None
    }
}

/// How long a connection without an answer stays open: longer than any caller waits.
pub(super) const SILENCE: Duration = Duration::from_hours(1);
