//! AWS's service models, trimmed: which operations there are and what their shapes look like.
//!
//! The data, `model.json` beside each service, is made by `scripts/service_models.py` from the models that
//! AWS publishes with its SDKs. Nothing in it is written by hand.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex_lite::Regex;
use serde::Deserialize;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Form in, XML out; lists are `Name.1`.
    #[serde(rename = "ec2")]
    Ec2,
    /// Form in, XML out; lists are `Name.member.1`.
    #[serde(rename = "query")]
    Query,
    /// JSON in and out; the operation is in a header.
    #[serde(rename = "json")]
    Json,
    /// The same, with codes of errors in another form.
    #[serde(rename = "json-1.0")]
    Json10,
    /// XML in and out; the operation is in method and path.
    #[serde(rename = "rest-xml")]
    RestXml,
}

/// One service.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// How it speaks.
    pub protocol: Protocol,
    /// The API's version, such as `2016-11-15`.
    pub version: String,
    /// What stands before the operation's name in the header of a JSON request.
    pub target: String,
    /// The namespace of answers: of their XML, or of the errors of JSON 1.0.
    pub namespace: String,
    /// Of JSON 1.0: whether it spoke the query protocol before, so that clients know its codes of then.
    #[serde(default)]
    pub spoke_query: bool,
    /// Its operations, by name.
    pub operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The path, with members in braces.
    pub uri: String,
    /// The shape of a request.
    pub input: Option<String>,
    /// The shape of an answer.
    pub output: Option<String>,
    /// The element around a request's members, in REST XML.
    pub root: Option<String>,
    /// The element around an answer's members, in query protocols.
    pub wrapper: Option<String>,
    /// Of a listing of EC2: its filters; `tag:` stands for all `tag:KEY`.
    #[serde(default)]
    pub filters: Vec<String>,
}

/// A shape.
#[derive(Debug, Deserialize)]
pub struct Shape {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Of a structure: its members.
    #[serde(default)]
    pub members: BTreeMap<String, Member>,
    /// Of a structure: members that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// Of a structure: the member that is the body.
    pub payload: Option<String>,
    /// Of a list: what it holds.
    pub member: Option<Member>,
    /// Of a map: its keys.
    pub key: Option<Member>,
    /// Of a map: its values.
    pub value: Option<Member>,
    /// Of a list: whether it has no element of its own around it.
    #[serde(default)]
    pub flat: bool,
    /// Of a text: the values it may have.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// Shortest or smallest.
    pub min: Option<f64>,
    /// Longest or largest.
    pub max: Option<f64>,
    pattern: Option<String>,
    /// Of a timestamp: how it is written, where that differs from the protocol's way.
    pub format: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

/// What kind of value a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Members with names.
    Structure,
    /// Values in order.
    List,
    /// Values by key.
    Map,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A large whole number.
    Long,
    /// A number.
    Double,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// Bytes.
    Blob,
}

/// A member of a shape.
#[derive(Debug, Deserialize)]
pub struct Member {
    /// The shape of its value.
    pub shape: String,
    /// Its name on the wire, where that is not the member's.
    pub wire: Option<String>,
    /// Its name in a request of the EC2 protocol, where that differs again.
    pub query: Option<String>,
    /// Where it is, when not in the body: `uri`, `querystring`, `header`.
    pub at: Option<String>,
    /// Whether a list has no element of its own around it.
    #[serde(default)]
    pub flat: bool,
    /// Whether it makes a request safe to repeat.
    #[serde(default)]
    pub token: bool,
}

impl Model {
    /// Reads what the script has written.
    ///
    /// # Panics
    ///
    /// When it is something else.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).expect("the script writes what is read here")
    }

    /// Its shapes by name.
    pub fn shapes(&self) -> impl Iterator<Item = (&String, &Shape)> {
        self.shapes.iter()
    }

    /// A shape by its name.
    pub fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// The operation's input shape.
    pub fn input(&self, operation: &str) -> Option<&Shape> {
        let operation = self.operations.get(operation)?;
        operation.input.as_ref().map(|name| self.shape(name))
    }
}

impl Shape {
    /// Whether a text is as the shape's pattern says, in full.
    pub fn allows(&self, text: &str) -> bool {
        self.compiled().is_none_or(|pattern| pattern.is_match(text))
    }

    /// The shape's pattern, when it has one that compiles.
    pub fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.pattern.as_deref().and_then(compile)).as_ref()
    }

    /// The pattern, for messages.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }
}

/// A pattern, which has to match a whole text. Categories of characters are written out.
fn compile(pattern: &str) -> Option<Regex> {
    let categories = UNICODE.categories.iter();
    let pattern = categories.fold(pattern.to_owned(), |pattern, (name, ranges)| {
        pattern.replace(&format!("\\p{{{name}}}"), ranges)
    });
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

/// What the general categories of Unicode hold, for an engine that does not know them.
#[derive(Debug, Deserialize)]
struct Unicode {
    /// Ranges as they stand in a class of characters, by category.
    categories: BTreeMap<String, String>,
}

static UNICODE: LazyLock<Unicode> = LazyLock::new(|| {
    let text = include_str!("model/unicode.json");
    serde_json::from_str(text).expect("the script writes what is read here")
});
