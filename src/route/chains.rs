//! Fallback chains by the name of what failed.
//!
//! A name is looked up as it is, then without or with a provider's prefix (`openai/gpt-4` and `gpt-4`
//! stand for each other), then as `*`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Chain, Target};

/// Names to go to, in order.
pub(super) type Targets = Arc<[Arc<str>]>;

/// All chains of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Chains {
    exact: HashMap<Arc<str>, Targets>,
    /// Those whose name has a provider's prefix, by the name without it.
    bare: HashMap<Arc<str>, Targets>,
    any: Option<Targets>,
}

impl Chains {
    /// Takes chains in; several of one name are joined, and `defaults` ends the one for any name.
    pub(super) fn new(chains: &[Chain], defaults: &[Target]) -> Self {
        let mut joined: Vec<(&Arc<str>, Vec<Arc<str>>)> = Vec::new();
        for chain in chains {
            let names = chain.to.iter().map(|target| Arc::clone(target.group()));
            match joined.iter_mut().find(|(from, _)| *from == &chain.from) {
                Some((_, targets)) => targets.extend(names),
                None => joined.push((&chain.from, names.collect())),
            }
        }
        let mut any: Vec<Arc<str>> = Vec::new();
        let mut built = Self::default();
        for (from, targets) in joined {
            if &**from == "*" {
                any = targets;
                continue;
            }
            let targets = Targets::from(targets);
            if let Some((_, bare)) = from.split_once('/') {
                let bare = built.bare.entry(bare.into());
                bare.or_insert_with(|| Arc::clone(&targets));
            }
            built.exact.insert(Arc::clone(from), targets);
        }
        any.extend(defaults.iter().map(|target| Arc::clone(target.group())));
        built.any = (!any.is_empty()).then(|| any.into());
        built
    }

    /// The chain of the first of these names that has one, else the chain of any.
    pub(super) fn of(&self, names: &[&str]) -> Option<&Targets> {
        let own = names.iter().find_map(|name| {
            let bare = name.split_once('/').map(|(_, bare)| bare);
            self.exact
                .get(*name)
                .or_else(|| bare.and_then(|bare| self.exact.get(bare)))
                .or_else(|| self.bare.get(*name))
        });
        own.or(self.any.as_ref())
    }

    /// The first target of the chain of any.
    pub(super) fn first_default(&self) -> Option<&Arc<str>> {
        self.any.as_ref().and_then(|targets| targets.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(from: &str, to: &[&str]) -> Chain {
        Chain {
            from: from.into(),
            to: to.iter().map(|&name| Target::Group(name.into())).collect(),
        }
    }

    #[test]
    fn names_are_looked_up_from_exact_to_any() {
        let chains = Chains::new(
            &[
                chain("openai/gpt-4", &["a"]),
                chain("claude", &["b"]),
                chain("claude", &["c"]),
                chain("*", &["d"]),
            ],
            &[Target::Hidden("e".into())],
        );
        let table: [(&[&str], &[&str]); 6] = [
            (&["openai/gpt-4"], &["a"]),
            (&["gpt-4"], &["a"]),
            (&["claude"], &["b", "c"]),
            (&["anthropic/claude"], &["b", "c"]),
            (&["alias", "claude"], &["b", "c"]),
            (&["llama"], &["d", "e"]),
        ];
        for (names, expected) in table {
            let found = chains.of(names).unwrap();
            let found: Vec<&str> = found.iter().map(|name| &**name).collect();
            assert_eq!(found, expected, "{names:?}");
        }
        assert!(Chains::new(&[], &[]).of(&["x"]).is_none());
    }
}
