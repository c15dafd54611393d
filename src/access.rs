//! Who may call: keys as pure decisions.
