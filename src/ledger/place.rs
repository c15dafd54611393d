//! The file's place on disk: the folder, what kind of file system it is, and setting files aside.
//!
//! It never opens a database and never overwrites or removes a file: a name that is taken is passed
//! over. Called by `store`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::ledger::trouble::{Cause, Trouble};

/// Names tried before setting a file aside is given up.
const MAX_NAMES: u32 = 100;

/// What belongs to a database file besides itself.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The first bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What the first hundred bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The file is empty.
    Empty,
    /// It is no SQLite database.
    NoDatabase,
    /// It is one.
    Database {
        /// `PRAGMA application_id`
        application: i64,
        /// `PRAGMA user_version`
        version: i64,
        /// Whether both are the last word: nothing lies in a log beside the file.
        settled: bool,
    },
}

/// Reads a file's first bytes; SQLite is not asked, as it would make files beside it.
pub(super) fn head(path: &Path) -> io::Result<Head> {
    let mut bytes = Vec::with_capacity(100);
    fs::File::open(path)?.take(100).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(Head::Empty);
    }
    if bytes.len() < 100 || !bytes.starts_with(MAGIC) {
        return Ok(Head::NoDatabase);
    }
    let number = |place: usize| {
        let four = bytes.get(place..).and_then(|rest| rest.first_chunk());
        i64::from(i32::from_be_bytes(four.copied().unwrap_or_default()))
    };
    let settled = !has_log(path);
    Ok(Head::Database {
        application: number(68),
        version: number(60),
        settled,
    })
}

/// Makes the folder of `path` when it is missing.
pub(super) fn prepare_folder(path: &Path) -> Result<(), Trouble> {
    let folder = folder_of(path);
    fs::create_dir_all(&folder)
        .map_err(|error| Trouble::new(Cause::Folder, &folder, error.to_string()))
}

/// Makes an empty file that only its owner may read, when there is none: it will hold addresses and
/// names of users. SQLite gives its companions the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), Trouble> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            Err(Trouble::new(Cause::DiskFull, path, error.to_string()))
        },
        Err(error) => Err(Trouble::new(Cause::ReadOnly, path, error.to_string())),
    }
}

/// What tells this very file from another that takes its name later; `None` where there is no such
/// thing.
pub(super) fn identity(path: &Path) -> io::Result<Option<(u64, u64)>> {
    let found = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(Some((found.dev(), found.ino())))
    }
    #[cfg(not(unix))]
    {
        drop(found);
        Ok(None)
    }
}

/// Renames a file and its companions to `<name>.<word>-<stamp>`; a number is added when that name is
/// taken. Gives the new name.
pub(super) fn set_aside(path: &Path, word: &str, stamp: &str) -> Result<PathBuf, Trouble> {
    let failed = |error: io::Error| Trouble::new(Cause::Aside, path, error.to_string());
    let names = (1..=MAX_NAMES).map(|number| match number {
        1 => with_suffix(path, &format!(".{word}-{stamp}")),
        _ => with_suffix(path, &format!(".{word}-{stamp}-{number}")),
    });
    for name in names {
        let taken = std::iter::once("")
            .chain(COMPANIONS)
            .any(|part| fs::symlink_metadata(with_suffix(&name, part)).is_ok());
        if taken {
            continue;
        }
        // The companions first: a database without its log is worse than a log without its database.
        for part in COMPANIONS {
            match fs::rename(with_suffix(path, part), with_suffix(&name, part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {},
            }
        }
        match fs::rename(path, &name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => return Ok(name),
        }
    }
    Err(failed(io::Error::other("every name for it is taken")))
}

/// Whether a log lies beside `path`; without its file SQLite would remove it.
pub(super) fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"]
        .iter()
        .any(|part| fs::symlink_metadata(with_suffix(path, part)).is_ok())
}

/// The file used beside one that belongs to a newer version or to another program:
/// `pointsman.db` → `pointsman-v1.db`.
pub(super) fn beside(path: &Path, version: i64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-v{version}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The kind of network (or otherwise remote) file system `path` lies on, if it does. SQLite's
/// write-ahead log needs memory shared between processes, which those don't give.
pub(super) fn network_file_system(path: &Path) -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    {
        let found = rustix::fs::statfs(folder_of(path)).ok()?;
        remote_kind(u64::try_from(found.f_type).ok()?)
    }
    #[cfg(target_os = "macos")]
    {
        /// `MNT_LOCAL` of `sys/mount.h`.
        const LOCAL: u32 = 0x1000;
        let found = rustix::fs::statfs(folder_of(path)).ok()?;
        (found.f_flags & LOCAL == 0).then_some("a network file system")
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        drop(path.to_owned());
        None
    }
}

/// Linux's magic numbers of file systems that are not local disks (`linux/magic.h`).
#[cfg(any(target_os = "linux", test))]
fn remote_kind(magic: u64) -> Option<&'static str> {
    match magic & 0xFFFF_FFFF {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x0102_1997 => Some("9p"),
        0x6573_5546 => Some("FUSE"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        0x7375_7245 => Some("Coda"),
        0x564C => Some("NCP"),
        0x0BD0_0BD0 => Some("Lustre"),
        0x4750_4653 => Some("GPFS"),
        0x786F_4256 => Some("VirtualBox shared folders"),
        _ => None,
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_file_systems_are_known_by_their_numbers() {
        let table = [
            (0x6969, Some("NFS")),
            (0xFF53_4D42, Some("SMB")),
            (0x0102_1997, Some("9p")),
            (0x6573_5546, Some("FUSE")),
            (0xEF53, None),
            (0x0102_1994, None),
            (0x9123_683E, None),
            (0x794C_7630, None),
        ];
        for (magic, kind) in table {
            assert_eq!(remote_kind(magic), kind, "{magic:#x}");
        }
    }

    #[test]
    fn nothing_is_overwritten_when_a_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        write("pointsman.db.corrupt-20261121-010203", "older");
        write("pointsman.db", "first");
        write("pointsman.db-wal", "log");
        let name = set_aside(&path, "corrupt", "20261121-010203").unwrap();
        assert!(name.ends_with("pointsman.db.corrupt-20261121-010203-2"));
        assert_eq!(read("pointsman.db.corrupt-20261121-010203"), "older");
        assert_eq!(read("pointsman.db.corrupt-20261121-010203-2"), "first");
        assert_eq!(read("pointsman.db.corrupt-20261121-010203-2-wal"), "log");
        assert!(!path.exists());
    }

    #[test]
    fn the_file_beside_is_named_after_the_version() {
        let name = |path: &str| beside(Path::new(path), 1).display().to_string();
        assert_eq!(name("/d/pointsman.db"), "/d/pointsman-v1.db");
        assert_eq!(name("ledger"), "ledger-v1");
    }
}
