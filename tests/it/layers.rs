//! Which module may know which: data flows in one direction, and so does knowledge.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What each module may know of the crate. Nothing knows `cli` but `main`.
const KNOWS: &[(&str, &[&str])] = &[
    ("names", &[]),
    ("arn", &[]),
    ("spec", &["arn", "names"]),
    ("wish", &["arn", "facts", "names", "spec"]),
    ("capacity", &["spec"]),
    ("aws", &["names"]),
    ("diagnosis", &[]),
    ("resource", &["arn", "aws", "diagnosis", "logs", "names"]),
    ("engine", &["aws", "diagnosis", "names", "resource"]),
    ("facts", &["arn", "aws", "capacity", "diagnosis", "engine", "names", "resource", "spec"]),
    ("lock", &["aws", "engine", "names"]),
    ("logs", &["aws"]),
    ("pattern", &["engine", "facts", "names", "resource", "spec"]),
    ("service_roles", &["aws"]),
    ("session", &["arn", "aws", "spec"]),
    (
        "deploy",
        &["aws", "engine", "facts", "names", "pattern", "resource", "service_roles", "spec"],
    ),
    ("prices", &[]),
    ("registry", &[]),
    (
        "preflight",
        &[
            "arn",
            "aws",
            "capacity",
            "deploy",
            "engine",
            "facts",
            "permissions",
            "registry",
            "resource",
            "spec",
            "text",
        ],
    ),
    ("text", &[]),
    ("verify", &["facts", "resource", "spec", "text"]),
    ("timeline", &["aws", "engine", "names", "text"]),
    ("permissions", &["names", "resource", "service_roles", "spec"]),
    ("ui", &["engine", "names", "text"]),
    (
        "cli",
        &[
            "arn",
            "aws",
            "deploy",
            "diagnosis",
            "engine",
            "facts",
            "lock",
            "logs",
            "names",
            "permissions",
            "preflight",
            "prices",
            "registry",
            "resource",
            "session",
            "spec",
            "text",
            "timeline",
            "ui",
            "verify",
            "wish",
        ],
    ),
    ("main", &["cli", "ui"]),
];

/// What tests may know besides: specs are made of what is said.
const IN_TESTS: &[&str] = &["wish"];

/// What each part of the engine may know of the others, each only of what is named before it. The parts
/// of `converge` stand before it.
const ENGINE: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("patience", &[]),
    ("edge", &[]),
    ("looks", &[]),
    ("walk", &["event", "edge"]),
    ("state", &["event", "patience", "looks"]),
    ("wait", &["event", "looks", "walk"]),
    ("remove", &["event", "patience", "walk", "wait"]),
    ("make", &["event", "patience", "looks", "wait", "remove"]),
    ("settle", &["event", "patience", "wait", "remove"]),
    ("act", &["event", "walk", "wait"]),
    ("converge", &["looks", "walk", "state", "wait", "remove", "make", "settle", "act"]),
    ("inventory", &["edge", "looks", "walk", "converge"]),
    ("doubt", &["looks", "inventory"]),
    ("teardown", &["event", "patience", "edge", "looks", "walk", "inventory", "doubt"]),
    ("verdict", &["edge", "converge", "inventory", "doubt"]),
    ("graph", &["edge", "walk", "converge", "inventory", "verdict"]),
    ("plan", &["inventory", "doubt", "verdict", "graph"]),
    ("forecast", &["event", "edge", "verdict", "graph", "plan"]),
];

/// Who calls AWS, and therefore knows its SDK.
const CALL_AWS: &[&str] =
    &["aws", "facts", "lock", "logs", "preflight", "resource", "service_roles", "session"];

/// No code may behave differently for one of these.
const EMULATORS: &[&str] = &["moto", "ministack", "localstack"];

/// A source file: the module that it belongs to, its path and its text.
struct Source {
    module: String,
    path: PathBuf,
    text: String,
}

/// Every source file of the crate.
fn sources() -> Vec<Source> {
    sources_in("src")
}

/// Every source file in a folder.
fn sources_in(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut sources, mut folders) = (vec![], vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let inside = path.strip_prefix(&root).expect("it was found there");
                let first = inside.iter().next().expect("a name").to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = read_to_string(&path).expect("a source file");
                sources.push(Source { module, path, text });
            }
        }
    }
    sources
}

impl Source {
    /// Its lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (String, &str)> {
        let numbered = self.text.lines().enumerate();
        let code = numbered.filter(|(_, line)| !line.trim_start().starts_with("//"));
        code.map(|(index, line)| (format!("{}:{}", self.path.display(), index + 1), line))
    }

    /// How many lines come before its tests.
    fn before_tests(&self) -> usize {
        let is_tests = self.path.ends_with("tests.rs");
        let begin = self.text.lines().position(|line| line == "#[cfg(test)]" || is_tests);
        begin.unwrap_or(usize::MAX)
    }
}

/// The lines that climb by `super` to the root of the crate, from where everything can be named without
/// `crate::`. `depth` is how deep the file's module is: 1 for one that the root names.
fn climbs(text: &str, mut depth: usize) -> Vec<usize> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let supers = |code: &str| code.split(|it| !is_name(it)).filter(|it| *it == "super").count();
    let (mut found, mut list) = (Vec::new(), None);
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start().replace("pub(super)", "pub");
        if code.starts_with("//") {
            continue;
        }
        if code.starts_with("use ") || code.starts_with("pub use ") {
            list = Some(0);
        }
        // All that stands in braces counts together: `super::{super::…}` climbs twice.
        let most = match &mut list {
            Some(count) => {
                *count += supers(&code);
                *count
            }
            None => code.split(|it| !is_name(it) && it != ':').map(supers).max().unwrap_or(0),
        };
        if most >= depth {
            found.push(index + 1);
        }
        if code.ends_with(';') {
            list = None;
        }
        // Whatever follows stands one deeper: tests are the last in their file.
        if line == "mod tests {" {
            depth += 1;
        }
    }
    found
}

/// The modules that a line names behind a prefix such as `crate::`.
fn named<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |rest: &'a str| {
        let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        &rest[..end.unwrap_or(rest.len())]
    };
    line.split(prefix).skip(1).map(word).collect()
}

#[test]
fn modules_know_only_what_is_on_their_right() {
    let mut wrong = vec![];
    for source in sources().iter().filter(|it| it.module != "lib") {
        let (_, may) =
            KNOWS.iter().find(|(module, _)| *module == source.module).unwrap_or_else(|| {
                panic!(
                    "{}: say in this test what `{}` may know",
                    source.path.display(),
                    source.module
                )
            });
        let prefix = if source.module == "main" { "ecsup::" } else { "crate::" };
        let before_tests = source.before_tests();
        for (place, line) in source.code() {
            let number = place.rsplit(':').next().and_then(|it| it.parse::<usize>().ok());
            let is_test = number.is_some_and(|number| number > before_tests);
            for other in named(line, prefix) {
                if is_test && IN_TESTS.contains(&other) {
                    continue;
                }
                // A list in braces has no name here, and is refused: one `use` for each module.
                if other != source.module && !may.contains(&other) {
                    wrong.push(format!("{place}: `{}` may not know `{other}`", source.module));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is named by `crate::` is checked above. Nothing else leads out of a module.
#[test]
fn nobody_climbs_to_the_root() {
    for (text, depth, lines) in [
        ("use super::cli;", 1, 1),
        ("use super::super::cli;", 2, 1),
        ("    let exit = super::super::cli::Exit::Done;", 2, 1),
        ("use super::{\n    kind,\n    super::cli,\n};", 2, 2),
        ("pub(super) use self::super::super::cli;", 2, 1),
        ("mod tests {\n    use super::*;\n    use super::super::cli;", 1, 1),
        ("use super::super::kind;", 3, 0),
        ("use super::kind;\nuse super::id;\nmod tests {\n    use super::super::kind;", 2, 0),
    ] {
        assert_eq!(climbs(text, depth).len(), lines, "{text}");
    }
    let mut wrong = vec![];
    for source in sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let depth = source.path.strip_prefix(root).expect("it was found there").iter().count();
        let lines = climbs(&source.text, depth).into_iter();
        wrong.extend(lines.map(|line| format!("{}:{line}", source.path.display())));
        let renames = |line: &str| line.contains("crate as ") || line.contains("extern crate");
        let lines = source.code().filter(|(_, line)| renames(line));
        wrong.extend(lines.map(|(place, _)| place));
    }
    assert!(wrong.is_empty(), "name these by `crate::`:\n{}", wrong.join("\n"));
}

#[test]
fn the_engine_has_no_circles() {
    let mut wrong = vec![];
    let parts = sources()
        .into_iter()
        .filter(|it| it.module == "engine" && !it.path.ends_with("src/engine.rs"));
    for source in parts.filter(|it| !it.path.ends_with("tests.rs")) {
        let name = source.path.file_stem().expect("a file").to_string_lossy().into_owned();
        let place = ENGINE.iter().position(|(part, _)| *part == name);
        let place = place.unwrap_or_else(|| panic!("say in this test what engine/{name} may know"));
        let (_, may) = ENGINE[place];
        let before = |other: &&str| ENGINE[..place].iter().any(|(part, _)| part == other);
        assert!(may.iter().all(before), "{name} may know only what is before it");
        for (place, line) in source.code() {
            let split = |prefix| line.split_once(prefix);
            let named = split("crate::engine::").or_else(|| split("super::"));
            let Some((_, rest)) = named else { continue };
            // Whatever a list in braces names counts; one over several lines is refused.
            let whole = !rest.starts_with('{') || rest.ends_with(';');
            let words = rest.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let others = words.filter(|word| ENGINE.iter().any(|(part, _)| part == word));
            for other in others.filter(|other| *other != name && !may.contains(other)) {
                wrong.push(format!("{place}: `{name}` may not know `{other}`"));
            }
            if !whole {
                wrong.push(format!("{place}: one line for each of what it knows"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `docs/adding-a-resource.md` shows the entry of a kind: it is the one that there is.
#[test]
fn the_walk_through_a_resource_shows_its_entry_as_it_is() {
    let walk = include_str!("../../docs/adding-a-resource.md");
    let (_, entry) = walk.split_once("```rust\nSubnet = ").expect("the entry is shown");
    let (entry, _) = entry.split_once("\n```").expect("it ends");
    let table = include_str!("../../src/resource/kind.rs");
    let lines = |text: &str| text.lines().map(|it| it.trim().to_owned()).collect::<Vec<_>>();
    let (table, entry) = (lines(table), lines(&format!("Subnet = {entry}")));
    assert!(table.windows(entry.len()).any(|it| it == entry), "it is not in the table");
}

#[test]
fn every_module_has_its_place() {
    let modules: BTreeSet<_> = sources().into_iter().map(|it| it.module).collect();
    let placed = KNOWS.iter().map(|(module, _)| (*module).to_owned()).chain(["lib".to_owned()]);
    assert_eq!(modules, placed.collect());
}

#[test]
fn only_those_who_call_aws_know_its_sdk() {
    let mut wrong = vec![];
    for source in sources().iter().filter(|it| !CALL_AWS.contains(&it.module.as_str())) {
        let lines = source.code().filter(|(_, line)| line.contains("aws_sdk_"));
        wrong.extend(lines.map(|(place, line)| format!("{place}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything but the rehearsal has to work where it is not built in.
#[test]
fn only_a_rehearsal_knows_the_simulator() {
    let rehearsal = |it: &&Source| it.path.to_string_lossy().contains("/cli/rehearse");
    let mut wrong = vec![];
    for source in sources().iter().filter(|it| !rehearsal(it)) {
        let lines = source.code().filter(|(_, line)| line.contains("aws_sim"));
        wrong.extend(lines.map(|(place, line)| format!("{place}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_file_names_an_emulator() {
    let mut wrong = vec![];
    for source in sources().into_iter().chain(sources_in("sim/src")) {
        // Comments too: what is written for one emulator is not written for AWS.
        for (index, line) in source.text.lines().enumerate() {
            let line = line.to_lowercase();
            if EMULATORS.iter().any(|name| line.contains(name)) {
                wrong.push(format!("{}:{}: {}", source.path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
