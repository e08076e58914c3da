//! A stage: commands played against a simulated account, and what they did.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sim::cloud::{Cloud, Record};
use aws_sim::elb::request::{self, Request, Response, Sender};
use aws_sim::faults::{Crash, Faults};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use super::super::{Cli, Exit, run_on_screen};
use crate::engine::event::Event;
use crate::timeline::Timeline;
use crate::ui::{Recording, Screen};
use crate::verify::outside::Outside;
use crate::verify::{Came, Url};

/// Where a rehearsal takes place when no region is named.
pub(super) const REHEARSED_REGION: &str = "us-east-1";

/// A configuration of the SDK that reaches this cloud and nothing else.
pub fn sdk_config(cloud: &Cloud, region: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIASIMULATED", "simulated", None, None, "simulated");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(cloud.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(cloud.clone()))
        .build()
}

/// A simulated account, and a command line on it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The account.
    pub cloud: Cloud,
}

/// A command that was played, as it went.
#[derive(Debug, Clone)]
pub struct Played {
    /// How it ended.
    pub exit: Exit,
    /// What a person would have seen.
    pub recording: Recording,
    /// How long it took, in simulated time.
    pub took: Duration,
    /// The calls that it made.
    pub calls: Vec<Record>,
    /// From its beginning to the moment from which its events count.
    pub looked: Duration,
}

impl Stage {
    /// Plays a command, given as its words: `["deploy", "--yes", ...]`. Nothing is printed.
    pub async fn play<W: AsRef<str>>(&self, words: &[W]) -> Played {
        self.play_answering(words, &[]).await
    }

    /// Plays a command for somebody at a terminal, who answers its questions like this.
    pub async fn play_answering<W: AsRef<str>>(&self, words: &[W], answers: &[&str]) -> Played {
        let words = words.iter().map(|word| word.as_ref().to_owned());
        match Cli::read(std::iter::once("ecsup".to_owned()).chain(words)) {
            Ok(cli) => self.run_on(cli, Screen::answering(answers)).await,
            Err(error) => Played {
                exit: Exit::Refused,
                recording: Recording { lines: vec![error.to_string()], ..Recording::default() },
                took: Duration::ZERO,
                calls: Vec::new(),
                looked: Duration::ZERO,
            },
        }
    }

    /// Plays a command.
    pub async fn run(&self, cli: Cli) -> Played {
        self.run_on(cli, Screen::recording()).await
    }

    async fn run_on(&self, mut cli: Cli, screen: Screen) -> Played {
        self.connect(&mut cli);
        let curtain = self.curtain();
        let exit = run_on_screen(&cli, &screen).await;
        curtain.falls(exit, screen.recorded())
    }

    /// Plays a command that dies when it makes a certain call, the first of which has number 0. What
    /// was played says how it ended, or that it died.
    pub async fn run_until_crash(&self, mut cli: Cli, at: usize) -> (Played, bool) {
        self.connect(&mut cli);
        let (crash, usual) = (Some(Crash { at, after: true }), self.cloud.faults());
        self.cloud.set_faults(Faults { crash, ..usual.clone() });
        let curtain = self.curtain();
        let screen = Screen::recording();
        let (exit, died) = tokio::select! {
            exit = run_on_screen(&cli, &screen) => (exit, false),
            () = self.cloud.crashed() => (Exit::Failed, true),
        };
        self.cloud.set_faults(usual);
        (curtain.falls(exit, screen.recorded()), died)
    }

    fn connect(&self, cli: &mut Cli) {
        let region = cli.global.region.as_deref().unwrap_or(REHEARSED_REGION);
        cli.global.instead_of_aws = Some(sdk_config(&self.cloud, region));
        let (cloud, region) = (self.cloud.clone(), region.to_owned());
        cli.global.instead_of_outside = Some(Rc::new(Internet { cloud, region }));
    }

    fn curtain(&self) -> Curtain<'_> {
        Curtain {
            cloud: &self.cloud,
            since: self.cloud.now(),
            calls: self.cloud.count(),
            rose: Instant::now(),
        }
    }
}

/// The machine of somebody who knows no more of a simulated account than everybody does.
#[derive(Debug)]
struct Internet {
    cloud: Cloud,
    region: String,
}

impl Outside for Internet {
    fn ask<'a>(&'a self, url: &'a Url) -> LocalBoxFuture<'a, Came> {
        let Url { scheme, host, port, path, through } = url;
        let request = Request { tls: *scheme == "https", port: *port, host, path };
        let to = through.as_ref().unwrap_or(host);
        let came = self.cloud.world(|world| {
            world.enter(&self.region);
            request::request(world, Sender::Internet, to, &request)
        });
        let came = match came {
            Some(Response::Answer(status, body)) => {
                Came::Answer { status, head: body.lines().next().unwrap_or_default().to_owned() }
            }
            Some(Response::Refused) => Came::Nobody("the connection was refused".to_owned()),
            Some(Response::Silence) => Came::Nobody("no answer in time".to_owned()),
            None => Came::Nobody(format!("there is no name {to}")),
        };
        Box::pin(std::future::ready(came))
    }
}

/// What there was before a command was played.
struct Curtain<'a> {
    cloud: &'a Cloud,
    since: Duration,
    calls: usize,
    rose: Instant,
}

impl Curtain<'_> {
    fn falls(self, exit: Exit, recording: Recording) -> Played {
        let looked = recording.counts_from.map(|from| from.saturating_duration_since(self.rose));
        Played {
            exit,
            recording,
            took: self.cloud.now().saturating_sub(self.since),
            calls: self.cloud.calls_since(self.calls),
            looked: looked.unwrap_or_default(),
        }
    }
}

impl Played {
    /// What was said for people, in one text.
    pub fn said(&self) -> String {
        self.recording.lines.join("\n")
    }

    /// What was done when, since the command began.
    pub fn timeline(&self) -> Timeline {
        let Recording { events, links, .. } = &self.recording;
        let mut events = events.clone();
        events.iter_mut().for_each(|event| event.at += self.looked);
        Timeline::new(&events, links, self.took)
    }

    /// How many calls each phase took, with its name; only those that there were.
    pub fn phases(&self) -> Vec<(&'static str, usize)> {
        let Some(first) = self.calls.iter().position(Record::changes) else {
            return vec![("look", self.calls.len())];
        };
        let is_audit = |event: &&Event| event.node.as_str() == "audit";
        let audit = self.recording.events.iter().find(is_audit).map_or(0, |audit| {
            let began = self.began() + self.looked + audit.at;
            self.calls.iter().filter(|call| call.at >= began).count()
        });
        let work = self.calls.len() - first - audit;
        let phases = [("look", first), ("work", work), ("audit", audit)];
        phases.into_iter().filter(|(_, calls)| *calls > 0).collect()
    }

    /// When the command began, since the world did.
    fn began(&self) -> Duration {
        self.calls.first().map(|call| call.at).unwrap_or_default()
    }

    /// How many calls each service got.
    pub fn services(&self) -> BTreeMap<&'static str, usize> {
        let mut services = BTreeMap::new();
        for call in &self.calls {
            *services.entry(call.service).or_default() += 1;
        }
        services
    }

    /// How many calls AWS refused because there had been too many.
    pub fn throttled(&self) -> usize {
        let codes = ["Throttling", "ThrottlingException", "RequestLimitExceeded"];
        let is_throttled =
            |call: &&Record| call.refused.as_deref().is_some_and(|code| codes.contains(&code));
        self.calls.iter().filter(is_throttled).count()
    }

    /// How often each operation was called.
    pub fn operations(&self) -> BTreeMap<String, usize> {
        let mut operations = BTreeMap::new();
        for call in &self.calls {
            *operations.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
        }
        operations
    }

    /// The operations that were called to change something.
    pub fn changes(&self) -> Vec<&str> {
        let changes = self.calls.iter().filter(|call| call.changes());
        changes.map(|call| call.operation.as_str()).collect()
    }
}

/// Runs something in a time of its own, which passes as fast as it can be computed. Two runs with the
/// same seed are the same to the last call.
///
/// The clock stands still from the first moment. One that is stopped later stands between two ticks of
/// the runtime's timer, somewhere else in each run, and then every wait is rounded by something else.
///
/// # Panics
///
/// When the operating system gives the runtime nothing to wait for its sockets with.
pub fn in_virtual_time<T>(seed: u64, play: impl AsyncFnOnce() -> T) -> T {
    // Where retries and tokens of the SDK take their chance from.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime without threads needs nothing that may lack");
    runtime.block_on(play())
}
