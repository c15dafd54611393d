//! What surrounds this process: environment, folders, container. The only reader of the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// Memory in pages of 4 KiB: with the kernel's transparent pages of 2 MiB every heap of a thread begins
/// with one, and a gateway at rest takes half as much again. To be called before memory is used.
#[cfg(target_os = "linux")]
pub fn use_small_pages() {
    // An old kernel or a strict sandbox says no; all works as well, in more memory.
    rustix::thread::disable_transparent_huge_pages(true).unwrap_or_default();
}

/// Elsewhere nothing is known to be done.
#[cfg(not(target_os = "linux"))]
pub const fn use_small_pages() {}

/// All variables whose name and value are text.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// One variable, when it is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the composition root reads the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `$XDG_DATA_HOME/pointsman`
pub fn data_dir() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.data_dir().join("pointsman"))
}

/// `$XDG_CONFIG_HOME/pointsman`
pub fn config_dir() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("pointsman"))
}

/// Whether this is a container, by the marks that Docker, Podman and Kubernetes leave.
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || variable("KUBERNETES_SERVICE_HOST").is_some()
        || variable("container").is_some()
}

/// Host names by which this machine may be called: its own, and the one it was told to listen on.
pub fn host_names(listen_host: &str) -> Vec<String> {
    let own = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    [own, listen_host.to_owned()]
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect()
}
