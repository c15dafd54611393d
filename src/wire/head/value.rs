//! Typed readings of single members, with OpenAI's words for what is wrong.
//!
//! `null` counts as absent throughout, as it does upstream.

use std::borrow::Cow;
use std::time::Duration;

use super::wrong_type;
use crate::base::Fault;
use crate::wire::scan::{self, Kind, Member};

/// The longest time a request may ask for: a year.
const MAX_SECONDS: f64 = 31_536_000.0;

pub(super) fn string(body: &[u8], name: &str, member: &Member) -> Result<Option<String>, Fault> {
    match (member.kind(body), member.str(body)) {
        (Kind::Null, _) => Ok(None),
        (Kind::String, Some(text)) => Ok(Some(text.into_owned())),
        (Kind::String, None) => {
            Err(Fault::invalid(format!("Invalid '{name}': a lone surrogate in it.")).param(name))
        },
        (kind, _) => Err(wrong_type(name, "a string", kind)),
    }
}

/// A string that is not empty, or a number as text; anything else is none.
pub(super) fn loose(body: &[u8], member: &Member) -> Option<String> {
    match member.kind(body) {
        Kind::String => member
            .str(body)
            .map(Cow::into_owned)
            .filter(|text| !text.is_empty()),
        Kind::Number => Some(String::from_utf8_lossy(member.value.of(body)).into_owned()),
        _ => None,
    }
}

pub(super) fn flag(body: &[u8], name: &str, member: &Member) -> Result<Option<bool>, Fault> {
    match member.kind(body) {
        Kind::Null => Ok(None),
        Kind::Bool => Ok(member.bool(body)),
        kind => Err(wrong_type(name, "a boolean", kind)),
    }
}

pub(super) fn count(body: &[u8], name: &str, member: &Member) -> Result<Option<u32>, Fault> {
    match member.kind(body) {
        Kind::Null => Ok(None),
        Kind::Number => match member.u64(body).and_then(|n| u32::try_from(n).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(bad_number(body, name, member, "a whole number from 0")),
        },
        kind => Err(wrong_type(name, "an integer", kind)),
    }
}

pub(super) fn integer(body: &[u8], name: &str, member: &Member) -> Result<Option<i64>, Fault> {
    let text = || {
        std::str::from_utf8(member.value.of(body))
            .ok()?
            .parse()
            .ok()
    };
    match member.kind(body) {
        Kind::Null => Ok(None),
        Kind::Number => match text() {
            Some(number) => Ok(Some(number)),
            None => Err(bad_number(body, name, member, "a whole number")),
        },
        kind => Err(wrong_type(name, "an integer", kind)),
    }
}

/// A time in seconds, fractions allowed.
pub(super) fn seconds(body: &[u8], name: &str, member: &Member) -> Result<Option<Duration>, Fault> {
    match member.kind(body) {
        Kind::Null => Ok(None),
        Kind::Number => match member.f64(body) {
            Some(number) if number > 0.0 && number <= MAX_SECONDS => {
                Ok(Some(Duration::from_secs_f64(number)))
            },
            _ => Err(bad_number(body, name, member, "seconds above 0")),
        },
        kind => Err(wrong_type(name, "a number", kind)),
    }
}

/// A list of strings, or one string.
pub(super) fn strings(body: &[u8], name: &str, member: &Member) -> Result<Vec<String>, Fault> {
    match member.kind(body) {
        Kind::Null => Ok(Vec::new()),
        Kind::String => Ok(string(body, name, member)?.into_iter().collect()),
        Kind::Array => scan::elements_at(body, member.value)
            .map(|span| match scan::text(body, span) {
                Some(text) => Ok(text.into_owned()),
                None => Err(wrong_type(
                    name,
                    "an array of strings",
                    scan::kind(body, span),
                )),
            })
            .collect(),
        kind => Err(wrong_type(name, "an array of strings", kind)),
    }
}

/// `include_usage` of `stream_options`.
pub(super) fn include_usage(body: &[u8], member: &Member) -> Result<bool, Fault> {
    match member.kind(body) {
        Kind::Null => Ok(false),
        Kind::Object => {
            for inner in scan::members_at(body, member.value).flatten() {
                if inner.is(body, "include_usage") {
                    let name = "stream_options.include_usage";
                    return Ok(flag(body, name, &inner)?.unwrap_or(false));
                }
            }
            Ok(false)
        },
        kind => Err(wrong_type("stream_options", "an object", kind)),
    }
}

fn bad_number(body: &[u8], name: &str, member: &Member, wanted: &str) -> Fault {
    let found = String::from_utf8_lossy(member.value.of(body)).into_owned();
    Fault::invalid(format!(
        "Invalid value for '{name}': expected {wanted}, but got {found}."
    ))
    .param(name)
}
