//! The parameters that a lock is made of, in Systems Manager, and what they say.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::operation::get_parameters_by_path::builders::GetParametersByPathFluentBuilder;
use aws_sdk_ssm::primitives::{DateTime, DateTimeFormat};
use aws_sdk_ssm::types::{Parameter, ParameterType, Tag};
use serde::{Deserialize, Serialize};

use crate::aws::{AllPages, Aws, Cx, Doing as _, Error, Meanings as _, Result};
use crate::names::{self, NodeName};

use super::DEAD;

/// Most names that one `DeleteParameters` takes.
const DELETED_AT_ONCE: usize = 10;

/// What a lock's parameter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The run that holds it: no two have the same.
    pub(super) run: String,
    /// Who that is, for people.
    pub(super) holder: String,
    /// What the run does: `deploy` or `destroy`.
    pub(super) command: String,
    /// The version of ecsup.
    pub(super) ecsup: String,
    /// For how long it has been held, on the holder's clock. Each sign of life has another value.
    pub(super) seconds: u64,
    /// When it was released: for how many seconds from then on AWS may still hide what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) released: Option<u64>,
    /// When the stack was begun, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<i64>,
    /// When the stack expires, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<i64>,
}

/// One parameter of a lock as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub(super) epoch: u64,
    /// Grows with each sign of life.
    pub(super) version: i64,
    /// When it was last written, on AWS's clock.
    pub(super) written: Option<DateTime>,
    /// What it says; `None` when nothing of ours wrote it.
    pub(super) claim: Option<Claim>,
}

impl Seen {
    fn read(path: &str, parameter: &Parameter) -> Option<Self> {
        let epoch = parameter.name()?.strip_prefix(path)?.strip_prefix('/')?.parse().ok()?;
        let claim = parameter.value().and_then(|value| serde_json::from_str(value).ok());
        let written = parameter.last_modified_date().copied();
        Some(Self { epoch, version: parameter.version(), written, claim })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// For how long AWS may hide things from the release on; `None` when it was not released.
    pub(super) fn released(&self) -> Option<Duration> {
        self.claim.as_ref()?.released.map(Duration::from_secs)
    }

    /// Whether nobody has said that it is free.
    pub fn is_held(&self) -> bool {
        self.released().is_none()
    }

    /// The run that wrote it.
    /// When the stack was begun, in seconds since 1970, where that is known.
    pub fn made(&self) -> Option<i64> {
        self.claim.as_ref()?.made
    }

    /// When the stack expires, in seconds since 1970, if it does.
    pub fn expires(&self) -> Option<i64> {
        self.claim.as_ref()?.expires
    }

    pub(super) fn run(&self) -> Option<&str> {
        self.claim.as_ref().map(|claim| claim.run.as_str())
    }

    /// How much earlier than another one it was written, on AWS's clock. Nothing when that is unknown.
    pub(super) fn written_before(&self, other: &Self) -> Duration {
        let seconds = |seen: &Self| seen.written.map(|at| at.as_secs_f64());
        let (Some(this), Some(other)) = (seconds(self), seconds(other)) else {
            return Duration::ZERO;
        };
        Duration::try_from_secs_f64(other - this).unwrap_or_default()
    }

    /// Who holds it, since when, and when it is free.
    pub fn until_when(&self) -> String {
        let dead = DEAD.as_secs();
        let at = self.written.map_or_else(|| "unknown".to_owned(), text_of);
        format!(
            "{}: it is free when that ends, or {dead}s after its last sign of life ({at})",
            self.holder()
        )
    }

    /// Whether somebody has it and is not heard of for long, at a time in seconds since 1970 on a clock
    /// that may be some minutes off.
    pub fn is_left(&self, now: i64) -> bool {
        const LONG: i64 = 300;
        self.is_held() && self.written.is_some_and(|at| now - at.secs() > LONG)
    }

    /// Who holds it, since when and what for.
    pub fn holder(&self) -> String {
        let Some(claim) = &self.claim else {
            return "something that is not ecsup".to_owned();
        };
        let Claim { holder, command, seconds, .. } = claim;
        let held = i64::try_from(*seconds).unwrap_or_default();
        let since = self.written.map(|at| DateTime::from_secs(at.secs() - held));
        let since = since.map(|since| format!(" since {}", text_of(since))).unwrap_or_default();
        format!("{holder} ({command}{since})")
    }
}

fn text_of(time: DateTime) -> String {
    let whole = DateTime::from_secs(time.secs());
    whole.fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// The parameters of one stack's lock.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    aws: Aws,
    path: String,
    tags: Vec<(String, String)>,
}

impl Parameters {
    pub(super) fn new(cx: &Cx) -> Self {
        let tags = cx.tags(&NodeName::from("lock"));
        Self { aws: cx.aws.clone(), path: cx.names.lock_path(), tags }
    }

    fn name(&self, epoch: u64) -> String {
        format!("{}/{epoch}", self.path)
    }

    /// All that a listing shows, oldest epoch first.
    pub(super) async fn list(&self) -> Result<Vec<Seen>> {
        let found = by_path(self.aws.ssm.get_parameters_by_path().path(&self.path)).await?;
        let mut seen: Vec<_> = found.iter().filter_map(|it| Seen::read(&self.path, it)).collect();
        seen.sort_by_key(|seen| seen.epoch);
        Ok(seen)
    }

    /// One of them, as it is now.
    pub(super) async fn get(&self, epoch: u64) -> Result<Option<Seen>> {
        let answer = self.aws.ssm.get_parameter().name(self.name(epoch)).send().await;
        let answer = answer
            .doing("read the lock (ssm:GetParameter)")
            .gone_is_fine(&["ParameterNotFound"])?;
        let parameter = answer.as_ref().and_then(|answer| answer.parameter());
        Ok(parameter.and_then(|parameter| Seen::read(&self.path, parameter)))
    }

    /// Makes one that is not there yet: of several who try, one succeeds.
    pub(super) async fn create(&self, epoch: u64, claim: &Claim) -> Result<()> {
        let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build();
        // A tag with a key and a value can be built.
        let tags = self.tags.iter().filter_map(|pair| tag(pair).ok()).collect();
        let put = self.aws.ssm_once.put_parameter().name(self.name(epoch)).value(text(claim)?);
        put.r#type(ParameterType::String)
            .set_tags(Some(tags))
            .send()
            .await
            .doing("take the lock (ssm:PutParameter, ssm:AddTagsToResource)")
            .taken_on(&["ParameterAlreadyExists"])
            .wait_on(&["TooManyUpdates"])?;
        Ok(())
    }

    /// Writes one, there or not, and returns which version that made: the first one when it was not.
    pub(super) async fn write(&self, epoch: u64, claim: &Claim) -> Result<i64> {
        let put = self.aws.ssm_once.put_parameter().name(self.name(epoch)).value(text(claim)?);
        let answer = put
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .doing("write to the lock (ssm:PutParameter)")
            .wait_on(&["TooManyUpdates"])?;
        Ok(answer.version())
    }

    /// Removes some. Those that are gone already are fine.
    pub(super) async fn delete(&self, epochs: &[u64]) -> Result<()> {
        for some in epochs.chunks(DELETED_AT_ONCE) {
            let names = some.iter().map(|epoch| self.name(*epoch)).collect();
            let delete = self.aws.ssm.delete_parameters().set_names(Some(names));
            delete.send().await.doing("remove the lock (ssm:DeleteParameters)")?;
        }
        Ok(())
    }
}

async fn by_path(request: GetParametersByPathFluentBuilder) -> Result<Vec<Parameter>> {
    let pages = request.into_paginator().send().all().await;
    let pages = pages.doing("read the lock (ssm:GetParametersByPath)")?;
    Ok(pages.into_iter().filter_map(|page| page.parameters).flatten().collect())
}

fn text(claim: &Claim) -> Result<String> {
    serde_json::to_string(claim)
        .map_err(|error| Error::other("write down who holds the lock", error.to_string()))
}

/// The stacks of this region that have a lock, held or not, with its newest epoch.
pub async fn stacks(aws: &Aws) -> Result<BTreeMap<String, Seen>> {
    let found =
        by_path(aws.ssm.get_parameters_by_path().path(names::LOCKS).recursive(true)).await?;
    let mut stacks: BTreeMap<String, Seen> = BTreeMap::new();
    for parameter in &found {
        let name = parameter.name().unwrap_or_default();
        let path = name.rsplit_once('/').map_or("", |(path, _)| path);
        let Some((stack, seen)) = names::stack_of_lock(name).zip(Seen::read(path, parameter))
        else {
            continue;
        };
        match stacks.get(stack) {
            Some(newest) if newest.epoch > seen.epoch => {}
            _ => drop(stacks.insert(stack.to_owned(), seen)),
        }
    }
    Ok(stacks)
}
