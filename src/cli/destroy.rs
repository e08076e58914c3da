//! `ecsup destroy`: removes everything of a stack, found by its tags alone, and proves it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use clap::Args;
use futures::future::try_join;
use tokio::time::Instant;

use super::existing::{self, Existing};
use super::locked::{Command, LockArgs, let_appear, release};
use super::{
    Ended, Exit, Global, Reason, drive, hint, in_time, patiently, resources, run_on, say_once,
};
use crate::aws::Scope;
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

/// What `ecsup destroy` takes.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Name of the stack. Without one, the only stack there is is offered at a terminal
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

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

/// Why the command cannot be run like this, where nobody can be asked.
fn refusal(args: &DestroyArgs, screen: &Screen) -> Option<Exit> {
    let why = screen.why_not_ask().filter(|_| !args.dry_run)?;
    if args.stack.is_none() {
        screen.error(&format!("destroy picks no stack by itself, and {why}"));
        screen.hint(
            "name the stack: `ecsup destroy STACK --yes`; `ecsup list` names those there are",
        );
        return Some(Exit::Refused);
    }
    if args.yes {
        return None;
    }
    screen.error(&format!("destroy asks for the stack's name, and {why}"));
    screen.hint(
        "say --yes to go ahead without being asked, or --dry-run to see what it would remove",
    );
    Some(Exit::Refused)
}

/// Runs the command.
pub async fn destroy(args: &DestroyArgs, global: &Global, screen: &Screen) -> Exit {
    let deadline = global.deadline();
    let given = match existing::named(args.stack.as_deref(), screen) {
        Ok(given) => given,
        Err(exit) => return exit,
    };
    if let Some(exit) = refusal(args, screen) {
        return exit;
    }
    let looked = Instant::now();
    let found = in_time(deadline, screen, async {
        let existing = existing::find(given, "destroy", global, screen).await?;
        let Existing { connection, cx, lock, .. } = &existing;
        let looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
        let whom = format!("{} to list what is there", connection.whom());
        let look = patiently(screen, &whom, try_join(inventory(&looks), lock.look())).await;
        let (mut things, seen) = look.map_err(|error| connection.report_error(&error, screen))?;
        things.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
        screen.note(&existing.title());
        if !things.is_empty() || seen.is_some() {
            return Ok((existing, things, seen));
        }
        let unsure = doubt::look_for_all(&connection.aws, &cx.names).await;
        let unsure = unsure.map_err(|error| connection.report_error(&error, screen))?;
        Err(match unsure.is_empty() {
            true => existing.nothing_there(screen).await,
            false => report_unsure(&existing.stack, &unsure, screen),
        })
    });
    let (existing, things, seen) = match found.await {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let Existing { connection, cx, stack, lock, .. } = existing;
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
        return Exit::Done;
    }
    screen.note(&contents(&things));
    // What was not named is offered, whatever else was said.
    let is_asked = !args.yes || args.stack.is_none();
    let question = format!("Type the stack's name, {stack}, to remove all of it: ");
    if is_asked && !screen.ask(&question, |answer| answer == stack.as_str()) {
        screen.note("nothing was changed");
        return Exit::Refused;
    }

    let stop = Rc::new(Stop::default());
    let run = run_on(screen, cx, &stop);
    screen.expect(|| {
        let things = things.iter().map(|thing| (thing.name().clone(), thing.kind()));
        teardown::links(&things.collect::<Vec<_>>())
    });
    let command = Command { connection: &connection, run: &run, stop: &stop, screen, looked };
    let work = under_lock(&lock, &command, args);
    let ended = drive(work, &stop, deadline, screen).await;
    screen.finish();
    match ended {
        Ended::With(Err(Exit::Refused), Reason::Interrupted) => Exit::Interrupted,
        Ended::With(Err(exit), _) => exit,
        Ended::With(Ok(Ok((receipt, report))), reason) => {
            if is_clean(&receipt) && !receipt.unsure.is_empty() {
                return report_unsure(&stack, &receipt.unsure, screen);
            }
            if is_clean(&receipt) {
                print_receipt(&stack, &receipt, &duration(run.elapsed()), screen);
                return Exit::Done;
            }
            incomplete(&stack, &receipt, &report, reason, screen)
        }
        Ended::With(Ok(Err(error)), _) => {
            connection.report_error(&error, screen);
            screen.hint(&format!("run `ecsup destroy {stack}` again; it continues from here"));
            Exit::DestroyIncomplete
        }
        Ended::Left(reason) => {
            screen.hint(&format!("run `ecsup destroy {stack}` again; it continues from here"));
            match reason {
                Reason::TimedOut | Reason::Done => Exit::DestroyIncomplete,
                Reason::Interrupted => Exit::Interrupted,
            }
        }
    }
}

/// Takes the lock, removes everything, and last the lock.
async fn under_lock(
    lock: &Lock,
    command: &Command<'_>,
    args: &DestroyArgs,
) -> Result<crate::aws::Result<(Receipt, Report)>, Exit> {
    let Command { run, stop, screen, .. } = command;
    let taken = command.take(lock, &args.lock).await?;
    let held = &taken.held;
    let torn_down = held
        .keep(stop, async {
            // What is hidden could not be removed, and would hold what can be seen.
            let_appear(&taken, run, stop).await;
            teardown(run, taken.is_first).await
        })
        .await;
    let Some(torn_down) = torn_down else {
        release(held, run, screen).await;
        return Err(Exit::DestroyIncomplete);
    };
    match torn_down {
        Ok(done) if is_clean(&done.0) && !held.is_superseded() => {
            Ok(held.remove().await.map(|()| done))
        }
        torn_down => {
            release(held, run, screen).await;
            Ok(torn_down)
        }
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

/// Says what may be the stack's and was left alone.
fn report_unsure(stack: &StackName, unsure: &[Doubtful], screen: &Screen) -> Exit {
    screen.error(&format!(
        "destroy of `{stack}` is incomplete: what may be the stack's own does not say so, and is left alone"
    ));
    for it in unsure {
        screen.detail(&format!("{} {}: {}", it.kind.words(), it.id, it.why));
    }
    screen.hint(&format!(
        "put the tags back and run `ecsup destroy {stack}` again; or remove it, or give it another Name"
    ));
    Exit::DestroyIncomplete
}

fn incomplete(
    stack: &StackName,
    receipt: &Receipt,
    report: &Report,
    reason: Reason,
    screen: &Screen,
) -> Exit {
    let why = match reason {
        Reason::Done => format!("left: {}", count_items(receipt.left.iter().map(|(item, _)| item))),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    screen.error(&format!("destroy of `{stack}` is incomplete: {why}"));
    let left = receipt.left.iter();
    say_once(left.map(|(item, holder)| (format!("{} ({})", item.name, item.id), holder)), screen);
    let is_left = |node: &NodeName| receipt.left.iter().any(|(item, _)| item.name == *node);
    let failed: Vec<_> = report.failed.iter().filter(|(node, _)| !is_left(node)).collect();
    say_once(failed.iter().map(|(node, failure)| (node, failure)), screen);
    let why = receipt.left.iter().map(|(_, holder)| holder.clone());
    let why = why.chain(report.failed.iter().map(|(_, failure)| failure.to_string()));
    let hints: BTreeSet<_> = why.filter_map(|why| hint::for_removal(&why)).collect();
    hints.into_iter().for_each(|hint| screen.hint(hint));
    screen.hint(&format!("run `ecsup destroy {stack}` again; it continues from here"));
    match reason {
        Reason::Interrupted => Exit::Interrupted,
        Reason::Done | Reason::TimedOut => Exit::DestroyIncomplete,
    }
}
