//! Connections that have not sent a byte yet. Each holds a file descriptor and anybody can open them, so each has two
//! seconds, and their number is limited in total and for each source address. At the limit, the oldest silent one is
//! closed.
//!
//! **Invariant:** a peer that has sent something is never closed here, even if this process has not read it yet.

use socket2::SockRef;
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A client sends its ClientHello at once.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// The most silent connections of one source address. Fifty hosts behind one address are silent for milliseconds.
pub const PER_ADDRESS: usize = 64;

/// The silent connections, oldest first.
#[derive(Debug)]
pub struct Silent {
    most: usize,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    next: u64,
    all: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    source: IpAddr,
    stream: Weak<TcpStream>,
    give_way: CancellationToken,
}

impl Waiting {
    /// Returns whether the peer has sent nothing, according to the system.
    fn is_silent(&self) -> bool {
        let Some(stream) = self.stream.upgrade() else { return false };
        let peeked = SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// Returns the source of an address: an IPv4 address, or an IPv6 network of 64 bits, because one machine usually has a
/// whole one.
pub fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

impl Silent {
    pub fn new(most: usize) -> Self {
        Self { most, here: Mutex::default() }
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the peer sends something; none if it does not in time, or has to give way.
    pub async fn first_byte(&self, stream: TcpStream, source: IpAddr) -> Option<TcpStream> {
        let stream = Arc::new(stream);
        let seat = self.enter(source, &stream);
        let mut byte = [0];
        let has_spoken = tokio::select! {
            () = seat.give_way.cancelled() => false,
            // `readable` is true for a new socket before the first check.
            peeked = timeout(FIRST_BYTE, stream.peek(&mut byte)) => matches!(peeked, Ok(Ok(1))),
        };
        drop(seat);
        // Other users of the stream used it only under the lock that this slot has just taken.
        Arc::try_unwrap(stream).ok().filter(|_| has_spoken)
    }

    /// Ends the oldest silent connection, for its file descriptor.
    pub fn let_one_go(&self) {
        self.here().give_way(|_| true);
    }

    fn enter(&self, source: IpAddr, stream: &Arc<TcpStream>) -> SilentPeer<'_> {
        let mut here = self.here();
        while here.count(source) >= PER_ADDRESS && here.give_way(|waiting| waiting.source == source) {}
        while here.all.len() >= self.most && here.give_way(|_| true) {}
        let (number, give_way) = (here.next, CancellationToken::new());
        here.next += 1;
        let (stream, token) = (Arc::downgrade(stream), give_way.clone());
        here.all.insert(number, Waiting { source, stream, give_way: token });
        SilentPeer { number, give_way, of: self }
    }
}

impl Here {
    fn count(&self, source: IpAddr) -> usize {
        self.all.values().filter(|waiting| waiting.source == source).count()
    }

    /// Closes the oldest silent connection among those that match. A connection that has sent something needs no slot
    /// here any more.
    fn give_way(&mut self, is_asked: impl Fn(&Waiting) -> bool) -> bool {
        let before = self.all.len();
        while let Some(oldest) = self.all.iter().find(|(_, waiting)| is_asked(waiting)).map(|(number, _)| *number) {
            let waiting = self.all.remove(&oldest);
            if let Some(waiting) = waiting.filter(Waiting::is_silent) {
                waiting.give_way.cancel();
                break;
            }
        }
        self.all.len() < before
    }
}

struct SilentPeer<'a> {
    number: u64,
    give_way: CancellationToken,
    of: &'a Silent,
}

impl Drop for SilentPeer<'_> {
    fn drop(&mut self) {
        self.of.here().all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    struct Harness {
        silent: Arc<Silent>,
        listener: TcpListener,
    }

    type Ending = tokio::task::JoinHandle<Option<TcpStream>>;

    impl Harness {
        async fn new(most: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            Self { silent: Arc::new(Silent::new(most)), listener }
        }

        /// A connection that is accepted as from a source, with its other end.
        async fn connect(&self, source: [u8; 4]) -> (TcpStream, Ending) {
            let address = self.listener.local_addr().expect("it is bound");
            let (client, accepted) = tokio::join!(TcpStream::connect(address), self.listener.accept());
            let (accepted, _) = accepted.expect("it is accepted");
            let silent = Arc::clone(&self.silent);
            let before = silent.here().next;
            let ending = tokio::spawn(async move { silent.first_byte(accepted, IpAddr::from(source)).await });
            while self.silent.here().next == before {
                tokio::task::yield_now().await;
            }
            (client.expect("the port is open"), ending)
        }
    }

    #[tokio::test]
    async fn at_the_limit_of_its_address_the_oldest_silent_one_gives_way_and_who_has_spoken_stays() {
        let harness = Harness::new(1000).await;
        let (mut first, first_ending) = harness.connect([10, 0, 0, 1]).await;
        first.write_all(b"x").await.expect("it is open");
        let mut crowd = Vec::new();
        for _ in 0..PER_ADDRESS + 5 {
            crowd.push(harness.connect([10, 0, 0, 1]).await);
        }
        assert!(first_ending.await.expect("it ends").is_some(), "it has spoken");
        let ended = crowd.iter().take(5).filter(|(_, ending)| !ending.is_finished()).count();
        assert!(ended <= 5 && harness.silent.here().all.len() <= PER_ADDRESS);
        for (_, ending) in crowd.drain(..4) {
            assert!(ending.await.expect("it ends").is_none(), "the oldest give way");
        }
        assert!(crowd.iter().skip(1).all(|(_, ending)| !ending.is_finished()), "the newest stay");
    }

    #[tokio::test]
    async fn a_crowd_from_one_address_takes_no_place_of_another_address() {
        let harness = Harness::new(1000).await;
        let (mut honest, ending) = harness.connect([10, 0, 0, 2]).await;
        let mut crowd = Vec::new();
        for _ in 0..PER_ADDRESS * 2 {
            crowd.push(harness.connect([10, 0, 0, 1]).await);
        }
        assert!(!ending.is_finished());
        honest.write_all(b"x").await.expect("it is open");
        assert!(ending.await.expect("it ends").is_some());
    }

    #[tokio::test]
    async fn all_silent_ones_together_are_bounded() {
        let harness = Harness::new(20).await;
        let mut crowd = Vec::new();
        for number in 0..40 {
            crowd.push(harness.connect([10, 0, 0, number]).await);
        }
        assert_eq!(harness.silent.here().all.len(), 20);
        for (_, ending) in crowd.drain(..20) {
            assert!(ending.await.expect("it ends").is_none());
        }
    }

    #[test]
    fn one_machine_with_many_addresses_of_ipv6_is_one_source() {
        let source = |text: &str| source_of(text.parse().expect("it is an address"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
    }
}
