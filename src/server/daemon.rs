//! Starting and ending as a process (COMPAT §12).

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::logging;
use crate::control::socket::Listener;
use crate::level;
use crate::system::detach::{self, Side};
use crate::system::memory;
use crate::value::{Exception, Value};

/// See [`Start::configured`].
pub type Configured = Box<dyn FnOnce(Option<&Exception>) + Send>;

/// What a server needs to know before its first command; all of it comes from fail2ban.conf or the command line.
pub struct Start {
    pub socket: PathBuf,
    pub pidfile: PathBuf,
    /// Name of the process as `ps` shows it.
    pub pname: String,
    pub loglevel: String,
    pub logtarget: String,
    pub syslogsocket: String,
    /// Number of `-v` on the command line plus one; above one it also makes log lines more detailed.
    pub verbose: i32,
    /// Replace a socket file that exists.
    pub force: bool,
    /// Stay attached to the terminal instead of becoming a daemon.
    pub foreground: bool,
    /// Called once when the stream given to [`run`] has been executed, with the error that stopped it, if any.
    pub configured: Configured,
}

/// Runs the server until it is told to stop. In background mode the calling process forks: in the parent this
/// returns at once, in the daemon at the end; either way the caller just exits.
///
/// `stream` is a list of commands to execute as soon as the socket accepts clients (foreground mode; a daemon
/// gets it through the socket). If one of them fails, the rest is skipped, and the server shuts down and
/// returns an error (COMPAT §1.2).
///
/// # Errors
/// The sentence to show to the user.
pub fn run(start: Start, stream: Option<Value>) -> Result<(), String> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if !start.foreground {
        let side = detach::detach().map_err(|error| format!("Could not create daemon: {error}"))?;
        if side == Side::Parent {
            return Ok(());
        }
        detach::ignore_hangup();
    }
    detach::set_name(&start.pname);
    // of what has read the configuration
    memory::give_back();
    open_log(&start)?;
    let log = |text: &str| logging::write_now(level::INFO, "fail2ban.server", text);
    log(&"-".repeat(50));
    log(&format!("Starting Fail2ban v{}", crate::version::reported()));
    if !start.foreground {
        log("Daemon started");
    }
    let signals = Signals::install().map_err(|error| format!("Unable to handle signals: {error}"))?;
    let pidfile = PidFile::create(&start.pidfile);
    logging::write_now(level::INFO, "fail2ban.observer", "Observer start...");
    let result = serve(start, signals, stream);
    drop(pidfile);
    logging::log().flush();
    result
}

fn open_log(start: &Start) -> Result<(), String> {
    let log = logging::log();
    log.set_verbosity(start.verbose.max(0) as u32);
    log.set_syslog_socket(&start.syslogsocket);
    log.set_level(&start.loglevel)?;
    if !log.set_target(&start.logtarget) && start.foreground {
        return Err(format!("Unable to log to {}", Value::str(&*start.logtarget)));
    }
    std::panic::set_hook(Box::new(|info| {
        logging::write_now(level::CRITICAL, "fail2ban", &format!("Unhandled exception in Fail2Ban: {info}"));
    }));
    Ok(())
}

fn serve(start: Start, signals: Signals, stream: Option<Value>) -> Result<(), String> {
    let listener = match Listener::bind(&start.socket, start.force) {
        Ok(listener) => listener,
        Err(error) => {
            let text = format!("Could not start server: {error}");
            logging::write_now(level::ERROR, "fail2ban.server", &text);
            return Err(text);
        }
    };
    let mut engine = Engine::new(listener, signals, start.configured)
        .map_err(|error| format!("Could not start server: {error}"))?;
    if let Some(stream) = stream {
        engine.configure(stream);
    }
    notify_systemd("READY=1");
    engine.run();
    Ok(())
}

/// Tells systemd about the state of the service, if it wants to know (`Type=notify`).
pub(super) fn notify_systemd(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() else { return };
    // Systemd notices by itself if this does not arrive.
    let _ = match path.to_string_lossy().strip_prefix('@') {
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            std::os::unix::net::SocketAddr::from_abstract_name(name)
                .and_then(|address| socket.send_to_addr(state.as_bytes(), &address))
        }
        None => socket.send_to(state.as_bytes(), &path),
    };
}

/// The file with the process's number; it goes with the process.
struct PidFile(Option<PathBuf>);

impl PidFile {
    fn create(path: &Path) -> PidFile {
        if let Some(directory) = path.parent().filter(|directory| directory.is_absolute()) {
            // It usually exists.
            let _ = std::fs::create_dir(directory);
        }
        match std::fs::write(path, format!("{}\n", std::process::id())) {
            Ok(()) => PidFile(Some(path.to_owned())),
            Err(error) => {
                let text = format!("Unable to create PID file: {error}");
                logging::write_now(level::ERROR, "fail2ban.server", &text);
                PidFile(None)
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(std::fs::remove_file) {
            let text = format!("Unable to remove PID file: {error}");
            logging::write_now(level::ERROR, "fail2ban.server", &text);
        }
    }
}

/// A signal that means something to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Stop,
    Flush,
}

/// Signals as bytes on pipes, for the engine's poll loop.
pub(super) struct Signals {
    stop: UnixStream,
    flush: UnixStream,
    /// Readable when either is: written by both handlers.
    any: UnixStream,
}

impl Signals {
    fn install() -> std::io::Result<Signals> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::low_level::pipe;
        let pair = || -> std::io::Result<(UnixStream, UnixStream)> {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            Ok((read, write))
        };
        let (stop, stop_write) = pair()?;
        let (flush, flush_write) = pair()?;
        let (any, any_write) = pair()?;
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, stop_write.try_clone()?)?;
            pipe::register(signal, any_write.try_clone()?)?;
        }
        pipe::register(SIGUSR1, flush_write)?;
        pipe::register(SIGUSR1, any_write)?;
        Ok(Signals { stop, flush, any })
    }

    /// The signals that came since the last call.
    pub(super) fn take(&mut self) -> Vec<Signal> {
        let mut bytes = [0; 64];
        let mut came = |stream: &mut UnixStream| matches!(stream.read(&mut bytes), Ok(1..));
        came(&mut self.any);
        let stop = came(&mut self.stop).then_some(Signal::Stop);
        let flush = came(&mut self.flush).then_some(Signal::Flush);
        [flush, stop].into_iter().flatten().collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }
}
