//! Reading members out of a request, which is checked against its shape before an operation sees it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// Members by the names that the service model gives them.
pub trait Fields {
    /// A text, or the empty one.
    fn text(&self, name: &str) -> &str;
    /// A text that is there.
    fn some_text(&self, name: &str) -> Option<&str>;
    /// A number that is there.
    fn number(&self, name: &str) -> Option<i64>;
    /// A truth value that is there.
    fn flag(&self, name: &str) -> Option<bool>;
    /// A list, or the empty one.
    fn list(&self, name: &str) -> &[Value];
    /// A list of texts, or the empty one.
    fn texts(&self, name: &str) -> Vec<String>;
    /// A structure, or null, of which every member is absent.
    fn part(&self, name: &str) -> &Value;
    /// The tags `name`: a list of pairs (`Key` and `Value`, or `key` and `value`), or values by key.
    fn tags(&self, name: &str) -> Tags;
}

impl Fields for Value {
    fn text(&self, name: &str) -> &str {
        self.some_text(name).unwrap_or_default()
    }

    fn some_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn part(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }

    fn tags(&self, name: &str) -> Tags {
        let pair = |tag: &Value| {
            let key = tag.some_text("Key").or(tag.some_text("key"))?;
            let value = tag.some_text("Value").or(tag.some_text("value")).unwrap_or_default();
            Some((key.to_owned(), value.to_owned()))
        };
        let by_key = self.part(name).as_object().into_iter().flatten();
        let by_key =
            by_key.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        self.list(name).iter().filter_map(pair).chain(by_key).collect()
    }
}

/// Tags as a list of `Key` and `Value`, as all services but ECS write them.
pub fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({ "Key": key, "Value": value })).collect()
}

/// Tags as a list of `key` and `value`, as ECS writes them.
pub fn ecs_tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value })).collect()
}
