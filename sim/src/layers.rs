//! Which module knows which: each knows only what is before it, and none but the registry knows all.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What each module may know of the crate, in an order in which none knows a later one.
const KNOWS: &[(&str, &[&str])] = &[
    ("dice", &[]),
    ("doubt", &[]),
    ("fields", &[]),
    ("lag", &[]),
    ("model", &[]),
    ("notice", &[]),
    ("partition", &[]),
    ("refusal", &[]),
    ("wildcard", &[]),
    ("arn", &["partition"]),
    ("buckets", &[]),
    ("scenario", &["doubt"]),
    ("policy", &["arn", "doubt", "fields", "partition", "wildcard"]),
    ("world", &["arn", "dice", "fields", "notice", "partition", "policy", "scenario"]),
    ("page", &["fields", "refusal", "world"]),
    ("tags", &["fields", "refusal"]),
    ("service", &["buckets", "doubt", "model", "notice", "policy", "refusal", "world"]),
    ("wire", &["model", "refusal", "service"]),
    // The services. What they may know besides is `SHARED`.
    ("sts", &[]),
    ("iam", &[]),
    ("logs", &[]),
    ("cloudwatch", &[]),
    ("acm", &[]),
    ("ecr", &[]),
    ("service_quotas", &[]),
    ("ec2", &["iam"]),
    ("ssm", &["ec2"]),
    ("secretsmanager", &[]),
    ("elb", &["acm", "ec2", "iam"]),
    ("route53", &["ec2", "elb"]),
    ("servicediscovery", &["route53"]),
    ("autoscaling", &["ec2", "iam"]),
    (
        "ecs",
        &[
            "autoscaling",
            "ec2",
            "elb",
            "iam",
            "logs",
            "route53",
            "secretsmanager",
            "servicediscovery",
            "ssm",
        ],
    ),
    ("application_autoscaling", &["cloudwatch", "ecs", "elb", "iam"]),
    // Who knows all services, and who knows that one.
    ("services", &["policy", "refusal", "scenario", "service", "world"]),
    ("faults", &["dice"]),
    ("cloud", &["buckets", "faults", "policy", "refusal", "scenario", "services", "wire", "world"]),
    ("listen", &["cloud", "refusal", "wire"]),
    ("oracle", &["arn", "cloud", "fields", "refusal", "scenario", "services", "world"]),
    ("lib", &[]),
];

/// What every service may know.
const SHARED: &[&str] = &[
    "arn",
    "buckets",
    "doubt",
    "fields",
    "lag",
    "model",
    "notice",
    "page",
    "partition",
    "policy",
    "refusal",
    "scenario",
    "service",
    "tags",
    "wildcard",
    "world",
];

/// The source files in a folder and below, tests apart.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs")
            && !name.starts_with("tests")
            && name != "layers"
        {
            found.push(path);
        }
    }
    found
}

/// The modules of the crate that a line names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).flat_map(|rest| {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let paths: Vec<_> = list.map_or_else(|| vec![rest], |list| list.split(", ").collect());
        paths.into_iter().map(|path| {
            let end = path.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            &path[..end.unwrap_or(path.len())]
        })
    })
}

#[test]
fn modules_know_only_what_is_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let place = |module: &str| KNOWS.iter().position(|(name, _)| *name == module);
    let is_service = |module: &str| root.join(module).join("model.json").exists();
    let mut wrong = Vec::new();
    for (at, (module, knows)) in KNOWS.iter().enumerate() {
        for known in knows.iter().filter(|known| place(known).is_none_or(|it| it >= at)) {
            wrong.push(format!("`{module}` comes before `{known}`"));
        }
    }
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).expect("it was found there");
        let module = inside.iter().next().expect("a name").to_string_lossy();
        let module = module.trim_end_matches(".rs");
        let at = place(module);
        let at = at.unwrap_or_else(|| panic!("say in this test what `{module}` may know"));
        let shared = if is_service(module) { SHARED } else { &[] };
        let text = read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            // Each would hide from this test what it names.
            let hides = (line.contains("crate::{") && !line.contains('}'))
                || line.contains("super::super")
                || (inside.iter().count() == 1 && line.contains("super::"));
            if hides {
                let place = format!("{}:{}", inside.display(), number + 1);
                wrong.push(format!("{place}: name modules by `crate::`, in one line"));
            }
            for other in named(line).filter(|other| place(other).is_some()) {
                let knows = KNOWS[at].1.contains(&other)
                    || shared.contains(&other)
                    || module == "services" && is_service(other);
                if other != module && !knows {
                    let place = format!("{}:{}", inside.display(), number + 1);
                    wrong.push(format!("{place}: `{module}` may not know `{other}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
