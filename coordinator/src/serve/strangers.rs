//! Connections without a certificate: they can only join, have time for that, and are never many. Each holds a file
//! descriptor that hosts and operators need.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Joining takes one call.
const PATIENCE: Duration = Duration::from_secs(20);
/// The newest so many stay. Whoever is there to join is done long before a crowd has pushed it out.
const MOST: usize = 256;

/// Those who are there, oldest first; also some who have left by themselves.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<VecDeque<CancellationToken>>);

impl Strangers {
    /// Takes in one more, and ends it after a while; the oldest gives way.
    pub fn enter(&self, cut: CancellationToken) {
        tokio::spawn(part_from(cut.clone()));
        let mut here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while here.front().is_some_and(CancellationToken::is_cancelled) {
            here.pop_front();
        }
        here.push_back(cut);
        if here.len() > MOST
            && let Some(oldest) = here.pop_front()
        {
            oldest.cancel();
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

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_time_to_join_and_no_more() {
        let (strangers, cut) = (Strangers::default(), CancellationToken::new());
        strangers.enter(cut.clone());
        tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
        assert!(!cut.is_cancelled());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(cut.is_cancelled());
        strangers.enter(CancellationToken::new());
        assert_eq!(strangers.0.lock().expect("nobody fails with it").len(), 1, "who has left is forgotten");
    }

    #[tokio::test]
    async fn of_a_crowd_the_newest_stay() {
        let strangers = Strangers::default();
        let crowd: Vec<_> = (0..MOST + 10).map(|_| CancellationToken::new()).collect();
        crowd.iter().for_each(|cut| strangers.enter(cut.clone()));
        let ended = crowd.iter().take_while(|cut| cut.is_cancelled()).count();
        assert_eq!((ended, crowd.iter().filter(|cut| cut.is_cancelled()).count()), (10, 10));
    }
}
