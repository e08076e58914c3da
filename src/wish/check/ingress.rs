//! Load balancers: who may reach them, their zones, and which requests lead to which service.

use ipnet::Ipv4Net;

use super::super::Wanted;
use super::super::value::{Place, Value};
use super::{Checker, Draft, SCHEMES};
use crate::names::{StackName, default_host, default_zone};
use crate::spec::{Ingress, Network, Route, Scheme, Unknown, dns, network};

/// What an ALB answers to what no rule matches, unless the file says otherwise.
const NOT_FOUND: u16 = 404;
/// Longest body of a fixed response, in bytes (Elastic Load Balancing `FixedResponseActionConfig`).
const ANSWER_LIMIT: usize = 1024;
/// Values of one rule, and wildcards in them (Application Load Balancer quotas, both fixed).
const RULE_VALUES: usize = 5;
/// Longest value of a condition, in characters (`RuleCondition`).
const CONDITION_LIMIT: usize = 128;
/// Rules of a load balancer, and target groups of one (default quotas; the second cannot be raised).
const RULES: usize = 100;

impl<'a> Checker<'a> {
    /// A load balancer and the routes of its services, if some use it.
    pub(super) fn ingress(
        &mut self,
        scheme: Scheme,
        name: &str,
        used: bool,
        drafts: &mut [Draft<'a>],
        stack: Option<&StackName>,
        network: Option<&Network>,
    ) -> Option<Ingress> {
        if !used {
            let path = format!("ingress.{name}");
            if let Some(entry) =
                self.wish.table.entry(&path).filter(|entry| entry.key.spot().is_some())
            {
                let place = entry.key.clone();
                let rule = format!(
                    "no service uses it; say ingress = \"{name}\" in one, or remove the table"
                );
                self.problem_at(path, Some(&place), "", rule);
            }
            return None;
        }
        let allow = self.allow(scheme, name, network);
        let mine: Vec<_> =
            (0..drafts.len()).filter(|at| drafts[*at].schemes.contains(&scheme)).collect();
        if self.wish.is_by_flags() {
            let (zone, host) = self.dns_of_flags(scheme, drafts.first()?, stack).unzip();
            let draft = drafts.first_mut()?;
            let route =
                Route { hosts: Vec::new(), paths: Vec::new(), names: host.into_iter().collect() };
            draft.routes.insert(scheme, route);
            let unknown = Unknown::Service(draft.name.clone()?);
            return Some(Ingress { allow, zone, unknown });
        }
        let zone = self.zone(scheme, name, &mine, drafts, stack);
        let unknown = self.unknown(name, &mine, drafts);
        self.routes(scheme, name, zone.as_deref(), &mine, drafts, unknown.as_ref());
        Some(Ingress { allow, zone, unknown: unknown? })
    }

    fn allow(&mut self, scheme: Scheme, name: &str, network: Option<&Network>) -> Vec<Ipv4Net> {
        let path = format!("ingress.{name}.allow");
        let Some(said) = self.wish.table.texts(&path) else {
            return match scheme {
                Scheme::Internal => network.map(|it| it.vpc_cidr),
                Scheme::InternetFacing => Some(Ipv4Net::default()),
            }
            .into_iter()
            .collect();
        };
        let (field, _) = self.field(None, &path);
        let mut allow = Vec::new();
        if said.is_empty() {
            self.problem(None, &path, "", "must name a range at least, or nobody could reach it");
        }
        for (range, place) in said {
            match network::check_allowed(range, &allow) {
                Ok(range) => allow.push(range),
                Err(rule) => {
                    let field = match place {
                        Place::Flag(flag) | Place::Variable(flag) => (*flag).to_owned(),
                        Place::File(_) | Place::Running => field.clone(),
                    };
                    self.problem_at(field, Some(place), range, rule);
                }
            }
        }
        allow
    }

    /// The zone and the name in it that flags alone ask for.
    fn dns_of_flags(
        &mut self,
        scheme: Scheme,
        draft: &Draft<'_>,
        stack: Option<&StackName>,
    ) -> Option<(String, String)> {
        let (stack, service) = (stack?, draft.name.as_ref()?);
        let said = dns::Said {
            zone: self.text(None, &format!("ingress.{}.zone", called(scheme))),
            host: draft.wanted.table.text("host"),
            none: self.wish.no_dns,
            is_usual: scheme == Scheme::Internal,
        };
        dns::choose(&said, stack, service, draft.image.as_ref(), &mut self.problems)
    }

    /// The private zone of a load balancer, if there is to be one.
    fn zone(
        &mut self,
        scheme: Scheme,
        name: &str,
        mine: &[usize],
        drafts: &[Draft<'_>],
        stack: Option<&StackName>,
    ) -> Option<String> {
        let path = format!("ingress.{name}.zone");
        let said = self.text(None, &path);
        // A zone that is there is for a later version to use; it takes the place of one to make.
        if self.text(None, &format!("ingress.{name}.existing_zone")).is_some() {
            if let Some(said) = said {
                let other = self.called(None, &format!("ingress.{name}.existing_zone"));
                self.problem(None, &path, said, format!("cannot stand beside {other}"));
            }
            return None;
        }
        let text = match (said, scheme) {
            (Some("false"), _) | (None, Scheme::InternetFacing) => return None,
            (Some(said), _) => said.to_owned(),
            (None, Scheme::Internal) => default_zone(stack?),
        };
        let zone = self.keep(None, &path, &text, dns::check_name(&text))?;
        let images: Vec<_> = mine.iter().filter_map(|at| drafts[*at].image.as_ref()).collect();
        self.keep(None, &path, &text, dns::check_hides(&zone, &images))?;
        Some(zone)
    }

    /// What answers to what no rule matches.
    fn unknown(&mut self, name: &str, mine: &[usize], drafts: &[Draft<'_>]) -> Option<Unknown> {
        let path = format!("ingress.{name}.unknown");
        let has_rule = |draft: &Draft<'_>| {
            ["hosts", "paths"]
                .iter()
                .any(|key| draft.wanted.table.texts(key).is_some_and(|it| !it.is_empty()))
        };
        let Some(said) = self.wish.table.at(&path).cloned() else {
            return match mine {
                [only] if !has_rule(&drafts[*only]) => {
                    Some(Unknown::Service(drafts[*only].name.clone()?))
                }
                _ => Some(Unknown::Answer { status: NOT_FOUND, text: String::new() }),
            };
        };
        let (status, text) = match &said.value {
            Value::Table(table) => (
                table.text("status").unwrap_or("404").to_owned(),
                table.text("text").unwrap_or_default().to_owned(),
            ),
            Value::Text(service) => {
                let names: Vec<_> =
                    mine.iter().map(|at| drafts[*at].wanted.name.as_str()).collect();
                return match mine.iter().find(|at| drafts[**at].wanted.name == *service) {
                    Some(at) => Some(Unknown::Service(drafts[*at].name.clone()?)),
                    None => {
                        let rule = format!(
                            "must be a service that this load balancer leads to: {}",
                            names.join(", ")
                        );
                        self.problem(None, &path, service, rule);
                        None
                    }
                };
            }
            Value::List(_) => return None,
        };
        let number =
            status.parse::<u16>().ok().filter(|status| matches!(status, 200..=299 | 400..=599));
        let Some(status) = number else {
            self.problem(None, &path, &status, "must be a status of 2xx, 4xx or 5xx");
            return None;
        };
        if text.len() > ANSWER_LIMIT {
            let rule = format!(
                "its text has {} bytes, and a load balancer answers with at most {ANSWER_LIMIT}",
                text.len()
            );
            self.problem(None, &path, "", rule);
            return None;
        }
        Some(Unknown::Answer { status, text })
    }

    /// The routes of the services of one load balancer.
    fn routes(
        &mut self,
        scheme: Scheme,
        name: &str,
        zone: Option<&str>,
        mine: &[usize],
        drafts: &mut [Draft<'a>],
        unknown: Option<&Unknown>,
    ) {
        // What leads to whom, and where that was said: to find two of the same.
        let mut taken: Vec<(String, String, String, Option<Place>)> = Vec::new();
        let mut everything: Option<(&Wanted, Option<Place>)> = None;
        let mut rules = 0;
        for at in mine {
            let wanted = drafts[*at].wanted;
            let Some(service) = drafts[*at].name.clone() else { continue };
            let is_unknown = matches!(unknown, Some(Unknown::Service(it)) if *it == service);
            let hosts = self.hosts(wanted, name, zone);
            let paths = self.paths(wanted);
            let own = default_host(&service, zone.unwrap_or_default());
            if let Some(zone) = zone.filter(|_| hosts.is_empty() && dns::check_name(&own).is_err())
            {
                let rule = format!(
                    "its name `{own}` is too long for DNS: say `hosts`, or a zone shorter than `{zone}`"
                );
                self.of_service(wanted, rule);
                continue;
            }
            let mut names: Vec<_> = hosts.iter().map(|(host, _)| host.clone()).collect();
            if names.is_empty() && zone.is_some() {
                names.push(own);
            }
            let mut route = Route {
                hosts: names.clone(),
                paths: paths.iter().map(|(path, _)| path.clone()).collect(),
                names,
            };
            route.names.retain(|host| {
                zone.is_some() && !host.contains(['*', '?']) && self.names.insert(host.clone())
            });
            // Whoever takes everything and is alone needs no rule for it.
            if is_unknown && mine.len() == 1 && route.paths.is_empty() {
                route.hosts.clear();
            }
            if route.hosts.is_empty() && route.paths.is_empty() && !is_unknown {
                match &everything {
                    Some((other, place)) => {
                        let aside = place.as_ref().map(Place::aside).unwrap_or_default();
                        let rule = format!(
                            "takes everything on the {name} load balancer, and so does service.{}{aside}; give one of them `hosts` or `paths`",
                            other.name
                        );
                        self.of_service(wanted, rule);
                    }
                    None => everything = Some((wanted, wanted.key.clone())),
                }
            }
            let values = route.hosts.len() + route.paths.len();
            let wildcards: usize = route
                .hosts
                .iter()
                .chain(&route.paths)
                .map(|it| it.matches(['*', '?']).count())
                .sum();
            for (number, what) in [(values, "hosts and paths"), (wildcards, "`*` and `?`")] {
                if number > RULE_VALUES {
                    self.of_service(
                        wanted,
                        format!(
                            "has {number} {what}, and a rule of a load balancer takes {RULE_VALUES}"
                        ),
                    );
                }
            }
            rules += usize::from(values > 0);
            self.taken(wanted, &hosts, &route, &mut taken);
            drafts[*at].routes.insert(scheme, route);
        }
        let is_told = self.problems.0.iter().any(|it| it.rule.contains("takes everything"));
        if let Some((wanted, _)) = everything.filter(|_| mine.len() > 1 && !is_told) {
            let rule = format!(
                "nothing leads to it on the {name} load balancer: give it `hosts` or `paths`, or say ingress.{name}.unknown = \"{}\"",
                wanted.name
            );
            self.of_service(wanted, rule);
        }
        for (number, what) in [(rules, "rules"), (mine.len(), "target groups")] {
            if number > RULES {
                let rule = format!(
                    "the services of the {name} load balancer need {number} {what}, and it takes {RULES}"
                );
                let field = format!("ingress.{name}");
                let place = self.wish.table.entry(&field).map(|entry| entry.key.clone());
                self.problem_at(field, place.as_ref(), "", rule);
            }
        }
    }

    /// Refuses a host, or a host with a path, that two services have.
    fn taken(
        &mut self,
        wanted: &Wanted,
        hosts: &[(String, Option<Place>)],
        route: &Route,
        taken: &mut Vec<(String, String, String, Option<Place>)>,
    ) {
        let paths = if route.paths.is_empty() { vec![String::new()] } else { route.paths.clone() };
        let all = if route.hosts.is_empty() { vec![String::new()] } else { route.hosts.clone() };
        for host in &all {
            let place =
                hosts.iter().find(|(it, _)| it == host).and_then(|(_, place)| place.clone());
            for path in &paths {
                if host.is_empty() && path.is_empty() {
                    continue;
                }
                let same = taken
                    .iter()
                    .find(|(it, of, other, _)| it == host && of == path && *other != wanted.name);
                if let Some((_, _, other, there)) = same {
                    let aside = there.as_ref().map(Place::aside).unwrap_or_default();
                    let what = match (host.is_empty(), path.is_empty()) {
                        (_, true) => format!("is also a host of service.{other}{aside}"),
                        (true, false) => {
                            format!("the path {path} is also one of service.{other}{aside}")
                        }
                        (false, false) => format!(
                            "is also a host of service.{other}{aside}, for the same path {path}"
                        ),
                    };
                    let key = if host.is_empty() { "paths" } else { "hosts" };
                    let place = place
                        .clone()
                        .or_else(|| wanted.table.at(key).map(|said| said.place.clone()));
                    let field = format!("service.{}.{key}", wanted.name);
                    self.problem_at(field, place.as_ref().or(wanted.key.as_ref()), host, what);
                }
                taken.push((host.clone(), path.clone(), wanted.name.clone(), place.clone()));
            }
        }
    }

    /// The hosts that a service says, and where each stands.
    fn hosts(
        &mut self,
        wanted: &'a Wanted,
        ingress: &str,
        zone: Option<&str>,
    ) -> Vec<(String, Option<Place>)> {
        let field = format!("service.{}.hosts", wanted.name);
        let existing = self.text(None, &format!("ingress.{ingress}.existing_zone"));
        let mut hosts: Vec<(String, Option<Place>)> = Vec::new();
        for (text, place) in wanted.table.texts("hosts").unwrap_or_default() {
            let checked = check_host(text).and_then(|host| match (zone, existing) {
                (Some(zone), _) | (None, Some(zone))
                    if !dns::lies_in(&host, zone) && !zone.starts_with('Z') =>
                {
                    let key = if existing.is_some() { "existing_zone" } else { "zone" };
                    let aside = self
                        .wish
                        .table
                        .at(&format!("ingress.{ingress}.{key}"))
                        .map(|it| it.place.aside());
                    Err(format!(
                        "must be the zone `{zone}`{} or a name in it",
                        aside.unwrap_or_default()
                    ))
                }
                _ if hosts.iter().any(|(it, _)| *it == host) => Err("is given twice".to_owned()),
                _ => Ok(host),
            });
            match checked {
                Ok(host) => hosts.push((host, Some(place.clone()))),
                Err(rule) => {
                    let field = match place {
                        Place::Flag(flag) | Place::Variable(flag) => (*flag).to_owned(),
                        Place::File(_) | Place::Running => field.clone(),
                    };
                    self.problem_at(field, Some(place), text, rule);
                }
            }
        }
        hosts
    }

    fn paths(&mut self, wanted: &'a Wanted) -> Vec<(String, Option<Place>)> {
        let field = format!("service.{}.paths", wanted.name);
        let mut paths: Vec<(String, Option<Place>)> = Vec::new();
        for (text, place) in wanted.table.texts("paths").unwrap_or_default() {
            let checked = match check_path(text) {
                Ok(path) if paths.iter().any(|(it, _)| *it == path) => {
                    Err("is given twice".to_owned())
                }
                other => other,
            };
            match checked {
                Ok(path) => paths.push((path, Some(place.clone()))),
                Err(rule) => self.problem_at(field.clone(), Some(place), text, rule),
            }
        }
        paths
    }
}

/// What a load balancer is called in a manifest.
fn called(scheme: Scheme) -> &'static str {
    SCHEMES.iter().find(|(it, _)| *it == scheme).map_or("", |(_, name)| name)
}

/// Checks a host of a rule, and returns it in lower case (Elastic Load Balancing, "Host conditions").
fn check_host(text: &str) -> Result<String, String> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let labels: Vec<_> = host.split('.').collect();
    let label = |label: &&str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-*?".contains(&byte))
    };
    let last =
        labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_alphabetic()));
    if host.len() <= CONDITION_LIMIT && labels.len() >= 2 && labels.iter().all(label) && last {
        return Ok(host);
    }
    Err(format!(
        "must be a host of at most {CONDITION_LIMIT} characters with a dot in it and letters alone behind the last; `*` and `?` may stand before that"
    ))
}

/// Checks a path of a rule (Elastic Load Balancing, "Path conditions").
fn check_path(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&*?".contains(&byte);
    if text.starts_with(['/', '*']) && text.len() <= CONDITION_LIMIT && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must begin with `/` and have at most {CONDITION_LIMIT} characters: letters, digits and `_ - . $ / ~ \" ' @ : + & * ?`"
    ))
}
