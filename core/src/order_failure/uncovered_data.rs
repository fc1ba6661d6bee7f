//! Data of an instance that is not in a backup, as codes with arguments. `fleet` turns them into words.
//!
//! **Invariant:** `Display` is the text in manifests, which earlier versions read; it stays as it is.

use super::OrderFailure;
use crate::coded_text::{codes_beside_texts, kept_as_code};
use crate::names::StoreName;
use crate::store_gap::{StoreGap, UndeclaredData};
use serde::{Deserialize, Deserializer, Serialize};

/// Data that a backup does not have, or that a restore would replace. Kept facts have it as `{"code": "database", "with": …}`, earlier
/// ones as a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum UncoveredData {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A declared store.
    #[error("{store}: {reason}")]
    Store {
        /// Name of the store.
        store: StoreName,
        /// Reason.
        reason: StoreGap,
    },
    /// A store of files that has no files on the host.
    #[error("{store}: nothing of it is on this host")]
    NothingFound {
        /// Name of the store.
        store: StoreName,
    },
    /// A volume or folder that no store declares.
    #[error("{data}: no store declares it")]
    Undeclared {
        /// The volume or folder.
        data: UndeclaredData,
    },
    /// A database that no store declares.
    #[error("database `{name}` of {service}: no store declares it")]
    UndeclaredDatabase {
        /// Service of its server.
        service: String,
        /// Name of the database.
        name: String,
    },
    /// A file beside the dump of a store.
    #[error("{store}: beside its dump: {gap}")]
    SideFile {
        /// Name of the store.
        store: StoreName,
        /// The file, and the reason.
        gap: SideFileGap,
    },

    // Of a server, beside its stores.
    /// A database.
    #[error("database `{name}` of {service}")]
    Database {
        /// Service of its server.
        service: String,
        /// Name of the database.
        name: String,
    },
    /// A user.
    #[error("user `{name}` of {service}")]
    User {
        /// Service of its server.
        service: String,
        /// Name of the user.
        name: String,
    },
    /// An account.
    #[error("account `{name}` of {service}")]
    Account {
        /// Service of its server.
        service: String,
        /// Name of the account.
        name: String,
    },
    /// The password of an account.
    #[error("password of `{name}` of {service}")]
    Password {
        /// Service of its server.
        service: String,
        /// Name of the account.
        name: String,
    },
    /// Accounts that the user of the store may not see.
    #[error("accounts, which `{user}` may not see of {service}")]
    HiddenAccounts {
        /// Service of its server.
        service: String,
        /// User of the store.
        user: String,
    },
    /// Further objects.
    #[error("{count} more of {service}")]
    MoreOfServer {
        /// Service of the server.
        service: String,
        /// Number of objects.
        count: usize,
    },
    /// Objects that are not known.
    #[error("whatever else {service} holds, which could not be asked: {failure}")]
    ServerNotAsked {
        /// Service of the server.
        service: String,
        /// Failure of the query. Earlier versions kept a text.
        #[serde(alias = "cause")]
        failure: Box<OrderFailure>,
    },
    /// One of several folders of a service whose store is kept by commands: the store's part of it is not known.
    #[error("all of `{path}`, or what of it is not the store's")]
    FolderOfCommands {
        /// Path on the host.
        path: String,
    },
}

/// Files beside the dump of a store that a backup cannot keep. Kept facts have it as `{"code": "too_large", "with": …}`, earlier ones
/// as a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum SideFileGap {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// All of them: the data folder of the server cannot be read.
    #[error("its folder could not be looked at: {cause}")]
    FolderUnreadable {
        /// Words of the operating system.
        cause: String,
    },
    /// Those that only its server knows.
    #[error("its server could not say which it uses: {failure}")]
    ServerNotAsked {
        /// Failure of the query. Earlier versions kept a text.
        #[serde(alias = "cause")]
        failure: Box<OrderFailure>,
    },
    /// One that cannot be read.
    #[error("`{path}`: {cause}")]
    Unreadable {
        /// Path below the data folder.
        path: String,
        /// Words of the operating system.
        cause: String,
    },
    /// One that is too large.
    #[error("`{path}`: it is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// Path below the data folder.
        path: String,
        /// Maximum size in bytes.
        limit: u64,
    },
    /// One whose name is too long.
    #[error("`{path}`: its name is too long")]
    NameTooLong {
        /// Path below the data folder.
        path: String,
    },
    /// Those in folders beyond the maximum number.
    #[error("more than {limit} folders are not looked into: {}", listed(names, *more))]
    TooManyFolders {
        /// Maximum number.
        limit: usize,
        /// Number of further folders.
        more: usize,
        /// First folders.
        names: Vec<String>,
    },
    /// Those beyond the maximum number, or the maximum size of all.
    #[error("more than {limit} files and {} MiB are not kept: {}", limit_bytes >> 20, listed(names, *more))]
    TooManyFiles {
        /// Maximum number.
        limit: usize,
        /// Maximum size of all in bytes.
        limit_bytes: u64,
        /// Number of further files.
        more: usize,
        /// First files.
        names: Vec<String>,
    },
}

kept_as_code!(UncoveredData);
kept_as_code!(SideFileGap);

codes_beside_texts! {
    /// Writes the uncovered data of a manifest as `uncovered` and `uncovered_codes`, and reads either.
    uncovered: UncoveredData,
    #[serde(rename = "uncovered")]
    #[serde(rename = "uncovered_codes", skip_serializing_if = "Vec::is_empty")]
}

codes_beside_texts! {
    /// Writes what servers have beside the stores as `beside` and `beside_codes`, and reads either.
    beside: UncoveredData,
    #[serde(rename = "beside", skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "beside_codes", skip_serializing_if = "Vec::is_empty")]
}

codes_beside_texts! {
    /// Writes files that could not be kept as `left_out` and `left_out_codes`, and reads either.
    left_out: SideFileGap,
    #[serde(rename = "left_out", skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "left_out_codes", skip_serializing_if = "Vec::is_empty")]
}

impl UncoveredData {
    /// Returns the store that it is, if it is a whole one.
    pub fn store(&self) -> Option<&StoreName> {
        if let Self::Store { store, .. } | Self::NothingFound { store } = self { Some(store) } else { None }
    }

    /// Returns a database beside the stores of its server as data that no store declares; none for other data.
    pub fn of_no_store(&self) -> Option<Self> {
        if let Self::Database { service, name } = self {
            Some(Self::UndeclaredDatabase { service: service.clone(), name: name.clone() })
        } else {
            None
        }
    }
}

/// Reads data that was kept: as one text by earlier versions.
pub(crate) fn read_uncovered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UncoveredData>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Data(Vec<UncoveredData>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![UncoveredData::other(text)],
        Kept::Data(data) => data,
    })
}

fn listed(names: &[String], more: usize) -> String {
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Manifest, SideFiles};
    use crate::order_failure::{DataNote, OrderFailure};

    #[test]
    fn causes_that_an_earlier_version_kept_as_texts_are_read_as_failures() {
        let failure = || Box::new(OrderFailure::other("no answer"));
        let kept = r#"{"code":"server_not_asked","with":{"service":"db","cause":"no answer"}}"#;
        let data = UncoveredData::ServerNotAsked { service: "db".to_owned(), failure: failure() };
        assert_eq!(serde_json::from_str::<UncoveredData>(kept).expect("it can be read"), data);
        let kept = r#"{"code":"server_not_asked","with":{"cause":"no answer"}}"#;
        let gap = SideFileGap::ServerNotAsked { failure: failure() };
        assert_eq!(serde_json::from_str::<SideFileGap>(kept).expect("it can be read"), gap);
    }

    #[test]
    fn a_manifest_has_codes_and_the_texts_that_earlier_versions_read() {
        let texts = [
            "database `sales` of db: no store declares it",
            "db: beside its dump: `big.cnf`: it is larger than 1 MiB",
            "uploads: nothing of it is on this host",
        ];
        let (beside, left_out) = (["database `sales` of db"], ["`big.cnf`: it is larger than 1 MiB"]);
        let mut written = serde_json::json!({
            "format": 1, "backup": "1".repeat(24), "instance": "a", "host": "b", "revision": 1, "cause": "scheduled",
            "release": { "name": { "app": "app", "version": "1.1" }, "digest": format!("sha256:{:064}", 11) }, "began": 1, "ended": 2,
            "values": {}, "images": {}, "parts": [], "derivable": [], "holds": [],
            "uncovered": texts, "beside": beside, "side_files": { "db": { "left_out": left_out } },
        });
        let earlier: Manifest = serde_json::from_value(written.clone()).expect("it can be read");
        assert_eq!(earlier.uncovered, texts.map(UncoveredData::other));
        assert_eq!(serde_json::to_value(&earlier).expect("it can be written"), written);
        let (store, uploads): (StoreName, _) = ("db".parse().expect("a name"), "uploads".parse().expect("a name"));
        let gap = SideFileGap::TooLarge { path: "big.cnf".to_owned(), limit: 1 << 20 };
        let sales = UncoveredData::Database { service: "db".to_owned(), name: "sales".to_owned() };
        let kept = SideFiles { left_out: vec![gap.clone()], ..SideFiles::default() };
        let manifest = Manifest {
            uncovered: vec![
                sales.of_no_store().expect("it is a database"),
                UncoveredData::SideFile { store: store.clone(), gap },
                UncoveredData::NothingFound { store: uploads },
            ],
            beside: vec![sales],
            side_files: [(store, kept)].into(),
            ..earlier
        };
        let mut new = serde_json::to_value(&manifest).expect("it can be written");
        assert_eq!(serde_json::from_value::<Manifest>(new.clone()).expect("it can be read"), manifest);
        let without_codes = |of: &mut serde_json::Value| {
            of.as_object_mut().expect("it is one").retain(|key, _| !key.ends_with("_codes"));
        };
        without_codes(&mut new);
        without_codes(&mut new["side_files"]["db"]);
        without_codes(&mut written);
        assert_eq!(new, written, "an earlier version reads texts");
    }

    #[test]
    fn data_that_would_be_lost_and_was_kept_as_a_text_is_read() {
        let kept = r#"{"code":"data_would_be_lost","with":{"lost":"account `anna` of db"}}"#;
        let lost = UncoveredData::other("account `anna` of db");
        let failure = OrderFailure::DataWouldBeLost { lost: vec![lost.clone()] };
        assert_eq!(serde_json::from_str::<OrderFailure>(kept).expect("it can be read"), failure);
        let kept = r#"{"code":"replaced","with":{"what":"account `anna` of db"}}"#;
        assert_eq!(serde_json::from_str::<DataNote>(kept).expect("it can be read"), DataNote::Replaced { what: lost });
    }
}
