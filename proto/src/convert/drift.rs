//! Changes by hand and their codes. One that this version does not know keeps its arguments.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::drift::Drift;

coded_message! {
    Drift, Drift, DriftCode, read_drift:
    Text(a),
    Other(a),
    ContainerRemoved(a),
    ContainerRenamed(a, b),
    ContainerReconfigured(a),
    ContainerImage(a, b, c),
    ContainerExited(a, b),
    ContainerNeverStarted(a),
    ContainerPaused(a),
    ContainerDead(a),
    ContainerStarted(a),
    ContainerDetached(a, b),
    ContainerDuplicate(a, b),
    ContainerUnexpected(a),
    ContainerForeign(a, b),
    NetworkRemoved(a),
    NetworkReconfigured(a),
    VolumeRemoved(a),
    FileRemoved(a),
    FileChanged(a),
    FilePermissions(a),
    Flapping(a, b),
}

/// Reads a change by hand.
pub fn incoming_drift(message: v1::Drift) -> Drift {
    let arguments = message.arguments.clone();
    read_drift(message).unwrap_or_else(|| Drift::Other(Argument::take(&mut arguments.into_iter()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_each_code_comes_back_as_it_was_and_a_newer_one_is_not_known() {
        let arguments = [vec!["a", "b", "c"], vec!["a", "1"], vec!["3", "10m"]];
        for code in (1..10_000).filter_map(|number| v1::DriftCode::try_from(number).ok()) {
            let with = |arguments: &Vec<&str>| {
                let arguments = arguments.iter().map(ToString::to_string).collect();
                read_drift(v1::Drift { code: code.into(), arguments })
            };
            let drift = arguments.iter().find_map(with).unwrap_or_else(|| panic!("{code:?} cannot be read"));
            let message = v1::Drift::from(drift.clone());
            assert_eq!((message.code(), incoming_drift(message)), (code, drift));
        }
        let newer = v1::Drift { code: 10_000, arguments: vec!["a".to_owned()] };
        assert_eq!(incoming_drift(newer), Drift::Other(vec!["a".to_owned()]));
    }
}
