//! What a person switched off by hand, and which deployments of a table that means.
//!
//! A switch belongs to one deployment, by its id. The id changes with the key; so that a new key turns
//! nothing on again, a switch also holds for the place (group, model and base) that its deployment had
//! to itself.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::Wall;
use crate::config::Deployment;
use crate::route::Table;

/// One deployment that is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Since when.
    pub since: Wall,
    /// Its place, when it had that to itself as it was switched off.
    pub place: Option<Arc<str>>,
}

/// All that is off, by deployment id. It survives reload and restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switches {
    /// By deployment id; in files of earlier versions, by place.
    pub off: HashMap<Arc<str>, Switch>,
}

impl Switches {
    /// Since when a deployment is off. `place` as [`lone_places`] gives it.
    pub fn off_since(&self, id: &str, place: Option<&Arc<str>>) -> Option<Wall> {
        let by_place = || {
            let mut switches = self.off.values();
            switches.find(|switch| place.is_some() && switch.place.as_ref() == place)
        };
        let switch = self.off.get(id).or_else(by_place)?;
        Some(switch.since)
    }

    /// Switches a deployment off.
    pub fn turn_off(&mut self, id: &Arc<str>, place: Option<Arc<str>>, since: Wall) {
        self.off.insert(Arc::clone(id), Switch { since, place });
    }

    /// Switches a deployment on: under the ids of its earlier keys as well.
    pub fn turn_on(&mut self, id: &str, place: Option<&Arc<str>>) {
        self.off.retain(|known, switch| {
            let same_place = place.is_some() && switch.place.as_ref() == place;
            **known != *id && !same_place
        });
    }
}

/// The places of a table's deployments; none for those that share theirs.
pub fn lone_places(table: &Table) -> Vec<Option<Arc<str>>> {
    let places: Vec<Arc<str>> = table
        .deployments()
        .iter()
        .map(|node| place(&node.config))
        .collect();
    let mut sharing: HashMap<Arc<str>, usize> = HashMap::new();
    for place in &places {
        *sharing.entry(Arc::clone(place)).or_default() += 1;
    }
    let alone = |place: Arc<str>| (sharing.get(&place) == Some(&1)).then_some(place);
    places.into_iter().map(alone).collect()
}

/// Group, model and base.
fn place(deployment: &Deployment) -> Arc<str> {
    let upstream = &deployment.upstream;
    let Deployment { group, .. } = deployment;
    format!(
        "{group} → {}/{} @ {}",
        upstream.provider, upstream.model, upstream.base
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{DeploymentIdx, Mono};
    use crate::config::{FileText, Sources, resolve};
    use crate::traffic::Fleet;

    /// Deployments of one group at one provider, told apart by their keys alone.
    fn table(keys: &[&str]) -> Arc<Table> {
        let mut text = String::from("model_list:\n");
        for key in keys {
            text = format!(
                "{text}- {{model_name: chat, litellm_params: {{model: openai/m, api_key: {key}}}}}\n"
            );
        }
        let main = Some(FileText {
            name: "config.yaml".to_owned(),
            bytes: text.into_bytes(),
        });
        let resolved = resolve(&Sources {
            main,
            ..Sources::empty()
        });
        Arc::new(Table::build(&resolved.config.unwrap()))
    }

    /// Switches the deployment of this number in this table.
    fn turn(switches: &mut Switches, table: &Table, idx: usize, off: bool) {
        let id = &table.deployment(DeploymentIdx(idx)).unwrap().config.id;
        let place = lone_places(table)[idx].clone();
        if off {
            switches.turn_off(id, place, Wall::from_micros(7));
        } else {
            switches.turn_on(id, place.as_ref());
        }
    }

    /// Which deployments are off after a restart with these switches.
    fn off(switches: &Switches, table: &Arc<Table>) -> Vec<bool> {
        let fleet = Fleet::build(Arc::clone(table), None, switches, Mono::from_millis(1));
        let live = fleet.deployments.iter();
        live.map(|live| live.off_since().is_some()).collect()
    }

    #[test]
    fn two_accounts_of_one_provider_are_switched_apart() {
        let table = table(&["key-one", "key-two"]);
        let mut switches = Switches::default();
        turn(&mut switches, &table, 0, true);
        assert_eq!(off(&switches, &table), [true, false]);
        turn(&mut switches, &table, 1, true);
        turn(&mut switches, &table, 0, false);
        assert_eq!(off(&switches, &table), [false, true]);
    }

    #[test]
    fn a_new_key_turns_nothing_on_and_turning_on_holds_for_the_old_one_too() {
        let (old, new) = (table(&["key-one"]), table(&["key-two"]));
        let mut switches = Switches::default();
        turn(&mut switches, &old, 0, true);
        assert_eq!(off(&switches, &new), [true]);
        turn(&mut switches, &new, 0, false);
        assert_eq!(off(&switches, &old), [false]);
    }

    #[test]
    fn the_twin_that_stays_does_not_inherit_the_switch() {
        let mut switches = Switches::default();
        turn(&mut switches, &table(&["key-one", "key-two"]), 0, true);
        assert_eq!(off(&switches, &table(&["key-two"])), [false]);
    }
}
