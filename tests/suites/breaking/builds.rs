//! Two builds to upgrade between.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd;

/// Names the other build.
const OTHER: &str = "CAMFENCE_BIN_OTHER";

/// `r = 0` in 64 bits and in 32, which is the same to a program and gives it another tag.
const ZERO_64: u8 = 0xb7;
const ZERO_32: u8 = 0xb4;
const EM_BPF: u16 = 247;

/// This build, and what `$CAMFENCE_BIN_OTHER` names. Without it, a copy in `directory` whose
/// programs have other instructions and do the same.
pub(crate) fn both(directory: &Path) -> Result<[PathBuf; 2]> {
    let this = cmd::binary()?.to_owned();
    if let Some(other) = std::env::var_os(OTHER) {
        return Ok([this, other.into()]);
    }
    let mut program = fs::read(&this)?;
    let mut patched = 0;
    for object in bpf_objects(&program) {
        patched += patch(&mut program[object..])?;
    }
    ensure!(patched > 10, "only {patched} instructions to patch");
    let other = directory.join("camfence-other");
    fs::write(&other, program)?;
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755))?;
    Ok([this, other])
}

/// Where the objects with kernel programs begin.
fn bpf_objects(program: &[u8]) -> Vec<usize> {
    let is_object = |bytes: &[u8]| {
        bytes.starts_with(b"\x7fELF") && u16::from_le_bytes([bytes[18], bytes[19]]) == EM_BPF
    };
    let places = program.windows(20).enumerate();
    places.filter(|(_, bytes)| is_object(bytes)).map(|(at, _)| at).collect()
}

/// Replaces the instructions in all sections with code; gives how many there were.
fn patch(object: &mut [u8]) -> Result<usize> {
    const EXECUTABLE: u64 = 4;
    let number = |object: &[u8], at: usize| -> Result<usize> {
        let bytes = object.get(at..).and_then(|rest| rest.first_chunk()).context("a short ELF")?;
        Ok(usize::try_from(u64::from_le_bytes(*bytes))?)
    };
    let short = |object: &[u8], at: usize| u16::from_le_bytes([object[at], object[at + 1]]).into();
    let headers = number(object, 40)?;
    let (size, count): (usize, usize) = (short(object, 58), short(object, 60));
    let mut patched = 0;
    for header in (0..count).map(|i| headers + i * size) {
        if number(object, header + 8)? as u64 & EXECUTABLE == 0 {
            continue;
        }
        let (begin, length) = (number(object, header + 24)?, number(object, header + 32)?);
        for instruction in object[begin..begin + length].chunks_exact_mut(8) {
            if instruction[0] == ZERO_64 && instruction[1] < 10 && instruction[2..] == [0; 6] {
                instruction[0] = ZERO_32;
                patched += 1;
            }
        }
    }
    Ok(patched)
}
