//! The only reader and watcher of config files.
