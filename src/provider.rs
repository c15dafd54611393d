//! Upstream adapters: how a request is put to a backend and how its answer is judged.
