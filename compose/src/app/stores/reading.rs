//! Shared state while stores are parsed: services, variables, texts with values in them, and problems.

use super::StoreDeclaration;
use crate::app::template::Texts;
use crate::app::yaml::problem_at;
use crate::compose::{Problem, Problems};
use crate::guess::closest;
use crate::names::StoreName;
use crate::spec::{InstanceSpec, Text};

/// One declaration on its way to a store, with the problems found so far.
pub(super) struct Reading<'a> {
    pub name: &'a StoreName,
    pub declaration: &'a StoreDeclaration,
    pub bytes: &'a [u8],
    pub texts: &'a Texts<'a>,
    pub spec: &'a InstanceSpec,
    pub problems: Problems,
}

impl Reading<'_> {
    pub fn service(&mut self) -> String {
        let service = self.declaration.service.clone().unwrap_or_default();
        self.expect_service("service", &service);
        service
    }

    pub fn expect_service(&mut self, field: &str, service: &str) {
        if self.spec.container(service).is_none() {
            let known = self.spec.containers.iter().map(|container| container.service.as_str());
            let meant = closest(service, known).map(|meant| format!("did you mean `{meant}`?"));
            self.wrong_with(field, &format!("there is no service `{service}`"), meant);
        }
    }

    /// A variable of the store's service.
    pub fn variable(&self, name: &str) -> Option<Text> {
        let container = self.spec.container(self.declaration.service.as_deref()?)?;
        container.environment.get(name).cloned()
    }

    pub fn or_variable(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .find_map(|name| self.variable(name))
            .map(|text| text.expose().to_owned())
            .filter(|it| !it.is_empty())
    }

    /// Returns a text with values that will be visible in process lists, so secrets are refused.
    pub fn plain(&mut self, field: &str, source: Option<&str>) -> Option<String> {
        let text = self.text(field, source?)?;
        if text.is_secret() {
            let hint = "secrets belong to `password`, `key` and `environment`".to_owned();
            return self.refuse_with(field, "a secret value would be seen by others here", Some(hint));
        }
        let text = text.expose();
        if text.contains('\0') {
            return self.refuse(field, "this text has a NUL in it");
        }
        Some(text.to_owned())
    }

    pub fn text(&mut self, field: &str, source: &str) -> Option<Text> {
        match self.texts.text(source) {
            Ok(text) => Some(text),
            Err((text, hint)) => self.refuse_with(field, &text, hint),
        }
    }

    pub fn wrong(&mut self, field: &str, text: &str) {
        self.wrong_with(field, text, None);
    }

    /// Notes a problem, and returns nothing.
    pub fn refuse<T>(&mut self, field: &str, text: &str) -> Option<T> {
        self.refuse_with(field, text, None)
    }

    pub fn refuse_with<T>(&mut self, field: &str, text: &str, hint: Option<String>) -> Option<T> {
        self.wrong_with(field, text, hint);
        None
    }

    pub fn wrong_with(&mut self, field: &str, text: &str, hint: Option<String>) {
        let path = format!("stores.{}.{field}", self.name);
        let problem: Problem = problem_at(self.bytes, path.trim_end_matches('.'), text);
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
}
