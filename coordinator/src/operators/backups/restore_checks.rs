//! Checks a host and a backup before a restore is ordered.

use crate::facts::StateSnapshot;
use crate::operators::request::hindered;
use fleet_core::backup::{BackupSeen, BackupSource, Privileges, RepositoryLocation};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::release::Release;
use fleet_proto::v1;
use tonic::Status;

const ATTEMPT: &str = "restore";

/// Decides about privileged bits. A host keeps those of its own backups; only the coordinator knows the host of a
/// backup.
pub fn privileges_on(
    snapshot: &StateSnapshot,
    host: &HostName,
    of: (&InstanceName, &BackupSeen),
    request: &v1::RestoreRequest,
) -> Privileges {
    match snapshot.is_made_on(host, of) || request.keep_privileged_bits {
        true => Privileges::Kept,
        false => Privileges::Cleared,
    }
}

/// Returns a line about privileged bits that are left out and the reason.
pub fn privileges_line(privileges: Privileges, seen: &BackupSeen) -> Option<String> {
    let why = match &seen.made_on {
        Some(host) => format!("the backup was ordered from {host}"),
        None => "it is not known here from which host the backup was ordered".to_owned(),
    };
    let line = format!("setuid and setgid bits, capabilities: cleared, for {why}; see --keep-privileged-bits");
    (privileges == Privileges::Cleared).then_some(line)
}

/// A folder on one host is out of another's reach.
pub fn check_reach(
    snapshot: &StateSnapshot,
    from: &BackupSource,
    seen: &BackupSeen,
    host: &HostName,
) -> Result<(), Status> {
    let repository = snapshot.desired().repositories.get(&from.repository);
    let is_folder = repository.is_some_and(|repository| matches!(repository.place, RepositoryLocation::Folder { .. }));
    if !is_folder || seen.host == *host {
        return Ok(());
    }
    let why = format!("that backup is in a folder of {}, which {host} does not reach", seen.host);
    Err(hindered(ATTEMPT, why, Hint::ChooseOtherCopy))
}

/// Refuses data of another version than the running one.
pub fn check_release(snapshot: &StateSnapshot, name: &InstanceName, seen: &BackupSeen) -> Result<(), Status> {
    let runs: Option<&Release> = snapshot.said(name).map(|said| &said.release);
    match runs.filter(|release| release.name != seen.release.name) {
        Some(release) => {
            let why = format!("the backup was made by {}, and `{name}` is {release}", seen.release);
            Err(hindered(ATTEMPT, why, Hint::RestoreAsNew))
        }
        None => Ok(()),
    }
}
