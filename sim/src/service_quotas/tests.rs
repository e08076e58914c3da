use serde_json::json;

use super::*;
use crate::scenario::Scenario;

#[test]
fn a_quota_that_was_never_set_is_known_by_its_default_alone() {
    let vpcs = json!({ "ServiceCode": "vpc", "QuotaCode": "L-F678F1CE" });
    let mut world = World::new(1, Scenario::default());
    let refused = answer(&mut world, "GetServiceQuota", &vpcs).unwrap_err();
    assert_eq!(refused.code, "NoSuchResourceException");
    let default = answer(&mut world, "GetAWSDefaultServiceQuota", &vpcs).unwrap();
    assert_eq!(default["Quota"]["Value"], 5);

    let quotas = [("vpcs".to_owned(), 9)].into();
    let mut world = World::new(1, Scenario { quotas, ..Scenario::default() });
    let set = answer(&mut world, "GetServiceQuota", &vpcs).unwrap();
    assert_eq!(set["Quota"]["Value"], 9);

    let unknown = json!({ "ServiceCode": "vpc", "QuotaCode": "L-00000000" });
    let refused = answer(&mut world, "GetAWSDefaultServiceQuota", &unknown).unwrap_err();
    assert_eq!(refused.code, "NoSuchResourceException");
}
