//! What the containers of several log groups write, read as one: merged by time, and followed.
//!
//! Everything is read with `FilterLogEvents`, one group at a time. It costs nothing but requests, of which
//! AWS takes five a second in some regions, whoever makes them, and it shows what was before. A live tail
//! costs by the minute, ends after three hours, leaves lines out where there are many, and shows nothing of
//! what was (`docs/looking.md`).
//!
//! **No line twice, and none lost.** A line can be read some seconds after it was written, and lines of one
//! group not in their order. So each round of following reads the last [`OVERLAP`] once more, counted back
//! from the newest line that was there when the group's request was sent, and an event is known by its id.
//!
//! **In order.** A round reads its groups side by side, as far as each has to be known for the next line.
//! What is new waits for [`HOLD`] before it is shown, since an older line may still come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::aws::{Aws, Doing, Error, Meanings as _, Result};

/// Of how much time the lines are read again in each round. Nothing takes so long to become readable.
const OVERLAP: Duration = Duration::from_secs(10);
/// For how long a line waits for older ones.
const HOLD: Duration = Duration::from_secs(4);
/// Between the beginnings of two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Between two requests: a little less than the five a second that AWS takes where it takes least.
const PACE: Duration = Duration::from_millis(250);
/// Until a round that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// As many streams as a request may name.
pub const MOST_STREAMS: usize = 100;

/// What AWS answers about a group or a stream that is not there.
const UNKNOWN: &str = "ResourceNotFoundException";

/// A moment, in milliseconds since 1970.
pub type Millis = i64;

/// A group that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Whose lines are in it.
    pub service: String,
    /// Its name.
    pub group: String,
    /// Only these of its streams; all, when it names none.
    pub streams: Vec<String>,
}

/// A line of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Millis,
    /// The service.
    pub service: String,
    /// The container.
    pub container: String,
    /// The id of the task.
    pub task: String,
    /// What was written.
    pub text: String,
    /// AWS's id of it.
    id: String,
}

/// What happens while logs are followed.
#[derive(Debug)]
pub enum Told<'a> {
    /// A line was written.
    Line(&'a Line),
    /// The group of this service is gone.
    Gone(&'a str),
    /// Nothing can be read just now, and it is tried again: told once, until it works again.
    Failed(&'a Error),
}

/// Says that nobody wants to know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough;

/// Why reading ended before everything was read.
#[derive(Debug)]
pub enum End {
    /// Nobody wants to know more.
    Enough,
    /// AWS refused.
    Failed(Error),
}

impl From<Enough> for End {
    fn from(Enough: Enough) -> Self {
        Self::Enough
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The streams of a container of a service in the tasks whose ids begin like this.
pub async fn streams_of(
    aws: &Aws,
    source: &Source,
    container: &str,
    task: &str,
) -> Result<Vec<String>> {
    const DOING: &str = "list the log streams";
    let Source { service, group, .. } = source;
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = aws.logs.describe_log_streams().log_group_name(group);
        let page = page.log_stream_name_prefix(stream(service, container, task));
        let page = page.set_next_token(token.take()).send().await.doing(DOING)?;
        let names = page.log_streams().iter().filter_map(|it| it.log_stream_name());
        found.extend(names.map(str::to_owned));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The stream of a container: the driver's prefix, which is the service, the container and the task.
pub fn stream(service: &str, container: &str, task: &str) -> String {
    format!("{service}/{container}/{task}")
}

/// The last lines of a stream; of one that is not there, none.
pub async fn last_lines(aws: &Aws, group: &str, stream: &str, count: usize) -> Result<Vec<String>> {
    let read = aws.logs.get_log_events().log_group_name(group).log_stream_name(stream);
    let read = read.limit(i32::try_from(count).unwrap_or(i32::MAX)).start_from_head(false);
    let read = read.send().await.doing("read what the container wrote");
    let events = read.gone_is_fine(&[UNKNOWN])?.and_then(|it| it.events).unwrap_or_default();
    Ok(events.into_iter().filter_map(|it| it.message).map(|it| it.trim_end().to_owned()).collect())
}

/// A reader of one stream, which need not be there yet. AWS takes ten requests a second for it at the least
/// (`CloudWatch` Logs quotas), so it needs no pace but that of who asks.
#[derive(Debug)]
pub struct Stream {
    group: String,
    name: String,
    token: Option<String>,
}

impl Stream {
    /// The stream of a container in a task.
    pub fn new(group: &str, name: String) -> Self {
        Self { group: group.to_owned(), name, token: None }
    }

    /// What was written since it was asked last; a stream that is not there has nothing.
    pub async fn news(&mut self, aws: &Aws) -> Result<Vec<String>> {
        let mut news = Vec::new();
        loop {
            let page = aws.logs.get_log_events().log_group_name(&self.group);
            let page = page.log_stream_name(&self.name).start_from_head(true);
            let page = page.set_next_token(self.token.clone()).send().await;
            let page = page.doing(format!("read the log group `{}`", self.group));
            let Some(page) = page.gone_is_fine(&[UNKNOWN])? else { return Ok(news) };
            let messages = page.events().iter().filter_map(|event| event.message());
            news.extend(messages.map(str::to_owned));
            let next = page.next_forward_token().map(str::to_owned);
            // At the end, AWS gives the same token back.
            if next.is_none() || std::mem::replace(&mut self.token, next.clone()) == next {
                return Ok(news);
            }
        }
    }
}

/// A reader of several groups.
#[derive(Debug)]
pub struct Reader {
    aws: Aws,
    groups: Vec<Group>,
    /// When the next request may be sent.
    next: Instant,
    /// Whether there are more rounds than one, so that it has to be known what was read.
    follows: bool,
}

/// A group, and how far it is read.
#[derive(Debug)]
struct Group {
    source: Source,
    /// From when on it is read.
    from: Millis,
    /// The newest line that is known.
    newest: Option<Millis>,
    /// What was read since `from`.
    seen: BTreeSet<(Millis, String)>,
    round: Round,
}

/// What a group shows in a round.
#[derive(Debug, Default)]
struct Round {
    /// When its first request was sent.
    began: Option<Instant>,
    lines: VecDeque<Line>,
    token: Option<String>,
    is_over: bool,
}

impl Reader {
    /// Reads these groups from a moment on.
    pub fn new(aws: Aws, sources: Vec<Source>, since: Millis) -> Self {
        let group = |source| Group {
            source,
            from: since.max(0),
            newest: None,
            seen: BTreeSet::new(),
            round: Round::default(),
        };
        let groups = sources.into_iter().map(group).collect();
        Self { aws, groups, next: Instant::now(), follows: false }
    }

    /// Tells all lines that there are by now, in their order. A group that is gone has none.
    pub async fn read(
        &mut self,
        mut tell: impl FnMut(Line) -> Result<(), Enough>,
    ) -> Result<(), End> {
        while let Some((_, line)) = self.line().await? {
            tell(line)?;
        }
        Ok(())
    }

    /// Tells lines as they are written, until no group is left. Lines that wait are `held`: whoever ends it
    /// may have them.
    pub async fn follow(
        &mut self,
        held: &mut Held,
        mut tell: impl FnMut(Told<'_>) -> Result<(), Enough>,
    ) -> Result<(), End> {
        self.follows = true;
        let mut is_failing = false;
        while !self.groups.is_empty() {
            let began = Instant::now();
            self.groups.iter_mut().for_each(|group| group.round = Round::default());
            loop {
                match self.line().await {
                    Ok(Some((of, line))) => held.put(of, line),
                    Ok(None) => {
                        is_failing = false;
                        break;
                    }
                    Err(error) if error.is_passing() => {
                        if !std::mem::replace(&mut is_failing, true) {
                            tell(Told::Failed(&error))?;
                        }
                        sleep(AGAIN).await;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
                while let Some(line) = held.settled() {
                    tell(Told::Line(&line))?;
                }
            }
            while let Some(line) = held.rested(began) {
                tell(Told::Line(&line))?;
            }
            self.groups.iter_mut().for_each(Group::go_on);
            for gone in self.groups.extract_if(.., |group| group.is_gone()) {
                tell(Told::Gone(&gone.source.service))?;
            }
            sleep_until(began + ROUND).await;
        }
        Ok(())
    }

    /// The next line of all groups, and the number of its group. What was told in an earlier round is left
    /// out.
    async fn line(&mut self) -> Result<Option<(usize, Line)>> {
        loop {
            for group in &mut self.groups {
                while group.round.lines.is_empty() && !group.round.is_over {
                    sleep_until(self.next).await;
                    self.next = Instant::now() + PACE;
                    group.read(&self.aws).await?;
                }
            }
            let heads = self.groups.iter().enumerate();
            let heads = heads.filter_map(|(of, group)| Some((group.round.lines.front()?.at, of)));
            let Some((_, of)) = heads.min() else { return Ok(None) };
            let group = &mut self.groups[of];
            let Some(line) = group.round.lines.pop_front() else { return Ok(None) };
            if !self.follows || group.seen.insert((line.at, line.id.clone())) {
                group.newest = group.newest.max(Some(line.at));
                return Ok(Some((of, line)));
            }
        }
    }
}

impl Group {
    /// Reads a page.
    async fn read(&mut self, aws: &Aws) -> Result<()> {
        let Source { group, streams, .. } = &self.source;
        let streams = Some(streams.clone()).filter(|streams| !streams.is_empty());
        let page = aws.logs.filter_log_events().log_group_name(group);
        let page = page.set_log_stream_names(streams).start_time(self.from);
        let page = page.set_next_token(self.round.token.take());
        self.round.began.get_or_insert_with(Instant::now);
        let page = match page.send().await.doing(format!("read the log group `{group}`")) {
            Ok(page) => page,
            Err(error) if error.code() == Some(UNKNOWN) => {
                self.source.group.clear();
                self.round.is_over = true;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let events = page.events().iter();
        let mut lines: Vec<_> = events.filter_map(|event| line(&self.source, event)).collect();
        // AWS does its best to keep them in order.
        lines.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        self.round.lines = lines.into();
        self.round.token = page.next_token().map(str::to_owned);
        self.round.is_over = self.round.token.is_none();
        Ok(())
    }

    /// Whether it is gone.
    fn is_gone(&self) -> bool {
        self.source.group.is_empty()
    }

    /// After a round: remembers only what is read again in the next one.
    fn go_on(&mut self) {
        let (Some(newest), Some(began), true) = (self.newest, self.round.began, self.round.is_over)
        else {
            return;
        };
        let again = millis(OVERLAP + began.elapsed());
        self.from = self.from.max(newest - again);
        self.seen = self.seen.split_off(&(self.from, String::new()));
    }
}

fn millis(duration: Duration) -> Millis {
    duration.as_millis().try_into().unwrap_or(Millis::MAX)
}

/// An event as a line. Its stream is named by prefix, container and task.
fn line(source: &Source, event: &aws_sdk_cloudwatchlogs::types::FilteredLogEvent) -> Option<Line> {
    let stream = event.log_stream_name().unwrap_or_default();
    let mut parts = stream.rsplit('/');
    let task = parts.next().unwrap_or_default().to_owned();
    let container = parts.next().unwrap_or_default().to_owned();
    Some(Line {
        at: event.timestamp()?,
        service: source.service.clone(),
        container,
        task,
        text: event.message().unwrap_or_default().to_owned(),
        id: match event.event_id() {
            Some(id) => id.to_owned(),
            None => format!("{stream} {}", event.message().unwrap_or_default()),
        },
    })
}

/// Lines that were read and wait for older ones.
#[derive(Debug, Default)]
pub struct Held {
    /// When each was read, by its time, its group and its id.
    lines: BTreeMap<(Millis, usize, String), (Instant, Line)>,
    /// When the newest was written that is known.
    newest: Millis,
}

impl Held {
    fn put(&mut self, of: usize, line: Line) {
        self.newest = self.newest.max(line.at);
        self.lines.insert((line.at, of, line.id.clone()), (Instant::now(), line));
    }

    /// The oldest, when lines are known that are so much newer that no older one comes.
    fn settled(&mut self) -> Option<Line> {
        let first = self.lines.first_entry()?;
        let (_, line) = first.get();
        (line.at + millis(OVERLAP) < self.newest).then(|| first.remove().1)
    }

    /// The oldest, when a round has begun since it had waited long enough.
    fn rested(&mut self, began: Instant) -> Option<Line> {
        let first = self.lines.first_entry()?;
        let (since, _) = first.get();
        (*since + HOLD <= began).then(|| first.remove().1)
    }

    /// All that are left, in order.
    pub fn rest(self) -> impl Iterator<Item = Line> {
        self.lines.into_values().map(|(_, line)| line)
    }
}

#[cfg(test)]
impl Line {
    /// A line of a container that is named after its service.
    pub fn for_test(at: Millis, service: &str, task: &str, text: &str) -> Self {
        Self {
            at,
            service: service.to_owned(),
            container: service.to_owned(),
            task: task.to_owned(),
            text: text.to_owned(),
            id: format!("{at} {text}"),
        }
    }
}
