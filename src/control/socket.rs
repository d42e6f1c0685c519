//! The server's end of the control channel (COMPAT §9, §12): a listening Unix socket and its connections, all
//! non-blocking, to be driven by whoever owns the poll loop.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::frame::{END, Frame, Frames};
use super::pickle;
use crate::system::inherit;
use crate::value::Value;

/// Replies that a client does not fetch are kept up to this many bytes; then it is disconnected.
const UNSENT_LIMIT: usize = 256 << 20;
/// Nothing more is read from a client that leaves so many bytes of replies lying.
const UNSENT_PAUSE: usize = 8 << 20;
/// At most this much is read from one connection before the others get their turn.
const READ_TURN: usize = 1 << 20;
/// Nothing more is read from a client that has so many requests unanswered.
const PENDING_LIMIT: usize = 64;

/// Why the server cannot listen.
#[derive(Debug)]
pub enum Error {
    /// The socket file exists and `force` was not given.
    Occupied,
    /// The directory of the socket cannot be made.
    Directory(PathBuf, io::Error),
    Bind(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Occupied => f.write_str("Server already running"),
            Error::Directory(path, e) => write!(f, "Unable to create directory {}: {e}", path.display()),
            Error::Bind(path, e) => write!(f, "Unable to bind socket {}: {e}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// The listening socket. Dropping it removes the socket file, unless it was inherited from systemd.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    /// The file to remove at the end; `None` when we were given the socket.
    path: Option<PathBuf>,
}

impl Listener {
    /// Takes over the socket that systemd hands to this process, if it does (`LISTEN_PID`, `LISTEN_FDS`,
    /// `LISTEN_FDNAMES`); otherwise creates `path` with mode 0700 and, where missing, its directory (one level).
    /// An existing file is replaced only with `force`.
    pub fn bind(path: &Path, force: bool) -> Result<Listener, Error> {
        if let Some(inherited) = inherit::listening_socket("fail2ban") {
            let socket = UnixListener::from(inherited);
            socket.set_nonblocking(true).map_err(|e| Error::Bind(path.to_owned(), e))?;
            return Ok(Listener { socket, path: None });
        }
        make_directory(path)?;
        if path.exists() {
            if !force {
                return Err(Error::Occupied);
            }
            let removed = std::fs::remove_file(path);
            removed.map_err(|e| Error::Bind(path.to_owned(), e))?;
        }
        let socket = bind_private(path).map_err(|e| Error::Bind(path.to_owned(), e))?;
        Ok(Listener { socket, path: Some(path.to_owned()) })
    }

    /// Whether the socket was handed over by systemd.
    pub fn is_inherited(&self) -> bool {
        self.path.is_none()
    }

    /// For polling: readable when [`Self::accept`] has something.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next waiting client, if any.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        match self.socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                Ok(Some(Connection::new(stream)))
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Creates the last level of the directory that holds `path`.
fn make_directory(path: &Path) -> Result<(), Error> {
    let Some(directory) = path.parent().filter(|directory| directory.is_absolute()) else { return Ok(()) };
    match std::fs::create_dir(directory) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(Error::Directory(directory.to_owned(), e)),
        _ => Ok(()),
    }
}

/// Binds with only the owner allowed in, from the first moment on.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let socket = UnixListener::bind(path);
    rustix::process::umask(before);
    let socket = socket?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// One request, or why it could not be read.
pub type Request = Result<Value, pickle::Error>;

/// The client is gone, or to be disconnected.
#[derive(Debug, PartialEq, Eq)]
pub enum Closed {
    /// It said goodbye or hung up.
    ByPeer,
    /// It sent too much, or does not fetch its replies.
    Overflow,
    Failed(io::ErrorKind),
}

/// One client.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    frames: Frames,
    unsent: Vec<u8>,
    sent: usize,
    /// Requests that were read and not answered yet.
    pending: usize,
    /// The client said goodbye: to be closed when all replies are sent.
    closing: bool,
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        Connection {
            stream,
            frames: Frames::default(),
            unsent: Vec::new(),
            sent: 0,
            pending: 0,
            closing: false,
        }
    }

    /// For polling: readable when [`Self::wants_read`], writable when [`Self::wants_write`]; not at all otherwise,
    /// because a peer that hung up would be reported again and again.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Reads what has arrived and returns the complete requests in their order. `Err` when the connection is
    /// over and nothing more is to be answered.
    pub fn read_ready(&mut self) -> Result<Vec<Request>, Closed> {
        if self.is_finished() {
            return Err(Closed::ByPeer);
        }
        if !self.wants_read() {
            return Ok(Vec::new());
        }
        let ended = self.fill()?;
        let mut requests = Vec::new();
        while let Some(frame) = self.frames.next_frame() {
            match frame {
                Frame::Close => {
                    self.closing = true;
                    break;
                }
                Frame::Message(pickle) => requests.push(pickle::loads_request(&pickle)),
            }
        }
        self.closing |= ended;
        self.pending += requests.len();
        if self.is_finished() { Err(Closed::ByPeer) } else { Ok(requests) }
    }

    /// Reads into the frame buffer; true at the end of the stream.
    fn fill(&mut self) -> Result<bool, Closed> {
        let mut chunk = [0; 64 * 1024];
        let mut turn = 0;
        while turn < READ_TURN {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(true),
                Ok(length) => {
                    self.frames.push(&chunk[..length]).map_err(|_| Closed::Overflow)?;
                    turn += length;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Closed::Failed(e.kind())),
            }
        }
        Ok(false)
    }

    /// Queues the reply to a request and sends as much as the socket takes; the rest goes out in [`Self::write_ready`].
    pub fn send(&mut self, reply: &Value) -> Result<(), Closed> {
        self.pending = self.pending.saturating_sub(1);
        self.unsent.extend(pickle::dumps(reply));
        self.unsent.extend_from_slice(END);
        if self.unsent.len() - self.sent > UNSENT_LIMIT {
            return Err(Closed::Overflow);
        }
        self.write_ready()
    }

    /// Answers an unreadable request, as the original does: with the plain text `ERROR: reason`.
    pub fn send_unreadable(&mut self, reason: &pickle::Error) -> Result<(), Closed> {
        self.send(&Value::str(format!("ERROR: {reason}")))
    }

    /// Sends queued replies. `Err` when the connection is over.
    pub fn write_ready(&mut self) -> Result<(), Closed> {
        while self.wants_write() {
            match self.stream.write(&self.unsent[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Closed::Failed(e.kind())),
            }
        }
        self.unsent.clear();
        self.sent = 0;
        Ok(())
    }

    /// Whether requests are to be read.
    pub fn wants_read(&self) -> bool {
        let unsent = self.unsent.len() - self.sent;
        !self.closing && self.pending < PENDING_LIMIT && unsent < UNSENT_PAUSE
    }

    /// Whether replies wait for the socket to become writable.
    pub fn wants_write(&self) -> bool {
        self.sent < self.unsent.len()
    }

    /// Whether the client has said goodbye and has got everything: drop the connection.
    pub fn is_finished(&self) -> bool {
        self.closing && self.pending == 0 && !self.wants_write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::frame::CLOSE;
    use std::os::unix::fs::PermissionsExt;

    /// A folder of the test's own, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("ferroban-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("the temporary folder is writable");
            Folder(path)
        }

        fn socket(&self) -> PathBuf {
            self.0.join("run/test.sock")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A connected pair: the client's end and ours.
    fn pair(listener: &Listener, path: &Path) -> (UnixStream, Connection) {
        let client = UnixStream::connect(path).unwrap();
        (client, listener.accept().unwrap().expect("a client waits"))
    }

    fn message(words: &[&str]) -> Vec<u8> {
        [pickle::dumps(&Value::strings(words.iter().copied())), END.to_vec()].concat()
    }

    #[test]
    fn socket_file_is_private_and_removed() {
        let folder = Folder::new("private");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        assert!(listener.accept().unwrap().is_none());
        assert!(matches!(Listener::bind(&path, false), Err(Error::Occupied)));
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn force_replaces_a_stale_file() {
        let folder = Folder::new("force");
        let path = folder.socket();
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "not even a socket").unwrap();
        assert_eq!(Listener::bind(&path, false).unwrap_err().to_string(), "Server already running");
        Listener::bind(&path, true).unwrap();
    }

    #[test]
    fn only_one_level_of_directories_is_made() {
        let folder = Folder::new("levels");
        let result = Listener::bind(&folder.0.join("a/b/test.sock"), false);
        assert!(matches!(result, Err(Error::Directory(..))));
    }

    #[test]
    fn requests_arrive_split_and_merged() {
        let folder = Folder::new("requests");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        let (mut client, mut connection) = pair(&listener, &path);
        let bytes = [message(&["ping"]), message(&["status", "a"]), b"?".to_vec(), END.to_vec()].concat();
        client.write_all(&bytes[..20]).unwrap();
        assert_eq!(connection.read_ready(), Ok(vec![]));
        client.write_all(&bytes[20..]).unwrap();
        let requests = connection.read_ready().unwrap();
        assert_eq!(requests[..2], [Ok(Value::strings(["ping"])), Ok(Value::strings(["status", "a"]))]);
        let reason = requests[2].clone().expect_err("not a pickle");
        connection.send(&"pong".into()).unwrap();
        connection.send_unreadable(&reason).unwrap();
        client.write_all(&[CLOSE, END].concat()).unwrap();
        assert_eq!(connection.read_ready(), Ok(vec![]));
        connection.send(&"late".into()).unwrap();
        assert!(connection.is_finished());
        assert_eq!(connection.read_ready(), Err(Closed::ByPeer));
        drop(connection);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        let error = Value::str("ERROR: invalid load key, '?'.");
        let replies = ["pong".into(), error, "late".into()];
        let expected = replies.map(|reply| [pickle::dumps(&reply), END.to_vec()].concat());
        assert_eq!(received, expected.concat());
    }

    #[test]
    fn big_replies_wait_for_a_slow_client() {
        let folder = Folder::new("slow");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        let (mut client, mut connection) = pair(&listener, &path);
        let reply = Value::str("x".repeat(4 << 20));
        connection.send(&reply).unwrap();
        assert!(connection.wants_write());
        let reader = std::thread::spawn(move || {
            let mut received = Vec::new();
            client.read_to_end(&mut received).unwrap();
            received
        });
        while connection.wants_write() {
            connection.write_ready().unwrap();
            std::thread::yield_now();
        }
        drop(connection);
        assert_eq!(reader.join().unwrap(), [pickle::dumps(&reply), END.to_vec()].concat());
    }

    #[test]
    fn a_client_that_vanishes_is_noticed() {
        let folder = Folder::new("vanish");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        let (mut client, mut connection) = pair(&listener, &path);
        client.write_all(&message(&["ping"])).unwrap();
        drop(client);
        // What it asked before is still answered, as far as anybody can.
        assert_eq!(connection.read_ready().map(|requests| requests.len()), Ok(1));
        assert!(!connection.is_finished() && !connection.wants_read());
        assert!(connection.send(&"pong".into()).is_err());
    }

    #[test]
    fn a_client_that_only_asks_is_made_to_wait() {
        let folder = Folder::new("flood");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        let (mut client, mut connection) = pair(&listener, &path);
        client.write_all(&message(&["ping"]).repeat(PENDING_LIMIT)).unwrap();
        assert_eq!(connection.read_ready().map(|requests| requests.len()), Ok(PENDING_LIMIT));
        client.write_all(&message(&["ping"])).unwrap();
        assert!(!connection.wants_read());
        assert_eq!(connection.read_ready(), Ok(vec![]));
        connection.send(&"pong".into()).unwrap();
        assert_eq!(connection.read_ready().map(|requests| requests.len()), Ok(1));
    }

    #[test]
    fn a_client_that_never_reads_is_made_to_wait() {
        let folder = Folder::new("deaf");
        let path = folder.socket();
        let listener = Listener::bind(&path, false).unwrap();
        let (mut client, mut connection) = pair(&listener, &path);
        let reply = Value::str("x".repeat(1 << 20));
        let mut answered = 0;
        while connection.wants_read() {
            client.write_all(&message(&["ping"])).unwrap();
            assert_eq!(connection.read_ready().map(|requests| requests.len()), Ok(1));
            connection.send(&reply).unwrap();
            answered += 1;
        }
        assert!((8..20).contains(&answered), "{answered}");
        let reader = std::thread::spawn(move || std::io::copy(&mut client, &mut std::io::sink()).unwrap());
        while connection.wants_write() {
            connection.write_ready().unwrap();
            std::thread::yield_now();
        }
        assert!(connection.wants_read());
        drop(connection);
        assert!(reader.join().unwrap() > 8 << 20);
    }
}
