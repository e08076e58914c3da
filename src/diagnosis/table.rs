//! A table of causes that are known by AWS's words.

use super::{Evidence, Family, Finding, Waiting};

/// A cause, and the words that tell it.
#[derive(Debug)]
pub(super) struct Cause {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether waiting can help.
    pub(super) waiting: Waiting,
    /// Words in small letters. All of one line of them have to be there.
    pub(super) words: &'static [&'static [&'static str]],
    /// The cause in one sentence. `{…}` stands for what the evidence knows: see [`filled`].
    pub(super) about: &'static str,
    /// What to do.
    pub(super) advice: &'static str,
    /// What it is a mere sign of, where that was found as well.
    pub(super) sign_of: &'static [Family],
}

/// A row of a table.
pub(super) const fn cause(
    name: &'static str,
    waiting: Waiting,
    words: &'static [&'static [&'static str]],
    about: &'static str,
    advice: &'static str,
) -> Cause {
    Cause { name, waiting, words, about, advice, sign_of: &[] }
}

impl Cause {
    /// The same row, of what is a mere sign of others.
    pub(super) const fn sign_of(self, sign_of: &'static [Family]) -> Self {
        Self { sign_of, ..self }
    }

    /// Whether a text tells it. The text is [`plain`].
    fn is_told(&self, text: &str) -> bool {
        self.words.iter().any(|line| line.iter().all(|word| text.contains(word)))
    }

    /// The finding, without what it rests on.
    pub(super) fn finding(&self, family: Family, evidence: &Evidence) -> Finding {
        Finding {
            name: self.name,
            family,
            cause: filled(self.about, evidence),
            evidence: Vec::new(),
            advice: filled(self.advice, evidence),
            waiting: self.waiting,
            times: 1,
            sign_of: self.sign_of,
        }
    }
}

/// The first cause in these tables that a text tells.
pub(super) fn among(
    tables: &[(Family, &'static [Cause])],
    text: &str,
    evidence: &Evidence,
) -> Option<Finding> {
    let text = plain(text);
    let mut causes =
        tables.iter().flat_map(|(family, causes)| causes.iter().map(move |it| (*family, it)));
    let (family, cause) = causes.find(|(_, cause)| cause.is_told(&text))?;
    Some(cause.finding(family, evidence))
}

/// A cause of a table by its name; for what is known by other things than words.
pub(super) fn named(causes: &'static [Cause], name: &str) -> Option<&'static Cause> {
    causes.iter().find(|it| it.name == name)
}

/// A text in small letters and with straight apostrophes: AWS writes both kinds.
pub(super) fn plain(text: &str) -> String {
    text.to_lowercase().replace('\u{2019}', "'")
}

/// A text in which `{image}` and the like are what the evidence knows of the service, after a blank;
/// nothing where it does not know it.
fn filled(template: &str, evidence: &Evidence) -> String {
    let wanted = &evidence.wanted;
    let known = [
        ("{image}", wanted.image.clone()),
        ("{path}", wanted.health_path.clone()),
        ("{role}", wanted.execution_role.clone()),
        ("{logs}", wanted.log_group.clone()),
    ];
    let quoted = known.map(|(name, value)| (name, value.map(|value| format!(" `{value}`"))));
    let status = wanted.health_status.as_deref().unwrap_or("200");
    let timeout = wanted.health_timeout.unwrap_or(5);
    let more = [
        ("{status}", Some(format!(" {status}"))),
        ("{timeout}", Some(format!(" {timeout} seconds"))),
        ("{port}", wanted.port.map(|it| format!(" {it}"))),
        ("{memory}", wanted.memory.map(|it| format!(" ({it} MiB)"))),
        ("{type}", wanted.shape.as_ref().map(|it| format!(" than `{}`", it.name))),
    ];
    quoted.into_iter().chain(more).fold(template.to_owned(), |text, (name, value)| {
        text.replace(name, &value.unwrap_or_default())
    })
}
