//! The dashboard, over control types only.
