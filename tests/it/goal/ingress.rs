//! The load balancer, who reaches it, and what it forwards to; and its private name.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::{elb, route53};
use serde_json::{Value, json};

use super::network::Network;
use super::{Found, attribute, texts};

/// What was found in front of the service.
pub(super) struct Front {
    /// The load balancer's security group.
    pub(super) group: String,
    pub(super) target_group: String,
}

impl Found<'_> {
    pub(super) fn ingress(&mut self, network: &Network) -> Front {
        let allowed: Vec<_> =
            self.goal.allow.iter().map(|range| format!("in tcp 80 to 80, {range}")).collect();
        let group = self.group("security-group/load-balancer", &network.vpc, &allowed);
        let balancer = self.load_balancer(network, &group);
        let target_group = self.listener(balancer.text("LoadBalancerArn"));
        self.target_group(&target_group);
        self.names(network, balancer.text("DNSName"));
        Front { group, target_group }
    }

    fn load_balancer(&mut self, network: &Network, group: &str) -> Value {
        let is_public = self.goal.is_public;
        let input = json!({ "Names": [format!("lb-{}", self.goal.stack)] });
        let balancer = self.first(elb::answer, "DescribeLoadBalancers", input, "LoadBalancers");
        let scheme = if is_public { "internet-facing" } else { "internal" };
        self.same("scheme", balancer.text("Scheme"), scheme);
        self.same("state of the load balancer", balancer.part("State").text("Code"), "active");
        self.same("groups of the load balancer", balancer.texts("SecurityGroups"), [group]);
        let subnets = if is_public { &network.public } else { &network.private };
        let stands: BTreeSet<_> =
            texts(balancer.list("AvailabilityZones"), "SubnetId").into_iter().collect();
        self.same("subnets of the load balancer", stands, subnets.iter().collect::<BTreeSet<_>>());
        let input = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
        let answer = self.ask(elb::answer, "DescribeLoadBalancerAttributes", input);
        self.same("idle timeout", attribute(&answer, "idle_timeout.timeout_seconds"), "30");
        balancer
    }

    /// The only listener, and the only group that it forwards to.
    fn listener(&mut self, balancer: &str) -> String {
        let input = json!({ "LoadBalancerArn": balancer });
        let answer = self.ask(elb::answer, "DescribeListeners", input);
        let listeners = answer.list("Listeners");
        let ports: Vec<_> =
            listeners.iter().map(|it| json!([it.text("Protocol"), it.number("Port")])).collect();
        self.same("listeners", ports, [json!(["HTTP", 80])]);
        let actions = listeners.iter().flat_map(|it| it.list("DefaultActions"));
        let groups = actions.flat_map(|action| {
            let several = action.part("ForwardConfig").list("TargetGroups").iter();
            let several = several.filter_map(|it| it.some_text("TargetGroupArn"));
            action.some_text("TargetGroupArn").into_iter().chain(several).map(str::to_owned)
        });
        let groups: BTreeSet<_> = groups.collect();
        self.same("groups that are forwarded to", groups.len(), 1);
        groups.into_iter().next().unwrap_or_default()
    }

    fn target_group(&mut self, arn: &str) {
        let input = json!({ "TargetGroupArns": [arn] });
        let group = self.first(elb::answer, "DescribeTargetGroups", input, "TargetGroups");
        self.same("what targets are", group.text("TargetType"), "ip");
        let protocols = ["Protocol", "HealthCheckProtocol"].map(|it| group.text(it));
        self.same("protocols of the target group", protocols, ["HTTP", "HTTP"]);
        self.same("health path", group.text("HealthCheckPath"), &self.goal.health_path);
        let rhythm = [
            "HealthCheckIntervalSeconds",
            "HealthCheckTimeoutSeconds",
            "HealthyThresholdCount",
            "UnhealthyThresholdCount",
        ];
        self.same("health check", rhythm.map(|it| group.number(it)), [6, 5, 2, 10]);
        let input = json!({ "TargetGroupArn": arn });
        let answer = self.ask(elb::answer, "DescribeTargetGroupAttributes", input);
        let delay = attribute(&answer, "deregistration_delay.timeout_seconds");
        self.same("deregistration delay", delay, "0");
    }

    /// The zones of the VPC, and what stands in ours.
    fn names(&mut self, network: &Network, balancer: &str) {
        let goal = self.goal;
        let input = json!({ "VPCId": network.vpc, "VPCRegion": goal.region });
        let answer = self.ask(route53::answer, "ListHostedZonesByVPC", input);
        let zones = answer.list("HostedZoneSummaries");
        let wanted: Vec<_> = goal.dns.iter().map(|(zone, _)| format!("{zone}.")).collect();
        self.same("zones of the VPC", texts(zones, "Name"), wanted);
        let (Some((_, host)), [zone]) = (&goal.dns, zones) else { return };
        let input = json!({ "HostedZoneId": zone.text("HostedZoneId") });
        let answer = self.ask(route53::answer, "ListResourceRecordSets", input);
        let records = answer.list("ResourceRecordSets").iter();
        let own = records.filter(|it| !["NS", "SOA"].contains(&it.text("Type")));
        let own = own.map(|it| {
            let to = it.part("AliasTarget").text("DNSName").to_lowercase();
            let to = to.trim_start_matches("dualstack.").trim_end_matches('.');
            format!("{} {} to {to}", it.text("Name"), it.text("Type"))
        });
        let wanted = format!("{host}. A to {}", balancer.to_lowercase());
        self.same("records", own.collect::<Vec<_>>(), [wanted]);
    }
}
