//! Slots for TLS handshakes. They are limited in number, in total and for each source address, and in the processor
//! time that failed handshakes may take. A peer that has sent something waits in line for a slot.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

/// The most handshakes at a time.
const PLACES: usize = 128;
/// The most of them from one source address; a peer with a certificate that counts leaves as soon as it is known.
const PER_ADDRESS: usize = 64;
/// Time for which the slot of a failed handshake stays taken: one address gets at most 640 of those in a second.
const HOLD: Duration = Duration::from_millis(100);
/// Time after which a silent peer in a handshake loses its slot to a waiting one.
const STALL: Duration = Duration::from_millis(500);
/// The longest wait in line.
const PATIENCE: Duration = Duration::from_secs(8);

/// Handshake slots and the peers that wait for them.
#[derive(Debug)]
pub struct Handshakes {
    places: Arc<Semaphore>,
    sources: Mutex<HashMap<IpAddr, Arc<HandshakeSource>>>,
    waiting: AtomicUsize,
    line: usize,
    pressure: Notify,
}

#[derive(Debug)]
struct HandshakeSource {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Slot for one handshake.
#[derive(Debug)]
pub struct HandshakePermit {
    source: Arc<HandshakeSource>,
    _of_source: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl HandshakePermit {
    /// Gives it back a little later, for the handshake came to nothing.
    pub fn give_back_late(self) {
        tokio::spawn(async move {
            sleep(HOLD).await;
            drop(self);
        });
    }
}

/// Counts who waits in line.
struct InLine<'a>(&'a Handshakes, &'a HandshakeSource);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        self.1.waiting.fetch_sub(1, Relaxed);
    }
}

impl Handshakes {
    /// Makes the slots; at most `line` peers may wait.
    pub fn new(line: usize) -> Self {
        let (places, pressure) = (Arc::new(Semaphore::new(PLACES)), Notify::new());
        Self { places, sources: Mutex::default(), waiting: AtomicUsize::new(0), line, pressure }
    }

    /// Returns a slot, after a wait in line if all are taken; none if the line is full or too slow.
    pub async fn place(&self, address: IpAddr) -> Option<HandshakePermit> {
        let source = self.source(address);
        let at_once = Arc::clone(&source.places).try_acquire_owned();
        if let Ok(of_source) = at_once
            && let Ok(of_all) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Some(HandshakePermit { source, _of_source: of_source, _of_all: of_all });
        }
        let _in_line = self.queue(&source)?;
        let places = async {
            let of_source = Arc::clone(&source.places).acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some(HandshakePermit { source: Arc::clone(&source), _of_source: of_source, _of_all: of_all })
        };
        timeout(PATIENCE, places).await.ok().flatten()
    }

    /// Returns a position in line; one source has at most half of the line.
    fn queue<'a>(&'a self, source: &'a HandshakeSource) -> Option<InLine<'a>> {
        let in_line = InLine(self, source);
        let (of_all, of_source) = (self.waiting.fetch_add(1, Relaxed), source.waiting.fetch_add(1, Relaxed));
        if of_all >= self.line || of_source >= self.line.div_ceil(2) {
            return None;
        }
        self.pressure.notify_waiters();
        Some(in_line)
    }

    fn source(&self, address: IpAddr) -> Arc<HandshakeSource> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() > PLACES && !sources.contains_key(&address) {
            sources.retain(|_, source| Arc::strong_count(source) > 1);
        }
        let new = || {
            Arc::new(HandshakeSource { places: Arc::new(Semaphore::new(PER_ADDRESS)), waiting: AtomicUsize::new(0) })
        };
        Arc::clone(sources.entry(address).or_insert_with(new))
    }

    /// Returns when the handshake in this slot has taken long and another peer waits that could use it.
    pub async fn stalled(&self, place: &HandshakePermit) {
        sleep(STALL).await;
        loop {
            let pressure = self.pressure.notified();
            let is_wanted = || place.source.waiting.load(Relaxed) > 0 || self.places.available_permits() == 0;
            if self.waiting.load(Relaxed) > 0 && is_wanted() {
                return;
            }
            pressure.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn take(handshakes: &Handshakes, last: u8, count: usize) -> Vec<HandshakePermit> {
        (0..count).map(|_| handshakes.place(address(last)).now_or_never().flatten().expect("there is room")).collect()
    }

    #[tokio::test]
    async fn one_address_leaves_places_to_others() {
        let handshakes = Handshakes::new(100);
        let _crowd = take(&handshakes, 1, PER_ADDRESS);
        assert!(handshakes.place(address(1)).now_or_never().is_none(), "it waits");
        take(&handshakes, 2, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_to_nothing_holds_its_place_for_a_while() {
        let handshakes = Handshakes::new(100);
        take(&handshakes, 1, PER_ADDRESS).into_iter().for_each(HandshakePermit::give_back_late);
        assert!(handshakes.place(address(1)).now_or_never().is_none());
        sleep(HOLD * 2).await;
        drop(take(&handshakes, 1, PER_ADDRESS));
        take(&handshakes, 1, PER_ADDRESS);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stalls_gives_way_only_where_somebody_waits() {
        let handshakes = Arc::new(Handshakes::new(100));
        let mut places = take(&handshakes, 1, PER_ADDRESS);
        let (first, other) = (places.remove(0), take(&handshakes, 2, 1).remove(0));
        let stalled = timeout(Duration::from_secs(60), handshakes.stalled(&first)).await;
        assert!(stalled.is_err(), "nobody waits");
        let waits = tokio::spawn({
            let handshakes = Arc::clone(&handshakes);
            async move { handshakes.place(address(1)).await.is_some() }
        });
        handshakes.stalled(&first).await;
        let other_stalled = timeout(Duration::from_secs(2), handshakes.stalled(&other)).await;
        assert!(other_stalled.is_err(), "its place is of no use to who waits");
        drop((first, places));
        assert!(waits.await.expect("it ends"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_bounded_and_one_address_has_no_more_than_half_of_it() {
        let handshakes = Arc::new(Handshakes::new(8));
        let _places = take(&handshakes, 1, PER_ADDRESS);
        let waiting: Vec<_> = (0..4).map(|_| Box::pin(handshakes.place(address(1)))).collect();
        let mut waiting: Vec<_> = waiting.into_iter().map(|mut place| (place.as_mut().now_or_never(), place)).collect();
        assert!(waiting.iter().all(|(now, _)| now.is_none()));
        assert!(matches!(handshakes.place(address(1)).now_or_never(), Some(None)), "its half is full");
        waiting.clear();
        assert!(handshakes.place(address(1)).now_or_never().is_none(), "who has left is not in line");
    }
}
