//! The HTTP service: accept, admit, walk, relay, settle.
