//! Requests from the machine that ecsup runs on.

use std::fmt;
use std::io::{self, ErrorKind};

use futures::future::LocalBoxFuture;
use reqwest::redirect::Policy;
use tokio::net::lookup_host;

use super::{ANSWER, CONNECT, Came, HEAD, Url};
use crate::text::cut;

/// Whoever sends requests from outside.
pub trait Outside: fmt::Debug {
    /// What comes of a request. Redirects are answers.
    fn ask<'a>(&'a self, url: &'a Url) -> LocalBoxFuture<'a, Came>;
}

/// This machine.
#[derive(Debug)]
pub struct ThisMachine;

impl Outside for ThisMachine {
    fn ask<'a>(&'a self, url: &'a Url) -> LocalBoxFuture<'a, Came> {
        Box::pin(ask(url))
    }
}

async fn ask(url: &Url) -> Came {
    // A name of the stack need not be known here: its load balancer is.
    let to = url.through.as_ref().unwrap_or(&url.host);
    let addresses: Vec<_> = match lookup_host((to.as_str(), url.port)).await {
        Ok(found) => found.collect(),
        Err(_) => return Came::Nobody(format!("there is no name {to}")),
    };
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(Policy::none())
        // It is asked itself, and not by way of somebody else.
        .no_proxy()
        .resolve_to_addrs(&url.host, &addresses)
        .user_agent(concat!("ecsup/", env!("CARGO_PKG_VERSION")))
        .build();
    let answer = match client {
        Ok(client) => client.get(url.to_string()).send().await,
        Err(error) => return Came::Other(why(&error)),
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) if is_nobody(&error) => return Came::Nobody(why(&error)),
        Err(error) => return Came::Other(why(&error)),
    };
    let status = answer.status().as_u16();
    // Its beginning is all that is shown.
    let body = answer.chunk().await.ok().flatten().unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let first = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Came::Answer { status, head: cut(first.trim(), HEAD) }
}

/// Whether there was no connection, or nothing came over it: one that TLS or the other side broke was there.
fn is_nobody(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let broke = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            return error.raw_os_error().is_some() && !broke;
        }
        source = error.source();
    }
    error.is_timeout()
}

/// The innermost reason, which is the one that says something.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
