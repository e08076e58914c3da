//! The protocol of registries, spoken with one on this machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use ecsup::registry::{Distribution, Platform, Registry as _, Unread};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";

/// An answer: status, headers, body.
type Answer = (u16, Vec<(&'static str, String)>, String);

/// Serves a registry for as long as the test runs, and returns where.
fn served() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let path = first.split(' ').nth(1).unwrap_or_default();
            let (status, more, body) = answer(address, path, &headers);
            let more: String =
                more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            drop(write!(
                &stream,
                "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
            ));
        }
    });
    address
}

fn answer(address: SocketAddr, path: &str, headers: &[String]) -> Answer {
    let is_signed_in = |how: &str| {
        let is =
            |line: &String| line.to_lowercase().starts_with("authorization:") && line.contains(how);
        headers.iter().any(is)
    };
    let typed = |kind: &str, body: String| -> Answer {
        let digest = digest(&body);
        (200, vec![("Content-Type", kind.to_owned()), ("Docker-Content-Digest", digest)], body)
    };
    let refused = |status, code: &str| -> Answer {
        let body = json!({ "errors": [{ "code": code, "message": "so it is" }] });
        (status, vec![("Content-Type", "application/json".to_owned())], body.to_string())
    };
    match path {
        "/v2/" if is_signed_in("Bearer good") => (200, vec![], String::new()),
        "/v2/" => {
            let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"here\"");
            (401, vec![("WWW-Authenticate", challenge)], String::new())
        }
        _ if path.starts_with("/token") => {
            typed("application/json", json!({ "token": "good" }).to_string())
        }
        _ if !is_signed_in("Bearer good") => refused(401, "UNAUTHORIZED"),
        "/v2/app/manifests/list" => typed(INDEX, index().to_string()),
        "/v2/app/manifests/one" => typed(MANIFEST, manifest().to_string()),
        "/v2/app/manifests/nonsense" => typed(MANIFEST, "{".to_owned()),
        "/v2/app/manifests/busy" => refused(429, "TOOMANYREQUESTS"),
        "/v2/secret/manifests/1" => refused(403, "DENIED"),
        _ if path == format!("/v2/app/blobs/{}", digest(&configuration())) => {
            typed(CONFIGURATION, configuration())
        }
        _ => refused(404, "MANIFEST_UNKNOWN"),
    }
}

fn digest(body: &str) -> String {
    let hash = Sha256::digest(body.as_bytes());
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn configuration() -> String {
    json!({ "architecture": "arm64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } })
        .to_string()
}

fn manifest() -> Value {
    let configuration = configuration();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIGURATION,
            "digest": digest(&configuration),
            "size": configuration.len(),
        },
        "layers": [],
    })
}

/// A list of images, with what `BuildKit` puts beside them.
fn index() -> Value {
    let of = |architecture: &str, os: &str| {
        json!({
            "mediaType": MANIFEST,
            "digest": digest(architecture),
            "size": 7,
            "platform": { "architecture": architecture, "os": os },
        })
    };
    let manifests = [of("amd64", "linux"), of("arm64", "linux"), of("unknown", "unknown")];
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
}

#[tokio::test]
async fn a_registry_says_for_which_platforms_an_image_is() {
    let address = served();
    let registry = Distribution::unencrypted();
    let ask = async |image: &str| registry.platforms(&format!("{address}/{image}"), None).await;
    let platform = |architecture: &str| Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
    };
    assert_eq!(ask("app:list").await, Ok(vec![platform("amd64"), platform("arm64")]));
    assert_eq!(ask("app:one").await, Ok(vec![platform("arm64")]));
    let gone = ask("app:gone").await;
    assert!(matches!(gone, Err(Unread::Missing(_))), "{gone:?}");
    let denied = ask("secret:1").await;
    assert!(matches!(denied, Err(Unread::Denied(_))), "{denied:?}");
    for image in ["app:nonsense", "app:busy", "App:1"] {
        let unknown = ask(image).await;
        assert!(matches!(unknown, Err(Unread::NoAnswer(_))), "{image}: {unknown:?}");
    }
}

/// A port at which nobody listens: it was somebody's until just now.
#[tokio::test]
async fn a_registry_that_is_not_there_is_no_answer() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().unwrap();
    let registry = Distribution::unencrypted();
    let silent = registry.platforms(&format!("{address}/app:1"), None).await;
    assert!(matches!(silent, Err(Unread::NoAnswer(_))), "{silent:?}");
}
