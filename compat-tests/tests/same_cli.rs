//! The command line of client and server without a server to talk to: same output, same exit status.
use std::io::Write;
use std::process::{Command, Stdio};

use compat_tests::{Output, Sandbox, Side, Version, normalise};

/// Output and exit status without times and the sandbox's folder.
fn normal(output: &Output, sandbox: &Sandbox) -> String {
    let stdout = output.stdout.replace(&sandbox.folder().display().to_string(), "DIR");
    format!("{}\n{stdout}{}", output.code, normalise::log(&output.stderr, sandbox.folder()))
}

/// Runs one program of both sides with the same arguments.
fn same(sandbox: &Sandbox, program: fn(Side) -> Command, args: &[&str]) {
    let run = |side| normal(&Output::of(program(side).args(args)), sandbox);
    assert_eq!(run(Side::Ours), run(Side::Theirs), "{args:?}");
}

/// Both programs, confined to the sandbox.
fn same_confined(sandbox: &Sandbox, args: &[&str]) {
    for program in [Side::client, Side::server] {
        let run = |side| normal(&Output::of(sandbox.confine(&mut program(side), args)), sandbox);
        assert_eq!(run(Side::Ours), run(Side::Theirs), "{args:?}");
    }
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.config("filter.d/app.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let log = sandbox.file("app.log", "");
    sandbox.config(
        "jail.local",
        &format!("[app]\nenabled = true\nbackend = polling\nfilter = app\nlogpath = {}\n", log.display()),
    );
    sandbox
}

#[test]
fn options_that_print_something() {
    let sandbox = sandbox();
    for program in [Side::client, Side::server] {
        for args in [
            &["-V"][..],
            &["--version"],
            &["--ver"],
            &["-vV", "status"],
            &["--str2sec", "1d12h30m"],
            &["--str2sec=1mo"],
            &["--str", "1.5h"],
            &["--str2sec", "1h+5"],
            &["--str2sec", "2*3600"],
            &["--str2sec", "1ye -2mo -3we -4da -5ho -6mi -7se"],
            &["--str2sec", "foo"],
            &["--str2sec", ""],
            &["--str2sec", "1/0"],
            &["--timeout", "foo", "ping"],
            &["-c", "/no/such/directory", "status"],
            &["-c", "/no/such/directory", "-t"],
        ] {
            same(&sandbox, program, args);
        }
    }
}

#[test]
fn dump_and_test() {
    let sandbox = sandbox();
    for args in [
        &["-d"][..],
        &["--dp"],
        &["--dump-pretty"],
        &["-d", "-t"],
        &["-t"],
        &["--test"],
        &["-qt"],
        &["--loglevel", "debug", "--logtarget", "STDERR", "-d"],
        &["--loglevel", "nonsense", "-d"],
        &["--syslogsocket", "/x", "-d"],
        &["-t", "ping"],
        &["-q", "ping"],
        &["-v", "-q", "ping"],
    ] {
        same_confined(&sandbox, args);
    }
    sandbox.config("jail.d/bad.conf", "[bad]\nenabled = true\nfilter = nosuch\nlogpath = /dev/null\n");
    for args in [&["-d"][..], &["-t"], &["-d", "-t"], &["-t", "start"], &["-t", "status"]] {
        same_confined(&sandbox, args);
    }
    sandbox.config("jail.d/bad.conf", "[bad\n");
    for args in [&["-d"][..], &["-t"], &["-d", "-t"], &["start"], &["-f", "start"], &["status"]] {
        same_confined(&sandbox, args);
    }
    sandbox.config("fail2ban.local", "no section\n");
    for args in [&["-d"][..], &["-t"], &["start"], &["status"]] {
        same_confined(&sandbox, args);
    }
}

#[test]
fn no_server() {
    let sandbox = sandbox();
    let commands: &[&[&str]] = &[
        &["ping"],
        &["ping", "1"],
        &["ping", "x"],
        &["status"],
        &["stop"],
        &["reload"],
        &["reload", "app"],
        &["reload", "a", "b"],
        &["reload", "--nonsense"],
        &["restart", "app"],
        &["nonsense"],
        &[""],
        &["-"],
        &["--", "-x"],
        &["echo", "it's"],
        &["stats"],
        &["-i", "ping"],
    ];
    for args in commands {
        same_confined(&sandbox, args);
    }
    // A file that no server listens on.
    let listener = std::os::unix::net::UnixListener::bind(sandbox.socket());
    let listener = listener.or_else(|_| {
        std::fs::create_dir_all(sandbox.path("run"))?;
        std::os::unix::net::UnixListener::bind(sandbox.socket())
    });
    drop(listener.expect("a stale socket"));
    for args in commands {
        same_confined(&sandbox, args);
    }
    for args in [&["start"][..], &["-f", "start"], &["-q", "start"]] {
        same_confined(&sandbox, args);
    }
    std::fs::remove_file(sandbox.socket()).expect("made above");
    sandbox.file("run/fail2ban.sock", "not a socket");
    for args in [&["ping"][..], &["status"], &["start"], &["-f", "start"]] {
        same_confined(&sandbox, args);
    }
}

/// Without permission for the socket: as a user who is not root.
#[test]
fn no_permission() {
    let sandbox = sandbox();
    std::fs::create_dir_all(sandbox.path("run")).expect("the sandbox is ours");
    let _listener = std::os::unix::net::UnixListener::bind(sandbox.socket()).expect("a socket");
    let mode = |path: std::path::PathBuf, mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the sandbox is ours");
    };
    mode(sandbox.folder().to_owned(), 0o755);
    mode(sandbox.socket(), 0o700);
    for args in [&["ping"][..], &["status"]] {
        let run = |side: Side| {
            let program = side.client();
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
            command.arg(program.get_program()).args(program.get_args());
            for (name, value) in program.get_envs() {
                if let Some(value) = value {
                    command.env(name, value);
                }
            }
            normal(&Output::of(sandbox.confine(&mut command, args)), &sandbox)
        };
        assert_eq!(run(Side::Ours), run(Side::Theirs), "{args:?}");
    }
}

/// The prompt, fed from a pipe.
#[test]
fn interactive() {
    let sandbox = sandbox();
    let run = |side: Side, input: &str| {
        let mut command = side.client();
        sandbox.confine(&mut command, &["-i"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        normal(&Output { stdout: text(output.stdout), stderr: text(output.stderr), code }, &sandbox)
    };
    for input in [
        "exit\n",
        "quit\n",
        "",
        "ping\n\nstatus 'a b\nquit\n",
        "nonsense\nreload x y\nping x\nexit\n",
        "reload\n",
    ] {
        assert_eq!(run(Side::Ours, input), run(Side::Theirs, input), "{input:?}");
    }
}

/// The help: the same programs, options and commands; the explanations of the commands are our own.
#[test]
fn help_lists_the_same() {
    let columns = |text: &str| -> Vec<String> {
        let (options, commands) = text.split_once("\nCommand:\n").unwrap_or((text, ""));
        let is_left = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
        let left = commands.lines().filter(is_left).map(|line| line.chars().take(45).collect::<String>());
        let rest = left.map(|line| line.trim_end().to_owned());
        options.lines().map(str::to_owned).filter(|line| !line.contains("--strict")).chain(rest).collect()
    };
    for program in [Side::client, Side::server] {
        for args in [&["-h"][..], &["--help"], &["--nonsense"], &["-z"], &["-t", "--conf"]] {
            let [theirs, ours] = Side::BOTH.map(|side| Output::of(program(side).args(args)));
            assert_eq!(columns(&ours.stdout), columns(&theirs.stdout), "{args:?}");
            assert_eq!((ours.code, &ours.stderr), (theirs.code, &theirs.stderr), "{args:?}");
        }
    }
    // Without any word the usage is the answer too.
    let sandbox = sandbox();
    let [theirs, ours] = Side::BOTH.map(|side| sandbox.client(side, &[]));
    assert_eq!(columns(&ours.stdout), columns(&theirs.stdout));
    assert_eq!((ours.code, ours.stderr), (theirs.code, theirs.stderr));
}

/// Debian's completion of the shell reads the help: it finds the same options and commands in ours.
#[test]
fn shell_completion_reads_the_help() {
    let script = Version::BASELINE.root().join("usr/share/bash-completion/completions/fail2ban");
    let patterns = ["/^    [a-z]+/{print $1}", "/^    set [^<]/{print $2}", "/^    get <JAIL>/{print $3}"];
    let used = std::fs::read_to_string(script).expect("part of the package");
    assert!(used.contains("--help 2>/dev/null | awk '/^    [a-z]+/{print $1}'"));
    for pattern in patterns {
        let [theirs, ours] = Side::BOTH.map(|side| {
            let help = Output::of(side.client().arg("--help")).stdout;
            let mut awk = Command::new("awk");
            let mut child =
                awk.arg(pattern).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("awk");
            child.stdin.take().expect("piped").write_all(help.as_bytes()).expect("awk reads");
            child.wait_with_output().expect("awk ends").stdout
        });
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs), "{pattern}");
    }
}
