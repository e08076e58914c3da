//! The JSON schema of the manifest, made from the table of keys.

use serde_json::{Map, Value, json};

use super::key::{Key, SERVICE, Shape, TOP};

/// Where editors find the schema.
pub const SCHEMA: &str =
    concat!("https://ecsup.dev/schema/", env!("CARGO_PKG_VERSION"), "/ecsup.json");

/// The schema, as draft-07 without newer keywords: what editors know. Keys that do nothing yet are not in
/// it.
pub fn schema() -> Value {
    let mut schema = table(TOP, false);
    let properties = [
        ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ("$id", json!(SCHEMA)),
        ("title", json!("ecsup.toml")),
        (
            "description",
            json!("What ecsup deploys. Rules between keys are checked by `ecsup config --check`."),
        ),
        ("required", json!(["stack", "service"])),
    ];
    if let Value::Object(object) = &mut schema {
        object.extend(properties.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    schema
}

/// A closed table of keys. In `[defaults]` what belongs to one service is left out.
fn table(keys: &[Key], is_shared: bool) -> Value {
    let mut properties = Map::new();
    for key in keys {
        if !key.is_built || is_shared && !key.is_shared {
            continue;
        }
        let Value::Object(mut property) = shape(key.shape) else { continue };
        let about = format!("{}.", capital(key.about));
        property.insert("description".to_owned(), json!(about));
        if let Some(default) = toml(key.default) {
            property.insert("default".to_owned(), default);
        }
        if let Some(example) = toml(key.example) {
            property.insert("examples".to_owned(), json!([example]));
        }
        properties.insert(key.name.to_owned(), Value::Object(property));
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn shape(shape: Shape) -> Value {
    let texts = |choices: &[&str]| json!({ "type": "string", "enum": choices });
    match shape {
        Shape::Text(_) | Shape::Duration => json!({ "type": "string" }),
        Shape::Whole(_) => json!({ "type": "integer", "minimum": 0 }),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::Choice(choices) => texts(choices),
        Shape::Texts(_) | Shape::Words => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Pairs => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Variables => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        }),
        Shape::Secrets => json!({
            "type": ["object", "array"],
            "items": { "type": "string" },
            "additionalProperties": { "type": "string" },
        }),
        Shape::Condition => {
            let values = json!({ "type": ["string", "array"], "items": { "type": "string" } });
            let keys = json!({ "type": "object", "additionalProperties": values });
            json!({ "type": "object", "additionalProperties": keys })
        }
        Shape::TextOrFalse(_) => json!({ "type": ["string", "boolean"] }),
        Shape::Unknown => json!({
            "type": ["string", "integer", "object"],
            "additionalProperties": false,
            "properties": {
                "status": { "type": "integer", "minimum": 200, "maximum": 599 },
                "text": { "type": "string", "maxLength": 1024 },
            },
        }),
        Shape::Table(keys) => table(keys, false),
        Shape::Tables(keys) => json!({ "type": "array", "items": table(keys, false) }),
        Shape::Named(keys) => {
            json!({ "type": "object", "additionalProperties": table(keys, false) })
        }
        Shape::Defaults => table(SERVICE, true),
        // An environment may say nearly everything again; what it may not, the checker says.
        Shape::Environments => {
            let keys = TOP.iter().filter(|key| !matches!(key.shape, Shape::Environments));
            let mut properties = Map::new();
            for key in keys.filter(|key| key.is_built && key.name != "required_version") {
                properties.insert(key.name.to_owned(), self::shape(key.shape));
            }
            let each = json!({ "type": "object", "additionalProperties": false, "properties": properties });
            json!({ "type": "object", "additionalProperties": each })
        }
    }
}

/// A TOML value as JSON.
fn toml(text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let table = format!("it = {text}").parse::<toml::Table>().ok()?;
    table.get("it").map(json)
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(on) => json!(on),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Array(array) => array.iter().map(json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
    }
}

/// A sentence's first letter as a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
