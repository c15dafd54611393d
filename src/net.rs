//! The one place that makes HTTP clients: the relay pool and the general client.
