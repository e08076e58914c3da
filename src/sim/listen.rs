//! The same cloud over a socket, so that other AWS clients can talk to it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::cloud::Cloud;
use super::wire::Request;

/// Largest request that is read, in bytes. AWS's own limits are far below.
const LARGEST: usize = 4 * 1024 * 1024;

/// Serves the cloud on a socket. Ends only when it is dropped.
pub async fn listen(cloud: &Cloud, listener: &TcpListener) -> std::io::Error {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let cloud = cloud.clone();
                    let service = service_fn(move |request| serve(cloud.clone(), request));
                    connections.push(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
                Err(error) => return error,
            },
            Some(ended) = connections.next() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
            }
        }
    }
}

async fn serve(
    cloud: Cloud,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let answer = |status: u16, body: String| {
        let mut response = hyper::Response::new(Full::from(body));
        *response.status_mut() =
            hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
        response
    };
    let (head, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, LARGEST).collect().await;
    let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
        return Ok(answer(413, "the request is too large".to_owned()));
    };
    let mut headers = BTreeMap::new();
    for (name, value) in &head.headers {
        headers.insert(
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        );
    }
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let Some(response) = cloud.serve(request).await else {
        return Ok(answer(502, "the connection was lost".to_owned()));
    };
    let mut sent = answer(response.status, response.body);
    for (name, value) in response.headers {
        if let Ok(value) = value.parse() {
            sent.headers_mut().insert(name, value);
        }
    }
    Ok(sent)
}
