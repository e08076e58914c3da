//! Chance that does not depend on the order of things: a delay is a function of the seed, of what is
//! delayed and of whose it is. So two runs that call AWS in another order meet the same world, and
//! the oracle can ask for a delay without disturbing any.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The dice of one world.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: u64,
    /// Ranges in seconds that a scenario has put in place of a rule's own.
    ranges: BTreeMap<String, RangeInclusive<f64>>,
}

impl Dice {
    /// Makes the dice of a seed. `ranges` replaces what the rules say, by label.
    pub fn new(seed: u64, ranges: BTreeMap<String, RangeInclusive<f64>>) -> Self {
        Self { seed, ranges }
    }

    /// Thirty-two hexadecimal digits, of this label and key.
    pub fn digest(&self, label: &str, key: &str) -> String {
        self.hash(label, key)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A number from 0 to 1, of this label and key.
    pub fn roll(&self, label: &str, key: &str) -> f64 {
        let digest = self.hash(label, key);
        let mut bits = [0; 4];
        bits.copy_from_slice(&digest[..4]);
        f64::from(u32::from_be_bytes(bits)) / f64::from(u32::MAX)
    }

    fn hash(&self, label: &str, key: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(label);
        hash.update([0]);
        hash.update(key);
        hash.finalize().into()
    }

    /// How long this takes for this one: `range` is in seconds.
    pub fn delay(&self, label: &str, key: &str, range: RangeInclusive<f64>) -> Duration {
        let range = self.ranges.get(label).cloned().unwrap_or(range);
        let (from, to) = (*range.start(), *range.end());
        let millis = (from + (to - from) * self.roll(label, key)) * 1000.0;
        Duration::from_secs_f64(millis.round() / 1000.0)
    }
}
