//! China and GovCloud: partitions with accounts, ARNs and names of their own.

use aws_sim::cloud::Cloud;
use aws_sim::policy::Policy;
use aws_sim::scenario::Scenario;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};

use crate::proofs::{expect, holds, ids};

const PATTERNS: [&str; 3] = ["internal-worker", "public-api", "fargate-api"];

/// A whole life with the policy that is printed for the region, in an account that has used ECS before
/// and in one that has not.
#[test]
fn every_pattern_lives_in_every_partition() {
    let regions = [
        ("cn-north-1", "cn-northwest-1", "arn:aws-cn:", ".elb.amazonaws.com.cn"),
        ("us-gov-west-1", "us-gov-west-1", "arn:aws-us-gov:", ".elb.amazonaws.com"),
    ];
    // The second is that of what has no region, and each has a default VPC from the beginning.
    for (region, home, beginning, domain) in regions {
        for (seed, pattern) in (0..).zip(PATTERNS) {
            in_virtual_time(seed, async || {
                let scenario = Scenario { fresh_account: seed == 1, ..Scenario::default() };
                let cloud = Cloud::new(seed, scenario);
                for region in [home, region] {
                    cloud.world(|world| world.enter(region));
                }
                let stage = Stage { cloud: cloud.clone() };
                let play = async |words: &[&str]| {
                    let played = stage.play(&[words, &["--region", region]].concat()).await;
                    expect(&played, Exit::Done, words[0]).unwrap();
                    played
                };
                let before = ids(&cloud);
                let printed = play(&["permissions", "--pattern", pattern]).await;
                let policy = printed.recording.out.join("\n");
                assert!(!policy.contains("arn:aws:"), "{policy}");
                cloud.set_policy(Policy::parse(&policy).unwrap());
                let deployed = play(&["deploy", "--yes", "--pattern", pattern]).await;
                let again = play(&["deploy", "--yes", "--pattern", pattern]).await;
                assert_eq!(again.changes(), [""; 0]);
                let holds = holds(&cloud, &["--pattern", pattern, "--region", region]).await;
                holds.unwrap_or_else(|why| panic!("{region}: {why}"));
                for id in ids(&cloud).difference(&before) {
                    assert!(!id.contains("arn:") || id.contains(beginning), "{id}");
                }
                let records = deployed.calls.iter();
                let mut records = records.filter(|it| it.operation == "ChangeResourceRecordSets");
                assert!(records.all(|it| it.input.to_string().contains(&format!("{domain}\""))));
                play(&["destroy", "--yes", pattern]).await;
                assert_eq!(cloud.defects(), [""; 0]);
                let after = ids(&cloud);
                let left: Vec<_> = after.difference(&before).collect();
                assert!(left.is_empty(), "{region}, {pattern}: {left:#?}");
            });
        }
    }
}
