//! Calls about parameters, which are named by their path.

use crate::arn::Arn;
use crate::fields::{Fields, Tags};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call about parameters takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let parameter = |name: &str| {
        let name = name.trim_matches('/');
        let parameter = format!("parameter/{name}");
        // AWS's own parameters are of no account.
        match name.starts_with("aws/") {
            true => Arn::public(&call.view.region, "ssm", &parameter).to_string(),
            false => call.arn(&parameter),
        }
    };
    let is = |name: &str| call.view.existing("ssm", parameter(name));
    match call.operation {
        "PutParameter" => {
            let put = is(input.text("Name")).tagged(input.tags("Tags"));
            let tag = (!put.request.is_empty())
                .then(|| Required::new("ssm:AddTagsToResource", [put.clone()]));
            [call.own([put])].into_iter().chain(tag).collect()
        }
        "GetParameters" | "DeleteParameters" => {
            let names = input.texts("Names");
            vec![call.own(names.iter().map(|name| is(name)))]
        }
        "GetParametersByPath" => vec![call.own([is(input.text("Path"))])],
        "AddTagsToResource" | "ListTagsForResource" => {
            let tagged = is(input.text("ResourceId")).tagged(input.tags("Tags"));
            vec![call.own([tagged])]
        }
        // The container by its task, and the document, which is of no account where it is AWS's.
        "StartSession" => {
            let target = input.text("Target").trim_start_matches("ecs:");
            let mut parts = target.rsplitn(3, '_').skip(1);
            let (id, cluster) =
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let task = format!("task/{cluster}/{id}");
            let task = Arn::of(&call.view.region, "ecs", &task);
            let document = format!("document/{}", input.text("DocumentName"));
            let document = Arn::public(&call.view.region, "ssm", &document).to_string();
            let task = call.view.existing("ecs", task.to_string());
            vec![call.own([task, Target::new(document, Tags::new())])]
        }
        "ResumeSession" | "TerminateSession" => {
            let session = call.arn(&format!("session/{}", input.text("SessionId")));
            vec![call.own([Target::new(session, Tags::new())])]
        }
        "DescribeParameters" => vec![call.own([Target::any()])],
        _ => vec![call.own([is(input.text("Name"))])],
    }
}
