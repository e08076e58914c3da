//! `ecsup rehearse`: plays a stack's whole life against simulated AWS, in virtual time.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use aws_sim::cloud::Cloud;
use aws_sim::ec2::{self, NetworkOfSomebody};
use aws_sim::faults::Faults;
use aws_sim::listen::listen;
use aws_sim::policy::Policy;
use aws_sim::scenario::{self, NAMED, Named};
use aws_sim::world::World;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::net::TcpListener;

use super::deploy::DeployArgs;
use super::destroy::DestroyArgs;
use super::doctor::PreflightArgs;
use super::drive::Interrupts;
use super::error::{CommandError, ErrorKind};
use super::locked::LockArgs;
use super::output::Output;
use super::{Cli, Command, Done, Exit, Global, Outcome, wish};
use crate::engine::event::duration;
use crate::spec::{EnvValue, ExistingZone, Nat, SecretSource, Service, Spec, SpecError};
use crate::ui::Screen;
use crate::wish::{Answers, FileFlags, ServiceFlags};

mod report;
mod stage;

use stage::REHEARSED_REGION;
pub use stage::{Played, Stage, in_virtual_time, sdk_config};

/// What `ecsup rehearse` takes: what deploy takes, but for what is asked and for other runs, which there
/// are none of; and what kind of world to play in.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Let deploys return when everything is made, without waiting until it is ready
    #[arg(long, env = "ECSUP_NO_WAIT", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub no_wait: bool,

    /// What is unusual about the world
    #[arg(long, help_heading = WORLD, env = "ECSUP_SCENARIO", hide_env_values = true,
        default_value = "usual",
        value_parser = PossibleValuesParser::new(NAMED.iter().map(|named| named.name)))]
    pub scenario: String,

    /// Which of the many possible worlds; the same one plays the same to the last call
    #[arg(long, help_heading = WORLD, env = "ECSUP_SEED", hide_env_values = true,
        default_value_t = 1)]
    pub seed: u64,

    /// Let the first deploy die when it makes its Nth call, and another one go on
    #[arg(long, help_heading = WORLD, env = "ECSUP_CRASH_AT", hide_env_values = true,
        value_name = "N", conflicts_with = "listen", value_parser = clap::value_parser!(u32).range(1..))]
    pub crash_at: Option<u32>,

    /// What goes wrong with calls on their way
    #[arg(long, help_heading = WORLD, env = "ECSUP_FAULTS", hide_env_values = true, value_enum,
        default_value = "none")]
    pub faults: OnTheWay,

    /// The IAM policy of whoever calls, such as `ecsup permissions` prints [default: all is allowed]
    #[arg(long, help_heading = WORLD, env = "ECSUP_POLICY", hide_env_values = true,
        value_name = "FILE")]
    pub policy: Option<PathBuf>,

    /// Serve the simulated account to other AWS clients of this machine, with the stack in it when one
    /// is described
    #[arg(long, help_heading = WORLD, env = "ECSUP_LISTEN", hide_env_values = true,
        value_name = "ADDRESS:PORT", value_parser = of_this_machine)]
    pub listen: Option<SocketAddr>,

    /// Simulated seconds in a real one, while it is served. Clients keep their own pauses
    #[arg(long, help_heading = WORLD, env = "ECSUP_SPEED", hide_env_values = true, value_name = "N",
        default_value_t = 1, requires = "listen",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub speed: u32,

    /// How to print what was played
    #[arg(
        long,
        value_enum,
        env = "ECSUP_OUTPUT",
        hide_env_values = true,
        default_value = "text",
        conflicts_with = "listen"
    )]
    pub output: Output,
}

const WORLD: &str = "World";

/// What goes wrong with calls on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnTheWay {
    /// Nothing
    None,
    /// Now and then everything: throttling, server errors, lost calls, lost answers, silence
    Rough,
}

impl OnTheWay {
    fn faults(self) -> Faults {
        match self {
            Self::None => Faults::default(),
            Self::Rough => Faults::rough(),
        }
    }
}

/// An address that only this machine can reach: the account takes any key.
fn of_this_machine(text: &str) -> Result<SocketAddr, String> {
    let address = text.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>();
    match address {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("only addresses of this machine, such as 127.0.0.1:4566".to_owned()),
        Err(_) => Err("an address and a port, such as 127.0.0.1:4566".to_owned()),
    }
}

/// Reads a policy document.
fn read_policy(path: &Path) -> Result<Policy, SpecError> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
    let policy = text.and_then(|text| {
        Policy::parse(&text)
            .map_err(|why| format!("must be an IAM policy that the simulator understands: {why}"))
    });
    let value = path.display().to_string();
    policy.map_err(|rule| SpecError::new("--policy", value, rule))
}

/// Why a scenario shows nothing with this stack: it would be the usual world.
fn why_not_played(named: &Named, spec: &Spec) -> Option<SpecError> {
    let scenario = named.scenario();
    let rule = if scenario.is_of_instances() && spec.instances.is_none() {
        format!("is about EC2 instances, and {} has none", spec.pattern_name())
    } else if spec.network.existing().is_some() && scenario.is_of_own_network() {
        "is about what belongs to a network of the stack's own, and this one is somebody else's"
            .to_owned()
    } else if scenario.is_of_nat_gateways()
        && spec.network.own().is_some_and(|network| network.nat == Nat::None)
    {
        "is about NAT gateways, and with --nat none there is none".to_owned()
    } else {
        return None;
    };
    Some(SpecError::new("--scenario", named.name.to_owned(), rule))
}

/// One command of the play.
struct Act {
    title: String,
    played: Played,
    /// The call at which it died, and its operation.
    died: Option<(u32, String)>,
}

/// Runs the command, on a clock that has stood still from the beginning: see [`in_virtual_time`].
pub async fn rehearse(args: &RehearseArgs, global: &Global, screen: &Screen) -> Outcome {
    let region = global.region.clone().unwrap_or_else(|| REHEARSED_REGION.to_owned());
    let account = Some(aws_sim::arn::ACCOUNT.to_owned());
    let answers = Answers { region: Some(region), account, ..Answers::default() };
    let wish = wish::said_with(&args.flags, &answers);
    if let Some(open) = wish.open.first() {
        wish.check_open().map_err(CommandError::usage)?;
        let why = format!("${{{open}}} is what AWS has, and a rehearsal asks nothing there");
        return Err(
            CommandError::refused(why).hint("rehearse a manifest that says the value itself")
        );
    }
    let alone = args.listen.is_some() && wish.is_by_flags() && args.flags.pattern.is_none();
    let spec = (!alone).then(|| wish::checked(&wish)).transpose()?;
    let world = scenario::named(&args.scenario).unwrap_or(&NAMED[0]);
    if let Some(error) = spec.as_ref().and_then(|spec| why_not_played(world, spec)) {
        return Err(CommandError::usage([error]));
    }
    let policy = args.policy.as_deref().map(read_policy).transpose();
    let policy = policy.map_err(|error| CommandError::usage([error]))?;
    fastrand::seed(args.seed);
    let stage = Stage { cloud: Cloud::new(args.seed, world.scenario()) };
    stage.cloud.set_faults(args.faults.faults());
    policy.into_iter().for_each(|policy| stage.cloud.set_policy(policy));
    let region = wish.table.text("region").or(global.region.as_deref());
    let region = region.unwrap_or(REHEARSED_REGION);
    spec.iter().for_each(|spec| add_existing_network(&stage.cloud, spec, region));
    spec.iter().for_each(|spec| add_existing_zones(&stage.cloud, spec));
    spec.iter().for_each(|spec| add_secrets(&stage.cloud, spec));
    spec.iter().for_each(|spec| add_certificates(&stage.cloud, spec));
    match (args.listen, spec) {
        (Some(address), spec) => serve(&stage, address, spec.is_some(), args, global, screen).await,
        (None, Some(spec)) => play_all(&stage, &spec, args, global, screen).await,
        (None, None) => Ok(Done::Done),
    }
}

/// Makes the network that a spec takes for granted: one in which everything is right, with NAT gateways.
pub fn add_existing_network(cloud: &Cloud, spec: &Spec, region: &str) {
    let Some(network) = spec.network.existing() else { return };
    let texts = |ids: &BTreeSet<String>| ids.iter().cloned().collect();
    let network = NetworkOfSomebody {
        vpc: network.vpc.clone(),
        public: texts(&network.public),
        private: texts(&network.private),
    };
    cloud.world(|world| {
        let here = world.region.clone();
        world.enter(region);
        ec2::add_network(world, &network);
        world.enter(&here);
    });
}

/// Makes the zones that a spec takes for granted, as somebody would have made them.
fn add_existing_zones(cloud: &Cloud, spec: &Spec) {
    let mut there = BTreeSet::new();
    for (scheme, ingress) in spec.ingresses() {
        let mut names =
            spec.services.iter().filter_map(|it| it.route(scheme)).flat_map(|it| &it.names);
        let (name, id) = match &ingress.existing_zone {
            Some(ExistingZone::Named(name)) => (Some(name.as_str()), None),
            // The names in it tell what it is called.
            Some(ExistingZone::Id(id)) => {
                let parent = names.next().and_then(|name| name.split_once('.'));
                (parent.map(|(_, parent)| parent), Some(id.as_str()))
            }
            None => continue,
        };
        let name = name.unwrap_or("example.com");
        if !there.insert((name, id)) {
            continue;
        }
        cloud.world(|world| aws_sim::route53::add_zone(world, name, id));
    }
}

/// Makes the certificates that a spec takes for granted, each for all hosts of its load balancer and in the
/// region that its ARN names.
fn add_certificates(cloud: &Cloud, spec: &Spec) {
    for (scheme, ingress) in spec.ingresses() {
        let routes = spec.services.iter().filter_map(|it| it.route(scheme));
        let hosts: Vec<_> =
            routes.flat_map(|it| it.hosts.iter().chain(&it.names)).map(String::as_str).collect();
        for arn in ingress.tls.iter().flat_map(|tls| &tls.certificates) {
            let region = arn.split(':').nth(3).unwrap_or_default();
            cloud.world(|world| {
                let here = world.region.clone();
                world.enter(region);
                aws_sim::acm::add_as(world, arn, &hosts, "ISSUED");
                world.enter(&here);
            });
        }
    }
}

/// Makes the secrets that a spec takes for granted, as somebody would have made them.
fn add_secrets(cloud: &Cloud, spec: &Spec) {
    let of_containers = spec.services.iter().flat_map(Service::secrets_of_containers);
    for source in of_containers.flat_map(|(_, secrets)| secrets.values()) {
        // One that is there already is there for another service, too.
        let _ = cloud.world(|world| match source {
            SecretSource::Parameter(name) => aws_sim::ssm::add(world, name, "rehearsed"),
            SecretSource::Secret { id, part } => {
                let key = part.split(':').nth(1).unwrap_or_default();
                let value = json!({ key: "rehearsed" }).to_string();
                let id = id.as_str();
                aws_sim::secretsmanager::add(world, id, &value)
            }
        });
    }
}

/// Plays the stack's life and prints it.
async fn play_all(
    stage: &Stage,
    spec: &Spec,
    args: &RehearseArgs,
    global: &Global,
    screen: &Screen,
) -> Outcome {
    let cloud = &stage.cloud;
    let before = cloud.world(World::ids);
    let mut acts: Vec<Act> = Vec::new();
    let lives = |title: &str, played| Act { title: title.to_owned(), played, died: None };
    if let Some(at) = args.crash_at {
        let index = usize::try_from(at - 1).unwrap_or(usize::MAX);
        let (played, has_died) = stage.run_until_crash(deploy(args, global, |_| {}), index).await;
        let operation = played.calls.get(index).map(|call| call.operation.clone());
        let died = operation.filter(|_| has_died).map(|operation| (at, operation));
        let title = match died {
            Some(_) => "deploy".to_owned(),
            None => format!("deploy, which made no call number {at}"),
        };
        acts.push(Act { title, played, died });
    }
    acts.push(lives("deploy", stage.run(deploy(args, global, |_| {})).await));
    let deployed = acts.last().is_some_and(|act| act.played.exit == Exit::Done);
    if deployed {
        acts.push(lives("deploy again", stage.run(deploy(args, global, |_| {})).await));
        let (title, changed) = match spec.services.as_slice() {
            [first, _, ..] => {
                let fixed = spec.services.iter().find(|it| it.scaling.is_none());
                let service = fixed.unwrap_or(first);
                let count = format!("{}={}", service.name, service.count + 1);
                let more =
                    if fixed.is_some() { "one more task" } else { "a fixed number of tasks" };
                let title = format!("deploy with {more} of {}", service.name);
                (title, deploy(args, global, |flags| flags.count.push(count)))
            }
            _ => {
                let changed = deploy(args, global, |flags| flags.env.push(one_more(flags)));
                ("deploy with one more --env".to_owned(), changed)
            }
        };
        acts.push(lives(&title, stage.run(changed).await));
    }
    acts.push(lives("destroy", stage.run(destroy(spec, global)).await));
    let after = cloud.world(World::ids);
    // The roles of AWS's services belong to the account and stay, as on AWS.
    let stays = |id: &&String| id.contains(":role/aws-service-role/");
    let left: BTreeSet<String> =
        after.difference(&before).filter(|id| !stays(id)).cloned().collect();
    let verdict = verdict(&acts, &left);
    match args.output {
        Output::Text => report::print(args, spec, &acts, &left, &verdict, screen),
        Output::Json => {
            screen.out(&report::to_json(args, spec, &acts, &left, &verdict).to_string());
        }
    }
    let ends = acts.iter().filter(|act| act.died.is_none()).map(|act| act.played.exit);
    Ok(Done::Played(ends.into_iter().find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done)))
}

/// A deploy as a user would type it.
fn deploy(args: &RehearseArgs, global: &Global, change: impl FnOnce(&mut ServiceFlags)) -> Cli {
    let mut flags = args.flags.clone();
    change(&mut flags);
    let (no_wait, lock) = (args.no_wait, LockArgs::default());
    let deploy = DeployArgs {
        flags,
        yes: true,
        no_wait,
        force: false,
        remove: Vec::new(),
        only: None,
        ttl: None,
        preflight: PreflightArgs::default(),
        lock,
    };
    Cli { global: global.clone(), command: Command::Deploy(deploy) }
}

/// A variable that the flags do not have.
fn one_more(flags: &ServiceFlags) -> EnvValue {
    let names = (1..).map(|number| format!("REHEARSED_CHANGE_{number}="));
    let is_free =
        |name: &String| !flags.env.iter().any(|it| it.as_str().starts_with(name.as_str()));
    let name = names.into_iter().find(is_free).unwrap_or_default();
    EnvValue::from(format!("{name}1"))
}

fn destroy(spec: &Spec, global: &Global) -> Cli {
    let stack = Some(spec.stack.to_string());
    let (manifest, lock) = (FileFlags::default(), LockArgs::default());
    let destroy = DestroyArgs { stack, manifest, yes: true, dry_run: false, lock };
    Cli { global: global.clone(), command: Command::Destroy(destroy) }
}

/// Serves the account, with the stack in it as far as it could be deployed, until the user has seen
/// enough.
async fn serve(
    stage: &Stage,
    address: SocketAddr,
    with_stack: bool,
    args: &RehearseArgs,
    global: &Global,
    screen: &Screen,
) -> Outcome {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let what = format!("failed to listen on {address}: {error}");
        CommandError::new(ErrorKind::Unexpected).problem(what).caused_by(error)
    })?;
    let address = listener.local_addr().unwrap_or(address);
    if with_stack {
        let played = stage.run(deploy(args, global, |_| {})).await;
        if played.exit != Exit::Done {
            played.recording.lines.iter().for_each(|line| screen.note(line));
        }
        let (how, took) = (report::outcome(played.exit), duration(played.took));
        screen.note(&format!("the deploy is {how}, after {took} of simulated time"));
    }
    let mut interrupts = Interrupts::new();
    tokio::time::resume();
    stage.cloud.stop_recording();
    stage.cloud.set_speed(f64::from(args.speed));
    let region = global.region.as_deref().unwrap_or(REHEARSED_REGION);
    screen.out(&format!("export AWS_ENDPOINT_URL=http://{address} AWS_REGION={region}"));
    screen.out(&format!("export AWS_DEFAULT_REGION={region}"));
    screen.out("export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated");
    screen.note(
        "this is simulated AWS: any access key will do; Ctrl-C ends it and all that is in it",
    );
    tokio::select! {
        never = listen(&stage.cloud, &listener) => match never {},
        () = interrupts.next() => Ok(Done::Done),
    }
}

/// What the play has shown, in one sentence.
fn verdict(acts: &[Act], left: &BTreeSet<String>) -> String {
    let failed = acts.iter().find(|act| act.died.is_none() && act.played.exit != Exit::Done);
    let end = match left.len() {
        0 => "and nothing is left".to_owned(),
        some => format!("and {some} things are left"),
    };
    match failed {
        None => format!("the stack came, stayed, changed and went, {end}"),
        Some(act) => format!("{} did not succeed in this world, {end}", act.title),
    }
}
