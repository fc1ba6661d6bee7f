//! Paths of a store's data in a snapshot, and the name of a volume in another instance.

use crate::names::StoreName;

/// The path of a store's stream in its snapshot.
pub fn stream_path(store: &StoreName) -> String {
    format!("dumps/{store}")
}

/// Returns the path of a store's folder in its snapshot; the number distinguishes its roots.
pub fn root_path(store: &StoreName, number: usize) -> String {
    format!("files/{store}/{number}")
}

/// Returns the name of a volume in another instance: the instance's name at its beginning is replaced.
pub fn renamed(from: &str, of: &str, to: &str) -> String {
    match from.strip_prefix(of).filter(|rest| rest.starts_with(['_', '-'])) {
        Some(rest) => format!("{to}{rest}"),
        None => from.to_owned(),
    }
}
