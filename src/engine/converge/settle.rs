//! Until a node is right and usable: what differs is removed, then it is waited for.

use std::time::Duration;

use super::wait::Wait;
use super::{Subject, pick, remove};
use crate::aws::{Error, Meaning, Tagging};
use crate::diagnosis::Diagnosis;
use crate::engine::event::What;
use crate::engine::{Failure, Outcome, patience};
use crate::resource::difference::{changes, describe, has_to_be_remade, refusal};
use crate::resource::kind::{Again, Patience};
use crate::resource::{Difference, Phase, Seen, Wanted};

/// How long a last look may take, when a wait has ended.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// A node on its way to be ready.
struct Settling<'a, R: Wanted> {
    of: &'a Subject<'a, R>,
    /// The wait until it is ready.
    wait: Wait<'a>,
    calls: Wait<'a>,
    /// Differences whose removal AWS accepted, and the wait for it to show that.
    accepted: Option<(Vec<Difference>, Wait<'a>)>,
    /// Differences whose removal was told.
    told: Vec<Difference>,
}

/// What comes next, judging by the thing as it was last seen.
enum Next<C> {
    /// It is of no use any more.
    Remake(Vec<Difference>),
    /// These tags are put on it.
    Tag(Tagging, Vec<(String, String)>, Vec<Difference>),
    /// These differences are removed.
    Change(Vec<Difference<C>>),
    /// It broke, and is made again.
    MakeAgain,
    /// It is on its way; says what it waits for.
    Await(String),
    /// It is right and usable.
    Arrive,
    /// It is right, and nobody waits until it is usable.
    Leave,
}

impl<R: Wanted> Subject<'_, R> {
    /// Until the node is right and usable.
    pub(in crate::engine) async fn settle(&self) -> Outcome {
        let mut settling = Settling::new(self);
        loop {
            let next = match self.run.go_on().and_then(|()| self.decide()) {
                Ok(next) => next,
                Err(failure) => return Err(self.explained(failure).await),
            };
            match next {
                Next::Remake(differences) => settling.remake(&differences).await?,
                Next::Tag(thing, tags, lacking) => settling.tag(&thing, tags, lacking).await?,
                Next::Change(drift) => settling.change(&drift).await?,
                Next::MakeAgain => settling.make_again().await?,
                Next::Await(why) => settling.look_later(&why).await?,
                Next::Arrive => {
                    self.state.arrived(self.run, self.node);
                    return Ok(());
                }
                Next::Leave => return Ok(()),
            }
        }
    }

    /// What comes next, or why nothing can.
    fn decide(&self) -> Result<Next<R::Change>, Failure> {
        let it = self.state.it();
        let drift = self.drift(&it);
        if let Some(refusal) = refusal(&drift) {
            return Err(Failure::Refused(refusal));
        }
        if has_to_be_remade(&drift) {
            return Ok(Next::Remake(in_words(&drift)));
        }
        let (tags, lacking) = self.state.tags_to_put::<R>(self.run);
        if let Some(thing) = R::tagging(&it).filter(|_| !tags.is_empty()) {
            return Ok(Next::Tag(thing, tags, lacking));
        }
        if !drift.is_empty() {
            return Ok(Next::Change(drift));
        }
        match self.state.phase() {
            Phase::Ready => Ok(Next::Arrive),
            Phase::Broken(_) if R::REMADE_WHEN_BROKEN && self.state.may_be_remade() => {
                Ok(Next::MakeAgain)
            }
            Phase::Broken(why) => Err(Failure::Broken(why)),
            Phase::Coming(_) if !self.run.wait_for_ready && !self.place.awaited => Ok(Next::Leave),
            Phase::Coming(why) => Ok(Next::Await(why)),
        }
    }

    /// Reads the node again, in full.
    async fn look_again(&self) -> Outcome {
        if let Some(own) = self.look(self.state.changed_at(), &mut self.calls()).await? {
            self.state.saw(&own);
        }
        Ok(())
    }

    /// Whether it is worth looking at often: what depends on something that is still on its way takes
    /// longer than that.
    fn is_urgent(&self) -> bool {
        let awaited = self.place.awaited || self.run.all_arrived(&self.place.downstream);
        self.run.all_arrived(&self.place.upstream) && !R::unhurried(&self.state.it(), awaited)
    }

    /// How a wait ended in vain, with what can be found out of why.
    async fn explained(&self, failure: Failure) -> Failure {
        let mut failure = match (failure, self.state.phase()) {
            (broken @ Failure::Broken(_), _) => broken,
            (over @ Failure::TimedOut { .. }, Phase::Coming(_)) => over,
            (Failure::Stopped, Phase::Coming(last)) => Failure::StoppedWaiting { last },
            (other, _) => return other,
        };
        let it = self.state.it();
        let diagnosis = R::diagnosis(&self.run.cx.aws, self.run.looks.scope(), &it);
        let diagnosis = tokio::time::timeout(LAST_LOOK, diagnosis).await;
        let known = |_| Diagnosis { state: None, findings: R::known(&it).to_vec() };
        let Diagnosis { state, findings } = diagnosis.unwrap_or_else(known);
        if findings.is_empty() {
            return failure;
        }
        // What was last seen says one of these already.
        if let Failure::TimedOut { last, .. } | Failure::StoppedWaiting { last } = &mut failure {
            *last = state.unwrap_or_else(|| std::mem::take(last));
        }
        Failure::Explained { failure: Box::new(failure), findings }
    }
}

impl<'a, R: Wanted> Settling<'a, R> {
    fn new(of: &'a Subject<'a, R>) -> Self {
        let (wait, calls) = (Self::until_ready(of), of.calls());
        Self { of, wait, calls, accepted: None, told: Vec::new() }
    }

    fn until_ready(of: &Subject<'a, R>) -> Wait<'a> {
        let usual = R::KIND.about().comes;
        let deadline = usual.deadline.saturating_add(of.resource.takes_longer());
        Wait::new(of.run, of.place, of.node, R::KIND, Patience { deadline, ..usual })
    }

    /// Removes what is of no use any more, and makes it again.
    async fn remake(&mut self, differences: &[Difference]) -> Outcome {
        let Subject { run, place, node, state, .. } = self.of;
        if !state.may_be_remade() {
            return Err(Failure::Broken(describe(differences)));
        }
        let why = format!("{}: it is removed and made again", describe(differences));
        run.tell(node, What::Waiting(why));
        remove::remove::<R>(run, place, &self.of.owned()).await?;
        self.make_again().await
    }

    /// Makes it once more: what was there is gone, or goes.
    async fn make_again(&mut self) -> Outcome {
        self.of.make(Some(self.of.run.looks.now())).await?;
        self.of.state.was_replaced();
        self.wait = Self::until_ready(self.of);
        Ok(())
    }

    async fn tag(
        &mut self,
        thing: &Tagging,
        tags: Vec<(String, String)>,
        lacking: Vec<Difference>,
    ) -> Outcome {
        let Subject { run, node, state, .. } = self.of;
        run.tell(node, What::Changing(fields(&lacking)));
        match thing.put(&run.cx.aws, &tags).await {
            Ok(()) => {
                state.tagged(tags);
                state.changed_now(run);
                run.tell(node, What::Changed);
                self.calls = self.of.calls();
                Ok(())
            }
            Err(error) => self.calls.after(error).await,
        }
    }

    /// Removes differences, unless AWS has agreed to that and only does not show it yet.
    async fn change(&mut self, drift: &[Difference<R::Change>]) -> Outcome {
        let Subject { run, node, resource, state, .. } = self.of;
        let differences = in_words(drift);
        if self.may_be_shown_late(&differences).await? {
            return self.of.look_again().await;
        }
        self.announce(&differences).await?;
        let (it, needs) = (state.it(), (self.of.needs)());
        let made = match resource.update(&run.cx, node, &it, &needs, &changes(drift)).await {
            Ok(made) => made,
            Err(error) => return self.refused(error).await,
        };
        state.changed_now(run);
        if R::UPDATE_REPLACES {
            state.was_replaced();
        }
        self.calls = self.of.calls();
        if self.accepted.is_none() {
            let patience = Patience { deadline: patience::LOST, ..self.calls.patience };
            let wait = Wait::new(run, self.of.place, node, R::KIND, patience);
            self.accepted = Some((differences, wait));
        }
        if let Some(why) = state.answered(made) {
            self.calls.until_next_attempt(&why).await?;
            return self.of.look_again().await;
        }
        run.tell(node, What::Changed);
        self.wait = Self::until_ready(self.of);
        Ok(())
    }

    /// Whether AWS has agreed to remove just these differences so lately that it may show what was there
    /// before. Waits a little, if it has agreed to that at all.
    async fn may_be_shown_late(&mut self, differences: &[Difference]) -> Result<bool, Failure> {
        let Some((_, wait)) = self.accepted.as_mut().filter(|(before, _)| before == differences)
        else {
            self.accepted = None;
            return Ok(false);
        };
        let why = format!("AWS accepted the change and still shows {}", describe(differences));
        wait.sleep(wait.soon_on_the_grid(patience::SHOWN_STILL), &why).await?;
        Ok(wait.since.elapsed() < patience::PROPAGATION)
    }

    /// Tells what is going to be changed. What was just made is not known everywhere yet: where nothing
    /// slow waits for the first change, it comes later.
    async fn announce(&mut self, differences: &[Difference]) -> Outcome {
        let Subject { run, node, state, .. } = self.of;
        let is_first = self.told.is_empty();
        if self.told != differences {
            run.tell(node, What::Changing(fields(differences)));
            differences.clone_into(&mut self.told);
        }
        if is_first && R::KIND.about().again == Again::Late && state.may_be_hidden() {
            self.calls.until_next_attempt("AWS to show it everywhere").await?;
            run.go_on()?;
        }
        Ok(())
    }

    async fn refused(&mut self, error: Error) -> Outcome {
        // A change that AWS refuses for now has not been tried in vain.
        self.accepted = None;
        let lost = error.meaning == Meaning::Lost;
        self.calls.after(error).await?;
        if lost {
            self.of.state.changed_now(self.of.run);
            self.of.look_again().await?;
        }
        Ok(())
    }

    /// Waits until a look is worth it, and looks. What is not seen any more is made again.
    async fn look_later(&mut self, why: &str) -> Outcome {
        let Subject { run, node, state, .. } = self.of;
        let waiting = run.looks.waits::<R>(self.of.owned());
        let hurry = self.of.is_urgent();
        let every = if hurry { self.wait.patience.every } else { patience::UNHURRIED };
        if let Err(failure) = self.wait.until_next_look(why, every).await {
            return Err(self.of.explained(failure).await);
        }
        let seen = match run.looks.poll::<R>(&waiting).await {
            Ok(seen) => seen,
            Err(error) => return self.calls.after(error).await,
        };
        self.calls = self.of.calls();
        let own = pick::<R>(&seen, node, state);
        match own.map(|own| (own, &own.seen)) {
            Some((own, Seen::Present(it, _))) => {
                state.saw(own);
                if self.of.drift(it).is_empty() {
                    self.accepted = None;
                }
                Ok(())
            }
            _ if state.may_be_hidden() => Ok(()),
            _ => self.make_again().await,
        }
    }
}

fn in_words<C>(drift: &[Difference<C>]) -> Vec<Difference> {
    drift.iter().map(Difference::in_words).collect()
}

fn fields(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|difference| difference.field.clone()).collect()
}
