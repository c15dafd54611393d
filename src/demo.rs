//! Simulated upstreams on real loopback sockets, and generated traffic.
