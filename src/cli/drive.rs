//! A piece of work that may be interrupted, or run out of time.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::engine::Stop;
use crate::ui::Screen;

/// How a piece of work ended that may be interrupted.
pub(super) enum Ended<T> {
    /// By itself, or after it was asked to stop.
    With(T, Reason),
    /// It did not: somebody left at once, or nothing came back.
    Left(Reason),
}

/// Why a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was done.
    Done,
    /// The user asked it to stop.
    Interrupted,
    /// The time was up.
    TimedOut,
}

/// How long work that was asked to stop may take: one attempt at a call, and a little more.
const GRACE: Duration = Duration::from_secs(25);

/// Lets a piece of work run to its end. The first Ctrl-C, or the deadline, asks it to stop; a second
/// Ctrl-C leaves at once, and so does who has not stopped a while after the deadline. All are safe: the
/// next run finds what is there.
pub(super) async fn drive<T>(
    work: impl Future<Output = T>,
    stop: &Rc<Stop>,
    deadline: Instant,
    screen: &Screen,
) -> Ended<T> {
    let mut reason = Reason::Done;
    let pulse = screen.pulse();
    let mut heartbeat = tokio::time::interval_at(Instant::now() + pulse, pulse);
    let mut interrupts = Interrupts::new();
    let (mut work, mut up) = (pin!(work), pin!(sleep_until(deadline)));
    let mut over = pin!(sleep_until(deadline + GRACE));
    loop {
        tokio::select! {
            result = &mut work => return Ended::With(result, reason),
            () = interrupts.next() => if reason == Reason::Interrupted { return Ended::Left(reason) } else {
                reason = Reason::Interrupted;
                screen.note("stopping: calls in flight are finished (Ctrl-C again leaves at once)");
                stop.ask();
            },
            () = &mut up, if reason == Reason::Done => {
                reason = Reason::TimedOut;
                screen.note("the time is up: calls in flight are finished");
                stop.ask();
            }
            () = &mut over => {
                screen.note("calls in flight have no answer: they are left alone");
                return Ended::Left(reason);
            }
            _ = heartbeat.tick() => screen.heartbeat(),
        }
    }
}

/// Ctrl-C, and the signal with which CI systems end a job.
pub(super) struct Interrupts {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
}

impl Interrupts {
    pub(super) fn new() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self {
                terminate: signal(SignalKind::terminate()).ok(),
                interrupt: signal(SignalKind::interrupt()).ok(),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if let (Some(terminate), Some(interrupt)) = (&mut self.terminate, &mut self.interrupt) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        let _asked = tokio::signal::ctrl_c().await;
    }
}
