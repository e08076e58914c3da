//! What AWS charges for what stands there, by its price list: enough for a rough sum, and no more.
//!
//! The sources are in `docs/aws-facts.md`. A price that is not known makes no sum wrong: it is named instead.

use std::collections::{BTreeMap, BTreeSet};

/// When the prices were looked up last.
pub const AS_OF: &str = "2026-09-11";

/// Hours of a month, as AWS's own calculator counts them.
const HOURS: f64 = 730.0;
/// A hosted zone, in US dollars a month, wherever it is.
const HOSTED_ZONE: f64 = 0.50;
/// A public IPv4 address, in US dollars an hour, in every region.
const PUBLIC_ADDRESS: f64 = 0.005;

/// What a region charges, in US dollars an hour unless it says otherwise.
struct Prices {
    region: &'static str,
    load_balancer: f64,
    nat_gateway: f64,
    /// An interface endpoint, in each zone.
    endpoint: f64,
    /// A GiB of a gp3 volume, in US dollars a month.
    volume: f64,
    /// A virtual CPU, and a GB of memory.
    fargate: [f64; 2],
    /// The same on AWS Graviton.
    fargate_arm: Option<[f64; 2]>,
    /// On demand, with Linux.
    instances: &'static [(&'static str, f64)],
}

const PRICES: [Prices; 2] = [
    Prices {
        region: "us-east-1",
        load_balancer: 0.0225,
        nat_gateway: 0.045,
        endpoint: 0.01,
        volume: 0.08,
        fargate: [0.04048, 0.004_445],
        fargate_arm: Some([0.03238, 0.00356]),
        instances: &[
            ("c5.large", 0.085),
            ("c5.xlarge", 0.17),
            ("c5.2xlarge", 0.34),
            ("c7g.xlarge", 0.145),
            ("m5.large", 0.096),
            ("m7g.large", 0.0816),
            ("m7g.xlarge", 0.1632),
            ("t3.medium", 0.0416),
            ("t4g.medium", 0.0336),
        ],
    },
    Prices {
        region: "eu-central-1",
        load_balancer: 0.027,
        nat_gateway: 0.052,
        endpoint: 0.012,
        volume: 0.0952,
        fargate: [0.04656, 0.00511],
        fargate_arm: None,
        instances: &[
            ("c5.large", 0.097),
            ("c5.xlarge", 0.194),
            ("c5.2xlarge", 0.388),
            ("m5.large", 0.115),
        ],
    },
];

/// What stands there and costs something for each hour of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Load balancers.
    pub load_balancers: u32,
    /// NAT gateways.
    pub nat_gateways: u32,
    /// Public IPv4 addresses, those of load balancers and tasks included.
    pub addresses: u32,
    /// Interface endpoints, once for each zone that they are in.
    pub endpoints: u32,
    /// Hosted zones.
    pub hosted_zones: u32,
    /// GiB of volumes.
    pub volumes: u32,
    /// Instances on demand, by their types.
    pub instances: BTreeMap<String, u32>,
    /// Tasks on Fargate, by what one of them has.
    pub tasks: BTreeMap<Size, u32>,
    /// What costs something that no list says.
    pub unlisted: BTreeSet<String>,
}

/// What a task on Fargate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// CPU units, of which 1024 are a virtual CPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Whether it runs on AWS Graviton.
    pub arm: bool,
}

/// What something costs in a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Month {
    /// What is known of it, in US dollars.
    pub dollars: f64,
    /// What costs something besides, of which no price is known here.
    pub unknown: BTreeSet<String>,
}

/// What this costs in a month in a region; nothing, where no price of that region is known.
pub fn month(region: &str, standing: &Standing) -> Option<Month> {
    let prices = PRICES.iter().find(|prices| prices.region == region)?;
    let mut unknown = standing.unlisted.clone();
    let mut hourly = f64::from(standing.load_balancers) * prices.load_balancer
        + f64::from(standing.nat_gateways) * prices.nat_gateway
        + f64::from(standing.addresses) * PUBLIC_ADDRESS
        + f64::from(standing.endpoints) * prices.endpoint;
    for (kind, count) in &standing.instances {
        match prices.instances.iter().find(|(name, _)| name == kind) {
            Some((_, price)) => hourly += f64::from(*count) * price,
            None => drop(unknown.insert(kind.clone())),
        }
    }
    for (size, count) in standing.tasks.iter().filter(|(_, count)| **count > 0) {
        let price = if size.arm { prices.fargate_arm } else { Some(prices.fargate) };
        let Some([cpu, memory]) = price else {
            unknown.insert("Fargate on AWS Graviton".to_owned());
            continue;
        };
        let one = f64::from(size.cpu) / 1024.0 * cpu + f64::from(size.memory) / 1024.0 * memory;
        hourly += f64::from(*count) * one;
    }
    let monthly = f64::from(standing.volumes) * prices.volume
        + f64::from(standing.hosted_zones) * HOSTED_ZONE;
    let dollars = hourly * HOURS + monthly;
    Some(Month { dollars, unknown })
}

impl Month {
    /// As people read it.
    pub fn words(&self) -> String {
        let known = match self.dollars {
            some if some < 10.0 => format!("about ${some:.2} a month"),
            some => format!("about ${some:.0} a month"),
        };
        match self.unknown.is_empty() {
            true => known,
            false => {
                let unknown: Vec<_> = self.unknown.iter().map(String::as_str).collect();
                format!("{known} and what {} costs", unknown.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(region: &str, standing: &Standing) -> String {
        month(region, standing).map_or_else(|| "—".to_owned(), |month| month.words())
    }

    #[test]
    fn a_month_is_the_sum_of_what_stands_there() {
        let size = Size { cpu: 256, memory: 512, arm: false };
        let mut fargate = Standing {
            load_balancers: 1,
            nat_gateways: 2,
            addresses: 4,
            tasks: BTreeMap::from([(size, 2)]),
            ..Standing::default()
        };
        // 16.43 + 65.70 + 14.60 + 18.02
        assert_eq!(of("us-east-1", &fargate), "about $115 a month");
        assert_eq!(of("eu-central-1", &fargate), "about $131 a month");
        assert_eq!(of("ap-south-1", &fargate), "—");
        fargate.tasks = BTreeMap::from([(Size { arm: true, ..size }, 2)]);
        let arm = "about $110 a month and what Fargate on AWS Graviton costs";
        assert_eq!(of("eu-central-1", &fargate), arm);
    }

    #[test]
    fn what_has_no_price_is_named() {
        let instances = BTreeMap::from([("c5.xlarge".to_owned(), 2), ("x9.huge".to_owned(), 1)]);
        let unlisted = BTreeSet::from(["Spot instances".to_owned()]);
        let standing = Standing { instances, unlisted, ..Standing::default() };
        let words = "about $248 a month and what Spot instances, x9.huge costs";
        assert_eq!(of("us-east-1", &standing), words);
        assert_eq!(
            of("us-east-1", &Standing { hosted_zones: 1, ..Standing::default() }),
            "about $0.50 a month"
        );
        assert_eq!(of("us-east-1", &Standing::default()), "about $0.00 a month");
    }
}
