//! The composition root: order of start and stop, reload, tasks.
