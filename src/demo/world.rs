//! All simulated servers together: launched at once, found by the `api_base` the gateway knows them by.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::Clock;
use crate::demo::profile::SERVERS;
use crate::demo::server::Server;

/// The simulated servers of one demo.
#[derive(Debug)]
pub struct World {
    seed: u64,
    servers: Vec<Arc<Server>>,
}

/// One simulated server, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// Its name: `ollama-gpu`.
    pub name: &'static str,
    /// Where it is: `http://127.0.0.1:40123`, without a path.
    pub base: String,
    /// Whether it plays a cloud: paid, not probed, judged by its traffic.
    pub cloud: bool,
    /// Whether it serves.
    pub running: bool,
    /// Requests it is answering now.
    pub in_flight: u32,
    /// Requests it was asked since the launch; probes do not count.
    pub asked: u64,
}

/// Why a simulated server could not be launched, found or started.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// No socket for it.
    #[error("the simulated server `{server}` cannot listen on loopback")]
    Listen {
        /// Its name.
        server: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No server has this address.
    #[error("no simulated server is at `{base}`; there are {known}")]
    Unknown {
        /// The address asked for.
        base: String,
        /// The addresses there are.
        known: String,
    },
}

impl World {
    /// Launches all servers, each on a loopback port of its own. They end when `cancel` does; their
    /// tasks are in `tasks`. The same `seed` answers the same requests in the same way.
    ///
    /// # Errors
    /// When a loopback port cannot be had.
    pub async fn launch(
        seed: u64,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Result<Self, WorldError> {
        let mut servers = Vec::with_capacity(SERVERS.len());
        for profile in &SERVERS {
            let launched = Server::launch(profile, seed, Arc::clone(&clock), tasks, cancel).await;
            let listen = |source| WorldError::Listen {
                server: profile.name,
                source,
            };
            servers.push(launched.map_err(listen)?);
        }
        Ok(Self { seed, servers })
    }

    /// The seed it was launched with.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// All servers, as they are now.
    pub fn servers(&self) -> Vec<Simulated> {
        self.servers
            .iter()
            .map(|server| simulated(server))
            .collect()
    }

    /// Whether the server at `base` runs; `None` when no server of this world is there. Scheme and
    /// path of `base` do not matter.
    pub fn running(&self, base: &str) -> Option<bool> {
        self.find(base).map(|server| server.running())
    }

    /// Whether the server at `base` plays a cloud; `None` when no server of this world is there. An
    /// address on loopback cannot tell.
    pub fn cloud(&self, base: &str) -> Option<bool> {
        self.find(base).map(|server| server.profile.kind.is_cloud())
    }

    /// Starts or stops the server at `base`; says whether that changed anything. Stopped, it refuses
    /// connections and its open ones are closed when this returns; started, it is at the same port.
    ///
    /// # Errors
    /// When no server is there, or its port cannot be had again.
    pub async fn set_running(&self, base: &str, running: bool) -> Result<bool, WorldError> {
        let server = self.find(base).ok_or_else(|| WorldError::Unknown {
            base: base.to_owned(),
            known: self
                .servers
                .iter()
                .map(|server| base_of(server))
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        if !running {
            return Ok(server.stop().await);
        }
        let listen = |source| WorldError::Listen {
            server: server.profile.name,
            source,
        };
        server.start().await.map_err(listen)
    }

    fn find(&self, base: &str) -> Option<&Arc<Server>> {
        let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or(rest);
        self.servers
            .iter()
            .find(|server| server.address.to_string() == authority)
    }
}

fn base_of(server: &Server) -> String {
    format!("http://{}", server.address)
}

fn simulated(server: &Server) -> Simulated {
    Simulated {
        name: server.profile.name,
        base: base_of(server),
        cloud: server.profile.kind.is_cloud(),
        running: server.running(),
        in_flight: server.in_flight(),
        asked: server.asked(),
    }
}
