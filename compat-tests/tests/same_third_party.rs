//! What monitors, exporters, dashboards and log readers see is the same, whichever server runs: the programs
//! themselves where Debian or PyPI has them, otherwise the bytes and words they send (same_third_party/replay.py).
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use compat_tests::{Output, Sandbox, Server, Side, Version, clients, flood, normalise, wait};

/// A server with a past: bans by failures and by hand, an unban, an ignored host, a restart.
struct Stage<'s> {
    side: Side,
    sandbox: &'s Sandbox,
    server: Server<'s>,
}

fn jail(sandbox: &Sandbox, name: &str) -> String {
    let log = sandbox.file(&format!("{name}.log"), "");
    format!(
        "[{name}]\nenabled  = true\nbackend = polling\nfilter =\nfailregex = refused <HOST>$\nlogpath = {}\nmaxretry = 2\n\
         bantime = 1h\nignoreip = 198.51.100.1\naction = act\n",
        log.display()
    )
}

fn refused(host: &str, times: usize) -> String {
    format!("{} app: refused {host}\n", flood::now("%Y-%m-%d %H:%M:%S")).repeat(times)
}

impl Stage<'_> {
    fn new<'s>(side: Side, sandbox: &'s Sandbox) -> Stage<'s> {
        sandbox.config("action.d/act.conf", "[Definition]\nactionban = true\nactionunban = true\n");
        sandbox.config("jail.local", &format!("{}{}", jail(sandbox, "sshd"), jail(sandbox, "web-app")));
        let server = Server::start(side, sandbox);
        sandbox.append("sshd.log", &refused("198.51.100.1", 1));
        server.wait_log("[sshd] Ignore 198.51.100.1");
        sandbox.append("sshd.log", &refused("192.0.2.1", 2));
        server.wait_log("[sshd] Ban 192.0.2.1");
        for (jail, host) in [("web-app", "2001:db8::1"), ("web-app", "192.0.2.9"), ("sshd", "192.0.2.9")] {
            server.client(&["set", jail, "banip", host]).success();
            server.wait_log(&format!("[{jail}] Ban {host}"));
        }
        server.client(&["set", "web-app", "unbanip", "192.0.2.9"]).success();
        server.stop();
        let server = Server::start(side, sandbox);
        for ban in ["[sshd] Restore Ban 192.0.2.1", "[sshd] Restore Ban 192.0.2.9"] {
            server.wait_log(ban);
        }
        server.wait_log("[web-app] Restore Ban 2001:db8::1");
        sandbox.append("web-app.log", &refused("192.0.2.7", 1));
        server.wait_log("[web-app] Found 192.0.2.7");
        Stage { side, sandbox, server }
    }

    /// A program that finds this side's `fail2ban-client`.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        clients::command(self.side, self.sandbox, program)
    }

    /// What a program prints, without times and the sandbox's folder, and how it ends.
    fn shown(&self, command: &mut Command) -> String {
        let output = Output::of(command);
        normalise::log(&format!("{output:?}"), self.sandbox.folder())
    }
}

/// Has `use_it` look at the same story on both sides. What it returns must be the same, and say something of
/// what `expected` names.
fn same(expected: &[&str], use_it: fn(&Stage) -> String) {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        let stage = Stage::new(side, &sandbox);
        let seen = use_it(&stage);
        stage.server.stop();
        seen
    });
    for text in expected {
        assert!(theirs.contains(text), "{text}: not in\n{theirs}");
    }
    assert!(theirs == ours, "--- theirs\n{theirs}\n--- ours\n{ours}");
}

/// Debian's munin-plugins-core.
#[test]
fn munin() {
    same(&["yes\n", "sshd.label sshd\n", "sshd.value 2\n", "web_app.value 1\n"], |stage| {
        let mut seen = String::new();
        for word in ["autoconf", "config", "values"] {
            let mut plugin = stage.command(clients::debian().join("usr/share/munin/plugins/fail2ban"));
            plugin.arg(word).env("MUNIN_LIBDIR", clients::debian().join("usr/share/munin"));
            plugin.env("client", stage.sandbox.path("bin/fail2ban-client"));
            plugin.env("config_dir", stage.sandbox.configuration());
            seen += &stage.shown(&mut plugin);
        }
        seen
    });
}

/// The Nagios plugin and the Cacti script that come with fail2ban.
#[test]
fn nagios_and_cacti() {
    let examples = |name: &str| Version::BASELINE.root().join("usr/share/doc/fail2ban/examples").join(name);
    assert!(examples("nagios/check_fail2ban").exists() && examples("cacti/fail2ban_stats.sh").exists());
    same(&["OK - 2 detected jails with 3 current banned", "CRITICAL", "failed:1 banned:1"], |stage| {
        let examples =
            |name: &str| Version::BASELINE.root().join("usr/share/doc/fail2ban/examples").join(name);
        let client = stage.sandbox.path("bin/fail2ban-client").display().to_string();
        let words: [&[&str]; 5] = [
            &["-p", "-v", "-w", "5", "-c", "9"],
            &["-p", "-j", "web-app"],
            &["-j", "nosuch"],
            &["-w", "1", "-c", "3"],
            &["-s", "/nonexistent.sock", "-v"],
        ];
        let mut seen = String::new();
        for words in words {
            let mut check = stage.command("perl");
            seen +=
                &stage.shown(check.arg(examples("nagios/check_fail2ban")).args(["-P", &client]).args(words));
        }
        for jail in ["sshd", "web-app", "nosuch"] {
            seen += &stage.shown(stage.command("bash").arg(examples("cacti/fail2ban_stats.sh")).arg(jail));
        }
        seen
    });
}

/// Debian's logwatch: its reader of fail2ban's log, at every level of detail.
#[test]
fn logwatch() {
    let expected = ["sshd:", "[  2:0  ]", "192.0.2.7", "Fail2Ban hosts ignored"];
    same(&expected, |stage| {
        let share = clients::debian().join("usr/share/logwatch");
        let mut seen = String::new();
        for detail in ["0", "5", "10"] {
            let mut reader = stage.command("sh");
            reader.args(["-c", "perl -I \"$1/lib\" \"$1/scripts/services/fail2ban\" <\"$2\"", "sh"]);
            reader.arg(&share).arg(stage.sandbox.server_log());
            reader.env("LOGWATCH_DETAIL_LEVEL", detail).env("LOGWATCH_NUMERIC", "1");
            seen += &stage.shown(&mut reader);
        }
        seen
    });
}

/// Debian's monit, with the rules that Debian's fail2ban ships for it, on the sandbox's files.
#[test]
fn monit() {
    let expected = ["fail2ban  OK  Process", "fail2ban_log  OK  File", "content match"];
    same(&expected, |stage| {
        let rules = Version::BASELINE.root().join("etc/monit/conf-available/fail2ban");
        let rules = std::fs::read_to_string(rules).expect("the package has it");
        let sandbox = stage.sandbox;
        let rules = rules
            .replace("/var/run/fail2ban/fail2ban.pid", &sandbox.pidfile().display().to_string())
            .replace("/var/run/fail2ban/fail2ban.sock", &sandbox.socket().display().to_string())
            .replace("/var/log/fail2ban.log", &sandbox.server_log().display().to_string());
        assert!(!rules.contains("/var/run") && rules.contains("if match \"ERROR|WARNING\""), "{rules}");
        let monit = Monit::start(sandbox.folder(), &rules);
        monit.wait("summary", |text| text.matches(" OK ").count() == 2);
        let seen = monit.summary();
        // an ERROR in the log
        stage.server.client(&["get", "nosuch", "bantime"]);
        monit.wait("log", |text| text.contains("content match"));
        seen + &monit.messages()
    });
}

struct Monit {
    child: Child,
    folder: PathBuf,
}

impl Monit {
    fn start(folder: &Path, rules: &str) -> Monit {
        use std::os::unix::fs::PermissionsExt;
        let file = folder.join("monitrc");
        let own = |name: &str| folder.join(name).display().to_string();
        let settings = format!(
            "set daemon 1\nset log {}\nset idfile {}\nset statefile {}\nset pidfile {}\n\
             set httpd unixsocket {} allow admin:monit\n{rules}",
            own("monit.log"),
            own("monit.id"),
            own("monit.state"),
            own("monit.pid"),
            own("monit.sock")
        );
        std::fs::write(&file, settings).expect("the sandbox is ours");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("the sandbox is ours");
        let child = Monit::command(folder).arg("-I").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Monit { child: child.expect("clients.list has monit"), folder: folder.to_owned() }
    }

    fn command(folder: &Path) -> Command {
        let mut command = Command::new(clients::debian().join("usr/bin/monit"));
        command.arg("-c").arg(folder.join("monitrc"));
        command
    }

    fn wait(&self, what: &str, is_it: fn(&str) -> bool) {
        let text = || if what == "log" { self.log() } else { self.summary() };
        wait::until(wait::PATIENCE, || is_it(&text()).then_some(()))
            .unwrap_or_else(|| panic!("monit: {}\n{}", self.log(), self.summary()));
    }

    /// The services and their states, one a line.
    fn summary(&self) -> String {
        let output = Output::of(Monit::command(&self.folder).args(["-B", "summary"]));
        let lines = output.stdout.lines().filter(|line| line.contains("fail2ban"));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join("  ") + "\n").collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("monit.log")).unwrap_or_default()
    }

    /// What it found wrong, each once, without times.
    fn messages(&self) -> String {
        let log = self.log();
        let found =
            log.lines().filter(|line| line.contains("'fail2ban")).filter_map(|line| line.split_once(": "));
        let mut found: Vec<&str> = found.map(|(_, message)| message).collect();
        found.sort_unstable();
        found.dedup();
        found.join("\n")
    }
}

impl Drop for Monit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Programs from PyPI that parse the client's output and the log.
#[test]
fn from_pypi() {
    let expected = ["Banned: 2 (2)", "banned ['192.0.2.1', '192.0.2.9'"];
    same(&expected, |stage| {
        let python = |words: &[&str]| {
            let mut command = stage.command("/usr/bin/python3");
            stage.shown(command.args(words).env("PYTHONPATH", clients::python()))
        };
        let geolocation = "from fail2bangeolocation.domain import fail2ban, fail2banlog\n\
             import sys\n\
             for server in None, 'sshd', 'web-app':\n    print('banned', fail2ban.get_banned_ips(server))\n\
             for unbanned in True, False:\n    print(sorted(fail2banlog.get_banned_ips(sys.argv[1], unbanned)))\n";
        let log = stage.sandbox.server_log().display().to_string();
        python(&["-m", "fail2slack", "-d", "0", "-j", "sshd", "web-app"])
            + &python(&["-c", geolocation, &log])
    });
}

/// Debian's netdata: its own module for fail2ban's log.
#[test]
fn netdata() {
    same(&["('sshd_in_jail', 2)", "('web-app_in_jail', 1)", "('sshd_failed_attempts', 2)"], |stage| {
        let script = "import sys\n\
             sys.path[:0] = [sys.argv[1] + '/python_modules']\n\
             from importlib.machinery import SourceFileLoader\n\
             chart = SourceFileLoader('chart', sys.argv[1] + '/fail2ban.chart.py').load_module()\n\
             etc = sys.argv[2]\n\
             service = chart.Service(configuration=dict(log_path=sys.argv[3], conf_path=etc + '/jail.local',\n    \
             conf_dir=etc + '/jail.d/', job_name='local', update_every=1, priority=1, autodetection_retry=0,\n    \
             penalty=False, chart_cleanup=0, override_name='local'), name='local')\n\
             print(service.check(), sorted(service.get_data().items()))\n";
        let mut python = stage.command("/usr/bin/python3");
        python.args(["-W", "ignore", "-c", script]).arg(clients::debian().join("usr/lib/netdata/python.d"));
        python.arg(stage.sandbox.configuration()).arg(stage.sandbox.server_log());
        Output::of(&mut python).success()
    });
}

/// Programs that cannot be had from a registry reached here.
#[test]
fn replayed() {
    let expected =
        ["'pong'", "f2b_jail_banned_current{jail=\"sshd\"} 2", "\"{#JAIL}\":\"web-app\"", "fields"];
    same(&expected, |stage| {
        let mut python = stage.command("/usr/bin/python3");
        python.args(["-c", include_str!("same_third_party/replay.py")]);
        python.arg(stage.sandbox.socket()).arg(stage.sandbox.database());
        python.env("PYTHONPATH", Version::BASELINE.root().join("usr/lib/python3/dist-packages"));
        stage.shown(&mut python)
    });
}

/// What Ansible roles, Puppet modules and the like leave in /etc/fail2ban: (file, text).
const MANAGED: &[(&str, &str)] = &[
    // one file of defaults, with the words of the role's variables
    (
        "jail.local",
        "# Ansible managed\n\n[DEFAULT]\n\nignoreip = 127.0.0.1/8 ::1 10.0.0.0/8\nbantime = 600\nfindtime = 10m\n\
         maxretry = 5\nbackend = polling\nusedns = warn\nlogencoding = auto\nenabled = false\nfilter = %(__name__)s\n\
         destemail = root@localhost\nsender = root@<fq-hostname>\nmta = sendmail\nprotocol = tcp\nchain = INPUT\n\
         port = 0:65535\nfail2ban_agent = Fail2Ban/%(fail2ban_version)s\nbanaction = iptables-multiport\n\
         banaction_allports = iptables-allports\naction = %(action_)s\n\n[sshd]\nenabled = true\nport = ssh\n\
         logpath = %(log)s/auth.log\nbackend = polling\n",
    ),
    // a file per jail, as Puppet's defined types and Ansible's loops write them
    (
        "jail.d/10-webserver.conf",
        "[nginx-http-auth]\nenabled=true\nport=http,https\nlogpath=%(log)s/nginx.log\n        %(log)s/*.err\n\
         maxretry=3\n[nginx-limit-req]\nenabled : yes\nlogpath : %(log)s/nginx.log\n",
    ),
    (
        "jail.d/20-app.local",
        "[app]\nenabled = True\nlogpath = %(log)s/app.log\naction = app[name=%(__name__)s, limit=\"1, 2\"]\n",
    ),
    ("jail.d/00-log.conf", "[DEFAULT]\nlog = DIR\n"),
    (
        "jail.d/recidive.local",
        "[recidive]\nenabled = true\nlogpath = DIR/fail2ban.log\nbantime = 1w\nfindtime = 1d\n",
    ),
    (
        "filter.d/app.conf",
        "[INCLUDES]\nbefore = common.conf\n\n[Definition]\n_daemon = app\nfailregex = ^%(__prefix_line)srefused <HOST>$\nignoreregex =\n",
    ),
    ("filter.d/sshd.local", "[Definition]\nmode = aggressive\n[Init]\nmaxlines = 1\n"),
    (
        "filter.d/nginx-http-auth.local",
        "[Definition]\nfailregex = %(known/failregex)s\n            ^own <HOST>$\n",
    ),
    (
        "action.d/app.conf",
        "[Definition]\nactionstart =\nactionban = /usr/local/bin/notify <name> <ip> <limit>\nactionunban =\n[Init]\nname = x\nlimit = 0\n",
    ),
    ("action.d/iptables-multiport.local", "[Init]\nblocktype = DROP\n"),
    ("fail2ban.d/99-level.local", "[Definition]\nloglevel = NOTICE\ndbpurgeage = 648000\n"),
];

/// The same command stream from such a tree, the same verdict, and the same after the handlers have run that follow
/// a change.
#[test]
fn configuration_management() {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        let folder = sandbox.folder().display().to_string();
        for log in ["auth.log", "nginx.log", "app.log", "a.err", "fail2ban.log"] {
            sandbox.file(log, "");
        }
        for (name, text) in MANAGED {
            sandbox.config(name, &text.replace("DIR", &folder));
        }
        sandbox.config("jail.d/zz-for-tests.conf", "[DEFAULT]\naction_ =\n");
        let mut seen = String::new();
        let mut note = |words: &[&str]| {
            let output = sandbox.client(side, words);
            seen += &normalise::log(&format!("$ {words:?}\n{output:?}\n"), sandbox.folder());
        };
        note(&["-d"]);
        note(&["-t"]);
        let server = Server::start(side, &sandbox);
        note(&["status"]);
        sandbox.config("jail.d/20-app.local", "[app]\nenabled = false\n");
        sandbox.config(
            "jail.d/30-new.conf",
            &format!("[app-two]\nenabled = true\nfilter = app\nlogpath = {folder}/app.log\naction =\n"),
        );
        for words in [&["-t"][..], &["reload"], &["status"], &["restart", "app-two"], &["reload", "sshd"]] {
            note(words);
        }
        sandbox.config("jail.d/30-new.conf", "[app-two]\nenabled = true\nfilter = missing\n");
        for words in [&["-t"][..], &["reload"], &["get", "loglevel"], &["get", "sshd", "failregex"]] {
            note(words);
        }
        server.stop();
        seen
    });
    assert!(
        theirs.contains("OK: configuration test is successful") && theirs.contains("app-two"),
        "{theirs}"
    );
    assert!(theirs == ours, "--- theirs\n{theirs}\n--- ours\n{ours}");
}
