//! Every open connection by its subject, so that one can be ended the moment its certificate no longer counts.

use super::Caller;
use crate::facts::Facts;
use crate::identity::Serial;
use fleet_core::access::Subject;
use fleet_core::time::Time;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<Subject, Vec<Weak<Caller>>>>,
    all: CancellationToken,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<Subject, Vec<Weak<Caller>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection.
    pub fn enter(self: &Arc<Self>, address: SocketAddr, certified: Option<(Subject, Serial)>) -> Arc<Caller> {
        let cut = self.all.child_token();
        let caller =
            Arc::new(Caller { address, certified, cut, joins: AtomicU32::new(0), connections: Arc::downgrade(self) });
        if let Some((subject, _)) = &caller.certified {
            self.open().entry(subject.clone()).or_default().push(Arc::downgrade(&caller));
        }
        caller
    }

    /// Forgets the connections of a subject that are gone.
    pub(super) fn leave(&self, subject: &Subject) {
        let mut open = self.open();
        if let Some(callers) = open.get_mut(subject) {
            callers.retain(|caller| caller.strong_count() > 0);
            if callers.is_empty() {
                open.remove(subject);
            }
        }
    }

    /// Ends the connections of a subject whose certificates no longer count.
    pub fn cut_revoked(&self, subject: &Subject, facts: &Facts, now: Time) {
        let callers: Vec<_> = self.open().get(subject).into_iter().flatten().filter_map(Weak::upgrade).collect();
        callers.iter().for_each(|caller| cut_if_revoked(caller, facts, now));
    }

    /// Ends every connection whose certificate no longer counts or has expired.
    pub fn sweep(&self, facts: &Facts, now: Time) {
        let callers: Vec<_> = self.open().values().flatten().filter_map(Weak::upgrade).collect();
        callers.iter().for_each(|caller| cut_if_revoked(caller, facts, now));
    }

    pub fn cut_all(&self) {
        self.all.cancel();
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
