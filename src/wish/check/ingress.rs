//! Load balancers: who may reach them, their zones, and which requests lead to which service.

use ipnet::Ipv4Net;

use super::super::Wanted;
use super::super::value::{Place, Value};
use super::{Checker, Draft};
use crate::names::{StackName, default_host, default_zone};
use crate::spec::{
    self, ExistingZone, Http, Ingress, NOT_FOUND, Network, Route, Scheme, Tls, Unknown, dns,
    network, size,
};

/// Longest body of a fixed response, in bytes (Elastic Load Balancing `FixedResponseActionConfig`).
const ANSWER_LIMIT: usize = 1024;
/// Values of one rule, and wildcards in them (Application Load Balancer quotas, both fixed).
const RULE_VALUES: usize = 5;
/// Longest value of a condition, in characters (`RuleCondition`).
const CONDITION_LIMIT: usize = 128;

/// Where requests for a host and a path lead, either of which may be empty; and where the host was said.
struct Lead {
    host: String,
    path: String,
    to: String,
    place: Option<Place>,
}

impl<'a> Checker<'a> {
    /// A load balancer and the routes of its services, if some use it.
    pub(super) fn ingress(
        &mut self,
        scheme: Scheme,
        drafts: &mut [Draft<'a>],
        stack: Option<&StackName>,
        network: Option<&Network>,
    ) -> Option<Ingress> {
        let name = scheme.word();
        let mine: Vec<_> =
            (0..drafts.len()).filter(|at| drafts[*at].schemes.contains(&scheme)).collect();
        if mine.is_empty() {
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
        let existing_zone = self.existing_zone(name);
        let path = format!("ingress.{name}.idle_timeout");
        let idle_timeout = self.seconds(None, &path, size::IDLE_TIMEOUT)?;
        let (tls, http) = self.tls(name);
        if self.wish.is_by_flags() {
            let (zone, host) = match &existing_zone {
                // No flag says one: it is what runs.
                Some(_) => (None, drafts.first()?.wanted.table.text("host").map(str::to_owned)),
                None => self.dns_of_flags(scheme, drafts.first()?, stack).unzip(),
            };
            let draft = drafts.first_mut()?;
            let route =
                Route { hosts: Vec::new(), paths: Vec::new(), names: host.into_iter().collect() };
            draft.routes.insert(scheme, route);
            let unknown = Unknown::Service(draft.name.clone()?);
            return Some(Ingress { allow, zone, existing_zone, unknown, idle_timeout, tls, http });
        }
        let zone = self.zone(scheme, name, &mine, drafts, stack);
        let unknown = self.unknown(name, &mine, drafts);
        let zones = (zone.as_deref(), existing_zone.as_ref());
        self.routes(scheme, name, zones, &mine, drafts, unknown.as_ref());
        Some(Ingress { allow, zone, existing_zone, unknown: unknown?, idle_timeout, tls, http })
    }

    /// The zone of the account that is to know the names, if one was said.
    fn existing_zone(&mut self, name: &str) -> Option<ExistingZone> {
        let path = format!("ingress.{name}.existing_zone");
        let said = self.text(None, &path)?.to_owned();
        self.keep(None, &path, &said, ExistingZone::read(&said))
    }

    /// What port 443 is secured with, if it is to be open, and what port 80 does.
    fn tls(&mut self, name: &str) -> (Option<Tls>, Http) {
        let path = |key: &str| format!("ingress.{name}.{key}");
        let mut certificates: Vec<String> = Vec::new();
        let said = self.wish.table.texts(&path("certificates")).unwrap_or_default();
        let region = self.text(None, "region");
        for (arn, place) in &said {
            let elsewhere =
                |arn: &str| region.and_then(|region| spec::certificate_elsewhere(arn, region));
            let checked = spec::check_certificate(arn).and_then(|arn| match elsewhere(&arn) {
                _ if certificates.contains(&arn) => Err("is there twice".to_owned()),
                Some(rule) => Err(rule),
                None => Ok(arn),
            });
            match checked {
                Ok(arn) => certificates.push(arn),
                Err(rule) => self.problem_at(path("certificates"), Some(place), arn, rule),
            }
        }
        if certificates.len() > spec::CERTIFICATES {
            let count = certificates.len().to_string();
            let rule = format!("a load balancer takes {} certificates", spec::CERTIFICATES);
            self.problem(None, &path("certificates"), &count, rule);
        }
        let policy = self.or_usual(None, &path("tls_policy"));
        let policy = self.keep(None, &path("tls_policy"), policy, spec::check_tls_policy(policy));
        let http = match (self.text(None, &path("http")), said.is_empty()) {
            (Some("off"), _) => Http::Off,
            (Some("redirect"), _) | (None, false) => Http::Redirect,
            _ => Http::Serve,
        };
        if said.is_empty() {
            let without = "means nothing without `certificates`, which open port 443";
            if http != Http::Serve {
                let text = self.or_usual(None, &path("http"));
                self.problem(None, &path("http"), text, without);
            }
            if let Some(text) = self.text(None, &path("tls_policy")) {
                self.problem(None, &path("tls_policy"), text, without);
            }
        }
        let tls = policy.map(|policy| Tls { certificates, policy });
        (tls.filter(|tls| !tls.certificates.is_empty()), http)
    }

    fn allow(&mut self, scheme: Scheme, name: &str, network: Option<&Network>) -> Vec<Ipv4Net> {
        let path = format!("ingress.{name}.allow");
        let Some(said) = self.wish.table.texts(&path) else {
            return match scheme {
                // Those of a VPC that is there already are looked up.
                Scheme::Internal => network.and_then(Network::own).map(|it| it.vpc_cidr),
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
                    let field = place.flag().map_or_else(|| field.clone(), str::to_owned);
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
            zone: self.text(None, &format!("ingress.{}.zone", scheme.word())),
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
        // One that is there takes the place of one to make.
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
        let Some(said) = self.wish.table.at(&path).cloned() else {
            return match mine {
                [only] if !says_rule(drafts[*only].wanted) => {
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
        (zone, existing): (Option<&str>, Option<&ExistingZone>),
        mine: &[usize],
        drafts: &mut [Draft<'a>],
        unknown: Option<&Unknown>,
    ) {
        let mut taken: Vec<Lead> = Vec::new();
        let mut everything: Vec<&Wanted> = Vec::new();
        for at in mine {
            let wanted = drafts[*at].wanted;
            let Some(service) = drafts[*at].name.clone() else { continue };
            let is_unknown = matches!(unknown, Some(Unknown::Service(it)) if *it == service);
            let hosts = self.hosts(wanted, name, zone.or(existing.and_then(ExistingZone::name)));
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
                let is_known = zone.is_some() || existing.is_some();
                is_known && !host.contains(['*', '?']) && self.names.insert(host.clone())
            });
            // Where it takes everything and is alone, a rule would say nothing.
            if is_unknown && mine.len() == 1 {
                (route.hosts, route.paths) = (Vec::new(), Vec::new());
            }
            if !(route.has_rule() || says_rule(wanted) || is_unknown) {
                everything.push(wanted);
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
            self.taken(wanted, &hosts, &route, &mut taken);
            drafts[*at].routes.insert(scheme, route);
        }
        match everything[..] {
            [only] => {
                let rule = format!(
                    "nothing leads to it on the {name} load balancer: give it `hosts` or `paths`, or say ingress.{name}.unknown = \"{}\"",
                    only.name
                );
                self.of_service(only, rule);
            }
            [first, ref others @ ..] => {
                let aside = first.key.as_ref().map(Place::aside).unwrap_or_default();
                for other in others {
                    let rule = format!(
                        "takes everything on the {name} load balancer, and so does service.{}{aside}; give one of them `hosts` or `paths`",
                        first.name
                    );
                    self.of_service(other, rule);
                }
            }
            [] => {}
        }
    }

    /// Refuses a host, or a host with a path, that two services have.
    fn taken(
        &mut self,
        wanted: &Wanted,
        hosts: &[(String, Option<Place>)],
        route: &Route,
        taken: &mut Vec<Lead>,
    ) {
        let or_any =
            |all: &[String]| if all.is_empty() { vec![String::new()] } else { all.to_vec() };
        for host in or_any(&route.hosts) {
            let place = hosts.iter().find(|(it, _)| *it == host);
            let place = place.and_then(|(_, place)| place.clone());
            for path in or_any(&route.paths) {
                let is_same =
                    |it: &&Lead| it.host == host && it.path == path && it.to != wanted.name;
                let same =
                    taken.iter().find(is_same).filter(|_| !(host.is_empty() && path.is_empty()));
                if let Some(Lead { to, place: there, .. }) = same {
                    let aside = there.as_ref().map(Place::aside).unwrap_or_default();
                    let (key, rule) = match (host.is_empty(), path.is_empty()) {
                        (true, _) => {
                            ("paths", format!("the path {path} is also one of service.{to}{aside}"))
                        }
                        (false, true) => {
                            ("hosts", format!("is also a host of service.{to}{aside}"))
                        }
                        (false, false) => {
                            let rule = format!(
                                "is also a host of service.{to}{aside}, for the same path {path}"
                            );
                            ("hosts", rule)
                        }
                    };
                    let said = || wanted.table.at(key).map(|said| said.place.clone());
                    let place = place.clone().or_else(said).or_else(|| wanted.key.clone());
                    let field = format!("service.{}.{key}", wanted.name);
                    self.problem_at(field, place.as_ref(), &host, rule);
                }
                let (host, to, place) = (host.clone(), wanted.name.clone(), place.clone());
                taken.push(Lead { host, path, to, place });
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
        let mut hosts: Vec<(String, Option<Place>)> = Vec::new();
        for (text, place) in wanted.table.texts("hosts").unwrap_or_default() {
            let checked = check_host(text).and_then(|host| match zone {
                Some(zone) if !dns::lies_in(&host, zone) => {
                    let said = ["existing_zone", "zone"];
                    let mut said = said.iter().map(|key| format!("ingress.{ingress}.{key}"));
                    let aside = said.find_map(|path| self.wish.table.at(&path));
                    let aside = aside.map(|it| it.place.aside());
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
                    let field = place.flag().map_or_else(|| field.clone(), str::to_owned);
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

/// Whether a service says hosts or paths.
fn says_rule(wanted: &Wanted) -> bool {
    ["hosts", "paths"]
        .iter()
        .any(|key| wanted.table.texts(key).is_some_and(|said| !said.is_empty()))
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
