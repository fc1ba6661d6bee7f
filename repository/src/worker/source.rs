//! The streams of a caller, as readers: one after the other, from one channel.

use super::frame::{Frame, FrameKind};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Caller, as far as it has sent messages.
pub(super) struct Caller {
    began: Instant,
    /// Time of the last message, in milliseconds since then.
    heard: AtomicU64,
}

impl Caller {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), heard: AtomicU64::new(0) }
    }

    pub(super) fn hear(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(now, Ordering::Relaxed);
    }

    /// Returns whether nothing was received for `idle`. Data may take longer, because keep-alive frames arrive
    /// meanwhile.
    pub(super) fn is_silent(&self, idle: Duration) -> bool {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(heard) >= idle
    }
}

/// State shared by all streams of a request. Only one of them is read at a time.
pub(super) struct Incoming {
    pub(super) frames: Mutex<Receiver<Frame>>,
    pub(super) idle: Duration,
    pub(super) caller: Arc<Caller>,
    pub(super) taken: AtomicU64,
}

/// One stream: the data up to its end frame.
pub(super) struct Streamed {
    incoming: Arc<Incoming>,
    piece: Vec<u8>,
    at: usize,
    has_ended: bool,
}

impl Streamed {
    pub(super) fn new(incoming: Arc<Incoming>) -> Self {
        Self { incoming, piece: Vec::new(), at: 0, has_ended: false }
    }

    fn next(&mut self) -> io::Result<()> {
        let frames = self.incoming.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.incoming.idle;
        let frame = loop {
            match frames.recv_timeout(idle) {
                Ok(frame) => break frame,
                Err(RecvTimeoutError::Timeout) if self.incoming.caller.is_silent(idle) => {
                    let text = format!("its caller was not heard of for {} s", idle.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("it was cut off before its end")),
            }
        };
        match frame.kind {
            FrameKind::Data => {
                self.incoming.taken.fetch_add(frame.payload.len() as u64, Ordering::Relaxed);
                (self.piece, self.at) = (frame.payload, 0);
                Ok(())
            }
            FrameKind::End => {
                self.has_ended = true;
                Ok(())
            }
            FrameKind::Fail => Err(io::Error::other(String::from_utf8_lossy(&frame.payload).into_owned())),
            FrameKind::Request | FrameKind::Progress | FrameKind::Answer => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "something else came instead of data"))
            }
        }
    }
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.has_ended {
                return Ok(0);
            }
            self.next()?;
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
