//! `ecsup status`: how a stack is just now, on one screen.

use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::connection::{in_time, patiently};
use super::drive::Interrupts;
use super::error::{CommandError, ErrorKind};
use super::existing::{self, Existing};
use super::expiry;
use super::list::duration_since;
use super::output::{Output, OutputArgs, json};
use super::plan::{How, Unsaid, counts, prepare};
use super::{Done, Global, Outcome, wish};
use crate::aws::{Error, Scope};
use crate::deploy::Extent;
use crate::engine::Stop;
use crate::engine::looks::Looks;
use crate::facts::{
    Address, At, Bounds, InstanceStatus, Known, Room, ServiceStatus, State, Status, Targets,
};
use crate::lock::Seen;
use crate::ui::{Screen, Tone, harmless};
use crate::wish::{FileFlags, ServiceFlags, Wish};

/// What `ecsup status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Name of the stack [default: that of the manifest, or the only one there is]
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// Look again every five seconds, until Ctrl-C; where there is no terminal, print what has changed
    #[arg(short, long, env = "ECSUP_WATCH", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub watch: bool,

    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// Between two looks.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two plans, each of which looks at much more.
const PLAN_AGAIN: Duration = Duration::from_mins(1);

/// How a stack is, and what else somebody wants to know of it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    stack: &'a str,
    region: &'a str,
    #[serde(flatten)]
    status: &'a Status,
    lock: Option<&'a Lock>,
    /// When it expires, if it does.
    expires: Option<At>,
    /// What a deploy of the manifest would do, or why it cannot be said.
    manifest: Option<&'a str>,
}

/// The lock, when somebody holds it.
#[derive(Debug, Serialize)]
struct Lock {
    /// Who, for what and since when.
    holder: String,
    /// Whether nothing was heard of it for long.
    left: bool,
}

/// A stack that is looked at.
struct Watched {
    existing: Existing,
    known: Known,
    /// What is asked for, when a manifest of this stack is there, and its name.
    wish: Option<(Wish, String)>,
    /// What the manifest would change, and when that was found out.
    planned: Option<(Instant, String)>,
}

/// What a look has seen.
struct Sight {
    status: Status,
    lock: Option<Lock>,
    expires: Option<i64>,
    now: i64,
}

/// Runs the command.
pub async fn status(args: &StatusArgs, global: &Global, screen: &Screen) -> Outcome {
    let deadline = global.deadline();
    let (said, global) = wish::stack(args.stack.as_deref(), &args.manifest, global)?;
    let (given, global) = (existing::named(said.as_deref())?, &global);
    let first = in_time(deadline, async {
        let Some(existing) = existing::find(given, "look at", global, screen).await? else {
            return Ok(None);
        };
        let wish = manifest(args, &existing, screen).await;
        let mut watched = Watched { existing, known: Known::default(), wish, planned: None };
        let whom = format!("{} to answer (what is there)", watched.existing.connection.whom());
        match patiently(screen, &whom, watched.look()).await {
            Ok(Some(sight)) => Ok(Some((watched, sight))),
            Ok(None) => Err(watched.existing.missing().await),
            Err(error) => Err(watched.existing.connection.failed(error)),
        }
    });
    let Some((mut watched, first)) = first.await? else { return Ok(Done::Done) };
    screen.note(&watched.existing.title());
    if !args.watch {
        match args.print.output {
            Output::Json => screen.out(&watched.json(&first)?),
            Output::Text => {
                watched.lines(&first, Some(first.now)).iter().for_each(|line| screen.tell(line));
            }
        }
        return Ok(Done::Done);
    }
    let mut interrupts = Interrupts::new();
    let mut shown = Shown::new(args.print.output, screen);
    let ended = tokio::select! {
        ended = watch(&mut watched, first, &mut shown) => ended,
        () = interrupts.next() => Err(CommandError::new(ErrorKind::Interrupted)),
    };
    shown.leave();
    if ended? == Ended::Gone {
        screen.note(&format!("the stack `{}` is gone", watched.existing.stack));
    }
    Ok(Done::Done)
}

/// Why nobody watches any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The stack is gone.
    Gone,
    /// Nobody reads what is printed.
    Unread,
}

/// What is asked for of this stack, as far as a manifest says it.
async fn manifest(
    args: &StatusArgs,
    existing: &Existing,
    screen: &Screen,
) -> Option<(Wish, String)> {
    let flags = ServiceFlags { manifest: args.manifest.clone(), ..ServiceFlags::default() };
    let mut wish = wish::said(&flags);
    let file = wish.manifest.clone()?;
    let of_it = wish.stack_name().as_deref() == Some(existing.stack.as_str());
    if !of_it {
        return None;
    }
    wish::fill_in(&mut wish, &flags, None, &existing.connection, screen).await.ok()?;
    Some((wish, file))
}

/// Looks again and again, until the stack is gone.
async fn watch(
    watched: &mut Watched,
    first: Sight,
    shown: &mut Shown<'_>,
) -> Result<Ended, CommandError> {
    let mut sight = first;
    loop {
        if shown.show(watched, &sight)? {
            return Ok(Ended::Unread);
        }
        sight = loop {
            sleep(AGAIN).await;
            match watched.look().await {
                Ok(Some(sight)) => break sight,
                Ok(None) => return Ok(Ended::Gone),
                Err(error) if error.is_passing() => shown.failed(watched, &sight, &error),
                Err(error) => return Err(watched.existing.connection.failed(error)),
            }
        };
    }
}

impl Watched {
    /// Looks at everything. Nothing, when there is nothing of the stack any more.
    async fn look(&mut self) -> Result<Option<Sight>, Error> {
        let Existing { connection, cx, lock, .. } = &self.existing;
        let mut looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
        let is_due = self.planned.as_ref().is_none_or(|(at, _)| at.elapsed() >= PLAN_AGAIN);
        if let Some((wish, file)) = self.wish.as_ref().filter(|_| is_due) {
            let (said, shared) = plan(wish, &self.existing).await;
            self.planned = Some((Instant::now(), format!("{file}: {said}")));
            // What the plan has just listed is not listed again.
            looks = shared.unwrap_or(looks);
        }
        let look = futures::future::try_join(Status::look(&looks, &self.known), lock.peek());
        let (status, lock) = Box::pin(look).await?;
        let now = connection.now();
        let expires = lock.as_ref().and_then(Seen::expires);
        let lock = lock.filter(Seen::is_held);
        let lock = lock.map(|held| Lock { holder: held.holder(), left: held.is_left(now) });
        let status = match (status, &lock) {
            (None, None) => return Ok(None),
            // A run has just begun.
            (None, Some(_)) => Status::default(),
            (Some(status), _) => status,
        };
        Ok(Some(Sight { status, lock, expires, now }))
    }

    fn planned(&self) -> Option<&str> {
        self.planned.as_ref().map(|(_, said)| said.as_str())
    }

    fn json(&self, sight: &Sight) -> Result<String, CommandError> {
        let report = Report {
            stack: self.existing.stack.as_str(),
            region: &self.existing.connection.region,
            status: &sight.status,
            lock: sight.lock.as_ref(),
            expires: sight.expires.and_then(|at| Timestamp::from_second(at).ok()).map(At),
            manifest: self.planned(),
        };
        json(&report)
    }

    fn lines(&self, sight: &Sight, now: Option<i64>) -> Vec<String> {
        let stack = self.existing.stack.as_str();
        let mut lines = lines(stack, &sight.status, sight.lock.as_ref(), self.planned(), now);
        if let Some(expires) = sight.expires {
            lines.push(match now {
                Some(now) => expiry::words(expires, now),
                None => format!("expires at {}", expiry::when(expires)),
            });
        }
        lines
    }
}

/// What a deploy of the manifest would do, in words, and the listings by which that was found out.
async fn plan(wish: &Wish, existing: &Existing) -> (String, Option<Looks>) {
    let extent = Extent::default();
    let how = How { unsaid: Unsaid::Told, keeps_images: false, waits_for_ready: true, extent };
    // What a plan has to say besides is said by `ecsup plan`.
    let (quiet, stop) = (Screen::recording(), Rc::new(Stop::default()));
    let mut wish = wish.clone();
    let prepared = Box::pin(prepare(&mut wish, &existing.connection, &quiet, &stop, how)).await;
    match prepared {
        // Where in the file it is wrong is said by `ecsup plan`, too.
        Err(error) => (error.to_string().lines().next().unwrap_or_default().to_owned(), None),
        Ok(prepared) => {
            let said = match prepared.refusals.first() {
                Some((node, why)) => format!("cannot be deployed: {node}: {why}"),
                None if prepared.is_settled() => "as it was asked for".to_owned(),
                None => counts(&prepared.plan),
            };
            (said, Some(prepared.run.looks.clone()))
        }
    }
}

/// Where a stack is shown that is watched.
struct Shown<'a> {
    output: Output,
    screen: &'a Screen,
    board: Option<crate::ui::board::Board>,
    /// What was printed last, without how long ago things were.
    last: Vec<String>,
}

impl<'a> Shown<'a> {
    fn new(output: Output, screen: &'a Screen) -> Self {
        let board = screen.board().filter(|_| output == Output::Text);
        Self { output, screen, board, last: Vec::new() }
    }

    /// Shows what was seen. Returns whether nobody reads it any more.
    fn show(&mut self, watched: &Watched, sight: &Sight) -> Result<bool, CommandError> {
        if let Some(board) = &mut self.board {
            board.show(&watched.lines(sight, Some(sight.now)));
            return Ok(false);
        }
        let same = match self.output {
            Output::Json => vec![watched.json(sight)?],
            Output::Text => watched.lines(sight, None),
        };
        if same == self.last {
            return Ok(false);
        }
        let lines = match self.output {
            Output::Json => same.clone(),
            Output::Text => {
                let at = Timestamp::from_second(sight.now).map(|at| at.to_string());
                let head = at.unwrap_or_default();
                [vec![head], watched.lines(sight, Some(sight.now))].concat()
            }
        };
        self.last = same;
        Ok(lines.iter().any(|line| self.screen.write(line).is_err()))
    }

    /// Shows what was seen before, and that it may have changed.
    fn failed(&mut self, watched: &Watched, sight: &Sight, error: &Error) {
        let why = format!("as it was before: failed to {error}");
        match &mut self.board {
            Some(board) => {
                let lines = watched.lines(sight, Some(sight.now));
                board.show(&[vec![Tone::Bad.paint(&why)], lines].concat());
            }
            None => self.screen.warning(&why),
        }
    }

    fn leave(self) {
        if let Some(board) = self.board {
            board.leave();
        }
    }
}

/// The lines for people. The most important come first: a terminal may be too low for all of them. Without
/// `now` they do not say how long ago something was.
fn lines(
    stack: &str,
    status: &Status,
    lock: Option<&Lock>,
    planned: Option<&str>,
    now: Option<i64>,
) -> Vec<String> {
    let pattern = status.pattern.as_deref().unwrap_or("unknown");
    let count = status.resources;
    let mut lines = vec![format!("stack {stack}, pattern {pattern}, {count} resources")];
    lines.extend(services(&status.services, now));
    for (node, why) in &status.waits {
        lines.push(format!("waiting   {node}: {}", in_one_line(why)));
    }
    lines.extend(lock.map(|Lock { holder, left }| {
        let how = if *left { "left" } else { "held" };
        format!("lock      {how} by {holder}")
    }));
    lines.extend(planned.map(|said| format!("manifest  {said}")));
    for address in &status.addresses {
        let Address { host, scheme, from } = address;
        lines.push(format!("address   {scheme}://{host} ({from})"));
    }
    lines.extend(status.instances.iter().map(instance));
    lines
}

/// A table of services, each with its problems below it.
fn services(services: &[ServiceStatus], now: Option<i64>) -> Vec<String> {
    if services.is_empty() {
        return vec!["no services".to_owned()];
    }
    let cells = |it: &ServiceStatus| {
        let ago = |At(at): At| Some(format!("{} ago", duration_since(at.as_second(), now?)));
        let age = it.deployed.and_then(ago);
        let healthy = it.targets.map(|Targets { healthy, all }| format!("{healthy}/{all}"));
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            it.name.clone(),
            match &it.scaling {
                Some(Bounds { min, max }) => {
                    format!("{}/{} of {min}-{max}", it.running, it.desired)
                }
                None => format!("{}/{}", it.running, it.desired),
            },
            or_none(healthy),
            state(it.state).1.to_owned(),
            or_none(age),
            or_none(it.revision.clone()),
            or_none(it.image.clone()),
        ]
    };
    let head = ["service", "tasks", "healthy", "state", "deployed", "revision", "image"];
    let rows: Vec<_> = services.iter().map(cells).collect();
    let width = |column: usize| {
        let all = rows.iter().map(|row| row[column].len());
        all.chain([head[column].len()]).max().unwrap_or_default()
    };
    let row = |cells: [&str; 7], tone: Tone| {
        let cells = cells.iter().enumerate().map(|(column, text)| {
            let padded = format!("{text:<width$}", width = width(column));
            if column == 3 { tone.paint(&padded) } else { padded }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![row(head, Tone::Plain)];
    for (it, cells) in services.iter().zip(&rows) {
        lines.push(row(cells.each_ref().map(String::as_str), state(it.state).0));
        lines.extend(it.problems.iter().map(|problem| format!("  {}", in_one_line(problem))));
    }
    lines
}

/// What AWS or a registry said, in one line.
fn in_one_line(text: &str) -> String {
    harmless(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A state in a word, and how it is meant.
fn state(state: State) -> (Tone, &'static str) {
    match state {
        State::Failed => (Tone::Bad, "failed"),
        State::Leaving => (Tone::Bad, "leaving"),
        State::Deploying => (Tone::Change, "deploying"),
        State::Unhealthy => (Tone::Bad, "unhealthy"),
        State::Steady => (Tone::Good, "steady"),
    }
}

/// An instance, and the room on it.
fn instance(it: &InstanceStatus) -> String {
    let InstanceStatus { id, status, connected, tasks, cpu, memory, interfaces } = it;
    let tasks = if *tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") };
    let of = |Room { free, all }: &Room, what: &str| format!("{free} of {all} {what}");
    let mut room = vec![of(cpu, "CPU units"), of(memory, "MiB")];
    room.extend(interfaces.as_ref().map(|it| of(it, "interfaces")));
    let is = match (status.as_str(), connected) {
        ("ACTIVE", true) => String::new(),
        (status, true) => format!(", {}", status.to_ascii_lowercase()),
        (_, false) => ", its agent does not report".to_owned(),
    };
    format!("instance  {id}: {tasks}; free are {}{is}", room.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::facts::Address;
    use crate::ui::board::tests::Terminal;

    fn service(name: &str, state: State, tasks: [i32; 2], problems: &[&str]) -> ServiceStatus {
        let [running, desired] = tasks;
        let healthy = usize::try_from(running).unwrap();
        ServiceStatus {
            name: name.to_owned(),
            state,
            running,
            desired,
            scaling: None,
            targets: Some(Targets { healthy, all: healthy }),
            revision: Some(format!("td-shop_{name}:3")),
            image: Some(format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/{name}:7f3e2a1")),
            deployed: Timestamp::from_second(1_767_225_600).ok().map(At),
            problems: problems.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn shop() -> Status {
        let problems = [
            "0 of 2 tasks running; (service users) failed to start tasks",
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to \
             resolve ref users:7f3e2a1:\n\tnot found",
        ];
        Status {
            pattern: Some("public-api".to_owned()),
            resources: 52,
            services: vec![
                service("users", State::Failed, [0, 2], &problems),
                service("web", State::Deploying, [1, 2], &["1 of 2 tasks running"]),
                service("orders", State::Steady, [2, 2], &[]),
            ],
            waits: BTreeMap::from([("load-balancer".into(), "AWS to provision it".into())]),
            addresses: vec![Address {
                scheme: "http",
                host: "lb-shop-123.eu-west-1.elb.amazonaws.com".to_owned(),
                from: "internet-facing".to_owned(),
            }],
            instances: vec![InstanceStatus {
                id: "i-0123456789abcdef0".to_owned(),
                status: "ACTIVE".to_owned(),
                connected: true,
                tasks: 2,
                cpu: Room { free: 3584, all: 4096 },
                memory: Room { free: 6656, all: 7632 },
                interfaces: Some(Room { free: 1, all: 3 }),
            }],
        }
    }

    fn drawn(width: u16, height: u16) -> String {
        let holder = "anna on ci-7, process 42 (deploy since 2026-01-01T00:00:00Z)".to_owned();
        let lock = Lock { holder, left: false };
        let planned = "ecsup.toml: 0 to create, 2 to change, 50 to keep";
        let lines = lines("shop", &shop(), Some(&lock), Some(planned), Some(1_767_225_600 + 185));
        let terminal = Terminal::new(width, height);
        let mut board = terminal.board();
        board.show(&lines);
        terminal.text()
    }

    #[test]
    fn a_stack_on_a_usual_terminal() {
        insta::assert_snapshot!(drawn(80, 24));
    }

    /// What is wrong is there, and everything is cut and not wrapped.
    #[test]
    fn a_stack_on_a_small_terminal() {
        insta::assert_snapshot!(drawn(40, 8));
    }

    #[test]
    fn a_stack_where_nothing_is_cut() {
        let all = lines("shop", &shop(), None, None, None);
        let all: Vec<_> =
            all.iter().map(|it| anstream::adapter::strip_str(it).to_string()).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}
