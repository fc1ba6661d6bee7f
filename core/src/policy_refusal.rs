//! Refusals of a host's policy, as codes with arguments. `fleet` turns them into words.
//!
//! **Invariant:** `Display` is the text in manifests, with which later reports are compared; it stays as it is.

use crate::coded_text::kept_as_code;
use crate::names::{AppName, RepositoryName, StoreName};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Something that a host's policy does not allow. Kept facts have it as `{"code": "mount", "with": …}`, earlier ones as a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
#[allow(missing_docs, reason = "the arguments are those of the reach of the same name")]
pub enum PolicyRefusal {
    /// Words of an earlier version.
    Other { text: String },
    /// A refusal that only the version of its host knows, by the number of its code.
    Unknown { number: i32, arguments: String },
    /// An app, by `apps`.
    App { app: AppName },
    /// An image, by `registries`.
    Image { image: String },
    /// The mount of a path, by `paths`.
    Mount { path: String },
    /// The mount of a path to which an existing volume leads, by `paths`.
    VolumeDevice { volume: String, path: String },
    /// The folder of a store, by `paths`.
    StoreFolder { store: StoreName, path: String },
    /// The mount of an existing volume, by `volumes`.
    ExternalVolume { volume: String },
    /// The mount of a share, as `type://server/path`, through a volume, by `remote_volumes`.
    RemoteVolume { volume: String, source: String },
    /// The driver of a volume, by `remote_volumes`.
    VolumeDriver { volume: String, driver: String },
    /// A container or a volume of no instance, to a store, by `foreign`.
    Foreign { store: StoreName, name: String },
    /// A network that was made elsewhere, by `networks`.
    ExternalNetwork { network: String },
    /// A network of the Engine itself or of another container, which no policy can allow.
    EngineNetwork { network: String },
    /// A privilege of a service, by its key in the Compose file, by `privileges`.
    Privilege { service: String, key: String },
    /// A network with an option that takes hold of the host's own devices, by `privileges`.
    NetworkDevice { network: String, key: String },
    /// An exec probe, by `exec`.
    ProbeExec { service: String },
    /// Tools of a store in a container, by `exec`.
    ToolsExec { store: StoreName },
    /// A check of a store that is a program in a container, by `exec`.
    CheckExec { store: StoreName },
    /// The rebuild of a store by a program in a container, by `exec`.
    RebuildExec { store: StoreName },
    /// An action of an upgrade, by `exec`.
    ActionExec { service: String },
    /// A log driver, by `log_drivers`.
    LogDriver { service: String, driver: String },
    /// An option of a log driver, by `log_drivers`. Without a driver it is an option of the Engine's default.
    LogOption { service: String, option: String, value: String, driver: Option<String> },
    /// A bucket that a store is, as `endpoint/bucket`, by `buckets`.
    Bucket { place: String },
    /// A folder for backups, by `repositories`.
    RepositoryFolder { repository: RepositoryName, path: String },
    /// A bucket for backups, by `repositories`.
    RepositoryEndpoint { repository: RepositoryName, endpoint: String, bucket: String },
    /// A path that is allowed as written, and that a link leads elsewhere.
    LeadsTo { refusal: Box<PolicyRefusal>, end: String },
    /// A path that is allowed as written, and may be a link: with the reason why that is not known.
    MayBeLink { refusal: Box<PolicyRefusal>, problem: Option<LeadError> },
    /// The refusals before it concern the way back, to what runs no longer as it was.
    NoWayBack,
}

/// Reason why it is not known where a path leads. Where it has a text, that is the operating system's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum LeadError {
    /// More links than Linux follows.
    #[error("too many links")]
    TooManyLinks,
    /// Each service sees another part of this folder.
    #[error("{path} is not shown to the agent")]
    NotShown {
        /// Path that is not there for the agent.
        path: String,
    },
    /// A path is not UTF-8.
    #[error("{path} is no text")]
    NotText {
        /// The path, as far as it can be shown.
        path: String,
    },
    /// The file system refused.
    #[error("could not look at {path}: {reason}")]
    Unreadable {
        /// Path that was looked at.
        path: String,
        /// Message of the operating system.
        reason: String,
    },
    /// The file system did not answer.
    #[error("could not look at {path} in time")]
    Late {
        /// Path that was looked at.
        path: String,
    },
    /// The agent could not begin to look.
    #[error("could not look at it: {reason}")]
    NotLooked {
        /// Message of the operating system.
        reason: String,
    },
}

impl PolicyRefusal {
    /// Returns the line of the policy that would allow it, where one entry does.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::ExternalVolume { volume } => Some(format!("volumes: [{volume}]")),
            Self::RemoteVolume { source: entry, .. } | Self::VolumeDriver { driver: entry, .. } => {
                Some(format!("remote_volumes: [\"{entry}\"]"))
            }
            Self::ExternalNetwork { network } => Some(format!("networks: [{network}]")),
            Self::Foreign { name, .. } => Some(format!("foreign: [{name}]")),
            Self::VolumeDevice { path, .. } | Self::StoreFolder { path, .. } => Some(format!("paths: [{path}]")),
            Self::LogDriver { driver, .. } => Some(format!("log_drivers: [json-file, local, journald, {driver}]")),
            Self::LogOption { driver: Some(driver), value, .. } => {
                Some(format!("log_drivers: [json-file, local, journald, {driver}, \"{driver}={value}\"]"))
            }
            Self::RepositoryFolder { path, .. } => Some(format!("repositories: [{path}]")),
            Self::RepositoryEndpoint { endpoint, bucket, .. } => {
                let authority = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
                Some(format!("repositories: [{}/{bucket}]", authority.trim_end_matches('/')))
            }
            Self::Other { .. }
            | Self::Unknown { .. }
            | Self::App { .. }
            | Self::Image { .. }
            | Self::Mount { .. }
            | Self::EngineNetwork { .. }
            | Self::Privilege { .. }
            | Self::NetworkDevice { .. }
            | Self::ProbeExec { .. }
            | Self::ToolsExec { .. }
            | Self::CheckExec { .. }
            | Self::RebuildExec { .. }
            | Self::ActionExec { .. }
            | Self::LogOption { driver: None, .. }
            | Self::Bucket { .. }
            | Self::LeadsTo { .. }
            | Self::MayBeLink { .. }
            | Self::NoWayBack => None,
        }
    }
}

/// Returns all refusals in one line, for logs and manifests.
pub fn joined(refusals: &[PolicyRefusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

kept_as_code!(PolicyRefusal);

impl fmt::Display for PolicyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other { text } => return f.write_str(text),
            Self::Unknown { number, arguments } => return write!(f, "unknown refusal {number}: {arguments}"),
            Self::LeadsTo { refusal, end } => return write!(f, "{}: it leads to {end}", Plain(refusal)),
            Self::MayBeLink { refusal, problem: Some(problem) } => {
                return write!(f, "{}: it may be a link: {problem}", Plain(refusal));
            }
            Self::MayBeLink { refusal, problem: None } => return write!(f, "{}: it may be a link", Plain(refusal)),
            Self::NoWayBack => {
                return f
                    .write_str("it does not run as it was, so there would be no way back: stop the instance first");
            }
            plain => Plain(plain).fmt(f)?,
        }
        match self.line() {
            Some(line) => write!(f, "; its policy.yaml would need `{line}`"),
            None => Ok(()),
        }
    }
}

/// A refusal without the line that would allow it.
struct Plain<'a>(&'a PolicyRefusal);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use PolicyRefusal as R;
        f.write_str("the host does not allow ")?;
        match self.0 {
            R::App { app } => write!(f, "the app {app}"),
            R::Image { image } => write!(f, "images such as {image}"),
            R::Mount { path } => write!(f, "mounting {path}"),
            R::VolumeDevice { volume, path } => write!(f, "mounting {path}, to which the volume {volume} leads"),
            R::StoreFolder { store, path } => write!(f, "the folder {path} to the store {store}"),
            R::ExternalVolume { volume } => write!(f, "mounting the existing volume {volume}"),
            R::RemoteVolume { volume, source } => write!(f, "mounting {source} through the volume {volume}"),
            R::VolumeDriver { volume, driver } => write!(f, "the driver {driver} of the volume {volume}"),
            R::Foreign { store, name } => write!(f, "{name}, which is of no instance, to the store {store}"),
            R::ExternalNetwork { network } | R::EngineNetwork { network } => {
                write!(f, "joining the network {network}, which is not the instance's own")
            }
            R::Privilege { service, key } => write!(f, "privileges, and {service} has `{key}`"),
            R::NetworkDevice { network, key } => write!(f, "privileges, and the network {network} has `{key}`"),
            R::ProbeExec { service } => write!(f, "exec, and {service} has an exec probe"),
            R::ToolsExec { store } => write!(f, "exec, and the store {store} needs programs inside a container"),
            R::CheckExec { store } => {
                write!(f, "exec, and a check of the store {store} is a program inside a container")
            }
            R::RebuildExec { store } => {
                write!(f, "exec, and the store {store} is rebuilt by a program inside a container")
            }
            R::ActionExec { service } => write!(f, "exec, and the upgrade runs a command of {service}"),
            R::LogDriver { service, driver } => write!(f, "the log driver {driver} of {service}"),
            R::LogOption { service, driver, option, .. } => {
                let driver = driver.as_deref().unwrap_or("the Engine's default");
                write!(f, "the option {option} of the log driver of {service} ({driver})")
            }
            R::Bucket { place } => write!(f, "the bucket {place}"),
            R::RepositoryFolder { repository, path } => {
                write!(f, "backups in the folder {path} (repository {repository})")
            }
            R::RepositoryEndpoint { repository, endpoint, bucket } => {
                write!(f, "backups at {}/{bucket} (repository {repository})", endpoint.trim_end_matches('/'))
            }
            R::Other { .. } | R::Unknown { .. } | R::LeadsTo { .. } | R::MayBeLink { .. } | R::NoWayBack => {
                write!(f, "it: {}", self.0)
            }
        }
    }
}

/// Reads refusals that were kept: as one text by earlier versions.
pub(crate) fn read_refusals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PolicyRefusal>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Refusals(Vec<PolicyRefusal>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![PolicyRefusal::other(text)],
        Kept::Refusals(refusals) => refusals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;
    use crate::store_gap::StoreGap;

    #[test]
    fn a_refusal_that_was_kept_as_a_text_is_read_and_says_the_same() {
        let text = "the host does not allow mounting /etc";
        let refusals = vec![PolicyRefusal::other(text)];
        let failure = format!(r#"{{"code":"policy_forbids","with":{{"refusal":"{text}"}}}}"#);
        assert_eq!(
            serde_json::from_str::<OrderFailure>(&failure).expect("it can be read"),
            OrderFailure::PolicyForbids { refusals: refusals.clone() }
        );
        let gap = format!(r#"{{"code":"forbidden","with":{{"refusal":"{text}"}}}}"#);
        let gap = serde_json::from_str::<StoreGap>(&gap).expect("it can be read");
        assert_eq!(gap, StoreGap::Forbidden { refusals });
        let now = StoreGap::Forbidden { refusals: vec![PolicyRefusal::Mount { path: "/etc".to_owned() }] };
        assert_eq!(gap.to_string(), now.to_string());
        let kept = serde_json::to_string(&now).expect("it can be written");
        assert_eq!(serde_json::from_str::<StoreGap>(&kept).expect("it can be read"), now);
    }
}
