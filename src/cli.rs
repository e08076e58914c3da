//! The command line: what it takes, and how a command ends.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::aws::config::{self, Destination};
use crate::aws::{Aws, Error};
use crate::engine::{Run, Stop};
use crate::facts::{self, Caller, Problem};
use crate::names::NodeName;
use crate::resource::Kind;
use crate::spec::SpecError;
use crate::ui::{Color, Screen};

pub mod completions;
pub mod deploy;
pub mod destroy;
mod existing;
mod hint;
pub mod list;
mod locked;
pub mod permissions;
pub mod plan;
#[cfg(feature = "rehearse")]
pub mod rehearse;
pub mod unlock;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    unexpected failure, such as no credentials or no answer
  2    usage, or refused before anything was changed
  3    `plan --exit-code`: something would change
  4    deploy incomplete: run it again to continue, or destroy
  5    destroy incomplete: something is left, and listed
  130  interrupted: run the same command again to continue";

/// Provisions container services on Amazon ECS with direct AWS API calls, and removes them again.
///
/// No CloudFormation, no state file: what exists in AWS, found by its tags, is the state. Every
/// command can be interrupted and repeated.
#[derive(Debug, Parser)]
#[command(name = "ecsup", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a stack, or bring it to what is asked for
    #[command(after_help = EXIT_CODES)]
    Deploy(deploy::DeployArgs),
    /// Say what deploy would do, without doing it
    #[command(after_help = EXIT_CODES)]
    Plan(plan::PlanArgs),
    /// Remove everything of a stack, and prove it
    #[command(after_help = EXIT_CODES)]
    Destroy(destroy::DestroyArgs),
    /// Play a stack's whole life against simulated AWS: no account, no credentials, no network
    #[cfg(feature = "rehearse")]
    #[command(after_help = EXIT_CODES)]
    Rehearse(Box<rehearse::RehearseArgs>),
    /// List the stacks of a region
    #[command(after_help = EXIT_CODES)]
    List,
    /// Print the IAM policy that the other commands need; asks nobody
    ///
    /// Without --region it is for every region, whatever the environment says.
    #[command(after_help = EXIT_CODES)]
    Permissions(permissions::PermissionsArgs),
    /// Take a stack's lock away from whoever holds it
    ///
    /// It is for people in a hurry: the lock of a run that has crashed is free by itself after less
    /// than half a minute. A run that is alive stops within seconds.
    #[command(after_help = EXIT_CODES)]
    Unlock(unlock::UnlockArgs),
    /// Print what a shell needs to complete this command line
    ///
    /// Such as `ecsup completions bash > ~/.local/share/bash-completion/completions/ecsup`.
    #[command(after_help = EXIT_CODES)]
    Completions(completions::CompletionsArgs),
}

/// Flags that every command takes by form, and that mean nothing to these: they are refused where
/// somebody types them, and ignored where the environment has them for other commands.
const MEANINGLESS: &[(&str, &[&str])] = &[
    ("rehearse", &["profile", "endpoint_url"]),
    ("permissions", &["profile", "endpoint_url", "timeout"]),
    ("completions", &["region", "profile", "endpoint_url", "timeout"]),
];

impl Cli {
    /// Reads a command line, the first word of which is the program's name.
    pub fn read<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let (name, given) = matches.subcommand().unwrap_or(("", &matches));
        let meaningless = MEANINGLESS.iter().find(|(of, _)| *of == name);
        let mut flags = meaningless.iter().flat_map(|(_, flags)| flags.iter());
        let typed = |flag: &&&str| given.value_source(flag) == Some(ValueSource::CommandLine);
        if let Some(flag) = flags.find(typed) {
            let flag = flag.replace('_', "-");
            let why = format!(
                "--{flag} means nothing to `ecsup {name}`, which asks no AWS: leave it out"
            );
            return Err(command.error(ErrorKind::ArgumentConflict, why));
        }
        Self::from_arg_matches(&matches)
    }

    /// Whether the command has a time of its own, which the runtime's clock has to stand still for.
    #[cfg(feature = "rehearse")]
    pub fn is_rehearsal(&self) -> bool {
        matches!(self.command, Command::Rehearse(_))
    }
}

impl Command {
    /// Its name on the command line.
    fn name(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Plan(_) => "plan",
            Self::Destroy(_) => "destroy",
            #[cfg(feature = "rehearse")]
            Self::Rehearse(_) => "rehearse",
            Self::List => "list",
            Self::Permissions(_) => "permissions",
            Self::Unlock(_) => "unlock",
            Self::Completions(_) => "completions",
        }
    }
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global")]
pub struct Global {
    /// AWS region [default: `AWS_REGION`, or that of the profile]
    #[arg(long, global = true, env = "ECSUP_REGION", hide_env_values = true)]
    pub region: Option<String>,

    /// Profile in the shared AWS configuration [default: `AWS_PROFILE`, or `default`]
    #[arg(long, global = true, env = "ECSUP_PROFILE", hide_env_values = true)]
    pub profile: Option<String>,

    /// Endpoint to use instead of AWS's [default: `AWS_ENDPOINT_URL`, or none]
    #[arg(
        long,
        global = true,
        env = "ECSUP_ENDPOINT_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub endpoint_url: Option<String>,

    /// How long a command may take, such as `45m`; what it was doing can be continued
    #[arg(
        long,
        global = true,
        env = "ECSUP_TIMEOUT",
        value_name = "DURATION",
        default_value = "60m",
        value_parser = parse_timeout,
        hide_env_values = true
    )]
    pub timeout: Duration,

    /// Whether to use colour
    #[arg(
        long,
        global = true,
        env = "ECSUP_COLOR",
        value_enum,
        default_value = "auto",
        hide_env_values = true
    )]
    pub color: Color,

    /// Log more: -v every change, -vv also every look at AWS. `RUST_LOG`, where set, decides instead
    #[arg(short, long, global = true, action = ArgAction::Count, env = "ECSUP_VERBOSE", hide_env_values = true)]
    pub verbose: u8,

    /// Show no progress
    #[arg(short, long, global = true, env = "ECSUP_QUIET", hide_env_values = true, conflicts_with = "verbose",
        value_parser = clap::builder::BoolishValueParser::new())]
    pub quiet: bool,

    /// What leads to that which takes AWS's place: a rehearsal sets it.
    #[arg(skip)]
    pub instead_of_aws: Option<SdkConfig>,
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| "say how long, such as `90s`, `45m` or `2h`".to_owned())?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration.min(LONGEST)),
        _ => Err("say how long, more than nothing".to_owned()),
    }
}

/// A command that may take longer than this may take for ever; clocks count no further than they do.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How a command ended. The numbers are in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An unexpected failure.
    Failed,
    /// Refused before anything was changed.
    Refused,
    /// Something would change.
    ChangesPending,
    /// Not everything was made or is ready.
    DeployIncomplete,
    /// Not everything was removed.
    DestroyIncomplete,
    /// The user stopped it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::ChangesPending => 3,
            Exit::DeployIncomplete => 4,
            Exit::DestroyIncomplete => 5,
            Exit::Interrupted => 130,
        })
    }
}

/// Runs a command.
pub async fn run(cli: Cli) -> ExitCode {
    let screen = Screen::new(cli.global.color, cli.global.quiet, cli.global.verbose);
    run_on_screen(&cli, &screen).await.into()
}

/// Runs a command on a screen.
pub async fn run_on_screen(cli: &Cli, screen: &Screen) -> Exit {
    screen.shows(cli.command.name());
    match &cli.command {
        Command::Deploy(args) => Box::pin(deploy::deploy(args, &cli.global, screen)).await,
        Command::Plan(args) => Box::pin(plan::plan(args, &cli.global, screen)).await,
        Command::Destroy(args) => Box::pin(destroy::destroy(args, &cli.global, screen)).await,
        #[cfg(feature = "rehearse")]
        Command::Rehearse(args) => Box::pin(rehearse::rehearse(args, &cli.global, screen)).await,
        Command::List => Box::pin(list::list(&cli.global, screen)).await,
        Command::Permissions(args) => permissions::permissions(args, &cli.global, screen),
        Command::Unlock(args) => Box::pin(unlock::unlock(args, &cli.global, screen)).await,
        Command::Completions(args) => completions::completions(args, screen),
    }
}

/// A connection to AWS, or to what stands in for it.
pub(crate) struct Connection {
    pub(crate) aws: Aws,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    clock: SharedTimeSource,
}

/// How many resources these are, in words, as every command counts them: what the stack's graph names
/// and AWS has as a thing of its own. Several revisions or instances of one node are one, and a group's
/// instances come and go with it.
pub(crate) fn resources<'a>(things: impl Iterator<Item = (&'a NodeName, Kind)>) -> String {
    let counted = things.filter(|(_, kind)| kind.is_counted()).map(|(name, _)| name);
    match counted.collect::<BTreeSet<_>>().len() {
        1 => "1 resource".to_owned(),
        some => format!("{some} resources"),
    }
}

/// How long nothing may come back until it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// Waits for what somebody else has to answer, and says so when that takes a while.
pub(crate) async fn patiently<T>(screen: &Screen, whom: &str, look: impl Future<Output = T>) -> T {
    let mut look = pin!(look);
    if let Ok(answer) = timeout(SILENCE, look.as_mut()).await {
        return answer;
    }
    screen.note(&format!("waiting for {whom}"));
    look.await
}

impl Global {
    /// Until when a command has time that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}

/// What comes before anything is changed: it is given up when the time is up.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    screen: &Screen,
    look: impl Future<Output = Result<T, Exit>>,
) -> Result<T, Exit> {
    timeout_at(deadline, look).await.unwrap_or_else(|_| {
        screen.error("its time was up before anything was changed");
        screen.hint("run the same command again, with a longer --timeout if AWS is only slow");
        Err(Exit::Failed)
    })
}

/// Finds region and credentials, or says what is missing.
pub(crate) async fn connect(global: &Global, screen: &Screen) -> Result<Connection, Exit> {
    if let Some(config) = &global.instead_of_aws {
        return Ok(Connection::new(config, Some("simulated".to_owned())));
    }
    let destination = Destination {
        region: global.region.clone(),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    let config = patiently(screen, "credentials", config::load(&destination)).await;
    let config = config.map_err(|problem| {
        screen.error(&problem.to_string());
        problem.hint().into_iter().for_each(|hint| screen.hint(hint));
        if problem.is_refusal() { Exit::Refused } else { Exit::Failed }
    })?;
    Ok(Connection::new(&config, config.endpoint_url().map(str::to_owned)))
}

impl Connection {
    fn new(config: &SdkConfig, endpoint: Option<String>) -> Self {
        Self {
            aws: Aws::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            endpoint,
            clock: config.time_source().unwrap_or_default(),
        }
    }

    /// Says whose account is about to be worked on, which is the expensive thing to get wrong.
    pub(crate) fn header(&self, caller: &Caller) -> String {
        let Caller { account, arn, .. } = caller;
        let endpoint = match &self.endpoint {
            Some(url) => format!("\nendpoint {url} (not AWS)"),
            None => String::new(),
        };
        format!("account {account}, region {}, as {arn}{endpoint}", self.region)
    }

    /// What time it is there, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let since_1970 = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since_1970.as_secs().try_into().unwrap_or_default()
    }

    /// Whom the calls go to.
    pub(crate) fn whom(&self) -> String {
        match &self.endpoint {
            Some(url) => url.clone(),
            None => format!("AWS in {}", self.region),
        }
    }

    /// Asks who is calling: the first call of every command.
    pub(crate) async fn caller(&self, screen: &Screen) -> Result<Caller, Exit> {
        let whom = format!("{} to answer (who is calling)", self.whom());
        let caller = patiently(screen, &whom, facts::caller(&self.aws)).await;
        caller.map_err(|error| self.report_error(&error, screen))
    }

    /// Says why a call failed that a command cannot do without.
    pub(crate) fn report_error(&self, error: &Error, screen: &Screen) -> Exit {
        screen.error(&format!("failed to {error}"));
        if let Some(advice) = hint::for_error(error, &self.whom()) {
            screen.hint(&advice);
        }
        Exit::Failed
    }

    /// Says why no graph can be drawn.
    pub(crate) fn report_problem(&self, problem: &Problem, screen: &Screen) -> Exit {
        match problem {
            Problem::Aws(error) => self.report_error(error, screen),
            Problem::Refused(errors) => report_refused(errors, screen),
        }
    }
}

/// Whether the command changes something in AWS, so that it is worth saying when it has not.
pub(crate) fn changes(screen: &Screen) -> bool {
    ["deploy", "destroy", "unlock"].contains(&screen.command())
}

/// Says what is wrong with what was asked for, all of it at once.
pub(crate) fn report_refused(errors: &[SpecError], screen: &Screen) -> Exit {
    for error in errors {
        screen.error(&error.to_string());
    }
    let command = screen.command();
    let unchanged = if changes(screen) { "nothing was changed; " } else { "" };
    screen.hint(&format!("{unchanged}`ecsup {command} --help` lists what each flag takes"));
    Exit::Refused
}

/// Says what befell each of these, in one line for all that met the same: AWS writes another request id
/// into each refusal, and into some an encoded message.
pub(crate) fn say_once<N: Display, W: Display>(
    failures: impl Iterator<Item = (N, W)>,
    screen: &Screen,
) {
    let mut said: Vec<(String, String, Vec<String>)> = Vec::new();
    for (node, why) in failures {
        let (node, why) = (node.to_string(), why.to_string());
        let key = without_ids(&why);
        match said.iter_mut().find(|(other, ..)| *other == key) {
            Some((_, _, nodes)) => nodes.push(node),
            None => said.push((key, why, vec![node])),
        }
    }
    for (_, why, nodes) in said {
        screen.detail(&format!("{}: {why}", nodes.join(", ")));
    }
}

/// A refusal without what no two have in common.
fn without_ids(why: &str) -> String {
    let why = why.split(". Encoded authorization failure message:").next().unwrap_or_default();
    let mut parts = why.split(" (request ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// How a piece of work ended that may be interrupted.
pub(crate) enum Ended<T> {
    /// By itself, or after it was asked to stop.
    With(T, Reason),
    /// It did not: somebody left at once, or nothing came back.
    Left(Reason),
}

/// Why a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was done.
    Done,
    /// The user asked it to stop.
    Interrupted,
    /// The time was up.
    TimedOut,
}

/// Between two signs of life where there is no live display.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How long work that was asked to stop may take: one attempt at a call, and a little more.
const GRACE: Duration = Duration::from_secs(25);

/// Lets a piece of work run to its end. The first Ctrl-C, or the deadline, asks it to stop; a second
/// Ctrl-C leaves at once, and so does who has not stopped a while after the deadline. All are safe: the
/// next run finds what is there.
pub(crate) async fn drive<T>(
    work: impl Future<Output = T>,
    stop: &Rc<Stop>,
    deadline: Instant,
    screen: &Screen,
) -> Ended<T> {
    let mut reason = Reason::Done;
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut interrupts = Interrupts::new();
    let (mut work, mut up) = (pin!(work), pin!(sleep_until(deadline)));
    let mut over = pin!(sleep_until(deadline + GRACE));
    loop {
        tokio::select! {
            result = &mut work => return Ended::With(result, reason),
            () = interrupts.next() => if reason == Reason::Interrupted { return Ended::Left(reason) } else {
                reason = Reason::Interrupted;
                screen.note("stopping: calls in flight are finished (Ctrl-C again leaves at once)");
                stop.ask();
            },
            () = &mut up, if reason == Reason::Done => {
                reason = Reason::TimedOut;
                screen.note("the time is up: calls in flight are finished");
                stop.ask();
            }
            () = &mut over => {
                screen.note("calls in flight have no answer: they are left alone");
                return Ended::Left(reason);
            }
            _ = heartbeat.tick() => screen.heartbeat(),
        }
    }
}

/// Ctrl-C, and the signal with which CI systems end a job.
struct Interrupts {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
}

impl Interrupts {
    fn new() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self {
                terminate: signal(SignalKind::terminate()).ok(),
                interrupt: signal(SignalKind::interrupt()).ok(),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let (Some(terminate), Some(interrupt)) = (&mut self.terminate, &mut self.interrupt) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        let _asked = tokio::signal::ctrl_c().await;
    }
}

/// Tells the screen what a run does.
pub(crate) fn listener(screen: &Screen) -> impl Fn(&crate::engine::event::Event) + 'static {
    let screen = screen.clone();
    move |event| screen.event(event)
}

/// A run that reports to the screen.
pub(crate) fn run_on(screen: &Screen, cx: Rc<crate::aws::Cx>, stop: &Rc<Stop>) -> Run {
    Run::fresh(cx, Rc::clone(stop), listener(screen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_after(line: &[&str]) -> String {
        let cli = Cli::read([&["ecsup"], line].concat()).unwrap();
        let screen = Screen::recording();
        let exit = rehearse::in_virtual_time(1, async || run_on_screen(&cli, &screen).await);
        assert_eq!(exit, Exit::Refused);
        screen.recorded().lines.pop().unwrap()
    }

    #[test]
    fn the_same_refusal_is_said_once() {
        let screen = Screen::recording();
        let refused = |id: &str, code: &str| {
            format!(
                "failed to create the rule: UnauthorizedOperation: not authorized{code} (request {id})"
            )
        };
        let encoded = ". Encoded authorization failure message: ";
        let failures = [
            ("rule/1", refused("1a", &format!("{encoded}xyz"))),
            ("rule/2", refused("2b", &format!("{encoded}uvw"))),
            ("vpc", "failed to create the VPC: VpcLimitExceeded: no (request 3c)".to_owned()),
        ];
        say_once(failures.iter().map(|(node, why)| (node, why)), &screen);
        let lines = screen.recorded().lines;
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("  rule/1, rule/2: failed to create the rule"), "{lines:?}");
        assert!(lines[1].contains("(request 3c)"), "{lines:?}");
    }

    /// Flags that no variable of the environment can give; the README says so.
    const TYPED: [(&str, &str); 5] = [
        ("destroy", "yes"),
        ("unlock", "yes"),
        ("deploy", "force"),
        ("permissions", "part"),
        ("permissions", "output"),
    ];

    #[test]
    fn every_flag_has_its_variable_or_the_readme_says_so() {
        let readme = include_str!("../README.md");
        for command in Cli::command().get_subcommands() {
            let global = Cli::command();
            let flags = command.get_arguments().chain(global.get_arguments());
            // What has to be typed anyway is the command itself, more or less.
            let is_typed = |flag: &&clap::Arg| flag.is_positional() && flag.is_required_set();
            let flags = flags.filter(|flag| !is_typed(flag));
            for flag in flags.filter(|flag| !matches!(flag.get_long(), Some("help" | "version"))) {
                let name = flag.get_long().unwrap_or(flag.get_id().as_str());
                let variable = format!("ECSUP_{}", name.to_ascii_uppercase().replace('-', "_"));
                let has = flag.get_env().and_then(std::ffi::OsStr::to_str);
                if TYPED.contains(&(command.get_name(), name)) {
                    assert_eq!(has, None, "{name} of {}", command.get_name());
                    assert!(readme.contains(&format!("`--{name}` of `{}`", command.get_name())));
                } else {
                    assert_eq!(has, Some(variable.as_str()), "{}", command.get_name());
                }
            }
        }
    }

    #[test]
    fn a_flag_that_means_nothing_is_refused_where_it_is_typed() {
        let refused =
            |line: &[&str]| Cli::read([&["ecsup"], line].concat()).unwrap_err().to_string();
        let profile = refused(&["rehearse", "--pattern", "fargate-api", "--profile", "prod"]);
        assert!(profile.contains("--profile means nothing to `ecsup rehearse`"), "{profile}");
        refused(&["--endpoint-url", "http://127.0.0.1:1", "rehearse", "--pattern", "fargate-api"]);
        refused(&["rehearse", "--pattern", "fargate-api", "--yes"]);
        refused(&["rehearse", "--pattern", "fargate-api", "--wait-for-lock"]);
        refused(&["permissions", "--timeout", "1m"]);
        assert!(Cli::read(["ecsup", "list", "--profile", "prod"]).is_ok());
    }

    #[test]
    fn no_duration_is_too_long_for_a_clock() {
        let timeout = |text| parse_timeout(text).map(|time| Instant::now() + time).is_ok();
        assert!(timeout("90s") && timeout("99999999999h"));
        assert!(!timeout("0s") && !timeout("-1m") && !timeout("soon"));
    }

    #[test]
    fn a_refusal_names_the_command_that_was_called() {
        let hints = [
            hint_after(&["deploy", "--yes"]),
            hint_after(&["plan"]),
            hint_after(&["rehearse"]),
            hint_after(&["permissions", "--stack", "a b"]),
            hint_after(&["permissions", "--region", "eu west"]),
        ];
        let expected = [
            "hint: nothing was changed; `ecsup deploy --help` lists what each flag takes",
            "hint: `ecsup plan --help` lists what each flag takes",
            "hint: `ecsup rehearse --help` lists what each flag takes",
            "hint: `ecsup permissions --help` lists what each flag takes",
            "hint: `ecsup permissions --help` lists what each flag takes",
        ];
        assert_eq!(hints, expected);
    }
}
