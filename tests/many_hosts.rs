//! What a host that fails costs in memory: a flood from a million addresses must not fill a small machine.

use ferroban::address::Address;
use ferroban::failures::{Failures, Found};
use ferroban::filter::{Data, Item, Matches};

const HOSTS: u32 = 300_000;
/// Bytes that a failing host may cost, its line and groups included.
const EACH: u64 = 200;

/// Bytes of memory that this process occupies.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has that");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("and that line in it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of KiB") * 1024
}

fn fail(failures: &mut Failures, host: u32, time: f64) {
    let (id, port) =
        (Address::from_ip(std::net::Ipv4Addr::from(0x0a00_0000 + host).into()), 1024 + host % 60_000);
    let line = format!(
        "Nov 23 10:00:00 raspberrypi kernel: [123456.789012] SYNLIMIT IN=eth0 OUT= \
         MAC=b8:27:eb:aa:bb:cc:00:11:22:33:44:55:08:00 SRC={id} DST=192.168.1.20 LEN=60 TOS=0x00 PREC=0x00 TTL=51 \
         ID={host} DF PROTO=TCP SPT={port} DPT=8032 WINDOW=5840 RES=0x00 SYN URGP=0\n"
    );
    let mut data = Data::default();
    data.set("ip4", Item::Text(id.to_string().into()));
    failures.add(&id, time, 1, Found { matches: &Matches::This { date: (0, 15) }, line: &line, data: &data });
}

#[test]
fn a_failing_host_costs_little_and_goes_in_time() {
    let mut failures = Failures::default();
    fail(&mut failures, 0, 1e9);
    let before = resident();
    (1..=HOSTS).for_each(|host| fail(&mut failures, host, 1e9 + f64::from(host) / 1000.0));
    let each = (resident() - before) / u64::from(HOSTS);
    println!("{each} bytes for each failing host");
    assert!(each <= EACH, "{each} bytes for each failing host, more than {EACH}");

    assert_eq!(failures.len() as u32, HOSTS + 1);
    failures.cleanup(1e9 + failures.find_time + 100.0);
    assert_eq!(failures.len() as u32, HOSTS - 100_000, "those of the first 100 seconds are gone");
    failures.cleanup(1e9 + failures.find_time + 1000.0);
    assert!(failures.is_empty() && failures.next_cleanup().is_none());
}
