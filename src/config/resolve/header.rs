//! `extra_headers`: names and values that can stand in a request.

use super::Off;
use crate::base::Secret;
use crate::config::read::{Desk, Gap, Got};
use crate::config::snippet::quoted;
use crate::config::yaml::{Node, Spot};

/// The way out when a text does not fit into a header.
pub(super) const PLAIN: &str = "use plain ASCII on one line";

/// The headers of a deployment's requests, secret as they may be.
pub(super) fn read(desk: &mut Desk<'_>, params: &Node, off: &mut Off) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for key in ["extra_headers", "headers"] {
        let Some(map) = params.get(key).and_then(|node| desk.section(key, node)) else {
            continue;
        };
        for entry in map.entries().unwrap_or_default() {
            let got = one(desk, &entry.key, entry.key_at, &entry.value);
            if let Some(value) = off.take(desk, &entry.key, entry.value.at, got) {
                desk.notes.hide(&value);
                headers.push((entry.key.to_ascii_lowercase(), Secret::new(value)));
            }
        }
    }
    headers
}

fn one(desk: &mut Desk<'_>, name: &str, at: Spot, value: &Node) -> Got<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        let message = format!("{} cannot be the name of a header", quoted(name));
        desk.notes.error(at, message, "use letters, digits and `-`");
        return Err(Gap::Bad);
    }
    let Some(text) = desk.text(name, value)? else {
        return Ok(None);
    };
    if fits(&text) {
        return Ok(Some(text));
    }
    let message = format!("the value of the header `{name}` holds letters that no header may hold");
    desk.notes.error(value.at, message, PLAIN);
    Err(Gap::Bad)
}

/// Whether a text can be the value of a header.
pub(super) fn fits(text: &str) -> bool {
    let fits = |byte: u8| byte == b'\t' || (b' '..0x7f).contains(&byte);
    text.bytes().all(fits)
}
