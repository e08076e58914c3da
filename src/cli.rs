//! The command line: what it takes, and how a command ends.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use aws_types::SdkConfig;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::time::Instant;

use crate::aws::Cx;
use crate::aws::record::Recorder;
use crate::engine::event::Event;
use crate::engine::{Run, Stop};
use crate::names::NodeName;
use crate::registry::Registry;
use crate::resource::Kind;
use crate::ui::{Color, Screen};
use crate::verify::outside::Outside;
use crate::wish::ServiceFlags;
use error::CommandError;

mod cause;
pub mod completions;
pub mod config;
mod connection;
pub mod deploy;
pub mod destroy;
pub mod docs;
pub mod doctor;
mod drive;
mod errand;
pub mod error;
pub mod exec;
mod existing;
mod expiry;
pub mod explain;
mod folded;
pub mod forward;
pub mod gc;
mod hint;
pub mod init;
pub mod list;
mod locked;
pub mod logs;
pub mod man_pages;
pub mod output;
pub mod permissions;
pub mod plan;
#[cfg(feature = "rehearse")]
pub mod rehearse;
pub mod restart;
pub mod rollback;
pub mod run;
pub mod scale;
pub mod schema;
pub mod session;
pub mod standing;
pub mod status;
pub mod unlock;
pub mod verify;
pub mod wait;
mod wish;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    unexpected failure, such as no credentials or no answer
  2    usage, or refused before anything was changed
  3    `plan --exit-code`: something would change; `explain`, `doctor`, `verify`: something is wrong
  4    deploy incomplete: run it again to continue, or destroy
  5    destroy or gc incomplete: something is left, and listed
  130  interrupted: run the same command again to continue
`run` passes on what its command exits with, `exec` and `forward` what their plugin does.";

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
    /// Say whether a deploy would go through: permissions, quotas, images; changes nothing
    #[command(after_help = EXIT_CODES)]
    Doctor(Box<doctor::DoctorArgs>),
    /// Remove everything of a stack, and prove it
    #[command(after_help = EXIT_CODES)]
    Destroy(destroy::DestroyArgs),
    /// Remove the stacks of a region that have expired
    #[command(after_help = EXIT_CODES)]
    Gc(gc::GcArgs),
    /// Play a stack's whole life against simulated AWS: no account, no credentials, no network
    #[cfg(feature = "rehearse")]
    #[command(after_help = EXIT_CODES)]
    Rehearse(Box<rehearse::RehearseArgs>),
    /// Write a manifest, of what flags say or of what runs
    #[command(after_help = EXIT_CODES)]
    Init(Box<init::InitArgs>),
    /// Show what is in effect, and where each value comes from; asks nobody
    #[command(after_help = EXIT_CODES)]
    Config(Box<config::ConfigArgs>),
    /// Print the JSON schema of the manifest, for editors
    #[command(after_help = EXIT_CODES)]
    Schema,
    /// Explain the keys of the manifest
    #[command(after_help = EXIT_CODES)]
    Docs(docs::DocsArgs),
    /// List the stacks of a region
    #[command(after_help = EXIT_CODES)]
    List(list::ListArgs),
    /// Show how a stack is: its services, what is wrong with them, and what is waited for
    #[command(after_help = EXIT_CODES)]
    Status(status::StatusArgs),
    /// Show what the containers of a stack write, and what those wrote that have ended
    #[command(after_help = EXIT_CODES)]
    Logs(logs::LogsArgs),
    /// Say why the services of a stack are not as they should be, and what to do; changes nothing
    #[command(after_help = EXIT_CODES)]
    Explain(explain::ExplainArgs),
    /// Give a service another number of tasks
    #[command(after_help = EXIT_CODES)]
    Scale(scale::ScaleArgs),
    /// Replace the tasks of a service by others of the same revision
    #[command(after_help = EXIT_CODES)]
    Restart(restart::RestartArgs),
    /// Let a service run a former revision
    #[command(after_help = EXIT_CODES)]
    Rollback(rollback::RollbackArgs),
    /// Run a command once, in a task that has all that a service's tasks have
    ///
    /// What it writes is shown, and its exit code is passed on. The task ends with its command, or when this
    /// one is stopped.
    #[command(after_help = EXIT_CODES)]
    Run(run::RunArgs),
    /// Ask the services of a stack for an answer: from inside its network, and from here
    ///
    /// A task in the stack's own subnets asks each service by its load balancer and by its names, and is gone
    /// afterwards. From here, a public service has to answer, and an internal one must not.
    #[command(after_help = EXIT_CODES)]
    Verify(verify::VerifyArgs),
    /// Wait until the services of a stack are steady; changes nothing
    #[command(after_help = EXIT_CODES)]
    Wait(wait::WaitArgs),
    /// Run a command in a task of a service that has `exec`, on this terminal
    ///
    /// Such as `ecsup exec web`, which starts a shell, or `ecsup exec web -- bin/rails console`. It takes the
    /// Session Manager plugin, and ends with what that ends with: of the command no exit code comes back.
    #[command(after_help = EXIT_CODES)]
    Exec(exec::ExecArgs),
    /// Open a port of this machine that leads to a task, or through it to what it reaches
    ///
    /// Such as `ecsup forward 5432:db.internal:5432`, until Ctrl-C. It takes the Session Manager plugin, and a
    /// service that has `exec`.
    #[command(after_help = EXIT_CODES)]
    Forward(forward::ForwardArgs),
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
    /// Write the manual pages of ecsup and its commands into a folder
    ///
    /// Such as `ecsup man-pages ~/.local/share/man/man1`; `man ecsup-deploy` then shows one of them.
    #[command(after_help = EXIT_CODES)]
    ManPages(man_pages::ManPagesArgs),
}

/// Flags that every command takes by form, and that mean nothing to these: they are refused where
/// somebody types them, and ignored where the environment has them for other commands.
const MEANINGLESS: &[(&str, &[&str])] = &[
    ("rehearse", &["profile", "endpoint_url"]),
    ("permissions", &["profile", "endpoint_url", "timeout", "record"]),
    ("config", &["profile", "endpoint_url", "timeout", "record"]),
    ("schema", &["region", "profile", "endpoint_url", "timeout", "record"]),
    ("docs", &["region", "profile", "endpoint_url", "timeout", "record"]),
    ("completions", &["region", "profile", "endpoint_url", "timeout", "record"]),
    ("man-pages", &["region", "profile", "endpoint_url", "timeout", "record"]),
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
        let from_variable =
            |id: &&clap::Id| given.value_source(id.as_str()) == Some(ValueSource::EnvVariable);
        let variables = given.ids().filter(from_variable).map(|id| id.as_str().replace('_', "-"));
        let variables =
            variables.map(|name| if name == "tags" { "tag".to_owned() } else { name }).collect();
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Some(flags) = cli.command.flags_mut() {
            flags.variables = variables;
        }
        Ok(cli)
    }

    /// Refuses variables of the environment that look like ecsup's and are none: a slip in one would
    /// otherwise be a value that is missing.
    pub fn check_variables(names: impl IntoIterator<Item = OsString>) -> Result<(), clap::Error> {
        let mut command = Self::command();
        let of = |command: &clap::Command| -> BTreeSet<String> {
            let variables = command.get_arguments().filter_map(|argument| argument.get_env());
            variables.filter_map(|name| name.to_str()).map(str::to_owned).collect()
        };
        let mut known = of(&command);
        command.get_subcommands().for_each(|command| known.extend(of(command)));
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            if !name.starts_with("ECSUP_") || known.contains(&name) {
                continue;
            }
            let near = crate::spec::nearest(&name, known.iter().map(String::as_str));
            let why = format!("{name} in the environment is no variable of ecsup{near}");
            return Err(command.error(ErrorKind::UnknownArgument, why));
        }
        Ok(())
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
            Self::Doctor(_) => "doctor",
            Self::Destroy(_) => "destroy",
            Self::Gc(_) => "gc",
            #[cfg(feature = "rehearse")]
            Self::Rehearse(_) => "rehearse",
            Self::Init(_) => "init",
            Self::Config(_) => "config",
            Self::Schema => "schema",
            Self::Docs(_) => "docs",
            Self::List(_) => "list",
            Self::Status(_) => "status",
            Self::Logs(_) => "logs",
            Self::Permissions(_) => "permissions",
            Self::Explain(_) => "explain",
            Self::Scale(_) => "scale",
            Self::Restart(_) => "restart",
            Self::Rollback(_) => "rollback",
            Self::Run(_) => "run",
            Self::Verify(_) => "verify",
            Self::Wait(_) => "wait",
            Self::Exec(_) => "exec",
            Self::Forward(_) => "forward",
            Self::Unlock(_) => "unlock",
            Self::Completions(_) => "completions",
            Self::ManPages(_) => "man-pages",
        }
    }

    /// The flags that describe a stack, if it takes them.
    fn flags_mut(&mut self) -> Option<&mut ServiceFlags> {
        match self {
            Self::Deploy(args) => Some(&mut args.flags),
            Self::Plan(args) => Some(&mut args.flags),
            Self::Doctor(args) => Some(&mut args.flags),
            #[cfg(feature = "rehearse")]
            Self::Rehearse(args) => Some(&mut args.flags),
            Self::Init(args) => Some(&mut args.flags),
            Self::Config(args) => Some(&mut args.flags),
            _ => None,
        }
    }

    /// Whether it changes something in AWS.
    fn changes(&self) -> bool {
        matches!(
            self,
            Self::Deploy(_)
                | Self::Destroy(_)
                | Self::Gc(_)
                | Self::Restart(_)
                | Self::Rollback(_)
                | Self::Run(_)
                | Self::Scale(_)
                | Self::Unlock(_)
                | Self::Verify(_)
        )
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

    /// Add a line of JSON to this file for each call to AWS: when, which, its result and its request id. Of
    /// what it said there are ids, names and numbers; everything else is told by its length. A file that is
    /// not there is made for its owner alone
    #[arg(long, global = true, env = "ECSUP_RECORD", value_name = "FILE", hide_env_values = true)]
    pub record: Option<PathBuf>,

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

    /// What the calls are written to, once it is open.
    #[arg(skip)]
    pub recorder: Option<Recorder>,

    /// What leads to that which takes AWS's place: a rehearsal sets it.
    #[arg(skip)]
    pub instead_of_aws: Option<SdkConfig>,

    /// Who knows images in the place of their registries: a test sets it.
    #[arg(skip)]
    pub instead_of_registries: Option<Rc<dyn Registry>>,

    /// Who asks load balancers from outside in the place of this machine: a test sets it.
    #[arg(skip)]
    pub instead_of_outside: Option<Rc<dyn Outside>>,

    /// A program in the place of the Session Manager plugin: a test sets it.
    #[arg(skip)]
    pub instead_of_plugin: Option<OsString>,
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

/// How a command ended that did what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Done,
    /// It was asked to say whether something would change, and something would.
    ChangesPending,
    /// It was asked what is wrong, and something is.
    Wrong,
    /// It has played a command, which ended like this.
    Played(Exit),
    /// A program ran in its place, and ended with this code.
    Ended(u8),
}

/// How a command ended.
pub type Outcome = Result<Done, CommandError>;

/// The exit codes. Their numbers are in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An unexpected failure.
    Failed,
    /// Refused before anything was changed.
    Refused,
    /// Something would change, or is wrong.
    ChangesPending,
    /// Not everything was made or is ready.
    DeployIncomplete,
    /// Not everything was removed.
    DestroyIncomplete,
    /// The user stopped it.
    Interrupted,
    /// What a program ended with that ran in its place.
    Ended(u8),
}

impl From<Done> for Exit {
    fn from(done: Done) -> Self {
        match done {
            Done::Done => Self::Done,
            Done::ChangesPending | Done::Wrong => Self::ChangesPending,
            Done::Played(exit) => exit,
            Done::Ended(code) => Self::Ended(code),
        }
    }
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
            Exit::Ended(code) => code,
        })
    }
}

/// Runs a command.
pub async fn run(cli: Cli) -> ExitCode {
    let screen = Screen::new(cli.global.color, cli.global.quiet, cli.global.verbose);
    run_on_screen(&cli, &screen).await.into()
}

/// Runs a command on a screen, and tells what went wrong if anything did.
pub async fn run_on_screen(cli: &Cli, screen: &Screen) -> Exit {
    let Cli { command, global } = cli;
    let outcome = match global.recorded(command.name()) {
        Ok(global) => {
            let outcome = run_command(command, &global, screen).await;
            global.tell_of_record(screen);
            outcome
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(done) => done.into(),
        Err(error) => {
            error.tell(command.name(), command.changes(), screen);
            error.kind().into()
        }
    }
}

async fn run_command(command: &Command, global: &Global, screen: &Screen) -> Outcome {
    match command {
        Command::Deploy(args) => Box::pin(deploy::deploy(args, global, screen)).await,
        Command::Plan(args) => Box::pin(plan::plan(args, global, screen)).await,
        Command::Doctor(args) => Box::pin(doctor::doctor(args, global, screen)).await,
        Command::Destroy(args) => Box::pin(destroy::destroy(args, global, screen)).await,
        Command::Gc(args) => Box::pin(gc::gc(args, global, screen)).await,
        #[cfg(feature = "rehearse")]
        Command::Rehearse(args) => Box::pin(rehearse::rehearse(args, global, screen)).await,
        Command::Init(args) => Box::pin(init::init(args, global, screen)).await,
        Command::Config(args) => config::config(args, screen),
        Command::Schema => Ok(schema::schema(screen)),
        Command::Docs(args) => Ok(docs::docs(args, screen)),
        Command::List(args) => Box::pin(list::list(args, global, screen)).await,
        Command::Status(args) => Box::pin(status::status(args, global, screen)).await,
        Command::Logs(args) => Box::pin(logs::logs(args, global, screen)).await,
        Command::Permissions(args) => permissions::permissions(args, global, screen),
        Command::Explain(args) => Box::pin(explain::explain(args, global, screen)).await,
        Command::Scale(args) => Box::pin(scale::scale(args, global, screen)).await,
        Command::Restart(args) => Box::pin(restart::restart(args, global, screen)).await,
        Command::Rollback(args) => Box::pin(rollback::rollback(args, global, screen)).await,
        Command::Run(args) => Box::pin(run::run(args, global, screen)).await,
        Command::Verify(args) => Box::pin(verify::verify(args, global, screen)).await,
        Command::Wait(args) => Box::pin(wait::wait(args, global, screen)).await,
        Command::Exec(args) => Box::pin(exec::exec(args, global, screen)).await,
        Command::Forward(args) => Box::pin(forward::forward(args, global, screen)).await,
        Command::Unlock(args) => Box::pin(unlock::unlock(args, global, screen)).await,
        Command::Completions(args) => Ok(completions::completions(args, screen)),
        Command::ManPages(args) => man_pages::man_pages(args, screen),
    }
}

/// How many resources these are, in words, as every command counts them: what the stack's graph names
/// and AWS has as a thing of its own. Several revisions or instances of one node are one, and a group's
/// instances come and go with it.
fn resources<'a>(things: impl Iterator<Item = (&'a NodeName, Kind)>) -> String {
    match count_resources(things) {
        1 => "1 resource".to_owned(),
        some => format!("{some} resources"),
    }
}

/// The same as a number.
fn count_resources<'a>(things: impl Iterator<Item = (&'a NodeName, Kind)>) -> usize {
    let counted = things.filter(|(_, kind)| kind.is_counted()).map(|(name, _)| name);
    counted.collect::<BTreeSet<_>>().len()
}

impl Global {
    /// Until when a command has time that begins now.
    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// The same with the record open, for a command that asks AWS: a file that cannot be written is refused
    /// before the first call.
    fn recorded(&self, command: &str) -> Result<Self, CommandError> {
        let asks_none = |(of, flags): &(&str, &[&str])| *of == command && flags.contains(&"record");
        let global = self.clone();
        let Some(path) = self.record.as_ref().filter(|_| !MEANINGLESS.iter().any(asks_none)) else {
            return Ok(global);
        };
        // Of a rehearsal, all commands write to the one that it has opened.
        if self.recorder.is_some() {
            return Ok(global);
        }
        let recorder = Recorder::open(path).map_err(|error| {
            let why = format!("--record: {} cannot be written: {error}", path.display());
            CommandError::refused(why).hint("name a file in a folder that is there, and is yours")
        })?;
        Ok(Self { recorder: Some(recorder), ..global })
    }

    /// Says that the record is not whole, if it is not: a full disk keeps no command from its work.
    fn tell_of_record(&self, screen: &Screen) {
        let Some(path) = self.record.as_ref() else { return };
        if self.recorder.as_ref().is_some_and(Recorder::is_broken) {
            screen.warning(&format!(
                "--record: {} ends too early: it could not be written",
                path.display()
            ));
        }
    }
}

/// A run that reports to the screen.
fn run_on(screen: &Screen, cx: Rc<Cx>, stop: &Rc<Stop>) -> Run {
    let screen = screen.clone();
    Run::fresh(cx, Rc::clone(stop), move |event: &Event| screen.event(event))
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

    /// Flags that no variable of the environment can give; the README says so.
    const TYPED: [(&str, &str); 10] = [
        ("deploy", "remove"),
        ("destroy", "yes"),
        ("unlock", "yes"),
        ("gc", "yes"),
        ("deploy", "force"),
        ("permissions", "part"),
        ("permissions", "output"),
        ("deploy", "only"),
        ("plan", "only"),
        ("verify", "image"),
    ];

    #[test]
    fn every_flag_has_its_variable_or_the_readme_says_so() {
        let readme = include_str!("../README.md");
        for command in Cli::command().get_subcommands() {
            let global = Cli::command();
            let flags = command.get_arguments().chain(global.get_arguments());
            // What has to be typed anyway is the command itself, more or less.
            let is_typed = |flag: &&clap::Arg| {
                flag.is_positional() && (flag.is_required_set() || command.get_name() == "docs")
            };
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
    fn a_variable_that_is_none_of_ours_is_refused() {
        let check = |names: &[&str]| Cli::check_variables(names.iter().map(OsString::from));
        assert!(check(&["PATH", "ECSUP_IMAGE", "ECSUP_SEED", "AWS_REGION"]).is_ok());
        let slip = check(&["ECSUP_IMGE"]).unwrap_err().to_string();
        assert!(slip.contains("ECSUP_IMGE"), "{slip}");
        assert!(slip.contains("did you mean `ECSUP_IMAGE`?"), "{slip}");
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
