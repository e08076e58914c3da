//! What ecsup promises, proved against simulated AWS: `docs/simulator.md` says how.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sim::cloud::{Cloud, Record};
use aws_sim::doubt::Doubt;
use aws_sim::faults::{Crash, Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::{Scenario, named};
use aws_sim::world::World;
use aws_sim::{ecs, ssm};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time, sdk_config};
use serde_json::{Value, json};

use crate::doubts::a_bad_day;
use crate::goal::{Goal, INHERITING};
use crate::reconcile::{changed_by_hand, silent_agents};
use crate::transitions::{CHANGES, transition};
use crate::witness::Witness;

/// Every pattern, with the variations that make another graph.
pub const STACKS: [&[&str]; 7] = [
    &["--pattern", "internal-worker"],
    &["--pattern", "public-api"],
    &["--pattern", "fargate-api"],
    &["--pattern", "internal-worker", "--nat", "single"],
    &["--pattern", "public-api", "--nat", "single"],
    &["--pattern", "fargate-api", "--nat", "none"],
    &["--pattern", "internal-worker", "--nat", "none"],
];

/// Those from which nothing but endpoints leads out. Their images are in ECR.
pub const CLOSED: [&[&str]; 2] = [
    &["--pattern", "fargate-api", "--nat", "none", "--endpoints", "required", "--image", IN_ECR],
    &["--pattern", "public-api", "--nat", "none", "--endpoints", "required", "--image", IN_ECR],
];
pub const IN_ECR: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1";
pub const NEXT_IN_ECR: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:2";

/// One with what is made only when it is asked for.
pub const WITH_ENDPOINT: &[&str] = &["--pattern", "fargate-api", "--endpoints", "s3"];

pub fn deploy<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [&["deploy", "--yes"], flags].concat()
}

pub fn destroy<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    vec!["destroy", "--yes", flags[1]]
}

/// What is there, but the account's own roles, which services make at their first use and keep.
pub fn ids(cloud: &Cloud) -> BTreeSet<String> {
    let mut ids = cloud.world(World::ids);
    ids.retain(|id| !id.contains("/aws-service-role/"));
    ids
}

/// Nodes of a stack that are there more than once.
fn duplicates(cloud: &Cloud) -> Vec<String> {
    let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
    for (kind, id, tags) in cloud.world(World::tagged) {
        let (stack, node) = (tags.get("ecsup:stack"), tags.get("ecsup:node"));
        let (Some(stack), Some(node)) = (stack, node) else { continue };
        let inherits = INHERITING.contains(&kind.as_str());
        if !inherits && !seen.insert((kind, stack.clone(), node.clone())) {
            twice.push(format!("{node}: {id}"));
        }
    }
    twice
}

/// Checks how a command ended, and shows all that it said when that is wrong.
pub fn expect(played: &Played, exit: Exit, what: &str) -> Result<(), String> {
    match played.exit == exit {
        true => Ok(()),
        false => Err(format!("{what} ended as {:?}:\n{}", played.exit, played.said())),
    }
}

/// For how long AWS hides what was just made, and a service that was scaled has tasks that come or go.
const SETTLES: Duration = Duration::from_secs(30);

/// Checks that the world has what these flags ask for, and nothing else of the stack.
pub async fn holds(cloud: &Cloud, flags: &[&str]) -> Result<(), String> {
    tokio::time::sleep(SETTLES).await;
    match cloud.world(|world| Goal::of(flags).faults(world)) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(format!("{flags:?} does not hold: {faults:#?}")),
    }
}

pub fn no_defects(cloud: &Cloud) -> Result<(), String> {
    match cloud.defects() {
        defects if defects.is_empty() => Ok(()),
        defects => Err(format!("the simulator is wrong: {defects:#?}")),
    }
}

/// Checks that a first deploy in a quiet world made nothing too early: what AWS takes and then lets fail
/// is removed and made again, or starts once more, and then looks as if nothing had been wrong.
pub fn nothing_in_vain(cloud: &Cloud, deployed: &Played) -> Result<(), String> {
    nothing_in_vain_of(cloud, &deployed.calls)
}

/// The same, by the calls of the deploy.
pub fn nothing_in_vain_of(cloud: &Cloud, calls: &[Record]) -> Result<(), String> {
    const REMOVING: [&str; 6] =
        ["Delete", "Deregister", "Detach", "Release", "Revoke", "Terminate"];
    let is_removal = |operation: &str| REMOVING.iter().any(|verb| operation.starts_with(verb));
    let calls = calls.iter().map(|call| call.operation.as_str());
    // The lock tidies up after itself.
    let removals: Vec<_> = calls.filter(|it| is_removal(it) && *it != "DeleteParameters").collect();
    if !removals.is_empty() {
        return Err(format!("a first deploy removes something: {removals:?}"));
    }
    let stopped = cloud.world(|world| {
        let clusters = ecs::answer(world, "ListClusters", &json!({})).unwrap_or_default();
        let stopped = |cluster: String| {
            let input = json!({ "cluster": cluster, "desiredStatus": "STOPPED" });
            ecs::answer(world, "ListTasks", &input).unwrap_or_default().texts("taskArns")
        };
        clusters.texts("clusterArns").into_iter().flat_map(stopped).collect::<Vec<_>>()
    });
    match stopped.is_empty() {
        true => Ok(()),
        false => Err(format!("tasks of a first deploy stopped: {stopped:?}")),
    }
}

/// A whole life in a world of its own, after which nothing is there either that came late.
pub async fn lifecycle(seed: u64, flags: &[&str], scenario: Scenario) -> Result<(), String> {
    let stage = Stage { cloud: Cloud::new(seed, scenario) };
    let before = ids(&stage.cloud);
    lifecycle_on(&stage, flags).await?;
    tokio::time::sleep(LATE).await;
    nothing_left(&stage.cloud, &before)
}

/// A deploy, a silent one, a change, a destroy; and nothing is left that was not there before.
pub async fn lifecycle_on(stage: &Stage, flags: &[&str]) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    let deployed = stage.play(&deploy(flags)).await;
    expect(&deployed, Exit::Done, "deploy")?;
    no_defects(cloud)?;
    nothing_in_vain(cloud, &deployed)?;
    holds(cloud, flags).await?;
    let again = stage.play(&deploy(flags)).await;
    expect(&again, Exit::Done, "the second deploy")?;
    if !again.changes().is_empty() {
        return Err(format!("the second deploy is not silent: {:?}", again.changes()));
    }
    let image = match flags.contains(&IN_ECR) {
        true => NEXT_IN_ECR,
        false => "public.ecr.aws/docker/library/nginx:1.29",
    };
    let changed = [flags, &["--image", image]].concat();
    expect(&stage.play(&deploy(&changed)).await, Exit::Done, "the change")?;
    holds(cloud, &changed).await?;
    let (words, mut witness) = (destroy(flags), Witness::new(flags[1]));
    let destroyed = tokio::select! {
        played = stage.play(&words) => played,
        never = witness.watches(cloud) => match never {},
    };
    expect(&destroyed, Exit::Done, "destroy")?;
    no_defects(cloud)?;
    witness.agrees_with(&destroyed)?;
    nothing_left(cloud, &before)
}

/// For how long something may still come of what was removed, such as last metrics.
const LATE: Duration = Duration::from_mins(2);

/// Checks that nothing is there that was not there before.
pub fn nothing_left(cloud: &Cloud, before: &BTreeSet<String>) -> Result<(), String> {
    let left: Vec<_> = ids(cloud).difference(before).cloned().collect();
    match left.is_empty() {
        true => Ok(()),
        false => Err(format!("left: {left:#?}")),
    }
}

#[test]
fn every_stack_comes_and_goes() {
    for flags in STACKS {
        for seed in 0..3 {
            let fresh = Scenario { fresh_account: seed == 1, ..Scenario::default() };
            let ended = in_virtual_time(seed, async || lifecycle(seed, flags, fresh).await);
            ended.unwrap_or_else(|why| panic!("{flags:?}, seed {seed}: {why}"));
        }
    }
}

/// Without tasks, nothing that is needed for them is awaited on the way: not gateways, not the load
/// balancer, not the provider. A deploy waits for each of them all the same.
#[test]
fn what_nobody_needs_yet_is_ready_at_the_end_too() {
    for (seed, flags) in (0..).zip(STACKS) {
        let flags = [flags, &["--count", "0"]].concat();
        // Which of them comes last.
        for slow in ["slow-alb", "slow-nat"] {
            let scenario = named(slow).expect("a scenario of this name").scenario();
            in_virtual_time(seed, async || {
                let stage = Stage { cloud: Cloud::new(seed, scenario) };
                expect(&stage.play(&deploy(&flags)).await, Exit::Done, "deploy").unwrap();
                holds(&stage.cloud, &flags).await.unwrap();
            });
        }
    }
}

/// The chaos lets a rough day end with an error that is told. When AWS only asks to slow down, whichever
/// call it is, nothing fails. (Were it one call in five, the lock would now and then not be heard.)
#[test]
fn a_day_of_throttling_is_only_slower() {
    for (seed, flags) in (0..).zip(STACKS) {
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            stage.cloud.set_faults(Faults { throttle: 0.1, ..Faults::default() });
            let ended = lifecycle_on(&stage, flags).await;
            ended.unwrap_or_else(|why| panic!("{flags:?}: {why}"));
        });
    }
}

/// Every answer to one operation is lost, after its effect: nothing is made twice for that, and the deploy
/// is done.
#[test]
fn a_lost_answer_makes_nothing_twice() {
    let flags = STACKS[0];
    let operations = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let deployed = stage.play(&deploy(flags)).await;
        let operations: BTreeSet<_> = deployed.changes().into_iter().map(str::to_owned).collect();
        // Whose signs of life are not heard stops.
        operations.into_iter().filter(|it| !it.ends_with("Parameter")).collect::<Vec<_>>()
    });
    let faults = [Fault::Lost, Fault::LateServerError];
    let play = |number: u64| {
        let number = usize::try_from(number).expect("few operations");
        let (operation, fault) = (&operations[number / 2], faults[number % 2]);
        in_virtual_time(1, async || {
            let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
            let (operation, about) = (operation.clone(), String::new());
            let only = Some(Only { operation, about, fault });
            stage.cloud.set_faults(Faults { only, ..Faults::default() });
            expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy")?;
            holds(&stage.cloud, flags).await?;
            let all = stage.cloud.world(World::tagged).into_iter();
            match all.filter(|(kind, ..)| kind == "task-definition").count() {
                1 => Ok(()),
                revisions => Err(format!("{revisions} revisions")),
            }
        })
        .map_err(|why| format!("{operation}, {fault:?}: {why}"))
    };
    let failed = on_all_processors(2 * operations.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Plays a command that dies at some call; `None` when it did.
pub async fn play_until_crash(stage: &Stage, words: &[&str]) -> Option<Played> {
    tokio::select! {
        played = stage.play(words) => Some(played),
        () = stage.cloud.crashed() => None,
    }
}

/// Plays seeds on every processor, and says which failed first.
pub fn on_all_processors(
    runs: u64,
    play: impl Fn(u64) -> Result<(), String> + Sync,
) -> Vec<String> {
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= runs || failed.lock().expect("no panic").len() >= 5 {
                        return;
                    }
                    if let Err(why) = play(seed) {
                        failed.lock().expect("no panic").push(format!("seed {seed}: {why}"));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic")
}

#[test]
fn the_same_seed_makes_the_same_calls() {
    for seed in 0..STACKS.len() as u64 {
        let play = || {
            in_virtual_time(seed, async || {
                let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
                stage.cloud.set_faults(Faults::rough());
                let flags = STACKS[usize::try_from(seed).unwrap()];
                let _ended = stage.play(&deploy(flags)).await;
                let _ended = stage.play(&destroy(flags)).await;
                stage.cloud.calls()
            })
        };
        let (one, other) = (play(), play());
        let differs = one.iter().zip(&other).position(|(one, other)| one != other);
        assert_eq!(differs.map(|at| (&one[at], &other[at])), None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}

/// What belongs to others: a stack with nearly the same name, the same name in another region, and
/// things that somebody made by hand.
#[test]
fn neighbours_stay_as_they_are() {
    for (seed, flags) in (0..).zip(STACKS) {
        let stack = flags[1];
        let lookalike = format!("{stack}-1");
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            let cloud = &stage.cloud;
            let beside = [&deploy(flags)[..], &["--stack", lookalike.as_str()]].concat();
            let elsewhere = [&deploy(flags)[..], &["--region", "eu-west-1"]].concat();
            for neighbour in [&beside, &elsewhere] {
                expect(&stage.play(neighbour).await, Exit::Done, "a neighbour's deploy").unwrap();
            }
            for neighbour in [&beside, &elsewhere] {
                holds(cloud, &neighbour[2..]).await.unwrap();
            }
            made_by_hand(cloud, stack).await;
            let theirs = cloud.world(|world| (world.ids(), world.tagged()));

            expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy").unwrap();
            holds(cloud, flags).await.unwrap();
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy").unwrap();
            let now = cloud.world(|world| (world.ids(), world.tagged()));
            let gone: Vec<_> = theirs.0.symmetric_difference(&now.0).collect();
            assert!(gone.is_empty(), "{flags:?}: {gone:#?}");
            let changed: Vec<_> = theirs.1.symmetric_difference(&now.1).collect();
            assert!(changed.is_empty(), "{flags:?}: {changed:#?}");
            for neighbour in [&beside, &elsewhere] {
                let again = stage.play(neighbour).await;
                expect(&again, Exit::Done, "a neighbour's second deploy").unwrap();
                assert_eq!(again.changes(), [""; 0], "a neighbour was changed");
            }
        });
    }
}

/// Things without our tags, with names and places like ours.
async fn made_by_hand(cloud: &Cloud, stack: &str) {
    use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
    let config = sdk_config(cloud, "us-east-1");
    let ec2 = aws_sdk_ec2::Client::new(&config);
    // The right stack and node, and no region or another one.
    let tags = |kind: ResourceType, node: &str, region: Option<&str>| {
        let mut all = vec![("ecsup:stack", stack), ("ecsup:node", node), ("Name", "by hand")];
        all.extend(region.map(|region| ("ecsup:region", region)));
        let tag = |(key, value)| Tag::builder().key(key).value(value).build();
        let tags = all.into_iter().map(tag).collect();
        TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
    };
    let vpc = tags(ResourceType::Vpc, "vpc", None);
    let made = ec2.create_vpc().cidr_block("10.0.0.0/16").tag_specifications(vpc).send().await;
    made.expect("a VPC can be made by hand");
    let gateway = tags(ResourceType::InternetGateway, "internet-gateway", Some("eu-west-1"));
    let made = ec2.create_internet_gateway().tag_specifications(gateway).send().await;
    made.expect("a gateway can be made by hand");
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let group = logs.create_log_group().log_group_name(format!("/ecsup/{stack}-by-hand"));
    group.send().await.expect("a log group can be made by hand");
    let parameters = aws_sdk_ssm::Client::new(&config);
    let parameter = parameters
        .put_parameter()
        .name(format!("/ecsup/{stack}-by-hand/lock/1"))
        .value("mine")
        .r#type(aws_sdk_ssm::types::ParameterType::String);
    parameter.send().await.expect("a parameter can be made by hand");
}

/// Two people deploy one stack at the same moment.
#[test]
fn two_deploys_at_once_never_make_duplicates() {
    for seed in 0..20 {
        let flags = STACKS[usize::try_from(seed).unwrap() % 3];
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            let before = ids(&stage.cloud);
            let later = async {
                tokio::time::sleep(Duration::from_millis(seed * 300)).await;
                stage.play(&deploy(flags)).await
            };
            let first = deploy(flags);
            let (one, other) = tokio::join!(stage.play(&first), later);
            let done = [&one, &other].iter().filter(|it| it.exit == Exit::Done).count();
            assert!(done >= 1, "seed {seed}: {}\n---\n{}", one.said(), other.said());
            for refused in [&one, &other].iter().filter(|it| it.exit != Exit::Done) {
                assert_eq!(refused.exit, Exit::Refused, "{}", refused.said());
                assert!(refused.said().contains("locked by"), "{}", refused.said());
                let mut events = refused.recording.events.iter();
                assert!(events.all(|event| event.node.as_str() == "lock"), "{}", refused.said());
            }
            holds(&stage.cloud, flags).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy").unwrap();
            let after = ids(&stage.cloud);
            let left: Vec<_> = after.difference(&before).collect();
            assert!(left.is_empty(), "seed {seed}: {left:#?}");
        });
    }
}

/// A deploy dies, and two people go on at the same moment, one of them to remove it all. Both wait for
/// the lock, and both get it.
#[test]
fn those_who_wait_for_the_lock_of_the_dead_go_on_in_turn() {
    for seed in 0..20 {
        let flags = STACKS[usize::try_from(seed).unwrap() % 3];
        in_virtual_time(seed, async || {
            let stage = Stage { cloud: Cloud::new(seed, Scenario::default()) };
            let before = ids(&stage.cloud);
            let at = 40 + 7 * usize::try_from(seed).unwrap();
            let crash = Some(Crash { at, after: true });
            stage.cloud.set_faults(Faults { crash, ..Faults::default() });
            let _ended = play_until_crash(&stage, &deploy(flags)).await;
            stage.cloud.set_faults(Faults::default());
            let words = [deploy(flags), destroy(flags)];
            let [again, end] = words.map(|words| [&words[..], &["--wait-for-lock"]].concat());
            let (again, end) = tokio::join!(stage.play(&again), stage.play(&end));
            expect(&again, Exit::Done, "deploy").unwrap();
            expect(&end, Exit::Done, "destroy").unwrap();
            // Whoever had the lock last has got what was asked for.
            let ended = |played: &Played| played.calls.last().map(|call| call.at);
            match ended(&again) > ended(&end) {
                true => holds(&stage.cloud, flags).await,
                false => nothing_left(&stage.cloud, &before),
            }
            .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            assert_eq!(duplicates(&stage.cloud), [""; 0], "seed {seed}");
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "the last destroy").unwrap();
            let after = ids(&stage.cloud);
            let left: Vec<_> = after.difference(&before).collect();
            assert!(left.is_empty(), "seed {seed}: {left:#?}");
        });
    }
}

/// A deploy dies, and somebody removes its lock, so that a destroy knows nothing of it. What AWS shows
/// only after the destroy has looked is found by its last look.
#[test]
fn what_shows_late_is_removed_by_the_last_look() {
    for (seed, flags) in (0..).zip(STACKS) {
        in_virtual_time(seed, async || {
            let late = [("ec2.visible".to_owned(), 12.0..=14.0)].into();
            let scenario = Scenario { delays: late, ..Scenario::default() };
            let stage = Stage { cloud: Cloud::new(seed, scenario) };
            let before = ids(&stage.cloud);
            let operation = "CreateInternetGateway".to_owned();
            let only = Only { operation, about: String::new(), fault: Fault::CrashAfter };
            stage.cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            assert!(play_until_crash(&stage, &deploy(flags)).await.is_none(), "it dies");
            stage.cloud.set_faults(Faults::default());
            let lock = json!({ "Names": [format!("/ecsup/{}/lock/1", flags[1])] });
            stage.cloud.world(|world| ssm::answer(world, "DeleteParameters", &lock)).unwrap();
            // No listing shows the lock any longer.
            tokio::time::sleep(Duration::from_secs(3)).await;
            expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy").unwrap();
            tokio::time::sleep(SETTLES).await;
            let after = ids(&stage.cloud);
            let left: Vec<_> = after.difference(&before).collect();
            assert!(left.is_empty(), "{flags:?}: {left:#?}");
        });
    }
}

/// The policy that `ecsup permissions` prints for these flags.
pub async fn printed_policy(stage: &Stage, flags: &[&str]) -> String {
    let words = ["permissions", "--region", "us-east-1", flags[0], flags[1]];
    let print = async |words: &[&str]| -> Value {
        let played = stage.play(words).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        serde_json::from_str(&played.recording.out.join("\n")).expect("a policy is JSON")
    };
    let mut policy = print(&words).await;
    // What flags say is not asked for, and this part is in no other.
    if flags.iter().any(|it| it.contains("required") || it.contains("ecr.api")) {
        let part = print(&[&words[..], &["--part", "endpoints"]].concat()).await;
        let more = part["Statement"].as_array().expect("statements").clone();
        policy["Statement"].as_array_mut().expect("statements").extend(more);
    }
    policy.to_string()
}

/// The actions that a policy allows.
fn actions_of(policy: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).expect("a policy is JSON");
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}

/// From now on nothing is allowed but what `ecsup permissions` prints for these flags.
pub async fn obey_the_printed_policy(stage: &Stage, flags: &[&str]) {
    let policy = printed_policy(stage, flags).await;
    let policy = Policy::parse(&policy).expect("the simulator understands the policy");
    stage.cloud.set_policy(policy);
}

/// Checks that nothing was denied, not even something that was then done without.
pub fn nothing_denied(cloud: &Cloud) -> Result<(), String> {
    const DENIED: [&str; 3] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
    let is_denied =
        |call: &Record| call.refused.as_deref().is_some_and(|code| DENIED.contains(&code));
    let denied: Vec<_> = cloud.calls().into_iter().filter(is_denied).collect();
    match denied.is_empty() {
        true => Ok(()),
        false => Err(format!("denied: {denied:#?}")),
    }
}

/// Everything that a printed policy allows was taken.
pub fn nothing_spare(cloud: &Cloud, policy: &str) -> Result<(), String> {
    let taken = cloud.actions();
    let never: Vec<_> = actions_of(policy).into_iter().filter(|it| !taken.contains(it)).collect();
    match never.is_empty() {
        true => Ok(()),
        false => Err(format!("allowed, and never taken: {never:?}")),
    }
}

/// What a stack may live through from its deploy to its destroy.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Usual,
    FreshAccount,
    /// GuardDuty plants an endpoint that only the stack's own destroy removes.
    Planted,
    /// A change of this name.
    Change(&'static str),
    /// The instances of a group that is gone are held by a hook.
    BadDay,
    SilentAgents,
    FailedRollout,
    ChangedByHand,
}

impl Fate {
    fn scenario(self) -> Scenario {
        let usual = Scenario::default();
        match self {
            Self::FreshAccount => Scenario { fresh_account: true, ..usual },
            Self::Planted => Scenario { guard_duty: true, ..usual },
            Self::FailedRollout => Scenario { missing_images: vec![MISSING.into()], ..usual },
            Self::BadDay => {
                Scenario { doubts: vec![Doubt::ForceDeleteKeepsHookedInstances], ..usual }
            }
            Self::Usual | Self::Change(_) | Self::SilentAgents | Self::ChangedByHand => usual,
        }
    }

    async fn befalls(self, stage: &Stage, flags: &[&str]) -> Result<(), String> {
        match self {
            Self::Usual | Self::FreshAccount | Self::Planted => lifecycle_on(stage, flags).await,
            Self::Change(name) => {
                let change = CHANGES.iter().find(|change| change.name == name);
                transition(stage, flags, change.expect("there is such a change")).await
            }
            Self::BadDay => a_bad_day(stage, flags).await,
            Self::SilentAgents => silent_agents(stage, flags).await,
            Self::FailedRollout => a_failed_rollout(stage, flags).await,
            Self::ChangedByHand => changed_by_hand(stage, flags).await,
        }
    }
}

/// Images with this in their names are not there when a rollout is to fail.
const MISSING: &str = "/missing/";

/// A change to an image that is not there: ECS takes the service back, and the next deploy does as well.
async fn a_failed_rollout(stage: &Stage, flags: &[&str]) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy")?;
    let image = format!("public.ecr.aws{MISSING}nginx:1.29");
    let bad = [flags, &["--image", &image]].concat();
    expect(&stage.play(&deploy(&bad)).await, Exit::DeployIncomplete, "the bad deploy")?;
    expect(&stage.play(&["list"]).await, Exit::Done, "list")?;
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "the good deploy")?;
    holds(cloud, flags).await?;
    expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy")?;
    nothing_left(cloud, &before)
}

/// Actions that no call of ecsup's should take, but that the Service Authorization Reference names as
/// dependent actions of one that it makes, whatever the call asks for.
const ONLY_DEPENDENT: [&str; 1] = [
    // Of `CreateLaunchTemplate` and `CreateLaunchTemplateVersion`: a template may name its image by a
    // parameter. Ours names it by its id.
    "ssm:GetParameters",
];

/// Whatever befalls a stack, the printed policy is enough; and there is no action in it that nothing takes.
#[test]
fn the_printed_policy_is_enough_whatever_happens_and_no_more() {
    let of_all = [Fate::Usual, Fate::FreshAccount];
    let of_all = STACKS.iter().flat_map(|flags| of_all.map(|fate| (*flags, fate)));
    let cases: Vec<_> = of_all
        .chain([
            (STACKS[0], Fate::Planted),
            (STACKS[0], Fate::Change("instance type")),
            (STACKS[0], Fate::BadDay),
            (STACKS[0], Fate::SilentAgents),
            (STACKS[0], Fate::FailedRollout),
            (STACKS[0], Fate::ChangedByHand),
            (STACKS[6], Fate::ChangedByHand),
            (STACKS[2], Fate::ChangedByHand),
            (WITH_ENDPOINT, Fate::ChangedByHand),
            (CLOSED[0], Fate::ChangedByHand),
            (CLOSED[1], Fate::Planted),
        ])
        .collect();
    let (printed, taken) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let play = |number: u64| {
        let (flags, fate) = cases[usize::try_from(number).expect("few cases")];
        in_virtual_time(number, async || {
            let stage = Stage { cloud: Cloud::new(number, fate.scenario()) };
            let policy = printed_policy(&stage, flags).await;
            printed.lock().unwrap().extend(actions_of(&policy));
            stage.cloud.set_policy(Policy::parse(&policy).unwrap());
            fate.befalls(&stage, flags).await?;
            taken.lock().unwrap().extend(stage.cloud.actions());
            no_defects(&stage.cloud)?;
            nothing_denied(&stage.cloud)
        })
        .map_err(|why| format!("{flags:?}, {fate:?}: {why}"))
    };
    let failed = on_all_processors(cases.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    in_virtual_time(0, async || {
        let stage = Stage { cloud: Cloud::new(0, Scenario::default()) };
        let policy = printed_policy(&stage, &["--pattern", "internal-worker"]).await;
        stage.cloud.set_policy(Policy::parse(&policy).unwrap());
        crate::many::rules_come_and_go(&stage).await;
        crate::many::deploy(&stage.cloud, &crate::many::article()).await;
        expect(&stage.play(&["status", "main"]).await, Exit::Done, "status").unwrap();
        // Who is asked is told the account's alias.
        let asked = stage.play_answering(&["destroy", "main"], &["no"]).await;
        expect(&asked, Exit::Refused, "a destroy that is declined").unwrap();
        taken.lock().unwrap().extend(stage.cloud.actions());
        nothing_denied(&stage.cloud).unwrap();
    });
    let (printed, taken) = (printed.into_inner().unwrap(), taken.into_inner().unwrap());
    let never: Vec<_> = printed.difference(&taken).collect();
    assert_eq!(never, ONLY_DEPENDENT, "the policy allows what nothing takes");
}

#[test]
fn an_error_names_the_action_that_the_policy_lacks() {
    let flags = STACKS[0];
    let play = |action: &str| {
        in_virtual_time(1, async || {
            let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
            let mut policy: Value =
                serde_json::from_str(&printed_policy(&stage, flags).await).unwrap();
            for statement in policy["Statement"].as_array_mut().unwrap() {
                if let Value::Array(actions) = &mut statement["Action"] {
                    actions.retain(|other| other != action);
                } else if statement["Action"] == action {
                    statement["Action"] = Value::Array(Vec::new());
                }
            }
            stage.cloud.set_policy(Policy::parse(&policy.to_string()).unwrap());
            let deployed = stage.play(&deploy(flags)).await;
            let destroyed = stage.play(&destroy(flags)).await;
            let said = [deployed.said(), destroyed.said()].concat();
            let both = deployed.exit == Exit::Done && destroyed.exit == Exit::Done;
            match both || said.contains(action) {
                true => None,
                false => Some(format!("{action}:\n{said}")),
            }
        })
    };
    let all = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        actions_of(&printed_policy(&stage, flags).await)
    });
    let all: Vec<_> = all.into_iter().collect();
    let silent = on_all_processors(all.len() as u64, |number| {
        play(&all[usize::try_from(number).unwrap()]).map_or(Ok(()), Err)
    });
    assert!(silent.is_empty(), "{}", silent.join("\n\n"));
}
