//! Rebuilds of derivable stores, as an app declares them.

use super::StoreDeclaration;
use crate::app::spans::problem_at;
use crate::compose::Problems;
use crate::names::StoreName;
use crate::spec::InstanceSpec;
use crate::store::{Rebuild, StoreKind};
use crate::units::Period;
use std::collections::BTreeMap;

/// The commands that follow a restore, or all that is wrong with them; `bytes` are those of app.yaml.
pub fn rebuilds(
    declared: &BTreeMap<StoreName, StoreDeclaration>,
    bytes: &[u8],
    spec: &InstanceSpec,
) -> Result<BTreeMap<StoreName, Rebuild>, Problems> {
    let (mut problems, mut found) = (Vec::new(), BTreeMap::new());
    for (name, store) in declared {
        match declared_in(store, |service| spec.container(service).is_some()) {
            Ok(None) => {}
            Ok(Some(rebuild)) => drop(found.insert(name.clone(), rebuild)),
            Err(text) => problems.push(problem_at(bytes, &format!("stores.{name}.rebuild"), text)),
        }
    }
    Problems(problems).or(found)
}

/// The same of a release that was checked when it was pushed.
pub fn rebuilds_declared(declared: &BTreeMap<StoreName, StoreDeclaration>) -> BTreeMap<StoreName, Rebuild> {
    let found = declared.iter().filter_map(|(name, store)| Some((name.clone(), declared_in(store, |_| true).ok()??)));
    found.collect()
}

fn declared_in(store: &StoreDeclaration, has_service: impl Fn(&str) -> bool) -> Result<Option<Rebuild>, String> {
    let Some(declared) = &store.rebuild else { return Ok(None) };
    if store.kind == StoreKind::Truth {
        return Err("only a store of `kind: derivable` is rebuilt: this one comes from the backup".to_owned());
    }
    let service = declared.service.as_ref().or(store.service.as_ref());
    let service = service.ok_or("in which `service` does the command run?")?;
    if !has_service(service) {
        return Err(format!("there is no service `{service}`"));
    }
    if declared.command.is_empty() || declared.command.iter().any(|word| word.contains('\0')) {
        return Err("`command` is a list of words, with a program as the first".to_owned());
    }
    let limit = declared.limit.unwrap_or(Rebuild::USUAL);
    if limit > Rebuild::LONGEST || limit < Period::from_secs(1) {
        return Err(format!("`limit` is at least 1s and at most {}", Rebuild::LONGEST));
    }
    Ok(Some(Rebuild { service: service.clone(), command: declared.command.clone(), limit }))
}
