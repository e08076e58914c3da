//! An emulator of AWS as a child process: its own port, its own state, gone when the test is.
//!
//! The child stays in the test's process group, so that whatever stops the test from outside (the
//! runner's timeout, Ctrl-C) reaches it too. A test that is killed by its process id alone cannot
//! run `drop`: for that the child watches a pipe that only the test holds, and ends when it closes.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Which emulator, and what it is known not to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Good at networking and load balancers; its deployments never complete.
    Moto,
    /// Completes deployments; knows no machine images and no instances.
    Ministack,
    /// A service that somebody else started, at `ECSUP_TEST_ENDPOINT`.
    Localstack,
}

impl Kind {
    /// Whether a deployment ever completes there. On moto the primary deployment of a service
    /// stays as it was made, so a deploy that waits for it would wait until its deadline.
    pub fn completes_rollouts(self) -> bool {
        self != Kind::Moto
    }

    /// Whether the public parameters with the newest machine images can be read. Ministack has none and
    /// lets none be stored under that path.
    pub fn has_machine_images(self) -> bool {
        self != Kind::Ministack
    }

    /// Whether capacity providers can be listed without naming them. Moto answers 500.
    pub fn lists_capacity_providers(self) -> bool {
        self != Kind::Moto
    }
}

/// A running emulator.
pub struct Emulator {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: Log,
}

impl Emulator {
    /// Starts one on a free port and waits until it answers. Panics with the end of its log if it does not.
    pub fn start(kind: Kind) -> Self {
        let python = environment().join("bin/python");
        // A free port can be taken before the child listens on it: another one then.
        let mut failures = String::new();
        for _ in 0..3 {
            match Self::try_start(kind, &python) {
                Ok(emulator) => return emulator,
                Err(why) => failures.push_str(&why),
            }
        }
        panic!("cannot start {kind:?} with `{}`:\n{failures}", python.display());
    }

    fn try_start(kind: Kind, python: &Path) -> Result<Self, String> {
        let address = free_address();
        let (variables, main) = start_line(kind, address);
        let mut child = Command::new(python)
            .args(["-c", &format!("{WATCHDOG}{main}")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("PYTHONUNBUFFERED", "1")
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run `{}`: {error}\n", python.display()))?;

        let (log, ended) = Log::of(child.stderr.take().expect("stderr is piped"));
        // Half a second is usual; a minute allows for a machine that builds something else meanwhile.
        for _ in 0..600 {
            if answers(address, health(kind)) && child.try_wait().is_ok_and(|it| it.is_none()) {
                return Ok(Self { child, address, log });
            }
            if ended.recv_timeout(Duration::from_millis(100)) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        drop(child.kill());
        let status = child.wait();
        Err(format!(
            "{kind:?} at {address} did not become healthy ({status:?}); its log ends:\n{log}\n"
        ))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            // Standard error itself: `eprintln!` is for tests, and this is called by them.
            let _ = writeln!(std::io::stderr(), "the emulator's log ends:\n{}", self.log);
        }
    }
}

/// Ends the process when the other end of standard input is closed.
const WATCHDOG: &str = "\
import os, sys, threading
def watch():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
";

fn start_line(kind: Kind, address: SocketAddr) -> (Vec<(&'static str, String)>, String) {
    let port = address.port();
    match kind {
        Kind::Moto => (
            vec![
                ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true".into()),
                ("MOTO_ENABLE_AMI_VALIDATION", "true".into()),
                ("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true".into()),
                // Without it no task ever runs; with it every service has exactly so many.
                ("MOTO_ECS_SERVICE_RUNNING", "2".into()),
            ],
            format!("from moto.server import main\nmain(['-H', '127.0.0.1', '-p', '{port}'])\n"),
        ),
        Kind::Ministack => (
            // Without the first two it listens on every interface, and on a port for devices.
            vec![
                ("BIND_HOST", "127.0.0.1".into()),
                ("IOT_MTLS_ENABLED", "0".into()),
                ("GATEWAY_PORT", port.to_string()),
            ],
            "sys.argv = ['ministack']\nfrom ministack.app import main\nmain()\n".into(),
        ),
        Kind::Localstack => panic!("LocalStack is not started by the tests"),
    }
}

fn health(kind: Kind) -> &'static str {
    match kind {
        Kind::Moto => "/moto-api/data.json",
        Kind::Ministack => "/_ministack/health",
        Kind::Localstack => "/_localstack/health",
    }
}

/// The Python environment with both emulators: `ECSUP_TEST_VENV`, or one that `tests/emulators.sh` makes.
fn environment() -> PathBuf {
    if let Some(path) = std::env::var_os("ECSUP_TEST_VENV") {
        let path = PathBuf::from(path);
        assert!(
            path.join("bin/python").exists(),
            "ECSUP_TEST_VENV has no bin/python: `{}`",
            path.display()
        );
        return path;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Each time: it returns at once when nothing is to do, and notices when a version was changed.
    let script = root.join("tests/emulators.sh");
    let output = Command::new(&script)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run `{}`: {error}", script.display()));
    assert!(
        output.status.success(),
        "`{}` failed ({}):\n{}{}",
        script.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    root.join("target/emulators/venv")
}

/// The Python of that environment, which has boto3.
pub fn python() -> PathBuf {
    environment().join("bin/python")
}

/// An address on which nothing listened a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let limit = Duration::from_secs(2);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, limit) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(limit)).is_ok()
        && write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .is_ok()
        && stream.take(64).read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// The last lines that a child has written, and a note when it stops writing.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn of(output: impl Read + Send + 'static) -> (Self, Receiver<()>) {
        const KEPT: usize = 60;
        let log = Self(Arc::default());
        let lines = Arc::clone(&log.0);
        let (end, ended) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut lines = lines.lock().expect("no thread panics with the log");
                if lines.len() == KEPT {
                    lines.remove(0);
                }
                lines.push(line);
            }
            let _ = end.send(());
        });
        (log, ended)
    }
}

impl fmt::Display for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().expect("no thread panics with the log");
        lines.iter().try_for_each(|line| writeln!(out, "    {line}"))
    }
}

#[test]
fn moto_is_gone_after_a_panic() {
    assert_gone_after_a_panic(Kind::Moto);
}

#[test]
fn ministack_is_gone_after_a_panic() {
    assert_gone_after_a_panic(Kind::Ministack);
}

fn assert_gone_after_a_panic(kind: Kind) {
    let emulator = Emulator::start(kind);
    let address = emulator.address;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _emulator = emulator;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert!(TcpStream::connect(address).is_err(), "somebody still listens on {address}");
}

#[test]
fn moto_ends_when_its_pipe_closes() {
    // What happens when the test itself is killed: nobody runs `drop`, and the kernel closes the pipe.
    let mut emulator = Emulator::start(Kind::Moto);
    drop(emulator.child.stdin.take());
    assert!(emulator.child.wait().expect("our own child").success());
}

#[test]
fn an_emulator_that_cannot_start_shows_its_log() {
    let failure = Emulator::try_start(Kind::Moto, Path::new("/bin/sh"))
        .err()
        .expect("a shell is no emulator");
    assert!(failure.contains("import"), "{failure}");
}
