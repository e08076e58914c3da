//! What may be a stack's and does not say so: things that have lost tags of their identity.
//!
//! Somebody took them off, and nobody can know whose the thing is now. So it is never touched. But it
//! is not passed over either: a second VPC beside the first one serves nobody, and a destroy that
//! leaves one behind may not say that nothing is left. Two signs are left: the `Name` that ecsup gave
//! it, beside another of its tags, and things of the stack that are inside it.

use super::inventory::{self, AnyKind, Thing};
use super::looks::Looks;
use crate::aws::{Aws, Result, Scope};
use crate::names::{self, Names, NodeName};
use crate::resource::Kind;

/// Something that may be the stack's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubtful {
    /// The node that its name says. `None` when only its place is known.
    pub node: Option<NodeName>,
    /// The kind.
    pub kind: Kind,
    /// AWS's id or name.
    pub id: String,
    /// What speaks for it, and what is missing.
    pub why: String,
}

/// Looks for things of such kinds that are named like the stack's and do not carry its whole identity.
pub(super) async fn look(
    aws: &Aws,
    names: &Names,
    kinds: &[Box<dyn AnyKind>],
    such: impl Fn(Kind) -> bool,
) -> Result<Vec<Doubtful>> {
    let looks = Looks::new(aws.clone(), Scope::Like(names.clone()));
    let such = |kind: Kind| kind.about().known_by.is_some() && such(kind);
    let mut found = inventory::of_such(kinds, &looks, such).await?;
    // Somebody else's VPC may be called `demo/database`.
    found.retain(|it| {
        let beginning = it.name().as_str().split('/').next();
        Kind::ALL.iter().any(|kind| kind.about().known_by.is_some_and(|it| Some(it) == beginning))
    });
    let doubtful = |it: &Box<dyn Thing>| Doubtful {
        node: Some(it.name().clone()),
        kind: it.kind(),
        id: it.id().to_owned(),
        why: why(it, names),
    };
    Ok(found.iter().map(doubtful).collect())
}

/// Looks for everything that may be a stack's.
pub async fn look_for_all(aws: &Aws, names: &Names) -> Result<Vec<Doubtful>> {
    look(aws, names, &inventory::kinds(), |_| true).await
}

fn why(it: &Box<dyn Thing>, names: &Names) -> String {
    let identity = [
        (names::TAG_STACK, names.stack().as_str()),
        (names::TAG_NODE, it.name().as_str()),
        (names::TAG_REGION, names.region()),
    ];
    let tags = it.owner().tags.as_ref();
    let has =
        |key: &str, value: &str| tags.and_then(|tags| tags.get(key)).is_some_and(|is| is == value);
    let lacks = identity.iter().filter(|(key, value)| !has(key, value));
    let lacks: Vec<_> = lacks.map(|(key, value)| format!("{key}={value}")).collect();
    format!("its Name is `{}/{}`, and it lacks {}", names.stack(), it.name(), lacks.join(", "))
}

/// What things of the stack stand in, without being the stack's itself: AWS keeps a parent as long as
/// there are children in it, so it is there. This takes no call.
pub(super) fn parents(things: &[Box<dyn Thing>]) -> Vec<Doubtful> {
    const CHILDREN: [Kind; 5] = [
        Kind::InternetGateway,
        Kind::Subnet,
        Kind::NatGateway,
        Kind::RouteTable,
        Kind::SecurityGroup,
    ];
    const PARENTS: [(&str, Kind); 3] =
        [("vpc-", Kind::Vpc), ("subnet-", Kind::Subnet), ("eipalloc-", Kind::ElasticIp)];
    let mut parents: Vec<Doubtful> = Vec::new();
    let children = things.iter().filter(|it| CHILDREN.contains(&it.kind()) && !it.is_leaving());
    for child in children {
        for id in child.uses() {
            let kind = PARENTS.iter().find(|(beginning, _)| id.starts_with(beginning));
            let is_known = things.iter().any(|it| it.id() == id);
            let is_told = parents.iter().any(|it| it.id == id);
            if let Some((_, kind)) = kind.filter(|_| !is_known && !is_told) {
                let why = format!("{} of this stack is in it, and it lacks the tags", child.name());
                parents.push(Doubtful { node: None, kind: *kind, id, why });
            }
        }
    }
    parents
}
