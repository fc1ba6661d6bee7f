//! Files beside dumps that a restore would lose, and loses only with an operator's consent.

use super::DataError;
use super::error::UnfitError;
use super::side_files::Gathered;
use super::source::Opened;
use fleet_core::backup::{Others, SideFileGap, UncoveredData, without_side_files};
use fleet_core::names::StoreName;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a new instance from a backup that is older than files beside dumps are kept, unless an operator has agreed.
pub fn expect_side_files(opened: &Opened, only: &BTreeSet<StoreName>, may: Others) -> Result<(), DataError> {
    match (without_side_files(&opened.manifest, only), may) {
        (stores, Others::Kept) if !stores.is_empty() => {
            let stores = stores.into_iter().map(ToString::to_string).collect();
            Err(UnfitError::WithoutSideFiles { stores }.into())
        }
        (_, Others::Kept | Others::Dropped) => Ok(()),
    }
}

/// Returns existing files beside the data that cannot be kept; refuses the restore unless an operator has agreed to
/// lose them.
pub fn expect_kept(today: &BTreeMap<StoreName, Gathered>, may: Others) -> Result<Vec<UncoveredData>, DataError> {
    let of_store = |(name, found): (&StoreName, &Gathered)| {
        let of_store = |gap: &SideFileGap| UncoveredData::SideFile { store: name.clone(), gap: gap.clone() };
        found.lost.iter().map(of_store).collect::<Vec<_>>()
    };
    let lost: Vec<UncoveredData> = today.iter().flat_map(of_store).collect();
    match may {
        Others::Kept if !lost.is_empty() => Err(UnfitError::SideFilesLost { lost }.into()),
        Others::Kept | Others::Dropped => Ok(lost),
    }
}
