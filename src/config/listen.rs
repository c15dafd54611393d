//! The address to listen on, as people write it.

use std::net::IpAddr;

/// The address for a host; `None` when it is neither an address nor one of the usual words.
pub fn address(host: &str) -> Option<IpAddr> {
    let host = match host.trim() {
        "localhost" => "127.0.0.1",
        "*" => "0.0.0.0",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    };
    host.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_people_write_them() {
        let shown = |host| address(host).map(|address| address.to_string());
        assert_eq!(shown("localhost").as_deref(), Some("127.0.0.1"));
        assert_eq!(shown("[::1]").as_deref(), Some("::1"));
        assert_eq!(shown("*").as_deref(), Some("0.0.0.0"));
        assert_eq!(shown("my box"), None);
    }
}
