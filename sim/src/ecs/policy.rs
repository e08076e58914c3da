//! Calls of ECS. Its things are named by cluster and name, which make their ARNs.

use crate::arn::short;
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags};
use crate::iam::policy::{pass, role};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

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
            let roles = ["executionRoleArn", "taskRoleArn"];
            let roles = roles.iter().filter_map(|member| input.some_text(member));
            let arn = |it: &str| match it.starts_with("arn:") {
                true => it.to_owned(),
                false => call.view.iam_arn(&format!("role/{it}")),
            };
            all.extend(roles.map(|it| pass(role(&arn(it)), "ecs-tasks.amazonaws.com")));
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
            all
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
