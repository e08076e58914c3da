//! Everything that exists at an endpoint, read with the SDK and not with ecsup's own listings: what
//! ecsup cannot see, this must.
//!
//! An id is its kind, a blank, and what AWS calls it: `vpc vpc-0a1b`, `role arn:aws:iam::...`. Nothing
//! is filtered by tags, names or owner. What is left out, and why:
//!
//! - what AWS itself keeps listing for a while after it is gone: NAT gateways `deleted`, instances
//!   `terminated`, clusters, services and capacity providers `INACTIVE`, revisions of task definitions
//!   that are not `ACTIVE` (they cannot be removed completely);
//! - roles under `/aws-service-role/`, which belong to the account and to other tools as well;
//! - the providers `FARGATE` and `FARGATE_SPOT`, which are AWS's;
//! - interfaces that belonged to a NAT gateway that is `deleted`. AWS calls a gateway deleted only when its
//!   interface is gone. Moto forgets to remove the interface, and nobody can: a remainder of moto's.
//! - interfaces that are attached to an instance that is `terminated`: the same.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::Client as AutoScaling;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_ec2::Client as Ec2;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::{
    Instance, InstanceState, InstanceStateName, NatGatewayState, Reservation,
};
use aws_sdk_ecs::Client as Ecs;
use aws_sdk_ecs::types::TaskDefinitionStatus;
use aws_sdk_elasticloadbalancingv2::Client as LoadBalancing;
use aws_sdk_iam::Client as Iam;
use aws_sdk_route53::Client as Route53;
use aws_sdk_ssm::Client as Ssm;
use aws_types::SdkConfig;

/// Clients for one region of an endpoint.
pub struct Clients {
    pub autoscaling: AutoScaling,
    pub ec2: Ec2,
    pub ecs: Ecs,
    pub elbv2: LoadBalancing,
    pub iam: Iam,
    pub logs: Logs,
    pub route53: Route53,
    pub ssm: Ssm,
}

impl Clients {
    /// Makes them all from one configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            autoscaling: AutoScaling::new(config),
            ec2: Ec2::new(config),
            ecs: Ecs::new(config),
            elbv2: LoadBalancing::new(config),
            iam: Iam::new(config),
            logs: Logs::new(config),
            route53: Route53::new(config),
            ssm: Ssm::new(config),
        }
    }
}

/// How capacity providers are found.
pub enum Providers {
    /// By listing all of them.
    Listed,
    /// By name, where the endpoint lists none: those that clusters have, and these.
    Named(BTreeSet<String>),
}

/// The ids of all resources in the region of these clients, and of the account's global ones.
pub async fn ids(clients: &Clients, providers: &Providers) -> BTreeSet<String> {
    let mut found = Found::default();
    network(&clients.ec2, &mut found).await;
    machines(clients, &mut found).await;
    identities(&clients.iam, &mut found).await;
    containers(&clients.ecs, providers, &mut found).await;
    load_balancers(&clients.elbv2, &mut found).await;
    names_and_logs(clients, &mut found).await;
    found.0
}

/// How many there are of each kind.
pub fn counts(ids: &BTreeSet<String>) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(id.split(' ').next().unwrap_or(id)).or_default() += 1;
    }
    counts
}

#[derive(Default)]
struct Found(BTreeSet<String>);

impl Found {
    fn add(&mut self, kind: &str, id: Option<&str>) {
        let id = id.unwrap_or_else(|| panic!("a {kind} without an id"));
        self.0.insert(format!("{kind} {id}"));
    }
}

/// Every item of a paginated operation.
macro_rules! all {
    ($call:expr) => {
        $call
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .expect(stringify!($call))
    };
}

async fn network(ec2: &Ec2, found: &mut Found) {
    for it in all!(ec2.describe_vpcs()) {
        found.add("vpc", it.vpc_id());
    }
    for it in all!(ec2.describe_subnets()) {
        found.add("subnet", it.subnet_id());
    }
    for it in all!(ec2.describe_internet_gateways()) {
        found.add("internet-gateway", it.internet_gateway_id());
    }
    let mut of_deleted_gateways = BTreeSet::new();
    for it in all!(ec2.describe_nat_gateways()) {
        if it.state() == Some(&NatGatewayState::Deleted) {
            let addresses = it.nat_gateway_addresses().iter();
            of_deleted_gateways
                .extend(addresses.filter_map(|it| it.network_interface_id().map(str::to_owned)));
        } else {
            found.add("nat-gateway", it.nat_gateway_id());
        }
    }
    for it in ec2.describe_addresses().send().await.expect("addresses").addresses() {
        found.add("elastic-ip", it.allocation_id());
    }
    for it in all!(ec2.describe_route_tables()) {
        found.add("route-table", it.route_table_id());
    }
    for it in all!(ec2.describe_vpc_endpoints()) {
        if it.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("deleted")) {
            found.add("vpc-endpoint", it.vpc_endpoint_id());
        }
    }
    for it in all!(ec2.describe_security_groups()) {
        found.add("security-group", it.group_id());
    }
    for it in all!(ec2.describe_security_group_rules()) {
        found.add("security-group-rule", it.security_group_rule_id());
    }
    let instances = instances(ec2).await;
    let is_terminated = |id: &str| instances.iter().any(|(it, over)| it == id && *over);
    for it in all!(ec2.describe_network_interfaces()) {
        let instance = it.attachment().and_then(|attachment| attachment.instance_id());
        let forgotten = instance.is_some_and(is_terminated)
            || it.network_interface_id().is_some_and(|id| of_deleted_gateways.contains(id));
        if !forgotten {
            found.add("network-interface", it.network_interface_id());
        }
    }
}

/// Every instance that EC2 still knows, and whether it is terminated.
async fn instances(ec2: &Ec2) -> Vec<(String, bool)> {
    let pages = ec2.describe_instances().into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await.expect("instances");
    let reservations = pages.iter().flat_map(DescribeInstancesOutput::reservations);
    let read = |it: &Instance| {
        let state = it.state().and_then(InstanceState::name);
        Some((it.instance_id()?.to_owned(), state == Some(&InstanceStateName::Terminated)))
    };
    reservations.flat_map(Reservation::instances).filter_map(read).collect()
}

async fn machines(clients: &Clients, found: &mut Found) {
    for it in all!(clients.ec2.describe_launch_templates()) {
        found.add("launch-template", it.launch_template_id());
    }
    for (id, terminated) in instances(&clients.ec2).await {
        if !terminated {
            found.add("instance", Some(&id));
        }
    }
    for it in all!(clients.autoscaling.describe_auto_scaling_groups()) {
        found.add("auto-scaling-group", it.auto_scaling_group_arn());
    }
}

async fn identities(iam: &Iam, found: &mut Found) {
    for it in all!(iam.list_roles()) {
        if !it.path().starts_with("/aws-service-role/") {
            found.add("role", Some(it.arn()));
        }
    }
    for it in all!(iam.list_instance_profiles()) {
        found.add("instance-profile", Some(it.arn()));
    }
}

async fn containers(ecs: &Ecs, providers: &Providers, found: &mut Found) {
    let mut names = BTreeSet::new();
    for arn in all!(ecs.list_clusters()) {
        let described = ecs.describe_clusters().clusters(&arn).send().await.expect("a cluster");
        for it in described.clusters().iter().filter(|it| it.status() != Some("INACTIVE")) {
            found.add("cluster", it.cluster_arn());
            names.extend(it.capacity_providers().iter().cloned());
            services(ecs, &arn, found).await;
        }
    }
    for arn in all!(ecs.list_task_definitions().status(TaskDefinitionStatus::Active)) {
        found.add("task-definition", Some(&arn));
    }
    let mut describe = ecs.describe_capacity_providers();
    if let Providers::Named(known) = providers {
        names.extend(known.iter().cloned());
        names.retain(|it| !it.starts_with("FARGATE"));
        if names.is_empty() {
            return;
        }
        describe = describe.set_capacity_providers(Some(names.into_iter().collect()));
    }
    let described = describe.send().await.expect("capacity providers");
    for it in described.capacity_providers() {
        let inactive = it.status().is_some_and(|it| it.as_str() == "INACTIVE");
        if !inactive && it.name().is_none_or(|it| !it.starts_with("FARGATE")) {
            found.add("capacity-provider", it.capacity_provider_arn());
        }
    }
}

async fn services(ecs: &Ecs, cluster: &str, found: &mut Found) {
    for arn in all!(ecs.list_services().cluster(cluster)) {
        let described = ecs
            .describe_services()
            .cluster(cluster)
            .services(&arn)
            .send()
            .await
            .expect("a service");
        for it in described.services().iter().filter(|it| it.status() != Some("INACTIVE")) {
            found.add("service", it.service_arn());
        }
    }
}

async fn load_balancers(elbv2: &LoadBalancing, found: &mut Found) {
    for it in all!(elbv2.describe_load_balancers()) {
        found.add("load-balancer", it.load_balancer_arn());
        for it in all!(elbv2.describe_listeners().set_load_balancer_arn(it.load_balancer_arn)) {
            found.add("listener", it.listener_arn());
            let rules = elbv2
                .describe_rules()
                .set_listener_arn(it.listener_arn)
                .send()
                .await
                .expect("rules");
            for it in rules.rules() {
                found.add("listener-rule", it.rule_arn());
            }
        }
    }
    for it in all!(elbv2.describe_target_groups()) {
        found.add("target-group", it.target_group_arn());
    }
}

async fn names_and_logs(clients: &Clients, found: &mut Found) {
    for it in all!(clients.logs.describe_log_groups()) {
        found.add("log-group", it.log_group_name());
    }
    let parameters =
        clients.ssm.get_parameters_by_path().path("/ecsup").recursive(true).into_paginator().send();
    for page in parameters.collect::<Result<Vec<_>, _>>().await.expect("parameters") {
        for it in page.parameters() {
            found.add("parameter", it.name());
        }
    }
    for zone in all!(clients.route53.list_hosted_zones()) {
        found.add("hosted-zone", Some(zone.id()));
        let records =
            clients.route53.list_resource_record_sets().hosted_zone_id(zone.id()).send().await;
        for it in records.expect("records").resource_record_sets() {
            found.add("record", Some(&format!("{} {} {}", zone.id(), it.r#type(), it.name())));
        }
    }
}
