//! Places for operators' calls that start a process: a few run at the same time, and a few wait.
//!
//! Each operator has at most one waiting call in the common queue, so that slots go round; further calls of the same
//! operator wait for it. Uploads by hosts and the coordinator's own work take none of these slots.

use fleet_core::names::OperatorName;
use fleet_core::refused_call::{CallRefusal, SharedWork};
use fleet_render::WORKERS;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Maximum time to wait for a slot.
const PATIENCE: Duration = Duration::from_secs(60);

/// Limits on the calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Number of calls that run at the same time.
    pub at_once: usize,
    /// Number of running calls of one operator, so that some slots are left for others.
    pub of_one: usize,
    /// Number of running and waiting calls of one operator.
    pub waiting: usize,
    /// The work of the calls.
    pub work: SharedWork,
}

impl Bounds {
    pub const READING: Self = Self { at_once: 4, of_one: 2, waiting: 8, work: SharedWork::ReadRepositories };
    /// Limits on renderings: as many at a time as there are workers.
    pub const RENDERING: Self =
        Self { at_once: WORKERS, of_one: WORKERS / 2, waiting: 16, work: SharedWork::RenderReleases };
}

/// Reason why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPermit {
    YoursAreMany(Bounds),
    YoursAreSlow(Bounds),
    OthersAreMany(Bounds),
}

impl NoPermit {
    /// Returns the refusal of a call without a slot.
    pub fn refusal(self) -> CallRefusal {
        match self {
            Self::YoursAreMany(Bounds { work, waiting, .. }) => CallRefusal::TooManyWaiting { work, limit: waiting },
            Self::YoursAreSlow(Bounds { work, .. }) => CallRefusal::OwnCallsSlow { work, waited: PATIENCE },
            Self::OthersAreMany(Bounds { work, .. }) => CallRefusal::OthersSlow { work, waited: PATIENCE },
        }
    }
}

/// All slots of one kind.
#[derive(Debug)]
pub struct Places {
    bounds: Bounds,
    free: Arc<Semaphore>,
    callers: Arc<Mutex<HashMap<OperatorName, Caller>>>,
}

/// The calls of one operator, those that wait included.
#[derive(Debug)]
struct Caller {
    calls: usize,
    line: Arc<Line>,
}

/// Queue of one operator's own calls.
#[derive(Debug)]
struct Line {
    permits: Arc<Semaphore>,
    /// Held by the operator's one call that waits in the common queue.
    turn: tokio::sync::Mutex<()>,
}

/// A slot; it is free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
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

impl Places {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, free: Arc::new(Semaphore::new(bounds.at_once)), callers: Arc::default() }
    }

    /// Returns the number of calls that run or wait.
    pub fn calls(&self) -> usize {
        lock(&self.callers).values().map(|caller| caller.calls).sum()
    }

    /// Waits for a slot; fails at once if the operator has too many calls already.
    pub async fn enter(&self, by: &OperatorName) -> Result<Permit, NoPermit> {
        let (call, line) = self.count(by)?;
        let until = Instant::now() + PATIENCE;
        let own = timeout_at(until, Arc::clone(&line.permits).acquire_owned()).await.ok().and_then(Result::ok);
        let own = own.ok_or(NoPermit::YoursAreSlow(self.bounds))?;
        let among_others = async {
            let _turn = line.turn.lock().await;
            Arc::clone(&self.free).acquire_owned().await.ok()
        };
        let place = timeout_at(until, among_others).await.ok().flatten();
        let place = place.ok_or(NoPermit::OthersAreMany(self.bounds))?;
        Ok(Permit { _place: place, _own: own, _call: call })
    }

    fn count(&self, by: &OperatorName) -> Result<(Call, Arc<Line>), NoPermit> {
        let mut callers = lock(&self.callers);
        let permits = || Arc::new(Semaphore::new(self.bounds.of_one));
        let new = || Caller { calls: 0, line: Arc::new(Line { permits: permits(), turn: Default::default() }) };
        let caller = callers.entry(by.clone()).or_insert_with(new);
        if caller.calls >= self.bounds.waiting {
            return Err(NoPermit::YoursAreMany(self.bounds));
        }
        caller.calls += 1;
        let call = Call { by: by.clone(), callers: Arc::clone(&self.callers) };
        Ok((call, Arc::clone(&caller.line)))
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

    const OF_ONE: usize = Bounds::READING.of_one;
    const WAITING: usize = Bounds::READING.waiting;
    const AT_ONCE: usize = Bounds::READING.at_once;

    fn name(text: &str) -> OperatorName {
        text.parse().expect("a name")
    }

    #[tokio::test]
    async fn one_operator_leaves_places_to_the_others() {
        let readers = Places::new(Bounds::READING);
        let mut held = Vec::new();
        for _ in 0..OF_ONE {
            held.push(readers.enter(&name("eve")).await.expect("there is a place"));
        }
        let waiting: Vec<_> = (OF_ONE..WAITING).map(|_| readers.count(&name("eve")).expect("it may wait")).collect();
        assert_eq!(readers.enter(&name("eve")).await.map(drop), Err(NoPermit::YoursAreMany(Bounds::READING)));
        for _ in OF_ONE..AT_ONCE {
            held.push(readers.enter(&name("ada")).await.expect("there is a place for another"));
        }
        drop((held, waiting));
        assert_eq!(readers.free.available_permits(), AT_ONCE);
        assert!(lock(&readers.callers).is_empty());
        readers.enter(&name("eve")).await.expect("what is over takes no place");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_so() {
        let readers = Places::new(Bounds::READING);
        let mut held = Vec::new();
        for one in ["ada", "bo"] {
            for _ in 0..OF_ONE {
                held.push(readers.enter(&name(one)).await.expect("there is a place"));
            }
        }
        assert_eq!(readers.enter(&name("cy")).await.map(drop), Err(NoPermit::OthersAreMany(Bounds::READING)));
        drop(held);
        readers.enter(&name("cy")).await.expect("there is a place again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_its_own_calls_is_told_so() {
        for bounds in [Bounds::READING, Bounds::RENDERING] {
            let permits = Places::new(bounds);
            let mut held = Vec::new();
            for _ in 0..bounds.of_one {
                held.push(permits.enter(&name("eve")).await.expect("there is a place"));
            }
            assert_eq!(permits.enter(&name("eve")).await.map(drop), Err(NoPermit::YoursAreSlow(bounds)));
            drop(held);
            permits.enter(&name("eve")).await.expect("there is a place again");
        }
    }

    /// Returns the order in which calls got a slot; each waiting call is queued before the next one comes.
    async fn order_of(bounds: Bounds, calls: &[&'static str]) -> Vec<&'static str> {
        let permits = Arc::new(Places::new(bounds));
        let served: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let mut held = Vec::new();
        for number in 0..bounds.at_once {
            held.push(permits.enter(&name(&format!("holder-{number}"))).await.expect("there is a place"));
        }
        let mut waiting = tokio::task::JoinSet::new();
        for by in calls.iter().copied() {
            let (permits, served) = (Arc::clone(&permits), Arc::clone(&served));
            waiting.spawn(async move {
                let place = permits.enter(&name(by)).await.expect("it may wait");
                served.lock().expect("nobody panicked").push(by);
                tokio::task::yield_now().await;
                drop(place);
            });
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        // One slot is free, and all calls go through it.
        drop(held.pop());
        while waiting.join_next().await.is_some() {}
        let served = served.lock().expect("nobody panicked");
        served.clone()
    }

    #[tokio::test]
    async fn places_go_round_among_the_callers() {
        let calls = ["eve", "eve", "eve", "eve", "eve", "ada", "bo"];
        for bounds in [Bounds::RENDERING, Bounds::READING] {
            let served = order_of(bounds, &calls).await;
            let others = served.iter().rposition(|by| *by != "eve").expect("they are served");
            let before = served[..others].iter().filter(|by| **by == "eve").count();
            assert!(served.len() == calls.len() && before <= bounds.of_one + 1, "{bounds:?}: {served:?}");
        }
    }

    #[tokio::test]
    async fn fifty_slow_templates_of_one_keep_nobody_waiting_for_all_of_them() {
        let permits = Places::new(Bounds::RENDERING);
        let held = permits.enter(&name("eve")).await.expect("there is a place");
        let waiting: Vec<_> = (0..50).map_while(|_| permits.count(&name("eve")).ok()).collect();
        assert_eq!(waiting.len(), Bounds::RENDERING.waiting - 1, "the rest is refused at once");
        let others = permits.enter(&name("ada")).await.expect("one place is not eve's");
        drop((held, others));
    }
}
