//! A wish beside what runs: images that were not said stay, and by flags alone nothing else goes back to a
//! default unseen.

mod containers;

use std::collections::BTreeSet;

use self::containers::{commands_of, health_of, say_container};
use super::key::Key;
use super::value::{Place, Table, Value};
use super::{Wanted, Wish};
use crate::facts::{Running, RunningBalancer, RunningService};
use crate::names::default_zone;
use crate::spec::{
    DEFAULT_IMAGE, ExistingNetwork, Image, NOT_FOUND, Pattern, Permission, RunOn, Scaling, Scheme,
    SpecError, TaskRole, dns,
};

/// Something that runs, was not said this time, and would go back to a default.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// The flag that says it, such as `--count`.
    flag: &'static str,
    /// What it is; of a variable only its name.
    was: String,
    /// What it would be.
    becomes: String,
    keep: Keep,
}

/// How what runs is said.
#[derive(Debug, Clone)]
enum Keep {
    Stack(String, Value),
    Service(String, Value),
    Variable(String, String),
    Secret(String, String),
    Name(String),
}

impl std::fmt::Display for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.becomes.is_empty() {
            true => write!(f, "{} {} (removed)", self.flag, self.was),
            false => write!(f, "{} {} → {}", self.flag, self.was, self.becomes),
        }
    }
}

impl Fallback {
    /// Something that runs and would become another, if it would.
    fn new(
        flag: &'static str,
        was: String,
        becomes: &str,
        keep: impl FnOnce(&str) -> Keep,
    ) -> Option<Self> {
        let keep = (was != becomes).then(|| keep(&was))?;
        Some(Self { flag, was, becomes: becomes.to_owned(), keep })
    }
}

impl Wish {
    /// The wish as far as it can be checked before anybody knows what runs: with an image for each service
    /// that says none.
    #[must_use]
    pub fn drafted(&self) -> Self {
        let mut wish = self.clone();
        for service in &mut wish.services {
            if service.leaves_image_open() {
                service.table.set("image", text(DEFAULT_IMAGE), &Place::Running);
            }
        }
        wish
    }

    /// Lets images stay that were not said, and says which: an image never falls back to a default. With
    /// `keep` all of them stay.
    pub fn keep_images(&mut self, running: &Running, keep: bool) -> Vec<String> {
        let mut notes = Vec::new();
        let is_new = running.services.is_empty();
        let by_flags = self.is_by_flags();
        for service in &mut self.services {
            let said = service.table.text("image").map(str::to_owned);
            let runs = running.images.get(&service.name);
            let image = match (said, runs) {
                (Some(said), Some(runs)) if said.starts_with(':') => {
                    Image::with_tag(runs, &said[1..])
                }
                (said, Some(runs)) if keep || said.is_none() => {
                    let is_usual = by_flags && runs == DEFAULT_IMAGE;
                    if said.as_ref() != Some(runs) && !is_usual {
                        notes.push(format!(
                            "the image {runs} of {} stays: none was said",
                            service.name
                        ));
                    }
                    runs.clone()
                }
                (None, None) if by_flags && is_new => DEFAULT_IMAGE.to_owned(),
                _ => continue,
            };
            service.table.set("image", text(&image), &Place::Running);
        }
        if by_flags && !is_new {
            // What it is told of has a name by now.
            for service in
                self.services.iter().filter(|service| service.table.text("image").is_none())
            {
                let rule = format!(
                    "is not said, and none of `{}` runs that could stay: say one",
                    service.name
                );
                self.problems.push(SpecError::new("--image", "", rule));
            }
        }
        notes
    }

    /// Whether some service says no image.
    pub fn says_no_image(&self) -> bool {
        self.services.iter().any(|service| service.table.at("image").is_none())
    }

    /// Whether a service says no image, or only its tag.
    pub fn leaves_image_open(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.name == name && service.leaves_image_open())
    }

    /// What was not said by flags and would go back to a default.
    pub fn fallbacks(&self, running: &Running) -> Vec<Fallback> {
        let (true, [wanted]) = (self.is_by_flags(), self.services.as_slice()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut name = wanted.name.clone();
        let only = running.services.keys().next().filter(|_| running.services.len() == 1);
        if let Some(only) = only.filter(|only| wanted.key.is_none() && **only != name) {
            let (was, keep) = (only.clone(), Keep::Name(only.clone()));
            let becomes = std::mem::replace(&mut name, only.clone());
            found.push(Fallback { flag: "--service", was, becomes, keep });
        }
        self.stack_fallbacks(running, &mut found);
        if let Some(runs) = running.services.get(&name) {
            service_fallbacks(wanted, runs, &mut found);
        }
        found.retain(|fallback| !self.accepted.contains(&fallback.to_string()));
        found
    }

    /// What runs, is not said by the manifest and goes back to its default with it, in words.
    pub fn defaults_again(&self, running: &Running) -> Vec<String> {
        if self.is_by_flags() {
            return Vec::new();
        }
        let again = |path: String, was: Option<String>, usual: &str| {
            let was = was.filter(|was| was != usual && !usual.is_empty())?;
            Some(format!("{path} {was} → {usual} (default)"))
        };
        let is_existing = self.table.at(EXISTING_NETWORK).is_some();
        let usual_run_on = self.usual_pattern().run_on();
        let on_instances = |it: &Wanted| match it.table.text("run_on") {
            Some(said) => said == "instances",
            None => usual_run_on == RunOn::Instances,
        };
        // What is gone as a whole goes back to nothing.
        let no_instances = !self.services.iter().any(on_instances);
        let of_stack = of_stack(running).into_iter().filter(|(path, _)| {
            // Nor does the one mean anything where the other is said.
            let is_said = |path: &str| self.table.at(path).is_some();
            let has_types = TYPES.contains(path) && TYPES.iter().any(|path| is_said(path));
            let is_elsewhere = is_existing && path.starts_with("network.");
            let is_gone = no_instances && path.starts_with("capacity.");
            ![is_said(path), has_types, is_elsewhere, is_gone].contains(&true)
        });
        let mut all: Vec<_> = of_stack
            .filter_map(|(path, was)| again(path.to_owned(), was, Key::usual(path)))
            .collect();
        for wanted in &self.services {
            let Some(runs) = running.services.get(&wanted.name) else { continue };
            // How many tasks there are is then said otherwise, and nobody asks whether they are healthy.
            let scales = wanted.table.at("scaling").is_some();
            let is_hidden = wanted.table.text("ingress") == Some("none");
            let unsaid = of_service(runs).into_iter().filter(|(path, _)| {
                let is_moot =
                    *path == "count" && scales || path.starts_with("health.") && is_hidden;
                wanted.table.at(path).is_none() && !is_moot
            });
            all.extend(unsaid.filter_map(|(path, was)| {
                let usual = Key::usual(&format!("service.NAME.{path}"));
                again(format!("service.{}.{path}", wanted.name), was, usual)
            }));
        }
        all
    }

    fn stack_fallbacks(&self, running: &Running, found: &mut Vec<Fallback>) {
        let pattern = self.usual_pattern();
        let on_instances = pattern.run_on() == RunOn::Instances;
        let rows = of_stack(running).into_iter();
        let rows = rows.filter(|(path, _)| on_instances || !path.starts_with("capacity."));
        found.extend(rows.filter_map(|(path, was)| {
            let was = was.filter(|_| self.table.at(path).is_none())?;
            let flag = Key::flag(path).or_else(|| path.rsplit('.').next()).unwrap_or(path);
            Fallback::new(flag, was, Key::usual(path), |was| {
                Keep::Stack(path.to_owned(), text(was))
            })
        }));
        let types = running.instances.as_ref().map(|it| it.instance_types.clone());
        let is_said = TYPES.iter().any(|path| self.table.at(path).is_some());
        if let Some(types) = types.filter(|_| on_instances && !is_said) {
            let keep = |_: &str| Keep::Stack("capacity.instance_types".to_owned(), list(&types));
            found.extend(Fallback::new("instance_types", types.join(", "), "", keep));
        }
        let existing = running.existing_network.as_ref();
        if let Some(existing) = existing.filter(|_| self.table.at(EXISTING_NETWORK).is_none()) {
            let keep = |_: &str| Keep::Stack(EXISTING_NETWORK.to_owned(), network_table(existing));
            found.extend(Fallback::new("network.existing", existing.vpc.clone(), "", keep));
        }
        let endpoints = running.endpoints.iter().cloned().collect::<Vec<_>>();
        if self.table.at("network.endpoints").is_none() {
            let keep = |_: &str| Keep::Stack("network.endpoints".to_owned(), list(&endpoints));
            found.extend(Fallback::new("--endpoints", endpoints.join(","), "", keep));
        }
        let scheme = pattern.scheme();
        let path = format!("ingress.{}.allow", scheme.word());
        let balancer = running.balancers.iter().find(|it| it.scheme == scheme);
        if let Some(balancer) = balancer.filter(|_| self.table.at(&path).is_none()) {
            let vpc = self.table.text("network.vpc_cidr").or(running.vpc_cidr.as_deref());
            let usual = usual_range(scheme, vpc);
            if balancer.allow.iter().any(|range| *range != usual) || is_open(running, scheme) {
                let allow = balancer.allow.iter().cloned().collect::<Vec<_>>();
                let keep = |_: &str| Keep::Stack(path, list(&allow));
                found.extend(Fallback::new("--allow", allow.join(","), &usual, keep));
            }
        }
        for (key, runs, usual) in balancer.into_iter().flat_map(of_balancer) {
            let path = format!("ingress.{}.{key}", scheme.word());
            let Some(runs) = runs.filter(|_| self.table.at(&path).is_none()) else { continue };
            found.extend(Fallback::new(key, runs, usual, |runs| Keep::Stack(path, text(runs))));
        }
        let certificates = balancer.map(|it| it.certificates.as_slice()).unwrap_or_default();
        let path = format!("ingress.{}.certificates", scheme.word());
        if self.table.at(&path).is_none() {
            let keep = |_: &str| Keep::Stack(path, list(certificates));
            found.extend(Fallback::new("certificates", certificates.join(", "), "", keep));
        }
        let host = self.services.first().and_then(|service| service.table.text("host"));
        let existing = balancer.and_then(|it| it.existing_zone.clone());
        let path = format!("ingress.{}.existing_zone", scheme.word());
        if let Some(zone) = existing.filter(|_| self.table.at(&path).is_none()) {
            let keep = |zone: &str| Keep::Stack(path, text(zone));
            found.extend(Fallback::new("existing_zone", zone, "", keep));
        }
        let path = format!("ingress.{}.zone", scheme.word());
        if self.table.at(&path).is_none() && host.is_none() && !self.no_dns {
            let stack = self.stack_name().and_then(|stack| stack.parse().ok());
            let usual = stack.map(|stack| default_zone(&stack));
            let usual = usual.filter(|_| scheme == Scheme::Internal).unwrap_or_default();
            if let Some(zone) = running.zones.iter().find(|zone| **zone != usual) {
                let keep = |zone: &str| Keep::Stack(path, text(zone));
                found.extend(Fallback::new("--zone", zone.clone(), &usual, keep));
            }
        }
        if let (Some(other), None) = (self.other_host(running), host) {
            let keep = |host: &str| Keep::Service("host".to_owned(), text(host));
            found.extend(Fallback::new("--host", other, "", keep));
        }
    }

    /// A name of the service in a zone that is not the usual one.
    fn other_host(&self, running: &Running) -> Option<String> {
        let [wanted] = self.services.as_slice() else { return None };
        let (name, service) = match wanted.key {
            Some(_) => running.services.get_key_value(&wanted.name)?,
            None => running.services.first_key_value()?,
        };
        service.names.iter().find(|host| !running.is_usual_name(name, host)).cloned()
    }

    /// The stack's name, as it was said or as the pattern gives it.
    pub fn stack_name(&self) -> Option<String> {
        let said = self.table.text("stack").map(str::to_owned);
        said.or_else(|| self.pattern().filter(|_| self.is_by_flags()).map(|it| it.to_string()))
    }

    /// Lets something go back to its default.
    pub fn accept(&mut self, fallback: &Fallback) {
        self.accepted.insert(fallback.to_string());
    }

    /// Tells of a flag, which is all that look-ups know, where the file says the same.
    #[must_use]
    pub fn locate(&self, error: SpecError) -> SpecError {
        let Some(path) = Key::of_flag(&error.field).filter(|_| !self.is_by_flags()) else {
            return error;
        };
        // Several types are said otherwise than one.
        let [one, several] = TYPES;
        let is_several = path == one && self.table.at(one).is_none();
        let path = if is_several && self.table.at(several).is_some() { several } else { path };
        let mut rule = error.rule;
        for (path, flag) in Key::flags() {
            let name = path.rsplit('.').next().unwrap_or(path);
            rule = rule.replace(&format!("{flag} "), &format!("`{name}` "));
        }
        let said = |full: String, table: &Table, path: &str| {
            let said = table.at(path)?;
            Some((full, said.place.clone(), table.text(path) == Some(error.value.as_str())))
        };
        let mut places: Vec<_> =
            match (path.strip_prefix("service.*."), path.strip_prefix("ingress.*.")) {
                (Some(key), _) => {
                    let of =
                        |it: &Wanted| said(format!("service.{}.{key}", it.name), &it.table, key);
                    self.services.iter().filter_map(of).collect()
                }
                (_, Some(key)) => {
                    let paths = Scheme::ALL.map(|it| format!("ingress.{}.{key}", it.word()));
                    paths.iter().filter_map(|path| said(path.clone(), &self.table, path)).collect()
                }
                _ => said(path.to_owned(), &self.table, path).into_iter().collect(),
            };
        places.sort_by_key(|(_, _, is_same)| !is_same);
        match places.into_iter().next() {
            Some((field, place, _)) => place.tell(SpecError::new(field, error.value, rule)),
            None => SpecError::new(path.to_owned(), error.value, rule),
        }
    }

    /// Says what runs, so that it stays.
    pub fn keep(&mut self, fallback: &Fallback) {
        let place = Place::Running;
        match &fallback.keep {
            Keep::Stack(path, value) => self.table.set(path, value.clone(), &place),
            Keep::Service(path, value) => {
                self.services
                    .iter_mut()
                    .for_each(|service| service.table.set(path, value.clone(), &place));
            }
            Keep::Variable(name, value) => {
                self.services
                    .iter_mut()
                    .for_each(|service| service.table.set_in("env", name, text(value), &place));
            }
            Keep::Secret(name, source) => {
                self.services.iter_mut().for_each(|service| {
                    service.table.set_in("secrets", name, text(source), &place);
                });
            }
            Keep::Name(name) => self.services.iter_mut().for_each(|service| {
                service.name.clone_from(name);
                service.key = Some(place.clone());
            }),
        }
    }

    /// What runs, as it would be said: the manifest of a stack that has none.
    pub fn of_running(stack: &str, running: &Running) -> Self {
        let mut wish = Self { manifest: Some(super::MANIFEST.to_owned()), ..Self::empty() };
        let place = Place::Running;
        let pattern = running.pattern.as_deref().and_then(Pattern::named);
        let table = &mut wish.table;
        say(table, "stack", Some(stack.to_owned()), "");
        say(table, "pattern", pattern.map(|it| it.to_string()), "");
        say(table, "permissions_boundary", running.boundary.clone(), "");
        for (path, runs) in of_stack(running) {
            say(table, path, runs, Key::usual(path));
        }
        let types = running.instances.as_ref().map(|it| it.instance_types.as_slice());
        if let Some(types) = types.filter(|types| !types.is_empty()) {
            table.set("capacity.instance_types", list(types), &place);
        }
        if let Some(existing) = &running.existing_network {
            table.set(EXISTING_NETWORK, network_table(existing), &place);
        }
        say_list(table, "network.endpoints", &running.endpoints);
        for (key, value) in &running.tags {
            table.set_in("tags", key, text(value), &place);
        }
        for balancer in &running.balancers {
            let usual = usual_range(balancer.scheme, running.vpc_cidr.as_deref());
            let is_open = is_open(running, balancer.scheme);
            if balancer.allow.iter().any(|range| *range != usual) || is_open {
                say_list(
                    table,
                    &format!("ingress.{}.allow", balancer.scheme.word()),
                    &balancer.allow,
                );
            }
            let path = |key: &str| format!("ingress.{}.{key}", balancer.scheme.word());
            if !balancer.certificates.is_empty() {
                table.set(&path("certificates"), list(&balancer.certificates), &place);
            }
            for (key, runs, usual) in of_balancer(balancer) {
                say(table, &path(key), runs, usual);
            }
            let usual = (NOT_FOUND, String::new());
            if let Some((status, said)) = balancer.answer.as_ref().filter(|it| **it != usual) {
                table.set(&path("unknown.status"), text(&status.to_string()), &place);
                table.set(&path("unknown.text"), text(said), &place);
            }
        }
        for (name, service) in &running.services {
            let mut table = Table::default();
            say(&mut table, "image", Some(service.own.image.clone()), "");
            for (path, runs) in of_service(service) {
                say(&mut table, path, runs, Key::usual(&format!("service.NAME.{path}")));
            }
            say_container(&mut table, &service.own);
            let run_on = if service.is_on_fargate { RunOn::Fargate } else { RunOn::Instances };
            let usual = pattern.map_or("", |it| it.run_on().word());
            say(&mut table, "run_on", Some(run_on.word().to_owned()), usual);
            let ingress = match service.schemes.iter().collect::<Vec<_>>()[..] {
                [] => "none",
                [only] => only.word(),
                _ => "both",
            };
            let usual = pattern.map_or("", |it| it.scheme().word());
            say(&mut table, "ingress", Some(ingress.to_owned()), usual);
            say_list(&mut table, "hosts", &service.rules[0]);
            say_list(&mut table, "paths", &service.rules[1]);
            if let Some(scaling) = &service.scaling {
                table.overlay(&scaling_table(scaling));
            }
            let more = containers::of_service(service);
            for (path, _, value) in of_task_role(&service.task_role).into_iter().chain(more) {
                table.set(path, value, &place);
            }
            wish.services.push(Wanted { name: name.clone(), key: None, table });
        }
        wish.say_zones(stack, running);
        wish
    }

    /// The zones of what runs, and names in them that are not the usual ones.
    fn say_zones(&mut self, stack: &str, running: &Running) {
        let place = Place::Running;
        let usual = stack.parse().ok().map(|stack| default_zone(&stack)).unwrap_or_default();
        // A zone is of one load balancer: the internal one has one unless somebody says otherwise.
        let mut balancers: Vec<_> = running.balancers.iter().collect();
        balancers.sort_by_key(|balancer| balancer.scheme);
        let mut taken = BTreeSet::new();
        for balancer in balancers {
            let scheme = balancer.scheme;
            if let Some(zone) = &balancer.existing_zone {
                let path = format!("ingress.{}.existing_zone", scheme.word());
                self.table.set(&path, text(zone), &place);
                continue;
            }
            let of_it = |service: &&RunningService| service.schemes.contains(&scheme);
            let names: BTreeSet<_> =
                running.services.values().filter(of_it).flat_map(|it| &it.names).collect();
            let is_of_it = |zone: &&String| {
                let without_names = scheme == Scheme::Internal && names.is_empty();
                without_names || names.iter().any(|host| dns::lies_in(host, zone))
            };
            let path = format!("ingress.{}.zone", scheme.word());
            let free = running.zones.iter().filter(|zone| !taken.contains(zone));
            let zone = free.into_iter().find(is_of_it);
            taken.extend(zone);
            match (zone, scheme) {
                (Some(zone), Scheme::Internal) if *zone == usual => {}
                (Some(zone), _) => self.table.set(&path, text(zone), &place),
                (None, Scheme::Internal) => self.table.set(&path, text("false"), &place),
                (None, Scheme::InternetFacing) => {}
            }
        }
        // Of one service that has no rule, another name than the usual one is said as its host, and that it
        // answers to everything all the same.
        let ([only], Some((name, runs))) =
            (self.services.as_mut_slice(), running.services.first_key_value())
        else {
            return;
        };
        let is_usual = |host: &String| running.is_usual_name(name, host);
        if !runs.names.iter().all(is_usual) && only.table.at("hosts").is_none() {
            say_list(&mut only.table, "hosts", &runs.names);
            for scheme in &runs.schemes {
                self.table.set(&format!("ingress.{}.unknown", scheme.word()), text(name), &place);
            }
        }
    }
}

impl Wanted {
    /// Whether it says no image, or only its tag.
    fn leaves_image_open(&self) -> bool {
        self.table.text("image").is_none_or(|image| image.starts_with(':'))
    }
}

/// What of a service is a text, by its key.
fn of_service(runs: &RunningService) -> Vec<(&'static str, Option<String>)> {
    let health = runs.health.as_ref();
    let number = |it: Option<i32>| it.map(|it| it.to_string());
    let time = |it: Option<i32>| it.map(|it| format!("{it}s"));
    // Else it is each task's own.
    let port = health.map(|it| it.port.clone()).filter(|port| port.parse::<u16>().is_ok());
    // Without a load balancer it means nothing.
    let grace = runs.grace.filter(|_| health.is_some());
    let (percents, breaker) = (runs.percents, runs.circuit_breaker);
    let mut all = vec![
        ("cpu", runs.cpu.clone()),
        ("memory", runs.memory.clone()),
        ("port", runs.own.port.map(|port| port.to_string())),
        // Where it follows the load, it is nobody's wish.
        ("count", runs.count.filter(|_| runs.scaling.is_none()).map(|it| it.to_string())),
        ("health.path", health.map(|it| it.path.clone())),
        ("health.port", port),
        ("health.status", health.map(|it| it.status.clone())),
        ("health.interval", time(health.map(|it| it.interval))),
        ("health.timeout", time(health.map(|it| it.timeout))),
        ("health.healthy", number(health.map(|it| it.healthy))),
        ("health.unhealthy", number(health.map(|it| it.unhealthy))),
        ("health.grace", time(grace)),
        ("deploy.min_percent", number(percents.map(|it| it[0]))),
        ("deploy.max_percent", number(percents.map(|it| it[1]))),
        ("deploy.circuit_breaker", breaker.map(|it| it[0].to_string())),
        // Without the breaker there is none, whatever is said.
        ("deploy.rollback", breaker.filter(|it| it[0]).map(|it| it[1].to_string())),
        ("deploy.drain", runs.drain.as_ref().map(|it| format!("{it}s"))),
        ("stop_timeout", time(runs.own.stop_timeout)),
        ("exec", Some(runs.exec.to_string())),
        ("spot", runs.on_demand_base.map(|_| "true".to_owned())),
        ("on_demand_base", number(runs.on_demand_base)),
    ];
    all.extend(health_of(&runs.own));
    all
}

/// What of a load balancer is a text, by its key, and what it usually is.
fn of_balancer(runs: &RunningBalancer) -> [(&'static str, Option<String>, &'static str); 3] {
    let usual = |key: &str| Key::usual(&format!("ingress.internal.{key}"));
    [
        (
            "idle_timeout",
            runs.idle_timeout.as_ref().map(|it| format!("{it}s")),
            usual("idle_timeout"),
        ),
        ("tls_policy", runs.tls_policy.clone(), usual("tls_policy")),
        // With certificates it redirects unless somebody says otherwise.
        ("http", runs.http.map(str::to_owned), "redirect"),
    ]
}

/// What of the rest of a stack is a text, by its key.
fn of_stack(running: &Running) -> [(&'static str, Option<String>); 9] {
    let instances = running.instances.as_ref();
    let base = instances.and_then(|it| it.on_demand_base);
    let size = |at: usize| instances.and_then(|it| it.sizes[at]).map(|size| size.to_string());
    [
        ("capacity.instance_type", instances.and_then(|it| it.instance_type.clone())),
        ("capacity.spot", base.map(|_| "true".to_owned())),
        ("capacity.on_demand_base", base.map(|base| base.to_string())),
        (
            "capacity.volume_gib",
            instances.and_then(|it| it.volume_gib).map(|size| size.to_string()),
        ),
        ("logs.retention_days", running.retention_days.map(|days| days.to_string())),
        ("capacity.min_size", size(0)),
        ("capacity.max_size", size(1)),
        ("network.nat", running.nat.map(|nat| nat.to_string())),
        ("network.vpc_cidr", running.vpc_cidr.clone()),
    ]
}

/// The range that may reach a load balancer unless somebody says otherwise.
fn usual_range(scheme: Scheme, vpc: Option<&str>) -> String {
    match scheme {
        Scheme::Internal => vpc.unwrap_or(Key::usual("network.vpc_cidr")).to_owned(),
        Scheme::InternetFacing => "0.0.0.0/0".to_owned(),
    }
}

/// Whether the ranges that may reach a load balancer are those of a VPC that is not the stack's own, for all
/// that its listings tell.
fn is_open(running: &Running, scheme: Scheme) -> bool {
    running.existing_network.is_some() && scheme == Scheme::Internal
}

/// The keys that say of which types instances are.
const TYPES: [&str; 2] = ["capacity.instance_type", "capacity.instance_types"];

/// The key of a network that somebody else made.
const EXISTING_NETWORK: &str = "network.existing";

/// The same as a table.
fn network_table(existing: &ExistingNetwork) -> Value {
    let mut table = Table::default();
    say(&mut table, "vpc", Some(existing.vpc.clone()), "");
    say_list(&mut table, "public_subnets", &existing.public);
    say_list(&mut table, "private_subnets", &existing.private);
    Value::Table(table)
}

/// Says what runs, unless it is the usual.
fn say(table: &mut Table, path: &str, runs: Option<String>, usual: &str) {
    if let Some(runs) = runs.filter(|runs| runs != usual) {
        table.set(path, text(&runs), &Place::Running);
    }
}

/// Says several of what runs, if there are some.
fn say_list(table: &mut Table, path: &str, runs: &BTreeSet<String>) {
    if !runs.is_empty() {
        let runs: Vec<_> = runs.iter().cloned().collect();
        table.set(path, list(&runs), &Place::Running);
    }
}

/// How a service scales, as it would be said.
fn scaling_table(scaling: &Scaling) -> Table {
    let mut table = Table::default();
    let mut say = |key: &str, runs: String| {
        let usual = Key::usual(&format!("service.NAME.scaling.{key}"));
        say(&mut table, &format!("scaling.{key}"), Some(runs), usual);
    };
    say("min", scaling.min.to_string());
    say("max", scaling.max.to_string());
    for (key, aim) in scaling.aims() {
        say(key, aim.to_string());
    }
    for (key, cooldown) in
        [("cooldown_in", scaling.cooldown_in), ("cooldown_out", scaling.cooldown_out)]
    {
        let seconds = cooldown.as_secs();
        say(
            key,
            match seconds % 60 {
                0 if seconds > 0 => format!("{}m", seconds / 60),
                _ => format!("{seconds}s"),
            },
        );
    }
    table
}

fn service_fallbacks(wanted: &Wanted, runs: &RunningService, found: &mut Vec<Fallback>) {
    found.extend(of_service(runs).into_iter().filter_map(|(path, was)| {
        let was = was.filter(|_| wanted.table.at(path).is_none())?;
        let usual = Key::usual(&format!("service.NAME.{path}"));
        // What only a manifest says is called by its key.
        let flag = Key::flag(&format!("service.*.{path}")).unwrap_or(path);
        Fallback::new(flag, was, usual, |was| Keep::Service(path.to_owned(), text(was)))
    }));
    let commands = commands_of(&runs.own).into_iter();
    let commands = commands.filter(|(path, _)| wanted.table.at(path).is_none());
    found.extend(commands.filter_map(|(path, words)| {
        let keep = |_: &str| Keep::Service(path.to_owned(), list(words));
        Fallback::new(path, words.join(" "), "", keep)
    }));
    if let Some(scaling) = runs.scaling.as_ref().filter(|_| wanted.table.at("count").is_none()) {
        let was = format!("{} to {} tasks", scaling.min, scaling.max);
        let value = scaling_table(scaling).get("scaling").map(|said| said.value.clone());
        let value = value.unwrap_or_else(|| Value::Table(Table::default()));
        let keep = Keep::Service("scaling".to_owned(), value);
        found.push(Fallback { flag: "scaling", was, becomes: String::new(), keep });
    }
    let said = wanted.table.table("env");
    for (name, value) in &runs.own.environment {
        if said.is_some_and(|said| said.get(name).is_some()) {
            continue;
        }
        let keep = Keep::Variable(name.clone(), value.as_str().to_owned());
        found.push(Fallback { flag: "--env", was: name.clone(), becomes: String::new(), keep });
    }
    for (name, source) in &runs.own.secrets {
        let keep = Keep::Secret(name.clone(), source.clone());
        found.push(Fallback { flag: "secrets", was: name.clone(), becomes: String::new(), keep });
    }
    let more = containers::of_service(runs);
    for (flag, was, value) in of_task_role(&runs.task_role).into_iter().chain(more) {
        let keep = Keep::Service(flag.to_owned(), value);
        found.push(Fallback { flag, was, becomes: String::new(), keep });
    }
}

/// What of the role of tasks is said, by its key: in words, and as it is written.
fn of_task_role(role: &TaskRole) -> Vec<(&'static str, String, Value)> {
    match role {
        TaskRole::None => Vec::new(),
        TaskRole::Existing(arn) => vec![("task_role", arn.clone(), text(arn))],
        TaskRole::Own { policies, permissions } => {
            let mut all = Vec::new();
            if !policies.is_empty() {
                all.push(("policies", policies.join(", "), list(policies)));
            }
            if !permissions.is_empty() {
                let statements = permissions.iter().map(|it| said(permission(it))).collect();
                let words = format!("{} of them", permissions.len());
                all.push(("permissions", words, Value::List(statements)));
            }
            all
        }
    }
}

fn permission(it: &Permission) -> Value {
    let mut table = Table::default();
    table.set("actions", list(&it.actions), &Place::Running);
    table.set("resources", list(&it.resources), &Place::Running);
    for (operator, keys) in &it.condition {
        let mut of = Table::default();
        for (key, values) in keys {
            let value = match &values[..] {
                [only] => text(only),
                several => list(several),
            };
            of.set_in_place(key, value, &Place::Running);
        }
        table.set_in("condition", operator, Value::Table(of), &Place::Running);
    }
    Value::Table(table)
}

fn said(value: Value) -> super::Said {
    super::Said { value, place: Place::Running }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|it| said(text(it))).collect())
}
