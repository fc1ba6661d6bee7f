//! Messages between a caller and its worker: four bytes for the length, the lowest first, then the bytes.

use std::io;

/// The most bytes that one answer may have.
pub const ANSWER_LIMIT: usize = 64 << 20;
/// The most bytes that one request may have: a bundle, or the values of an instance.
pub const REQUEST_LIMIT: usize = 32 << 20;

/// The head of a message.
pub fn head(message: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(message.len()).map_err(|_| io::Error::other("a message is too long"))?;
    Ok(length.to_le_bytes())
}

/// Returns the length in a frame's head.
pub fn length(head: [u8; 4], limit: usize) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    Ok(length)
}
