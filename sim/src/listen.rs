//! The same cloud over a socket, so that other AWS clients can talk to it.
//!
//! It runs on real time, and outlives its clients: who says nothing, or too slowly, is hung up on, and
//! nobody can open so many connections that none is left for others.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::cloud::Cloud;
use crate::refusal::Refusal;
use crate::wire::Request;

/// Largest request that is read, in bytes. AWS's own limits are far below.
const LARGEST: usize = 1024 * 1024;

/// How many connections there may be: far fewer than a process may have files, and more than clients
/// keep.
const MOST: usize = 128;

/// How long a connection may wait for the head of a request, the first one or the next; and how long for
/// its body.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection may still take to end when others wait.
const GRACE: Duration = Duration::from_secs(5);

/// When the next connection is tried where none can be had.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves the cloud on a socket, until it is dropped.
pub async fn listen(cloud: &Cloud, listener: &TcpListener) -> Infallible {
    let crowded = Notify::new();
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            stream = accept(listener, &crowded), if connections.len() < MOST => {
                connections.push(converse(cloud, stream, &crowded));
                if connections.len() == MOST {
                    crowded.notify_waiters();
                }
            }
            Some(()) = connections.next() => {}
        }
    }
}

/// The next connection. That there is none to be had, for want of files, is no reason to end.
async fn accept(listener: &TcpListener, crowded: &Notify) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::debug!(%error, "no connection can be had");
                crowded.notify_waiters();
                sleep(AGAIN).await;
            }
        }
    }
}

/// Answers one client, until it goes, or falls silent, or others need the place: then it goes as soon as
/// its request is answered.
async fn converse(cloud: &Cloud, stream: TcpStream, crowded: &Notify) {
    let service = service_fn(|request| serve(cloud, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        // Some say that they have nothing more to ask before they read.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = crowded.notified() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// The connection breaks without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the simulator lets no answer through")]
struct Lost;

async fn serve(
    cloud: &Cloud,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Lost> {
    let (head, body) = request.into_parts();
    let mut headers = BTreeMap::new();
    for (name, value) in &head.headers {
        headers.insert(
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        );
    }
    let mut request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
        headers,
        body: String::new(),
    };
    let response = match read(body).await {
        Ok(body) => {
            request.body = body;
            cloud.serve(request).await.ok_or(Lost)?
        }
        Err(refusal) => cloud.turn_away(&request, &refusal),
    };
    let mut sent = hyper::Response::new(Full::from(response.body));
    *sent.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    // Of this world, and not of the machine.
    let now = DateTime::from_secs_f64(cloud.world(|world| world.timestamp()));
    if let Some(now) = now.fmt(Format::HttpDate).ok().and_then(|it| it.parse().ok()) {
        sent.headers_mut().insert("date", now);
    }
    for (name, value) in response.headers {
        if let Ok(value) = value.parse() {
            sent.headers_mut().insert(name, value);
        }
    }
    Ok(sent)
}

/// Reads a body, which has to be short and to come soon.
async fn read(body: Incoming) -> Result<String, Refusal> {
    match timeout(PATIENCE, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("The request is larger than {LARGEST} bytes");
            Err(Refusal::new("RequestEntityTooLarge", message).with_status(413))
        }
        Ok(Err(error)) => Err(Refusal::new("IncompleteBody", error.to_string())),
        Err(_) => {
            Err(Refusal::new("RequestTimeout", "The request did not come to its end in time"))
        }
    }
}
