//! When a stack expires: how that is said on the command line, and told.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp};

use super::list::duration_since;
use crate::lock::Expiry;

/// A stack that is gone before it is up is none.
const SHORTEST: Duration = Duration::from_mins(5);
/// What is to stand for longer is better removed by hand.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How long a stack is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// Until somebody removes it.
    None,
    /// For so long.
    For(Duration),
}

/// Reads what was said.
pub(super) fn parse(text: &str) -> Result<Ttl, String> {
    if text == "none" {
        return Ok(Ttl::None);
    }
    let said = text.parse::<Span>();
    let said = said.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let long = said.ok().and_then(|said| Duration::try_from(said).ok()).ok_or_else(|| {
        "say how long, such as `90m`, `4h` or `2d`; `none` lets it stay".to_owned()
    })?;
    match long {
        long if long < SHORTEST => Err("a stack stays for 5m at least".to_owned()),
        long if long > LONGEST => {
            Err("a stack stays for 365d at most, or with `none` for good".to_owned())
        }
        long => Ok(Ttl::For(long)),
    }
}

/// What is to become of a stack's expiry.
pub(super) fn of(ttl: Option<Ttl>, now: i64) -> Expiry {
    match ttl {
        None => Expiry::Stays,
        Some(Ttl::None) => Expiry::Never,
        Some(Ttl::For(long)) => {
            Expiry::At(now.saturating_add(i64::try_from(long.as_secs()).unwrap_or(i64::MAX)))
        }
    }
}

/// What a deploy is going to do about it.
pub(super) fn planned(expiry: Expiry, now: i64) -> Option<String> {
    match expiry {
        Expiry::Stays => None,
        Expiry::Never => Some("expires never".to_owned()),
        Expiry::At(at) => Some(words(at, now)),
    }
}

/// A moment as it is written, from seconds since 1970.
pub(super) fn when(at: i64) -> String {
    Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default()
}

/// When a stack expires, as people read it.
pub(super) fn words(at: i64, now: i64) -> String {
    let when = when(at);
    match at > now {
        true => format!("expires in {}, at {when}", duration_since(now, at)),
        false => format!("{}: `ecsup gc` removes it", since(at, now)),
    }
}

/// When a stack expired.
pub(super) fn since(at: i64, now: i64) -> String {
    format!("expired {} ago, at {}", duration_since(at, now), when(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_as_long_as_it_says() {
        let hours = |hours| Ok(Ttl::For(Duration::from_hours(hours)));
        assert_eq!(parse("4h"), hours(4));
        assert_eq!(parse("2d"), hours(48));
        assert_eq!(parse("1d12h"), hours(36));
        assert_eq!(parse("1w"), hours(168));
        assert_eq!(parse("none"), Ok(Ttl::None));
        let why = |text| parse(text).unwrap_err();
        assert_eq!(why("4m59s"), "a stack stays for 5m at least");
        assert_eq!(why("366d"), "a stack stays for 365d at most, or with `none` for good");
        for text in ["", "4", "soon", "-4h", "1mo", "1y", "4h ago", "9999999999d"] {
            assert!(why(text).starts_with("say how long, such as "), "{text}");
        }
    }

    #[test]
    fn an_expiry_is_told_by_both_clocks() {
        let now = 1_767_225_600;
        assert_eq!(words(now + 4 * 3600, now), "expires in 4h00m, at 2026-01-01T04:00:00Z");
        assert_eq!(words(now + 3 * 86_400, now), "expires in 3d, at 2026-01-04T00:00:00Z");
        let expired = "expired 10s ago, at 2025-12-31T23:59:50Z: `ecsup gc` removes it";
        assert_eq!(words(now - 10, now), expired);
    }
}
