//! `ecsup run`: a command, once, in a task of its own that has all that a service's tasks have.

use std::rc::Rc;

use clap::Args;

use super::drive::{Ended, Reason, drive};
use super::errand::{Errand, LATE, LOOKS, starter, unstarted};
use super::error::{CommandError, ErrorKind};
use super::standing::{self, StackArgs};
use super::{Done, Global, Outcome};
use crate::arn::last_part;
use crate::diagnosis::StoppedTask;
use crate::engine::Stop;
use crate::logs::{self, Stream};
use crate::resource::one_off::State;
use crate::resource::service::Once;
use crate::ui::{Screen, harmless};

/// Longest overrides, in characters of their JSON (API `RunTask`).
const LONGEST: usize = 8192;

/// What `ecsup run` takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The service whose image, variables, secrets, roles and network the task has
    pub service: String,

    /// The command with its words, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Return when the task was started, without waiting for its end
    #[arg(long, env = "ECSUP_DETACH", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub detach: bool,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,
}

/// How a task went.
enum Went {
    /// There is none.
    Unstarted,
    /// It runs, and nobody waits.
    On,
    /// It was stopped.
    Stopped(String),
    /// It has ended by itself.
    Ended(StoppedTask),
}

/// Runs the command.
pub async fn run(args: &RunArgs, global: &Global, screen: &Screen) -> Outcome {
    check(&args.command)?;
    let standing = standing::find(&args.stack, "run a command in", global, screen).await?;
    let owned = standing.service(&args.service)?;
    let (it, existing) = (owned.it(), &standing.existing);
    let Some(definition) = it.task_definition.as_deref() else {
        let why = format!("AWS does not say what service `{}` runs", it.name);
        return Err(CommandError::refused(why).hint("`ecsup status` shows how it is"));
    };
    let stop = Rc::new(Stop::default());
    let errand = Errand { existing, cluster: &it.cluster, stop: &stop, screen };
    let (command, starter) = (Some(args.command.as_slice()), starter("run"));
    let owner = &owned.owner;
    let task = Once { service: it, definition, command, starter: &starter, owner };
    let group = format!("{}{}", existing.cx.names.log_group_prefix(), it.name);
    let work = to_its_end(&errand, &task, &group, args.detach);
    let ended = drive(work, &stop, standing.deadline, screen).await;
    screen.finish();
    let (went, reason) = match ended {
        Ended::With(went, reason) => (went?, reason),
        Ended::Left(reason) => {
            let why = "whether the task runs is not known";
            let hint = "if it does, it ends with its command; `ecsup destroy` stops it";
            return Err(CommandError::new(kind(reason)).problem(why).hint(hint));
        }
    };
    match went {
        Went::On => Ok(Done::Done),
        Went::Unstarted => Err(CommandError::new(kind(reason)).problem("no task was started")),
        Went::Stopped(id) => {
            let why = match reason {
                Reason::TimedOut => "the time was up, and",
                Reason::Done | Reason::Interrupted => "as was asked,",
            };
            Err(CommandError::new(kind(reason)).problem(format!("{why} task {id} was stopped")))
        }
        Went::Ended(ended) => told(&it.name, &ended, screen),
    }
}

/// Refuses what ECS would.
fn check(command: &[String]) -> Result<(), CommandError> {
    let long: usize = command.iter().map(|word| word.len() + 3).sum();
    // The names of the fields around it take some more.
    if long + 200 > LONGEST {
        let why = format!(
            "the command has {long} characters with its quotes, and ECS takes {LONGEST} with all that is around \
             it (API RunTask, `overrides`)"
        );
        return Err(
            CommandError::refused(why).hint("put it into the image as a file, and run that")
        );
    }
    match command.iter().all(String::is_empty) {
        true => Err(CommandError::refused("the command has no word")),
        false => Ok(()),
    }
}

fn kind(reason: Reason) -> ErrorKind {
    match reason {
        Reason::Interrupted => ErrorKind::Interrupted,
        Reason::Done | Reason::TimedOut => ErrorKind::Unexpected,
    }
}

/// Starts the task and shows what it writes, until it has ended.
async fn to_its_end(
    errand: &Errand<'_>,
    task: &Once<'_>,
    group: &str,
    detach: bool,
) -> Result<Went, CommandError> {
    let start = async || task.start(errand.aws()).await;
    let Some(arn) = errand.start(task.starter, start).await? else { return Ok(Went::Unstarted) };
    let (id, service) = (last_part(&arn), task.service.name.as_str());
    errand.screen.note(&format!("task {id} of service {service} was started"));
    if detach {
        return Ok(Went::On);
    }
    let stream = Stream::new(group, logs::stream(service, service, id));
    let mut written = Written { errand, stream, readable: true };
    let ended = errand.watch(&arn, async |state| {
        if matches!(state, State::Running | State::Ending) {
            written.show().await;
        }
    });
    let Some(ended) = ended.await? else { return Ok(Went::Stopped(id.to_owned())) };
    let mut silent = 0;
    for _ in 0..LOOKS {
        silent = if written.show().await { 0 } else { silent + 1 };
        if silent == 2 || !written.readable {
            break;
        }
        errand.stop.sleep(LATE).await;
    }
    Ok(Went::Ended(ended))
}

/// What the task has written, as far as it was shown.
struct Written<'a> {
    errand: &'a Errand<'a>,
    stream: Stream,
    /// Whether it may be read.
    readable: bool,
}

impl Written<'_> {
    /// Shows what is new. Tells whether there was anything.
    async fn show(&mut self) -> bool {
        if !self.readable {
            return false;
        }
        let screen = self.errand.screen;
        match self.stream.news(self.errand.aws()).await {
            Ok(lines) => {
                lines.iter().for_each(|line| screen.out(&harmless(line.trim_end())));
                !lines.is_empty()
            }
            // It is asked again soon.
            Err(error) if error.is_passing() => true,
            Err(error) => {
                self.readable = false;
                let allows = "`ecsup permissions --part run` allows to read what it writes";
                let hint = if error.is_denied() { format!("; {allows}") } else { String::new() };
                screen.warning(&format!("failed to {error}{hint}"));
                false
            }
        }
    }
}

/// How the task ended: the command's own code is this one's.
fn told(service: &str, ended: &StoppedTask, screen: &Screen) -> Outcome {
    match ended.code_of(service) {
        Some(0) => Ok(Done::Done),
        Some(code) => {
            screen.note(&format!("it ended with {code}: {}", ended.reason));
            Ok(Done::Ended(u8::try_from(code).unwrap_or(u8::MAX)))
        }
        None => Err(unstarted(service, ended)),
    }
}
