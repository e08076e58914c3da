//! `ecsup unlock`: takes a stack's lock away from whoever holds it.

use clap::Args;

use super::connection::in_time;
use super::error::CommandError;
use super::existing::{self, Existing};
use super::{Done, Global, Outcome};
use crate::ui::Screen;

/// What `ecsup unlock` takes.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Name of the stack. Without one, the only stack there is is offered at a terminal
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

    /// Do not ask before taking away the lock of what was named; no variable says it
    #[arg(short, long)]
    pub yes: bool,
}

/// Runs the command.
pub async fn unlock(args: &UnlockArgs, global: &Global, screen: &Screen) -> Outcome {
    let given = existing::named(args.stack.as_deref())?;
    let is_asked = !args.yes || given.is_none();
    if let Some(why) = screen.why_not_ask().filter(|_| is_asked) {
        let why = format!("unlock asks before it takes a lock away, and {why}");
        let hint = "name the stack and say --yes to go ahead: `ecsup unlock STACK --yes`";
        return Err(CommandError::refused(why).hint(hint));
    }
    in_time(global.deadline(), async {
        let Some(existing) = existing::find(given, "unlock", global, screen).await? else {
            return Ok(Done::Done);
        };
        screen.note(&existing.title());
        take_away(&existing, is_asked, screen).await
    })
    .await
}

/// Takes the lock away, when somebody holds it and the user agrees.
async fn take_away(existing: &Existing, is_asked: bool, screen: &Screen) -> Outcome {
    let Existing { connection, stack, lock, .. } = existing;
    let seen = lock.look().await.map_err(|error| connection.failed(error))?;
    let Some(seen) = seen else { return existing.nothing_there(screen).await };
    if !seen.is_held() {
        screen.note(&format!("nothing to do: nobody holds the lock of stack `{stack}`"));
        return Ok(Done::Done);
    }
    screen.note(&format!("locked by {}", seen.until_when()));
    let question = format!("If that run is alive, it will stop. Unlock {stack}? [y/N] ");
    if is_asked && !screen.ask(&question, |answer| matches!(answer, "y" | "Y" | "yes")) {
        return Err(CommandError::declined());
    }
    match lock.unlock(&seen).await {
        Ok(true) => {
            screen.out(&format!("stack `{stack}` is unlocked"));
            Ok(Done::Done)
        }
        Ok(false) => {
            Err(CommandError::refused("another run has taken the lock meanwhile: it keeps it"))
        }
        Err(error) => Err(connection.failed(error)),
    }
}
