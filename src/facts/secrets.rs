//! The secrets of services: whether they are there, and what ECS has to be allowed to read them. What they are
//! is asked by nobody: `DescribeParameters` and `DescribeSecret` tell no values.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{ParameterMetadata, ParameterStringFilter};
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::{Caller, Problem, unknown};
use crate::arn::Arn;
use crate::aws::{AllPages, Aws, Doing, Error, Meanings, Result};
use crate::engine::looks::Looks;
use crate::names::ServiceName;
use crate::spec::task_role::{self, INLINE_LIMIT};
use crate::spec::{self, SecretSource, Spec, SpecError};

/// As many names as one filter takes (Systems Manager API, `ParameterStringFilter`).
const NAMES: usize = 50;
/// How many secrets are described at once: there is no batch of them.
const AT_ONCE: usize = 8;
/// What Secrets Manager answers when it does not know a secret.
const UNKNOWN: &str = "ResourceNotFoundException";

/// The secrets of services, by service, container and variable.
pub type Secrets = BTreeMap<ServiceName, BTreeMap<ServiceName, BTreeMap<String, Secret>>>;

/// A secret, as ECS finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What a task definition names it by: its ARN, and of a secret what follows that.
    pub value_from: String,
    /// The action that reads it.
    action: &'static str,
    /// Its ARN, in which `?` stands for what could not be looked up.
    arn: String,
    /// The key of the customer's own that it is encrypted with, if it is with one.
    key: Option<Key>,
}

/// A key of KMS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// By its ARN.
    Arn(String),
    /// By an alias, such as `alias/shop`, and by what its ARN begins with.
    Alias(String, String),
}

/// What was found of one source.
enum Found {
    /// It is there: its ARN, where AWS says it, and the id of its key.
    There(Option<String>, Option<String>),
    /// There is no such thing.
    Missing,
    /// It is scheduled to go.
    Going,
    /// Nobody knows.
    Unknown,
}

/// Looks up all secrets. Returns warnings, too.
pub(super) async fn look_up(
    looks: &Looks,
    spec: &Spec,
    caller: &Caller,
) -> Result<(Secrets, Vec<String>), Problem> {
    let of_containers = spec.services.iter().flat_map(spec::Service::secrets_of_containers);
    let sources: BTreeSet<&SecretSource> =
        of_containers.flat_map(|(_, secrets)| secrets.values()).collect();
    if sources.is_empty() {
        return Ok((Secrets::new(), Vec::new()));
    }
    let place = Place { caller, region: looks.scope().region() };
    let mut warnings = Vec::new();
    let (parameters, secrets) = futures::join!(
        place.parameters(looks.aws(), &sources),
        place.secrets(looks.aws(), &sources)
    );
    let mut found = BTreeMap::new();
    for all in [parameters, secrets] {
        let (some, warning) = all?;
        found.extend(some);
        warnings.extend(warning);
    }
    let (mut secrets, mut refused) = (Secrets::new(), Vec::new());
    for service in &spec.services {
        let mut own = BTreeMap::new();
        for (container, secrets) in service.secrets_of_containers() {
            for (name, source) in secrets {
                match place.secret(source, found.get(source).unwrap_or(&Found::Unknown)) {
                    Ok(secret) => {
                        let of: &mut BTreeMap<_, _> = own.entry(container.clone()).or_default();
                        of.insert(name.clone(), secret);
                    }
                    Err(rule) => {
                        let field = format!("{}.secrets.{name}", service.path_of(container));
                        refused.push(SpecError::new(field, source.to_string(), rule));
                    }
                }
            }
        }
        let all = || own.values().flat_map(BTreeMap::values);
        let length = policy(all()).map_or(0, |document| document.len());
        if length > INLINE_LIMIT {
            let rule = format!(
                "take {length} characters in an IAM policy, and at most {INLINE_LIMIT} fit: put some into one secret \
                 of Secrets Manager, as secretsmanager:NAME#key"
            );
            let field = format!("service.{}.secrets", service.name);
            refused.push(SpecError::new(field, format!("{} secrets", all().count()), rule));
        }
        if !own.is_empty() {
            secrets.insert(service.name.clone(), own);
        }
    }
    if refused.is_empty() { Ok((secrets, warnings)) } else { Err(Problem::Refused(refused)) }
}

/// The policy that lets a role read these secrets and nothing else; `None` of no secrets.
pub fn policy<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Option<String> {
    let (mut arns, mut keys) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new());
    for secret in secrets {
        arns.entry(secret.action).or_default().insert(&secret.arn);
        keys.extend(&secret.key);
    }
    let mut statements: Vec<Value> = Vec::new();
    for (action, arns) in &arns {
        statements.push(json!({ "Effect": "Allow", "Action": action, "Resource": arns }));
    }
    let by_arn = keys.iter().filter_map(|key| match key {
        Key::Arn(arn) => Some(arn),
        Key::Alias(..) => None,
    });
    let by_arn: Vec<_> = by_arn.collect();
    if !by_arn.is_empty() {
        statements.push(json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": by_arn }));
    }
    for key in keys {
        // In a resource, an alias would mean the alias itself (KMS guide, "Use aliases to control access").
        let Key::Alias(alias, beginning) = key else { continue };
        statements.push(json!({
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": format!("{beginning}key/*"),
            "Condition": { "ForAnyValue:StringEquals": { "kms:ResourceAliases": alias } },
        }));
    }
    (!statements.is_empty()).then(|| task_role::policy(&statements))
}

/// Whose secrets are looked at, and where.
struct Place<'a> {
    caller: &'a Caller,
    region: &'a str,
}

impl Place<'_> {
    /// Whether an ARN is of this region and, where that matters, of this account.
    fn is_here(&self, arn: &str, in_any_account: bool) -> bool {
        Arn::parse(arn).is_some_and(|arn| {
            arn.region == self.region && (in_any_account || arn.account == self.caller.account)
        })
    }

    /// The names that a parameter of here may have. The ARN of `/db` is that of `db`.
    fn names(&self, said: &str) -> Vec<String> {
        match Arn::parse(said) {
            None => vec![said.to_owned()],
            Some(_) if !self.is_here(said, false) => Vec::new(),
            Some(arn) => {
                let name = arn.resource.strip_prefix("parameter/").unwrap_or_default();
                let plain = (!name.contains('/')).then(|| name.to_owned());
                [Some(format!("/{name}")), plain].into_iter().flatten().collect()
            }
        }
    }

    async fn parameters<'s>(
        &self,
        aws: &Aws,
        sources: &BTreeSet<&'s SecretSource>,
    ) -> Result<(Vec<(&'s SecretSource, Found)>, Option<String>)> {
        let said: Vec<(&SecretSource, Vec<String>)> = sources
            .iter()
            .filter_map(|source| match source {
                SecretSource::Parameter(said) => Some((*source, self.names(said))),
                SecretSource::Secret { .. } => None,
            })
            .collect();
        let names: Vec<String> = said.iter().flat_map(|(_, names)| names.clone()).collect();
        let elsewhere = said.iter().find(|(_, names)| names.is_empty());
        let mut warning = elsewhere.map(|(source, _)| not_here(source));
        let mut there: Option<Vec<ParameterMetadata>> = Some(Vec::new());
        for some in names.chunks(NAMES) {
            match described(aws, some).await {
                Ok(more) => there.iter_mut().for_each(|all| all.extend(more.iter().cloned())),
                Err(error) if error.is_not_offered() => {
                    warning = Some(cannot_look("look up the parameters of `secrets`", &error));
                    there = None;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let found = said.into_iter().map(|(source, names)| {
            let is_it = |it: &&ParameterMetadata| {
                it.name().is_some_and(|name| names.iter().any(|it| it == name))
            };
            let found = match there.as_ref().filter(|_| !names.is_empty()) {
                None => Found::Unknown,
                Some(all) => match all.iter().find(is_it) {
                    Some(it) => Found::There(it.arn.clone(), it.key_id.clone()),
                    None => Found::Missing,
                },
            };
            (source, found)
        });
        Ok((found.collect(), warning))
    }

    async fn secrets<'s>(
        &self,
        aws: &Aws,
        sources: &BTreeSet<&'s SecretSource>,
    ) -> Result<(Vec<(&'s SecretSource, Found)>, Option<String>)> {
        let said = sources.iter().filter_map(|source| match source {
            SecretSource::Secret { id, .. } => Some((*source, id)),
            SecretSource::Parameter(_) => None,
        });
        let (mut found, mut warning) = (Vec::new(), None);
        let mut ids: BTreeMap<&String, Vec<&SecretSource>> = BTreeMap::new();
        for (source, id) in said {
            match id.starts_with("arn:") && !self.is_here(id, true) {
                true => {
                    warning = Some(not_here(source));
                    found.push((source, Found::Unknown));
                }
                false => ids.entry(id).or_default().push(source),
            }
        }
        let described = stream::iter(ids)
            .map(async |(id, of)| {
                let described = aws.secretsmanager.describe_secret().secret_id(id).send().await;
                let described = described.doing("look up a secret of `secrets`");
                (of, described.gone_is_fine(&[UNKNOWN]))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        for (of, described) in described.await {
            let one = || match &described {
                Ok(None) => Found::Missing,
                Ok(Some(it)) if it.deleted_date().is_some() => Found::Going,
                Ok(Some(it)) => Found::There(it.arn.clone(), it.kms_key_id.clone()),
                Err(_) => Found::Unknown,
            };
            found.extend(of.into_iter().map(|source| (source, one())));
            match described {
                Err(error) if error.is_not_offered() => {
                    warning = Some(cannot_look("look up the secrets of `secrets`", &error));
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok((found, warning))
    }

    /// A secret as ECS finds it, or why it cannot.
    fn secret(&self, source: &SecretSource, found: &Found) -> Result<Secret, String> {
        let Self { caller: Caller { account, partition, .. }, region } = self;
        let (arn, key) = match found {
            Found::There(arn, key) => (arn.clone(), key.as_deref()),
            Found::Unknown => (None, None),
            Found::Missing => return Err(self.missing(source)),
            Found::Going => {
                let SecretSource::Secret { id, .. } = source else {
                    return Err(self.missing(source));
                };
                return Err(format!(
                    "is scheduled to be deleted: `aws secretsmanager restore-secret --region {region} --secret-id \
                     {id}` takes that back"
                ));
            }
        };
        let key = key.and_then(|key| self.key(key));
        match source {
            SecretSource::Parameter(said) => {
                let of_name = || {
                    let name = said.trim_start_matches('/');
                    format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}")
                };
                let is_arn = said.starts_with("arn:");
                let arn = if is_arn { said.clone() } else { arn.unwrap_or_else(of_name) };
                let action = "ssm:GetParameters";
                Ok(Secret { value_from: arn.clone(), action, arn, key })
            }
            SecretSource::Secret { id, part } => {
                let is_arn = id.starts_with("arn:");
                let of_name = || match is_arn {
                    true => id.clone(),
                    // Without its last characters it still names the secret.
                    false => {
                        format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{id}")
                    }
                };
                let is_whole = is_arn || arn.is_some();
                let arn = arn.unwrap_or_else(of_name);
                let value_from = format!("{arn}{part}");
                let action = "secretsmanager:GetSecretValue";
                let arn = if is_whole { arn } else { format!("{arn}-??????") };
                Ok(Secret { value_from, action, arn, key })
            }
        }
    }

    fn missing(&self, source: &SecretSource) -> String {
        let region = self.region;
        match source {
            SecretSource::Parameter(said) => {
                let name = self.names(said).into_iter().next().unwrap_or_default();
                format!(
                    "is no parameter of {region}: make it with `aws ssm put-parameter --region {region} --name \
                     {name} --type SecureString --value …`"
                )
            }
            SecretSource::Secret { id, .. } if id.starts_with("arn:") => {
                format!("is no secret of {region}")
            }
            SecretSource::Secret { id, .. } => format!(
                "is no secret of {region}: make it with `aws secretsmanager create-secret --region {region} --name \
                 {id} --secret-string …`"
            ),
        }
    }

    /// The key of a secret, if the role needs a permission for it: for the account's own keys of the two
    /// services it needs none (ECS guide, "Pass sensitive data to an Amazon ECS container").
    fn key(&self, id: &str) -> Option<Key> {
        let Self { caller: Caller { account, partition, .. }, region } = self;
        let here = format!("arn:{partition}:kms:{region}:{account}:");
        let (beginning, name) = match Arn::parse(id) {
            Some(arn) => (id.trim_end_matches(arn.resource).to_owned(), arn.resource),
            None => (here, id),
        };
        if name.starts_with("alias/aws/") {
            return None;
        }
        Some(match name {
            alias if alias.starts_with("alias/") => Key::Alias(alias.to_owned(), beginning),
            key if key.starts_with("key/") => Key::Arn(format!("{beginning}{key}")),
            key => Key::Arn(format!("{beginning}key/{key}")),
        })
    }
}

async fn described(aws: &Aws, names: &[String]) -> Result<Vec<ParameterMetadata>> {
    const DOING: &str = "look up the parameters of `secrets`";
    let filter = ParameterStringFilter::builder().key("Name").option("Equals");
    let filter = filter.set_values(Some(names.to_vec())).build();
    let filter = filter.map_err(|error| Error::other(DOING, error.to_string()))?;
    let describe = aws.ssm.describe_parameters().parameter_filters(filter);
    let pages = describe.into_paginator().send().all().await.doing(DOING)?;
    Ok(pages.into_iter().filter_map(|page| page.parameters).flatten().collect())
}

fn cannot_look(what: &str, error: &Error) -> String {
    format!("{}; whether they are there shows when the first task starts", unknown(what, error))
}

fn not_here(source: &SecretSource) -> String {
    format!(
        "`{source}` is of another region or account and was not looked up: whether it is there shows when the \
         first task starts"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(caller: &Caller) -> Place<'_> {
        Place { caller, region: "eu-west-1" }
    }

    fn caller() -> Caller {
        let [account, partition] = ["123456789012", "aws"].map(str::to_owned);
        Caller { account, partition, ..Caller::default() }
    }

    #[test]
    fn a_policy_names_what_is_read_and_the_keys_of_the_customers_own() {
        let caller = caller();
        let place = place(&caller);
        let secret = |source: &str, key: Option<&str>| {
            let found = Found::There(None, key.map(str::to_owned));
            place.secret(&SecretSource::read(source).unwrap(), &found).unwrap()
        };
        assert_eq!(policy([].into_iter()), None);
        let all = [
            secret("/shop/B", Some("alias/aws/ssm")),
            secret("/shop/A", Some("0b1c")),
            secret("/shop/A", Some("alias/shop")),
            secret("secretsmanager:db#user", Some("arn:aws:kms:eu-west-1:2:key/mrk-1")),
        ];
        let document: Value = serde_json::from_str(&policy(all.iter()).unwrap()).unwrap();
        let at = "eu-west-1:123456789012";
        assert_eq!(
            document["Statement"],
            json!([
                {
                    "Effect": "Allow",
                    "Action": "secretsmanager:GetSecretValue",
                    "Resource": [format!("arn:aws:secretsmanager:{at}:secret:db-??????")],
                },
                {
                    "Effect": "Allow",
                    "Action": "ssm:GetParameters",
                    "Resource": [
                        format!("arn:aws:ssm:{at}:parameter/shop/A"),
                        format!("arn:aws:ssm:{at}:parameter/shop/B"),
                    ],
                },
                {
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": [
                        format!("arn:aws:kms:{at}:key/0b1c"), "arn:aws:kms:eu-west-1:2:key/mrk-1",
                    ],
                },
                {
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": format!("arn:aws:kms:{at}:key/*"),
                    "Condition": {
                        "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/shop" },
                    },
                },
            ])
        );
        let user = format!("arn:aws:secretsmanager:{at}:secret:db:user::");
        assert_eq!(all[3].value_from, user);
    }

    #[test]
    fn a_parameter_of_an_arn_may_have_two_names() {
        let caller = caller();
        let place = place(&caller);
        let arn = |rest: &str| format!("arn:aws:ssm:eu-west-1:123456789012:parameter/{rest}");
        assert_eq!(place.names(&arn("db")), ["/db", "db"]);
        assert_eq!(place.names(&arn("shop/db")), ["/shop/db"]);
        assert_eq!(place.names(&arn("db").replace("123456789012", "222222222222")), [""; 0]);
    }
}
