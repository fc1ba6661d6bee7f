//! Describes what an in-place restore replaces, store by store.

use crate::facts::StateSnapshot;
use crate::operators::request::wrong;
use fleet_core::backup::{BackupSeen, BackupSource, StoreState};
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, RepositoryName, StoreName};
use std::collections::BTreeSet;
use tonic::Status;

const ATTEMPT: &str = "restore";

/// Returns the lines about replaced data, for people.
pub fn in_place(
    snapshot: &StateSnapshot,
    name: &InstanceName,
    (from, seen): (&BackupSource, &BackupSeen),
    only: &BTreeSet<StoreName>,
    safety: &BTreeSet<RepositoryName>,
) -> Result<Vec<String>, Status> {
    let coverage = snapshot.said(name).and_then(|said| said.coverage.as_ref());
    let mut plan = vec![match safety.is_empty() {
        true => "what is there now: NOT backed up before".to_owned(),
        false => {
            let names: Vec<String> = safety.iter().map(ToString::to_string).collect();
            format!("what is there now: backed up into {}", names.join(", "))
        }
    }];
    let what = format!("backup {} of {} in {}", from.backup, seen.began, from.repository);
    let Some(coverage) = coverage else {
        plan.push(format!("its data: replaced by {what}"));
        return Ok(plan);
    };
    let stores: BTreeSet<&StoreName> = coverage.stores.iter().map(|store| &store.name).collect();
    if let Some(unknown) = only.iter().find(|name| !stores.contains(name)) {
        let has: Vec<String> = stores.iter().map(ToString::to_string).collect();
        return Err(wrong(ATTEMPT, format!("`{unknown}` is not a store of `{name}`"), Hint::ChooseAmong(has)));
    }
    for store in &coverage.stores {
        let is_meant = only.is_empty() || only.contains(&store.name);
        plan.push(match &store.state {
            StoreState::Derivable => format!("store {}: stays; it can be rebuilt", store.name),
            StoreState::Covered | StoreState::Missing { .. } if is_meant => {
                format!("store {}: replaced by {what}", store.name)
            }
            StoreState::Covered | StoreState::Missing { .. } => format!("store {}: stays as it is", store.name),
        });
    }
    plan.push("services: stopped meanwhile; if it does not work, everything is put back as it was".to_owned());
    Ok(plan)
}
