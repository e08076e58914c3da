//! The lock against parameters in memory, through the real SDK and in virtual time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures::future::{join, join_all};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::aws::{Aws, Labels};
use crate::names::Names;

/// Parameters in memory.
#[derive(Clone)]
struct Store(Arc<Mutex<State>>);

/// What a parameter was from a moment on: version and value, or gone.
type Was = (Instant, Option<(i64, String)>);

struct State {
    began: Instant,
    /// What each one was.
    history: BTreeMap<String, Vec<Was>>,
    /// By how much listings are behind.
    lag: Duration,
    /// How many writes from now on happen, and their answers are lost.
    lost: usize,
    /// An operation that never answers.
    stuck: Option<&'static str>,
    /// Whose writes go wrong, and how.
    unheard: Option<(String, Weather)>,
    writes: usize,
}

/// What befalls writes.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    /// They are refused, and may be tried again.
    Refused,
    /// They never arrive, and no answer comes.
    Swallowed,
    /// They arrive, and no answer comes.
    Unanswered,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl State {
    fn at(&self, name: &str, moment: Instant) -> Option<(Instant, i64, String)> {
        let history = self.history.get(name)?;
        let (since, now) = history.iter().rev().find(|(since, _)| *since <= moment)?;
        now.as_ref().map(|(version, value)| (*since, *version, value.clone()))
    }

    fn set(&mut self, name: &str, now: Option<(i64, String)>) {
        self.history.entry(name.to_owned()).or_default().push((Instant::now(), now));
    }

    fn shown(&self, name: &str, moment: Instant) -> Option<Value> {
        let (since, version, value) = self.at(name, moment)?;
        let written = 1_700_000_000.0 + (since - self.began).as_secs_f64();
        Some(json!({"Name": name, "Value": value, "Version": version, "LastModifiedDate": written}))
    }

    fn answer(&mut self, operation: &str, input: &Value) -> Result<Value, &'static str> {
        let (now, name) = (Instant::now(), input["Name"].as_str().unwrap_or_default().to_owned());
        match operation {
            "GetParametersByPath" => {
                let moment = now.checked_sub(self.lag).unwrap();
                let below = format!("{}/", input["Path"].as_str().unwrap());
                let names = self.history.keys().filter(|name| name.starts_with(&below));
                let shown: Vec<_> = names.filter_map(|name| self.shown(name, moment)).collect();
                Ok(json!({"Parameters": shown}))
            }
            "GetParameter" => match self.shown(&name, now) {
                Some(parameter) => Ok(json!({"Parameter": parameter})),
                None => Err("ParameterNotFound"),
            },
            "PutParameter" => {
                self.writes += 1;
                let is = self.at(&name, now);
                if is.is_some() && input["Overwrite"] != json!(true) {
                    return Err("ParameterAlreadyExists");
                }
                let version = is.map_or(1, |(_, version, _)| version + 1);
                let value = input["Value"].as_str().unwrap().to_owned();
                self.set(&name, Some((version, value)));
                Ok(json!({"Version": version}))
            }
            "DeleteParameters" => {
                for name in input["Names"].as_array().unwrap() {
                    self.set(name.as_str().unwrap(), None);
                }
                Ok(json!({}))
            }
            other => panic!("{other}"),
        }
    }
}

impl HttpConnector for Store {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.strip_prefix("AmazonSSM.").unwrap().to_owned();
        let input = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let store = self.clone();
        HttpConnectorFuture::new(async move {
            sleep(Duration::from_millis(20)).await;
            let weather = store.weather(&input);
            let is_stuck = store.0.lock().unwrap().stuck == Some(operation.as_str());
            if is_stuck || weather == Some(Weather::Swallowed) {
                std::future::pending::<()>().await;
            }
            let (answer, is_lost) = {
                let mut state = store.0.lock().unwrap();
                let answer = match weather {
                    Some(Weather::Refused) => Err("ThrottlingException"),
                    _ => state.answer(&operation, &input),
                };
                let is_lost = operation == "PutParameter" && state.lost > 0;
                state.lost -= usize::from(is_lost);
                (answer, is_lost)
            };
            if weather == Some(Weather::Unanswered) {
                std::future::pending::<()>().await;
            }
            if is_lost {
                return Err(ConnectorError::io("the connection broke".into()));
            }
            sleep(Duration::from_millis(20)).await;
            let (status, body) = match answer {
                Ok(body) => (200, body),
                Err(code) => (400, json!({"__type": code, "message": "no"})),
            };
            let body = SdkBody::from(body.to_string());
            Ok(HttpResponse::new(status.try_into().unwrap(), body))
        })
    }
}

impl HttpClient for Store {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Store {
    async fn new() -> Self {
        // A listing may look back to before the first call.
        sleep(Duration::from_mins(1)).await;
        let (began, history) = (Instant::now(), BTreeMap::new());
        Self(Arc::new(Mutex::new(State {
            began,
            history,
            lag: Duration::ZERO,
            lost: 0,
            stuck: None,
            unheard: None,
            writes: 0,
        })))
    }

    fn lock(&self, who: &str) -> Lock {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(self.clone())
            .build();
        let names = Names::new("demo".parse().unwrap(), "eu-west-1");
        let labels = Labels { pattern: String::new(), user: BTreeMap::new() };
        Lock::new(&Cx { aws: Aws::new(&config, None), names, labels }, who, "deploy")
    }

    /// What befalls a call: it is a write of somebody who is not heard.
    fn weather(&self, input: &Value) -> Option<Weather> {
        let state = self.0.lock().unwrap();
        let (who, weather) = state.unheard.as_ref()?;
        let value = input["Value"].as_str()?;
        value.contains(&format!("\"holder\":\"{who} ")).then_some(*weather)
    }

    /// The epochs that are there.
    fn epochs(&self) -> Vec<u64> {
        let state = self.0.lock().unwrap();
        let names = state.history.keys().filter(|name| state.at(name, Instant::now()).is_some());
        names.map(|name| name.rsplit('/').next().unwrap().parse().unwrap()).collect()
    }

    fn set(&self, with: impl FnOnce(&mut State)) {
        with(&mut self.0.lock().unwrap());
    }
}

/// Tries to take it, having looked for as long.
async fn try_take(lock: &Lock, wait_for_live: bool, looked: u64) -> Taking {
    let looked = Instant::now().checked_sub(seconds(looked)).unwrap();
    let terms = Terms { wait_for_live, looked, stop: &Stop::default(), tell: &|_| {} };
    lock.take(&terms).await.unwrap()
}

async fn take(lock: &Lock) -> Taken {
    match try_take(lock, true, 0).await {
        Taking::Taken(taken) => *taken,
        other => panic!("{other:?}"),
    }
}

/// Works for some seconds; returns whether it was asked to stop.
async fn work(held: &Held, time: u64) -> bool {
    let stop = Stop::default();
    let _given_up = held.keep(&stop, stop.sleep(seconds(time))).await;
    stop.is_asked()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_another_run_made_last_is_waited_for_and_looked_at() {
    let pause = |released, hides, looked| {
        pause(seconds(released), seconds(hides), seconds(looked)).map(|pause| pause.as_secs())
    };
    assert_eq!(pause(100, 15, 3), None, "long ago");
    assert_eq!(pause(4, 15, 3), Some(12), "AWS may still hide something");
    assert_eq!(pause(17, 15, 3), Some(0), "not any more, but it did when we looked");
    assert_eq!(pause(2, 0, 3), Some(0), "released after we looked");
    assert_eq!(pause(5, 0, 3), None, "at rest long before it was released");
}

#[tokio::test(start_paused = true)]
async fn a_released_lock_says_what_may_have_changed() {
    let store = Store::new().await;
    let first = take(&store.lock("ann")).await;
    assert_eq!(first.look_again, None);
    assert!(!work(&first.held, 65).await);
    first.held.release(seconds(15)).await.unwrap();
    let pause = take(&store.lock("bob")).await;
    assert!(pause.look_again.is_some_and(|pause| pause > seconds(15)), "{:?}", pause.look_again);
    pause.held.release(Duration::ZERO).await.unwrap();
    sleep(seconds(20)).await;
    let third = take(&store.lock("ann")).await;
    assert_eq!(third.look_again, None);
    work(&third.held, 11).await;
    assert_eq!(store.epochs(), [3], "what is of the past is removed");
    third.held.remove().await.unwrap();
    assert!(store.epochs().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_alive_is_left_alone() {
    let store = Store::new().await;
    let first = take(&store.lock("ann")).await;
    let began = Instant::now();
    let other = store.lock("bob");
    let second = async {
        match try_take(&other, false, 0).await {
            Taking::HeldBy(seen) => assert!(seen.holder().starts_with("ann"), "{}", seen.holder()),
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() <= BEAT + LOOK + seconds(1), "{:?}", began.elapsed());
        take(&other).await
    };
    let first = async {
        assert!(!work(&first.held, 120).await);
        first.held.release(Duration::ZERO).await.unwrap();
    };
    let ((), second) = join(first, second).await;
    assert!(began.elapsed() >= seconds(120));
    assert!(second.look_again.is_some(), "what was seen before the wait is old");
}

#[tokio::test(start_paused = true)]
async fn of_those_who_wait_for_the_dead_one_takes_over() {
    let store = Store::new().await;
    drop(take(&store.lock("ann")).await);
    let began = Instant::now();
    let locks = ["bob", "cid", "dan"].map(|who| store.lock(who));
    let attempts = locks.iter().map(async |lock| match try_take(lock, false, 0).await {
        Taking::Taken(taken) => {
            assert!(began.elapsed() >= PROPAGATION && began.elapsed() < DEAD + seconds(10));
            assert!(taken.look_again.is_some());
            assert!(!work(&taken.held, 60).await);
            true
        }
        Taking::HeldBy(_) => false,
        Taking::Stopped => panic!("nobody asked"),
    });
    let taken = join_all(attempts).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
    assert_eq!(store.epochs(), [2]);
}

#[tokio::test(start_paused = true)]
async fn who_returns_from_the_dead_stops() {
    let store = Store::new().await;
    let first = take(&store.lock("ann")).await.held;
    let second = take(&store.lock("bob")).await.held;
    // Before and after its parameter is removed.
    // Its own clock tells it before AWS does.
    let soon = async { assert!(work(&first, 60).await && first.is_unheard()) };
    let ((), stopped) = join(soon, work(&second, 40)).await;
    assert!(!stopped, "the one who took over goes on");
    first.release(Duration::ZERO).await.unwrap();
    assert!(first.is_superseded());
    assert_eq!(store.epochs(), [2], "the superseded one leaves no trace");

    let late = Held::new(store.lock("ann"), 1, Instant::now(), Vec::new());
    assert!(work(&late, 60).await && late.is_superseded());
    assert_eq!(store.epochs(), [2]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_no_stranger() {
    let store = Store::new().await;
    store.set(|state| state.lost = 1);
    let taken = take(&store.lock("ann")).await;
    assert_eq!(taken.held.epoch(), 1);
    store.set(|state| state.lost = 2);
    assert!(!work(&taken.held, 60).await);
    store.set(|state| state.lost = 1);
    taken.held.release(Duration::ZERO).await.unwrap();
    assert!(!taken.held.is_superseded());
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_is_cheap() {
    let store = Store::new().await;
    let taken = take(&store.lock("ann")).await;
    work(&taken.held, 300).await;
    let writes = store.0.lock().unwrap().writes;
    assert!(writes <= 31, "{writes}");
}

#[tokio::test(start_paused = true)]
async fn unlocking_stops_a_run_and_waits_for_what_it_made() {
    let store = Store::new().await;
    let first = take(&store.lock("ann")).await.held;
    let other = store.lock("bob");
    let unlock = async {
        sleep(seconds(33)).await;
        let seen = other.look().await.unwrap().unwrap();
        assert!(other.unlock(&seen).await.unwrap());
        let unlocked = Instant::now();
        let taken = take(&other).await;
        (unlocked, taken)
    };
    let began = Instant::now();
    let first = async {
        assert!(work(&first, 300).await);
        began.elapsed()
    };
    let (stopped, (unlocked, taken)) = join(first, unlock).await;
    let quiet = unlocked + taken.look_again.unwrap();
    assert!(began + stopped + PROPAGATION <= quiet, "all it made can be seen");
    assert!(stopped < seconds(33) + BEAT + seconds(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_the_stack_outlives_every_holder() {
    let store = Store::new().await;
    let first = take(&store.lock("ann").making(100, Expiry::At(4000))).await.held;
    first.release(Duration::ZERO).await.unwrap();
    // One that dies, one that takes over, and one whose lock is taken away.
    assert_eq!(
        take(&store.lock("bob").making(200, Expiry::Stays)).await.held.expires(),
        Some(4000)
    );
    assert_eq!(take(&store.lock("cid")).await.held.expires(), Some(4000));
    let other = store.lock("dan");
    let seen = other.look().await.unwrap().unwrap();
    assert!(other.unlock(&seen).await.unwrap());
    let seen = other.look().await.unwrap().unwrap();
    assert_eq!((seen.is_held(), seen.made(), seen.expires()), (false, Some(100), Some(4000)));
    let last = take(&store.lock("eve").making(300, Expiry::Never)).await.held;
    last.release(Duration::ZERO).await.unwrap();
    let seen = other.look().await.unwrap().unwrap();
    assert_eq!((seen.made(), seen.expires()), (Some(100), None));
}

#[tokio::test(start_paused = true)]
async fn no_two_work_at_once_whatever_listings_show() {
    for seed in 0..20 {
        fastrand::seed(seed);
        let store = Store::new().await;
        store.set(|state| state.lag = seconds(2));
        let (working, most, turns) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let run = async |number: u64| {
            sleep(Duration::from_millis(number * fastrand::u64(0..3000))).await;
            let held = take(&store.lock(&number.to_string())).await.held;
            working.set(working.get() + 1);
            most.set(most.get().max(working.get()));
            turns.set(turns.get() + 1);
            assert!(!work(&held, fastrand::u64(0..30)).await, "seed {seed}");
            working.set(working.get() - 1);
            match fastrand::u8(0..3) {
                0 => held.release(Duration::ZERO).await.unwrap(),
                1 => held.remove().await.unwrap(),
                // It crashes.
                _ => {}
            }
        };
        join_all((0..6).map(run)).await;
        assert_eq!((most.get(), turns.get()), (1, 6), "seed {seed}");
    }
}

/// Signs of life are refused, swallowed, or unanswered: their sender stops in time, however its work
/// behaves.
#[tokio::test(start_paused = true)]
async fn who_is_not_heard_stops_before_it_counts_as_dead() {
    for weather in [Weather::Refused, Weather::Swallowed, Weather::Unanswered] {
        let store = Store::new().await;
        let held = take(&store.lock("ann")).await.held;
        store.set(|state| state.unheard = Some(("ann".to_owned(), weather)));
        let (stop, began) = (Stop::default(), Instant::now());
        // It does not listen.
        assert_eq!(held.keep(&stop, sleep(seconds(60))).await, None);
        assert!(stop.is_asked() && held.is_unheard());
        assert!(began.elapsed() + seconds(2) < DEAD, "{:?}", began.elapsed());
        // A sign that is late is no reason to stop.
        store.set(|state| state.unheard = None);
        let held = take(&store.lock("bob")).await.held;
        let storm = async {
            sleep(seconds(9)).await;
            store.set(|state| state.unheard = Some(("bob".to_owned(), weather)));
            sleep(seconds(5)).await;
            store.set(|state| state.unheard = None);
        };
        let (stopped, ()) = join(work(&held, 40), storm).await;
        assert!(!stopped, "one sign of life may be lost");
    }
}

/// Whoever takes over does not begin before the other one is sure to learn of it.
#[tokio::test(start_paused = true)]
async fn who_cannot_mark_the_other_one_does_not_begin() {
    let store = Store::new().await;
    drop(take(&store.lock("ann")).await);
    let bob = store.lock("bob");
    let terms = Terms {
        wait_for_live: true,
        looked: Instant::now(),
        stop: &Stop::default(),
        tell: &|_| {},
    };
    let storm = async {
        // Until it has claimed the next epoch.
        while store.epochs() == [1] {
            sleep(Duration::from_millis(10)).await;
        }
        store.set(|state| state.unheard = Some(("bob".to_owned(), Weather::Refused)));
    };
    let (taken, ()) = join(bob.take(&terms), storm).await;
    taken.unwrap_err();
    store.set(|state| state.unheard = None);
    take(&store.lock("cid")).await;
}

/// Signs of life go on while what is of the past cannot be removed.
#[tokio::test(start_paused = true)]
async fn tidying_up_keeps_nobody_from_being_heard() {
    let store = Store::new().await;
    take(&store.lock("ann")).await.held.release(Duration::ZERO).await.unwrap();
    store.set(|state| state.stuck = Some("DeleteParameters"));
    let held = take(&store.lock("bob")).await.held;
    let before = store.0.lock().unwrap().writes;
    assert!(!work(&held, 95).await);
    let writes = store.0.lock().unwrap().writes - before;
    assert!(writes >= 9, "{writes}");
}

#[tokio::test(start_paused = true)]
async fn no_two_work_at_once_whoever_is_not_heard() {
    for seed in 0..40 {
        fastrand::seed(seed);
        let store = Store::new().await;
        store.set(|state| state.lag = seconds(fastrand::u64(0..4)));
        let (working, most, turns) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let run = async |number: u64| {
            sleep(Duration::from_millis(number * fastrand::u64(0..3000))).await;
            let lock = store.lock(&number.to_string());
            let held = loop {
                let (looked, stop) = (Instant::now(), Stop::default());
                let terms = Terms { wait_for_live: true, looked, stop: &stop, tell: &|_| {} };
                if let Ok(Taking::Taken(taken)) = lock.take(&terms).await {
                    break taken.held;
                }
            };
            working.set(working.get() + 1);
            most.set(most.get().max(working.get()));
            turns.set(turns.get() + 1);
            let stop = Stop::default();
            let work = async {
                stop.sleep(seconds(fastrand::u64(0..60))).await;
                // Calls in flight.
                sleep(seconds(fastrand::u64(0..12))).await;
            };
            let _given_up = held.keep(&stop, work).await;
            working.set(working.get() - 1);
            if fastrand::u8(0..3) > 0 {
                let _unheard = held.release(Duration::ZERO).await;
            }
        };
        let storms = async {
            for _ in 0..12 {
                sleep(seconds(fastrand::u64(1..30))).await;
                let kinds = [Weather::Refused, Weather::Swallowed, Weather::Unanswered];
                let (who, how) = (fastrand::u64(0..4), kinds[fastrand::usize(0..3)]);
                store.set(|state| state.unheard = Some((who.to_string(), how)));
                sleep(seconds(fastrand::u64(5..50))).await;
                store.set(|state| state.unheard = None);
            }
        };
        join(join_all((0..4).map(run)), storms).await;
        assert_eq!((most.get(), turns.get()), (1, 4), "seed {seed}");
    }
}
