//! The cluster, and the instances that a stack has of its own.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::{autoscaling, ec2, ecs, iam};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::network::Network;
use super::{Found, texts};

impl Found<'_> {
    pub(super) fn capacity(&mut self, network: &Network) {
        let on_instances = self.goal.on_instances;
        let cluster = format!("cluster-{}", self.goal.stack);
        let provider = format!("cp-{}", self.goal.stack);
        let input = json!({ "clusters": [cluster], "include": ["SETTINGS"] });
        let found = self.first(ecs::answer, "DescribeClusters", input, "clusters");
        self.same("state of the cluster", found.text("status"), "ACTIVE");
        let mut settings = found.list("settings").iter();
        let insights = settings.find(|it| it.text("name") == "containerInsights");
        self.same("Container Insights", insights.map(|it| it.text("value")), "enabled");
        self.log_group(&format!("/aws/ecs/containerinsights/{cluster}/performance"), 1);
        let providers: Vec<_> = on_instances.then_some(&provider).into_iter().collect();
        self.same("providers", found.texts("capacityProviders"), &providers);
        let usual = found.list("defaultCapacityProviderStrategy");
        self.same("usual providers", texts(usual, "capacityProvider"), &providers);
        if on_instances {
            let group = self.group_of_instances(network);
            self.provider(&provider, group.text("AutoScalingGroupARN"));
            self.template(network, group.part("LaunchTemplate"));
            self.role("instance", "AmazonEC2ContainerServiceforEC2Role", "ec2.amazonaws.com");
        }
    }

    fn group_of_instances(&mut self, network: &Network) -> Value {
        let goal = self.goal;
        let input = json!({ "AutoScalingGroupNames": [format!("asg-{}", goal.stack)] });
        let list = "AutoScalingGroups";
        let group = self.first(autoscaling::answer, "DescribeAutoScalingGroups", input, list);
        self.same(
            "sizes of the group",
            ["MinSize", "MaxSize"].map(|it| group.number(it)),
            goal.sizes,
        );
        let subnets = if goal.is_open() { &network.public } else { &network.private };
        let stands: BTreeSet<_> = group.text("VPCZoneIdentifier").split(',').collect();
        self.same("subnets of the group", stands, subnets.iter().collect::<BTreeSet<_>>());
        let protects = group.flag("NewInstancesProtectedFromScaleIn");
        self.same("protection of new instances", protects, true);
        let mut tags = group.list("Tags").iter();
        let managed = tags.find(|it| it.text("Key") == "AmazonECSManaged");
        let propagates = managed.and_then(|it| it.flag("PropagateAtLaunch"));
        self.same("AmazonECSManaged", propagates, true);
        let own = self.of_stack("DescribeSecurityGroups", "SecurityGroups");
        let own = own.get("security-group/instance").map(|it| it.text("GroupId").to_owned());
        for subnet in subnets {
            self.gets_out("agents", subnet, own.as_deref().unwrap_or_default());
        }
        group
    }

    fn provider(&mut self, name: &str, group: &str) {
        let input = json!({ "capacityProviders": [name] });
        let list = "capacityProviders";
        let provider = self.first(ecs::answer, "DescribeCapacityProviders", input, list);
        let of = provider.part("autoScalingGroupProvider");
        self.same("group of the provider", of.text("autoScalingGroupArn"), group);
        self.same("managed scaling", of.part("managedScaling").text("status"), "ENABLED");
        let scaling = of.part("managedScaling");
        let numbers = [
            "targetCapacity",
            "minimumScalingStepSize",
            "maximumScalingStepSize",
            "instanceWarmupPeriod",
        ];
        self.same(
            "scaling of the provider",
            numbers.map(|it| scaling.number(it)),
            [100, 1, 100, 60],
        );
        let protects = of.text("managedTerminationProtection");
        self.same("protection by the provider", protects, "ENABLED");
        self.same("draining", of.text("managedDraining"), "ENABLED");
    }

    fn template(&mut self, network: &Network, template: &Value) {
        let input = json!({
            "LaunchTemplateId": template.text("LaunchTemplateId"),
            "Versions": [template.text("Version")],
        });
        let list = "LaunchTemplateVersions";
        let version = self.first(ec2::answer, "DescribeLaunchTemplateVersions", input, list);
        let data = version.part("LaunchTemplateData");
        self.same("instance type", data.text("InstanceType"), &self.goal.instance_type);
        let metadata = data.part("MetadataOptions");
        self.same("tokens", metadata.text("HttpTokens"), "required");
        self.same("hops", metadata.number("HttpPutResponseHopLimit"), 1);
        let volumes = data.list("BlockDeviceMappings").iter().map(|it| it.part("Ebs"));
        let volumes: Vec<_> = volumes
            .map(|it| {
                let flags = ["Encrypted", "DeleteOnTermination"].map(|flag| it.flag(flag));
                json!([it.number("VolumeSize"), it.text("VolumeType"), flags])
            })
            .collect();
        self.same("volumes", volumes, [json!([50, "gp3", [true, true]])]);
        self.first_script(data.text("UserData"));
        self.tags_of_instances(data.list("TagSpecifications"));
        let own = self.group("security-group/instance", &network.vpc, &[]);
        let interfaces = data.list("NetworkInterfaces").iter();
        let groups =
            interfaces.flat_map(|it| it.texts("Groups")).chain(data.texts("SecurityGroupIds"));
        self.same("groups of the instances", groups.collect::<Vec<_>>(), [own]);
    }

    /// What an instance runs first: it joins the cluster, and keeps its own role from tasks.
    fn first_script(&mut self, user_data: &str) {
        let script = STANDARD.decode(user_data).unwrap_or_default();
        let script = String::from_utf8_lossy(&script).into_owned();
        let set = script.lines().filter_map(|line| line.strip_prefix("echo ")?.split(' ').next());
        let set: BTreeSet<_> = set.map(str::to_owned).collect();
        let cluster = format!("ECS_CLUSTER=cluster-{}", self.goal.stack);
        let wanted = BTreeSet::from([cluster, "ECS_AWSVPC_BLOCK_IMDS=true".to_owned()]);
        self.same("settings of the agent", set, wanted);
    }

    /// What instances are born with, and what comes with them.
    fn tags_of_instances(&mut self, specifications: &[Value]) {
        let goal = self.goal;
        let kinds: BTreeSet<_> = texts(specifications, "ResourceType").into_iter().collect();
        self.same("what is tagged", kinds, ["instance", "network-interface", "volume"]);
        for specification in specifications {
            let tags = specification.tags("Tags");
            self.same("stack of an instance", tags.get("ecsup:stack"), &goal.stack);
            for (key, value) in &goal.tags {
                self.same(&format!("tag {key} of an instance"), tags.get(key), value);
            }
        }
    }

    /// A role below the stack's path, with one policy of AWS's, for one service.
    pub(super) fn role(&mut self, which: &str, policy: &str, service: &str) {
        let goal = self.goal;
        let path = format!("/ecsup/{}/{}/", goal.region, goal.stack);
        let roles = self.ask(iam::answer, "ListRoles", json!({ "PathPrefix": path }));
        let mut roles = roles.list("Roles").iter();
        let role = roles.find(|it| it.text("RoleName").ends_with(which)).cloned();
        let role = role.unwrap_or_default();
        let trusts = role.text("AssumeRolePolicyDocument").contains(service);
        self.check(&format!("role/{which} is for {service}"), trusts);
        if which == "execution" {
            // IAM writes a document down as a URL.
            let (partition, region) = (goal.partition(), &goal.region);
            let source = format!("arn%3A{partition}%3Aecs%3A{region}%3A123456789012%3A");
            let document = role.text("AssumeRolePolicyDocument");
            let only_here = document.contains("aws%3ASourceAccount") && document.contains(&source);
            self.check("role/execution is for this account and region only", only_here);
        }
        let input = json!({ "RoleName": role.text("RoleName") });
        // What somebody has put there by hand is theirs.
        let inline = self.ask(iam::answer, "ListRolePolicies", input.clone()).texts("PolicyNames");
        let ours: Vec<_> = inline.iter().filter(|name| name.starts_with("ecsup-")).collect();
        self.same(&format!("inline policies of role/{which}"), ours, [""; 0]);
        let attached = self.ask(iam::answer, "ListAttachedRolePolicies", input);
        let attached = texts(attached.list("AttachedPolicies"), "PolicyName");
        self.same(&format!("policies of role/{which}"), attached, [policy]);
    }
}
