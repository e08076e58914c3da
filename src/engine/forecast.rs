//! How long a deploy should take, and which chain of nodes decides that: pure arithmetic over the
//! graph and its plan, with the durations that AWS typically takes (`docs/aws-facts.md`).
//!
//! Every node has [`steps`]. The first one makes it, the others make it ready. A step begins when the
//! one before is over and when what it physically waits for is there. Most of that are edges of the
//! graph. What AWS waits for by itself is no edge, since ecsup has nothing to do for it: tasks wait
//! for instances that have registered, and targets for their load balancer. It stands in [`steps`].

use std::time::Duration;

use super::edge::{Edge, Grade, Link, Links};
use super::event::duration;
use super::graph::{Graph, Node};
use super::plan::Plan;
use super::verdict::Verdict;
use crate::names::NodeName;
use crate::resource::Kind;
use crate::resource::kind::Settles;

/// One call, with the way there and back.
const CALL: Duration = Duration::from_millis(150);
/// From a new id of EC2 until other calls know it, attempts in vain included.
const VISIBLE: Duration = Duration::from_secs(2);
/// From a new instance profile until Auto Scaling accepts it: 5 to 30 s.
const PROFILE_VISIBLE: Duration = Duration::from_secs(15);
/// From a group that wants instances until they have registered with ECS: 1 to 2 min.
const BOOT: Duration = Duration::from_secs(80);
/// From a way out of the subnet until an agent that was without one tries again: 15 s at most.
const AGENT_RETRY: Duration = Duration::from_secs(8);
/// A task on an instance: its network interface, its image, its containers.
const TASK: Duration = Duration::from_secs(25);
/// A task on Fargate, which finds a place for it first.
const TASK_ON_FARGATE: Duration = Duration::from_secs(45);
/// Two health checks, six seconds apart.
const HEALTHY: Duration = Duration::from_secs(12);

/// When a deploy should be where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecast {
    /// From the beginning until everything is ready. What is removed afterwards is not in it.
    pub duration: Duration,
    /// The chain of nodes that decides the duration, first one first.
    pub critical: Vec<NodeName>,
    /// Every node, in the order of the graph.
    pub nodes: Vec<Expected>,
}

/// When a node should be where, since the beginning. What is kept is ready when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The node.
    pub node: NodeName,
    /// Its edges are satisfied.
    pub start: Duration,
    /// Its output is known.
    pub made: Duration,
    /// It is usable.
    pub ready: Duration,
}

/// What is going to be done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Nothing,
    Make,
    Change,
    /// It is there, and on its way.
    Await,
    /// It is broken: it is removed and made again.
    Remake,
}

impl From<&Verdict> for Task {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Create => Self::Make,
            Verdict::Keep | Verdict::Aside | Verdict::Foreign(_) | Verdict::Unsure(_) => {
                Self::Nothing
            }
            Verdict::Change(_) => Self::Change,
            Verdict::Wait(_) => Self::Await,
            Verdict::Broken(_) | Verdict::Remake(_) => Self::Remake,
        }
    }
}

/// A node, as far as it matters here.
struct Part {
    name: NodeName,
    kind: Kind,
    edges: Vec<Edge>,
    task: Task,
}

/// A part of what has to happen to a node.
struct Step {
    /// It begins when all nodes of these kinds are that far, and so much later.
    after: &'static [(Kind, Grade, Duration)],
    takes: Duration,
}

const fn takes(takes: Duration) -> Step {
    Step { after: &[], takes }
}

/// Until the node is made.
fn make(kind: Kind) -> Step {
    match kind {
        // EC2 takes a template whose profile it does not know. Auto Scaling refuses the group.
        Kind::AutoScalingGroup => {
            Step { after: &[(Kind::InstanceProfile, Grade::Ready, PROFILE_VISIBLE)], takes: CALL }
        }
        _ => takes(CALL),
    }
}

/// From then on until it is ready.
fn settle(kind: Kind, on_instances: bool) -> Vec<Step> {
    match kind.about().settles {
        Settles::AtOnce => Vec::new(),
        Settles::Calls(calls) => vec![takes(CALL * calls)],
        Settles::Takes(duration) => vec![takes(seen(kind, duration))],
        Settles::Rollout if on_instances => vec![
            // Instances boot while their NAT gateway comes; agents and images need it.
            Step {
                after: &[
                    (Kind::WarmStart, Grade::Made, BOOT),
                    (Kind::NatGateway, Grade::Ready, AGENT_RETRY),
                ],
                takes: TASK,
            },
            TARGETS_ARE_HEALTHY,
        ],
        Settles::Rollout => vec![takes(TASK_ON_FARGATE), TARGETS_ARE_HEALTHY],
    }
}

/// A load balancer checks nobody's health before it is active.
const TARGETS_ARE_HEALTHY: Step =
    Step { after: &[(Kind::LoadBalancer, Grade::Ready, Duration::ZERO)], takes: HEALTHY };

/// What has to happen to a node: the first step makes it, the others make it ready.
fn steps(kind: Kind, task: Task, on_instances: bool) -> Vec<Step> {
    let mut steps = match task {
        Task::Nothing => return Vec::new(),
        Task::Make => vec![make(kind)],
        // A service rolls out, and instances do; everything else is changed when AWS has answered.
        Task::Change if !matches!(kind, Kind::Service | Kind::InstanceRefresh) => {
            return vec![takes(CALL)];
        }
        Task::Change => vec![takes(CALL)],
        Task::Await => vec![takes(Duration::ZERO)],
        Task::Remake => vec![takes(kind.about().leaves + CALL)],
    };
    steps.extend(settle(kind, on_instances));
    steps
}

/// When a thing that takes so long is seen to be ready: ecsup looks now and then.
fn seen(kind: Kind, takes: Duration) -> Duration {
    let patience = kind.about().comes;
    let mut look = patience.first;
    while look < takes {
        look += patience.every;
    }
    look
}

/// A moment, and the node that it was waited for, with how far that one had to be.
#[derive(Clone, Copy, Default)]
struct Moment {
    at: Duration,
    because: Option<(usize, Grade)>,
}

impl Moment {
    /// Something else is waited for as well.
    fn and(self, at: Duration, node: usize, grade: Grade) -> Self {
        if at > self.at { Self { at, because: Some((node, grade)) } } else { self }
    }

    fn plus(self, takes: Duration) -> Self {
        Self { at: self.at + takes, ..self }
    }
}

/// When a node is where.
struct Moments {
    start: Moment,
    made: Moment,
    ready: Moment,
}

impl Moments {
    fn of(&self, grade: Grade) -> Moment {
        match grade {
            Grade::Made => self.made,
            Grade::Ready => self.ready,
        }
    }
}

/// Forecasts a deploy that carries out this plan.
pub fn forecast(graph: &Graph, plan: &Plan) -> Forecast {
    let tasks = plan.nodes.iter().map(|planned| Task::from(&planned.verdict));
    predict(&parts(graph, tasks))
}

/// Forecasts a deploy where there is nothing yet.
pub fn from_nothing(graph: &Graph) -> Forecast {
    predict(&parts(graph, std::iter::repeat(Task::Make)))
}

/// What each node of a graph waits for: its edges, and what AWS waits for by itself.
pub fn links(graph: &Graph) -> Links {
    let parts = parts(graph, std::iter::repeat(Task::Make));
    let on_instances = on_instances(&parts);
    let links = |part: &Part| {
        let steps = steps(part.kind, part.task, on_instances);
        let from = |step: usize| steps[step..].iter().map(|step| step.takes).sum::<Duration>();
        let mut links = Vec::new();
        for edge in &part.edges {
            let to = parts[edge.to].name.clone();
            links.push(Link { to, grade: edge.grade, after: from(0) });
        }
        for (index, step) in steps.iter().enumerate() {
            for (kind, grade, later) in step.after {
                for other in parts.iter().filter(|other| other.kind == *kind) {
                    let after = *later + from(index);
                    links.push(Link { to: other.name.clone(), grade: *grade, after });
                }
            }
        }
        (part.name.clone(), links)
    };
    parts.iter().map(links).collect()
}

fn parts(graph: &Graph, tasks: impl Iterator<Item = Task>) -> Vec<Part> {
    let part = |(node, task): (&Box<dyn Node>, Task)| Part {
        name: node.name().clone(),
        kind: node.kind(),
        edges: node.edges(),
        task,
    };
    graph.nodes().iter().zip(tasks).map(part).collect()
}

fn on_instances(parts: &[Part]) -> bool {
    parts.iter().any(|part| part.kind == Kind::WarmStart)
}

fn predict(parts: &[Part]) -> Forecast {
    let on_instances = on_instances(parts);
    let mut all: Vec<Moments> = Vec::new();
    for part in parts {
        let mut start = Moment::default();
        for Edge { to, grade, carries } in &part.edges {
            let mut at = all[*to].of(*grade).at;
            let is_new = matches!(parts[*to].task, Task::Make | Task::Remake);
            if *carries && is_new && parts[*to].kind.about().has_id_of_ec2 {
                at = at.max(all[*to].made.at + VISIBLE);
            }
            start = start.and(at, *to, *grade);
        }
        let mut made = None;
        let mut ready = start;
        for step in steps(part.kind, part.task, on_instances) {
            for (kind, grade, later) in step.after {
                // What was there before holds nobody up.
                let waits = |other: &Part| other.kind == *kind && other.task != Task::Nothing;
                for (other, moments) in all.iter().enumerate() {
                    if waits(&parts[other]) {
                        ready = ready.and(moments.of(*grade).at + *later, other, *grade);
                    }
                }
            }
            ready = ready.plus(step.takes);
            made.get_or_insert(ready);
        }
        all.push(Moments { start, made: made.unwrap_or(start), ready });
    }

    let mut critical = Vec::new();
    let last = (0..all.len()).filter(|index| parts[*index].task != Task::Nothing);
    // The first of those that end together: the others did not need to be any faster.
    let last = last.rev().max_by_key(|index| all[*index].ready.at);
    let mut next = last.map(|index| (index, Grade::Ready));
    while let Some((index, grade)) = next {
        if parts[index].task != Task::Nothing {
            critical.insert(0, parts[index].name.clone());
        }
        next = all[index].of(grade).because;
    }
    let expected = |(part, moments): (&Part, &Moments)| Expected {
        node: part.name.clone(),
        start: moments.start.at,
        made: moments.made.at,
        ready: moments.ready.at,
    };
    Forecast {
        duration: last.map(|index| all[index].ready.at).unwrap_or_default(),
        critical,
        nodes: parts.iter().zip(&all).map(expected).collect(),
    }
}

impl Forecast {
    /// The forecast in one line; `None` when nothing is going to happen.
    pub fn line(&self) -> Option<String> {
        let chain: Vec<_> = self.critical.iter().map(NodeName::as_str).collect();
        let about = duration(roughly(self.duration));
        (!chain.is_empty()).then(|| format!("should take about {about}: {}", chain.join(" → ")))
    }
}

/// To the next five seconds: more would look more certain than it is.
fn roughly(exactly: Duration) -> Duration {
    let fives = exactly.as_millis().div_ceil(5000);
    Duration::from_secs(5 * u64::try_from(fives).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, kind: Kind, task: Task, edges: &[(usize, Grade)]) -> Part {
        let edge = |(to, grade): &(usize, Grade)| Edge { to: *to, grade: *grade, carries: true };
        Part { name: name.into(), kind, edges: edges.iter().map(edge).collect(), task }
    }

    /// A stack in small. The load balancer stands before what the service waits for by itself.
    fn stack(task: Task) -> Vec<Part> {
        use Grade::{Made, Ready};
        vec![
            part("vpc", Kind::Vpc, task, &[]),
            part("gateway", Kind::InternetGateway, task, &[(0, Made)]),
            part("nat", Kind::NatGateway, task, &[(1, Ready)]),
            part("balancer", Kind::LoadBalancer, task, &[(1, Ready)]),
            part("profile", Kind::InstanceProfile, task, &[]),
            part("group", Kind::AutoScalingGroup, task, &[]),
            part("warm", Kind::WarmStart, task, &[(5, Ready)]),
            part("service", Kind::Service, task, &[(5, Ready)]),
        ]
    }

    fn names(forecast: &Forecast) -> Vec<&str> {
        forecast.critical.iter().map(NodeName::as_str).collect()
    }

    fn ready(forecast: &Forecast, node: &str) -> Duration {
        forecast.nodes.iter().find(|it| it.node.as_str() == node).unwrap().ready
    }

    #[test]
    fn targets_wait_for_their_load_balancer() {
        let mut parts = stack(Task::Make);
        parts[2].task = Task::Nothing;
        let forecast = predict(&parts);
        assert_eq!(names(&forecast), ["vpc", "gateway", "balancer", "service"]);
        assert_eq!(forecast.duration, ready(&forecast, "balancer") + HEALTHY);
    }

    #[test]
    fn tasks_wait_for_instances_and_their_way_out() {
        let mut parts = stack(Task::Make);
        parts[3].task = Task::Nothing;
        let forecast = predict(&parts);
        assert_eq!(names(&forecast), ["vpc", "gateway", "nat", "service"]);
        assert_eq!(forecast.duration, ready(&forecast, "nat") + AGENT_RETRY + TASK + HEALTHY);
        parts[2].task = Task::Nothing;
        let forecast = predict(&parts);
        assert_eq!(names(&forecast), ["profile", "group", "warm", "service"]);
        let warm = ready(&forecast, "profile") + PROFILE_VISIBLE + CALL * 2;
        assert_eq!(forecast.duration, warm + BOOT + TASK + HEALTHY);
    }

    #[test]
    fn on_fargate_nothing_boots() {
        let mut parts = stack(Task::Make);
        parts.remove(6);
        parts[3].task = Task::Nothing;
        // Nor does an agent: what the tasks need is an edge there.
        assert_eq!(names(&predict(&parts)), ["vpc", "gateway", "nat"]);
    }

    #[test]
    fn a_change_takes_what_it_rolls_out() {
        let mut parts = stack(Task::Nothing);
        assert_eq!(predict(&parts).duration, Duration::ZERO);
        assert_eq!(predict(&parts).line(), None);
        parts[7].task = Task::Change;
        assert_eq!(predict(&parts).line().unwrap(), "should take about 40s: service");
        parts[0].task = Task::Change;
        parts[7].edges.push(Edge { to: 0, grade: Grade::Ready, carries: true });
        assert_eq!(predict(&parts).line().unwrap(), "should take about 40s: vpc → service");
        parts[2].task = Task::Remake;
        assert_eq!(predict(&parts).line().unwrap(), "should take about 4m05s: vpc → nat → service");
    }

    #[test]
    fn what_is_kept_passes_waits_on() {
        let mut parts = stack(Task::Nothing);
        parts[1].task = Task::Make;
        parts[7] = part("service", Kind::Service, Task::Change, &[(2, Grade::Ready)]);
        assert_eq!(names(&predict(&parts)), ["gateway", "service"]);
    }

    #[test]
    fn a_thing_is_ready_when_it_is_looked_at() {
        let seconds = |kind, takes| seen(kind, Duration::from_secs(takes)).as_secs();
        assert_eq!(seconds(Kind::NatGateway, 20), 60);
        assert_eq!(seconds(Kind::NatGateway, 61), 65);
        assert_eq!(seconds(Kind::CapacityProviderAssociation, 12), 15);
    }

    #[test]
    fn a_forecast_is_no_more_exact_than_it_is() {
        let read = |millis| duration(roughly(Duration::from_millis(millis)));
        assert_eq!([read(150), read(5000), read(163_200)], ["5s", "5s", "2m45s"]);
    }
}
