//! Partitions: groups of regions with accounts, ARNs and domains of their own (AWS General Reference;
//! `partitions.json` of the SDKs).

/// What regions begin with, the partition that they are in, and its domain.
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
];

/// The partition that a region is in, as ARNs name it.
pub fn of(region: &str) -> &'static str {
    find(region).map_or("aws", |(_, partition, _)| partition)
}

/// The domain that the names of a region's endpoints end with.
pub fn domain(region: &str) -> &'static str {
    find(region).map_or("amazonaws.com", |(.., domain)| domain)
}

/// EC2 as a trust policy names it. It is the one service in use whose name differs in China (Amazon
/// Web Services in China, "Amazon EC2", "Feature availability and implementation differences").
pub fn ec2_service(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}

fn find(region: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    PARTITIONS.iter().find(|(beginning, ..)| region.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_tells_its_partition() {
        assert_eq!((of("eu-west-1"), domain("eu-west-1")), ("aws", "amazonaws.com"));
        assert_eq!((of("cn-north-1"), domain("cn-north-1")), ("aws-cn", "amazonaws.com.cn"));
        assert_eq!((of("us-gov-west-1"), domain("us-gov-west-1")), ("aws-us-gov", "amazonaws.com"));
        assert_eq!((of("us-isob-east-1"), of("")), ("aws-iso-b", "aws"));
    }
}
