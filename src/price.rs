//! Prices: the table in `assets/prices.txt`, and what a request cost.
//!
//! Pure: it knows tokens and money, not the network or the config file. Whoever builds deployments asks
//! [`PriceTable::price`] once for each of them; whoever settles a request asks
//! [`ModelPrice::cost`]. An unknown price is `None`, never 0: such a request is unpriced. Only backends
//! of one's own cost nothing unless the config says what they cost.

mod cost;
mod table;

pub use cost::{ModelPrice, Override, Rates, Tier, per_million};
pub use table::{Mode, ModelFacts, PriceTable, TableError, Wanted};
