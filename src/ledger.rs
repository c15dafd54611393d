//! The database of requests: one writer thread, typed records in, typed summaries out.
