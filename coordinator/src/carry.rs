//! Carrying all facts out of a store and into another: one JSON line per record, secrets still sealed.
//!
//! The keys of the CA and of the secrets are files beside the store and are not part of it: copy them apart.

use crate::home::Home;
use crate::keys;
use crate::store::{Batch, Entry, FORMAT, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::{self, BufRead, Write};

/// Number of records that are written in one batch.
const GROUP: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error("could not write the facts")]
    Write(#[source] io::Error),
    #[error("could not read the facts")]
    Read(#[source] io::Error),
    #[error("line {line} is not a record")]
    Line { line: usize, source: serde_json::Error },
    #[error(
        "line {line} is in format {found}, and this program knows formats up to {FORMAT}: upgrade fleet-coordinator"
    )]
    NewerFormat { line: usize, found: u32 },
    #[error("this coordinator has facts already (`{0}`): import into a new one")]
    NotEmpty(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    format: u32,
    key: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Writes every record.
pub fn export(home: &Home, to: impl Write) -> Result<(), CarryError> {
    write_records(home.store.scan("")?, to)
}

pub fn write_records(entries: Vec<Entry>, mut to: impl Write) -> Result<(), CarryError> {
    for entry in entries {
        let wrong = |source| StoreError::Read { key: entry.key.clone(), source };
        let body: &RawValue = serde_json::from_str(&entry.body).map_err(wrong)?;
        let record = Record { format: FORMAT, key: entry.key.clone(), body };
        serde_json::to_writer(&mut to, &record).map_err(|error| CarryError::Write(error.into()))?;
        to.write_all(b"\n").map_err(CarryError::Write)?;
    }
    to.flush().map_err(CarryError::Write)
}

/// Reads records into a coordinator that knows nothing but its settings and its first token.
pub async fn import(home: &Home, from: impl BufRead) -> Result<(), CarryError> {
    let is_new = |key: &str| key == keys::SETTINGS || key.starts_with(keys::TOKENS);
    if let Some(entry) = home.store.scan("")?.into_iter().find(|entry| !is_new(&entry.key)) {
        return Err(CarryError::NotEmpty(entry.key));
    }
    read_records(home.store.as_ref(), from).await
}

/// Reads records into a store. The settings from `init` are written last, so a store that has them is complete.
pub async fn read_records(store: &dyn Store, from: impl BufRead) -> Result<(), CarryError> {
    let (mut batch, mut last, mut waiting) = (Batch::new(), Batch::new(), 0);
    for (number, line) in from.lines().enumerate() {
        let line = line.map_err(CarryError::Read)?;
        let wrong = |source| CarryError::Line { line: number + 1, source };
        let record: Record<'_> = serde_json::from_str(&line).map_err(wrong)?;
        if record.format > FORMAT {
            return Err(CarryError::NewerFormat { line: number + 1, found: record.format });
        }
        let group = if record.key == keys::SETTINGS { &mut last } else { &mut batch };
        group.put_json(record.key, record.body.get().to_owned());
        waiting += 1;
        if waiting == GROUP {
            store.commit(std::mem::take(&mut batch)).await?;
            waiting = 0;
        }
    }
    store.commit(batch).await?;
    store.commit(last).await?;
    Ok(())
}
