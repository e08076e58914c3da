//! One-off tasks that a command starts, watches and stops when it is stopped itself.

use std::time::Duration;

use super::error::{CommandError, ErrorKind};
use super::existing::Existing;
use crate::aws::{Aws, Error, Meaning};
use crate::diagnosis::{self, Evidence, StoppedTask, Wanted};
use crate::engine::Stop;
use crate::resource::one_off::{self, State};
use crate::ui::Screen;

/// How often a task is looked at: ECS takes 20 requests a second of an account, in bursts of 50 (ECS guide,
/// "Request throttling").
pub(super) const LOOK: Duration = Duration::from_secs(3);

/// Between looks at what a task that has ended has written: it can be read some seconds later.
pub(super) const LATE: Duration = Duration::from_secs(3);
/// How many of these looks there are at most that show nothing new.
pub(super) const LOOKS: usize = 4;

/// What commands need that start tasks.
pub(super) struct Errand<'a> {
    pub(super) existing: &'a Existing,
    pub(super) cluster: &'a str,
    pub(super) stop: &'a Stop,
    pub(super) screen: &'a Screen,
}

/// Words that no other run starts a task with.
pub(super) fn starter(of: &str) -> String {
    format!("{}{of}/{:016x}", one_off::STARTER, fastrand::u64(..))
}

/// That a task has ended whose container never ran, with what was found out of why.
pub(super) fn unstarted(container: &str, ended: &StoppedTask) -> CommandError {
    let wanted = Wanted { service: container.to_owned(), count: 1, ..Wanted::default() };
    let evidence = Evidence { wanted, tasks: vec![ended.clone()], ..Evidence::default() };
    let why = format!("task {} did not start: {}", ended.id, ended.reason);
    let error = CommandError::new(ErrorKind::Unexpected).problem(why);
    error.causes(format!("task {}", ended.id), &diagnosis::findings(&evidence))
}

impl Errand<'_> {
    pub(super) fn aws(&self) -> &Aws {
        &self.existing.connection.aws
    }

    fn failed(&self, error: Error) -> CommandError {
        self.existing.connection.failed(error)
    }

    /// Starts a task, once, which has these words as its starter. Nothing when this command was stopped before
    /// there was one.
    pub(super) async fn start(
        &self,
        starter: &str,
        mut start: impl AsyncFnMut() -> Result<String, Error>,
    ) -> Result<Option<String>, CommandError> {
        let mut told = String::new();
        while !self.stop.is_asked() {
            let error = match start().await {
                Ok(task) => return Ok(Some(task)),
                Err(error) if error.is_passing() => error,
                Err(error) => return Err(self.failed(error)),
            };
            if error.meaning == Meaning::Lost {
                // It may have been started, and nothing but its starter says so.
                let found = one_off::started_by(self.aws(), self.cluster, starter).await;
                let found = found.map_err(|error| self.failed(error))?;
                if let Some(task) = found.into_iter().next() {
                    return Ok(Some(task));
                }
            }
            let why = error.cause.to_string();
            if told != why {
                self.screen.note(&format!("waiting to start the task: {why}"));
                told = why;
            }
            self.stop.sleep(LOOK).await;
        }
        Ok(None)
    }

    /// Watches a task to its end, says what it waits for until it runs, and tells each look. Nothing when this
    /// command was stopped: then the task is, too.
    pub(super) async fn watch(
        &self,
        task: &str,
        mut tell: impl AsyncFnMut(&State),
    ) -> Result<Option<StoppedTask>, CommandError> {
        let mut told = String::new();
        while !self.stop.is_asked() {
            match one_off::look(self.aws(), self.cluster, task).await {
                Ok(State::Stopped(ended)) => return Ok(Some(ended)),
                Ok(state) => {
                    if let State::Coming(how) = &state
                        && told != *how
                    {
                        self.screen.note(&format!("waiting for it to start ({how})"));
                        told.clone_from(how);
                    }
                    tell(&state).await;
                }
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(self.failed(error)),
            }
            self.stop.sleep(LOOK).await;
        }
        let why = "The command that started it was stopped";
        let stopped = one_off::stop(self.aws(), self.cluster, task, why).await;
        stopped.map_err(|error| self.failed(error))?;
        Ok(None)
    }
}
