//! Compares a loaded store with the notes of its backup, and runs the app's own queries.

use super::asked;
use super::fault::StoreFault;
use super::fill::{Filling, is_of_data, of_tool};
use super::ready::until_ready;
use super::{DataError, DataWork};
use fleet_core::backup::{
    Check, Counted, DatabaseQuestion, Differences, DrillCheck, StoreDifference, Tool, check_tool, count_tool, counts,
    loads_beside,
};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time for a service that was just started to answer the app's own queries.
const STARTING: Duration = Duration::from_secs(60);
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

/// Counts a loaded store, and compares the count with the one of the dump. Returns the compared items.
pub async fn recount(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<Vec<DrillCheck>, DataError> {
    let (name, store) = (filling.name, filling.store);
    until_ready(data, store, spec).await.map_err(|error| match loads_beside(store, spec) {
        // It starts with the loaded data for the first time.
        true => StoreFault::NotReady(error).of_store(name),
        false => StoreFault::NotReady(error).of_host(name),
    })?;
    let Some(tool) = count_tool(store).filter(|_| !filling.part.counts.is_empty()) else { return Ok(Vec::new()) };
    let printed = data.context().runtime.run_tool(&tool, spec).await.map_err(|error| of_tool(name, error))?;
    let found = counts(store, &printed).map_err(|error| StoreFault::Counts(error).of_store(name))?;
    as_counted(name, &filling.part.counts, &found).map_err(|fault| fault.of_backup(name))
}

/// Sends a loaded store's server the queries of its dump. Returns the compared items, and the differences.
pub async fn renote(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<(Option<DrillCheck>, Differences), DataError> {
    let name = filling.name;
    let Some(source) = &filling.part.source else { return Ok((None, Differences::default())) };
    let Some(found) = asked::note_found(data, spec, filling.store, source).await else {
        return Ok((None, Differences::default()));
    };
    let found = found.map_err(|error| StoreFault::NotAsked(error).of_host(name))?;
    let differences = source.differences(&found.note);
    let (facts, samples) = source.size();
    let noted = DrillCheck::Noted {
        store: name.clone(),
        engine: filling.part.engine,
        facts,
        samples,
        is_partial: found.note.is_partial,
    };
    Ok((Some(noted), differences))
}

/// Runs the app's own queries about a loaded store that the present services can answer. Returns the answers.
pub async fn question(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<Vec<DrillCheck>, DataError> {
    let (name, mut said) = (filling.name, Vec::new());
    for check in &filling.store.checks {
        let tool = check_tool(filling.store, check);
        let Some(tool) = tool.filter(|tool| spec.container(tool.at.service()).is_some()) else { continue };
        let answer = answered(data, filling, spec, (check, &tool)).await?;
        said.push(DrillCheck::Answered { store: name.clone(), question: check.to_string(), answer });
    }
    Ok(said)
}

/// The answer to one question. A service beside the database was started just now, and gets some time before it is believed.
async fn answered(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
    (check, tool): (&Check, &Tool),
) -> Result<Option<String>, DataError> {
    let (name, began) = (filling.name, Instant::now());
    let limit = match check.ask {
        DatabaseQuestion::Query(_) => Duration::ZERO,
        DatabaseQuestion::Command { .. } => STARTING,
    };
    loop {
        let wrong = match data.context().runtime.run_tool(tool, spec).await {
            Ok(answer) => match check.judge(&answer) {
                Ok(said) => return Ok(said),
                Err(error) => StoreFault::Check(error),
            },
            Err(error) if is_of_data(&error) => StoreFault::NotChecked { check: check.to_string(), error },
            Err(error) => return Err(error.into()),
        };
        if began.elapsed() >= limit {
            return Err(wrong.of_backup(name));
        }
        sleep(BETWEEN_QUESTIONS).await;
    }
}

fn as_counted(
    store: &StoreName,
    noted: &BTreeMap<String, Counted>,
    found: &BTreeMap<String, u64>,
) -> Result<Vec<DrillCheck>, StoreFault> {
    let wrong = noted.iter().find_map(|(name, Counted { low, high })| {
        let count = found.get(name).copied().unwrap_or(0);
        let is_wrong = count < *low || count > *high;
        let item = || StoreDifference::bounded(name);
        is_wrong.then(|| StoreDifference::Count { item: item(), low: *low, high: *high, found: count })
    });
    match wrong {
        Some(difference) => Err(difference.into()),
        None => {
            let counted = |item: &String| DrillCheck::Counted {
                store: store.clone(),
                item: item.clone(),
                count: found.get(item).copied().unwrap_or(0),
            };
            Ok(noted.keys().map(counted).collect())
        }
    }
}
