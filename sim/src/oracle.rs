//! How fast it could have been: an ideal client that makes the same changes, each at the moment at
//! which AWS takes it.
//!
//! The ideal client gets the changes that a run made, and nothing of the run's order. It plays them in
//! a new world of the same seed, whose delays are therefore the same. It knows what only the world
//! knows, the moment from which on a call is accepted, so it never waits too long and never looks in
//! vain. What is left is what AWS imposes: a call needs the ids that others return, AWS refuses what
//! comes too early, and the few orders of [`AFTER`], which AWS does not enforce and punishes.
//!
//! The result is the length of the critical path: no client can be faster with these changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::arn::ACCOUNT;
use crate::cloud::Record;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::scenario::Scenario;
use crate::services;
use crate::world::World;

/// How long a call takes from here to AWS, and how long back: the middle of what the cloud's calls take.
const HALF_A_CALL: Duration = Duration::from_millis(70);
/// How finely time is cut.
const STEP: Duration = Duration::from_millis(50);
/// When even an ideal client gives up, unless it is told: the calls cannot be played.
const NEVER: Duration = Duration::from_hours(6);

/// Changes that AWS takes too early and then spoils, and what must have happened before them.
const AFTER: &[(&str, Condition)] = &[
    // Else the gateway fails.
    ("CreateNatGateway", Condition::Done("AttachInternetGateway")),
    // Else the agent finds no cluster and exits for good, or registers without a provider.
    ("SetDesiredCapacity", Condition::Done("PutClusterCapacityProviders")),
    ("SetDesiredCapacity", Condition::ClusterActive),
    // Else tasks on Fargate fail to pull their image.
    ("CreateService", Condition::WayOutOnFargate),
    // Else agents cannot report that their tasks have stopped.
    ("DeleteNatGateway", Condition::NoService),
    ("DeleteRoute", Condition::NoService),
    ("DisassociateRouteTable", Condition::NoService),
    ("DetachRolePolicy", Condition::NoInstance),
    ("RemoveRoleFromInstanceProfile", Condition::NoInstance),
    // Else ECS cannot take its hook off the group; and a provider in use answers 200 and stays.
    ("DeleteAutoScalingGroup", Condition::Done("PutClusterCapacityProviders")),
    ("DeleteCapacityProvider", Condition::Detached),
    // Else the log group comes again.
    ("DeleteLogGroup", Condition::NoCluster),
];

/// What the world must be like.
#[derive(Debug, Clone, Copy)]
enum Condition {
    /// Every change by this operation among those to be played was made.
    Done(&'static str),
    ClusterActive,
    WayOutOnFargate,
    NoService,
    NoInstance,
    Detached,
    NoCluster,
}

/// The ideal client in its world.
#[derive(Debug)]
pub struct Ideal {
    world: World,
    now: Duration,
    /// What the run's ids are called here.
    names: BTreeMap<String, String>,
    services: BTreeSet<(String, String)>,
    /// How many NAT gateways there are to be: AWS does not show them at once.
    gateways: usize,
    /// After how long it gives up.
    patience: Duration,
}

/// A change that is still to be made.
struct Pending<'a> {
    call: &'a Record,
    /// Ids of the run that its input has, which others return.
    takes: Vec<String>,
    /// What AWS said last.
    refused: String,
}

impl Ideal {
    /// Starts in an empty world.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        Self {
            world: World::new(seed, scenario),
            now: Duration::ZERO,
            names: BTreeMap::new(),
            services: BTreeSet::new(),
            gateways: 0,
            patience: NEVER,
        }
    }

    /// Gives up after this long, to find out which changes do not lead there.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The world in which it plays.
    pub fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Makes the changes of a deploy, and waits until everything is ready. Returns how long it took.
    pub fn deploy(&mut self, calls: &[Record]) -> Result<Duration, String> {
        self.play(calls, Self::is_ready)
    }

    /// Makes the changes of a destroy, and waits until only `before` is left.
    pub fn destroy(
        &mut self,
        calls: &[Record],
        before: &BTreeSet<String>,
    ) -> Result<Duration, String> {
        self.play(calls, |ideal| ideal.world.ids().is_subset(before))
    }

    fn play(
        &mut self,
        calls: &[Record],
        is_over: impl Fn(&mut Self) -> bool,
    ) -> Result<Duration, String> {
        let began = self.now;
        // The lock is ours and not AWS's.
        let made = calls
            .iter()
            .filter(|call| call.changes() && call.answer.is_some() && call.service != "ssm");
        let mut pending = self.pending(made);
        self.gateways = pending.iter().filter(|it| it.call.operation == "CreateNatGateway").count();
        let mut answers: Vec<(Duration, &Record, Value)> = Vec::new();
        let operations: Vec<&str> = pending.iter().map(|it| it.call.operation.as_str()).collect();
        let operations: BTreeSet<String> = operations.into_iter().map(str::to_owned).collect();
        loop {
            self.world.advance(self.now);
            // What came back by now can be used.
            let (here, later): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|(at, ..)| *at <= self.now);
            answers = later;
            for (_, call, answer) in here {
                self.learn(call.answer.as_ref().unwrap_or(&Value::Null), &answer);
            }
            let open: BTreeSet<String> =
                pending.iter().map(|it| it.call.operation.clone()).collect();
            let mut left = Vec::new();
            for mut it in pending {
                let known = it.takes.iter().all(|id| self.names.contains_key(id));
                let operation = it.call.operation.as_str();
                let conditions = AFTER.iter().filter(|(name, _)| *name == operation);
                let may = conditions.into_iter().all(|(_, condition)| match condition {
                    Condition::Done(other) => {
                        !operations.contains(*other) || !open.contains(*other)
                    }
                    other => self.holds(*other, it.call),
                });
                if !known || !may {
                    left.push(it);
                    continue;
                }
                match self.make(it.call) {
                    Ok(answer) => answers.push((self.now + HALF_A_CALL * 2, it.call, answer)),
                    // It went with something else.
                    Err(refusal) if is_gone(&it.call.operation, &refusal) => {}
                    Err(refusal) => {
                        it.refused = refusal.to_string();
                        left.push(it);
                    }
                }
            }
            pending = left;
            if pending.is_empty() && answers.is_empty() && is_over(self) {
                return Ok((self.now + HALF_A_CALL).saturating_sub(began));
            }
            if self.now.saturating_sub(began) > self.patience {
                let stuck: Vec<_> = pending
                    .iter()
                    .map(|it| {
                        format!("{} {}: {}", it.call.operation, it.takes.join(" "), it.refused)
                    })
                    .collect();
                let there = self.world.ids();
                return Err(format!("the ideal client is stuck with {stuck:#?} among {there:?}"));
            }
            self.now += STEP;
        }
    }

    fn pending<'a>(&self, calls: impl Iterator<Item = &'a Record>) -> Vec<Pending<'a>> {
        let calls: Vec<_> = calls.collect();
        let mut returned: BTreeMap<String, usize> = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            let mut given = Vec::new();
            texts(&call.input, &mut given);
            let mut answered = Vec::new();
            texts(call.answer.as_ref().unwrap_or(&Value::Null), &mut answered);
            for text in answered.into_iter().filter(|text| is_id(text) && !given.contains(text)) {
                returned.entry(text.clone()).or_insert(index);
                for prefix in ["/hostedzone/", "/change/"] {
                    if let Some(bare) = text.strip_prefix(prefix) {
                        returned.entry(bare.to_owned()).or_insert(index);
                    }
                }
            }
        }
        let pending = calls.iter().enumerate().map(|(index, call)| {
            let mut given = Vec::new();
            texts(&call.input, &mut given);
            let earlier = returned.iter().filter(|(id, other)| {
                **other < index
                    && !self.names.contains_key(*id)
                    && given.iter().any(|text| text.contains(id.as_str()))
            });
            let takes = earlier.map(|(id, _)| id.clone());
            Pending { call, takes: takes.collect(), refused: String::new() }
        });
        pending.collect()
    }

    /// Makes a change, when AWS takes it. It arrives half a call after it was sent.
    fn make(&mut self, call: &Record) -> Answer {
        let input = self.translate(&call.input);
        self.world.advance(self.now + HALF_A_CALL);
        self.world.enter(&call.region);
        let answer = services::answer(&mut self.world, call.service, &call.operation, &input)?;
        if call.operation == "DeleteCapacityProvider" {
            let status = answer.part("capacityProvider").text("updateStatus").to_owned();
            if status == "DELETE_FAILED" {
                return Err(Refusal::new("DELETE_FAILED", "it is in use"));
            }
        }
        if call.operation == "CreateService" {
            let name = input.text("serviceName").to_owned();
            self.services.insert((input.text("cluster").to_owned(), name));
        }
        Ok(answer)
    }

    /// Learns what the ids of the run are called here.
    fn learn(&mut self, was: &Value, is: &Value) {
        match (was, is) {
            (Value::String(was), Value::String(is)) if is_id(was) => {
                for prefix in ["/hostedzone/", "/change/"] {
                    if let (Some(was), Some(is)) =
                        (was.strip_prefix(prefix), is.strip_prefix(prefix))
                    {
                        self.names.insert(was.to_owned(), is.to_owned());
                    }
                }
                self.names.insert(was.clone(), is.clone());
            }
            (Value::Array(was), Value::Array(is)) => {
                was.iter().zip(is).for_each(|(was, is)| self.learn(was, is));
            }
            (Value::Object(was), Value::Object(is)) => {
                for (name, was) in was {
                    if let Some(is) = is.get(name) {
                        self.learn(was, is);
                    }
                }
            }
            _ => {}
        }
    }

    fn translate(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.rename(text).into(),
            Value::Array(items) => items.iter().map(|item| self.translate(item)).collect(),
            Value::Object(members) => {
                let members = members.iter();
                members.map(|(name, value)| (name.clone(), self.translate(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// A text with this world's ids; some hold several, others have something around them.
    fn rename(&self, text: &str) -> String {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let inside = self.names.iter().filter(|(was, is)| was != is && text.contains(was.as_str()));
        inside.fold(text.to_owned(), |text, (was, is)| text.replace(was.as_str(), is))
    }

    fn ask(&mut self, service: &str, operation: &str, input: &Value) -> Answer {
        self.world.advance(self.now);
        services::answer(&mut self.world, service, operation, input)
    }

    fn holds(&mut self, condition: Condition, call: &Record) -> bool {
        self.world.enter(&call.region);
        match condition {
            Condition::Done(_) => true,
            Condition::WayOutOnFargate => {
                call.input.text("launchType") != "FARGATE" || self.all_gateways_are_available()
            }
            Condition::ClusterActive => self.clusters().iter().all(|status| status == "ACTIVE"),
            Condition::NoCluster => self.clusters().is_empty(),
            Condition::NoService => {
                let services = self.services.clone();
                services.iter().all(|(cluster, name)| {
                    let asked = json!({ "cluster": cluster, "services": [name] });
                    let answer = self.ask("ecs", "DescribeServices", &asked).unwrap_or_default();
                    let services = answer.list("services");
                    services.iter().all(|service| service.text("status") == "INACTIVE")
                })
            }
            Condition::NoInstance => {
                let answer = self.ask("ec2", "DescribeInstances", &json!({})).unwrap_or_default();
                let reservations = answer.list("Reservations").iter();
                reservations
                    .flat_map(|it| it.list("Instances").to_vec())
                    .all(|instance| instance.part("State").text("Name") == "terminated")
            }
            Condition::Detached => {
                let include = json!({ "include": ["ATTACHMENTS"] });
                let answer = self.ask("ecs", "ListClusters", &json!({})).unwrap_or_default();
                let asked = json!({ "clusters": answer.part("clusterArns"), "include": include["include"] });
                let answer = self.ask("ecs", "DescribeClusters", &asked).unwrap_or_default();
                answer.list("clusters").iter().all(|cluster| {
                    cluster.list("capacityProviders").is_empty()
                        && cluster.text("attachmentsStatus") != "UPDATE_IN_PROGRESS"
                })
            }
        }
    }

    fn clusters(&mut self) -> Vec<String> {
        let answer = self.ask("ecs", "ListClusters", &json!({})).unwrap_or_default();
        let asked = json!({ "clusters": answer.part("clusterArns") });
        let answer = self.ask("ecs", "DescribeClusters", &asked).unwrap_or_default();
        let clusters = answer.list("clusters").iter();
        let status = clusters.map(|cluster| cluster.text("status").to_owned());
        status.filter(|status| status != "INACTIVE").collect()
    }

    fn all_gateways_are_available(&mut self) -> bool {
        let answer = self.ask("ec2", "DescribeNatGateways", &json!({})).unwrap_or_default();
        let gateways = answer.list("NatGateways").iter();
        gateways.filter(|gateway| gateway.text("State") == "available").count() == self.gateways
    }

    fn is_ready(&mut self) -> bool {
        if !self.all_gateways_are_available() {
            return false;
        }
        let answer = self.ask("elasticloadbalancing", "DescribeLoadBalancers", &json!({}));
        let answer = answer.unwrap_or_default();
        let mut balancers = answer.list("LoadBalancers").iter();
        if !balancers.all(|balancer| balancer.part("State").text("Code") == "active") {
            return false;
        }
        self.services.clone().iter().all(|(cluster, name)| {
            let asked = json!({ "cluster": cluster, "services": [name] });
            let answer = self.ask("ecs", "DescribeServices", &asked).unwrap_or_default();
            let mut deployments =
                answer.list("services").iter().flat_map(|it| it.list("deployments"));
            deployments.all(|deployment| deployment.text("rolloutState") == "COMPLETED")
        })
    }
}

/// Whether something that is to be removed is not there any more.
fn is_gone(operation: &str, refusal: &Refusal) -> bool {
    let removes = ["Delete", "Detach", "Disassociate", "Release", "Remove", "Revoke"];
    removes.iter().any(|verb| operation.starts_with(verb)) && refusal.code.contains("NotFound")
}

/// Every text in a value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => members.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}

/// Whether a text may be an id or an ARN that AWS has made up.
fn is_id(text: &str) -> bool {
    text.len() >= 8
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.contains(char::is_whitespace)
        && text != ACCOUNT
}
