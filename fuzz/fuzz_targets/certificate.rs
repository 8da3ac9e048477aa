#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_fuzzed::run("certificate", bytes));
