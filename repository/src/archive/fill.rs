//! A reader that fills any buffer it is given, and records the size and hash of the data that it read.
//!
//! The chunker keeps its buffer at the size of the shortest read it ever got: over a pipe or a container's output that makes
//! it twenty times slower. **Invariant:** a short read means the end.

use crate::gate::Gate;
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

const BUFFER: usize = 256 * 1024;

/// Size and hash of a stream that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Through {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
}

/// Lets readers pass one after the other, although all are opened at the same time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: Mutex<usize>,
    moved: Condvar,
}

impl Turns {
    fn wait(&self, number: usize) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.moved.wait_while(next, |next| *next < number));
    }

    fn end(&self, number: usize) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(number + 1);
        self.moved.notify_all();
    }
}

pub(super) struct Filled<R> {
    inner: R,
    name: String,
    buffer: Vec<u8>,
    at: usize,
    has_ended: bool,
    bytes: u64,
    hash: Sha256,
    gate: Arc<Gate>,
    turn: (Arc<Turns>, usize),
    result: Arc<Mutex<Option<Through>>>,
}

impl<R: Read> Filled<R> {
    pub(super) fn new(
        inner: R,
        name: String,
        gate: Arc<Gate>,
        turn: (Arc<Turns>, usize),
        result: Arc<Mutex<Option<Through>>>,
    ) -> Self {
        let (buffer, hash) = (Vec::with_capacity(BUFFER), Sha256::new());
        Self { inner, name, buffer, at: 0, has_ended: false, bytes: 0, hash, gate, turn, result }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.bytes == 0 {
            self.turn.0.wait(self.turn.1);
        }
        // Streams come one after the other, so nothing more comes after a failed one; waiting for it would never end.
        if let Some((source, reason)) = self.gate.reason() {
            return Err(io::Error::other(format!("`{source}` has failed: {reason}")));
        }
        self.buffer.resize(BUFFER, 0);
        let (mut filled, mut failed) = (0, None);
        while filled < BUFFER {
            match self.inner.read(&mut self.buffer[filled..]) {
                Ok(0) => {
                    self.has_ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failed {
            self.gate.shut(&self.name, &error.to_string());
            self.buffer.clear();
            return Err(error);
        }
        self.buffer.truncate(filled);
        self.at = 0;
        self.hash.update(&self.buffer);
        self.bytes += filled as u64;
        if self.has_ended {
            let through = Through { bytes: self.bytes, sha256: self.hash.clone().finalize().into() };
            *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(through);
        }
        Ok(())
    }
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while given < out.len() {
            if self.at == self.buffer.len() {
                if self.has_ended {
                    break;
                }
                self.refill()?;
                continue;
            }
            let count = (out.len() - given).min(self.buffer.len() - self.at);
            out[given..given + count].copy_from_slice(&self.buffer[self.at..self.at + count]);
            self.at += count;
            given += count;
        }
        Ok(given)
    }
}

impl<R> Drop for Filled<R> {
    fn drop(&mut self) {
        if !self.has_ended {
            // rustic_core has given up on it for another reason.
            self.gate.shut(&self.name, "it was not read to its end");
        }
        self.turn.0.end(self.turn.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one to three bytes at a time.
    struct Drips<'a>(&'a [u8]);

    impl Read for Drips<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = (self.0.len() % 3 + 1).min(self.0.len()).min(out.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_short_read_means_the_end() {
        let content: Vec<u8> = (0..300_001_u32).map(|n| (n % 251) as u8).collect();
        let (gate, result) = (Arc::new(Gate::default()), Arc::new(Mutex::new(None)));
        let turn = (Arc::new(Turns::default()), 0);
        let mut filled = Filled::new(Drips(&content), "a".to_owned(), gate.clone(), turn, result.clone());
        let (mut back, mut buffer) = (Vec::new(), [0; 4095]);
        loop {
            let count = filled.read(&mut buffer).expect("read");
            back.extend_from_slice(&buffer[..count]);
            if count < buffer.len() {
                break;
            }
        }
        assert!(back == content);
        drop(filled);
        assert_eq!(gate.reason(), None);
        let through = result.lock().expect("not poisoned").expect("an end");
        assert_eq!(through, Through { bytes: 300_001, sha256: Sha256::digest(&content).into() });
    }
}
