//! The binary `lyceum` as the tests run it: the same `main`, built together
//! with the suite and so never stale.

fn main() -> std::process::ExitCode {
    lyceum::main()
}
