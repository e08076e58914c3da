//! What a deploy is, apart from how it is talked about: it looks at everything, draws the graph and plans
//! it ([`prepare`]), and when that is agreed to, makes, changes and removes ([`carry_out`]).

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::{TryFutureExt as _, future};

use crate::aws::{Aws, Cx, Labels, Result};
use crate::engine::inventory::{self, Thing};
use crate::engine::plan::{self, Plan, surplus};
use crate::engine::verdict::{Planned, Verdict};
use crate::engine::walk::{Report, walk};
use crate::engine::{Failure, Removal, Run, forecast, teardown};
use crate::facts::{self, Facts, Problem};
use crate::names::{Names, NodeName};
use crate::pattern::{self, Stack};
use crate::resource::Kind;
use crate::service_roles;
use crate::spec::{Service, Spec};

/// What resources of a stack that is going to be deployed act with.
pub fn context(aws: &Aws, region: &str, spec: &Spec) -> Rc<Cx> {
    let names = Names::new(spec.stack.clone(), region);
    let labels = Labels { pattern: spec.pattern_name().to_owned(), user: spec.tags.clone() };
    Rc::new(Cx { aws: aws.clone(), names, labels })
}

/// Everything that is known before anything is done.
pub struct Prepared {
    /// What is asked for.
    pub spec: Spec,
    /// What had to be looked up.
    pub facts: Facts,
    /// What is wanted.
    pub stack: Stack,
    /// What looked, and what will work.
    pub run: Run,
    /// What there is to do.
    pub plan: Plan,
    /// Why the plan cannot be carried out: what it is about, and the reason.
    pub refusals: Vec<(NodeName, String)>,
    /// What is not asked for any more and takes data or traffic along: it goes only by its name.
    pub lost: Vec<Lost>,
    /// The images that run, by service, as far as somebody looked.
    pub images: BTreeMap<String, String>,
}

/// Something that goes only when it was asked for by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What it is: `service` or `zone`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
}

/// How far a deploy goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent<'a> {
    /// Whether services get a new deployment although nothing has changed.
    pub forced: bool,
    /// The service that alone is brought up to date, with what it needs. Nothing is removed then.
    pub only: Option<&'a str>,
    /// Whether the stack may become another pattern's. A manifest is all that a stack is to be; of flags
    /// alone, that is rather a slip.
    pub any_pattern: bool,
}

/// Looks at everything, draws the graph and plans it. All look-ups and listings go out at once. A
/// `forced` deploy replaces the service's tasks although nothing else has changed.
pub async fn prepare(mut spec: Spec, run: Run, extent: Extent<'_>) -> Result<Prepared, Problem> {
    let things = inventory::of_graph(&run.looks).map_err(Problem::from);
    let gathered = future::try_join(facts::gather(&run.looks, &spec), things);
    let (mut facts, things) = gathered.await?;
    if extent.forced {
        facts.superseded = facts::deployments(&run.looks).await?;
    }
    if let Some(only) = extent.only {
        // The others are left as they are, so that nothing waits for their commands.
        let others = spec.services.iter_mut().filter(|it| it.name.as_str() != only);
        others.for_each(|it| it.release = None);
    }
    let mut stack = pattern::stack(&spec, &run.cx.names, &facts);
    let only =
        extent.only.and_then(|name| spec.services.iter().find(|it| it.name.as_str() == name));
    only.into_iter().for_each(|service| stack.keep_only(service));
    let mut plan = plan::plan(&run, &stack.graph).await?;
    if extent.only.is_some() {
        plan.removals.clear();
    }
    let other = other_pattern(&spec, &things).filter(|_| !extent.any_pattern);
    let mut refusals: Vec<_> = other.into_iter().collect();
    refusals.extend(plan.refusals());
    Ok(Prepared {
        spec,
        facts,
        stack,
        run,
        plan,
        refusals,
        lost: Vec::new(),
        images: BTreeMap::new(),
    })
}

/// Why flags alone make no other pattern of a stack.
fn other_pattern(spec: &Spec, things: &[Box<dyn Thing>]) -> Option<(NodeName, String)> {
    let wanted = spec.pattern_name();
    let mut made_from = things.iter().filter_map(|thing| thing.owner().pattern.as_ref());
    let other = made_from.find(|pattern| *pattern != wanted)?;
    let why = format!(
        "stack `{}` was made from pattern `{other}`: deploy another one, destroy this one first, or say in a manifest what it is to become (`ecsup init --from {0}` writes what runs)",
        spec.stack
    );
    Some((NodeName::from("--pattern"), why))
}

impl Prepared {
    /// Whether there is nothing to do.
    pub fn is_settled(&self) -> bool {
        self.plan.is_settled()
    }

    /// The nodes of a kind that are going to be made, anew where they are there already.
    pub fn creates(&self, kind: Kind) -> impl Iterator<Item = &NodeName> {
        let is_made = move |it: &&Planned| {
            it.kind == kind && matches!(it.verdict, Verdict::Create | Verdict::Remake(_))
        };
        self.plan.nodes.iter().filter(is_made).map(|planned| &planned.name)
    }

    /// Whether a service gets other tasks: its revision is none that there is.
    pub fn renews_tasks(&self, service: &Service) -> bool {
        let is_its_own = |it: &&Planned| {
            it.kind == Kind::TaskDefinition && it.name.last_part() == service.name.as_str()
        };
        let stays = |it: &Planned| matches!(it.verdict, Verdict::Keep | Verdict::Aside);
        self.plan.nodes.iter().find(is_its_own).is_some_and(|planned| !stays(planned))
    }

    /// How long it should take, unless there is nothing to make, to change or to wait for.
    pub fn forecast(&self) -> Option<String> {
        let line = forecast::forecast(&self.stack.graph, &self.plan).line()?;
        let removals = match self.plan.removals.len() {
            0 => String::new(),
            count => format!(", and then {count} to remove"),
        };
        Some(format!(
            "{line}{removals} (typical AWS durations, see docs/aws-facts.md; `ecsup rehearse` plays it)"
        ))
    }
}

/// Makes and changes everything, then removes what is not asked for any more. What does not stand in the
/// way is told to `warn`.
pub async fn carry_out(prepared: &Prepared, warn: impl Fn(&str)) -> Result<Report> {
    let run = &prepared.run;
    let spec = &prepared.spec;
    let roles = service_roles::SERVICES.into_iter().filter(|service| match *service {
        service_roles::OF_INSTANCES => spec.instances.is_some(),
        service_roles::OF_SERVICES => spec.scales(),
        _ => true,
    });
    if let Some(warning) = service_roles::make(&run.cx.aws, &roles.collect::<Vec<_>>()).await? {
        warn(&warning);
    }
    let report = remove_for_good(prepared).await?;
    if !report.is_complete() {
        return Ok(report);
    }
    let report = walk(run, prepared.stack.graph.nodes()).await;
    put_back(prepared, &report, &warn).await?;
    if !report.is_complete() || !run.wait_for_ready || prepared.plan.removals.is_empty() {
        return Ok(report);
    }
    let things = inventory::of_graph(&run.looks.anew()).await?;
    let surplus = surplus(things, &prepared.stack.graph);
    Ok(teardown::remove(run, surplus, Removal::OnlyThis).await)
}

/// Puts back what was changed with services whose new revision has failed and that run the former one again:
/// the health check that the former tasks answer, the hosts and paths that lead to them. Else these would fail
/// as well, under what was meant for others (copilot-cli#4838).
async fn put_back(prepared: &Prepared, report: &Report, warn: impl Fn(&str)) -> Result<()> {
    let run = &prepared.run;
    let is_over =
        |failure: &Failure| matches!(failure.end(), Failure::Broken(_) | Failure::TimedOut { .. });
    let failed: Vec<_> = report.failed.iter().filter(|(_, failure)| is_over(failure)).collect();
    let failed = |service: &Service| {
        let node = format!("service/{}", service.name);
        failed.iter().any(|(name, _)| name.as_str() == node)
    };
    if !prepared.spec.services.iter().any(failed) {
        return Ok(());
    }
    let now = facts::revisions(&run.looks.anew()).await?;
    for service in prepared.spec.services.iter().filter(|it| failed(it)) {
        let former = prepared.facts.revisions.get(service.name.as_str());
        if former.is_none() || former != now.get(service.name.as_str()) {
            continue;
        }
        let put =
            prepared.stack.graph.put_back(run, |node| pattern::goes_with(node, service)).await?;
        if !put.is_empty() {
            let put: Vec<_> = put.into_iter().map(NodeName::as_str).collect();
            warn(&format!(
                "service/{} runs its former revision; put back as it was: {}",
                service.name,
                put.join(", ")
            ));
        }
    }
    Ok(())
}

/// Removes what is going to be made again, and what holds that, in the order of a teardown; some of it may
/// be leaving already. The walk then finds it absent.
async fn remove_for_good(prepared: &Prepared) -> Result<Report> {
    let is_remade = |planned: &&Planned| matches!(planned.verdict, Verdict::Remake(_));
    let remade: Vec<_> = prepared.plan.nodes.iter().filter(is_remade).collect();
    if remade.is_empty() {
        return Ok(Report::default());
    }
    let run = &prepared.run;
    let mut things = inventory::of_graph(&run.looks.anew()).await?;
    things.retain(|thing| {
        let is_it = |planned: &&Planned| planned.name == *thing.name();
        let holds = |planned: &&Planned| planned.kind.goes_after(thing.kind());
        remade.iter().any(is_it) || thing.is_leaving() && remade.iter().any(holds)
    });
    let report = teardown::remove(run, things, Removal::OnlyThis).await;
    run.looks.forget();
    Ok(report)
}
