//! What all things of EC2 have in common: an id, tags, a birth, and some seconds in which nobody but
//! their maker knows them (`docs/aws-facts.md`, "What just made is not visible yet"); and after a change
//! or their end some more, in which answers show them as they were ([`crate::lag`]).

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::time::Duration;

use serde_json::Value;

use super::Ec2;
use crate::fields::Tags;
use crate::lag::Former;
use crate::refusal::Refusal;
use crate::world::{World, key};

/// One thing.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub made: Duration,
    /// From when on other calls know it.
    pub visible: Duration,
    /// What it is.
    pub it: T,
}

/// All things of one kind, by id.
#[derive(Debug)]
pub struct Table<T> {
    all: BTreeMap<String, Entry<T>>,
    former: Former<Entry<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), former: Former::default() }
    }
}

impl<T> Table<T> {
    /// A thing as it truly is, known to callers or not.
    pub fn get(&self, id: &str) -> Option<&Entry<T>> {
        self.all.get(id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Entry<T>> {
        self.all.get_mut(id)
    }

    /// Adds a thing.
    pub fn put(&mut self, entry: Entry<T>) {
        self.all.insert(entry.id.clone(), entry);
    }

    /// Takes a thing away.
    pub fn remove(&mut self, id: &str) -> Option<Entry<T>> {
        self.all.remove(id)
    }

    /// Takes away all but what fits.
    pub fn retain(&mut self, mut fits: impl FnMut(&Entry<T>) -> bool) {
        self.all.retain(|_, entry| fits(entry));
    }

    /// Everything, known to callers or not.
    pub fn all(&self) -> btree_map::Values<'_, String, Entry<T>> {
        self.all.values()
    }

    /// Everything, to be changed.
    pub fn all_mut(&mut self) -> btree_map::ValuesMut<'_, String, Entry<T>> {
        self.all.values_mut()
    }

    /// What answers show of a thing: as it was, for a while, and nothing as long as nobody knows it.
    pub fn shown(&self, now: Duration, id: &str) -> Option<&Entry<T>> {
        let known = || self.all.get(id).filter(|entry| entry.visible <= now);
        self.former.shown(now, id).or_else(known)
    }

    /// Everything that answers show.
    pub fn all_shown(&self, now: Duration) -> impl Iterator<Item = &Entry<T>> {
        let ids: BTreeSet<_> = self.all.keys().chain(self.former.keys()).collect();
        ids.into_iter().filter_map(move |id| self.shown(now, id))
    }
}

/// How things of a kind are listed.
#[derive(Debug)]
pub struct Listing {
    /// The operation.
    pub operation: &'static str,
    /// The member of a request that names some of them.
    pub ids: &'static str,
    /// The member of an answer that holds them.
    pub list: &'static str,
}

/// A kind of things that calls name by id and describe alike.
pub trait Kind: Sized + Clone + 'static {
    /// The resource type, as tag specifications say it.
    const TYPE: &'static str;
    /// What ids begin with.
    const PREFIX: &'static str;
    /// How they are listed.
    const LISTING: Listing;
    /// The filters that its listing takes; `tag:` stands for all `tag:KEY`.
    const FILTERS: &'static [&'static str];

    /// What EC2 answers to an id that it does not know.
    fn unknown(id: &str) -> Refusal;
    /// Where these things are.
    fn table(ec2: &Ec2) -> &Table<Self>;
    /// Where these things are, to be changed.
    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self>;
    /// The values that a filter, one of [`Kind::FILTERS`], is compared with.
    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String>;
    /// How the listing shows it.
    fn write(world: &World, entry: &Entry<Self>) -> Value;
    /// Whether it still exists, and is not only remembered.
    fn lives(_entry: &Entry<Self>) -> bool {
        true
    }
}

/// A thing that the caller names, or the refusal when EC2 does not know it yet, or any more.
pub fn find<'a, K: Kind>(world: &'a World, id: &str) -> Result<&'a Entry<K>, Refusal> {
    let entry = K::table(world.ec2()).get(id).filter(|entry| entry.visible <= world.now);
    entry.ok_or_else(|| K::unknown(id))
}

/// The same, to be changed: answers show it as it was for a while.
pub fn find_mut<'a, K: Kind>(world: &'a mut World, id: &str) -> Result<&'a mut Entry<K>, Refusal> {
    find::<K>(world, id)?;
    keep_former::<K>(world, id);
    K::table_mut(world.ec2_mut()).get_mut(id).ok_or_else(|| K::unknown(id))
}

/// Takes a thing away that the caller has deleted: answers show it for a while.
pub fn delete<K: Kind>(world: &mut World, id: &str) {
    keep_former::<K>(world, id);
    K::table_mut(world.ec2_mut()).remove(id);
}

/// Lets answers show a thing as it is now for a while, whatever becomes of it.
fn keep_former<K: Kind>(world: &mut World, id: &str) {
    let Some(entry) = K::table(world.ec2()).get(id).cloned() else { return };
    let until = world.now + world.dice.delay(super::LAGGING, &key(&entry.tags, id), 0.0..=5.0);
    let now = world.now;
    K::table_mut(world.ec2_mut()).former.keep(now, id, until, entry);
}

/// What answers show of a thing that the caller names.
pub fn shown<'a, K: Kind>(world: &'a World, id: &str) -> Result<&'a Entry<K>, Refusal> {
    K::table(world.ec2()).shown(world.now, id).ok_or_else(|| K::unknown(id))
}

/// Makes a thing, which callers know after a while ([`super::VISIBLE`]).
pub fn make<K: Kind>(world: &mut World, tags: Tags, it: K) -> String {
    let id = new_id::<K>(world, &tags);
    let visible = visible(world, &key(&tags, &id));
    let entry = Entry { id: id.clone(), tags, made: world.now, visible, it };
    K::table_mut(world.ec2_mut()).put(entry);
    id
}

/// Makes a thing that callers know from a moment on: with what it came with, or at once.
pub fn make_visible<K: Kind>(world: &mut World, visible: Duration, tags: Tags, it: K) -> String {
    let id = new_id::<K>(world, &tags);
    let entry = Entry { id: id.clone(), tags, made: world.now, visible, it };
    K::table_mut(world.ec2_mut()).put(entry);
    id
}

/// Makes a thing that callers know from a moment on, and that is told apart by a name: what happens by
/// itself happens in another order when others take more time.
pub fn make_named<K: Kind>(
    world: &mut World,
    name: &str,
    visible: Duration,
    tags: Tags,
    it: K,
) -> String {
    let id = world.id_of(K::PREFIX, name);
    let entry = Entry { id: id.clone(), tags, made: world.now, visible, it };
    K::table_mut(world.ec2_mut()).put(entry);
    id
}

/// A thing's id: of its name, where it has one.
fn new_id<K: Kind>(world: &mut World, tags: &Tags) -> String {
    match tags.get("Name").cloned() {
        Some(name) => world.id_of(K::PREFIX, &name),
        None => world.id(K::PREFIX),
    }
}

/// From when on callers know what is made now.
pub fn visible(world: &World, key: &str) -> Duration {
    world.now + world.dice.delay(super::VISIBLE, key, 0.0..=5.0)
}
