//! What can only be seen where it was written, before anything is merged.

use super::super::file;
use super::super::value::{Entry, Place, Said, Table, Value};
use crate::spec::SpecError;

/// Checks what can only be seen where it was written, before anything is merged: `path` is where the
/// table stands.
pub fn check_places(table: &Table, path: &str, problems: &mut Vec<SpecError>) {
    let mut problem = |entry: &Entry, at_value: bool, field: String, value: &str, rule: String| {
        let place = if at_value { &entry.said.place } else { &entry.key };
        let error = SpecError::new(field, value, rule);
        problems.push(match place.spot() {
            Some(spot) => error.at(spot.at()),
            None => error,
        });
    };
    let under =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let named = |name: &str| table.table(name).map(|it| it.0.iter()).into_iter().flatten();
    let shared = table.0.get("defaults").map(|entry| ("defaults".to_owned(), entry));
    let services = named("service").map(|(name, entry)| (format!("service.{name}"), entry));
    for (name, entry) in shared.into_iter().chain(services) {
        let Value::Table(service) = &entry.said.value else { continue };
        if let (Some(count), Some(scaling)) = (service.0.get("count"), service.0.get("scaling")) {
            let rule = format!(
                "cannot stand beside `scaling`{}, which has min and max",
                scaling.key.aside()
            );
            problem(count, false, under(&format!("{name}.count")), "", rule);
        }
        let Some(secrets) = service.get("secrets") else { continue };
        let secrets: Vec<(String, &Place)> = match &secrets.value {
            Value::List(list) => list
                .iter()
                .filter_map(|said| match &said.value {
                    Value::Text(text) => Some((text.clone(), &said.place)),
                    Value::List(_) | Value::Table(_) => None,
                })
                .collect(),
            Value::Table(table) => {
                table.0.iter().map(|(name, entry)| (name.clone(), &entry.key)).collect()
            }
            Value::Text(_) => Vec::new(),
        };
        for (secret, place) in secrets {
            let Some(variable) = service.table("env").and_then(|env| env.0.get(&secret)) else {
                continue;
            };
            let rule = format!("is also in env{}", variable.key.aside());
            let said = Entry {
                key: place.clone(),
                said: Said { value: Value::Text(String::new()), place: place.clone() },
            };
            problem(&said, false, under(&format!("{name}.secrets.{secret}")), "", rule);
        }
    }
    for (name, entry) in named("job") {
        let Value::Table(job) = &entry.said.value else { continue };
        let Some(schedule) = job.0.get("schedule") else { continue };
        let Value::Text(text) = &schedule.said.value else { continue };
        let fields = |kind: &str| {
            text.strip_prefix(kind)?
                .strip_prefix('(')?
                .strip_suffix(')')
                .map(|it| it.split_whitespace().count())
        };
        if fields("cron") == Some(6) || fields("rate") == Some(2) || fields("at") == Some(1) {
            continue;
        }
        let words: Vec<_> = text.split_whitespace().collect();
        // Of five fields the day of the week and that of the month cannot both be said.
        let hint = match words[..] {
            [minute, hour, day, month, "*"] => {
                format!("; write \"cron({minute} {hour} {day} {month} ? *)\"")
            }
            _ => String::new(),
        };
        let rule = format!("must be cron(…) with six fields, rate(…) or at(…){hint}");
        problem(schedule, true, under(&format!("job.{name}.schedule")), text, rule);
    }
    let services = table.table("service");
    for (environment, entry) in named("environment") {
        let Value::Table(here) = &entry.said.value else { continue };
        for (name, entry) in here.table("service").map(|it| it.0.iter()).into_iter().flatten() {
            if services.is_some_and(|it| it.0.contains_key(name)) {
                continue;
            }
            let names = services.map(|it| it.0.keys()).into_iter().flatten();
            let near = file::nearest(name, names.map(String::as_str));
            let near = if near.is_empty() { ";".to_owned() } else { near };
            let rule =
                format!("no such service{near} An environment changes services and adds none");
            let rule = rule.replace("; An", ": an");
            problem(entry, false, format!("environment.{environment}.service.{name}"), "", rule);
        }
    }
    let inner: Vec<_> = named("environment").collect();
    for (name, entry) in inner {
        if let Value::Table(here) = &entry.said.value {
            check_places(here, &format!("environment.{name}"), problems);
        }
    }
}
