//! A connection to the system bus.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::forms::Argument;
use super::message::{Kind, Message, START, Target, call};

/// Where the bus is if `DBUS_SYSTEM_BUS_ADDRESS` does not say otherwise.
const ADDRESS: &str = "unix:path=/var/run/dbus/system_bus_socket";

/// The longest line of the greeting that is read.
const MAX_GREETING: usize = 512;

pub(super) const BUS: &str = "org.freedesktop.DBus";

/// A method of the bus itself.
pub(super) const fn of_bus(method: &str) -> Target<'_> {
    Target { service: BUS, path: "/org/freedesktop/DBus", interface: BUS, method }
}

/// Closed when dropped; after an error it is of no more use.
pub(super) struct Connection {
    stream: UnixStream,
    /// The number of the last call.
    serial: u32,
}

impl Connection {
    /// Connects and introduces us, which takes no longer than `limit`.
    ///
    /// # Errors
    /// When there is no bus at any of the addresses, or it does not want us.
    pub fn open(limit: Duration) -> Result<Connection> {
        let deadline = Instant::now() + limit;
        let addresses = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_else(|_| ADDRESS.to_owned());
        let mut last = Error::new(ErrorKind::Unsupported, "no address of a bus that is understood");
        for address in addresses.split(';').filter_map(socket_address) {
            match stream(&address, limit) {
                Ok(stream) => {
                    let mut connection = Connection { stream, serial: 0 };
                    connection.authenticate(deadline)?;
                    let reply = connection.ask(&of_bus("Hello"), &[], deadline)?;
                    return if reply.kind == Kind::Reply { Ok(connection) } else { Err(refused()) };
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The bus asks the kernel who we are, and believes us if that is what we say.
    fn authenticate(&mut self, deadline: Instant) -> Result<()> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.fill(&mut byte, Some(deadline))?;
            line.extend(byte);
            if line.len() > MAX_GREETING {
                return Err(no_message());
            }
        }
        if !line.starts_with(b"OK ") {
            return Err(refused());
        }
        self.stream.write_all(b"BEGIN\r\n")
    }

    /// Calls without waiting for the reply, which will have the returned number.
    ///
    /// # Errors
    /// When the bus is gone, or an argument has a NUL byte.
    pub fn send(&mut self, target: &Target<'_>, arguments: &[Argument]) -> Result<u32> {
        // 0 is no number
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        let message = call(self.serial, target, arguments);
        self.stream.write_all(&message.ok_or(ErrorKind::InvalidInput)?)?;
        Ok(self.serial)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// `TimedOut`; or the bus is gone or has sent what is no message.
    pub fn receive(&mut self, deadline: Option<Instant>) -> Result<Message> {
        let mut start = [0; START];
        self.fill(&mut start, deadline)?;
        let mut bytes = vec![0; Message::size(&start).ok_or_else(no_message)?];
        bytes[..START].copy_from_slice(&start);
        self.fill(&mut bytes[START..], deadline)?;
        Message::read(bytes).ok_or_else(no_message)
    }

    /// Calls and waits for the reply, which may be an error.
    ///
    /// # Errors
    /// Those of [`Connection::send`] and [`Connection::receive`].
    pub fn ask(&mut self, target: &Target<'_>, arguments: &[Argument], deadline: Instant) -> Result<Message> {
        let serial = self.send(target, arguments)?;
        loop {
            let message = self.receive(Some(deadline))?;
            if message.answers == Some(serial) {
                return Ok(message);
            }
        }
    }

    /// Reads until `buffer` is full.
    fn fill(&mut self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(left)?;
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn refused() -> Error {
    Error::new(ErrorKind::PermissionDenied, "the bus refuses us")
}

fn no_message() -> Error {
    Error::new(ErrorKind::InvalidData, "the bus says what is not understood")
}

/// The socket behind an address of D-Bus, such as `unix:path=/run/bus,guid=0`.
fn socket_address(address: &str) -> Option<SocketAddrUnix> {
    let mut pairs = address.strip_prefix("unix:")?.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| match key {
        "path" => SocketAddrUnix::new(unescaped(value)?).ok(),
        "abstract" => SocketAddrUnix::new_abstract_name(&unescaped(value)?).ok(),
        _ => None,
    })
}

/// Without the `%20` that stand for bytes with a meaning.
fn unescaped(value: &str) -> Option<Vec<u8>> {
    let mut parts = value.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

/// A connected socket, on which nothing that is written waits longer than `limit`; connecting to one that
/// accepts nobody does not either.
fn stream(address: &SocketAddrUnix, limit: Duration) -> Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    connect(&socket, address)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, socket) in [
            ("unix:path=/run/bus", SocketAddrUnix::new("/run/bus").ok()),
            ("unix:guid=0,path=/a%20b%2c", SocketAddrUnix::new("/a b,").ok()),
            ("unix:abstract=/tmp/x,guid=0", SocketAddrUnix::new_abstract_name(b"/tmp/x").ok()),
            ("unix:path=/%", None),
            ("unix:path=/%zz", None),
            ("unix:path", None),
            ("tcp:host=localhost,port=1", None),
            ("", None),
        ] {
            assert_eq!(socket_address(address), socket, "{address}");
        }
    }
}
