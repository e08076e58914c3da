//! `ecsup logs`: what the containers of a stack write, of all its services in one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::Args;
use jiff::{Span, SpanRelativeTo, Timestamp};
use regex_lite::{Captures, Regex};
use serde::Serialize;

use super::connection::{in_time, patiently};
use super::drive::Interrupts;
use super::error::{CommandError, ErrorKind};
use super::existing::{self, Existing};
use super::output::{Output, OutputArgs};
use super::{Done, Global, Outcome, wish};
use crate::aws::Scope;
use crate::engine::looks::Looks;
use crate::logs::{self, End, Enough, Held, Line, MOST_STREAMS, Millis, Reader, Source, Told};
use crate::resource::log_group::LogGroup;
use crate::resource::service::Service;
use crate::resource::task_definition::TaskDefinition;
use crate::spec::nearest;
use crate::ui::{Screen, harmless};
use crate::wish::FileFlags;

/// What `ecsup logs` takes.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Only these services [default: all of the stack]
    #[arg(
        env = "ECSUP_SERVICE",
        hide_env_values = true,
        value_name = "SERVICE",
        value_delimiter = ','
    )]
    pub service: Vec<String>,

    /// Name of the stack [default: that of the manifest, or the only one there is]
    #[arg(long, env = "ECSUP_STACK", value_name = "NAME", hide_env_values = true)]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long, env = "ECSUP_FOLLOW", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub follow: bool,

    /// From when on: so long ago, such as `90s`, `10m`, `2h` or `1d`, or a time such as
    /// `2026-01-31T12:00:00Z`
    #[arg(long, env = "ECSUP_SINCE", hide_env_values = true, value_name = "TIME",
        default_value = "10m", value_parser = parse_since)]
    pub since: Since,

    /// Only this task, one that has ended too: its id, or how that begins
    #[arg(long, env = "ECSUP_TASK", hide_env_values = true, value_name = "ID",
        value_parser = parse_task)]
    pub task: Option<String>,

    /// Only lines in which this regular expression finds something, which is marked in them
    #[arg(long, env = "ECSUP_GREP", hide_env_values = true, value_name = "REGEX",
        value_parser = parse_grep)]
    pub grep: Option<Regex>,

    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// At a time.
    At(Timestamp),
}

fn parse_since(text: &str) -> Result<Since, String> {
    let rule = "say how long ago, such as `90s`, `10m`, `2h` or `1d`, or a time such as \
                `2026-01-31T12:00:00Z`";
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Since::At(at));
    }
    let span = text.parse::<Span>().map_err(|_| rule.to_owned())?;
    let long =
        span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| rule.to_owned())?;
    match Duration::try_from(long) {
        Ok(long) if !long.is_zero() => Ok(Since::Ago(long)),
        _ => Err(rule.to_owned()),
    }
}

fn parse_grep(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("say a regular expression, such as `error|warn`".to_owned());
    }
    Regex::new(text).map_err(|why| format!("say a regular expression, such as `error|warn`: {why}"))
}

/// A task's id, or how it begins.
pub(super) fn parse_task(text: &str) -> Result<String, String> {
    let id = text.rsplit('/').next().unwrap_or_default();
    let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    match (4..=32).contains(&id.len()) && id.bytes().all(is_digit) {
        true => Ok(id.to_owned()),
        false => Err("say a task's id or its beginning: 4 to 32 of 0-9 and a-f".to_owned()),
    }
}

impl Since {
    /// The moment, when it is `now`, in seconds since 1970.
    fn moment(self, now: i64) -> Millis {
        match self {
            Self::At(at) => at.as_millisecond(),
            Self::Ago(long) => {
                let long = Millis::try_from(long.as_millis()).unwrap_or(Millis::MAX);
                now.saturating_mul(1000).saturating_sub(long)
            }
        }
    }
}

/// Runs the command.
pub async fn logs(args: &LogsArgs, global: &Global, screen: &Screen) -> Outcome {
    let deadline = global.deadline();
    let (said, global) = wish::stack(args.stack.as_deref(), &args.manifest, global)?;
    let (given, global) = (existing::named(said.as_deref())?, &global);
    let found = in_time(deadline, async {
        let found = existing::find(given, "read the logs of", global, screen).await?;
        let Some(existing) = found else { return Ok(None) };
        let whom = format!("{} to answer (which logs there are)", existing.connection.whom());
        let sources = patiently(screen, &whom, sources(args, &existing)).await?;
        Ok(Some((existing, sources)))
    });
    let Some((existing, sources)) = found.await? else { return Ok(Done::Done) };
    screen.note(&existing.title());
    let connection = &existing.connection;
    let shown = Shown::new(args, &sources);
    let since = args.since.moment(connection.now());
    let mut reader = Reader::new(connection.aws.clone(), sources, since);
    let show = |line: &Line| match shown.line(line) {
        Some(text) => screen.write(&text).map_err(|_gone| Enough),
        None => Ok(()),
    };
    if !args.follow {
        let read = async {
            match reader.read(|line| show(&line)).await {
                Ok(()) | Err(End::Enough) => Ok(Done::Done),
                Err(End::Failed(error)) => Err(failed(&existing, error)),
            }
        };
        return in_time(deadline, read).await;
    }
    let mut held = Held::default();
    let mut interrupts = Interrupts::new();
    let follow = reader.follow(&mut held, |told| match told {
        Told::Line(line) => show(line),
        Told::Gone(service) => {
            screen.note(&format!("the log group of `{service}` is gone"));
            Ok(())
        }
        Told::Failed(error) => {
            screen.warning(&format!("failed to {error}; it is tried again until Ctrl-C"));
            Ok(())
        }
    });
    let ended = tokio::select! {
        ended = follow => ended,
        () = interrupts.next() => {
            // What was read is shown, though an older line may still have come.
            let _gone = held.rest().try_for_each(|line| show(&line));
            return Err(CommandError::new(ErrorKind::Interrupted));
        }
    };
    match ended {
        Ok(()) => {
            screen.note("there is nothing left to follow");
            Ok(Done::Done)
        }
        Err(End::Enough) => Ok(Done::Done),
        Err(End::Failed(error)) => Err(failed(&existing, error)),
    }
}

fn failed(existing: &Existing, error: crate::aws::Error) -> CommandError {
    let is_denied = error.is_denied();
    let told = existing.connection.failed(error);
    match is_denied {
        true => told.hint(
            "reading logs takes the parts `read` and `logs`: `ecsup permissions --part logs` prints \
             the second",
        ),
        false => told,
    }
}

/// The log groups to read, or why they cannot be.
async fn sources(args: &LogsArgs, existing: &Existing) -> Result<Vec<Source>, CommandError> {
    let Existing { connection, cx, stack, .. } = existing;
    let looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
    let groups = looks.list::<LogGroup>(None).await;
    let groups = groups.map_err(|error| failed(existing, error))?;
    let of_services = groups.iter().filter_map(|group| {
        let service = group.owner.node.as_str().strip_prefix("log-group/")?;
        Some((service.to_owned(), group.it().name.clone()))
    });
    let groups: BTreeMap<_, _> = of_services.collect();
    let wanted: BTreeSet<_> = match &args.service[..] {
        [] if groups.is_empty() => return Err(existing.missing().await),
        [] => groups.keys().cloned().collect(),
        named => named.iter().cloned().collect(),
    };
    let mut sources = Vec::new();
    for service in wanted {
        let Some(group) = groups.get(&service) else {
            let services = looks.list::<Service>(None).await;
            let services = services.map_err(|error| failed(existing, error))?;
            let services: Vec<_> = services.iter().map(|it| it.it().name.clone()).collect();
            if services.contains(&service) {
                let group = format!("{}{service}", cx.names.log_group_prefix());
                let why = format!("the log group `{group}` of `{service}` is not there");
                return Err(CommandError::refused(why).hint("a deploy makes it again"));
            }
            let known = groups.keys().chain(&services).map(String::as_str);
            let mut known: Vec<_> = known.collect();
            known.sort_unstable();
            known.dedup();
            if known.is_empty() {
                return Err(existing.missing().await);
            }
            let near = nearest(&service, known.iter().copied());
            let why = format!("the stack `{stack}` has no service `{service}`{near}");
            return Err(CommandError::refused(why).hint(format!("it has {}", known.join(", "))));
        };
        sources.push(Source { service, group: group.clone(), streams: Vec::new() });
    }
    match &args.task {
        Some(task) => of_task(existing, &looks, sources, task).await,
        None => Ok(sources),
    }
}

/// Of these groups the streams of one task.
async fn of_task(
    existing: &Existing,
    looks: &Looks,
    sources: Vec<Source>,
    task: &str,
) -> Result<Vec<Source>, CommandError> {
    let mut found = Vec::new();
    let definitions = looks.list::<TaskDefinition>(None).await;
    let definitions = definitions.map_err(|error| failed(existing, error))?;
    for source in sources {
        let mut streams = Vec::new();
        let node = format!("task-definition/{}", source.service);
        let of_it = definitions.iter().find(|it| it.owner.node.as_str() == node);
        let content = of_it.and_then(|it| it.it().content.as_ref());
        let sidecars = content.into_iter().flat_map(|it| it.sidecars.keys());
        for container in [&source.service].into_iter().chain(sidecars) {
            let found = logs::streams_of(&existing.connection.aws, &source, container, task).await;
            streams.extend(found.map_err(|error| failed(existing, error))?);
        }
        if streams.len() > MOST_STREAMS {
            let why = format!("--task {task}: {} tasks begin like this", streams.len());
            return Err(CommandError::refused(why).hint("say more of the id"));
        }
        if !streams.is_empty() {
            found.push(Source { streams, ..source });
        }
    }
    if found.is_empty() {
        let why = format!("--task {task}: no task whose id begins like this has written anything");
        let hint = "each line of `ecsup logs` shows after its service how the id of its task begins; \
                    `--since 1d` shows older ones";
        return Err(CommandError::refused(why).hint(hint));
    }
    Ok(found)
}

/// How lines are shown, and which.
struct Shown<'a> {
    output: Output,
    grep: Option<&'a Regex>,
    /// How wide service and task are.
    width: usize,
}

/// As much of a task's id as tells tasks apart.
const SHORT: usize = 8;

/// The colours of tasks.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::Magenta,
    AnsiColor::BrightCyan,
];

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    service: &'a str,
    task: &'a str,
    container: &'a str,
    message: &'a str,
}

impl<'a> Shown<'a> {
    fn new(args: &'a LogsArgs, sources: &[Source]) -> Self {
        let longest = sources.iter().map(|source| source.service.len()).max().unwrap_or_default();
        Self { output: args.print.output, grep: args.grep.as_ref(), width: longest + 1 + SHORT }
    }

    /// A line as it is shown, unless it is not wanted.
    fn line(&self, line: &Line) -> Option<String> {
        let time = time(line.at);
        if self.output == Output::Json {
            let Line { service, task, container, text, .. } = line;
            if self.grep.is_some_and(|wanted| !wanted.is_match(text)) {
                return None;
            }
            let object = Object { time, service, task, container, message: text };
            return serde_json::to_string(&object).ok();
        }
        let text = match line.container == line.service {
            true => harmless(&line.text),
            // Of a sidecar.
            false => harmless(&format!("[{}] {}", line.container, line.text)),
        };
        let text = match self.grep {
            Some(wanted) => marked(&text, wanted)?,
            None => text,
        };
        let short: String = line.task.chars().take(SHORT).collect();
        let who = format!("{}/{short}", harmless(&line.service));
        let colour = line.task.bytes().map(usize::from).sum::<usize>() % COLOURS.len();
        let style = Style::new().fg_color(Some(COLOURS[colour].into()));
        let width = self.width;
        let parts = text.lines().map(|part| format!("{time} {style}{who:<width$}{style:#} {part}"));
        let whole = parts.collect::<Vec<_>>().join("\n");
        // An empty line is one, too.
        Some(if whole.is_empty() { format!("{time} {style}{who}{style:#}") } else { whole })
    }
}

/// A moment as it is written, to the millisecond.
fn time(at: Millis) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => at.to_string(),
    }
}

/// A text with what was found in it marked, if there is something.
fn marked(text: &str, wanted: &Regex) -> Option<String> {
    let style = Style::new().bold().invert();
    let mark = |found: &Captures<'_>| format!("{style}{}{style:#}", &found[0]);
    wanted.is_match(text).then(|| wanted.replace_all(text, mark).into_owned())
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    fn line(text: &str) -> Line {
        Line::for_test(1_767_225_600_123, "web", "0123456789abcdef0123456789abcdef", text)
    }

    fn shown(output: Output, grep: Option<&str>, text: &str) -> Option<String> {
        let grep = grep.map(|it| parse_grep(it).unwrap());
        Shown { output, grep: grep.as_ref(), width: 12 }.line(&line(text))
    }

    #[test]
    fn since_is_so_long_ago_or_a_time() {
        let since = |text| parse_since(text).unwrap().moment(1_767_225_600);
        assert_eq!(since("10m"), 1_767_225_000_000);
        assert_eq!(since("1d"), 1_767_139_200_000);
        assert_eq!(since("1h 30m"), 1_767_220_200_000);
        assert_eq!(since("2025-12-31T23:59:59.5Z"), 1_767_225_599_500);
        assert_eq!(since("2026-01-01T01:00:00+01:00"), 1_767_225_600_000);
        for text in ["", "soon", "0s", "-5m", "10", "2026-01-01", "1mo"] {
            let refused = parse_since(text).unwrap_err();
            assert!(refused.contains("`10m`"), "{text}: {refused}");
        }
        // However long ago, it is a moment.
        assert!(since("9000w") < 0);
    }

    #[test]
    fn a_task_is_known_by_the_beginning_of_its_id() {
        let id = "0123456789abcdef0123456789abcdef";
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task/cluster-demo/{id}");
        assert_eq!(parse_task(&arn).as_deref(), Ok(id));
        assert_eq!(parse_task("0123").as_deref(), Ok("0123"));
        for text in ["", "012", "web", "01234567Z", &format!("{id}0"), "../.."] {
            assert!(parse_task(text).is_err(), "{text}");
        }
    }

    /// What a container writes must not be able to change what a person sees of others' lines.
    #[test]
    fn a_line_does_nothing_to_a_terminal() {
        let plain = |text: &str| strip_str(&shown(Output::Text, None, text).unwrap()).to_string();
        let head = "2026-01-01T00:00:00.123Z web/01234567 ";
        assert_eq!(plain("ok\n"), format!("{head}ok"));
        let nasty = "a\x1b[2Jb\x1b]0;title\x07c\rd\x08e\x7ff\u{9b}31mg\u{202e}h\tz";
        let shown_nasty = shown(Output::Text, None, nasty).unwrap();
        assert_eq!(shown_nasty.matches('\x1b').count(), 2, "the colour of the task, and its end");
        assert!(!shown_nasty.contains(['\r', '\x07', '\x08', '\x7f', '\u{9b}', '\u{202e}']));
        assert!(shown_nasty.contains('z') && shown_nasty.contains('\t'));
        let two = plain("one\ntwo");
        assert_eq!(two.lines().count(), 2);
        assert!(two.lines().all(|it| it.starts_with(head.trim_end())), "{two}");
        assert_eq!(plain(""), head.trim_end());
    }

    #[test]
    fn json_has_everything_as_it_was_written() {
        let json = shown(Output::Json, None, "a\x1b[1mb\n").unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!({
            "time": "2026-01-01T00:00:00.123Z", "service": "web", "container": "web",
            "task": "0123456789abcdef0123456789abcdef", "message": "a\u{1b}[1mb\n",
        });
        assert_eq!(value, expected);
        assert!(!json.contains('\n'));
    }

    #[test]
    fn only_what_is_wanted_is_shown_and_marked() {
        assert_eq!(shown(Output::Text, Some("error"), "all is well"), None);
        assert_eq!(shown(Output::Json, Some("error"), "all is well"), None);
        let found = shown(Output::Text, Some("r{2}"), "error: terror").unwrap();
        assert!(
            found.ends_with("e\x1b[1m\x1b[7mrr\x1b[0mor: te\x1b[1m\x1b[7mrr\x1b[0mor"),
            "{found:?}"
        );
        // What is marked is what was written, not the colours around it.
        assert_eq!(shown(Output::Text, Some(r"\[36m"), "\x1b[36mx"), None);
    }
}
