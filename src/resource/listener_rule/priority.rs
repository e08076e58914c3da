//! The place of a rule among the others of a listener: the specific before the general.
//!
//! A rule keeps its priority as long as it is as specific as it was. So each rank has places of its own,
//! among which its rules are spread: whoever comes later finds one between its neighbours, whatever the order
//! in which they come.

use std::cmp::Reverse;

use sha2::{Digest, Sha256};

/// The last priority (Elastic Load Balancing API Reference, `CreateRule`).
const LAST: u32 = 50_000;
/// Longest host or path of a condition (the same, `HostHeaderConditionConfig`, `PathPatternConditionConfig`).
const LONGEST: usize = 128;

/// How specific a rule is. The more specific is less, and is tried earlier: an exact host before one with
/// wildcards before none, then a path before none, then the longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    host: Host,
    path: Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Exact,
    /// With so many letters besides the wildcards.
    Pattern(Reverse<usize>),
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    /// With so many letters besides the wildcards, and whether there are any.
    Pattern(Reverse<usize>, bool),
    Any,
}

/// Another rule of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Its priority.
    pub priority: u32,
    /// How specific it is; unknown when it matches something else than hosts and paths.
    pub rank: Option<Rank>,
}

fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

fn letters(pattern: &str) -> usize {
    pattern.chars().filter(|it| !['*', '?'].contains(it)).count().min(LONGEST)
}

impl Rank {
    /// The rank of a rule with these hosts and paths. It is as specific as the least of each.
    pub fn of<'a>(
        hosts: impl IntoIterator<Item = &'a str>,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let host = |host: &str| match has_wildcard(host) {
            true => Host::Pattern(Reverse(letters(host))),
            false => Host::Exact,
        };
        let path = |path: &str| Path::Pattern(Reverse(letters(path)), has_wildcard(path));
        Self {
            host: hosts.into_iter().map(host).max().unwrap_or(Host::Any),
            path: paths.into_iter().map(path).max().unwrap_or(Path::Any),
        }
    }

    /// The first of the places that rules of this rank have of their own, and how many there are. Lengths
    /// beyond the usual share theirs.
    fn places(self) -> (u32, u32) {
        /// The places of a path, of one with wildcards, and how many lengths of it have their own.
        const OF_A_PATH: [u32; 2] = [100, 100];
        const PATHS: u32 = 64;
        /// The same behind a host with wildcards, where there are fewer.
        const OF_A_PATH_THERE: [u32; 2] = [21, 21];
        const PATHS_THERE: u32 = 16;
        /// The places without a path, for exact hosts and for each length of one with wildcards.
        const WITHOUT_PATH: u32 = 1000;
        const WITHOUT_PATH_THERE: u32 = 40;
        const HOSTS: u32 = 32;

        let exact = PATHS * OF_A_PATH.iter().sum::<u32>();
        let of_a_host = PATHS_THERE * OF_A_PATH_THERE.iter().sum::<u32>();
        let lacks = |Reverse(letters): Reverse<usize>, of: u32| {
            of - 1 - u32::try_from(letters).unwrap_or(of).min(of - 1)
        };
        let path = |of: u32, [plain, wild]: [u32; 2], without: u32| match self.path {
            Path::Pattern(letters, is_wild) => {
                let first = lacks(letters, of) * (plain + wild);
                if is_wild { (first + plain, wild) } else { (first, plain) }
            }
            Path::Any => (of * (plain + wild), without),
        };
        let (from, (first, count)) = match self.host {
            Host::Exact => (1, path(PATHS, OF_A_PATH, WITHOUT_PATH)),
            Host::Pattern(letters) => {
                let host = lacks(letters, HOSTS) * (of_a_host + WITHOUT_PATH_THERE);
                let there = path(PATHS_THERE, OF_A_PATH_THERE, WITHOUT_PATH_THERE);
                (1 + exact + WITHOUT_PATH + host, there)
            }
            Host::Any => {
                let patterns = HOSTS * (of_a_host + WITHOUT_PATH_THERE);
                (1 + exact + WITHOUT_PATH + patterns, path(PATHS, OF_A_PATH, WITHOUT_PATH))
            }
        };
        (from + first, count)
    }
}

/// Whether a rule of this rank may stay where one of another rank was: in the places of its own.
pub fn may_stay(rank: &Rank, priority: u32) -> bool {
    let (first, count) = rank.places();
    (first..first + count).contains(&priority)
}

/// Chooses a free priority after all more specific rules and before all more general ones. Rules of one
/// rank spread over its places by their names, so that those made at the same time seldom meet. Where others
/// stand in each other's way already, it is at least not behind a more general one. `None` when there is no
/// priority left.
pub fn choose(rank: &Rank, name: &str, others: &[Neighbour]) -> Option<u32> {
    let ranked = |such: fn(&Rank, &Rank) -> bool| {
        let such = others.iter().filter(move |it| it.rank.is_some_and(|it| such(&it, rank)));
        such.map(|it| it.priority)
    };
    let before = ranked(|it, rank| it > rank).min().unwrap_or(LAST + 1).min(LAST + 1);
    let after = ranked(|it, rank| it < rank).max().unwrap_or(0);
    let after = if after < before { after } else { 0 };
    let is_free = |priority: &u32| !others.iter().any(|it| it.priority == *priority);
    let (first, count) = rank.places();
    let (from, to) = (after + 1, before.checked_sub(1).filter(|to| *to > after)?);
    let own = (0..count).map(|index| first + (index + spread(name)) % count);
    let own = own.filter(|place| (from..=to).contains(place));
    let start = first.clamp(from, to);
    let near = (0..LAST).flat_map(|away| [start.checked_add(away), start.checked_sub(away)]);
    let near = near.flatten().filter(|place| (from..=to).contains(place));
    own.chain(near).find(is_free)
}

fn spread(name: &str) -> u32 {
    let hash = Sha256::digest(name.as_bytes());
    u32::from(hash[0]) << 8 | u32::from(hash[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rank(hosts: &[&str], paths: &[&str]) -> Rank {
        Rank::of(hosts.iter().copied(), paths.iter().copied())
    }

    #[test]
    fn the_specific_comes_before_the_general() {
        let in_order = [
            rank(&["a.com"], &["/api/v1"]),
            rank(&["a.com"], &["/api/v1*"]),
            rank(&["b.com"], &["/api/*"]),
            rank(&["a.com", "b.com"], &["/api/*", "/"]),
            rank(&["a.com"], &[]),
            rank(&["*.in.a.com"], &["/"]),
            rank(&["*.in.a.com"], &[]),
            rank(&["*.a.com"], &["/api/v1/*"]),
            rank(&["*.a.com"], &[]),
            rank(&["a.com", "*.com"], &[]),
            rank(&[], &["/api/v1/*"]),
            rank(&[], &["/api/*"]),
            rank(&[], &["/*"]),
        ];
        assert!(in_order.is_sorted_by(|one, next| one < next), "{in_order:#?}");
        let alone: Vec<_> = in_order.iter().map(|rank| choose(rank, "", &[]).unwrap()).collect();
        assert!(alone.is_sorted(), "{alone:?}");
        assert_eq!(rank(&["a.com"], &[]), rank(&["much.longer.com"], &[]));
    }

    #[test]
    fn a_rule_of_somebody_is_counted_with() {
        let wanted = rank(&["a.com"], &[]);
        let usual = choose(&wanted, "web", &[]).unwrap();
        let by_method = Neighbour { priority: usual, rank: None };
        assert_ne!(choose(&wanted, "web", &[by_method]), Some(usual));
        let general = Neighbour { priority: 2, rank: Some(rank(&[], &["/*"])) };
        assert_eq!(choose(&wanted, "web", &[general]), Some(1));
        let first = Neighbour { priority: 1, rank: None };
        assert_eq!(choose(&wanted, "web", &[general, first]), None);
        // A more specific one stands behind it, out of reach.
        let specific = Neighbour { priority: 9, rank: Some(rank(&["a.com"], &["/x"])) };
        assert_eq!(choose(&wanted, "web", &[general, specific]), Some(1));
    }

    fn any_rank() -> impl Strategy<Value = Rank> {
        let host = prop::sample::select(vec![
            vec![],
            vec!["a.com"],
            vec!["*.a.com"],
            vec!["*.b.a.com"],
            vec!["a.com", "*"],
        ]);
        let path = prop::option::of("/[a-c]{0,12}[*]?");
        (host, path).prop_map(|(hosts, path)| Rank::of(hosts, path.as_deref()))
    }

    proptest! {
        #[test]
        fn whatever_the_order_they_come_in_each_finds_its_place(
            ranks in prop::collection::vec(any_rank(), 1..100),
            foreign in prop::collection::btree_set(1_u32..=LAST, 0..20),
        ) {
            let alien = |priority| Neighbour { priority, rank: None };
            let mut there: Vec<_> = foreign.into_iter().map(alien).collect();
            for (index, rank) in ranks.iter().enumerate() {
                let priority = choose(rank, &format!("service-{index}"), &there);
                let priority = priority.expect("there is room for a hundred");
                prop_assert!((1..=LAST).contains(&priority));
                for other in &there {
                    prop_assert_ne!(other.priority, priority);
                    let Some(other_rank) = other.rank else { continue };
                    if other_rank != *rank {
                        prop_assert_eq!(other_rank < *rank, other.priority < priority);
                    }
                }
                there.push(Neighbour { priority, rank: Some(*rank) });
            }
        }

        #[test]
        fn any_neighbours_are_fine(
            wanted in any_rank(),
            others in prop::collection::vec((any::<u32>(), prop::option::of(any_rank())), 0..40),
        ) {
            let others: Vec<_> =
                others.into_iter().map(|(priority, rank)| Neighbour { priority, rank }).collect();
            if let Some(chosen) = choose(&wanted, "web", &others) {
                prop_assert!((1..=LAST).contains(&chosen));
                prop_assert!(others.iter().all(|other| other.priority != chosen));
            }
        }
    }
}
