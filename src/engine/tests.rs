//! The engine against a small world in memory, in virtual time.
//!
//! The world has things with an id, a value and the ids of what they use. A [`Rule`] per node says
//! how long things take and what AWS answers; whatever the engine asks is written down with its
//! second.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use tokio::time::{Instant, sleep};

use super::event::{Event, What};
use super::graph::{Graph, Handle, MadeHandle, Needs};
use super::inventory::{self, AnyKind};
use super::plan::{Plan, plan_among};
use super::teardown::{Receipt, teardown_among};
use super::verdict::Verdict;
use super::walk::{Report, walk};
use super::{Failure, Run, Stop};
use crate::aws::error::{Cause, Error, Meaning};
use crate::aws::{Aws, Cx, Labels, Owner, Result, Scope, Tagging};
use crate::names::{Names, NodeName};
use crate::resource::{
    Acted, Action, Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, compare,
};

// ---- the world

thread_local! {
    static WORLD: RefCell<World> = const { RefCell::new(World::new()) };
}

struct World {
    began: Option<Instant>,
    rules: BTreeMap<String, Rule>,
    things: Vec<There>,
    /// What was asked, and in which second.
    asked: Vec<(u64, String)>,
    /// How long the next listings take; then none takes any time.
    listings: VecDeque<u64>,
    /// How long a poll takes, in milliseconds.
    poll: u64,
    /// When it was asked who has a name.
    holders: Vec<u64>,
    born: usize,
}

/// How AWS treats a node.
#[derive(Clone, Default)]
struct Rule {
    /// Seconds until a create answers, what it made is visible, is ready, and is gone once deleted.
    answers_after: u64,
    visible_after: u64,
    ready_after: u64,
    gone_after: u64,
    /// How many break instead of getting ready.
    breaks: usize,
    /// What AWS says to the next calls instead of just doing it.
    answers: VecDeque<Answer>,
    /// What AWS says to all calls.
    always: Option<Answer>,
    holder: Option<&'static str>,
    blocker: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    NotYet,
    Throttled,
    /// The answer is lost, and nothing was done.
    Lost,
    /// The answer is lost, and it was done.
    LostDone,
    Taken,
    Denied,
    /// It is done, and AWS returns nothing.
    Asked,
    /// AWS says that it is done.
    Deaf,
}

struct There {
    kind: Kind,
    node: String,
    out: Out,
    born: Instant,
    breaks: bool,
    gone: Option<Instant>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Out {
    id: String,
    value: Option<String>,
    uses: Option<Vec<String>>,
}

impl World {
    const fn new() -> Self {
        Self {
            began: None,
            rules: BTreeMap::new(),
            things: Vec::new(),
            asked: Vec::new(),
            listings: VecDeque::new(),
            poll: 0,
            holders: Vec::new(),
            born: 0,
        }
    }

    fn ask(&mut self, what: String) {
        let began = *self.began.get_or_insert_with(Instant::now);
        self.asked.push((began.elapsed().as_secs(), what));
    }

    fn rule(&self, node: &str) -> Rule {
        self.rules.get(node).cloned().unwrap_or_default()
    }

    fn answer(&mut self, node: &str) -> Option<Answer> {
        let rule = self.rules.entry(node.to_owned()).or_default();
        rule.answers.pop_front().or(rule.always)
    }

    fn new_id(&mut self, node: &str) -> String {
        self.born += 1;
        format!("{node}#{}", self.born)
    }

    fn make(&mut self, kind: Kind, node: &str, value: &str, uses: Vec<String>) -> Out {
        let broken_before = self.things.iter().filter(|it| it.node == node && it.breaks).count();
        let (id, value) = (self.new_id(node), Some(value.to_owned()));
        let out = Out { id, value, uses: Some(uses) };
        let breaks = broken_before < self.rule(node).breaks;
        let (node, born) = (node.to_owned(), Instant::now());
        self.things.push(There { kind, node, out: out.clone(), born, breaks, gone: None });
        out
    }

    fn phase(&self, it: &There) -> Phase {
        match it.born.elapsed() < Duration::from_secs(self.rule(&it.node).ready_after) {
            true => Phase::Coming("it is pending".into()),
            false if it.breaks => Phase::Broken("it broke".into()),
            false => Phase::Ready,
        }
    }

    fn list(&self, kind: Kind, scope: &Scope) -> Vec<Owned<Out>> {
        let visible = |it: &&There| {
            it.kind == kind
                && it.born.elapsed() >= Duration::from_secs(self.rule(&it.node).visible_after)
                && it.gone.is_none_or(|gone| Instant::now() < gone)
        };
        let owned = |it: &There| Owned {
            owner: Owner {
                stack: scope.names().expect("a stack is listed").stack().to_string(),
                node: it.node.as_str().into(),
                pattern: None,
                tags: None,
            },
            id: it.out.id.clone(),
            seen: match it.gone {
                Some(_) => Seen::Leaving(it.out.clone(), "it is deleting".into()),
                None => Seen::Present(it.out.clone(), self.phase(it)),
            },
        };
        self.things.iter().filter(visible).map(owned).collect()
    }
}

fn world<T>(with: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(with)
}

/// Begins a test with an empty world.
fn begin() {
    world(|world| *world = World { began: Some(Instant::now()), ..World::new() });
}

fn rule(node: &str, with: impl FnOnce(&mut Rule)) {
    world(|world| with(world.rules.entry(node.to_owned()).or_default()));
}

fn answers(node: &str, answers: &[Answer]) {
    rule(node, |rule| rule.answers.extend(answers));
}

/// The seconds in which this was asked.
fn at(what: &str) -> Vec<u64> {
    world(|world| {
        world.asked.iter().filter(|(_, asked)| asked == what).map(|(at, _)| *at).collect()
    })
}

/// Everything asked so far, which is forgotten.
fn asked() -> Vec<String> {
    world(|world| std::mem::take(&mut world.asked).into_iter().map(|(_, asked)| asked).collect())
}

/// The things of a node that are there.
fn there(node: &str) -> Vec<Out> {
    let is_there = |it: &&There| it.node == node && it.gone.is_none();
    world(|world| world.things.iter().filter(is_there).map(|it| it.out.clone()).collect())
}

fn now() -> u64 {
    world(|world| now_in(world))
}

fn now_in(world: &World) -> u64 {
    world.began.expect("a test begins").elapsed().as_secs()
}

// ---- the resources

/// A fake of a kind, with a wanted value.
struct Fake<const K: usize> {
    value: &'static str,
    fixed: bool,
}

const KINDS: [Kind; 10] = [
    Kind::Subnet,
    Kind::NatGateway,
    Kind::TaskDefinition,
    Kind::Service,
    Kind::LoadBalancer,
    Kind::TargetGroup,
    Kind::CapacityProviderAssociation,
    Kind::AutoScalingGroup,
    Kind::Instance,
    Kind::CapacityProvider,
];
type Subnet = Fake<0>;
type Nat = Fake<1>;
type TaskDefinition = Fake<2>;
type Service = Fake<3>;
type LoadBalancer = Fake<4>;
type TargetGroup = Fake<5>;
type Association = Fake<6>;
type Group = Fake<7>;
type Instances = Fake<8>;

/// All fakes, as an inventory knows them.
fn kinds() -> Vec<Box<dyn AnyKind>> {
    vec![
        inventory::kind::<Subnet>(),
        inventory::kind::<Nat>(),
        inventory::kind::<TaskDefinition>(),
        inventory::kind::<Service>(),
        inventory::kind::<LoadBalancer>(),
        inventory::kind::<TargetGroup>(),
        inventory::kind::<Association>(),
        inventory::kind::<Group>(),
        inventory::kind::<Instances>(),
    ]
}

impl<const K: usize> Fake<K> {
    /// Puts one into the world that an earlier run has made.
    fn was_there(node: &str) -> Out {
        world(|world| world.make(KINDS[K], node, "old", Vec::new()))
    }
}

fn a<const K: usize>(value: &'static str) -> Fake<K> {
    Fake { value, fixed: false }
}

fn refused(meaning: Meaning, why: &str) -> Error {
    Error { attempt: "ask".into(), cause: Cause::Other(why.into()), meaning }
}

fn ids(needs: &[Out]) -> Vec<String> {
    needs.iter().map(|out| out.id.clone()).collect()
}

/// What AWS says: an error, or whether it does what it was asked.
fn say(answer: Option<Answer>, effect: impl FnOnce()) -> Result<()> {
    let error = match answer {
        Some(Answer::NotYet) => refused(Meaning::NotYet, "not yet"),
        Some(Answer::Throttled) => refused(Meaning::Throttled, "slow down"),
        Some(Answer::Lost) => refused(Meaning::Lost, "timed out"),
        Some(Answer::LostDone) => {
            effect();
            refused(Meaning::Lost, "timed out")
        }
        Some(Answer::Taken) => refused(Meaning::Taken, "the name is taken"),
        Some(Answer::Denied) => refused(Meaning::Fatal, "denied"),
        Some(Answer::Deaf) => return Ok(()),
        Some(Answer::Asked) | None => {
            effect();
            return Ok(());
        }
    };
    Err(error)
}

impl<const K: usize> Resource for Fake<K> {
    type Output = Out;
    const KIND: Kind = KINDS[K];

    /// Answers later with what was there when it was asked.
    async fn list(_aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Out>>> {
        if matches!(scope, Scope::Like(_)) {
            return Ok(Vec::new());
        }
        let (seen, takes) = world(|world| {
            world.ask(format!("list {:?}", Self::KIND));
            (world.list(Self::KIND, scope), world.listings.pop_front())
        });
        if let Some(takes) = takes {
            sleep(Duration::from_secs(takes)).await;
        }
        Ok(seen)
    }

    async fn poll(_aws: &Aws, scope: &Scope, these: &[Owned<Out>]) -> Result<Vec<Owned<Out>>> {
        let (seen, takes, answer) = world(|world| {
            world.ask(format!("poll {} {:?}", these.len(), Self::KIND));
            (world.list(Self::KIND, scope), world.poll, world.answer("poll"))
        });
        if takes > 0 {
            sleep(Duration::from_millis(takes)).await;
        }
        say(answer, || ())?;
        let wanted = |it: &Owned<Out>| these.iter().any(|other| other.it().id == it.id);
        Ok(seen.into_iter().filter(wanted).collect())
    }

    fn tagging(it: &Out) -> Option<Tagging> {
        // What an action is done to is told by this.
        matches!(KINDS[K], Kind::AutoScalingGroup).then(|| Tagging::AutoScaling(it.id.clone()))
    }

    async fn delete(_aws: &Aws, it: &Out) -> Result<()> {
        let node = it.id.split('#').next().expect("an id begins with its node");
        let answer = world(|world| {
            world.ask(format!("delete {node}"));
            world.answer(node)
        });
        say(answer, || {
            world(|world| {
                let gone = Instant::now() + Duration::from_secs(world.rule(node).gone_after);
                let there = world.things.iter_mut().find(|there| there.out.id == it.id);
                let there = there.expect("nothing that was never there is deleted");
                there.gone.get_or_insert(gone);
            });
        })
    }

    async fn blockers(_aws: &Aws, it: &Out) -> Result<Vec<String>> {
        let node = it.id.split('#').next().expect("an id begins with its node");
        Ok(world(|world| world.rule(node).blocker).into_iter().map(str::to_owned).collect())
    }
}

impl<const K: usize> Wanted for Fake<K> {
    type Needs = Vec<Out>;
    type Change = Whole;
    const UPDATE_REPLACES: bool = matches!(KINDS[K], Kind::TaskDefinition);
    const REMADE_WHEN_BROKEN: bool = matches!(KINDS[K], Kind::NatGateway);

    async fn holder(&self, _cx: &Cx, node: &NodeName) -> Result<Option<String>> {
        Ok(world(|world| {
            world.holders.push(now_in(world));
            world.rule(node.as_str()).holder
        })
        .map(str::to_owned))
    }

    async fn create(&self, _cx: &Cx, node: &NodeName, needs: &Vec<Out>) -> Result<Made<Out>> {
        let node = node.as_str();
        let (rule, answer) = world(|world| {
            world.ask(format!("create {node}"));
            (world.rule(node), world.answer(node))
        });
        if rule.answers_after > 0 {
            sleep(Duration::from_secs(rule.answers_after)).await;
        }
        let mut made = None;
        say(answer, || {
            made = Some(world(|world| world.make(Self::KIND, node, self.value, ids(needs))));
        })?;
        Ok(match made {
            Some(it) if answer.is_none() && rule.ready_after == 0 && rule.breaks == 0 => {
                Made::Ready(it)
            }
            Some(it) if answer.is_none() => Made::Coming(it, "it is pending".into()),
            _ => Made::Asked("it was asked for".into()),
        })
    }

    fn drift(&self, it: &Out, needs: &Vec<Out>) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        compare(&mut differences, Whole, "value", it.value.as_ref(), &self.value.to_owned());
        compare(&mut differences, Whole, "uses", it.uses.as_ref(), &ids(needs));
        if self.fixed && !differences.is_empty() {
            return vec![Difference::replacement("value", "old", "new", "AWS cannot change it")];
        }
        differences
    }

    async fn update(
        &self,
        _cx: &Cx,
        node: &NodeName,
        it: &Out,
        needs: &Vec<Out>,
        _: &[Whole],
    ) -> Result<Made<Out>> {
        let node = node.as_str();
        let answer = world(|world| {
            world.ask(format!("update {node}"));
            world.answer(node)
        });
        let mut made = None;
        say(answer, || {
            made = world(|world| {
                let new_id = Self::UPDATE_REPLACES.then(|| world.new_id(node));
                let there = world.things.iter_mut().find(|there| there.out.id == it.id)?;
                there.out.id = new_id.unwrap_or(it.id.clone());
                there.out.value = Some(self.value.to_owned());
                there.out.uses = Some(ids(needs));
                let there = world.things.iter().find(|there| there.node == node)?;
                Some((there.out.clone(), world.phase(there)))
            });
        })?;
        Ok(match made {
            Some((it, Phase::Ready)) => Made::Ready(it),
            Some((it, _)) => Made::Coming(it, "it is pending".into()),
            None => Made::Asked("it was asked for".into()),
        })
    }
}

/// An action that raises a group, once.
struct Raise;

impl Action for Raise {
    type Target = Group;
    type Needs = ();
    const KIND: Kind = Kind::WarmStart;

    fn due(&self, it: &Out) -> Option<Difference> {
        let is_low = it.value.as_deref() == Some("low");
        is_low.then(|| Difference::update((), "value", "low", "high"))
    }

    async fn act(&self, _cx: &Cx, _: &NodeName, it: &Out, (): &()) -> Result<Acted> {
        let answer = world(|world| {
            world.ask("raise".into());
            world.answer("raise")
        });
        say(answer, || {
            world(|world| {
                let group = world.things.iter_mut().find(|there| there.out.id == it.id);
                group.expect("it is there").out.value = Some("high".into());
            });
        })
        .map(|()| Acted::Done)
    }
}

/// A group, and the action on it.
fn raised(value: &'static str) -> Graph {
    let mut graph = Graph::default();
    let group = graph.add("group", a::<7>(value), nothing());
    graph.act("warm", Raise, group.map(|group| (group, ())), &());
    graph
}

/// What a node waits for: some until they are ready, others until they are made.
fn after(ready: &[&Handle<Out>], made: &[&Handle<Out>]) -> impl Needs<Values = Vec<Out>> + use<> {
    let ready: Vec<Handle<Out>> = ready.iter().map(|&handle| handle.clone()).collect();
    let made: Vec<MadeHandle<Out>> = made.iter().map(|handle| handle.made()).collect();
    (ready, made).map(|(ready, made)| [ready, made].concat())
}

fn nothing() -> impl Needs<Values = Vec<Out>> {
    after(&[], &[])
}

// ---- a run

/// One run of the engine, and what it told.
struct Scene {
    run: Run,
    stop: Rc<Stop>,
    told: Rc<RefCell<Vec<Event>>>,
}

fn scene(wait_for_ready: bool) -> Scene {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build();
    let names = Names::new("demo".parse().unwrap(), "eu-west-1");
    let labels = Labels { pattern: String::new(), user: BTreeMap::new() };
    let cx = Rc::new(Cx { aws: Aws::new(&config, None), names, labels });
    let (stop, told) = (Rc::<Stop>::default(), Rc::<RefCell<Vec<Event>>>::default());
    let listener = Rc::clone(&told);
    let listener = move |event: &Event| listener.borrow_mut().push(event.clone());
    let mut run = Run::fresh(cx, Rc::clone(&stop), listener);
    run.wait_for_ready = wait_for_ready;
    Scene { run, stop, told }
}

impl Scene {
    /// What was told of a node.
    fn told(&self, node: &str) -> Vec<What> {
        let told = self.told.borrow();
        told.iter().filter(|event| event.node.as_str() == node).map(|it| it.what.clone()).collect()
    }

    async fn stop_after(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
        self.stop.ask();
    }
}

async fn deploy(graph: &Graph) -> (Report, Scene) {
    let scene = scene(true);
    (walk(&scene.run, graph.nodes()).await, scene)
}

/// Deploys a single node and expects it to be complete.
async fn deploy_one<const K: usize>(value: &'static str) -> Scene {
    let mut graph = Graph::default();
    graph.add("a", a::<K>(value), nothing());
    let (report, scene) = deploy(&graph).await;
    assert!(report.is_complete(), "{report:?}");
    scene
}

/// Deploys a single node and expects it to fail.
async fn fail_one<const K: usize>(value: &'static str) -> Failure {
    let mut graph = Graph::default();
    graph.add("a", a::<K>(value), nothing());
    let (mut report, _) = deploy(&graph).await;
    assert!(report.not_started.is_empty(), "{report:?}");
    report.failed.pop().expect("it fails").1
}

async fn plan(graph: &Graph) -> Plan {
    plan_among(&scene(true).run, graph, &kinds()).await.unwrap()
}

async fn teardown() -> (Receipt, Report, Scene) {
    let scene = scene(true);
    let (receipt, report) = teardown_among(&scene.run, &kinds(), true).await.unwrap();
    (receipt, report, scene)
}

fn names(of: &[(NodeName, Failure)]) -> Vec<&str> {
    of.iter().map(|(name, _)| name.as_str()).collect()
}

fn waiting(why: &str) -> What {
    What::Waiting(why.into())
}

// ---- deploy

#[tokio::test(start_paused = true)]
async fn a_deploy_takes_as_long_as_its_longest_chain() {
    begin();
    for (node, seconds) in [("a", 10), ("b", 10), ("c", 10), ("early", 24)] {
        rule(node, |rule| rule.ready_after = seconds);
    }
    let mut graph = Graph::default();
    let first = graph.add("a", a::<0>("x"), nothing());
    let second = graph.add("b", a::<0>("x"), after(&[&first], &[]));
    graph.add("c", a::<0>("x"), after(&[&second], &[]));
    graph.add("early", a::<0>("x"), after(&[], &[&first]));
    let (report, scene) = deploy(&graph).await;
    assert!(report.is_complete());
    assert_eq!([at("create a"), at("create early"), at("create b")].concat(), [0, 0, 10]);
    assert_eq!((at("create c"), now()), (vec![20], 30));
    let told = [What::Creating, What::Created, waiting("it is pending"), What::Ready];
    assert_eq!(scene.told("early"), told);
}

#[tokio::test(start_paused = true)]
async fn a_second_deploy_only_lists_each_kind_once() {
    begin();
    let graph = || {
        let mut graph = Graph::default();
        let nat = graph.add("nat", a::<1>("x"), nothing());
        graph.add("s/1", a::<0>("x"), after(&[&nat], &[]));
        graph.add("s/2", a::<0>("x"), after(&[&nat], &[]));
        graph
    };
    deploy(&graph()).await;
    asked();
    let (report, scene) = deploy(&graph()).await;
    assert!(report.is_complete());
    assert_eq!(asked(), ["list NatGateway", "list Subnet"]);
    assert_eq!(scene.told("s/2"), [What::Found { id: "s/2#3".into() }]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_began_before_a_create_had_returned_is_not_believed() {
    begin();
    rule("a", |rule| rule.answers_after = 2);
    answers("a", &[Answer::Asked]);
    answers("b", &[Answer::Asked]);
    // The listing that `b` asks for in second 1 is so slow that `a` would not see its own in time.
    world(|world| world.listings = [0, 40].into());
    let mut graph = Graph::default();
    graph.add("a", a::<0>("x"), nothing());
    graph.add("b", a::<0>("x"), nothing());
    assert!(deploy(&graph).await.0.is_complete());
    assert_eq!(at("list Subnet"), [0, 1, 3]);
    assert_eq!((there("a").len(), there("b").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_it_looks_before_it_asks_again() {
    begin();
    answers("a", &[Answer::LostDone]);
    rule("a", |rule| rule.visible_after = 12);
    let scene = deploy_one::<0>("x").await;
    assert_eq!((at("create a"), now()), (vec![0], 12));
    let lost = [waiting("timed out"), waiting("AWS's answer was lost: looking for what it made")];
    let told = [vec![What::Creating], lost.into(), vec![What::Created, What::Ready]].concat();
    assert_eq!(scene.told("a"), told);

    begin();
    answers("a", &[Answer::Lost]);
    deploy_one::<0>("x").await;
    assert_eq!((at("create a"), there("a").len()), (vec![0, 30], 1));
}

#[tokio::test(start_paused = true)]
async fn refusals_that_pass_are_asked_again_without_looking() {
    for answer in [Answer::NotYet, Answer::Throttled] {
        begin();
        answers("a", &[answer; 6]);
        let scene = deploy_one::<0>("x").await;
        assert_eq!(at("create a"), [0, 1, 3, 6, 9, 12, 15]);
        assert_eq!(at("list Subnet"), [0]);
        assert_eq!(scene.told("a").len(), 4, "{:?}", scene.told("a"));

        begin();
        Subnet::was_there("a");
        answers("a", &[answer; 3]);
        let scene = deploy_one::<0>("new").await;
        assert_eq!((at("update a"), at("list Subnet")), (vec![0, 1, 3, 6], vec![0]));
        assert_eq!(scene.told("a").len(), 4, "{:?}", scene.told("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_looked_at_for_a_while() {
    begin();
    rule("a", |rule| (rule.always, rule.visible_after) = (Some(Answer::Taken), 20));
    let own = Subnet::was_there("a");
    deploy_one::<0>("old").await;
    assert_eq!((there("a"), now()), (vec![own], 21));

    begin();
    rule("a", |rule| rule.always = Some(Answer::Taken));
    let failure = fail_one::<0>("x").await;
    assert_eq!((failure.to_string(), now()), ("failed to ask: the name is taken".into(), 30));

    begin();
    rule("a", |rule| rule.holder = Some("the thing of a stranger"));
    let failure = fail_one::<0>("x").await;
    assert!(matches!(failure, Failure::Foreign(holder) if holder == "the thing of a stranger"));
    assert_eq!((at("create a"), now()), (vec![], 30));
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_what_depends_on_it_and_nothing_else() {
    begin();
    rule("a", |rule| (rule.breaks, rule.ready_after) = (1, 10));
    rule("made", |rule| rule.ready_after = 100);
    rule("other", |rule| rule.ready_after = 20);
    let mut graph = Graph::default();
    let first = graph.add("a", a::<0>("x"), nothing());
    let made = graph.add("made", a::<0>("x"), after(&[], &[&first]));
    let ready = graph.add("ready", a::<0>("x"), after(&[&first], &[]));
    graph.add("last", a::<0>("x"), after(&[&made, &ready], &[&first]));
    graph.add("other", a::<0>("x"), nothing());
    let (report, scene) = deploy(&graph).await;
    assert_eq!(names(&report.failed), ["a"]);
    assert_eq!(names(&report.not_started), ["made", "ready", "last"]);
    for (name, failure) in &report.not_started {
        assert_eq!(failure.to_string(), "not started, since a failed");
        let told = scene.told(name.as_str());
        assert_eq!(told.last(), Some(&What::NotStarted("not started, since a failed".into())));
    }
    let ended = scene.told.borrow().iter().find(|event| event.node.as_str() == "made").cloned();
    assert_eq!(ended.map(|event| event.at.as_secs()), Some(0));
    let given_up = |event: &&Event| matches!(event.what, What::NotStarted(_));
    let given_up = scene.told.borrow().iter().find(given_up).map(|event| event.at.as_secs());
    assert_eq!((given_up, now()), (Some(10), 20));
    assert_eq!(scene.told("other").last(), Some(&What::Ready));
}

#[tokio::test(start_paused = true)]
async fn what_broke_is_made_again_and_dependents_follow() {
    begin();
    rule("nat", |rule| (rule.breaks, rule.ready_after, rule.gone_after) = (1, 20, 40));
    let mut graph = Graph::default();
    let nat = graph.add("nat", a::<1>("x"), nothing());
    let task = graph.add("task", a::<2>("x"), after(&[], &[&nat]));
    graph.add("service", a::<3>("x"), after(&[], &[&task]));
    let (report, scene) = deploy(&graph).await;
    assert!(report.is_complete(), "{report:?}");
    // Looked at when a gateway is usually ready; then seen gone at 60 + 40; then ready again.
    assert_eq!((at("create nat"), at("delete nat")[0], now()), (vec![0, 100], 60, 160));
    let (nat, task, service) = (&there("nat")[0], &there("task")[0], &there("service")[0]);
    assert_eq!(task.uses, Some(vec![nat.id.clone()]));
    assert_eq!(service.uses, Some(vec![task.id.clone()]));
    let changed = [What::Changing(vec!["uses".into()]), What::Changed, What::Ready];
    assert_eq!(scene.told("service")[3..], changed);

    // One that an earlier run left broken is removed before anything depends on it.
    begin();
    rule("a", |rule| rule.breaks = 1);
    Nat::was_there("a");
    deploy_one::<1>("x").await;
    assert_eq!((at("delete a"), at("create a"), there("a").len()), (vec![0], vec![10], 1));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_again_fails() {
    begin();
    rule("a", |rule| rule.breaks = 9);
    assert!(matches!(fail_one::<1>("x").await, Failure::Broken(why) if why == "it broke"));
    assert_eq!(at("create a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_difference_is_removed_while_it_is_still_coming() {
    begin();
    rule("a", |rule| rule.ready_after = 60);
    Service::was_there("a");
    deploy_one::<3>("new").await;
    assert_eq!((at("update a"), now()), (vec![0], 60));
    assert_eq!(there("a")[0].value.as_deref(), Some("new"));
}

#[tokio::test(start_paused = true)]
async fn a_change_without_effect_ends_after_a_few_tries() {
    begin();
    Subnet::was_there("a");
    rule("a", |rule| rule.always = Some(Answer::Deaf));
    let failure = fail_one::<0>("new").await.to_string();
    let says = "AWS accepted the change and still shows value old → new";
    assert!(failure.ends_with(says), "{failure}");
    assert!((4..10).contains(&at("update a").len()), "{:?}", at("update a"));
    assert!((30..40).contains(&now()), "{}", now());
}

#[tokio::test(start_paused = true)]
async fn a_time_out_tells_what_was_seen_last() {
    begin();
    rule("a", |rule| rule.ready_after = 3600);
    let failure = fail_one::<1>("x").await.to_string();
    assert_eq!(failure, "gave up after 10m00s waiting for it: it is pending");
}

#[tokio::test(start_paused = true)]
async fn a_refused_look_late_in_a_long_wait_does_no_harm() {
    begin();
    rule("a", |rule| rule.ready_after = 20 * 60);
    rule("poll", |rule| {
        // 5 s apart: these are the looks after 15 minutes.
        let fine = std::iter::repeat_n(Answer::Deaf, 180);
        rule.answers = fine.chain([Answer::Throttled; 3]).collect();
    });
    deploy_one::<3>("x").await;
    assert_eq!(now(), 20 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_stop_starts_nothing_new_and_ends_all_waits() {
    begin();
    rule("first", |rule| rule.ready_after = 60);
    rule("refused", |rule| rule.always = Some(Answer::NotYet));
    rule("asked", |rule| rule.answers_after = 10);
    let mut graph = Graph::default();
    let first = graph.add("first", a::<0>("x"), nothing());
    graph.add("refused", a::<0>("x"), nothing());
    graph.add("asked", a::<0>("x"), nothing());
    graph.add("next", a::<0>("x"), after(&[&first], &[]));
    let scene = scene(true);
    let (report, ()) = futures::join!(walk(&scene.run, graph.nodes()), scene.stop_after(7));
    assert_eq!(names(&report.failed), [""; 0]);
    let mut stopped = names(&report.not_started);
    stopped.sort_unstable();
    assert_eq!(stopped, ["asked", "first", "next", "refused"]);
    let stopped = |why: &Failure| matches!(why, Failure::Stopped | Failure::StoppedWaiting { .. });
    assert!(report.not_started.iter().all(|(_, why)| stopped(why)));
    // The call in flight was finished.
    assert_eq!((at("create refused"), there("asked").len(), now()), (vec![0, 1, 3, 6], 1, 10));
    assert!(at("create next").is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_waiting_only_what_others_wait_for_is_waited_for() {
    begin();
    for (node, seconds) in [("a", 10), ("b", 100), ("c", 100)] {
        rule(node, |rule| rule.ready_after = seconds);
    }
    let mut graph = Graph::default();
    let first = graph.add("a", a::<0>("x"), nothing());
    let second = graph.add("b", a::<0>("x"), after(&[&first], &[]));
    graph.add("c", a::<0>("x"), after(&[], &[&second]));
    let scene = scene(false);
    assert!(walk(&scene.run, graph.nodes()).await.is_complete());
    assert_eq!((at("create b"), at("create c"), now()), (vec![10], vec![10], 10));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_share_their_looks() {
    begin();
    world(|world| world.poll = 300);
    rule("s/1", |rule| rule.ready_after = 9);
    rule("s/2", |rule| (rule.ready_after, rule.answers_after) = (9, 1));
    let mut graph = Graph::default();
    graph.add("s/1", a::<0>("x"), nothing());
    graph.add("s/2", a::<0>("x"), nothing());
    assert!(deploy(&graph).await.0.is_complete());
    assert_eq!(at("poll 2 Subnet"), [2, 4, 6, 8, 10]);
    // The first look of each comes at its own time.
    assert_eq!(at("poll 1 Subnet"), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_does_not_ask_for_a_thing_says_nothing_about_it() {
    begin();
    // `b` is found in second 9, and begins to wait while a look at `a` alone is under way.
    world(|world| world.poll = 4_500);
    rule("a", |rule| rule.ready_after = 9);
    rule("gate", |rule| rule.ready_after = 2);
    rule("b", |rule| rule.ready_after = 19);
    Subnet::was_there("b");
    let mut graph = Graph::default();
    graph.add("a", a::<0>("x"), nothing());
    let gate = graph.add("gate", a::<6>("x"), nothing());
    graph.add_after("b", a::<0>("old"), nothing(), &after(&[&gate], &[]));
    assert!(deploy(&graph).await.0.is_complete());
    assert_eq!((at("list Subnet"), at("poll 1 Subnet")[..2].to_vec()), (vec![0], vec![1, 8]));
    assert_eq!(at("poll 2 Subnet")[0], 11);
}

#[tokio::test(start_paused = true)]
async fn what_a_plan_has_seen_serves_for_a_minute() {
    for (pause, looks) in [(59, vec![0]), (60, vec![0, 60])] {
        begin();
        let mut graph = Graph::default();
        graph.add("a", a::<0>("x"), nothing());
        let scene = scene(true);
        plan_among(&scene.run, &graph, &[]).await.unwrap();
        sleep(Duration::from_secs(pause)).await;
        assert!(walk(&scene.run, graph.nodes()).await.is_complete());
        assert_eq!(
            (at("list Subnet"), world(|world| world.holders.clone())),
            (looks.clone(), looks)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_plan_has_seen_is_looked_at_again_when_something_was_removed_since() {
    begin();
    rule("a", |rule| (rule.breaks, rule.ready_after) = (1, 60));
    Nat::was_there("a");
    LoadBalancer::was_there("b");
    let mut graph = Graph::default();
    let first = graph.add("a", a::<1>("old"), nothing());
    graph.add_after("b", a::<4>("old"), nothing(), &after(&[], &[&first]));
    let scene = scene(true);
    sleep(Duration::from_mins(1)).await;
    plan_among(&scene.run, &graph, &[]).await.unwrap();
    assert!(walk(&scene.run, graph.nodes()).await.is_complete());
    assert_eq!(at("list LoadBalancer").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_at_once_costs_one_early_look() {
    begin();
    rule("a", |rule| rule.ready_after = 1);
    let mut graph = Graph::default();
    graph.add("a", a::<4>("x"), nothing());
    assert!(deploy(&graph).await.0.is_complete());
    assert_eq!((at("poll 1 LoadBalancer"), now()), (vec![2], 2));
}

#[test]
#[should_panic(expected = "two nodes of a graph are called a")]
fn a_name_stands_in_a_graph_once() {
    let mut graph = Graph::default();
    graph.add("a", a::<0>("x"), nothing());
    graph.add("a", a::<1>("x"), nothing());
}

#[tokio::test(start_paused = true)]
async fn what_goes_through_something_that_is_coming_is_looked_at_less_often() {
    begin();
    rule("gate", |rule| rule.ready_after = 70);
    rule("a", |rule| rule.ready_after = 76);
    let mut graph = Graph::default();
    let gate = graph.add("gate", a::<1>("x"), nothing());
    graph.add("a", a::<0>("x"), after(&[], &[&gate]));
    assert!(deploy(&graph).await.0.is_complete());
    // When it usually is there.
    assert_eq!(at("poll 1 NatGateway"), [60, 65, 70]);
    // Every 15 seconds, and every two when the gateway was seen to be there.
    assert_eq!(at("poll 1 Subnet"), [1, 15, 30, 45, 60, 75, 76]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_deletes_while_it_is_coming_is_made_again() {
    begin();
    rule("a", |rule| rule.ready_after = 60);
    let deploy = async || {
        let mut graph = Graph::default();
        let first = graph.add("a", a::<0>("old"), nothing());
        graph.add("b", a::<0>("old"), after(&[], &[&first]));
        let scene = scene(true);
        let somebody = async {
            sleep(Duration::from_secs(11)).await;
            world(|world| world.things[0].gone = Some(Instant::now()));
        };
        let (report, ()) = futures::join!(walk(&scene.run, graph.nodes()), somebody);
        assert!(report.is_complete());
        assert_eq!(there("b")[0].uses, Some(ids(&there("a"))));
    };
    // What was just made may only be invisible.
    deploy().await;
    assert_eq!((at("create a"), now()), (vec![0, 30], 90));

    // What was found is not.
    begin();
    rule("a", |rule| rule.ready_after = 60);
    Subnet::was_there("a");
    deploy().await;
    assert_eq!((at("create a"), now()), (vec![12], 72));
}

#[tokio::test(start_paused = true)]
async fn the_former_one_is_gone_before_it_is_made_again() {
    begin();
    Service::was_there("a");
    rule("a", |rule| rule.gone_after = 60);
    world(|world| world.things[0].gone = Some(Instant::now() + Duration::from_secs(58)));
    let scene = deploy_one::<3>("x").await;
    assert_eq!((at("create a"), there("a").len()), (vec![60], 1));
    assert_eq!(scene.told("a")[0], waiting("the former one is leaving: it is deleting"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_at_once() {
    begin();
    answers("a", &[Answer::Denied]);
    assert_eq!(fail_one::<0>("x").await.to_string(), "failed to ask: denied");
    assert_eq!(now(), 0);
}

// ---- actions

#[tokio::test(start_paused = true)]
async fn an_action_is_done_once_to_what_is_there() {
    begin();
    rule("group", |rule| rule.ready_after = 10);
    let (report, scene) = deploy(&raised("low")).await;
    assert!(report.is_complete());
    assert_eq!((at("raise"), there("group")[0].value.as_deref()), (vec![10], Some("high")));
    assert_eq!(scene.told("warm"), [What::Creating, What::Created, What::Ready]);

    asked();
    let (_, scene) = deploy(&raised("high")).await;
    assert_eq!(scene.told("warm"), [What::Found { id: "group#1".into() }]);
    assert_eq!(asked(), ["list AutoScalingGroup"]);
}

#[tokio::test(start_paused = true)]
async fn an_action_is_asked_for_until_it_is_done() {
    begin();
    answers("raise", &[Answer::NotYet, Answer::Throttled]);
    let (report, _) = deploy(&raised("low")).await;
    assert!(report.is_complete());
    assert_eq!((at("raise"), at("list AutoScalingGroup")), (vec![0, 1, 3], vec![0]));

    // After a lost answer it looks.
    begin();
    answers("raise", &[Answer::LostDone]);
    let (report, scene) = deploy(&raised("low")).await;
    assert!(report.is_complete());
    assert_eq!((at("raise"), at("list AutoScalingGroup")), (vec![0], vec![0, 1]));
    assert_eq!(scene.told("warm")[2..], [What::Created, What::Ready]);

    begin();
    answers("raise", &[Answer::Denied]);
    let (report, _) = deploy(&raised("low")).await;
    assert_eq!(names(&report.failed), ["warm"]);
}

#[tokio::test(start_paused = true)]
async fn an_action_is_planned_by_what_it_is_done_to() {
    let verdict = async || {
        let scene = scene(true);
        let graph = raised("low");
        let plan = plan_among(&scene.run, &graph, &kinds()).await.unwrap();
        assert!(walk(&scene.run, graph.nodes()).await.is_complete());
        (plan.nodes[1].verdict.clone(), scene.told("warm")[0].clone())
    };
    begin();
    assert_eq!(verdict().await, (Verdict::Create, What::Creating));
    // Somebody lowered it, or an earlier run was stopped before.
    world(|world| world.things[0].out.value = Some("low".into()));
    let change = Verdict::Change(vec![Difference::update((), "value", "low", "high")]);
    assert_eq!(verdict().await, (change, What::Changing(vec!["value".into()])));

    begin();
    let graph = raised("high");
    deploy(&graph).await;
    assert!(plan(&raised("high")).await.is_settled());
}

// ---- plan

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_a_walk_would_do() {
    begin();
    for node in ["kept", "changed", "coming", "task", "nat"] {
        rule(node, |rule| rule.ready_after = if node == "coming" { 60 } else { 0 });
    }
    rule("nat", |rule| rule.breaks = 1);
    rule("foreign", |rule| rule.holder = Some("a stranger's"));
    Subnet::was_there("kept");
    Subnet::was_there("changed");
    Subnet::was_there("coming");
    let task = TaskDefinition::was_there("task");
    let service = Service::was_there("service");
    let nat = Nat::was_there("nat");
    let route = Subnet::was_there("route");
    Subnet::was_there("fixed");
    Subnet::was_there("surplus");
    world(|world| {
        let mut use_of = |user: &Out, used: &Out| {
            let user = world.things.iter_mut().find(|it| it.out == *user).unwrap();
            user.out.uses = Some(vec![used.id.clone()]);
        };
        use_of(&service, &task);
        use_of(&route, &nat);
    });

    let mut graph = Graph::default();
    graph.add("created", a::<0>("x"), nothing());
    graph.add("kept", a::<0>("old"), nothing());
    graph.add("changed", a::<0>("new"), nothing());
    graph.add("coming", a::<0>("old"), nothing());
    let task = graph.add("task", a::<2>("new"), nothing());
    graph.add("service", a::<3>("old"), after(&[&task], &[]));
    let nat = graph.add("nat", a::<1>("old"), nothing());
    graph.add("route", a::<0>("old"), after(&[], &[&nat]));
    graph.add("foreign", a::<0>("x"), nothing());
    graph.add("fixed", Fake::<0> { value: "new", fixed: true }, nothing());
    let plan = plan(&graph).await;

    let change = || Verdict::Change(vec![Difference::update((), "value", "\"old\"", "\"new\"")]);
    let follow = |other: &str| Verdict::Change(vec![Difference::update((), "follows", other, "")]);
    let fixed = Difference::replacement("value", "old", "new", "AWS cannot change it");
    let expected = [
        ("created", Verdict::Create),
        ("kept", Verdict::Keep),
        ("changed", change()),
        ("coming", Verdict::Wait("it is pending".into())),
        ("task", change()),
        ("service", follow("task")),
        ("nat", Verdict::Broken("it broke".into())),
        ("route", follow("nat")),
        ("foreign", Verdict::Foreign("a stranger's".into())),
        ("fixed", Verdict::Change(vec![fixed])),
    ];
    for (planned, (name, verdict)) in plan.nodes.iter().zip(expected) {
        assert_eq!((planned.name.as_str(), &planned.verdict), (name, &verdict));
    }
    let removals: Vec<_> = plan.removals.iter().map(|surplus| surplus.name.as_str()).collect();
    assert_eq!(removals, ["surplus"]);
    let refusals = plan.refusals();
    let refused: Vec<_> = refusals.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(refused, ["foreign", "fixed"]);
    assert_eq!(refusals[1].1, "value is `old` and `new` was asked for: AWS cannot change it");
    let calls = asked();
    assert!(calls.iter().all(|call| call.starts_with("list")), "{calls:?}");
    assert_eq!(calls.len(), kinds().len());
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_refused_by_a_walk_too() {
    begin();
    Subnet::was_there("a");
    let mut graph = Graph::default();
    graph.add("a", Fake::<0> { value: "new", fixed: true }, nothing());
    let (report, _) = deploy(&graph).await;
    assert!(matches!(report.failed[0].1, Failure::Refused(_)));
    assert_eq!(asked(), ["list Subnet"]);
}

// ---- teardown

/// A receipt in short: what was removed, and what is left and why.
fn read(receipt: &Receipt) -> (Vec<&str>, Vec<(&str, &str)>) {
    let removed = receipt.removed.iter().map(|item| item.name.as_str()).collect();
    let left = receipt.left.iter().map(|(item, why)| (item.name.as_str(), why.as_str()));
    (removed, left.collect())
}

#[tokio::test(start_paused = true)]
async fn a_teardown_keeps_to_the_order_that_aws_allows() {
    begin();
    for (node, seconds) in [("service", 10), ("lb", 30), ("association", 60), ("group", 60)] {
        rule(node, |rule| rule.gone_after = seconds);
    }
    LoadBalancer::was_there("lb");
    TargetGroup::was_there("tg");
    Service::was_there("service");
    Association::was_there("association");
    Group::was_there("group");
    Subnet::was_there("subnet");
    let (receipt, report, scene) = teardown().await;
    assert!(report.is_complete());
    assert_eq!([at("delete lb"), at("delete service")].concat(), [0, 0]);
    // After both are gone; after the service is gone and the association was asked to go; after all.
    assert_eq!((at("delete tg"), at("delete association")[0]), (vec![30], 12));
    assert_eq!((at("delete group")[0], at("delete subnet")), (12, vec![72]));
    assert_eq!(read(&receipt).0.len(), 6);
    assert_eq!((read(&receipt).1, receipt.audited, now()), (vec![], true, 87));
    assert_eq!(receipt.kinds_checked, kinds().len());
    let told = [What::Removing, waiting("AWS to remove it"), waiting("it is deleting")];
    assert_eq!(scene.told("lb"), [told.to_vec(), vec![What::Removed]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_asked_for_until_aws_does_it() {
    begin();
    answers("subnet", &[Answer::NotYet, Answer::Lost, Answer::Throttled]);
    answers("service", &[Answer::Deaf, Answer::NotYet]);
    Subnet::was_there("subnet");
    Service::was_there("service");
    let (receipt, _, scene) = teardown().await;
    assert_eq!(at("delete service"), [0, 30, 60]);
    assert_eq!(at("delete subnet"), [63, 64, 66, 69]);
    assert_eq!(read(&receipt), (vec!["subnet", "service"], vec![]));
    let told = [What::Removing, waiting("AWS to remove it"), waiting("not yet"), What::Removed];
    assert_eq!(scene.told("service"), told);
}

#[tokio::test(start_paused = true)]
async fn things_of_one_node_are_removed_one_by_one() {
    begin();
    world(|world| world.poll = 100);
    rule("instance", |rule| rule.gone_after = 20);
    Instances::was_there("instance");
    Instances::was_there("instance");
    let (receipt, report, _) = teardown().await;
    assert!(report.is_complete());
    assert_eq!(
        (read(&receipt).0, at("poll 2 Instance")),
        (vec!["instance"; 2], vec![0, 3, 6, 9, 12, 15, 18, 21])
    );
}

#[tokio::test(start_paused = true)]
async fn what_surfaces_late_is_removed_too() {
    begin();
    Subnet::was_there("a");
    Subnet::was_there("late");
    rule("late", |rule| rule.visible_after = 10);
    let (receipt, report, _) = teardown().await;
    assert!(report.is_complete());
    assert_eq!((at("delete late"), now()), (vec![15], 30));
    assert_eq!((read(&receipt), receipt.audited), ((vec!["a", "late"], vec![]), true));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_reported_with_its_reason() {
    begin();
    rule("held", |rule| (rule.always, rule.blocker) = (Some(Answer::NotYet), Some("eni-1")));
    rule("service", |rule| rule.always = Some(Answer::Denied));
    LoadBalancer::was_there("held");
    LoadBalancer::was_there("gone");
    TargetGroup::was_there("waits");
    Service::was_there("service");
    let (receipt, report, _) = teardown().await;
    assert_eq!(names(&report.failed), ["service", "held"]);
    assert_eq!(names(&report.not_started), ["waits"]);
    let left = vec![
        ("service", "failed to ask: denied"),
        ("held", "held by eni-1"),
        ("waits", "not started, since held failed"),
    ];
    assert_eq!(read(&receipt), (vec!["gone"], left));
}

/// What AWS still shows some seconds after it has removed it is gone; what it shows for longer is not,
/// whatever it answered.
#[tokio::test(start_paused = true)]
async fn a_removal_that_aws_accepts_and_does_not_make_is_told() {
    begin();
    Subnet::was_there("a");
    rule("a", |rule| rule.always = Some(Answer::Deaf));
    let (receipt, ..) = teardown().await;
    assert_eq!(read(&receipt), (vec![], vec![("a", "it appeared again")]));
    assert!(at("delete a").len() > 1, "it is asked for again");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_teardown_has_not_looked_again() {
    begin();
    Subnet::was_there("a");
    let scene = scene(true);
    let kinds = kinds();
    let (ended, ()) = futures::join!(teardown_among(&scene.run, &kinds, true), scene.stop_after(5));
    let receipt = ended.unwrap().0;
    assert_eq!((read(&receipt), receipt.audited), ((vec!["a"], vec![]), false));

    begin();
    Subnet::was_there("a");
    scene.stop.ask();
    let receipt = teardown_among(&scene.run, &kinds, true).await.unwrap().0;
    assert_eq!(read(&receipt), (vec![], vec![("a", "stopped")]));
}
