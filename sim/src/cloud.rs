//! The cloud as callers reach it: a connector for the SDK, and a door for requests that came over a
//! socket.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::buckets::Buckets;
use crate::faults::{self, Fault, Faults};
use crate::policy::Policy;
use crate::policy::view::View;
use crate::refusal::{Answer, Refusal};
use crate::scenario::Scenario;
use crate::services;
use crate::wire::{self, Addressee, Request, Response};
use crate::world::World;

mod connector;
#[cfg(test)]
mod tests;

/// Half of what a call takes on its way, in seconds: from here to AWS or back.
const LATENCY: (f64, f64) = (0.02, 0.12);

/// A simulated AWS account. Clones are the same one.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Mutex<Inner>>,
    crashed: Arc<Notify>,
}

struct Inner {
    clock: Clock,
    world: World,
    faults: Faults,
    /// The number of the first call that the faults apply to.
    faults_from: usize,
    buckets: Buckets,
    actions: BTreeSet<String>,
    /// How many calls there were.
    count: usize,
    /// Whether they and the defects are kept.
    records: bool,
    calls: Vec<Record>,
    defects: Vec<String>,
    tokens: BTreeMap<String, (Value, Value)>,
}

impl Inner {
    /// Adds to the record of a call, if there is one.
    fn noted(&mut self, number: usize, add: impl FnOnce(&mut Record)) {
        if let Some(record) = self.calls.get_mut(number) {
            add(record);
        }
    }

    /// A refusal that AWS would not give is a defect.
    fn notice(&mut self, refusal: &Refusal) {
        if refusal.is_lack() {
            self.add_defects([refusal.to_string()]);
        }
    }

    fn add_defects(&mut self, defects: impl IntoIterator<Item = String>) {
        for defect in defects {
            tracing::debug!(defect, "the simulator is wrong");
            if self.records {
                self.defects.push(defect);
            }
        }
    }
}

/// How the runtime's time becomes the world's.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// The world's time at a moment of the runtime's.
    from: (Duration, Instant),
    /// Simulated seconds in one of the runtime's.
    speed: f64,
}

impl Clock {
    fn now(self) -> Duration {
        let (from, at) = self.from;
        from + at.elapsed().mul_f64(self.speed)
    }
}

/// One call, as it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When it was sent, since the world began.
    pub at: Duration,
    /// The region.
    pub region: String,
    /// The service, as IAM names it.
    pub service: &'static str,
    /// The operation.
    pub operation: String,
    /// What it asked.
    pub input: Value,
    /// AWS's code, when it refused; the fault, when something went wrong on the way.
    pub refused: Option<String>,
    /// What AWS answered, when the answer arrived.
    pub answer: Option<Value>,
}

impl Record {
    /// Whether the operation changes something.
    pub fn changes(&self) -> bool {
        services::named(self.service).is_none_or(|service| !service.is_look(&self.operation))
    }
}

/// Why no answer came.
#[derive(Debug)]
enum NoAnswer {
    /// The connection broke.
    Reset,
    /// The caller is dead.
    Dead,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").finish_non_exhaustive()
    }
}

impl Cloud {
    /// Makes an empty account. Call it inside a runtime, whose clock is the cloud's.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        let inner = Inner {
            clock: Clock { from: (Duration::ZERO, Instant::now()), speed: 1.0 },
            buckets: Buckets::new(scenario.throttle),
            world: World::new(seed, scenario),
            faults: Faults::default(),
            actions: BTreeSet::new(),
            faults_from: 0,
            count: 0,
            records: true,
            calls: Vec::new(),
            defects: Vec::new(),
            tokens: BTreeMap::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), crashed: Arc::default() }
    }

    /// From now on, this many simulated seconds pass in one of the runtime's.
    pub fn set_speed(&self, speed: f64) {
        let mut inner = self.lock();
        inner.clock = Clock { from: (inner.clock.now(), Instant::now()), speed };
    }

    /// Since the world began.
    pub fn now(&self) -> Duration {
        self.lock().clock.now()
    }

    /// What time it is in the world, in seconds since 1970.
    pub fn date(&self) -> u64 {
        crate::world::EPOCH + self.now().as_secs()
    }

    /// Lets things go wrong from the next call on, whose number is 0.
    pub fn set_faults(&self, faults: Faults) {
        let mut inner = self.lock();
        inner.faults_from = inner.count;
        inner.faults = faults;
    }

    /// What goes wrong.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// Lets the caller do only what a policy allows, from now on.
    pub fn set_policy(&self, policy: Policy) {
        self.lock().world.policy = Some(policy);
    }

    /// The IAM actions that calls took, their dependent ones included, since there is a policy.
    pub fn actions(&self) -> BTreeSet<String> {
        self.lock().actions.clone()
    }

    /// Ends when the caller has died, as the faults say.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Looks at the world as it is now, or changes it behind everybody's back.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let now = self.now();
        let mut inner = self.lock();
        inner.world.advance(now);
        look(&mut inner.world)
    }

    /// From now on no call is kept, and what was kept goes: whoever serves others for days looks at none.
    pub fn stop_recording(&self) {
        let mut inner = self.lock();
        inner.records = false;
        (inner.calls, inner.defects) = (Vec::new(), Vec::new());
    }

    /// Every call so far, unless they are not recorded.
    pub fn calls(&self) -> Vec<Record> {
        self.calls_since(0)
    }

    /// Every call from this one on; the first has number 0.
    pub fn calls_since(&self, number: usize) -> Vec<Record> {
        self.lock().calls.get(number..).unwrap_or_default().to_vec()
    }

    /// How many calls there were so far.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// What the simulator did wrong: operations that it does not know, answers that do not fit their
    /// shape. There must be none.
    pub fn defects(&self) -> Vec<String> {
        self.lock().defects.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, seconds: f64) {
        let speed = self.lock().clock.speed;
        tokio::time::sleep(Duration::from_secs_f64(seconds / speed)).await;
    }

    /// Answers a request that came over a socket.
    pub async fn serve(&self, request: Request) -> Option<Response> {
        self.exchange(request).await.ok()
    }

    async fn exchange(&self, request: Request) -> Result<Response, NoAnswer> {
        let to = match wire::addressee(&request, services::ALL) {
            Ok(to) => to,
            Err(refusal) => return Ok(self.turn_away(&request, &refusal)),
        };
        let (operation, input) = wire::read(&to, &request);
        let (number, fault, there, back) = self.record(&to, &operation, input.as_ref());
        self.sleep(there).await;
        let early = match fault {
            Some(Fault::CrashBefore) => return self.die(number).await,
            Some(Fault::Reset) => {
                self.went_wrong(number, "Reset");
                return Err(NoAnswer::Reset);
            }
            Some(Fault::Throttle) => Some((to.service.refusals.throttled)()),
            Some(Fault::ServerError) => Some(server_error()),
            _ => None,
        };
        let answer = match early {
            Some(refusal) => Err(refusal),
            None => input.and_then(|input| self.answer(&to, &operation, &input)),
        };
        let answer = match fault {
            Some(Fault::CrashAfter) => return self.die(number).await,
            Some(Fault::Lost) => {
                self.went_wrong(number, "Lost");
                self.sleep(back).await;
                return Err(NoAnswer::Reset);
            }
            Some(Fault::Silent) => {
                self.went_wrong(number, "Silent");
                tokio::time::sleep(faults::SILENCE).await;
                return Err(NoAnswer::Reset);
            }
            Some(Fault::LateServerError) => Err(server_error()),
            _ => answer,
        };
        let (response, misfits) = wire::write(&to, &operation, &answer, &request_id(number));
        {
            let mut inner = self.lock();
            inner.add_defects(misfits);
            match answer {
                Ok(answer) => inner.noted(number, |record| record.answer = Some(answer)),
                Err(refusal) => {
                    inner.notice(&refusal);
                    inner.noted(number, |record| record.refused = Some(refusal.code));
                }
            }
        }
        self.sleep(back).await;
        Ok(response)
    }

    /// Notes a call down, and decides what goes wrong with it and how long it travels.
    fn record(
        &self,
        to: &Addressee,
        operation: &str,
        input: Result<&Value, &Refusal>,
    ) -> (usize, Option<Fault>, f64, f64) {
        let at = self.now();
        let mut inner = self.lock();
        let number = inner.count;
        inner.count += 1;
        if inner.records {
            inner.calls.push(Record {
                at,
                region: to.region.clone(),
                service: to.service.name,
                operation: operation.to_owned(),
                input: input.cloned().unwrap_or_default(),
                refused: None,
                answer: None,
            });
        }
        let dice = &inner.world.dice;
        let asked = input.unwrap_or(&Value::Null);
        let fault = inner.faults.at(number - inner.faults_from, dice, operation, asked);
        let travel =
            |way: &str| LATENCY.0 + (LATENCY.1 - LATENCY.0) * dice.roll(way, &number.to_string());
        (number, fault, travel("there"), travel("back"))
    }

    fn went_wrong(&self, number: usize, how: &str) {
        self.lock().noted(number, |record| record.refused = Some(how.to_owned()));
    }

    async fn die(&self, number: usize) -> Result<Response, NoAnswer> {
        self.went_wrong(number, "Crash");
        self.crashed.notify_one();
        std::future::pending::<()>().await;
        Err(NoAnswer::Dead)
    }

    /// Answers a request that names no service.
    pub(super) fn turn_away(&self, request: &Request, refusal: &Refusal) -> Response {
        let mut inner = self.lock();
        inner.notice(refusal);
        let to = wire::addressee(request, services::ALL).ok();
        wire::refuse(to.as_ref(), request, refusal, &request_id(inner.count))
    }

    /// Lets AWS answer.
    fn answer(&self, to: &Addressee, operation: &str, input: &Value) -> Answer {
        let now = self.now();
        let mut inner = self.lock();
        let inner = &mut *inner;
        let service = to.service;
        let looks = service.is_look(operation);
        let (name, bucket) = service.limits.bucket(&to.region, service.name, operation, looks);
        if !inner.buckets.take(name, bucket, now) {
            return Err((service.refusals.throttled)());
        }
        inner.world.advance(now);
        inner.world.enter(&to.region);
        if let Some(policy) = &inner.world.policy {
            let view = View::of(&inner.world);
            let required = services::required(&view, service.name, operation, input);
            inner.actions.extend(required.iter().map(|required| required.action.clone()));
            service.authorize(&inner.world, policy, &required)?;
        }
        let (key, rest) = token(to, operation, input);
        if let Some((asked, answered)) = key.as_ref().and_then(|key| inner.tokens.get(key)) {
            if *asked == rest {
                return Ok(answered.clone());
            }
            let message = "The client token was used before with other parameters";
            return Err(Refusal::new("IdempotentParameterMismatch", message));
        }
        inner.world.small_pages = inner.world.scenario.pages_of_one;
        let answer = service.answer(&mut inner.world, operation, input);
        inner.world.small_pages = false;
        let answer = answer?;
        if let Some(key) = key {
            inner.tokens.insert(key, (rest, answer.clone()));
        }
        Ok(answer)
    }
}

/// The token that makes a request safe to repeat, and the request without it.
fn token(to: &Addressee, operation: &str, input: &Value) -> (Option<String>, Value) {
    let mut rest = input.clone();
    let named = to.service.model.input(operation).into_iter().flat_map(|shape| &shape.members);
    let name = named.filter(|(_, member)| member.token).map(|(name, _)| name).next();
    let token = match (name, &mut rest) {
        (Some(name), Value::Object(members)) => members.remove(name),
        _ => None,
    };
    let token = token.as_ref().and_then(Value::as_str);
    let key = token.map(|token| format!("{} {} {operation} {token}", to.region, to.service.name));
    (key, rest)
}

fn server_error() -> Refusal {
    Refusal::new("InternalError", "An internal error has occurred").with_status(500)
}

fn request_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
