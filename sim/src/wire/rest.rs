//! Requests of REST XML: the operation is a method and a path, some members are in the path and in the
//! query, the others in an XML document.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::form::scalar;
use super::{DEEPEST, Request};
use crate::model::{Kind, Member, Model, Operation, Protocol, Shape};
use crate::refusal::Refusal;

/// An element with what is in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    below: Vec<Element>,
}

/// Finds the operation that a request is for, and reads its members.
pub(super) fn read(model: &Model, request: &Request) -> (String, Result<Value, Refusal>) {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let found = model.operations.iter().find_map(|(name, operation)| {
        let fits = operation.method == request.method;
        let inside = if fits { fit(operation, path, query) } else { None };
        inside.map(|inside| (name, operation, inside))
    });
    let Some((name, operation, in_path)) = found else {
        return (format!("{} {path}", request.method), Ok(Value::Null));
    };
    let shape = operation.input.as_ref().map(|name| model.shape(name));
    let input = match shape {
        Some(shape) => members(model, shape, in_path, query, &request.body),
        None => Ok(Value::Object(Map::new())),
    };
    (name.clone(), input)
}

/// The members in a path, when it is the operation's.
fn fit(operation: &Operation, path: &str, query: &str) -> Option<Vec<(String, String)>> {
    let (pattern, fixed) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
    if !fixed.is_empty() && !query.split('&').any(|part| part.trim_end_matches('=') == fixed) {
        return None;
    }
    let words = |path: &str| {
        let path = path.trim_matches('/');
        path.split('/').map(str::to_owned).collect::<Vec<_>>()
    };
    let (pattern, path) = (words(pattern), words(path));
    if pattern.len() != path.len() {
        return None;
    }
    let mut inside = Vec::new();
    for (wanted, is) in pattern.into_iter().zip(path) {
        match wanted.strip_prefix('{').and_then(|wanted| wanted.strip_suffix('}')) {
            Some(name) => {
                let is = form_urlencoded::parse(format!("v={is}").as_bytes())
                    .map(|(_, value)| value.into_owned())
                    .collect::<String>();
                inside.push((name.trim_end_matches('+').to_owned(), is));
            }
            None if wanted == is => {}
            None => return None,
        }
    }
    Some(inside)
}

fn members(
    model: &Model,
    shape: &Shape,
    in_path: Vec<(String, String)>,
    query: &str,
    body: &str,
) -> Result<Value, Refusal> {
    let mut found = Map::new();
    let in_query: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    for (name, member) in &shape.members {
        let wire = member.wire.as_deref().unwrap_or(name);
        let given = match member.at.as_deref() {
            Some("uri") => &in_path,
            Some("querystring") => &in_query,
            _ => continue,
        };
        if let Some((_, text)) = given.iter().find(|(other, _)| other == wire) {
            let kind = model.shape(&member.shape).kind;
            found.insert(name.clone(), scalar(kind, text, name)?);
        }
    }
    if !body.is_empty() {
        let root = parse(body)?;
        let Value::Object(inside) = structure(model, shape, root)? else { return Ok(found.into()) };
        found.extend(inside);
    }
    Ok(Value::Object(found))
}

fn malformed(why: &str) -> Refusal {
    Refusal::new("MalformedInput", why)
}

fn parse(body: &str) -> Result<Element, Refusal> {
    let mut reader = Reader::from_str(body);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| malformed(&error.to_string()))?;
        match event {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err(malformed("an element is nested too deeply"));
                }
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(empty) => {
                let name = String::from_utf8_lossy(empty.local_name().as_ref()).into_owned();
                let parent = open.last_mut().ok_or_else(|| malformed("no element"))?;
                parent.below.push(Element { name, ..Element::default() });
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| malformed(&error.to_string()))?;
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let name = String::from_utf8_lossy(&reference).into_owned();
                let text = match name.as_str() {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => return Err(malformed(&name)),
                };
                if let Some(last) = open.last_mut() {
                    last.text.push_str(text);
                }
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| malformed("no element"))?;
                let parent = open.last_mut().ok_or_else(|| malformed("no element"))?;
                parent.below.push(done);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop().and_then(|mut outside| outside.below.pop());
    root.ok_or_else(|| malformed("no element"))
}

fn structure(model: &Model, shape: &Shape, element: Element) -> Result<Value, Refusal> {
    let mut found = Map::new();
    for below in element.below {
        let named = |(name, member): &(&String, &Member)| {
            member.at.is_none() && member.wire.as_ref().unwrap_or(name) == &below.name
        };
        let (name, member) = shape
            .members
            .iter()
            .find(named)
            .ok_or_else(|| malformed(&format!("unknown element {}", below.name)))?;
        found.insert(name.clone(), value(model, member, below)?);
    }
    Ok(Value::Object(found))
}

fn value(model: &Model, member: &Member, element: Element) -> Result<Value, Refusal> {
    debug_assert_eq!(model.protocol, Protocol::RestXml);
    let shape = model.shape(&member.shape);
    match shape.kind {
        Kind::Structure => structure(model, shape, element),
        Kind::List => {
            let item = shape.member.as_ref().expect("a list says what it holds");
            element.below.into_iter().map(|element| value(model, item, element)).collect()
        }
        kind => scalar(kind, &element.text, &element.name),
    }
}
