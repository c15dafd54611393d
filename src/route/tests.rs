//! Tests of the engine as a whole, over configs written in a line per deployment (see `kit`).

mod kit;
mod names;
mod properties;
mod simulation;
mod walks;
