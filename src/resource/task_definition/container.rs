//! A container of a task: that of the service itself, or a sidecar.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_ecs::types::{
    ContainerCondition, ContainerDefinition, ContainerDependency,
    HealthCheck as DescribedHealthCheck, KeyValuePair, LogConfiguration, LogDriver, PortMapping,
    Secret as SecretOfTask, TransportProtocol,
};
use serde_json::{Value, json};

use super::super::{Difference, Whole};

/// What a container is registered with, apart from its name and its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Image.
    pub image: String,
    /// CPU units of its own, of those of the task; 0 for none.
    pub cpu: i32,
    /// MiB that it may take at most; else as much as the task has.
    pub memory: Option<i32>,
    /// Whether the task ends with it.
    pub essential: bool,
    /// The TCP port that it listens on, if anybody reaches it.
    pub port: Option<i32>,
    /// Its environment.
    pub environment: BTreeMap<String, Variable>,
    /// Its secrets: what each is read from.
    pub secrets: BTreeMap<String, String>,
    /// Words before the command; empty for those of the image.
    pub entrypoint: Vec<String>,
    /// Words that it is started with; empty for those of the image.
    pub command: Vec<String>,
    /// Seconds that it may take to end before it is killed.
    pub stop_timeout: Option<i32>,
    /// What tells ECS that it is healthy.
    pub health: Option<HealthCheck>,
    /// The containers that it starts after, and what each has to be by then, in ECS's words.
    pub depends_on: BTreeMap<String, String>,
}

/// A command that is run in a container and tells whether it is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `CMD` and its words, or `CMD-SHELL` and a line.
    pub command: Vec<String>,
    /// Seconds between two checks.
    pub interval: i32,
    /// Seconds until one has failed.
    pub timeout: i32,
    /// How many failures in a row make it unhealthy.
    pub retries: i32,
    /// Seconds after the start in which failures do not count.
    pub start_period: i32,
}

/// The value of a variable, which is compared and never shown: many keep passwords in the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable(String);

impl Variable {
    /// Returns the value itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Variable {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the output of a container goes: the group, the region, and what the names of streams begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log<'a> {
    pub(super) group: &'a str,
    pub(super) region: &'a str,
    pub(super) prefix: &'a str,
}

impl<'a> Log<'a> {
    /// The options of the log driver. In blocking mode a slow log service would stop the tasks.
    fn options(self) -> BTreeMap<&'static str, &'a str> {
        BTreeMap::from([
            ("awslogs-group", self.group),
            ("awslogs-region", self.region),
            ("awslogs-stream-prefix", self.prefix),
            ("max-buffer-size", "25m"),
            ("mode", "non-blocking"),
        ])
    }
}

impl Container {
    /// What is registered.
    pub(super) fn definition(
        &self,
        name: &str,
        log: Log<'_>,
    ) -> Result<ContainerDefinition, String> {
        // Each task has a network interface of its own, so the host's port is the container's.
        let port = |port: i32| {
            let mapping = PortMapping::builder().container_port(port).host_port(port);
            mapping.protocol(TransportProtocol::Tcp).build()
        };
        let variable = |(name, value): (&String, &Variable)| {
            KeyValuePair::builder().name(name).value(value.as_str()).build()
        };
        let secret = |(name, from)| SecretOfTask::builder().name(name).value_from(from).build();
        let secrets: Result<Vec<_>, _> = self.secrets.iter().map(secret).collect();
        let secrets = secrets.map_err(|error| error.to_string())?;
        let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let options = log.options().into_iter();
        let logs = options.fold(logs, |logs, (key, value)| logs.options(key, value)).build();
        let after = |(container, condition): (&String, &String)| {
            let condition = ContainerCondition::from(condition.as_str());
            ContainerDependency::builder().container_name(container).condition(condition).build()
        };
        let after: Result<Vec<_>, _> = self.depends_on.iter().map(after).collect();
        let after = after.map_err(|error| error.to_string())?;
        Ok(ContainerDefinition::builder()
            .name(name)
            .image(&self.image)
            .cpu(self.cpu)
            .set_memory(self.memory)
            .essential(self.essential)
            .set_port_mappings(Some(self.port.map(port).into_iter().collect()))
            .set_environment(Some(self.environment.iter().map(variable).collect()))
            .set_entry_point(given(&self.entrypoint))
            .set_command(given(&self.command))
            .set_stop_timeout(self.stop_timeout)
            .set_health_check(self.health.as_ref().map(HealthCheck::described).transpose()?)
            .set_secrets((!secrets.is_empty()).then_some(secrets))
            .set_depends_on((!after.is_empty()).then_some(after))
            .log_configuration(logs.map_err(|error| error.to_string())?)
            .build())
    }

    /// The same as the API writes it, for the hash: whatever is added to the definition is added here. What is
    /// not said is not there, so that a container has the hash that it had before there was such a thing.
    pub(super) fn request(&self, name: &str, log: Log<'_>) -> Value {
        let options: BTreeMap<_, _> =
            log.options().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        let ports = self.port.map(|port| (port, port, "tcp".to_owned()));
        self.written(name, ports.as_slice(), &json!({ "logDriver": "awslogs", "options": Value::Object(options.into_iter().collect()) }))
    }

    /// What was registered, in the form of [`request`](Self::request).
    pub(super) fn registered(it: &ContainerDefinition) -> Value {
        let ports = it.port_mappings().iter().map(|port| {
            let protocol = port.protocol().map_or("", TransportProtocol::as_str);
            let [own, host] =
                [port.container_port(), port.host_port()].map(Option::unwrap_or_default);
            (own, host, protocol.to_owned())
        });
        let logs = it.log_configuration().map(|logs| {
            let options = logs.options().map(|options| options.iter().collect::<BTreeMap<_, _>>());
            json!({ "logDriver": logs.log_driver().as_str(), "options": options })
        });
        Self::read(it).written(
            it.name().unwrap_or_default(),
            &ports.collect::<Vec<_>>(),
            &json!(logs),
        )
    }

    fn written(&self, name: &str, ports: &[(i32, i32, String)], log: &Value) -> Value {
        let port = |(own, host, protocol): &(i32, i32, String)| json!({ "containerPort": own, "hostPort": host, "protocol": protocol });
        let variables = self.environment.iter().map(|(name, value)| (name, value.as_str()));
        let mut container = json!({
            "name": name,
            "image": self.image,
            "cpu": self.cpu,
            "essential": self.essential,
            "portMappings": ports.iter().map(port).collect::<Vec<_>>(),
            "environment": variables.collect::<BTreeMap<_, _>>(),
            "logConfiguration": log,
        });
        let mut say = |key: &str, is_said: bool, value: Value| {
            if is_said {
                container[key] = value;
            }
        };
        say("memory", self.memory.is_some(), json!(self.memory));
        say("entryPoint", !self.entrypoint.is_empty(), json!(self.entrypoint));
        say("command", !self.command.is_empty(), json!(self.command));
        say("stopTimeout", self.stop_timeout.is_some(), json!(self.stop_timeout));
        say("secrets", !self.secrets.is_empty(), json!(self.secrets));
        say("dependsOn", !self.depends_on.is_empty(), json!(self.depends_on));
        if let Some(HealthCheck { command, interval, timeout, retries, start_period }) =
            &self.health
        {
            container["healthCheck"] = json!({
                "command": command,
                "interval": interval,
                "timeout": timeout,
                "retries": retries,
                "startPeriod": start_period,
            });
        }
        container
    }

    /// Reads one that was registered.
    pub(super) fn read(it: &ContainerDefinition) -> Self {
        let variable = |pair: &KeyValuePair| {
            Some((pair.name()?.to_owned(), Variable::from(pair.value().unwrap_or_default())))
        };
        let secrets = it.secrets().iter();
        let after = it.depends_on().iter();
        Self {
            image: it.image().unwrap_or_default().to_owned(),
            cpu: it.cpu(),
            memory: it.memory(),
            essential: it.essential().unwrap_or(true),
            port: it.port_mappings().first().and_then(PortMapping::container_port),
            environment: it.environment().iter().filter_map(variable).collect(),
            secrets: secrets.map(|it| (it.name().to_owned(), it.value_from().to_owned())).collect(),
            entrypoint: it.entry_point().to_vec(),
            command: it.command().to_vec(),
            stop_timeout: it.stop_timeout(),
            health: it.health_check().map(|it| HealthCheck {
                command: it.command().to_vec(),
                interval: it.interval().unwrap_or(30),
                timeout: it.timeout().unwrap_or(5),
                retries: it.retries().unwrap_or(3),
                start_period: it.start_period().unwrap_or(0),
            }),
            depends_on: after
                .map(|it| (it.container_name().to_owned(), it.condition().as_str().to_owned()))
                .collect(),
        }
    }

    /// What can differ and be told in one word, by the names of the API; the image first.
    fn fields(&self) -> [(&'static str, String); 7] {
        let or_none = |words: &[String], none: &str| match words {
            [] => none.to_owned(),
            words => words.join(" "),
        };
        let health = self.health.as_ref().map(|it| {
            let HealthCheck { command, interval, timeout, retries, start_period } = it;
            format!(
                "{} every {interval}s within {timeout}s, {retries} times, after {start_period}s",
                command.join(" ")
            )
        });
        let stop = self.stop_timeout.map(|seconds| format!("{seconds}s"));
        let port = self.port.map(|port| port.to_string());
        let after: Vec<_> =
            self.depends_on.iter().map(|(name, is)| format!("{name} {is}")).collect();
        [
            ("image", self.image.clone()),
            ("port", port.unwrap_or_else(|| "none".to_owned())),
            ("entryPoint", or_none(&self.entrypoint, "the image's")),
            ("command", or_none(&self.command, "the image's")),
            ("stopTimeout", stop.unwrap_or_else(|| "ECS's own".to_owned())),
            ("healthCheck", health.unwrap_or_else(|| "none".to_owned())),
            ("dependsOn", or_none(&after, "none")),
        ]
    }

    /// What changes from this to another, field by field; values of the environment stay unsaid.
    pub(super) fn changes(&self, wanted: &Self) -> Vec<Difference<Whole>> {
        let mut changes = Vec::new();
        for ((field, is), (_, wanted)) in self.fields().into_iter().zip(wanted.fields()) {
            if is != wanted {
                changes.push(Difference::update(Whole, field, is, wanted));
            }
        }
        let names: BTreeSet<_> = self.environment.keys().chain(wanted.environment.keys()).collect();
        for name in names {
            let (is, wanted) = (self.environment.get(name), wanted.environment.get(name));
            let words = match (is, wanted) {
                (Some(_), None) => ("set", "not set"),
                (None, _) => ("not set", "set"),
                (Some(is), Some(wanted)) if is != wanted => ("set", "set to another value"),
                _ => continue,
            };
            let field = format!("environment {name}");
            changes.push(Difference::update(Whole, &field, words.0, words.1));
        }
        // Where a secret is, is none.
        let names: BTreeSet<_> = self.secrets.keys().chain(wanted.secrets.keys()).collect();
        for name in names {
            let words = |of: &Self| of.secrets.get(name).map_or("none", String::as_str).to_owned();
            let (is, wanted) = (words(self), words(wanted));
            if is != wanted {
                changes.push(Difference::update(Whole, &format!("secret {name}"), is, wanted));
            }
        }
        changes
    }

    /// The same of one beside the service's own, whose part of the task is its own affair, too.
    pub(super) fn changes_of_sidecar(&self, wanted: &Self) -> Vec<Difference<Whole>> {
        let mut changes = self.changes(wanted);
        let memory = |it: &Self| it.memory.map_or("the task's".to_owned(), |mib| mib.to_string());
        let more = [
            ("cpu", self.cpu.to_string(), wanted.cpu.to_string()),
            ("memory", memory(self), memory(wanted)),
            ("essential", self.essential.to_string(), wanted.essential.to_string()),
        ];
        for (field, is, wanted) in more {
            if is != wanted {
                changes.push(Difference::update(Whole, field, is, wanted));
            }
        }
        changes
    }
}

impl HealthCheck {
    fn described(&self) -> Result<DescribedHealthCheck, String> {
        DescribedHealthCheck::builder()
            .set_command(Some(self.command.clone()))
            .interval(self.interval)
            .timeout(self.timeout)
            .retries(self.retries)
            .start_period(self.start_period)
            .build()
            .map_err(|error| error.to_string())
    }
}

/// Words, if there are any.
fn given(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}
