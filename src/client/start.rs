//! Starting the server: in the background as a process of its own that gets its configuration through the socket,
//! in the foreground in this process (COMPAT §1.2, §1.3).

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::console;
use super::session::Session;
use crate::server;
use crate::value::{Exception, Value};

const SERVER: &str = "fail2ban-server";

impl Session {
    /// `fail2ban-client start`.
    pub fn start(&mut self) -> Result<bool, String> {
        let Some(stream) = self.prepare() else { return Ok(false) };
        if self.settings.background { Ok(self.start_background(stream)) } else { self.run_foreground(stream) }
    }

    /// `fail2ban-server`, with or without `start`.
    pub fn serve(&mut self) -> Result<bool, String> {
        if self.settings.is_async {
            return server::run(self.server_start(Box::new(|_| ())), None).map(|()| true);
        }
        let stream = self.prepare().ok_or("Async configuration of server failed")?;
        if self.settings.background { Ok(self.start_background(stream)) } else { self.run_foreground(stream) }
    }

    /// Makes sure that a server can be started, and reads its configuration. Says why if not.
    fn prepare(&mut self) -> Option<Value> {
        if self.ping(Some(Duration::from_millis(100))) {
            self.console.error("Server already running");
            return None;
        }
        let reading = self.read_config(None);
        let stream = reading.stream.filter(|_| reading.valid)?;
        if !self.settings.force && Path::new(self.settings.socket()).exists() {
            let text = "Fail2ban seems to be in unexpected state (not running but the socket exists)";
            self.console.error(text);
            return None;
        }
        Some(Value::List(stream.commands))
    }

    fn start_background(&mut self, stream: Value) -> bool {
        let mut child = match self.server_command().spawn() {
            Ok(child) => child,
            Err(error) => {
                console::print("");
                self.console.error("Exception while starting server background");
                self.console.error(&error.to_string());
                return false;
            }
        };
        if let Err(text) = self.wait_for_server(true, || has_failed(&mut child)) {
            if self.settings.verbose > 1 {
                self.console.error(&text);
            }
            self.console.error(&format!(
                "Could not start server. Maybe an old socket file is still present. Try to remove {}. \
                 If you used fail2ban-client to start the server, adding the -x option will do it",
                self.settings.socket()
            ));
            return false;
        }
        let commands = [Value::List(vec!["server-stream".into(), stream]), Value::strings(["server-status"])];
        self.exchange(&commands, false, None)
    }

    /// The command that starts a server which waits for its configuration: this program under its other name.
    fn server_command(&self) -> Command {
        let program = std::env::current_exe().unwrap_or(SERVER.into());
        let mut command = Command::new(program);
        let settings = &self.settings;
        command.arg0(SERVER).args(["--async", "-b"]);
        let mut option = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        };
        option("-s", &settings.socket);
        option("-p", &settings.pidfile);
        option("--pname", &settings.pname);
        option("--loglevel", &settings.loglevel);
        option("--logtarget", &settings.logtarget);
        option("--syslogsocket", &settings.syslogsocket);
        if settings.force {
            command.arg("-x");
        }
        if let Ok(more @ 1..) = usize::try_from(settings.verbose - 1) {
            command.arg(format!("-{}", "v".repeat(more)));
        }
        command
    }

    fn run_foreground(&mut self, stream: Value) -> Result<bool, String> {
        // From here on signals are the server's.
        if let Some(signals) = self.signals.take() {
            signals.close();
        }
        let failed = Arc::new(AtomicBool::new(false));
        let (console, outcome) = (self.console.clone(), Arc::clone(&failed));
        let configured = move |error: Option<&Exception>| {
            if let Some(exception) = error {
                console.error(&format!("NOK: {}", Value::Tuple(exception.args().to_vec())));
                outcome.store(true, Ordering::Relaxed);
            }
            console::print("Server ready");
        };
        let ended = server::run(self.server_start(Box::new(configured)), Some(stream));
        if failed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        ended.map(|()| true)
    }

    fn server_start(&self, configured: server::Configured) -> server::Start {
        let settings = self.settings.clone();
        server::Start {
            socket: settings.socket.unwrap_or_default().into(),
            pidfile: settings.pidfile.unwrap_or_default().into(),
            pname: settings.pname.unwrap_or(SERVER.into()),
            loglevel: settings.loglevel.unwrap_or_default(),
            logtarget: settings.logtarget.unwrap_or_default(),
            syslogsocket: settings.syslogsocket.unwrap_or_default(),
            verbose: settings.verbose,
            force: settings.force,
            foreground: !settings.background,
            configured,
        }
    }
}

/// Whether the starting process has ended with a failure. (It ends with success once the daemon lives.)
fn has_failed(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(Some(status)) if !status.success())
}
