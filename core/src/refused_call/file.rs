//! Refusals of calls of hosts for files of repositories and releases.

use crate::names::{HostName, InstanceName, RepositoryName};
use std::time::Duration;

/// Reason why a host may not read or add a file, or cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum FileRefusal {
    /// The instance is not of this host.
    #[error("`{instance}` is no instance of `{host}`")]
    NotItsInstance { instance: InstanceName, host: HostName },
    /// No order of the host adds to the repository of the instance now.
    #[error("no order of `{host}` adds to the repository of `{instance}` now")]
    NoOrderAdds { instance: InstanceName, host: HostName },
    /// The instance is not of this host, and no order of the host names it.
    #[error("`{instance}` is no instance of `{host}`, and no order of its names it")]
    NotReadable { instance: InstanceName, host: HostName },
    /// The coordinator does not keep the repository.
    #[error("there is no repository `{repository}` at the coordinator")]
    NotHere { repository: RepositoryName },
    /// There is no such file in the repository of the instance.
    #[error("there is no such file in the repository of `{instance}`")]
    Missing { instance: InstanceName },
    /// Another file has the name.
    #[error("there is another file of that name")]
    Occupied,
    /// The disk of the coordinator is full.
    #[error("the coordinator's disk is full, so that `{instance}` cannot add to its repository")]
    DiskFull { instance: InstanceName },
    /// The order has added as much as it may.
    #[error("its order may add {} MiB to the repository of `{instance}`, and they are used up", limit >> 20)]
    QuotaUsed { instance: InstanceName, limit: u64 },
    /// The file is not what was sent.
    #[error("it is not what was sent")]
    Differs,
    /// The name of the file is not the hash of its content.
    #[error("its name is not the SHA-256 of what is in it")]
    OtherName,
    /// The file was cut off.
    #[error("it was cut off")]
    CutOff,
    /// The order of the file is over.
    #[error("its order is over")]
    OrderOver,
    /// Nothing of the file came in time.
    #[error("nothing came for {} s", waited.as_secs())]
    NothingCame { waited: Duration },
    /// The messages came in another order than the protocol has.
    #[error("it is not begin, bytes of at most 256 KiB, sum")]
    OutOfOrder,
    /// The file is too large.
    #[error("it has more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The file does not have the bytes that were asked for.
    #[error("it has {bytes} bytes, and not those that were asked for")]
    OutOfFile { bytes: u64 },
    /// The disk of the coordinator cannot give the file.
    #[error("{problem}")]
    Damaged { problem: String },
    /// The host has too many files under way.
    #[error("`{host}` has too many files under way")]
    TooManyOpen { host: HostName },
    /// Nobody waits for the answer.
    #[error("nobody waits for it")]
    NobodyWaits,
    /// None of the host's orders or instances names the release.
    #[error("none of the orders or instances of `{host}` names {digest}")]
    ReleaseNotNamed { digest: String, host: HostName },
}
