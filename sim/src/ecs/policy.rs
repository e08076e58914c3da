//! Calls of ECS. Its things are named by cluster and name, which make their ARNs.

use serde_json::Value;

use super::task_definition;
use crate::arn::short;
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags};
use crate::iam::policy::{pass, role};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};
use crate::policy::view::View;
use crate::world::World;

/// What a call of ECS takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let cluster = short(input.some_text("cluster").unwrap_or("default")).to_owned();
    let service = |name: &str| format!("service/{cluster}/{}", short(name));
    let create = |resource: String| {
        let made = Target::new(call.arn(&resource), input.tags("tags"));
        let mut all = vec![call.own([made.clone()])];
        all.extend(Required::tagging("ecs:TagResource", call.operation, vec![made]));
        all
    };
    match call.operation {
        "CreateCluster" => {
            let name = input.some_text("clusterName").unwrap_or("default");
            create(format!("cluster/{name}"))
        }
        "CreateService" => create(service(input.text("serviceName"))),
        "RegisterTaskDefinition" => {
            let mut all = create(format!("task-definition/{}:*", input.text("family")));
            // Denials have named `*` (containers-roadmap#929); the Service Authorization Reference
            // lists the task definition.
            if call.view.doubts.contains(&Doubt::RegistrationNamesNoResource) {
                for required in &mut all {
                    required.targets = vec![Target::any().tagged(input.tags("tags"))];
                }
            }
            all.extend(passed(&roles(call.view, input)));
            all
        }
        "CreateCapacityProvider" => {
            let mut all = create(format!("capacity-provider/{}", input.text("name")));
            let group = input.part("autoScalingGroupProvider").text("autoScalingGroupArn");
            let tags = Tags::from([("AmazonECSManaged".to_owned(), String::new())]);
            let group = call.view.existing("autoscaling", group.to_owned()).tagged(tags);
            all.push(Required::new("autoscaling:CreateOrUpdateTags", [group]));
            all
        }
        "DeleteCapacityProvider" | "UpdateCapacityProvider" => {
            let name = input.some_text("name").unwrap_or(input.text("capacityProvider"));
            vec![call.own([call.existing(&format!("capacity-provider/{}", short(name)))])]
        }
        "DeleteCluster"
        | "DeregisterContainerInstance"
        | "PutClusterCapacityProviders"
        | "UpdateCluster" => {
            vec![call.own([call.existing(&format!("cluster/{cluster}"))])]
        }
        "DeleteService" | "UpdateService" => {
            vec![call.own([call.existing(&service(input.text("service")))])]
        }
        "DeleteTaskDefinitions" => {
            let all = input.texts("taskDefinitions");
            let revision = |it: &String| format!("task-definition/{}", short(it));
            vec![call.own(all.iter().map(|it| call.existing(&revision(it))))]
        }
        "RunTask" => {
            let definition = format!("task-definition/{}", short(input.text("taskDefinition")));
            let mut all = vec![call.own([call.existing(&definition)])];
            if !input.tags("tags").is_empty() {
                let task = call.arn(&format!("task/{cluster}/*"));
                let made = Target::new(task, input.tags("tags"));
                all.extend(Required::tagging("ecs:TagResource", call.operation, vec![made]));
            }
            // Denials name them (aws/serverless-application-model#2247), and the Service Authorization
            // Reference does not.
            all.extend(passed(&(call.view.roles_of_definition)(input.text("taskDefinition"))));
            all
        }
        // Both, and a condition may ask about the container.
        "ExecuteCommand" => {
            let task = format!("task/{cluster}/{}", short(input.text("task")));
            let cluster = call.existing(&format!("cluster/{cluster}"));
            let all = call.own([cluster, call.existing(&task)]);
            let container = input.some_text("container").map(str::to_owned);
            vec![all.with("ecs:container-name", container)]
        }
        "StopTask" => {
            let task = format!("task/{cluster}/{}", short(input.text("task")));
            vec![call.own([call.existing(&task)])]
        }
        "TagResource" => {
            let tagged = call.existing_arn(input.text("resourceArn"));
            vec![call.own([tagged.tagged(input.tags("tags"))])]
        }
        _ => vec![call.own([Target::any()])],
    }
}

/// The ARNs of the roles that a task definition names.
fn roles(view: &View<'_>, definition: &Value) -> Vec<String> {
    let named = ["executionRoleArn", "taskRoleArn"].into_iter();
    let named = named.filter_map(|member| definition.some_text(member));
    let arn = |it: &str| match it.starts_with("arn:") {
        true => it.to_owned(),
        false => view.iam_arn(&format!("role/{it}")),
    };
    named.map(arn).collect()
}

/// Roles that are handed to tasks.
fn passed(roles: &[String]) -> impl Iterator<Item = Required> {
    roles.iter().map(|arn| pass(role(arn), "ecs-tasks.amazonaws.com"))
}

/// Tells of the roles of task definitions.
pub(super) fn tell<'a>(world: &'a World, view: &mut View<'a>) {
    let of_region = View::unknown(&view.region);
    view.roles_of_definition = Box::new(move |arn| {
        let found = task_definition::find(world, arn);
        let definition = found.and_then(|key| task_definition::get(world, &key));
        definition.map(|it| roles(&of_region, &it.content)).unwrap_or_default()
    });
}
