//! What roles and profiles have in common: a name, whatever its case, some seconds in which IAM's own
//! calls do not find what is new, and some in which answers show what was changed or deleted as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Iam, LAGGING};
use crate::lag::Former;
use crate::refusal::Refusal;
use crate::world::World;

/// Things by name in lower case.
#[derive(Debug)]
pub(super) struct Named<T> {
    pub(super) all: BTreeMap<String, T>,
    former: Former<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), former: Former::default() }
    }
}

/// A kind of things.
pub(super) trait Kind: Sized + Clone + 'static {
    /// Where these things are.
    fn table(iam: &Iam) -> &Named<Self>;
    /// Where these things are, to be changed.
    fn table_mut(iam: &mut Iam) -> &mut Named<Self>;
    /// When IAM's calls find it.
    fn visible_at(&self) -> Duration;
    /// What IAM answers to a name that it does not find.
    fn unknown(name: &str) -> Refusal;
}

/// The name as a key.
pub(super) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// One that IAM's calls find.
pub(super) fn find<'a, K: Kind>(world: &'a World, name: &str) -> Result<&'a K, Refusal> {
    let found = K::table(world.iam()).all.get(&key(name));
    found.filter(|it| it.visible_at() <= world.now).ok_or_else(|| K::unknown(name))
}

/// One as answers show it: for a moment as it was before.
pub(super) fn shown<'a, K: Kind>(world: &'a World, name: &str) -> Result<&'a K, Refusal> {
    let former = K::table(world.iam()).former.shown(world.now, &key(name));
    former.map_or_else(|| find(world, name), Ok)
}

/// All that answers show.
pub(super) fn all_shown<K: Kind>(world: &World) -> impl Iterator<Item = &K> {
    let table = K::table(world.iam());
    let names: BTreeSet<_> = table.all.keys().chain(table.former.keys()).collect();
    names.into_iter().filter_map(|name| shown(world, name).ok())
}

/// One that IAM's calls find, to be changed: answers show it for a moment as it is now.
pub(super) fn find_mut<'a, K: Kind>(
    world: &'a mut World,
    name: &str,
) -> Result<&'a mut K, Refusal> {
    let former = find::<K>(world, name)?.clone();
    let (now, until) = (world.now, super::until(world, LAGGING, name));
    let table = K::table_mut(world.iam_mut());
    table.former.keep(now, &key(name), until, former);
    table.all.get_mut(&key(name)).ok_or_else(|| K::unknown(name))
}

/// Takes one away that the caller has deleted: answers show it for a moment.
pub(super) fn delete<K: Kind>(world: &mut World, name: &str) -> Result<(), Refusal> {
    find_mut::<K>(world, name)?;
    K::table_mut(world.iam_mut()).all.remove(&key(name));
    Ok(())
}
