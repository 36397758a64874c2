//! The inputs in `corpus` once more, through the functions that are fuzzed.

use std::{fs, io, ops::RangeInclusive, panic::catch_unwind, path::Path};

use camfence_fuzz::TARGETS;

/// Inputs of each target: enough to mean something, and few enough for every test run.
const INPUTS: RangeInclusive<usize> = 10..=60;

#[test]
fn every_input_in_the_corpus() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(corpus.join(name))? {
            let path = entry?.path();
            let input = fs::read(&path)?;
            inputs += 1;
            if catch_unwind(|| target(&input)).is_err() {
                failed.push(path);
            }
        }
        assert!(INPUTS.contains(&inputs), "{inputs} inputs for {name}");
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
    Ok(())
}

#[test]
fn every_directory_in_the_corpus_has_a_target() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_target = TARGETS.iter().any(|(target, _)| *target == name);
        assert!(is_target || !entry.file_type()?.is_dir(), "{}", name.display());
    }
    Ok(())
}
