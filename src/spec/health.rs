//! How the tasks of a service are found healthy, and how they are replaced.

/// What tells a load balancer that a task is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path that it asks for.
    pub path: String,
    /// The port that it asks; else the one that the container listens on.
    pub port: Option<u16>,
    /// The HTTP statuses that are healthy, such as `200-299` or `200,302`.
    pub status: String,
    /// Seconds between two checks; more than `timeout`.
    pub interval: u32,
    /// Seconds until a check has failed.
    pub timeout: u32,
    /// How many good answers in a row make a task healthy.
    pub healthy: u32,
    /// How many bad ones in a row make it unhealthy.
    pub unhealthy: u32,
}

/// What tells ECS that a container is healthy: a command that is run in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerHealth {
    /// `CMD` and the words of the command, or `CMD-SHELL` and a line for the container's shell.
    pub command: Vec<String>,
    /// Seconds between two checks.
    pub interval: u32,
    /// Seconds until a check has failed.
    pub timeout: u32,
    /// How many failures in a row make the container unhealthy.
    pub retries: u32,
    /// Seconds after the start in which failures do not count.
    pub start_period: u32,
}

/// How tasks are replaced by those of a newer revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployments {
    /// Tasks that keep running, in percent of the count; less than `max_percent`.
    pub min_percent: u32,
    /// Tasks that may run, in percent of the count.
    pub max_percent: u32,
    /// Whether ECS gives up a deployment whose tasks fail again and again.
    pub circuit_breaker: bool,
    /// Whether it goes back to the one before then.
    pub rollback: bool,
    /// Seconds that the open connections of a task may last that is replaced.
    pub drain: u32,
}

/// Checks the statuses that are healthy: numbers and ranges from 200 to 499 (Elastic Load Balancing,
/// `Matcher`).
pub(crate) fn check_statuses(text: &str) -> Result<String, String> {
    let is_status = |text: &str| {
        text.len() == 3
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse().is_ok_and(|status: u16| (200..=499).contains(&status))
    };
    let fits = text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => is_status(from) && is_status(to) && from <= to,
        None => is_status(part),
    });
    match fits {
        true => Ok(text.to_owned()),
        false => {
            Err("must be statuses from 200 to 499, such as \"200\", \"200,302\" or \"200-299\""
                .into())
        }
    }
}

/// Checks the command of a container's health check (ECS, `HealthCheck`).
pub(crate) fn check_command(words: &[String]) -> Result<(), String> {
    match words {
        [first, line] if first == "CMD-SHELL" && !line.trim().is_empty() => Ok(()),
        [first, program, ..] if first == "CMD" && !program.is_empty() => Ok(()),
        _ => Err(
            "must begin with CMD, as in [\"CMD\", \"/healthy\"], or be a line for a shell, as in \
                  [\"CMD-SHELL\", \"curl -f http://localhost/ || exit 1\"]"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_and_ranges() {
        for text in ["200", "200,302", "200-299", "200-299,401", "499"] {
            assert_eq!(check_statuses(text).as_deref(), Ok(text));
        }
        for text in ["", "199", "500", "2xx", "299-200", "200,", "200-", "+200", "200 ", "0200"] {
            assert!(check_statuses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_says_who_runs_it() {
        let check = |words: &[&str]| {
            check_command(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).is_ok()
        };
        assert!(check(&["CMD", "/healthy"]) && check(&["CMD", "curl", "-f", "localhost"]));
        assert!(check(&["CMD-SHELL", "exit 0"]));
        for words in [&[][..], &["CMD"], &["CMD-SHELL"], &["CMD-SHELL", "a", "b"], &["curl", "-f"]]
        {
            assert!(!check(words), "{words:?}");
        }
    }
}
