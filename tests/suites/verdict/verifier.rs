//! What the kernel's verifier makes of the programs.

use std::io::{Write as _, stderr};

use anyhow::Result;
use camfence_tests::judge::{Kernel, policy};

use crate::HOME;

/// A quarter of what the verifier follows at most: room for what is still to come.
const MOST: u32 = 250_000;

#[test]
fn the_programs_leave_room() -> Result<()> {
    let verified = Kernel::new(&policy(HOME)?)?.verified()?;
    let line: String = verified.iter().map(|(program, count)| show(program, *count)).collect();
    let line = format!("verifier:{line} the limit is {MOST}\n");
    // Not `println!`, which shows nothing when a test passes.
    stderr().write_all(line.as_bytes())?;
    for (program, instructions) in verified {
        assert!(instructions.is_none_or(|number| number < MOST), "{program}: {instructions:?}");
    }
    Ok(())
}

fn show(program: &str, instructions: Option<u32>) -> String {
    match instructions {
        Some(number) => format!(" {program} {number} instructions;"),
        None => format!(" {program} unknown (before kernel 5.16);"),
    }
}
