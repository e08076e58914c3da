//! What exists, what time it is, and what happens by itself.
//!
//! The world has no threads and no timers. What is going to happen is an event at a moment; a call
//! first lets everything happen that is due, and then finds the world as it is. Nothing is random but
//! the [`Dice`], and nothing depends on the real clock.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::arn::Arn;
use crate::dice::Dice;
use crate::fields::Tags;
use crate::notice::Notice;
use crate::partition;
use crate::policy::Policy;
use crate::scenario::Scenario;

/// Seconds since 1970 at which every world begins: 2026-01-01T00:00:00Z.
pub const EPOCH: u64 = 1_767_225_600;

/// After how long answers show what is there: longer than anything is hidden.
const CAUGHT_UP: Duration = Duration::from_secs(10);

type Happening = Box<dyn FnOnce(&mut World) + Send>;

/// What a service keeps, which the world holds for it and knows by nothing but its type.
pub trait State: Any + Send + Default {
    /// What there is one of.
    const SCOPE: Scope;

    /// Makes it where nothing has been done yet.
    fn new(_world: &World) -> Self {
        Self::default()
    }
}

/// What a service keeps its state for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each region has its own.
    Region,
    /// An account is one in all regions of a partition, and another one in the next.
    Partition,
}

/// Lets a service begin in a region that nobody has been in.
pub type Beginning = fn(&mut World);

/// Lets a service hear what happens to the things of others.
pub type Hearing = fn(&mut World, Notice<'_>);

/// Everything in one account.
pub struct World {
    /// Since the world began.
    pub now: Duration,
    /// The region of the call that is being answered, or of the event that happens.
    pub region: String,
    /// Chance.
    pub dice: Dice,
    /// How this world differs from the usual one.
    pub scenario: Scenario,
    /// What the caller may do; everything when there is none.
    pub policy: Option<Policy>,
    /// Whether listings come in pages of one item: to clients, when the scenario says so, and never to
    /// who asks the world itself.
    pub small_pages: bool,

    /// How services begin.
    beginnings: Vec<Beginning>,
    /// How services hear of each other.
    hearings: Vec<Hearing>,
    /// The regions that somebody has been in.
    regions: BTreeSet<String>,
    /// What services keep, by region or partition and by its type.
    states: BTreeMap<String, BTreeMap<TypeId, Box<dyn Any + Send>>>,
    events: BTreeMap<(Duration, u64), (String, Happening)>,
    scheduled: u64,
    /// Whether something happens by itself just now.
    happens: bool,
    /// How many things of each name were made.
    made: BTreeMap<String, u32>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl World {
    /// Makes the world of a seed, in which services begin and hear of each other.
    pub fn with(
        seed: u64,
        scenario: Scenario,
        beginnings: Vec<Beginning>,
        hearings: Vec<Hearing>,
    ) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            region: String::new(),
            dice: Dice::new(seed, scenario.delays.clone()),
            scenario,
            policy: None,
            small_pages: false,
            beginnings,
            hearings,
            regions: BTreeSet::new(),
            states: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            happens: false,
            made: BTreeMap::new(),
        };
        world.enter("us-east-1");
        world
    }

    /// What a service keeps here.
    ///
    /// # Panics
    ///
    /// When the service has not begun: when it is not one of those that the world was made with.
    pub fn state<S: State>(&self) -> &S {
        let here = self.states.get(place::<S>(&self.region));
        let state = here.and_then(|here| here.get(&TypeId::of::<S>())?.downcast_ref());
        state.expect("a service begins in every region")
    }

    /// The same, to be changed.
    ///
    /// # Panics
    ///
    /// As [`World::state`] does.
    pub fn state_mut<S: State>(&mut self) -> &mut S {
        let here = self.states.get_mut(place::<S>(&self.region));
        let state = here.and_then(|here| here.get_mut(&TypeId::of::<S>())?.downcast_mut());
        state.expect("a service begins in every region")
    }

    /// Makes what a service keeps here, unless it is there.
    pub fn begin<S: State>(&mut self) {
        let place = place::<S>(&self.region).to_owned();
        if self.states.get(&place).is_some_and(|here| here.contains_key(&TypeId::of::<S>())) {
            return;
        }
        let state = Box::new(S::new(self));
        self.states.entry(place).or_default().insert(TypeId::of::<S>(), state);
    }

    /// Tells all services what has happened.
    pub fn tell(&mut self, notice: Notice<'_>) {
        for hear in self.hearings.clone() {
            hear(self, notice);
        }
    }

    /// Moves to a region: what is regional is then that region's.
    pub fn enter(&mut self, region: &str) {
        if self.region == region {
            return;
        }
        region.clone_into(&mut self.region);
        if self.regions.insert(region.to_owned()) {
            for begin in self.beginnings.clone() {
                begin(self);
            }
        }
    }

    /// Lets everything happen that is due until `now`, in order.
    pub fn advance(&mut self, now: Duration) {
        let region = self.region.clone();
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (region, happening)) = entry.remove_entry();
            self.now = self.now.max(at);
            self.enter(&region);
            self.happens = true;
            happening(self);
            self.happens = false;
        }
        self.now = self.now.max(now);
        self.enter(&region);
    }

    /// Looks as AWS shows things when its answers have caught up with what was done, while nothing else
    /// has happened.
    pub fn once_caught_up<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let now = self.now;
        self.now += CAUGHT_UP;
        let seen = look(self);
        self.now = now;
        seen
    }

    /// Lets something happen after a while, in this region.
    pub fn after(&mut self, delay: Duration, happening: impl FnOnce(&mut World) + Send + 'static) {
        self.scheduled += 1;
        let key = (self.now + delay, self.scheduled);
        self.events.insert(key, (self.region.clone(), Box::new(happening)));
    }

    /// A new id, such as `vpc-0a1b2c3d4e5f60718` for `vpc`. No two are equal.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", &self.hex(16))
    }

    /// New hexadecimal digits, at most 32. No two are equal. The same calls get the same ones, however
    /// much time passes between them: what happens meanwhile does not count. What it makes itself has to
    /// have a name ([`World::digits_of`]), if its ids are to be the same.
    pub fn hex(&mut self, digits: usize) -> String {
        self.digits_of(digits, if self.happens { "happened" } else { "called" })
    }

    /// New hexadecimal digits, at most 32, for something with a name. They do not depend on what else
    /// was made before, so that two worlds of one seed have the same ids; the second of a name gets
    /// others.
    pub fn digits_of(&mut self, digits: usize, name: &str) -> String {
        let name = format!("{} {name}", self.region);
        let made = self.made.entry(name.clone()).or_default();
        *made += 1;
        let digest = self.dice.digest("id", &format!("{name} {made}"));
        digest[..digits.min(digest.len())].to_owned()
    }

    /// A new UUID.
    pub fn uuid(&mut self) -> String {
        in_groups(&self.hex(32))
    }

    /// A new UUID for something with a name.
    pub fn uuid_of(&mut self, name: &str) -> String {
        in_groups(&self.digits_of(32, name))
    }

    /// A new id for something with a name.
    pub fn id_of(&mut self, prefix: &str, name: &str) -> String {
        format!("{prefix}-0{}", self.digits_of(16, &format!("{prefix} {name}")))
    }

    /// The ARN of something in this region: `arn("ecs", "cluster/demo")`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        Arn::of(&self.region, service, resource).to_string()
    }

    /// The ARN of something in this region that is AWS's own.
    pub fn public_arn(&self, service: &str, resource: &str) -> String {
        Arn::public(&self.region, service, resource).to_string()
    }

    /// The ARN of something of IAM: `iam_arn("role/demo")`.
    pub fn iam_arn(&self, resource: &str) -> String {
        Arn::of_iam(self.partition(), resource).to_string()
    }

    /// The ARN of whoever calls.
    pub fn caller(&self) -> String {
        self.iam_arn("user/rehearsal")
    }

    /// The partition of this region.
    pub fn partition(&self) -> &'static str {
        partition::of(&self.region)
    }

    /// Now, in seconds since 1970, as timestamps are written.
    pub fn timestamp(&self) -> f64 {
        self.timestamp_at(self.now)
    }

    /// A moment, in seconds since 1970.
    pub fn timestamp_at(&self, at: Duration) -> f64 {
        (Duration::from_secs(EPOCH) + at).as_secs_f64()
    }

    /// Looks in every region that somebody has been in.
    pub fn in_all_regions<T: Ord>(&mut self, look: impl Fn(&World) -> BTreeSet<T>) -> BTreeSet<T> {
        let here = self.region.clone();
        let mut found = BTreeSet::new();
        for region in self.regions.clone() {
            self.enter(&region);
            found.extend(look(self));
        }
        self.enter(&here);
        found
    }
}

/// Thirty-two digits as a UUID has them.
fn in_groups(digits: &str) -> String {
    let cuts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    cuts.map(|(from, to)| digits.get(from..to).unwrap_or_default()).join("-")
}

/// Where a state is kept.
fn place<S: State>(region: &str) -> &str {
    match S::SCOPE {
        Scope::Region => region,
        Scope::Partition => partition::of(region),
    }
}

/// A kind, an id and the tags of something that is there.
pub type Tagged = (String, String, Tags);

/// What a thing's delays are drawn by: its `Name` tag, which is the same in every run, or its id.
pub fn key(tags: &Tags, id: &str) -> String {
    tags.get("Name").cloned().unwrap_or_else(|| id.to_owned())
}
