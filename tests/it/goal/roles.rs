//! What a service's roles may do, and what its container's secrets are.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{ecs, iam};
use serde_json::{Value, json};

/// What a service takes in secrets and roles.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// What each secret of its container is read from.
    pub secrets: BTreeMap<String, String>,
    /// What the execution role may do beside what AWS's own policy for it says: actions and resources.
    pub reads: BTreeSet<(String, String)>,
    /// The managed policies of the task role, by ARN.
    pub policies: BTreeSet<String>,
    /// What the task role may do beside: actions and resources.
    pub may: BTreeSet<(String, String)>,
    /// The task role, where there is one.
    pub task_role: Option<String>,
}

/// What a service's roles and secrets are, by what AWS would answer now.
pub fn roles(world: &mut World, stack: &str, service: &str) -> Roles {
    world.once_caught_up(|world| {
        let input = json!({ "cluster": format!("cluster-{stack}"), "services": [service] });
        let services = ecs::answer(world, "DescribeServices", &input).expect("a service");
        let definition = services["services"][0].text("taskDefinition").to_owned();
        let input = json!({ "taskDefinition": definition });
        let described = ecs::answer(world, "DescribeTaskDefinition", &input).expect("a revision");
        let definition = &described["taskDefinition"];
        let container = &definition["containerDefinitions"][0];
        let secret = |it: &Value| (it.text("name").to_owned(), it.text("valueFrom").to_owned());
        let execution = definition.text("executionRoleArn").to_owned();
        let task_role = definition.some_text("taskRoleArn").map(str::to_owned);
        let (managed, reads) = of_role(world, &execution);
        let own = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
        assert_eq!(managed, [own.to_owned()].into());
        let (policies, may) =
            task_role.as_deref().map(|role| of_role(world, role)).unwrap_or_default();
        Roles {
            secrets: container.list("secrets").iter().map(secret).collect(),
            reads,
            policies,
            may,
            task_role,
        }
    })
}

/// The managed policies of a role, and what its inline ones allow.
pub fn of_role(world: &mut World, arn: &str) -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let mut ask = |operation: &str, input: &Value| {
        iam::answer(world, operation, input)
            .unwrap_or_else(|why| panic!("{operation} {input}: {why}"))
    };
    let role = json!({ "RoleName": name });
    let attached = ask("ListAttachedRolePolicies", &role);
    let attached =
        attached.list("AttachedPolicies").iter().map(|it| it.text("PolicyArn").to_owned());
    let attached = attached.collect();
    let mut allowed = BTreeSet::new();
    for policy in ask("ListRolePolicies", &role).texts("PolicyNames") {
        let got = ask("GetRolePolicy", &json!({ "RoleName": name, "PolicyName": policy }));
        let document = percent_encoding::percent_decode_str(got.text("PolicyDocument"));
        let document: Value = serde_json::from_str(&document.decode_utf8_lossy()).expect("JSON");
        for statement in document.list("Statement") {
            let all = |key: &str| match statement.some_text(key) {
                Some(text) => vec![text.to_owned()],
                None => statement.texts(key),
            };
            for action in all("Action") {
                allowed.extend(all("Resource").into_iter().map(|it| (action.clone(), it)));
            }
        }
    }
    (attached, allowed)
}
