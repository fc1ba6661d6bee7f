//! Subject of an event or a problem.

use crate::access::Subject;
use crate::names::{HostName, InstanceName, OperatorName, PolicyName, ReleaseName, RepositoryName, RolloutId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Subject of an event or a problem. It is kept as its kind and name, such as `host lab-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EventSubject {
    /// All backups of the fleet.
    Backups,
    /// The coordinator itself.
    Coordinator,
    /// A host.
    Host(HostName),
    /// An instance.
    Instance(InstanceName),
    /// An operator.
    Operator(OperatorName),
    /// A backup policy.
    Policy(PolicyName),
    /// A release.
    Release(ReleaseName),
    /// A repository.
    Repository(RepositoryName),
    /// A rollout.
    Rollout(RolloutId),
    /// Subject that this version cannot parse, as an event of another version has it.
    Text(Box<str>),
}

impl EventSubject {
    /// Returns the word for the kind, as it stands before the name; empty for an unknown kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Backups => "backups",
            Self::Coordinator => "coordinator",
            Self::Host(_) => "host",
            Self::Instance(_) => "instance",
            Self::Operator(_) => "operator",
            Self::Policy(_) => "policy",
            Self::Release(_) => "release",
            Self::Repository(_) => "repository",
            Self::Rollout(_) => "rollout",
            Self::Text(_) => "",
        }
    }

    /// Returns the name alone; empty if the subject is the only one of its kind.
    pub fn name(&self) -> String {
        match self {
            Self::Backups | Self::Coordinator => String::new(),
            Self::Host(name) => name.to_string(),
            Self::Instance(name) => name.to_string(),
            Self::Operator(name) => name.to_string(),
            Self::Policy(name) => name.to_string(),
            Self::Release(name) => name.to_string(),
            Self::Repository(name) => name.to_string(),
            Self::Rollout(id) => id.to_string(),
            Self::Text(text) => text.split_once(' ').map_or("", |(_, name)| name).to_owned(),
        }
    }

    /// Returns the subject of a kind with a name.
    pub fn of(kind: &str, name: &str) -> Option<Self> {
        Some(match kind {
            "backups" if name.is_empty() => Self::Backups,
            "coordinator" if name.is_empty() => Self::Coordinator,
            "host" => Self::Host(name.parse().ok()?),
            "instance" => Self::Instance(name.parse().ok()?),
            "operator" => Self::Operator(name.parse().ok()?),
            "policy" => Self::Policy(name.parse().ok()?),
            "release" => Self::Release(name.parse().ok()?),
            "repository" => Self::Repository(name.parse().ok()?),
            "rollout" => Self::Rollout(name.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for EventSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backups | Self::Coordinator => f.write_str(self.kind()),
            Self::Text(text) => f.write_str(text),
            named => write!(f, "{} {}", named.kind(), named.name()),
        }
    }
}

impl From<String> for EventSubject {
    fn from(text: String) -> Self {
        let (kind, name) = text.split_once(' ').unwrap_or((&text, ""));
        Self::of(kind, name).unwrap_or_else(|| Self::Text(text.into()))
    }
}

impl From<EventSubject> for String {
    fn from(subject: EventSubject) -> Self {
        subject.to_string()
    }
}

impl From<&Subject> for EventSubject {
    fn from(subject: &Subject) -> Self {
        match subject {
            Subject::Host(name) => name.into(),
            Subject::Operator(name) => name.into(),
        }
    }
}

macro_rules! subjects {
    ($($variant:ident($name:ident)),* $(,)?) => {
        $(impl From<&$name> for EventSubject {
            fn from(name: &$name) -> Self {
                Self::$variant(name.clone())
            }
        })*
    };
}

subjects!(
    Host(HostName),
    Instance(InstanceName),
    Operator(OperatorName),
    Policy(PolicyName),
    Release(ReleaseName),
    Repository(RepositoryName),
    Rollout(RolloutId),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_kept_as_earlier_versions_kept_it() {
        let host: HostName = "lab-1".parse().expect("a name");
        assert_eq!(EventSubject::from("host lab-1".to_owned()), EventSubject::from(&host));
        for text in ["coordinator", "backups", "release notes@1.2", "rollout notes-3", "moon base"] {
            let subject = EventSubject::from(text.to_owned());
            assert_eq!(subject.to_string(), text);
            assert_eq!(matches!(subject, EventSubject::Text(_)), text == "moon base", "{text}");
        }
    }
}
