//! What happens when something panics: the terminal is given back first, then it is logged. A panic in
//! one request or in the dashboard ends nothing else.

use std::panic::PanicHookInfo;

/// The name of the dashboard's thread.
pub const DASHBOARD: &str = "dashboard";

/// Puts the hook in place for the whole process.
pub fn install() {
    std::panic::set_hook(Box::new(told));
}

fn told(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    if name == DASHBOARD {
        crate::tui::restore();
    }
    let text = panic
        .payload()
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.payload().downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(thread = name, place, "panicked: {text}");
}
