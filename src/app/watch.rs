//! Which hosts are probed and by what, and where the outcome goes.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::base::Observation;
use crate::config::Dialect;
use crate::probe::{Watch, Watched};
use crate::proxy::{Shared, news};

/// The hosts of the present configuration.
#[derive(Debug)]
pub struct Hosts {
    shared: Arc<Shared>,
    hurry: Arc<Notify>,
}

impl Hosts {
    /// Hosts as the present configuration has them.
    pub fn new(shared: Arc<Shared>) -> Self {
        let hurry = Arc::clone(&shared.setup.load().fleet.hurry);
        Self { shared, hurry }
    }
}

impl Watch for Hosts {
    fn hosts(&self) -> Vec<Watched> {
        let setup = self.shared.setup.load();
        let table = &setup.fleet.table;
        let hosts = table.hosts().iter().zip(&setup.fleet.hosts).enumerate();
        let probed = hosts.filter(|(_place, (node, _live))| node.probed);
        probed
            .filter_map(|(place, (node, live))| {
                let on = node
                    .deployments
                    .iter()
                    .filter_map(|idx| table.deployment(*idx));
                let mut on = on.filter(|node| node.config.off.is_none());
                let first = on.clone().next()?;
                // Where Ollama serves both ways, its own route is the cheaper one.
                let chosen = on
                    .find(|n| n.config.upstream.dialect == Dialect::Ollama)
                    .unwrap_or(first);
                let upstream = &chosen.config.upstream;
                let url = match upstream.dialect {
                    Dialect::Ollama => format!("{}/api/version", upstream.base),
                    Dialect::OpenAi => format!("{}/models", upstream.base),
                    Dialect::Anthropic => {
                        format!("{}/v1/models", upstream.base.trim_end_matches("/v1"))
                    },
                };
                Some(Watched {
                    idx: crate::base::HostIdx(place),
                    host: Arc::clone(live),
                    url,
                    key: upstream.key.clone(),
                })
            })
            .collect()
    }

    fn probed(&self, host: &Watched, seen: Observation, said: String) {
        let setup = self.shared.setup.load();
        // The table may have been replaced since the probe began: the host is found by itself.
        let same = |live: &Arc<_>| Arc::ptr_eq(live, &host.host);
        let Some(place) = setup.fleet.hosts.iter().position(same) else {
            return;
        };
        let now = self.shared.clock.mono();
        let idx = crate::base::HostIdx(place);
        if let Some(change) = setup.fleet.probed(idx, seen, said, now) {
            news::tell(&self.shared.live, &setup, change, None);
        }
    }

    async fn hurried(&self) {
        self.hurry.notified().await;
    }
}
