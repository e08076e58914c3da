//! `${…}` in the texts of a manifest.

use super::Variables;
use super::value::{Said, Table, Value};
use crate::spec::SpecError;

/// What can stand for `${…}`.
pub struct Known<'a> {
    /// `${stack}`.
    pub stack: String,
    /// `${environment}`.
    pub environment: Option<String>,
    /// `${region}`: the pin.
    pub region: Option<String>,
    /// `${account}`: the pin.
    pub account: Option<String>,
    /// `${env:NAME}`.
    pub variables: Variables<'a>,
}

impl Known<'_> {
    /// Fills in every text of a table that was said in a file.
    pub fn fill(&self, table: &mut Table, path: &str, problems: &mut Vec<SpecError>) {
        for (name, entry) in &mut table.0 {
            let path = match path.is_empty() {
                true => name.clone(),
                false => format!("{path}.{name}"),
            };
            self.fill_said(&mut entry.said, &path, problems);
        }
    }

    fn fill_said(&self, said: &mut Said, path: &str, problems: &mut Vec<SpecError>) {
        match &mut said.value {
            Value::Table(table) => self.fill(table, path, problems),
            Value::List(list) => {
                list.iter_mut().for_each(|said| self.fill_said(said, path, problems));
            }
            Value::Text(text) => {
                let Some(spot) = said.place.spot() else { return };
                if !text.contains("${") {
                    return;
                }
                if path == "stack" {
                    let rule = "takes no ${…}: it is what the stack is found by";
                    problems.push(SpecError::new("stack", "", rule).at(spot.at()));
                    return;
                }
                match self.filled(text) {
                    Ok(filled) => *text = filled,
                    Err(mut rule) => {
                        let service =
                            path.strip_prefix("service.").and_then(|it| it.strip_suffix(".image"));
                        if let Some(service) = service.filter(|_| rule.ends_with("; set it")) {
                            rule = format!("{rule}, give --image {service}=…, or --keep-images");
                        }
                        problems.push(SpecError::new(path.to_owned(), "", rule).at(spot.at()));
                    }
                }
            }
        }
    }

    fn filled(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            filled.push_str(&rest[..at]);
            let Some((name, after)) = rest[at + 2..].split_once('}') else {
                return Err("`${` needs its `}`; for the text itself write $${".to_owned());
            };
            filled.push_str(&self.value(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, name: &str) -> Result<String, String> {
        let pin = |value: &Option<String>, what: &str| {
            value.clone().ok_or_else(|| {
                format!(
                    "${{{what}}} is what the file says at its top: write `{what} = \"…\"` there"
                )
            })
        };
        match name {
            "stack" => Ok(self.stack.clone()),
            "environment" => self.environment.clone().ok_or_else(|| {
                "${environment} is what --environment says, and this manifest has none".to_owned()
            }),
            "region" => pin(&self.region, "region"),
            "account" => pin(&self.account, "account"),
            _ => match name.split_once(':') {
                Some(("env", variable)) => (self.variables)(variable)
                    .ok_or_else(|| format!("{variable} is not set in the environment; set it")),
                Some(("ssm", _)) => Err("${ssm:…} is not built yet".to_owned()),
                _ => Err(format!(
                    "no variable `{name}`; there are account, environment, region, stack, env:NAME and ssm:NAME; \
                     for the text itself write $${{{name}}}"
                )),
            },
        }
    }
}
