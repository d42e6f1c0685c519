//! `instructions COMMAND…`: the instructions that a server of ours spends on a line of a flood, and of a mixed
//! auth.log. COMMAND starts one (options of fail2ban-server are appended) under something that prints
//! `Collected : NUMBER` at the end.
use compat_tests::Side;
use compat_tests::instructions::per_line;
use compat_tests::workload::Workload;
use std::process::Command;

fn main() {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let (program, arguments) = words.split_first().expect("the arguments are the command of a server");
    let server = || {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    };
    for (name, workload) in
        [("SYN flood", Workload::FLOOD), ("mixed auth.log, stock sshd filter", Workload::SSHD)]
    {
        let instructions = per_line(Side::Ours, &workload, [5_000, 15_000], &server);
        println!("{name}: {instructions:.0} instructions per line");
    }
}
