//! Names of networks and volumes at the Engine.
//!
//! **Invariant:** a name that passes here means nothing but a network or a volume. The Engine takes a network called
//! `container:ID` or `host` for a way into another network namespace.

use super::InstanceSpec;

/// The most characters of a name; a volume is a folder of that name.
pub const ENGINE_NAME_LIMIT: usize = 200;

/// Names that mean something else to the Engine.
const RESERVED: [&str; 4] = ["host", "none", "bridge", "default"];

/// Reason why a text cannot be the name of a network or a volume at the Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineNameError {
    /// Wrong characters, or too many.
    #[error("use up to {ENGINE_NAME_LIMIT} letters, digits, `_`, `.` and `-`, beginning with a letter or a digit")]
    Characters,
    /// Name with a meaning of the Engine's own, such as `host`.
    #[error("the Engine has another meaning for this name")]
    Reserved,
}

/// Checks a name as the Engine gets it.
pub fn check_engine_name(name: &str) -> Result<(), EngineNameError> {
    check_engine_key(name)?;
    if RESERVED.contains(&name) { Err(EngineNameError::Reserved) } else { Ok(()) }
}

/// Checks the name that a Compose file gives a network or a volume: it becomes a part of the name at the Engine.
pub fn check_engine_key(key: &str) -> Result<(), EngineNameError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_good = key.starts_with(|c: char| c.is_ascii_alphanumeric()) && key.chars().all(allowed);
    if is_good && key.len() <= ENGINE_NAME_LIMIT { Ok(()) } else { Err(EngineNameError::Characters) }
}

impl InstanceSpec {
    /// The first network or volume whose name the Engine must not be asked for.
    pub fn bad_engine_name(&self) -> Option<(&str, EngineNameError)> {
        let networks = self.networks.iter().map(|network| network.name.as_str());
        let attached = self.containers.iter().flat_map(|it| &it.networks).map(|attach| attach.network.as_str());
        let volumes = self.volumes.iter().map(|volume| volume.name.as_str());
        networks.chain(attached).chain(volumes).find_map(|name| Some((name, check_engine_name(name).err()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: Result<(), EngineNameError>) {
        assert_eq!(check_engine_name(name), expect, "for `{name}`");
    }

    #[test]
    fn a_name_means_a_network_or_a_volume_and_nothing_else() {
        for good in ["a", "lab_data", "Lab.Data-1", "0"] {
            check(good, Ok(()));
        }
        for reserved in ["host", "none", "bridge", "default"] {
            check(reserved, Err(EngineNameError::Reserved));
        }
        let long = "a".repeat(ENGINE_NAME_LIMIT + 1);
        for bad in ["", "container:0012ab", "ns:/proc/1/ns/net", "-a", ".a", "_a", "a/b", "a b", "ä", "a\n", &long] {
            check(bad, Err(EngineNameError::Characters));
        }
    }
}
