//! `ecsup unlock`: takes a stack's lock away from whoever holds it.

use clap::Args;

use super::existing::{self, Existing};
use super::{Exit, Global};
use crate::lock::Seen;
use crate::ui::Screen;

/// What `ecsup unlock` takes.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Name of the stack; the only one there is when not given
    #[arg()]
    pub stack: Option<String>,

    /// Do not ask before taking the lock away
    #[arg(short, long, env = "ECSUP_YES", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
}

/// Runs the command.
pub async fn unlock(args: &UnlockArgs, global: &Global, screen: &Screen) -> Exit {
    let given = match existing::named(args.stack.as_deref(), screen) {
        Ok(given) => given,
        Err(exit) => return exit,
    };
    if !args.yes && !screen.can_ask() {
        screen.error("unlock asks before it takes a lock away, and there is no terminal to ask on");
        screen.hint("say --yes to go ahead without being asked");
        return Exit::Refused;
    }
    let existing = match existing::find(given, "unlock", global, screen).await {
        Ok(existing) => existing,
        Err(exit) => return exit,
    };
    screen.note(&existing.title());
    let Existing { connection, stack, lock, .. } = existing;
    let seen = match lock.look().await {
        Ok(seen) => seen,
        Err(error) => return connection.report_error(&error, screen),
    };
    let Some(seen) = seen.filter(Seen::is_held) else {
        screen.note(&format!("nothing to do: nobody holds the lock of stack `{stack}`"));
        return Exit::Done;
    };
    screen.note(&format!("locked by {}\n{}", seen.holder(), seen.last_sign_of_life()));
    let question = "If that run is alive, it will stop. Take its lock away? [y/N] ";
    if !args.yes && !screen.ask(question, |answer| matches!(answer, "y" | "Y" | "yes")) {
        screen.note("nothing was changed");
        return Exit::Refused;
    }
    match lock.unlock(&seen).await {
        Ok(true) => {
            screen.out(&format!("stack `{stack}` is unlocked"));
            Exit::Done
        }
        Ok(false) => {
            screen.error("another run has taken the lock meanwhile: nothing was changed");
            Exit::Refused
        }
        Err(error) => connection.report_error(&error, screen),
    }
}
