use super::image::IMAGES_PATH;
use super::*;
use crate::doubt::Doubt;
use crate::scenario::Scenario;

const LOCK: &str = "/ecsup/lock/demo";

fn world() -> World {
    let delays = [("ssm.listed".to_owned(), 2.0..=2.0)].into();
    World::new(1, Scenario { delays, ..Scenario::default() })
}

fn code(world: &mut World, operation: &str, input: Value) -> String {
    answer(world, operation, &input).map_or_else(|refusal| refusal.code, |_| String::new())
}

fn put(name: &str) -> Value {
    json!({ "Name": name, "Value": "me", "Type": "String" })
}

#[test]
fn images_are_found_by_kind() {
    let mut world = world();
    for (variant, image) in
        [("", "a001"), ("arm64/", "b001"), ("gpu/", "c001"), ("neuron/", "d001")]
    {
        let name = format!("{IMAGES_PATH}{variant}recommended/image_id");
        let got = answer(&mut world, "GetParameter", &json!({ "Name": name })).unwrap();
        assert_eq!(got["Parameter"]["Value"], format!("ami-0ec5000000000{image}"));
        assert_eq!(image_parameter(&name.replace("2023", "2")), None);
    }
    let name = json!({ "Name": "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended" });
    assert_eq!(code(&mut world, "GetParameter", name), "ParameterNotFound");
    assert_eq!(ids(&world), [""; 0], "AWS's are not ours");
}

#[test]
fn a_lock_is_taken_once_and_counts_its_versions() {
    let mut world = world();
    let mut tagged = put(LOCK);
    tagged["Tags"] = json!([{ "Key": "Name", "Value": "lock" }]);
    let first = answer(&mut world, "PutParameter", &tagged).unwrap();
    assert_eq!(first["Version"], 1);
    assert_eq!(code(&mut world, "PutParameter", put(LOCK)), "ParameterAlreadyExists");
    tagged["Overwrite"] = json!(true);
    assert_eq!(code(&mut world, "PutParameter", tagged), "ValidationException");
    let over = json!({ "Name": LOCK, "Value": "you", "Overwrite": true });
    assert_eq!(answer(&mut world, "PutParameter", &over).unwrap()["Version"], 2);
    let get = |world: &mut World, name: &str| {
        let got = answer(world, "GetParameter", &json!({ "Name": name })).unwrap();
        got["Parameter"]["Value"].as_str().unwrap().to_owned()
    };
    assert_eq!(get(&mut world, LOCK), "you");
    assert_eq!(get(&mut world, &format!("{LOCK}:1")), "me");
    assert_eq!(code(&mut world, "DeleteParameter", json!({ "Name": LOCK })), "");
    assert_eq!(code(&mut world, "DeleteParameter", json!({ "Name": LOCK })), "ParameterNotFound");
}

#[test]
fn a_listing_lags_and_comes_in_pages() {
    let mut world = world();
    for number in 0..12 {
        assert_eq!(code(&mut world, "PutParameter", put(&format!("/ecsup/lock/{number}"))), "");
    }
    assert_eq!(code(&mut world, "PutParameter", put("/ecsup/lock/a/b")), "");
    let list = |world: &mut World, input: Value| {
        let answer = answer(world, "GetParametersByPath", &input).unwrap();
        let count = answer["Parameters"].as_array().unwrap().len();
        (count, answer.get("NextToken").cloned())
    };
    let by_path = json!({ "Path": "/ecsup/lock" });
    assert_eq!(list(&mut world, by_path.clone()).0, 0);
    world.advance(Duration::from_secs(2));
    let (count, token) = list(&mut world, by_path);
    assert_eq!(count, 10);
    let input = json!({ "Path": "/ecsup/lock", "NextToken": token });
    assert_eq!(list(&mut world, input), (2, None));
    let input = json!({ "Path": "/ecsup", "Recursive": true, "NextToken": token });
    assert_eq!(list(&mut world, input), (3, None));
}

#[test]
fn names_are_checked() {
    let mut world = world();
    for (name, refused) in [
        ("/aws/service/mine", "AccessDeniedException"),
        ("awsome", "ValidationException"),
        ("a/b", "ValidationException"),
        ("/a b", "ValidationException"),
        ("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "HierarchyLevelLimitExceededException"),
        ("/good/one", ""),
    ] {
        assert_eq!(code(&mut world, "PutParameter", put(name)), refused, "{name}");
    }
}

#[test]
fn a_listing_may_show_an_earlier_version() {
    let mut world = world();
    world.scenario.doubts = [Doubt::ListingShowsEarlierVersions].into();
    answer(&mut world, "PutParameter", &put(LOCK)).unwrap();
    world.advance(Duration::from_secs(5));
    let over = json!({ "Name": LOCK, "Value": "you", "Overwrite": true });
    answer(&mut world, "PutParameter", &over).unwrap();
    let listed = |world: &mut World| {
        let path = json!({ "Path": "/ecsup/lock" });
        let listed = answer(world, "GetParametersByPath", &path).unwrap();
        listed["Parameters"][0]["Version"].clone()
    };
    assert_eq!(listed(&mut world), 1);
    let got = answer(&mut world, "GetParameter", &json!({ "Name": LOCK })).unwrap();
    assert_eq!(got["Parameter"]["Version"], 2, "to get is consistent");
    world.advance(Duration::from_secs(8));
    assert_eq!(listed(&mut world), 2);
}
