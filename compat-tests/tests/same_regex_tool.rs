//! fail2ban-regex: the same arguments give the same output (but for the time it took) and exit status; and on every
//! sample log of the original packages, with every set of filter options, the same failures line by line.

use compat_tests::journal::{self, Entry};
use compat_tests::samples::{self, Sample};
use compat_tests::{Output, Sandbox, Side, Version, regex_tool};

fn run(side: Side, args: &[&str]) -> Output {
    Output::of(side.regex().args(args).env("TZ", regex_tool::ZONE).env("COLUMNS", "80"))
}

/// What is the same on both sides.
fn normal(output: &Output) -> String {
    let mut text = format!("{}\n{}", output.code, output.stdout);
    if output.code == 2 {
        text += &output.stderr;
    }
    regex_tool::normal(&text)
}

fn difference(args: &[&str]) -> Option<String> {
    let [theirs, ours] = [Side::Theirs, Side::Ours].map(|side| run(side, args));
    let (a, b) = (normal(&theirs), normal(&ours));
    if a == b {
        return None;
    }
    let pairs = a.lines().map(Some).chain([None]).zip(b.lines().map(Some).chain([None]));
    let first = pairs.into_iter().find(|(a, b)| a != b);
    Some(format!("{args:?}\n  {first:?}\n  {}{}", theirs.stderr, ours.stderr))
}

fn same(runs: &[Vec<&str>]) {
    let wrong: Vec<String> = runs.iter().filter_map(|args| difference(args)).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

#[test]
fn wrong_arguments() {
    same(&[
        vec!["-Q"],
        vec!["--nope"],
        vec!["--ver"],
        vec!["--max=x"],
        vec!["-L"],
        vec!["--raw=3"],
        vec!["--version"],
        vec!["-V"],
        vec!["-L", "-3", "x", "<HOST>"],
        vec!["-m", "a \"b", "x", "<HOST>"],
        vec!["--TZ", "XX", "x", "<HOST>"],
        vec!["-d", "%q", "x", "<HOST>"],
        vec!["-d", "%Y\n%Y", "x", "<HOST>"],
    ]);
    // the help has an option more, and not the authors of the original
    for args in
        [&["--help"][..], &["a"], &["a", "b", "c", "d"], &["--print-no-missed", "--print-all-missed", "a"]]
    {
        let [theirs, ours] = [Side::Theirs, Side::Ours].map(|side| run(side, args));
        assert_eq!((theirs.code, &theirs.stderr), (ours.code, &ours.stderr));
        let common = normal(&theirs);
        let (common, _) = common.split_once("\n\nReport bugs").expect("the original's help ends with that");
        assert!(normal(&ours).starts_with(common), "{}", ours.stdout);
        assert!(ours.stdout.contains("--profile"));
    }
}

#[test]
fn literal_regexes() {
    let dated = "2005-01-01 00:00:00 from 192.0.2.1";
    same(&[
        vec!["x 192.0.2.1", "^x <HOST>"],
        vec!["x 192.0.2.1", "^x <HOST>", "^x"],
        vec!["x", "^x"],
        vec!["x", "(<HOST>"],
        vec!["x", "^<HOST>", "("],
        vec!["x", " "],
        vec!["a\nb 192.0.2.1\n", "^b <HOST>"],
        vec!["-L", "3", "a\nb 192.0.2.1\n#x\n\nd\ne\nf", "^a$<SKIPLINES>^b <HOST>", "^z"],
        vec!["-L", "3", "--print-all-matched", "a\nx\nb 192.0.2.1\nd", "^a$<SKIPLINES>^b <HOST>"],
        vec!["--usedns", "foo", "x 192.0.2.1", "<HOST>"],
        vec!["--usedns", "no", "x localhost", "x <HOST>"],
        vec!["--usedns", "raw", "x localhost", "x <HOST>", "-o", "row"],
        vec!["-r", "x localhost", "x <HOST>", "-o", "row"],
        vec![dated, "from <HOST>", "-o", "row"],
        vec!["--TZ", "UTC+0300", dated, "from <HOST>", "-o", "row"],
        vec!["2005-01-01 00:00:00Z from 192.0.2.1", "from <HOST>", "-o", "row"],
        vec!["from 192.0.2.1", "from <HOST>", "-o", "row"],
        vec!["-d", "^L %d/%m/%Y", "L 01/02/2003 from 192.0.2.1", "from <HOST>", "-v", "--VD"],
        vec!["-d", "{NONE}", dated, "from <HOST>"],
        vec!["from 10.0.0.0/8", "from <SUBNET>", "-o", "<ip> <family> <ip-rev>"],
        vec!["from ::ffff:192.0.2.1", "from <HOST>", "-o", "id"],
        vec!["x y", "^<F-ID>\\S+</F-ID> <F-USER>y</F-USER>", "-o", "row"],
        vec!["x y", "^<F-TUPLE_ID>x</F-TUPLE_ID> <F-ID>y</F-ID>", "-o", "row"],
        vec!["x y", "^<F-TUPLE_ID>x</F-TUPLE_ID> <F-ID>y</F-ID>", "-v"],
        vec!["x 192.0.2.1", "^<F-TUPLE_ID>x</F-TUPLE_ID> <HOST>", "-o", "<ip>|<fid>|<family>|<F-*>"],
        vec!["-D", "from 192.0.2.1", "from <HOST>", "--print-all-matched"],
        vec!["-D", "from \u{e9}", "from <HOST>"],
        vec!["-D", "from \u{e9}\u{20ac}", "((?i)from) <HOST>", "-e", "latin1"],
        vec!["-v", "9999999999999 from 192.0.2.1", "from <HOST>", "-d", "EPOCH"],
        vec!["-v", "@4000000fffffffff00000000 from 192.0.2.1", "from <HOST>"],
        vec!["-v", "@40ffffffffffffff00000000 from 192.0.2.1", "from <HOST>"],
        vec!["--print-all-matched", "from 192.0.2.1 \u{1c}\u{85}", "from <HOST>"],
        vec!["-L", "3", "-o", "row", "a\nx\u{2028}y\nb 192.0.2.1", "^a$<SKIPLINES>^b <HOST>"],
    ]);
}

#[test]
fn encodings_and_line_ends() {
    let sandbox = Sandbox::empty();
    let file = |name: &str, bytes: &[u8]| {
        let path = sandbox.file(name, "");
        std::fs::write(&path, bytes).expect("the sandbox is writable");
        path.to_str().expect("a temporary folder's name is text").to_owned()
    };
    let text =
        "2005-01-01 00:00:01 from 192.0.2.1 \u{e9}\n2005-01-01 00:00:02 from 192.0.2.2 \u{10a}\u{1f4a3}\nx";
    let units: Vec<u16> = text.encode_utf16().collect();
    let ends = file(
        "ends",
        b"from 192.0.2.1\rfrom 192.0.2.2\r\nfrom 192.0.2.3\x0bfrom 192.0.2.4\nfrom 192.0.2.5\xe2\x80\xa8from\n\n\r\n \n\
          #from 192.0.2.6\n\rfrom 192.0.2.7\n\x0cfrom 192.0.2.8\nfrom 192.0.2.9",
    );
    let carriage_return = file("cr", b"from 192.0.2.1\nfrom 192.0.2.2\r");
    let invalid = file("invalid", b"from 192.0.2.1 \xff\xfe\nfrom 192.0.2.2 \xc3\nfrom 192.0.2.3 '\xe9\"\n");
    let marked = file("marked", "\u{feff}from 192.0.2.1\n\u{feff}from 192.0.2.2\n".as_bytes());
    let mut runs = Vec::new();
    for output in [&["-o", "row"][..], &["-v", "--print-all-matched"], &["-D", "--print-all-matched"]] {
        for log in [&ends, &carriage_return, &invalid, &marked] {
            for encoding in ["utf-8", "ascii", "Latin-1", "utf_8_sig", "CP1251", "koi8-r", "klingon"] {
                runs.push([&[log, "from <HOST>", "-e", encoding][..], output].concat());
            }
        }
    }
    same(&runs);
    // with a byte order mark, or CR before LF, the original loses lines
    for (encoding, big) in [("utf-16le", false), ("utf-16be", true)] {
        let unit = |&unit: &u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let log = file(encoding, &units.iter().flat_map(unit).collect::<Vec<u8>>());
        same(&[vec![&log, "from <HOST>", "-e", encoding, "-o", "row"]]);
    }
    for (encoding, big) in [("utf-32le", false), ("utf-32be", true)] {
        let unit = |c: char| if big { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() };
        let log = file(encoding, &text.chars().flat_map(unit).collect::<Vec<u8>>());
        same(&[vec![&log, "from <HOST>", "-e", encoding, "-o", "row"]]);
    }
}

/// Entries with all that may be missing, doubled or odd in one.
fn odd_entries() -> Vec<Entry> {
    const START: u64 = 1_700_000_000_000_000;
    let at = |n: u64| Entry::at(START + n * 1_234_567).with("_HOSTNAME", "host");
    let sshd = |n: u64| {
        let entry = at(n).with("_SYSTEMD_UNIT", "sshd.service").with("_COMM", "sshd").with("_PID", "77");
        entry.with("SYSLOG_IDENTIFIER", "sshd")
    };
    let failed = |n: u64| format!("Failed password for root from 192.0.2.{n} port 22 ssh2");
    let monotonic = "_SOURCE_MONOTONIC_TIMESTAMP";
    vec![
        sshd(1).with("MESSAGE", failed(1)),
        sshd(2).with("MESSAGE", failed(2)).with("_SOURCE_REALTIME_TIMESTAMP", (START + 77).to_string()),
        sshd(3).with("MESSAGE", failed(3)),
        sshd(4).with("MESSAGE", failed(4)).with("SYSLOG_PID", "abc"),
        Entry::at(START + 5_000_000).with("_COMM", "sshd").with("MESSAGE", failed(5)),
        Entry::at(START + 6_000_000).with("_PID", "6").with("MESSAGE", failed(6)),
        Entry::at(START + 7_000_000).with("MESSAGE", failed(7)),
        at(8).with("SYSLOG_IDENTIFIER", "kernel").with("MESSAGE", failed(8)).with(monotonic, "12345678"),
        at(9).with("SYSLOG_IDENTIFIER", "kernel").with("_TRANSPORT", "kernel").with("MESSAGE", failed(9)),
        sshd(10),
        sshd(11).with("MESSAGE", ""),
        sshd(12).with("MESSAGE", format!("{}\n{}", failed(12), failed(13))),
        sshd(14).with("MESSAGE", [failed(14).as_bytes(), b" \xff\xfe\x1b[0m\0\xe2\x82"].concat()),
        sshd(15).with("MESSAGE", format!("\n \t{}\r\n\n", failed(15))),
        at(19).with("SYSLOG_IDENTIFIER", [b's', 0xff]).with("_PID", "x").with("MESSAGE", failed(19)),
        at(20).with("SYSLOG_IDENTIFIER", "").with("SYSLOG_PID", "").with("MESSAGE", failed(20)),
        sshd(16).with("MESSAGE", failed(16)).with("MESSAGE", failed(17)),
        sshd(21).with("MESSAGE", format!("#{}", failed(21))),
        sshd(22).with("MESSAGE", format!("{} {}", failed(22), "x".repeat(70_000))),
    ]
}

#[test]
fn journals() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let file = sandbox.path("journal/system.journal");
    journal::write(&file, &odd_entries());
    let conf = sandbox.configuration();
    let conf = conf.to_str().expect("a temporary folder's name is text");
    let log = format!("systemd-journal[journalfiles={}]", file.display());
    let folder = format!("systemd-journal[journalpath=\"{}\"]", file.with_file_name("").display());
    let mut runs = Vec::new();
    for output in [
        &["-o", "row"][..],
        &["-o", "msg"],
        &["-i", "-o", "<time> <fid> <msg>"],
        &["-v", "--print-all-matched", "--print-all-missed"],
    ] {
        for regex in ["sshd", "sshd[mode=aggressive]", "<HOST>", "filter.d/sshd.conf[logtype=file]"] {
            runs.push([&["-c", conf, &log, regex][..], output].concat());
        }
    }
    runs.push(vec!["-c", conf, &folder, "sshd"]);
    for words in [
        "",
        "_COMM=sshd",
        "_COMM=sshd + SYSLOG_IDENTIFIER=kernel",
        "_COMM=sshd _PID=77 _PID=78",
        "_COMM=none",
        "'_COMM=sshd'",
    ] {
        runs.push(vec!["-c", conf, &log, "sshd", "-m", words, "-o", "msg"]);
        runs.push(vec!["-c", conf, &log, "<HOST>", "-m", words, "--print-all-matched"]);
    }
    for option in [&["-d", "%Y"][..], &["-L", "2"], &["--TZ", "UTC+0300"]] {
        runs.push([&["-c", conf, &log, "<HOST>", "-v", "--print-all-matched"][..], option].concat());
    }
    runs.push(vec!["-c", conf, &log, "<HOST>", "192.0.2.1 ", "--print-all-ignored"]);
    same(&runs);
}

/// From INFO on. (What the original says at DEBUG and below is about its own doings.)
#[test]
fn log_messages() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let conf = sandbox.configuration();
    let conf = conf.to_str().expect("a temporary folder's name is text");
    let log = sandbox.file("invalid", "");
    std::fs::write(&log, b"from 192.0.2.1 \xff\nfrom 192.0.2.2 \xff\n").expect("the sandbox is writable");
    let log = log.to_str().expect("a temporary folder's name is text");
    let broken = sandbox.file("broken.conf", "[Definition]\nfailregex = \\[<HOST>\nignoreregex = (x\n");
    let broken = broken.to_str().expect("a temporary folder's name is text");
    let journal = sandbox.path("journal/system.journal");
    journal::write(&journal, &odd_entries()[..2]);
    let journal = &format!("systemd-journal[journalfiles={}]", journal.display());
    for level in ["CRITICAL", "error", "WARNING", "notice", "info", "msg", "35", "chatty"] {
        for verbose in ["--no-check-all", "-vv", "-vvv", "-vvvv"] {
            for (log, regex) in
                [(log, "from <HOST>"), (log, broken), (journal, "from <HOST>"), (journal, "sshd")]
            {
                let args = [log, regex, "-c", conf, "-l", level, verbose];
                let runs = Side::BOTH.map(|side| run(side, &args));
                let [theirs, ours] = runs.map(|output| without_log_columns(&normal(&output)));
                assert_eq!(theirs, ours, "{args:?}");
            }
        }
    }
}

/// Log messages without their time, process and thread.
fn without_log_columns(text: &str) -> String {
    let line = |line: &str| match ["WARNI", "INFO ", "NOTIC", "ERROR "]
        .iter()
        .find_map(|level| line.split_once(level))
    {
        Some((columns, _)) if columns.starts_with([' ', '2']) && !columns.contains('|') => {
            let numbers = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_lowercase() || " +-:,".contains(c);
            columns.chars().filter(|&c| !numbers(c)).collect::<String>() + &line[columns.len()..]
        }
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn filters_and_jails_by_name() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config(
        "filter.d/app.conf",
        "[Definition]\nfailregex = refused <HOST>$\nignoreregex = ^ok\nmaxlines = 2\n",
    );
    sandbox.config("filter.d/app.local", "[Definition]\nfailregex = denied <HOST>$\n");
    sandbox.config("jail.local", "[other]\nfilter = app\nmaxlines = 3\n[broken]\nfilter = app[\n");
    let conf = sandbox.configuration();
    let conf = conf.to_str().expect("a temporary folder's name is text");
    sandbox.config("filter.d/lost.conf", "[Definition]\nfailregex = ^%(__prefix_line)srefused <HOST>$\n");
    sandbox.config("filter.d/bare.conf", "[Definition]\nfailregex = refused <HOST>$\nignoreregex\n");
    let file = format!("{conf}/filter.d/app.conf");
    let foreign = sandbox.file("foreign.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let foreign = foreign.to_str().expect("a temporary folder's name is text");
    let bare = &foreign[..foreign.len() - ".conf".len()];
    let names = [
        "app",
        "app.conf",
        "filter.d/app",
        "filter.d/app.conf",
        &file,
        foreign,
        bare,
        "other",
        "other[x=1]",
        "app[x=\"a,b\"]",
        "broken",
        "lost",
        "bare",
        "none",
        "none.conf",
        "app[x",
        "sshd[mode=aggressive]",
        "./none.conf",
    ];
    let lines = "2005-01-01 00:00:00 refused 192.0.2.1\n2005-01-01 00:00:01 ok denied 192.0.2.2\n2005-01-01 00:00:02 denied 192.0.2.3";
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for name in names {
        for verbosity in ["-lcritical", "-v", "-vv"] {
            runs.push(vec!["-c", conf, verbosity, lines, name]);
        }
    }
    runs.push(vec!["-c", conf, lines, "app", "^denied"]);
    runs.push(vec!["-c", "/no/such/directory", "x", "sshd"]);
    same(&runs);
}

#[test]
fn outputs() {
    let conf = Version::BASELINE.configuration();
    let conf = conf.to_str().expect("the checkout's name is text");
    let log = |name: &str| Version::BASELINE.test_files().join("logs").join(name).display().to_string();
    let [sshd, dovecot, mongodb, recidive] = ["sshd", "dovecot", "mongodb-auth", "recidive"].map(log);
    let logs = [(&sshd, "sshd"), (&dovecot, "dovecot"), (&mongodb, "mongodb-auth"), (&recidive, "recidive")];
    let template =
        "<fid>|<family>|<ip-rev>|<failures>|<bancount>|<restored>|<time>|<F-USER>|<br>x<sp>y<nope>|<msg>";
    let mut runs = Vec::new();
    for (log, filter) in logs {
        for out in ["id", "fid", "ip", "msg", "row", "user", "matches", "host", "<msg>", template] {
            runs.push(vec!["-r", "-c", conf, "-o", out, log, filter]);
            runs.push(vec!["-r", "-c", conf, "-i", "-o", out, log, filter]);
        }
        for options in [
            &["-v"][..],
            &["-v", "--VD"],
            &["--no-check-all"],
            &["--print-all-matched", "--print-all-missed", "--print-all-ignored"],
            &["--print-no-missed", "--print-no-ignored"],
            &["-D", "--print-all-matched"],
            &["-e", "latin1"],
        ] {
            runs.push([&["-r", "-c", conf, log, filter][..], options].concat());
        }
    }
    same(&runs);
}

#[test]
fn sample_logs_of_1_0_2() {
    compare_samples(Version("1.0.2"));
}

#[test]
fn sample_logs_of_1_1_0() {
    compare_samples(Version("1.1.0"));
}

#[test]
fn sample_logs_of_1_1_1() {
    compare_samples(Version("1.1.1"));
}

/// Every sample log with its filter and each of the option sets that it names.
fn compare_samples(version: Version) {
    let conf = version.configuration();
    let conf = conf.to_str().expect("the checkout's name is text");
    let samples = samples::of(version);
    let difference = |sample: &Sample| {
        let log = sample.log.to_str().expect("sample logs have simple names");
        difference(&["-r", "-c", conf, "-o", "row", log, &sample.filter])
    };
    let wrong: Vec<String> = samples.iter().filter_map(difference).collect();
    let compared = samples.len();
    assert!(compared > 100, "{compared} sample logs");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}
