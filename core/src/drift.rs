//! Differences of an instance from its applied release, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{plain, with_texts};
use crate::units::Period;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// One change by hand. Kept facts have it as `{"code": "volume_removed", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs and for texts on the host: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum Drift {
    /// Words of an earlier version.
    Text(String),
    /// A change that this version does not know, with its arguments.
    Other(Vec<String>),
    /// A container was removed.
    ContainerRemoved(String),
    /// A container has another name: the expected one, and the one that was found.
    ContainerRenamed(String, String),
    /// A container was recreated with another configuration.
    ContainerReconfigured(String),
    /// A container runs another image: its name, the found image, and the expected one.
    ContainerImage(String, String, String),
    /// A container was stopped or ended, with its exit code.
    ContainerExited(String, i64),
    /// A container was never started.
    ContainerNeverStarted(String),
    /// A container was paused.
    ContainerPaused(String),
    /// The Engine failed to remove a container.
    ContainerDead(String),
    /// A container of a stopped instance was started.
    ContainerStarted(String),
    /// A container was taken out of a network.
    ContainerDetached(String, String),
    /// A container is a second one of a service.
    ContainerDuplicate(String, String),
    /// A container is not part of the release.
    ContainerUnexpected(String),
    /// A container of another owner is in the way; nothing is healed beside it.
    ContainerForeign(String, String),
    /// A network was removed.
    NetworkRemoved(String),
    /// A network was recreated with another configuration.
    NetworkReconfigured(String),
    /// A volume was removed.
    VolumeRemoved(String),
    /// A file was removed.
    FileRemoved(String),
    /// A file has other content.
    FileChanged(String),
    /// A file has other permissions.
    FilePermissions(String),
    /// The instance drifted again and again: the number of times that it was healed, and the period of these.
    Flapping(usize, Period),
}

with_texts!(Drift, Drift::Text);

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => f.write_str(&plain(&serde_json::to_value(other).map_err(|_| fmt::Error)?)),
        }
    }
}

/// Reads changes that were kept: as texts by earlier versions. One that a newer version kept is one that is not known.
pub(crate) fn read_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Drift>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Drift(Drift),
        Unknown(IgnoredAny),
    }
    let kept = Vec::<Kept>::deserialize(deserializer)?.into_iter().map(|kept| match kept {
        Kept::Text(text) => Drift::Text(text),
        Kept::Drift(drift) => drift,
        Kept::Unknown(_) => Drift::Other(Vec::new()),
    });
    Ok(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::problem::Problem;

    fn read(kept: &str) -> Vec<Drift> {
        match serde_json::from_str(&format!(r#"{{"code":"drift","with":{{"more":0,"changes":{kept}}}}}"#))
            .expect("it can be read")
        {
            Problem::Drift { changes, .. } => changes,
            other => panic!("expected drift, found {other:?}"),
        }
    }

    #[test]
    fn a_change_of_an_earlier_version_is_a_text_and_one_of_a_newer_version_is_not_known() {
        assert_eq!(read("[]"), []);
        assert_eq!(read(r#"["volume data was removed"]"#), [Drift::Text("volume data was removed".to_owned())]);
        assert_eq!(read(r#"[{"code":"moon_removed","with":["a","b"]}]"#), [Drift::Other(Vec::new())]);
        let exited = Drift::ContainerExited("a-web-1".to_owned(), 137);
        let kept = r#"[{"code":"container_exited","with":["a-web-1",137]}]"#;
        assert_eq!(read(kept), std::slice::from_ref(&exited));
        assert_eq!(serde_json::to_string(&[exited]).expect("it can be written"), kept);
    }

    #[test]
    fn secrets_are_masked_in_arguments_and_not_in_codes() {
        let mask = |_: ArgumentKind, text: String| text.replace("file", "***");
        assert_eq!(
            Drift::FileChanged("file.conf".to_owned()).map_texts(mask),
            Drift::FileChanged("***.conf".to_owned())
        );
        assert_eq!(Drift::ContainerExited("web".to_owned(), 137).to_string(), "container exited web, 137");
    }
}
