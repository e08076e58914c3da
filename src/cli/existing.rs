//! How commands begin that work on a stack which is there: named, or offered as the only one there is.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::list::{self, Found};
use super::{Connection, Exit, Global, connect};
use crate::aws::{Cx, Labels};
use crate::facts::Caller;
use crate::lock::Lock;
use crate::names::{Names, StackName};
use crate::ui::Screen;

/// A stack that a command is about to look at.
pub(super) struct Existing {
    pub(super) connection: Connection,
    pub(super) cx: Rc<Cx>,
    pub(super) stack: StackName,
    pub(super) lock: Lock,
    verb: &'static str,
    caller: Caller,
}

/// The stack's name, if one was given: where it is typed, or as `ECSUP_STACK`.
pub(super) fn named(given: Option<&str>, screen: &Screen) -> Result<Option<StackName>, Exit> {
    given.map(str::parse).transpose().map_err(|error| {
        screen.error(&format!("{error}"));
        screen.hint("nothing was changed; `ecsup list` names the stacks that there are");
        Exit::Refused
    })
}

/// Finds region, credentials and caller, and the only stack there is when none was given.
pub(super) async fn find(
    given: Option<StackName>,
    verb: &'static str,
    global: &Global,
    screen: &Screen,
) -> Result<Existing, Exit> {
    let connection = connect(global, screen).await?;
    let caller = connection.caller(screen).await?;
    let stack = match given {
        Some(stack) => stack,
        None => only_stack(&connection, verb, screen).await?,
    };
    let names = Names::new(stack.clone(), &connection.region);
    let labels = Labels { pattern: String::new(), user: BTreeMap::new() };
    let cx = Rc::new(Cx { aws: connection.aws.clone(), names, labels });
    let lock = Lock::new(&cx, &caller.arn, verb);
    Ok(Existing { connection, cx, stack, lock, verb, caller })
}

impl Existing {
    /// Says what is about to be done, and in whose account.
    pub(super) fn title(&self) -> String {
        format!("{} stack {}\n{}", self.verb, self.stack, self.connection.header(&self.caller))
    }

    /// Says that there is nothing of the stack, and what there is instead. That is fine, since a
    /// removal can be repeated; but not when the name looks like a slip.
    pub(super) async fn nothing_there(&self, screen: &Screen) -> Exit {
        let Self { connection, stack, verb, .. } = self;
        let region = &connection.region;
        let nothing = format!("nothing to do: there is no stack `{stack}` in {region}");
        let others = match list::stacks(connection).await {
            Ok(stacks) => stacks.into_keys().collect::<BTreeSet<_>>(),
            // Whoever may see one stack only cannot see the others.
            Err(error) => {
                screen.note(&nothing);
                screen.note(&format!("which others there are is not known: failed to {error}"));
                return Exit::Done;
            }
        };
        if let Some(near) = others.iter().find(|other| is_near(stack.as_str(), other)) {
            screen
                .error(&format!("there is no stack `{stack}` in {region}, but there is `{near}`"));
            screen.hint(&format!(
                "nothing was changed: if you mean that one, run `ecsup {verb} {near}`"
            ));
            return Exit::Refused;
        }
        let others: Vec<_> = others.iter().map(|other| format!("`{other}`")).collect();
        let instead = match others.is_empty() {
            true => "nor any other".to_owned(),
            false => format!("only {}", others.join(", ")),
        };
        screen.note(&format!("{nothing}, {instead}"));
        Exit::Done
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

/// The only stack there is, or a list to choose from. A stack of which nothing can be seen but its
/// lock is one, too.
async fn only_stack(
    connection: &Connection,
    verb: &str,
    screen: &Screen,
) -> Result<StackName, Exit> {
    let stacks = list::stacks(connection).await;
    let stacks = stacks.map_err(|error| connection.report_error(&error, screen))?;
    let mut names = stacks.keys();
    match (names.next(), names.next()) {
        (None, _) => {
            screen.note(&format!("nothing to do: there is no stack in {}", connection.region));
            Err(Exit::Done)
        }
        (Some(only), None) => only.parse().map_err(|error| {
            screen.error(&format!("{error}"));
            Exit::Refused
        }),
        _ => {
            screen.error(&format!("there are several stacks: name the one to {verb}"));
            let now = connection.now();
            stacks.iter().for_each(|(name, found)| screen.out(&Found::line(name, found, now)));
            Err(Exit::Refused)
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
