//! How commands begin that work on a stack which is there: named, or offered as the only one there is.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::connection::{Connection, connect};
use super::error::CommandError;
use super::list::{self, Found};
use super::{Done, Global, Outcome};
use crate::aws::{Cx, Labels};
use crate::facts::{self, Caller};
use crate::lock::Lock;
use crate::names::{NameError, Names, StackName};
use crate::ui::Screen;

/// A stack that a command is about to look at.
pub(super) struct Existing {
    pub(super) connection: Connection,
    pub(super) cx: Rc<Cx>,
    pub(super) stack: StackName,
    pub(super) lock: Lock,
    pub(super) verb: &'static str,
    caller: Caller,
}

/// The stack's name, if one was given: where it is typed, or as `ECSUP_STACK`.
pub(super) fn named(given: Option<&str>) -> Result<Option<StackName>, CommandError> {
    given.map(str::parse).transpose().map_err(|error: NameError| {
        CommandError::refused(error).hint("`ecsup list` names the stacks that there are")
    })
}

/// Finds region, credentials and caller, and the only stack there is when none was given. Nothing when
/// there is none, which is said.
pub(super) async fn find(
    given: Option<StackName>,
    verb: &'static str,
    global: &Global,
    screen: &Screen,
) -> Result<Option<Existing>, CommandError> {
    let connection = connect(global, screen).await?;
    let caller = connection.caller(screen).await?;
    let stack = match given {
        Some(stack) => Some(stack),
        None => only_stack(&connection, verb, screen).await?,
    };
    let Some(stack) = stack else {
        screen.note(&format!("nothing to do: there is no stack in {}", connection.region));
        return Ok(None);
    };
    let cx = cx(&connection, stack.clone());
    let lock = Lock::new(&cx, &caller.arn, verb);
    Ok(Some(Existing { connection, cx, stack, lock, verb, caller }))
}

/// What it takes to work on a stack that is there, of which nothing new is made.
pub(super) fn cx(connection: &Connection, stack: StackName) -> Rc<Cx> {
    let names = Names::new(stack, &connection.region);
    let labels = Labels { pattern: String::new(), user: BTreeMap::new() };
    Rc::new(Cx { aws: connection.aws.clone(), names, labels })
}

impl Existing {
    /// Learns the account's alias, for somebody who is asked.
    pub(super) async fn name_account(&mut self) {
        self.caller.alias = facts::alias(&self.connection.aws).await;
    }

    /// Says what is about to be done, and in whose account.
    pub(super) fn title(&self) -> String {
        format!("{} stack {}\n{}", self.verb, self.stack, self.connection.header(&self.caller))
    }

    /// Says that there is nothing of the stack, and what there is instead. That is fine, since a
    /// removal can be repeated; but not when the name looks like a slip.
    pub(super) async fn nothing_there(&self, screen: &Screen) -> Outcome {
        let Self { connection, stack, verb, .. } = self;
        let region = &connection.region;
        let nothing = format!("nothing to do: there is no stack `{stack}` in {region}");
        let others = match list::stacks(connection).await {
            Ok(stacks) => stacks.into_keys().collect::<BTreeSet<_>>(),
            // Whoever may see one stack only cannot see the others.
            Err(error) => {
                screen.note(&nothing);
                screen.note(&format!("which others there are is not known: failed to {error}"));
                return Ok(Done::Done);
            }
        };
        if let Some(near) = others.iter().find(|other| is_near(stack.as_str(), other)) {
            let why = format!("there is no stack `{stack}` in {region}, but there is `{near}`");
            let hint = format!("if you mean that one, run `ecsup {verb} {near}`");
            return Err(CommandError::refused(why).hint(hint));
        }
        let others: Vec<_> = others.iter().map(|other| format!("`{other}`")).collect();
        let instead = match others.is_empty() {
            true => "nor any other".to_owned(),
            false => format!("only {}", others.join(", ")),
        };
        screen.note(&format!("{nothing}, {instead}"));
        Ok(Done::Done)
    }
}

impl Existing {
    /// Refuses a stack of which there is nothing, and names the one that may have been meant, or all.
    pub(super) async fn missing(&self) -> CommandError {
        let Self { connection, stack, .. } = self;
        let why = format!("there is no stack `{stack}` in {}", connection.region);
        let error = CommandError::refused(why);
        // Whoever may see one stack only cannot see the others.
        let Ok(stacks) = list::stacks(connection).await else { return error };
        let near = stacks.keys().find(|other| is_near(stack.as_str(), other));
        let all: Vec<_> = stacks.keys().map(|other| format!("`{other}`")).collect();
        match (near, all.is_empty()) {
            (Some(near), _) => {
                error.hint(format!("there is `{near}`: if you mean that one, name it"))
            }
            (None, true) => error.hint("nor is there any other: `ecsup deploy` makes one"),
            (None, false) => error.hint(format!("there is {}", all.join(", "))),
        }
    }
}

/// Whether somebody who typed one name may have meant the other. Names that differ in their numbers
/// are one of a series each, such as `pr-12` and `pr-13`.
fn is_near(one: &str, other: &str) -> bool {
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let most = if one.len().min(other.len()) <= 4 { 1 } else { 2 };
    let apart = strsim::osa_distance(&one.to_ascii_lowercase(), &other.to_ascii_lowercase());
    apart <= most && digits(one) == digits(other)
}

/// The only stack there is, if there is one; of several, a list to choose from is shown. A stack of
/// which nothing can be seen but its lock is one, too.
async fn only_stack(
    connection: &Connection,
    verb: &str,
    screen: &Screen,
) -> Result<Option<StackName>, CommandError> {
    let stacks = list::stacks(connection).await;
    let stacks = stacks.map_err(|error| connection.failed(error))?;
    let mut names = stacks.keys();
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => {
            only.parse().map(Some).map_err(|error: NameError| CommandError::refused(error))
        }
        _ => {
            let now = connection.now();
            let region = &connection.region;
            for (name, found) in &stacks {
                screen.out(&Found::line(name, found, region, now));
            }
            let why = format!("there are several stacks: name the one to {verb}");
            Err(CommandError::refused(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_one_of_a_series_is_not() {
        let near = [("stagin", "staging"), ("Prod", "prod"), ("prdo", "prod"), ("demo1", "demp1")];
        for (one, other) in near {
            assert!(is_near(one, other), "{one}, {other}");
        }
        let far = [("staging", "prod"), ("pr-12", "pr-13"), ("dev", "prod"), ("blue", "green")];
        for (one, other) in far {
            assert!(!is_near(one, other), "{one}, {other}");
        }
    }
}
