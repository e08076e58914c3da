//! Services that are found by names in the VPC: each name stands for the tasks that run, exactly those reach
//! them who may, and nothing of it is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::doubt::Doubt;
use aws_sim::ec2::{self, NetworkOfSomebody};
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use ecsup::spec::Spec;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::goal::discovery::{addresses, resolved, unnamed};
use crate::goal::scaling::ask;
use crate::manifest::{spec, written};
use crate::proofs::{
    expect, ids, no_defects, nothing_denied, nothing_in_vain, nothing_left, nothing_spare,
    on_all_processors, play_until_crash,
};
use crate::stage::{done, usual};

const STACK: &str = "shop";

/// How all of them begin.
const TOP: &str = "stack = 'shop'
pattern = 'fargate-api'
network.nat = 'single'
[service.web]
image = 'nginx:1'
";

/// How services are found, by a word: how each goes on.
const WAYS: &[(&str, &str)] = &[
    ("alone", ""),
    ("one that nobody finds", "[service.db]\nimage = 'redis:1'\ningress = 'none'"),
    (
        "one that all may call",
        "[service.db]\nimage = 'redis:1'\ningress = 'none'\nport = 6379\ndiscovery = 'dns'",
    ),
    (
        "two, which call each other at other ports",
        "discovery = 'dns'\ncallers = ['db']\n[service.db]\nimage = 'redis:1'\ningress = 'none'\n\
         port = 6380\ndiscovery = 'dns'\ncallers = ['web']",
    ),
    (
        "one that nobody may call",
        "[service.db]\nimage = 'redis:1'\ningress = 'none'\nport = 6379\ndiscovery = 'dns'\ncallers = []",
    ),
];

/// A manifest in a folder, and what it asks for.
struct Manifest {
    _folder: TempDir,
    path: String,
    spec: Spec,
}

impl Manifest {
    fn of(text: &str) -> Self {
        let (folder, path) = written(text);
        let spec = spec(&path);
        Self { _folder: folder, path, spec }
    }

    /// One that goes on with these lines after those of its first service.
    fn with(more: &str) -> Self {
        Self::of(&format!("{TOP}{more}\n"))
    }

    fn deploy(&self) -> Vec<&str> {
        vec!["deploy", "--yes", "--file", &self.path, "--remove", "db"]
    }

    /// What is not as asked for, once the last tasks have come and gone.
    async fn holds(&self, cloud: &Cloud) -> Result<(), String> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        let faults = cloud.world(|world| world.once_caught_up(|world| unnamed(world, &self.spec)));
        if faults.is_empty() { Ok(()) } else { Err(format!("does not hold: {faults:#?}")) }
    }
}

fn destroy() -> [&'static str; 3] {
    ["destroy", "--yes", STACK]
}

fn by_hand(stage: &Stage, operation: &str, input: Value) -> Value {
    stage.cloud.world(|world| ask(world, "servicediscovery", operation, input))
}

fn found(stage: &Stage, service: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    stage.cloud.world(|world| (resolved(world, STACK, service), addresses(world, STACK, service)))
}

/// The name of a service, as Cloud Map lists it.
fn registry(stage: &Stage, name: &str) -> Value {
    let all = by_hand(stage, "ListServices", json!({}));
    all.list("Services").iter().find(|it| it.text("Name") == name).cloned().unwrap_or_default()
}

async fn goes(stage: &Stage, from: &Manifest, to: &Manifest) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    let first = stage.play(&from.deploy()).await;
    expect(&first, Exit::Done, "deploy")?;
    nothing_in_vain(cloud, &first)?;
    from.holds(cloud).await?;
    expect(&stage.play(&to.deploy()).await, Exit::Done, "the change")?;
    to.holds(cloud).await?;
    let again = stage.play(&to.deploy()).await;
    expect(&again, Exit::Done, "the second deploy")?;
    if !again.changes().is_empty() {
        return Err(format!("the second deploy is not silent: {:?}", again.changes()));
    }
    expect(&stage.play(&destroy()).await, Exit::Done, "destroy")?;
    no_defects(cloud)?;
    nothing_left(cloud, &before)
}

#[test]
fn from_every_way_to_be_found_to_every_other() {
    let manifests: Vec<_> = WAYS.iter().map(|(name, more)| (*name, Manifest::with(more))).collect();
    let pairs = manifests.iter().flat_map(|from| manifests.iter().map(move |to| (from, to)));
    let pairs: Vec<_> = pairs.filter(|(from, to)| from.0 != to.0).collect();
    let play = |seed: u64| {
        let ((from_name, from), (to_name, to)) = pairs[usize::try_from(seed).expect("few pairs")];
        in_virtual_time(seed, async || goes(&usual(seed), from, to).await)
            .map_err(|why| format!("from {from_name} to {to_name}: {why}"))
    };
    let failed = on_all_processors(pairs.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// The calls at which a run dies; what is only looked at has no effect.
const CALLS: [&str; 8] = [
    "TagResource",
    "CreatePrivateDnsNamespace",
    "GetOperation",
    "CreateService",
    "UpdateService",
    "DeleteService",
    "DeregisterInstance",
    "DeleteNamespace",
];

/// Wherever a command dies that makes, changes or removes names, before the effect of a call or after it, the
/// next ones have them as asked for, and a destroy leaves nothing, also right after it.
#[test]
fn what_died_among_names_is_gone_on_with() {
    let [alone, all, two] = [0, 2, 3].map(|at| Manifest::with(WAYS[at].1));
    let changes: [(&Manifest, Option<&Manifest>); 4] =
        [(&alone, Some(&all)), (&all, Some(&two)), (&all, Some(&alone)), (&two, None)];
    let faults = [Fault::CrashBefore, Fault::CrashAfter];
    let lives = changes.iter().flat_map(|(from, to)| {
        let deaths = CALLS.iter().flat_map(|it| faults.into_iter().map(move |fault| (*it, fault)));
        deaths.flat_map(move |death| [true, false].map(|again| (*from, *to, death, again)))
    });
    let lives: Vec<_> = lives.collect();
    let play = |number: u64| {
        let (from, to, (operation, fault), again) =
            lives[usize::try_from(number).expect("few lives")];
        in_virtual_time(number, async || {
            // Half of the worlds leave instances behind, which a destroy has to clear up.
            let doubts = match number % 2 {
                0 => vec![Doubt::ServiceLeavesInstances],
                _ => Vec::new(),
            };
            let scenario = Scenario { doubts, ..Scenario::default() };
            let stage = Stage { cloud: Cloud::new(number, scenario) };
            let cloud = &stage.cloud;
            let before = ids(cloud);
            expect(&stage.play(&from.deploy()).await, Exit::Done, "deploy")?;
            let only = Only { operation: operation.to_owned(), about: String::new(), fault };
            cloud.set_faults(Faults { only: Some(only), ..Faults::default() });
            let words = to.map_or(destroy().to_vec(), Manifest::deploy);
            // Not each of them makes each of the calls.
            let _ended = play_until_crash(&stage, &words).await;
            cloud.set_faults(Faults::default());
            if again {
                let to = to.unwrap_or(from);
                expect(&stage.play(&to.deploy()).await, Exit::Done, "the next deploy")?;
                to.holds(cloud).await?;
                let again = stage.play(&to.deploy()).await;
                if !again.changes().is_empty() {
                    return Err(format!("then it is not silent: {:?}", again.changes()));
                }
            }
            expect(&stage.play(&destroy()).await, Exit::Done, "destroy")?;
            no_defects(cloud)?;
            tokio::time::sleep(Duration::from_mins(3)).await;
            nothing_left(cloud, &before)
        })
        .map_err(|why| format!("{operation}, {fault:?}, deployed again {again}: {why}"))
    };
    let failed = on_all_processors(lives.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Facts about names that only AWS can confirm: a destroy leaves nothing, whichever way they fall.
#[test]
fn what_outlives_a_service_or_a_namespace_is_waited_for() {
    for (seed, doubt) in (0..).zip([Doubt::ServiceLeavesInstances, Doubt::ZoneOutlivesNamespace]) {
        in_virtual_time(seed, async || {
            let scenario = Scenario { doubts: vec![doubt], ..Scenario::default() };
            let stage = Stage { cloud: Cloud::new(seed, scenario) };
            let before = ids(&stage.cloud);
            done(&stage, &Manifest::with(WAYS[3].1).deploy()).await;
            let gone = done(&stage, &destroy()).await;
            nothing_left(&stage.cloud, &before).unwrap();
            let is_deregistration = |call: &str| call == "DeregisterInstance";
            let cleared = gone.changes().iter().any(|it| is_deregistration(it));
            assert!(cleared || doubt == Doubt::ZoneOutlivesNamespace, "{:?}", gone.changes());
        });
    }
}

/// A name that somebody has removed is made again, and tasks that run answer to it again, which ECS would not
/// see to by itself.
#[test]
fn a_name_that_was_removed_by_hand_is_answered_to_again() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let before = ids(&stage.cloud);
        let manifest = Manifest::with(WAYS[2].1);
        done(&stage, &manifest.deploy()).await;
        manifest.holds(&stage.cloud).await.unwrap();
        let name = registry(&stage, "db");
        let of = json!({ "ServiceId": name["Id"] });
        for instance in by_hand(&stage, "ListInstances", of).list("Instances") {
            let one = json!({ "ServiceId": name["Id"], "InstanceId": instance["Id"] });
            by_hand(&stage, "DeregisterInstance", one);
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        by_hand(&stage, "DeleteService", json!({ "Id": name["Id"] }));
        assert_eq!(found(&stage, "db").0, BTreeSet::new());
        let mended = done(&stage, &manifest.deploy()).await;
        let mut changes = mended.changes();
        // Those are the lock's.
        changes.retain(|it| !it.contains("Parameter"));
        assert_eq!(changes, ["CreateService", "UpdateService"]);
        assert_eq!(registry(&stage, "db")["Id"], name["Id"]);
        manifest.holds(&stage.cloud).await.unwrap();
        assert_eq!(done(&stage, &manifest.deploy()).await.changes(), [""; 0]);
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// What somebody else has put into the namespace stays, holds it, and is named.
#[test]
fn what_is_not_the_stacks_own_in_its_namespace_stays() {
    in_virtual_time(2, async || {
        let stage = usual(2);
        done(&stage, &Manifest::with(WAYS[2].1).deploy()).await;
        let namespaces = by_hand(&stage, "ListNamespaces", json!({}));
        let theirs = json!({
            "Name": "theirs",
            "NamespaceId": namespaces["Namespaces"][0]["Id"],
            "DnsConfig": { "DnsRecords": [{ "Type": "A", "TTL": 60 }] },
        });
        by_hand(&stage, "CreateService", theirs);
        let instance = json!({
            "ServiceId": registry(&stage, "db")["Id"],
            "InstanceId": "theirs",
            "Attributes": { "AWS_INSTANCE_IPV4": "10.0.0.9" },
        });
        by_hand(&stage, "RegisterInstance", instance.clone());
        let held = stage.play(&[&destroy()[..], &["--timeout", "20m"]].concat()).await;
        assert_ne!(held.exit, Exit::Done);
        assert!(held.said().contains("the instance theirs (10.0.0.9)"), "{}", held.said());
        by_hand(&stage, "DeregisterInstance", instance);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let held = stage.play(&[&destroy()[..], &["--timeout", "20m"]].concat()).await;
        assert_ne!(held.exit, Exit::Done);
        assert!(held.said().contains("the Cloud Map service `theirs`"), "{}", held.said());
        by_hand(&stage, "DeleteService", json!({ "Id": registry(&stage, "theirs")["Id"] }));
        done(&stage, &destroy()).await;
    });
}

const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// The same stack in a network that somebody else made.
const INSIDE: &str = "stack = 'shop'
pattern = 'internal-worker'
network.existing = { vpc = 'vpc-0a1b2c3d4e5f60718', private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', \
    'subnet-0bbbbbbbbbbbbbbbb'] }
defaults = { run_on = 'fargate', ingress = 'none', discovery = 'dns' }
[service.web]
image = 'nginx:1'
[service.db]
image = 'redis:1'
port = 6379
callers = ['web']
";

fn with_network(seed: u64) -> Stage {
    let stage = usual(seed);
    let ids = |all: &[&str]| all.iter().map(|id| format!("subnet-0{}", id.repeat(16))).collect();
    stage.cloud.world(|world| {
        let (public, private) = (ids(&["c", "d"]), ids(&["a", "b"]));
        ec2::add_network(world, &NetworkOfSomebody { vpc: VPC.to_owned(), public, private });
    });
    stage
}

/// A zone that somebody has made, of the name that the namespace would have.
fn make_zone(stage: &Stage) {
    let zone = json!({
        "Name": "svc.shop.internal",
        "CallerReference": "theirs",
        "VPC": { "VPCRegion": "us-east-1", "VPCId": VPC },
    });
    stage.cloud.world(|world| ask(world, "route53", "CreateHostedZone", zone));
}

fn error(played: &Played) -> String {
    let said = played.said();
    said[said.find("error: ").unwrap_or_default()..].to_owned()
}

/// A zone of somebody is found before anything is made, and one that comes in between is told in the words of
/// the operation that failed for it.
#[test]
fn a_zone_of_somebody_else_is_told() {
    in_virtual_time(3, async || {
        let stage = with_network(3);
        let manifest = Manifest::of(INSIDE);
        make_zone(&stage);
        let before = ids(&stage.cloud);
        let refused = stage.play(&manifest.deploy()).await;
        let changes = refused.changes().len();
        assert_eq!((refused.exit, changes), (Exit::Refused, 0), "{}", refused.said());
        let told = "`svc.shop.internal` of vpc-0a1b2c3d4e5f60718";
        assert!(refused.said().contains(told), "{}", refused.said());
        assert_eq!(ids(&stage.cloud), before);
    });
    in_virtual_time(4, async || {
        let stage = with_network(4);
        let manifest = Manifest::of(INSIDE);
        let before = ids(&stage.cloud);
        let meanwhile = async {
            let under_way = || by_hand(&stage, "ListOperations", json!({}));
            while under_way().list("Operations").is_empty() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            make_zone(&stage);
            std::future::pending::<()>().await;
        };
        let words = manifest.deploy();
        let failed = tokio::select! {
            played = stage.play(&words) => played,
            () = meanwhile => unreachable!(),
        };
        assert_eq!(failed.exit, Exit::DeployIncomplete, "{}", failed.said());
        let told = error(&failed);
        assert!(told.contains("CANNOT_CREATE_HOSTED_ZONE: The VPC that you chose"), "{told}");
        done(&stage, &destroy()).await;
        let zone = |id: &&String| id.starts_with('Z');
        let left: Vec<_> = ids(&stage.cloud).difference(&before).cloned().collect();
        assert_eq!(left.iter().filter(zone).count(), left.len(), "{left:?}");
    });
}

#[test]
fn names_are_known_in_a_network_of_somebody_else() {
    in_virtual_time(5, async || {
        let stage = with_network(5);
        let before = ids(&stage.cloud);
        let manifest = Manifest::of(INSIDE);
        done(&stage, &manifest.deploy()).await;
        manifest.holds(&stage.cloud).await.unwrap();
        assert_eq!(done(&stage, &manifest.deploy()).await.changes(), [""; 0]);
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// With the printed policy and its part for names everything passes, and there is nothing in that part that
/// nothing takes.
#[test]
fn the_part_for_names_is_enough_and_no_more() {
    in_virtual_time(6, async || {
        let scenario =
            Scenario { doubts: vec![Doubt::ServiceLeavesInstances], ..Scenario::default() };
        let stage = Stage { cloud: Cloud::new(6, scenario) };
        let ids_of = |all: &[&str]| {
            all.iter().map(|id| format!("subnet-0{}", id.repeat(16))).collect::<Vec<_>>()
        };
        stage.cloud.world(|world| {
            let (public, private) = (ids_of(&["c", "d"]), ids_of(&["a", "b"]));
            ec2::add_network(world, &NetworkOfSomebody { vpc: VPC.to_owned(), public, private });
        });
        let before = ids(&stage.cloud);
        let inside = Manifest::of(INSIDE);
        let printed = async |more: &[&str]| {
            let words = [&["permissions", "--region", "us-east-1"], more].concat();
            done(&stage, &words).await.recording.out.join("\n")
        };
        let part = printed(&["--part", "discovery"]).await;
        let parts = [
            printed(&[]).await,
            part.clone(),
            printed(&["--part", "existing-network", "--file", &inside.path]).await,
        ];
        let policies = parts.map(|it| Policy::parse(&it).expect("a policy"));
        stage.cloud.set_policy(Policy::all(policies));
        let tagged = Manifest::of(&format!("tags = {{ team = 'a' }}\n{TOP}{}\n", WAYS[3].1));
        for to in [&Manifest::with(WAYS[3].1), &tagged, &Manifest::with("")] {
            done(&stage, &to.deploy()).await;
            to.holds(&stage.cloud).await.unwrap();
        }
        done(&stage, &destroy()).await;
        done(&stage, &inside.deploy()).await;
        done(&stage, &destroy()).await;
        nothing_denied(&stage.cloud).unwrap();
        nothing_left(&stage.cloud, &before).unwrap();
        nothing_spare(&stage.cloud, &part).unwrap();
    });
}

/// What a deploy that has nothing to do asks more where services have names: for the namespace, its tags and whether
/// it goes, for the names and the tags of each. Where none has one, it asks nothing.
#[test]
fn names_take_few_calls_more_and_none_where_there_are_none() {
    let calls = |more: &str| {
        in_virtual_time(7, async || {
            let stage = usual(7);
            let manifest = Manifest::with(more);
            let first = done(&stage, &manifest.deploy()).await;
            let silent = done(&stage, &manifest.deploy()).await;
            let destroyed = done(&stage, &destroy()).await;
            let names = [&first, &silent, &destroyed].map(|played| {
                played.calls.iter().filter(|it| it.service == "servicediscovery").count()
            });
            (silent.calls.len(), names)
        })
    };
    let (without, none) = calls(WAYS[1].1);
    let (with, some) = calls(WAYS[2].1);
    assert_eq!(none, [0, 0, 0]);
    assert_eq!((with - without, some[1]), (5, 5));
}

/// What runs is written back, and by flags, which cannot say it, it does not go unseen.
#[test]
fn names_are_written_back_and_not_lost_by_oversight() {
    in_virtual_time(8, async || {
        let stage = usual(8);
        for (_, more) in &WAYS[2..] {
            let manifest = Manifest::with(more);
            done(&stage, &manifest.deploy()).await;
            // Until EC2 shows no rule any more that is gone.
            tokio::time::sleep(Duration::from_secs(30)).await;
            let (folder, _) = written("");
            let other = folder.path().join("other.toml").display().to_string();
            done(&stage, &["init", "--from", STACK, "--file", &other]).await;
            let text = fs::read_to_string(&other).unwrap();
            let planned = stage.play(&["plan", "--exit-code", "--file", &other]).await;
            assert_eq!(planned.exit, Exit::Done, "{text}\n{:?}", planned.recording.out);
            assert!(text.contains("discovery = \"dns\""), "{text}");
            assert_eq!(spec(&other).services.len(), manifest.spec.services.len());
            done(&stage, &["status", STACK]).await;
            done(&stage, &["list"]).await;
        }
        done(&stage, &Manifest::with("discovery = 'dns'\ncallers = []").deploy()).await;
        let flags = ["--pattern", "fargate-api", "--stack", STACK, "--nat", "single"];
        let refused = stage.play(&[&["deploy", "--yes"], &flags[..]].concat()).await;
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.said().contains("discovery dns (removed)"), "{}", refused.said());
    });
}

/// The manifest that the page shows.
#[test]
fn the_manifest_of_the_page_about_names_is_deployed_stays_and_goes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/discovery.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, text) = page.split_once("```toml\n").expect("a manifest");
    let shown = Manifest::of(text.split_once("```").expect("it ends").0);
    in_virtual_time(9, async || {
        let stage = usual(9);
        let before = ids(&stage.cloud);
        done(&stage, &shown.deploy()).await;
        shown.holds(&stage.cloud).await.unwrap();
        assert_eq!(done(&stage, &shown.deploy()).await.changes(), [""; 0]);
        done(&stage, &destroy()).await;
        nothing_left(&stage.cloud, &before).unwrap();
    });
}

/// Of one service alone its own name and whom it may call are brought up to date.
#[test]
fn only_the_name_of_one_service_is_brought_up_to_date() {
    in_virtual_time(10, async || {
        let stage = usual(10);
        done(&stage, &Manifest::with(WAYS[1].1).deploy()).await;
        let two = Manifest::with(WAYS[3].1);
        done(&stage, &["deploy", "--yes", "--file", &two.path, "--only", "db"]).await;
        assert_eq!(registry(&stage, "web"), Value::Null);
        tokio::time::sleep(Duration::from_mins(2)).await;
        let (is, wanted) = found(&stage, "db");
        assert_eq!((is.len(), &is), (2, &wanted));
        done(&stage, &two.deploy()).await;
        two.holds(&stage.cloud).await.unwrap();
    });
}
