"""Describes everything in an account with boto3, and prints every id, name and ARN on a line of its own.

    python tests/describe.py http://127.0.0.1:PORT [REGION]
"""

import sys

import boto3

ENDPOINT = sys.argv[1]
REGION = sys.argv[2] if len(sys.argv) > 2 else "us-east-1"
SESSION = boto3.session.Session(
    aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name=REGION
)


def client(service):
    return SESSION.client(service, endpoint_url=ENDPOINT)


def pages(of, operation, part, **asked):
    if of.can_paginate(operation):
        for page in of.get_paginator(operation).paginate(**asked):
            yield from page[part]
    else:
        yield from getattr(of, operation)(**asked)[part]


def texts(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def compute():
    ec2 = client("ec2")
    for operation, part in (
        ("describe_vpcs", "Vpcs"),
        ("describe_subnets", "Subnets"),
        ("describe_internet_gateways", "InternetGateways"),
        ("describe_addresses", "Addresses"),
        ("describe_nat_gateways", "NatGateways"),
        ("describe_route_tables", "RouteTables"),
        ("describe_security_groups", "SecurityGroups"),
        ("describe_security_group_rules", "SecurityGroupRules"),
        ("describe_launch_templates", "LaunchTemplates"),
        ("describe_network_interfaces", "NetworkInterfaces"),
        ("describe_instances", "Reservations"),
    ):
        yield from pages(ec2, operation, part)
    scaling = client("autoscaling")
    for group in pages(scaling, "describe_auto_scaling_groups", "AutoScalingGroups"):
        yield group
        named = {"AutoScalingGroupName": group["AutoScalingGroupName"]}
        yield from pages(scaling, "describe_scaling_activities", "Activities", **named)
        yield from pages(scaling, "describe_lifecycle_hooks", "LifecycleHooks", **named)


def containers():
    ecs = client("ecs")
    yield from pages(ecs, "describe_capacity_providers", "capacityProviders", include=["TAGS"])
    for arn in pages(ecs, "list_task_definitions", "taskDefinitionArns"):
        yield ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    for cluster in pages(ecs, "list_clusters", "clusterArns"):
        yield ecs.describe_clusters(clusters=[cluster], include=["ATTACHMENTS", "TAGS"])["clusters"]
        for listing, part, describing, of in (
            ("list_services", "serviceArns", "describe_services", "services"),
            ("list_tasks", "taskArns", "describe_tasks", "tasks"),
            (
                "list_container_instances",
                "containerInstanceArns",
                "describe_container_instances",
                "containerInstances",
            ),
        ):
            arns = list(pages(ecs, listing, part, cluster=cluster))
            if arns:
                yield getattr(ecs, describing)(cluster=cluster, **{of: arns})[of]


def balancing():
    elb = client("elbv2")
    for balancer in pages(elb, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        yield balancer
        yield elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        yield elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        yield from pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=arn)
    for group in pages(elb, "describe_target_groups", "TargetGroups"):
        yield group
        yield elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])


def names():
    zones = client("route53")
    for zone in pages(zones, "list_hosted_zones", "HostedZones"):
        yield zone
        yield zones.get_hosted_zone(Id=zone["Id"])["VPCs"]
        yield from pages(zones, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])


def the_rest():
    iam = client("iam")
    for role in pages(iam, "list_roles", "Roles"):
        yield role
        yield iam.get_role(RoleName=role["RoleName"])["Role"]
        yield iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
    yield from pages(iam, "list_instance_profiles", "InstanceProfiles")
    yield from pages(client("logs"), "describe_log_groups", "logGroups")
    yield from pages(client("ssm"), "describe_parameters", "Parameters")
    yield client("sts").get_caller_identity()["Arn"]


for found in (compute, containers, balancing, names, the_rest):
    for thing in found():
        for text in texts(thing):
            print(text)
