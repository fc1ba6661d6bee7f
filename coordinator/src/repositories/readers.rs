//! Places for operators who read repositories. Each reading is a process: a few run at the same time, a few wait.
//!
//! What hosts add, and what the coordinator does by itself, takes none of these places.

use fleet_core::names::OperatorName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// So many readings run at the same time.
const AT_ONCE: usize = 4;
/// So many of one operator do: some are left for the others.
const OF_ONE: usize = 2;
/// So many of one operator's run or wait.
const WAITING: usize = 8;
/// So long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    #[error("{WAITING} of your calls read repositories or wait to do so")]
    YoursAreMany,
    #[error("others read repositories, and none of them ended in {} s", PATIENCE.as_secs())]
    OthersAreMany,
}

/// All places.
#[derive(Debug)]
pub struct Readers {
    places: Arc<Semaphore>,
    callers: Arc<Mutex<HashMap<OperatorName, Caller>>>,
}

/// The calls of one operator, those that wait included.
#[derive(Debug)]
struct Caller {
    calls: usize,
    places: Arc<Semaphore>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub struct ReaderPlace {
    _place: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _call: Call,
}

/// One of an operator's calls, counted until it is dropped.
#[derive(Debug)]
struct Call {
    by: OperatorName,
    callers: Arc<Mutex<HashMap<OperatorName, Caller>>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), callers: Arc::default() }
    }
}

impl Readers {
    /// Waits for a place; refuses at once whoever has too many calls already.
    pub async fn enter(&self, by: &OperatorName) -> Result<ReaderPlace, NoPlace> {
        let (call, own) = self.count(by)?;
        let entering = async {
            let own = own.acquire_owned().await.ok()?;
            Some((own, Arc::clone(&self.places).acquire_owned().await.ok()?))
        };
        let entered = timeout(PATIENCE, entering).await.ok().flatten();
        let (own, place) = entered.ok_or(NoPlace::OthersAreMany)?;
        Ok(ReaderPlace { _place: place, _own: own, _call: call })
    }

    fn count(&self, by: &OperatorName) -> Result<(Call, Arc<Semaphore>), NoPlace> {
        let mut callers = lock(&self.callers);
        let new = || Caller { calls: 0, places: Arc::new(Semaphore::new(OF_ONE)) };
        let caller = callers.entry(by.clone()).or_insert_with(new);
        if caller.calls >= WAITING {
            return Err(NoPlace::YoursAreMany);
        }
        caller.calls += 1;
        let call = Call { by: by.clone(), callers: Arc::clone(&self.callers) };
        Ok((call, Arc::clone(&caller.places)))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut callers = lock(&self.callers);
        let Some(caller) = callers.get_mut(&self.by) else { return };
        caller.calls -= 1;
        if caller.calls == 0 {
            callers.remove(&self.by);
        }
    }
}

fn lock(callers: &Mutex<HashMap<OperatorName, Caller>>) -> MutexGuard<'_, HashMap<OperatorName, Caller>> {
    callers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> OperatorName {
        text.parse().expect("a name")
    }

    #[tokio::test]
    async fn one_operator_leaves_places_to_the_others() {
        let readers = Readers::default();
        let mut held = Vec::new();
        for _ in 0..OF_ONE {
            held.push(readers.enter(&name("eve")).await.expect("there is a place"));
        }
        let waiting: Vec<_> = (OF_ONE..WAITING).map(|_| readers.count(&name("eve")).expect("it may wait")).collect();
        assert_eq!(readers.enter(&name("eve")).await.map(drop), Err(NoPlace::YoursAreMany));
        for _ in OF_ONE..AT_ONCE {
            held.push(readers.enter(&name("ada")).await.expect("there is a place for another"));
        }
        drop((held, waiting));
        assert_eq!(readers.places.available_permits(), AT_ONCE);
        assert!(lock(&readers.callers).is_empty());
        readers.enter(&name("eve")).await.expect("what is over takes no place");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_so() {
        let readers = Readers::default();
        let mut held = Vec::new();
        for one in ["ada", "bo"] {
            for _ in 0..OF_ONE {
                held.push(readers.enter(&name(one)).await.expect("there is a place"));
            }
        }
        assert_eq!(readers.enter(&name("cy")).await.map(drop), Err(NoPlace::OthersAreMany));
        drop(held);
        readers.enter(&name("cy")).await.expect("there is a place again");
    }
}
