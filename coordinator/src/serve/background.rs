//! Periodic work of the coordinator beside serving calls.

use super::calls::Calls;
use super::loops::Loops;
use crate::agents::sweep;
use crate::clock;
use crate::facts::Facts;
use crate::identity::ServerCertificate;
use crate::own::keep_own_backups;
use crate::reconcile::{planner, turns};
use crate::repositories::{keep_house, make_repositories};
use crate::shared::Shared;
use fleet_core::names::HostName;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::interval;

const FORGET: Duration = Duration::from_secs(3600);
const LOOK_AT_CERTIFICATES: Duration = Duration::from_secs(30);

/// Starts a loop with the state that the services share.
pub fn begin<F>(loops: &mut Loops, name: &'static str, shared: &Shared, run: impl Fn(Shared) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let shared = shared.clone();
    loops.spawn(name, move || run(shared.clone()));
}

pub fn begin_loops(loops: &mut Loops, shared: &Shared, certificate: &Arc<ServerCertificate>, calls: &Arc<Calls>) {
    begin(loops, "reconcile", shared, |shared| async move {
        turns(&shared.facts, &shared.sessions, &planner()).await;
    });
    begin(loops, "sweep", shared, |shared| async move { sweep(&shared.sessions, &shared.facts).await });
    let certificate = Arc::clone(certificate);
    begin(loops, "certificates", shared, move |shared| {
        let certificate = Arc::clone(&certificate);
        async move { look_after_certificates(&shared, &certificate).await }
    });
    let calls = Arc::clone(calls);
    begin(loops, "calls", shared, move |_| {
        let calls = Arc::clone(&calls);
        async move { calls.watch().await }
    });
}

/// Begins a loop that reads the store and files again and again, on a thread of its own.
fn begin_on_own_thread<F>(
    loops: &mut Loops,
    name: &'static str,
    shared: &Shared,
    run: impl Fn(Shared) -> F + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = ()>,
{
    let shared = shared.clone();
    loops.spawn_on_own_thread(name, move || run(shared.clone()))
}

/// Begins the loops that read the store.
pub fn begin_store_loops(loops: &mut Loops, shared: &Shared) -> io::Result<()> {
    begin_on_own_thread(loops, "prune", shared, |shared| async move { forget_now_and_then(&shared.facts).await })?;
    begin_on_own_thread(loops, "make_repositories", shared, |shared| async move {
        let mark = |hosts: &[HostName]| shared.sessions.mark(hosts, clock::now());
        make_repositories(&shared.repository_service, mark).await;
    })?;
    begin_on_own_thread(loops, "housekeeping", shared, |shared| async move {
        keep_house(&shared.repository_service).await;
    })?;
    begin_on_own_thread(loops, "own_backups", shared, |shared| async move {
        keep_own_backups(&shared.facts, &shared.home, shared.repository_service.launcher()).await;
    })
}

/// Cuts connections whose certificates have expired, and renews the port's own. Runs until dropped.
async fn look_after_certificates(shared: &Shared, certificate: &ServerCertificate) {
    let mut ticks = interval(LOOK_AT_CERTIFICATES);
    loop {
        ticks.tick().await;
        let now = clock::now();
        shared.connections.sweep(&shared.facts, now);
        if let Err(error) = certificate.renew_when_due(&shared.authority, &shared.addresses, now) {
            tracing::error!(%error, "the port's certificate could not be renewed");
        }
    }
}

/// Runs until dropped.
async fn forget_now_and_then(facts: &Facts) {
    let mut ticks = interval(FORGET);
    loop {
        ticks.tick().await;
        if let Err(error) = facts.prune(clock::now()).await {
            tracing::error!(%error, "old facts could not be forgotten");
        }
    }
}
