//! Builds the kernel programs, `camfence-ebpf`, into `$OUT_DIR/camfence.bpf.o`, and the one that reads
//! clocks into `$OUT_DIR/clocks.bpf.o`.

#[path = "build/object.rs"]
mod object;
#[path = "build/toolchain.rs"]
mod toolchain;

use std::process::ExitCode;

fn main() -> ExitCode {
    object::build(&["camfence", "clocks"])
}
