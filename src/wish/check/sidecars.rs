//! The containers beside that of a service, the order in which they start, and whom load balancers reach.

use std::collections::BTreeMap;

use super::super::Wanted;

use super::super::value::{Entry, Value};
use super::{Checker, health};
use crate::names::{NameError, ServiceName};
use crate::spec::sidecar::{self, CONTAINERS, GROUPS};
use crate::spec::{Arch, Image, RunOn, Scheme, Sidecar, Until, nearest, size};

/// The containers of a service besides its own, as far as they were right.
#[derive(Default)]
pub(super) struct Containers {
    pub(super) sidecars: Vec<Sidecar>,
    pub(super) depends_on: BTreeMap<ServiceName, Until>,
    pub(super) target: Option<ServiceName>,
}

/// What is known of a container that others name.
#[derive(Clone, Copy)]
struct Known {
    is_checked: bool,
    is_essential: bool,
    port: Option<u16>,
}

/// What the keys of a sidecar begin with.
pub(super) fn prefix(name: &str) -> String {
    format!("sidecar.{name}.")
}

impl<'a> Checker<'a> {
    /// The containers beside a service's own one.
    pub(super) fn containers(
        &mut self,
        wanted: &'a Wanted,
        schemes: &[Scheme],
        (cpu, memory): (Option<u32>, Option<u32>),
        own_is_checked: bool,
    ) -> Containers {
        let own = Known { is_checked: own_is_checked, is_essential: true, port: None };
        let mut known = BTreeMap::from([(wanted.name.as_str(), own)]);
        let said: Vec<_> = said(wanted).collect();
        let mut sidecars = Vec::new();
        for (name, entry) in &said {
            let sidecar = self.sidecar(wanted, name, entry);
            let is_said = |key: &str| wanted.table.at(&format!("{}{key}", prefix(name)));
            let it = Known {
                is_checked: is_said("container_health").is_some(),
                is_essential: self.or_usual(Some(wanted), &format!("{}essential", prefix(name)))
                    == "true",
                port: sidecar.as_ref().and_then(|it| it.port),
            };
            known.insert(name, it);
            sidecars.extend(sidecar);
        }
        if said.len() >= CONTAINERS {
            let count = format!("{} containers", said.len() + 1);
            let rule =
                format!("ECS takes at most {CONTAINERS} in a task, the service's own among them");
            self.problem(Some(wanted), "sidecar", &count, rule);
        }
        self.room(wanted, &sidecars, cpu, memory);
        self.ports(wanted, &sidecars, schemes);
        let depends_on = self.depends_on(wanted, &wanted.name, "", &known);
        for sidecar in &mut sidecars {
            let name = sidecar.name.to_string();
            sidecar.depends_on = self.depends_on(wanted, &name, &prefix(&name), &known);
        }
        self.no_circle(wanted, &depends_on, &sidecars);
        Containers { depends_on, target: self.target(wanted, schemes, &known), sidecars }
    }

    fn sidecar(&mut self, wanted: &'a Wanted, name: &str, entry: &Entry) -> Option<Sidecar> {
        let of = Some(wanted);
        let prefix = prefix(name);
        let path = |key: &str| format!("{prefix}{key}");
        let mut whole = |rule: String| {
            let field = format!("service.{}.sidecar.{name}", wanted.name);
            self.problem_at(field, Some(&entry.key), "", rule);
        };
        let parsed: Result<ServiceName, NameError> = name.parse();
        if name == wanted.name {
            whole("is called like the service, whose own container has that name".to_owned());
        } else if let Err(error) = &parsed {
            whole(error.rule.clone());
        }
        if wanted.table.at(&path("image")).is_none() {
            whole("has no `image`".to_owned());
        }
        let image = self.text(of, &path("image")).filter(|said| !said.contains("${"));
        let image = image.and_then(|said| self.keep(of, &path("image"), said, Image::parse(said)));
        let mut number = |key: &str, range, what| {
            let said = self.text(of, &path(key))?;
            self.keep(of, &path(key), said, size::number(said, &range, what))
        };
        let cpu = number("cpu", size::SIDECAR_CPU, "a number of CPU units, 1024 to a vCPU");
        let memory = number("memory", size::MEMORY, "a number of MiB");
        let port = number("port", size::PORT, "a port number");
        let env = self.env(wanted, &prefix);
        let secrets = self.secrets(wanted, &prefix, &env);
        Some(Sidecar {
            name: parsed.ok()?,
            image: image?,
            cpu: cpu.unwrap_or_default(),
            memory,
            port: port.and_then(|port| u16::try_from(port).ok()),
            env,
            secrets,
            entrypoint: health::words(wanted, &path("entrypoint")),
            command: health::words(wanted, &path("command")),
            container_health: self.container_health(wanted, &prefix),
            depends_on: BTreeMap::new(),
            essential: self.or_usual(of, &path("essential")) == "true",
        })
    }

    /// Sidecars leave something of a task to its own container.
    fn room(
        &mut self,
        wanted: &'a Wanted,
        sidecars: &[Sidecar],
        cpu: Option<u32>,
        memory: Option<u32>,
    ) {
        let sum = |of: fn(&Sidecar) -> Option<u32>| -> u64 {
            sidecars.iter().filter_map(of).map(u64::from).sum()
        };
        for (key, total, least, taken, unit) in [
            ("cpu", cpu, *size::SIDECAR_CPU.start(), sum(|it| Some(it.cpu)), "units"),
            ("memory", memory, *size::MEMORY.start(), sum(|it| it.memory), "MiB"),
        ] {
            let Some(total) = total else { continue };
            if taken + u64::from(least) <= u64::from(total) {
                continue;
            }
            let takes = |it: &&Sidecar| match key {
                "cpu" => it.cpu > 0,
                _ => it.memory.is_some(),
            };
            let last = sidecars.iter().rev().find(takes);
            let Some(last) = last else { continue };
            let path = format!("{}{key}", prefix(last.name.as_str()));
            let value = self.text(Some(wanted), &path).unwrap_or_default();
            let rule = format!(
                "leaves too little to the service's own container: the sidecars take {taken} of the \
                 task's {total} {unit}; lower it, or raise {}",
                self.called(Some(wanted), key)
            );
            self.problem(Some(wanted), &path, value, rule);
        }
    }

    /// The containers of a task share one network interface, so no two listen on one port.
    fn ports(&mut self, wanted: &'a Wanted, sidecars: &[Sidecar], schemes: &[Scheme]) {
        let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
        let own = self.or_usual(Some(wanted), "port").parse().ok();
        let is_reached = !schemes.is_empty() && self.text(Some(wanted), "target").is_none();
        if let Some(own) = own.filter(|_| is_reached) {
            taken.insert(own, &wanted.name);
        }
        for sidecar in sidecars {
            let Some(port) = sidecar.port else { continue };
            if let Some(other) = taken.insert(port, sidecar.name.as_str()) {
                let rule = format!(
                    "is also the port of `{other}`, and the containers of a task share one network interface"
                );
                let path = format!("{}port", prefix(sidecar.name.as_str()));
                self.problem(Some(wanted), &path, &port.to_string(), rule);
            }
        }
    }

    /// What a container starts after. `name` is its own one.
    fn depends_on(
        &mut self,
        wanted: &'a Wanted,
        name: &str,
        prefix: &str,
        known: &BTreeMap<&str, Known>,
    ) -> BTreeMap<ServiceName, Until> {
        let mut all = BTreeMap::new();
        let table = wanted.table.table(&format!("{prefix}depends_on"));
        for (on, Entry { key, said }) in table.iter().flat_map(|it| &it.0) {
            let Value::Text(text) = &said.value else { continue };
            let field = format!("service.{}.{prefix}depends_on.{on}", wanted.name);
            let until = Until::ALL.into_iter().find(|it| it.word() == text);
            let rule = match (known.get(on.as_str()), until) {
                _ if on == name => Some("is the container itself".to_owned()),
                (None, _) => {
                    let near = nearest(on, known.keys().copied());
                    Some(format!("is no container of this service{near}"))
                }
                (_, None) => {
                    let words = Until::ALL.map(Until::word).join(", ");
                    Some(format!("must be one of {words}"))
                }
                (Some(Known { is_checked: false, .. }), Some(Until::Healthy)) => {
                    Some("has no `container_health` that could find it healthy".to_owned())
                }
                (Some(Known { is_essential: true, .. }), Some(Until::Success)) => Some(
                    "is essential: the task ends with it, so say `essential = false` there"
                        .to_owned(),
                ),
                _ => None,
            };
            match (rule, until, on.parse()) {
                (None, Some(until), Ok(on)) => {
                    all.insert(on, until);
                }
                (Some(rule), ..) => self.problem_at(field, Some(key), text, rule),
                // What is no name is no container.
                (None, ..) => {}
            }
        }
        all
    }

    fn no_circle(
        &mut self,
        wanted: &'a Wanted,
        own: &BTreeMap<ServiceName, Until>,
        sidecars: &[Sidecar],
    ) {
        fn names(of: &BTreeMap<ServiceName, Until>) -> Vec<&str> {
            of.keys().map(ServiceName::as_str).collect()
        }
        let mut after: BTreeMap<_, _> =
            sidecars.iter().map(|it| (it.name.as_str(), names(&it.depends_on))).collect();
        after.insert(&wanted.name, names(own));
        if let Some(circle) = sidecar::circle(&after) {
            let first = circle.first().map(String::as_str).unwrap_or_default();
            let path = match first == wanted.name {
                true => "depends_on".to_owned(),
                false => format!("{}depends_on", prefix(first)),
            };
            let rule = format!("is a circle, so that none of them starts: {}", circle.join(" → "));
            self.problem(Some(wanted), &path, "", rule);
        }
    }

    /// The sidecar that load balancers reach.
    fn target(
        &mut self,
        wanted: &'a Wanted,
        schemes: &[Scheme],
        known: &BTreeMap<&str, Known>,
    ) -> Option<ServiceName> {
        let said = self.text(Some(wanted), "target")?;
        if said == wanted.name && !schemes.is_empty() {
            return None;
        }
        let rule = match known.get(said) {
            _ if schemes.is_empty() => {
                "means nothing where no load balancer leads to the service".to_owned()
            }
            None => {
                let near = nearest(said, known.keys().copied());
                format!("is no container of this service{near}")
            }
            Some(Known { port: None, .. }) => "needs a `port` that load balancers reach".to_owned(),
            Some(_) if wanted.table.at("port").is_some() => {
                let port = self.called(Some(wanted), "port");
                format!("is what load balancers reach, so {port} means nothing: remove it")
            }
            Some(_) => return said.parse().ok(),
        };
        self.problem(Some(wanted), "target", said, rule);
        None
    }

    /// The processor of tasks on Fargate.
    pub(super) fn arch(&mut self, wanted: &'a Wanted, run_on: RunOn) -> Arch {
        let said = self.text(Some(wanted), "arch");
        if let (Some(said), RunOn::Instances) = (said, run_on) {
            let rule = "means nothing on instances, whose type has a processor: say it on Fargate";
            self.problem(Some(wanted), "arch", said, rule);
        }
        match said {
            Some("arm64") => Arch::Arm64,
            _ => Arch::X86_64,
        }
    }

    /// The security groups of others that tasks have.
    pub(super) fn security_groups(&mut self, wanted: &'a Wanted) -> Vec<String> {
        let field = format!("service.{}.security_groups", wanted.name);
        let mut groups = Vec::new();
        for (text, place) in wanted.table.texts("security_groups").unwrap_or_default() {
            match sidecar::check_security_group(text) {
                Ok(group) if groups.contains(&group) => {
                    let rule = "is there twice".to_owned();
                    self.problem_at(field.clone(), Some(place), text, rule);
                }
                Ok(group) => groups.push(group),
                Err(rule) => self.problem_at(field.clone(), Some(place), text, rule),
            }
        }
        if groups.len() > GROUPS {
            let count = format!("{} groups", groups.len());
            let rule = format!(
                "at most {GROUPS}: a task has one of the stack's own, and a network interface takes 5"
            );
            self.problem(Some(wanted), "security_groups", &count, rule);
        }
        groups
    }
}

/// The sidecars that are said and not switched off.
fn said(wanted: &Wanted) -> impl Iterator<Item = (&str, &Entry)> {
    let all = wanted.table.table("sidecar").into_iter().flat_map(|it| &it.0);
    let is_on =
        |name: &str| wanted.table.text(&format!("{}enabled", prefix(name))) != Some("false");
    all.filter(move |(name, _)| is_on(name)).map(|(name, entry)| (name.as_str(), entry))
}
