//! Whether the images of tasks are there, and are made for the processors that they will run on.
//!
//! ECS pulls from a registry other than ECR without signing in, so what a registry tells nobody it does not tell
//! ECS either. ECR itself is asked by its API.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::ImageIdentifier;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::stream::{self, StreamExt as _};

use super::{Depth, Finding, State};
use crate::aws::{AllPages, Aws, Doing, Result};
use crate::capacity::Architecture;
use crate::deploy::Prepared;
use crate::registry::{Login, Platform, Registry, Unread};
use crate::spec::{Arch, Image, PrivateRegistry, RunOn, Service};

pub(super) const ABOUT: &str = "images";
/// How many images are looked up at once.
const AT_ONCE: usize = 8;
/// What ECR answers when an image or its repository is not there.
const MISSING: [&str; 2] = ["ImageNotFoundException", "RepositoryNotFoundException"];

/// An image, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted<'a> {
    image: &'a str,
    /// The processor, in the words of image specifications, where it is known.
    architecture: Option<&'static str>,
}

/// Looks at the images of services whose tasks are going to be other ones.
pub(super) async fn look(
    prepared: &Prepared,
    registry: Option<&dyn Registry>,
    depth: Depth,
) -> Vec<Finding> {
    let mut wanted: BTreeMap<Wanted<'_>, (&Image, Vec<String>)> = BTreeMap::new();
    for service in &prepared.spec.services {
        if depth == Depth::Added && !prepared.renews_tasks(service) {
            continue;
        }
        let architecture = architecture(prepared, service);
        for (container, image) in service.images() {
            let it = Wanted { image: image.as_str(), architecture };
            let (_, of) = wanted.entry(it).or_insert_with(|| (image, Vec::new()));
            of.push(service.path_of(container));
        }
    }
    let aws = &prepared.run.cx.aws;
    let looks = wanted.iter().map(async |(wanted, (image, of))| {
        let found = match image.private_registry() {
            Some(place) => in_ecr(aws, &prepared.facts.region, &place, image, registry).await,
            None => elsewhere(image, registry).await,
        };
        found.map(|found| judge(wanted, &of.join(", "), found))
    });
    let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// The processor that a service's tasks run on.
fn architecture(prepared: &Prepared, service: &Service) -> Option<&'static str> {
    let arm = match service.run_on {
        RunOn::Fargate => service.arch == Arch::Arm64,
        RunOn::Instances => {
            prepared.facts.instance_type.as_ref()?.architecture == Architecture::Arm64
        }
    };
    Some(if arm { "arm64" } else { "amd64" })
}

/// What was found of an image.
#[derive(Debug)]
enum Found {
    /// It is there, for these platforms, as far as that is known; and who says so.
    There(Option<Vec<Platform>>, &'static str),
    /// It is not there.
    Missing(String),
    /// It may be there, for others.
    Hidden(String),
    /// Nobody knows.
    Unknown(String),
}

/// An image in ECR: its API says whether it is there, and the registry for which platforms, to who may pull it.
async fn in_ecr(
    aws: &Aws,
    region: &str,
    place: &PrivateRegistry<'_>,
    image: &Image,
    registry: Option<&dyn Registry>,
) -> Option<Found> {
    let ecr = in_region(aws, region, place.region);
    Some(match describe(&ecr, place).await {
        Ok(()) => {
            let platforms = match registry {
                Some(registry) => match login(&ecr).await {
                    Some(login) => registry.platforms(image.as_str(), Some(login)).await.ok(),
                    None => None,
                },
                None => None,
            };
            Found::There(platforms, "DescribeImages")
        }
        Err(error) if error.code().is_some_and(|code| MISSING.contains(&code)) => {
            // What a rule fetches from another registry is not there before it was pulled once.
            match may_be_fetched(&ecr, place.repository).await {
                Ok(false) => Found::Missing(error.to_string()),
                Ok(true) => Found::Unknown("a pull-through cache rule may fetch it".to_owned()),
                Err(more) => Found::Hidden(format!("{error}; {more}")),
            }
        }
        Err(error) => Found::Unknown(error.to_string()),
    })
}

/// The client for the region that an image is in.
fn in_region(aws: &Aws, own: &str, region: &str) -> aws_sdk_ecr::Client {
    if region == own {
        return aws.ecr.clone();
    }
    let region = aws_sdk_ecr::config::Region::new(region.to_owned());
    aws_sdk_ecr::Client::from_conf(aws.ecr.config().to_builder().region(region).build())
}

async fn describe(ecr: &aws_sdk_ecr::Client, place: &PrivateRegistry<'_>) -> Result<()> {
    let PrivateRegistry { account, repository, tag, digest, .. } = place;
    let id = match digest {
        Some(digest) => ImageIdentifier::builder().image_digest(*digest),
        None => ImageIdentifier::builder().image_tag(*tag),
    };
    let call = ecr.describe_images().registry_id(*account).repository_name(*repository);
    call.image_ids(id.build()).send().await.doing("look up the image in ECR").map(|_| ())
}

/// Whether ECR fetches what is not in a repository from another registry (ECR guide, "Sync an upstream
/// registry"). `ROOT` stands for all repositories.
async fn may_be_fetched(ecr: &aws_sdk_ecr::Client, repository: &str) -> Result<bool> {
    let rules = ecr.describe_pull_through_cache_rules().into_paginator().items().send();
    let rules = rules.all().await.doing("look up the pull-through cache rules")?;
    let mut prefixes = rules.iter().filter_map(|rule| rule.ecr_repository_prefix());
    Ok(prefixes.any(|prefix| {
        let below = repository.strip_prefix(prefix);
        prefix == "ROOT" || below.is_some_and(|rest| rest.starts_with('/'))
    }))
}

/// What signs in to ECR, where the caller may have it.
async fn login(ecr: &aws_sdk_ecr::Client) -> Option<Login> {
    let answer = ecr.get_authorization_token().send().await.ok()?;
    let token = answer.authorization_data().first()?.authorization_token()?.to_owned();
    let token = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
    let (user, password) = token.split_once(':')?;
    Some(Login { user: user.to_owned(), password: password.to_owned() })
}

/// An image in any other registry. Nothing is known of one that has no name in the network.
async fn elsewhere(image: &Image, registry: Option<&dyn Registry>) -> Option<Found> {
    let registry = registry?;
    if image.registry_host().is_none() {
        let why = "its registry is a number or this machine, which only ECS's own network knows";
        return Some(Found::Unknown(why.to_owned()));
    }
    Some(match registry.platforms(image.as_str(), None).await {
        Ok(platforms) => Found::There(Some(platforms), "its registry"),
        Err(Unread::Missing(why)) => Found::Missing(why),
        Err(Unread::Denied(why)) => Found::Hidden(why),
        Err(Unread::NoAnswer(why)) => Found::Unknown(why),
    })
}

fn judge(wanted: &Wanted<'_>, of: &str, found: Found) -> Finding {
    let Wanted { image, architecture } = wanted;
    match found {
        Found::Missing(why) => {
            let what = format!("{of}: image {image} is not there");
            Finding::new(ABOUT, State::Wrong, what)
                .evidence(why)
                .advice("push it, or name one that is there (the tag may be wrong)")
        }
        Found::Hidden(why) => {
            let what = format!("{of}: image {image} is not there, or not for everybody");
            Finding::new(ABOUT, State::Doubtful, what)
                .evidence(why)
                .advice("ECS pulls it without signing in: make it public, or copy it into ECR")
        }
        Found::Unknown(why) => {
            let what = format!("{of}: whether image {image} is there");
            Finding::new(ABOUT, State::Unknown, what).evidence(why)
        }
        Found::There(platforms, who) => {
            let Some(platforms) = platforms.filter(|it| !it.is_empty()) else {
                let what =
                    format!("{of}: image {image} is there; for which platforms is not known");
                return Finding::new(ABOUT, State::Fine, what).evidence(who);
            };
            let all: Vec<_> = platforms.iter().map(ToString::to_string).collect();
            let evidence = format!("{who}: {}", all.join(", "));
            let fits = |it: &Platform| {
                it.os == "linux" && architecture.is_none_or(|wanted| it.architecture == wanted)
            };
            if platforms.iter().any(fits) {
                let what = format!("{of}: image {image} is there");
                return Finding::new(ABOUT, State::Fine, what).evidence(evidence);
            }
            let platform = format!("linux/{}", architecture.unwrap_or("amd64"));
            let what = format!(
                "{of}: image {image} is for {}, and its tasks run on {platform}",
                all.join(", ")
            );
            Finding::new(ABOUT, State::Wrong, what).evidence(evidence).advice(format!(
                "build it for that (docker buildx build --platform {platform}), or run the service on such \
                 processors"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Found) -> String {
        let wanted = Wanted { image: "ghcr.io/acme/web:1", architecture: Some("amd64") };
        let Finding { state, what, evidence, advice, .. } = judge(&wanted, "service.web", found);
        [state.word(), &what, &evidence, &advice].join("\n")
    }

    fn platform(architecture: &str) -> Platform {
        Platform { os: "linux".to_owned(), architecture: architecture.to_owned() }
    }

    #[test]
    fn what_is_found_of_an_image_is_a_sentence() {
        let there = |all: Vec<Platform>| Found::There(Some(all), "its registry");
        insta::assert_snapshot!(
            [
                told(there(vec![platform("amd64"), platform("arm64")])),
                told(there(vec![platform("arm64")])),
                told(Found::There(None, "DescribeImages")),
                told(Found::Missing("ManifestUnknown: manifest unknown".to_owned())),
                told(Found::Hidden("Not authorized".to_owned())),
                told(Found::Unknown("no answer in 10 s".to_owned())),
            ]
            .join("\n\n")
        );
    }
}
