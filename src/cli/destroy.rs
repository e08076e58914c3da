//! `ecsup destroy`: removes everything of a stack, found by its tags alone, and proves it.

use std::collections::BTreeMap;
use std::rc::Rc;

use clap::Args;
use tokio::time::Instant;

use super::existing::{self, Existing};
use super::locked::{Command, LockArgs, let_appear, release};
use super::{Ended, Exit, Global, Reason, drive, run_on};
use crate::aws::Scope;
use crate::engine::Stop;
use crate::engine::event::duration;
use crate::engine::inventory::{Thing, inventory};
use crate::engine::looks::Looks;
use crate::engine::teardown::{self, Receipt, teardown};
use crate::engine::walk::Report;
use crate::lock::Lock;
use crate::names::StackName;
use crate::resource::Kind;
use crate::ui::Screen;

/// What `ecsup destroy` takes.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Name of the stack; the only one there is when not given
    // Not from ECSUP_STACK, which is there for deploys: what is removed is said where it is removed.
    #[arg()]
    pub stack: Option<String>,

    /// Do not ask for the stack's name before removing it
    #[arg(short, long, env = "ECSUP_YES", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,

    /// Only list what would be removed
    #[arg(long, env = "ECSUP_DRY_RUN", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub dry_run: bool,

    /// What to do when another run works on the stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Runs the command.
pub async fn destroy(args: &DestroyArgs, global: &Global, screen: &Screen) -> Exit {
    let given = match existing::named(args.stack.as_deref(), screen) {
        Ok(given) => given,
        Err(exit) => return exit,
    };
    if !args.yes && !args.dry_run && !screen.can_ask() {
        screen.error("destroy asks for the stack's name, and there is no terminal to ask on");
        screen.hint(
            "say --yes to go ahead without being asked, or --dry-run to see what it would remove",
        );
        return Exit::Refused;
    }
    let existing = match existing::find(given, "destroy", global, screen).await {
        Ok(existing) => existing,
        Err(exit) => return exit,
    };
    let title = existing.title();
    let Existing { connection, cx, stack, lock, .. } = existing;
    let looked = Instant::now();
    let looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
    let (mut things, seen) = match futures::try_join!(inventory(&looks), lock.look()) {
        Ok(seen) => seen,
        Err(error) => return connection.report_error(&error, screen),
    };
    things.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
    screen.note(&title);
    if things.is_empty() && seen.is_none() {
        screen.note(&format!("nothing to do: there is nothing of stack `{stack}` here"));
        return Exit::Done;
    }
    if let Some(seen) = seen.as_ref().filter(|seen| seen.is_held()) {
        screen.note(&format!("locked by {}: there may be more than can be seen", seen.holder()));
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
        screen.note(&format!("{} resources would be removed; nothing was changed", things.len()));
        return Exit::Done;
    }
    screen.note(&contents(&things));
    let question = "Type the stack's name to remove all of it: ";
    if !args.yes && !screen.ask(question, |answer| answer == stack.as_str()) {
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
    let ended = drive(work, &stop, global.timeout, screen).await;
    screen.finish();
    match ended {
        Ended::With(Err(Exit::Refused), Reason::Interrupted) => Exit::Interrupted,
        Ended::With(Err(exit), _) => exit,
        Ended::With(Ok(Ok((receipt, report))), reason) => {
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
        Ended::Left => {
            screen.hint(&format!("run `ecsup destroy {stack}` again; it continues from here"));
            Exit::Interrupted
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
            teardown(run).await
        })
        .await;
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
    format!("{} resources: {}", things.len(), counts.join(", "))
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
        receipt.removed.len(),
        receipt.kinds_checked
    ));
}

fn incomplete(
    stack: &StackName,
    receipt: &Receipt,
    report: &Report,
    reason: Reason,
    screen: &Screen,
) -> Exit {
    let why = match reason {
        Reason::Done => format!("{} resources are left", receipt.left.len()),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    screen.error(&format!("destroy of `{stack}` is incomplete: {why}"));
    for (item, holder) in &receipt.left {
        screen.detail(&format!("{} ({}): {holder}", item.name, item.id));
    }
    for (node, failure) in &report.failed {
        if !receipt.left.iter().any(|(item, _)| item.name == *node) {
            screen.detail(&format!("{node}: {failure}"));
        }
    }
    screen.hint(&format!("run `ecsup destroy {stack}` again; it continues from here"));
    match reason {
        Reason::Interrupted => Exit::Interrupted,
        Reason::Done | Reason::TimedOut => Exit::DestroyIncomplete,
    }
}
