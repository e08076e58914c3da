//! Token buckets: how many calls AWS takes before it asks to slow down.
//!
//! AWS publishes few of the sizes (`docs/aws-facts.md`, throttling). Route 53's five requests a second
//! for a whole account are a fact; the others are what is documented for some of a service's
//! operations, or a cautious guess.

use std::collections::BTreeMap;
use std::time::Duration;

use super::refusal::Refusal;

/// The buckets of one account.
#[derive(Debug, Default)]
pub struct Buckets {
    left: BTreeMap<String, (f64, Duration)>,
    /// How much smaller than AWS's they are.
    shrunk: f64,
}

/// Size, and tokens that come back in a second.
type Size = (f64, f64);

impl Buckets {
    /// Makes the buckets, this many times smaller than AWS's.
    pub fn new(shrunk: u32) -> Self {
        Self { left: BTreeMap::new(), shrunk: f64::from(shrunk.max(1)) }
    }

    /// Takes a token for a call, or refuses it as the service does.
    pub fn take(
        &mut self,
        region: &str,
        service: &str,
        operation: &str,
        now: Duration,
    ) -> Result<(), Refusal> {
        let (name, (size, rate)) = bucket(region, service, operation);
        let (size, rate) = ((size / self.shrunk).max(1.0), rate / self.shrunk);
        let (left, at) = self.left.get(&name).copied().unwrap_or((size, now));
        let left = (left + rate * now.saturating_sub(at).as_secs_f64()).min(size);
        let enough = left >= 1.0;
        self.left.insert(name, (if enough { left - 1.0 } else { left }, now));
        if enough { Ok(()) } else { Err(refusal(service)) }
    }
}

/// Which bucket a call takes from. EC2 has one for each operation, Route 53 one for all of an account.
fn bucket(region: &str, service: &str, operation: &str) -> (String, Size) {
    let reads = is_read(operation);
    let (class, size) = match (service, reads) {
        ("route53", _) => return ("route53".to_owned(), (5.0, 5.0)),
        ("ec2", true) => (operation, (100.0, 20.0)),
        ("ec2", false) => (operation, (50.0, 5.0)),
        ("ecs", true) => ("read", (50.0, 20.0)),
        ("ecs", false) => ("write", (40.0, 5.0)),
        ("elasticloadbalancing", true) => ("read", (40.0, 10.0)),
        ("elasticloadbalancing", false) => ("write", (20.0, 3.0)),
        ("autoscaling", true) => ("read", (40.0, 10.0)),
        ("autoscaling", false) => ("write", (20.0, 5.0)),
        ("iam", true) => ("read", (30.0, 15.0)),
        ("iam", false) => ("write", (15.0, 5.0)),
        ("logs", _) => (operation, (10.0, 10.0)),
        ("ssm", true) => ("read", (40.0, 40.0)),
        ("ssm", false) => ("write", (3.0, 3.0)),
        _ => ("all", (100.0, 100.0)),
    };
    (format!("{region} {service} {class}"), size)
}

/// Whether an operation only looks.
pub fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get", "Filter"].iter().any(|verb| operation.starts_with(verb))
}

/// How a service asks to slow down.
pub fn refusal(service: &str) -> Refusal {
    match service {
        "ec2" => Refusal::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503),
        "ecs" | "logs" | "ssm" => Refusal::new("ThrottlingException", "Rate exceeded"),
        _ => Refusal::new("Throttling", "Rate exceeded"),
    }
}
