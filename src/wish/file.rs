//! Reads a manifest: TOML, checked key by key against the table of keys. All mistakes are told at once.

use std::ops::Range;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{Key, OUT, PEERS, SERVICE, Shape, TOP, key};
use super::value::{Entry, Place, Said, Source, Spot, Table, Value};
use crate::spec::secret::SOURCE;
use crate::spec::{SpecError, check_duration, nearest};

/// What a file says.
pub struct Manifest {
    /// The keys that hold what they should.
    pub table: Table,
    /// Keys that do nothing yet, in the order of the file.
    pub later: Vec<SpecError>,
}

/// Reads a manifest. What is wrong with it comes in the order of the file.
pub fn read(source: &Rc<Source>) -> (Manifest, Vec<SpecError>) {
    let mut reader = Reader { source, problems: Vec::new(), later: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        for error in errors {
            let end = source.text.len();
            let span = error.span().unwrap_or(end..end);
            let value = source.text.get(span.start..).and_then(|it| it.lines().next());
            let rule = not_toml(error.message(), value.unwrap_or_default());
            reader.problem(span, "", "", &rule);
        }
        let manifest = Manifest { table: Table::default(), later: Vec::new() };
        return (manifest, in_order(reader.problems));
    }
    let table = reader.table(document.get_ref(), TOP, "");
    let Reader { problems, later, .. } = reader;
    (Manifest { table, later: in_order(later) }, in_order(problems))
}

/// Sorts by where in the file it is.
pub fn in_order(mut problems: Vec<SpecError>) -> Vec<SpecError> {
    problems.sort_by_key(|problem| problem.at.as_ref().map_or(usize::MAX, |at| at.offset));
    problems
}

/// Why a text is no TOML.
fn not_toml(message: &str, value: &str) -> String {
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    let number = digits.trim_start_matches('0');
    if digits.starts_with('0') && !number.is_empty() {
        return format!("not TOML: a number cannot begin with 0; write {number}");
    }
    format!("not TOML: {}", message.lines().next().unwrap_or_default())
}

struct Reader<'a> {
    source: &'a Rc<Source>,
    problems: Vec<SpecError>,
    later: Vec<SpecError>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::File(Spot { source: Rc::clone(self.source), span })
    }

    fn problem(&mut self, span: Range<usize>, field: &str, value: &str, rule: &str) {
        let error = SpecError::new(field.to_owned(), value, rule);
        self.problems.push(self.place(span).tell(error));
    }

    /// Reads a table whose keys are these.
    fn table(&mut self, table: &DeTable<'_>, keys: &'static [Key], path: &str) -> Table {
        self.entries(table, path, |name| keys.iter().find(|key| key.name == name), keys)
    }

    fn entries(
        &mut self,
        table: &DeTable<'_>,
        path: &str,
        find: impl Fn(&str) -> Option<&'static Key>,
        keys: &'static [Key],
    ) -> Table {
        let mut read = Table::default();
        for (name, value) in table {
            let span = name.span();
            let name = name.get_ref().as_ref();
            let full = join(path, name);
            let Some(key) = find(name) else {
                let rule =
                    no_such_key(name, path, keys, matches!(value.get_ref(), DeValue::Table(_)));
                self.problem(span, &full, "", &rule);
                continue;
            };
            let before = self.problems.len();
            let Some(said) = self.value(value, key.shape, &full) else { continue };
            // Of a table, the keys in it are told.
            let is_table = matches!(key.shape, Shape::Table(_));
            if !key.is_built && !is_table && before == self.problems.len() {
                let rule = "is not built yet: this version of ecsup knows the key and does nothing with it";
                let error = SpecError::new(full.clone(), "", rule);
                self.later.push(self.place(span.clone()).tell(error));
            }
            read.0.insert(name.to_owned(), Entry { key: self.place(span), said });
        }
        read
    }

    /// Reads a value, if it is what its key holds.
    #[expect(clippy::too_many_lines, reason = "one arm for each shape")]
    fn value(&mut self, value: &Spanned<DeValue<'_>>, shape: Shape, path: &str) -> Option<Said> {
        let span = value.span();
        let place = self.place(span.clone());
        let value = value.get_ref();
        let said = |value| Some(Said { value, place: place.clone() });
        let name = path.rsplit('.').next().unwrap_or(path);
        match (shape, value) {
            (Shape::Text(_) | Shape::TextOrFalse(_) | Shape::Unknown, DeValue::String(text)) => {
                said(Value::Text(text.to_string()))
            }
            (Shape::TextOrFalse(_), DeValue::Boolean(false)) => {
                said(Value::Text("false".to_owned()))
            }
            (Shape::Whole(_), DeValue::Integer(_)) => said(Value::Text(plain(value))),
            (Shape::Unknown, DeValue::Integer(_)) => {
                // A service may be called like a number.
                let mut answer = Table::default();
                answer.set("status", Value::Text(plain(value)), &place);
                said(Value::Table(answer))
            }
            (Shape::Unknown, DeValue::Table(table)) => {
                let table = self.table(table, ANSWER, path);
                said(Value::Table(table))
            }
            (Shape::Switch, DeValue::Boolean(on)) => said(Value::Text(on.to_string())),
            (Shape::Duration, DeValue::String(text)) => match check_duration(text) {
                Ok(_) => said(Value::Text(text.to_string())),
                Err(rule) => {
                    self.problem(span, path, text, &rule);
                    None
                }
            },
            (Shape::Choice(choices), DeValue::String(text)) => {
                if choices.contains(&text.as_ref()) {
                    return said(Value::Text(text.to_string()));
                }
                let near = nearest(text, choices.iter().copied());
                let rule = format!("must be {}{near}", one_of(choices));
                self.problem(span, path, text, &rule);
                None
            }
            (Shape::Texts(what), DeValue::Array(_)) => {
                self.list(value, Shape::Text(what), path).and_then(said)
            }
            (Shape::Words, DeValue::Array(_)) => {
                self.list(value, Shape::Text("a word"), path).and_then(said)
            }
            // Short for NAME = "NAME", so that it merges key by key.
            (Shape::Secrets, DeValue::Array(_)) => {
                let list = self.list(value, Shape::Text("a variable's name"), path)?;
                let Value::List(list) = list else { return None };
                let mut table = Table::default();
                for one in list {
                    let Value::Text(name) = &one.value else { continue };
                    let entry = Entry { key: one.place.clone(), said: one.clone() };
                    table.0.insert(name.clone(), entry);
                }
                said(Value::Table(table))
            }
            (Shape::Condition, DeValue::Table(table)) => {
                let table = self.condition(table, path);
                said(Value::Table(table))
            }
            (Shape::Pairs, DeValue::Table(table)) => {
                let table = self.entries(table, path, |_| Some(&PAIR), &[]);
                said(Value::Table(table))
            }
            (Shape::Variables, DeValue::Table(table)) => {
                let table = self.variables(table, path);
                said(Value::Table(table))
            }
            (Shape::Secrets, DeValue::Table(table)) => {
                let table = self.secrets(table, path);
                said(Value::Table(table))
            }
            (Shape::Table(keys), DeValue::Table(table)) => {
                let table = self.table(table, keys, path);
                said(Value::Table(table))
            }
            (Shape::Tables(keys), DeValue::Array(array)) => {
                let mut list = Vec::new();
                for one in array {
                    let place = self.place(one.span());
                    if let DeValue::Table(table) = one.get_ref() {
                        let table = self.table(table, keys, path);
                        list.push(Said { value: Value::Table(table), place });
                    } else {
                        self.problem(one.span(), path, "", "must be tables, as in [{ … }]");
                    }
                }
                said(Value::List(list))
            }
            (Shape::Named(keys), DeValue::Table(table)) => {
                let mut read = Table::default();
                for (name, value) in table {
                    let (key_span, full) = (name.span(), join(path, name.get_ref()));
                    let place = self.place(value.span());
                    if let DeValue::Table(table) = value.get_ref() {
                        let value = Value::Table(self.table(table, keys, &full));
                        let said = Said { value, place };
                        let key = self.place(key_span);
                        read.0.insert(name.get_ref().to_string(), Entry { key, said });
                    } else {
                        let what = path.rsplit('.').next().unwrap_or(path);
                        let rule =
                            format!("must be a table: each {what} has one, as in [{what}.NAME]");
                        self.problem(key_span, &full, "", &rule);
                    }
                }
                said(Value::Table(read))
            }
            (Shape::Defaults, DeValue::Table(table)) => {
                let find = |name: &str| SERVICE.iter().find(|key| key.name == name);
                let is_own = |name: &str| find(name).is_some_and(|key| !key.is_shared);
                for name in table.keys().filter(|name| is_own(name.get_ref())) {
                    let full = join(path, name.get_ref());
                    let rule = "belongs to one service, and cannot be shared";
                    self.problem(name.span(), &full, "", rule);
                }
                let shared = table.iter().filter(|(name, _)| !is_own(name.get_ref()));
                let shared: DeTable<'_> =
                    shared.map(|(name, value)| (name.clone(), value.clone())).collect();
                let table = self.table(&shared, SERVICE, path);
                said(Value::Table(table))
            }
            (Shape::Environments, DeValue::Table(table)) => {
                let mut read = Table::default();
                for (name, value) in table {
                    let (key_span, full) = (name.span(), join(path, name.get_ref()));
                    let place = self.place(value.span());
                    if let DeValue::Table(table) = value.get_ref() {
                        let value = Value::Table(self.table(table, TOP, &full));
                        for pinned in ["required_version", "include", "environment"] {
                            let Some((key, _)) =
                                table.iter().find(|(key, _)| key.get_ref() == pinned)
                            else {
                                continue;
                            };
                            let rule = "belongs at the top of the file, and cannot differ between environments";
                            self.problem(key.span(), &join(&full, pinned), "", rule);
                        }
                        let key = self.place(key_span);
                        read.0.insert(
                            name.get_ref().to_string(),
                            Entry { key, said: Said { value, place } },
                        );
                    } else {
                        self.problem(key_span, &full, "", "must be a table: [environment.NAME]");
                    }
                }
                said(Value::Table(read))
            }
            (shape, value) => {
                let (told, rule) = wrong(shape, value, name);
                self.problem(span, path, &told, &rule);
                None
            }
        }
    }

    fn list(&mut self, value: &DeValue<'_>, each: Shape, path: &str) -> Option<Value> {
        let DeValue::Array(array) = value else { return None };
        let before = self.problems.len();
        let list: Vec<_> = array.iter().filter_map(|one| self.value(one, each, path)).collect();
        (before == self.problems.len()).then_some(Value::List(list))
    }

    fn variables(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let mut read = Table::default();
        for (name, value) in table {
            let full = join(path, name.get_ref());
            match value.get_ref() {
                DeValue::String(_) | DeValue::Integer(_) | DeValue::Boolean(_) => {
                    let said = Said {
                        value: Value::Text(plain(value.get_ref())),
                        place: self.place(value.span()),
                    };
                    let key = self.place(name.span());
                    read.0.insert(name.get_ref().to_string(), Entry { key, said });
                }
                DeValue::Float(_) => {
                    let rule = "must be text, a whole number, true or false; a number with a point has no one text: write it in quotes";
                    self.problem(value.span(), &full, "", rule);
                }
                _ => self.problem(
                    value.span(),
                    &full,
                    "",
                    "must be text, a whole number, true or false",
                ),
            }
        }
        read
    }

    fn secrets(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let read = self.entries(table, path, |_| Some(&PAIR), &[]);
        for (name, entry) in &read.0 {
            let (Value::Text(text), Some(spot)) = (&entry.said.value, entry.said.place.spot())
            else {
                continue;
            };
            if !is_secret_source(text) {
                let error = SpecError::new(join(path, name), "", SOURCE);
                self.problems.push(error.at(spot.at_hidden()));
            }
        }
        read
    }

    /// Operators, keys of each, and a value or several of each key.
    fn condition(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let mut read = Table::default();
        for (operator, keys) in table {
            let full = join(path, operator.get_ref());
            let DeValue::Table(keys_and_values) = keys.get_ref() else {
                let rule = "must be a table of keys and values, as in { StringEquals = { \"aws:ResourceTag/team\" = \"a\" } }";
                self.problem(keys.span(), &full, "", rule);
                continue;
            };
            let mut of = Table::default();
            for (name, value) in keys_and_values {
                let full = join(&full, name.get_ref());
                let shape = match value.get_ref() {
                    DeValue::Array(_) => Shape::Texts("a value"),
                    _ => Shape::Text("a value"),
                };
                let Some(said) = self.value(value, shape, &full) else { continue };
                let key = self.place(name.span());
                of.0.insert(name.get_ref().to_string(), Entry { key, said });
            }
            let said = Said { value: Value::Table(of), place: self.place(keys.span()) };
            let key = self.place(operator.span());
            read.0.insert(operator.get_ref().to_string(), Entry { key, said });
        }
        read
    }
}

/// The keys of the table that `unknown` may be.
static ANSWER: &[Key] = &[
    key("status", Shape::Whole("an HTTP status"), "its status", "404", "503"),
    key("text", Shape::Text("a text"), "its text", "", "\"no such host\""),
];

/// Any key of a table whose keys are the user's own.
static PAIR: Key = key("", Shape::Text("text"), "", "", "");

/// Whether a text says where a secret is. What a secret is has blanks, colons and slashes elsewhere.
fn is_secret_source(text: &str) -> bool {
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/${}:".contains(&byte))
    };
    let text = text.split_once('#').map_or(text, |(source, _)| source);
    if text.starts_with("arn:") || text.starts_with("secretsmanager:") {
        return true;
    }
    plain(text) && !text.contains("://")
}

fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

/// A number, a switch or a text as text.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i128::from_str_radix(&digits, number.radix())
                .map_or(digits, |number| number.to_string())
        }
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => String::new(),
    }
}

/// How a value that a key cannot hold is told, and what it holds.
fn wrong(shape: Shape, value: &DeValue<'_>, name: &str) -> (String, String) {
    let told = match shape {
        Shape::Pairs | Shape::Variables | Shape::Secrets => String::new(),
        _ if matches!(value, DeValue::String(_)) && matches!(shape, Shape::Words) => String::new(),
        _ => plain(value),
    };
    let rule = match (shape, value) {
        (
            Shape::Text(what) | Shape::TextOrFalse(what),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_),
        ) => {
            format!("must be {what}, as text: write \"{told}\"")
        }
        (Shape::Text(what), _) => format!("must be {what}, as text"),
        (Shape::TextOrFalse(what), _) => format!("must be {what}, as text, or false"),
        (Shape::Whole(what), DeValue::Float(_)) if name == "cpu" => {
            let units: Option<f64> = told.parse().ok();
            let units = units.map(|vcpus| (vcpus, (vcpus * 1024.0).round()));
            match units {
                Some((vcpus, units)) if (128.0..=196_608.0).contains(&units) => {
                    let words = match told.as_str() {
                        "0.25" => "a quarter".to_owned(),
                        "0.5" => "half".to_owned(),
                        _ => format!("{vcpus} vCPU"),
                    };
                    format!("must be {what}; for {words} write {units}")
                }
                _ => format!("must be {what}"),
            }
        }
        (Shape::Whole(what), DeValue::String(_)) => format!("must be {what}, without quotes"),
        (Shape::Whole(what), _) => format!("must be {what}"),
        (Shape::Switch, _) => "must be true or false".to_owned(),
        (Shape::Duration, DeValue::Integer(_)) => format!("needs a unit, as in \"{told}s\""),
        (Shape::Duration, _) => "must be text with a unit, as in \"30s\"".to_owned(),
        (Shape::Choice(choices), _) => format!("must be {}", one_of(choices)),
        (Shape::Texts(what), DeValue::String(_)) => {
            format!("must be an array: write [\"{told}\"], each {what}")
        }
        (Shape::Texts(what), _) => format!("must be an array of texts, each {what}"),
        (Shape::Words, DeValue::String(text)) => {
            let words: Vec<_> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            format!(
                "must be an array, [{}], or for a shell [\"sh\", \"-c\", {:?}]",
                words.join(", "),
                text.as_ref()
            )
        }
        (Shape::Words, _) => "must be an array of words".to_owned(),
        (Shape::Secrets, _) => {
            "must be a table of names and where each secret is, or an array of names".to_owned()
        }
        (Shape::Unknown, _) => {
            "must be the name of a service, a status, or { status = 404, text = \"…\" }".to_owned()
        }
        (Shape::Condition, _) => {
            "must be a table of operators, as in { StringEquals = { \"aws:ResourceTag/team\" = \"a\" } }".to_owned()
        }
        (Shape::Tables(_), _) => "must be an array of tables, as in [{ … }]".to_owned(),
        (
            Shape::Pairs
            | Shape::Variables
            | Shape::Table(_)
            | Shape::Named(_)
            | Shape::Defaults
            | Shape::Environments,
            _,
        ) => format!("must be a table: [{name}], or {name} = {{ … }}"),
    };
    (told, rule)
}

/// What to say of a key that there is not.
fn no_such_key(name: &str, path: &str, keys: &'static [Key], is_table: bool) -> String {
    if let Some((_, ours, whose)) = PEERS.iter().find(|(theirs, ours, _)| {
        let first = ours.split('.').next().unwrap_or(ours);
        *theirs == name && keys.iter().any(|key| key.name == first)
    }) {
        let whose =
            if *whose == "the flag" { "the flag's".to_owned() } else { format!("{whose}'s") };
        return format!("no such key; {whose} `{name}` is `{ours}` here");
    }
    if let Some((_, instead)) = OUT.iter().find(|(names, _)| names.contains(&name)) {
        return format!("no such key; {instead}");
    }
    let is_top = |key: &&Key| !matches!(key.shape, Shape::Table(_) | Shape::Named(_));
    if !path.is_empty() && TOP.iter().filter(is_top).any(|key| key.name == name) {
        return format!("no such key here; `{name}` belongs above the first [table]");
    }
    let below = keys.iter().filter(|key| match key.shape {
        Shape::Table(keys) => keys.iter().any(|key| key.name == name),
        _ => false,
    });
    let below: Vec<_> = below.map(|key| format!("`{}`", key.name)).collect();
    if !below.is_empty() {
        return format!("no such key here; it is one of {}", below.join(" and of "));
    }
    let near = nearest(name, keys.iter().map(|key| key.name));
    if near.is_empty() && !path.is_empty() && TOP.iter().any(|key| key.name == name) {
        return format!("no such key here; [{name}] is a table of its own");
    }
    format!("no such {}{near}", if is_table { "table" } else { "key" })
}

/// `a, b or c`.
fn one_of(choices: &[&str]) -> String {
    match choices.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
