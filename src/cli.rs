//! The command line: what it takes, and how a command ends.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::{ArgAction, Args, Parser, Subcommand};

use crate::aws::config::{self, Destination};
use crate::aws::error::Cause;
use crate::aws::{Aws, Error};
use crate::engine::{Run, Stop};
use crate::facts::{Caller, Problem};
use crate::sim::cloud::Cloud;
use crate::spec::SpecError;
use crate::ui::{Color, Screen};

pub mod deploy;
pub mod destroy;
mod existing;
mod hint;
pub mod list;
mod locked;
pub mod permissions;
pub mod plan;
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
}

impl Command {
    /// Its name on the command line.
    fn name(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Plan(_) => "plan",
            Self::Destroy(_) => "destroy",
            Self::Rehearse(_) => "rehearse",
            Self::List => "list",
            Self::Permissions(_) => "permissions",
            Self::Unlock(_) => "unlock",
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

    /// What takes AWS's place: a rehearsal sets it.
    #[arg(skip)]
    pub cloud: Option<Cloud>,
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| "say how long, such as `90s`, `45m` or `2h`".to_owned())?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("say how long, more than nothing".to_owned()),
    }
}

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
        Command::Deploy(args) => deploy::deploy(args, &cli.global, screen).await,
        Command::Plan(args) => plan::plan(args, &cli.global, screen).await,
        Command::Destroy(args) => destroy::destroy(args, &cli.global, screen).await,
        Command::Rehearse(args) => Box::pin(rehearse::rehearse(args, &cli.global, screen)).await,
        Command::List => list::list(&cli.global, screen).await,
        Command::Permissions(args) => permissions::permissions(args, &cli.global, screen),
        Command::Unlock(args) => unlock::unlock(args, &cli.global, screen).await,
    }
}

/// Where a rehearsal takes place when no region is named.
const REHEARSED_REGION: &str = "us-east-1";

/// A connection to AWS, or to what stands in for it.
pub(crate) struct Connection {
    pub(crate) aws: Aws,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
}

/// Finds region and credentials, or says what is missing.
pub(crate) async fn connect(global: &Global, screen: &Screen) -> Result<Connection, Exit> {
    if let Some(cloud) = &global.cloud {
        let region = global.region.clone().unwrap_or_else(|| REHEARSED_REGION.to_owned());
        let aws = Aws::new(&cloud.config(&region));
        return Ok(Connection { aws, region, endpoint: Some("simulated".to_owned()) });
    }
    let destination = Destination {
        region: global.region.clone(),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    let config: SdkConfig = config::load(&destination).await.map_err(|problem| {
        screen.error(&problem.to_string());
        screen.hint(problem.hint());
        Exit::Failed
    })?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let endpoint = config.endpoint_url().map(str::to_owned);
    Ok(Connection { aws: Aws::new(&config), region, endpoint })
}

impl Connection {
    /// Says whose account is about to be worked on, which is the expensive thing to get wrong.
    pub(crate) fn header(&self, caller: &Caller) -> String {
        let Caller { account, arn, .. } = caller;
        let endpoint = match &self.endpoint {
            Some(url) => format!("\nendpoint {url} (not AWS)"),
            None => String::new(),
        };
        format!("account {account}, region {}, as {arn}{endpoint}", self.region)
    }

    /// Says why a call failed that a command cannot do without.
    pub(crate) fn report_error(&self, error: &Error, screen: &Screen) -> Exit {
        screen.error(&format!("failed to {error}"));
        if error.is_denied() {
            screen.hint("the caller lacks this permission: ask for it, or use another profile");
        }
        if let Cause::NoAnswer(_) = &error.cause {
            let whom = match &self.endpoint {
                Some(url) => url.clone(),
                None => format!("AWS in {}", self.region),
            };
            screen.hint(&format!(
                "make sure that {whom} can be reached, then run the same command again"
            ));
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

/// How a piece of work ended that may be interrupted.
pub(crate) enum Ended<T> {
    /// By itself, or after it was asked to stop.
    With(T, Reason),
    /// The user left at once.
    Left,
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

/// Lets a piece of work run to its end. The first Ctrl-C, or the time limit, asks it to stop; a
/// second Ctrl-C leaves at once. Both are safe: the next run finds what is there.
pub(crate) async fn drive<T>(
    work: impl Future<Output = T>,
    stop: &Rc<Stop>,
    timeout: Duration,
    screen: &Screen,
) -> Ended<T> {
    let mut reason = Reason::Done;
    let deadline = tokio::time::sleep(timeout);
    let mut heartbeat =
        tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut interrupts = Interrupts::new();
    tokio::pin!(work, deadline);
    loop {
        tokio::select! {
            result = &mut work => return Ended::With(result, reason),
            () = interrupts.next() => if reason == Reason::Interrupted { return Ended::Left } else {
                reason = Reason::Interrupted;
                screen.note("stopping: calls in flight are finished (Ctrl-C again leaves at once)");
                stop.ask();
            },
            () = &mut deadline, if reason == Reason::Done => {
                reason = Reason::TimedOut;
                screen.note("the time is up: calls in flight are finished");
                stop.ask();
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
        let cli = Cli::try_parse_from([&["ecsup"], line].concat()).unwrap();
        let screen = Screen::recording();
        let exit = rehearse::in_virtual_time(1, async || run_on_screen(&cli, &screen).await);
        assert_eq!(exit, Exit::Refused);
        screen.recorded().lines.pop().unwrap()
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
