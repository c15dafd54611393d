//! Command line: clap types, one file a subcommand.
