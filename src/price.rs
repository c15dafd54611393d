//! Prices: the table in assets/, and what a request cost.
