//! Frames between a caller and its worker: one byte for the kind, four for the length, then that many bytes.

use std::io::{self, Read, Write};

/// Maximum size of a frame. A longer message takes several, all but the last marked.
pub(super) const MAX_FRAME: usize = 1 << 20;
/// No request and no answer is longer.
pub(super) const MAX_MESSAGE: usize = 512 << 20;
const GOES_ON: u8 = 0x80;
pub(super) const HEAD: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Request = 1,
    /// Bytes of a stream.
    Data = 2,
    /// A stream has ended well.
    End = 3,
    /// A stream, or the whole request, has failed.
    Fail = 4,
    Progress = 5,
    Answer = 6,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) payload: Vec<u8>,
}

/// Joins frames that belong together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    before: Vec<u8>,
}

impl Assembly {
    /// Parses the head of a frame into its kind, whether more frames follow for the same message, and its length.
    pub(super) fn head(head: [u8; HEAD]) -> io::Result<(FrameKind, bool, usize)> {
        let kind = match head[0] & !GOES_ON {
            1 => FrameKind::Request,
            2 => FrameKind::Data,
            3 => FrameKind::End,
            4 => FrameKind::Fail,
            5 => FrameKind::Progress,
            6 => FrameKind::Answer,
            _ => return Err(wrong("an unknown frame")),
        };
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(wrong("a frame that is too long"));
        }
        Ok((kind, head[0] & GOES_ON != 0, length))
    }

    /// Takes a frame; gives it back when it is whole.
    pub(super) fn take(&mut self, kind: FrameKind, goes_on: bool, payload: Vec<u8>) -> io::Result<Option<Frame>> {
        if self.before.is_empty() && !goes_on {
            return Ok(Some(Frame { kind, payload }));
        }
        if self.before.len() + payload.len() > MAX_MESSAGE {
            return Err(wrong("a message that is too long"));
        }
        self.before.extend(payload);
        Ok((!goes_on).then(|| Frame { kind, payload: std::mem::take(&mut self.before) }))
    }
}

/// Cuts a message into frames, each with its head.
pub(super) fn cut(kind: FrameKind, payload: &[u8]) -> impl Iterator<Item = ([u8; HEAD], &[u8])> {
    let count = payload.len().div_ceil(MAX_FRAME).max(1);
    (0..count).map(move |number| {
        let from = number * MAX_FRAME;
        let piece = &payload[from..payload.len().min(from + MAX_FRAME)];
        let mark = if number + 1 == count { 0 } else { GOES_ON };
        let length = (piece.len() as u32).to_le_bytes();
        ([kind as u8 | mark, length[0], length[1], length[2], length[3]], piece)
    })
}

/// The next whole frame; nothing where the other side has ended.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut assembly = Assembly::default();
    loop {
        let mut head = [0; HEAD];
        match from.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (kind, goes_on, length) = Assembly::head(head)?;
        let mut payload = vec![0; length];
        from.read_exact(&mut payload)?;
        if let Some(frame) = assembly.take(kind, goes_on, payload)? {
            return Ok(Some(frame));
        }
    }
}

pub(super) fn write(to: &mut impl Write, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
    for (head, piece) in cut(kind, payload) {
        to.write_all(&head)?;
        to.write_all(piece)?;
    }
    to.flush()
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} came"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, MAX_FRAME - 1, MAX_FRAME, MAX_FRAME + 1, 3 * MAX_FRAME] {
            let mut pipe = Vec::new();
            write(&mut pipe, FrameKind::Answer, &vec![7; length]).expect("written");
            let frame = read(&mut pipe.as_slice()).expect("read").expect("a frame");
            assert_eq!((frame.kind, frame.payload.len()), (FrameKind::Answer, length));
        }
    }

    #[test]
    fn a_frame_nobody_would_send_is_refused() {
        for wrong in [[9, 0, 0, 0, 0], [2, 0, 0, 0, 1], [0, 0, 0, 0, 0]] {
            assert!(read(&mut &wrong[..]).is_err(), "{wrong:?}");
        }
        assert_eq!(read(&mut &[2, 1, 0][..]).expect("an end"), None);
    }
}
