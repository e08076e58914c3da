//! `ecsup list`: the stacks of a region, found by the tags of what is there.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join;

use super::connection::{Connection, connect, in_time, patiently};
use super::{Done, Global, Outcome, resources};
use crate::aws::{Result, Scope};
use crate::engine::event::duration;
use crate::engine::inventory;
use crate::engine::looks::Looks;
use crate::facts;
use crate::lock::{self, Seen};
use crate::names::NodeName;
use crate::resource::Kind;
use crate::resource::listener::{self, Listener};
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::service::Service;
use crate::resource::task_definition::TaskDefinition;
use crate::ui::Screen;

/// What was found of one stack.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The pattern, when one of its things says it.
    pattern: Option<String>,
    /// What there is.
    things: Vec<(NodeName, Kind)>,
    /// What is on its way or broken.
    unready: BTreeSet<NodeName>,
    /// How many services there are.
    services: usize,
    /// The image that its newest task definition names; of several services, of one of them.
    image: Option<String>,
    /// Where its load balancers answer.
    addresses: Vec<String>,
    /// When its newest deployment began, in seconds since 1970.
    deployed: Option<i64>,
    /// Its lock, when somebody has it.
    held: Option<Seen>,
}

impl Found {
    /// One line of the list, and another one when somebody works on the stack.
    pub(super) fn line(name: &str, found: &Self, now: i64) -> String {
        let pattern = found.pattern.as_deref().unwrap_or("unknown");
        let age = found.deployed.map(|since| duration_since(since, now));
        let age =
            age.map_or_else(|| "not deployed".to_owned(), |age| format!("deployed {age} ago"));
        let mut line = format!(
            "{name:<24} {pattern:<15} {:<10} {:<13} {age:<18} {}",
            found.state(now),
            resources(found.things.iter().map(|(name, kind)| (name, *kind))),
            match found.services {
                0 | 1 => found.image.clone().unwrap_or_else(|| "no image".to_owned()),
                several => format!("{several} services"),
            },
        );
        for address in &found.addresses {
            line = format!("{line} {address}");
        }
        match &found.held {
            Some(held) if held.is_left(now) => format!("{line}\n  left by {}", held.holder()),
            Some(held) => format!("{line}\n  worked on by {}", held.until_when()),
            None => line,
        }
    }

    /// How it is, in a word.
    fn state(&self, now: i64) -> &'static str {
        let serves = self.things.iter().any(|(_, kind)| *kind == Kind::Service);
        match self.held.as_ref().filter(|held| !held.is_left(now)) {
            Some(_) => "in work",
            None if serves && self.unready.is_empty() => "ready",
            None => "incomplete",
        }
    }
}

pub(super) fn duration_since(since: i64, now: i64) -> String {
    let seconds = u64::try_from(now - since).unwrap_or_default();
    match seconds / 86_400 {
        days @ 2.. => format!("{days}d"),
        _ => duration(std::time::Duration::from_secs(seconds)),
    }
}

/// Runs the command.
pub async fn list(global: &Global, screen: &Screen) -> Outcome {
    let listed = in_time(global.deadline(), async {
        let connection = connect(global, screen).await?;
        let whom = format!("{} to answer (who is calling, and what is there)", connection.whom());
        let look = try_join(facts::caller(&connection.aws), stacks(&connection));
        let look = patiently(screen, &whom, look).await;
        let (caller, stacks) = look.map_err(|error| connection.failed(error))?;
        Ok((connection, caller, stacks))
    });
    let (connection, caller, stacks) = listed.await?;
    screen.note(&connection.header(&caller));
    let now = connection.now();
    stacks.iter().for_each(|(name, found)| screen.out(&Found::line(name, found, now)));
    if stacks.is_empty() {
        screen.note(&format!("no stacks in {}", connection.region));
    }
    Ok(Done::Done)
}

/// The stacks of the region, by name; one of which nothing can be seen but its lock is one, too. All
/// that is shown comes out of the listings by which the things are found.
pub(super) async fn stacks(connection: &Connection) -> Result<BTreeMap<String, Found>> {
    let looks = Looks::new(connection.aws.clone(), Scope::Region(connection.region.clone()));
    let (things, locks, services, definitions, balancers, listeners) = futures::try_join!(
        inventory::of_graph(&looks),
        lock::stacks(&connection.aws),
        looks.list::<Service>(None),
        looks.list::<TaskDefinition>(None),
        looks.list::<LoadBalancer>(None),
        looks.list::<Listener>(None),
    )?;
    let mut stacks: BTreeMap<String, Found> = BTreeMap::new();
    for thing in things {
        let owner = thing.owner();
        let found = stacks.entry(owner.stack.clone()).or_default();
        found.things.push((owner.node.clone(), thing.kind()));
        found.pattern = found.pattern.take().or_else(|| owner.pattern.clone());
        if !thing.is_ready() {
            found.unready.insert(owner.node.clone());
        }
    }
    for (stack, seen) in locks {
        let found = stacks.entry(stack).or_default();
        found.held = Some(seen).filter(Seen::is_held);
    }
    for service in services.iter() {
        let since = service.it().deployment.as_ref().and_then(|it| it.since);
        let found = stacks.entry(service.owner.stack.clone()).or_default();
        found.deployed = since.map(|since| since.secs()).max(found.deployed);
        found.services += 1;
    }
    for definition in definitions.iter() {
        let content = definition.it().content.as_ref();
        let found = stacks.entry(definition.owner.stack.clone()).or_default();
        found.image = content.map(|content| content.own.image.clone());
    }
    for balancer in balancers.iter() {
        let found = stacks.entry(balancer.owner.stack.clone()).or_default();
        let url = listener::url_scheme(&listeners, &balancer.it().arn);
        found.addresses.push(format!("{url}://{}", balancer.it().dns_name));
    }
    Ok(stacks)
}
