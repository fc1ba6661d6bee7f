//! Rebuilds of derivable stores, as an app declares them.

use super::StoreDeclaration;
use crate::app::yaml::problem_at;
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
            Err(fault) => problems.push(problem_at(bytes, &format!("stores.{name}.rebuild"), fault.to_string())),
        }
    }
    Problems(problems).or(found)
}

/// The same of a release that was checked when it was pushed.
pub fn rebuilds_declared(declared: &BTreeMap<StoreName, StoreDeclaration>) -> BTreeMap<StoreName, Rebuild> {
    let found = declared.iter().filter_map(|(name, store)| Some((name.clone(), declared_in(store, |_| true).ok()??)));
    found.collect()
}

/// Fault of a rebuild as app.yaml declares it.
#[derive(Debug, thiserror::Error)]
enum RebuildFault {
    #[error("only a store of `kind: derivable` is rebuilt: this one comes from the backup")]
    NotDerivable,
    #[error("in which `service` does the command run?")]
    NoService,
    #[error("there is no service `{service}`")]
    UnknownService { service: String },
    #[error("`command` is a list of words, with a program as the first")]
    NoCommand,
    #[error("`limit` is at least 1s and at most {}", Rebuild::LONGEST)]
    Limit,
}

fn declared_in(store: &StoreDeclaration, has_service: impl Fn(&str) -> bool) -> Result<Option<Rebuild>, RebuildFault> {
    let Some(declared) = &store.rebuild else { return Ok(None) };
    if store.kind == StoreKind::Truth {
        return Err(RebuildFault::NotDerivable);
    }
    let service = declared.service.as_ref().or(store.service.as_ref());
    let service = service.ok_or(RebuildFault::NoService)?;
    if !has_service(service) {
        return Err(RebuildFault::UnknownService { service: service.clone() });
    }
    if declared.command.is_empty() || declared.command.iter().any(|word| word.contains('\0')) {
        return Err(RebuildFault::NoCommand);
    }
    let limit = declared.limit.unwrap_or(Rebuild::USUAL);
    if limit > Rebuild::LONGEST || limit < Period::from_secs(1) {
        return Err(RebuildFault::Limit);
    }
    Ok(Some(Rebuild { service: service.clone(), command: declared.command.clone(), limit }))
}
