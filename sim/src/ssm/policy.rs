//! Calls about parameters, which are named by their path.

use crate::arn::Arn;
use crate::fields::Fields;
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
        "DescribeParameters" => vec![call.own([Target::any()])],
        _ => vec![call.own([is(input.text("Name"))])],
    }
}
