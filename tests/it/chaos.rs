//! Whatever befalls a run, the next ones bring the stack to where it should be, or remove it whole.
//!
//! `ECSUP_SEED=42` plays one seed again and tells every call of it, `ECSUP_RUNS=100000` plays that many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::doubt::Doubt;
use aws_sim::faults::{Crash, Fault, Faults, Only};
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use fastrand::Rng;
use serde_json::Value;

use crate::between_manifests::{self, Manifest};
use crate::meddler::meddle;
use crate::proofs::{
    CLOSED, STACKS, deploy, expect, holds, ids, no_defects, nothing_left, on_all_processors,
    play_until_crash,
};
use crate::transitions::CHANGES;

/// What a stack is to be.
#[derive(Debug, Clone)]
enum Wish<'a> {
    Flags(Vec<&'static str>),
    Manifest(&'a Manifest),
}

impl Wish<'_> {
    fn stack(&self) -> &str {
        match self {
            Self::Flags(flags) => flags[1],
            Self::Manifest(_) => between_manifests::STACK,
        }
    }

    fn deploy(&self) -> Vec<&str> {
        match self {
            Self::Flags(flags) => deploy(flags),
            Self::Manifest(manifest) => manifest.deploy(),
        }
    }

    fn destroy(&self) -> Vec<&str> {
        vec!["destroy", "--yes", self.stack()]
    }

    async fn holds(&self, cloud: &Cloud) -> Result<(), String> {
        match self {
            Self::Flags(flags) => holds(cloud, flags).await,
            Self::Manifest(manifest) => manifest.holds(cloud).await,
        }
    }
}

/// What befalls one life of a stack.
#[derive(Debug)]
struct Fate<'a> {
    wish: Wish<'a>,
    /// What it is to be instead, after a first quiet deploy, if anything.
    change: Option<Wish<'a>>,
    /// Whether it is a destroy that meets the weather, and not a deploy.
    in_destroy: bool,
    weather: Weather,
    /// At which call it dies, of all that it makes from the weather on, when it makes so many. Else it is
    /// played once more, and dies at one that it does make.
    dies_at: Option<usize>,
    /// Whether that call still has its effect.
    after: bool,
    /// How long until somebody goes on.
    pause: Duration,
    /// Whether the stack is deployed again before it is destroyed.
    again: bool,
}

/// What is unusual: the world for all of a life, the rest for one command of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a coin that is tossed")]
struct Weather {
    fresh_account: bool,
    pages_of_one: bool,
    doubts: Vec<Doubt>,
    /// Calls go wrong on their way.
    rough: bool,
    /// The lock's signs of life do not arrive.
    silent: bool,
    /// When somebody deletes something of the stack by hand, since the command began.
    by_hand: Vec<Duration>,
}

/// How long AWS may take to notice what was done by hand, such as an instance that is gone, and to give
/// up a deployment that met it.
const NOTICED: Duration = Duration::from_mins(15);

/// As many calls as most lives make from the weather on, and where that is one of a destroy.
const CALLS: [usize; 2] = [750, 1000];

impl<'a> Fate<'a> {
    /// One of flags and a change of them.
    fn of_flags(seed: u64) -> Self {
        let chance = &mut Rng::with_seed(seed);
        let flags = STACKS[chance.usize(..STACKS.len())];
        let changes = CHANGES.iter().filter(|it| !it.is_about_interfaces());
        let changes: Vec<_> = changes.filter(|it| it.can_be_made(flags)).collect();
        let change = changes[chance.usize(..changes.len())];
        let change = chance.bool().then(|| Wish::Flags(change.of(flags)));
        Self::of(chance, Wish::Flags(flags.to_vec()), change)
    }

    /// One of a stack that endpoints lead out of, or are to.
    fn of_interfaces(seed: u64) -> Self {
        let chance = &mut Rng::with_seed(seed);
        let stacks = [CLOSED[0], CLOSED[1], STACKS[2], STACKS[5], STACKS[6]];
        let flags = stacks[chance.usize(..stacks.len())];
        let is_closed = CLOSED.contains(&flags);
        let changes = CHANGES.iter().filter(|it| is_closed || it.is_about_interfaces());
        let changes: Vec<_> = changes.filter(|it| it.can_be_made(flags)).collect();
        let change = changes[chance.usize(..changes.len())];
        let change = (!is_closed || chance.bool()).then(|| Wish::Flags(change.of(flags)));
        Self::of(chance, Wish::Flags(flags.to_vec()), change)
    }

    /// One of manifests of several services.
    fn of_manifests(seed: u64, manifests: &'a [(&str, Manifest)]) -> Self {
        let chance = &mut Rng::with_seed(seed);
        let from = &manifests[chance.usize(..manifests.len())].1;
        let others: Vec<_> = manifests.iter().filter(|(_, it)| from.can_become(it)).collect();
        let to = &others[chance.usize(..others.len())].1;
        let change = (chance.u8(..4) > 0).then_some(Wish::Manifest(to));
        Self::of(chance, Wish::Manifest(from), change)
    }

    fn of(chance: &mut Rng, wish: Wish<'a>, change: Option<Wish<'a>>) -> Self {
        let in_destroy = chance.u8(..3) == 0;
        // Some make more calls: now and then, one is played to its end before it is drawn where it dies.
        let knows = chance.u8(..12) > 0;
        Self {
            wish,
            change,
            in_destroy,
            weather: Weather::of(chance),
            dies_at: knows.then(|| chance.usize(..CALLS[usize::from(in_destroy)])),
            after: chance.bool(),
            pause: Duration::from_secs([0, 0, 2, 30, 90, 900][chance.usize(..6)]),
            again: chance.u8(..3) > 0,
        }
    }

    /// What it is to be in the end.
    fn last(&self) -> &Wish<'a> {
        self.change.as_ref().unwrap_or(&self.wish)
    }

    /// The command that meets the weather.
    fn command(&self) -> Vec<&str> {
        if self.in_destroy { self.wish.destroy() } else { self.last().deploy() }
    }
}

impl Weather {
    fn of(chance: &mut Rng) -> Self {
        let doubts = Doubt::ALL.iter().filter(|_| chance.u8(..10) == 0);
        let doubts = doubts.copied().collect();
        let deletions = [0, 0, 0, 1, 3][chance.usize(..5)];
        Self {
            fresh_account: chance.u8(..4) == 0,
            pages_of_one: chance.u8(..4) == 0,
            doubts,
            rough: chance.bool(),
            silent: chance.u8(..12) == 0,
            by_hand: (0..deletions).map(|_| Duration::from_secs(chance.u64(..240))).collect(),
        }
    }

    fn scenario(&self) -> Scenario {
        Scenario {
            fresh_account: self.fresh_account,
            pages_of_one: self.pages_of_one,
            doubts: self.doubts.clone(),
            ..Scenario::default()
        }
    }

    fn faults(&self) -> Faults {
        let beats = || Only {
            operation: "PutParameter".to_owned(),
            about: "\"Overwrite\":true".to_owned(),
            fault: Fault::Reset,
        };
        let usual = if self.rough { Faults::rough() } else { Faults::default() };
        Faults { only: self.silent.then(beats), ..usual }
    }
}

/// A stack's life, and how many of its calls are left until it dies.
struct Life {
    stage: Stage,
    /// The number of the call at which it dies, while it has not.
    dies: Option<Crash>,
    /// How many commands were played to their ends since the weather began, until it died.
    commands: usize,
}

/// How a life went.
struct Lived {
    /// How many calls it made from the weather on.
    calls: usize,
    /// In which of its commands it died, counted from the one that met the weather.
    died_in: Option<usize>,
}

impl Life {
    /// Plays a command; `None` when it died.
    async fn play(&mut self, words: &[&str], faults: Faults) -> Option<Played> {
        let cloud = &self.stage.cloud;
        let began = cloud.count();
        let crash = self.dies.map(|crash| Crash { at: crash.at - began, ..crash });
        cloud.set_faults(Faults { crash, ..faults });
        let played = play_until_crash(&self.stage, words).await;
        cloud.set_faults(Faults::default());
        note(|| story(words, &cloud.calls_since(began), played.as_ref()));
        match &played {
            Some(_) if self.dies.is_some() => self.commands += 1,
            Some(_) => {}
            None => self.dies = None,
        }
        played
    }

    /// Plays a command under a quiet sky, and again if it dies. It has to succeed.
    async fn succeed(&mut self, words: &[&str], what: &str) -> Result<(), String> {
        let played = match self.play(words, Faults::default()).await {
            Some(played) => played,
            None => self.stage.play(words).await,
        };
        expect(&played, Exit::Done, what)
    }
}

/// What AWS told a command, call by call, and what it told of its nodes.
fn story(words: &[&str], calls: &[Record], played: Option<&Played>) -> String {
    let mut story = vec![format!("{words:?} ended as {:?}", played.map(|it| it.exit))];
    story.extend(calls.iter().map(|call| {
        let answer = match (&call.refused, &call.answer) {
            (Some(refused), _) => refused.clone(),
            (None, answer) => {
                answer.as_ref().map_or_else(|| "no answer".to_owned(), Value::to_string)
            }
        };
        format!("{:?} {} {} -> {answer}", call.at, call.operation, call.input)
    }));
    let events = played.iter().flat_map(|it| &it.recording.events);
    story.extend(events.map(|event| format!("+{:?} {} {}", event.at, event.node, event.what)));
    story.join("\n")
}

/// Tells who plays one seed again what happens in it.
#[expect(clippy::print_stdout, reason = "it is what was asked for")]
pub fn note(what: impl FnOnce() -> String) {
    if from_environment(SEED).is_some() {
        println!("{}", what());
    }
}

/// Plays a life in which somebody dies, and says in which of its commands: one of its calls, each with the
/// same chance. A life that made fewer calls than were drawn has come through the weather whole.
fn chaos(seed: u64, fate: &Fate<'_>) -> Result<usize, String> {
    let play = |at: Option<usize>| {
        let dies = at.map(|at| Crash { at, after: fate.after });
        let played = in_virtual_time(seed, async || live(seed, fate, dies).await);
        played.map_err(|why| format!("dies at {at:?}, {fate:?}: {why}"))
    };
    let whole = play(fate.dies_at)?;
    if let Some(command) = whole.died_in {
        return Ok(command);
    }
    let at = Rng::with_seed(!seed).usize(..whole.calls);
    let died_in = play(Some(at))?.died_in;
    died_in.ok_or_else(|| format!("{fate:?}: it made call {at}, and then did not"))
}

async fn live(seed: u64, fate: &Fate<'_>, dies: Option<Crash>) -> Result<Lived, String> {
    let stage = Stage { cloud: Cloud::new(seed, fate.weather.scenario()) };
    let cloud = stage.cloud.clone();
    if let Wish::Manifest(_) = fate.wish {
        between_manifests::add_foreign(&cloud);
    }
    let before = ids(&cloud);
    if fate.in_destroy || fate.change.is_some() {
        expect(&stage.play(&fate.wish.deploy()).await, Exit::Done, "deploy")?;
    }
    let quiet = cloud.count();
    let from_here = dies.map(|dies| Crash { at: quiet + dies.at, ..dies });
    let mut life = Life { stage, dies: from_here, commands: 0 };
    let (command, wish) = (fate.command(), fate.last());
    let first = tokio::select! {
        played = life.play(&command, fate.weather.faults()) => played,
        never = meddle(&cloud, wish.stack(), seed, &fate.weather.by_hand) => match never {},
    };
    match first {
        Some(played) if played.exit == Exit::Done => {
            if fate.in_destroy {
                nothing_left(&cloud, &before).map_err(|why| format!("it says done: {why}"))?;
            } else if fate.weather.by_hand.is_empty() {
                wish.holds(&cloud).await?;
            }
        }
        // The next ones meet a quiet cloud.
        Some(played) => says_what_failed(&played, &fate.weather)?,
        None => {}
    }
    let noticed = if fate.weather.by_hand.is_empty() { Duration::ZERO } else { NOTICED };
    tokio::time::sleep(fate.pause.max(noticed)).await;
    if fate.again {
        life.succeed(&wish.deploy(), "deploy again").await?;
        wish.holds(&cloud).await?;
    }
    life.succeed(&wish.destroy(), "destroy").await?;
    no_defects(&cloud)?;
    nothing_left(&cloud, &before)?;
    let died_in = (dies.is_some() && life.dies.is_none()).then_some(life.commands);
    Ok(Lived { calls: cloud.count() - quiet, died_in })
}

/// How a run says that it has lost its lock.
const LOST_LOCK: [&str; 2] = ["did not hear this run's signs of life", "so this run stopped"];

/// How a run says that something did not come up, or did not go, with what it has seen of that.
const SEEN: [&str; 5] = [
    "gave up after ",
    "not ready yet: ",
    "cause: ",
    " held by ",
    "ECS deployment circuit breaker: ",
];

/// Checks that a run that was not done says why: which call failed it, with AWS's answer to that; that it has
/// lost its lock, where nobody may hear it; or what it has seen of a thing that somebody has meddled with.
fn says_what_failed(played: &Played, weather: &Weather) -> Result<(), String> {
    let said = played.said();
    let lines = || said.lines().filter(|line| !line.starts_with("warning: "));
    let is_any = |line: &str, of: &[&str]| of.iter().any(|words| line.contains(words));
    let codes: Vec<_> = played.calls.iter().filter_map(|call| call.refused.as_deref()).collect();
    let is_of_a_call = |line: &str| {
        line.contains("failed to ") && (line.contains("no answer from AWS") || is_any(line, &codes))
    };
    let is_told = lines().any(is_of_a_call)
        || (weather.silent || weather.rough) && lines().any(|line| is_any(line, &LOST_LOCK))
        || !weather.by_hand.is_empty() && lines().any(|line| is_any(line, &SEEN));
    match is_told {
        true => Ok(()),
        false => Err(format!("{:?}, and it does not say what failed:\n{said}", played.exit)),
    }
}

/// Which seed is played, and nothing else.
const SEED: &str = "ECSUP_SEED";

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Plays many lives, or the one that the environment names.
fn play(test: &str, runs: u64, life: impl Fn(u64) -> Result<usize, String> + Sync) {
    if let Some(seed) = from_environment(SEED) {
        life(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        return;
    }
    // How many died in the command that met the weather, and in each one after it.
    let died = [const { AtomicUsize::new(0) }; 3];
    let lived = |seed| {
        let command = life(seed)?;
        died[command].fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let runs = from_environment("ECSUP_RUNS").unwrap_or(runs);
    let failed = on_all_processors(runs, lived);
    let again = format!("repeat one with `ECSUP_SEED=… cargo nextest run {test}`");
    assert!(failed.is_empty(), "{}\n{again}", failed.join("\n\n"));
    // Each of them is a good part of the calls.
    let died = died.map(|it| u64::try_from(it.into_inner()).expect("few lives"));
    assert_eq!(died.iter().sum::<u64>(), runs, "each life ends with a death: {died:?}");
    assert!(runs < 100 || died.iter().all(|it| it * 20 > runs), "seldom in some: {died:?}");
}

#[test]
fn chaos_never_leaves_a_duplicate_or_a_rest() {
    play("chaos_never", 1400, |seed| chaos(seed, &Fate::of_flags(seed)));
}

#[test]
fn stacks_with_endpoints_come_through_chaos() {
    play("stacks_with_endpoints", 300, |seed| chaos(seed, &Fate::of_interfaces(seed)));
}

#[test]
fn several_services_come_through_chaos() {
    let manifests = Manifest::all();
    play("several_services", 300, |seed| chaos(seed, &Fate::of_manifests(seed, &manifests)));
}
