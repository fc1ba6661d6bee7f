//! Checks of a store, from the declaration to the query.

use super::reading::Reading;
use super::{CHECK_LIMIT, CheckDeclaration};
use crate::store::{Check, DatabaseQuestion, EngineKind, Expected};

impl Reading<'_> {
    pub fn checks(&mut self) -> Vec<Check> {
        let checks = &self.declaration.checks;
        if checks.len() > CHECK_LIMIT {
            self.wrong("checks", &format!("there are {} checks; {CHECK_LIMIT} are allowed", checks.len()));
        }
        checks.iter().enumerate().filter_map(|(index, check)| self.check(&format!("checks[{index}]"), check)).collect()
    }

    fn check(&mut self, field: &str, check: &CheckDeclaration) -> Option<Check> {
        let has_queries = !matches!(self.declaration.engine, EngineKind::Volume | EngineKind::S3 | EngineKind::Command);
        let ask = match (&check.query, check.command.is_empty()) {
            (Some(query), true) if has_queries && check.service.is_none() => {
                DatabaseQuestion::Query(self.plain(field, Some(query))?)
            }
            (Some(_), true) if has_queries => {
                return self.refuse(field, "a query is asked in the store's own service");
            }
            (Some(_), true) => return self.refuse(field, "this store has no language for a `query`; use `command`"),
            (None, false) => {
                let Some(service) = check.service.clone().or_else(|| self.declaration.service.clone()) else {
                    return self.refuse(field, "in which `service` does the command run?");
                };
                self.expect_service(field, &service);
                let words = check.command.iter().map(|word| self.plain(field, Some(word))).collect::<Option<_>>()?;
                DatabaseQuestion::Command { service, words }
            }
            (Some(_), false) | (None, true) => {
                return self.refuse(field, "a check has either a `query` or a `command`");
            }
        };
        let expect = match (&check.expect, check.at_least) {
            (Some(text), None) => Expected::Text(self.plain(field, Some(text))?),
            (None, Some(least)) => Expected::AtLeast(least),
            (None, None) => Expected::Success,
            (Some(_), Some(_)) => return self.refuse(field, "a check has either `expect` or `at_least`"),
        };
        Some(Check { ask, expect })
    }
}
