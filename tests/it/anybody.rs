//! The simulator under the SDK of somebody who does not know ecsup, as its README shows it.

use std::time::Duration;

use aws_sdk_ec2::config::{Credentials, Region};
use aws_sim::cloud::Cloud;
use aws_sim::scenario::Scenario;

#[tokio::test(start_paused = true)]
async fn a_gateway_without_a_way_out_fails() -> Result<(), aws_sdk_ec2::Error> {
    let cloud = Cloud::new(42, Scenario::default());
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIASIMULATED", "none", None, None, "simulated"))
        .http_client(cloud.clone())
        .time_source(cloud.clone())
        .build();
    let ec2 = aws_sdk_ec2::Client::from_conf(config);

    let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await?.vpc.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let subnet = ec2.create_subnet().vpc_id(vpc.vpc_id.unwrap()).cidr_block("10.0.0.0/24");
    let subnet = subnet.send().await?.subnet.unwrap();
    let address = ec2.allocate_address().send().await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let gateway = ec2.create_nat_gateway().subnet_id(subnet.subnet_id.unwrap());
    gateway.set_allocation_id(address.allocation_id).send().await?;

    tokio::time::sleep(Duration::from_mins(5)).await;
    let gateways = ec2.describe_nat_gateways().send().await?.nat_gateways.unwrap();
    assert_eq!(gateways[0].failure_code(), Some("Gateway.NotAttached"));
    Ok(())
}

#[test]
fn the_readme_shows_what_is_tested() {
    let readme = include_str!("../../sim/README.md");
    let (_, rest) = readme.split_once("```rust\n").expect("it shows Rust");
    let (shown, _) = rest.split_once("```").expect("it ends");
    assert!(include_str!("anybody.rs").contains(shown));
}
