//! Tags as a hard rule: which deployments a request's tags leave to it.
//!
//! Only tags that some deployment of the table declares bind; all others are for accounting. The
//! answer depends on the configuration alone, never on health, so nothing that happens at run time
//! can let a request through to a deployment that its tags rule out.

use std::collections::HashMap;

/// The tag that marks what untagged requests use.
const DEFAULT: &str = "default";

/// All tags the deployments of one table declare, numbered.
#[derive(Debug, Clone, Default)]
pub(super) struct Universe {
    enabled: bool,
    numbers: HashMap<Box<str>, u32>,
}

/// The declared tags of one deployment.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// Sorted, each once.
    numbers: Box<[u32]>,
    /// Whether `default` is among them.
    pub(super) is_default: bool,
}

/// What a request's tags ask of every deployment it may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Tag filtering is off: nothing.
    Nothing,
    /// No binding tag: those marked `default` where a group has any, else every one.
    Untagged,
    /// All of these (numbers of the table's own, sorted).
    All(Box<[u32]>),
}

impl Universe {
    /// No tags yet.
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            numbers: HashMap::new(),
        }
    }

    /// Takes in the tags of one deployment.
    pub(super) fn declare(&mut self, tags: &[String]) -> Declared {
        let mut numbers: Vec<u32> = Vec::with_capacity(tags.len());
        for tag in tags {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            numbers.push(*self.numbers.entry(tag.as_str().into()).or_insert(next));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Declared {
            numbers: numbers.into_boxed_slice(),
            is_default: tags.iter().any(|tag| tag == DEFAULT),
        }
    }

    /// What a request with these tags demands.
    pub(super) fn demand(&self, tags: &[String]) -> Demand {
        if !self.enabled {
            return Demand::Nothing;
        }
        if tags.is_empty() {
            return Demand::Untagged;
        }
        let mut binding: Vec<u32> = tags
            .iter()
            .filter_map(|tag| self.numbers.get(tag.as_str()).copied())
            .collect();
        if binding.is_empty() {
            return Demand::Untagged;
        }
        binding.sort_unstable();
        binding.dedup();
        Demand::All(binding.into_boxed_slice())
    }

    /// Those of `tags` that bind, in the request's own order.
    pub(super) fn binding<'t>(&self, tags: &'t [String]) -> Vec<&'t str> {
        let known = tags.iter().map(String::as_str);
        known
            .filter(|tag| self.numbers.contains_key(*tag))
            .collect()
    }
}

impl Demand {
    /// Whether a deployment with these tags may serve; `has_default` says whether its group has one
    /// marked `default`.
    pub(super) fn allows(&self, declared: &Declared, has_default: bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Untagged => declared.is_default || !has_default,
            Self::All(wanted) => {
                let carried = |number: &u32| declared.numbers.binary_search(number).is_ok();
                wanted.iter().all(carried)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    #[test]
    fn every_binding_tag_must_be_carried() {
        let mut universe = Universe::new(true);
        let both = universe.declare(&owned(&["pii", "internal"]));
        let one = universe.declare(&owned(&["internal", "internal"]));
        let none = universe.declare(&[]);
        // (request tags, allowed: both, one, none)
        let table: [(&[&str], [bool; 3]); 5] = [
            (&["pii"], [true, false, false]),
            (&["internal"], [true, true, false]),
            (&["internal", "pii", "team-7"], [true, false, false]),
            (&["team-7"], [true, true, true]),
            (&[], [true, true, true]),
        ];
        for (tags, allowed) in table {
            let demand = universe.demand(&owned(tags));
            let got = [&both, &one, &none].map(|declared| demand.allows(declared, false));
            assert_eq!(got, allowed, "{tags:?}");
        }
    }

    #[test]
    fn untagged_requests_keep_to_the_default_ones() {
        let mut universe = Universe::new(true);
        let default = universe.declare(&owned(&["default"]));
        let paid = universe.declare(&owned(&["paid"]));
        let demand = universe.demand(&owned(&["accounting-only"]));
        assert_eq!(demand, Demand::Untagged);
        assert!(demand.allows(&default, true) && !demand.allows(&paid, true));
        assert!(demand.allows(&paid, false), "a group without a default one");
    }

    #[test]
    fn nothing_binds_when_filtering_is_off() {
        let mut universe = Universe::new(false);
        let none = universe.declare(&[]);
        universe.declare(&owned(&["pii"]));
        assert!(universe.demand(&owned(&["pii"])).allows(&none, true));
    }
}
