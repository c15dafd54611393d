//! The door: does this request carry the key?
//!
//! The carriers and their order are LiteLLM's. Without a configured key everything passes, whatever
//! the headers say: SDKs insist on sending one.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::{Fault, FaultKind, Secret};
use crate::config::General;

/// Headers that may carry the key, first one present wins.
const CARRIERS: [&str; 6] = [
    "x-litellm-api-key",
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
];
/// What the master key is called in the ledger.
const MASTER: &str = "master";

/// What opens the gateway.
#[derive(Clone)]
pub struct Door {
    key: Option<Secret>,
    master: Arc<str>,
    nobody: Arc<str>,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The key's name, never the key; empty where no key is asked for.
    pub key: Arc<str>,
}

impl Door {
    /// The door of a config.
    pub fn new(general: &General) -> Self {
        Self::with_key(general.master_key.as_ref().map(|(key, _)| key.clone()))
    }

    /// A door with this key, or an open one. An empty key is no key.
    pub fn with_key(key: Option<Secret>) -> Self {
        Self {
            key: key.filter(|key| !key.is_empty()),
            master: MASTER.into(),
            nobody: "".into(),
        }
    }

    /// Whether a key is needed at all.
    pub const fn is_locked(&self) -> bool {
        self.key.is_some()
    }

    /// Decides by the headers of a request. `header` looks one up by its lower-case name.
    pub fn check<'h>(&self, header: impl Fn(&str) -> Option<&'h [u8]>) -> Result<Caller, Fault> {
        let Some(key) = &self.key else {
            return Ok(Caller::named(&self.nobody));
        };
        let sent = CARRIERS.iter().find_map(|carrier| {
            let value = header(carrier)?.trim_ascii();
            (!value.is_empty()).then_some((*carrier, value))
        });
        let Some((carrier, value)) = sent else {
            let message = "Authentication Error, No api key passed in.";
            return Err(Fault::new(FaultKind::NoKey, message));
        };
        let opens = match carrier {
            "authorization" => authorization_matches(key, value),
            // Clients put the whole of an Authorization value into the other carriers, too.
            _ => key.matches(value) || key.matches(without_scheme(value, b"bearer")),
        };
        if opens {
            return Ok(Caller::named(&self.master));
        }
        let message = "Authentication Error, Invalid API key provided.";
        Err(Fault::new(FaultKind::BadKey, message)
            .param("key")
            .detail(format!("wrong key in `{carrier}`")))
    }
}

impl Caller {
    fn named(key: &Arc<str>) -> Self {
        Self {
            key: Arc::clone(key),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Door")
            .field("locked", &self.is_locked())
            .finish()
    }
}

/// `Bearer K`, `Basic K`, `Basic base64(user:K)`, `Basic base64(K:…)`, or `K` alone.
fn authorization_matches(key: &Secret, value: &[u8]) -> bool {
    let bearer = without_scheme(value, b"bearer");
    if key.matches(bearer) {
        return true;
    }
    let basic = without_scheme(value, b"basic");
    if basic.len() == value.len() {
        return false;
    }
    if key.matches(basic) {
        return true;
    }
    let Ok(decoded) = STANDARD.decode(basic) else {
        return false;
    };
    let mut halves = decoded.splitn(2, |&byte| byte == b':');
    halves.any(|half| key.matches(half))
}

/// The value without a leading scheme in any case and the space after it.
fn without_scheme<'v>(value: &'v [u8], scheme: &[u8]) -> &'v [u8] {
    match value.split_at_checked(scheme.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(scheme) && starts_blank(rest) => {
            rest.trim_ascii()
        },
        _ => value,
    }
}

fn starts_blank(rest: &[u8]) -> bool {
    rest.first().is_some_and(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> Door {
        Door::with_key(Some(Secret::new("sk-right".to_owned())))
    }

    fn check(door: &Door, headers: &[(&str, &str)]) -> Result<String, Fault> {
        let find = |name: &str| {
            let found = headers.iter().find(|(header, _)| *header == name);
            found.map(|(_, value)| value.as_bytes())
        };
        door.check(find).map(|caller| caller.key.to_string())
    }

    #[test]
    fn every_carrier_opens() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let (password, user) = (basic("me:sk-right"), basic("sk-right:"));
        for header in [
            ("authorization", "Bearer sk-right"),
            ("authorization", "bearer   sk-right "),
            ("authorization", "sk-right"),
            ("authorization", "Basic sk-right"),
            ("authorization", password.as_str()),
            ("authorization", user.as_str()),
            ("x-litellm-api-key", "sk-right"),
            ("x-litellm-api-key", "Bearer sk-right"),
            ("api-key", "sk-right"),
            ("x-api-key", "sk-right"),
            ("x-goog-api-key", "sk-right"),
            ("ocp-apim-subscription-key", "sk-right"),
        ] {
            assert_eq!(check(&locked(), &[header]).unwrap(), "master", "{header:?}");
        }
    }

    #[test]
    fn wrong_keys_do_not() {
        let swapped = format!("Basic {}", STANDARD.encode("me:sk-wrong"));
        for header in [
            ("authorization", "Bearer sk-wrong"),
            ("authorization", "Bearer sk-right2"),
            ("authorization", "Bearer"),
            ("authorization", "Bearersk-right"),
            ("authorization", "Basic !!!"),
            ("authorization", swapped.as_str()),
            ("x-api-key", "sk-"),
        ] {
            let fault = check(&locked(), &[header]).unwrap_err();
            assert_eq!(fault.kind, FaultKind::BadKey, "{header:?}");
            assert_eq!(
                fault.message,
                "Authentication Error, Invalid API key provided."
            );
            assert!(!fault.to_string().contains("sk-") && !fault.detail.contains("sk-"));
        }
    }

    #[test]
    fn the_first_carrier_present_decides_and_empty_ones_are_absent() {
        let fault = check(
            &locked(),
            &[
                ("x-api-key", "sk-right"),
                ("authorization", "Bearer sk-wrong"),
            ],
        );
        assert_eq!(fault.unwrap_err().kind, FaultKind::BadKey);
        let found = check(
            &locked(),
            &[("authorization", " "), ("x-api-key", "sk-right")],
        );
        assert_eq!(found.unwrap(), "master");
    }

    #[test]
    fn no_key_is_said_as_such() {
        for headers in [
            &[][..],
            &[("authorization", "")][..],
            &[("cookie", "sk-right")][..],
        ] {
            let fault = check(&locked(), headers).unwrap_err();
            assert_eq!(fault.kind, FaultKind::NoKey);
            assert_eq!(fault.message, "Authentication Error, No api key passed in.");
        }
    }

    #[test]
    fn without_a_configured_key_anything_passes() {
        for door in [
            Door::with_key(None),
            Door::with_key(Some(Secret::default())),
        ] {
            assert!(!door.is_locked());
            assert_eq!(check(&door, &[]).unwrap(), "");
            assert_eq!(
                check(&door, &[("authorization", "Bearer anything")]).unwrap(),
                ""
            );
        }
    }
}
