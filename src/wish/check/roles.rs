//! Secrets, and the role of a service's tasks.

use std::collections::BTreeMap;

use super::super::Wanted;
use super::super::value::{Entry, Place, Said, Table, Value};
use super::Checker;
use crate::spec::task_role::{self, INLINE_LIMIT};
use crate::spec::{self, EnvValue, Permission, SecretSource, SpecError, TaskRole, pairs, secret};

impl<'a> Checker<'a> {
    /// Checks what stands before the names of parameters.
    pub(super) fn secrets_prefix(&mut self, wanted: &'a Wanted) {
        if let Some(prefix) = self.text(Some(wanted), "secrets_prefix") {
            self.keep(Some(wanted), "secrets_prefix", prefix, secret::check_prefix(prefix));
        }
    }

    /// Where the secrets of a container are, whose keys begin with `prefix`. What is wrong is told without the
    /// value: it may be a secret.
    pub(super) fn secrets(
        &mut self,
        wanted: &'a Wanted,
        prefix: &str,
        env: &BTreeMap<String, EnvValue>,
    ) -> BTreeMap<String, SecretSource> {
        let mut secrets = BTreeMap::new();
        let path = |key: &str| format!("{prefix}{key}");
        let Some(table) = wanted.table.table(&path("secrets")) else { return secrets };
        for (name, Entry { key, said }) in &table.0 {
            let field = format!("service.{}.{}.{name}", wanted.name, path("secrets"));
            let Value::Text(text) = &said.value else { continue };
            if let Err(rule) = pairs::check_variable(name, "") {
                self.problem_at(field.clone(), Some(key), "", rule);
            }
            if env.contains_key(name) && !self.is_told(&field) {
                let there = wanted.table.table(&path("env")).and_then(|env| env.0.get(name));
                let aside = there.map(|there| there.key.aside()).unwrap_or_default();
                self.problem_at(field.clone(), Some(key), "", format!("is also in env{aside}"));
            }
            match SecretSource::read(text) {
                Ok(source) => {
                    secrets.insert(name.clone(), source);
                }
                // It may have been told where it was read.
                Err(_) if self.is_told(&field) => {}
                Err(rule) => {
                    let error = SpecError::new(field, "", rule);
                    self.problems.0.push(match said.place.spot() {
                        Some(spot) => error.at(spot.at_hidden()),
                        None => error,
                    });
                }
            }
        }
        secrets
    }

    /// Whether something was told of a field already.
    fn is_told(&self, field: &str) -> bool {
        self.problems.0.iter().any(|problem| problem.field == field)
    }

    /// The role of a service's tasks.
    pub(super) fn task_role(&mut self, wanted: &'a Wanted) -> TaskRole {
        let of = Some(wanted);
        let policies = self.policies(wanted);
        let permissions = self.permissions(wanted);
        let Some(role) = self.text(of, "task_role") else {
            let is_needed = !policies.is_empty() || !permissions.is_empty() || self.exec(wanted);
            return match is_needed {
                true => TaskRole::Own { policies, permissions },
                false => TaskRole::None,
            };
        };
        let beside = [("policies", policies.is_empty()), ("permissions", permissions.is_empty())];
        if let Some((other, _)) = beside.into_iter().find(|(_, is_empty)| !is_empty) {
            let aside = wanted.table.entry(other).map(|it| it.key.aside()).unwrap_or_default();
            let rule = format!(
                "is used as it is, and cannot stand beside `{other}`{aside}, which make a role of the stack's own"
            );
            self.problem(of, "task_role", "", rule);
        }
        let checked = self.keep(of, "task_role", role, task_role::check_role(role));
        checked.map_or(TaskRole::None, TaskRole::Existing)
    }

    fn policies(&mut self, wanted: &'a Wanted) -> Vec<String> {
        let mut policies: Vec<String> = Vec::new();
        for (policy, place) in wanted.table.texts("policies").unwrap_or_default() {
            match spec::check_boundary(policy) {
                Ok(policy) if policies.contains(&policy) => {}
                Ok(policy) => policies.push(policy),
                Err(rule) => {
                    let field = format!("service.{}.policies", wanted.name);
                    self.problem_at(field, Some(place), policy, rule);
                }
            }
        }
        let count = format!("{} policies", policies.len());
        self.keep(Some(wanted), "policies", &count, task_role::check_policies(&policies));
        policies
    }

    fn permissions(&mut self, wanted: &'a Wanted) -> Vec<Permission> {
        let Some(Said { value: Value::List(list), place }) = wanted.table.get("permissions") else {
            return Vec::new();
        };
        let mut permissions = Vec::new();
        for said in list {
            let Value::Table(table) = &said.value else { continue };
            permissions.extend(self.permission(wanted, table, &said.place));
        }
        let length = task_role::document(&permissions).len();
        if length > INLINE_LIMIT {
            let rule = format!(
                "take {length} characters as an IAM policy, and at most {INLINE_LIMIT} fit, since the old and the \
                 new one stand side by side for a while: use `*`, or managed `policies`"
            );
            let field = format!("service.{}.permissions", wanted.name);
            self.problem_at(field, Some(place), "", rule);
        }
        permissions
    }

    fn permission(&mut self, wanted: &Wanted, table: &Table, place: &Place) -> Option<Permission> {
        let field = |key: &str| format!("service.{}.permissions.{key}", wanted.name);
        let mut texts = |key: &'static str, check: fn(&str) -> Result<(), String>| {
            let said = table.texts(key).unwrap_or_default();
            if said.is_empty() {
                let rule = format!("needs `{key}`, an array of at least one");
                self.problem_at(
                    format!("service.{}.permissions", wanted.name),
                    Some(place),
                    "",
                    rule,
                );
            }
            for (text, place) in &said {
                if let Err(rule) = check(text) {
                    self.problem_at(field(key), Some(place), text, rule);
                }
            }
            let texts: Vec<_> = said.iter().map(|(text, _)| (*text).to_owned()).collect();
            (!texts.is_empty()).then_some(texts)
        };
        let actions = texts("actions", task_role::check_action);
        let resources = texts("resources", task_role::check_resource);
        let mut condition: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (operator, entry) in table.table("condition").iter().flat_map(|it| &it.0) {
            let Value::Table(keys) = &entry.said.value else { continue };
            for (key, entry) in &keys.0 {
                let values = match &entry.said.value {
                    Value::Text(text) => vec![text.clone()],
                    _ => {
                        let texts = keys.texts(key).unwrap_or_default();
                        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
                    }
                };
                condition.entry(operator.clone()).or_default().insert(key.clone(), values);
            }
        }
        Some(Permission { actions: actions?, resources: resources?, condition })
    }
}
