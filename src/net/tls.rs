//! TLS settings, built once and when first needed: loading roots costs time and memory that a purely
//! local set-up never pays.
//!
//! Roots are the system's own (so that a private authority works) and Mozilla's where there are none.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// Makes the TLS settings on first use and hands out the same ones ever after.
#[derive(Default)]
pub struct Tls {
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// The settings for an HTTP/1.1 client.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(self.config.get_or_init(|| Arc::new(build())))
    }

    /// Whether [`Tls::config`] answers at once.
    pub fn is_loaded(&self) -> bool {
        self.config.get().is_some()
    }
}

fn build() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _bad) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| unreachable!("ring supports TLS 1.2 and 1.3: {error}"));
    builder.with_root_certificates(roots).with_no_client_auth()
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls")
            .field("loaded", &self.is_loaded())
            .finish()
    }
}
