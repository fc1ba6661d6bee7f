//! Connections without a certificate: they can only join, have time for that, and are never many. Each holds a file
//! descriptor that hosts and operators need.

use crate::connections::Caller;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Joining takes one call.
const PATIENCE: Duration = Duration::from_secs(20);

/// Present peers, oldest first. A peer that has left takes no slot.
#[derive(Debug)]
pub struct UnauthenticatedPeers {
    /// Number of the newest connections that stay, besides those that are joining.
    most: usize,
    here: Mutex<VecDeque<Weak<Caller>>>,
}

impl UnauthenticatedPeers {
    pub fn new(most: usize) -> Self {
        Self { most, here: Mutex::default() }
    }

    /// Takes in one more, and ends it after a while; the oldest that is not being admitted gives way.
    pub fn enter(&self, caller: &Arc<Caller>) {
        tokio::spawn(part_from(caller.cut.clone()));
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.retain(|snapshot| snapshot.upgrade().is_some_and(|snapshot| !snapshot.cut.is_cancelled()));
        here.push_back(Arc::downgrade(caller));
        if here.len() > self.most
            && let Some(oldest) = here.iter().filter_map(Weak::upgrade).find(|snapshot| !snapshot.is_joining())
        {
            oldest.cut.cancel();
        }
    }
}

async fn part_from(cut: CancellationToken) {
    let _ = timeout(PATIENCE, cut.cancelled()).await;
    cut.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connections;
    use std::net::SocketAddr;

    const MOST: usize = 256;

    struct Harness {
        unauthenticated: UnauthenticatedPeers,
        connections: Arc<Connections>,
    }

    impl Harness {
        fn new() -> Self {
            Self { unauthenticated: UnauthenticatedPeers::new(MOST), connections: Arc::default() }
        }

        fn enter(&self) -> Arc<Caller> {
            let caller = self.connections.enter(SocketAddr::from(([127, 0, 0, 1], 1)), None);
            self.unauthenticated.enter(&caller);
            caller
        }

        fn crowd(&self, size: usize) -> Vec<Arc<Caller>> {
            (0..size).map(|_| self.enter()).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_time_to_join_and_no_more() {
        let harness = Harness::new();
        let caller = harness.enter();
        tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
        assert!(!caller.cut.is_cancelled());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(caller.cut.is_cancelled());
    }

    #[tokio::test]
    async fn of_a_crowd_the_newest_stay() {
        let crowd = Harness::new().crowd(MOST + 10);
        let ended = crowd.iter().take_while(|caller| caller.cut.is_cancelled()).count();
        assert_eq!((ended, crowd.iter().filter(|caller| caller.cut.is_cancelled()).count()), (10, 10));
    }

    #[tokio::test]
    async fn who_comes_and_goes_pushes_nobody_out() {
        let harness = Harness::new();
        let first = harness.enter();
        (0..10 * MOST).for_each(|_| drop(harness.enter()));
        assert!(!first.cut.is_cancelled());
    }

    #[tokio::test]
    async fn who_is_being_admitted_does_not_give_way() {
        let harness = Harness::new();
        let (first, second) = (harness.enter(), harness.enter());
        let joining = first.begin_joining();
        let crowd = harness.crowd(MOST - 1);
        assert!(!first.cut.is_cancelled() && second.cut.is_cancelled());
        drop(joining);
        let last = harness.enter();
        assert!(first.cut.is_cancelled() && crowd.iter().chain([&last]).all(|caller| !caller.cut.is_cancelled()));
    }
}
