//! Checks of `NAME=VALUE`: environment variables of the container, and tags.

use std::collections::BTreeMap;
use std::fmt;

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

/// Checks a variable of a container's environment.
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), String> {
    if !is_variable(name) {
        return Err(
            "the name must be letters, digits, `_`, `.` and `-`, and begin with a letter or `_`"
                .into(),
        );
    }
    if value.contains('\0') {
        return Err("the value holds a NUL character, which no process can receive".into());
    }
    Ok(())
}

/// Checks that a container's variables fit into a task definition.
pub(crate) fn check_env(env: &BTreeMap<String, EnvValue>) -> Result<(), String> {
    let (length, most) = (written(env), DEFINITION_LIMIT - DEFINITION_REST);
    if length <= most {
        return Ok(());
    }
    Err(format!(
        "take {length} bytes as JSON, and at most {most} are left for them: ECS takes task \
         definitions of {DEFINITION_LIMIT} bytes, names, quotes and escapes included"
    ))
}

/// Checks that the words of commands have room in a task definition beside the variables.
pub(crate) fn check_words(
    env: &[&BTreeMap<String, EnvValue>],
    words: &[String],
) -> Result<(), String> {
    let length = serde_json::json!(words).to_string().len();
    let variables = env.iter().map(|env| written(env)).sum();
    let most = (DEFINITION_LIMIT - DEFINITION_REST).saturating_sub(variables);
    if words.is_empty() || length <= most {
        return Ok(());
    }
    Err(format!(
        "takes {length} bytes as JSON, and at most {most} are left for it beside the variables: ECS takes \
         task definitions of {DEFINITION_LIMIT} bytes"
    ))
}

/// How many bytes variables take in a task definition: `{"name":"A","value":"b"},` each.
fn written(env: &BTreeMap<String, EnvValue>) -> usize {
    let pair = |(name, value): (&String, &EnvValue)| {
        serde_json::json!({ "name": name, "value": value.0 }).to_string().len() + 1
    };
    env.iter().map(pair).sum()
}

/// Whether a name is one of a variable.
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Checks how many tags of the user's there are.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), String> {
    if tags.len() <= TAGS {
        return Ok(());
    }
    Err(format!(
        "at most {TAGS}: AWS takes 50 on each resource, and some are needed for ecsup's own"
    ))
}

/// Checks a tag, given those before it.
pub(crate) fn check_tag(
    key: &str,
    value: &str,
    before: &BTreeMap<String, String>,
) -> Result<(), String> {
    check_text(key, value)?;
    // IAM compares keys ignoring case and refuses the second of two.
    if before.keys().any(|it| it.to_lowercase() == key.to_lowercase()) {
        return Err("the key is given twice; IAM takes `Team` and `team` for one".into());
    }
    Ok(())
}

fn check_text(key: &str, value: &str) -> Result<(), String> {
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
    if let Some(prefix) = ["aws:", "ecsup:", "ecsup-"].into_iter().find(|it| lower.starts_with(it))
    {
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

    fn env(name: &str, value: &str) -> BTreeMap<String, EnvValue> {
        BTreeMap::from([(name.to_owned(), EnvValue::from(value))])
    }

    #[test]
    fn a_character_that_tags_cannot_have_is_named() {
        let problem = |key: &str, value: &str| check_tag(key, value, &BTreeMap::new()).err();
        insta::assert_snapshot!(problem("owner", "Zu\u{308}ri").unwrap(), @"AWS takes letters, digits, blanks and `+ - = . _ : / @` in tags, and not U+0308, a mark apart from its letter: type both as one letter");
        insta::assert_snapshot!(problem("level", "\u{24b6}").unwrap(), @"AWS takes letters, digits, blanks and `+ - = . _ : / @` in tags, and not U+24B6");
        assert_eq!(problem("blank", "\u{3000}"), None);
    }

    #[test]
    fn the_environment_is_counted_as_it_is_written() {
        assert_eq!(written(&env("A", "b")), r#"{"name":"A","value":"b"},"#.len());
        let written_as = r#"{"name":"A","value":"\"\\\n\u0001ä"},"#;
        assert_eq!(written(&env("A", "\"\\\n\u{1}ä")), written_as.len());
        let most = DEFINITION_LIMIT - DEFINITION_REST - written(&env("A", ""));
        assert_eq!(check_env(&env("A", &"x".repeat(most))), Ok(()));
        let problem = check_env(&env("A", &"x".repeat(most + 1))).unwrap_err();
        insta::assert_snapshot!(problem, @"take 62465 bytes as JSON, and at most 62464 are left for them: ECS takes task definitions of 65536 bytes, names, quotes and escapes included");
    }

    #[test]
    fn tags_follow_the_strictest_service() {
        let before = BTreeMap::from([("Team".to_owned(), "a".to_owned())]);
        for (key, value) in
            [("owner", "payments"), ("Kostenstelle", "Züri 1"), ("empty", ""), ("mail", "a@b.c")]
        {
            assert_eq!(check_tag(key, value, &before), Ok(()), "{key}");
        }
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for (key, value) in [
            ("team", "b"),
            ("", "x"),
            ("AWS:x", "y"),
            ("ecsup:stack", "x"),
            ("ecsup-runs", "x"),
            ("name", "x"),
            ("AmazonECSManaged", ""),
            ("a", "#"),
            (long_key.as_str(), ""),
            ("k", long_value.as_str()),
        ] {
            assert!(check_tag(key, value, &before).is_err(), "{key}={value}");
        }
        let many = (0..41).map(|index| (format!("k{index}"), String::new())).collect();
        assert!(check_tags(&many).is_err());
    }
}
