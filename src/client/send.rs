//! One connection to the server: requests and their replies.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::control::frame::{CLOSE, END, Frame, Frames};
use crate::control::pickle;
use crate::value::Value;

/// Why there is no reply.
#[derive(Debug)]
pub enum Error {
    /// The socket failed.
    Socket(SocketError),
    /// The server sent what is not a reply.
    Reply(pickle::Error),
}

/// A failure of the socket; Display is Python's text of it.
#[derive(Debug)]
pub struct SocketError(io::Error);

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => f.write_str("timed out"),
            _ => match self.0.raw_os_error() {
                Some(number) => write!(f, "[Errno {number}] {}", error_text(number)),
                None => self.0.fmt(f),
            },
        }
    }
}

/// The system's text for an error number.
fn error_text(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text).to_owned()
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Socket(SocketError(error))
    }
}

/// A connection; dropping it says goodbye to the server.
pub struct Client {
    stream: UnixStream,
    frames: Frames,
}

impl Client {
    /// Connects to the socket at `path`. With a `timeout` no single step of a request may take longer.
    pub fn connect(path: &str, timeout: Option<Duration>) -> Result<Client, Error> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(timeout)?;
        stream.set_write_timeout(timeout)?;
        Ok(Client { stream, frames: Frames::default() })
    }

    /// Sends a command and waits for the reply.
    pub fn request(&mut self, command: &Value) -> Result<Value, Error> {
        let mut message = pickle::dumps(command);
        message.extend_from_slice(END);
        self.stream.write_all(&message)?;
        let mut chunk = [0; 32 * 1024];
        loop {
            if let Some(Frame::Message(reply)) = self.frames.next_frame() {
                return pickle::loads_reply(&reply).map_err(Error::Reply);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::from_raw_os_error(libc::ECONNRESET).into()),
                Ok(length) => self.frames.push(&chunk[..length]).map_err(io::Error::other)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The server may have gone already.
        let _ = self.stream.write_all(&[CLOSE, END].concat());
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}
