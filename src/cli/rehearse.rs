//! `ecsup rehearse`: plays a stack's whole life against simulated AWS, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser as _, ValueEnum};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::deploy::DeployArgs;
use super::destroy::DestroyArgs;
use super::locked::LockArgs;
use super::{Cli, Command, Exit, Global, report_refused, run_on_screen};
use crate::engine::event::duration;
use crate::sim::cloud::{Cloud, Record};
use crate::sim::faults::{Crash, Faults};
use crate::sim::listen::listen;
use crate::sim::scenario::{self, NAMED};
use crate::spec::{EnvValue, ServiceFlags, Spec};
use crate::timeline::Timeline;
use crate::ui::{Recording, Screen};

/// What `ecsup rehearse` takes: what deploy takes, and what kind of world to play in.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// What is unusual about the world
    #[arg(long, help_heading = WORLD, default_value = "usual",
        value_parser = PossibleValuesParser::new(NAMED.iter().map(|named| named.name)))]
    pub scenario: String,

    /// Which of the many possible worlds; the same one plays the same to the last call
    #[arg(long, help_heading = WORLD, default_value_t = 1)]
    pub seed: u64,

    /// Let the first deploy die when it makes its Nth call, and another one go on
    #[arg(long, help_heading = WORLD, value_name = "N")]
    pub crash_at: Option<usize>,

    /// Serve the simulated account to other AWS clients, with the stack in it when a pattern is given
    #[arg(long, help_heading = WORLD, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Simulated seconds in a real one, while it is served
    #[arg(long, help_heading = WORLD, value_name = "N", default_value_t = 1, requires = "listen",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub speed: u32,

    /// How to print what was played
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

const WORLD: &str = "World";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
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
}

impl Stage {
    /// Plays a command, given as its words: `["deploy", "--yes", ...]`. Nothing is printed.
    pub async fn play<W: AsRef<str>>(&self, words: &[W]) -> Played {
        let words = words.iter().map(|word| word.as_ref().to_owned());
        let cli = Cli::try_parse_from(std::iter::once("ecsup".to_owned()).chain(words));
        match cli {
            Ok(cli) => self.run(cli).await,
            Err(error) => Played {
                exit: Exit::Refused,
                recording: Recording { lines: vec![error.to_string()], ..Recording::default() },
                took: Duration::ZERO,
                calls: Vec::new(),
            },
        }
    }

    /// Plays a command.
    pub async fn run(&self, mut cli: Cli) -> Played {
        cli.global.cloud = Some(self.cloud.clone());
        let (before, since) = (self.cloud.count(), self.cloud.now());
        let screen = Screen::recording();
        let exit = run_on_screen(&cli, &screen).await;
        Played {
            exit,
            recording: screen.recorded(),
            took: self.cloud.now().saturating_sub(since),
            calls: self.cloud.calls_since(before),
        }
    }
}

impl Played {
    /// What was said for people, in one text.
    pub fn said(&self) -> String {
        self.recording.lines.join("\n")
    }

    /// What was done when.
    pub fn timeline(&self) -> Timeline {
        let Recording { events, links, .. } = &self.recording;
        let took = events.iter().map(|event| event.at).max().unwrap_or_default();
        Timeline::new(events, links, took)
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

/// One command of the play.
struct Act {
    title: String,
    played: Played,
}

/// Runs the command.
pub async fn rehearse(args: &RehearseArgs, global: &Global, screen: &Screen) -> Exit {
    let alone = args.listen.is_some() && args.flags.pattern.is_none();
    if !alone && let Err(errors) = Spec::from_flags(&args.flags) {
        return report_refused(&errors, screen);
    }
    let world = scenario::named(&args.scenario).unwrap_or(&NAMED[0]);
    fastrand::seed(args.seed);
    tokio::time::pause();
    let stage = Stage { cloud: Cloud::new(args.seed, world.scenario()) };
    match args.listen {
        None => play_all(&stage, args, global, screen).await,
        Some(_) if alone => serve(&stage, args, screen).await,
        Some(_) => {
            let played = stage.run(deploy(args, global, |_| {})).await;
            if played.exit != Exit::Done {
                show_lines(&played, screen);
                return played.exit;
            }
            screen.note(&format!("deployed in {} of simulated time", duration(played.took)));
            serve(&stage, args, screen).await
        }
    }
}

/// Plays the stack's life and prints it.
async fn play_all(stage: &Stage, args: &RehearseArgs, global: &Global, screen: &Screen) -> Exit {
    let cloud = &stage.cloud;
    let before = cloud.world(super::super::sim::world::World::ids);
    let mut acts: Vec<Act> = Vec::new();
    if let Some(at) = args.crash_at {
        cloud.set_faults(Faults { crash: Some(Crash { at, after: true }), ..Faults::default() });
        let since = cloud.count();
        let first = deploy(args, global, |_| {});
        tokio::select! {
            played = stage.run(first) => {
                acts.push(Act { title: "deploy".to_owned(), played });
            }
            () = cloud.crashed() => {
                let calls = cloud.calls_since(since);
                let last = calls.last().map(|call| call.operation.clone()).unwrap_or_default();
                screen.note(&format!("deploy died at its call {at}, {last}, after AWS had served it"));
            }
        }
        cloud.set_faults(Faults::default());
    }
    acts.push(Act {
        title: "deploy".to_owned(),
        played: stage.run(deploy(args, global, |_| {})).await,
    });
    let deployed = acts.last().is_some_and(|act| act.played.exit == Exit::Done);
    if deployed {
        acts.push(Act {
            title: "deploy again".to_owned(),
            played: stage.run(deploy(args, global, |_| {})).await,
        });
        let changed = deploy(args, global, |flags| {
            flags.env.push(EnvValue::from("REHEARSED_CHANGE=1"));
        });
        acts.push(Act {
            title: "deploy with one more --env".to_owned(),
            played: stage.run(changed).await,
        });
    }
    acts.push(Act { title: "destroy".to_owned(), played: stage.run(destroy(args, global)).await });
    let after = cloud.world(super::super::sim::world::World::ids);
    // The roles of AWS's services belong to the account and stay, as on AWS.
    let stays = |id: &&String| id.contains(":role/aws-service-role/");
    let left: BTreeSet<String> =
        after.difference(&before).filter(|id| !stays(id)).cloned().collect();
    let verdict = verdict(&acts, &left);
    match args.output {
        Output::Text => print_text(args, &acts, &left, &verdict, screen),
        Output::Json => screen.out(&to_json(args, &acts, &left, &verdict).to_string()),
    }
    acts.iter().map(|act| act.played.exit).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done)
}

/// A deploy as a user would type it.
fn deploy(args: &RehearseArgs, global: &Global, change: impl FnOnce(&mut ServiceFlags)) -> Cli {
    let mut flags = args.flags.clone();
    change(&mut flags);
    let deploy = DeployArgs { flags, yes: true, no_wait: false, lock: LockArgs::default() };
    Cli { global: global.clone(), command: Command::Deploy(deploy) }
}

fn destroy(args: &RehearseArgs, global: &Global) -> Cli {
    let stack = Spec::from_flags(&args.flags).ok().map(|spec| spec.stack.to_string());
    let destroy = DestroyArgs { stack, yes: true, dry_run: false, lock: LockArgs::default() };
    Cli { global: global.clone(), command: Command::Destroy(destroy) }
}

/// Serves the account until the user has seen enough.
async fn serve(stage: &Stage, args: &RehearseArgs, screen: &Screen) -> Exit {
    tokio::time::resume();
    stage.cloud.set_speed(f64::from(args.speed));
    let Some(address) = args.listen else { return Exit::Refused };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            screen.error(&format!("failed to listen on {address}: {error}"));
            return Exit::Failed;
        }
    };
    let address = listener.local_addr().unwrap_or(address);
    screen.out(&format!("http://{address}"));
    screen.note(
        "this is simulated AWS: any access key will do; Ctrl-C ends it and all that is in it",
    );
    tokio::select! {
        error = listen(&stage.cloud, &listener) => {
            screen.error(&format!("failed to serve: {error}"));
            Exit::Failed
        }
        _asked = tokio::signal::ctrl_c() => Exit::Done,
    }
}

/// What the play has shown, in one sentence.
fn verdict(acts: &[Act], left: &BTreeSet<String>) -> String {
    let failed = acts.iter().find(|act| act.played.exit != Exit::Done);
    let end = match left.len() {
        0 => "and nothing is left".to_owned(),
        some => format!("and {some} things are left"),
    };
    match failed {
        None => format!("the stack came, stayed, changed and went, {end}"),
        Some(act) => format!("{} did not succeed in this world, {end}", act.title),
    }
}

fn show_lines(played: &Played, screen: &Screen) {
    played.recording.lines.iter().for_each(|line| screen.note(line));
}

fn print_text(
    args: &RehearseArgs,
    acts: &[Act],
    left: &BTreeSet<String>,
    verdict: &str,
    screen: &Screen,
) {
    let about = scenario::named(&args.scenario).map(|named| named.about).unwrap_or_default();
    screen.note(&format!(
        "simulated AWS, seed {}: {about}; no account is needed and none is touched",
        args.seed
    ));
    for act in acts {
        let Act { title, played } = act;
        let mutating = played.changes().len();
        screen.out(&format!(
            "\n{title}: {} in {}, {} calls, {mutating} of them changes",
            outcome(played.exit),
            duration(played.took),
            played.calls.len(),
        ));
        if mutating > 0 {
            screen.out(&played.timeline().to_text(WIDTH));
        }
        if played.exit != Exit::Done {
            played.recording.lines.iter().for_each(|line| screen.out(&format!("  {line}")));
        }
    }
    screen.out("");
    left.iter().for_each(|id| screen.out(&format!("left: {id}")));
    screen.out(&format!("{verdict}."));
}

/// Columns of a timeline.
const WIDTH: usize = 100;

fn outcome(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Refused => "refused",
        Exit::DeployIncomplete | Exit::DestroyIncomplete => "incomplete",
        Exit::Interrupted => "interrupted",
        Exit::Failed | Exit::ChangesPending => "failed",
    }
}

fn to_json(args: &RehearseArgs, acts: &[Act], left: &BTreeSet<String>, verdict: &str) -> Value {
    let acts = acts.iter().map(|Act { title, played }| {
        json!({
            "command": title,
            "outcome": outcome(played.exit),
            "seconds": played.took.as_secs_f64(),
            "calls": played.calls.len(),
            "operations": played.operations(),
            "changes": played.changes(),
            "timeline": played.timeline().to_json(),
            "said": played.recording.lines,
        })
    });
    json!({
        "seed": args.seed,
        "scenario": args.scenario,
        "commands": acts.collect::<Vec<_>>(),
        "left": left,
        "verdict": verdict,
    })
}

/// Runs something in a time of its own, which passes as fast as it can be computed. Two runs with the
/// same seed are the same to the last call.
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
