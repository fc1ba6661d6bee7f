//! Owners of parts of a host that an instance cannot have, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::spec::EngineOwner;
use serde::{Deserialize, Serialize};

/// Owner of a container, a volume or a network. Kept facts have it as `{"code": "project", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum PartOwner {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// The instance itself.
    SameInstance,
    /// A Compose project of the instance's name that fleet did not make.
    SameProject,
    /// Another instance.
    Instance {
        /// Name of the instance.
        instance: String,
        /// Host whose agent made it, if its labels name one.
        host: Option<String>,
    },
    /// Another Compose project.
    Project {
        /// Name of the project.
        project: String,
    },
    /// An object without a label of an owner.
    Unknown,
    /// A container that has the name, and is not the instance's.
    Container {
        /// Id of the container.
        id: String,
    },
}

/// Holder of a port of a host. Kept facts have it as `{"code": "container", "with": …}`, earlier ones as a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum PortHolder {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// Container that publishes it.
    #[error("container {name}")]
    Container {
        /// Name of the container.
        name: String,
    },
    /// Program that is not known.
    #[error("a program on this host")]
    Program,
}

kept_as_code!(PartOwner);
logged_as_code!(PartOwner);
kept_as_code!(PortHolder);

impl From<&EngineOwner> for PartOwner {
    fn from(owner: &EngineOwner) -> Self {
        match owner.clone() {
            EngineOwner::Instance => Self::SameInstance,
            EngineOwner::OwnProject => Self::SameProject,
            EngineOwner::Other { instance, host } => Self::Instance { instance, host },
            EngineOwner::Project { project } => Self::Project { project },
            EngineOwner::Nobody => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn owners_and_holders_that_an_earlier_version_kept_as_texts_are_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let name = || "notes-1_data".to_owned();
        let earlier = r#"{"code":"foreign_volume","with":{"name":"notes-1_data","owner":"of somebody unknown"}}"#;
        let owner = PartOwner::other("of somebody unknown");
        assert_eq!(read(earlier), OrderFailure::ForeignVolume { name: name(), owner });
        let earlier = r#"{"code":"port_taken","with":{"port":80,"holder":"container guest"}}"#;
        let holder = PortHolder::other("container guest");
        assert_eq!(read(earlier), OrderFailure::PortTaken { port: 80, holder });
        for failure in [
            OrderFailure::ForeignNetwork { name: name(), owner: PartOwner::from(&EngineOwner::Nobody) },
            OrderFailure::PortTaken { port: 80, holder: PortHolder::Program },
        ] {
            assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        }
    }
}
