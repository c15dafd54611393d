//! The general HTTP client, for probes and everything else off the request path.
//!
//! It goes straight to its servers, as the relay does: a proxy that answers in a dead server's place
//! would hide that it is dead. It keeps no connections: a kept one holds up a server that serves one
//! at a time, and a host is probed by whether it can be reached anew.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::net::tls::Tls;

/// To open a connection, TLS and name look-up included: a little less than the time after which a
/// probe says that it is connected and not answered.
const CONNECT: Duration = Duration::from_millis(550);

/// How long a server may leave a request or a keep-alive unacknowledged: a probe waits on its
/// connection, and must hear when the cable is cut meanwhile.
const UNACKED: Duration = Duration::from_secs(2);

/// Makes reqwest clients with our TLS settings; the one with TLS is made when first needed.
#[derive(Debug, Default)]
pub struct General {
    tls: Arc<Tls>,
    plain: OnceLock<Option<reqwest::Client>>,
    secure: OnceLock<Option<reqwest::Client>>,
}

impl General {
    /// A maker that shares TLS settings with the relay.
    pub const fn new(tls: Arc<Tls>) -> Self {
        Self {
            tls,
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        }
    }

    /// The client for a URL; `None` when the system gives no client (out of file handles).
    pub fn client(&self, url: &str) -> Option<&reqwest::Client> {
        if url.starts_with("https:") {
            return self
                .secure
                .get_or_init(|| build((*self.tls.config()).clone()))
                .as_ref();
        }
        self.plain.get_or_init(|| build(without_roots())).as_ref()
    }
}

/// TLS settings that trust nobody: a client for `http` addresses loads no certificates.
fn without_roots() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| unreachable!("ring supports TLS 1.2 and 1.3: {error}"))
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn build(tls: rustls::ClientConfig) -> Option<reqwest::Client> {
    let builder = reqwest::Client::builder();
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(UNACKED);
    builder
        .tcp_keepalive(UNACKED)
        .tcp_keepalive_interval(UNACKED)
        .tcp_keepalive_retries(2)
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .build()
        .ok()
}
