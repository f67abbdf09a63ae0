//! The binary `lyceum`.

fn main() -> std::process::ExitCode {
    lyceum::main()
}
