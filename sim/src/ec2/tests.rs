//! The rules that matter, driven as the wire does.

use std::time::Duration;

use serde_json::{Value, json};

use super::image::{IMAGE_ARM, IMAGE_X86};
use super::*;
use crate::fields::Fields;
use crate::scenario::Scenario;

/// A world and a clock.
struct Rig {
    world: World,
}

impl Rig {
    fn new() -> Self {
        Self::with(Scenario::default())
    }

    fn with(scenario: Scenario) -> Self {
        Self { world: World::new(7, scenario) }
    }

    fn ask(&mut self, operation: &str, input: Value) -> Answer {
        answer(&mut self.world, operation, &input)
    }

    fn call(&mut self, operation: &str, input: Value) -> Value {
        self.ask(operation, input).unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    /// The code of a refusal.
    fn code(&mut self, operation: &str, input: Value) -> String {
        self.ask(operation, input).expect_err(operation).code
    }

    fn pass(&mut self, seconds: u64) {
        self.world.advance(self.world.now + Duration::from_secs(seconds));
    }

    /// A VPC with an attached internet gateway, two subnets, their group and an address.
    fn network(&mut self) -> Network {
        let vpc = self.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
        let vpc = vpc["Vpc"].text("VpcId").to_owned();
        let gateway = self.call("CreateInternetGateway", json!({}));
        let gateway = gateway["InternetGateway"].text("InternetGatewayId").to_owned();
        let address = self.call("AllocateAddress", json!({ "Domain": "vpc" }));
        let address = address.text("AllocationId").to_owned();
        self.pass(6);
        self.call("AttachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": vpc }));
        let mut subnet = |zone: &str, cidr: &str| {
            let wanted = json!({ "VpcId": vpc, "AvailabilityZone": zone, "CidrBlock": cidr });
            self.call("CreateSubnet", wanted)["Subnet"].text("SubnetId").to_owned()
        };
        let public = subnet("us-east-1a", "10.0.0.0/20");
        let private = subnet("us-east-1b", "10.0.128.0/20");
        let group = json!({ "GroupName": "demo", "Description": "demo", "VpcId": vpc });
        let group = self.call("CreateSecurityGroup", group).text("GroupId").to_owned();
        self.pass(10);
        Network { vpc, gateway, address, public, private, group }
    }

    fn table(&mut self, vpc: &str, subnet: &str, route: (&str, &str)) -> String {
        let table = self.call("CreateRouteTable", json!({ "VpcId": vpc }));
        let table = table["RouteTable"].text("RouteTableId").to_owned();
        self.pass(6);
        self.call("AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
        self.call(
            "CreateRoute",
            json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", route.0: route.1 }),
        );
        table
    }

    fn gateway(&mut self, network: &Network) -> String {
        let wanted = json!({ "SubnetId": network.public, "AllocationId": network.address });
        let made = self.call("CreateNatGateway", wanted);
        made["NatGateway"].text("NatGatewayId").to_owned()
    }

    fn gateway_state(&mut self, id: &str) -> String {
        let shown = self.call("DescribeNatGateways", json!({ "NatGatewayIds": [id] }));
        shown["NatGateways"][0].text("State").to_owned()
    }

    fn template(&mut self, data: Value) -> String {
        let wanted = json!({ "LaunchTemplateName": "lt-demo", "LaunchTemplateData": data });
        let made = self.call("CreateLaunchTemplate", wanted);
        self.pass(6);
        made["LaunchTemplate"].text("LaunchTemplateId").to_owned()
    }
}

struct Network {
    vpc: String,
    gateway: String,
    address: String,
    public: String,
    private: String,
    group: String,
}

#[test]
fn what_was_just_made_is_not_known_yet() {
    let slow = BTreeMap::from([(VISIBLE.to_owned(), 3.0..=3.0)]);
    let mut rig = Rig::with(Scenario { delays: slow, ..Scenario::default() });
    let before = ids(&rig.world);
    let made = rig.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
    let vpc = made["Vpc"].text("VpcId").to_owned();
    assert_eq!(made["Vpc"]["State"], "pending");
    let subnet = json!({ "VpcId": vpc, "CidrBlock": "10.0.0.0/24" });
    assert_eq!(rig.code("CreateSubnet", subnet.clone()), "InvalidVpcID.NotFound");
    let own = json!({ "Filters": [{ "Name": "is-default", "Values": ["false"] }] });
    assert_eq!(rig.call("DescribeVpcs", own.clone())["Vpcs"], json!([]));
    let within = json!({ "Filters": [{ "Name": "vpc-id", "Values": [vpc] }] });
    let groups = rig.call("DescribeSecurityGroups", within.clone());
    assert_eq!(groups["SecurityGroups"], json!([]));
    rig.pass(3);
    assert_eq!(rig.call("DescribeVpcs", own)["Vpcs"][0]["State"], "available");
    rig.call("CreateSubnet", subnet);
    // Born with a main table, a default group with two rules, and a network ACL.
    let kinds = ids(&rig.world);
    let kinds = kinds.iter().filter(|id| !before.contains(id));
    let count = |prefix: &str| kinds.clone().filter(|id| id.starts_with(prefix)).count();
    assert_eq!(["rtb-", "rtbassoc-", "sg-", "sgr-", "acl-"].map(count), [1, 1, 1, 2, 1]);
    let main = rig.call("DescribeRouteTables", within)["RouteTables"][0].clone();
    assert_eq!(main["Associations"][0]["Main"], true);
    assert_eq!(main["Routes"][0]["GatewayId"], "local");
    let main = json!({ "RouteTableId": main["RouteTableId"] });
    assert_eq!(rig.code("DeleteRouteTable", main), "DependencyViolation");
}

#[test]
fn a_nat_gateway_takes_minutes_and_holds_its_address_until_it_is_gone() {
    let mut rig = Rig::new();
    let network = rig.network();
    rig.table(&network.vpc, &network.public, ("GatewayId", &network.gateway));
    let nat = rig.gateway(&network);
    let unknown = json!({ "RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0" });
    assert_eq!(rig.code("CreateRoute", unknown), "InvalidRouteTableID.NotFound");
    rig.pass(6);
    assert_eq!(rig.gateway_state(&nat), "pending");
    let table = rig.table(&network.vpc, &network.private, ("NatGatewayId", &nat));
    assert!(!way_out(&rig.world, &network.private, false), "not available yet");
    assert!(way_out(&rig.world, &network.public, true));
    assert!(!way_out(&rig.world, &network.public, false), "no public address");
    rig.pass(150);
    assert_eq!(rig.gateway_state(&nat), "available");
    assert!(way_out(&rig.world, &network.private, false));

    let release = json!({ "AllocationId": network.address });
    assert_eq!(rig.code("ReleaseAddress", release.clone()), "AuthFailure");
    let detach = json!({ "InternetGatewayId": network.gateway, "VpcId": network.vpc });
    let refusal = rig.ask("DetachInternetGateway", detach.clone()).unwrap_err();
    assert!(refusal.message.contains("mapped public address(es)"), "{refusal}");
    let subnet = json!({ "SubnetId": network.public });
    assert_eq!(rig.code("DeleteSubnet", subnet.clone()), "DependencyViolation");

    rig.call("DeleteNatGateway", json!({ "NatGatewayId": nat }));
    rig.pass(5);
    assert_eq!(rig.gateway_state(&nat), "deleting");
    assert_eq!(rig.code("ReleaseAddress", release.clone()), "AuthFailure");
    rig.pass(120);
    assert_eq!(rig.gateway_state(&nat), "deleted");
    let shown = rig.call("DescribeRouteTables", json!({ "RouteTableIds": [table] }));
    assert_eq!(shown["RouteTables"][0]["Routes"][1]["State"], "blackhole");
    assert!(!way_out(&rig.world, &network.private, false));
    rig.call("ReleaseAddress", release);
    rig.call("DetachInternetGateway", detach);
    rig.call("DeleteSubnet", subnet);
    rig.pass(3600);
    let gone = json!({ "NatGatewayIds": [nat] });
    assert_eq!(rig.code("DescribeNatGateways", gone), "NatGatewayNotFound");
}

#[test]
fn a_nat_gateway_has_codes_of_its_own_for_what_it_does_not_know_yet() {
    let delays = [("ec2.visible", 3.0), ("nat-gateway.learning", 2.0), ("subnet.pending", 2.0)];
    let delays = delays.map(|(label, seconds)| (label.to_owned(), seconds..=seconds));
    let mut rig = Rig::with(Scenario { delays: delays.into(), ..Scenario::default() });
    let network = rig.network();
    let wanted = json!({ "VpcId": network.vpc, "CidrBlock": "10.0.64.0/20" });
    let subnet = rig.call("CreateSubnet", wanted)["Subnet"].text("SubnetId").to_owned();
    let address = rig.call("AllocateAddress", json!({})).text("AllocationId").to_owned();
    let with = |subnet: &str, address: &str| json!({ "SubnetId": subnet, "AllocationId": address });
    rig.pass(4);
    rig.call("DescribeSubnets", json!({ "SubnetIds": [subnet] }));
    let code = rig.code("CreateNatGateway", with(&subnet, &network.address));
    assert_eq!(code, "InvalidSubnet", "it is listed already");
    let code = rig.code("CreateNatGateway", with(&network.public, &address));
    assert_eq!(code, "InvalidElasticIpID.NotFound");
    rig.pass(2);
    rig.call("CreateNatGateway", with(&subnet, &address));
}

#[test]
fn a_nat_gateway_that_cannot_work_is_accepted_and_fails() {
    let mut rig = Rig::new();
    let network = rig.network();
    let first = rig.gateway(&network);
    let second = rig.gateway(&network);
    rig.pass(30);
    let shown = rig.call("DescribeNatGateways", json!({ "NatGatewayIds": [second] }));
    assert_eq!(shown["NatGateways"][0]["FailureCode"], "Resource.AlreadyAssociated");
    assert_eq!(rig.gateway_state(&first), "pending");
    let table = rig.table(&network.vpc, &network.private, ("NatGatewayId", &first));
    let route = json!({
        "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": second,
    });
    assert_eq!(rig.code("ReplaceRoute", route), "InvalidNatGatewayID.NotFound");

    let mut rig = Rig::new();
    let network = rig.network();
    let detach = json!({ "InternetGatewayId": network.gateway, "VpcId": network.vpc });
    rig.call("DetachInternetGateway", detach.clone());
    let nat = rig.gateway(&network);
    rig.call("AttachInternetGateway", detach);
    rig.pass(30);
    let shown = rig.call("DescribeNatGateways", json!({ "NatGatewayIds": [nat] }));
    assert_eq!(shown["NatGateways"][0]["FailureCode"], "Gateway.NotAttached");
}

#[test]
fn routes_and_associations_are_there_once() {
    let mut rig = Rig::new();
    let network = rig.network();
    let table = rig.table(&network.vpc, &network.public, ("GatewayId", &network.gateway));
    let route = json!({
        "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": network.gateway,
    });
    assert_eq!(rig.code("CreateRoute", route), "RouteAlreadyExists");
    let associate = json!({ "RouteTableId": table, "SubnetId": network.public });
    assert_eq!(rig.code("AssociateRouteTable", associate), "Resource.AlreadyAssociated");
    let delete = json!({ "RouteTableId": table });
    assert_eq!(rig.code("DeleteRouteTable", delete.clone()), "DependencyViolation");
    rig.pass(6);
    let shown = rig.call("DescribeRouteTables", json!({ "RouteTableIds": [table] }));
    let association = shown["RouteTables"][0]["Associations"][0].text("RouteTableAssociationId");
    rig.call("DisassociateRouteTable", json!({ "AssociationId": association }));
    rig.call("DeleteRouteTable", delete);
}

#[test]
fn groups_hold_each_other_and_rules_are_there_once() {
    let mut rig = Rig::new();
    let network = rig.network();
    let other = json!({ "GroupName": "other", "Description": "x", "VpcId": network.vpc });
    let other = rig.call("CreateSecurityGroup", other).text("GroupId").to_owned();
    let duplicate = json!({ "GroupName": "OTHER", "Description": "x", "VpcId": network.vpc });
    assert_eq!(rig.code("CreateSecurityGroup", duplicate), "InvalidGroup.Duplicate");
    let apostrophe = json!({ "GroupName": "o", "Description": "it's", "VpcId": network.vpc });
    assert_eq!(rig.code("CreateSecurityGroup", apostrophe), "InvalidParameterValue");
    rig.pass(6);
    let rule = json!({
        "GroupId": network.group,
        "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
            "UserIdGroupPairs": [{ "GroupId": other }],
        }],
        "TagSpecifications": [{
            "ResourceType": "security-group-rule",
            "Tags": [{ "Key": "Name", "Value": "rule" }],
        }],
    });
    assert!(!may_reach(
        &rig.world,
        std::slice::from_ref(&other),
        std::slice::from_ref(&network.group),
        80
    ));
    let made = rig.call("AuthorizeSecurityGroupIngress", rule.clone());
    let made = made["SecurityGroupRules"][0].text("SecurityGroupRuleId").to_owned();
    assert!(may_reach(
        &rig.world,
        std::slice::from_ref(&other),
        std::slice::from_ref(&network.group),
        80
    ));
    assert!(!may_reach(
        &rig.world,
        std::slice::from_ref(&other),
        std::slice::from_ref(&network.group),
        81
    ));
    assert_eq!(rig.code("AuthorizeSecurityGroupIngress", rule), "InvalidPermission.Duplicate");
    let everything = json!({
        "GroupId": other,
        "IpPermissions": [{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }],
    });
    assert_eq!(rig.code("AuthorizeSecurityGroupEgress", everything), "InvalidPermission.Duplicate");
    rig.pass(6);
    let delete = json!({ "GroupId": other });
    assert_eq!(rig.code("DeleteSecurityGroup", delete.clone()), "DependencyViolation");
    let tagged = json!({ "Filters": [{ "Name": "tag:Name", "Values": ["rule"] }] });
    let shown = rig.call("DescribeSecurityGroupRules", tagged);
    assert_eq!(shown["SecurityGroupRules"][0]["SecurityGroupRuleId"], json!(made));
    let by_key = json!({ "Filters": [{ "Name": "tag-key", "Values": ["Name"] }] });
    assert_eq!(rig.code("DescribeSecurityGroupRules", by_key), "InvalidParameterValue");
    let revoke = json!({ "GroupId": network.group, "SecurityGroupRuleIds": [made] });
    rig.call("RevokeSecurityGroupIngress", revoke.clone());
    assert_eq!(
        rig.code("RevokeSecurityGroupIngress", revoke),
        "InvalidSecurityGroupRuleId.NotFound"
    );
    rig.call("DeleteSecurityGroup", delete);
    let vpc = json!({ "Filters": [{ "Name": "group-name", "Values": ["default"] }] });
    let default = rig.call("DescribeSecurityGroups", vpc)["SecurityGroups"][0].clone();
    let default = json!({ "GroupId": default["GroupId"] });
    assert_eq!(rig.code("DeleteSecurityGroup", default), "CannotDelete");
}

#[test]
fn ranges_fit_and_do_not_overlap() {
    let mut rig = Rig::new();
    let network = rig.network();
    let mut subnet =
        |cidr: &str| rig.code("CreateSubnet", json!({ "VpcId": network.vpc, "CidrBlock": cidr }));
    assert_eq!(subnet("10.0.8.0/24"), "InvalidSubnet.Conflict");
    assert_eq!(subnet("10.1.0.0/24"), "InvalidSubnet.Range");
    assert_eq!(subnet("10.0.64.0/29"), "InvalidSubnet.Range");
    assert_eq!(subnet("10.0.64.0"), "InvalidParameterValue");
    let wide = json!({ "CidrBlock": "10.0.0.0/8" });
    assert_eq!(rig.code("CreateVpc", wide), "InvalidVpc.Range");
}

#[test]
fn a_vpc_goes_last_and_takes_its_default_things_along() {
    let mut rig = Rig::new();
    let (before, tags_before) = (ids(&rig.world), tagged(&rig.world));
    let network = rig.network();
    let delete = json!({ "VpcId": network.vpc });
    let gateway = json!({ "InternetGatewayId": network.gateway });
    assert_eq!(rig.code("DeleteInternetGateway", gateway.clone()), "DependencyViolation");
    rig.call("DeleteSubnet", json!({ "SubnetId": network.public }));
    rig.call("DeleteSubnet", json!({ "SubnetId": network.private }));
    rig.call("DeleteSecurityGroup", json!({ "GroupId": network.group }));
    assert_eq!(rig.code("DeleteVpc", delete.clone()), "DependencyViolation");
    rig.call(
        "DetachInternetGateway",
        json!({ "InternetGatewayId": network.gateway, "VpcId": network.vpc }),
    );
    rig.call("DeleteInternetGateway", gateway);
    rig.call("DeleteVpc", delete);
    rig.call("ReleaseAddress", json!({ "AllocationId": network.address }));
    assert_eq!(ids(&rig.world), before);
    assert_eq!(tagged(&rig.world), tags_before);
}

#[test]
fn an_account_has_five_of_each_and_a_vpc_with_a_gateway_from_the_beginning() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
        rig.call("CreateInternetGateway", json!({}));
    }
    for _ in 0..5 {
        rig.call("AllocateAddress", json!({}));
    }
    let vpc = json!({ "CidrBlock": "10.0.0.0/16" });
    assert_eq!(rig.code("CreateVpc", vpc), "VpcLimitExceeded");
    assert_eq!(rig.code("CreateInternetGateway", json!({})), "InternetGatewayLimitExceeded");
    assert_eq!(rig.code("AllocateAddress", json!({})), "AddressLimitExceeded");
}

#[test]
fn tags_are_of_the_right_type_and_not_aws_own() {
    let mut rig = Rig::new();
    let mut with = |kind: &str, key: &str| {
        let tags = json!([{ "ResourceType": kind, "Tags": [{ "Key": key, "Value": "x" }] }]);
        rig.ask("CreateInternetGateway", json!({ "TagSpecifications": tags }))
    };
    assert!(with("vpc", "a").unwrap_err().message.contains("taggable resource type"));
    assert_eq!(with("internet-gateway", "aws:a").unwrap_err().code, "InvalidParameterValue");
    let made = with("internet-gateway", "a").unwrap();
    let id = made["InternetGateway"].text("InternetGatewayId").to_owned();
    rig.pass(6);
    let tags: Value = (0..50).map(|n| json!({ "Key": n.to_string(), "Value": "" })).collect();
    let too_many = json!({ "Resources": [id], "Tags": tags });
    assert_eq!(rig.code("CreateTags", too_many), "TagLimitExceeded");
    rig.call("DeleteTags", json!({ "Resources": [id] }));
    assert_eq!(tagged(&rig.world)[0].2, Tags::new());
}

#[test]
fn what_a_template_names_is_looked_at_when_something_is_launched() {
    let mut rig = Rig::new();
    let network = rig.network();
    let subnets = [network.public.clone()];
    let message = |rig: &Rig, template: &str| {
        let refusal = check_template(&rig.world, template, "1", &subnets, &[]).unwrap_err();
        assert_eq!(refusal.code, "ValidationError");
        refusal.message
    };
    assert!(message(&rig, "lt-1").contains("The specified launch template"));
    let data = json!({ "ImageId": IMAGE_ARM, "InstanceType": "c5.xlarge" });
    let template = rig.template(data);
    assert!(message(&rig, &template).contains("architecture"));
    let again = json!({ "LaunchTemplateName": "lt-demo", "LaunchTemplateData": {} });
    assert_eq!(
        rig.code("CreateLaunchTemplate", again),
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    let second = json!({
        "LaunchTemplateId": template,
        "SourceVersion": "1",
        "LaunchTemplateData": { "ImageId": IMAGE_X86, "SecurityGroupIds": ["sg-1"] },
    });
    rig.call("CreateLaunchTemplateVersion", second);
    rig.pass(6);
    let version = |rig: &Rig, version: &str, subnet: &str| {
        check_template(&rig.world, &template, version, &[subnet.to_owned()], &[])
    };
    let refusal = version(&rig, "2", &network.public).unwrap_err();
    assert!(refusal.message.contains("The security group 'sg-1' does not exist"), "{refusal}");
    let refusal = version(&rig, "9", &network.public).unwrap_err();
    assert!(refusal.message.contains("the specified version"), "{refusal}");
    let third = json!({
        "LaunchTemplateId": template,
        "SourceVersion": "$Latest",
        "LaunchTemplateData": { "SecurityGroupIds": [network.group] },
    });
    rig.call("CreateLaunchTemplateVersion", third);
    rig.pass(6);
    version(&rig, "$Latest", &network.public).unwrap();
    let refusal = version(&rig, "$Latest", "subnet-1").unwrap_err();
    assert_eq!(refusal.message, "The subnet ID 'subnet-1' does not exist");
    let shown = json!({ "LaunchTemplateId": template, "Versions": ["$Latest"] });
    let shown = rig.call("DescribeLaunchTemplateVersions", shown);
    assert_eq!(shown["LaunchTemplateVersions"][0]["VersionNumber"], 3);
}

#[test]
fn an_instance_holds_its_subnet_and_group_until_it_is_terminated() {
    let mut rig = Rig::new();
    let network = rig.network();
    let before = ids(&rig.world);
    let template = rig.template(json!({
        "ImageId": IMAGE_X86,
        "InstanceType": "c5.xlarge",
        "UserData": "ZWNobyBoaQ==",
        "NetworkInterfaces": [{
            "DeviceIndex": 0, "AssociatePublicIpAddress": true, "Groups": [network.group],
        }],
        "TagSpecifications": [
            { "ResourceType": "instance", "Tags": [{ "Key": "Name", "Value": "demo" }] },
        ],
    }));
    let given = Tags::from([("group".to_owned(), "yes".to_owned())]);
    let id =
        run_instance(&mut rig.world, &template, "1", &network.public, given, &Otherwise::default())
            .unwrap();
    rig.pass(6);
    let shown = rig.call("DescribeInstances", json!({ "InstanceIds": [id] }));
    let shown = &shown["Reservations"][0]["Instances"][0];
    assert_eq!(shown["State"]["Name"], "pending");
    assert!(shown.get("PublicIpAddress").is_some());
    rig.pass(40);
    let seen = instance(&rig.world, &id).unwrap();
    assert_eq!((seen.state.as_str(), seen.user_data.as_str()), ("running", "echo hi"));
    assert_eq!(seen.tags["Name"], "demo");
    assert_eq!(interfaces_of(&rig.world, &id), 1);
    let attached = attach_interface(
        &mut rig.world,
        NewInterface {
            subnet: network.public.clone(),
            groups: vec![network.group.clone()],
            instance: Some(id.clone()),
            ..NewInterface::default()
        },
    );
    assert!(attached.is_some());
    let shown = rig.call("DescribeNetworkInterfaces", json!({}));
    assert_eq!(shown["NetworkInterfaces"].as_array().unwrap().len(), 2);

    rig.call("TerminateInstances", json!({ "InstanceIds": [id] }));
    let subnet = json!({ "SubnetId": network.public });
    let group = json!({ "GroupId": network.group });
    assert_eq!(rig.code("DeleteSubnet", subnet.clone()), "DependencyViolation");
    assert_eq!(rig.code("DeleteSecurityGroup", group.clone()), "DependencyViolation");
    let detach = json!({ "InternetGatewayId": network.gateway, "VpcId": network.vpc });
    assert_eq!(rig.code("DetachInternetGateway", detach), "DependencyViolation");
    rig.pass(120);
    assert_eq!(instance(&rig.world, &id).unwrap().state, "terminated");
    rig.call("DeleteLaunchTemplate", json!({ "LaunchTemplateId": template }));
    assert_eq!(ids(&rig.world), before);
    rig.call("DeleteSubnet", subnet);
    rig.call("DeleteSecurityGroup", group);
    rig.pass(3600);
    assert!(instance(&rig.world, &id).is_none());
}

#[test]
fn a_launch_is_refused_without_room_quota_or_machines() {
    let data = json!({ "ImageId": IMAGE_X86, "InstanceType": "c5.xlarge" });
    let quotas = BTreeMap::from([("vcpus".to_owned(), 4)]);
    let mut rig = Rig::with(Scenario { quotas, ..Scenario::default() });
    let network = rig.network();
    rig.template(data.clone());
    let mut run = || {
        let subnet = &network.public;
        run_instance(
            &mut rig.world,
            "lt-demo",
            "$Default",
            subnet,
            Tags::new(),
            &Otherwise::default(),
        )
    };
    run().unwrap();
    let refusal = run().unwrap_err();
    assert_eq!(refusal.code, "VcpuLimitExceeded");
    assert!(refusal.message.ends_with("Launching EC2 instance failed."));

    let mut rig = Rig::with(Scenario { no_capacity: true, ..Scenario::default() });
    let network = rig.network();
    rig.template(data);
    let refusal = run_instance(
        &mut rig.world,
        "lt-demo",
        "1",
        &network.public,
        Tags::new(),
        &Otherwise::default(),
    );
    assert_eq!(refusal.unwrap_err().code, "InsufficientInstanceCapacity");
}

#[test]
fn addresses_of_a_subnet_run_out() {
    let mut rig = Rig::new();
    let network = rig.network();
    let wanted = json!({ "VpcId": network.vpc, "CidrBlock": "10.0.255.240/28" });
    let subnet = rig.call("CreateSubnet", wanted)["Subnet"].text("SubnetId").to_owned();
    rig.pass(10);
    let free = |rig: &mut Rig| {
        let shown = rig.call("DescribeSubnets", json!({ "SubnetIds": [subnet] }));
        shown["Subnets"][0].number("AvailableIpAddressCount")
    };
    // Of sixteen, AWS keeps five.
    assert_eq!(free(&mut rig), Some(11));
    let new = || NewInterface { subnet: subnet.clone(), ..NewInterface::default() };
    let taken: Vec<_> = (0..11).filter_map(|_| attach_interface(&mut rig.world, new())).collect();
    assert_eq!((taken.len(), free(&mut rig)), (11, Some(0)));
    assert_eq!(attach_interface(&mut rig.world, new()), None);
    rig.template(json!({ "ImageId": IMAGE_X86, "InstanceType": "c5.xlarge" }));
    let refusal =
        run_instance(&mut rig.world, "lt-demo", "1", &subnet, Tags::new(), &Otherwise::default())
            .unwrap_err();
    assert_eq!(refusal.code, "InsufficientFreeAddressesInSubnet");
    let gateway = json!({ "SubnetId": subnet, "AllocationId": network.address });
    let gateway = rig.call("CreateNatGateway", gateway);
    rig.pass(40);
    let id = gateway["NatGateway"]["NatGatewayId"].clone();
    let shown = rig.call("DescribeNatGateways", json!({ "NatGatewayIds": [id] }));
    assert_eq!(shown["NatGateways"][0]["FailureCode"], "InsufficientFreeAddressesInSubnet");
    remove_interface(&mut rig.world, &taken[3]);
    assert_eq!(free(&mut rig), Some(1));
    run_instance(&mut rig.world, "lt-demo", "1", &subnet, Tags::new(), &Otherwise::default())
        .unwrap();
    assert_eq!(free(&mut rig), Some(0));
}

#[test]
fn types_images_and_zones_are_looked_up() {
    let mut rig = Rig::new();
    let wanted = json!({ "InstanceTypes": ["c5.xlarge"] });
    let shown = rig.call("DescribeInstanceTypes", wanted)["InstanceTypes"][0].clone();
    assert_eq!(shown["NetworkInfo"]["MaximumNetworkInterfaces"], 4);
    let wrong = json!({ "InstanceTypes": ["c5.tiny"] });
    assert_eq!(rig.code("DescribeInstanceTypes", wrong), "InvalidInstanceType");
    let mut image = |id: &str| rig.code("DescribeImages", json!({ "ImageIds": [id] }));
    assert_eq!(image("ami-0123456789abcdef0"), "InvalidAMIID.NotFound");
    assert_eq!(image("ami-x"), "InvalidAMIID.Malformed");
    let zones = rig.call("DescribeAvailabilityZones", json!({}));
    assert_eq!(zones["AvailabilityZones"].as_array().unwrap().len(), 6);
    let offered = json!({
        "LocationType": "availability-zone",
        "Filters": [{ "Name": "instance-type", "Values": ["c5.large"] }],
    });
    let offered = rig.call("DescribeInstanceTypeOfferings", offered);
    // One of them has no machines of today.
    assert_eq!(offered["InstanceTypeOfferings"].as_array().unwrap().len(), 5);
    let unknown = json!({ "Filters": [{ "Name": "colour", "Values": ["red"] }] });
    assert_eq!(rig.code("DescribeVpcs", unknown), "InvalidParameterValue");
}

#[test]
fn listings_have_pages() {
    let mut rig = Rig::new();
    rig.network();
    let first = rig.call("DescribeSecurityGroupRules", json!({ "MaxResults": 3 }));
    assert_eq!(first["SecurityGroupRules"].as_array().unwrap().len(), 3);
    let token = first.text("NextToken").to_owned();
    let second = json!({ "MaxResults": 3, "NextToken": token });
    let second = rig.call("DescribeSecurityGroupRules", second);
    // Two of the default VPC, and three of ours.
    assert_eq!(second["SecurityGroupRules"].as_array().unwrap().len(), 2);
    assert!(second.get("NextToken").is_none());
}

#[test]
fn every_region_has_a_default_vpc() {
    let mut rig = Rig::new();
    for (region, zones) in [("us-east-1", 6), ("eu-west-1", 3)] {
        rig.world.enter(region);
        let default = json!({ "Filters": [{ "Name": "is-default", "Values": ["true"] }] });
        let vpcs = rig.call("DescribeVpcs", default);
        assert_eq!(vpcs.list("Vpcs").len(), 1);
        let vpc = &vpcs["Vpcs"][0];
        assert_eq!((vpc.text("CidrBlock"), &vpc["IsDefault"]), ("172.31.0.0/16", &json!(true)));
        let within = json!({ "Filters": [{ "Name": "vpc-id", "Values": [vpc["VpcId"]] }] });
        let subnets = rig.call("DescribeSubnets", within.clone());
        let subnets = subnets.list("Subnets");
        assert_eq!(subnets.len(), zones);
        let usual = |it: &Value| {
            it["DefaultForAz"] == true
                && it["MapPublicIpOnLaunch"] == true
                && it["AvailableIpAddressCount"] == 4091
        };
        assert!(subnets.iter().all(usual), "{subnets:#?}");
        let table = rig.call("DescribeRouteTables", within)["RouteTables"][0].clone();
        assert_eq!(table["Associations"][0]["Main"], true);
        assert!(table["Routes"][1].text("GatewayId").starts_with("igw-"));
        let group = rig.call("DescribeSecurityGroups", json!({ "GroupNames": ["default"] }));
        assert_eq!(group["SecurityGroups"][0]["VpcId"], vpc["VpcId"]);
        let attribute = json!({ "AttributeNames": ["default-vpc"] });
        let attribute = rig.call("DescribeAccountAttributes", attribute);
        let value = &attribute["AccountAttributes"][0]["AttributeValues"][0]["AttributeValue"];
        assert_eq!(value, &vpc["VpcId"]);
    }
}

#[test]
fn an_account_that_is_not_verified_launches_nothing_yet() {
    let mut rig = Rig::with(Scenario { pending_verification: true, ..Scenario::default() });
    let network = rig.network();
    rig.template(json!({ "ImageId": IMAGE_X86, "InstanceType": "c5.xlarge" }));
    let run = |rig: &mut Rig| {
        run_instance(
            &mut rig.world,
            "lt-demo",
            "1",
            &network.public,
            Tags::new(),
            &Otherwise::default(),
        )
    };
    assert_eq!(run(&mut rig).unwrap_err().code, "PendingVerification");
    rig.pass(600);
    run(&mut rig).unwrap();
}

#[test]
fn listings_show_what_was_changed_or_deleted_as_it_was_for_a_moment() {
    let delays = BTreeMap::from([(LAGGING.to_owned(), 3.0..=3.0)]);
    let mut rig = Rig::with(Scenario { delays, ..Scenario::default() });
    let network = rig.network();
    let subnet = json!({ "SubnetIds": [network.public] });
    let shown = |rig: &mut Rig| {
        let answer = rig.ask("DescribeSubnets", subnet.clone()).ok()?;
        answer["Subnets"][0].flag("MapPublicIpOnLaunch")
    };
    let public = json!({ "SubnetId": network.public, "MapPublicIpOnLaunch": { "Value": true } });
    rig.call("ModifySubnetAttribute", public);
    assert_eq!(shown(&mut rig), Some(false));
    rig.pass(3);
    assert_eq!(shown(&mut rig), Some(true));
    let delete = json!({ "SubnetId": network.public });
    rig.call("DeleteSubnet", delete.clone());
    // It is gone, and only listings do not know that yet.
    assert_eq!(rig.code("DeleteSubnet", delete), "InvalidSubnetID.NotFound");
    assert_eq!(shown(&mut rig), Some(true));
    assert!(!ids(&rig.world).contains(&network.public));
    rig.pass(3);
    assert_eq!(shown(&mut rig), None);
}

#[test]
fn filters_are_those_of_the_model() {
    let mut rig = Rig::new();
    let network = rig.network();
    let by = |name: &str, value: &str| json!({ "Filters": [{ "Name": name, "Values": [value] }] });
    for name in ["cidr", "cidr-block", "cidrBlock"] {
        let found = rig.call("DescribeSubnets", by(name, "10.0.0.0/20"));
        assert_eq!(found["Subnets"][0]["SubnetId"], network.public, "{name}");
    }
    // AWS has the one, and nobody the other.
    let refused = rig.ask("DescribeSubnets", by("ipv6-native", "false")).unwrap_err();
    assert!(refused.is_lack(), "{refused}");
    assert_eq!(rig.code("DescribeSubnets", by("colour", "red")), "InvalidParameterValue");
}

#[test]
fn user_data_is_base64() {
    let mut rig = Rig::new();
    let data =
        json!({ "LaunchTemplateName": "lt", "LaunchTemplateData": { "UserData": "#!/bin/sh" } });
    assert_eq!(rig.code("CreateLaunchTemplate", data), "InvalidUserData.Malformed");
}

#[test]
fn people_look_around() {
    let mut rig = Rig::new();
    let network = rig.network();
    let tag = json!({ "Resources": [network.vpc], "Tags": [{ "Key": "team", "Value": "a" }] });
    rig.call("CreateTags", tag);
    rig.pass(10);
    let of = json!({ "Filters": [{ "Name": "resource-id", "Values": [network.vpc] }] });
    let row = json!({
        "Key": "team", "Value": "a", "ResourceId": network.vpc, "ResourceType": "vpc",
    });
    assert_eq!(rig.call("DescribeTags", of)["Tags"], json!([row]));
    let other = json!({ "Filters": [{ "Name": "tag:team", "Values": ["b"] }] });
    assert_eq!(rig.call("DescribeTags", other)["Tags"], json!([]));

    let regions = |answer: &Value| answer.list("Regions").len();
    let open = regions(&rig.call("DescribeRegions", json!({})));
    let all = regions(&rig.call("DescribeRegions", json!({ "AllRegions": true })));
    assert!(open == 17 && all > open, "{open} of {all}");
    let unknown = json!({ "RegionNames": ["mars-north-1"] });
    assert_eq!(rig.code("DescribeRegions", unknown), "InvalidParameterValue");

    let template = rig.template(json!({ "ImageId": IMAGE_X86, "InstanceType": "c5.large" }));
    let (_, public) = (&network.private, network.public);
    let id =
        run_instance(&mut rig.world, &template, "1", &public, Tags::new(), &Otherwise::default())
            .unwrap();
    rig.pass(3);
    assert_eq!(rig.call("DescribeInstanceStatus", json!({}))["InstanceStatuses"], json!([]));
    rig.pass(60);
    let running = rig.call("DescribeInstanceStatus", json!({}))["InstanceStatuses"].clone();
    assert_eq!(
        (&running[0]["InstanceId"], &running[0]["SystemStatus"]["Status"]),
        (&json!(id), &json!("ok"))
    );
}

#[test]
fn regions_have_the_zones_that_they_have() {
    assert_eq!(zone::names("us-west-1"), ["us-west-1a", "us-west-1c"]);
    assert_eq!(zone::names("ap-northeast-1").len(), 3);
    assert!(!zone::names("ap-northeast-1").contains(&"ap-northeast-1b".to_owned()));
    assert_eq!(zone::names("us-east-1").len(), 6);
}

#[test]
fn a_gateway_endpoint_is_routes_in_tables_and_holds_them_and_the_vpc() {
    let slow = BTreeMap::from([(VISIBLE.to_owned(), 3.0..=3.0)]);
    let mut rig = Rig::with(Scenario { delays: slow, ..Scenario::default() });
    let network = rig.network();
    let table = rig.table(&network.vpc, &network.private, ("GatewayId", &network.gateway));
    let other = rig.call("CreateRouteTable", json!({ "VpcId": network.vpc }));
    let other = other["RouteTable"].text("RouteTableId").to_owned();
    let wish = |table: &str| {
        json!({
            "VpcId": network.vpc,
            "ServiceName": "com.amazonaws.us-east-1.s3",
            "RouteTableIds": [table],
        })
    };
    let with = |member: &str, value: &str| {
        let mut input = wish(&table);
        input[member] = json!(value);
        input
    };
    // A table that was just made is not known, with a code of this call's own.
    assert_eq!(rig.code("CreateVpcEndpoint", wish(&other)), "InvalidRouteTableId.NotFound");
    rig.pass(6);
    let unknown = with("VpcId", "vpc-1");
    assert_eq!(rig.code("CreateVpcEndpoint", unknown), "InvalidVpcId.NotFound");
    for service in ["com.amazonaws.eu-west-1.s3", "com.amazonaws.us-east-1.ec2", "s3"] {
        let code = rig.code("CreateVpcEndpoint", with("ServiceName", service));
        assert_eq!(code, "InvalidServiceName");
    }
    let interface = with("VpcEndpointType", "Interface");
    assert_eq!(rig.code("CreateVpcEndpoint", interface), "InvalidParameter");

    let made = rig.call("CreateVpcEndpoint", wish(&table))["VpcEndpoint"].clone();
    let id = made.text("VpcEndpointId").to_owned();
    assert_eq!((made.text("State"), made.text("VpcEndpointType")), ("available", "Gateway"));
    rig.pass(6);
    let leads = |rig: &mut Rig, table: &str| {
        let shown = rig.call("DescribeRouteTables", json!({ "RouteTableIds": [table] }));
        let routes = shown["RouteTables"][0].list("Routes").to_vec();
        routes.iter().any(|route| {
            route.text("GatewayId") == id
                && route.text("DestinationPrefixListId").starts_with("pl-")
        })
    };
    assert!(leads(&mut rig, &table) && !leads(&mut rig, &other));
    // One route to a service in a table.
    assert_eq!(rig.code("CreateVpcEndpoint", wish(&table)), "RouteAlreadyExists");
    let moved = json!({
        "VpcEndpointId": id,
        "AddRouteTableIds": [other],
        "RemoveRouteTableIds": [table],
    });
    rig.call("ModifyVpcEndpoint", moved.clone());
    rig.call("ModifyVpcEndpoint", moved);
    rig.pass(6);
    assert!(!leads(&mut rig, &table) && leads(&mut rig, &other));

    let table = json!({ "RouteTableId": other });
    assert_eq!(rig.code("DeleteRouteTable", table.clone()), "DependencyViolation");
    let deleted = rig.call("DeleteVpcEndpoints", json!({ "VpcEndpointIds": [id, "vpce-1"] }));
    let unsuccessful = deleted.list("Unsuccessful");
    assert_eq!(unsuccessful.len(), 1, "{unsuccessful:?}");
    assert_eq!(unsuccessful[0]["Error"].text("Code"), "InvalidVpcEndpointId.NotFound");
    rig.call("DeleteRouteTable", table);
}

#[test]
fn an_interface_endpoint_takes_minutes_holds_subnet_and_group_and_answers_for_its_service() {
    let mut rig = Rig::with(Scenario::default());
    let network = rig.network();
    let group = json!({ "GroupName": "e", "Description": "e", "VpcId": network.vpc });
    let group = rig.call("CreateSecurityGroup", group).text("GroupId").to_owned();
    rig.pass(6);
    let wish = json!({
        "VpcId": network.vpc,
        "VpcEndpointType": "Interface",
        "ServiceName": "com.amazonaws.us-east-1.sqs",
        "SubnetIds": [network.private],
        "SecurityGroupIds": [group],
        "PrivateDnsEnabled": true,
    });
    let with = |member: &str, value: Value| {
        let mut input = wish.clone();
        input[member] = value;
        input
    };
    // Its names need a resolver that answers and gives names.
    let attribute =
        |on: bool| json!({ "VpcId": network.vpc, "EnableDnsHostnames": { "Value": on } });
    rig.call("ModifyVpcAttribute", attribute(false));
    rig.pass(6);
    assert_eq!(rig.code("CreateVpcEndpoint", wish.clone()), "InvalidParameter");
    rig.call("ModifyVpcAttribute", attribute(true));
    rig.pass(6);
    for (member, value, code) in [
        ("ServiceName", json!("com.amazonaws.us-east-1.ecr"), "InvalidServiceName"),
        ("SubnetIds", json!(["subnet-1"]), "InvalidSubnetId.NotFound"),
        ("SubnetIds", json!([network.private, network.private]), "DuplicateSubnetsInSameZone"),
        ("SecurityGroupIds", json!(["sg-1"]), "InvalidGroup.NotFound"),
        ("RouteTableIds", json!(["rtb-1"]), "InvalidParameter"),
    ] {
        assert_eq!(rig.code("CreateVpcEndpoint", with(member, value)), code, "{member}");
    }
    let made = rig.call("CreateVpcEndpoint", wish.clone())["VpcEndpoint"].clone();
    let id = made.text("VpcEndpointId").to_owned();
    assert_eq!((made.text("State"), made.flag("PrivateDnsEnabled")), ("pending", Some(true)));
    // One answers for a service in a VPC.
    assert_eq!(rig.code("CreateVpcEndpoint", wish), "InvalidParameter");
    let tasks = json!({ "GroupName": "t", "Description": "t", "VpcId": network.vpc });
    let tasks = [rig.call("CreateSecurityGroup", tasks).text("GroupId").to_owned()];
    rig.pass(6);
    let (subnet, groups) = (network.private.as_str(), &tasks[..]);
    let from = Standpoint { subnet, groups, public_address: false };
    rig.pass(200);
    // It is there, and lets nobody in.
    assert!(has_endpoint(&rig.world, subnet, "sqs") && !reaches(&rig.world, &from, "sqs"));
    let tcp = json!({
        "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "IpRanges": [{ "CidrIp": "10.0.0.0/16" }],
    });
    let rule = json!({ "GroupId": group, "IpPermissions": [tcp] });
    rig.call("AuthorizeSecurityGroupIngress", rule);
    assert!(reaches(&rig.world, &from, "sqs") && !reaches(&rig.world, &from, "sns"));

    let subnet = json!({ "SubnetId": network.private });
    let of_group = json!({ "GroupId": group });
    assert_eq!(rig.code("DeleteSubnet", subnet.clone()), "DependencyViolation");
    assert_eq!(rig.code("DeleteSecurityGroup", of_group.clone()), "DependencyViolation");
    // Its groups can be changed.
    let modify = |add: &str, remove: &str| {
        json!({
            "VpcEndpointId": id, "AddSecurityGroupIds": [add], "RemoveSecurityGroupIds": [remove],
        })
    };
    rig.call("ModifyVpcEndpoint", modify(&tasks[0], &group));
    assert!(!reaches(&rig.world, &from, "sqs"));
    rig.call("ModifyVpcEndpoint", modify(&group, &tasks[0]));
    assert!(reaches(&rig.world, &from, "sqs"));
    let deleted = rig.call("DeleteVpcEndpoints", json!({ "VpcEndpointIds": [id] }));
    assert!(deleted.list("Unsuccessful").is_empty(), "{deleted}");
    assert!(!reaches(&rig.world, &from, "sqs"));
    assert_eq!(rig.code("DeleteSubnet", subnet.clone()), "DependencyViolation");
    rig.pass(240);
    let shown = rig.call("DescribeVpcEndpoints", json!({}));
    assert_eq!(shown["VpcEndpoints"], json!([]));
    rig.call("DeleteSubnet", subnet);
    rig.call("DeleteSecurityGroup", of_group);
}

#[test]
fn services_that_endpoints_lead_to_are_listed_with_their_zones() {
    let without = BTreeMap::from([("use1-az1".to_owned(), vec!["sqs".to_owned()])]);
    let mut rig = Rig::with(Scenario { zones_without: without, ..Scenario::default() });
    let named = |name: &str| {
        let name = format!("com.amazonaws.us-east-1.{name}");
        json!({ "Filters": [{ "Name": "service-name", "Values": [name] }] })
    };
    let sqs = rig.call("DescribeVpcEndpointServices", named("sqs"));
    let details = &sqs["ServiceDetails"][0];
    assert_eq!(details["ServiceType"][0].text("ServiceType"), "Interface");
    let zones = details.texts("AvailabilityZones");
    assert!(zones.len() == 5 && !zones.contains(&"us-east-1a".to_owned()), "{zones:?}");
    let none = rig.call("DescribeVpcEndpointServices", named("sqss"));
    assert_eq!((&none["ServiceNames"], &none["ServiceDetails"]), (&json!([]), &json!([])));
    let s3 = rig.call("DescribeVpcEndpointServices", named("s3"));
    assert_eq!(s3.list("ServiceDetails").len(), 2);
    let unknown = json!({ "ServiceNames": ["com.amazonaws.us-east-1.sqss"] });
    assert_eq!(rig.code("DescribeVpcEndpointServices", unknown), "InvalidServiceName");
}

#[test]
fn a_network_of_somebody_leads_out_from_the_beginning_and_has_no_tags() {
    let mut rig = Rig::new();
    let before = super::ids(&rig.world).len();
    let network = NetworkOfSomebody {
        vpc: "vpc-0a1b2c3d4e5f60718".to_owned(),
        public: vec!["subnet-0cccccccccccccccc".to_owned()],
        private: vec!["subnet-0aaaaaaaaaaaaaaaa".to_owned(), "subnet-0bbbbbbbbbbbbbbbb".to_owned()],
    };
    add_network(&mut rig.world, &network);
    assert!(super::ids(&rig.world).len() > before);
    let subnets = rig.call("DescribeSubnets", json!({ "SubnetIds": network.private }));
    let zones: Vec<_> =
        subnets.list("Subnets").iter().map(|it| it.text("AvailabilityZone")).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    for id in &network.private {
        assert!(way_out(&rig.world, id, false), "{id}");
        assert_eq!(free_addresses(&rig.world, id), 251);
    }
    let public = &network.public[0];
    assert!(way_out(&rig.world, public, true) && !way_out(&rig.world, public, false));
    let group = json!({ "GroupName": "demo", "Description": "demo", "VpcId": network.vpc });
    rig.call("CreateSecurityGroup", group);
    assert!(super::tagged(&rig.world).iter().all(|(_, _, tags)| tags.is_empty()));
    // What somebody takes away leads nowhere.
    let gateways = rig.call("DescribeNatGateways", json!({}));
    for gateway in gateways.list("NatGateways") {
        rig.call("DeleteNatGateway", json!({ "NatGatewayId": gateway.text("NatGatewayId") }));
    }
    assert!(!way_out(&rig.world, &network.private[0], false));
}
