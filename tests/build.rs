//! Builds the benchmark's own kernel programs into `$OUT_DIR/bench.bpf.o`.

#[path = "../camfence/build/object.rs"]
mod object;
#[path = "../camfence/build/toolchain.rs"]
mod toolchain;

use std::process::ExitCode;

fn main() -> ExitCode {
    object::build(&["bench"])
}
