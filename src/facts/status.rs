//! How a stack is: what each of its services does just now, where there is room, and what is waited for.
//! Nothing of it needs a spec.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures::future::{FutureExt as _, try_join_all};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::instance_type;
use super::running::listed;
use crate::arn::last_part;
use crate::aws::{Aws, Result};
use crate::diagnosis::{Diagnosis, Finding};
use crate::engine::inventory;
use crate::engine::looks::Looks;
use crate::names::NodeName;
use crate::resource::cluster::{self, Registered};
use crate::resource::hosted_zone::HostedZone;
use crate::resource::listener::{self, Listener};
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::record::Record;
use crate::resource::scalable_target::ScalableTarget;
use crate::resource::service::{self, Service};
use crate::resource::target_group::{self, Health};
use crate::resource::task_definition::{self, TaskDefinition};
use crate::resource::{Kind, Owned, Phase, Seen, Wanted as _};

/// How a stack is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The pattern that its things were made from.
    pub pattern: Option<String>,
    /// How many nodes of its graph are there, of those that AWS has as things of their own.
    pub resources: usize,
    /// Its services: those first with which something is wrong, then those on their way.
    pub services: Vec<ServiceStatus>,
    /// What else is on its way, or broken, and why, by node.
    pub waits: BTreeMap<String, String>,
    /// Where it is reached.
    pub addresses: Vec<Address>,
    /// Its instances.
    pub instances: Vec<InstanceStatus>,
}

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// In a word.
    pub state: State,
    /// How many of its tasks run.
    pub running: i32,
    /// How many should.
    pub desired: i32,
    /// Between which bounds load moves that, if it does.
    pub scaling: Option<Bounds>,
    /// How its targets are; nothing, where nobody sends it requests.
    pub targets: Option<Targets>,
    /// The revision that it runs, or was asked to run.
    pub revision: Option<String>,
    /// The image of that.
    pub image: Option<String>,
    /// When its newest deployment began.
    pub deployed: Option<At>,
    /// What it waits for, and what is wrong with it: the newest first.
    pub problems: Vec<String>,
}

/// Fewest and most tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Fewest.
    pub min: i32,
    /// Most.
    pub max: i32,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// How many targets answer their health checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Targets {
    /// How many do.
    pub healthy: usize,
    /// How many there are.
    pub all: usize,
}

/// How a service is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its deployment has failed.
    Failed,
    /// It is being removed.
    Leaving,
    /// A deployment is on its way.
    Deploying,
    /// It runs as it was asked to, and its targets do not answer.
    Unhealthy,
    /// It runs as it was asked to.
    Steady,
}

/// Where a stack is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// A DNS name.
    pub host: String,
    /// `https`, or `http` where there is no other.
    pub scheme: &'static str,
    /// From where: the scheme of the load balancer; of a name in the stack's private zone, `vpc`; of one in a
    /// zone of somebody else, that zone.
    pub from: String,
}

/// An instance, and the room on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceStatus {
    /// Its id.
    pub id: String,
    /// `ACTIVE`, or `DRAINING` when it is to go.
    pub status: String,
    /// Whether ECS reaches its agent.
    pub connected: bool,
    /// How many tasks it has.
    pub tasks: i32,
    /// CPU units for tasks.
    pub cpu: Room,
    /// MiB of memory for tasks.
    pub memory: Room,
    /// Network interfaces for tasks; nothing, where AWS does not say how many.
    pub interfaces: Option<Room>,
}

/// How much of something is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// What nobody has.
    pub free: i32,
    /// What there is.
    pub all: i32,
}

/// What never changes and was asked once: images by revision, interfaces by instance type.
#[derive(Debug, Default)]
pub struct Known {
    images: RefCell<BTreeMap<String, Option<String>>>,
    interfaces: RefCell<BTreeMap<String, Option<i32>>>,
}

type Of<R> = <R as crate::resource::Resource>::Output;

impl Status {
    /// Looks at everything. Nothing, when there is nothing of the stack.
    pub async fn look(looks: &Looks, known: &Known) -> Result<Option<Self>> {
        let (things, services, definitions, balancers, listeners) = futures::try_join!(
            inventory::of_graph(looks).boxed_local(),
            listed::<Service>(looks),
            listed::<TaskDefinition>(looks),
            listed::<LoadBalancer>(looks),
            listed::<Listener>(looks),
        )?;
        let (records, zones) =
            futures::try_join!(listed::<Record>(looks), listed::<HostedZone>(looks))?;
        if things.is_empty() {
            return Ok(None);
        }
        let on_instances = things.iter().any(|thing| thing.kind() == Kind::AutoScalingGroup);
        let scaled = listed::<ScalableTarget>(looks).await?;
        let bounds = |of: &Owned<service::Output>| {
            let mut of_it = scaled.iter().map(Owned::it).filter(|it| it.service() == of.it().name);
            of_it.next().map(|it| Bounds { min: it.bounds.min, max: it.bounds.max })
        };
        let of_services = services.iter().map(async |owned| {
            let service = known.service(looks, owned, &definitions).await?;
            Ok(ServiceStatus { scaling: bounds(owned), ..service })
        });
        let (mut services, instances) = futures::try_join!(
            try_join_all(of_services),
            known.instances(looks, on_instances).boxed_local(),
        )?;
        services.sort_by(|one, other| (one.state, &one.name).cmp(&(other.state, &other.name)));
        let counted = things.iter().filter(|thing| thing.kind().is_counted());
        let counted: BTreeSet<&NodeName> = counted.map(|thing| thing.name()).collect();
        let waits = things.iter().filter(|thing| thing.kind() != Kind::Service);
        let waits =
            waits.filter_map(|it| Some((it.name().to_string(), it.waits_for()?.to_owned())));
        let url = |it: &Of<LoadBalancer>| listener::url_scheme(&listeners, &it.arn);
        let url_of_name = |it: &Of<Record>| {
            let mut all = balancers.iter().map(Owned::it);
            all.find(|balancer| it.points_at(&balancer.dns_name)).map_or("http", url)
        };
        let of_balancers = balancers.iter().map(Owned::it).map(|it| Address {
            host: it.dns_name.clone(),
            scheme: url(it),
            from: it.scheme.clone().unwrap_or_default(),
        });
        let names = records.iter().map(Owned::it);
        let names = names.map(|it| {
            let is_own = zones.iter().any(|zone| zone.it().id == it.zone);
            let from = if is_own { "vpc".to_owned() } else { format!("zone {}", it.zone) };
            Address { host: it.host.clone(), scheme: url_of_name(it), from }
        });
        let mut addresses: Vec<_> = of_balancers.collect();
        addresses.sort();
        let mut names: Vec<_> = names.collect();
        names.sort();
        addresses.extend(names);
        Ok(Some(Self {
            pattern: things.iter().find_map(|thing| thing.owner().pattern.clone()),
            resources: counted.len(),
            services,
            waits: waits.collect(),
            addresses,
            instances,
        }))
    }
}

impl Known {
    async fn service(
        &self,
        looks: &Looks,
        owned: &Owned<service::Output>,
        definitions: &[Owned<Of<TaskDefinition>>],
    ) -> Result<ServiceStatus> {
        let (aws, it) = (looks.aws(), owned.it());
        let groups = it.targets.iter().flatten();
        let health = try_join_all(groups.map(|it| target_group::health(aws, &it.group)));
        let (image, health, diagnosis) = futures::try_join!(
            self.image(looks, it, definitions).boxed_local(),
            health,
            diagnosis(looks, owned).map(Ok).boxed_local(),
        )?;
        let targets = (!health.is_empty()).then(|| {
            let sum = |of: fn(&Health) -> usize| health.iter().map(of).sum();
            Targets { healthy: sum(|it| it.healthy), all: sum(|it| it.targets) }
        });
        let sick: BTreeSet<_> = health.into_iter().flat_map(|it| it.reasons).collect();
        let (state, why) = match &owned.seen {
            Seen::Leaving(_, why) => (State::Leaving, Some(why)),
            Seen::Present(_, Phase::Broken(why)) => (State::Failed, Some(why)),
            Seen::Present(_, Phase::Coming(why)) => (State::Deploying, Some(why)),
            Seen::Present(_, Phase::Ready) if !sick.is_empty() => (State::Unhealthy, None),
            Seen::Present(_, Phase::Ready) => (State::Steady, None),
        };
        let problems = match &diagnosis.findings[..] {
            // What targets say is mostly said by the service already.
            [] => {
                let said = why.cloned().unwrap_or_default();
                let news = sick.into_iter().filter(|it| !said.contains(it.as_str()));
                why.cloned().into_iter().chain(news).collect()
            }
            found => {
                let state = diagnosis.state.or_else(|| why.cloned());
                state.into_iter().chain(found.iter().map(Finding::line)).collect()
            }
        };
        let revision = it.task_definition.as_deref().map(last_part);
        Ok(ServiceStatus {
            name: it.name.clone(),
            state,
            running: it.running.unwrap_or_default(),
            desired: it.desired_count.unwrap_or_default(),
            scaling: None,
            targets,
            revision: revision.map(str::to_owned),
            image,
            deployed: it.deployment.as_ref().and_then(|it| {
                let since = it.since?;
                Timestamp::from_second(since.secs()).ok().map(At)
            }),
            problems,
        })
    }

    /// The image of the revision that a service runs. A revision never changes.
    async fn image(
        &self,
        looks: &Looks,
        it: &service::Output,
        definitions: &[Owned<Of<TaskDefinition>>],
    ) -> Result<Option<String>> {
        let Some(arn) = &it.task_definition else { return Ok(None) };
        if let Some(image) = self.images.borrow().get(arn) {
            return Ok(image.clone());
        }
        let newest = definitions.iter().map(Owned::it).find(|it| it.arn.as_str() == arn);
        let image = match newest.and_then(|it| it.content.as_ref()) {
            Some(content) => Some(content.own.image.clone()),
            None => {
                let content = task_definition::content_of(looks.aws(), looks.scope(), arn).await?;
                content.map(|content| content.own.image)
            }
        };
        self.images.borrow_mut().insert(arn.clone(), image.clone());
        Ok(image)
    }

    async fn instances(&self, looks: &Looks, are_there: bool) -> Result<Vec<InstanceStatus>> {
        let Some(names) = looks.scope().names().filter(|_| are_there) else {
            return Ok(Vec::new());
        };
        let registered = cluster::registered(looks.aws(), &names.cluster()).await?;
        let mut all = Vec::new();
        for it in registered {
            let most = match &it.instance_type {
                Some(name) => self.interfaces(looks.aws(), name).await?,
                None => None,
            };
            let Registered { id, status, is_connected, tasks, cpu, memory, .. } = it;
            // The first interface is the instance's own; each task has one.
            let interfaces =
                most.map(|most| Room { free: (most - 1 - tasks).max(0), all: most - 1 });
            let [cpu, memory] = [cpu, memory].map(|[free, all]| Room { free, all });
            let connected = is_connected;
            all.push(InstanceStatus { id, status, connected, tasks, cpu, memory, interfaces });
        }
        Ok(all)
    }

    async fn interfaces(&self, aws: &Aws, name: &str) -> Result<Option<i32>> {
        if let Some(most) = self.interfaces.borrow().get(name) {
            return Ok(*most);
        }
        let most = instance_type::interfaces(aws, name).await?;
        self.interfaces.borrow_mut().insert(name.to_owned(), most);
        Ok(most)
    }
}

/// Why a service is not as it was asked to be; nothing of one that is, or that goes.
async fn diagnosis(looks: &Looks, owned: &Owned<service::Output>) -> Diagnosis {
    match &owned.seen {
        Seen::Present(it, Phase::Coming(_) | Phase::Broken(_)) => {
            Service::diagnosis(looks.aws(), looks.scope(), it).await
        }
        Seen::Present(..) | Seen::Leaving(..) => Diagnosis::default(),
    }
}
