//! Checks of `NAME=VALUE`: environment variables of the container, and tags.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Problems;
use super::letters::LETTERS_AND_NUMBERS;

/// Longest task definition, in bytes: ECS counts its JSON, with every name, quote and escape (ECS
/// quotas, "Task definition size"; amazon-ecs-developer-guide#149).
const DEFINITION_LIMIT: usize = 65_536;
/// What a task definition takes besides the environment: at most 2 KiB of our own, and what ECS may
/// add.
const DEFINITION_REST: usize = 3 * 1024;
/// Longest tag key, in characters.
const KEY_LIMIT: usize = 128;
/// Longest tag value, in characters.
const VALUE_LIMIT: usize = 256;
/// Tags of the user's: AWS takes 50, of which ecsup and ECS need some.
const TAGS: usize = 40;

/// The value of an environment variable, or a `NAME=VALUE` still to be parsed. It may be a secret,
/// so its debug text does not show it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvValue(String);

impl EnvValue {
    /// Returns the value itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for EnvValue {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for EnvValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Checks the container's environment variables.
pub(super) fn check_env(typed: &[EnvValue], problems: &mut Problems) -> BTreeMap<String, EnvValue> {
    const FIELD: &str = "--env";
    let mut env = BTreeMap::new();
    for (index, pair) in typed.iter().enumerate() {
        let place = || format!("number {}", index + 1);
        let Some((name, value)) = pair.0.split_once('=') else {
            // Whatever this is, it may be a secret whose name was forgotten.
            problems.add(FIELD, place(), "needs `=`, as in `NAME=value`");
            continue;
        };
        if !is_variable(name) {
            problems.add(
                FIELD,
                place(),
                "the name must be letters, digits, `_`, `.` and `-`, and begin with a letter or \
                 `_`",
            );
        } else if value.contains('\0') {
            problems.add(
                FIELD,
                name,
                "the value holds a NUL character, which no process can receive",
            );
        } else if env.insert(name.to_owned(), EnvValue::from(value)).is_some() {
            problems.add(FIELD, name, "is given twice");
        }
    }
    let (length, most) = (written(&env), DEFINITION_LIMIT - DEFINITION_REST);
    if length > most {
        problems.add(
            FIELD,
            format!("{} variables", env.len()),
            format!(
                "take {length} bytes as JSON, and at most {most} are left for them: ECS takes task \
                 definitions of {DEFINITION_LIMIT} bytes, names, quotes and escapes included"
            ),
        );
    }
    env
}

/// How many bytes variables take in a task definition: `{"name":"A","value":"b"},` each.
fn written(env: &BTreeMap<String, EnvValue>) -> usize {
    let pair = |(name, value): (&String, &EnvValue)| {
        serde_json::json!({ "name": name, "value": value.0 }).to_string().len() + 1
    };
    env.iter().map(pair).sum()
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Checks the tags.
pub(super) fn check_tags(typed: &[String], problems: &mut Problems) -> BTreeMap<String, String> {
    const FIELD: &str = "--tag";
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for pair in typed {
        let Some((key, value)) = pair.split_once('=') else {
            problems.add(FIELD, pair, "needs `=`, as in `team=payments`");
            continue;
        };
        // IAM compares keys ignoring case and refuses the second of two.
        let twice = tags.keys().any(|it| it.to_lowercase() == key.to_lowercase());
        if let Err(rule) = check_tag(key, value) {
            problems.add(FIELD, pair, rule);
        } else if twice {
            problems.add(
                FIELD,
                pair,
                "the key is given twice; IAM takes `Team` and `team` for one",
            );
        } else {
            tags.insert(key.to_owned(), value.to_owned());
        }
    }
    if tags.len() > TAGS {
        problems.add(
            FIELD,
            format!("{} tags", tags.len()),
            format!(
                "at most {TAGS}: AWS takes 50 on each resource, and some are needed for ecsup's own"
            ),
        );
    }
    tags
}

fn check_tag(key: &str, value: &str) -> Result<(), String> {
    let lower = key.to_lowercase();
    if key.is_empty() || key.chars().count() > KEY_LIMIT {
        return Err(format!("the key must have 1 to {KEY_LIMIT} characters"));
    }
    if value.chars().count() > VALUE_LIMIT {
        return Err(format!("the value must have at most {VALUE_LIMIT} characters"));
    }
    if let Some(other) = key.chars().chain(value.chars()).find(|it| !is_for_tags(*it)) {
        return Err(format!(
            "AWS takes letters, digits, blanks and `+ - = . _ : / @` in tags, and not U+{:04X}{}",
            u32::from(other),
            if is_mark(other) {
                ", a mark apart from its letter: type both as one letter"
            } else {
                ""
            },
        ));
    }
    if let Some(prefix) = ["aws:", "ecsup:"].into_iter().find(|it| lower.starts_with(it)) {
        return Err(format!("keys that begin with `{prefix}` are reserved"));
    }
    if ["name", "amazonecsmanaged"].contains(&lower.as_str()) {
        return Err("the key is one that ecsup sets itself".into());
    }
    Ok(())
}

/// Whether AWS takes a character in tags: `[\p{L}\p{Z}\p{N}_.:/=+\-@]` (IAM, ECS, Elastic Load
/// Balancing, `CloudWatch` Logs, Systems Manager). What Rust calls alphanumeric is more than that.
fn is_for_tags(it: char) -> bool {
    let at = LETTERS_AND_NUMBERS.partition_point(|(_, last)| *last < it);
    let listed = LETTERS_AND_NUMBERS.get(at).is_some_and(|(first, _)| *first <= it);
    listed || is_separator(it) || "_.:/=+-@".contains(it)
}

/// Unicode's category Z: blanks, and the separators of lines and paragraphs.
fn is_separator(it: char) -> bool {
    matches!(
        it,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Whether a character is a diacritical mark that goes onto the letter before it, as in names that
/// are copied from macOS's Finder.
fn is_mark(it: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unicode_not_nfc, reason = "as it was typed")]
    fn a_character_that_tags_cannot_have_is_named() {
        let problems = tags(&["owner=Zu\u{308}ri", "level=\u{24b6}", "blank=\u{3000}"]);
        insta::assert_snapshot!(problems.join("\n"), @r"
        --tag `owner=Züri`: AWS takes letters, digits, blanks and `+ - = . _ : / @` in tags, and not U+0308, a mark apart from its letter: type both as one letter
        --tag `level=Ⓐ`: AWS takes letters, digits, blanks and `+ - = . _ : / @` in tags, and not U+24B6
        ");
    }

    fn env(typed: &[&str]) -> (BTreeMap<String, EnvValue>, Vec<String>) {
        let typed: Vec<EnvValue> = typed.iter().copied().map(EnvValue::from).collect();
        let mut problems = Problems::default();
        let env = check_env(&typed, &mut problems);
        (env, problems.into_errors().iter().map(ToString::to_string).collect())
    }

    fn tags(typed: &[&str]) -> Vec<String> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        let mut problems = Problems::default();
        check_tags(&typed, &mut problems);
        problems.into_errors().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_keep_everything_behind_the_first_equals_sign() {
        let (env, problems) = env(&["URL=a=b,c", "EMPTY=", "spring.profiles=x"]);
        assert!(problems.is_empty());
        assert_eq!(env["URL"].as_str(), "a=b,c");
        assert_eq!(env["EMPTY"].as_str(), "");
        assert_eq!(env.len(), 3);
    }

    #[test]
    fn messages_never_show_what_may_be_a_secret() {
        let (_, problems) =
            env(&["s3cret", "A=s3cret", "A=s3cret", "1s3cret=s3cret", "B=s3cret\0"]);
        insta::assert_snapshot!(problems.join("\n"), @r"
        --env `number 1`: needs `=`, as in `NAME=value`
        --env `A`: is given twice
        --env `number 4`: the name must be letters, digits, `_`, `.` and `-`, and begin with a letter or `_`
        --env `B`: the value holds a NUL character, which no process can receive
        ");
    }

    #[test]
    fn the_environment_is_counted_as_it_is_written() {
        let (taken, _) = env(&["A=b"]);
        assert_eq!(written(&taken), r#"{"name":"A","value":"b"},"#.len());
        let (taken, _) = env(&["A=\"\\\n\u{1}ä"]);
        assert_eq!(written(&taken), r#"{"name":"A","value":"\"\\\n\u0001ä"},"#.len());
        let most = DEFINITION_LIMIT - DEFINITION_REST - written(&env(&["A="]).0);
        assert!(env(&[&format!("A={}", "x".repeat(most))]).1.is_empty());
        let (_, problems) = env(&[&format!("A={}", "x".repeat(most + 1))]);
        insta::assert_snapshot!(problems.join("\n"), @"--env `1 variables`: take 62465 bytes as JSON, and at most 62464 are left for them: ECS takes task definitions of 65536 bytes, names, quotes and escapes included");
    }

    #[test]
    fn tags_follow_the_strictest_service() {
        assert!(tags(&["team=payments", "Kostenstelle=Züri 1", "empty=", "mail=a@b.c"]).is_empty());
        let long_key = format!("{}=", "k".repeat(129));
        let long_value = format!("k={}", "v".repeat(257));
        for tag in ["team", "=x", "AWS:x=y", "ecsup:stack=x", "name=x", "AmazonECSManaged=", "a=#"]
            .into_iter()
            .chain([long_key.as_str(), long_value.as_str()])
        {
            assert_eq!(tags(&[tag]).len(), 1, "{tag}");
        }
        assert_eq!(tags(&["Team=a", "team=b"]).len(), 1);
        let many: Vec<String> = (0..41).map(|index| format!("k{index}=")).collect();
        assert_eq!(tags(&many.iter().map(String::as_str).collect::<Vec<_>>()).len(), 1);
    }
}
