use serde_json::json;

use super::*;
use crate::scenario::Scenario;

#[test]
fn an_image_is_there_unless_the_scenario_misses_it() {
    let missing_images = vec!["shop/api:2".to_owned()];
    let mut world = World::new(1, Scenario { missing_images, ..Scenario::default() });
    let mut ask = |tag: &str| {
        let ids = json!([{ "imageTag": tag }]);
        let input = json!({ "repositoryName": "shop/api", "imageIds": ids });
        answer(&mut world, "DescribeImages", &input)
    };
    assert_eq!(ask("1").unwrap()["imageDetails"][0]["imageTags"], json!(["1"]));
    assert_eq!(ask("2").unwrap_err().code, "ImageNotFoundException");
}
