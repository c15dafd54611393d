//! The only reader and watcher of config files.
//!
//! [`Watch`] tells when any of the files changed: by events of their folders where the system gives
//! any, and by a look at the files twice a second everywhere else (bind mounts, network shares).
//! What the text means is `config`'s matter; when to read it again is `app`'s.

pub mod watch;

use std::io;
use std::path::Path;

pub use watch::Watch;

/// A file larger than this is no config.
pub const MAX_BYTES: u64 = 16 << 20;

/// Reads a file whole.
///
/// # Errors
/// It cannot be read, or is larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!(
                "it is {} MiB large; a config has at most {} MiB",
                size >> 20,
                MAX_BYTES >> 20
            ),
        ));
    }
    std::fs::read(path)
}
