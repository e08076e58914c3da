//! The containers of what runs, as they would be said.

use super::super::value::{Place, Table, Value};
use super::{list, say, text};
use crate::facts::{RunningContainer, RunningService};
use crate::spec::Until;
use crate::wish::key::Key;

/// What a service says of the containers beside its own and of how all of them stand in the network: by
/// its key, in words, and as it is written.
pub(super) fn of_service(runs: &RunningService) -> Vec<(&'static str, String, Value)> {
    let mut all = Vec::new();
    let names: Vec<_> = runs.sidecars.keys().cloned().collect();
    if !names.is_empty() {
        let mut sidecars = Table::default();
        for (name, runs) in &runs.sidecars {
            sidecars.set_in_place(name, Value::Table(sidecar(runs)), &Place::Running);
        }
        all.push(("sidecar", names.join(", "), Value::Table(sidecars)));
    }
    if !runs.own.depends_on.is_empty() {
        let after: Vec<_> = runs.own.depends_on.keys().cloned().collect();
        all.push(("depends_on", after.join(", "), Value::Table(depends_on(&runs.own))));
    }
    if let Some(target) = &runs.target {
        all.push(("target", target.clone(), text(target)));
    }
    if runs.is_on_arm {
        all.push(("arch", "arm64".to_owned(), text("arm64")));
    }
    if !runs.security_groups.is_empty() {
        let groups: Vec<_> = runs.security_groups.iter().cloned().collect();
        all.push(("security_groups", groups.join(", "), list(&groups)));
    }
    if let Some(callers) = &runs.callers {
        all.push(("discovery", "dns".to_owned(), text("dns")));
        if let Some(callers) = callers {
            let callers: Vec<_> = callers.iter().cloned().collect();
            all.push(("callers", callers.join(", "), list(&callers)));
        }
    }
    all
}

/// What of a container's health check is a text, by its key.
pub(super) fn health_of(runs: &RunningContainer) -> [(&'static str, Option<String>); 4] {
    let check = runs.health.as_ref();
    let time = |it: Option<i32>| it.map(|it| format!("{it}s"));
    [
        ("container_health.interval", time(check.map(|it| it.interval))),
        ("container_health.timeout", time(check.map(|it| it.timeout))),
        ("container_health.retries", check.map(|it| it.retries.to_string())),
        ("container_health.start_period", time(check.map(|it| it.start_period))),
    ]
}

/// What of a container is a command, by its key.
pub(super) fn commands_of(runs: &RunningContainer) -> [(&'static str, &[String]); 3] {
    let health = runs.health.as_ref();
    [
        ("entrypoint", runs.entrypoint.as_slice()),
        ("command", runs.command.as_slice()),
        ("container_health.command", health.map_or(&[], |it| it.command.as_slice())),
    ]
}

/// Says the variables, the secrets and the commands of a container.
pub(super) fn say_container(table: &mut Table, runs: &RunningContainer) {
    for (path, words) in commands_of(runs).into_iter().filter(|(_, words)| !words.is_empty()) {
        table.set(path, list(words), &Place::Running);
    }
    for (variable, value) in &runs.environment {
        table.set_in("env", variable, text(value.as_str()), &Place::Running);
    }
    for (variable, source) in &runs.secrets {
        table.set_in("secrets", variable, text(source), &Place::Running);
    }
}

fn sidecar(runs: &RunningContainer) -> Table {
    let mut table = Table::default();
    let mut text_of = |key: &str, runs: Option<String>| {
        say(&mut table, key, runs, Key::usual(&format!("service.NAME.sidecar.NAME.{key}")));
    };
    text_of("image", Some(runs.image.clone()));
    text_of("cpu", (runs.cpu > 0).then(|| runs.cpu.to_string()));
    text_of("memory", runs.memory.map(|mib| mib.to_string()));
    text_of("port", runs.port.map(|port| port.to_string()));
    text_of("essential", Some(runs.essential.to_string()));
    for (key, value) in health_of(runs) {
        text_of(key, value);
    }
    say_container(&mut table, runs);
    if !runs.depends_on.is_empty() {
        table.set("depends_on", Value::Table(depends_on(runs)), &Place::Running);
    }
    table
}

fn depends_on(runs: &RunningContainer) -> Table {
    let mut table = Table::default();
    for (name, condition) in &runs.depends_on {
        // One that only starts with the other's end is none of ours, and means at least that.
        let until = match condition.as_str() {
            "START" => Until::Started,
            "HEALTHY" => Until::Healthy,
            _ => Until::Success,
        };
        table.set_in_place(name, text(until.word()), &Place::Running);
    }
    table
}
