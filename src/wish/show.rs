//! Writes a wish as a manifest: what is in effect, for `ecsup config`, or what was said, for `ecsup init`.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::Wish;
use super::key::{Key, SERVICE, Shape, TOP};
use super::value::{Place, Said, Table, Value};
use crate::spec::{Scheme, Spec};

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Everything that is in effect, defaults included, each with where it came from. Values of the
    /// environment's variables are not shown: they may be secrets.
    Effective,
    /// What was said, as a file that says the same.
    Said,
}

/// What most people say of a service sooner or later: where it is not said, a written file shows how.
const USUAL: &[&str] = &["cpu", "memory", "port", "count", "health.path"];

/// The table that stands where no `count` does.
const SCALING: &str = "scaling";
/// The table that stands where nothing else is said of the network.
const EXISTING: &str = "existing";

/// The tables that are in effect only when something of them is said.
const ONLY_WHEN_SAID: &[&str] = &[SCALING, EXISTING, "release", "container_health"];

/// Where comments begin, at least.
const COMMENTS: usize = 36;

impl Wish {
    /// Writes it as a manifest.
    pub fn to_manifest(&self, form: Form) -> String {
        let mut writer = Writer { wish: self, form, text: String::new() };
        writer.top();
        for wanted in &self.services {
            writer.header(&format!("service.{}", written_key(&wanted.name)));
            writer.keys(&wanted.table, SERVICE, "", true);
        }
        // What nobody has asked AWS for yet is no text that looks like it.
        let open = |text: String, name: &String| {
            text.replace(&format!("$${{{name}}}"), &format!("${{{name}}}"))
        };
        self.open.iter().fold(writer.text, open)
    }

    /// A wish by flags as that of a manifest which says the same.
    #[must_use]
    pub fn as_manifest(&self, spec: &Spec) -> Self {
        let place = Place::Running;
        let mut wish = Self { manifest: Some(super::MANIFEST.to_owned()), ..self.clone() };
        wish.table.set("stack", Value::Text(spec.stack.to_string()), &place);
        for (wanted, service) in wish.services.iter_mut().zip(&spec.services) {
            wanted.table.set("image", Value::Text(service.image.to_string()), &place);
            if let Some(host) = wanted.table.0.remove("host") {
                wanted.table.set("hosts", Value::List(vec![host.said]), &place);
                for (scheme, ingress) in spec.ingresses() {
                    if service.route(scheme).is_none() {
                        continue;
                    }
                    let path = format!("ingress.{}", scheme.word());
                    let unknown = Value::Text(service.name.to_string());
                    wish.table.set(&format!("{path}.unknown"), unknown, &place);
                    if let Some(zone) = &ingress.zone {
                        let zone = Value::Text(zone.clone());
                        wish.table.set(&format!("{path}.zone"), zone, &place);
                    }
                }
            }
        }
        for (scheme, _) in spec.ingresses().filter(|_| self.no_dns) {
            let none = Value::Text("false".to_owned());
            wish.table.set(&format!("ingress.{}.zone", scheme.word()), none, &place);
        }
        wish
    }

    /// What a key of a service is when it does not say it.
    fn default_of(&self, key: &Key, is_service: bool) -> Option<(String, String)> {
        let quoted = |text: &str| format!("{text:?}");
        if let Some(pattern) = self.pattern().filter(|_| is_service) {
            match key.name {
                "run_on" => return Some((quoted(pattern.run_on().word()), pattern.to_string())),
                "ingress" => return Some((quoted(pattern.scheme().word()), pattern.to_string())),
                _ => {}
            }
        }
        (!key.default.is_empty()).then(|| (key.default.to_owned(), "default".to_owned()))
    }
}

struct Writer<'a> {
    wish: &'a Wish,
    form: Form,
    text: String,
}

impl Writer<'_> {
    fn top(&mut self) {
        let leaves: &dyn Fn(&&Key) -> bool = &|key| !is_table(key);
        for key in TOP.iter().filter(leaves) {
            self.key(&self.wish.table, key, key.name, false);
        }
        for key in TOP {
            let table = self.wish.table.table(key.name);
            match key.shape {
                Shape::Table(keys) if key.name == "ingress" => {
                    for one in keys {
                        let Shape::Table(keys) = one.shape else { continue };
                        let used = Scheme::ALL
                            .into_iter()
                            .any(|scheme| scheme.word() == one.name && self.wish.uses(scheme));
                        let table = table.and_then(|table| table.table(one.name));
                        self.section(table, keys, &format!("ingress.{}", one.name), used);
                    }
                }
                Shape::Table(keys) => {
                    let used = key.name != "capacity" || self.wish.has_instances();
                    self.section(table, keys, key.name, used && key.is_built);
                }
                Shape::Pairs => {
                    let Some(table) = table.filter(|table| !table.0.is_empty()) else { continue };
                    self.header(key.name);
                    for (name, entry) in &table.0 {
                        self.line(
                            &written_key(name),
                            &written(&entry.said, &Shape::Text("")),
                            Some(&entry.said.place),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// A table of its own: of what is in effect whenever it is used, of what was said if it says something.
    fn section(&mut self, table: Option<&Table>, keys: &'static [Key], name: &str, is_used: bool) {
        let says = table.is_some_and(|table| !table.0.is_empty());
        if !says && (self.form == Form::Said || !is_used) {
            return;
        }
        let length = self.text.len();
        self.header(name);
        let begun = self.text.len();
        self.keys(table.unwrap_or(&Table::default()), keys, "", false);
        if self.text.len() == begun {
            self.text.truncate(length);
        }
    }

    fn header(&mut self, name: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}[{name}]");
    }

    fn keys(&mut self, table: &Table, keys: &'static [Key], prefix: &str, is_service: bool) {
        for key in keys {
            let name = if prefix.is_empty() {
                key.name.to_owned()
            } else {
                format!("{prefix}.{}", key.name)
            };
            self.key(table, key, &name, is_service);
        }
    }

    fn key(&mut self, table: &Table, key: &Key, name: &str, is_service: bool) {
        let said = table.get(key.name);
        match (key.shape, said) {
            (Shape::Variables, Some(Said { value: Value::Table(table), .. })) => {
                for (variable, entry) in &table.0 {
                    let Value::Text(text) = &entry.said.value else { continue };
                    let name = format!("{name}.{}", written_key(variable));
                    match self.form {
                        Form::Said => self.line(&name, &toml_text(text), Some(&entry.said.place)),
                        Form::Effective => {
                            let comment = format!(
                                "{}, {} characters, not shown",
                                entry.said.place,
                                text.chars().count()
                            );
                            self.commented(&name, "\"…\"", &comment);
                        }
                    }
                }
            }
            // Where a secret is, is no secret.
            (Shape::Secrets, Some(Said { value: Value::Table(table), .. })) => {
                for (variable, entry) in &table.0 {
                    let name = format!("{name}.{}", written_key(variable));
                    let source = written(&entry.said, &Shape::Text(""));
                    self.line(&name, &source, Some(&entry.said.place));
                }
            }
            (Shape::Table(keys), said) => {
                let empty = Table::default();
                let table = match said {
                    Some(Said { value: Value::Table(table), .. }) => table,
                    _ => &empty,
                };
                // What is not built yet has no defaults to show, nor has what is not in effect.
                if key.is_built && (!ONLY_WHEN_SAID.contains(&key.name) || said.is_some()) {
                    self.keys(table, keys, name, is_service);
                }
            }
            (Shape::Named(keys), Some(Said { value: Value::Table(named), .. })) => {
                for (own, entry) in &named.0 {
                    let Value::Table(table) = &entry.said.value else { continue };
                    self.keys(table, keys, &format!("{name}.{}", written_key(own)), is_service);
                }
            }
            (shape, Some(said)) => self.line(name, &written(said, &shape), Some(&said.place)),
            (_, None) if key.name == "count" && table.get(SCALING).is_some() => {}
            (_, None) if key.name == "instance_type" && table.get("instance_types").is_some() => {}
            (_, None) if key.name == "on_demand_base" && table.get("spot").is_none() => {}
            // It is a sidecar that is reached.
            (_, None) if key.name == "port" && table.get("target").is_some() => {}
            (_, None) if table.get(EXISTING).is_some() => {}
            (_, None) if self.form == Form::Effective && key.is_built => {
                if let Some((value, origin)) = self.wish.default_of(key, is_service) {
                    self.commented(name, &value, &origin);
                }
            }
            (_, None) if is_service && USUAL.contains(&name) => {
                let _ = writeln!(self.text, "# {name} = {}", key.example);
            }
            (_, None) => {}
        }
    }

    fn line(&mut self, name: &str, value: &str, place: Option<&Place>) {
        match (self.form, place) {
            (Form::Effective, Some(place)) => self.commented(name, value, &place.to_string()),
            _ => {
                let _ = writeln!(self.text, "{name} = {value}");
            }
        }
    }

    fn commented(&mut self, name: &str, value: &str, comment: &str) {
        let line = format!("{name} = {value}");
        let blanks = " ".repeat(COMMENTS.saturating_sub(line.width()).max(2));
        let _ = writeln!(self.text, "{line}{blanks}# {comment}");
    }
}

fn is_table(key: &Key) -> bool {
    matches!(
        key.shape,
        Shape::Table(_) | Shape::Named(_) | Shape::Defaults | Shape::Environments | Shape::Pairs
    )
}

/// A value as TOML: numbers and switches by what the key holds.
fn written(said: &Said, shape: &Shape) -> String {
    match (&said.value, shape) {
        (Value::Text(text), Shape::Whole(_) | Shape::Switch) => text.clone(),
        (Value::Text(text), Shape::TextOrFalse(_)) if text == "false" => text.clone(),
        (Value::Text(text), _) => toml_text(text),
        (Value::List(list), _) => {
            let list: Vec<_> = list.iter().map(|said| written(said, &Shape::Text(""))).collect();
            format!("[{}]", list.join(", "))
        }
        (Value::Table(table), shape) => {
            let pairs = table.0.iter().map(|(name, entry)| {
                let number = matches!(shape, Shape::Unknown) && name == "status";
                let shape = if number { Shape::Whole("") } else { Shape::Text("") };
                format!("{} = {}", written_key(name), written(&entry.said, &shape))
            });
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text as TOML, in which nothing is filled in.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.replace("${", "$${")).to_string()
}

/// A key as TOML: in quotes where it has to be.
fn written_key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { name.to_owned() } else { toml_text(name) }
}
