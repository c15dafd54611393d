//! The routing engine, pure: which deployment a request tries next, and why.
