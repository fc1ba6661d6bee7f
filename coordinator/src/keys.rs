//! Keys of the store. Each record has its own key, so that a change writes only the changed records.

use fleet_core::access::Subject;
use fleet_core::backup::BackupKey;
use fleet_core::names::{
    AppName, BackupId, Digest, HostName, InstanceName, OrderId, PolicyName, RepositoryName, RequestId, RolloutId,
    Version,
};

pub const HOSTS: &str = "desired/host/";
pub const INSTANCES: &str = "desired/instance/";
pub const ROLLOUTS: &str = "desired/rollout/";
pub const REPOSITORIES: &str = "desired/repository/";
pub const POLICIES: &str = "desired/policy/";
pub const AT_ONCE: &str = "desired/at-once";
pub const HELD: &str = "desired/held/";
/// Backups that orders have requested, by order. They distinguish requested from unrequested backups that are found in
/// a repository later.
pub const EXPECTED: &str = "expected-backup/";
pub const BACKUPS: &str = "observed/backup/";
/// Secrets of instances' repositories, sealed.
pub const REPOSITORY_KEYS: &str = "repository-key/";
/// Progress and findings of the checks of repositories.
pub const LOOKS: &str = "repository-look/";
/// Time of the coordinator's last own backup.
pub const OWN_BACKUP: &str = "own-backup";
/// Time of restored facts, until the missing repositories have been found.
pub const CAME_BACK: &str = "came-back";
pub const ASKED: &str = "asked/";
pub const OBSERVED_HOSTS: &str = "observed/host/";
pub const OBSERVED_INSTANCES: &str = "observed/instance/";
pub const ENDED: &str = "observed/ended/";
pub const OTHER_PROTOCOLS: &str = "observed/protocol/";
pub const GREETINGS: &str = "observed/greetings/";
pub const RELEASES: &str = "release/";
pub const TOKENS: &str = "token/";
pub const SUBJECTS: &str = "subject/";
pub const EVENTS: &str = "event/";
/// Requests that have started something, so that a repeated one starts nothing again.
pub const REQUESTS: &str = "request/";
pub const SETTINGS: &str = "settings";
/// Number of the coordinator's latest start, as sent to hosts.
pub const EPOCH: &str = "epoch";

pub fn host(name: &HostName) -> String {
    format!("{HOSTS}{name}")
}

pub fn greetings(host: &HostName) -> String {
    format!("{GREETINGS}{host}")
}

pub fn instance(name: &InstanceName) -> String {
    format!("{INSTANCES}{name}")
}

pub fn rollout(id: &RolloutId) -> String {
    format!("{ROLLOUTS}{id}")
}

pub fn repository(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}{name}")
}

pub fn policy(name: &PolicyName) -> String {
    format!("{POLICIES}{name}")
}

pub fn held(id: &BackupId) -> String {
    format!("{HELD}{id}")
}

pub fn expected(id: &OrderId) -> String {
    format!("{EXPECTED}{id}")
}

pub fn backup(instance: &InstanceName, key: &BackupKey) -> String {
    format!("{BACKUPS}{instance}/{}/{}", key.repository, key.backup)
}

pub fn repository_key(repository: &RepositoryName, instance: &InstanceName) -> String {
    format!("{REPOSITORY_KEYS}{repository}/{instance}")
}

/// Sealed keys of a removed repository; a repository of the same name may have been added since.
pub const FORMER_REPOSITORIES: &str = "former-repository/";

pub fn retired_repository(repository: &RepositoryName, added: u64, instance: &InstanceName) -> String {
    format!("{FORMER_REPOSITORIES}{repository}/{added:020}/{instance}")
}

pub fn look(repository: &RepositoryName, instance: &InstanceName) -> String {
    format!("{LOOKS}{repository}/{instance}")
}

/// Returns the key of a bucket's credentials, which are sealed.
pub fn bucket_keys(repository: &RepositoryName) -> String {
    format!("bucket-key/{repository}")
}

pub fn asked(id: &OrderId) -> String {
    format!("{ASKED}{id}")
}

pub fn observed_host(name: &HostName) -> String {
    format!("{OBSERVED_HOSTS}{name}")
}

pub fn observed_instance(name: &InstanceName) -> String {
    format!("{OBSERVED_INSTANCES}{name}")
}

pub fn ended(id: &OrderId) -> String {
    format!("{ENDED}{id}")
}

pub fn other_protocol(name: &HostName) -> String {
    format!("{OTHER_PROTOCOLS}{name}")
}

pub fn release(app: &AppName, version: &Version) -> String {
    format!("{RELEASES}{app}/{version}")
}

/// Returns the key of one piece of a bundle.
pub fn bundle(digest: &Digest, piece: u32) -> String {
    format!("bundle/{digest}/{piece:06}")
}

/// The values of every revision of an instance.
pub fn values_of(instance: &InstanceName) -> String {
    format!("values/{instance}/")
}

pub fn values(instance: &InstanceName, revision: u64) -> String {
    format!("values/{instance}/{revision:020}")
}

pub fn request(id: &RequestId) -> String {
    format!("{REQUESTS}{id}")
}

pub fn token(hash: &str) -> String {
    format!("{TOKENS}{hash}")
}

pub fn subject(subject: &Subject) -> String {
    format!("{SUBJECTS}{subject}")
}

pub fn event(number: u64) -> String {
    format!("{EVENTS}{number:020}")
}
