//! What a task runs: a family of numbered revisions, of which the newest active one counts.
//!
//! Each registration makes a revision, also when nothing changed, so revisions carry a hash of their
//! content in a tag, and only the hash decides. Where the tag is gone, the content itself is hashed. Old
//! revisions stay: a rollback needs them. Removal takes two calls, deregistration and deletion, and a
//! revision in use is deleted later by ECS.

mod container;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    Compatibility as Requires, ContainerDefinition, CpuArchitecture, NetworkMode, OsFamily,
    RuntimePlatform, SortOrder, Tag, TaskDefinition as Described, TaskDefinitionField,
    TaskDefinitionStatus as Status,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::container::Log;
pub use self::container::{Container, HealthCheck, Variable};
use super::id::TaskDefinitionArn;
use super::release::TAG_RELEASED;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, log_group, role,
    service,
};
use crate::arn::Arn;
use crate::aws::tags::Tagged;
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, Scope, Tagging, missing};
use crate::names::{Names, NodeName, ServiceName};

/// The tag that holds the hash of a revision's content.
pub const TAG_CONTENT: &str = "ecsup:content";

/// How many descriptions are asked for at once: there is no batch of them.
const AT_ONCE: usize = 8;

/// What a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Our own instances.
    Ec2,
    /// Fargate.
    Fargate,
    /// Fargate on AWS Graviton.
    FargateOnArm,
}

/// A revision as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its ARN.
    pub arn: TaskDefinitionArn,
    /// Hash of its content, from a tag. `None` when not read.
    pub hash: Option<String>,
    /// What people recognise in the content, to say what changes. `None` when not read.
    pub content: Option<Content>,
    /// Whether the release command of the service has ended well with it. `None` when not read.
    pub released: Option<bool>,
}

/// The parts of a revision's content that a change can be told by. The hash covers more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// CPU units.
    pub cpu: String,
    /// Memory in MiB.
    pub memory: String,
    /// The container that is called like the service.
    pub own: Container,
    /// Those beside it.
    pub sidecars: BTreeMap<String, Container>,
    /// ARN of the role of its tasks, if they have one.
    pub task_role: Option<String>,
    /// The processor that its tasks ask for, in ECS's words, where they ask for one.
    pub architecture: Option<String>,
}

/// What a task definition takes from others.
#[derive(Debug)]
pub struct Needs {
    /// The role with which ECS pulls its image, writes its logs and reads its secrets.
    pub role: role::Output,
    /// Where its logs go.
    pub log_group: log_group::Output,
    /// The role of its tasks, where that is one of the stack's own.
    pub task_role: Option<role::Output>,
}

/// The task definition that is wanted.
#[derive(Debug)]
pub struct TaskDefinition {
    /// The service.
    pub service: ServiceName,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Its own container, which is called like it.
    pub own: Container,
    /// Those beside it, by their names.
    pub sidecars: BTreeMap<String, Container>,
    /// ARN of a role of somebody else for its tasks, if they have one.
    pub task_role: Option<String>,
    /// What it runs on.
    pub compatibility: Compatibility,
    /// The region that its logs go to.
    pub region: String,
}

impl Resource for TaskDefinition {
    type Output = Output;
    const KIND: Kind = Kind::TaskDefinition;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        newest_of_all(aws, scope, families(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let mut families = others.families().await?;
        if families.len() <= service::MANY {
            return newest_of_all(aws, scope, families).await;
        }
        let known = service::running(others).await?;
        families.retain(|family| !known.contains_key(family));
        let mut all = newest_of_all(aws, scope, families).await?;
        all.extend(known.into_values());
        Ok(all)
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ecs(it.arn.as_str().to_owned()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let Some((scope, family)) = whose(&it.arn) else { return Ok(()) };
        let mut ours = Vec::new();
        for status in [Status::Active, Status::Inactive] {
            let active = status == Status::Active;
            for (owned, _) in revisions(aws, &scope, family, status).await? {
                if active {
                    deregister(aws, &owned.it().arn).await?;
                }
                ours.push(owned.it().arn.to_string());
            }
        }
        for batch in ours.chunks(10) {
            let delete = aws.ecs.delete_task_definitions();
            let delete = delete.set_task_definitions(Some(batch.to_vec())).send().await;
            let deleted = delete.doing("delete the task definition")?;
            // One that is not deregistered everywhere yet is found by the next look.
            for failure in deleted.failures() {
                let [arn, why] = [failure.arn(), failure.reason()].map(Option::unwrap_or_default);
                tracing::debug!("{arn} is not deleted: {why}");
            }
        }
        Ok(())
    }
}

impl Wanted for TaskDefinition {
    type Needs = Needs;
    type Change = Whole;
    const UPDATE_REPLACES: bool = true;

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Self::Needs) -> Result<Made<Output>> {
        const DOING: &str = "register the task definition";
        let Needs { role, log_group, .. } = needs;
        let hash = self.hash(needs);
        let containers: Result<Vec<_>, _> = self
            .containers()
            .map(|(name, it)| it.definition(name, self.log(&log_group.name)))
            .collect();
        let containers = containers.map_err(|why| Error::other(DOING, why))?;
        let platform = self.architecture().map(|architecture| {
            let platform = RuntimePlatform::builder().cpu_architecture(architecture);
            platform.operating_system_family(OsFamily::Linux).build()
        });
        let register = cx
            .aws
            .ecs_once
            .register_task_definition()
            .family(cx.names.task_family(&self.service))
            .cpu(self.cpu.to_string())
            .memory(self.memory.to_string())
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(self.requires())
            .set_runtime_platform(platform)
            .execution_role_arn(role.arn.as_str())
            .set_task_role_arn(self.task_role_of(needs))
            .set_container_definitions(Some(containers))
            .set_tags(Some(cx.ecs_tags(node)))
            .tags(Tag::builder().key(TAG_CONTENT).value(&hash).build());
        let registered = register.send().await;
        let registered =
            registered.doing(DOING).wait_on(&["ClientException: Role is not valid"])?;
        let revision = registered.task_definition().and_then(Described::task_definition_arn);
        let arn = TaskDefinitionArn::from(revision.ok_or_else(|| missing(DOING, "ARN"))?);
        let (hash, content) = (Some(hash), Some(self.content(needs)));
        Ok(Made::Ready(Output { arn, hash, content, released: Some(false) }))
    }

    fn drift(&self, it: &Output, needs: &Self::Needs) -> Vec<Difference<Whole>> {
        let wanted = self.hash(needs);
        let Some(hash) = it.hash.as_ref().filter(|hash| **hash != wanted) else {
            return Vec::new();
        };
        let changes = it.content.as_ref().map(|is| is.changes(&self.content(needs)));
        match changes {
            Some(changes) if !changes.is_empty() => changes,
            _ => vec![Difference::update(Whole, "content", hash, wanted)],
        }
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        _it: &Output,
        needs: &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        self.create(cx, node, needs).await
    }
}

impl TaskDefinition {
    /// All containers by name, its own first.
    fn containers(&self) -> impl Iterator<Item = (&str, &Container)> {
        let sidecars = self.sidecars.iter().map(|(name, it)| (name.as_str(), it));
        std::iter::once((self.service.as_str(), &self.own)).chain(sidecars)
    }

    /// All containers write into the log group of the service.
    fn log<'a>(&'a self, group: &'a str) -> Log<'a> {
        Log { group, region: &self.region, prefix: self.service.as_str() }
    }

    fn requires(&self) -> Requires {
        match self.compatibility {
            Compatibility::Ec2 => Requires::Ec2,
            Compatibility::Fargate | Compatibility::FargateOnArm => Requires::Fargate,
        }
    }

    /// The processor that has to be asked for: else Fargate takes `X86_64`, and instances are what they are.
    fn architecture(&self) -> Option<CpuArchitecture> {
        (self.compatibility == Compatibility::FargateOnArm).then_some(CpuArchitecture::Arm64)
    }

    /// What is registered, as the API writes it: whatever is added to the request is added here.
    fn request(&self, needs: &Needs) -> Value {
        let Needs { role, log_group, .. } = needs;
        let containers = self.containers();
        let containers = containers.map(|(name, it)| it.request(name, self.log(&log_group.name)));
        let mut request = json!({
            "cpu": self.cpu.to_string(),
            "memory": self.memory.to_string(),
            "networkMode": "awsvpc",
            "requiresCompatibilities": [self.requires().as_str()],
            "executionRoleArn": role.arn.as_str(),
            "containerDefinitions": containers.collect::<Vec<_>>(),
        });
        say_task_role(&mut request, self.task_role_of(needs).as_deref());
        say_architecture(&mut request, self.architecture().as_ref());
        request
    }

    /// The role of its tasks: one of the stack's own, or of somebody else.
    fn task_role_of(&self, needs: &Needs) -> Option<String> {
        let own = needs.task_role.as_ref().map(|role| role.arn.to_string());
        own.or_else(|| self.task_role.clone())
    }

    /// The hash of everything that is registered, the values of the environment among it.
    fn hash(&self, needs: &Needs) -> String {
        hash_of(&self.request(needs))
    }

    fn content(&self, needs: &Needs) -> Content {
        Content {
            cpu: self.cpu.to_string(),
            memory: self.memory.to_string(),
            own: self.own.clone(),
            sidecars: self.sidecars.clone(),
            task_role: self.task_role_of(needs),
            architecture: self.architecture().map(|it| it.as_str().to_owned()),
        }
    }
}

/// The ARN of the role of tasks; some endpoints say none as an empty text.
fn task_role_of(it: &Described) -> Option<&str> {
    it.task_role_arn().filter(|role| !role.is_empty())
}

/// Says the role of tasks, likewise.
fn say_task_role(request: &mut Value, role: Option<&str>) {
    if let Some(role) = role {
        request["taskRoleArn"] = json!(role);
    }
}

/// Says the processor that tasks ask for, likewise.
fn say_architecture(request: &mut Value, architecture: Option<&CpuArchitecture>) {
    if let Some(architecture) = architecture {
        request["runtimePlatform"] = json!({
            "cpuArchitecture": architecture.as_str(),
            "operatingSystemFamily": OsFamily::Linux.as_str(),
        });
    }
}

/// The processor that a revision asks for, unless it is the usual one.
fn architecture_of(it: &Described) -> Option<&CpuArchitecture> {
    let architecture = it.runtime_platform().and_then(RuntimePlatform::cpu_architecture);
    architecture.filter(|it| **it != CpuArchitecture::X8664)
}

fn hash_of(request: &Value) -> String {
    let digest = Sha256::digest(request.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What was registered, in the form of [`TaskDefinition::request`]. A definition that has another form
/// than ours comes out otherwise, and so counts as another one.
fn registered(it: &Described) -> Value {
    let runs_on = it.requires_compatibilities().iter().map(Requires::as_str);
    let containers = it.container_definitions().iter().map(Container::registered);
    let mut request = json!({
        "cpu": it.cpu(),
        "memory": it.memory(),
        "networkMode": it.network_mode().map(NetworkMode::as_str),
        "requiresCompatibilities": runs_on.collect::<Vec<_>>(),
        "executionRoleArn": it.execution_role_arn(),
        "containerDefinitions": containers.collect::<Vec<_>>(),
    });
    say_task_role(&mut request, task_role_of(it));
    say_architecture(&mut request, architecture_of(it));
    request
}

impl Content {
    /// Its containers by their names, its own as that of the service.
    pub fn containers<'a>(
        &'a self,
        service: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Container)> {
        let sidecars = self.sidecars.iter().map(|(name, it)| (name.as_str(), it));
        std::iter::once((service, &self.own)).chain(sidecars)
    }

    /// What changes from this to another, field by field.
    pub fn changes(&self, wanted: &Self) -> Vec<Difference<Whole>> {
        let mut changes = self.own.changes(&wanted.own);
        let or =
            |word: &Option<String>, none: &str| word.clone().unwrap_or_else(|| none.to_owned());
        let fields = [
            ("cpu", self.cpu.clone(), wanted.cpu.clone()),
            ("memory", self.memory.clone(), wanted.memory.clone()),
            ("task role", or(&self.task_role, "none"), or(&wanted.task_role, "none")),
            (
                "cpuArchitecture",
                or(&self.architecture, "X86_64"),
                or(&wanted.architecture, "X86_64"),
            ),
        ];
        for (field, is, wanted) in fields {
            if is != wanted {
                changes.push(Difference::update(Whole, field, is, wanted));
            }
        }
        let names: BTreeSet<_> = self.sidecars.keys().chain(wanted.sidecars.keys()).collect();
        for name in names {
            let image = |it: Option<&Container>| it.map_or("none", |it| &it.image).to_owned();
            match (self.sidecars.get(name), wanted.sidecars.get(name)) {
                (Some(is), Some(wanted)) => {
                    let of_it = is.changes_of_sidecar(wanted).into_iter();
                    changes.extend(
                        of_it.map(|it| Difference { field: format!("{name} {}", it.field), ..it }),
                    );
                }
                (is, wanted) => {
                    let field = format!("sidecar {name}");
                    changes.push(Difference::update(Whole, &field, image(is), image(wanted)));
                }
            }
        }
        changes
    }

    /// Reads the content of a revision that has a container called like the service.
    fn read(revision: &Described) -> Option<Self> {
        let (_, service) = parts(revision.family()?)?;
        let containers = revision.container_definitions().iter();
        let mut containers: BTreeMap<_, _> = containers
            .filter_map(|it: &ContainerDefinition| {
                Some((it.name()?.to_owned(), Container::read(it)))
            })
            .collect();
        Some(Self {
            cpu: revision.cpu()?.to_owned(),
            memory: revision.memory()?.to_owned(),
            own: containers.remove(service)?,
            sidecars: containers,
            task_role: task_role_of(revision).map(str::to_owned),
            architecture: architecture_of(revision).map(|it| it.as_str().to_owned()),
        })
    }
}

/// What the families of a scope begin with: `td-<stack>_`, or `td-` for any stack.
fn prefix(scope: &Scope) -> String {
    match scope.names() {
        Some(names) => format!("td-{}_", names.stack()),
        None => "td-".into(),
    }
}

/// The stack and the service of a family named `td-<stack>_<service>`.
pub fn parts(family: &str) -> Option<(&str, &str)> {
    family.strip_prefix("td-")?.split_once('_')
}

/// The families that are named like ours, also those without an active revision.
pub async fn families(aws: &Aws, scope: &Scope) -> Result<Vec<String>> {
    let all = aws.ecs.list_task_definition_families().family_prefix(prefix(scope));
    let all = all.into_paginator().items().send().all().await;
    let mut families = all.doing("list the families of task definitions")?;
    families.retain(|family| parts(family).is_some());
    Ok(families)
}

/// The newest active revisions of families that are ours.
async fn newest_of_all(
    aws: &Aws,
    scope: &Scope,
    families: Vec<String>,
) -> Result<Vec<Owned<Output>>> {
    let newest = stream::iter(families)
        .map(async |family: String| newest(aws, scope, &family).await)
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    Ok(newest.await?.into_iter().flatten().collect())
}

/// The newest active revision of a family that is ours.
async fn newest(aws: &Aws, scope: &Scope, family: &str) -> Result<Option<Owned<Output>>> {
    match describe(aws, scope, family).await? {
        Some((owned, true)) => return Ok(Some(owned)),
        // Among all stacks, only what is in use counts.
        _ if scope.names().is_none() => return Ok(None),
        _ => {}
    }
    // The newest is somebody else's, or a removal was interrupted after the deregistration.
    for status in [Status::Active, Status::Inactive] {
        if let Some((owned, _)) = revisions(aws, scope, family, status).await?.into_iter().next() {
            return Ok(Some(owned));
        }
    }
    Ok(None)
}

/// Our revisions of a family, newest first.
async fn revisions(
    aws: &Aws,
    scope: &Scope,
    family: &str,
    status: Status,
) -> Result<Vec<(Owned<Output>, bool)>> {
    // The prefix is a whole family's name here.
    let all = aws.ecs.list_task_definitions().family_prefix(family).status(status);
    let all = all.sort(SortOrder::Desc).into_paginator().items().send();
    let all = all.all().await;
    let all = all.doing("list the revisions of the task definition")?;
    let described = stream::iter(all)
        .map(async |revision: String| describe(aws, scope, &revision).await)
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    Ok(described.await?.into_iter().flatten().collect())
}

/// The active revisions of a family that are ours, newest first.
pub async fn active(aws: &Aws, scope: &Scope, family: &str) -> Result<Vec<Output>> {
    let all = revisions(aws, scope, family, Status::Active).await?;
    Ok(all.into_iter().map(|(owned, _)| owned.it().clone()).collect())
}

/// One revision, or the newest active one of a family, if it is ours, and whether it is active.
async fn describe(
    aws: &Aws,
    scope: &Scope,
    revision: &str,
) -> Result<Option<(Owned<Output>, bool)>> {
    let describe = aws.ecs.describe_task_definition().task_definition(revision);
    let described = describe.include(TaskDefinitionField::Tags).send().await;
    let described = described
        .doing("describe the task definition")
        .gone_is_fine(&["ClientException: Unable to describe task definition"])?;
    Ok(described.and_then(|described| read(scope, described.task_definition()?, described.tags())))
}

/// What people recognise in one revision, if it is ours, also when it was deregistered since: of the newest
/// active ones, listings have it.
pub async fn content_of(aws: &Aws, scope: &Scope, arn: &str) -> Result<Option<Content>> {
    let describe = aws.ecs.describe_task_definition().task_definition(arn);
    let described = describe.include(TaskDefinitionField::Tags).send().await;
    let described = described
        .doing("describe the task definition")
        .gone_is_fine(&["ClientException: Unable to describe task definition"])?;
    Ok(described.and_then(|described| {
        scope.owner(described.tags())?;
        Content::read(described.task_definition()?)
    }))
}

fn read(scope: &Scope, revision: &Described, tags: &[Tag]) -> Option<(Owned<Output>, bool)> {
    let owner = scope.owner(tags)?;
    let active = match revision.status() {
        Some(Status::Active) => true,
        Some(Status::Inactive) => false,
        _ => return None,
    };
    let hash = tags.iter().find(|tag| Tagged::key(*tag) == TAG_CONTENT).map(Tagged::value);
    let (hash, content) = if active {
        // Somebody took the tag off: what is registered says it as well.
        let hash = hash.map_or_else(|| hash_of(&registered(revision)), str::to_owned);
        (Some(hash), Content::read(revision))
    } else {
        // Nothing can run it any more, whatever is in it.
        (Some("deregistered".into()), None)
    };
    let arn = TaskDefinitionArn::from(revision.task_definition_arn()?);
    let id = revision.family()?.to_owned();
    let released = Some(tags.iter().any(|tag| Tagged::key(tag) == TAG_RELEASED));
    let seen = Seen::Present(Output { arn, hash, content, released }, Phase::Ready);
    Some((Owned { owner, id, seen }, active))
}

/// The stack that a revision's name says it belongs to, and its family. Its tags still have to agree.
fn whose(arn: &TaskDefinitionArn) -> Option<(Scope, &str)> {
    let Arn { region, resource, .. } = Arn::parse(arn.as_str())?;
    let (_, name) = resource.split_once('/')?;
    let family = name.rsplit_once(':').map_or(name, |(family, _)| family);
    let (stack, _) = parts(family)?;
    Some((Scope::Stack(Names::new(stack.parse().ok()?, region)), family))
}

async fn deregister(aws: &Aws, arn: &TaskDefinitionArn) -> Result<()> {
    let deregister = aws.ecs.deregister_task_definition().task_definition(arn.as_str());
    deregister
        .send()
        .await
        .doing("deregister the task definition")
        .gone_is_fine(&[
            "ClientException: does not exist",
            "ClientException: not found",
            "ClientException: Unable to describe task definition",
            "InvalidParameterException: inactive",
        ])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> TaskDefinition {
        TaskDefinition {
            service: "web".parse().unwrap(),
            cpu: 256,
            memory: 512,
            own: Container {
                image: "nginx:2".into(),
                cpu: 256,
                memory: Some(512),
                essential: true,
                port: Some(80),
                environment: [("PASSWORD".into(), "swordfish".into())].into(),
                secrets: [("DB".into(), "arn:aws:ssm:eu-west-1:1:parameter/demo/DB".into())].into(),
                ..Container::default()
            },
            sidecars: BTreeMap::new(),
            task_role: None,
            compatibility: Compatibility::Ec2,
            region: "eu-west-1".into(),
        }
    }

    fn sidecar() -> Container {
        Container {
            image: "envoy:1".into(),
            essential: true,
            port: Some(9000),
            depends_on: [("web".into(), "START".into())].into(),
            ..Container::default()
        }
    }

    fn needs() -> Needs {
        Needs {
            role: role::tests::output(),
            log_group: log_group::Output {
                name: "/ecsup/demo/web".into(),
                arn: None,
                retention_days: None,
                adoption: None,
            },
            task_role: None,
        }
    }

    fn it(of: &TaskDefinition) -> Output {
        Output {
            arn: "arn:aws:ecs:eu-west-1:1:task-definition/td-demo_web:3".into(),
            hash: Some(of.hash(&needs())),
            content: Some(of.content(&needs())),
            released: None,
        }
    }

    #[test]
    fn the_hash_decides_and_the_fields_explain() {
        let own = Container {
            image: "nginx:1".into(),
            secrets: [("OLD_KEY".into(), "arn:old".into())].into(),
            environment: [("PASSWORD".into(), "hunter2".into()), ("OLD".into(), "1".into())].into(),
            ..wanted().own
        };
        let before = TaskDefinition { own, ..wanted() };
        assert_eq!(wanted().drift(&it(&wanted()), &needs()), []);
        let differences = wanted().drift(&it(&before), &needs());
        let fields: Vec<_> = differences.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            ["image", "environment OLD", "environment PASSWORD", "secret DB", "secret OLD_KEY"]
        );
        let shown = format!("{differences:?} {:?}", it(&before));
        assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
    }

    #[test]
    fn a_change_that_no_field_shows_is_told_by_the_hash() {
        let before = TaskDefinition { region: "us-east-1".into(), ..wanted() };
        let differences = wanted().drift(&it(&before), &needs());
        assert_eq!(differences[0].field, "content");
        assert_eq!(wanted().drift(&Output { hash: None, ..it(&before) }, &needs()), []);
    }

    #[test]
    fn the_request_and_what_is_hashed_say_the_same() {
        let wanted = TaskDefinition { sidecars: [("proxy".into(), sidecar())].into(), ..wanted() };
        let definition = |(name, it): (&str, &Container)| {
            it.definition(name, wanted.log("/ecsup/demo/web")).unwrap()
        };
        let containers: Vec<_> = wanted.containers().map(definition).collect();
        let written: Vec<_> = containers.iter().map(Container::registered).collect();
        assert_eq!(Value::from(written), wanted.request(&needs())["containerDefinitions"]);
    }

    #[test]
    fn who_has_no_sidecars_has_the_hash_from_before_there_were_any() {
        assert_eq!(wanted().hash(&needs()), "ae88592fae1b2eb8");
        let arm = TaskDefinition { compatibility: Compatibility::FargateOnArm, ..wanted() };
        let told = arm.drift(&it(&wanted()), &needs());
        assert_eq!((told[0].field.as_str(), told.len()), ("cpuArchitecture", 1));
    }

    #[test]
    fn a_sidecar_is_told_by_its_name() {
        let with =
            |it: Container| TaskDefinition { sidecars: [("proxy".into(), it)].into(), ..wanted() };
        let (one, other) = (with(sidecar()), with(Container { cpu: 64, ..sidecar() }));
        let fields = |is: &TaskDefinition, wanted: &TaskDefinition| -> Vec<_> {
            wanted.drift(&it(is), &needs()).into_iter().map(|it| it.field).collect()
        };
        assert_eq!(fields(&wanted(), &one), ["sidecar proxy"]);
        assert_eq!(fields(&one, &other), ["proxy cpu"]);
        assert_eq!(fields(&other, &wanted()), ["sidecar proxy"]);
    }

    #[test]
    fn a_family_names_its_stack_and_service() {
        let names = Names::new("demo".parse().unwrap(), "eu-west-1");
        let family = names.task_family(&"web-1".parse().unwrap());
        assert_eq!(parts(&family), Some(("demo", "web-1")));
        assert!(family.starts_with(&prefix(&Scope::Stack(names.clone()))));
        let arn = it(&wanted()).arn;
        let (scope, family) = whose(&arn).unwrap();
        assert_eq!((scope.names(), family), (Some(&names), "td-demo_web"));
    }
}
