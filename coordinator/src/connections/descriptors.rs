//! Shares the file descriptors of this process, so that one kind of connection cannot use up those of others.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most connections of each kind. Together with the rest that the coordinator itself needs (its store, files of
/// repositories, worker processes), they are no more than the limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Connections that have not sent a byte.
    pub silent: usize,
    /// Connections that wait for their handshake.
    pub line: usize,
    /// Connections without a certificate, after their handshake.
    pub unauthenticated: usize,
    /// Connections of operators.
    pub operators: usize,
    /// Connections above the limit that only receive that error.
    pub surplus: usize,
    /// Connections of hosts.
    pub hosts: usize,
}

impl Descriptors {
    /// Raises the limit of open files of this process as far as it may, and shares it out.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, ..limit };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "could not raise the limit of open files");
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    fn of(files: usize) -> Self {
        let own = (files / 4).clamp(64, 1024);
        let silent = (files / 16).clamp(16, 1024);
        let line = (files / 8).clamp(16, 4096);
        let unauthenticated = (files / 16).clamp(16, 256);
        let operators = (files / 8).clamp(32, 1024);
        let surplus = (files / 32).clamp(8, 64);
        let hosts = files.saturating_sub(own + silent + line + unauthenticated + operators + surplus).max(16);
        Self { silent, line, unauthenticated, operators, surplus, hosts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one_before_it_is_shared_out() {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit { current: Some(512), ..before };
        setrlimit(Resource::Nofile, low).expect("a process may lower it");
        let shares = Descriptors::of_process();
        let after = getrlimit(Resource::Nofile);
        assert_eq!((after.current, after.maximum), (before.maximum, before.maximum));
        let files = before.maximum.map_or(usize::MAX, |files| usize::try_from(files).expect("it fits"));
        assert_eq!(shares, Descriptors::of(files));
    }

    #[test]
    fn all_shares_together_are_no_more_than_the_limit_and_hosts_have_the_most() {
        for files in [1024, 4096, 20_000, 65_536] {
            let Descriptors { silent, line, unauthenticated, operators, surplus, hosts } = Descriptors::of(files);
            let shared = silent + line + unauthenticated + operators + surplus + hosts;
            assert!(shared + 256 <= files, "{files}: the store and the workers need some, and {shared} are shared out");
            assert!(hosts >= files / 4, "{files}: {hosts} for hosts");
        }
        assert!(Descriptors::of(20_000).hosts >= 10_000, "the bench has ten thousand agents");
    }
}
