//! What was read of AWS about a service: plain values, without the SDK. What was not read is absent, and
//! tells nothing.

/// Everything that was read about one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What was asked for.
    pub wanted: Wanted,
    /// How its newest deployment goes.
    pub rollout: Rollout,
    /// What ECS has told since that began, the newest first.
    pub events: Vec<String>,
    /// Its tasks that ended, the newest first.
    pub tasks: Vec<StoppedTask>,
    /// What the containers of the newest of them wrote last.
    pub log: Option<Log>,
    /// Its targets that are not healthy.
    pub targets: Vec<Target>,
    /// The launches of its group that have failed since the last one that went well, the newest first.
    pub launches: Vec<Launch>,
    /// The group of its instances.
    pub group: Option<Group>,
    /// The instances of its cluster, as their agents registered them.
    pub agents: Option<Vec<Agent>>,
    /// The subnets of its tasks, or of its instances where those pull the images.
    pub subnets: Vec<Subnet>,
    /// The NAT gateways of its stack.
    pub gateways: Vec<Gateway>,
    /// What VPC Block Public Access blocks: `off`, `block-bidirectional` or `block-ingress`.
    pub public_access: Option<String>,
    /// Whether the security groups of its tasks let anything out.
    pub lets_out: Option<bool>,
    /// Whether they let the load balancer in on the container's port.
    pub lets_in: Option<bool>,
    /// The roles that its tasks and instances take on.
    pub roles: Vec<Role>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

impl Evidence {
    /// The same, with what a newer look shows of the service. What else was read is as it was.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        let Wanted { service, on_fargate, count, port, .. } = newer.wanted;
        let wanted = Wanted { service, on_fargate, count, port, ..self.wanted };
        Self { wanted, rollout: newer.rollout, events: newer.events, ..self }
    }
}

impl Evidence {
    /// The same without what has happened: only how things are.
    #[must_use]
    pub fn of_now(self) -> Self {
        let (events, tasks, launches) = (Vec::new(), Vec::new(), Vec::new());
        Self { events, tasks, launches, log: None, ..self }
    }
}

/// What was asked for, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the service.
    pub service: String,
    /// Whether its tasks run on Fargate.
    pub on_fargate: bool,
    /// How many tasks.
    pub count: i32,
    /// The image.
    pub image: Option<String>,
    /// The container's port.
    pub port: Option<i32>,
    /// Path of the health check.
    pub health_path: Option<String>,
    /// The statuses that are healthy.
    pub health_status: Option<String>,
    /// Seconds until a check has failed.
    pub health_timeout: Option<i32>,
    /// CPU units of a task.
    pub cpu: Option<u64>,
    /// Memory of a task, in MiB.
    pub memory: Option<u64>,
    /// ARN or name of the role with which its tasks are started.
    pub execution_role: Option<String>,
    /// The group that its tasks log to.
    pub log_group: Option<String>,
    /// What the names of streams begin with there; then come the container and the task.
    pub log_prefix: Option<String>,
    /// The type of its instances.
    pub shape: Option<Shape>,
}

/// An instance type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its processors.
    pub vcpus: Option<u64>,
    /// Its network interfaces, one of which is its own.
    pub interfaces: Option<u64>,
}

/// How a deployment goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// Tasks of it that run.
    pub running: i32,
    /// Tasks of it that are on their way.
    pub pending: i32,
    /// Why it failed, in ECS's words, when it did.
    pub failed: Option<String>,
}

/// A task that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoppedTask {
    /// Its id.
    pub id: String,
    /// Why, in ECS's words.
    pub reason: String,
    /// How its containers ended.
    pub containers: Vec<End>,
}

impl StoppedTask {
    /// What a container exited with, if it had started.
    pub fn code_of(&self, container: &str) -> Option<i32> {
        self.containers.iter().find(|it| it.name == container).and_then(|it| it.code)
    }
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// The container.
    pub name: String,
    /// What it exited with.
    pub code: Option<i32>,
    /// What the agent said of it.
    pub reason: Option<String>,
}

impl StoppedTask {
    /// The container that ended it: one that failed before one that did not.
    pub fn culprit(&self) -> Option<&End> {
        let ended = self.containers.iter().filter(|it| it.code.is_some());
        ended.max_by_key(|it| it.code != Some(0))
    }

    /// ECS's reason, and what its containers ended with, if that says more.
    pub fn text(&self) -> String {
        let why = self.reason.trim_end_matches('.');
        let ends = self.containers.iter().filter_map(|container| {
            let code = container.code.map(|code| format!("exited with {code}"));
            let reason = container.reason.as_deref().map(|it| it.trim_end_matches('.'));
            let reason = reason.filter(|reason| !why.contains(reason)).map(str::to_owned);
            let words: Vec<_> = code.into_iter().chain(reason).collect();
            (!words.is_empty()).then(|| format!("{} {}", container.name, words.join(", ")))
        });
        let ends = ends.collect::<Vec<_>>().join("; ");
        let why = without_arns(why);
        if ends.is_empty() { why } else { format!("{why} ({ends})") }
    }
}

/// A text in which target groups have names instead of ARNs.
pub(super) fn without_arns(text: &str) -> String {
    const OPENING: &str = "(target-group ";
    let mut words = String::new();
    let mut rest = text;
    while let Some((before, arn)) = rest.split_once(OPENING)
        && let Some((arn, after)) = arn.split_once(')')
    {
        let name = arn.split('/').nth(1).unwrap_or(arn);
        words.extend([before, OPENING, name, ")"]);
        rest = after;
    }
    words + rest
}

/// What a container wrote last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The task.
    pub task: String,
    /// Its last lines, the newest last.
    pub lines: Vec<String>,
}

/// A target that is not healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Its state, such as `unhealthy`.
    pub state: String,
    /// ELB's code for why, such as `Target.Timeout`.
    pub reason: String,
    /// The same in words.
    pub description: String,
}

/// A launch that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launch {
    /// Id of the activity.
    pub id: String,
    /// Why, in AWS's words.
    pub message: String,
    /// When it began, in seconds since 1970.
    pub at: Option<i64>,
}

/// A group of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// How many it wants.
    pub desired: i32,
    /// How many it may have.
    pub most: i32,
    /// How many serve.
    pub in_service: i32,
}

/// An instance as its agent registered it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// The EC2 instance.
    pub instance: String,
    /// Whether the agent is connected.
    pub is_connected: bool,
    /// CPU units that are left.
    pub cpu: u64,
    /// Memory that is left, in MiB.
    pub memory: u64,
    /// Tasks that it has.
    pub tasks: u64,
}

/// Where what starts in a subnet gets out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayOut {
    /// Through an internet gateway, with a public address.
    Internet,
    /// Through a NAT gateway with this id.
    Nat(String),
    /// Through something else, such as a transit gateway: nobody can tell from here.
    Other(String),
    /// Through endpoints of the VPC alone: those that are needed and not there, each with its state, if it
    /// has one.
    Endpoints(Vec<(String, Option<String>)>),
    /// Through something that is gone.
    Blackhole(String),
    /// Nowhere.
    Nowhere,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its route table.
    pub table: String,
    /// Where its default route leads.
    pub way_out: WayOut,
    /// Whether what starts in it has a public address.
    pub has_public_addresses: bool,
    /// How many of its addresses are free.
    pub free_addresses: Option<i32>,
}

/// A NAT gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Why it failed.
    pub failure: Option<String>,
}

/// A role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The service of AWS that has to be able to take it on.
    pub service: String,
    /// Whether it is there.
    pub exists: bool,
    /// Whether its trust policy names that service.
    pub is_trusted: bool,
    /// The policy of AWS that it needs.
    pub policy: String,
    /// Whether that is attached.
    pub has_policy: bool,
}
