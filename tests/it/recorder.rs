//! A proxy in front of an endpoint that notes each call, and can hold one of them for ever.
//!
//! It is how the tests see what the command asked AWS for, and how they stop it at a chosen call. One
//! thread and one upstream connection per call; no call is changed.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// One call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The name by which the request was signed: `ec2`, `elasticloadbalancing`, ...
    pub service: String,
    /// The region for which the request was signed.
    pub region: String,
    /// `CreateVpc`, or for REST the method and the path: `POST /2013-04-01/hostedzone`.
    pub operation: String,
    /// The body, as text.
    pub body: String,
    /// The status of the answer; 0 while it is outstanding and when there never was one.
    pub status: u16,
}

impl Call {
    /// Whether it could change anything. By name and method, so an unknown operation counts as a change.
    pub fn is_mutating(&self) -> bool {
        let reading = ["Describe", "Filter", "List", "Get", "GET ", "Simulate"];
        !reading.iter().any(|prefix| self.operation.starts_with(prefix))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} ({}) -> {}", self.service, self.operation, self.region, self.status)
    }
}

/// On which side of its effect a call is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The endpoint never hears of it.
    Before,
    /// It happened, and the caller never hears of it.
    After,
}

/// A recording proxy. Listens until the test ends.
pub struct Recorder {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    in_flight: usize,
    cut: Option<Cut>,
}

struct Cut {
    remaining: usize,
    side: Side,
    reached: Sender<Call>,
}

impl Recorder {
    /// Starts one in front of `upstream`.
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&worker);
                std::thread::spawn(move || {
                    // The side that is still there reports a broken connection; here it is no news.
                    drop(serve(client, upstream, &shared));
                });
            }
        });
        Self { address, shared }
    }

    /// The calls noted so far, in the order of their arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.settled().calls.clone()
    }

    /// Holds the `nth` mutating call from now on, counted from 1, until its caller is gone. The receiver
    /// gets it when it is held.
    pub fn cut(&self, nth: usize, side: Side) -> Receiver<Call> {
        let (reached, receiver) = channel();
        self.shared.lock().cut = Some(Cut { remaining: nth, side, reached });
        receiver
    }

    /// Lets everything through again, and waits until what was under way has reached the endpoint.
    pub fn uncut(&self) {
        self.settled().cut = None;
    }

    fn settled(&self) -> MutexGuard<'_, State> {
        let state = self.shared.lock();
        self.shared
            .idle
            .wait_while(state, |it| it.in_flight > 0)
            .expect("no thread panics with the state")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the state")
    }

    /// Notes a call and says where to cut it, if at all.
    fn begin(&self, call: &Call) -> (usize, Option<(Side, Sender<Call>)>) {
        let mut state = self.lock();
        state.in_flight += 1;
        state.calls.push(call.clone());
        let index = state.calls.len() - 1;
        let mut here = None;
        if call.is_mutating()
            && let Some(cut) = &mut state.cut
        {
            cut.remaining -= 1;
            if cut.remaining == 0 {
                here = state.cut.take().map(|it| (it.side, it.reached));
            }
        }
        (index, here)
    }

    fn end(&self, index: usize, status: u16) {
        let mut state = self.lock();
        state.in_flight -= 1;
        if let Some(call) = state.calls.get_mut(index) {
            call.status = status;
        }
        self.idle.notify_all();
    }
}

fn serve(mut client: TcpStream, upstream: SocketAddr, shared: &Shared) -> std::io::Result<()> {
    let Some(request) = Request::read(&client)? else { return Ok(()) };
    let call = request.call();
    let (index, cut) = shared.begin(&call);
    if let Some((Side::Before, reached)) = cut {
        shared.end(index, 0);
        return hold(client, call, &reached);
    }
    let answer = request.forward(upstream);
    shared.end(index, answer.as_deref().map_or(0, status));
    if let Some((Side::After, reached)) = cut {
        return hold(client, call, &reached);
    }
    client.write_all(&answer?)
}

/// Says that the call is held, and keeps its connection until the caller closes it.
fn hold(mut client: TcpStream, call: Call, reached: &Sender<Call>) -> std::io::Result<()> {
    drop(reached.send(call));
    std::io::copy(&mut client, &mut std::io::sink()).map(drop)
}

struct Request {
    /// The request line and the headers, without the blank line.
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    /// `None` when the connection was closed without a request.
    fn read(client: &TcpStream) -> std::io::Result<Option<Self>> {
        let mut reader = BufReader::new(client);
        let mut head = vec![];
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut request = Self { head, body: vec![] };
        // The SDK sends chunks only for streams, of which there are none here.
        assert!(
            request.header("transfer-encoding").is_none(),
            "a chunked request: {:?}",
            request.head
        );
        let length = request.header("content-length").map_or(0, |it| it.parse().expect("a length"));
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn call(&self) -> Call {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        // Credential=<key>/<date>/<region>/<service>/aws4_request
        let scope = self.header("authorization").and_then(|it| it.split_once("Credential="));
        let mut scope = scope.map_or("", |(_, it)| it).split('/').skip(2);
        Call {
            region: scope.next().unwrap_or("unsigned").to_owned(),
            service: scope.next().unwrap_or("unsigned").to_owned(),
            operation: self.operation(&body),
            body,
            status: 0,
        }
    }

    fn operation(&self, body: &str) -> String {
        if let Some(target) = self.header("x-amz-target") {
            return target.rsplit('.').next().unwrap_or(target).to_owned();
        }
        if let Some(action) = body.split('&').find_map(|it| it.strip_prefix("Action=")) {
            return action.to_owned();
        }
        let mut line = self.head[0].split(' ');
        let (method, path) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
        let path = path.split('?').next().unwrap_or(path);
        // The SDKs' newer protocol has the operation in the path.
        match path.rsplit_once("/operation/") {
            Some((_, operation)) => operation.to_owned(),
            None => format!("{method} {path}"),
        }
    }

    /// The whole answer, from a connection of its own.
    fn forward(&self, upstream: SocketAddr) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(upstream)?;
        server.set_read_timeout(Some(Duration::from_mins(2)))?;
        let mut head = String::new();
        for line in self.head.iter().filter(|it| !is_connection(it)) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        server.write_all(&self.body)?;
        let mut answer = vec![];
        server.read_to_end(&mut answer)?;
        Ok(closing(&answer))
    }
}

/// Says in the answer that the connection ends with it, or the caller would send its next call there.
fn closing(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(answer.len());
    let (head, rest) = answer.split_at(end);
    let head = String::from_utf8_lossy(head);
    let kept: Vec<&str> = head.split("\r\n").filter(|it| !is_connection(it)).collect();
    [kept.join("\r\n").as_bytes(), b"\r\nConnection: close", rest].concat()
}

fn is_connection(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case("connection"))
}

fn status(answer: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(answer.get(..12).unwrap_or_default()).into_owned();
    line.rsplit(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0)
}
