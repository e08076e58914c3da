//! Containers that run `curl`: they send their requests from where their task stands, and write what comes of
//! them.
//!
//! Of curl there is what its manual says of the options below, in the order of what it is given: names are
//! looked up as the VPC's resolver does, and whoever does not answer costs the whole `--connect-timeout`.
//! Certificates are not looked at.

use std::time::Duration;

use serde_json::Value;

use super::task::Task;
use super::{task_definition, way};
use crate::elb::request::{Request, Response, Sender, request, said_by};
use crate::fields::Fields;
use crate::world::World;
use crate::{ec2, route53};

/// How a request takes that is answered.
const ANSWERED: Duration = Duration::from_millis(200);
/// How long curl waits for a connection unless it is told (curl(1), `--connect-timeout`).
const PATIENCE: Duration = Duration::from_mins(5);

/// What a container that runs curl comes to.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The container.
    pub(super) container: String,
    /// What it writes.
    pub(super) lines: Vec<String>,
    /// What it exits with: as its last request did.
    pub(super) code: i64,
    /// How long it takes.
    pub(super) takes: Duration,
}

/// Whether a container is one that runs curl.
pub(super) fn is_curl(container: &Value) -> bool {
    container.texts("entryPoint").first().is_some_and(|it| it == "curl")
}

/// Runs the curl of a task, if it has one.
pub(super) fn run(world: &World, task: &Task) -> Option<Done> {
    let containers = task_definition::containers(world, &task.definition);
    let container = containers.iter().find(|it| is_curl(it))?;
    let name = container.text("name");
    let told = task.overrides.iter().find(|it| it.text("name") == name);
    let words = told.map(|it| it.texts("command")).filter(|it| !it.is_empty());
    let words = words.unwrap_or_else(|| container.texts("command"));
    let words: Vec<_> = container.texts("entryPoint").into_iter().skip(1).chain(words).collect();
    let mut done = Done { container: name.to_owned(), ..Done::default() };
    for transfer in words.split(|word| word == "--next") {
        match Transfer::read(transfer) {
            Ok(transfer) => transfer.happens(world, task, &mut done),
            Err(why) => {
                done.lines.push(format!("curl: {why}"));
                done.code = 2;
                break;
            }
        }
    }
    Some(done)
}

/// One request, as it is asked for.
#[derive(Debug, Default)]
struct Transfer {
    url: String,
    connect_to: Option<String>,
    include: bool,
    write_out: String,
    patience: Option<Duration>,
}

impl Transfer {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut it = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().cloned().ok_or(format!("option {word}: requires parameter"));
            match word.as_str() {
                "--silent" | "--show-error" | "--insecure" => {}
                "--include" => it.include = true,
                "--max-time" | "--max-filesize" => drop(value()?),
                "--connect-timeout" => {
                    let seconds = value()?
                        .parse()
                        .map_err(|_| format!("option {word}: expected a number"))?;
                    it.patience = Some(Duration::from_secs(seconds));
                }
                "--connect-to" => it.connect_to = Some(value()?),
                "--write-out" => it.write_out = value()?,
                "--url" => it.url = value()?,
                other => return Err(format!("option {other}: is unknown")),
            }
        }
        if it.url.is_empty() {
            return Err("(2) no URL specified".to_owned());
        }
        Ok(it)
    }

    fn happens(&self, world: &World, task: &Task, done: &mut Done) {
        let (code, status, why) = match self.answer(world, task) {
            Some(Response::Answer(status, body)) => {
                if self.include {
                    done.lines.push(format!("HTTP/1.1 {status}"));
                    // The log driver leaves out the empty line behind them.
                    done.lines.push("content-type: text/plain".to_owned());
                }
                done.lines.extend(body.lines().map(str::to_owned));
                done.takes += ANSWERED;
                (0, status, String::new())
            }
            Some(Response::Refused) => {
                done.takes += ANSWERED;
                (7, 0, "Failed to connect: Connection refused".to_owned())
            }
            Some(Response::Silence) => {
                let patience = self.patience.unwrap_or(PATIENCE);
                done.takes += patience;
                (28, 0, format!("Connection timed out after {} milliseconds", patience.as_millis()))
            }
            None => (6, 0, format!("Could not resolve host: {}", host_of(&self.url))),
        };
        if code != 0 {
            done.lines.push(format!("curl: ({code}) {why}"));
        }
        let told = self.write_out.replace("%{exitcode}", &code.to_string());
        let told = told.replace("%{http_code}", &format!("{status:03}"));
        let told = told.replace("%{errormsg}", &why).replace("\\n", "\n");
        done.lines.extend(told.lines().filter(|line| !line.is_empty()).map(str::to_owned));
        done.code = code;
    }

    /// What comes of it; nothing when there is no such name.
    fn answer(&self, world: &World, task: &Task) -> Option<Response> {
        let tls = self.url.starts_with("https://");
        let (authority, path) = split(&self.url);
        let (host, port) = with_port(authority, if tls { 443 } else { 80 });
        let (to, port) = match &self.connect_to {
            // `::HOST:PORT` says where to connect in place of any host and port.
            Some(other) => with_port(other.trim_start_matches(':'), port),
            None => (host, port),
        };
        let asked = Request { tls, port, host, path };
        let from = way::standpoint(task)?;
        let vpc = ec2::subnet(world, from.subnet).ok()?.vpc;
        let addresses = route53::resolve(world, &vpc, to);
        if let Some(address) = addresses.first() {
            return Some(at_address(world, &from, address, &asked));
        }
        let alias = route53::alias(world, &vpc, to);
        if alias.is_none() && route53::hides(world, &vpc, to) {
            return None;
        }
        request(world, Sender::Vpc(&from), alias.as_deref().unwrap_or(to), &asked)
    }
}

/// What comes of a request to a task itself.
fn at_address(
    world: &World,
    from: &ec2::Standpoint<'_>,
    address: &str,
    asked: &Request<'_>,
) -> Response {
    let mut all = world.ecs().tasks.values();
    let Some(task) = all.find(|it| it.address.as_deref() == Some(address)) else {
        return Response::Silence;
    };
    let groups = task.network.as_ref().map(|it| it.groups.clone()).unwrap_or_default();
    if !ec2::may_reach(world, from.groups, &groups, asked.port) {
        return Response::Silence;
    }
    let containers = task_definition::containers(world, &task.definition).iter();
    let mut ports = containers.flat_map(|it| it.list("portMappings"));
    match ports.any(|it| it.number("containerPort") == Some(asked.port.into())) {
        true => said_by(world.scenario.health, &format!("{address}:{}", asked.port), asked.path),
        false => Response::Refused,
    }
}

/// What stands before the path of a URL, and the path.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    }
}

fn host_of(url: &str) -> &str {
    with_port(split(url).0, 0).0
}

fn with_port(authority: &str, usual: u16) -> (&str, u16) {
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(usual)),
        None => (authority, usual),
    }
}
