//! A wish beside what runs: images that were not said stay, and by flags alone nothing else goes back to a
//! default unseen.

use std::collections::BTreeSet;

use super::key::Key;
use super::value::{Place, Table, Value};
use super::{Wanted, Wish, check};
use crate::facts::{Running, RunningService};
use crate::names::default_zone;
use crate::spec::{
    DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE, Image, Nat, Pattern, RunOn, Scheme, SpecError, network,
};

/// Something that runs, was not said this time, and would go back to a default.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// The flag that says it, such as `--count`.
    pub flag: &'static str,
    /// What it is; of a variable only its name.
    pub was: String,
    /// What it would be.
    pub becomes: String,
    keep: Keep,
}

/// How what runs is said.
#[derive(Debug, Clone)]
enum Keep {
    Stack(String, Value),
    Service(String, Value),
    Variable(String, String),
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

impl Wish {
    /// The wish as far as it can be checked before anybody knows what runs: with an image for each service
    /// that says none.
    #[must_use]
    pub fn drafted(&self) -> Self {
        let mut wish = self.clone();
        for service in &mut wish.services {
            let said = service.table.text("image").unwrap_or_default();
            if said.is_empty() || said.starts_with(':') {
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

    /// The services that say no image, or only its tag.
    pub fn unsaid_images(&self) -> BTreeSet<String> {
        let is_open = |service: &&Wanted| {
            service.table.text("image").is_none_or(|image| image.starts_with(':'))
        };
        self.services.iter().filter(is_open).map(|service| service.name.clone()).collect()
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

    fn stack_fallbacks(&self, running: &Running, found: &mut Vec<Fallback>) {
        let pattern = self.pattern().unwrap_or(Pattern::InternalWorker);
        let mut add = |flag, path: &str, was: Option<String>, becomes: &str| {
            let Some(was) = was.filter(|was| was != becomes && self.table.at(path).is_none())
            else {
                return;
            };
            let keep = Keep::Stack(path.to_owned(), text(&was));
            found.push(Fallback { flag, was, becomes: becomes.to_owned(), keep });
        };
        let instances = running.instances.as_ref().filter(|_| pattern.run_on() == RunOn::Instances);
        if let Some(instances) = instances {
            let [min, max] = instances.sizes.map(|size| size.map(|size| size.to_string()));
            add(
                "--instance-type",
                "capacity.instance_type",
                instances.instance_type.clone(),
                DEFAULT_INSTANCE_TYPE,
            );
            add("--min-size", "capacity.min_size", min, "0");
            add("--max-size", "capacity.max_size", max, "100");
        }
        add(
            "--nat",
            "network.nat",
            running.nat.map(|nat| nat.to_string()),
            &Nat::PerZone.to_string(),
        );
        add("--vpc-cidr", "network.vpc_cidr", running.vpc_cidr.clone(), network::DEFAULT_VPC);
        let endpoints = running.endpoints.iter().cloned().collect::<Vec<_>>();
        if !endpoints.is_empty() && self.table.at("network.endpoints").is_none() {
            let keep = Keep::Stack("network.endpoints".to_owned(), list(&endpoints));
            found.push(Fallback {
                flag: "--endpoints",
                was: endpoints.join(","),
                becomes: String::new(),
                keep,
            });
        }
        let scheme = pattern.ingress();
        let is_its = |it: Scheme| check::SCHEMES.contains(&(it, scheme));
        if let Some(balancer) = running.balancers.iter().find(|it| is_its(it.scheme)) {
            let path = format!("ingress.{scheme}.allow");
            let usual = match balancer.scheme {
                Scheme::Internal => {
                    let vpc = self.table.text("network.vpc_cidr").map(str::to_owned);
                    vpc.or_else(|| running.vpc_cidr.clone())
                        .unwrap_or_else(|| network::DEFAULT_VPC.to_owned())
                }
                Scheme::InternetFacing => "0.0.0.0/0".to_owned(),
            };
            let allow = balancer.allow.iter().cloned().collect::<Vec<_>>();
            let is_other = balancer.allow.iter().any(|range| *range != usual);
            if is_other && self.table.at(&path).is_none() {
                let keep = Keep::Stack(path, list(&allow));
                found.push(Fallback {
                    flag: "--allow",
                    was: allow.join(","),
                    becomes: usual,
                    keep,
                });
            }
        }
        let host = self.services.first().and_then(|service| service.table.text("host"));
        let path = format!("ingress.{scheme}.zone");
        if self.table.at(&path).is_none() && host.is_none() && !self.no_dns {
            let usual = self
                .stack_name()
                .and_then(|stack| stack.parse().ok())
                .map(|stack| default_zone(&stack));
            let usual = usual.filter(|_| pattern == Pattern::InternalWorker);
            let other = running.zones.iter().find(|zone| Some(*zone) != usual.as_ref());
            if let Some(zone) = other {
                let keep = Keep::Stack(path, text(zone));
                let becomes = usual.unwrap_or_default();
                found.push(Fallback { flag: "--zone", was: zone.clone(), becomes, keep });
            }
        }
        if let (Some(host), None) = (self.other_host(running), host) {
            let becomes = String::new();
            found.push(Fallback {
                flag: "--host",
                was: host.clone(),
                becomes,
                keep: Keep::Service("host".to_owned(), text(&host)),
            });
        }
    }

    /// A name of the service in a zone that is not the usual one.
    fn other_host(&self, running: &Running) -> Option<String> {
        let [wanted] = self.services.as_slice() else { return None };
        let (name, service) = match wanted.key {
            Some(_) => running.services.get_key_value(&wanted.name)?,
            None => running.services.first_key_value()?,
        };
        let is_usual = |host: &&String| {
            running
                .zones
                .iter()
                .any(|zone| **host == format!("{}.{zone}", name.to_ascii_lowercase()))
        };
        service.names.iter().find(|host| !is_usual(host)).cloned()
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
                    let of = |name: &str| {
                        said(
                            format!("ingress.{name}.{key}"),
                            &self.table,
                            &format!("ingress.{name}.{key}"),
                        )
                    };
                    check::SCHEMES.iter().filter_map(|(_, name)| of(name)).collect()
                }
                _ => said(path.to_owned(), &self.table, path).into_iter().collect(),
            };
        places.sort_by_key(|(_, _, is_same)| !is_same);
        match places.into_iter().next() {
            Some((field, place, _)) => {
                let told = SpecError::new(field, error.value, rule);
                place.spot().map_or(told.clone(), |spot| told.at(spot.at()))
            }
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
        let say = |table: &mut Table, path: &str, value: Option<String>, usual: &str| {
            if let Some(value) = value.filter(|value| value != usual) {
                table.set(path, text(&value), &place);
            }
        };
        let table = &mut wish.table;
        say(table, "stack", Some(stack.to_owned()), "");
        let pattern = running.pattern.as_deref().and_then(Pattern::named);
        say(table, "pattern", pattern.map(|it| it.to_string()), "");
        say(table, "permissions_boundary", running.boundary.clone(), "");
        say(table, "network.vpc_cidr", running.vpc_cidr.clone(), network::DEFAULT_VPC);
        say(table, "network.nat", running.nat.map(|nat| nat.to_string()), "per-zone");
        if !running.endpoints.is_empty() {
            table.set(
                "network.endpoints",
                list(&running.endpoints.iter().cloned().collect::<Vec<_>>()),
                &place,
            );
        }
        if let Some(instances) = &running.instances {
            let [min, max] = instances.sizes.map(|size| size.map(|size| size.to_string()));
            say(
                table,
                "capacity.instance_type",
                instances.instance_type.clone(),
                DEFAULT_INSTANCE_TYPE,
            );
            say(table, "capacity.min_size", min, "0");
            say(table, "capacity.max_size", max, "100");
        }
        for (key, value) in &running.tags {
            table.set_in("tags", key, text(value), &place);
        }
        for (scheme, name) in check::SCHEMES {
            let Some(balancer) = running.balancers.iter().find(|it| it.scheme == scheme) else {
                continue;
            };
            let usual = match scheme {
                Scheme::Internal => running.vpc_cidr.clone().unwrap_or_default(),
                Scheme::InternetFacing => "0.0.0.0/0".to_owned(),
            };
            if balancer.allow.iter().any(|range| *range != usual) {
                let allow = balancer.allow.iter().cloned().collect::<Vec<_>>();
                table.set(&format!("ingress.{name}.allow"), list(&allow), &place);
            }
        }
        for (name, service) in &running.services {
            let mut table = Table::default();
            say(&mut table, "image", service.image.clone(), "");
            say(&mut table, "cpu", service.cpu.clone(), "256");
            say(&mut table, "memory", service.memory.clone(), "512");
            say(&mut table, "port", service.port.clone(), "80");
            say(&mut table, "count", service.count.map(|it| it.to_string()), "2");
            say(&mut table, "health.path", service.health_path.clone(), "/");
            let run_on = if service.is_on_fargate { "fargate" } else { "instances" };
            let usual = pattern.map_or("", |it| {
                if it.run_on() == RunOn::Fargate { "fargate" } else { "instances" }
            });
            say(&mut table, "run_on", Some(run_on.to_owned()), usual);
            let schemes: Vec<_> = check::SCHEMES
                .iter()
                .filter(|(it, _)| service.schemes.contains(it))
                .map(|(_, name)| *name)
                .collect();
            let ingress = match schemes[..] {
                [] => "none",
                [only] => only,
                _ => "both",
            };
            say(
                &mut table,
                "ingress",
                Some(ingress.to_owned()),
                pattern.map_or("", Pattern::ingress),
            );
            for (key, values) in [("hosts", &service.rules[0]), ("paths", &service.rules[1])] {
                let values: Vec<_> = values.iter().cloned().collect();
                if !values.is_empty() {
                    table.set(key, list(&values), &place);
                }
            }
            for (variable, value) in &service.env {
                table.set_in("env", variable, text(value.as_str()), &place);
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
        for (scheme, name) in check::SCHEMES {
            if !running.balancers.iter().any(|it| it.scheme == scheme) {
                continue;
            }
            let of_it = |service: &&RunningService| service.schemes.contains(&scheme);
            let names: BTreeSet<_> =
                running.services.values().filter(of_it).flat_map(|it| &it.names).collect();
            let is_of_it = |zone: &&String| {
                names.is_empty() || names.iter().any(|host| crate::spec::dns::lies_in(host, zone))
            };
            let path = format!("ingress.{name}.zone");
            match (running.zones.iter().find(is_of_it), scheme) {
                (Some(zone), Scheme::Internal) if *zone == usual => {}
                (Some(zone), _) => self.table.set(&path, text(zone), &place),
                (None, Scheme::Internal) => self.table.set(&path, text("false"), &place),
                (None, Scheme::InternetFacing) => {}
            }
        }
        // Of one service that has no rule, another name than the usual one is said as its host, and that it
        // answers to everything all the same.
        let ([only], [(name, runs)]) =
            (self.services.as_mut_slice(), &running.services.iter().collect::<Vec<_>>()[..])
        else {
            return;
        };
        let is_usual = |host: &String| {
            running
                .zones
                .iter()
                .any(|zone| *host == format!("{}.{zone}", name.to_ascii_lowercase()))
        };
        let others: Vec<_> = runs.names.iter().cloned().collect();
        if !others.is_empty() && !others.iter().all(is_usual) && only.table.at("hosts").is_none() {
            only.table.set("hosts", list(&others), &place);
            for (_, ingress) in
                check::SCHEMES.iter().filter(|(scheme, _)| runs.schemes.contains(scheme))
            {
                self.table.set(&format!("ingress.{ingress}.unknown"), text(name), &place);
            }
        }
    }
}

fn service_fallbacks(wanted: &Wanted, runs: &RunningService, found: &mut Vec<Fallback>) {
    let rows = [
        ("--cpu", "cpu", runs.cpu.clone(), "256"),
        ("--memory", "memory", runs.memory.clone(), "512"),
        ("--port", "port", runs.port.clone(), "80"),
        ("--count", "count", runs.count.map(|it| it.to_string()), "2"),
        ("--health-path", "health.path", runs.health_path.clone(), "/"),
    ];
    for (flag, path, was, becomes) in rows {
        let Some(was) = was.filter(|was| was != becomes && wanted.table.at(path).is_none()) else {
            continue;
        };
        let keep = Keep::Service(path.to_owned(), text(&was));
        found.push(Fallback { flag, was, becomes: becomes.to_owned(), keep });
    }
    let said = wanted.table.table("env");
    for (name, value) in &runs.env {
        if said.is_some_and(|said| said.get(name).is_some()) {
            continue;
        }
        let keep = Keep::Variable(name.clone(), value.as_str().to_owned());
        found.push(Fallback { flag: "--env", was: name.clone(), becomes: String::new(), keep });
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(texts: &[String]) -> Value {
    let said = |it: &String| super::Said { value: text(it), place: Place::Running };
    Value::List(texts.iter().map(said).collect())
}
