//! What can only be seen where it was written, before anything is merged.

use super::super::value::{Place, Table, Value};
use crate::spec::{SpecError, nearest};

/// Checks what can only be seen where it was written, before anything is merged: `path` is where the
/// table stands.
pub fn check_places(table: &Table, path: &str, problems: &mut Vec<SpecError>) {
    let mut problem = |place: &Place, field: String, value: &str, rule: String| {
        problems.push(place.tell(SpecError::new(field, value, rule)));
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
            problem(&count.key, under(&format!("{name}.count")), "", rule);
        }
        let secrets = service.table("secrets").map(|it| it.0.iter()).into_iter().flatten();
        for (secret, entry) in secrets {
            let Some(variable) = service.table("env").and_then(|env| env.0.get(secret)) else {
                continue;
            };
            let rule = format!("is also in env{}", variable.key.aside());
            problem(&entry.key, under(&format!("{name}.secrets.{secret}")), "", rule);
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
        problem(&schedule.said.place, under(&format!("job.{name}.schedule")), text, rule);
    }
    let services = table.table("service");
    for (environment, entry) in named("environment") {
        let Value::Table(here) = &entry.said.value else { continue };
        for (name, entry) in here.table("service").map(|it| it.0.iter()).into_iter().flatten() {
            if services.is_some_and(|it| it.0.contains_key(name)) {
                continue;
            }
            let names = services.map(|it| it.0.keys()).into_iter().flatten();
            let near = nearest(name, names.map(String::as_str));
            let about = "An environment changes services and adds none";
            let rule = match near.is_empty() {
                true => format!("no such service. {about}"),
                false => format!("no such service{near} {about}"),
            };
            problem(&entry.key, format!("environment.{environment}.service.{name}"), "", rule);
        }
    }
    for (name, entry) in named("environment") {
        if let Value::Table(here) = &entry.said.value {
            check_places(here, &format!("environment.{name}"), problems);
        }
    }
}
