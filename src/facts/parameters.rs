//! Plain parameters of Systems Manager that stand in a manifest as `${ssm:NAME}`.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;

use super::Problem;
use crate::aws::{Aws, Doing};
use crate::spec::SpecError;

/// As many as one call takes (Systems Manager API, `GetParameters`).
const AT_ONCE: usize = 10;

/// Reads parameters by name. One that is not there and one that is encrypted are refused: what stands in a
/// manifest is shown and stored in plain text.
pub async fn plain_parameters(
    aws: &Aws,
    names: &[&str],
) -> Result<BTreeMap<String, String>, Problem> {
    let (mut values, mut refused) = (BTreeMap::new(), Vec::new());
    for some in names.chunks(AT_ONCE) {
        let get = aws.ssm.get_parameters().with_decryption(false);
        let get = get.set_names(Some(some.iter().map(|it| (*it).to_owned()).collect()));
        let got = get.send().await.doing("read the parameters that the manifest names")?;
        for parameter in got.parameters.into_iter().flatten() {
            let name = parameter.name.unwrap_or_default();
            if parameter.r#type == Some(ParameterType::SecureString) {
                let rule = "is encrypted, and would be plain text here: hand it to the service in `secrets`";
                refused.push(SpecError::new(format!("${{ssm:{name}}}"), "", rule));
            } else {
                values.insert(name, parameter.value.unwrap_or_default());
            }
        }
        for name in got.invalid_parameters.into_iter().flatten() {
            let rule = format!(
                "there is no such parameter: make it with `aws ssm put-parameter --name {name} --type String --value …`"
            );
            refused.push(SpecError::new(format!("${{ssm:{name}}}"), "", rule));
        }
    }
    if refused.is_empty() { Ok(values) } else { Err(Problem::Refused(refused)) }
}
