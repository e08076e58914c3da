//! What a person sees: the command runs on a pseudo-terminal against simulated AWS, and a terminal emulator
//! says what stands there. Nothing waits for a time: what is expected is read until it is there.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};

use pty_process::Size;
use pty_process::blocking::{Command as OnTerminal, Pty, open};
use tempfile::TempDir;
use vt100::{Parser, Screen};

use crate::listening::start;
use crate::manifest::written;
use crate::world::exit;

/// Simulated AWS in a process of its own.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecsup"));
        let (child, address) =
            start(command.args(["rehearse", "--listen", "127.0.0.1:0", "--speed", "10"]));
        Self { child, address }
    }

    /// From now on nobody is answered, and nobody hung up on.
    fn fall_silent(&self) {
        let told = Command::new("kill").args(["-STOP", &self.child.id().to_string()]).status();
        assert!(told.expect("the command is there").success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

/// A terminal on which the command runs.
struct Terminal {
    pty: Pty,
    child: Child,
    seen: Parser,
    written: Vec<u8>,
    _home: TempDir,
}

impl Terminal {
    /// Deploys a stack on a terminal of 80 columns and 24 rows.
    fn deploy(served: &Served, set: &[(&str, &str)]) -> Self {
        let home = TempDir::new().expect("a directory");
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(24, 80)).expect("a size");
        let command = OnTerminal::new(env!("CARGO_BIN_EXE_ecsup"))
            .args(["deploy", "--yes", "--pattern", "fargate-api"])
            .current_dir(home.path())
            .env_clear()
            .envs([("TERM", "xterm-256color"), ("AWS_REGION", "us-east-1")])
            .envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")])
            .env("AWS_ENDPOINT_URL", format!("http://{}", served.address))
            .env("HOME", home.path())
            .envs(set.iter().copied());
        let child = command.spawn(pts).expect("the command");
        Self { pty, child, seen: Parser::new(24, 80, 0), written: Vec::new(), _home: home }
    }

    /// Runs a command where a plugin stands in `PATH`.
    fn with_plugin(served: &Served, plugin: &str, arguments: &[&str]) -> Self {
        let home = TempDir::new().expect("a directory");
        let program = home.path().join("session-manager-plugin");
        std::fs::write(&program, format!("#!/bin/sh\n{plugin}\n")).expect("a file");
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("its rights");
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(24, 80)).expect("a size");
        let command = OnTerminal::new(env!("CARGO_BIN_EXE_ecsup"))
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", home.path().display()))
            .envs([("TERM", "xterm-256color"), ("AWS_REGION", "us-east-1")])
            .envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")])
            .env("AWS_ENDPOINT_URL", format!("http://{}", served.address))
            .env("HOME", home.path());
        let child = command.spawn(pts).expect("the command");
        Self { pty, child, seen: Parser::new(24, 80, 0), written: Vec::new(), _home: home }
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        self.pty.resize(Size::new(rows, columns)).expect("a size");
        self.seen.screen_mut().set_size(rows, columns);
    }

    fn press_ctrl_c(&mut self) {
        self.pty.write_all(b"\x03").expect("somebody listens");
    }

    /// Reads on. Whether there was something to read.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // When the last one has closed the terminal, reading it is an error.
        let read = self.pty.read(&mut bytes).unwrap_or_default();
        self.seen.process(&bytes[..read]);
        self.written.extend(&bytes[..read]);
        read > 0
    }

    /// Reads until it looks so.
    #[track_caller]
    fn until(&mut self, what: &str, is_there: impl Fn(&Screen) -> bool) {
        while !is_there(self.seen.screen()) {
            assert!(self.read(), "no {what}:\n{}", self.text());
        }
    }

    #[track_caller]
    fn until_text(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// The exit code, when all is read.
    fn end(&mut self) -> Option<i32> {
        while self.read() {}
        self.child.wait().expect("a process").code()
    }

    fn text(&self) -> String {
        self.seen.screen().contents()
    }

    fn rows(&self) -> Vec<String> {
        rows(self.seen.screen())
    }

    /// Nothing goes on in the next row because it was too wide.
    #[track_caller]
    fn assert_not_wrapped(&self) {
        let screen = self.seen.screen();
        let wrapped = (0..screen.size().0).any(|row| screen.row_wrapped(row));
        assert!(!wrapped, "{}", self.text());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

fn rows(screen: &Screen) -> Vec<String> {
    screen.rows(0, screen.size().1).collect()
}

/// The line for the whole run.
fn summary(screen: &Screen) -> Option<String> {
    rows(screen).into_iter().find(|row| row.contains(" of about "))
}

/// Whether bytes set a colour or a face.
fn is_coloured(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.split("\u{1b}[").skip(1).any(|rest| {
        rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == ';').starts_with('m')
    })
}

#[test]
fn a_run_is_shown_whole_on_a_terminal_whatever_its_size_and_ends_when_it_is_asked_to() {
    let served = Served::start();
    let mut terminal = Terminal::deploy(&served, &[("LANG", "C.UTF-8")]);

    terminal.until_text("AWS to provision the load balancer");
    terminal.assert_not_wrapped();
    let whole = summary(terminal.seen.screen()).expect("a line for the whole");
    assert!(whole.contains(" done") && whole.contains("; waiting for "), "{whole}");
    let line = terminal.rows().into_iter().find(|row| row.starts_with("load-balancer "));
    assert!(line.is_some_and(|it| it.contains(" of ") && it.contains(" AWS to provision")));

    terminal.resize(8, 40);
    terminal.until("narrow line for the whole", |screen| {
        summary(screen).is_some_and(|line| line.chars().count() == 40 && line.ends_with('…'))
    });
    terminal.until("narrow line of the load balancer", |screen| {
        rows(screen).iter().any(|row| row.starts_with("load-balancer ") && !row.contains(" of "))
    });
    terminal.assert_not_wrapped();

    terminal.resize(24, 80);
    terminal.until("wide line for the whole", |screen| {
        summary(screen).is_some_and(|line| line.contains("; waiting for load-balancer"))
    });

    terminal.press_ctrl_c();
    terminal.until_text("stopping: calls in flight are finished (Ctrl-C again leaves at once)");
    assert_eq!(terminal.end(), Some(exit::INTERRUPTED), "{}", terminal.text());
    let text = terminal.text();
    assert!(text.contains("is incomplete: it was interrupted"), "{text}");
    assert!(text.contains("run the same `ecsup deploy` again; it continues from here"), "{text}");
    assert_eq!(summary(terminal.seen.screen()), None, "nothing is left of the view:\n{text}");
    assert!(is_coloured(&terminal.written));
}

#[test]
fn without_utf8_and_colour_there_is_neither_and_a_second_ctrl_c_leaves() {
    let served = Served::start();
    let mut terminal = Terminal::deploy(&served, &[("LC_ALL", "C"), ("NO_COLOR", "1")]);
    terminal.until_text("AWS to provision the load balancer");

    served.fall_silent();
    terminal.press_ctrl_c();
    terminal.until_text("Ctrl-C again leaves at once");
    terminal.press_ctrl_c();
    assert_eq!(terminal.end(), Some(exit::INTERRUPTED), "{}", terminal.text());
    assert!(terminal.text().contains("it continues from here"), "{}", terminal.text());

    let other = terminal.written.iter().filter(|it| !it.is_ascii()).count();
    assert_eq!(other, 0, "{}", terminal.text());
    assert!(!is_coloured(&terminal.written), "{}", terminal.text());
}

/// The terminal is the plugin's as long as it talks, and Ctrl-C is for what runs in the container.
#[test]
fn a_session_has_the_terminal_and_ends_as_the_plugin_does() {
    let served = Served::start();
    let (_folder, path) = written(
        "stack = 'shop'\n[service.web]\nrun_on = 'fargate'\ningress = 'none'\nimage = 'web:1'\nexec = true\n",
    );
    let plugin = "[ \"$1\" = --version ] && { echo 1.2.707.0; exit; }\n\
                  [ -t 0 ] && trap 'echo asked to stop; exit 5' INT\n\
                  echo \"talking in $2 of $1\"\nwhile :; do sleep 0.1; done";
    let mut deploy = Terminal::with_plugin(&served, plugin, &["deploy", "--yes", "--file", &path]);
    assert_eq!(deploy.end(), Some(0), "{}", deploy.text());
    let mut exec = Terminal::with_plugin(&served, plugin, &["exec", "web", "--stack", "shop"]);
    exec.until_text("talking in us-east-1 of AWS_SSM_START_SESSION_RESPONSE");
    exec.press_ctrl_c();
    exec.until_text("asked to stop");
    assert_eq!(exec.end(), Some(5), "{}", exec.text());
    assert!(!exec.text().contains("token-"));
}
