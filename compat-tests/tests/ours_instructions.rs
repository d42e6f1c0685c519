//! What a log line costs may not grow: instructions of the release build, counted by valgrind.
//!
//! The numbers are of x86-64; on other machines there is nothing to compare with, and so no test.
#![cfg(target_arch = "x86_64")]
use compat_tests::instructions::{callgrind, per_line, release_build};
use compat_tests::workload::Workload;
use compat_tests::{Output, Side};
use std::process::Command;

/// Instructions per line that are allowed: what was measured (AVX2, rustc 1.95), 10 % more, and rounded up to
/// the next hundred. Whoever makes it faster lowers them; whoever makes it slower says why. What is measured:
/// `cargo build --release` in the checkout, `cargo test --test ours_instructions -- --nocapture` here.
const FLOOD: f64 = 3_900.0; // measured: 3,470
const SHARED: f64 = 14_000.0; // measured: 12,640
const SSHD: f64 = 10_700.0; // measured: 9,701

fn at_most(budget: f64, workload: &Workload) {
    let installed = Command::new("valgrind").arg("--version").output().is_ok();
    assert!(installed, "install the Debian package valgrind (scripts/prepare count does)");
    let measured = per_line(Side::Ours, workload, [5_000, 15_000], &|| callgrind(&release_build()));
    println!("{}: {measured:.0} instructions per line", workload.jail);
    assert!(
        measured <= budget,
        "a line of {} costs {measured:.0} instructions, more than {budget}. The budget is for {}; this is {}, {}",
        workload.log,
        "a processor with AVX2 and a program compiled by rustc 1.95 (without AVX2, searching costs more)",
        if avx2() { "a processor with AVX2" } else { "a processor WITHOUT AVX2" },
        Output::of(Command::new("rustc").arg("--version")).success(),
    );
}

fn avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[test]
fn a_line_of_a_flood() {
    at_most(FLOOD, &Workload::FLOOD);
}

#[test]
fn a_line_that_ten_other_jails_read_in_vain() {
    at_most(SHARED, &Workload::SHARED);
}

#[test]
fn a_line_of_a_mixed_auth_log() {
    at_most(SSHD, &Workload::SSHD);
}
