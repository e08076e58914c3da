//! How commands begin that work on a stack which is there: named, or the only one there is.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::list::{self, Found};
use super::{Connection, Exit, Global, connect};
use crate::aws::{Cx, Labels};
use crate::facts::{self, Caller};
use crate::lock::{self, Lock};
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

/// The stack's name, if one was given.
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
    let caller = facts::caller(&connection.aws).await;
    let caller = caller.map_err(|error| connection.report_error(&error, screen))?;
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
}

/// The only stack there is, or a list to choose from. A stack of which nothing can be seen but its
/// lock is one, too.
async fn only_stack(
    connection: &Connection,
    verb: &str,
    screen: &Screen,
) -> Result<StackName, Exit> {
    let looked = futures::try_join!(list::stacks(connection), lock::stacks(&connection.aws));
    let (mut stacks, locked) = looked.map_err(|error| connection.report_error(&error, screen))?;
    locked.into_iter().for_each(|stack| {
        stacks.entry(stack).or_default();
    });
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
            stacks.iter().for_each(|(name, found)| screen.out(&Found::line(name, found)));
            Err(Exit::Refused)
        }
    }
}
