//! An origin: scheme, host and port, what a connection is opened to and a pool is kept for.

use std::fmt;
use std::sync::Arc;

use http::Uri;

/// Where connections go: the part of a base URL before its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Host name or address; an IPv6 address without its brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Self-hosted: its idle connections are closed early, as such servers close theirs.
    pub local: bool,
}

/// Why a base URL names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is no URL at all.
    #[error("`{0}` is not a URL")]
    NotAUrl(String),
    /// Its scheme is neither http nor https.
    #[error("`{0}` must begin with http:// or https://")]
    Scheme(String),
}

impl Origin {
    /// Reads the origin of a base URL; its path is left to the caller.
    pub fn of(base: &str, local: bool) -> Result<Self, OriginError> {
        let uri: Uri = base
            .parse()
            .map_err(|_e| OriginError::NotAUrl(base.to_owned()))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(OriginError::Scheme(base.to_owned())),
        };
        let host = uri
            .host()
            .ok_or_else(|| OriginError::NotAUrl(base.to_owned()))?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            tls,
            host: host.into(),
            port,
            local,
        })
    }

    /// The value of the `Host` header: the port only where it is not the scheme's own.
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// `http://host:port`, the port only where it is not the scheme's own.
impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.host_header()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_from_base_urls() {
        let shown = |base| Origin::of(base, false).map(|origin| origin.to_string());
        assert_eq!(
            shown("http://ollama:11434"),
            Ok("http://ollama:11434".to_owned())
        );
        assert_eq!(
            shown("https://api.openai.com/v1"),
            Ok("https://api.openai.com".to_owned())
        );
        assert_eq!(
            shown("http://[::1]:8000/v1"),
            Ok("http://[::1]:8000".to_owned())
        );
        assert_eq!(shown("http://h:80/"), Ok("http://h".to_owned()));
        assert!(matches!(
            shown("ollama:11434"),
            Err(OriginError::Scheme(_) | OriginError::NotAUrl(_))
        ));
        assert!(matches!(shown("ftp://x"), Err(OriginError::Scheme(_))));
    }
}
