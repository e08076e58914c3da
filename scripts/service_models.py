#!/usr/bin/env python3
"""Writes sim/src/<service>/model.json: what the simulator has to know of AWS's service models.

The models come out of the botocore package, which publishes them under the Apache licence. Only the
operations below are kept, and of their shapes only what a codec and a check need: members, types, wire
names, required members, enums, ranges, lengths, patterns, and the names of filters. No prose is copied.
`model/unicode.json` says what the classes of characters are that patterns name.
`iam/managed_policies.json` has the names of AWS's managed policies, out of the moto package (Apache
licence), which reads them from AWS; and the services that these policies let roles be passed to or be
linked with, and what some of them allow.

    python3 -m venv /tmp/models && /tmp/models/bin/pip install botocore==1.43.127 moto==5.2.5
    /tmp/models/bin/python scripts/service_models.py
"""

import gzip
import importlib.util
import json
import pathlib
import re
import sys
import unicodedata

import botocore

# What ecsup calls, and what a person looks around with.
OPERATIONS = {
    "acm": "DescribeCertificate",
    "application-autoscaling": """DeleteScalingPolicy DeregisterScalableTarget
        DescribeScalableTargets DescribeScalingPolicies ListTagsForResource PutScalingPolicy
        RegisterScalableTarget TagResource UntagResource""",
    "autoscaling": """CancelInstanceRefresh CompleteLifecycleAction CreateAutoScalingGroup CreateOrUpdateTags
        DeleteAutoScalingGroup DeleteLifecycleHook DeleteTags DescribeAutoScalingGroups
        DescribeAutoScalingInstances DescribeInstanceRefreshes DescribeLifecycleHooks
        DescribeScalingActivities DescribeTags
        PutLifecycleHook RecordLifecycleActionHeartbeat SetDesiredCapacity SetInstanceProtection
        StartInstanceRefresh
        TerminateInstanceInAutoScalingGroup UpdateAutoScalingGroup""",
    "cloudwatch": "DeleteAlarms DescribeAlarms",
    "ec2": """AllocateAddress AssociateRouteTable AttachInternetGateway
        AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateInternetGateway
        CreateLaunchTemplate CreateLaunchTemplateVersion CreateNatGateway CreateRoute
        CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateVpc CreateVpcEndpoint
        DeleteInternetGateway DeleteLaunchTemplate DeleteNatGateway DeleteRoute DeleteRouteTable
        DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints
        DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeImages
        DescribeInstanceStatus DescribeInstanceTypeOfferings DescribeInstanceTypes DescribeInstances
        DescribeInternetGateways DescribeLaunchTemplateVersions DescribeLaunchTemplates
        DescribeNatGateways DescribeNetworkInterfaces DescribeRegions DescribeRouteTables
        DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeTags
        DescribeVpcAttribute DescribeVpcBlockPublicAccessOptions DescribeVpcEndpointServices
        DescribeVpcEndpoints DescribeVpcs
        DetachInternetGateway DisassociateRouteTable ModifyLaunchTemplate ModifySubnetAttribute
        ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation
        RevokeSecurityGroupEgress RevokeSecurityGroupIngress TerminateInstances""",
    "ecr": "DescribeImages DescribePullThroughCacheRules GetAuthorizationToken",
    "ecs": """CreateCapacityProvider CreateCluster CreateService DeleteCapacityProvider
        DeleteCluster DeleteService DeleteTaskDefinitions DeregisterContainerInstance
        DeregisterTaskDefinition DescribeCapacityProviders DescribeClusters
        DescribeContainerInstances DescribeServices DescribeTaskDefinition DescribeTasks
        ExecuteCommand ListAccountSettings ListClusters ListContainerInstances ListServiceDeployments ListServices
        ListTagsForResource ListTaskDefinitionFamilies ListTaskDefinitions ListTasks
        PutClusterCapacityProviders RegisterTaskDefinition RunTask StopTask TagResource
        UntagResource UpdateCapacityProvider UpdateCluster UpdateService""",
    "elbv2": """AddListenerCertificates AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup
        DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets
        DescribeListenerCertificates
        DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeRules
        DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth
        ModifyListener ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup
        ModifyTargetGroupAttributes RegisterTargets
        RemoveListenerCertificates RemoveTags SetRulePriorities SetSecurityGroups
        SetSubnets""",
    "iam": """AddRoleToInstanceProfile AttachRolePolicy CreateInstanceProfile CreateRole
        CreateServiceLinkedRole DeleteInstanceProfile DeleteRole DeleteRolePolicy DetachRolePolicy
        GetInstanceProfile GetPolicy GetRole GetRolePolicy ListAccountAliases ListAttachedRolePolicies
        ListInstanceProfileTags
        ListInstanceProfiles ListInstanceProfilesForRole ListRolePolicies ListRoleTags ListRoles
        PutRolePermissionsBoundary PutRolePolicy RemoveRoleFromInstanceProfile SimulatePrincipalPolicy
        TagInstanceProfile
        TagRole UntagInstanceProfile UntagRole UpdateAssumeRolePolicy UpdateRoleDescription""",
    "logs": """CreateLogGroup DeleteLogGroup DeleteLogStream DeleteRetentionPolicy DescribeLogGroups
        DescribeLogStreams FilterLogEvents GetLogEvents ListTagsForResource PutRetentionPolicy
        TagResource UntagResource""",
    "route53": """AssociateVPCWithHostedZone ChangeResourceRecordSets ChangeTagsForResource
        CreateHostedZone DeleteHostedZone DisassociateVPCFromHostedZone GetChange GetHostedZone
        ListHostedZones ListHostedZonesByName ListHostedZonesByVPC ListResourceRecordSets
        ListTagsForResource ListTagsForResources""",
    "secretsmanager": """CreateSecret DeleteSecret DescribeSecret GetSecretValue PutSecretValue
        RestoreSecret TagResource UntagResource""",
    "service-quotas": "GetAWSDefaultServiceQuota GetServiceQuota",
    "servicediscovery": """CreatePrivateDnsNamespace CreateService DeleteNamespace DeleteService
        DeregisterInstance GetNamespace GetOperation ListInstances ListNamespaces ListOperations
        ListServices ListTagsForResource RegisterInstance TagResource UntagResource""",
    "ssm": """AddTagsToResource DeleteParameter DeleteParameters DescribeParameters GetParameter
        GetParameters GetParametersByPath ListTagsForResource PutParameter RemoveTagsFromResource
        StartSession TerminateSession""",
    "sts": "GetCallerIdentity",
}
# Services whose folder has another name than their model.
FOLDERS = {"application-autoscaling": "application_autoscaling", "elbv2": "elb",
           "service-quotas": "service_quotas"}
# Of the protocols that a service speaks, the SDK for Rust takes the first of these.
PROTOCOLS = ("rest-xml", "json", "query", "ec2")
# Values that EC2 answers with although its model does not list them.
# The state of a VPC endpoint is written in lower case.
ALSO = {
    "AttachmentStatus": ["available"],
    "NetworkInterfaceType": ["nat_gateway"],
    "State": ["pending", "available", "deleting", "deleted"],
}
# The managed policies whose documents count: what they allow is asked when a task starts.
DOCUMENTS = ("AmazonECSTaskExecutionRolePolicy", "AmazonSSMReadOnlyAccess")
# The general categories of Unicode that patterns name.
CATEGORIES = "LNZ"
# AWS checks instance types and the like where it uses them, and adds some every month.
LONGEST_ENUM = 100


def model(service):
    folder = pathlib.Path(botocore.__file__).parent / "data" / service
    newest = max(folder.iterdir())
    packed = newest / "service-2.json.gz"
    text = gzip.open(packed).read() if packed.exists() else (newest / "service-2.json").read_bytes()
    return json.loads(text)


def pattern(java):
    """A pattern in the syntax of Rust, or nothing where that has no words for it."""
    rust = java.replace("\\u10000-\\u10FFFF", "\\x{10000}-\\x{10FFFF}")
    rust = rust.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}")
    rust = re.sub(r"\\u([0-9A-Fa-f]{4})", r"\\x{\1}", rust)
    rust = rust.replace("\\/", "/")
    # What is known by its category stays as it is: the simulator looks it up.
    others = re.sub(rf"\\p\{{[{CATEGORIES}]\}}", "", rust)
    unknown = ("(?!", "(?=", "(?<", "\\p{", "\\P{", "&&")
    return None if any(word in others for word in unknown) else rust


def category(of):
    """A general category as ranges for a class of characters."""
    ranges = []
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] != of:
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges)


def member(ref):
    kept = {"shape": ref["shape"]}
    for name, short in (("locationName", "wire"), ("queryName", "query"), ("location", "at")):
        if name in ref:
            kept[short] = ref[name]
    if ref.get("flattened"):
        kept["flat"] = True
    if ref.get("idempotencyToken"):
        kept["token"] = True
    return kept


def shape(it):
    kept = {"type": it["type"]}
    if it["type"] == "structure":
        kept["members"] = {name: member(ref) for name, ref in it["members"].items()}
        if it.get("required"):
            kept["required"] = it["required"]
        if it.get("payload"):
            kept["payload"] = it["payload"]
        if it.get("locationName"):
            kept["wire"] = it["locationName"]
    if it["type"] == "list":
        kept["member"] = member(it["member"])
    if it["type"] == "map":
        kept["key"], kept["value"] = member(it["key"]), member(it["value"])
    if it.get("flattened"):
        kept["flat"] = True
    if len(it.get("enum", [])) and len(it["enum"]) <= LONGEST_ENUM:
        kept["enum"] = it["enum"]
    for limit in ("min", "max"):
        if limit in it:
            kept[limit] = it[limit]
    if "pattern" in it and (rust := pattern(it["pattern"])):
        kept["pattern"] = rust
    if it.get("timestampFormat"):
        kept["format"] = it["timestampFormat"]
    return kept


def reach(shapes, name, kept):
    if name in kept:
        return
    it = kept[name] = shape(shapes[name])
    if "enum" in it:
        it["enum"] = it["enum"] + [value for value in ALSO.get(name, []) if value not in it["enum"]]
    refs = list(it.get("members", {}).values())
    refs += [it[part] for part in ("member", "key", "value") if part in it]
    for ref in refs:
        reach(shapes, ref["shape"], kept)


def filters(shapes, name):
    """The filters that the listing takes: the model names them in its text, and nowhere else.

    `tag:` stands for all `tag:KEY`.
    """
    members = shapes[name].get("members", {})
    text = "".join(members[it].get("documentation", "") for it in ("Filters", "Filter") if it in members)
    found = set()
    for item in text.split("<li>")[1:]:
        first = re.match(r"\s*<p>\s*<code>([^<]+)</code>", item)
        also = re.search(r"can also (?:use|be) (.*?)(?: as the filter name|\.)", item)
        names = [first[1]] if first else []
        names += re.findall(r"<code>([^<]+)</code>", also[1]) if also else []
        found.update("tag:" if it == "tag" or it.startswith("tag:") else it for it in names)
    return sorted(found)


def managed_policies():
    """Paths and names of AWS's managed policies, and services that may have roles, as they name them."""
    spec = importlib.util.find_spec("moto")
    path = pathlib.Path(spec.origin).parent / "iam" / "aws_managed_policies.py"
    values = {}
    exec(path.read_text(), values)  # a module that holds one text
    policies, services, documents = set(), set(), {}
    for name, it in json.loads(values["aws_managed_policies_data"]).items():
        policies.add(it["Path"].lstrip("/") + name)
        if name in DOCUMENTS:
            documents[it["Path"].lstrip("/") + name] = it["Document"]
        for statement in as_list(it["Document"]["Statement"]):
            for operator in statement.get("Condition", {}).values():
                for key, wanted in operator.items():
                    if key.lower() in ("iam:passedtoservice", "iam:awsservicename"):
                        services.update(as_list(wanted))
    whole = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")
    services = sorted(filter(whole.fullmatch, services))
    return {"policies": sorted(policies), "services": services, "documents": documents}


def as_list(value):
    return value if isinstance(value, list) else [value]


def trimmed(service, names):
    full = model(service)
    metadata, kept = full["metadata"], {}
    operations = {}
    for name in sorted(names.split()):
        it = full["operations"][name]
        operation = {"method": it["http"]["method"], "uri": it["http"]["requestUri"]}
        for part in ("input", "output"):
            if part in it:
                operation[part] = it[part]["shape"]
                reach(full["shapes"], it[part]["shape"], kept)
        if it.get("input", {}).get("locationName"):
            operation["root"] = it["input"]["locationName"]
        if service == "ec2" and (known := filters(full["shapes"], it["input"]["shape"])):
            operation["filters"] = known
        if it.get("output", {}).get("resultWrapper"):
            operation["wrapper"] = it["output"]["resultWrapper"]
        operations[name] = operation
    spoken = metadata.get("protocols", [metadata["protocol"]])
    head = {
        "protocol": next(protocol for protocol in PROTOCOLS if protocol in spoken),
        "version": metadata["apiVersion"],
        "target": metadata.get("targetPrefix", ""),
        "namespace": metadata.get("xmlNamespace", ""),
    }
    if isinstance(head["namespace"], dict):
        head["namespace"] = head["namespace"]["uri"]
    if head["protocol"] == "json" and metadata["jsonVersion"] == "1.0":
        head["protocol"] = "json-1.0"
        # The names of the models that botocore's are made from begin so.
        head["namespace"] = f"com.amazonaws.{service}"
        head["spoke_query"] = "awsQueryCompatible" in metadata
    return head, operations, dict(sorted(kept.items()))


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write(path, head, operations, shapes):
    lines = [f'"{key}":{compact(value)}' for key, value in head.items()]
    for part, values in (("operations", operations), ("shapes", shapes)):
        body = ",\n".join(f'"{name}":{compact(value)}' for name, value in values.items())
        lines.append(f'"{part}":{{\n{body}\n}}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    source = pathlib.Path(__file__).parent.parent / "sim" / "src"
    for service, names in OPERATIONS.items():
        folder = source / FOLDERS.get(service, service)
        folder.mkdir(exist_ok=True)
        write(folder / "model.json", *trimmed(service, names))
    managed = json.dumps(managed_policies(), indent=1)
    (source / "iam" / "managed_policies.json").write_text(managed + "\n")
    unicode = {"version": unicodedata.unidata_version}
    unicode["categories"] = {name: category(name) for name in CATEGORIES}
    (source / "model" / "unicode.json").write_text(json.dumps(unicode, indent=1) + "\n")


main()
