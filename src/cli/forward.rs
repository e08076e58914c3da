//! `ecsup forward`: a port of this machine that leads to a task, or through it to something that it reaches.

use std::net::{Ipv4Addr, TcpListener};

use clap::Args;

use super::error::CommandError;
use super::session::{self, TargetArgs};
use super::{Global, Outcome};
use crate::session::Purpose;
use crate::ui::Screen;

/// Longest name of a host, in characters (RFC 1035).
const HOST_LIMIT: usize = 253;

/// What `ecsup forward` takes.
#[derive(Debug, Args)]
pub struct ForwardArgs {
    /// Where from and where to: `LOCAL:PORT` of the task, or `LOCAL:HOST:PORT` of what it reaches, such as
    /// `5432:db.internal:5432`
    #[arg(value_name = "LOCAL:[HOST:]PORT", value_parser = parse_way)]
    pub way: Way,

    /// The service [default: the only one]
    #[arg(long, env = "ECSUP_SERVICE", hide_env_values = true, value_name = "NAME")]
    pub service: Option<String>,

    /// Which container.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Where a port of this machine leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The port here.
    pub local: u16,
    /// What the task reaches; the task itself where nothing is said.
    pub host: Option<String>,
    /// The port there.
    pub port: u16,
}

fn parse_way(text: &str) -> Result<Way, String> {
    let rule = "say LOCAL:PORT or LOCAL:HOST:PORT, such as `8080:80` or `5432:db.internal:5432`";
    let port = |what: &str, text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{what} `{text}` is no port, which are 1 to 65535: {rule}")),
    };
    let parts: Vec<_> = text.split(':').collect();
    let (local, host, to) = match parts[..] {
        [local, port] => (local, None, port),
        [local, host, port] => (local, Some(host), port),
        _ => return Err(rule.to_owned()),
    };
    let is_part = |part: &str| {
        let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        !part.is_empty() && part.bytes().all(fits)
    };
    if let Some(host) = host.filter(|it| it.len() > HOST_LIMIT || !it.split('.').all(is_part)) {
        return Err(format!("`{host}` is no name of a host and no IPv4 address: {rule}"));
    }
    Ok(Way { local: port("LOCAL", local)?, host: host.map(str::to_owned), port: port("PORT", to)? })
}

/// Runs the command.
pub async fn forward(args: &ForwardArgs, global: &Global, screen: &Screen) -> Outcome {
    let Way { local, host, port } = args.way.clone();
    let plugin = session::plugin(global)?;
    if let Err(why) = TcpListener::bind((Ipv4Addr::LOCALHOST, local)) {
        let why = format!("port {local} of this machine cannot be opened: {why}");
        return Err(CommandError::refused(why).hint("say another one before the first `:`"));
    }
    let purpose = Purpose::Port { local, host, port };
    let service = args.service.as_deref();
    session::talk(service, &purpose, "forward", &args.target, &plugin, (global, screen)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_has_two_ports_and_perhaps_a_host() {
        let way = |local, host: Option<&str>, port| {
            Ok(Way { local, host: host.map(str::to_owned), port })
        };
        assert_eq!(parse_way("8080:80"), way(8080, None, 80));
        assert_eq!(parse_way("5432:db.internal:5432"), way(5432, Some("db.internal"), 5432));
        assert_eq!(parse_way("1:10.0.0.9:2"), way(1, Some("10.0.0.9"), 2));
        for bad in
            ["", "80", "0:80", "80:0", "80:65536", "a:80", "1::2", "1:a b:2", "1:a..b:2", "1:::2"]
        {
            assert!(parse_way(bad).unwrap_err().contains("5432:db.internal:5432"), "{bad}");
        }
    }
}
