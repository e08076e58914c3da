//! How what is there differs from what is wanted: in words, which people read, and with the change
//! that removes it, which is the kind's own.

use std::fmt::Debug;

/// One way in which what is there differs from what is wanted. `C` is the kind's
/// [`Change`](super::Wanted::Change); where it is only read, nothing is left of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<C = ()> {
    /// The property, as AWS names it.
    pub field: String,
    /// What is there.
    pub is: String,
    /// What is wanted.
    pub wanted: String,
    /// How it is brought about.
    pub remedy: Remedy<C>,
}

/// How a difference is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy<C = ()> {
    /// AWS changes it in place.
    Update(C),
    /// It takes a replacement, which ecsup refuses; says why.
    Replacement(String),
    /// It is of no use any more, and the engine removes it and makes it again.
    Remake,
    /// The engine tags it.
    Tag,
}

/// The change of a kind that has one call for everything: whatever differs, it says all that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole;

impl<C> Difference<C> {
    fn new(remedy: Remedy<C>, field: &str, is: impl ToString, wanted: impl ToString) -> Self {
        Self { field: field.into(), is: is.to_string(), wanted: wanted.to_string(), remedy }
    }

    /// A difference that AWS can remove in place.
    pub fn update(change: C, field: &str, is: impl ToString, wanted: impl ToString) -> Self {
        Self::new(Remedy::Update(change), field, is, wanted)
    }

    /// A difference that takes a replacement.
    pub fn replacement(field: &str, is: impl ToString, wanted: impl ToString, why: &str) -> Self {
        Self::new(Remedy::Replacement(why.into()), field, is, wanted)
    }

    /// A difference because of which the thing is removed and made again.
    pub fn remake(field: &str, is: impl ToString, wanted: impl ToString) -> Self {
        Self::new(Remedy::Remake, field, is, wanted)
    }

    /// The same as people read it.
    pub fn in_words(&self) -> Difference {
        let remedy = match &self.remedy {
            Remedy::Update(_) => Remedy::Update(()),
            Remedy::Replacement(why) => Remedy::Replacement(why.clone()),
            Remedy::Remake => Remedy::Remake,
            Remedy::Tag => Remedy::Tag,
        };
        Difference::new(remedy, &self.field, &self.is, &self.wanted)
    }
}

impl Difference {
    /// A tag of the user's that is not there, or has another value.
    pub fn tag(key: &str, is: Option<&str>, wanted: &str) -> Self {
        Self::new(Remedy::Tag, &format!("tag {key}"), is.unwrap_or("none"), wanted)
    }
}

/// Adds a difference when a known value is not the wanted one; an unknown value is no difference.
pub fn compare<C, T: PartialEq + Debug>(
    differences: &mut Vec<Difference<C>>,
    change: C,
    field: &str,
    is: Option<&T>,
    wanted: &T,
) {
    if let Some(is) = is.filter(|is| *is != wanted) {
        let (is, wanted) = (format!("{is:?}"), format!("{wanted:?}"));
        differences.push(Difference::update(change, field, is, wanted));
    }
}

/// The changes that remove these differences, each once, in the order in which they are first needed.
pub fn changes<C: Copy + PartialEq>(differences: &[Difference<C>]) -> Vec<C> {
    let mut changes = Vec::new();
    for difference in differences {
        if let Remedy::Update(change) = difference.remedy
            && !changes.contains(&change)
        {
            changes.push(change);
        }
    }
    changes
}

/// Why a change is refused, when one of the differences takes a replacement.
pub fn refusal<C>(differences: &[Difference<C>]) -> Option<String> {
    differences.iter().find_map(|difference| match &difference.remedy {
        Remedy::Replacement(why) => Some(format!(
            "{} is `{}` and `{}` was asked for: {why}",
            difference.field, difference.is, difference.wanted
        )),
        Remedy::Update(_) | Remedy::Remake | Remedy::Tag => None,
    })
}

/// Whether it takes another one to remove these differences, and nothing speaks against that.
pub fn has_to_be_remade<C>(differences: &[Difference<C>]) -> bool {
    let remake = |difference: &Difference<C>| matches!(difference.remedy, Remedy::Remake);
    refusal(differences).is_none() && differences.iter().any(remake)
}

/// Differences in one line.
pub fn describe<C>(differences: &[Difference<C>]) -> String {
    let one = |difference: &Difference<C>| {
        let Difference { field, is, wanted, .. } = difference;
        match field == FOLLOWS {
            true => format!("{field} {is}"),
            false => format!("{field} {} → {}", shown(is), shown(wanted)),
        }
    };
    differences.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The field of a difference that comes from another thing's: it takes over what that will be.
pub const FOLLOWS: &str = "follows";

/// A value for a person: of an ARN what tells it from others, and texts without quotes.
pub fn shown(value: &str) -> String {
    let text = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
    // Load balancing puts an id of its own behind the name.
    let is_id = |part: &&str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| match word.starts_with("arn:") {
        true => word.rsplit('/').find(|part| !is_id(part)).unwrap_or(word).to_owned(),
        false => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_arn_its_name_is_shown() {
        let revision = "arn:aws:ecs:us-east-1:123456789012:task-definition/td-a_b:3";
        assert_eq!(shown(revision), "td-a_b:3");
        let of = "arn:aws:elasticloadbalancing:us-east-1:123456789012";
        let group = format!("{of}:targetgroup/tg-a-b/0123456789abcdef");
        assert_eq!(shown(&format!("port 80 in {group}")), "port 80 in tg-a-b");
        let rule = format!(
            "{of}:listener-rule/app/lb-a/0123456789abcdef/0123456789abcdef/0123456789abcdef"
        );
        assert_eq!(shown(&rule), "lb-a");
        assert_eq!(shown("\"c5.xlarge\""), "c5.xlarge");
    }
}
