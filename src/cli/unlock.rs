//! `ecsup unlock`: takes a stack's lock away from whoever holds it.

use std::collections::BTreeMap;

use clap::Args;

use super::destroy::only_stack;
use super::{Exit, Global, connect};
use crate::aws::{Cx, Labels};
use crate::facts;
use crate::lock::{Lock, Seen};
use crate::names::{Names, StackName};
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
    let given: Option<StackName> = match args.stack.as_deref().map(str::parse).transpose() {
        Ok(given) => given,
        Err(error) => {
            screen.error(&format!("{error}"));
            screen.hint("nothing was changed; `ecsup list` names the stacks that there are");
            return Exit::Refused;
        }
    };
    if !args.yes && !screen.can_ask() {
        screen.error("unlock asks before it takes a lock away, and there is no terminal to ask on");
        screen.hint("say --yes to go ahead without being asked");
        return Exit::Refused;
    }
    let connection = match connect(global, screen).await {
        Ok(connection) => connection,
        Err(exit) => return exit,
    };
    let caller = match facts::caller(&connection.aws).await {
        Ok(caller) => caller,
        Err(error) => return connection.report_error(&error, screen),
    };
    let stack = match given {
        Some(stack) => stack,
        None => match only_stack(&connection, "unlock", screen).await {
            Ok(stack) => stack,
            Err(exit) => return exit,
        },
    };
    screen.note(&format!("unlock stack {stack}\n{}", connection.header(&caller)));
    let names = Names::new(stack.clone(), &connection.region);
    let labels = Labels { pattern: String::new(), user: BTreeMap::new() };
    let cx = Cx { aws: connection.aws.clone(), names, labels };
    let lock = Lock::new(&cx, &caller.arn, "unlock");
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
