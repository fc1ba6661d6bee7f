//! Data that is not in a backup, and its codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use crate::v1;
use fleet_core::backup::{SideFileGap, UncoveredData};

coded_message! {
    UncoveredData, UncoveredData, UncoveredDataCode, incoming_uncovered_data:
    Other { text },
    Store { store, reason },
    NothingFound { store },
    Undeclared { data },
    UndeclaredDatabase { service, name },
    SideFile { store, gap },
    Database { service, name },
    User { service, name },
    Account { service, name },
    Password { service, name },
    HiddenAccounts { service, user },
    MoreOfServer { service, count },
    ServerNotAsked { service, failure },
    FolderOfCommands { path },
}

coded_message! {
    SideFileGap, SideFileGap, SideFileGapCode, incoming_side_file_gap:
    Other { text },
    FolderUnreadable { cause },
    ServerNotAsked { failure },
    Unreadable { path, cause },
    TooLarge { path, limit },
    NameTooLong { path },
    TooManyFolders { limit, more, names },
    TooManyFiles { limit, limit_bytes, more, names },
}

/// Reads the data of a report. Data of a kind that this version does not know keeps its arguments.
pub(super) fn reported_uncovered(message: v1::UncoveredData) -> UncoveredData {
    let unknown = UncoveredData::other(bounded(message.arguments.join(", ")));
    incoming_uncovered_data(message).unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::{StoreGap, UndeclaredData};
    use fleet_core::order_failure::OrderFailure;

    fn text() -> String {
        "a".to_owned()
    }

    fn failure() -> Box<OrderFailure> {
        Box::new(OrderFailure::NotRebuilt {
            store: text(),
            service: text(),
            command: text(),
            failure: Box::new(OrderFailure::NoStores),
        })
    }

    #[test]
    fn a_cause_that_an_earlier_host_sends_as_words_is_a_failure_with_these_words() {
        let (code, arguments) = (v1::UncoveredDataCode::ServerNotAsked.into(), vec![text(), "no answer".to_owned()]);
        let failure = Box::new(OrderFailure::other("no answer"));
        let data = UncoveredData::ServerNotAsked { service: text(), failure };
        assert_eq!(incoming_uncovered_data(v1::UncoveredData { code, arguments }), Some(data));
    }

    #[test]
    fn data_of_each_code_comes_back_as_it_was_and_that_of_a_newer_host_keeps_its_arguments() {
        let store = || "db".parse().expect("a name");
        let (service, name) = (text, text);
        let all = [
            UncoveredData::other("words"),
            UncoveredData::Store { store: store(), reason: StoreGap::VolumeMissing(text()) },
            UncoveredData::NothingFound { store: store() },
            UncoveredData::Undeclared { data: UndeclaredData::Folder { path: text(), at: None } },
            UncoveredData::UndeclaredDatabase { service: service(), name: name() },
            UncoveredData::SideFile { store: store(), gap: SideFileGap::NameTooLong { path: text() } },
            UncoveredData::Database { service: service(), name: name() },
            UncoveredData::User { service: service(), name: name() },
            UncoveredData::Account { service: service(), name: name() },
            UncoveredData::Password { service: service(), name: name() },
            UncoveredData::HiddenAccounts { service: service(), user: name() },
            UncoveredData::MoreOfServer { service: service(), count: 3 },
            UncoveredData::ServerNotAsked { service: service(), failure: failure() },
            UncoveredData::FolderOfCommands { path: text() },
        ];
        let codes = (1..10_000).filter_map(|number| v1::UncoveredDataCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for data in all {
            assert_eq!(reported_uncovered(data.clone().into()), data);
        }
        let newer = v1::UncoveredData { code: 10_000, arguments: vec![text(), text()] };
        assert_eq!(reported_uncovered(newer), UncoveredData::other("a, a"));
    }

    #[test]
    fn a_file_of_each_code_comes_back_as_it_was() {
        let names = vec![text(), text()];
        let all = [
            SideFileGap::other("words"),
            SideFileGap::FolderUnreadable { cause: text() },
            SideFileGap::ServerNotAsked { failure: failure() },
            SideFileGap::Unreadable { path: text(), cause: text() },
            SideFileGap::TooLarge { path: text(), limit: 1 << 20 },
            SideFileGap::NameTooLong { path: text() },
            SideFileGap::TooManyFolders { limit: 200, more: 1, names: names.clone() },
            SideFileGap::TooManyFiles { limit: 200, limit_bytes: 8 << 20, more: 1, names },
        ];
        let codes = (1..10_000).filter_map(|number| v1::SideFileGapCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for gap in all {
            assert_eq!(incoming_side_file_gap(gap.clone().into()), Some(gap));
        }
    }
}
