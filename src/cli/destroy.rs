//! `ecsup destroy`: removes everything of a stack, found by its tags alone, and proves it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use clap::Args;
use futures::future::try_join;
use tokio::time::Instant;

use super::connection::{Connection, in_time, patiently};
use super::drive::{Ended, Reason, drive};
use super::error::{CommandError, ErrorKind, once_each};
use super::existing::{self, Existing};
use super::folded::Folded;
use super::locked::{Command, LockArgs, let_appear, release};
use super::{Done, Global, Outcome, hint, resources, run_on, wish};
use crate::aws::{Cx, Scope};
use crate::engine::Stop;
use crate::engine::doubt::{self, Doubtful};
use crate::engine::event::duration;
use crate::engine::inventory::{Thing, inventory};
use crate::engine::looks::Looks;
use crate::engine::teardown::{self, Item, Receipt, teardown};
use crate::engine::walk::Report;
use crate::lock::Lock;
use crate::names::{NodeName, StackName};
use crate::resource::Kind;
use crate::ui::Screen;
use crate::ui::view::Expected;
use crate::wish::FileFlags;

/// What `ecsup destroy` takes.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Name of the stack. Without one, that of the manifest or the only stack there is is offered at a
    /// terminal
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// Do not ask for the stack's name before removing what was named; no variable says it
    // What ECSUP_YES answers was meant for deploys.
    #[arg(short, long)]
    pub yes: bool,

    /// Only list what would be removed
    #[arg(long, env = "ECSUP_DRY_RUN", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub dry_run: bool,

    /// What to do when another run works on the stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Refuses to run like this where nobody can be asked.
fn check_asking(args: &DestroyArgs, screen: &Screen) -> Result<(), CommandError> {
    let Some(why) = screen.why_not_ask().filter(|_| !args.dry_run) else { return Ok(()) };
    if args.stack.is_none() {
        let why = format!("destroy picks no stack by itself, and {why}");
        let hint =
            "name the stack: `ecsup destroy STACK --yes`; `ecsup list` names those there are";
        return Err(CommandError::refused(why).hint(hint));
    }
    if args.yes {
        return Ok(());
    }
    let why = format!("destroy asks for the stack's name, and {why}");
    let hint =
        "say --yes to go ahead without being asked, or --dry-run to see what it would remove";
    Err(CommandError::refused(why).hint(hint))
}

/// How the part of a destroy that removes something ended.
struct Worked {
    /// What was removed and what is left; nothing when it was dropped on the way.
    done: Option<crate::aws::Result<(Receipt, Report)>>,
    /// Why the lock was lost, if it was.
    lost: Option<&'static str>,
}

/// Runs the command.
pub async fn destroy(args: &DestroyArgs, global: &Global, screen: &Screen) -> Outcome {
    let deadline = global.deadline();
    let (said, global) = wish::stack(args.stack.as_deref(), &args.manifest, global)?;
    let (given, global) = (existing::named(said.as_deref())?, &global);
    check_asking(args, screen)?;
    // What was not named is offered, whatever else was said.
    let is_asked = !args.yes || args.stack.is_none();
    let looked = Instant::now();
    let found = in_time(deadline, async {
        let Some(mut existing) = existing::find(given, "destroy", global, screen).await? else {
            return Ok(None);
        };
        if is_asked && !args.dry_run {
            existing.name_account().await;
        }
        let Existing { connection, cx, lock, .. } = &existing;
        let looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
        let whom = format!("{} to list what is there", connection.whom());
        let look = patiently(screen, &whom, try_join(inventory(&looks), lock.look())).await;
        let (mut things, seen) = look.map_err(|error| connection.failed(error))?;
        things.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
        screen.note(&existing.title());
        if !things.is_empty() || seen.is_some() {
            return Ok(Some((existing, things, seen)));
        }
        let unsure = doubt::look_for_all(&connection.aws, &cx.names).await;
        let unsure = unsure.map_err(|error| connection.failed(error))?;
        match unsure.is_empty() {
            true => existing.nothing_there(screen).await.map(|_| None),
            false => Err(of_unsure(&existing.stack, &unsure)),
        }
    });
    let Some((existing, things, seen)) = found.await? else { return Ok(Done::Done) };
    let Existing { connection, cx, stack, lock, .. } = existing;
    let named: Vec<_> = things.iter().map(|thing| (thing.name().clone(), thing.kind())).collect();
    if let Some(seen) = seen.as_ref().filter(|seen| seen.is_held()) {
        screen.note(&format!("locked by {}; there may be more than can be seen", seen.holder()));
    }
    if args.dry_run {
        for thing in &things {
            screen.out(&format!(
                "{:<36} {:<24} {}",
                thing.name(),
                thing.kind().words(),
                thing.id()
            ));
        }
        screen.note(&format!("{} would be removed; nothing was changed", count(&things)));
        return Ok(Done::Done);
    }
    screen.note(&contents(&things));
    let question = format!("Type the stack's name, {stack}, to remove all of it: ");
    if is_asked && !screen.ask(&question, |answer| answer == stack.as_str()) {
        return Err(CommandError::declined());
    }
    let target = Target {
        connection: &connection,
        cx,
        stack: &stack,
        lock: &lock,
        things: &named,
        looked,
        expired_by: None,
    };
    remove(target, &args.lock, deadline, screen).await
}

/// A stack that is going to be removed.
pub(super) struct Target<'a> {
    pub(super) connection: &'a Connection,
    pub(super) cx: Rc<Cx>,
    pub(super) stack: &'a StackName,
    pub(super) lock: &'a Lock,
    /// What was seen of it.
    pub(super) things: &'a [(NodeName, Kind)],
    /// When somebody began to look at it.
    pub(super) looked: Instant,
    /// By when it has to have expired, also by what its lock says when that is taken.
    pub(super) expired_by: Option<i64>,
}

/// Removes everything of a stack.
pub(super) async fn remove(
    target: Target<'_>,
    args: &LockArgs,
    deadline: Instant,
    screen: &Screen,
) -> Outcome {
    let Target { connection, cx, stack, lock, things, looked, expired_by } = target;
    let stop = Rc::new(Stop::default());
    let run = run_on(screen, cx, &stop);
    screen.expect(
        || teardown::links(things),
        || {
            let nodes = || things.iter().map(|(name, _)| name);
            let folded = Folded::among(nodes()).all(nodes());
            Expected { nodes: nodes().map(|it| (it.clone(), None)).collect(), takes: None, folded }
        },
    );
    let command = Command { connection, run: &run, stop: &stop, looked };
    let work = under_lock(lock, &command, args, expired_by, screen);
    let ended = drive(work, &stop, deadline, screen).await;
    screen.finish();
    let (worked, reason) = match ended {
        Ended::With(Ok(Some(worked)), reason) => (worked, reason),
        Ended::With(Ok(None), _) => {
            screen.note(&format!("stack {stack} does not expire yet, or not any more: it stays"));
            return Ok(Done::Done);
        }
        Ended::With(Err(error), Reason::Interrupted) if error.kind() == ErrorKind::Refused => {
            return Err(error.interrupted());
        }
        Ended::With(Err(error), _) => return Err(error),
        Ended::Left(reason) => (Worked { done: None, lost: None }, reason),
    };
    match worked.done {
        Some(Ok((receipt, _))) if is_clean(&receipt) => {
            worked.lost.into_iter().for_each(|why| screen.warning(why));
            if !receipt.unsure.is_empty() {
                return Err(of_unsure(stack, &receipt.unsure));
            }
            print_receipt(stack, &receipt, &duration(run.elapsed()), screen);
            Ok(Done::Done)
        }
        done => Err(incomplete(stack, connection, Worked { done, ..worked }, reason)),
    }
}

/// Takes the lock, removes everything, and last the lock. Nothing, when it has to have expired and has not.
async fn under_lock(
    lock: &Lock,
    command: &Command<'_>,
    args: &LockArgs,
    expired_by: Option<i64>,
    screen: &Screen,
) -> Result<Option<Worked>, CommandError> {
    let Command { run, stop, .. } = command;
    let taken = command.take(lock, args).await?;
    let held = &taken.held;
    let has_expired = |by| held.expires().is_some_and(|at| at <= by);
    if expired_by.is_some_and(|by| !has_expired(by)) {
        if taken.is_first {
            // Another run has removed the stack meanwhile, and its lock, which would be there again.
            let removed = held.remove().await;
            removed.map_err(|error| command.connection.failed(error))?;
        } else {
            release(held, run, screen).await.into_iter().for_each(|why| screen.warning(why));
        }
        return Ok(None);
    }
    let done = held
        .keep(stop, async {
            // What is hidden could not be removed, and would hold what can be seen.
            let_appear(&taken, run, stop).await;
            teardown(run, taken.is_first).await
        })
        .await;
    match done {
        Some(Ok(done)) if is_clean(&done.0) && !held.is_superseded() => {
            let removed = held.remove().await;
            Ok(Some(Worked { done: Some(removed.map(|()| done)), lost: None }))
        }
        done => Ok(Some(Worked { done, lost: release(held, run, screen).await })),
    }
}

/// Whether nothing is left, as far as AWS can be believed.
fn is_clean(receipt: &Receipt) -> bool {
    receipt.left.is_empty() && receipt.audited
}

/// What is there, by kind.
fn contents(things: &[Box<dyn Thing>]) -> String {
    if things.is_empty() {
        return "no resources can be seen, only the lock of an earlier run".to_owned();
    }
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for thing in things {
        *kinds.entry(thing.kind()).or_default() += 1;
    }
    let counts: Vec<_> =
        kinds.iter().map(|(kind, count)| format!("{count} {}", plural(*kind, *count))).collect();
    format!("{}: {}", count(things), counts.join(", "))
}

/// How many resources these are, in words.
fn count(things: &[Box<dyn Thing>]) -> String {
    resources(things.iter().map(|thing| (thing.name(), thing.kind())))
}

/// How many resources these are, in words.
fn count_items<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    resources(items.map(|item| (&item.name, item.kind)))
}

fn plural(kind: Kind, count: usize) -> String {
    let words = kind.words();
    match count {
        1 => words.to_owned(),
        _ if words.ends_with("ss") => format!("{words}es"),
        _ => format!("{words}s"),
    }
}

/// The proof: what was removed, what was looked at, nothing left.
fn print_receipt(stack: &StackName, receipt: &Receipt, took: &str, screen: &Screen) {
    for item in &receipt.removed {
        screen.out(&format!("removed  {:<36} {}", item.name, item.id));
    }
    screen.out(&format!(
        "stack `{stack}`: {} removed, {} kinds checked, 0 left, lock removed ({took})",
        count_items(receipt.removed.iter()),
        receipt.kinds_checked
    ));
}

/// What may be the stack's and was left alone.
fn of_unsure(stack: &StackName, unsure: &[Doubtful]) -> CommandError {
    let details = unsure.iter().map(|it| format!("{} {}: {}", it.kind.words(), it.id, it.why));
    CommandError::new(ErrorKind::DestroyIncomplete)
        .problem(format!(
            "destroy of `{stack}` is incomplete: what may be the stack's own does not say so, and is left alone"
        ))
        .details(details)
        .hint(format!(
            "put the tags back and run `ecsup destroy {stack}` again; or remove it, or give it another Name"
        ))
}

/// What is left, what holds it, and what to type next.
fn incomplete(
    stack: &StackName,
    connection: &Connection,
    Worked { done, lost }: Worked,
    reason: Reason,
) -> CommandError {
    let kind = match reason {
        Reason::Interrupted => ErrorKind::Interrupted,
        Reason::Done | Reason::TimedOut => ErrorKind::DestroyIncomplete,
    };
    let again = format!("run `ecsup destroy {stack}` again; it continues from here");
    let (receipt, report) = match done {
        Some(Ok(done)) => done,
        Some(Err(error)) => return connection.failed_in(kind, error).hint(again),
        None => {
            let error = lost.into_iter().fold(CommandError::new(kind), CommandError::problem);
            let why = match reason {
                Reason::Done => return error.hint(again),
                Reason::Interrupted => "it was interrupted",
                Reason::TimedOut => "its time was up",
            };
            return error.problem(format!("destroy of `{stack}` is incomplete: {why}")).hint(again);
        }
    };
    let why = match reason {
        Reason::Done => format!("left: {}", count_items(receipt.left.iter().map(|(item, _)| item))),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    let left = receipt.left.iter();
    let left =
        once_each(left.map(|(item, holder)| (format!("{} ({})", item.name, item.id), holder)));
    let is_left = |node: &NodeName| receipt.left.iter().any(|(item, _)| item.name == *node);
    let failed: Vec<_> = report.failed.iter().filter(|(node, _)| !is_left(node)).collect();
    let failed = once_each(failed.iter().map(|(node, failure)| (node, failure)));
    let why_left = receipt.left.iter().map(|(_, holder)| holder.clone());
    let whys = why_left.chain(report.failed.iter().map(|(_, failure)| failure.to_string()));
    let hints: BTreeSet<_> = whys.filter_map(|why| hint::for_removal(&why)).collect();
    let error = lost
        .into_iter()
        .fold(CommandError::new(kind), CommandError::problem)
        .problem(format!("destroy of `{stack}` is incomplete: {why}"))
        .details(left.into_iter().chain(failed));
    let error = hints.into_iter().fold(error, CommandError::hint).hint(again);
    match report.failed.into_iter().next() {
        Some((_, failure)) => error.caused_by(failure),
        None => error,
    }
}
