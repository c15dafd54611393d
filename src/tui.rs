//! The dashboard, over control types only.

mod filter;
#[cfg(test)]
mod fixture;
mod format;
mod glyph;
mod table;
mod theme;
mod widget;
