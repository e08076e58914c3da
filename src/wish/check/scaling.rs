//! How many tasks a service has: as many as it says, or between bounds, by load.

use std::time::Duration;

use super::{Checker, Wanted};
use crate::spec::{Scaling, Scheme, size};

/// What a number of tasks can be scaled by.
const METRICS: [&str; 3] = ["cpu_percent", "memory_percent", "requests"];

/// How many tasks a service has.
pub(super) enum Tasks {
    /// So many.
    Fixed(u32),
    /// As many as its load needs.
    Scaled(Scaling),
}

impl Tasks {
    /// How many there may be.
    pub(super) fn most(&self) -> u32 {
        match self {
            Self::Fixed(count) => *count,
            Self::Scaled(scaling) => scaling.max,
        }
    }

    /// The key that says how many there may be.
    pub(super) fn said_by(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "count",
            Self::Scaled(_) => "scaling.max",
        }
    }

    /// How many there are at first, and how that changes, if it does.
    pub(super) fn into_parts(self) -> (u32, Option<Scaling>) {
        match self {
            Self::Fixed(count) => (count, None),
            Self::Scaled(scaling) => (scaling.min, Some(scaling)),
        }
    }
}

impl<'a> Checker<'a> {
    /// How many tasks a service has, as far as that is right.
    pub(super) fn tasks(&mut self, wanted: &'a Wanted, schemes: &[Scheme]) -> Option<Tasks> {
        const TASKS: &str = "a number of tasks";
        let of = Some(wanted);
        if wanted.table.get("scaling").is_none() {
            return self.whole(of, "count", size::COUNT, TASKS).map(Tasks::Fixed);
        }
        let mut bound = |key: &str| {
            let path = format!("scaling.{key}");
            match self.text(of, &path) {
                Some(_) => self.whole(of, &path, size::COUNT, TASKS),
                None => {
                    self.problem(of, "scaling", "", format!("needs `{key}`, {TASKS}"));
                    None
                }
            }
        };
        let (min, max) = (bound("min"), bound("max"));
        if let (Some(min), Some(most)) = (min, max)
            && min > most
        {
            let max = self.called(of, "scaling.max");
            let rule = format!("must not be larger than {max}, which is {most}");
            self.problem(of, "scaling.min", &min.to_string(), rule);
        }
        let [cpu_percent, memory_percent, requests] = METRICS.map(|key| {
            let path = format!("scaling.{key}");
            let (range, what) = match key {
                "requests" => (size::REQUESTS, "a number of requests"),
                _ => (size::PERCENT, "a percentage"),
            };
            self.text(of, &path).and_then(|_| self.whole(of, &path, range, what))
        });
        if METRICS.iter().all(|key| self.text(of, &format!("scaling.{key}")).is_none()) {
            let rule = "needs something to aim at: cpu_percent, memory_percent or requests";
            self.problem(of, "scaling", "", rule);
        }
        if let Some(requests) = self.text(of, "scaling.requests").filter(|_| schemes.is_empty()) {
            let rule = "means nothing where no load balancer leads to the service";
            self.problem(of, "scaling.requests", requests, rule);
        }
        let cooldown_in = self.cooldown(wanted, "scaling.cooldown_in");
        let cooldown_out = self.cooldown(wanted, "scaling.cooldown_out");
        Some(Tasks::Scaled(Scaling {
            min: min?,
            max: max?,
            cpu_percent,
            memory_percent,
            requests,
            cooldown_in: cooldown_in?,
            cooldown_out: cooldown_out?,
        }))
    }

    fn cooldown(&mut self, wanted: &'a Wanted, path: &str) -> Option<Duration> {
        let seconds = self.seconds(Some(wanted), path, size::COOLDOWN)?;
        Some(Duration::from_secs(seconds.into()))
    }
}
