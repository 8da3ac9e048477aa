//! What fuzzing has kept holds for every target: `fuzz/corpus/NAME/*`.

use std::{
    fs, panic,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Panics of all threads: those of the sidecar's own end a task and no more.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn every_input_that_was_kept_passes() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Relaxed);
        told(panic);
    }));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, run) in outrigger_fuzzed::TARGETS {
        let inputs =
            fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("corpus of {name}: {error}"));
        let mut replayed = 0;
        for input in inputs {
            let path = input.expect("a folder that can be read").path();
            let bytes = fs::read(&path).expect("a file");
            println!("{}", path.display());
            run(&bytes);
            assert_eq!(
                PANICS.load(Relaxed),
                0,
                "{} makes the sidecar panic",
                path.display()
            );
            replayed += 1;
        }
        assert!(replayed > 0, "{name} has no input");
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("the manifest of the fuzz targets");
    for (name, _) in outrigger_fuzzed::TARGETS {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"\n")),
            "{name}"
        );
        let program = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).expect("its program");
        assert!(
            program.contains(&format!("outrigger_fuzzed::run(\"{name}\", bytes)")),
            "{program}"
        );
    }
    assert_eq!(
        manifest.matches("[[bin]]").count(),
        outrigger_fuzzed::TARGETS.len()
    );
}
