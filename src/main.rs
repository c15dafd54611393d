//! The `pointsman` program.

use std::process::ExitCode;

/// Fewer and smaller pages than the system's allocator holds on to under many small buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    small_pages();
    pointsman::cli::main(std::env::args_os())
}

/// Memory in pages of 4 KiB: with the kernel's transparent pages of 2 MiB every heap of a thread begins
/// with one, and a gateway at rest takes twice as much.
#[cfg(target_os = "linux")]
fn small_pages() {
    // An old kernel or a strict sandbox says no; all works as well, in more memory.
    rustix::thread::disable_transparent_huge_pages(true).unwrap_or_default();
}

#[cfg(not(target_os = "linux"))]
const fn small_pages() {}
