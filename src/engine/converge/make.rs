//! Until the output of a node is known: it is found, or AWS is asked to make it.

use tokio::time::Instant;

use super::wait::Wait;
use super::{Subject, remove};
use crate::aws::{Error, Meaning};
use crate::engine::event::What;
use crate::engine::looks::Moment;
use crate::engine::{Failure, Outcome, Removal, patience};
use crate::resource::difference::{describe, has_to_be_remade};
use crate::resource::kind::Patience;
use crate::resource::{Owned, Phase, Seen, Wanted};

/// A node on its way to be made.
struct Making<'a, R: Wanted> {
    of: &'a Subject<'a, R>,
    /// The wait for a former one that is leaving.
    leaving: Wait<'a>,
    /// When what would hold that up was last taken out of its way.
    forgot: Instant,
    calls: Wait<'a>,
    /// The moment from which on a look counts; `None` when a recent one will do.
    look_after: Option<Moment>,
    /// Until this moment a create of ours may have happened although it is not seen; and why.
    invisible: Option<(Instant, String)>,
    /// Since when somebody has its name.
    conflict_since: Option<Instant>,
    /// A refused create has had no effect, so asking again takes no new look.
    surely_absent: bool,
    /// Whether it was told that AWS is asked to make it.
    told: bool,
}

/// What comes next, judging by what was seen.
enum Next<T> {
    /// It is there.
    TakeOver(Owned<T>),
    /// It is there and of no use: it is removed first. Says why.
    Clear(Owned<T>, String),
    /// The former one is leaving; says how far it is.
    AwaitGone(Owned<T>, String),
    /// It may have been made, although it is not seen; says why.
    AwaitShown(String),
    /// It is not there.
    Make,
}

impl<R: Wanted> Subject<'_, R> {
    /// Until the node's output is known. `look_after` is the moment from which on a look counts; `None`
    /// when a recent one will do.
    pub(in crate::engine) async fn make(&self, look_after: Option<Moment>) -> Outcome {
        let mut making = Making::new(self, look_after);
        loop {
            self.run.go_on()?;
            match making.look().await? {
                Next::TakeOver(own) => {
                    making.take_over(&own);
                    return Ok(());
                }
                Next::Clear(own, why) => making.clear(&own, &why).await?,
                Next::AwaitGone(own, why) => making.until_gone(&own, &why).await?,
                Next::AwaitShown(why) => making.calls.until_next_attempt(&why).await?,
                Next::Make => {
                    if making.is_free().await? && making.create().await? {
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl<'a, R: Wanted> Making<'a, R> {
    fn new(of: &'a Subject<'a, R>, look_after: Option<Moment>) -> Self {
        let leaving = R::KIND.about().goes.unwrap_or(R::KIND.about().comes);
        let leaving = Patience { first: leaving.every, ..leaving };
        Self {
            of,
            leaving: Wait::new(of.run, of.place, of.node, R::KIND, leaving),
            forgot: Instant::now(),
            calls: of.calls(),
            look_after,
            invisible: None,
            conflict_since: None,
            surely_absent: false,
            told: false,
        }
    }

    /// Looks, if that can tell anything, and decides.
    async fn look(&mut self) -> Result<Next<R::Output>, Failure> {
        if self.surely_absent {
            return Ok(Next::Make);
        }
        let own = self.of.look(self.look_after, &mut self.calls).await?;
        self.look_after = Some(self.of.run.looks.now());
        Ok(self.decide(own))
    }

    fn decide(&self, own: Option<Owned<R::Output>>) -> Next<R::Output> {
        let Some(own) = own else {
            let hidden = self.invisible.as_ref().filter(|(until, _)| Instant::now() < *until);
            return hidden.map_or(Next::Make, |(_, why)| Next::AwaitShown(why.clone()));
        };
        let of_no_use = self.of.of_no_use(&own.seen).filter(|_| self.of.state.may_be_remade());
        match (of_no_use, &own.seen) {
            (Some(why), _) => Next::Clear(own, why),
            (None, Seen::Present(..)) => Next::TakeOver(own),
            (None, Seen::Leaving(_, why)) => {
                let why = why.clone();
                Next::AwaitGone(own, why)
            }
        }
    }

    fn take_over(&self, own: &Owned<R::Output>) {
        self.of.state.saw(own);
        if self.told {
            self.of.run.tell(self.of.node, What::Created);
        }
    }

    /// Removes what is of no use.
    async fn clear(&mut self, own: &Owned<R::Output>, why: &str) -> Outcome {
        let Subject { run, place, node, state, .. } = self.of;
        run.tell(node, What::Waiting(format!("{why}: it is removed and made again")));
        remove::remove::<R>(run, place, own).await?;
        self.look_after = Some(run.looks.now());
        state.was_replaced();
        Ok(())
    }

    /// Waits before the former one is looked at again, and takes out of the way what would hold it for
    /// ever.
    async fn until_gone(&mut self, own: &Owned<R::Output>, why: &str) -> Outcome {
        let (every, since) = (self.leaving.patience.every, self.leaving.since);
        if self.forgot.elapsed() >= patience::BLOCKED {
            self.forgot = Instant::now();
            let (aws, waited) = (&self.of.run.cx.aws, since.elapsed());
            let forgotten = R::forget_lost(aws, own.it(), Removal::OnlyThis, waited).await;
            if let Some(error) = forgotten.err().filter(|error| !error.is_passing()) {
                return Err(error.into());
            }
        }
        let why = format!("the former one is leaving: {why}");
        self.leaving.until_next_look(&why, every).await?;
        self.calls = self.of.calls();
        Ok(())
    }

    /// Whether the name may be had. When somebody has it, waits before that is looked at again.
    async fn is_free(&mut self) -> Result<bool, Failure> {
        if self.surely_absent || self.of.state.is_surely_free() {
            return Ok(true);
        }
        match self.of.resource.holder(&self.of.run.cx, self.of.node).await {
            // A conflict goes on all the same: not every kind can say who has a name.
            Ok(None) => return Ok(true),
            Ok(Some(holder)) => {
                let since = *self.conflict_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= patience::LOST {
                    return Err(Failure::Foreign(holder));
                }
                let why = format!("{holder} has the name: looking whose it is");
                self.calls.until_next_attempt(&why).await?;
            }
            Err(error) if error.is_denied() => {
                tracing::warn!(node = %self.of.node, %error);
                return Ok(true);
            }
            Err(error) => self.calls.after(error).await?,
        }
        Ok(false)
    }

    /// Asks AWS to make it. Says whether its output is known; else waits before the next look or attempt.
    async fn create(&mut self) -> Result<bool, Failure> {
        let Subject { run, node, resource, state, .. } = self.of;
        run.go_on()?;
        if !std::mem::replace(&mut self.told, true) {
            run.tell(node, What::Creating);
        }
        let answer = resource.create(&run.cx, node, &(self.of.needs)()).await;
        state.changed_now(run);
        self.look_after = state.changed_at();
        let invisible_until = Instant::now() + patience::LOST;
        match answer {
            Ok(made) => {
                state.count_made();
                let Some(why) = state.answered(made) else {
                    run.tell(node, What::Created);
                    return Ok(true);
                };
                self.surely_absent = false;
                self.calls.until_next_attempt(&why).await?;
                self.invisible = Some((invisible_until, why));
            }
            Err(error) => self.refused(error, invisible_until).await?,
        }
        Ok(false)
    }

    async fn refused(&mut self, error: Error, invisible_until: Instant) -> Outcome {
        self.surely_absent = matches!(error.meaning, Meaning::NotYet | Meaning::Throttled);
        match error.meaning {
            Meaning::Lost => {
                let why = "AWS's answer was lost: looking for what it made";
                self.invisible = Some((invisible_until, why.to_owned()));
                self.conflict_since = None;
            }
            Meaning::Taken => {
                // Perhaps an earlier create of our own, whose answer was lost or which is not
                // visible yet.
                let since = *self.conflict_since.get_or_insert_with(Instant::now);
                if since.elapsed() < patience::LOST {
                    return self.calls.until_next_attempt(&error.cause.to_string()).await;
                }
            }
            Meaning::NotYet | Meaning::Throttled | Meaning::Fatal => {}
        }
        self.calls.after(error).await
    }
}

impl<R: Wanted> Subject<'_, R> {
    /// Why something that is there has to be removed and made again, if it does. It is found before
    /// dependents take it over: what stands in it could not go any more.
    fn of_no_use(&self, seen: &Seen<R::Output>) -> Option<String> {
        match seen {
            Seen::Present(_, Phase::Broken(why)) if R::REMADE_WHEN_BROKEN => Some(why.clone()),
            Seen::Present(it, _) => {
                let drift = self.drift(it);
                has_to_be_remade(&drift).then(|| describe(&drift))
            }
            Seen::Leaving(..) => None,
        }
    }
}
