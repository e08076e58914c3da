//! A wait of one node: its rhythm, its deadline, and the reason that was last told.

use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Error;
use crate::aws::error::Meaning;
use crate::engine::event::What;
use crate::engine::looks::{self, Moment};
use crate::engine::walk::Place;
use crate::engine::{Failure, Outcome, Run};
use crate::names::NodeName;
use crate::resource::kind::{NOT_YET, Patience};
use crate::resource::{Kind, Resource};

/// For so long AWS usually does not know everywhere what was just made; then it says what it says.
const USUAL: Duration = Duration::from_secs(45);

/// What an answer usually means that passes by itself, when that is AWS's usual delay.
fn usually(error: &Error) -> Option<String> {
    match (error.meaning, error.code()) {
        (Meaning::NotYet, Some(code))
            if code.contains("NotFound") || code.starts_with("NoSuch") =>
        {
            Some(format!("AWS to know everywhere what was just made ({code})"))
        }
        (Meaning::Throttled, Some(code)) => {
            Some(format!("AWS to take more requests of the account ({code})"))
        }
        _ => None,
    }
}

/// A wait of one node: its rhythm, its deadline, and the reason that was last told.
pub(super) struct Wait<'a> {
    run: &'a Run,
    place: &'a Place,
    node: &'a NodeName,
    pub(super) patience: Patience,
    pub(super) since: Instant,
    pauses: u32,
    kind: Kind,
    told: Option<String>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(
        run: &'a Run,
        place: &'a Place,
        node: &'a NodeName,
        kind: Kind,
        patience: Patience,
    ) -> Self {
        Self { run, place, node, kind, patience, since: Instant::now(), pauses: 0, told: None }
    }

    /// For calls that are asked again after a refusal.
    pub(super) fn for_calls(
        run: &'a Run,
        place: &'a Place,
        node: &'a NodeName,
        kind: Kind,
    ) -> Self {
        let every = kind.about().again.before(1);
        let patience = Patience { first: every, every, deadline: NOT_YET };
        Self::new(run, place, node, kind, patience)
    }

    /// For a removal that is asked for again after a refusal.
    pub(super) fn for_removal(
        run: &'a Run,
        place: &'a Place,
        node: &'a NodeName,
        kind: Kind,
    ) -> Self {
        let calls = Self::for_calls(run, place, node, kind);
        let patience = Patience { deadline: kind.about().held_for, ..calls.patience };
        Self { patience, ..calls }
    }

    fn tell(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            self.told = Some(why.to_owned());
            self.run.tell(self.node, What::Waiting(why.to_owned()));
        }
    }

    pub(super) async fn sleep(&mut self, until: Instant, why: &str) -> Outcome {
        self.in_time(why)?;
        self.pauses += 1;
        self.tell(why);
        self.run.sleep_until(until, &self.place.upstream).await
    }

    /// Gives up when the time is up; says what it waited for last.
    fn in_time(&self, last: &str) -> Outcome {
        match self.since.elapsed() {
            after if after < self.patience.deadline => Ok(()),
            after => Err(Failure::TimedOut { after, last: last.to_owned() }),
        }
    }

    /// Sleeps until the next look is due. The early and the first one come on a whole second, the others
    /// fall on a common grid, so that nodes of one kind share them. A look that takes its time does not
    /// cost the next place on the grid.
    pub(super) async fn until_next_look(&mut self, why: &str, every: Duration) -> Outcome {
        let early = self.patience.early();
        let mut beginning = early.into_iter().chain([self.patience.first]);
        let due = match beginning.nth(self.pauses as usize) {
            Some(after) => self.on_the_grid(self.since + after, Duration::from_secs(1)),
            None => self.soon_on_the_grid(every),
        };
        self.sleep(due, why).await
    }

    /// The next moment on the common grid, so much later at the least that a look is worth it.
    pub(super) fn soon_on_the_grid(&self, every: Duration) -> Instant {
        self.on_the_grid(Instant::now() + every / 2, every)
    }

    /// A moment, put off to the common grid.
    fn on_the_grid(&self, due: Instant, every: Duration) -> Instant {
        let offset = due.saturating_duration_since(self.run.started).as_millis();
        let steps = offset.div_ceil(every.as_millis().max(1));
        self.run.started + every.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// Sleeps until the next attempt is due.
    pub(super) async fn until_next_attempt(&mut self, why: &str) -> Outcome {
        let due = Instant::now() + self.kind.about().again.before(self.pauses + 1);
        self.sleep(due, why).await
    }

    /// A listing, asked for until there is one.
    pub(super) async fn list<R: Resource>(
        &mut self,
        after: Option<Moment>,
    ) -> Result<looks::Seen<R::Output>, Failure> {
        loop {
            match self.run.looks.list::<R>(after).await {
                Ok(seen) => return Ok(seen),
                Err(error) => self.after(error).await?,
            }
            self.run.go_on()?;
        }
    }

    /// Passes an error on, or sleeps when asking again may help.
    pub(super) async fn after(&mut self, error: Error) -> Outcome {
        if !error.is_passing() {
            return Err(error.into());
        }
        tracing::debug!(node = %self.node, %error, "again");
        let whole = error.cause.to_string();
        self.in_time(&whole)?;
        let why = match self.since.elapsed() < USUAL {
            true => usually(&error).unwrap_or(whole),
            false => whole,
        };
        self.until_next_attempt(&why).await
    }
}
