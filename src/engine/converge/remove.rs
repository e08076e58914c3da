//! Until a thing is gone: AWS is asked to remove it, as often as it takes.

use tokio::time::Instant;

use super::wait::Wait;
use crate::aws::{Error, Meaning};
use crate::engine::event::{LEAVING, What};
use crate::engine::walk::Place;
use crate::engine::{Failure, Outcome, Removal, Run, patience};
use crate::resource::{Owned, Resource, Seen};

/// Asks AWS to remove a thing, and waits until it is gone.
pub(super) async fn remove<R: Resource>(
    run: &Run,
    place: &Place,
    it: &Owned<R::Output>,
) -> Outcome {
    ask_to_go::<R>(run, place, it, Removal::OnlyThis).await?;
    until_gone::<R>(run, place, it, Removal::OnlyThis).await?;
    run.looks.forget();
    Ok(())
}

/// Asks AWS once to remove a thing, and takes out of the way what would hold that up. It has been asked
/// since `since`.
async fn ask<R: Resource>(
    run: &Run,
    it: &R::Output,
    why: Removal,
    since: Instant,
) -> Result<(), Error> {
    let answer = R::delete(&run.cx.aws, it).await;
    let goes_or_waits = answer.as_ref().err().is_none_or(|it| it.meaning == Meaning::NotYet);
    if goes_or_waits {
        R::forget_lost(&run.cx.aws, it, why, since.elapsed()).await?;
    }
    answer
}

/// A thing that AWS is asked to remove.
struct Asking<'a, R: Resource> {
    run: &'a Run,
    it: Owned<R::Output>,
    calls: Wait<'a>,
    /// Since when it has been denied.
    denied: Option<Instant>,
    /// When it was last looked what holds it, and what did.
    looked: Instant,
    /// Whether that look did not show it.
    is_missing: bool,
    held: Option<String>,
}

/// Whether a thing turns out to be gone.
enum Turn {
    Gone,
    StillThere,
}

/// Asks AWS to remove a thing, as often as it takes until AWS agrees.
pub(in crate::engine) async fn ask_to_go<R: Resource>(
    run: &Run,
    place: &Place,
    it: &Owned<R::Output>,
    why: Removal,
) -> Outcome {
    let node = &it.owner.node;
    let mut asking = Asking::<R> {
        run,
        it: it.clone(),
        calls: Wait::for_removal(run, place, node, R::KIND),
        denied: None,
        looked: Instant::now(),
        is_missing: false,
        held: None,
    };
    run.tell(node, What::Removing);
    loop {
        run.go_on()?;
        let answer = ask::<R>(run, asking.it.it(), why, asking.calls.since).await;
        run.changed_something();
        let Err(error) = answer else { return Ok(()) };
        let turn = match asking.may_have_gone(&error) {
            true => asking.denied(error).await?,
            false => asking.refused(error).await?,
        };
        if let Turn::Gone = turn {
            return Ok(());
        }
    }
}

impl<R: Resource> Asking<'_, R> {
    /// What is gone has no tags any more by which IAM could allow it. So it goes when it, or a part of
    /// it, was removed by an attempt whose answer was lost, or along with another; and AWS may still
    /// show it for a while.
    fn may_have_gone(&mut self, error: &Error) -> bool {
        if !error.is_denied() {
            return false;
        }
        let since = self.denied.get_or_insert_with(Instant::now);
        since.elapsed() < patience::PROPAGATION
    }

    /// Looks whether it is gone.
    async fn denied(&mut self, error: Error) -> Result<Turn, Failure> {
        tracing::debug!(node = %self.it.owner.node, %error, "looking whether it is gone");
        match again::<R>(self.run, &self.it).await {
            Ok(Some(own)) => self.it = own,
            Ok(None) => return Ok(Turn::Gone),
            Err(_) => return Err(error.into()),
        }
        self.calls.until_next_attempt(&error.cause.to_string()).await?;
        Ok(Turn::StillThere)
    }

    /// Waits, and says what holds it when that is for long.
    async fn refused(&mut self, error: Error) -> Result<Turn, Failure> {
        let for_long = self.calls.since.elapsed() >= patience::BLOCKED;
        if error.meaning != Meaning::NotYet || !for_long {
            self.calls.after(error).await?;
            return Ok(Turn::StillThere);
        }
        if self.looked.elapsed() >= patience::UNHURRIED
            && let Turn::Gone = self.look_what_holds_it().await
        {
            return Ok(Turn::Gone);
        }
        match &self.held {
            Some(blockers) => {
                self.calls.until_next_attempt(&format!("held by {blockers}")).await?;
            }
            None => self.calls.after(error).await?,
        }
        Ok(Turn::StillThere)
    }

    /// What holds it may be something that AWS has planted, a part of it that was not seen, or others.
    async fn look_what_holds_it(&mut self) -> Turn {
        let (run, node) = (self.run, self.it.owner.node.clone());
        self.looked = Instant::now();
        if let Err(error) = R::clear_way(&run.cx.aws, run.looks.scope()).await {
            tracing::warn!(%node, %error, "something stays in the way");
        }
        match again::<R>(run, &self.it).await {
            Ok(Some(own)) => (self.it, self.is_missing) = (own, false),
            // AWS has just said that something holds it. A listing may miss one while others go: of
            // pages, what was on the next one may have moved to the one before.
            Ok(None) if !self.is_missing => self.is_missing = true,
            Ok(None) => return Turn::Gone,
            Err(error) => tracing::debug!(%node, %error, "not seen again"),
        }
        let blockers = R::blockers(&run.cx.aws, self.it.it()).await.unwrap_or_default();
        self.held = Some(blockers.join(", ")).filter(|blockers| !blockers.is_empty());
        Turn::StillThere
    }
}

/// The same thing as it is now; `None` when it is gone or leaving.
async fn again<R: Resource>(
    run: &Run,
    it: &Owned<R::Output>,
) -> Result<Option<Owned<R::Output>>, Error> {
    let seen = run.looks.list::<R>(Some(run.looks.now())).await?;
    let own = seen.iter().find(|other| other.id == it.id);
    Ok(own.filter(|own| matches!(own.seen, Seen::Present(..))).cloned())
}

/// Waits until a thing is gone, asking again from time to time.
pub(in crate::engine) async fn until_gone<R: Resource>(
    run: &Run,
    place: &Place,
    it: &Owned<R::Output>,
    removal: Removal,
) -> Outcome {
    let node = it.owner.node.clone();
    let removed = || {
        run.looks.note_gone(R::KIND, &it.id);
        run.tell(&node, What::Removed);
        Ok(())
    };
    let Some(patience) = R::KIND.about().goes else { return removed() };
    let mut wait = Wait::new(run, place, &node, R::KIND, patience);
    let mut calls = Wait::for_calls(run, place, &node, R::KIND);
    let mut asked = Instant::now();
    let mut why = LEAVING.to_owned();
    let mut latest = it.clone();
    let waiting = run.looks.waits::<R>(latest.clone());
    loop {
        wait.until_next_look(&why, patience.every).await?;
        let look = async {
            let seen = run.looks.poll::<R>(&waiting).await?;
            let own = |all: &[Owned<R::Output>]| all.iter().find(|own| own.id == it.id).cloned();
            match own(&seen) {
                // A listing may miss one while others go: of pages, what was on the next one may have moved
                // to the one before.
                None if !seen.is_empty() => {
                    Ok(own(&run.looks.list::<R>(Some(run.looks.now())).await?))
                }
                seen => Ok(seen),
            }
        };
        match look.await {
            Ok(own) => {
                calls = Wait::for_calls(run, place, &node, R::KIND);
                let Some(own) = own else { return removed() };
                if let Seen::Leaving(_, reason) = &own.seen {
                    why.clone_from(reason);
                }
                latest = own;
            }
            Err(error) => calls.after(error).await?,
        }
        if asked.elapsed() >= patience::BLOCKED {
            match ask::<R>(run, latest.it(), removal, wait.since).await {
                Ok(()) => {}
                // Denied may mean that it has just gone: the next look says so.
                Err(error) if error.is_passing() || error.is_denied() => {
                    why = error.cause.to_string();
                }
                Err(error) => return Err(error.into()),
            }
            asked = Instant::now();
        }
    }
}
