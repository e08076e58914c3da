//! Where a policy applies: partition, region, account and stack, in ARNs and conditions.

use serde_json::{Map, Value, json};

use crate::names::{Names, StackName, TAG_STACK, partition};
use crate::spec::ExistingNetwork;

/// Where a policy applies. `*` stands for a region or account that is not known.
#[derive(Debug, Clone)]
pub struct Bounds {
    pub(super) partition: &'static str,
    region: String,
    account: String,
    stack: Option<StackName>,
    boundary: Option<String>,
    existing_network: Option<ExistingNetwork>,
}

impl Bounds {
    /// Bounds to a region, an account and a stack, as far as they are given.
    pub fn new(region: Option<&str>, account: Option<&str>, stack: Option<StackName>) -> Self {
        Self {
            partition: partition::of(region.unwrap_or_default()),
            region: region.unwrap_or("*").to_owned(),
            account: account.unwrap_or("*").to_owned(),
            stack,
            boundary: None,
            existing_network: None,
        }
    }

    /// The same where every role has to have a permissions boundary: no role can then be made
    /// without it, and none can be given another.
    #[must_use]
    pub fn with_boundary(self, arn: String) -> Self {
        Self { boundary: Some(arn), ..self }
    }

    /// The same for a stack that stands in a network of somebody else.
    #[must_use]
    pub fn with_existing_network(self, network: ExistingNetwork) -> Self {
        Self { existing_network: Some(network), ..self }
    }

    /// Whether the stack has a network of its own.
    pub(super) fn has_own_network(&self) -> bool {
        self.existing_network.is_none()
    }

    /// What of a network of somebody else the stack puts something into: its VPC, and the subnets that it
    /// launches instances in.
    pub(super) fn existing_network(&self, on_instances: bool) -> Vec<String> {
        let Some(network) = &self.existing_network else {
            let subnets = on_instances.then_some("subnet/*");
            let all = ["vpc/*"].into_iter().chain(subnets);
            return all
                .map(|it| format!("arn:{}:ec2:{}:*:{it}", self.partition, self.region))
                .collect();
        };
        let subnets = network.private.iter().filter(|_| on_instances);
        let subnets = subnets.map(|id| format!("subnet/{id}"));
        let all = [format!("vpc/{}", network.vpc)].into_iter().chain(subnets);
        // A VPC or a subnet may be shared by another account, whose number its ARN has.
        all.map(|it| format!("arn:{}:ec2:{}:*:{it}", self.partition, self.region)).collect()
    }

    /// Whether roles have to have a permissions boundary.
    pub(super) fn has_boundary(&self) -> bool {
        self.boundary.is_some()
    }

    /// The condition that a role gets its permissions boundary, where it has to have one.
    pub(super) fn bounded(&self) -> Map<String, Value> {
        let boundary = self.boundary.as_ref();
        boundary
            .map(|arn| condition("StringEquals", "iam:PermissionsBoundary", json!(arn)))
            .unwrap_or_default()
    }

    /// The ARN of something in the region.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The ARN of something in the region that is AWS's, or of no account in particular.
    pub(super) fn public(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}::{resource}", self.partition, self.region)
    }

    /// The ARN of something of IAM.
    pub(super) fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }

    /// The stack, or any.
    pub(super) fn stack(&self) -> &str {
        self.stack.as_ref().map_or("*", StackName::as_str)
    }

    /// The log groups of the services.
    pub(super) fn log_groups(&self) -> String {
        self.arn("logs", &format!("log-group:/ecsup/{}/*", self.stack()))
    }

    /// The roles or profiles below our path, and those named like ours: IAM checks a call about a
    /// role that is not there against its name alone, and would refuse where it should answer that
    /// there is none.
    fn by_path(&self, kind: &str, name: &str) -> [String; 2] {
        [self.below_path(kind), self.iam(&format!("{kind}/{name}-{}-*", self.region))]
    }

    /// What is below our path.
    pub(super) fn below_path(&self, kind: &str) -> String {
        let below = self.stack.as_ref().map(|stack| format!("{stack}/")).unwrap_or_default();
        self.iam(&format!("{kind}/ecsup/{}/{below}*", self.region))
    }

    /// The roles.
    pub(super) fn roles(&self) -> [String; 2] {
        self.by_path("role", "role")
    }

    /// The instance profiles.
    pub(super) fn profiles(&self) -> [String; 2] {
        self.by_path("instance-profile", "profile")
    }

    /// The managed policies of the account and of AWS.
    pub(super) fn managed_policies(&self) -> [String; 2] {
        [self.iam("policy/*"), format!("arn:{}:iam::aws:policy/*", self.partition)]
    }

    /// All hosted zones: an id says nothing.
    pub(super) fn hosted_zones(&self) -> String {
        format!("arn:{}:route53:::hostedzone/*", self.partition)
    }

    /// What is named like ours. Its tag says which stack's it is.
    pub(super) fn ecs(&self, on_instances: bool) -> Vec<String> {
        let mut all = vec!["cluster/cluster-*", "service/cluster-*/*"];
        all.extend(on_instances.then_some("capacity-provider/cp-*"));
        all.iter().map(|resource| self.arn("ecs", resource)).collect()
    }

    /// The cluster, or those that are named like ours, and the tasks in them.
    pub(super) fn tasks(&self) -> [String; 2] {
        let cluster = match &self.stack {
            Some(stack) => Names::new(stack.clone(), &self.region).cluster(),
            None => "cluster-*".to_owned(),
        };
        ["cluster/", "task/"].map(|kind| {
            let within = if kind == "task/" { "/*" } else { "" };
            self.arn("ecs", &format!("{kind}{cluster}{within}"))
        })
    }

    /// Load balancers and target groups that are named like ours.
    pub(super) fn load_balancing(&self) -> Vec<String> {
        let all = ["loadbalancer/app/lb-*/*", "targetgroup/tg-*/*"];
        all.iter().map(|resource| self.arn("elasticloadbalancing", resource)).collect()
    }

    /// The condition that the stack's tag is there, in the request or on the resource.
    pub(super) fn tagged(&self, prefix: &str) -> Map<String, Value> {
        let key = format!("{prefix}/{TAG_STACK}");
        match &self.stack {
            Some(stack) => condition("StringEquals", &key, json!(stack)),
            None => condition("Null", &key, json!("false")),
        }
    }

    /// The condition that a thing is the stack's already, and that the tags which say so stay.
    pub(super) fn retagged(&self) -> Map<String, Value> {
        let mut all = self.tagged("aws:ResourceTag");
        let ours = condition("ForAllValues:StringNotLike", "aws:TagKeys", json!("ecsup:*"));
        all.extend(ours);
        all
    }

    /// The condition that a thing is tagged as the stack's, and by the very call that makes it.
    pub(super) fn tagged_by_create(&self, service: &str) -> Map<String, Value> {
        let mut all = self.tagged("aws:RequestTag");
        let absent = all.entry("Null").or_insert_with(|| json!({}));
        if let Some(absent) = absent.as_object_mut() {
            absent.insert(format!("{service}:CreateAction"), json!("false"));
        }
        all
    }
}

/// A condition block of one line.
pub(super) fn condition(operator: &str, key: &str, value: Value) -> Map<String, Value> {
    [(operator.to_owned(), json!({ key: value }))].into_iter().collect()
}
