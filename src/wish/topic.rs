//! `ecsup docs`: the reference of the manifest, made from the table of keys.

use std::fmt::Write as _;

use super::key::{Key, Shape, keys_at};
use super::schema::capital;

/// The topics: each a table of the manifest.
pub const TOPICS: &[(&str, &[&str], &str)] = &[
    ("manifest", &[], "what stands at the top of the file"),
    ("network", &["network"], "[network]: the VPC"),
    (
        "existing-network",
        &["network", "existing"],
        "[network.existing]: a VPC that is there already, in place of one of the stack's own",
    ),
    ("capacity", &["capacity"], "[capacity]: the instances that services run on"),
    (
        "ingress",
        &["ingress", "internal"],
        "[ingress.internal] and [ingress.public]: the load balancers",
    ),
    (
        "service",
        &["service", "NAME"],
        "[service.NAME] and [defaults]: a service, and what services share",
    ),
    (
        "health",
        &["service", "NAME", "health"],
        "health, in a service: what tells a load balancer that a task is healthy",
    ),
    (
        "permissions",
        &["service", "NAME", "permissions"],
        "permissions, in a service: what its tasks may do, each a table of an array",
    ),
    (
        "scaling",
        &["service", "NAME", "scaling"],
        "scaling, in a service: how many tasks run, by load",
    ),
    (
        "sidecar",
        &["service", "NAME", "sidecar", "NAME"],
        "[service.NAME.sidecar.NAME]: a further container of each task",
    ),
];

/// The reference of a topic: each key with what it holds, what it means, its default and its flag.
pub fn topic(name: &str) -> Option<String> {
    let (_, path, title) = TOPICS.iter().find(|(topic, ..)| *topic == name)?;
    let keys = keys_at(path)?;
    let general = match path {
        ["ingress", _] => "ingress.*".to_owned(),
        ["service", _] => "service.*".to_owned(),
        ["service", _, rest @ ..] => format!("service.*.{}", rest.join(".")),
        path => path.join("."),
    };
    let mut text = format!("{title}\n");
    for key in keys.iter().filter(|key| key.is_built) {
        let path = if general.is_empty() {
            key.name.to_owned()
        } else {
            format!("{general}.{}", key.name)
        };
        let _ = write!(text, "\n{}  {}\n", key.name, holds(key));
        let _ = writeln!(text, "    {}.", capital(key.about));
        if !key.default.is_empty() {
            let _ = writeln!(text, "    Default: {}", key.default);
        }
        if !key.example.is_empty() {
            let _ = writeln!(text, "    Example: {} = {}", key.name, key.example);
        }
        if let Some(flag) = Key::flag(&path) {
            let _ = writeln!(text, "    Flag: {flag}");
        }
        if !key.is_shared {
            let _ = writeln!(text, "    Not in [defaults].");
        }
    }
    let later: Vec<_> = keys.iter().filter(|key| !key.is_built).map(|key| key.name).collect();
    if !later.is_empty() {
        let _ = write!(text, "\nKnown, and not built yet: {}.\n", later.join(", "));
    }
    Some(text)
}

/// What a key holds, in a word or a few.
fn holds(key: &Key) -> String {
    match key.shape {
        Shape::Text(_) => "text".to_owned(),
        Shape::Whole(_) => "whole number".to_owned(),
        Shape::Switch => "true or false".to_owned(),
        Shape::Duration => "time with its unit".to_owned(),
        Shape::Choice(choices) => {
            choices.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(" or ")
        }
        Shape::Texts(_) | Shape::Words => "array of texts".to_owned(),
        Shape::Pairs => "table of texts".to_owned(),
        Shape::Variables => "table of texts, whole numbers, true or false".to_owned(),
        Shape::Secrets => "table of texts, or array of names".to_owned(),
        Shape::Condition => "table of tables of texts".to_owned(),
        Shape::TextOrFalse(_) => "text or false".to_owned(),
        Shape::Unknown => "service, status, or { status, text }".to_owned(),
        Shape::Table(_) | Shape::Named(_) | Shape::Defaults | Shape::Environments => {
            "table".to_owned()
        }
        Shape::Tables(_) => "array of tables".to_owned(),
    }
}
