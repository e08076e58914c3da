//! Calls about secrets, which are named by their ARN or their name.

use crate::fields::Fields;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call about secrets takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    if call.operation == "CreateSecret" {
        let arn = call.arn(&format!("secret:{}-??????", input.text("Name")));
        let made = Target::new(arn, input.tags("Tags"));
        let tag = (!made.request.is_empty())
            .then(|| Required::new("secretsmanager:TagResource", [made.clone()]));
        return [call.own([made])].into_iter().chain(tag).collect();
    }
    vec![call.own([named(call, input.text("SecretId")).tagged(input.tags("Tags"))])]
}

/// A secret by its name or ARN: IAM looks at the whole ARN of one that is there.
fn named(call: &Call<'_>, id: &str) -> Target {
    let arn = match id.starts_with("arn:") {
        true => id.to_owned(),
        false => call.arn(&format!("secret:{id}")),
    };
    let is = |thing: &&crate::policy::view::Thing| {
        let rest = thing.id.strip_prefix(&arn);
        thing.service == "secretsmanager"
            && rest.is_some_and(|rest| rest.is_empty() || rest.len() == 7 && rest.starts_with('-'))
    };
    match call.view.things.iter().find(is) {
        Some(thing) => call.existing_arn(&thing.id),
        None => call.existing_arn(&arn),
    }
}
