//! The read model: requests in flight, rates, histograms, events, snapshots.
