//! Whether the services of a stack answer whom they should: which requests show it, what has to come of each,
//! and what that says. What sends them is in [`curl`], for a task inside the network, and in [`outside`].

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

use crate::facts::{Running, RunningBalancer, RunningService};
use crate::spec::{Nat, REQUIRED, Scheme};

pub mod curl;
pub mod outside;

/// Until a connection has to be there.
const CONNECT: Duration = Duration::from_secs(5);
/// Until an answer has to be complete.
const ANSWER: Duration = Duration::from_secs(15);
/// Longest beginning of an answer that is shown, in characters.
const HEAD: usize = 60;

/// Everybody's addresses.
const ANYWHERE: &str = "0.0.0.0/0";

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// Where the tasks of this service stand.
    Tasks(String),
    /// The machine that ecsup runs on.
    Here,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tasks(_) => "inside",
            Self::Here => "here",
        })
    }
}

impl Serialize for Sender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What has to come of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// An answer with one of these statuses, such as `200,301-303`: those of the health check.
    Status(String),
    /// An answer that is not the load balancer's for services that do not work: the path is not that of the
    /// health check, so that nobody has said which.
    Answer,
    /// Somebody listens, whatever is spoken there.
    Listener,
    /// Nothing: it is not to be reached from there.
    Nothing,
}

/// A request, and what has to come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The service; all behind a load balancer when there is none.
    pub service: Option<String>,
    /// Where it is sent from.
    pub from: Sender,
    /// What is asked for.
    pub url: Url,
    /// What has to come of it.
    pub wanted: Wanted,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path.
    pub path: String,
    /// The name of the load balancer that is asked, where no name leads there.
    pub through: Option<String>,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path, .. } = self;
        match (*scheme, port) {
            ("http", 80) | ("https", 443) => write!(f, "{scheme}://{host}{path}"),
            _ => write!(f, "{scheme}://{host}:{port}{path}"),
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// How its body begins.
        head: String,
    },
    /// Nobody was there: no such name, no connection, or no answer in time.
    Nobody(String),
    /// Somebody was there, who did not answer as HTTP does.
    Other(String),
}

/// Whether what came of a request is what had to.
pub fn judge(wanted: &Wanted, came: &Came) -> Result<String, String> {
    match (wanted, came) {
        (Wanted::Status(wanted), Came::Answer { status, .. }) => match takes(wanted, *status) {
            true => Ok(status.to_string()),
            false => Err(format!("{status}, and the health check takes {wanted}{}", hint(*status))),
        },
        (Wanted::Answer, Came::Answer { status: status @ 502..=504, .. }) => {
            Err(format!("{status}{}", hint(*status)))
        }
        (Wanted::Answer | Wanted::Listener, Came::Answer { status, .. }) => Ok(status.to_string()),
        (Wanted::Listener, Came::Other(_)) => Ok("it listens".to_owned()),
        (Wanted::Nothing, Came::Nobody(_)) => Ok("no answer, as it should be".to_owned()),
        (Wanted::Nothing, Came::Answer { status, .. }) => {
            Err(format!("{status}, and nobody should answer from here"))
        }
        (Wanted::Nothing, Came::Other(why)) => Err(format!("somebody is reached from here: {why}")),
        (_, Came::Nobody(why) | Came::Other(why)) => Err(why.clone()),
    }
}

/// What a load balancer says of a service by its own answers (Elastic Load Balancing guide, "Troubleshoot your
/// Application Load Balancers").
fn hint(status: u16) -> &'static str {
    match status {
        502 => ": the load balancer reached the service, which did not answer as HTTP does",
        503 => ": the load balancer has no task of the service",
        504 => ": the load balancer does not reach the service, or gets no answer in time",
        _ => "",
    }
}

/// Whether a status is one of these, such as `200,301-303`.
fn takes(statuses: &str, status: u16) -> bool {
    statuses.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last] = [first, last].map(|it| it.trim().parse::<u16>().ok());
        first.is_some_and(|first| last.is_some_and(|last| (first..=last).contains(&status)))
    })
}

/// What has to be asked to know whether a stack answers as it should.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// The requests.
    pub asked: Vec<Check>,
    /// Whom nothing is asked, and why.
    pub unasked: Vec<String>,
}

/// How a stack is reached, besides what [`Running`] says.
#[derive(Debug, Default)]
pub struct Ways<'a> {
    /// The DNS names of its load balancers.
    pub balancers: Vec<(Scheme, &'a str)>,
    /// The namespace of the names that tasks answer to themselves.
    pub namespace: Option<&'a str>,
    /// Where the tasks stand that send requests for load balancers.
    pub place: &'a str,
}

impl Checks {
    /// What has to be asked about a stack.
    pub fn of(running: &Running, ways: &Ways<'_>) -> Self {
        let mut checks = Self::default();
        for (scheme, dns_name) in &ways.balancers {
            let it = running.balancers.iter().find(|it| it.scheme == *scheme);
            let of_it = || running.services.iter().filter(|(_, it)| it.schemes.contains(scheme));
            let Some(it) = it.filter(|_| of_it().next().is_some()) else { continue };
            let (protocol, port) =
                if it.tls_policy.is_some() { ("https", 443) } else { ("http", 80) };
            let lets_inside_in = running.lets_inside_in(it);
            if let Err(why) = &lets_inside_in {
                checks
                    .unasked
                    .push(format!("the {} load balancer from inside: {why}", scheme.word()));
            }
            let url = |host: &str, path: &str, through: bool| Url {
                scheme: protocol,
                host: host.to_owned(),
                port,
                path: path.to_owned(),
                through: through.then(|| (*dns_name).to_owned()),
            };
            for (name, service) in of_it() {
                let (path, wanted) = service.asked();
                let add = |checks: &mut Self, from: Sender, url: Url| {
                    let (service, wanted) = (Some(name.clone()), wanted.clone());
                    checks.asked.push(Check { service, from, url, wanted });
                };
                let host = service.host(dns_name);
                let through = || url(&host, &path, host != *dns_name);
                if lets_inside_in.is_ok() {
                    let inside = || Sender::Tasks(ways.place.to_owned());
                    add(&mut checks, inside(), through());
                    for host in &service.names {
                        add(&mut checks, inside(), url(host, &path, false));
                    }
                }
                if *scheme == Scheme::InternetFacing {
                    add(&mut checks, Sender::Here, through());
                }
            }
            if *scheme == Scheme::Internal {
                let url = url(dns_name, "/", false);
                let (service, from, wanted) = (None, Sender::Here, Wanted::Nothing);
                checks.asked.push(Check { service, from, url, wanted });
            }
        }
        checks.ask_by_discovery(running, ways);
        checks
    }

    /// The names that tasks answer to themselves, from where somebody stands who may ask.
    fn ask_by_discovery(&mut self, running: &Running, ways: &Ways<'_>) {
        for (name, service) in &running.services {
            let (Some(callers), Some(namespace)) = (&service.callers, ways.namespace) else {
                if service.schemes.is_empty() {
                    self.unasked.push(format!("service {name}: nobody sends it requests"));
                }
                continue;
            };
            let caller = match callers {
                None => Some(name),
                Some(callers) => callers.first(),
            };
            let port = service.own.port.and_then(|port| u16::try_from(port).ok());
            let (Some(caller), Some(port)) = (caller, port) else {
                self.unasked.push(format!("service {name} by its own name: nobody may call it"));
                continue;
            };
            let host = format!("{name}.{namespace}");
            let url = Url { scheme: "http", host, port, path: "/".to_owned(), through: None };
            let (service, from) = (Some(name.clone()), Sender::Tasks(caller.clone()));
            self.asked.push(Check { service, from, url, wanted: Wanted::Listener });
        }
    }

    /// The services from whose places something is asked.
    pub fn places(&self) -> BTreeSet<&str> {
        let places = self.asked.iter().filter_map(|check| match &check.from {
            Sender::Tasks(service) => Some(service.as_str()),
            Sender::Here => None,
        });
        places.collect()
    }
}

impl RunningService {
    /// The path that is asked for behind load balancers, and what has to come of it.
    fn asked(&self) -> (String, Wanted) {
        let path = self.health.as_ref().map_or("/", |it| it.path.as_str());
        let wanted = self.health.as_ref().map(|it| Wanted::Status(it.status.clone()));
        let wanted = wanted.unwrap_or(Wanted::Answer);
        let paths = &self.rules[1];
        match paths.is_empty() || paths.iter().any(|pattern| is_like(pattern, path)) {
            true => (path.to_owned(), wanted),
            false => {
                let path = paths.first().map(|it| it.replace(['*', '?'], "")).unwrap_or_default();
                (path, Wanted::Answer)
            }
        }
    }

    /// The host that is asked for where the load balancer is asked itself: one of its rule, or the load
    /// balancer's own name where its rule takes any.
    fn host(&self, dns_name: &str) -> String {
        let hosts = &self.rules[0];
        let plain = hosts.iter().find(|host| !host.contains(['*', '?']));
        let host = plain.cloned().or_else(|| hosts.first().map(|it| it.replace(['*', '?'], "x")));
        host.unwrap_or_else(|| dns_name.to_owned())
    }
}

impl Running {
    /// Whether what stands in the network is let in by a load balancer, as far as its rules say it.
    fn lets_inside_in(&self, it: &RunningBalancer) -> Result<(), String> {
        let allow = it.allow.iter().map(String::as_str).collect::<Vec<_>>();
        if allow.contains(&ANYWHERE) && (it.scheme == Scheme::Internal || !self.is_closed()) {
            return Ok(());
        }
        if it.scheme == Scheme::InternetFacing {
            // Whoever asks from inside comes with the address of a NAT gateway, or with that of its task.
            return Err(match self.is_closed() {
                true => "nothing leads out of the network to it".to_owned(),
                false => format!("it lets in {} alone", allow.join(", ")),
            });
        }
        let range: Option<IpNet> = self.vpc_cidr.as_deref().and_then(|it| it.parse().ok());
        let within = |allow: &&str| match (allow.parse::<IpNet>(), &range) {
            (Ok(allow), Some(range)) => allow.contains(range),
            // Which addresses somebody else's network has, its owner knows.
            _ => true,
        };
        match allow.iter().any(within) {
            true => Ok(()),
            false => Err(format!("it lets in {} alone", allow.join(", "))),
        }
    }

    /// Whether nothing leads out of the network, but to services of AWS by endpoints.
    pub fn is_closed(&self) -> bool {
        self.nat == Some(Nat::None) && self.endpoints.contains(REQUIRED)
    }
}

/// Whether a path is like a pattern, in which `*` stands for any text and `?` for a letter.
fn is_like(pattern: &str, path: &str) -> bool {
    let pattern = regex_lite::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
    regex_lite::Regex::new(&format!("^{pattern}$")).is_ok_and(|it| it.is_match(path))
}

#[cfg(test)]
mod tests;
