//! Words of data that is not in a backup.

use super::{coverage, failures};
use fleet_core::backup::{SideFileGap, UncoveredData};
use fleet_core::grammar::count;
use fleet_proto::convert::{incoming_side_file_gap, incoming_uncovered_data};
use fleet_proto::v1;

/// Returns the words of data as it came over the wire.
pub fn shown(message: &v1::UncoveredData) -> String {
    let known = incoming_uncovered_data(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::UncoveredDataCode>("data", message.code, &message.arguments))
}

/// Returns the words of files beside a dump as they came over the wire.
pub fn shown_side_file(message: &v1::SideFileGap) -> String {
    let known = incoming_side_file_gap(message.clone()).as_ref().map(side_file);
    known.unwrap_or_else(|| super::unknown::<v1::SideFileGapCode>("files", message.code, &message.arguments))
}

/// Returns the words of several data, on one line.
pub fn all(data: &[UncoveredData]) -> String {
    data.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Returns the words of data.
pub fn words(data: &UncoveredData) -> String {
    match data {
        UncoveredData::Other { text } => text.clone(),
        UncoveredData::Store { store, reason } => format!("{store}: {}", coverage::gap(reason)),
        UncoveredData::NothingFound { store } => format!("{store}: nothing of it is on this host"),
        UncoveredData::Undeclared { data } => format!("{}: no store declares it", coverage::undeclared(data)),
        UncoveredData::UndeclaredDatabase { service, name } => {
            format!("database `{name}` of {service}: no store declares it")
        }
        UncoveredData::SideFile { store, gap } => format!("{store}: beside its dump: {}", side_file(gap)),
        UncoveredData::Database { service, name } => format!("database `{name}` of {service}"),
        UncoveredData::User { service, name } => format!("user `{name}` of {service}"),
        UncoveredData::Account { service, name } => format!("account `{name}` of {service}"),
        UncoveredData::Password { service, name } => format!("password of `{name}` of {service}"),
        UncoveredData::HiddenAccounts { service, user } => {
            format!("accounts of {service}, which `{user}` may not see")
        }
        UncoveredData::MoreOfServer { service, count } => format!("{count} more of {service}"),
        UncoveredData::ServerNotAsked { service, failure } => {
            format!("whatever else {service} holds, which could not be asked: {}", failures::words(failure))
        }
        UncoveredData::FolderOfCommands { path } => format!("all of `{path}`, or what of it is not the store's"),
    }
}

fn side_file(gap: &SideFileGap) -> String {
    match gap {
        SideFileGap::Other { text } => text.clone(),
        SideFileGap::FolderUnreadable { cause } => format!("its folder could not be looked at: {cause}"),
        SideFileGap::ServerNotAsked { failure } => {
            format!("its server could not say which it uses: {}", failures::words(failure))
        }
        SideFileGap::Unreadable { path, cause } => format!("`{path}`: {cause}"),
        SideFileGap::TooLarge { path, limit } => format!("`{path}`: it is larger than {} MiB", limit >> 20),
        SideFileGap::NameTooLong { path } => format!("`{path}`: its name is too long"),
        SideFileGap::TooManyFolders { limit, more, names } => {
            let limit = count(*limit, "folder");
            format!("more than {limit} are not looked into: {}", listed(names, *more))
        }
        SideFileGap::TooManyFiles { limit, limit_bytes, more, names } => {
            let limit = count(*limit, "file");
            format!("more than {limit} and {} MiB are not kept: {}", limit_bytes >> 20, listed(names, *more))
        }
    }
}

fn listed(names: &[String], more: usize) -> String {
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_a_dump_are_named_with_their_store_and_the_reason() {
        let names = vec!["a.conf".to_owned(), "b.conf".to_owned()];
        let gap = SideFileGap::TooManyFiles { limit: 200, limit_bytes: 8 << 20, more: 3, names };
        let data = [
            UncoveredData::SideFile { store: "db".parse().expect("a name"), gap },
            UncoveredData::Account { service: "db".to_owned(), name: "anna".to_owned() },
        ];
        assert_eq!(
            all(&data),
            "db: beside its dump: more than 200 files and 8 MiB are not kept: a.conf, b.conf and 3 more; account `anna` of db"
        );
    }
}
