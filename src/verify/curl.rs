//! Requests by `curl` in a container: the words that it is given, and what it has written (curl(1)).
//!
//! One container sends all of them, one after the other, and writes a line behind each that says which it was
//! and what came of it. Everything else that it writes is the answer.

use super::{ANSWER, CONNECT, Came, Check, HEAD};
use crate::text::cut;

/// What curl is given before everything else, in place of the image's own entry point.
pub const PROGRAM: &str = "curl";
/// Bytes of an answer: more than enough to see what answers.
const LONGEST: &str = "65536";

/// The arguments. The lines between the answers begin with `mark`, which nobody else knows.
pub fn arguments(checks: &[&Check], mark: &str) -> Vec<String> {
    let [connect, answer] = [CONNECT, ANSWER].map(|it| it.as_secs().to_string());
    let mut words = Vec::new();
    for (number, Check { url, .. }) in checks.iter().enumerate() {
        if number > 0 {
            words.push("--next".to_owned());
        }
        // Whether a certificate is right for a name is seen from outside, where the name is the public's.
        words.extend(["--silent", "--show-error", "--include", "--insecure"].map(str::to_owned));
        let told = format!("\\n{mark} {number} %{{exitcode}} %{{http_code}} %{{errormsg}}\\n");
        for (option, value) in [
            ("--connect-timeout", connect.as_str()),
            ("--max-time", &answer),
            ("--max-filesize", LONGEST),
            ("--write-out", &told),
        ] {
            words.extend([option.to_owned(), value.to_owned()]);
        }
        if let Some(through) = &url.through {
            words.extend(["--connect-to".to_owned(), format!("::{through}:{}", url.port)]);
        }
        words.extend(["--url".to_owned(), url.to_string()]);
    }
    words
}

/// What came of each request, by its number, as far as it was written by now.
pub fn read(lines: &[String], mark: &str) -> Vec<(usize, Came)> {
    let (mut all, mut answer) = (Vec::new(), Vec::new());
    for line in lines {
        let line = line.trim_end();
        match line.strip_prefix(mark).and_then(|told| came(told, &answer)) {
            Some(came) => {
                all.push(came);
                answer.clear();
            }
            None => answer.push(line),
        }
    }
    all
}

fn came(told: &str, answer: &[&str]) -> Option<(usize, Came)> {
    let mut parts = told.trim_start().splitn(4, ' ');
    let number = parts.next()?.parse().ok()?;
    let code: u32 = parts.next()?.parse().ok()?;
    let status: u16 = parts.next()?.parse().ok()?;
    let why = parts.next().unwrap_or_default().trim();
    let why = match why {
        "" => format!("curl ended with {code}"),
        why => why.to_owned(),
    };
    Some((
        number,
        match (code, status) {
            // The answer was cut where it is long.
            (_, 100..) => Came::Answer { status, head: head(answer) },
            // No such name, no connection, no answer in time.
            (5..=7 | 28, _) => Came::Nobody(why),
            _ => Came::Other(why),
        },
    ))
}

/// How the body begins: the log has no empty line between it and the headers.
fn head(answer: &[&str]) -> String {
    let is_header = |line: &&&str| {
        let name = line.split_once(':').map(|(name, _)| name);
        line.starts_with("HTTP/")
            || name.is_some_and(|it| {
                !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
            })
    };
    let body = answer.iter().skip_while(is_header).find(|line| !line.trim().is_empty());
    cut(body.copied().unwrap_or_default().trim(), HEAD)
}
