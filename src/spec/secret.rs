//! Where a secret is: a parameter of Systems Manager, or a secret of Secrets Manager. What it is, nobody here
//! ever knows.

use std::fmt;

use crate::arn::Arn;

/// Longest name of a parameter, in characters, with all that its ARN has before it (Systems Manager API,
/// `PutParameter`).
const PARAMETER_LIMIT: usize = 1011;
/// Levels that a parameter's name may have (the same).
const LEVELS: usize = 15;
/// Longest name of a secret, in characters (Secrets Manager API, `CreateSecret`).
const SECRET_LIMIT: usize = 512;
/// What a source is, for those who have said something else.
pub(crate) const SOURCE: &str =
    "must say where the secret is, not what it is: NAME, /path/NAME, secretsmanager:NAME or an ARN";

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// In a parameter of Systems Manager: its name, which begins with `/`, or its ARN.
    Parameter(String),
    /// In a secret of Secrets Manager.
    Secret {
        /// Its name or its ARN.
        id: String,
        /// Which part and version of it, as ECS writes it after the ARN: nothing, or `:key:stage:version`, of
        /// which each may be empty.
        part: String,
    },
}

impl SecretSource {
    /// Reads what was said. Whoever is refused may have said the secret itself: the rule does not repeat it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("arn:") {
            return Self::of_arn(text);
        }
        if let Some(rest) = text.strip_prefix("secretsmanager:") {
            let (name, key) = rest.split_once('#').map_or((rest, None), |(a, b)| (a, Some(b)));
            let part = match key {
                Some(key) if key.is_empty() || key.contains([':', '#']) => {
                    return Err("needs the name of a JSON key after `#`, without `:`".to_owned());
                }
                Some(key) => format!(":{key}::"),
                None => String::new(),
            };
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@!-".contains(&byte);
            if name.is_empty() || name.len() > SECRET_LIMIT || !name.bytes().all(fits) {
                return Err(SOURCE.to_owned());
            }
            return Ok(Self::Secret { id: name.to_owned(), part });
        }
        check_parameter(text)?;
        Ok(Self::Parameter(text.to_owned()))
    }

    fn of_arn(text: &str) -> Result<Self, String> {
        let arn = Arn::parse(text).ok_or(SOURCE)?;
        let is_account =
            arn.account.len() == 12 && arn.account.bytes().all(|it| it.is_ascii_digit());
        let is_whole = arn.partition.starts_with("aws") && !arn.region.is_empty() && is_account;
        let what = "must be the ARN of a parameter or of a secret, with its region and account";
        match (arn.service, is_whole) {
            ("ssm", true) => {
                let name = arn.resource.strip_prefix("parameter/").ok_or(what)?;
                check_parameter(&format!("/{name}"))?;
                Ok(Self::Parameter(text.to_owned()))
            }
            ("secretsmanager", true) => {
                let name = arn.resource.strip_prefix("secret:").ok_or(what)?;
                let mut parts = name.splitn(2, ':');
                let (name, rest) = (parts.next().unwrap_or_default(), parts.next());
                let id = text[..text.len() - rest.map_or(0, |rest| rest.len() + 1)].to_owned();
                let mut rest: Vec<_> =
                    rest.map(|rest| rest.split(':').collect()).unwrap_or_default();
                let most = 3;
                if name.is_empty() || rest.len() > most {
                    return Err(what.to_owned());
                }
                if rest.iter().all(|part| part.is_empty()) {
                    return Ok(Self::Secret { id, part: String::new() });
                }
                rest.resize(most, "");
                if let [_, stage, version] = rest[..]
                    && !stage.is_empty()
                    && !version.is_empty()
                {
                    let rule = "says both a stage and a version after the secret's name: ECS takes one of them";
                    return Err(rule.to_owned());
                }
                Ok(Self::Secret { id, part: format!(":{}", rest.join(":")) })
            }
            _ => Err(what.to_owned()),
        }
    }
}

/// Checks the whole name of a parameter.
pub(crate) fn check_parameter(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let levels = name.strip_prefix('/').unwrap_or(name).split('/');
    if !name.bytes().all(fits) || name.is_empty() {
        return Err(SOURCE.to_owned());
    }
    if !name.starts_with('/') && name.contains('/') {
        return Err("must begin with `/`, as names of parameters do that have one".to_owned());
    }
    if levels.clone().any(str::is_empty) || levels.count() > LEVELS || name.len() > PARAMETER_LIMIT
    {
        return Err(format!(
            "must be the name of a parameter: 1 to {LEVELS} parts between `/`, and {PARAMETER_LIMIT} \
             characters at most"
        ));
    }
    Ok(())
}

/// Checks what stands before the names of parameters.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    let rest = prefix.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let fits = match (prefix, rest) {
        ("/", _) => true,
        (_, Some(rest)) => check_parameter(&format!("/{rest}")).is_ok(),
        _ => false,
    };
    fits.then_some(()).ok_or_else(|| {
        "must begin and end with `/`, and be the beginning of a parameter's name, such as `/shop/`"
            .to_owned()
    })
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => f.pad(name),
            Self::Secret { id, part } if id.starts_with("arn:") => write!(f, "{id}{part}"),
            Self::Secret { id, part } => {
                let key = part.strip_prefix(':').and_then(|part| part.strip_suffix("::"));
                write!(f, "secretsmanager:{id}")?;
                key.map_or(Ok(()), |key| write!(f, "#{key}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";

    #[test]
    fn a_source_is_a_name_or_an_arn() {
        let secret =
            |id: &str, part: &str| SecretSource::Secret { id: id.into(), part: part.into() };
        for (said, is) in [
            ("/shop/DB", SecretSource::Parameter("/shop/DB".into())),
            ("secretsmanager:shop/db", secret("shop/db", "")),
            ("secretsmanager:shop/db#password", secret("shop/db", ":password::")),
            (SECRET, secret(SECRET, "")),
        ] {
            let read = SecretSource::read(said).unwrap();
            assert_eq!(read, is);
            assert_eq!(read.to_string(), said);
        }
        let parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/DB";
        assert_eq!(SecretSource::read(parameter), Ok(SecretSource::Parameter(parameter.into())));
        for (part, is) in [
            (":password", ":password::"),
            (":password::", ":password::"),
            ("::AWSPREVIOUS:", "::AWSPREVIOUS:"),
            (":::0b1c", ":::0b1c"),
            (":::", ""),
        ] {
            assert_eq!(SecretSource::read(&format!("{SECRET}{part}")), Ok(secret(SECRET, is)));
        }
    }

    #[test]
    fn what_may_be_the_secret_itself_is_no_source_and_is_not_repeated() {
        for said in [
            "postgres://user:swordfish@host/db",
            "sword fish",
            "",
            "a/swordfish",
            "/swordfish//b",
            "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
            "secretsmanager:",
            "secretsmanager:sword fish",
            "secretsmanager:db#",
            "arn:swordfish",
            "arn:aws:ssm:eu-west-1::parameter/swordfish",
            "arn:aws:s3:eu-west-1:123456789012:swordfish",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:k:stage:swordfish",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:k:::swordfish",
        ] {
            let rule = SecretSource::read(said).unwrap_err();
            assert!(!rule.contains("swordfish"), "{rule}");
        }
        for prefix in ["/", "/shop/", "/shop/prod/"] {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["", "shop/", "/shop", "//", "/a b/"] {
            assert!(check_prefix(prefix).is_err(), "{prefix}");
        }
    }
}
