//! Tests of the engine as a whole, over configs written in a line per deployment (see `kit`).

mod first;
mod kit;
mod names;
mod onward;
mod properties;
mod resort;
mod retries;
mod simulation;
mod tags;
