//! One instance a data folder, and who holds a port.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

/// A lock on a data folder; it ends with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Locks a folder.
    ///
    /// # Errors
    /// Another instance has it, or the folder cannot be written to.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("pointsman.lock");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot write to the data folder {}", folder.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let holder = holder.trim();
                bail!(
                    "another pointsman ({holder}) uses the data folder {}: stop it, or give this one \
                     its own with --data-dir",
                    folder.display()
                )
            },
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            },
        }
    }

    /// Writes down who holds it, for the message above.
    pub fn sign(&mut self, addr: SocketAddr) {
        let text = format!("pid {}, on {addr}", std::process::id());
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::debug!("cannot sign the lock: {error}");
        }
    }
}

/// Who listens on a port of this machine, as `name (pid N)`; `None` where the system does not tell.
pub fn holder_of(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inode = tables
        .iter()
        .find_map(|table| listening_inode(table, port))?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.map(|entry| entry.path()).find_map(|process| {
        let pid: u32 = process.file_name()?.to_str()?.parse().ok()?;
        let mut handles = std::fs::read_dir(process.join("fd")).ok()?.flatten();
        handles.find(|handle| is_link_to(&handle.path(), &wanted))?;
        let name = std::fs::read_to_string(process.join("comm")).ok()?;
        Some(format!("{} (pid {pid})", name.trim()))
    })
}

/// Whether whoever answers at an address says that it is Pointsman: for holders that the system does
/// not tell, such as those of other users.
pub fn is_ours(addr: SocketAddr) -> bool {
    let within = Duration::from_millis(300);
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&addr, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.write_all(b"GET /health/liveliness HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.to_ascii_lowercase().contains("server: pointsman"))
}

fn is_link_to(handle: &PathBuf, wanted: &str) -> bool {
    std::fs::read_link(handle).is_ok_and(|target| target.to_str() == Some(wanted))
}

/// The inode of the socket that listens on a port, from the kernel's table.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    let text = std::fs::read_to_string(table).ok()?;
    let ending = format!(":{port:04X}");
    text.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listening = fields.get(3) == Some(&"0A");
        let here = fields.get(1).is_some_and(|local| local.ends_with(&ending));
        (listening && here).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = FolderLock::take(folder.path()).unwrap();
        first.sign("127.0.0.1:4000".parse().unwrap());
        let refused = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(
            refused.contains("127.0.0.1:4000") && refused.contains("--data-dir"),
            "{refused}"
        );
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = holder_of(port).unwrap();
        assert!(
            holder.contains(&format!("pid {}", std::process::id())),
            "{holder}"
        );
        drop(listener);
        assert_eq!(holder_of(port), None);
    }
}
