//! How tasks are started, found healthy and replaced.

use std::collections::BTreeMap;

use super::super::Wanted;
use super::Checker;
use crate::spec::{
    self, ContainerHealth, Deployments, EnvValue, HealthCheck, Release, RunOn, check_command,
    check_statuses, pairs, size,
};

/// Bytes that the command of one task may take in what is overridden for it, of 8192 in all.
const OVERRIDE: usize = 7168;

impl<'a> Checker<'a> {
    /// What tells load balancers that a task is healthy.
    pub(super) fn health(&mut self, wanted: &'a Wanted) -> Option<HealthCheck> {
        let of = Some(wanted);
        let path = self.or_usual(of, "health.path");
        let path = self.keep(of, "health.path", path, spec::check_health_path(path));
        let port = self.text(of, "health.port");
        let port = port.map(|_| self.whole(of, "health.port", size::PORT, "a port number"));
        let status = self.or_usual(of, "health.status");
        let status = self.keep(of, "health.status", status, check_statuses(status));
        let interval = self.seconds(of, "health.interval", size::HEALTH_INTERVAL);
        let timeout = self.seconds(of, "health.timeout", size::HEALTH_TIMEOUT);
        self.ends_before(wanted, ("health.timeout", timeout), ("health.interval", interval));
        let what = "a number of checks";
        let healthy = self.whole(of, "health.healthy", size::HEALTH_THRESHOLD, what);
        let unhealthy = self.whole(of, "health.unhealthy", size::HEALTH_THRESHOLD, what);
        Some(HealthCheck {
            path: path?,
            port: match port {
                Some(port) => u16::try_from(port?).ok(),
                None => None,
            },
            status: status?,
            interval: interval?,
            timeout: timeout?,
            healthy: healthy?,
            unhealthy: unhealthy?,
        })
    }

    /// What tells ECS that a container is healthy, whose keys begin with `prefix`.
    pub(super) fn container_health(
        &mut self,
        wanted: &'a Wanted,
        prefix: &str,
    ) -> Option<ContainerHealth> {
        let of = Some(wanted);
        let path = |key: &str| format!("{prefix}container_health{key}");
        let entry = wanted.table.entry(&path(""))?;
        let command = words(wanted, &path(".command"));
        if wanted.table.at(&path(".command")).is_none() {
            let rule = "needs a `command`, which is run in the container";
            let field = format!("service.{}.{}", wanted.name, path(""));
            self.problem_at(field, Some(&entry.key), "", rule.to_owned());
        } else if let Err(rule) = check_command(&command) {
            self.problem(of, &path(".command"), "", rule);
        }
        let interval = self.seconds(of, &path(".interval"), size::CONTAINER_INTERVAL);
        let timeout = self.seconds(of, &path(".timeout"), size::CONTAINER_TIMEOUT);
        let what = "a number of checks";
        let retries = self.whole(of, &path(".retries"), size::CONTAINER_RETRIES, what);
        let start = self.seconds(of, &path(".start_period"), size::CONTAINER_START);
        Some(ContainerHealth {
            command,
            interval: interval?,
            timeout: timeout?,
            retries: retries?,
            start_period: start?,
        })
    }

    /// How tasks are replaced, and whether they can be at all.
    pub(super) fn deployments(&mut self, wanted: &'a Wanted) -> Option<Deployments> {
        let of = Some(wanted);
        let what = "a percentage";
        let min = self.whole(of, "deploy.min_percent", size::MIN_PERCENT, what);
        let max = self.whole(of, "deploy.max_percent", size::MAX_PERCENT, what);
        if let (Some(min @ 100..), Some(max @ ..=100)) = (min, max) {
            let rule = format!(
                "with max_percent {max} no task can be replaced; lower it, or raise max_percent"
            );
            self.problem(of, "deploy.min_percent", &min.to_string(), rule);
        }
        let is_on = |path: &str| self.or_usual(of, path) == "true";
        let (circuit_breaker, rollback) =
            (is_on("deploy.circuit_breaker"), is_on("deploy.rollback"));
        if !circuit_breaker && self.text(of, "deploy.rollback") == Some("true") {
            let breaker = self.called(of, "deploy.circuit_breaker");
            let rule = format!("is what the circuit breaker does, and {breaker} is false");
            self.problem(of, "deploy.rollback", "true", rule);
        }
        let drain = self.seconds(of, "deploy.drain", size::DRAIN);
        Some(Deployments {
            min_percent: min?,
            max_percent: max?,
            circuit_breaker,
            rollback: circuit_breaker && rollback,
            drain: drain?,
        })
    }

    /// How long the container may take to end.
    pub(super) fn stop_timeout(&mut self, wanted: &'a Wanted, run_on: RunOn) -> Option<u32> {
        let text = self.text(Some(wanted), "stop_timeout")?;
        let checked = match run_on {
            RunOn::Instances => size::seconds(text, &size::STOP),
            RunOn::Fargate => size::seconds(text, &size::FARGATE_STOP)
                .map_err(|rule| format!("{rule}, on Fargate")),
        };
        self.keep(Some(wanted), "stop_timeout", text, checked)
    }

    /// What runs once before a new revision. `--skip-release` leaves it out.
    pub(super) fn release(&mut self, wanted: &'a Wanted) -> Option<Release> {
        let entry = wanted.table.entry("release")?;
        let command = words(wanted, "release.command");
        if command.is_empty() {
            let field = format!("service.{}.release", wanted.name);
            let rule = "needs a `command`, an array of at least one word".to_owned();
            self.problem_at(field, Some(&entry.key), "", rule);
        }
        // The override of a task has room for so much (ECS API Reference, `RunTask`).
        let length = serde_json::json!(command).to_string().len();
        if length > OVERRIDE {
            let rule = format!("takes {length} bytes as JSON, and at most {OVERRIDE} fit");
            self.problem(Some(wanted), "release.command", "", rule);
        }
        let timeout = self.seconds(Some(wanted), "release.timeout", size::RELEASE)?;
        (!self.wish.skip_release && !command.is_empty()).then_some(Release { command, timeout })
    }

    /// Checks that the commands of containers have room in a task definition, after the variables. Of each
    /// container it is given what its keys begin with, and its variables.
    pub(super) fn check_words(
        &mut self,
        wanted: &'a Wanted,
        containers: &[(String, &BTreeMap<String, EnvValue>)],
    ) {
        let mut all = Vec::new();
        let variables: Vec<_> = containers.iter().map(|(_, env)| *env).collect();
        for (prefix, _) in containers {
            for key in ["entrypoint", "command", "container_health.command"] {
                let path = format!("{prefix}{key}");
                all.extend(words(wanted, &path));
                if let Err(rule) = pairs::check_words(&variables, &all) {
                    self.problem(Some(wanted), &path, "", rule);
                    return;
                }
            }
        }
    }

    /// A time in whole seconds.
    pub(super) fn seconds(
        &mut self,
        service: Option<&'a Wanted>,
        path: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let text = self.or_usual(service, path);
        self.keep(service, path, text, size::seconds(text, &range))
    }

    /// One check has failed before the next one begins.
    fn ends_before(
        &mut self,
        wanted: &'a Wanted,
        (timeout_path, timeout): (&str, Option<u32>),
        (interval_path, interval): (&str, Option<u32>),
    ) {
        let (Some(timeout), Some(interval)) = (timeout, interval) else { return };
        if timeout < interval {
            return;
        }
        // Where the timeout is the default, the interval is what was said.
        match self.text(Some(wanted), timeout_path) {
            Some(text) => {
                let rule = format!("must be shorter than the interval, which is {interval}s");
                self.problem(Some(wanted), timeout_path, text, rule);
            }
            None => {
                let text = self.or_usual(Some(wanted), interval_path);
                let rule = format!(
                    "must be longer than the timeout, which is {timeout}s unless you say it"
                );
                self.problem(Some(wanted), interval_path, text, rule);
            }
        }
    }
}

/// The words of a command.
pub(super) fn words(wanted: &Wanted, path: &str) -> Vec<String> {
    let words = wanted.table.texts(path).unwrap_or_default();
    words.into_iter().map(|(word, _)| word.to_owned()).collect()
}
