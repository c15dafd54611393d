//! The dashboard, over control types only.

mod filter;
#[cfg(test)]
mod fixture;
mod format;
mod glyph;
mod keymap;
mod state;
mod svg;
mod table;
mod theme;
mod update;
mod view;
mod widget;
