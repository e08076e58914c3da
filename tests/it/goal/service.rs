//! The service, what it runs, and whether requests reach it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::fields::Fields as _;
use aws_sim::{ec2, ecs, elb};
use serde_json::{Value, json};

use super::ingress::Front;
use super::network::Network;
use super::{Found, texts};

impl Found<'_> {
    pub(super) fn service(&mut self, network: &Network, front: &Front) {
        let goal = self.goal;
        let port = goal.port;
        let from_front = [format!("in tcp {port} to {port}, {}", front.group)];
        let group = self.group("security-group/service", &network.vpc, &from_front);
        let reached = [front.group.clone()];
        let reached = ec2::may_reach(self.world, &reached, std::slice::from_ref(&group), port);
        self.check("the load balancer reaches the tasks", reached);
        self.log_group(&format!("/ecsup/{}/{}", goal.stack, goal.service), 30);
        self.role("execution", "AmazonECSTaskExecutionRolePolicy", "ecs-tasks.amazonaws.com");

        let cluster = format!("cluster-{}", goal.stack);
        let input = json!({ "cluster": cluster, "services": [goal.service] });
        let service = self.first(ecs::answer, "DescribeServices", input, "services");
        self.rollout(&service, front);
        self.place(&service, network, &group);
        let definition = service.text("taskDefinition");
        self.definition(definition);
        let tasks = self.tasks(&cluster, definition);
        let healthy = self.healthy(&front.target_group);
        self.same("healthy targets, which are the tasks", healthy, tasks);
    }

    /// What was asked for, and that it came about.
    fn rollout(&mut self, service: &Value, front: &Front) {
        let goal = self.goal;
        self.same("state of the service", service.text("status"), "ACTIVE");
        self.same("wanted tasks", service.number("desiredCount"), goal.count);
        let rollouts = texts(service.list("deployments"), "rolloutState");
        self.same("rollouts", rollouts, ["COMPLETED"]);
        let how = service.part("deploymentConfiguration");
        let percents = ["minimumHealthyPercent", "maximumPercent"].map(|it| how.number(it));
        self.same("percents", percents, [75, 200]);
        let breaker = how.part("deploymentCircuitBreaker");
        self.same(
            "circuit breaker",
            ["enable", "rollback"].map(|it| breaker.flag(it)),
            [true, true],
        );
        self.same("grace period", service.number("healthCheckGracePeriodSeconds"), 120);
        self.same("tags of tasks", service.text("propagateTags"), "SERVICE");
        let behind = service.list("loadBalancers").iter();
        let behind =
            behind.map(|it| json!([it.text("targetGroupArn"), it.number("containerPort")]));
        let wanted = [json!([front.target_group, goal.port])];
        self.same("target groups of the service", behind.collect::<Vec<_>>(), wanted);
    }

    /// What it runs on, and where in the network.
    fn place(&mut self, service: &Value, network: &Network, group: &str) {
        let goal = self.goal;
        let net = service.part("networkConfiguration").part("awsvpcConfiguration");
        self.same("groups of the tasks", net.texts("securityGroups"), [group]);
        let is_public = !goal.on_instances && goal.is_open();
        let subnets = if is_public { &network.public } else { &network.private };
        let stands: BTreeSet<_> = net.texts("subnets").into_iter().collect();
        self.same("subnets of the tasks", stands, subnets.iter().collect::<BTreeSet<_>>());
        if goal.on_instances {
            let providers = texts(service.list("capacityProviderStrategy"), "capacityProvider");
            self.same("providers of the service", providers, [format!("cp-{}", goal.stack)]);
            let order = service.list("placementStrategy").iter();
            let order = order.map(|it| [it.text("type"), it.text("field")].join(" "));
            let order: Vec<_> = order.map(|it| it.to_ascii_lowercase()).collect();
            self.same(
                "placement",
                order,
                ["spread attribute:ecs.availability-zone", "binpack cpu"],
            );
            return;
        }
        self.same("launch type", service.text("launchType"), "FARGATE");
        let public = if is_public { "ENABLED" } else { "DISABLED" };
        self.same("public addresses of the tasks", net.text("assignPublicIp"), public);
        for subnet in subnets {
            self.gets_out("tasks", subnet, group);
        }
    }

    fn definition(&mut self, arn: &str) {
        let goal = self.goal;
        let input = json!({ "taskDefinition": arn });
        let answer = self.ask(ecs::answer, "DescribeTaskDefinition", input);
        let it = answer.part("taskDefinition");
        self.same("family", it.text("family"), format!("td-{}_{}", goal.stack, goal.service));
        self.same("network mode", it.text("networkMode"), "awsvpc");
        self.same("size", [it.text("cpu"), it.text("memory")], [&goal.cpu, &goal.memory]);
        let path = format!("/ecsup/{}/{}/", goal.region, goal.stack);
        self.check("execution role", it.text("executionRoleArn").contains(&path));
        self.same("containers", texts(it.list("containerDefinitions"), "name"), [&goal.service]);
        let container = it.list("containerDefinitions").first().cloned().unwrap_or_default();
        self.same("image", container.text("image"), &goal.image);
        let size = ["cpu", "memory"].map(|it| container.number(it).map(|it| it.to_string()));
        self.same("size of the container", size, [&goal.cpu, &goal.memory]);
        let runs_on = if goal.on_instances { "EC2" } else { "FARGATE" };
        self.same("what it runs on", it.texts("requiresCompatibilities"), [runs_on]);
        let ports = container.list("portMappings").iter().map(|it| it.number("containerPort"));
        self.same("ports", ports.collect::<Vec<_>>(), [goal.port]);
        let env = container.list("environment").iter();
        let env: BTreeMap<_, _> = env.map(|it| (it.text("name"), it.text("value"))).collect();
        self.same("environment", env, &goal.env);
        // No flag asks for secrets, nor for what tasks may do.
        self.same("secrets", container.list("secrets"), [""; 0]);
        self.same("task role", it.some_text("taskRoleArn"), None::<&str>);
        let logs = container.part("logConfiguration");
        self.same("log driver", logs.text("logDriver"), "awslogs");
        let options = logs.part("options");
        let mode = ["mode", "max-buffer-size"].map(|it| options.text(it));
        self.same("how logs are written", mode, ["non-blocking", "25m"]);
        let log_group = format!("/ecsup/{}/{}", goal.stack, goal.service);
        self.same("log group of the container", options.text("awslogs-group"), log_group);
    }

    /// Addresses and ports of the tasks, which all run this revision.
    fn tasks(&mut self, cluster: &str, definition: &str) -> BTreeSet<(String, i64)> {
        let goal = self.goal;
        let input = json!({ "cluster": cluster, "serviceName": goal.service });
        let tasks = self.ask(ecs::answer, "ListTasks", input).texts("taskArns");
        self.same("tasks", tasks.len(), goal.count);
        if tasks.is_empty() {
            return BTreeSet::new();
        }
        let input = json!({ "cluster": cluster, "tasks": tasks });
        let answer = self.ask(ecs::answer, "DescribeTasks", input);
        let mut addresses = BTreeSet::new();
        for task in answer.list("tasks") {
            self.same("state of a task", task.text("lastStatus"), "RUNNING");
            self.same("revision of a task", task.text("taskDefinitionArn"), definition);
            let mut details = task.list("attachments").iter().flat_map(|it| it.list("details"));
            let address = details.find(|it| it.text("name") == "privateIPv4Address");
            addresses.extend(address.map(|it| (it.text("value").to_owned(), i64::from(goal.port))));
        }
        addresses
    }

    fn healthy(&mut self, target_group: &str) -> BTreeSet<(String, i64)> {
        let input = json!({ "TargetGroupArn": target_group });
        let answer = self.ask(elb::answer, "DescribeTargetHealth", input);
        let all = answer.list("TargetHealthDescriptions").iter();
        let healthy = all.filter(|it| it.part("TargetHealth").text("State") == "healthy");
        let target = healthy.map(|it| it.part("Target"));
        target.map(|it| (it.text("Id").to_owned(), it.number("Port").unwrap_or(-1))).collect()
    }
}
