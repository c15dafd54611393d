//! What keeps rows from being written, as one sentence that says what to do.
//!
//! The only place that knows SQLite's error codes. `store` makes a [`Trouble`], `writer` acts on it,
//! `Ledger::status` shows it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// What kind of trouble it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// No space is left.
    DiskFull,
    /// Somebody else holds a lock on the file.
    Locked,
    /// The file or its folder may not be written.
    ReadOnly,
    /// The folder cannot be made or opened.
    Folder,
    /// The file is damaged, or no database.
    Damaged,
    /// The file was moved or removed while it was open.
    Gone,
    /// The file cannot be set aside.
    Aside,
    /// Reading or writing failed otherwise.
    Io,
}

/// One trouble with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    /// The file, or for [`Cause::Folder`] the folder.
    pub(super) path: PathBuf,
    /// What the system or SQLite said.
    pub(super) detail: String,
}

impl Trouble {
    pub(super) fn new(cause: Cause, path: &Path, detail: impl Into<String>) -> Self {
        Self {
            cause,
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// What an error of SQLite means for this file.
    pub(super) fn of(error: &rusqlite::Error, path: &Path) -> Self {
        let cause = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Cause::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Cause::Locked,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Cause::ReadOnly
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Cause::Damaged,
            _ => Cause::Io,
        };
        // One line: some errors quote a whole statement.
        let text = error.to_string();
        Self::new(cause, path, text.lines().next().unwrap_or_default())
    }

    /// Whether the file must be opened anew before the next try.
    pub(super) fn needs_reopening(&self) -> bool {
        match self.cause {
            Cause::DiskFull | Cause::Locked => false,
            Cause::ReadOnly
            | Cause::Folder
            | Cause::Damaged
            | Cause::Gone
            | Cause::Aside
            | Cause::Io => true,
        }
    }

    /// What is wrong and what to do.
    pub(super) fn sentence(&self) -> String {
        let (path, detail) = (self.path.display(), &self.detail);
        match self.cause {
            Cause::DiskFull => format!(
                "no space is left for the ledger {path}: free some and the waiting rows are written by themselves"
            ),
            Cause::Locked => format!(
                "another program holds a lock on the ledger {path}: close it (an SQL shell, a backup) and the waiting rows are written by themselves"
            ),
            Cause::ReadOnly => format!(
                "the ledger {path} cannot be opened for writing ({detail}): give this user write access to it and its folder, or choose another folder with --data-dir"
            ),
            Cause::Folder => format!(
                "the data folder {path} cannot be used ({detail}): make it writable for this user, or choose another with --data-dir"
            ),
            Cause::Damaged => format!(
                "the ledger {path} is damaged ({detail}): it is being set aside and a new one begun"
            ),
            Cause::Gone => format!(
                "the ledger {path} was moved or removed while in use: a new one is being begun"
            ),
            Cause::Aside => format!(
                "the damaged ledger {path} cannot be renamed ({detail}): move it away, and a new one is begun by itself"
            ),
            Cause::Io => format!(
                "the ledger {path} cannot be written ({detail}): check the disk; writing is tried again by itself"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> Trouble {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        Trouble::of(&error, Path::new("/data/pointsman.db"))
    }

    #[test]
    fn codes_become_causes() {
        let table = [
            (rusqlite::ffi::SQLITE_FULL, Cause::DiskFull, false),
            (rusqlite::ffi::SQLITE_BUSY, Cause::Locked, false),
            (rusqlite::ffi::SQLITE_READONLY, Cause::ReadOnly, true),
            (rusqlite::ffi::SQLITE_CANTOPEN, Cause::ReadOnly, true),
            (rusqlite::ffi::SQLITE_CORRUPT, Cause::Damaged, true),
            (rusqlite::ffi::SQLITE_NOTADB, Cause::Damaged, true),
            (rusqlite::ffi::SQLITE_IOERR, Cause::Io, true),
        ];
        for (code, cause, reopen) in table {
            let trouble = of(code);
            assert_eq!(trouble.cause, cause);
            assert_eq!(trouble.needs_reopening(), reopen, "{cause:?}");
            let sentence = trouble.sentence();
            assert!(sentence.contains("/data/pointsman.db"), "{sentence}");
            assert!(!sentence.ends_with('.'), "{sentence}");
        }
    }
}
