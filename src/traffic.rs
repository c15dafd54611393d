//! The live state that routing reads: hosts, deployments, permits.
