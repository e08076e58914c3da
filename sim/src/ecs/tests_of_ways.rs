//! What a task on Fargate has to reach in subnets without a way out to the internet.

use serde_json::{Value, json};

use super::tests::{cluster, definition, execution_role_with_policy, wait, why_not_running, world};
use crate::fields::Fields;
use crate::world::World;
use crate::{ec2, logs};

const OWN: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1";

fn ask(world: &mut World, operation: &str, input: Value) -> Value {
    let answer = ec2::answer(world, operation, &input).expect(operation);
    wait(world, 10);
    answer
}

/// A VPC with one subnet that leads nowhere; the VPC, its table, and what a task is placed with.
fn closed(world: &mut World) -> (String, String, Value) {
    let vpc = ask(world, "CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
    let vpc = vpc["Vpc"].text("VpcId").to_owned();
    let on = json!({ "VpcId": vpc, "EnableDnsHostnames": { "Value": true } });
    ask(world, "ModifyVpcAttribute", on);
    let subnet = json!({
        "VpcId": vpc, "CidrBlock": "10.0.0.0/18", "AvailabilityZone": "us-east-1a",
    });
    let subnet = ask(world, "CreateSubnet", subnet)["Subnet"].text("SubnetId").to_owned();
    let table = ask(world, "CreateRouteTable", json!({ "VpcId": vpc }));
    let table = table["RouteTable"].text("RouteTableId").to_owned();
    ask(world, "AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
    let group = json!({ "GroupName": "g", "Description": "g", "VpcId": vpc });
    let group = ask(world, "CreateSecurityGroup", group).text("GroupId").to_owned();
    let itself = json!({
        "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "UserIdGroupPairs": [{ "GroupId": group }],
    });
    let rule = json!({ "GroupId": group, "IpPermissions": [itself] });
    ask(world, "AuthorizeSecurityGroupIngress", rule);
    let network = json!({ "awsvpcConfiguration": {
        "subnets": [subnet], "securityGroups": [group], "assignPublicIp": "DISABLED",
    } });
    (vpc, table, network)
}

/// Makes an endpoint, and waits until it is there.
fn endpoint(world: &mut World, (vpc, table, network): &(String, String, Value), service: &str) {
    let place = network.part("awsvpcConfiguration");
    let name = format!("com.amazonaws.us-east-1.{service}");
    let wish = match service {
        "s3" => json!({ "VpcId": vpc, "ServiceName": name, "RouteTableIds": [table] }),
        _ => json!({
            "VpcId": vpc,
            "ServiceName": name,
            "VpcEndpointType": "Interface",
            "SubnetIds": place["subnets"],
            "SecurityGroupIds": place["securityGroups"],
            "PrivateDnsEnabled": true,
        }),
    };
    ask(world, "CreateVpcEndpoint", wish);
    wait(world, 180);
}

/// Why a task of this image does not run; nothing when it does.
fn outcome(world: &mut World, network: &Value, image: &str) -> String {
    let mut wanted = definition(image, "256", "512");
    wanted["containerDefinitions"][0]["logConfiguration"] = json!({
        "logDriver": "awslogs",
        "options": { "awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p" },
    });
    wanted["executionRoleArn"] = json!("execution");
    why_not_running(world, network, wanted, 300)
}

#[test]
fn each_endpoint_that_is_missing_is_missed() {
    let mut world = world();
    cluster(&mut world);
    execution_role_with_policy(&mut world);
    logs::answer(&mut world, "CreateLogGroup", &json!({ "logGroupName": "g" })).unwrap();
    let place = closed(&mut world);
    for (missing, says) in [
        ("ecr.api", "cannot pull registry auth from Amazon ECR"),
        ("ecr.dkr", "failed to resolve ref"),
        ("s3", "starport-layer-bucket"),
        ("logs", "failed to create Cloudwatch log stream: RequestError"),
    ] {
        let why = outcome(&mut world, &place.2, OWN);
        assert!(why.contains(says) && why.contains("i/o timeout"), "{missing}: {why}");
        endpoint(&mut world, &place, missing);
    }
    assert_eq!(outcome(&mut world, &place.2, OWN), "");
    // No endpoint leads to other registries.
    let why = outcome(&mut world, &place.2, "public.ecr.aws/docker/library/nginx:1");
    assert!(why.contains("i/o timeout"), "{why}");
}
