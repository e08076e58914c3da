//! Brings one node to where it should be: the only place that waits and retries.
//!
//! Everything is level-triggered. Whatever happened, a lost answer, another run, a person in the
//! console, the next look decides.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::event::{LEAVING, What};
use super::looks::{self, Moment};
use super::patience;
use super::walk::Place;
use super::{Failure, Outcome, Removal, Run};
use crate::aws::{Error, Meaning, Owner, Tagging};
use crate::names::NodeName;
use crate::resource::difference::{changes, describe, has_to_be_remade, refusal};
use crate::resource::kind::{Again, NOT_YET, Patience};
use crate::resource::{Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted};

/// What is known of one node during a run.
pub(super) struct State<T> {
    output: Rc<RefCell<Option<T>>>,
    id: RefCell<String>,
    phase: RefCell<Phase>,
    /// The tags that it was seen with. `None` when they are not known, or just as they should be.
    tags: RefCell<Option<BTreeMap<String, String>>>,
    /// When AWS was last asked to make or change it; `None` when this run never did.
    changed: Cell<Option<(Moment, Instant)>>,
    /// How often this run made it.
    times_made: Cell<u32>,
    /// Whether dependents have yet to take over another output.
    remade: Cell<bool>,
    /// Whether it was told that it is ready.
    told: Cell<bool>,
    /// When a plan last saw that nobody holds its name.
    free: Cell<Option<Instant>>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            output: Rc::default(),
            id: RefCell::default(),
            phase: RefCell::new(Phase::Ready),
            tags: RefCell::default(),
            changed: Cell::new(None),
            times_made: Cell::new(0),
            remade: Cell::new(false),
            told: Cell::new(false),
            free: Cell::new(None),
        }
    }
}

impl<T: Clone> State<T> {
    /// The cell that handles read.
    pub(super) fn output(&self) -> Rc<RefCell<Option<T>>> {
        Rc::clone(&self.output)
    }

    /// Whether the thing was replaced since this was last asked.
    pub(super) fn take_remade(&self) -> bool {
        self.remade.take()
    }

    /// Remembers what was seen.
    pub(super) fn saw(&self, own: &Owned<T>, it: &T, phase: &Phase) {
        own.id.clone_into(&mut self.id.borrow_mut());
        if let Some(tags) = &own.owner.tags {
            *self.tags.borrow_mut() = Some(tags.clone());
        }
        self.now_is(it.clone(), phase.clone());
    }

    /// AWS's id, as far as it was seen.
    pub(super) fn id(&self) -> String {
        self.id.borrow().clone()
    }

    /// What the thing is named by to be tagged.
    pub(super) fn tagging<R: Resource<Output = T>>(&self) -> Option<Tagging> {
        self.output.borrow().as_ref().and_then(R::tagging)
    }

    /// The user's tags that are not on the thing, or with another value; and what there is instead. Tags
    /// that are not asked for are somebody else's, for all that is known.
    pub(super) fn tags_to_put<R: Resource<Output = T>>(
        &self,
        run: &Run,
    ) -> (Vec<(String, String)>, Vec<Difference>) {
        let (Some(tagging), Some(tags)) = (self.tagging::<R>(), self.tags.borrow().clone()) else {
            return (Vec::new(), Vec::new());
        };
        let user = run.cx.labels.user.clone().into_iter();
        let lacking = user.filter(|(key, value)| tags.get(key) != Some(value));
        // New ones only as long as there is room.
        let mut room = tagging.room().saturating_sub(tags.len());
        let lacking = lacking.filter(|(key, _)| {
            let fits = tags.contains_key(key) || room > 0;
            room -= usize::from(fits && !tags.contains_key(key));
            fits
        });
        let difference = |(key, value): (String, String)| {
            let is = tags.get(&key).map(String::as_str);
            let difference = Difference::tag(&key, is, &value);
            ((key, value), difference)
        };
        lacking.map(difference).unzip()
    }

    fn tagged(&self, with: Vec<(String, String)>) {
        self.tags.borrow_mut().get_or_insert_default().extend(with);
    }

    /// Remembers that nobody holds its name.
    pub(super) fn saw_free(&self) {
        self.free.set(Some(Instant::now()));
    }

    /// Whether a plan saw just now that nobody holds its name, and nothing was asked for since.
    fn is_surely_free(&self) -> bool {
        let lately = self.free.get().is_some_and(|at| at.elapsed() < looks::FRESH);
        lately && self.changed.get().is_none()
    }

    fn now_is(&self, it: T, phase: Phase) {
        *self.output.borrow_mut() = Some(it);
        *self.phase.borrow_mut() = phase;
    }

    fn it(&self) -> T {
        self.output.borrow().clone().expect("a node is settled after it was made")
    }

    fn changed_now(&self, run: &Run) {
        self.changed.set(Some((run.looks.now(), Instant::now())));
        run.changed_something();
        self.told.set(false);
    }

    fn changed_at(&self) -> Option<Moment> {
        self.changed.get().map(|(moment, _)| moment)
    }

    /// Tells that it is ready, once.
    fn arrived(&self, run: &Run, node: &NodeName) {
        let what = match self.changed.get() {
            Some(_) => What::Ready,
            None => What::Found { id: self.id.borrow().clone() },
        };
        if !self.told.replace(true) {
            run.tell(node, what);
        }
    }

    /// Whether what was just made or changed may still be invisible.
    fn may_be_hidden(&self) -> bool {
        self.changed.get().is_some_and(|(_, at)| at.elapsed() < patience::LOST)
    }

    /// Whether a broken one is removed and made again: what breaks each time does not heal that way.
    fn may_be_remade(&self) -> bool {
        self.times_made.get() < 2
    }

    fn made(&self, made: Made<T>) {
        *self.tags.borrow_mut() = None;
        match made {
            Made::Ready(it) => self.now_is(it, Phase::Ready),
            Made::Coming(it, why) => self.now_is(it, Phase::Coming(why)),
            Made::Asked(why) => *self.phase.borrow_mut() = Phase::Coming(why),
        }
    }
}

/// Picks a node's own among everything listed. Of several that are there the one that it is already:
/// others stand on that.
fn pick<'a, R: Resource>(
    seen: &'a [Owned<R::Output>],
    node: &NodeName,
    state: &State<R::Output>,
) -> Option<&'a Owned<R::Output>> {
    let picked = state.tagging::<R>();
    seen.iter().filter(|owned| owned.owner.node == *node).min_by_key(|owned| {
        let is_leaving = matches!(owned.seen, Seen::Leaving(..));
        let is_other = picked.is_none() || R::tagging(owned.it()) != picked;
        (is_leaving, is_other, rank(&owned.seen), &owned.id)
    })
}

/// How far a thing is from being of use.
pub(super) fn rank<T>(seen: &Seen<T>) -> u8 {
    match seen {
        Seen::Present(_, Phase::Ready) => 0,
        Seen::Present(_, Phase::Coming(_)) => 1,
        Seen::Present(_, Phase::Broken(_)) => 2,
        Seen::Leaving(..) => 3,
    }
}

/// A wait of one node: its rhythm, its deadline, and the reason that was last told.
struct Wait<'a> {
    run: &'a Run,
    place: &'a Place,
    node: &'a NodeName,
    patience: Patience,
    since: Instant,
    pauses: u32,
    kind: Kind,
    told: Option<String>,
}

impl<'a> Wait<'a> {
    fn new(
        run: &'a Run,
        place: &'a Place,
        node: &'a NodeName,
        kind: Kind,
        patience: Patience,
    ) -> Self {
        Self { run, place, node, kind, patience, since: Instant::now(), pauses: 0, told: None }
    }

    /// For calls that are asked again after a refusal.
    fn for_calls(run: &'a Run, place: &'a Place, node: &'a NodeName, kind: Kind) -> Self {
        let every = kind.about().again.before(1);
        let patience = Patience { first: every, every, deadline: NOT_YET };
        Self::new(run, place, node, kind, patience)
    }

    /// For a removal that is asked for again after a refusal.
    fn for_removal(run: &'a Run, place: &'a Place, node: &'a NodeName, kind: Kind) -> Self {
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

    async fn sleep(&mut self, until: Instant, why: &str) -> Outcome {
        if self.since.elapsed() >= self.patience.deadline {
            return Err(Failure::TimedOut { after: self.since.elapsed(), last: why.to_owned() });
        }
        self.pauses += 1;
        self.tell(why);
        self.run.sleep_until(until, &self.place.upstream).await
    }

    /// Sleeps until the next look is due. The early and the first one come on a whole second, the others
    /// fall on a common grid, so that nodes of one kind share them. A look that takes its time does not
    /// cost the next place on the grid.
    async fn until_next_look(&mut self, why: &str, every: Duration) -> Outcome {
        let early = self.patience.early();
        let mut beginning = early.into_iter().chain([self.patience.first]);
        let due = match beginning.nth(self.pauses as usize) {
            Some(after) => self.on_the_grid(self.since + after, Duration::from_secs(1)),
            None => self.soon_on_the_grid(every),
        };
        self.sleep(due, why).await
    }

    /// The next moment on the common grid, so much later at the least that a look is worth it.
    fn soon_on_the_grid(&self, every: Duration) -> Instant {
        self.on_the_grid(Instant::now() + every / 2, every)
    }

    /// A moment, put off to the common grid.
    fn on_the_grid(&self, due: Instant, every: Duration) -> Instant {
        let offset = due.saturating_duration_since(self.run.started).as_millis();
        let steps = offset.div_ceil(every.as_millis().max(1));
        self.run.started + every.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// Sleeps until the next attempt is due.
    async fn until_next_attempt(&mut self, why: &str) -> Outcome {
        let due = Instant::now() + self.kind.about().again.before(self.pauses + 1);
        self.sleep(due, why).await
    }

    /// Passes an error on, or sleeps when asking again may help.
    async fn after(&mut self, error: Error) -> Outcome {
        if !error.is_passing() {
            return Err(error.into());
        }
        tracing::debug!(node = %self.node, %error, "again");
        self.until_next_attempt(&error.cause.to_string()).await
    }
}

/// Until the node's output is known: finds it, or asks AWS to make it. `look_after` is the moment
/// from which on a look counts; `None` when a recent one will do.
pub(super) async fn make<R: Wanted>(
    run: &Run,
    place: &Place,
    node: &NodeName,
    resource: &R,
    needs: &dyn Fn() -> R::Needs,
    state: &State<R::Output>,
    mut look_after: Option<Moment>,
) -> Outcome {
    let leaving = R::KIND.about().goes.unwrap_or(R::KIND.about().comes);
    let mut wait =
        Wait::new(run, place, node, R::KIND, Patience { first: leaving.every, ..leaving });
    let mut calls = Wait::for_calls(run, place, node, R::KIND);
    // Until this moment a create of ours may have happened although it is not seen; and why.
    let mut invisible: Option<(Instant, String)> = None;
    let mut conflict_since: Option<Instant> = None;
    // A refused create has had no effect, so asking again takes no new look.
    let mut surely_absent = false;
    let mut told = false;
    loop {
        run.go_on()?;
        if !surely_absent {
            let seen = match run.looks.list::<R>(look_after).await {
                Ok(seen) => seen,
                Err(error) => {
                    calls.after(error).await?;
                    continue;
                }
            };
            look_after = Some(run.looks.now());
            let own = pick::<R>(&seen, node, state);
            if let Some(own) = own.filter(|_| state.may_be_remade())
                && let Some(why) = of_no_use(resource, &own.seen, &needs())
            {
                run.tell(node, What::Waiting(format!("{why}: it is removed and made again")));
                remove::<R>(run, place, own).await?;
                look_after = Some(run.looks.now());
                state.remade.set(true);
                continue;
            }
            match own.map(|own| (own, &own.seen)) {
                Some((own, Seen::Present(it, phase))) => {
                    state.saw(own, it, phase);
                    if told {
                        run.tell(node, What::Created);
                    }
                    return Ok(());
                }
                Some((_, Seen::Leaving(_, why))) => {
                    let why = format!("the former one is leaving: {why}");
                    wait.until_next_look(&why, leaving.every).await?;
                    calls = Wait::for_calls(run, place, node, R::KIND);
                    continue;
                }
                None => {}
            }
            if let Some((_, why)) = invisible.as_ref().filter(|(until, _)| Instant::now() < *until)
            {
                calls.until_next_attempt(why).await?;
                continue;
            }
            if !state.is_surely_free()
                && !is_free(resource, &mut calls, &mut conflict_since).await?
            {
                continue;
            }
        }
        run.go_on()?;
        if !std::mem::replace(&mut told, true) {
            run.tell(node, What::Creating);
        }
        let answer = resource.create(&run.cx, node, &needs()).await;
        state.changed_now(run);
        look_after = state.changed_at();
        let answered = Instant::now();
        let error = match answer {
            Ok(Made::Asked(why)) => {
                state.times_made.set(state.times_made.get() + 1);
                surely_absent = false;
                calls.until_next_attempt(&why).await?;
                invisible = Some((answered + patience::LOST, why));
                continue;
            }
            Ok(made) => {
                state.times_made.set(state.times_made.get() + 1);
                state.made(made);
                run.tell(node, What::Created);
                return Ok(());
            }
            Err(error) => error,
        };
        surely_absent = matches!(error.meaning, Meaning::NotYet | Meaning::Throttled);
        match error.meaning {
            Meaning::Lost => {
                let why = "AWS's answer was lost: looking for what it made";
                invisible = Some((answered + patience::LOST, why.to_owned()));
                conflict_since = None;
            }
            Meaning::Taken => {
                // Perhaps an earlier create of our own, whose answer was lost or which is not
                // visible yet.
                let since = *conflict_since.get_or_insert_with(Instant::now);
                if since.elapsed() < patience::LOST {
                    calls.until_next_attempt(&error.cause.to_string()).await?;
                    continue;
                }
            }
            _ => {}
        }
        calls.after(error).await?;
    }
}

/// Why something that is there has to be removed and made again, if it does. It is found before
/// dependents take it over: what stands in it could not go any more.
fn of_no_use<R: Wanted>(resource: &R, seen: &Seen<R::Output>, needs: &R::Needs) -> Option<String> {
    match seen {
        Seen::Present(_, Phase::Broken(why)) if R::REMADE_WHEN_BROKEN => Some(why.clone()),
        Seen::Present(it, _) => {
            let differences = resource.drift(it, needs);
            has_to_be_remade(&differences).then(|| describe(&differences))
        }
        Seen::Leaving(..) => None,
    }
}

/// Whether the name may be had. When somebody has it, waits before that is looked at again.
async fn is_free<R: Wanted>(
    resource: &R,
    calls: &mut Wait<'_>,
    conflict_since: &mut Option<Instant>,
) -> Result<bool, Failure> {
    match resource.holder(&calls.run.cx, calls.node).await {
        // A conflict goes on all the same: not every kind can say who has a name.
        Ok(None) => return Ok(true),
        Ok(Some(holder)) => {
            let since = *conflict_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= patience::LOST {
                return Err(Failure::Foreign(holder));
            }
            let why = format!("{holder} has the name: looking whose it is");
            calls.until_next_attempt(&why).await?;
        }
        Err(error) if error.is_denied() => {
            tracing::warn!(node = %calls.node, %error);
            return Ok(true);
        }
        Err(error) => calls.after(error).await?,
    }
    Ok(false)
}

/// Until the node is right and usable: removes differences, then waits.
#[expect(clippy::too_many_lines, reason = "one loop, which is read from top to bottom")]
pub(super) async fn settle<R: Wanted>(
    run: &Run,
    place: &Place,
    node: &NodeName,
    resource: &R,
    needs: &dyn Fn() -> R::Needs,
    state: &State<R::Output>,
) -> Outcome {
    let until_ready = || Wait::new(run, place, node, R::KIND, R::KIND.about().comes);
    let mut wait = until_ready();
    let mut calls = Wait::for_calls(run, place, node, R::KIND);
    // Differences whose removal AWS accepted, and the wait for it to show that.
    let mut accepted: Option<(Vec<Difference>, Wait)> = None;
    let mut told: Vec<Difference> = Vec::new();
    loop {
        if let Err(stopped) = run.go_on() {
            return Err(in_full::<R>(run, stopped, state).await);
        }
        let it = state.it();
        let drift = resource.drift(&it, &needs());
        let differences: Vec<_> = drift.iter().map(Difference::in_words).collect();
        if let Some(refusal) = refusal(&differences) {
            return Err(Failure::Refused(refusal));
        }
        if has_to_be_remade(&differences) {
            remake(run, place, node, resource, needs, state, &differences).await?;
            wait = until_ready();
            continue;
        }
        let (tags, lacking) = state.tags_to_put::<R>(run);
        if let Some(tagging) = R::tagging(&it).filter(|_| !tags.is_empty()) {
            let fields = lacking.into_iter().map(|difference| difference.field);
            run.tell(node, What::Changing(fields.collect()));
            match tagging.put(&run.cx.aws, &tags).await {
                Ok(()) => {
                    state.tagged(tags);
                    state.changed_now(run);
                    run.tell(node, What::Changed);
                    calls = Wait::for_calls(run, place, node, R::KIND);
                }
                Err(error) => calls.after(error).await?,
            }
            continue;
        }
        if !differences.is_empty() {
            match accepted.as_mut().filter(|(before, _)| *before == differences) {
                Some((_, wait)) => {
                    let left = describe(&differences);
                    let why = format!("AWS accepted the change and still shows {left}");
                    wait.sleep(wait.soon_on_the_grid(patience::SHOWN_STILL), &why).await?;
                    // What AWS shows may be older than the change.
                    if wait.since.elapsed() < patience::PROPAGATION {
                        look_again::<R>(run, place, node, state).await?;
                        continue;
                    }
                }
                None => accepted = None,
            }
            let is_first = told.is_empty();
            if told != differences {
                let fields = differences.iter().map(|difference| difference.field.clone());
                run.tell(node, What::Changing(fields.collect()));
                told.clone_from(&differences);
            }
            // What was just made is not known everywhere yet.
            if is_first && R::KIND.about().again == Again::Late && state.may_be_hidden() {
                calls.until_next_attempt("AWS to show it everywhere").await?;
                run.go_on()?;
            }
            let made = match resource.update(&run.cx, node, &it, &needs(), &changes(&drift)).await {
                Ok(made) => made,
                Err(error) => {
                    // A change that AWS refuses for now has not been tried in vain.
                    accepted = None;
                    let lost = error.meaning == Meaning::Lost;
                    calls.after(error).await?;
                    if lost {
                        state.changed_now(run);
                        look_again::<R>(run, place, node, state).await?;
                    }
                    continue;
                }
            };
            state.changed_now(run);
            if R::UPDATE_REPLACES {
                state.remade.set(true);
            }
            calls = Wait::for_calls(run, place, node, R::KIND);
            accepted.get_or_insert_with(|| {
                let patience = Patience { deadline: patience::LOST, ..calls.patience };
                (differences, Wait::new(run, place, node, R::KIND, patience))
            });
            match made {
                Made::Asked(why) => {
                    calls.until_next_attempt(&why).await?;
                    look_again::<R>(run, place, node, state).await?;
                }
                made => {
                    state.made(made);
                    run.tell(node, What::Changed);
                    wait = until_ready();
                }
            }
            continue;
        }
        let phase = state.phase.borrow().clone();
        let is_lost = match phase {
            Phase::Ready => {
                state.arrived(run, node);
                return Ok(());
            }
            Phase::Broken(_) if R::REMADE_WHEN_BROKEN && state.may_be_remade() => true,
            Phase::Broken(why) => return Err(Failure::Broken(why)),
            Phase::Coming(_) if !run.wait_for_ready && !place.awaited => return Ok(()),
            Phase::Coming(why) => {
                let waiting = run.looks.waits::<R>(owned(run, node, state));
                // What depends on something that is still on its way takes longer than that.
                let hurry = run.all_arrived(&place.upstream)
                    && !R::unhurried(
                        &state.it(),
                        place.awaited || run.all_arrived(&place.downstream),
                    );
                let every = if hurry { wait.patience.every } else { patience::UNHURRIED };
                if let Err(failure) = wait.until_next_look(&why, every).await {
                    return Err(in_full::<R>(run, failure, state).await);
                }
                let seen = match run.looks.poll::<R>(&waiting).await {
                    Ok(seen) => seen,
                    Err(error) => {
                        calls.after(error).await?;
                        continue;
                    }
                };
                calls = Wait::for_calls(run, place, node, R::KIND);
                let own = pick::<R>(&seen, node, state).map(|own| (own, &own.seen));
                if let Some((own, Seen::Present(it, phase))) = own {
                    state.saw(own, it, phase);
                    if resource.drift(it, &needs()).is_empty() {
                        accepted = None;
                    }
                    false
                } else {
                    !state.may_be_hidden()
                }
            }
        };
        if is_lost {
            make(run, place, node, resource, needs, state, Some(run.looks.now())).await?;
            state.remade.set(true);
            wait = until_ready();
        }
    }
}

/// How long a last look may take, when a wait has ended.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// Why a node is not ready when the waiting ends, with all that can be said about it.
async fn in_full<R: Wanted>(run: &Run, failure: Failure, state: &State<R::Output>) -> Failure {
    let Phase::Coming(why) = state.phase.borrow().clone() else { return failure };
    if matches!(failure, Failure::DependencyFailed(_)) {
        return failure;
    }
    let it = state.it();
    let obstacles = tokio::time::timeout(LAST_LOOK, R::obstacles(&run.cx.aws, &it)).await;
    let mut obstacles = obstacles.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_default();
    obstacles.retain(|obstacle| !why.contains(obstacle));
    let last = [vec![why], obstacles].concat().join("; ");
    match failure {
        Failure::TimedOut { after, .. } => Failure::TimedOut { after, last },
        _ => Failure::StoppedWaiting { last },
    }
}

/// Removes what is of no use any more, and makes it again.
async fn remake<R: Wanted>(
    run: &Run,
    place: &Place,
    node: &NodeName,
    resource: &R,
    needs: &dyn Fn() -> R::Needs,
    state: &State<R::Output>,
    differences: &[Difference],
) -> Outcome {
    if !state.may_be_remade() {
        return Err(Failure::Broken(describe(differences)));
    }
    let why = format!("{}: it is removed and made again", describe(differences));
    run.tell(node, What::Waiting(why));
    remove::<R>(run, place, &owned(run, node, state)).await?;
    make(run, place, node, resource, needs, state, Some(run.looks.now())).await?;
    state.remade.set(true);
    Ok(())
}

/// Reads the node again, in full.
async fn look_again<R: Resource>(
    run: &Run,
    place: &Place,
    node: &NodeName,
    state: &State<R::Output>,
) -> Outcome {
    let mut calls = Wait::for_calls(run, place, node, R::KIND);
    loop {
        match run.looks.list::<R>(state.changed_at()).await {
            Ok(seen) => {
                let own = pick::<R>(&seen, node, state).map(|own| (own, &own.seen));
                if let Some((own, Seen::Present(it, phase))) = own {
                    state.saw(own, it, phase);
                }
                return Ok(());
            }
            Err(error) => calls.after(error).await?,
        }
    }
}

/// Asks AWS to remove a thing, as often as it takes, and waits until it is gone.
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

/// Asks AWS once to remove a thing and, when everything goes, takes out of the way what would hold that
/// up. It has been asked since `since`.
async fn ask<R: Resource>(
    run: &Run,
    it: &R::Output,
    why: Removal,
    since: Instant,
) -> Result<(), Error> {
    let answer = R::delete(&run.cx.aws, it).await;
    let goes_or_waits = answer.as_ref().err().is_none_or(|it| it.meaning == Meaning::NotYet);
    if why == Removal::Everything && goes_or_waits {
        R::forget_lost(&run.cx.aws, it, since.elapsed()).await?;
    }
    answer
}

/// Asks AWS to remove a thing, as often as it takes until AWS agrees.
pub(super) async fn ask_to_go<R: Resource>(
    run: &Run,
    place: &Place,
    it: &Owned<R::Output>,
    why: Removal,
) -> Outcome {
    let node = &it.owner.node;
    let mut it = it.clone();
    let mut calls = Wait::for_removal(run, place, node, R::KIND);
    // Since when it has been denied.
    let mut denied: Option<Instant> = None;
    // When it was last looked what holds it, and what did.
    let (mut looked, mut held) = (Instant::now(), None::<String>);
    run.tell(node, What::Removing);
    loop {
        run.go_on()?;
        let answer = ask::<R>(run, it.it(), why, calls.since).await;
        run.changed_something();
        match answer {
            Ok(()) => return Ok(()),
            // What is gone has no tags any more by which IAM could allow it. So it goes when it, or a
            // part of it, was removed by an attempt whose answer was lost, or along with another; and
            // AWS may still show it for a while.
            Err(error)
                if error.is_denied()
                    && denied.get_or_insert_with(Instant::now).elapsed()
                        < patience::PROPAGATION =>
            {
                tracing::debug!(%node, %error, "looking whether it is gone");
                match again::<R>(run, &it).await {
                    Ok(Some(own)) => it = own,
                    Ok(None) => return Ok(()),
                    Err(_) => return Err(error.into()),
                }
                calls.until_next_attempt(&error.cause.to_string()).await?;
            }
            Err(error) => {
                let is_held =
                    error.meaning == Meaning::NotYet && calls.since.elapsed() >= patience::BLOCKED;
                if is_held && looked.elapsed() >= patience::UNHURRIED {
                    looked = Instant::now();
                    if let Err(error) = R::clear_way(&run.cx.aws, run.looks.scope()).await {
                        tracing::warn!(%node, %error, "something stays in the way");
                    }
                    // What holds it may be a part of it that was not seen, or it may be gone.
                    match again::<R>(run, &it).await {
                        Ok(Some(own)) => it = own,
                        Ok(None) => return Ok(()),
                        Err(error) => tracing::debug!(%node, %error, "not seen again"),
                    }
                    let blockers = R::blockers(&run.cx.aws, it.it()).await.unwrap_or_default();
                    held = Some(blockers.join(", ")).filter(|blockers| !blockers.is_empty());
                }
                match &held {
                    Some(blockers) if is_held => {
                        calls.until_next_attempt(&format!("held by {blockers}")).await?;
                    }
                    _ => calls.after(error).await?,
                }
            }
        }
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
pub(super) async fn until_gone<R: Resource>(
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
        match run.looks.poll::<R>(&waiting).await {
            Ok(seen) => {
                calls = Wait::for_calls(run, place, &node, R::KIND);
                let Some(own) = seen.iter().find(|other| other.id == it.id) else {
                    return removed();
                };
                if let Seen::Leaving(_, reason) = &own.seen {
                    why.clone_from(reason);
                }
                latest = own.clone();
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

/// The thing of a node as others list it.
fn owned<T: Clone>(run: &Run, node: &NodeName, state: &State<T>) -> Owned<T> {
    let stack = run.cx.names.stack().to_string();
    let owner = Owner { stack, node: node.clone(), pattern: None, tags: None };
    let phase = state.phase.borrow().clone();
    Owned { owner, id: state.id.borrow().clone(), seen: Seen::Present(state.it(), phase) }
}
