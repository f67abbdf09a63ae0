#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lyceum_plugin_host::fuzzing::package(bytes));
