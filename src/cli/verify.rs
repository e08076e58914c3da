//! `ecsup verify`: whether the services of a stack answer whom they should, and nobody else.

use std::collections::BTreeMap;
use std::rc::Rc;

use clap::Args;
use serde::Serialize;

use super::connection::{in_time, patiently};
use super::drive::{Ended, Reason, drive};
use super::errand::{Errand, LATE, LOOKS, starter, unstarted};
use super::error::{CommandError, ErrorKind};
use super::output::{Output, OutputArgs, json};
use super::standing::{self, Standing};
use super::{Done, Global, Outcome};
use crate::arn::last_part;
use crate::aws::{Cx, Error, Labels};
use crate::engine::Stop;
use crate::facts::Running;
use crate::logs::Stream;
use crate::resource::id::{RoleArn, TaskDefinitionArn};
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::namespace::Namespace;
use crate::resource::one_off;
use crate::resource::probe::{self, Probe};
use crate::resource::role::Role;
use crate::resource::service::Network;
use crate::resource::subnet::Subnet;
use crate::resource::{Owned, Seen};
use crate::spec::{Image, Nat, Scheme};
use crate::ui::{Screen, Tone};
use crate::verify::outside::{Outside, ThisMachine};
use crate::verify::{Came, Check, Checks, Sender, Ways, curl, judge};
use crate::wish::FileFlags;

/// What asks from inside: AWS's own smallest image with curl (Amazon Linux 2023 guide, "minimal container
/// image").
const IMAGE: &str = "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal";
/// How many requests a task is given: what it is told has to stay within 8192 characters (API `RunTask`).
const REQUESTS: usize = 12;

/// What `ecsup verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Name of the stack [default: that of the manifest, or the only one there is]
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// The image that asks from inside the network: any that has `curl`
    // The variable would be that of the services' image.
    #[arg(long, value_name = "IMAGE", default_value = IMAGE, value_parser = parse_image)]
    pub image: String,

    /// Ask nothing from this machine
    #[arg(long, env = "ECSUP_INSIDE_ONLY", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub inside_only: bool,

    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

fn parse_image(text: &str) -> Result<String, String> {
    Image::parse(text).map(|_| text.to_owned())
}

/// What a request came to.
#[derive(Debug, Serialize)]
struct Line<'a> {
    service: Option<&'a str>,
    from: &'a Sender,
    url: String,
    /// Whether it is what it has to be; nothing when that is not known.
    ok: Option<bool>,
    /// What came of it, in words.
    said: String,
    /// How the answer begins.
    head: String,
}

/// What was found out of a stack.
#[derive(Debug, Serialize)]
struct Report<'a> {
    stack: &'a str,
    region: &'a str,
    requests: &'a [Line<'a>],
    unasked: &'a [String],
}

/// What the requests from inside need.
struct Inside {
    cx: Cx,
    cluster: String,
    /// What ECS pulls images and writes logs with.
    role: Option<RoleArn>,
    log_group: String,
    /// Where the tasks of a service stand, or the probe in their place.
    networks: BTreeMap<String, Network>,
}

/// Runs the command.
pub async fn verify(args: &VerifyArgs, global: &Global, screen: &Screen) -> Outcome {
    let stack = standing::StackArgs { stack: args.stack.clone(), manifest: args.manifest.clone() };
    let standing = standing::find(&stack, "verify", global, screen).await?;
    let connection = &standing.existing.connection;
    let whom = format!("{} to answer (what has to be asked)", connection.whom());
    let found = async {
        let found = patiently(screen, &whom, look(&standing)).await;
        found.map_err(|error| connection.failed(error))
    };
    let (mut checks, inside, running) = in_time(standing.deadline, found).await?;
    let elsewhere = connection.is_elsewhere();
    let outside: Rc<dyn Outside> = match &global.instead_of_outside {
        Some(other) => Rc::clone(other),
        None => Rc::new(ThisMachine),
    };
    let is_inside_only = args.inside_only || (elsewhere && global.instead_of_outside.is_none());
    if is_inside_only {
        checks.asked.retain(|check| check.from != Sender::Here);
        let why = if args.inside_only {
            "as was asked"
        } else {
            "what stands for AWS has no load balancers in the internet"
        };
        checks.unasked.push(format!("anything from here: {why}"));
    }
    if running.is_closed() && args.image == IMAGE && !checks.places().is_empty() {
        return Err(without_image());
    }
    let stop = Rc::new(Stop::default());
    let work = async {
        let from_here = async {
            let mut came = BTreeMap::new();
            for (number, check) in numbered(&checks, &Sender::Here) {
                if !stop.is_asked() {
                    came.insert(number, outside.ask(&check.url).await);
                }
            }
            Ok(came)
        };
        let errand =
            Errand { existing: &standing.existing, cluster: &inside.cluster, stop: &stop, screen };
        let from_inside = ask_inside(&errand, &checks, &inside, &args.image);
        let (mut here, there) = futures::try_join!(from_here, from_inside)?;
        here.extend(there);
        Ok::<_, CommandError>(here)
    };
    let ended = drive(work, &stop, standing.deadline, screen).await;
    screen.finish();
    let (came, reason) = match ended {
        Ended::With(came, reason) => (came?, reason),
        Ended::Left(reason) => (BTreeMap::new(), reason),
    };
    match reason {
        Reason::Done => {}
        Reason::Interrupted => return Err(CommandError::new(ErrorKind::Interrupted)),
        Reason::TimedOut => {
            let why = "its time was up before everything was asked";
            return Err(CommandError::new(ErrorKind::Unexpected).problem(why));
        }
    }
    told(&standing, &checks, &came, args.print.output, screen)
}

/// Looks at all that says what has to be asked, and where from.
async fn look(standing: &Standing) -> Result<(Checks, Inside, Running), Error> {
    let looks = &standing.looks;
    let running = Box::pin(Running::look(looks, |_| true)).await?;
    let balancers = looks.list::<LoadBalancer>(None).await?;
    let namespaces = looks.list::<Namespace>(None).await?;
    let roles = looks.list::<Role>(None).await?;
    let subnets = looks.list::<Subnet>(None).await?;
    let balancers: Vec<_> = balancers.iter().filter(|it| is_staying(it)).map(Owned::it).collect();
    let services = || standing.services.iter().map(Owned::it);
    let place = services().find(|it| it.is_on_fargate()).or_else(|| services().next());
    let ways = Ways {
        balancers: balancers
            .iter()
            .filter_map(|it| Some((Scheme::named(it.scheme.as_deref()?)?, it.dns_name.as_str())))
            .collect(),
        namespace: namespaces
            .iter()
            .filter(|it| is_staying(it))
            .map(|it| it.it().name.as_str())
            .next(),
        place: place.map(|it| it.name.as_str()).unwrap_or_default(),
    };
    let checks = Checks::of(&running, &ways);
    // Beside instances without a NAT gateway nothing but a public address leads out.
    let public: Vec<_> = subnets
        .iter()
        .filter(|it| it.owner.node.as_str().starts_with("subnet/public"))
        .map(|it| it.it().id.to_string())
        .collect();
    let moves = running.nat == Some(Nat::None) && !running.is_closed() && !public.is_empty();
    let networks = services().filter_map(|it| {
        let network = it.network.clone()?;
        let network = match it.is_on_fargate() {
            true => network,
            false if moves => Network { subnets: public.clone(), public: Some(true), ..network },
            false => Network { public: Some(false), ..network },
        };
        Some((it.name.clone(), network))
    });
    let own = [format!("role/execution/{}", ways.place), "role/execution".to_owned()];
    let role = roles.iter().find(|it| own.iter().any(|own| own == it.owner.node.as_str()));
    let labels =
        Labels { pattern: running.pattern.clone().unwrap_or_default(), user: running.tags.clone() };
    let cx = Cx { labels, ..(*standing.existing.cx).clone() };
    let inside = Inside {
        cluster: place.map(|it| it.cluster.clone()).unwrap_or_default(),
        role: role.map(|it| it.it().arn.clone()),
        log_group: format!("{}{}", cx.names.log_group_prefix(), ways.place),
        networks: networks.collect(),
        cx,
    };
    Ok((checks, inside, running))
}

fn is_staying<T>(it: &Owned<T>) -> bool {
    matches!(it.seen, Seen::Present(..))
}

/// That no image can be had which would ask from inside.
fn without_image() -> CommandError {
    let why = format!(
        "nothing leads out of the stack's network, so that {IMAGE} cannot be pulled, which asks from inside"
    );
    CommandError::refused(why).hint(
        "push an image that has `curl` to a repository of ECR in this region, and name it: \
         `ecsup verify --image 123456789012.dkr.ecr.REGION.amazonaws.com/curl:8`",
    )
}

/// The requests from a place, with their numbers.
fn numbered<'a>(checks: &'a Checks, from: &Sender) -> Vec<(usize, &'a Check)> {
    checks.asked.iter().enumerate().filter(|(_, check)| check.from == *from).collect()
}

/// Sends the requests from inside, and tells what came of each by its number. What it takes is gone
/// afterwards, also when it fails.
async fn ask_inside(
    errand: &Errand<'_>,
    checks: &Checks,
    inside: &Inside,
    image: &str,
) -> Result<BTreeMap<usize, Came>, CommandError> {
    if checks.places().is_empty() {
        return Ok(BTreeMap::new());
    }
    let failed = |error| failed(errand, error);
    let Inside { cx, role, log_group, .. } = inside;
    let Some(role) = role else {
        let why =
            "the role is not there with which ECS pulls images and writes logs for this stack";
        return Err(CommandError::refused(why).hint("`ecsup deploy` makes it"));
    };
    let probe = Probe { image, program: curl::PROGRAM, role, log_group };
    let definition = probe.register(cx).await.map_err(failed)?;
    let mut tasks = Vec::new();
    let started = start(errand, checks, inside, &definition, &mut tasks).await;
    // Tasks that run need it no more.
    let removed = probe::remove(&cx.aws, definition).await.map_err(failed);
    if started.is_err() {
        for task in &tasks {
            let why = "The command that started it has failed";
            drop(one_off::stop(&cx.aws, errand.cluster, &task.arn, why).await);
        }
    }
    started.and(removed)?;
    let all = tasks.iter().map(|task| task.came(errand, inside));
    let mut came = BTreeMap::new();
    for of_task in futures::future::join_all(all).await {
        came.extend(of_task?);
    }
    Ok(came)
}

/// A task that sends some of the requests.
struct Task<'a> {
    arn: String,
    /// What the lines between the answers begin with.
    mark: String,
    /// The requests, by their numbers among all.
    asks: Vec<(usize, &'a Check)>,
}

async fn start<'a>(
    errand: &Errand<'_>,
    checks: &'a Checks,
    inside: &Inside,
    definition: &TaskDefinitionArn,
    tasks: &mut Vec<Task<'a>>,
) -> Result<(), CommandError> {
    for place in checks.places() {
        let all = numbered(checks, &Sender::Tasks(place.to_owned()));
        let Some(network) = inside.networks.get(place) else { continue };
        for asks in all.chunks(REQUESTS) {
            let starter = starter("verify");
            let mark = last_part(&starter).to_owned();
            let requests: Vec<_> = asks.iter().map(|(_, check)| *check).collect();
            let start = async || {
                let words = curl::arguments(&requests, &mark);
                let network = network.clone();
                probe::start(&inside.cx, errand.cluster, definition, network, words, &starter).await
            };
            let Some(arn) = errand.start(&starter, start).await? else { return Ok(()) };
            errand.screen.note(&format!("task {} asks from inside", last_part(&arn)));
            tasks.push(Task { arn, mark, asks: asks.to_vec() });
        }
    }
    Ok(())
}

impl Task<'_> {
    /// Waits for its end, and reads what it has written, which is gone afterwards.
    async fn came(
        &self,
        errand: &Errand<'_>,
        inside: &Inside,
    ) -> Result<BTreeMap<usize, Came>, CommandError> {
        let Some(ended) = errand.watch(&self.arn, async |_| {}).await? else {
            return Ok(BTreeMap::new());
        };
        if ended.code_of(probe::CONTAINER).is_none() {
            let hint = "`--image` names another image that asks from inside: any that has `curl`";
            return Err(unstarted(probe::CONTAINER, &ended).hint(hint));
        }
        let id = last_part(&self.arn);
        let mut stream = Stream::new(&inside.log_group, probe::stream(id));
        let (mut lines, mut silent) = (Vec::new(), 0);
        while silent < LOOKS {
            let news = stream.news(&inside.cx.aws).await;
            let news = match news {
                Ok(news) => news,
                Err(error) if error.is_passing() => Vec::new(),
                Err(error) => return Err(failed(errand, error)),
            };
            silent = if news.is_empty() { silent + 1 } else { 0 };
            lines.extend(news);
            if curl::read(&lines, &self.mark).len() == self.asks.len() {
                break;
            }
            errand.stop.sleep(LATE).await;
        }
        let forgotten = probe::forget(&inside.cx.aws, &inside.log_group, id).await;
        if let Err(error) = forgotten {
            errand.screen.warning(&format!("failed to {error}"));
        }
        let came = curl::read(&lines, &self.mark).into_iter();
        Ok(came.filter_map(|(at, came)| Some((self.asks.get(at)?.0, came))).collect())
    }
}

/// A call failed: a caller who may not make it is told what allows all of them.
fn failed(errand: &Errand<'_>, error: Error) -> CommandError {
    if !error.is_denied() {
        return errand.existing.connection.failed(error);
    }
    let hint = "`ecsup verify` takes a part of the policy of its own: `ecsup permissions --part verify` prints it";
    let told = CommandError::new(ErrorKind::Unexpected).problem(format!("failed to {error}"));
    told.hint(hint).caused_by(error)
}

/// Says what came of each request, and whether it is what it has to be.
fn told(
    standing: &Standing,
    checks: &Checks,
    came: &BTreeMap<usize, Came>,
    output: Output,
    screen: &Screen,
) -> Outcome {
    let lines = checks.asked.iter().enumerate().map(|(at, check)| {
        let came = came.get(&at);
        let (ok, said) = match came.map(|came| judge(&check.wanted, came)) {
            Some(Ok(said)) => (Some(true), said),
            Some(Err(said)) => (Some(false), said),
            None => (None, "not known: the log of the probe does not say it".to_owned()),
        };
        let head = match came {
            Some(Came::Answer { head, .. }) => head.clone(),
            _ => String::new(),
        };
        let service = check.service.as_deref();
        Line { service, from: &check.from, url: check.url.to_string(), ok, said, head }
    });
    let lines: Vec<_> = lines.collect();
    let count = |ok: Option<bool>| lines.iter().filter(|line| line.ok == ok).count();
    let (wrong, unknown) = (count(Some(false)), count(None));
    match output {
        Output::Json => {
            let report = Report {
                stack: standing.existing.stack.as_str(),
                region: &standing.existing.connection.region,
                requests: &lines,
                unasked: &checks.unasked,
            };
            screen.out(&json(&report)?);
        }
        Output::Text => {
            lines.iter().for_each(|line| screen.tell(&line.text()));
            checks.unasked.iter().for_each(|why| screen.tell(&format!("-      {why}")));
            let all = lines.len();
            screen.tell(&match (all, wrong, unknown) {
                (0, ..) => "nothing was asked".to_owned(),
                (_, 0, 0) => format!("{all} requests, each with what has to come of it"),
                (_, 0, _) => format!("of {unknown} of {all} requests it is not known what came"),
                _ => format!("{wrong} of {all} requests came to something else"),
            });
        }
    }
    if wrong == 0 && unknown > 0 {
        let why = "it is not known whether the services answer as they should";
        return Err(CommandError::new(ErrorKind::Unexpected).problem(why));
    }
    if wrong == 0 {
        return Ok(Done::Done);
    }
    screen.note(&format!(
        "`ecsup explain {}` says why services are not as they should be",
        standing.existing.stack
    ));
    Ok(Done::Wrong)
}

impl Line<'_> {
    fn text(&self) -> String {
        let Self { from, url, ok, said, head, .. } = self;
        let mark = match ok {
            Some(true) => Tone::Good.paint("ok   "),
            Some(false) => Tone::Bad.paint("wrong"),
            None => Tone::Change.paint("?    "),
        };
        let head = if head.is_empty() { String::new() } else { format!("  {head}") };
        format!("{mark}  from {from:<6}  {url}  {said}{head}")
    }
}
