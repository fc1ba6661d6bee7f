//! Peer of a connection.

use super::{ConnectionClass, Connections, PER_MACHINE};
use crate::clock;
use crate::facts::Facts;
use crate::identity::{Serial, SubjectKept};
use crate::rpc_status::refuse;
use fleet_core::access::{Role, Subject};
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::names::{HostName, OperatorName};
use fleet_core::refused_call::{Attempt, CallRefusal, CountedThing};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

/// Peer of one connection. Its certificate was checked against our CA; each call checks again whether it is still
/// valid.
#[derive(Debug)]
pub struct Caller {
    /// Network address of the peer.
    pub address: SocketAddr,
    /// Subject and serial; none without a certificate.
    pub certified: Option<(Subject, Serial)>,
    /// Class of the connection, which decides its limits.
    pub class: ConnectionClass,
    /// Ends the connection.
    pub cut: CancellationToken,
    /// The calls to join that are under way.
    pub(super) joins: AtomicU32,
    pub(super) connections: Weak<Connections>,
}

/// A call to join that is under way.
#[derive(Debug)]
pub struct Joining<'a>(&'a Caller);

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.0.joins.fetch_sub(1, Relaxed);
    }
}

impl Caller {
    /// Refuses the calls of a connection beyond the limit of its peer.
    pub fn check_class(&self) -> Result<(), Status> {
        match self.class {
            ConnectionClass::Within => Ok(()),
            ConnectionClass::Surplus => {
                let refusal = CallRefusal::TooMany { what: CountedThing::Connections, limit: PER_MACHINE };
                Err(refuse(Attempt::Call, refusal, LinkHint::EndConnections))
            }
        }
    }

    /// Marks the peer as joining while the returned value lives.
    pub fn begin_joining(&self) -> Joining<'_> {
        self.joins.fetch_add(1, Relaxed);
        Joining(self)
    }

    /// Returns whether a join call of this peer is running.
    pub fn is_joining(&self) -> bool {
        self.joins.load(Relaxed) > 0
    }

    /// The caller's name and record, if its certificate still counts.
    pub fn subject(&self, facts: &Facts) -> Result<(&Subject, SubjectKept), Status> {
        let Some((subject, serial)) = &self.certified else {
            return Err(refuse(Attempt::Call, CallRefusal::CertificateMissing, LinkHint::JoinFirst));
        };
        let kept = facts.read().subject(subject).filter(|kept| kept.believes(serial)).cloned();
        let is_in_time = clock::now() < serial.not_after;
        kept.filter(|_| is_in_time).map(|kept| (subject, kept)).ok_or_else(|| {
            let refusal = CallRefusal::CertificateRevoked { subject: subject.clone() };
            refuse(Attempt::Call, refusal, LinkHint::JoinAgain)
        })
    }

    /// The caller as a host, with the serial of its enrolment.
    pub fn host(&self, facts: &Facts) -> Result<(HostName, String), Status> {
        match self.subject(facts)? {
            (Subject::Host(name), kept) => Ok((name.clone(), kept.enrolment)),
            (Subject::Operator(name), _) => {
                Err(refuse(Attempt::Call, CallRefusal::ForHosts { operator: name.clone() }, Hint::UseFleetCommand))
            }
        }
    }

    /// Returns the caller as an operator with at least the role `needed`.
    pub fn operator(&self, facts: &Facts, needed: Role) -> Result<(OperatorName, Role), Status> {
        match self.subject(facts)? {
            (Subject::Operator(name), kept) => {
                let role = kept.role.unwrap_or(Role::Viewer);
                if role >= needed {
                    return Ok((name.clone(), role));
                }
                let refusal = CallRefusal::RoleNeeded { needed, operator: name.clone(), role };
                Err(refuse(Attempt::Call, refusal, Hint::AskAdministrator))
            }
            (Subject::Host(name), _) => {
                let refusal = CallRefusal::ForOperators { host: name.clone() };
                Err(refuse(Attempt::Call, refusal, Hint::UseOperatorCertificate))
            }
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Work for a closed connection must stop.
        self.cut.cancel();
        if let (Some((subject, _)), Some(connections)) = (&self.certified, self.connections.upgrade()) {
            connections.leave(subject, self.class);
        }
    }
}

/// The caller of a request.
pub fn caller_of<T>(request: &Request<T>) -> Result<Arc<Caller>, Status> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    caller.ok_or_else(|| refuse(Attempt::Call, CallRefusal::Fault, None))
}
