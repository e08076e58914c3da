//! Partitions: groups of regions with accounts, ARNs and domains of their own (AWS General Reference).

/// The partition that a region is in, as ARNs name it.
pub fn of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The domain that the names of a region's endpoints end with.
pub fn domain(region: &str) -> &'static str {
    if of(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// EC2 as a trust policy names it: the one service whose name differs in China (Amazon Web Services in
/// China, "Amazon EC2").
pub fn ec2_service(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}
