//! Words of data that no store covers, and of data that restores and upgrades left.

use super::{policies, unknown_reason};
use fleet_core::backup::{MountPlace, StoreGap, UndeclaredData};
use fleet_core::data_leftover::DataLeftover;
use fleet_core::time::Time;
use fleet_proto::convert::{incoming_data_leftover, incoming_store_gap, incoming_undeclared_data};
use fleet_proto::v1;

/// Returns the words of a gap as it came over the wire.
pub fn shown_gap(message: &v1::StoreGap) -> String {
    let known = incoming_store_gap(message.clone()).as_ref().map(gap);
    known.unwrap_or_else(|| super::unknown::<v1::StoreGapCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of undeclared data as it came over the wire.
pub fn shown_undeclared(message: &v1::UndeclaredData) -> String {
    let known = incoming_undeclared_data(message.clone()).as_ref().map(undeclared);
    known.unwrap_or_else(|| super::unknown::<v1::UndeclaredDataCode>("data", message.code, &message.arguments))
}

/// Returns the words of a leftover as it came over the wire.
pub fn shown_leftover(message: &v1::DataLeftover) -> String {
    let known = incoming_data_leftover(message.clone()).as_ref().map(leftover);
    known.unwrap_or_else(|| super::unknown::<v1::DataLeftoverCode>("a folder", message.code, &message.arguments))
}

/// Returns the words of a folder that a restore or an upgrade left.
pub fn leftover(left: &DataLeftover) -> String {
    let sentence = |path: &str, since: Time, cause: &str| {
        format!(
            "the data of before its restore or upgrade could not be removed since {since}: `{path}`: {cause} (`lsattr -R` on the host shows \
             files that are protected by `chattr +i`); that is tried again every minute"
        )
    };
    match left {
        DataLeftover::Other { text } => text.clone(),
        DataLeftover::NotRemoved { path, since, cause } => sentence(path, *since, cause),
        DataLeftover::RemovalTooSlow { path, since } => sentence(path, *since, "it took too long"),
    }
}

/// Returns the words of a reason why a store is not backed up.
pub fn gap(gap: &StoreGap) -> String {
    match gap {
        StoreGap::Other { text } => text.clone(),
        StoreGap::Unknown { number, arguments } => unknown_reason(*number, arguments),
        StoreGap::VolumeMissing(name) => format!("there is no volume `{name}`"),
        StoreGap::FolderMissing(path) => format!("no container has the folder `{path}`"),
        StoreGap::ContainerMissing(service) => format!("`{service}` has no container"),
        StoreGap::VolumeRemoved(name) => {
            format!("the volume `{name}` was removed, and there is nothing in its place")
        }
        StoreGap::Forbidden { refusals } => policies::all(refusals),
        StoreGap::PolicyUnreadable { problem } => {
            format!("the host's policy cannot be read, so nothing is allowed: {problem}")
        }
    }
}

/// Returns the words of a volume or folder that no store declares.
pub fn undeclared(data: &UndeclaredData) -> String {
    match data {
        UndeclaredData::Other { text } => text.clone(),
        UndeclaredData::Volume { name, at } => format!("volume {name}{}", place(at.as_ref())),
        UndeclaredData::UnnamedVolume { at } => format!("unnamed volume{}", place(at.as_ref())),
        UndeclaredData::Folder { path, at } => format!("folder {path}{}", place(at.as_ref())),
    }
}

fn place(at: Option<&MountPlace>) -> String {
    at.map(|MountPlace { service, target }| format!(" of {service} at {target}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_is_told_with_the_time_since_it_could_not_be_removed() {
        let (path, since) = ("/data/_data.before-1".to_owned(), Time(1_700_000_000_000));
        let cause = "Operation not permitted".to_owned();
        let all = [
            DataLeftover::NotRemoved { path: path.clone(), since, cause },
            DataLeftover::RemovalTooSlow { path, since },
        ];
        insta::assert_snapshot!(all.iter().map(leftover).collect::<Vec<_>>().join("\n"), @r"
        the data of before its restore or upgrade could not be removed since 2023-11-14T22:13:20Z: `/data/_data.before-1`: Operation not permitted (`lsattr -R` on the host shows files that are protected by `chattr +i`); that is tried again every minute
        the data of before its restore or upgrade could not be removed since 2023-11-14T22:13:20Z: `/data/_data.before-1`: it took too long (`lsattr -R` on the host shows files that are protected by `chattr +i`); that is tried again every minute
        ");
    }

    #[test]
    fn a_gap_that_is_not_known_can_be_read_after_a_colon() {
        let newer = StoreGap::Unknown { number: 99, arguments: "a".to_owned() };
        assert_eq!(gap(&newer), "a reason that the coordinator does not know (99): a");
        assert_eq!(gap(&StoreGap::Unknown { number: 0, arguments: String::new() }), "its host gave no reason");
        let newer = v1::StoreGap { code: 99, arguments: Vec::new() };
        assert_eq!(shown_gap(&newer), "a reason that this version does not know (99)");
    }

    #[test]
    fn undeclared_data_is_named_with_its_place() {
        let at = Some(MountPlace { service: "db".to_owned(), target: "/data".to_owned() });
        assert_eq!(
            undeclared(&UndeclaredData::Volume { name: "a".to_owned(), at: at.clone() }),
            "volume a of db at /data"
        );
        assert_eq!(undeclared(&UndeclaredData::UnnamedVolume { at }), "unnamed volume of db at /data");
        assert_eq!(undeclared(&UndeclaredData::Folder { path: "/srv".to_owned(), at: None }), "folder /srv");
    }
}
