//! Reading log streams: which there are, what is in one, and what is in several.
//!
//! What AWS says of pages (API `FilterLogEvents`, `GetLogEvents`): one holds up to 10,000 events or 1 MB, may
//! be empty although more follow, and the end of a stream is where the same token comes back.

use serde_json::{Value, json};

use super::stream::{Line, Millis, Place, Stream, millis};
use super::{Group, PAGER, find, invalid, not_found};
use crate::fields::Fields;
use crate::page::is_small;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The most events of a page, which is also how many a request gets that does not say.
const MOST: usize = 10_000;
/// The most bytes of a page, of which each event takes some more than its text has.
const MOST_BYTES: usize = 1_048_576;
const BYTES_EACH: usize = 26;
/// How often a page is empty, or says that more may follow when nothing does.
const EMPTY: f64 = 0.25;
/// How much of the time of a group is searched at a time.
const WINDOW: Millis = 60_000;

/// The name of the group that a request is about.
pub(super) fn group_of(input: &Value) -> &str {
    let identifier = input.text("logGroupIdentifier");
    let name = identifier.rsplit("log-group:").next().unwrap_or_default();
    input.some_text("logGroupName").unwrap_or(name)
}

fn group<'a>(world: &'a World, input: &Value) -> Result<(&'a str, &'a Group), Refusal> {
    let said = [input.some_text("logGroupName"), input.some_text("logGroupIdentifier")];
    if said.iter().flatten().count() != 1 {
        let message = "Exactly one of logGroupName and logGroupIdentifier has to be given.";
        return Err(invalid(message));
    }
    let name = group_of(input);
    find(world, name)?;
    let group = world.logs().groups.get_key_value(name);
    group
        .map(|(name, group)| (name.as_str(), group))
        .ok_or_else(|| not_found("The specified log group does not exist."))
}

/// Refuses what the simulator does not have.
fn lacks(operation: &str, what: &str) -> Refusal {
    Refusal::lacked(&format!("{operation} with {what}"))
}

fn bad_token() -> Refusal {
    invalid("The specified nextToken is invalid.")
}

/// The streams of a group.
pub(super) fn describe_log_streams(world: &World, input: &Value) -> Answer {
    let (name, group) = group(world, input)?;
    let prefix = input.text("logStreamNamePrefix");
    let by_time = input.some_text("orderBy") == Some("LastEventTime");
    if by_time && !prefix.is_empty() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let streams = group.streams.iter().filter(|(name, _)| name.starts_with(prefix));
    let mut views: Vec<_> = streams.map(|(stream, it)| view(world, name, stream, it)).collect();
    if by_time {
        views.sort_by_key(|view| view.number("lastEventTimestamp"));
    }
    if input.flag("descending") == Some(true) {
        views.reverse();
    }
    PAGER.page(world, input, "logStreams", PAGER.most, views)
}

fn view(world: &World, group: &str, name: &str, stream: &Stream) -> Value {
    let mut view = json!({
        "logStreamName": name,
        "creationTime": stream.opened,
        "arn": world.arn("logs", &format!("log-group:{group}:log-stream:{name}")),
        // Since 2019 AWS counts the bytes of groups alone.
        "storedBytes": 0,
    });
    if let Some(newest) = stream.newest(world, millis(world.now)) {
        let first = stream.lines(world, 0, newest.place.at + 1).first().map(|it| it.place.at);
        view["firstEventTimestamp"] = json!(first);
        view["lastEventTimestamp"] = json!(newest.place.at);
        view["lastIngestionTime"] = json!(newest.ingested);
    }
    view
}

/// How many events a page holds.
fn size(world: &World, input: &Value) -> usize {
    let said = input.number("limit").and_then(|limit| usize::try_from(limit).ok());
    if is_small(world, input) { 1 } else { said.unwrap_or(MOST) }
}

/// As many of these as a page holds, and whether there are more.
fn page<T>(events: Vec<T>, size: usize, text: impl Fn(&T) -> &str) -> (Vec<T>, bool) {
    let mut bytes = 0;
    let fits = |event: &T| {
        bytes += text(event).len() + BYTES_EACH;
        bytes <= MOST_BYTES
    };
    let count = events.iter().take(size).map(fits).take_while(|fits| *fits).count();
    let more = count < events.len();
    (events.into_iter().take(count).collect(), more)
}

/// Where a search goes on: after this place of this stream. It tells how many empty pages there were.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    place: Place,
    empty: u32,
    stream: String,
}

impl Position {
    /// Before everything.
    fn first() -> Self {
        let place = Place { at: -1, kind: 0, number: 0 };
        Self { place, empty: 0, stream: String::new() }
    }

    fn token(&self) -> String {
        let Self { place: Place { at, kind, number }, empty, stream } = self;
        format!("{at}~{kind}~{number}~{empty}~{stream}")
    }

    fn read(token: &str) -> Option<Self> {
        let mut parts = token.splitn(5, '~');
        let at = parts.next()?.parse().ok()?;
        let kind = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let empty = parts.next()?.parse().ok()?;
        let place = Place { at, kind, number };
        Some(Self { place, empty, stream: parts.next()?.to_owned() })
    }

    /// The same one, after one more empty page.
    fn again(&self) -> Self {
        Self { empty: self.empty.saturating_add(1), ..self.clone() }
    }

    /// What orders the events of several streams.
    fn key(&self) -> (Millis, &str, Place) {
        (self.place.at, &self.stream, self.place)
    }
}

/// What is in several streams, or in all of a group.
pub(super) fn filter_log_events(world: &World, input: &Value) -> Answer {
    const OPERATION: &str = "FilterLogEvents";
    let (name, group) = group(world, input)?;
    if input.flag("startFromHead") == Some(false) {
        return Err(lacks(OPERATION, "startFromHead that is false"));
    }
    if input.flag("unmask") == Some(true) {
        return Err(lacks(OPERATION, "unmask"));
    }
    let terms = terms(input.text("filterPattern"))?;
    let streams = searched(group, input)?;
    let from = match input.some_text("nextToken") {
        Some(token) => Position::read(token).ok_or_else(bad_token)?,
        None => Position::first(),
    };
    let rolls = |what: &str| {
        let key = format!("{name} {} {}", input.number("startTime").unwrap_or(0), from.token());
        world.dice.roll(what, &key) < EMPTY
    };
    if rolls("logs.empty-page") {
        return Ok(filtered(&[], Some(&from.again())));
    }
    let size = size(world, input);
    let found = search(world, input, &streams, &terms, &from, size);
    let (events, more) = page(found, size, |(_, _, line)| line.text.as_str());
    let last = events.last().map(|(stream, _, line)| Position {
        place: line.place,
        empty: 0,
        stream: (*stream).to_owned(),
    });
    let next = match (more, last) {
        (true, last) => last,
        (false, last) if rolls("logs.one-more-page") => Some(last.unwrap_or(from).again()),
        (false, _) => None,
    };
    let views: Vec<_> =
        events.iter().map(|(name, it, line)| event(world, name, it, line)).collect();
    Ok(filtered(&views, next.as_ref()))
}

fn filtered(events: &[Value], next: Option<&Position>) -> Value {
    let mut answer = json!({ "events": events, "searchedLogStreams": [] });
    if let Some(next) = next {
        answer["nextToken"] = json!(next.token());
    }
    answer
}

fn event(world: &World, name: &str, stream: &Stream, line: &Line) -> Value {
    json!({
        "logStreamName": name,
        "timestamp": line.place.at,
        "message": line.text,
        "ingestionTime": line.ingested,
        "eventId": stream.event_id(world, line.place),
    })
}

/// The streams that a search is about.
fn searched<'a>(group: &'a Group, input: &Value) -> Result<Vec<(&'a str, &'a Stream)>, Refusal> {
    let (names, prefix) = (input.texts("logStreamNames"), input.text("logStreamNamePrefix"));
    if !names.is_empty() && !prefix.is_empty() {
        return Err(invalid("logStreamNames and logStreamNamePrefix cannot be given together."));
    }
    if names.is_empty() {
        let streams = group.streams.iter().filter(|(name, _)| name.starts_with(prefix));
        return Ok(streams.map(|(name, it)| (name.as_str(), it)).collect());
    }
    let streams = names.iter().map(|name| {
        let stream = group.streams.get_key_value(name);
        let stream = stream.map(|(name, it)| (name.as_str(), it));
        stream.ok_or_else(|| not_found("The specified log stream does not exist."))
    });
    streams.collect()
}

/// The terms that an event has to have, all of them. Patterns can do more.
fn terms(pattern: &str) -> Result<Vec<&str>, Refusal> {
    let is_plain = |it: char| it.is_alphanumeric() || it == '_';
    let terms: Vec<_> = match pattern.trim().strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(phrase) if !phrase.contains('"') => vec![phrase],
        Some(_) => return Err(lacks("FilterLogEvents", "such a filterPattern")),
        None => pattern.split_whitespace().collect(),
    };
    let quoted = pattern.trim().starts_with('"');
    match terms.iter().all(|term| quoted || term.chars().all(is_plain)) {
        true => Ok(terms),
        false => Err(lacks("FilterLogEvents", "such a filterPattern")),
    }
}

/// The events that can be read by now, after a position, in order: some more than fit on a page, when there
/// are more.
fn search<'a>(
    world: &World,
    input: &Value,
    streams: &[(&'a str, &'a Stream)],
    terms: &[&str],
    from: &Position,
    size: usize,
) -> Vec<(&'a str, &'a Stream, Line)> {
    let now = millis(world.now);
    // What comes at the very end counts.
    let end = input.number("endTime").map_or(now, |end| end.min(now)).saturating_add(1);
    let begin = streams.iter().map(|(_, it)| it.opened).min().unwrap_or(end);
    let begin = begin.max(input.number("startTime").unwrap_or(0)).max(from.place.at);
    let mut found = Vec::new();
    let mut window = begin;
    while window < end && found.len() <= size {
        let until = end.min(window.saturating_add(WINDOW));
        let mut part: Vec<_> = Vec::new();
        for (name, stream) in streams {
            let lines = stream.lines(world, window, until).into_iter();
            let lines = lines.filter(|line| {
                line.ingested <= now
                    && (line.place.at, *name, line.place) > from.key()
                    && terms.iter().all(|term| line.text.contains(term))
            });
            part.extend(lines.map(|line| (*name, *stream, line)));
        }
        part.sort_by(|(one, _, line), (other, _, next)| {
            (line.place.at, one, line.place).cmp(&(next.place.at, other, next.place))
        });
        found.extend(part);
        window = until;
    }
    found
}

/// Deletes a stream with all that is in it.
pub(super) fn delete_log_stream(world: &mut World, input: &Value) -> Answer {
    let (name, _) = group(world, input)?;
    let (name, stream) = (name.to_owned(), input.text("logStreamName"));
    let group = world.logs_mut().groups.get_mut(&name);
    match group.and_then(|group| group.streams.remove(stream)) {
        Some(_) => Ok(json!({})),
        None => Err(not_found("The specified log stream does not exist.")),
    }
}

/// What is in one stream.
pub(super) fn get_log_events(world: &World, input: &Value) -> Answer {
    let (name, group) = group(world, input)?;
    let stream_name = input.text("logStreamName");
    let stream = group.streams.get(stream_name);
    let stream = stream.ok_or_else(|| not_found("The specified log stream does not exist."))?;
    if input.flag("unmask") == Some(true) {
        return Err(lacks("GetLogEvents", "unmask"));
    }
    let now = millis(world.now);
    // Other than for a search, what comes at the very end does not count.
    let end = input.number("endTime").unwrap_or(Millis::MAX).min(now.saturating_add(1));
    let mut lines = stream.lines(world, input.number("startTime").unwrap_or(0), end);
    lines.retain(|line| line.ingested <= now);
    let token = input.some_text("nextToken");
    let (forward, from) = match token {
        Some(token) => {
            let (way, from) = token.split_once('/').ok_or_else(bad_token)?;
            let from = Position::read(from).ok_or_else(bad_token)?;
            match way {
                "f" => (true, Some(from)),
                "b" => (false, Some(from)),
                _ => return Err(bad_token()),
            }
        }
        None => (input.flag("startFromHead") == Some(true), None),
    };
    let is_wanted = |line: &Line| match &from {
        Some(from) if forward => line.place > from.place,
        Some(from) => line.place < from.place,
        None => true,
    };
    lines.retain(is_wanted);
    // While there is something, a page may be empty all the same, and has another token then.
    let key = format!("{name} {stream_name} {}", token.unwrap_or_default());
    let is_empty = !lines.is_empty() && world.dice.roll("logs.empty-page", &key) < EMPTY;
    if is_empty {
        lines.clear();
    }
    if !forward {
        lines.reverse();
    }
    let (mut lines, _) = page(lines, size(world, input), |line| line.text.as_str());
    if !forward {
        lines.reverse();
    }
    let at = |line: &Line| Position { place: line.place, empty: 0, stream: String::new() };
    let here = from.unwrap_or_else(Position::first);
    let here = if is_empty { here.again() } else { here };
    let next = lines.last().map_or_else(|| here.clone(), at);
    let back = lines.first().map_or_else(|| here.clone(), at);
    let events = lines.iter().map(|line| {
        json!({ "timestamp": line.place.at, "message": line.text, "ingestionTime": line.ingested })
    });
    Ok(json!({
        "events": events.collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{}", next.token()),
        "nextBackwardToken": format!("b/{}", back.token()),
    }))
}
