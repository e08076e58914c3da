//! `ecsup plan`: what deploy would do. Also how a plan reads, for deploy.

use std::rc::Rc;

use clap::Args;
use futures::{TryFutureExt as _, future};

use super::{
    Connection, Exit, Global, changes, connect, in_time, patiently, report_refused, run_on,
};
use crate::aws::{Cx, Labels};
use crate::engine::plan::{self, Plan, Surplus};
use crate::engine::verdict::{Planned, Verdict};
use crate::engine::{Run, Stop, forecast, inventory};
use crate::facts::{self, Facts, Problem};
use crate::lock::{Lock, Seen};
use crate::names::{Names, NodeName};
use crate::pattern::{self, Stack};
use crate::resource::Kind;
use crate::spec::{Capacity, Nat, ServiceFlags, Spec};
use crate::ui::{Screen, Tone};

/// What `ecsup plan` takes.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Exit with 3 when something would change
    #[arg(long, env = "ECSUP_EXIT_CODE", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub exit_code: bool,
}

/// How a stack is deployed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Whether the deploy ends when everything is ready, or already when everything is made.
    pub(crate) waits_for_ready: bool,
    /// Whether the service gets a new deployment although nothing has changed.
    pub(crate) forced: bool,
}

/// Everything that is known before anything is done.
pub(crate) struct Prepared {
    pub(crate) connection: Connection,
    pub(crate) spec: Spec,
    pub(crate) facts: Facts,
    pub(crate) stack: Stack,
    pub(crate) run: Run,
    pub(crate) plan: Plan,
    pub(crate) refusals: Vec<(NodeName, String)>,
}

/// Runs the command.
pub async fn plan(args: &PlanArgs, global: &Global, screen: &Screen) -> Exit {
    let stop = Rc::new(Stop::default());
    let how = How { waits_for_ready: true, forced: false };
    let spec = match Spec::from_flags(&args.flags) {
        Ok(spec) => spec,
        Err(errors) => return report_refused(&errors, screen),
    };
    let look = async {
        let prepared = prepare(spec, global, screen, &stop, how).await?;
        let arn = &prepared.facts.caller.arn;
        let seen = Lock::new(&prepared.run.cx, arn, "plan").peek().await;
        Ok((prepared, seen))
    };
    let (prepared, seen) = match in_time(global.deadline(), screen, look).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    screen.note(&title(&prepared));
    match seen {
        Ok(seen) => {
            if let Some(seen) = seen.filter(Seen::is_held) {
                let holder = seen.until_when();
                screen.warning(&format!(
                    "what this shows may change: the stack is locked by {holder}"
                ));
            }
        }
        Err(error) => screen.warning(&format!("whether somebody works on the stack: {error}")),
    }
    for line in prepared.plan.nodes.iter().map(node_line) {
        screen.out(&line);
    }
    for line in prepared.plan.removals.iter().map(removal_line) {
        screen.out(&line);
    }
    screen.out(&counts(&prepared.plan));
    if report_refusals(&prepared, screen) {
        return Exit::Refused;
    }
    if let Some(line) = prepared.forecast() {
        screen.out(&line);
    } else if prepared.is_settled() {
        note_about_tag(&prepared, screen);
    }
    match prepared.is_settled() {
        false if args.exit_code => Exit::ChangesPending,
        _ => Exit::Done,
    }
}

/// Looks at everything, draws the graph and plans it. All look-ups and listings go out at once.
pub(crate) async fn prepare(
    spec: Spec,
    global: &Global,
    screen: &Screen,
    stop: &Rc<Stop>,
    how: How,
) -> Result<Prepared, Exit> {
    let connection = connect(global, screen).await?;
    let names = Names::new(spec.stack.clone(), &connection.region);
    let labels = Labels { pattern: spec.pattern.to_string(), user: spec.tags.clone() };
    let cx = Rc::new(Cx { aws: connection.aws.clone(), names: names.clone(), labels });
    let mut run = run_on(screen, cx, stop);
    run.wait_for_ready = how.waits_for_ready;

    let things = inventory::of_graph(&run.looks).map_err(Problem::from);
    let whom = format!("{} to answer (who is calling, and what is there)", connection.whom());
    let gathered = future::try_join(facts::gather(&run.looks, &spec), things);
    let (mut facts, things) = patiently(screen, &whom, gathered)
        .await
        .map_err(|problem| connection.report_problem(&problem, screen))?;
    let mut refusals = Vec::new();
    let of_other = |thing: &&Box<dyn inventory::Thing>| {
        thing.owner().pattern.as_ref().is_some_and(|pattern| *pattern != spec.pattern.to_string())
    };
    if let Some(thing) = things.iter().find(of_other) {
        let made_from = thing.owner().pattern.clone().unwrap_or_default();
        let why = format!(
            "stack `{}` was made from pattern `{made_from}`: a stack keeps its pattern, so deploy another one or destroy this one first",
            spec.stack
        );
        refusals.push((NodeName::from("--pattern"), why));
    }
    if how.forced {
        let superseded = facts::deployment(&run.looks, &spec).await;
        facts.superseded = superseded.map_err(|error| connection.report_error(&error, screen))?;
    }
    let stack = pattern::stack(&spec, &names, &facts);
    let plan = plan::plan(&run, &stack.graph)
        .await
        .map_err(|error| connection.report_error(&error, screen))?;
    refusals.extend(plan.refusals());
    for warning in facts.warnings.iter().cloned().chain(warning_about_nat(&spec)) {
        screen.warning(&warning);
    }
    Ok(Prepared { connection, spec, facts, stack, run, plan, refusals })
}

impl Prepared {
    /// Whether there is nothing to do.
    pub(crate) fn is_settled(&self) -> bool {
        self.plan.is_settled()
    }

    /// How long it should take, unless there is nothing to make, to change or to wait for.
    pub(crate) fn forecast(&self) -> Option<String> {
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

/// Says of a stack that is as it should be what cannot be seen: where the tag of its image points now.
pub(crate) fn note_about_tag(prepared: &Prepared, screen: &Screen) {
    let image = &prepared.spec.service.image;
    if image.can_move() {
        screen.note(&format!(
            "whether `{image}` means another image by now is not looked up: to deploy it again, use \
             `ecsup deploy --force`"
        ));
    }
}

fn warning_about_nat(spec: &Spec) -> Option<String> {
    let on_instances = matches!(spec.capacity, Capacity::Instances(_));
    let text = "--nat none: instances stand in the public subnets with public addresses and no \
        inbound rule, and their tasks have no way out of the VPC: AWS gives tasks on EC2 no public address";
    (spec.network.nat == Nat::None && on_instances).then(|| text.to_owned())
}

/// What is planned, and where.
pub(crate) fn title(prepared: &Prepared) -> String {
    let Prepared { spec, connection, facts, .. } = prepared;
    format!("stack {} (pattern {})\n{}", spec.stack, spec.pattern, connection.header(&facts.caller))
}

/// Says why the plan cannot be carried out, if it cannot.
pub(crate) fn report_refusals(prepared: &Prepared, screen: &Screen) -> bool {
    for (node, why) in &prepared.refusals {
        screen.error(&format!("{node}: {why}"));
    }
    if !prepared.refusals.is_empty() && changes(screen) {
        screen.hint("nothing was changed");
    }
    !prepared.refusals.is_empty()
}

/// A node and its verdict in one line.
pub(crate) fn node_line(planned: &Planned) -> String {
    let (tone, word, detail) = match &planned.verdict {
        Verdict::Create => (Tone::Good, "create", String::new()),
        Verdict::Keep => (Tone::Plain, "keep", String::new()),
        Verdict::Change(differences) => (Tone::Change, "change", plan::change(differences)),
        Verdict::Wait(why) => (Tone::Change, "wait", why.clone()),
        Verdict::Broken(why) => (Tone::Bad, "broken", why.clone()),
        Verdict::Remake(why) => (Tone::Change, "remake", why.clone()),
        Verdict::Unsure(it) => (Tone::Bad, "unsure", format!("{} may be it: {}", it.id, it.why)),
        Verdict::Foreign(holder) => (Tone::Bad, "foreign", format!("{holder} is not this stack's")),
    };
    line(tone, word, &planned.name, planned.kind, &detail)
}

/// Something that is not asked for, in one line.
pub(crate) fn removal_line(Surplus { name, kind, id, beside }: &Surplus) -> String {
    let why = match beside {
        Some(kept) => format!("{id} is a second one: {kept} is the one in use"),
        None => format!("{id} is not asked for any more"),
    };
    line(Tone::Bad, "remove", name, *kind, &why)
}

fn line(tone: Tone, word: &str, name: &NodeName, kind: Kind, detail: &str) -> String {
    let word = tone.paint(&format!("{word:<8}"));
    let colon = if detail.is_empty() { "" } else { ": " };
    format!("  {word}{name:<36} {}{colon}{detail}", kind.words())
}

/// How much there is to do.
pub(crate) fn counts(plan: &Plan) -> String {
    let create = plan.count_resources(|verdict| *verdict == Verdict::Create);
    let keep = plan.count_resources(|verdict| *verdict == Verdict::Keep);
    let change = plan.count_resources(|verdict| matches!(verdict, Verdict::Change(_)));
    let remake = plan.count_resources(|verdict| matches!(verdict, Verdict::Remake(_)));
    let mut parts = vec![format!("{create} to create"), format!("{change} to change")];
    if remake > 0 {
        parts.push(format!("{remake} to make again"));
    }
    let others = plan.count_resources(|_| true) - create - keep - change - remake;
    if others > 0 {
        parts.push(format!("{others} to wait for or mend"));
    }
    if !plan.removals.is_empty() {
        parts.push(format!("{} to remove", plan.removals.len()));
    }
    parts.push(format!("{keep} to keep"));
    parts.join(", ")
}
