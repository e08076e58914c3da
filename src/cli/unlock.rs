//! `ecsup unlock`: takes a stack's lock away from whoever holds it.

use clap::Args;

use super::existing::{self, Existing};
use super::{Exit, Global, in_time};
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
pub async fn unlock(args: &UnlockArgs, global: &Global, screen: &Screen) -> Exit {
    let given = match existing::named(args.stack.as_deref(), screen) {
        Ok(given) => given,
        Err(exit) => return exit,
    };
    let is_asked = !args.yes || given.is_none();
    if let Some(why) = screen.why_not_ask().filter(|_| is_asked) {
        screen.error(&format!("unlock asks before it takes a lock away, and {why}"));
        screen.hint("name the stack and say --yes to go ahead: `ecsup unlock STACK --yes`");
        return Exit::Refused;
    }
    in_time(global.deadline(), screen, async {
        let existing = existing::find(given, "unlock", global, screen).await?;
        screen.note(&existing.title());
        Ok(take_away(&existing, is_asked, screen).await)
    })
    .await
    .unwrap_or_else(|exit| exit)
}

/// Takes the lock away, when somebody holds it and the user agrees.
async fn take_away(existing: &Existing, is_asked: bool, screen: &Screen) -> Exit {
    let Existing { connection, stack, lock, .. } = existing;
    let seen = match lock.look().await {
        Ok(seen) => seen,
        Err(error) => return connection.report_error(&error, screen),
    };
    let Some(seen) = seen else { return existing.nothing_there(screen).await };
    if !seen.is_held() {
        screen.note(&format!("nothing to do: nobody holds the lock of stack `{stack}`"));
        return Exit::Done;
    }
    screen.note(&format!("locked by {}", seen.until_when()));
    let question = format!("If that run is alive, it will stop. Unlock {stack}? [y/N] ");
    if is_asked && !screen.ask(&question, |answer| matches!(answer, "y" | "Y" | "yes")) {
        screen.note("nothing was changed");
        return Exit::Refused;
    }
    match lock.unlock(&seen).await {
        Ok(true) => {
            screen.out(&format!("stack `{stack}` is unlocked"));
            Exit::Done
        }
        Ok(false) => {
            screen.error("another run has taken the lock meanwhile: it keeps it");
            Exit::Refused
        }
        Err(error) => connection.report_error(&error, screen),
    }
}
