//! The `pointsman` program.

use std::process::ExitCode;

/// Fewer and smaller pages than the system's allocator holds on to under many small buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pointsman::app::surroundings::use_small_pages();
    pointsman::cli::main(std::env::args_os())
}
