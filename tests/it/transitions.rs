//! From one wish to another: whatever is changed, the world then holds the new wish and nothing of the
//! old one, and whoever asks the load balancer meanwhile gets an answer.

use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::fields::Fields as _;
use aws_sim::scenario::Scenario;
use aws_sim::world::World;
use aws_sim::{ec2, elb};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use serde_json::{Value, json};

use crate::goal::Goal;
use crate::proofs::{
    CLOSED, IN_ECR, STACKS, deploy, destroy, expect, holds, ids, no_defects, nothing_denied,
    nothing_left, obey_the_printed_policy, on_all_processors,
};

/// How a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The old serves until the new does.
    Served,
    /// The listener moves before the new tasks are healthy (`docs/patterns.md`, "What a change does").
    Gap,
    /// AWS cannot do it in place, so that it is refused before anything changes.
    Refused,
}

/// A change of the flags, by name.
#[derive(Debug)]
pub struct Change {
    pub name: &'static str,
    flags: &'static [&'static str],
    way: Way,
    /// Whether it means something for such a stack.
    applies: fn(&[&str]) -> bool,
}

const fn change(name: &'static str, flags: &'static [&'static str]) -> Change {
    Change { name, flags, way: Way::Served, applies: |_| true }
}

fn on_instances(flags: &[&str]) -> bool {
    !flags.contains(&"fargate-api")
}

fn on_fargate(flags: &[&str]) -> bool {
    !on_instances(flags)
}

fn has_zone(flags: &[&str]) -> bool {
    flags.contains(&"internal-worker")
}

fn has_gateways(flags: &[&str]) -> bool {
    !flags.contains(&"none")
}

/// Whether nothing but endpoints leads out of it.
fn is_closed(flags: &[&str]) -> bool {
    flags.contains(&"required")
}

fn is_not_closed(flags: &[&str]) -> bool {
    !is_closed(flags)
}

pub const CHANGES: &[Change] = &[
    Change {
        applies: is_not_closed,
        ..change("image", &["--image", "public.ecr.aws/docker/library/nginx:1.29"])
    },
    change("environment", &["--env", "COLOUR=green", "--env", "EMPTY="]),
    Change {
        applies: on_instances,
        ..change("size on instances", &["--cpu", "300", "--memory", "700"])
    },
    Change {
        applies: on_fargate,
        ..change("size on Fargate", &["--cpu", "512", "--memory", "1024"])
    },
    change("port", &["--port", "8080"]),
    change("more tasks", &["--count", "3"]),
    change("fewer tasks", &["--count", "1"]),
    change("health path", &["--health-path", "/health"]),
    change("tags", &["--tag", "team=payments", "--tag", "cost-centre=42"]),
    Change { applies: on_instances, ..change("instance type", &["--instance-type", "c5.2xlarge"]) },
    // One at a time: an update says both.
    Change { applies: on_instances, ..change("smallest group", &["--min-size", "1"]) },
    Change { applies: on_instances, ..change("largest group", &["--max-size", "7"]) },
    change("who is allowed", &["--allow", "10.0.0.0/8", "--allow", "192.0.2.0/24"]),
    Change { applies: |flags| flags.len() == 2, ..change("one NAT gateway", &["--nat", "single"]) },
    Change {
        applies: |flags| flags.contains(&"--nat"),
        ..change("NAT gateways in both zones", &["--nat", "per-zone"])
    },
    Change {
        way: Way::Refused,
        applies: has_gateways,
        ..change("no NAT gateway", &["--nat", "none"])
    },
    Change { applies: is_not_closed, ..change("endpoints", &["--endpoints", "s3,dynamodb"]) },
    Change {
        applies: is_not_closed,
        ..change("endpoints of both kinds", &["--endpoints", "s3,ecr.api,ecr.dkr"])
    },
    Change {
        applies: |flags| !has_zone(flags),
        ..change("a zone", &["--zone", "shop.internal", "--host", "api.shop.internal"])
    },
    Change {
        way: Way::Refused,
        applies: has_zone,
        ..change("another zone", &["--zone", "shop.internal"])
    },
    Change { applies: has_zone, ..change("host", &["--host", "jobs.internal-worker.internal"]) },
    Change {
        applies: has_zone,
        ..change("no names", &["--remove", "internal-worker.internal", "--no-dns"])
    },
    Change { way: Way::Gap, applies: is_not_closed, ..change("service", ANOTHER_SERVICE) },
    Change {
        applies: |flags| is_not_closed(flags) && (on_fargate(flags) || !has_gateways(flags)),
        ..change("closed", &["--nat", "none", "--endpoints", "required", "--image", IN_ECR])
    },
    // Agents of instances that run would go on past the endpoints.
    Change {
        way: Way::Refused,
        applies: |flags| is_not_closed(flags) && on_instances(flags) && has_gateways(flags),
        ..change(
            "closed around instances",
            &["--nat", "none", "--endpoints", "required", "--image", IN_ECR],
        )
    },
    Change {
        applies: |flags| is_closed(flags) && on_fargate(flags),
        ..change("open again", &["--endpoints", "s3"])
    },
    Change {
        way: Way::Refused,
        applies: |flags| is_closed(flags) && on_instances(flags),
        ..change("open around instances", &["--endpoints", "s3"])
    },
    Change {
        applies: is_closed,
        ..change("one endpoint more", &["--endpoints", "required,sqs,dynamodb"])
    },
];

/// A new service needs its image said, and the old one goes by its name only.
const ANOTHER_SERVICE: &[&str] = &[
    "--service",
    "shop",
    "--image",
    "public.ecr.aws/docker/library/nginx:latest",
    "--remove",
    "worker",
    "--remove",
    "web",
];

impl Change {
    /// Whether it can be made to such a stack.
    pub fn can_be_made(&self, flags: &[&str]) -> bool {
        self.way != Way::Refused && (self.applies)(flags)
    }

    /// Whether it is about interface endpoints, whose chaos is a test of its own.
    pub fn is_about_interfaces(&self) -> bool {
        self.flags.iter().any(|it| it.contains("required") || it.contains("ecr.api"))
            || self.name == "open again"
    }

    /// The flags with the change: what it says takes the place of what they say.
    pub fn of<'a>(&self, flags: &[&'a str]) -> Vec<&'a str> {
        let pairs = flags.chunks(2).filter(|pair| !self.flags.contains(&pair[0]));
        pairs.flatten().chain(self.flags).copied().collect()
    }
}

/// Whether a request to the load balancer of a stack would be answered now.
fn serves(world: &mut World, stack: &str) -> bool {
    let ask = |world: &mut World, operation: &str, input| {
        elb::answer(world, operation, &input).unwrap_or_default()
    };
    let name = json!({ "Names": [format!("lb-{stack}")] });
    let balancers = ask(world, "DescribeLoadBalancers", name);
    let Some(balancer) = balancers.list("LoadBalancers").first() else { return false };
    if balancer.part("State").text("Code") != "active" {
        return false;
    }
    let of_it = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
    let listeners = ask(world, "DescribeListeners", of_it);
    let listener = listeners.list("Listeners").iter().find(|it| it.number("Port") == Some(80));
    let action = listener.and_then(|it| it.list("DefaultActions").first());
    let Some(group) = action.and_then(|it| it.some_text("TargetGroupArn")) else { return false };
    let health = ask(world, "DescribeTargetHealth", json!({ "TargetGroupArn": group }));
    let targets = health.list("TargetHealthDescriptions").iter();
    let healthy = targets.filter(|it| it.part("TargetHealth").text("State") == "healthy");
    let healthy: Vec<_> = healthy.map(|it| it.part("Target").clone()).collect();
    let groups = balancer.texts("SecurityGroups");
    healthy.iter().any(|target| is_reached(world, &groups, target))
}

/// Whether members of these groups reach a target: health checks only tell a minute later that they do
/// not.
fn is_reached(world: &mut World, from: &[String], target: &Value) -> bool {
    let address = json!([{ "Name": "addresses.private-ip-address", "Values": [target["Id"]] }]);
    let input = json!({ "Filters": address });
    let found = ec2::answer(world, "DescribeNetworkInterfaces", &input).unwrap_or_default();
    let interfaces = found.list("NetworkInterfaces").iter();
    let groups =
        interfaces.flat_map(|it| it.list("Groups")).map(|it| it.text("GroupId").to_owned());
    let groups: Vec<_> = groups.collect();
    let port = target.number("Port").and_then(|port| u16::try_from(port).ok());
    port.is_some_and(|port| ec2::may_reach(world, from, &groups, port))
}

/// Whether every route leads somewhere: a task behind one that does not could not even report.
fn routes_lead(world: &mut World) -> bool {
    let found = ec2::answer(world, "DescribeRouteTables", &json!({})).unwrap_or_default();
    let mut routes = found.list("RouteTables").iter().flat_map(|table| table.list("Routes"));
    !routes.any(|route| route.text("State") == "blackhole")
}

/// Asks once a second, for ever; counts the seconds without an answer, or without a way out.
async fn ask_each_second(cloud: &Cloud, stack: &str, failed: &mut u32) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let leads = |world: &mut World| world.once_caught_up(routes_lead);
        if !cloud.world(|world| serves(world, stack) && leads(world)) {
            *failed += 1;
        }
    }
}

/// What came of something, and for how many seconds of it the load balancer of a stack gave no answer.
pub async fn unanswered_while<T>(
    cloud: &Cloud,
    stack: &str,
    what: impl Future<Output = T>,
) -> (T, u32) {
    let mut unanswered = 0;
    let done = tokio::select! {
        done = what => done,
        () = ask_each_second(cloud, stack, &mut unanswered) => unreachable!("asks for ever"),
    };
    (done, unanswered)
}

/// A deploy, a change under the printed policy, a second deploy, a destroy.
pub async fn transition(stage: &Stage, flags: &[&str], change: &Change) -> Result<(), String> {
    let cloud = &stage.cloud;
    let before = ids(cloud);
    let changed = change.of(flags);
    obey_the_printed_policy(stage, &[flags, &changed[..]].concat()).await;
    expect(&stage.play(&deploy(flags)).await, Exit::Done, "deploy")?;
    holds(cloud, flags).await?;
    if cloud.world(|world| Goal::of(&changed).faults(world)).is_empty() {
        return Err("the goal does not tell the change".to_owned());
    }
    let words = deploy(&changed);
    let (played, unanswered) = unanswered_while(cloud, flags[1], stage.play(&words)).await;
    let wish = match change.way {
        Way::Refused => {
            expect(&played, Exit::Refused, "the change")?;
            flags
        }
        Way::Served | Way::Gap => {
            expect(&played, Exit::Done, "the change")?;
            &changed
        }
    };
    holds(cloud, wish).await?;
    if change.way != Way::Gap && unanswered > 0 {
        return Err(format!("no answer for {unanswered} s:\n{}", played.said()));
    }
    let again = stage.play(&deploy(wish)).await;
    expect(&again, Exit::Done, "the second deploy")?;
    if !again.changes().is_empty() {
        return Err(format!("the second deploy is not silent: {:?}", again.changes()));
    }
    expect(&stage.play(&destroy(flags)).await, Exit::Done, "destroy")?;
    no_defects(cloud)?;
    nothing_denied(cloud)?;
    nothing_left(cloud, &before)
}

#[test]
fn every_change_leads_to_what_was_asked_for_and_is_served_meanwhile() {
    let all = |flags: &'static [&'static str]| {
        let changes = CHANGES.iter().filter(|change| (change.applies)(flags));
        changes.map(move |change| (flags, change))
    };
    let cases: Vec<_> = STACKS.into_iter().chain(CLOSED).flat_map(all).collect();
    let play = |seed: u64| {
        let (flags, change) = cases[usize::try_from(seed).expect("few cases")];
        let stage = || Stage { cloud: Cloud::new(seed, Scenario::default()) };
        in_virtual_time(seed, async || transition(&stage(), flags, change).await)
            .map_err(|why| format!("{flags:?}, {}: {why}", change.name))
    };
    let failed = on_all_processors(cases.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
