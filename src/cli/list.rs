//! `ecsup list`: the stacks of a region, found by the tags of what is there.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use futures::future::try_join;
use serde_json::{Value, json};

use super::connection::{Connection, connect, in_time, patiently};
use super::error::CommandError;
use super::output::{Output, OutputArgs};
use super::{Done, Global, Outcome, count_resources, expiry, resources};
use crate::aws::{self, Scope};
use crate::engine::event::duration;
use crate::engine::inventory;
use crate::engine::looks::Looks;
use crate::facts::{self, Caller};
use crate::lock::{self, Seen};
use crate::names::NodeName;
use crate::prices::{self, Size, Standing};
use crate::resource::auto_scaling_group::AutoScalingGroup;
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::listener::{self, Listener};
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::service::{self, Service};
use crate::resource::subnet::Subnet;
use crate::resource::task_definition::{self, TaskDefinition};
use crate::resource::{Kind, Owned};
use crate::ui::Screen;

/// What `ecsup list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// What was found of one stack.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The pattern, when one of its things says it.
    pattern: Option<String>,
    /// What there is.
    pub(super) things: Vec<(NodeName, Kind)>,
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
    /// When it was begun, in seconds since 1970, where its lock tells.
    made: Option<i64>,
    /// When it expires, in seconds since 1970, if it does.
    pub(super) expires: Option<i64>,
    /// What of it costs something for each hour.
    standing: Standing,
}

impl Found {
    /// One line of the list, another one with what it costs, and one when somebody works on the stack.
    pub(super) fn line(name: &str, found: &Self, region: &str, now: i64) -> String {
        let pattern = found.pattern.as_deref().unwrap_or("unknown");
        let age = found.deployed.map(|since| duration_since(since, now));
        let age =
            age.map_or_else(|| "not deployed".to_owned(), |age| format!("deployed {age} ago"));
        let mut line = format!(
            "{name:<24} {pattern:<15} {:<10} {:<13} {age:<18} {}",
            found.state(now),
            resources(found.named()),
            match found.services {
                0 | 1 => found.image.clone().unwrap_or_else(|| "no image".to_owned()),
                several => format!("{several} services"),
            },
        );
        for address in &found.addresses {
            line = format!("{line} {address}");
        }
        line = format!("{line}\n  {}", found.about(region, now));
        match &found.held {
            Some(held) if held.is_left(now) => format!("{line}\n  left by {}", held.holder()),
            Some(held) => format!("{line}\n  worked on by {}", held.until_when()),
            None => line,
        }
    }

    /// What there is, by name and kind.
    pub(super) fn named(&self) -> impl Iterator<Item = (&NodeName, Kind)> {
        self.things.iter().map(|(name, kind)| (name, *kind))
    }

    /// Its age, what it costs, and when it expires.
    fn about(&self, region: &str, now: i64) -> String {
        let age = self.made.map(|made| format!("made {} ago", duration_since(made, now)));
        let costs = match prices::month(region, &self.standing) {
            Some(month) => month.words(),
            None => format!("— a month: no prices of {region} are known"),
        };
        let expires = self.expires.map(|at| expiry::words(at, now));
        age.into_iter().chain([costs]).chain(expires).collect::<Vec<_>>().join(", ")
    }

    /// The same for programs.
    fn json(&self, name: &str, region: &str, now: i64) -> Value {
        let month = prices::month(region, &self.standing);
        json!({
            "stack": name,
            "pattern": self.pattern,
            "state": self.state(now).replace(' ', "_"),
            "resources": count_resources(self.named()),
            "services": self.services,
            "image": self.image,
            "addresses": self.addresses,
            "made": self.made.map(expiry::when),
            "deployed": self.deployed.map(expiry::when),
            "expires": self.expires.map(expiry::when),
            "has_expired": self.has_expired(now),
            "dollars_a_month": month.as_ref().map(|month| (month.dollars * 100.0).round() / 100.0),
            "without_price": month.map(|month| month.unknown),
            "lock": self.held.as_ref().map(Seen::holder),
        })
    }

    /// Whether it has expired.
    pub(super) fn has_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|at| at <= now)
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
pub async fn list(args: &ListArgs, global: &Global, screen: &Screen) -> Outcome {
    let (connection, caller, stacks) = in_time(global.deadline(), look(global, screen)).await?;
    screen.note(&connection.header(&caller));
    let (region, now) = (&connection.region, connection.now());
    match args.print.output {
        Output::Text => {
            for (name, found) in &stacks {
                screen.out(&Found::line(name, found, region, now));
            }
        }
        Output::Json => {
            let all = stacks.iter().map(|(name, found)| found.json(name, region, now));
            let all: Vec<_> = all.collect();
            let prices = prices::AS_OF;
            screen.out(&json!({ "region": region, "prices": prices, "stacks": all }).to_string());
        }
    }
    if stacks.is_empty() {
        screen.note(&format!("no stacks in {}", connection.region));
    }
    Ok(Done::Done)
}

/// Who is calling, and what there is in the region.
pub(super) async fn look(
    global: &Global,
    screen: &Screen,
) -> Result<(Connection, Caller, BTreeMap<String, Found>), CommandError> {
    let connection = connect(global, screen).await?;
    let whom = format!("{} to answer (who is calling, and what is there)", connection.whom());
    let look = try_join(facts::caller(&connection.aws), stacks(&connection));
    let look = patiently(screen, &whom, look).await;
    let (caller, stacks) = look.map_err(|error| connection.failed(error))?;
    Ok((connection, caller, stacks))
}

/// The stacks of the region, by name; one of which nothing can be seen but its lock is one, too. All
/// that is shown comes out of the listings by which the things are found.
pub(super) async fn stacks(connection: &Connection) -> aws::Result<BTreeMap<String, Found>> {
    let looks = Looks::new(connection.aws.clone(), Scope::Region(connection.region.clone()));
    let (things, locks, services, definitions, balancers, listeners, groups, endpoints, subnets) =
        futures::try_join!(
            inventory::of_graph(&looks),
            lock::stacks(&connection.aws),
            looks.list::<Service>(None),
            looks.list::<TaskDefinition>(None),
            looks.list::<LoadBalancer>(None),
            looks.list::<Listener>(None),
            looks.list::<AutoScalingGroup>(None),
            looks.list::<InterfaceEndpoint>(None),
            looks.list::<Subnet>(None),
        )?;
    // Each of the things above was listed with all others.
    let templates = looks.list::<LaunchTemplate>(None).await?;
    let mut stacks: BTreeMap<String, Found> = BTreeMap::new();
    for thing in things {
        let owner = thing.owner();
        let found = stacks.entry(owner.stack.clone()).or_default();
        found.things.push((owner.node.clone(), thing.kind()));
        found.pattern = found.pattern.take().or_else(|| owner.pattern.clone());
        if !thing.is_ready() {
            found.unready.insert(owner.node.clone());
        }
        match thing.kind() {
            Kind::NatGateway => found.standing.nat_gateways += 1,
            Kind::ElasticIp => found.standing.addresses += 1,
            Kind::HostedZone => found.standing.hosted_zones += 1,
            _ => {}
        }
    }
    for (stack, seen) in locks {
        let found = stacks.entry(stack).or_default();
        (found.made, found.expires) = (seen.made(), seen.expires());
        found.held = Some(seen).filter(Seen::is_held);
    }
    for service in services.iter() {
        let since = service.it().deployment.as_ref().and_then(|it| it.since);
        let found = stacks.entry(service.owner.stack.clone()).or_default();
        found.deployed = since.map(|since| since.secs()).max(found.deployed);
        found.services += 1;
        add_tasks(&mut found.standing, service.it(), &definitions);
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
        found.standing.load_balancers += 1;
        // One that the internet reaches has an address in each of its zones.
        let subnets = balancer.it().subnets.as_ref().map_or(0, Vec::len);
        if balancer.it().scheme.as_deref() == Some("internet-facing") {
            found.standing.addresses += small(subnets);
        }
    }
    for endpoint in endpoints.iter() {
        let found = stacks.entry(endpoint.owner.stack.clone()).or_default();
        found.standing.endpoints += small(endpoint.it().subnets.len());
    }
    let is_public = |id: &String| {
        let subnet = subnets.iter().find(|subnet| subnet.id == *id);
        subnet.is_some_and(|subnet| subnet.owner.node.as_str().starts_with("subnet/public"))
    };
    for group in groups.iter() {
        let standing = &mut stacks.entry(group.owner.stack.clone()).or_default().standing;
        let it = group.it();
        let may_be_spot = it.mix.as_ref().is_some_and(|mix| mix.on_demand_percent < 100);
        if it.subnets.iter().flatten().any(is_public) {
            standing.addresses += small(it.members.len());
        }
        for member in &it.members {
            let volume = templates
                .iter()
                .find(|it| Some(it.it().id.as_str()) == member.template.as_deref())
                .and_then(|it| it.it().data.as_ref()?.volume_size);
            match volume.and_then(|it| u32::try_from(it).ok()) {
                Some(volume) => standing.volumes += volume,
                None => drop(standing.unlisted.insert("volumes of instances".to_owned())),
            }
            match &member.instance_type {
                Some(kind) if !may_be_spot => {
                    *standing.instances.entry(kind.clone()).or_default() += 1;
                }
                // Which of its instances are on demand is not told with the group.
                _ => drop(standing.unlisted.insert("instances beside Spot".to_owned())),
            }
        }
    }
    Ok(stacks)
}

/// Adds the tasks of a service that runs on Fargate.
fn add_tasks(
    standing: &mut Standing,
    service: &service::Output,
    definitions: &[Owned<task_definition::Output>],
) {
    let running = service.running.and_then(|running| u32::try_from(running).ok()).unwrap_or(0);
    if running == 0 || !service.is_on_fargate() {
        return;
    }
    if service.network.as_ref().is_some_and(|network| network.public == Some(true)) {
        standing.addresses += running;
    }
    let runs = |definition: &&Owned<task_definition::Output>| {
        Some(definition.it().arn.as_str()) == service.task_definition.as_deref()
    };
    let content =
        definitions.iter().find(runs).and_then(|definition| definition.it().content.as_ref());
    if service.on_demand_base.is_some() {
        // What it is moves, and which of its tasks are on demand is not told with the service.
        standing.unlisted.insert("tasks beside Fargate Spot".to_owned());
        return;
    }
    let size = content.and_then(|content| {
        let arm = content.architecture.as_deref() == Some("ARM64");
        Some(Size { cpu: content.cpu.parse().ok()?, memory: content.memory.parse().ok()?, arm })
    });
    match size {
        Some(size) => *standing.tasks.entry(size).or_default() += running,
        None => drop(standing.unlisted.insert("tasks of an earlier revision".to_owned())),
    }
}

/// A number of things of one stack.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
