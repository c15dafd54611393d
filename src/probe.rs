//! Active health: asks self-hosted servers whether they are there, loading no model.
