//! Queries to database servers beside their dumps: the amount of data, and further properties of it.
//!
//! **Invariant:** that a server cannot be asked is no fault of its dump: it is a warning of the backup.

use super::DataWork;
use super::dumps::AllDumped;
use super::fault::AskError;
use super::ready::until_ready;
use crate::runtime::RuntimeError;
use fleet_core::backup::{
    CounterReading, DataNote, NotedAt, QuiesceWindow, SourceNote, Store, count_tool, note_tool, reading,
};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use std::collections::BTreeMap;

/// Replies about stores that can no longer be queried while they are dumped.
pub type Early = BTreeMap<StoreName, Asked>;

/// Count of a store and reply of its server, or the reason why there is none.
#[derive(Debug)]
pub struct Asked {
    pub counted: Result<CounterReading, AskError>,
    pub noted: Option<Result<NotedAt, AskError>>,
}

/// Queries the stores whose services will be stopped for their dumps.
pub async fn ask_early(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
    stills: &[QuiesceWindow],
) -> Early {
    let mut early = Early::new();
    for (name, store) in stores {
        let Some(tool) = count_tool(store) else { continue };
        if stills.iter().any(|still| still.service == tool.at.service()) {
            let counted = count(data, spec, store).await;
            let noted = note(data, spec, store, None).await;
            early.insert((*name).clone(), Asked { counted, noted });
        }
    }
    early
}

/// Repeats the queries about these stores, whose services run again: facts that are the same before and after the stop
/// are in their dumps.
pub async fn settle_early(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
    early: Early,
    dumped: &mut AllDumped,
) {
    for (name, Asked { noted, .. }) in early {
        let store = stores.iter().find(|(other, _)| **other == name).map(|(_, store)| *store);
        let (Some(store), Some(before), Some(dumped)) = (store, noted, dumped.stores.get_mut(&name)) else { continue };
        let after = match until_ready(data, store, spec).await {
            Ok(()) => note(data, spec, store, before.as_ref().ok()).await.unwrap_or_else(|| Ok(NotedAt::default())),
            Err(error) => Err(error.into()),
        };
        (dumped.source, _) = settled(before, after, &mut dumped.notes);
    }
}

/// Runs the store's own counter and returns its result.
pub async fn count(data: &DataWork<'_>, spec: &InstanceSpec, store: &Store) -> Result<CounterReading, AskError> {
    let Some(tool) = count_tool(store) else { return Ok(CounterReading::default()) };
    let said = data.context().runtime.run_tool(&tool, spec).await?;
    Ok(reading(store, &said)?)
}

/// Compares both replies and returns whether nothing was written in between. A server that cannot be queried does not
/// make its dump bad.
pub fn settled(
    before: Result<NotedAt, AskError>,
    after: Result<NotedAt, AskError>,
    notes: &mut Vec<DataNote>,
) -> (Option<SourceNote>, bool) {
    match before.and_then(|before| Ok((before, after?))) {
        Ok((before, after)) => {
            let is_still = before.is_still(&after);
            let source = before.settled(&after);
            notes.extend(source.left.iter().map(|name| DataNote::Tablespace { name: name.clone() }));
            (Some(source), is_still)
        }
        Err(error) => {
            notes.push(DataNote::NotNoted { failure: Box::new((&error).into()) });
            (None, false)
        }
    }
}

/// Queries a store's server by another path than its dump, for the same samples as before if there was an earlier
/// query.
pub async fn note(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    store: &Store,
    before: Option<&NotedAt>,
) -> Option<Result<NotedAt, AskError>> {
    let tool = note_tool(store, before.map(|before| &before.note))?;
    let said = data.context().runtime.run_tool(&tool, spec).await;
    Some(said.map_err(AskError::from).and_then(|said| Ok(NotedAt::read(&said)?)))
}

/// Queries the same facts for a comparison; nothing is known about data beyond the reading limit.
pub async fn note_found(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    store: &Store,
    noted: &SourceNote,
) -> Option<Result<NotedAt, AskError>> {
    let said = data.context().runtime.run_tool(&note_tool(store, Some(noted))?, spec).await;
    Some(match said {
        Err(RuntimeError::TooMuch { .. }) => {
            let note = SourceNote { is_partial: true, ..SourceNote::default() };
            Ok(NotedAt { note, ..NotedAt::default() })
        }
        Err(error) => Err(error.into()),
        Ok(said) => NotedAt::read(&said).map_err(AskError::from),
    })
}
