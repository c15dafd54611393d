//! The dashboard, over control types only.

mod filter;
#[cfg(test)]
mod fixture;
mod format;
mod glyph;
mod table;
mod theme;
mod widget;

// TEMPORARY SHIM
#[allow(missing_docs)]
pub mod shim {
    use crate::base::Clock;
    use crate::control::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    pub trait Source: Send {
        fn snapshot(&self) -> Arc<Snapshot>;
        fn send(&self, ticket: Ticket, command: Command);
        fn replies(&self) -> Vec<Reply>;
    }
    pub trait Host {
        fn edit_config(&mut self) -> Result<String, String>;
    }
    pub enum Exit {
        Quit,
        Detached,
        Panicked(String),
    }
    pub struct Environment {
        pub no_color: bool,
        pub force_color: Option<String>,
        pub colorterm: Option<String>,
        pub term: Option<String>,
        pub colorfgbg: Option<String>,
        pub locale: Option<String>,
    }
    pub struct Options {
        pub light: bool,
        pub theme_text: Option<String>,
        pub color: Option<String>,
        pub ascii: Option<bool>,
        pub mouse: bool,
        pub environment: Environment,
    }
    pub fn run(
        _s: Box<dyn Source>,
        _h: Box<dyn Host>,
        _o: Options,
        _c: Arc<dyn Clock>,
        _stop: &AtomicBool,
    ) -> Exit {
        Exit::Quit
    }
    pub mod terminal {
        pub fn restore() {}
    }
}
pub use shim::*;
