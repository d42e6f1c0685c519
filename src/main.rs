//! argv[0] chooses the program: see [`ferroban::program`].

fn main() -> std::process::ExitCode {
    ferroban::program::main(std::env::args_os().collect())
}
