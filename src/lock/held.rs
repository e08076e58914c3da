//! A lock that this run holds.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::parameter::{Claim, Seen};
use super::{AGAIN, BEAT, GONE, Lock, SILENT};
use crate::aws::{Error, Meaning, Result};
use crate::engine::Stop;

/// A sign of life that takes longer has lost its answer. The next one must not come too late.
pub(super) const BEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// By how much listings are behind at most, and some more.
const BEHIND: Duration = Duration::from_secs(5);
/// How often the lock is released until that is left to its death.
const RELEASES: u32 = 3;

/// A lock that this run holds, as long as it shows signs of life.
#[derive(Debug)]
pub struct Held {
    lock: Lock,
    epoch: u64,
    since: Instant,
    /// When the last sign of life was sent that AWS is known to have heard.
    heard: Cell<Instant>,
    /// The version that was last written.
    version: Cell<i64>,
    /// How many writes may have happened or may not.
    in_doubt: Cell<i64>,
    superseded: Cell<bool>,
    /// Whether no sign of life was heard for so long that others may soon take this run for dead.
    unheard: Cell<bool>,
    /// Of the past, to be removed.
    before: RefCell<Vec<u64>>,
}

impl Held {
    /// When the stack expires, in seconds since 1970, if it does.
    pub fn expires(&self) -> Option<i64> {
        self.lock.claim.expires
    }

    /// A lock whose claim was `sent`.
    pub(super) fn new(lock: Lock, epoch: u64, sent: Instant, before: Vec<u64>) -> Self {
        Self {
            lock,
            epoch,
            since: sent,
            heard: Cell::new(sent),
            version: Cell::new(1),
            in_doubt: Cell::new(0),
            superseded: Cell::new(false),
            unheard: Cell::new(false),
            before: RefCell::new(before),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether another run has taken over.
    pub fn is_superseded(&self) -> bool {
        self.superseded.get()
    }

    /// Whether this run had to stop because AWS did not hear its signs of life.
    pub fn is_unheard(&self) -> bool {
        self.unheard.get()
    }

    /// From when on this run has to stop, on its own clock: it is not heard of.
    pub(super) fn fence(&self) -> Instant {
        self.heard.get() + SILENT
    }

    /// Lets a piece of work run to its end, and shows signs of life beside it. Asks the work to stop
    /// when another run has taken over, or may soon do so because these signs are not heard. Gives it
    /// up when it has not stopped before another one may begin.
    pub async fn keep<T>(&self, stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut due = self.since + BEAT;
        while !self.is_superseded() {
            match select(work.as_mut(), pin!(sleep_until(due.min(self.fence())))).await {
                Either::Left((result, _)) => return Some(result),
                Either::Right(_) => {}
            }
            if Instant::now() >= self.fence() {
                self.unheard.set(true);
                break;
            }
            let began = Instant::now();
            // When the work ends first, the sign of life does, too, before anything else is written.
            let fine = match select(work.as_mut(), pin!(self.beat())).await {
                Either::Left((result, beat)) => {
                    beat.await;
                    return Some(result);
                }
                Either::Right((fine, _)) => fine,
            };
            due = if fine { began + BEAT } else { Instant::now() + AGAIN };
        }
        stop.ask();
        timeout_at(self.heard.get() + GONE, work).await.ok()
    }

    /// One sign of life. Returns whether AWS has heard it.
    async fn beat(&self) -> bool {
        let now = self.now(None);
        let sent = Instant::now();
        let write = self.lock.parameters.write(self.epoch, &now);
        match timeout(BEAT_TIMEOUT, write).await {
            Ok(Ok(version)) => {
                self.wrote(version).await;
                if self.is_superseded() {
                    return true;
                }
                self.heard.set(sent);
                let past = self.before.take();
                if !past.is_empty() {
                    self.tidy(&past).await;
                }
                return true;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "no sign of life");
                if error.meaning == Meaning::Lost {
                    self.in_doubt.set(self.in_doubt.get() + 1);
                }
            }
            Err(_) => self.in_doubt.set(self.in_doubt.get() + 1),
        }
        false
    }

    /// What is written now.
    fn now(&self, released: Option<u64>) -> Claim {
        Claim { seconds: self.since.elapsed().as_secs(), released, ..self.lock.claim.clone() }
    }

    /// Checks that nobody else has written to the parameter, or removed it.
    async fn wrote(&self, version: i64) {
        let unexplained = version - self.version.get() - 1;
        if (0..=self.in_doubt.get()).contains(&unexplained) {
            self.version.set(version);
            self.in_doubt.set(self.in_doubt.get() - unexplained);
            return;
        }
        self.superseded.set(true);
        if version == 1 {
            // It was gone, and this has made it again.
            self.tidy(&[self.epoch]).await;
        }
    }

    /// Removes parameters of the past. When that fails, or takes so long that signs of life would come
    /// too late, the next run does it.
    async fn tidy(&self, epochs: &[u64]) {
        let deleted = timeout(BEAT_TIMEOUT, self.lock.parameters.delete(epochs)).await;
        if let Ok(Err(error)) = deleted {
            tracing::warn!(%error);
        }
    }

    /// Lets others have the lock. AWS `hides` what was made for some time from now on.
    pub async fn release(&self, hides: Duration) -> Result<()> {
        let hides = u64::try_from(hides.as_millis().div_ceil(1000)).unwrap_or_default();
        let mut attempt = 0;
        while !self.is_superseded() {
            attempt += 1;
            match self.lock.parameters.write(self.epoch, &self.now(Some(hides))).await {
                Ok(version) => {
                    self.wrote(version).await;
                    return Ok(());
                }
                Err(error) if error.is_passing() && attempt < RELEASES => {
                    if error.meaning == Meaning::Lost {
                        self.in_doubt.set(self.in_doubt.get() + 1);
                    }
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the lock, with all that is left of earlier ones.
    pub async fn remove(&self) -> Result<()> {
        sleep_until(self.since + BEHIND).await;
        let mut epochs: Vec<_> =
            self.lock.parameters.list().await?.iter().map(Seen::epoch).collect();
        if epochs.last().is_some_and(|last| *last > self.epoch) {
            self.superseded.set(true);
            return Err(Error::other("remove the lock", "another run has taken it over"));
        }
        // A listing may not show everything yet, or any longer.
        epochs.extend(self.before.take());
        epochs.push(self.epoch);
        epochs.sort_unstable();
        epochs.dedup();
        self.lock.parameters.delete(&epochs).await
    }
}
