//! Conditions of a statement, as far as policies for ecsup use them, and the patterns in ARNs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::wildcard::is_like;

/// What a request is judged by: values by condition key, in lower case since keys ignore it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    keys: BTreeMap<String, Vec<String>>,
    /// Nothing is there, and the service is going to say so: conditions on its tags do not matter.
    gone: bool,
}

impl Context {
    /// Adds a key.
    pub fn set(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.keys.insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// Makes every condition on tags of the resource hold.
    pub fn forgive_resource_tags(&mut self) {
        self.gone = true;
    }

    /// The values of a key, when it is there.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.keys.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// One line of a `Condition` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    quantifier: Option<Quantifier>,
    operator: Operator,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals { negated: bool },
    EqualsIgnoringCase,
    Like { negated: bool },
    Arn { negated: bool },
    Bool,
    Null,
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "StringEquals" => Self::Equals { negated: false },
            "StringNotEquals" => Self::Equals { negated: true },
            "StringEqualsIgnoreCase" => Self::EqualsIgnoringCase,
            "StringLike" => Self::Like { negated: false },
            "StringNotLike" => Self::Like { negated: true },
            // IAM treats the two alike: both take wildcards.
            "ArnEquals" | "ArnLike" => Self::Arn { negated: false },
            "ArnNotEquals" | "ArnNotLike" => Self::Arn { negated: true },
            "Bool" => Self::Bool,
            "Null" => Self::Null,
            _ => return None,
        })
    }

    fn is_negated(self) -> bool {
        matches!(
            self,
            Self::Equals { negated: true }
                | Self::Like { negated: true }
                | Self::Arn { negated: true }
        )
    }

    fn matches(self, pattern: &str, text: &str) -> bool {
        match self {
            Self::Equals { .. } => pattern == text,
            Self::EqualsIgnoringCase | Self::Bool => pattern.eq_ignore_ascii_case(text),
            Self::Like { .. } => is_like(pattern, text),
            Self::Arn { .. } => is_arn_like(pattern, text),
            Self::Null => false,
        }
    }
}

impl Condition {
    /// Reads a `Condition` block. All of its lines have to hold.
    pub fn parse(block: &Map<String, Value>) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for (name, keys) in block {
            let keys = keys.as_object().ok_or_else(|| format!("{name}: keys and values"))?;
            for (key, values) in keys {
                all.push(Self::line(name, key, texts(values)?)?);
            }
        }
        Ok(all)
    }

    fn line(name: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let (quantifier, operator) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(_) => return Err(format!("{name}: no quantifier that the simulator knows")),
            None => (None, name),
        };
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator, false),
        };
        let operator = Operator::parse(operator)
            .ok_or_else(|| format!("{name}: no operator that the simulator knows"))?;
        Ok(Self { quantifier, operator, if_exists, key: key.to_ascii_lowercase(), values })
    }

    /// The key that it asks about, in lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether a request fulfils it.
    pub fn holds(&self, context: &Context) -> bool {
        if context.gone && self.key.contains("resourcetag/") {
            return true;
        }
        let is = context.get(&self.key);
        if self.operator == Operator::Null {
            return self.values.iter().any(|value| value == "true") == is.is_none();
        }
        // A key that is absent is nothing that could be wrong, for those who ask whether all are right.
        let Some(is) = is else {
            return self.if_exists
                || self.operator.is_negated()
                || self.quantifier == Some(Quantifier::All);
        };
        let one = |text: &String| {
            let found = self.values.iter().any(|value| self.operator.matches(value, text));
            found != self.operator.is_negated()
        };
        match self.quantifier {
            Some(Quantifier::All) => is.iter().all(one),
            Some(Quantifier::Any) | None => is.iter().any(one),
        }
    }
}

/// Whether an ARN is like a pattern, part by part: a star does not reach over a colon, but in the last
/// part, which is the resource itself.
pub fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern == "*"
        || patterns.len() == parts.len()
            && patterns.iter().zip(&parts).all(|(pattern, part)| is_like(pattern, part))
}

/// A text or a list of texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(truth) => Ok(truth.to_string()),
        other => Err(format!("{other}: a text")),
    };
    match value {
        Value::Array(all) => all.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}
