//! Checks of address ranges: the VPC's, which is divided into four subnets, and the ranges that may
//! reach the load balancer.

use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

/// Largest VPC, as a prefix length (EC2 `CreateVpc`).
const LARGEST: u8 = 16;
/// Smallest VPC, as a prefix length: a quarter of it is a /27.
const SMALLEST: u8 = 25;
/// Prefix lengths that a VPC may have.
pub(crate) const PREFIXES: RangeInclusive<u8> = LARGEST..=SMALLEST;
/// Inbound rules of one security group (default quota of Amazon VPC).
const RULES: usize = 60;
/// Addresses of each subnet that AWS keeps: network, router, DNS, future use, broadcast.
const RESERVED: u32 = 5;

/// Ranges where no VPC can work, and why.
const REFUSED: [(&str, &str); 5] = [
    ("0.0.0.0/8", "0.0.0.0/8 means this network and cannot be a VPC's"),
    ("127.0.0.0/8", "127.0.0.0/8 is every host's loopback and cannot be a VPC's"),
    ("169.254.0.0/16", "169.254.0.0/16 is link-local: AWS serves instance and task metadata there"),
    ("224.0.0.0/4", "224.0.0.0/4 is multicast and cannot be a VPC's"),
    ("240.0.0.0/4", "240.0.0.0/4 is reserved and cannot be a VPC's"),
];

/// The range of Docker's bridge on every container instance.
const DOCKER: &str = "172.17.0.0/16";

/// A VPC's range and its quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division {
    pub(crate) vpc: Ipv4Net,
    pub(crate) public: [Ipv4Net; 2],
    pub(crate) private: [Ipv4Net; 2],
}

/// Checks a VPC's range and divides it. `docker` says whether container instances will run in it.
pub(crate) fn check_vpc(text: &str, docker: bool) -> Result<Division, String> {
    let vpc = parse(text)?;
    if !PREFIXES.contains(&vpc.prefix_len()) {
        return Err(format!(
            "must be a /{LARGEST} to /{SMALLEST}: AWS has no larger VPC, and an Application Load \
             Balancer needs subnets of at least /27, which are quarters of the VPC, with 8 free \
             addresses"
        ));
    }
    for (range, rule) in REFUSED {
        if overlaps(vpc, range) {
            return Err(rule.to_owned());
        }
    }
    if docker && overlaps(vpc, DOCKER) {
        return Err(format!(
            "overlaps {DOCKER}, the range of Docker's bridge on every instance: instances could \
             not reach those addresses of the VPC"
        ));
    }
    // A VPC of /25 at most divides into /27 at most.
    let mut quarters = vpc.subnets(vpc.prefix_len() + 2).into_iter().flatten();
    let mut next = || quarters.next().unwrap_or(vpc);
    Ok(Division { vpc, public: [next(), next()], private: [next(), next()] })
}

/// Returns how many addresses of a subnet with this prefix length AWS gives out.
pub(crate) fn usable_addresses(prefix: u8) -> u32 {
    1_u32
        .checked_shl(32_u32.saturating_sub(u32::from(prefix)))
        .unwrap_or(0)
        .saturating_sub(RESERVED)
}

/// Checks two zones, each by its name or by its id. Whether they are there, only AWS knows.
pub(crate) fn check_zones(typed: &[String]) -> Result<[String; 2], String> {
    let zones: Vec<_> = typed.iter().map(|zone| zone.trim()).collect();
    let is_zone = |zone: &&str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let by_name = || {
            let region = zone.strip_suffix(|last: char| last.is_ascii_lowercase());
            region.is_some_and(|region| region.ends_with(|last: char| last.is_ascii_digit()))
        };
        let by_id = || {
            zone.rsplit_once("-az")
                .is_some_and(|(region, number)| !region.is_empty() && number.parse::<u8>().is_ok())
        };
        zone.contains('-') && zone.bytes().all(plain) && (by_name() || by_id())
    };
    match zones.as_slice() {
        [first, second] if first == second => {
            Err("must be two different zones: a load balancer needs them".into())
        }
        [first, second] if [first, second].into_iter().all(is_zone) => {
            Ok([(*first).to_owned(), (*second).to_owned()])
        }
        _ => Err("must be two zones, by name or id, such as `eu-west-1a,euw1-az2`".into()),
    }
}

/// Checks one range that may reach the load balancer, given those before it.
pub(crate) fn check_allowed(text: &str, before: &[Ipv4Net]) -> Result<Ipv4Net, String> {
    let range = parse(text)?;
    if before.len() >= RULES {
        return Err(format!("is one too many: a security group holds {RULES} inbound rules"));
    }
    match before.iter().find(|it| it.contains(&range) || range.contains(*it)) {
        Some(other) if *other == range => Err("is given twice".into()),
        Some(other) if other.contains(&range) => {
            Err(format!("is already within `{other}`, which is also given"))
        }
        Some(other) => Err(format!("already holds `{other}`, which is also given")),
        None => Ok(range),
    }
}

/// Parses an IPv4 range whose host bits are zero.
fn parse(text: &str) -> Result<Ipv4Net, String> {
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(format!("needs a prefix length; for one address write `{text}/32`"));
    }
    let range: Ipv4Net =
        text.parse().map_err(|_| "must be an IPv4 range such as `10.0.0.0/16`".to_owned())?;
    if range != range.trunc() {
        return Err(format!("has bits set behind the prefix; write `{}`", range.trunc()));
    }
    Ok(range)
}

fn overlaps(range: Ipv4Net, other: &str) -> bool {
    other.parse::<Ipv4Net>().is_ok_and(|other| range.contains(&other) || other.contains(&range))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(range: Ipv4Net) -> String {
        range.to_string()
    }

    #[test]
    fn the_default_divides_like_the_published_templates() {
        let it = check_vpc("10.0.0.0/16", true).unwrap();
        assert_eq!(it.public.map(text), ["10.0.0.0/18", "10.0.64.0/18"]);
        assert_eq!(it.private.map(text), ["10.0.128.0/18", "10.0.192.0/18"]);
    }

    #[test]
    fn the_smallest_vpc_has_room_for_a_load_balancer() {
        let it = check_vpc("192.168.7.128/25", true).unwrap();
        assert_eq!(it.private.map(text), ["192.168.7.192/27", "192.168.7.224/27"]);
        assert_eq!(usable_addresses(it.private[0].prefix_len()), 27);
        assert!(check_vpc("192.168.7.128/26", true).is_err());
    }

    #[test]
    fn zones_are_two_by_name_or_by_id() {
        let check = |typed: &str| {
            check_zones(&typed.split(',').map(str::to_owned).collect::<Vec<_>>()).ok()
        };
        let pair = |one: &str, other: &str| Some([one.to_owned(), other.to_owned()]);
        assert_eq!(check("eu-west-1a,euw1-az2"), pair("eu-west-1a", "euw1-az2"));
        assert_eq!(
            check("us-gov-west-1a, us-gov-west-1b"),
            pair("us-gov-west-1a", "us-gov-west-1b")
        );
        for typed in [
            "",
            "eu-west-1a",
            "eu-west-1a,eu-west-1a",
            "a,b",
            "eu-west-1,eu-west-2",
            "eu-west-1a,eu-west-1b,eu-west-1c",
            "euw1-az,euw1-az2",
            "EU-WEST-1A,eu-west-1b",
        ] {
            assert_eq!(check(typed), None, "{typed}");
        }
    }

    #[test]
    fn every_refused_range_is_a_range() {
        for (range, _) in REFUSED {
            parse(range).unwrap();
        }
        parse(DOCKER).unwrap();
        for vpc in
            ["127.0.0.0/16", "169.254.0.0/20", "239.1.0.0/16", "255.255.255.0/24", "0.0.0.0/16"]
        {
            assert!(check_vpc(vpc, false).is_err(), "{vpc}");
        }
        assert!(check_vpc("172.17.4.0/24", true).is_err());
        assert!(check_vpc("172.17.4.0/24", false).is_ok());
        assert!(check_vpc("172.18.0.0/16", true).is_ok());
    }

    proptest! {
        #[test]
        fn accepted_ranges_divide_into_four_equal_parts(address: u32, prefix in 0_u8..=32) {
            let range = Ipv4Net::new(address.into(), prefix).unwrap().trunc();
            let Ok(it) = check_vpc(&range.to_string(), true) else { return Ok(()) };
            let parts = [it.public, it.private].concat();
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(it.vpc.contains(part));
                prop_assert_eq!(part.prefix_len(), it.vpc.prefix_len() + 2);
                prop_assert!(parts[..index].iter().all(|it| it < part));
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*", near in "[0-9./]{0,20}") {
            for text in [text, near] {
                let _ = check_vpc(&text, true);
                let _ = check_allowed(&text, &[]);
            }
        }

        #[test]
        fn every_subnet_has_a_number_of_usable_addresses(prefix: u8) {
            let _ = usable_addresses(prefix);
        }
    }
}
