//! `${…}` in the texts of a manifest.

use std::collections::{BTreeMap, BTreeSet};

use super::Variables;
use super::value::{Said, Table, Value};
use crate::spec::{SpecError, secret};

/// What AWS has answered to what only it knows.
#[derive(Debug, Default)]
pub struct Answers {
    /// The region that is spoken to.
    pub region: Option<String>,
    /// The account of the credentials.
    pub account: Option<String>,
    /// Values of plain parameters of Systems Manager, by name.
    pub parameters: BTreeMap<String, String>,
}

/// What can stand for `${…}`.
pub struct Known<'a> {
    /// `${stack}`.
    pub stack: String,
    /// `${environment}`.
    pub environment: Option<String>,
    /// `${region}`: the pin, which goes before what AWS has answered.
    pub region: Option<String>,
    /// `${account}`: likewise.
    pub account: Option<String>,
    /// `${env:NAME}`.
    pub variables: Variables<'a>,
    /// The rest.
    pub answers: &'a Answers,
    /// What AWS has not been asked for yet.
    pub open: BTreeSet<String>,
}

impl Known<'_> {
    /// Fills in every text of a table that was said in a file.
    pub fn fill(&mut self, table: &mut Table, path: &str, problems: &mut Vec<SpecError>) {
        for (name, entry) in &mut table.0 {
            let path = match path.is_empty() {
                true => name.clone(),
                false => format!("{path}.{name}"),
            };
            self.fill_said(&mut entry.said, &path, problems);
        }
    }

    fn fill_said(&mut self, said: &mut Said, path: &str, problems: &mut Vec<SpecError>) {
        match &mut said.value {
            Value::Table(table) => self.fill(table, path, problems),
            Value::List(list) => {
                for said in list {
                    self.fill_said(said, path, problems);
                }
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
                let before = self.open.len();
                match self.filled(text) {
                    Ok(_) if ["account", "region"].contains(&path) && self.open.len() > before => {
                        let rule = "is needed before AWS can be asked: it takes no ${account}, ${region} and ${ssm:…}";
                        problems.push(SpecError::new(path.to_owned(), "", rule).at(spot.at()));
                    }
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

    fn filled(&mut self, text: &str) -> Result<String, String> {
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

    /// What AWS has answered; until it was asked, the name stands for itself.
    fn answered(&mut self, name: &str, answer: Option<&String>) -> String {
        if let Some(answer) = answer {
            return answer.clone();
        }
        self.open.insert(name.to_owned());
        format!("${{{name}}}")
    }

    fn value(&mut self, name: &str) -> Result<String, String> {
        let answers = self.answers;
        match name {
            "stack" => Ok(self.stack.clone()),
            "environment" => self.environment.clone().ok_or_else(|| {
                "${environment} is what --environment says, and this manifest has none".to_owned()
            }),
            "region" => match &self.region {
                Some(pin) => Ok(pin.clone()),
                None => Ok(self.answered(name, answers.region.as_ref())),
            },
            "account" => match &self.account {
                Some(pin) => Ok(pin.clone()),
                None => Ok(self.answered(name, answers.account.as_ref())),
            },
            _ => match name.split_once(':') {
                Some(("env", variable)) => (self.variables)(variable)
                    .ok_or_else(|| format!("{variable} is not set in the environment; set it")),
                Some(("ssm", parameter)) => {
                    // As GetParameter takes it, and nothing that selects a version or a label of it.
                    secret::check_parameter(parameter).map_err(|_| {
                        "needs the name of a parameter after `ssm:`, such as ${ssm:/shop/zone}"
                            .to_owned()
                    })?;
                    Ok(self.answered(name, answers.parameters.get(parameter)))
                }
                _ => Err(format!(
                    "no variable `{name}`; there are account, environment, region, stack, env:NAME and ssm:NAME; \
                     for the text itself write $${{{name}}}"
                )),
            },
        }
    }
}
