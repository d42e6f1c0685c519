//! Cutting the control channel's byte stream into messages (COMPAT §9): each ends with [`END`], and a message
//! that is [`CLOSE`] asks the peer to hang up.

use memchr::memmem;

/// Ends every message, in both directions.
pub const END: &[u8] = b"<F2B_END_COMMAND>";
/// The message with which a client says goodbye.
pub const CLOSE: &[u8] = b"<F2B_CLOSE_COMMAND>";

/// The longest message that a peer may send, in bytes. The command stream of a big configuration has one or
/// two megabytes.
pub const MESSAGE_LIMIT: usize = 64 << 20;

/// A peer sent more than [`MESSAGE_LIMIT`] bytes without ending its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "message exceeds {MESSAGE_LIMIT} bytes")
    }
}

impl std::error::Error for TooLong {}

/// One message, without its end mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Message(Vec<u8>),
    Close,
}

/// Collects bytes as they arrive and gives out messages as they become complete.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// No end mark begins before this position.
    searched: usize,
}

impl Frames {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > MESSAGE_LIMIT { Err(TooLong) } else { Ok(()) }
    }

    /// The next complete message.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let Some(found) = memmem::find(&self.buffer[self.searched..], END) else {
            self.searched = self.buffer.len().saturating_sub(END.len() - 1);
            return None;
        };
        let end = self.searched + found;
        let rest = self.buffer.split_off(end + END.len());
        let mut message = std::mem::replace(&mut self.buffer, rest);
        message.truncate(end);
        self.searched = 0;
        Some(if message == CLOSE { Frame::Close } else { Frame::Message(message) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames) -> Vec<Frame> {
        std::iter::from_fn(|| frames.next_frame()).collect()
    }

    #[test]
    fn messages_split_at_every_byte_and_merged() {
        let stream = [b"one".as_slice(), END, b"<F2B_END_two", END, END, CLOSE, END, b"rest"].concat();
        let expected = [
            Frame::Message(b"one".to_vec()),
            Frame::Message(b"<F2B_END_two".to_vec()),
            Frame::Message(Vec::new()),
            Frame::Close,
        ];
        let mut merged = Frames::default();
        merged.push(&stream).unwrap();
        assert_eq!(all(&mut merged), expected);
        for size in 1..stream.len() {
            let mut split = Frames::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                split.push(piece).unwrap();
                found.extend(all(&mut split));
            }
            assert_eq!(found, expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn endless_message_is_refused() {
        let mut frames = Frames::default();
        let megabyte = vec![b'x'; 1 << 20];
        let refused = (0..=64).find(|_| frames.push(&megabyte).is_err());
        assert_eq!(refused, Some(64));
    }
}
