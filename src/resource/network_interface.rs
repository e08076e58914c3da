//! Network interfaces: not ours to remove, but what usually holds subnets, groups and gateways.
//!
//! Most belong to a service of AWS, which removes them in its own time; only its description says
//! which.

use aws_sdk_ec2::types::{Filter, NetworkInterface, NetworkInterfaceStatus};

use super::id::VpcId;
use crate::aws::{AllPages, Aws, Doing, Result};

/// How many interfaces are told one by one; a busy subnet has hundreds.
const TOLD: usize = 5;

/// The interfaces that match a filter of `DescribeNetworkInterfaces`, each with its owner in words.
pub async fn holding(aws: &Aws, filter: &str, value: &str) -> Result<Vec<String>> {
    Ok(words(&read(aws, filter, value).await?))
}

/// The interfaces of a VPC that have a public address, each with its owner in words.
pub async fn with_public_address(aws: &Aws, vpc: &VpcId) -> Result<Vec<String>> {
    let mut interfaces = read(aws, "vpc-id", vpc.as_str()).await?;
    interfaces.retain(|interface| {
        interface.association().is_some_and(|association| association.public_ip().is_some())
    });
    Ok(words(&interfaces))
}

async fn read(aws: &Aws, filter: &str, value: &str) -> Result<Vec<NetworkInterface>> {
    let wanted = Filter::builder().name(filter).values(value).build();
    let interfaces = aws.ec2.describe_network_interfaces().filters(wanted);
    let interfaces = interfaces.into_paginator().items().send().all().await;
    let mut interfaces = interfaces.doing("list the network interfaces")?;
    interfaces.retain(|interface| matches(interface, filter, value));
    Ok(interfaces)
}

/// The filters in use once more: endpoints ignore some.
fn matches(interface: &NetworkInterface, filter: &str, value: &str) -> bool {
    match filter {
        "vpc-id" => interface.vpc_id() == Some(value),
        "subnet-id" => interface.subnet_id() == Some(value),
        "group-id" => interface.groups().iter().any(|group| group.group_id() == Some(value)),
        "network-interface-id" => interface.network_interface_id() == Some(value),
        _ => true,
    }
}

fn words(interfaces: &[NetworkInterface]) -> Vec<String> {
    let one = |interface: &NetworkInterface| {
        format!("{} ({})", interface.network_interface_id().unwrap_or("eni"), owner(interface))
    };
    let mut words: Vec<_> = interfaces.iter().take(TOLD).map(one).collect();
    match interfaces.len().saturating_sub(TOLD) {
        0 => {}
        1 => words.push("one more network interface".into()),
        more => words.push(format!("{more} more network interfaces")),
    }
    words
}

/// What AWS's services write into the description of an interface before the name of what it is for.
const OWNERS: &[(&str, &str)] = &[
    ("ELB ", "load balancer"),
    ("Interface for NAT Gateway ", "NAT gateway"),
    ("VPC Endpoint Interface ", "VPC endpoint"),
    ("AWS Lambda VPC ENI-", "Lambda function"),
    ("EFS mount target for ", "EFS mount target of"),
];

fn owner(interface: &NetworkInterface) -> String {
    let description = interface.description().unwrap_or_default();
    let owner = OWNERS.iter().find_map(|(prefix, owner)| {
        description.strip_prefix(prefix).map(|name| format!("{owner} {name}"))
    });
    if let Some(owner) = owner {
        return owner;
    }
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    // A task's interface hangs on the task's instance, or on one of AWS's own.
    let task = description.starts_with("arn:") && description.contains(":ecs:");
    match (task, instance) {
        (true, Some(instance)) => format!("ECS task on {instance}, {description}"),
        (true, None) => format!("ECS task, {description}"),
        (false, Some(instance)) => format!("EC2 instance {instance}"),
        (false, None) => {
            let mut words = vec![match description {
                "" => "no description".to_owned(),
                description => format!("described as `{description}`"),
            }];
            words.extend(interface.requester_id().map(|requester| format!("made by {requester}")));
            if matches!(interface.status(), Some(NetworkInterfaceStatus::Available)) {
                words.push("attached to nothing".into());
            }
            words.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_told_by_its_owner_and_many_are_counted() {
        use aws_sdk_ec2::types::NetworkInterfaceAttachment;
        let interface = |description: &str| {
            NetworkInterface::builder().network_interface_id("eni-1").description(description)
        };
        let on = NetworkInterfaceAttachment::builder().instance_id("i-1").build();
        let mut interfaces = vec![
            interface("ELB app/lb-demo/1a").build(),
            interface("").attachment(on).build(),
            interface("arn:aws:ecs:eu-west-1:1:attachment/2b").build(),
            interface("RDSNetworkInterface").requester_id("amazon-rds").build(),
        ];
        let told = [
            "eni-1 (load balancer app/lb-demo/1a)",
            "eni-1 (EC2 instance i-1)",
            "eni-1 (ECS task, arn:aws:ecs:eu-west-1:1:attachment/2b)",
            "eni-1 (described as `RDSNetworkInterface`, made by amazon-rds)",
        ];
        assert_eq!(words(&interfaces), told);
        interfaces.extend((0..9).map(|_| interface("").build()));
        assert_eq!(words(&interfaces).last().unwrap(), "8 more network interfaces");
    }
}
