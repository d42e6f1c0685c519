//! fail2ban-regex: the same arguments give the same output (but for the time it took) and exit status; and on every
//! sample log of the original packages, with every set of filter options, the same failures line by line.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use compat_tests::{Output, Sandbox, Side, Version};
use serde_json::Value;

fn run(side: Side, args: &[&str]) -> Output {
    Output::of(side.regex().args(args).env("TZ", "Europe/Berlin").env("COLUMNS", "80"))
}

/// What is the same on both sides: without the path of the program, the time it took, the present time, and with
/// Python's sets in order.
fn normal(output: &Output) -> String {
    let mut text = format!("{}\n{}", output.code, output.stdout);
    if output.code == 2 {
        text += &output.stderr;
    }
    let lines = text.lines().map(|line| match line {
        line if line.starts_with("[processed in ") => "[processed]".to_owned(),
        line if line.starts_with("Usage: ") => {
            line.replace(&line["Usage: ".len()..usage_end(line)], "PROGRAM")
        }
        line => without_present(&with_sorted_sets(line)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn usage_end(line: &str) -> usize {
    line.find(" [OPTIONS]").expect("a usage line names the options")
}

fn with_sorted_sets(line: &str) -> String {
    const START: &str = "'users': {";
    let Some(at) = line.find(START).map(|at| at + START.len()) else { return line.to_owned() };
    let Some(length) = line[at..].find('}') else { return line.to_owned() };
    let mut users: Vec<&str> = line[at..at + length].split(", ").collect();
    users.sort();
    format!("{}{}{}", &line[..at], users.join(", "), with_sorted_sets(&line[at + length..]))
}

/// Undated lines have the present time.
fn without_present(line: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64();
    let numbers = |c: char| !(c.is_ascii_digit() || c == '.');
    let recent = |word: &&str| {
        word.parse::<f64>().is_ok_and(|time| time.fract() != 0.0 && (time - now).abs() < 1000.0)
    };
    match line.split(numbers).find(recent) {
        Some(time) => line.replace(time, "NOW"),
        None => line.to_owned(),
    }
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
        vec!["-D", "from 192.0.2.1", "from <HOST>", "--print-all-matched"],
        vec!["-D", "from \u{e9}", "from <HOST>"],
    ]);
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
        "none",
        "none.conf",
        "app[x",
        "sshd[mode=aggressive]",
        "./none.conf",
    ];
    let lines = "2005-01-01 00:00:00 refused 192.0.2.1\n2005-01-01 00:00:01 ok denied 192.0.2.2\n2005-01-01 00:00:02 denied 192.0.2.3";
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for name in names {
        for verbosity in ["-v", "-vv"] {
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
    let (logs, conf) = (version.test_files().join("logs"), version.configuration());
    let conf = conf.to_str().expect("the checkout's name is text");
    let mut compared = 0;
    let mut wrong = Vec::new();
    for log in files(&logs) {
        let name = log.strip_prefix(&logs).expect("it is in there").iter().next().expect("it has a name");
        let name = name.to_str().expect("sample logs have simple names");
        // logs of several programs, and those of filters that only upstream's tests have
        let filter = if matches!(name, "bsd" | "sshd-journal") { "sshd" } else { name };
        if filter.starts_with("zzz-") {
            continue;
        }
        for options in option_sets(&log) {
            let filter = format!("filter.d/{filter}.conf{options}");
            let log = log.to_str().expect("sample logs have simple names");
            wrong.extend(difference(&["-r", "-c", conf, "-o", "row", log, &filter]));
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} sample logs");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("the package has sample logs") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The filter options that a sample log names in its comments, as fail2ban-regex takes them.
fn option_sets(log: &Path) -> Vec<String> {
    let text = std::fs::read(log).expect("a sample log can be read");
    let text = String::from_utf8_lossy(&text);
    let mut sets = vec![String::new()];
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let line = line.trim_start_matches('#').trim_start();
        let json = line.strip_prefix("fileOptions:").or_else(|| line.strip_prefix("filterOptions:"));
        let Some(Ok(options)) = json.map(serde_json::from_str::<Value>) else { continue };
        let list = if let Value::Array(list) = options { list } else { vec![options] };
        for options in list.iter().filter_map(Value::as_object) {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let given = options.iter().filter(|(key, _)| !key.starts_with("test."));
            let words: Vec<String> =
                given.map(|(key, value)| format!("{key}=\"{}\"", plain(value))).collect();
            let set = if words.is_empty() { String::new() } else { format!("[{}]", words.join(", ")) };
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    sets
}
