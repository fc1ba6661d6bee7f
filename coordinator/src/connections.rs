//! Every open connection by its subject: bounded for each, and ended the moment its certificate no longer counts.

mod caller;
mod descriptors;

pub use caller::{Caller, caller_of};
pub use descriptors::Descriptors;

use crate::facts::Facts;
use crate::identity::Serial;
use fleet_core::access::Subject;
use fleet_core::time::Time;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

/// The most connections of one host, or with one certificate of an operator. An agent has one, and one for each worker
/// process on a repository; a command has one.
pub const PER_MACHINE: usize = 16;

/// Open connections, with their limits.
#[derive(Debug)]
pub struct Connections {
    limits: Descriptors,
    open: Mutex<Open>,
    all: CancellationToken,
}

#[derive(Debug, Default)]
struct Open {
    by_subject: HashMap<Subject, Vec<Weak<Caller>>>,
    hosts: usize,
    operators: usize,
    surplus: usize,
}

/// Class of a connection, which decides its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionClass {
    /// Within its peer's limit.
    Within,
    /// Beyond it: each of its calls is refused with that reason, and it ends soon.
    Surplus,
}

impl Default for Connections {
    fn default() -> Self {
        Self { limits: Descriptors::of_process(), open: Mutex::default(), all: CancellationToken::new() }
    }
}

impl Connections {
    /// Returns the shares of the file descriptors.
    pub fn limits(&self) -> Descriptors {
        self.limits
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection; none where even those that are beyond a limit are too many.
    pub fn admit(self: &Arc<Self>, address: SocketAddr, certified: Option<(Subject, Serial)>) -> Option<Arc<Caller>> {
        // Dropped after the lock is released: the last owner of a connection takes the lock to remove it.
        let theirs;
        let mut open = self.open();
        theirs = certified.as_ref().map(|(subject, _)| open.of(subject)).unwrap_or_default();
        let class = match &certified {
            Some((subject, serial)) => open.class_of_new(&theirs, subject, serial, &self.limits),
            None => ConnectionClass::Within,
        };
        if class == ConnectionClass::Surplus && open.surplus >= self.limits.surplus {
            return None;
        }
        Some(self.note(&mut open, address, certified, class))
    }

    /// Notes a connection that is within all limits.
    pub fn enter(self: &Arc<Self>, address: SocketAddr, certified: Option<(Subject, Serial)>) -> Arc<Caller> {
        self.note(&mut self.open(), address, certified, ConnectionClass::Within)
    }

    fn note(
        self: &Arc<Self>,
        open: &mut Open,
        address: SocketAddr,
        certified: Option<(Subject, Serial)>,
        class: ConnectionClass,
    ) -> Arc<Caller> {
        let (cut, connections, joins) = (self.all.child_token(), Arc::downgrade(self), AtomicU32::new(0));
        let caller = Arc::new(Caller { address, certified, class, cut, joins, connections });
        if let Some((subject, _)) = &caller.certified {
            *open.counted(subject, class) += 1;
            open.by_subject.entry(subject.clone()).or_default().push(Arc::downgrade(&caller));
        }
        caller
    }

    /// Forgets a connection that is gone.
    fn leave(&self, subject: &Subject, class: ConnectionClass) {
        let mut open = self.open();
        *open.counted(subject, class) -= 1;
        if let Some(callers) = open.by_subject.get_mut(subject) {
            callers.retain(|caller| caller.strong_count() > 0);
            if callers.is_empty() {
                open.by_subject.remove(subject);
            }
        }
    }

    /// Ends the connections of a subject whose certificates no longer count.
    pub fn cut_revoked(&self, subject: &Subject, facts: &Facts, now: Time) {
        let callers = self.open().of(subject);
        callers.iter().for_each(|caller| cut_if_revoked(caller, facts, now));
    }

    /// Ends every connection whose certificate no longer counts or has expired.
    pub fn sweep(&self, facts: &Facts, now: Time) {
        let callers: Vec<_> = self.open().by_subject.values().flatten().filter_map(Weak::upgrade).collect();
        callers.iter().for_each(|caller| cut_if_revoked(caller, facts, now));
    }

    /// Closes all connections.
    pub fn cut_all(&self) {
        self.all.cancel();
    }
}

impl Open {
    fn of(&self, subject: &Subject) -> Vec<Arc<Caller>> {
        self.by_subject.get(subject).into_iter().flatten().filter_map(Weak::upgrade).collect()
    }

    fn counted(&mut self, subject: &Subject, class: ConnectionClass) -> &mut usize {
        match (class, subject) {
            (ConnectionClass::Surplus, _) => &mut self.surplus,
            (ConnectionClass::Within, Subject::Host(_)) => &mut self.hosts,
            (ConnectionClass::Within, Subject::Operator(_)) => &mut self.operators,
        }
    }

    /// Returns the class of a connection. An operator has several machines, but at most a quarter of the operators'
    /// connections.
    fn class_of_new(
        &self,
        theirs: &[Arc<Caller>],
        subject: &Subject,
        serial: &Serial,
        limits: &Descriptors,
    ) -> ConnectionClass {
        let theirs =
            || theirs.iter().filter(|caller| caller.class == ConnectionClass::Within && !caller.cut.is_cancelled());
        let has_serial = |caller: &&Arc<Caller>| caller.certified.as_ref().is_some_and(|(_, own)| own == serial);
        let has_room = match subject {
            Subject::Host(_) => theirs().count() < PER_MACHINE && self.hosts < limits.hosts,
            Subject::Operator(_) => {
                theirs().filter(has_serial).count() < PER_MACHINE
                    && theirs().count() < (limits.operators / 4).max(PER_MACHINE)
                    && self.operators < limits.operators
            }
        };
        if has_room { ConnectionClass::Within } else { ConnectionClass::Surplus }
    }
}

fn cut_if_revoked(caller: &Caller, facts: &Facts, now: Time) {
    let Some((subject, serial)) = &caller.certified else { return };
    let counts = facts.read().subject(subject).is_some_and(|kept| kept.believes(serial));
    if !counts || serial.not_after <= now {
        tracing::info!(%subject, address = %caller.address, "connection ended: its certificate no longer counts");
        caller.cut.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Descriptors =
        Descriptors { silent: 1, line: 1, unauthenticated: 1, operators: 80, surplus: 4, hosts: 40 };

    fn connections() -> Arc<Connections> {
        Arc::new(Connections { limits: LIMITS, ..Connections::default() })
    }

    fn admit(connections: &Arc<Connections>, subject: &str, serial: &str) -> Option<Arc<Caller>> {
        let serial = Serial { serial: serial.to_owned(), not_after: Time(1), renews: None };
        let subject = subject.parse().expect("it is a subject");
        connections.admit(SocketAddr::from(([127, 0, 0, 1], 1)), Some((subject, serial)))
    }

    /// Opens connections one after the other and returns their state, without those that were not admitted.
    fn crowd(connections: &Arc<Connections>, subject: &str, serial: &str, size: usize) -> (usize, Vec<Arc<Caller>>) {
        let callers: Vec<_> = (0..size).filter_map(|_| admit(connections, subject, serial)).collect();
        let within = callers.iter().filter(|caller| caller.class == ConnectionClass::Within).count();
        (within, callers)
    }

    #[test]
    fn one_host_has_sixteen_connections_and_a_few_that_are_told_so() {
        let connections = connections();
        let (within, mut callers) = crowd(&connections, "host:lab-1", "a", 100);
        assert_eq!((within, callers.len()), (PER_MACHINE, PER_MACHINE + LIMITS.surplus));
        assert!(admit(&connections, "host:lab-1", "renewed").is_none(), "another certificate is the same host");
        assert!(admit(&connections, "host:lab-2", "b").is_some_and(|caller| caller.class == ConnectionClass::Within));
        callers.drain(..1);
        let again = admit(&connections, "host:lab-1", "a").expect("there is room again");
        assert_eq!(again.class, ConnectionClass::Within);
    }

    #[test]
    fn a_connection_that_was_cut_takes_no_place_of_its_successor() {
        let connections = connections();
        let (_, callers) = crowd(&connections, "host:lab-1", "a", PER_MACHINE);
        callers[0].cut.cancel();
        assert!(admit(&connections, "host:lab-1", "a").is_some_and(|caller| caller.class == ConnectionClass::Within));
    }

    #[test]
    fn all_hosts_together_leave_operators_their_share() {
        let connections = connections();
        let crowds: Vec<_> =
            (0..5).map(|host| crowd(&connections, &format!("host:lab-{host}"), "a", PER_MACHINE)).collect();
        assert_eq!(crowds.iter().map(|(within, _)| within).sum::<usize>(), LIMITS.hosts);
        assert_eq!(crowd(&connections, "operator:ada", "a", PER_MACHINE).0, PER_MACHINE);
    }

    #[test]
    fn each_machine_of_an_operator_has_its_own_and_one_operator_not_all_there_is() {
        let connections = connections();
        let (first, _first) = crowd(&connections, "operator:ada", "a", 30);
        let (second, _second) = crowd(&connections, "operator:ada", "b", 30);
        assert_eq!((first, second), (PER_MACHINE, LIMITS.operators / 4 - PER_MACHINE));
        assert_eq!(crowd(&connections, "operator:bob", "c", 1).0, 1);
    }
}
