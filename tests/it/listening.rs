//! Simulated AWS over a socket: another client's idea of the protocols, against ours; and clients that
//! are slow, many, or mean no good.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::Faults;
use aws_sim::listen::listen;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::emulator;

/// Serves a cloud to a client, until the client is done.
pub async fn serving<T: Send + 'static>(
    cloud: &Cloud,
    client: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> T {
    serving_who_came_before(cloud, |address| address, client).await
}

/// Serves a cloud to a client who does something before anybody listens, and so before any time passes.
async fn serving_who_came_before<C: Send + 'static, T: Send + 'static>(
    cloud: &Cloud,
    before: impl FnOnce(SocketAddr) -> C,
    client: impl FnOnce(C) -> T + Send + 'static,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let came = before(listener.local_addr().expect("a bound socket has an address"));
    let (done, ended) = oneshot::channel();
    let client = std::thread::spawn(move || drop(done.send(client(came))));
    let result = tokio::select! {
        result = ended => result,
        never = listen(cloud, &listener) => match never {},
    };
    client.join().expect("the client");
    result.expect("the client ends by itself")
}

/// Serves an empty account in real time.
fn served<T: Send + 'static>(client: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
    in_virtual_time(1, async || {
        tokio::time::resume();
        serving(&Cloud::new(1, Scenario::default()), client).await
    })
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("more than nothing");
    stream
}

/// The head of a request to EC2, with a body of this length.
fn head(length: usize) -> String {
    let scope = "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/ec2/aws4_request";
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {scope}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

const LOOK: &str = "Action=DescribeVpcs";

/// All that comes until the connection ends, which it has to.
fn rest(stream: &mut TcpStream) -> String {
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("the connection ends");
    all
}

fn ask(address: SocketAddr) -> String {
    let mut stream = connect(address);
    stream.write_all((head(LOOK.len()) + LOOK).as_bytes()).expect("it is read");
    rest(&mut stream)
}

/// What a script of Python prints.
fn printed_by(script: &str, address: SocketAddr) -> String {
    let script = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(emulator::python());
    let output = command.arg(script).arg(format!("http://{address}")).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn boto3_describes_everything_that_a_deploy_made() {
    let (there, printed) = in_virtual_time(1, async || {
        let stage = Stage { cloud: Cloud::new(1, Scenario::default()) };
        let played = stage.play(&["deploy", "--yes", "--pattern", "internal-worker"]).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        let there = stage.cloud.world(World::tagged);
        tokio::time::resume();
        let printed = serving(&stage.cloud, |address| printed_by("describe.py", address)).await;
        assert_eq!(stage.cloud.defects(), [""; 0]);
        (there, printed)
    });
    // Route 53 writes `/hostedzone/Z…`.
    let printed: BTreeSet<&str> =
        printed.lines().map(|line| line.trim_start_matches("/hostedzone/")).collect();
    let missing: Vec<_> = there
        .iter()
        .filter(|(kind, id, _)| kind != "network-interface" && !printed.contains(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "boto3 does not see {missing:#?}");
    assert!(there.len() > 25, "{there:#?}");
}

#[test]
fn boto3_reads_what_is_lacking_and_does_not_ask_again() {
    let printed = served(|address| printed_by("lacking.py", address));
    assert_eq!(printed.lines().count(), 12, "{printed}");
    for line in printed.lines() {
        assert!(line.contains(": SimulatorLacks the simulator does not have the "), "{printed}");
        assert!(line.ends_with("; 0 retries"), "{printed}");
    }
}

#[test]
fn a_client_that_has_no_more_to_say_is_answered() {
    let answer = served(|address| {
        let mut stream = connect(address);
        stream.write_all((head(LOOK.len()) + LOOK).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut stream)
    });
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("<vpcSet>"), "{answer}");
}

/// In virtual time, which passes at once.
#[test]
fn whoever_falls_silent_is_hung_up_on() {
    let answers = in_virtual_time(1, async || {
        let send = |address| {
            ["", &head(5)[..40], &(head(5) + "Act")].map(|begun| {
                let mut stream = connect(address);
                stream.write_all(begun.as_bytes()).unwrap();
                stream
            })
        };
        let read = |streams: [TcpStream; 3]| streams.map(|mut stream| rest(&mut stream));
        serving_who_came_before(&Cloud::new(1, Scenario::default()), send, read).await
    });
    assert_eq!(answers[0], "");
    assert!(!answers[1].contains(" 200 "), "{answers:?}");
    assert!(answers[2].contains("<Code>RequestTimeout</Code>"), "{answers:?}");
}

#[test]
fn a_request_that_is_too_large_is_refused_as_its_service_would() {
    let answer = served(|address| {
        let mut stream = connect(address);
        let body = "a".repeat(2 * 1024 * 1024);
        // The connection may be closed before all of it is sent.
        let _closed = stream.write_all((head(body.len()) + &body).as_bytes());
        let mut answer = [0; 200];
        let read = stream.read(&mut answer).unwrap_or_default();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// In a form, in a document, in a header, in a path, and where no request is at all.
#[test]
fn bytes_that_are_no_text_are_answered_and_the_next_client_as_ever() {
    let json = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/x-amz-json-1.1\r\ncontent-length: 2\r\n";
    let target = "x-amz-target: AmazonEC2ContainerServiceV20141113.";
    let ecs = head(0).replace("/ec2/", "/ecs/");
    let scope = ecs.lines().find(|line| line.starts_with("authorization")).expect("it is signed");
    let ecs = format!("{json}{scope}\r\n{target}");
    let requests: [(bool, Vec<u8>); 6] = [
        (true, [head(12).as_bytes(), b"Action=\xff\xfe\xc3\x28\x80"].concat()),
        (true, [head(22).as_bytes(), b"Action=DescribeVpcs&\xff="].concat()),
        (true, [ecs.as_bytes(), b"ListClusters\r\n\r\n\xff\xfe"].concat()),
        (true, [ecs.as_bytes(), b"\xff\r\n\r\n{}"].concat()),
        (false, b"POST /\xff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec()),
        (false, [0xff; 64].to_vec()),
    ];
    served(move |address| {
        for (is_http, request) in &requests {
            let mut stream = connect(address);
            stream.write_all(request).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let answer = rest(&mut stream);
            let shown = String::from_utf8_lossy(request);
            let is_refused = answer.starts_with("HTTP/1.1 4");
            assert!(is_refused || (!is_http && answer.is_empty()), "{shown}: {answer}");
            let answer = ask(address);
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "after {shown}: {answer}");
        }
    });
}

/// Idle connections go when others need their places.
#[test]
fn a_crowd_of_idle_clients_keeps_nobody_out() {
    let answer = served(|address| {
        let _idle: Vec<_> = (0..150).map(|_| connect(address)).collect();
        ask(address)
    });
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn many_clients_at_once_are_all_answered() {
    served(|address| {
        let clients = (0..16).map(|_| {
            std::thread::spawn(move || {
                for _ in 0..5 {
                    let answer = ask(address);
                    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
}

#[test]
fn a_lost_answer_is_a_broken_connection() {
    let answer = in_virtual_time(1, async || {
        let cloud = Cloud::new(1, Scenario::default());
        cloud.set_faults(Faults { lost: 1.0, ..Faults::default() });
        serving(&cloud, ask).await
    });
    assert_eq!(answer, "");
}

/// Starts to serve, and reads the address.
pub fn start(command: &mut Command) -> (Child, SocketAddr) {
    let command = command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    // What is printed has to go somewhere.
    let [first, _, _] = [line(), line(), line()];
    let address = first.split_once("http://").and_then(|(_, rest)| rest.split(' ').next());
    (child, address.and_then(|it| it.parse().ok()).expect("an address"))
}

fn terminate(child: &Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(told.expect("the command is there").success());
}

#[test]
fn that_there_are_no_more_files_is_no_reason_to_end() {
    let script = "ulimit -n 48; exec \"$0\" rehearse --listen 127.0.0.1:0";
    let mut command = Command::new("/bin/sh");
    let (mut child, address) = start(command.args(["-c", script, env!("CARGO_BIN_EXE_ecsup")]));
    let _idle: Vec<_> = (0..100).map(|_| connect(address)).collect();
    let answer = ask(address);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Also while others ask, and while one waits for an answer that never comes.
#[test]
fn whoever_serves_ends_at_once_when_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsup"));
    let command = command.args(["rehearse", "--listen", "127.0.0.1:0"]);
    let (mut child, address) = start(command);
    let mut half = connect(address);
    half.write_all(head(5).as_bytes()).unwrap();
    let (_idle, _) = (connect(address), ask(address));
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A stack that could not be deployed is what one wants to look at. Whoever runs the command in a script
/// ends it with SIGTERM.
#[test]
fn a_rehearsal_serves_what_came_of_it_until_it_is_told_to_end() {
    let words = ["rehearse", "--pattern", "fargate-api", "--scenario", "bad-image"];
    let mut served = Command::new(env!("CARGO_BIN_EXE_ecsup"))
        .args(words)
        .args(["--listen", "localhost:0"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(served.stdout.take().unwrap()).lines().map(Result::unwrap);
    let exports: Vec<String> = lines.take(3).collect();
    let words = exports.iter().flat_map(|line| line.split_whitespace());
    let environment = words.filter_map(|word| word.split_once('='));
    let listed = Command::new(env!("CARGO_BIN_EXE_ecsup"))
        .arg("list")
        .env_clear()
        .envs(environment)
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.starts_with("fargate-api"), "{listed}");
    // It is another time there: the deploy was some minutes ago, and not months.
    let age = listed.split_once("deployed ").and_then(|(_, rest)| rest.split(' ').next());
    assert!(age.is_some_and(|age| age.ends_with('s')), "{listed}");

    terminate(&served);
    let ended = served.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("the deploy is incomplete, after "), "{said}");
    assert_eq!(ended.status.code(), Some(0), "{said}");
}

/// What others meet, too: a caller who may only look.
#[test]
fn a_served_account_has_the_policy_and_the_faults_that_were_asked_for() {
    let home = tempfile::TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecs:*","Resource":"*"}}"#;
    std::fs::write(&policy, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsup"));
    let command = command.args(["rehearse", "--listen", "127.0.0.1:0", "--policy"]).arg(&policy);
    let (mut child, address) = start(command);
    let answer = ask(address);
    assert!(answer.contains("<Code>UnauthorizedOperation</Code>"), "{answer}");
    terminate(&child);
    child.wait().unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsup"));
    let command = command.args(["rehearse", "--listen", "127.0.0.1:0", "--faults", "rough"]);
    let (mut child, address) = start(command);
    let answers: Vec<_> = (0..60).map(|_| ask_of_a_rough_one(address)).collect();
    assert!(answers.iter().any(|it| it.starts_with("HTTP/1.1 200")), "{answers:?}");
    assert!(answers.iter().any(|it| !it.starts_with("HTTP/1.1 200")), "{answers:?}");
    terminate(&child);
    child.wait().unwrap();
}

/// What comes within a while, which may be nothing.
fn ask_of_a_rough_one(address: SocketAddr) -> String {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("more than nothing");
    stream.write_all((head(LOOK.len()) + LOOK).as_bytes()).expect("it is read");
    let mut answer = String::new();
    let _silent = stream.read_to_string(&mut answer);
    answer
}
