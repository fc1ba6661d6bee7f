//! Databases that the servers hold beside the restored stores: their whole folders are replaced, so these would be
//! lost.

use super::error::UnfitError;
use super::fill::Filling;
use super::targets::Target;
use super::{DataError, DataWork};
use crate::runtime::RuntimeError;
use fleet_core::activity::Activity;
use fleet_core::app::Rendered;
use fleet_core::backup::{DatabaseEngine, Others, Store, UncoveredData, is_files, others, others_tool};
use fleet_core::names::StoreName;
use std::collections::BTreeMap;

/// Returns the data that would be lost; refuses the restore unless an operator has agreed. Changes nothing.
pub async fn expect_none(
    data: &DataWork<'_>,
    rendered: &Rendered,
    fillings: &[Filling<'_>],
    targets: &[Target],
    may: Others,
) -> Result<Vec<UncoveredData>, DataError> {
    let (mut lost, mut of_service) = (Vec::new(), BTreeMap::<&str, Vec<&Filling<'_>>>::new());
    // A store without data cannot lose any.
    for filling in fillings.iter().filter(|filling| !is_files(filling.store)) {
        let own = targets.iter().filter(|it| it.store == *filling.name && it.root.is_none() && is_used(it));
        let own: Vec<&Target> = own.collect();
        if let DatabaseEngine::Command(_) = &filling.store.engine {
            // It is unknown in which of them its service has the data of its own commands.
            let folders = own.iter().filter(|_| own.len() > 1);
            lost.extend(folders.map(|it| UncoveredData::FolderOfCommands { path: it.path.display().to_string() }));
        } else if let Some(service) = filling.store.engine.service().filter(|_| !own.is_empty()) {
            of_service.entry(service).or_default();
        }
    }
    for filling in fillings.iter().filter(|filling| !is_files(filling.store)) {
        let service = filling.store.engine.service().and_then(|service| of_service.get_mut(service));
        service.into_iter().for_each(|of_it| of_it.push(filling));
    }
    for (service, fillings) in of_service {
        // All restored stores of the server, including those that share another's folder.
        let stores: Vec<&Store> = fillings.iter().map(|filling| filling.store).collect();
        data.work.say(Activity::AskingForOthers(service.to_owned()));
        lost.extend(beside(data, rendered, service, &stores).await);
    }
    if lost.is_empty() || may == Others::Dropped {
        return Ok(lost);
    }
    Err(UnfitError::OthersLost { lost }.into())
}

fn is_used(target: &Target) -> bool {
    match std::fs::read_dir(&target.path) {
        Ok(mut found) => found.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Returns the other databases of an instance's servers, as far as they can be queried: a backup must not fail because
/// of this.
pub async fn beside_stores(
    data: &DataWork<'_>,
    rendered: &Rendered,
    stores: &[(&StoreName, &Store)],
) -> Vec<UncoveredData> {
    let mut of_service: BTreeMap<&str, Vec<&Store>> = BTreeMap::new();
    for (_, store) in stores {
        store.engine.service().into_iter().for_each(|service| of_service.entry(service).or_default().push(store));
    }
    let mut found = Vec::new();
    for (service, stores) in of_service {
        found.extend(beside(data, rendered, service, &stores).await);
    }
    found
}

async fn beside(data: &DataWork<'_>, rendered: &Rendered, service: &str, stores: &[&Store]) -> Vec<UncoveredData> {
    let not_asked = |error: RuntimeError| {
        vec![UncoveredData::ServerNotAsked { service: service.to_owned(), failure: Box::new((&error).into()) }]
    };
    asked(data, rendered, service, stores).await.unwrap_or_else(not_asked)
}

/// Returns the other databases that the server of these stores reports.
async fn asked(
    data: &DataWork<'_>,
    rendered: &Rendered,
    service: &str,
    stores: &[&Store],
) -> Result<Vec<UncoveredData>, RuntimeError> {
    // A store that covers its whole server needs no query.
    let tools: Option<Vec<_>> = stores.iter().map(|store| others_tool(store)).collect();
    let Some(tool) = tools.and_then(|mut tools| tools.pop()) else { return Ok(Vec::new()) };
    let printed = data.context().runtime.run_tool(&tool, &rendered.spec).await?;
    Ok(others(service, stores.iter().copied(), &printed))
}
