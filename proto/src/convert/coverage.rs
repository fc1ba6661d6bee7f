//! Coverage of an instance's data by its stores.

use super::arguments::{Argument, coded_message};
use super::{ConvertError, LIST_LIMIT, at_most, bounded, cut, enumeration, needed};
use crate::v1;
use fleet_core::backup::{Coverage, EngineKind, MountPlace, StoreGap, StoreSeen, StoreState, UndeclaredData};
use fleet_core::data_leftover::DataLeftover;
use v1::store_coverage::State;

enumeration!(EngineKind, StoreEngine, "store.engine":
    Postgresql => Postgresql,
    Mongodb => Mongodb,
    Mariadb => Mariadb,
    Mysql => Mysql,
    Redis => Redis,
    Neo4j => Neo4j,
    Volume => Volume,
    S3 => S3,
    Command => Command,
);

coded_message! {
    StoreGap, StoreGap, StoreGapCode, incoming_store_gap:
    Other { text },
    Unknown { number, arguments },
    VolumeMissing(a),
    FolderMissing(a),
    ContainerMissing(a),
    VolumeRemoved(a),
    Forbidden { refusals },
    PolicyUnreadable { problem },
}

coded_message! {
    UndeclaredData, UndeclaredData, UndeclaredDataCode, incoming_undeclared_data:
    Other { text },
    Volume { name, at },
    UnnamedVolume { at },
    Folder { path, at },
}

coded_message! {
    DataLeftover, DataLeftover, DataLeftoverCode, incoming_data_leftover:
    Other { text },
    NotRemoved { path, since, cause },
    RemovalTooSlow { path, since },
}

/// Reads a leftover of a report. One of a kind that this version does not know keeps its arguments.
pub(super) fn reported_leftover(message: v1::DataLeftover) -> DataLeftover {
    let unknown = DataLeftover::other(bounded(message.arguments.join(", ")));
    incoming_data_leftover(message).unwrap_or(unknown)
}

/// The last field: the service, and the path in its container.
impl Argument for MountPlace {
    fn put(self, to: &mut Vec<String>) {
        self.service.put(to);
        self.target.put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let service = String::take(from)?;
        Some(Self { service, target: String::take(from)? })
    }
}

/// Reads the reason of a report. One that this version does not know keeps its number and its arguments.
fn reported_gap(message: v1::StoreGap) -> StoreGap {
    let unknown = StoreGap::Unknown { number: message.code, arguments: bounded(message.arguments.join(", ")) };
    incoming_store_gap(message).unwrap_or(unknown)
}

/// Returns whether a coverage has a gap or undeclared data of a kind that this version does not know.
pub(super) fn has_unknown_data(message: &v1::Coverage) -> bool {
    let is_new_gap = |store: &v1::StoreCoverage| match &store.state {
        Some(State::Missing(gap)) => incoming_store_gap(gap.clone()).is_none(),
        Some(State::Covered(_) | State::Derivable(_)) | None => false,
    };
    message.stores.iter().any(is_new_gap)
        || message.undeclared.iter().any(|data| incoming_undeclared_data(data.clone()).is_none())
}

/// Reads the undeclared data of a report. Data of a kind that this version does not know keeps its arguments.
fn reported_data(message: v1::UndeclaredData) -> UndeclaredData {
    let unknown = UndeclaredData::other(bounded(message.arguments.join(", ")));
    incoming_undeclared_data(message).unwrap_or(unknown)
}

impl From<Coverage> for v1::Coverage {
    fn from(coverage: Coverage) -> Self {
        Self {
            stores: coverage.stores.into_iter().map(Into::into).collect(),
            undeclared: cut(coverage.undeclared).into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Coverage> for Coverage {
    type Error = ConvertError;
    fn try_from(message: v1::Coverage) -> Result<Self, ConvertError> {
        let stores = at_most("coverage.stores", LIST_LIMIT, message.stores)?;
        let undeclared = at_most("coverage.undeclared", LIST_LIMIT, message.undeclared)?;
        Ok(Self {
            stores: stores.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            undeclared: undeclared.into_iter().map(reported_data).collect(),
        })
    }
}

impl From<StoreSeen> for v1::StoreCoverage {
    fn from(seen: StoreSeen) -> Self {
        let state = match seen.state {
            StoreState::Covered => State::Covered(v1::Empty {}),
            StoreState::Derivable => State::Derivable(v1::Empty {}),
            StoreState::Missing { reason } => State::Missing(reason.into()),
        };
        Self { store: seen.name.into(), engine: v1::StoreEngine::from(seen.engine).into(), state: Some(state) }
    }
}

impl TryFrom<v1::StoreCoverage> for StoreSeen {
    type Error = ConvertError;
    fn try_from(message: v1::StoreCoverage) -> Result<Self, ConvertError> {
        let engine = message.engine().try_into()?;
        let state = match needed("coverage.state", message.state)? {
            State::Covered(_) => StoreState::Covered,
            State::Derivable(_) => StoreState::Derivable,
            State::Missing(reason) => StoreState::Missing { reason: reported_gap(reason) },
        };
        Ok(Self { name: message.store.parse()?, engine, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::policy_refusal::PolicyRefusal;

    #[test]
    fn a_gap_of_each_code_comes_back_as_it_was_and_a_newer_one_keeps_its_arguments() {
        let name = || "a".to_owned();
        let all = [
            StoreGap::other("words"),
            StoreGap::Unknown { number: 99, arguments: name() },
            StoreGap::VolumeMissing(name()),
            StoreGap::FolderMissing(name()),
            StoreGap::ContainerMissing(name()),
            StoreGap::VolumeRemoved(name()),
            StoreGap::Forbidden { refusals: vec![PolicyRefusal::Mount { path: name() }] },
            StoreGap::PolicyUnreadable { problem: name() },
        ];
        let codes = (1..10_000).filter_map(|number| v1::StoreGapCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for gap in all {
            assert_eq!(incoming_store_gap(gap.clone().into()), Some(gap));
        }
        let newer = v1::StoreGap { code: 10_000, arguments: vec![name(), name()] };
        assert_eq!(reported_gap(newer), StoreGap::Unknown { number: 10_000, arguments: "a, a".to_owned() });
    }

    #[test]
    fn a_leftover_of_each_code_comes_back_as_it_was_and_a_newer_one_keeps_its_arguments() {
        let (path, since) = ("/data/_data.before-1".to_owned(), fleet_core::time::Time(7));
        for left in [
            DataLeftover::other("words"),
            DataLeftover::NotRemoved { path: path.clone(), since, cause: "Operation not permitted".to_owned() },
            DataLeftover::RemovalTooSlow { path: path.clone(), since },
        ] {
            assert_eq!(incoming_data_leftover(left.clone().into()), Some(left));
        }
        let newer = v1::DataLeftover { code: 10_000, arguments: vec![path.clone()] };
        assert_eq!(reported_leftover(newer), DataLeftover::other(path));
    }

    #[test]
    fn undeclared_data_of_each_code_comes_back_as_it_was() {
        let at = Some(MountPlace { service: "db".to_owned(), target: "/data".to_owned() });
        for at in [at, None] {
            for data in [
                UndeclaredData::other("words"),
                UndeclaredData::Volume { name: "a".to_owned(), at: at.clone() },
                UndeclaredData::UnnamedVolume { at: at.clone() },
                UndeclaredData::Folder { path: "/srv".to_owned(), at: at.clone() },
            ] {
                assert_eq!(incoming_undeclared_data(data.clone().into()), Some(data));
            }
        }
        let newer = v1::UndeclaredData { code: 10_000, arguments: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(reported_data(newer), UndeclaredData::other("a, b"));
    }
}
