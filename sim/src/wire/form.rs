//! Requests of the query protocols: a form whose names spell out the structure, `Filter.1.Value.2=x`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::DEEPEST;
use crate::model::{Kind, Member, Model, Protocol, Shape};
use crate::refusal::Refusal;

/// What stands below one name.
#[derive(Debug, Default)]
struct Tree {
    value: Option<String>,
    below: BTreeMap<String, Tree>,
}

impl Tree {
    fn put(&mut self, name: &str, value: String) {
        match name.split_once('.') {
            None => self.below.entry(name.to_owned()).or_default().value = Some(value),
            Some((first, rest)) => self.below.entry(first.to_owned()).or_default().put(rest, value),
        }
    }

    /// What is numbered, in order.
    fn numbered(self, name: &str) -> Result<Vec<Tree>, Refusal> {
        let mut items = Vec::new();
        for (number, tree) in self.below {
            let number: u32 = number.parse().map_err(|_| unknown(&format!("{name}.{number}")))?;
            items.push((number, tree));
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items.into_iter().map(|(_, tree)| tree).collect())
    }
}

fn malformed(model: &Model) -> Refusal {
    let code = if model.protocol == Protocol::Ec2 { "InvalidRequest" } else { "MalformedInput" };
    Refusal::new(code, "A parameter is nested too deeply")
}

fn unknown(name: &str) -> Refusal {
    Refusal::new("UnknownParameter", format!("The parameter {name} is not recognized"))
}

/// Reads the operation and its members.
pub(super) fn read(model: &Model, body: &str) -> (String, Result<Value, Refusal>) {
    let (mut tree, mut deep) = (Tree::default(), false);
    let (mut operation, mut version) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(body.as_bytes()) {
        match name.as_ref() {
            "Action" => operation = value.into_owned(),
            "Version" if value == model.version => {}
            // Classic load balancers are asked under the same name as the others.
            "Version" => version = format!(" of {value}"),
            name if name.split('.').nth(DEEPEST).is_some() => deep = true,
            name => tree.put(name, value.into_owned()),
        }
    }
    operation.push_str(&version);
    let input = match model.input(&operation) {
        _ if deep => Err(malformed(model)),
        Some(shape) => structure(model, shape, tree, ""),
        None => Ok(Value::Object(Map::new())),
    };
    (operation, input)
}

fn structure(model: &Model, shape: &Shape, mut tree: Tree, path: &str) -> Result<Value, Refusal> {
    let mut members = Map::new();
    for (name, member) in &shape.members {
        let wire = wire_name(model, name, member);
        if let Some(below) = tree.below.remove(&wire) {
            members.insert(name.clone(), value(model, member, below, &format!("{path}{wire}"))?);
        }
    }
    match tree.below.keys().next() {
        Some(name) => Err(unknown(&format!("{path}{name}"))),
        None => Ok(Value::Object(members)),
    }
}

/// A member's name in a request.
fn wire_name(model: &Model, name: &str, member: &Member) -> String {
    let capitalised = |name: &str| {
        let mut characters = name.chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(characters).collect()
    };
    match (model.protocol, &member.query, &member.wire) {
        (Protocol::Ec2, Some(query), _) => query.clone(),
        (Protocol::Ec2, None, wire) => capitalised(wire.as_deref().unwrap_or(name)),
        (_, _, Some(wire)) => wire.clone(),
        _ => name.to_owned(),
    }
}

fn value(model: &Model, member: &Member, tree: Tree, path: &str) -> Result<Value, Refusal> {
    let shape = model.shape(&member.shape);
    match shape.kind {
        Kind::Structure => structure(model, shape, tree, &format!("{path}.")),
        Kind::List => {
            let item = shape.member.as_ref().expect("a list says what it holds");
            let flat = model.protocol == Protocol::Ec2 || shape.flat || member.flat;
            let mut tree = tree;
            let list = match flat {
                true => tree,
                false => {
                    let name = item.wire.as_deref().unwrap_or("member");
                    let list = tree.below.remove(name).unwrap_or_default();
                    if let Some(other) = tree.below.keys().next() {
                        return Err(unknown(&format!("{path}.{other}")));
                    }
                    list
                }
            };
            let items = list.numbered(path)?.into_iter();
            items.map(|tree| value(model, item, tree, path)).collect()
        }
        Kind::Map => {
            let (key, of) = (shape.key.as_ref(), shape.value.as_ref());
            let (key, of) = (key.expect("a map has keys"), of.expect("a map has values"));
            let mut entries = Map::new();
            let flat = shape.flat || member.flat;
            let mut tree = tree;
            let list = if flat { tree } else { tree.below.remove("entry").unwrap_or_default() };
            for mut entry in list.numbered(path)? {
                let name = key.wire.as_deref().unwrap_or("key");
                let text = entry.below.remove(name).and_then(|tree| tree.value).unwrap_or_default();
                let name = of.wire.as_deref().unwrap_or("value");
                let tree = entry.below.remove(name).unwrap_or_default();
                entries.insert(text, value(model, of, tree, path)?);
            }
            Ok(Value::Object(entries))
        }
        kind => match tree.below.keys().next() {
            Some(other) => Err(unknown(&format!("{path}.{other}"))),
            None => scalar(kind, &tree.value.unwrap_or_default(), path),
        },
    }
}

/// A plain value out of a text, as forms and XML write it.
pub(super) fn scalar(kind: Kind, text: &str, path: &str) -> Result<Value, Refusal> {
    let wrong = || {
        let message = format!("Invalid value '{text}' for {path}");
        Refusal::new("InvalidParameterValue", message)
    };
    Ok(match kind {
        Kind::Boolean => Value::Bool(text.parse().map_err(|_| wrong())?),
        Kind::Integer | Kind::Long => Value::from(text.parse::<i64>().map_err(|_| wrong())?),
        Kind::Double | Kind::Float => Value::from(text.parse::<f64>().map_err(|_| wrong())?),
        Kind::Timestamp => {
            let moment: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
            Value::from(moment.as_second())
        }
        _ => Value::from(text),
    })
}
