//! `ecsup list`: the stacks of a region, found by the tags of what is there.

use std::collections::BTreeMap;

use super::{Connection, Exit, Global, connect};
use crate::aws::{Result, Scope};
use crate::engine::inventory::inventory;
use crate::engine::looks::Looks;
use crate::facts;
use crate::ui::Screen;

/// What was found of one stack.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The pattern, when one of its things says it.
    pattern: Option<String>,
    /// How many things there are.
    resources: usize,
}

impl Found {
    /// One line of the list.
    pub(crate) fn line(name: &str, found: &Self) -> String {
        let pattern = found.pattern.as_deref().unwrap_or("unknown");
        format!("{name:<32} {pattern:<16} {} resources", found.resources)
    }
}

/// Runs the command.
pub async fn list(global: &Global, screen: &Screen) -> Exit {
    let connection = match connect(global, screen).await {
        Ok(connection) => connection,
        Err(exit) => return exit,
    };
    let looked = futures::try_join!(facts::caller(&connection.aws), stacks(&connection));
    let (caller, stacks) = match looked {
        Ok(looked) => looked,
        Err(error) => return connection.report_error(&error, screen),
    };
    screen.note(&connection.header(&caller));
    stacks.iter().for_each(|(name, found)| screen.out(&Found::line(name, found)));
    if stacks.is_empty() {
        screen.note(&format!("no stacks in {}", connection.region));
    }
    Exit::Done
}

/// The stacks of the region, by name.
pub(crate) async fn stacks(connection: &Connection) -> Result<BTreeMap<String, Found>> {
    let looks = Looks::new(connection.aws.clone(), Scope::Region(connection.region.clone()));
    let mut stacks: BTreeMap<String, Found> = BTreeMap::new();
    for thing in inventory(&looks).await? {
        let owner = thing.owner();
        let found = stacks.entry(owner.stack.clone()).or_default();
        found.resources += 1;
        found.pattern = found.pattern.take().or_else(|| owner.pattern.clone());
    }
    Ok(stacks)
}
