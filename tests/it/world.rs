//! A world for one test: an endpoint, the recorder in front of it, and the command as a person runs it.
//!
//! Everything that the tests assume about the command line is in this file: the flags in
//! [`World::deploy_line`], the names in [`names`], the exit codes in [`exit`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::emulator::{Emulator, Kind};
use crate::inventory::{self, Clients, Providers};
use crate::recorder::{Call, Recorder, Side};

/// Where the tests live unless they say otherwise.
pub const REGION: &str = "us-east-1";

/// What instances start from where no image can be looked up.
const MACHINE_IMAGE: &str = "ami-0123456789abcdef0";

/// Longer than any run here takes, and shorter than the test runner's patience.
pub const DEADLINE: Duration = Duration::from_mins(4);

/// The exit codes that the command promises.
pub mod exit {
    pub const DONE: i32 = 0;
    pub const FAILED: i32 = 1;
    pub const USAGE: i32 = 2;
    pub const CHANGES_PENDING: i32 = 3;
    pub const INTERRUPTED: i32 = 130;
}

/// The names that the command gives to what a person may already have.
pub mod names {
    use super::Pattern;

    pub fn cluster(stack: &str) -> String {
        format!("cluster-{stack}")
    }

    pub fn load_balancer(stack: &str) -> String {
        format!("lb-{stack}")
    }

    pub fn launch_template(stack: &str) -> String {
        format!("lt-{stack}")
    }

    pub fn auto_scaling_group(stack: &str) -> String {
        format!("asg-{stack}")
    }

    pub fn log_group(stack: &str, pattern: Pattern) -> String {
        format!("/ecsup/{stack}/{}", pattern.service())
    }

    /// IAM has no regions: the path tells the stacks apart.
    pub fn role_path(region: &str, stack: &str) -> String {
        format!("/ecsup/{region}/{stack}/")
    }
}

/// The patterns that the command offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    InternalWorker,
    PublicApi,
    FargateApi,
}

impl Pattern {
    pub fn name(self) -> &'static str {
        match self {
            Self::InternalWorker => "internal-worker",
            Self::PublicApi => "public-api",
            Self::FargateApi => "fargate-api",
        }
    }

    /// The name that its service has by default.
    pub fn service(self) -> &'static str {
        match self {
            Self::InternalWorker => "worker",
            Self::PublicApi | Self::FargateApi => "web",
        }
    }

    pub fn has_instances(self) -> bool {
        self != Self::FargateApi
    }
}

/// What a finished run left behind.
#[derive(Debug)]
pub struct Outcome {
    line: String,
    status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What a person sees, both streams.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Fails the test unless the run ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{}", self.report());
        self
    }

    /// Fails the test unless the run failed, with whichever code.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!(self.code().is_some_and(|it| it != 0), "should have failed: {}", self.report());
        self
    }

    /// Fails the test unless a person was told one of these, whatever its case.
    #[track_caller]
    pub fn says_one_of(self, words: &[&str]) -> Self {
        let text = self.text().to_lowercase();
        let said = words.iter().any(|it| text.contains(&it.to_lowercase()));
        assert!(said, "should have said one of {words:?}: {}", self.report());
        self
    }

    pub fn report(&self) -> String {
        let Self { line, status, stdout, stderr } = self;
        format!("`{line}` ended with {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// The command while it runs.
pub struct Run {
    line: String,
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Run {
    pub fn start(mut command: Command, line: String) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run `{line}`: {error}"));
        let stdout = read_all(child.stdout.take().expect("stdout is piped"));
        let stderr = read_all(child.stderr.take().expect("stderr is piped"));
        Self { line, child, stdout, stderr }
    }

    /// Waits for its end. After the deadline it is killed and the test fails.
    #[track_caller]
    pub fn wait(mut self, deadline: Duration) -> Outcome {
        // Its standard output closes when it ends, and only then: a wait without a clock.
        let in_time = self.stdout.recv_timeout(deadline);
        if in_time.is_err() {
            drop(self.child.kill());
        }
        let status = self.child.wait().expect("our own child");
        let late = in_time.is_err();
        let stdout = in_time.unwrap_or_else(|_| self.stdout.recv().unwrap_or_default());
        let stderr = self.stderr.recv().unwrap_or_default();
        let outcome = Outcome { line: self.line.clone(), status, stdout, stderr };
        assert!(!late, "still running after {deadline:?}: {}", outcome.report());
        outcome
    }

    /// Kills it without warning when the receiver says so. `None` if it ended before.
    #[track_caller]
    fn kill_when(mut self, reached: &Receiver<Call>) -> Option<Call> {
        for _ in 0..DEADLINE.as_millis() / 20 {
            match reached.recv_timeout(Duration::from_millis(20)) {
                Ok(call) => {
                    self.child.kill().expect("our own child");
                    self.child.wait().expect("our own child");
                    return Some(call);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if self.child.try_wait().expect("our own child").is_some() {
                        return None;
                    }
                }
            }
        }
        let line = self.line.clone();
        drop(self.child.kill());
        panic!("`{line}` neither ended nor reached the cut");
    }
}

fn read_all(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = vec![];
        drop(stream.read_to_end(&mut bytes));
        drop(sender.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    receiver
}

/// An endpoint with the recorder in front of it.
pub struct World {
    pub kind: Kind,
    pub recorder: Recorder,
    upstream: SocketAddr,
    runtime: Runtime,
    home: TempDir,
    /// Lives as long as the world.
    _emulator: Option<Emulator>,
}

impl World {
    /// An empty world of its own.
    pub fn start(kind: Kind) -> Self {
        let emulator = Emulator::start(kind);
        Self::around(kind, emulator.address, Some(emulator))
    }

    /// A world that somebody else runs, for example `http://127.0.0.1:4566`.
    pub fn at(endpoint: &str) -> Self {
        let authority =
            endpoint.strip_prefix("http://").expect("an http:// endpoint").trim_end_matches('/');
        let mut addresses = authority.to_socket_addrs().expect("an endpoint with host and port");
        Self::around(Kind::Localstack, addresses.next().expect("an address"), None)
    }

    fn around(kind: Kind, upstream: SocketAddr, emulator: Option<Emulator>) -> Self {
        Self {
            kind,
            recorder: Recorder::start(upstream),
            upstream,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            home: TempDir::new().expect("a directory"),
            _emulator: emulator,
        }
    }

    /// Clients that go straight to the endpoint, past the recorder.
    pub fn clients(&self, region: &str) -> Clients {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(format!("http://{}", self.upstream))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Clients::new(&config)
    }

    /// Runs something of the SDK's to its end.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Everything that exists in a region, and the account's global things.
    pub fn ids_in(&self, region: &str) -> BTreeSet<String> {
        let providers = if self.kind.lists_capacity_providers() {
            Providers::Listed
        } else {
            Providers::Named(self.providers_made())
        };
        self.block_on(inventory::ids(&self.clients(region), &providers))
    }

    /// Everything that exists in the usual region, and the account's global things.
    pub fn ids(&self) -> BTreeSet<String> {
        self.ids_in(REGION)
    }

    /// How many there are of each kind, without the lock's parameters: their number tells how many
    /// runs were interrupted, which is no duplicate of anything.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let ids = self.ids();
        inventory::counts(&ids)
            .into_iter()
            .filter(|(kind, _)| *kind != "parameter")
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect()
    }

    /// The names of the capacity providers that anybody asked for through the recorder.
    fn providers_made(&self) -> BTreeSet<String> {
        let calls = self.recorder.calls();
        let made = calls.iter().filter(|it| it.operation == "CreateCapacityProvider");
        made.filter_map(|it| {
            let body: serde_json::Value = serde_json::from_str(&it.body).ok()?;
            body["name"].as_str().map(str::to_owned)
        })
        .collect()
    }

    /// The command with an environment in which nothing of the machine's own configuration is seen.
    pub fn command(&self, region: &str, arguments: &[&str]) -> Run {
        let mut command = bare_command(&self.home, arguments);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", region)
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.recorder.address));
        Run::start(command, format!("ecsup {}", arguments.join(" ")))
    }

    /// Runs the command in the usual region, to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.command(REGION, arguments).wait(DEADLINE)
    }

    /// The arguments of a deploy here that can succeed here.
    pub fn deploy_line<'a>(
        &self,
        pattern: Pattern,
        stack: &'a str,
        more: &[&'a str],
    ) -> Vec<&'a str> {
        self.deploy_line_of(&self.spec_flags(pattern, stack), more)
    }

    /// The arguments of a deploy of what these flags say.
    fn deploy_line_of<'a>(&self, wanted: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        let mut line = vec!["deploy", "--yes"];
        line.extend(wanted);
        if !self.kind.completes_rollouts() {
            line.push("--no-wait");
        }
        line.extend(more);
        line
    }

    /// The flags that say what is wanted, common to `plan` and `deploy`.
    pub fn spec_flags<'a>(&self, pattern: Pattern, stack: &'a str) -> Vec<&'a str> {
        let mut flags = vec!["--pattern", pattern.name(), "--stack", stack];
        if pattern.has_instances() && !self.kind.has_machine_images() {
            flags.extend(["--ami", MACHINE_IMAGE]);
        }
        flags
    }

    /// A copy of an example that can be deployed here; its path.
    pub fn example(&self, name: &str) -> String {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let mut text = std::fs::read_to_string(from).expect("an example");
        if !self.kind.has_machine_images() {
            let ami = format!("[capacity]\nami = \"{MACHINE_IMAGE}\"");
            text = text.replace("[capacity]", &ami);
        }
        let to = self.home.path().join(name);
        std::fs::write(&to, text).expect("a directory of our own");
        to.to_str().expect("a path of letters").to_owned()
    }

    /// Deploys what these flags say, and fails the test unless that worked. Returns the calls that it made.
    #[track_caller]
    pub fn deploy_of(&self, wanted: &[&str]) -> Vec<Call> {
        let from = self.recorder.calls().len();
        self.run(&self.deploy_line_of(wanted, &[])).expect_code(exit::DONE);
        self.recorder.calls().split_off(from)
    }

    /// Deploys, and fails the test unless that worked. Returns the calls that it made.
    #[track_caller]
    pub fn deploy(&self, pattern: Pattern, stack: &str, more: &[&str]) -> Vec<Call> {
        self.deploy_in(REGION, pattern, stack, more)
    }

    /// Deploys in a region, and fails the test unless that worked. Returns the calls that it made.
    #[track_caller]
    pub fn deploy_in(
        &self,
        region: &str,
        pattern: Pattern,
        stack: &str,
        more: &[&str],
    ) -> Vec<Call> {
        let from = self.recorder.calls().len();
        self.command(region, &self.deploy_line(pattern, stack, more))
            .wait(DEADLINE)
            .expect_code(exit::DONE);
        self.recorder.calls().split_off(from)
    }

    /// Destroys a stack, and fails the test unless that worked.
    #[track_caller]
    pub fn destroy(&self, stack: &str) -> Outcome {
        self.destroy_in(REGION, stack)
    }

    /// Destroys a stack in a region, and fails the test unless that worked.
    #[track_caller]
    pub fn destroy_in(&self, region: &str, stack: &str) -> Outcome {
        self.command(region, &["destroy", stack, "--yes"]).wait(DEADLINE).expect_code(exit::DONE)
    }

    /// Starts the command and kills it while its `nth` mutating call is under way. `None` if it ended before.
    #[track_caller]
    pub fn kill_at(&self, nth: usize, side: Side, arguments: &[&str]) -> Option<Call> {
        let reached = self.recorder.cut(nth, side);
        let call = self.command(REGION, arguments).kill_when(&reached);
        self.recorder.uncut();
        call
    }
}

/// The command with nothing but a home directory: no credentials, no region, no endpoint.
pub fn bare_command(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsup"));
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// How many of these calls could change anything.
pub fn mutations(calls: &[Call]) -> usize {
    calls.iter().filter(|it| it.is_mutating()).count()
}

/// A test for each endpoint and pattern, named by both. The first name is the function that they all call.
macro_rules! matrix {
    ($proof:ident: $($name:ident = $kind:ident, $pattern:ident;)+) => {
        $(
            #[test]
            fn $name() {
                $proof($crate::emulator::Kind::$kind, $crate::world::Pattern::$pattern);
            }
        )+
    };
    ($proof:ident) => {
        $crate::world::matrix! {
            $proof:
            moto_internal_worker = Moto, InternalWorker;
            moto_public_api = Moto, PublicApi;
            moto_fargate_api = Moto, FargateApi;
            ministack_internal_worker = Ministack, InternalWorker;
            ministack_public_api = Ministack, PublicApi;
            ministack_fargate_api = Ministack, FargateApi;
        }
    };
}
pub(crate) use matrix;
