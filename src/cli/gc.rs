//! `ecsup gc`: removes the stacks of a region that have expired, each as `ecsup destroy` removes one.

use std::collections::BTreeMap;

use clap::Args;
use tokio::time::Instant;

use super::connection::{Connection, in_time};
use super::destroy::{self, Target};
use super::error::{CommandError, ErrorKind};
use super::existing;
use super::list::{self, Found};
use super::locked::LockArgs;
use super::{Done, Global, Outcome, expiry, resources};
use crate::facts::{self, Caller};
use crate::lock::Lock;
use crate::names::StackName;
use crate::ui::Screen;

/// What `ecsup gc` takes.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Do not ask before removing what has expired; no variable says it
    #[arg(short, long)]
    pub yes: bool,

    /// Only list what would be removed
    #[arg(long, env = "ECSUP_DRY_RUN", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub dry_run: bool,

    /// What to do when another run works on a stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// What has expired in a region.
struct Expired {
    connection: Connection,
    caller: Caller,
    stacks: Vec<(StackName, Found)>,
    /// How many stacks have not expired, and will.
    later: usize,
    now: i64,
}

/// Runs the command.
pub async fn gc(args: &GcArgs, global: &Global, screen: &Screen) -> Outcome {
    if let Some(why) = screen.why_not_ask().filter(|_| !args.yes && !args.dry_run) {
        let why = format!("gc asks before it removes something, and {why}");
        let hint =
            "say --yes to go ahead without being asked, or --dry-run to see what it would remove";
        return Err(CommandError::refused(why).hint(hint));
    }
    let deadline = global.deadline();
    let looked = Instant::now();
    let mut expired = in_time(deadline, look(global, screen)).await?;
    let is_asked = !args.yes && !args.dry_run && !expired.stacks.is_empty();
    if is_asked {
        expired.caller.alias = facts::alias(&expired.connection.aws).await;
    }
    let Expired { connection, caller, stacks, later, now } = &expired;
    screen.note(&connection.header(caller));
    if stacks.is_empty() {
        let later = match later {
            0 => "none of its stacks expires".to_owned(),
            1 => "1 stack expires later".to_owned(),
            some => format!("{some} stacks expire later"),
        };
        screen
            .note(&format!("nothing to do: nothing has expired in {}, {later}", connection.region));
        return Ok(Done::Done);
    }
    for (stack, found) in stacks {
        let things = resources(found.named());
        let expired = found.expires.map(|at| expiry::since(at, *now)).unwrap_or_default();
        let line = format!("{:<24} {things:<14} {expired}", stack.as_str());
        if args.dry_run { screen.out(&line) } else { screen.note(&line) }
    }
    let count = match stacks.len() {
        1 => "1 stack".to_owned(),
        some => format!("{some} stacks"),
    };
    if args.dry_run {
        screen.note(&format!("{count} would be removed; nothing was changed"));
        return Ok(Done::Done);
    }
    let question = format!("Type the number of stacks, {}, to remove all of them: ", stacks.len());
    if is_asked && !screen.ask(&question, |answer| answer == stacks.len().to_string()) {
        return Err(CommandError::declined());
    }
    let mut left: BTreeMap<&StackName, ErrorKind> = BTreeMap::new();
    for (stack, found) in stacks {
        let cx = existing::cx(connection, stack.clone());
        let lock = Lock::new(&cx, &caller.arn, "gc");
        let target = Target {
            connection,
            cx,
            stack,
            lock: &lock,
            things: &found.things,
            looked,
            expired_by: Some(*now),
        };
        screen.note(&format!("removing stack {stack}"));
        let removed = Box::pin(destroy::remove(target, &args.lock, deadline, screen)).await;
        let Err(error) = removed else { continue };
        if error.kind() == ErrorKind::Interrupted {
            return Err(error.hint("or run `ecsup gc` again, which goes on with all of them"));
        }
        // The others go all the same.
        error.tell("gc", false, screen);
        left.insert(stack, error.kind());
    }
    if left.is_empty() {
        return Ok(Done::Done);
    }
    // Of what is locked nothing was changed.
    let is_untouched = |kind: &ErrorKind| *kind == ErrorKind::Refused;
    let kind = match left.len() == stacks.len() && left.values().all(is_untouched) {
        true => ErrorKind::Refused,
        false => ErrorKind::DestroyIncomplete,
    };
    let names: Vec<_> = left.keys().map(|stack| format!("`{stack}`")).collect();
    let why = format!("gc is incomplete: of {count} there is still {}", names.join(", "));
    Err(CommandError::new(kind).problem(why).hint("run `ecsup gc` again; it goes on from here"))
}

/// Looks at the stacks of the region, and when they expire.
async fn look(global: &Global, screen: &Screen) -> Result<Expired, CommandError> {
    let (connection, caller, found) = list::look(global, screen).await?;
    let now = connection.now();
    let (expired, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(_, found)| found.has_expired(now));
    let later = others.iter().filter(|(_, found)| found.expires.is_some()).count();
    // Tags and paths of ours name no stack that cannot be named.
    let named = |(name, found): (String, Found)| Some((name.parse::<StackName>().ok()?, found));
    let stacks = expired.into_iter().filter_map(named).collect();
    Ok(Expired { connection, caller, stacks, later, now })
}
