//! Writing a file that comes in pieces: in large ones, on another thread, while the next ones come.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use tokio::task::{JoinHandle, spawn_blocking};

/// Number of bytes written in one call.
const TOGETHER: usize = 1 << 20;
/// Maximum number of pieces: small ones may each keep a whole received buffer alive.
const MOST_PIECES: usize = 64;

/// A file that is being written.
#[derive(Debug)]
pub struct Writer {
    before: JoinHandle<io::Result<Summed>>,
    waiting: Vec<Bytes>,
    bytes: u64,
}

/// The file, and the hash of its content.
#[derive(Debug)]
struct Summed {
    file: File,
    sum: Sha256,
}

impl Summed {
    fn write(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        for piece in pieces {
            self.sum.update(piece);
            self.file.write_all(piece)?;
        }
        Ok(self)
    }
}

impl Writer {
    pub fn new(file: File) -> Self {
        let before = spawn_blocking(|| Ok(Summed { file, sum: Sha256::new() }));
        Self { before, waiting: Vec::new(), bytes: 0 }
    }

    /// Adds a piece, and returns whether it is time to write.
    pub fn take(&mut self, piece: Bytes) -> bool {
        self.bytes += piece.len() as u64;
        self.waiting.push(piece);
        self.bytes >= TOGETHER as u64 || self.waiting.len() >= MOST_PIECES
    }

    /// Returns the number of bytes that wait to be written.
    pub fn waiting(&self) -> u64 {
        self.bytes
    }

    /// Writes the waiting pieces as soon as the previous write has ended.
    pub async fn write(&mut self) -> io::Result<()> {
        let summed = (&mut self.before).await??;
        self.bytes = 0;
        let pieces = std::mem::take(&mut self.waiting);
        self.before = spawn_blocking(move || summed.write(&pieces));
        Ok(())
    }

    /// Writes the rest and syncs the file. Returns its hash.
    pub async fn end(mut self) -> io::Result<String> {
        self.write().await?;
        let Summed { file, sum } = self.before.await??;
        spawn_blocking(move || file.sync_all()).await??;
        Ok(HEXLOWER.encode(&sum.finalize()))
    }
}
