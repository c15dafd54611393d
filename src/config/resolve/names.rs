//! Ids and names: an id that stays over restarts and edits of anything else, a name for people.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::entry::Draft;
use crate::config::provider::{self, Known, host_of};
use crate::config::read::Desk;
use crate::config::snippet::quoted;
use crate::config::{Deployment, Dialect};

/// Gives every deployment its id and its name.
pub(super) fn give(desk: &mut Desk<'_>, drafts: &mut [Draft]) {
    let mut copies: HashMap<String, u32> = HashMap::new();
    for draft in drafts
        .iter_mut()
        .filter(|draft| draft.deployment.id.is_empty())
    {
        let deployment = &draft.deployment;
        let first = derived_id(deployment, 0);
        let copy = copies.entry(first).or_default();
        let id = derived_id(deployment, *copy);
        *copy += 1;
        if *copy > 1 {
            let message = format!(
                "{} has the same backend with the same key twice",
                quoted(&deployment.group)
            );
            desk.notes
                .warn(draft.at, message, "for more of the traffic set `weight`");
        }
        draft.deployment.id = id.into();
    }
    name_all(drafts);
}

/// Sixteen hex digits over group, model, base and credential.
fn derived_id(deployment: &Deployment, copy: u32) -> String {
    let upstream = &deployment.upstream;
    let key = upstream.key.as_ref().map_or("", |key| key.expose());
    let organization = upstream.organization.as_deref().unwrap_or_default();
    let parts = [
        &*deployment.group,
        &*upstream.provider,
        &*upstream.model,
        &*upstream.base,
        key,
        organization,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    if copy > 0 {
        hash.update(copy.to_be_bytes());
    }
    let mut id = String::with_capacity(16);
    for byte in hash.finalize().iter().take(8) {
        if write!(id, "{byte:02x}").is_err() {
            break;
        }
    }
    id
}

fn name_all(drafts: &mut [Draft]) {
    let plain: Vec<String> = drafts
        .iter()
        .map(|draft| plain_name(&draft.deployment))
        .collect();
    let with_group: Vec<String> = plain
        .iter()
        .zip(drafts.iter())
        .map(|(name, draft)| {
            if count(&plain, name) > 1 {
                format!("{name} ({})", draft.deployment.group)
            } else {
                name.clone()
            }
        })
        .collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (name, draft) in with_group.iter().zip(drafts.iter_mut()) {
        let number = seen.entry(name).or_default();
        *number += 1;
        draft.deployment.name = if count(&with_group, name) > 1 {
            Arc::from(format!("{name} #{number}"))
        } else {
            Arc::from(name.as_str())
        };
    }
}

fn count(names: &[String], name: &str) -> usize {
    names.iter().filter(|other| *other == name).count()
}

/// `openai/gpt-4o-mini`, and ` @ host` where the address is not the provider's own.
fn plain_name(deployment: &Deployment) -> String {
    let upstream = &deployment.upstream;
    let name = format!("{}/{}", upstream.provider, upstream.model);
    let usual = match provider::find(&upstream.provider) {
        Some(Known::Spoken(info)) => !info.local && *upstream.base == *info.base,
        Some(Known::Unspoken(..)) | None => true,
    };
    let Some(host) = host_of(&upstream.base).filter(|_| !usual) else {
        return name;
    };
    let port = upstream.base.split("://").nth(1).and_then(|rest| {
        let authority = rest.split('/').next()?;
        let (_, port) = authority.rsplit_once(':')?;
        port.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(port)
    });
    let common = upstream.dialect == Dialect::Ollama && port == Some("11434");
    match port.filter(|_| !common) {
        Some(port) => format!("{name} @ {host}:{port}"),
        None => format!("{name} @ {host}"),
    }
}
