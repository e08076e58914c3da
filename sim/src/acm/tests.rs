use serde_json::json;

use super::*;
use crate::scenario::Scenario;

#[test]
fn a_certificate_is_described_in_its_region_alone() {
    let mut world = World::new(1, Scenario::default());
    let arn = add(&mut world, &["example.com", "*.example.com"], "ISSUED");
    let ask = json!({ "CertificateArn": arn });
    let it = answer(&mut world, "DescribeCertificate", &ask).unwrap();
    assert_eq!(it["Certificate"]["SubjectAlternativeNames"][1], "*.example.com");
    assert_eq!(status(&world, &arn), Some("ISSUED"));
    world.enter("eu-west-1");
    let refused = answer(&mut world, "DescribeCertificate", &ask).unwrap_err();
    assert_eq!(refused.code, "ResourceNotFoundException");
}
