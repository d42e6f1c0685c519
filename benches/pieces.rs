//! `cargo bench`: the pieces of the work, each alone. What they add up to is measured by `make bench`.
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ferroban::address::Address;
use ferroban::config::configurator::{Configurator, FilterPlace, Request};
use ferroban::config::tags::{Texts, resolve};
use ferroban::config::{OptionMap, Reporter};
use ferroban::control::pickle;
use ferroban::date::{DateDetector, LocalZone, Years};
use ferroban::failures::{Failures, Found};
use ferroban::filter::{Data, Filter, Matches};
use ferroban::level;
use ferroban::pattern::{Captures, Origin};
use ferroban::server::logging;
use ferroban::value::{Exception, Value};

const FLOOD: &str = "Aug 14 11:59:59 raspberrypi kernel: [123456.789012] SYNLIMIT IN=eth0 OUT= \
    MAC=b8:27:eb:aa:bb:cc:00:11:22:33:44:55:08:00 SRC=203.0.113.7 DST=192.168.1.20 LEN=60 TOS=0x00 PREC=0x00 TTL=51 \
    ID=4242 DF PROTO=TCP SPT=51515 DPT=8032 WINDOW=5840 RES=0x00 SYN URGP=0";
const FLOOD_REGEX: &str = r"kernel:.*?SRC=<HOST> DST.*?SYN";
const SSHD: &str =
    "Aug 14 11:59:59 raspberrypi sshd[4711]: Failed password for root from 203.0.113.7 port 50022 ssh2";
/// 2005-08-14 12:00:00 UTC: a second after the dates of the lines.
const NOW: f64 = 1_124_020_800.0;

fn reporter(sink: &mut dyn FnMut(ferroban::config::Message)) -> Reporter<'_> {
    Reporter { level: level::CRITICAL, sink }
}

/// A filter that expects dates like those above.
fn dated_filter() -> Filter {
    Filter::new(Some(DateDetector::new(Years::around(2005), LocalZone::named("UTC"))))
}

fn flood_filter() -> Filter {
    let mut filter = dated_filter();
    filter.add_failregex(FLOOD_REGEX, Origin("benchmark".into())).expect("it compiles");
    filter
}

/// The project's own sshd filter.
fn sshd_filter() -> Filter {
    let mut configurator = Configurator::new(env!("CARGO_MANIFEST_DIR"), None);
    let mut sink = |_| {};
    let place = FilterPlace::Tree;
    let read = configurator.filter("sshd", &OptionMap::default(), place, "auto", &mut reporter(&mut sink));
    let commands = read.expect("it is readable").expect("it is in the checkout").stream.commands;
    let mut filter = dated_filter();
    for command in &commands {
        let words = command.items().expect("commands are lists");
        let texts =
            words[3].items().unwrap_or(&words[3..]).iter().map(|text| text.as_str().expect("a regex"));
        for text in texts.map(str::to_owned) {
            let origin = Origin("benchmark".into());
            match words[2].as_str() {
                Some("prefregex") => filter.set_prefregex(&text, origin).expect("it compiles"),
                Some("addfailregex") => filter.add_failregex(&text, origin).expect("it compiles"),
                _ => {}
            }
        }
    }
    assert!(filter.prefregex().is_some() && filter.failregexes().len() > 10);
    filter
}

fn regexes(bench: &mut Criterion) {
    let filters = [("flood", flood_filter(), FLOOD), ("sshd", sshd_filter(), SSHD)];
    for (name, filter, line) in &filters {
        let message = line.split_once(" raspberrypi ").expect("the host's name is in it").1;
        let mut captures = Captures::new();
        if let Some(prefix) = filter.prefregex() {
            bench.bench_function(&format!("regex: prefregex of {name}"), |b| {
                b.iter(|| prefix.regex().search(black_box(line.as_bytes()), 0, &mut captures));
            });
        }
        let content = message.split_once("]: ").map_or(message, |(_, content)| content);
        let text = if filter.prefregex().is_some() { content } else { message };
        let failregex = filter.failregexes().iter().map(|regex| regex.regex());
        let found =
            |regex: &&ferroban::pattern::Regex| regex.search(text.as_bytes(), 0, &mut Captures::new());
        let regex =
            failregex.into_iter().find(|regex| found(regex) == Ok(true)).expect("one of them finds it");
        bench.bench_function(&format!("regex: the failregex of {name} that finds"), |b| {
            b.iter(|| regex.search(black_box(text.as_bytes()), 0, &mut captures));
        });
    }
}

fn lines(bench: &mut Criterion) {
    let mut detector = DateDetector::new(Years::around(2005), LocalZone::named("UTC"));
    bench.bench_function("date of a line, the same second as before", |b| {
        b.iter(|| detector.find(black_box(FLOOD.as_bytes()), NOW));
    });
    let seconds: Vec<String> =
        (0..60).map(|s| FLOOD.replacen("11:59:59", &format!("11:59:{s:02}"), 1)).collect();
    bench.bench_function("date of a line, another second", |b| {
        let mut lines = seconds.iter().cycle();
        b.iter(|| detector.find(black_box(lines.next().expect("it cycles").as_bytes()), NOW).is_ok());
    });
    for (name, mut filter, line) in [("flood", flood_filter(), FLOOD), ("sshd", sshd_filter(), SSHD)] {
        let (mut failures, mut notes) = (Vec::new(), Vec::new());
        filter.process_line(line, NOW, &mut failures, &mut notes).expect("the line is in order");
        assert_eq!(failures.len(), 1, "{name}");
        bench.bench_function(&format!("a line of {name} to its failure"), |b| {
            b.iter(|| {
                failures.clear();
                filter.process_line(black_box(line), NOW, &mut failures, &mut notes)
            });
        });
    }
}

fn failures(bench: &mut Criterion) {
    let hosts: Vec<Address> =
        (0..100_000u32).map(|i| Address::from_ip((0x0a00_0000 + i).to_be_bytes().into())).collect();
    let (matches, data) = (Matches::This { date: (0, 15) }, Data::default());
    let found = || Found { matches: &matches, line: FLOOD, data: &data };
    bench.bench_function("failures: 100,000 hosts, one each", |b| {
        b.iter_batched_ref(
            Failures::default,
            |failures| hosts.iter().for_each(|host| _ = failures.add(host, NOW, 1, found())),
            BatchSize::PerIteration,
        );
    });
    let mut failures = Failures::default();
    let mut again = hosts.iter().cycle();
    bench.bench_function("failures: one more of a host, among 100,000", |b| {
        b.iter(|| failures.add(again.next().expect("it cycles"), NOW, 1, found()));
    });
}

fn log(bench: &mut Criterion) {
    assert!(logging::log().set_target("/dev/null"));
    bench.bench_function("log: a line", |b| {
        b.iter(|| {
            logging::write(
                level::INFO,
                "fail2ban.filter",
                black_box("[sshd] Found 203.0.113.7 - 2005-08-14 11:59:59"),
            )
        });
    });
}

fn commands(bench: &mut Criterion) {
    let command = pickle::dumps(&Value::strings(["set", "sshd", "banip", "203.0.113.7", "203.0.113.8"]));
    bench.bench_function("pickle: a command", |b| b.iter(|| pickle::loads_request(black_box(&command))));
}

fn configuration(bench: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("ferroban-bench-{}", std::process::id()));
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir(&folder).expect("/tmp is writable");
    for name in ["filter.d", "action.d"] {
        std::os::unix::fs::symlink(checkout.join(name), folder.join(name)).expect("the folder is new");
    }
    for entry in std::fs::read_dir(checkout.join("packaging/config")).expect("it is part of the checkout") {
        let path = entry.expect("it was just listed").path();
        std::os::unix::fs::symlink(&path, folder.join(path.file_name().expect("it is a file")))
            .expect("the folder is new");
    }
    std::fs::write(folder.join("jail.local"), "[DEFAULT]\nenabled = true\n").expect("the folder is ours");
    let request = Request { allow_no_files: true, ..Request::default() };
    bench.bench_function("configuration: every jail of this project", |b| {
        b.iter(|| {
            let mut configurator = Configurator::new(&folder.to_string_lossy(), None);
            let reading = configurator.read(&request, &mut reporter(&mut |_| {}));
            let commands = reading.stream.map_or(0, |stream| stream.commands.len());
            assert!(commands > 100, "only {commands} commands");
        });
    });
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

fn tags(bench: &mut Criterion) {
    let options = [
        ("actionstart", "<iptables> -N f2b-<name>\n<iptables> -I <chain> <_rule>"),
        ("actionban", "<iptables> -I f2b-<name> 1 -s <ip> -j <blocktype>"),
        ("actionunban", "<iptables> -D f2b-<name> -s <ip> -j <blocktype>"),
        ("_rule", "-p <protocol> -m multiport --dports <port> -j f2b-<name>"),
        ("iptables", "iptables <lockingopt>"),
        ("iptables?family=inet6", "ip6tables <lockingopt>"),
        ("lockingopt", "-w"),
        ("name", "sshd"),
        ("chain", "INPUT"),
        ("protocol", "tcp"),
        ("port", "ssh,2222"),
        ("blocktype", "REJECT"),
    ];
    let texts: Texts = options.iter().map(|(name, text)| (*name, Some((*text).into()))).collect();
    bench.bench_function("tags: the options of an action", |b| {
        b.iter(|| resolve::<Exception>(texts.clone(), black_box("family=inet6"), &[], &mut |_| Ok(None)));
    });
}

criterion_group!(pieces, regexes, lines, failures, log, commands, configuration, tags);
criterion_main!(pieces);
