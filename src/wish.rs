//! What was asked for, as it was said: a manifest, the environment's variables and flags, as one [`Wish`]
//! in which every value knows where it came from.
//!
//! ```text
//! ecsup.toml ─────► file ───┐
//! flags, variables ► flags ──┼─► Wish ─► check ─► Spec
//! what runs ──────► beside ─┘
//! ```
//!
//! Flags alone are a manifest of one service. A flag goes before a variable, that before the file. In the
//! file the more specific place goes first, then the environment: service in environment, service,
//! defaults in environment, defaults, pattern, built-in. No command knows where a value came from; a
//! mistake is told where it was made.

mod beside;
mod check;
mod file;
mod flags;
pub mod key;
mod schema;
mod show;
mod substitute;
#[cfg(test)]
pub(crate) mod tests;
mod topic;
pub mod value;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use self::beside::Fallback;
pub use self::flags::{FileFlags, ServiceFlags};
pub use self::schema::{SCHEMA, schema};
pub use self::show::Form;
pub use self::substitute::Answers;
pub use self::topic::{TOPICS, topic};
use self::value::{Entry, Place, Said, Source, Table, Value};
use crate::spec::{EnvValue, ExistingNetwork, Image, Pattern, RunOn, Scheme, Spec, SpecError};

/// The manifest that is read when none is named.
pub const MANIFEST: &str = "ecsup.toml";

/// The variables of the environment, by name.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What is not a service's: the environment's over the file's, flags over both.
    pub table: Table,
    /// The services, in the order of the file.
    pub services: Vec<Wanted>,
    /// The name of the manifest, if there is one.
    pub manifest: Option<String>,
    /// Which environment of it.
    pub environment: Option<String>,
    /// Whether an existing stack changes to the newest machine image.
    pub refresh_ami: bool,
    /// Whether release commands are left out.
    pub skip_release: bool,
    /// What stands between `${` and `}` somewhere and only AWS knows, as long as nobody has asked it.
    pub open: BTreeSet<String>,
    /// Whether the zone was refused as a flag.
    no_dns: bool,
    /// What may go back to its default.
    accepted: BTreeSet<String>,
    problems: Vec<SpecError>,
    later: Vec<SpecError>,
}

/// A service, as it was said.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Where it was named, if it was.
    pub key: Option<Place>,
    /// Its keys, with those of `[defaults]` below them.
    pub table: Table,
}

impl Wish {
    /// Reads what was asked for. `folder` is where the manifest is looked for. What only AWS can fill in stays
    /// [`open`](Self::open).
    pub fn read(flags: &ServiceFlags, folder: &Path, variables: Variables<'_>) -> Self {
        Self::read_with(flags, folder, variables, &Answers::default())
    }

    /// The same, with what AWS has answered.
    pub fn read_with(
        flags: &ServiceFlags,
        folder: &Path,
        variables: Variables<'_>,
        answers: &Answers,
    ) -> Self {
        match source(&flags.manifest, folder) {
            Ok(Some(source)) => Self::of_file(&Rc::new(source), flags, variables, answers),
            Ok(None) => Self::of_flags(flags),
            Err((name, error)) => {
                Self { manifest: Some(name), problems: vec![error], ..Self::empty() }
            }
        }
    }

    /// What flags alone ask for: a manifest of one service.
    pub fn of_flags(flags: &ServiceFlags) -> Self {
        let mut wish = Self {
            refresh_ami: flags.refresh_ami,
            skip_release: flags.skip_release,
            no_dns: flags.no_dns,
            ..Self::empty()
        };
        if let Some(environment) = &flags.manifest.environment {
            let rule = format!(
                "means nothing without a manifest: there is no ./{MANIFEST}, and no --file is said"
            );
            wish.problems.push(SpecError::new("--environment", environment, rule));
        }
        flags.say_stack(&mut wish.table, &mut wish.problems);
        let pattern = flags.pattern.unwrap_or(Pattern::InternalWorker);
        let mut table = Table::default();
        flags.say_service(&mut table, &mut wish.problems);
        // Of one service it may be said whose it is.
        let name = flags.service.as_deref().unwrap_or(pattern.default_service());
        for (flag, key, given) in
            [("--image", "image", &flags.image), ("--count", "count", &flags.count)]
        {
            let Some(said) = given.last() else { continue };
            let text = match of_whom(said) {
                (Some(of), text) if of == name => text,
                _ => said,
            };
            table.set(key, Value::Text(text.to_owned()), &flags.place(flag));
        }
        flags.say_ingress(&mut wish.table, pattern.scheme());
        let key = flags.service.as_ref().map(|_| flags.place("--service"));
        wish.services.push(Wanted { name: name.to_owned(), key, table });
        wish
    }

    fn empty() -> Self {
        Self {
            table: Table::default(),
            services: Vec::new(),
            manifest: None,
            environment: None,
            refresh_ami: false,
            skip_release: false,
            open: BTreeSet::new(),
            no_dns: false,
            accepted: BTreeSet::new(),
            problems: Vec::new(),
            later: Vec::new(),
        }
    }

    /// What a manifest asks for, and flags beside it.
    fn of_file(
        source: &Rc<Source>,
        flags: &ServiceFlags,
        variables: Variables<'_>,
        answers: &Answers,
    ) -> Self {
        let (manifest, mut problems) = file::read(source);
        let mut wish = Self {
            manifest: Some(source.name.clone()),
            refresh_ami: flags.refresh_ami,
            skip_release: flags.skip_release,
            no_dns: flags.no_dns,
            later: manifest.later,
            ..Self::empty()
        };
        check::check_places(&manifest.table, "", &mut problems);
        let mut top = manifest.table;
        let environments = take(&mut top, "environment");
        let chosen = choose(environments.as_ref(), flags, source, &mut problems);
        let (defaults, services) = (take(&mut top, "defaults"), take(&mut top, "service"));
        wish.environment = chosen.as_ref().map(|(name, _)| name.clone());
        let mut here = chosen.map(|(_, table)| table).unwrap_or_default();
        let (defaults_here, services_here) =
            (take(&mut here, "defaults"), take(&mut here, "service"));
        if let (Some(name), None, Some(stack)) =
            (&wish.environment, here.at("stack"), top.0.get_mut("stack"))
            && let Value::Text(text) = &mut stack.said.value
        {
            *text = format!("{text}-{name}");
        }
        top.overlay(&here);

        let mut named: Vec<(String, Entry)> = services.unwrap_or_default().0.into_iter().collect();
        named.sort_by_key(|(_, entry)| entry.key.spot().map_or(0, |spot| spot.span.start));
        for (name, entry) in named {
            let mut table = defaults.clone().unwrap_or_default();
            lay_over(&mut table, &defaults_here.clone().unwrap_or_default());
            let here = services_here.as_ref().and_then(|it| it.get(&name));
            let own = [Some(&entry.said), here].into_iter().flatten();
            let own: Vec<_> = own.filter_map(Said::table).collect();
            let ingress = own.iter().rev().find_map(|it| it.text("ingress"));
            // What is shared of load balancers is not for a service that none leads to.
            if ingress.or_else(|| table.text("ingress")) == Some("none") {
                for key in ["port", "health"] {
                    table.0.remove(key);
                }
                if let Some(scaling) = table.table_mut("scaling") {
                    scaling.0.remove("requests");
                }
            }
            own.into_iter().for_each(|own| lay_over(&mut table, own));
            wish.services.push(Wanted { name, key: Some(entry.key), table });
        }
        wish.table = top;
        wish.say(flags, defaults.as_ref(), &mut problems);
        let meant = |pair: &&EnvValue| {
            environments.as_ref().is_some_and(|it| it.get(pair.as_str()).is_some())
        };
        if let Some(pair) = flags.env.iter().find(meant) {
            let name = pair.as_str();
            problems.retain(|problem| problem.field != "--env");
            let rule = format!("needs `=`; did you mean --environment {name}?");
            problems.push(SpecError::new("--env", name, rule));
        }
        let stack = wish.table.text("stack").unwrap_or_default().to_owned();
        let mut known = substitute::Known {
            stack: stack.clone(),
            environment: wish.environment.clone(),
            region: wish.table.text("region").map(str::to_owned),
            account: wish.table.text("account").map(str::to_owned),
            variables,
            answers,
            open: BTreeSet::new(),
        };
        known.fill(&mut wish.table, "", &mut problems);
        for service in &mut wish.services {
            known.fill(&mut service.table, &format!("service.{}", service.name), &mut problems);
        }
        wish.open = known.open;
        for service in &mut wish.services {
            service.prefix_secrets(&format!("/{stack}/"));
        }
        wish.services.retain(|service| service.table.text("enabled") != Some("false"));
        wish.problems = problems;
        wish
    }

    /// Lays flags over what a manifest says.
    fn say(
        &mut self,
        flags: &ServiceFlags,
        defaults: Option<&Table>,
        problems: &mut Vec<SpecError>,
    ) {
        let file = self.manifest.clone().unwrap_or_default();
        if let Some(pattern) = flags.pattern {
            let said = self.table.text("pattern").map(str::to_owned);
            if said.as_deref() != Some(pattern.name()) {
                let other = said.map_or("says none".to_owned(), |said| format!("says `{said}`"));
                let rule = format!("must agree with {file}, which {other}");
                problems.push(SpecError::new("--pattern", pattern.name(), rule));
            }
        }
        if let Some(name) =
            flags.service.as_deref().filter(|name| self.services.iter().all(|it| it.name != **name))
        {
            problems.push(SpecError::new(
                "--service",
                name,
                format!("is not a service of {file}, which says which there are"),
            ));
        }
        let pinned = self.table.text("pattern").map(str::to_owned);
        flags.say_stack(&mut self.table, problems);
        if let (Some(pinned), Some(entry)) = (pinned, self.table.0.get_mut("pattern")) {
            entry.said.value = Value::Text(pinned);
        }
        let several = self.services.len() != 1;
        let whose = "is of one service, and the manifest has several: write it there";
        for (flag, _, text) in flags.of_service() {
            if let Some(text) = text.filter(|_| several) {
                problems.push(SpecError::new(flag, text, whose));
            }
        }
        if several && !flags.env.is_empty() {
            problems.push(SpecError::new("--env", "", whose));
        }
        if let ([only], false) = (self.services.as_mut_slice(), several) {
            flags.say_service(&mut only.table, problems);
            if let Some(host) = only.table.0.remove("host") {
                let place = host.key.clone();
                only.table.set("hosts", Value::List(vec![host.said]), &place);
            }
        }
        self.say_counts(flags, problems);
        self.say_images(flags, defaults, problems);
        self.say_ingress(flags, problems);
    }

    fn say_counts(&mut self, flags: &ServiceFlags, problems: &mut Vec<SpecError>) {
        for text in &flags.count {
            let (name, count) = of_whom(text);
            if let Some(service) = self.one(name, "--count", text, problems) {
                service.table.0.remove("scaling");
                service.table.set("count", Value::Text(count.to_owned()), &flags.place("--count"));
            }
        }
    }

    fn say_images(
        &mut self,
        flags: &ServiceFlags,
        defaults: Option<&Table>,
        problems: &mut Vec<SpecError>,
    ) {
        let place = flags.place("--image");
        for text in &flags.image {
            let (name, image) = of_whom(text);
            let shared = defaults.is_some_and(|it| it.get("image").is_some());
            if name.is_none() && self.services.len() > 1 && shared {
                let is_of_defaults = |service: &&mut Wanted| {
                    let own = service.table.at("image").and_then(|said| said.place.spot());
                    let shared =
                        defaults.and_then(|it| it.at("image")).and_then(|said| said.place.spot());
                    own.map(|spot| spot.span.start) == shared.map(|spot| spot.span.start)
                };
                for service in self.services.iter_mut().filter(is_of_defaults) {
                    service.say_image(image, &place);
                }
                continue;
            }
            if let Some(service) = self.one(name, "--image", text, problems) {
                service.say_image(image, &place);
            }
        }
    }

    /// The zone and the ranges are those of the only load balancer that there is.
    fn say_ingress(&mut self, flags: &ServiceFlags, problems: &mut Vec<SpecError>) {
        let typed = [
            ("--allow", !flags.allow.is_empty()),
            ("--zone", flags.zone.is_some()),
            ("--no-dns", flags.no_dns),
        ];
        let Some((first, _)) = typed.into_iter().find(|(_, typed)| *typed) else { return };
        let used: Vec<_> = Scheme::ALL.into_iter().filter(|scheme| self.uses(*scheme)).collect();
        let [scheme] = used[..] else {
            let rule =
                "is of one load balancer, and the manifest has several or none: write it there";
            problems.push(SpecError::new(first, "", rule));
            return;
        };
        flags.say_ingress(&mut self.table, scheme);
        if flags.no_dns {
            let path = format!("ingress.{}.zone", scheme.word());
            self.table.set(&path, Value::Text("false".to_owned()), &flags.place("--no-dns"));
        }
    }

    /// The network that somebody else made, as it was said, if it was.
    pub fn existing_network(&self) -> Option<ExistingNetwork> {
        let table = self.table.table("network.existing")?;
        let ids = |key: &str| {
            let said = table.texts(key).unwrap_or_default();
            said.into_iter().map(|(id, _)| id.to_owned()).collect()
        };
        Some(ExistingNetwork {
            vpc: table.text("vpc")?.to_owned(),
            public: ids("public_subnets"),
            private: ids("private_subnets"),
        })
    }

    /// The load balancers that lead to a service, as it says or the pattern does. Without either, those of
    /// the pattern that takes every flag.
    fn schemes_of(&self, service: &Wanted) -> Vec<Scheme> {
        match service.table.text("ingress") {
            Some("both") => Scheme::ALL.to_vec(),
            Some(said) => Scheme::ALL.into_iter().filter(|it| it.word() == said).collect(),
            None => vec![self.usual_pattern().scheme()],
        }
    }

    /// What a service runs on, likewise.
    fn run_on(&self, service: &Wanted) -> RunOn {
        let all = [RunOn::Instances, RunOn::Fargate].into_iter();
        let said = service.table.text("run_on");
        let said = said.and_then(|said| all.into_iter().find(|it| it.word() == said));
        said.unwrap_or_else(|| self.usual_pattern().run_on())
    }

    /// Whether some service uses the load balancer of a scheme.
    fn uses(&self, scheme: Scheme) -> bool {
        self.services.iter().any(|service| self.schemes_of(service).contains(&scheme))
    }

    /// Whether some service runs on instances.
    pub fn has_instances(&self) -> bool {
        self.services.iter().any(|service| self.run_on(service) == RunOn::Instances)
    }

    /// The service that a flag is about: the named one, or the only one.
    fn one(
        &mut self,
        name: Option<&str>,
        flag: &'static str,
        text: &str,
        problems: &mut Vec<SpecError>,
    ) -> Option<&mut Wanted> {
        let names: Vec<_> = self.services.iter().map(|it| it.name.clone()).collect();
        let index = match name {
            Some(name) => names.iter().position(|it| it == name),
            None => (names.len() == 1).then_some(0),
        };
        if index.is_none() {
            let what = flag.trim_start_matches('-').to_uppercase();
            let rule = match name {
                Some(name) => {
                    format!("there is no service `{name}`; there are {}", names.join(", "))
                }
                None => format!(
                    "there are several services: say which one it is for, as in {flag} {}={what}",
                    names.first().map_or("NAME", String::as_str)
                ),
            };
            problems.push(SpecError::new(flag, text, rule));
        }
        self.services.get_mut(index?)
    }

    /// The preset, if there is one.
    pub fn pattern(&self) -> Option<Pattern> {
        self.table.text("pattern").and_then(Pattern::named)
    }

    /// The preset; without one, that which takes every flag.
    fn usual_pattern(&self) -> Pattern {
        self.pattern().unwrap_or(Pattern::InternalWorker)
    }

    /// Whether it was said by flags alone.
    pub fn is_by_flags(&self) -> bool {
        self.manifest.is_none()
    }

    /// Checks what was asked for, and fills in what was not. Answers everything that is wrong at once: of a
    /// file in its order, of flags in the order of their help.
    pub fn check(&self) -> Result<Spec, Vec<SpecError>> {
        check::check(self)
    }

    /// Checks as much of it as can be checked while something of it is open: what was wrong where it was
    /// written.
    pub fn check_open(&self) -> Result<(), Vec<SpecError>> {
        match [&self.problems, &self.later].into_iter().find(|errors| !errors.is_empty()) {
            Some(errors) => Err(file::in_order(errors.clone())),
            None => Ok(()),
        }
    }
}

impl Wanted {
    /// Gives the names of parameters that have no `/` what stands before them.
    fn prefix_secrets(&mut self, usual: &str) {
        let prefix = self.table.text("secrets_prefix").unwrap_or(usual).to_owned();
        let mut all: Vec<&mut Said> = Vec::new();
        for (name, entry) in &mut self.table.0 {
            match name.as_str() {
                "secrets" => all.push(&mut entry.said),
                "sidecar" => {
                    let sidecars = entry.said.table_mut().into_iter();
                    all.extend(sidecars.flat_map(|it| it.0.values_mut()).filter_map(|sidecar| {
                        sidecar.said.table_mut()?.0.get_mut("secrets").map(|it| &mut it.said)
                    }));
                }
                _ => {}
            }
        }
        for entry in all.into_iter().filter_map(Said::table_mut).flat_map(|it| it.0.values_mut()) {
            let Value::Text(text) = &mut entry.said.value else { continue };
            let is_name = !text.is_empty() && !text.contains(['/', ':']);
            if is_name {
                text.insert_str(0, &prefix);
            }
        }
    }

    /// Says another image, or with `:TAG` another tag of the one that was said.
    fn say_image(&mut self, image: &str, place: &Place) {
        let said = self.table.text("image").unwrap_or_default();
        let image = match image.strip_prefix(':') {
            Some(tag) if !said.is_empty() => Image::with_tag(said, tag),
            _ => image.to_owned(),
        };
        self.table.set("image", Value::Text(image), place);
    }
}

/// What flags alone ask for, checked.
pub fn spec_of_flags(flags: &ServiceFlags) -> Result<Spec, Vec<SpecError>> {
    Wish::of_flags(flags).check()
}

/// Lays the keys of a service over those of a more general place. How many tasks there are, the more specific
/// one says either way.
fn lay_over(table: &mut Table, over: &Table) {
    for (said, other) in [("count", "scaling"), ("scaling", "count")] {
        if over.get(said).is_some() {
            table.0.remove(other);
        }
    }
    // Likewise whose role it is.
    if over.get("task_role").is_some() {
        table.0.remove("policies");
        table.0.remove("permissions");
    }
    if over.get("policies").is_some() || over.get("permissions").is_some() {
        table.0.remove("task_role");
    }
    table.overlay(over);
}

/// `NAME=TEXT`, of which the name may be missing.
fn of_whom(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, text)) => (Some(name), text),
        None => (None, text),
    }
}

/// Takes a table out of another.
fn take(table: &mut Table, name: &str) -> Option<Table> {
    match table.0.remove(name)?.said.value {
        Value::Table(table) => Some(table),
        Value::Text(_) | Value::List(_) => None,
    }
}

/// The environment that is meant.
fn choose(
    environments: Option<&Table>,
    flags: &ServiceFlags,
    source: &Source,
    problems: &mut Vec<SpecError>,
) -> Option<(String, Table)> {
    let name = flags.manifest.environment.as_deref();
    let Some(environments) = environments.filter(|it| !it.0.is_empty()) else {
        if let Some(name) = name {
            let rule = format!("{} has no environments", source.name);
            problems.push(SpecError::new("--environment", name, rule));
        }
        return None;
    };
    let names: Vec<_> = environments.0.keys().map(String::as_str).collect();
    let Some(name) = name else {
        let first = environments.0.values().filter_map(|entry| entry.key.spot());
        let first = first.min_by_key(|spot| spot.span.start);
        let example =
            first.and_then(|spot| spot.source.text.get(spot.span.clone())).unwrap_or("NAME");
        let rule = format!("this manifest has environments: say which, --environment {example}");
        let error = SpecError::new("", "", rule);
        problems.push(match first {
            Some(spot) => error.at(spot.at()),
            None => error,
        });
        return None;
    };
    match environments.table(name) {
        Some(table) => Some((name.to_owned(), table.clone())),
        None => {
            let rule =
                format!("{} has no such environment; there are {}", source.name, names.join(", "));
            problems.push(SpecError::new("--environment", name, rule));
            None
        }
    }
}

/// Finds the manifest and reads it. Nothing when there is none and none was named. An error comes with the
/// name of the file that it is of.
fn source(flags: &FileFlags, folder: &Path) -> Result<Option<Source>, (String, SpecError)> {
    if flags.no_file {
        return Ok(None);
    }
    let path = flags.file.clone().unwrap_or_else(|| PathBuf::from(MANIFEST));
    let name = path.display().to_string();
    let refused = |why: String| {
        let field = if flags.file.is_some() { "--file" } else { "" };
        let error = SpecError::new(field, name.clone(), format!("cannot be read: {why}"));
        (name.clone(), error)
    };
    match std::fs::read(folder.join(&path)) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Source { name, text })),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(refused(format!("it is no UTF-8 text from byte {at} on")))
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound && flags.file.is_none() => Ok(None),
        Err(error) => Err(refused(error.to_string())),
    }
}
