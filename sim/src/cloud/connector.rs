//! The cloud as the SDK's HTTP client and clock.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::{Cloud, NoAnswer};
use crate::wire::{Request, Response};
use crate::world::EPOCH;

impl TimeSource for Cloud {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH) + Cloud::now(self)
    }
}

impl HttpConnector for Cloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = self.clone();
        HttpConnectorFuture::new(async move {
            match cloud.exchange(received(&request)).await {
                Ok(response) => Ok(sent(response)),
                Err(NoAnswer::Reset | NoAnswer::Dead) => {
                    Err(ConnectorError::io("the connection was reset".into()))
                }
            }
        })
    }
}

impl HttpClient for Cloud {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// A request of the SDK as the wire has it.
fn received(request: &HttpRequest) -> Request {
    let uri = request.uri();
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = path.find('/').map_or("/", |start| &path[start..]);
    let headers = request.headers().iter();
    let body = request.body().bytes().unwrap_or_default();
    Request {
        method: request.method().to_owned(),
        path: path.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn sent(response: Response) -> HttpResponse {
    let status = StatusCode::try_from(response.status).expect("a status from 100 to 599");
    let mut sent = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        sent.headers_mut().insert(name, value);
    }
    sent
}
