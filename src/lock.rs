//! The lock of a stack: of two runs at once, one works, and a crash locks nobody out.
//!
//! A lock is a parameter of Systems Manager, `/ecsup/<stack>/lock/<epoch>`. Whoever finds epoch `n`
//! free, or its holder dead, makes `n + 1`; of several who try, AWS lets one succeed. The highest
//! epoch is the lock, all others are of the past. At rest a stack has one, which says that it was
//! released. It stays, so that the next run learns when somebody last worked on the stack; a destroy
//! takes it away at the very end.
//!
//! No machine's clock is compared with another's:
//!
//! * **Alive or dead.** The holder writes to its parameter every [`BEAT`], and each write is a
//!   version. Who waits watches the version: it grows, so the holder is alive; it stays the same for
//!   [`DEAD`] on the watcher's own clock, so the holder is dead.
//! * **Who else was there.** AWS says when a parameter was written. From the release before to our
//!   own claim is a time on AWS's clock alone. When that is less than the age of what was seen
//!   before the lock was taken, somebody may have changed it since, and it is looked at again. When
//!   AWS may still hide what the other run made last, that is waited for first.
//!
//! Before the very first claim nothing was released. Either there never was another run, or a destroy
//! has taken the lock away: it does that 15 seconds after its last removal, after a look that found
//! nothing. So what was seen less than 15 seconds ago is still so.
//!
//! **When the stack expires** stands in it, too: it is there before anything of the stack is, and goes after
//! everything. Each epoch has that of the one before, unless its run was asked for another one.
//!
//! Four things could go wrong:
//!
//! * **A listing shows what was.** `GetParametersByPath` may be behind by a second or two. A claim
//!   that builds on an old listing names an epoch that is there already, and is refused. For that,
//!   an epoch stays until one after it has been there for longer than listings are behind: earlier
//!   ones are removed at the first sign of life, and a destroy that ends sooner waits a little.
//! * **An answer is lost.** Every run has an id. Who is refused reads the parameter, and may find
//!   that it says its own.
//! * **The living are not heard**: their writes fail, or take long. So a holder counts as well, from
//!   when its last sign of life was sent that AWS has confirmed: after [`SILENT`] it asks itself to
//!   stop, and after [`GONE`] whatever still runs is dropped. Both come before [`DEAD`], which counts
//!   from when somebody else saw that sign, and that was later.
//! * **The dead return**, such as a laptop that was closed. Whoever takes over writes to the
//!   parameter of the dead one as well, and later removes it. So its next sign of life gets a version
//!   that it cannot explain, or the first version of a new parameter. It then starts nothing new.
//!   Who cannot write to that parameter does not begin.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::aws::{Cx, Error, Meaning, Result};
use crate::engine::Stop;
use crate::engine::patience::PROPAGATION;

mod held;
mod holder;
mod parameter;

#[cfg(test)]
mod tests;

use held::BEAT_TIMEOUT;
pub use held::Held;
pub use parameter::{Seen, stacks};

use parameter::{Claim, Parameters};

/// Between two signs of life. A deploy of five minutes gives thirty.
const BEAT: Duration = Duration::from_secs(10);
/// For how long a lock shows no sign of life until its holder counts as dead.
const DEAD: Duration = Duration::from_secs(25);
/// For how long AWS may not have heard a holder until that one asks itself to stop: time for two more
/// signs of life after one that got lost.
const SILENT: Duration = Duration::from_secs(18);
/// For how long AWS may not have heard a holder until nothing of it runs any more. What it sent last
/// has arrived before [`DEAD`].
const GONE: Duration = Duration::from_secs(22);
/// Between two looks at a lock that somebody holds.
const LOOK: Duration = Duration::from_secs(5);
/// Between two attempts at a claim.
const AGAIN: Duration = Duration::from_secs(2);
/// How many claims in a row may fail without anybody holding the lock. AWS advises to wait 30
/// seconds before a name is used again that was just removed.
const ATTEMPTS: u32 = 30;
/// By how much the times that AWS notes may be off.
const MARGIN: Duration = Duration::from_secs(1);

/// The lock of one stack, as one run sees it.
#[derive(Debug, Clone)]
pub struct Lock {
    parameters: Parameters,
    claim: Claim,
    expiry: Expiry,
}

/// When a stack is to expire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expiry {
    /// As it was.
    #[default]
    Stays,
    /// Never.
    Never,
    /// At this moment, in seconds since 1970.
    At(i64),
}

/// How a run wants to take a lock.
pub struct Terms<'a> {
    /// Whether to wait while another run works.
    pub wait_for_live: bool,
    /// When the run began to look at the stack.
    pub looked: Instant,
    /// The wish to stop.
    pub stop: &'a Stop,
    /// Is told what is waited for.
    pub tell: &'a dyn Fn(&str),
}

/// How the attempt to take a lock ended.
#[derive(Debug)]
pub enum Taking {
    /// It is ours.
    Taken(Box<Taken>),
    /// Another run holds it and is alive.
    HeldBy(Seen),
    /// Somebody asked to stop.
    Stopped,
}

/// A lock that was just taken.
#[derive(Debug)]
pub struct Taken {
    /// The lock.
    pub held: Held,
    /// Whether what was seen before has to be looked at again, and after which pause. AWS then hides
    /// nothing of what other runs have made.
    pub look_again: Option<Duration>,
    /// Whether nothing is known of runs before this one, so that AWS may hide what they have made.
    pub is_first: bool,
}

/// What is known of a holder that is being watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Unknown,
    Alive,
    Dead,
}

/// The sign of life that was last seen.
#[derive(Debug)]
struct Watch {
    seen: Seen,
    since: Instant,
    life: Life,
}

impl Watch {
    /// Judges by what was `seen` by a look that began at `asked`.
    fn judge(watch: &mut Option<Self>, seen: &Seen, asked: Instant) -> Life {
        let last = watch.as_mut().filter(|last| last.seen.epoch <= seen.epoch);
        let life = match last {
            // A destroy makes the epochs begin anew, so another run may hold the same one.
            Some(last) if last.seen.epoch == seen.epoch && last.seen.run() != seen.run() => {
                Life::Unknown
            }
            // A listing that is behind shows an older version than was seen before.
            Some(last) if last.seen.epoch == seen.epoch && last.seen.version >= seen.version => {
                if asked.saturating_duration_since(last.since) >= DEAD {
                    last.life = Life::Dead;
                }
                return last.life;
            }
            Some(_) => Life::Alive,
            None => Life::Unknown,
        };
        *watch = Some(Self { seen: seen.clone(), since: Instant::now(), life });
        life
    }
}

/// After which pause to look again at what was seen before, if at all. A run released the lock
/// `released` before it was taken, and AWS `hides` what it made for some time from then on; the look
/// began `looked` before.
fn pause(released: Duration, hides: Duration, looked: Duration) -> Option<Duration> {
    if released >= hides + MARGIN + looked {
        return None;
    }
    let hidden = (hides + MARGIN).saturating_sub(released);
    Some(if hides.is_zero() { Duration::ZERO } else { hidden })
}

impl Lock {
    /// The lock of the stack for a run of this command. `who` is the caller's ARN.
    pub fn new(cx: &Cx, who: &str, command: &str) -> Self {
        let claim = Claim {
            run: format!("{:016x}", fastrand::u64(..)),
            holder: holder::holder(who, &|name| std::env::var(name).ok()),
            command: command.to_owned(),
            ecsup: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: 0,
            released: None,
            made: None,
            expires: None,
        };
        Self { parameters: Parameters::new(cx), claim, expiry: Expiry::Stays }
    }

    /// The lock of a run that makes things: a stack of which there was no lock is begun `now`, by AWS's clock.
    #[must_use]
    pub fn making(mut self, now: i64, expiry: Expiry) -> Self {
        self.claim.made = Some(now);
        Self { expiry, ..self }
    }

    /// What a run says that takes the lock after this one. What is said of the stack stays, if anything is.
    fn claim_after(&self, before: Option<&Seen>) -> Claim {
        let expires = match self.expiry {
            Expiry::Stays => before.and_then(Seen::expires),
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
        };
        let made = before.map_or(self.claim.made, Seen::made);
        Claim { made, expires, ..self.claim.clone() }
    }

    /// What a listing shows, which may be behind: for who only tells of it.
    pub async fn peek(&self) -> Result<Option<Seen>> {
        Ok(self.parameters.list().await?.pop())
    }

    /// What there is: somebody's lock, one that was released, or none.
    pub async fn look(&self) -> Result<Option<Seen>> {
        match self.seen().await?.pop() {
            // Of a lock that was just made for the first time a listing may know nothing yet.
            None => self.parameters.get(1).await,
            seen => Ok(seen),
        }
    }

    /// All epochs, oldest first. A listing may be behind; of one that is held, the newest is read as it
    /// is.
    async fn seen(&self) -> Result<Vec<Seen>> {
        let mut seen = self.parameters.list().await?;
        if let Some(held) = seen.pop_if(|newest| newest.is_held()) {
            seen.extend(self.parameters.get(held.epoch).await?);
        }
        Ok(seen)
    }

    /// Takes the lock as soon as nobody holds it.
    pub async fn take(&self, terms: &Terms<'_>) -> Result<Taking> {
        let mut watch: Option<Watch> = None;
        let mut waited = false;
        let mut attempts = 0;
        while !terms.stop.is_asked() {
            let asked = Instant::now();
            let seen = self.seen().await?;
            if let Some(top) = seen.last().filter(|top| top.is_held()) {
                let life = Watch::judge(&mut watch, top, asked);
                if life == Life::Alive && !terms.wait_for_live {
                    return Ok(Taking::HeldBy(top.clone()));
                }
                waited = true;
                if life != Life::Dead {
                    (terms.tell)(&Self::why(top, life));
                    terms.stop.sleep(LOOK).await;
                    continue;
                }
            }
            match self.claim(&seen).await {
                Ok(Some(held)) => {
                    let last_sign = watch.as_ref().map(|watch| watch.since);
                    let look_again = self.settle(&seen, &held, terms.looked, last_sign).await?;
                    let look_again = look_again.or(waited.then_some(Duration::ZERO));
                    let is_first = seen.is_empty();
                    let taken = Taken { held, look_again, is_first };
                    return Ok(Taking::Taken(Box::new(taken)));
                }
                Ok(None) => {}
                Err(error) if error.is_passing() && attempts < ATTEMPTS => {
                    (terms.tell)(&error.cause.to_string());
                }
                Err(error) => return Err(error),
            }
            waited = true;
            attempts += 1;
            terms.stop.sleep(AGAIN).await;
        }
        Ok(Taking::Stopped)
    }

    fn why(held: &Seen, life: Life) -> String {
        match life {
            Life::Alive => format!("{} to end", held.holder()),
            Life::Unknown | Life::Dead => {
                format!("whether its holder is alive, for at most {}s", DEAD.as_secs())
            }
        }
    }

    /// Claims the epoch after these. `None` when somebody else was faster.
    async fn claim(&self, before: &[Seen]) -> Result<Option<Held>> {
        let epoch = before.last().map_or(1, |before| before.epoch + 1);
        let sent = Instant::now();
        let past = || before.iter().map(Seen::epoch).collect();
        let lock = Self { claim: self.claim_after(before.last()), ..self.clone() };
        let held = || Some(Held::new(lock.clone(), epoch, sent, past()));
        match self.parameters.create(epoch, &lock.claim).await {
            Ok(()) => Ok(held()),
            // Perhaps it was an attempt of ours whose answer was lost.
            Err(error) if matches!(error.meaning, Meaning::Taken | Meaning::Lost) => {
                match self.parameters.get(epoch).await? {
                    Some(seen) if seen.run() == Some(&self.claim.run) => Ok(held()),
                    Some(_) => Ok(None),
                    None => Err(Error { meaning: Meaning::NotYet, ..error }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Settles with whoever held the lock before, and was last seen to write at `last_sign`. Says
    /// whether to look again, and after which pause.
    async fn settle(
        &self,
        seen: &[Seen],
        held: &Held,
        looked: Instant,
        last_sign: Option<Instant>,
    ) -> Result<Option<Duration>> {
        let looked = looked.elapsed();
        let Some(before) = seen.last() else {
            return Ok((looked >= PROPAGATION).then_some(Duration::ZERO));
        };
        if let Some(hides) = before.released() {
            let released = match self.parameters.get(held.epoch()).await {
                Ok(Some(own)) => before.written_before(&own),
                Ok(None) | Err(_) => Duration::ZERO,
            };
            return Ok(pause(released, hides, looked));
        }
        match self.mark(before, held.fence()).await {
            // What it made last may be hidden for a while.
            Ok(true) => {
                let visible = last_sign.unwrap_or_else(Instant::now) + GONE + PROPAGATION;
                Ok(Some(visible.saturating_duration_since(Instant::now())))
            }
            // It is back, and will know it at its next sign of life.
            Ok(false) => Ok(Some(GONE + PROPAGATION)),
            Err(error) => {
                let released = held.release(Duration::ZERO).await;
                released.unwrap_or_else(|error| tracing::warn!(%error));
                Err(error)
            }
        }
    }

    /// Writes to the parameter of another holder, so that it gets a version that it cannot explain
    /// should it be alive. Returns whether nobody else has written since it was `seen`.
    async fn mark(&self, seen: &Seen, until: Instant) -> Result<bool> {
        let mut in_doubt = 0;
        // Of what it says of the stack nothing is lost, should this run die here.
        let claim = Claim { made: seen.made(), expires: seen.expires(), ..self.claim.clone() };
        loop {
            let write = timeout(BEAT_TIMEOUT, self.parameters.write(seen.epoch, &claim));
            match write.await {
                Ok(Ok(version)) => {
                    return Ok((1..=1 + in_doubt).contains(&(version - seen.version)));
                }
                Ok(Err(error)) if !error.is_passing() || Instant::now() + AGAIN >= until => {
                    return Err(error);
                }
                Err(_) if Instant::now() + AGAIN >= until => {
                    return Err(Error::other("take the lock over", "no answer from AWS"));
                }
                Ok(Err(error)) => in_doubt += i64::from(error.meaning == Meaning::Lost),
                Err(_) => in_doubt += 1,
            }
            sleep(AGAIN).await;
        }
    }

    /// Takes the lock away from whoever holds it. A run that is alive stops at its next sign of life.
    /// Returns whether it was still held as it was `seen`.
    pub async fn unlock(&self, seen: &Seen) -> Result<bool> {
        // Its holder has to learn of it before anybody else may have the lock.
        self.mark(seen, Instant::now() + DEAD).await?;
        let released = Some((GONE + PROPAGATION).as_secs());
        let claim = Claim { released, ..self.claim.clone() };
        let lock = Self { claim, ..self.clone() };
        Ok(lock.claim(std::slice::from_ref(seen)).await?.is_some())
    }
}
