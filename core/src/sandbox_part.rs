//! Parts of a drill's sandbox, as codes with their names. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Deserializer, Serialize};

/// One part of a sandbox that is still there. Kept facts have it as `{"code": "volume", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum SandboxPart {
    /// Words of an earlier version, or of a newer one.
    Other {
        /// The words.
        text: String,
    },
    /// A container.
    Container(String),
    /// A network.
    Network(String),
    /// A volume.
    Volume(String),
    /// A folder, by its path on the host.
    Folder(String),
}

kept_as_code!(SandboxPart);

logged_as_code!(SandboxPart);

/// Reads parts that were kept: as one text by earlier versions.
pub(crate) fn read_parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SandboxPart>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Parts(Vec<SandboxPart>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![SandboxPart::other(text)],
        Kept::Parts(parts) => parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_part_that_an_earlier_version_kept_as_a_text_is_read() {
        let read = |kept: &str| serde_json::from_str::<SandboxPart>(kept).expect("it can be read");
        assert_eq!(read(r#""volume `a`""#), SandboxPart::other("volume `a`"));
        let volume = SandboxPart::Volume("a".to_owned());
        assert_eq!(read(&serde_json::to_string(&volume).expect("it can be written")), volume);
        assert_eq!(volume.to_string(), "volume a");
    }

    #[test]
    fn failures_whose_parts_were_kept_as_a_text_are_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let (project, parts) = (String::new(), vec![SandboxPart::other("volume `a`")]);
        assert_eq!(
            read(r#"{"code":"sandbox_not_removed","with":{"parts":"volume `a`"}}"#),
            OrderFailure::SandboxNotRemoved { project: project.clone(), parts: parts.clone() }
        );
        assert_eq!(
            read(r#"{"code":"sandbox_left","with":{"left":"volume `a`","cause":"in use"}}"#),
            OrderFailure::SandboxLeft { project, parts, failure: Box::new(OrderFailure::other("in use")) }
        );
    }
}
